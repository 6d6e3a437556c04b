//! What a service may set itself and somebody did: it is drift, a note or a planned removal, and never lost unseen.

use crate::shows;
use crate::world::{World, shared_cluster as cluster};
use serde_json::{Value, json};

const PROFILE: &str = "arn:aws:iam::123456789012:instance-profile/lake";

fn applied(more: &str) -> World {
    let world = World::new();
    world.commit_file("manifests/shared.yaml", &cluster(more), "Add a cluster");
    world.plumb("apply --yes").code(0);
    world.plumb("plan --detailed-exitcode").code(0).never_says("left alone");
    world
}

/// Edits the cluster as somebody does who takes what is live and changes some of it.
fn edit(world: &World, change: impl Fn(&mut Value)) {
    let mut body = world.sandbox.cluster("shared");
    let members = ["state", "state_message", "spec", "default_tags", "cluster_source", "creator_user_name"];
    let of_runs = ["start_time", "last_state_loss_time", "spark_context_id", "last_restarted_time"];
    body.as_object_mut()
        .unwrap()
        .retain(|name, _| !members.contains(&name.as_str()) && !of_runs.contains(&name.as_str()));
    change(&mut body);
    world.sandbox.post("/api/2.1/clusters/edit", body.clone());
    world.sandbox.get(&format!("/api/2.1/clusters/get?cluster_id={}", body["cluster_id"].as_str().unwrap()));
}

