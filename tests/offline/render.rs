//! What people and programs are shown. The expected files stand in `tests/golden-plans/<case>/`; `PLUMB_BLESS=1 cargo
//! test --test offline render` writes them anew.

use crate::golden_plans as cases;

use cases::{HOSTILE, added, change, changed, plan};
use plumb_core::plan::{Action, Op, Plan};
use plumb_core::render::{self, Level, MarkdownOptions, ReportedFinding, Style};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::{fs, path::PathBuf};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden-plans")
}

fn text(plan: &Plan, width: usize) -> String {
    render::text(plan, Style { colour: false, width })
}

fn markdown(plan: &Plan) -> String {
    render::markdown(plan, &full(60_000))
}

/// Every change by itself, in so many bytes.
fn full(budget: usize) -> MarkdownOptions {
    MarkdownOptions { budget, is_compact: Some(false), ..MarkdownOptions::default() }
}

/// Compares with the expected file, or writes it when asked to.
pub fn expect(case: &str, file: &str, got: &str) -> Option<String> {
    let path = folder().join(case).join(file);
    if std::env::var_os("PLUMB_BLESS").is_some_and(|v| v == "1") {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, got).unwrap();
        return None;
    }
    let want = fs::read_to_string(&path).unwrap_or_default();
    (want != got).then(|| {
        let diff = similar::TextDiff::from_lines(want.as_str(), got);
        format!("{case}/{file} differs:\n{}", diff.unified_diff())
    })
}

#[test]
fn golden() {
    let mut failures = Vec::new();
    for (case, plan) in cases::all() {
        failures.extend(expect(case, "80.txt", &text(&plan, 80)));
        failures.extend(expect(case, "200.txt", &text(&plan, 200)));
        failures.extend(expect(case, "plan.md", &markdown(&plan)));
        failures.extend(expect(case, "plan.json", &render::json(&plan).unwrap()));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_golden_folder_has_a_case() {
    let known: Vec<_> = cases::all().into_iter().map(|(name, _)| name.to_owned()).collect();
    // That of the short form alone.
    let known: Vec<_> = known.into_iter().chain(["fleet".to_owned()]).collect();
    for entry in fs::read_dir(folder()).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        assert!(!entry.path().is_dir() || known.contains(&name), "no case makes tests/golden-plans/{name}");
    }
}

#[test]
fn one_changed_field_is_all_that_is_shown() {
    let (_, plan) = cases::all().into_iter().find(|(name, _)| *name == "one-field-of-forty").unwrap();
    let text = text(&plan, 200);
    let fields: Vec<&str> = text.lines().filter(|line| line.starts_with("      ")).collect();
    assert_eq!(
        fields,
        [
            "      ~ tasks[aggregate].timeout_seconds = 3600 -> 7200   # manifests/audience.yaml:14, manifest 3f2a91c0b1d2 by Ann: raise timeout"
        ]
    );
}

#[test]
fn colour_adds_escape_sequences_and_nothing_else() {
    for (case, plan) in cases::all() {
        let plain = text(&plan, 80);
        let coloured = render::text(&plan, Style { colour: true, width: 80 });
        assert!(!plain.contains('\u{1b}'), "{case}");
        assert!(coloured.contains('\u{1b}'), "{case}");
        assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), plain, "{case}");
    }
}

/// Characters of the hostile texts that no reader would see.
const HIDDEN: [char; 7] = ['\u{1b}', '\u{9b}', '\r', '\t', '\u{202e}', '\u{200b}', '\u{e0041}'];

/// Hidden characters, line by line what a CI runner would obey, and what a forge would act on.
#[test]
fn hostile_names_do_nothing() {
    let (_, plan) = cases::all().into_iter().find(|(name, _)| *name == "hostile").unwrap();
    let findings = render::drift(&plan);
    let desired = crate::plan_world::World::of("").desired();
    let now = "2026-03-22T10:30:00Z".parse().unwrap();
    let renderings = [
        render::page::page(&render::page::PageInput { plan: &plan, desired: &desired, now }),
        text(&plan, 80),
        text(&plan, 200),
        markdown(&plan),
        render::json(&plan).unwrap(),
        render::sarif(&findings).unwrap(),
        render::junit(HOSTILE, &findings),
    ];
    for shown in &renderings {
        assert!(shown.contains("pwned"));
        assert!(!shown.contains(HIDDEN), "{shown}");
        for line in shown.lines() {
            assert!(!line.trim_start().starts_with("::"), "{line}");
            assert!(!line.contains("##["), "{line}");
        }
    }
}

