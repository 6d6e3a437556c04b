//! What means nothing: earlier attempts, other applications, what is said to be no failure, what was recovered from, and the
//! clearing away after the end. What is left is unwrapped: one message says one thing.

use super::case::{Case, ClueFate, Sighting};
use crate::diagnose::clue::{Clue, ClueRole, Layer, Strength};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// An exception or a traceback of nobody's that the catalogue knows.
pub(super) const EXCEPTION: &str = "EXCEPTION";
/// Wrappers that stand anywhere: they do not say that anything ended.
pub(super) const PASSED_ON: [&str; 2] = [EXCEPTION, "GENERIC_EXCEPTION"];
/// The run was cancelled, and by whom stands elsewhere.
const RUN_CANCELED: &str = "RUN_CANCELED";
/// An exception of the user's own code: it says less than any class that knows what happened.
pub(super) const USER_CODE: &str = "USER_CODE";
/// The stage that was given up: it names the task, the executor and the node.
pub(super) const STAGE_ABORT: &str = "STAGE_ABORT";
/// The application's own word that it failed.
const FINAL_FAILED: &str = "FINAL_FAILED";
/// A person or a policy ends a run; what comes after it follows from it, and what came before it does not.
pub(super) const STOPS: [&str; 2] = ["USER_STOP", "AUTO_TERMINATED"];
/// How long before its start a run may log already, in milliseconds.
const EARLY: i64 = 60_000;
/// How long after the end of a run a service may still tell of it, in milliseconds.
const LATE: i64 = 120_000;

/// How many attempts failed before the last one. Their clues are settled.
pub(super) fn attempts(case: &mut Case<'_>) -> u32 {
    let mut of: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
    for sighting in &case.seen {
        if let (Some(key), Some(attempt)) = (attempt_key(sighting), sighting.attempt) {
            of.entry(key).or_default().insert(attempt);
        }
    }
    case.settle(ClueFate::EarlierAttempt, |s| {
        let last = attempt_key(s).and_then(|key| of.get(&key)).and_then(BTreeSet::last);
        s.attempt.is_some_and(|attempt| last.is_some_and(|last| attempt < *last))
    });
    let mut before: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
    for sighting in case.seen.iter().filter(|s| s.fate == ClueFate::EarlierAttempt && says_failed(s)) {
        if let (Some(key), Some(attempt)) = (attempt_key(sighting), sighting.attempt) {
            before.entry(key).or_default().insert(attempt);
        }
    }
    let most = before.values().map(BTreeSet::len).max().unwrap_or_default();
    u32::try_from(most).unwrap_or(u32::MAX)
}

/// Of several applications that failed, the last one is explained: what was tried again is another application. What nodes tell
/// of applications that no step or driver names is of somebody else's.
pub(super) fn applications(case: &mut Case<'_>) {
    let names_own = |s: &&Sighting<'_>| matches!(s.clue.layer, Layer::Step | Layer::Driver);
    let own: HashSet<String> = case.seen.iter().filter(names_own).filter_map(|s| s.application.clone()).collect();
    if !own.is_empty() {
        case.settle(ClueFate::Dismissed, |s| {
            s.clue.layer >= Layer::Executor
                && s.application.as_ref().is_some_and(|application| !own.contains(application))
        });
    }
    let mut failed: BTreeMap<String, Option<i64>> = BTreeMap::new();
    for (_, s) in case.kept().filter(|(_, s)| s.class() == FINAL_FAILED && s.clue.layer >= Layer::Step) {
        if let Some(application) = &s.application {
            let at = failed.entry(application.clone()).or_insert(s.at);
            *at = (*at).max(s.at);
        }
    }
    let Some(last) = failed.iter().max_by_key(|(_, at)| **at).map(|(application, _)| application.clone()) else {
        return;
    };
    case.settle(ClueFate::EarlierAttempt, |s| {
        s.application.as_ref().is_some_and(|application| *application != last && failed.contains_key(application))
    });
}

fn says_failed(sighting: &Sighting<'_>) -> bool {
    sighting.is_trouble() || sighting.role() == ClueRole::Wrapper
}

