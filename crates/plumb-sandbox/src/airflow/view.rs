//! DAGs, DAG versions and tasks in the shapes of REST v1 and v2.

use super::{
    AirflowState, ApiVersion, Dag,
    definition::Task,
    schedule::{self, Next},
};
use crate::store::Store;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

/// The token that names a file: v2 puts the bundle and the path into it, v1 the whole path.
pub fn file_token(api: ApiVersion, state: &AirflowState, file: &str) -> String {
    let payload = match api {
        ApiVersion::V2 => json!({ "bundle_name": "dags-folder", "relative_fileloc": file }).to_string(),
        ApiVersion::V1 => json!(location(state, file)).to_string(),
    };
    // A signature, of which clients know nothing but that it is there.
    let sum = payload.bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let signature = URL_SAFE_NO_PAD.encode(Store::scrambled(sum));
    format!("{}.{signature}", URL_SAFE_NO_PAD.encode(payload))
}

/// The absolute path of a file.
pub fn location(state: &AirflowState, file: &str) -> String {
    format!("{}/{file}", state.folder.trim_end_matches('/'))
}

/// The next run, which paused DAGs have as well.
pub fn next(store: &Store, dag: &Dag) -> Option<Next> {
    schedule::next(&dag.definition, store.settings.airflow.version, dag.last_end, store.now())
}

/// A DAG as lists show it.
pub fn dag(store: &Store, api: ApiVersion, dag: &Dag) -> Value {
    let state = &store.airflow;
    let definition = &dag.definition;
    let id = &definition.dag_id;
    let name = definition.dag_display_name.as_ref().unwrap_or(id);
    let next = next(store, dag);
    let at = |pick: fn(&Next) -> i64| api.maybe_time(next.as_ref().map(pick));
    // A DAG without tasks has no owner on v1.
    let owners = if api == ApiVersion::V1 && definition.tasks.is_empty() { Vec::new() } else { definition.owners() };
    let description = schedule::description(&definition.schedule);
    let mut shown = json!({
        "dag_id": id,
        "dag_display_name": name,
        "is_paused": dag.is_paused,
        "last_parsed_time": api.time(dag.parsed_ms),
        "last_expired": null,
        "fileloc": location(state, &dag.file),
        "file_token": file_token(api, state, &dag.file),
        "description": definition.description,
        "timetable_description": description,
        "max_active_tasks": definition.max_active_tasks,
        "max_active_runs": definition.max_active_runs,
        "max_consecutive_failed_dag_runs": 0,
        "has_task_concurrency_limits": false,
        "has_import_errors": dag.has_import_errors,
        "next_dagrun_data_interval_start": at(|n| n.start),
        "next_dagrun_data_interval_end": at(|n| n.end),
        "owners": owners,
    });
    let active = state.runs.iter().filter(|run| run.is_active_of(id)).count();
    let full = i64::try_from(active).unwrap_or(i64::MAX) >= definition.max_active_runs;
    let mut tags = definition.tags.clone();
    match api {
        ApiVersion::V2 => tags.sort(),
        // Any order, another one with every parse.
        ApiVersion::V1 => tags.reverse(),
    }
    let own = match api {
        ApiVersion::V2 => json!({
            "is_stale": dag.is_stale,
            "last_parse_duration": 0.05,
            "bundle_name": "dags-folder",
            "bundle_version": null,
            "relative_fileloc": dag.file,
            "timetable_summary": schedule::summary(&definition.schedule),
            "timetable_partitioned": false,
            "timetable_periodic": definition.schedule.cron.is_some() || definition.schedule.every_seconds.is_some(),
            "tags": tags
                .iter()
                .map(|tag| json!({ "name": tag, "dag_id": id, "dag_display_name": name }))
                .collect::<Vec<_>>(),
            "next_dagrun_logical_date": at(|n| n.logical),
            "next_dagrun_run_after": at(|n| n.run_after),
            "allowed_run_types": null,
            "is_backfillable": definition.schedule.cron.is_some() || definition.schedule.every_seconds.is_some(),
        }),
        ApiVersion::V1 => json!({
            "is_active": !dag.is_stale,
            "is_subdag": false,
            "root_dag_id": null,
            "default_view": "grid",
            "last_pickled": null,
            "pickle_id": null,
            "scheduler_lock": null,
            "schedule_interval": interval(dag),
            "tags": tags.iter().map(|tag| json!({ "name": tag })).collect::<Vec<_>>(),
            "next_dagrun": at(|n| n.logical),
            // Nothing is to come while there are as many runs as there may be.
            "next_dagrun_create_after": if full { Value::Null } else { at(|n| n.run_after) },
        }),
    };
    merge(&mut shown, own);
    shown
}

