//! Order: what has to be done before what.

use super::live::LiveObject;
use super::partial::mentioned;
use super::worked::{self, Work};
use super::{Action, Change};
use crate::kinds::circle::circles;
use crate::kinds::named_things::named_in;
use crate::kinds::{self, NamedThing, ThingIndex};
use crate::manifest::Resource;
use plumb_model::address::Address;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// The indices of resources so that each comes after those it refers to; otherwise in the given order. Loading has
/// refused circles.
pub fn of_resources(resources: &[Resource]) -> Vec<usize> {
    let index: BTreeMap<&Address, usize> = resources.iter().enumerate().map(|(i, r)| (&r.address, i)).collect();
    after_needs(resources.len(), |at| &resources[at].references, &index)
}

/// Puts changes into the order in which they are read best: each after those that have to be done first, otherwise as they were.
pub fn sort(changes: &mut Vec<Change>) {
    let index: BTreeMap<&Address, usize> = changes.iter().enumerate().rev().map(|(i, c)| (&c.address, i)).collect();
    let order = after_needs(changes.len(), |at| &changes[at].depends_on, &index);
    let mut left: Vec<Option<Change>> = std::mem::take(changes).into_iter().map(Some).collect();
    changes.extend(order.into_iter().filter_map(|at| left[at].take()));
}

/// The numbers below `count`, each after those that it needs; otherwise in their order. Linear in numbers and needs.
fn after_needs<'a, N: Ord + 'a>(
    count: usize,
    needs: impl Fn(usize) -> &'a [N],
    index: &BTreeMap<&N, usize>,
) -> Vec<usize> {
    let mut order = Vec::with_capacity(count);
    let mut state = vec![0u8; count];
    for start in 0..count {
        // An explicit stack: a chain of needs may be as long as there are manifests.
        let mut stack = vec![(start, 0usize)];
        while let Some((at, next)) = stack.pop() {
            worked::count(Work::Links);
            if state[at] == 2 {
                continue;
            }
            state[at] = 1;
            match needs(at).get(next) {
                Some(need) => {
                    stack.push((at, next + 1));
                    if let Some(&to) = index.get(need).filter(|to| state[**to] == 0) {
                        stack.push((to, 0));
                    }
                }
                None => {
                    state[at] = 2;
                    order.push(at);
                }
            }
        }
    }
    order
}

/// What an object provides to others by its names, and what it needs in that way.
#[derive(Default)]
struct ObjectNames {
    provides: Vec<NamedThing>,
    needs: Vec<NamedThing>,
}

impl ObjectNames {
    /// Those of a live object. Of kinds that others know by their ids alone no spec is unpacked for it.
    fn of(kind: &str, live: &LiveObject) -> ObjectNames {
        let Some(kind) = kinds::find(kind).filter(|kind| !kind.is_always_read()) else { return ObjectNames::default() };
        let spec = live.seen.spec();
        ObjectNames { provides: kind.provides(&spec), needs: kind.needs(&spec) }
    }
}

/// Tells the names of a live object of a kind.
type NamesOf<'a> = &'a dyn Fn(&str, &LiveObject) -> ObjectNames;

/// Sets each change's `depends_on` to the changes that really have to be done first: those it refers to, and, before
/// something is deleted, whatever live still uses it, by its id or by a name.
pub fn link(changes: &mut [Change], touched: &BTreeMap<Address, &LiveObject>) {
    link_by(changes, touched, &ObjectNames::of);
}

fn link_by(changes: &mut [Change], touched: &BTreeMap<Address, &LiveObject>, names: NamesOf<'_>) {
    let planned: BTreeSet<Address> = changes.iter().map(|c| c.address.clone()).collect();
    for change in changes.iter_mut() {
        change.depends_on.retain(|a| planned.contains(a));
        change.depends_on.sort();
        change.depends_on.dedup();
    }
    let users = Users::of(changes, touched, names);
    if users.is_empty() {
        return;
    }
    let mut links = ChangeLinks::new(changes, &users);
    for (first, users) in users.all() {
        for user in users {
            // Two objects that use each other: either may go first.
            if links.add(*first, *user) {
                let user = changes[*user].address.clone();
                changes[*first].depends_on.push(user);
            }
        }
        changes[*first].depends_on.sort();
        changes[*first].depends_on.dedup();
    }
}

