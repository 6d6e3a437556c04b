//! What a change of a job's clusters costs a run, if runs take as long as the last ones did.

use super::book::Prices;
use super::facts::{KeptRun, KeptRuns, Market, RunResult, RunSide, RunSystem};
use super::price::node_hour;
use crate::kinds::Kind;
use crate::kinds::databricks::job::DatabricksJob;
use crate::kinds::databricks::own_clusters::own_clusters;
use crate::manifest::{Desired, Resource};
use plumb_model::address::Address;
use plumb_model::stats::{Interval, Money};
use serde_json::Value;
use std::collections::BTreeMap;

/// How many of the last runs say how long one takes.
const LAST: usize = 3;

/// What a change costs a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunCostChange {
    pub amount: Interval<Money>,
    /// As the price book has it: `USD`.
    pub currency: String,
    /// How many runs say how long one takes.
    pub runs: usize,
}

impl RunCostChange {
    /// `+18 to +24 USD`.
    pub fn words(&self) -> String {
        format!("{} {}", signed(self.amount), self.currency)
    }

    /// `+18 to +24 USD a run, if it takes as long as its last 3`.
    pub fn note(&self) -> String {
        let last = if self.runs == 1 { "its last run".to_owned() } else { format!("its last {}", self.runs) };
        format!("{} a run, if it takes as long as {last}", self.words())
    }
}

/// The part of a cluster's spec that its price follows from.
#[derive(Clone, Debug, PartialEq, Eq)]
struct BilledCluster {
    worker: String,
    driver: String,
    workers: Interval<u64>,
    market: Market,
    photon: bool,
}

impl BilledCluster {
    /// That of a spec; `None` where it says too little: a pool or a policy says the rest.
    fn of(spec: &Value) -> Option<BilledCluster> {
        let worker = spec["node_type_id"].as_str()?.to_owned();
        let driver = spec["driver_node_type_id"].as_str().map_or_else(|| worker.clone(), str::to_owned);
        let workers = match (&spec["autoscale"], spec["num_workers"].as_u64()) {
            (Value::Object(scale), _) => {
                let end = |name: &str| scale.get(name).and_then(Value::as_u64);
                Interval { low: end("min_workers")?, high: end("max_workers")? }
            }
            (_, workers) => Interval::exactly(workers.unwrap_or(0)),
        };
        // Without a word on it Databricks takes spot for all but the first node (Clusters API, `aws_attributes.availability`).
        let market = match spec["aws_attributes"]["availability"].as_str() {
            Some("ON_DEMAND") => Market::OnDemand,
            Some("SPOT") => Market::Spot,
            _ => Market::Unknown,
        };
        let photon = spec["runtime_engine"].as_str() == Some("PHOTON")
            || spec["spark_version"].as_str().is_some_and(|version| version.contains("-photon-"));
        Some(BilledCluster { worker, driver, workers, market, photon })
    }

    /// What an hour of it costs.
    fn hour(&self, prices: &Prices) -> Option<Interval<Money>> {
        let worker = node_hour(prices, &self.worker, self.market, self.photon)?;
        let driver = node_hour(prices, &self.driver, self.market, self.photon)?;
        let times = |price: Money, count: u64| price.times(count.into(), 1);
        Some(Interval {
            low: driver.low + times(worker.low, self.workers.low)?,
            high: driver.high + times(worker.high, self.workers.high)?,
        })
    }

    /// What an hour of `after` costs more. Where only the number of workers is another, what their price is counts once.
    fn more(&self, after: &BilledCluster, prices: &Prices) -> Option<Interval<Money>> {
        let same = BilledCluster { workers: after.workers, ..self.clone() } == *after;
        if same && self.workers.is_exact() && after.workers.is_exact() {
            let worker = node_hour(prices, &self.worker, self.market, self.photon)?;
            let count = i128::from(after.workers.low) - i128::from(self.workers.low);
            return Some(Interval::between(worker.low.times(count, 1)?, worker.high.times(count, 1)?));
        }
        let (before, after) = (self.hour(prices)?, after.hour(prices)?);
        Some(Interval { low: after.low - before.high, high: after.high - before.low })
    }
}

