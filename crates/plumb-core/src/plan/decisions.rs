//! Open decisions: what would make a manifest live in which one is open waits, and with it what has to come after it. Nothing
//! else of the plan does, and no digest knows of it: what is approved is what would be done.

use super::context::PlanContext;
use super::held::{behind, refuse};
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
        Action::Upload | Action::Retire | Action::Prune => false,
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
            all.blocked.extend(
                behind(&all.changes, held, |_, _| true).into_iter().map(|(address, first)| waits(&address, &first)),
            );
        }
        DecisionGuard::Warn if !held.is_empty() => {
            let target = &desired.target.name;
            all.notes.push(Note::general(format!("{WARNED}: target {target} only warns of it (`guards.decisions`)")));
        }
        DecisionGuard::Warn => {}
    }
}

fn undecided_change(change: &Change) -> Blocked {
    let first = change.decisions.first().map_or("", |one| &one.what);
    let (open, them) = match change.decisions.len() {
        1 => (format!("a decision is open in its manifest: {first}"), "the `# DECISION:` comment"),
        n => (format!("{n} decisions are open in its manifest, the first: {first}"), "each `# DECISION:` comment"),
    };
    refuse(Guard::Decisions, &change.address, open, &format!("decide, and delete {them}"))
}

fn waits(address: &Address, first: &Address) -> Blocked {
    refuse(Guard::Decisions, address, format!("it comes after {first}, which waits for decisions"), "take these first")
}

/// Takes out of a plan all that it says of decisions. What is open is about what the manifests are to become: of what was changed
/// live it says nothing.
pub fn forget_decisions(plan: &mut Plan) {
    plan.decisions = None;
    plan.changes.iter_mut().for_each(|change| change.decisions.clear());
    plan.blocked.retain(|blocked| blocked.guard != Some(Guard::Decisions));
    plan.notes.retain(|note| note.address.is_some() || !note.message.starts_with(WARNED));
}
