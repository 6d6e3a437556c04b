//! Replays: the new pipeline once more for periods that are over, into the shadow place. Which periods, which runs in which
//! order, what each is given, and what keeps them from being started.

use super::period::{Period, noun};
use crate::kinds::airflow::dag_spec::{DagSpec, DagTask};
use crate::kinds::databricks::job::DatabricksJob;
use crate::kinds::emr::compare::PeriodUnit;
use crate::kinds::emr::migration::{Migration, MigrationSpec, RunPeriod};
use crate::manifest::{Desired, Resource};
use jiff::Timestamp;
use plumb_model::address::Address;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// What the files are called that keep which runs were replays.
pub const REPLAY_FORMAT: &str = "plumb.replay/v1";
/// What the result of `plumb parity replay` is called.
pub const REPLAYS_FORMAT: &str = "plumb.replays/v1";
/// The most periods that one command replays: more are a typing mistake, and each costs money.
pub const MOST_PERIODS: usize = 100;

/// The periods of `2026-07..2026-09`, both ends included, or of `2026-07` alone.
///
/// # Errors
/// What is wrong with it.
pub fn replay_periods(unit: PeriodUnit, text: &str) -> Result<Vec<Period>, String> {
    if unit == PeriodUnit::None {
        return Err("`compare.period` is `none`, so there are no periods to replay".into());
    }
    let (first, last) = text.split_once("..").unwrap_or((text, text));
    let (first, last) = (Period::parse(unit, first)?, Period::parse(unit, last)?);
    if first.days() > last.days() {
        return Err(format!("`{text}` ends before it begins: did you mean `{last}..{first}`?"));
    }
    let mut periods = vec![first];
    while let Some(next) = periods.last().filter(|one| **one != last).and_then(Period::next) {
        if periods.len() == MOST_PERIODS {
            let unit = noun(unit);
            return Err(format!("`{text}` has more than {MOST_PERIODS} {unit}s: replay them in several commands"));
        }
        periods.push(next);
    }
    Ok(periods)
}

/// How a run is told its period: by `format`, or as `compare.period` names it.
///
/// # Errors
/// That the format is none.
pub fn period_value(told: &RunPeriod, period: &Period) -> Result<String, String> {
    let (Some(format), Some((first, _))) = (&told.format, period.days()) else { return Ok(period.name().to_owned()) };
    jiff::fmt::strtime::format(format, first).map_err(|why| {
        format!("`period.format` is `{format}`, which does not write a day: {why}; expected one like `%Y-%m`")
    })
}

/// One run of a replay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayStep {
    /// The manifest of its job.
    pub job: Address,
    /// The task of the DAG that runs it, where there is one.
    pub task: Option<String>,
    /// What the task gives the job, as far as it is written out.
    pub given: BTreeMap<String, String>,
    /// Parameters that Airflow fills in: a replay cannot know what with.
    pub filled: BTreeSet<String>,
    /// The parameters that the job declares.
    pub declared: BTreeSet<String>,
}

/// The runs of one period, in the order that they have to follow: as the tasks of the DAGs of `to.dags` wait for each other,
/// else as `to.jobs` has them.
pub fn replay_steps(desired: &Desired, migration: &MigrationSpec) -> Vec<ReplayStep> {
    let jobs: Vec<Address> = migration.to.jobs.iter().filter_map(|job| Address::try_from(job.clone()).ok()).collect();
    let place = |job: &Address| jobs.iter().position(|one| one == job);
    let mut steps = Vec::new();
    for dag in migration.to.dags.iter().flatten().filter_map(|dag| Address::try_from(dag.clone()).ok()) {
        let Some(resource) = desired.resources.iter().find(|one| one.address == dag) else { continue };
        let Ok(spec) = serde_json::from_value::<DagSpec>(resource.spec.to_value()) else { continue };
        let mut open: Vec<DagTask> = spec.tasks.unwrap_or_default();
        let mut done: BTreeSet<String> = BTreeSet::new();
        let known: BTreeSet<String> = open.iter().map(|task| task.id.clone()).collect();
        while !open.is_empty() {
            let is_ready =
                |task: &DagTask| task.after.iter().flatten().all(|id| done.contains(id) || !known.contains(id));
            let job = |task: &DagTask| job_of(desired, task);
            let ready = open.iter().enumerate().filter(|(_, task)| is_ready(task));
            // Of those that are ready the one that `to.jobs` names first. A circle is a mistake that validate names.
            let next = ready.min_by_key(|(index, task)| (job(task).and_then(|job| place(&job)), *index));
            let task = open.remove(next.map_or(0, |(index, _)| index));
            if let Some(job) = job_of(desired, &task).filter(|job| jobs.contains(job)) {
                steps.push(step_of(job, &task));
            }
            done.insert(task.id);
        }
    }
    for job in jobs {
        if steps.iter().all(|step: &ReplayStep| step.job != job) {
            steps.push(step_of(job, &DagTask::default()));
        }
    }
    for step in &mut steps {
        let job = desired.resources.iter().find(|one| one.address == step.job);
        step.declared = job.map(parameters_of).unwrap_or_default();
    }
    steps
}

