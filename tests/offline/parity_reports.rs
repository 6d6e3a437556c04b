//! Reports of comparisons, in every form. The reports stand in `tests/parity-reports/CASE/report.json`, what is made of them
//! beside them; `PLUMB_BLESS=1 cargo test --test offline parity_reports` writes those again.

use crate::reports::{extreme, folder, reports};
use plumb_core::parity::mask::{MaskKey, mask};
use plumb_core::parity::result::{
    CellExample, ColumnResult, DifferenceSpread, Explanation, Histogram, OutputResult, Report, RowExample, SchemaNote,
    SpreadPart, Verdict, WithinTolerance,
};
use plumb_core::render::parity::{self, ParityContext};
use plumb_core::render::{Style, value};
use proptest::prelude::*;
use std::fs;

fn context() -> ParityContext {
    ParityContext {
        gates: vec!["EmrCluster/legacy-audience".into()],
        page: Some("evidence/audience-2026-10.html".into()),
        void: None,
    }
}

/// All forms of a report, by the names of their files.
fn forms(report: &Report) -> Vec<(&'static str, String)> {
    let text = |width| parity::text(report, &context(), Style { colour: false, width });
    vec![
        ("80.txt", text(80)),
        ("160.txt", text(160)),
        ("report.md", parity::markdown(report, &context())),
        ("report.xml", parity::junit(report)),
        ("report.html", parity::html(report, &context())),
        ("report.json", parity::json(report).unwrap()),
    ]
}

