//! What is wrong with a pipeline's migration, whatever its stage, and what is next for it.

use super::facts::PipelineFacts;
use super::stage::{ConditionState, MigrationStage, StageReached};
use crate::cost::facts::{RunResult, RunSide};
use jiff::Timestamp;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// So many places of decisions are named.
const MOST_PLACES: usize = 4;

/// How a pipeline's migration is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HealthState {
    Ok,
    /// It waits for somebody, or for a day.
    Waiting,
    /// What would tell could not be read.
    Unknown,
    /// A stage that held does not any more.
    WentBack,
    /// The last run failed.
    Failing,
}

/// How a pipeline's migration is, and why.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct BoardHealth {
    pub state: HealthState,
    /// Why; empty where it is well.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub says: String,
    /// The class of the failure, where a diagnosis says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Where what failed stands: `manifests/churn/job.yaml:8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Since when, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub since: Option<Timestamp>,
}

impl HealthState {
    /// In words.
    pub fn word(self) -> &'static str {
        match self {
            HealthState::Ok => "ok",
            HealthState::Waiting => "waiting",
            HealthState::Unknown => "not known",
            HealthState::WentBack => "went back",
            HealthState::Failing => "failing",
        }
    }
}

/// Whether a stage has been reached.
pub fn is_at(reached: &StageReached, stage: MigrationStage) -> bool {
    reached.stage.is_some_and(|at| at >= stage)
}

/// How a pipeline is. `held`: its wave was rolled back, and why.
pub fn health(facts: &PipelineFacts, reached: &StageReached, held: Option<&str>, today: Date) -> BoardHealth {
    let of = |state, says: String, since| BoardHealth { state, says, class: None, place: None, since };
    // Before the cutover the old one is what people depend on, and it tells what the new one will meet.
    let sides: &[RunSide] =
        if is_at(reached, MigrationStage::CutOver) { &[RunSide::New] } else { &[RunSide::New, RunSide::Old] };
    let failed = sides.iter().find_map(|side| {
        let last = facts.last.get(side).filter(|last| last.result == RunResult::Failed)?;
        Some((*side, last))
    });
    if let Some((side, last)) = failed {
        let class = last.cause.clone();
        let what = class.clone().unwrap_or_else(|| "not diagnosed".into());
        let whose = if side == RunSide::Old { "the old one: " } else { "" };
        let place = facts.place.clone().filter(|_| side == RunSide::New);
        let at = place.as_ref().map(|place| format!(" ({place})")).unwrap_or_default();
        let mut health = of(HealthState::Failing, format!("{whose}{what}{at}"), last.ended.or(last.started));
        (health.class, health.place) = (class, place);
        return health;
    }
    if let Some(why) = held {
        return of(HealthState::WentBack, why.to_owned(), None);
    }
    let lost = facts.lost.iter().find(|(stage, _)| !is_at(reached, **stage));
    if let Some((stage, at)) = lost {
        let says = format!("it was {} until {}", stage.word(), at.strftime("%Y-%m-%d"));
        return of(HealthState::WentBack, says, Some(*at));
    }
    if let Some(open) = reached.open.as_ref().filter(|open| open.state == ConditionState::Unknown) {
        return of(HealthState::Unknown, open.says.clone(), None);
    }
    match reached.open.as_ref().map(|open| open.stage) {
        Some(MigrationStage::Decided) => {
            let since = facts.dates.reached.get(&MigrationStage::Translated).copied();
            let who = facts.owner.clone().unwrap_or_else(|| "a decision".into());
            let days = since.map(|since| days_between(since, today)).filter(|days| *days > 0);
            let days = days.map(|days| format!(", {}", counted_days(days))).unwrap_or_default();
            of(HealthState::Waiting, format!("for {who}{days}"), since)
        }
        Some(MigrationStage::CutOver) => match facts.cutover {
            None => of(HealthState::Waiting, "for a date".into(), None),
            Some(day) if day > today => of(HealthState::Waiting, format!("for {day}"), None),
            Some(_) => of(HealthState::Ok, String::new(), None),
        },
        _ => of(HealthState::Ok, String::new(), None),
    }
}

fn days_between(since: Timestamp, today: Date) -> i32 {
    since.to_zoned(jiff::tz::TimeZone::UTC).date().until(today).map_or(0, |span| span.get_days())
}

fn counted_days(days: i32) -> String {
    if days == 1 { "1 day".into() } else { format!("{days} days") }
}

