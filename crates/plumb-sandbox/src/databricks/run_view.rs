//! Job runs and their tasks in the shape of the Jobs API: `runs/get`, `runs/list`, `runs/get-output`.

use super::{
    code, defaults,
    runs::{LifeCycleState, Run, TaskEnding},
    set, text,
};
use serde::{Deserialize, Serialize};
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
    if let Some(ending) = run.ending.as_ref().filter(|_| !life.active()) {
        told(&mut shown, &ending.rest);
    }
    shown["run_name"] = json!(run.run_name);
    shown["run_type"] = json!(run_type(run));
    shown["format"] = json!(text(&run.settings, "format").unwrap_or("MULTI_TASK"));
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
    // All attempts: whoever looks for the latest one takes that which began last (Airflow's operators do).
    shown["tasks"] = attempts(run).iter().map(|attempt| task(run, attempt, now)).collect();
    if run.queued > 0 {
        shown["queue_duration"] = json!(run.queued);
    }
    shown
}

/// One task's own run, as runs/get shows it when asked by that run's id.
pub fn of_task(run: &Run, id: i64, now: i64, base: &str) -> Value {
    let mut shown = frame(run, id, now);
    let attempt = attempts(run).into_iter().find(|attempt| attempt.run_id == id);
    let own = attempt.map_or(Value::Null, |attempt| task(run, &attempt, now));
    shown["run_name"] = own["task_key"].clone();
    shown["state"] = own["state"].clone();
    shown["status"] = own["status"].clone();
    if let Some(instance) = set(&own, "cluster_instance") {
        shown["cluster_instance"] = instance.clone();
    }
    shown["run_type"] = json!(run_type(run));
    shown["format"] = json!("SINGLE_TASK");
    shown["run_page_url"] = json!(format!("{base}/#job/{}/run/{id}", run.job_id));
    let kinds = own.as_object().into_iter().flatten().filter(|(name, _)| name.ends_with("_task"));
    shown["task"] = Value::Object(kinds.map(|(n, v)| (n.clone(), v.clone())).collect());
    shown["tasks"] = json!([own]);
    shown
}

