//! What the old and the new pipeline of a migration cost, period by period. Only pairs of one period are compared, and a
//! verdict is spoken only where intervals do not overlap.

use super::book::Prices;
use super::facts::{KeptRun, KeptRuns, RunResult, RunSide, RunTrigger};
use super::price::{CostSum, CostTerm, price_run};
use plumb_model::stats::{Interval, Money};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// From so many pairs on a median is spoken of.
const FEWEST_PAIRS: usize = 6;
/// No more pairs than these, the newest, are used for it: more would say nothing more.
const MOST_PAIRS: usize = 120;

/// A run with what it cost.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PricedRun {
    pub period: String,
    pub facts: PricedFacts,
    pub cost: CostSum,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub terms: Vec<CostTerm>,
}

/// What of a run's facts its cost is told with.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct PricedFacts {
    pub side: RunSide,
    pub system: super::facts::RunSystem,
    pub id: String,
    pub name: String,
    pub trigger: RunTrigger,
    pub outcome: RunResult,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// How long it took, where both ends are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
    /// Whether it counts for the comparison of its period. A replay does only where nothing else ran.
    pub counts: bool,
}

/// A run that failed, with what is told of it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FailedPart {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

/// What one side of a period cost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SideCost {
    /// Of the runs that count for the comparison, failed ones among them.
    pub cost: CostSum,
    /// Of the others: replays of a period that ran by its schedule, and earlier replays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apart: Option<CostSum>,
    pub runs: usize,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<FailedPart>,
    /// Whether only replays ran.
    pub replayed: bool,
    /// Whether no run of it ended well.
    pub unfinished: bool,
    /// How long something of it ran, where that is known of every run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
}

/// What can be said of a period's difference. Shares are in thousandths of what the old one cost.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum CostVerdict {
    Cheaper { permille: Interval<u64>, saved: Interval<Money> },
    Dearer { permille: Interval<u64>, saved: Interval<Money> },
    Same,
    CannotBeTold { because: Vec<String> },
}

/// How a reason ends that is a missing price.
const NO_PRICE: &str = " has no price";

/// Why it cannot be told which is cheaper, in few words: prices that are missing are counted, where there are several. A report
/// names each beside its amount.
pub fn in_few_words(because: &[String]) -> String {
    let (missing, others): (Vec<&str>, Vec<&str>) =
        because.iter().map(String::as_str).partition(|one| one.ends_with(NO_PRICE));
    let missing = match missing[..] {
        [] => None,
        [only] => Some(only.to_owned()),
        _ => Some(format!("{} parts have no price", missing.len())),
    };
    others.into_iter().map(str::to_owned).chain(missing).collect::<Vec<_>>().join(", ")
}

/// One period.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PeriodCost {
    pub period: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<SideCost>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<SideCost>,
    /// Where both ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<CostVerdict>,
}

/// The middle of the paired ratios, new to old, in thousandths.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MedianRatio {
    pub pairs: usize,
    pub permille: Interval<u64>,
    /// Two ratios that were seen, between which the median is with at least 95 %.
    pub between: Interval<u64>,
}

/// Splits a migration's facts into priced runs, by period, then as the facts have them.
pub fn priced_runs(kept: &[&KeptRuns], prices: Option<&Prices>, explain: bool) -> Vec<PricedRun> {
    let mut by_period: BTreeMap<&str, Vec<&KeptRun>> = BTreeMap::new();
    for one in kept {
        by_period.entry(one.period.as_str()).or_default().extend(&one.runs);
    }
    let mut all = Vec::new();
    for (period, runs) in by_period {
        let counted = counted(&runs);
        for (at, run) in runs.iter().enumerate() {
            let priced = price_run(run, prices);
            all.push(PricedRun {
                period: period.to_owned(),
                facts: PricedFacts {
                    side: run.side,
                    system: run.system,
                    id: run.id.clone(),
                    name: run.name.clone(),
                    trigger: run.trigger,
                    outcome: run.outcome,
                    cause: run.cause.clone(),
                    seconds: seconds(run),
                    counts: counted.contains(&at),
                },
                cost: priced.sum,
                terms: if explain { priced.terms } else { Vec::new() },
            });
        }
    }
    all
}

