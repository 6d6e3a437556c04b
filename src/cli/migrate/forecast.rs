//! `plumb migrate forecast`.

use crate::cli::{Global, Targeted};
use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;

/// Say when the migration will be done
#[derive(Args)]
pub struct MigrateForecast {
    #[command(flatten)]
    targeted: Targeted,
}

/// Say when the migration will be done.
pub async fn run(_global: &Global, _args: MigrateForecast, _ui: &Ui) -> Result<ExitCode, Failure> {
    Err(Failure::error("not built yet"))
}
