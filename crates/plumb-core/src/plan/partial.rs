//! A plan of a part of the manifests: what was selected, and what outside of it would keep an id that goes.

use super::context::PlanContext;
use super::live::LiveObject;
use super::verdict::Collected;
use super::{Action, Blocked, Change, Guard, Selection};
use crate::kinds::named_things::named_in;
use crate::kinds::{Kind, NamedThing, Role, ThingIndex, Whose};
use crate::manifest::Resource;
use plumb_model::address::Address;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// How many resources a refusal names; the plan's JSON has them all.
const MOST_NAMES: usize = 10;

/// What a plan is of that is not of every manifest. It says nothing of the other resources, and deletes nothing whose
/// manifest is gone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Partial {
    /// The patterns of `--only`, of which one has to match.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
    /// The `LABEL=VALUE` of `--label`, all of which have to hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// How many resources of the manifests are selected.
    pub selected: usize,
    /// How many resources the manifests have.
    pub total: usize,
    /// What is not selected and would keep an id that goes, in the order of addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dangling: Vec<Dangling>,
}

/// A live resource outside the selection that refers to what the plan replaces or deletes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Dangling {
    /// The resource that is not selected.
    pub address: Address,
    /// What it refers to.
    pub refers_to: Address,
    /// The id of that, which is live now and will be gone.
    pub id: String,
}

impl Partial {
    /// The selection that the plan is of.
    pub fn selection(&self) -> Selection {
        let pair = |text: &String| text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        Selection { labels: self.labels.iter().filter_map(pair).collect(), only: self.only.clone() }
    }

    /// A name of the selection, whatever the order of its options.
    pub(super) fn name(&self) -> String {
        let set = |list: &[String]| list.iter().cloned().collect::<BTreeSet<_>>();
        json!([set(&self.only), set(&self.labels)]).to_string()
    }
}

/// An object that the plan deletes or replaces.
struct Doomed<'a> {
    change: &'a Change,
    /// Whether its id says which object it is wherever it stands. A name may stand anywhere and mean something else.
    is_told_by_id: bool,
}

/// Says what the plan is of, and refuses what would leave others behind. `None` for a plan of everything.
pub(super) fn of(context: &PlanContext<'_>, all: &mut Collected<'_>) -> Option<Partial> {
    let (selection, desired) = (context.input.selection, context.input.desired);
    if selection.is_whole() {
        return None;
    }
    let dangling = dangling_of(context, &all.changes);
    let mut held: BTreeMap<&Address, Vec<&Dangling>> = BTreeMap::new();
    dangling.iter().for_each(|one| held.entry(&one.refers_to).or_default().push(one));
    for (address, users) in held {
        let Some(change) = all.changes.iter().find(|c| c.address == *address) else { continue };
        all.blocked.push(refuse(change, &users));
    }
    let objects = || desired.resources.iter().filter(|r| r.kind.role() != Role::Relation);
    Some(Partial {
        only: selection.only.clone(),
        labels: selection.labels.iter().map(|(name, value)| format!("{name}={value}")).collect(),
        selected: objects().filter(|r| selection.has(r)).count(),
        total: objects().count(),
        dangling,
    })
}

/// This project's live objects outside the selection that refer to what goes: their manifests do, or the id is in what
/// is live. What was not read of an object (only selected ones are completed) its manifest still tells.
fn dangling_of(context: &PlanContext<'_>, changes: &[Change]) -> Vec<Dangling> {
    let goes = |c: &&Change| matches!(c.action, Action::Replace | Action::Delete);
    let doomed: Vec<Doomed<'_>> = changes
        .iter()
        .filter(goes)
        .map(|change| Doomed { change, is_told_by_id: change.id.as_ref() != Some(&change.title) })
        .collect();
    if doomed.is_empty() {
        return Vec::new();
    }
    let by_address: BTreeMap<&Address, &Doomed<'_>> = doomed.iter().map(|d| (&d.change.address, d)).collect();
    let told = doomed.iter().filter(|d| d.is_told_by_id);
    let by_id: BTreeMap<&str, &Doomed<'_>> = told.filter_map(|d| Some((d.change.id.as_deref()?, d))).collect();
    let manifests = manifests(context);
    let by_thing = names_that_go(context, &doomed);
    let mut dangling = BTreeSet::new();
    let mut note = |address: &Address, doomed: &Doomed<'_>| {
        let id = doomed.change.id.clone().unwrap_or_default();
        let refers_to = doomed.change.address.clone();
        dangling.insert(Dangling { address: address.clone(), refers_to, id });
    };
    for kind in context.input.kinds.iter().filter(|k| k.role() == Role::Object) {
        for (address, live) in live_of(context, *kind) {
            let resource = manifests.get(&address).copied();
            let address = resource.map_or(&address, |r| &r.address);
            if by_address.contains_key(address) || resource.is_some_and(|r| context.input.selection.has(r)) {
                continue;
            }
            if let Some(resource) = resource {
                // Who knows it by a name needs no id of it.
                for first in resource.references.iter().filter(|first| !resource.by_name.contains(*first)) {
                    if let Some(doomed) = by_address.get(first) {
                        note(address, doomed);
                    }
                }
            }
            if let Some(live) = live {
                let spec = live.seen.spec();
                mentioned(&spec, &mut |text| {
                    if let Some(doomed) = by_id.get(text) {
                        note(address, doomed);
                    }
                });
                if !by_thing.is_empty() {
                    let needs = if kind.is_always_read() { Vec::new() } else { kind.needs(&spec) };
                    let mut hear = |thing: NamedThing| {
                        by_thing.around(&thing).into_iter().for_each(|doomed| note(address, doomed));
                    };
                    needs.into_iter().for_each(&mut hear);
                    named_in(&spec, &mut hear);
                }
            }
        }
    }
    dangling.into_iter().collect()
}

