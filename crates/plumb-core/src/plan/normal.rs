//! The normal form of a spec: two specs that mean the same to the service have the same one.
//!
//! What equals absent is left out (empties, documented defaults), lists whose order means nothing are sorted, one name
//! stands for all aliases. Comparing works on normal forms, and the hash in the mark is of one.

use super::worked::{self, Work};
use plumb_model::schema::{Field, Rules, Shape};
use serde_json::{Map, Number, Value};
use sha2::{Digest, Sha256};

/// The normal form of a whole spec. Members that the spec does not know are dropped.
pub fn normal(rules: &Rules, value: &Value) -> Value {
    of_field(rules, &rules.root, value).unwrap_or(Value::Object(Map::new()))
}

/// The same value without members that the spec does not know.
pub fn modelled(rules: &Rules, field: &Field, value: &Value) -> Value {
    match (&field.shape, value) {
        (Shape::Object(object), Value::Object(map)) => {
            let members = &rules.of(*object).members;
            let known = |(k, v): (&String, &Value)| Some((k.clone(), modelled(rules, members.get(k)?, v)));
            map.iter().filter_map(known).collect()
        }
        (Shape::Map(entry), Value::Object(map)) => {
            map.iter().map(|(k, v)| (k.clone(), modelled(rules, entry, v))).collect()
        }
        (Shape::List(item), Value::Array(items)) => items.iter().map(|v| modelled(rules, item, v)).collect(),
        (_, other) => other.clone(),
    }
}

/// The hash of a spec in the mark: 8 characters, of the normal form without what is written by calls of its own.
pub fn identity(rules: &Rules, spec: &Value) -> String {
    identity_of_normal(rules, &normal(rules, spec))
}

/// The same, of a spec that is in normal form.
pub fn identity_of_normal(rules: &Rules, normal: &Value) -> String {
    worked::count(Work::Identity);
    let (Shape::Object(object), Value::Object(map)) = (&rules.root.shape, normal) else {
        return hash(normal)[..8].to_owned();
    };
    let members = &rules.of(*object).members;
    let is_told = |key: &String| members.get(key).is_some_and(|field| !field.rule.apart);
    if map.keys().all(is_told) {
        return hash(normal)[..8].to_owned();
    }
    let told = map.iter().filter(|(key, _)| is_told(key)).map(|(key, value)| (key.clone(), value.clone()));
    hash(&Value::Object(told.collect()))[..8].to_owned()
}

/// The normal form of a value at a place; `None` when it equals absent.
pub fn of_field(rules: &Rules, field: &Field, value: &Value) -> Option<Value> {
    let normal = shaped(rules, field, value)?;
    let rule = &field.rule;
    let normal = rule.alias.iter().find(|names| names.contains(&normal)).map_or(normal, |names| names[0].clone());
    let normal = match normal {
        Value::String(s) if rule.fold_case => Value::from(s.to_lowercase()),
        other => other,
    };
    let default = rule.default.as_ref().and_then(|d| shaped(rules, field, d));
    (default.as_ref() != Some(&normal)).then_some(normal)
}

