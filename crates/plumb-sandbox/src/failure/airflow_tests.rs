//! What failed DAG runs leave behind, and what they started.

use super::tests::{NOW, unpacked};
use crate::airflow::{Access, handle};
use crate::answer::Content;
use crate::databricks::route;
use crate::request::Request;
use crate::store::{Clock, Store};
use serde_json::{Value, json};

fn ask(store: &mut Store, path: &str, accept: &str) -> (u16, Value) {
    let api = if store.settings.airflow.version == 2 { "v1" } else { "v2" };
    let mut request = Request::internal("GET", &format!("/api/{api}/{path}"), "", Value::Null);
    request.authorization = Some("Bearer t".to_owned());
    request.accept = Some(accept.to_owned());
    let access = Access { token: Some("t".to_owned()), ..Access::default() };
    let answer = handle(store, &access, &mut request, false);
    let body = match answer.content {
        Content::Json(body) | Content::Problem(body) => body,
        Content::Plain(text) => json!(text),
        Content::Object { bytes, .. } => json!(String::from_utf8(bytes).unwrap()),
        other => panic!("{path}: {other:?}"),
    };
    (answer.status, body)
}

const RUN: &str = "dags/monthly/dagRuns/scheduled__2026-11-20/taskInstances";

fn failed(version: u8, scenario: Value, retries: i64) -> Store {
    let mut store = Store::new(Clock::Fixed(NOW));
    store.settings.airflow.version = version;
    store.workspace = "http://127.0.0.1:7".to_owned();
    let operators = match scenario["scenario"].as_str().unwrap() {
        "emr-step" => "EmrAddStepsOperator",
        "sensor-timeout" => "S3KeySensor",
        _ => "DatabricksRunNowOperator",
    };
    let run = json!({ "run_id": "scheduled__2026-11-20", "logical_date": "2026-11-20T04:00:00Z", "end_date": "2026-11-20T09:00:00Z",
        "scenario": scenario });
    let seed = json!({ "jobs": [{ "name": "audience", "tasks": [{ "task_key": "score", "notebook_task": { "notebook_path": "/Shared/score" },
            "new_cluster": { "spark_version": "16.4.x-scala2.12", "node_type_id": "r6id.2xlarge", "num_workers": 3 } }] }],
        "airflow": { "dags": [{ "dag_id": "monthly", "runs": [run], "tasks": [
            { "task_id": "begin", "operator": "EmptyOperator", "downstream": ["work"] },
            { "task_id": "work", "operator": operators, "downstream": ["end"], "retries": retries },
            { "task_id": "end", "operator": "EmptyOperator" }] }] } });
    crate::control::seed(&mut store, &seed).unwrap();
    store
}

