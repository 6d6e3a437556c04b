//! Validation of request members, with the messages of AWS's own front end.
//!
//! Recorded form: `1 validation error detected: Value null at 'name' failed to satisfy constraint: Member must not be
//! null`.

use super::replies::validation;
use crate::answer::Answer;
use serde_json::{Map, Value};

/// The name of a member as the messages have it: `ClusterId` is `clusterId`.
fn camel(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|first| first.to_ascii_lowercase().to_string() + chars.as_str()).unwrap_or_default()
}

fn wrong(value: &str, at: &str, constraint: &str) -> Answer {
    let at: Vec<String> = at.split('.').map(camel).collect();
    validation(format!(
        "1 validation error detected: Value {value} at '{}' failed to satisfy constraint: {constraint}",
        at.join(".")
    ))
}

/// The last name of a path: `Instances.InstanceGroups` is read from `Instances` by its own name.
fn last(at: &str) -> &str {
    at.rsplit('.').next().unwrap_or(at)
}

fn null(at: &str) -> Answer {
    wrong("null", at, "Member must not be null")
}

/// A text that must be there; `at` ends with the member's name.
pub fn text<'v>(body: &'v Value, at: &str) -> Result<&'v str, Answer> {
    maybe_text(body, at)?.ok_or_else(|| null(at))
}

/// A text that may be there.
pub fn maybe_text<'v>(body: &'v Value, at: &str) -> Result<Option<&'v str>, Answer> {
    match &body[last(at)] {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        _ => Err(serialization("STRING_VALUE", at)),
    }
}

/// A list that must be there.
pub fn list<'v>(body: &'v Value, at: &str) -> Result<&'v [Value], Answer> {
    maybe_list(body, at)?.ok_or_else(|| null(at))
}

/// A list that may be there.
pub fn maybe_list<'v>(body: &'v Value, at: &str) -> Result<Option<&'v [Value]>, Answer> {
    match &body[last(at)] {
        Value::Null => Ok(None),
        Value::Array(list) => Ok(Some(list)),
        _ => Err(serialization("a list", at)),
    }
}

/// A list of texts; empty when it is not there.
pub fn texts(body: &Value, at: &str) -> Result<Vec<String>, Answer> {
    let list = maybe_list(body, at)?.unwrap_or_default();
    list.iter().map(|one| one.as_str().map(str::to_owned).ok_or_else(|| serialization("STRING_VALUE", at))).collect()
}

/// A whole number that may be there.
pub fn maybe_number(body: &Value, at: &str) -> Result<Option<i64>, Answer> {
    match &body[last(at)] {
        Value::Null => Ok(None),
        value => value.as_i64().map(Some).ok_or_else(|| serialization("NUMBER_VALUE", at)),
    }
}

/// A whole number that must be there.
pub fn number(body: &Value, at: &str) -> Result<i64, Answer> {
    maybe_number(body, at)?.ok_or_else(|| null(at))
}

/// A flag that may be there.
pub fn maybe_flag(body: &Value, at: &str) -> Result<Option<bool>, Answer> {
    match &body[last(at)] {
        Value::Null => Ok(None),
        value => value.as_bool().map(Some).ok_or_else(|| serialization("a boolean", at)),
    }
}

/// A flag that must be there.
pub fn flag(body: &Value, at: &str) -> Result<bool, Answer> {
    maybe_flag(body, at)?.ok_or_else(|| null(at))
}

/// A structure that must be there.
pub fn object<'v>(body: &'v Value, at: &str) -> Result<&'v Map<String, Value>, Answer> {
    match &body[last(at)] {
        Value::Null => Err(null(at)),
        value => value.as_object().ok_or_else(|| serialization("a structure", at)),
    }
}

/// Refuses a value that is none of these.
pub fn one_of(value: &str, at: &str, set: &[&str]) -> Result<(), Answer> {
    if set.contains(&value) {
        return Ok(());
    }
    let set = set.join(", ");
    Err(wrong(&format!("'{value}'"), at, &format!("Member must satisfy enum value set: [{set}]")))
}

/// A value that is of another type than the model's.
fn serialization(expected: &str, at: &str) -> Answer {
    super::replies::AwsService::Clusters.refused(
        400,
        "SerializationException",
        &format!("{at} has a value of another type; expected {expected}"),
        "",
    )
}
