//! How the run ended: a service's word first, and without one its log's.

use super::case::{Case, Fate};
use super::sift::{EXCEPTION, USER_CODE, is_exception};
use crate::diagnose::clue::{ClueRole, Layer};
use crate::diagnose::result::RunOutcome;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ending {
    pub(super) outcome: RunOutcome,
    /// The work was done, and Airflow failed nevertheless.
    pub(super) lost_sight: bool,
}

/// The ending of a run whose clues are sifted.
pub(super) fn ending(case: &Case<'_>) -> Ending {
    let said: Vec<RunOutcome> =
        case.facts.outcomes.iter().map(|said| said.outcome).filter(|outcome| *outcome != RunOutcome::Unknown).collect();
    let Some((&lowest, above)) = said.split_last() else {
        return Ending { outcome: logged(case), lost_sight: false };
    };
    let lost_sight = lowest == RunOutcome::Succeeded && airflow_failed(case, above);
    Ending { outcome: if lost_sight { RunOutcome::Failed } else { lowest }, lost_sight }
}

/// Whether Airflow says that it failed, and why: a red task above a green run.
fn airflow_failed(case: &Case<'_>, above: &[RunOutcome]) -> bool {
    let airflow = |role| case.kept().any(|(_, s)| s.clue.layer == Layer::Airflow && s.role() == role);
    airflow(ClueRole::Cause) && (above.contains(&RunOutcome::Failed) || airflow(ClueRole::Wrapper))
}

/// What the log says of the end. A log that only stops says nothing.
fn logged(case: &Case<'_>) -> RunOutcome {
    let any = |role| case.kept().any(|(_, s)| s.role() == role && s.class() != EXCEPTION);
    if any(ClueRole::Wrapper) {
        return RunOutcome::Failed;
    }
    if any(ClueRole::Ok) {
        return RunOutcome::Succeeded;
    }
    let uncaught = |fate| {
        let of_the_program = case.seen.iter().filter(move |s| s.fate == fate && s.clue.layer <= Layer::Driver);
        of_the_program.filter(|s| is_exception(s)).any(|s| fate == Fate::Kept || s.class() == USER_CODE)
    };
    if uncaught(Fate::Kept) || uncaught(Fate::AfterStop) { RunOutcome::Failed } else { RunOutcome::Unknown }
}
