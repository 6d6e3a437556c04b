//! What depends on what, by the manifests alone: references, the manifests that teardowns, migrations and waves name, and
//! what DAGs look up by name.
//!
//! An edge goes from what needs to what is needed. The work is linear in manifests and their ties.

mod dot;
mod mermaid;
#[cfg(test)]
mod tests;

pub use dot::dot;
pub use mermaid::{mermaid, too_large};

use super::json::shown;
use crate::cutover::{WAVE, waves};
use crate::kinds::{self, Role};
use crate::manifest::{Desired, Resource};
use crate::plan::Selection;
use crate::plan::references::places;
use plumb_model::address::Address;
use serde::Serialize;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What depends on what.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ResourceGraph {
    /// In the order of addresses.
    pub nodes: Vec<GraphNode>,
    /// In the order of addresses, each two once.
    pub edges: Vec<GraphEdge>,
}

/// A manifest, or a wave.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GraphNode {
    pub address: Address,
    /// Whether it is selected; else it only has a tie to one that is.
    pub selected: bool,
}

/// That one needs another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GraphEdge {
    /// What needs.
    pub from: Address,
    /// What is needed.
    pub to: Address,
    /// The members of the manifest that say so: `instance_pool_id`, `teardown.replacedBy`.
    pub by: Vec<String>,
}

/// What sort of node it is: shapes and colours go by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum NodeSort {
    /// Something of Databricks, Airflow or another service that a manifest makes.
    Object(&'static str),
    /// Something old, that a manifest ends.
    Old,
    /// What only says how others belong together: a migration, a wave.
    Relation,
}

/// The sort of an address, by its kind.
pub(super) fn sort(address: &Address) -> NodeSort {
    match kinds::find(&address.kind) {
        Some(kind) if kind.role() == Role::Object => NodeSort::Object(kind.system().setting()),
        Some(kind) if kind.role() == Role::Teardown => NodeSort::Old,
        _ => NodeSort::Relation,
    }
}

/// Ties by what needs and what is needed, each with the members that say so.
type Ties = BTreeMap<(Address, Address), BTreeSet<String>>;

/// The whole graph of the manifests: every manifest is a node, and every wave that somebody named.
pub fn whole(desired: &Desired) -> ResourceGraph {
    let known: BTreeSet<&Address> = desired.resources.iter().map(|resource| &resource.address).collect();
    let titles = titles(desired);
    let mut ties = Ties::new();
    for resource in &desired.resources {
        let mut tie = |to: Address, by: &str| {
            if known.contains(&to) && to != resource.address {
                ties.entry((resource.address.clone(), to)).or_default().insert(by.to_owned());
            }
        };
        let spec = resource.spec.read();
        // Where nothing is referred to, no string has to be looked at.
        if !resource.references.is_empty() {
            places(&spec, "", &mut |member, address| tie(address, member));
            // What stands where no member of the spec shows it.
            resource.references.iter().for_each(|to| tie(to.clone(), ""));
        }
        for named in resource.kind.named(&spec) {
            if let Ok(address) = Address::try_from(named.address) {
                tie(address, named.path.split('[').next().unwrap_or_default());
            }
        }
        for found in resource.kind.looks_up(&spec) {
            // Of several with one name it cannot be told which is meant.
            if let Some([one]) = titles.get(&(found.kind, found.title.as_str())).map(Vec::as_slice) {
                tie((*one).clone(), found.by);
            }
        }
    }
    let mut nodes: BTreeSet<Address> = known.into_iter().cloned().collect();
    for wave in waves(desired).iter().filter(|wave| wave.members.iter().any(|member| member.spec.wave.is_some())) {
        nodes.insert(wave.address());
        for member in &wave.members {
            ties.entry((wave.address(), member.resource.address.clone())).or_default().insert("wave".to_owned());
        }
    }
    let nodes = nodes.into_iter().map(|address| GraphNode { address, selected: true }).collect();
    let edge = |((from, to), mut by): ((Address, Address), BTreeSet<String>)| {
        by.remove("");
        GraphEdge { from, to, by: by.into_iter().collect() }
    };
    ResourceGraph { nodes, edges: ties.into_iter().map(edge).collect() }
}

/// The manifests of objects by what people call them.
fn titles(desired: &Desired) -> HashMap<(&str, &str), Vec<&Address>> {
    let mut titles: HashMap<(&str, &str), Vec<&Address>> = HashMap::new();
    let titled = |resource: &&Resource| resource.kind.role() == Role::Object;
    for resource in desired.resources.iter().filter(titled) {
        if let Some(title) = resource.title() {
            titles.entry((resource.kind.name(), title)).or_default().push(&resource.address);
        }
    }
    titles
}

/// The part of the graph that is selected, with its direct neighbours. A wave is selected where one of its members is.
pub fn selected(desired: &Desired, selection: &Selection) -> ResourceGraph {
    let graph = whole(desired);
    if selection.is_whole() {
        return graph;
    }
    let chosen = desired.resources.iter().filter(|resource| selection.has(resource));
    let mut chosen: BTreeSet<Address> = chosen.map(|resource| resource.address.clone()).collect();
    let of_wave = graph.edges.iter().filter(|edge| edge.from.kind == WAVE && chosen.contains(&edge.to));
    let waves: Vec<Address> = of_wave.map(|edge| edge.from.clone()).collect();
    chosen.extend(waves);
    graph.around(&chosen)
}

impl ResourceGraph {
    /// What is chosen, with what has a tie to it.
    pub fn around(self, chosen: &BTreeSet<Address>) -> ResourceGraph {
        let is_chosen = |address: &Address| chosen.contains(address);
        let edges: Vec<GraphEdge> =
            self.edges.into_iter().filter(|edge| is_chosen(&edge.from) || is_chosen(&edge.to)).collect();
        let near: BTreeSet<&Address> = edges.iter().flat_map(|edge| [&edge.from, &edge.to]).collect();
        let nodes = self.nodes.into_iter().filter(|node| is_chosen(&node.address) || near.contains(&node.address));
        let nodes = nodes.map(|node| GraphNode { selected: is_chosen(&node.address), ..node }).collect();
        ResourceGraph { nodes, edges }
    }
}

/// The graph for programs.
pub fn json(graph: &ResourceGraph) -> Result<String, serde_json::Error> {
    let nodes: Vec<_> = graph
        .nodes
        .iter()
        .map(|GraphNode { address, selected }| {
            json!({ "address": address, "kind": address.kind, "name": address.name, "selected": selected })
        })
        .collect();
    let all = json!({ "format": "plumb.graph/v1", "nodes": nodes, "edges": graph.edges });
    let mut text = shown(&serde_json::to_string_pretty(&all)?);
    text.push('\n');
    Ok(text)
}
