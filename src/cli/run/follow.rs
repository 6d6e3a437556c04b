//! Following a run to its end.

use crate::services;
use crate::ui::Ui;
use plumb_core::render::run::StartedRun;
use plumb_core::runs::FollowedRun;
use plumb_model::call::{Call, Service, ServiceError, System};
use plumb_model::read::{Paging, Read};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// The pause before the second look at a run, and the longest; each is longer by a third than the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// How many looks may fail one after the other, each with the client's own retries.
const FAILED_LOOKS: u32 = 20;
/// How often a log is told that nothing changed: runners end jobs that are silent for ten minutes.
const TOLD_EVERY: Duration = Duration::from_secs(300);
/// How many tasks are shown on a terminal at once.
const MOST_ROWS: usize = 15;
/// How many tasks that failed are asked for their errors.
const MOST_ERRORS: usize = 10;
/// How much of an error is shown.
const MOST_SAID: usize = 1_000;

/// What became of waiting for a run.
pub enum Followed {
    /// Nobody wanted to wait.
    NotWaitedFor,
    /// It ended. With the errors of the tasks that failed, by their keys.
    Ended { end: FollowedRun, said: BTreeMap<String, String> },
    /// Ctrl-C: it goes on.
    Left,
    /// It cannot be read any more.
    Unknown { why: String, seen: Option<FollowedRun> },
}

/// Ctrl-C, heard from the beginning: none is lost between two things that are waited for.
pub struct Stops {
    count: watch::Receiver<u32>,
}

impl Stops {
    /// Listens from now on.
    pub fn listen() -> Stops {
        let (sender, count) = watch::channel(0);
        tokio::spawn(async move {
            // Where signals cannot be heard nothing ever stops.
            while tokio::signal::ctrl_c().await.is_ok() {
                sender.send_modify(|count| *count += 1);
            }
            std::future::pending::<()>().await;
        });
        Stops { count }
    }

    /// Whether there was one.
    pub fn heard(&self) -> bool {
        *self.count.borrow() > 0
    }

    /// Returns at the next one.
    pub async fn next(&mut self) {
        if self.count.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// What some work comes to, or `None` at the next Ctrl-C.
    pub async fn unless<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.next() => None,
            done = work => Some(done),
        }
    }
}

/// Reads a run with all its tasks.
pub async fn look(service: &dyn Service, run_id: u64) -> Result<FollowedRun, ServiceError> {
    let call = Call::get(System::Databricks, "/api/2.2/jobs/runs/get").query("run_id", run_id.to_string());
    let read = Read { call, paging: Paging::Token { param: "page_token", next: "/next_page_token" } };
    Ok(FollowedRun::of(&services::read(service, &read).await?))
}

/// Follows a run until it ends, nobody waits any more, or it cannot be read.
pub async fn to_its_end(
    service: &dyn Service,
    run: &StartedRun,
    first: Option<FollowedRun>,
    stops: &mut Stops,
    ui: &Ui,
) -> Followed {
    let list = ui.tasks();
    let (mut seen, mut pause, mut failed): (Option<FollowedRun>, _, _) = (None, FIRST_PAUSE, 0);
    let (since, mut told) = (Instant::now(), Instant::now());
    let mut next = first;
    if stops.heard() {
        return Followed::Left;
    }
    loop {
        if let Some(now) = next.take() {
            let mut changes = now.changes(seen.as_ref());
            if changes.is_empty() && told.elapsed() >= TOLD_EVERY {
                let minutes = since.elapsed().as_secs() / 60;
                changes.push(format!("run {}: {}, {minutes} min so far", run.run_id, now.standing.line()));
            }
            if !changes.is_empty() {
                told = Instant::now();
            }
            list.show(&now.rows(MOST_ROWS), &changes);
            if now.standing.ended {
                drop(list);
                let said = stops.unless(errors(service, &now)).await.unwrap_or_default();
                return Followed::Ended { end: now, said };
            }
            seen = Some(now);
        }
        if stops.unless(tokio::time::sleep(pause)).await.is_none() {
            return Followed::Left;
        }
        pause = (pause * 4 / 3).min(LONGEST_PAUSE);
        match stops.unless(look(service, run.run_id)).await {
            None => return Followed::Left,
            Some(Ok(now)) => {
                failed = 0;
                next = Some(now);
            }
            Some(Err(fault)) if fault.may_pass() && failed < FAILED_LOOKS => {
                failed += 1;
                ui.warn(&format!("run {} could not be read, trying again: {fault}", run.run_id));
            }
            Some(Err(fault)) => return Followed::Unknown { why: fault.to_string(), seen },
        }
    }
}

/// What the tasks that failed say of it. One that cannot be read says nothing: its state is known without.
async fn errors(service: &dyn Service, end: &FollowedRun) -> BTreeMap<String, String> {
    let mut said = BTreeMap::new();
    for task in end.failed().filter(|task| task.has_output).take(MOST_ERRORS) {
        let Some(run_id) = task.run_id else { continue };
        let call = Call::get(System::Databricks, "/api/2.2/jobs/runs/get-output").query("run_id", run_id.to_string());
        let Ok(answer) = service.send(&call).await else { continue };
        if let Some(error) = answer.body["error"].as_str().map(str::trim).filter(|error| !error.is_empty()) {
            said.insert(task.key.clone(), error.chars().take(MOST_SAID).collect());
        }
    }
    said
}
