//! DAGs, their sources and versions, tags, import errors, and requests to parse a file.

use super::{
    AirflowState, ApiVersion, Dag,
    body::{Member, Type, masked, read_only, read_partial_v1, read_v2, required},
    listing::{Listing, all, fits, page},
    replies::{AirflowResult, bad, detail, ok, oops, problem, unique},
    view,
};
use crate::{
    answer::{Answer, Content},
    request::Request,
    store::Store,
};
use serde_json::{Value, json};

const MEMBERS: [Member; 6] = [
    required("is_paused", Type::Flag),
    read_only("dag_id"),
    read_only("description"),
    read_only("fileloc"),
    read_only("owners"),
    read_only("tags"),
];

const LISTING: Listing = Listing {
    name: "dags",
    filters: &["tags", "only_active", "paused", "dag_id_pattern"],
    orders: &["dag_id", "dag_display_name", "is_paused", "next_dagrun", "last_run_state", "last_run_start_date"],
};

const ERRORS: Listing = Listing {
    name: "import_errors",
    filters: &[],
    orders: &["id", "import_error_id", "timestamp", "filename", "stack_trace"],
};

const VERSIONS: Listing = Listing { name: "dag_versions", filters: &[], orders: &["id", "version_number", "dag_id"] };

const TAGS: Listing = Listing { name: "tags", filters: &[], orders: &["name"] };

/// Answers what is about DAGs and files.
pub fn handle(store: &mut Store, api: ApiVersion, request: &Request, rest: &[&str]) -> Option<AirflowResult> {
    let v2 = api == ApiVersion::V2;
    Some(match (request.method.as_str(), rest) {
        ("GET", ["dags"]) => list(store, api, request),
        ("PATCH", ["dags"]) => pause_many(store, api, request),
        ("GET", ["dags", id]) => find(store, api, id).and_then(|dag| ok(view::dag(store, api, dag))),
        ("GET", ["dags", id, "details"]) => find(store, api, id).and_then(|dag| ok(view::details(store, api, dag))),
        ("GET", ["dags", id, "tasks"]) => find(store, api, id).and_then(|dag| {
            let tasks: Vec<Value> = dag.definition.tasks.iter().map(|task| view::task(api, dag, task)).collect();
            ok(json!({ "tasks": tasks, "total_entries": tasks.len() }))
        }),
        ("PATCH", ["dags", id]) => patch(store, api, request, id),
        ("DELETE", ["dags", id]) => delete(store, api, id),
        ("GET", ["dags", id, "dagVersions"]) if v2 => find(store, api, id).and_then(|dag| {
            let rows = dag.versions.iter().map(|version| view::version(dag, *version)).collect();
            page(api, request, &VERSIONS, rows)
        }),
        ("GET", ["dagSources", what]) => source(store, api, request, what),
        ("PUT", ["parseDagFile", token]) => parse(store, api, token),
        ("GET", ["importErrors"]) => {
            let rows = store.airflow.errors.iter().map(|(file, error)| import_error(&store.airflow, api, file, error));
            page(api, request, &ERRORS, rows.collect())
        }
        ("GET", ["dagTags"]) if v2 => {
            let mut tags: Vec<Value> =
                store.airflow.dags.values().flat_map(|dag| dag.definition.tags.iter().map(|t| json!(t))).collect();
            tags.sort_by_key(Value::to_string);
            tags.dedup();
            page(api, request, &TAGS, tags)
        }
        ("GET", ["dagWarnings"]) => ok(json!({ "dag_warnings": [], "total_entries": 0 })),
        _ => return None,
    })
}

/// The words for a DAG that is not there.
pub fn missing(api: ApiVersion, id: &str) -> Answer {
    match api {
        ApiVersion::V2 => detail(404, format!("The Dag with ID: `{id}` was not found")),
        ApiVersion::V1 => problem(404, "DAG not found", json!(format!("The DAG with dag_id: {id} was not found"))),
    }
}

fn find<'a>(store: &'a Store, api: ApiVersion, id: &str) -> Result<&'a Dag, Answer> {
    store.airflow.dags.get(id).ok_or_else(|| missing(api, id))
}

