//! Which tasks run, in which order, with what; and what their runs show. No process is started here.

use super::super::route;
use super::*;
use crate::{request::Request, settings::RunOutcome, store::Clock};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

fn ask(store: &mut Store, method: &str, path: &str, body: Value) -> Value {
    route(store, &Request::internal(method, &format!("/api/{path}"), "me@example.com", body)).unwrap()
}

fn store() -> Store {
    let mut store = Store::new(Clock::Fixed(1_798_761_600_000));
    store.runs_code = true;
    store
}

fn write(store: &mut Store, path: &str, text: &str) {
    let folder = path.rsplit_once('/').unwrap().0;
    ask(store, "POST", "2.0/workspace/mkdirs", json!({ "path": folder }));
    let body = json!({ "path": path, "format": "AUTO", "content": STANDARD.encode(text), "overwrite": true });
    ask(store, "POST", "2.0/workspace/import", body);
}

/// A task that runs `/Shared/KEY.py` after others.
fn file(key: &str, after: &[&str]) -> Value {
    let on: Vec<_> = after.iter().map(|key| json!({ "task_key": key })).collect();
    let path = format!("/Workspace/Shared/{key}.py");
    json!({ "task_key": key, "depends_on": on, "spark_python_task": { "python_file": path } })
}

fn run(store: &mut Store, tasks: Value, rest: Value) -> i64 {
    let mut job = json!({ "name": "j", "tasks": tasks });
    job.as_object_mut().unwrap().extend(rest.as_object().cloned().unwrap_or_default());
    let job = ask(store, "POST", "2.2/jobs/create", job)["job_id"].clone();
    ask(store, "POST", "2.2/jobs/run-now", json!({ "job_id": job }))["run_id"].as_i64().unwrap()
}

fn see(store: &mut Store, run_id: i64) -> Value {
    ask(store, "GET", &format!("2.2/jobs/runs/get?run_id={run_id}"), Value::Null)
}

fn states(run: &Value) -> Vec<String> {
    let word = |task: &Value, name: &str| task["state"][name].as_str().unwrap_or("-").to_owned();
    let one = |t: &Value| {
        format!("{} {} {}", t["task_key"].as_str().unwrap(), word(t, "life_cycle_state"), word(t, "result_state"))
    };
    run["tasks"].as_array().unwrap().iter().map(one).collect()
}

fn end(store: &mut Store, work: &CodeWork, result: &str) {
    let end = CodeEnd { logs: Some("said".to_owned()), ..CodeEnd::plain(result, "") };
    ended(store, work.run_id, work.task_run_id, end);
}

#[test]
fn tasks_begin_when_those_before_them_have_succeeded_and_the_run_waits_for_all() {
    let mut store = store();
    write(&mut store, "/Shared/a.py", "");
    write(&mut store, "/Shared/b.py", "");
    let id = run(&mut store, json!([file("a", &[]), file("b", &["a"])]), json!({}));
    let first = take(&mut store);
    assert_eq!(first.len(), 1);
    assert!(take(&mut store).is_empty(), "it has begun");
    for _ in 0..3 {
        assert_eq!(states(&see(&mut store, id)), ["a RUNNING -", "b BLOCKED -"], "no look ends code");
    }
    end(&mut store, &first[0], "SUCCESS");
    let second = take(&mut store);
    assert_eq!(states(&see(&mut store, id)), ["a TERMINATED SUCCESS", "b RUNNING -"]);
    end(&mut store, &second[0], "SUCCESS");
    let seen = see(&mut store, id);
    assert_eq!(
        (&seen["state"]["life_cycle_state"], &seen["state"]["result_state"]),
        (&json!("TERMINATED"), &json!("SUCCESS"))
    );
    let path = format!("2.2/jobs/runs/get-output?run_id={}", second[0].task_run_id);
    let output = ask(&mut store, "GET", &path, Value::Null);
    assert_eq!((&output["logs"], &output["logs_truncated"]), (&json!("said"), &json!(false)));
}

