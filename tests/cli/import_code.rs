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
    put(&world, "/Shared/tool.py", None, "print(1)\n");
    world.write("src/tool.py", "somebody's\n");
    world
        .plumb("import --all --with-code")
        .code(6)
        .says("/Shared/gone stays where it is")
        .says("git_source")
        .says("there already with other content");
    let job = world.read("manifests/jobs/etl.yaml");
    for path in [
        "../../src/etl/load.py",
        "../../src/etl/query.sql",
        "../../src/etl/report.ipynb",
        "- \"../../src/etl/other.py\"",
        "/Shared/gone",
        "/Shared/tool.py",
    ] {
        assert!(job.contains(path), "{path}: {job}");
    }
    assert!(world.read("src/etl/load.py").starts_with("# Databricks notebook source\n"));
    assert_eq!(world.read("src/tool.py"), "somebody's\n");
    world.plumb("validate").code(0);
    world.plumb("import --all --with-code").code(0).says("Nothing to import");
}

#[test]
fn folders_that_lead_out_are_refused() {
    let world = World::seeded(&seed());
    world.plumb("import --all --with-code --code-dir ../x").says("it has to be a folder of the project");
    assert!(!world.read("plumb.yaml").is_empty());
}
