//! How a tree stands that something uses.

use super::{few, reading};
use crate::code::{CodeFolder, CodeReader, CodeStock, CodeTree, TreeState};
use std::collections::BTreeSet;

/// How a tree stands that something uses.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stand {
    /// It is whole, those who have to can read it, and nothing says that it is out of use.
    Whole,
    /// It has to be uploaded. `reason`: why, where that is not that it is new.
    Needs { reason: Option<String>, written: usize, is_drift: bool },
    /// Nobody can tell.
    Unknown(String),
}

/// How a tree stands. `is_named`: whether a live object names it, so that it was whole once.
pub(super) fn stand(
    stock: &CodeStock,
    tree: &CodeTree,
    readers: &BTreeSet<CodeReader>,
    is_volume: bool,
    is_named: bool,
) -> Stand {
    if let Some(why) = &stock.unread {
        return Stand::Unknown(why.clone());
    }
    let place = if is_volume { "volume" } else { "workspace" };
    let Some(stored) = stock.trees.get(&tree.hash) else {
        let reason = is_named.then(|| format!("it was deleted in the {place}"));
        return Stand::Needs { reason, written: tree.files.len(), is_drift: is_named };
    };
    let Some(state) = &stored.state else { return Stand::Unknown("nobody looked into it".to_owned()) };
    if let Some(why) = &state.unread {
        return Stand::Unknown(why.clone());
    }
    let written = state.missing.union(&state.changed).filter(|path| tree.files.contains_key(*path)).count();
    let damage = damage(state, place);
    let needs = |reason: String, is_drift: bool| Stand::Needs { reason: Some(reason), written, is_drift };
    if state.markers.is_empty() {
        return match is_named {
            // What is used was whole before anything used it.
            true => {
                needs(damage.unwrap_or_else(|| format!("what says that it is whole was deleted in the {place}")), true)
            }
            false => needs("an earlier upload of it was not finished".to_owned(), false),
        };
    }
    if let Some(damage) = damage {
        return needs(damage, is_named || stored.unused_since.is_none());
    }
    match (state.markers.contains(&CodeFolder::marker(readers)), stored.unused_since) {
        (_, Some(since)) => needs(format!("it is in use again; it was not since {since}"), false),
        (false, None) => needs(reading(readers), false),
        (true, None) => Stand::Whole,
    }
}

/// What somebody did to a tree, in words.
fn damage(state: &TreeState, place: &str) -> Option<String> {
    let told = [
        (&state.changed, format!("changed in the {place}")),
        (&state.missing, format!("deleted or replaced in the {place}")),
    ];
    let mut parts: Vec<String> = Vec::new();
    for (paths, what) in told {
        if !paths.is_empty() {
            let verb = if paths.len() == 1 { "was" } else { "were" };
            parts.push(format!("{} {verb} {what}", few(paths.iter().cloned())));
        }
    }
    if !state.foreign.is_empty() {
        let verb = if state.foreign.len() == 1 { "does" } else { "do" };
        parts.push(format!("{} {verb} not belong there", few(state.foreign.iter().cloned())));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}