fn shaped(rules: &Rules, field: &Field, value: &Value) -> Option<Value> {
    match (&field.shape, value) {
        (_, Value::Null) => None,
        (_, Value::String(s)) if s.is_empty() => None,
        (_, Value::String(s)) if field.rule.json_text && matches!(s.trim(), "{}" | "[]") => None,
        (Shape::Object(object), Value::Object(map)) => {
            let members = &rules.of(*object).members;
            let map: Map<_, _> = map
                .iter()
                .filter_map(|(k, v)| {
                    let member = members.get(k).filter(|f| !f.rule.server)?;
                    Some((k.clone(), of_field(rules, member, v)?))
                })
                .collect();
            (!map.is_empty()).then_some(Value::Object(map))
        }
        (Shape::Map(entry), Value::Object(map)) => {
            // An entry with an empty value is an entry: `spark_conf: {a: ""}` sets `a`.
            let map: Map<_, _> =
                map.iter().map(|(k, v)| (k.clone(), of_field(rules, entry, v).unwrap_or_else(|| v.clone()))).collect();
            (!map.is_empty()).then_some(Value::Object(map))
        }
        (Shape::List(item), Value::Array(items)) => {
            let mut items: Vec<Value> = items
                .iter()
                .map(|e| {
                    of_field(rules, item, e)
                        .unwrap_or_else(|| if e.is_object() { Value::Object(Map::new()) } else { e.clone() })
                })
                .collect();
            sort(field, &mut items);
            if field.rule.set {
                items.dedup();
            }
            (!items.is_empty() || field.rule.keep_empty).then_some(Value::Array(items))
        }
        (Shape::Leaf, Value::Object(map)) if map.is_empty() => None,
        (Shape::Leaf, Value::Array(items)) if items.is_empty() => None,
        (_, Value::Number(n)) => Some(Value::Number(number(n))),
        (_, other) => Some(other.clone()),
    }
}

/// The same value with every list in one order whose order means nothing. Unlike the normal form it says all that was
/// said.
pub fn ordered(rules: &Rules, field: &Field, value: &Value) -> Value {
    match (&field.shape, value) {
        (Shape::Object(object), Value::Object(map)) => {
            let members = &rules.of(*object).members;
            map.iter().map(|(k, v)| (k.clone(), members.get(k).map_or(v.clone(), |m| ordered(rules, m, v)))).collect()
        }
        (Shape::Map(entry), Value::Object(map)) => {
            map.iter().map(|(k, v)| (k.clone(), ordered(rules, entry, v))).collect()
        }
        (Shape::List(item), Value::Array(items)) => {
            let mut items: Vec<Value> = items.iter().map(|v| ordered(rules, item, v)).collect();
            sort(field, &mut items);
            Value::Array(items)
        }
        _ => value.clone(),
    }
}

/// The same value without explicit nulls: to every service here, absent is the same. Inside a value whose members are not
/// the spec's but the user's own, a null is what they wrote.
pub fn without_nulls(rules: &Rules, field: &Field, value: &Value) -> Value {
    if field.rule.verbatim {
        return value.clone();
    }
    match (&field.shape, value) {
        (Shape::Object(object), Value::Object(map)) => {
            let members = &rules.of(*object).members;
            let whole = |key: &String, v: &Value| members.get(key).map_or(v.clone(), |m| without_nulls(rules, m, v));
            map.iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k.clone(), whole(k, v))).collect()
        }
        (Shape::Map(entry), Value::Object(map)) => {
            map.iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k.clone(), without_nulls(rules, entry, v))).collect()
        }
        (Shape::List(item), Value::Array(items)) => {
            items.iter().filter(|v| !v.is_null()).map(|v| without_nulls(rules, item, v)).collect()
        }
        (_, other) => other.clone(),
    }
}

/// Puts a list whose order means nothing into one order.
fn sort(field: &Field, items: &mut [Value]) {
    if let Some(by) = &field.rule.key {
        items.sort_by_cached_key(|e| (by.of(e), e.to_string()));
    } else if field.rule.set {
        items.sort_by_cached_key(Value::to_string);
    }
}

/// 8.0 is 8.
fn number(n: &Number) -> Number {
    match n.as_f64() {
        Some(f) if n.is_f64() && f.fract() == 0.0 && f.abs() < 9.0e15 => Number::from(f as i64),
        _ => n.clone(),
    }
}

/// The SHA-256 of a value's canonical text, as hexadecimal. Objects are ordered by key, so equal values have one hash.
pub fn hash(value: &Value) -> String {
    hash_text(&value.to_string())
}

/// The SHA-256 of a text, as hexadecimal.
pub fn hash_text(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().fold(String::with_capacity(64), |mut hex, byte| {
        for digit in [byte >> 4, byte & 15] {
            hex.push(char::from_digit(u32::from(digit), 16).unwrap_or_default());
        }
        hex
    })
}

#[cfg(test)]
#[path = "normal_tests.rs"]
mod tests;
