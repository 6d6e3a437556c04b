//! Facts of runs, kept as files: what a run used, how long its parts took, how it ended, and what was not known of it.
//!
//! One file a migration and period, `evidence/runs/MIGRATION-PERIOD.json`. Facts have no prices in them, and what was kept
//! is not changed by a later look that knows less: EMR forgets instances after 30 days and clusters after two months.

use jiff::Timestamp;
use plumb_model::stats::Interval;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the files are called, so that a reader can refuse those it does not know.
pub const RUNS_FORMAT: &str = "plumb.runs/v1";

/// The runs of one migration's old and new pipeline for one period.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeptRuns {
    /// `plumb.runs/v1`.
    pub format: String,
    /// The target whose runs they are.
    pub target: String,
    /// The name of the Migration.
    pub migration: String,
    /// As `plumb parity run --period` has it: `2026-09`.
    pub period: String,
    /// By side, then by when they started, then by id.
    pub runs: Vec<RunFacts>,
}

/// One run of a cluster, of a job of EMR Serverless, or of a Databricks job.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunFacts {
    pub side: RunSide,
    pub system: RunSystem,
    /// `j-2A7Q4M1N9KPLF`, `00f8…` (EMR Serverless), `88120` (Databricks).
    pub id: String,
    /// The cluster's or job's name.
    pub name: String,
    /// Why it ran: replays wait for no input and no capacity, so they are counted apart.
    pub trigger: RunTrigger,
    pub outcome: RunResult,
    /// The class of `plumb diagnose`, where a kept diagnosis says it: `SPOT_RECLAIM`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// When Airflow's tick was that it belongs to: what a deadline counts from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub tick: Option<Timestamp>,
    /// The run of the DAG that it belongs to: `legacy_audience/scheduled__2026-09-02T04:00:00+00:00`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dag_run: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub started: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub ended: Option<Timestamp>,
    /// How long its parts took, in order: `queue`, `start`, `libraries`, `run`; and each step or task as `run/NAME`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StageSeconds>,
    /// The machines that it had, one entry a type and market.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<NodeSeconds>,
    /// What EMR Serverless measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serverless: Option<ServerlessUse>,
    /// What Databricks measured or what follows from its nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub databricks: Option<DatabricksUse>,
    /// EMR's own count, rounded up to hours a node and normalised by type: only where nothing better is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalized_instance_hours: Option<u64>,
    /// What is not known, and why, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
}

/// Whose run it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RunSide {
    /// The pipeline that is left.
    Old,
    /// The one that takes over.
    New,
}

/// What ran it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RunSystem {
    Emr,
    EmrServerless,
    Databricks,
}

/// Why a run ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RunTrigger {
    /// By its schedule, or by the DAG's.
    Scheduled,
    /// `plumb parity replay` started it.
    Replay,
    /// Somebody started it.
    Manual,
    Unknown,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RunResult {
    Succeeded,
    Failed,
    /// It was stopped by somebody.
    Cancelled,
    /// It had not ended when it was kept.
    Running,
    Unknown,
}

/// How long a part of a run took, in seconds.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StageSeconds {
    pub name: String,
    pub seconds: u64,
}

/// What nodes of one type and market were used, in node-seconds.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeSeconds {
    /// `m5.xlarge`.
    #[serde(rename = "type")]
    pub node_type: String,
    pub market: Market,
    pub seconds: Interval<u64>,
    /// Why the ends differ, where they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// How a node was bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Market {
    OnDemand,
    Spot,
    Unknown,
}

/// What EMR Serverless bills for a job run (`GetJobRun`, `billedResourceUtilization`; totals where that is not said). In
/// thousandths of an hour.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerlessUse {
    pub vcpu_millihours: u64,
    pub memory_gb_millihours: u64,
    pub storage_gb_millihours: u64,
}

/// What Databricks bills for a run beside its nodes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatabricksUse {
    /// What it is billed as.
    pub compute: DatabricksCompute,
    pub photon: bool,
    /// DBU in thousandths, where `system.billing.usage` says them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured_millidbu: Option<u64>,
    /// Its SKU there: `PREMIUM_JOBS_COMPUTE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku: Option<String>,
}

/// What Databricks compute is billed as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DatabricksCompute {
    Jobs,
    AllPurpose,
    JobsServerless,
    Unknown,
}
