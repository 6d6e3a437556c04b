//! Which period a run is for, and which run of a DAG it belongs to.
//!
//! What is written is believed first: a parameter, an argument of a step, the cluster's name. Then the run of the DAG that it
//! fell into; of an old run at last the schedule. Two that disagree are told, and nothing that is not written is guessed for a
//! new run.

use super::facts::{KeptRun, RunTrigger};
use crate::kinds::emr::compare::PeriodUnit;
use crate::kinds::emr::migration::{MigrationSpec, RunPeriod};
use crate::parity::dates::{period_between, period_in, time, whole_period};
use crate::parity::period::{self, Period};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use serde_json::Value;
use std::collections::BTreeSet;

/// How the periods of a migration are counted and written.
#[derive(Clone, Debug)]
pub struct PeriodRules {
    pub unit: PeriodUnit,
    pub zone: TimeZone,
    /// The parameter of new runs that says it, where the migration names one.
    pub run: Option<RunPeriod>,
}

impl PeriodRules {
    /// Those of a migration: months in UTC where it says nothing.
    ///
    /// # Errors
    /// Its zone is none.
    pub fn of(spec: &MigrationSpec) -> Result<PeriodRules, String> {
        let (unit, zone) = match &spec.compare {
            Some(compare) => (compare.period, period::zone(compare)?),
            None => (PeriodUnit::Month, TimeZone::UTC),
        };
        Ok(PeriodRules { unit, zone, run: spec.period.clone() })
    }

    /// A text that is a period of this unit: `2026-09` or `202609` of months.
    fn whole(&self, text: &str) -> Option<String> {
        let dashed = whole_period(text)?;
        Period::parse(self.unit, &dashed).ok().map(|period| period.name().to_owned())
    }

    /// A parameter's value as its migration writes it.
    fn written(&self, value: &str) -> Option<String> {
        let Some(format) = self.run.as_ref().and_then(|run| run.format.as_deref()) else {
            return self.whole(value).or_else(|| {
                let named = Period::parse(self.unit, value.trim());
                named.ok().map(|period| period.name().to_owned())
            });
        };
        let read = strtime::parse(format, value.trim()).ok()?;
        let day = read.to_date().ok().or_else(|| {
            // `%Y-%m` says no day: the first.
            let (year, month) = (read.year()?, read.month()?);
            Date::new(year, month, 1).ok()
        })?;
        Period::of_day(self.unit, day).map(|period| period.name().to_owned())
    }

    /// The period that a stretch of time is of.
    fn between(&self, from: Timestamp, to: Timestamp) -> Option<String> {
        let said = period_between(from, to)?;
        self.whole(&said)
    }

    /// The last period that is over at an instant.
    pub fn over_at(&self, at: Timestamp) -> Option<String> {
        Period::last_over(self.unit, &self.zone, at).map(|period| period.name().to_owned())
    }
}

/// A run of a DAG, as Airflow lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DagRunFacts {
    /// `legacy_audience/scheduled__2026-09-02T04:00:00+00:00`.
    pub id: String,
    pub trigger: RunTrigger,
    /// When it was due. Only of what the schedule started.
    pub tick: Option<Timestamp>,
    pub started: Timestamp,
    /// None: it goes on.
    pub ended: Option<Timestamp>,
    /// The stretch of data that it is for.
    pub interval: Option<(Timestamp, Timestamp)>,
}

impl DagRunFacts {
    /// An entry of `dagRuns`; none where it has not started.
    ///
    /// Facts: `run_type` is scheduled, manual, backfill or asset_triggered (Airflow 2: dataset_triggered); `run_after` is of
    /// Airflow 3, where 2 has the end of the data interval.
    pub fn read(dag: &str, row: &Value) -> Option<DagRunFacts> {
        let at = |name: &str| time(&row[name]);
        let run = row["dag_run_id"].as_str()?;
        let started = at("start_date")?;
        let trigger = match row["run_type"].as_str().unwrap_or_default() {
            "scheduled" | "asset_triggered" | "dataset_triggered" => RunTrigger::Scheduled,
            "manual" | "backfill" | "backfill_job" => RunTrigger::Manual,
            _ => RunTrigger::Unknown,
        };
        let due = at("run_after").or_else(|| at("data_interval_end")).or_else(|| at("logical_date"));
        Some(DagRunFacts {
            id: format!("{dag}/{run}"),
            trigger,
            tick: due.filter(|_| trigger == RunTrigger::Scheduled),
            started,
            ended: at("end_date"),
            interval: at("data_interval_start").zip(at("data_interval_end")),
        })
    }

    fn has(&self, at: Timestamp) -> bool {
        self.started <= at && self.ended.is_none_or(|end| at <= end)
    }
}

/// The run of a DAG during which something started: none where there are several.
pub fn dag_run_at(runs: &[DagRunFacts], at: Timestamp) -> Option<&DagRunFacts> {
    let mut during = runs.iter().filter(|run| run.has(at));
    during.next().filter(|_| during.next().is_none())
}

/// Adds to a run what the DAG's run that it fell into says: of one that is kept, too, it may be known later only.
pub fn belongs_to(run: &mut KeptRun, dag_run: &DagRunFacts) {
    run.dag_run = Some(dag_run.id.clone());
    if matches!(run.trigger, RunTrigger::Unknown | RunTrigger::Manual) {
        run.trigger = dag_run.trigger;
        run.tick = dag_run.tick;
    }
}

