//! Who plays in a story: the nodes of a cluster and the executors on them, as slots and lists of a scene.

use super::template::Scene;

/// A node that runs executors.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlayedNode {
    /// EC2's id.
    pub instance: String,
    pub host: String,
    pub ip: String,
}

/// How many executors a node has.
const PER_NODE: usize = 2;
/// More nodes than this have no lines of their own.
const MOST_NODES: usize = 6;

/// Fills a scene with nodes: lists over all executors (`exec`, `host`, `ip`, `container`), the same without two nodes
/// (`rest.…`), and these two as `a.…` and `b.…`: they are the last ones, which are to be lost.
///
/// `container` makes the name of an executor's container out of its number.
pub fn place(scene: &mut Scene, nodes: &[PlayedNode], container: impl Fn(usize) -> String) {
    let nodes = &nodes[nodes.len().saturating_sub(MOST_NODES)..];
    let count = nodes.len() * PER_NODE;
    let (a, b) = (nodes.len().saturating_sub(2), nodes.len().saturating_sub(1));
    let of = |number: usize| number % nodes.len().max(1);
    for (prefix, all) in [("", true), ("rest.", false)] {
        let chosen: Vec<usize> =
            (0..count).filter(|n| all || nodes.len() < 3 || (of(*n) != a && of(*n) != b)).collect();
        let mut list = |name: &str, value: &dyn Fn(usize) -> String| {
            scene.lists.insert(format!("{prefix}{name}"), chosen.iter().map(|n| value(*n)).collect());
        };
        list("exec", &|n| (n + 1).to_string());
        list("host", &|n| nodes[of(n)].host.clone());
        list("ip", &|n| nodes[of(n)].ip.clone());
        list("container", &|n| container(n + 1));
    }
    scene.set("executors", count);
    scene.set("workers", nodes.len());
    for (name, place) in [("a", a), ("b", b)] {
        let Some(node) = nodes.get(place) else { continue };
        for (what, value) in [("instance", &node.instance), ("host", &node.host), ("ip", &node.ip)] {
            scene.set(&format!("{name}.{what}"), value);
        }
        for (suffix, number) in [("", place + 1), ("2", place + 1 + nodes.len())] {
            scene.set(&format!("{name}.exec{suffix}"), number);
            scene.set(&format!("{name}.container{suffix}"), container(number));
        }
    }
    // What comes in place of the first one that is lost, on the same node.
    scene.set("new.exec", count + 1);
    scene.set("new.container", container(count + 1));
}

/// The scene in which one executor is the one that a file is of: the slots of `who` (`a`, or `a` and `2` for the other
/// executor of its node) again as `x.…`. `gone` is when it ends.
pub fn seen_from(scene: &Scene, who: &str, suffix: &str, gone: f64) -> Scene {
    let mut own = scene.clone();
    for what in ["instance", "host", "ip", "exec", "container", "exec2", "container2"] {
        let suffix = if matches!(what, "exec" | "container") { suffix } else { "" };
        if let Some(value) = scene.slots.get(&format!("{who}.{what}{suffix}")).cloned() {
            own.set(&format!("x.{what}"), value);
        }
    }
    own.set("x.gone", gone);
    own
}
