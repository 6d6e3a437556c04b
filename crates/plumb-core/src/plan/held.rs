//! Changes that a guard holds, and no others of the plan: those with open decisions, adoptions that would disrupt what runs, and
//! what has to come after one of them.

use super::{Action, Blocked, Change, Guard, Plan};
use crate::kinds::ImpactClass;
use plumb_model::address::Address;
use std::collections::{BTreeMap, BTreeSet};

/// The guard against an adoption that ends what runs on a cluster: whoever takes an object over means to leave it as it is.
pub(super) fn of_adoption(change: &Change) -> Option<Blocked> {
    let ends = |class: &ImpactClass| matches!(class, ImpactClass::RestartsCluster | ImpactClass::EndsCluster);
    if !change.disrupts.iter().any(ends) {
        return None;
    }
    let reason = "taking it over restarts the running cluster, and ends what runs on it";
    let remedy = "plan again once it is terminated";
    Some(refuse(Guard::Restart, &change.address, reason.to_owned(), remedy))
}

/// Refuses what takes objects away and has to come after an adoption that is held: what is still used would go. The rest need
/// not wait, for what is to be adopted is live.
pub(super) fn behind_adoptions(changes: &[Change], blocked: &mut Vec<Blocked>) {
    let own = blocked.iter().filter(|blocked| blocked.guard == Some(Guard::Restart));
    let own: BTreeSet<Address> = own.filter_map(|blocked| blocked.address.clone()).collect();
    let takes_away = |change: &Change| {
        matches!(change.action, Action::Delete | Action::Replace | Action::Terminate | Action::Retire | Action::Prune)
    };
    let waits = |change: &Change, first: &Address| takes_away(change) || !own.contains(first);
    for (address, first) in behind(changes, own.clone(), waits) {
        let reason = format!("it comes after {first}, which is not taken over yet");
        blocked.push(refuse(Guard::Restart, &address, reason, "take that over first"));
    }
}

/// The changes that have to come after one of these, each with the one that it waits for; `waits` says whether one does.
pub(super) fn behind(
    changes: &[Change],
    mut held: BTreeSet<Address>,
    waits: impl Fn(&Change, &Address) -> bool,
) -> BTreeMap<Address, Address> {
    let mut behind = BTreeMap::new();
    loop {
        let before = behind.len();
        for change in changes {
            let is_first = |first: &&Address| held.contains(*first) && waits(change, first);
            let Some(first) = change.depends_on.iter().find(is_first) else { continue };
            if held.insert(change.address.clone()) {
                behind.insert(change.address.clone(), first.clone());
            }
        }
        if behind.len() == before {
            return behind;
        }
    }
}

/// A change that one of these guards holds, with the way past it.
pub(super) fn refuse(guard: Guard, address: &Address, reason: String, remedy: &str) -> Blocked {
    let remedy = format!("{remedy}; or `plumb apply --override {}`", guard.name());
    Blocked { guard: Some(guard), ..Blocked::new(address, reason).with_remedy(remedy) }
}

impl Guard {
    /// Whether it holds the changes that it names, and lets the others of the plan be made.
    pub fn holds_changes(self) -> bool {
        matches!(self, Guard::Decisions | Guard::Restart)
    }
}

/// Takes out of a plan what its guards hold, and answers what that is. That it is refused stays in the plan, and its digest
/// stays that of the whole: what is left is a part of what was shown and approved.
pub fn hold_back(plan: &mut Plan) -> Vec<Address> {
    let holds = |blocked: &Blocked| blocked.guard.is_some_and(Guard::holds_changes);
    let held: BTreeSet<Address> =
        plan.blocked.iter().filter(|blocked| holds(blocked)).filter_map(|b| b.address.clone()).collect();
    let (out, mut left): (Vec<Change>, Vec<Change>) =
        std::mem::take(&mut plan.changes).into_iter().partition(|change| held.contains(&change.address));
    // What is left and came after one of them has nothing to wait for: see `behind_adoptions`.
    left.iter_mut().for_each(|change| change.depends_on.retain(|first| !held.contains(first)));
    plan.changes = left;
    // What another guard has against a change does not matter while that is not made.
    let is_moot = |b: &Blocked| b.guard.is_some() && b.address.as_ref().is_some_and(|address| held.contains(address));
    plan.blocked.retain(|blocked| holds(blocked) || !is_moot(blocked));
    out.into_iter().map(|change| change.address).collect()
}
