//! What ties pipelines together, and which of them therefore have to be moved together.
//!
//! A place that one writes and another reads ties the two. Where nothing says what a pipeline does with a place that another one
//! writes, it may read it: that ties them as well, and is marked. Two that write one place, or read one, are not tied.

use super::depends::Depends;
use super::summary::Inventory;
use crate::detect;
use crate::kinds::emr::ties::touch;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Something on EMR that is moved as one: a pipeline, or an application of EMR Serverless with its jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmrWorkload {
    /// What tells it from all others: `pipeline nightly`, `application 00f1`.
    pub of: String,
    pub name: String,
    pub reads: BTreeSet<String>,
    pub writes: BTreeSet<String>,
    /// Places that it does something with that is not known.
    pub mentions: BTreeSet<String>,
}

/// A place that one writes and another reads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct PathTie {
    /// The one that writes, as [`EmrWorkload::of`].
    pub from: String,
    /// The one that reads.
    pub to: String,
    /// The place as the writer has it.
    pub path: String,
    /// Whether it is known that the other one reads it.
    pub sure: bool,
}

/// Everything in an inventory that is moved as one and of which it is known what it depends on, by its key.
pub fn workloads(inventory: &Inventory) -> Vec<EmrWorkload> {
    let one = |of: String, name: &str, depends: &[&Depends]| {
        let all = |part: fn(&Depends) -> &BTreeSet<String>| depends.iter().flat_map(|one| part(one)).cloned().collect();
        let (reads, writes) = (all(|one| &one.reads), all(|one| &one.writes));
        EmrWorkload { of, name: name.to_owned(), reads, writes, mentions: all(|one| &one.mentions) }
    };
    let pipelines = inventory
        .pipelines
        .iter()
        .filter_map(|p| Some(one(format!("pipeline {}", p.name), &p.name, &[p.depends.as_ref()?])));
    let applications = inventory.serverless.iter().map(|app| {
        let depends: Vec<&Depends> = app.jobs.iter().flatten().map(|job| &job.depends).collect();
        one(format!("application {}", app.id), if app.name.is_empty() { &app.id } else { &app.name }, &depends)
    });
    let mut all: Vec<EmrWorkload> = pipelines.chain(applications).collect();
    all.sort_by(|a, b| a.of.cmp(&b.of));
    all
}

/// What ties them together, each once.
pub fn path_ties(all: &[EmrWorkload]) -> Vec<PathTie> {
    // Places of two buckets never touch.
    let mut readers: BTreeMap<&str, Vec<(&EmrWorkload, &str, bool)>> = BTreeMap::new();
    for one in all {
        let known = one.reads.iter().map(|path| (path, true));
        for (path, sure) in known.chain(one.mentions.iter().map(|path| (path, false))) {
            if let Some(path) = place(path) {
                readers.entry(bucket(path)).or_default().push((one, path, sure));
            }
        }
    }
    let mut ties: BTreeMap<(&str, &str, &str), bool> = BTreeMap::new();
    for writer in all {
        for (whole, written) in writer.writes.iter().filter_map(|path| Some((path, place(path)?))) {
            for (reader, path, sure) in readers.get(bucket(written)).into_iter().flatten() {
                if reader.of != writer.of && touch(written, path) {
                    *ties.entry((&writer.of, &reader.of, whole)).or_default() |= sure;
                }
            }
        }
    }
    let tie = |((from, to, path), sure): ((&str, &str, &str), bool)| PathTie {
        from: from.to_owned(),
        to: to.to_owned(),
        path: path.to_owned(),
        sure,
    };
    ties.into_iter().map(tie).collect()
}

/// The part of a path that two can be compared by: up to what matches several names. Dates stay, as they are one in all paths. A
/// whole bucket says nothing of what is in it, and what is hidden may be anything.
fn place(path: &str) -> Option<&str> {
    let steady = match path.find(['*', '?', '[', '$']) {
        Some(at) => &path[..path[..at].rfind('/')?],
        None => path.trim_end_matches('/'),
    };
    let (_, key) = steady.split_once("://")?.1.split_once('/')?;
    (!key.trim_matches('/').is_empty() && !path.contains(detect::HIDDEN)).then_some(steady)
}

