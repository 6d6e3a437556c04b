//! Clusters API 2.0 and 2.1: all-purpose clusters, their states and their events.

use super::placed::Created;
use super::{
    catalog, cluster_rules, defaults, fields, job_limits, libraries, paging, permissions, policies, set, text,
};
use crate::{
    errors::{ApiError, Handled},
    request::Request,
    store::Store,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// A cluster's state, in the API's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DatabricksClusterState {
    Pending,
    Running,
    Restarting,
    Resizing,
    Terminating,
    Terminated,
}

impl DatabricksClusterState {
    /// Where a state leads by itself.
    fn leads_to(self) -> Option<DatabricksClusterState> {
        match self {
            DatabricksClusterState::Pending | DatabricksClusterState::Restarting | DatabricksClusterState::Resizing => {
                Some(DatabricksClusterState::Running)
            }
            DatabricksClusterState::Terminating => Some(DatabricksClusterState::Terminated),
            DatabricksClusterState::Running | DatabricksClusterState::Terminated => None,
        }
    }

    /// As messages write it: `Terminated`.
    fn said(self) -> String {
        format!("{self:?}")
    }
}

/// A cluster as the workspace keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DatabricksCluster {
    pub cluster_id: String,
    pub creator_user_name: String,
    /// With the policy's values and the server's defaults.
    pub effective: Value,
    /// As it was requested; what `.spec` shows.
    pub requested: Value,
    pub phase: DatabricksClusterState,
    /// When the phase began.
    pub since: i64,
    pub created: i64,
    pub started: i64,
    pub terminated: Option<i64>,
    pub reason: Option<Value>,
    pub pinned_by: Option<String>,
    pub events: Vec<Value>,
    pub libraries: Vec<libraries::Installed>,
    /// Whether a job made it for a run of its own.
    #[serde(default)]
    pub of_job: bool,
    /// `state_message`, where the state does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// A terminated cluster that is not pinned is forgotten after 30 days.
const FORGOTTEN_MS: i64 = 30 * 24 * 3600 * 1000;
/// At most this many clusters can be pinned (Terraform provider, clusters/).
const PINNED: usize = 100;

/// Answers `clusters/VERB`.
pub fn handle(store: &mut Store, request: &Request, version: &str, verb: &str) -> Option<Handled> {
    let handled = match (request.method.as_str(), verb) {
        ("POST", "create") => create(store, request),
        ("GET", "get") => get(store, request),
        ("GET", "list") => list(store, request, version),
        ("POST", "edit") => edit(store, request),
        ("POST", "update") => update(store, request),
        ("POST", "resize") => resize(store, request),
        ("POST", "start") => {
            go(store, request, &[DatabricksClusterState::Terminated], DatabricksClusterState::Pending, "STARTING")
        }
        ("POST", "restart") => {
            go(store, request, &[DatabricksClusterState::Running], DatabricksClusterState::Restarting, "RESTARTING")
        }
        ("POST", "delete") => terminate(store, request),
        ("POST", "permanent-delete") => forget(store, request),
        ("POST", "pin" | "unpin") => pin(store, request, verb == "pin"),
        ("POST", "change-owner") => change_owner(store, request),
        ("POST" | "GET", "events") => events(store, request),
        ("GET", "list-node-types") => Ok(catalog::node_types()),
        ("GET", "spark-versions") => Ok(catalog::spark_versions(store.now())),
        ("GET", "list-zones") => Ok(catalog::zones()),
        _ => return None,
    };
    if handled.as_ref().is_err_and(|e| e.body["error_code"] == "INVALID_STATE") {
        // A refusal tells the state as a get does: whoever waits by trying again has to get there too.
        arrive(store, request);
    }
    Some(handled)
}

/// Where time is not counted, whoever looks finds the cluster arrived (databricks/cli testserver: the first get after
/// create answers RUNNING).
fn arrive(store: &mut Store, request: &Request) {
    let (now, counted) = (store.now(), store.settings.cluster_seconds.is_some());
    if let Ok(cluster) = named(store, request)
        && let Some(next) = cluster.phase.leads_to().filter(|_| !counted)
    {
        enter(cluster, next, now);
    }
}

