//! Schedules: what a user of the command line meets.

use crate::shows;
use crate::world::{PROJECT, World, job};
use serde_json::{Value, json};

const MONTHLY: &str = "\
apiVersion: plumb/v1
kind: AirflowDag
metadata: {name: monthly}
spec:
  schedule: {cron: '0 4 2 * *', timezone: Europe/London}
  start_date: 2024-05-01
  tasks: [{id: load, run: '${resources.DatabricksJob.etl}'}]
";

#[test]
fn a_schedule_on_the_embedded_sandbox() {
    let world = World::new();
    world.write("plumb.yaml", &PROJECT.replace("databricks: {}", "sandbox: true"));
    world.write("manifests/etl.yaml", &job("etl", ""));
    world.write("manifests/monthly.yaml", MONTHLY);
    world.commit("Begin");
    world.plumb("apply --yes").code(3).says("starts a run now").says("--allow-run-now");
    assert!(!world.dir().join(".plumb/dags-dev/monthly.py").exists());
    world.plumb("apply --yes --allow-run-now").code(0).says("overridden: DAG monthly starts a run now");
    let file = world.read(".plumb/dags-dev/monthly.py");
    assert!(file.starts_with("# plumb: demo/dev/AirflowDag/monthly "), "{file}");
    world.plumb("plan --detailed-exitcode").code(0).says("No changes.");
    world.write(".plumb/dags-dev/monthly.py", &file.replace("catchup=False", "catchup=True"));
    world.plumb("drift").code(2).says("changed by hand");
    world.plumb("apply --yes").code(0);
    assert_eq!(world.read(".plumb/dags-dev/monthly.py"), file);
    world.remove("manifests/monthly.yaml");
    world.plumb("apply --yes").code(0).says("deleted AirflowDag/monthly");
    assert!(!world.dir().join(".plumb/dags-dev/monthly.py").exists());
}

fn legacy() -> Value {
    let dag =
        json!({ "dag_id": "legacy_audience", "schedule": { "cron": "@monthly" }, "tasks": [{ "task_id": "emr" }] });
    json!({ "airflow": { "dags": [dag] } })
}

#[test]
fn a_dag_of_others_is_imported_and_paused() {
    let world = World::with_airflow(&legacy());
    world.write("manifests/etl.yaml", &job("etl", ""));
    world.commit("Begin");
    world.plumb("import --all").code(0).says("Nothing to import");
    world.plumb("import dag legacy_audience").code(0).says("1 manifest written, of objects that others own");
    shows!(world.plumb("show legacy-audience"), @"
    AirflowDag/legacy-audience

    manifest (manifests/airflow/dags/legacy-audience.yaml:2):
      dag_id: legacy_audience
      paused: false
      source: external

    live (DAG legacy_audience):
      dag_id: legacy_audience
      paused: false
      source: external

    Plan of demo for target dev, manifests at <Begin>-dirty

    No changes. The workspace equals the manifests.
    1 resource up to date.
    Digest: <digest>
    --- stderr
    read 1 object with 10 requests in <time>
    --- exit 0
    ");
    world.plumb("import dag --all").code(0).says("Nothing to import");
    world.plumb("import dag legacy_audience").code(1).says("has a manifest already: AirflowDag/legacy-audience");
    world.plumb("plan").code(0).says("0 to update").never_says("AirflowDag/legacy-audience will be");
    world.edit("manifests/airflow/dags/legacy-audience.yaml", "paused: false", "paused: true");
    world.plumb("apply --yes").code(0).says("updated AirflowDag/legacy-audience");
    world.plumb("plan --detailed-exitcode").code(0);
    world.remove("manifests/airflow/dags/legacy-audience.yaml");
    world.plumb("plan --detailed-exitcode").code(0).says("No changes.");
}

#[test]
fn without_a_folder_only_the_dags_of_others_are_managed() {
    let world = World::with_airflow(&legacy());
    world.edit("plumb.yaml", ", dags: dags", "");
    world.write("manifests/etl.yaml", &job("etl", ""));
    world.write("manifests/monthly.yaml", MONTHLY);
    let legacy = "apiVersion: plumb/v1\nkind: AirflowDag\nmetadata: {name: legacy-audience}\nspec: {source: external, \
                  paused: true}\n";
    world.write("manifests/legacy.yaml", legacy);
    world
        .plumb("apply --yes")
        .code(3)
        .says("AirflowDag/monthly: target dev has not all that a DAG needs: `airflow` and `airflow.dags`")
        .says("updated AirflowDag/legacy-audience")
        .says("created DatabricksJob/etl");
}

#[test]
fn a_folder_that_is_not_there_is_no_empty_folder() {
    let world = World::with_airflow(&Value::Null);
    world.edit("plumb.yaml", "dags: dags", "dags: dgas");
    world.write("manifests/monthly.yaml", &MONTHLY.replace("${resources.DatabricksJob.etl}", "7"));
    world.plumb("plan").code(1).says("dgas").says("nothing was changed");
}

#[test]
fn a_file_of_others_is_not_overwritten() {
    let world = World::with_airflow(&Value::Null);
    let manifest =
        MONTHLY.replace("${resources.DatabricksJob.etl}", "7").replace("start_date", "paused: true\n  start_date");
    world.write("manifests/monthly.yaml", &manifest);
    world.write("dags/monthly.py", "# by hand\n");
    world.plumb("apply --yes").code(1).says("does not begin with plumb's mark").says("(nothing of it was done)");
    assert_eq!(world.read("dags/monthly.py"), "# by hand\n");
}