/// v1 shows a cron as an object that says so.
fn interval(dag: &Dag) -> Value {
    let schedule = &dag.definition.schedule;
    match (schedule.every_seconds, schedule::summary(schedule)) {
        (Some(seconds), _) => timedelta(seconds),
        (None, Some(text)) => {
            let text = if schedule.assets.is_empty() { text } else { "Dataset".to_owned() };
            json!({ "__type": "CronExpression", "value": text })
        }
        (None, None) => Value::Null,
    }
}

fn timedelta(seconds: i64) -> Value {
    json!({
        "__type": "TimeDelta", "days": seconds.div_euclid(86_400), "seconds": seconds.rem_euclid(86_400),
        "microseconds": 0,
    })
}

fn merge(into: &mut Value, more: Value) {
    if let (Some(into), Value::Object(more)) = (into.as_object_mut(), more) {
        into.extend(more);
    }
}

/// An answer with the members of a newer Airflow.
pub fn with_newer<'m>(mut shown: Value, newer: impl IntoIterator<Item = (&'m String, &'m Value)>) -> Value {
    for (name, value) in newer {
        shown[name] = value.clone();
    }
    shown
}

/// A duration in the words of ISO 8601, as v2 has it.
fn iso(seconds: i64) -> String {
    let parts = [(seconds / 86_400, "D"), (seconds / 3600 % 24, "H"), (seconds / 60 % 60, "M"), (seconds % 60, "S")];
    let some = |parts: &[(i64, &str)]| -> String {
        parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect()
    };
    match (some(&parts[..1]), some(&parts[1..])) {
        (days, clock) if days.is_empty() && clock.is_empty() => "PT0S".to_owned(),
        (days, clock) if clock.is_empty() => format!("P{days}"),
        (days, clock) => format!("P{days}T{clock}"),
    }
}

/// A DAG with everything.
pub fn details(store: &Store, api: ApiVersion, dag: &Dag) -> Value {
    let definition = &dag.definition;
    let mut shown = self::dag(store, api, dag);
    let params: Map<String, Value> = definition
        .params
        .iter()
        .map(|(name, value)| {
            let mut param = json!({ "value": value, "schema": {}, "description": null });
            match api {
                ApiVersion::V2 => param["source"] = Value::Null,
                ApiVersion::V1 => param["__class"] = json!("airflow.models.param.Param"),
            }
            (name.clone(), param)
        })
        .collect();
    let timeout = definition.dagrun_timeout_seconds;
    merge(
        &mut shown,
        json!({
            "catchup": definition.catchup.unwrap_or(api == ApiVersion::V1),
            "doc_md": definition.doc_md,
            "start_date": api.maybe_time(definition.start()),
            "end_date": api.maybe_time(definition.end()),
            "is_paused_upon_creation": definition.is_paused_upon_creation,
            "params": params,
            "render_template_as_native_obj": definition.render_template_as_native_obj,
            // Always: the zone of a schedule shows only in the times of its next run.
            "timezone": "UTC",
            "last_parsed": api.time(dag.parsed_ms),
            "concurrency": definition.max_active_tasks,
        }),
    );
    let own = match api {
        ApiVersion::V2 => json!({
            "dag_run_timeout": timeout.map(iso),
            "asset_expression": assets(dag),
            "default_args": default_args(&definition.default_args),
            "template_search_path": null,
            "rerun_with_latest_version": null,
            "owner_links": {},
            "is_favorite": false,
            "active_runs_count": store.airflow.runs.iter().filter(|r| r.is_active_of(&definition.dag_id)).count(),
            "latest_dag_version": dag.versions.last().map(|v| version(dag, *v)),
        }),
        // Here, and only here, v1 has no owners.
        ApiVersion::V1 => json!({
            "dag_run_timeout": timeout.map(timedelta),
            "dataset_expression": assets(dag),
            "template_searchpath": null,
            "orientation": "LR",
            "owners": [],
        }),
    };
    merge(&mut shown, own);
    shown
}

