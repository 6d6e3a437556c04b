//! One output on the page.

use super::super::markup::html as safe;
use super::charts::{differences, histogram, log_bar, share_bar, strip};
use super::marks::{Run, runs};
use super::words::{cause_title, known, percent, rows, size, thousands, took, verdict};
use super::{cause, differing, lonely};
use crate::parity::mask::is_hashed;
use crate::parity::result::{ColumnResult, Explanation, OutputResult, SideResult, Spread, Verdict};

/// How many columns are unfolded, and how many parts of a spread are listed.
const OPEN: usize = 3;
const MOST_PARTS: usize = 400;

/// The class and the sign of a verdict.
pub(super) fn mark(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Equal => ("ok", "✓"),
        Verdict::Differs => ("bad", "≠"),
        Verdict::None => ("none", "?"),
    }
}

/// A verdict in its colour, with its sign.
pub(super) fn badge(of: Verdict) -> String {
    let (class, sign) = mark(of);
    format!("<span class=\"badge {class}\"><span aria-hidden=\"true\">{sign}</span> {}</span>", verdict(of))
}

/// A table that scrolls by itself where the window is narrow. Heads are `n` for numbers; rows are safe.
fn table(out: &mut String, caption: &str, heads: &[(&str, &str)], rows: &str) {
    let heads: String = heads
        .iter()
        .map(|(label, class)| {
            let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
            format!("<th scope=\"col\"{class}>{label}</th>")
        })
        .collect();
    out.push_str(&format!(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{caption}\"><table><caption>{caption}</caption>\
         <thead><tr>{heads}</tr></thead><tbody>\n{rows}</tbody></table></div>\n"
    ));
}

/// The section of one output.
pub(super) fn output(out: &mut String, at: usize, output: &OutputResult) {
    out.push_str(&format!(
        "<section id=\"output-{at}\"><div class=\"title\"><h2><bdi>{}</bdi></h2>{}</div>\n",
        safe(&output.name),
        badge(output.verdict)
    ));
    let keys = if output.keys.is_empty() {
        "no key: rows are a bag".to_owned()
    } else {
        format!("key: {}", output.keys.join(", "))
    };
    out.push_str(&format!(
        "<p class=\"soft any\">old {}, new {} rows; {}; {}</p>\n",
        known(output.old.rows),
        known(output.new.rows),
        safe(&keys),
        took(output.duration_s)
    ));
    if let Some(because) = &output.because {
        out.push_str(&format!(
            "<div class=\"box none\"><p><b>Why there is no verdict:</b> {}</p></div>\n",
            safe(because)
        ));
    }
    counts(out, output);
    columns(out, output);
    lonely_rows(out, output);
    for spread in &output.spread {
        spread_of(out, spread);
    }
    tolerances(out, output);
    expectations(out, output);
    schema(out, output);
    ignored(out, output);
    if !output.notes.is_empty() {
        let notes: String = output.notes.iter().map(|note| format!("<li>{}</li>", safe(note))).collect();
        out.push_str(&format!("<h3>Notes</h3><ul class=\"list any\">{notes}</ul>\n"));
    }
    sources(out, output);
    out.push_str("</section>\n");
}

/// What became of the rows, as bars on a logarithmic scale.
fn counts(out: &mut String, output: &OutputResult) {
    let equal = output.matched.zip(output.differing_rows).map(|(matched, differ)| matched.saturating_sub(differ));
    let within: u64 = output.within_tolerance.values().fold(0, |sum, within| sum.saturating_add(within.cells));
    let mut bars = vec![("Rows that are equal", equal, "f-ok")];
    if within > 0 {
        bars.push(("Cells that differ within a tolerance", Some(within), "f-within"));
    }
    bars.extend([
        ("Rows that differ", output.differing_rows, "f-bad"),
        ("Rows only in old", output.only_old, "f-old"),
        ("Rows only in new", output.only_new, "f-new"),
    ]);
    if bars.iter().all(|(_, count, _)| count.is_none()) {
        return;
    }
    // What is equal has nothing else to show; the zeros stand in the table of all outputs.
    bars.retain(|(_, count, _)| output.verdict != Verdict::Equal || *count != Some(0));
    let most = bars.iter().filter_map(|(_, count, _)| *count).max().unwrap_or(0);
    let lines: String = bars
        .iter()
        .map(|(label, count, class)| {
            let bar = count.map(|count| log_bar(count, most, class)).unwrap_or_default();
            format!(
                "<tr><th scope=\"row\">{label}</th><td class=\"n\">{}</td><td class=\"wide\">{bar}</td></tr>\n",
                known(*count)
            )
        })
        .collect();
    table(
        out,
        "What became of the rows; bars on a logarithmic scale",
        &[("What", ""), ("Count", "n"), ("Bar", "wide")],
        &lines,
    );
}