/// Which of a period's runs count for its comparison: all but replays; where a side has only replays, of each name the last
/// that ended well.
fn counted(runs: &[&KeptRun]) -> BTreeSet<usize> {
    let mut counts = BTreeSet::new();
    for side in [RunSide::Old, RunSide::New] {
        let of_side = || runs.iter().enumerate().filter(move |(_, run)| run.side == side);
        let natural: Vec<usize> =
            of_side().filter(|(_, run)| run.trigger != RunTrigger::Replay).map(|(at, _)| at).collect();
        if !natural.is_empty() {
            counts.extend(natural);
            continue;
        }
        let mut last: BTreeMap<&str, (usize, &KeptRun)> = BTreeMap::new();
        for (at, run) in of_side().filter(|(_, run)| run.outcome == RunResult::Succeeded) {
            let is_later = last.get(run.name.as_str()).is_none_or(|(_, known)| known.started <= run.started);
            if is_later {
                last.insert(&run.name, (at, run));
            }
        }
        counts.extend(last.values().map(|(at, _)| *at));
    }
    counts
}

fn seconds(run: &KeptRun) -> Option<u64> {
    let (started, ended) = run.started.zip(run.ended)?;
    u64::try_from(ended.as_second() - started.as_second()).ok()
}

/// A migration's periods, the earliest first.
pub fn periods(kept: &[&KeptRuns], runs: &[PricedRun]) -> Vec<PeriodCost> {
    let spans = spans(kept);
    let mut by_period: BTreeMap<&str, [Vec<&PricedRun>; 2]> = BTreeMap::new();
    for run in runs {
        let sides = by_period.entry(run.period.as_str()).or_default();
        sides[usize::from(run.facts.side == RunSide::New)].push(run);
    }
    let one = |(period, [old, new]): (&str, [Vec<&PricedRun>; 2])| {
        let side = |side: RunSide, runs: &[&PricedRun]| side_cost(runs, |id| spans.get(&(period, side, id)).copied());
        let (old, new) = (side(RunSide::Old, &old), side(RunSide::New, &new));
        let verdict = old.as_ref().zip(new.as_ref()).map(|(old, new)| verdict(old, new));
        PeriodCost { period: period.to_owned(), old, new, verdict }
    };
    by_period.into_iter().map(one).collect()
}

/// When a run started and ended, in seconds since 1970.
type RunSpan = (i64, i64);

fn spans<'a>(kept: &[&'a KeptRuns]) -> BTreeMap<(&'a str, RunSide, &'a str), RunSpan> {
    let mut spans = BTreeMap::new();
    for one in kept {
        for run in &one.runs {
            if let Some((started, ended)) = run.started.zip(run.ended) {
                let key = (one.period.as_str(), run.side, run.id.as_str());
                spans.insert(key, (started.as_second(), ended.as_second()));
            }
        }
    }
    spans
}

fn side_cost(runs: &[&PricedRun], span: impl Fn(&str) -> Option<RunSpan>) -> Option<SideCost> {
    if runs.is_empty() {
        return None;
    }
    let counted: Vec<&PricedRun> = runs.iter().copied().filter(|run| run.facts.counts).collect();
    let apart: Vec<&CostSum> = runs.iter().filter(|run| !run.facts.counts).map(|run| &run.cost).collect();
    let failed = counted.iter().filter(|run| run.facts.outcome == RunResult::Failed);
    let failed = failed.map(|run| FailedPart { seconds: run.facts.seconds, cause: run.facts.cause.clone() }).collect();
    let spans: Option<Vec<RunSpan>> = counted.iter().map(|run| span(&run.facts.id)).collect();
    Some(SideCost {
        cost: CostSum::of(counted.iter().map(|run| &run.cost)),
        apart: (!apart.is_empty()).then(|| CostSum::of(apart)),
        runs: counted.len(),
        failed,
        replayed: runs.iter().all(|run| run.facts.trigger == RunTrigger::Replay),
        unfinished: !counted.iter().any(|run| run.facts.outcome == RunResult::Succeeded),
        seconds: spans.filter(|spans| !spans.is_empty()).map(covered),
    })
}

/// How many seconds are in at least one of them.
fn covered(mut spans: Vec<RunSpan>) -> u64 {
    spans.sort_unstable();
    let (mut total, mut until) = (0, i64::MIN);
    for (from, to) in spans {
        total += (to - from.max(until)).max(0);
        until = until.max(to);
    }
    u64::try_from(total).unwrap_or(0)
}