/// Whether a cluster is one that the service no longer shows.
fn forgotten(cluster: &DatabricksCluster, now: i64) -> bool {
    cluster.phase == DatabricksClusterState::Terminated
        && cluster.pinned_by.is_none()
        && now - cluster.since > FORGOTTEN_MS
}

/// The cluster of that id.
pub fn find<'a>(store: &'a mut Store, id: &str) -> Result<&'a mut DatabricksCluster, ApiError> {
    let now = store.now();
    let cluster = store
        .databricks
        .clusters
        .get_mut(id)
        .ok_or_else(|| ApiError::invalid(format!("Cluster {id} does not exist")))?;
    if forgotten(cluster, now) {
        // Terraform provider, clusters/resource_cluster.go.
        return Err(ApiError::state(format!(
            "Cannot access cluster {id} that was terminated or unpinned more than 30 days ago."
        )));
    }
    Ok(cluster)
}

fn named<'a>(store: &'a mut Store, request: &Request) -> Result<&'a mut DatabricksCluster, ApiError> {
    let id = request.required("cluster_id")?;
    find(store, &id)
}

/// Moves every cluster to where the clock says it is, and ends idle ones.
pub fn tick(store: &mut Store) {
    let (now, counted) = (store.now(), store.settings.cluster_seconds);
    for cluster in store.databricks.clusters.values_mut() {
        if let (Some(next), Some(seconds)) = (cluster.phase.leads_to(), counted) {
            let due = cluster.since + seconds * 1000;
            if now >= due {
                enter(cluster, next, due);
            }
        }
        let minutes = cluster.effective.get("autotermination_minutes").and_then(Value::as_i64).unwrap_or(0);
        if cluster.phase == DatabricksClusterState::Running && minutes > 0 && now - cluster.since >= minutes * 60_000 {
            let at = cluster.since + minutes * 60_000;
            enter(cluster, DatabricksClusterState::Terminated, at);
            cluster.reason = Some(json!({
                "code": "INACTIVITY", "type": "SUCCESS", "parameters": { "inactivity_duration_min": minutes.to_string() },
            }));
        }
    }
}

fn enter(cluster: &mut DatabricksCluster, phase: DatabricksClusterState, at: i64) {
    let before = cluster.phase;
    cluster.phase = phase;
    cluster.since = at;
    match phase {
        DatabricksClusterState::Pending | DatabricksClusterState::Restarting => {
            cluster.started = at;
            cluster.reason = None;
            cluster.terminated = None;
        }
        DatabricksClusterState::Running if before == DatabricksClusterState::Resizing => {
            event(cluster, at, "UPSIZE_COMPLETED", json!({}))
        }
        DatabricksClusterState::Running => {
            libraries::restarted(cluster);
            event(cluster, at, "RUNNING", json!({}));
        }
        DatabricksClusterState::Terminated => cluster.terminated = Some(at),
        DatabricksClusterState::Terminating => {
            event(cluster, at, "TERMINATING", json!({ "reason": cluster.reason }));
        }
        DatabricksClusterState::Resizing => {}
    }
}

impl Created for DatabricksCluster {
    fn created(&self) -> i64 {
        self.created
    }
}

impl DatabricksCluster {
    fn source(&self) -> &'static str {
        if self.of_job { "JOB" } else { "API" }
    }
}

/// Adds an event.
pub fn event(cluster: &mut DatabricksCluster, at: i64, kind: &str, details: Value) {
    let entry = json!({ "cluster_id": cluster.cluster_id, "timestamp": at, "type": kind, "details": details });
    cluster.events.push(entry);
}

