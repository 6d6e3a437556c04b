//! Which call an answer is of, told by its members.

use super::AnswerKind;
use serde_json::Value;

/// The most wrappers around an answer that are looked through.
const WRAPPERS: usize = 3;

/// Which call answers so, and the answer without what is wrapped around it: `None` for anything else.
pub(super) fn unwrapped(answer: &Value) -> Option<(AnswerKind, Vec<&str>)> {
    let mut path = Vec::new();
    let kind = within(answer, WRAPPERS, &mut path)?;
    path.reverse();
    Some((kind, path))
}

fn within<'a>(answer: &'a Value, wrappers: usize, path: &mut Vec<&'a str>) -> Option<AnswerKind> {
    if let Some(kind) = of(answer) {
        return Some(kind);
    }
    if wrappers == 0 {
        return None;
    }
    // What wraps an answer has it as its only member of that sort, beside texts and numbers.
    let members = answer.as_object()?.iter().filter(|(_, value)| value.is_object() || value.is_array());
    let mut found = members.filter_map(|(name, value)| {
        let mut below = Vec::new();
        within(value, wrappers - 1, &mut below).map(|kind| (name, kind, below))
    });
    let (name, kind, below) = found.next()?;
    if found.next().is_some() {
        return None;
    }
    path.extend(below);
    path.push(name);
    Some(kind)
}

fn of(answer: &Value) -> Option<AnswerKind> {
    match answer {
        Value::Array(items) => items.iter().find_map(of_item),
        Value::Object(_) => of_object(answer),
        _ => None,
    }
}

fn has(value: &Value, name: &str) -> bool {
    value.get(name).is_some()
}

fn is_text(value: &Value, name: &str, begins: &str) -> bool {
    value.get(name).and_then(Value::as_str).is_some_and(|text| text.starts_with(begins))
}

fn is_list(value: &Value, name: &str) -> bool {
    value.get(name).is_some_and(Value::is_array)
}

/// The call whose list such an item is in.
fn of_item(item: &Value) -> Option<AnswerKind> {
    let status = item.get("Status").is_some_and(Value::is_object);
    if has(item, "EventName") || has(item, "eventName") {
        return Some(AnswerKind::LookupEvents);
    }
    if has(item, "Ec2InstanceId") || (status && has(item, "InstanceType")) {
        return Some(AnswerKind::ListInstances);
    }
    if is_step(item) {
        return Some(AnswerKind::ListSteps);
    }
    if has(item, "library") && (has(item, "status") || has(item, "messages")) {
        return Some(AnswerKind::LibraryStatus);
    }
    if is_task_instance(item) {
        return Some(AnswerKind::TaskInstances);
    }
    if has(item, "event") && has(item, "when") {
        return Some(AnswerKind::EventLogs);
    }
    if has(item, "stack_trace") && has(item, "filename") {
        return Some(AnswerKind::ImportErrors);
    }
    is_cluster_event(item).then_some(AnswerKind::ClusterEvents)
}

fn is_cluster_event(item: &Value) -> bool {
    item.get("type").is_some_and(Value::is_string)
        && (has(item, "timestamp") || has(item, "details"))
        && (has(item, "cluster_id") || has(item, "details") || is_text(item, "type", "") && is_upper(item, "type"))
}

