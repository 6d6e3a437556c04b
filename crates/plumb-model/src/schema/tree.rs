//! Reaching into a spec by path.

use super::{Field, Path, Rules, Segment, Shape};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The value at a path.
pub fn find<'v>(rules: &Rules, value: &'v Value, path: &Path) -> Option<&'v Value> {
    let mut field = &rules.root;
    let mut here = value;
    for segment in &path.0 {
        here = match (segment, here) {
            (Segment::Key(key), Value::Object(map)) => map.get(key)?,
            (Segment::Index(index), Value::Array(items)) => items.get(*index)?,
            (Segment::Item(key), Value::Array(items)) => &items[position(field, items, key)?],
            _ => return None,
        };
        field = below(rules, field, segment)?;
    }
    Some(here)
}

/// Puts a value at a path, making the objects on the way; `None` takes out what is there. A list element that does not
/// exist is appended by its key, and nothing is done where the path does not fit the value.
pub fn graft(rules: &Rules, value: &mut Value, path: &Path, new: Option<&Value>) {
    let mut field = &rules.root;
    let mut here = value;
    let Some((last, way)) = path.0.split_last() else { return };
    for segment in way {
        let Some(next) = step(field, here, segment, new.is_some()) else { return };
        here = next;
        let Some(next) = below(rules, field, segment) else { return };
        field = next;
    }
    match (new, last) {
        (Some(new), _) => {
            if let Some(place) = step(field, here, last, true) {
                *place = new.clone();
            }
        }
        (None, Segment::Key(key)) => {
            here.as_object_mut().map(|map| map.remove(key));
        }
        (None, Segment::Item(key)) => {
            if let Value::Array(items) = here
                && let Some(index) = position(field, items, key)
            {
                items.remove(index);
            }
        }
        (None, Segment::Index(index)) => {
            if let Value::Array(items) = here
                && *index < items.len()
            {
                items.remove(*index);
            }
        }
    }
}

/// What is left of a way to a place, and what is put there.
type Graft<'v> = (&'v [Segment], Option<&'v Value>);

/// Does what [`graft`] does for each of these places, and goes through each list once, however many of its elements they
/// are in.
pub fn graft_all<'v>(
    rules: &Rules,
    value: &mut Value,
    grafts: impl IntoIterator<Item = (&'v Path, Option<&'v Value>)>,
) {
    let grafts: Vec<Graft<'_>> =
        grafts.into_iter().filter(|(path, _)| !path.0.is_empty()).map(|(path, new)| (&path.0[..], new)).collect();
    graft_below(rules, &rules.root, value, grafts);
}

fn graft_below(rules: &Rules, field: &Field, here: &mut Value, grafts: Vec<Graft<'_>>) {
    let mut groups: BTreeMap<&Segment, Vec<Graft<'_>>> = BTreeMap::new();
    for (way, new) in grafts {
        let Some((first, rest)) = way.split_first() else { continue };
        groups.entry(first).or_default().push((rest, new));
    }
    let places = match &*here {
        Value::Array(items) => positions(field, items),
        _ => BTreeMap::new(),
    };
    let mut gone = Vec::new();
    for (segment, group) in groups {
        let Some(next) = below(rules, field, segment) else { continue };
        let adds = group.iter().any(|(_, new)| new.is_some());
        let known = match segment {
            Segment::Item(key) => places.get(key).copied().map(Segment::Index),
            _ => None,
        };
        let segment = known.as_ref().unwrap_or(segment);
        if group.iter().any(|(rest, new)| rest.is_empty() && new.is_none()) {
            gone.push(segment.clone());
            continue;
        }
        let is_missing = matches!(segment, Segment::Item(_));
        let Some(place) = step(field, here, segment, adds).filter(|_| adds || !is_missing) else { continue };
        if let Some((_, Some(new))) = group.iter().find(|(rest, _)| rest.is_empty()) {
            *place = (*new).clone();
        }
        graft_below(rules, next, place, group);
    }
    // From behind, so that the places of the others stay what they are.
    gone.sort_by(|a, b| b.cmp(a));
    for segment in gone {
        take_out(here, &segment);
    }
}

fn positions(field: &Field, items: &[Value]) -> BTreeMap<String, usize> {
    let mut places = BTreeMap::new();
    for (index, item) in items.iter().enumerate() {
        let key = match &field.rule.key {
            Some(by) => by.of(item),
            None => Some(label(item)),
        };
        key.map(|key| places.entry(key).or_insert(index));
    }
    places
}

