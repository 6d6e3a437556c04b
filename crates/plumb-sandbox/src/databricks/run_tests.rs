//! Runs start, end, queue and are skipped.

use super::super::route;
use crate::{
    errors::Handled,
    request::Request,
    settings::RunOutcome,
    store::{Clock, Store},
};
use serde_json::{Value, json};

fn ask(store: &mut Store, method: &str, path: &str, body: Value) -> Handled {
    route(store, &Request::internal(method, &format!("/api/2.2/jobs/{path}"), "me@example.com", body))
}

fn job(store: &mut Store, settings: Value) -> i64 {
    ask(store, "POST", "create", settings).unwrap()["job_id"].as_i64().unwrap()
}

fn run(store: &mut Store, job_id: i64) -> i64 {
    ask(store, "POST", "run-now", json!({ "job_id": job_id })).unwrap()["run_id"].as_i64().unwrap()
}

fn see(store: &mut Store, run_id: i64) -> Value {
    ask(store, "GET", &format!("runs/get?run_id={run_id}"), Value::Null).unwrap()
}

fn two_tasks() -> Value {
    json!({ "name": "j", "tasks": [
        { "task_key": "a", "notebook_task": { "notebook_path": "/a" } },
        { "task_key": "b", "depends_on": [{ "task_key": "a" }], "notebook_task": { "notebook_path": "/b" } },
    ] })
}

#[test]
fn a_run_moves_on_with_every_get_unless_time_is_counted() {
    let mut store = Store::new(Clock::Fixed(0));
    let id = job(&mut store, two_tasks());
    let run_id = run(&mut store, id);
    assert_eq!(see(&mut store, run_id)["state"]["life_cycle_state"], "RUNNING");
    let ended = see(&mut store, run_id);
    assert_eq!(
        (&ended["state"]["life_cycle_state"], &ended["state"]["result_state"]),
        (&json!("TERMINATED"), &json!("SUCCESS"))
    );

    store.settings.run_pending_seconds = Some(5);
    store.settings.run_seconds = Some(60);
    let run_id = run(&mut store, id);
    assert_eq!(see(&mut store, run_id)["state"]["life_cycle_state"], "PENDING");
    store.advance(5);
    assert_eq!(see(&mut store, run_id)["state"]["life_cycle_state"], "RUNNING");
    store.advance(60);
    assert_eq!(see(&mut store, run_id)["state"]["life_cycle_state"], "TERMINATED");
}

#[test]
fn a_failing_task_keeps_those_behind_it_from_running() {
    let mut store = Store::new(Clock::Fixed(0));
    let id = job(&mut store, two_tasks());
    let outcome = RunOutcome {
        result: Some("FAILED".to_owned()),
        task: Some("a".to_owned()),
        error: Some("AnalysisException: no such table".to_owned()),
        ..RunOutcome::default()
    };
    store.settings.runs.insert("j".to_owned(), outcome);
    let run_id = run(&mut store, id);
    see(&mut store, run_id);
    let ended = see(&mut store, run_id);
    let results: Vec<_> =
        ended["tasks"].as_array().unwrap().iter().map(|t| t["state"]["result_state"].clone()).collect();
    assert_eq!(results, ["FAILED", "UPSTREAM_FAILED"]);
    let task = ended["tasks"][0]["run_id"].as_i64().unwrap();
    let output = ask(&mut store, "GET", &format!("runs/get-output?run_id={task}"), Value::Null).unwrap();
    assert_eq!(output["error"], "AnalysisException: no such table");
    assert!(ask(&mut store, "GET", &format!("runs/get-output?run_id={run_id}"), Value::Null).is_err());
}

