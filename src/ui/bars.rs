//! Progress on a terminal: one line that changes, and one for each change that is under way.

use super::Ui;
use super::escape::{safe, seconds};
use super::progress::{ChangeStep, End, Progress, ReadCounts, did, doing, stands};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use plumb_model::address::Address;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often a spinner turns, so that waiting does not look like hanging.
const TURN: Duration = Duration::from_millis(120);
/// A reading that is done before this shows no spinner: it would only flicker.
const PATIENCE: Duration = Duration::from_millis(300);

/// Draws bars under the lines that were printed before.
pub(super) struct Bars<'a> {
    ui: &'a Ui,
    bars: MultiProgress,
    state: Arc<Mutex<BarsState>>,
}

#[derive(Default)]
struct BarsState {
    read: ReadCounts,
    reading: ReadingBar,
    applying: Option<ProgressBar>,
    steps: BTreeMap<Address, ProgressBar>,
    verifying: Option<ProgressBar>,
}

/// The spinner of a reading.
#[derive(Default)]
enum ReadingBar {
    #[default]
    None,
    /// It is shown unless the reading ends before.
    Soon,
    Shown(ProgressBar),
}

impl ReadingBar {
    /// Takes it off the terminal, or sees to it that it is never shown.
    fn end(&mut self) {
        if let ReadingBar::Shown(bar) = std::mem::take(self) {
            bar.finish_and_clear();
        }
    }
}

impl BarsState {
    fn reading_line(&self) -> String {
        format!("reading: {}", self.read.so_far())
    }
}

fn spinner(bars: &MultiProgress, message: String) -> ProgressBar {
    let bar = bars.add(ProgressBar::new_spinner());
    bar.set_message(message);
    bar.enable_steady_tick(TURN);
    bar
}

fn locked(state: &Mutex<BarsState>) -> MutexGuard<'_, BarsState> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'a> Bars<'a> {
    pub fn new(ui: &'a Ui, bars: MultiProgress) -> Self {
        Bars { ui, bars, state: Arc::default() }
    }

    fn state(&self) -> MutexGuard<'_, BarsState> {
        locked(&self.state)
    }

    fn spinner(&self, message: String) -> ProgressBar {
        spinner(&self.bars, message)
    }

    fn show(&self, state: &mut BarsState) {
        match &state.reading {
            ReadingBar::Shown(bar) => bar.set_message(state.reading_line()),
            ReadingBar::Soon => {}
            ReadingBar::None => {
                state.reading = ReadingBar::Soon;
                let (later, bars) = (Arc::clone(&self.state), self.bars.clone());
                // A listing may answer once in many seconds: nothing that is told of it can be waited for.
                std::thread::spawn(move || {
                    std::thread::sleep(PATIENCE);
                    let mut state = locked(&later);
                    if matches!(state.reading, ReadingBar::Soon) {
                        state.reading = ReadingBar::Shown(spinner(&bars, state.reading_line()));
                    }
                });
            }
        }
    }
}

impl Progress for Bars<'_> {
    fn page(&self, objects: usize) {
        let mut state = self.state();
        state.read.page(objects);
        self.show(&mut state);
    }

    fn listed(&self, objects: usize) {
        let mut state = self.state();
        state.read.objects += objects;
        self.show(&mut state);
    }

    fn requests(&self, sent: u64) {
        let mut state = self.state();
        state.read.requests = sent;
        self.show(&mut state);
    }

    fn read(&self, took: Duration) {
        let mut state = self.state();
        state.reading.end();
        self.ui.status(&format!("read {} in {}", state.read.line(), seconds(took)));
    }

    fn total(&self, changes: usize) {
        let bar = self.bars.add(ProgressBar::new(changes as u64));
        // A template that can't be read is a mistake of ours; the default bar does as well.
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} applied") {
            bar.set_style(style);
        }
        self.state().applying = Some(bar);
    }

    fn started(&self, step: ChangeStep<'_>) {
        let bar = self.spinner(safe(&doing(step)));
        self.state().steps.insert(step.address.clone(), bar);
    }

    fn waiting(&self, step: ChangeStep<'_>, what: &str) {
        if let Some(bar) = self.state().steps.get(step.address) {
            bar.set_message(safe(&stands(step, what)));
        }
    }

    fn ended(&self, step: ChangeStep<'_>, end: &End) {
        let mut state = self.state();
        if let Some(bar) = state.steps.remove(step.address) {
            bar.finish_and_clear();
        }
        if let Some(bar) = &state.applying {
            bar.inc(1);
        }
        drop(state);
        match end {
            End::Failed { .. } | End::Unknown { .. } => self.ui.error(&did(step, end)),
            _ => self.ui.status(&did(step, end)),
        }
    }

    fn verifying(&self, what: &str) {
        let mut state = self.state();
        if let Some(bar) = state.verifying.take() {
            bar.finish_and_clear();
        }
        state.verifying = Some(self.spinner(format!("verifying {what}")));
    }

    fn finished(&self) {
        let mut state = self.state();
        let mut bars = std::mem::take(&mut *state);
        bars.reading.end();
        let single = bars.applying.iter().chain(&bars.verifying);
        single.chain(bars.steps.values()).for_each(ProgressBar::finish_and_clear);
    }
}

impl Drop for Bars<'_> {
    fn drop(&mut self) {
        // A command that ends early leaves no bar behind on the terminal.
        self.finished();
    }
}
