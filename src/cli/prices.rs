//! `plumb prices`.

use super::{Global, Targeted};
use crate::ui::{ExitCode, Failure, Ui};
use clap::{Args, Subcommand};

/// Write down what nodes and DBUs cost, for `plumb cost`
#[derive(Args)]
pub struct PricesArgs {
    #[command(subcommand)]
    command: PricesCommand,
}

#[derive(Subcommand)]
enum PricesCommand {
    Fetch(PricesFetch),
}

/// Write a PriceBook of the node types in use
#[derive(Args)]
struct PricesFetch {
    #[command(flatten)]
    targeted: Targeted,
}

/// Runs the command below `plumb prices`.
pub async fn run(_global: &Global, args: PricesArgs, _ui: &Ui) -> Result<ExitCode, Failure> {
    let PricesCommand::Fetch(_) = args.command;
    Err(Failure::error("not built yet"))
}
