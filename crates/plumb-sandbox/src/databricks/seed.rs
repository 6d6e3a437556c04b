//! Seeding a workspace: creates its objects from JSON in the shape of the APIs.

use super::{route, runs, set, text, unity};
use crate::{request::Request, settings::RunOutcome, store::Store};
use serde::Deserialize;
use serde_json::{Value, json};

/// The lists of a seed in the order in which they are added: what others refer to comes first.
const LISTS: [(&str, &str, &str); 6] = [
    ("policies", "/api/2.0/policies/clusters/create", "policy_id"),
    ("instance_pools", "/api/2.0/instance-pools/create", "instance_pool_id"),
    ("warehouses", "/api/2.0/sql/warehouses", "id"),
    ("clusters", "/api/2.1/clusters/create", "cluster_id"),
    ("pipelines", "/api/2.0/pipelines", "pipeline_id"),
    ("jobs", "/api/2.2/jobs/create", "job_id"),
];

const NAMES: &str = "jobs, clusters, policies, instance_pools, warehouses, pipelines, catalogs, schemas, volumes, tables, \
                     functions, registered_models, external_locations, storage_credentials";

/// Adds a seed's objects as if a user had created them, and answers their ids. Each may name its own id, its
/// `creator_user_name`, and its `permissions` (a list as in the permissions API); clusters also `state`, `pinned` and
/// `libraries`, warehouses `state`. A job may be bare settings, or have them under `settings` as jobs/get shows it, and a
/// pipeline under `spec`. `runs` are runs of the past.
pub fn add(store: &mut Store, seed: &Value) -> Result<Value, String> {
    let mut seed = seed.clone();
    let runs = seed.as_object_mut().and_then(|lists| lists.remove("runs"));
    let lists = seed.as_object().ok_or_else(|| format!("it must be an object with lists of {NAMES}"))?;
    let is_known = |name: &String| {
        LISTS.iter().any(|(known, ..)| known == name) || unity::seed::LISTS.iter().any(|(known, _)| known == name)
    };
    if let Some(odd) = lists.keys().find(|name| !is_known(name)) {
        return Err(format!("\"{odd}\" is none of {NAMES}"));
    }
    // What a seed adds has been there for long: no listing leaves it out.
    let settings = &mut store.settings;
    let delays = (settings.list_delay_reads, settings.list_delay_seconds, settings.grants_delay_reads);
    (settings.list_delay_reads, settings.list_delay_seconds, settings.grants_delay_reads) = (0, 0, 0);
    let mut ids = json!({});
    let mut result = Ok(());
    for (name, sort) in unity::seed::LISTS {
        let objects = seed.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        for (at, object) in objects.iter().enumerate() {
            match unity::seed::add(store, sort, object) {
                Ok(full) => {
                    if let Some(list) = ids[name].as_array_mut() {
                        list.push(full);
                    } else {
                        ids[name] = json!([full]);
                    }
                }
                Err(why) => result = result.and(Err(format!("{name}[{at}]: {why}"))),
            }
        }
    }
    for (name, path, key) in LISTS {
        let objects = seed.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        for (at, object) in objects.into_iter().enumerate() {
            match one(store, path, key, object) {
                Ok(id) => {
                    if let Some(list) = ids[name].as_array_mut() {
                        list.push(id);
                    } else {
                        ids[name] = json!([id]);
                    }
                }
                Err(why) => result = result.and(Err(format!("{name}[{at}]: {why}"))),
            }
        }
    }
    for (at, run) in runs.as_ref().and_then(Value::as_array).into_iter().flatten().enumerate() {
        match past_run(store, run) {
            Ok(id) => {
                if let Some(list) = ids["runs"].as_array_mut() {
                    list.push(id);
                } else {
                    ids["runs"] = json!([id]);
                }
            }
            Err(why) => result = result.and(Err(format!("runs[{at}]: {why}"))),
        }
    }
    let settings = &mut store.settings;
    (settings.list_delay_reads, settings.list_delay_seconds, settings.grants_delay_reads) = delays;
    result.map(|()| ids)
}

/// A run of the past: of which job, from when to when, and how it went.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RunSeed {
    /// The job's id or name.
    job: Value,
    /// As `2026-10-01T04:00:00Z`.
    started: String,
    ended: String,
    /// How it went, as the setting `runs` has it.
    #[serde(default)]
    outcome: RunOutcome,
    /// What run-now was given: `{"job_parameters": {"month": "2026-10"}}`.
    #[serde(default)]
    given: Option<Value>,
}

