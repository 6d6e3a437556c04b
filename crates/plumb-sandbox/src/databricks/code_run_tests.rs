//! Which code a run runs, and what becomes of it, without any process.

use super::super::route;
use super::*;
use crate::{request::Request, store::Clock};
use serde_json::json;

fn ask(store: &mut Store, method: &str, path: &str, body: Value) -> Value {
    route(store, &Request::internal(method, &format!("/api/{path}"), "me@example.com", body)).unwrap()
}

/// A store with a run of two tasks, one after the other, each a file of a volume.
fn begun(runs_code: bool) -> (Store, i64) {
    let mut store = Store::new(Clock::Fixed(0));
    store.runs_code = runs_code;
    for (path, text) in [("/Volumes/a/b/c/x.py", "1"), ("/Volumes/a/b/c/../../../y.py", "2")] {
        store.databricks.volumes.write(path, text.as_bytes(), 0).unwrap();
    }
    let task = |key: &str| json!({ "task_key": key, "spark_python_task": { "python_file": "/Volumes/a/b/c/x.py" } });
    let mut last = task("last");
    last["depends_on"] = json!([{ "task_key": "first" }]);
    let job = ask(&mut store, "POST", "2.2/jobs/create", json!({ "name": "j", "tasks": [last, task("first")] }));
    let run = ask(&mut store, "POST", "2.2/jobs/run-now", json!({ "job_id": job["job_id"] }));
    (store, run["run_id"].as_i64().unwrap())
}

fn look(store: &mut Store, run_id: i64) -> Value {
    ask(store, "GET", &format!("2.2/jobs/runs/get?run_id={run_id}"), Value::Null)
}

#[test]
fn a_run_lasts_until_its_code_has_ended_and_its_tasks_come_in_their_order() {
    let (mut store, id) = begun(true);
    assert_eq!((due(&mut store), due(&mut store)), (vec![id], vec![]));
    let (at, task, work) = next(&mut store, id).unwrap();
    // What would be written outside of the copy is not in it.
    assert_eq!((at, work.unwrap().files.keys().cloned().collect::<Vec<_>>()), (1, vec!["x.py".to_owned()]));
    for _ in 0..3 {
        assert_eq!(look(&mut store, id)["state"]["life_cycle_state"], "RUNNING");
    }
    ended(&mut store, id, (at, task), CodeEnd::default());
    let (at, task, _) = next(&mut store, id).unwrap();
    assert_eq!(at, 0);
    ended(&mut store, id, (at, task), CodeEnd::failed("no".to_owned()));
    assert!(next(&mut store, id).is_none());
    let seen = look(&mut store, id);
    assert_eq!(
        (&seen["state"]["result_state"], &seen["tasks"][1]["state"]["result_state"]),
        (&json!("FAILED"), &json!("SUCCESS"))
    );
}

#[test]
fn a_run_that_is_cancelled_is_not_wanted_any_more() {
    let (mut store, id) = begun(true);
    due(&mut store);
    let (at, task, _) = next(&mut store, id).unwrap();
    assert!(is_wanted(&store, id, task));
    ask(&mut store, "POST", "2.2/jobs/runs/cancel", json!({ "run_id": id }));
    assert!(!is_wanted(&store, id, task));
    ended(&mut store, id, (at, task), CodeEnd::default());
    assert!(next(&mut store, id).is_none());
    assert_eq!(look(&mut store, id)["state"]["result_state"], "CANCELED");
}

#[test]
fn a_run_whose_sandbox_ended_is_no_success() {
    let (mut store, id) = begun(true);
    due(&mut store);
    assert!(next(&mut store, id).is_some());
    store.runs_code = false;
    forget(&mut store);
    look(&mut store, id);
    let seen = look(&mut store, id);
    assert_eq!(seen["state"]["life_cycle_state"], "INTERNAL_ERROR");
    assert!(seen["state"]["state_message"].as_str().unwrap().contains("sandbox ended"), "{seen}");
}

#[test]
fn without_the_switch_no_run_has_code() {
    let (mut store, id) = begun(false);
    assert_eq!((due(&mut store), next(&mut store, id).is_none()), (vec![], true));
    assert_eq!(look(&mut store, id)["state"]["life_cycle_state"], "RUNNING");
    assert_eq!(look(&mut store, id)["state"]["result_state"], "SUCCESS");
}

#[test]
fn the_whole_tree_of_a_hash_is_copied_and_else_the_folder() {
    let of = |place: &str| root_of(place).unwrap();
    let tree = "/Shared/.plumb/shop/dev/code/abc";
    assert_eq!(of(&format!("/Workspace{tree}/src/a.py")), (tree.to_owned(), "src/a.py".to_owned()));
    assert_eq!(of("/Shared/x/a.py"), ("/Shared/x".to_owned(), "a.py".to_owned()));
    assert!(root_of("/a.py").is_err());
}
