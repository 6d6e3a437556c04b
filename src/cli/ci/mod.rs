//! `plumb ci`: what pipelines run.

mod drift;

use super::Global;
use crate::ui::{ExitCode, Failure, Ui};
use clap::{Args, Subcommand};

/// What pipelines run: results go where people look, to issues and messages
#[derive(Args)]
#[command(after_help = "Examples:\n  plumb ci drift --target prod")]
pub struct Ci {
    #[command(subcommand)]
    command: CiCommand,
}

#[derive(Subcommand)]
enum CiCommand {
    Drift(drift::Drift),
}

/// Runs the command.
pub async fn run(global: &Global, args: Ci, ui: &Ui) -> Result<ExitCode, Failure> {
    match args.command {
        CiCommand::Drift(args) => drift::run(global, args, ui).await,
    }
}
