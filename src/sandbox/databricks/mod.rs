//! A Databricks workspace: jobs, clusters, policies, pools, permissions, workspace files, identity.

pub mod catalog;
pub mod cluster_rules;
pub mod clusters;
pub mod defaults;
pub mod identity;
pub mod job_limits;
pub mod jobs;
pub mod libraries;
pub mod paging;
pub mod permissions;
pub mod policies;
pub mod pools;
pub mod run_view;
pub mod runs;
pub mod seed;
pub mod workspace;

use super::{
    errors::{ApiError, Handled},
    request::Request,
    store::Store,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// All the objects of one workspace.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    pub jobs: BTreeMap<i64, jobs::Job>,
    pub deleted_jobs: BTreeSet<i64>,
    pub runs: BTreeMap<i64, runs::Run>,
    pub clusters: BTreeMap<String, clusters::Cluster>,
    pub policies: BTreeMap<String, Value>,
    pub instance_pools: BTreeMap<String, Value>,
    /// Direct grants by object, `/jobs/1`.
    pub permissions: BTreeMap<String, Vec<permissions::Grant>>,
    pub workspace: BTreeMap<String, workspace::Node>,
    /// New objects that listings still leave out.
    pub unlisted: BTreeMap<String, paging::Unlisted>,
}

/// Answers one request to the workspace: who asks first, then what is asked.
pub fn handle(store: &mut Store, request: &mut Request, required_token: Option<&str>) -> Handled {
    if let Some(answer) = identity::without_token(store, request) {
        return answer;
    }
    request.user = identity::authenticate(store, request, required_token)?;
    route(store, request)
}

/// Answers one request of a known user.
pub fn route(store: &mut Store, request: &Request) -> Handled {
    clusters::tick(store);
    runs::tick(store);
    let segments = request.segments();
    let Some(("api", rest)) = segments.split_first().map(|(first, rest)| (*first, rest)) else {
        return Err(ApiError::endpoint(&request.method, &request.path));
    };
    let (version, rest) = rest.split_first().map_or(("", rest), |(v, r)| (*v, r));
    let answer = match (version, rest) {
        ("2.1" | "2.2", ["jobs", "runs", verb]) => runs::handle(store, request, verb),
        ("2.1" | "2.2", ["jobs", "run-now"]) => Some(runs::run_now(store, request)),
        ("2.1" | "2.2", ["jobs", verb]) => jobs::handle(store, request, version, verb),
        ("2.0" | "2.1", ["clusters", verb]) => clusters::handle(store, request, version, verb),
        ("2.0", ["libraries", verb]) => libraries::handle(store, request, verb),
        ("2.0", ["policies", "clusters", verb]) => policies::handle(store, request, verb),
        ("2.0", ["policy-families"]) => policies::families(request, None),
        ("2.0", ["policy-families", id]) => policies::families(request, Some(id)),
        ("2.0", ["instance-pools", verb]) => pools::handle(store, request, verb),
        ("2.0", ["permissions", kind, id]) => permissions::handle(store, request, kind, id),
        ("2.0", ["permissions", kind, id, "permissionLevels"]) => permissions::levels(store, request, kind, id),
        ("2.0", ["workspace", verb]) => workspace::handle(store, request, verb),
        ("2.0", ["preview", "scim", "v2", "Me"]) if request.method == "GET" => Some(identity::me(store, request)),
        _ => None,
    };
    answer.unwrap_or_else(|| Err(ApiError::endpoint(&request.method, &request.path)))
}

/// A member that is set: neither absent nor null.
pub(crate) fn set<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    value.get(name).filter(|v| !v.is_null())
}

/// A member that is a text and not empty.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str).filter(|s| !s.is_empty())
}
