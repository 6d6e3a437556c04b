//! What is done to trees of code: those that are used and not whole are uploaded before what uses them, the day is noted on
//! which one falls out of use, and what nothing named for long enough is deleted.
//!
//! What could not be read may name any tree, so nothing is retired or pruned then; and what is selected says nothing of what is
//! not, so a part of the manifests retires and prunes nothing either.

mod files;
mod names;
mod state;

pub use files::asked_code;

#[cfg(test)]
mod files_tests;
#[cfg(test)]
mod tests;

use super::context::PlanContext;
use super::verdict::Collected;
use super::{Action, Blocked, Change, ChangeOrigin, Note};
use crate::code::{CODE, Code, CodeAct, CodeOverview, CodeReader, CodeStep, CodeTree, StoredTree};
use names::NamedTrees;
use plumb_model::address::Address;
use state::{Stand, stand};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How many digits of its hash a tree is called by.
const CALLED: usize = 12;
/// How many addresses a text names.
const FEW: usize = 3;

/// Adds what is done to trees of code to what was decided, and to each change of an object what of its code differs.
pub(super) fn decide(context: &PlanContext<'_>, all: &mut Collected<'_>) {
    let (code, stock) = (&context.input.desired.code, &context.input.live.code);
    if code.users.is_empty() && stock.trees.is_empty() && stock.unread.is_none() {
        return;
    }
    let named = NamedTrees::of(context);
    if let Some(why) = stock.unread.as_ref().filter(|_| !code.users.is_empty() || named.is_any()) {
        let folder = code.folder.path();
        let message = format!("what code is kept in {folder} is not known: {why}; none is retired or pruned");
        all.notes.push(Note::general(message));
    }
    upload(context, &named, all);
    files::add(context, &named, all);
    if context.input.selection.is_whole() && stock.unread.is_none() {
        retire_and_prune(context, &named, all);
    }
}

/// The address of what is done to a tree.
fn address(hash: &str) -> Address {
    Address { kind: CODE.to_owned(), name: hash.get(..CALLED).unwrap_or(hash).to_owned() }
}

/// A change of a tree.
fn change(code: &Code, action: Action, hash: &str, does: CodeAct, title: String) -> Change {
    Change {
        // What tells one tree from another is where it is.
        id: Some(code.folder.tree(hash)),
        title,
        code: Some(Box::new(CodeStep { hash: hash.to_owned(), does })),
        ..Change::new(address(hash), action)
    }
}

/// The first few of some texts, and how many more there are.
fn few(texts: impl IntoIterator<Item = String>) -> String {
    let all: Vec<String> = texts.into_iter().collect();
    let more = all.len().saturating_sub(FEW);
    let told = all[..all.len() - more].join(", ");
    if more > 0 { format!("{told} and {more} more") } else { told }
}

/// The selected resources that name code and are not refused, by their tree. A part of the manifests brings no code of others.
fn used(context: &PlanContext<'_>, all: &Collected<'_>) -> BTreeMap<String, Vec<Address>> {
    let code = &context.input.desired.code;
    let changed: BTreeSet<&Address> = all.changes.iter().map(|change| &change.address).collect();
    let refused: BTreeSet<&Address> = all.blocked.iter().filter_map(|blocked| blocked.address.as_ref()).collect();
    let mut used: BTreeMap<String, Vec<Address>> = BTreeMap::new();
    for resource in &context.input.desired.resources {
        let Some(user) = code.users.get(&resource.address) else { continue };
        let is_refused = refused.contains(&resource.address) && !changed.contains(&resource.address);
        if context.input.selection.has(resource) && context.reads(&resource.address.kind) && !is_refused {
            used.entry(user.hash.clone()).or_default().push(resource.address.clone());
        }
    }
    used
}

/// Adds what is uploaded, and has what uses it wait for that. What needs code of which nobody can tell whether it is there is
/// refused; what has its code already is not.
fn upload(context: &PlanContext<'_>, named: &NamedTrees<'_>, all: &mut Collected<'_>) {
    let (code, stock) = (&context.input.desired.code, &context.input.live.code);
    let mut held: BTreeMap<Address, Blocked> = BTreeMap::new();
    let mut uploads: BTreeMap<String, Change> = BTreeMap::new();
    for (hash, users) in used(context, all) {
        let Some(tree) = code.trees.get(&hash) else { continue };
        let readers = code.readers(&hash);
        let is_named = named.is_named(&hash);
        match stand(stock, tree, &readers, code.folder.is_volume(), is_named) {
            Stand::Whole => {}
            Stand::Unknown(why) => {
                let needs = |change: &&Change| users.contains(&change.address) && !named.by(change, &hash);
                let needing: Vec<Address> = all.changes.iter().filter(needs).map(|c| c.address.clone()).collect();
                for address in &needing {
                    let reason = format!("whether its code is there is not known: {why}");
                    held.insert(address.clone(), Blocked::new(address, reason));
                }
                // Of the whole folder it is said once.
                if stock.unread.is_none() {
                    for address in users.iter().filter(|address| !needing.contains(address)) {
                        all.notes.push(Note::new(address, format!("whether its code is whole is not known: {why}")));
                    }
                }
            }
            Stand::Needs { reason, written, is_drift } => {
                let title = format!("code of {}", few(users.iter().map(Address::to_string)));
                let overview = CodeOverview { used_by: users, ..overview(code, tree, Some(written)) };
                let does = CodeAct::Upload { tree: Arc::new(tree.clone()), readers };
                uploads.insert(
                    hash.clone(),
                    Change {
                        reason,
                        origin: is_drift.then_some(ChangeOrigin::Drift),
                        tree: Some(overview),
                        ..change(code, Action::Upload, &hash, does, title)
                    },
                );
            }
        }
    }
    all.hold(held);
    for change in &mut all.changes {
        let uploaded = code.users.get(&change.address).and_then(|user| uploads.get(&user.hash));
        change.depends_on.extend(uploaded.map(|upload| upload.address.clone()));
    }
    all.changes.extend(uploads.into_values());
}