/// What services, steps and nodes tell from before the end of an earlier attempt is of that attempt; unless nothing else is told:
/// a sensor that is tried again asks after the same step.
pub(super) fn before_the_last_attempt(case: &mut Case<'_>) {
    let ended = |s: &&Sighting<'_>| s.fate == ClueFate::EarlierAttempt && s.role() == ClueRole::Wrapper;
    let Some(end) = case.seen.iter().filter(ended).filter_map(|s| s.at).max() else { return };
    let below = |s: &Sighting<'_>| s.clue.layer > Layer::Airflow && s.attempt.is_none() && s.is_trouble();
    let before = |s: &Sighting<'_>| below(s) && s.at.is_some_and(|at| at <= end);
    let after = |s: &Sighting<'_>| s.clue.layer > Layer::Airflow && s.is_trouble() && s.at.is_none_or(|at| at > end);
    if case.kept().any(|(_, s)| after(s)) {
        case.settle(ClueFate::EarlierAttempt, before);
    }
}

/// What is tried again as one: an application of YARN, a task of a job, a task of a DAG.
fn attempt_key(sighting: &Sighting<'_>) -> Option<String> {
    let task = sighting.clue.subject.task.as_deref().unwrap_or_default();
    match (sighting.clue.layer, &sighting.application) {
        (Layer::Airflow, _) => Some(format!("airflow {task}")),
        (_, Some(application)) => Some(format!("yarn {application}")),
        (Layer::Service, None) => Some(format!("task {task}")),
        (_, None) => Some("driver".to_owned()),
    }
}

/// Dismisses messages that say themselves that they are no failure, and tasks of which another attempt went well.
pub(super) fn said_to_be_none(case: &mut Case<'_>) {
    let ignored = |s: &&Sighting<'_>| s.role() == ClueRole::Ignore;
    let messages: HashSet<usize> = case.seen.iter().filter(ignored).map(|s| s.message).collect();
    let tasks: HashSet<String> = case.seen.iter().filter(ignored).filter_map(|s| s.tid.clone()).collect();
    case.settle(ClueFate::Dismissed, |s| {
        let is_task = s.tid.as_ref().is_some_and(|tid| tasks.contains(tid));
        messages.contains(&s.message) || (is_task && s.role() != ClueRole::Wrapper)
    });
}

/// A point in a log: its time, and its place for what stands in the same file.
#[derive(Clone)]
struct Point {
    at: Option<i64>,
    file: String,
    line: Option<u64>,
    message: usize,
}

impl Point {
    fn of(sighting: &Sighting<'_>) -> Point {
        let place = &sighting.clue.place;
        Point { at: sighting.at, file: place.file.clone(), line: place.line, message: sighting.message }
    }

    /// Whether a clue stands before this point; of what cannot be told, not.
    fn is_after(&self, sighting: &Sighting<'_>) -> bool {
        self.compare(sighting).is_some_and(|after| after)
    }

    /// Whether a clue stands after this point.
    fn is_before(&self, sighting: &Sighting<'_>) -> bool {
        self.compare(sighting).is_some_and(|after| !after) && sighting.message != self.message
    }

    /// Whether this point is after the clue.
    fn compare(&self, sighting: &Sighting<'_>) -> Option<bool> {
        let place = &sighting.clue.place;
        match (self.line, place.line) {
            (Some(mine), Some(other)) if place.file == self.file => Some(other < mine),
            _ => Some(sighting.at? < self.at?),
        }
    }

    fn later(self, sighting: &Sighting<'_>) -> Point {
        if self.is_before(sighting) { Point::of(sighting) } else { self }
    }
}

