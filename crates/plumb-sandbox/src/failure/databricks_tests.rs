//! What failed runs of Databricks leave behind.

use super::tests::NOW;
use crate::databricks::route;
use crate::request::Request;
use crate::store::{Clock, Store};
use serde_json::{Value, json};

fn ask(store: &mut Store, method: &str, path: &str, body: Value) -> Value {
    let answer = route(store, &Request::internal(method, &format!("/api/{path}"), "me@example.com", body));
    answer.unwrap_or_else(|e| panic!("{path}: {}", e.body))
}

/// A job that delivers its logs, with one run of the past, and the run as runs/get has it.
fn failed(scenario: &str, destination: &Value) -> (Store, Value) {
    let mut store = Store::new(Clock::Fixed(NOW));
    let job = json!({ "name": "audience", "tasks": [
        { "task_key": "load", "job_cluster_key": "main", "notebook_task": { "notebook_path": "/Shared/load" } },
        { "task_key": "score", "depends_on": [{ "task_key": "load" }], "job_cluster_key": "main",
          "notebook_task": { "notebook_path": "/Shared/score" }, "libraries": [{ "pypi": { "package": "acme==2.0.0" } }] },
        { "task_key": "publish", "depends_on": [{ "task_key": "score" }], "job_cluster_key": "main",
          "notebook_task": { "notebook_path": "/Shared/publish" } }],
        "job_clusters": [{ "job_cluster_key": "main", "new_cluster": { "spark_version": "16.4.x-scala2.12", "num_workers": 4,
            "node_type_id": "r6id.2xlarge", "cluster_log_conf": destination,
            "init_scripts": [{ "workspace": { "destination": "/Shared/init.sh" } }] } }] });
    let outcome = json!({ "scenario": scenario, "task": "score" });
    let run = json!({ "job": "audience", "started": "2026-11-20T04:00:00Z", "ended": "2026-11-20T06:40:00Z", "outcome": outcome });
    let ids = crate::control::seed(&mut store, &json!({ "jobs": [job], "runs": [run] })).unwrap();
    let run = ask(&mut store, "GET", &format!("2.2/jobs/runs/get?run_id={}", ids["runs"][0]), Value::Null);
    (store, run)
}

#[test]
fn every_run_scenario_has_its_states_output_and_cluster() {
    let started = ["RUNNING", "DRIVER_HEALTHY"];
    for (scenario, life, result, code, said, event) in [
        (
            "spot-lost",
            "TERMINATED",
            "FAILED",
            "RUN_EXECUTION_ERROR",
            "maximum allowable number of times: 4",
            "NODES_LOST",
        ),
        ("user-code", "TERMINATED", "FAILED", "RUN_EXECUTION_ERROR", "KeyError: 'segment_id'", "RUNNING"),
        ("uc-permission", "TERMINATED", "FAILED", "RUN_EXECUTION_ERROR", "[INSUFFICIENT_PERMISSIONS]", "RUNNING"),
        ("init-script", "INTERNAL_ERROR", "FAILED", "CLUSTER_ERROR", "INIT_SCRIPT_FAILURE", "INIT_SCRIPTS_FINISHED"),
        ("library", "INTERNAL_ERROR", "FAILED", "LIBRARY_INSTALLATION_ERROR", "requirement acme==2.0.0", "RUNNING"),
        (
            "capacity",
            "INTERNAL_ERROR",
            "FAILED",
            "CLOUD_FAILURE",
            "sufficient r6id.2xlarge capacity",
            "ADD_NODES_FAILED",
        ),
        ("timeout", "TERMINATED", "TIMEDOUT", "CANCELED", "", "TERMINATING"),
        ("run-limit", "SKIPPED", "MAXIMUM_CONCURRENT_RUNS_REACHED", "MAX_CONCURRENT_RUNS_EXCEEDED", "", ""),
    ] {
        let (mut store, run) =
            failed(scenario, &json!({ "s3": { "destination": "s3://logs/dbx", "region": "eu-central-1" } }));
        let task = &run["tasks"][1];
        assert_eq!(
            (&task["state"]["life_cycle_state"], &task["state"]["result_state"]),
            (&json!(life), &json!(result)),
            "{scenario}"
        );
        assert_eq!(task["status"]["termination_details"]["code"], code, "{scenario}");
        assert_eq!(run["status"]["termination_details"]["code"], code, "{scenario}");
        let output =
            ask(&mut store, "GET", &format!("2.2/jobs/runs/get-output?run_id={}", task["run_id"]), Value::Null);
        assert!(output["error"].as_str().unwrap_or_default().contains(said), "{scenario}: {output}");
        assert_eq!(output["error"].is_string(), result == "FAILED", "{scenario}");
        if result == "FAILED" {
            let others = [&run["tasks"][0]["state"]["result_state"], &run["tasks"][2]["state"]["result_state"]];
            assert_eq!(others, [&json!("SUCCESS"), &json!("UPSTREAM_FAILED")], "{scenario}");
            let message = run["state"]["state_message"].as_str().unwrap();
            assert!(message.starts_with("Task score failed with message: "), "{scenario}: {message}");
        }
        let Some(id) = task["cluster_instance"]["cluster_id"].as_str().map(str::to_owned) else {
            assert_eq!(scenario, "run-limit");
            continue;
        };
        let body = json!({ "cluster_id": id, "order": "ASC", "page_size": 100 });
        let events = ask(&mut store, "POST", "2.1/clusters/events", body)["events"].clone();
        let kinds: Vec<&str> = events.as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
        assert!(kinds.contains(&event), "{scenario}: {kinds:?}");
        let ran = task["cluster_instance"]["spark_context_id"].is_string();
        assert!(started.iter().all(|kind| kinds.contains(kind) == ran), "{scenario}: {kinds:?}");
        let cluster = ask(&mut store, "GET", &format!("2.1/clusters/get?cluster_id={id}"), Value::Null);
        assert_eq!((&cluster["state"], &cluster["cluster_source"]), (&json!("TERMINATED"), &json!("JOB")));
        let listed = ask(&mut store, "GET", "2.1/clusters/list?filter_by.cluster_sources=API", Value::Null);
        assert!(listed.get("clusters").is_none(), "a job's cluster is none of people's");
        let span = run["start_time"].as_i64().unwrap()..=run["end_time"].as_i64().unwrap();
        assert!(events.as_array().unwrap().iter().all(|event| span.contains(&event["timestamp"].as_i64().unwrap())));
        let objects = &store.s3.buckets.get("logs").map(|bucket| bucket.objects.clone()).unwrap_or_default();
        assert_eq!(objects.contains_key(&format!("dbx/{id}/driver/log4j-active.log")), ran, "{scenario}");
        for (key, object) in objects {
            let text = String::from_utf8(object.bytes()).unwrap();
            assert!(!text.contains("{{"), "{scenario}: {key}: {text}");
            let times = text.lines().filter(|line| line.starts_with("26/11/")).map(|line| line[..17].to_owned());
            times.for_each(|at| {
                assert!(("26/11/20 04:00:00".."26/11/20 06:40:01").contains(&at.as_str()), "{key}: {at}")
            });
        }
        if scenario == "library" {
            let status = ask(&mut store, "GET", &format!("2.0/libraries/cluster-status?cluster_id={id}"), Value::Null);
            assert_eq!(status["library_statuses"][0]["status"], "FAILED");
        }
    }
}

