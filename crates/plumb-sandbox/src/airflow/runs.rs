//! DAG runs and their task instances: triggered by a request or by the schedule, moved on by the clock.

use super::{
    ApiVersion, Dag,
    body::{Type, optional, read, read_partial_v1, required},
    dags::missing,
    definition::Task,
    evidence::{self, PlayedTask},
    listing::{Listing, all, page},
    rendered,
    replies::{AirflowResult, bad, detail, endpoint, misfit, ok, problem, unique, unprocessable},
    schedule, view,
    work::{self, UnderWay},
};
use crate::{
    answer::{Answer, Content},
    failure::{DagScript, airflow as failing},
    request::Request,
    store::Store,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// One run of a DAG. Times are milliseconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DagRun {
    pub dag_id: String,
    pub run_id: String,
    pub version: u32,
    /// `manual` or `scheduled`.
    pub kind: String,
    pub state: String,
    pub logical: Option<i64>,
    pub start_interval: Option<i64>,
    pub end_interval: Option<i64>,
    pub run_after: i64,
    pub queued: i64,
    pub started: Option<i64>,
    pub ended: Option<i64>,
    pub user: Option<String>,
    pub conf: Value,
    pub note: Option<String>,
    /// How it fails, where there is a story to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub script: Option<DagScript>,
    /// What its tasks left, by their ids, where their story is told.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tasks: BTreeMap<String, PlayedTask>,
    /// Whether its tasks do their work (see [`super::work`]).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub played: bool,
    /// What its tasks wait for, by their ids.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub under_way: BTreeMap<String, UnderWay>,
}

impl DagRun {
    /// Whether it is a run of that DAG which has not ended.
    pub fn is_active_of(&self, dag_id: &str) -> bool {
        self.dag_id == dag_id && self.ended.is_none()
    }
}

const LISTING: Listing = Listing {
    name: "dag_runs",
    filters: &["state", "run_type"],
    orders: &["id", "dag_id", "run_id", "dag_run_id", "logical_date", "start_date", "end_date", "run_after", "state"],
};

/// The same of Airflow 2 (`dag_run_endpoint.py` of 2.11.2, `allowed_sort_attrs`).
const LISTING_V1: Listing = Listing {
    orders: &[
        "id",
        "state",
        "dag_id",
        "execution_date",
        "dag_run_id",
        "start_date",
        "end_date",
        "external_trigger",
        "conf",
    ],
    ..LISTING
};

const INSTANCES: Listing = Listing {
    name: "task_instances",
    filters: &["state"],
    orders: &["id", "task_id", "start_date", "end_date", "state", "logical_date"],
};

/// At most so many runs are made at once of a DAG that catches up: a start far in the past must not fill the memory.
const MOST_AT_ONCE: usize = 100;

/// Lets the scheduler do its work: makes the runs that are due, and moves all runs on.
pub fn tick(store: &mut Store, look: bool) {
    let now = store.now();
    let major = store.settings.airflow.version;
    let seconds = store.settings.airflow.run_seconds;
    let (ends, scripts) = (store.settings.airflow.runs.clone(), store.settings.airflow.scenarios.clone());
    let plays = store.settings.airflow.plays;
    let state = &mut store.airflow;
    for run in state.runs.iter_mut().filter(|run| run.ended.is_none()) {
        let Some(dag) = state.dags.get(&run.dag_id) else { continue };
        // The runs of a paused DAG stay in the queue.
        if run.started.is_none() && dag.is_paused {
            continue;
        }
        let is_told = scripts.contains_key(&run.dag_id) || ends.contains_key(&run.dag_id);
        if run.played || (plays && !is_told && dag.definition.does_something()) {
            continue;
        }
        let step = |since: i64| match seconds {
            Some(seconds) => now >= since + seconds * 1000,
            None => look,
        };
        match run.started {
            None if step(run.queued) => (run.started, run.state) = (Some(now), "running".to_owned()),
            Some(started) if step(started) => {
                run.ended = Some(now);
                run.script = scripts.get(&run.dag_id).cloned();
                let usual = if run.script.is_some() { "failed" } else { "success" };
                run.state = ends.get(&run.dag_id).map_or(usual, String::as_str).to_owned();
            }
            _ => {}
        }
    }
    for (id, dag) in state.dags.iter_mut().filter(|(_, dag)| !dag.is_paused && !dag.is_stale) {
        for _ in 0..MOST_AT_ONCE {
            let active = state.runs.iter().filter(|run| run.is_active_of(id)).count();
            if i64::try_from(active).unwrap_or(i64::MAX) >= dag.definition.max_active_runs {
                break;
            }
            let next = schedule::next(&dag.definition, major, dag.last_end, now);
            let Some(next) = next.filter(|next| next.run_after <= now) else { break };
            dag.last_end = Some(next.end);
            state.runs.push(DagRun {
                dag_id: id.clone(),
                run_id: format!("scheduled__{}", ApiVersion::V1.time(next.logical)),
                version: dag.versions.last().map_or(1, |v| v.number),
                kind: "scheduled".to_owned(),
                state: "queued".to_owned(),
                logical: Some(next.logical),
                start_interval: Some(next.start),
                end_interval: Some(next.end),
                run_after: next.run_after,
                queued: now,
                conf: json!({}),
                ..DagRun::default()
            });
        }
    }
    if plays {
        work::go_on(store);
    }
    failing::deliver(store);
}

