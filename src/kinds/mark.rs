//! The mark: what plumb owns is written on the live object itself, in the call that creates it.

/// Where a kind keeps the mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkPlace {
    /// As entries of a map of strings: `tags`, `custom_tags`.
    Tags(&'static str),
    /// In the last line of a text: `description`.
    LastLine(&'static str),
}

/// What a live object says about who made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    pub project: String,
    pub target: String,
    pub kind: String,
    pub name: String,
}
