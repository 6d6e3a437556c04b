//! `plumb cost --keep` of a cluster that ran in moto.

use super::moto::moto;
use super::seed::{cluster, fill_gaps};
use serde_json::{Value, json};
use std::process::Command;

const REGION: &str = "ap-southeast-2";
const PROJECT: &str = "\
apiVersion: plumb/v1
kind: Project
metadata: {name: demo}
spec:
  targets:
    prod: {default: true, databricks: {host: \"http://127.0.0.1:9\"}, emr: {region: ap-southeast-2, account: \"123456789012\"}}
";
const MANIFESTS: &str = "\
apiVersion: plumb/v1
kind: DatabricksJob
metadata: {name: etl}
spec: {name: etl, tasks: [{task_key: a, notebook_task: {notebook_path: /a}}]}
---
apiVersion: plumb/v1
kind: EmrCluster
metadata: {name: legacy}
spec: {match: {name: \"bau-etl-*\", tags: {pipeline: etl}}, desired: keep}
---
apiVersion: plumb/v1
kind: Migration
metadata: {name: etl}
spec: {from: {emr: [EmrCluster/legacy]}, to: {jobs: [DatabricksJob/etl]}}
";

#[test]
fn what_motos_clusters_used_is_kept() {
    fill_gaps(REGION);
    // moto's nodes begin when they are made, whatever becomes of their cluster: it still runs.
    let created = jiff::Timestamp::now().as_second() - 600;
    let groups = json!([
        { "InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1 },
        { "InstanceRole": "CORE", "InstanceType": "r5.2xlarge", "InstanceCount": 2 }]);
    let step = json!({ "Name": "clean", "ActionOnFailure": "CONTINUE", "HadoopJarStep": { "Jar": "command-runner.jar",
        "Args": ["spark-submit", "s3://acme/etl.py", "--month", "2026-09"] } });
    let args = json!({ "Instances": { "InstanceGroups": groups }, "Steps": [step], "Tags": [{ "Key": "pipeline", "Value": "etl" }] });
    let told = json!({ "state": "RUNNING", "created": created });
    let id = cluster(REGION, "bau-etl-2026-09", &args, told.clone());
    // The name fits and the tags do not.
    cluster(REGION, "bau-etl-other", &json!({ "Instances": { "InstanceGroups": groups } }), told);

    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("manifests")).unwrap();
    std::fs::write(folder.path().join("plumb.yaml"), PROJECT).unwrap();
    std::fs::write(folder.path().join("manifests/all.yaml"), MANIFESTS).unwrap();
    let mut environment = moto().environment();
    environment.insert("AWS_ACCESS_KEY_ID".into(), moto().told["EMR_KEY"].clone());
    environment.insert("AWS_SECRET_ACCESS_KEY".into(), moto().told["EMR_SECRET"].clone());
    environment.remove("AWS_DEFAULT_REGION");
    let mut command = Command::new(env!("CARGO_BIN_EXE_plumb"));
    command.env_clear().envs(environment).env("HOME", folder.path()).current_dir(folder.path());
    let done = command.args(["cost", "--keep", "evidence/runs"]).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    // There is no workspace that answers: its part is said not to be read.
    assert_eq!(done.status.code(), Some(6), "{said}");
    assert!(said.contains("jobs of Databricks cannot be kept"), "{said}");
    let text = std::fs::read_to_string(folder.path().join("evidence/runs/etl-2026-09.json"))
        .unwrap_or_else(|e| panic!("{e}: {said}"));
    let kept: Value = serde_json::from_str(&text).unwrap();
    let runs = kept["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 1, "{text}");
    assert_eq!(
        (&runs[0]["id"], &runs[0]["name"], &runs[0]["side"]),
        (&json!(id), &json!("bau-etl-2026-09"), &json!("old"))
    );
    let mut nodes = runs[0]["nodes"].as_array().unwrap_or_else(|| panic!("{text}\n{said}")).iter();
    for (kind, count) in [("m5.xlarge", 1), ("r5.2xlarge", 2)] {
        let node = nodes.next().unwrap();
        assert_eq!((&node["type"], &node["market"]), (&json!(kind), &json!("on-demand")), "{text}");
        // A minute at least each.
        assert!(
            node["seconds"]["high"].as_u64().is_some_and(|seconds| (60 * count..600 * count).contains(&seconds)),
            "{text}"
        );
    }
    assert_eq!(runs[0]["outcome"], "running", "{text}");
}
