//! What a kind or a field is, out of the schema of its kind: what `plumb explain` prints.

use super::document::{MetadataSchema, ProjectMetadata};
use super::place::{AllowedValue, SchemaMember, SchemaPlace};
use super::rule_words::RuleWords;
use super::write::whole;
use crate::kinds::{self, Kind};
use crate::manifest::{PathStep, split};
use plumb_model::yaml::nearest;
use schemars::schema_for;
use serde::Serialize;
use serde_json::Value;
use std::sync::LazyLock;

/// What plumb.yaml is called beside the kinds.
pub const PROJECT: &str = "Project";

/// How many places with a wrong name are told of.
const MOST_PLACES: usize = 3;

/// A kind of manifest, or the project file.
#[derive(Clone, Copy)]
pub struct Explained {
    /// `DatabricksJob`.
    pub kind: &'static str,
    /// What people call one: "job".
    pub noun: &'static str,
    spec: &'static Value,
    metadata: &'static Value,
}

/// What one field is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FieldDoc {
    pub kind: &'static str,
    /// Below `spec`, lists without an index, a map's key as `*`; empty for the kind itself.
    pub path: String,
    /// The map whose key the path left out, where it did: it is read as that of any entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub any_entry_of: Option<String>,
    /// In words: "list of objects".
    #[serde(rename = "type")]
    pub types: String,
    pub required: bool,
    /// What it means that the manifest leaves it out, where that is a value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// Paragraphs, divided by an empty line.
    pub description: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<AllowedValue>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleWords>,
    /// The fields directly in it, or in each of its elements or entries; all below where the tree was asked for.
    pub fields: Vec<FieldLine>,
    /// Of a kind as a whole: what others may refer to besides its fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<AttributeDoc>,
}

/// What follows from a manifest, and others may refer to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AttributeDoc {
    pub name: &'static str,
    /// `${resources.DatabricksVolume.NAME.path}`.
    pub reference: String,
    pub description: &'static str,
}

/// The attributes of a kind.
pub(super) fn attributes(kind: &str) -> Vec<AttributeDoc> {
    let named = kinds::find(kind).map_or(&[][..], |kind| kind.attributes()).iter();
    let reference = |name: &str| format!("${{resources.{kind}.NAME.{name}}}");
    named.map(|(name, description)| AttributeDoc { name, reference: reference(name), description }).collect()
}

/// A field in the list of those around it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FieldLine {
    pub name: String,
    #[serde(rename = "type")]
    pub types: String,
    pub required: bool,
    pub description: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldLine>,
    /// Whether its fields are those of something around it, and so are not repeated.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub recursive: bool,
}

/// A place that a path leads to.
struct FoundPlace {
    place: SchemaPlace<'static>,
    required: bool,
    path: String,
    any_entry_of: Option<String>,
}

/// Why there is nothing to explain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownField {
    pub message: String,
    pub hint: String,
}

