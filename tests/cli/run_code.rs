//! `plumb sandbox --run-code`: what is applied runs, and what it prints can be read.

use crate::world::{World, job};
use serde_json::{Value, json};
use std::process::Command;
use std::time::{Duration, Instant};

/// A task on a cluster that there is none of: nothing of it is looked up.
fn task(key: &str, after: &str, what: &str) -> String {
    let on = if after.is_empty() { String::new() } else { format!("      depends_on: [{{task_key: {after}}}]\n") };
    format!("    - task_key: {key}\n{on}      {what}\n      existing_cluster_id: 0101-000000-abcdefgh\n")
}

fn world(options: &[&str], tasks: &str, files: &[(&str, &str)]) -> World {
    let world = World::with_code(options);
    world.sandbox.post("/_sandbox/settings", json!({ "check_references": false }));
    for (path, text) in files {
        world.write(path, text);
    }
    let head =
        "apiVersion: plumb/v1\nkind: DatabricksJob\nmetadata: {name: load, code: [../src]}\nspec:\n  name: load\n";
    let manifest = format!(
        "{head}  parameters: [{{name: day, default: monday}}, {{name: mode, default: full}}]\n  tasks:\n{tasks}"
    );
    world.write("manifests/load.yaml", &manifest);
    world.commit("Add load");
    world.plumb("apply --yes").code(0);
    world
}

/// What the tasks of the latest run left, by their keys.
fn outputs(world: &World) -> Vec<(String, Value)> {
    let listed = world.sandbox.get("/api/2.2/jobs/runs/list?limit=1&expand_tasks=true");
    let tasks = listed["runs"][0]["tasks"].as_array().unwrap().clone();
    let output = |id: &Value| world.sandbox.get(&format!("/api/2.2/jobs/runs/get-output?run_id={id}"));
    tasks.iter().map(|task| (task["task_key"].as_str().unwrap().to_owned(), output(&task["run_id"]))).collect()
}

const LOAD: &str = "\
import os, sys
import names

def main():
    print(names.greet(sys.argv[1]), sorted(os.environ))

if __name__ == '__main__':
    main()
";

const NAMES: &str = "\
import load

def greet(day):
    return f'{day} by {load.main.__module__}'
";

const REPORT: &str = "\
# Databricks notebook source
day = dbutils.widgets.get('day')

# COMMAND ----------

# MAGIC %sql
# MAGIC SELECT 1

# COMMAND ----------

import names
print(names.greet(day))
dbutils.notebook.exit('done')
";

#[test]
fn files_that_import_each_other_and_a_notebook_run_and_their_output_is_read() {
    let parameters = "[\"{{job.parameters.day}}\"]";
    let tasks =
        task("load", "", &format!("spark_python_task: {{python_file: ../src/load.py, parameters: {parameters}}}"))
            + &task("report", "load", "notebook_task: {notebook_path: ../src/report.py}")
            + &task("ask", "report", "sql_task: {warehouse_id: w, query: {query_id: q}}")
                .replace("      existing_cluster_id: 0101-000000-abcdefgh\n", "");
    let files = [("src/load.py", LOAD), ("src/names.py", NAMES), ("src/report.py", REPORT)];
    let world = world(&[], &tasks, &files);
    let ran = world.plumb("run load --param day=sunday --wait");
    let outputs = outputs(&world);
    assert_eq!(ran.code, 0, "{}\n{outputs:?}", ran.shown);
    let logs = |at: usize| outputs[at].1["logs"].as_str().unwrap().to_owned();
    assert_eq!(logs(0), "sunday by load ['HOME', 'LANG', 'PATH', 'TMPDIR']\n");
    assert_eq!(logs(1), "plumb: cell 2 was not run: %sql\nsunday by load\n");
    assert_eq!(outputs[1].1["notebook_output"]["result"], "done");
    assert!(logs(2).contains("this task was not run"), "{}", logs(2));
}

