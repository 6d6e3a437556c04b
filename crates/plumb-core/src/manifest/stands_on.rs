//! What resources stand on without referring to it: the secrets and volumes that their texts name, the schema that a volume is in.
//!
//! Whoever names what a manifest makes comes after it, as if it referred to it. Explicit references win: a name that would close a
//! circle says nothing about the order. Of a text less is believed than of a member that has to name something (`Kind::needs`).
//! Linear in the bytes of the specs, and in the ties.

use super::Resource;
use crate::kinds::circle::circles;
use crate::kinds::named_things::SIGNS;
use crate::kinds::{NamedThing, Role, ThingIndex, ThingKind, named_things};
use plumb_model::address::Address;
use plumb_model::call::System;
use plumb_model::yaml::{Node, Span, Tree};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// What the manifests of a project make that others know by name.
pub(crate) struct Provided {
    /// By the places of their manifests among the resources.
    pub things: ThingIndex<usize>,
    /// The names of secret scopes by the references to their ids.
    scopes: HashMap<String, String>,
}

impl Provided {
    pub(crate) fn of(resources: &[Resource]) -> Provided {
        let mut provided = Provided { things: ThingIndex::default(), scopes: HashMap::new() };
        for (at, resource) in resources.iter().enumerate().filter(|(_, resource)| !resource.kind.is_always_read()) {
            for thing in resource.kind.provides(&resource.spec.read()) {
                if thing.kind == ThingKind::SecretScope {
                    let Address { kind, name } = &resource.address;
                    provided.scopes.insert(format!("${{resources.{kind}.{name}}}"), thing.name.clone());
                }
                provided.things.add(thing, at);
            }
        }
        provided
    }

    /// A thing by its own name, where a text calls it by a reference to an id that is the name.
    pub(super) fn named(&self, thing: NamedThing) -> NamedThing {
        let scope = thing.name.rsplit_once('/').and_then(|(scope, key)| Some((self.scopes.get(scope)?, key)));
        match scope {
            Some((scope, key)) => NamedThing::new(thing.kind, format!("{scope}/{key}")),
            None => thing,
        }
    }
}

/// The things that the texts of a resource name, each with its place and what stands there.
pub(super) fn named_by(resource: &Resource) -> Vec<(NamedThing, Span, String)> {
    let mut named = Vec::new();
    let is_read = resource.kind.role() == Role::Object
        && matches!(resource.kind.system(), System::Databricks | System::Airflow | System::DagFiles);
    if is_read && SIGNS.iter().any(|sign| resource.places.may_have(sign)) {
        texts(&resource.node(), &mut |text, span| {
            let found = named_things(text).into_iter();
            named.extend(found.map(|(thing, written)| (thing, span, written.to_owned())));
        });
    }
    named
}

fn texts(node: &Node, hear: &mut dyn FnMut(&str, Span)) {
    match &node.tree {
        Tree::Str(text) => hear(text, node.span),
        Tree::Seq(items) => items.iter().for_each(|item| texts(item, hear)),
        Tree::Map(entries) => entries.iter().for_each(|entry| texts(&entry.value, hear)),
        Tree::Null | Tree::Bool(_) | Tree::Int(_) | Tree::Float(_) => {}
    }
}

/// The places of the manifests that one names in some way.
type TiesOf<'f> = &'f dyn Fn(&Resource) -> Vec<usize>;

/// Has resources refer to what they stand on by names. `derived` are those of which each has a path or a name by reference. Answers
/// how many steps it took.
pub(super) fn link(resources: &mut [Resource], derived: &BTreeMap<Address, BTreeSet<Address>>) -> usize {
    let provided = Provided::of(resources);
    if provided.things.is_empty() && derived.is_empty() {
        return 0;
    }
    let index: HashMap<&Address, usize> = resources.iter().enumerate().map(|(at, r)| (&r.address, at)).collect();
    let place = |address: &Address| index.get(address).copied();
    let mut steps = 0;
    let mut before: Vec<Vec<usize>> =
        resources.iter().map(|r| r.references.iter().filter_map(place).collect()).collect();
    let explicit: Vec<usize> = before.iter().map(Vec::len).collect();
    let mut known: HashSet<(usize, usize)> =
        before.iter().enumerate().flat_map(|(at, all)| all.iter().map(move |to| (at, *to))).collect();
    let needs = |resource: &Resource| {
        let mut all = Vec::new();
        if !resource.kind.is_always_read() {
            let needs = resource.kind.needs(&resource.spec.read());
            all.extend(needs.iter().filter_map(|need| provided.things.around(need).first().map(|at| **at)));
        }
        all.extend(derived.get(&resource.address).into_iter().flatten().filter_map(place));
        all
    };
    let texts = |resource: &Resource| {
        let named = named_by(resource).into_iter();
        named.filter_map(|(thing, ..)| provided.things.around(&provided.named(thing)).first().map(|at| **at)).collect()
    };
    let stages: [TiesOf<'_>; 2] = [&needs, &texts];
    for stage in stages {
        let mut wanted: Vec<(usize, usize)> = Vec::new();
        for (at, resource) in resources.iter().enumerate() {
            let ties = stage(resource).into_iter().filter(|to| *to != at).map(|to| (at, to));
            wanted.extend(ties.filter(|tie| known.insert(*tie)));
        }
        if wanted.is_empty() {
            continue;
        }
        let mut all = before.clone();
        wanted.iter().for_each(|(at, to)| all[*at].push(*to));
        let circle = circles(&all, &mut || steps += 1);
        for (at, to) in wanted {
            if circle[at] != circle[to] {
                before[at].push(to);
            } else {
                known.remove(&(at, to));
            }
        }
    }
    let addresses: Vec<Vec<Address>> = (0..resources.len())
        .map(|at| before[at][explicit[at]..].iter().map(|to| resources[*to].address.clone()).collect())
        .collect();
    for (resource, named) in resources.iter_mut().zip(addresses) {
        steps += named.len();
        resource.by_name.extend(named.iter().cloned());
        resource.references.extend(named);
    }
    steps
}

#[cfg(test)]
#[path = "stands_on_tests.rs"]
mod tests;
