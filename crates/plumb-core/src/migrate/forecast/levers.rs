//! What moves a forecast: the same draws with one input changed.

use super::calendar::{DAY, WorkingDays};
use super::input::ForecastInput;
use super::times::{StageTable, TimedStage};
use super::walk::MigrationWalk;
use super::{quantile, run};
use crate::migrate::stage::MigrationStage;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// Working days within which decisions would be answered.
const DECIDED_WITHIN: u32 = 2;
/// Chances that move by less are not told.
const LEAST_POINTS: i64 = 5;

/// One change of the input, and what it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ForecastLever {
    pub change: LeverChange,
    /// By how many days the day of 85 % of `done` moves; less than 0 is sooner.
    pub days: i64,
    /// In how many more of 100 draws all is cut over by the day. Dates keep to ticks, chances do not.
    pub points: i64,
}

/// What levers are compared with: as many of the same draws.
pub(super) struct Compared {
    /// The minute of 85 %.
    pub end: u32,
    /// How many of 100 are cut over by the day.
    pub chance: i64,
}

/// How many of 100 cutovers are not after a day.
pub(super) fn chance(cuts: &[u32], days: &WorkingDays, by: Option<Date>) -> i64 {
    let within = cuts.iter().filter(|cut| by.is_some_and(|by| days.day(**cut) <= by)).count();
    (within * 100 / cuts.len().max(1)) as i64
}

/// What is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LeverChange {
    /// One more works on it.
    OneMorePerson,
    /// One fewer.
    OneFewerPerson,
    /// Every decision is answered within two working days.
    DecisionsWithinTwoDays,
    /// One comparison fewer is required.
    OneComparisonFewer,
    /// Nothing is replayed.
    NoReplays,
    /// Every pipeline can replay past periods.
    ReplaysForAll,
    /// One more replay at once.
    OneMoreReplayAtOnce,
    /// No wave waits for its cutover date.
    NoCutoverDates,
}

impl LeverChange {
    const ALL: [LeverChange; 8] = [
        LeverChange::OneMorePerson,
        LeverChange::OneFewerPerson,
        LeverChange::DecisionsWithinTwoDays,
        LeverChange::OneComparisonFewer,
        LeverChange::NoReplays,
        LeverChange::ReplaysForAll,
        LeverChange::OneMoreReplayAtOnce,
        LeverChange::NoCutoverDates,
    ];

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            LeverChange::OneMorePerson => "+1 person",
            LeverChange::OneFewerPerson => "−1 person",
            LeverChange::DecisionsWithinTwoDays => "decisions answered within 2 days",
            LeverChange::OneComparisonFewer => "one comparison fewer",
            LeverChange::NoReplays => "no replays",
            LeverChange::ReplaysForAll => "`period` and `shadow` for every pipeline",
            LeverChange::OneMoreReplayAtOnce => "one more replay at once",
            LeverChange::NoCutoverDates => "no fixed cutover dates",
        }
    }

    /// The changed input; `None` where there is nothing to change.
    fn apply(
        self,
        input: &ForecastInput,
        tables: &BTreeMap<TimedStage, StageTable>,
    ) -> Option<(ForecastInput, BTreeMap<TimedStage, StageTable>)> {
        let (mut changed, mut tables) = (input.clone(), tables.clone());
        let waits = |one: &super::ForecastPipeline| one.missing() > 0;
        let replays = input.pipelines.iter().any(|one| waits(one) && one.replayable);
        let applies = match self {
            LeverChange::OneMorePerson => {
                changed.people += 1;
                true
            }
            LeverChange::OneFewerPerson => {
                changed.people -= 1;
                changed.people > 0
            }
            LeverChange::DecisionsWithinTwoDays => tables.get_mut(&TimedStage::Decide).is_some_and(|table| {
                *table = table.at_most(DECIDED_WITHIN * DAY);
                true
            }),
            LeverChange::OneComparisonFewer => {
                changed.pipelines.iter_mut().for_each(|one| one.required = one.required.saturating_sub(1));
                input.pipelines.iter().any(|one| waits(one) && one.required > 1)
            }
            LeverChange::NoReplays => {
                changed.pipelines.iter_mut().filter(|one| one.ticks.is_some()).for_each(|one| one.replayable = false);
                replays
            }
            LeverChange::ReplaysForAll => {
                changed.pipelines.iter_mut().for_each(|one| one.replayable = true);
                input.pipelines.iter().any(|one| waits(one) && !one.replayable)
            }
            LeverChange::OneMoreReplayAtOnce => {
                changed.replays_at_once += 1;
                replays
            }
            LeverChange::NoCutoverDates => {
                let open = |one: &super::ForecastPipeline| one.stage < MigrationStage::CutOver && one.cutover.is_some();
                let some = input.pipelines.iter().any(open);
                changed.pipelines.iter_mut().for_each(|one| one.cutover = None);
                some
            }
        };
        applies.then_some((changed, tables))
    }
}

/// What moves the day of 85 % by a day or more, or the chance by 5 of 100; the most first.
pub(super) fn of(
    input: &ForecastInput,
    tables: &BTreeMap<TimedStage, StageTable>,
    draws: u32,
    compared: &Compared,
) -> Vec<ForecastLever> {
    let day = |minute: u32| i64::from(minute / DAY);
    let one = |change: LeverChange| {
        let (changed, tables) = change.apply(input, tables)?;
        let mut walk = MigrationWalk::of(&changed, &tables);
        let mut drawn = run(&mut walk, draws, 0);
        let days = day(quantile(&mut drawn.ends, 85)) - day(compared.end);
        let points = chance(&drawn.cuts, walk.days(), input.by) - compared.chance;
        (days != 0 || points.abs() >= LEAST_POINTS).then_some(ForecastLever { change, days, points })
    };
    let mut levers: Vec<ForecastLever> = LeverChange::ALL.into_iter().filter_map(one).collect();
    levers.sort_by_key(|lever| std::cmp::Reverse((lever.days.abs(), lever.points.abs())));
    levers
}
