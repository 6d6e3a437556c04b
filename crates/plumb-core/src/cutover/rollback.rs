//! The way back: which DAGs a wave has, and what a rollback cannot undo.

use super::Hold;
use super::hold::HOLD_FORMAT;
use crate::kinds::emr::migration::Migration;
use crate::manifest::{Desired, Resource};
use plumb_model::address::Address;
use serde_json::Value;

/// The DAGs of a wave, by the addresses of their manifests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WaveDags {
    /// Of `from.dags`.
    pub old: Vec<Address>,
    /// Of `to.dags`.
    pub new: Vec<Address>,
}

impl WaveDags {
    /// Of a wave's members.
    pub fn of(desired: &Desired, wave: &str) -> WaveDags {
        let mut dags = WaveDags::default();
        for member in members(desired, wave) {
            let listed = |pointer: &str| -> Vec<Address> {
                let rows = member.spec.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
                rows.filter_map(|row| Address::try_from(row.as_str()?.to_owned()).ok()).collect()
            };
            dags.old.extend(listed("/from/dags"));
            dags.new.extend(listed("/to/dags"));
        }
        dags
    }

    /// All of them, old before new.
    pub fn all(&self) -> impl Iterator<Item = &Address> {
        self.old.iter().chain(&self.new)
    }
}

/// The migrations of a wave that have a day to cut over, in order.
pub fn members<'d>(desired: &'d Desired, wave: &str) -> Vec<&'d Resource> {
    dated(desired).filter(|(resource, _)| name_of(resource) == wave).map(|(resource, _)| resource).collect()
}

/// Every wave with its day.
pub fn waves(desired: &Desired) -> std::collections::BTreeSet<(String, String)> {
    dated(desired).map(|(resource, day)| (name_of(resource).to_owned(), day.to_owned())).collect()
}

fn dated(desired: &Desired) -> impl Iterator<Item = (&Resource, &str)> {
    let migrations = desired.resources.iter().filter(|resource| resource.address.kind == Migration::NAME);
    migrations.filter_map(|resource| Some((resource, resource.spec["cutover"].as_str()?)))
}

/// The wave of a migration: of its own name where it names none.
fn name_of(resource: &Resource) -> &str {
    resource.spec["wave"].as_str().unwrap_or(&resource.address.name)
}

/// The hold that a rollback leaves. `None`: no migration of that wave has a day to cut over.
pub fn hold(desired: &Desired, wave: &str, by: &str, at: &str, reason: &str) -> Option<Hold> {
    let members = members(desired, wave);
    let cutover = members.first()?.spec["cutover"].as_str()?.to_owned();
    Some(Hold {
        format: HOLD_FORMAT.to_owned(),
        wave: wave.to_owned(),
        cutover,
        by: by.to_owned(),
        at: at.to_owned(),
        reason: reason.to_owned(),
        members: members.iter().map(|member| member.address.to_string()).collect(),
    })
}

/// A run of a new DAG since the cutover, as Airflow says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewRun {
    /// The DAG's id.
    pub dag: String,
    pub run: String,
    /// `running`, `queued`, `success`, `failed`.
    pub state: String,
    /// The beginning of the period that it is of: `2026-10-01`. None: it is of none.
    pub period: Option<String>,
}

/// The runs of a page of a DAG's runs that began, or are to begin, at this time or later: both forms of Airflow's API.
pub fn runs_since(dag: &str, page: &Value, since: jiff::Timestamp) -> Vec<NewRun> {
    let text = |row: &Value, name: &str| row.get(name).and_then(Value::as_str).map(str::to_owned);
    let time = |row: &Value, name: &str| text(row, name)?.parse::<jiff::Timestamp>().ok();
    let rows = page["dag_runs"].as_array().into_iter().flatten();
    let late = rows.filter(|row| {
        let began = time(row, "start_date").or_else(|| time(row, "queued_at")).or_else(|| time(row, "run_after"));
        // One that says nothing of when is waiting for its turn.
        began.is_none_or(|began| began >= since)
    });
    late.map(|row| NewRun {
        dag: dag.to_owned(),
        run: text(row, "dag_run_id").unwrap_or_else(|| "a run without an id".to_owned()),
        state: text(row, "state").unwrap_or_else(|| "in a state that Airflow does not say".to_owned()),
        period: text(row, "data_interval_start").map(|day| day.chars().take(10).collect()),
    })
    .collect()
}

/// What a rollback cannot undo, each in a line.
///
/// `runs`: of the new DAGs since the cutover. `unread`: why those of a DAG could not be read.
pub fn cannot_undo(desired: &Desired, wave: &str, runs: &[NewRun], unread: &[(String, String)]) -> Vec<String> {
    let mut lines = Vec::new();
    let is_over = |run: &&NewRun| !["running", "queued"].contains(&run.state.as_str());
    for run in runs.iter().filter(is_over) {
        let period = run.period.as_ref().map_or_else(String::new, |day| format!(" of the period from {day}"));
        lines.push(format!("{} ran {}{period} ({}): what it wrote stays", run.dag, run.run, run.state));
    }
    for run in runs.iter().filter(|run| !is_over(run)) {
        lines.push(format!(
            "{} has a run under way, {} ({}): it goes on, and writes, unless you end it in Airflow",
            run.dag, run.run, run.state
        ));
    }
    lines.extend(unread.iter().map(|(dag, why)| format!("what {dag} ran since is not known: {why}")));
    if !runs.is_empty() || !unread.is_empty() {
        let places = places(desired, wave);
        if !places.is_empty() {
            lines.push(format!("its runs write to {}", places.join(", ")));
        }
    }
    lines
        .push("whoever was switched by hand to what the new pipeline writes reads that until switched back".to_owned());
    lines
}

/// Where the new pipelines of a wave write once cut over, as far as it can be told: the values of the parameters of their
/// jobs that are something else until then.
fn places(desired: &Desired, wave: &str) -> Vec<String> {
    let mut places = std::collections::BTreeSet::new();
    for member in members(desired, wave) {
        let shadow = member.spec.pointer("/shadow/parameters").and_then(Value::as_object);
        let names: Vec<&String> = shadow.into_iter().flatten().map(|(name, _)| name).collect();
        let jobs = member.spec.pointer("/to/jobs").and_then(Value::as_array).into_iter().flatten();
        for job in jobs.filter_map(Value::as_str) {
            let Some(job) = desired.resources.iter().find(|r| r.address.to_string() == job) else { continue };
            let rows = job.spec["parameters"].as_array().into_iter().flatten();
            let real = rows.filter(|row| names.iter().any(|name| row["name"] == name.as_str()));
            places.extend(real.filter_map(|row| row["default"].as_str()).map(str::to_owned));
        }
    }
    places.into_iter().collect()
}