/// By each change that takes an object away, the other changes whose live objects use that; all by their places in the list.
#[derive(Default)]
struct Users {
    /// By its id, where it is deleted, and by what they cannot be without.
    certain: BTreeMap<usize, Vec<usize>>,
    /// By what their texts name: it may stand in a comment.
    named: BTreeMap<usize, Vec<usize>>,
}

impl Users {
    fn of(changes: &[Change], touched: &BTreeMap<Address, &LiveObject>, names: NamesOf<'_>) -> Users {
        let mut deletes: HashMap<&str, Vec<usize>> = HashMap::new();
        let mut things: ThingIndex<usize> = ThingIndex::default();
        for (index, change) in changes.iter().enumerate() {
            if let (Action::Delete, Some(id)) = (change.action, &change.id) {
                deletes.entry(id).or_default().push(index);
            }
            // Who names a thing keeps its name while it is replaced, and who goes with it goes before.
            if let (Action::Delete | Action::Replace, Some(live)) = (change.action, touched.get(&change.address)) {
                let provides = names(&change.address.kind, live).provides;
                provides.into_iter().for_each(|thing| things.add(thing, index));
            }
        }
        let mut users = Users::default();
        if deletes.is_empty() && things.is_empty() {
            return users;
        }
        let add = |users: &mut BTreeMap<usize, Vec<usize>>, first: usize, user: usize| {
            worked::count(Work::Links);
            if first == user {
                return;
            }
            let users = users.entry(first).or_default();
            if users.last() != Some(&user) {
                users.push(user);
            }
        };
        for (index, change) in changes.iter().enumerate() {
            let Some(live) = touched.get(&change.address) else { continue };
            let spec = live.seen.spec();
            mentioned(&spec, &mut |id| {
                worked::count(Work::Links);
                let deletes = deletes.get(id).into_iter().flatten();
                deletes.for_each(|delete| add(&mut users.certain, *delete, index));
            });
            if things.is_empty() {
                continue;
            }
            for need in names(&change.address.kind, live).needs {
                things.around(&need).first().into_iter().for_each(|first| add(&mut users.certain, **first, index));
            }
            named_in(&spec, &mut |thing| {
                things.around(&thing).first().into_iter().for_each(|first| add(&mut users.named, **first, index));
            });
        }
        users
    }

    fn is_empty(&self) -> bool {
        self.certain.is_empty() && self.named.is_empty()
    }

    fn all(&self) -> impl Iterator<Item = (&usize, &Vec<usize>)> {
        self.certain.iter().chain(&self.named)
    }
}

/// What has to be done before what, by places in the list of changes.
struct ChangeLinks {
    /// By each change, those that it waits for.
    before: Vec<Vec<usize>>,
    /// By each change, the circle that it would be in if every delete waited for every user; its own where it is in none.
    circles: Vec<usize>,
}

impl ChangeLinks {
    fn new(changes: &[Change], users: &Users) -> ChangeLinks {
        let places: HashMap<&Address, usize> = changes.iter().enumerate().rev().map(|(i, c)| (&c.address, i)).collect();
        let place = |address: &Address| places.get(address).copied();
        let before: Vec<Vec<usize>> = changes.iter().map(|c| c.depends_on.iter().filter_map(place).collect()).collect();
        let mut all = before.clone();
        users.all().for_each(|(first, users)| all[*first].extend(users));
        ChangeLinks { before, circles: circles(&all, &mut || worked::count(Work::Links)) }
    }

    /// Has one change wait for another, unless that one waits for it already; whether it does now.
    fn add(&mut self, waits: usize, first: usize) -> bool {
        let is_added = self.circles[waits] != self.circles[first] || !self.reaches(first, waits);
        if is_added {
            self.before[waits].push(first);
        }
        is_added
    }

    /// Whether a change waits for another one, be it by way of others. Both are in one circle, and so is all that is between.
    fn reaches(&self, from: usize, to: usize) -> bool {
        let mut seen = HashSet::from([from]);
        let mut stack = vec![from];
        while let Some(at) = stack.pop() {
            worked::count(Work::Links);
            if at == to {
                return true;
            }
            let inside = self.before[at].iter().filter(|next| self.circles[**next] == self.circles[to]);
            stack.extend(inside.filter(|next| seen.insert(**next)));
        }
        false
    }
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
