//! Jobs API 2.0, 2.1 and 2.2: create, get, list, update, reset and delete jobs.

use super::placed::Created;
use super::{cluster_rules, defaults, fields, job_limits, paging, permissions, policies, runs, set, single_task, text};
use crate::{
    errors::{ApiError, Handled},
    request::Request,
    store::Store,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// A job as the workspace keeps it: defaults filled in, write-only members forgotten.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    pub job_id: i64,
    pub creator_user_name: String,
    /// Who its runs run as.
    pub run_as_user_name: String,
    pub created_time: i64,
    pub settings: Value,
}

impl Created for Job {
    fn created(&self) -> i64 {
        self.created_time
    }
}

/// Arrays of the settings that come in pages (Jobs API 2.2).
const PAGED: [&str; 4] = ["tasks", "job_clusters", "environments", "parameters"];

/// Answers `jobs/VERB`.
pub fn handle(store: &mut Store, request: &Request, version: &str, verb: &str) -> Option<Handled> {
    Some(match (request.method.as_str(), verb) {
        ("POST", "create") => create(store, request, version),
        ("GET", "get") => get(store, request, version),
        ("GET", "list") if version == "2.0" => list_old(store),
        ("GET", "list") => list(store, request),
        ("POST", "update") => update(store, request, version),
        ("POST", "reset") => reset(store, request, version),
        ("POST", "delete") => delete(store, request),
        _ => return None,
    })
}

/// The job of that id. The check for permission comes before the one for existence: who is no admin cannot tell a
/// deleted job from a forbidden one (databricks/cli#3931, databricks/cli testserver).
pub fn find(store: &Store, id: i64) -> Result<&Job, ApiError> {
    let deleted = store.databricks.deleted_jobs.contains(&id);
    store.databricks.jobs.get(&id).ok_or_else(|| {
        if deleted && !store.settings.caller_is_admin {
            return ApiError::denied(format!("User does not have permissions on job {id}."));
        }
        ApiError::invalid(format!("Job {id} does not exist."))
    })
}

fn create(store: &mut Store, request: &Request, version: &str) -> Handled {
    let mut settings = Value::Object(request.object()?);
    let acl = take(&mut settings, "access_control_list");
    let settings = prepare(store, settings, version)?;
    let job_id = 620_000_000_000_000 + i64::try_from(store.serial()).unwrap_or(0);
    permissions::created(store, &format!("/jobs/{job_id}"), &request.user, acl.as_ref())?;
    let created_time = store.now();
    let run_as_user_name = run_as(&settings).unwrap_or_else(|| request.user.clone());
    let job = Job { job_id, creator_user_name: request.user.clone(), run_as_user_name, created_time, settings };
    store.databricks.jobs.insert(job_id, job);
    paging::created(store, "jobs", job_id);
    Ok(json!({ "job_id": job_id }))
}

fn take(object: &mut Value, name: &str) -> Option<Value> {
    object.as_object_mut().and_then(|map| map.remove(name))
}

/// Checks settings and writes into them what the workspace does.
pub fn prepare(store: &Store, mut settings: Value, version: &str) -> Result<Value, ApiError> {
    defaults::drop_nulls(&mut settings);
    if version == "2.0" {
        single_task::unfold(&mut settings);
    } else {
        single_task::refuse(&settings)?;
        settings["format"] = json!("MULTI_TASK");
    }
    features(store, &settings)?;
    fields::read(&mut settings, "Job", store.settings.keeps_unknown)?;
    job_limits::check(&settings)?;
    // A policy takes hold when a job runs (databricks/cli#2492). Only a spec that asks for the policy's default values
    // has them written in at once, and then keeps them (Terraform provider, `__apply_policy_default_values_allow_list`;
    // databricks/cli#3255).
    let mut problem = None;
    defaults::each_new_cluster(&mut settings, &mut |spec| {
        if let Some(refused) = defaults::beside_a_pool(spec) {
            problem.get_or_insert(ApiError::invalid(refused));
        }
        let Some(id) = text(spec, "policy_id").map(str::to_owned) else { return };
        let wanted = spec.get("apply_policy_default_values") == Some(&Value::Bool(true));
        match policies::definition(store, &id) {
            Ok(Some(definition)) if wanted => {
                let applied = cluster_rules::apply(&definition, &id, spec, cluster_rules::ClusterType::Job);
                if let Err(message) = applied {
                    problem.get_or_insert(ApiError::invalid(format!("Cluster validation error: {message}")));
                }
            }
            Ok(_) => {}
            Err(error) => {
                problem.get_or_insert(error);
            }
        }
    });
    if let Some(error) = problem {
        return Err(error);
    }
    defaults::job(&mut settings, version);
    Ok(settings)
}

