//! `plumb migrate rollback`.

use super::cutover::plan_form;
use super::wave::WaveWork;
use crate::cli::apply::{self, ApplyArgs};
use crate::cli::lease::LockArgs;
use crate::cli::output::{Output, PlainForm};
use crate::cli::permit::PermitArgs;
use crate::cli::{Global, Targeted};
use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;

/// Take a cutover back
///
/// Says what it cannot undo, asks, and pauses the wave's new DAGs, gives them their shadow parameters again, and switches
/// the old ones on: all members or none. Nothing has to be merged first. It leaves a hold in the workspace, beside the
/// lease, so that no apply cuts the wave over again until its `cutover` is another day.
#[derive(Args)]
#[command(after_help = "Examples:
  plumb migrate rollback 1 --target prod --reason \"rows are missing in segments\"

Exit codes: as of apply; 0 also when nothing is cut over")]
pub struct MigrateRollback {
    /// Name of the wave; a migration without `wave` is one of its own name
    wave: String,
    #[command(flatten)]
    targeted: Targeted,
    /// Why, for those who read the plan after you
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    reason: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// How long to wait for an object that is between two states, in minutes
    #[arg(long, value_name = "MINUTES", default_value_t = 30)]
    patience: u64,
    #[command(flatten)]
    lock: LockArgs,
    #[command(flatten)]
    output: Output<PlainForm>,
}

/// Takes the wave back.
pub async fn run(global: &Global, args: MigrateRollback, ui: &Ui) -> Result<ExitCode, Failure> {
    let permit = PermitArgs::default().permit(None)?;
    let wave = WaveWork { name: args.wave, reason: Some(args.reason) };
    let args = ApplyArgs::of_wave(wave, args.targeted, args.yes, args.patience, args.lock, plan_form(args.output));
    apply::run_with(global, args, &permit, ui).await
}
