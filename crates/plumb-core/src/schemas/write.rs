//! Writing `schemas/`: JSON Schema 2020-12 for editors and other tools.
//!
//! The schemas of the specs are what `schemars` generates, with two changes: the field rules are plumb's own affair and
//! are taken out, and wherever something else than a plain string is expected, a `${…}` reference may stand too.

use super::document::{MetadataSchema, ProjectMetadata};
use schemars::{JsonSchema, generate::SchemaSettings, schema_for};
use serde_json::{Map, Value, json};

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The definition that stands for `${…}`.
pub(super) const REFERENCE: &str = "Reference";

/// The schema files, by name, as they are committed under `schemas/`.
pub fn documents() -> Vec<(String, Value)> {
    let kinds: Vec<(&str, &Value)> = crate::kinds::all().iter().map(|k| (k.name(), k.schema())).collect();
    documents_of(&kinds)
}

/// The texts of the schema files, by name.
pub fn files() -> Vec<(String, String)> {
    documents().iter().map(|(name, schema)| (name.clone(), text(schema))).collect()
}

/// The texts of the schema files that editors check manifests and plumb.yaml with, by name.
pub fn manifest_files() -> Vec<(String, String)> {
    files().into_iter().filter(|(name, _)| is_of_manifests(name)).collect()
}

/// Whether a schema file is of what people write, and not of what plumb does: of a kind, the project, or any of these.
pub fn is_of_manifests(name: &str) -> bool {
    let stem = name.strip_suffix(".json").unwrap_or(name);
    matches!(stem, "Project" | "plumb") || crate::kinds::find(stem).is_some()
}

/// The texts of the schema files of one project, by name: editors offer these references (`${resources.KIND.NAME}`) at every value
/// of a spec.
pub fn files_with(references: &[String]) -> Vec<(String, String)> {
    let offered = |(name, mut schema): (String, Value)| {
        super::references::offer(&mut schema, references);
        (name, text(&schema))
    };
    documents().into_iter().map(offered).collect()
}

/// The schema files of these kinds, each a name and its spec's generated schema.
pub fn documents_of(kinds: &[(&str, &Value)]) -> Vec<(String, Value)> {
    let mut documents: Vec<(String, Value)> =
        kinds.iter().map(|(name, spec)| (format!("{name}.json"), manifest(name, spec))).collect();
    documents.push(("Project.json".to_owned(), project()));
    documents.push(("plan.json".to_owned(), plain(schema_for!(crate::plan::Plan).to_value())));
    documents.push(("apply.json".to_owned(), plain(schema_for!(crate::render::Applied).to_value())));
    let diagnosis = schema_for!(crate::diagnose::Diagnosis).to_value();
    documents.push(("diagnosis.json".to_owned(), plain(diagnosis)));
    let months = schema_for!(crate::diagnose::months::MonthsReport).to_value();
    documents.push(("months.json".to_owned(), plain(months)));
    let board = schema_for!(crate::migrate::board::Board).to_value();
    documents.push(("board.json".to_owned(), plain(board)));
    let cost = schema_for!(crate::cost::report::CostReport).to_value();
    documents.push(("cost.json".to_owned(), plain(cost)));
    let report = schema_for!(crate::parity::result::Report).to_value();
    documents.push(("evidence.json".to_owned(), plain(report)));
    let runs = schema_for!(crate::cost::facts::KeptRuns).to_value();
    documents.push(("runs.json".to_owned(), plain(runs)));
    let mut names: Vec<&str> = kinds.iter().map(|(name, _)| *name).collect();
    names.push("Project");
    names.sort_unstable();
    documents.push(("plumb.json".to_owned(), any(&names)));
    documents.sort_by(|a, b| a.0.cmp(&b.0));
    documents
}

