//! Databricks: runs, outputs, events, clusters, libraries.

use super::*;
use crate::diagnose::facts::NameRelation;
use serde_json::json;

/// As `databricks jobs get-run` prints it: a task that was repaired once and failed again, one that recovered, and one that
/// never ran.
const RUN: &str = r#"{
  "job_id": 11,
  "run_id": 88120,
  "run_name": "audience-aggregate",
  "job_parameters": [{"name": "month", "default": "2026-01", "value": "2026-10"}, {"name": "from", "default": "x"}],
  "start_time": 1790906000000,
  "end_time": 1790916000000,
  "state": {
    "life_cycle_state": "INTERNAL_ERROR",
    "result_state": "FAILED",
    "state_message": "Task load failed with message: Workload failed, see run output for details.",
    "user_cancelled_or_timedout": false
  },
  "status": {
    "state": "TERMINATED",
    "termination_details": {
      "code": "RUN_EXECUTION_ERROR",
      "type": "CLIENT_ERROR",
      "message": "Task load failed with message: Workload failed, see run output for details."
    }
  },
  "repair_history": [
    {"type": "ORIGINAL", "start_time": 1790906000000, "task_run_ids": [501, 502, 503]},
    {"type": "REPAIR", "id": 9, "start_time": 1790911000000, "task_run_ids": [504]}
  ],
  "tasks": [
    {
      "task_key": "load", "run_id": 504, "attempt_number": 0, "start_time": 1790911000000,
      "cluster_instance": {"cluster_id": "1002-040000-bbb"},
      "state": {"life_cycle_state": "TERMINATED", "result_state": "FAILED", "state_message": "Workload failed"}
    },
    {
      "task_key": "load", "run_id": 501, "attempt_number": 0, "start_time": 1790906000000,
      "cluster_instance": {"cluster_id": "1002-030000-aaa"},
      "status": {"state": "TERMINATED", "termination_details": {"code": "LIBRARY_INSTALLATION_ERROR", "type": "CLIENT_ERROR"}}
    },
    {
      "task_key": "check", "run_id": 502, "attempt_number": 0, "start_time": 1790906000000,
      "cluster_instance": {"cluster_id": "1002-030000-ccc"},
      "state": {"life_cycle_state": "TERMINATED", "result_state": "TIMEDOUT"}
    },
    {
      "task_key": "check", "run_id": 505, "attempt_number": 1, "start_time": 1790907000000,
      "cluster_instance": {"cluster_id": "1002-030000-ccc"},
      "state": {"life_cycle_state": "TERMINATED", "result_state": "SUCCESS"}
    },
    {
      "task_key": "publish", "run_id": 503,
      "state": {"life_cycle_state": "TERMINATED", "result_state": "UPSTREAM_FAILED"}
    }
  ]
}"#;

const OUTPUT: &str = r#"{
  "metadata": {"run_id": 504, "state": {"life_cycle_state": "TERMINATED", "result_state": "FAILED"}, "end_time": 1790915900000},
  "error": "ModuleNotFoundError: No module named 'acme_dq'",
  "error_trace": "\u001b[0;31m-----\u001b[0m\nModuleNotFoundError: No module named 'acme_dq'\n",
  "logs": "all \"quoted\" java.lang.OutOfMemoryError: Java heap space\nSparkContext is stopping",
  "logs_truncated": true
}"#;