/// Rows that only one side has: what explains them, and examples.
fn lonely_rows(out: &mut String, output: &OutputResult) {
    if lonely(output).next().is_none() {
        return;
    }
    let each: Vec<String> = lonely(output).map(|(label, count)| format!("{} {label}", rows(count))).collect();
    out.push_str(&format!("<h3>Rows that only one side has</h3>\n<p>{}</p>\n", each.join(", ")));
    explained(out, &output.rows, output.causes.get("rows").map(String::as_str));
    if let Some(named) = output.causes.get("key") {
        out.push_str(&format!("<p>Keys: <b>{}</b></p>\n", safe(&cause_title(named))));
    }
    if output.row_examples.is_empty() {
        return;
    }
    let lines: String = output
        .row_examples
        .iter()
        .map(|example| {
            format!("<tr><td>{}</td><td class=\"v\">{}</td></tr>\n", safe(&example.only_in), key(&example.key))
        })
        .collect();
    let heads = [("Only in", ""), ("Key", "v")];
    out.push_str("<details><summary>Examples of such rows</summary>\n");
    table(out, "Examples of such rows", &heads, &lines);
    out.push_str("</details>\n");
    hashed_note(out, output.row_examples.iter().flat_map(|example| &example.key));
}

/// Explanations with how much each explains.
fn explained(out: &mut String, explanations: &[Explanation], named: Option<&str>) {
    let items: String = explanations
        .iter()
        .map(|one| {
            let strong = |text: String| if named == Some(one.cause.as_str()) { format!("<b>{text}</b>") } else { text };
            format!(
                "<li>{}: {} ({} of {}, {})</li>",
                strong(safe(&cause_title(&one.cause))),
                safe(&one.says),
                thousands(one.explains),
                thousands(one.of),
                percent(one.explains, one.of)
            )
        })
        .collect();
    if explanations.is_empty() {
        let says = named
            .map_or_else(|| "No cause is known.".to_owned(), |name| format!("<b>{}</b>", safe(&cause_title(name))));
        out.push_str(&format!("<p>{says}</p>\n"));
    } else {
        out.push_str(&format!("<ul class=\"list any\">{items}</ul>\n"));
    }
}

/// The columns that differ: a table of all, and each with its values.
fn columns(out: &mut String, output: &OutputResult) {
    let all = differing(output);
    if all.is_empty() {
        return;
    }
    out.push_str("<h3>Columns that differ</h3>\n");
    let of = output.matched.unwrap_or(0);
    let lines: String = all
        .iter()
        .map(|(name, cells)| {
            let cause = cause(output, name);
            let title = if cause.is_known { format!("<b>{}</b>", safe(&cause.title)) } else { safe(&cause.title) };
            let says = if cause.says.is_empty() { String::new() } else { format!("<br><span class=\"soft\">{}</span>", safe(&cause.says)) };
            format!(
                "<tr><th scope=\"row\"><bdi>{}</bdi></th><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"w\">{}</td>\
                 <td class=\"any\">{title}{says}</td></tr>\n",
                safe(name),
                thousands(*cells),
                if output.matched.is_some() { percent(*cells, of) } else { "not known".into() },
                share_bar(*cells, of, "f-bad")
            )
        })
        .collect();
    table(
        out,
        "Cells that differ, and their share of the rows that both sides have",
        &[("Column", ""), ("Cells", "n"), ("Share", "n"), ("Bar", "w"), ("Cause", "s")],
        &lines,
    );
    for group in &output.same_rows {
        let names: Vec<String> = group.iter().map(|name| format!("<bdi>{}</bdi>", safe(name))).collect();
        out.push_str(&format!(
            "<p class=\"any\">{} differ in the very same rows: one cause upstream?</p>\n",
            names.join(", ")
        ));
    }
    let results = all.iter().filter_map(|(name, _)| output.columns.iter().find(|result| result.name == *name));
    for (at, result) in results.enumerate() {
        column(out, result, at < OPEN, output.causes.get(&result.name).map(String::as_str));
    }
}