/// The text of a schema file: keys in order, so that the same schema gives the same bytes.
pub fn text(schema: &Value) -> String {
    // `{:#}` of a `Value` is pretty JSON, and cannot fail.
    format!("{:#}\n", sorted(schema))
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut names: Vec<&String> = members.keys().collect();
            names.sort();
            Value::Object(names.into_iter().map(|name| (name.clone(), sorted(&members[name]))).collect())
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        scalar => scalar.clone(),
    }
}

/// The schema of a whole manifest.
fn manifest(kind: &str, spec: &Value) -> Value {
    let mut spec = part(spec.clone());
    let mut definitions = taken(&mut spec, "$defs");
    for definition in definitions.values_mut() {
        loosen_members(definition);
    }
    loosen_members(&mut spec);
    let taken = definitions.insert(REFERENCE.to_owned(), reference());
    // A mistake in the source, like a malformed rule; a test writes every kind's schema.
    assert!(taken.is_none(), "{kind} has a type called Reference, which stands for `${{…}}` in schema files");
    document(kind, spec, part(whole::<MetadataSchema>()), definitions)
}

/// The schema of the project file, which holds no references.
fn project() -> Value {
    let mut spec = part(schema_for!(crate::manifest::Project).to_value());
    let definitions = taken(&mut spec, "$defs");
    document("Project", spec, part(whole::<ProjectMetadata>()), definitions)
}

fn document(kind: &str, spec: Value, metadata: Value, definitions: Map<String, Value>) -> Value {
    let mut about = spec.get("description").cloned().unwrap_or_else(|| json!(kind));
    let attributes = super::explain::attributes(kind);
    if let (false, Value::String(text)) = (attributes.is_empty(), &mut about) {
        let listed = attributes.iter().map(|one| format!("`{}`, {}", one.reference, one.description));
        text.push_str(&format!("\n\nOthers may refer to {}.", listed.collect::<Vec<_>>().join("; ")));
    }
    let mut document = json!({
        "$schema": DIALECT,
        "title": kind,
        "description": about,
        "type": "object",
        "properties": {
            "apiVersion": {"const": "plumb/v1", "description": "The version of the manifests' form."},
            "kind": {"const": kind, "description": "What is described."},
            "metadata": metadata,
            "spec": spec,
        },
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": false,
        "$defs": definitions,
    });
    super::hover::texts_at_fields(&mut document);
    document
}

/// The schema of any document. It decides by `kind` alone, so that an editor shows the mistakes of one kind rather than
/// how the document fits none.
fn any(kinds: &[&str]) -> Value {
    let cases: Vec<Value> = kinds
        .iter()
        .map(|kind| {
            json!({
                "if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]},
                "then": {"$ref": format!("{kind}.json")},
            })
        })
        .collect();
    json!({
        "$schema": DIALECT,
        "title": "plumb",
        "description": "A document of a project that plumb applies.",
        "type": "object",
        "properties": {
            "apiVersion": {"const": "plumb/v1", "description": "The version of the manifests' form."},
            "kind": {"enum": kinds, "description": "What is described."},
        },
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "allOf": cases,
    })
}

/// The schema of a type, all in one piece: without definitions, whose names could be a kind's too.
pub(super) fn whole<T: JsonSchema>() -> Value {
    SchemaSettings::draft2020_12()
        .with(|s| s.inline_subschemas = true)
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value()
}

/// A generated schema, fit to be a part of another.
fn part(schema: Value) -> Value {
    let mut schema = plain(schema);
    if let Some(members) = schema.as_object_mut() {
        members.remove("$schema");
        members.remove("title");
    }
    schema
}

fn taken(schema: &mut Value, member: &str) -> Map<String, Value> {
    match schema.as_object_mut().and_then(|s| s.remove(member)) {
        Some(Value::Object(members)) => members,
        _ => Map::new(),
    }
}

/// What stands for a value that is only known later.
fn reference() -> Value {
    json!({
        // yaml-language-server takes cases that nothing tells apart for one that fits all of them, and shows each.
        "title": REFERENCE,
        "type": "string",
        "pattern": r"\$\{[^}]+\}",
        "description": "A reference: `${var.NAME}`, `${resources.KIND.NAME}`, `${env.NAME}`.",
    })
}

