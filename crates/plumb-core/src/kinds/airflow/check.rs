//! Checks that the Airflow kinds share.

use crate::kinds::Findings;
use plumb_model::yaml::is_deferred;

/// A name that Airflow takes and that a path can hold.
pub fn name(name: &str, most: usize, path: &str, findings: &mut Findings) {
    let length = name.chars().count();
    if is_deferred(name) {
        return;
    }
    if length == 0 || length > most {
        findings.at(path, format!("a name of {length} characters"), format!("expected 1 to {most} characters"));
    } else if name == "." || name == ".." {
        findings.at(path, format!("no path can hold the name `{name}`"), "choose another name");
    } else if name.trim() != name {
        findings.at(path, "a name that begins or ends with a space", "take the space off");
    }
}

/// A description whose last line does not look like plumb's mark, which is the next one.
pub fn description(description: Option<&str>, findings: &mut Findings) {
    if description.is_some_and(|text| text.lines().any(|line| line.starts_with("[plumb "))) {
        findings.at("description", "a line of the description begins like plumb's mark", "write it otherwise");
    }
}