#[test]
fn markdown_keeps_hostile_names_inside_code() {
    let (_, plan) = cases::all().into_iter().find(|(name, _)| *name == "hostile").unwrap();
    let outside = without_addresses(&outside_code(&markdown(&plan)));
    for active in ["@team", "<img", "&#64;team", "pwned", "abc"] {
        assert!(!outside.contains(active), "{active} in:\n{outside}");
    }
    assert_eq!(outside.matches("<details").count(), outside.matches("</details>").count());
    let link = MarkdownOptions { link: Some("https://ci.example/1>)\n@team <b>".into()), ..MarkdownOptions::default() };
    assert!(render::markdown(&plan, &link).contains("(<https://ci.example/1%3E%29%0A%40team%20%3Cb%3E>)\n"));
    let script = MarkdownOptions { link: Some("javascript:alert(1)".into()), ..MarkdownOptions::default() };
    assert!(!render::markdown(&plan, &script).contains("javascript"));
}

/// The text without the addresses of its links, which have to be where a plan's links lead, and nothing that could end them.
fn without_addresses(text: &str) -> String {
    let mut parts = text.split("](<");
    let mut out = parts.next().unwrap().to_owned();
    for part in parts {
        let (address, rest) = part.split_once(">)").expect("a link is left open");
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~/:?#=%".contains(c);
        assert!(address.chars().all(plain), "{address}");
        let places = ["https://github.com/acme/data/", "https://acme.cloud.databricks.com/jobs/"];
        assert!(places.iter().any(|place| address.starts_with(place)), "{address}");
        out.push_str(rest);
    }
    out
}

/// What is left of a markdown text without fences, code spans and `<code>`.
fn outside_code(text: &str) -> String {
    let mut out = String::new();
    let mut fence: Option<String> = None;
    for line in text.lines() {
        let ticks: String = line.chars().take_while(|c| *c == '`').collect();
        match &fence {
            Some(open) if line.trim_end() == ticks && ticks.len() >= open.len() => fence = None,
            Some(_) => {}
            None if ticks.len() >= 3 && !line[ticks.len()..].contains('`') => fence = Some(ticks),
            None => out.push_str(&format!("{}\n", without_spans(line))),
        }
    }
    assert!(fence.is_none(), "a fence is left open");
    out
}

fn without_spans(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(['`', '<']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(code) = rest.strip_prefix("<code>") {
            rest = &code[code.find("</code>").unwrap() + 7..];
            continue;
        }
        if rest.starts_with('<') {
            out.push('<');
            rest = &rest[1..];
            continue;
        }
        let ticks: String = rest.chars().take_while(|c| *c == '`').collect();
        let body = &rest[ticks.len()..];
        let mut end = 0;
        loop {
            let next = end + body[end..].find('`').expect("a code span is left open");
            let run = body[next..].chars().take_while(|c| *c == '`').count();
            if run == ticks.len() {
                rest = &body[next + run..];
                break;
            }
            end = next + run;
        }
    }
    out + rest
}

fn sized(filler: usize) -> Plan {
    plan(vec![
        change("DatabricksJob/a", Action::Create, vec![added("note", json!(["x".repeat(900), "y".repeat(filler)]))]),
        change("DatabricksJob/b", Action::Delete, Vec::new()),
    ])
}