fn take_out(here: &mut Value, segment: &Segment) {
    match (segment, here) {
        (Segment::Key(key), Value::Object(map)) => {
            map.remove(key);
        }
        (Segment::Index(index), Value::Array(items)) if *index < items.len() => {
            items.remove(*index);
        }
        _ => {}
    }
}

fn below<'r>(rules: &'r Rules, field: &'r super::Field, segment: &Segment) -> Option<&'r super::Field> {
    match (&field.shape, segment) {
        (Shape::Object(object), Segment::Key(key)) => rules.of(*object).members.get(key),
        (Shape::Map(inner), Segment::Key(_)) => Some(inner),
        (Shape::List(inner), _) => Some(inner),
        _ => None,
    }
}

fn position(field: &super::Field, items: &[Value], key: &str) -> Option<usize> {
    match &field.rule.key {
        Some(by) => items.iter().position(|e| by.of(e).as_deref() == Some(key)),
        None => items.iter().position(|e| label(e) == key),
    }
}

/// How an element of a list without keys is named in a path: its text.
pub fn label(element: &Value) -> String {
    match element {
        Value::String(s) => s.clone(),
        other => other.to_string(),
    }
}

fn step<'v>(field: &super::Field, here: &'v mut Value, segment: &Segment, make: bool) -> Option<&'v mut Value> {
    match segment {
        Segment::Key(key) => {
            if here.is_null() && make {
                *here = Value::Object(Map::new());
            }
            let map = here.as_object_mut()?;
            if make { Some(map.entry(key.clone()).or_insert(Value::Null)) } else { map.get_mut(key) }
        }
        Segment::Index(index) => {
            if here.is_null() && make {
                *here = Value::Array(Vec::new());
            }
            let items = here.as_array_mut()?;
            if make && *index == items.len() {
                items.push(Value::Null);
            }
            items.get_mut(*index)
        }
        Segment::Item(key) => {
            if here.is_null() && make {
                *here = Value::Array(Vec::new());
            }
            let items = here.as_array_mut()?;
            match position(field, items, key) {
                Some(index) => items.get_mut(index),
                None if make => {
                    items.push(Value::Null);
                    items.last_mut()
                }
                None => None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rules() -> Rules {
        super::super::compile(&json!({"properties": {
            "name": {"type": "string"},
            "inner": {"properties": {"a": {"type": "string"}, "b": {"type": "string"}}},
            "tasks": {"x-plumb": {"key": "key", "why": "test"}, "items": {"properties": {
                "key": {"type": "string"}, "a": {"type": "string"}, "b": {"properties": {"c": {"type": "string"}}},
            }}},
            "steps": {"items": {"properties": {"a": {"type": "string"}, "b": {"type": "string"}}}},
        }}))
    }

    fn path(segments: &[Segment]) -> Path {
        Path(segments.to_vec())
    }

    #[test]
    fn many_grafts_do_what_each_would_do() {
        let (key, item) = (|k: &str| Segment::Key(k.into()), |k: &str| Segment::Item(k.into()));
        let grafts = [
            (path(&[key("inner"), key("a")]), Some(json!("1"))),
            (path(&[key("name")]), None),
            (path(&[key("steps"), Segment::Index(1), key("b")]), Some(json!("2"))),
            (path(&[key("tasks"), item("x"), key("a")]), None),
            (path(&[key("tasks"), item("x"), key("b"), key("c")]), Some(json!("3"))),
            (path(&[key("tasks"), item("y")]), None),
            (path(&[key("tasks"), item("z"), key("a")]), Some(json!("4"))),
            (path(&[key("tasks"), item("gone"), key("a")]), None),
            (path(&[key("tasks"), item("new")]), Some(json!({"key": "new"}))),
        ];
        let before = json!({
            "name": "n",
            "tasks": [{"key": "y"}, {"key": "x", "a": "0"}, {"key": "z"}],
            "steps": [{"a": "0"}, {"a": "1"}],
        });
        let (mut one_by_one, mut at_once) = (before.clone(), before);
        for (path, new) in &grafts {
            graft(&rules(), &mut one_by_one, path, new.as_ref());
        }
        graft_all(&rules(), &mut at_once, grafts.iter().map(|(path, new)| (path, new.as_ref())));
        assert_eq!(at_once, one_by_one);
        assert_eq!(
            at_once,
            json!({
                "inner": {"a": "1"},
                "tasks": [{"key": "x", "b": {"c": "3"}}, {"key": "z", "a": "4"}, {"key": "new"}],
                "steps": [{"a": "0"}, {"a": "1", "b": "2"}],
            })
        );
    }
}
