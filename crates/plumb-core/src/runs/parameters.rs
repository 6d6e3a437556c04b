//! What `jobs/run-now` takes beside the job's id, out of `NAME=VALUE`s.
//!
//! Facts (Jobs API 2.2; `RunNow` in databricks-sdk-go, `service/jobs/model.go`): a job that declares `parameters` takes
//! `job_parameters`, and none of the older members. Of those `notebook_params`, `python_named_params` and `sql_params` are
//! maps, each for all tasks of its type; `python_params`, `jar_params` and `spark_submit_params` are lists, and have no names.

use plumb_model::yaml::nearest;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// The most bytes that one of the older members may have as JSON (Jobs API 2.2, `notebook_params`).
const MOST_BYTES: usize = 10_000;

/// How many tasks a message names.
const MOST_NAMED: usize = 5;

/// Members of run-now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunParameters {
    /// Beside `job_id` and `idempotency_token`.
    pub members: Map<String, Value>,
    /// What they do not reach.
    pub notes: Vec<String>,
}

/// Why a run cannot be given what somebody wants to give it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ParameterFault {
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

/// What to send, by the settings of the live job.
///
/// # Errors
/// A name is given twice, or not declared; or no task takes parameters by name.
pub fn run_parameters(job: &Value, given: &[(String, String)]) -> Result<RunParameters, ParameterFault> {
    if given.is_empty() {
        return Ok(RunParameters::default());
    }
    let mut values: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, value) in given {
        if values.insert(name, value).is_some() {
            let message = format!("parameter `{name}` is given twice");
            return Err(ParameterFault { message, hint: "give each name once".to_owned() });
        }
    }
    let map: Map<String, Value> = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
    let declared = list(job, "parameters").filter_map(|one| one["name"].as_str());
    let declared: BTreeSet<&str> = declared.collect();
    if declared.is_empty() {
        return by_task(job, &map);
    }
    if let Some(unknown) = values.keys().find(|name| !declared.contains(**name)) {
        let hint = match nearest(unknown, declared.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it declares {}", quoted(&declared.into_iter().collect::<Vec<_>>())),
        };
        return Err(ParameterFault { message: format!("the live job declares no parameter `{unknown}`"), hint });
    }
    Ok(RunParameters { members: Map::from_iter([("job_parameters".to_owned(), map.into())]), notes: Vec::new() })
}

/// The older members, one for each type of task that has names for its parameters.
fn by_task(job: &Value, map: &Map<String, Value>) -> Result<RunParameters, ParameterFault> {
    let declare = "declare `parameters` in the job's manifest and apply it: they reach every task";
    let (mut members, mut without) = (BTreeSet::new(), Vec::new());
    for task in list(job, "tasks") {
        match member(task) {
            Some(member) => drop(members.insert(member)),
            None => without.push(task["task_key"].as_str().unwrap_or("?")),
        }
    }
    if members.is_empty() {
        let message = "the live job declares no parameters, and no task of it takes any by name".to_owned();
        return Err(ParameterFault { message, hint: declare.to_owned() });
    }
    let all = members.iter().map(|member| ((*member).to_owned(), Value::Object(map.clone())));
    let members: Map<String, Value> = all.collect();
    let one = |(name, value): (&String, &Value)| Value::Object(Map::from_iter([(name.clone(), value.clone())]));
    if let Some(bytes) = members.iter().map(|each| one(each).to_string().len()).find(|bytes| *bytes > MOST_BYTES) {
        let message = format!("the parameters take {bytes} bytes, and a run takes {MOST_BYTES} at most");
        return Err(ParameterFault { message, hint: "put long values into a file, and give its path".to_owned() });
    }
    let mut notes = Vec::new();
    if !without.is_empty() {
        notes.push(format!("the job declares no parameters: {} gets none; {declare}", quoted(&without)));
    }
    Ok(RunParameters { members, notes })
}

