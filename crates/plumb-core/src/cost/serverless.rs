//! What a job run of EMR Serverless used: EMR says it itself.
//!
//! Facts (botocore's model of `emr-serverless`): `GetJobRun` has `billedResourceUtilization`, what is billed, and
//! `totalResourceUtilization`, what was used, both in hours with a fraction; `queuedDurationMilliseconds`; times in seconds.

use super::facts::{KeptRun, NOT_READ, RunResult, RunSide, RunSystem, RunTrigger, ServerlessUse, StageSeconds};
use crate::kinds::emr::api::time;
use jiff::Timestamp;
use serde_json::Value;

/// The facts of a job run, by `jobRun` of `GetJobRun`, or, where that could not be read, by its entry of `ListJobRuns`.
pub fn facts(run: &Value, unread: Option<&str>) -> KeptRun {
    let says = |name: &str| run[name].as_str().unwrap_or_default();
    let outcome = match says("state") {
        "SUCCESS" => RunResult::Succeeded,
        "FAILED" => RunResult::Failed,
        "CANCELLED" => RunResult::Cancelled,
        "SUBMITTED" | "PENDING" | "SCHEDULED" | "QUEUED" | "RUNNING" | "CANCELLING" => RunResult::Running,
        _ => RunResult::Unknown,
    };
    let has_ended = !matches!(outcome, RunResult::Running | RunResult::Unknown);
    let (created, started) = (time(run, "/createdAt"), time(run, "/startedAt"));
    // Its last change is its end where it does not say that.
    let ended = time(run, "/endedAt").or_else(|| time(run, "/updatedAt")).filter(|_| has_ended);
    let mut unknown: Vec<String> = unread.map(|why| format!("{NOT_READ}: what it used: {why}")).into_iter().collect();
    if outcome == RunResult::Unknown {
        unknown.push("how it ended: it does not say a state that is known".to_owned());
    }
    let billed = used(&run["billedResourceUtilization"]);
    let serverless = billed.clone().or_else(|| used(&run["totalResourceUtilization"]));
    if billed.is_none() && unread.is_none() && has_ended {
        unknown.push(match serverless {
            Some(_) => "what is billed: what it used is known, which has no minimum a worker in it".to_owned(),
            None => "what it used: EMR Serverless does not say it".to_owned(),
        });
    }
    KeptRun {
        side: RunSide::Old,
        system: RunSystem::EmrServerless,
        id: [says("jobRunId"), says("id")].into_iter().find(|id| !id.is_empty()).unwrap_or_default().to_owned(),
        name: says("name").to_owned(),
        trigger: RunTrigger::Unknown,
        outcome,
        cause: None,
        tick: None,
        dag_run: None,
        started: created.or(started),
        ended,
        stages: stages(run, created, started, ended),
        nodes: Vec::new(),
        serverless,
        databricks: None,
        normalized_instance_hours: None,
        unknown,
    }
}

fn stages(
    run: &Value,
    created: Option<Timestamp>,
    started: Option<Timestamp>,
    ended: Option<Timestamp>,
) -> Vec<StageSeconds> {
    let between = |from: Option<Timestamp>, to: Option<Timestamp>| {
        let (from, to) = from.zip(to)?;
        u64::try_from(to.duration_since(from).as_secs()).ok()
    };
    let queued = run["queuedDurationMilliseconds"].as_u64().map(|millis| millis / 1000);
    let start = between(created, started).map(|seconds| seconds.saturating_sub(queued.unwrap_or(0)));
    [("queue", queued), ("start", start), ("run", between(started, ended))]
        .into_iter()
        .filter_map(|(name, seconds)| Some(StageSeconds { name: name.to_owned(), seconds: seconds? }))
        .collect()
}

/// Hours with a fraction as thousandths; all three have to be there.
fn used(says: &Value) -> Option<ServerlessUse> {
    let millis = |name: &str| {
        let hours = says[name].as_f64().filter(|hours| (0.0..1e12).contains(hours))?;
        // No more than a billion hours: a double has each thousandth.
        Some((hours * 1000.0).round() as u64)
    };
    Some(ServerlessUse {
        vcpu_millihours: millis("vCPUHour")?,
        memory_gb_millihours: millis("memoryGBHour")?,
        storage_gb_millihours: millis("storageGBHour")?,
    })
}

/// The arguments of a job run's driver.
pub fn arguments(run: &Value) -> Vec<&str> {
    let submit = run.pointer("/jobDriver/sparkSubmit/entryPointArguments").and_then(Value::as_array);
    submit.into_iter().flatten().filter_map(Value::as_str).collect()
}

#[cfg(test)]
#[path = "serverless_tests.rs"]
mod tests;
