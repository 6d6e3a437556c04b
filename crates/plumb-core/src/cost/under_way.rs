//! Runs of DAGs that are under way, out of Airflow's answers: how far their tasks are, what these took before, and when the
//! run ends.
//!
//! Facts: REST API v2, `dagRuns` and `taskInstances` (`state`, `start_date`, `end_date`, `run_after`); v1 has no `run_after` of a
//! task. A task's times are those of its last try.

use super::facts::{KeptRuns, RunResult};
use super::run_end::{RunEndForecast, RunEndSample, TaskPhase, TaskProgress, as_far, forecast};
use super::sla::deadline_of;
use crate::kinds::airflow::dag_runs;
use crate::kinds::airflow::dag_spec::DagSpec;
use crate::kinds::databricks::job::DatabricksJob;
use crate::manifest::Desired;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use plumb_model::read::Pages;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A run of a DAG that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunUnderWay {
    pub dag_id: String,
    pub run_id: String,
    /// When it was due to start: what a deadline counts from.
    pub tick: Timestamp,
    pub started: Timestamp,
}

/// The runs of a listing that are running. What says no time is left out.
pub fn runs_under_way(pages: &Pages) -> Vec<RunUnderWay> {
    let rows = pages.iter().filter_map(|page| page["dag_runs"].as_array()).flatten();
    let run = |row: &Value| {
        let text = |name: &str| row[name].as_str().map(str::to_owned);
        let started = time(row, "start_date")?;
        Some(RunUnderWay {
            dag_id: text("dag_id")?,
            run_id: text("dag_run_id")?,
            tick: time(row, "run_after").unwrap_or(started),
            started,
        })
    };
    rows.filter(|row| row["state"] == "running").filter_map(run).collect()
}

/// When the run of a DAG ends, in a line. `current` are the task instances of the run, `earlier` those of earlier runs, and
/// `kept` says what runs of a task's job took that were kept. `None` without a deadline.
pub fn says(
    spec: &Value,
    run: &RunUnderWay,
    (current, earlier): (&[Value], &[Value]),
    kept: &dyn Fn(&str) -> Vec<u64>,
    now: Timestamp,
) -> Option<String> {
    let (_, deadline) = deadline_of(spec)?;
    let dag: DagSpec = serde_json::from_value(spec.clone()).ok()?;
    let due = run.tick.checked_add(deadline).ok()?;
    let zone = dag_runs::zone(&dag).unwrap_or(TimeZone::UTC);
    let before: Vec<&Value> = earlier.iter().filter(|row| row["dag_run_id"] != run.run_id.as_str()).collect();
    let failed: Vec<&str> =
        current.iter().filter(|row| is_lost(row)).filter_map(|row| row["task_id"].as_str()).collect();
    if !failed.is_empty() {
        return Some(format!("{} failed, so it does not end well", failed.join(", ")));
    }
    let tasks = progress(&dag, current, &before, kept);
    let Some(ends) = forecast(&tasks, run.started, now) else {
        return Some("when it ends is not known: its tasks wait for each other".to_owned());
    };
    let mut text = ends.says(due, now, &zone);
    text.push_str(&alike(&tasks, &before, &ends, (run, deadline), now));
    Some(text)
}

/// `; 11 of 11 earlier runs that were this far at this time made it`.
fn alike(
    tasks: &[TaskProgress],
    before: &[&Value],
    ends: &RunEndForecast,
    (run, deadline): (&RunUnderWay, SignedDuration),
    now: Timestamp,
) -> String {
    let after_tick = u64::try_from(now.duration_since(run.tick).as_secs()).unwrap_or(0);
    let is_open = |task: &&TaskProgress| !matches!(task.phase, TaskPhase::Done { .. });
    if !tasks.iter().any(|task| is_open(&task)) || !ends.unseen.is_empty() {
        return String::new();
    }
    match as_far(&earlier_runs(tasks, before, deadline), tasks, after_tick) {
        (_, 0) => String::new(),
        (made, all) => {
            let runs = if all == 1 { "run that was" } else { "runs that were" };
            format!("; {made} of {all} earlier {runs} no further at this time made it")
        }
    }
}

/// Whether a task has failed for good.
fn is_lost(row: &Value) -> bool {
    matches!(row["state"].as_str(), Some("failed" | "upstream_failed"))
}

