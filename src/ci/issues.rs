//! What is to be done to issues.

/// A change of an issue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IssueChange {
    Open {
        title: String,
        body: String,
    },
    Edit {
        number: u64,
        body: String,
    },
    /// Opens one again that was closed.
    Reopen {
        number: u64,
        body: String,
    },
    /// Says why, and closes.
    Close {
        number: u64,
        why: String,
    },
}
