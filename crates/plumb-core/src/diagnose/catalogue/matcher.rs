//! Finding the patterns of a catalogue in lines: literals first, expressions only where a literal of theirs stands.

use super::{CatalogueError, FailureClass};
use crate::logs::FileKind;

/// What finds patterns in lines.
pub struct Matcher {}

/// A pattern that matched.
#[derive(Clone, Debug, PartialEq)]
pub struct Matched {
    /// The index of the class, and of the pattern in it.
    pub class: usize,
    pub pattern: usize,
    pub slots: Vec<(String, String)>,
}

impl Matcher {
    pub(super) fn new(_classes: &[FailureClass]) -> Result<Matcher, CatalogueError> {
        Ok(Matcher {})
    }

    /// The patterns that match a line of such a file, in the catalogue's order. `info`: the line's head says INFO or less, and
    /// only what INFO lines can say is looked for.
    pub fn matches(&self, _classes: &[FailureClass], _line: &[u8], _kind: FileKind, _info: bool) -> Vec<Matched> {
        Vec::new()
    }
}
