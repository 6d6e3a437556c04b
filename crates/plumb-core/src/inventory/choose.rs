//! Which of an account's pipelines are meant, by the listing of its clusters alone: what is not asked for is not read.

use super::pattern;
use super::raw::{some_text, text};
use crate::kinds::emr::api::time;
use jiff::Timestamp;
use plumb_model::text::glob;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A cluster of ListClusters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub id: String,
    /// Without secrets.
    pub name: String,
    /// Whether a secret was hidden in the name, so that it is not what EMR calls the cluster.
    pub masked: bool,
    pub ended: bool,
    pub created: Option<Timestamp>,
}

/// Clusters of one name, dates and serials apart; the oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub name: String,
    pub clusters: Vec<Listed>,
}

/// Which pipelines are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PipelineFilter {
    All,
    /// Pipelines whose name, or a cluster's name, matches; `*` stands for any characters.
    Named(String),
    /// One cluster, by its id.
    Cluster(String),
}

/// What selects the clusters of a pipeline, and no other's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClusterSelector {
    /// A name in which `*` stands for any characters.
    Name(String),
    /// No name does: the ids of those that live, or of the newest, and why.
    Ids(Vec<String>, &'static str),
}

/// The pipelines of a listing of clusters, by name.
pub fn groups(listing: &[Value]) -> Vec<Group> {
    let clusters: Vec<Listed> = listing.iter().filter_map(listed).collect();
    let grouped = pattern::group(clusters.iter().map(|cluster| cluster.name.as_str()));
    let mut by: BTreeMap<String, Vec<Listed>> = BTreeMap::new();
    for cluster in clusters {
        let name = grouped.get(&cluster.name).unwrap_or(&cluster.name).clone();
        by.entry(name).or_default().push(cluster);
    }
    let group = |(name, mut clusters): (String, Vec<Listed>)| {
        clusters.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
        Group { name, clusters }
    };
    by.into_iter().map(group).collect()
}

fn listed(summary: &Value) -> Option<Listed> {
    let (id, name) = (some_text(summary, "/Id")?, text(summary, "/Name"));
    let masked = summary["Name"].as_str().is_some_and(|raw| raw != name);
    let ended = matches!(summary["Status"]["State"].as_str(), Some("TERMINATED" | "TERMINATED_WITH_ERRORS"));
    Some(Listed { id, name, masked, ended, created: time(summary, "/Status/Timeline/CreationDateTime") })
}

/// The pipelines that are meant, each with the cluster that it is translated from: the newest, or the one that was asked
/// for.
pub fn chosen<'g>(groups: &'g [Group], wanted: &PipelineFilter) -> Vec<(&'g Group, &'g Listed)> {
    let is_meant = |group: &&Group| match wanted {
        PipelineFilter::All => true,
        PipelineFilter::Named(pattern) => {
            is_named(&group.name, group.clusters.iter().map(|c| c.name.as_str()), pattern)
        }
        PipelineFilter::Cluster(id) => group.clusters.iter().any(|cluster| cluster.id == *id),
    };
    let of = |group: &'g Group| {
        let cluster = match wanted {
            PipelineFilter::Cluster(id) => group.clusters.iter().find(|cluster| cluster.id == *id),
            _ => group.clusters.last(),
        };
        Some((group, cluster?))
    };
    groups.iter().filter(is_meant).filter_map(of).collect()
}

/// Whether a pattern means a thing of this name, or of one of these.
pub fn is_named<'n>(name: &str, mut others: impl Iterator<Item = &'n str>, pattern: &str) -> bool {
    glob(pattern, name) || others.any(|other| glob(pattern, other))
}