#[test]
fn code_that_goes_on_for_ever_or_takes_all_memory_is_ended_and_what_follows_does_not_run() {
    let file = |name: &str| format!("spark_python_task: {{python_file: ../src/{name}.py}}");
    let tasks = task("for_ever", "", &file("for_ever"))
        + &task("behind", "for_ever", &file("behind"))
        + &task("greedy", "", &file("greedy"));
    let files = [
        ("src/for_ever.py", "print('begun', flush=True)\nwhile True: pass\n"),
        ("src/behind.py", "print('never')\n"),
        ("src/greedy.py", "x = []\nfor i in range(10_000): x.append(bytearray(10_000_000))\n"),
    ];
    let world = world(&["--code-time", "4s", "--code-memory", "256"], &tasks, &files);
    world.plumb("run load --wait").code(1).says("DatabricksJob/load: FAILED");
    let outputs = outputs(&world);
    let error = |at: usize| outputs[at].1["error"].as_str().unwrap_or_default().to_owned();
    assert!(error(0).contains("after 4 seconds (--code-time)"), "{outputs:?}");
    assert_eq!(outputs[0].1["logs"], "begun\n");
    assert_eq!(outputs[1].1["metadata"]["state"]["result_state"], "UPSTREAM_FAILED");
    // Only where memory has a limit: macOS keeps to none.
    if cfg!(target_os = "linux") {
        assert!(error(2).starts_with("MemoryError") && error(2).contains("256 MB"), "{outputs:?}");
    }
}

/// Whether a process whose command line has a text is there.
fn runs(text: &str) -> bool {
    let listed = Command::new("ps").args(["-A", "-o", "args"]).output().unwrap();
    String::from_utf8_lossy(&listed.stdout).lines().any(|line| line.contains(text))
}

fn until(what: &str, is: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn code_ends_with_its_run_and_with_its_sandbox() {
    // The process that the code starts has a name of its own.
    let name = format!("{}9", std::process::id());
    let text = format!("import subprocess\nsubprocess.run(['/bin/sleep', '{name}'])\n");
    let tasks = task("sleep", "", "spark_python_task: {python_file: ../src/sleep.py}");
    let mut world = world(&[], &tasks, &[("src/sleep.py", text.as_str())]);
    let sleeps = format!("/bin/sleep {name}");
    let ask = |world: &World, path: &str, body: Value| world.sandbox.post(&format!("/api/2.2/jobs/{path}"), body);
    let job = world.sandbox.job("load")["job_id"].clone();
    let run = ask(&world, "run-now", json!({ "job_id": job }))["run_id"].clone();
    until("the code begins", || runs(&sleeps));
    ask(&world, "runs/cancel", json!({ "run_id": run }));
    until("the code ends with its run", || !runs(&sleeps));
    for signal in ["-TERM", "-KILL"] {
        let job = world.sandbox.job("load")["job_id"].clone();
        ask(&world, "runs/cancel-all", json!({ "job_id": job }));
        ask(&world, "run-now", json!({ "job_id": job }));
        until("the code begins again", || runs(&sleeps));
        let other = World::with_code(&[]);
        let old = std::mem::replace(&mut world.sandbox, other.sandbox);
        old.end(signal);
        until("the code ends with its sandbox", || !runs(&sleeps));
        let url = world.sandbox.url.clone();
        world.env("DATABRICKS_HOST", Some(&url));
        world.sandbox.post("/_sandbox/settings", json!({ "check_references": false }));
        world.plumb("apply --yes");
    }
}

#[test]
fn without_the_flag_and_in_the_embedded_sandbox_nothing_runs() {
    let world = World::new();
    world.sandbox.post("/_sandbox/settings", json!({ "check_references": false }));
    let tasks = task("load", "", "spark_python_task: {python_file: ../src/load.py}");
    let there = world.dir().join("there");
    world.write("src/load.py", &format!("open({there:?}, 'w')\n"));
    let manifest = format!("{}{tasks}", job("load", ""));
    world.write("manifests/load.yaml", &manifest);
    world.commit("Add load");
    let both = |world: &World| {
        world.plumb("apply --yes").code(0);
        world.plumb("run load --wait");
        assert!(!there.exists());
    };
    both(&world);
    world.edit("plumb.yaml", "dev: {default: true, databricks: {}}", "dev: {default: true, sandbox: true}");
    world.commit("Embedded");
    both(&world);
    // Not by what comes with a branch, either: neither the state nor its settings have a word for it.
    let refused = world.sandbox.try_send("POST", "/_sandbox/settings", &json!({ "run_code": true }));
    assert_eq!(refused.0, 400, "{}", refused.1);
}

#[test]
fn a_sandbox_that_cannot_run_code_does_not_start() {
    let start = |options: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plumb"));
        let done = command.env_clear().arg("sandbox").args(options).output().unwrap();
        (done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned())
    };
    let (code, words) = start(&["--run-code", "--python", "/no/such/python"]);
    assert_eq!(code, Some(1), "{words}");
    assert!(words.contains("/no/such/python") && words.contains("Python 3.8"), "{words}");
    let (code, words) = start(&["--run-code", "--allow-remote"]);
    assert_eq!(code, Some(64), "{words}");
}