impl Explained {
    /// Everything that has a documentation: the kinds, and the project file as the last.
    pub fn all() -> Vec<Explained> {
        static METADATA: LazyLock<Value> = LazyLock::new(whole::<MetadataSchema>);
        static OF_PROJECT: LazyLock<(Value, Value)> =
            LazyLock::new(|| (schema_for!(crate::manifest::Project).to_value(), whole::<ProjectMetadata>()));
        let of = |kind: &&'static dyn Kind| Explained {
            kind: kind.name(),
            noun: kind.noun(),
            spec: kind.schema(),
            metadata: &METADATA,
        };
        let project = Explained { kind: PROJECT, noun: "plumb.yaml", spec: &OF_PROJECT.0, metadata: &OF_PROJECT.1 };
        kinds::all().iter().map(of).chain([project]).collect()
    }

    /// The kind that a word means: its name, what people call it, or the last word of that (`pool`).
    ///
    /// # Errors
    /// There is none, or several.
    pub fn named(word: &str) -> Result<Explained, UnknownField> {
        let all = Self::all();
        let is = |one: &&Explained| [one.kind, one.noun].iter().any(|name| name.eq_ignore_ascii_case(word));
        if let Some(one) = all.iter().find(is) {
            return Ok(*one);
        }
        let found = kinds::called(kinds::all(), word);
        match found.as_slice() {
            [one] => all.into_iter().find(|explained| explained.kind == one.name()).ok_or_else(|| unknown_kind(word)),
            [] => Err(unknown_kind(word)),
            several => Err(UnknownField {
                message: format!("`{word}` may be {}", names(several, " or ")),
                hint: "name the kind in full".to_owned(),
            }),
        }
    }

    /// The first sentence of its text.
    pub fn summary(&self) -> String {
        first_sentence(&SchemaPlace::of(self.spec).text())
    }

    /// The field at a path, with its fields; with everything below where `whole_tree`.
    ///
    /// # Errors
    /// There is no such field.
    pub fn field(&self, path: &str, whole_tree: bool) -> Result<FieldDoc, UnknownField> {
        let FoundPlace { place, required, path, any_entry_of } = self.find(path)?;
        let mut around: Vec<*const Value> = place.inside().mapping().into_iter().collect();
        Ok(FieldDoc {
            kind: self.kind,
            attributes: if path.is_empty() { attributes(self.kind) } else { Vec::new() },
            path,
            any_entry_of,
            types: place.types(),
            required,
            default: place.default(),
            description: place.text(),
            values: values(place),
            rules: place.rules().iter().map(RuleWords::of).filter(|rule| !rule.says.is_empty()).collect(),
            fields: lines(place, whole_tree, &mut around),
        })
    }

    /// Every path that [`Explained::field`] knows, outermost first; fields of a type inside of itself are left out.
    pub fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        for (before, root) in [("", self.spec), ("metadata.", self.metadata)] {
            walk(SchemaPlace::of(root), before, &mut Vec::new(), &mut paths);
        }
        paths
    }

    fn find(&self, path: &str) -> Result<FoundPlace, UnknownField> {
        let mut place = SchemaPlace::of(self.spec);
        if path.is_empty() {
            return Ok(FoundPlace { place, required: true, path: String::new(), any_entry_of: None });
        }
        let written = split(path).map_err(|why| UnknownField {
            message: format!("`{path}` is not the path of a field: {why}"),
            hint: format!("a path is written like `{}.metadata.name`", self.kind),
        })?;
        let mut steps = written.iter().peekable();
        let mut shown: Vec<String> = Vec::new();
        let mut required = true;
        let mut any_entry_of = None;
        if let Some(PathStep::Name(first)) = steps.peek() {
            let of_spec = place.members().contains_key(first.as_str());
            if first == "metadata" && !of_spec {
                place = SchemaPlace::of(self.metadata);
                shown.push(first.clone());
                steps.next();
            } else if first == "spec" && !of_spec {
                steps.next();
            }
        }
        while let Some(step) = steps.next() {
            let (PathStep::Name(name) | PathStep::Bracket(name)) = step;
            // An element of a list is no step of its own: `tasks[a].run_if` and `tasks.*.run_if` are `tasks.run_if`.
            if let Some(element) = place.element()
                && (name == "*" || matches!(step, PathStep::Bracket(_)))
            {
                place = element;
                continue;
            }
            let inside = place.inside();
            // A list that may stand in a mapping: what is no member of that is one of its elements.
            let of_elements = || place.element()?.inside().members().get(name.as_str()).copied();
            let found = inside.members().get(name.as_str()).copied().or_else(of_elements);
            if let Some(SchemaMember { place: member, required: is_required }) = &found {
                place = *member;
                required = *is_required;
                shown.push(name.clone());
                continue;
            }
            let Some(entry) = inside.entry() else {
                return Err(self.unknown(name, inside, &shown.join(".")));
            };
            let of_entry = entry.inside().members();
            let next_fits = steps.peek().is_some_and(|next| {
                let (PathStep::Name(next) | PathStep::Bracket(next)) = next;
                of_entry.contains_key(next.as_str())
            });
            if let (PathStep::Name(_), Some(member), false) = (step, of_entry.get(name.as_str()), next_fits) {
                // Nobody looks for an entry that is called as its own fields are: the key was left out.
                any_entry_of = Some(shown.join("."));
                place = member.place;
                required = member.required;
                shown.extend(["*".to_owned(), name.clone()]);
                continue;
            }
            place = entry;
            required = false;
            shown.push("*".to_owned());
            // The keys of settings have dots: all of the rest is one.
            if entry.inside().members().is_empty() && entry.element().is_none() && entry.entry().is_none() {
                break;
            }
        }
        Ok(FoundPlace { place, required, path: shown.join("."), any_entry_of })
    }

    fn unknown(&self, name: &str, place: SchemaPlace<'_>, path: &str) -> UnknownField {
        let at = |path: &str| if path.is_empty() { self.kind.to_owned() } else { format!("{}.{path}", self.kind) };
        let members: Vec<&str> = place.members().into_keys().collect();
        let message = format!("{} has no field `{name}`", at(path));
        if let Some(attribute) = attributes(self.kind).iter().find(|one| path.is_empty() && one.name == name) {
            let hint = format!("others refer to it by `{}`: {}", attribute.reference, attribute.description);
            return UnknownField { message, hint };
        }
        if members.is_empty() {
            return UnknownField { message, hint: format!("it is of type {}", place.types()) };
        }
        // What is called so elsewhere is rather meant than what is spelled alike here.
        let elsewhere: Vec<String> = self
            .paths()
            .into_iter()
            .filter(|path| path.rsplit('.').next() == Some(name))
            .take(MOST_PLACES)
            .map(|path| format!("`{}`", at(&path)))
            .collect();
        let near = nearest(name, members.iter().copied());
        let hint = match near {
            _ if !elsewhere.is_empty() => format!("did you mean {}?", elsewhere.join(" or ")),
            Some(near) => format!("did you mean `{}.{near}`?", at(path)),
            None => format!("fields: {}", members.join(", ")),
        };
        UnknownField { message, hint }
    }
}

