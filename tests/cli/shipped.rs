//! Code that is shipped with its job, from the first plan to the last byte that is pruned: a notebook, two Python files that
//! import each other, a wheel and a jar that git ignores.

use crate::world::World;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

const MANIFEST: &str = r#"apiVersion: plumb/v1
kind: DatabricksJob
metadata:
  name: audience
  code: [../src/months.py]
spec:
  name: audience
  tasks:
    - task_key: load
      environment_key: main
      spark_python_task: {python_file: ../src/load.py, parameters: ["2026-10"]}
    - task_key: clean
      depends_on: [{task_key: load}]
      notebook_task: {notebook_path: ../src/clean.py}
    - task_key: score
      depends_on: [{task_key: clean}]
      new_cluster: {spark_version: 15.4.x-scala2.12, node_type_id: r6id.xlarge, num_workers: 1}
      spark_jar_task: {main_class_name: com.acme.Score}
      libraries:
        - jar: ../dist/score.jar
        - whl: ../dist/*.whl
  environments:
    - environment_key: main
      spec: {environment_version: "4"}
"#;

/// An archive of one text, as a build makes it in that year.
fn archive(path: &Path, text: &str, year: u32) {
    let script = "import sys, zipfile\nwith zipfile.ZipFile(sys.argv[1], 'w') as archive:\n    \
                  archive.writestr(zipfile.ZipInfo('app/main.txt', (int(sys.argv[3]), 1, 1, 0, 0, 0)), sys.argv[2])\n";
    let arguments = [Path::new("-c"), Path::new(script), path];
    let made = Command::new("python3").args(arguments).args([text, &year.to_string()]).status().unwrap();
    assert!(made.success());
}

/// What CI builds, in that year.
fn build(world: &World, year: u32) {
    std::fs::create_dir_all(world.dir().join("dist")).unwrap();
    archive(&world.dir().join("dist/app-1.4-py3-none-any.whl"), "wheel", year);
    archive(&world.dir().join("dist/score.jar"), "jar", year);
}

fn repository() -> World {
    let world = World::running_code();
    world.write(".gitignore", "dist/\n.plumb/\n");
    world.write("manifests/audience.yaml", MANIFEST);
    world.write("src/clean.py", "# Databricks notebook source\nprint(\"clean\")\n");
    let load = "import sys\nfrom months import first_day\n\nprint(\"load\", first_day(sys.argv[1]))\n";
    world.write("src/load.py", load);

    world.write("src/months.py", "def first_day(month):\n    return month + \"-01\"\n");
    build(&world, 2025);
    world.commit("The pipeline audience");
    world
}

fn path(world: &World, file: &str) -> String {
    let job = world.sandbox.job("audience");
    let tasks = job["settings"]["tasks"].as_array().unwrap().clone();
    let load = tasks.iter().find(|task| task["task_key"] == "load").unwrap();
    let at = load["spark_python_task"]["python_file"].as_str().unwrap();
    format!("{}/{file}", at.strip_suffix("/src/load.py").unwrap())
}

/// What the workspace gives out for a path.
fn content(world: &World, path: &str) -> Vec<u8> {
    let answer = world.sandbox.get(&format!("/api/2.0/workspace/export?format=AUTO&path={path}"));
    STANDARD.decode(answer["content"].as_str().unwrap()).unwrap()
}

/// The folders and notes of the code folder.
fn trees(world: &World) -> Vec<String> {
    let answer = world.sandbox.try_send(
        "GET",
        "/api/2.0/workspace/list?path=/Workspace/Shared/.plumb/demo/dev/code",
        &Value::Null,
    );
    let objects = answer.1["objects"].as_array().cloned().unwrap_or_default();
    objects.iter().map(|one| one["path"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()).collect()
}

fn output(world: &World, key: &str) -> Value {
    let runs = world.sandbox.get("/api/2.2/jobs/runs/list?expand_tasks=true");
    let tasks = runs["runs"][0]["tasks"].as_array().unwrap().clone();
    let id = tasks.iter().find(|task| task["task_key"] == key).unwrap()["run_id"].clone();
    world.sandbox.get(&format!("/api/2.2/jobs/runs/get-output?run_id={id}"))
}

#[test]
fn code_is_planned_applied_run_changed_taken_back_and_pruned() {
    let mut world = repository();
    let plan = world.plumb("plan").code(0);
    plan.says("will be uploaded: 5 files").says("./src/load.py").says("1 to create, 0 to update, 1 to upload");
    assert_eq!(world.sandbox.writes(), [""; 0]);
    world.plumb("apply --yes").code(0).says("2 done");
    let writes = world.sandbox.writes();
    let at = |what: &str| writes.iter().rposition(|line| line.contains(what)).unwrap();
    assert!(at("import-file") < at("jobs/create"), "{writes:#?}");
    for file in ["src/load.py", "src/months.py", "dist/score.jar", "dist/app-1.4-py3-none-any.whl"] {
        assert_eq!(content(&world, &path(&world, file)), std::fs::read(world.dir().join(file)).unwrap(), "{file}");
    }
    world.plumb("plan --detailed-exitcode").code(0).says("No changes.");

    world.plumb("run audience --wait").code(0).says("SUCCESS");
    assert_eq!(output(&world, "load")["logs"], "load 2026-10-01\n");
    assert!(output(&world, "score")["logs"].as_str().unwrap().contains("not run"));

    // Built again of the same sources: other bytes, and the same code.
    let before = std::fs::read(world.dir().join("dist/score.jar")).unwrap();
    build(&world, 2026);
    assert_ne!(std::fs::read(world.dir().join("dist/score.jar")).unwrap(), before);
    world.plumb("plan --detailed-exitcode").code(0).says("No changes.");

    let (first, before) = (path(&world, ""), trees(&world));
    world.edit("src/load.py", "\"load\"", "\"loading\"");
    archive(&world.dir().join("dist/score.jar"), "another jar", 2026);
    world.commit("Say what is being done");
    let plan = world.plumb("plan").code(0);
    plan.says("~ src/load.py: 1 line")
        .says("Say what is being done")
        .says("-   print(\"load\", first_day(sys.argv[1]))")
        .says("+   print(\"loading\", first_day(sys.argv[1]))")
        .says("dist/score.jar: ")
        .says("falls out of use");
    let digest = world.plumb("plan --output json").json()["digest"].as_str().unwrap().to_owned();
    world.plumb(&format!("apply --yes --approved {digest}")).code(0).says("3 done");
    assert_ne!(path(&world, ""), first);
    world.plumb("plan --detailed-exitcode").code(0).says("No changes.");
    world.plumb("run audience --wait").code(0);
    assert_eq!(output(&world, "load")["logs"], "loading 2026-10-01\n");

    world.git(&["revert", "--no-edit", "HEAD"]);
    archive(&world.dir().join("dist/score.jar"), "jar", 2027);
    world.plumb("plan").code(0).says("is there already: 5 files").says("it is in use again");
    world.sandbox.writes();
    world.plumb("apply --yes").code(0);
    let uploads = world.sandbox.writes().iter().filter(|line| line.contains("load.py")).count();
    assert_eq!((path(&world, ""), uploads), (first, 0), "going back uploads nothing");
    world.plumb("plan --detailed-exitcode").code(0).says("No changes.");

    // Thirty days later, and not a day before.
    assert_eq!(trees(&world).len(), before.len() + 2, "the other tree, and the note beside it");
    let day = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let later = |days: i64| format!("{}T12:00:00Z", day.checked_add(jiff::Span::new().days(days)).unwrap());
    world.env("PLUMB_NOW", Some(&later(29)));
    world.plumb("plan --detailed-exitcode").code(0).says("No changes.");
    world.env("PLUMB_NOW", Some(&later(31)));
    world.plumb("plan --detailed-exitcode").code(2).says("1 to prune");
    world.plumb("apply --yes").code(0).says("pruned");
    assert_eq!(trees(&world), before);
    world.plumb("plan --detailed-exitcode").code(0).says("No changes.");
    world.plumb("run audience --wait").code(0);
}

#[test]
fn what_somebody_did_to_code_by_hand_is_drift_and_is_put_right() {
    let world = repository();
    world.plumb("apply --yes").code(0);
    let file = path(&world, "src/load.py");
    let encoded = file.replace('/', "%2F");
    let overwrite = format!("/api/2.0/workspace-files/import-file/{}?overwrite=true", &encoded[3..]);
    std::thread::sleep(std::time::Duration::from_millis(20));
    world.sandbox.send("POST", &overwrite, &Value::from("print('mine')"));
    let drift = world.plumb("drift").code(2);
    drift.says("src/load.py was deleted or replaced in the workspace");
    world.plumb("apply --yes").code(0);
    assert_eq!(content(&world, &file), std::fs::read(world.dir().join("src/load.py")).unwrap());
    world.plumb("drift").code(0);
    world.sandbox.post("/api/2.0/workspace/delete", serde_json::json!({ "path": file }));
    world.plumb("drift").code(2).says("src/load.py was deleted");
    world.plumb("apply --yes").code(0);
    world.plumb("drift").code(0);
}
