//! Holds the files of `schemas/` against what the code generates.
//!
//! After a change of a spec, `PLUMB_WRITE_SCHEMAS=1 cargo test --test offline schemas` writes them anew.

use plumb_core::kinds::databricks::{cluster::ClusterSpec, job::JobSpec, policy::PolicySpec, pool::InstancePoolSpec};
use plumb_core::schemas::{documents_of, text};
use schemars::schema_for;
use serde::Deserialize;
use serde_json::Value;
use std::{collections::BTreeMap, fs, path::Path};

#[test]
fn the_schema_files_are_what_the_code_generates() {
    let mut kinds: BTreeMap<&str, Value> = BTreeMap::from([
        ("DatabricksCluster", schema_for!(ClusterSpec).to_value()),
        ("DatabricksClusterPolicy", schema_for!(PolicySpec).to_value()),
        ("DatabricksInstancePool", schema_for!(InstancePoolSpec).to_value()),
        ("DatabricksJob", schema_for!(JobSpec).to_value()),
    ]);
    kinds.extend(plumb_core::kinds::all().iter().map(|k| (k.name(), k.schema().clone())));
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
    assert!(
        stale.is_empty(),
        "out of date: {stale:?}; PLUMB_WRITE_SCHEMAS=1 cargo test --test offline schemas writes them"
    );
}

/// Every document of the example, and every fixture of a kind, is good for an editor that checks by the schemas: read by
/// another YAML reader, checked by another validator than plumb's own.
#[test]
fn every_document_validates() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let validator = |name: &str| {
        let text = fs::read_to_string(root.join("schemas").join(name)).unwrap();
        let options = jsonschema::draft202012::options();
        let options =
            options.with_base_uri("https://schemas.test/plumb.json").with_retriever(Beside(root.join("schemas")));
        options.build(&serde_json::from_str(&text).unwrap()).unwrap()
    };
    let (any, project) = (validator("plumb.json"), validator("Project.json"));
    let mut files = Vec::new();
    yaml_files(&root.join("manifests"), &mut files);
    yaml_files(&root.join("tests/kinds"), &mut files);
    files.push(root.join("plumb.yaml"));
    let mut checked = 0;
    for file in &files {
        for document in serde_yaml::Deserializer::from_str(&fs::read_to_string(file).unwrap()) {
            let document = Value::deserialize(document).unwrap();
            // A patch leaves out what it does not change: only the four keys are asked of it.
            if document.is_null() || file.starts_with(root.join("manifests/overlays")) {
                continue;
            }
            let validator = if document["kind"] == "Project" { &project } else { &any };
            let errors: Vec<String> =
                validator.iter_errors(&document).map(|e| format!("{}: {e}", e.instance_path())).collect();
            assert!(errors.is_empty(), "{}: {errors:#?}", file.display());
            checked += 1;
        }
    }
    assert!(checked > 20, "only {checked} documents were found");
    // The validator can refuse.
    let wrong = serde_json::json!({"apiVersion": "plumb/v1", "kind": "DatabricksJob", "metadata": {"name": "x"}, "spec": {"nam": 1}});
    assert!(!any.is_valid(&wrong));
}

/// Editors show one text at a hover, that of the innermost schema that fits (yaml-language-server, `yamlHover.ts`). So the text of a
/// type or of a value must not stand between a field and its own: "All have ended, however." does not say what `run_if` is.
#[test]
fn a_field_has_one_text_and_nothing_inside_of_it_another() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    let kinds = plumb_core::kinds::all().iter().map(|kind| kind.name());
    let mut fields = 0;
    for kind in kinds.chain(["Project"]) {
        let schema: Value =
            serde_json::from_str(&fs::read_to_string(folder.join(format!("{kind}.json"))).unwrap()).unwrap();
        assert_eq!(wrong_texts(&schema, &mut fields), [""; 0], "{kind}");
    }
    assert!(fields > 700, "only {fields} fields");
}

#[test]
fn a_text_between_a_field_and_its_own_is_found() {
    let schema = |field: Value| {
        let definitions = serde_json::json!({"Named": {"description": "A type."}, "Plain": {"type": "string"}});
        serde_json::json!({"properties": {"a": field}, "$defs": definitions})
    };
    let wrong = |field: Value| wrong_texts(&schema(field), &mut 0).len();
    assert_eq!(wrong(serde_json::json!({"description": "A field.", "anyOf": [{"$ref": "#/$defs/Plain"}]})), 0);
    assert_eq!(wrong(serde_json::json!({"description": "A field.", "anyOf": [{"$ref": "#/$defs/Named"}]})), 1);
    assert_eq!(
        wrong(serde_json::json!({"description": "A field.", "oneOf": [{"const": 1, "description": "One."}]})),
        1
    );
    assert_eq!(wrong(serde_json::json!({"$ref": "#/$defs/Plain"})), 1, "a field without a text");
}

/// The fields of a schema whose text is missing, or not the only one on the way to their value.
fn wrong_texts(schema: &Value, fields: &mut usize) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut places: Vec<(String, &Value)> = vec![(String::new(), schema)];
    while let Some((path, place)) = places.pop() {
        for (name, field) in place["properties"].as_object().into_iter().flatten() {
            *fields += 1;
            let path = format!("{path}/{name}");
            let texts = texts_inside(field, schema);
            if field["description"].as_str().is_none_or(str::is_empty) || !texts.is_empty() {
                wrong.push(format!("{path}: {texts:?}"));
            }
            places.push((path, field));
        }
        for (name, definition) in place["$defs"].as_object().into_iter().flatten() {
            places.push((format!("{path}#{name}"), definition));
        }
        let cases = ["anyOf", "oneOf", "allOf"].into_iter().filter_map(|word| place[word].as_array()).flatten();
        places.extend(cases.map(|case| (path.clone(), case)));
        for word in ["items", "additionalProperties"] {
            let Some(inner) = place.get(word).filter(|inner| inner.is_object()) else { continue };
            let path = format!("{path}/*");
            let texts = texts_inside(inner, schema);
            if inner["description"].is_string() && !texts.is_empty() {
                wrong.push(format!("{path}: {texts:?}"));
            }
            places.push((path, inner));
        }
    }
    wrong
}

fn texts_inside<'s>(place: &'s Value, root: &'s Value) -> Vec<&'s str> {
    let cases = ["anyOf", "oneOf", "allOf"].into_iter().filter_map(|word| place[word].as_array()).flatten();
    let target = place["$ref"].as_str().and_then(|name| root.pointer(name.trim_start_matches('#')));
    cases
        .chain(target)
        .flat_map(|inner| inner["description"].as_str().into_iter().chain(texts_inside(inner, root)))
        .collect()
}

/// Finds the files that a schema names beside itself, as an editor does.
struct Beside(std::path::PathBuf);

impl jsonschema::Retrieve for Beside {
    fn retrieve(&self, uri: &jsonschema::Uri<String>) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        let name = uri.as_str().rsplit('/').next().unwrap_or_default();
        Ok(serde_json::from_str(&fs::read_to_string(self.0.join(name))?)?)
    }
}

fn yaml_files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            yaml_files(&path, found);
        } else if path.extension().is_some_and(|e| e == "yaml") {
            found.push(path);
        }
    }
}