/// The job that a task runs, by the manifests.
fn job_of(desired: &Desired, task: &DagTask) -> Option<Address> {
    let kind = DatabricksJob::NAME;
    if let Some(run) = &task.run {
        let name = run.strip_prefix(&format!("${{resources.{kind}."))?.strip_suffix('}')?;
        return Some(Address { kind: kind.into(), name: name.into() });
    }
    let called = task.job.as_deref()?;
    let mut jobs = desired.resources.iter().filter(|resource| resource.kind.name() == kind);
    jobs.find(|job| job.spec["name"].as_str() == Some(called)).map(|job| job.address.clone())
}

fn step_of(job: Address, task: &DagTask) -> ReplayStep {
    let given = task.params.as_ref().and_then(|params| params.job_parameters.as_ref());
    let given = serde_json::to_value(given).unwrap_or_default();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let all = given.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), text(value)));
    let (filled, given): (Vec<_>, Vec<_>) = all.partition(|(_, value)| value.contains("{{") || value.contains("{%"));
    let filled = filled.into_iter().map(|(name, _)| name).collect();
    let id = Some(task.id.clone()).filter(|id| !id.is_empty());
    ReplayStep { job, task: id, given: given.into_iter().collect(), filled, declared: BTreeSet::new() }
}

/// What a run is given: what its task gives, then the period, and over all the parameters of the shadow place that its job
/// has.
pub fn run_parameters(
    step: &ReplayStep,
    told: (&str, String),
    shadow: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut all = step.given.clone();
    all.insert(told.0.to_owned(), told.1);
    let of_job = shadow.iter().filter(|(name, _)| step.declared.contains(*name));
    all.extend(of_job.map(|(name, value)| (name.clone(), value.clone())));
    all
}

/// What keeps a migration from being replayed, as far as its manifests say: what is wrong, and what to do.
pub fn refusals(name: &str, migration: &MigrationSpec, steps: &[ReplayStep]) -> Vec<(String, String)> {
    let mut refused = Vec::new();
    let at = format!("{}/{name}", Migration::NAME);
    let shadow = migration.shadow.as_ref().map(|shadow| &shadow.parameters).filter(|given| !given.is_empty());
    if shadow.is_none() {
        refused.push((
            format!("{at} has no `shadow` place: the new would overwrite what the old wrote"),
            "add `shadow: {parameters: {output: \"s3://…\"}}`, parameters that make the jobs write elsewhere"
                .to_owned(),
        ));
    }
    let Some(told) = &migration.period else {
        refused.push((
            format!("{at} has no `period`, so no run can be told which period it is for"),
            "add `period: {parameter: month}`, the parameter of the jobs that says it".to_owned(),
        ));
        return refused;
    };
    let has = |step: &ReplayStep| match step.declared.len() {
        0 => "it has none".to_owned(),
        _ => format!("it has {}", joined(&step.declared)),
    };
    for step in steps {
        let job = &step.job;
        if !step.declared.contains(&told.parameter) {
            refused.push((
                format!(
                    "{at}: `period.parameter` names `{}`, which {job} does not have: {}",
                    told.parameter,
                    has(step)
                ),
                format!("add it to `parameters` of {job}, and let its tasks use it"),
            ));
        }
        if shadow.is_some_and(|given| !given.keys().any(|name| step.declared.contains(name))) {
            refused.push((
                format!(
                    "{at}: {job} has no parameter of `shadow.parameters`, so it would write where the old wrote: {}",
                    has(step)
                ),
                format!("give {job} a parameter for where it writes, and name it in `shadow.parameters`"),
            ));
        }
    }
    for name in shadow.into_iter().flatten().map(|(name, _)| name) {
        if !steps.iter().any(|step| step.declared.contains(name)) {
            refused.push((
                format!("{at}: `shadow.parameters` names `{name}`, which no job of `to.jobs` has"),
                "correct it, or add it to `parameters` of the job that is to write elsewhere".to_owned(),
            ));
        }
    }
    refused.sort();
    refused.dedup();
    refused
}

