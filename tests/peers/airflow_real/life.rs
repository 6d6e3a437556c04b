//! The whole life of schedules on a real Airflow: applied, run, meddled with, healed, taken down.

use super::project::Project;
use serde_json::{Value, json};
use std::path::Path;

/// What somebody else has in the same Airflow.
const THEIRS: &str = r#"from datetime import datetime, timezone

from airflow import DAG

with DAG("theirs", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)):
    pass
"#;

/// Fixtures that are not for this: one id twice, and what Airflow 2 cannot list.
const LEFT_OUT: [&str; 2] = ["AirflowConnection/without-password", "AirflowPool/unlimited"];
/// DAGs that would start runs at once, of jobs that are not there.
const TO_REST: [&str; 4] = ["bau-insights-monthly", "continuous", "once", "preset"];

fn fixtures(kind: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kinds").join(kind);
    let mut all: Vec<(String, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|p| (p.file_stem().unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(&p).unwrap()))
        .filter(|(name, _)| !LEFT_OUT.contains(&format!("{kind}/{name}").as_str()))
        .collect();
    all.sort();
    all
}

/// Everything that others have, as Airflow shows it.
async fn theirs(project: &Project) -> Value {
    let mut all = json!({ "file": std::fs::read_to_string(project.airflow.dags.join("theirs.py")).unwrap() });
    for (what, id) in [("connections", "their_db"), ("variables", "their_key"), ("pools", "their_pool")] {
        all[what] = project.ask("GET", &format!("{what}/{id}"), Value::Null).await;
    }
    let dag = project.ask("GET", "dags/theirs", Value::Null).await;
    all["dag"] = json!([dag["is_paused"], dag["fileloc"], dag["tags"], dag["has_import_errors"]]);
    all["default_pool"] = project.ask("GET", "pools/default_pool", Value::Null).await;
    for pool in ["pools", "default_pool"] {
        // How full it is changes by itself.
        all[pool].as_object_mut().unwrap().retain(|name, _| !name.ends_with("_slots"));
    }
    all
}

async fn others_move_in(project: &Project) {
    std::fs::write(project.airflow.dags.join("theirs.py"), THEIRS).unwrap();
    let connection = json!({ "connection_id": "their_db", "conn_type": "http", "description": "theirs" });
    project.ask("POST", "connections", connection).await;
    project.ask("POST", "variables", json!({ "key": "their_key", "value": "1", "description": "theirs" })).await;
    let mut pool = json!({ "name": "their_pool", "slots": 3, "description": "theirs" });
    if project.person.major == 3 {
        pool["include_deferred"] = json!(false);
    }
    project.ask("POST", "pools", pool).await;
    project.person.until("dags/theirs", "their DAG is parsed", |dag| dag["dag_id"] == "theirs").await;
}

/// Every fixture of every kind: applied, nothing left to do; removed, nothing left behind.
async fn every_fixture(project: &Project) {
    for kind in ["AirflowDag", "AirflowConnection", "AirflowVariable", "AirflowPool"] {
        for (name, text) in fixtures(kind) {
            let resting = kind == "AirflowDag" && TO_REST.contains(&name.as_str());
            let text = match resting {
                true => text.replace("  paused: false\n", "").replacen("spec:\n", "spec:\n  paused: true\n", 1),
                false => text,
            };
            project.write(&format!("manifests/{kind}/{name}.yaml"), &text);
        }
    }
    project.settle().await;
    let files = || std::fs::read_dir(&project.airflow.dags).unwrap().filter(|f| is_python(f.as_ref().unwrap())).count();
    assert_eq!(files(), 1 + fixtures("AirflowDag").len());
    project.clear();
    project.settle().await;
    assert_eq!(files(), 1, "files were left behind");
    let dags = project.ask("GET", "dags?limit=100", Value::Null).await;
    assert_eq!(dags["total_entries"], 1, "{dags}");
}

fn is_python(entry: &std::fs::DirEntry) -> bool {
    entry.path().extension().is_some_and(|e| e == "py")
}

/// A job, the connection to it, and a schedule of it whose tick has passed.
const PIPELINE: &str = r#"
apiVersion: plumb/v1
kind: DatabricksJob
metadata: {name: monthly-load}
spec:
  name: monthly load
  parameters: [{name: month, default: none}]
  tasks:
    - task_key: load
      notebook_task: {notebook_path: /Shared/load}
      new_cluster: {spark_version: 15.4.x-scala2.12, node_type_id: r6id.xlarge, num_workers: 1}
