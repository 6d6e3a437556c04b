//! Failures over months: which causes cost how much, and whether they moved along.

use super::catalogue::Catalogue;
use super::result::{Diagnosis, RunOutcome};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What the format is called.
pub const MONTHS_FORMAT: &str = "plumb.months/v1";
/// The system that pipelines move to, as [`Diagnosis::system`] names it.
const NEW_SYSTEM: &str = "databricks";

/// One run, diagnosed or green.
#[derive(Clone, Debug, PartialEq)]
pub struct RunOfMonths {
    /// The pipeline, by its migration or its manifest.
    pub pipeline: String,
    pub diagnosis: Diagnosis,
}

/// What failed over months, by cause: the dearest first.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct MonthsReport {
    /// `plumb.months/v1`.
    pub format: String,
    /// Runs that ended, green or not. Runs whose outcome is not known, or that still run, are not counted.
    pub runs: u64,
    pub failed: u64,
    pub causes: Vec<MonthsCause>,
}

/// What one cause cost.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct MonthsCause {
    /// The class of the catalogue; `null`: not known.
    pub class: Option<String>,
    /// A few words for it.
    pub words: String,
    pub failed: u64,
    /// From the start of a failed run to the end of the run that made good for it; of runs that fail in a row, each up to the
    /// start of the next.
    pub seconds_lost: u64,
    /// Failures that no run has made good for yet: they count up to their own end.
    pub open: u64,
    pub pipelines: Vec<String>,
    /// When the last of them began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub last: Option<Timestamp>,
    pub on_databricks: MonthsShare,
    /// A pipeline failed of it on the old system, and later again on Databricks.
    pub moved_along: bool,
    /// How often each fingerprint was seen; the commonest first.
    pub fingerprints: Vec<MonthsFingerprint>,
}

/// How many of how many runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct MonthsShare {
    pub failed: u64,
    /// Of all that ended.
    pub runs: u64,
}

/// Failures that look alike.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct MonthsFingerprint {
    pub fingerprint: String,
    pub failed: u64,
}

/// Groups runs by cause. The same runs in any order give the same report; a run that is given twice counts once.
pub fn months(catalogue: &Catalogue, runs: &[RunOfMonths]) -> MonthsReport {
    let ended = ended(runs);
    let lost = lost(&ended);
    let new_runs = count(ended.iter().filter(|run| is_new(run)).count());
    let mut groups: BTreeMap<Option<&str>, Vec<usize>> = BTreeMap::new();
    for (number, run) in ended.iter().enumerate().filter(|(_, run)| has_failed(run)) {
        groups.entry(class_of(run)).or_default().push(number);
    }
    let failed = groups.values().map(Vec::len).sum();
    let mut causes: Vec<MonthsCause> = groups
        .into_iter()
        .map(|(class, numbers)| {
            let of: Vec<(&RunOfMonths, Lost)> = numbers
                .iter()
                .filter_map(|number| Some((*ended.get(*number)?, lost.get(*number).copied().unwrap_or_default())))
                .collect();
            group(catalogue, class, &of, new_runs)
        })
        .collect();
    causes.sort_by(|a, b| {
        let key = |cause: &MonthsCause| (cause.class.is_none(), std::cmp::Reverse((cause.seconds_lost, cause.failed)));
        key(a).cmp(&key(b)).then_with(|| a.class.cmp(&b.class))
    });
    MonthsReport { format: MONTHS_FORMAT.to_owned(), runs: count(ended.len()), failed: count(failed), causes }
}

/// The runs that ended, each once, by pipeline, period and start.
fn ended(runs: &[RunOfMonths]) -> Vec<&RunOfMonths> {
    let mut ended: Vec<&RunOfMonths> =
        runs.iter().filter(|run| matches!(run.diagnosis.outcome, RunOutcome::Succeeded | RunOutcome::Failed)).collect();
    let key = |run: &RunOfMonths| {
        let d = &run.diagnosis;
        (run.pipeline.clone(), d.period.clone(), d.started, d.ended, d.system.clone(), d.run.clone())
    };
    ended.sort_by(|a, b| {
        key(a)
            .cmp(&key(b))
            .then_with(|| class_of(a).cmp(&class_of(b)))
            .then_with(|| a.diagnosis.name.cmp(&b.diagnosis.name))
    });
    ended.dedup_by(|a, b| a.diagnosis.run.is_some() && key(a) == key(b));
    ended
}

