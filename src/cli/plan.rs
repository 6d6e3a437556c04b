//! `plumb plan`.

use super::output::Output;
use super::session::Session;
use super::{Global, Keys, Selected, Targeted};
use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;

/// Show what an apply would do, field by field
///
/// Reads the manifests and what is live, and changes nothing.
#[derive(Args)]
#[command(after_help = "Examples:
  plumb plan --target prod
  plumb plan --base origin/main --output markdown --out comment.md
  plumb plan --out plan.json            for `plumb apply plan.json`
  plumb plan --only 'DatabricksJob/audience-*' --detailed-exitcode")]
pub struct PlanArgs {
    #[command(flatten)]
    targeted: Targeted,
    #[command(flatten)]
    selected: Selected,
    /// Tell apart what this branch changes since it left REV from what had drifted before
    #[arg(long, value_name = "REV")]
    base: Option<String>,
    /// Exit with 2 when there are changes
    #[arg(long)]
    detailed_exitcode: bool,
    #[command(flatten)]
    keys: Keys,
    #[command(flatten)]
    output: Output,
}

/// Shows the plan.
pub async fn run(global: &Global, args: PlanArgs, ui: &Ui) -> Result<ExitCode, Failure> {
    let mut session = Session::open(global, &args.targeted, ui).await?;
    session.allow_teardown(args.keys.allow_teardown);
    let decided = session.decide(&args.selected, args.base.as_deref(), ui).await?;
    let plan = &decided.decision.plan;
    args.output.plan(plan, ui)?;
    Ok(if args.detailed_exitcode && !plan.is_empty() { ExitCode::Changes } else { ExitCode::Ok })
}