/// What selects the clusters of a group, as far as the account's other clusters show.
pub fn selector(of: &Group, all: &[Group]) -> ClusterSelector {
    let ids = |why| {
        let live: Vec<String> = of.clusters.iter().filter(|c| !c.ended).map(|c| c.id.clone()).collect();
        let newest = of.clusters.last().map(|c| c.id.clone());
        ClusterSelector::Ids(if live.is_empty() { newest.into_iter().collect() } else { live }, why)
    };
    if of.clusters.iter().any(|c| c.masked || c.name.is_empty() || c.name.contains('*')) {
        return ids("a cluster's name is empty, or has a `*` or a secret in it");
    }
    let names: BTreeSet<&str> = of.clusters.iter().map(|c| c.name.as_str()).collect();
    let others: Vec<&str> =
        all.iter().filter(|g| g.name != of.name).flat_map(|g| &g.clusters).map(|c| c.name.as_str()).collect();
    let mut candidates = candidates(&names);
    // What is all of one month's clusters today is everything tomorrow.
    candidates.retain(|wide| wide.chars().any(char::is_alphabetic));
    if candidates.is_empty() {
        return ids("only dates and serials are in its names: a pattern would match every name");
    }
    let fits =
        |wide: &String| names.iter().all(|name| glob(wide, name)) && !others.iter().any(|other| glob(wide, other));
    match candidates.into_iter().find(fits) {
        Some(glob) => ClusterSelector::Name(glob),
        None => ids("a pattern that matches all of its names matches those of another pipeline too"),
    }
}