/// Several triggers are a feature that a workspace may not have: 404 `FEATURE_DISABLED` (databricks/cli#6442).
fn features(store: &Store, settings: &Value) -> Result<(), ApiError> {
    if store.settings.several_triggers || set(settings, "triggers").is_none() {
        return Ok(());
    }
    Err(ApiError::new(404, "FEATURE_DISABLED", "Multiple triggers are not enabled for this workspace."))
}

/// The user or service principal that `run_as` names.
pub fn run_as(settings: &Value) -> Option<String> {
    let run_as = set(settings, "run_as")?;
    text(run_as, "user_name").or_else(|| text(run_as, "service_principal_name")).map(str::to_owned)
}

fn shown(job: &Job, settings: Value) -> Value {
    json!({
        "job_id": job.job_id,
        "creator_user_name": job.creator_user_name,
        "run_as_user_name": job.run_as_user_name,
        "created_time": job.created_time,
        "settings": settings,
    })
}

fn get(store: &mut Store, request: &Request, version: &str) -> Handled {
    let id = request.required_number("job_id")?;
    // 404 without an error code (databricks/cli testserver; the Terraform provider also copes with a 400).
    let missing = |error: ApiError| match error.status {
        400 => ApiError { status: 404, body: json!({ "message": error.body["message"] }), retry_after: None },
        _ => error,
    };
    let job = find(store, id).map_err(missing)?;
    let number = paging::page_number(request.param("page_token").as_deref())?;
    let mut settings = job.settings.clone();
    defaults::job_on_read(&mut settings);
    if version == "2.0" {
        single_task::fold(&mut settings);
        return Ok(shown(job, settings));
    }
    let more = paging::cut_arrays(&mut settings, &PAGED, number);
    let mut answer = shown(job, settings);
    if more {
        answer["has_more"] = json!(true);
        answer["next_page_token"] = paging::page_token(number + 1);
    }
    if number > 0 {
        answer["prev_page_token"] = paging::page_token(number - 1);
    }
    Ok(answer)
}

fn list(store: &mut Store, request: &Request) -> Handled {
    let limit = paging::limit(request, "limit", 20, 100)?;
    let token = request.param("page_token");
    let expand = request.flag("expand_tasks");
    let hidden = paging::unlisted(store, "jobs", token.is_none());
    // The filter is exact but for letter case (Jobs API reference).
    let name = request.param("name").map(|n| n.to_lowercase());
    let offset = usize::try_from(request.number("offset")?.unwrap_or(0).max(0)).unwrap_or(0);
    let wanted = paging::Wanted { token: token.as_deref(), limit, offset };
    let page = paging::page(&store.databricks.jobs, wanted, |job| {
        !is_hidden(&hidden, job)
            && name.as_ref().is_none_or(|n| text(&job.settings, "name").unwrap_or("").to_lowercase() == *n)
    })?;
    let jobs = page.items.into_iter().map(|job| listed(job, expand)).collect();
    let mut answer = paging::listing("jobs", jobs);
    answer.insert("has_more".to_owned(), json!(page.next.is_some()));
    for (name, token) in [("next_page_token", page.next), ("prev_page_token", page.prev)] {
        if let Some(token) = token {
            answer.insert(name.to_owned(), json!(token));
        }
    }
    Ok(answer.into())
}

fn is_hidden(hidden: &[String], job: &Job) -> bool {
    !hidden.is_empty() && hidden.contains(&job.job_id.to_string())
}

/// 2.0 lists everything at once, the newest first, with whole settings.
fn list_old(store: &mut Store) -> Handled {
    let hidden = paging::unlisted(store, "jobs", true);
    let jobs = store.databricks.jobs.newest().filter(|job| !is_hidden(&hidden, job)).map(|job| {
        let mut settings = job.settings.clone();
        defaults::job_on_read(&mut settings);
        single_task::fold(&mut settings);
        shown(job, settings)
    });
    Ok(paging::listing("jobs", jobs.collect()).into())
}

fn listed(job: &Job, expand: bool) -> Value {
    let mut settings = job.settings.clone();
    if !expand {
        // "Whether to include task and cluster details" (Jobs API reference).
        for name in ["tasks", "job_clusters"] {
            take(&mut settings, name);
        }
        return shown(job, settings);
    }
    defaults::job_on_read(&mut settings);
    let more = paging::cut_arrays(&mut settings, &PAGED, 0);
    let mut answer = shown(job, settings);
    if more {
        answer["has_more"] = json!(true);
    }
    answer
}

