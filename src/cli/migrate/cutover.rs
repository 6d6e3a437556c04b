//! `plumb migrate cutover`.

use crate::cli::{Global, Targeted};
use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;

/// Cut a wave over by hand
#[derive(Args)]
pub struct MigrateCutover {
    #[command(flatten)]
    targeted: Targeted,
}

/// Cut a wave over by hand.
pub async fn run(_global: &Global, _args: MigrateCutover, _ui: &Ui) -> Result<ExitCode, Failure> {
    Err(Failure::error("not built yet"))
}
