//! How a run and its tasks look from outside.

use super::{
    defaults,
    runs::{Life, Run},
    set, text,
};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The kind of a run: of a job, or submitted by itself.
pub fn run_type(run: &Run) -> &'static str {
    if run.job_id == 0 { "SUBMIT_RUN" } else { "JOB_RUN" }
}

fn tasks(run: &Run) -> &[Value] {
    run.settings.get("tasks").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The whole run, as runs/get shows it.
pub fn whole(run: &Run, now: i64, base: &str) -> Value {
    let mut shown = frame(run, run.run_id, now);
    let (life, result) = (run.life, run.result.as_deref());
    state(&mut shown, life, result, &run.message);
    shown["run_name"] = json!(run.run_name);
    shown["run_type"] = json!(run_type(run));
    shown["format"] = json!("MULTI_TASK");
    shown["number_in_job"] = json!(run.run_id);
    shown["original_attempt_run_id"] = json!(run.run_id);
    shown["trigger"] = json!("ONE_TIME");
    shown["run_page_url"] = json!(format!("{base}/#job/{}/run/{}", run.job_id, run.run_id));
    if run.given.as_object().is_some_and(|g| !g.is_empty()) {
        shown["overriding_parameters"] = run.given.clone();
    }
    let parameters = parameters(run);
    for (name, value) in [("job_clusters", set(&run.settings, "job_clusters").cloned()), ("job_parameters", parameters)]
    {
        if let Some(value) = value {
            shown[name] = value;
        }
    }
    shown["tasks"] = (0..tasks(run).len()).map(|at| task(run, at, now)).collect();
    shown
}

/// One task's own run, as runs/get shows it when asked by that run's id.
pub fn of_task(run: &Run, at: usize, now: i64, base: &str) -> Value {
    let mut shown = frame(run, run.task_run_ids[at], now);
    let own = task(run, at, now);
    shown["run_name"] = own["task_key"].clone();
    shown["state"] = own["state"].clone();
    shown["status"] = own["status"].clone();
    shown["run_type"] = json!(run_type(run));
    shown["format"] = json!("SINGLE_TASK");
    shown["run_page_url"] = json!(format!("{base}/#job/{}/run/{}", run.job_id, run.task_run_ids[at]));
    let kinds = own.as_object().into_iter().flatten().filter(|(name, _)| name.ends_with("_task"));
    shown["task"] = Value::Object(kinds.map(|(n, v)| (n.clone(), v.clone())).collect());
    shown["tasks"] = json!([own]);
    shown
}

fn frame(run: &Run, run_id: i64, now: i64) -> Value {
    let mut shown = json!({
        "run_id": run_id,
        "creator_user_name": run.creator_user_name,
        "run_as_user_name": run.run_as_user_name,
        "start_time": run.created,
        "setup_duration": 0,
        "cleanup_duration": 0,
        "execution_duration": 0,
        "run_duration": run.ended.unwrap_or(now) - run.created,
    });
    if run.job_id != 0 {
        shown["job_id"] = json!(run.job_id);
    }
    if let Some(ended) = run.ended {
        shown["end_time"] = json!(ended);
    }
    shown
}

/// The job's parameters with the values that run-now gave.
fn parameters(run: &Run) -> Option<Value> {
    let declared = set(&run.settings, "parameters")?.as_array()?;
    let given = run.given.get("job_parameters");
    let shown = declared.iter().map(|p| {
        let name = text(p, "name").unwrap_or_default();
        let mut shown = json!({ "name": name, "default": p.get("default") });
        if let Some(value) = given.and_then(|g| g.get(name)) {
            shown["value"] = value.clone();
        }
        shown
    });
    Some(shown.collect())
}

/// Writes both forms of a state: the old `state` and the newer `status`.
fn state(shown: &mut Value, life: Life, result: Option<&str>, message: &str) {
    let mut state = Map::new();
    state.insert("life_cycle_state".to_owned(), json!(life));
    state.insert("state_message".to_owned(), json!(message));
    state.insert("user_cancelled_or_timedout".to_owned(), json!(matches!(result, Some("CANCELED" | "TIMEDOUT"))));
    if let Some(result) = result {
        state.insert("result_state".to_owned(), json!(result));
    }
    shown["state"] = Value::Object(state);
    // The newer form knows neither INTERNAL_ERROR nor SKIPPED as states: both are terminated, for a reason.
    let status = if life.active() { json!(life) } else { json!("TERMINATED") };
    let mut status = json!({ "state": status });
    if !life.active() {
        let (code, kind) = match (life, result) {
            (Life::InternalError, _) => ("CLUSTER_ERROR", "CLIENT_ERROR"),
            (_, Some("SUCCESS") | None) => ("SUCCESS", "SUCCESS"),
            (_, Some("CANCELED")) => ("USER_CANCELED", "SUCCESS"),
            (_, Some("MAXIMUM_CONCURRENT_RUNS_REACHED")) => ("MAX_CONCURRENT_RUNS_EXCEEDED", "CLIENT_ERROR"),
            (_, Some(_)) => ("RUN_EXECUTION_ERROR", "CLIENT_ERROR"),
        };
        status["termination_details"] = json!({ "code": code, "type": kind, "message": message });
    }
    shown["status"] = status;
}

fn task(run: &Run, at: usize, now: i64) -> Value {
    let mut shown = tasks(run)[at].clone();
    let key = text(&shown, "task_key").unwrap_or_default().to_owned();
    shown["run_id"] = json!(run.task_run_ids[at]);
    shown["attempt_number"] = json!(0);
    shown["start_time"] = json!(run.created);
    shown["setup_duration"] = json!(0);
    shown["execution_duration"] = json!(run.ended.unwrap_or(now) - run.started.unwrap_or(now));
    shown["cleanup_duration"] = json!(0);
    if let Some(ended) = run.ended {
        shown["end_time"] = json!(ended);
    }
    let waits = set(&shown, "depends_on").and_then(Value::as_array).is_some_and(|d| !d.is_empty());
    if let Some(key) = text(&shown, "job_cluster_key") {
        let shared = run.settings.get("job_clusters").and_then(Value::as_array).into_iter().flatten();
        if let Some(cluster) = shared.into_iter().find(|c| text(c, "job_cluster_key") == Some(key)) {
            let mut spec = cluster["new_cluster"].clone();
            defaults::forget_write_only(&mut spec);
            shown["new_cluster"] = spec;
        }
    }
    let (result, message) = match run.result.as_deref() {
        Some("FAILED" | "TIMEDOUT") if run.life == Life::Terminated => of_failed(run, &key),
        other => (other.map(str::to_owned), run.message.clone()),
    };
    state(&mut shown, run.life, result.as_deref(), &message);
    if waits && run.life == Life::Running {
        // Tasks run in the order of the graph; the sandbox shows the first ones at work and the others waiting.
        shown["state"]["life_cycle_state"] = json!("BLOCKED");
        shown["status"]["state"] = json!("BLOCKED");
    }
    shown
}

/// The result of one task of a failed run: one task fails, what needs it does not run, the rest succeeds.
fn of_failed(run: &Run, key: &str) -> (Option<String>, String) {
    let all = tasks(run);
    let named = run.outcome.task.as_deref();
    let failing = named.or_else(|| all.last().and_then(|t| text(t, "task_key"))).unwrap_or_default();
    if key == failing {
        return (run.result.clone(), run.message.clone());
    }
    let mut reached = BTreeSet::from([failing.to_owned()]);
    loop {
        let before = reached.len();
        for task in all {
            let runs_anyway = matches!(text(task, "run_if"), Some("ALL_DONE" | "AT_LEAST_ONE_FAILED"));
            let mut needs = task.get("depends_on").and_then(Value::as_array).into_iter().flatten();
            if !runs_anyway && needs.any(|d| text(d, "task_key").is_some_and(|k| reached.contains(k))) {
                reached.extend(text(task, "task_key").map(str::to_owned));
            }
        }
        if reached.len() == before {
            break;
        }
    }
    match reached.contains(key) {
        true => (Some("UPSTREAM_FAILED".to_owned()), format!("Upstream task {failing} failed.")),
        false => (Some("SUCCESS".to_owned()), String::new()),
    }
}
