//! What was generated last: the base of the next merge, in git beside the manifests.

use crate::manifest::read_json;
use plumb_model::address::Address;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;

/// The name of its file.
pub const FILE: &str = "translation.json";

/// The version of this form.
const VERSION: u32 = 1;

/// What was generated last of a pipeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportRecord {
    version: u32,
    /// The name of its manifests.
    pub name: String,
    /// What it was translated from: `pipeline sales`, `application 00f1a2`.
    pub of: String,
    /// Whether a pool and a policy were asked for.
    #[serde(default)]
    pub pool: bool,
    #[serde(default)]
    pub policy: bool,
    /// The keys of `spec.answers` that plumb.yaml has been asked for: one whose question is gone was decided.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub asked: BTreeSet<String>,
    /// Whether scripts were read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub scripts: bool,
    pub manifests: Vec<GeneratedManifest>,
}

/// A manifest as it was generated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeneratedManifest {
    pub address: Address,
    pub spec: Value,
    /// What stands in it for people to decide.
    pub questions: Vec<DecisionComment>,
}

/// A comment for people to decide on something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionComment {
    /// The place in the spec.
    pub place: String,
    /// Why it is asked.
    pub why: String,
    /// The lines of the comment.
    pub lines: Vec<String>,
}

impl ImportRecord {
    /// A record of the present version.
    pub fn new(name: &str, of: &str, manifests: Vec<GeneratedManifest>) -> Self {
        ImportRecord {
            version: VERSION,
            name: name.to_owned(),
            of: of.to_owned(),
            pool: false,
            policy: false,
            asked: BTreeSet::new(),
            scripts: false,
            manifests,
        }
    }

    /// Reads the text of a record; an error says what is wrong with it.
    pub fn read(text: &str) -> Result<Self, String> {
        let record: ImportRecord = read_json(text)?;
        match record.version {
            VERSION => Ok(record),
            other => Err(format!("version {other}, of which this plumb knows nothing")),
        }
    }

    /// The text of the record: the same for the same record.
    pub fn text(&self) -> Result<String, String> {
        serde_json::to_string_pretty(self).map(|text| crate::render::shown(&text) + "\n").map_err(|e| e.to_string())
    }

    /// What was generated of a manifest.
    pub fn made(&self, address: &Address) -> Option<&GeneratedManifest> {
        self.manifests.iter().find(|made| made.address == *address)
    }
}