/// The parameters that a job declares.
fn parameters_of(job: &Resource) -> BTreeSet<String> {
    let declared = job.spec["parameters"].as_array().into_iter().flatten();
    declared.filter_map(|parameter| parameter["name"].as_str().map(str::to_owned)).collect()
}

fn joined(names: &BTreeSet<String>) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The runs of a replay, kept as `evidence/replays/MIGRATION-PERIOD.json`, so that they are known as such later.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct ReplayRecord {
    /// `plumb.replay/v1`.
    pub format: String,
    pub target: String,
    /// The name of the Migration.
    pub migration: String,
    pub period: String,
    /// In the order that they were started, those of earlier attempts too.
    pub runs: Vec<ReplayRun>,
    /// When the last one was started.
    #[schemars(with = "String")]
    pub at: Timestamp,
}

/// One run of a replay.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct ReplayRun {
    /// `DatabricksJob/audience-cleanse`.
    pub job: String,
    pub run_id: u64,
}

/// Where a record is kept.
pub fn record_path(migration: &str, period: &str) -> String {
    format!("evidence/replays/{migration}-{period}.json")
}

impl ReplayRecord {
    /// None yet.
    pub fn new(target: &str, migration: &str, period: &Period, at: Timestamp) -> ReplayRecord {
        ReplayRecord {
            format: REPLAY_FORMAT.into(),
            target: target.into(),
            migration: migration.into(),
            period: period.name().into(),
            runs: Vec::new(),
            at,
        }
    }

    /// Reads a record.
    ///
    /// # Errors
    /// Why it is none of this target's replays of the period.
    pub fn parse(text: &str, target: &str, migration: &str, period: &Period) -> Result<ReplayRecord, String> {
        let record: ReplayRecord = serde_json::from_str(text).map_err(|e| e.to_string())?;
        let is = (record.format.as_str(), record.migration.as_str(), record.period.as_str());
        if is != (REPLAY_FORMAT, migration, period.name()) {
            return Err(format!("it is `{}` of {} for {}", is.0, is.1, is.2));
        }
        if record.target != target {
            return Err(format!("it is of target {}", record.target));
        }
        Ok(record)
    }

    /// The runs of the last attempt: the last ones that are the first steps of a replay, in their order.
    pub fn attempt(&self, steps: &[ReplayStep]) -> &[ReplayRun] {
        let fits = |runs: &[ReplayRun]| runs.iter().zip(steps).all(|(run, step)| run.job == step.job.to_string());
        let most = self.runs.len().min(steps.len());
        let longest = (1..=most).rev().find(|count| fits(&self.runs[self.runs.len() - count..]));
        &self.runs[self.runs.len() - longest.unwrap_or(0)..]
    }
}

/// What makes a start of a run the same start when it is sent again. Databricks answers the run that has the token already
/// (Jobs API 2.2, `idempotency_token`, 64 characters at most).
///
/// `before` is how many runs were kept of the period before this attempt, so that a new attempt is another start, and one
/// that was broken off before its run was kept is the same.
pub fn start_token(
    (project, target, migration): (&str, &str, &str),
    period: &Period,
    (before, step): (usize, usize),
    (job_id, parameters): (&str, &BTreeMap<String, String>),
) -> String {
    let text = serde_json::json!([project, target, migration, period.name(), before, step, job_id, parameters]);
    let hash = Sha256::digest(format!("plumb:replay v1\n{text}").as_bytes());
    let digits: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("plumb-{}", &digits[..48])
}

/// What became of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReplayState {
    Equal,
    Differs,
    NoVerdict,
    /// A comparison passed before; nothing was run.
    Skipped,
    /// A run ended badly, or could not be started.
    Failed,
    /// The runs ended well, and the comparison did not come about.
    NotCompared,
    /// It was interrupted, and a run goes on.
    StillRunning,
    /// It was interrupted before anything was started.
    NotStarted,
}

/// The result of `plumb parity replay`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Replays {
    /// `plumb.replays/v1`.
    pub format: String,
    pub target: String,
    pub migration: String,
    /// In their order.
    pub periods: Vec<ReplayedPeriod>,
}

/// What became of one period.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ReplayedPeriod {
    pub period: String,
    pub state: ReplayState,
    /// The runs of this attempt.
    pub runs: Vec<ReplayedRun>,
    /// The report of the comparison: `evidence/audience-2026-07.json`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
    /// Why, where it is neither equal nor skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
}

/// A run, and how it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReplayedRun {
    /// `DatabricksJob/audience-cleanse`.
    pub job: String,
    pub run_id: u64,
    /// Its page in the workspace, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Databricks' word: `SUCCESS`, `FAILED`; or `RUNNING`.
    pub state: String,
}

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;
