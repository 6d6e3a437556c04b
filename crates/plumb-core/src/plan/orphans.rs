//! What is owned and no manifest asks for any more.

use super::compact::SmallValue;
use super::context::PlanContext;
use super::decide::WantedObject;
use super::earlier::Baseline;
use super::live::LiveObject;
use super::matching::{CLONES_REMEDY, clones};
use super::unknown::UnknownMembers;
use super::unreadable::unread_part;
use super::verdict::{Claims, ResourceVerdict};
use super::{Action, Blocked, Change, ChangeOrigin, normal};
use crate::kinds::{Impact, Kind, Role, Step, Verb};
use plumb_model::address::Address;
use serde_json::Value;
use std::collections::BTreeSet;

/// Something owned without a manifest, and what is decided of it.
type Orphan<'c, 'a> = (&'c Address, &'static dyn Kind, ResourceVerdict<'a>);

/// Decides on what is owned and no manifest asks for any more.
pub(super) fn decide<'c, 'a>(context: &'c PlanContext<'a>, claims: &Claims) -> Vec<Orphan<'c, 'a>> {
    let declared: BTreeSet<&Address> = context.input.desired.resources.iter().map(|r| &r.address).collect();
    let has_manifest = |address: &Address| declared.contains(address) || claims.claimed.contains(address);
    let mut orphans = Vec::new();
    // What is marked for teardown is never pruned: its manifest did not make it.
    for kind in context.input.kinds.iter().filter(|k| k.role() == Role::Object) {
        let unread = context.unread.orphans(*kind, has_manifest);
        let unread_addresses: BTreeSet<&Address> = unread.iter().map(|(address, _)| *address).collect();
        orphans
            .extend(unread.into_iter().map(|(address, blocked)| (address, *kind, ResourceVerdict::refused(blocked))));
        for (address, found) in &context.owned[kind.name()] {
            if has_manifest(address) || unread_addresses.contains(address) {
                continue;
            }
            let verdict = match found.as_slice() {
                [one] => decide_one(context, claims, *kind, address, one),
                several => {
                    let reason = clones(*kind, address, several);
                    ResourceVerdict::refused(Blocked::new(address, reason).with_remedy(CLONES_REMEDY))
                }
            };
            orphans.push((address, *kind, verdict));
        }
    }
    orphans
}

fn decide_one<'a>(
    context: &PlanContext<'a>,
    claims: &Claims,
    kind: &'static dyn Kind,
    address: &Address,
    found: &'a LiveObject,
) -> ResourceVerdict<'a> {
    if let Some(blocked) = refuse(context, claims, kind, address, found) {
        return ResourceVerdict::refused(blocked);
    }
    let rules = kind.rules();
    let seen = found.seen.whole();
    let sealed = context.sealed(&seen.spec);
    let live = normal::normal(rules, &sealed);
    let unknown = UnknownMembers::of(rules, &sealed, &context.supplied, &[]);
    let step = Step { verb: Verb::Delete, live: Some(&seen), body: &Value::Null, changed: &[], now: context.input.now };
    let calls = match kind.calls(&step) {
        Ok(calls) => calls.into(),
        Err(e) => return ResourceVerdict::refused(Blocked::new(address, e.0)),
    };
    let (impacts, disrupts) = Impact::split(kind.impact(&step));
    let change = Change {
        id: Some(found.seen.id.clone()),
        title: live.get(kind.title()).and_then(Value::as_str).unwrap_or(&address.name).to_owned(),
        reason: Some("no manifest asks for it any more".into()),
        origin: context.input.baselines.get(address).map(|base| match base {
            Baseline::Spec(_) => ChangeOrigin::Manifest,
            Baseline::Nothing => ChangeOrigin::Drift,
        }),
        impacts,
        disrupts,
        calls,
        read: Some(unknown.basis(&live)),
        ..Change::new(address.clone(), Action::Delete)
    };
    let earlier = context.input.baselines.secrets(address, &context.earlier);
    ResourceVerdict {
        changes: vec![change],
        live: Some(found),
        wanted: Some(WantedObject { live: Some(SmallValue::from(&live)), unknown, earlier, ..WantedObject::default() }),
        ..Default::default()
    }
}

/// Why an object without a manifest is not deleted.
fn refuse(
    context: &PlanContext<'_>,
    claims: &Claims,
    kind: &dyn Kind,
    address: &Address,
    found: &LiveObject,
) -> Option<Blocked> {
    let (noun, id) = (kind.noun(), &found.seen.id);
    if let Some(now) = claims.renamed.get(address) {
        // A rename is a move: what may be one must not lose its object meanwhile.
        let reason =
            format!("no manifest asks for {noun} {id} any more, but {now} has its name and may be what became of it");
        let remedy = format!("say so by `previousNames`; if they are two, apply once without {now}");
        return Some(Blocked::new(address, reason).with_remedy(remedy));
    }
    if found.mark.as_ref().is_some_and(|m| m.protect) {
        let reason = format!("no manifest asks for {noun} {id} any more, but it is protected");
        let remedy = format!(
            "bring the manifest back with `protect: false`, apply, and remove it then; or `plumb release {address}`"
        );
        return Some(Blocked::new(address, reason).with_remedy(remedy));
    }
    let unread = unread_part(kind, &found.seen.whole()).map(|why| format!("{why}; it is not deleted"));
    let copy = || context.unread.no_delete(kind).map(|why| format!("{noun} {id} is not deleted: {why}"));
    unread.or_else(copy).map(|reason| Blocked::new(address, reason))
}
