//! Writing, retiring and pruning trees of code.

use super::{Ended, Shared};
use plumb_core::code::CodeStep;
use plumb_core::plan::Change;

/// Carries out what a change does to a tree of code.
pub(super) async fn run(_shared: &Shared, change: &Change, step: &CodeStep) -> Ended {
    let why = format!("{}: no code can be written yet ({})", change.address, step.hash);
    Ended::Failed { why, sent: Vec::new() }
}
