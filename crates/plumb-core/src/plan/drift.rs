//! What of a plan is drift, and what of it may be healed without applying anything else.

use super::{
    Action, Blocked, Change, ChangeOrigin, Decision, FieldChange, Guard, Live, LiveObject, Plan, forget_decisions,
    guards, normal,
};
use crate::manifest::{Desired, Resource};
use plumb_model::address::Address;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// The part of a plan that is drift: fields that were changed live, or of which nobody can tell who changed them, and
/// objects that are missing. What only waits to be applied (a new, a changed or a removed manifest) is left out, as far
/// as git tells it; so is what only an apply can refuse.
pub fn drift(plan: &Plan) -> Plan {
    let mut plan = plan.clone();
    plan.changes.retain_mut(|change| {
        let all = change.fields.len();
        change.fields.retain(|field| !waits(field.origin));
        if change.fields.len() < all {
            // It is known of all fields together.
            change.cost = None;
        }
        match change.action {
            Action::Create => !waits(change.origin),
            // What is marked because it came back has fields that drifted.
            Action::Update | Action::Replace | Action::Mark => !change.fields.is_empty(),
            Action::CutOver | Action::Rollback => false,
            // Of code, what somebody changed or deleted is drift; what is not there yet is not.
            Action::Upload => change.origin == Some(ChangeOrigin::Drift),
            Action::Retire | Action::Prune => false,
            Action::Terminate | Action::Delete | Action::Adopt | Action::Move | Action::Release => false,
        }
    });
    // A guard is about an apply; nobody applies here.
    plan.blocked.retain(|blocked| blocked.guard.is_none());
    plan.notes.clear();
    plan.teardown.clear();
    plan.cutovers.clear();
    plan.estimate = None;
    forget_decisions(&mut plan);
    plan.digest = digest(&plan);
    plan
}

/// Which changes of a plan are drift, and which only wait for an apply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DriftSplit {
    /// Those of which something at least is drift: addresses with the ids of their objects.
    drifted: BTreeSet<(Address, Option<String>)>,
    /// How many those are.
    pub drifts: usize,
    /// Those of which nothing is, in the plan's order.
    pub waiting: Vec<Address>,
    /// How many of those that are drift are of objects that are not there: nothing live says whether one ever was.
    pub absent: usize,
}

impl DriftSplit {
    /// Splits a whole plan. Linear in its changes and their fields.
    pub fn of(plan: &Plan) -> DriftSplit {
        let left = drift(plan);
        let absent = left.changes.iter().filter(|change| change.action == Action::Create).count();
        let drifts = left.changes.len();
        let drifted = left.changes.into_iter().map(|change| (change.address, change.id)).collect();
        let mut split = DriftSplit { drifted, drifts, waiting: Vec::new(), absent };
        let waiting = plan.changes.iter().filter(|change| !split.is_drift(change));
        split.waiting = waiting.map(|change| change.address.clone()).collect();
        split
    }

    /// Whether something at least of one of the plan's changes is drift.
    pub fn is_drift(&self, change: &Change) -> bool {
        self.drifted.contains(&(change.address.clone(), change.id.clone()))
    }
}

fn waits(origin: Option<ChangeOrigin>) -> bool {
    origin == Some(ChangeOrigin::Manifest)
}

fn digest(plan: &Plan) -> String {
    // The order in which a plan is read is no part of what drifted.
    let fields = |c: &Change| -> Vec<_> {
        let mut fields: Vec<_> = c.fields.iter().map(|f| (f.path.clone(), f.from.clone(), f.to.clone())).collect();
        fields.sort_by(|(a, ..), (b, ..)| a.cmp(b));
        fields
    };
    let mut changes: Vec<_> =
        plan.changes.iter().map(|c| (c.address.clone(), c.action, c.id.clone(), fields(c))).collect();
    changes.sort_by(|(a, action, ..), (b, other, ..)| (a, action).cmp(&(b, other)));
    let blocked: Vec<_> = plan.blocked.iter().map(|b| (b.address.clone(), b.reason.clone())).collect();
    normal::hash(&serde_json::json!([plan.project, plan.target, changes, blocked]))[..16].to_owned()
}

/// Something that is not healed, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    pub address: Address,
    pub why: String,
}

