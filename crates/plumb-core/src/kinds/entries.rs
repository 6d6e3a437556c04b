//! Lists that a manifest says wholly or in part: who may do what with an object, what is in it.
//!
//! A manifest writes such a member (`permissions`, `grants`) in one of two forms. A plain list is exact: what is live and not
//! in it goes. `{mode: additive, entries: […]}` speaks of its entries alone: what others added stays, and is not even looked
//! at. In a loaded spec the member is always the list, and `additive` stands beside it under a name that nobody writes
//! (`permissions_mode`, see [`plumb_model::schema::mode_member`]). So whatever walks through specs knows one form.
//!
//! A kind has a member of the type [`EntryList`], and asks [`is_additive`]; [`keep_named`] is for what it reads,
//! [`differing`] for what it writes, [`without`] for the bodies that the list is not in.

use super::Step;
use plumb_model::schema::{ADDITIVE, Rules, mode_member};
use plumb_model::yaml::{Entry, Node, Problems, Tree, is_deferred, nearest};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::SeqAccessDeserializer;
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

/// The mode that a plain list has.
const EXACT: &str = "exact";
const MODE: &str = "mode";
/// The member of the longer form that has the list.
pub(crate) const ENTRIES: &str = "entries";

/// A list that a manifest may also write as `{mode: additive, entries: […]}`. Of a loaded spec it is always read from the list.
#[derive(Clone, Debug, PartialEq)]
pub struct EntryList<T> {
    entries: Vec<T>,
    /// How it is written, where it is not a plain list.
    mode: Option<ListMode>,
}

/// How far a manifest speaks of what is not in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ListMode {
    /// Not at all: it stays.
    Additive,
    /// It goes.
    Exact,
}

impl<T> Deref for EntryList<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.entries
    }
}

impl<T> From<Vec<T>> for EntryList<T> {
    fn from(entries: Vec<T>) -> Self {
        EntryList { entries, mode: None }
    }
}

/// The longer form.
#[derive(Serialize)]
struct ModedList<L> {
    mode: ListMode,
    entries: L,
}

impl<T: Serialize> Serialize for EntryList<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.mode {
            None => self.entries.serialize(serializer),
            Some(mode) => ModedList { mode, entries: &self.entries }.serialize(serializer),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for EntryList<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EntryListVisitor(PhantomData))
    }
}

struct EntryListVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for EntryListVisitor<T> {
    type Value = EntryList<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(list)).map(EntryList::from)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut form: A) -> Result<Self::Value, A::Error> {
        let (mut mode, mut entries) = (None, None);
        while let Some(key) = form.next_key::<String>()? {
            match key.as_str() {
                MODE => mode = Some(form.next_value()?),
                ENTRIES => entries = Some(form.next_value()?),
                // One element without its list.
                _ => return Err(de::Error::invalid_type(de::Unexpected::Map, &self)),
            }
        }
        let entries = entries.ok_or_else(|| de::Error::missing_field(ENTRIES))?;
        Ok(EntryList { entries, mode: Some(mode.ok_or_else(|| de::Error::missing_field(MODE))?) })
    }

    /// What stands in for a value that could not be read.
    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(EntryList::from(Vec::new()))
    }
}

impl<T: JsonSchema> JsonSchema for EntryList<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("EntryList_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let entry = generator.subschema_for::<T>();
        json_schema!({
            "description": "A list, or the list and its mode.",
            "anyOf": [
                {
                    "title": "exact",
                    "description": "These and no others: what is live and not in the list is taken away.",
                    "type": "array",
                    "items": entry,
                },
                {
                    "title": "additive",
                    "description": "A list and its mode: how far the manifest speaks of what is not in it.",
                    "type": "object",
                    "properties": {
                        "mode": {
                            "description": "Whether these are all, or some.",
                            "oneOf": [
                                { "const": ADDITIVE, "description": "These are to be there; what others added stays." },
                                { "const": EXACT, "description": "These and no others, as in a plain list." },
                            ],
                        },
                        "entries": {
                            "description": "The list itself. Additive and empty, it asks for nothing.",
                            "type": "array",
                            "items": entry,
                        },
                    },
                    "required": ["mode", "entries"],
                    "additionalProperties": false,
                },
            ],
        })
    }
}