#[test]
fn too_many_runs_queue_or_are_skipped() {
    let mut store = Store::new(Clock::Fixed(0));
    let id = job(&mut store, two_tasks());
    let (first, second) = (run(&mut store, id), run(&mut store, id));
    assert_eq!(see(&mut store, second)["state"]["life_cycle_state"], "QUEUED");
    see(&mut store, first);
    see(&mut store, first);
    assert_eq!(see(&mut store, second)["state"]["life_cycle_state"], "RUNNING");
    // Whoever looks at the queued run alone sees it start as well.
    let (busy, waits) = (run(&mut store, id), run(&mut store, id));
    let states: Vec<_> = (0..5).map(|_| see(&mut store, waits)["state"]["life_cycle_state"].clone()).collect();
    assert_eq!(states, ["QUEUED", "QUEUED", "PENDING", "RUNNING", "TERMINATED"]);
    assert_eq!(see(&mut store, busy)["state"]["life_cycle_state"], "TERMINATED");
    let plain = job(&mut store, json!({ "queue": { "enabled": false } }));
    run(&mut store, plain);
    let skipped = run(&mut store, plain);
    assert_eq!(see(&mut store, skipped)["state"]["life_cycle_state"], "SKIPPED");
}

#[test]
fn a_queued_run_begins_when_there_is_room_whenever_somebody_looks() {
    let mut store = Store::new(Clock::Fixed(0));
    store.settings.run_seconds = Some(60);
    let id = job(&mut store, two_tasks());
    let runs: Vec<i64> = (0..3).map(|_| run(&mut store, id)).collect();
    store.advance(150);
    let seen: Vec<Value> = runs.iter().map(|run| see(&mut store, *run)).collect();
    let states: Vec<_> = seen.iter().map(|r| r["state"]["life_cycle_state"].clone()).collect();
    assert_eq!(states, ["TERMINATED", "TERMINATED", "RUNNING"]);
    let waited: Vec<_> = seen.iter().map(|r| r["queue_duration"].clone()).collect();
    assert_eq!(waited, [Value::Null, json!(60_000), json!(120_000)]);
    assert_eq!((&seen[1]["start_time"], &seen[1]["end_time"]), (&json!(0), &json!(120_000)));
    store.advance(30);
    assert_eq!(see(&mut store, runs[2])["state"]["life_cycle_state"], "TERMINATED");
    // Two at a time: each begins when one of the two ends.
    let pair = json!({ "name": "pair", "max_concurrent_runs": 2, "tasks": [{ "task_key": "a" }] });
    let id = job(&mut store, pair);
    let first = run(&mut store, id);
    store.advance(20);
    let others: Vec<i64> = (0..3).map(|_| run(&mut store, id)).collect();
    store.advance(500);
    let waited: Vec<_> = others.iter().map(|run| see(&mut store, *run)["queue_duration"].clone()).collect();
    assert_eq!(waited, [Value::Null, json!(40_000), json!(60_000)]);
    assert_eq!(see(&mut store, first)["state"]["life_cycle_state"], "TERMINATED");
}

#[test]
fn a_token_starts_one_run_and_deleting_the_job_ends_it() {
    let mut store = Store::new(Clock::Fixed(0));
    let id = job(&mut store, two_tasks());
    let body = json!({ "job_id": id, "idempotency_token": "t" });
    let first = ask(&mut store, "POST", "run-now", body.clone()).unwrap();
    assert_eq!(first, ask(&mut store, "POST", "run-now", body).unwrap());
    ask(&mut store, "POST", "delete", json!({ "job_id": id })).unwrap();
    let ended = see(&mut store, first["run_id"].as_i64().unwrap());
    assert_eq!(ended["state"]["result_state"], "CANCELED");
}

#[test]
fn a_policy_takes_hold_when_the_job_runs() {
    let mut store = Store::new(Clock::Fixed(0));
    let policy = Request::internal(
        "POST",
        "/api/2.0/policies/clusters/create",
        "me",
        json!({
            "name": "p", "definition": json!({ "num_workers": { "type": "range", "maxValue": 2 } }).to_string(),
        }),
    );
    let policy = route(&mut store, &policy).unwrap()["policy_id"].clone();
    let id = job(
        &mut store,
        json!({ "tasks": [{ "task_key": "a", "new_cluster": { "policy_id": policy, "num_workers": 9 } }] }),
    );
    let run_id = run(&mut store, id);
    let run = see(&mut store, run_id);
    assert_eq!(run["state"]["life_cycle_state"], "INTERNAL_ERROR");
    assert!(run["state"]["state_message"].as_str().unwrap().contains("less than or equal to 2"));
}
