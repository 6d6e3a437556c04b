//! Who wrote a line: the git program's answers, and what a walk reads for them.

#![allow(clippy::unwrap_used)]

use super::*;

impl Repo {
    /// Who wrote one line.
    pub(in super::super) fn who(&self, file: &str, line: usize) -> Option<Commit> {
        self.blame([(file, line)], &|| false).of(file, line).cloned()
    }
}