/// Whether a spec says of a list that it is additive.
pub fn is_additive(spec: &Value, member: &str) -> bool {
    spec.get(mode_member(member)).is_some_and(|mode| mode == ADDITIVE)
}

/// What of the live entries the manifest speaks of: all, or of an additive list those that it names. `key` says whom or what
/// an entry is about, as the service tells them apart; one without a key is nobody's that a manifest could name.
pub fn keep_named(
    live: Vec<Value>,
    wanted: &Value,
    member: &str,
    key: impl Fn(&Value) -> Option<String>,
) -> Vec<Value> {
    if !is_additive(wanted, member) {
        return live;
    }
    let named: BTreeSet<String> = list(wanted, member).iter().filter_map(&key).collect();
    live.into_iter().filter(|entry| key(entry).is_some_and(|key| named.contains(&key))).collect()
}

/// The entries of the body that are not live as they stand there: what a write that only adds has to say. `same` compares an
/// entry of the body with a live one.
pub fn differing(step: &Step<'_>, member: &str, same: impl Fn(&Value, &Value) -> bool) -> Vec<Value> {
    let live = step.live.map_or(&[][..], |live| list(&live.spec, member));
    list(step.body, member).iter().filter(|entry| !live.iter().any(|live| same(entry, live))).cloned().collect()
}

/// A spec without members that are written by calls of their own, and without their modes: what is sent has none.
pub fn without(spec: &Value, members: &[&str]) -> Value {
    let mut body = spec.clone();
    if let Value::Object(map) = &mut body {
        for member in members {
            map.remove(*member);
            map.remove(&mode_member(member));
        }
    }
    body
}

fn list<'v>(spec: &'v Value, member: &str) -> &'v [Value] {
    spec.get(member).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// What a spec is that is brought into the form of a loaded one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpecPart {
    /// As a manifest has it.
    Manifest,
    /// As a patch has it: what it leaves out is the manifest's, and a plain list says nothing of the mode.
    Patch,
    /// With patches merged and variables filled in.
    Whole,
}

/// Brings a spec into the form that a loaded one has: the list, and its mode beside it.
pub fn lift(spec: &mut Node, rules: &Rules, part: SpecPart, problems: &mut Problems) {
    let Tree::Map(members) = &mut spec.tree else { return };
    for member in rules.moded() {
        lift_member(members, member, part, problems);
    }
}