fn is_upper(item: &Value, name: &str) -> bool {
    let text = item.get(name).and_then(Value::as_str).unwrap_or_default();
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

fn is_step(item: &Value) -> bool {
    item.get("Status").is_some_and(Value::is_object)
        && (is_text(item, "Id", "s-") || has(item, "ActionOnFailure") || has(item, "Config"))
}

fn is_task_instance(item: &Value) -> bool {
    has(item, "task_id")
        && has(item, "dag_id")
        && (has(item, "try_number") || (has(item, "state") && has(item, "operator")))
}

/// Whether it has a state as Databricks' runs have it.
fn is_run(value: &Value) -> bool {
    let part =
        |outer: &str, inner: &[&str]| value.get(outer).is_some_and(|outer| inner.iter().any(|name| has(outer, name)));
    part("state", &["life_cycle_state", "result_state"])
        || part("status", &["termination_details", "queue_details"])
        || (has(value, "run_id") && has(value, "tasks") && !has(value, "dag_id"))
        || (has(value, "run_id") && part("status", &["state"]))
}

fn of_object(answer: &Value) -> Option<AnswerKind> {
    let status = answer.get("Status").is_some_and(Value::is_object);
    let kind = match answer {
        _ if is_list(answer, "Steps") => AnswerKind::ListSteps,
        _ if is_list(answer, "Instances") => AnswerKind::ListInstances,
        _ if is_list(answer, "BootstrapActions") && !has(answer, "Status") => AnswerKind::ListBootstrapActions,
        _ if is_step(answer) => AnswerKind::DescribeStep,
        _ if status
            && ["ReleaseLabel", "LogUri", "Applications", "Ec2InstanceAttributes"].iter().any(|m| has(answer, m)) =>
        {
            AnswerKind::DescribeCluster
        }
        _ if status && is_text(answer, "Id", "j-") => AnswerKind::DescribeCluster,
        _ if has(answer, "jobRunId") && has(answer, "state") => AnswerKind::GetJobRun,
        _ if is_list(answer, "task_instances") => AnswerKind::TaskInstances,
        _ if is_list(answer, "dag_runs") => AnswerKind::DagRun,
        _ if is_list(answer, "import_errors") => AnswerKind::ImportErrors,
        _ if is_list(answer, "event_logs") => AnswerKind::EventLogs,
        _ if is_task_instance(answer) => AnswerKind::TaskInstances,
        _ if has(answer, "dag_run_id") && has(answer, "dag_id") && has(answer, "state") => AnswerKind::DagRun,
        _ if is_output(answer) => AnswerKind::RunOutput,
        _ if is_run(answer) => AnswerKind::Run,
        _ if is_list(answer, "library_statuses") => AnswerKind::LibraryStatus,
        _ if answer
            .get("statuses")
            .and_then(Value::as_array)
            .is_some_and(|s| s.iter().any(|s| has(s, "library_statuses"))) =>
        {
            AnswerKind::LibraryStatus
        }
        _ if has(answer, "cluster_id")
            && ["spark_version", "termination_reason", "state"].iter().any(|m| has(answer, m)) =>
        {
            AnswerKind::Cluster
        }
        _ => {
            let lists = ["Events", "Records", "events"].into_iter().filter_map(|name| answer.get(name));
            let mut kinds = lists
                .filter_map(of)
                .filter(|kind| matches!(kind, AnswerKind::LookupEvents | AnswerKind::ClusterEvents));
            return kinds.next().or_else(|| no_events(answer));
        }
    };
    Some(kind)
}

/// A page of cluster events that has none.
fn no_events(answer: &Value) -> Option<AnswerKind> {
    let none = answer.get("events").and_then(Value::as_array).is_some_and(Vec::is_empty);
    (none && (has(answer, "total_count") || answer.as_object().is_some_and(|o| o.len() == 1)))
        .then_some(AnswerKind::ClusterEvents)
}

fn is_output(answer: &Value) -> bool {
    let metadata = answer.get("metadata").is_some_and(|metadata| has(metadata, "run_id") || is_run(metadata));
    let is_error = has(answer, "error_code") || has(answer, "error_description") || has(answer, "message");
    let error = answer.get("error").is_some_and(Value::is_string) && !is_error;
    let parts = ["error_trace", "notebook_output", "sql_output", "dbt_output", "run_job_output", "logs_truncated"];
    metadata
        || (!is_error && parts.iter().any(|name| has(answer, name)))
        || (error && has(answer, "logs"))
        || (error && answer.as_object().is_some_and(|o| o.len() == 1))
}
