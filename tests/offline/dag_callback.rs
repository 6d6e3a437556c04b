//! `onFailure: diagnose` of an AirflowDag: what the generated file does when a task has failed.

use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use plumb_core::kinds::airflow::dag_spec::DagSpec;
use plumb_core::kinds::airflow::python;

/// The file that plumb writes for the fixture.
fn file() -> String {
    file_with(serde_json::json!(null))
}

/// The same, with others to be told.
fn file_with(notify: Value) -> String {
    let mut spec = serde_json::json!({
        "dag_id": "on_failure", "onFailure": "diagnose",
        "defaults": {"retries": 1, "retry_delay": "10m", "deferrable": true},
        "tasks": [{"id": "load", "job": "load"}, {"id": "report", "job": "report", "after": ["load"]}],
    });
    if notify.is_object() {
        spec["notify"] = notify;
    }
    let spec: DagSpec = serde_json::from_value(spec).unwrap();
    python::write(&spec, "dags/test/AirflowDag/case 0123456789ab-deadbeef")
}

/// Runs the callback with a program called `plumb`, or without one: the lines of the task's log.
fn called(program: Option<&str>, what: &str) -> Vec<String> {
    let said = played(&file(), program, &[what]);
    said["lines"].as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned()).collect()
}

/// Runs the callback of a file: what became of it.
fn played(file: &str, program: Option<&str>, what: &[&str]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dag.py");
    std::fs::write(&path, file).unwrap();
    let bin = folder.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    if let Some(program) = program {
        let at = bin.join("plumb");
        std::fs::write(&at, format!("#!/bin/sh\n{program}\n")).unwrap();
        std::fs::set_permissions(&at, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let python = which("python3");
    let runner = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/offline/dag_callback.py");
    // Of the machine's own programs only what scripts need: its `plumb` is not one of them.
    let search = std::env::join_paths([bin.as_path(), Path::new("/bin"), Path::new("/usr/bin")]).unwrap();
    let done = Command::new(python).arg(runner).arg(&path).args(what).env("PATH", search).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let said: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(said["answer"], Value::Null);
    said
}

fn which(name: &str) -> std::path::PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|at| at.is_file()).unwrap()
}