/// When the scheduler next has something to do by itself, after a time: runs to make and, where they take seconds, to move
/// on.
pub fn due(store: &Store, after: i64) -> Option<i64> {
    let settings = &store.settings.airflow;
    let ticks = store.airflow.dags.values().filter(|dag| !dag.is_paused && !dag.is_stale);
    let ticks = ticks.filter_map(|dag| schedule::next(&dag.definition, settings.version, dag.last_end, after));
    let moves = store
        .airflow
        .runs
        .iter()
        .filter(|run| run.ended.is_none() && !run.played)
        .filter_map(|run| Some(run.started.unwrap_or(run.queued) + settings.run_seconds?.saturating_mul(1000)));
    ticks.map(|next| next.run_after).chain(moves).filter(|at| *at > after).min()
}

/// Answers `dags/DAG/dagRuns…`; `~` stands for all DAGs or all runs.
pub fn handle(
    store: &mut Store,
    api: ApiVersion,
    request: &Request,
    dag: &str,
    rest: &[&str],
) -> Option<AirflowResult> {
    Some(match (request.method.as_str(), rest) {
        ("GET", []) => list(store, api, request, dag),
        ("POST", []) => trigger(store, api, request, dag),
        ("GET", [id]) => find(store, api, dag, id).and_then(|at| ok(show(store, api, at))),
        ("GET", [id, "wait"]) if api == ApiVersion::V2 => {
            // The real one waits; here the clock may stand still, so it answers with what there is.
            find(store, api, dag, id).and_then(|at| ok(json!({ "state": store.airflow.runs[at].state })))
        }
        ("PATCH", [id]) => patch(store, api, request, dag, id),
        ("DELETE", [id]) => delete(store, api, dag, id),
        ("GET", [id, "taskInstances"]) => {
            if dag != "~" && !store.airflow.dags.contains_key(dag) {
                return Some(Err(missing(api, dag)));
            }
            let states = all(request, "state");
            let rows =
                instances(store, api, |run| (dag == "~" || run.dag_id == dag) && (*id == "~" || run.run_id == *id))
                    .into_iter()
                    .filter(|row| states.is_empty() || states.contains(&row["state"].as_str().unwrap_or_default()))
                    .collect();
            page(api, request, &INSTANCES, rows).map(|answer| with_cursors(api, answer))
        }
        ("GET", [id, "taskInstances", task, rest @ ..]) => find(store, api, dag, id).and_then(|at| {
            let rows = instances(store, api, |run| run.dag_id == dag && run.run_id == *id);
            let run = &store.airflow.runs[at];
            match rows.into_iter().find(|row| row["task_id"] == *task) {
                Some(row) => match rest {
                    [] => ok(row),
                    ["tries"] => evidence::tries(api, run, &row, None),
                    ["tries", number] => evidence::tries(api, run, &row, Some(number)),
                    ["logs", number] => evidence::logs(store, api, request, run, &row, number),
                    ["xcomEntries"] => evidence::xcom(store, api, request, run, &row, None),
                    ["xcomEntries", key] => evidence::xcom(store, api, request, run, &row, Some(key)),
                    _ => Err(endpoint(api, &request.path, false)),
                },
                None => {
                    let words = format!(
                        "The Task Instance with dag_id: `{dag}`, run_id: `{id}` and task_id: `{task}` was not found"
                    );
                    Err(if api == ApiVersion::V2 {
                        detail(404, words)
                    } else {
                        problem(404, "Task instance not found", json!(words))
                    })
                }
            }
        }),
        _ => return None,
    })
}