#[test]
fn a_run_tells_its_attempts_and_leaves_out_those_that_recovered() {
    let facts = files(&[("run.json", RUN)]);
    assert_eq!(outcome(&facts), RunOutcome::Failed);
    assert_eq!(
        told(&facts),
        [
            "RUN_EXECUTION_ERROR Wrapper",
            "RUN_EXECUTION_ERROR Wrapper",
            "WORKLOAD_FAILED Wrapper 4",
            "RUN_EXECUTION_ERROR Wrapper load try 2",
            "WORKLOAD_FAILED Wrapper load try 2",
            "LIB_INSTALL Cause load try 1",
            "RUN_EXECUTION_ERROR Wrapper publish try 1",
        ]
    );
    let subject = &facts.subject;
    assert_eq!((subject.name.as_str(), subject.run.as_deref()), ("audience-aggregate", Some("88120")));
    assert_eq!(subject.period.as_deref(), Some("2026-10"));
    assert_eq!(subject.started.unwrap().to_string(), "2026-10-02T01:53:20Z");
    assert_eq!((facts.read.runs, facts.read.tasks), (1, 5));
    let library = facts.clues.iter().find(|clue| &*clue.class == "LIB_INSTALL").unwrap();
    assert_eq!((library.place.line, library.slots["code"].as_str()), (Some(35), "LIBRARY_INSTALLATION_ERROR"));
}

#[test]
fn an_output_belongs_to_the_task_that_its_run_id_names() {
    let facts = files(&[("output.json", OUTPUT), ("run.json", RUN)]);
    let of_output: Vec<&Clue> = facts.clues.iter().filter(|clue| clue.place.file == "output.json").collect();
    let classes: Vec<&str> = of_output.iter().map(|clue| &*clue.class).collect();
    assert_eq!(classes, ["PY_MODULE", "EXEC_HEAP_OOM", "APP_END"], "the error is in the trace already");
    for clue in &of_output {
        assert_eq!((clue.subject.task.as_deref(), clue.subject.attempt), (Some("load"), Some(2)));
        assert_eq!(clue.layer, Layer::Driver);
    }
    assert_eq!(of_output[0].text, "ModuleNotFoundError: No module named 'acme_dq'");
    assert_eq!(of_output[0].place.line, Some(4));
    assert_eq!(of_output[1].text, r#"all \"quoted\" java.lang.OutOfMemoryError: Java heap space"#);
    assert_eq!(facts.subject.run.as_deref(), Some("88120"));
    assert_eq!(facts.missing.len(), 1, "the logs are cut");
}

#[test]
fn an_output_alone_is_the_output_of_its_own_run() {
    let facts = files(&[("output.json", OUTPUT)]);
    assert_eq!(outcome(&facts), RunOutcome::Failed);
    assert_eq!(facts.subject.run.as_deref(), Some("504"));
    let bare = asked(&json!({"error": "java.lang.OutOfMemoryError", "logs": null}));
    assert_eq!(told(&bare), ["EXEC_HEAP_OOM Cause"]);
    let unknown = asked(&json!({"error": "something else", "error_trace": null, "logs_truncated": false}));
    assert_eq!(told(&unknown), ["RUN_EXECUTION_ERROR Wrapper"]);
    assert_eq!(unknown.clues[0].text, "something else");
}

#[test]
fn what_is_of_another_run_or_cluster_is_left_out_and_said() {
    let other = OUTPUT.replace("504", "777");
    let facts = files(&[("output.json", &other), ("run.json", RUN)]);
    assert!(facts.clues.iter().all(|clue| clue.place.file == "run.json"));
    assert_eq!(facts.missing[0].what, "output.json");
    let recovered = OUTPUT.replace("504", "502");
    let facts = files(&[("output.json", &recovered), ("run.json", RUN)]);
    assert!(facts.clues.iter().all(|clue| clue.place.file == "run.json"), "check recovered");

    let with_clusters = RUN.replace(r#""run_id": 503,"#, r#""run_id": 503, "existing_cluster_id": "1002-040000-bbb","#);
    let events =
        json!([{"cluster_id": "0000-other", "timestamp": 1_790_912_000_000_u64, "type": "NODES_LOST"}]).to_string();
    let facts = files(&[("events.json", &events), ("run.json", &with_clusters)]);
    assert!(facts.clues.iter().all(|clue| clue.place.file == "run.json"));
    assert_eq!(facts.missing.len(), 1);
}

/// In no order.
const EVENTS: &str = r#"{"events": [
  {"cluster_id": "1002-040000-bbb", "timestamp": 1790916100000, "type": "TERMINATING",
   "details": {"reason": {"code": "JOB_FINISHED", "type": "SUCCESS"}}},
  {"cluster_id": "1002-040000-bbb", "timestamp": 1790914262000, "type": "NODES_LOST",
   "details": {"current_num_workers": 6, "target_num_workers": 8,
     "reason": {"code": "SPOT_INSTANCE_TERMINATION", "type": "CLOUD_FAILURE",
       "parameters": {"instance_id": "i-0feed0000000002,i-0feed0000000003"}}}},
  {"cluster_id": "1002-040000-bbb", "timestamp": 1790911100000, "type": "INIT_SCRIPTS_FINISHED",
   "details": {"init_scripts": {"reported_for_node": "i-0feed0000000001",
     "global": [{"workspace": {"destination": "/ok.sh"}, "status": "SUCCEEDED"}],
     "cluster": [{"s3": {"destination": "s3://acme/init.sh", "region": "eu-central-1"}, "status": "FAILED_EXECUTION",
                  "error_message": "Script exit status is non-zero", "execution_duration_seconds": 3}]}}},
  {"cluster_id": "1002-040000-bbb", "timestamp": 1790911050000, "type": "ADD_NODES_FAILED",
   "details": {"reason": {"code": "AWS_INSUFFICIENT_INSTANCE_CAPACITY_FAILURE", "type": "CLOUD_FAILURE",
     "parameters": {"aws_api_error_code": "InsufficientInstanceCapacity", "aws_error_message": "none left"}}}},
  {"cluster_id": "1002-040000-bbb", "timestamp": 1790911040000, "type": "RESIZING", "details": {"cause": "AUTOSCALE"}},
  {"cluster_id": "1002-040000-bbb", "timestamp": 1790911030000, "type": "DRIVER_NOT_RESPONDING", "details": {}},
  {"cluster_id": "1002-040000-bbb", "timestamp": 1790911020000, "type": "NODES_LOST",
   "details": {"reason": {"code": "SOMETHING_NEW", "type": "CLOUD_FAILURE", "parameters": {"instance_id": "i-9", "private_ip": "10.0.0.9"}}}},
  {"cluster_id": "1002-040000-bbb", "timestamp": 1790800000000, "type": "NODES_LOST", "details": {}},
  {"cluster_id": "1002-030000-ccc", "timestamp": 1790906500000, "type": "DRIVER_NOT_RESPONDING"}
], "next_page_token": "x"}"#;