/// Checks a spec and writes into it what the policy and the server do: the requested spec and the effective one.
fn prepare(store: &Store, mut spec: Value, user: &str) -> Result<(Value, Value), ApiError> {
    defaults::drop_nulls(&mut spec);
    fields::read(&mut spec, "Cluster", store.settings.keeps_unknown)?;
    if let Some(map) = spec.as_object_mut() {
        for name in ["cluster_id", "idempotency_token", "access_control_list", "libraries"] {
            map.remove(name);
        }
    }
    let requested = spec.clone();
    if let Some(problem) = defaults::beside_a_pool(&requested) {
        return Err(ApiError::invalid(problem));
    }
    if let Some(id) = text(&requested, "policy_id")
        && let Some(definition) = policies::definition(store, id)?
    {
        cluster_rules::apply(&definition, id, &mut spec, cluster_rules::ClusterType::AllPurpose)
            .map_err(|message| ApiError::invalid(format!("Cluster validation error: {message}")))?;
    }
    if text(&spec, "spark_version").is_none() {
        return Err(ApiError::invalid("Missing required field: spark_version"));
    }
    match text(&spec, "instance_pool_id") {
        None if text(&spec, "node_type_id").is_none() && set(&spec, "node_type_flexibility").is_none() => {
            return Err(ApiError::invalid("Missing required field: node_type_id"));
        }
        Some(pool) if store.settings.check_references && !store.databricks.instance_pools.contains_key(pool) => {
            return Err(ApiError::invalid(format!("Can't find an instance pool with id: {pool}.")));
        }
        _ => {}
    }
    if let Some(problem) = job_limits::cluster_size(&spec) {
        return Err(ApiError::invalid(problem));
    }
    if let Some(node) = text(&spec, "instance_pool_id").and_then(|p| store.databricks.instance_pools.get(p)) {
        // Nodes of a pool are of the pool's type, and have its instance profile (databricks-sdk-py
        // compute.InstancePoolAwsAttributes: clusters "will inherit" it "and must not specify their own").
        spec["node_type_id"] = node["node_type_id"].clone();
        if let Some(profile) = node.pointer("/aws_attributes/instance_profile_arn").filter(|p| p.is_string()) {
            if requested.pointer("/aws_attributes/instance_profile_arn").is_some() {
                return Err(ApiError::invalid("The instance profile of the cluster is that of its instance pool."));
            }
            spec["aws_attributes"]["instance_profile_arn"] = profile.clone();
        }
    }
    defaults::cluster(&mut spec, user);
    Ok((requested, spec))
}

fn create(store: &mut Store, request: &Request) -> Handled {
    let body = Value::Object(request.object()?);
    let token = text(&body, "idempotency_token").map(str::to_owned);
    if let Some(known) = token.as_ref().and_then(|t| {
        store.databricks.clusters.values().find(|c| text(&c.requested, "idempotency_token") == Some(t.as_str()))
    }) {
        return Ok(json!({ "cluster_id": known.cluster_id }));
    }
    let acl = set(&body, "access_control_list").cloned();
    let (mut requested, effective) = prepare(store, body, &request.user)?;
    if let Some(token) = token {
        requested["idempotency_token"] = json!(token);
    }
    let now = store.now();
    let serial = store.serial();
    let cluster_id = format!("{}-{}", stamp(now), &Store::scrambled(serial)[..8]);
    permissions::created(store, &format!("/clusters/{cluster_id}"), &request.user, acl.as_ref())?;
    let mut cluster = DatabricksCluster {
        cluster_id: cluster_id.clone(),
        creator_user_name: request.user.clone(),
        effective,
        requested,
        phase: DatabricksClusterState::Pending,
        since: now,
        created: now,
        started: now,
        terminated: None,
        reason: None,
        pinned_by: None,
        events: Vec::new(),
        libraries: Vec::new(),
        of_job: false,
        message: None,
    };
    event(&mut cluster, now, "CREATING", json!({ "user": request.user }));
    store.databricks.clusters.insert(cluster_id.clone(), cluster);
    paging::created(store, "clusters", &cluster_id);
    Ok(json!({ "cluster_id": cluster_id }))
}

/// The beginning of ids that hold the time: `MMDD-HHMMSS`.
pub fn stamp(now: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(now).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC);
    at.strftime("%m%d-%H%M%S").to_string()
}

