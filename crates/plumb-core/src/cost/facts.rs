//! Facts of runs, kept as files: what a run used, how long its parts took, how it ended, and what was not known of it.
//!
//! One file a migration and period, `evidence/runs/MIGRATION-PERIOD.json`. Facts have no prices in them, and what was kept
//! is not changed by a later look that knows less ([`merge`](super::merge)): EMR forgets instances after 30 days and clusters
//! after two months.

use crate::manifest::read_json;
use jiff::Timestamp;
use plumb_model::stats::Interval;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What the files are called, so that a reader can refuse those it does not know.
pub const RUNS_FORMAT: &str = "plumb.runs/v1";
/// Where the files are, below the project's folder.
pub const RUNS_FOLDER: &str = "evidence/runs";
/// How a sentence of `unknown` begins whose cluster still runs: its nodes are looked at again.
pub const STILL_UP: &str = "still up";
/// How a sentence of `unknown` begins that a service would not answer: it is asked again.
pub const NOT_READ: &str = "not read";

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
    pub runs: Vec<KeptRun>,
}

/// One run of a cluster, of a job of EMR Serverless, or of a Databricks job.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeptRun {
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

impl KeptRun {
    /// Whether there is no more to learn of it from its service: it has ended, its cluster too, and all was read.
    pub fn is_settled(&self) -> bool {
        let open = |why: &String| why.starts_with(STILL_UP) || why.starts_with(NOT_READ);
        let has_ended = matches!(self.outcome, RunResult::Succeeded | RunResult::Failed | RunResult::Cancelled);
        has_ended && self.ended.is_some() && !self.unknown.iter().any(open)
    }

    /// The node-seconds of all types and markets.
    pub fn node_seconds(&self) -> Interval<u64> {
        self.nodes.iter().map(|nodes| nodes.seconds).sum()
    }
}

impl KeptRuns {
    /// Facts of no run yet.
    pub fn new(target: &str, migration: &str, period: &str) -> KeptRuns {
        let (target, migration, period) = (target.to_owned(), migration.to_owned(), period.to_owned());
        KeptRuns { format: RUNS_FORMAT.to_owned(), target, migration, period, runs: Vec::new() }
    }

    /// The name of its file: `audience-2026-09.json`.
    pub fn file_name(&self) -> String {
        format!("{}-{}.json", plain(&self.migration), plain(&self.period))
    }

    /// The name of its file where another target has the other one: `audience-2026-09-prod.json`.
    pub fn file_name_of_target(&self) -> String {
        format!("{}-{}-{}.json", plain(&self.migration), plain(&self.period), plain(&self.target))
    }

    /// Brings the runs and what is in them into one order.
    pub fn sort(&mut self) {
        for run in &mut self.runs {
            run.nodes.sort_by(|a, b| (&a.node_type, a.market).cmp(&(&b.node_type, b.market)));
        }
        self.runs.sort_by(|a, b| (a.side, a.started, a.system, &a.id).cmp(&(b.side, b.started, b.system, &b.id)));
    }

    /// What tells one file from another.
    fn key(&self) -> (&str, &str, &str) {
        (&self.target, &self.migration, &self.period)
    }

    /// The text of its file.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub fn text(&self) -> Result<String, String> {
        serde_json::to_string_pretty(self).map(|text| text + "\n").map_err(|e| e.to_string())
    }
}

/// A text as a part of a file's name.
fn plain(text: &str) -> String {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    text.chars().map(|c| if is_safe(c) { c } else { '_' }).take(100).collect()
}

