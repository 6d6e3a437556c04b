//! `plumb migrate rollback`.

use crate::cli::{Global, Targeted};
use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;

/// Take a cutover back
#[derive(Args)]
pub struct MigrateRollback {
    #[command(flatten)]
    targeted: Targeted,
}

/// Take a cutover back.
pub async fn run(_global: &Global, _args: MigrateRollback, _ui: &Ui) -> Result<ExitCode, Failure> {
    Err(Failure::error("not built yet"))
}