fn column(out: &mut String, result: &ColumnResult, is_open: bool, named: Option<&str>) {
    let types = if result.old_type == result.new_type {
        safe(&result.old_type)
    } else {
        format!("{} → {}", safe(&result.old_type), safe(&result.new_type))
    };
    out.push_str(&format!(
        "<details class=\"column\"{}><summary><bdi>{}</bdi> <span class=\"soft\">{types}</span></summary>\n",
        if is_open { " open" } else { "" },
        safe(&result.name)
    ));
    explained(out, &result.explanations, named);
    if result.sampled {
        out.push_str("<p class=\"soft\">The causes were looked for in a part of the cells that differ; the counts are of all.</p>\n");
    }
    if let Some(bins) = &result.histogram {
        out.push_str(&histogram(&result.name, bins));
        let lines: String = (0..bins.old.len().max(bins.new.len()))
            .map(|at| {
                let of = |side: &[u64]| side.get(at).map_or_else(String::new, |count| thousands(*count));
                format!(
                    "<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
                    at + 1,
                    of(&bins.old),
                    of(&bins.new)
                )
            })
            .collect();
        out.push_str("<details><summary class=\"soft\">The numbers of the bins</summary>");
        table(
            out,
            "Values in each bin, all of equal width; the first and the last also hold what lies outside",
            &[("Bin", ""), ("Old", "n"), ("New", "n")],
            &lines,
        );
        out.push_str("</details>\n");
    }
    if !result.examples.is_empty() {
        let lines: String = result
            .examples
            .iter()
            .map(|example| {
                let (old, new) = values(example.old.as_deref(), example.new.as_deref(), result.sensitive);
                format!(
                    "<tr><td class=\"v\">{}</td><td class=\"v\">{old}</td><td class=\"v\">{new}</td></tr>\n",
                    key(&example.key)
                )
            })
            .collect();
        table(
            out,
            "Examples; what differs is underlined: dotted in old, solid in new",
            &[("Key", "v"), ("Old", "v"), ("New", "v")],
            &lines,
        );
        hashed_note(out, result.examples.iter().flat_map(|example| &example.key));
        if result.sensitive {
            out.push_str("<p class=\"soft\">The column is sensitive: its values are masked.</p>\n");
        }
    }
    out.push_str("</details>\n");
}

fn hashed_note<'a>(out: &mut String, mut keys: impl Iterator<Item = &'a (String, Option<String>)>) {
    if keys.any(|(_, value)| value.as_deref().is_some_and(is_hashed)) {
        out.push_str(
            "<p class=\"soft\">Keys are masked: equal ones are equal within this report, and in no other.</p>\n",
        );
    }
}

fn key(key: &[(String, Option<String>)]) -> String {
    let one = |(name, value): &(String, Option<String>)| {
        let value = match value.as_deref() {
            Some(hash) if is_hashed(hash) => format!("<code>{hash}</code>"),
            other => plain(other),
        };
        format!("<bdi>{}</bdi> {value}", safe(name))
    };
    if key.is_empty() {
        "<span class=\"nil\">no key</span>".into()
    } else {
        key.iter().map(one).collect::<Vec<_>>().join("<br>")
    }
}

/// A value with nothing to compare it with.
fn plain(value: Option<&str>) -> String {
    value.map_or_else(|| spell(None, "del", &[]), |text| spell(Some(text), "del", &runs(text, text).0))
}

/// Both values of a cell, what differs marked.
fn values(old: Option<&str>, new: Option<&str>, is_sensitive: bool) -> (String, String) {
    if is_sensitive {
        let one = |value: Option<&str>| match value {
            None => spell(None, "", &[]),
            Some(masked) => format!("<span class=\"masked\">{}</span>", safe(masked)),
        };
        return (one(old), one(new));
    }
    match (old, new) {
        (Some(from), Some(to)) => {
            let (left, right) = runs(from, to);
            (spell(old, "del", &left), spell(new, "ins", &right))
        }
        _ => (plain(old), plain(new)),
    }
}

/// A value as HTML. What is null or empty says so.
fn spell(value: Option<&str>, tag: &str, runs: &[Run]) -> String {
    match value {
        None => return "<span class=\"nil\">null</span>".into(),
        Some("") => return "<span class=\"nil\">empty text</span>".into(),
        Some(_) => {}
    }
    let inner: String = runs
        .iter()
        .map(|run| if run.differs { format!("<{tag}>{}</{tag}>", safe(&run.text)) } else { safe(&run.text) })
        .collect();
    format!("<bdi>{inner}</bdi>")
}

/// How the differences spread over the values of something.
fn spread_of(out: &mut String, spread: &Spread) {
    let drawn = strip(spread);
    if drawn.is_empty() {
        return;
    }
    out.push_str(&format!("<h3>Differences by <bdi>{}</bdi></h3>\n{drawn}", safe(&spread.by)));
    let lines: String = spread
        .parts
        .iter()
        .take(MOST_PARTS)
        .map(|part| {
            let numbers: String = [part.rows, part.only_old, part.only_new, part.differing, differences(part)]
                .iter()
                .map(|number| format!("<td class=\"n\">{}</td>", thousands(*number)))
                .collect();
            format!("<tr><th scope=\"row\">{}</th>{numbers}</tr>\n", plain(part.value.as_deref()))
        })
        .collect();
    out.push_str("<details><summary class=\"soft\">The numbers</summary>");
    table(
        out,
        "Rows by value",
        &[("Value", ""), ("Rows", "n"), ("Only old", "n"), ("Only new", "n"), ("Differ", "n"), ("Together", "n")],
        &lines,
    );
    out.push_str("</details>\n");
}

