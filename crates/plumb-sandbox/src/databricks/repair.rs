//! Repairs of job runs: tasks of a run that has ended run again, as part of the same run. And the export of a run.
//!
//! Jobs API reference, runs/repair, runs/get (`repair_history`) and runs/export. Statuses and words of refusals are
//! unverified, but for the repair without `latest_repair_id` (databricks/databricks-sdk-py, discussion 158). A repair takes
//! no parameters over from its run (Databricks' answer in apache/airflow#46704; apache/airflow#64828).

use super::{
    code, defaults,
    run_view::{self, Attempt},
    runs::{self, LifeCycleState, Run},
    set, text, workspace,
};
use crate::{
    errors::{ApiError, Handled},
    request::Request,
    store::Store,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What a run has of its repairs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Repairs {
    /// The stages that are over: the original run, and every repair but the latest.
    pub past: Vec<Stage>,
    /// The id of the latest repair.
    pub id: Option<i64>,
    /// Attempts of tasks that a repair ran again.
    pub replaced: Vec<Attempt>,
    /// By the place of the task, what the latest repair did not run again.
    pub kept: BTreeMap<usize, Attempt>,
}

/// The original run, or one repair of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Stage {
    /// `None` for the original run.
    pub id: Option<i64>,
    pub started: i64,
    pub ended: Option<i64>,
    pub life: LifeCycleState,
    pub result: Option<String>,
    pub message: String,
    pub task_run_ids: Vec<i64>,
}

/// The stage that a run is in, or ended with.
fn stage(run: &Run) -> Stage {
    let ids = run.task_run_ids.iter().enumerate().filter(|(at, _)| !run.repairs.kept.contains_key(at));
    Stage {
        id: run.repairs.id,
        started: run.begins.unwrap_or(run.created),
        ended: run.ended,
        life: run.life,
        result: run.result.clone(),
        message: run.message.clone(),
        task_run_ids: ids.map(|(_, id)| *id).collect(),
    }
}

/// `repair_history`: the original run first.
pub fn history(run: &Run) -> Value {
    let shown = |stage: &Stage| {
        let mut shown = json!({
            "type": if stage.id.is_some() { "REPAIR" } else { "ORIGINAL" },
            "start_time": stage.started,
            "task_run_ids": stage.task_run_ids,
        });
        if let Some(id) = stage.id {
            shown["id"] = json!(id);
        }
        if let Some(ended) = stage.ended {
            shown["end_time"] = json!(ended);
        }
        run_view::state(&mut shown, stage.life, stage.result.as_deref(), &stage.message);
        shown
    };
    run.repairs.past.iter().chain([&stage(run)]).map(shown).collect()
}

/// The tasks that a repair is to run again, by their places.
fn chosen(run: &Run, request: &Request) -> Result<BTreeSet<usize>, ApiError> {
    let tasks = run.settings.get("tasks").and_then(Value::as_array).cloned().unwrap_or_default();
    let place = |key: &str| tasks.iter().position(|t| text(t, "task_key") == Some(key));
    let named = request.body.get("rerun_tasks").and_then(Value::as_array).cloned().unwrap_or_default();
    let failed = request.flag("rerun_all_failed_tasks");
    if failed != named.is_empty() {
        let message = "Exactly one of rerun_tasks and rerun_all_failed_tasks must be specified.";
        return Err(ApiError::invalid(message));
    }
    let mut chosen = BTreeSet::new();
    for name in &named {
        let key = name.as_str().unwrap_or_default();
        chosen.insert(
            place(key)
                .ok_or_else(|| ApiError::invalid(format!("Task '{key}' is not a task of run {}.", run.run_id)))?,
        );
    }
    if failed {
        // What did not succeed, and what did not run because of it. A task whose condition left it out did not fail.
        let bad = |at: &usize| !matches!(run_view::current(run, *at).result.as_deref(), Some("SUCCESS" | "EXCLUDED"));
        chosen.extend((0..tasks.len()).filter(bad));
    }
    if request.flag("rerun_dependent_tasks") {
        loop {
            let before = chosen.len();
            for (at, task) in tasks.iter().enumerate() {
                let needs = task.get("depends_on").and_then(Value::as_array).into_iter().flatten();
                let mut on = needs.filter_map(|d| text(d, "task_key").and_then(place));
                if on.any(|on| chosen.contains(&on)) {
                    chosen.insert(at);
                }
            }
            if chosen.len() == before {
                break;
            }
        }
    }
    if chosen.is_empty() {
        return Err(ApiError::invalid(format!("Run {} has no task to run again.", run.run_id)));
    }
    Ok(chosen)
}

