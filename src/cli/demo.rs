//! `plumb demo`.

use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;

/// Show the whole story on the embedded sandbox: no account, no network
#[derive(Args)]
pub struct Demo {}

/// Runs the story.
pub async fn run(_args: Demo, ui: &Ui) -> Result<ExitCode, Failure> {
    ui.status("not yet");
    Ok(ExitCode::Ok)
}
