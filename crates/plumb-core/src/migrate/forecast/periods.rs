//! How many periods come by themselves until a day, and what replays change: the arithmetic of "six weeks".

use super::calendar::DAY;
use super::input::{ForecastInput, ForecastPipeline};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// Pipelines whose periods come equally often, and that need equally many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PeriodsInReach {
    /// The names of their Migrations.
    pub migrations: Vec<String>,
    /// How many days lie between two periods, on average; `None` where nothing says when they come.
    pub every_days: Option<u32>,
    /// How many come until the day.
    pub natural: u32,
    /// How many have to be compared yet.
    pub missing: u32,
    /// Whether past periods can be replayed.
    pub replayable: bool,
}

impl PeriodsInReach {
    /// How many have to be replayed for the rest to be enough.
    pub fn replays(&self) -> u32 {
        self.missing.saturating_sub(self.natural)
    }
}

/// Those of the pipelines that wait for comparisons; none without a day.
pub(super) fn in_reach(input: &ForecastInput) -> Vec<PeriodsInReach> {
    let Some(by) = input.by else { return Vec::new() };
    let days = input.days();
    let (now, end) = (days.minutes(input.now), days.start_of(by).saturating_add(DAY - 1));
    let mut groups: BTreeMap<(u32, Option<u32>, u32, bool), Vec<String>> = BTreeMap::new();
    let waits = |one: &&ForecastPipeline| one.missing() > 0;
    for one in input.pipelines.iter().filter(waits) {
        let natural = one.ticks.as_ref().map_or(0, |ticks| ticks.count(now, end.saturating_sub(one.settles)));
        let every = one.ticks.as_ref().map(|ticks| (ticks.gap() + DAY / 2) / DAY);
        // Of what comes daily more is in reach than anybody compares.
        let natural = natural.min(one.missing());
        groups.entry((natural, every, one.missing(), one.replayable)).or_default().push(one.name.clone());
    }
    let group = |((natural, every_days, missing, replayable), migrations)| PeriodsInReach {
        migrations,
        every_days,
        natural,
        missing,
        replayable,
    };
    groups.into_iter().map(group).collect()
}
