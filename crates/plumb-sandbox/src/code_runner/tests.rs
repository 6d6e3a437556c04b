//! Processes of a real Python: what they see, and what ends them.
#![cfg(unix)]

use super::*;
use serde_json::{Value, json};

fn options(seconds: u64) -> CodeOptions {
    let python = CodeOptions::python(None).unwrap();
    CodeOptions { python, time: Duration::from_secs(seconds), memory_mb: 512 }
}

fn work(files: &[(&str, &str)], spec: Value) -> CodeWork {
    let mut whole = json!({ "notes": [], "arguments": [], "path": ["code/src"], "name": "x" });
    whole.as_object_mut().unwrap().extend(spec.as_object().cloned().unwrap());
    let files = files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
    let folder = "code/src".to_owned();
    CodeWork { run_id: 1, task_run_id: 2, root: "/Workspace/tree".to_owned(), files, folder, spec: whole, time: None }
}

fn file(text: &str) -> CodeWork {
    work(&[("code/src/main.py", text)], json!({ "kind": "file", "file": "code/src/main.py" }))
}

fn run(work: &CodeWork) -> CodeEnd {
    process::run(work, &options(60), &AtomicBool::new(false))
}

fn logs(end: &CodeEnd) -> &str {
    end.logs.as_deref().unwrap_or_default()
}

#[test]
fn a_file_runs_as_main_beside_those_that_it_imports() {
    let main =
        "import sys, helper\nif __name__ == '__main__':\n    print(helper.twice(sys.argv[1]), file=sys.stderr)\n";
    let helper = "import main\ndef twice(x):\n    return x * 2 + main.__name__\n";
    let files = [("code/src/main.py", main), ("code/src/helper.py", helper)];
    let mut work = work(&files, json!({ "kind": "file", "file": "code/src/main.py" }));
    work.spec["arguments"] = json!(["ab"]);
    let end = run(&work);
    assert_eq!((end.result.as_str(), logs(&end)), ("SUCCESS", "ababmain\n"), "{end:?}");
}

#[test]
fn nothing_of_the_environment_is_there() {
    assert!(std::env::vars_os().any(|(name, _)| name == "CARGO_MANIFEST_DIR"));
    let end = run(&file(
        "import os\nprint(sorted(os.environ)); print(os.getcwd() == os.path.dirname(__file__))\nprint(os.listdir(os.environ['HOME']))",
    ));
    let names: Vec<&str> = logs(&end).lines().collect();
    let macos = names[0].replace("'__CF_USER_TEXT_ENCODING', ", "");
    assert_eq!(macos.replace(", 'LC_CTYPE'", ""), "['HOME', 'LANG', 'PATH', 'TMPDIR']");
    assert_eq!(names[1..], ["True", "[]"]);
}

#[test]
fn what_goes_wrong_is_told_with_the_paths_of_the_workspace() {
    let end = run(&file("def go():\n    raise KeyError('segment')\ngo()\n"));
    assert_eq!((end.result.as_str(), end.message.as_str()), ("FAILED", crate::databricks::code::FAILED));
    assert_eq!(end.error.as_deref(), Some("KeyError: 'segment'"));
    let trace = end.error_trace.unwrap();
    assert!(trace.contains("File \"/Workspace/tree/src/main.py\", line 2, in go"), "{trace}");
    assert!(!trace.contains("run.py"), "{trace}");
    for (code, result) in [
        ("import sys; sys.exit(3)", "FAILED"),
        ("import sys; sys.exit(0)", "SUCCESS"),
        ("import os; os._exit(4)", "FAILED"),
        ("def", "FAILED"),
    ] {
        assert_eq!(run(&file(code)).result, result, "{code}");
    }
}

#[test]
fn code_that_does_not_end_is_ended_with_all_that_it_started() {
    let begun = Instant::now();
    // What the code starts is found by a number of its own.
    let left = format!("import subprocess\nsubprocess.Popen(['/bin/sleep', '{}8'])\n", std::process::id());
    let is_there = || {
        let listed = Command::new("ps").args(["-A", "-o", "args"]).output().unwrap();
        String::from_utf8_lossy(&listed.stdout).contains(&format!("/bin/sleep {}8", std::process::id()))
    };
    // A signal takes a moment to arrive.
    let is_gone = || {
        let once = |_| {
            std::thread::sleep(Duration::from_millis(50));
            !is_there()
        };
        (0..60).any(once)
    };
    let text = format!("{left}print('begun', flush=True)\nwhile True: pass\n");
    let end = process::run(&file(&text), &options(3), &AtomicBool::new(false));
    assert!(is_gone());
    assert_eq!((end.result.as_str(), logs(&end)), ("FAILED", "begun\n"));
    assert!(end.error.unwrap().contains("after 3 seconds (--code-time)"));
    assert!(begun.elapsed() < Duration::from_secs(30));
    // By the task's own settings it is the service that ends it.
    let own = CodeWork { time: Some(Duration::from_secs(1)), ..file("while True: pass") };
    assert_eq!(run(&own).result, "TIMEDOUT");
    // What a task leaves behind does not hold it up.
    let end = run(&file(&left));
    assert_eq!(end.result, "SUCCESS");
    assert!(is_gone());
    assert!(begun.elapsed() < Duration::from_secs(60));
    // Somebody cancels it.
    assert_eq!(process::run(&file("while True: pass"), &options(60), &AtomicBool::new(true)), CodeEnd::default());
}

