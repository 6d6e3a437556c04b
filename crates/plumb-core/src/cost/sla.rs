//! Whether pipelines were done in time: shares with an exact bound, durations as they were seen, and nothing that was not.
//!
//! What is counted is a delivery: all runs of one side for one tick of the schedule, retries and waiting included. Replays and
//! runs that somebody started have no tick and wait for nothing, so they are counted apart, from their own start.

use super::facts::{KeptRun, KeptRuns, RunResult, RunSide, RunTrigger};
use jiff::{SignedDuration, Timestamp};
use plumb_model::stats::{SeenValues, exact};
use plumb_model::text::seconds;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Whose deliveries are looked at.
#[derive(Clone, Copy, Debug)]
pub struct SlaSubject<'a> {
    pub target: &'a str,
    /// The name of the Migration.
    pub migration: &'a str,
    pub side: RunSide,
}

/// All that one side did for a tick, or for a replay of a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// `2026-09`.
    pub period: String,
    /// What its deadline counts from; `None` of a replay and of what somebody started.
    pub tick: Option<Timestamp>,
    pub is_replay: bool,
    /// When its first run started.
    pub started: Option<Timestamp>,
    /// When its last run ended, once each of them did.
    pub ended: Option<Timestamp>,
    /// How the last run of each of its jobs ended, together.
    pub result: RunResult,
}

/// Whether a delivery was in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Punctuality {
    OnTime,
    /// It ended too late, it failed, or it has not ended although it was due.
    Late,
    /// It is under way, and not due yet.
    Open,
    /// When it ended, how, or from when on it counts is not known.
    Unknown,
}

/// How many deliveries were in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OnTimeShare {
    pub good: u64,
    pub of: u64,
    /// With 95 % confidence the true share is not below this: the exact one-sided bound (Clopper and Pearson).
    pub at_least_percent: u8,
}

/// How long deliveries took, in seconds: values that were seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SeenDurations {
    pub count: usize,
    pub shortest: u64,
    pub middle: u64,
    pub longest: u64,
    /// Of 20 and more only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p95: Option<u64>,
    /// The next one takes longer than the longest once in so many.
    pub next_longer_once_in: usize,
}

/// What is known of one side's punctuality.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SideSla {
    /// Deliveries that the schedule started; `None` without a deadline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_time: Option<OnTimeShare>,
    /// Replays and what somebody started, by how long they took from their own start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apart: Option<OnTimeShare>,
    /// How long those of the schedule took that ended well, from their first start to their last end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub took: Option<SeenDurations>,
    /// The same of replays and of what somebody started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub took_apart: Option<SeenDurations>,
    /// From the tick to the last end, waiting included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_tick: Option<SeenDurations>,
    /// How many are under way and not due.
    pub open: u64,
    /// Of how many it is not known.
    pub unknown: u64,
}

/// What a gate asks, answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlaVerdict {
    pub holds: bool,
    pub says: String,
}

/// The deadline of a DAG as its manifest has it: `6h`.
pub fn deadline_of(spec: &serde_json::Value) -> Option<(String, SignedDuration)> {
    let text = spec.get("deadline")?.as_str()?;
    Some((text.to_owned(), SignedDuration::from_secs(seconds(text)?.try_into().ok()?)))
}

/// The deliveries of one side, the oldest first.
pub fn deliveries(kept: &[KeptRuns], subject: SlaSubject<'_>) -> Vec<Delivery> {
    let mut all = Vec::new();
    let of = kept.iter().filter(|one| one.target == subject.target && one.migration == subject.migration);
    for one in of {
        let runs: Vec<&KeptRun> = one.runs.iter().filter(|run| run.side == subject.side).collect();
        let (replays, others): (Vec<&KeptRun>, Vec<&KeptRun>) =
            runs.into_iter().partition(|run| run.trigger == RunTrigger::Replay);
        if !replays.is_empty() {
            all.push(delivery(&one.period, None, true, &replays));
        }
        let ticks: BTreeSet<Timestamp> =
            others.iter().filter(|run| run.trigger != RunTrigger::Manual).filter_map(|run| run.tick).collect();
        let mut by_tick: BTreeMap<Option<Timestamp>, Vec<&KeptRun>> = BTreeMap::new();
        for run in others {
            // What somebody started again belongs to the tick before it.
            let own = run.tick.filter(|tick| ticks.contains(tick));
            let before = || run.started.and_then(|started| ticks.range(..=started).next_back().copied());
            by_tick.entry(own.or_else(before)).or_default().push(run);
        }
        all.extend(by_tick.into_iter().map(|(tick, runs)| delivery(&one.period, tick, false, &runs)));
    }
    all.sort_by(|a, b| (a.begin(), &a.period).cmp(&(b.begin(), &b.period)));
    all
}

