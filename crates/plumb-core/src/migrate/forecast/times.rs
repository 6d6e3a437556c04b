//! How long the stages took, and what that says of the next ones.

use super::calendar::{DAY, WorkingDays, day_of};
use crate::migrate::stage::{MigrationStage, StageDates};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use plumb_model::stats::draw::{SeededDraws, pick, triangular};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// From so many on, stages that were seen are enough without a range.
pub const ENOUGH: usize = 5;
/// The steps in which a range is drawn; a multiple of [`ENOUGH`].
const STEPS: usize = 1000;
/// Of more stages than this, each draw takes so many.
const MOST_SAMPLED: usize = 128;

/// A stage that takes a time of its own. What is between is calendar: the parallel run, the cutover, the grace period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TimedStage {
    /// Until it is inventoried.
    Inventory,
    /// Until its manifests are translated.
    Translate,
    /// Until no decision is open. Others answer: it needs nobody of the people who work on the migration.
    Decide,
    /// Until it is live.
    Deploy,
    /// From the periods that both sides ran until they are equal.
    Parity,
    /// From the end of the grace period until nothing old is left. Nobody works on it all the time.
    Teardown,
}

impl TimedStage {
    /// All of them, in their order.
    pub const ALL: [TimedStage; 6] = [
        TimedStage::Inventory,
        TimedStage::Translate,
        TimedStage::Decide,
        TimedStage::Deploy,
        TimedStage::Parity,
        TimedStage::Teardown,
    ];

    /// Its key in `forecast.days` of plumb.yaml.
    pub fn key(self) -> &'static str {
        match self {
            TimedStage::Inventory => "inventory",
            TimedStage::Translate => "translate",
            TimedStage::Decide => "decide",
            TimedStage::Deploy => "deploy",
            TimedStage::Parity => "parity",
            TimedStage::Teardown => "teardown",
        }
    }

    /// The stage of the board that it begins with, and the one that ends it.
    pub fn ends(self) -> (MigrationStage, MigrationStage) {
        match self {
            TimedStage::Inventory => (MigrationStage::Seen, MigrationStage::Inventoried),
            TimedStage::Translate => (MigrationStage::Inventoried, MigrationStage::Translated),
            TimedStage::Decide => (MigrationStage::Translated, MigrationStage::Decided),
            TimedStage::Deploy => (MigrationStage::Decided, MigrationStage::Deployed),
            TimedStage::Parity => (MigrationStage::InParallel, MigrationStage::Parity),
            TimedStage::Teardown => (MigrationStage::Marked, MigrationStage::TornDown),
        }
    }

    /// Whether it takes one of the people who work on the migration.
    pub fn is_work(self) -> bool {
        !matches!(self, TimedStage::Decide | TimedStage::Teardown)
    }

    /// Whether a pipeline at that stage of the board still has it before it.
    pub fn is_left(self, stage: MigrationStage) -> bool {
        stage < self.ends().1
    }
}

/// What was seen of the stages, in working minutes.
pub type SeenTimes = BTreeMap<TimedStage, Vec<u32>>;

/// When a pipeline reached its stages, and what else says how long they took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeenStages {
    pub dates: StageDates,
    /// When as many periods were run on both sides as are compared: from then on `parity` counts. `None`: not known.
    pub complete: Option<Timestamp>,
    /// The grace period of what is old, in seconds: `teardown` counts from its end.
    pub grace: u64,
}

impl SeenStages {
    /// When a stage began and when it ended, as far as both are known.
    fn ends(&self, stage: TimedStage) -> Option<(Timestamp, Timestamp)> {
        let (begin, end) = stage.ends();
        let begin = match stage {
            TimedStage::Parity => self.complete?,
            TimedStage::Teardown => {
                let grace = i64::try_from(self.grace).ok()?;
                self.dates.reached.get(&begin)?.checked_add(SignedDuration::from_secs(grace)).ok()?
            }
            _ => *self.dates.reached.get(&begin)?,
        };
        let end = *self.dates.reached.get(&end)?;
        // What was first seen by its manifest tells nothing of how long it took to write one.
        (stage != TimedStage::Inventory || begin < end).then_some((begin, end))
    }
}