fn shown(cluster: &DatabricksCluster) -> Value {
    let mut shown = cluster.effective.clone();
    let name = text(&shown, "cluster_name").unwrap_or_default().to_owned();
    let message = match (cluster.phase, cluster.reason.as_ref()) {
        _ if cluster.message.is_some() => cluster.message.clone().unwrap_or_default(),
        (DatabricksClusterState::Pending, _) => {
            "Finding instances for new nodes, acquiring more instances if necessary".to_owned()
        }
        (_, Some(reason)) if reason["code"] == "INACTIVITY" => {
            let minutes = reason["parameters"]["inactivity_duration_min"].as_str().unwrap_or_default();
            format!("Inactive cluster terminated (inactive for {minutes} minutes).")
        }
        (_, Some(reason)) => {
            format!("Terminated by {}", reason["parameters"]["username"].as_str().unwrap_or(&cluster.creator_user_name))
        }
        _ => String::new(),
    };
    let mut spec = cluster.requested.clone();
    let wants_defaults = spec.get("apply_policy_default_values").cloned();
    defaults::forget_write_only(&mut spec);
    if let Some(wants_defaults) = wants_defaults {
        spec["apply_policy_default_values"] = wants_defaults;
    }
    let more = json!({
        "cluster_id": cluster.cluster_id,
        "cluster_name": name,
        "creator_user_name": cluster.creator_user_name,
        "cluster_source": cluster.source(),
        "state": cluster.phase,
        "state_message": message,
        "start_time": cluster.started,
        "last_state_loss_time": 0,
        "default_tags": {
            "Vendor": "Databricks",
            "Creator": cluster.creator_user_name,
            "ClusterName": name,
            "ClusterId": cluster.cluster_id,
        },
        "spec": spec,
    });
    if let (Some(into), Value::Object(more)) = (shown.as_object_mut(), more) {
        into.extend(more);
        if let Some(at) = cluster.terminated {
            into.insert("terminated_time".to_owned(), json!(at));
        }
        if let Some(reason) = &cluster.reason {
            into.insert("termination_reason".to_owned(), reason.clone());
        }
        if matches!(cluster.phase, DatabricksClusterState::Running | DatabricksClusterState::Resizing) {
            into.insert("spark_context_id".to_owned(), json!(cluster.started));
            into.insert("last_restarted_time".to_owned(), json!(cluster.started));
        }
    }
    shown
}

fn get(store: &mut Store, request: &Request) -> Handled {
    arrive(store, request);
    Ok(shown(named(store, request)?))
}

fn list(store: &mut Store, request: &Request, version: &str) -> Handled {
    let now = store.now();
    let token = request.param("page_token");
    let hidden = paging::unlisted(store, "clusters", token.is_none());
    let nested = |name: &str| {
        let all: Vec<String> = request
            .query
            .iter()
            .filter(|(n, _)| *n == format!("filter_by.{name}"))
            .flat_map(|(_, v)| v.split(',').map(str::to_owned).collect::<Vec<_>>())
            .collect();
        (!all.is_empty()).then_some(all)
    };
    let (states, policy, pinned, sources) =
        (nested("cluster_states"), nested("policy_id"), nested("is_pinned"), nested("cluster_sources"));
    let keep = |c: &DatabricksCluster| {
        let state = json!(c.phase);
        !hidden.contains(&c.cluster_id)
            && !forgotten(c, now)
            && states.as_ref().is_none_or(|s| s.iter().any(|s| state == s.as_str()))
            && policy.as_ref().is_none_or(|p| text(&c.effective, "policy_id") == p.first().map(String::as_str))
            && pinned.as_ref().is_none_or(|p| c.pinned_by.is_some() == p[0].eq_ignore_ascii_case("true"))
            && sources.as_ref().is_none_or(|s| s.iter().any(|s| s == c.source()))
    };
    let all = &store.databricks.clusters;
    if version == "2.0" {
        let kept = all.newest().filter(|cluster| keep(cluster));
        return Ok(paging::listing("clusters", kept.map(shown).collect()).into());
    }
    let limit = paging::limit(request, "page_size", 20, 100)?;
    let page = paging::page(all, paging::Wanted { token: token.as_deref(), limit, offset: 0 }, keep)?;
    let mut answer = paging::listing("clusters", page.items.into_iter().map(shown).collect());
    // Present and empty on the last page (Clusters API reference, clusters/list).
    answer.insert("next_page_token".to_owned(), json!(page.next.unwrap_or_default()));
    answer.insert("prev_page_token".to_owned(), json!(page.prev.unwrap_or_default()));
    Ok(answer.into())
}

fn wrong_state(cluster: &DatabricksCluster) -> ApiError {
    ApiError::state(format!("Cluster {} is in unexpected state {}.", cluster.cluster_id, cluster.phase.said()))
}

fn edit(store: &mut Store, request: &Request) -> Handled {
    let cluster = named(store, request)?.clone();
    let requested = Value::Object(request.object()?);
    change(store, request, cluster, requested)
}