fn list(store: &Store, api: ApiVersion, request: &Request) -> AirflowResult {
    let one = |name: &str| all(request, name).first().map(|value| value.eq_ignore_ascii_case("true"));
    let stale_too = match api {
        ApiVersion::V2 => one("exclude_stale") == Some(false),
        ApiVersion::V1 => one("only_active") == Some(false),
    };
    let tags = all(request, "tags");
    let every = all(request, "tags_match_mode").first() == Some(&"all");
    let owners = all(request, "owners");
    let rows = store
        .airflow
        .dags
        .values()
        .filter(|dag| stale_too || !dag.is_stale)
        .filter(|dag| one("paused").is_none_or(|paused| dag.is_paused == paused))
        .filter(|dag| fits(request, "dag_id_pattern", &dag.definition.dag_id))
        .filter(|dag| {
            let has = |tag: &&str| dag.definition.tags.iter().any(|t| t == tag);
            tags.is_empty() || if every { tags.iter().all(has) } else { tags.iter().any(has) }
        })
        .filter(|dag| {
            api == ApiVersion::V1
                || owners.is_empty()
                || dag.definition.owners().iter().any(|o| owners.contains(&o.as_str()))
        })
        .filter(|dag| api == ApiVersion::V1 || one("has_import_errors").is_none_or(|on| dag.has_import_errors == on))
        .map(|dag| view::dag(store, api, dag))
        .collect();
    let mut answer = page(api, request, &LISTING, rows)?;
    let fields: Vec<&str> = all(request, "fields").iter().flat_map(|f| f.split(',')).map(str::trim).collect();
    if let (ApiVersion::V1, false, Content::Json(body)) = (api, fields.is_empty(), &mut answer.content)
        && let Some(rows) = body["dags"].as_array_mut()
    {
        for row in rows.iter_mut().filter_map(Value::as_object_mut) {
            row.retain(|name, _| fields.contains(&name.as_str()));
        }
    }
    Ok(answer)
}

fn patch(store: &mut Store, api: ApiVersion, request: &Request, id: &str) -> AirflowResult {
    let paused = match api {
        ApiVersion::V2 => {
            let members = read_v2(&request.body, &MEMBERS, &["body"])?;
            if masked(request).is_some_and(|mask| mask != ["is_paused"]) {
                return Err(detail(400, "Only `is_paused` field can be updated through the REST API"));
            }
            members["is_paused"].as_bool()
        }
        ApiVersion::V1 => {
            let members = read_partial_v1(request, &MEMBERS)?;
            if masked(request).is_some_and(|mask| mask != ["is_paused"]) {
                return Err(bad("Only `is_paused` field can be updated through the REST API"));
            }
            match members.get("is_paused").and_then(Value::as_bool) {
                Some(paused) => Some(paused),
                None => return Err(oops()),
            }
        }
    };
    let Some(dag) = store.airflow.dags.get_mut(id) else {
        return Err(match api {
            ApiVersion::V2 => detail(404, format!("Dag with id: {id} was not found")),
            ApiVersion::V1 => problem(404, &format!("Dag with id: '{id}' not found"), Value::Null),
        });
    };
    // A stale DAG can be paused and unpaused too.
    dag.is_paused = paused.unwrap_or(dag.is_paused);
    super::runs::tick(store, false);
    find(store, api, id).and_then(|dag| ok(view::dag(store, api, dag)))
}

/// Without a pattern it touches nothing.
fn pause_many(store: &mut Store, api: ApiVersion, request: &Request) -> AirflowResult {
    let members = match api {
        ApiVersion::V2 => read_v2(&request.body, &MEMBERS, &["body"])?,
        ApiVersion::V1 => read_partial_v1(request, &MEMBERS)?,
    };
    let paused = members.get("is_paused").and_then(Value::as_bool).unwrap_or_default();
    let mut ids = Vec::new();
    if let Some(pattern) = all(request, "dag_id_pattern").first() {
        for dag in store.airflow.dags.values_mut() {
            // "~" stands for all on v1.
            if (*pattern == "~" || super::listing::like(pattern, &dag.definition.dag_id)) && !dag.is_stale {
                dag.is_paused = paused;
                ids.push(dag.definition.dag_id.clone());
            }
        }
    }
    let rows: Vec<Value> =
        ids.iter().filter_map(|id| store.airflow.dags.get(id)).map(|dag| view::dag(store, api, dag)).collect();
    ok(json!({ "dags": rows, "total_entries": rows.len() }))
}

