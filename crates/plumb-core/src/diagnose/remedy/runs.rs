//! Runs that took too long, and runs that were not allowed to start.

use super::edit::Setting;
use super::{Proposal, Remedy, RemedyCase, say};
use plumb_model::schema::{Path, Segment};
use serde_json::{Value, json};

/// How long runs of a job take that succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GreenRuns {
    /// How many there were.
    pub count: usize,
    /// The longest of them, in seconds.
    pub longest: i64,
}

/// A green run of at least this part of the limit says that the job grew.
const NEAR: f64 = 0.8;

pub(super) fn timeout<'a>(case: &RemedyCase<'a>) -> Vec<Remedy<'a>> {
    let Some(job) = case.job else { return Vec::new() };
    let Some((path, limit)) = limit_of(case, &job.spec) else { return Vec::new() };
    let place = case.place(job, &path);
    let Some(green) = case.input.green.filter(|green| green.count > 0) else {
        let text = format!(
            "The limit of {limit} s stands at {place}. How long good runs take is not known: raise it only if the last of them \
             were near it."
        );
        return vec![Remedy::Say(say(text))];
    };
    let runs = if green.count == 1 {
        "the one green run".to_owned()
    } else {
        format!("the longest of {} green runs", green.count)
    };
    #[allow(clippy::cast_precision_loss)]
    let is_near = green.longest as f64 >= NEAR * limit as f64;
    if !is_near {
        let text = format!(
            "It was stuck, not slow: {runs} took {} s, and the limit at {place} is {limit} s. Look at what it waited for.",
            green.longest
        );
        return vec![Remedy::Say(say(text))];
    }
    // Half as much again, in whole minutes.
    let next = limit.saturating_add(limit / 2).div_euclid(60).saturating_add(1).saturating_mul(60);
    let why = format!("The job grew: {runs} took {} s of {limit} s.", green.longest);
    vec![Remedy::Set(Proposal { settings: vec![Setting { resource: job, path, value: json!(next) }], why })]
}

/// The limit that a run was over: the task's, if one is known and has one; else the job's.
fn limit_of(case: &RemedyCase<'_>, spec: &Value) -> Option<(Path, i64)> {
    let limit = |value: &Value| value.get("timeout_seconds").and_then(Value::as_i64).filter(|limit| *limit > 0);
    let own = case.task().and_then(|key| {
        let task = spec.get("tasks")?.as_array()?.iter().find(|task| task["task_key"] == key)?;
        let at = Path::default().key("tasks").with(Segment::Item(key.to_owned()));
        Some((at.key("timeout_seconds"), limit(task)?))
    });
    own.or_else(|| Some((Path::default().key("timeout_seconds"), limit(spec)?)))
}

pub(super) fn limit<'a>(case: &RemedyCase<'a>) -> Vec<Remedy<'a>> {
    let Some(job) = case.job else { return Vec::new() };
    if job.spec.get("max_concurrent_runs").and_then(Value::as_i64) == Some(0) {
        let place = case.place(job, &Path::default().key("max_concurrent_runs"));
        return vec![Remedy::Say(say(format!("max_concurrent_runs is 0 at {place}: every run is skipped.")))];
    }
    // Since Jobs API 2.2 a job without the member queues (Terraform provider, jobs).
    if job.spec.pointer("/queue/enabled") != Some(&json!(false)) {
        return Vec::new();
    }
    let path = Path::default().key("queue").key("enabled");
    let why = "A run that may not start yet waits, for 48 hours at most, instead of being skipped.".to_owned();
    vec![Remedy::Set(Proposal { settings: vec![Setting { resource: job, path, value: json!(true) }], why })]
}
