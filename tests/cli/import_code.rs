//! Bringing the code of jobs into the repository.

use crate::world::World;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

fn put(world: &World, path: &str, language: Option<&str>, text: &str) {
    let folder = path.rsplit_once('/').unwrap().0;
    world.sandbox.post("/api/2.0/workspace/mkdirs", json!({ "path": folder }));
    let format = match language {
        Some("JUPYTER") => "JUPYTER",
        Some(_) => "SOURCE",
        None => "RAW",
    };
    let mut body = json!({"path": path, "format": format, "content": STANDARD.encode(text), "overwrite": true});
    if let Some(language) = language.filter(|_| format == "SOURCE") {
        body["language"] = json!(language);
    }
    world.sandbox.post("/api/2.0/workspace/import", body);
}

fn seed() -> Value {
    let task = |key: &str, path: &str| json!({"task_key": key, "notebook_task": {"notebook_path": path}});
    let home = "/Workspace/Users/ann@example.com/etl";
    json!({"jobs": [{"name": "etl", "tasks": [
        task("py", &format!("{home}/load")),
        task("sql", &format!("{home}/query")),
        task("jupyter", &format!("{home}/report")),
        task("gone", "/Shared/gone"),
        task("cross", &format!("{home}/cross")),
        task("git", "/Repos/ann@example.com/x/load"),
        {"task_key": "file", "spark_python_task": {"python_file": "/Shared/tool.py"}},
    ]}]})
}

#[test]
fn code_is_brought_and_what_cannot_be_stays_where_it_is() {
    let world = World::seeded(&seed());
    let home = "/Users/ann@example.com/etl";
    put(&world, &format!("{home}/load"), Some("PYTHON"), "# Databricks notebook source\n# MAGIC %run ./other\n");
    put(&world, &format!("{home}/other"), Some("PYTHON"), "# Databricks notebook source\nx = 1\n");
    put(&world, &format!("{home}/query"), Some("SQL"), "-- Databricks notebook source\nselect 1\n");
    put(
        &world,
        &format!("{home}/report"),
        Some("JUPYTER"),
        "{\"cells\": [], \"metadata\": {}, \"nbformat\": 4, \"nbformat_minor\": 5}",
    );
    put(&world, &format!("{home}/cross"), Some("PYTHON"), "# MAGIC %run ../../bob@example.com/lib\n");
    put(&world, "/Users/bob@example.com/lib", Some("PYTHON"), "y = 2\n");
    put(&world, "/Shared/tool.py", None, "print(1)\n");
    world.write("src/tool.py", "somebody's\n");
    world
        .plumb("import --all --with-code")
        .code(6)
        .says("/Shared/gone stays where it is")
        .says("git_source")
        .says("it runs /Users/bob@example.com/lib, which it would not find from the repository")
        .says("there already with other content");
    let job = world.read("manifests/jobs/etl.yaml");
    for path in [
        "../../src/etl/load.py",
        "../../src/etl/query.sql",
        "../../src/etl/report.ipynb",
        "- \"../../src/etl/other.py\"",
        "/Shared/gone",
        "/Shared/tool.py",
        "/Workspace/Users/ann@example.com/etl/cross",
    ] {
        assert!(job.contains(path), "{path}: {job}");
    }
    assert!(world.read("src/etl/load.py").starts_with("# Databricks notebook source\n"));
    assert_eq!(world.read("src/tool.py"), "somebody's\n");
    world.plumb("validate").code(0);
    world.plumb("import --all --with-code").code(0).says("Nothing to import");
    assert_eq!(world.read("src/tool.py"), "somebody's\n");
}

#[test]
fn folders_that_lead_out_are_refused() {
    let world = World::seeded(&seed());
    world.plumb("import --all --with-code --code-dir ../x").says("it has to be a folder of the project");
    assert!(!world.read("plumb.yaml").is_empty());
}

#[test]
fn every_sort_of_code_comes_along_and_runs_from_the_repository_afterwards() {
    let task = |key: &str, path: &str| json!({"task_key": key, "notebook_task": {"notebook_path": path}});
    let mut wheel = task("scala", "/Users/ann@example.com/etl/score");
    wheel["libraries"] = json!([{"whl": "/Volumes/main/ops/lib/dist/app-1.0-py3-none-any.whl"}]);
    let world = World::seeded(&json!({"jobs": [{"name": "etl", "tasks": [
        wheel, task("r", "/Users/ann@example.com/etl/plot"),
        {"task_key": "py", "environment_key": "main", "spark_python_task": {"python_file": "/Shared/etl/tool.py"}},
        task("twin", "/Users/bob@example.com/etl/plot"),
    ], "environments": [{"environment_key": "main", "spec": {"environment_version": "4",
        "dependencies": ["-r /Workspace/Shared/etl/requirements.txt", "pandas"]}}]}]}));
    put(&world, "/Users/ann@example.com/etl/score", Some("SCALA"), "println(1)\n");
    put(&world, "/Users/ann@example.com/etl/plot", Some("R"), "print(1)\n");
    put(&world, "/Users/bob@example.com/etl/plot", Some("R"), "print(2)\n");
    put(&world, "/Shared/etl/tool.py", None, "import helper\nkey = 'AKIAIOSFODNN7EXAMPLE'\n");
    put(&world, "/Shared/etl/helper.py", None, "x = 1\n");
    put(&world, "/Shared/etl/requirements.txt", None, "pandas\n");
    let volume = "/api/2.0/fs/files/Volumes/main/ops/lib/dist/app-1.0-py3-none-any.whl";
    world.sandbox.send("PUT", volume, &Value::from("the wheel"));
    world
        .plumb("import --all --with-code")
        .code(6)
        .says("src/etl/plot.r is for /Users/ann@example.com/etl/plot already")
        .says("import helper.py, which was not brought")
        .says("src/etl/tool.py: something in it looks like a secret");
    let job = world.read("manifests/jobs/etl.yaml");
    for path in [
        "../../src/etl/score.scala",
        "../../src/etl/plot.r",
        "../../src/dist/app-1.0-py3-none-any.whl",
        "../../src/etl/tool.py",
        "-r ../../src/etl/requirements.txt",
        "/Users/bob@example.com/etl/plot",
    ] {
        assert!(job.contains(path), "{path}: {job}");
    }
    assert!(world.read("src/etl/score.scala").starts_with("// Databricks notebook source\nprintln"));
    assert!(world.read("src/etl/plot.r").starts_with("# Databricks notebook source\nprint(1)"));
    world.commit("Brought");
    world.plumb("validate").code(0);
    world.plumb("plan").code(0).says("./src/etl/score").says("1 to adopt (1 with changes)").says("1 to upload");
    world.plumb("apply --yes --allow-run-now").code(0);
    world.plumb("plan --detailed-exitcode").code(0).says("No changes.");
    let exported = world.sandbox.job("etl")["settings"]["tasks"].to_string();
    assert!(
        exported.contains("/src/etl/score\"") && exported.contains("/Users/bob@example.com/etl/plot"),
        "{exported}"
    );
}
