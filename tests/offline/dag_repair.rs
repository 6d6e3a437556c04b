//! `repair` of an AirflowDag: what the operator of the generated file does with a run that did not end well.

use plumb_core::kinds::airflow::dag_spec::DagSpec;
use plumb_core::kinds::airflow::python;
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

fn file(repair: Value) -> String {
    let spec = json!({ "dag_id": "mended", "tasks": [{ "id": "load", "job": "load", "repair": repair }] });
    let spec: DagSpec = serde_json::from_value(spec).unwrap();
    python::write(&spec, "dags/test/AirflowDag/case 0123456789ab-deadbeef")
}

/// Plays a case with `maxRepairs: 2`, or as told.
fn played_with(repair: Value, case: &Value) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dag.py");
    std::fs::write(&path, file(repair)).unwrap();
    let runner = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/offline/dag_repair.py");
    let mut command = Command::new("python3");
    let pipes = command.arg(runner).arg(&path).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().unwrap();
    child.stdin.take().unwrap().write_all(case.to_string().as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).unwrap()
}

fn played(case: Value) -> Value {
    played_with(json!({ "maxRepairs": 2 }), &case)
}

fn ended(result: &str) -> Value {
    json!({ "state": { "life_cycle_state": "TERMINATED", "result_state": result, "state_message": "dry" }, "run_page_url": "u" })
}

fn active() -> Value {
    json!({ "state": { "life_cycle_state": "RUNNING" }, "run_page_url": "u" })
}

fn has(said: &Value, line: &str) -> bool {
    said["log"].as_array().unwrap().iter().any(|l| l.as_str().unwrap().contains(line))
}

fn asked(said: &Value) -> usize {
    said["asked"].as_array().unwrap().len()
}

#[test]
fn a_run_that_failed_is_repaired_until_it_succeeds() {
    let (failed, well) = (ended("FAILED"), ended("SUCCESS"));
    // The provider looks, then the operator: before each repair, and while it goes on.
    let runs = [&failed, &failed, &active(), &failed, &well].map(Clone::clone);
    let said = played(json!({ "runs": runs, "says": ["begun", "begun"] }));
    assert_eq!((&said["end"], asked(&said), &said["slept"]), (&json!("well"), 2, &json!(1)), "{said:#}");
    let first = json!({ "run_id": 7, "rerun_all_failed_tasks": true, "rerun_dependent_tasks": true });
    assert_eq!(said["asked"][0], first);
    assert_eq!(said["asked"][1]["latest_repair_id"], 100, "the second one has to know of the first");
    for line in ["repair 1 of 2 of run 7 has begun: u", "repair 2 of 2 of run 7 has begun", "after 2 of 2 repairs"] {
        assert!(has(&said, line), "{line}: {said:#}");
    }
}

#[test]
fn a_repair_that_the_service_does_not_show_yet_is_waited_for() {
    let runs = [ended("FAILED"), ended("FAILED"), ended("SUCCESS")];
    let said = played_with(json!({ "maxRepairs": 1 }), &json!({ "runs": runs, "says": ["begun"], "late": 3 }));
    assert_eq!((&said["end"], asked(&said), &said["slept"]), (&json!("well"), 1, &json!(3)), "{said:#}");
}

#[test]
fn what_no_repair_helps_fails_and_says_so() {
    let said = played(json!({ "runs": [ended("FAILED")], "says": ["begun", "begun", "begun"] }));
    assert_eq!(asked(&said), 2);
    assert_eq!(said["end"], "RuntimeError: run 7 ended as FAILED: dry (u); 2 of 2 repairs did not help");
}

#[test]
fn a_deferred_task_counts_its_repairs_wherever_it_goes_on() {
    // Two looks of the provider's, and one of the operator's, between two times of waiting.
    let failed = ended("FAILED");
    let runs = [&failed, &failed, &active(), &failed, &failed, &active(), &failed].map(Clone::clone);
    let said = played(json!({ "runs": runs, "says": ["begun", "begun", "begun"], "deferrable": true }));
    assert_eq!((asked(&said), &said["deferred"], &said["slept"]), (2, &json!(3), &json!(0)), "{said:#}");
    assert_eq!(said["end"], "RuntimeError: run 7 ended as FAILED: dry (u); 2 of 2 repairs did not help");
    // A provider that takes a failure for the end of its work.
    let runs = [ended("FAILED"), active(), ended("SUCCESS")];
    let said = played(json!({ "runs": runs, "says": ["begun"], "deferrable": true, "silent": true }));
    assert_eq!((&said["end"], asked(&said), &said["deferred"]), (&json!("well"), 1, &json!(1)), "{said:#}");
}

