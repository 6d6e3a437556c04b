//! The reference of manifests: a table of fields for each object of a kind's spec, of the project file and of `metadata`, out of
//! their schemas with the field rules.

use super::{cell, documents, page_of};
use plumb_core::kinds;
use plumb_core::schemas;
use plumb_model::schema::{KeyBy, Rule, Secret};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Places of one object that are named beside its table.
const MOST_PLACES: usize = 6;

/// The generated parts, by the names of their markers.
pub fn parts() -> BTreeMap<String, String> {
    let written: BTreeMap<String, Value> = schemas::documents().into_iter().collect();
    let mut parts = BTreeMap::new();
    for kind in kinds::all() {
        parts.insert(format!("fields of {}", kind.name()), tables(kind.schema(), kind.schema(), "spec"));
    }
    let project = &written["Project.json"];
    parts.insert("fields of Project".to_owned(), tables(project, &project["properties"]["spec"], "spec"));
    let metadata = &written["AirflowPool.json"]["properties"]["metadata"];
    parts.insert("fields of metadata".to_owned(), tables(metadata, metadata, "metadata"));
    parts
}

/// What may stand at a place, and the object that stands there.
#[derive(Default)]
struct Shape<'a> {
    text: String,
    /// What follows the field in the path of the object: `[]` for an element of a list, `.*` for the values of a map.
    below: String,
    object: Option<&'a Value>,
    /// The values of an enumeration that say what they mean.
    values: Vec<String>,
}

fn shape<'a>(root: &'a Value, schema: &'a Value) -> Shape<'a> {
    let named = |text: &str| Shape { text: text.to_owned(), ..Shape::default() };
    if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
        let target = root.pointer(name.trim_start_matches('#')).unwrap_or_else(|| panic!("{name} is not there"));
        return shape(root, target);
    }
    if schema.get("properties").is_some() {
        return Shape { object: Some(schema), ..named("object") };
    }
    if let Some(cases) = ["anyOf", "oneOf", "allOf"].iter().find_map(|word| schema.get(*word)?.as_array()) {
        let is_null = |case: &&Value| case.get("type").is_some_and(|t| t == "null");
        let is_reference = |case: &&Value| case.get("$ref").is_some_and(|r| r == "#/$defs/Reference");
        let shapes: Vec<Shape> =
            cases.iter().filter(|c| !is_null(c) && !is_reference(c)).map(|case| shape(root, case)).collect();
        return either(shapes);
    }
    if let Some(value) = schema.get("const") {
        let told = schema.get("description").and_then(Value::as_str);
        let name = format!("`{}`", plain(value));
        let values = told.map(|told| format!("{name}: {told}")).into_iter().collect();
        return Shape { text: name, values, ..Shape::default() };
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        let shown: Vec<String> = values.iter().filter(|v| !v.is_null()).map(|v| format!("`{}`", plain(v))).collect();
        return named(&shown.join(", "));
    }
    if let Some(items) = schema.get("items") {
        let inner = shape(root, items);
        return Shape { text: format!("list of {}", many(&inner.text)), below: format!("[]{}", inner.below), ..inner };
    }
    if let Some(inner) = schema.get("additionalProperties").filter(|inner| inner.is_object()) {
        let inner = shape(root, inner);
        return Shape { text: format!("map of {}", many(&inner.text)), below: format!(".*{}", inner.below), ..inner };
    }
    match schema.get("type") {
        Some(Value::String(name)) if name == "object" => named("map"),
        Some(Value::String(name)) if name == "array" => named("list"),
        Some(Value::String(name)) => named(name),
        Some(Value::Array(names)) => {
            let names = names.iter().filter_map(Value::as_str).filter(|name| *name != "null");
            let names = names.map(|name| if name == "object" { "map" } else { name });
            named(&names.collect::<Vec<_>>().join(" or "))
        }
        _ => named("any value"),
    }
}

