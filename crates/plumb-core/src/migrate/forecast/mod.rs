//! When a migration will be done: by draws over the stages that were seen, and ranges where few were.
//!
//! The same input gives the same forecast, byte by byte. More people, or shorter ranges, never make it later: see [`walk`].

pub mod calendar;
pub mod input;
pub mod levers;
pub mod of_project;
pub mod past;
pub mod periods;
pub mod times;
pub mod walk;

pub use input::{ForecastInput, ForecastPipeline};
pub use levers::ForecastLever;
pub use past::{PastForecast, past};
pub use periods::PeriodsInReach;
pub use times::TimedStage;

use crate::migrate::board::BoardForecast;
use crate::migrate::stage::MigrationStage;
use calendar::WorkingDays;
use jiff::Timestamp;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;
use times::StageTable;
use walk::{DrawnTimes, MigrationWalk, WalkEnd};

/// As many draws are made unless a forecast is asked for others.
pub const DRAWS: u32 = 20_000;
/// The most that can be asked for.
pub const MOST_DRAWS: u32 = 1_000_000;
/// With fewer stages that have finished, percentages would say more than is known.
pub const LEAST_FINISHED: usize = 10;
/// Waves, the fan and levers take the first of the draws.
const DETAILED: u32 = 1_000;
/// The steps of the fan, in percent of the pipelines.
const FAN_STEPS: u32 = 10;

/// What a forecast says.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Forecast {
    /// When it was made, or the time that it was made for.
    #[schemars(with = "String")]
    pub now: Timestamp,
    /// All pipelines, and those that are not done.
    pub pipelines: usize,
    pub left: usize,
    pub people: u32,
    pub replays_at_once: u32,
    /// How many stages have finished, of all pipelines together.
    pub finished_stages: usize,
    /// The day by which it has to be done.
    #[schemars(with = "Option<String>")]
    pub by: Option<Date>,
    pub outlook: Outlook,
    /// What each stage that is left rests on.
    pub rests_on: Vec<RestsOn>,
    /// Which periods come by themselves until the day.
    pub periods: Vec<PeriodsInReach>,
    /// When it would be done if no work took any time: periods, cutovers and grace periods alone.
    #[schemars(with = "Option<String>")]
    pub calendar_alone: Option<Date>,
    /// Pipelines that run and that no Migration is about: they are not in it.
    pub outside: usize,
    /// What could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<String>,
}

/// When it will be done.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Outlook {
    /// It is done.
    Done {
        #[schemars(with = "Option<String>")]
        since: Option<Date>,
    },
    /// Too few stages have finished for percentages: between every stage at its least and every stage at its most.
    Range { cut_over: DateRange, done: DateRange },
    /// By draws.
    Draws(Box<DrawnOutlook>),
}

/// Two days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DateRange {
    #[schemars(with = "String")]
    pub earliest: Date,
    #[schemars(with = "String")]
    pub latest: Date,
}

/// The outlook by draws.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DrawnOutlook {
    pub draws: u32,
    /// When the last wave is cut over.
    pub cut_over: ForecastDates,
    /// When nothing old is left.
    pub done: ForecastDates,
    /// In how many of the draws that is by the day.
    pub by: Option<ByChance>,
    pub waves: Vec<WaveForecast>,
    /// What moves it, the most first.
    pub levers: Vec<ForecastLever>,
    /// When how many pipelines are cut over.
    pub fan: Vec<FanStep>,
}

/// The days by which something is reached in 50, 85 and 95 % of the draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ForecastDates {
    #[schemars(with = "String")]
    pub p50: Date,
    #[schemars(with = "String")]
    pub p85: Date,
    #[schemars(with = "String")]
    pub p95: Date,
}

/// In how many draws it is done by a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ByChance {
    #[schemars(with = "String")]
    pub day: Date,
    pub draws_cut_over: u32,
    pub draws_done: u32,
}

/// When a wave is cut over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WaveForecast {
    pub wave: String,
    pub pipelines: usize,
    pub cut_over: ForecastDates,
}

/// When a share of all pipelines is cut over: a step of the fan in a burn-up chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FanStep {
    /// Of all pipelines, those included that are cut over already.
    pub percent: u32,
    /// How many that are.
    pub pipelines: usize,
    pub cut_over: ForecastDates,
}

/// What the times of a stage rest on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct RestsOn {
    pub stage: TimedStage,
    pub seen: usize,
    /// Where fewer than five were seen: working days, least, likely, most.
    pub range: Option<[f64; 3]>,
}

/// Why there is no forecast, and what would make one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoForecast {
    /// What is missing.
    pub missing: Vec<MissingInput>,
}

