//! The reference of manifests: a table of fields for each object of a kind's spec, of the project file and of `metadata`, out of
//! their schemas with the field rules.

use super::{cell, documents, page_of};
use plumb_core::kinds;
use plumb_core::schemas::{self, Explained, FieldDoc};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::LazyLock;

/// Places of one object that are named beside its table.
const MOST_PLACES: usize = 6;

/// The generated parts, by the names of their markers.
pub fn parts() -> &'static BTreeMap<String, String> {
    static PARTS: LazyLock<BTreeMap<String, String>> = LazyLock::new(written);
    &PARTS
}

fn written() -> BTreeMap<String, String> {
    let written: BTreeMap<String, Value> = schemas::documents().into_iter().collect();
    let mut parts = BTreeMap::new();
    for kind in kinds::all() {
        let tables = Tables { of: explained(kind.name()), root: kind.schema(), name: "spec", before: "" };
        let text = format!("{}{}", tables.text(kind.schema()), attributes(kind.name()));
        parts.insert(format!("fields of {}", kind.name()), text);
    }
    let root = &written["Project.json"];
    let project = Tables { of: explained("Project"), root, name: "spec", before: "" };
    parts.insert("fields of Project".to_owned(), project.text(&root["properties"]["spec"]));
    let root = &written["AirflowPool.json"];
    let metadata = Tables { of: explained("AirflowPool"), root, name: "metadata", before: "metadata." };
    parts.insert("fields of metadata".to_owned(), metadata.text(&root["properties"]["metadata"]));
    parts
}

/// What others may refer to besides the fields, as a table.
fn attributes(kind: &str) -> String {
    let doc = explained(kind).field("", false).unwrap_or_else(|e| panic!("{kind}: {}", e.message));
    if doc.attributes.is_empty() {
        return String::new();
    }
    let rows = doc.attributes.iter().map(|one| format!("| `{}` | {} |\n", one.reference, cell(one.description)));
    format!("\n| others may refer to | stands for |\n|---|---|\n{}", rows.collect::<String>())
}

fn explained(kind: &str) -> Explained {
    Explained::named(kind).unwrap_or_else(|e| panic!("{kind}: {}", e.message))
}

/// The object that stands at a place, or in the elements of its list or the values of its map, and what its path has after that
/// of the place: `[]`, `.*`.
fn object<'a>(root: &'a Value, schema: &'a Value) -> Option<(&'a Value, String)> {
    if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
        return object(root, root.pointer(name.trim_start_matches('#'))?);
    }
    if schema.get("properties").is_some() {
        return Some((schema, String::new()));
    }
    if let Some(cases) = ["anyOf", "oneOf", "allOf"].iter().find_map(|word| schema.get(*word)?.as_array()) {
        // Of a list and the mapping that it may stand in, the mapping: it leads to the list's elements, too.
        let around = cases.iter().find(|case| case.pointer("/properties/entries").is_some());
        return around.into_iter().chain(cases).find_map(|case| object(root, case));
    }
    let (inner, step) = match schema.get("items") {
        Some(items) => (items, "[]"),
        None => (schema.get("additionalProperties")?, ".*"),
    };
    object(root, inner).map(|(found, below)| (found, format!("{step}{below}")))
}

/// The elements of a list that may also stand in a mapping around it.
fn elements<'a>(root: &'a Value, schema: &'a Value) -> Option<(&'a Value, String)> {
    if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
        return elements(root, root.pointer(name.trim_start_matches('#'))?);
    }
    let cases = schema.get("anyOf")?.as_array()?;
    if !cases.iter().any(|case| case.pointer("/properties/entries").is_some()) {
        return cases.iter().find_map(|case| elements(root, case));
    }
    object(root, cases.iter().find(|case| case.get("items").is_some())?)
}

fn members(object: &Value) -> &Map<String, Value> {
    object["properties"].as_object().unwrap()
}

/// The tables of one schema.
struct Tables<'a> {
    /// What says what each field is.
    of: Explained,
    root: &'a Value,
    /// What the outermost object is called.
    name: &'a str,
    /// What begins the path of a field, as `plumb explain` has it.
    before: &'a str,
}

/// The places of each object, the shortest first. By where the object is in memory: a type that has a name is met by every path.
type Places = BTreeMap<*const Value, Vec<String>>;