fn reset(store: &mut Store, request: &Request, version: &str) -> Handled {
    let id = request.required_number("job_id")?;
    let settings = set(&request.body, "new_settings")
        .filter(|s| s.is_object())
        .cloned()
        .ok_or_else(|| ApiError::invalid("Missing required field: new_settings"))?;
    if !store.databricks.jobs.contains_key(&id) {
        // An empty 403, not a 404 (databricks/cli testserver, jobs.go).
        return Err(ApiError { status: 403, body: json!({}), retry_after: None });
    }
    let settings = prepare(store, settings, version)?;
    replace(store, id, settings);
    Ok(json!({}))
}

fn replace(store: &mut Store, id: i64, mut settings: Value) {
    if let Some(job) = store.databricks.jobs.get_mut(&id) {
        match run_as(&settings) {
            Some(user) => job.run_as_user_name = user,
            // Leaving `run_as` out keeps the one before (databricks/cli#4873).
            None => {
                if let Some(before) = set(&job.settings, "run_as") {
                    settings["run_as"] = before.clone();
                }
            }
        }
        job.settings = settings;
    }
}

/// Keys by which `update` merges arrays rather than replacing them (Jobs API reference, jobs/update).
const KEYED: [(&str, &str); 4] = [
    ("tasks", "task_key"),
    ("job_clusters", "job_cluster_key"),
    ("environments", "environment_key"),
    ("parameters", "name"),
];

fn update(store: &mut Store, request: &Request, version: &str) -> Handled {
    let id = request.required_number("job_id")?;
    let mut settings = find(store, id)?.settings.clone();
    if version == "2.0" {
        single_task::fold(&mut settings);
    }
    let fields = request.body.get("fields_to_remove").and_then(Value::as_array).into_iter().flatten();
    for field in fields.filter_map(Value::as_str) {
        let (list, key) = field.split_once('/').unwrap_or((field, ""));
        match KEYED.iter().find(|(name, _)| *name == list).filter(|_| !key.is_empty()) {
            Some((_, member)) => {
                if let Some(elements) = settings.get_mut(list).and_then(Value::as_array_mut) {
                    elements.retain(|e| text(e, member) != Some(key));
                }
            }
            None => {
                take(&mut settings, field);
            }
        }
    }
    let new: Map<String, Value> =
        set(&request.body, "new_settings").and_then(Value::as_object).cloned().unwrap_or_default();
    for (name, value) in new {
        let keyed = KEYED.iter().find(|(list, _)| *list == name).map(|(_, member)| *member);
        match (keyed, value) {
            (Some(member), Value::Array(elements)) => merge(&mut settings, &name, member, elements),
            (_, value) => settings[name] = value,
        }
    }
    let settings = prepare(store, settings, version)?;
    replace(store, id, settings);
    Ok(json!({}))
}

fn merge(settings: &mut Value, name: &str, member: &str, elements: Vec<Value>) {
    if !settings.get(name).is_some_and(Value::is_array) {
        settings[name] = json!([]);
    }
    let Some(list) = settings.get_mut(name).and_then(Value::as_array_mut) else { return };
    for element in elements {
        match list.iter_mut().find(|e| text(e, member) == text(&element, member)) {
            Some(before) => *before = element,
            None => list.push(element),
        }
    }
}

fn delete(store: &mut Store, request: &Request) -> Handled {
    let id = request.required_number("job_id")?;
    find(store, id)?;
    // Runs under way are cancelled with the job.
    runs::end_all(store, id, "Run cancelled because the job was deleted.");
    store.databricks.jobs.remove(&id);
    store.databricks.deleted_jobs.insert(id);
    store.databricks.permissions.remove(&format!("/jobs/{id}"));
    Ok(json!({}))
}

#[cfg(test)]
mod tests {
    use super::super::route;
    use crate::{
        errors::Handled,
        request::Request,
        store::{Clock, Store},
    };
    use serde_json::{Value, json};

    fn ask(store: &mut Store, method: &str, path: &str, body: Value) -> Handled {
        route(store, &Request::internal(method, &format!("/api/2.2/jobs/{path}"), "me@example.com", body))
    }

    fn make(store: &mut Store, settings: Value) -> i64 {
        ask(store, "POST", "create", settings).unwrap()["job_id"].as_i64().unwrap()
    }

    fn tasks(n: usize) -> Value {
        (0..n).map(|i| json!({ "task_key": format!("t{i:04}") })).collect()
    }

