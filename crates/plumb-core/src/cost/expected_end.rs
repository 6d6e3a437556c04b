//! When runs of a DAG are expected to end, beside its deadline: of runs that Airflow has, else of those that were kept, else of
//! what the jobs of its tasks took. Values that were seen, and where nothing was seen, nothing is said.

use super::facts::{KeptRuns, RunSide};
use super::run_end::{TaskPhase, TaskProgress, forecast};
use super::sla::{OnTimeShare, SeenDurations, SlaSubject, clock, deadline_of, side};
use super::under_way::job_times;
use crate::kinds::airflow::dag_deadline::DeadlineStart;
use crate::kinds::airflow::dag_spec::DagSpec;
use crate::kinds::emr::migration::Migration;
use crate::manifest::{Desired, Resource};
use jiff::{SignedDuration, Timestamp};
use plumb_model::address::Address;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// A run of a DAG that ended well, as Airflow tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndedRun {
    pub is_scheduled: bool,
    pub queued: Option<Timestamp>,
    /// When its data interval ended.
    pub due: Option<Timestamp>,
    pub ended: Timestamp,
}

/// What is known of the end of a DAG's runs, beside its deadline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DeadlineOutlook {
    /// As the manifest has it: `6h`.
    pub deadline: String,
    /// What it counts from on this Airflow.
    pub counts_from: DeadlineStart,
    pub expected: ExpectedEnd,
    /// Whether the expected end is after the deadline.
    pub is_missed: bool,
}

/// When a run is expected to end, in seconds after what the deadline counts from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum ExpectedEnd {
    /// Of its own runs: in the middle of what they took.
    Runs {
        /// Of those that ended well.
        took: SeenDurations,
        in_time: OnTimeShare,
        /// Whether they were kept in the repository, and are not Airflow's own.
        kept: bool,
    },
    /// Of kept runs of the jobs of its tasks: it has no run of its own.
    Tasks { shortest: u64, longest: u64 },
    /// It is not known.
    Unknown { why: String },
}

/// The runs of a page of Airflow's (REST API v2, `dagRuns`) that ended well.
pub fn ended_runs(page: &Value) -> Vec<EndedRun> {
    let rows = page["dag_runs"].as_array().into_iter().flatten();
    let time = |row: &Value, name: &str| row[name].as_str()?.parse::<Timestamp>().ok();
    rows.filter(|row| row["state"] == "success")
        .filter_map(|row| {
            Some(EndedRun {
                is_scheduled: row["run_type"] == "scheduled",
                queued: time(row, "queued_at"),
                due: time(row, "run_after"),
                ended: time(row, "end_date")?,
            })
        })
        .collect()
}

/// What is known of the end of a DAG's runs. `ended` are those that Airflow tells of, or why it does not. `None` without a
/// deadline.
pub fn outlook(
    (desired, dag): (&Desired, &Resource),
    counts_from: DeadlineStart,
    ended: Option<&Result<Vec<EndedRun>, String>>,
    kept: &[KeptRuns],
    now: Timestamp,
) -> Option<DeadlineOutlook> {
    let (written, deadline) = deadline_of(&dag.spec)?;
    let seconds = u64::try_from(deadline.as_secs()).ok()?;
    let expected = ended
        .and_then(|ended| of_runs(ended.as_ref().ok()?, counts_from, seconds))
        .or_else(|| of_kept(desired, &dag.address, deadline, kept, now))
        .or_else(|| of_tasks(desired, &dag.spec, kept))
        .unwrap_or_else(|| ExpectedEnd::Unknown {
            why: match ended {
                Some(Err(why)) => why.clone(),
                _ => "no finished run yet".to_owned(),
            },
        });
    let is_missed = match &expected {
        ExpectedEnd::Runs { took, .. } => took.middle > seconds,
        ExpectedEnd::Tasks { shortest, .. } => *shortest > seconds,
        ExpectedEnd::Unknown { .. } => false,
    };
    Some(DeadlineOutlook { deadline: written, counts_from, expected, is_missed })
}

/// An SLA of Airflow 2 is of scheduled runs alone.
fn of_runs(ended: &[EndedRun], counts_from: DeadlineStart, deadline: u64) -> Option<ExpectedEnd> {
    let took = |run: &EndedRun| {
        let begin = match counts_from {
            DeadlineStart::Queued => run.queued,
            DeadlineStart::DataIntervalEnd => run.due.filter(|_| run.is_scheduled),
        };
        u64::try_from(run.ended.duration_since(begin?).as_secs()).ok()
    };
    let all: Vec<u64> = ended.iter().filter_map(took).collect();
    let in_time = all.iter().filter(|seconds| **seconds <= deadline).count();
    let in_time = OnTimeShare::of(in_time as u64, all.len() as u64);
    Some(ExpectedEnd::Runs { took: SeenDurations::of(all)?, in_time, kept: false })
}