#[test]
fn a_red_task_leads_to_the_run_of_databricks_and_to_its_spot_nodes() {
    let mut store = failed(3, json!({ "scenario": "databricks-run", "job": "audience", "run": "spot-lost" }), 1);
    let rows = ask(&mut store, RUN, "*/*").1["task_instances"].clone();
    let states: Vec<_> = rows.as_array().unwrap().iter().map(|row| row["state"].clone()).collect();
    assert_eq!(states, ["success", "failed", "upstream_failed"]);
    assert_eq!((&rows[1]["try_number"], &rows[1]["max_tries"]), (&json!(2), &json!(1)));
    let tries = ask(&mut store, &format!("{RUN}/work/tries"), "*/*").1;
    assert_eq!((&tries["total_entries"], &tries["task_instances"][0]["try_number"]), (&json!(2), &json!(1)));
    let id = ask(&mut store, &format!("{RUN}/work/xcomEntries/run_id"), "*/*").1["value"].clone();
    let url = ask(&mut store, &format!("{RUN}/work/xcomEntries/run_page_url"), "*/*").1["value"].clone();
    assert!(url.as_str().unwrap().starts_with("http://127.0.0.1:7/#job/"), "{url}");
    assert!(url.as_str().unwrap().ends_with(&id.to_string()));
    // The log, in pages.
    store.settings.airflow.log_lines = 20;
    let (mut lines, mut token, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = ask(&mut store, &format!("{RUN}/work/logs/2?token={token}"), "application/json").1;
        lines.extend(page["content"].as_array().unwrap().clone());
        pages += 1;
        match page["continuation_token"].as_str() {
            Some(next) => token = next.to_owned(),
            None => break,
        }
    }
    assert!(pages > 2, "{pages} pages");
    assert!(lines.iter().any(|line| line["event"] == format!("Run submitted with run_id: {id}")));
    let failure = lines.iter().find(|line| line["error_detail"].is_array()).unwrap();
    assert_eq!(
        (&failure["logger"], &failure["level"], &failure["ti_id"]),
        (&json!("task"), &json!("error"), &rows[1]["id"])
    );
    let said = failure["error_detail"][0]["exc_value"].as_str().unwrap();
    assert!(
        said.contains("failed with terminal state") && said.contains("maximum allowable number of times"),
        "{said}"
    );
    assert_eq!(ask(&mut store, &format!("{RUN}/work/logs/2?token=x"), "application/json").0, 400);
    assert_eq!(ask(&mut store, &format!("{RUN}/work/logs/3"), "application/json").0, 404);
    let whole = ask(&mut store, &format!("{RUN}/work/logs/2"), "application/x-ndjson").1;
    assert!(whole.as_str().unwrap().lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
    // And what it started.
    let run = Request::internal("GET", &format!("/api/2.2/jobs/runs/get?run_id={id}"), "me", Value::Null);
    let run = route(&mut store, &run).unwrap();
    assert_eq!(run["state"]["life_cycle_state"], "INTERNAL_ERROR");
    let ended = rows[1]["end_date"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_millisecond();
    assert!(run["end_time"].as_i64().unwrap() <= ended, "the run ends before the task does");
    let cluster = run["tasks"][0]["cluster_instance"]["cluster_id"].clone();
    let events = Request::internal(
        "POST",
        "/api/2.1/clusters/events",
        "me",
        json!({ "cluster_id": cluster, "event_types": ["NODES_LOST"] }),
    );
    assert_eq!(route(&mut store, &events).unwrap()["events"].as_array().unwrap().len(), 2);
}

#[test]
fn a_red_task_leads_to_the_step_of_emr_and_to_the_node_manager() {
    let mut store = failed(2, json!({ "scenario": "emr-step" }), 0);
    let text = ask(&mut store, &format!("{RUN}/work/logs/1"), "text/plain").1.as_str().unwrap().to_owned();
    let cluster = text.split("Adding steps to ").nth(1).unwrap().lines().next().unwrap().to_owned();
    let log = text.split("'LogFile': '").nth(1).unwrap().split('\'').next().unwrap().to_owned();
    let known = &store.emr.regions["eu-central-1"].clusters[&cluster];
    assert_eq!(known.steps[0].failure.as_ref().unwrap()["LogFile"], log);
    let objects = &store.s3.buckets["acme-emr-logs"].objects;
    let all: Vec<String> = objects.values().map(|object| unpacked(&object.bytes())).collect();
    assert!(all.iter().any(|text| text.contains("beyond the 'PHYSICAL' memory limit")));
    assert!(objects.contains_key(log.strip_prefix("s3://acme-emr-logs/").unwrap()));
    assert!(text.contains("[2026-11-20T04:15:00.000+0000] {taskinstance.py:"), "{text}");
    let pushed = ask(&mut store, &format!("{RUN}/work/xcomEntries/return_value"), "*/*").1["value"].clone();
    let step = store.emr.regions["eu-central-1"].clusters[&cluster].steps[0].id.clone();
    assert_eq!(pushed, json!([step]).to_string(), "v1 makes a text of it");
    let page = ask(&mut store, &format!("{RUN}/work/logs/1"), "application/json").1;
    assert!(
        page["content"]
            .as_str()
            .unwrap()
            .starts_with("[('airflow-worker-1', ' INFO - ::group::Log message source details\\n*** Found local files:")
            && page["continuation_token"].is_string()
    );
}

#[test]
fn a_task_that_is_lost_has_a_run_that_ended_well() {
    for (version, words) in [(2, "Detected zombie job: {"), (3, "Detected a task instance without a heartbeat")] {
        let mut store = failed(version, json!({ "scenario": "zombie" }), 0);
        let text = ask(
            &mut store,
            &format!("{RUN}/work/logs/1"),
            if version == 2 { "text/plain" } else { "application/x-ndjson" },
        )
        .1;
        assert!(text.as_str().unwrap().contains(words), "{version}");
        let events = ask(&mut store, "eventLogs?dag_id=monthly&event=heartbeat%20timeout", "*/*").1;
        assert_eq!((&events["total_entries"], &events["event_logs"][0]["task_id"]), (&json!(1), &json!("work")));
        let run = store.databricks.runs.values().next().unwrap();
        assert_eq!(run.result.as_deref(), Some("SUCCESS"));
    }
}

#[test]
fn sensors_time_out_and_files_do_not_import() {
    let mut store = failed(3, json!({ "scenario": "sensor-timeout", "key": "s3://lake/2026-10/_SUCCESS" }), 2);
    let rows = ask(&mut store, RUN, "*/*").1["task_instances"].clone();
    assert_eq!(rows[1]["try_number"], 1, "a sensor whose time is up is not tried again");
    let text = ask(&mut store, &format!("{RUN}/work/logs/1"), "application/x-ndjson").1;
    let text = text.as_str().unwrap();
    assert!(
        text.contains("Poking for key : s3://lake/2026-10/_SUCCESS")
            && text.contains("AirflowSensorTimeout")
            && !text.contains("{{")
    );
    crate::control::seed(&mut store, &json!({ "airflow": { "dags": [{ "dag_id": "broken", "import_error": true }] } }))
        .unwrap();
    let errors = ask(&mut store, "importErrors", "*/*").1;
    assert!(errors["import_errors"][0]["stack_trace"].as_str().unwrap().ends_with("No module named 'acme_common'\n"));
    assert_eq!(ask(&mut store, "dags/broken", "*/*").1["has_import_errors"], true);
}

#[test]
fn a_dag_run_of_now_fails_as_the_settings_say() {
    let mut store = failed(3, json!({ "scenario": "zombie" }), 0);
    store.settings = serde_json::from_value(json!({ "airflow": { "run_seconds": 3600,
        "scenarios": { "monthly": { "scenario": "databricks-run", "run": "init-script" } } } }))
    .unwrap();
    let mut run = store.airflow.runs[0].clone();
    (run.script, run.ended, run.state) = (None, None, "running".to_owned());
    (run.started, run.run_id) = (Some(NOW), "again".to_owned());
    run.tasks.clear();
    store.airflow.runs.push(run);
    store.advance(4000);
    let rows = ask(&mut store, "dags/monthly/dagRuns/again/taskInstances", "*/*").1["task_instances"].clone();
    assert_eq!(rows[1]["state"], "failed");
    let id =
        ask(&mut store, "dags/monthly/dagRuns/again/taskInstances/work/xcomEntries/run_id", "*/*").1["value"].clone();
    let run = &store.databricks.runs[&id.as_i64().unwrap()];
    assert!(run.message.contains("INIT_SCRIPT_FAILURE"), "{}", run.message);
}

#[test]
fn a_story_that_cannot_be_told_is_refused() {
    let run = json!({ "run_id": "r", "logical_date": "2026-11-20T04:00:00Z", "end_date": "2026-11-20T09:00:00Z",
        "scenario": { "scenario": "databricks-run" } });
    let dag =
        json!({ "dag_id": "d", "runs": [run], "tasks": [{ "task_id": "t", "operator": "DatabricksRunNowOperator" }] });
    let seed = |dag: &Value| json!({ "airflow": { "dags": [dag] } });
    let mut store = Store::new(Clock::Fixed(NOW));
    let why = crate::control::seed(&mut store, &seed(&dag)).unwrap_err();
    assert!(why.starts_with("airflow.dags[0]: its scenario needs a task"), "{why}");
    let mut odd = dag;
    odd["runs"][0]["scenario"] = json!({ "scenario": "meteor" });
    let why = crate::control::seed(&mut Store::new(Clock::Fixed(NOW)), &seed(&odd)).unwrap_err();
    assert!(why.contains("runs[0].scenario: unknown variant `meteor`"), "{why}");
}