fn progress(dag: &DagSpec, current: &[Value], before: &[&Value], kept: &dyn Fn(&str) -> Vec<u64>) -> Vec<TaskProgress> {
    let mut took: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for row in before.iter().filter(|row| row["state"] == "success") {
        let seconds =
            time(row, "start_date").zip(time(row, "end_date")).map(|(from, to)| to.duration_since(from).as_secs());
        if let (Some(id), Some(seconds)) = (row["task_id"].as_str(), seconds.and_then(|all| u64::try_from(all).ok())) {
            took.entry(id).or_default().push(seconds);
        }
    }
    let one = |task: &crate::kinds::airflow::dag_spec::DagTask| {
        let row = current.iter().find(|row| row["task_id"] == task.id.as_str());
        let at = |name: &str| row.and_then(|row| time(row, name));
        let phase = match (row.and_then(|row| row["state"].as_str()), at("start_date"), at("end_date")) {
            (Some("success" | "skipped"), _, Some(ended)) => TaskPhase::Done { ended },
            (Some("running" | "deferred"), Some(started), _) => TaskPhase::Running { started },
            _ => TaskPhase::Waiting,
        };
        let seen = took.remove(task.id.as_str()).unwrap_or_else(|| kept(&task.id));
        TaskProgress { id: task.id.clone(), after: task.after.clone().unwrap_or_default(), phase, took: seen }
    };
    dag.tasks.iter().flatten().map(one).collect()
}

/// The earlier runs of which every task ended well and the tick is known.
fn earlier_runs(tasks: &[TaskProgress], before: &[&Value], deadline: SignedDuration) -> Vec<RunEndSample> {
    let mut runs: BTreeMap<&str, RunEndSample> = BTreeMap::new();
    for row in before.iter().filter(|row| row["state"] == "success") {
        let (Some(run), Some(task)) = (row["dag_run_id"].as_str(), row["task_id"].as_str()) else { continue };
        let (Some(tick), Some(ended)) = (time(row, "run_after"), time(row, "end_date")) else { continue };
        let one = runs.entry(run).or_insert_with(|| RunEndSample { ended_after: BTreeMap::new(), was_in_time: true });
        let after = ended.duration_since(tick);
        one.was_in_time &= after <= deadline;
        one.ended_after.insert(task.to_owned(), u64::try_from(after.as_secs()).unwrap_or(0));
    }
    let all: BTreeSet<&str> = tasks.iter().map(|task| task.id.as_str()).collect();
    let is_whole = |run: &RunEndSample| all.iter().all(|id| run.ended_after.contains_key(*id));
    runs.into_values().filter(is_whole).collect()
}

/// How many seconds the kept runs of the job of a task took that ended well, by the manifests: of any side and migration.
pub fn job_times(desired: &Desired, dag: &serde_json::Value, task: &str, kept: &[KeptRuns]) -> Vec<u64> {
    let tasks = dag["tasks"].as_array().into_iter().flatten();
    let found = tasks.into_iter().find(|one| one["id"] == task);
    let Some(found) = found else { return Vec::new() };
    let of_manifest = |run: &str| {
        let name = run.strip_prefix(&format!("${{resources.{}.", DatabricksJob::NAME))?.strip_suffix('}')?;
        let job =
            desired.resources.iter().find(|one| one.kind.name() == DatabricksJob::NAME && one.address.name == name)?;
        job.spec["name"].as_str()
    };
    let name = found["job"].as_str().or_else(|| of_manifest(found["run"].as_str()?));
    let of = kept.iter().filter(|one| one.target == desired.target.name).flat_map(|one| &one.runs);
    let good = of.filter(|run| Some(run.name.as_str()) == name && run.outcome == RunResult::Succeeded);
    let took = good.filter_map(|run| run.ended?.duration_since(run.started?).as_secs().try_into().ok());
    took.collect()
}