---
apiVersion: plumb/v1
kind: AirflowConnection
metadata: {name: workspace}
spec:
  connection_id: workspace
  conn_type: databricks
  host: 127.0.0.1
  schema: http
  port: ${var.port}
  password: ${env.WORKSPACE_TOKEN}
---
apiVersion: plumb/v1
kind: AirflowPool
metadata: {name: loads}
spec: {name: loads, slots: 2}
---
apiVersion: plumb/v1
kind: AirflowVariable
metadata: {name: region}
spec: {key: region, value: {name: eu-west-1}}
---
apiVersion: plumb/v1
kind: AirflowDag
metadata: {name: monthly}
spec:
  schedule: {cron: "0 4 2 * *", timezone: Europe/London}
  start_date: 2024-05-01
  max_active_runs: 1
  tags: [load]
  defaults: {connection: workspace, pool: loads, poll: 1s}
  tasks:
    - id: load
      run: "${resources.DatabricksJob.monthly-load}"
      params: {job_parameters: {month: "{{ ds[:7] }}"}}
    - id: check
      job: monthly load
      after: [load]
      deferrable: true
      params: {job_parameters: {month: "check {{ data_interval_end | ds }}"}}
"#;

/// The month that a run of the schedule at `now` is for: the last tick is of this month from the 2nd at four on, and a
/// run is for the month before.
fn month_of_last_tick(now: &jiff::Zoned) -> String {
    let tick = now.with().day(2).hour(4).minute(0).second(0).subsec_nanosecond(0).build().unwrap();
    let back = if *now < tick { 2 } else { 1 };
    tick.checked_sub(jiff::Span::new().months(back)).unwrap().strftime("%Y-%m").to_string()
}

fn months(runs: &[Value]) -> Vec<&str> {
    runs.iter().map(|r| r["job_parameters"][0]["value"].as_str().unwrap_or("?")).collect()
}

/// The schedule starts the run that the plan announced; others are started by hand and fail, and are cancelled.
async fn runs(project: &Project) {
    project.write("manifests/pipeline.yaml", PIPELINE);
    project.runs("monthly load", json!({})).await;
    let month =
        month_of_last_tick(&jiff::Zoned::now().with_time_zone(jiff::tz::TimeZone::get("Europe/London").unwrap()));
    let said = format!("(ds {month}-02)");
    project.plumb("plan").await.says("starts a run now").says(&said);
    project.plumb("apply --yes").await.code(3).says("--allow-run-now");
    project.settle().await;

    project.person.until("dags/monthly/dagRuns", "the announced run starts", |r| r["total_entries"] == 1).await;
    let all = project.ask("GET", "dags/monthly/dagRuns", Value::Null).await;
    let first = all["dag_runs"][0]["dag_run_id"].as_str().unwrap().to_owned();
    project.run_is("monthly", &first, "success").await;
    let runs = project.job_runs().await;
    let check =
        format!("check {}", all["dag_runs"][0]["data_interval_end"].as_str().unwrap().split('T').next().unwrap());
    assert_eq!(months(&runs), [check.as_str(), month.as_str()], "{runs:#?}");
    project.settled().await;

    // Without a date there is no `ds` on Airflow 3.
    let trigger = |id: &'static str, date: &'static str| {
        project.ask("POST", "dags/monthly/dagRuns", json!({ "dag_run_id": id, "logical_date": date }))
    };
    let broken = json!({ "result": "FAILED", "error": "the lake is dry", "error_trace": "Traceback: the lake is dry" });
    project.runs("monthly load", broken).await;
    trigger("to-fail", "2024-06-15T00:00:00Z").await;
    project.run_is("monthly", "to-fail", "failed").await;
    let logs = project.logs("monthly", "to-fail").await;
    assert!(logs.contains("the lake is dry"), "{logs}");

    // Long enough that only a cancellation ends it.
    project.runs("monthly load", json!({ "seconds": 3600 })).await;
    trigger("to-cancel", "2024-07-15T00:00:00Z").await;
    let path = "dags/monthly/dagRuns/to-cancel/taskInstances/load";
    project.person.until(path, "the task runs", |task| task["state"] == "running").await;
    for _ in 0..120 {
        if project.job_runs().await.len() == 4 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    }
    project.ask("PATCH", "dags/monthly/dagRuns/to-cancel", json!({ "state": "failed" })).await;
    let cancelled = |runs: &[Value]| runs.len() == 4 && runs[0]["state"]["result_state"] == "CANCELED";
    for _ in 0..240 {
        if cancelled(&project.job_runs().await) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    }
    let runs = project.job_runs().await;
    assert!(cancelled(&runs), "the operator did not cancel the job's run: {runs:#?}");
    project.settled().await;
}

