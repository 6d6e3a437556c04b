//! `plumb cost --keep`: what runs used is kept before the services forget it.

use super::world::World;
use serde_json::{Value, json};

const MANIFESTS: &str = "\
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
        aws_attributes: {first_on_demand: 1, availability: SPOT}
---
apiVersion: plumb/v1
kind: EmrCluster
metadata: {name: legacy}
spec: {match: {name: \"bau-etl-*\"}, desired: keep}
---
apiVersion: plumb/v1
kind: EmrServerlessApplication
metadata: {name: forecast}
spec: {match: {name: bau-forecast}, desired: keep}
---
apiVersion: plumb/v1
kind: AirflowDag
metadata: {name: legacy-etl}
spec: {dag_id: legacy_etl, source: external}
---
apiVersion: plumb/v1
kind: Migration
metadata: {name: etl}
spec:
  from: {emr: [EmrCluster/legacy, EmrServerlessApplication/forecast], dags: [AirflowDag/legacy-etl]}
  to: {jobs: [DatabricksJob/etl]}
  period: {parameter: month}
";

/// A cluster that lived for one run: on the second of a month, for the month before.
fn cluster(run: &str, data: &str, outcome: &str) -> Value {
    let step = |name: &str| {
        json!({ "Name": name, "ActionOnFailure": "TERMINATE_CLUSTER", "HadoopJarStep": { "Jar": "command-runner.jar",
            "Args": ["spark-submit", "s3://acme/etl.py", "--month", data] } })
    };
    let at = |time: &str| format!("{run}T{time}:00Z");
    let failed = outcome == "FAILED";
    json!({
        "run": { "Name": format!("bau-etl-{data}"), "ReleaseLabel": "emr-6.15.0", "JobFlowRole": "r", "ServiceRole": "s",
            "Applications": [{ "Name": "Spark" }],
            "Instances": { "KeepJobFlowAliveWhenNoSteps": false, "InstanceGroups": [
                { "InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1 },
                { "InstanceRole": "CORE", "InstanceType": "r5.2xlarge", "InstanceCount": 2 },
                { "InstanceRole": "TASK", "InstanceType": "r5.2xlarge", "InstanceCount": 3, "Market": "SPOT" }] },
            "Steps": [step("clean"), step("score")] },
        "state": if failed { "TERMINATED_WITH_ERRORS" } else { "TERMINATED" },
        "reason": { "Code": if failed { "STEP_FAILURE" } else { "ALL_STEPS_COMPLETED" }, "Message": "" },
        "created": at("04:00"), "ready": at("04:10"), "ended": at("06:10"),
        "steps": [{ "started": at("04:10"), "ended": at("05:10") },
            { "state": outcome, "started": at("05:10"), "ended": at("06:05") }],
    })
}

fn job_run(day: &str, month: &str) -> Value {
    let given = if month.is_empty() { json!({}) } else { json!({ "job_parameters": { "month": month } }) };
    json!({ "job": "etl", "started": format!("{day}T04:00:00Z"), "ended": format!("{day}T05:00:00Z"), "given": given })
}

/// A world on 5 June 2024 with two months of both sides behind it.
pub fn world() -> World {
    let mut world = World::with_all(&Value::Null);
    world.env("PLUMB_NOW", Some("2024-06-05T12:00:00Z"));
    world.sandbox.post("/_sandbox/settings", json!({ "emr": { "forget_days": 100_000 } }));
    world.commit_file("manifests/all.yaml", MANIFESTS, "Name both sides");
    let job: Value = json!({ "name": "etl", "parameters": [{ "name": "month", "default": "none" }],
        "tags": { "plumb": "demo/dev/DatabricksJob/etl" }, "tasks": [{ "task_key": "main",
        "notebook_task": { "notebook_path": "/Shared/etl" }, "new_cluster": { "spark_version": "16.4.x-scala2.12",
        "node_type_id": "r6id.2xlarge", "num_workers": 4, "aws_attributes": { "first_on_demand": 1, "availability": "SPOT" } } }] });
    world.sandbox.post("/_sandbox/seed", json!({ "jobs": [job] }));
    world.sandbox.post(
        "/_sandbox/seed",
        json!({
            "emr": { "clusters": [cluster("2024-05-02", "2024-04", "COMPLETED"), cluster("2024-06-02", "2024-05", "FAILED"),
                cluster("2024-06-03", "2024-05", "COMPLETED")],
                "applications": [{ "create": { "name": "bau-forecast", "releaseLabel": "emr-7.1.0", "type": "SPARK" }, "state": "STOPPED",
                    "runs": [{ "created": "2024-06-02T07:00:00Z", "ended": "2024-06-02T07:30:00Z", "start": { "name": "bau-forecast-2024-05",
                        "executionRoleArn": "arn:aws:iam::123456789012:role/r", "jobDriver": { "sparkSubmit": { "entryPoint": "s3://acme/main.py" } } } }] }] },
            "airflow": { "dags": [{ "dag_id": "legacy_etl", "runs": [
                { "run_id": "scheduled__2024-05-02", "logical_date": "2024-05-02T04:00:00Z", "start_date": "2024-06-02T03:59:00Z",
                    "end_date": "2024-06-02T08:00:00Z", "data_interval_start": "2024-05-02T04:00:00Z", "data_interval_end": "2024-06-02T04:00:00Z" }] }] },
            "runs": [job_run("2024-05-03", "2024-04"), job_run("2024-06-03", "2024-05"), job_run("2024-06-04", "")],
        }),
    );
    world
}

pub fn kept(world: &World, file: &str) -> Value {
    serde_json::from_str(&world.read(&format!("evidence/runs/{file}"))).unwrap()
}

/// The run of a file that has this name and outcome.
pub fn run<'f>(file: &'f Value, system: &str, outcome: &str) -> &'f Value {
    let mut runs = file["runs"].as_array().unwrap().iter();
    runs.find(|run| run["system"] == system && run["outcome"] == outcome).unwrap_or_else(|| panic!("{file:#}"))
}

/// The node-seconds of a run: type, market, low, high.
fn nodes(run: &Value) -> Vec<(&str, &str, u64, u64)> {
    let text = |value: &'_ Value| -> &'static str { Box::leak(value.as_str().unwrap().to_owned().into_boxed_str()) };
    let number = |value: &Value| value.as_u64().unwrap();
    let one =
        |n: &Value| (text(&n["type"]), text(&n["market"]), number(&n["seconds"]["low"]), number(&n["seconds"]["high"]));
    run["nodes"].as_array().unwrap_or(&Vec::new()).iter().map(one).collect()
}

pub const KEEP: &str = "cost --keep evidence/runs";

#[test]
fn what_both_sides_used_is_kept_by_period_and_not_asked_for_again() {
    let world = world();
    world
        .plumb(KEEP)
        .code(0)
        .says("etl 2024-04  2 runs, new  evidence/runs/etl-2024-04.json")
        .says("etl 2024-05  4 runs, new  evidence/runs/etl-2024-05.json")
        // Which period the third was for, nobody says.
        .says("of 2024-06-04 of etl is not kept, because its period is not known: the value of its parameter `month` is no period");
    let may = kept(&world, "etl-2024-05.json");
    assert_eq!(
        (&may["format"], &may["target"], &may["period"]),
        (&json!("plumb.runs/v1"), &json!("dev"), &json!("2024-05"))
    );

    let failed = run(&may, "emr", "failed");
    let wanted = [
        ("m5.xlarge", "on-demand", 7200, 7800),
        ("r5.2xlarge", "on-demand", 14_400, 15_600),
        ("r5.2xlarge", "spot", 21_600, 23_400),
    ];
    assert_eq!(nodes(failed), wanted);
    assert_eq!(
        (&failed["dag_run"], &failed["tick"]),
        (&json!("legacy_etl/scheduled__2024-05-02"), &json!("2024-06-02T04:00:00Z"))
    );
    assert_eq!((&failed["trigger"], &failed["ended"]), (&json!("scheduled"), &json!("2024-06-02T06:05:00Z")));
    let stages: Vec<String> = failed["stages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| format!("{} {}", s["name"].as_str().unwrap(), s["seconds"]))
        .collect();
    assert_eq!(stages, ["start 600", "run 6900", "run/clean 3600", "run/score 3300"]);

    let job = run(&may, "databricks", "succeeded");
    assert_eq!(nodes(job), [("r6id.2xlarge", "on-demand", 3360, 3600), ("r6id.2xlarge", "spot", 13_440, 14_400)]);
    assert_eq!((&job["databricks"]["compute"], &job["trigger"]), (&json!("jobs"), &json!("manual")));
    let measured = &run(&may, "emr-serverless", "succeeded")["serverless"];
    assert_eq!(
        measured,
        &json!({ "vcpu_millihours": 22_000, "memory_gb_millihours": 88_000, "storage_gb_millihours": 0 })
    );

    // What is kept whole costs listings only, and its file stays byte for byte.
    let text = world.read("evidence/runs/etl-2024-05.json");
    world.sandbox.requests();
    world
        .plumb(KEEP)
        .code(0)
        .says("etl 2024-05  4 runs, nothing new")
        .says("6 runs are kept whole and not asked for again");
    assert_eq!(world.read("evidence/runs/etl-2024-05.json"), text);
    let asked = world.sandbox.requests();
    let is_of_one = |line: &&String| {
        ["ListInstances", "ListSteps", "/jobruns/", "clusters/"].iter().any(|part| line.contains(part))
    };
    assert_eq!(asked.iter().filter(is_of_one).count(), 0, "{asked:#?}");
    assert!(asked.len() <= 13, "{asked:#?}");
    // Other commands read the files, and reports of comparisons beside them are no concern of theirs.
    world.plumb("plan").never_says("evidence");
}

#[test]
fn a_look_that_knows_less_takes_nothing_away() {
    let world = world();
    let refused = json!({ "path": "/elasticmapreduce/ListInstances", "status": 400, "times": 100,
        "body": { "__type": "AccessDeniedException", "message": "not authorized to perform ListInstances" } });
    world.sandbox.fault(refused.clone());
    world
        .plumb(KEEP)
        .code(6)
        .says("not known of bau-etl-2024-05")
        .says("not read: its nodes:")
        .says("AccessDeniedException");
    let first = kept(&world, "etl-2024-04.json");
    // From what the groups asked for: nobody knows how many nodes on spot came.
    let wanted = [
        ("m5.xlarge", "on-demand", 7200, 7800),
        ("r5.2xlarge", "on-demand", 14_400, 15_600),
        ("r5.2xlarge", "spot", 0, 23_400),
    ];
    assert_eq!(nodes(run(&first, "emr", "succeeded")), wanted);

    // Once it may be read it is.
    world.sandbox.send("DELETE", "/_sandbox/faults", &Value::Null);
    world.plumb(KEEP).code(0).says("etl 2024-04  2 runs, more is known");
    let exact = kept(&world, "etl-2024-04.json");
    assert_eq!(nodes(run(&exact, "emr", "succeeded"))[2], ("r5.2xlarge", "spot", 21_600, 23_400));

    // What EMR has forgotten meanwhile stays known: here of runs that are looked at again, as if not all had been read.
    let text = world.read("evidence/runs/etl-2024-04.json");
    let open = text.replacen("\"stages\"", "\"unknown\": [\"not read: its steps: 503\"],\n      \"stages\"", 1);
    world.write("evidence/runs/etl-2024-04.json", &open);
    world.sandbox.post("/_sandbox/settings", json!({ "emr": { "forget_instance_days": 1 } }));
    world.plumb(KEEP).code(0);
    assert_eq!(
        nodes(run(&kept(&world, "etl-2024-04.json"), "emr", "succeeded"))[2],
        ("r5.2xlarge", "spot", 21_600, 23_400)
    );
}

#[test]
fn a_replay_and_a_cause_are_known_from_what_is_kept() {
    let world = world();
    world.plumb(KEEP).code(0);
    let runs = world.sandbox.get("/api/2.2/jobs/runs/list?limit=24");
    let replay =
        runs["runs"].as_array().unwrap().iter().find(|run| run["start_time"] == 1_717_473_600_000_i64).unwrap();
    let replays = json!({ "format": "plumb.replay/v1", "target": "dev", "migration": "etl", "period": "2024-03", "at": "2024-06-04T00:00:00Z",
            "runs": [{"job": "DatabricksJob/etl", "run_id": replay["run_id"]}] });
    world.write("evidence/replays/etl-2024-03.json", &replays.to_string());
    let may = kept(&world, "etl-2024-05.json");
    let cluster = run(&may, "emr", "failed")["id"].as_str().unwrap().to_owned();
    let diagnosis = |target: &str, class: &str| {
        json!({ "target": target, "format": "plumb.diagnosis/v1", "name": "EmrCluster/legacy", "system": "emr", "run": format!("{cluster}/s-1"),
            "outcome": "failed", "attempts_before": 0, "read": {},
            "cause": { "class": class, "title": "t", "confidence": "certain", "reason": "r", "evidence": [] } })
        .to_string()
    };
    world.write("evidence/diagnoses/emr-a.json", &diagnosis("prod", "LIB_INSTALL"));
    world.write("evidence/diagnoses/emr-b.json", &diagnosis("dev", "SPOT_RECLAIM"));
    world
        .plumb(KEEP)
        .code(0)
        .says("etl 2024-03  1 run, new")
        .says("etl 2024-05  4 runs, more is known")
        .never_says("not kept");
    assert_eq!(run(&kept(&world, "etl-2024-03.json"), "databricks", "succeeded")["trigger"], "replay");
    let may = kept(&world, "etl-2024-05.json");
    assert_eq!(run(&may, "emr", "failed")["cause"], "SPOT_RECLAIM");
    assert_eq!(run(&may, "emr", "succeeded").get("cause"), None);
    world.plumb(KEEP).code(0).says("etl 2024-05  4 runs, nothing new");
}

#[test]
fn mistakes_name_the_file_and_nothing_is_overwritten() {
    let world = world();
    world.plumb(&format!("{KEEP} elt")).code(64).says("there is no migration `elt`").says("did you mean `etl`?");
    world.plumb("cost --keep evidence").code(64).says("reports of comparisons are there");
    world.plumb("cost --keep ../elsewhere").code(64).says("a folder below the project's");
    world.plumb(&format!("{KEEP} --since 2025-01")).code(64).says("still to come");
    assert!(!world.dir().join("evidence").exists());

    world.write("evidence/runs/etl-2024-05.json", "{\"format\": \"plumb.runs/v9\"}");
    world
        .plumb(&format!("{KEEP} Migration/etl"))
        .code(6)
        .says("evidence/runs/etl-2024-05.json does not count: its `format` is not `plumb.runs/v1`")
        .says("the runs of etl for 2024-05 cannot be kept")
        .says("etl 2024-04  2 runs, new");
    assert_eq!(world.read("evidence/runs/etl-2024-05.json"), "{\"format\": \"plumb.runs/v9\"}");
    world.remove("evidence/runs/etl-2024-05.json");

    let april = world.read("evidence/runs/etl-2024-04.json");
    world.write("evidence/runs/copy.json", &april);
    let both = "the runs of etl for 2024-04 in target dev are in evidence/runs/copy.json too: keep one of them";
    world.plumb(KEEP).code(6).says(both);
    world.plumb("plan").says(both);
    assert_eq!(world.read("evidence/runs/copy.json"), april);
    // Another target's facts have a file of their own.
    world.write("evidence/runs/copy.json", &april.replace("\"dev\"", "\"prod\""));
    world.remove("evidence/runs/etl-2024-04.json");
    std::fs::rename(world.dir().join("evidence/runs/copy.json"), world.dir().join("evidence/runs/etl-2024-04.json"))
        .unwrap();
    world.plumb(KEEP).code(0).says("etl 2024-04  2 runs, new  evidence/runs/etl-2024-04-dev.json");
}

#[test]
fn what_one_system_refuses_does_not_hold_up_the_others() {
    let world = world();
    world.sandbox.fault(json!({ "path": "/elasticmapreduce/ListClusters", "status": 400, "times": 100,
        "body": { "__type": "AccessDeniedException", "message": "no" } }));
    world.sandbox.fault(json!({ "path": "/api/v2/dags/legacy_etl/dagRuns*", "status": 403, "times": 100, "body": { "detail": "Forbidden" } }));
    world
        .plumb(KEEP)
        .code(6)
        .says("clusters of EMR cannot be kept")
        .says("runs of the DAG legacy_etl cannot be kept")
        .says("etl 2024-05  2 runs, new");
    let none = json!({ "path": "*", "status": 403, "times": 1000, "body": { "error_code": "PERMISSION_DENIED", "message": "no" } });
    world.sandbox.send("DELETE", "/_sandbox/faults", &Value::Null);
    world.sandbox.fault(none);
    world.plumb(KEEP).code(1);
    world.sandbox.send("DELETE", "/_sandbox/faults", &Value::Null);
    world.plumb(KEEP).code(0).says("etl 2024-05  4 runs, 2 new");
}