/// Answers `runs/repair`.
pub fn repair(store: &mut Store, request: &Request) -> Handled {
    let (run_id, _) = runs::find(store, request.required_number("run_id")?)?;
    let mut run = store.databricks.runs[&run_id].clone();
    // "The run must not be in progress."
    if run.life.active() {
        return Err(ApiError::state(format!(
            "Run {run_id} is in progress: only a run that has ended can be repaired."
        )));
    }
    // "Not required the first time, but must be provided on subsequent requests": two people do not repair at once.
    if request.number("latest_repair_id")? != run.repairs.id {
        return Err(ApiError::invalid(match run.repairs.id {
            Some(_) if request.number("latest_repair_id")?.is_none() => {
                "The latest repair ID needs to be provided in order to create a new repair".to_owned()
            }
            Some(id) => format!("latest_repair_id must be {id}, the latest repair of run {run_id}."),
            None => format!("Run {run_id} has not been repaired yet: leave latest_repair_id out."),
        }));
    }
    let again = chosen(&run, request)?;
    let count = run.task_run_ids.len();
    let (before, over) = ((0..count).map(|at| run_view::current(&run, at)).collect::<Vec<_>>(), stage(&run));
    run.repairs.past.push(over);
    run.repairs.kept.clear();
    for attempt in before {
        if again.contains(&attempt.at) {
            run.repairs.replaced.push(attempt);
        } else {
            run.repairs.kept.insert(attempt.at, attempt);
        }
    }
    for at in &again {
        run.task_run_ids[*at] = runs::new_id(store);
    }
    run.given = Value::Object(defaults::only(&request.object()?, &runs::PARAMETERS));
    let broken = renew(store, &mut run, &again);
    let id = runs::new_id(store);
    let now = store.now();
    run.repairs.id = Some(id);
    run.begins = Some(now);
    run.started = None;
    run.ended = broken.is_some().then_some(now);
    run.life = if broken.is_some() { LifeCycleState::InternalError } else { LifeCycleState::Pending };
    run.result = broken.is_some().then(|| "FAILED".to_owned());
    run.message = broken.unwrap_or_default();
    run.ending = None;
    store.databricks.runs.insert(run_id, run);
    code::begin(store, run_id);
    Ok(json!({ "repair_id": id }))
}

/// Tasks that run again "use the current job and task settings". How they end is what the sandbox's settings say now.
fn renew(store: &mut Store, run: &mut Run, again: &BTreeSet<usize>) -> Option<String> {
    let job = store.databricks.jobs.get(&run.job_id).cloned();
    let mut settings = job.as_ref().map_or_else(|| run.settings.clone(), |job| job.settings.clone());
    if let Some(job) = &job {
        run.outcome = runs::outcome(store, job);
    }
    // The parameters that the job has by now are those of the tasks that run again.
    if let Some(parameters) = set(&settings, "parameters") {
        run.settings["parameters"] = parameters.clone();
    }
    let broken = runs::resolve_clusters(store, &mut settings);
    defaults::job_on_read(&mut settings);
    let current = settings.get("tasks").and_then(Value::as_array).cloned().unwrap_or_default();
    for (at, task) in run.settings.get_mut("tasks").and_then(Value::as_array_mut).into_iter().flatten().enumerate() {
        let same = |t: &&Value| text(t, "task_key") == text(task, "task_key");
        if let Some(new) = current.iter().find(same).filter(|_| again.contains(&at)) {
            *task = new.clone();
        }
    }
    for shared in ["job_clusters", "environments", "git_source"] {
        if let Some(value) = set(&settings, shared) {
            run.settings[shared] = value.clone();
        }
    }
    // A failure that is meant for a task which does not run again happens to none.
    let tasks = run.settings.get("tasks").and_then(Value::as_array);
    let place = |key: &String| tasks?.iter().position(|t| text(t, "task_key") == Some(key));
    if run.outcome.task.as_ref().and_then(place).is_some_and(|at| !again.contains(&at)) {
        run.outcome.result = None;
    }
    broken
}