#[test]
fn events_say_what_came_over_a_cluster() {
    let facts = files(&[("events.json", EVENTS), ("run.json", RUN)]);
    let mut of_events = facts.clone();
    of_events.clues.retain(|clue| clue.place.file == "events.json");
    assert_eq!(
        told(&of_events),
        [
            "SPOT_RECLAIM Cause i-0feed0000000002 load try 2",
            "SPOT_RECLAIM Cause i-0feed0000000003 load try 2",
            "INIT_SCRIPT Cause i-0feed0000000001 load try 2",
            "BOOTSTRAP Cause i-0feed0000000001 load try 2",
            "CAPACITY Cause load try 2",
            "DRIVER_OOM Cause load try 2",
            "LOST_NODE Symptom i-9 load try 2",
            "UNKNOWN_CODE Wrapper i-9 load try 2",
            "DRIVER_OOM Cause",
        ],
        "the one before the run is left out; two tries ran on …-ccc"
    );
    assert_eq!(of_events.clues[0].place.line, Some(6));
    assert_eq!(of_events.clues[0].slots["had"], "6");
    assert_eq!(of_events.clues[2].slots["script"], "s3://acme/init.sh");
    assert_eq!(of_events.clues[2].event, of_events.clues[3].event);
    assert_eq!(of_events.clues[4].slots["aws_code"], "InsufficientInstanceCapacity");
    assert_eq!(of_events.clues[0].layer, Layer::Node);
    let numbers = |file: &str| -> std::collections::BTreeSet<u64> {
        facts.clues.iter().filter(|clue| clue.place.file == file).map(|clue| clue.event).collect()
    };
    assert!(numbers("run.json").is_disjoint(&numbers("events.json")), "two answers have no message in common");
    assert_eq!(of_events.clues[0].at.unwrap().to_string(), "2026-10-02T04:11:02Z");
    assert_eq!(facts.relations, [NameRelation::SameHost("i-9".into(), "10.0.0.9".into())].into_iter().collect());
    assert_eq!(facts.missing.len(), 1, "there is a next page");
    assert_eq!(facts.read.events, 9);
    assert_eq!(outcome(&facts), RunOutcome::Failed);
}