/// What can be said of a difference.
fn verdict(old: &SideCost, new: &SideCost) -> CostVerdict {
    let mut because: Vec<String> = Vec::new();
    for (side, words) in [(old, "the old one"), (new, "the new one")] {
        if side.runs == 0 || side.unfinished {
            because.push(format!("no run of {words} ended well"));
        }
        because.extend(side.cost.unpriced.iter().map(|one| format!("{}{NO_PRICE}", one.what)));
    }
    let (Some(old_cost), Some(new_cost)) = (old.cost.known(), new.cost.known()) else {
        return CostVerdict::CannotBeTold { because: once(because) };
    };
    if !because.is_empty() {
        return CostVerdict::CannotBeTold { because: once(because) };
    }
    let saved = Interval { low: old_cost.low - new_cost.high, high: old_cost.high - new_cost.low };
    if new_cost.is_below(&old_cost) {
        let permille = Interval { low: share(saved.low, old_cost.low, 0), high: share(saved.high, old_cost.high, 1) };
        CostVerdict::Cheaper { permille, saved }
    } else if old_cost.is_below(&new_cost) {
        let permille = Interval { low: share(-saved.high, old_cost.high, 0), high: share(-saved.low, old_cost.low, 1) };
        CostVerdict::Dearer { permille, saved }
    } else if old_cost.is_exact() && old_cost == new_cost {
        CostVerdict::Same
    } else {
        let reasons = old.cost.reasons.iter().chain(&new.cost.reasons).map(|reason| reason.short.clone());
        CostVerdict::CannotBeTold { because: once(reasons.collect()) }
    }
}

fn once(all: Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    all.into_iter().filter(|one| seen.insert(one.clone())).collect()
}

/// A share in thousandths, rounded down or up; the most there is where nothing is divided by.
fn share(part: Money, whole: Money, up: i128) -> u64 {
    let (part, whole) = (part.nanos().max(0), whole.nanos());
    if whole <= 0 {
        return if part == 0 { 0 } else { u64::MAX };
    }
    u64::try_from((part * 1000 + up * (whole - 1)) / whole).unwrap_or(u64::MAX)
}

/// The pairs of which something could be said by amounts: both sides known and ended well.
pub fn pairs(periods: &[PeriodCost]) -> Vec<(&PeriodCost, Interval<Money>, Interval<Money>)> {
    let pair = |one: &PeriodCost| {
        let (old, new) = one.old.as_ref().zip(one.new.as_ref())?;
        let is_whole = |side: &SideCost| side.runs > 0 && !side.unfinished;
        (is_whole(old) && is_whole(new)).then_some((old.cost.known()?, new.cost.known()?))
    };
    periods.iter().filter_map(|one| pair(one).map(|(old, new)| (one, old, new))).collect()
}

/// The middle of the paired ratios, from six pairs on, with two of those that were seen around it.
///
/// The median is between the k-th smallest and the k-th greatest of n with at least 1 − 2·P(X < k), X of n fair coins: free
/// of any distribution. Each end is taken of the ratios' own ends.
pub fn median_ratio(periods: &[PeriodCost]) -> Option<MedianRatio> {
    let mut pairs = pairs(periods);
    if pairs.len() > MOST_PAIRS {
        pairs.drain(..pairs.len() - MOST_PAIRS);
    }
    if pairs.len() < FEWEST_PAIRS {
        return None;
    }
    let mut lows: Vec<u64> = pairs.iter().map(|(_, old, new)| share(new.low, old.high, 0)).collect();
    let mut highs: Vec<u64> = pairs.iter().map(|(_, old, new)| share(new.high, old.low, 1)).collect();
    lows.sort_unstable();
    highs.sort_unstable();
    let n = pairs.len();
    let rank = order_rank(n)?;
    Some(MedianRatio {
        pairs: n,
        permille: Interval { low: *lows.get((n - 1) / 2)?, high: *highs.get(n / 2)? },
        between: Interval { low: *lows.get(rank)?, high: *highs.get(n - 1 - rank)? },
    })
}

/// How many of n, at either end, may be left out so that the rest has the median in it with 95 % at least. `None` where even
/// all of them do not.
fn order_rank(n: usize) -> Option<usize> {
    // 2 · Σ_{i<k} C(n, i) / 2^n ≤ 1/20, in whole numbers.
    let limit = 1_u128.checked_shl(u32::try_from(n).ok()?)?;
    let (mut term, mut sum, mut best) = (1_u128, 0_u128, None);
    for k in 0..n / 2 {
        sum += term;
        if sum > limit / 40 {
            break;
        }
        best = Some(k);
        term = term * (n - k) as u128 / (k as u128 + 1);
    }
    best
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
