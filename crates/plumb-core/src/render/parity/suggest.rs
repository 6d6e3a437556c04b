//! What one period suggests, as YAML that goes into an output of a manifest.

use super::super::translation::text;
use super::super::value::visible;
use super::words::thousands;
use crate::kinds::emr::compare::{CompareOutput, CompareRule};
use crate::kinds::emr::migration::Migration;
use crate::parity::suggest::OutputSuggestion;
use serde_json::Value;
use std::fmt::Write;

/// How far the members of an output stand from the margin, in manifests as `plumb import emr` writes them.
const INDENT: &str = "        ";

/// The members that are suggested for an output, each with what is to be decided above it; those that the output has of the
/// same name are in them. `migration` and `period` say of what.
pub fn suggestion(migration: &str, period: &str, output: &CompareOutput, suggestion: &OutputSuggestion) -> String {
    let mut yaml = SuggestedYaml { out: String::new() };
    let of = format!("{}/{migration}, output {}: what {period} suggests", Migration::NAME, output.name);
    yaml.comment(&of);
    yaml.comment("It takes the place of the output's members of these names. Write your own reasons.");
    let all = suggestion.added_to(output);
    match &suggestion.keys {
        Some(found) => {
            let why = format!(
                "{} different values in the {} rows of old, {} in new, {} in both",
                thousands(found.old),
                thousands(found.old),
                thousands(found.new),
                thousands(found.common)
            );
            yaml.decision("whether these columns name a row", &why);
            let names: Vec<String> = found.names.iter().map(|name| text(name)).collect();
            yaml.line(&format!("keys: [{}]", names.join(", ")));
        }
        None => {
            yaml.decision("which columns name a row", "no three columns do: without keys, rows are a bag");
            yaml.line("keys: []");
        }
    }
    if !suggestion.map.is_empty() {
        yaml.line("map:");
        for (old, new) in all.map.iter().flatten() {
            if let Some((.., why)) = suggestion.map.iter().find(|(own, ..)| own == old) {
                yaml.inner_decision("whether it is the same column", Some(why));
            }
            yaml.line(&format!("  {}: {}", text(old), text(new)));
        }
    }
    if !suggestion.ignore.is_empty() {
        yaml.line("ignore:");
        for ignored in all.ignore.iter().flatten() {
            if suggestion.ignore.contains(ignored) {
                yaml.inner_decision(&format!("whether {} need not be compared", ignored.column), None);
            }
            yaml.line(&format!("  - {{column: {}, reason: {}}}", text(&ignored.column), text(&ignored.reason)));
        }
    }
    if !suggestion.rules.is_empty() {
        yaml.line("rules:");
        for rule in all.rules.iter().flatten() {
            if suggestion.rules.contains(rule) {
                let column = rule.column.as_deref().unwrap_or_default();
                yaml.inner_decision(&format!("whether {column} may differ so"), None);
            }
            yaml.line(&format!("  - {{{}}}", members(rule)));
        }
    }
    for note in &suggestion.notes {
        yaml.comment(&format!("Note: {note}"));
    }
    yaml.comment(if suggestion.is_equal {
        "With this, both sides are equal."
    } else {
        "With this, both sides differ still."
    });
    yaml.out
}

/// A rule's members, in the order of the manifest's documentation.
fn members(rule: &CompareRule) -> String {
    let Ok(Value::Object(map)) = serde_json::to_value(rule) else { return String::new() };
    let first = ["column", "type"];
    let place = |name: &str| first.iter().position(|own| *own == name).unwrap_or(if name == "reason" { 9 } else { 5 });
    let mut all: Vec<(&String, &Value)> = map.iter().collect();
    all.sort_by_key(|(name, _)| place(name));
    let value = |value: &Value| match value {
        Value::String(inner) => text(inner),
        Value::Number(number) => number
            .as_f64()
            .filter(|n| n.abs() < 1e-4 && *n != 0.0)
            .map_or_else(|| number.to_string(), |n| format!("{n:e}")),
        other => other.to_string(),
    };
    all.into_iter().map(|(name, of)| format!("{name}: {}", value(of))).collect::<Vec<_>>().join(", ")
}

struct SuggestedYaml {
    out: String,
}

impl SuggestedYaml {
    fn line(&mut self, text: &str) {
        let _ = writeln!(self.out, "{INDENT}{text}");
    }

    fn comment(&mut self, text: &str) {
        self.line(&format!("# {}", visible(text)));
    }

    fn decision(&mut self, what: &str, why: &str) {
        self.comment(&format!("DECISION: {what}"));
        self.comment(&format!("  why: {why}"));
    }

    /// Above an item; items have their reasons in them.
    fn inner_decision(&mut self, what: &str, why: Option<&str>) {
        self.line(&format!("  # DECISION: {}", visible(what)));
        if let Some(why) = why {
            self.line(&format!("  #   why: {}", visible(why)));
        }
    }
}
