//! What a cutover asks of kinds: to pause, to give runs other parameters, to switch on, and to tell which period is next.
//!
//! A kind takes part by implementing the trait here, and by a line in this file. Whatever decides and shows asks the trait, and
//! knows no kind by name.

use super::airflow::dag::AirflowDag;
use super::teardown::{StarterKind, successor};
use super::{Kind, Observed, Unsupported};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use plumb_model::address::Address;
use plumb_model::call::Call;
use plumb_model::read::{Pages, Read};
use plumb_model::yaml::Tree;
use serde_json::Value;
use std::collections::BTreeMap;

/// A kind whose objects a cutover pauses, gives other parameters and switches on.
pub trait CutoverKind: StarterKind {
    /// What a manifest means by leaving out whether it is paused, where a migration names the object as new: it is, until the
    /// wave is cut over.
    fn paused_until_cutover(&self) -> (&'static str, Tree);
    /// The spec with this said of it.
    fn with_paused(&self, spec: &mut Value, paused: bool);
    /// The call that pauses an object or switches it on.
    fn set_paused(&self, id: &str, paused: bool) -> Call;
    /// Where runs of these jobs are given these parameters, by the spec: each only to jobs that have it.
    fn settings(&self, spec: &Value, jobs: &[StartedJob], shadow: &BTreeMap<String, String>) -> Vec<ShadowSetting>;
    /// What a spec says there.
    fn setting(&self, spec: &Value, setting: &ShadowSetting) -> Option<Value>;
    /// Says this there.
    fn with_setting(&self, spec: &mut Value, setting: &ShadowSetting, value: Option<&Value>);
    /// The call that gives an object this spec, and waits until its service runs that very one. Whether it is paused stays.
    fn rewrite(&self, live: &Observed, body: &Value) -> Result<Call, Unsupported>;
    /// The read that shows which of its runs are under way, the queued ones included.
    fn under_way(&self, id: &str) -> Call;
    /// The reads that show which of its runs are under way, and which the clock has started since.
    fn wave_runs(&self, id: &str, since: Timestamp) -> Vec<Read>;
    /// The runs, out of the pages of [`CutoverKind::wave_runs`]' reads, in that order.
    fn runs_seen(&self, pages: &[Pages], since: Timestamp) -> Result<WaveRuns, String>;
    /// Why an object cannot be flipped as it is: its service cannot read it, or has not read it yet.
    fn broken(&self, seen: &Observed) -> Option<String>;
    /// The run that the clock starts next once the object is on, by what its service says.
    fn next_run_of(&self, seen: &Observed) -> NextRun;
    /// The first run that the clock starts after an instant if the object never ran before, by its manifest.
    fn first_run_after(&self, spec: &Value, after: Timestamp) -> NextRun;
    /// The shorter of the steps of its schedule before and after a tick: what tells one period from the next.
    fn step(&self, spec: &Value, at: Timestamp) -> Option<SignedDuration>;
    /// What its manifest has to say for its first run to be of the period that begins then: `start_date: 2026-11-02T04:00`.
    fn starting_with(&self, spec: &Value, start: Timestamp) -> Option<String>;
    /// Whether its manifest allows that switching it on starts a run at once, and what it has to say for it.
    fn may_start_at_once(&self, spec: &Value) -> Result<(), String>;
    /// The zone of its schedule; `None` when its manifest has no schedule.
    fn zone(&self, spec: &Value) -> Option<TimeZone>;
}

/// A job that a wave's new DAGs start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartedJob {
    pub address: Address,
    /// Its name, by which it may be started.
    pub title: String,
    /// The parameters that it can be given.
    pub parameters: Vec<String>,
}

/// One parameter of one task that is something else until the cutover.
#[derive(Clone, Debug, PartialEq)]
pub struct ShadowSetting {
    /// As plans show it: `tasks[run].params.job_parameters.output`.
    pub path: String,
    pub task: String,
    pub parameter: String,
    /// What it is until the cutover.
    pub shadow: Value,
    /// What the manifest says: what it is from then on. None: it is not given.
    pub real: Option<Value>,
}

/// The runs of an object, as far as a cutover asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WaveRuns {
    /// The ids of those that are queued or go on.
    pub under_way: Vec<String>,
    /// The ids of those that the clock started since the day of the cutover.
    pub scheduled: Vec<String>,
}

/// A run that the clock will start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextTick {
    /// When, at the earliest.
    pub at: Timestamp,
    /// The period that it is for.
    pub start: Timestamp,
    pub end: Timestamp,
}

/// Which run the clock starts next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextRun {
    Tick(NextTick),
    /// The clock starts none.
    Never,
    /// It cannot be told; why.
    Unknown(String),
}

/// A job as DAGs start it, by its manifest's spec.
pub fn started(address: &Address, kind: &dyn Kind, spec: &Value) -> Option<StartedJob> {
    let title = spec.get(kind.title()).and_then(Value::as_str).unwrap_or_default().to_owned();
    let parameters = successor(kind.name())?.parameters(spec);
    Some(StartedJob { address: address.clone(), title, parameters })
}

/// The kind of that name, if a cutover pauses and starts its objects.
pub fn find(kind: &str) -> Option<&'static dyn CutoverKind> {
    match kind {
        AirflowDag::NAME => Some(&AirflowDag),
        _ => None,
    }
}
