//! Order: what has to be done before what.

use super::live::LiveObject;
use super::partial::mentioned;
use super::worked::{self, Work};
use super::{Action, Change};
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

/// Sets each change's `depends_on` to the changes that really have to be done first: those it refers to, and, before
/// something is deleted, whatever live still uses it.
pub fn link(changes: &mut [Change], touched: &BTreeMap<Address, &LiveObject>) {
    let planned: BTreeSet<Address> = changes.iter().map(|c| c.address.clone()).collect();
    for change in changes.iter_mut() {
        change.depends_on.retain(|a| planned.contains(a));
        change.depends_on.sort();
        change.depends_on.dedup();
    }
    let users = users(changes, touched);
    if users.is_empty() {
        return;
    }
    let mut links = ChangeLinks::new(changes, &users);
    for (deleted, users) in users {
        for user in users {
            // Two objects that use each other: either may go first.
            if links.add(deleted, user) {
                let user = changes[user].address.clone();
                changes[deleted].depends_on.push(user);
            }
        }
        changes[deleted].depends_on.sort();
    }
}

/// By each delete, the other changes whose live objects mention its id; all by their places in the list.
fn users(changes: &[Change], touched: &BTreeMap<Address, &LiveObject>) -> BTreeMap<usize, Vec<usize>> {
    let mut deletes: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, change) in changes.iter().enumerate().filter(|(_, c)| c.action == Action::Delete) {
        if let Some(id) = &change.id {
            deletes.entry(id).or_default().push(index);
        }
    }
    let mut users: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    if deletes.is_empty() {
        return users;
    }
    for (index, change) in changes.iter().enumerate() {
        let Some(live) = touched.get(&change.address) else { continue };
        mentioned(&live.seen.spec(), &mut |id| {
            worked::count(Work::Links);
            for delete in deletes.get(id).into_iter().flatten().filter(|delete| **delete != index) {
                let users = users.entry(*delete).or_default();
                if users.last() != Some(&index) {
                    users.push(index);
                }
            }
        });
    }
    users
}

/// What has to be done before what, by places in the list of changes.
struct ChangeLinks {
    /// By each change, those that it waits for.
    before: Vec<Vec<usize>>,
    /// By each change, the circle that it would be in if every delete waited for every user; its own where it is in none.
    circles: Vec<usize>,
}

impl ChangeLinks {
    fn new(changes: &[Change], users: &BTreeMap<usize, Vec<usize>>) -> ChangeLinks {
        let places: HashMap<&Address, usize> = changes.iter().enumerate().rev().map(|(i, c)| (&c.address, i)).collect();
        let place = |address: &Address| places.get(address).copied();
        let before: Vec<Vec<usize>> = changes.iter().map(|c| c.depends_on.iter().filter_map(place).collect()).collect();
        let mut all = before.clone();
        users.iter().for_each(|(deleted, users)| all[*deleted].extend(users));
        ChangeLinks { before, circles: circles(&all) }
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

/// Numbers the circles of a graph: two nodes have one number when each is reached from the other. Linear in nodes and edges.
fn circles(edges: &[Vec<usize>]) -> Vec<usize> {
    const NEW: usize = usize::MAX;
    let (mut order, mut low, mut circles) = (vec![NEW; edges.len()], vec![NEW; edges.len()], vec![NEW; edges.len()]);
    let (mut met, mut open) = (0, Vec::new());
    for start in 0..edges.len() {
        // An explicit stack: a chain may be as long as there are changes.
        let mut way: Vec<(usize, usize)> = Vec::from_iter((order[start] == NEW).then_some((start, 0)));
        while let Some((at, next)) = way.pop() {
            worked::count(Work::Links);
            if next == 0 {
                (order[at], low[at]) = (met, met);
                met += 1;
                open.push(at);
            }
            match edges[at].get(next) {
                Some(&to) => {
                    way.push((at, next + 1));
                    if order[to] == NEW {
                        way.push((to, 0));
                    } else if circles[to] == NEW {
                        low[at] = low[at].min(order[to]);
                    }
                }
                None => {
                    if low[at] == order[at] {
                        while let Some(one) = open.pop() {
                            circles[one] = at;
                            if one == at {
                                break;
                            }
                        }
                    }
                    if let Some((above, _)) = way.last() {
                        low[*above] = low[*above].min(low[at]);
                    }
                }
            }
        }
    }
    circles
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