/// Patterns that may do, the narrowest first.
fn candidates(names: &BTreeSet<&str>) -> Vec<String> {
    let mut globs: Vec<String> = Vec::new();
    let patterns: BTreeSet<String> = names.iter().map(|name| pattern::of(name)).collect();
    if let [one] = patterns.iter().collect::<Vec<_>>().as_slice() {
        let mut glob = (*one).clone();
        for changing in ["{date}", "{n}", "{id}"] {
            glob = glob.replace(changing, "*");
        }
        globs.push(glob);
    }
    // What all names begin and end with.
    let Some(first) = names.first() else { return globs };
    let same = |common: &str, other: &str| {
        let length = common.chars().zip(other.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
        common[..length].to_owned()
    };
    let reversed = |text: &str| text.chars().rev().collect::<String>();
    let start = names.iter().fold((*first).to_owned(), |common, name| same(&common, name));
    let end = names.iter().map(|name| reversed(&name[start.len()..]));
    let end = end.reduce(|common, name| same(&common, &name)).map(|end| reversed(&end)).unwrap_or_default();
    // A month or a day that all have had so far is not what they have in common.
    let start = start.trim_end_matches(|c: char| c.is_ascii_digit());
    let end = end.trim_start_matches(|c: char| c.is_ascii_digit());
    let common = [format!("{start}*{end}"), format!("{start}*")];
    globs.extend(common.into_iter().filter(|_| names.len() > 1).filter(|glob| glob.len() > 3));
    globs
}

/// Which two of the runs before the newest show best what changes from run to run, the newer first. `times` are those of
/// all runs, the oldest first.
///
/// The first is of another day than the newest, and the second of another month or at least of another day again: two runs
/// of one day do not show what a day changes. Where there are no such ones, the runs right before.
pub fn two_before(times: &[Option<Timestamp>]) -> Vec<usize> {
    let Some((newest, before)) = times.split_last() else { return Vec::new() };
    let day = |time: &Option<Timestamp>| time.map(|time| time.to_zoned(jiff::tz::TimeZone::UTC).date());
    let month = |time: &Option<Timestamp>| day(time).map(|day| day.first_of_month());
    let last = |is: &dyn Fn(usize) -> bool| (0..before.len()).rev().find(|at| is(*at));
    let first = last(&|at| day(&before[at]) != day(newest)).or_else(|| before.len().checked_sub(1));
    let Some(first) = first else { return Vec::new() };
    let months = [month(newest), month(&before[first])];
    let second = last(&|at| at < first && months[0] == months[1] && month(&before[at]) != months[0])
        .or_else(|| last(&|at| at < first && day(&before[at]) != day(&before[first])))
        .or_else(|| last(&|at| at != first));
    std::iter::once(first).chain(second).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn listing(names: &[&str]) -> Vec<Value> {
        let one = |(at, name): (usize, &&str)| {
            let state = if at + 1 == names.len() { "WAITING" } else { "TERMINATED" };
            json!({ "Id": format!("j-{at}"), "Name": name,
                    "Status": { "State": state, "Timeline": { "CreationDateTime": 1_790_000_000 + at } } })
        };
        names.iter().enumerate().map(one).collect()
    }

    #[test]
    fn the_runs_before_are_of_other_days_and_months() {
        let two = |days: &[&str]| {
            let times: Vec<Option<Timestamp>> =
                days.iter().map(|day| format!("{day}T04:00:00Z").parse().ok()).collect();
            two_before(&times)
        };
        assert_eq!(two(&["2026-08-02", "2026-09-02", "2026-10-02"]), [1, 0]);
        assert_eq!(two(&["2026-09-29", "2026-09-30", "2026-10-01", "2026-10-02", "2026-10-02"]), [2, 1]);
        assert_eq!(two(&["2026-10-01", "2026-10-02", "2026-10-03"]), [1, 0]);
        assert_eq!(two(&["2026-10-03", "2026-10-03"]), [0]);
        assert_eq!(two(&["2026-10-03"]), [0; 0]);
        assert_eq!(two_before(&[None, None, None]), [1, 0]);
    }

    #[test]
    fn a_pattern_matches_a_pipeline_and_no_other() {
        let name = |of: &str, names: &[&str]| {
            let groups = groups(&listing(names));
            let group = groups.iter().find(|g| g.name == of).unwrap_or_else(|| panic!("{of} of {groups:?}"));
            selector(group, &groups)
        };
        let is = |of: &str, names: &[&str], glob: &str| {
            assert_eq!(name(of, names), ClusterSelector::Name(glob.into()), "{of}")
        };
        is("sales", &["sales-2026-09", "sales-2026-10", "risk-2026-10"], "sales-*");
        is("adhoc", &["adhoc", "adhoc-eu-2026-10"], "adhoc");
        is("adhoc-eu", &["adhoc", "adhoc-eu-2026-10"], "adhoc-eu-*");
        is("sales", &["sales", "sales-2026-10", "risk"], "sales*");
        is("etl", &["etl-1", "etl-2", "etl-3"], "etl-*");
        is("a-b", &["a-2026-09-b", "a-2026-10-b", "a-2026-10-c"], "a-*-b");
        // `sales-*` would be `sales-eu-2026-10` too, and `sales*` as well.
        let both = ["sales-2026-10", "sales-eu-2026-09", "sales-eu-2026-10"];
        let ClusterSelector::Ids(ids, _) = name("sales", &both) else { panic!("a pattern") };
        assert_eq!(ids, ["j-0"], "none lives: the newest");
        is("sales-eu", &both, "sales-eu-*");
        let ClusterSelector::Ids(ids, why) = name("a*b", &["a*b"]) else { panic!("a pattern") };
        assert!(ids == ["j-0"] && why.contains('*'));
        let ClusterSelector::Ids(ids, why) = name("{date}", &["2026-09", "2026-10"]) else { panic!("a pattern") };
        assert!(ids == ["j-1"] && why.contains("every name"), "{why}");
        let ClusterSelector::Ids(..) = name("x password=(secret)", &["x password=hunter22"]) else {
            panic!("a pattern")
        };
    }

    #[test]
    fn what_is_meant_is_found_by_either_name_or_by_an_id() {
        let groups = groups(&listing(&["sales-2026-09", "sales-2026-10", "risk", "sales-eu"]));
        let ids = |wanted: &PipelineFilter| -> Vec<String> {
            chosen(&groups, wanted).into_iter().map(|(_, cluster)| cluster.id.clone()).collect()
        };
        assert_eq!(ids(&PipelineFilter::All), ["j-2", "j-1", "j-3"]);
        assert_eq!(ids(&PipelineFilter::Named("sales".into())), ["j-1"]);
        assert_eq!(ids(&PipelineFilter::Named("sales-2026-*".into())), ["j-1"]);
        assert_eq!(ids(&PipelineFilter::Named("sales*".into())), ["j-1", "j-3"]);
        assert_eq!(ids(&PipelineFilter::Named("none".into())), [""; 0]);
        assert_eq!(ids(&PipelineFilter::Cluster("j-0".into())), ["j-0"]);
        assert_eq!(ids(&PipelineFilter::Cluster("j-9".into())), [""; 0]);
    }
}
