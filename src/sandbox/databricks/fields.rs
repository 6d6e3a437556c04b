//! The members that the service knows. It ignores every other without a word (proto3's JSON form), so that a misspelt
//! one is accepted and gone.

use serde_json::Value;
use std::{collections::BTreeMap, sync::OnceLock};

type Types = BTreeMap<&'static str, BTreeMap<&'static str, &'static str>>;

fn types() -> &'static Types {
    static TYPES: OnceLock<Types> = OnceLock::new();
    TYPES.get_or_init(|| {
        let lines = include_str!("fields.txt").lines().filter(|l| !l.starts_with('#'));
        let member = |word: &'static str| word.split_once('=').unwrap_or((word, ""));
        let line =
            |l: &'static str| l.split_once(": ").map(|(name, rest)| (name, rest.split(' ').map(member).collect()));
        lines.filter_map(line).collect()
    })
}

/// Takes out of an object of that type, and of what is inside it, the members that the service does not know.
pub fn keep_known(value: &mut Value, of: &str) {
    let Some(members) = types().get(of) else { return };
    match value {
        Value::Array(list) => list.iter_mut().for_each(|element| keep_known(element, of)),
        Value::Object(map) => {
            map.retain(|name, inner| match members.get(name.as_str()) {
                Some(inside) => {
                    keep_known(inner, inside);
                    true
                }
                None => false,
            });
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn unknown_members_go_and_free_keys_stay() {
        let mut settings = json!({
            "name": "n",
            "shedule": {},
            "tags": { "anything": "goes" },
            "tasks": [{
                "task_key": "t",
                "retries": 3,
                "for_each_task": { "inputs": "[]", "task": { "task_key": "i", "typo": 1, "notebook_task": { "base_parameters": { "x": "y" } } } },
                "new_cluster": { "spark_conf": { "a.b": "c" }, "workers": 2 },
            }],
        });
        keep_known(&mut settings, "Job");
        let expected = json!({
            "name": "n",
            "tags": { "anything": "goes" },
            "tasks": [{
                "task_key": "t",
                "for_each_task": { "inputs": "[]", "task": { "task_key": "i", "notebook_task": { "base_parameters": { "x": "y" } } } },
                "new_cluster": { "spark_conf": { "a.b": "c" } },
            }],
        });
        assert_eq!(settings, expected);
    }

    #[test]
    fn every_type_that_is_named_is_there() {
        for (name, members) in types() {
            for (member, inside) in members.iter().filter(|(_, inside)| !inside.is_empty()) {
                assert!(types().contains_key(inside), "{name}.{member} is of the unknown type {inside}");
            }
        }
    }
}
