//! Holds the files of `schemas/` against what the code generates.
//!
//! After a change of a spec, `PLUMB_WRITE_SCHEMAS=1 cargo test --test schemas` writes them anew.

use plumb::kinds::databricks::{cluster::ClusterSpec, job::JobSpec, policy::PolicySpec, pool::PoolSpec};
use plumb::schema::{documents_of, text};
use schemars::schema_for;
use serde_json::Value;
use std::{collections::BTreeMap, fs, path::Path};

#[test]
fn the_schema_files_are_what_the_code_generates() {
    let mut kinds: BTreeMap<&str, Value> = BTreeMap::from([
        ("DatabricksCluster", schema_for!(ClusterSpec).to_value()),
        ("DatabricksClusterPolicy", schema_for!(PolicySpec).to_value()),
        ("DatabricksInstancePool", schema_for!(PoolSpec).to_value()),
        ("DatabricksJob", schema_for!(JobSpec).to_value()),
    ]);
    kinds.extend(plumb::kinds::all().iter().map(|k| (k.name(), k.schema().clone())));
    let kinds: Vec<(&str, &Value)> = kinds.iter().map(|(name, schema)| (*name, schema)).collect();

    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    let mut stale: Vec<String> = Vec::new();
    let mut expected: Vec<String> = Vec::new();
    for (name, schema) in documents_of(&kinds) {
        let (path, text) = (folder.join(&name), text(&schema));
        if std::env::var_os("PLUMB_WRITE_SCHEMAS").is_some() {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&path, &text).unwrap();
        }
        if fs::read_to_string(&path).unwrap_or_default() != text {
            stale.push(name.clone());
        }
        expected.push(name);
    }
    let mut found: Vec<String> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected, "files of schemas/");
    assert!(stale.is_empty(), "out of date: {stale:?}; PLUMB_WRITE_SCHEMAS=1 cargo test --test schemas writes them");
}
