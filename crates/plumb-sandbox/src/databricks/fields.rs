//! Reading a request as the service does: members that it does not know it ignores without a word, so that a misspelt
//! one is accepted and gone; a value of the wrong type it refuses; a number written as a text it takes for the number.

use crate::errors::ApiError;
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::OnceLock};

type Types = BTreeMap<&'static str, BTreeMap<&'static str, &'static str>>;

fn types() -> &'static Types {
    static TYPES: OnceLock<Types> = OnceLock::new();
    TYPES.get_or_init(|| {
        let lines = include_str!("fields.txt").lines().filter(|l| !l.starts_with('#'));
        let member = |word: &'static str| word.split_once(':').unwrap_or((word, "text"));
        let line = |l: &'static str| {
            l.split_once(':').map(|(name, rest)| (name, rest.split_whitespace().map(member).collect()))
        };
        lines.filter_map(line).collect()
    })
}

/// Reads an object of that type in place. Nulls must have been taken out. A workspace that is newer `keeps` what is not
/// known here.
pub fn read(value: &mut Value, of: &str, keeps: bool) -> Result<(), ApiError> {
    read_at(value, of, "request", keeps)
}

/// Reads one member of a request in place: it has to be of that type. `object` is any object.
pub fn member(value: &mut Value, of: &str, name: &str) -> Result<(), ApiError> {
    read_at(value, of, name, true)
}

fn read_at(value: &mut Value, of: &str, field: &str, keeps: bool) -> Result<(), ApiError> {
    // The words are those of a real answer (PrefectHQ/prefect#5836).
    let expected = |what: &str| {
        let message = format!("Could not parse request object: Expected {what} for field {field}");
        Err(ApiError::new(400, "MALFORMED_REQUEST", message))
    };
    if let Some(element) = of.strip_suffix("[]") {
        let Some(list) = value.as_array_mut() else { return expected("array") };
        return list.iter_mut().try_for_each(|inner| read_at(inner, element, field, keeps));
    }
    if let Some(element) = of.strip_suffix("{}") {
        let Some(map) = value.as_object_mut() else { return expected("object") };
        return map.values_mut().try_for_each(|inner| read_at(inner, element, field, keeps));
    }
    match (of, &*value) {
        ("text", Value::String(_)) | ("number", Value::Number(_)) | ("bool", Value::Bool(_)) => {}
        ("text", Value::Number(_) | Value::Bool(_)) => *value = json!(value.to_string()),
        ("number", Value::String(s)) => match serde_json::from_str::<Value>(s) {
            Ok(number) if number.is_number() => *value = number,
            _ => return expected("number"),
        },
        ("bool", Value::String(s)) if s == "true" || s == "false" => *value = json!(s == "true"),
        ("text", _) => return expected("string"),
        ("number", _) => return expected("number"),
        ("bool", _) => return expected("boolean"),
        ("object", Value::Object(_)) => {}
        ("object", _) => return expected("object"),
        _ => {
            let Some(members) = types().get(of) else { return Ok(()) };
            let Some(map) = value.as_object_mut() else { return expected("object") };
            map.retain(|name, _| keeps || members.contains_key(name.as_str()));
            for (name, inner) in map.iter_mut() {
                if let Some(of) = members.get(name.as_str()) {
                    read_at(inner, of, name, keeps)?;
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_members_go_and_free_keys_stay() {
        let mut settings = json!({
            "name": "n",
            "shedule": {},
            "tags": { "anything": "goes" },
            "timeout_seconds": "60",
            "tasks": [{
                "task_key": "t",
                "retries": 3,
                "for_each_task": { "inputs": "[]", "task": { "task_key": "i", "typo": 1, "notebook_task": { "base_parameters": { "x": "y" } } } },
                "new_cluster": { "spark_conf": { "a.b": true }, "workers": 2 },
            }],
        });
        read(&mut settings, "Job", false).unwrap();
        let expected = json!({
            "name": "n",
            "tags": { "anything": "goes" },
            "timeout_seconds": 60,
            "tasks": [{
                "task_key": "t",
                "for_each_task": { "inputs": "[]", "task": { "task_key": "i", "notebook_task": { "base_parameters": { "x": "y" } } } },
                "new_cluster": { "spark_conf": { "a.b": "true" } },
            }],
        });
        assert_eq!(settings, expected);
    }

    #[test]
    fn a_newer_workspace_keeps_what_is_not_known() {
        let settings = json!({ "newer": [1], "tasks": [{ "task_key": "t", "newer": { "a": "b" } }] });
        let mut read_back = settings.clone();
        read(&mut read_back, "Job", true).unwrap();
        assert_eq!(read_back, settings);
    }

    #[test]
    fn a_value_of_the_wrong_type_is_refused_by_name() {
        for (settings, expected) in [
            (json!({ "tasks": {} }), "Expected array for field tasks"),
            (json!({ "tasks": ["a"] }), "Expected object for field tasks"),
            (json!({ "queue": { "enabled": 1 } }), "Expected boolean for field enabled"),
            (json!({ "timeout_seconds": "soon" }), "Expected number for field timeout_seconds"),
            (json!({ "name": [] }), "Expected string for field name"),
        ] {
            let error = read(&mut settings.clone(), "Job", false).unwrap_err();
            assert_eq!(error.body["error_code"], "MALFORMED_REQUEST");
            assert!(error.body["message"].as_str().unwrap().ends_with(expected), "{error:?}");
        }
    }

    #[test]
    fn every_type_that_is_named_is_there() {
        for (name, members) in types() {
            for (member, of) in members {
                let of = of.trim_end_matches("[]").trim_end_matches("{}");
                let known = ["text", "number", "bool"].contains(&of) || types().contains_key(of);
                assert!(known, "{name}.{member} is of the unknown type {of}");
            }
        }
    }
}