#[test]
fn the_clock_keeps_a_run_that_is_done_and_code_keeps_one_whose_time_is_over() {
    let mut store = store();
    (store.settings.run_pending_seconds, store.settings.run_seconds) = (Some(5), Some(60));
    write(&mut store, "/Shared/a.py", "");
    let life = |store: &mut Store, id| see(store, id)["state"]["life_cycle_state"].as_str().unwrap().to_owned();
    let id = run(&mut store, json!([file("a", &[])]), json!({ "max_concurrent_runs": 2 }));
    let work = take(&mut store);
    store.advance(200);
    assert_eq!(life(&mut store, id), "RUNNING", "the code goes on");
    end(&mut store, &work[0], "SUCCESS");
    assert_eq!(life(&mut store, id), "TERMINATED");
    let id = run(&mut store, json!([file("a", &[])]), json!({}));
    let work = take(&mut store);
    end(&mut store, &work[0], "SUCCESS");
    assert_eq!(life(&mut store, id), "PENDING");
    store.advance(6);
    assert_eq!(life(&mut store, id), "RUNNING", "its time goes on");
    store.advance(60);
    assert_eq!(life(&mut store, id), "TERMINATED");
}

#[test]
fn a_failed_task_keeps_those_behind_it_from_running_unless_they_want_it() {
    let mut store = store();
    for name in ["a", "b", "c", "d"] {
        write(&mut store, &format!("/Shared/{name}.py"), "");
    }
    let mut cleanup = file("d", &["a"]);
    cleanup["run_if"] = json!("ALL_DONE");
    let id = run(&mut store, json!([file("a", &[]), file("b", &["a"]), file("c", &["b"]), cleanup]), json!({}));
    let work = take(&mut store);
    let failed = CodeEnd { error: Some("KeyError: 'x'".to_owned()), ..CodeEnd::plain("FAILED", FAILED) };
    ended(&mut store, id, work[0].task_run_id, failed);
    let work = take(&mut store);
    assert_eq!(work.len(), 1, "only the one that runs in any case");
    end(&mut store, &work[0], "SUCCESS");
    see(&mut store, id);
    let seen = see(&mut store, id);
    assert_eq!(
        states(&seen),
        ["a TERMINATED FAILED", "b TERMINATED UPSTREAM_FAILED", "c TERMINATED UPSTREAM_FAILED", "d TERMINATED SUCCESS"]
    );
    assert_eq!(seen["state"]["result_state"], "FAILED", "a leaf did not run");
    let words = "Task a failed with message: Workload failed, see run output for details.";
    assert_eq!(seen["state"]["state_message"], words);
    // It is repaired from where it failed.
    ask(&mut store, "POST", "2.2/jobs/runs/repair", json!({ "run_id": id, "rerun_all_failed_tasks": true }));
    for key in ["a", "b", "c"] {
        let work = take(&mut store);
        assert_eq!(work.len(), 1, "{key}");
        end(&mut store, &work[0], "SUCCESS");
    }
    see(&mut store, id);
    assert_eq!(see(&mut store, id)["state"]["result_state"], "SUCCESS");
}

#[test]
fn conditions_of_tasks_are_kept() {
    let end = |result: &str| CodeEnd::plain(result, "");
    let (good, bad, left_out) = (end("SUCCESS"), end("FAILED"), end("EXCLUDED"));
    let result = |run_if: &str, before: &[&CodeEnd]| {
        let before: Vec<_> = before.iter().map(|end| ("x", *end)).collect();
        kept_from(run_if, &before).map_or("runs".to_owned(), |end| end.result)
    };
    let both: &[&CodeEnd] = &[&good, &bad];
    for (run_if, before, expected) in [
        ("ALL_SUCCESS", &[&good][..], "runs"),
        ("ALL_SUCCESS", both, "UPSTREAM_FAILED"),
        ("ALL_SUCCESS", &[&left_out], "EXCLUDED"),
        ("ALL_DONE", both, "runs"),
        ("AT_LEAST_ONE_SUCCESS", both, "runs"),
        ("AT_LEAST_ONE_SUCCESS", &[&bad], "UPSTREAM_FAILED"),
        ("NONE_FAILED", &[&good, &left_out], "runs"),
        ("NONE_FAILED", both, "UPSTREAM_FAILED"),
        ("AT_LEAST_ONE_FAILED", both, "runs"),
        ("AT_LEAST_ONE_FAILED", &[&good], "EXCLUDED"),
        ("ALL_FAILED", &[&bad], "runs"),
        ("ALL_FAILED", both, "EXCLUDED"),
    ] {
        assert_eq!(result(run_if, before), expected, "{run_if} {before:?}");
    }
}

#[test]
fn other_tasks_are_simulated_and_say_that_they_were_not_run() {
    let mut store = store();
    let sql = json!([{ "task_key": "q", "sql_task": { "warehouse_id": "w", "query": { "query_id": "q" } } }]);
    let id = run(&mut store, sql, json!({}));
    assert!(take(&mut store).is_empty());
    see(&mut store, id);
    let seen = see(&mut store, id);
    assert_eq!(seen["state"]["result_state"], "SUCCESS");
    let output = ask(&mut store, "GET", &format!("2.2/jobs/runs/get-output?run_id={id}"), Value::Null);
    assert!(output["logs"].as_str().unwrap().contains("this task was not run"), "{output}");
}

