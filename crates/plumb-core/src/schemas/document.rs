//! What stands around a spec in a manifest, as the written schemas know it.

use crate::manifest::Adopt;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Which resource it is, and how plumb treats it.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields, rename = "Metadata")]
pub struct MetadataSchema {
    /// The second part of the address, `KIND/NAME`: letters, digits, `-` and `_`, 63 at most.
    #[schemars(regex(pattern = "^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$"))]
    pub name: String,
    /// For selecting (`-l pipeline=bau`) and for policies.
    #[schemars(default)]
    pub labels: BTreeMap<String, String>,
    /// What plumb may do to the object, and what others may.
    #[schemars(default)]
    pub lifecycle: LifecycleSchema,
    /// The id of an existing object to take over at the next apply: in every target, or by target, `{prod: "123"}`.
    // In one piece, so that editors show the field's own text and not that of a form.
    #[schemars(with = "Option<Value>", extend("anyOf" = [
        {"type": "string"},
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": "null"},
    ]))]
    pub adopt: Option<Adopt>,
    /// The other tool that the object is taken from: `bundle`. Needed beside `adopt` when the object says that a tool manages
    /// it, and when a tool has taken what plumb owns. It then is plumb's: take it out of that tool first.
    #[schemars(extend("enum" = ["bundle", "databricks", "terraform", "pulumi", "cloudformation", "service-catalog"]))]
    pub take_from: Option<String>,
    /// Names that this manifest had before: a rename keeps the object.
    #[schemars(default)]
    pub previous_names: Vec<String>,
    /// Files and folders that the object's code needs beside what its spec names, relative to this file: `[../src]`. Folders are
    /// taken whole, but for what git ignores and what is hidden.
    #[schemars(default)]
    pub code: Vec<String>,
    /// Live settings that plumb does not know and that are to go, as plans show them: `trigger.new_setting`; `*`
    /// stands for any element or key. All others of that sort are kept.
    #[schemars(default)]
    pub remove: Vec<String>,
}

/// What plumb may do to an object, and what others may.
#[derive(Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields, rename = "Lifecycle")]
pub struct LifecycleSchema {
    /// Never delete or replace the object. Written on the live object too.
    #[schemars(default)]
    pub protect: bool,
    /// The object may be deleted or replaced although it holds data, which goes with it. Written on the live object too.
    #[schemars(default)]
    pub force_destroy: bool,
    /// Fields that others may change.
    #[schemars(default)]
    pub ignore: Vec<IgnoreSchema>,
}

/// A field that others may change.
#[derive(Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Ignore")]
pub struct IgnoreSchema {
    /// The field, as plans show it: `tasks[aggregate].timeout_seconds`; `*` stands for any element or key.
    #[schemars(length(min = 1))]
    pub path: String,
    /// Why it is left alone.
    #[schemars(length(min = 1))]
    pub reason: String,
    /// The last day on which it holds: `2026-12-31`.
    #[schemars(regex(pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))]
    pub until: Option<String>,
}

/// Which project it is.
#[derive(Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ProjectMetadata {
    /// The project's name, the first part of every mark: letters, digits, `-` and `_`, 63 at most.
    #[schemars(regex(pattern = "^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$"))]
    pub name: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use schemars::schema_for;
    use std::collections::BTreeSet;

    #[test]
    fn it_has_the_fields_that_are_read() {
        let names =
            |schema: Value| -> BTreeSet<String> { schema["properties"].as_object().unwrap().keys().cloned().collect() };
        let read = names(schema_for!(crate::manifest::Metadata).to_value());
        assert_eq!(names(schema_for!(MetadataSchema).to_value()), read);
    }
}
