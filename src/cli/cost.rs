//! `plumb cost`.

use super::{Global, Targeted};
use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;

/// What the old and the new pipeline cost, and keep the facts before services forget them
#[derive(Args)]
pub struct CostArgs {
    #[command(flatten)]
    targeted: Targeted,
}

/// Says what pipelines cost.
pub async fn run(_global: &Global, _args: CostArgs, _ui: &Ui) -> Result<ExitCode, Failure> {
    Err(Failure::error("not built yet"))
}
