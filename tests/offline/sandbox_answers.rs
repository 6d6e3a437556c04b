//! What the kinds make of answers that are rare in a test workspace: lists beyond the first page, libraries of the
//! workspace, families of policies. The answers are the emulator's own.

use plumb_core::kinds::databricks::{cluster::DatabricksCluster, job::DatabricksJob, policy::DatabricksClusterPolicy};
use plumb_core::kinds::{Kind, Observed, Step, Verb};
use plumb_model::call::Call;
use plumb_model::read::{Pages, Read};
use plumb_model::schema::Path;
use plumb_sandbox::{
    databricks::route,
    request::Request,
    store::{Clock, Store},
};
use serde_json::{Value, json};

fn ask(store: &mut Store, method: &str, path: &str, body: Value) -> Value {
    route(store, &Request::internal(method, path, "me@example.com", body)).unwrap()
}

/// All pages of a read.
fn pages(store: &mut Store, read: &Read) -> Pages {
    let mut pages = Vec::new();
    let mut token = String::new();
    loop {
        let mut query: Vec<String> = read.call.query.iter().map(|(n, v)| format!("{n}={v}")).collect();
        if !token.is_empty() {
            query.push(format!("page_token={token}"));
        }
        let page = ask(store, "GET", &format!("{}?{}", read.call.path, query.join("&")), Value::Null);
        token = page["next_page_token"].as_str().unwrap_or_default().to_owned();
        pages.push(page);
        if token.is_empty() {
            return pages;
        }
    }
}

/// What is live, with the details that this manifest needs.
fn live(kind: &dyn Kind, store: &mut Store, wanted: &Value) -> Observed {
    let listed: Vec<Pages> = kind.list().iter().map(|read| pages(store, read)).collect();
    let mut seen = kind.observe(&listed).remove(0).unwrap();
    let details: Vec<_> = kind.details(&seen, Some(wanted)).iter().map(|read| Ok(pages(store, read))).collect();
    kind.complete(&mut seen, Some(wanted), &details).unwrap();
    seen
}

/// The calls of a create, or of an update that changes one member.
fn calls(kind: &dyn Kind, live: Option<&Observed>, body: &Value, member: &str) -> Vec<Call> {
    let changed: Vec<Path> = live.map(|_| Path::default().key(member)).into_iter().collect();
    let verb = if live.is_some() { Verb::Update } else { Verb::Create };
    kind.calls(&Step { verb, live, body, changed: &changed, now: jiff::Timestamp::UNIX_EPOCH }).unwrap()
}

#[test]
fn a_job_is_whole_however_many_pages_its_lists_have() {
    let mut store = Store::new(Clock::Fixed(0));
    let many = |count: usize, key: &str| (0..count).map(|i| json!({ key: format!("n{i:03}") })).collect::<Vec<_>>();
    let mut parameters = many(230, "name");
    parameters.iter_mut().for_each(|p| p["default"] = json!("x"));
    let spec = json!({ "serverless": true });
    let mut environments = many(120, "environment_key");
    environments.iter_mut().for_each(|e| e["spec"] = spec.clone());
    let body = json!({
        "name": "large", "parameters": parameters, "tasks": many(110, "task_key"),
        "job_clusters": many(1, "job_cluster_key"), "environments": environments,
    });
    ask(&mut store, "POST", "/api/2.2/jobs/create", body.clone());
    let names = |spec: &Value, list: &str, key: &str| -> Vec<String> {
        spec[list].as_array().unwrap().iter().map(|one| one[key].as_str().unwrap().to_owned()).collect()
    };
    let found = live(&DatabricksJob, &mut store, &body);
    let again: Vec<Pages> = DatabricksJob.read_one(&found.id).iter().map(|read| pages(&mut store, read)).collect();
    for seen in [&found, &DatabricksJob.parse_one(&again).unwrap()] {
        assert!(!seen.partial);
        for (list, key) in [
            ("parameters", "name"),
            ("tasks", "task_key"),
            ("environments", "environment_key"),
            ("job_clusters", "job_cluster_key"),
        ] {
            assert_eq!(names(&seen.spec, list, key), names(&body, list, key), "{list}: none is lost, none comes twice");
        }
    }
}

