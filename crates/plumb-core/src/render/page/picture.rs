//! What depends on what around the changes of a plan, as SVG within the page, and as a list beside it.

use super::PageFacts;
use super::changes::class;
use super::layers::places;
use crate::cutover::waves;
use crate::plan::Action;
use crate::render::graph::{GraphEdge, GraphNode, ResourceGraph, whole};
use crate::render::markup::html as safe;
use crate::render::value::{fitted, visible};
use crate::render::{body, counted};
use plumb_model::address::Address;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;

/// How wide and high a box is, and the space between two.
const BOX: (usize, usize) = (236, 44);
const GAP: (usize, usize) = (72, 14);
/// How many columns of a name fit into a box, and of what stands below it.
const FITS: (usize, usize) = (27, 35);
/// With more boxes than this, those that are alike in all their ties are one.
const MOST_BOXES: usize = 40;
/// More boxes than this say nothing to anybody.
const MOST_DRAWN: usize = 90;
/// How many ties the list has.
const MOST_LISTED: usize = 300;

/// The graph of the manifests, and what a plan adds to it: what goes, with what uses it until then.
pub(super) fn graph_of(page: &PageFacts<'_>) -> ResourceGraph {
    let mut graph = whole(page.desired);
    let known: BTreeSet<Address> = graph.nodes.iter().map(|node| node.address.clone()).collect();
    let mut of_waves: BTreeMap<Address, Vec<Address>> = BTreeMap::new();
    for wave in waves(page.desired) {
        let members = wave.members.iter().map(|member| member.resource.address.clone());
        of_waves.insert(wave.address(), members.collect());
    }
    let gone = page.plan.changes.iter().filter(|change| !known.contains(&change.address));
    for change in gone {
        // `EmrCluster/legacy/j-1` is drawn as its manifest.
        if change.address.name.split_once('/').is_some_and(|(name, _)| {
            known.contains(&Address { kind: change.address.kind.clone(), name: name.to_owned() })
        }) {
            continue;
        }
        graph.nodes.push(GraphNode { address: change.address.clone(), selected: true });
        // A wave of one migration that nobody named.
        let members = of_waves.remove(&change.address).unwrap_or_default();
        graph.edges.extend(members.into_iter().map(|to| GraphEdge {
            from: change.address.clone(),
            to,
            by: vec!["wave".to_owned()],
        }));
        if change.action == Action::Delete {
            let users = change.depends_on.iter();
            graph.edges.extend(users.map(|user| GraphEdge {
                from: user.clone(),
                to: change.address.clone(),
                by: vec!["until it is deleted".to_owned()],
            }));
        }
    }
    graph.nodes.sort_by(|a, b| a.address.cmp(&b.address));
    graph.edges.sort_by(|a, b| (&a.from, &a.to).cmp(&(&b.from, &b.to)));
    graph
}

/// One box: a resource, or several that are alike.
struct GraphBox<'g> {
    of: Vec<&'g Address>,
    action: Option<Action>,
}

/// The section's text.
pub(super) fn picture(page: &PageFacts<'_>, graph: &ResourceGraph) -> String {
    let chosen: BTreeSet<Address> = page.changed.keys().cloned().collect();
    let all = graph.nodes.len();
    let near = graph.clone().around(&chosen);
    let tied: BTreeSet<&Address> = near.edges.iter().flat_map(|edge| [&edge.from, &edge.to]).collect();
    let alone = near.nodes.iter().filter(|node| !tied.contains(&node.address)).count();
    let mut says = vec![format!(
        "What changes, and what has a direct tie to it: {} of {}. What is needed stands left, and an arrow points at it.",
        tied.len(),
        counted(all, "resource", "resources")
    )];
    if alone > 0 {
        says.push(format!("{} no ties.", counted(alone, "changed resource has", "changed resources have")));
    }
    if near.edges.is_empty() {
        return format!(
            "<p class=\"soft\">{}</p>\n",
            safe(&format!("No change has a tie to another resource: {all} in the manifests and the plan."))
        );
    }
    let action = |address: &Address| page.changed.get(address).map(|index| page.plan.changes[*index].action);
    let (boxes, edges) = boxes(&near, &tied, action);
    let (boxes, edges, left) = biggest(boxes, edges);
    if boxes.iter().any(|one| one.of.len() > 1) {
        says.push("Resources that are alike in all their ties are one box.".to_owned());
    }
    if left > 0 {
        says.push(format!("{} with fewer ties not drawn.", counted(left, "box is", "boxes are")));
    }
    let drawn = drawn(page, &boxes, &edges);
    format!("<p class=\"soft\">{}</p>\n{drawn}{}", safe(&says.join(" ")), list(page, &near))
}

