//! The hash of the rules of a comparison: evidence counts under the rules that it was made under, and under no others.

use super::signature::canonical;
use crate::kinds::emr::compare::{Compare, CompareSide, FileFormat};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The hash of `spec.compare`: SHA-256, 64 hexadecimal digits, of its canonical JSON.
///
/// It is of the typed value, so that comments, blanks, the order of keys and what is written but the default change
/// nothing. Everything else does, outputs that stand in another order included.
pub fn rules_hash(compare: &Compare) -> String {
    let mut value = serde_json::to_value(compare).unwrap_or_default();
    for (i, output) in compare.outputs.iter().enumerate() {
        for (name, side) in [("old", &output.old), ("new", &output.new)] {
            // Columns of CSV are told by their position; the keys of a JSON object have no order.
            if let (Some(columns), Some(place)) = (&side.columns, columns_of(&mut value, i, name, side)) {
                *place = columns.0.iter().map(|(name, of_type)| Value::from(vec![name.as_str(), of_type])).collect();
            }
        }
    }
    Sha256::digest(canonical(&value).as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn columns_of<'v>(value: &'v mut Value, output: usize, name: &str, side: &CompareSide) -> Option<&'v mut Value> {
    let has_order = side.format == Some(FileFormat::Csv);
    value.pointer_mut(&format!("/outputs/{output}/{name}/columns")).filter(|_| has_order)
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