/// Something that a forecast needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MissingInput {
    /// Nothing was seen of a stage, and `forecast.days` of plumb.yaml has no range for it.
    Range(TimedStage),
    /// A pipeline waits for periods, and nothing says when they come.
    Schedule(String),
    /// There is no Migration.
    Pipelines,
}

/// Says when a migration will be done.
///
/// # Errors
/// It cannot be said, and why.
pub fn forecast(input: &ForecastInput) -> Result<Forecast, NoForecast> {
    if input.pipelines.is_empty() {
        return Err(NoForecast { missing: vec![MissingInput::Pipelines] });
    }
    let tables = tables(input)?;
    let left = input.pipelines.iter().filter(|one| one.stage < MigrationStage::TornDown).count();
    let finished_stages = input.seen.values().map(Vec::len).sum();
    let rests_on = |stage: &TimedStage| {
        let seen = input.seen.get(stage).map_or(0, Vec::len);
        RestsOn { stage: *stage, seen, range: input.ranges.get(stage).copied().filter(|_| seen < times::ENOUGH) }
    };
    let mut walk = MigrationWalk::of(input, &tables);
    let (outlook, calendar_alone) = if left == 0 {
        let last = input.pipelines.iter().map(|one| one.since).collect::<Option<Vec<_>>>();
        (Outlook::Done { since: last.and_then(|all| all.into_iter().max()).map(calendar::day_of) }, None)
    } else {
        let mut end = WalkEnd::default();
        walk.walk(&vec![[0; 6]; left], &mut end);
        let alone = walk.days().day(end.end);
        let outlook =
            if finished_stages < LEAST_FINISHED { range(&mut walk) } else { drawn(input, &tables, &mut walk) };
        (outlook, Some(alone))
    };
    Ok(Forecast {
        now: input.now,
        pipelines: input.pipelines.len(),
        left,
        people: input.people,
        replays_at_once: input.replays_at_once,
        finished_stages,
        by: input.by,
        outlook,
        rests_on: input.left().iter().map(rests_on).collect(),
        periods: periods::in_reach(input),
        calendar_alone,
        outside: input.outside,
        unread: input.unread.clone(),
    })
}

impl Forecast {
    /// What a board shows of it: the days by which all is cut over, as its burn-up counts. `None` without draws.
    pub fn for_board(&self) -> Option<BoardForecast> {
        let Outlook::Draws(drawn) = &self.outlook else { return None };
        let ForecastDates { p50, p85, p95 } = drawn.cut_over;
        let day = |day: Date| day.strftime("%-d %b %Y").to_string();
        let mut says = format!(
            "In 85 of 100 draws all is cut over by {}, and nothing old is left by {}",
            day(p85),
            day(drawn.done.p85)
        );
        if let Some(by) = drawn.by {
            let share = u64::from(by.draws_cut_over) * 100 / u64::from(drawn.draws.max(1));
            says.push_str(&format!("; in {share} of 100 it is cut over by {}", day(by.day)));
        }
        says.push_str(". `plumb migrate forecast` says why.");
        Some(BoardForecast { by: self.by, days: vec![p50, p85, p95], says })
    }
}

/// The times of each stage that is left.
fn tables(input: &ForecastInput) -> Result<BTreeMap<TimedStage, StageTable>, NoForecast> {
    let (mut tables, mut missing) = (BTreeMap::new(), Vec::new());
    for stage in input.left() {
        let seen = input.seen.get(&stage).map_or(&[][..], Vec::as_slice);
        match StageTable::of(seen, input.ranges.get(&stage).copied()) {
            Ok(table) => drop(tables.insert(stage, table)),
            Err(_) => missing.push(MissingInput::Range(stage)),
        }
    }
    let waits = input.pipelines.iter().filter(|one| one.missing() > 0 && !one.replayable && one.ticks.is_none());
    missing.extend(waits.map(|one| MissingInput::Schedule(one.name.clone())));
    if missing.is_empty() { Ok(tables) } else { Err(NoForecast { missing }) }
}

fn range(walk: &mut MigrationWalk) -> Outlook {
    let mut ends = [WalkEnd::default(), WalkEnd::default()];
    for (end, most) in ends.iter_mut().zip([false, true]) {
        let times = walk.extreme(most);
        walk.walk(&times, end);
    }
    let days = |of: fn(&WalkEnd) -> u32| DateRange {
        earliest: walk.days().day(of(&ends[0])),
        latest: walk.days().day(of(&ends[1])),
    };
    Outlook::Range { cut_over: days(|end| end.cut), done: days(|end| end.end) }
}

