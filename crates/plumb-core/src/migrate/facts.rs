//! What is known of one pipeline, and what of the stages' conditions follows from it.

use super::files::FileStage;
use super::live::{LiveDag, PipelineLive};
use super::periods::PeriodsSeen;
use super::stage::{ConditionState, MigrationStage, StageCondition, StageDates};
use crate::cost::facts::{KeptRuns, RunResult, RunSide, RunTrigger};
use crate::kinds::emr::migration::MigrationSpec;
use jiff::Timestamp;
use jiff::civil::Date;
use std::collections::BTreeMap;

/// What is known of one pipeline. The program fills it; everything that a board says follows from it.
#[derive(Clone, Debug)]
pub struct PipelineFacts {
    pub name: String,
    /// Its wave; the pipeline's own name where it has none.
    pub wave: String,
    /// Whether a manifest says the wave.
    pub has_wave: bool,
    pub owner: Option<String>,
    /// The day of its cutover.
    pub cutover: Option<Date>,
    /// What the gates of its cutover ask for, beside that it is live.
    pub asks: CutoverAsks,
    /// Whether it can be replayed: it has a shadow place and says how a run is told its period.
    pub can_replay: bool,
    pub files: FileStage,
    /// Stages that held before and do not any more, and since when.
    pub lost: BTreeMap<MigrationStage, Timestamp>,
    pub dates: StageDates,
    pub periods: PeriodsSeen,
    /// The periods that are over and not compared.
    pub missing: Vec<String>,
    /// The last run of each side.
    pub last: BTreeMap<RunSide, LastRun>,
    /// When the last scheduled run of the old pipeline began.
    pub last_old: Option<Timestamp>,
    /// What is live; the error says why that is not known.
    pub live: Result<PipelineLive, String>,
    /// Where what it became stands: `manifests/churn/job.yaml:8`.
    pub place: Option<String>,
}

impl PipelineFacts {
    /// Nothing is known of it but its name.
    pub fn new(name: &str) -> PipelineFacts {
        PipelineFacts {
            name: name.to_owned(),
            wave: name.to_owned(),
            has_wave: false,
            owner: None,
            cutover: None,
            asks: CutoverAsks::default(),
            can_replay: false,
            files: FileStage::default(),
            lost: BTreeMap::new(),
            dates: StageDates::default(),
            periods: PeriodsSeen::default(),
            missing: Vec::new(),
            last: BTreeMap::new(),
            last_old: None,
            live: Err("it was not read".to_owned()),
            place: None,
        }
    }
}

/// What `requires` of a Migration asks for. A board shows what is good to have too, and must not call it a condition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CutoverAsks {
    /// Periods that compared equal.
    pub parity: bool,
    /// Runs of the new pipeline that ended well.
    pub green: bool,
}

impl CutoverAsks {
    /// Those of a Migration.
    pub fn of(spec: &MigrationSpec) -> CutoverAsks {
        let requires = spec.requires.as_ref();
        CutoverAsks {
            parity: requires.and_then(|all| all.parity.as_ref()).is_some_and(|parity| parity.passes > 0),
            green: requires.and_then(|all| all.green_runs).is_some_and(|runs| runs > 0),
        }
    }
}

/// How the last run of a side ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastRun {
    pub id: String,
    pub result: RunResult,
    /// The class of its cause, where a diagnosis says it.
    pub cause: Option<String>,
    pub started: Option<Timestamp>,
    pub ended: Option<Timestamp>,
}

/// The last run of each side that ended, and when the last scheduled one of the old began. `cause` knows the class of a run's
/// diagnosis, by its id.
pub fn last_runs(
    kept: &[KeptRuns],
    cause: &dyn Fn(&str) -> Option<String>,
) -> (BTreeMap<RunSide, LastRun>, Option<Timestamp>) {
    let mut last: BTreeMap<RunSide, LastRun> = BTreeMap::new();
    let mut old = None;
    for run in kept.iter().flat_map(|one| &one.runs) {
        if run.side == RunSide::Old && run.trigger == RunTrigger::Scheduled {
            old = old.max(run.started);
        }
        let has_ended = matches!(run.outcome, RunResult::Succeeded | RunResult::Failed | RunResult::Cancelled);
        let is_newer = |other: &LastRun| (other.started, &other.id) < (run.started, &run.id);
        if has_ended && last.get(&run.side).is_none_or(is_newer) {
            let one = LastRun {
                id: run.id.clone(),
                result: run.outcome,
                cause: run.cause.clone().or_else(|| cause(&run.id)),
                started: run.started,
                ended: run.ended,
            };
            last.insert(run.side, one);
        }
    }
    (last, old)
}

