//! What to change: a line of a manifest, a permission, a quota.

use super::result::{Advice, Diagnosis, ProposedChange};
use crate::manifest::Desired;

/// A change of a file's text, with the text that it becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePatch {
    pub shown: ProposedChange,
    /// The whole new text of `shown.file`.
    pub text: String,
}

/// The changes that a diagnosis proposes for the resource that ran, and what else helps. `address` is the manifest's address
/// of what ran: `DatabricksJob/x`; `text` gives the text of a manifest's file. Nothing is proposed where nothing is sure.
pub fn remedies(
    _diagnosis: &Diagnosis,
    _desired: &Desired,
    _address: &str,
    _text: &dyn Fn(&str) -> Option<String>,
) -> (Vec<FilePatch>, Vec<Advice>) {
    (Vec::new(), Vec::new())
}
