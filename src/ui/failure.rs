//! What a command ends with when it does not end well.

use std::fmt;

/// The exit codes that scripts may rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitCode {
    /// Nothing to do, or all of it done.
    Ok,
    /// Something went wrong and is said on stderr.
    Error,
    /// There are changes to apply (`drift`, and `plan --detailed-exitcode`).
    Changes,
    /// The cause of a failure is not known (`diagnose`). The same number: there is something left to do.
    NotKnown,
    /// A guard refused.
    Guard,
    /// The plan is stale, or not the one that was approved.
    Stale,
    /// Somebody else holds the lease.
    Lease,
    /// Some changes were applied, or may have been, and others were not.
    Partial,
    /// The command line makes no sense (`EX_USAGE` of sysexits.h).
    Usage,
    /// Interrupted by the user (128 + SIGINT).
    Interrupted,
}

impl ExitCode {
    /// The number that the process ends with.
    pub fn code(self) -> u8 {
        match self {
            ExitCode::Ok => 0,
            ExitCode::Error => 1,
            ExitCode::Changes | ExitCode::NotKnown => 2,
            ExitCode::Guard => 3,
            ExitCode::Stale => 4,
            ExitCode::Lease => 5,
            ExitCode::Partial => 6,
            ExitCode::Usage => 64,
            ExitCode::Interrupted => 130,
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        code.code().into()
    }
}

/// Why a command stopped, and how to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub exit: ExitCode,
    /// What went wrong, in a line.
    pub message: String,
    /// What to do about it, one thing each.
    pub hints: Vec<String>,
    /// What stands before the message, printed as it is: diagnostics that were laid out, and made safe, elsewhere.
    pub detail: Option<String>,
    /// Whether nothing went wrong: somebody said no.
    pub is_cancelled: bool,
}

impl Failure {
    /// A failure with that code and message.
    pub fn new(exit: ExitCode, message: impl Into<String>) -> Self {
        Failure { exit, message: message.into(), hints: Vec::new(), detail: None, is_cancelled: false }
    }

    /// An ordinary error.
    pub fn error(message: impl Into<String>) -> Self {
        Self::new(ExitCode::Error, message)
    }

    /// A command line that makes no sense.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ExitCode::Usage, message)
    }

    /// Somebody was asked and said no; `state` is what that leaves: "nothing was sent".
    pub fn cancelled(state: &str) -> Self {
        Failure { is_cancelled: true, ..Self::error(format!("cancelled; {state}")) }
    }

    /// Adds what to do about it.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds laid out diagnostics.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