fn of_kept(
    desired: &Desired,
    dag: &Address,
    deadline: SignedDuration,
    kept: &[KeptRuns],
    now: Timestamp,
) -> Option<ExpectedEnd> {
    subjects(desired, dag).find_map(|subject| {
        let sla = side(kept, subject, Some(deadline), now);
        let (in_time, took) = match (sla.on_time, sla.apart) {
            (Some(share), _) => (share, sla.after_tick),
            (None, share) => (share?, sla.took_apart),
        };
        Some(ExpectedEnd::Runs { took: took?, in_time, kept: true })
    })
}

/// The sides of the Migrations that name a DAG.
fn subjects<'a>(desired: &'a Desired, dag: &Address) -> impl Iterator<Item = SlaSubject<'a>> {
    let address = dag.to_string();
    let names = move |spec: &Value, pointer: &str| {
        spec.pointer(pointer).and_then(Value::as_array).is_some_and(|all| all.iter().any(|one| *one == address))
    };
    let migrations = desired.resources.iter().filter(|one| one.kind.name() == Migration::NAME);
    migrations.filter_map(move |one| {
        let side = if names(&one.spec, "/to/dags") {
            RunSide::New
        } else if names(&one.spec, "/from/dags") {
            RunSide::Old
        } else {
            return None;
        };
        Some(SlaSubject { target: &desired.target.name, migration: &one.address.name, side })
    })
}

/// The longest path through the DAG, each task between the shortest and the longest that a kept run of its job took.
fn of_tasks(desired: &Desired, spec: &Value, kept: &[KeptRuns]) -> Option<ExpectedEnd> {
    let dag: DagSpec = serde_json::from_value(spec.clone()).ok()?;
    let task = |task: &crate::kinds::airflow::dag_spec::DagTask| TaskProgress {
        id: task.id.clone(),
        after: task.after.clone().unwrap_or_default(),
        phase: TaskPhase::Waiting,
        took: job_times(desired, spec, &task.id, kept),
    };
    let tasks: Vec<TaskProgress> = dag.tasks.iter().flatten().map(task).collect();
    let begin = Timestamp::UNIX_EPOCH;
    let ends = forecast(&tasks, begin, begin).filter(|ends| ends.seen > 0)?;
    let after = |end: Timestamp| u64::try_from(end.duration_since(begin).as_secs()).ok();
    Some(ExpectedEnd::Tasks { shortest: after(ends.earliest)?, longest: after(ends.latest?)? })
}

impl DeadlineOutlook {
    /// `deadline 6h after it is queued; expected end 3:40 (2:10 … 4:10, 9 runs); 9 of 9 in time`: hours and minutes.
    pub fn says(&self) -> String {
        let expected = match &self.expected {
            ExpectedEnd::Runs { took, in_time, kept } => {
                let runs = match (took.count, kept) {
                    (1, false) => "1 run".to_owned(),
                    (1, true) => "1 kept run".to_owned(),
                    (count, false) => format!("{count} runs"),
                    (count, true) => format!("{count} kept runs"),
                };
                let spread = match (took.count, took.p95) {
                    (1, _) => String::new(),
                    (_, None) => format!("{} … {}, ", clock(took.shortest), clock(took.longest)),
                    (_, Some(p95)) => {
                        format!("{} … {}, p95 {}, ", clock(took.shortest), clock(took.longest), clock(p95))
                    }
                };
                let share = format!("{} of {} in time", in_time.good, in_time.of);
                format!("expected end {} ({spread}{runs}); {share}", clock(took.middle))
            }
            ExpectedEnd::Tasks { shortest, longest } => {
                let ends = if clock(*shortest) == clock(*longest) {
                    clock(*longest)
                } else {
                    format!("{} to {}", clock(*shortest), clock(*longest))
                };
                format!("expected end {ends} (kept runs of its jobs; no run of its own yet)")
            }
            ExpectedEnd::Unknown { why } => format!("expected end not known: {why}"),
        };
        format!("deadline {} {}; {expected}", self.deadline, self.counts_from.says())
    }

    /// Whether anything tells when a run ends.
    pub fn is_known(&self) -> bool {
        !matches!(self.expected, ExpectedEnd::Unknown { .. })
    }

    /// What to warn of: the expected end is after the deadline.
    pub fn warns(&self) -> Option<String> {
        let end = match &self.expected {
            ExpectedEnd::Runs { took, .. } => clock(took.middle),
            ExpectedEnd::Tasks { shortest, .. } => format!("{} at the earliest", clock(*shortest)),
            ExpectedEnd::Unknown { .. } => return None,
        };
        let (deadline, from) = (&self.deadline, self.counts_from.says());
        self.is_missed.then(|| {
            format!(
                "its runs are expected to miss the deadline: they end {end} {from}, and the deadline is {deadline}; allow \
                 more, or make them faster"
            )
        })
    }
}

#[cfg(test)]
#[path = "expected_end_tests.rs"]
mod tests;
