//! Live settings that the spec does not model.
//!
//! A service has settings that are newer than plumb, or that plumb leaves out. The normal form drops them, so no field of
//! a plan would say that a write which replaces the whole object takes them away. They are found here, sent along with
//! such a write, and named. Only `metadata.remove` takes one away.

mod carry;
mod decide;
mod notes;

pub use carry::carry;
pub(super) use decide::{add_fields, refuse, removals};
pub use notes::Notes;

use super::compare::{Pattern, Supplied, is_supplied};
use super::normal;
use plumb_model::schema::{Field, Path, Rules, Segment, Shape, Type, label};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A live setting that the spec does not model. What is inside it is a part of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    pub path: Path,
    /// Without what is empty in it: a service may leave that out the next time.
    pub value: Value,
}

impl Member {
    /// A live value at a place.
    pub fn new(path: Path, value: &Value) -> Member {
        Member { path, value: without_empties(value) }
    }
}

/// Every live setting of an object that the spec does not model and that says something: what is empty, off or 0 is sent
/// along too, but a service shows such values of settings that nobody touched, so they are not worth a word.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UnknownMembers {
    /// In the order of paths.
    pub kept: Vec<Member>,
    /// Those that `metadata.remove` names, in the order of paths.
    pub removed: Vec<Member>,
    /// Those that a change takes away with what is around them.
    pub taken: Vec<Member>,
    /// Whether there is anything to send along, if only something that says nothing.
    pub any: bool,
}

impl UnknownMembers {
    /// What of a live spec the rules do not know. `supplied` is what cluster policies supply, by their id: that is the
    /// policy's and no setting of the object.
    pub fn of(
        rules: &Rules,
        live: &Value,
        supplied: &BTreeMap<String, Supplied>,
        remove: &[Pattern],
    ) -> UnknownMembers {
        let mut walk = UnknownWalk::new(rules, supplied, remove);
        walk.find(&rules.root, live);
        let any = walk.any;
        let mut members: Vec<Member> = walk.found.into_iter().map(|(path, value)| Member::new(path, value)).collect();
        members.sort_by(|a, b| a.path.cmp(&b.path));
        let (removed, kept) = members.into_iter().partition(|m| is_named(remove, &m.path));
        UnknownMembers { kept, removed, taken: Vec::new(), any }
    }

    /// The same where a change takes some away with what is around them.
    pub(super) fn taking(mut self, taken: Vec<Member>) -> UnknownMembers {
        if !taken.is_empty() {
            let paths: BTreeSet<&Path> = taken.iter().map(|m| &m.path).collect();
            self.kept.retain(|m| !paths.contains(&m.path));
            self.taken = taken;
        }
        self
    }

    fn all(&self) -> impl Iterator<Item = &Member> {
        self.kept.iter().chain(&self.removed).chain(&self.taken)
    }

    /// The hash of what was read of an object: of its normal form and, where there are any, of the settings that the spec
    /// does not model.
    pub fn basis(&self, normal: &Value) -> String {
        let mut members: Vec<(String, &Value)> = self.all().map(|m| (m.path.to_string(), &m.value)).collect();
        if members.is_empty() {
            return normal::hash(normal);
        }
        members.sort_by_cached_key(|(path, value)| (path.clone(), value.to_string()));
        normal::hash(&json!([normal, members]))
    }

    fn by_path(&self) -> BTreeMap<&Path, &Value> {
        self.all().map(|m| (&m.path, &m.value)).collect()
    }

    /// The paths that are kept, as they are shown.
    pub fn paths(&self) -> Vec<String> {
        self.kept.iter().map(|m| m.path.to_string()).collect()
    }

    /// How these settings differ from what they were before, a line each. Values are not shown: nobody knows what they
    /// are.
    pub fn since(&self, before: &UnknownMembers) -> Vec<String> {
        let (before, now) = (before.by_path(), self.by_path());
        let paths: BTreeSet<&Path> = before.keys().chain(now.keys()).copied().collect();
        let line = |path: &Path| match (before.get(path), now.get(path)) {
            (Some(_), None) => Some(format!("{path}, which plumb does not know, is gone")),
            // It was to go wherever it is.
            (None, Some(_)) if self.removed.iter().any(|m| m.path == *path) => None,
            (None, Some(_)) => Some(format!("{path}, which plumb does not know, was not there")),
            (Some(a), Some(b)) if a != b => {
                Some(format!("{path}, which plumb does not know, was set to something else"))
            }
            _ => None,
        };
        paths.into_iter().filter_map(line).collect()
    }

