//! The way back: the hold that a rollback leaves, and what it cannot undo.

use super::hold::{HOLD_FORMAT, Hold};
use super::wave::{Wave, waves};
use crate::manifest::Desired;
use jiff::Timestamp;
use plumb_model::read::Pages;
use serde_json::Value;
use std::collections::BTreeSet;

/// So many runs are named, one after the other.
const MOST_NAMED: usize = 10;

/// The wave of that name, if it has a day to cut over.
pub fn dated<'d>(desired: &'d Desired, name: &str) -> Option<Wave<'d>> {
    waves(desired).into_iter().find(|wave| wave.name == name && wave.cutover.is_some())
}

/// Every wave that has a day, each with it.
pub fn days(desired: &Desired) -> BTreeSet<(String, String)> {
    waves(desired).into_iter().filter_map(|wave| Some((wave.name, wave.cutover?))).collect()
}

/// The hold that a rollback of a wave leaves. `None`: it has no day that a hold could bind.
pub fn hold(wave: &Wave<'_>, by: &str, at: Timestamp, reason: &str) -> Option<Hold> {
    Some(Hold {
        format: HOLD_FORMAT.to_owned(),
        wave: wave.name.clone(),
        cutover: wave.cutover.clone()?,
        by: by.to_owned(),
        at: at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        reason: reason.to_owned(),
        members: wave.members.iter().map(|member| member.resource.address.to_string()).collect(),
    })
}

/// A run of a new DAG since the cutover.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct NewRun {
    /// The DAG's id.
    pub dag: String,
    pub id: String,
    /// As Airflow says it: `running`, `queued`, `success`, `failed`.
    pub state: String,
    /// The first day of the period that it is of; `None`: it is of none.
    pub period: Option<String>,
}

impl NewRun {
    fn is_under_way(&self) -> bool {
        ["running", "queued"].contains(&self.state.as_str())
    }
}

/// The runs that a DAG's pages show and that began, or are to begin, at this time or later, each once.
pub fn new_runs(dag: &str, pages: &[Pages], since: Timestamp) -> Vec<NewRun> {
    let text = |row: &Value, name: &str| row.get(name).and_then(Value::as_str).map(str::to_owned);
    // What says nothing of when waits for its turn.
    let is_late = |row: &&Value| {
        let began = text(row, "start_date").and_then(|began| began.parse::<Timestamp>().ok());
        began.is_none_or(|began| began >= since)
    };
    let rows = pages.iter().flatten().filter_map(|page| page["dag_runs"].as_array()).flatten();
    let runs: BTreeSet<NewRun> = rows
        .filter(is_late)
        .map(|row| NewRun {
            dag: dag.to_owned(),
            id: text(row, "dag_run_id").unwrap_or_else(|| "without an id".to_owned()),
            state: text(row, "state").unwrap_or_else(|| "in a state that Airflow does not say".to_owned()),
            period: text(row, "data_interval_start").map(|start| start.chars().take(10).collect()),
        })
        .collect();
    runs.into_iter().collect()
}

/// What a rollback of a wave cannot undo, a line each.
///
/// `runs` are those of its new DAGs since the cutover, `unread` says of which they could not be read, and why.
pub fn cannot_undo(wave: &Wave<'_>, runs: &[NewRun], unread: &[(String, String)]) -> Vec<String> {
    let (under_way, over): (Vec<&NewRun>, Vec<&NewRun>) = runs.iter().partition(|run| run.is_under_way());
    let mut lines = Vec::new();
    for run in over.iter().take(MOST_NAMED) {
        let period = run.period.as_ref().map_or_else(String::new, |day| format!(", of the period from {day}"));
        lines.push(format!("{} ran {} ({}{period}): what it wrote stays", run.dag, run.id, run.state));
    }
    if let Some(more) = over.len().checked_sub(MOST_NAMED).filter(|more| *more > 0) {
        lines.push(format!("{more} more runs of the new DAGs: what they wrote stays"));
    }
    for run in &under_way {
        lines.push(format!(
            "{} has a run under way, {} ({}): it goes on and writes, unless somebody ends it in Airflow",
            run.dag, run.id, run.state
        ));
    }
    lines.extend(unread.iter().map(|(dag, why)| format!("what {dag} ran since is not known: {why}")));
    let places = places(wave);
    if !(places.is_empty() || runs.is_empty() && unread.is_empty()) {
        let places: Vec<String> = places.into_iter().collect();
        lines.push(format!("the new DAGs write with {}", places.join(", ")));
    }
    lines.push(
        "readers that were switched by hand to what the new pipeline writes stay there until switched back".to_owned(),
    );
    lines
}

/// Where the new pipelines of a wave write once cut over, as far as it can be told: what those parameters of their jobs are
/// then that are something else until then. `output=s3://acme/audience`.
fn places(wave: &Wave<'_>) -> BTreeSet<String> {
    let mut places = BTreeSet::new();
    for member in &wave.members {
        let given = member.new.iter().flat_map(|new| &new.settings);
        for setting in given.clone() {
            if let Some(real) = setting.real.as_ref().and_then(Value::as_str) {
                places.insert(format!("{}={real}", setting.parameter));
            }
        }
        let is_default = |name: &str| given.clone().any(|one| one.parameter == name && one.real.is_none());
        for job in &member.jobs {
            let rows = job.spec["parameters"].as_array().into_iter().flatten();
            let named = rows.filter_map(|row| Some((row["name"].as_str()?, row["default"].as_str()?)));
            places.extend(named.filter(|(name, _)| is_default(name)).map(|(name, value)| format!("{name}={value}")));
        }
    }
    places
}

#[cfg(test)]
#[path = "rollback_tests.rs"]
mod tests;
