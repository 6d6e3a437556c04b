//! Airflow 2 and 3.

use super::*;
use serde_json::json;

/// As Airflow 2 answers.
const RUNS: &str = r#"{
 "dag_runs": [
  {"conf": {}, "dag_id": "monthly_sales", "dag_run_id": "scheduled__2026-09-01T00:00:00+00:00", "state": "success",
   "start_date": "2026-10-01T02:00:00+00:00", "run_type": "scheduled"},
  {
   "conf": {},
   "dag_id": "monthly_sales",
   "dag_run_id": "scheduled__2026-09-30T22:00:00+00:00",
   "data_interval_end": "2026-10-31T23:00:00+00:00",
   "data_interval_start": "2026-09-30T22:00:00+00:00",
   "end_date": "2026-11-01T04:00:00+00:00",
   "execution_date": "2026-09-30T22:00:00+00:00",
   "run_type": "scheduled",
   "start_date": "2026-11-01T02:00:00+00:00",
   "state": "failed"
  }
 ],
 "total_entries": 2
}"#;

fn instance(task: &str, number: u32, state: &str) -> Value {
    json!({"task_id": task, "dag_id": "d", "dag_run_id": "r", "map_index": -1, "state": state, "try_number": number,
        "max_tries": 2, "end_date": "2026-11-22T11:08:55.228394Z", "operator": "DatabricksRunNowOperator", "pool": "p"})
}

#[test]
fn the_newest_run_counts_and_its_middle_names_the_month() {
    let facts = files(&[("runs.json", RUNS)]);
    assert_eq!(outcome(&facts), RunOutcome::Failed);
    assert_eq!(facts.subject.name, "monthly_sales");
    assert_eq!(facts.subject.run.as_deref(), Some("monthly_sales/scheduled__2026-09-30T22:00:00+00:00"));
    assert_eq!(facts.subject.period.as_deref(), Some("2026-10"), "Berlin's October begins in UTC's September");
    assert_eq!(facts.outcomes[0].place.line, Some(15));
}

#[test]
fn a_run_of_airflow_3_says_its_period_where_it_knows_it() {
    let run = |more: Value| {
        let mut run = json!({"dag_run_id": "r1", "dag_id": "d", "logical_date": null, "run_type": "manual", "state": "running",
            "start_date": "2026-11-22T11:10:59.467177Z", "conf": {}});
        for (name, value) in more.as_object().unwrap() {
            run[name] = value.clone();
        }
        asked(&run)
    };
    assert_eq!(run(json!({})).subject.period, None);
    assert_eq!(outcome(&run(json!({}))), RunOutcome::Running);
    assert_eq!(run(json!({"conf": {"month": "2026-08"}})).subject.period.as_deref(), Some("2026-08"));
    let scheduled = run(json!({"run_type": "scheduled", "logical_date": "2026-11-01T02:00:00Z"}));
    assert_eq!(scheduled.subject.period.as_deref(), Some("2026-11-01"));
    let manual = run(json!({"logical_date": "2026-11-22T11:10:00Z"}));
    assert_eq!(manual.subject.period, None, "the time at which somebody pressed the button");
}

#[test]
fn of_a_task_the_last_try_counts() {
    use RunOutcome::{Failed, Running, Succeeded, Unknown};
    let table = [
        (vec![instance("a", 1, "success"), instance("b", 0, "skipped")], Succeeded, vec![]),
        (vec![instance("a", 2, "success"), instance("a", 1, "failed")], Succeeded, vec![]),
        (
            vec![instance("a", 1, "up_for_retry"), instance("a", 2, "failed"), instance("b", 0, "upstream_failed")],
            Failed,
            vec!["d/r/a try 2", "d/r/b", "d/r/a try 1"],
        ),
        (vec![instance("a", 1, "up_for_retry")], Running, vec!["d/r/a try 1"]),
        (vec![instance("a", 1, "failed"), instance("b", 1, "running")], Running, vec!["d/r/a try 1"]),
        (vec![instance("a", 1, "a_new_state")], Running, vec![]),
        (vec![], Unknown, vec![]),
    ];
    for (instances, expected, about) in table {
        let facts = asked(&json!({"task_instances": instances, "total_entries": 9}));
        let about: Vec<String> = about.iter().map(|about| format!("AIRFLOW_TASK_FAILED Wrapper {about}")).collect();
        assert_eq!((outcome(&facts), told(&facts)), (expected, about), "{instances:?}");
    }
    let mut mapped = instance("a", 1, "failed");
    mapped["map_index"] = json!(3);
    let facts = asked(&mapped);
    assert_eq!(told(&facts), ["AIRFLOW_TASK_FAILED Wrapper d/r/a[3] try 1"]);
    assert_eq!(facts.subject.run.as_deref(), Some("d/r"));
}