#[test]
fn libraries_of_the_workspace_are_not_the_clusters_and_are_never_uninstalled() {
    let mut store = Store::new(Clock::Fixed(0));
    store.settings.libraries_for_all_clusters = vec![json!({ "pypi": { "package": "audit" } })];
    let spec = json!({ "cluster_name": "c", "spark_version": "s", "node_type_id": "n" });
    let id = ask(&mut store, "POST", "/api/2.1/clusters/create", spec.clone())["cluster_id"].clone();
    ask(&mut store, "GET", &format!("/api/2.1/clusters/get?cluster_id={}", id.as_str().unwrap()), Value::Null);
    let own = json!([{ "jar": "kept.jar" }, { "jar": "leaves.jar" }]);
    ask(&mut store, "POST", "/api/2.0/libraries/install", json!({ "cluster_id": id, "libraries": own }));
    let leaving = json!({ "cluster_id": id, "libraries": [{ "jar": "leaves.jar" }] });
    ask(&mut store, "POST", "/api/2.0/libraries/uninstall", leaving);
    let mut wanted = spec;
    wanted["libraries"] = json!([{ "jar": "kept.jar" }]);
    let seen = live(&DatabricksCluster, &mut store, &wanted);
    assert_eq!(seen.spec["libraries"], wanted["libraries"]);
    // A manifest that wants none takes away the cluster's own alone.
    wanted["libraries"] = json!([]);
    let seen = live(&DatabricksCluster, &mut store, &wanted);
    let calls = calls(&DatabricksCluster, Some(&seen), &wanted, "libraries");
    let sent: Vec<(&str, &Value)> =
        calls.iter().map(|call| (call.path.as_str(), call.body.as_ref().unwrap())).collect();
    let uninstall = json!({ "cluster_id": seen.id, "libraries": [{ "jar": "kept.jar" }] });
    assert_eq!(sent, [("/api/2.0/libraries/uninstall", &uninstall)]);
}

#[test]
fn a_policy_of_a_family_is_its_overrides() {
    let mut store = Store::new(Clock::Fixed(0));
    let wanted = json!({
        "name": "p",
        "policy_family_id": "personal-vm",
        "policy_family_definition_overrides": {
            "autotermination_minutes": { "type": "fixed", "value": 60 },
            "custom_tags.team": { "type": "fixed", "value": "bau" },
        },
    });
    let create = calls(&DatabricksClusterPolicy, None, &wanted, "").remove(0);
    ask(&mut store, "POST", &create.path, create.body.unwrap());
    let seen = live(&DatabricksClusterPolicy, &mut store, &wanted);
    let overrides = "policy_family_definition_overrides";
    assert_eq!(seen.spec[overrides], wanted[overrides], "the same map, whatever text the API has");
    assert_eq!(seen.spec["definition"]["autotermination_minutes"]["value"], 60, "the service merges them");
    // What the family says is the family's: it is neither imported (a rule of `definition` says so) nor sent.
    assert_eq!(DatabricksClusterPolicy.export(&seen)[overrides], wanted[overrides]);
    let edit = calls(&DatabricksClusterPolicy, Some(&seen), &wanted, "name").remove(0);
    let body = edit.body.unwrap();
    assert!(body.get("definition").is_none() && body[overrides].is_string(), "{body}");
    ask(&mut store, "POST", &edit.path, body);
    // Clusters get the overrides where the family says something else, and the family's values otherwise.
    let supplied = DatabricksClusterPolicy.supplies(&seen).unwrap();
    assert_eq!(
        (&supplied["autotermination_minutes"], &supplied["custom_tags.team"], &supplied["data_security_mode"]),
        (&json!(60), &json!("bau"), &json!("SINGLE_USER"))
    );
    // Overrides count also where a reading has the family's own definition beside them.
    let mut unmerged = seen.clone();
    unmerged.spec["definition"]["autotermination_minutes"] = json!({ "type": "unlimited", "defaultValue": 4320 });
    assert_eq!(DatabricksClusterPolicy.supplies(&unmerged).unwrap()["autotermination_minutes"], 60);
}
