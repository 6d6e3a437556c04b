//! What pipelines on EMR cost, as far as an inventory tells: the nodes of the newest cluster, the times of all.

use crate::cost::book::Prices;
use crate::cost::emr::{ClusterAnswers, ClusterPart, facts};
use crate::cost::facts::{KeptRun, RunResult};
use crate::cost::price::price_run;
use crate::inventory::{ClusterDetails, RawCluster};
use crate::kinds::emr::api::time;
use jiff::{SignedDuration, Timestamp};
use plumb_model::stats::{Interval, Money};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// How long a month is here.
const MONTH: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What a pipeline costs on EMR: instances and EMR, without storage and transfer. Only what has all its prices is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ExitCost {
    /// By ISO 4217.
    pub currency: String,
    /// A run of those that ended without errors, on average.
    pub run: Option<Interval<Money>>,
    /// The 30 days before the reading.
    pub month: Option<Interval<Money>>,
    /// Why the ends differ.
    pub reasons: Vec<String>,
}

/// What the clusters of a pipeline cost, if every node of theirs has a price. `ended_well`: the ids of the runs that are a measure
/// of one. `since`: clusters created before were not read.
pub(super) fn cost(
    clusters: &[&RawCluster],
    ended_well: &BTreeSet<String>,
    prices: &Prices,
    since: Option<Timestamp>,
    now: Timestamp,
) -> Option<ExitCost> {
    let details = clusters.iter().rev().find_map(|cluster| cluster.details.as_ref())?;
    let from = now.checked_sub(MONTH).ok()?;
    let mut cost = ExitCost { currency: prices.spec.currency.clone(), ..ExitCost::default() };
    let priced = |run: KeptRun, cost: &mut ExitCost| -> Option<Interval<Money>> {
        // Without nodes only EMR's own count is left, which says nothing of types.
        let sum = (!run.nodes.is_empty()).then(|| price_run(&run, Some(prices)).sum)?;
        let known = sum.known()?;
        cost.reasons.extend(sum.reasons.into_iter().map(|reason| reason.says));
        Some(known)
    };
    let good = clusters.iter().filter(|cluster| ended_well.contains(&cluster.id()));
    let runs: Option<Vec<Interval<Money>>> =
        good.map(|cluster| priced(run(cluster, details, None, now), &mut cost)).collect();
    cost.run = runs.filter(|runs| !runs.is_empty()).and_then(|runs| {
        let count = i128::try_from(runs.len()).ok()?;
        let sum: Interval<Money> = runs.into_iter().sum();
        Some(Interval { low: sum.low.times(1, count)?, high: sum.high.times(1, count)? })
    });
    let lived = clusters.iter().filter_map(|cluster| {
        let end = time(cluster.summary(), "/Status/Timeline/EndDateTime").unwrap_or(now);
        let begin = cluster.created()?.max(from);
        (begin < end && end > from).then_some((cluster, begin, end))
    });
    let month: Option<Vec<Interval<Money>>> = lived
        .map(|(cluster, begin, end)| {
            let steps =
                cluster.known_steps().iter().filter_map(|step| step["Id"].as_str().map(str::to_owned)).collect();
            let part = ClusterPart { steps, worked: (begin, end), held: (begin, end) };
            priced(run(cluster, details, Some(&part), now), &mut cost)
        })
        .collect();
    let is_whole = since.is_none_or(|since| since <= from);
    cost.month = month.filter(|_| is_whole).map(|month| month.into_iter().sum());
    cost.reasons.sort();
    cost.reasons.dedup();
    (cost.run.is_some() || cost.month.is_some_and(|month| month.high > Money::ZERO)).then_some(cost)
}

/// The facts of a cluster with the nodes of its pipeline's newest one.
fn run(cluster: &RawCluster, details: &ClusterDetails, part: Option<&ClusterPart>, now: Timestamp) -> KeptRun {
    let timed = |all: &Option<Vec<Value>>| {
        let one = |group: &Value| {
            let mut group = group.clone();
            group["Status"] = json!({ "Timeline": cluster.summary()["Status"]["Timeline"] });
            group
        };
        all.as_ref().filter(|all| !all.is_empty()).map(|all| Ok(all.iter().map(one).collect()))
    };
    let answers = ClusterAnswers {
        cluster: cluster.summary().clone(),
        steps: cluster.steps.clone().ok_or_else(|| "an inventory reads those of the newest runs".to_owned()),
        instances: Err("an inventory does not list them".to_owned()),
        groups: timed(&details.groups),
        fleets: timed(&details.fleets),
        scaling: details.managed_scaling.clone(),
    };
    let mut run = facts(&answers, part, now);
    // What it costs after the reading is not claimed.
    if run.outcome == RunResult::Running {
        run.outcome = RunResult::Unknown;
    }
    run
}