/// Answers `runs/export`: the code of a notebook's run as HTML.
pub fn export(store: &mut Store, request: &Request) -> Handled {
    let (run_id, task) = runs::find(store, request.required_number("run_id")?)?;
    let views = request.param("views_to_export").unwrap_or_else(|| "CODE".to_owned());
    if !["CODE", "DASHBOARDS", "ALL"].contains(&views.as_str()) {
        return Err(ApiError::invalid(format!("views_to_export must be CODE, DASHBOARDS or ALL, but is {views}.")));
    }
    let run = &store.databricks.runs[&run_id];
    let task = match task {
        Some(task) => task,
        None if run.task_run_ids.len() == 1 => run.task_run_ids[0],
        None => {
            let message = "Exporting runs with multiple tasks is not supported. Export each task's own run instead.";
            return Err(ApiError::invalid(message));
        }
    };
    let shown = run_view::of_task(run, task, store.now(), &request.base);
    let path = shown.pointer("/task/notebook_task/notebook_path").and_then(Value::as_str);
    let path = path.ok_or_else(|| ApiError::invalid(format!("Run {task} is not the run of a notebook.")))?;
    let name = path.rsplit('/').next().unwrap_or(path);
    let mut answer = Map::new();
    // The sandbox has no dashboards.
    if views != "DASHBOARDS" {
        // A notebook that is not there, or in git, still has a run.
        let code = workspace::notebook_view(store, path).unwrap_or_else(|| {
            format!("<!DOCTYPE html>\n<html><head><title>{name} - Databricks</title></head><body></body></html>\n")
        });
        answer.insert("views".to_owned(), json!([{ "content": code, "name": name, "type": "NOTEBOOK" }]));
    }
    Ok(answer.into())
}

#[cfg(test)]
mod tests {
    use super::super::route;
    use super::*;
    use crate::{settings::RunOutcome, store::Clock};

    fn ask(store: &mut Store, method: &str, path: &str, body: Value) -> Handled {
        route(store, &Request::internal(method, &format!("/api/2.2/jobs/{path}"), "me@example.com", body))
    }

    fn see(store: &mut Store, run_id: i64) -> Value {
        ask(store, "GET", &format!("runs/get?run_id={run_id}&include_history=true"), Value::Null).unwrap()
    }

    /// A job whose task `b` fails, and its run, which has ended.
    fn failed(store: &mut Store) -> i64 {
        let task = |key: &str, on: &[&str]| {
            let on: Vec<_> = on.iter().map(|k| json!({ "task_key": k })).collect();
            json!({ "task_key": key, "depends_on": on, "notebook_task": { "notebook_path": format!("/Shared/{key}") } })
        };
        let body = json!({ "name": "j", "tasks": [task("a", &[]), task("b", &["a"]), task("c", &["b"])] });
        let job = ask(store, "POST", "create", body).unwrap()["job_id"].clone();
        let outcome = RunOutcome { result: Some("FAILED".into()), task: Some("b".into()), ..RunOutcome::default() };
        store.settings.runs.insert("j".to_owned(), outcome);
        let run = ask(store, "POST", "run-now", json!({ "job_id": job })).unwrap()["run_id"].as_i64().unwrap();
        see(store, run);
        see(store, run);
        run
    }

    fn results(run: &Value) -> Vec<String> {
        let one = |t: &Value| {
            let word = |v: &Value| v.as_str().unwrap_or("-").to_owned();
            format!("{}{} {}", word(&t["task_key"]), t["attempt_number"], word(&t["state"]["result_state"]))
        };
        run["tasks"].as_array().unwrap().iter().map(one).collect()
    }

    #[test]
    fn failed_tasks_run_again_and_the_history_tells() {
        let mut store = Store::new(Clock::Fixed(1_000));
        let run = failed(&mut store);
        let ended = see(&mut store, run);
        assert_eq!(results(&ended), ["a0 SUCCESS", "b0 FAILED", "c0 UPSTREAM_FAILED"]);
        assert_eq!(ended["repair_history"].as_array().unwrap().len(), 1, "the original run");
        store.settings.runs.clear();
        store.advance(60);
        let body = json!({ "run_id": run, "rerun_all_failed_tasks": true });
        let id = ask(&mut store, "POST", "runs/repair", body.clone()).unwrap()["repair_id"].clone();
        let busy = ask(&mut store, "POST", "runs/repair", body).unwrap_err();
        assert_eq!(busy.body["error_code"], "INVALID_STATE");
        let running = see(&mut store, run);
        assert_eq!(running["state"]["life_cycle_state"], "RUNNING");
        assert_eq!(results(&running)[0], "a0 SUCCESS", "what succeeded is left alone");
        let ended = see(&mut store, run);
        assert_eq!(
            results(&ended),
            ["a0 SUCCESS", "b0 FAILED", "b1 SUCCESS", "c0 UPSTREAM_FAILED", "c1 SUCCESS"],
            "every attempt is listed"
        );
        assert_eq!(ended["state"]["result_state"], "SUCCESS");
        let history = &ended["repair_history"];
        assert_eq!((&history[0]["type"], &history[0]["state"]["result_state"]), (&json!("ORIGINAL"), &json!("FAILED")));
        assert_eq!((&history[1]["type"], &history[1]["id"]), (&json!("REPAIR"), &id));
        assert_eq!((&history[0]["start_time"], &history[1]["start_time"]), (&json!(1_000), &json!(61_000)));
        assert_eq!(history[1]["task_run_ids"], json!([ended["tasks"][2]["run_id"], ended["tasks"][4]["run_id"]]));
        // It is shown only on request; the old attempts still have runs of their own.
        let plain = ask(&mut store, "GET", &format!("runs/get?run_id={run}"), Value::Null).unwrap();
        assert!(plain.get("repair_history").is_none());
        let old =
            ask(&mut store, "GET", &format!("runs/get-output?run_id={}", ended["tasks"][1]["run_id"]), Value::Null);
        assert!(old.unwrap()["error"].is_string());
    }

