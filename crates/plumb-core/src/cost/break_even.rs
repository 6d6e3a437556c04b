//! How much less the new pipeline has to use to cost what the old one costs.

use super::book::Prices;
use super::compare::{PeriodCost, pairs};
use plumb_model::stats::{Interval, Money};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a node-hour costs on both sides, and what follows. Factors are in hundredths.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BreakEven {
    /// What an hour of a node of the old pipeline cost, in the newest compared period.
    pub old_hour: Interval<Money>,
    pub new_hour: Interval<Money>,
    /// How many times fewer node-hours the new one has to use.
    pub has_to: Interval<u64>,
    /// How many times fewer it used, period by period, the earliest first.
    pub used: Vec<UsedLess>,
}

/// How many times fewer node-hours the new pipeline used in a period.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UsedLess {
    pub period: String,
    pub factor: Interval<u64>,
}

/// The break-even of the newest pair that has nodes on both sides. Jobs without a cluster have none.
pub fn break_even(periods: &[PeriodCost]) -> Option<BreakEven> {
    let hours = |one: &PeriodCost| {
        let old = one.old.as_ref()?.cost.node_seconds;
        let new = one.new.as_ref()?.cost.node_seconds;
        (old.low > 0 && new.low > 0).then_some((old, new))
    };
    let pairs: Vec<_> =
        pairs(periods).into_iter().filter_map(|(one, old, new)| Some((one, old, new, hours(one)?))).collect();
    let (_, old, new, (old_seconds, new_seconds)) = pairs.last()?;
    let an_hour = |cost: &Interval<Money>, seconds: &Interval<u64>| {
        Some(Interval {
            low: cost.low.times(3600, i128::from(seconds.high))?,
            high: cost.high.times(3600, i128::from(seconds.low))?,
        })
    };
    let (old_hour, new_hour) = (an_hour(old, old_seconds)?, an_hour(new, new_seconds)?);
    let used = pairs.iter().map(|(one, _, _, (old, new))| UsedLess {
        period: one.period.clone(),
        factor: Interval {
            low: hundredths(old.low.into(), new.high.into(), 0),
            high: hundredths(old.high.into(), new.low.into(), 1),
        },
    });
    Some(BreakEven { old_hour, new_hour, has_to: factor(old_hour, new_hour), used: used.collect() })
}

/// The break-even of one node type, on demand, by the price book alone: what EMR and a job's cluster cost an hour, and how
/// many times fewer hours the latter has to use. `None` where a price of it is missing.
pub fn of_node_type(prices: &Prices, node_type: &str, photon: bool) -> Option<(Money, Money, u64)> {
    let node = prices.node(node_type)?;
    let on_demand = node.ec2_on_demand?;
    let uplift = prices.spec.emr.as_ref().and_then(|emr| emr.uplift_percent);
    let emr = node.emr.or_else(|| on_demand.times(uplift?.nanos(), 100_000_000_000))?;
    let book = prices.spec.databricks.as_ref()?;
    let price = if photon { book.skus.jobs_photon.or(book.skus.jobs) } else { book.skus.jobs }?;
    let left = 100_000_000_000 - book.discount_percent.unwrap_or_default().nanos();
    let rate = if photon { node.dbu_photon } else { node.dbu }?;
    let dbu = price.times(left, 100_000_000_000)?.times(rate.nanos(), 1_000_000_000)?;
    let (old, new) = (on_demand + emr, on_demand + dbu);
    Some((old, new, factor(Interval::exactly(old), Interval::exactly(new)).high))
}

fn factor(old: Interval<Money>, new: Interval<Money>) -> Interval<u64> {
    Interval {
        low: hundredths(new.low.nanos(), old.high.nanos(), 0),
        high: hundredths(new.high.nanos(), old.low.nanos(), 1),
    }
}

/// A ratio in hundredths, rounded down or up.
fn hundredths(part: i128, whole: i128, up: i128) -> u64 {
    if whole <= 0 {
        return u64::MAX;
    }
    u64::try_from((part.max(0) * 100 + up * (whole - 1)) / whole).unwrap_or(u64::MAX)
}