#[test]
fn the_budget_is_met_to_the_byte() {
    let whole = |plan: &Plan| render::markdown(plan, &full(usize::MAX));
    let base = whole(&sized(0)).len();
    for (budget, dropped) in [(base + 501, false), (base + 500, false), (base + 499, true)] {
        let shown = render::markdown(&sized(500), &full(budget));
        assert!(shown.len() <= budget);
        assert_eq!(shown != whole(&sized(500)), dropped, "{budget}");
    }
    // The default budget, reached by many resources.
    let many = |count: usize, last: usize| {
        let job = |i: usize, size: usize| {
            change(&format!("DatabricksJob/j{i:03}"), Action::Create, vec![added("note", json!("x".repeat(size)))])
        };
        let mut changes: Vec<_> = (0..count).map(|i| job(i, 900)).collect();
        changes.push(job(999, last));
        plan(changes)
    };
    let one = whole(&many(2, 0)).len() - whole(&many(1, 0)).len();
    let count = (60_000 - whole(&many(0, 0)).len()) / one;
    let missing = 60_000 - whole(&many(count, 0)).len();
    assert!(missing < 1_000 + one);
    let (extra, last) = if missing > 999 { (1, missing - one) } else { (0, missing) };
    for (last, length) in [(last - 1, 59_999), (last, 60_000)] {
        let shown = markdown(&many(count + extra, last));
        assert_eq!(shown.len(), length);
        assert!(!shown.contains("Not all of it is shown"));
    }
    let plan = many(count + extra, last + 1);
    assert_eq!(whole(&plan).len(), 60_001);
    let shown = markdown(&plan);
    assert!(shown.len() <= 60_000 && shown.len() > 58_000, "{}", shown.len());
    assert!(shown.contains("**Not all of it is shown:** without fields: "), "{shown}");
}

#[test]
fn the_least_dangerous_is_dropped_first_and_counted() {
    let mut changes: Vec<_> = (0..300)
        .map(|i| change(&format!("DatabricksJob/c{i:03}"), Action::Create, vec![added("note", json!("x".repeat(500)))]))
        .collect();
    changes.push(change("DatabricksJob/d", Action::Delete, Vec::new()));
    changes.push(change("DatabricksJob/u", Action::Update, vec![changed("timeout_seconds", json!(1), json!(2))]));
    let shown = render::markdown(&plan(changes), &full(6_000));
    assert!(shown.len() <= 6_000);
    assert!(shown.contains("- timeout_seconds = 1\n+ timeout_seconds = 2\n") && shown.contains("DatabricksJob/d"));
    let whole = shown.matches("+ note: ").count();
    let named = shown.matches("<code>DatabricksJob/c").count();
    let omission = shown.lines().find(|line| line.starts_with("**Not all")).unwrap();
    let expected = format!(
        "**Not all of it is shown:** left out: {} creates; without fields: {} creates.",
        300 - named,
        named - whole
    );
    assert_eq!(omission, expected);
}

#[test]
fn equal_changes_of_a_long_plan_are_one_line_and_what_destroys_is_not() {
    let short = |plan: &Plan| render::markdown(plan, &MarkdownOptions::default());
    let shown = short(&cases::many());
    let titles: Vec<&str> = shown.lines().filter(|line| line.starts_with("<details")).collect();
    assert_eq!(
        titles,
        [
            "<details open><summary>- <code>DatabricksJob/old-0</code> will be deleted; <code>loses run history</code></summary>",
            "<details open><summary>- <code>DatabricksJob/old-1</code> will be deleted; <code>loses run history</code></summary>",
            "<details><summary>~ <strong>60 jobs</strong>: <code>timeout_seconds 3600 → 7200</code></summary>",
            "<details><summary>~ <code>DatabricksJob/odd</code> will be updated in place: 1 field</summary>",
        ]
    );
    // Everybody is named, and each link leads to a place of its own.
    for number in 0..60 {
        assert_eq!(
            shown.matches(&format!("etl-{number:02}")).count(),
            if number == 0 {
                4
            } else if number < 8 {
                3
            } else {
                1
            }
        );
    }
    assert!(shown.contains("and 52 more lines") && shown.contains("and 55 more live objects"), "{shown}");
    assert!(shown.contains("- timeout_seconds = 3600\n+ timeout_seconds = 7200\n"), "{shown}");
    assert!(shown.len() < 6_000, "{}", shown.len());
    // What has no room is counted by changes, not by lines.
    let narrow = render::markdown(&cases::many(), &MarkdownOptions { budget: 2_600, ..MarkdownOptions::default() });
    assert!(narrow.len() <= 2_600 && narrow.contains("without fields: 60 updates."), "{narrow}");
    // Fifty changes are shown one by one.
    let mut few = cases::many();
    few.changes.truncate(50);
    assert!(!short(&few).contains("50 jobs"));
    assert_eq!(short(&few), markdown(&few));
}

