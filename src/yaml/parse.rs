//! Parsing.
use super::{FileId, Node, Problems};

/// Bounds on a document.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub depth: usize,
    pub nodes: usize,
}

/// Parses every document of a text.
pub fn parse(_text: &str, _file: FileId, _limits: &Limits, _problems: &mut Problems) -> Vec<Node> {
    Vec::new()
}