fn bucket(path: &str) -> &str {
    let rest = path.split_once("://").map_or(path, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

/// Which of them have to be moved together: the smallest groups that no tie crosses. Each is in exactly one, by their keys; the
/// small groups first.
pub fn groups(all: &[EmrWorkload], ties: &[PathTie]) -> Vec<Vec<String>> {
    let at: BTreeMap<&str, usize> = all.iter().enumerate().map(|(at, one)| (one.of.as_str(), at)).collect();
    let mut root: Vec<usize> = (0..all.len()).collect();
    fn top(root: &mut [usize], mut at: usize) -> usize {
        while root[at] != at {
            root[at] = root[root[at]];
            at = root[at];
        }
        at
    }
    for tie in ties {
        if let (Some(from), Some(to)) = (at.get(tie.from.as_str()), at.get(tie.to.as_str())) {
            let (from, to) = (top(&mut root, *from), top(&mut root, *to));
            root[from.max(to)] = from.min(to);
        }
    }
    let mut groups: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for (number, one) in all.iter().enumerate() {
        groups.entry(top(&mut root, number)).or_default().push(one.of.clone());
    }
    let mut groups: Vec<Vec<String>> = groups.into_values().collect();
    groups.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
    groups
}

/// In which column a picture has each of a group: a writer left of those that read from it, as far as they are in no circle.
pub fn columns(group: &[String], ties: &[PathTie]) -> BTreeMap<String, usize> {
    let mut columns: BTreeMap<String, usize> = group.iter().map(|of| (of.clone(), 0)).collect();
    let inside: BTreeSet<(&str, &str)> = ties
        .iter()
        .filter(|tie| columns.contains_key(&tie.from) && columns.contains_key(&tie.to))
        .map(|tie| (tie.from.as_str(), tie.to.as_str()))
        .collect();
    let forward: Vec<(&str, &str)> = acyclic(group, &inside);
    // A way is at most as long as there are members.
    for _ in 0..group.len() {
        let mut moved = false;
        for (from, to) in &forward {
            let wanted = columns.get(*from).copied().unwrap_or(0) + 1;
            if let Some(column) = columns.get_mut(*to).filter(|column| **column < wanted) {
                *column = wanted;
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    columns
}

/// The ties without those that close a circle.
fn acyclic<'t>(group: &'t [String], ties: &BTreeSet<(&'t str, &'t str)>) -> Vec<(&'t str, &'t str)> {
    let mut after: BTreeMap<&str, Vec<&'t str>> = BTreeMap::new();
    for (from, to) in ties {
        after.entry(from).or_default().push(to);
    }
    // `true` while what comes after it is still being followed.
    let mut open: BTreeMap<&str, bool> = BTreeMap::new();
    let mut kept = Vec::new();
    let fed: BTreeSet<&str> = ties.iter().map(|(_, to)| *to).collect();
    let starts = group.iter().filter(|of| !fed.contains(of.as_str())).chain(group);
    for start in starts {
        let mut way: Vec<(&str, usize)> = vec![(start, 0)];
        if open.contains_key(start.as_str()) {
            continue;
        }
        open.insert(start, true);
        while let Some((of, next)) = way.pop() {
            let Some(to) = after.get(of).and_then(|all| all.get(next)).copied() else {
                open.insert(of, false);
                continue;
            };
            way.push((of, next + 1));
            if open.get(to) == Some(&true) {
                continue;
            }
            kept.extend(ties.get(&(of, to)).copied());
            if !open.contains_key(to) {
                open.insert(to, true);
                way.push((to, 0));
            }
        }
    }
    kept
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one(name: &str, reads: &[&str], writes: &[&str], mentions: &[&str]) -> EmrWorkload {
        let set = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect();
        EmrWorkload {
            of: name.into(),
            name: name.into(),
            reads: set(reads),
            writes: set(writes),
            mentions: set(mentions),
        }
    }

    #[test]
    fn a_place_that_one_writes_and_another_reads_ties_them() {
        let all = [
            one("alone", &["s3://lake/raw"], &[], &[]),
            one("load", &["s3://lake/raw"], &["s3://lake/clean/{date}/"], &["s3://lake/clean"]),
            one("mart", &["s3a://lake/clean"], &["s3://lake/mart"], &[]),
            one("mail", &[], &[], &["s3://lake/mart/x"]),
            one("near", &["s3://lake/martin", "s3://lake2/mart"], &["s3://lake/mart"], &[]),
        ];
        let ties: Vec<String> = path_ties(&all)
            .iter()
            .map(|tie| format!("{} > {} {} {}", tie.from, tie.to, tie.path, if tie.sure { "reads" } else { "perhaps" }))
            .collect();
        assert_eq!(
            ties,
            [
                "load > mart s3://lake/clean/{date}/ reads",
                "mart > mail s3://lake/mart perhaps",
                "near > mail s3://lake/mart perhaps"
            ]
        );
        let groups = groups(&all, &path_ties(&all));
        assert_eq!(groups, [vec!["alone"], vec!["load", "mart", "mail", "near"]]);
        let columns = columns(&groups[1], &path_ties(&all));
        let of = |name: &str| columns[name];
        assert_eq!((of("load"), of("mart"), of("mail"), of("near")), (0, 1, 2, 0));
    }

    #[test]
    fn a_bucket_or_what_is_hidden_ties_nothing() {
        let all = [
            one("a", &[], &["s3://lake", "s3://x/(secret)/y", "s3://lake/clean/{date}/orders"], &[]),
            one("b", &["s3://x/(secret)/y"], &[], &["s3://lake/", "s3://lake/clean/{date}/clicks"]),
            one("c", &["s3://lake/clean/*/orders"], &[], &["s3://lake"]),
        ];
        let ties: Vec<String> =
            path_ties(&all).iter().map(|tie| format!("{} > {} {}", tie.from, tie.to, tie.path)).collect();
        assert_eq!(ties, ["a > c s3://lake/clean/{date}/orders"]);
    }

    #[test]
    fn a_circle_has_columns_too() {
        let all = [
            one("a", &["s3://b/z"], &["s3://b/x"], &[]),
            one("b", &["s3://b/x"], &["s3://b/y"], &[]),
            one("c", &["s3://b/y"], &["s3://b/z"], &[]),
        ];
        let ties = path_ties(&all);
        assert_eq!(ties.len(), 3);
        let columns = columns(&groups(&all, &ties)[0], &ties);
        assert_eq!(columns.values().copied().collect::<Vec<_>>(), [0, 1, 2]);
    }

    proptest! {
        #[test]
        fn each_is_in_one_group_that_no_tie_crosses(
            paths in proptest::collection::vec((0..12_u8, 0..12_u8, 0..12_u8), 0..24)
        ) {
            let place = |n: u8| format!("s3://b/{n}");
            let all: Vec<EmrWorkload> = paths.iter().enumerate().map(|(at, (reads, writes, mentions))| {
                one(&format!("p{at:02}"), &[&place(*reads)], &[&place(*writes)], &[&place(*mentions)])
            }).collect();
            let ties = path_ties(&all);
            let groups = groups(&all, &ties);
            let mut seen: Vec<&String> = groups.iter().flatten().collect();
            seen.sort();
            prop_assert_eq!(seen, all.iter().map(|one| &one.of).collect::<Vec<_>>());
            prop_assert!(groups.is_sorted_by_key(|group| group.len()));
            for tie in &ties {
                prop_assert!(tie.from != tie.to);
                let of = |name: &String| groups.iter().position(|group| group.contains(name));
                prop_assert_eq!(of(&tie.from), of(&tie.to));
            }
            for group in &groups {
                let inside: Vec<PathTie> = ties.iter().filter(|tie| group.contains(&tie.from)).cloned().collect();
                // None of several could be moved without another one of its group.
                prop_assert!(group.len() == 1 || group.iter().all(|of| inside.iter().any(|t| t.from == *of || t.to == *of)));
                let columns = columns(group, &ties);
                prop_assert!(columns.values().all(|column| *column < group.len()));
                let has_circle = inside.iter().any(|tie| columns[&tie.from] >= columns[&tie.to]);
                if !has_circle {
                    prop_assert!(group.len() < 2 || columns.values().any(|column| *column > 0));
                }
            }
        }
    }
}
