//! `plumb parity`: whether the new pipeline writes what the old one writes.

mod engines;
mod explain;
mod jobs;
mod replay;
mod replay_runs;
mod report;
mod run;
mod setup;
mod status;
mod suggest;

use super::Global;
use crate::ui::{ExitCode, Failure, Ui};
use clap::{Args, Subcommand};

/// Compare what the old and the new pipeline of a migration wrote
///
/// What is compared stands in `spec.compare` of the Migration, the reports in evidence/.
#[derive(Args)]
#[command(after_help = "Examples:
  plumb parity setup                    install duckdb, once
  plumb parity suggest audience         keys and rules, by the last period
  plumb parity run audience             compare the last period that is over
  plumb parity replay audience --periods 2026-07..2026-09
                                        run and compare past periods
  plumb parity report audience          what the last comparison found
  plumb parity status                   which periods are equal")]
pub struct ParityArgs {
    #[command(subcommand)]
    command: ParityCommand,
}

#[derive(Subcommand)]
enum ParityCommand {
    Run(run::ParityRun),
    Replay(replay::ParityReplay),
    Report(report::ParityReport),
    Status(status::ParityStatus),
    Suggest(suggest::ParitySuggest),
    Setup(setup::Setup),
}

/// Runs the command below `plumb parity`.
pub async fn run(global: &Global, args: ParityArgs, ui: &Ui) -> Result<ExitCode, Failure> {
    match args.command {
        ParityCommand::Run(args) => run::run(global, args, ui).await,
        ParityCommand::Replay(args) => replay::run(global, args, ui).await,
        ParityCommand::Report(args) => report::run(global, args, ui),
        ParityCommand::Status(args) => status::run(global, args, ui),
        ParityCommand::Suggest(args) => suggest::run(global, args, ui).await,
        ParityCommand::Setup(args) => setup::run(args, ui).await,
    }
}
