//! What a text of drift says in other words than a plan: its heading, what is told apart, and how it ends.

use super::text::{short, whole};
use super::value::visible;
use super::{Style, counted, headed};
use crate::plan::drift::DriftSplit;
use crate::plan::{Change, Plan};
use plumb_model::address::Address;

/// More addresses than these are counted.
const FEW: usize = 3;

/// The words for drift, of a plan that was split.
pub(super) struct DriftWords(DriftSplit);

/// Renders what drifted for people to read, in short or whole. `shown` is a plan, or the part of it that is drift; `split` tells
/// of the whole plan. As deterministic as the text of a plan.
pub fn drift_text(shown: &Plan, split: &DriftSplit, style: Style, is_compact: bool) -> String {
    let words = Some(DriftWords(split.clone()));
    if is_compact { short(shown, style, words) } else { whole(shown, style, words) }
}

/// What was looked at: project, target, commit.
pub(super) fn head(plan: &Plan) -> String {
    headed(if plan.partial.is_some() { "Drift (PARTIAL)" } else { "Drift" }, plan)
}

/// The first addresses, and how many more there are.
pub(super) fn few(all: &[&Address]) -> String {
    let mut out: Vec<String> = all.iter().take(FEW).map(|address| visible(&address.to_string())).collect();
    if let Some(more) = all.len().checked_sub(FEW).filter(|more| *more > 0) {
        out.push(format!("{more} more"));
    }
    match out.pop() {
        Some(last) if !out.is_empty() => format!("{} and {last}", out.join(", ")),
        last => last.unwrap_or_default(),
    }
}

impl DriftWords {
    /// What drifted, then what waits, each below its heading; below none where there is only one of them.
    pub fn sections<'a, T: Copy>(&self, all: Vec<T>, of: impl Fn(T) -> &'a Change) -> Vec<(&'static str, Vec<T>)> {
        let (drifted, waiting): (Vec<T>, Vec<T>) = all.into_iter().partition(|one| self.0.is_drift(of(*one)));
        if drifted.is_empty() || waiting.is_empty() {
            return vec![("", if drifted.is_empty() { waiting } else { drifted })];
        }
        vec![("Drift:", drifted), ("Not drift, waits for an apply:", waiting)]
    }

    /// How it ends: how much is drift, and what waits.
    pub fn end(&self, plan: &Plan) -> String {
        let DriftSplit { drifts, waiting, absent, .. } = &self.0;
        let mut out = match (*drifts, waiting.len()) {
            (0, 0) if plan.blocked.is_empty() => "No drift, and nothing waits for an apply.".to_owned(),
            (0, 0) => "No drift in what could be compared.".to_owned(),
            (0, count) => {
                let waits = counted(count, "change waits", "changes wait");
                format!("No drift. {waits} for an apply: {}.", few(&waiting.iter().collect::<Vec<_>>()))
            }
            (1, 0) => "The one change is drift.".to_owned(),
            (count, 0) => format!("All {count} changes are drift."),
            (count, rest) => {
                let total = count + rest;
                let are = if count == 1 { "is" } else { "are" };
                format!("{count} of {total} changes {are} drift, the rest waits for an apply.")
            }
        };
        if *absent > 0 {
            let objects = counted(*absent, "object is", "objects are");
            out.push_str(&format!(" {objects} not there, which counts as drift: deleted live, or never applied."));
        }
        out.push_str(&format!(" {} up to date.", counted(plan.unchanged, "resource", "resources")));
        if !plan.blocked.is_empty() {
            out.push_str(&format!(" {} blocked.", plan.blocked.len()));
        }
        out
    }
}
