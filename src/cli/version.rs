//! `plumb version`.

use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;

/// Print the version and what it was built from
#[derive(Args)]
pub struct Version {}

/// Prints the version.
pub fn run(args: Version, ui: &Ui) -> Result<ExitCode, Failure> {
    let _ = (args, ui);
    Err(Failure::error("not built yet"))
}