#[test]
fn a_run_decides_over_its_tasks_and_databricks_over_airflow() {
    let tasks = json!({"task_instances": [instance("a", 1, "failed")]}).to_string();
    let run = json!({"dag_id": "d", "dag_run_id": "r", "state": "success"}).to_string();
    let job = json!({"run_id": 1, "run_name": "etl", "state": {"life_cycle_state": "RUNNING"}}).to_string();
    assert_eq!(outcome(&files(&[("run.json", &run), ("tasks.json", &tasks)])), RunOutcome::Succeeded);
    let facts = files(&[("job.json", &job), ("run.json", &run), ("tasks.json", &tasks)]);
    assert_eq!(outcome(&facts), RunOutcome::Running);
    assert_eq!(facts.subject.system, "databricks");
}

/// As Airflow 3 answers.
const IMPORTS: &str = r#"{
 "import_errors": [
  {
   "import_error_id": 1,
   "timestamp": "2026-11-22T11:00:58.370551Z",
   "filename": "monthly_sales.py",
   "bundle_name": "dags-folder",
   "stack_trace": "Traceback (most recent call last):\n  File \"/dags/monthly_sales.py\", line 2, in <module>\n    import x\nModuleNotFoundError: No module named 'x'\n"
  },
  {"filename": "/dags/other.py", "stack_trace": "ModuleNotFoundError: No module named 'y'", "timestamp": null}
 ],
 "total_entries": 2
}"#;

#[test]
fn import_errors_of_other_dags_are_no_cause() {
    let facts = files(&[("imports.json", IMPORTS)]);
    let both = ["AIRFLOW_IMPORT Cause", "PY_MODULE Cause"];
    assert_eq!(told(&facts), [both, both].concat());
    assert_eq!(facts.clues[0].slots["path"], "monthly_sales.py");
    assert_eq!(facts.clues[1].text, "ModuleNotFoundError: No module named 'x'");
    assert_eq!(told(&files(&[("imports.json", IMPORTS), ("runs.json", RUNS)])), both);
}

#[test]
fn who_marked_a_task_is_told_from_airflows_own_changes() {
    let event = |name: &str, extra: Value| {
        json!({"event_log_id": 79, "when": "2026-11-22T11:07:12.637957Z", "dag_id": "d", "task_id": "t", "run_id": "r",
            "event": name, "owner": "dana", "extra": extra})
    };
    let table = [
        ("failed", json!("{\"confirmed\": \"true\", \"past\": \"false\"}"), Some(ClueRole::Cause)),
        ("failed", json!(null), None),
        ("dagrun_failed", json!("{\"confirmed\": \"true\"}"), Some(ClueRole::Cause)),
        ("dagrun_failed", json!("{\"confirmed\": \"false\"}"), None),
        ("patch_task_instance", json!("{\"new_state\": \"failed\"}"), Some(ClueRole::Cause)),
        ("api.patch_task_instance", json!("{\"new_state\": \"failed\"}"), Some(ClueRole::Cause)),
        ("patch_dag_run", json!("{\"state\": \"failed\", \"method\": \"PATCH\"}"), Some(ClueRole::Cause)),
        ("patch_dag_run", json!("{\"state\": \"success\"}"), None),
        ("post_clear_task_instances", json!("{\"dry_run\": false}"), Some(ClueRole::Wrapper)),
        ("post_clear_task_instances", json!("{\"dry_run\": true}"), None),
        ("patch_dag", json!({"is_paused": true}), Some(ClueRole::Wrapper)),
        ("trigger_dag_run", json!("{}"), None),
        ("failed", json!("not json"), None),
    ];
    for (name, extra, role) in table {
        let facts = asked(&json!({"event_logs": [event(name, extra.clone())], "total_entries": 1}));
        let found = facts.clues.first().map(|clue| clue.role);
        assert_eq!(found, role, "{name} {extra}");
        if let Some(clue) = facts.clues.first() {
            assert_eq!((&*clue.class, clue.slots["principal"].as_str()), ("USER_STOP", "dana"));
            assert_eq!(clue.subject.task.as_deref(), Some("d/r/t"));
        }
    }
    let logs = json!({"event_logs": [event("failed", json!("{}"))]}).to_string();
    let other = json!({"dag_id": "other", "dag_run_id": "r", "state": "failed"}).to_string();
    assert_eq!(files(&[("logs.json", &logs), ("run.json", &other)]).clues, []);
}