/// Settles what comes after the end of its stream, and what executors and nodes say after the end of their driver.
pub(super) fn clearing(case: &mut Case<'_>) {
    let last_word = |s: &Sighting<'_>| s.class() == FINAL_FAILED && s.clue.layer == Layer::Driver;
    let mut last_words: HashMap<String, Point> = HashMap::new();
    for (_, s) in case.kept().filter(|(_, s)| last_word(s)) {
        last_words.entry(s.stream.clone()).or_insert_with(|| Point::of(s));
    }
    // A session may be stopped and another one begun; after its last word an application does no work.
    let works = |s: &Sighting<'_>| {
        s.role() == ClueRole::Progress && !last_words.get(&s.stream).is_some_and(|end| end.is_before(s))
    };
    let mut work: HashMap<String, Point> = HashMap::new();
    for (_, s) in case.kept().filter(|(_, s)| works(s)) {
        let latest = work.remove(&s.stream).map_or_else(|| Point::of(s), |point| point.later(s));
        work.insert(s.stream.clone(), latest);
    }
    let mut ends: HashMap<String, Point> = HashMap::new();
    let mut drivers: HashMap<Option<String>, i64> = HashMap::new();
    for (_, s) in case.kept() {
        let stops = s.role() == ClueRole::End && !work.get(&s.stream).is_some_and(|work| work.is_after(s));
        if !(last_word(s) || stops) {
            continue;
        }
        ends.entry(s.stream.clone()).or_insert_with(|| Point::of(s));
        if let (Layer::Step | Layer::Driver, Some(at)) = (s.clue.layer, s.at) {
            let end = drivers.entry(s.application.clone()).or_insert(at);
            *end = (*end).max(at);
        }
    }
    let after_its_driver = |s: &Sighting<'_>| {
        let end = drivers.get(&s.application);
        s.clue.layer >= Layer::Executor && matches!((end, s.at), (Some(end), Some(at)) if at > *end)
    };
    let means_something = |s: &Sighting<'_>| matches!(s.role(), ClueRole::Ok | ClueRole::Join | ClueRole::End);
    let says_the_end =
        |s: &Sighting<'_>| s.role() == ClueRole::Wrapper && s.class() != STAGE_ABORT && !PASSED_ON.contains(&s.class());
    for s in case.seen.iter_mut().filter(|s| s.fate == ClueFate::Kept) {
        if means_something(s) || says_the_end(s) {
            continue;
        }
        if ends.get(&s.stream).is_some_and(|end| end.is_before(s)) {
            let spoken = last_words.get(&s.stream).is_some_and(|end| end.is_before(s));
            let uncaught = is_exception(s) && s.clue.layer <= Layer::Driver && !spoken;
            s.fate = if uncaught { ClueFate::AfterStop } else { ClueFate::Cleared };
        } else if after_its_driver(s) {
            s.fate = ClueFate::Cleared;
        }
    }
}

/// Whether it is an exception and not a sentence.
pub(super) fn is_exception(sighting: &Sighting<'_>) -> bool {
    let structural = [EXCEPTION, USER_CODE].contains(&sighting.class());
    structural || (sighting.is_cause() && (sighting.clue.strength == Strength::Typed || looks_thrown(sighting.clue)))
}

/// Whether a sentence is that of an exception, and not of a line of the log: `Caused by: …`, `java.lang.X: …`.
fn looks_thrown(clue: &Clue) -> bool {
    let text = clue.text.trim_start();
    let named = text.strip_prefix("Caused by: ").or_else(|| text.strip_prefix(": "));
    let name = named.unwrap_or(text).split([':', ' ', '\n']).next().unwrap_or_default();
    let is_exception = ["Exception", "Error"].iter().any(|end| name.ends_with(end));
    clue.depth > 0 || named.is_some() || text.starts_with("Exception in thread ") || (is_exception && name.len() > 5)
}

/// Dismisses what the driver and executors say from before the run began: a cluster may have run others before. Where all of it
/// is from before, clocks or zones differ, and it tells nothing.
pub(super) fn before_the_run(case: &mut Case<'_>) {
    let Some(started) = case.facts.subject.started.map(|at| at.as_millisecond() - EARLY) else { return };
    let of_the_program = |s: &Sighting<'_>| matches!(s.clue.layer, Layer::Driver | Layer::Executor);
    if case.kept().any(|(_, s)| of_the_program(s) && s.at.is_some_and(|at| at >= started)) {
        case.settle(ClueFate::Dismissed, |s| of_the_program(s) && s.at.is_some_and(|at| at < started));
    }
}

/// Settles what a person or a policy ended after the run had ended by itself, and what services tell long after the end.
pub(super) fn after_the_run(case: &mut Case<'_>) {
    let says_nothing = |class: &str| class == RUN_CANCELED || PASSED_ON.contains(&class);
    let ends_it = |s: &&Sighting<'_>| s.role() == ClueRole::Wrapper && !says_nothing(s.class());
    let failed = case.kept().map(|(_, s)| s).filter(ends_it).filter_map(|s| s.at).min();
    let ended = case.facts.subject.ended.map(|at| at.as_millisecond() + LATE);
    case.settle(ClueFate::Cleared, |s| {
        let Some(at) = s.at else { return false };
        let too_late = s.is_trouble() && s.clue.layer != Layer::Airflow && ended.is_some_and(|ended| at > ended);
        let stopped_what_had_failed = STOPS.contains(&s.class()) && failed.is_some_and(|failed| at > failed);
        too_late || stopped_what_had_failed
    });
}