#[test]
fn a_hidden_difference_is_still_a_difference() {
    for (from, to) in [
        (json!("a\nb\u{1b}\n"), json!("a\nb\\u001b\n")),
        (json!("a\nb \n"), json!("a\nb\n")),
        (json!("a\u{a0}b"), json!("a b")),
        (json!({"a\u{200b}": 1}), json!({"a": 1})),
        (json!("a\nb\n"), json!("a\nb")),
        (json!(["x".repeat(2_000) + "1"]), json!(["x".repeat(2_000) + "2"])),
        (json!("8"), json!(8)),
        (json!([]), json!([null])),
        (json!({"a": {}}), json!({"a": []})),
        (json!("(secret #1)"), json!("(secret #2)")),
    ] {
        let plan = plan(vec![change("DatabricksJob/x", Action::Update, vec![changed("f", from.clone(), to.clone())])]);
        let shown = markdown(&plan);
        let lines = |sign: &str| {
            let lines = shown.lines().filter(|line| line.starts_with(sign));
            lines.map(|line| line[1..].to_owned()).collect::<Vec<_>>()
        };
        let (minus, plus) = (lines("-"), lines("+"));
        assert!(minus != plus && !(minus.is_empty() && plus.is_empty()), "{from} -> {to}:\n{shown}");
    }
}

#[test]
fn json_names_its_format_and_can_be_read_back() {
    for (case, plan) in cases::all() {
        let shown = render::json(&plan).unwrap();
        assert!(shown.ends_with("}\n"), "{case}");
        let read: Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(read["format"], "plumb.plan/v1");
        assert_eq!(read, serde_json::to_value(&plan).unwrap(), "{case}: escaping changed a value");
    }
}

#[test]
fn findings_of_a_plan_name_live_changes() {
    let (_, plan) = cases::all().into_iter().find(|(name, _)| *name == "origins").unwrap();
    let found = render::drift(&plan);
    let messages: Vec<_> = found.iter().map(|f| f.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "DatabricksJob/audience-aggregate continuous.pause_status is \"UNPAUSED\" live; the manifest says \"PAUSED\"",
            "DatabricksJob/audience-aggregate trigger.pause_status is \"UNPAUSED\" live; the manifest says \"PAUSED\"",
            "DatabricksJob/audience-cleanse tags.owner is \"bob\" live; the manifest does not have it",
            "DatabricksJob/audience-cleanse max_concurrent_runs is 1 live; wanted is 2, the service's default",
        ]
    );
    assert_eq!(found[0].line, Some(20));
    assert_eq!(found[2].file.as_deref(), Some("manifests/audience-cleanse.yaml"));
}

fn finding() -> ReportedFinding {
    ReportedFinding {
        file: Some("manifests/a b#é.yaml".into()),
        line: Some(4),
        column: Some(7),
        level: Level::Error,
        rule: "unknown-key".into(),
        message: "<no> \"such\" key & more\u{1b}".into(),
    }
}

#[test]
fn sarif_points_at_the_line() {
    let note = ReportedFinding { file: None, line: None, column: None, level: Level::Note, ..finding() };
    let log: Value = serde_json::from_str(&render::sarif(&[finding(), note]).unwrap()).unwrap();
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    assert_eq!(run["tool"]["driver"]["rules"], json!([{"id": "unknown-key"}]));
    assert_eq!(run["results"][0]["level"], "error");
    assert_eq!(
        run["results"][0]["locations"][0]["physicalLocation"],
        json!({"artifactLocation": {"uri": "manifests/a%20b%23%C3%A9.yaml"}, "region": {"startLine": 4, "startColumn": 7}})
    );
    assert!(run["results"][1].get("locations").is_none());
    assert_eq!(serde_json::from_str::<Value>(&render::sarif(&[]).unwrap()).unwrap()["runs"][0]["results"], json!([]));
}

