//! `plumb ci`: the commands that a pipeline runs. One command, one file.

mod apply;
mod board;
mod context;
mod diagnose;
mod drift;
mod issues;
mod plan;

use super::Global;
use crate::ui::{ExitCode, Failure, Ui};
use clap::{Args, Subcommand};

/// Preview pull requests, apply what was approved, look for drift and for why runs failed, from a pipeline
///
/// Made for GitHub Actions: the repository, the event and the token come from its environment (GITHUB_REPOSITORY,
/// GITHUB_EVENT_PATH, GITHUB_TOKEN).
#[derive(Args)]
#[command(after_help = "Examples:
  plumb ci plan --target prod --base origin/main
  plumb ci apply --target prod
  plumb ci drift --target prod
  plumb ci diagnose --target prod")]
pub struct Ci {
    #[command(subcommand)]
    command: CiCommand,
}

#[derive(Subcommand)]
enum CiCommand {
    Plan(plan::CiPlan),
    Apply(Box<apply::CiApply>),
    Drift(drift::CiDriftArgs),
    Diagnose(diagnose::CiDiagnoseArgs),
    Board(board::CiBoard),
}

/// Runs a command of the group.
pub async fn run(global: &Global, args: Ci, ui: &Ui) -> Result<ExitCode, Failure> {
    match args.command {
        CiCommand::Plan(args) => plan::run(global, args, ui).await,
        CiCommand::Apply(args) => apply::run(global, *args, ui).await,
        CiCommand::Drift(args) => drift::run(global, args, ui).await,
        CiCommand::Diagnose(args) => diagnose::run(global, args, ui).await,
        CiCommand::Board(args) => board::run(global, args, ui).await,
    }
}