/// The ends of the first draws, and those of all.
struct Drawn {
    cuts: Vec<u32>,
    ends: Vec<u32>,
    /// By wave, then by draw.
    waves: Vec<Vec<u32>>,
    /// By pipelines cut over, then by draw.
    steps: Vec<Vec<u32>>,
}

fn run(walk: &mut MigrationWalk, draws: u32, detailed: u32) -> Drawn {
    let pipelines: Vec<usize> = walk.wave_of().collect();
    let mut drawn = Drawn {
        cuts: Vec::with_capacity(draws as usize),
        ends: Vec::with_capacity(draws as usize),
        waves: vec![Vec::new(); walk.waves.len()],
        steps: vec![Vec::new(); if detailed > 0 { pipelines.len() } else { 0 }],
    };
    let (mut times, mut end, mut sorted) = (DrawnTimes::new(), WalkEnd::default(), Vec::new());
    for draw in 0..draws {
        walk.draw(&mut times);
        walk.walk(&times, &mut end);
        drawn.cuts.push(end.cut);
        drawn.ends.push(end.end);
        if draw < detailed {
            for wave in &mut drawn.waves {
                wave.push(0);
            }
            for (cut, wave) in end.cuts.iter().zip(&pipelines) {
                let of = &mut drawn.waves[*wave][draw as usize];
                *of = (*of).max(*cut);
            }
            sorted.clone_from(&end.cuts);
            sorted.sort_unstable();
            drawn.steps.iter_mut().zip(&sorted).for_each(|(step, cut)| step.push(*cut));
        }
    }
    drawn
}

fn drawn(input: &ForecastInput, tables: &BTreeMap<TimedStage, StageTable>, walk: &mut MigrationWalk) -> Outlook {
    let draws = input.draws.clamp(1, MOST_DRAWS);
    let detailed = draws.min(DETAILED);
    let Drawn { mut cuts, mut ends, mut waves, mut steps } = run(walk, draws, detailed);
    let first = detailed as usize;
    let compared = levers::Compared {
        end: quantile(&mut ends[..first].to_vec(), 85),
        chance: levers::chance(&cuts[..first], walk.days(), input.by),
    };
    let levers = levers::of(input, tables, detailed, &compared);
    let days = walk.days();
    let by = input.by.map(|day| {
        let within = |ends: &[u32]| ends.iter().filter(|end| days.day(**end) <= day).count() as u32;
        ByChance { day, draws_cut_over: within(&cuts), draws_done: within(&ends) }
    });
    let of_wave = |(index, (name, ends)): (usize, (&String, &mut Vec<u32>))| WaveForecast {
        wave: name.clone(),
        pipelines: walk.wave_of().filter(|wave| *wave == index).count(),
        cut_over: dates(days, ends),
    };
    // A wave that is cut over has no date to come.
    let open: Vec<&str> =
        input.pipelines.iter().filter(|one| one.stage < MigrationStage::CutOver).map(|one| one.wave.as_str()).collect();
    let waves = walk.waves.iter().zip(&mut waves).enumerate().map(of_wave);
    let waves = waves.filter(|wave| open.contains(&wave.wave.as_str())).collect();
    let all = input.pipelines.len();
    let behind = all - steps.len();
    let cut_over = input.pipelines.iter().filter(|one| one.stage >= MigrationStage::CutOver).count();
    let percents = (1..=100 / FAN_STEPS).map(|step| step * FAN_STEPS);
    let fan = percents.filter_map(|percent| {
        let pipelines = (all * percent as usize).div_ceil(100);
        let step = steps.get_mut(pipelines.checked_sub(behind + 1)?).filter(|_| pipelines > cut_over)?;
        Some(FanStep { percent, pipelines, cut_over: dates(days, step) })
    });
    let fan = fan.collect();
    Outlook::Draws(Box::new(DrawnOutlook {
        draws,
        cut_over: dates(days, &mut cuts),
        done: dates(days, &mut ends),
        by,
        waves,
        levers,
        fan,
    }))
}

/// The value that so many percent of all are not above: one of them.
fn quantile(values: &mut [u32], percent: usize) -> u32 {
    let rank = (values.len() * percent).div_ceil(100).max(1);
    *values.select_nth_unstable(rank - 1).1
}

fn dates(days: &WorkingDays, ends: &mut [u32]) -> ForecastDates {
    let mut day = |percent| days.day(quantile(ends, percent));
    ForecastDates { p50: day(50), p85: day(85), p95: day(95) }
}

#[cfg(test)]
#[path = "forecast_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "calibration_tests.rs"]
mod calibration;