/// Reads a file of facts.
///
/// # Errors
/// What is wrong with it and where, without a value of it.
pub fn read_kept_runs(text: &str) -> Result<KeptRuns, String> {
    // A year of them is read at once: what is as it has to be is parsed once.
    let kept = match serde_json::from_str::<KeptRuns>(text) {
        Ok(kept) if kept.format == RUNS_FORMAT => kept,
        _ => read_with_reasons(text)?,
    };
    for (name, says) in [("target", &kept.target), ("migration", &kept.migration), ("period", &kept.period)] {
        if says.is_empty() {
            return Err(format!("its `{name}` is empty"));
        }
    }
    let mut seen = BTreeSet::new();
    for run in &kept.runs {
        if run.id.is_empty() {
            return Err("a run has no `id`".to_owned());
        }
        let id = plain(&run.id);
        if !seen.insert((run.system, &run.id)) {
            return Err(format!("run {id} is in it twice: delete one of the two"));
        }
        if run.started.zip(run.ended).is_some_and(|(started, ended)| ended < started) {
            return Err(format!("run {id} ends before it starts"));
        }
        if run.nodes.iter().any(|nodes| nodes.seconds.low > nodes.seconds.high) {
            return Err(format!("run {id} has node-seconds whose `low` is above their `high`"));
        }
    }
    Ok(kept)
}

/// Reads a file that is not as it has to be, to say why. The format first: what is something else should not be called a
/// mistaken file of facts.
fn read_with_reasons(text: &str) -> Result<KeptRuns, String> {
    let value: Value = read_json(text)?;
    match value.get("format").and_then(Value::as_str) {
        Some(RUNS_FORMAT) => {}
        Some(_) => return Err(format!("its `format` is not `{RUNS_FORMAT}`, which this plumb reads")),
        None => return Err(format!("it has no `format`: `{RUNS_FORMAT}`")),
    }
    serde_json::from_str(text).map_err(|e| {
        let said = e.to_string();
        match said.strip_prefix("unknown field `").and_then(|rest| rest.split_once('`')) {
            Some((name, _)) => {
                let at = format!("line {}, column {}", e.line(), e.column());
                format!("unknown member `{}`, {at}: a newer plumb may have written it", plain(name))
            }
            None => read_json::<KeptRuns>(text).err().unwrap_or(said),
        }
    })
}

/// The files of facts of a repository, as they were read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeptFiles {
    /// Each with its path, in the order of paths.
    pub files: Vec<(String, KeptRuns)>,
    /// Files that are none or say what another one says, and why.
    pub broken: Vec<(String, String)>,
}

impl KeptFiles {
    /// Reads files, each a path and its text or why it cannot be read. Of two about one migration, target and period neither
    /// counts: which of them is right, plumb cannot tell.
    pub fn read(files: impl IntoIterator<Item = (String, Result<String, String>)>) -> KeptFiles {
        let mut all = KeptFiles::default();
        for (path, text) in files {
            match text.and_then(|text| read_kept_runs(&text)) {
                Ok(kept) => all.files.push((path, kept)),
                Err(why) => all.broken.push((path, why)),
            }
        }
        all.files.sort_by(|a, b| a.0.cmp(&b.0));
        let mut paths: BTreeMap<_, Vec<String>> = BTreeMap::new();
        for (path, kept) in &all.files {
            paths.entry(kept.key()).or_default().push(path.clone());
        }
        let twice: Vec<(String, String)> = paths
            .iter()
            .filter(|(_, paths)| paths.len() > 1)
            .flat_map(|((target, migration, period), paths)| {
                paths.iter().map(move |path| {
                    let others: Vec<&str> = paths.iter().filter(|p| *p != path).map(String::as_str).collect();
                    let what = format!("the runs of {migration} for {period} in target {target}");
                    (path.clone(), format!("{what} are in {} too: keep one of them", others.join(" and ")))
                })
            })
            .collect();
        all.files.retain(|(path, _)| !twice.iter().any(|(other, _)| other == path));
        all.broken.extend(twice);
        all.broken.sort();
        all
    }

    /// What is to be said of the files that do not count.
    pub fn notes(&self) -> Vec<String> {
        self.broken.iter().map(|(path, why)| format!("{path} does not count: {why}")).collect()
    }

    /// What the files say.
    pub fn runs(&self) -> Vec<KeptRuns> {
        self.files.iter().map(|(_, kept)| kept.clone()).collect()
    }
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

#[cfg(test)]
#[path = "facts_tests.rs"]
mod tests;