#[test]
fn a_bare_list_of_events_is_read_as_well() {
    let bare = parsed("events", EVENTS)["events"].to_string();
    let facts = files(&[("events.json", &bare)]);
    assert_eq!(facts.clues.len(), 10, "without a run, any time counts");
    assert!(facts.clues.iter().all(|clue| clue.place.line == Some(1)));
}

#[test]
fn a_cluster_says_why_it_ended_and_who_its_nodes_are() {
    let cluster = |code: &str, kind: &str| {
        json!({"cluster_id": "c", "cluster_name": "etl", "spark_version": "15.4.x-scala2.12", "state": "TERMINATED",
            "state_message": "Cluster terminated.", "terminated_time": 1_790_916_000_000_u64,
            "termination_reason": {"code": code, "type": kind, "parameters": {"inactivity_duration_min": "30"}},
            "driver": {"instance_id": "i-1", "private_ip": "10.0.0.1", "host_private_ip": "10.0.1.1"},
            "executors": [{"instance_id": "i-2", "private_ip": null}, null]})
    };
    let table = [
        ("INIT_SCRIPT_FAILURE", "CLIENT_ERROR", RunOutcome::Failed, &["INIT_SCRIPT Cause"][..]),
        ("JOB_FINISHED", "SUCCESS", RunOutcome::Unknown, &[]),
        ("INACTIVITY", "SUCCESS", RunOutcome::Unknown, &["AUTO_TERMINATED Cause"]),
        ("SOMETHING_NEW", "SERVICE_FAULT", RunOutcome::Failed, &["UNKNOWN_CODE Wrapper"]),
        ("SOMETHING_GOOD", "SUCCESS", RunOutcome::Failed, &[]),
    ];
    for (code, kind, expected, clues) in &table[..4] {
        let facts = asked(&cluster(code, kind));
        assert_eq!(
            (outcome(&facts), told(&facts)),
            (*expected, clues.iter().map(|c| (*c).to_owned()).collect()),
            "{code}"
        );
        assert_eq!(facts.relations.len(), 2);
        assert_eq!(facts.subject.name, "etl");
    }
    let facts = asked(&cluster("SOMETHING_GOOD", "SUCCESS"));
    assert_eq!((outcome(&facts), told(&facts)), (RunOutcome::Unknown, vec![]));
}

#[test]
fn a_jobs_cluster_is_named_after_its_run() {
    let run = |name: &str| asked(&json!({"cluster_id": "c", "cluster_name": name, "state": "TERMINATED"})).subject.run;
    assert_eq!(run("job-11-run-88120-main").as_deref(), Some("88120"));
    assert_eq!(run("job-11-run-88120").as_deref(), Some("88120"));
    for other in ["job-etl-run-5", "job-11-run-", "etl"] {
        assert_eq!(run(other).as_deref(), Some("c"), "{other}");
    }
}

