//! Settings of live objects that no spec can say: kept, named, and taken away by `metadata.remove` only.

use crate::shows;
use crate::world::{World, job};
use serde_json::{Value, json};

/// A workspace that is newer than plumb, with jobs that somebody made by hand.
fn workspace(names: &[&str]) -> World {
    let task = json!({"task_key": "main", "notebook_task": {"notebook_path": "/Shared/etl"},
        "existing_cluster_id": "0101-000000-abcdefgh"});
    let jobs: Vec<Value> = names.iter().map(|name| json!({"name": name, "tasks": [task]})).collect();
    let world = World::seeded(&json!({"jobs": jobs}));
    world.sandbox.send("PATCH", "/_sandbox/settings", &json!({"keeps_unknown": true}));
    world
}

/// Somebody sets something new.
fn set(world: &World, name: &str, settings: Value) {
    world.sandbox.edit_job(name, settings);
}

#[test]
fn what_no_manifest_can_say_is_imported_by_name_and_kept() {
    let world = workspace(&["etl", "report"]);
    set(
        &world,
        "etl",
        json!({"future_policy_id": "p-1", "trigger": {"future_event": {"job": 7, "api_token": "s3cr3t-value"}}}),
    );
    set(&world, "report", json!({"future_policy_id": "p-2"}));
    world.commit("Begin");
    shows!(world.plumb("import --all"), @"
    manifests/jobs/etl.yaml
    manifests/jobs/report.yaml
    --- stderr
    read 4 objects with 13 requests in <time>
    Not imported, for it is the platform's own: schema main.default (a catalog is made with it).
    Not imported, for it is the platform's own: schema main.information_schema (every catalog has one, of views that describe it).
    2 manifests written. `plumb plan` shows them as adopted.
    warning: future_policy_id: a setting that plumb does not know, kept on 2 jobs
    warning: DatabricksJob/etl: 1 setting that plumb does not know is kept: trigger.future_event
    --- exit 0
    ");
    insta::assert_snapshot!(world.scrub(&world.read("manifests/jobs/etl.yaml")), @"
    # yaml-language-server: $schema=../../schemas/plumb.json
    # Settings that plumb does not know, and keeps: future_policy_id, trigger.future_event
    apiVersion: plumb/v1
    kind: DatabricksJob
    metadata:
      name: etl
      adopt:
        dev: '<job etl>'
    spec:
      name: etl
      tasks:
      - task_key: main
        existing_cluster_id: 0101-000000-abcdefgh
        notebook_task:
          notebook_path: /Shared/etl
    ");
    world.commit("Import");
    shows!(world.plumb("plan -q"), @r#"
    Plan of demo for target dev, manifests at <Import>

    Note: future_policy_id: a setting that plumb does not know, kept on 2 jobs
    Note: DatabricksJob/etl: 1 setting that plumb does not know is kept: trigger.future_event

      <= take over an existing object

      # DatabricksJob/etl will take over the existing object (id <job etl>)
      # manifests/jobs/etl.yaml:3
      <= DatabricksJob/etl "etl" (id <job etl>)

      # DatabricksJob/report will take over the existing object (id <job report>)
      # manifests/jobs/report.yaml:3
      <= DatabricksJob/report "report" (id <job report>)

    Plan: 0 to create, 0 to update, 2 to adopt, 0 to delete. 0 unchanged.
    An apply changes nothing but the marks.
    Digest: <digest>
    --- exit 0
    "#);
    world.plumb("apply --yes -q").code(0);
    let live = world.sandbox.job("etl")["settings"].clone();
    assert_eq!(live["future_policy_id"], "p-1");
    assert_eq!(live["trigger"]["future_event"], json!({"job": 7, "api_token": "s3cr3t-value"}));
    assert_eq!(world.sandbox.job("report")["settings"]["future_policy_id"], "p-2");
    shows!(world.plumb("drift -q"), @"
    Drift of demo for target dev, manifests at <Import>

    Note: future_policy_id: a setting that plumb does not know, kept on 2 jobs
    Note: DatabricksJob/etl: 1 setting that plumb does not know is kept: trigger.future_event

    No drift, and nothing waits for an apply. 2 resources up to date.
    Digest: <digest>
    --- exit 0
    ");
    shows!(world.plumb("show etl -q"), @"
    DatabricksJob/etl

    manifest (manifests/jobs/etl.yaml:3):
      name: etl
      tasks:
      - existing_cluster_id: 0101-000000-abcdefgh
        notebook_task:
          notebook_path: /Shared/etl
        task_key: main

    live (job <job etl>, applied from <Import>-88d50c9a):
      format: MULTI_TASK
      name: etl
      tasks:
      - existing_cluster_id: 0101-000000-abcdefgh
        notebook_task:
          notebook_path: /Shared/etl
          source: WORKSPACE
        task_key: main
      and settings that plumb does not know: future_policy_id, trigger.future_event

    Plan of demo for target dev, manifests at <Import>

    Note: DatabricksJob/etl: 2 settings that plumb does not know are kept: future_policy_id,
      trigger.future_event

    No changes. The workspace equals the manifests.
    1 resource up to date.
    Digest: <digest>
    --- exit 0
    ");
    let shown = world.plumb("show etl -q --output json").json();
    assert_eq!(shown["live"][0]["unknown"], json!(["future_policy_id", "trigger.future_event"]));
}

#[test]
fn metadata_remove_takes_one_away() {
    let world = workspace(&[]);
    world.commit_file("manifests/etl.yaml", &job("etl", ""), "Add etl");
    world.plumb("apply --yes -q").code(0);
    set(
        &world,
        "etl",
        json!({"future_policy_id": "p-1", "future_login": {"api_token": "s3cr3t-value", "user": "ann"}}),
    );
    world.edit("manifests/etl.yaml", "  name: etl\nspec", "  name: etl\n  remove: [future_login]\nspec");
    world.commit("Take the login away");
    shows!(world.plumb("plan -q").never_says("s3cr3t-value"), @r#"
    Plan of demo for target dev, manifests at <Take the login away>

    Note: DatabricksJob/etl: 1 setting that plumb does not know is kept: future_policy_id

      ~ update in place

      # DatabricksJob/etl will be updated in place
      # manifests/etl.yaml:1
      ~ DatabricksJob/etl "etl" (id <job etl>)
          - future_login:
                # manifests/etl.yaml:5, wanted since <Take the login away> by Ada: Take the login away, plumb
                # does not know this setting; `metadata.remove` names it
          -   api_token: (secret #1)
          -   user: "ann"

    Plan: 0 to create, 1 to update, 0 to delete. 0 unchanged.
    Digest: <digest>
    --- exit 0
    "#);
    world.plumb("apply --yes -q").code(0).never_says("s3cr3t-value");
    let live = world.sandbox.job("etl")["settings"].clone();
    assert_eq!((&live["future_policy_id"], live.get("future_login")), (&json!("p-1"), None));
    world.plumb("plan --detailed-exitcode").code(0);
}

#[test]
fn what_goes_with_a_task_that_the_manifest_drops_is_shown() {
    let world = workspace(&["etl"]);
    let mut tasks = world.sandbox.job("etl")["settings"]["tasks"].clone();
    tasks.as_array_mut().unwrap().push(json!({"task_key": "old", "notebook_task": {"notebook_path": "/Shared/old"},
        "existing_cluster_id": "0101-000000-abcdefgh", "future_member": {"a": 1}}));
    set(&world, "etl", json!({"tasks": tasks}));
    let id = world.sandbox.job("etl")["job_id"].clone();
    let text = job("etl", "").replace("  name: etl\nspec", &format!("  name: etl\n  adopt: \"{id}\"\nspec"));
    world.commit_file("manifests/etl.yaml", &text, "Adopt etl");
    shows!(world.plumb("plan -q"), @r#"
    Plan of demo for target dev, manifests at <Adopt etl>

      <= take over an existing object

      # DatabricksJob/etl will take over the existing object (id <job etl>)
      # manifests/etl.yaml:1
      <= DatabricksJob/etl "etl" (id <job etl>)
          - tasks[old]:   # manifests/etl.yaml:9
          -   task_key: "old"
          -   existing_cluster_id: "0101-000000-abcdefgh"
          -   notebook_task:
          -     notebook_path: "/Shared/old"
          -     source: "WORKSPACE"
          - tasks[old].future_member:
          -   a: 1
                # manifests/etl.yaml:9, plumb does not know this setting; it goes with what is around it

    Plan: 0 to create, 0 to update, 1 to adopt (1 with changes), 0 to delete. 0 unchanged.
    Digest: <digest>
    --- exit 0
    "#);
}

#[test]
fn what_a_replacement_would_lose_blocks_it() {
    let pool = |node: &str, metadata: &str| {
        format!(
            "apiVersion: plumb/v1\nkind: DatabricksInstancePool\nmetadata: {{name: workers{metadata}}}\nspec: \
             {{instance_pool_name: Workers, node_type_id: {node}}}\n"
        )
    };
    let world = workspace(&[]);
    world.commit_file("manifests/pool.yaml", &pool("r6id.xlarge", ""), "Add a pool");
    world.plumb("apply --yes -q").code(0);
    let mut state = world.sandbox.get("/_sandbox/state");
    for pool in state["databricks"]["instance_pools"].as_object_mut().unwrap().values_mut() {
        pool["future_member"] = json!("set");
    }
    world.sandbox.send("PUT", "/_sandbox/state", &state);
    world.commit_file("manifests/pool.yaml", &pool("r6id.2xlarge", ""), "Larger machines");
    shows!(world.plumb("plan -q"), @r#"
    Plan of demo for target dev, manifests at <Larger machines>

    Blocked:
      ! DatabricksInstancePool/workers: it would have to be replaced, and would lose settings that plumb
        does not know: future_member
        to allow it: if they may go, add `metadata.remove: ["future_member"]`; or use a plumb that knows
          them

    Plan: 0 to create, 0 to update, 0 to delete. 0 unchanged. 1 blocked.
    Digest: <digest>
    --- exit 3
    "#);
    world.sandbox.requests();
    world.plumb("apply --yes -q").code(3);
    assert_eq!(world.sandbox.writes(), [""; 0]);
    world.commit_file("manifests/pool.yaml", &pool("r6id.2xlarge", ", remove: [future_member]"), "Let it go");
    world.plumb("apply --yes -q").code(0);
    world.plumb("plan --detailed-exitcode").code(0);
}
