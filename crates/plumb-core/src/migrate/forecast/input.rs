//! What a forecast is made of.

use super::calendar::{ScheduleTicks, WorkingDays};
use super::times::{SeenTimes, TimedStage};
use crate::migrate::stage::MigrationStage;
use jiff::Timestamp;
use jiff::civil::Date;
use std::collections::{BTreeMap, BTreeSet};

/// A pipeline as a forecast sees it.
#[derive(Clone, Debug)]
pub struct ForecastPipeline {
    /// The name of the Migration.
    pub name: String,
    pub wave: String,
    pub stage: MigrationStage,
    /// Since when; `None` if that is not known.
    pub since: Option<Timestamp>,
    /// How many of its last periods are equal, one after the other.
    pub passes: u32,
    /// How many comparisons it requires.
    pub required: u32,
    /// When its schedule comes round: how its periods come by themselves, and when it is cut over.
    pub ticks: Option<ScheduleTicks>,
    /// How long after a tick its period may be compared, in minutes.
    pub settles: u32,
    /// Whether past periods can be run again beside the old pipeline.
    pub replayable: bool,
    /// The wave's cutover date.
    pub cutover: Option<Date>,
    /// The grace period of what is old, in seconds.
    pub grace: u64,
    /// The first day on which what is old may go.
    pub not_before: Option<Date>,
}

impl ForecastPipeline {
    /// Comparisons that are missing.
    pub fn missing(&self) -> u32 {
        if self.stage < MigrationStage::Parity { self.required.saturating_sub(self.passes) } else { 0 }
    }
}

/// Everything that a forecast depends on.
#[derive(Clone, Debug)]
pub struct ForecastInput {
    /// The project and the target: a part of the seed.
    pub names: (String, String),
    pub now: Timestamp,
    /// In the order of waves: who works on the first ones first.
    pub pipelines: Vec<ForecastPipeline>,
    pub seen: SeenTimes,
    /// Working days that a stage takes: least, likely, most.
    pub ranges: BTreeMap<TimedStage, [f64; 3]>,
    pub people: u32,
    pub replays_at_once: u32,
    pub holidays: BTreeSet<Date>,
    /// The day by which it has to be done.
    pub by: Option<Date>,
    pub draws: u32,
    /// Pipelines that no Migration is about: they are not in it.
    pub outside: usize,
    /// What could not be read.
    pub unread: Vec<String>,
}

impl ForecastInput {
    /// The working days from now on.
    pub fn days(&self) -> WorkingDays {
        WorkingDays::from(self.now, &self.holidays)
    }

    /// The stages that some pipeline has before it.
    pub fn left(&self) -> BTreeSet<TimedStage> {
        let is_left = |stage: &TimedStage| self.pipelines.iter().any(|one| stage.is_left(one.stage));
        TimedStage::ALL.into_iter().filter(is_left).collect()
    }
}