#[test]
#[cfg(target_os = "linux")]
fn code_that_takes_too_much_memory_is_ended() {
    let end = run(&file("x = []\nwhile True:\n    x.append(bytearray(10_000_000))\n"));
    assert_eq!(end.result, "FAILED");
    assert!(end.error.as_deref().unwrap().starts_with("MemoryError"), "{end:?}");
    assert!(end.error.unwrap().contains("512 MB (--code-memory)"));
}

#[test]
fn only_the_end_of_long_output_is_kept() {
    let end = run(&file("for i in range(400_000): print('%09d' % i)\n"));
    assert!(end.truncated && logs(&end).len() <= 1 << 20);
    assert!(logs(&end).ends_with("000399999\n"));
}

#[test]
fn cells_run_in_order_in_one_process_and_magics_are_named() {
    let cells = json!([
        "x = 2",
        "%sql\nSELECT 1",
        "%pip install pandas\ny = x * 3",
        "%md\n# Title",
        "print(y, dbutils.widgets.get('day'))",
        "dbutils.notebook.exit(str(y))",
        "1 / 0"
    ]);
    let spec = json!({ "kind": "notebook", "cells": cells, "widgets": { "day": "monday" } });
    let end = run(&work(&[("code/src/report", "")], spec));
    assert_eq!((end.result.as_str(), end.value.as_deref()), ("SUCCESS", Some("6")), "{end:?}");
    assert_eq!(
        logs(&end),
        "plumb: cell 2 was not run: %sql\nplumb: a line of cell 3 was not run: %pip install pandas\n6 monday\n"
    );
    let spec = json!({ "kind": "notebook", "cells": ["x = 1", "\n1 / 0"], "widgets": {} });
    let end = run(&work(&[("code/src/report", "")], spec));
    let trace = end.error_trace.unwrap();
    assert!(trace.contains("File \"cell 2\", line 2") && trace.contains("    1 / 0"), "{trace}");
}

#[test]
fn a_machine_without_python_is_told_so() {
    let error = CodeOptions::python(Some(Path::new("/no/such/python"))).unwrap_err().to_string();
    assert!(error.contains("/no/such/python") && error.contains("--python"), "{error}");
}

/// A wheel of one module, whose metadata names an entry point or not.
fn wheel(points: Option<&str>) -> Vec<u8> {
    let module = "import sys\ndef start():\n    print('started', sys.argv[1:])\ndef main():\n    print('main')\n";
    let mut files = vec![
        ("etl/__init__.py".to_owned(), module.into()),
        ("etl-1.4.dist-info/METADATA".to_owned(), b"Metadata-Version: 2.1\nName: etl\nVersion: 1.4\n".to_vec()),
    ];
    files.extend(points.map(|text| ("etl-1.4.dist-info/entry_points.txt".to_owned(), text.into())));
    crate::databricks::archive::zip(&files)
}

#[test]
fn the_entry_point_of_a_wheel_is_called_by_its_metadata_or_by_its_name() {
    let called = |points: Option<&str>, point: &str| {
        let path = json!(["wheels/0/etl-1.4-py3-none-any.whl"]);
        let spec = json!({ "kind": "wheel", "package": "etl", "entry_point": point, "path": path, "arguments": ["--day=monday"] });
        let mut work = work(&[("code/src/x", "")], spec);
        work.files.push(("wheels/0/etl-1.4-py3-none-any.whl".to_owned(), wheel(points)));
        run(&work)
    };
    let end = called(Some("[console_scripts]\nload = etl:start\n"), "load");
    assert_eq!((end.result.as_str(), logs(&end)), ("SUCCESS", "started ['--day=monday']\n"), "{end:?}");
    let end = called(None, "main");
    assert_eq!((end.result.as_str(), logs(&end)), ("SUCCESS", "main\n"), "{end:?}");
    let end = called(None, "none");
    assert!(end.error.as_deref().unwrap().contains("has no attribute 'none'"), "{end:?}");
}
