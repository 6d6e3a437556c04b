//! Law: what an import writes, `validate` accepts: of every fixture, and of random objects with titles that are alike.

use crate::fixtures;
use crate::specs::{self, SECRET};
use crate::world;
use plumb_core::import;
use plumb_core::kinds;
use plumb_core::kinds::{Kind, Observed};
use plumb_core::plan::normal::normal;
use plumb_core::render;
use plumb_model::call::System;
use plumb_model::secrets::Vault;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Longer than a name of a manifest may be.
const LONG: &str = "Revenue of all countries by product line and sales channel, for the finance team";

#[test]
fn what_is_imported_of_any_fixture_is_valid() {
    for kind in kinds::objects() {
        let documents: Vec<Value> = fixtures::of(*kind).iter().flat_map(fixtures::Fixture::documents).collect();
        let specs = documents.iter().filter(|d| d["kind"] == kind.name()).map(|d| d["spec"].clone());
        imported(*kind, specs.collect());
    }
}

#[test]
fn what_is_imported_of_random_objects_is_valid() {
    for (name, count) in
        [("DatabricksJob", 150), ("DatabricksCluster", 100), ("AirflowConnection", 60), ("AirflowPool", 30)]
    {
        let kind = kinds::find(name).unwrap();
        let mut runner = TestRunner::deterministic();
        let strategy = specs::of(kind);
        let specs = (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current());
        let specs: Vec<Value> = specs.filter(|spec| says_what_it_does(kind, spec)).collect();
        assert!(specs.len() > count / 2, "{name}: {}", specs.len());
        imported(kind, specs);
    }
}

/// Whether each task does something by more than an empty `dashboard_task: {}`, which equals none: such a job is left out
/// of an import, and that is said.
fn says_what_it_does(kind: &dyn Kind, spec: &Value) -> bool {
    fn does(task: &Value) -> bool {
        let mut members = task.as_object().into_iter().flatten().filter(|(name, _)| name.ends_with("_task"));
        members.any(|(_, what)| what.get("task").is_none_or(does))
    }
    kind.name() != "DatabricksJob" || normal(kind.rules(), spec)["tasks"].as_array().into_iter().flatten().all(does)
}

/// Imports objects of these specs together, and reads the manifests.
fn imported(kind: &'static dyn Kind, specs: Vec<Value>) {
    let seen: Vec<Observed> = specs
        .into_iter()
        .enumerate()
        .map(|(i, mut spec)| {
            live(kind, &mut spec);
            // Where names need not be unique, all are alike; elsewhere they differ in their last letters.
            let title = spec.get(kind.title()).and_then(Value::as_str).map(str::to_owned);
            let id = match (kind.title_is_free(), &title) {
                (true, _) => {
                    spec[kind.title()] = json!(format!("{LONG} {}", i % 3));
                    format!("{}", 1_000_000 + i)
                }
                (false, _) => {
                    let own = format!("revenue-of-all-countries-by-product-line-and-sales-channel-{i}");
                    spec[kind.title()] = json!(own);
                    own
                }
            };
            Observed { id, spec, ..Observed::default() }
        })
        .collect();
    let titled = seen.iter().map(|s| (kind.name(), s.spec[kind.title()].as_str().unwrap_or_default(), s.id.as_str()));
    let names = import::names(titled, std::iter::empty());
    let mut files = BTreeMap::new();
    for (address, seen) in names.iter().zip(&seen) {
        let manifest =
            render::manifest(kind, &address.name, seen, ("schema.json", world::TARGET), &BTreeMap::new(), &[]).unwrap();
        let before = files.insert(format!("{}.yaml", address.name), manifest.text);
        assert_eq!(before, None, "{address} is there twice");
    }
    let count = files.len();
    // A value that is base64 is a value as well where one may be any text.
    let desired = world::load_with(&files, &|_| "aHVudGVyMi1vZi10aGUtc2VydmljZQ==".into())
        .unwrap_or_else(|problems| panic!("{}: {problems}", kind.name()));
    assert_eq!(desired.resources.len(), count);
}

/// A manifest's spec as a service would have it.
fn live(kind: &dyn Kind, value: &mut Value) {
    match value {
        // Airflow shows no secret.
        Value::String(text) if text == SECRET || text.contains("${env.") => {
            let is_masked = kind.system() == System::Airflow;
            *text = if is_masked { Vault::UNKNOWN } else { "hunter2-of-the-service" }.to_owned();
        }
        Value::String(text) => *text = text.replace("${resources.", "x").replace("$${", "${"),
        Value::Array(items) => items.iter_mut().for_each(|inner| live(kind, inner)),
        Value::Object(map) => {
            if let Some(id) = map.get_mut("run_job_task").and_then(|task| task.get_mut("job_id")) {
                *id = json!(77);
            }
            map.values_mut().for_each(|inner| live(kind, inner));
        }
        _ => {}
    }
}