    #[test]
    fn a_repair_of_some_tasks_leaves_the_others_as_they_were() {
        let mut store = Store::new(Clock::Fixed(0));
        let run = failed(&mut store);
        let body = json!({ "run_id": run, "rerun_tasks": ["c"] });
        let first = ask(&mut store, "POST", "runs/repair", body).unwrap()["repair_id"].clone();
        see(&mut store, run);
        let ended = see(&mut store, run);
        assert_eq!(results(&ended), ["a0 SUCCESS", "b0 FAILED", "c0 UPSTREAM_FAILED", "c1 SUCCESS"]);
        assert_eq!(ended["state"]["result_state"], "FAILED", "b has not succeeded");
        // The next one has to know of it.
        let mut body = json!({ "run_id": run, "rerun_tasks": ["b"], "rerun_dependent_tasks": true });
        let refused = ask(&mut store, "POST", "runs/repair", body.clone()).unwrap_err();
        assert_eq!(refused.body["error_code"], "INVALID_PARAMETER_VALUE");
        body["latest_repair_id"] = first;
        store.settings.runs.clear();
        ask(&mut store, "POST", "runs/repair", body).unwrap();
        see(&mut store, run);
        let ended = see(&mut store, run);
        assert_eq!((&ended["state"]["result_state"], results(&ended).len()), (&json!("SUCCESS"), 6));
        assert_eq!(ended["repair_history"].as_array().unwrap().len(), 3);
        for body in [
            json!({ "run_id": run }),
            json!({ "run_id": run, "rerun_tasks": ["a"], "rerun_all_failed_tasks": true }),
            json!({ "run_id": run, "rerun_tasks": ["nobody"] }),
            json!({ "run_id": run, "rerun_all_failed_tasks": true }),
        ] {
            let mut body = body;
            body["latest_repair_id"] = ended["repair_history"][2]["id"].clone();
            let refused = ask(&mut store, "POST", "runs/repair", body).unwrap_err();
            assert_eq!(refused.body["error_code"], "INVALID_PARAMETER_VALUE");
        }
    }

    #[test]
    fn the_run_of_a_notebook_is_exported_as_html() {
        let mut store = Store::new(Clock::Fixed(0));
        let notebook = json!({ "path": "/Shared/a", "language": "PYTHON", "content": "eCA8IDE=" });
        route(&mut store, &Request::internal("POST", "/api/2.0/workspace/import", "me@example.com", notebook)).unwrap();
        let run = failed(&mut store);
        let tasks = see(&mut store, run)["tasks"].clone();
        let path = format!("runs/export?run_id={}&views_to_export=ALL", tasks[0]["run_id"]);
        let view = ask(&mut store, "GET", &path, Value::Null).unwrap()["views"][0].clone();
        assert_eq!((&view["name"], &view["type"]), (&json!("a"), &json!("NOTEBOOK")));
        assert!(view["content"].as_str().unwrap().contains("<pre>x &lt; 1</pre>"), "{view}");
        let none = format!("runs/export?run_id={}&views_to_export=DASHBOARDS", tasks[0]["run_id"]);
        assert_eq!(ask(&mut store, "GET", &none, Value::Null).unwrap(), json!({}));
        assert_eq!(ask(&mut store, "GET", &format!("runs/export?run_id={run}"), Value::Null).unwrap_err().status, 400);
    }
}
