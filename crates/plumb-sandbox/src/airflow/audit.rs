//! The audit log (`eventLogs`): what tasks did, and who paused a DAG or switched it on, and when.

use super::{
    ApiVersion,
    listing::{Listing, all, fits_exactly, page},
    replies::AirflowResult,
};
use crate::request::Request;
use crate::store::Store;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// One thing that somebody did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditRow {
    /// Milliseconds since 1970.
    pub at: i64,
    pub dag_id: Option<String>,
    pub event: String,
    pub owner: String,
    /// JSON, as a text.
    pub extra: String,
}

/// At most so many rows are kept.
const MOST: usize = 10_000;

/// Notes a request that pauses DAGs or switches them on, whether it is done or not: the real ones write the row first, and
/// then do what was asked (`action_logging` of 2.11.2 and 3.x).
///
/// Airflow 3 calls it `patch_dag`. Airflow 2 puts `api.` before it, and calls what the switch in its pages does `paused`,
/// whichever way it goes. Which way is in `extra` alone.
pub fn note(store: &mut Store, api: ApiVersion, request: &Request, rest: &[&str]) {
    let (event, dag_id) = match (request.method.as_str(), rest) {
        ("PATCH", ["dags"]) => ("patch_dags", None),
        ("PATCH", ["dags", id]) => ("patch_dag", Some((*id).to_owned())),
        _ => return,
    };
    let mut extra: Map<String, Value> =
        request.query.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    extra.extend(request.body.as_object().cloned().unwrap_or_default());
    let event = match api {
        ApiVersion::V2 => {
            extra.insert("method".to_owned(), json!(request.method));
            event.to_owned()
        }
        ApiVersion::V1 => format!("api.{event}"),
    };
    let row = AuditRow { at: store.now(), dag_id, event, owner: request.user.clone(), extra: json!(extra).to_string() };
    let audit = &mut store.airflow.audit;
    if audit.len() >= MOST {
        audit.remove(0);
    }
    audit.push(row);
}

const EVENTS: Listing = Listing {
    name: "event_logs",
    filters: &[
        "dag_id",
        "task_id",
        "run_id",
        "event",
        "included_events",
        "excluded_events",
        "before",
        "after",
        "map_index",
        "try_number",
        "owner",
    ],
    orders: &["event_log_id", "id", "when", "dttm", "dag_id", "task_id", "run_id", "event", "owner"],
};

/// `eventLogs`.
pub fn events(store: &Store, api: ApiVersion, request: &Request) -> AirflowResult {
    let mut rows = of_tasks(store, api);
    rows.extend(store.airflow.audit.iter().map(|row| {
        let mut shown = shown(api, row.at, &row.event);
        (shown["dag_id"], shown["owner"], shown["extra"]) = (json!(row.dag_id), json!(row.owner), json!(row.extra));
        if api == ApiVersion::V2 {
            (shown["dag_display_name"], shown["owner_display_name"]) = (json!(row.dag_id), json!(row.owner));
        }
        (row.at, shown)
    }));
    rows.sort_by_key(|(at, _)| *at);
    let numbered = rows.into_iter().enumerate().map(|(n, (at, mut row))| {
        row["event_log_id"] = json!(n + 1);
        (at, row)
    });
    // A list is repeated in v2, and stands between commas in v1.
    let listed = |name: &str| -> Vec<&str> {
        let given = all(request, name);
        if api == ApiVersion::V1 { given.into_iter().flat_map(|text| text.split(',')).collect() } else { given }
    };
    let (included, excluded) = (listed("included_events"), listed("excluded_events"));
    let time = |name: &str| {
        let at = all(request, name).first().and_then(|text| text.parse::<jiff::Timestamp>().ok());
        at.map(jiff::Timestamp::as_millisecond)
    };
    let (before, after) = (time("before"), time("after"));
    let fit = |at: i64, row: &Value| {
        let event = row["event"].as_str().unwrap_or_default();
        let wanted = ["dag_id", "task_id", "run_id", "event", "owner"];
        wanted.iter().all(|name| fits_exactly(request, name, row[name].as_str().unwrap_or_default()))
            && (included.is_empty() || included.contains(&event))
            && !excluded.contains(&event)
            && before.is_none_or(|before| at < before)
            && after.is_none_or(|after| at > after)
    };
    let rows = numbered.filter(|(at, row)| fit(*at, row)).map(|(_, mut row)| {
        // Rows can be ordered by the name of the column too; it is no member of them.
        row["dttm"] = row["when"].clone();
        row
    });
    let mut answer = page(api, request, &EVENTS, rows.collect())?;
    if let crate::answer::Content::Json(body) = &mut answer.content {
        for row in body["event_logs"].as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
            row.remove("dttm");
        }
    }
    Ok(answer)
}

fn shown(api: ApiVersion, at: i64, event: &str) -> Value {
    let mut row = json!({ "when": api.time(at), "event": event });
    let nothing = ["dag_id", "task_id", "run_id", "map_index", "try_number", "owner", "extra"];
    let of_version: &[&str] = match api {
        ApiVersion::V2 => &["logical_date", "dag_display_name", "task_display_name", "owner_display_name"],
        ApiVersion::V1 => &["execution_date"],
    };
    for name in nothing.iter().chain(of_version) {
        row[*name] = Value::Null;
    }
    row
}

/// What tasks whose story is told did.
fn of_tasks(store: &Store, api: ApiVersion) -> Vec<(i64, Value)> {
    let mut rows = Vec::new();
    for run in &store.airflow.runs {
        for (task, played) in &run.tasks {
            for one in &played.tries {
                // A task that the scheduler lost sight of says nothing itself (SchedulerJobRunner of 2.11 and 3.1).
                let is_lost = one.log.iter().any(|line| line.logger.starts_with("airflow.jobs.scheduler"));
                let ended = if is_lost { "heartbeat timeout" } else { one.state.as_str() };
                for (at, event) in [(one.started, "running"), (one.ended, ended)] {
                    let extra = (event == "heartbeat timeout").then_some(
                        "Task did not emit heartbeat within time limit (300 seconds) and will be terminated. See \
                         https://airflow.apache.org/docs/apache-airflow/stable/core-concepts/tasks.html\
                         #task-instance-heartbeat-timeout",
                    );
                    let mut row = shown(api, at, event);
                    (row["dag_id"], row["task_id"], row["run_id"]) =
                        (json!(run.dag_id), json!(task), json!(run.run_id));
                    (row["map_index"], row["try_number"]) = (json!(-1), json!(one.number));
                    (row["owner"], row["extra"]) = (json!("airflow"), json!(extra));
                    let logical = api.maybe_time(run.logical);
                    if api == ApiVersion::V2 {
                        row["logical_date"] = logical;
                        row["dag_display_name"] = json!(run.dag_id);
                        row["task_display_name"] = json!(task);
                    } else {
                        row["execution_date"] = logical;
                    }
                    rows.push((at, row));
                }
            }
        }
    }
    rows
}
