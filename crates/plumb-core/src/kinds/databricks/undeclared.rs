//! What it means that a manifest leaves out a setting which the service never fills in by itself.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{borrow::Cow, collections::BTreeMap};

const WHY: &str = "what a service fills in by itself has a rule of its own (databricks/cli bundle rules, Terraform \
                   provider suppressions): anything else that no manifest declares, somebody has set";

/// Gives each optional member `unset: absent`, unless its own rule says what leaving it out means. A rule with nothing
/// but a `why`, or keys that the service adds by itself, says that an undeclared live value is only worth a note.
///
/// It is for types whose writes replace the whole object (`jobs/reset`, `clusters/edit`). Without it a setting that is
/// taken out of a manifest, or the other case of an either-or, would stay live for ever.
pub fn is_absent(schema: &mut Schema) {
    let required: Vec<Value> = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    let Some(members) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return };
    for (name, member) in members {
        let Some(member) = member.as_object_mut().filter(|_| !required.contains(&Value::from(name.as_str()))) else {
            continue;
        };
        let rule = member.entry("x-plumb").or_insert_with(|| json!({"unset": "absent", "why": WHY}));
        let Some(rule) = rule.as_object_mut() else { continue };
        let only_noted =
            rule.contains_key("why") && rule.keys().all(|word| ["why", "ignore_keys"].contains(&word.as_str()));
        let says = ["unset", "default", "server", "write_only"].iter().any(|word| rule.contains_key(*word));
        if !only_noted && !says {
            rule.insert("unset".into(), "absent".into());
        }
    }
}

/// A map with free keys in which an entry that is not declared is not to be there.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Entries<T>(pub BTreeMap<String, T>);

/// A map of strings that configures something.
pub type Settings = Entries<String>;

impl<T: JsonSchema> JsonSchema for Entries<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("EntriesOf{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut entry = generator.subschema_for::<T>();
        entry.insert("x-plumb".into(), json!({"unset": "absent", "why": WHY}));
        json_schema!({"type": "object", "additionalProperties": entry})
    }
}