fn delete(store: &mut Store, api: ApiVersion, id: &str) -> AirflowResult {
    let Some(dag) = store.airflow.dags.get(id) else {
        return Err(match api {
            ApiVersion::V2 => detail(404, format!("Dag with id: {id} was not found")),
            ApiVersion::V1 => problem(404, &format!("Dag with id: '{id}' not found"), Value::Null),
        });
    };
    if store.airflow.runs.iter().any(|run| run.dag_id == id && run.state == "running") {
        let words = format!("Task instances of dag with id: '{id}' are still running");
        return Err(match api {
            ApiVersion::V2 => detail(409, words),
            ApiVersion::V1 => problem(409, "Conflict", json!(words)),
        });
    }
    let file = dag.file.clone();
    let now = store.now();
    store.airflow.dags.remove(id);
    store.airflow.runs.retain(|run| run.dag_id != id);
    store.airflow.errors.remove(&file);
    if let Some(file) = store.airflow.files.get_mut(&file) {
        // The file is still there: the DAG comes back with the next parse, paused and without its past.
        (file.parsed, file.changed_ms, file.looks) = (None, now, 0);
    }
    Ok(Answer::empty(204))
}

/// v2 goes by the id of the DAG, v1 by the token of its file.
fn source(store: &Store, api: ApiVersion, request: &Request, what: &str) -> AirflowResult {
    let dag = match api {
        ApiVersion::V2 => store.airflow.dags.get(what),
        ApiVersion::V1 => store.airflow.dags.values().find(|d| view::file_token(api, &store.airflow, &d.file) == what),
    };
    let Some(dag) = dag else {
        return Err(match api {
            ApiVersion::V2 => {
                detail(404, format!("The source code of the Dag {what}, version_number None was not found"))
            }
            ApiVersion::V1 => problem(404, "Dag source not found", Value::Null),
        });
    };
    // The code of a file that is gone is gone too, and the DAG's row still names it (recorded from 2.11.2).
    if api == ApiVersion::V1 && dag.is_stale && !dag.has_import_errors {
        return Err(oops());
    }
    if request.accept.as_deref().is_some_and(|accept| accept.starts_with("text/plain")) {
        return Ok(Answer { status: 200, content: Content::Plain(dag.source.clone()), retry_after: None });
    }
    let mut body = json!({ "content": dag.source });
    if api == ApiVersion::V2 {
        let id = &dag.definition.dag_id;
        body["dag_id"] = json!(id);
        body["version_number"] = json!(dag.versions.last().map(|v| v.number));
        body["dag_display_name"] = json!(dag.definition.dag_display_name.as_ref().unwrap_or(id));
    }
    ok(body)
}

fn parse(store: &mut Store, api: ApiVersion, token: &str) -> AirflowResult {
    let state = &store.airflow;
    let file = state.files.keys().find(|file| view::file_token(api, state, file) == token).cloned();
    let seeded = || state.dags.values().any(|dag| view::file_token(api, state, &dag.file) == token);
    let Some(file) = file else {
        return match (seeded(), api) {
            (true, ApiVersion::V2) => Ok(Answer::json(201, Value::Null)),
            (true, ApiVersion::V1) => Ok(parsed_v1()),
            (false, ApiVersion::V2) => Err(detail(404, "File not found")),
            (false, ApiVersion::V1) => Err(problem(404, "File not found", Value::Null)),
        };
    };
    let serial = store.serial();
    let Some(file) = store.airflow.files.get_mut(&file) else { return Err(detail(404, "File not found")) };
    match (api, std::mem::replace(&mut file.asked, true)) {
        // An earlier request is still waiting for the DAG processor.
        (ApiVersion::V2, true) => Err(unique(serial)),
        (ApiVersion::V2, false) => Ok(Answer::json(201, Value::Null)),
        (ApiVersion::V1, _) => Ok(parsed_v1()),
    }
}

fn parsed_v1() -> Answer {
    Answer { status: 201, content: Content::Html(String::new()), retry_after: None }
}

fn import_error(state: &AirflowState, api: ApiVersion, file: &str, error: &super::files::ImportError) -> Value {
    let mut shown = json!({
        "import_error_id": error.id,
        "timestamp": api.time(error.timestamp_ms),
        "filename": file,
        "stack_trace": error.stack_trace,
    });
    match api {
        ApiVersion::V2 => shown["bundle_name"] = json!("dags-folder"),
        ApiVersion::V1 => shown["filename"] = json!(view::location(state, file)),
    }
    shown
}
