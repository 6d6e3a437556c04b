//! The cases, and the way from them to manifests.

use plumb_core::manifest::{self, Desired, InMemory, Request};
use plumb_core::translate::{Script, Translation, TranslationOptions, supported, translate};
use plumb_core::{kinds, render};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What must never be seen again: the credentials of the cases.
pub const SECRETS: [&str; 3] = ["hunter2", "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI"];

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/offline/translate")
}

/// The JSON files of a folder of cases, by their names.
pub fn files(of: &str) -> BTreeMap<String, Value> {
    let entries = std::fs::read_dir(folder().join(of)).unwrap().map(|e| e.unwrap().path());
    entries
        .filter(|p| p.extension().is_some_and(|e| e == "json"))
        .map(|p| {
            let name = p.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, serde_json::from_str(&std::fs::read_to_string(&p).unwrap()).unwrap())
        })
        .collect()
}

/// The options of the cases: the runtimes of a day that stays the same.
pub fn options() -> TranslationOptions {
    TranslationOptions::new(supported("2026-11-22".parse().unwrap()))
}

/// A case of `clusters/`: what EMR says, and what is asked for.
pub fn case(value: &Value) -> (Value, TranslationOptions) {
    let mut options = options();
    let Some(input) = value.get("input") else { return (value.clone(), options) };
    let wanted = &value["options"];
    options.pool = wanted["pool"] == true;
    options.policy = wanted["policy"] == true;
    options.node_types =
        wanted["node_types"].as_array().map(|l| l.iter().map(|n| n.as_str().unwrap().to_owned()).collect());
    if let Some(answers) = wanted.get("answers") {
        options.answers = serde_json::from_value(answers.clone()).unwrap();
    }
    // A text, or why nobody could read it.
    for (address, script) in wanted["scripts"].as_object().into_iter().flatten() {
        let script = match script["unread"].as_str() {
            Some(why) => Script::Unread(why.to_owned()),
            None => Script::Text(script.as_str().unwrap().to_owned()),
        };
        options.scripts.insert(address.clone(), script);
    }
    (input.clone(), options)
}

/// A cluster with steps that run these arguments with EMR's runner of commands, first to last.
pub fn with_steps(lines: &[Vec<String>]) -> Value {
    let step = |args: &Vec<String>| json!({ "Name": "step", "Config": { "Jar": "command-runner.jar", "Args": args } });
    json!({
        "Cluster": { "Name": "corpus", "ReleaseLabel": "emr-7.1.0" },
        "InstanceGroups": [
            { "InstanceGroupType": "MASTER", "InstanceType": "m5d.xlarge", "RequestedInstanceCount": 1 },
            { "InstanceGroupType": "CORE", "InstanceType": "m5d.xlarge", "RequestedInstanceCount": 2 },
        ],
        "Steps": lines.iter().rev().map(step).collect::<Vec<_>>(),
    })
}

/// The manifests of a translation, by file.
pub fn written(translation: &Translation) -> BTreeMap<String, String> {
    let one = |d: &plumb_core::translate::TranslatedManifest| {
        let file = format!("{}/{}.yaml", d.address.kind, d.address.name);
        (file, render::translated(translation, d, "../../schemas/plumb.json"))
    };
    translation.documents.iter().map(one).collect()
}

/// Everything that a translation shows, in one text.
pub fn all_text(translation: &Translation) -> String {
    let texts: Vec<String> = written(translation).into_values().collect();
    texts.join("---\n") + &render::translation(translation)
}

/// The project file of the cases.
pub const PROJECT: &str = "\
apiVersion: plumb/v1
kind: Project
metadata: {name: translated}
spec:
  manifests: [manifests]
  variables: {output_root: s3://shadow}
  targets:
    test: {sandbox: true, default: true}
";

/// Reads manifests as `plumb validate` does, or says what is wrong with them.
pub fn load(files: &BTreeMap<String, String>) -> Result<Desired, String> {
    let mut all: BTreeMap<String, Vec<u8>> =
        files.iter().map(|(path, text)| (format!("manifests/{path}"), text.clone().into_bytes())).collect();
    all.insert("plumb.yaml".into(), PROJECT.into());
    all.entry("manifests/.empty.yaml".into()).or_default();
    let request = Request { target: None, variables: Default::default(), env: &|_| None, user: None };
    manifest::load(&InMemory(all), &request, kinds::all())
        .map_err(|failure| render::problems(&failure.files, &failure.problems, render::Style::default()))
}

/// Translates a case of `clusters/`.
pub fn translated(value: &Value) -> Translation {
    let (input, options) = case(value);
    translate(&input, &options)
}
