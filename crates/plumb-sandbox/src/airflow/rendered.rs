//! What operators of EMR were given in a run, as Airflow keeps it, and the ids that they returned.
//!
//! Recorded from 3.3.2 and 2.11.2 with apache-airflow-providers-amazon 9.39.0: a field is its value with the templates filled
//! in; one whose text is longer than `[core] max_templated_field_length` is cut. Of other operators nothing is kept here.

use super::definition::{Starts, Task};
use super::jinja::{self, TemplateContext};
use super::runs::DagRun;
use super::{ApiVersion, pyjson};
use crate::store::Store;
use serde_json::{Map, Value, json};

/// Airflow's default of `[core] max_templated_field_length`.
const LONGEST: usize = 4096;
/// The XCom that what a task returns is kept under.
pub const RETURNED: &str = "return_value";

/// The rendered fields of a task in a run. `state` is its state: one that has not begun has none.
pub fn fields(store: &Store, api: ApiVersion, run: &DagRun, task: &Task, state: &Value) -> Value {
    let has_begun = matches!(state.as_str(), Some("success" | "failed" | "running" | "up_for_retry" | "deferred"));
    let Some(raw) = raw(task).filter(|_| has_begun) else { return json!({}) };
    let context = TemplateContext::of(run);
    let one = |value: &Value| cut(api, filled(store, run, value, &context));
    Value::Object(raw.iter().map(|(name, value)| (name.clone(), one(value))).collect())
}

fn raw(task: &Task) -> Option<Map<String, Value>> {
    match (&task.fields, &task.starts) {
        (Some(fields), _) => Some(fields.clone()),
        (None, Some(Starts::Cluster(of))) => Some(Map::from_iter([("job_flow_overrides".to_owned(), of.run.clone())])),
        _ => None,
    }
}

/// The names of a task's template fields, as far as they are known here.
pub fn names(task: &Task) -> Vec<String> {
    raw(task).map(|fields| fields.keys().cloned().collect()).unwrap_or_default()
}

/// A value with its templates filled in. One that the sandbox does not know stays as it is.
fn filled(store: &Store, run: &DagRun, value: &Value, context: &TemplateContext<'_>) -> Value {
    match value {
        Value::String(text) => match pulled(text) {
            Some(task) => returned(store, run, task).unwrap_or(Value::Null),
            None => jinja::render(text, context).map_or_else(|_| value.clone(), Value::String),
        },
        Value::Array(items) => items.iter().map(|item| filled(store, run, item, context)).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, member)| (name.clone(), filled(store, run, member, context))).collect()
        }
        other => other.clone(),
    }
}

/// The task whose XCom a text is, if it is one: `{{ ti.xcom_pull(task_ids='create') }}`.
fn pulled(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    let (_, arguments) = inner.split_once("xcom_pull(")?;
    arguments.split(['\'', '"']).nth(1)
}

/// What a task of a run returned: the id of the cluster that it started.
pub fn returned(store: &Store, run: &DagRun, task_id: &str) -> Option<Value> {
    let pushed = run.tasks.get(task_id).and_then(|task| task.xcom.iter().find(|(key, _)| key == RETURNED));
    if let Some((_, value)) = pushed {
        return Some(value.clone());
    }
    let tasks = &store.airflow.dags.get(&run.dag_id)?.definition.tasks;
    let task = tasks.iter().find(|task| task.task_id == task_id)?;
    let starts = task.fields.as_ref().is_some_and(|fields| fields.contains_key("job_flow_overrides"));
    let of = format!("{}/{}/{task_id}", run.dag_id, run.run_id);
    let sum = of.bytes().fold(5_u64, |sum, byte| sum.wrapping_mul(131).wrapping_add(u64::from(byte)));
    let id = Store::scrambled(sum).to_uppercase();
    starts.then(|| json!(format!("j-{}", &id[..13.min(id.len())])))
}

/// A field as it is kept: its text is cut when it is too long.
fn cut(api: ApiVersion, value: Value) -> Value {
    let text = pyjson::repr(&value);
    if text.chars().count() <= LONGEST {
        return value;
    }
    let kept: String = text.chars().take(LONGEST - 79).collect();
    // Airflow 2 keeps the text of a text.
    let kept = if api == ApiVersion::V1 { pyjson::repr(&json!(kept)) } else { kept };
    json!(format!("Truncated. You can change this behaviour in [core]max_templated_field_length. {kept}... "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::airflow::Dag;

    fn world() -> (Store, DagRun) {
        let task = |id: &str, fields: Value| Task {
            task_id: id.to_owned(),
            fields: fields.as_object().cloned(),
            ..Task::default()
        };
        let definition = super::super::definition::Definition {
            dag_id: "sales".to_owned(),
            tasks: vec![
                task("create", json!({ "job_flow_overrides": { "Name": "sales-{{ ds }}" } })),
                task(
                    "steps",
                    json!({ "job_flow_id": "{{ ti.xcom_pull(task_ids='create') }}", "steps": ["x".repeat(5000)],
                        "odd": "{{ var.value.x }}" }),
                ),
                task("plain", Value::Null),
            ],
            ..Default::default()
        };
        let mut store = Store::new(crate::store::Clock::Fixed(0));
        let dag = Dag {
            definition,
            file: "sales.py".to_owned(),
            source: String::new(),
            is_paused: false,
            is_stale: false,
            has_import_errors: false,
            parsed_ms: 0,
            versions: Vec::new(),
            last_end: None,
        };
        store.airflow.dags.insert("sales".to_owned(), dag);
        let run = DagRun { dag_id: "sales".to_owned(), run_id: "r1".to_owned(), ..DagRun::default() };
        (store, run)
    }

    #[test]
    fn fields_are_filled_in_joined_and_cut() {
        let (store, run) = world();
        let tasks = &store.airflow.dags["sales"].definition.tasks;
        let of = |task: &Task, state: &str| fields(&store, ApiVersion::V2, &run, task, &json!(state));
        assert_eq!(of(&tasks[0], "success")["job_flow_overrides"]["Name"], "sales-1970-01-01");
        let steps = of(&tasks[1], "failed");
        assert_eq!(Some(&steps["job_flow_id"]), returned(&store, &run, "create").as_ref());
        assert!(steps["job_flow_id"].as_str().unwrap().starts_with("j-"), "{steps}");
        assert!(steps["steps"].as_str().unwrap().starts_with("Truncated. You can change this behaviour in [core]max"));
        assert_eq!(steps["odd"], "{{ var.value.x }}");
        for nothing in [of(&tasks[1], "upstream_failed"), of(&tasks[1], "queued"), of(&tasks[2], "success")] {
            assert_eq!(nothing, json!({}));
        }
    }
}
