use super::{html, json, text};
use crate::inventory::{EmrAccount, FailedRead};
use crate::migrate::exit::ExitReport;
use crate::migrate::exit::tests::{account, cluster, of, prices};
use crate::render::value::is_hidden;
use crate::translate::{Light, LightEffort, LightReason};
use proptest::prelude::*;
use serde_json::{Value, json as value};

/// The tags of a page, each with its attributes; texts and the script are not among them.
fn tags(page: &str) -> Vec<(String, Vec<(String, String)>)> {
    let page: String =
        match (page.find("<script>"), page.find("</script>"), page.find("<style>"), page.find("</style>")) {
            (Some(from), Some(to), Some(style), Some(end)) => {
                [&page[..style], &page[end + "</style>".len()..from], &page[to + "</script>".len()..]].concat()
            }
            _ => panic!("no script or style"),
        };
    let mut all = Vec::new();
    for tag in page.split('<').skip(1) {
        let inside = tag.split('>').next().unwrap();
        let (name, mut rest) = inside.split_once(' ').unwrap_or((inside, ""));
        let mut attributes = Vec::new();
        while let Some((key, more)) = rest.split_once("=\"") {
            let (value, after) = more.split_once('"').unwrap();
            attributes.push((key.trim().to_owned(), value.to_owned()));
            rest = after;
        }
        all.push((name.trim_start_matches('/').to_owned(), attributes));
    }
    all
}

/// The account with a text in all the places that a light, a wave and a picture show.
fn hostile(text: &str) -> EmrAccount {
    let mut read = account();
    let (from, to) = (format!("s3://b/x{text}"), format!("s3://b/y{text}"));
    let jar: &[&str] = &[text, "--input", &from, "--output", &to];
    let next: &[&str] = &["spark-submit", "s3://c/a.py", "--input", &to];
    read.clusters.push(cluster("j-8", &format!("a {text}"), 2, &[jar, next]));
    read.clusters.push(cluster("j-9", &format!("b {text}"), 1, &[next, jar]));
    read.clusters.last_mut().unwrap().described.as_mut().unwrap()["ReleaseLabel"] = value!(text);
    read.serverless[0].described["name"] = value!(text);
    read.unknown = vec![FailedRead { what: "GetIt".into(), of: "j-8".into(), why: text.to_owned() }];
    read
}

fn inert(text_of: &str) {
    let report = of(&hostile(text_of), Some(&prices()));
    let page = html(&report);
    let own = [
        "!DOCTYPE html",
        "!DOCTYPE",
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "header",
        "main",
        "footer",
        "section",
        "div",
        "span",
        "h1",
        "h2",
        "h3",
        "p",
        "dl",
        "dt",
        "dd",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "details",
        "summary",
        "ul",
        "li",
        "code",
        "br",
        "bdi",
        "strong",
        "figure",
        "small",
        "svg",
        "rect",
        "path",
        "text",
        "g",
        "a",
    ];
    for (name, attributes) in tags(&page) {
        assert!(own.contains(&name.as_str()), "<{name} of {text_of:?}");
        for (key, value) in attributes {
            assert!(!key.starts_with("on") && key != "style", "{key} of {text_of:?}");
            let loads = matches!(key.as_str(), "src" | "action" | "xlink:href" | "formaction" | "srcset" | "data");
            assert!(!loads && (key != "href" || value.starts_with("#p")), "{key}={value} of {text_of:?}");
        }
    }
    for shown in [page, text(&report, 80), json(&report).unwrap()] {
        let hidden = shown.chars().find(|c| *c != '\n' && is_hidden(*c));
        assert_eq!(hidden, None, "{text_of:?}");
    }
}

#[test]
fn what_aws_says_is_only_text() {
    for text in [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "' onmouseover='alert(1)",
        "javascript:alert(1)",
        "</title></svg><h1 onclick=\"x\">&lt;",
        "</script><script>x",
        "a\u{1b}[31mred\u{7}\r\nb",
        "\u{202e}gnp.exe\u{200b}\u{2066}",
        "",
    ] {
        inert(text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn whatever_it_is(text in "([<>\"'&=/ ]|on[a-z]{4}|javascript:|script|\\PC){0,12}") {
        inert(&text);
    }
}

#[test]
fn the_one_script_is_the_one_that_may_run() {
    use base64::Engine;
    use sha2::{Digest, Sha256};
    let page = html(&of(&account(), None));
    let run = page.split("<script>").nth(1).unwrap().split("</script>").next().unwrap();
    let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(run));
    assert!(
        page.contains(&format!(
            "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{hash}'; form-action"
        ))
    );
    assert_eq!((page.matches("<script").count(), page.matches("://").count() - page.matches("s3://").count()), (1, 0));
}

/// A report whose lights no change of the translator changes.
fn steady() -> ExitReport {
    let mut report = of(&account(), Some(&prices()));
    let reason = |what: &str| LightReason { what: what.into(), why: "only a person knows".into() };
    for row in &mut report.ranking {
        let rewrite = if row.name == "hive-reports" {
            vec![reason("what takes the place of the step `step 0`")]
        } else {
            Vec::new()
        };
        let effort = if rewrite.is_empty() { LightEffort::Questions } else { LightEffort::Rewrite };
        let says = if rewrite.is_empty() { "1 question" } else { "rewrite: 1 step, 1 question" };
        row.light = Some(Light { effort, says: says.into(), rewrite, questions: vec![reason("when the DAG runs")] });
    }
    for wave in &mut report.waves {
        wave.questions = wave.pipelines.len();
    }
    (report.totals.questions, report.totals.automatic, report.totals.with_questions) = (4, 0, 3);
    report.team_questions = vec!["as whom jobs run".to_owned()];
    report
}

#[test]
fn forms() {
    let report = steady();
    insta::assert_snapshot!("text", text(&report, 100));
    let shown: Value = serde_json::from_str(&json(&report).unwrap()).unwrap();
    let short: Vec<Value> = shown["ranking"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| value!({"name": row["name"], "light": row["light"], "support": row["support"], "wave": row["wave"], "cost": row["cost"]}))
        .collect();
    insta::assert_snapshot!(
        "json",
        serde_json::to_string_pretty(
            &value!({ "ranking": short, "waves": shown["waves"], "ties": shown["ties"], "totals": shown["totals"] })
        )
        .unwrap()
    );
}
