use super::*;
use serde_json::json;

/// As EMR Serverless answers `GetJobRun` (the members of botocore's model; times in seconds with a fraction).
fn job_run() -> Value {
    json!({"applicationId": "00f1", "jobRunId": "00f8", "name": "forecast-2026-09", "arn": "arn:aws:emr-serverless:…",
        "createdBy": "arn:aws:iam::1:role/r", "createdAt": 1_790_000_000.25, "updatedAt": 1_790_002_000.0, "executionRole": "arn",
        "state": "SUCCESS", "stateDetails": "", "releaseLabel": "emr-7.1.0", "startedAt": 1_790_000_100.5, "endedAt": 1_790_001_900.0,
        "queuedDurationMilliseconds": 30_000, "totalExecutionDurationSeconds": 1799,
        "jobDriver": {"sparkSubmit": {"entryPoint": "s3://a", "entryPointArguments": ["--month", "2026-09"]}},
        "totalResourceUtilization": {"vCPUHour": 12.3456, "memoryGBHour": 49.0, "storageGBHour": 60.5},
        "billedResourceUtilization": {"vCPUHour": 12.5, "memoryGBHour": 50.0, "storageGBHour": 0.0}})
}

#[test]
fn what_is_billed_is_kept_in_thousandths() {
    let run = facts(&job_run(), None);
    assert_eq!((run.id.as_str(), run.outcome, run.unknown.len()), ("00f8", RunResult::Succeeded, 0));
    let used = run.serverless.unwrap();
    assert_eq!((used.vcpu_millihours, used.memory_gb_millihours, used.storage_gb_millihours), (12_500, 50_000, 0));
    let stages: Vec<_> = run.stages.iter().map(|stage| (stage.name.as_str(), stage.seconds)).collect();
    assert_eq!(stages, [("queue", 30), ("start", 70), ("run", 1800)]);
    assert_eq!(arguments(&job_run()), ["--month", "2026-09"]);
}

#[test]
fn what_is_not_said_is_not_known() {
    let changed = |name: &str, value: Value| {
        let mut run = job_run();
        run[name] = value;
        run
    };
    let total = facts(&changed("billedResourceUtilization", Value::Null), None);
    assert_eq!(total.serverless.unwrap().vcpu_millihours, 12_346);
    assert!(total.unknown[0].starts_with("what is billed"), "{:?}", total.unknown);
    let mut none = changed("billedResourceUtilization", json!({"vCPUHour": 1.0, "memoryGBHour": null}));
    none["totalResourceUtilization"] = json!("odd");
    let none = facts(&none, None);
    assert_eq!(none.serverless, None, "a part of it is none of it");
    assert!(none.unknown[0].contains("does not say it"), "{:?}", none.unknown);
    for (state, outcome, has_end) in [
        ("FAILED", RunResult::Failed, true),
        ("CANCELLED", RunResult::Cancelled, true),
        ("QUEUED", RunResult::Running, false),
        ("CANCELLING", RunResult::Running, false),
        ("NEW_STATE", RunResult::Unknown, false),
    ] {
        let run = facts(&changed("state", json!(state)), None);
        assert_eq!((run.outcome, run.ended.is_some()), (outcome, has_end), "{state}");
    }
    // The entry of a listing, where the run itself may not be read.
    let listed =
        json!({"id": "00f8", "name": "x", "state": "SUCCESS", "createdAt": 1_790_000_000, "updatedAt": 1_790_000_600});
    let run = facts(&listed, Some("403"));
    assert_eq!((run.id.as_str(), run.ended.is_some(), run.is_settled()), ("00f8", true, false));
    assert!(facts(&Value::Null, None).id.is_empty());
}