/// A tree in a few words.
fn overview(code: &Code, tree: &CodeTree, written: Option<usize>) -> CodeOverview {
    let path = code.folder.tree(&tree.hash);
    CodeOverview { path, files: tree.files.len(), bytes: tree.bytes(), written, used_by: Vec::new(), unknown: None }
}

/// Adds the notes of what falls out of use, and what is deleted.
fn retire_and_prune(context: &PlanContext<'_>, named: &NamedTrees<'_>, all: &mut Collected<'_>) {
    let (code, today) = (&context.input.desired.code, context.input.today);
    let keep = i64::from(code.keep_days);
    let (mut unknown, mut added) = (Vec::new(), Vec::new());
    let endings = named.endings(&all.changes);
    for (hash, stored) in &context.input.live.code.trees {
        if code.trees.contains_key(hash) {
            continue;
        }
        let Some(ends) = named.ends(hash, &endings) else { continue };
        let is_named = named.is_named(hash);
        let day = stored.unused_since;
        // A tree that was used again and falls out of use once more is kept from that day on.
        let falls = day.is_none() || is_named && day != Some(today);
        let is_due = day.is_some_and(|day| day_after(day, keep) <= today);
        if !falls && !is_due {
            continue;
        }
        if let Some(why) = &named.may_name_any {
            unknown.push((hash, why.clone()));
        } else if falls {
            let reason = match keep {
                0 => "nothing names it after this".to_owned(),
                keep => format!("nothing names it after this; it is kept for {}", days(keep)),
            };
            let retired = change(code, Action::Retire, hash, CodeAct::Retire { day: today }, hash.clone());
            added.push(Change { reason: Some(reason), depends_on: ends, ..retired });
        } else {
            match may_be_pruned(context, hash) {
                Ok(true) => added.push(pruned(code, hash, stored, keep)),
                Ok(false) => {}
                Err(why) => unknown.push((hash, why)),
            }
        }
    }
    all.changes.extend(added);
    note_unknown(unknown, all);
}

/// The deletion of a tree.
fn pruned(code: &Code, hash: &str, stored: &StoredTree, keep: i64) -> Change {
    let since = stored.unused_since.map(|day| format!(" since {day}")).unwrap_or_default();
    let reason = format!("nothing names it{since}, and `spec.code.keep` is {}", days(keep));
    Change { reason: Some(reason), ..change(code, Action::Prune, hash, CodeAct::Prune, hash.to_owned()) }
}

/// Whether no active run names a tree. The error says why that is not known.
fn may_be_pruned(context: &PlanContext<'_>, hash: &str) -> Result<bool, String> {
    match &context.input.live.code.runs {
        Some(Ok(runs)) => Ok(!runs.contains(hash)),
        Some(Err(why)) => Err(format!("which code active runs use is not known: {why}")),
        None => Err("nobody looked which code active runs use".to_owned()),
    }
}

/// Says why trees stay of which nobody can tell whether something names them, each reason once.
fn note_unknown(unknown: Vec<(&String, String)>, all: &mut Collected<'_>) {
    let mut whys: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (hash, why) in unknown {
        whys.entry(why).or_default().push(address(hash).to_string());
    }
    for (why, hashes) in whys {
        let stay = if hashes.len() == 1 { "stays" } else { "stay" };
        all.notes.push(Note::general(format!("{} {stay} as it is: {why}", few(hashes))));
    }
}

/// The day that is so many days after another.
fn day_after(day: jiff::civil::Date, days: i64) -> jiff::civil::Date {
    jiff::Span::new().try_days(days).and_then(|span| day.checked_add(span)).unwrap_or(jiff::civil::Date::MAX)
}

fn days(count: i64) -> String {
    if count == 1 { "1 day".to_owned() } else { format!("{count} days") }
}

/// Who reads a tree, in words.
fn reading(readers: &BTreeSet<CodeReader>) -> String {
    if readers.is_empty() {
        return "nobody but who applies has to read it any more".to_owned();
    }
    format!("{} may read it", few(readers.iter().map(|reader| reader.name().to_owned())))
}