/// Several of what is told in the singular.
fn many(text: &str) -> String {
    match text {
        "string" | "integer" | "number" | "boolean" | "object" | "map" | "list" => format!("{text}s"),
        "any value" => "any values".to_owned(),
        text => text.replace("list of", "lists of").replace("map of", "maps of"),
    }
}

/// One of several shapes. At most one of them is an object.
fn either(shapes: Vec<Shape<'_>>) -> Shape<'_> {
    let mut all = Shape::default();
    let is_list_of_values = shapes.iter().all(|shape| shape.text.starts_with('`'));
    let mut texts: Vec<String> = Vec::new();
    for shape in shapes {
        if !texts.contains(&shape.text) {
            texts.push(shape.text);
        }
        all.values.extend(shape.values);
        if shape.object.is_some() {
            assert!(all.object.is_none(), "two objects may stand at one place");
            (all.object, all.below) = (shape.object, shape.below);
        }
    }
    all.text = texts.join(if is_list_of_values { ", " } else { " or " });
    all
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A table for each object below `top`, each once, at the shortest path to it; `name` is that of the first.
fn tables(root: &Value, top: &Value, name: &str) -> String {
    // By the place of the object in memory: a type that has a name is met by every path to it.
    let mut paths: BTreeMap<*const Value, Vec<String>> = BTreeMap::from([(std::ptr::from_ref(top), vec![String::new()])]);
    let mut order = vec![top];
    let mut left = VecDeque::from([top]);
    while let Some(object) = left.pop_front() {
        let at = paths[&std::ptr::from_ref(object)][0].clone();
        for (member, schema) in members(object) {
            let shape = shape(root, schema);
            let Some(inner) = shape.object else { continue };
            let path = format!("{at}{}{member}{}", if at.is_empty() { "" } else { "." }, shape.below);
            let known = paths.entry(std::ptr::from_ref(inner)).or_default();
            if known.is_empty() {
                order.push(inner);
                left.push_back(inner);
            }
            known.push(path);
        }
    }
    let first = |object: &Value| paths[&std::ptr::from_ref(object)][0].clone();
    let anchors: BTreeSet<String> = order.iter().map(|object| slug(&first(object))).collect();
    assert_eq!(anchors.len(), order.len(), "two tables of {name} have one anchor");
    let mut out = String::new();
    for object in order {
        let places = &paths[&std::ptr::from_ref(object)];
        let title = if places[0].is_empty() { name } else { &places[0] };
        out.push_str(&format!("### `{title}`\n\n"));
        if !places[0].is_empty() {
            let told = object.get("description").and_then(Value::as_str).unwrap_or_default();
            let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
            let also: Vec<String> =
                places[1..].iter().take(MOST_PLACES).map(|place| format!("`{place}`")).collect();
            let more = places.len().saturating_sub(1 + MOST_PLACES);
            let more = if more == 0 { String::new() } else { format!(", and at {more} more places") };
            let also = if also.is_empty() { String::new() } else { format!(" Also at {}{more}.", also.join(", ")) };
            let line = format!("{told}{also}");
            if !line.trim().is_empty() {
                out.push_str(&format!("{}\n\n", line.trim()));
            }
        }
        out.push_str("| field | type | what it is |\n|---|---|---|\n");
        let required: BTreeSet<&str> =
            object.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        for (member, schema) in members(object) {
            let shape = shape(root, schema);
            let kind = match shape.object {
                Some(inner) if first(inner).is_empty() => format!("[{}](#{})", shape.text, slug(name)),
                Some(inner) => format!("[{}](#{})", shape.text, slug(&first(inner))),
                None => shape.text.clone(),
            };
            let told = meaning(schema, &shape, required.contains(member.as_str()));
            out.push_str(&format!("| `{member}` | {} | {} |\n", cell(&kind), cell(&told)));
        }
        out.push('\n');
    }
    out
}

fn members(object: &Value) -> &Map<String, Value> {
    object["properties"].as_object().unwrap()
}

/// The anchor that GitHub gives a heading.
fn slug(heading: &str) -> String {
    let kept = heading.to_lowercase();
    kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, '_' | '-')).collect()
}