#[test]
fn a_run_whose_end_the_settings_tell_and_every_run_of_a_plain_sandbox_is_simulated() {
    let mut store = store();
    write(&mut store, "/Shared/a.py", "");
    let outcome = RunOutcome { result: Some("FAILED".into()), ..RunOutcome::default() };
    store.settings.runs.insert("j".to_owned(), outcome);
    let told = run(&mut store, json!([file("a", &[])]), json!({}));
    store.settings.runs.clear();
    store.runs_code = false;
    let plain = run(&mut store, json!([file("a", &[])]), json!({}));
    assert!(take(&mut store).is_empty());
    for id in [told, plain] {
        assert!(store.databricks.runs[&id].code.is_none());
    }
}

#[test]
fn code_that_is_not_there_fails_the_task_with_its_path() {
    let mut store = store();
    let tasks = json!([
        file("gone", &[]),
        { "task_key": "n", "notebook_task": { "notebook_path": "/Shared/none" } },
        { "task_key": "w", "python_wheel_task": { "package_name": "p", "entry_point": "main" },
          "libraries": [{ "whl": "/Volumes/a/b/c/p-1-py3-none-any.whl" }] },
    ]);
    let id = run(&mut store, tasks, json!({}));
    assert!(take(&mut store).is_empty());
    see(&mut store, id);
    see(&mut store, id);
    for (at, words) in ["/Workspace/Shared/gone.py", "/Shared/none", "p-1-py3-none-any.whl"].iter().enumerate() {
        let task = store.databricks.runs[&id].task_run_ids[at];
        let output = ask(&mut store, "GET", &format!("2.2/jobs/runs/get-output?run_id={task}"), Value::Null);
        assert!(output["error"].as_str().unwrap().contains(words), "{output}");
    }
}

#[test]
fn a_process_gets_the_files_around_its_own_and_filled_in_parameters() {
    let mut store = store();
    let tree = "/Users/me@example.com/.plumb/shop/dev/code/0f0f";
    write(&mut store, &format!("{tree}/shop/src/load.py"), "import shared");
    write(&mut store, &format!("{tree}/shop/lib/shared.py"), "");
    write(&mut store, "/Users/me@example.com/.plumb/shop/dev/code/1e1e/other.py", "");
    let task = json!([{ "task_key": "load", "spark_python_task": {
        "python_file": format!("/Workspace{tree}/shop/src/load.py"),
        "parameters": ["{{job.parameters.day}}", "{{ job.run_id }}/{{task.name}}", "{{tasks.x.values.y}}", "{{job.start_time.iso_date}}", "{{"],
    } }]);
    let id = run(&mut store, task, json!({ "parameters": [{ "name": "day", "default": "monday" }] }));
    let work = take(&mut store).remove(0);
    let names: Vec<&str> = work.files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["code/shop/lib/shared.py", "code/shop/src/load.py"]);
    assert_eq!((work.folder.as_str(), work.root), ("code/shop/src", format!("/Workspace{tree}")));
    let given = json!(["monday", format!("{id}/load"), "{{tasks.x.values.y}}", "2027-01-01", "{{"]);
    assert_eq!((&work.spec["arguments"], &work.spec["path"]), (&given, &json!(["code/shop/src"])));
}

#[test]
fn a_name_that_leads_out_of_the_copy_is_refused() {
    let mut store = store();
    store.databricks.volumes.write("/Volumes/a/b/c/x/../../../../../../evil.py", b"", 0).unwrap();
    store.databricks.volumes.write("/Volumes/a/b/c/ok.py", b"", 0).unwrap();
    let task = json!([{ "task_key": "t", "spark_python_task": { "python_file": "/Volumes/a/b/c/ok.py" } }]);
    let id = run(&mut store, task, json!({}));
    assert!(take(&mut store).is_empty());
    let code = store.databricks.runs[&id].code.clone().unwrap();
    assert!(code.ends().next().unwrap().message.contains("cannot be copied"), "{code:?}");
}

