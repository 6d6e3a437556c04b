//! One wave cut over and taken back on a real Airflow: who is paused, which parameters the new DAG gives, and which period it
//! goes on with.

use super::project::Project;
use serde_json::{Value, json};

/// The old pipeline, by other people's code: once a month, each run for the month before.
fn old_code(cron: &str, start: jiff::civil::Date) -> String {
    let (year, month, day) = (start.year(), start.month(), start.day());
    format!(
        r#"import pendulum
from airflow import DAG
from airflow.timetables.interval import CronDataIntervalTimetable

with DAG(
    "old_code",
    schedule=CronDataIntervalTimetable("{cron}", timezone="UTC"),
    start_date=pendulum.datetime({year}, {month}, {day}, tz="UTC"),
    catchup=False,
):
    pass
"#
    )
}

fn manifests(cron: &str, start: jiff::civil::Date, cutover: jiff::civil::Date) -> String {
    format!(
        r#"
apiVersion: plumb/v1
kind: EmrCluster
metadata: {{name: legacy}}
spec: {{match: {{name: "bau-*"}}, desired: keep}}
---
apiVersion: plumb/v1
kind: DatabricksJob
metadata: {{name: audience}}
spec:
  name: audience
  parameters: [{{name: output, default: "s3://bau/audience"}}]
  tasks:
    - task_key: load
      notebook_task: {{notebook_path: /Shared/load}}
      new_cluster: {{spark_version: 15.4.x-scala2.12, node_type_id: r6id.xlarge, num_workers: 1}}
---
apiVersion: plumb/v1
kind: AirflowDag
metadata: {{name: old}}
spec: {{dag_id: old_code, source: external}}
---
apiVersion: plumb/v1
kind: AirflowDag
metadata: {{name: new_dag}}
spec:
  schedule: {{cron: "{cron}"}}
  start_date: {start}
  tasks: [{{id: run, run: "${{resources.DatabricksJob.audience}}"}}]
---
apiVersion: plumb/v1
kind: Migration
metadata: {{name: audience}}
spec:
  from: {{emr: [EmrCluster/legacy], dags: [AirflowDag/old]}}
  to: {{jobs: [DatabricksJob/audience], dags: [AirflowDag/new_dag]}}
  cutover: {cutover}
  shadow: {{parameters: {{output: "s3://shadow/audience"}}}}
"#
    )
}

async fn is_paused(project: &Project, dag: &str) -> bool {
    project.ask("GET", &format!("dags/{dag}"), Value::Null).await["is_paused"] == true
}

/// The beginning of the period that Airflow runs next. Only the list has it on both versions.
async fn next_period(project: &Project, dag: &str) -> String {
    let all = project.ask("GET", "dags?limit=100", Value::Null).await;
    let row = all["dags"].as_array().unwrap().iter().find(|row| row["dag_id"] == dag).unwrap().clone();
    let start = row["next_dagrun_data_interval_start"].as_str().unwrap_or_else(|| panic!("{row:#}"));
    start.parse::<jiff::Timestamp>().unwrap().to_string()
}

fn gives_shadow(project: &Project) -> bool {
    std::fs::read_to_string(project.airflow.dags.join("new_dag.py")).unwrap().contains("s3://shadow/audience")
}

/// Plays it on one major version.
pub async fn play(major: u8) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let project = Project::begin(major).await;
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    // A tick that every month has, some days off.
    let mut days = (10..=20).map(|days| today.checked_add(jiff::Span::new().days(days)).unwrap());
    let tick = days.find(|day| day.day() <= 28).unwrap();
    let cron = format!("0 4 {} * *", tick.day());
    std::fs::write(project.airflow.dags.join("old_code.py"), old_code(&cron, today)).unwrap();
    project.person.until("dags/old_code", "the old DAG is parsed", |dag| dag["dag_id"] == "old_code").await;
    project.ask("PATCH", "dags/old_code?update_mask=is_paused", json!({ "is_paused": false })).await;

    project.write("manifests/wave.yaml", &manifests(&cron, today, today));
    project.plumb("apply --yes").await.code(0);
    assert!(is_paused(&project, "new_dag").await && !is_paused(&project, "old_code").await);
    assert!(gives_shadow(&project));
    let period = next_period(&project, "old_code").await;

    project.plumb("plan --detailed-exitcode").await.code(2).says("audience");
    project.plumb("apply --yes").await.code(0).says("Apply: 1 done");
    assert!(!is_paused(&project, "new_dag").await && is_paused(&project, "old_code").await);
    assert!(!gives_shadow(&project));
    assert_eq!(next_period(&project, "new_dag").await, period, "the period that the new DAG goes on with");
    project.plumb("plan --detailed-exitcode").await.code(0);
    let runs = project.ask("GET", "dags/new_dag/dagRuns", Value::Null).await;
    assert_eq!(runs["total_entries"], 0, "switching it on started a run: {runs:#}");

    project.plumb("migrate rollback audience --yes --reason late").await.code(0).says("cannot be undone");
    assert!(is_paused(&project, "new_dag").await && !is_paused(&project, "old_code").await);
    assert!(gives_shadow(&project));
    assert_eq!(next_period(&project, "old_code").await, period, "the period that the old DAG goes on with");
    project.plumb("plan --detailed-exitcode").await.code(0).says("rolled back by");
}