/// A schema without the field rules, without formats that JSON Schema does not know (`int64`), and without the line
/// breaks that doc comments have for the source's sake.
fn plain(mut schema: Value) -> Value {
    strip(&mut schema);
    schema
}

/// A doc comment without the line breaks that it has for the source's sake: a paragraph is a line.
pub(super) fn one_line(text: &str) -> String {
    text.split("\n\n").map(|paragraph| paragraph.replace('\n', " ")).collect::<Vec<_>>().join("\n\n")
}

fn strip(schema: &mut Value) {
    let Some(members) = schema.as_object_mut() else { return };
    members.remove("x-plumb");
    let of_numbers = |f: &str| matches!(f, "int32" | "int64" | "uint" | "uint32" | "uint64" | "float" | "double");
    if members.get("format").and_then(Value::as_str).is_some_and(of_numbers) {
        members.remove("format");
    }
    if let Some(Value::String(text)) = members.get_mut("description") {
        *text = one_line(text);
    }
    for inner in places(members) {
        strip(inner);
    }
}

/// The schemas directly inside of a schema. Only these are gone into: a member that is *named* `x-plumb`, or a default
/// that looks like a schema, is data.
pub(super) fn places(schema: &mut Map<String, Value>) -> Vec<&mut Value> {
    let mut places = Vec::new();
    for (word, inner) in schema {
        match (word.as_str(), inner) {
            ("properties" | "$defs" | "patternProperties", Value::Object(named)) => places.extend(named.values_mut()),
            ("anyOf" | "oneOf" | "allOf" | "prefixItems", Value::Array(cases)) => places.extend(cases),
            ("items" | "additionalProperties" | "not" | "if" | "then" | "else", inner) => places.push(inner),
            _ => {}
        }
    }
    places
}

/// Lets a reference stand for each value inside of `schema`, but not for what `schema` itself describes: where a type
/// is used decides whether a reference may stand there.
fn loosen_members(schema: &mut Value) {
    let Some(members) = schema.as_object_mut() else { return };
    for (word, inner) in members {
        match (word.as_str(), inner) {
            ("properties", Value::Object(named)) => named.values_mut().for_each(loosen),
            ("anyOf" | "oneOf" | "allOf", Value::Array(cases)) => cases.iter_mut().for_each(loosen_members),
            ("items" | "additionalProperties", inner) => loosen(inner),
            _ => {}
        }
    }
}

/// Lets a reference stand for what `schema` describes, and for each value inside of it.
fn loosen(schema: &mut Value) {
    loosen_members(schema);
    let Some(members) = schema.as_object_mut() else { return };
    if members.is_empty() || takes_any_text(members) {
        return;
    }
    let by_reference = json!({"$ref": format!("#/$defs/{REFERENCE}")});
    if let Some(Value::Array(cases)) = members.get_mut("anyOf") {
        cases.push(by_reference);
        return;
    }
    // What tells about the field stays outside, where editors look for it.
    let mut outer = Map::new();
    for word in ["description", "title", "default", "deprecated"] {
        outer.extend(members.remove_entry(word));
    }
    outer.insert("anyOf".to_owned(), json!([std::mem::take(members), by_reference]));
    *members = outer;
}

