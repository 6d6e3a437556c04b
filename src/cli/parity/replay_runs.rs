//! The runs of replays: started so that a lost answer starts nothing twice, kept as soon as they are known, and waited for.

use super::run::write;
use crate::disk::Disk;
use crate::ui::{Failure, Ui};
use jiff::{SignedDuration, Timestamp};
use plumb_core::kinds::emr::migration::RunPeriod;
use plumb_core::parity::period::Period;
use plumb_core::parity::replay::{
    ReplayRecord, ReplayRun, ReplayStep, ReplayedRun, period_value, record_path, run_parameters, start_token,
};
use plumb_core::runs::RunStanding;
use plumb_model::call::{Call, Method, Service, ServiceError, System};
use plumb_model::secrets::Vault;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// The pause before the second look at a run, and the longest; each is longer by a third than the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(300);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// How often is said that a run goes on.
const TOLD_EVERY: Duration = Duration::from_secs(60);
/// How many looks at a run may fail one after the other, each with the client's own retries.
const FAILED_LOOKS: u32 = 20;
/// How many earlier starts of which no record is left are passed over.
const EARLIER_STARTS: usize = 20;
/// By so much clocks may differ.
const CLOCKS: SignedDuration = SignedDuration::from_mins(10);

/// What replays of one migration share.
pub struct ReplayRuns {
    pub service: Arc<dyn Service>,
    /// The folder of the project.
    pub dir: PathBuf,
    pub project: String,
    pub target: String,
    pub migration: String,
    /// Each with the id of its job.
    pub steps: Vec<(ReplayStep, String)>,
    pub told: RunPeriod,
    pub shadow: BTreeMap<String, String>,
    pub vault: Vault,
    /// Whether runs that ended well before are made again.
    pub again: bool,
    /// When the last comparison of a period was made.
    pub compared: BTreeMap<String, Timestamp>,
    /// When the command began.
    pub since: Timestamp,
}

/// How the runs of a period ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeriodEnd {
    Well,
    /// Why not.
    Badly(String),
    /// Nobody waits any more, and a run goes on.
    StillRunning,
    /// Nothing goes on; not all was started.
    NotStarted,
}

/// A period and its runs of this attempt.
pub struct PeriodRuns {
    pub period: Period,
    pub runs: Vec<ReplayedRun>,
    pub end: PeriodEnd,
}

/// What is known of a run.
struct RunLook {
    ended: bool,
    /// `SUCCESS`, or whatever the run says of itself.
    state: String,
    url: Option<String>,
    started: Option<Timestamp>,
}

impl RunLook {
    fn is_well(&self) -> bool {
        self.ended && self.state == "SUCCESS"
    }

    fn of(answer: &Value) -> RunLook {
        let RunStanding { word, ended, .. } = RunStanding::of(answer);
        let started = answer["start_time"].as_i64().and_then(|ms| Timestamp::from_millisecond(ms).ok());
        RunLook {
            ended,
            state: word,
            url: answer["run_page_url"].as_str().filter(|url| !url.is_empty()).map(str::to_owned),
            started,
        }
    }
}

/// What the runs of all periods are, as far as they were started.
type KnownRuns = Arc<Mutex<BTreeMap<String, Vec<ReplayedRun>>>>;

/// What a period's task is told, and tells.
struct Wires {
    stop: watch::Receiver<bool>,
    says: mpsc::UnboundedSender<String>,
    known: KnownRuns,
}

impl Wires {
    fn is_stopped(&self) -> bool {
        *self.stop.borrow()
    }

    /// Sleeps, or returns at once when nobody is to wait any more.
    async fn pause(&mut self, pause: Duration) {
        let stopped = self.stop.wait_for(|stopped| *stopped);
        tokio::select! {
            _ = stopped => {}
            () = tokio::time::sleep(pause) => {}
        }
    }

    fn keep(&self, period: &Period, run: &ReplayedRun) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let runs = known.entry(period.name().to_owned()).or_default();
        match runs.iter_mut().find(|one| one.run_id == run.run_id) {
            Some(one) => one.clone_from(run),
            None => runs.push(run.clone()),
        }
    }
}

