//! The diagnosis of one run: what every form of output is made of, and what `--keep` writes.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the format is called.
pub const FORMAT: &str = "plumb.diagnosis/v1";

/// Why one run failed, or that it did not, or that it is not known.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct Diagnosis {
    /// `plumb.diagnosis/v1`.
    pub format: String,
    /// What to call the run: the manifest's address, a DAG's id, a step's name, a folder.
    pub name: String,
    /// `databricks`, `emr`, `airflow` or `logs`.
    pub system: String,
    /// The id that the system knows it by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// What it was for: `2026-10`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub started: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub ended: Option<Timestamp>,
    pub outcome: RunOutcome,
    /// `null`: not known, or nothing failed.
    pub cause: Option<DiagnosedCause>,
    /// From the cause to what was seen last; classes and short words. Empty without a cause.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<ChainLink>,
    /// Other causes that could be it as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<DiagnosedCause>,
    /// Without a cause: what says most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub look_at: Vec<EvidenceLine>,
    /// What to change in the manifests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub change: Vec<ProposedChange>,
    /// What else helps: an IAM statement, a GRANT, a quota, a sentence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub advice: Vec<Advice>,
    /// Whether to run it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryAdvice>,
    /// 8 hexadecimal digits: failures of one cause have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// How many attempts failed before the last one.
    #[serde(default)]
    pub attempts_before: u32,
    pub read: ReadAccount,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<MissingEvidence>,
}

/// How the run ended, as the service that ran it says; without its word, as its log says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RunOutcome {
    #[default]
    Unknown,
    Running,
    Succeeded,
    Failed,
}

/// How sure the cause is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// A symptom, an exit code, or two candidates.
    Possible,
    /// A typed message in the attempt that failed, not linked to its end.
    Likely,
    /// A code of the service, or a typed message linked to what ended the run.
    Certain,
}

/// A cause, with what shows it.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct DiagnosedCause {
    /// The class of the catalogue: `SPOT_RECLAIM`.
    pub class: String,
    /// A sentence with the names of this run.
    pub title: String,
    pub confidence: Confidence,
    /// Why it is this sure.
    pub reason: String,
    pub evidence: Vec<EvidenceLine>,
    /// What its clues caught by name: `principal`, `path`, [`TASK_KEY`]. For remedies only: it is not hidden, and in no output.
    #[serde(skip)]
    pub slots: BTreeMap<String, String>,
}

/// The slot that has the key of the task of a job, where all that shows a cause is of one.
pub const TASK_KEY: &str = "task_key";

/// A line that shows it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct EvidenceLine {
    pub file: String,
    /// From 1; missing for an answer that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub at: Option<Timestamp>,
    /// The line, secrets hidden.
    pub text: String,
    /// How many like it there are besides.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: u64,
}

/// A link of the chain.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct ChainLink {
    pub class: String,
    /// `node lost`, `fetch failures`.
    pub words: String,
}

/// A change of a manifest's text.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct ProposedChange {
    /// The manifest, below the project's folder.
    pub file: String,
    /// From 1: the first line that changes.
    pub line: u64,
    /// What it does to the resource: `DatabricksJob/x: aws_attributes.availability`.
    pub what: String,
    /// Why.
    pub why: String,
    /// The lines that go and come, in unified form without a head: ` `, `-`, `+`.
    pub patch: String,
}

/// What else helps.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct Advice {
    /// A sentence.
    pub text: String,
    /// What to copy: an IAM statement, a GRANT, a command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snippet: Option<String>,
}

/// Whether to run it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RetryAdvice {
    /// It fails again until something is changed.
    Never,
    /// It may help at once: what failed was a machine.
    Now,
    /// It may help later.
    Backoff,
    /// It helps with more memory or disk.
    Bigger,
}

/// What was read for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct ReadAccount {
    pub runs: u64,
    pub tasks: u64,
    pub events: u64,
    pub files: u64,
    /// Of logs, unpacked.
    pub bytes: u64,
    /// Requests to services.
    pub requests: u64,
}

impl ReadAccount {
    /// Adds what else was read.
    pub fn add(&mut self, other: &ReadAccount) {
        self.runs += other.runs;
        self.tasks += other.tasks;
        self.events += other.events;
        self.files += other.files;
        self.bytes += other.bytes;
        self.requests += other.requests;
    }
}

/// What was not there, or was refused.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
pub struct MissingEvidence {
    pub what: String,
    pub why: String,
    /// What it takes: a permission, a place, a wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}
