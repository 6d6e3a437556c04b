//! What of a value could not be read, so that what is only wrong because of that is not reported as well.

use super::typed::address;
use super::{Entry, Node, Tree, nearest};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

/// What a reading has learned, by the addresses of nodes.
pub(super) struct Marks {
    /// Nodes that something neutral stands in for.
    pub given_up: HashSet<usize>,
    /// Values of keys that nothing knows.
    pub unknown: HashSet<usize>,
    /// Mappings that lack something which has to be there, and what.
    pub lacking: HashMap<usize, Vec<&'static str>>,
}

/// A value as far as it was read, and where it was not.
#[derive(Clone, Debug)]
pub struct Gaps<'n> {
    /// The value without the elements of lists that could not be read: its places are those of the typed value.
    pub node: Cow<'n, Node>,
    here: Here,
}

/// What is missing at a node, and below it.
#[derive(Clone, Debug, Default)]
struct Here {
    given_up: bool,
    /// A member or an element of it was not read.
    hurt: bool,
    /// Members that have to be there and are not.
    lacking: Vec<&'static str>,
    /// Keys that nothing knows: one of them may be meant for what is looked for.
    strangers: Vec<String>,
    /// By the position in the list or mapping; only those with something to tell.
    below: Vec<(usize, Here)>,
}

impl<'n> Gaps<'n> {
    pub(super) fn of(node: &'n Node, marks: &Marks) -> Gaps<'n> {
        let is_whole = marks.given_up.is_empty() && marks.unknown.is_empty() && marks.lacking.is_empty();
        if is_whole {
            return Gaps { node: Cow::Borrowed(node), here: Here::default() };
        }
        let (node, here) = copy(node, marks);
        Gaps { node: Cow::Owned(node), here }
    }

    /// Whether something that is wrong at a path may be so only because of what could not be read: the place itself was
    /// not read, or something of what it is made of.
    pub fn explain(&self, path: &str) -> bool {
        let (way, missing) = self.node.way(path);
        let mut here = &self.here;
        for position in way {
            if here.given_up {
                return true;
            }
            match here.below.binary_search_by_key(&position, |(i, _)| *i) {
                Ok(found) => here = &here.below[found].1,
                Err(_) => return false,
            }
        }
        let may_be_meant = |member| nearest(member, here.strangers.iter().map(String::as_str)).is_some();
        here.given_up
            || match missing {
                Some(member) => here.lacking.contains(&member) || may_be_meant(member),
                None => here.hurt || !here.lacking.is_empty() || !here.strangers.is_empty(),
            }
    }

    /// Whether nothing knows that key of the outermost mapping.
    pub fn is_stranger(&self, key: &str) -> bool {
        self.here.strangers.iter().any(|stranger| stranger == key)
    }

    /// Whether everything that stands at a path was read. When nothing stands there, whether nothing was meant to.
    pub fn is_whole(&self, path: &str) -> bool {
        !self.explain(path)
    }
}

fn copy(node: &Node, marks: &Marks) -> (Node, Here) {
    let at = address(node);
    let mut here = Here {
        given_up: marks.given_up.contains(&at),
        lacking: marks.lacking.get(&at).cloned().unwrap_or_default(),
        ..Here::default()
    };
    let tree = match &node.tree {
        Tree::Seq(items) => {
            let mut kept = Vec::with_capacity(items.len());
            for item in items {
                if marks.given_up.contains(&address(item)) {
                    here.hurt = true;
                    continue;
                }
                let (item, below) = copy(item, marks);
                here.add(kept.len(), below);
                kept.push(item);
            }
            Tree::Seq(kept)
        }
        Tree::Map(entries) => {
            let mut kept = Vec::with_capacity(entries.len());
            for entry in entries {
                let (value, below) = copy(&entry.value, marks);
                here.hurt |= below.given_up;
                if marks.unknown.contains(&address(&entry.value)) {
                    here.strangers.push(entry.key.clone());
                }
                here.add(kept.len(), below);
                kept.push(Entry { key: entry.key.clone(), key_span: entry.key_span, value });
            }
            Tree::Map(kept)
        }
        other => other.clone(),
    };
    (Node { span: node.span, tree }, here)
}

impl Here {
    fn add(&mut self, position: usize, below: Here) {
        let Here { given_up, hurt, lacking, strangers, below: further } = &below;
        if *given_up || *hurt || !lacking.is_empty() || !strangers.is_empty() || !further.is_empty() {
            self.below.push((position, below));
        }
    }
}
