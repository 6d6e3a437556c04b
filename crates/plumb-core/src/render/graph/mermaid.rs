//! The graph as Mermaid, which GitHub, GitLab and many wikis draw.

use super::{NodeSort, ResourceGraph, sort};
use crate::render::value::visible;
use plumb_model::address::Address;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// The colours of lines that read well on light and on dark.
const CLASSES: [(&str, &str); 5] = [
    ("databricks", "stroke:#d9480f,stroke-width:2px"),
    ("airflow", "stroke:#0b7285,stroke-width:2px"),
    ("old", "stroke:#868e96,stroke-width:2px"),
    ("relation", "stroke:#7048e8,stroke-width:2px"),
    ("neighbour", "stroke-dasharray:5 4"),
];

/// As many arrows as Mermaid draws unless the page that it stands in allows more (its `maxEdges`), which GitHub's does not.
const MOST_EDGES: usize = 500;
/// As many characters (its `maxTextSize`).
const MOST_TEXT: usize = 50_000;

/// Why Mermaid would not draw the graph, as this text, where it stands alone; `None` where it does.
pub fn too_large(graph: &ResourceGraph, text: &str) -> Option<String> {
    let edges = graph.edges.len();
    if edges >= MOST_EDGES {
        return Some(format!("{edges} arrows are too many for Mermaid, which draws fewer than {MOST_EDGES}"));
    }
    let long = text.chars().count();
    (long > MOST_TEXT).then(|| format!("{long} characters are too many for Mermaid, which reads {MOST_TEXT}"))
}

/// The graph as a Mermaid flowchart: what is needed stands left, an arrow points at it.
///
/// Ids are made of addresses, so a manifest more changes no other line.
pub fn mermaid(graph: &ResourceGraph) -> String {
    let ids = ids(graph);
    let mut out = String::from("flowchart RL\n");
    let mut used = BTreeSet::new();
    for node in &graph.nodes {
        let (class, open, close) = shape(sort(&node.address));
        used.insert(class);
        let mut classes = format!(":::{class}");
        if !node.selected {
            used.insert("neighbour");
            classes = ":::neighbour".to_owned();
        }
        let label = label(&node.address.to_string());
        let _ = writeln!(out, "  {}{open}\"{label}\"{close}{classes}", ids[&node.address]);
    }
    for edge in &graph.edges {
        let (Some(from), Some(to)) = (ids.get(&edge.from), ids.get(&edge.to)) else { continue };
        let by = if edge.by.is_empty() { String::new() } else { format!("|\"{}\"| ", label(&edge.by.join(", "))) };
        let _ = writeln!(out, "  {from} --> {by}{to}");
    }
    for (class, style) in CLASSES.iter().filter(|(class, _)| used.contains(class)) {
        let _ = writeln!(out, "  classDef {class} {style}");
    }
    out
}

/// The class of a sort, and the brackets of its shape.
fn shape(sort: NodeSort) -> (&'static str, &'static str, &'static str) {
    match sort {
        NodeSort::Object("airflow") => ("airflow", "([", "])"),
        NodeSort::Object(_) => ("databricks", "[", "]"),
        NodeSort::Old => ("old", "[/", "/]"),
        NodeSort::Relation => ("relation", "{{", "}}"),
    }
}

/// An id for each address, which is no word of Mermaid's.
fn ids(graph: &ResourceGraph) -> BTreeMap<&Address, String> {
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    let mut ids = BTreeMap::new();
    for node in &graph.nodes {
        let plain =
            |text: &str| -> String { text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect() };
        let id = format!("{}_{}", plain(&node.address.kind), plain(&node.address.name));
        // `a-b` and `a_b` would be one.
        let count = taken.entry(id.clone()).or_default();
        *count += 1;
        ids.insert(&node.address, if *count == 1 { id } else { format!("{id}__{count}") });
    }
    ids
}

/// Text that means nothing to Mermaid within quotes: whatever is no letter, digit or plain sign is an entity.
fn label(text: &str) -> String {
    let mut out = String::new();
    for c in visible(text).chars() {
        if c.is_alphanumeric() || matches!(c, ' ' | '/' | '-' | '_' | '.' | ',') {
            out.push(c);
        } else {
            let _ = write!(out, "#{};", u32::from(c));
        }
    }
    out
}
