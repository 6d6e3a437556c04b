//! `plumb sandbox --run-code`: the Python of a job's run is run, within limits and without the environment.

use super::world::Sandbox;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::process::Command;
use std::time::{Duration, Instant};

const ROOT: &str = "/Shared/.plumb/shop/dev/code/0123456789abcdef0123456789abcdef";

fn put(sandbox: &Sandbox, path: &str, text: &[u8]) {
    let (folder, _) = path.rsplit_once('/').unwrap();
    sandbox.send("POST", "/api/2.0/workspace/mkdirs", &json!({ "path": folder }));
    let body = json!({ "path": path, "content": STANDARD.encode(text), "format": "AUTO", "overwrite": true });
    sandbox.send("POST", "/api/2.0/workspace/import", &body);
}

fn file_task(key: &str, path: &str, parameters: &[&str]) -> Value {
    json!({ "task_key": key, "spark_python_task": { "python_file": path, "parameters": parameters } })
}

/// Runs a job to its end.
fn ran(sandbox: &Sandbox, tasks: Value) -> Value {
    let job = json!({ "name": "j", "tasks": tasks, "parameters": [{ "name": "day", "default": "monday" }] });
    let id = sandbox.send("POST", "/api/2.2/jobs/create", &job)["job_id"].clone();
    let run = sandbox.send("POST", "/api/2.2/jobs/run-now", &json!({ "job_id": id }))["run_id"].clone();
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let seen = sandbox.send("GET", &format!("/api/2.2/jobs/runs/get?run_id={run}"), &Value::Null);
        if seen["state"]["life_cycle_state"] == "TERMINATED" {
            return seen;
        }
        assert!(Instant::now() < end, "it does not end: {seen}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn output(sandbox: &Sandbox, run: &Value, at: usize) -> Value {
    let id = &run["tasks"][at]["run_id"];
    sandbox.send("GET", &format!("/api/2.2/jobs/runs/get-output?run_id={id}"), &Value::Null)
}

fn result(of: &Value) -> &str {
    of["state"]["result_state"].as_str().unwrap_or_default()
}

#[test]
fn files_that_import_each_other_run_with_their_parameters_and_without_the_environment() {
    let sandbox = Sandbox::start(&["--run-code"]);
    put(&sandbox, &format!("{ROOT}/src/load.py"), b"import os, sys, part\nsys.path.append('..')\nimport lib.deep\n\
        print(part.word, lib.deep.word, sys.argv[1:])\nprint(sorted(os.environ), os.environ['HOME'].endswith('/home'))\n");
    put(&sandbox, &format!("{ROOT}/src/part.py"), b"word = 'hello'\n");
    put(&sandbox, &format!("{ROOT}/lib/deep.py"), b"word = 'deep'\n");
    let load = format!("/Workspace{ROOT}/src/load.py");
    let run =
        ran(&sandbox, json!([file_task("load", &load, &["{{job.parameters.day}}", "{{task.name}}", "{{else}}"])]));
    let told = output(&sandbox, &run, 0);
    assert_eq!(result(&run), "SUCCESS", "{told}");
    let logs = told["logs"].as_str().unwrap();
    assert!(logs.starts_with("hello deep ['monday', 'load', '{{else}}']\n"), "{logs}");
    assert!(
        logs.contains("['HOME', 'LANG', 'PATH'] True") || logs.contains("['HOME', 'LANG', 'LC_CTYPE', 'PATH'] True"),
        "{logs}"
    );
    assert_eq!(told["logs_truncated"], false);
}

#[test]
fn a_task_that_fails_says_why_and_what_needs_it_does_not_run() {
    let sandbox = Sandbox::start(&["--run-code"]);
    put(&sandbox, "/Shared/a/bad.py", b"print('before')\nraise ValueError('no such day')\n");
    put(&sandbox, "/Shared/a/good.py", b"print('fine')\n");
    let mut after = file_task("after", "/Shared/a/good.py", &[]);
    after["depends_on"] = json!([{ "task_key": "bad" }]);
    let jar = json!({ "task_key": "jar", "spark_jar_task": { "main_class_name": "M" } });
    let run = ran(&sandbox, json!([after, file_task("bad", "/Shared/a/bad.py", &[]), jar]));
    let (skipped, bad) = (&run["tasks"][0], &run["tasks"][1]);
    assert_eq!((result(&run), result(skipped), result(bad)), ("FAILED", "UPSTREAM_FAILED", "FAILED"), "{run}");
    assert_eq!(bad["state"]["state_message"], "Workload failed, see run output for details");
    let told = output(&sandbox, &run, 1);
    assert_eq!(told["error"], "ValueError: no such day");
    assert!(told["error_trace"].as_str().unwrap().contains("bad.py\", line 2"), "{told}");
    assert!(told["logs"].as_str().unwrap().starts_with("before\n"), "{told}");
    assert!(output(&sandbox, &run, 2)["logs"].as_str().unwrap().contains("not run"));
}

#[test]
fn code_that_goes_on_for_ever_or_eats_memory_is_ended() {
    let sandbox = Sandbox::start(&["--run-code", "--code-time", "1s", "--code-memory", "200"]);
    put(&sandbox, "/Shared/a/loop.py", b"print('on and on', flush=True)\nwhile True: pass\n");
    put(&sandbox, "/Shared/a/eat.py", b"held = []\nwhile True: held.append(bytearray(10_000_000))\n");
    let run =
        ran(&sandbox, json!([file_task("loop", "/Shared/a/loop.py", &[]), file_task("eat", "/Shared/a/eat.py", &[])]));
    assert_eq!(result(&run), "FAILED");
    let told = output(&sandbox, &run, 0);
    assert_eq!(told["error"], "The code was stopped after 1 seconds.", "{told}");
    assert_eq!(told["logs"], "on and on\n");
    assert_eq!(output(&sandbox, &run, 1)["error"], "MemoryError");
}

#[test]
fn a_notebook_runs_cell_by_cell_and_its_magics_are_told() {
    let sandbox = Sandbox::start(&["--run-code"]);
    let text = "# Databricks notebook source\nx = dbutils.widgets.get('day')\n\n# COMMAND ----------\n\n# MAGIC %sql\n\
                # MAGIC SELECT 1\n\n# COMMAND ----------\n\nprint('it is', x)\ndbutils.notebook.exit(x)\n";
    put(&sandbox, "/Shared/n/book.py", text.as_bytes());
    let parameters = json!({ "day": "{{job.parameters.day}}" });
    let task = json!({ "notebook_path": "/Shared/n/book", "base_parameters": parameters });
    let run = ran(&sandbox, json!([{ "task_key": "book", "notebook_task": task }]));
    let told = output(&sandbox, &run, 0);
    assert_eq!(result(&run), "SUCCESS", "{told}");
    assert_eq!(told["logs"], "plumb: cell 2 is not run: %sql\nit is monday\n");
    assert_eq!(told["notebook_output"]["result"], "monday");
}

#[test]
fn a_pure_wheel_is_called_at_its_entry_point() {
    let sandbox = Sandbox::start(&["--run-code"]);
    let made = Command::new("python3")
        .args([
            "-c",
            "import io, sys, zipfile\nout = io.BytesIO()\nz = zipfile.ZipFile(out, 'w')\n\
            z.writestr('shop/__init__.py', 'import sys\\ndef go(): print(\"wheel\", sys.argv[1:])\\n')\n\
            z.writestr('shop-1.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: shop\\nVersion: 1\\n')\n\
            z.writestr('shop-1.dist-info/entry_points.txt', '[console_scripts]\\nrun = shop:go\\n')\n\
            z.close()\nsys.stdout.buffer.write(out.getvalue())",
        ])
        .output()
        .unwrap();
    put(&sandbox, "/Shared/w/shop-1-py3-none-any.whl", &made.stdout);
    let task = json!({ "package_name": "shop", "entry_point": "run", "parameters": ["a"] });
    let libraries = json!([{ "whl": "/Workspace/Shared/w/shop-1-py3-none-any.whl" }]);
    let run = ran(&sandbox, json!([{ "task_key": "w", "python_wheel_task": task, "libraries": libraries }]));
    assert_eq!(output(&sandbox, &run, 0)["logs"], "wheel ['a']\n");
}

#[test]
fn without_the_flag_nothing_runs_and_no_setting_turns_it_on() {
    let sandbox = Sandbox::start(&[]);
    let (status, _) = sandbox.try_send("POST", "/_sandbox/settings", &json!({ "run_code": {} }));
    assert_eq!(status, 400);
    put(&sandbox, "/Shared/a/bad.py", b"raise ValueError\n");
    let run = ran(&sandbox, json!([file_task("bad", "/Shared/a/bad.py", &[])]));
    assert_eq!((result(&run), output(&sandbox, &run, 0)["logs"].as_str()), ("SUCCESS", Some("")));
    // The emulator inside a command is started without it, and nothing else of the program names it.
    let named: Vec<&str> = [
        ("embedded", include_str!("../../src/cli/embedded.rs")),
        ("demo", include_str!("../../src/cli/demo/stage.rs")),
    ]
    .into_iter()
    .filter_map(|(name, text)| text.contains("run_code").then_some(name))
    .collect();
    assert!(named.is_empty(), "{named:?}");
}