/// Whatever somebody does by hand shows as drift, and heals.
async fn meddling(project: &Project) {
    let file = project.airflow.dags.join("monthly.py");
    let written = std::fs::read_to_string(&file).unwrap();

    std::fs::write(&file, written.replace("max_active_runs=", "max_active_tasks=1, max_active_runs=")).unwrap();
    project.plumb("drift").await.code(2).says("changed by hand");
    project.settle().await;
    assert_eq!(std::fs::read_to_string(&file).unwrap(), written);

    project.ask("PATCH", "dags/monthly?update_mask=is_paused", json!({ "is_paused": true })).await;
    project.plumb("drift").await.code(2).says("paused");
    project.settle().await;
    assert_eq!(project.ask("GET", "dags/monthly", Value::Null).await["is_paused"], false);

    std::fs::write(&file, written.replace("with DAG(", "with NoDag(")).unwrap();
    project.person.until("importErrors", "the broken file is noticed", |e| e["total_entries"] == 1).await;
    project.plumb("drift").await.code(2).says("cannot be imported by Airflow: NameError");
    project.settle().await;

    std::fs::remove_file(&file).unwrap();
    for (method, what) in
        [("DELETE", "connections/workspace"), ("DELETE", "variables/region"), ("DELETE", "pools/loads")]
    {
        project.ask(method, what, Value::Null).await;
    }
    let drift = project.plumb("drift").await.code(2);
    for address in ["AirflowDag/monthly", "AirflowConnection/workspace", "AirflowVariable/region", "AirflowPool/loads"]
    {
        assert!(drift.text.contains(address), "{address} is not in {}", drift.text);
    }
    project.settle().await;
}

/// A DAG of others is paused and started, and that is all that happens to it.
async fn a_dag_of_others(project: &Project) {
    for paused in [true, false] {
        let spec = format!("spec: {{source: external, paused: {paused}}}");
        let text = format!("apiVersion: plumb/v1\nkind: AirflowDag\nmetadata: {{name: theirs}}\n{spec}\n");
        project.write("manifests/theirs.yaml", &text);
        project.settle().await;
        assert_eq!(project.ask("GET", "dags/theirs", Value::Null).await["is_paused"], paused);
    }
    project.ask("PATCH", "dags/theirs?update_mask=is_paused", json!({ "is_paused": true })).await;
    project.plumb("drift").await.code(2).says("AirflowDag/theirs");
    project.write("manifests/theirs.yaml", "");
    project.settled().await;
}

/// Airflow is restarted while an apply waits for it.
async fn restart(project: &Project) {
    project.write("manifests/pipeline.yaml", &PIPELINE.replace("tags: [load]", "tags: [load, restarted]"));
    for number in 0..8 {
        let text = format!(
            "apiVersion: plumb/v1\nkind: AirflowVariable\nmetadata: {{name: more-{number}}}\nspec: {{key: more_{number}, \
             value: '{number}'}}\n"
        );
        project.write(&format!("manifests/more-{number}.yaml"), &text);
    }
    let apply =
        project.plumb_while("apply --yes --allow-run-now --parallel 1", "updating AirflowDag/monthly", async || {
            project.airflow.restart();
        });
    apply.await.code(0);
    project.settled().await;
}

/// Plays all of it on one major version.
pub async fn play(major: u8) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let project = Project::begin(major).await;
    others_move_in(&project).await;
    let before = theirs(&project).await;
    every_fixture(&project).await;
    runs(&project).await;
    meddling(&project).await;
    a_dag_of_others(&project).await;
    restart(&project).await;
    project.clear();
    project.settle().await;
    assert_eq!(theirs(&project).await, before, "what others have changed");
}
