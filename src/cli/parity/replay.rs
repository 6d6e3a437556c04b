//! `plumb parity replay`.

use crate::cli::{Global, Targeted};
use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;

/// Run the new pipeline for past periods and compare them
#[derive(Args)]
pub struct ParityReplay {
    #[command(flatten)]
    targeted: Targeted,
}

/// Run the new pipeline for past periods and compare them.
pub async fn run(_global: &Global, _args: ParityReplay, _ui: &Ui) -> Result<ExitCode, Failure> {
    Err(Failure::error("not built yet"))
}