fn frame(run: &Run, run_id: i64, now: i64) -> Value {
    let mut shown = json!({
        "run_id": run_id,
        "job_run_id": run.run_id,
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
pub fn parameters(run: &Run) -> Option<Value> {
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
pub fn state(shown: &mut Value, life: LifeCycleState, result: Option<&str>, message: &str) {
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
            (LifeCycleState::InternalError, _) => ("CLUSTER_ERROR", "CLIENT_ERROR"),
            (_, Some("SUCCESS") | None) => ("SUCCESS", "SUCCESS"),
            (_, Some("SUCCESS_WITH_FAILURES")) => ("SUCCESS_WITH_FAILURES", "SUCCESS"),
            (_, Some("CANCELED")) => ("USER_CANCELED", "SUCCESS"),
            (_, Some("MAXIMUM_CONCURRENT_RUNS_REACHED")) => ("MAX_CONCURRENT_RUNS_EXCEEDED", "CLIENT_ERROR"),
            (_, Some(_)) => ("RUN_EXECUTION_ERROR", "CLIENT_ERROR"),
        };
        status["termination_details"] = json!({ "code": code, "type": kind, "message": message });
    }
    shown["status"] = status;
}

/// Says of a state what its story says.
fn told(shown: &mut Value, ending: &TaskEnding) {
    if let Some(details) = shown["status"].get_mut("termination_details") {
        details["code"] = json!(ending.code);
        details["type"] = json!(ending.kind);
    }
}

/// What the failed attempt of that id left behind, where there is a story to it.
pub fn ending(run: &Run, id: i64) -> Option<TaskEnding> {
    attempts(run).into_iter().find(|attempt| attempt.run_id == id)?.ending
}

/// One attempt at a task.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Attempt {
    pub run_id: i64,
    /// The place of the task among the run's tasks.
    pub at: usize,
    /// 0 for the first one.
    pub number: usize,
    pub created: i64,
    pub started: Option<i64>,
    pub ended: Option<i64>,
    pub life: LifeCycleState,
    pub result: Option<String>,
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<TaskEnding>,
}

/// The latest attempt at a task.
pub fn current(run: &Run, at: usize) -> Attempt {
    if let Some(kept) = run.repairs.kept.get(&at) {
        return kept.clone();
    }
    let key = text(&tasks(run)[at], "task_key").unwrap_or_default();
    // A repair fails by what it did not run again, while all that it ran succeeded.
    let of_others = !run.repairs.kept.is_empty() && run.outcome.result.as_deref().is_none_or(|r| r == "SUCCESS");
    let story = run.ending.as_ref().filter(|_| !run.life.active());
    let own = story.filter(|story| story.task == key);
    let (life, result, message) = match (own, run.result.as_deref()) {
        (Some(own), _) => (own.life, Some(own.result.clone()), own.message.clone()),
        (None, Some("FAILED")) if run.life == LifeCycleState::Terminated && of_others => {
            (run.life, Some("SUCCESS".to_owned()), String::new())
        }
        (None, Some("FAILED" | "TIMEDOUT")) if run.life == LifeCycleState::Terminated || story.is_some() => {
            let (result, message) = of_failed(run, key);
            (LifeCycleState::Terminated, result, message)
        }
        (None, other) => (run.life, other.map(str::to_owned), run.message.clone()),
    };
    let simulated = Attempt {
        run_id: run.task_run_ids[at],
        at,
        number: run.repairs.replaced.iter().filter(|a| a.at == at).count(),
        created: if run.repairs.id.is_some() { run.begins.unwrap_or(run.created) } else { run.created },
        started: run.started,
        ended: run.ended,
        life,
        result,
        message,
        ending: own.map(|own| own.rest.clone()),
    };
    code::attempt(run, at, simulated)
}

/// All attempts, by task and then by time.
fn attempts(run: &Run) -> Vec<Attempt> {
    let latest = (0..tasks(run).len()).map(|at| current(run, at));
    let mut all: Vec<Attempt> = run.repairs.replaced.iter().cloned().chain(latest).collect();
    all.sort_by_key(|attempt| (attempt.at, attempt.number));
    all
}

fn task(run: &Run, attempt: &Attempt, now: i64) -> Value {
    let mut shown = tasks(run)[attempt.at].clone();
    shown["run_id"] = json!(attempt.run_id);
    shown["attempt_number"] = json!(attempt.number);
    shown["start_time"] = json!(attempt.created);
    // Until it worked, its cluster came.
    shown["setup_duration"] = json!(attempt.started.map_or(0, |started| (started - attempt.created).max(0)));
    shown["execution_duration"] = json!(attempt.ended.unwrap_or(now) - attempt.started.unwrap_or(now));
    shown["cleanup_duration"] = json!(0);
    if let Some(ended) = attempt.ended {
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
    state(&mut shown, attempt.life, attempt.result.as_deref(), &attempt.message);
    if let Some(ending) = &attempt.ending {
        told(&mut shown, ending);
        if let Some(id) = &ending.cluster_id {
            shown["cluster_instance"] = json!({ "cluster_id": id });
            if let Some(context) = &ending.spark_context_id {
                shown["cluster_instance"]["spark_context_id"] = json!(context);
            }
        }
    }
    let is_latest = run.task_run_ids.get(attempt.at) == Some(&attempt.run_id);
    let waits = code::is_waiting(run, attempt.at).filter(|_| is_latest).unwrap_or(waits);
    if waits && attempt.life == LifeCycleState::Running {
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
    let last = all.iter().enumerate().rev().find(|(at, _)| !run.repairs.kept.contains_key(at));
    let failing = named.or_else(|| last.and_then(|(_, t)| text(t, "task_key"))).unwrap_or_default();
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
    if reached.contains(key) {
        (Some("UPSTREAM_FAILED".to_owned()), format!("Upstream task {failing} failed."))
    } else {
        (Some("SUCCESS".to_owned()), String::new())
    }
}