/// Puts a new spec in place: at once when the cluster is terminated, by a restart when it runs.
fn change(store: &mut Store, request: &Request, mut cluster: DatabricksCluster, spec: Value) -> Handled {
    if !matches!(cluster.phase, DatabricksClusterState::Running | DatabricksClusterState::Terminated) {
        return Err(wrong_state(&cluster));
    }
    let now = store.now();
    let (requested, effective) = prepare(store, spec, &request.user)?;
    let before = std::mem::replace(&mut cluster.effective, effective);
    cluster.requested = requested;
    let details =
        json!({ "user": request.user, "previous_attributes": before, "attributes": cluster.effective.clone() });
    event(&mut cluster, now, "EDITED", details);
    // "A cluster that is edited while it runs is restarted" (Clusters API reference, clusters/edit).
    if cluster.phase == DatabricksClusterState::Running {
        enter(&mut cluster, DatabricksClusterState::Restarting, now);
        event(&mut cluster, now, "RESTARTING", json!({ "user": request.user }));
    }
    store.databricks.clusters.insert(cluster.cluster_id.clone(), cluster);
    Ok(json!({}))
}

/// A partial edit: `update_mask` names the members to take from `cluster`.
fn update(store: &mut Store, request: &Request) -> Handled {
    let cluster = named(store, request)?.clone();
    let mask = request.required("update_mask")?;
    let new = set(&request.body, "cluster").cloned().unwrap_or_else(|| json!({}));
    let mut spec = cluster.requested.clone();
    for field in mask.split(',').map(str::trim).filter(|f| !f.is_empty()) {
        if field == "*" {
            spec = new.clone();
            continue;
        }
        let pointer = format!("/{}", field.replace('.', "/"));
        let value = new.pointer(&pointer).cloned().unwrap_or(Value::Null);
        let mut at = &mut spec;
        for segment in field.split('.') {
            if !at.is_object() {
                *at = json!({});
            }
            at = &mut at[segment];
        }
        *at = value;
    }
    change(store, request, cluster, spec)
}

fn resize(store: &mut Store, request: &Request) -> Handled {
    let now = store.now();
    let body = request.object()?;
    let cluster = named(store, request)?;
    if cluster.phase != DatabricksClusterState::Running {
        // databricks/cli testserver, clusters.go.
        return Err(ApiError::state("Cluster is not running"));
    }
    let (size, other) = match (set(&request.body, "autoscale"), set(&request.body, "num_workers")) {
        (Some(_), None) => ("autoscale", "num_workers"),
        (None, Some(_)) => ("num_workers", "autoscale"),
        _ => return Err(ApiError::invalid("Exactly one of num_workers and autoscale must be specified.")),
    };
    let mut sized = json!({ size: body[size] });
    defaults::drop_nulls(&mut sized);
    if let Some(problem) = job_limits::cluster_size(&sized) {
        return Err(ApiError::invalid(problem));
    }
    for spec in [&mut cluster.effective, &mut cluster.requested] {
        if let Some(map) = spec.as_object_mut() {
            map.remove(other);
            map.insert(size.to_owned(), body[size].clone());
        }
    }
    event(cluster, now, "RESIZING", json!({ "user": request.user, "cluster_size": sized }));
    enter(cluster, DatabricksClusterState::Resizing, now);
    Ok(json!({}))
}

fn go(
    store: &mut Store,
    request: &Request,
    from: &[DatabricksClusterState],
    to: DatabricksClusterState,
    said: &str,
) -> Handled {
    let now = store.now();
    let cluster = named(store, request)?;
    if !from.contains(&cluster.phase) {
        return Err(wrong_state(cluster));
    }
    enter(cluster, to, now);
    event(cluster, now, said, json!({ "user": request.user }));
    Ok(json!({}))
}

fn terminate(store: &mut Store, request: &Request) -> Handled {
    let now = store.now();
    let cluster = named(store, request)?;
    if !matches!(cluster.phase, DatabricksClusterState::Terminating | DatabricksClusterState::Terminated) {
        let by = json!({ "username": request.user });
        cluster.reason = Some(json!({ "code": "USER_REQUEST", "type": "SUCCESS", "parameters": by }));
        enter(cluster, DatabricksClusterState::Terminating, now);
    }
    Ok(json!({}))
}

