use super::{KeptDiagnosis, before, file_name, is_settled, read_kept, replaces, to_keep};
use crate::diagnose::Diagnosis;
use crate::diagnose::result::Confidence;
use serde_json::json;

fn failed(run: &str, started: &str, fingerprint: &str) -> Diagnosis {
    serde_json::from_value(json!({
        "format": "plumb.diagnosis/v1", "name": "DatabricksJob/a", "system": "databricks", "run": run, "started": started,
        "outcome": "failed", "fingerprint": fingerprint, "attempts_before": 0, "read": {"requests": 12},
        "cause": {"class": "SPOT_RECLAIM", "title": "t", "confidence": "certain", "reason": "r", "evidence": []}
    }))
    .unwrap()
}

#[test]
fn a_run_has_a_file_of_its_own() {
    let of = |run: &str, system: &str| {
        let mut one = failed(run, "2026-05-01T00:00:00Z", "f");
        one.system = system.into();
        file_name(&one)
    };
    assert_eq!(of("88120", "databricks").as_deref(), Some("databricks-88120.json"));
    let (step, other) = (of("j-1/s-2", "emr").unwrap(), of("j-1_s-2", "emr").unwrap());
    assert!(step.starts_with("emr-j-1_s-2-") && step != other, "{step} {other}");
    let long = of(&"../".repeat(200), "airflow").unwrap();
    assert!(long.len() < 120 && !long.contains('/'), "{long}");
    assert_eq!(of("", "emr"), None);
    let mut going = failed("1", "2026-05-01T00:00:00Z", "f");
    going.outcome = crate::diagnose::result::RunOutcome::Running;
    assert_eq!(file_name(&going), None);
}

#[test]
fn what_is_kept_is_read_back_and_does_not_say_what_was_read() {
    let mut one = failed("88120", "2026-05-01T00:00:00Z", "f");
    let kept = to_keep(&one);
    one.read.requests = 99;
    assert_eq!(to_keep(&one), kept);
    let kept = KeptDiagnosis { target: "prod".into(), diagnosis: kept };
    assert_eq!(read_kept(&serde_json::to_string(&kept).unwrap()).unwrap(), kept);
    for (text, why) in [
        ("{", "no JSON"),
        ("{\"format\": \"plumb.evidence/v1\", \"secret\": \"s3cr3t\"}", "its format is not"),
        ("{\"secret\": \"s3cr3t\"}", "it has no `format`"),
        ("{\"format\": \"plumb.diagnosis/v1\", \"outcome\": \"s3cr3t\"}", "members of a diagnosis"),
    ] {
        let told = read_kept(text).unwrap_err();
        assert!(told.contains(why) && !told.contains("s3cr3t"), "{told}");
    }
}

#[test]
fn a_look_that_knows_less_replaces_nothing() {
    let known = failed("1", "2026-05-01T00:00:00Z", "f");
    let (mut unknown, mut unsure) = (known.clone(), known.clone());
    unknown.cause = None;
    unsure.cause.as_mut().unwrap().confidence = Confidence::Possible;
    assert!(!replaces(&unknown, &known) && !replaces(&unsure, &known) && replaces(&known, &unsure));
    assert!(is_settled(&known) && !is_settled(&unknown) && !is_settled(&unsure));
}

#[test]
fn earlier_failures_are_counted() {
    let kept = [
        failed("1", "2026-05-01T00:00:00Z", "f"),
        failed("2", "2026-06-01T00:00:00Z", "g"),
        failed("3", "2026-07-01T00:00:00Z", "f"),
        failed("4", "2026-09-01T00:00:00Z", "f"),
    ];
    let now = failed("3", "2026-08-01T00:00:00Z", "f");
    assert_eq!(before(&now, &kept).as_deref(), Some("1 of 2 earlier failures since May 2026"));
    let mut other = now.clone();
    other.name = "DatabricksJob/b".into();
    assert_eq!(before(&other, &kept), None);
    assert_eq!(before(&now, &[]), None);
}