/// What a change of a job costs a run. `runs` are its own, the earliest first. `None` where nothing that costs changes, or
/// where a price, a size or how long runs take is not known.
pub fn cost_of_change(before: &Value, after: &Value, runs: &[&KeptRun], prices: &Prices) -> Option<RunCostChange> {
    let ended = runs.iter().filter(|run| run.outcome == RunResult::Succeeded);
    let last: Vec<(&KeptRun, u64)> = ended.rev().filter_map(|run| Some((*run, seconds(run)?))).take(LAST).collect();
    if last.is_empty() {
        return None;
    }
    let by_path = |job| own_clusters(job).into_iter().map(|(at, spec)| (at.to_string(), spec)).collect();
    let (before, after): (BTreeMap<String, &Value>, BTreeMap<String, &Value>) = (by_path(before), by_path(after));
    // A cluster that comes or goes moves tasks: how long it will run nobody knows.
    if !before.keys().eq(after.keys()) {
        return None;
    }
    let is_only = before.len() == 1;
    let mut amount: Option<Interval<Money>> = None;
    for (path, before) in &before {
        let after = after.get(path)?;
        let (before, after) = match (BilledCluster::of(before), BilledCluster::of(after)) {
            (Some(before), Some(after)) => (before, after),
            _ if before == after => continue,
            _ => return None,
        };
        if before == after {
            continue;
        }
        let more = before.more(&after, prices)?;
        // One of several clusters may have been there for a part of the run.
        let most = last.iter().map(|(_, seconds)| *seconds).max()?;
        let least = if is_only { last.iter().map(|(_, seconds)| *seconds).min()? } else { 0 };
        let ends: Option<Vec<Money>> = [more.low, more.high]
            .into_iter()
            .flat_map(|price| [least, most].map(|seconds| price.times(seconds.into(), 3600)))
            .collect();
        let ends = ends?;
        let one = Interval { low: *ends.iter().min()?, high: *ends.iter().max()? };
        amount = Some(amount.map_or(one, |sum| sum + one));
    }
    let currency = || prices.spec.currency.clone();
    amount.map(|amount| RunCostChange { amount, currency: currency(), runs: last.len() })
}

fn seconds(run: &KeptRun) -> Option<u64> {
    let (started, ended) = run.started.zip(run.ended)?;
    u64::try_from(ended.as_second() - started.as_second()).ok()
}

/// Whether what a job's cluster costs follows from a field of a plan.
pub fn is_priced(path: &str) -> bool {
    let fields = [
        "num_workers",
        "autoscale",
        "node_type_id",
        "aws_attributes",
        "runtime_engine",
        "spark_version",
        "new_cluster",
    ];
    (path.starts_with("job_clusters") || path.starts_with("tasks")) && fields.iter().any(|field| path.contains(field))
}

/// What a plan's change of a job costs a run.
pub fn planned_cost(desired: &Desired, kept: &[KeptRuns], address: &Address, before: &Value) -> Option<RunCostChange> {
    let is_it = |r: &&Resource| r.address == *address && r.address.kind == DatabricksJob::NAME;
    let resource = desired.resources.iter().find(is_it)?;
    let prices = Prices::of_target(desired).ok()??;
    let title = resource.spec.get(DatabricksJob.title()).and_then(Value::as_str)?;
    let of_target = kept.iter().filter(|kept| kept.target == desired.target.name);
    let mut runs: Vec<&KeptRun> = of_target
        .flat_map(|kept| &kept.runs)
        .filter(|run| run.side == RunSide::New && run.system == RunSystem::Databricks && run.name == title)
        .collect();
    runs.sort_by_key(|run| run.started);
    cost_of_change(before, &resource.spec, &runs, &prices)
}

/// `+18 to +24`, rounded outwards.
fn signed(of: Interval<Money>) -> String {
    let cents = of.high.nanos().abs().max(of.low.nanos().abs()) < 10_000_000_000;
    let unit = if cents { 10_000_000 } else { 1_000_000_000 };
    let text = |steps: i128| {
        let sign = if steps > 0 {
            "+"
        } else if steps < 0 {
            "-"
        } else {
            ""
        };
        let steps = steps.unsigned_abs();
        if cents { format!("{sign}{}.{:02}", steps / 100, steps % 100) } else { format!("{sign}{steps}") }
    };
    let (low, high) = (of.low.nanos().div_euclid(unit), -(-of.high.nanos()).div_euclid(unit));
    if low == high { text(low) } else { format!("{} to {}", text(low), text(high)) }
}

#[cfg(test)]
#[path = "change_tests.rs"]
mod tests;