/// What a run says of its period.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SaidPeriod {
    pub period: Option<String>,
    /// What is to be told of it: a disagreement, or that it follows from the schedule alone.
    pub note: Option<String>,
}

/// The period that arguments say: `--month 2026-09`, `MONTH=2026-09`, else `…/month=2026-09/…`. None where two disagree.
pub fn said_by_arguments(rules: &PeriodRules, arguments: &[&str]) -> Option<String> {
    let options = arguments.iter().zip(arguments.iter().skip(1)).filter(|(name, _)| name.starts_with('-'));
    let assigned = arguments.iter().filter_map(|argument| argument.split_once('='));
    let named = options.map(|(name, value)| (*name, *value)).chain(assigned.filter(|(name, _)| !name.contains('/')));
    let of_options = agreed(rules, named);
    if of_options.is_some() {
        return of_options;
    }
    let parts = arguments.iter().flat_map(|argument| argument.split('/')).filter_map(|part| part.split_once('='));
    agreed(rules, parts).or_else(|| {
        // A bare argument: `notify.sh 2026-09`.
        let bare: BTreeSet<String> = arguments.iter().filter_map(|argument| rules.whole(argument)).collect();
        only(bare)
    })
}

/// The one value of names that are about time. Names of periods come before names of days.
fn agreed<'a>(rules: &PeriodRules, named: impl Iterator<Item = (&'a str, &'a str)>) -> Option<String> {
    let mut found: [BTreeSet<String>; 2] = [BTreeSet::new(), BTreeSet::new()];
    for (name, value) in named {
        let name = name.to_ascii_lowercase();
        let Some(period) = rules.whole(value) else { continue };
        if ["period", "month", "week"].iter().any(|part| name.contains(part)) {
            found[0].insert(period);
        } else if ["date", "day", "ds", "dt", "as_of", "as-of", "partition"].iter().any(|part| name.contains(part)) {
            found[1].insert(period);
        }
    }
    found.into_iter().find(|periods| !periods.is_empty()).and_then(only)
}

fn only(mut found: BTreeSet<String>) -> Option<String> {
    if found.len() == 1 { found.pop_first() } else { None }
}

/// The period of an old run, by the arguments of its steps, its name, the DAG's run that it fell into, its start.
pub fn of_old(
    rules: &PeriodRules,
    arguments: Option<&str>,
    name: &str,
    dag_run: Option<&DagRunFacts>,
    started: Option<Timestamp>,
) -> SaidPeriod {
    let by_name = period_in(name).and_then(|period| rules.whole(&period));
    let by_dag = dag_run.and_then(|run| run.interval).and_then(|(from, to)| rules.between(from, to));
    let by_start = dag_run.and_then(|run| run.tick).or(started).and_then(|at| rules.over_at(at));
    let said = [("its steps", arguments.map(str::to_owned)), ("its name", by_name), ("its DAG's run", by_dag)];
    let mut said = said.into_iter().filter_map(|(what, period)| Some((what, period?)));
    match said.next() {
        Some((what, period)) => {
            let other = said.find(|(_, other)| *other != period);
            let note = other.map(|(other, says)| format!("{what} says {period} and {other} {says}"));
            SaidPeriod { period: Some(period), note: note.map(|note| note.replace("steps says", "steps say")) }
        }
        None => {
            let note = by_start.as_ref().map(|period| {
                format!("neither its name nor its steps say a period: {period} was the last one over when it started")
            });
            SaidPeriod { period: by_start, note }
        }
    }
}

/// The period of a new run, by its parameter, else by the DAG's run that it fell into.
pub fn of_new(rules: &PeriodRules, parameters: &[(String, String)], dag_run: Option<&DagRunFacts>) -> SaidPeriod {
    let by_parameter = match &rules.run {
        Some(run) => {
            let value = parameters.iter().find(|(name, _)| *name == run.parameter);
            value.and_then(|(_, value)| rules.written(value))
        }
        // None is named: a parameter that is called so.
        None => agreed(rules, parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()))),
    };
    let by_dag = dag_run.and_then(|run| run.interval).and_then(|(from, to)| rules.between(from, to));
    match (by_parameter, by_dag) {
        (Some(period), Some(other)) if period != other => {
            let note = format!("its parameter says {period} and its DAG's run {other}");
            SaidPeriod { period: Some(period), note: Some(note) }
        }
        (Some(period), _) | (None, Some(period)) => SaidPeriod { period: Some(period), note: None },
        (None, None) => {
            let note = match &rules.run {
                Some(run) => match parameters.iter().find(|(name, _)| *name == run.parameter) {
                    Some(_) => format!("the value of its parameter `{}` is no period", run.parameter),
                    None => format!("it has no parameter `{}`", run.parameter),
                },
                None => "no parameter says it: name one with `period.parameter`".to_owned(),
            };
            let dag =
                if dag_run.is_some() { "its DAG's run is for no such period" } else { "no run of a DAG started it" };
            SaidPeriod { period: None, note: Some(format!("{note}, and {dag}")) }
        }
    }
}

#[cfg(test)]
#[path = "place_tests.rs"]
mod tests;