fn delivery(period: &str, tick: Option<Timestamp>, is_replay: bool, runs: &[&KeptRun]) -> Delivery {
    let mut last: BTreeMap<&str, &KeptRun> = BTreeMap::new();
    for run in runs {
        let known = last.entry(run.name.as_str()).or_insert(run);
        if (run.started, &run.id) > (known.started, &known.id) {
            *known = run;
        }
    }
    let counts = if is_replay { last.values().copied().collect() } else { runs.to_vec() };
    let worst = |result: RunResult| match result {
        RunResult::Failed => 4,
        RunResult::Cancelled => 3,
        RunResult::Unknown => 2,
        RunResult::Running => 1,
        RunResult::Succeeded => 0,
    };
    let result = last.values().map(|run| run.outcome).max_by_key(|result| worst(*result)).unwrap_or(RunResult::Unknown);
    let ends: Option<Vec<Timestamp>> = last.values().map(|run| run.ended).collect();
    Delivery {
        period: period.to_owned(),
        tick,
        is_replay,
        started: counts.iter().filter_map(|run| run.started).min(),
        ended: ends.and_then(|ends| ends.into_iter().max()),
        result,
    }
}

impl Delivery {
    /// What a deadline counts from: the tick, or its own start where there is none.
    pub fn begin(&self) -> Option<Timestamp> {
        self.tick.or(self.started)
    }

    /// Whether it was in time, at an instant.
    pub fn punctuality(&self, deadline: SignedDuration, now: Timestamp) -> Punctuality {
        let Some(due) = self.begin().and_then(|begin| begin.checked_add(deadline).ok()) else {
            return Punctuality::Unknown;
        };
        match (self.result, self.ended) {
            (RunResult::Failed | RunResult::Cancelled, _) => Punctuality::Late,
            (RunResult::Succeeded, Some(ended)) if ended <= due => Punctuality::OnTime,
            (RunResult::Succeeded, Some(_)) => Punctuality::Late,
            (RunResult::Running, _) if now <= due => Punctuality::Open,
            (RunResult::Running, _) => Punctuality::Late,
            (RunResult::Succeeded | RunResult::Unknown, _) => Punctuality::Unknown,
        }
    }

    /// How long it took from an instant on, if it ended well.
    fn since(&self, begin: Option<Timestamp>) -> Option<u64> {
        let ended = self.ended.filter(|_| self.result == RunResult::Succeeded)?;
        u64::try_from(ended.duration_since(begin?).as_secs()).ok()
    }
}

impl OnTimeShare {
    /// So many of so many.
    pub fn of(good: u64, of: u64) -> OnTimeShare {
        OnTimeShare { good, of, at_least_percent: exact::percent(exact::lower_bound(good, of)) }
    }

    /// `9 of 12 (at least 47 %)`.
    pub fn says(&self) -> String {
        format!("{} of {} (at least {} %)", self.good, self.of, self.at_least_percent)
    }
}

impl SeenDurations {
    /// `None` of none.
    pub fn of(seconds: impl IntoIterator<Item = u64>) -> Option<SeenDurations> {
        let seen = SeenValues::of(seconds)?;
        Some(SeenDurations {
            count: seen.count(),
            shortest: seen.least(),
            middle: seen.middle(),
            longest: seen.greatest(),
            p95: seen.p95(),
            next_longer_once_in: seen.next_is_greater_once_in(),
        })
    }