fn assets(dag: &Dag) -> Value {
    let assets = &dag.definition.schedule.assets;
    if assets.is_empty() {
        Value::Null
    } else {
        json!({ "all": assets.iter().map(|uri| json!({ "asset": { "uri": uri } })).collect::<Vec<_>>() })
    }
}

fn default_args(args: &Map<String, Value>) -> Value {
    let shown = |value: &Value| match value["seconds"].as_f64() {
        Some(seconds) if value["__type"] == "TimeDelta" => json!(iso(seconds as i64)),
        _ => value.clone(),
    };
    args.iter().map(|(name, value)| (name.clone(), shown(value))).collect::<Map<_, _>>().into()
}

/// A version of a DAG, which only v2 knows.
pub fn version(dag: &Dag, version: super::Version) -> Value {
    let id = &dag.definition.dag_id;
    json!({
        "id": version_id(id, version.number),
        "version_number": version.number,
        "dag_id": id,
        "bundle_name": "dags-folder",
        "bundle_version": null,
        "created_at": ApiVersion::V2.time(version.created_ms),
        "dag_display_name": dag.definition.dag_display_name.as_ref().unwrap_or(id),
        "bundle_url": null,
    })
}

/// An id in the shape of a UUID of version 7, the same in every run.
pub fn version_id(dag_id: &str, number: u32) -> String {
    let sum = dag_id.bytes().fold(u64::from(number), |sum, byte| sum.wrapping_mul(131).wrapping_add(u64::from(byte)));
    let (a, b) = (Store::scrambled(sum), Store::scrambled(sum.wrapping_add(1)));
    format!("{}-{}-7{}-8{}-{}", &a[..8], &a[8..12], &a[12..15], &b[..3], &b[4..16])
}

/// A task. The arguments of its operator are not shown: the API has only their names.
pub fn task(api: ApiVersion, dag: &Dag, task: &Task) -> Value {
    let definition = &dag.definition;
    let retry_delay = task.retry_delay_seconds.unwrap_or(300);
    let mut shown = json!({
        "task_id": task.task_id,
        "task_display_name": task.task_id,
        "owner": task.owner.as_deref().unwrap_or("airflow"),
        "start_date": api.maybe_time(definition.start()),
        "end_date": null,
        "trigger_rule": task.trigger_rule.as_deref().unwrap_or("all_success"),
        "depends_on_past": false,
        "wait_for_downstream": false,
        "retries": task.retries.unwrap_or(0) as f64,
        "queue": "default",
        "pool": task.pool.as_deref().unwrap_or(super::pools::DEFAULT),
        "pool_slots": 1.0,
        "execution_timeout": task.execution_timeout_seconds.map(timedelta),
        "retry_delay": timedelta(retry_delay),
        "priority_weight": 1.0,
        "weight_rule": "downstream",
        "ui_color": "#fff",
        "ui_fgcolor": "#000",
        "template_fields": super::rendered::names(task),
        "downstream_task_ids": task.downstream,
        "doc_md": null,
        "operator_name": task.operator,
        "params": {},
        "class_ref": { "module_path": task.module, "class_name": task.operator },
        "is_mapped": false,
        "extra_links": [],
    });
    shown["retry_exponential_backoff"] = if api == ApiVersion::V2 { json!(0.0) } else { json!(false) };
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_worded_as_iso_8601() {
        assert_eq!(
            [iso(21_600), iso(5), iso(90_061), iso(86_400), iso(0)],
            ["PT6H", "PT5S", "P1DT1H1M1S", "P1D", "PT0S"]
        );
    }

    #[test]
    fn tokens_hold_the_path_as_the_servers_have_it() {
        let state = AirflowState { folder: "/opt/airflow/state2/dags".to_owned(), ..AirflowState::default() };
        let payload = |api| {
            let token = file_token(api, &state, "a/b.py");
            String::from_utf8(URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap()).unwrap()
        };
        assert_eq!(payload(ApiVersion::V2), r#"{"bundle_name":"dags-folder","relative_fileloc":"a/b.py"}"#);
        assert_eq!(payload(ApiVersion::V1), "\"/opt/airflow/state2/dags/a/b.py\"");
    }
}
