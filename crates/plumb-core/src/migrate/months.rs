//! What pictures of a board are made of: how long runs took, what they cost, which were late, and what failed, by period.

use crate::cost::Prices;
use crate::cost::facts::{KeptRuns, RunResult, RunSide, RunTrigger};
use crate::cost::price::{CostSum, RunCost, price_run};
use crate::cost::sla::{Punctuality, SlaSubject, deliveries};
use crate::diagnose::Diagnosis;
use crate::diagnose::result::RunOutcome;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use plumb_model::stats::{Interval, Money};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One period of a pipeline, on both sides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct BoardPeriod {
    pub period: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<BoardSide>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<BoardSide>,
}

/// What one side did for a period.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct BoardSide {
    /// From the start of its first run to the end of its last one; `None`: a time is not known, or it still runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
    /// What its runs cost; `None`: it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Interval<Money>>,
    pub succeeded: bool,
    /// Runs that failed for it.
    pub failed: u64,
    /// Whether all of it was replayed: replays wait for no input and no capacity.
    pub is_replay: bool,
    /// Whether it ended before the deadline; `None`: there is none, or it cannot be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_time: Option<bool>,
}

/// What a run costs, by what is known of prices.
pub type Priced<'a> = &'a dyn Fn(&KeptRuns, RunSide) -> Option<Interval<Money>>;

/// The periods of a pipeline, the earliest first. `deadlines`: how long after its tick each side has to be done.
pub fn board_periods(
    kept: &[KeptRuns],
    deadlines: [Option<SignedDuration>; 2],
    now: Timestamp,
    priced: Priced<'_>,
) -> Vec<BoardPeriod> {
    let mut all: BTreeMap<&str, BoardPeriod> = BTreeMap::new();
    for one in kept {
        let entry = all.entry(&one.period).or_default();
        entry.period.clone_from(&one.period);
        entry.old = side(one, RunSide::Old, deadlines[0], now, priced);
        entry.new = side(one, RunSide::New, deadlines[1], now, priced);
    }
    all.into_values().collect()
}

fn side(
    kept: &KeptRuns,
    side: RunSide,
    deadline: Option<SignedDuration>,
    now: Timestamp,
    priced: Priced<'_>,
) -> Option<BoardSide> {
    let runs = || kept.runs.iter().filter(move |run| run.side == side);
    runs().next()?;
    let ended: Option<Vec<Timestamp>> = runs().map(|run| run.ended).collect();
    let started: Option<Vec<Timestamp>> = runs().map(|run| run.started).collect();
    let first = started.and_then(|all| all.into_iter().min());
    let last = ended.and_then(|all| all.into_iter().max());
    let seconds = first.zip(last).and_then(|(first, last)| u64::try_from(last.as_second() - first.as_second()).ok());
    Some(BoardSide {
        seconds,
        cost: priced(kept, side),
        succeeded: runs().any(|run| run.outcome == RunResult::Succeeded),
        failed: runs().filter(|run| run.outcome == RunResult::Failed).count().try_into().unwrap_or(u64::MAX),
        is_replay: runs().all(|run| run.trigger == RunTrigger::Replay),
        on_time: deadline.and_then(|deadline| on_time(kept, side, deadline, now)),
    })
}

/// Whether every delivery of the schedule was in time: one that was late makes it late, and one that is not known not known.
fn on_time(kept: &KeptRuns, side: RunSide, deadline: SignedDuration, now: Timestamp) -> Option<bool> {
    let subject = SlaSubject { target: &kept.target, migration: &kept.migration, side };
    let all = deliveries(std::slice::from_ref(kept), subject);
    let of = all.iter().filter(|one| one.tick.is_some()).map(|one| one.punctuality(deadline, now));
    let all: Vec<Punctuality> = of.collect();
    match &all[..] {
        [] => None,
        all if all.contains(&Punctuality::Late) => Some(false),
        all if all.iter().all(|one| *one == Punctuality::OnTime) => Some(true),
        _ => None,
    }
}

/// What the runs of a side cost together; `None` where something of them has no price.
pub fn side_cost(kept: &KeptRuns, side: RunSide, prices: &Prices) -> Option<Interval<Money>> {
    let runs: Vec<RunCost> =
        kept.runs.iter().filter(|run| run.side == side).map(|run| price_run(run, Some(prices))).collect();
    // Of a run of which nothing is known there is nothing to price, which is not the same as nothing to pay.
    if runs.is_empty() || runs.iter().any(|run| run.terms.is_empty()) {
        return None;
    }
    CostSum::of(runs.iter().map(|run| &run.sum)).known()
}

/// How often a cause was seen, by month.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct BoardCause {
    /// The class of the catalogue; `null`: not known.
    pub class: Option<String>,
    pub total: u64,
    /// By month: `2026-09`.
    pub months: BTreeMap<String, u64>,
}

/// The causes of kept diagnoses, by the month in which the run began: those seen most first.
pub fn board_causes(diagnoses: &[Diagnosis]) -> Vec<BoardCause> {
    let mut all: BTreeMap<Option<&str>, BTreeMap<String, u64>> = BTreeMap::new();
    for one in diagnoses.iter().filter(|one| one.outcome == RunOutcome::Failed) {
        let Some(started) = one.started.or(one.ended) else { continue };
        let month = started.to_zoned(TimeZone::UTC).strftime("%Y-%m").to_string();
        *all.entry(one.cause.as_ref().map(|cause| cause.class.as_str())).or_default().entry(month).or_default() += 1;
    }
    let cause = |(class, months): (Option<&str>, BTreeMap<String, u64>)| BoardCause {
        class: class.map(str::to_owned),
        total: months.values().sum(),
        months,
    };
    let mut causes: Vec<BoardCause> = all.into_iter().map(cause).collect();
    causes.sort_by(|a, b| (b.total, &a.class).cmp(&(a.total, &b.class)));
    causes
}
