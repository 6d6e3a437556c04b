//! What a test says that SQL statements answer. No SQL runs here.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The answer to the statements that have certain texts in them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScriptedStatement {
    /// Texts that a statement has to contain, all of them; with none it is any statement.
    pub contains: Vec<String>,
    /// How many statements it answers, after which the next rule that fits does. `null`: every one.
    pub times: Option<u64>,
    /// Each column's name and type: `["n", "BIGINT"]`.
    pub columns: Vec<(String, String)>,
    /// Each row's values, as `JSON_ARRAY` has them: text or null.
    pub rows: Vec<Vec<Option<String>>>,
    /// How many rows a chunk has; `null`: there is one chunk.
    pub chunk_rows: Option<usize>,
    /// Whether the rows come by links even where `INLINE` was wanted.
    pub external: bool,
    /// How many looks show the statement before it has ended: the first of them pending, the others running.
    pub looks: u64,
    /// How long it takes by the sandbox's clock, instead of `looks`.
    pub seconds: Option<i64>,
    /// How it ends; `SUCCEEDED` when absent: `FAILED`, `CANCELED` or `CLOSED`.
    pub state: Option<String>,
    /// The error of one that failed.
    pub error_code: Option<String>,
    /// Its message.
    pub message: Option<String>,
    /// Its SQLSTATE.
    pub sql_state: Option<String>,
    /// Whether its warehouse stops under it, which ends it as failed.
    pub stops_warehouse: bool,
    /// Whether the answer leaves out what is empty, zero or false, as proto3's JSON form may.
    pub leaves_out_empty: bool,
    /// Put over each answer that shows the statement (JSON Merge Patch, RFC 7396): members that nobody knows yet, or
    /// that are missing, or that are wrong.
    pub patch: Value,
}

/// Takes the rule that answers this text, and counts it.
pub fn take(rules: &mut Vec<ScriptedStatement>, text: &str) -> Option<ScriptedStatement> {
    let fits = |rule: &ScriptedStatement| {
        rule.times != Some(0) && rule.contains.iter().all(|part| text.contains(part.as_str()))
    };
    let at = rules.iter().position(fits)?;
    let taken = rules[at].clone();
    if let Some(times) = &mut rules[at].times {
        *times -= 1;
    }
    rules.retain(|rule| rule.times != Some(0));
    Some(taken)
}

/// What answers a statement that nobody scripted.
pub fn unscripted(text: &str) -> ScriptedStatement {
    let begin: String = text.chars().take(200).collect();
    ScriptedStatement {
        state: Some("FAILED".to_owned()),
        error_code: Some("BAD_REQUEST".to_owned()),
        message: Some(format!(
            "The sandbox runs no SQL, and nothing in its settings (`statements`) answers this statement: {begin}"
        )),
        ..ScriptedStatement::default()
    }
}

/// The base type of a column as `type_name` has it, from its whole type.
// databricks-sdk-py, `ColumnInfoTypeName`. Types that are not in it keep their name.
pub fn type_name(text: &str) -> String {
    let upper = text.to_ascii_uppercase();
    let base = upper.split(['(', '<', ' ']).next().unwrap_or_default();
    match base {
        "BIGINT" => "LONG",
        "INTEGER" => "INT",
        "SMALLINT" => "SHORT",
        "TINYINT" => "BYTE",
        "VARCHAR" => "STRING",
        "VOID" => "NULL",
        other => other,
    }
    .to_owned()
}

/// Takes out what is empty, zero or false, at any depth of the objects. Rows stay as they are.
pub fn without_empty(value: &mut Value) {
    let Value::Object(members) = value else {
        if let Value::Array(items) = value {
            items.iter_mut().filter(|item| item.is_object()).for_each(without_empty);
        }
        return;
    };
    members.values_mut().for_each(without_empty);
    members.retain(|_, inner| match inner {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
    });
}

/// Puts a patch over a value (RFC 7396): `null` takes a member away.
pub fn merge(value: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *value = patch.clone();
        return;
    };
    if !value.is_object() {
        *value = Value::Object(serde_json::Map::new());
    }
    if let Value::Object(members) = value {
        for (name, change) in changes {
            if change.is_null() {
                members.remove(name);
            } else {
                merge(members.entry(name.clone()).or_insert(Value::Null), change);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rule(contains: &[&str], times: Option<u64>) -> ScriptedStatement {
        let contains = contains.iter().map(|part| (*part).to_owned()).collect();
        ScriptedStatement { contains, times, ..ScriptedStatement::default() }
    }

    #[test]
    fn the_first_rule_that_fits_answers_and_is_used_up() {
        let mut rules = vec![rule(&["a", "b"], Some(1)), rule(&["a"], Some(3)), rule(&["z"], None)];
        let mut taken = |text: &str| take(&mut rules, text).map(|rule| rule.contains.len());
        assert_eq!((taken("a"), taken("a, then b")), (Some(1), Some(2)), "all of its texts");
        assert_eq!((taken("a, then b"), taken("a"), taken("a")), (Some(1), Some(1), None));
        assert_eq!((taken("z"), taken("z"), taken("y")), (Some(1), Some(1), None));
    }

    #[test]
    fn patches_and_empty_members() {
        let mut value = json!({ "a": { "b": 1, "c": 2 }, "d": [1] });
        merge(&mut value, &json!({ "a": { "b": null, "e": { "f": 1 } }, "d": "x" }));
        assert_eq!(value, json!({ "a": { "c": 2, "e": { "f": 1 } }, "d": "x" }));
        let mut value = json!({ "a": [{ "n": 0, "m": 1 }], "b": { "c": false }, "rows": [["", null, "0"]] });
        without_empty(&mut value);
        assert_eq!(value, json!({ "a": [{ "m": 1 }], "rows": [["", null, "0"]] }));
    }
}
