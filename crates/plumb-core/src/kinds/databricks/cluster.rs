//! Databricks all-purpose clusters.

use super::{
    access::{ClusterLevel, Grant},
    compute::{
        Autoscale, AwsAttributes, AzureAttributes, ClusterForm, DataSecurityMode, DependencyMode, GcpAttributes,
        NodeTypeFlexibility, RuntimeEngine, WorkloadType, cluster,
    },
    libraries::Library,
    storage::{DockerImage, InitScript, LogDestination},
    undeclared::{Settings, is_absent},
};
use super::{cluster_check, permissions};
use crate::kinds::entries::{self, EntryList};
use crate::kinds::{
    Details, Impact, ImpactClass, Kind, MarkPlace, Observed, SpecType, Step, Unreadable, Unsupported, Verb, reading,
};
use plumb_model::call::{Call, Method, Ready, System, WaitFor};
use plumb_model::read::{Pages, Read};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::LazyLock;

cluster! {
    /// An all-purpose cluster: what the Clusters API 2.1 takes to create one, and `libraries`, `permissions`, `pinned`
    /// and `state`.
    pub struct ClusterSpec {
        /// The runtime: `15.4.x-scala2.12`.
        pub spark_version: String,
        /// The cluster's name. Names need not be unique.
        #[schemars(extend("x-plumb" = {"why": "a live name that nobody declared does no harm"}))]
        pub cluster_name: Option<String>,
        /// A cluster whose libraries are taken over once, when this one is created.
        #[schemars(extend("x-plumb" = {"write_only": true, "why": "only clusters/create takes it, and nothing returns it"}))]
        pub clone_from: Option<CloneFrom>,

        /// Libraries that the cluster has; an empty list is none. Unset: plumb leaves them alone.
        #[schemars(extend("x-plumb" = {"unset": "server", "set": true, "apart": true, "keep_empty": true, "why": "Terraform provider clusters: a set; those installed elsewhere are ignored when none are declared"}))]
        pub libraries: Option<Vec<Library>>,
        /// Whether the cluster is kept in the list for ever: 100 clusters of a workspace at most. Unset: plumb leaves
        /// it alone.
        #[schemars(extend("x-plumb" = {"unset": "server", "apart": true, "why": "Terraform provider clusters: pinning is apart from the cluster's settings"}))]
        pub pinned: Option<bool>,
        /// Whether the cluster is to be running. Unset or `any`: plumb leaves it alone.
        #[schemars(extend("x-plumb" = {"unset": "server", "any_if": ["any"], "apart": true, "why": "clusters start and stop by themselves"}))]
        pub state: Option<WantedState>,
        /// Who may do what with the cluster; an empty list is nobody else. With `mode: additive` what others granted stays. Unset:
        /// plumb leaves the permissions alone.
        #[schemars(extend("x-plumb" = {
            "unset": "server",
            "key": ["user_name", "group_name", "service_principal_name"],
            "apart": true,
            "keep_empty": true,
            "why": "permissions are a separate object, read only where a manifest sets them; databricks/cli bundle rules: keyed by principal",
        }))]
        pub permissions: Option<EntryList<Grant<ClusterLevel>>>,
    }
}

/// The cluster that libraries are taken over from.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CloneFrom {
    /// Its id.
    pub source_cluster_id: String,
}

/// Whether a cluster is to be running.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WantedState {
    /// Either is fine.
    #[default]
    Any,
    /// Started when it is not running.
    Running,
    /// Stopped when it is running.
    Terminated,
}

/// An all-purpose cluster: Clusters API 2.1.
pub struct DatabricksCluster;

/// Members that are plumb's own, or written by calls of their own.
const APART: [&str; 4] = ["libraries", "permissions", "pinned", "state"];
/// Sources of clusters that Databricks makes for something else, and ends with it (databricks-sdk-py,
/// `compute.ClusterSource`). A server that does not know the filter lists them too.
const OF_OTHERS: [&str; 5] = ["JOB", "MODELS", "PIPELINE", "PIPELINE_MAINTENANCE", "SQL"];
/// What resize changes without a restart.
const SIZE: [&str; 2] = ["num_workers", "autoscale"];

