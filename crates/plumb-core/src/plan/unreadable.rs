//! What is live and could not be read, and what it stands in the way of.
//!
//! Unread is not absent. An object that cannot be read is not written and not deleted, and nothing is made in its place:
//!
//! - What is known to be its own waits for it: the address in its mark, the manifest that adopts its id, the manifest of
//!   its name, and whatever refers to any of these or names its id.
//! - Where its name or its owner cannot be told it may be whatever is not found elsewhere, so nothing of its kind is made.
//!   Objects that were found by a mark of their own are not it, and are updated as ever.
//! - Where its owner cannot be told it may also be a copy of one that was found, mark and all. Two of one mark are refused,
//!   because either may be the one that somebody made by hand; so until it can be read nothing of its kind is deleted or
//!   replaced. An unread object that is known to be somebody else's, or nobody's, stands in the way of no delete.

use super::context::PlanContext;
use super::live::Live;
use super::matching::Unmatched;
use super::verdict::ReferenceIds;
use super::{Blocked, Note};
use crate::kinds::{Kind, Observed, Unreadable, Whose};
use crate::manifest::Resource;
use plumb_model::address::Address;
use plumb_model::schema::{Field, Path, Rules, Segment, Shape};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// More of a kind than this are counted, not listed.
const MOST_NOTES: usize = 10;

/// What could not be read, by what is known of it.
#[derive(Default)]
pub(super) struct UnreadObjects<'a> {
    kinds: BTreeMap<&'static str, OfKind<'a>>,
    /// By id, of all kinds.
    ids: BTreeMap<&'a str, &'a Unreadable>,
    /// Something that supplies values to those that name it, and whose id cannot be told.
    supplier: Option<&'a Unreadable>,
    /// The ids of those that supply values and could be read.
    suppliers: BTreeSet<&'a str>,
}

#[derive(Default)]
struct OfKind<'a> {
    /// This project's, by the mark.
    owned: BTreeMap<&'a Address, &'a Unreadable>,
    titles: BTreeMap<&'a str, &'a Unreadable>,
    /// One whose id cannot be told.
    no_id: Option<&'a Unreadable>,
    /// One whose name cannot be told.
    nameless: Option<&'a Unreadable>,
    /// One whose owner cannot be told.
    anybodys: Option<&'a Unreadable>,
}

