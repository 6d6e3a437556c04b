//! Field rules in words.

use plumb_model::schema::{KeyBy, Rule, Secret, Unset, Values, When};
use serde::Serialize;
use serde_json::Value;

/// What a field rule means for a manifest, and the source of the fact.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RuleWords {
    /// A sentence each.
    pub says: Vec<String>,
    /// Where the fact comes from.
    #[serde(rename = "source", skip_serializing_if = "String::is_empty")]
    pub why: String,
}

impl RuleWords {
    /// The rule in words. Its default is not among them: it is said beside the type.
    pub(super) fn of(rule: &Rule) -> RuleWords {
        let mut says = Vec::new();
        let mut say = |holds: bool, words: &str| {
            if holds {
                says.push(words.to_owned());
            }
        };
        say(rule.secret == Some(Secret::Value), "Secret: never printed.");
        say(
            rule.secret == Some(Secret::ByName),
            "Secret: entries whose names look like a credential's are never printed.",
        );
        say(rule.replace, "Cannot be changed in place: a change replaces the object.");
        say(
            rule.replace_to_clear && !rule.replace_to_set,
            "Can be changed in place; to take it away replaces the object.",
        );
        say(
            rule.replace_to_clear && rule.replace_to_set,
            "Can be changed in place; to add it or to take it away replaces the object.",
        );
        say(rule.server, "Set by the service whatever the manifest says: never compared.");
        say(rule.write_only, "Never shown by the service: a change is told by a hash in the mark.");
        say(rule.json_text, "Compared as JSON where it is JSON: how a number is spelled means nothing.");
        say(rule.apart, "Written by a call of its own.");
        say(rule.sticky, "Left as it is live where the manifest leaves it out.");
        say(
            rule.strict,
            "A value that somebody else set is a difference even while the manifest is the one last applied.",
        );
        say(rule.keep_empty, "An empty list says that there is to be nothing, and is not the same as no list.");
        say(rule.verbatim, "Null is a value here.");
        say(rule.fold_case, "The case of letters means nothing.");
        say(rule.set, "The order of the elements means nothing.");
        say(rule.unset == Some(Unset::Absent), "Where the manifest leaves it out, a live value is a difference.");
        say(
            rule.unset == Some(Unset::Server) && rule.filled.is_none() && rule.chosen.is_none(),
            "Where the manifest leaves it out, the service may set it.",
        );
        match &rule.key {
            Some(KeyBy::One(key)) => {
                says.push(format!("Elements are told apart by `{key}`; their order means nothing."));
            }
            Some(KeyBy::FirstOf(keys)) => {
                says.push(format!("Elements are told apart by {}; their order means nothing.", listed(keys, "or")));
            }
            None => {}
        }
        if let Some(values) = &rule.filled {
            says.push(format!(
                "Where the manifest leaves it out, the service fills in {}: no difference.",
                some_of(values)
            ));
        }
        if let Some(values) = &rule.chosen {
            says.push(format!(
                "Where the manifest leaves it out, the service may choose {}: no difference, and kept.",
                some_of(values)
            ));
        }
        for when in &rule.filled_when {
            says.push(format!("Where the manifest leaves it out, the service fills it in {}.", condition(when)));
        }
        for when in &rule.refused_when {
            says.push(format!("Refused by the service {}.", condition(when)));
        }
        if let Some(member) = &rule.superseded_by {
            says.push(format!("Where `{member}` is set, the service supplies this one."));
        }
        for same in &rule.alias {
            says.push(format!("{} mean the same.", listed(same, "and")));
        }
        if !rule.any_if.is_empty() {
            says.push(format!("With {}, whatever is live is up to date.", listed(&rule.any_if, "or")));
        }
        if let Some(member) = &rule.policy {
            says.push(format!("The cluster policy in `{member}` may supply fields."));
        }
        if let Some(member) = &rule.pool {
            says.push(format!("The instance pool in `{member}` may supply fields."));
        }
        if !rule.ignore_keys.is_empty() {
            says.push(format!("Keys that the service adds: {}.", listed(&rule.ignore_keys, "and")));
        }
        if !rule.read_only.is_empty() {
            let names: Vec<&String> = rule.read_only.keys().collect();
            says.push(format!("Shown by the service, and not to be set: {}.", listed(&names, "and")));
        }
        if let Some(what) = &rule.disrupts {
            says.push(format!("A change {what}."));
        }
        RuleWords { says, why: rule.why.clone() }
    }
}

fn some_of(values: &Values) -> String {
    match values {
        Values::Any(_) => "a value".to_owned(),
        Values::Of(values) => listed(values, "or"),
    }
}

/// `a`, `b` or `c`.
fn listed<T: Serialize>(values: &[T], last: &str) -> String {
    let texts: Vec<String> = values.iter().map(|value| format!("`{}`", plain(value))).collect();
    match texts.split_last() {
        Some((end, rest)) if !rest.is_empty() => format!("{} {last} {end}", rest.join(", ")),
        _ => texts.concat(),
    }
}

/// A value as it is written in YAML where that is plain, else as JSON.
pub(super) fn plain(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(text)) if text.is_empty() => "\"\"".to_owned(),
        Ok(Value::String(text)) => text,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}

/// "with `x` set, where it is `y`".
fn condition(when: &When) -> String {
    let mut parts = Vec::new();
    if let Some(value) = &when.value {
        parts.push(format!("as `{}`", plain(value)));
    }
    if let Some(member) = &when.same_as {
        parts.push(format!("as the value of `{member}`"));
    }
    if let Some(member) = &when.with {
        parts.push(format!("where `{member}` is set"));
    }
    if let Some(member) = &when.without {
        parts.push(format!("where `{member}` is not set"));
    }
    if let Some(member) = &when.changed {
        parts.push(format!("where `{member}` changes"));
    }
    if let Some((member, values)) = &when.unless {
        parts.push(format!("where `{member}` is set to something else than {}", listed(values, "or")));
    }
    if parts.is_empty() { "always".to_owned() } else { parts.join(", ") }
}
