//! Progress in a log: plain lines.

use super::progress::{ChangeStep, End, Progress, ReadCounts, did, doing, stands};
use super::{Ui, escape::seconds};
use plumb_model::address::Address;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// After how many requests a line says that reading goes on.
const REQUESTS: u64 = 50;

/// Says each event that a log's reader wants to know, on a line of its own.
pub(super) struct ProgressLines<'a> {
    ui: &'a Ui,
    state: Mutex<LinesState>,
}

#[derive(Default)]
struct LinesState {
    read: ReadCounts,
    total: usize,
    ended: usize,
    /// What each change was last said to wait for.
    waits: BTreeMap<Address, String>,
}

impl<'a> ProgressLines<'a> {
    pub fn new(ui: &'a Ui) -> Self {
        ProgressLines { ui, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, LinesState> {
        // Counters are good whatever the thread that panicked was doing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress for ProgressLines<'_> {
    fn page(&self, objects: usize) {
        self.state().read.page(objects);
    }

    fn listed(&self, objects: usize) {
        self.state().read.objects += objects;
    }

    fn requests(&self, sent: u64) {
        let mut state = self.state();
        let is_due = sent / REQUESTS > state.read.requests / REQUESTS;
        state.read.requests = sent;
        if is_due {
            self.ui.status(&format!("reading: {} so far", state.read.so_far()));
        }
    }

    fn read(&self, took: Duration) {
        let line = self.state().read.line();
        self.ui.status(&format!("read {line} in {}", seconds(took)));
    }

    fn total(&self, changes: usize) {
        self.state().total = changes;
    }

    fn started(&self, step: ChangeStep<'_>) {
        self.ui.status(&doing(step));
    }

    fn waiting(&self, step: ChangeStep<'_>, what: &str) {
        let mut state = self.state();
        // Said once: a log need not grow while nothing happens.
        if state.waits.insert(step.address.clone(), what.to_owned()).as_deref() != Some(what) {
            self.ui.status(&stands(step, what));
        }
    }

    fn ended(&self, step: ChangeStep<'_>, end: &End) {
        // The lock is held while writing, so that the counts in the log never go backwards.
        let mut state = self.state();
        state.ended += 1;
        let line = format!("[{}/{}] {}", state.ended, state.total.max(state.ended), did(step, end));
        match end {
            End::Failed { .. } | End::Unknown { .. } => self.ui.error(&line),
            _ => self.ui.status(&line),
        }
    }

    fn verifying(&self, what: &str) {
        self.ui.status(&format!("verifying {what}"));
    }
}