#[test]
fn what_was_ended_on_purpose_is_left_alone() {
    for result in ["CANCELED", "TIMEDOUT", "MAXIMUM_CONCURRENT_RUNS_REACHED", "UPSTREAM_CANCELED"] {
        let said = played(json!({ "runs": [ended(result)], "says": [] }));
        assert_eq!(said["end"], "Failed: the provider says that it failed", "{result}");
        assert!(has(&said, "not repaired: what was cancelled, timed out or never began"), "{said:#}");
    }
    let skipped = json!({ "state": { "life_cycle_state": "SKIPPED" } });
    assert_eq!(asked(&played(json!({ "runs": [skipped], "says": [] }))), 0);
    // What never was a run cannot be repaired.
    let said = played(json!({ "runs": [], "says": [], "unsent": true }));
    assert_eq!(said["end"], "Failed: there is no such job");
    // Some tasks failed, and the run counts as done: to the provider that is a failure.
    let said =
        played(json!({ "runs": [ended("SUCCESS_WITH_FAILURES"), ended("SUCCESS_WITH_FAILURES"), ended("SUCCESS")],
        "says": ["begun"] }));
    assert_eq!((&said["end"], asked(&said)), (&json!("well"), 1));
}

#[test]
fn a_refusal_ends_it_and_a_lost_answer_does_not() {
    let said = played(json!({ "runs": [ended("FAILED")], "says": ["refused"] }));
    assert_eq!(said["end"], "Failed: the provider says that it failed");
    assert!(has(&said, "not repaired: repair 1 of 2 of run 7 was refused: refused"), "{said:#}");
    let runs = [ended("FAILED"), ended("FAILED"), active(), ended("SUCCESS")];
    let said = played(json!({ "runs": runs, "says": ["lost"] }));
    assert_eq!((&said["end"], asked(&said)), (&json!("well"), 1), "{said:#}");
    assert!(has(&said, "repair 1 of 2 of run 7 is under way, though this was answered: lost"), "{said:#}");
}

#[test]
fn parameters_are_those_of_the_run() {
    let asked_of = |repair: &Value, more: Value| {
        let mut failed = ended("FAILED");
        failed.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let said = played_with(
            repair.clone(),
            &json!({ "runs": [failed.clone(), failed, ended("SUCCESS")], "says": ["begun"] }),
        );
        let mut asked = said["asked"][0].as_object().unwrap().clone();
        for plain in ["run_id", "rerun_all_failed_tasks", "rerun_dependent_tasks"] {
            asked.remove(plain).unwrap();
        }
        Value::Object(asked)
    };
    let kept = json!({ "maxRepairs": 2 });
    let of_job =
        json!([{ "name": "month", "default": "none", "value": "2026-10" }, { "name": "days", "default": "3" }]);
    let all = json!({ "job_parameters": { "month": "2026-10", "days": "3" } });
    assert_eq!(asked_of(&kept, json!({ "job_parameters": of_job })), all);
    // Some are told twice.
    let given = json!({ "job_parameters": { "month": "2026-10" } });
    assert_eq!(asked_of(&kept, json!({ "job_parameters": of_job, "overriding_parameters": given })), all);
    // The older ways exclude those of the job.
    let given = json!({ "notebook_params": { "day": "1" }, "jar_params": [] });
    let notebook = json!({ "notebook_params": { "day": "1" } });
    assert_eq!(asked_of(&kept, json!({ "job_parameters": of_job, "overriding_parameters": given })), notebook);
    assert_eq!(asked_of(&kept, json!({ "overriding_parameters": null, "job_parameters": null })), json!({}));
    let dropped = json!({ "maxRepairs": 2, "keepParameters": false });
    assert_eq!(asked_of(&dropped, json!({ "job_parameters": of_job })), json!({}));
}

#[test]
fn a_dag_that_repairs_nothing_has_none_of_it() {
    let plain = |task: Value| {
        let spec = json!({ "dag_id": "x", "defaults": { "repair": { "maxRepairs": 1 } }, "tasks": [task] });
        python::write(&serde_json::from_value(spec).unwrap(), "dags/test/AirflowDag/case 0123456789ab-deadbeef")
    };
    let without = plain(json!({ "id": "a", "job": "a", "wait": false }));
    assert!(
        !without.contains("Repairing") && !without.contains("import time") && !without.contains("triggers"),
        "{without}"
    );
    let with = plain(json!({ "id": "a", "job": "a" }));
    assert!(with.contains("max_repairs=SPEC[\"defaults\"][\"repair\"][\"maxRepairs\"],"), "{with}");
}
