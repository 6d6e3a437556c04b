//! Long output through a pager, as git shows it.

use super::colour::TerminalEnvironment;
use std::io::{self, Write};
use std::process::{Command, Stdio};

/// What less does where nobody says otherwise: end where all fits, show colours, leave the screen as it is (git's own choice).
const LESS: &str = "FRX";

/// A pager, and how much a terminal shows without one.
pub(super) struct Pager {
    command: String,
    /// Whether `LESS` is ours to set.
    sets_less: bool,
    /// Lines of the terminal.
    height: usize,
}

/// What became of a text that a pager was given.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Paged {
    /// It was shown, or its reader had seen enough.
    Shown,
    /// The pager is not there, or ended badly: the text has to be shown without it.
    Failed,
}

impl Pager {
    /// The pager that the environment asks for. None for a terminal that cannot move its cursor.
    pub fn new(environment: &TerminalEnvironment, height: Option<usize>) -> Option<Pager> {
        let command = environment.pager.clone().filter(|_| !environment.dumb())?;
        Some(Pager { command, sets_less: environment.less.is_none(), height: height? })
    }

    /// Whether a text takes more than the terminal has.
    pub fn is_long(&self, text: &str, width: usize) -> bool {
        let rows = |line: &str| line.chars().count().div_ceil(width.max(1)).max(1);
        // Escape sequences take no columns; a line more or less decides nothing, for less looks for itself.
        text.lines().map(rows).sum::<usize>() >= self.height
    }

    /// Shows a text and waits until its reader has seen enough.
    pub fn show(&self, text: &str) -> Paged {
        // The reader ends the pager with Ctrl-C, and not the program that waits for it.
        #[cfg(unix)]
        let _heard = tokio::runtime::Handle::try_current()
            .ok()
            .map(|_| tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt()));
        let mut command = Command::new("sh");
        command.arg("-c").arg(&self.command).stdin(Stdio::piped());
        if self.sets_less {
            command.env("LESS", LESS);
        }
        let Ok(mut child) = command.spawn() else { return Paged::Failed };
        let written = child.stdin.take().map_or(Ok(()), |mut input| input.write_all(text.as_bytes()));
        let ended = child.wait();
        match (written, ended) {
            (Ok(()), Ok(status)) if status.success() => Paged::Shown,
            // Who leaves less before the end has seen enough; a pager that fails has shown nobody anything.
            (Err(fault), Ok(status)) if fault.kind() == io::ErrorKind::BrokenPipe && status.success() => Paged::Shown,
            _ => Paged::Failed,
        }
    }
}