#[test]
fn the_answer_stands_in_the_log_of_the_task() {
    let lines = called(Some(r#"echo "Cause  spot"; for arg in "$@"; do echo "$arg"; done"#), "airflow-3");
    let about = "airflow:on_failure/scheduled__2026-10-01T00:00:00+00:00/load/2";
    let expected = ["Cause  spot", "diagnose", about, "--failed", "--output", "text"];
    assert_eq!(lines, expected.map(|line| format!("plumb | {line}")));
    // Airflow 2.9 counts on as soon as a try has ended.
    assert_eq!(called(Some(r#"echo "$2""#), "airflow-2.9"), [format!("plumb | {about}")]);
}

#[test]
fn nothing_that_goes_wrong_goes_further() {
    assert_eq!(called(None, "airflow-3"), ["plumb | not installed on this worker, so the cause is not looked for"]);
    let failed = called(Some("echo error: there is no project here >&2; exit 1"), "airflow-3");
    assert_eq!(failed, ["plumb | error: there is no project here"]);
    assert_eq!(called(Some("echo x"), "no-context"), ["plumb | the cause was not found out: KeyError"]);
    assert_eq!(called(Some("printf '\\377\\n'"), "airflow-3"), ["plumb | \u{fffd}"]);

    let begun = Instant::now();
    let hung = called(Some("exec sleep 300"), "airflow-3");
    assert_eq!(hung, ["plumb | the cause was not found out: TimeoutExpired"]);
    assert!(begun.elapsed() < Duration::from_secs(60));
}

#[test]
fn no_more_than_a_part_of_a_long_answer_is_written() {
    let lines = called(Some(r#"i=0; while [ $i -lt 1000 ]; do echo "$i"; i=$((i+1)); done"#), "airflow-3");
    assert_eq!(lines.len(), 81);
    assert!(lines[80].starts_with("plumb | and 920 more lines: plumb diagnose airflow:on_failure/"), "{}", lines[80]);
}

#[test]
fn a_dag_that_does_not_ask_for_it_has_none_of_it() {
    assert!(file().contains("def diagnose(context):") && file().contains("import subprocess\n"));
    let spec: DagSpec =
        serde_json::from_value(serde_json::json!({"dag_id": "x", "tasks": [{"id": "a", "job": "a"}]})).unwrap();
    let plain = python::write(&spec, "dags/test/AirflowDag/case 0123456789ab-deadbeef");
    assert!(!plain.contains("diagnose") && !plain.contains("subprocess"));
}

fn others() -> Value {
    let callback = |name: &str, arguments: Value| {
        let mut callback = serde_json::json!({ "path": format!("company_alerts.{name}") });
        if arguments.is_object() {
            callback["arguments"] = arguments;
        }
        callback
    };
    serde_json::json!({
        "email": ["b@example.com", "a@example.com"],
        "callbacks": [
            callback("nobody", Value::Null), callback("breaks", Value::Null),
            callback("writes", serde_json::json!({ "team": "data" })),
            callback("Notifier", serde_json::json!({ "text": "x" })),
        ],
    })
}

#[test]
fn everybody_who_is_named_is_told_whoever_else_cannot_be() {
    let said = played(&file_with(others()), Some("echo 'Cause  <b>{{ 7 * 7 }}</b>'"), &["airflow-3"]);
    let cause = "Cause  <b>{{ 7 * 7 }}</b>";
    assert_eq!(said["calls"], serde_json::json!([["data", cause], ["x", cause]]), "{said:#}");
    let lines: Vec<&str> = said["lines"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    let expected = [
        "plumb | Cause  <b>{{ 7 * 7 }}</b>",
        "plumb | company_alerts.nobody was not told:",
        "plumb | company_alerts.breaks was not told:",
        "plumb | mailed to a@example.com, b@example.com",
    ];
    assert_eq!(lines, expected);
    // As a text, and not as a template: by the provider, with the sender that Airflow takes.
    let mail = &said["mails"][0];
    let head = serde_json::json!([
        "smtp",
        ["a@example.com", "b@example.com"],
        "airflow@airflow",
        "Airflow: on_failure.load failed"
    ]);
    assert_eq!(mail.as_array().unwrap()[..4], head.as_array().unwrap()[..]);
    let body = "<p>DAG: on_failure<br>Run: scheduled__2026-10-01T00:00:00+00:00<br>Task: load<br>Try: 2<br>Log: \
                http://airflow/log?a=1&amp;b=2<br></p><pre>Cause  &lt;b&gt;{{ 7 * 7 }}&lt;/b&gt;</pre>";
    assert_eq!(mail[4], body);
}

#[test]
fn mail_goes_as_airflow_mails_failures() {
    let way = |what: &[&str]| played(&file_with(others()), Some("echo x"), what)["mails"][0][0].clone();
    assert_eq!(way(&["airflow-3"]), "smtp");
    assert_eq!(way(&["airflow-3", "airflow.utils.email.send_email_smtp"]), "smtp");
    assert_eq!(way(&["airflow-3", "airflow.providers.amazon.aws.utils.emailer.send_email"]), "airflow");
    assert_eq!(way(&["airflow-2"]), "airflow");
}

#[test]
fn a_diagnosis_that_fails_is_told_as_well() {
    let told = |program: Option<&str>| {
        let said = played(&file_with(others()), program, &["airflow-3"]);
        assert!(said["mails"][0][4].as_str().unwrap().contains(said["calls"][0][1].as_str().unwrap()), "{said:#}");
        said["calls"][0][1].as_str().unwrap().to_owned()
    };
    assert_eq!(told(None), "not installed on this worker, so the cause is not looked for");
    assert_eq!(told(Some("exec sleep 300")), "the cause was not found out: TimeoutExpired");
    assert_eq!(told(Some("exit 1")), "the diagnosis said nothing");
}
