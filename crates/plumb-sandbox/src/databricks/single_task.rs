//! Jobs API 2.0: a job has at most one task, and its members stand beside the job's own.
//!
//! The workspace keeps such a job as one with a task list and `format: SINGLE_TASK`; 2.0 folds it together, 2.1 and 2.2
//! show it with its list ("All API 2.1 requests must conform to the multi-task format and responses are structured in the
//! multi-task format", page "Updating from Jobs API 2.0 to 2.1").

use super::{set, text};
use crate::errors::ApiError;
use serde_json::{Map, Value, json};

/// The kinds of task that 2.0 knows (Jobs API 2.0 reference; Terraform provider, jobs/resource_job.go).
const KINDS: [&str; 9] = [
    "notebook_task",
    "spark_jar_task",
    "spark_python_task",
    "spark_submit_task",
    "pipeline_task",
    "python_wheel_task",
    "dbt_task",
    "sql_task",
    "run_job_task",
];

/// What else of a task stands beside the job's own members.
const BESIDE: [&str; 6] =
    ["existing_cluster_id", "new_cluster", "libraries", "max_retries", "min_retry_interval_millis", "retry_on_timeout"];

fn kind(settings: &Value) -> Option<&'static str> {
    KINDS.into_iter().find(|name| set(settings, name).is_some())
}

/// Refuses 2.0's form in a request of 2.1 or 2.2.
// That such a request "must conform to the multi-task format" is documented; status and words are unverified. Taking it
// and forgetting the task, as members that no version knows are forgotten, would lose what the job is for.
pub fn refuse(settings: &Value) -> Result<(), ApiError> {
    match kind(settings) {
        Some(name) => Err(ApiError::invalid(format!(
            "Invalid job settings: {name} belongs into an element of tasks in Jobs API 2.1 and later."
        ))),
        None => Ok(()),
    }
}

/// Brings 2.0's form into that with a list. Settings that have a list keep it: 2.0 takes them too.
pub fn unfold(settings: &mut Value) {
    if set(settings, "tasks").is_some() {
        settings["format"] = json!("MULTI_TASK");
        return;
    }
    // A task's key is its own from 2.1 on. What the service calls the task of such a job is unverified.
    let name = text(settings, "name").or_else(|| text(settings, "run_name")).unwrap_or("Untitled");
    let key: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).take(100).collect();
    let Some(map) = settings.as_object_mut() else { return };
    let mut task = Map::new();
    for name in KINDS.into_iter().chain(BESIDE) {
        if let Some(value) = map.remove(name).filter(|v| !v.is_null()) {
            task.insert(name.to_owned(), value);
        }
    }
    if !task.is_empty() {
        task.insert("task_key".to_owned(), json!(key));
        map.insert("tasks".to_owned(), json!([task]));
    }
    map.insert("format".to_owned(), json!("SINGLE_TASK"));
}

/// Whether the settings are those of a job of 2.0.
pub fn is_single(settings: &Value) -> bool {
    text(settings, "format") == Some("SINGLE_TASK")
}

/// Brings the settings of a single-task job into 2.0's form. Others have no such form and keep their list.
pub fn fold(settings: &mut Value) {
    if !is_single(settings) {
        return;
    }
    let Some(map) = settings.as_object_mut() else { return };
    let tasks = map.remove("tasks");
    let task = tasks.as_ref().and_then(|t| t.get(0)).and_then(Value::as_object);
    for (name, value) in task.into_iter().flatten() {
        if KINDS.contains(&name.as_str()) || BESIDE.contains(&name.as_str()) {
            map.insert(name.clone(), value.clone());
        }
    }
}

/// A run in 2.0's form: `task` and `cluster_spec` instead of the list (2.0 "sends the json key as task, whereas 2.1 sends
/// it as tasks", astronomer/astronomer-cosmos#162).
pub fn fold_run(run: &mut Value) {
    if !is_single(run) {
        return;
    }
    let Some(map) = run.as_object_mut() else { return };
    let tasks = map.remove("tasks");
    let Some(last) = tasks.as_ref().and_then(Value::as_array).and_then(|t| t.last()).and_then(Value::as_object) else {
        return;
    };
    let part = |names: &[&str]| -> Value {
        last.iter().filter(|(n, _)| names.contains(&n.as_str())).map(|(n, v)| (n.clone(), v.clone())).collect()
    };
    map.insert("task".to_owned(), part(&KINDS));
    map.insert("cluster_spec".to_owned(), part(&BESIDE[..3]));
}

#[cfg(test)]
mod tests {
    use super::super::route;
    use super::*;
    use crate::{
        errors::Handled,
        request::Request,
        store::{Clock, Store},
    };

    fn ask(store: &mut Store, method: &str, path: &str, body: Value) -> Handled {
        route(store, &Request::internal(method, &format!("/api/{path}"), "me@example.com", body))
    }

    fn old() -> Value {
        json!({
            "name": "old job", "existing_cluster_id": "c", "notebook_task": { "notebook_path": "/n" },
            "libraries": [{ "jar": "x.jar" }], "max_retries": 2, "timeout_seconds": 60,
        })
    }

