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

/// Whether a condition of a stage holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ConditionState {
    /// It does not hold.
    Missing,
    /// It could not be read.
    Unknown,
    Holds,
}

/// The condition of one stage, and what says so.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct StageCondition {
    pub stage: MigrationStage,
    pub state: ConditionState,
    /// What holds, what is missing, or why it is not known. Empty where there is nothing to say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub says: String,
}

/// Where a pipeline stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageReached {
    /// The highest whose own and all earlier conditions hold; `None`: not even the first does.
    pub stage: Option<MigrationStage>,
    /// The first condition that does not hold, or is not known.
    pub open: Option<StageCondition>,
    /// What holds although something before it does not.
    pub oddity: Option<String>,
}

/// The stage by the conditions. One that is not given is not known.
pub fn stage(conditions: &[StageCondition]) -> StageReached {
    let of = |stage: MigrationStage| {
        conditions.iter().find(|one| one.stage == stage).cloned().unwrap_or_else(|| StageCondition {
            stage,
            state: ConditionState::Unknown,
            says: "it was not read".to_owned(),
        })
    };
    let all = MigrationStage::ALL.map(of);
    let held = all.iter().take_while(|one| one.state == ConditionState::Holds).count();
    let (before, after) = all.split_at(held);
    let open = after.first().cloned();
    let later = after.iter().rev().find(|one| one.state == ConditionState::Holds && one.stage.is_a_deed());
    let oddity = open.as_ref().filter(|open| open.state == ConditionState::Missing).zip(later);
    StageReached {
        stage: before.last().map(|one| one.stage),
        oddity: oddity.map(|(open, later)| format!("{}, but {}", later.stage.word(), open.says)),
        open,
    }
}

impl MigrationStage {
    /// In words.
    pub fn word(self) -> &'static str {
        match self {
            MigrationStage::Seen => "seen",
            MigrationStage::Inventoried => "inventoried",
            MigrationStage::Translated => "translated",
            MigrationStage::Decided => "decided",
            MigrationStage::Deployed => "deployed",
            MigrationStage::InParallel => "in parallel",
            MigrationStage::Parity => "parity",
            MigrationStage::CutOver => "cut over",
            MigrationStage::Marked => "marked",
            MigrationStage::TornDown => "torn down",
        }
    }

    /// Its place among all, the first is 0.
    pub fn ordinal(self) -> usize {
        MigrationStage::ALL.iter().position(|one| *one == self).unwrap_or_default()
    }

    /// Whether somebody did something for it to hold: it does not hold of a pipeline that nobody has touched.
    fn is_a_deed(self) -> bool {
        matches!(
            self,
            MigrationStage::Deployed | MigrationStage::InParallel | MigrationStage::Parity | MigrationStage::CutOver
        )
    }
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