fn find(store: &Store, api: ApiVersion, dag: &str, id: &str) -> Result<usize, Answer> {
    store.airflow.runs.iter().position(|run| run.dag_id == dag && run.run_id == id).ok_or_else(|| match api {
        ApiVersion::V2 => detail(404, format!("The DagRun with dag_id: `{dag}` and run_id: `{id}` was not found")),
        ApiVersion::V1 => {
            let words = format!("DAGRun with DAG ID: '{dag}' and DagRun ID: '{id}' not found");
            problem(404, "DAGRun not found", json!(words))
        }
    })
}

fn list(store: &Store, api: ApiVersion, request: &Request, dag: &str) -> AirflowResult {
    if dag != "~" && !store.airflow.dags.contains_key(dag) {
        return Err(missing(api, dag));
    }
    let (states, kinds) = (all(request, "state"), all(request, "run_type"));
    let rows = (0..store.airflow.runs.len())
        .filter(|at| {
            let run = &store.airflow.runs[*at];
            (dag == "~" || run.dag_id == dag)
                && (states.is_empty() || states.contains(&run.state.as_str()))
                && (kinds.is_empty() || kinds.contains(&run.kind.as_str()))
        })
        .map(|at| show(store, api, at))
        .collect();
    let listing = if api == ApiVersion::V1 { &LISTING_V1 } else { &LISTING };
    page(api, request, listing, rows).map(|answer| with_cursors(api, answer))
}

/// The parameter `cursor`, which begins paging by cursor, is not known to the sandbox.
fn with_cursors(api: ApiVersion, mut answer: Answer) -> Answer {
    if let (ApiVersion::V2, Content::Json(body)) = (api, &mut answer.content) {
        for name in ["total_entries_limit", "next_cursor", "previous_cursor"] {
            body[name] = Value::Null;
        }
    }
    answer
}

fn show(store: &Store, api: ApiVersion, at: usize) -> Value {
    let run = &store.airflow.runs[at];
    let time = |ms| api.maybe_time(ms);
    match api {
        ApiVersion::V2 => {
            let dag = store.airflow.dags.get(&run.dag_id);
            // The versions of its tasks, of which a DAG without tasks has none.
            let versions: Vec<Value> = dag
                .iter()
                .filter(|dag| !dag.definition.tasks.is_empty())
                .flat_map(|dag| dag.versions.iter().filter(|v| v.number == run.version).map(|v| view::version(dag, *v)))
                .collect();
            let duration = run.started.zip(run.ended).map(|(start, end)| (end - start) as f64 / 1000.0);
            json!({
                "dag_run_id": run.run_id,
                "dag_id": run.dag_id,
                "logical_date": time(run.logical),
                "queued_at": time(Some(run.queued)),
                "start_date": time(run.started),
                "end_date": time(run.ended),
                "duration": duration,
                "data_interval_start": time(run.start_interval),
                "data_interval_end": time(run.end_interval),
                "run_after": time(Some(run.run_after)),
                "last_scheduling_decision": time(run.started),
                "run_type": run.kind,
                "state": run.state,
                "triggered_by": if run.kind == "manual" { "rest_api" } else { "timetable" },
                "triggering_user_name": run.user,
                "conf": run.conf,
                "note": run.note,
                "dag_versions": versions,
                "bundle_version": null,
                "dag_display_name": run.dag_id,
                "partition_key": null,
                "partition_date": null,
            })
        }
        ApiVersion::V1 => json!({
            "dag_run_id": run.run_id,
            "dag_id": run.dag_id,
            "logical_date": time(run.logical),
            "execution_date": time(run.logical),
            "start_date": time(run.started),
            "end_date": time(run.ended),
            "data_interval_start": time(run.start_interval),
            "data_interval_end": time(run.end_interval),
            "last_scheduling_decision": time(run.started),
            "run_type": run.kind,
            "external_trigger": run.kind == "manual",
            "state": run.state,
            "conf": run.conf,
            "note": run.note,
        }),
    }
}