impl<'a> UnreadObjects<'a> {
    pub(super) fn new(live: &'a Live, kinds: &[&'static dyn Kind], project: &str, target: &str) -> Self {
        let mut all = UnreadObjects::default();
        for kind in kinds {
            if kind.supplies(&Observed::default()).is_some() {
                all.suppliers.extend(live.of(kind.name()).iter().map(|found| found.seen.id.as_str()));
            }
            let of = all.kinds.entry(kind.name()).or_default();
            for one in live.unreadable(kind.name()) {
                match &one.whose {
                    Whose::Marked(mark) => {
                        let owner = &mark.owner;
                        if owner.project == project && owner.target == target && owner.address.kind == kind.name() {
                            of.owned.insert(&owner.address, one);
                        }
                    }
                    Whose::Unknown => of.anybodys = of.anybodys.or(Some(one)),
                    Whose::Nobody => {}
                }
                match one.title.as_deref() {
                    Some("") => {}
                    Some(title) => {
                        of.titles.insert(title, one);
                    }
                    None => of.nameless = of.nameless.or(Some(one)),
                }
                match one.id.as_deref() {
                    Some(id) => {
                        all.ids.insert(id, one);
                    }
                    None => {
                        of.no_id = of.no_id.or(Some(one));
                        if kind.supplies(&Observed::default()).is_some() {
                            all.supplier = all.supplier.or(Some(one));
                        }
                    }
                }
            }
        }
        all
    }

    fn of(&self, kind: &str) -> Option<&OfKind<'a>> {
        self.kinds.get(kind)
    }

    /// What is a manifest's own by its mark or by `adopt`. Answers the former address too, if that is in the mark.
    fn own(
        &self,
        resource: &Resource,
        declared: impl Fn(&Address) -> bool,
    ) -> Option<(&'a Unreadable, Option<Address>)> {
        let of = self.of(resource.kind.name())?;
        if let Some(one) = of.owned.get(&resource.address) {
            return Some((one, None));
        }
        let before = |name: &String| Address { kind: resource.address.kind.clone(), name: name.clone() };
        let mut moved = resource.previous_names.iter().map(before).filter(|address| !declared(address));
        if let Some((one, address)) = moved.find_map(|address| Some((*of.owned.get(&address)?, address))) {
            return Some((one, Some(address)));
        }
        let one = self.ids.get(resource.adopt.as_deref()?)?;
        Some((one, None))
    }

    /// What may be the live object of a manifest that has none, or has the name that it wants.
    fn perhaps(&self, resource: &Resource) -> Option<&'a Unreadable> {
        let of = self.of(resource.kind.name())?;
        let title = resource.spec.get(resource.kind.title()).and_then(Value::as_str);
        let named = title.and_then(|title| of.titles.get(title).copied());
        named.or(of.anybodys).or(of.nameless)
    }

    /// What may be a copy of any object of a kind, mark and all.
    pub(super) fn copy(&self, kind: &str) -> Option<&'a Unreadable> {
        self.of(kind)?.anybodys
    }

    /// Why nothing of a kind is deleted or replaced now.
    pub(super) fn no_delete(&self, kind: &dyn Kind) -> Option<String> {
        let one = self.copy(kind.name())?;
        Some(format!("this could not be read, and may carry the same mark: {one}"))
    }

    /// What stands for a manifest's address or name, so that nothing is known of it.
    pub(super) fn stands_for(&self, resource: &Resource) -> Option<&'a Unreadable> {
        let own = self.own(resource, |_| true).map(|(one, _)| one);
        own.or_else(|| self.perhaps(resource))
    }

    /// Refuses to delete what is owned, is in no manifest, and could not be read.
    pub(super) fn orphans(
        &self,
        kind: &dyn Kind,
        has_manifest: impl Fn(&Address) -> bool,
    ) -> Vec<(&'a Address, Blocked)> {
        let owned = self.of(kind.name()).into_iter().flat_map(|of| &of.owned);
        owned
            .filter(|(address, _)| !has_manifest(address))
            .map(|(address, one)| {
                let reason =
                    format!("no manifest asks for it any more, but it could not be read, and is not deleted: {one}");
                (*address, refuse(address, reason))
            })
            .collect()
    }

    /// Something unread that is called by its id in a spec, or may be.
    fn named_in(&self, spec: &Value) -> Option<&'a Unreadable> {
        if self.ids.is_empty() && self.supplier.is_none() {
            return None;
        }
        match spec {
            Value::Object(map) => map.iter().find_map(|(key, value)| match value {
                Value::String(id) if key.ends_with("_id") => self.of_id(key, id),
                Value::Number(id) if key.ends_with("_id") => self.of_id(key, &id.to_string()),
                other => self.named_in(other),
            }),
            Value::Array(items) => items.iter().find_map(|item| self.named_in(item)),
            _ => None,
        }
    }

    fn of_id(&self, key: &str, id: &str) -> Option<&'a Unreadable> {
        let known = self.ids.get(id).copied();
        // A policy that cannot be found supplies nothing, as far as can be told: what it did supply would look like drift.
        let is_unknown = || key == "policy_id" && !id.contains("${") && !self.suppliers.contains(id);
        known.or_else(|| self.supplier.filter(|_| is_unknown()))
    }
}

/// The notes on what could not be read.
pub(super) fn notes(live: &Live) -> Vec<Note> {
    let mut notes: Vec<Note> = live.notes.iter().map(Note::general).collect();
    for list in live.unreadable.values() {
        let message = |one: &Unreadable| format!("could not be read, and is left alone: {one}");
        notes.extend(list.iter().take(MOST_NOTES).map(|one| Note::general(message(one))));
        if let Some(more) = list.len().checked_sub(MOST_NOTES).filter(|more| *more > 0) {
            let message = format!("could not be read, and are left alone: {more} more like {}", list[0].what);
            notes.push(Note::general(message));
        }
    }
    notes
}

/// Refuses a manifest whose own object could not be read.
pub(super) fn own_is_unread(context: &PlanContext<'_>, resource: &Resource) -> Result<(), Unmatched> {
    let Some((one, before)) = context.unread.own(resource, |address| context.declares(address)) else { return Ok(()) };
    let unmatched = waits(resource, format!("its live object could not be read: {one}"));
    Err(Unmatched { claims: before, ..unmatched })
}

/// Refuses a manifest for which nothing was found, if what could not be read may be its object.
pub(super) fn may_be_unread(context: &PlanContext<'_>, resource: &Resource) -> Result<(), Unmatched> {
    let Some(one) = context.unread.perhaps(resource) else { return Ok(()) };
    Err(waits(resource, format!("whether it is live cannot be told, for this could not be read: {one}")))
}

/// Refuses a manifest that adopts what was not found, if that may be what could not be read.
pub(super) fn adopts_unread(context: &PlanContext<'_>, resource: &Resource) -> Result<(), Unmatched> {
    let Some(one) = context.unread.of(resource.kind.name()).and_then(|of| of.no_id) else { return Ok(()) };
    Err(waits(
        resource,
        format!("whether what `adopt` names is live cannot be told, for this could not be read: {one}"),
    ))
}

fn waits(resource: &Resource, reason: String) -> Unmatched {
    Unmatched { is_unread: true, ..refuse(&resource.address, reason).into() }
}