/// Whether every string fits, a reference among them.
pub(super) fn takes_any_text(schema: &Map<String, Value>) -> bool {
    let named = |t: &Value| t == "string";
    let of_text = schema.get("type").is_some_and(|t| named(t) || t.as_array().is_some_and(|all| all.iter().any(named)));
    of_text && !["enum", "const", "pattern", "format", "minLength", "maxLength"].iter().any(|w| schema.contains_key(*w))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::databricks::cluster::ClusterSpec;
    use crate::kinds::databricks::job::JobSpec;
    use crate::kinds::databricks::policy::PolicySpec;
    use jsonschema::Validator;

    fn validator(document: &Value) -> Validator {
        jsonschema::draft202012::new(document).unwrap()
    }

    fn job(spec: Value) -> Value {
        json!({"apiVersion": "plumb/v1", "kind": "DatabricksJob", "metadata": {"name": "nightly"}, "spec": spec})
    }

    fn errors(document: &Value, manifest: &Value) -> Vec<String> {
        let mut places: Vec<String> =
            validator(document).iter_errors(manifest).map(|e| e.instance_path().to_string()).collect();
        places.sort();
        places
    }

    fn job_schema() -> Value {
        manifest("DatabricksJob", &schema_for!(JobSpec).to_value())
    }

    #[test]
    fn a_job_with_every_sort_of_value_fits() {
        let fits = job(json!({
            "name": "[bau] ${var.env}",
            "max_concurrent_runs": 2,
            "schedule": {"quartz_cron_expression": "0 0 4 * * ?", "timezone_id": "UTC", "pause_status": "PAUSED"},
            "tasks": [
                {"task_key": "a", "run_if": "ALL_DONE", "new_cluster": {"num_workers": 4, "spark_conf": {"a.b": "c"}}},
                {"task_key": "b", "for_each_task": {"inputs": "[1]", "task": {"task_key": "c", "timeout_seconds": 5}}},
            ],
            "permissions": [{"group_name": "ops", "permission_level": "CAN_VIEW"}],
        }));
        assert_eq!(errors(&job_schema(), &fits), Vec::<String>::new());
    }

    #[test]
    fn a_reference_may_stand_for_anything_in_a_spec() {
        let fits = job(json!({
            "max_concurrent_runs": "${var.runs}",
            "schedule": "${var.schedule}",
            "format": "${var.format}",
            "queue": {"enabled": "${var.queue}"},
            "tags": "${var.tags}",
            "tasks": [
                "${var.task}",
                {"task_key": "a", "run_if": "${var.run_if}",
                 "run_job_task": {"job_id": "${resources.DatabricksJob.b}", "job_parameters": "${var.p}"}},
                {"task_key": "b", "libraries": [{"whl": "${var.whl}"}, "${var.library}"]},
            ],
            "permissions": [{"group_name": "ops", "permission_level": "${var.level}"}],
        }));
        assert_eq!(errors(&job_schema(), &fits), Vec::<String>::new());
    }

    #[test]
    fn mistakes_are_found_where_they_are() {
        let document = job_schema();
        let wrong = |spec: Value| errors(&document, &job(spec));
        assert_eq!(wrong(json!({"max_concurent_runs": 1})), ["/spec"]);
        assert_eq!(wrong(json!({"max_concurrent_runs": "two"})), ["/spec/max_concurrent_runs"]);
        assert_eq!(wrong(json!({"format": "MULTITASK"})), ["/spec/format"]);
        assert_eq!(wrong(json!({"permissions": [{"user_name": "a", "permission_level": "CAN_USE"}]})).len(), 1);
        assert_eq!(wrong(json!({"tasks": [{"run_if": "ALL_DONE"}]})).len(), 1);
        let mut other = job(json!({}));
        other["kind"] = json!("DatabricksCluster");
        assert_eq!(errors(&document, &other), ["/kind"]);
        other["kind"] = json!("DatabricksJob");
        other["metadata"]["name"] = json!("a/b");
        other["metadata"]["lifecycle"] = json!({"ignore": [{"path": "tags", "reason": "", "until": "soon"}]});
        let at = ["/metadata/lifecycle/ignore/0/reason", "/metadata/lifecycle/ignore/0/until", "/metadata/name"];
        assert_eq!(errors(&document, &other), at);
    }

    #[test]
    fn what_is_adopted_is_an_id_or_one_for_each_target() {
        let places = |adopt: Value| {
            let mut manifest = job(json!({}));
            manifest["metadata"]["adopt"] = adopt;
            errors(&job_schema(), &manifest).len()
        };
        for (adopt, wrong) in [
            (json!("1"), 0),
            (json!({"prod": "1", "dev": "2"}), 0),
            (json!(null), 0),
            (json!(1), 1),
            (json!({"prod": 1}), 1),
            (json!(["1"]), 1),
        ] {
            assert_eq!(places(adopt.clone()), wrong, "{adopt}");
        }
    }

    #[test]
    fn a_required_field_stays_required() {
        let document = manifest("DatabricksCluster", &schema_for!(ClusterSpec).to_value());
        let mut cluster = job(json!({"num_workers": 1}));
        cluster["kind"] = json!("DatabricksCluster");
        assert_eq!(errors(&document, &cluster), ["/spec"]);
        cluster["spec"]["spark_version"] = json!("15.4.x-scala2.12");
        assert_eq!(errors(&document, &cluster), Vec::<String>::new());
    }

    #[test]
    fn policy_rules_are_typed() {
        let document = manifest("DatabricksClusterPolicy", &schema_for!(PolicySpec).to_value());
        let with = |rule: Value| {
            let mut policy = job(json!({"definition": {"spark_version": rule}}));
            policy["kind"] = json!("DatabricksClusterPolicy");
            errors(&document, &policy).len()
        };
        assert_eq!(with(json!({"type": "fixed", "value": 3, "hidden": true})), 0);
        assert_eq!(with(json!({"type": "allowlist", "values": ["a", 1, true], "defaultValue": "a"})), 0);
        assert_eq!(with(json!({"type": "fixd", "value": 3})), 1);
        assert_eq!(with(json!({"type": "range", "maxvalue": 3})), 1);
        assert_eq!(with(json!({"type": "range", "maxValue": "three"})), 1);
    }

    #[test]
    fn rules_are_not_written() {
        for (name, document) in documents_of(&[("DatabricksJob", &schema_for!(JobSpec).to_value())]) {
            let text = text(&document);
            assert!(!text.contains("x-plumb") && !text.contains("int64"), "{name}");
            assert!(text.ends_with("}\n"), "{name}");
            if name != "plumb.json" {
                validator(&document);
            }
        }
    }

    #[test]
    fn any_document_decides_by_kind() {
        let job_schema = schema_for!(JobSpec).to_value();
        let documents = documents_of(&[("DatabricksJob", &job_schema)]);
        let names: Vec<&str> = documents.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "DatabricksJob.json",
                "Project.json",
                "apply.json",
                "board.json",
                "cost.json",
                "diagnosis.json",
                "evidence.json",
                "months.json",
                "plan.json",
                "plumb.json",
                "runs.json"
            ]
        );
        let at = |name: &str| format!("https://plumb.invalid/{name}");
        let registry = jsonschema::Registry::new()
            .extend(documents.iter().map(|(name, document)| (at(name), document.clone())))
            .unwrap()
            .prepare()
            .unwrap();
        let any = jsonschema::draft202012::options()
            .with_base_uri(at("plumb.json"))
            .with_registry(&registry)
            .build(&documents.iter().find(|(name, _)| name == "plumb.json").unwrap().1)
            .unwrap();
        let errors = |document: &Value| -> Vec<String> {
            any.iter_errors(document).map(|e| e.instance_path().to_string()).collect()
        };
        assert_eq!(errors(&job(json!({"format": "MULTI_TASK"}))), Vec::<String>::new());
        assert_eq!(errors(&job(json!({"format": "MULTI"}))), ["/spec/format"]);
        let mut unknown = job(json!({}));
        unknown["kind"] = json!("DatabricksJobb");
        assert_eq!(errors(&unknown), ["/kind"]);
        let project = json!({"apiVersion": "plumb/v1", "kind": "Project", "metadata": {"name": "p"},
            "spec": {"variables": {"a": "b", "c": {"default": 1}}, "guards": {"maxDeletes": 3}}});
        assert_eq!(errors(&project), Vec::<String>::new());
    }
}
