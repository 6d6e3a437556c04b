//! `plumb graph`.

use super::Global;
use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;

/// Print what depends on what, as Mermaid or DOT
#[derive(Args)]
pub struct Graph {}

/// Prints the graph.
pub async fn run(global: &Global, args: Graph, ui: &Ui) -> Result<ExitCode, Failure> {
    let _ = (global, args, ui);
    Err(Failure::error("not built yet"))
}
