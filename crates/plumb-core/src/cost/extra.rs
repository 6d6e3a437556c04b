//! What runs beside the old pipeline cost so far, and when that is earned back; what failed runs cost, by their cause; the
//! gate `cheaper`.

use super::book::Prices;
use super::compare::{CostVerdict, PeriodCost, PricedRun, in_few_words, pairs, periods, priced_runs};
use super::facts::{KeptRuns, RunResult, RunSide, RunTrigger};
use super::price::{CostSum, by_key};
use plumb_model::stats::{Interval, Money};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What running both costs so far.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExtraCost {
    /// The new pipeline's runs in periods of which the old one ran too, and all replays.
    pub cost: CostSum,
    /// What a period saves, of those that were compared: from the least to the most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved: Option<Interval<Money>>,
    /// After how many periods it is earned back, where every compared period was cheaper.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub periods: Option<Interval<u64>>,
}

/// What failed runs of a cause cost.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CauseCost {
    /// The class of `plumb diagnose`; `None` where no diagnosis says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    pub side: RunSide,
    pub runs: usize,
    /// The migrations of which they are.
    pub migrations: BTreeSet<String>,
    /// How long they ran, of those of which it is known.
    pub seconds: u64,
    pub cost: CostSum,
}

/// What running both costs so far. `None` where nothing ran beside the old pipeline.
pub fn extra(periods: &[PeriodCost], runs: &[PricedRun]) -> Option<ExtraCost> {
    let both: BTreeSet<&str> =
        periods.iter().filter(|one| one.old.is_some() && one.new.is_some()).map(|one| one.period.as_str()).collect();
    let is_extra = |run: &&PricedRun| {
        run.facts.side == RunSide::New
            && (both.contains(run.period.as_str()) || run.facts.trigger == RunTrigger::Replay)
    };
    let beside: Vec<&CostSum> = runs.iter().filter(is_extra).map(|run| &run.cost).collect();
    if beside.is_empty() {
        return None;
    }
    let cost = CostSum::of(beside);
    let saved = pairs(periods)
        .into_iter()
        .map(|(_, old, new)| Interval { low: old.low - new.high, high: old.high - new.low })
        .reduce(|all, one| all.hull(&one));
    let periods = match (cost.known(), saved) {
        (Some(cost), Some(saved)) if saved.low > Money::ZERO => {
            let times = |cost: Money, saved: Money| {
                u64::try_from((cost.nanos() + saved.nanos() - 1) / saved.nanos()).unwrap_or(u64::MAX)
            };
            Some(Interval { low: times(cost.low, saved.high), high: times(cost.high, saved.low) })
        }
        _ => None,
    };
    Some(ExtraCost { cost, saved, periods })
}

/// What failed runs cost, by their cause and side, the dearest first. `runs` are of the migration that is named beside.
pub fn by_cause(runs: &[(&str, &PricedRun)]) -> Vec<CauseCost> {
    let failed: Vec<&(&str, &PricedRun)> =
        runs.iter().filter(|(_, run)| run.facts.outcome == RunResult::Failed).collect();
    let key = |run: &PricedRun| (run.facts.cause.clone(), run.facts.side);
    let sums = by_key(failed.iter().map(|(_, run)| (key(run), &run.cost)));
    let mut about: BTreeMap<_, (usize, u64, BTreeSet<String>)> = BTreeMap::new();
    for (migration, run) in failed {
        let (count, seconds, migrations) = about.entry(key(run)).or_default();
        *count += 1;
        *seconds += run.facts.seconds.unwrap_or(0);
        migrations.insert((*migration).to_owned());
    }
    let one = |((cause, side), cost): ((Option<String>, RunSide), CostSum)| {
        let (runs, seconds, migrations) = about.remove(&(cause.clone(), side)).unwrap_or_default();
        CauseCost { cause, side, runs, migrations, seconds, cost }
    };
    let mut all: Vec<CauseCost> = sums.into_iter().map(one).collect();
    all.sort_by(|a, b| {
        b.cost.priced.high.cmp(&a.cost.priced.high).then_with(|| (&a.cause, a.side).cmp(&(&b.cause, b.side)))
    });
    all
}

/// Whether a migration may be called cheaper, and what there is to say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cheaper {
    pub holds: bool,
    pub says: String,
}

/// The gate `cheaper`: whether the new pipeline was cheaper in every period of which both sides are priced, and in one at
/// least. `kept` may hold facts of other migrations and targets: they are passed over.
pub fn is_cheaper(kept: &[KeptRuns], target: &str, migration: &str, prices: Result<Option<&Prices>, &str>) -> Cheaper {
    let waits = |says: String| Cheaper { holds: false, says };
    let prices = match prices {
        Ok(Some(prices)) => prices,
        Ok(None) => return waits("not known: there is no price book; `plumb prices fetch` writes one".to_owned()),
        Err(why) => return waits(format!("not known: {why}")),
    };
    let own: Vec<&KeptRuns> = kept.iter().filter(|one| one.migration == migration && one.target == target).collect();
    let runs = priced_runs(&own, Some(prices), false);
    let periods = periods(&own, &runs);
    let both: Vec<(&str, &CostVerdict)> =
        periods.iter().filter_map(|one| Some((one.period.as_str(), one.verdict.as_ref()?))).collect();
    let Some((last, _)) = both.last() else {
        return waits(
            "not known: evidence/runs has no period of which both ran; `plumb cost --keep` keeps them".to_owned(),
        );
    };
    for (period, verdict) in &both {
        match verdict {
            CostVerdict::Cheaper { .. } => {}
            CostVerdict::Dearer { permille, .. } => {
                return waits(format!("{period} was dearer, by {} at least", percent(permille.low)));
            }
            CostVerdict::Same => return waits(format!("{period} cost the same")),
            CostVerdict::CannotBeTold { because } => {
                return waits(format!("{period} cannot be told, because: {}", in_few_words(because)));
            }
        }
    }
    let count = both.len();
    Cheaper { holds: true, says: format!("{count} of {count} compared periods were cheaper, the last one of {last}") }
}

/// `18 %`, and tenths below ten: `4.2 %`.
pub fn percent(permille: u64) -> String {
    if permille < 100 && !permille.is_multiple_of(10) {
        format!("{}.{} %", permille / 10, permille % 10)
    } else {
        format!("{} %", permille / 10)
    }
}