#[derive(Clone, Copy, Default)]
struct Lost {
    seconds: u64,
    open: bool,
}

/// What each run lost. The runs are by pipeline, period and start.
fn lost(runs: &[&RunOfMonths]) -> Vec<Lost> {
    let mut lost = vec![Lost::default(); runs.len()];
    // From the back: what comes after a run in its pipeline and period.
    let mut next: Option<(&RunOfMonths, bool)> = None;
    for (number, run) in runs.iter().enumerate().rev() {
        let after =
            next.filter(|(other, _)| other.pipeline == run.pipeline && other.diagnosis.period == run.diagnosis.period);
        let made_good = match after {
            Some((other, good)) => !has_failed(other) || good,
            None => false,
        };
        if has_failed(run) {
            let until = after.map_or(run.diagnosis.ended, |(other, _)| {
                if has_failed(other) { other.diagnosis.started } else { other.diagnosis.ended }
            });
            let seconds = match (run.diagnosis.started, until.or(run.diagnosis.ended)) {
                (Some(from), Some(to)) => u64::try_from(to.as_second() - from.as_second()).unwrap_or_default(),
                _ => 0,
            };
            if let Some(place) = lost.get_mut(number) {
                *place = Lost { seconds, open: !made_good };
            }
        }
        next = Some((*run, made_good));
    }
    lost
}

fn group(catalogue: &Catalogue, class: Option<&str>, runs: &[(&RunOfMonths, Lost)], new_runs: u64) -> MonthsCause {
    let mut fingerprints: BTreeMap<&str, u64> = BTreeMap::new();
    for fingerprint in runs.iter().filter_map(|(run, _)| run.diagnosis.fingerprint.as_deref()) {
        *fingerprints.entry(fingerprint).or_default() += 1;
    }
    let mut fingerprints: Vec<MonthsFingerprint> = fingerprints
        .into_iter()
        .map(|(fingerprint, failed)| MonthsFingerprint { fingerprint: fingerprint.to_owned(), failed })
        .collect();
    fingerprints.sort_by_key(|f| std::cmp::Reverse(f.failed));
    let pipelines: BTreeSet<&str> = runs.iter().map(|(run, _)| run.pipeline.as_str()).collect();
    let known = class.and_then(|class| catalogue.class(class)).map(|class| class.words.clone());
    MonthsCause {
        class: class.map(str::to_owned),
        words: known.filter(|words| !words.is_empty()).unwrap_or_else(|| class.map_or("not known", |c| c).to_owned()),
        failed: count(runs.len()),
        seconds_lost: runs.iter().map(|(_, lost)| lost.seconds).sum(),
        open: count(runs.iter().filter(|(_, lost)| lost.open).count()),
        pipelines: pipelines.into_iter().map(str::to_owned).collect(),
        last: runs.iter().filter_map(|(run, _)| run.diagnosis.started).max(),
        on_databricks: MonthsShare {
            failed: count(runs.iter().filter(|(run, _)| is_new(run)).count()),
            runs: new_runs,
        },
        moved_along: class.is_some() && moved_along(runs),
        fingerprints,
    }
}

/// Whether a pipeline failed of it on the old system, and later on the new one.
fn moved_along(runs: &[(&RunOfMonths, Lost)]) -> bool {
    let mut old: BTreeMap<&str, Option<Timestamp>> = BTreeMap::new();
    for (run, _) in runs.iter().filter(|(run, _)| !is_new(run)) {
        let first = old.entry(run.pipeline.as_str()).or_insert(run.diagnosis.started);
        *first = (*first).min(run.diagnosis.started);
    }
    runs.iter()
        .filter(|(run, _)| is_new(run))
        .any(|(run, _)| old.get(run.pipeline.as_str()).is_some_and(|first| *first <= run.diagnosis.started))
}

fn has_failed(run: &RunOfMonths) -> bool {
    run.diagnosis.outcome == RunOutcome::Failed
}

fn is_new(run: &RunOfMonths) -> bool {
    run.diagnosis.system == NEW_SYSTEM
}

fn class_of(run: &RunOfMonths) -> Option<&str> {
    run.diagnosis.cause.as_ref().map(|cause| cause.class.as_str())
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "months_tests.rs"]
mod tests;
