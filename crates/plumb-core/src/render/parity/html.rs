//! A report as one page that people forward: no script, no address that is loaded, the verdict first.

use super::super::markup::{html as safe, page};
use super::details::{badge, mark, output};
use super::words::{known, took, verdict};
use super::{ParityContext, Voice, cause, consequence, count, differing, next_step};
use crate::parity::result::{OutputResult, Report, Verdict};

const STYLE: &str = include_str!("style.css");
const VOICE: Voice = Voice {
    outside: |text| format!("<span class=\"any\">{}</span>", safe(text)),
    word: |word| format!("<code>{word}</code>"),
};

/// The whole page.
pub fn html(report: &Report, context: &ParityContext) -> String {
    let title = format!("Parity of {} for {}: {}", report.migration, report.period, verdict(report.verdict()));
    let mut out = page(&title, STYLE);
    head(&mut out, report);
    out.push_str("<main>\n");
    lead(&mut out, report, context);
    tiles(&mut out, report);
    facts(&mut out, report);
    overview(&mut out, &report.outputs);
    for (at, one) in report.outputs.iter().enumerate() {
        output(&mut out, at, one);
    }
    out.push_str("</main>\n");
    foot(&mut out, report);
    out.push_str("</body>\n</html>\n");
    out
}

fn head(out: &mut String, report: &Report) {
    let (class, sign) = mark(report.verdict());
    out.push_str(&format!(
        "<header><div><p class=\"over\">Parity report</p><h1><bdi>{}</bdi> <span><bdi>{}</bdi></span></h1>\
         <p class=\"soft\">Did the new pipeline write what the old one writes?</p></div>\
         <p class=\"stamp {class}\"><span aria-hidden=\"true\">{sign}</span> {}</p></header>\n",
        safe(&report.migration),
        safe(&report.period),
        verdict(report.verdict())
    ));
}

fn lead(out: &mut String, report: &Report, context: &ParityContext) {
    let (all, of) = (report.outputs.len(), |verdict| count(report, verdict));
    let mut says = match of(Verdict::Equal) {
        equal if equal == all => {
            if all == 1 {
                "The only output is equal".to_owned()
            } else {
                format!("All {all} outputs are equal")
            }
        }
        0 => "No output is equal".to_owned(),
        1 => format!("1 of {all} outputs is equal"),
        equal => format!("{equal} of {all} outputs are equal"),
    };
    if of(Verdict::Differs) > 0 {
        says.push_str(&format!(
            "; {} differ{}",
            of(Verdict::Differs),
            if of(Verdict::Differs) == 1 { "s" } else { "" }
        ));
    }
    if of(Verdict::None) > 0 {
        says.push_str(&format!("; {} without a verdict", of(Verdict::None)));
    }
    let counts = report.verdict() == Verdict::Equal && context.void.is_none();
    let class = match report.verdict() {
        Verdict::Equal if counts => "ok",
        Verdict::Differs => "bad",
        _ => "none",
    };
    out.push_str(&format!(
        "<p class=\"lead\">{says}.</p>\n<div class=\"box {class}\"><p>{}</p>",
        consequence(report, context, &VOICE)
    ));
    if let Some(next) = next_step(report, &VOICE) {
        out.push_str(&format!("<p>{next}</p>"));
    }
    out.push_str("</div>\n");
}

fn tiles(out: &mut String, report: &Report) {
    // A sum of which a part is not known is not known.
    let sum = |of: &dyn Fn(&OutputResult) -> Option<u64>| {
        let parts: Option<Vec<u64>> = report.outputs.iter().map(of).collect();
        known(parts.map(|parts| parts.iter().fold(0_u64, |sum, n| sum.saturating_add(*n))))
    };
    out.push_str("<dl class=\"tiles\">");
    for (label, value) in [
        ("Outputs", report.outputs.len().to_string()),
        ("Rows of old", sum(&|o| o.old.rows)),
        ("Rows of new", sum(&|o| o.new.rows)),
        ("Rows only in old", sum(&|o| o.only_old)),
        ("Rows only in new", sum(&|o| o.only_new)),
        ("Rows that differ", sum(&|o| o.differing_rows)),
    ] {
        out.push_str(&format!("<div><dt>{label}</dt><dd>{}</dd></div>", value.replace(',', ",<wbr>")));
    }
    out.push_str("</dl>\n");
}

