//! The trees of code that a workspace or a volume has.

use super::{CodeFolder, CodeReader, CodeSummary};
use std::collections::{BTreeMap, BTreeSet};

/// What the folder of a target holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodeStock {
    /// Why it is not known. Then nothing is told of any tree, and none is pruned.
    pub unread: Option<String>,
    /// Every tree that is there, whole or not, by its hash.
    pub trees: BTreeMap<String, StoredTree>,
    /// The trees that active runs name; the error says why that is not known. Looked at only when a tree could be pruned.
    pub runs: Option<Result<BTreeSet<String>, String>>,
    /// What was in trees that live objects name and neither a manifest nor the history knows, by path, as their markers say; the
    /// error says why that is not known. Read only where a plan shows how files differ.
    pub indexes: BTreeMap<String, Result<BTreeMap<String, CodeSummary>, String>>,
}

/// A tree that is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredTree {
    /// Since when nothing names it, as is noted beside it; the latest of several notes.
    pub unused_since: Option<jiff::civil::Date>,
    /// `None` when nobody looked into it: no manifest names it.
    pub state: Option<TreeState>,
}

/// What is in a tree that a manifest names, held against what should be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TreeState {
    /// The markers that are there.
    pub markers: BTreeSet<String>,
    /// Files that are not there, or are of another type or size, by the path in the tree as the repository has it.
    pub missing: BTreeSet<String>,
    /// Files that were written after the tree was whole: somebody else's doing.
    pub changed: BTreeSet<String>,
    /// What is there and does not belong there: it could be imported in place of what does.
    pub foreign: BTreeSet<String>,
    /// Why it could not be looked into.
    pub unread: Option<String>,
}

impl TreeState {
    /// Whether it is as it should be, and those may read it.
    pub fn is_whole(&self, readers: &BTreeSet<CodeReader>) -> bool {
        self.unread.is_none()
            && self.missing.is_empty()
            && self.changed.is_empty()
            && self.foreign.is_empty()
            && self.markers.contains(&CodeFolder::marker(readers))
    }
}