fn seen(cluster: &Value) -> Result<Observed, Unreadable> {
    let id = cluster.get("cluster_id").and_then(Value::as_str).filter(|id| !id.is_empty());
    let refuse = |why: String| Unreadable::of(&DatabricksCluster, id, Some(cluster), why);
    let id = id.ok_or_else(|| refuse("it has no cluster_id".into()))?;
    let state = reading::text(cluster, "state").map_err(refuse)?.map(str::to_owned);
    reading::text(cluster, "cluster_source").map_err(refuse)?;
    let mut spec = entries::without(cluster, &APART);
    // A cluster with autoscale shows the workers that it has just now; they are nobody's wish.
    if spec.get("autoscale").is_some_and(Value::is_object)
        && let Value::Object(map) = &mut spec
    {
        map.remove("num_workers");
    }
    Ok(Observed { id: id.to_owned(), spec, state, facts: json!({}), ..Observed::default() })
}

fn state(seen: &Observed) -> &str {
    seen.state.as_deref().unwrap_or("UNKNOWN")
}

/// Whether it runs, or is on its way to.
fn is_up(seen: &Observed) -> bool {
    matches!(state(seen), "RUNNING" | "PENDING" | "RESTARTING" | "RESIZING")
}

fn wants(wanted: Option<&Value>, member: &str) -> bool {
    wanted.is_some_and(|w| w.get(member).is_some_and(|v| !v.is_null()))
}

fn post(path: &str, id: &str) -> Call {
    Call::set(System::Databricks, Method::Post, path, json!({ "cluster_id": id }))
}

/// Waits after a call for a state, and gives up at one from which it is no longer reached.
fn wait_for(call: Call, id: &str, state: &str, never: &[&str]) -> Call {
    let get = Call::get(System::Databricks, "/api/2.1/clusters/get").query("cluster_id", id);
    call.wait_for(WaitFor { expect: json!({ "state": state, "never": never }), reads: vec![get] })
}

fn wait_for_running(call: Call, id: &str) -> Call {
    wait_for(call, id, "RUNNING", &["TERMINATED", "ERROR"])
}

fn start(id: &str) -> Call {
    wait_for_running(post("/api/2.1/clusters/start", id).waits_out_state(), id)
}

fn terminate(id: &str) -> Call {
    wait_for(post("/api/2.1/clusters/delete", id).waits_out_state(), id, "TERMINATED", &["ERROR"])
}

/// The calls that make the installed libraries those of the manifest. Only a running cluster takes them (Terraform
/// provider, clusters), so a terminated one is started for them and terminated again.
fn libraries(step: &Step<'_>) -> Vec<Call> {
    let list =
        |v: Option<&Value>| v.and_then(|v| v.get("libraries")).and_then(Value::as_array).cloned().unwrap_or_default();
    let (want, have) = (list(Some(step.body)), list(step.live.map(|l| &l.spec)));
    let missing: Vec<&Value> = want.iter().filter(|l| !have.contains(l)).collect();
    let extra: Vec<&Value> = have.iter().filter(|l| !want.contains(l)).collect();
    let mut calls = Vec::new();
    let id = step.id();
    if !extra.is_empty() {
        let body = json!({ "cluster_id": id, "libraries": extra });
        calls.push(Call::set(System::Databricks, Method::Post, "/api/2.0/libraries/uninstall", body));
    }
    if !missing.is_empty() {
        let down = step.live.is_some_and(|l| !is_up(l));
        if down {
            calls.push(start(id));
        }
        let body = json!({ "cluster_id": id, "libraries": missing });
        let install = Call::set(System::Databricks, Method::Post, "/api/2.0/libraries/install", body);
        calls.push(install.waits_out_state());
        if down && step.body.get("state") != Some(&json!("running")) {
            calls.push(terminate(id));
        }
    }
    calls
}

