//! Limits that several kinds share.

use crate::kinds::Findings;
use std::collections::BTreeMap;

/// Custom tags of a cluster or pool: 45, of which plumb's mark takes three (Clusters API, create).
pub const CUSTOM_TAGS: usize = 42;
/// Tags of a job: 25, of which plumb's mark takes three (Jobs API, create).
pub const JOB_TAGS: usize = 22;

/// A name within its length.
pub fn name(name: &str, least: usize, most: usize, path: &str, findings: &mut Findings) {
    let length = name.chars().count();
    if length < least || length > most {
        findings.at(path, format!("a name of {length} characters"), format!("expected {least} to {most} characters"));
    }
}

/// Tags within their number, none of them the mark's.
pub fn tags(tags: Option<&BTreeMap<String, String>>, path: &str, most: usize, findings: &mut Findings) {
    let Some(tags) = tags else { return };
    if tags.len() > most {
        findings.at(
            path,
            format!("{} tags", tags.len()),
            format!("{most} at most: the mark of plumb takes three more"),
        );
    }
    for name in tags.keys().filter(|k| matches!(k.as_str(), "plumb" | "plumb_rev" | "plumb_protect" | "plumb_released"))
    {
        findings.at(format!("{path}.{name}"), format!("the tag `{name}` is plumb's own mark"), "choose another name");
    }
}

/// A number within bounds.
pub fn number(value: Option<i64>, least: i64, most: i64, path: &str, findings: &mut Findings) {
    if let Some(value) = value.filter(|v| *v < least || *v > most) {
        findings.at(path, format!("{value} is out of bounds"), format!("expected {least} to {most}"));
    }
}
