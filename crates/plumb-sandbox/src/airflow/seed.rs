//! Seeding an Airflow: adds connections, variables, pools and DAGs as if they had been there before.

use super::{
    ApiVersion, body, connections, definition::Definition, files, pools, replies::AirflowResult, runs::DagRun,
    variables,
};
use crate::{answer::Content, failure::DagScript, request::Request, store::Store};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The `airflow` member of a seed.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct AirflowSeed {
    connections: Vec<Value>,
    variables: Vec<Value>,
    pools: Vec<Value>,
    dags: Vec<DagSeed>,
}

/// A DAG that no file of the folder defines, as other people's code does. `runs` are what it has run: `logical_date`, and where
/// they differ from it `start_date`, `end_date`, `data_interval_start`, `data_interval_end`, `run_after`, `run_type`.
#[derive(Debug, Deserialize)]
struct DagSeed {
    #[serde(default)]
    file: Option<String>,
    #[serde(default)]
    source: Option<String>,
    #[serde(default)]
    is_paused: bool,
    /// Whether Airflow no longer sees it: its file went, or stopped defining it (`is_stale` of v2, `is_active` of v1).
    #[serde(default)]
    is_stale: bool,
    /// Whether its file fails to import by now.
    #[serde(default)]
    import_error: bool,
    #[serde(default)]
    runs: Vec<Value>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// Adds a seed's objects, and answers their names.
pub fn add(store: &mut Store, seed: &Value) -> Result<Value, String> {
    let seed: AirflowSeed = serde_json::from_value(seed.clone()).map_err(|e| format!("airflow: {e}"))?;
    let mut names = json!({ "connections": [], "variables": [], "pools": [], "dags": [] });
    for (kind, objects) in [("connections", &seed.connections), ("variables", &seed.variables), ("pools", &seed.pools)]
    {
        for (at, object) in objects.iter().enumerate() {
            let key = match kind {
                "connections" => "connection_id",
                "variables" => "key",
                _ => "name",
            };
            one(store, kind, object.clone()).map_err(|why| format!("airflow.{kind}[{at}]: {why}"))?;
            push(&mut names[kind], &object[key]);
        }
    }
    for (at, dag) in seed.dags.into_iter().enumerate() {
        let id = one_dag(store, dag).map_err(|why| format!("airflow.dags[{at}]: {why}"))?;
        push(&mut names["dags"], &json!(id));
    }
    Ok(names)
}

fn push(list: &mut Value, name: &Value) {
    if let Some(list) = list.as_array_mut() {
        list.push(name.clone());
    }
}

fn one(store: &mut Store, kind: &str, mut object: Value) -> Result<(), String> {
    // An extra may be given as an object, as manifests have it.
    if let Some(extra) = object.get("extra").filter(|e| e.is_object()).map(Value::to_string) {
        object["extra"] = json!(extra);
    }
    // The default pool is always there: a seed changes it.
    if kind == "pools" && object["name"] == pools::DEFAULT {
        let members = body::read_v2(&object, &pools::MEMBERS, &["body"]).map_err(|a| why(Err(a)))?;
        store.airflow.pools.retain(|pool| pool.name != pools::DEFAULT);
        store.airflow.pools.insert(0, pools::made(&members));
        return Ok(());
    }
    let request = Request::internal("POST", &format!("/api/v2/{kind}"), "seed", object);
    let replied = match kind {
        "connections" => connections::handle(store, ApiVersion::V2, &request, &[]),
        "variables" => variables::handle(store, ApiVersion::V2, &request, &[]),
        _ => pools::handle(store, ApiVersion::V2, &request, &[]),
    };
    match replied {
        Some(Ok(_)) => Ok(()),
        Some(refused) => Err(why(refused)),
        None => Err("it cannot be created".to_owned()),
    }
}

fn why(refused: AirflowResult) -> String {
    match refused.unwrap_or_else(|answer| answer).content {
        Content::Json(body) | Content::Problem(body) => body["detail"].to_string(),
        _ => "refused".to_owned(),
    }
}

fn one_dag(store: &mut Store, seed: DagSeed) -> Result<String, String> {
    let definition: Definition = serde_json::from_value(seed.rest.into()).map_err(|e| e.to_string())?;
    let id = definition.dag_id.clone();
    if id.is_empty() {
        return Err("dag_id is missing".to_owned());
    }
    if store.airflow.dags.contains_key(&id) {
        return Err(format!("the dag_id {id} is taken"));
    }
    let file = seed.file.unwrap_or_else(|| format!("{id}.py"));
    let source = seed.source.unwrap_or_else(|| format!("# The code of {id}, which other people wrote.\n"));
    let now = store.now();
    files::define(&mut store.airflow, &file, &source, definition, now);
    let major = store.settings.airflow.version;
    if let Some(dag) = store.airflow.dags.get_mut(&id) {
        dag.is_paused = seed.is_paused;
        dag.is_stale = seed.is_stale || seed.import_error;
        dag.has_import_errors = seed.import_error;
        // It has been running all along: the tick before now was not missed.
        let definition = Definition { catchup: Some(false), ..dag.definition.clone() };
        let next = super::schedule::next(&definition, major, None, now);
        dag.last_end = next.filter(|next| next.run_after <= now).map(|next| next.end);
    }
    if seed.import_error {
        let mut scene = crate::failure::template::Scene { begin: now, end: now, ..Default::default() };
        scene.set("file", super::view::location(&store.airflow, &file));
        let template = crate::failure::template_named("airflow/import-error");
        let stack_trace = crate::failure::template::text(template, &scene);
        let id = store.serial();
        store.airflow.errors.insert(file.clone(), files::ImportError { id, timestamp_ms: now, stack_trace });
    }
    for (at, run) in seed.runs.into_iter().enumerate() {
        let time = |name: &str| run[name].as_str().and_then(|t| t.parse::<jiff::Timestamp>().ok());
        let logical = time("logical_date").map(|at| at.as_millisecond());
        let ended = time("end_date").map(|at| at.as_millisecond());
        let script = run.get("scenario").filter(|script| !script.is_null());
        let script: Option<DagScript> = script
            .map(|script| serde_json::from_value(script.clone()))
            .transpose()
            .map_err(|e| format!("runs[{at}].scenario: {e}"))?;
        let usual = if script.is_some() { "failed" } else { "success" };
        let state = run["state"].as_str().unwrap_or(usual).to_owned();
        let begun = logical.unwrap_or(now);
        let millis = |name: &str| time(name).map(|at| at.as_millisecond());
        let (from, to) = (millis("data_interval_start").or(logical), millis("data_interval_end").or(logical));
        store.airflow.runs.push(DagRun {
            dag_id: id.clone(),
            run_id: run["run_id"].as_str().map_or_else(|| format!("seeded__{at}"), str::to_owned),
            version: 1,
            kind: run["run_type"].as_str().unwrap_or("scheduled").to_owned(),
            ended: ended.or((state == "success" || state == "failed").then_some(begun)),
            started: (state != "queued").then_some(millis("start_date").unwrap_or(begun)),
            state,
            logical,
            start_interval: from,
            end_interval: to,
            run_after: millis("run_after").or(to).unwrap_or(begun),
            queued: begun,
            conf: json!({}),
            script,
            ..DagRun::default()
        });
    }
    crate::failure::airflow::deliver(store);
    let mut told = store.airflow.runs.iter().filter(|run| run.dag_id == id && run.script.is_some());
    if told.any(|run| run.ended.is_some() && run.tasks.is_empty()) {
        return Err("its scenario needs a task, and a job of the workspace or a cluster that fits".to_owned());
    }
    Ok(id)
}
