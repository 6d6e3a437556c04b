//! The graph as DOT, which Graphviz draws.

use super::{NodeSort, ResourceGraph, sort};
use crate::render::value::visible;
use std::fmt::Write;

/// The graph as DOT: what is needed stands left, an arrow points at it. Nodes are their addresses.
pub fn dot(graph: &ResourceGraph) -> String {
    let mut out = String::from(
        "digraph plumb {\n  rankdir=RL\n  node [fontname=\"sans-serif\" fontsize=11]\n  edge [fontname=\"sans-serif\" fontsize=9]\n",
    );
    for node in &graph.nodes {
        let (shape, colour) = match sort(&node.address) {
            NodeSort::Object("airflow") => ("ellipse", "#0b7285"),
            NodeSort::Object(_) => ("box", "#d9480f"),
            NodeSort::Old => ("parallelogram", "#868e96"),
            NodeSort::Relation => ("hexagon", "#7048e8"),
        };
        let style = if node.selected { "solid" } else { "dashed" };
        let address = quoted(&node.address.to_string());
        let kind = quoted(&node.address.kind);
        let _ = writeln!(out, "  {address} [shape={shape} color=\"{colour}\" style={style} class={kind}]");
    }
    for edge in &graph.edges {
        let by = if edge.by.is_empty() { String::new() } else { format!(" [label={}]", quoted(&edge.by.join(", "))) };
        let _ = writeln!(out, "  {} -> {}{by}", quoted(&edge.from.to_string()), quoted(&edge.to.to_string()));
    }
    out.push_str("}\n");
    out
}

/// A quoted id of DOT. A backslash would begin an escape of a label, and Graphviz reads entities in one.
fn quoted(text: &str) -> String {
    format!("\"{}\"", visible(text).replace('\\', "\\\\").replace('"', "\\\"").replace('&', "&amp;"))
}
