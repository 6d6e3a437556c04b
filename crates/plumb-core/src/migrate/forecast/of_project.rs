//! What the manifests and plumb.yaml give to a forecast.

use super::DRAWS;
use super::calendar::{ScheduleTicks, WorkingDays};
use super::input::{ForecastInput, ForecastPipeline};
use super::times::{SeenStages, TimedStage, seen_times};
use crate::kinds::airflow::dag::AirflowDag;
use crate::kinds::airflow::dag_runs;
use crate::kinds::airflow::dag_spec::DagSpec;
use crate::kinds::emr::migration::{Migration, MigrationSpec};
use crate::kinds::teardown_spec::grace_seconds;
use crate::manifest::{Desired, ForecastSettings};
use crate::migrate::stage::{ConditionState, MigrationStage, StageCondition};
use crate::parity::period::Period;
use crate::teardown::{ComparedMigration, ManifestRules};
use jiff::Timestamp;
use jiff::civil::Date;
use std::collections::{BTreeMap, BTreeSet};

/// Where a pipeline stands, as far as it was read.
#[derive(Clone, Debug, Default)]
pub struct ForecastStanding {
    /// The highest stage whose own and all earlier conditions hold; `None`: it has reached none.
    pub stage: Option<MigrationStage>,
    pub seen: SeenStages,
    /// How many of its last periods are equal, one after the other, and how many have to be.
    pub passes: u32,
    pub required: u32,
}

/// The highest stage that holds and before which nothing is missing: what could not be read counts as done where a later stage
/// holds, and only there.
pub fn stage_at_least(conditions: &[StageCondition]) -> Option<MigrationStage> {
    let before = conditions.iter().take_while(|one| one.state != ConditionState::Missing);
    before.filter(|one| one.state == ConditionState::Holds).last().map(|one| one.stage)
}

/// What a forecast is asked for, over what plumb.yaml says.
#[derive(Clone, Copy, Debug, Default)]
pub struct ForecastAsked {
    pub people: Option<u32>,
    pub by: Option<Date>,
    pub draws: Option<u32>,
}

/// The input of a forecast. Of a migration of which nothing was read, everything is left.
pub fn forecast_input(
    desired: &Desired,
    standings: &BTreeMap<String, ForecastStanding>,
    asked: ForecastAsked,
    now: Timestamp,
) -> ForecastInput {
    let settings = desired.project.forecast.clone().unwrap_or_default();
    // What loaded has days that are days.
    let holidays: BTreeSet<Date> = settings.holidays.iter().filter_map(|day| day.parse().ok()).collect();
    let days = WorkingDays::from(now, &holidays);
    let people = settings.people.unwrap_or(1);
    let mut pipelines = Vec::new();
    let mut seen = Vec::new();
    for resource in desired.resources.iter().filter(|resource| resource.kind.name() == Migration::NAME) {
        let Ok(spec) = serde_json::from_value::<MigrationSpec>(resource.spec.to_value()) else { continue };
        let name = resource.address.name.clone();
        let standing = standings.get(&name).cloned().unwrap_or_default();
        let rules = ComparedMigration::of(resource).rules;
        let rules = rules.of_manifest();
        let stage = standing.stage.unwrap_or(MigrationStage::Seen);
        let (grace, not_before) = teardowns(desired, &spec);
        let settles = rules.map_or(0, |rules| rules.settles.as_secs().max(0) / 60);
        pipelines.push(ForecastPipeline {
            wave: spec.wave.clone().unwrap_or_else(|| name.clone()),
            stage,
            since: standing.seen.dates.reached.get(&stage).copied(),
            passes: standing.passes,
            required: standing.required,
            ticks: dags(desired, &spec, &days, now).or_else(|| periods(rules?, &days, now)),
            settles: u32::try_from(settles).unwrap_or(u32::MAX),
            replayable: spec.period.is_some() && spec.shadow.is_some(),
            cutover: spec.cutover.as_deref().and_then(|day| day.parse().ok()),
            grace,
            not_before,
            name: name.clone(),
        });
        seen.push(SeenStages { grace, ..standing.seen });
    }
    pipelines.sort_by_cached_key(|one| {
        let number = one.wave.parse::<u64>().unwrap_or(u64::MAX);
        (one.cutover.unwrap_or(Date::MAX), number, one.wave.clone(), one.name.clone())
    });
    ForecastInput {
        names: (desired.project.name.clone(), desired.target.name.clone()),
        now,
        pipelines,
        seen: seen_times(&seen, people, &holidays),
        ranges: ranges(&settings),
        people: asked.people.unwrap_or(people),
        replays_at_once: settings.replays_at_once.unwrap_or(1),
        holidays,
        by: asked.by.or_else(|| settings.by.as_deref()?.parse().ok()),
        draws: asked.draws.unwrap_or(DRAWS),
        outside: 0,
        unread: Vec::new(),
    }
}

/// The ranges of plumb.yaml by stage.
fn ranges(settings: &ForecastSettings) -> BTreeMap<TimedStage, [f64; 3]> {
    let of = |stage: TimedStage| Some((stage, *settings.days.get(stage.key())?));
    TimedStage::ALL.into_iter().filter_map(of).collect()
}

/// The longest grace period of what a migration leaves, in seconds, and the latest day before which it may not go.
fn teardowns(desired: &Desired, spec: &MigrationSpec) -> (u64, Option<Date>) {
    let guard = desired.guards.teardown.as_ref().and_then(|guard| guard.grace.as_deref());
    let (mut grace, mut not_before) = (None, None);
    for resource in desired.resources.iter().filter(|one| spec.from.emr.contains(&one.address.to_string())) {
        let Some(teardown) = resource.teardown.as_ref().map(|teardown| teardown.spec.gates()) else { continue };
        grace = grace.max(teardown.grace.as_deref().and_then(grace_seconds));
        not_before = not_before.max(teardown.not_before.as_deref().and_then(|day| day.parse().ok()));
    }
    (grace.or_else(|| grace_seconds(guard?)).unwrap_or(0), not_before)
}

/// The ticks of a migration's new DAGs: of several the one that comes round most seldom.
fn dags(desired: &Desired, spec: &MigrationSpec, days: &WorkingDays, now: Timestamp) -> Option<ScheduleTicks> {
    let named = spec.to.dags.as_deref().unwrap_or_default();
    let dags = desired.resources.iter().filter(|one| one.kind.name() == AirflowDag::NAME);
    let dags = dags.filter(|one| named.contains(&one.address.to_string()));
    let ticks = dags.filter_map(|one| ticks(&serde_json::from_value(one.spec.to_value()).ok()?, days, now));
    ticks.max_by_key(ScheduleTicks::gap)
}

fn ticks(spec: &DagSpec, days: &WorkingDays, now: Timestamp) -> Option<ScheduleTicks> {
    let (cron, zone) = (dag_runs::parse(spec.cron()?).ok()?, dag_runs::zone(spec)?);
    let next = |at: &jiff::Zoned| cron.find_next_occurrence(at, false).ok();
    let ticks = std::iter::successors(next(&now.to_zoned(zone)), next);
    ScheduleTicks::of(days, ticks.map(|tick| tick.timestamp()))
}

/// The ends of a comparison's periods, where no DAG says when they come.
fn periods(rules: &ManifestRules, days: &WorkingDays, now: Timestamp) -> Option<ScheduleTicks> {
    let running = Period::of_day(rules.unit, now.to_zoned(rules.zone.clone()).date())?;
    let periods = std::iter::successors(Some(running), Period::next);
    ScheduleTicks::of(days, periods.map_while(|period| Some(period.instants(&rules.zone)?.1)))
}