/// Runs the periods, so many at once. Ctrl-C starts nothing more and stops the waiting; a second one also stops what is being
/// sent. The last answer says whether it was interrupted.
pub async fn run_all(runs: &Arc<ReplayRuns>, periods: &[Period], at_once: usize, ui: &Ui) -> (Vec<PeriodRuns>, bool) {
    let (stop, stopped) = watch::channel(false);
    let (says, mut said) = mpsc::unbounded_channel();
    let known = KnownRuns::default();
    let (mut left, mut going, mut ends) = (periods.iter(), JoinSet::new(), BTreeMap::new());
    let mut interrupted = 0;
    let mut signal = Box::pin(tokio::signal::ctrl_c());
    loop {
        while interrupted == 0
            && going.len() < at_once
            && let Some(period) = left.next().cloned()
        {
            let (runs, stop, says, known) = (runs.clone(), stopped.clone(), says.clone(), known.clone());
            going.spawn(async move {
                let mut wires = Wires { stop, says, known };
                let end = runs.period(&period, &mut wires).await;
                (period.name().to_owned(), end)
            });
        }
        tokio::select! {
            biased;
            Ok(()) = &mut signal => {
                interrupted += 1;
                // Heard again before anybody is told of it.
                signal = Box::pin(tokio::signal::ctrl_c());
                let _ = stop.send(true);
                if interrupted > 1 {
                    going.abort_all();
                } else {
                    ui.warn("interrupted: nothing more is started, and nothing is waited for");
                }
            }
            Some(text) = said.recv() => ui.status(&text),
            Some(done) = going.join_next() => {
                if let Ok((period, end)) = done {
                    ends.insert(period, end);
                }
            }
            else => break,
        }
        if going.is_empty() && (interrupted > 0 || left.len() == 0) {
            break;
        }
    }
    while let Ok(text) = said.try_recv() {
        ui.status(&text);
    }
    let known = known.lock().unwrap_or_else(PoisonError::into_inner);
    let all = periods.iter().map(|period| {
        let runs = known.get(period.name()).cloned().unwrap_or_default();
        let broken = if runs.is_empty() { PeriodEnd::NotStarted } else { PeriodEnd::StillRunning };
        PeriodRuns { period: period.clone(), runs, end: ends.remove(period.name()).unwrap_or(broken) }
    });
    (all.collect(), interrupted > 0)
}

impl ReplayRuns {
    /// Runs one period, job after job.
    async fn period(&self, period: &Period, wires: &mut Wires) -> PeriodEnd {
        match self.steps_of(period, wires).await {
            Ok(end) => end,
            Err(why) => PeriodEnd::Badly(why),
        }
    }

    async fn steps_of(&self, period: &Period, wires: &mut Wires) -> Result<PeriodEnd, String> {
        let mut record = self.record(period)?;
        let gone_on = self.to_go_on(period, &record).await?;
        let before = record.runs.len() - gone_on.len();
        for (index, (step, _)) in self.steps.iter().enumerate() {
            let run_id = match gone_on.get(index) {
                Some(run) => {
                    let _ = wires.says.send(format!("{period}: going on with run {} of {}", run.run_id, step.job));
                    run.run_id
                }
                None if wires.is_stopped() => return Ok(PeriodEnd::NotStarted),
                None => {
                    let run_id = self.start(period, (before, index), &mut record).await?;
                    let _ = wires.says.send(format!("{period}: started run {run_id} of {}", step.job));
                    run_id
                }
            };
            let mut run = ReplayedRun { job: step.job.to_string(), run_id, url: None, state: "STARTED".into() };
            wires.keep(period, &run);
            let Some(look) = self.wait(period, &mut run, wires).await? else { return Ok(PeriodEnd::StillRunning) };
            if !look.is_well() {
                let hint = format!("`plumb diagnose {run_id}` says why");
                return Err(format!("run {run_id} of {} ended with {}: {hint}", step.job, look.state));
            }
        }
        let _ = wires.says.send(format!("{period}: every run ended well"));
        Ok(PeriodEnd::Well)
    }

    /// What is kept of the period's replays.
    fn record(&self, period: &Period) -> Result<ReplayRecord, String> {
        let path = record_path(&self.migration, period.name());
        let wrong = |why: String| format!("{path} cannot be used: {why}; move it away, or correct it");
        let disk = Disk::new(&self.dir).map_err(|e| wrong(e.to_string()))?;
        match disk.text_at(&path).map_err(wrong)? {
            Some(text) => ReplayRecord::parse(&text, &self.target, &self.migration, period).map_err(wrong),
            None => Ok(ReplayRecord::new(&self.target, &self.migration, period, self.since)),
        }
    }

    /// The runs of an attempt that was broken off, and is gone on with: none of them ended badly, and either one is still
    /// under way, or nothing was compared since.
    async fn to_go_on(&self, period: &Period, record: &ReplayRecord) -> Result<Vec<ReplayRun>, String> {
        let steps: Vec<ReplayStep> = self.steps.iter().map(|(step, _)| step.clone()).collect();
        let attempt = record.attempt(&steps);
        let mut goes_on = false;
        for run in attempt {
            match self.look(run.run_id).await {
                Ok(look) if look.is_well() => {}
                Ok(look) if !look.ended => goes_on = true,
                Ok(_) => return Ok(Vec::new()),
                // The workspace forgets runs after 60 days.
                Err(fault) if fault.is_gone() => return Ok(Vec::new()),
                Err(fault) => return Err(format!("run {} could not be read: {fault}", run.run_id)),
            }
        }
        let compared = self.compared.get(period.name()).is_some_and(|at| *at >= record.at);
        Ok(if goes_on || !self.again && !compared { attempt.to_vec() } else { Vec::new() })
    }

