//! What manifests stand on by names, and is not there: a volume whose schema nobody makes.
//!
//! Only what a service says is not there is absent. What could not be read, or was not looked for, may be there.

use super::Blocked;
use super::context::PlanContext;
use super::decide::Input;
use super::missing_systems;
use super::verdict::ReferenceIds;
use crate::kinds::{NamedThing, ThingIndex};
use crate::manifest::{Provided, Resource};
use plumb_model::address::Address;
use plumb_model::yaml::{Node, Tree, nearest};

/// What others know by names: what manifests make, and what is live.
pub(super) struct NamedThings {
    provided: Provided,
    live: ThingIndex<()>,
}

impl NamedThings {
    /// Those of the kinds that are read for the plan.
    pub fn of(input: &Input<'_>) -> NamedThings {
        let mut live = ThingIndex::default();
        for kind in input.kinds.iter().filter(|kind| !kind.is_always_read()) {
            for found in input.live.of(kind.name()) {
                kind.provides(&found.seen.spec()).into_iter().for_each(|thing| live.add(thing, ()));
            }
        }
        NamedThings { provided: Provided::of(&input.desired.resources), live }
    }

    /// Whether a manifest makes a thing, or it is live.
    fn has(&self, thing: &NamedThing) -> bool {
        !self.provided.things.around(thing).is_empty() || !self.live.around(thing).is_empty()
    }

    /// The nearest name of something of the same sort.
    fn near(&self, thing: &NamedThing) -> Option<&str> {
        let all = self.provided.things.things().chain(self.live.things());
        let mut names: Vec<&str> = all.filter(|one| one.kind == thing.kind).map(|one| one.name.as_str()).collect();
        names.sort_unstable();
        nearest(&thing.name, names)
    }
}

/// Refuses a resource that needs something that no manifest makes and that a service says is not there.
pub(super) fn refuse(context: &PlanContext<'_>, resource: &Resource) -> Option<Blocked> {
    let missing = &context.input.live.missing;
    if missing.is_empty() || resource.kind.is_always_read() {
        return None;
    }
    let needs = resource.kind.needs(&resource.spec.read());
    let is_missing = |thing: &NamedThing| missing.iter().any(|one| one.key() == thing.key());
    // Who is in a catalog that is not there is not there either.
    let gone = |need: &NamedThing| std::iter::once(need.clone()).chain(need.around()).find(is_missing);
    let need = needs.iter().filter(|need| !context.things.has(need)).find_map(gone)?;
    let place = context.source(place(resource, &need));
    let at = place.map(|place| format!(" ({}:{})", place.file, place.line)).unwrap_or_default();
    let reason = format!("{need} is not there, and no manifest makes it{at}");
    let remedy = match context.things.near(&need) {
        Some(near) => format!("did you mean `{near}`? Or make it first"),
        None => "make it first, or add a manifest of it".to_owned(),
    };
    Some(Blocked::new(&resource.address, reason).with_remedy(remedy))
}

/// Where a manifest names a thing: the value that is its name, or the last part of it.
fn place(resource: &Resource, thing: &NamedThing) -> plumb_model::yaml::Span {
    let last = thing.name.rsplit('.').next().unwrap_or(&thing.name);
    let node = resource.node();
    let found = [thing.name.as_str(), last].into_iter().find_map(|text| find(&node, text).map(|found| found.span));
    found.unwrap_or(resource.span)
}

fn find<'n>(node: &'n Node, wanted: &str) -> Option<&'n Node> {
    match &node.tree {
        Tree::Str(text) if text == wanted => Some(node),
        Tree::Map(entries) => entries.iter().find_map(|entry| find(&entry.value, wanted)),
        Tree::Seq(items) => items.iter().find_map(|item| find(item, wanted)),
        _ => None,
    }
}

/// Whether a resource can go on without an id of another one that it refers to: it knows that by name, and it is live, or nobody
/// can say that it is not.
pub(super) fn goes_without(
    context: &PlanContext<'_>,
    resource: &Resource,
    other: &Address,
    ids: &ReferenceIds,
) -> bool {
    if !resource.by_name.contains(other) {
        return false;
    }
    let Some(other) = context.lookup.resource(other) else { return true };
    let is_read = context.reads(&other.address.kind) && !missing_systems::has_missing(other, context.input.absent);
    let names = other.kind.provides(&other.spec.read());
    !is_read
        || ids.unread.contains(&other.address)
        || !names.is_empty() && names.iter().any(|thing| context.things.live.get(thing).is_some())
}

#[cfg(test)]
#[path = "missing_things_tests.rs"]
mod tests;