/// The names of what is deleted or replaced that nothing has afterwards: a volume that is replaced under its name keeps it.
fn names_that_go<'a>(context: &PlanContext<'_>, doomed: &'a [Doomed<'a>]) -> ThingIndex<&'a Doomed<'a>> {
    let mut gone = ThingIndex::default();
    for one in doomed {
        let (address, id) = (&one.change.address, one.change.id.as_deref().unwrap_or_default());
        let kind = context.input.kinds.iter().find(|kind| kind.name() == address.kind && !kind.is_always_read());
        let live = context.lookup.id(&address.kind, id);
        let (Some(kind), Some(live)) = (kind, live) else { continue };
        let mut kept = ThingIndex::default();
        if let Some(resource) = context.lookup.resource(address).filter(|_| one.change.action == Action::Replace) {
            kind.provides(&resource.spec.read()).into_iter().for_each(|thing| kept.add(thing, ()));
        }
        let names = kind.provides(&live.seen.spec()).into_iter();
        names.filter(|thing| kept.get(thing).is_none()).for_each(|thing| gone.add(thing, one));
    }
    gone
}

/// Each manifest, by its address and by the former ones.
fn manifests<'a>(context: &PlanContext<'a>) -> BTreeMap<Address, &'a Resource> {
    let of = |r: &Resource, name: &str| Address { kind: r.address.kind.clone(), name: name.to_owned() };
    let all = &context.input.desired.resources;
    let former = all.iter().flat_map(|r| r.previous_names.iter().map(move |name| (of(r, name), r)));
    former.chain(all.iter().map(|r| (r.address.clone(), r))).collect()
}

/// This project's live objects of a kind, and what is live of each; `None` where that could not be read.
fn live_of<'a>(context: &PlanContext<'a>, kind: &'static dyn Kind) -> Vec<(Address, Option<&'a LiveObject>)> {
    let desired = context.input.desired;
    let mut all: Vec<(Address, Option<&'a LiveObject>)> = Vec::new();
    for (address, found) in context.owned.get(kind.name()).into_iter().flatten() {
        all.extend(found.iter().map(|found| (address.clone(), Some(*found))));
    }
    for one in context.input.live.unreadable(kind.name()) {
        if let Whose::Marked(mark) = &one.whose
            && (&mark.owner.project, mark.owner.target.as_str())
                == (&desired.project.name, desired.mark_target().as_str())
        {
            all.push((mark.owner.address.clone(), None));
        }
    }
    let adopting = desired.resources.iter().filter(|r| r.address.kind == kind.name());
    let ids: BTreeMap<&str, &Address> = adopting.filter_map(|r| Some((r.adopt.as_deref()?, &r.address))).collect();
    let taken = context.input.live.of(kind.name()).iter().filter(|found| found.mark.is_none());
    all.extend(taken.filter_map(|found| {
        let address = ids.get(found.seen.id.as_str())?;
        Some(((*address).clone(), Some(found)))
    }));
    all
}

fn refuse(change: &Change, users: &[&Dangling]) -> Blocked {
    let mut names: Vec<String> = users.iter().take(MOST_NAMES).map(|one| one.address.to_string()).collect();
    if users.len() > names.len() {
        names.push(format!("{} more", users.len() - names.len()));
    }
    let (count, noun) = (users.len(), if users.len() == 1 { "resource refers" } else { "resources refer" });
    let what = if change.action == Action::Delete { "deleted" } else { "replaced" };
    let id = change.id.as_deref().unwrap_or_default();
    let reason = format!(
        "it is {what}, and {count} {noun} to it that the selection leaves out and that would keep its old id {id}: {}",
        names.join(", ")
    );
    let remedy = Some("select them too, or apply everything; `--allow-dangling` leaves them behind".to_owned());
    Blocked { guard: Some(Guard::Dangling), remedy, ..Blocked::new(&change.address, reason) }
}

/// Hands every text and number of a value on, as text.
pub(super) fn mentioned(value: &Value, hear: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) => hear(text),
        Value::Number(number) => hear(&number.to_string()),
        Value::Array(items) => items.iter().for_each(|item| mentioned(item, hear)),
        Value::Object(map) => map.values().for_each(|item| mentioned(item, hear)),
        Value::Null | Value::Bool(_) => {}
    }
}

#[cfg(test)]
#[path = "partial_tests.rs"]
mod tests;
