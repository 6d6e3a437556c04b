//! The type of a kind's spec, as a value: its schema, its rules, and how a manifest's spec is read and checked.

use super::{Findings, entries, form_hints};
use plumb_model::schema::Rules;
use plumb_model::yaml::{Node, Problem, Problems};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What is no mistake and yet worth knowing, with the short name of what is checked.
pub type CheckNotes = Vec<(&'static str, Problem)>;

/// Reads a node as the type, and checks it. The names are of the lists in it that are additive.
type ReadAndCheck = dyn Fn(&Node, Vec<String>, &mut Problems, &mut CheckNotes) + Send + Sync;

/// The type of a spec, and the checks that no type can say.
pub struct SpecType {
    /// The generated JSON Schema.
    pub schema: Value,
    /// The field rules, compiled from the schema.
    pub rules: Rules,
    read: Box<ReadAndCheck>,
}

impl SpecType {
    /// The type `T`; `check` finds what its schema cannot say.
    pub fn of<T: DeserializeOwned + JsonSchema + 'static>(check: fn(&T, &mut Findings)) -> SpecType {
        let schema = serde_json::to_value(schemars::schema_for!(T)).unwrap_or_default();
        let rules = plumb_model::schema::compile(&schema);
        let read = move |node: &Node, additive: Vec<String>, problems: &mut Problems, notes: &mut CheckNotes| {
            if let Some((spec, gaps)) = plumb_model::yaml::read_partly::<T>(node, problems) {
                let mut findings = Findings::besides(gaps).with_additive(additive);
                check(&spec, &mut findings);
                findings.tell(problems, notes);
            }
        };
        SpecType { schema, rules, read: Box::new(read) }
    }

    /// Reads a spec, and reports every mistake and every note. Returns whether there was no mistake. What cannot be read
    /// does not keep the rest from being checked.
    pub fn read(&self, node: &Node, problems: &mut Problems, notes: &mut CheckNotes) -> bool {
        let before = problems.len();
        let (node, additive) = entries::settle(node, &self.rules, problems);
        (self.read)(&node, additive, problems, notes);
        form_hints::amend(&self.rules, &node, problems.since(before));
        problems.len() == before
    }
}
