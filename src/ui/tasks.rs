//! Tasks that somebody waits for: on a terminal a list that changes in place, in a log a line for each change.

use super::Ui;
use super::escape::safe;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How often a spinner turns.
const TURN: Duration = Duration::from_millis(120);

/// A list of tasks, taken off the terminal when it is dropped.
pub struct TaskList<'a> {
    ui: &'a Ui,
    bars: Option<MultiProgress>,
    rows: Mutex<Vec<ProgressBar>>,
}

impl<'a> TaskList<'a> {
    pub(super) fn new(ui: &'a Ui, bars: Option<MultiProgress>) -> Self {
        TaskList { ui, bars, rows: Mutex::default() }
    }

    /// Whether it is a list that changes in place.
    pub fn is_live(&self) -> bool {
        self.bars.is_some()
    }

    /// Shows the tasks as they are now: `rows` is the whole list, `changes` what is new in it.
    pub fn show(&self, rows: &[String], changes: &[String]) {
        let Some(bars) = &self.bars else {
            return changes.iter().for_each(|line| self.ui.status(line));
        };
        let mut shown = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        while shown.len() < rows.len() {
            let bar = bars.add(ProgressBar::new_spinner());
            // A template that can't be read is a mistake of ours; the default bar does as well.
            if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(TURN);
            shown.push(bar);
        }
        shown.drain(rows.len()..).for_each(|bar| bar.finish_and_clear());
        shown.iter().zip(rows).for_each(|(bar, row)| bar.set_message(safe(row)));
    }
}

impl Drop for TaskList<'_> {
    fn drop(&mut self) {
        let mut shown = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        shown.drain(..).for_each(|bar| bar.finish_and_clear());
    }
}
