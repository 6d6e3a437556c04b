//! What is asked of which cluster, by the listing alone: EMR gives out few requests, and a pipeline that runs each day has
//! hundreds of clusters a year that are all alike.
//!
//! The listing has names, states, times and hours of all of them. What a pipeline is made of is told by its newest cluster, and
//! what changes from run to run by a few.

use super::choose::{Group, groups, two_before};
use serde::Serialize;
use serde_json::Value;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Of how many runs and pipelines more is asked than the listing says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ReadLimits {
    /// Steps are read of so many of the newest clusters of a pipeline.
    pub runs: usize,
    /// The most pipelines of which more is asked than the listing says.
    pub pipelines: usize,
}

impl Default for ReadLimits {
    /// Six runs are half a year of a pipeline that runs each month, which is more than AWS remembers.
    fn default() -> Self {
        ReadLimits { runs: 6, pipelines: 200 }
    }
}

/// What is asked of a cluster beside its entry in the listing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClusterQuestions {
    pub describe: bool,
    pub steps: bool,
    /// What [`super::ClusterDetails`] has; it takes a description.
    pub details: bool,
}

impl ClusterQuestions {
    /// All there is to ask.
    pub const ALL: ClusterQuestions = ClusterQuestions { describe: true, steps: true, details: true };
    /// What a run is compared by.
    pub const RUN: ClusterQuestions = ClusterQuestions { describe: true, steps: true, details: false };
}

/// How many clusters of a pipeline are described that live no more: where the newest one is forgotten while it is read, or
/// was of another kind, the one before tells.
const DESCRIBED: usize = 2;

/// What is asked of the clusters of a listing, by their ids. Of one that is not in it nothing is asked.
///
/// What lives is described. Pipelines are told apart by their names first; where names make too many of them, more is asked of
/// those that live, then of those with the most hours, then of the newest.
pub fn questions(listing: &[Value], limits: ReadLimits) -> BTreeMap<String, ClusterQuestions> {
    let hours: BTreeMap<&str, u64> = listing
        .iter()
        .filter_map(|entry| Some((entry["Id"].as_str()?, entry["NormalizedInstanceHours"].as_u64().unwrap_or(0))))
        .collect();
    let mut pipelines = groups(listing);
    pipelines.sort_by_cached_key(|group| {
        let lives = group.clusters.iter().any(|cluster| !cluster.ended);
        let hours: u64 = group.clusters.iter().filter_map(|cluster| hours.get(cluster.id.as_str())).sum();
        let newest = group.clusters.last().and_then(|cluster| cluster.created);
        (Reverse((lives, hours, newest)), group.name.clone())
    });
    let mut questions = BTreeMap::new();
    for (at, group) in pipelines.iter().enumerate() {
        of_group(group, limits, at < limits.pipelines, &mut questions);
    }
    questions
}