#[test]
fn an_instance_profile_that_is_taken_out_of_the_manifest_is_a_planned_removal() {
    let with = format!("  aws_attributes: {{instance_profile_arn: '{PROFILE}', first_on_demand: 2}}\n");
    let world = applied(&with);
    world.edit("manifests/shared.yaml", &with, "");
    world.commit("Take the profile away");
    shows!(world.plumb("plan -q"), @r#"
    Plan of demo for target dev, manifests at <Take the profile away>

      ~ update in place

      # DatabricksCluster/shared will be updated in place
      # manifests/shared.yaml:1
      ! restarts the cluster
      ~ DatabricksCluster/shared "shared" (id <cluster shared>)
          - aws_attributes.first_on_demand = 2   # manifests/shared.yaml:5, manifest changed
          - aws_attributes.instance_profile_arn = "arn:aws:iam::123456789012:instance-profile/lake"
                # manifests/shared.yaml:5, manifest changed

    Plan: 0 to create, 1 to update, 0 to delete. 0 unchanged.
    Digest: <digest>
    --- exit 0
    "#);
    // Whether git knows what there was changes what is said, and not what is done.
    let without_history = world.plumb("plan -q --output json").json();
    world.git(&["checkout", "-q", "--orphan", "alone"]);
    world.git(&["commit", "-q", "-m", "Alone"]);
    let fields = |plan: &Value| -> Vec<(Value, Value)> {
        let fields = plan["changes"][0]["fields"].as_array().unwrap().iter();
        fields.map(|f| (f["path"].clone(), f["op"].clone())).collect()
    };
    assert_eq!(fields(&world.plumb("plan -q --output json").json()), fields(&without_history));
    world.plumb("apply --yes").code(0);
    assert_eq!(world.sandbox.cluster("shared").pointer("/aws_attributes/instance_profile_arn"), None);
    world.plumb("plan --detailed-exitcode").code(0).never_says("left alone");
}

#[test]
fn an_instance_profile_that_is_added_by_hand_is_drift_and_all_else_a_note() {
    let world = applied("");
    edit(&world, |cluster| {
        cluster["aws_attributes"]["instance_profile_arn"] = json!(PROFILE);
        cluster["aws_attributes"]["first_on_demand"] = json!(3);
        cluster["driver_node_type_id"] = json!("r6id.2xlarge");
    });
    shows!(world.plumb("plan -q"), @r#"
    Plan of demo for target dev, manifests at <Add a cluster>

    Note: DatabricksCluster/shared: 1 field was changed live since the last apply
    Note: DatabricksCluster/shared: set live, not declared here, left alone:
      aws_attributes.first_on_demand, driver_node_type_id

      ~ update in place

      # DatabricksCluster/shared will be updated in place
      # manifests/shared.yaml:1
      ! restarts the cluster
      ~ DatabricksCluster/shared "shared" (id <cluster shared>)
          - aws_attributes.instance_profile_arn = "arn:aws:iam::123456789012:instance-profile/lake"
                # manifests/shared.yaml:5, changed live

    Plan: 0 to create, 1 to update, 0 to delete. 0 unchanged.
    Digest: <digest>
    --- exit 0
    "#);
    world.plumb("drift").code(2).says("instance_profile_arn");
    world.plumb("apply --yes").code(0);
    let live = world.sandbox.cluster("shared");
    assert_eq!(live.pointer("/aws_attributes/instance_profile_arn"), None);
    assert_eq!(
        (&live["aws_attributes"]["first_on_demand"], &live["driver_node_type_id"]),
        (&json!(3), &json!("r6id.2xlarge"))
    );
    world
        .plumb("plan --detailed-exitcode")
        .code(0)
        .says("left alone:\n  aws_attributes.first_on_demand, driver_node_type_id");
}

#[test]
fn healing_one_field_of_a_job_takes_nothing_else_away() {
    let world = World::new();
    let job = "\
apiVersion: plumb/v1
kind: DatabricksJob
metadata: {name: nightly}
spec:
  name: nightly
  tasks:
  - task_key: load
    notebook_task: {notebook_path: /Shared/load}
    new_cluster: {spark_version: 15.4.x-scala2.12, node_type_id: r6id.xlarge, num_workers: 1}
";
    world.commit_file("manifests/nightly.yaml", job, "Add a job");
    world.plumb("apply --yes").code(0);
    let mut tasks = world.sandbox.job("nightly")["settings"]["tasks"].clone();
    tasks[0]["retry_on_timeout"] = json!(true);
    tasks[0]["new_cluster"]["driver_node_type_id"] = json!("r6id.2xlarge");
    tasks[0]["new_cluster"]["enable_elastic_disk"] = json!(true);
    tasks[0]["new_cluster"]["aws_attributes"] = json!({ "first_on_demand": 3, "zone_id": "us-east-1d" });
    let settings =
        json!({ "timeout_seconds": 60, "budget_policy_id": "budget", "edit_mode": "UI_LOCKED", "tasks": tasks });
    world.sandbox.edit_job("nightly", settings);
    shows!(world.plumb("plan -q"), @r#"
    Plan of demo for target dev, manifests at <Add a job>

    Note: DatabricksJob/nightly: 1 field was changed live since the last apply
    Note: DatabricksJob/nightly: set live, not declared here, left alone: budget_policy_id,
      tasks[load].new_cluster.aws_attributes.first_on_demand,
      tasks[load].new_cluster.driver_node_type_id, tasks[load].new_cluster.enable_elastic_disk,
      tasks[load].retry_on_timeout

      ~ update in place

      # DatabricksJob/nightly will be updated in place
      # manifests/nightly.yaml:1
      ~ DatabricksJob/nightly "nightly" (id <job nightly>)
          ~ timeout_seconds = 60 -> 0   # manifests/nightly.yaml:5, changed live; the service's default

    Plan: 0 to create, 1 to update, 0 to delete. 0 unchanged.
    Digest: <digest>
    --- exit 0
    "#);
    world.plumb("apply --yes").code(0);
    let live = world.sandbox.job("nightly")["settings"].clone();
    assert_eq!(live["timeout_seconds"], 0);
    assert_eq!((&live["budget_policy_id"], &live["edit_mode"]), (&json!("budget"), &json!("UI_LOCKED")));
    let new = &live["tasks"][0]["new_cluster"];
    assert_eq!(live["tasks"][0]["retry_on_timeout"], true);
    assert_eq!((&new["driver_node_type_id"], &new["enable_elastic_disk"]), (&json!("r6id.2xlarge"), &json!(true)));
    assert_eq!(new["aws_attributes"], json!({ "first_on_demand": 3, "zone_id": "us-east-1d" }));
    world.plumb("plan --detailed-exitcode").code(0);
}

#[test]
fn what_was_filled_in_from_another_field_is_not_carried_over() {
    let world = applied("");
    assert_eq!(world.sandbox.cluster("shared")["driver_node_type_id"], "r6id.xlarge");
    world.edit("manifests/shared.yaml", "node_type_id: r6id.xlarge", "node_type_id: r6id.2xlarge");
    world.commit("Take larger machines");
    world.plumb("apply --yes").code(0);
    assert_eq!(world.sandbox.cluster("shared")["driver_node_type_id"], "r6id.2xlarge");
    world.plumb("plan --detailed-exitcode").code(0).never_says("left alone");
}

#[test]
fn a_zone_that_the_manifest_no_longer_names_stays_and_is_told() {
    let world = applied("  aws_attributes: {zone_id: us-east-1d}\n");
    world.edit("manifests/shared.yaml", "  aws_attributes: {zone_id: us-east-1d}\n", "");
    world.commit("Name no zone");
    shows!(world.plumb("plan -q"), @r#"
    Plan of demo for target dev, manifests at <Name no zone>

    Note: DatabricksCluster/shared: no longer declared here, and kept, because the service may have
      chosen it: aws_attributes.zone_id

    No changes. The workspace equals the manifests.
    1 resource up to date.
    Digest: <digest>
    --- exit 0
    "#);
    world.edit("manifests/shared.yaml", "autotermination_minutes: 30", "autotermination_minutes: 60");
    world.commit("Stay longer");
    shows!(world.plumb("plan -q"), @r#"
    Plan of demo for target dev, manifests at <Stay longer>

    Note: DatabricksCluster/shared: no longer declared here, and kept, because the service may have
      chosen it: aws_attributes.zone_id

      ~ update in place

      # DatabricksCluster/shared will be updated in place
      # manifests/shared.yaml:1
      ! restarts the cluster
      ~ DatabricksCluster/shared "shared" (id <cluster shared>)
          ~ autotermination_minutes = 30 -> 60
                # manifests/shared.yaml:9, manifest <Stay longer> by Ada: Stay longer

    Plan: 0 to create, 1 to update, 0 to delete. 0 unchanged.
    Digest: <digest>
    --- exit 0
    "#);
    world.plumb("apply --yes").code(0);
    assert_eq!(world.sandbox.cluster("shared")["aws_attributes"]["zone_id"], "us-east-1d");
    world.plumb("plan --detailed-exitcode").code(0).never_says("no longer declared");
}

#[test]
fn machines_of_its_own_are_given_up_for_a_pool_and_the_plan_says_which() {
    let world = World::new();
    let pool = "\
apiVersion: plumb/v1
kind: DatabricksInstancePool
metadata: {name: pool}
spec: {instance_pool_name: pool, node_type_id: r6id.xlarge}
";
    world.commit_file("manifests/pool.yaml", pool, "Add a pool");
    let own = "  node_type_id: r6id.xlarge\n  driver_node_type_id: r6id.2xlarge\n";
    let text = cluster("").replace("  node_type_id: r6id.xlarge\n", own);
    world.commit_file("manifests/shared.yaml", &text, "Add a cluster");
    world.plumb("apply --yes").code(0);
    world.edit("manifests/shared.yaml", own, "  instance_pool_id: ${resources.DatabricksInstancePool.pool}\n");
    world.commit("Take machines from the pool");
    shows!(world.plumb("plan -q"), @r#"
    Plan of demo for target dev, manifests at <Take machines from the pool>

      ~ update in place

      # DatabricksCluster/shared will be updated in place
      # manifests/shared.yaml:1
      ! restarts the cluster
      ~ DatabricksCluster/shared "shared" (id <cluster shared>)
          + instance_pool_id = "<pool pool>"
                # manifests/shared.yaml:7, manifest <Take machines from the pool> by Ada: Take machines from the pool
          - aws_attributes.zone_id = "us-east-1c"
                # manifests/shared.yaml:5, manifest changed, it cannot be kept beside what is wanted
          - driver_node_type_id = "r6id.2xlarge"   # manifests/shared.yaml:5, manifest changed
          - node_type_id = "r6id.xlarge"   # manifests/shared.yaml:5, manifest changed

    Plan: 0 to create, 1 to update, 0 to delete. 1 unchanged.
    Digest: <digest>
    --- exit 0
    "#);
    world.plumb("apply --yes").code(0);
    world.plumb("plan --detailed-exitcode").code(0).never_says("left alone");
}

#[test]
fn an_imported_cluster_keeps_its_zone_its_mode_and_its_user() {
    let world = World::seeded(&json!({ "clusters": [{
        "cluster_name": "Analysts", "spark_version": "15.4.x-scala2.12", "node_type_id": "r6id.xlarge", "num_workers": 2,
        "autotermination_minutes": 30, "data_security_mode": "SINGLE_USER", "single_user_name": "analyst@example.com",
        "aws_attributes": { "zone_id": "us-east-1d", "availability": "ON_DEMAND" }, "state": "TERMINATED",
    }] }));
    world.commit("Begin");
    let id = world.sandbox.cluster("Analysts")["cluster_id"].as_str().unwrap().to_owned();
    world.plumb(&format!("import cluster {id}")).code(0);
    let text = world.read("manifests/clusters/analysts.yaml");
    for line in ["data_security_mode: SINGLE_USER", "single_user_name: analyst@example.com", "zone_id: us-east-1d"] {
        assert!(text.contains(line), "{line} is missing\n{text}");
    }
    // Nor does a manifest that says nothing of them move the cluster.
    for line in [
        "  data_security_mode: SINGLE_USER\n",
        "  single_user_name: analyst@example.com\n",
        "    zone_id: us-east-1d\n",
    ] {
        world.edit("manifests/clusters/analysts.yaml", line, "");
    }
    world.commit("Import the cluster");
    world.plumb("apply --yes").code(0);
    let live = world.sandbox.cluster("Analysts");
    assert_eq!(live["data_security_mode"], "SINGLE_USER");
    assert_eq!(live["single_user_name"], "analyst@example.com");
    assert_eq!(live["aws_attributes"], json!({ "zone_id": "us-east-1d", "availability": "ON_DEMAND" }));
    world.plumb("plan --detailed-exitcode").code(0);
}
