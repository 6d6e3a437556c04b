//! `plumb ci board`.

use crate::cli::{Global, Targeted};
use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;

/// Keep one issue with the board of the migration
#[derive(Args)]
pub struct CiBoard {
    #[command(flatten)]
    targeted: Targeted,
}

/// Keep one issue with the board of the migration.
pub async fn run(_global: &Global, _args: CiBoard, _ui: &Ui) -> Result<ExitCode, Failure> {
    Err(Failure::error("not built yet"))
}
