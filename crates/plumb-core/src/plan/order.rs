//! Order: what has to be done before what.

use super::{Action, Change};
use crate::manifest::Resource;
use plumb_model::address::Address;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The indices of resources so that each comes after those it refers to; otherwise in the given order. Loading has
/// refused circles.
pub fn of_resources(resources: &[Resource]) -> Vec<usize> {
    let index: BTreeMap<&Address, usize> = resources.iter().enumerate().map(|(i, r)| (&r.address, i)).collect();
    let mut order = Vec::with_capacity(resources.len());
    let mut state = vec![0u8; resources.len()];
    for start in 0..resources.len() {
        // An explicit stack: a chain of references may be as long as there are manifests.
        let mut stack = vec![(start, 0usize)];
        while let Some((at, next)) = stack.pop() {
            if state[at] == 2 {
                continue;
            }
            state[at] = 1;
            match resources[at].references.get(next) {
                Some(reference) => {
                    stack.push((at, next + 1));
                    if let Some(&to) = index.get(reference).filter(|to| state[**to] == 0) {
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
pub fn link(changes: &mut [Change], touched: &BTreeMap<Address, &Value>) {
    let planned: BTreeSet<Address> = changes.iter().map(|c| c.address.clone()).collect();
    for change in changes.iter_mut() {
        change.depends_on.retain(|a| planned.contains(a));
        change.depends_on.sort();
        change.depends_on.dedup();
    }
    let deletes: Vec<(usize, String)> = changes
        .iter()
        .enumerate()
        .filter(|(_, c)| c.action == Action::Delete)
        .filter_map(|(i, c)| Some((i, c.id.clone()?)))
        .collect();
    for (index, id) in deletes {
        let users: Vec<Address> = changes
            .iter()
            .enumerate()
            .filter(|(i, c)| *i != index && touched.get(&c.address).is_some_and(|live| mentions(live, &id)))
            .map(|(_, c)| c.address.clone())
            .collect();
        for user in users {
            let me = changes[index].address.clone();
            // Two objects that use each other: either may go first.
            if !reaches(changes, &user, &me) {
                changes[index].depends_on.push(user);
            }
        }
        changes[index].depends_on.sort();
    }
}

fn mentions(live: &Value, id: &str) -> bool {
    match live {
        Value::String(s) => s == id,
        Value::Number(n) => n.to_string() == id,
        Value::Array(items) => items.iter().any(|v| mentions(v, id)),
        Value::Object(map) => map.values().any(|v| mentions(v, id)),
        _ => false,
    }
}

fn reaches(changes: &[Change], from: &Address, to: &Address) -> bool {
    let mut seen = BTreeSet::new();
    let mut stack = vec![from];
    while let Some(at) = stack.pop() {
        if at == to {
            return true;
        }
        if seen.insert(at)
            && let Some(change) = changes.iter().find(|c| c.address == *at)
        {
            stack.extend(&change.depends_on);
        }
    }
    false
}