fn forget(store: &mut Store, request: &Request) -> Handled {
    let cluster = named(store, request)?;
    let id = cluster.cluster_id.clone();
    if cluster.pinned_by.is_some() {
        // The Terraform provider looks for these very words, clusters/resource_cluster.go.
        return Err(ApiError::invalid(format!("Cannot delete cluster {id}: it is pinned, unpin the cluster first")));
    }
    store.databricks.clusters.remove(&id);
    store.databricks.permissions.remove(&format!("/clusters/{id}"));
    Ok(json!({}))
}

fn pin(store: &mut Store, request: &Request, on: bool) -> Handled {
    let now = store.now();
    let pinned = store.databricks.clusters.values().filter(|c| c.pinned_by.is_some()).count();
    let cluster = named(store, request)?;
    if on == cluster.pinned_by.is_some() {
        return Ok(json!({}));
    }
    if on && pinned >= PINNED {
        return Err(ApiError::new(400, "QUOTA_EXCEEDED", format!("At most {PINNED} clusters can be pinned.")));
    }
    cluster.pinned_by = on.then(|| request.user.clone());
    event(cluster, now, if on { "PINNED" } else { "UNPINNED" }, json!({ "user": request.user }));
    Ok(json!({}))
}

fn change_owner(store: &mut Store, request: &Request) -> Handled {
    let owner = request.required("owner_username")?;
    let cluster = named(store, request)?;
    if cluster.phase != DatabricksClusterState::Terminated {
        return Err(wrong_state(cluster));
    }
    cluster.creator_user_name = owner;
    Ok(json!({}))
}

fn events(store: &mut Store, request: &Request) -> Handled {
    // `page_size` and `page_token` are the newer way, `limit` and `offset` the older one (databricks-sdk-py, GetEvents).
    let by_token = ["page_size", "page_token"].iter().any(|name| request.param(name).is_some());
    let limit = paging::limit(request, if by_token { "page_size" } else { "limit" }, 50, 500)?;
    let number = paging::page_number(request.param("page_token").as_deref())?;
    let offset = usize::try_from(request.number("offset")?.unwrap_or(0).max(0)).unwrap_or(0);
    let offset = if by_token { number * limit } else { offset };
    let (from, to) = (request.number("start_time")?, request.number("end_time")?);
    let ascending = request.param("order").is_some_and(|o| o == "ASC");
    let kinds = set(&request.body, "event_types").and_then(Value::as_array).cloned().unwrap_or_default();
    let cluster = named(store, request)?;
    let at = |event: &Value| event["timestamp"].as_i64().unwrap_or_default();
    let within = |event: &Value| from.is_none_or(|from| at(event) >= from) && to.is_none_or(|to| at(event) <= to);
    let wanted = |event: &&Value| within(event) && (kinds.is_empty() || kinds.contains(&event["type"]));
    let mut all: Vec<Value> = cluster.events.iter().filter(wanted).cloned().collect();
    all.sort_by_key(at);
    if !ascending {
        all.reverse();
    }
    let total = all.len();
    let page: Vec<Value> = all.into_iter().skip(offset).take(limit).collect();
    let more = offset + page.len() < total;
    let mut answer: Map<String, Value> = paging::listing("events", page);
    answer.insert("total_count".to_owned(), json!(total));
    if more && by_token {
        answer.insert("next_page_token".to_owned(), paging::page_token(number + 1));
    } else if more {
        let order = if ascending { "ASC" } else { "DESC" };
        let next =
            json!({ "cluster_id": cluster.cluster_id, "offset": offset + limit, "limit": limit, "order": order });
        answer.insert("next_page".to_owned(), next);
    }
    Ok(answer.into())
}

/// Starts a cluster for a run; answers whether there is one.
pub fn start_for_run(store: &mut Store, id: &str) -> bool {
    let now = store.now();
    match find(store, id) {
        Ok(cluster) => {
            if cluster.phase == DatabricksClusterState::Terminated {
                enter(cluster, DatabricksClusterState::Pending, now);
            }
            true
        }
        Err(_) => false,
    }
}

#[cfg(test)]
#[path = "cluster_tests.rs"]
mod tests;