#[test]
fn junit_fails_what_was_found() {
    let note = ReportedFinding { level: Level::Note, file: None, line: None, column: None, ..finding() };
    let xml = render::junit("validate", &[finding(), note]);
    assert!(xml.contains("<testsuite name=\"validate\" tests=\"2\" failures=\"1\" errors=\"0\">"), "{xml}");
    assert!(xml.contains(
        "<failure type=\"unknown-key\" message=\"&lt;no&gt; &quot;such&quot; key &amp; more\\u001b\">manifests/a b#é.yaml:4:7: &lt;no&gt;"
    ), "{xml}");
    assert_eq!(xml.matches("<testcase").count(), 2);
    assert!(render::junit("validate", &[]).contains("<testcase classname=\"validate\" name=\"nothing found\"/>"));
}

#[test]
fn the_same_plan_gives_the_same_bytes() {
    for ((_, one), (case, other)) in cases::all().into_iter().zip(cases::all()) {
        assert_eq!(text(&one, 80), text(&other, 80), "{case}");
        assert_eq!(markdown(&one), markdown(&other), "{case}");
    }
    // Members in another order are the same value.
    let spec = |text: &str| {
        plan(vec![change("DatabricksJob/x", Action::Create, vec![added("s", serde_json::from_str(text).unwrap())])])
    };
    assert_eq!(
        markdown(&spec(r#"{"a": 1, "b": {"d": 1, "c": 2}}"#)),
        markdown(&spec(r#"{"b": {"c": 2, "d": 1}, "a": 1}"#))
    );
}

#[test]
fn a_narrow_terminal_hides_no_value() {
    let old = "o".repeat(300);
    let new = "n".repeat(300);
    for op in [Op::Change, Op::Add, Op::Remove] {
        let field =
            cases::field("some.path", op, (op != Op::Add).then(|| json!(old)), (op != Op::Remove).then(|| json!(new)));
        let shown = text(&plan(vec![change("DatabricksJob/x", Action::Update, vec![field])]), 1);
        assert!((op == Op::Add || shown.contains(&old)) && (op == Op::Remove || shown.contains(&new)), "{shown}");
    }
}

#[test]
fn nothing_that_is_said_of_a_change_is_cut() {
    let mut job = change("DatabricksJob/x", Action::Update, vec![changed("a", json!(1), json!(2))]);
    let long = "this is a long reason that no line of eighty columns could hold, and that ends with the word last";
    job.reason = Some(long.into());
    job.fields[0].note = Some(long.into());
    let shown = text(&plan(vec![job]), 80);
    let joined = shown.replace("\n            # ", " ").replace("\n  # ", " ");
    assert_eq!(joined.matches(long).count(), 2, "{shown}");
    assert!(shown.lines().all(|line| line.len() <= 80), "{shown}");
}

/// Strings of what means something to a terminal, a forge, a log or a diff, in any order.
fn nasty() -> impl Strategy<Value = String> {
    let pieces = [
        "`",
        "```",
        "~~~",
        "<",
        ">",
        "</details>",
        "</code>",
        "<!--",
        "-->",
        "@team",
        "&",
        "\\",
        "|",
        "\"",
        "'",
        "\n",
        "\r",
        "\t",
        " ",
        "::",
        "##[",
        "##vso[",
        "#",
        "\u{1b}[2J",
        "\u{9b}",
        "\u{202e}",
        "\u{200b}",
        "\u{e0041}",
        "a",
        "é",
        "数",
        "(secret #1)",
        "${resources.",
        "}",
        "]",
        "[",
        "*",
        "_",
        ":x:",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 1..12).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_escapes_its_place(a in nasty(), b in nasty(), c in nasty()) {
        let mut job = change("DatabricksJob/x", Action::Update, vec![
            changed(&a, json!(b), json!(c)),
            changed("list", json!([a, b]), json!([b, c])),
            added("tree", json!({a.as_str(): {b.as_str(): [c.as_str(), [b.as_str()]]}})),
        ]);
        job.address = cases::address(&format!("DatabricksJob/{a}"));
        job.title = b.clone();
        job.impacts = vec![c.clone()];
        job.reason = Some(a.clone());
        let mut plan = plan(vec![job]);
        plan.project = a.clone();
        plan.base = Some(b.clone());
        plan.notes = vec![plumb_core::plan::Note { address: None, message: c.clone() }];
        let shown = [text(&plan, 60), markdown(&plan), render::json(&plan).unwrap()];
        for shown in &shown {
            prop_assert!(!shown.contains(HIDDEN), "{}", shown);
            prop_assert!(!shown.contains("##[") && !shown.contains("##vso["), "{}", shown);
            prop_assert!(shown.lines().all(|line| !line.trim_start().starts_with("::")), "{}", shown);
        }
        let outside = outside_code(&shown[1]);
        prop_assert!(!outside.contains(['@', 'é', '数']), "{}", outside);
        prop_assert_eq!(outside.matches('<').count(), 4, "{}", outside);
        // Values that differ are shown as different.
        if b != c {
            let lines = |sign: char| shown[1].lines().filter(move |line| line.starts_with(sign)).count();
            prop_assert!(lines('-') + lines('+') > 4, "{}", shown[1]);
        }
        prop_assert_eq!(serde_json::from_str::<Value>(&shown[2]).unwrap(), serde_json::to_value(&plan).unwrap());
    }

    #[test]
    fn no_budget_is_exceeded(sizes in prop::collection::vec(0usize..3_000, 0..40), budget in 2_500usize..40_000) {
        let actions = [Action::Create, Action::Update, Action::Delete, Action::Move];
        let changes = sizes.iter().enumerate().map(|(i, size)| {
            change(&format!("DatabricksJob/j{i:02}"), actions[i % 4], vec![added("note", json!("x".repeat(*size)))])
        });
        let plan = plan(changes.collect());
        let shown = render::markdown(&plan, &MarkdownOptions { budget, link: Some("https://ci.example/1".into()), ..MarkdownOptions::default() });
        prop_assert!(shown.len() <= budget, "{} > {}", shown.len(), budget);
        prop_assert!(outside_code(&shown).contains("The whole plan"));
    }
}

#[test]
fn large_plans_render_quickly() {
    let begun = std::time::Instant::now();
    let spec = |n: usize| {
        json!((0..200).map(|i| json!({"task_key": format!("t{i}"), "timeout_seconds": i * n})).collect::<Vec<_>>())
    };
    let changes = (0..100)
        .map(|i| change(&format!("DatabricksJob/j{i:04}"), Action::Update, vec![changed("tasks", spec(1), spec(2))]));
    let many = plan(changes.collect());
    assert!(text(&many, 100).len() > 1_000_000);
    assert!(markdown(&many).len() <= 60_000);
    // Lines that recur in another order: the worst that a line diff can be given.
    let lines = |n: usize| json!((0..8_000).map(|i| format!("{}\n", i * n % 97)).collect::<String>());
    let long = plan(vec![change("DatabricksJob/x", Action::Update, vec![changed("text", lines(7), lines(11))])]);
    assert!(text(&long, 100).len() > 50_000);
    assert!(begun.elapsed().as_secs() < 30, "{:?}", begun.elapsed());
    eprintln!("{:?}", begun.elapsed());
}

/// What the manual shows is what is printed.
#[test]
fn the_manual_shows_real_output() {
    let manual = fs::read_to_string(folder().join("../../docs/reading-a-plan.md")).unwrap();
    let printed: String =
        cases::all().iter().flat_map(|(_, plan)| [text(plan, 80), text(plan, 90), text(plan, 200)]).collect();
    let printed = printed + &crate::render_compact::in_manual();
    let examples: Vec<&str> = manual.split("```text\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(examples.len(), 6);
    for example in examples {
        assert!(printed.contains(example), "nothing prints:\n{example}");
    }
    for sign in ["+", "~", "-/+", "-", "<=", ">", "."] {
        assert!(manual.contains(&format!("| `{sign}` |")) && printed.contains(&format!("\n  {sign} ")), "{sign}");
    }
}

/// What the manual shows of a comment is how one begins.
#[test]
fn the_manual_shows_a_real_comment() {
    let manual = fs::read_to_string(folder().join("../../docs/pull-requests.md")).unwrap();
    let example = manual.split("````markdown\n").nth(1).and_then(|rest| rest.split("````").next()).unwrap();
    let (_, review) = cases::all().into_iter().find(|(name, _)| *name == "review").unwrap();
    let shown = markdown(&review);
    assert!(shown.starts_with(example) && example.contains("</details>"), "{example}\nis not how it begins:\n{shown}");
}
