//! Clusters, policies and pools: resized, edited, waited for, started for their libraries, and never drifting by what a
//! policy supplies.

use crate::shows;
use crate::world::{World, shared_cluster as cluster};
use serde_json::json;

fn applied(more: &str) -> World {
    let world = World::new();
    world.commit_file("manifests/shared.yaml", &cluster(more), "Add a cluster");
    world.plumb("apply --yes").code(0);
    world.plumb("plan --detailed-exitcode").code(0);
    world.sandbox.requests();
    world
}

fn terminate(world: &World) {
    let id = world.sandbox.cluster("shared")["cluster_id"].clone();
    world.sandbox.post("/api/2.1/clusters/delete", json!({"cluster_id": id}));
    world.sandbox.get(&format!("/api/2.1/clusters/get?cluster_id={}", id.as_str().unwrap()));
    assert_eq!(world.sandbox.cluster("shared")["state"], "TERMINATED");
    world.sandbox.requests();
}

#[test]
fn a_running_cluster_is_resized_when_only_its_size_changed() {
    let world = applied("");
    assert_eq!(world.sandbox.cluster("shared")["state"], "RUNNING");
    world.edit("manifests/shared.yaml", "num_workers: 2", "num_workers: 5");
    world.commit("Grow");
    shows!(world.plumb("plan"), @r#"
    Plan of demo for target dev, manifests at <Grow>

      ~ update in place

      # DatabricksCluster/shared will be updated in place
      # manifests/shared.yaml:1
      ! resizes the running cluster
      ~ DatabricksCluster/shared "shared" (id <cluster shared>)
          ~ num_workers = 2 -> 5
                # manifests/shared.yaml:8, not applied yet, or undone live; wanted since <Grow> by
                # Ada: Grow

    Plan: 0 to create, 1 to update, 0 to delete. 0 unchanged.
    Digest: <digest>
    --- stderr
    read 1 object with 6 requests in <time>
    --- exit 0
    "#);
    world.sandbox.requests();
    world.plumb("apply --yes").code(0);
    assert_eq!(world.sandbox.writes(), ["POST /api/2.1/clusters/resize"]);
    world.plumb("plan --detailed-exitcode").code(0);
    // More than its size: an edit, and that restarts it.
    world.edit("manifests/shared.yaml", "num_workers: 5", "num_workers: 3");
    world.edit("manifests/shared.yaml", "autotermination_minutes: 30", "autotermination_minutes: 60");
    world.commit("Shrink, and stay longer");
    shows!(world.plumb("plan"), @r#"
    Plan of demo for target dev, manifests at <Shrink, and stay longer>

      ~ update in place

      # DatabricksCluster/shared will be updated in place
      # manifests/shared.yaml:1
      ! restarts the cluster
      ~ DatabricksCluster/shared "shared" (id <cluster shared>)
          ~ num_workers = 5 -> 3
                # manifests/shared.yaml:8, not applied yet, or undone live; wanted since <Shrink, and stay longer> by
                # Ada: Shrink, and stay longer
          ~ autotermination_minutes = 30 -> 60
                # manifests/shared.yaml:9, manifest <Shrink, and stay longer> by Ada: Shrink, and stay longer

    Plan: 0 to create, 1 to update, 0 to delete. 0 unchanged.
    Digest: <digest>
    --- stderr
    read 1 object with 6 requests in <time>
    --- exit 0
    "#);
    world.sandbox.requests();
    world.plumb("apply --yes").code(0);
    assert_eq!(world.sandbox.writes(), ["POST /api/2.1/clusters/edit"]);
    world.plumb("plan --detailed-exitcode").code(0);
}

#[test]
fn a_size_of_its_own_and_a_range() {
    let world = applied("");
    world.edit("manifests/shared.yaml", "  num_workers: 2\n", "  autoscale: {min_workers: 1, max_workers: 4}\n");
    world.commit("Let it grow");
    shows!(world.plumb("plan -q"), @r#"
    Plan of demo for target dev, manifests at <Let it grow>

      ~ update in place

      # DatabricksCluster/shared will be updated in place
      # manifests/shared.yaml:1
      ! resizes the running cluster
      ~ DatabricksCluster/shared "shared" (id <cluster shared>)
          + autoscale:
                # manifests/shared.yaml:8, not applied yet, or undone live; wanted since <Let it grow> by
                # Ada: Let it grow
          +   max_workers: 4
          +   min_workers: 1
          ~ num_workers = 2 -> 0
                # manifests/shared.yaml:5, not applied yet, or undone live; the service's default

    Plan: 0 to create, 1 to update, 0 to delete. 0 unchanged.
    Digest: <digest>
    --- exit 0
    "#);
    world.plumb("apply --yes").code(0);
    world.plumb("plan --detailed-exitcode").code(0);
    assert_eq!(world.sandbox.cluster("shared")["autoscale"]["max_workers"], 4);
    world.edit("manifests/shared.yaml", "  autoscale: {min_workers: 1, max_workers: 4}\n", "  num_workers: 3\n");
    world.commit("Fix its size");
    shows!(world.plumb("plan -q"), @r#"
    Plan of demo for target dev, manifests at <Fix its size>

      ~ update in place

      # DatabricksCluster/shared will be updated in place
      # manifests/shared.yaml:1
      ! resizes the running cluster
      ~ DatabricksCluster/shared "shared" (id <cluster shared>)
          ~ num_workers = 0 -> 3
                # manifests/shared.yaml:8, not applied yet, or undone live; wanted since <Fix its size> by
                # Ada: Fix its size
          - autoscale:   # manifests/shared.yaml:5, not applied yet, or undone live
          -   max_workers: 4
          -   min_workers: 1

    Plan: 0 to create, 1 to update, 0 to delete. 0 unchanged.
    Digest: <digest>
    --- exit 0
    "#);
    world.plumb("apply --yes").code(0);
    world.plumb("plan --detailed-exitcode").code(0);
    let live = world.sandbox.cluster("shared");
    assert_eq!((&live["num_workers"], &live["autoscale"]), (&json!(3), &serde_json::Value::Null));
}

#[test]
fn a_terminated_cluster_is_edited_and_stays_down() {
    let world = applied("");
    terminate(&world);
    world.plumb("plan --detailed-exitcode").code(0);
    world.edit("manifests/shared.yaml", "num_workers: 2", "num_workers: 5");
    world.commit("Grow");
    world.plumb("plan").never_says("restarts").never_says("resizes");
    world.sandbox.requests();
    world.plumb("apply --yes").code(0);
    assert_eq!(world.sandbox.writes(), ["POST /api/2.1/clusters/edit"]);
    assert_eq!(world.sandbox.cluster("shared")["state"], "TERMINATED");
    world.plumb("plan --detailed-exitcode").code(0);
}

#[test]
fn a_cluster_between_two_states_is_waited_for() {
    let world = applied("");
    world.edit("manifests/shared.yaml", "autotermination_minutes: 30", "autotermination_minutes: 60");
    world.commit("Stay longer");
    let state = json!({"error_code": "INVALID_STATE", "message": "Cluster is in unexpected state Pending"});
    world.sandbox.fault(json!({"path": "/api/2.1/clusters/edit", "status": 400, "body": state, "times": 2}));
    world.plumb("apply --yes").code(0);
    assert_eq!(world.sandbox.writes(), ["POST /api/2.1/clusters/edit"; 3]);
    world.plumb("plan --detailed-exitcode").code(0);
    // A resize that comes too late becomes an edit.
    world.edit("manifests/shared.yaml", "num_workers: 2", "num_workers: 5");
    world.commit("Grow");
    let state = json!({"error_code": "INVALID_STATE", "message": "Cluster is not running"});
    world.sandbox.fault(json!({"path": "/api/2.1/clusters/resize", "status": 400, "body": state}));
    world.plumb("apply --yes").code(0);
    assert_eq!(world.sandbox.writes(), ["POST /api/2.1/clusters/resize", "POST /api/2.1/clusters/edit"]);
    // Patience has an end.
    world.edit("manifests/shared.yaml", "autotermination_minutes: 60", "autotermination_minutes: 90");
    world.commit("Stay even longer");
    let state = json!({"error_code": "INVALID_STATE", "message": "Cluster is in unexpected state Pending"});
    world.sandbox.fault(json!({"path": "/api/2.1/clusters/edit", "status": 400, "body": state, "times": 1000}));
    shows!(world.plumb("apply --yes --patience 0 -q"), @r#"
    Plan of demo for target dev, manifests at <Stay even longer>

      ~ update in place

      # DatabricksCluster/shared will be updated in place
      # manifests/shared.yaml:1
      ! restarts the cluster
      ~ DatabricksCluster/shared "shared" (id <cluster shared>)
          ~ autotermination_minutes = 60 -> 90
                # manifests/shared.yaml:9, manifest <Stay even longer> by Ada: Stay even longer

    Plan: 0 to create, 1 to update, 0 to delete. 0 unchanged.
    Digest: <digest>
    --- stderr
    error: DatabricksCluster/shared: POST /api/2.1/clusters/edit: 400 INVALID_STATE: Cluster is in unexpected state Pending (request id <id>); waited 0 min for another state (nothing of it was done)
    --- exit 1
    "#);
}

#[test]
fn pinned_and_deleted_for_good() {
    let world = applied("  pinned: true\n");
    world.edit("manifests/shared.yaml", "pinned: true", "pinned: false");
    world.commit("Unpin");
    world.plumb("plan").says("~ pinned = true -> false").never_says("restarts");
    world.plumb("apply --yes").code(0);
    assert_eq!(world.sandbox.writes(), ["POST /api/2.1/clusters/unpin"]);
    world.edit("manifests/shared.yaml", "pinned: false", "pinned: true");
    world.commit("Pin again");
    world.plumb("apply --yes").code(0);
    world.plumb("plan --detailed-exitcode").code(0);
    world.remove("manifests/shared.yaml");
    world.write("manifests/none.yaml", "");
    world.commit("Remove the cluster");
    shows!(world.plumb("plan"), @r#"
    Plan of demo for target dev, manifests at <Remove the cluster>

      - delete

      # DatabricksCluster/shared will be deleted
      # (no manifest asks for it any more)
      ! ends the running cluster and whatever runs on it
      - DatabricksCluster/shared "shared" (id <cluster shared>)

    Plan: 0 to create, 0 to update, 1 to delete. 0 unchanged.
    Digest: <digest>
    --- stderr
    read 1 object with 6 requests in <time>
    --- exit 0
    "#);
    world.sandbox.requests();
    world.plumb("apply --yes").code(0);
    assert_eq!(world.sandbox.writes(), ["POST /api/2.1/clusters/unpin", "POST /api/2.1/clusters/permanent-delete"]);
    world.plumb("plan --detailed-exitcode").code(0);
}

#[test]
fn libraries_of_a_cluster_that_is_down() {
    let world = applied("  libraries:\n    - pypi: {package: polars==1.0}\n    - pypi: {package: duckdb==1.0}\n");
    terminate(&world);
    world.plumb("plan --detailed-exitcode").code(0);
    world.edit("manifests/shared.yaml", "polars==1.0", "polars==1.1");
    world.commit("Raise polars");
    shows!(world.plumb("plan"), @r#"
    Plan of demo for target dev, manifests at <Raise polars>

      ~ update in place

      # DatabricksCluster/shared will be updated in place
      # manifests/shared.yaml:1
      ! starts the cluster to install libraries
      ! libraries are removed at the next restart
      ~ DatabricksCluster/shared "shared" (id <cluster shared>)
          + libraries[{"pypi":{"package":"polars==1.1"}}]:
                # manifests/shared.yaml:11, not applied yet, or undone live; wanted since <Raise polars>
                # by Ada: Raise polars
          +   pypi:
          +     package: "polars==1.1"
          - libraries[{"pypi":{"package":"polars==1.0"}}]:
                # manifests/shared.yaml:11, not applied yet, or undone live
          -   pypi:
          -     package: "polars==1.0"

    Plan: 0 to create, 1 to update, 0 to delete. 0 unchanged.
    Digest: <digest>
    --- stderr
    read 1 object with 7 requests in <time>
    --- exit 0
    "#);
    world.sandbox.requests();
    world.plumb("apply --yes").code(0);
    let expected = [
        "POST /api/2.0/libraries/uninstall",
        "POST /api/2.1/clusters/start",
        "POST /api/2.0/libraries/install",
        "POST /api/2.1/clusters/delete",
    ];
    assert_eq!(world.sandbox.writes(), expected);
    assert_eq!(world.sandbox.cluster("shared")["state"], "TERMINATED");
    world.plumb("plan --detailed-exitcode").code(0);
    // A running one takes them at once.
    let id = world.sandbox.cluster("shared")["cluster_id"].clone();
    world.sandbox.post("/api/2.1/clusters/start", json!({"cluster_id": id}));
    world.sandbox.get(&format!("/api/2.1/clusters/get?cluster_id={}", id.as_str().unwrap()));
    world.sandbox.requests();
    world.edit("manifests/shared.yaml", "duckdb==1.0", "duckdb==1.1");
    world.plumb("apply --yes").code(0);
    assert_eq!(world.sandbox.writes(), ["POST /api/2.0/libraries/uninstall", "POST /api/2.0/libraries/install"]);
    world.plumb("plan --detailed-exitcode").code(0);
}

#[test]
fn a_cluster_that_is_to_be_up_or_down() {
    let world = applied("  state: terminated\n");
    assert_eq!(world.sandbox.cluster("shared")["state"], "TERMINATED");
    world.edit("manifests/shared.yaml", "state: terminated", "state: running");
    world.commit("Run it");
    shows!(world.plumb("plan"), @r#"
    Plan of demo for target dev, manifests at <Run it>

      ~ update in place

      # DatabricksCluster/shared will be updated in place
      # manifests/shared.yaml:1
      ! starts the cluster
      ~ DatabricksCluster/shared "shared" (id <cluster shared>)
          ~ state = "terminated" -> "running"
                # manifests/shared.yaml:10, not applied yet, or undone live; wanted since <Run it>
                # by Ada: Run it

    Plan: 0 to create, 1 to update, 0 to delete. 0 unchanged.
    Digest: <digest>
    --- stderr
    read 1 object with 6 requests in <time>
    --- exit 0
    "#);
    world.plumb("apply --yes").code(0);
    assert_eq!(world.sandbox.writes(), ["POST /api/2.1/clusters/start"]);
    assert_eq!(world.sandbox.cluster("shared")["state"], "RUNNING");
    world.plumb("plan --detailed-exitcode").code(0);
    // Somebody stops it. A start leaves the mark as it was, so git cannot tell whether it was ever done.
    terminate(&world);
    world.plumb("drift").code(2).says("state = \"terminated\" -> \"running\"").never_says("manifest <Run it>");
    world.edit("manifests/shared.yaml", "state: running", "state: any");
    world.plumb("plan --detailed-exitcode").code(0);
}

const POLICY: &str = "\
apiVersion: plumb/v1
kind: DatabricksClusterPolicy
metadata: {name: small}
spec:
  name: small
  definition:
    custom_tags.cost_centre: {type: fixed, value: audience}
    spark_conf.spark.speculation: {type: fixed, value: \"true\"}
    autotermination_minutes: {type: range, maxValue: 120, defaultValue: 45}
    node_type_id: {type: allowlist, values: [r6id.xlarge, r6id.2xlarge], defaultValue: r6id.xlarge}
";

const GOVERNED: &str = "\
apiVersion: plumb/v1
kind: DatabricksCluster
metadata: {name: shared}
spec:
  cluster_name: shared
  spark_version: 15.4.x-scala2.12
  num_workers: 2
  policy_id: ${resources.DatabricksClusterPolicy.small}
  apply_policy_default_values: true
";

#[test]
fn what_a_policy_supplies_is_no_drift() {
    let world = World::new();
    world.write("manifests/policy.yaml", POLICY);
    world.commit_file("manifests/shared.yaml", GOVERNED, "Add a policy and a cluster");
    world.plumb("apply --yes").code(0);
    let live = world.sandbox.cluster("shared");
    assert_eq!(live["custom_tags"]["cost_centre"], "audience", "{live:#}");
    assert_eq!(live["autotermination_minutes"], 45, "{live:#}");
    world.plumb("plan --detailed-exitcode").code(0);
    // What the policy does not supply is, still.
    let mut edited = live.clone();
    edited["autotermination_minutes"] = json!(90);
    world.sandbox.post("/api/2.1/clusters/edit", edited);
    world.plumb("plan").says("autotermination_minutes");
}

#[test]
fn a_policy_is_compared_field_by_field() {
    let world = World::new();
    world.commit_file("manifests/policy.yaml", POLICY, "Add a policy");
    world.plumb("apply --yes").code(0);
    world.edit("manifests/policy.yaml", "maxValue: 120", "maxValue: 60");
    world.edit("manifests/policy.yaml", ", r6id.2xlarge]", "]");
    world.commit("Allow less");
    shows!(world.plumb("plan"), @r#"
    Plan of demo for target dev, manifests at <Allow less>

      ~ update in place

      # DatabricksClusterPolicy/small will be updated in place
      # manifests/policy.yaml:1
      ! holds for clusters when they are edited or started next
      ~ DatabricksClusterPolicy/small "small" (id <policy small>)
          ~ definition.autotermination_minutes.maxValue = 120 -> 60
                # manifests/policy.yaml:9, manifest <Allow less> by Ada: Allow less
          ~ definition.node_type_id.values:
                # manifests/policy.yaml:10, manifest <Allow less> by Ada: Allow less
              - "r6id.xlarge"
          -   - "r6id.2xlarge"

    Plan: 0 to create, 1 to update, 0 to delete. 0 unchanged.
    Digest: <digest>
    --- stderr
    read 1 object with 4 requests in <time>
    --- exit 0
    "#);
    world.plumb("apply --yes").code(0);
    world.plumb("plan --detailed-exitcode").code(0);
}

#[test]
fn what_was_approved_of_a_stopped_cluster_does_not_restart_a_running_one() {
    let world = applied("");
    terminate(&world);
    world.edit("manifests/shared.yaml", "autotermination_minutes: 30", "autotermination_minutes: 60");
    world.commit("Wait longer");
    let stopped = world.plumb("plan --output json").code(0).json();
    assert_eq!(stopped["changes"][0]["disrupts"], json!(null));
    world.plumb("plan --out stopped.json").code(0);
    let id = world.sandbox.cluster("shared")["cluster_id"].clone();
    world.sandbox.post("/api/2.1/clusters/start", json!({"cluster_id": id}));
    world.sandbox.get(&format!("/api/2.1/clusters/get?cluster_id={}", id.as_str().unwrap()));
    world.sandbox.requests();
    let running = world.plumb("plan --output json").code(0).json();
    assert_eq!(running["changes"][0]["disrupts"], json!(["restarts-cluster"]));
    assert_eq!(running["workspace"], "7474001122334455");
    assert_ne!(running["digest"], stopped["digest"]);
    world.plumb("plan --out running.json").code(0);
    let approved = format!("apply --yes --approved {}", stopped["digest"].as_str().unwrap());
    world.plumb(&approved).code(4).says("the plan is not what was approved");
    let ran = world.plumb("apply --yes --approved stopped.json").code(4);
    ran.says("not approved was what is disrupted now: DatabricksCluster/shared restarts-cluster");
    world.plumb("apply stopped.json --yes").code(4).says("it would disrupt what it did not when the plan was made");
    assert_eq!(world.sandbox.writes(), [""; 0]);
    // The other way round it is less.
    terminate(&world);
    world.plumb("apply --yes --approved running.json").code(0).says("all of the plan was approved");
    assert_eq!(world.sandbox.cluster("shared")["autotermination_minutes"], 60);
}
