//! `plumb cost`.

mod keep;

use super::diagnose::{LookBack, look_back};
use super::session::Project;
use super::{Global, Targeted};
use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;

/// What the old and the new pipeline cost, and keep the facts before services forget them
///
/// --keep writes what each run used and how long its parts took into small files of the project, one a migration and period. EMR
/// forgets nodes after 30 days and clusters after two months: keep from the first week on, or there is no "before".
#[derive(Args)]
#[command(after_help = "Examples:
  plumb cost --keep evidence/runs --target prod
  plumb cost --keep evidence/runs --since 2026-08 audience")]
pub struct CostArgs {
    /// Only of these migrations [default: all]
    #[arg(value_name = "MIGRATION")]
    migrations: Vec<String>,
    /// Runs since then: `2026-08`, `6mo`, `12w`, `90d`, `2026-08-15` [default: 60d, as long as EMR remembers clusters]
    #[arg(long, value_name = "WHEN", value_parser = look_back)]
    since: Option<LookBack>,
    /// Read the runs and keep their facts in this folder of the project; what is kept is not asked for again
    #[arg(long, value_name = "DIR")]
    keep: Option<String>,
    #[command(flatten)]
    targeted: Targeted,
}

/// Says what pipelines cost.
pub async fn run(global: &Global, args: CostArgs, ui: &Ui) -> Result<ExitCode, Failure> {
    if let Some(folder) = &args.keep {
        let project = Project::load(global, &args.targeted, ui)?;
        return keep::run(&project, folder, args.since.as_ref(), &args.migrations, ui).await;
    }
    Err(Failure::error("not built yet"))
}
