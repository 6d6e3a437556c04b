//! Pipelines taken from what Airflow tells of its runs, without a call to AWS.

use crate::world::World;
use serde_json::{Value, json};

const EMR: &str = "airflow.providers.amazon.aws.operators.emr";

fn dag(id: &str) -> Value {
    let flow = json!({ "Name": format!("{id}-{{{{ ds }}}}"), "ReleaseLabel": "emr-7.1.0", "Applications": [{ "Name": "Spark" }],
        "Instances": { "KeepJobFlowAliveWhenNoSteps": true, "InstanceGroups": [
            { "InstanceRole": "MASTER", "InstanceType": "m5d.xlarge", "InstanceCount": 1 },
            { "InstanceRole": "CORE", "InstanceType": "m5d.xlarge", "InstanceCount": 3 } ] } });
    let step = json!({ "Name": "load {{ ds }}", "ActionOnFailure": "CONTINUE", "HadoopJarStep": { "Jar": "command-runner.jar",
        "Args": ["spark-submit", "s3://acme-code/load.py", "--day", "{{ ds }}"] } });
    let task = |name: &str, class: &str, module: &str, fields: Value, below: Value| {
        let fields = if fields.is_null() { json!({}) } else { json!({ "fields": fields }) };
        let mut task = json!({ "task_id": name, "operator": class, "module": module, "downstream": below,
            "retries": 2, "retry_delay_seconds": 600, "owner": "bi" });
        task.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        task
    };
    let run = |day: &str| json!({ "run_id": format!("scheduled__{day}"), "logical_date": format!("{day}T03:00:00Z") });
    json!({
        "dag_id": id, "schedule": { "cron": "0 3 2 * *", "timezone": "UTC" }, "start_date": "2026-01-01T00:00:00Z",
        "catchup": false, "max_active_runs": 1, "tags": ["bi"], "owners": ["bi"], "description": "Sales",
        "source": format!("# The code of {id}.\nwith DAG(default_args={{'email': ['bi@example.com']}}): ..."),
        "tasks": [
            task("check", "PythonOperator", "airflow.providers.standard.operators.python", Value::Null, json!(["create"])),
            task("create", "EmrCreateJobFlowOperator", EMR, json!({ "emr_conn_id": "emr_default", "job_flow_overrides": flow }),
                json!(["steps"])),
            task("steps", "EmrAddStepsOperator", EMR, json!({ "job_flow_id": "{{ ti.xcom_pull(task_ids='create') }}",
                "steps": [step] }), json!([])),
        ],
        "runs": [run("2026-09-02"), run("2026-10-02"), run("2026-11-02")],
    })
}

fn seed() -> Value {
    let plain = json!({ "dag_id": "plain", "schedule": { "cron": "@daily" },
        "tasks": [{ "task_id": "hello", "operator": "BashOperator" }] });
    json!({ "airflow": { "dags": [dag("sales"), plain] } })
}

#[test]
fn a_dag_s_pipeline_is_imported_with_what_stands_around_it() {
    let world = World::with_airflow(&seed());
    world.commit("Begin");
    let done = world.plumb("import emr --from airflow").code(0);
    done.says("1 DAG starts nothing on EMR.").says("new       manifests/sales/legacy-dag.yaml").never_says("j-");
    let dag = world.read("manifests/sales/dag.yaml");
    for line in [
        "cron: \"0 3 2 * *\"",
        "timezone: UTC",
        "catchup: false",
        "owner: bi",
        "retries: 2",
        "retry_delay: \"10m\"",
        "dag_id: sales_databricks",
        "- bi",
    ] {
        assert!(dag.contains(line), "`{line}` is not in {dag}");
    }
    assert!(dag.contains("`check` (PythonOperator)") && !dag.contains("when the DAG runs"), "{dag}");
    let job = world.read("manifests/sales/job.yaml");
    assert!(job.contains("s3://acme-code/load.py") && job.contains("bi@example.com"), "{job}");
    let external = world.read("manifests/sales/legacy-dag.yaml");
    assert!(external.contains("source: external") && external.contains("dag_id: sales"), "{external}");
    let legacy = world.read("manifests/sales/legacy.yaml");
    assert!(legacy.contains("dagPaused") && legacy.contains("AirflowDag/legacy-sales"), "{legacy}");
    assert!(legacy.contains("name: \"sales-*\""), "{legacy}");
    let migration = world.read("manifests/sales/migration.yaml");
    assert!(migration.contains("AirflowDag/legacy-sales"), "{migration}");
    let report = world.read("manifests/sales/translation.md");
    assert!(report.contains("2026-11-02 of DAG sales, as Airflow rendered its fields"), "{report}");
    world.plumb("validate").code(0);
    // The same answers give the same files.
    world.plumb("import emr --from airflow").code(0).says("Nothing was written");
    world.plumb("import emr --from airflow:plain").code(1).says("starts nothing on EMR");
    world.plumb("import emr --from airflow --name 'nothing*'").code(0).says("Nothing to import");
    world.plumb("import emr --from airflow:").code(64).says("expected `airflow`");
}

#[test]
fn a_dag_that_has_a_manifest_gets_no_second_one() {
    let world = World::with_airflow(&seed());
    let external =
        "apiVersion: plumb/v1\nkind: AirflowDag\nmetadata: {name: theirs}\nspec: {source: external, dag_id: sales}\n";
    world.write("manifests/theirs.yaml", external);
    world.commit("Begin");
    world.plumb("import emr --from airflow:sales").code(0).never_says("legacy-dag.yaml");
    let migration = world.read("manifests/sales/migration.yaml");
    assert!(migration.contains("AirflowDag/theirs"), "{migration}");
    world.plumb("validate").code(0);
}