/// Settles what comes before the last work that was done, unless the stage that was given up was failing by then.
pub(super) fn recovered(case: &mut Case<'_>) {
    let mut last: HashMap<Option<String>, Point> = HashMap::new();
    let mut streams: HashMap<(String, Option<String>), Point> = HashMap::new();
    for (_, s) in case.kept() {
        if !matches!(s.role(), ClueRole::Progress | ClueRole::Ok) {
            continue;
        }
        let key = (s.stream.clone(), s.application.clone());
        let latest = streams.remove(&key).map_or_else(|| Point::of(s), |point| point.later(s));
        streams.insert(key, latest);
        if s.clue.layer >= Layer::Step {
            let latest = last.remove(&s.application).map_or_else(|| Point::of(s), |point| point.later(s));
            last.insert(s.application.clone(), latest);
        }
    }
    let before_work = |s: &Sighting<'_>| {
        let elsewhere = s.clue.layer != Layer::Airflow
            && last.get(&s.application).or_else(|| last.get(&None)).is_some_and(|work| work.is_after(s));
        let here = |application: Option<String>| streams.get(&(s.stream.clone(), application));
        elsewhere || here(s.application.clone()).or_else(|| here(None)).is_some_and(|work| work.is_after(s))
    };
    let aborted: HashSet<String> = case
        .kept()
        .filter(|(_, s)| s.class() == STAGE_ABORT && !before_work(s))
        .filter_map(|(_, s)| s.stage.as_deref().map(|stage| stage_number(stage).to_owned()))
        .collect();
    case.settle(ClueFate::Recovered, |s| {
        let stage = s.stage.as_deref().map(stage_number);
        says_failed(s) && before_work(s) && !stage.is_some_and(|stage| aborted.contains(stage))
    });
    // A task of a stage that was not given up has failed fewer times than it may.
    if !aborted.is_empty() {
        case.settle(ClueFate::Recovered, |s| {
            let stage = s.stage.as_deref().map(stage_number);
            let of_a_task = s.clue.layer >= Layer::Driver && s.tid.is_some();
            s.is_trouble() && of_a_task && stage.is_some_and(|stage| !aborted.contains(stage))
        });
    }
}

/// `7.0` is stage 7, its first attempt.
pub(super) fn stage_number(stage: &str) -> &str {
    stage.split('.').next().unwrap_or(stage)
}

/// Leaves one thing that each message says: the deepest cause that the catalogue knows. What wraps it goes.
pub(super) fn unwrap(case: &mut Case<'_>) {
    let mut goes: Vec<usize> = Vec::new();
    for message in &case.messages {
        let kept = || message.iter().copied().filter_map(|i| case.seen.get(i).map(|s| (i, s))).filter(|(_, s)| says(s));
        let causes: BTreeSet<&str> = kept().filter(|(_, s)| s.is_cause()).map(|(_, s)| s.class()).collect();
        let explains =
            |class: &str, other: &str| case.class(class).is_some_and(|c| c.explains.iter().any(|e| e == other));
        let explained = |class: &str| causes.len() > 1 && causes.iter().any(|by| *by != class && explains(by, class));
        let known = || kept().filter(|(_, s)| s.class() != USER_CODE);
        let best = known().filter(|(_, s)| s.is_cause()).max_by_key(|(i, s)| {
            case.looked();
            (
                !explained(s.class()),
                s.clue.strength >= Strength::Typed,
                s.clue.depth,
                s.clue.strength,
                std::cmp::Reverse(*i),
            )
        });
        if let Some((_, best)) = best {
            let class = best.class().to_owned();
            goes.extend(kept().filter(|(_, s)| s.is_cause() && s.class() != class).map(|(i, _)| i));
        } else if known().any(|(_, s)| s.clue.strength > Strength::ExitCode) {
            goes.extend(kept().filter(|(_, s)| s.class() == USER_CODE).map(|(i, _)| i));
        }
    }
    for index in goes {
        if let Some(sighting) = case.seen.get_mut(index) {
            sighting.fate = ClueFate::Unwrapped;
        }
    }
}

fn says(sighting: &Sighting<'_>) -> bool {
    sighting.is_trouble() && matches!(sighting.fate, ClueFate::Kept | ClueFate::AfterStop)
}
