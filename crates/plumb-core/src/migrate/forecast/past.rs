//! How an earlier forecast stands today.

use super::{Forecast, ForecastDates, Outlook};
use crate::migrate::stage::{MigrationStage, StageDates};
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// What became of an earlier forecast: of the pipelines that it was about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PastForecast {
    #[schemars(with = "String")]
    pub today: Date,
    /// How many it was about, and how many of them are done and cut over today.
    pub pipelines: usize,
    pub done: usize,
    pub cut_over: usize,
    pub standing: PastStanding,
}

/// Whether the day of 85 % holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum PastStanding {
    /// All were done by then.
    Held {
        #[schemars(with = "String")]
        on: Date,
    },
    /// All are done, later.
    Late {
        #[schemars(with = "String")]
        on: Date,
        days: i64,
    },
    /// All are done, and nothing says when.
    DoneAtSomeTime,
    /// The day has come, and not all are done.
    Missed { days: i64 },
    /// The day is still to come.
    Open { days: i64 },
    /// It had no day of 85 %.
    NoDate,
}

/// Holds the day of 85 % of an earlier forecast against the stages of today. Pipelines that it was not about do not count.
pub fn past(
    earlier: &Forecast,
    about: &[String],
    stages: &BTreeMap<String, MigrationStage>,
    dates: &[StageDates],
    today: Date,
) -> PastForecast {
    let stage = |name: &String| stages.get(name).copied();
    let count = |least: MigrationStage| about.iter().filter(|name| stage(name) >= Some(least)).count();
    let done = count(MigrationStage::TornDown);
    let ended = |name: &String| {
        let of = dates.iter().find(|one| one.migration == *name)?;
        of.reached.get(&MigrationStage::TornDown).copied().map(super::calendar::day_of)
    };
    let between = |from: Date, to: Date| i64::from((to - from).get_days());
    let standing = match &earlier.outlook {
        Outlook::Draws(drawn) => {
            let ForecastDates { p85, .. } = drawn.done;
            let last = about.iter().map(ended).collect::<Option<Vec<Date>>>().and_then(|all| all.into_iter().max());
            if done == about.len() {
                last.map_or(PastStanding::DoneAtSomeTime, |on| {
                    if on <= p85 {
                        PastStanding::Held { on }
                    } else {
                        PastStanding::Late { on, days: between(p85, on) }
                    }
                })
            } else if today > p85 {
                PastStanding::Missed { days: between(p85, today) }
            } else {
                PastStanding::Open { days: between(today, p85) }
            }
        }
        Outlook::Done { .. } | Outlook::Range { .. } => PastStanding::NoDate,
    };
    PastForecast { today, pipelines: about.len(), done, cut_over: count(MigrationStage::CutOver), standing }
}