/// What a box is known by: its kind, what is done to it, what it needs and what needs it.
type BoxKey<'g> = (&'g str, Option<Action>, Vec<usize>, Vec<usize>);
type Boxes<'g> = (Vec<GraphBox<'g>>, Vec<(usize, usize)>);

/// The boxes, and their ties by places.
fn boxes<'g>(
    near: &'g ResourceGraph,
    tied: &BTreeSet<&'g Address>,
    action: impl Fn(&Address) -> Option<Action>,
) -> Boxes<'g> {
    let nodes: Vec<&'g Address> = tied.iter().copied().collect();
    let index: HashMap<&Address, usize> = nodes.iter().enumerate().map(|(at, address)| (*address, at)).collect();
    let edges: Vec<(usize, usize)> =
        near.edges.iter().filter_map(|edge| Some((*index.get(&edge.from)?, *index.get(&edge.to)?))).collect();
    if nodes.len() <= MOST_BOXES {
        let boxes = nodes.iter().map(|address| GraphBox { of: vec![address], action: action(address) }).collect();
        return (boxes, edges);
    }
    let mut keys: Vec<BoxKey<'_>> =
        nodes.iter().map(|address| (address.kind.as_str(), action(address), Vec::new(), Vec::new())).collect();
    for (from, to) in &edges {
        keys[*from].2.push(*to);
        keys[*to].3.push(*from);
    }
    let mut groups: BTreeMap<&BoxKey<'_>, usize> = BTreeMap::new();
    let mut boxes: Vec<GraphBox<'g>> = Vec::new();
    let mut place = Vec::with_capacity(nodes.len());
    for (at, key) in keys.iter().enumerate() {
        let group = *groups.entry(key).or_insert_with(|| {
            boxes.push(GraphBox { of: Vec::new(), action: key.1 });
            boxes.len() - 1
        });
        boxes[group].of.push(nodes[at]);
        place.push(group);
    }
    let edges: BTreeSet<(usize, usize)> = edges.into_iter().map(|(from, to)| (place[from], place[to])).collect();
    (boxes, edges.into_iter().collect())
}

/// As many boxes as can be read: those with the most ties; and how many are left out.
fn biggest<'g>(
    boxes: Vec<GraphBox<'g>>,
    edges: Vec<(usize, usize)>,
) -> (Vec<GraphBox<'g>>, Vec<(usize, usize)>, usize) {
    if boxes.len() <= MOST_DRAWN {
        return (boxes, edges, 0);
    }
    let left = boxes.len() - MOST_DRAWN;
    let mut ties = vec![0usize; boxes.len()];
    edges.iter().for_each(|(from, to)| {
        ties[*from] += 1;
        ties[*to] += 1;
    });
    let mut order: Vec<usize> = (0..boxes.len()).collect();
    order.sort_by_key(|at| (std::cmp::Reverse(ties[*at]), boxes[*at].action.is_none(), *at));
    let kept: BTreeSet<usize> = order.into_iter().take(MOST_DRAWN).collect();
    let place: HashMap<usize, usize> = kept.iter().enumerate().map(|(new, old)| (*old, new)).collect();
    let boxes = boxes.into_iter().enumerate().filter(|(at, _)| kept.contains(at)).map(|(_, one)| one).collect();
    let edges = edges.iter().filter_map(|(from, to)| Some((*place.get(from)?, *place.get(to)?))).collect();
    (boxes, edges, left)
}