    /// `5:12 … 8:10, middle 5:50`; of one and of two there is no middle, and all are named.
    pub fn says(&self) -> String {
        let ends = format!("{} … {}", clock(self.shortest), clock(self.longest));
        match self.count {
            1 => clock(self.longest),
            2 | 3 => format!("{ends} (all {})", self.count),
            _ => format!("{ends}, middle {}", clock(self.middle)),
        }
    }
}

/// What is known of one side, with a deadline or without.
pub fn side(kept: &[KeptRuns], subject: SlaSubject<'_>, deadline: Option<SignedDuration>, now: Timestamp) -> SideSla {
    let all = deliveries(kept, subject);
    let mut sla = SideSla::default();
    let (scheduled, apart): (Vec<&Delivery>, Vec<&Delivery>) = all.iter().partition(|one| one.tick.is_some());
    let durations = |of: &[&Delivery]| SeenDurations::of(of.iter().filter_map(|one| one.since(one.started)));
    (sla.took, sla.took_apart) = (durations(&scheduled), durations(&apart));
    sla.after_tick = SeenDurations::of(scheduled.iter().filter_map(|one| one.since(one.tick)));
    let Some(deadline) = deadline else { return sla };
    let mut shares = [(0, 0); 2];
    for (share, of) in shares.iter_mut().zip([&scheduled, &apart]) {
        for one in of {
            match one.punctuality(deadline, now) {
                Punctuality::OnTime => *share = (share.0 + 1, share.1 + 1),
                Punctuality::Late => share.1 += 1,
                Punctuality::Open => sla.open += 1,
                Punctuality::Unknown => sla.unknown += 1,
            }
        }
    }
    let [on_time, apart] = shares.map(|(good, of)| (of > 0).then(|| OnTimeShare::of(good, of)));
    (sla.on_time, sla.apart) = (on_time, apart);
    sla
}

/// Whether the last `wanted` kept runs of the new side were in time, one after the other: the gate `onTime` of a cutover.
///
/// Until it is cut over the new side is started by replays and by hand, so these count, from their own start. What is under
/// way and not due is passed over; what is not known does not hold.
pub fn on_time(
    kept: &[KeptRuns],
    (target, migration): (&str, &str),
    deadline: Option<&(String, SignedDuration)>,
    wanted: u32,
    now: Timestamp,
) -> SlaVerdict {
    let Some((written, deadline)) = deadline else {
        let says = "no DAG of the new pipeline has a `deadline`, so nothing can be in time".to_owned();
        return SlaVerdict { holds: false, says };
    };
    let mut last = Vec::new();
    for one in deliveries(kept, SlaSubject { target, migration, side: RunSide::New }).into_iter().rev() {
        match one.punctuality(*deadline, now) {
            Punctuality::Open => {}
            _ if last.len() >= wanted as usize => break,
            found => last.push((one, found)),
        }
    }
    let good = last.iter().take_while(|(_, found)| *found == Punctuality::OnTime).count();
    let of_none = if last.is_empty() { "; none is kept, `plumb cost --keep` keeps them" } else { "" };
    let mut says = format!("{good} of the last {wanted} kept runs ended within {written}{of_none}");
    let apart = last.iter().take(good).filter(|(one, _)| one.tick.is_none()).count();
    if apart > 0 {
        says.push_str(&format!(", {apart} of them replays or started by hand, counted from their start"));
    }
    match last.get(good) {
        Some((one, Punctuality::Unknown)) => says.push_str(&format!("; of {} it is not known", one.period)),
        Some((one, _)) => says.push_str(&format!("; {} was late", one.period)),
        None => {}
    }
    SlaVerdict { holds: good >= wanted as usize, says }
}

/// `5:12`: hours and minutes, rounded up to the minute, so that nothing seems shorter than it was.
pub fn clock(seconds: u64) -> String {
    let minutes = seconds.div_ceil(60);
    format!("{}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
#[path = "sla_tests.rs"]
mod tests;