    /// What did not come of these settings after a write, a line each, by what is live now.
    pub fn left(&self, now: &UnknownMembers) -> Vec<String> {
        let live = now.by_path();
        let kept = self.kept.iter().filter_map(|m| match live.get(&m.path) {
            None => Some(format!("{}: plumb does not know it and sent it along, and it is gone", m.path)),
            Some(value) if **value != m.value => {
                Some(format!("{}: plumb does not know it and sent it along, and it is not what it was", m.path))
            }
            Some(_) => None,
        });
        let removed = self.removed.iter().filter(|m| live.contains_key(&m.path));
        let removed = removed
            .map(|m| format!("{}: plumb does not know it, `metadata.remove` names it, and it is still there", m.path));
        kept.chain(removed).collect()
    }
}

/// Whether a line of [`UnknownMembers::left`] it is: no rule of the manifest could ignore what that is about.
pub fn is_about(line: &str) -> bool {
    line.contains(": plumb does not know it")
}

/// Whether `metadata.remove` names a place.
fn is_named(remove: &[Pattern], path: &Path) -> bool {
    remove.iter().any(|pattern| pattern.is(path))
}

/// Whether a value says anything: one that is empty, off or 0 throughout does not.
fn says_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(on) => *on,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => items.iter().any(says_something),
        Value::Object(map) => map.values().any(says_something),
    }
}

fn without_empties(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let inner = map.iter().map(|(key, value)| (key.clone(), without_empties(value)));
            Value::Object(inner.filter(|(_, value)| !is_empty(value)).collect())
        }
        Value::Array(items) => items.iter().map(without_empties).collect(),
        other => other.clone(),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Whether members that the spec does not know can stand below a place.
fn is_open(field: &Field) -> bool {
    let inner = match &field.shape {
        Shape::Object(_) => true,
        Shape::Map(inner) | Shape::List(inner) => is_open(inner),
        Shape::Leaf => false,
    };
    inner && !field.rule.server && !field.rule.verbatim
}

/// Whether another member is there that says all of this one.
fn is_superseded(member: &Field, object: &Map<String, Value>) -> bool {
    member.rule.superseded_by.as_ref().and_then(|by| object.get(by)).is_some_and(|value| !is_empty(value))
}