/// Keeps of a decision what undoes drift and nothing else. `heals` says which kinds are to be healed.
///
/// A change is kept when its manifest is the very one that was applied last (the hash in the mark says so), every one of
/// its fields was changed live, and it is done in place. So nothing that was merged and not yet applied gets out this way.
pub fn heal(decision: &mut Decision, desired: &Desired, live: &Live, heals: &dyn Fn(&str) -> bool) -> Vec<LeftOut> {
    let mut left = Vec::new();
    let mut reasons: BTreeMap<Address, String> = BTreeMap::new();
    let resources: HashMap<&Address, &Resource> = desired.resources.iter().rev().map(|r| (&r.address, r)).collect();
    let objects =
        live.kinds.iter().flat_map(|(kind, all)| all.iter().map(move |found| ((*kind, &*found.seen.id), found)));
    let objects: HashMap<(&str, &str), &LiveObject> = objects.collect();
    for change in &decision.plan.changes {
        let found = change.id.as_deref().and_then(|id| objects.get(&(change.address.kind.as_str(), id)));
        let resource = resources.get(&change.address);
        if let Err(why) = healable(change, resource.copied(), found.copied(), heals) {
            reasons.insert(change.address.clone(), why);
        }
    }
    // An object that is to be made or deleted first takes those with it that wait for it.
    let made: HashSet<Address> =
        decision.plan.changes.iter().filter(|c| c.action != Action::Update).map(|c| c.address.clone()).collect();
    loop {
        let blocked: Vec<(Address, String)> = decision
            .plan
            .changes
            .iter()
            .filter(|c| !reasons.contains_key(&c.address))
            .filter_map(|c| {
                let first = c.depends_on.iter().find(|a| reasons.contains_key(*a) && made.contains(*a))?;
                Some((c.address.clone(), format!("{first} has to be done first")))
            })
            .collect();
        if blocked.is_empty() {
            break;
        }
        reasons.extend(blocked);
    }
    let plan = &mut decision.plan;
    plan.changes.retain(|c| !reasons.contains_key(&c.address));
    let kept: BTreeSet<Address> = plan.changes.iter().map(|c| c.address.clone()).collect();
    for change in &mut plan.changes {
        change.depends_on.retain(|a| kept.contains(a));
    }
    left.extend(reasons.into_iter().map(|(address, why)| LeftOut { address, why }));
    let refused = |b: &Blocked| b.address.clone().map(|address| LeftOut { address, why: b.reason.clone() });
    left.extend(plan.blocked.iter().filter(|b| b.guard.is_none()).filter_map(refused));
    let about = |b: &Blocked| b.address.as_ref().is_some_and(|a| kept.contains(a));
    plan.blocked.retain(|b| b.guard == Some(Guard::RunNow) && about(b));
    let owned = guards::owned(crate::kinds::objects(), live, desired);
    let refused = guards::of_changes(plan, &owned, &desired.guards);
    plan.blocked.extend(refused);
    plan.digest = digest(plan);
    left
}

fn healable(
    change: &Change,
    resource: Option<&Resource>,
    found: Option<&LiveObject>,
    heals: &dyn Fn(&str) -> bool,
) -> Result<(), String> {
    if !heals(&change.address.kind) {
        return Err("its kind is not healed".into());
    }
    match change.action {
        Action::Update => {}
        Action::Create => return Err("it is not there; only an apply makes objects".into()),
        Action::Replace => return Err("it would have to be replaced".into()),
        Action::Mark | Action::Terminate => return Err("only an apply marks, terminates or deletes".into()),
        _ => return Err("it is the manifests that changed".into()),
    }
    let hash = found.and_then(|f| f.mark.as_ref()?.rev.as_ref()).map(|rev| rev.hash.as_str());
    let same = resource.is_some_and(|r| Some(normal::identity(r.kind.rules(), &r.spec).as_str()) == hash);
    if !same {
        return Err("its manifest changed since the last apply".into());
    }
    let foreign = |f: &&FieldChange| f.origin != Some(ChangeOrigin::Drift);
    match change.fields.iter().find(foreign) {
        _ if change.fields.is_empty() => Err("nothing says what drifted".into()),
        Some(field) if field.origin.is_none() => Err(format!("who changed {} cannot be told", field.path)),
        Some(field) => Err(format!("{} changed in its manifest", field.path)),
        None => Ok(()),
    }
}
