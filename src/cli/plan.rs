//! `plumb plan`.

use super::apply::{Override, pass_guards};
use super::interrupt::stoppable;
use super::output::Output;
use super::select::Dangling;
use super::session::Session;
use super::{Global, Keys, Selected, Targeted};
use crate::plan::Plan;
use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;

/// Show what an apply would do, field by field
///
/// Reads the manifests and what is live, and changes nothing. With a selection the plan is partial, and says so: nothing
/// else is compared or deleted.
#[derive(Args)]
#[command(after_help = "Examples:
  plumb plan --target prod
  plumb plan --base origin/main --output markdown --out comment.md
  plumb plan --out plan.json            for `plumb apply plan.json`
  plumb plan --only 'DatabricksJob/audience-*' --detailed-exitcode

Exit codes: 0 planned, 1 error, 2 there are changes (--detailed-exitcode), 3 something is blocked")]
pub struct PlanArgs {
    #[command(flatten)]
    targeted: Targeted,
    #[command(flatten)]
    selected: Selected,
    /// Tell apart what this branch changes since it left REV from what had drifted before
    #[arg(long, value_name = "REV")]
    base: Option<String>,
    /// Exit with 2 when there are changes (and with 3 when something is blocked, as ever)
    #[arg(long)]
    detailed_exitcode: bool,
    #[command(flatten)]
    dangling: Dangling,
    #[command(flatten)]
    keys: Keys,
    #[command(flatten)]
    output: Output,
}

/// Shows the plan.
pub async fn run(global: &Global, args: PlanArgs, ui: &Ui) -> Result<ExitCode, Failure> {
    let mut session = Session::open(global, &args.targeted, ui).await?;
    session.allow_teardown(args.keys.allow_teardown);
    let deciding = session.decide(&args.selected, args.base.as_deref(), ui);
    let mut plan = stoppable(&session, deciding).await?.decision.plan;
    if args.dangling.allow_dangling {
        pass_guards(&mut plan, &[Override::Dangling], ui);
    }
    args.output.plan(&plan, ui)?;
    Ok(ended(&plan, args.detailed_exitcode))
}

/// The exit code of a plan: that something is blocked comes before that there are changes.
pub fn ended(plan: &Plan, detailed: bool) -> ExitCode {
    match plan.blocked.is_empty() {
        false => ExitCode::Guard,
        true if detailed && !plan.changes.is_empty() => ExitCode::Changes,
        true => ExitCode::Ok,
    }
}
