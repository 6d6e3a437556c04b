//! `plumb parity`: whether the new pipeline wrote what the old one wrote.

mod setup;

use crate::ui::{ExitCode, Failure, Ui};
use clap::{Args, Subcommand};

/// Compare what two pipelines wrote
///
/// What is compared, and by which rules, is `compare` of a Migration.
#[derive(Args)]
#[command(after_help = "Examples:
  plumb parity setup")]
pub struct ParityArgs {
    #[command(subcommand)]
    command: ParityCommand,
}

#[derive(Subcommand)]
enum ParityCommand {
    Setup(setup::Setup),
}

/// Runs the command below `plumb parity`.
pub async fn run(args: ParityArgs, ui: &Ui) -> Result<ExitCode, Failure> {
    match args.command {
        ParityCommand::Setup(args) => setup::run(args, ui).await,
    }
}
