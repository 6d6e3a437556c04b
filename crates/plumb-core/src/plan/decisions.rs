//! Open decisions: what would make a manifest live in which one is open waits, and with it what has to come after it. Nothing
//! else of the plan does, and no digest knows of it: what is approved is what would be done.

use super::context::PlanContext;
use super::verdict::Collected;
use super::{Action, Blocked, Change, Guard, Note, Plan};
use crate::manifest::{DecisionGuard, OpenDecision, Resource};
use plumb_model::address::Address;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// How the note begins on a target that only warns.
const WARNED: &str = "decisions are open in what is made here";

/// A decision that is open in the manifest of a change: its comment, `# DECISION:`, stands there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DecisionPlace {
    /// What is to be decided.
    pub what: String,
    /// The manifest or the patch, relative to the repository, with forward slashes.
    pub file: String,
    pub line: usize,
}

/// Whether a change makes its manifest live. What takes objects away, and what is done to what others made, does not.
fn makes_live(action: Action) -> bool {
    match action {
        Action::Create | Action::Update | Action::Replace | Action::Adopt | Action::Move => true,
        Action::Delete | Action::Release | Action::Mark | Action::Terminate => false,
        // Of its DAGs nothing but what the cutover sets is changed.
        Action::CutOver | Action::Rollback => false,
    }
}

/// Says of each change what is open in its manifest, and refuses it, or only notes it, as the project has it.
pub(super) fn guard(context: &PlanContext<'_>, all: &mut Collected<'_>) {
    let desired = context.input.desired;
    let undecided = desired.resources.iter().filter(|resource| !resource.decisions.is_empty());
    let undecided: BTreeMap<&Address, &Resource> = undecided.map(|one| (&one.address, one)).collect();
    if undecided.is_empty() {
        return;
    }
    let place = |one: &OpenDecision| {
        let (file, line) = (desired.files.get(one.span.file).path.clone(), desired.files.position(one.span).0);
        DecisionPlace { what: one.what.clone(), file, line }
    };
    let mut held = BTreeSet::new();
    for change in all.changes.iter_mut().filter(|change| makes_live(change.action)) {
        let Some(resource) = undecided.get(&change.address) else { continue };
        change.decisions = resource.decisions.iter().map(place).collect();
        held.insert(change.address.clone());
    }
    match desired.decision_guard() {
        DecisionGuard::Block => {
            let own = all.changes.iter().filter(|change| held.contains(&change.address)).map(undecided_change);
            let own: Vec<Blocked> = own.collect();
            all.blocked.extend(own);
            all.blocked.extend(behind(&all.changes, held).into_iter().map(|(address, first)| waits(&address, &first)));
        }
        DecisionGuard::Warn if !held.is_empty() => {
            let target = &desired.target.name;
            all.notes.push(Note::general(format!("{WARNED}: target {target} only warns of it (`guards.decisions`)")));
        }
        DecisionGuard::Warn => {}
    }
}

/// The changes that have to come after one of these, each with the one that it waits for.
fn behind(changes: &[Change], mut held: BTreeSet<Address>) -> BTreeMap<Address, Address> {
    let mut behind = BTreeMap::new();
    loop {
        let before = behind.len();
        for change in changes {
            let Some(first) = change.depends_on.iter().find(|first| held.contains(*first)) else { continue };
            if held.insert(change.address.clone()) {
                behind.insert(change.address.clone(), first.clone());
            }
        }
        if behind.len() == before {
            return behind;
        }
    }
}

fn undecided_change(change: &Change) -> Blocked {
    let first = change.decisions.first().map_or("", |one| &one.what);
    let (open, them) = match change.decisions.len() {
        1 => (format!("a decision is open in its manifest: {first}"), "the `# DECISION:` comment"),
        n => (format!("{n} decisions are open in its manifest, the first: {first}"), "each `# DECISION:` comment"),
    };
    refuse(&change.address, open, &format!("decide, and delete {them}"))
}

fn waits(address: &Address, first: &Address) -> Blocked {
    refuse(address, format!("it comes after {first}, which waits for decisions"), "take these first")
}

fn refuse(address: &Address, reason: String, remedy: &str) -> Blocked {
    let guard = Guard::Decisions;
    let remedy = format!("{remedy}; or `plumb apply --override {}`", guard.name());
    Blocked { guard: Some(guard), ..Blocked::new(address, reason).with_remedy(remedy) }
}

/// Takes out of a plan what its open decisions hold, and answers what that is. That it is refused stays in the plan, and its
/// digest stays that of the whole: what is left is a part of what was shown and approved.
pub fn hold_undecided(plan: &mut Plan) -> Vec<Address> {
    let is_held = |blocked: &&Blocked| blocked.guard == Some(Guard::Decisions);
    let held: BTreeSet<Address> = plan.blocked.iter().filter(is_held).filter_map(|b| b.address.clone()).collect();
    let (out, left): (Vec<Change>, Vec<Change>) =
        std::mem::take(&mut plan.changes).into_iter().partition(|change| held.contains(&change.address));
    plan.changes = left;
    // What another guard has against a change does not matter while that is not made.
    let is_moot = |b: &Blocked| b.guard.is_some() && b.address.as_ref().is_some_and(|address| held.contains(address));
    plan.blocked.retain(|blocked| blocked.guard == Some(Guard::Decisions) || !is_moot(blocked));
    out.into_iter().map(|change| change.address).collect()
}

/// Takes out of a plan all that it says of decisions. What is open is about what the manifests are to become: of what was changed
/// live it says nothing.
pub fn forget_decisions(plan: &mut Plan) {
    plan.decisions = None;
    plan.changes.iter_mut().for_each(|change| change.decisions.clear());
    plan.blocked.retain(|blocked| blocked.guard != Some(Guard::Decisions));
    plan.notes.retain(|note| note.address.is_some() || !note.message.starts_with(WARNED));
}
