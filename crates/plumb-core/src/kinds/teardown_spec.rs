//! What the manifest of a teardown says: which live things it is about, and what is to become of them.

use crate::kinds::teardown::{STARTERS, SUCCESSORS};
use crate::kinds::{Findings, Named};
use plumb_model::text::{glob, seconds};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What is to become of things of EMR that others made, and which ones.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct TeardownSpec {
    /// Which ones: all that is given has to hold.
    #[serde(rename = "match")]
    pub matches: Selector,
    /// `keep`: nothing is done to them. `teardown`: they are marked, and terminated or deleted when every gate holds.
    pub desired: Outcome,
    /// When they may go. Needed for `desired: teardown`, and without effect before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub teardown: Option<Teardown>,
}

/// Which resources of an account.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Selector {
    /// Their name, in which `*` stands for any characters: `bau-audience-*`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Their ids: `j-2A7Q4M1N9KPLF`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ids: Option<Vec<String>>,
    /// Tags that they all have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<BTreeMap<String, String>>,
}

/// What is to become of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// They stay as they are.
    #[default]
    Keep,
    /// They are terminated or deleted, stage by stage.
    Teardown,
}

/// When something may be terminated or deleted.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[serde(rename_all = "camelCase")]
pub struct Teardown {
    /// The first day (UTC) on which it may be: `2024-06-01`. What starts on that day or later is back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<String>,
    /// How long after it was marked: `14d`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace: Option<String>,
    /// The jobs that took over: `DatabricksJob/audience-cleanse`. They have to be live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaced_by: Option<Vec<String>>,
    /// What else has to hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requires: Option<Requires>,
}

/// What has to hold before something is terminated or deleted.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[serde(rename_all = "camelCase")]
pub struct Requires {
    /// How many of its last runs each job of `replacedBy` ended well, one after the other: 25 at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub green_runs: Option<u32>,
    /// Comparisons of old and new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parity: Option<Parity>,
    /// The DAGs that must start nothing any more: `AirflowDag/legacy-audience`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dag_paused: Option<Vec<String>>,
}

/// Comparisons of what the old and the new pipeline wrote.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Parity {
    /// How many of the migration's last periods were compared and found equal, one after the other.
    pub passes: u32,
    /// Whether only reports count that are signed with `PLUMB_EVIDENCE_KEY`: nothing else proves who made them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed: Option<bool>,
}

/// As many runs as one page of them has (Jobs API 2.2, `runs/list`: `limit` is 25 at most).
pub const MOST_RUNS: u32 = 25;

impl TeardownSpec {
    /// The gates; none asked for reads as none set.
    pub fn gates(&self) -> Teardown {
        self.teardown.clone().unwrap_or_default()
    }
}

impl Selector {
    /// Whether it may match something of that id and name; its tags are not looked at.
    pub fn may_match(&self, id: &str, name: &str) -> bool {
        self.name.as_deref().is_none_or(|pattern| glob(pattern, name))
            && self.ids.as_ref().is_none_or(|ids| ids.iter().any(|i| i == id))
            && (self.name.is_some() || self.ids.is_some() || self.tags.is_some())
    }

    /// Whether it matches something.
    pub fn matches(&self, id: &str, name: &str, tags: &BTreeMap<String, String>) -> bool {
        let wanted = self.tags.iter().flatten();
        self.may_match(id, name) && wanted.into_iter().all(|(key, value)| tags.get(key) == Some(value))
    }
}

/// The seconds of a grace period; `None` when it is no duration. `0d` is none at all.
pub fn grace_seconds(text: &str) -> Option<u64> {
    if text == "0d" { Some(0) } else { seconds(text) }
}

/// What the schema cannot say of a teardown. `has_tags` says whether such things have tags.
pub fn check(spec: &TeardownSpec, has_tags: bool, findings: &mut Findings) {
    let Selector { name, ids, tags } = &spec.matches;
    if name.is_none() && ids.as_ref().is_none_or(Vec::is_empty) && tags.as_ref().is_none_or(BTreeMap::is_empty) {
        findings.at("match", "`match` matches everything", "name what it is about: by `name`, `ids` or `tags`");
    }
    if name.as_deref().is_some_and(|name| name.trim_matches('*').is_empty()) {
        findings.at("match.name", "this name matches everything", "give it some letters beside the `*`");
    }
    if tags.is_some() && !has_tags {
        findings.at("match.tags", "these have no tags", "match them by `name` or `ids`");
    }
    let Some(teardown) = &spec.teardown else {
        if spec.desired == Outcome::Teardown {
            findings.at("desired", "`teardown` says nothing of when", "add `teardown` with `notBefore`");
        }
        return;
    };
    match &teardown.not_before {
        None if spec.desired == Outcome::Teardown && findings.is_whole("desired") => {
            findings.at(
                "teardown",
                "`notBefore` is missing",
                "the first day on which they may be terminated or deleted",
            );
        }
        Some(day) if day.len() != 10 || day.parse::<jiff::civil::Date>().is_err() => {
            findings.at("teardown.notBefore", format!("`{day}` is no day"), "expected one like `2024-06-01`");
        }
        _ => {}
    }
    if let Some(grace) = teardown.grace.as_deref().filter(|grace| grace_seconds(grace).is_none()) {
        let label = "expected one like `14d` or `36h`, `0d` for none";
        findings.at("teardown.grace", format!("`{grace}` is no duration"), label);
    }
    let requires = teardown.requires.clone().unwrap_or_default();
    let successors = teardown.replaced_by.as_ref().map_or(0, Vec::len);
    match requires.green_runs {
        Some(n) if n > MOST_RUNS => {
            let label = format!("{MOST_RUNS} at most: as many as one page of runs has");
            findings.at("teardown.requires.greenRuns", format!("{n} runs"), label);
        }
        Some(n) if n > 0 && successors == 0 && findings.is_whole("teardown.replacedBy") => {
            findings.at("teardown.requires.greenRuns", "runs of what?", "name the jobs in `replacedBy`");
        }
        _ => {}
    }
}

/// The manifests that a teardown names.
pub fn named(spec: &Value) -> Vec<Named> {
    let mut named = Vec::new();
    named.extend(listed(spec, "/teardown/replacedBy", "teardown.replacedBy", SUCCESSORS));
    named.extend(listed(spec, "/teardown/requires/dagPaused", "teardown.requires.dagPaused", STARTERS));
    named
}

/// The addresses of a list.
pub fn listed(spec: &Value, pointer: &str, path: &str, kinds: &'static [&'static str]) -> Vec<Named> {
    let items = spec.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
    let texts = items.enumerate().filter_map(|(i, item)| Some((i, item.as_str()?)));
    texts.map(|(i, text)| Named { path: format!("{path}[{i}]"), address: text.to_owned(), kinds }).collect()
}