    #[test]
    fn get_pages_a_large_job() {
        let mut store = Store::new(Clock::Fixed(0));
        let id = make(&mut store, json!({ "tasks": tasks(250), "job_clusters": [{ "job_cluster_key": "c" }] }));
        let first = ask(&mut store, "GET", &format!("get?job_id={id}"), Value::Null).unwrap();
        assert_eq!(first["settings"]["tasks"].as_array().unwrap().len(), 100);
        let token = first["next_page_token"].as_str().unwrap();
        let second = ask(&mut store, "GET", &format!("get?job_id={id}&page_token={token}"), Value::Null).unwrap();
        assert_eq!(second["settings"]["tasks"][0]["task_key"], "t0100");
        assert_eq!(second["settings"]["job_clusters"], json!([]), "later pages do not repeat");
        let token = second["next_page_token"].as_str().unwrap();
        let third = ask(&mut store, "GET", &format!("get?job_id={id}&page_token={token}"), Value::Null).unwrap();
        assert_eq!(third["settings"]["tasks"].as_array().unwrap().len(), 50);
        assert!(third.get("next_page_token").is_none());
    }

    #[test]
    fn list_truncates_expanded_jobs_and_says_so() {
        let mut store = Store::new(Clock::Fixed(0));
        make(&mut store, json!({ "name": "Large", "tasks": tasks(101) }));
        make(&mut store, json!({ "name": "small", "tasks": tasks(1) }));
        let page = ask(&mut store, "GET", "list?expand_tasks=true", Value::Null).unwrap();
        assert_eq!(page["jobs"][0]["settings"]["name"], "small", "the newest comes first");
        assert!(page["jobs"][0].get("has_more").is_none());
        assert_eq!(page["jobs"][1]["has_more"], true);
        assert_eq!(page["jobs"][1]["settings"]["tasks"].as_array().unwrap().len(), 100);
        let plain = ask(&mut store, "GET", "list?name=LARGE", Value::Null).unwrap();
        assert_eq!(plain["jobs"].as_array().unwrap().len(), 1);
        assert!(plain["jobs"][0]["settings"].get("tasks").is_none());
        assert!(ask(&mut store, "GET", "list?limit=101", Value::Null).is_err());
    }

    #[test]
    fn reset_keeps_run_as_and_is_403_when_the_job_is_gone() {
        let mut store = Store::new(Clock::Fixed(0));
        let id = make(&mut store, json!({ "run_as": { "service_principal_name": "sp" } }));
        ask(&mut store, "POST", "reset", json!({ "job_id": id, "new_settings": { "name": "n" } })).unwrap();
        let job = ask(&mut store, "GET", &format!("get?job_id={id}"), Value::Null).unwrap();
        assert_eq!((&job["run_as_user_name"], &job["settings"]["name"]), (&json!("sp"), &json!("n")));
        ask(&mut store, "POST", "delete", json!({ "job_id": id })).unwrap();
        let gone = ask(&mut store, "POST", "reset", json!({ "job_id": id, "new_settings": {} })).unwrap_err();
        assert_eq!((gone.status, gone.body), (403, json!({})));
        let gone = ask(&mut store, "GET", &format!("get?job_id={id}"), Value::Null).unwrap_err();
        assert_eq!((gone.status, gone.body), (404, json!({ "message": format!("Job {id} does not exist.") })));
        store.settings.caller_is_admin = false;
        assert_eq!(ask(&mut store, "POST", "delete", json!({ "job_id": id })).unwrap_err().status, 403);
    }

    #[test]
    fn update_merges_arrays_by_key_and_removes_fields() {
        let mut store = Store::new(Clock::Fixed(0));
        let id = make(
            &mut store,
            json!({ "description": "d", "tasks": [{ "task_key": "a", "max_retries": 1 }, { "task_key": "b" }] }),
        );
        let body = json!({
            "job_id": id,
            "new_settings": { "tasks": [{ "task_key": "a" }, { "task_key": "c" }] },
            "fields_to_remove": ["description", "tasks/b"],
        });
        ask(&mut store, "POST", "update", body).unwrap();
        let job = ask(&mut store, "GET", &format!("get?job_id={id}"), Value::Null).unwrap();
        let keys: Vec<_> = job["settings"]["tasks"].as_array().unwrap().iter().map(|t| t["task_key"].clone()).collect();
        assert_eq!(keys, ["a", "c"]);
        assert!(job["settings"]["tasks"][0].get("max_retries").is_none(), "an element is replaced whole");
        assert!(job["settings"].get("description").is_none());
    }

    #[test]
    fn a_new_job_may_be_left_out_of_listings_for_a_while() {
        let mut store = Store::new(Clock::Fixed(0));
        store.settings.list_delay_reads = 1;
        make(&mut store, json!({}));
        assert_eq!(ask(&mut store, "GET", "list", Value::Null).unwrap(), json!({ "has_more": false }));
        assert_eq!(ask(&mut store, "GET", "list", Value::Null).unwrap()["jobs"].as_array().unwrap().len(), 1);
    }
}
