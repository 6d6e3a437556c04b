//! `plumb migrate`: where a migration stands, when it will be done, its cutover and the way back. One command, one file.

pub mod board;
mod cutover;
mod forecast;
mod rollback;
pub mod sources;
mod status;
mod wave;

pub use wave::WaveWork;

use super::Global;
use crate::ui::{ExitCode, Failure, Ui};
use clap::{Args, Subcommand};

/// See where a migration stands and when it will be done; cut a wave over, or go back
#[derive(Args)]
#[command(after_help = "Examples:
  plumb migrate status --target prod                     a line a pipeline
  plumb migrate forecast --target prod --by 2026-12-18   whether it fits
  plumb migrate cutover 1 --target prod                  cut wave 1 over
  plumb migrate rollback 1 --target prod --reason \"late\"  and back")]
pub struct MigrateArgs {
    #[command(subcommand)]
    command: MigrateCommand,
}

#[derive(Subcommand)]
enum MigrateCommand {
    Status(status::MigrateStatus),
    Forecast(forecast::MigrateForecast),
    Cutover(Box<cutover::MigrateCutover>),
    Rollback(Box<rollback::MigrateRollback>),
}

/// Runs the command below `plumb migrate`.
pub async fn run(global: &Global, args: MigrateArgs, ui: &Ui) -> Result<ExitCode, Failure> {
    match args.command {
        MigrateCommand::Status(args) => status::run(global, args, ui).await,
        MigrateCommand::Forecast(args) => forecast::run(global, args, ui).await,
        MigrateCommand::Cutover(args) => cutover::run(global, *args, ui).await,
        MigrateCommand::Rollback(args) => rollback::run(global, *args, ui).await,
    }
}
