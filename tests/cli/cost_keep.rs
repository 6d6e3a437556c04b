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
fn world() -> World {
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

fn kept(world: &World, file: &str) -> Value {
    serde_json::from_str(&world.read(&format!("evidence/runs/{file}"))).unwrap()
}

#[test]
fn what_both_sides_used_is_kept_by_period() {
    let world = world();
    let ran = world.plumb("cost --keep evidence/runs");
    panic!("{}\n{:#}\n{:#}", ran.shown, kept(&world, "etl-2024-05.json"), kept(&world, "etl-2024-04.json"));
}