/// How long stages took, rising.
///
/// Stages that people work on are not counted while they wait for them: with two people, the third of them began when the
/// first was done at the earliest. The people are those of plumb.yaml, whatever a forecast is asked for.
pub fn seen_times(all: &[SeenStages], people: u32, holidays: &BTreeSet<Date>) -> SeenTimes {
    let Some(first) = all.iter().flat_map(|one| one.dates.reached.values()).min() else { return SeenTimes::new() };
    let days = WorkingDays::since(day_of(*first), holidays);
    let (mut seen, mut work) = (SeenTimes::new(), Vec::new());
    for one in all {
        for stage in TimedStage::ALL {
            let Some((begin, end)) = one.ends(stage) else { continue };
            let [begin, end] = [begin, end].map(|at| days.worked(days.minutes(at)));
            if stage.is_work() {
                work.push((end, begin, one.dates.migration.as_str(), stage));
            } else {
                seen.entry(stage).or_default().push(end.saturating_sub(begin));
            }
        }
    }
    // In the order in which they ended.
    work.sort_unstable();
    let people = people.max(1) as usize;
    for (index, (end, begin, _, stage)) in work.iter().enumerate() {
        let free = index.checked_sub(people).map_or(0, |before| work[before].0);
        seen.entry(*stage).or_default().push(end.saturating_sub(free.max(*begin)));
    }
    seen.values_mut().for_each(|times| times.sort_unstable());
    seen
}

/// Why a stage cannot be drawn: nothing was seen of it, and no range is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NothingKnown;

/// The times of a stage as they are drawn, in working minutes, rising: a share of one picks one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageTable {
    times: Vec<u32>,
    /// How many stages that were seen it rests on, at least [`ENOUGH`]: a range counts as much as these.
    rests_on: usize,
    /// The least of what is drawn.
    pub least: u32,
    /// The most.
    pub most: u32,
}

impl StageTable {
    /// That of what was seen and of a range in working days: five that were seen are enough; of fewer, each counts a fifth, and
    /// the range the rest.
    ///
    /// # Errors
    /// Neither is there.
    pub fn of(seen: &[u32], range: Option<[f64; 3]>) -> Result<StageTable, NothingKnown> {
        let mut times = match range.filter(|_| seen.len() < ENOUGH) {
            Some(range) => {
                let steps = STEPS / ENOUGH * (ENOUGH - seen.len());
                let minutes = |step: usize| {
                    let share = (step as f64 + 0.5) / steps as f64;
                    (triangular(range, share) * f64::from(DAY)).round() as u32
                };
                let seen = seen.iter().flat_map(|time| std::iter::repeat_n(*time, STEPS / ENOUGH));
                (0..steps).map(minutes).chain(seen).collect()
            }
            None => with_ends(seen),
        };
        times.sort_unstable();
        let (Some(least), Some(most)) = (times.first().copied(), times.last().copied()) else {
            return Err(NothingKnown);
        };
        Ok(StageTable { times, rests_on: seen.len().clamp(ENOUGH, MOST_SAMPLED), least, most })
    }

    /// No time longer than this.
    pub fn at_most(&self, most: u32) -> StageTable {
        let times = self.times.iter().map(|time| (*time).min(most)).collect();
        StageTable { times, least: self.least.min(most), most: self.most.min(most), ..*self }
    }

    /// What a draw takes for what was seen. Each draw has another one, with repetitions: that few were seen makes a forecast
    /// uncertain for all pipelines together, and no number of pipelines evens that out.
    pub fn sample(&self, draws: &mut SeededDraws, sample: &mut Vec<u32>) {
        sample.clear();
        sample.extend((0..self.rests_on).map(|_| self.times[pick(draws.share(), self.times.len())]));
    }
}

