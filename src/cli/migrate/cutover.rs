//! `plumb migrate cutover`.

use super::wave::WaveWork;
use crate::cli::apply::{self, ApplyArgs};
use crate::cli::lease::LockArgs;
use crate::cli::output::{Form, Output, PlainForm};
use crate::cli::permit::PermitArgs;
use crate::cli::{Global, Targeted};
use crate::settings;
use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;

/// Cut a wave over by hand
///
/// Shows the wave's change and its gates, asks, and carries it out: the old DAGs are paused, the new ones get their real
/// parameters and are switched on, all members or none. It is what `plumb apply` does from the wave's day on, of this wave
/// alone; every gate has to hold all the same.
#[derive(Args)]
#[command(after_help = "Examples:
  plumb migrate cutover 1 --target prod
  plumb migrate cutover 1 --target prod --yes --approved 9c1f0e6a2b7d4f50

Exit codes: as of apply; 3 when a gate does not hold")]
pub struct MigrateCutover {
    /// Name of the wave; a migration without `wave` is one of its own name
    wave: String,
    #[command(flatten)]
    targeted: Targeted,
    /// Cut it over only if this is its digest, which the plan shows beside the wave; or a saved plan that has it
    #[arg(long, value_name = "DIGEST|FILE")]
    approved: Option<String>,
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

/// Cuts the wave over.
pub async fn run(global: &Global, args: MigrateCutover, ui: &Ui) -> Result<ExitCode, Failure> {
    let seen = PermitArgs { plan: None, approved: args.approved };
    let permit = seen.permit(settings::project_dir(global.project.as_deref()).ok().as_deref())?;
    let wave = WaveWork { name: args.wave, reason: None };
    let args = ApplyArgs::of_wave(wave, args.targeted, args.yes, args.patience, args.lock, plan_form(args.output));
    apply::run_with(global, args, &permit, ui).await
}

/// The same form, of a plan.
pub(super) fn plan_form(output: Output<PlainForm>) -> Output {
    let form = match output.output {
        PlainForm::Text => Form::Text,
        PlainForm::Json => Form::Json,
    };
    Output { output: form, out: output.out }
}
