//! Keeping secrets out of plans: they are replaced by tokens before anything is compared, and tokens by numbers before
//! anything is shown.

use super::earlier::whole;
use crate::detect::names_secret;
use plumb_model::schema::{Field, Rules, Secret, Shape};
use plumb_model::secrets::Vault;
use serde_json::Value;
use std::collections::BTreeMap;

/// Replaces by its token every known secret, and whatever stands at a place that the rules call secret.
///
/// Two values compare by their tokens only when both were sealed by a vault that had learnt the secrets of both: a
/// secret of one may occur anywhere in the other.
pub fn seal(rules: &Rules, value: &Value, vault: &mut Vault) -> Value {
    learn(rules, value, vault);
    vault.seal_known(value)
}

/// Makes known whatever stands at a place that the rules call secret.
pub fn learn(rules: &Rules, value: &Value, vault: &mut Vault) {
    places(rules, &rules.root, value, &mut |secret| drop(vault.seal(secret)));
}

/// Whether any text stands at a place that the rules call secret.
pub fn has_places(rules: &Rules, value: &Value) -> bool {
    let mut has = false;
    places(rules, &rules.root, value, &mut |_| has = true);
    has
}

/// Hides a live value where the manifest wants a secret: most likely it is the one before.
pub fn hide_replaced(to: &Value, from: &mut Value, vault: &Vault) {
    match (to, from) {
        (Value::Object(to), Value::Object(from)) => {
            for (key, value) in from {
                hide_replaced(to.get(key).unwrap_or(&Value::Null), value, vault);
            }
        }
        // Where in a list each of its elements was cannot be told.
        (Value::Array(to), Value::Array(from)) if to.iter().any(holds) => {
            from.iter_mut().filter(|live| !to.contains(live)).for_each(|live| *live = whole(vault, live));
        }
        (to, from) if holds(to) => *from = whole(vault, from),
        _ => {}
    }
}

/// Whether a secret stands anywhere in a sealed value.
pub fn holds(value: &Value) -> bool {
    match value {
        Value::String(s) => s.contains("${secret."),
        Value::Array(items) => items.iter().any(holds),
        Value::Object(map) => map.values().any(holds),
        _ => false,
    }
}

/// Hands on every text at a place that the rules call secret and that is not sealed yet.
fn places(rules: &Rules, field: &Field, value: &Value, hear: &mut dyn FnMut(&str)) {
    match field.rule.secret {
        Some(Secret::Value) => return texts(value, hear),
        Some(Secret::ByName) => {
            let entries = value.as_object().into_iter().flatten();
            return entries.filter(|(k, v)| is_credential(k, v)).for_each(|(_, entry)| texts(entry, hear));
        }
        None => {}
    }
    match (&field.shape, value) {
        (Shape::Object(object), Value::Object(map)) => {
            for (key, entry) in map {
                if let Some(member) = rules.of(*object).members.get(key) {
                    places(rules, member, entry, hear);
                }
            }
        }
        (Shape::Map(entry), Value::Object(map)) => map.values().for_each(|value| places(rules, entry, value, hear)),
        (Shape::List(item), Value::Array(items)) => items.iter().for_each(|value| places(rules, item, value, hear)),
        _ => {}
    }
}

fn texts(value: &Value, hear: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) if !text.is_empty() && !Vault::is_token(text) => hear(text),
        Value::Array(items) => items.iter().for_each(|item| texts(item, hear)),
        Value::Object(map) => map.values().for_each(|item| texts(item, hear)),
        _ => {}
    }
}

/// Whether an entry of a map of settings is a secret: by its name, unless it only refers to a secret scope.
pub fn is_credential(name: &str, value: &Value) -> bool {
    names_secret(name) && !value.as_str().is_some_and(|s| s.contains("{{secrets/") || s.contains("${resources."))
}

/// Replaces tokens by numbers, in the order in which they are met.
#[derive(Default)]
pub struct Numbers {
    numbers: BTreeMap<String, usize>,
}

impl Numbers {
    /// The value, fit to be shown.
    pub fn show(&mut self, value: &Value) -> Value {
        match value {
            Value::String(s) => Value::from(self.show_text(s)),
            Value::Array(items) => items.iter().map(|v| self.show(v)).collect(),
            Value::Object(map) => Value::Object(map.iter().map(|(k, v)| (k.clone(), self.show(v))).collect()),
            other => other.clone(),
        }
    }

    /// The text, fit to be shown.
    pub fn show_text(&mut self, text: &str) -> String {
        let mut shown = String::new();
        let mut rest = text;
        while let Some(start) = rest.find("${secret.") {
            let Some(end) = rest[start..].find('}') else { break };
            let token = &rest[start..start + end + 1];
            if token == Vault::UNKNOWN {
                shown.push_str(&rest[..start]);
                shown.push_str("(secret)");
                rest = &rest[start + end + 1..];
                continue;
            }
            let next = self.numbers.len() + 1;
            let number = *self.numbers.entry(token.to_owned()).or_insert(next);
            shown.push_str(&rest[..start]);
            shown.push_str(&format!("(secret #{number})"));
            rest = &rest[start + end + 1..];
        }
        shown + rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// What is left of a value of a job for somebody who may not see secrets.
    fn shown(value: &Value) -> String {
        let rules = crate::kinds::find("DatabricksJob").unwrap().rules();
        let mut vault = Vault::new("p", "t");
        Numbers::default().show(&seal(rules, value, &mut vault)).to_string()
    }

    #[test]
    fn secret_places_are_found_in_lists_maps_and_objects() {
        let cluster = |conf: Value| json!({ "spark_conf": conf, "num_workers": 1 });
        // Nothing but what is live has them: no manifest made them known.
        for (value, kept) in [
            (
                json!({ "tasks": [{ "task_key": "a" }, { "new_cluster": cluster(json!({ "db.password": "hunter2" })) }] }),
                "\"a\"",
            ),
            (
                json!({ "job_clusters": [{ "new_cluster": cluster(json!({ "a.token": "hunter2", "x": "kept" })) }] }),
                "\"kept\"",
            ),
            (
                json!({ "tasks": [{ "for_each_task": { "task": { "new_cluster": { "spark_env_vars": { "API_KEY": "hunter2" } } } } }] }),
                "API_KEY",
            ),
        ] {
            let text = shown(&value);
            assert!(!text.contains("hunter2") && text.contains("(secret #1)") && text.contains(kept), "{text}");
        }
        // The same text elsewhere is the same secret.
        let twice = shown(
            &json!({ "name": "hunter2", "tasks": [{ "new_cluster": cluster(json!({ "db.password": "hunter2" })) }] }),
        );
        assert_eq!(twice.matches("(secret #1)").count(), 2, "{twice}");
    }

    #[test]
    fn what_a_secret_replaces_is_hidden() {
        let vault = Vault::new("p", "t");
        let token = vault.token("new-secret");
        for (to, from, kept) in [
            (json!(token), json!("hunter2"), ""),
            (json!(token), json!(12345), ""),
            (json!(token), json!({ "hunter2": "hunter2" }), ""),
            (json!({ "a": token, "b": 1 }), json!({ "a": "hunter2", "b": "seen", "c": "seen" }), "seen"),
            (json!(["-p", token]), json!(["-p", "hunter2", "12345"]), "-p"),
        ] {
            let mut shown = from.clone();
            hide_replaced(&to, &mut shown, &vault);
            let text = shown.to_string();
            assert!(!text.contains("hunter2") && !text.contains("12345") && text.contains(kept), "{from} as {text}");
        }
    }
}
