//! `plumb targets`.

use super::Global;
use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;

/// List the targets of the project
#[derive(Args)]
pub struct Targets {}

/// Lists the targets.
pub fn run(global: &Global, args: Targets, ui: &Ui) -> Result<ExitCode, Failure> {
    let _ = (global, args, ui);
    Err(Failure::error("not built yet"))
}
