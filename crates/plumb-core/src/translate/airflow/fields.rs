//! Rendered fields: what Airflow kept of a task's arguments, which may be cut or masked.

use super::literal;
use crate::detect;
use jiff::Timestamp;
use serde_json::Value;

/// What Airflow puts before the beginning of a value that was too long for it (airflow/serialization/helpers.py).
const CUT: &str = "Truncated. You can change this behaviour in [core]max_templated_field_length";
/// What it puts in the place of secrets, whole texts and parts of them (airflow/sdk/log.py and before).
const MASK: &str = "***";

/// A rendered field.
#[derive(Clone, Debug, PartialEq)]
pub enum RenderedField {
    Absent,
    /// Parts that were masked are hidden as plumb hides secrets.
    Read(Value),
    Cut,
    Masked,
}

/// A field of a task's instance.
pub fn field(instance: &Value, name: &str) -> RenderedField {
    match &instance["rendered_fields"][name] {
        Value::Null => RenderedField::Absent,
        Value::String(text) if text.starts_with(CUT) => RenderedField::Cut,
        Value::String(text) if text == MASK => RenderedField::Masked,
        // One template for the whole of it renders to a text, which the operator reads back.
        Value::String(text) if text.trim_start().starts_with(['{', '[']) => {
            RenderedField::Read(unmasked(literal::value(text).unwrap_or_else(|| Value::from(text.clone()))))
        }
        other => RenderedField::Read(unmasked(other.clone())),
    }
}

/// The same, and `None` where it cannot be read, which is then written down.
pub fn read(task: &str, instance: &Value, name: &str, unreadable: &mut Vec<String>) -> Option<Value> {
    let why = match field(instance, name) {
        RenderedField::Absent => return None,
        RenderedField::Read(value) => return Some(value),
        RenderedField::Cut => {
            "Airflow kept only its beginning, as it is longer than `[core] max_templated_field_length`"
        }
        RenderedField::Masked => "Airflow masked it",
    };
    let said = format!("`{task}.{name}`: {why}");
    if !unreadable.contains(&said) {
        unreadable.push(said);
    }
    None
}

/// Whether Airflow has rendered fields of an instance: it has none before it runs, and forgets those of old runs.
pub fn is_rendered(instance: &Value) -> bool {
    instance["rendered_fields"].as_object().is_some_and(|fields| !fields.is_empty())
}

/// A time of an answer.
pub fn time(of: &Value, name: &str) -> Option<Timestamp> {
    of[name].as_str()?.parse().ok()
}

fn unmasked(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace(MASK, detect::HIDDEN)),
        Value::Array(items) => items.into_iter().map(unmasked).collect(),
        Value::Object(members) => {
            Value::Object(members.into_iter().map(|(k, v)| (k.replace(MASK, detect::HIDDEN), unmasked(v))).collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_was_cut_or_masked_is_no_value() {
        let instance = json!({ "rendered_fields": {
            "cut": "Truncated. You can change this behaviour in [core]max_templated_field_length. [{'Name': 'lo",
            "masked": "***", "none": null, "text": "[{'Name': 'load'}]", "no_list": "[x",
            "steps": [{ "Args": ["--token", "***", "s3://***/x"] }],
        } });
        assert_eq!(field(&instance, "cut"), RenderedField::Cut);
        assert_eq!(field(&instance, "masked"), RenderedField::Masked);
        assert_eq!(field(&instance, "none"), RenderedField::Absent);
        assert_eq!(field(&instance, "absent"), RenderedField::Absent);
        assert_eq!(field(&instance, "text"), RenderedField::Read(json!([{ "Name": "load" }])));
        assert_eq!(field(&instance, "no_list"), RenderedField::Read(json!("[x")));
        let steps = json!([{ "Args": ["--token", "(secret)", "s3://(secret)/x"] }]);
        assert_eq!(field(&instance, "steps"), RenderedField::Read(steps));
        let mut unreadable = Vec::new();
        for _ in 0..2 {
            assert_eq!(read("load", &instance, "cut", &mut unreadable), None);
        }
        assert_eq!(read("load", &instance, "masked", &mut unreadable), None);
        assert!(unreadable.len() == 2 && unreadable[0].starts_with("`load.cut`"), "{unreadable:?}");
    }

    #[test]
    fn what_has_not_run_has_no_fields() {
        assert!(!is_rendered(&json!({ "rendered_fields": {} })) && !is_rendered(&json!({})));
        assert!(is_rendered(&json!({ "rendered_fields": { "steps": null } })));
    }
}