fn facts(out: &mut String, report: &Report) {
    let mut facts = vec![("Compared", safe(&report.checked_at.strftime("%Y-%m-%d %H:%M UTC").to_string()))];
    if let Some(by) = &report.by {
        // No link: a page that is forwarded should lead nowhere that a stranger may have written.
        let run = by.run.as_ref().map(|run| format!("<br><code>{}</code>", safe(run))).unwrap_or_default();
        facts.push(("By", format!("{}{run}", safe(&by.who))));
    }
    let commit = report
        .commit
        .as_deref()
        .map_or_else(|| "none: no git repository".into(), |c| format!("<code>{}</code>", safe(c)));
    facts.push((
        "Manifests at commit",
        format!("{commit}{}", if report.dirty { ", with changes that are not committed" } else { "" }),
    ));
    facts.extend(report.engine.as_ref().map(|e| ("Engine", safe(&format!("{} {}", e.name, e.version)))));
    facts.extend(report.plumb.as_ref().map(|version| ("plumb", safe(version))));
    facts.extend(report.duration_s.map(|seconds| ("Took", took(seconds))));
    facts.extend(report.rules.as_ref().map(|rules| ("Hash of the rules", format!("<code>{}</code>", safe(rules)))));
    let signature = report.signature.as_ref();
    facts.push(("Signature", signature.map_or_else(|| "not signed".into(), |s| format!("<code>{}</code>", safe(s)))));
    out.push_str("<dl class=\"facts\">");
    for (label, value) in facts {
        out.push_str(&format!("<div><dt>{label}</dt><dd>{value}</dd></div>"));
    }
    out.push_str("</dl>\n");
}

fn overview(out: &mut String, outputs: &[OutputResult]) {
    out.push_str(
        "<h2>Outputs</h2>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Outputs\"><table><thead><tr>\
         <th scope=\"col\">Output</th><th scope=\"col\">Verdict</th><th scope=\"col\" class=\"n\">Rows of old</th>\
         <th scope=\"col\" class=\"n\">Rows of new</th><th scope=\"col\" class=\"n\">Only old</th>\
         <th scope=\"col\" class=\"n\">Only new</th><th scope=\"col\" class=\"n\">Differ</th>\
         <th scope=\"col\" class=\"s\">Main cause</th></tr></thead><tbody>\n",
    );
    for (at, one) in outputs.iter().enumerate() {
        let numbers: String = [one.old.rows, one.new.rows, one.only_old, one.only_new, one.differing_rows]
            .iter()
            .map(|number| format!("<td class=\"n\">{}</td>", known(*number)))
            .collect();
        out.push_str(&format!(
            "<tr><th scope=\"row\"><a href=\"#output-{at}\"><bdi>{}</bdi></a></th><td>{}</td>{numbers}<td>{}</td></tr>\n",
            safe(&one.name),
            badge(one.verdict),
            safe(&main_cause(one))
        ));
    }
    out.push_str("</tbody></table></div>\n");
}

/// The cause of most of what differs.
fn main_cause(output: &OutputResult) -> String {
    if output.verdict == Verdict::Equal {
        return String::new();
    }
    let rows = output.only_old.unwrap_or(0).max(output.only_new.unwrap_or(0));
    let schema = output.schema.iter().any(|note| note.fails);
    match differing(output).first() {
        _ if output.verdict == Verdict::None => cause(output, "rows").title,
        _ if schema => cause(output, "schema").title,
        Some((column, cells)) if *cells >= rows => format!("{column}: {}", cause(output, column).title),
        _ => cause(output, "rows").title,
    }
}

fn foot(out: &mut String, report: &Report) {
    out.push_str(&format!(
        "<footer><p>Rows are compared as bags of typed rows; no hash and no sample decides. A cause explains a difference and never \
         excuses it. The numbers are those of <code>{}</code>.</p></footer>\n",
        safe(&format!("evidence/{}-{}.json", report.migration, report.period))
    ));
}