fn past_run(store: &mut Store, seed: &Value) -> Result<Value, String> {
    let seed: RunSeed = serde_json::from_value(seed.clone()).map_err(|e| e.to_string())?;
    let time = |text: &str| {
        let read = text.parse::<jiff::Timestamp>().map(jiff::Timestamp::as_millisecond);
        read.map_err(|e| format!("a time is expected as 2026-10-01T04:00:00Z: {e}"))
    };
    let (begin, end) = (time(&seed.started)?, time(&seed.ended)?);
    if end < begin {
        return Err("it ends before it begins".to_owned());
    }
    let id = runs::job_called(store, &seed.job).ok_or_else(|| format!("there is no job {}", seed.job))?;
    let given = seed.given.unwrap_or_else(|| json!({}));
    let run = runs::past(store, id, seed.outcome, given, (begin, end));
    run.map(|id| json!(id)).map_err(|e| e.body["message"].as_str().unwrap_or("refused").to_owned())
}

fn one(store: &mut Store, path: &str, key: &str, object: Value) -> Result<Value, String> {
    let user = text(&object, "creator_user_name").unwrap_or(super::identity::SOMEONE).to_owned();
    let wanted = set(&object, key).cloned();
    let inside = match key {
        "job_id" => set(&object, "settings"),
        "pipeline_id" => set(&object, "spec"),
        _ => None,
    };
    let mut body = inside.unwrap_or(&object).clone();
    let map = body.as_object_mut().ok_or("it must be an object")?;
    for own in [key, "creator_user_name", "permissions", "state", "pinned", "created_time", "run_as_user_name"] {
        map.remove(own);
    }
    // A definition may be given as an object, as manifests have it.
    if let Some(definition) = map.get("definition").filter(|d| d.is_object()).map(Value::to_string) {
        map.insert("definition".to_owned(), json!(definition));
    }
    let answer = route(store, &Request::internal("POST", path, &user, body))
        .map_err(|e| e.body["message"].as_str().unwrap_or("refused").to_owned())?;
    let id = answer[key].clone();
    let id = match wanted {
        Some(wanted) => rename(store, key, &id, wanted)?,
        None => id,
    };
    finish(store, key, &id, &object, &user)?;
    Ok(id)
}

/// Gives an object the id that the seed wants, everywhere that the id stands.
fn rename(store: &mut Store, key: &str, id: &Value, wanted: Value) -> Result<Value, String> {
    let state = &mut store.databricks;
    let plain = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
    let (old, new) = (plain(id), plain(&wanted));
    let taken = || format!("the id {new} is taken");
    let folder = match key {
        "job_id" => {
            let (from, to) = (old.parse::<i64>(), new.parse::<i64>());
            let (Ok(from), Ok(to)) = (from, to) else { return Err(format!("job_id {new} is not a number")) };
            if state.jobs.contains_key(&to) {
                state.jobs.remove(&from);
                return Err(taken());
            }
            if let Some(mut job) = state.jobs.remove(&from) {
                job.job_id = to;
                state.jobs.insert(to, job);
            }
            "jobs"
        }
        "cluster_id" => {
            let Some(mut cluster) = state.clusters.remove(&old) else { return Err(taken()) };
            if state.clusters.contains_key(&new) {
                return Err(taken());
            }
            cluster.cluster_id = new.clone();
            state.clusters.insert(new.clone(), cluster);
            "clusters"
        }
        _ => {
            let map = match key {
                "policy_id" => &mut state.policies,
                "id" => &mut state.warehouses,
                "pipeline_id" => &mut state.pipelines,
                _ => &mut state.instance_pools,
            };
            let Some(mut object) = map.remove(&old) else { return Err(taken()) };
            if map.contains_key(&new) {
                return Err(taken());
            }
            object[key] = json!(new);
            if key == "pipeline_id" {
                object["spec"]["id"] = json!(new);
                if object["spec"]["storage"] == format!("dbfs:/pipelines/{old}") {
                    object["spec"]["storage"] = json!(format!("dbfs:/pipelines/{new}"));
                }
            }
            map.insert(new.clone(), object);
            state.warehouse_since.remove(&old);
            if let Some(updates) = state.pipeline_updates.remove(&old) {
                state.pipeline_updates.insert(new.clone(), updates);
            }
            folder(key)
        }
    };
    if let Some(grants) = state.permissions.remove(&format!("/{folder}/{old}")) {
        state.permissions.insert(format!("/{folder}/{new}"), grants);
    }
    Ok(if key == "job_id" { json!(new.parse::<i64>().unwrap_or_default()) } else { json!(new) })
}

/// Where the permissions of a kind of object are.
fn folder(key: &str) -> &'static str {
    match key {
        "job_id" => "jobs",
        "cluster_id" => "clusters",
        "policy_id" => "cluster-policies",
        "id" => "sql/warehouses",
        "pipeline_id" => "pipelines",
        _ => "instance-pools",
    }
}

