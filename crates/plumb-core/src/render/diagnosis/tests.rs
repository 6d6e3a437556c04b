//! Every form of a diagnosis, of one with all that it can have and of those that have little.

use super::{DiagnosisContext, html, json, json_list, markdown, overview, text};
use crate::diagnose::Diagnosis;
use crate::render::Style;
use serde_json::json;

fn spot() -> Diagnosis {
    serde_json::from_value(json!({
        "format": "plumb.diagnosis/v1",
        "name": "DatabricksJob/audience-aggregate", "system": "databricks", "run": "88120", "period": "2026-10",
        "started": "2026-11-02T02:13:00Z", "ended": "2026-11-02T04:51:09Z",
        "outcome": "failed",
        "cause": {
            "class": "SPOT_RECLAIM",
            "title": "EC2 took two spot workers back; the shuffle files on them were lost",
            "confidence": "certain",
            "reason": "the service says so, and the stage that ended the run read from these workers",
            "evidence": [
                {"file": "api/clusters/events", "at": "2026-11-02T04:31:02Z",
                 "text": "NODES_LOST SPOT_INSTANCE_TERMINATION i-0feed0002"},
                {"file": "driver/log4j-active.log", "line": 48377, "at": "2026-11-02T04:33:12Z", "more": 214,
                 "text": "26/11/02 04:33:12 WARN TaskSetManager: FetchFailed(BlockManagerId(5, 10.61.2.14)) <b>&\u{1b}[31m ::error::x"}
            ]
        },
        "chain": [
            {"class": "SPOT_RECLAIM", "words": "spot reclaim"},
            {"class": "LOST_NODE", "words": "node lost"},
            {"class": "FETCH_FAILED", "words": "fetch failures"}
        ],
        "also": [{"class": "DISK_FULL", "title": "the disk of 10.61.2.14 was full", "confidence": "possible",
                  "reason": "two causes of two layers", "evidence": []}],
        "change": [{"file": "manifests/audience/job.yaml", "line": 41, "what": "DatabricksJob/audience-aggregate",
                    "why": "on-demand nodes take over when spot capacity goes",
                    "patch": "-        availability: SPOT\n+        availability: SPOT_WITH_FALLBACK\n"}],
        "advice": [{"text": "Let the role decrypt.", "snippet": "{\n  \"Effect\": \"Allow\"\n}"}],
        "retry": "now", "fingerprint": "7c1e04aa", "attempts_before": 2,
        "read": {"runs": 1, "tasks": 3, "events": 41, "files": 12, "bytes": 6_200_000, "requests": 31},
        "missing": [{"what": "executor logs of 10.61.2.15", "why": "not delivered", "remedy": "ask again in 5 minutes"}]
    }))
    .unwrap()
}

fn unknown(outcome: &str) -> Diagnosis {
    serde_json::from_value(json!({
        "format": "plumb.diagnosis/v1", "name": "j-2A7Q/s-1K2L", "system": "emr", "run": "j-2A7Q/s-1K2L",
        "outcome": outcome, "cause": null, "attempts_before": 0, "read": {"files": 1, "bytes": 900},
        "look_at": [{"file": "steps/s-1K2L/stderr.gz", "line": 112, "text": "finished with failed status"}]
    }))
    .unwrap()
}

fn context() -> DiagnosisContext {
    DiagnosisContext {
        patch_with: Some("plumb diagnose DatabricksJob/audience-aggregate --patch".into()),
        before: Some("4 of 9 failures since May".into()),
        all: false,
    }
}

#[test]
fn the_text_of_a_spot_reclaim() {
    insta::assert_snapshot!(text(&spot(), &context(), Style::default()));
}

#[test]
fn the_text_of_what_is_not_known_and_of_a_green_run() {
    let of = |outcome| text(&unknown(outcome), &DiagnosisContext::default(), Style::default());
    insta::assert_snapshot!(format!("{}\n----\n\n{}\n----\n\n{}", of("failed"), of("succeeded"), of("running")));
}

#[test]
fn the_markdown_of_a_spot_reclaim() {
    insta::assert_snapshot!(markdown(&spot(), &context()));
}

#[test]
fn the_overview_has_a_line_for_each() {
    let several = [spot(), unknown("failed"), unknown("succeeded")];
    insta::assert_snapshot!(overview(&several, "`plumb diagnose NAME` shows one whole", Style::default()));
}

#[test]
fn nothing_of_a_log_is_active_in_any_form() {
    let (spot, context) = (spot(), context());
    for form in [text(&spot, &context, Style::default()), markdown(&spot, &context), json(&spot).unwrap()] {
        assert!(!form.contains('\u{1b}'), "{form}");
    }
    let page = html(&[spot, unknown("failed")], &context);
    assert!(!page.contains('\u{1b}') && !page.contains("<b>") && page.contains("&lt;b&gt;&amp;"), "{page}");
}

#[test]
fn one_diagnosis_is_an_object_and_several_are_a_list() {
    assert!(json(&spot()).unwrap().starts_with('{'));
    assert!(json_list(&[spot()]).unwrap().starts_with('['));
    let read: Diagnosis = serde_json::from_str(&json(&spot()).unwrap()).unwrap();
    assert_eq!(read.fingerprint, spot().fingerprint);
}
