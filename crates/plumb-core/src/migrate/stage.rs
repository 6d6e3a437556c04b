//! The stages of a pipeline's migration, and when each was reached.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How far the migration of a pipeline is. The stage is the highest whose own and all earlier conditions hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MigrationStage {
    /// The account has it.
    Seen,
    /// Its folder has `legacy.yaml` and `migration.yaml`.
    Inventoried,
    /// Its jobs are manifests that load, and every value of EMR is accounted for.
    Translated,
    /// No `# DECISION:` is left.
    Decided,
    /// What it became is live, as the manifests have it.
    Deployed,
    /// Periods that both sides finished well.
    InParallel,
    /// Periods that were compared and found equal, as many as it requires.
    Parity,
    /// The old is paused, the new runs.
    CutOver,
    /// What is old is marked, and waits for its gates.
    Marked,
    /// Nothing old is left.
    TornDown,
}

impl MigrationStage {
    /// All of them, the first first.
    pub const ALL: [MigrationStage; 10] = [
        MigrationStage::Seen,
        MigrationStage::Inventoried,
        MigrationStage::Translated,
        MigrationStage::Decided,
        MigrationStage::Deployed,
        MigrationStage::InParallel,
        MigrationStage::Parity,
        MigrationStage::CutOver,
        MigrationStage::Marked,
        MigrationStage::TornDown,
    ];
}

/// When a pipeline reached each stage, as far as git, live objects and evidence tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StageDates {
    /// The name of the Migration.
    pub migration: String,
    pub wave: Option<String>,
    #[schemars(with = "BTreeMap<MigrationStage, String>")]
    pub reached: BTreeMap<MigrationStage, Timestamp>,
}
