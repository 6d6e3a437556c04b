//! What a service does not show, or shows in a form that nobody can read: said, and neither made again nor taken away; and
//! imports of workspaces as people leave them.

use crate::world::{World, job};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A workspace that nobody tidied up.
fn nasty() -> (Value, usize) {
    let long = "a".repeat(90);
    let titles = [
        "etl",
        "etl",
        "ETL",
        "etl!",
        "Untitled",
        "no",
        "null",
        "~",
        "true",
        "1e3",
        "0x1F",
        "2024-05-01",
        "{{x}}",
        "{{job.id}}",
        "${x}",
        "${env.HOME}",
        "$${y}",
        "a/b",
        "../up",
        ".",
        "..",
        "con",
        "  padded  ",
        "- dash",
        "# hash",
        ": colon",
        "'single'",
        "\"double\"",
        "back\\slash",
        "日本語",
        "Ünïcode",
        "🚀",
        "tab\there",
        "two\nlines",
    ];
    let mut names: Vec<String> = titles.iter().map(|t| (*t).to_owned()).collect();
    // Cut to what a name may have, they are one.
    names.extend([format!("{long} one"), format!("{long} two"), format!("{long} two"), long]);
    let mut jobs: Vec<Value> = names
        .iter()
        .map(|name| {
            json!({"name": name, "tasks": [{"task_key": "main",
        "notebook_task": {"notebook_path": "/Shared/x"}, "existing_cluster_id": "0101-000000-abcdefgh"}]})
        })
        .collect();
    // Without a name, the service calls it Untitled.
    jobs.push(json!({"tasks": [{"task_key": "main", "notebook_task": {"notebook_path": "/Shared/x"}}]}));
    let clusters: Vec<Value> = ["same", "same", "Same", "", "no", "${x}"].iter().map(|name| {
        json!({"cluster_name": name, "spark_version": "15.4.x-scala2.12", "node_type_id": "r6id.xlarge", "num_workers": 1,
            "state": "TERMINATED"})
    }).collect();
    let pools: Vec<Value> = ["pool", "Pool", "a/b"]
        .iter()
        .map(|name| json!({"instance_pool_name": name, "node_type_id": "r6id.xlarge"}))
        .collect();
    let policies: Vec<Value> = ["p/q", "p q", "null"]
        .iter()
        .map(|name| json!({"name": name, "definition": {"num_workers": {"type": "range", "maxValue": 4}}}))
        .collect();
    let count = jobs.len() + clusters.len() + pools.len() + policies.len();
    (json!({"jobs": jobs, "clusters": clusters, "instance_pools": pools, "policies": policies}), count)
}

#[test]
fn an_import_of_a_workspace_that_nobody_tidied_up_is_valid_and_changes_nothing() {
    let (workspace, count) = nasty();
    let world = World::seeded(&workspace);
    world.commit("Begin");
    let imported = world.plumb("import --all").code(0);
    let files: Vec<&str> = imported.out.lines().collect();
    assert_eq!(files.len(), count, "{}", imported.shown);
    let lower: BTreeSet<String> = files.iter().map(|file| file.to_lowercase()).collect();
    assert_eq!(lower.len(), count, "two files have one name");
    world.plumb("validate").code(0);
    let plan = world.plumb("plan --output json").code(0).json();
    assert_eq!(plan["blocked"], json!([]), "{plan:#}");
    let changes = plan["changes"].as_array().unwrap();
    assert_eq!(changes.len(), count);
    for change in changes {
        assert_eq!((&change["action"], &change["fields"]), (&json!("adopt"), &json!([])), "{change:#}");
    }
    world.commit("Import everything");
    world.plumb("apply --yes").code(0);
    world.plumb("plan --detailed-exitcode").code(0);
    world.plumb("import --all").code(0).says("Nothing to import");
}

#[test]
fn what_one_endpoint_refuses_limits_an_import_and_does_not_end_it() {
    let world = World::seeded(&json!({
        "clusters": [{"cluster_name": "Analysts", "spark_version": "15.4.x-scala2.12", "node_type_id": "r6id.xlarge",
            "num_workers": 1, "state": "TERMINATED", "libraries": [{"pypi": {"package": "polars"}}]}],
        "policies": [{"name": "Small", "definition": {}}],
        "jobs": [{"name": "etl", "tasks": [{"task_key": "main", "notebook_task": {"notebook_path": "/Shared/x"}}]}],
    }));
    world.commit("Begin");
    for (path, status) in [
        ("/api/2.0/libraries/cluster-status", 501),
        ("/api/2.0/permissions/*", 403),
        ("/api/2.0/policies/clusters/list", 403),
    ] {
        world.sandbox.fault(json!({"path": path, "status": status, "times": 100}));
    }
    let imported = world
        .plumb("import --all --permissions")
        .code(6)
        .says("no cluster policy is imported: GET /api/2.0/policies/clusters/list: 403")
        .says("`libraries` of 1 cluster is not in the manifests")
        .says("`permissions` of 1 job is not in the manifests");
    assert_eq!(imported.out, "manifests/clusters/analysts.yaml\nmanifests/jobs/etl.yaml\n");
    // Of those that were asked for by name nothing can be had.
    world.plumb("import policy 1").code(1).says("no cluster policy is imported");
    world.plumb("import policy --all").code(1).says("nothing was written");
    // A plan does not go on without them: what is not listed is not absent.
    world.plumb("plan").code(1).says("reading what is live failed");
    world.sandbox.send("DELETE", "/_sandbox/faults", &Value::Null);
    let plan = world.plumb("plan --output json").code(0).json();
    for change in plan["changes"].as_array().unwrap() {
        assert_eq!((&change["action"], &change["fields"]), (&json!("adopt"), &json!([])), "{change:#}");
    }
}

