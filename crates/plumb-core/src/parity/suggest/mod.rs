//! What one period suggests for the comparison of an output: keys, renamed columns, columns to ignore, and rules.
//!
//! It decides nothing: people read it, give their reasons, and commit it. Keys are counted exactly; what is said of columns
//! comes from the causes of an ordinary comparison by those keys.

mod columns;
mod keys;
mod renames;

pub use columns::{propose, still};
pub use keys::{FoundKeys, KeySearch};
pub use renames::{Renames, only_pair};

use super::plan::Relation;
use super::result::OutputResult;
use super::schema::DescribedSide;
use super::sql::same_name;
use super::types::DataType;
use crate::kinds::emr::compare::{CompareOutput, CompareRule, IgnoredColumn};

/// What is suggested for an output.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OutputSuggestion {
    /// Which columns name a row, where that is known.
    pub keys: Option<FoundKeys>,
    /// Columns with another name: that in old, that in new, and why.
    pub map: Vec<(String, String, String)>,
    pub ignore: Vec<IgnoredColumn>,
    pub rules: Vec<CompareRule>,
    /// What else was seen, a sentence each.
    pub notes: Vec<String>,
    /// Whether both sides are equal with all of this.
    pub is_equal: bool,
}

impl OutputSuggestion {
    /// The output with what is suggested beside what it says already.
    pub fn added_to(&self, output: &CompareOutput) -> CompareOutput {
        let mut output = output.clone();
        if let Some(found) = &self.keys {
            output.keys = Some(found.names.clone());
        }
        if !self.map.is_empty() {
            let map = output.map.get_or_insert_default();
            map.extend(self.map.iter().map(|(old, new, _)| (old.clone(), new.clone())));
        }
        if !self.ignore.is_empty() {
            output.ignore.get_or_insert_default().extend(self.ignore.iter().cloned());
        }
        if !self.rules.is_empty() {
            output.rules.get_or_insert_default().extend(self.rules.iter().cloned());
        }
        output
    }
}

/// An output as it is looked at: its keys are searched, and expected differences are differences.
pub fn plain(output: &CompareOutput) -> CompareOutput {
    CompareOutput { keys: None, expect: None, rows: None, ..output.clone() }
}

/// The types that folders' names need: those of the other side. Without one they are texts.
pub fn partition_types(output: &CompareOutput, old: &DescribedSide, new: &DescribedSide) -> Vec<String> {
    let mut notes = Vec::new();
    for (name, side, own, other) in [("old", &output.old, old, new), ("new", &output.new, new, old)] {
        let Relation::Files(files) = &own.relation else { continue };
        let said = |column: &str| side.columns.iter().flat_map(|c| &c.0).any(|(own, _)| same_name(own, column));
        for (column, _) in files.files.first().iter().flat_map(|file| &file.partitions) {
            let wanted = other.columns.iter().find(|(own, _)| same_name(own, column)).map(|(_, of_type)| of_type);
            if let Some(wanted) = wanted.filter(|of| **of != DataType::String && !said(column)) {
                notes.push(format!(
                    "`{column}` is the name of folders of {name}, and a text there; the other side has it as {wanted}: say \
                     `columns: {{{column}: \"{wanted}\"}}` in `{name}`"
                ));
            }
        }
    }
    notes
}

/// What the schemas of a result say against it being equal.
pub fn schema_notes(result: &OutputResult) -> Vec<String> {
    let failing = result.schema.iter().filter(|note| note.fails);
    failing
        .map(|note| {
            if note.cause == "column_missing" {
                format!("{}: correct the pipeline, or `ignore` it, or `map` it to its new name", note.says)
            } else {
                format!("`{}`: {}", note.column, note.says)
            }
        })
        .collect()
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