/// What a field is: its description, and what plumb knows about it.
fn meaning(schema: &Value, shape: &Shape<'_>, is_required: bool) -> String {
    let mut said: Vec<String> = Vec::new();
    if is_required {
        said.push("**Required.**".to_owned());
    }
    let told = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    said.extend((!told.is_empty()).then(|| told.to_owned()));
    if !shape.values.is_empty() {
        said.push(shape.values.join(" "));
    }
    let rule = rule(schema);
    let default = rule.default.as_ref().or_else(|| schema.get("default"));
    let says_something = |value: &&Value| match value {
        Value::Null => false,
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
        Value::String(text) => !text.is_empty(),
        _ => true,
    };
    if let Some(value) = default.filter(says_something)
        && !told.contains("Default:")
    {
        said.push(format!("Default: `{}`.", plain(value)));
    }
    said.extend(rules(&rule));
    said.join(" ")
}

fn rule(schema: &Value) -> Rule {
    schema.get("x-plumb").map(|rule| serde_json::from_value(rule.clone()).unwrap()).unwrap_or_default()
}

/// What a rule means to whoever writes the field.
fn rules(rule: &Rule) -> Vec<String> {
    let mut said = Vec::new();
    let mut say = |holds: bool, text: &str| {
        if holds {
            said.push(text.to_owned());
        }
    };
    say(rule.replace, "A change replaces the object.");
    say(rule.replace_to_clear, "Taking it away replaces the object.");
    say(rule.server, "The service sets it: plumb never compares it.");
    say(rule.write_only, "The service never shows it: a change is told by the hash in the mark.");
    say(rule.secret == Some(Secret::Value), "Secret: it is never printed.");
    say(rule.secret == Some(Secret::ByName), "Entries whose names speak of a secret are never printed.");
    say(rule.set, "Order means nothing.");
    say(rule.keep_empty, "An empty list says that there is to be none.");
    say(rule.fold_case, "Letter case means nothing.");
    say(rule.sticky, "Left out, it stays as it is live.");
    say(
        rule.filled.is_some() || rule.chosen.is_some() || !rule.filled_when.is_empty(),
        "Unset, the service may fill it in; that is no drift.",
    );
    if let Some(key) = &rule.key {
        let names = match key {
            KeyBy::One(name) => vec![name.clone()],
            KeyBy::FirstOf(names) => names.clone(),
        };
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        said.push(format!("Elements are told apart by {}; order means nothing.", names.join(" or ")));
    }
    if !rule.any_if.is_empty() {
        let values: Vec<String> = rule.any_if.iter().map(|value| format!("`{}`", plain(value))).collect();
        said.push(format!("With {} whatever is live is fine.", values.join(" or ")));
    }
    if let Some(other) = &rule.superseded_by {
        said.push(format!("Where `{other}` is set, that says all of it."));
    }
    if !rule.ignore_keys.is_empty() {
        let keys: Vec<String> = rule.ignore_keys.iter().map(|key| format!("`{key}`")).collect();
        said.push(format!("The service adds {}: plumb leaves them alone.", keys.join(", ")));
    }
    if let Some(what) = &rule.disrupts {
        said.push(format!("A change {what}."));
    }
    said
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
    assert!(tasks.contains("[list of objects](#tasks)") && tasks.contains("told apart by `task_key`"), "{tasks}");
    assert!(row(job, "| `task_key` |").contains("**Required.**"));
    let password = row(&parts["fields of AirflowConnection"], "| `password` |");
    assert!(password.contains("Secret: it is never printed."), "{password}");
    let project = &parts["fields of Project"];
    assert!(project.contains("### `targets.*.databricks`"), "{project}");
    assert!(row(project, "| `mode` |").contains("`production`, `development`"));
    assert!(row(&parts["fields of metadata"], "| `ignore` |").contains("#lifecycleignore"));
}