#[test]
fn a_refused_detail_blocks_only_what_needs_it() {
    let world = World::new();
    world.write("manifests/plain.yaml", &job("plain", ""));
    let permissions = "  permissions: [{group_name: analysts, permission_level: CAN_VIEW}]\n";
    world.write("manifests/open.yaml", &job("open", permissions));
    world.commit("Begin");
    world.plumb("apply --yes").code(0);
    world.edit("manifests/plain.yaml", "/Shared/plain", "/Shared/other");
    world.edit("manifests/open.yaml", "/Shared/open", "/Shared/other");
    world.commit("Change both");
    world.sandbox.fault(json!({"path": "/api/2.0/permissions/*", "status": 501, "times": 100}));
    let plan = world.plumb("plan --output json").code(3).json();
    assert_eq!(plan["changes"].as_array().unwrap().len(), 1, "{plan:#}");
    assert_eq!(plan["changes"][0]["address"], "DatabricksJob/plain");
    assert_eq!(plan["blocked"][0]["address"], "DatabricksJob/open");
    assert!(plan["blocked"][0]["reason"].as_str().unwrap().contains("its permissions cannot be read"), "{plan:#}");
}

#[test]
fn what_cannot_be_read_is_said_by_every_command() {
    let world = World::new();
    world.write(
        "manifests/small.yaml",
        "apiVersion: plumb/v1\nkind: DatabricksClusterPolicy\nmetadata: {name: small}\nspec:\n  name: Small\n  \
         definition: {num_workers: {type: range, maxValue: 4}}\n",
    );
    world.write(
        "manifests/user.yaml",
        &job("user", "").replace(
            "      existing_cluster_id: 0101-000000-abcdefgh\n",
            "      new_cluster: {spark_version: 15.4.x-scala2.12, num_workers: 1, node_type_id: r6id.xlarge,\n        \
         policy_id: \"${resources.DatabricksClusterPolicy.small}\"}\n",
        ),
    );
    world.commit("Begin");
    world.plumb("apply --yes").code(0);
    let mut listed = world.sandbox.get("/api/2.0/policies/clusters/list");
    listed["policies"][0]["definition"] = json!("{");
    world
        .sandbox
        .fault(json!({"path": "/api/2.0/policies/clusters/list", "status": 200, "body": listed, "times": 100}));
    world.sandbox.requests();

    let plan = world.plumb("plan --output json").code(3).json();
    assert_eq!(plan["changes"], json!([]), "{plan:#}");
    let blocked: Vec<&str> = plan["blocked"].as_array().unwrap().iter().filter_map(|b| b["address"].as_str()).collect();
    assert_eq!(blocked, ["DatabricksClusterPolicy/small", "DatabricksJob/user"]);
    world.plumb("drift").code(2).says("its definition is no JSON");
    world.plumb("drift --write").code(2).says("DatabricksClusterPolicy/small: nothing was taken in");
    let status = world.plumb("status --output json").code(0).json();
    assert_eq!((&status[0]["status"], &status[1]["status"]), (&json!("blocked"), &json!("blocked")), "{status:#}");
    assert_eq!(status[0]["id"], listed["policies"][0]["policy_id"]);
    world.plumb("show DatabricksClusterPolicy/small").code(0).says("live, and could not be read: cluster policy");
    world.plumb("release DatabricksClusterPolicy/small --yes").code(1).says("could not be read");
    world.remove("manifests/small.yaml");
    world.remove("manifests/user.yaml");
    world.write("manifests/other.yaml", &job("other", ""));
    world.commit("Without them");
    let plan = world.plumb("plan --output json").code(3).json();
    let policy = plan["blocked"].as_array().unwrap().iter().find(|b| b["address"] == "DatabricksClusterPolicy/small");
    assert!(policy.is_some_and(|b| b["reason"].as_str().unwrap().contains("is not deleted")), "{plan:#}");
    assert_eq!(world.sandbox.writes(), [""; 0]);
    // What somebody else's policy says that nobody can read stands in nobody's way.
    let id = listed["policies"][0]["policy_id"].as_str().unwrap().to_owned();
    world.plumb(&format!("import policy {id}")).code(1).says("could not be read");
    world.plumb("import --all").code(0);
}