/// What creating calls do not take: permissions, and a cluster's state, pin and libraries.
fn finish(store: &mut Store, key: &str, id: &Value, object: &Value, user: &str) -> Result<(), String> {
    let plain = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
    let folder = folder(key);
    if key == "job_id"
        && let Some(created) = set(object, "created_time").and_then(Value::as_i64)
        && let Some(job) = plain.parse().ok().and_then(|id: i64| store.databricks.jobs.get_mut(&id))
    {
        job.created_time = created;
    }
    if key == "id"
        && let Some(warehouse) = store.databricks.warehouses.get_mut(&plain)
    {
        // It has been there for long, so that it is on its way nowhere.
        let state = text(object, "state").unwrap_or("RUNNING");
        warehouse["state"] = json!(state);
        warehouse["num_clusters"] = if state == "RUNNING" { warehouse["min_num_clusters"].clone() } else { json!(0) };
    }
    let mut calls = Vec::new();
    if let Some(acl) = set(object, "permissions") {
        calls.push(("PATCH", format!("/api/2.0/permissions/{folder}/{plain}"), json!({ "access_control_list": acl })));
    }
    if key == "cluster_id" {
        let body = json!({ "cluster_id": id });
        if let Some(libraries) = set(object, "libraries") {
            let body = json!({ "cluster_id": id, "libraries": libraries });
            calls.push(("POST", "/api/2.0/libraries/install".to_owned(), body));
        }
        if object["pinned"] == true {
            calls.push(("POST", "/api/2.1/clusters/pin".to_owned(), body.clone()));
        }
        // A get lets the cluster arrive in its state.
        let get = ("GET", format!("/api/2.1/clusters/get?cluster_id={plain}"), Value::Null);
        calls.push(get.clone());
        if text(object, "state") == Some("TERMINATED") {
            calls.push(("POST", "/api/2.1/clusters/delete".to_owned(), body));
            calls.push(get);
        }
    }
    for (method, path, body) in calls {
        route(store, &Request::internal(method, &path, user, body))
            .map_err(|e| e.body["message"].as_str().unwrap_or("refused").to_owned())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Clock;

    #[test]
    fn a_seed_names_ids_users_and_states() {
        let mut store = Store::new(Clock::Fixed(0));
        let seed = json!({
            "jobs": [{ "job_id": 42, "creator_user_name": "ann@example.com", "name": "j" }, { "settings": { "name": "k" } }],
            "clusters": [{ "cluster_id": "c-1", "spark_version": "s", "instance_pool_id": "pool-1", "policy_id": "P1", "state": "TERMINATED", "pinned": true }],
            "policies": [{ "policy_id": "P1", "name": "p", "definition": { "custom_tags.a": { "type": "fixed", "value": "b" } } }],
            "instance_pools": [{ "instance_pool_id": "pool-1", "instance_pool_name": "q", "node_type_id": "n",
                "permissions": [{ "group_name": "g", "permission_level": "CAN_ATTACH_TO" }] }],
            "warehouses": [{ "id": "w-1", "name": "small", "state": "STOPPED" }, { "id": "w-2", "name": "Serverless Starter Warehouse" }],
            "pipelines": [{ "pipeline_id": "p-1", "spec": { "name": "p", "libraries": [{ "jar": "/a.jar" }] },
                "permissions": [{ "group_name": "g", "permission_level": "CAN_RUN" }] }],
        });
        let ids = add(&mut store, &seed).unwrap();
        let warehouse = &store.databricks.warehouses["w-1"];
        assert_eq!((&warehouse["id"], &warehouse["state"]), (&json!("w-1"), &json!("STOPPED")));
        assert_eq!(store.databricks.warehouses["w-2"]["state"], "RUNNING");
        assert_eq!(store.databricks.permissions["/sql/warehouses/w-2"][0].level, "IS_OWNER");
        let spec = &store.databricks.pipelines["p-1"]["spec"];
        assert_eq!((&spec["id"], &spec["storage"]), (&json!("p-1"), &json!("dbfs:/pipelines/p-1")));
        assert_eq!(store.databricks.permissions["/pipelines/p-1"].len(), 2);
        assert_eq!((&ids["jobs"][0], &ids["clusters"]), (&json!(42), &json!(["c-1"])));
        let cluster = &store.databricks.clusters["c-1"];
        assert_eq!(cluster.effective["custom_tags"]["a"], "b");
        assert_eq!(json!(cluster.phase), "TERMINATED");
        assert!(cluster.pinned_by.is_some());
        assert_eq!(store.databricks.jobs[&42].creator_user_name, "ann@example.com");
        assert_eq!(store.databricks.permissions["/jobs/42"][0].level, "IS_OWNER");
        assert_eq!(store.databricks.permissions["/instance-pools/pool-1"][1].name, "g");
    }

    #[test]
    fn a_seed_that_does_not_fit_is_refused_by_place() {
        let mut store = Store::new(Clock::Fixed(0));
        assert!(add(&mut store, &json!({ "job": [] })).unwrap_err().contains("\"job\""));
        let twice = json!({ "jobs": [{ "job_id": 1 }, { "job_id": 1 }] });
        assert_eq!(add(&mut store, &twice).unwrap_err(), "jobs[1]: the id 1 is taken");
    }
}