fn drawn(page: &PageFacts<'_>, boxes: &[GraphBox<'_>], edges: &[(usize, usize)]) -> String {
    let places = places(boxes.len(), edges);
    let left = |at: usize| 2 + places.columns[at] * (BOX.0 + GAP.0);
    let top = |at: usize| 2 + places.rows[at] * (BOX.1 + GAP.1) / 2;
    let mut svg = String::new();
    for (from, to) in edges {
        let (x, y) = (left(*from), top(*from) + BOX.1 / 2);
        let (tip, end) = (left(*to) + BOX.0, top(*to) + BOX.1 / 2);
        let (path, head) = if places.columns[*from] > places.columns[*to] {
            let half = GAP.0 / 2;
            (
                format!("M{x} {y}C{} {y} {} {end} {} {end}", x - half, tip + half, tip + 8),
                format!("M{tip} {end}l9 -4.5v9z"),
            )
        } else {
            // In a circle: around the right side.
            let out = (x + BOX.0).max(tip) + GAP.0 / 2;
            (format!("M{} {y}C{out} {y} {out} {end} {} {end}", x + BOX.0, tip + 8), format!("M{tip} {end}l9 -4.5v9z"))
        };
        let _ = write!(svg, "<path class=\"tie\" d=\"{path}\"/><path class=\"head\" d=\"{head}\"/>");
    }
    for (at, one) in boxes.iter().enumerate() {
        one_box(&mut svg, page, one, (left(at), top(at)));
    }
    let wide = places.columns.iter().max().map_or(1, |last| last + 1) * (BOX.0 + GAP.0) - GAP.0 + 4;
    let high = places.rows.iter().max().map_or(0, |last| last * (BOX.1 + GAP.1) / 2) + BOX.1 + 4;
    let circle = edges.iter().any(|(from, to)| places.columns[*from] <= places.columns[*to]);
    let wide = if circle { wide + GAP.0 } else { wide };
    format!(
        "<div class=\"scroll flow\" tabindex=\"0\" role=\"region\" aria-label=\"What depends on what\"><svg width=\"{wide}\" height=\"{high}\" viewBox=\"0 0 {wide} {high}\" \
         role=\"img\" aria-label=\"What depends on what; the list below has the same\">{svg}</svg></div>\n"
    )
}

fn one_box(svg: &mut String, page: &PageFacts<'_>, one: &GraphBox<'_>, (x, y): (usize, usize)) {
    let Some(first) = one.of.first() else { return };
    let name = if one.of.len() > 1 { format!("{} × {}", one.of.len(), first.kind) } else { first.name.clone() };
    let done = match one.action {
        Some(action) => format!("{} {}", body::glyph(action), word(action)),
        None => "unchanged".to_owned(),
    };
    let below = if one.of.len() > 1 { done.clone() } else { format!("{}, {done}", first.kind) };
    let stripe = one.action.map_or(String::new(), |action| {
        format!("<rect class=\"l-{}\" x=\"{x}\" y=\"{y}\" width=\"6\" height=\"{}\" rx=\"2\"/>", class(action), BOX.1)
    });
    let says = if one.of.len() > 1 {
        let names: Vec<String> = one.of.iter().take(12).map(ToString::to_string).collect();
        let more = one.of.len().saturating_sub(12);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{}{more}: {done}", names.join(", "))
    } else {
        format!("{first}: {done}")
    };
    let link = page.changed.get(*first).filter(|_| one.action.is_some());
    let (open, close) = match link {
        Some(index) => (format!("<a href=\"#c{index}\">"), "</a>"),
        None => ("<g class=\"still\">".to_owned(), "</g>"),
    };
    let _ = write!(
        svg,
        "{open}<title>{}</title><rect x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{}\" rx=\"5\"/>{stripe}<text x=\"{}\" y=\"{}\">{}</text><text class=\"sub\" x=\"{}\" y=\"{}\">{}</text>{close}",
        safe(&says),
        BOX.0,
        BOX.1,
        x + 16,
        y + 19,
        safe(&fitted(&visible(&name), FITS.0)),
        x + 16,
        y + 35,
        safe(&fitted(&visible(&below), FITS.1)),
    );
}

/// What is done, in a word or two.
fn word(action: Action) -> &'static str {
    match action {
        Action::Create => "create",
        Action::Update => "update",
        Action::Replace => "replace",
        Action::Delete => "delete",
        Action::Adopt => "adopt",
        Action::Move => "move",
        Action::Release => "release",
        Action::Mark => "mark",
        Action::Terminate => "terminate",
        Action::CutOver => "cut over",
        Action::Rollback => "take back",
        Action::Upload => "upload",
        Action::Retire => "retire",
        Action::Prune => "prune",
    }
}

/// The same as a list.
fn list(page: &PageFacts<'_>, near: &ResourceGraph) -> String {
    let mut rows = String::new();
    for edge in near.edges.iter().take(MOST_LISTED) {
        let _ = writeln!(
            rows,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td class=\"any\"><code>{}</code></td></tr>",
            super::changed_link(page, &edge.from),
            super::changed_link(page, &edge.to),
            safe(&edge.by.join(", "))
        );
    }
    let left = near.edges.len().saturating_sub(MOST_LISTED);
    let more = if left > 0 {
        format!("<p class=\"soft\">And {left} more: <code>plumb graph --output json</code>.</p>\n")
    } else {
        String::new()
    };
    format!(
        "<details><summary>As a list</summary>\n<div class=\"rows ties\"><table><thead><tr><th scope=\"col\">This</th><th scope=\"col\">needs</th>\
         <th scope=\"col\">by</th></tr></thead><tbody>\n{rows}</tbody></table></div>\n{more}</details>\n"
    )
}