fn update(step: &Step<'_>) -> Vec<Call> {
    let id = step.id();
    let mut calls = Vec::new();
    let mut payload = entries::without(step.body, &APART);
    payload["cluster_id"] = json!(id);
    if step.changes_beyond(&APART) {
        let edit = Call::set(System::Databricks, Method::Post, "/api/2.1/clusters/edit", payload).waits_out_state();
        let size_only = !step.changes_beyond(&[&APART[..], &SIZE[..]].concat());
        let running = step.live.is_some_and(|l| state(l) == "RUNNING");
        if size_only && running {
            let mut body = json!({ "cluster_id": id });
            for member in SIZE {
                if let Some(value) = step.body.get(member) {
                    body[member] = value.clone();
                }
            }
            let resize = Call::set(System::Databricks, Method::Post, "/api/2.1/clusters/resize", body);
            calls.push(Call { fallback: Some(Box::new(edit)), ..resize });
        } else {
            calls.push(edit);
        }
    }
    if step.changes("pinned") {
        let pin = step.body.get("pinned") == Some(&json!(true));
        calls.push(post(if pin { "/api/2.1/clusters/pin" } else { "/api/2.1/clusters/unpin" }, id));
    }
    if step.changes("libraries") {
        calls.extend(libraries(step));
    }
    if step.changes("state") {
        match step.body.get("state").and_then(Value::as_str) {
            Some("running") if !calls.iter().any(|c| c.path.ends_with("/start")) => calls.push(start(id)),
            Some("terminated") => calls.push(terminate(id)),
            _ => {}
        }
    }
    calls
}

fn create(step: &Step<'_>) -> Vec<Call> {
    let payload = entries::without(step.body, &APART);
    let create = Call::create(System::Databricks, "/api/2.1/clusters/create", payload, "/cluster_id");
    let id = step.id();
    let state = step.body.get("state").and_then(Value::as_str);
    let has_libraries = step.body.get("libraries").is_some_and(|l| *l != json!([]));
    let mut calls =
        vec![if has_libraries || state == Some("running") { wait_for_running(create, "${id}") } else { create }];
    if step.body.get("pinned") == Some(&json!(true)) {
        calls.push(post("/api/2.1/clusters/pin", id));
    }
    if has_libraries {
        calls.extend(libraries(step));
    }
    if state == Some("terminated") {
        calls.push(terminate(id));
    }
    calls
}

/// Whether a cluster is in the list of those that are pinned.
fn is_pinned(pages: &Pages, id: &str) -> Result<bool, String> {
    let mut unknown = None;
    for page in pages {
        for row in reading::list(page, "clusters")? {
            match row.get("cluster_id").and_then(Value::as_str) {
                Some(pinned) if pinned == id => return Ok(true),
                Some(_) => {}
                None => unknown = Some("a cluster in the list of pinned ones has no cluster_id"),
            }
        }
    }
    unknown.map_or(Ok(false), |why| Err(why.to_owned()))
}

/// The libraries that a cluster has, by libraries/cluster-status.
fn installed(status: &Value) -> Result<Value, String> {
    let mut installed = Vec::new();
    for row in reading::list(status, "library_statuses")? {
        let library = row.get("library").filter(|l| l.is_object()).ok_or("a status names no library")?;
        // A library that is to go at the next restart is gone as far as the manifest is concerned; one that a setting of
        // the workspace puts on every cluster is not this cluster's.
        let goes = reading::text(row, "status")? == Some("UNINSTALL_ON_RESTART");
        if !goes && !reading::flag(row, "is_library_for_all_clusters")? {
            installed.push(library.clone());
        }
    }
    Ok(Value::Array(installed))
}

