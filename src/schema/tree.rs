//! Reaching into a spec by path.

use super::{Path, Rules, Segment, Shape};
use serde_json::{Map, Value};

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
