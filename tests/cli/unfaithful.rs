//! The real binary in front of a server that cannot be relied on (tests/unfaithful/proxy.rs): whatever it says at the end
//! is true, and what reads sends nothing.

use crate::unfaithful_proxy::{Proxy, Tricks};
use crate::world::{PROJECT, World, job};
use serde_json::{Value, json};

/// The proxy in front of a world's workspace, for as long as the runtime lives.
fn front(world: &mut World, seed: u64) -> (Proxy, tokio::runtime::Runtime) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let proxy = Proxy::new(seed);
    let url = runtime.block_on(proxy.before(&world.sandbox.url));
    world.env("DATABRICKS_HOST", Some(&url));
    (proxy, runtime)
}

#[test]
fn an_import_reads_all_or_says_that_it_did_not() {
    let jobs: Vec<_> = (0..4)
        .map(|i| {
            let task = json!({ "task_key": "main", "notebook_task": { "notebook_path": "/Shared/x" },
                "existing_cluster_id": "0101-000000-abcdefgh" });
            json!({ "name": format!("job-{i}"), "max_concurrent_runs": 3, "tasks": [task] })
        })
        .collect();
    let mut world = World::seeded(&json!({ "jobs": jobs }));
    world.commit("Begin");
    let (proxy, _runtime) = front(&mut world, 3);
    let shape = Tricks { leaves_out: true, unknown: true, defaults: true, ..Tricks::default() };
    let (mut read, mut failed) = (0, 0);
    for round in 0..5 {
        // Most readings fail for a moment, the last one does not.
        proxy.tricks(Tricks { reads: if round < 4 { 25 } else { 0 }, ..shape });
        proxy.log();
        let ran = world.plumb("import --all");
        let log = proxy.log();
        assert!(log.iter().all(|passed| !passed.write), "{}: {log:?}", ran.shown);
        if ran.code == 0 {
            read += 1;
            proxy.tricks(shape);
            let plan = world.plumb("plan --output json").code(0).json();
            let changes = plan["changes"].as_array().unwrap();
            assert_eq!(changes.len(), 4, "{plan:#}");
            assert!(changes.iter().all(|c| c["action"] == "adopt" && c["fields"] == json!([])), "{plan:#}");
            std::fs::remove_dir_all(world.dir().join("manifests")).unwrap();
        } else {
            failed += 1;
            ran.code(1).says("failed").never_says("manifests written");
            assert!(!world.dir().join("manifests/jobs").exists());
        }
    }
    assert!(read > 0, "{failed} failed");
}

#[test]
fn an_apply_that_ends_well_has_done_all_and_one_that_does_not_says_what_is_open() {
    let mut world = World::new();
    for i in 0..6 {
        world.write(&format!("manifests/job-{i}.yaml"), &job(&format!("job-{i}"), ""));
    }
    world.commit("Add six jobs");
    let (proxy, _runtime) = front(&mut world, 5);
    let count = |world: &World| {
        let all = world.sandbox.get("/api/2.2/jobs/list?limit=100");
        all["jobs"].as_array().map_or(0, Vec::len)
    };
    for round in 0..6 {
        let before = count(&world);
        // The lease takes its writes from the same server, so not every other one is lost.
        proxy.tricks(Tricks { writes: 15, reads: 4, ..Tricks::default() });
        let ran = world.plumb("apply --yes --parallel 2");
        proxy.tricks(Tricks::default());
        let live = count(&world);
        assert!(live <= 6, "{live} jobs for six: {}", ran.shown);
        // `Apply: 4 done, 1 not known, 1 failed.`
        let line = ran.err.lines().find_map(|line| line.strip_prefix("Apply: ")).unwrap_or_default();
        let counted = |word: &str| {
            let part = line.trim_end_matches('.').split(", ").find(|part| part.contains(word));
            part.map_or(0, |part| part.split(' ').next().unwrap().parse::<usize>().unwrap())
        };
        let (done, unknown) = (counted("done"), counted("not known"));
        assert!((done..=done + unknown).contains(&(live - before)), "{before} before, {live} now: {}", ran.shown);
        match ran.code {
            0 => {
                assert_eq!(live, 6, "{}", ran.shown);
                world.plumb("plan --detailed-exitcode").code(0);
                return;
            }
            code => assert!([1, 5, 6].contains(&code), "round {round}: {}", ran.shown),
        }
    }
    world.plumb("apply --yes").code(0);
    assert_eq!(count(&world), 6);
}

