//! How the run ended: a service's word first, and without one its log's.

use super::case::{Case, ClueFate, Sighting};
use super::sift::{PASSED_ON, USER_CODE, is_exception};
use crate::diagnose::clue::{ClueRole, Layer};
use crate::diagnose::result::RunOutcome;

/// The slot with the code that a session stopped with.
const CODE: &str = "code";

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RunEnding {
    pub(super) outcome: RunOutcome,
    /// Airflow failed, though the work was done or is still done: how that stands.
    pub(super) lost_sight: Option<RunOutcome>,
}

/// The ending of a run whose clues are sifted.
pub(super) fn ending(case: &Case<'_>) -> RunEnding {
    let said: Vec<RunOutcome> =
        case.facts.outcomes.iter().map(|said| said.outcome).filter(|outcome| *outcome != RunOutcome::Unknown).collect();
    let Some((&lowest, above)) = said.split_last() else {
        return RunEnding { outcome: logged(case), lost_sight: None };
    };
    let goes_well = matches!(lowest, RunOutcome::Succeeded | RunOutcome::Running);
    let airflow_failed = goes_well && airflow_failed(case, above);
    let lost_sight = airflow_failed.then_some(lowest);
    RunEnding { outcome: if airflow_failed { RunOutcome::Failed } else { lowest }, lost_sight }
}

/// Whether Airflow says that it failed, and why: a red task above a green run.
fn airflow_failed(case: &Case<'_>, above: &[RunOutcome]) -> bool {
    let airflow = |role| case.kept().any(|(_, s)| s.clue.layer == Layer::Airflow && s.role() == role);
    airflow(ClueRole::Cause) && (above.contains(&RunOutcome::Failed) || airflow(ClueRole::Wrapper))
}

/// What the log says of the end. A log that only stops says nothing.
fn logged(case: &Case<'_>) -> RunOutcome {
    let any = |role| case.kept().any(|(_, s)| s.role() == role && !PASSED_ON.contains(&s.class()));
    if any(ClueRole::Wrapper) {
        return RunOutcome::Failed;
    }
    if any(ClueRole::Ok) {
        return RunOutcome::Succeeded;
    }
    let uncaught = |fate| {
        let of_the_program = case.seen.iter().filter(move |s| s.fate == fate && s.clue.layer <= Layer::Driver);
        of_the_program.filter(|s| is_exception(s)).any(|s| fate == ClueFate::Kept || s.class() == USER_CODE)
    };
    if uncaught(ClueFate::Kept) || uncaught(ClueFate::AfterStop) {
        return RunOutcome::Failed;
    }
    // PySpark stops with 0 whatever happened: it counts where nothing was thrown.
    let stopped_well =
        |s: &Sighting<'_>| s.role() == ClueRole::End && s.clue.slots.get(CODE).is_some_and(|code| code == "0");
    let stopped_well = case.kept().any(|(_, s)| stopped_well(s) && s.clue.layer <= Layer::Driver);
    if stopped_well { RunOutcome::Succeeded } else { RunOutcome::Unknown }
}
