//! `plumb drift`.

use super::output::Output;
use super::session::Session;
use super::{Global, Selected, Targeted};
use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;

/// Compare what is live with what git says, and exit with 2 when they differ
///
/// Made for cron: the same reading as a plan, with an exit code that says whether all is well. Each field says whether
/// it was changed live (drift), in the manifests (not applied yet), or both.
#[derive(Args)]
#[command(after_help = "Examples:\n  plumb drift --target prod\n  plumb drift --output junit --out drift.xml")]
pub struct Drift {
    #[command(flatten)]
    targeted: Targeted,
    #[command(flatten)]
    selected: Selected,
    #[command(flatten)]
    output: Output,
}

/// Shows what differs.
pub async fn run(global: &Global, args: Drift, ui: &Ui) -> Result<ExitCode, Failure> {
    let session = Session::open(global, &args.targeted, ui).await?;
    let decided = session.decide(&args.selected, None, ui).await?;
    let plan = &decided.decision.plan;
    args.output.plan(plan, ui)?;
    Ok(if plan.is_empty() { ExitCode::Ok } else { ExitCode::Changes })
}