impl Kind for DatabricksCluster {
    fn name(&self) -> &'static str {
        "DatabricksCluster"
    }
    fn system(&self) -> System {
        System::Databricks
    }
    fn noun(&self) -> &'static str {
        "cluster"
    }
    fn page(&self) -> Option<&'static str> {
        // databricks/cli, `libs/workspaceurls/urls.go`.
        Some("compute/clusters")
    }
    fn title(&self) -> &'static str {
        "cluster_name"
    }
    fn mark(&self) -> MarkPlace {
        MarkPlace::Tags("custom_tags")
    }
    fn spec(&self) -> &'static SpecType {
        static SPEC: LazyLock<SpecType> = LazyLock::new(|| SpecType::of(cluster_check::check));
        &SPEC
    }

    fn list(&self) -> Vec<Read> {
        // Clusters of job runs come and go with their runs, and carry their job's tags.
        let list = Call::get(System::Databricks, "/api/2.1/clusters/list")
            .query("page_size", "100")
            .query("filter_by.cluster_sources", "UI")
            .query("filter_by.cluster_sources", "API");
        vec![Read::tokens(list)]
    }

    fn parse(&self, listed: &[Pages]) -> Vec<Result<Observed, Unreadable>> {
        let is_of_others = |c: &Value| {
            c.get("cluster_source").and_then(Value::as_str).is_some_and(|source| OF_OTHERS.contains(&source))
        };
        reading::rows(self, listed, "clusters", |row| (!is_of_others(row)).then(|| seen(row)))
    }

    /// Whether a cluster is pinned is in no reading of it, only in what the list's filter lets through (Terraform
    /// provider, clusters).
    fn details(&self, seen: &Observed, wanted: Option<&Value>) -> Vec<Read> {
        let pinned = Call::get(System::Databricks, "/api/2.1/clusters/list")
            .query("page_size", "100")
            .query("filter_by.is_pinned", "true");
        let mut reads = vec![Read::tokens(pinned)];
        if wants(wanted, "libraries") {
            let status =
                Call::get(System::Databricks, "/api/2.0/libraries/cluster-status").query("cluster_id", &seen.id);
            reads.push(Read::single(status));
        }
        if permissions::declared(wanted) {
            reads.push(permissions::read("clusters", &seen.id));
        }
        reads
    }

    fn complete(&self, seen: &mut Observed, wanted: Option<&Value>, details: &[Details]) -> Result<(), String> {
        let mut details = details.iter();
        match reading::next(&mut details, "whether it is pinned").and_then(|pages| is_pinned(pages, &seen.id)) {
            Ok(pinned) => seen.spec["pinned"] = json!(pinned),
            // A pinned cluster is unpinned before it is deleted.
            Err(why) if wanted.is_none() || wants(wanted, "pinned") => return Err(why),
            Err(_) => {}
        }
        if wants(wanted, "libraries") {
            let pages = reading::next(&mut details, "its libraries")?;
            let installed = installed(pages.first().unwrap_or(&Value::Null));
            seen.spec["libraries"] = installed.map_err(|why| format!("its libraries cannot be read: {why}"))?;
        }
        if wants(wanted, "state") {
            if seen.state.is_none() {
                return Err("its state is not shown".into());
            }
            seen.spec["state"] = json!(if is_up(seen) { "running" } else { "terminated" });
        }
        permissions::complete(seen, wanted, &mut details)
    }

    fn read_one(&self, id: &str) -> Vec<Read> {
        vec![Read::single(Call::get(System::Databricks, "/api/2.1/clusters/get").query("cluster_id", id))]
    }

    fn parse_one(&self, pages: &[Pages]) -> Result<Observed, Unreadable> {
        seen(pages.iter().flatten().next().unwrap_or(&Value::Null))
    }

    fn calls(&self, step: &Step<'_>) -> Result<Vec<Call>, Unsupported> {
        let mut calls = match step.verb {
            Verb::Create => create(step),
            Verb::Update => update(step),
            Verb::Delete => {
                let pinned = step.live.is_some_and(|l| l.spec.get("pinned") == Some(&json!(true)));
                let unpin = pinned.then(|| post("/api/2.1/clusters/unpin", step.id()).gone_is_done());
                let delete = post("/api/2.1/clusters/permanent-delete", step.id()).gone_is_done();
                return Ok(unpin.into_iter().chain([delete]).collect());
            }
        };
        calls.extend(permissions::calls("clusters", step));
        Ok(calls)
    }

    fn settled(&self, expect: &Value, looks: &[Value], _memory: &mut Value) -> Ready {
        let Some(look) = looks.first().filter(|look| !look.is_null()) else { return Ready::Never("it is gone".into()) };
        let state = look.get("state").and_then(Value::as_str).unwrap_or("unknown");
        if expect["state"] == state {
            Ready::Yes
        } else if expect["never"].as_array().is_some_and(|never| never.iter().any(|one| one == state)) {
            let why = look.get("state_message").and_then(Value::as_str).unwrap_or("no reason given");
            Ready::Never(format!("its state became {state}: {why}"))
        } else {
            Ready::NotYet(format!("it is {state}"))
        }
    }

    fn impact(&self, step: &Step<'_>) -> Vec<Impact> {
        let Some(live) = step.live else {
            return match step.body.get("state").and_then(Value::as_str) {
                Some("terminated") => vec![ImpactClass::StartsCluster.says("starts, and is terminated at once")],
                _ => vec![ImpactClass::StartsCluster.says("starts the cluster")],
            };
        };
        let mut impacts = Vec::new();
        match step.verb {
            Verb::Delete if is_up(live) => {
                impacts.push(ImpactClass::EndsCluster.says("ends the running cluster and whatever runs on it"))
            }
            Verb::Delete | Verb::Create => {}
            Verb::Update => {
                let edits = step.changes_beyond(&[&APART[..], &SIZE[..]].concat());
                if edits && is_up(live) {
                    impacts.push(ImpactClass::RestartsCluster.says("restarts the cluster"));
                } else if SIZE.iter().any(|m| step.changes(m)) && state(live) == "RUNNING" {
                    impacts.push(ImpactClass::ResizesCluster.says("resizes the running cluster"));
                }
                if step.changes("libraries") {
                    let calls = libraries(step);
                    if calls.iter().any(|c| c.path.ends_with("/start")) {
                        impacts.push(ImpactClass::StartsCluster.says("starts the cluster to install libraries"));
                    }
                    if calls.iter().any(|c| c.path.ends_with("/uninstall")) {
                        impacts.push(ImpactClass::RemovesLibraries.says("libraries are removed at the next restart"));
                    }
                }
                match step.body.get("state").and_then(Value::as_str) {
                    Some("running") if step.changes("state") => {
                        impacts.push(ImpactClass::StartsCluster.says("starts the cluster"))
                    }
                    Some("terminated") if step.changes("state") => {
                        impacts.push(ImpactClass::EndsCluster.says("terminates the cluster"))
                    }
                    _ => {}
                }
            }
        }
        impacts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_with_the_state_or_with_one_from_which_it_is_not_reached() {
        let expect = wait_for_running(post("/api/2.1/clusters/start", "c-1"), "c-1").wait_for.map(|wait| wait.expect);
        let expect = expect.unwrap_or_default();
        let look = |look: Value| DatabricksCluster.settled(&expect, &[look], &mut Value::Null);
        assert_eq!(look(json!({ "state": "RUNNING" })), Ready::Yes);
        assert_eq!(look(json!({ "state": "PENDING" })), Ready::NotYet("it is PENDING".into()));
        assert_eq!(look(json!({})), Ready::NotYet("it is unknown".into()));
        let failed = json!({ "state": "ERROR", "state_message": "no machines" });
        assert_eq!(look(failed), Ready::Never("its state became ERROR: no machines".into()));
        assert_eq!(look(Value::Null), Ready::Never("it is gone".into()));
    }
}
