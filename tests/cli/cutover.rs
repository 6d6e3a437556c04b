//! A wave, from its date in git to its cutover, back again, and on to another date.

use crate::world::World;
use base64::Engine;
use serde_json::{Value, json};

/// Long before the day of the wave, and on it.
pub const BEFORE: &str = "2030-01-15T06:00:00Z";
pub const ON_THE_DAY: &str = "2030-02-01T06:00:00Z";

/// What is not the migration: the old DAG of others and the new pipeline.
pub const PIPELINES: &str = "\
apiVersion: plumb/v1
kind: EmrCluster
metadata: {name: legacy}
spec: {match: {name: \"bau-*\"}, desired: keep}
---
apiVersion: plumb/v1
kind: DatabricksJob
metadata: {name: audience}
spec:
  name: audience
  parameters: [{name: output, default: \"s3://bau/audience\"}]
  tasks: [{task_key: t, notebook_task: {notebook_path: /Shared/audience}, existing_cluster_id: 0101-000000-abcdefgh}]
---
apiVersion: plumb/v1
kind: AirflowDag
metadata: {name: old}
spec: {dag_id: old_code, source: external}
---
apiVersion: plumb/v1
kind: AirflowDag
metadata: {name: new}
spec:
  tasks: [{id: run, run: \"${resources.DatabricksJob.audience}\"}]
";

pub fn migration(cutover: &str) -> String {
    let day = if cutover.is_empty() { String::new() } else { format!("  cutover: {cutover}\n") };
    format!(
        "\
apiVersion: plumb/v1
kind: Migration
metadata: {{name: audience}}
spec:
  from: {{emr: [EmrCluster/legacy], dags: [AirflowDag/old]}}
  to: {{jobs: [DatabricksJob/audience], dags: [AirflowDag/new]}}
  wave: \"1\"
{day}  shadow: {{parameters: {{output: \"s3://shadow/audience\"}}}}
"
    )
}

/// A workspace and an Airflow whose old DAG runs, and the new pipeline deployed.
pub fn world() -> World {
    let mut world = World::with_airflow_and_emr(&json!({ "airflow": { "dags": [{ "dag_id": "old_code" }] } }));
    world.env("PLUMB_NOW", Some(BEFORE));
    world
}

/// Which DAGs are on.
pub fn on(world: &World) -> Vec<String> {
    let state = world.sandbox.get("/_sandbox/state");
    let dags = state["airflow"]["dags"].as_object().unwrap().iter();
    dags.filter(|(_, dag)| dag["is_paused"] == false).map(|(id, _)| id.clone()).collect()
}

/// The digest that the plan shows beside the wave.
fn pending(world: &World) -> Value {
    let plan = world.plumb("plan --output json").json();
    plan["cutovers"][0].clone()
}

#[test]
fn a_wave_waits_is_cut_over_taken_back_held_and_gets_a_new_day() {
    let mut world = world();
    world.write("manifests/pipelines.yaml", PIPELINES);
    world.commit_file("manifests/migration.yaml", &migration("2030-02-01"), "Set the day");
    world.plumb("apply --yes").code(0);
    assert_eq!(on(&world), ["old_code"]);
    assert!(world.read("dags/new.py").contains("s3://shadow/audience"));

    // Before its day it waits, and nothing turns red.
    world.plumb("plan --detailed-exitcode").code(0).says("as of 2030-01-15T06:00:00Z").says("not before 2030-02-01");
    let waits = pending(&world);
    assert_eq!((&waits["address"], &waits["standing"]), (&json!("Wave/1"), &json!("old")));
    world.plumb("migrate cutover 1 --yes").code(3).says("wave 1 was not cut over").says("not before 2030-02-01");
    world.plumb("migrate cutover 2 --yes").code(64).says("no migration of wave 2 has a `cutover`");
    world.plumb("migrate rollback 1 --reason late --yes").code(0).says("wave 1 is not cut over");
    assert_eq!(on(&world), ["old_code"]);

    // On its day: by hand, and only what was approved.
    world.env("PLUMB_NOW", Some(ON_THE_DAY));
    world.plumb("plan --detailed-exitcode").code(2);
    let digest = pending(&world)["digest"].as_str().unwrap().to_owned();
    assert_eq!(waits["digest"], digest.as_str(), "what was approved in advance is what is done");
    world.plumb("migrate cutover 1 --yes --approved 0123456789abcdef").code(4).says("not what was approved");
    assert_eq!(on(&world), ["old_code"]);
    world.plumb(&format!("migrate cutover 1 --yes --approved {digest}")).code(0).says("Apply: 1 done.");
    assert_eq!(on(&world), ["new"]);
    assert!(!world.read("dags/new.py").contains("s3://shadow/audience"));
    world.plumb("plan --detailed-exitcode").code(0);
    world.plumb("migrate cutover 1 --yes").code(0).says("wave 1: it is cut over");

    // Back, with a reason.
    world.plumb("migrate rollback 1 --yes").code(64).says("--reason");
    let told = world.plumb("migrate rollback 1 --yes --reason late --output json").code(0).says("cannot be undone");
    assert_eq!(told.json()["changes"][0]["outcome"], "done");
    assert_eq!(on(&world), ["old_code"]);
    assert!(world.read("dags/new.py").contains("s3://shadow/audience"));
    let path = "/api/2.0/workspace/export?path=/Shared/.plumb/demo/dev/holds/1-2030-02-01.json&format=AUTO";
    let hold = world.sandbox.get(path);
    let text = base64::engine::general_purpose::STANDARD.decode(hold["content"].as_str().unwrap()).unwrap();
    let hold: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(
        (&hold["wave"], &hold["cutover"], &hold["reason"], &hold["members"]),
        (&json!("1"), &json!("2030-02-01"), &json!("late"), &json!(["Migration/audience"]))
    );

    // It is held, whoever applies.
    world.plumb("plan --detailed-exitcode").code(0).says("rolled back by");
    world.plumb("apply --yes").code(0);
    world.plumb("migrate cutover 1 --yes").code(3).says("rolled back by");
    world.plumb("migrate rollback 1 --yes --reason again").code(0).says("nothing to take back");
    assert_eq!(on(&world), ["old_code"]);

    // Until it gets another day.
    world.env("PLUMB_NOW", Some("2030-03-01T06:00:00Z"));
    world.commit_file("manifests/migration.yaml", &migration("2030-03-01"), "Another day");
    world.plumb("apply --yes").code(0).says("Apply: 1 done.");
    assert_eq!(on(&world), ["new"]);
}

#[test]
fn a_rollback_that_was_broken_off_is_finished_and_keeps_its_first_hold() {
    let mut world = world();
    world.write("manifests/pipelines.yaml", PIPELINES);
    world.commit_file("manifests/migration.yaml", &migration("2030-02-01"), "Set the day");
    world.plumb("apply --yes").code(0);
    world.env("PLUMB_NOW", Some(ON_THE_DAY));
    world.plumb("apply --yes").code(0);
    assert_eq!(on(&world), ["new"]);
    // The new one cannot be paused: the hold is left, and nothing else is done.
    world.sandbox.fault(json!({"path": "/api/v2/dags/new", "method": "PATCH", "status": 403}));
    let refused = world.plumb("migrate rollback 1 --yes --reason first");
    assert_eq!((on(&world), refused.shown.contains("is held")), (vec!["new".to_owned()], true), "{}", refused.shown);
    // Whoever comes next finishes it, be it only an apply; files need not be committed for it.
    world.write("manifests/other.yaml", "# not committed\n");
    world.plumb("migrate rollback 1 --yes --reason second").code(0).says("is held already").says("first");
    assert_eq!(on(&world), ["old_code"]);
}

#[test]
fn a_day_that_was_over_when_it_was_committed_is_named_and_waits_for_a_hand() {
    let mut world = world();
    // Commits of a world are of 1 May 2024.
    world.env("PLUMB_NOW", Some("2024-05-10T06:00:00Z"));
    world.write("manifests/pipelines.yaml", PIPELINES);
    world.write("manifests/migration.yaml", &migration("2024-04-20"));
    let says = "the day of this cutover, 2024-04-20, was over before it was committed";
    world.plumb("validate").code(0).says(says).says("migration.yaml:8:12").says("it is not committed yet");
    world.commit("Set a day that is over");
    world.plumb("validate").code(0).says(says).says("committed on 2024-05-01");
    let warned = world.plumb("validate --output json").code(0).json();
    let all = warned["warnings"].as_array().unwrap();
    assert!(all.iter().any(|one| one["message"] == says && one["line"] == 8), "{warned:#}");
    // No apply does it, and nothing of it is begun.
    world.plumb("apply --yes").code(0);
    world.plumb("apply --yes").code(0).says("when the day was over");
    assert_eq!(on(&world), ["old_code"]);
    world.plumb("migrate cutover 1 --yes").code(0);
    assert_eq!(on(&world), ["new"]);
}

#[test]
fn another_time_changes_nothing_far_away() {
    let mut world = world();
    world.write("manifests/pipelines.yaml", PIPELINES);
    world.commit("Begin");
    world.env("DATABRICKS_HOST", Some("https://dbc-12345678-1234.cloud.databricks.com"));
    world.plumb("apply --yes").code(64).says("PLUMB_NOW is set to 2030-01-15T06:00:00Z").says("Databricks");
    world.env("PLUMB_NOW", Some("yesterday"));
    world.plumb("plan").code(64).says("`yesterday` is no time");
    assert_eq!(world.sandbox.writes(), [""; 0]);
}

#[test]
fn a_rollback_waits_for_the_apply_that_cuts_over_and_mixes_nothing() {
    let mut world = world();
    world.write("manifests/pipelines.yaml", PIPELINES);
    world.commit_file("manifests/migration.yaml", &migration("2030-02-01"), "Set the day");
    world.plumb("apply --yes").code(0);
    world.env("PLUMB_NOW", Some(ON_THE_DAY));
    world.sandbox.fault(json!({"path": "/api/v2/dags/old_code", "method": "PATCH", "delay_ms": 4000}));
    let mut apply = world.start("apply --yes");
    apply.until("Wave/1");
    world.plumb("migrate rollback 1 --yes --reason late").code(5).says("the lease is held");
    let rollback = world.start("migrate rollback 1 --yes --reason late --lock-timeout 60s");
    apply.wait().code(0);
    // It reads once it has the lease: all of the cutover is taken back.
    rollback.wait().code(0);
    assert_eq!(on(&world), ["old_code"]);
    world.plumb("plan --detailed-exitcode").code(0).says("rolled back by");
}
