//! The cases, and their files as text.

use plumb_core::kinds::airflow::{dag_spec::DagSpec, python};
use plumb_core::kinds::{self, Kind};
use plumb_core::manifest::{self, InMemory, Request};
use plumb_core::render;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The mark of every file here.
pub const MARK: &str = "dags/test/AirflowDag/case 0123456789ab-deadbeef";

/// The kind.
pub fn kind() -> &'static dyn Kind {
    kinds::find("AirflowDag").unwrap()
}

/// Where the files are that plumb writes for the cases.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/airflow_dag/cases")
}

/// The name and the text of each case.
pub fn all() -> BTreeMap<String, String> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kinds/AirflowDag");
    let entries = std::fs::read_dir(fixtures).unwrap().map(|e| e.unwrap().path());
    entries
        .filter(|p| p.extension().is_some_and(|e| e == "yaml"))
        .map(|p| (p.file_stem().unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(&p).unwrap()))
        .collect()
}

/// The spec of a manifest, or what is wrong with it.
pub fn try_load(text: &str) -> Result<Value, String> {
    let project = json!({
        "apiVersion": "plumb/v1", "kind": "Project", "metadata": {"name": "dags"},
        "spec": {"targets": {"test": {"sandbox": true, "default": true}}, "env": ["SECRET"]},
    });
    let files = BTreeMap::from([
        ("plumb.yaml".to_owned(), project.to_string().into_bytes()),
        ("manifests/dag.yaml".to_owned(), text.as_bytes().to_vec()),
    ]);
    let request =
        Request { target: None, variables: Default::default(), env: &|_| Some("s3cret".to_owned()), user: None };
    manifest::load(&InMemory(files), &request, &[kind()])
        .map(|desired| desired.resources[0].spec.to_value())
        .map_err(|failure| render::problems(&failure.files, &failure.problems, render::Style::default()))
}