/// What was seen, one that is longer, and one that is shorter: the longest and the shortest of n are no ends of what there is. Of
/// what lies evenly between 0 and an end, that end is where the longest of n and an n-th part of it are.
fn with_ends(seen: &[u32]) -> Vec<u32> {
    let count = u32::try_from(seen.len()).unwrap_or(u32::MAX);
    let longer = seen.iter().max().map(|longest| longest.saturating_add(longest / count));
    let shorter = seen.iter().min().map(|shortest| shortest - shortest / count);
    seen.iter().copied().chain(longer).chain(shorter).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const NONE: [f64; 3] = [1.0, 2.0, 4.0];

    #[test]
    fn five_that_were_seen_need_no_range() {
        let five = [1, 2, 3, 4, 5];
        assert_eq!(StageTable::of(&five, Some(NONE)), StageTable::of(&five, None));
        assert_eq!(StageTable::of(&[], None), Err(NothingKnown));
        let few = StageTable::of(&[9 * DAY, 9 * DAY], Some(NONE)).unwrap();
        let of_seen = few.times.iter().filter(|time| **time == 9 * DAY).count();
        assert_eq!((few.times.len(), of_seen, few.most), (1000, 400, 9 * DAY));
        assert_eq!(few.at_most(2 * DAY).most, 2 * DAY);
        let only = StageTable::of(&[], Some(NONE)).unwrap();
        assert!(
            only.least >= DAY && only.least < DAY + 100 && only.most > 4 * DAY - 100 && only.most <= 4 * DAY,
            "{} {}",
            only.least,
            only.most
        );
        assert_eq!(StageTable::of(&[8, 4], None).unwrap().times, [2, 4, 8, 12]);
    }

    #[test]
    fn waiting_for_people_is_not_work() {
        let at = |text: &str| format!("{text}T12:00:00Z").parse().unwrap();
        let one = |name: &str, translated: &str| {
            let reached =
                [(MigrationStage::Inventoried, at("2026-11-02")), (MigrationStage::Translated, at(translated))];
            let dates = StageDates { migration: name.into(), wave: None, reached: reached.into() };
            SeenStages { dates, ..SeenStages::default() }
        };
        // One person did them one after the other, in two days each; two of them at once.
        let dates = [one("a", "2026-11-04"), one("b", "2026-11-06"), one("c", "2026-11-10")];
        let seen = |people| seen_times(&dates, people, &BTreeSet::new())[&TimedStage::Translate].clone();
        assert_eq!(seen(1), [2 * DAY, 2 * DAY, 2 * DAY]);
        assert_eq!(seen(2), [2 * DAY, 4 * DAY, 4 * DAY]);
        assert_eq!(seen(3), [2 * DAY, 4 * DAY, 6 * DAY]);
    }

    #[test]
    fn decisions_wait_for_nobody_here_and_a_grace_period_is_no_stage() {
        let at = |text: &str| format!("{text}T12:00:00Z").parse().unwrap();
        let reached = [
            (MigrationStage::Translated, at("2026-11-02")),
            (MigrationStage::Decided, at("2026-11-05")),
            (MigrationStage::InParallel, at("2026-11-05")),
            (MigrationStage::Parity, at("2026-11-09")),
            (MigrationStage::Marked, at("2026-11-09")),
            (MigrationStage::TornDown, at("2026-11-18")),
        ];
        let dates = StageDates { migration: "a".into(), wave: None, reached: reached.into() };
        let one = |complete, days: u64| SeenStages { dates: dates.clone(), complete, grace: days * 86_400 };
        let seen = seen_times(&[one(Some(at("2026-11-06")), 7), one(None, 0)], 1, &BTreeSet::new());
        assert_eq!(seen[&TimedStage::Decide], [3 * DAY, 3 * DAY]);
        assert_eq!(seen[&TimedStage::Teardown], [2 * DAY, 7 * DAY]);
        assert_eq!(seen[&TimedStage::Parity], [DAY]);
        assert_eq!(seen.len(), 3);
        assert!(seen_times(&[], 1, &BTreeSet::new()).is_empty());
    }
}
