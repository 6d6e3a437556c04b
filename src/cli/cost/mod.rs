//! `plumb cost`.

mod keep;
mod show;

use super::diagnose::{LookBack, look_back};
use super::output::Output;
use super::session::Project;
use super::{Global, Targeted};
use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;
use show::{ByChoice, CostForm};

/// What the old and the new pipeline cost, and keep the facts before services forget them
///
/// Costs are facts that were kept times the prices of a PriceBook: intervals with reasons, and nothing that is not known counts
/// as 0. Nothing is sent anywhere. With --keep, runs are read and what each used and how long its parts took is written into
/// small files of the project, one a migration and period. EMR forgets nodes after 30 days and clusters after two months: keep
/// from the first week on, or there is no "before".
#[derive(Args)]
#[command(after_help = "Examples:
  plumb cost --keep evidence/runs --target prod
  plumb cost audience --target prod                    old against new
  plumb cost --by cause --since 12mo                   what failed runs cost
  plumb cost --explain --output html --out cost.html   each term with its source")]
pub struct CostArgs {
    /// Only of these migrations [default: all]
    #[arg(value_name = "MIGRATION")]
    migrations: Vec<String>,
    /// Periods or runs since then: `2026-08`, `6mo`, `12w`, `90d`, `2026-08-15` [default: all that is kept; with --keep 60d, as
    /// long as EMR remembers clusters]
    #[arg(long, value_name = "WHEN", value_parser = look_back)]
    since: Option<LookBack>,
    /// Read the runs and keep their facts in this folder of the project; what is kept is not asked for again
    #[arg(long, value_name = "DIR", conflicts_with_all = ["by", "explain", "output", "out"])]
    keep: Option<String>,
    /// What a line is about
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    by: ByChoice,
    /// Show each term with its formula, its reason and the source of its price
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    targeted: Targeted,
    #[command(flatten)]
    output: Output<CostForm>,
}

/// Says what pipelines cost.
pub async fn run(global: &Global, args: CostArgs, ui: &Ui) -> Result<ExitCode, Failure> {
    let project = Project::load(global, &args.targeted, ui)?;
    match &args.keep {
        Some(folder) => keep::run(&project, folder, args.since.as_ref(), &args.migrations, ui).await,
        None => show::run(&project, &args, ui),
    }
}