    /// Starts a run, and keeps it.
    async fn start(
        &self,
        period: &Period,
        (before, index): (usize, usize),
        record: &mut ReplayRecord,
    ) -> Result<u64, String> {
        let (step, job_id) = &self.steps[index];
        let value = period_value(&self.told, period)?;
        let parameters = run_parameters(step, (&self.told.parameter, value), &self.shadow);
        let names = (self.project.as_str(), self.target.as_str(), self.migration.as_str());
        let number: u64 =
            job_id.parse().map_err(|_| format!("{} has the id `{job_id}`, which is no number", step.job))?;
        for earlier in 0..EARLIER_STARTS {
            let token = start_token(names, period, (before + earlier, index), (job_id, &parameters));
            let body = json!({"job_id": number, "job_parameters": parameters, "idempotency_token": token});
            // The token makes it repeatable.
            let call =
                Call::set(System::Databricks, Method::Post, "/api/2.2/jobs/run-now", self.vault.reveal_in(&body));
            let answer = self.service.send(&call).await.map_err(|fault| not_started(step, &fault))?;
            let run_id = answer.body["run_id"].as_u64();
            let run_id = run_id.ok_or_else(|| format!("{}: run-now answered no run_id; {LOOK}", step.job))?;
            if record.runs.iter().any(|run| run.run_id == run_id) {
                continue;
            }
            record.runs.push(ReplayRun { job: step.job.to_string(), run_id });
            record.at = Timestamp::now().max(self.since);
            self.keep(record).map_err(|failure| {
                format!("run {run_id} of {} was started, and could not be kept: {}", step.job, failure.message)
            })?;
            if !self.is_earlier(run_id).await {
                return Ok(run_id);
            }
        }
        Err(format!("{}: {EARLIER_STARTS} earlier starts were found, and no new one came about", step.job))
    }

    /// Whether a start found a run of an earlier command whose record is lost, and which is of no use any more.
    async fn is_earlier(&self, run_id: u64) -> bool {
        // What cannot be read is looked at again when it is waited for.
        let Ok(look) = self.look(run_id).await else { return false };
        let is_old = look.started.is_some_and(|started| started < self.since - CLOCKS);
        is_old && look.ended && (self.again || !look.is_well())
    }

    fn keep(&self, record: &ReplayRecord) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(record).map_err(|e| Failure::error(e.to_string()))?;
        write(&self.dir, &record_path(&record.migration, &record.period), &(text + "\n"))
    }

    async fn look(&self, run_id: u64) -> Result<RunLook, ServiceError> {
        let call = Call::get(System::Databricks, "/api/2.2/jobs/runs/get").query("run_id", run_id.to_string());
        Ok(RunLook::of(&self.service.send(&call).await?.body))
    }

    /// Waits until a run has ended; `None` when nobody is to wait any more.
    async fn wait(&self, period: &Period, run: &mut ReplayedRun, wires: &mut Wires) -> Result<Option<RunLook>, String> {
        let (mut pause, mut failed, since) = (FIRST_PAUSE, 0, Instant::now());
        let mut told = since;
        loop {
            match self.look(run.run_id).await {
                Ok(look) => {
                    failed = 0;
                    run.url = look.url.clone().or_else(|| run.url.take());
                    run.state.clone_from(&look.state);
                    wires.keep(period, run);
                    if look.ended {
                        return Ok(Some(look));
                    }
                }
                Err(fault) if fault.may_pass() && failed < FAILED_LOOKS => {
                    failed += 1;
                    let _ = wires
                        .says
                        .send(format!("{period}: run {} could not be read, trying again: {fault}", run.run_id));
                }
                Err(fault) => return Err(format!("run {} could not be read, and may go on: {fault}", run.run_id)),
            }
            if wires.is_stopped() {
                return Ok(None);
            }
            if told.elapsed() >= TOLD_EVERY {
                told = Instant::now();
                let minutes = since.elapsed().as_secs() / 60;
                let _ = wires.says.send(format!("{period}: run {} is {}, {minutes} min so far", run.run_id, run.state));
            }
            wires.pause(pause).await;
            pause = (pause * 4 / 3).min(LONGEST_PAUSE);
        }
    }
}

/// What to do when it is not known whether a run was started.
const LOOK: &str = "the same command again finds the run, if there is one, and starts no second";

fn not_started(step: &ReplayStep, fault: &ServiceError) -> String {
    if fault.may_have_happened() {
        format!("whether a run of {} was started is not known: {fault}; {LOOK}", step.job)
    } else {
        format!("no run of {} was started: {fault}", step.job)
    }
}
