//! Libraries of clusters, API 2.0.

use super::{
    clusters::{self, DatabricksCluster, DatabricksClusterState},
    set,
};
use crate::{
    errors::{ApiError, Handled},
    request::Request,
    store::Store,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A library on a cluster and the status of its installation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Installed {
    pub library: Value,
    /// `PENDING`, `INSTALLED`, `FAILED` or `UNINSTALL_ON_RESTART`.
    pub status: String,
    /// Why it could not be installed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<String>,
}

/// Answers `libraries/VERB`.
pub fn handle(store: &mut Store, request: &Request, verb: &str) -> Option<Handled> {
    Some(match (request.method.as_str(), verb) {
        ("POST", "install") => install(store, request),
        ("POST", "uninstall") => uninstall(store, request),
        ("GET", "cluster-status") => status(store, request),
        ("GET", "all-cluster-statuses") => Ok(all(store)),
        _ => return None,
    })
}

fn given(request: &Request) -> Result<Vec<Value>, ApiError> {
    const KINDS: [&str; 7] = ["jar", "egg", "whl", "pypi", "maven", "cran", "requirements"];
    let list = set(&request.body, "libraries").and_then(Value::as_array).cloned().unwrap_or_default();
    if list.is_empty() {
        return Err(ApiError::invalid("Missing required field: libraries"));
    }
    if let Some(odd) = list.iter().find(|l| KINDS.iter().filter(|k| set(l, k).is_some()).count() != 1) {
        return Err(ApiError::invalid(format!(
            "Exactly one of {} must be given for a library: {odd}",
            KINDS.join(", ")
        )));
    }
    Ok(list)
}

fn install(store: &mut Store, request: &Request) -> Handled {
    let list = given(request)?;
    let cluster = clusters::find(store, &request.required("cluster_id")?)?;
    // Installing needs a running cluster, so the Terraform provider starts it first (clusters/resource_cluster.go).
    if matches!(cluster.phase, DatabricksClusterState::Terminating | DatabricksClusterState::Terminated) {
        return Err(ApiError::state(format!(
            "Cluster {} is in unexpected state {:?}: libraries can be installed on a running cluster only.",
            cluster.cluster_id, cluster.phase
        )));
    }
    for library in list {
        match cluster.libraries.iter_mut().find(|i| i.library == library) {
            Some(installed) if installed.status == "UNINSTALL_ON_RESTART" => installed.status = "INSTALLED".to_owned(),
            Some(_) => {}
            None => cluster.libraries.push(Installed { library, status: "PENDING".to_owned(), messages: Vec::new() }),
        }
    }
    Ok(json!({}))
}

fn uninstall(store: &mut Store, request: &Request) -> Handled {
    let list = given(request)?;
    let cluster = clusters::find(store, &request.required("cluster_id")?)?;
    let running = cluster.phase != DatabricksClusterState::Terminated;
    for library in &list {
        if let Some(installed) = cluster.libraries.iter_mut().find(|i| i.library == *library) {
            installed.status = "UNINSTALL_ON_RESTART".to_owned();
        }
    }
    // There is no process to keep it loaded.
    if !running {
        cluster.libraries.retain(|i| i.status != "UNINSTALL_ON_RESTART");
    }
    Ok(json!({}))
}

/// A (re)started cluster has lost what was uninstalled and has the rest yet to install.
pub fn restarted(cluster: &mut DatabricksCluster) {
    cluster.libraries.retain(|i| i.status != "UNINSTALL_ON_RESTART");
}

fn one(library: &Value, status: &str, messages: &[String], for_all: bool) -> Value {
    json!({ "library": library, "status": status, "messages": messages, "is_library_for_all_clusters": for_all })
}

/// The cluster's own libraries, then those that the workspace puts on every cluster (Libraries API reference,
/// `is_library_for_all_clusters`).
fn shown(cluster: &DatabricksCluster, of_workspace: &[Value]) -> Vec<Value> {
    let own = cluster.libraries.iter().map(|i| one(&i.library, &i.status, &i.messages, false));
    let up = matches!(cluster.phase, DatabricksClusterState::Running | DatabricksClusterState::Resizing);
    let status = if up { "INSTALLED" } else { "PENDING" };
    own.chain(of_workspace.iter().map(|library| one(library, status, &[], true))).collect()
}

fn status(store: &mut Store, request: &Request) -> Handled {
    let of_workspace = store.settings.libraries_for_all_clusters.clone();
    let cluster = clusters::find(store, &request.required("cluster_id")?)?;
    let answer = json!({ "cluster_id": cluster.cluster_id, "library_statuses": shown(cluster, &of_workspace) });
    // Installing happens in the background: whoever looks again finds it done, if the cluster is up by then.
    if matches!(cluster.phase, DatabricksClusterState::Running | DatabricksClusterState::Resizing) {
        for installed in cluster.libraries.iter_mut().filter(|i| i.status == "PENDING") {
            installed.status = "INSTALLED".to_owned();
        }
    }
    Ok(answer)
}

fn all(store: &Store) -> Value {
    let of_workspace = &store.settings.libraries_for_all_clusters;
    let statuses: Vec<Value> = store
        .databricks
        .clusters
        .values()
        .map(|c| (c, shown(c, of_workspace)))
        .filter(|(_, statuses)| !statuses.is_empty())
        .map(|(c, statuses)| json!({ "cluster_id": c.cluster_id, "library_statuses": statuses }))
        .collect();
    json!({ "statuses": statuses })
}

#[cfg(test)]
mod tests {
    use super::super::route;
    use crate::{
        request::Request,
        store::{Clock, Store},
    };
    use serde_json::{Value, json};

    #[test]
    fn libraries_come_at_once_and_go_at_a_restart() {
        let mut store = Store::new(Clock::Fixed(0));
        let mut ask =
            |method: &str, path: &str, body: Value| route(&mut store, &Request::internal(method, path, "me", body));
        let spec = json!({ "spark_version": "s", "node_type_id": "n" });
        let id = ask("POST", "/api/2.1/clusters/create", spec).unwrap()["cluster_id"].as_str().unwrap().to_owned();
        let get = format!("/api/2.1/clusters/get?cluster_id={id}");
        ask("GET", &get, Value::Null).unwrap();
        let body = json!({ "cluster_id": id, "libraries": [{ "pypi": { "package": "simplejson" } }] });
        ask("POST", "/api/2.0/libraries/install", body.clone()).unwrap();
        let status = format!("/api/2.0/libraries/cluster-status?cluster_id={id}");
        assert_eq!(ask("GET", &status, Value::Null).unwrap()["library_statuses"][0]["status"], "PENDING");
        assert_eq!(ask("GET", &status, Value::Null).unwrap()["library_statuses"][0]["status"], "INSTALLED");
        ask("POST", "/api/2.0/libraries/uninstall", body.clone()).unwrap();
        assert_eq!(ask("GET", &status, Value::Null).unwrap()["library_statuses"][0]["status"], "UNINSTALL_ON_RESTART");
        ask("POST", "/api/2.1/clusters/restart", json!({ "cluster_id": id })).unwrap();
        ask("GET", &get, Value::Null).unwrap();
        assert_eq!(ask("GET", &status, Value::Null).unwrap()["library_statuses"], json!([]));
        ask("POST", "/api/2.1/clusters/delete", json!({ "cluster_id": id })).unwrap();
        assert_eq!(ask("POST", "/api/2.0/libraries/install", body).unwrap_err().body["error_code"], "INVALID_STATE");
    }

    #[test]
    fn libraries_of_the_workspace_are_on_every_cluster_and_say_so() {
        let mut store = Store::new(Clock::Fixed(0));
        let ask = |store: &mut Store, method: &str, path: &str, body: Value| {
            route(store, &Request::internal(method, &format!("/api/{path}"), "me", body)).unwrap()
        };
        let spec = json!({ "spark_version": "s", "node_type_id": "n" });
        let id = ask(&mut store, "POST", "2.1/clusters/create", spec)["cluster_id"].clone();
        let id = id.as_str().unwrap().to_owned();
        ask(&mut store, "GET", &format!("2.1/clusters/get?cluster_id={id}"), Value::Null);
        store.settings.libraries_for_all_clusters = vec![json!({ "pypi": { "package": "audit" } })];
        let own = json!({ "cluster_id": id, "libraries": [{ "jar": "x.jar" }] });
        ask(&mut store, "POST", "2.0/libraries/install", own);
        let seen = ask(&mut store, "GET", &format!("2.0/libraries/cluster-status?cluster_id={id}"), Value::Null);
        let flags: Vec<_> = seen["library_statuses"]
            .as_array()
            .unwrap()
            .iter()
            .map(|s| s["is_library_for_all_clusters"].clone())
            .collect();
        assert_eq!(flags, [json!(false), json!(true)]);
        assert_eq!(seen["library_statuses"][1]["library"]["pypi"]["package"], "audit");
        let all = ask(&mut store, "GET", "2.0/libraries/all-cluster-statuses", Value::Null);
        assert_eq!(all["statuses"][0]["library_statuses"].as_array().unwrap().len(), 2);
    }
}