/// A walk over a live spec by the rules.
struct UnknownWalk<'a> {
    rules: &'a Rules,
    supplied: &'a BTreeMap<String, Supplied>,
    remove: &'a [Pattern],
    /// Where it is.
    path: Path,
    /// What the nearest cluster's policy supplies, and how many segments of the path lead to that cluster.
    policy: Option<(&'a Supplied, usize)>,
    found: Vec<(Path, &'a Value)>,
    any: bool,
}

impl<'a> UnknownWalk<'a> {
    fn new(rules: &'a Rules, supplied: &'a BTreeMap<String, Supplied>, remove: &'a [Pattern]) -> Self {
        UnknownWalk { rules, supplied, remove, path: Path::default(), policy: None, found: Vec::new(), any: false }
    }

    /// Minds the policy of a cluster that it goes into. Answers the policy around it, to be put back behind it.
    fn enter(&mut self, object: &Type, live: &Map<String, Value>) -> Option<(&'a Supplied, usize)> {
        let outer = self.policy;
        if let Some(member) = &object.rule.policy {
            let supplied = live.get(member).and_then(Value::as_str).and_then(|id| self.supplied.get(id));
            self.policy = supplied.map(|supplied| (supplied, self.path.0.len()));
        }
        outer
    }

    /// Whether a member is a setting that the spec does not model.
    fn is_unknown(&self, object: &Type, key: &str, value: &Value) -> bool {
        let known = object.members.contains_key(key) || object.rule.read_only.contains_key(key);
        !known && !value.is_null() && !self.is_of_policy(key, value)
    }

    fn is_of_policy(&self, key: &str, value: &Value) -> bool {
        self.policy.is_some_and(|(supplied, depth)| {
            let path = self.path.key(key);
            is_supplied(supplied, &path.0[depth..], value)
        })
    }

    /// Collects what is unknown at and below a place.
    fn find(&mut self, field: &'a Field, value: &'a Value) {
        if !is_open(field) {
            return;
        }
        match (&field.shape, value) {
            (Shape::Object(object), Value::Object(map)) => {
                let object = self.rules.of(*object);
                let outer = self.enter(object, map);
                for (key, value) in map {
                    match object.members.get(key) {
                        Some(member) if is_superseded(member, map) => {}
                        Some(member) => self.find_below(|| Segment::Key(key.clone()), member, value),
                        None if self.is_unknown(object, key, value) => {
                            self.any = true;
                            if says_something(value) {
                                self.found.push((self.path.key(key), value));
                            }
                        }
                        None => {}
                    }
                }
                self.policy = outer;
            }
            (Shape::Map(entry), Value::Object(map)) => {
                for (key, value) in map {
                    self.find_below(|| Segment::Key(key.clone()), entry, value);
                }
            }
            (Shape::List(item), Value::Array(items)) => {
                for (index, value) in items.iter().enumerate() {
                    let before = self.found.len();
                    self.find_below(|| Segment::Index(index), item, value);
                    if self.found.len() > before
                        && let Some(name) = self.name(field, item, value)
                    {
                        let depth = self.path.0.len();
                        self.found[before..]
                            .iter_mut()
                            .for_each(|(path, _)| path.0[depth] = Segment::Item(name.clone()));
                    }
                }
            }
            _ => {}
        }
    }

    fn find_below(&mut self, segment: impl FnOnce() -> Segment, field: &'a Field, value: &'a Value) {
        if is_open(field) {
            self.path.0.push(segment());
            self.find(field, value);
            self.path.0.pop();
        }
    }

    /// What tells an element of a list from the others, as comparisons name it; `None` when it is its position.
    fn name(&self, list: &Field, item: &Field, element: &Value) -> Option<String> {
        match &list.rule.key {
            Some(by) => by.of(element),
            None if list.rule.set => Some(label(&self.normal(item, element))),
            None => None,
        }
    }

    fn normal(&self, item: &Field, element: &Value) -> Value {
        normal::of_field(self.rules, item, element).unwrap_or_else(|| json!({}))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(live: Value, supplied: &BTreeMap<String, Supplied>, remove: &[&str]) -> UnknownMembers {
        let kind = crate::kinds::find("DatabricksCluster").unwrap();
        let remove: Vec<Pattern> = remove.iter().map(|path| Pattern::parse(path)).collect();
        UnknownMembers::of(kind.rules(), &live, supplied, &remove)
    }

    #[test]
    fn what_says_nothing_what_the_service_sets_and_what_a_policy_supplies_is_no_setting() {
        let live = json!({
            "cluster_id": "c", "state": "RUNNING", "driver": { "node_id": "n" }, "policy_id": "p",
            "custom_tags": { "free": "keys" }, "spark_conf": { "a": "b" },
            "off": false, "zero": 0, "empty": [{ "a": "" }], "null": null,
            "of_policy": "x", "new": { "a": 1, "b": null },
            "aws_attributes": { "new": "y", "zone_id": "z" },
        });
        let supplied = BTreeMap::from([("p".to_owned(), BTreeMap::from([("of_policy".to_owned(), json!("x"))]))]);
        let unknown = of(live.clone(), &supplied, &["aws_attributes.*"]);
        assert_eq!(unknown.kept, [Member { path: Path::default().key("new"), value: json!({ "a": 1 }) }]);
        assert_eq!(unknown.removed.iter().map(|m| m.path.to_string()).collect::<Vec<_>>(), ["aws_attributes.new"]);
        assert_eq!(of(live, &BTreeMap::new(), &[]).paths(), ["aws_attributes.new", "new", "of_policy"]);
    }

    #[test]
    fn the_hash_of_what_was_read_is_that_of_the_normal_form_and_of_what_is_unknown() {
        let none = BTreeMap::new();
        let basis = |live: Value| of(live, &none, &[]).basis(&json!({ "num_workers": 1 }));
        assert_eq!(basis(json!({ "off": false })), normal::hash(&json!({ "num_workers": 1 })));
        assert_ne!(basis(json!({ "new": 1 })), basis(json!({})));
        assert_ne!(basis(json!({ "new": 1 })), basis(json!({ "new": 2 })));
        assert_eq!(basis(json!({ "new": [1], "also": "x" })), basis(json!({ "also": "x", "new": [1] })));
    }
}
