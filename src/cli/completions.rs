//! `plumb completions`.

use super::complete;
use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;

/// Print a shell's completion script
///
/// The script asks plumb at the Tab key. So it also completes the targets, addresses and kinds of the project in the current folder,
/// and stays right when plumb is updated.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  plumb completions bash > /etc/bash_completion.d/plumb\n  source <(plumb completions zsh)"
)]
pub struct Completions {
    /// Shell to complete for
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

/// Prints the script.
pub fn run(args: Completions, ui: &Ui) -> Result<ExitCode, Failure> {
    ui.data(&complete::script(args.shell)?)?;
    Ok(ExitCode::Ok)
}
