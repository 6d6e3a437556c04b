//! `plumb migrate status`.

use crate::cli::{Global, Targeted};
use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;

/// Show where each pipeline stands
#[derive(Args)]
pub struct MigrateStatus {
    #[command(flatten)]
    targeted: Targeted,
}

/// Show where each pipeline stands.
pub async fn run(_global: &Global, _args: MigrateStatus, _ui: &Ui) -> Result<ExitCode, Failure> {
    Err(Failure::error("not built yet"))
}
