//! `plumb completions`.

use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;

/// Print a shell's completion script
#[derive(Args)]
#[command(
    after_help = "Examples:\n  plumb completions bash > /etc/bash_completion.d/plumb\n  source <(plumb completions zsh)"
)]
pub struct Completions {
    /// Shell to complete for
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

/// Prints the script.
pub fn run(args: Completions, ui: &Ui, mut command: clap::Command) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "plumb", &mut script);
    ui.data(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::Ok)
}