/// The values of a place, or of the elements or entries in it.
fn values(place: SchemaPlace<'_>) -> Vec<AllowedValue> {
    let own = place.values();
    if own.is_empty() && place.element().is_some() { place.inside().values() } else { own }
}

fn lines(place: SchemaPlace<'_>, whole_tree: bool, around: &mut Vec<*const Value>) -> Vec<FieldLine> {
    let inside = of_entries(place);
    let members = inside.members().into_iter();
    members
        .map(|(name, SchemaMember { place, required })| {
            let mapping = of_entries(place).mapping();
            let recursive = mapping.is_some_and(|mapping| around.contains(&mapping));
            let mut fields = Vec::new();
            if whole_tree && !recursive {
                around.extend(mapping);
                fields = lines(place, true, around);
                if mapping.is_some() {
                    around.pop();
                }
            }
            let (types, description) = (place.types(), place.text());
            FieldLine {
                name: name.to_owned(),
                types,
                required,
                description,
                fields,
                recursive: recursive && whole_tree,
            }
        })
        .collect()
}

/// The place whose members are the fields: that of the elements and entries, however deep.
fn of_entries(place: SchemaPlace<'_>) -> SchemaPlace<'_> {
    let inside = place.inside();
    match inside.entry() {
        Some(entry) if inside.members().is_empty() => of_entries(entry),
        _ => inside,
    }
}

fn walk(place: SchemaPlace<'_>, before: &str, around: &mut Vec<*const Value>, paths: &mut Vec<String>) {
    let inside = place.inside();
    let Some(mapping) = inside.mapping() else {
        if let Some(entry) = inside.entry()
            && of_entries(entry).mapping().is_some()
        {
            walk(entry, &format!("{before}*."), around, paths);
        }
        return;
    };
    if around.contains(&mapping) {
        return;
    }
    around.push(mapping);
    for (name, member) in inside.members() {
        paths.push(format!("{before}{name}"));
        walk(member.place, &format!("{before}{name}."), around, paths);
    }
    around.pop();
}

fn names(kinds: &[&'static dyn Kind], between: &str) -> String {
    kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(between)
}

fn unknown_kind(word: &str) -> UnknownField {
    let known: Vec<kinds::KindNames> = Explained::all().iter().map(|one| (one.kind, one.noun)).collect();
    UnknownField { message: format!("no kind is called `{word}`"), hint: kinds::suggestion_or_list(&known, word) }
}

/// The text up to the end of its first sentence.
pub(super) fn first_sentence(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.match_indices(". ").next().map_or(line, |(at, _)| &line[..=at]).to_owned()
}

#[cfg(test)]
#[path = "explain_tests.rs"]
mod tests;
