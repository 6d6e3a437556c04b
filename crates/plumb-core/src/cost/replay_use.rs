//! What a replay will use, by the runs that were kept: from the least to the most that a run of each of its jobs took.

use super::facts::{KeptRun, KeptRuns, RunResult, RunSide};
use plumb_model::stats::Interval;
use std::collections::{BTreeMap, BTreeSet};

/// How many runs a replay makes, and how many node-seconds these take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayUse {
    pub runs: u64,
    /// `None`: of some job nothing is known.
    pub node_seconds: Option<Interval<u64>>,
    /// The jobs of which no run with its nodes is kept, by name.
    pub unknown: BTreeSet<String>,
}

/// The use of `periods` replays, each of these jobs once, by name.
pub fn replay_use(kept: &[KeptRuns], (target, migration): (&str, &str), jobs: &[&str], periods: u64) -> ReplayUse {
    let mut seen: BTreeMap<&str, Interval<u64>> = BTreeMap::new();
    let of = kept.iter().filter(|one| one.target == target && one.migration == migration);
    let is_whole =
        |run: &&KeptRun| run.side == RunSide::New && run.outcome == RunResult::Succeeded && !run.nodes.is_empty();
    for run in of.flat_map(|one| &one.runs).filter(is_whole) {
        let used: Interval<u64> = run.nodes.iter().map(|node| node.seconds).sum();
        seen.entry(&run.name).and_modify(|known| *known = known.hull(&used)).or_insert(used);
    }
    let unknown: BTreeSet<String> =
        jobs.iter().filter(|job| !seen.contains_key(*job)).map(|job| (*job).to_owned()).collect();
    let of_one: Interval<u64> = jobs.iter().filter_map(|job| seen.get(job)).copied().sum();
    let all = Interval { low: of_one.low.saturating_mul(periods), high: of_one.high.saturating_mul(periods) };
    let node_seconds = (unknown.is_empty() && !jobs.is_empty()).then_some(all);
    ReplayUse { runs: jobs.len() as u64 * periods, node_seconds, unknown }
}

impl ReplayUse {
    /// `6 runs, 31 to 42 node-hours by the runs that were kept`; or which are not known.
    pub fn says(&self) -> String {
        let runs = if self.runs == 1 { "1 run".to_owned() } else { format!("{} runs", self.runs) };
        // The least rounded down, the most rounded up: tenths below ten hours.
        let hours = |tenths: u64| {
            if tenths < 100 { format!("{}.{}", tenths / 10, tenths % 10) } else { (tenths / 10).to_string() }
        };
        match self.node_seconds {
            Some(used) => {
                let high = used.high.div_ceil(360);
                let high = if high < 100 { high } else { high.div_ceil(10) * 10 };
                let (low, high) = (hours(used.low / 360), hours(high));
                let spread = if low == high { low } else { format!("{low} to {high}") };
                format!("{runs}, {spread} node-hours by the runs that were kept")
            }
            None => {
                let jobs: Vec<String> = self.unknown.iter().map(|job| format!("`{job}`")).collect();
                let jobs = jobs.join(", ");
                format!("{runs}; how many node-hours is not known, as no run of {jobs} with its nodes is kept")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn kept(outcome: &str, side: &str, name: &str, nodes: &[(u64, u64)]) -> KeptRuns {
        let nodes: Vec<_> = nodes
            .iter()
            .map(|(low, high)| json!({"type": "m5.xlarge", "market": "spot", "seconds": {"low": low, "high": high}}))
            .collect();
        serde_json::from_value(json!({
            "format": "plumb.runs/v1", "target": "prod", "migration": "audience", "period": "2026-09",
            "runs": [{"side": side, "system": "databricks", "id": "1", "name": name, "trigger": "manual",
                      "outcome": outcome, "nodes": nodes}],
        }))
        .unwrap()
    }

    fn used(kept: &[KeptRuns], jobs: &[&str], periods: u64) -> ReplayUse {
        replay_use(kept, ("prod", "audience"), jobs, periods)
    }

    #[test]
    fn each_job_takes_between_the_least_and_the_most_that_it_took() {
        let all = [
            kept("succeeded", "new", "cleanse", &[(3600, 7200), (3600, 3600)]),
            kept("succeeded", "new", "cleanse", &[(10_800, 10_800)]),
            kept("succeeded", "new", "export", &[(360, 400)]),
            // Neither counts: it failed, or is of the old side.
            kept("failed", "new", "export", &[(9, 9)]),
            kept("succeeded", "old", "export", &[(99_999, 99_999)]),
        ];
        let used = used(&all, &["cleanse", "export"], 3);
        assert_eq!((used.runs, used.node_seconds), (6, Some(Interval { low: 3 * 7560, high: 3 * 11_200 })));
        assert_eq!(used.says(), "6 runs, 6.3 to 9.4 node-hours by the runs that were kept");
        let many = super::replay_use(&all, ("prod", "audience"), &["cleanse"], 10);
        assert_eq!(many.says(), "10 runs, 20 to 30 node-hours by the runs that were kept");
    }

    #[test]
    fn of_a_job_that_was_never_kept_nothing_is_said() {
        let all = [kept("succeeded", "new", "cleanse", &[(3600, 3600)]), kept("succeeded", "new", "export", &[])];
        let one = used(&all, &["cleanse", "export"], 1);
        assert_eq!(one.node_seconds, None);
        let says = "2 runs; how many node-hours is not known, as no run of `export` with its nodes is kept";
        assert_eq!(one.says(), says);
        assert_eq!(super::replay_use(&all, ("dev", "audience"), &["cleanse"], 1).node_seconds, None);
    }
}