impl Tables<'_> {
    /// A table for each object, each once.
    fn text(&self, top: &Value) -> String {
        let mut places: Places = BTreeMap::from([(std::ptr::from_ref(top), vec![String::new()])]);
        let mut order = vec![top];
        let mut left = VecDeque::from([top]);
        let mut shorter = Vec::new();
        while let Some(outer) = left.pop_front() {
            let at = places[&std::ptr::from_ref(outer)][0].clone();
            for (member, schema) in members(outer) {
                let Some((inner, below)) = object(self.root, schema) else { continue };
                let path = format!("{at}{}{member}{below}", if at.is_empty() { "" } else { "." });
                shorter.extend(elements(self.root, schema).map(|(inner, below)| (inner, format!("{path}{below}"))));
                let known = places.entry(std::ptr::from_ref(inner)).or_default();
                if known.is_empty() {
                    order.push(inner);
                    left.push_back(inner);
                }
                known.push(path);
            }
        }
        for (inner, path) in shorter {
            places.entry(std::ptr::from_ref(inner)).or_default().push(path);
        }
        let anchors: BTreeSet<String> = order.iter().map(|object| self.anchor(&places, object)).collect();
        assert_eq!(anchors.len(), order.len(), "two tables of {} have one anchor", self.name);
        order.iter().map(|object| self.table(&places, object)).collect()
    }

    fn anchor(&self, places: &Places, object: &Value) -> String {
        let first = places[&std::ptr::from_ref(object)][0].as_str();
        let heading = if first.is_empty() { self.name } else { first };
        // As GitHub makes one of a heading.
        heading.to_lowercase().chars().filter(|c| c.is_alphanumeric() || matches!(c, '_' | '-')).collect()
    }

    fn table(&self, places: &Places, outer: &Value) -> String {
        let at = &places[&std::ptr::from_ref(outer)];
        let mut out = format!("### `{}`\n\n", if at[0].is_empty() { self.name } else { &at[0] });
        if !at[0].is_empty() {
            let told = outer.get("description").and_then(Value::as_str).unwrap_or_default();
            let also: Vec<String> = at[1..].iter().take(MOST_PLACES).map(|place| format!("`{place}`")).collect();
            let more = match at.len().saturating_sub(1 + MOST_PLACES) {
                0 => String::new(),
                more => format!(", and at {more} more places"),
            };
            let also = if also.is_empty() { String::new() } else { format!(" Also at {}{more}.", also.join(", ")) };
            let line = format!("{}{also}", told.split_whitespace().collect::<Vec<_>>().join(" "));
            if !line.trim().is_empty() {
                out.push_str(&format!("{}\n\n", line.trim()));
            }
        }
        out.push_str("| field | type | left out | what it is |\n|---|---|---|---|\n");
        for (member, schema) in members(outer) {
            let path = format!("{}{}{}{member}", self.before, at[0], if at[0].is_empty() { "" } else { "." });
            let field = self.of.field(&path.replace("[]", ""), false);
            let field = field.unwrap_or_else(|e| panic!("{path}: {}", e.message));
            let types = match object(self.root, schema) {
                Some((inner, _)) => format!("[{}](#{})", field.types, self.anchor(places, inner)),
                None => field.types.clone(),
            };
            let without = without(schema, &field);
            out.push_str(&format!(
                "| `{member}` | {} | {} | {} |\n",
                cell(&types),
                cell(&without),
                cell(&meaning(&field))
            ));
        }
        out.push('\n');
        out
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What it means that a manifest leaves a field out.
fn without(schema: &Value, field: &FieldDoc) -> String {
    let unset = schema.pointer("/x-plumb/unset").and_then(Value::as_str);
    match (&field.default, unset) {
        _ if field.required => "**required**".to_owned(),
        (Some(value), _) if !field.description.contains("Default:") => format!("`{}`", plain(value)),
        (None, Some("absent")) => "none".to_owned(),
        (None, Some("server")) => "the service's".to_owned(),
        _ => String::new(),
    }
}

/// What `without` says in a word.
const SAID: [&str; 2] = [
    "Where the manifest leaves it out, a live value is a difference.",
    "Where the manifest leaves it out, the service may set it.",
];

/// What a field is, in sentences.
fn meaning(field: &FieldDoc) -> String {
    let mut said = vec![field.description.clone()];
    if !field.values.is_empty() {
        let told = field.values.iter().map(|one| match &one.description {
            Some(about) => format!("`{}` ({})", plain(&one.value), about.trim_end_matches('.')),
            None => format!("`{}`", plain(&one.value)),
        });
        said.push(format!("One of {}.", told.collect::<Vec<_>>().join(", ")));
    }
    said.extend(field.rules.iter().flat_map(|rule| rule.says.clone()));
    said.retain(|sentence| !sentence.is_empty() && !SAID.contains(&sentence.as_str()));
    said.join(" ")
}

/// Every name that a written schema has below `properties`, however deep.
fn names(schema: &Value, found: &mut BTreeSet<String>) {
    match schema {
        Value::Object(entries) => {
            for (word, inner) in entries {
                if let ("properties", Some(named)) = (word.as_str(), inner.as_object()) {
                    found.extend(named.keys().cloned());
                    named.values().for_each(|schema| names(schema, found));
                } else if !matches!(word.as_str(), "default" | "const" | "enum" | "required") {
                    names(inner, found);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|inner| names(inner, found)),
        _ => {}
    }
}

/// Apart from the tables' own walk: the names are those of the files in `schemas/`.
#[test]
fn every_field_of_every_manifest_stands_in_the_documents() {
    let documents = documents();
    let mut missing = Vec::new();
    let mut count = 0;
    let mut look = |schema: &Value, path: &str| {
        let text = documents.get(path).unwrap_or_else(|| panic!("there is no {path}"));
        let mut wanted = BTreeSet::new();
        names(schema, &mut wanted);
        count += wanted.len();
        missing.extend(wanted.iter().filter(|n| !text.contains(&format!("| `{n}` |"))).map(|n| format!("{path}: {n}")));
    };
    for kind in kinds::all() {
        let text = std::fs::read_to_string(super::root().join(format!("schemas/{}.json", kind.name()))).unwrap();
        let mut schema: Value = serde_json::from_str(&text).unwrap();
        look(&schema["properties"]["metadata"].take(), "docs/kinds/README.md");
        look(&schema["properties"]["spec"], &page_of(kind.name()));
        look(&schema["$defs"], &page_of(kind.name()));
    }
    let text = std::fs::read_to_string(super::root().join("schemas/Project.json")).unwrap();
    let schema: Value = serde_json::from_str(&text).unwrap();
    look(&schema["properties"]["spec"], "docs/project-file.md");
    look(&schema["$defs"], "docs/project-file.md");
    assert!(count > 900, "only {count} fields were looked for");
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn a_field_says_what_a_rule_means() {
    let parts = parts();
    let job = &parts["fields of DatabricksJob"];
    let row = |text: &str, start: &str| {
        let row = text.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("no row {start}"));
        row.to_owned()
    };
    let tasks = row(job, "| `tasks` |");
    assert!(tasks.contains("](#tasks)") && tasks.contains("told apart by `task_key`"), "{tasks}");
    assert!(row(job, "| `task_key` |").contains("| **required** |"));
    assert!(row(job, "| `schedule` |").contains("| none | Starts runs by the clock."));
    let password = row(&parts["fields of AirflowConnection"], "| `password` |");
    assert!(password.contains("replaces the object"), "{password}");
    let project = &parts["fields of Project"];
    assert!(project.contains("### `targets.*.databricks`"), "{project}");
    assert!(row(project, "| `mode` |").contains("One of `production` ("));
    assert!(row(&parts["fields of metadata"], "| `ignore` |").contains("#lifecycleignore"));
}

/// The paths of fields that a document names in backticks: `metadata.adopt`, `spec.env`, `guards.maxDeletes`.
fn named_fields(text: &str) -> Vec<String> {
    let spans = text.split("```").step_by(2).flat_map(|prose| prose.split('`').skip(1).step_by(2));
    let is_one = |span: &&str| ["metadata.", "spec.", "guards."].iter().any(|start| span.starts_with(start));
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '[' | ']' | '*');
    // What follows a path is its value: `metadata.adopt: "77"`.
    let path = |span: &str| span.split(|c| !is_part(c)).next().unwrap().trim_end_matches('.').replace("[]", "");
    spans.filter(is_one).map(path).collect()
}

#[test]
fn every_field_that_a_document_names_exists() {
    let all = Explained::all();
    let (mut count, mut lost) = (0, Vec::new());
    for (path, text) in documents() {
        for field in named_fields(&text) {
            let within = field.strip_prefix("spec.").unwrap_or(&field);
            count += 1;
            if !all.iter().any(|kind| kind.field(within, false).is_ok()) {
                lost.push(format!("{path}: `{field}`"));
            }
        }
    }
    assert!(count > 20, "only {count} fields were found");
    assert!(lost.is_empty(), "no manifest has {lost:#?}");
    assert_eq!(
        named_fields("a `metadata.adopt: \"77\"`, `x`, `spec.tasks[].task_key`"),
        ["metadata.adopt", "spec.tasks.task_key"]
    );
}