fn trigger(store: &mut Store, api: ApiVersion, request: &Request, dag_id: &str) -> AirflowResult {
    let logical = required("logical_date", Type::Time);
    let members = [
        optional("dag_run_id", Type::Text),
        optional("data_interval_start", Type::Time),
        optional("data_interval_end", Type::Time),
        super::body::Member { nullable: true, ..logical },
        optional("run_after", Type::Time),
        optional("conf", Type::Object),
        optional("note", Type::Text),
        optional("partition_key", Type::Text),
    ];
    let given = match api {
        ApiVersion::V2 => read(api, request, &members)?,
        ApiVersion::V1 => {
            if request.body.get("logical_date").is_some_and(Value::is_null) {
                let words = "'None' is not an instance of 'str'";
                return Err(problem(400, "Incorrect datetime argument", json!(words)));
            }
            read_partial_v1(request, &members)?
        }
    };
    // A stale DAG cannot be run.
    let dag = store.airflow.dags.get(dag_id).filter(|dag| api == ApiVersion::V1 || !dag.is_stale);
    let Some(dag) = dag else {
        return Err(match api {
            ApiVersion::V2 => detail(404, format!("Dag with dag_id: '{dag_id}' not found")),
            ApiVersion::V1 => problem(404, "DAG not found", json!(format!("DAG with dag_id: '{dag_id}' not found"))),
        });
    };
    let now = store.now();
    let text = |name: &str| given.get(name).and_then(Value::as_str).map(str::to_owned);
    let when = |name: &str| text(name).and_then(|t| t.parse::<jiff::Timestamp>().ok()).map(|at| at.as_millisecond());
    // Airflow 2 runs are always of some time.
    let logical = when("logical_date").or((api == ApiVersion::V1).then_some(now));
    let run_id = text("dag_run_id").unwrap_or_else(|| {
        let of = if api == ApiVersion::V2 { now } else { logical.unwrap_or(now) };
        format!("manual__{}", ApiVersion::V1.time(of))
    });
    let twice = store
        .airflow
        .runs
        .iter()
        .any(|run| run.dag_id == dag_id && (run.run_id == run_id || (logical.is_some() && run.logical == logical)));
    if twice {
        return Err(match api {
            ApiVersion::V2 => unique(store.serial()),
            ApiVersion::V1 => {
                let at = ApiVersion::V1.time(logical.unwrap_or(now)).replace('T', " ");
                let words = format!("DAGRun with DAG ID: '{dag_id}' and DAGRun logical date: '{at}' already exists");
                problem(409, "Conflict", json!(words))
            }
        });
    }
    let (start, end) = interval(api, dag, logical);
    let run = DagRun {
        dag_id: dag_id.to_owned(),
        run_id,
        version: dag.versions.last().map_or(1, |v| v.number),
        kind: "manual".to_owned(),
        state: "queued".to_owned(),
        logical,
        start_interval: when("data_interval_start").or(start),
        end_interval: when("data_interval_end").or(end),
        run_after: when("run_after").unwrap_or(now),
        queued: now,
        user: Some(request.user.clone()),
        conf: given.get("conf").filter(|c| c.is_object()).cloned().unwrap_or_else(|| json!({})),
        note: text("note"),
        ..DagRun::default()
    };
    store.airflow.runs.push(run);
    let at = store.airflow.runs.len() - 1;
    ok(show(store, api, at))
}

/// The data interval of a run by hand: Airflow 2 takes the latest one that was over by then.
fn interval(api: ApiVersion, dag: &Dag, logical: Option<i64>) -> (Option<i64>, Option<i64>) {
    let Some(at) = logical else { return (None, None) };
    let schedule = &dag.definition.schedule;
    if !schedule.interval.unwrap_or(api == ApiVersion::V1) {
        return (Some(at), Some(at));
    }
    // What would be run at that time if nothing had run before.
    let mut definition = dag.definition.clone();
    (definition.start_date, definition.end_date, definition.catchup) = (None, None, Some(false));
    match schedule::next(&definition, 2, None, at) {
        Some(next) => (Some(next.start), Some(next.end)),
        None => (Some(at), Some(at)),
    }
}

fn patch(store: &mut Store, api: ApiVersion, request: &Request, dag: &str, id: &str) -> AirflowResult {
    let members = [optional("state", Type::Text), optional("note", Type::Text)];
    let given = match api {
        ApiVersion::V2 => read(api, request, &members)?,
        ApiVersion::V1 => read_partial_v1(request, &members)?,
    };
    let wanted = given.get("state").and_then(Value::as_str);
    if let Some(state) = wanted.filter(|state| !["queued", "success", "failed"].contains(state)) {
        let expected = "'queued', 'success' or 'failed'";
        return Err(match api {
            ApiVersion::V2 => {
                let message = format!("Input should be {expected}");
                let context = json!({ "expected": expected });
                unprocessable(vec![misfit("enum", &["body", "state"], &message, &json!(state), context)])
            }
            ApiVersion::V1 => bad(format!("'{state}' is not one of ['success', 'failed', 'queued'] - 'state'")),
        });
    }
    let at = find(store, api, dag, id)?;
    let now = store.now();
    let run = &mut store.airflow.runs[at];
    match wanted {
        Some("queued") => (run.state, run.started, run.ended, run.queued) = ("queued".to_owned(), None, None, now),
        Some(state) => (run.state, run.ended) = (state.to_owned(), Some(now)),
        None => {}
    }
    if let Some(note) = given.get("note") {
        run.note = note.as_str().map(str::to_owned);
    }
    ok(show(store, api, at))
}

