//! `plumb parity setup`.

use crate::engines::find::DuckdbPlaces;
use crate::engines::setup;
use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;

/// Install the duckdb program that compares files
///
/// Python's pip brings a pinned version, and its extension for Delta folders, into plumb's own cache (PLUMB_CACHE, or plumb in
/// the user's cache folder), and checks both by their hashes. A company's own index works as it does for pip. What is
/// installed already stays.
#[derive(Args)]
#[command(after_help = "Examples:
  plumb parity setup
  PIP_INDEX_URL=https://pypi.example.com/simple plumb parity setup")]
pub struct Setup {}

/// Installs what is missing, and says where it is.
pub async fn run(_: Setup, ui: &Ui) -> Result<ExitCode, Failure> {
    let places = DuckdbPlaces::of_environment();
    if let Some(named) = &places.named {
        ui.warn(&format!("PLUMB_DUCKDB names {}, which is used in place of what is installed here", named.display()));
    }
    ui.detail("asking pip for duckdb");
    let installed = tokio::task::spawn_blocking(move || setup::install(&places)).await;
    let done = installed.map_err(|e| Failure::error(e.to_string()))?;
    let done = done.map_err(|why| Failure::error(format!("duckdb was not installed: {why}")))?;
    let state = if done.was_there { "is installed already" } else { "is installed" };
    ui.status(&format!("duckdb {} {state}", setup::VERSION));
    if let Some(why) = &done.no_delta {
        ui.warn(&format!("without its extension for Delta folders, which have no verdict: {why}"));
    }
    ui.data(&format!("{}\n", done.program.path.display()))?;
    Ok(ExitCode::Ok)
}
