//! `plumb man`.

use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;

/// Write the man page
#[derive(Args)]
pub struct Man {}

/// Writes the man page.
pub fn run(args: Man, ui: &Ui) -> Result<ExitCode, Failure> {
    let _ = (args, ui);
    Err(Failure::error("not built yet"))
}