#[test]
fn golden() {
    let mut failures = Vec::new();
    for (case, report) in reports() {
        for (file, got) in forms(&report) {
            let path = folder().join(&case).join(file);
            let want = fs::read_to_string(&path).unwrap_or_default();
            if want == got {
                continue;
            }
            // What is the same is not written: other tests read it at the same time.
            if std::env::var_os("PLUMB_BLESS").is_some_and(|v| v == "1") {
                fs::write(&path, got).unwrap();
            } else {
                let diff = similar::TextDiff::from_lines(want.as_str(), got.as_str());
                failures.push(format!("{case}/{file} differs:\n{}", diff.unified_diff()));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_verdict_is_among_the_cases() {
    let all = reports();
    let outputs: Vec<&OutputResult> = all.values().flat_map(|report| &report.outputs).collect();
    for verdict in [Verdict::Equal, Verdict::Differs, Verdict::None] {
        assert!(outputs.iter().any(|output| output.verdict == verdict), "{verdict:?}");
        assert!(all.values().any(|report| report.verdict() == verdict), "{verdict:?}");
    }
}

#[test]
fn the_verdict_is_said_first_and_nothing_else_is_called_equal() {
    for (case, report) in reports() {
        let verdict = match report.verdict() {
            Verdict::Equal => ": equal ",
            Verdict::Differs => ": DIFFERS ",
            Verdict::None => ": NO VERDICT ",
        };
        let text = parity::text(&report, &context(), Style::default());
        assert!(text.lines().next().unwrap().contains(verdict), "{case}: {text}");
        let says_evidence = text.contains("\nEvidence of equality");
        assert_eq!(says_evidence, report.verdict() == Verdict::Equal, "{case}: {text}");
        let markdown = parity::markdown(&report, &context());
        let first = markdown.lines().next().unwrap().to_uppercase();
        assert!(first.contains(verdict.trim_end().to_uppercase().as_str()), "{case}: {first}");
        let xml = parity::junit(&report);
        let failed = report.outputs.iter().filter(|output| output.verdict == Verdict::Differs).count();
        let without = report.outputs.iter().filter(|output| output.verdict == Verdict::None).count();
        assert_eq!((xml.matches("<failure ").count(), xml.matches("<error ").count()), (failed, without), "{case}");
    }
}

#[test]
fn equal_is_no_evidence_where_the_report_does_not_count() {
    let mut report = reports().remove("equal").unwrap();
    let says =
        |report: &Report, context: &ParityContext| parity::text(report, context, Style { colour: false, width: 200 });
    let void = ParityContext { void: Some("made under other rules: run it again".into()), ..context() };
    let wanted = "Equal, but it does not count for the gate `parity` of EmrCluster/legacy-audience: ";
    assert!(says(&report, &void).contains(&format!("{wanted}made under other rules: run it again.")));
    report.dirty = true;
    assert!(says(&report, &context()).contains(&format!("{wanted}its manifests were not committed")));
    for form in [parity::markdown(&report, &context()), parity::html(&report, &context())] {
        assert!(form.contains("Equal, but it does not count") && !form.contains("Evidence of equality"), "{form}");
    }
}

#[test]
fn what_was_not_counted_is_not_shown_as_zero() {
    let report = &reports()["no-verdict"];
    let line = |text: &str, name: &str| text.lines().find(|line| line.contains(name)).unwrap().to_owned();
    let text = parity::text(report, &context(), Style::default());
    assert!(line(&text, "payments").contains("old not known, new 120 rows"), "{text}");
    let markdown = parity::markdown(report, &context());
    assert_eq!(
        line(&markdown, "`payments` |"),
        "| `payments` | **no verdict** | not known | 120 | not known | not known | not known |"
    );
    let html = parity::html(report, &context());
    assert!(html.contains("<dt>Rows of old</dt><dd>not known</dd>"), "a sum of which a part is missing is not known");
    for (_, form) in forms(report) {
        assert!(form.contains("_SUCCESS is not there"), "{form}");
    }
}

#[test]
fn nothing_hidden_or_active_is_in_any_form() {
    let mut all = reports();
    all.insert("extreme".into(), extreme());
    for (case, report) in &all {
        for (form, shown) in forms(report) {
            let hidden = shown.chars().find(|c| *c != '\n' && value::is_hidden(*c));
            assert_eq!(hidden, None, "{case} {form}");
            assert!(!shown.contains("##[") && !shown.contains("##vso["), "{case} {form}");
            assert!(!shown.lines().any(|line| line.trim_start().starts_with("::")), "{case} {form}:\n{shown}");
        }
        only_own_tags(case, &parity::html(report, &context()));
        let xml = parity::junit(report);
        let mut reader = quick_xml::Reader::from_str(&xml);
        while !matches!(reader.read_event().unwrap_or_else(|e| panic!("{case}: {e}")), quick_xml::events::Event::Eof) {}
        let markdown = parity::markdown(report, &context());
        for line in markdown.lines().filter(|line| line.starts_with('|')) {
            // A bar that is not escaped begins a cell, within code too.
            let bars = line.replace("\\|", "").matches('|').count();
            assert!([5, 6, 8].contains(&bars), "{case}: {bars} in {line}");
        }
    }
    let markdown = parity::markdown(&all["hostile"], &context());
    let plain = without_code(&markdown);
    assert!(!plain.contains("@team") && !plain.contains("<script"), "outside text outside code:\n{plain}");
    assert!(without_code("a ``b`@team`` `c` @d").contains("a   @d"), "{}", without_code("a ``b`@team`` `c` @d"));
}

/// Markdown without its code spans, as CommonMark finds them: from a run of backticks to the next one that is as long.
fn without_code(markdown: &str) -> String {
    let run = |text: &str| text.len() - text.trim_start_matches('`').len();
    let (mut out, mut rest) = (String::new(), markdown);
    while let Some(at) = rest.find('`') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let ticks = run(rest);
        let mut end = ticks;
        while let Some(next) = rest[end..].find('`') {
            let length = run(&rest[end + next..]);
            end += next + length;
            if length == ticks {
                break;
            }
        }
        rest = &rest[end..];
    }
    out + rest
}

/// Every tag and attribute of the page is one of its own, and as many are opened as closed.
fn only_own_tags(case: &str, html: &str) {
    let own = "!DOCTYPE html head meta title style body header main footer section h1 h2 h3 p div span ul li dl dt dd table \
        caption thead tbody tr th td details summary code bdi del ins b a br wbr svg rect path";
    let attributes = "lang charset http-equiv content name class id href scope tabindex role aria-label aria-hidden open \
        viewBox preserveAspectRatio width height x y d";
    let (own, attributes): (Vec<&str>, Vec<&str>) =
        (own.split_whitespace().collect(), attributes.split_whitespace().collect());
    for tag in html.split("</style>").nth(1).unwrap().split('<').skip(1) {
        let tag = tag.split('>').next().unwrap().trim_matches('/');
        let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
        assert!(own.contains(&name), "{case}: <{name}");
        while !rest.is_empty() {
            let (attribute, after) = rest.split_once('=').unwrap_or((rest, ""));
            assert!(attributes.contains(&attribute), "{case}: {attribute} of <{tag}");
            let value = after.strip_prefix('"').and_then(|value| value.split_once('"'));
            assert!(
                attribute != "href" || value.is_some_and(|(value, _)| value.starts_with("#output-")),
                "{case}: {tag}"
            );
            rest = value.map_or("", |(_, rest)| rest.trim_start());
        }
    }
    let count = |what: String| html.matches(&what).count();
    for name in ["section", "table", "tr", "td", "details", "bdi", "del", "ins", "svg", "dl", "ul", "code"] {
        let opened = count(format!("<{name}>")) + count(format!("<{name} "));
        assert_eq!(opened, count(format!("</{name}>")), "{case}: {name}");
    }
    let style = html.split("</style>").next().unwrap();
    assert!(!style.contains("url(") && !style.contains("@import"), "{case} loads something");
    assert!(html.contains("Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'"));
}

#[test]
fn the_largest_report_stays_readable() {
    let report = extreme();
    let text = parity::text(&report, &context(), Style::default());
    assert!(text.lines().count() < 200, "{}", text.lines().count());
    assert!(text.contains("… and 180 more columns; the page has them all"), "{text}");
    let markdown = parity::markdown(&report, &context());
    assert!(markdown.len() <= 60_000 && markdown.contains("and 170 more columns"), "{}", markdown.len());
    // What does not fit into a comment is left out, and it says so; the gate's answer stays.
    let mut larger = report.clone();
    larger.outputs = vec![report.outputs[1].clone(); 20];
    let markdown = parity::markdown(&larger, &context());
    assert!(markdown.len() <= 60_000 && markdown.contains(" parts are left out here"), "{}", markdown.len());
    assert!(markdown.contains("No evidence of equality"));
    let html = parity::html(&report, &context());
    for column in &report.outputs[1].columns {
        assert!(html.contains(&format!("<bdi>{}</bdi>", column.name)), "{}", column.name);
    }
    // Twice as much of the same is no more than twice as long.
    let mut twice = report.clone();
    twice.outputs.extend(report.outputs.clone());
    assert!(parity::html(&twice, &context()).len() < html.len() * 2);
}

#[test]
fn colour_adds_escape_sequences_and_nothing_else() {
    for (case, report) in reports() {
        let of = |colour| parity::text(&report, &context(), Style { colour, width: 100 });
        assert!(!of(false).contains('\u{1b}') && of(true).contains('\u{1b}'), "{case}");
        assert_eq!(anstream::adapter::strip_str(&of(true)).to_string(), of(false), "{case}");
    }
}

/// What a run finds of a column that nobody is to see, with the canary wherever its values can be.
fn with_canary(canary: &str) -> OutputResult {
    let report = reports().remove("masked").unwrap();
    let mut output = report.outputs[0].clone();
    let changed = format!("{canary}!");
    let key = || vec![("id".to_owned(), Some(canary.to_owned())), ("mail".to_owned(), Some(changed.clone()))];
    output.columns = vec![ColumnResult {
        name: "mail".into(),
        old_type: "string".into(),
        new_type: "string".into(),
        differing: 2,
        explanations: vec![
            Explanation { cause: "case".into(), explains: 1, of: 2, says: format!("as in {canary}") },
            Explanation { cause: "case".into(), explains: 1, of: 2, says: format!("all in Mail={canary} or so") },
        ],
        sampled: false,
        examples: vec![
            CellExample { key: key(), old: Some(canary.into()), new: Some(changed.clone()) },
            CellExample { key: key(), old: None, new: Some(canary.into()) },
        ],
        histogram: Some(Histogram { from: canary.into(), to: changed.clone(), old: vec![1], new: vec![1] }),
        sensitive: false,
    }];
    output.differing_cells = [("mail".to_owned(), 2)].into();
    let largest = Some(canary.to_owned());
    output.within_tolerance =
        [("mail".to_owned(), WithinTolerance { cells: 1, largest, reason: "none".into() })].into();
    output.row_examples = vec![RowExample { only_in: "old".into(), key: key() }];
    let part = SpreadPart { value: Some(canary.into()), rows: 2, only_old: 1, only_new: 1, differing: 1 };
    output.spread =
        ["mail", "day of mail"].map(|by| DifferenceSpread { by: by.into(), parts: vec![part.clone()] }).into();
    output.rows = vec![Explanation {
        cause: "x".into(),
        explains: 1,
        of: 1,
        says: format!("all in mail={canary}, of which new has no row"),
    }];
    output.only_old = Some(1);
    output.because = Some(format!("{canary} is no number"));
    output.notes = vec![format!("{changed}, {canary}")];
    output.schema =
        vec![SchemaNote { column: "mail".into(), cause: "type_changed".into(), fails: true, says: canary.into() }];
    output
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Law 11: no value of a sensitive column is in any form.
    #[test]
    fn no_part_of_a_canary_is_in_any_form(canary in "[QXZJKÄÖ字符\u{301}\u{200b}<&]{6,24}", seed in any::<MaskKey>()) {
        let mut report = reports().remove("masked").unwrap();
        report.outputs = vec![with_canary(&canary)];
        mask(&mut report.outputs[0], &["MAIL"], &seed);
        let letters: Vec<char> = canary.chars().collect();
        let parts: Vec<String> = letters.windows(4).map(|part| part.iter().collect()).collect();
        let kept = serde_json::to_string(&report).unwrap();
        for (form, shown) in forms(&report).into_iter().chain([("evidence", kept)]) {
            for part in &parts {
                // As it is, and as each form would write it.
                for written in [part.clone(), value::visible(part), value::visible(part).replace('&', "&amp;").replace('<', "&lt;")] {
                    prop_assert!(!shown.contains(&written), "{written:?} of {canary:?} in {form}:\n{shown}");
                }
            }
        }
    }
}

#[test]
fn the_canary_would_be_seen() {
    let mut report = reports().remove("masked").unwrap();
    report.outputs = vec![with_canary("QXZJKÄÖ")];
    for (form, shown) in forms(&report) {
        assert!(shown.contains("QXZJKÄÖ"), "{form} shows no values, so that it hides none either:\n{shown}");
    }
}