fn refuse(address: &Address, reason: String) -> Blocked {
    Blocked::new(address, reason).with_remedy(REMEDY)
}

/// Refuses a resource because another one that it refers to has no id.
pub(super) fn refuse_reference(resource: &Resource, missing: &Address, ids: &ReferenceIds) -> Blocked {
    if ids.unread.contains(missing) {
        return refuse(&resource.address, format!("it refers to {missing}, which could not be read"));
    }
    let verb = if resource.by_name.contains(missing) { "names" } else { "refers to" };
    let reason = format!("it {verb} {missing}, which is not live and will not be made by this plan");
    Blocked::new(&resource.address, reason).with_remedy(format!("fix or select {missing} first"))
}

/// Why an object that was found, or is to be made, cannot be decided on: a part of it, or of what it names by an id,
/// could not be read.
pub(super) fn part_is_unread(
    context: &PlanContext<'_>,
    resource: &Resource,
    found: Option<&Observed>,
) -> Option<Blocked> {
    let part = found.and_then(|found| unread_part(resource.kind, found));
    let named = || {
        let in_spec = |spec: &Value| context.unread.named_in(spec);
        let one = in_spec(&resource.spec).or_else(|| in_spec(&found?.spec))?;
        Some(format!("it names what could not be read: {one}"))
    };
    let reason = part.or_else(named)?;
    Some(refuse(&resource.address, reason))
}

/// What of a kind that others make could not be read and may be what a manifest matches.
pub(super) fn unread_matches<'a>(
    live: &'a Live,
    kind: &str,
    may_match: impl Fn(&str, &str) -> bool,
) -> Vec<&'a Unreadable> {
    let could = |one: &&'a Unreadable| match (&one.id, &one.title) {
        (Some(id), Some(title)) => may_match(id, title),
        _ => true,
    };
    live.unreadable(kind).iter().filter(could).collect()
}

/// Refuses what cannot be read of what a manifest matches.
pub(super) fn refuse_unread(live: &Live, resource: &Resource, may_match: impl Fn(&str, &str) -> bool) -> Vec<Blocked> {
    let refused = |one: &Unreadable| {
        let mut address = resource.address.clone();
        if let Some(id) = &one.id {
            address.name = format!("{}/{id}", address.name);
        }
        refuse(&address, format!("it could not be read, and nothing is done to it: {one}"))
    };
    unread_matches(live, resource.kind.name(), may_match).into_iter().map(refused).collect()
}

const REMEDY: &str = "look at it in the service itself: its answer is not what its API promises";

/// Why what was found of an object is not the whole of it.
pub(super) fn unread_part(kind: &dyn Kind, seen: &Observed) -> Option<String> {
    let what = || format!("{} {}", kind.noun(), seen.id);
    if let Some(why) = &seen.unread {
        return Some(format!("{} could not be read whole: {why}", what()));
    }
    if kind.loose() == ["*"] {
        return None;
    }
    let (path, wanted) = misfit(kind.rules(), &kind.rules().root, &seen.spec)?;
    let is_loose = kind.loose().iter().any(|member| path.top() == Some(member));
    (!is_loose).then(|| format!("{} could not be read: its `{path}` is no {wanted}", what()))
}

/// The first place at which something else stands than the list or map that has to.
fn misfit(rules: &Rules, field: &Field, value: &Value) -> Option<(Path, &'static str)> {
    // Only what does not fit is worth a path: all that is owned is walked at every plan.
    let below = |segment: Segment, found: (Path, &'static str)| {
        let mut path = vec![segment];
        path.extend(found.0.0);
        (Path(path), found.1)
    };
    match (&field.shape, value) {
        (_, Value::Null) => None,
        // Means that there is nothing (`normal`).
        (_, Value::String(text)) if text.is_empty() => None,
        (Shape::Leaf, _) => None,
        (Shape::Object(object), Value::Object(map)) => {
            let members = &rules.of(*object).members;
            let mut known = map.iter().filter_map(|(key, value)| Some((key, members.get(key)?, value)));
            known.find_map(|(key, member, value)| Some(below(Segment::Key(key.clone()), misfit(rules, member, value)?)))
        }
        (Shape::Map(entry), Value::Object(map)) => {
            map.iter().find_map(|(key, value)| Some(below(Segment::Key(key.clone()), misfit(rules, entry, value)?)))
        }
        (Shape::List(item), Value::Array(items)) => items
            .iter()
            .enumerate()
            .find_map(|(index, value)| Some(below(Segment::Index(index), misfit(rules, item, value)?))),
        (Shape::Object(_) | Shape::Map(_), _) => Some((Path::default(), "map")),
        (Shape::List(_), _) => Some((Path::default(), "list")),
    }
}
