//! Limits that several kinds share.

use crate::kinds::{Findings, mark};
use plumb_model::yaml::is_deferred;
use std::collections::BTreeMap;

/// Custom tags of a cluster or pool: 45, of which plumb's mark takes three (Clusters API, create).
pub const CUSTOM_TAGS: usize = 42;
/// How many tags the mark of an object takes at most: whose it is, of which commit and content, and two flags.
pub const TAGS_OF_MARK: usize = 4;
/// Tags of a job: 25, of which plumb's mark takes three (Jobs API, create).
pub const JOB_TAGS: usize = 22;

/// A name within its length.
pub fn name(name: &str, least: usize, most: usize, path: &str, findings: &mut Findings) {
    let length = name.chars().count();
    if length < least || length > most {
        findings.at(path, format!("a name of {length} characters"), format!("expected {least} to {most} characters"));
    }
}

/// A name that parts of a job have for each other: a task's or a job cluster's key (Jobs API 2.2, create: 1 to 100
/// characters; the service's words are "Only alphanumeric, - and _ characters are permitted").
pub fn key(key: &str, path: &str, findings: &mut Findings) {
    written(key, 100, "-_", path, findings);
}

/// The name of a job's parameter (databricks-sdk-py jobs.JobParameterDefinition: letters, digits, `_`, `-` and `.`).
pub fn parameter(name: &str, path: &str, findings: &mut Findings) {
    written(name, usize::MAX, "-_.", path, findings);
}

fn written(name: &str, most: usize, others: &str, path: &str, findings: &mut Findings) {
    if is_deferred(name) {
        return;
    }
    let shown: String = name.chars().take(120).collect();
    let length = name.chars().count();
    if length == 0 {
        findings.at(path, "a name is needed here", "it is empty");
    } else if let Some(odd) = name.chars().find(|c| !c.is_ascii_alphanumeric() && !others.contains(*c)) {
        let allowed: Vec<String> = others.chars().map(|c| format!("`{c}`")).collect();
        let label = format!("only letters, digits, {} may stand in it", allowed.join(", "));
        findings.at(path, format!("`{shown}` has {} in it, which the service refuses", quoted(odd)), label);
    } else if length > most {
        findings.at(path, format!("a name of {length} characters"), format!("{most} at most"));
    }
}

fn quoted(c: char) -> String {
    if c == ' ' { "a blank".to_owned() } else { format!("`{}`", c.escape_debug()) }
}

/// Tags within their number, none of them the mark's.
pub fn tags(tags: Option<&BTreeMap<String, String>>, path: &str, most: usize, findings: &mut Findings) {
    tags_within(tags, path, most, "three", findings);
}

/// The same, where `all` is how many the service takes.
pub fn tags_beside(tags: Option<&BTreeMap<String, String>>, path: &str, all: usize, findings: &mut Findings) {
    tags_within(tags, path, all - TAGS_OF_MARK, "four", findings);
}

fn tags_within(
    tags: Option<&BTreeMap<String, String>>,
    path: &str,
    most: usize,
    marks: &str,
    findings: &mut Findings,
) {
    let Some(tags) = tags else { return };
    if tags.len() > most {
        findings.at(
            path,
            format!("{} tags", tags.len()),
            format!("{most} at most: the mark of plumb takes {marks} more"),
        );
    }
    for name in tags.keys().filter(|name| mark::TAGS.contains(&name.as_str())) {
        findings.at(format!("{path}.{name}"), format!("the tag `{name}` is plumb's own mark"), "choose another name");
    }
}

/// A number within bounds.
pub fn number(value: Option<i64>, least: i64, most: i64, path: &str, findings: &mut Findings) {
    if let Some(value) = value.filter(|v| *v < least || *v > most) {
        findings.at(path, format!("{value} is out of bounds"), format!("expected {least} to {most}"));
    }
}
