//! What moves a forecast: the same draws with one input changed.

use super::calendar::DAY;
use super::input::ForecastInput;
use super::times::{StageTable, TimedStage};
use super::walk::MigrationWalk;
use super::{quantile, run};
use crate::migrate::stage::MigrationStage;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// Working days within which decisions would be answered.
const DECIDED_WITHIN: u32 = 2;

/// One change of the input, and what it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ForecastLever {
    pub change: LeverChange,
    /// By how many days the day of 85 % moves; less than 0 is sooner.
    pub days: i64,
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

/// What moves the day of 85 % by a day or more, the most first; `compared` is that day, by as many of the same draws.
pub(super) fn of(
    input: &ForecastInput,
    tables: &BTreeMap<TimedStage, StageTable>,
    draws: u32,
    compared: u32,
) -> Vec<ForecastLever> {
    let day = |minute: u32| i64::from(minute / DAY);
    let one = |change: LeverChange| {
        let (changed, tables) = change.apply(input, tables)?;
        let mut walk = MigrationWalk::of(&changed, &tables);
        let mut ends = run(&mut walk, draws, 0).ends;
        let days = day(quantile(&mut ends, 85)) - day(compared);
        (days != 0).then_some(ForecastLever { change, days })
    };
    let mut levers: Vec<ForecastLever> = LeverChange::ALL.into_iter().filter_map(one).collect();
    levers.sort_by_key(|lever| std::cmp::Reverse(lever.days.abs()));
    levers
}