#[test]
fn a_cancelled_run_and_one_that_is_loaded_are_over() {
    let mut store = store();
    write(&mut store, "/Shared/a.py", "");
    let id = run(&mut store, json!([file("a", &[])]), json!({}));
    let work = take(&mut store).remove(0);
    see(&mut store, id);
    ask(&mut store, "POST", "2.2/jobs/runs/cancel", json!({ "run_id": id }));
    assert!(!is_under_way(&store, id, work.task_run_id), "its process is to end");
    end(&mut store, &work, "SUCCESS");
    assert_eq!(states(&see(&mut store, id)), ["a TERMINATED CANCELED"]);

    let id = run(&mut store, json!([file("a", &[])]), json!({}));
    take(&mut store);
    see(&mut store, id);
    let mut again = Store::new(Clock::Fixed(1_798_761_600_000));
    again.restore(store.dump()).unwrap();
    assert!(!again.runs_code, "a state file does not switch it on");
    let seen = see(&mut again, id);
    assert_eq!(states(&seen), ["a TERMINATED FAILED"]);
    assert!(seen["tasks"][0]["state"]["state_message"].as_str().unwrap().contains("sandbox ended"), "{seen}");
}

#[test]
fn a_wheel_comes_from_the_libraries_or_from_the_environment_with_its_parameters() {
    let mut store = store();
    for name in ["etl-1.4-py3-none-any.whl", "etl-1.4-cp311-cp311-linux_x86_64.whl"] {
        store.databricks.volumes.write(&format!("/Volumes/a/b/c/{name}"), b"PK", 0).unwrap();
    }
    let whl = "/Volumes/a/b/c/etl-1.4-py3-none-any.whl";
    let task = |key: &str, rest: Value| {
        let mut task = json!({ "task_key": key });
        task.as_object_mut().unwrap().extend(rest.as_object().cloned().unwrap());
        task
    };
    let plain = json!({ "package_name": "etl", "entry_point": "main", "parameters": ["{{task.name}}"] });
    let named = json!({ "package_name": "etl", "entry_point": "main", "named_parameters": { "mode": "full" } });
    let foreign = "dbfs:/Volumes/a/b/c/etl-1.4-cp311-cp311-linux_x86_64.whl";
    let tasks = json!([
        task(
            "a",
            json!({ "python_wheel_task": plain, "libraries": [{ "whl": format!("dbfs:{whl}") }, { "pypi": { "package": "x" } }] })
        ),
        task("b", json!({ "python_wheel_task": named, "environment_key": "e" })),
        task("c", json!({ "python_wheel_task": plain, "libraries": [{ "whl": foreign }] })),
    ]);
    let environments =
        json!([{ "environment_key": "e", "spec": { "client": "1", "dependencies": [whl, "pandas==2"] } }]);
    let rest = json!({ "environments": environments, "parameters": [{ "name": "day", "default": "monday" }] });
    let id = run(&mut store, tasks, rest);
    let work = take(&mut store);
    assert_eq!(work.len(), 2, "the third is for one machine only");
    assert_eq!(
        (&work[0].spec["arguments"], &work[0].spec["path"]),
        (&json!(["a"]), &json!(["wheels/0/etl-1.4-py3-none-any.whl"]))
    );
    assert!(work[0].spec["notes"][0].as_str().unwrap().contains("was not installed"), "{:?}", work[0].spec);
    assert_eq!(work[1].spec["arguments"], json!(["--day=monday", "--mode=full"]));
    assert_eq!(work[1].spec["notes"], json!(["this library was not installed: pandas==2"]));
    let code = store.databricks.runs[&id].code.clone().unwrap();
    assert!(code.ends().next().unwrap().message.contains("no pure Python wheel"), "{code:?}");
}

#[test]
fn the_leaf_tasks_decide_how_a_run_ends() {
    let tasks = [file("a", &[]), file("b", &["a"]), file("c", &[])];
    let result = |ends: [&str; 3]| {
        let ends = ends.map(|result| CodeStage::Ended(Box::new(CodeEnd::plain(result, "why"))));
        CodeRun(ends.to_vec()).of_run(&tasks)
    };
    assert_eq!(result(["SUCCESS", "EXCLUDED", "SUCCESS"]), ("SUCCESS", String::new()));
    let words = "Task a failed with message: why.".to_owned();
    assert_eq!(result(["FAILED", "SUCCESS", "SUCCESS"]), ("SUCCESS_WITH_FAILURES", words.clone()));
    assert_eq!(result(["FAILED", "UPSTREAM_FAILED", "SUCCESS"]), ("FAILED", words));
    assert_eq!(result(["SUCCESS", "SUCCESS", "TIMEDOUT"]).0, "FAILED");
}