/// The member that gives a task its parameters by name.
fn member(task: &Value) -> Option<&'static str> {
    if task["notebook_task"].is_object() {
        return Some("notebook_params");
    }
    if task["sql_task"].is_object() {
        return Some("sql_params");
    }
    // A wheel has either names or positions.
    let is_positional = list(&task["python_wheel_task"], "parameters").next().is_some();
    (task["python_wheel_task"].is_object() && !is_positional).then_some("python_named_params")
}

fn list<'a>(value: &'a Value, member: &str) -> impl Iterator<Item = &'a Value> {
    value.get(member).and_then(Value::as_array).into_iter().flatten()
}

fn quoted(names: &[&str]) -> String {
    let shown: Vec<String> = names.iter().take(MOST_NAMED).map(|name| format!("`{name}`")).collect();
    let rest = names.len() - shown.len();
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn given(all: &[(&str, &str)]) -> Vec<(String, String)> {
        all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn sent(job: Value, all: &[(&str, &str)]) -> Value {
        Value::Object(run_parameters(&job, &given(all)).unwrap().members)
    }

    #[test]
    fn a_job_that_declares_parameters_gets_those_alone() {
        let job = json!({"parameters": [{"name": "day", "default": "none"}, {"name": "mode", "default": "x"}],
            "tasks": [{"task_key": "a", "notebook_task": {}}]});
        assert_eq!(sent(job.clone(), &[]), json!({}));
        assert_eq!(sent(job.clone(), &[("day", "2026-01-02")]), json!({"job_parameters": {"day": "2026-01-02"}}));
        let fault = run_parameters(&job, &given(&[("days", "1")])).unwrap_err();
        assert_eq!(fault.message, "the live job declares no parameter `days`");
        assert_eq!(fault.hint, "did you mean `day`?");
        let fault = run_parameters(&job, &given(&[("zzzzzz", "1")])).unwrap_err();
        assert_eq!(fault.hint, "it declares `day`, `mode`");
        let fault = run_parameters(&job, &given(&[("day", "1"), ("day", "2")])).unwrap_err();
        assert_eq!(fault.message, "parameter `day` is given twice");
    }

    #[test]
    fn without_declared_ones_each_type_of_task_gets_them_under_its_name() {
        let job = json!({"tasks": [
            {"task_key": "a", "notebook_task": {}},
            {"task_key": "b", "sql_task": {}},
            {"task_key": "c", "python_wheel_task": {"named_parameters": {"day": "x"}}},
            {"task_key": "d", "python_wheel_task": {"parameters": ["x"]}},
            {"task_key": "e", "spark_python_task": {}},
        ]});
        let found = run_parameters(&job, &given(&[("day", "1")])).unwrap();
        let map = json!({"day": "1"});
        let expected = json!({"notebook_params": map, "sql_params": map, "python_named_params": map});
        assert_eq!(Value::Object(found.members), expected);
        assert!(found.notes[0].contains("`d`, `e` gets none"), "{:?}", found.notes);
    }

    #[test]
    fn what_has_no_names_or_is_too_long_is_refused() {
        let jar = json!({"tasks": [{"task_key": "a", "spark_jar_task": {}}]});
        let fault = run_parameters(&jar, &given(&[("day", "1")])).unwrap_err();
        assert!(fault.message.contains("no task of it takes any by name"), "{fault}");
        assert!(fault.hint.contains("declare `parameters`"), "{}", fault.hint);
        let notebook = json!({"tasks": [{"task_key": "a", "notebook_task": {}}]});
        // `{"notebook_params":{"day":""}}` has 30 bytes of its own.
        let fits = "x".repeat(MOST_BYTES - 30);
        assert!(run_parameters(&notebook, &given(&[("day", &fits)])).is_ok());
        let fault = run_parameters(&notebook, &given(&[("day", &format!("{fits}x"))])).unwrap_err();
        assert_eq!(fault.message, "the parameters take 10001 bytes, and a run takes 10000 at most");
    }
}