/// A job with code, a notebook among it where the place keeps any.
fn coded(world: &World, root: &str, text: &str) {
    world.write("plumb.yaml", &PROJECT.replace("databricks: {}", &format!("databricks: {{code: {root}}}")));
    let notebook = "\n    - task_key: report\n      existing_cluster_id: 0101-000000-abcdefgh\n      notebook_task: {notebook_path: ../src/report.py}";
    let notebook = if root.starts_with("/Volumes/") { "" } else { notebook };
    let task = "existing_cluster_id: 0101-000000-abcdefgh\n      spark_python_task: {python_file: ../src/load.py}";
    let manifest = format!(
        "apiVersion: plumb/v1\nkind: DatabricksJob\nmetadata: {{name: load, code: [../src]}}\nspec:\n  name: load\n  \
         run_as: {{user_name: bo@example.com}}\n  tasks:\n    - task_key: main\n      {task}{notebook}\n"
    );
    world.write("manifests/load.yaml", &manifest);
    world.write("src/load.py", text);
    world.write("src/parts.py", "x = {}\n");
    if !notebook.is_empty() {
        world.write("src/report.py", &format!("# Databricks notebook source\n{text}\n# COMMAND ----------\n\ny = 2\n"));
    }
}

/// The sizes of the files beside that which the job runs, by their names, as the service itself says it; `None` without a job.
fn runs(world: &World) -> Option<Vec<(String, Value)>> {
    if !world.sandbox.has_job("load") {
        return None;
    }
    let job = world.sandbox.job("load");
    let path = job["settings"]["tasks"][0]["spark_python_task"]["python_file"].as_str().unwrap().to_owned();
    let folder = path.rsplit_once('/').unwrap().0;
    let listed = match folder.starts_with("/Volumes/") {
        true => world.sandbox.get(&format!("/api/2.0/fs/directories{folder}"))["contents"].clone(),
        false => world.sandbox.get(&format!("/api/2.0/workspace/list?path={folder}"))["objects"].clone(),
    };
    let entry = |one: &Value| {
        let size = if one["size"].is_null() { one["file_size"].clone() } else { one["size"].clone() };
        (one["path"].as_str().unwrap().rsplit('/').next().unwrap().to_owned(), size)
    };
    Some(listed.as_array().unwrap().iter().map(entry).collect())
}

#[test]
fn a_job_never_runs_code_that_is_not_all_there_whatever_the_answers_are() {
    let none = Tricks::default();
    for (seed, root, shape) in [
        (11, "/Workspace/Production/code", Tricks { leaves_out: true, unknown: true, bare_files: true, ..none }),
        (12, "/Workspace/Production/code", Tricks { nulls: true, ..none }),
        (13, "/Volumes/main/ops/plumb", Tricks { leaves_out: true, unknown: true, ..none }),
        (14, "/Volumes/main/ops/plumb", Tricks { nulls: true, bare_files: true, ..none }),
    ] {
        let mut world = World::new();
        let (proxy, _runtime) = front(&mut world, seed);
        let mut before = None;
        for text in ["print('one')\n", "print('the second')\n"] {
            coded(&world, root, text);
            world.commit(text.trim());
            let mut wanted = vec![("load.py".to_owned(), json!(text.len())), ("parts.py".to_owned(), json!(7))];
            wanted.extend(root.starts_with("/Workspace").then(|| ("report".to_owned(), Value::Null)));
            let (mut ended, mut said) = (false, String::new());
            for round in 0..12 {
                let wrong = if round < 10 { Tricks { writes: 15, reads: 4, cuts: 20, ..shape } } else { shape };
                proxy.tricks(wrong);
                let ran = world.plumb("apply --yes");
                proxy.tricks(none);
                let live = runs(&world);
                assert!(live == before || live.as_ref() == Some(&wanted), "{root}, {round}: {live:?}\n{}", ran.shown);
                said.clone_from(&ran.shown);
                match ran.code {
                    0 => {
                        assert_eq!(live.as_ref(), Some(&wanted), "{}", ran.shown);
                        ended = true;
                        break;
                    }
                    // Blocked: what cannot be read is not absent.
                    3 => assert!(ran.shown.contains("whether its code is there is not known"), "{}", ran.shown),
                    code => assert!([1, 5, 6].contains(&code), "{root}, {round}: {}", ran.shown),
                }
            }
            assert!(ended, "{root}: it never ended well: {said}");
            before = Some(wanted);
            // What listings leave out is no drift, and no reason to write it anew.
            proxy.tricks(shape);
            world.plumb("drift").code(0);
            let plan = world.plumb("plan --output json").code(0).json();
            let left: Vec<&Value> =
                plan["changes"].as_array().unwrap().iter().filter(|c| c["action"] != "prune").collect();
            assert!(left.is_empty(), "{root}: {plan:#}");
        }
    }
}
