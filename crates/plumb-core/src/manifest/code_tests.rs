use super::*;
use crate::code::is_hash;
use crate::kinds;
use crate::manifest::{Desired, Failure, GivenVariables, InMemory, Request, load, load_earlier};
use serde_json::json;

const PROJECT: &str = "apiVersion: plumb/v1
kind: Project
metadata: {name: bau}
spec:
  variables: {code: ./lib, wheel: ./dist/etl-1.0.whl, list: [{whl: ./dist/etl-1.0.whl}]}
  targets:
    prod: {default: true, databricks: {host: 'https://x', code: /Workspace/Shared/ops}, patches: [patches]}
    volume: {databricks: {host: 'https://x', code: /Volumes/main/ops/plumb/}}
    open: {databricks: {host: 'https://x'}}
    dev: {mode: development, databricks: {host: 'https://x', code: /Users/ann/x}}
    sandbox: {sandbox: true}
";

fn job(name: &str, rest: &str) -> String {
    format!("apiVersion: plumb/v1\nkind: DatabricksJob\nmetadata: {{name: {name}}}\nspec:\n{rest}")
}

fn python(name: &str, path: &str) -> String {
    job(
        name,
        &format!(
            "  tasks: [{{task_key: t, environment_key: e, spark_python_task: {{python_file: '{path}'}}}}]\n  environments: [{{environment_key: e, spec: {{environment_version: '3'}}}}]\n"
        ),
    )
}

fn source(files: &[(&str, &str)]) -> InMemory {
    let fixed = [
        ("plumb.yaml", PROJECT),
        ("src/load.py", "import parts\n"),
        ("src/parts.py", "x = 1\n"),
        ("src/etl.py", "# Databricks notebook source\nx = 1\n"),
        ("src/__pycache__/parts.pyc", "no"),
        ("src/.env", "TOKEN=no"),
        ("lib/load.py", "y = 1\n"),
        ("dist/etl-1.0.whl", "wheel"),
        ("patches/none.yaml", ""),
    ];
    InMemory(fixed.iter().chain(files).map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect())
}

fn request(target: &str) -> Request<'static> {
    Request {
        target: Some(target.to_owned()),
        variables: GivenVariables::default(),
        env: &|_| None,
        user: Some("ann".to_owned()),
    }
}

fn read(target: &str, files: &[(&str, &str)]) -> Result<Desired, Failure> {
    load(&source(files), &request(target), kinds::all())
}

fn loaded(files: &[(&str, &str)]) -> Desired {
    read("prod", files).unwrap_or_else(|failure| panic!("{:?}", failure.problems))
}

fn spec(desired: &Desired, name: &str) -> Value {
    desired.resources.iter().find(|one| one.address.name == name).unwrap().spec.to_value()
}

#[test]
fn a_path_of_the_repository_becomes_one_of_its_tree() {
    let desired = loaded(&[("manifests/a.yaml", &python("a", "../src/load.py"))]);
    let address = &desired.resources[0].address;
    let tree = desired.code.of(address).unwrap();
    assert!(is_hash(&tree.hash));
    assert_eq!(desired.code.folder.path(), "/Workspace/Shared/ops/.plumb/bau/prod/code");
    let wanted = format!("/Workspace/Shared/ops/.plumb/bau/prod/code/{}/src/load.py", tree.hash);
    assert_eq!(spec(&desired, "a")["tasks"][0]["spark_python_task"]["python_file"], wanted.as_str());
    let file = &tree.files["src/load.py"];
    assert_eq!((file.text.as_deref(), file.bytes, file.place.as_str()), (Some("import parts\n"), 13, "src/load.py"));
    assert_eq!((tree.files.len(), desired.code.keep_days), (1, 30));
    assert_eq!(
        desired.resources[0].node().to_json()["tasks"][0]["spark_python_task"]["python_file"],
        json!("../src/load.py")
    );
}
