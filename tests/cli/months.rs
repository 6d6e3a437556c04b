//! `plumb diagnose --since` and `--keep`: what failed over months, on both sides of a migration, and what stays known of it; `plumb
//! ci diagnose`: an issue for each cause.

use super::world::World;
use crate::github::{GitHub, Rights};
use serde_json::{Value, json};

const JOB: &str = "\
apiVersion: plumb/v1
kind: DatabricksJob
metadata: {name: etl}
spec:
  name: etl
  parameters: [{name: month, default: none}]
  tasks:
    - task_key: main
      notebook_task: {notebook_path: /Shared/etl}
      new_cluster:
        spark_version: 16.4.x-scala2.12
        node_type_id: r6id.2xlarge
        num_workers: 4
        cluster_log_conf: {s3: {destination: s3://logs/dbx, region: eu-central-1}}
";
const MIGRATION: &str = "\
apiVersion: plumb/v1
kind: EmrCluster
metadata: {name: legacy}
spec: {match: {name: legacy}, desired: keep}
---
apiVersion: plumb/v1
kind: Migration
metadata: {name: audience}
spec: {from: {emr: [EmrCluster/legacy]}, to: {jobs: [DatabricksJob/etl]}}
";

fn run_of(job: &str, month: u32, day: u32, scenario: Option<&str>) -> Value {
    let outcome = scenario.map_or(json!({}), |scenario| json!({ "scenario": scenario }));
    json!({ "job": job, "started": format!("2024-{month:02}-{day:02}T04:00:00Z"), "ended": format!("2024-{month:02}-{day:02}T06:30:00Z"),
        "outcome": outcome, "given": { "job_parameters": { "month": format!("2024-{month:02}") } } })
}

/// A world with a job that was applied, and its live name.
fn world() -> (World, String) {
    let world = World::with_emr(&Value::Null);
    world.sandbox.post("/_sandbox/settings", json!({ "emr": { "forget_days": 100_000 } }));
    world.commit_file("manifests/etl.yaml", JOB, "Add etl");
    world.plumb("apply --yes").code(0);
    let jobs = world.sandbox.get("/api/2.2/jobs/list?limit=100");
    let name = jobs["jobs"][0]["settings"]["name"].as_str().unwrap().to_owned();
    (world, name)
}

fn seed(world: &World, runs: &[Value]) -> Vec<u64> {
    let seeded = world.sandbox.post("/_sandbox/seed", json!({ "runs": runs }));
    seeded["runs"].as_array().unwrap().iter().map(|id| id.as_u64().unwrap()).collect()
}

fn old_cluster() -> Value {
    let step = json!({ "Name": "score", "ActionOnFailure": "CONTINUE", "HadoopJarStep": { "Jar": "command-runner.jar", "Args": [
        "spark-submit", "--deploy-mode", "cluster", "s3://acme-artifacts/jobs/score.py", "--month", "2024-04"] } });
    json!({
        "run": { "Name": "legacy", "ReleaseLabel": "emr-6.15.0", "LogUri": "s3://logs/team/", "JobFlowRole": "r", "ServiceRole": "s",
            "Applications": [{ "Name": "Spark" }],
            "Instances": { "KeepJobFlowAliveWhenNoSteps": true, "InstanceGroups": [
                { "InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1 },
                { "InstanceRole": "CORE", "InstanceType": "r5.2xlarge", "InstanceCount": 2 },
                { "InstanceRole": "TASK", "InstanceType": "r5.2xlarge", "InstanceCount": 2, "Market": "SPOT" }] },
            "Steps": [step] },
        "created": "2024-04-20T04:00:00Z", "ready": "2024-04-20T04:10:00Z",
        "steps": [{ "scenario": "driver-traceback", "started": "2024-04-20T04:10:00Z", "ended": "2024-04-20T06:10:00Z" }],
    })
}

#[test]
fn causes_of_both_sides_are_counted_together() {
    let (world, name) = world();
    world.commit_file("manifests/audience.yaml", MIGRATION, "Name both sides");
    world.sandbox.post("/_sandbox/seed", json!({ "emr": { "clusters": [old_cluster()] } }));
    seed(
        &world,
        &[
            run_of(&name, 5, 2, Some("user-code")),
            run_of(&name, 5, 3, None),
            run_of(&name, 5, 9, Some("capacity")),
            run_of(&name, 1, 9, Some("capacity")),
        ],
    );
    // What EMR has forgotten, and was kept.
    let old = json!({ "target": "dev", "format": "plumb.diagnosis/v1", "name": "EmrCluster/legacy", "system": "emr", "run": "j-OLD/s-OLD",
        "started": "2024-03-20T00:00:00Z", "ended": "2024-03-20T02:00:00Z", "outcome": "failed", "fingerprint": "00000000",
        "cause": { "class": "CAPACITY", "title": "t", "confidence": "certain", "reason": "r", "evidence": [] },
        "attempts_before": 0, "read": {} });
    world.write("evidence/diagnoses/emr-j-OLD_s-OLD.json", &old.to_string());
    let mut other = old.clone();
    (other["target"], other["run"]) = (json!("prod"), json!("j-1/s-1"));
    world.write("evidence/diagnoses/emr-other.json", &other.to_string());

    let report = world.plumb("diagnose --since 2024-03-01 --output json").code(0).json();
    assert_eq!(report["format"], "plumb.months/v1");
    assert_eq!((&report["runs"], &report["failed"], &report["kept"]), (&json!(5), &json!(4), &json!(1)), "{report:#}");
    let of = |class: &str| report["causes"].as_array().unwrap().iter().find(|c| c["class"] == class).unwrap().clone();
    let capacity = of("CAPACITY");
    let told = (&capacity["failed"], &capacity["moved_along"], &capacity["pipelines"]);
    assert_eq!(told, (&json!(2), &json!(true), &json!(["audience"])), "{capacity:#}");
    assert_eq!(capacity["on_databricks"], json!({ "failed": 1, "runs": 3 }));
    // Both have no run that made good for them: 2.5 h and 2 h, up to their own ends.
    assert_eq!((&capacity["seconds_lost"], &capacity["open"]), (&json!(9_000 + 7_200), &json!(2)));
    // Up to the end of the run that made good, a day later; and the step of EMR, which none made good for.
    let code = of("USER_CODE");
    assert_eq!(
        (&code["seconds_lost"], &code["open"], &code["moved_along"]),
        (&json!(95_400 + 7_200), &json!(1), &json!(true))
    );
    for form in ["text", "markdown", "html"] {
        world
            .plumb(&format!("diagnose --since 2024-03-01 --output {form}"))
            .code(0)
            .says("moved along")
            .says("audience");
    }
    let one = world.plumb("diagnose EmrCluster/legacy --since 2024-03-01 --output json").json();
    assert_eq!((&one["runs"], &one["failed"]), (&json!(2), &json!(2)), "{one:#}");
    let both = world.plumb("diagnose Migration/audience --since 2024-03-01 --output json").json();
    assert_eq!(both["causes"], report["causes"]);
    world.plumb("diagnose 88 --since 6mo").code(64).says("--since looks at manifests");
    world.plumb("diagnose --since 6m").code(64).says("6mo, 12w, 90d");
    world.plumb("diagnose --since 6mo --run 2").code(64);
}

#[test]
fn what_is_kept_stays_known() {
    let (world, name) = world();
    let ids = seed(
        &world,
        &[run_of(&name, 5, 2, Some("capacity")), run_of(&name, 5, 3, None), run_of(&name, 5, 9, Some("capacity"))],
    );
    assert!(!world.dir().join("evidence").exists());
    let report = world
        .plumb("diagnose --since 2024-03-01 --keep --output json")
        .code(0)
        .says("kept 3 diagnoses in evidence/diagnoses")
        .json();
    let first = format!("evidence/diagnoses/databricks-{}.json", ids[0]);
    let text = world.read(&first);
    let kept: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&kept["target"], &kept["name"]), (&json!("dev"), &json!("DatabricksJob/etl")));
    assert_eq!((&kept["cause"]["class"], &kept["change"]), (&json!("CAPACITY"), &Value::Null), "{text}");

    // Looked at again, nothing is written, and what is settled is not read again.
    world.sandbox.requests();
    world.plumb("diagnose --since 2024-03-01 --keep --output json").code(0).never_says("diagnoses in evidence");
    let asked = world.sandbox.requests();
    assert!(asked.iter().all(|r| !r.contains("runs/get") && !r.contains("clusters/events")), "{asked:?}");
    assert_eq!(world.read(&first), text);

    // A single diagnosis says what was before it.
    let before = "fingerprint";
    world.plumb("diagnose DatabricksJob/etl").says(before).says("1 of 1 earlier failure since May 2024");
    world.plumb("diagnose DatabricksJob/etl --keep evidence/other").says("kept 1 diagnosis in evidence/other");

    // Databricks has forgotten all of it: the files know.
    for id in &ids {
        world.sandbox.post("/api/2.2/jobs/runs/delete", json!({ "run_id": id }));
    }
    world.plumb("diagnose --since 2024-03-01 --output json").json();
    let later = world.plumb("diagnose --since 2024-03-01 --output json").code(0).json();
    assert_eq!((&later["kept"], &later["causes"]), (&json!(3), &report["causes"]), "{later:#}");

    // A broken one is named, and nothing else; neither reader trips over the files of the other.
    world.write("evidence/diagnoses/broken.json", "{\"format\": \"hunter2hunter2\"}");
    world.write("evidence/audience-2024-05.json", "{}");
    let ran = world.plumb("diagnose --since 2024-03-01 --output json").code(0);
    ran.says("evidence/diagnoses/broken.json is no kept diagnosis")
        .never_says("hunter2")
        .never_says("audience-2024-05");
    let parity = world.plumb("parity report audience").code(1);
    parity.never_says("diagnoses").says("audience-2024-05.json is no report");
}

#[test]
fn a_folder_for_files_is_one_of_the_project() {
    let (world, _) = world();
    for wrong in ["/tmp/x", "../x", "evidence"] {
        world.plumb(&format!("diagnose --since 6mo --keep={wrong}")).code(64).says("--keep");
    }
    world.plumb("diagnose --keep DatabricksJob/etl").code(64).says("write --keep last");
    world.write("logs/driver.log", "nothing\n");
    world.plumb("diagnose logs --keep").code(64).says("--keep keeps files in a project");
}

fn issues(github: &GitHub) -> Vec<Value> {
    github.store().issues.values().cloned().collect()
}

#[test]
fn a_cause_has_one_issue_until_it_is_over() {
    let github = GitHub::start();
    github.actions("ghs-never-to-be-seen", Rights::Write);
    let (mut world, name) = world();
    let url = github.url.clone();
    for (key, value) in [
        ("GITHUB_TOKEN", "ghs-never-to-be-seen"),
        ("GITHUB_REPOSITORY", "acme/data"),
        ("GITHUB_SERVER_URL", "https://github.com"),
        ("GITHUB_RUN_ID", "42"),
        ("GITHUB_API_URL", &url),
    ] {
        world.env(key, Some(value));
    }
    let look = |world: &World| world.plumb("ci diagnose --since 2024-03-01").code(0);
    look(&world).never_says("issue #");
    seed(&world, &[run_of(&name, 5, 2, Some("capacity"))]);
    look(&world).says("opened issue #1").says("1 failure in 1 run").never_says("ghs-never");
    let issue = issues(&github)[0].clone();
    let body = issue["body"].as_str().unwrap();
    assert_eq!((&issue["state"], &issue["labels"][0]["name"]), (&json!("open"), &json!("plumb-diagnose")));
    assert!(body.starts_with("<!-- plumb:diagnose demo/dev ") && body.contains("CAPACITY"), "{body}");
    assert!(body.contains("https://github.com/acme/data/actions/runs/42"), "{body}");

    github.requests();
    look(&world).never_says("issue #");
    assert!(github.requests().iter().all(|r| r.starts_with("GET ")));

    seed(&world, &[run_of(&name, 5, 5, Some("capacity"))]);
    look(&world).says("edited issue #1");
    assert!(issues(&github)[0]["body"].as_str().unwrap().contains("failed 2 runs"));

    // Two green runs: over, but somebody wrote in it.
    seed(&world, &[run_of(&name, 5, 6, None), run_of(&name, 5, 7, None)]);
    github.person("t", "ann", Rights::Write);
    github.comment(1, "ann", "I look at it");
    look(&world).says("issue #1 stays open, as somebody wrote in it");
    assert_eq!(issues(&github)[0]["state"], "open");
    github.store().comments.remove(&1);
    look(&world).says("closed issue #1");
    assert_eq!(issues(&github)[0]["state"], "closed");
    look(&world).never_says("issue #");

    // It comes back: the same issue.
    seed(&world, &[run_of(&name, 5, 9, Some("capacity"))]);
    look(&world).says("opened again issue #1");
    assert_eq!((issues(&github).len(), &issues(&github)[0]["state"]), (1, &json!("open")));
}