fn lift_member(members: &mut Vec<Entry>, member: &str, part: SpecPart, problems: &mut Problems) {
    let hidden = mode_member(member);
    if let Some(own) = members.iter().position(|entry| entry.key == hidden).filter(|_| part != SpecPart::Whole) {
        let entry = members.remove(own);
        let label = format!("write `{member}: {{mode: …, entries: […]}}`");
        problems.at(entry.key_span, format!("unknown field `{hidden}`"), label);
    }
    let Some(at) = members.iter().position(|entry| entry.key == member) else { return };
    if part == SpecPart::Patch && members[at].value.tree == Tree::Null {
        // Who takes the list away takes its mode away.
        let Entry { key_span, value, .. } = members[at].clone();
        members.push(Entry { key: hidden, key_span, value });
        return;
    }
    let has_mode = members.iter().any(|entry| entry.key == hidden);
    let Tree::Map(form) = &mut members[at].value.tree else { return };
    let is_form = |entry: &Entry| nearest(&entry.key, [MODE, ENTRIES]).is_some();
    if has_mode || !form.iter().any(is_form) {
        return;
    }
    let (mut mode, mut entries) = (None, None);
    for entry in std::mem::take(form) {
        match entry.key.as_str() {
            MODE => mode = Some(entry),
            ENTRIES => entries = Some(entry.value),
            other => {
                let (label, help) = match nearest(other, [MODE, ENTRIES]) {
                    Some(near) => (format!("did you mean `{near}`?"), None),
                    None => (
                        "not a field of this mapping".to_owned(),
                        Some(format!(
                            "known fields: {MODE}, {ENTRIES}; what belongs to an entry stands in `{ENTRIES}`"
                        )),
                    ),
                };
                problems.at(entry.key_span, format!("unknown field `{}`", other.escape_debug()), label).help = help;
            }
        }
    }
    let span = members[at].value.span;
    if mode.is_none() && part != SpecPart::Patch {
        let label = format!("add `{MODE}: {ADDITIVE}`, or `{MODE}: {EXACT}`");
        problems.at(span, format!("`{member}` has no `{MODE}`"), label).help("a plain list is exact");
    }
    match entries {
        Some(entries) => members[at].value = entries,
        // What is missing is told once nothing can add it any more.
        None if mode.is_some() => drop(members.remove(at)),
        None => members[at].value.tree = Tree::Seq(Vec::new()),
    }
    members.extend(mode.map(|mode| Entry { key: hidden, ..mode }));
}

/// Brings a whole spec into its final form: a mode that a plain list has is not kept.
pub fn lift_whole(spec: &mut Node, rules: &Rules, problems: &mut Problems) {
    lift(spec, rules, SpecPart::Whole, problems);
    for member in rules.moded() {
        let hidden = mode_member(member);
        let is_whole = spec.get(member).is_some_and(|list| list.tree != Tree::Null);
        if is_whole && spec.get(&hidden).and_then(Node::as_str) == Some(EXACT) {
            spec.take(&hidden);
        }
    }
}

/// A spec as it is typed, without modes, and the members that are additive. Reports a mode that is none, and one without
/// entries.
pub(super) fn settle<'n>(spec: &'n Node, rules: &Rules, problems: &mut Problems) -> (Cow<'n, Node>, Vec<String>) {
    let has_form = |member: &String| {
        spec.get(&mode_member(member)).is_some() || matches!(spec.get(member), Some(Node { tree: Tree::Map(_), .. }))
    };
    if !rules.moded().iter().any(has_form) {
        return (Cow::Borrowed(spec), Vec::new());
    }
    let mut spec = spec.clone();
    lift(&mut spec, rules, SpecPart::Whole, problems);
    let mut additive = Vec::new();
    for member in rules.moded() {
        let Some(mode) = spec.take(&mode_member(member)) else { continue };
        match &mode.tree {
            Tree::Str(mode) if mode == ADDITIVE => additive.push(member.clone()),
            Tree::Str(mode) if mode == EXACT || is_deferred(mode) => {}
            Tree::Str(other) => {
                let (label, help) = match nearest(other, [ADDITIVE, EXACT]) {
                    Some(near) => (format!("did you mean `{near}`?"), None),
                    None => (
                        "not one of the accepted values".to_owned(),
                        Some(format!("known values: {ADDITIVE}, {EXACT}")),
                    ),
                };
                let message = format!("unknown value `{}`", plumb_model::text::shortened(other, 60).escape_debug());
                problems.at(mode.span, message, label).help = help;
            }
            _ => {
                problems.at(mode.span, format!("`{MODE}` is no text"), format!("write `{ADDITIVE}` or `{EXACT}`"));
            }
        }
        if spec.get(member).is_none_or(|list| list.tree == Tree::Null) {
            let label = format!("add `{ENTRIES}`: an empty list says that there is nothing");
            problems.at(mode.span, format!("`{member}` has a `{MODE}` and no `{ENTRIES}`"), label);
        }
    }
    (Cow::Owned(spec), additive)
}

#[cfg(test)]
#[path = "entries_tests.rs"]
mod tests;