#[test]
fn libraries_that_failed_are_named() {
    let statuses = json!([
        {"library": {"pypi": {"package": "acme-dq==1.2"}}, "status": "FAILED",
         "messages": ["Error Code: x", "ERROR: No matching distribution found for acme-dq"]},
        {"library": {"jar": "s3://a.jar"}, "status": "INSTALLED", "messages": []},
    ]);
    let wrapped = json!({"cluster_id": "c", "library_statuses": statuses});
    for answer in [statuses.clone(), wrapped.clone(), json!({"statuses": [wrapped]})] {
        let facts = asked(&answer);
        assert_eq!(told(&facts), ["LIB_INSTALL Cause", "LIB_INSTALL Cause"]);
        assert_eq!(facts.clues[0].slots["package"], "acme-dq==1.2");
        assert_eq!(facts.clues[0].strength, Strength::Service);
    }
}

#[test]
fn runs_of_any_state_have_an_outcome() {
    use RunOutcome::{Failed, Running, Succeeded, Unknown};
    let table = [
        (json!({"state": {"life_cycle_state": "TERMINATED", "result_state": "SUCCESS"}}), Succeeded),
        (json!({"state": {"life_cycle_state": "TERMINATED", "result_state": "SUCCESS_WITH_FAILURES"}}), Succeeded),
        (json!({"state": {"life_cycle_state": "INTERNAL_ERROR", "state_message": "x"}}), Failed),
        (json!({"state": {"life_cycle_state": "SKIPPED"}}), Failed),
        (json!({"state": {"life_cycle_state": "RUNNING"}}), Running),
        (json!({"state": {"life_cycle_state": "TERMINATED", "result_state": "NEW_RESULT"}}), Unknown),
        (json!({"state": {"life_cycle_state": "TERMINATED", "result_state": "EXCLUDED"}}), Unknown),
        (json!({"status": {"state": "QUEUED", "queue_details": {"code": "ACTIVE_RUNS_LIMIT_REACHED"}}}), Running),
        (
            json!({"status": {"state": "TERMINATED", "termination_details": {"code": "SUCCESS", "type": "SUCCESS"}}}),
            Succeeded,
        ),
        (
            json!({"status": {"state": "TERMINATED", "termination_details": {"code": "USER_CANCELED", "type": "SUCCESS"}}}),
            Failed,
        ),
        (json!({"status": {"state": "TERMINATED", "termination_details": {"code": "NEW_CODE"}}}), Failed),
        (json!({"status": {"state": "TERMINATED", "termination_details": {}}}), Unknown),
        (json!({"state": {"life_cycle_state": "TERMINATED", "result_state": null}, "status": null}), Unknown),
    ];
    for (mut run, expected) in table {
        run["run_id"] = json!(1);
        assert_eq!(outcome(&asked(&run)), expected, "{run}");
    }
    let facts = asked(&json!({"run_id": 1, "status": {"termination_details": {"code": "NEW_CODE"}}}));
    assert_eq!(told(&facts), ["UNKNOWN_CODE Wrapper"]);
    assert_eq!(facts.clues[0].slots["code"], "NEW_CODE");
    let green = asked(&json!({"run_id": 1, "state": {"result_state": "SUCCESS", "state_message": "Workload failed"}}));
    assert_eq!(told(&green), [""; 0], "a green run has no clues");
}

#[test]
fn a_task_asked_by_its_own_id_is_told_once_and_a_jobs_run_decides_over_it() {
    let task = json!({"run_id": 504, "run_name": "load", "start_time": 1_790_911_000_000_u64,
        "state": {"life_cycle_state": "TERMINATED", "result_state": "TIMEDOUT"},
        "tasks": [{"run_id": 504, "task_key": "load", "attempt_number": 2}]});
    assert_eq!(told(&asked(&task)), ["TIMEOUT Cause load try 3"]);
    let green = RUN.replacen("\"FAILED\"", "\"SUCCESS\"", 1);
    for files_ in
        [[("a.json", task.to_string()), ("b.json", green.clone())], [("b.json", task.to_string()), ("a.json", green)]]
    {
        let facts = files(&[(files_[0].0, &files_[0].1), (files_[1].0, &files_[1].1)]);
        assert_eq!(outcome(&facts), RunOutcome::Succeeded);
        assert_eq!(facts.subject.run.as_deref(), Some("88120"));
    }
}
