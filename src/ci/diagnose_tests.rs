use super::{IssueChange, causes, steps};
use crate::services::github::Issue;
use plumb_core::diagnose::months::RunOfMonths;
use serde_json::json;

const OF: [&str; 2] = ["demo", "prod"];

fn run(name: &str, day: u8, fingerprint: Option<&str>) -> RunOfMonths {
    let cause = fingerprint.map(|_| {
        json!({"class": "SPOT_RECLAIM", "title": "spot <!-- x --> `taken`", "confidence": "certain", "reason": "r",
               "evidence": [{"file": "driver.log", "line": 3, "text": "NODES_LOST <b>@everyone"}]})
    });
    let diagnosis = json!({
        "format": "plumb.diagnosis/v1", "name": name, "system": "databricks", "run": format!("{name}-{day}"),
        "started": format!("2026-05-{day:02}T00:00:00Z"), "outcome": if fingerprint.is_some() { "failed" } else { "succeeded" },
        "fingerprint": fingerprint, "cause": cause, "attempts_before": 0, "read": {},
    });
    RunOfMonths { pipeline: "p".into(), is_new: true, diagnosis: serde_json::from_value(diagnosis).unwrap() }
}

fn issue(number: u64, state: &str, body: &str) -> Issue {
    let issue = json!({"number": number, "title": "t", "state": state, "user": null, "body": body});
    serde_json::from_value(issue).unwrap()
}

fn done(runs: &[RunOfMonths], mine: &[Issue]) -> Vec<IssueChange> {
    steps(OF, &causes(runs), true, Some("https://x/1"), mine)
}

fn opened(runs: &[RunOfMonths]) -> String {
    match done(runs, &[]).as_slice() {
        [IssueChange::Open { body, .. }] => body.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_issue_a_fingerprint_for_as_long_as_it_comes_back() {
    let mut runs = vec![run("a", 1, Some("f1")), run("a", 2, Some("f1")), run("b", 1, Some("f2"))];
    assert_eq!(done(&runs, &[]).len(), 2);
    let first = opened(&runs[..2]);
    assert!(
        first.starts_with("<!-- plumb:diagnose demo/prod f1 ") && first.contains("The same cause failed 2 runs"),
        "{first}"
    );
    assert!(first.contains("https://x/1") && !first.contains("<b>@everyone\n"), "{first}");

    // The same: nothing. Another run: edited in place. An older one that is not looked at any more: nothing.
    let mine = [issue(7, "open", &first)];
    runs.truncate(2);
    assert_eq!(done(&runs, &mine), []);
    assert_eq!(done(&runs[1..], &mine), []);
    runs.push(run("a", 3, Some("f1")));
    assert!(matches!(done(&runs, &mine).as_slice(), [IssueChange::Edit { number: 7, .. }]));

    // One green run is not enough, and of something else none counts.
    runs.extend([run("a", 4, None), run("b", 5, None), run("b", 6, None)]);
    assert!(matches!(done(&runs, &mine).as_slice(), [IssueChange::Edit { .. }]));
    runs.push(run("a", 7, None));
    assert!(matches!(done(&runs, &mine).as_slice(), [IssueChange::Close { number: 7, .. }]));
    assert_eq!(done(&runs, &[]), []);
    // Not if not everything was looked at.
    assert_eq!(steps(OF, &causes(&runs), false, None, &mine), []);
    // Long ago: nothing fails of it any more at all.
    assert!(matches!(done(&[], &mine).as_slice(), [IssueChange::Close { number: 7, .. }]));
}

#[test]
fn what_comes_back_is_opened_again_and_what_a_person_closed_is_not() {
    let runs = vec![run("a", 1, Some("f1"))];
    let mine = [issue(7, "closed", &opened(&runs))];
    assert_eq!(done(&runs, &mine), []);
    let again = [runs[0].clone(), run("a", 9, Some("f1"))];
    assert!(matches!(done(&again, &mine).as_slice(), [IssueChange::Reopen { number: 7, .. }]));
}

#[test]
fn issues_of_others_and_texts_that_a_person_changed_are_left_alone() {
    let runs = vec![run("a", 1, Some("f1"))];
    let body = opened(&runs);
    let other = body.replace("demo/prod", "demo/dev");
    assert!(matches!(done(&runs, &[issue(3, "open", &other)]).as_slice(), [IssueChange::Open { .. }]));
    let changed = body.replace("The same cause", "Ann looks at it. The same cause");
    let more = [runs[0].clone(), run("a", 9, Some("f1"))];
    let green = [runs[0].clone(), run("a", 2, None), run("a", 3, None)];
    for runs in [&more[..], &green[..], &[]] {
        assert_eq!(done(runs, &[issue(7, "open", &changed)]), []);
    }
    // GitHub's pages write other ends of lines.
    assert_eq!(done(&green, &[issue(7, "open", &body.replace('\n', "\r\n"))]).len(), 1);
}

#[test]
fn two_that_tell_of_the_same_become_one() {
    let runs = vec![run("a", 1, Some("f1"))];
    let body = opened(&runs);
    let mine = [issue(9, "open", &body), issue(7, "open", &body)];
    assert!(matches!(done(&runs, &mine).as_slice(), [IssueChange::Close { number: 9, .. }]));
}

#[test]
fn a_cause_that_is_not_known_has_no_issue() {
    let mut unknown = run("a", 1, Some("f1"));
    unknown.diagnosis.cause = None;
    assert_eq!(done(&[unknown], &[]), []);
}
