//! `plumb diagnose --patch`: the change in the manifest's file, and nothing live.

use super::world::{World, job};
use serde_json::{Value, json};

const MANIFEST: &str = "\
# Monthly.
apiVersion: plumb/v1
kind: DatabricksJob
metadata: {name: etl}
spec:
  name: etl
  timeout_seconds: 7200   # two hours
  queue: {enabled: false}
  tasks:
    - task_key: main
      notebook_task: {notebook_path: /Shared/etl}
      new_cluster:
        spark_version: 16.4.x-scala2.12
        node_type_id: r6id.2xlarge   # as EMR had
        num_workers: 2
        aws_attributes: {availability: SPOT, zone_id: eu-central-1a}
        cluster_log_conf: {s3: {destination: \"s3://logs/dbx\", region: eu-central-1}}
";

/// A world with that job applied, and its name there.
fn world() -> (World, String) {
    let world = World::with_emr(&Value::Null);
    world.write("manifests/other.yaml", &job("other", ""));
    world.commit_file("manifests/etl.yaml", MANIFEST, "Add etl");
    world.plumb("apply --yes").code(0);
    let jobs = world.sandbox.get("/api/2.2/jobs/list?limit=100");
    let names = jobs["jobs"].as_array().unwrap().iter().map(|job| job["settings"]["name"].as_str().unwrap().to_owned());
    let name = names.into_iter().find(|name| name.contains("etl")).unwrap();
    (world, name)
}

fn ago(days: i64, time: &str) -> String {
    let day = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24 * days);
    format!("{}T{time}Z", &day.to_string()[..10])
}

/// A run that took from 04:00 to then.
fn run(name: &str, days: i64, ended: &str, outcome: &Value) -> Value {
    json!({ "job": name, "started": ago(days, "04:00:00"), "ended": ago(days, ended), "outcome": outcome })
}

#[test]
fn a_patch_is_shown_then_written_and_planned_as_what_it_says() {
    let (world, name) = world();
    let failed = run(&name, 1, "06:40:00", &json!({ "scenario": "capacity", "task": "main" }));
    world.sandbox.post("/_sandbox/seed", json!({ "runs": [failed] }));
    let shown = world.plumb("diagnose DatabricksJob/etl").code(0);
    shown.says("manifests/etl.yaml:14").says("rd-fleet.2xlarge").says("--patch");
    assert_eq!(world.read("manifests/etl.yaml"), MANIFEST);
    let ran = world.plumb("diagnose DatabricksJob/etl --patch").code(0);
    let said = "wrote manifests/etl.yaml: DatabricksJob/etl: tasks[main].new_cluster.node_type_id r6id.2xlarge → rd-fleet.2xlarge";
    let ran = ran.says(said);
    ran.says("nothing live was changed: `plumb plan --target");
    assert_eq!(world.read("manifests/etl.yaml"), MANIFEST.replace("r6id.2xlarge", "rd-fleet.2xlarge"));
    let plan = world.plumb("plan --output json").json();
    let changes = plan["changes"].as_array().unwrap();
    let fields: Vec<&Value> = changes.iter().flat_map(|change| change["fields"].as_array().unwrap()).collect();
    assert_eq!(fields.len(), 1, "{plan:#}");
    assert_eq!(fields[0]["path"], "tasks[main].new_cluster.node_type_id", "{plan:#}");
}

#[test]
fn a_limit_is_raised_by_how_long_good_runs_take() {
    let (world, name) = world();
    let failed = run(&name, 1, "06:00:00", &json!({ "scenario": "timeout", "task": "main" }));
    let green = [run(&name, 3, "05:50:00", &json!({})), run(&name, 2, "05:40:00", &json!({}))];
    world.sandbox.post("/_sandbox/seed", json!({ "runs": [green[0], green[1], failed] }));
    let ran = world.plumb("diagnose DatabricksJob/etl --output json").json();
    assert_eq!(ran["cause"]["class"], "TIMEOUT", "{ran:#}");
    let change = &ran["change"][0];
    assert_eq!((&change["file"], &change["line"]), (&json!("manifests/etl.yaml"), &json!(7)), "{ran:#}");
    assert_eq!(change["why"], "The job grew: the longest of 2 green runs took 6600 s of 7200 s.", "{ran:#}");
}

#[test]
fn what_is_not_one_change_of_one_manifest_is_not_written() {
    let (world, name) = world();
    world.plumb("diagnose --patch").code(64).says("--patch writes the change of one manifest");
    world.plumb("diagnose 12 --patch").code(64).says("--patch writes the change of one manifest");
    let failed = run(&name, 1, "06:40:00", &json!({ "scenario": "user-code", "task": "main" }));
    world.sandbox.post("/_sandbox/seed", json!({ "runs": [failed] }));
    world
        .plumb("diagnose DatabricksJob/etl --patch")
        .code(0)
        .says("nothing was written: no change of a manifest is sure to help");
    assert_eq!(world.read("manifests/etl.yaml"), MANIFEST);
}

#[test]
fn validate_warns_of_a_cluster_whose_logs_go_nowhere() {
    let world = World::with_emr(&Value::Null);
    world.write(
        "manifests/etl.yaml",
        &MANIFEST
            .lines()
            .filter(|line| !line.contains("cluster_log_conf"))
            .fold(String::new(), |text, line| text + line + "\n"),
    );
    world
        .plumb("validate")
        .code(0)
        .says("DatabricksJob/etl has a cluster that delivers its logs nowhere")
        .says("manifests/etl.yaml:13")
        .says("when a run fails, its logs are gone")
        .says("cluster_log_conf: {volumes: {destination:");
    world.write("manifests/etl.yaml", MANIFEST);
    assert!(!world.plumb("validate").code(0).shown.contains("logs"));
}
