//! `plumb man`.

use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;
use std::path::PathBuf;

/// Write the man pages
///
/// Without --out, the page of plumb or of one command goes to stdout.
#[derive(Args)]
#[command(after_help = "Examples:
  plumb man | man -l -                            read it
  plumb man ci plan > plumb-ci-plan.1             one command's page
  plumb man --out /usr/local/share/man/man1       a page for every command")]
pub struct Man {
    /// Command whose page to print [default: plumb itself]
    #[arg(value_name = "COMMAND", conflicts_with = "out")]
    command: Vec<String>,
    /// Folder to write `plumb.1` to, and a page for every command
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Writes the pages of this command line.
pub fn run(args: Man, ui: &Ui, mut command: clap::Command) -> Result<ExitCode, Failure> {
    command.build();
    if let Some(dir) = &args.out {
        let failed = |e: std::io::Error| Failure::error(format!("{}: {e}", dir.display()));
        std::fs::create_dir_all(dir).map_err(failed)?;
        clap_mangen::generate_to(command, dir).map_err(failed)?;
        ui.status(&format!("wrote the man pages to {}", dir.display()));
        return Ok(ExitCode::Ok);
    }
    let mut page = &command;
    for name in &args.command {
        page = page.find_subcommand(name).ok_or_else(|| {
            let names: Vec<&str> = page.get_subcommands().map(clap::Command::get_name).collect();
            let failure = Failure::usage(format!("{} has no command `{name}`", said(page)));
            match plumb_model::yaml::nearest(name, names) {
                Some(near) => failure.hint(format!("did you mean `{near}`?")),
                None => failure,
            }
        })?;
    }
    let mut text = Vec::new();
    clap_mangen::Man::new(page.clone()).render(&mut text).map_err(|e| Failure::error(e.to_string()))?;
    ui.data(&String::from_utf8_lossy(&text))?;
    Ok(ExitCode::Ok)
}

fn said(command: &clap::Command) -> &str {
    command.get_bin_name().unwrap_or(command.get_name())
}