fn tolerances(out: &mut String, output: &OutputResult) {
    let lines: String = output
        .within_tolerance
        .iter()
        .map(|(column, within)| {
            let share = output.matched.map(|of| percent(within.cells, of)).unwrap_or_default();
            format!(
                "<tr><th scope=\"row\"><bdi>{}</bdi></th><td class=\"n\">{}</td><td class=\"n\">{share}</td><td class=\"n\">{}</td><td class=\"any\">{}</td></tr>\n",
                safe(column),
                thousands(within.cells),
                safe(within.largest.as_deref().unwrap_or_default()),
                safe(&within.reason)
            )
        })
        .collect();
    if !lines.is_empty() {
        out.push_str("<h3>Within a tolerance</h3>\n");
        table(
            out,
            "Cells that differ and count as equal",
            &[("Column", ""), ("Cells", "n"), ("Share", "n"), ("Largest", "n"), ("Reason of the rule", "s")],
            &lines,
        );
    }
}

fn expectations(out: &mut String, output: &OutputResult) {
    let lines: String = output
        .expected
        .iter()
        .map(|one| {
            let holds = if one.holds { "<span class=\"badge ok\">✓ excused</span>" } else { "<span class=\"badge bad\">≠ not excused</span>" };
            format!(
                "<tr><th scope=\"row\"><bdi>{}</bdi></th><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{holds}</td><td class=\"any\">{}</td></tr>\n",
                safe(&one.column),
                thousands(one.found),
                thousands(one.at_most),
                safe(&one.until),
                safe(&one.reason)
            )
        })
        .collect();
    if !lines.is_empty() {
        out.push_str("<h3>Expected differences</h3>\n");
        table(
            out,
            "Differences that the manifest expects: bounded, and for a time",
            &[("What", ""), ("Found", "n"), ("At most", "n"), ("Until", "n"), ("Excused", ""), ("Reason", "s")],
            &lines,
        );
    }
}

fn schema(out: &mut String, output: &OutputResult) {
    let lines: String = output
        .schema
        .iter()
        .map(|note| {
            let counts = if note.fails {
                "<span class=\"badge bad\">≠ differs</span>"
            } else {
                "<span class=\"badge ok\">✓ a note</span>"
            };
            format!(
                "<tr><th scope=\"row\"><bdi>{}</bdi></th><td>{counts}</td><td>{}</td><td class=\"any\">{}</td></tr>\n",
                safe(&note.column),
                safe(&cause_title(&note.cause)),
                safe(&note.says)
            )
        })
        .collect();
    if !lines.is_empty() {
        out.push_str("<h3>Schema</h3>\n");
        table(
            out,
            "In what the schemas differ",
            &[("Column", ""), ("Counts as", ""), ("What", ""), ("In words", "s")],
            &lines,
        );
    }
}

fn ignored(out: &mut String, output: &OutputResult) {
    let lines: String = output
        .ignored
        .iter()
        .map(|(column, reason)| {
            format!(
                "<tr><th scope=\"row\"><bdi>{}</bdi></th><td class=\"any\">{}</td></tr>\n",
                safe(column),
                safe(reason)
            )
        })
        .collect();
    if !lines.is_empty() {
        out.push_str("<h3>Not compared</h3>\n");
        table(out, "Columns that the manifest leaves out", &[("Column", ""), ("Reason", "s")], &lines);
    }
}

fn sources(out: &mut String, output: &OutputResult) {
    let line = |label: &str, side: &SideResult| {
        let mut facts: Vec<String> = side.version.iter().map(|version| format!("version {version}")).collect();
        facts.extend(
            side.files.map(|files| format!("{} {}", thousands(files), if files == 1 { "file" } else { "files" })),
        );
        facts.extend(side.bytes.map(size));
        let print = side
            .fingerprint
            .as_ref()
            .map_or_else(|| "none".to_owned(), |print| format!("<code>{}</code>", safe(print)));
        format!(
            "<tr><th scope=\"row\">{label}</th><td class=\"v\"><code>{}</code></td><td>{}</td><td class=\"v\">{print}</td></tr>\n",
            safe(&side.source),
            safe(&facts.join(", "))
        )
    };
    let lines = format!("{}{}", line("old", &output.old), line("new", &output.new));
    out.push_str("<details><summary>What was read</summary>");
    table(
        out,
        "Sources and their fingerprints",
        &[("Side", ""), ("Source", "v"), ("Size", ""), ("Fingerprint", "v")],
        &lines,
    );
    out.push_str("</details>\n");
}