fn of_group(group: &Group, limits: ReadLimits, closely: bool, questions: &mut BTreeMap<String, ClusterQuestions>) {
    let of = |at: usize| group.clusters[at].id.clone();
    let count = group.clusters.len();
    for (at, _) in group.clusters.iter().enumerate().filter(|(_, cluster)| !cluster.ended) {
        questions.entry(of(at)).or_default().describe = true;
    }
    if !closely {
        return;
    }
    for at in count.saturating_sub(DESCRIBED)..count {
        questions.entry(of(at)).or_default().describe = true;
    }
    // A pipeline that runs each day has no other month among its newest runs: the runs that show best what changes are read too.
    let times: Vec<_> = group.clusters.iter().map(|cluster| cluster.created).collect();
    for at in (count.saturating_sub(limits.runs)..count).chain(two_before(&times)) {
        questions.entry(of(at)).or_default().steps = true;
    }
    if let Some(newest) = count.checked_sub(1) {
        questions.entry(of(newest)).or_default().details = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const DAY: i64 = 86_400;
    const FIRST: i64 = 1_767_225_600;

    fn entry(id: usize, name: &str, state: &str, day: i64, hours: u64) -> Value {
        json!({ "Id": format!("j-{id}"), "Name": name, "NormalizedInstanceHours": hours,
                "Status": { "State": state, "Timeline": { "CreationDateTime": FIRST + day * DAY } } })
    }

    fn ids(all: &BTreeMap<String, ClusterQuestions>, is: fn(&ClusterQuestions) -> bool) -> Vec<&str> {
        all.iter().filter(|(_, asked)| is(asked)).map(|(id, _)| id.as_str()).collect()
    }

    #[test]
    fn of_a_year_of_ended_clusters_a_few_are_asked() {
        let listing: Vec<Value> = (0..2000)
            .map(|at| {
                entry(
                    at,
                    &format!("daily-{}-{at:04}", ["a", "b", "c", "d", "e", "f"][at % 6]),
                    "TERMINATED",
                    (at / 6) as i64,
                    8,
                )
            })
            .collect();
        let all = questions(&listing, ReadLimits::default());
        assert_eq!(ids(&all, |asked| asked.describe).len(), 12);
        assert_eq!(ids(&all, |asked| asked.details).len(), 6);
        // The newest six, and one of the month before to compare with.
        assert_eq!(ids(&all, |asked| asked.steps).len(), 42);
        let more = questions(&listing, ReadLimits { runs: 40, ..ReadLimits::default() });
        assert_eq!(ids(&more, |asked| asked.steps).len(), 240);
    }

    #[test]
    fn what_lives_is_described_however_old_it_is() {
        let mut listing: Vec<Value> = (0..9).map(|at| entry(at, "load", "TERMINATED", at as i64, 8)).collect();
        listing[0]["Status"]["State"] = json!("WAITING");
        listing[1]["Status"]["State"] = json!("TERMINATING");
        // A state that is missing or new is none that ended.
        listing[2]["Status"] = json!(null);
        listing[3]["Status"]["State"] = json!("HIBERNATED");
        let all = questions(&listing, ReadLimits { runs: 1, pipelines: 0 });
        assert_eq!(ids(&all, |asked| asked.describe), ["j-0", "j-1", "j-2", "j-3"]);
        assert_eq!(ids(&all, |asked| asked.steps || asked.details), [""; 0]);
        let all = questions(&listing, ReadLimits { runs: 1, pipelines: 1 });
        assert_eq!(ids(&all, |asked| asked.describe), ["j-0", "j-1", "j-2", "j-3", "j-7", "j-8"]);
        assert_eq!(ids(&all, |asked| asked.details), ["j-8"]);
    }

    #[test]
    fn names_that_make_no_pattern_do_not_become_requests() {
        let word = |at: usize| -> String {
            [at / 676, at / 26, at].iter().map(|part| char::from(b"ghijklmnopqrstuvwxyzghijkl"[part % 26])).collect()
        };
        let mut listing: Vec<Value> = (0..2000)
            .map(|at| entry(at, &format!("{} {at}x", word(at)), "TERMINATED", at as i64 % 60, at as u64 % 7))
            .collect();
        listing[5]["Status"]["State"] = json!("RUNNING");
        listing[7]["NormalizedInstanceHours"] = json!(9000);
        let all = questions(&listing, ReadLimits::default());
        assert_eq!(ids(&all, |asked| asked.describe).len(), 200);
        assert!(all.len() == 200 && all.contains_key("j-5") && all.contains_key("j-7"), "{}", all.len());
    }

    #[test]
    fn names_that_are_missing_are_one_pipeline() {
        let mut listing: Vec<Value> = (0..30).map(|at| entry(at, "", "TERMINATED", at as i64, 1)).collect();
        for (at, odd) in [Value::Null, json!(7), json!([])].into_iter().enumerate() {
            listing[at]["Name"] = odd;
        }
        listing[3]["Id"] = Value::Null;
        let all = questions(&listing, ReadLimits::default());
        assert_eq!(ids(&all, |asked| asked.describe), ["j-28", "j-29"]);
        assert_eq!(ids(&all, |asked| asked.steps).len(), 6);
    }

    proptest! {
        #[test]
        fn requests_are_bounded_by_pipelines_and_by_what_lives(
            clusters in proptest::collection::vec(("[a-d]{1,2}(-2026-0[1-9])?", 0..4_usize, 0..400_i64), 0..60),
            runs in 1..9_usize,
            pipelines in 0..5_usize,
        ) {
            let states = ["RUNNING", "TERMINATED", "TERMINATED_WITH_ERRORS", "TERMINATED"];
            let listing: Vec<Value> = clusters.iter().enumerate()
                .map(|(at, (name, state, day))| entry(at, name, states[*state], *day, 3)).collect();
            let lives = clusters.iter().filter(|(_, state, _)| *state == 0).count();
            let all = questions(&listing, ReadLimits { runs, pipelines });
            let closely = pipelines.min(groups(&listing).len());
            prop_assert!(ids(&all, |asked| asked.describe).len() <= lives + 2 * closely);
            prop_assert!(ids(&all, |asked| asked.steps).len() <= (runs + 2) * closely);
            prop_assert_eq!(ids(&all, |asked| asked.details).len(), closely);
            prop_assert!(all.values().all(|asked| asked.describe || !asked.details));
            let mut turned = listing.clone();
            turned.reverse();
            prop_assert_eq!(all, questions(&turned, ReadLimits { runs, pipelines }), "a listing has no order");
        }
    }
}