/// What of each stage's condition is known, in order.
pub fn conditions(facts: &PipelineFacts) -> Vec<StageCondition> {
    MigrationStage::ALL
        .map(|stage| {
            let (state, says) = condition(facts, stage);
            StageCondition { stage, state, says }
        })
        .to_vec()
}

fn condition(facts: &PipelineFacts, stage: MigrationStage) -> (ConditionState, String) {
    let holds = |holds: bool, else_says: String| {
        if holds { (ConditionState::Holds, String::new()) } else { (ConditionState::Missing, else_says) }
    };
    let PipelineFacts { files, periods, .. } = facts;
    let live = match &facts.live {
        Ok(live) => live,
        Err(why) if matches!(stage, MigrationStage::Deployed) || stage >= MigrationStage::CutOver => {
            return (ConditionState::Unknown, why.clone());
        }
        Err(_) => &PipelineLive::default(),
    };
    match stage {
        MigrationStage::Seen => (ConditionState::Holds, String::new()),
        MigrationStage::Inventoried => holds(files.inventoried, "no Migration names it".into()),
        MigrationStage::Translated => holds(
            files.translated,
            "the manifests of what it becomes, or the account of its translation, are missing".into(),
        ),
        MigrationStage::Decided => {
            let open = files.decisions.len();
            holds(open == 0, if open == 1 { "1 decision is open".into() } else { format!("{open} decisions are open") })
        }
        MigrationStage::Deployed => match (live.unknown.first(), live.missing.first(), live.differing.first()) {
            (_, Some(missing), _) => (ConditionState::Missing, format!("{missing} is not live")),
            (_, None, Some(differing)) => (ConditionState::Missing, format!("{differing} is not as its manifest says")),
            (Some(why), None, None) => (ConditionState::Unknown, why.clone()),
            (None, None, None) => (ConditionState::Holds, String::new()),
        },
        MigrationStage::InParallel => {
            let says = format!("{} of {}", periods.parallel.len(), periods.wanted.max(periods.parallel.len()));
            if !periods.parallel.is_empty() {
                (ConditionState::Holds, says)
            } else if periods.has_runs {
                (ConditionState::Missing, "no period was finished by both sides".into())
            } else {
                (ConditionState::Unknown, "no runs of it are kept".into())
            }
        }
        MigrationStage::Parity => {
            let says = format!("{} of {}", periods.equal, periods.wanted);
            if periods.is_enough() {
                (ConditionState::Holds, says)
            } else {
                (ConditionState::Missing, format!("{says} periods are equal"))
            }
        }
        MigrationStage::CutOver => cut_over(facts, live),
        MigrationStage::Marked => match &live.teardown {
            Err(why) => (ConditionState::Unknown, why.clone()),
            Ok(seen) if !seen.is_wanted => (ConditionState::Missing, "no teardown of what is old is wanted".into()),
            Ok(seen) => holds(seen.marked == seen.live, format!("{} of {} are marked", seen.marked, seen.live)),
        },
        MigrationStage::TornDown => match &live.teardown {
            Err(why) => (ConditionState::Unknown, why.clone()),
            Ok(seen) if !seen.is_wanted => (ConditionState::Missing, "no teardown of what is old is wanted".into()),
            Ok(seen) => holds(seen.live == 0, seen.next.clone().unwrap_or_else(|| format!("{} are live", seen.live))),
        },
    }
}

fn cut_over(facts: &PipelineFacts, live: &PipelineLive) -> (ConditionState, String) {
    if live.old.is_empty() || live.new.is_empty() {
        let side = if live.old.is_empty() { "from.dags" } else { "to.dags" };
        return (ConditionState::Missing, format!("`{side}` names no DAG"));
    }
    let all = || live.old.iter().chain(&live.new);
    if let Some(why) = all().find_map(|(name, dag)| match dag {
        LiveDag::Unknown(why) => Some(format!("{name}: {why}")),
        _ => None,
    }) {
        return (ConditionState::Unknown, why);
    }
    let runs = live.old.iter().find(|(_, dag)| **dag == LiveDag::On);
    let rests = live.new.iter().find(|(_, dag)| **dag != LiveDag::On);
    if let Some((name, _)) = runs {
        return (ConditionState::Missing, format!("{name} is not paused"));
    }
    if let Some((name, dag)) = rests {
        let how = if *dag == LiveDag::Gone { "is not in Airflow" } else { "is paused" };
        return (ConditionState::Missing, format!("{name} {how}"));
    }
    // The whole day is the cutover's: a run of its early hours may be of before.
    let after = facts.cutover.and_then(|day| day.tomorrow().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok());
    match facts.last_old.zip(after).filter(|(last, after)| *last >= after.timestamp()) {
        Some((last, _)) => {
            (ConditionState::Missing, format!("a run of the old pipeline began {}", last.strftime("%Y-%m-%d")))
        }
        None => (ConditionState::Holds, String::new()),
    }
}