/// The spec of a manifest.
pub fn load(text: &str) -> Value {
    try_load(text).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The file that plumb writes for a spec.
pub fn written(spec: &Value) -> String {
    let spec: DagSpec = serde_json::from_value(spec.clone()).unwrap();
    python::write(&spec, MARK)
}

#[test]
fn every_case_gives_its_file_to_the_byte() {
    let mut differing = Vec::new();
    for (name, text) in all() {
        let written = written(&load(&text));
        let path = folder().join(format!("{name}.py"));
        if std::env::var_os("PLUMB_WRITE_DAGS").is_some() {
            std::fs::write(&path, &written).unwrap();
        }
        if std::fs::read_to_string(&path).unwrap_or_default() != written {
            differing.push(name);
        }
    }
    assert!(
        differing.is_empty(),
        "{differing:?} differ; PLUMB_WRITE_DAGS=1 cargo test --test peers airflow_dag writes them"
    );
}

#[test]
fn a_file_says_whose_it_is_and_what_it_was_made_of() {
    for (name, text) in all() {
        let spec = load(&text);
        let file = written(&spec);
        assert_eq!(python::mark_of(&file), Some(MARK), "{name}");
        assert_eq!(python::condition(&file), python::Condition::Intact, "{name}");
        let mut said = spec.clone();
        for member in ["paused", "catchUpNow"] {
            said.as_object_mut().unwrap().remove(member);
        }
        let rules = kind().rules();
        let normal = |v: &Value| plumb_core::plan::normal::normal(rules, v);
        assert_eq!(normal(&python::data_of(&file).unwrap()), normal(&said), "{name}");
        assert_eq!(written(&python::data_of(&file).unwrap()), file, "{name}: written from what was read");
        assert!(file.is_ascii() || name == "hostile", "{name}");
        assert!(!file.chars().any(|c| c.is_control() && c != '\n'), "{name}: a control character stands in the file");
    }
}

#[test]
fn any_edit_shows() {
    let file = written(&load(&all()["everything"]));
    assert_eq!(python::condition(&file.replace("retries=", "retries = ")), python::Condition::Edited);
    assert_eq!(python::condition(&file.replace('\n', "\r\n")), python::Condition::Edited);
    assert_eq!(python::condition(&format!("{file}\n")), python::Condition::Edited);
    assert_eq!(python::condition(&file.replace("(format 1)", "(format 0)")), python::Condition::Old);
    // Whoever edits the data edits the manifest's values, and that is shown value by value.
    assert_eq!(
        python::condition(&file.replace("\"priority_weight\": 5", "\"priority_weight\": 6")),
        python::Condition::Intact
    );
    assert_eq!(python::condition(&python::tombstone(MARK)), python::Condition::Leaving);
}

#[test]
fn the_order_of_a_manifest_means_nothing() {
    let spec = load(&all()["everything"]);
    let mut mixed = spec.clone();
    for list in ["/tags", "/tasks/0/outlets", "/tasks/3/after", "/tasks"] {
        mixed.pointer_mut(list).unwrap().as_array_mut().unwrap().reverse();
    }
    assert_ne!(spec, mixed);
    assert_eq!(written(&spec), written(&mixed));
}

#[test]
fn mistakes_are_named_where_they_are() {
    let wrong = |spec: &str| {
        let text = format!("apiVersion: plumb/v1\nkind: AirflowDag\nmetadata: {{name: x}}\nspec: {spec}\n");
        try_load(&text).err().unwrap_or_else(|| panic!("nothing is wrong with {spec}"))
    };
    let task = "tasks: [{id: a, run: '1'}]";
    for (spec, said) in [
        (format!("{{schedule: {{cron: '0 0 4 * * *'}}, start_date: 2024-05-01, {task}}}"), "it has 6 fields"),
        (format!("{{schedule: {{cron: '99 * * * *'}}, start_date: 2024-05-01, {task}}}"), "cannot be read"),
        (format!("{{schedule: {{cron: '@dayly'}}, start_date: 2024-05-01, {task}}}"), "cannot be read"),
        (
            format!("{{schedule: {{cron: '@daily', timezone: Europe/Londn}}, start_date: 2024-05-01, {task}}}"),
            "did you mean `Europe/London`?",
        ),
        (format!("{{schedule: {{cron: '@daily'}}, {task}}}"), "add `start_date`"),
        (
            format!("{{schedule: {{cron: '@daily', assets: [a]}}, start_date: 2024-05-01, {task}}}"),
            "by the clock or by assets",
        ),
        (format!("{{schedule: {{}}, {task}}}"), "needs `cron` or `assets`"),
        (format!("{{schedule: {{cron: '@continuous'}}, {task}}}"), "one run at a time"),
        (format!("{{start_date: 1 May, {task}}}"), "`1 May` is no day"),
        (format!("{{deadline: 6 hours, {task}}}"), "`6 hours` is no duration"),
        (format!("{{defaults: {{retry_delay: 10}}, {task}}}"), "10"),
        (format!("{{doc: see README.md, {task}}}"), "ends in `.md`"),
        (format!("{{dag_id: a/../b, {task}}}"), "cannot be an id"),
        (format!("{{tags: [plumb], {task}}}"), "plumb's own"),
        ("{tasks: []}".to_owned(), "does nothing"),
        ("{tasks: [{id: a}]}".to_owned(), "runs nothing"),
        ("{tasks: [{id: a, run: '1', job: x}]}".to_owned(), "runs one job"),
        ("{tasks: [{id: a, run: etl}]}".to_owned(), "an id is a number"),
        ("{tasks: [{id: load, run: '1'}, {id: b, run: '1', after: [laod]}]}".to_owned(), "did you mean `load`?"),
        ("{tasks: [{id: a, run: '1'}, {id: a, run: '1'}]}".to_owned(), "is there twice"),
        ("{tasks: [{id: a, run: '1', after: [b]}, {id: b, run: '1', after: [a]}]}".to_owned(), "a → b → a"),
        ("{tasks: [{id: a, run: '1', params: {job_parameters: {x: a.json-tpl}}}]}".to_owned(), ".json-tpl"),
        (
            "{tasks: [{id: a, run: '1', params: {job_parameters: {x: a}, jar_params: [b]}}]}".to_owned(),
            "cannot stand beside",
        ),
        (format!("{{source: external, {task}}}"), "is theirs"),
    ] {
        let said_of = wrong(&spec);
        assert!(said_of.contains(said), "{spec}: expected `{said}` in\n{said_of}");
    }
}