fn time(row: &Value, name: &str) -> Option<Timestamp> {
    row[name].as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(text: &str) -> Timestamp {
        format!("2026-11-02T{text}:00Z").parse().unwrap()
    }

    fn spec() -> Value {
        json!({"deadline": "6h", "schedule": {"cron": "0 4 2 * *", "timezone": "UTC"}, "tasks": [
            {"id": "cleanse", "job": "cleanse"}, {"id": "aggregate", "job": "aggregate", "after": ["cleanse"]}]})
    }

    fn run() -> RunUnderWay {
        RunUnderWay { dag_id: "monthly".into(), run_id: "now".into(), tick: at("04:00"), started: at("04:05") }
    }

    /// A task of an earlier run of a day of October, which ran from so many minutes after its tick to so many.
    fn row(day: u32, task: &str, (from, to): (i64, i64)) -> Value {
        let tick: Timestamp = format!("2026-10-{day:02}T04:00:00Z").parse().unwrap();
        let minute = |minutes: i64| (tick + SignedDuration::from_mins(minutes)).to_string();
        json!({"dag_run_id": format!("run-{day}"), "task_id": task, "state": "success", "run_after": tick.to_string(),
               "start_date": minute(from), "end_date": minute(to)})
    }

    fn earlier() -> Vec<Value> {
        [(1, 60, 200), (2, 90, 400), (3, 100, 300)]
            .into_iter()
            .flat_map(|(day, first, last)| [row(day, "cleanse", (5, first)), row(day, "aggregate", (first, last))])
            .collect()
    }

    fn current(state: &str) -> Vec<Value> {
        vec![
            json!({"dag_run_id": "now", "task_id": "cleanse", "state": "success", "start_date": "2026-11-02T04:05:00Z",
                   "end_date": "2026-11-02T05:30:00Z"}),
            json!({"dag_run_id": "now", "task_id": "aggregate", "state": state, "start_date": "2026-11-02T05:30:00Z", "end_date": null}),
        ]
    }

    fn told(current: &[Value], earlier: &[Value], now: &str) -> String {
        says(&spec(), &run(), (current, earlier), &|_| Vec::new(), at(now)).unwrap()
    }

    #[test]
    fn the_end_is_told_from_the_same_tasks_of_earlier_runs() {
        // It took 140, 310 and 200 minutes; the second run was too late.
        let expected = "ends 07:50 to 10:40, due 10:00: not certain to be in time; from 3 earlier runs; 2 of 3 earlier runs \
                        that were no further at this time made it";
        assert_eq!(told(&current("running"), &earlier(), "06:00"), expected);
        assert_eq!(told(&current("deferred"), &earlier(), "06:00"), expected);
        // At 07:30 the first of them was done already.
        assert!(
            told(&current("running"), &earlier(), "07:30")
                .ends_with("; 1 of 2 earlier runs that were no further at this time made it")
        );
        let over = told(&current("running"), &earlier(), "11:20");
        assert_eq!(
            over,
            "late by 40 min already at `aggregate`, which never took as long; was due 10:00; from 3 earlier runs"
        );
    }

    #[test]
    fn the_run_itself_is_no_earlier_one_and_kept_runs_stand_in() {
        let own = current("success");
        assert!(
            told(&current("running"), &own, "06:00").ends_with("how long aggregate takes is not known: no earlier run")
        );
        let kept = |task: &str| if task == "aggregate" { vec![3600] } else { Vec::new() };
        let says = says(&spec(), &run(), (&current("running"), &[]), &kept, at("06:00")).unwrap();
        assert_eq!(says, "ends 06:30, due 10:00; from 1 earlier run");
    }

    #[test]
    fn a_task_that_failed_ends_the_telling_and_without_a_deadline_there_is_none() {
        assert_eq!(told(&current("failed"), &earlier(), "06:00"), "aggregate failed, so it does not end well");
        assert_eq!(says(&json!({"tasks": []}), &run(), (&[], &[]), &|_| Vec::new(), at("06:00")), None);
    }

    #[test]
    fn runs_are_read_out_of_the_listing() {
        let row = |state: &str, start: Value| {
            json!({"dag_id": "monthly", "dag_run_id": "now", "state": state,
            "start_date": start, "run_after": "2026-11-02T04:00:00Z"})
        };
        let started = json!("2026-11-02T04:05:00Z");
        let pages = vec![
            json!({"dag_runs": [row("running", started.clone()), row("queued", Value::Null), row("success", started)]}),
        ];
        assert_eq!(runs_under_way(&pages), [run()]);
    }
}