#[test]
fn logs_go_where_the_cluster_says() {
    let (mut store, run) = failed("spot-lost", &json!({ "volumes": { "destination": "/Volumes/main/ops/logs" } }));
    let id = run["tasks"][1]["cluster_instance"]["cluster_id"].as_str().unwrap().to_owned();
    let listed = ask(&mut store, "GET", &format!("2.0/fs/directories/Volumes/main/ops/logs/{id}/driver"), Value::Null);
    let names: Vec<&str> = listed["contents"].as_array().unwrap().iter().map(|f| f["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["log4j-active.log", "stderr", "stdout"]);
    let (mut store, run) = failed("spot-lost", &json!({ "dbfs": { "destination": "dbfs:/cluster-logs" } }));
    let id = run["tasks"][1]["cluster_instance"]["cluster_id"].as_str().unwrap().to_owned();
    let listed = ask(&mut store, "GET", &format!("2.0/dbfs/list?path=dbfs:/cluster-logs/{id}"), Value::Null);
    assert_eq!(listed["files"].as_array().unwrap().len(), 3, "driver, executor, init_scripts");
}

#[test]
fn a_run_of_now_tells_its_story_once_and_a_repair_begins_again() {
    let (mut store, run) = failed("run-limit", &Value::Null);
    assert_eq!(run["state"]["life_cycle_state"], "SKIPPED");
    let script =
        json!({ "runs": { "audience": { "scenario": "user-code", "task": "score", "error": "ValueError: x" } } });
    store.settings = serde_json::from_value(script).unwrap();
    let job = run["job_id"].clone();
    let id = ask(&mut store, "POST", "2.2/jobs/run-now", json!({ "job_id": job }))["run_id"].clone();
    let get = format!("2.2/jobs/runs/get?run_id={id}");
    ask(&mut store, "GET", &get, Value::Null);
    let ended = ask(&mut store, "GET", &get, Value::Null);
    assert_eq!(ended["state"]["life_cycle_state"], "INTERNAL_ERROR");
    let first = ended["tasks"][1]["run_id"].clone();
    store.settings.runs.clear();
    ask(&mut store, "POST", "2.2/jobs/runs/repair", json!({ "run_id": id, "rerun_all_failed_tasks": true }));
    ask(&mut store, "GET", &get, Value::Null);
    let good = ask(&mut store, "GET", &get, Value::Null);
    assert_eq!(good["state"]["result_state"], "SUCCESS");
    let output = ask(&mut store, "GET", &format!("2.2/jobs/runs/get-output?run_id={first}"), Value::Null);
    assert_eq!(output["error"], "ValueError: x", "the old attempt is as it was");
}
