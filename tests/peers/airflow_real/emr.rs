//! What a real Airflow keeps of operators of EMR, and what `plumb import emr --from airflow` makes of it. The operators are
//! the real ones too; the EMR that they ask is the emulated one.

use super::project::Project;
use serde_json::{Value, json};
use std::time::Duration;

const DAGS: &str = r#"from datetime import timedelta

import pendulum
from airflow import DAG
from airflow.providers.amazon.aws.operators.emr import (
    EmrAddStepsOperator, EmrCreateJobFlowOperator, EmrServerlessStartJobOperator, EmrTerminateJobFlowOperator)
try:
    from airflow.providers.standard.operators.python import PythonOperator
except ImportError:
    from airflow.operators.python import PythonOperator

FLOW = {
    "Name": "sales-{{ ds }}",
    "ReleaseLabel": "emr-7.1.0",
    "Applications": [{"Name": "Spark"}],
    "Instances": {
        "InstanceGroups": [
            {"InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1},
            {"InstanceRole": "CORE", "InstanceType": "m5.xlarge", "InstanceCount": 3},
        ],
        "KeepJobFlowAliveWhenNoSteps": True,
    },
    "JobFlowRole": "EMR_EC2_DefaultRole",
    "ServiceRole": "EMR_DefaultRole",
}


def step(name, *arguments):
    return {"Name": name, "ActionOnFailure": "CONTINUE", "HadoopJarStep": {
        "Jar": "command-runner.jar", "Args": ["spark-submit", f"s3://acme-code/{name.split()[0]}.py", *arguments]}}


defaults = {"owner": "bi", "retries": 1, "retry_delay": timedelta(seconds=90), "email": ["bi@example.com"]}
with DAG("sales", schedule="0 3 2 * *", start_date=pendulum.datetime(2026, 1, 1, tz="Europe/Berlin"), catchup=False,
         max_active_runs=1, default_args=defaults, tags=["bi"], description="Sales", is_paused_upon_creation=False):
    check = PythonOperator(task_id="check", python_callable=print)
    create = EmrCreateJobFlowOperator(task_id="create", job_flow_overrides=FLOW)
    load = EmrAddStepsOperator(task_id="load", job_flow_id=create.output, steps=[
        step("load {{ ds }}", "--at", "{{ ts }}", "--api-token", "{{ conn.vault.password }}",
             "--out", "s3://acme/out/{{ ds_nodash }}/")])
    mart = EmrAddStepsOperator(task_id="mart", job_flow_id="{{ ti.xcom_pull(task_ids='create') }}",
                               steps=[step("mart", *[f"--column-{i}" for i in range(900)])])
    end = EmrTerminateJobFlowOperator(task_id="end", job_flow_id=create.output, trigger_rule="all_done")
    check >> create >> load >> mart >> end

with DAG("lone", schedule=None, start_date=pendulum.datetime(2026, 1, 1), is_paused_upon_creation=False):
    EmrServerlessStartJobOperator(
        task_id="start", application_id="00abc", execution_role_arn="arn:aws:iam::123456789012:role/x",
        name="lone-{{ ds }}", configuration_overrides={}, wait_for_completion=False,
        job_driver={"sparkSubmit": {"entryPoint": "s3://acme-code/lone.py", "entryPointArguments": ["{{ ds }}"]}})

with DAG("plain", schedule=None, start_date=pendulum.datetime(2026, 1, 1)):
    PythonOperator(task_id="hello", python_callable=print)
"#;

/// Plays it on one major version.
pub async fn play(major: u8) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let project = Project::begin(major).await;
    let extra = json!({ "endpoint_url": project.emr(), "region_name": "eu-central-1" }).to_string();
    for connection in [
        json!({ "connection_id": "aws_default", "conn_type": "aws", "login": "plumb", "password": "sandbox", "extra": extra }),
        json!({ "connection_id": "emr_default", "conn_type": "emr", "extra": "{}" }),
        json!({ "connection_id": "vault", "conn_type": "http", "password": "plain-vault-hunter22" }),
    ] {
        project.ask("POST", "connections", connection).await;
    }
    std::fs::write(project.airflow.dags.join("emr.py"), DAGS).unwrap();
    project.person.until("dags/sales", "the DAG is parsed", |dag| dag["is_paused"] == false).await;
    let by_hand = |day: &str| json!({ "dag_run_id": "by-hand", "logical_date": format!("{day}T00:00:00Z") });
    for dag in ["lone", "sales"] {
        project.ask("POST", &format!("dags/{dag}/dagRuns"), by_hand("2026-09-15")).await;
    }
    // No such application: it fails, and its fields are kept all the same.
    ended(&project, "lone").await;
    ended(&project, "sales").await;

    let told = project.plumb("import emr --from airflow --target test").await.code(0);
    let told = told.says("1 DAG starts nothing on EMR.").says("manifests/sales/legacy-dag.yaml");
    assert!(!told.text.contains("hunter22"), "{}", told.text);
    let job = project.read("manifests/sales/job.yaml");
    assert!(job.contains("s3://acme-code/load.py") && job.contains("bi@example.com"), "{job}");
    assert!(job.contains("the credential `--api-token`") && !job.contains("***"), "masked by Airflow: {job}");
    assert!(!job.contains("Truncated") && job.contains("what `mart.steps` of the old DAG says"), "{job}");
    let dag = project.read("manifests/sales/dag.yaml");
    let interval = if major == 2 { "data_interval: previous" } else { "data_interval: tick" };
    for says in [
        "cron: \"0 3 2 * *\"",
        "timezone: Europe/Berlin",
        interval,
        "retries: 1",
        "retry_delay: \"1m30s\"",
        "owner: bi",
    ] {
        assert!(dag.contains(says), "`{says}` is not in {dag}");
    }
    assert!(dag.contains("`check` (PythonOperator)") && !dag.contains("when the DAG runs"), "{dag}");
    let legacy = project.read("manifests/sales/legacy.yaml");
    assert!(legacy.contains("name: \"sales-*\"") && legacy.contains("AirflowDag/legacy-sales"), "{legacy}");
    let report = project.read("manifests/sales/translation.md");
    assert!(report.contains("1 earlier run was compared"), "{report}");
    let lone = project.read("manifests/lone/job-lone.yaml");
    assert!(lone.contains("s3://acme-code/lone.py"), "{lone}");
    // What a run of Airflow 2 was given at a time is not put into the form of Airflow 3.
    let (at, other) = if major == 2 { ("T01:00:00+00:00", "T01:00:00Z") } else { ("T02:00:00+00:00", "T02:00:00Z") };
    let whole = format!("{job}{report}");
    assert!(!whole.contains(other), "expected {at}: {whole}");
    project.plumb("validate --target test").await.code(0);
    project.plumb("import emr --from airflow --target test").await.code(0).says("Nothing was written");
}

/// Waits until no run of a DAG goes on.
async fn ended(project: &Project, dag: &str) {
    let mut runs = Value::Null;
    for _ in 0..480 {
        runs = project.ask("GET", &format!("dags/{dag}/dagRuns"), Value::Null).await;
        let list = runs["dag_runs"].as_array().unwrap();
        let over = |run: &Value| run["state"] == "success" || run["state"] == "failed";
        let expected = if dag == "sales" { 2 } else { 1 };
        if list.len() >= expected && list.iter().all(over) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    panic!("runs of {dag} go on after two minutes: {runs}");
}
