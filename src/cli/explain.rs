//! `plumb explain`.

use super::Global;
use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;

/// Print what a kind or a field is: type, default, rules and documentation
#[derive(Args)]
pub struct Explain {}

/// Prints the documentation.
pub fn run(global: &Global, args: Explain, ui: &Ui) -> Result<ExitCode, Failure> {
    let _ = (global, args, ui);
    Err(Failure::error("not built yet"))
}
