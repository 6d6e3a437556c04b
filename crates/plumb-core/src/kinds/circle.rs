//! Tasks, resources and changes that wait for each other.

use plumb_model::yaml::is_deferred;
use std::collections::{BTreeMap, BTreeSet};

/// A circle of tasks, each of which waits for the next; its first element is repeated at the end. `tasks` are the tasks in the
/// order of the manifest, each with those that it waits for. A key that is not known yet is nobody's. Linear in tasks and
/// edges.
pub(super) fn circle<'t>(tasks: impl Iterator<Item = (&'t str, Vec<&'t str>)>) -> Option<Vec<&'t str>> {
    let tasks: Vec<(&str, Vec<&str>)> = tasks.filter(|(key, _)| !is_deferred(key)).collect();
    let after: BTreeMap<&str, &Vec<&str>> = tasks.iter().map(|(key, after)| (*key, after)).collect();
    let mut done = BTreeSet::new();
    for (key, _) in &tasks {
        // The way from the start to here, each with how many of those it waits for were looked at.
        let mut way: Vec<(&str, usize)> = vec![(*key, 0)];
        while let Some((here, next)) = way.last_mut() {
            let here = *here;
            match after.get(here).filter(|_| !done.contains(here)).and_then(|list| list.get(*next)) {
                Some(to) => {
                    *next += 1;
                    if let Some(start) = way.iter().position(|(k, _)| k == to) {
                        return Some(way[start..].iter().map(|(k, _)| *k).chain([*to]).collect());
                    }
                    way.push((to, 0));
                }
                None => {
                    done.insert(here);
                    way.pop();
                }
            }
        }
    }
    None
}

/// Numbers the circles of a graph: two nodes have one number when each is reached from the other. Linear in nodes and
/// edges, each of which is a visit.
pub(crate) fn circles(edges: &[Vec<usize>], visit: &mut dyn FnMut()) -> Vec<usize> {
    const NEW: usize = usize::MAX;
    let (mut order, mut low, mut circles) = (vec![NEW; edges.len()], vec![NEW; edges.len()], vec![NEW; edges.len()]);
    let (mut met, mut open) = (0, Vec::new());
    for start in 0..edges.len() {
        // An explicit stack: a chain may be as long as there are changes.
        let mut way: Vec<(usize, usize)> = Vec::from_iter((order[start] == NEW).then_some((start, 0)));
        while let Some((at, next)) = way.pop() {
            visit();
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
mod tests {
    use super::*;

    #[test]
    fn a_circle_is_told_from_where_it_is_entered() {
        let of =
            |edges: &[(&'static str, &[&'static str])]| circle(edges.iter().map(|(key, after)| (*key, after.to_vec())));
        assert_eq!(of(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"])]), Some(vec!["b", "c", "b"]));
        assert_eq!(of(&[("a", &["a"])]), Some(vec!["a", "a"]));
        // Two ways to one task are no circle, nor is a task that is not there or not known yet.
        assert_eq!(of(&[("a", &["b", "c"]), ("b", &["d"]), ("c", &["d"]), ("d", &[])]), None);
        assert_eq!(of(&[("a", &["gone"])]), None);
        assert_eq!(of(&[("${resources.DatabricksJob.x}", &["${resources.DatabricksJob.x}"])]), None);
    }
}