fn delete(store: &mut Store, api: ApiVersion, dag: &str, id: &str) -> AirflowResult {
    let at = find(store, api, dag, id)?;
    if api == ApiVersion::V2 && store.airflow.runs[at].state == "running" {
        let words = format!("The DagRun with dag_id: `{dag}` and run_id: `{id}` cannot be deleted in running state");
        return Err(detail(409, words));
    }
    store.airflow.runs.remove(at);
    Ok(Answer::empty(204))
}

/// The tasks of some runs. All of them go the way of their run; the last one is the one that fails.
fn instances(store: &Store, api: ApiVersion, chosen: impl Fn(&DagRun) -> bool) -> Vec<Value> {
    let mut rows = Vec::new();
    for run in store.airflow.runs.iter().filter(|run| chosen(run)) {
        let Some(dag) = store.airflow.dags.get(&run.dag_id) else { continue };
        let last = dag.definition.tasks.len().saturating_sub(1);
        for (n, task) in dag.definition.tasks.iter().enumerate() {
            let state = match run.state.as_str() {
                "queued" => Value::Null,
                "failed" if n < last => json!("success"),
                other => json!(other),
            };
            let mut row = json!({
                "task_id": task.task_id,
                "dag_id": run.dag_id,
                "dag_run_id": run.run_id,
                "map_index": -1,
                "start_date": api.maybe_time(run.started),
                "end_date": api.maybe_time(run.ended),
                "duration": run.started.zip(run.ended).map(|(a, b)| (b - a) as f64 / 1000.0),
                "state": state,
                "try_number": i64::from(run.started.is_some()),
                "max_tries": task.retries.unwrap_or(0),
                "task_display_name": task.task_id,
                "hostname": "",
                "unixname": "airflow",
                "pool": task.pool.as_deref().unwrap_or(super::pools::DEFAULT),
                "pool_slots": 1,
                "queue": "default",
                "priority_weight": weight(&dag.definition.tasks, task),
                "operator": task.operator,
                "note": null,
                "rendered_fields": {},
            });
            match api {
                ApiVersion::V2 => {
                    row["logical_date"] = api.maybe_time(run.logical);
                    row["run_after"] = json!(api.time(run.run_after));
                    row["operator_name"] = json!(task.operator);
                    row["dag_display_name"] = json!(run.dag_id);
                    row["id"] = json!(view::version_id(&format!("{}/{}", run.run_id, task.task_id), 0));
                    row["executor_config"] = json!("{}");
                    row["scheduled_when"] = api.maybe_time(run.started);
                    row["queued_when"] = api.maybe_time(run.started);
                    row["dag_version"] = dag
                        .versions
                        .iter()
                        .find(|version| version.number == run.version)
                        .map_or(Value::Null, |version| view::version(dag, *version));
                    for name in ["executor", "pid", "rendered_map_index", "trigger", "triggerer_job"] {
                        row[name] = Value::Null;
                    }
                }
                ApiVersion::V1 => {
                    row["execution_date"] = api.maybe_time(run.logical);
                    row["sla_miss"] = Value::Null;
                }
            }
            evidence::over(api, &mut row, run, &task.task_id);
            row["rendered_fields"] = rendered::fields(store, api, run, task, &row["state"]);
            rows.push(row);
        }
    }
    rows
}

/// A task weighs as much as all that waits for it.
fn weight(tasks: &[Task], task: &Task) -> usize {
    let mut behind = vec![task];
    let mut at = 0;
    while let Some(next) = behind.get(at) {
        at += 1;
        for id in &next.downstream {
            if !behind.iter().any(|known| known.task_id == *id) {
                behind.extend(tasks.iter().find(|one| one.task_id == *id));
            }
        }
    }
    behind.len()
}