/// What is next: a command, a place, or what it waits for. `is_flipped`: its DAGs are cut over, whatever came before.
pub fn next(
    facts: &PipelineFacts,
    reached: &StageReached,
    health: &BoardHealth,
    is_flipped: bool,
    pending: Option<&str>,
) -> String {
    let name = &facts.name;
    let Some(open) = &reached.open else { return String::new() };
    if health.state == HealthState::Failing && open.stage <= MigrationStage::CutOver {
        return "fix it, and run it again".into();
    }
    if open.state == ConditionState::Unknown && open.stage != MigrationStage::InParallel {
        return format!("{} is not known", open.stage.word());
    }
    match open.stage {
        MigrationStage::Seen | MigrationStage::Inventoried => format!("plumb import emr --name {name}"),
        MigrationStage::Translated => "see translation.md in its folder".into(),
        MigrationStage::Decided => places(&facts.files.decisions),
        MigrationStage::Deployed => format!("{}: plumb apply", open.says),
        MigrationStage::InParallel if !facts.periods.has_runs => "plumb cost --keep evidence/runs".into(),
        // The old one runs no more: only past periods can be compared.
        MigrationStage::InParallel | MigrationStage::Parity if is_flipped && facts.can_replay => {
            format!("plumb parity replay {name}")
        }
        MigrationStage::InParallel if is_flipped => "compare a period that both wrote".into(),
        MigrationStage::InParallel => "run both for one period".into(),
        MigrationStage::Parity => parity(facts),
        MigrationStage::CutOver => match (facts.cutover, pending) {
            (None, _) => "set `cutover`".into(),
            (Some(_), Some(next)) => next.to_owned(),
            (Some(day), None) => format!("{}, from {day} on: plumb plan", open.says),
        },
        MigrationStage::Marked => format!("{}: plumb apply", open.says),
        MigrationStage::TornDown => open.says.clone(),
    }
}

fn parity(facts: &PipelineFacts) -> String {
    let name = &facts.name;
    if let Some((period, _)) = &facts.periods.broken
        && facts.periods.equal == 0
    {
        return format!("plumb parity report {name} --period {period}");
    }
    match (facts.missing.first(), facts.can_replay) {
        (Some(period), _) => format!("plumb parity run {name} --period {period}"),
        (None, true) => format!("plumb parity replay {name}, or wait for the next period"),
        (None, false) => "wait for the next period".into(),
    }
}

/// `manifests/revenue/job.yaml:12,31,40 and 4 more`: the first places.
fn places(decisions: &[(String, usize)]) -> String {
    let mut files: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (path, line) in decisions.iter().take(MOST_PLACES) {
        files.entry(path).or_default().push(line.to_string());
    }
    let mut said =
        files.into_iter().map(|(path, lines)| format!("{path}:{}", lines.join(","))).collect::<Vec<_>>().join(" ");
    if let Some(more) = decisions.len().checked_sub(MOST_PLACES).filter(|more| *more > 0) {
        said.push_str(&format!(" and {more} more"));
    }
    said
}

/// What is missing of a pipeline before its cutover, in a few words each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CutoverNeeds {
    /// What its wave waits for.
    pub asked: Vec<String>,
    /// What would be good to have, and no gate asks for.
    pub unasked: Vec<String>,
}

/// What is still needed before it can be cut over.
pub fn needs(facts: &PipelineFacts, reached: &StageReached) -> CutoverNeeds {
    let mut needs = CutoverNeeds::default();
    if is_at(reached, MigrationStage::CutOver) {
        return needs;
    }
    let decisions = facts.files.decisions.len();
    match reached.open.as_ref() {
        Some(open) if open.stage <= MigrationStage::Translated => needs.asked.push("translated".to_owned()),
        Some(open) if open.stage == MigrationStage::Decided => {
            needs.asked.push(if decisions == 1 { "1 decision".into() } else { format!("{decisions} decisions") });
        }
        Some(open) if open.stage == MigrationStage::Deployed && open.state == ConditionState::Unknown => {
            needs.asked.push("what is live is not known".into());
        }
        Some(open) if open.stage == MigrationStage::Deployed => needs.asked.push("deployed".into()),
        _ => {}
    }
    let has_failed = |side| facts.last.get(&side).is_some_and(|last| last.result == RunResult::Failed);
    if has_failed(RunSide::New) {
        needs.list(facts.asks.green).push("green".into());
    } else if has_failed(RunSide::Old) {
        needs.unasked.push("green (the old one)".into());
    }
    match facts.periods.wanted.saturating_sub(facts.periods.equal) {
        0 => {}
        1 => needs.list(facts.asks.parity).push("1 more period".into()),
        left => needs.list(facts.asks.parity).push(format!("{left} more periods")),
    }
    needs
}

impl CutoverNeeds {
    fn list(&mut self, is_asked: bool) -> &mut Vec<String> {
        if is_asked { &mut self.asked } else { &mut self.unasked }
    }
}
