//! `${resources.KIND.NAME}`: the ids of other resources inside a spec.

use plumb_model::address::Address;
use plumb_model::schema::{Field, Rules, Shape};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;

const OPEN: &str = "${resources.";
const OPEN_INTEGER: &str = "${integer.resources.";

/// Fills in the ids that are known. Where a whole number has to stand, a known id becomes one, and an unknown one is
/// marked so that it will (`${integer.resources.…}`).
pub fn fill<'v>(rules: &Rules, value: &'v Value, ids: &BTreeMap<Address, String>) -> Cow<'v, Value> {
    if !refers(value) {
        return Cow::Borrowed(value);
    }
    let mut value = value.clone();
    walk(rules, Some(&rules.root), &mut value, ids);
    Cow::Owned(value)
}

fn refers(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(OPEN),
        Value::Array(items) => items.iter().any(refers),
        Value::Object(map) => map.values().any(refers),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn walk(rules: &Rules, field: Option<&Field>, value: &mut Value, ids: &BTreeMap<Address, String>) {
    match value {
        Value::String(text) if text.contains(OPEN) => {
            let integer = field.is_some_and(|f| f.integer);
            *value = filled(text, integer, ids);
        }
        Value::Object(map) => {
            for (key, entry) in map {
                let below = field.and_then(|f| match &f.shape {
                    Shape::Object(object) => rules.of(*object).members.get(key),
                    Shape::Map(entry) => Some(&**entry),
                    _ => None,
                });
                walk(rules, below, entry, ids);
            }
        }
        Value::Array(items) => {
            let below = field.and_then(|f| match &f.shape {
                Shape::List(item) => Some(&**item),
                _ => None,
            });
            items.iter_mut().for_each(|item| walk(rules, below, item, ids));
        }
        _ => {}
    }
}

fn filled(text: &str, integer: bool, ids: &BTreeMap<Address, String>) -> Value {
    let text = replace(text, OPEN, |address| ids.get(address).cloned());
    match text.parse::<i64>() {
        Ok(id) if integer => Value::from(id),
        _ if integer => Value::from(text.replace(OPEN, OPEN_INTEGER)),
        _ => Value::from(text),
    }
}

/// The resource that a text refers to, when the text is one reference and nothing else.
pub fn whole(text: &str) -> Option<Address> {
    let (kind, name) = text.strip_prefix(OPEN)?.strip_suffix('}')?.split_once('.')?;
    (!name.contains('}')).then(|| Address { kind: kind.into(), name: name.into() })
}

/// Gives every reference in a value, with the member that it stands in: `instance_pool_id`. Below a list that is the list's.
pub fn places<'v>(value: &'v Value, member: &'v str, see: &mut dyn FnMut(&'v str, Address)) {
    match value {
        Value::String(text) => {
            replace(text, OPEN, |address| {
                see(member, address.clone());
                None
            });
        }
        Value::Array(items) => items.iter().for_each(|item| places(item, member, see)),
        Value::Object(map) => map.iter().for_each(|(member, value)| places(value, member, see)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Fills in, at the time of sending, the ids that were made meanwhile. `id` stands for `${id}`, the object of the call
/// itself. Fails with the address of an id that is still unknown.
pub fn fill_late(value: &Value, ids: &BTreeMap<Address, String>, id: Option<&str>) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => {
            let integer = text.starts_with(OPEN_INTEGER);
            let text = fill_late_text(&text.replace(OPEN_INTEGER, OPEN), ids, id)?;
            match text.parse::<i64>() {
                Ok(number) if integer => Value::from(number),
                _ => Value::from(text),
            }
        }
        Value::Array(items) => items.iter().map(|v| fill_late(v, ids, id)).collect::<Result<_, _>>()?,
        Value::Object(map) => Value::Object(
            map.iter().map(|(k, v)| Ok((k.clone(), fill_late(v, ids, id)?))).collect::<Result<_, String>>()?,
        ),
        other => other.clone(),
    })
}

/// [`fill_late`] for a path or another text.
pub fn fill_late_text(text: &str, ids: &BTreeMap<Address, String>, id: Option<&str>) -> Result<String, String> {
    let text = match id {
        Some(id) => text.replace("${id}", id),
        None => text.to_owned(),
    };
    let text = replace(&text, OPEN, |address| ids.get(address).cloned());
    match text.find(OPEN) {
        Some(start) => Err(text[start..].split('}').next().unwrap_or(&text).replace(OPEN, "")),
        None => Ok(text),
    }
}

fn replace(text: &str, open: &str, mut id: impl FnMut(&Address) -> Option<String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(open) {
        let Some(end) = rest[start..].find('}') else { break };
        let inner = &rest[start + open.len()..start + end];
        let address = inner.split_once('.').map(|(kind, name)| Address { kind: kind.into(), name: name.into() });
        out.push_str(&rest[..start]);
        match address.as_ref().and_then(&mut id) {
            Some(id) => out.push_str(&id),
            None => out.push_str(&rest[start..=start + end]),
        }
        rest = &rest[start + end + 1..];
    }
    out + rest
}