    #[test]
    fn a_job_of_2_0_comes_back_as_it_was_and_later_versions_see_its_task() {
        let mut store = Store::new(Clock::Fixed(0));
        let id = ask(&mut store, "POST", "2.0/jobs/create", old()).unwrap()["job_id"].clone();
        let seen = ask(&mut store, "GET", &format!("2.0/jobs/get?job_id={id}"), Value::Null).unwrap();
        let settings = &seen["settings"];
        for (name, value) in old().as_object().unwrap() {
            if name != "notebook_task" {
                assert_eq!(&settings[name], value, "{name}");
            }
        }
        assert_eq!(settings["notebook_task"]["notebook_path"], "/n");
        assert_eq!((settings.get("tasks"), &settings["format"]), (None, &json!("SINGLE_TASK")));
        assert!(settings.get("queue").is_none(), "queueing is of 2.2: {settings}");
        let later = ask(&mut store, "GET", &format!("2.2/jobs/get?job_id={id}"), Value::Null).unwrap();
        assert_eq!(later["settings"]["tasks"][0]["notebook_task"]["notebook_path"], "/n");
        assert_eq!(
            (&later["settings"]["tasks"][0]["task_key"], &later["settings"]["timeout_seconds"]),
            (&json!("old_job"), &json!(60))
        );
        // Reset takes both forms.
        let new =
            json!({ "job_id": id, "new_settings": { "name": "new", "spark_jar_task": { "main_class_name": "M" } } });
        ask(&mut store, "POST", "2.0/jobs/reset", new).unwrap();
        let listed = ask(&mut store, "GET", "2.0/jobs/list", Value::Null).unwrap();
        assert_eq!(listed["jobs"][0]["settings"]["spark_jar_task"]["main_class_name"], "M");
        assert!(listed["jobs"][0]["settings"].get("notebook_task").is_none());
        let patch =
            json!({ "job_id": id, "new_settings": { "max_retries": 1 }, "fields_to_remove": ["timeout_seconds"] });
        ask(&mut store, "POST", "2.0/jobs/update", patch).unwrap();
        let seen = ask(&mut store, "GET", &format!("2.0/jobs/get?job_id={id}"), Value::Null).unwrap();
        assert_eq!((&seen["settings"]["max_retries"], &seen["settings"]["timeout_seconds"]), (&json!(1), &json!(0)));
        assert_eq!(seen["settings"]["spark_jar_task"]["main_class_name"], "M");
        let tasks = json!({ "job_id": id, "new_settings": { "tasks": [{ "task_key": "a" }, { "task_key": "b" }] } });
        ask(&mut store, "POST", "2.1/jobs/reset", tasks).unwrap();
        let seen = ask(&mut store, "GET", &format!("2.0/jobs/get?job_id={id}"), Value::Null).unwrap();
        assert_eq!(
            (&seen["settings"]["format"], seen["settings"]["tasks"].as_array().map(Vec::len)),
            (&json!("MULTI_TASK"), Some(2))
        );
        ask(&mut store, "POST", "2.0/jobs/delete", json!({ "job_id": id })).unwrap();
    }

    #[test]
    fn a_job_without_any_task_has_none() {
        let mut store = Store::new(Clock::Fixed(0));
        let id = ask(&mut store, "POST", "2.0/jobs/create", json!({ "name": "empty" })).unwrap()["job_id"].clone();
        let seen = ask(&mut store, "GET", &format!("2.0/jobs/get?job_id={id}"), Value::Null).unwrap();
        let expected = json!({
            "name": "empty", "format": "SINGLE_TASK", "email_notifications": {}, "webhook_notifications": {},
            "timeout_seconds": 0, "max_concurrent_runs": 1,
        });
        assert_eq!(seen["settings"], expected);
    }

    #[test]
    fn later_versions_refuse_the_old_form_rather_than_forget_the_task() {
        let mut store = Store::new(Clock::Fixed(0));
        for version in ["2.1", "2.2"] {
            let error = ask(&mut store, "POST", &format!("{version}/jobs/create"), old()).unwrap_err();
            assert_eq!((error.status, &error.body["error_code"]), (400, &json!("INVALID_PARAMETER_VALUE")));
            assert!(error.body["message"].as_str().unwrap().contains("notebook_task"), "{error:?}");
        }
        assert!(store.databricks.jobs.is_empty());
    }

    #[test]
    fn a_run_of_the_old_form_is_shown_in_it() {
        let mut store = Store::new(Clock::Fixed(0));
        store.settings.check_references = false;
        let id = ask(&mut store, "POST", "2.0/jobs/create", old()).unwrap()["job_id"].clone();
        let run = ask(&mut store, "POST", "2.0/jobs/run-now", json!({ "job_id": id })).unwrap()["run_id"].clone();
        let seen = ask(&mut store, "GET", &format!("2.0/jobs/runs/get?run_id={run}"), Value::Null).unwrap();
        assert_eq!(seen["task"]["notebook_task"]["notebook_path"], "/n");
        assert_eq!((&seen["cluster_spec"]["existing_cluster_id"], seen.get("tasks")), (&json!("c"), None));
        // Airflow's operator still submits so to later versions, which runs/submit takes (databricks-sdk-py#349).
        let mut submitted = old();
        submitted["run_name"] = json!("once");
        let run = ask(&mut store, "POST", "2.2/jobs/runs/submit", submitted).unwrap()["run_id"].clone();
        let seen = ask(&mut store, "GET", &format!("2.2/jobs/runs/get?run_id={run}"), Value::Null).unwrap();
        assert_eq!(seen["tasks"][0]["notebook_task"]["notebook_path"], "/n");
    }
}
