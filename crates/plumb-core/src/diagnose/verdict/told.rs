//! What is told of a chosen cause: its title, its chain, the lines that show it.

use super::case::{Case, ClueFate, Sighting};
use super::links::Links;
use super::rank::Chosen;
use super::sift::{EXCEPTION, STAGE_ABORT};
use super::title::filled;
use crate::diagnose::clue::{Clue, ClueRole};
use crate::diagnose::result::{ChainLink, DiagnosedCause, EvidenceLine, RunOutcome, TASK_KEY};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// The most lines that show a cause.
const MOST_LINES: usize = 6;
/// The most lines to look at without a cause.
const MOST_LOOKS: usize = 3;
/// What is added where the work was done, or goes on, and only Airflow failed.
const WORK_DONE: &str = "; what it started succeeded: the work is done";
const WORK_GOES_ON: &str = "; the work goes on: Airflow no longer waits for it";

/// A cause as it is told.
pub(super) fn cause(case: &Case<'_>, chosen: &Chosen, lost_sight: Option<RunOutcome>) -> Option<DiagnosedCause> {
    let root = case.seen.get(chosen.candidate.root)?;
    let slots = slots(case, chosen, root);
    let mut title = title(case, root, &slots);
    match lost_sight {
        Some(RunOutcome::Running) => title.push_str(WORK_GOES_ON),
        Some(_) => title.push_str(WORK_DONE),
        None => {}
    }
    Some(DiagnosedCause {
        class: root.class().to_owned(),
        title,
        confidence: chosen.confidence,
        reason: chosen.reason.clone(),
        evidence: evidence(case, chosen),
        slots,
    })
}

/// What the clues of the cause caught by name, the root's first; `task_key` is the job's task that all of them are of.
fn slots(case: &Case<'_>, chosen: &Chosen, root: &Sighting<'_>) -> BTreeMap<String, String> {
    let mut slots = slots_of(case, root);
    // Another line of the same class may name what this one does not.
    for member in chosen.candidate.members.iter().filter_map(|m| case.seen.get(*m)) {
        if member.class() == root.class() && member.message == root.message {
            for (name, value) in slots_of(case, member) {
                slots.entry(name).or_insert(value);
            }
        }
    }
    let members = chosen.candidate.members.iter().filter_map(|m| case.seen.get(*m));
    let tasks: BTreeSet<&String> = members.filter_map(|member| member.clue.subject.task.as_ref()).collect();
    if let (Some(task), 1) = (tasks.first(), tasks.len()) {
        slots.insert(TASK_KEY.to_owned(), (*task).clone());
    }
    slots
}

fn title(case: &Case<'_>, root: &Sighting<'_>, slots: &BTreeMap<String, String>) -> String {
    let Some(class) = case.class(root.class()) else { return root.class().to_owned() };
    filled(&class.title, slots).filter(|title| !title.is_empty()).unwrap_or_else(|| class.says.clone())
}

/// What a clue caught by name, and whom it is about.
fn slots_of(case: &Case<'_>, sighting: &Sighting<'_>) -> BTreeMap<String, String> {
    let mut slots = sighting.clue.slots.clone();
    // Patterns catch the end of a sentence with its last word.
    for value in slots.values_mut() {
        let end = value.trim_end_matches([' ', '.', ',', ';', ':']).len();
        value.truncate(end);
    }
    let subject = &sighting.clue.subject;
    let executor = sighting.whereabouts.executor.clone();
    let host = subject.host.clone().or_else(|| case.names.host_of(executor.as_deref()?).map(str::to_owned));
    let named = [
        ("application", sighting.application.clone()),
        ("container", subject.container.clone()),
        ("executor", executor),
        ("host", host),
        ("stage", subject.stage.clone()),
        ("tid", subject.tid.clone()),
        ("task", subject.task.clone()),
        ("attempt", sighting.attempt.map(|attempt| attempt.to_string())),
        ("frame", sighting.clue.frame.clone()),
    ];
    for (name, value) in named {
        if let Some(value) = value {
            slots.entry(name.to_owned()).or_insert(value);
        }
    }
    slots
}

/// From the cause to what was seen last, each class once.
pub(super) fn chain(case: &Case<'_>, chosen: &Chosen) -> Vec<ChainLink> {
    let mut numbers = vec![chosen.candidate.root];
    numbers.extend(chosen.candidate.members.iter().copied());
    numbers.extend(abort(case, chosen));
    let mut classes: HashSet<&str> = HashSet::new();
    let seen = numbers.iter().filter_map(|number| case.seen.get(*number));
    seen.filter(|s| classes.insert(s.class())).map(|s| link(case, s.class())).collect()
}

fn link(case: &Case<'_>, class: &str) -> ChainLink {
    let words = case.class(class).map(|class| class.words.clone()).filter(|words| !words.is_empty());
    let words = words.unwrap_or_else(|| class.to_lowercase().replace('_', " "));
    ChainLink { class: class.to_owned(), words }
}

/// The last stage that was given up, if the cause is older.
fn abort(case: &Case<'_>, chosen: &Chosen) -> Option<usize> {
    let aborts = case.kept().filter(|(_, s)| s.class() == STAGE_ABORT && s.role() == ClueRole::Wrapper);
    aborts.map(|(number, _)| number).last().filter(|_| chosen.candidate.link > super::links::Link::None)
}

/// The lines that show it: of each class the first, of the cause the last too, and the end.
fn evidence(case: &Case<'_>, chosen: &Chosen) -> Vec<EvidenceLine> {
    let members = &chosen.candidate.members;
    let mut of: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for &number in members {
        if let Some(sighting) = case.seen.get(number) {
            of.entry(sighting.class()).or_default().push(number);
        }
    }
    let mut shown: BTreeSet<usize> = BTreeSet::from([chosen.candidate.root]);
    let mut wanted: Vec<usize> = of.values().filter_map(|numbers| numbers.first().copied()).collect();
    wanted.sort_unstable();
    wanted.extend(abort(case, chosen));
    wanted.extend(members.last());
    let root = case.seen.get(chosen.candidate.root).map_or("", |s| s.class());
    wanted.extend(of.get(root).and_then(|numbers| numbers.last()));
    for number in wanted {
        if shown.len() < MOST_LINES {
            shown.insert(number);
        }
    }
    let mut told: HashSet<&str> = HashSet::new();
    let mut lines: Vec<EvidenceLine> = Vec::new();
    for sighting in shown.iter().filter_map(|number| case.seen.get(*number)) {
        let all = of.get(sighting.class()).map_or(&[] as &[usize], Vec::as_slice);
        let more = if told.insert(sighting.class()) { more(case, all, &shown) } else { 0 };
        let next = line(sighting.clue, more);
        match lines.iter_mut().find(|l| l.file == next.file && l.line == next.line && l.text == next.text) {
            Some(same) => same.more += next.more,
            None => lines.push(next),
        }
    }
    lines
}

/// How many of these are not shown.
fn more(case: &Case<'_>, numbers: &[usize], shown: &BTreeSet<usize>) -> u64 {
    let hidden = numbers.iter().filter(|number| !shown.contains(number)).count();
    let counted: u64 = numbers.iter().filter_map(|number| case.seen.get(*number)).map(|s| s.clue.count).sum();
    counted.saturating_add(u64::try_from(hidden).unwrap_or(u64::MAX))
}

fn line(clue: &Clue, more: u64) -> EvidenceLine {
    EvidenceLine { file: clue.place.file.clone(), line: clue.place.line, at: clue.at, text: clue.text.clone(), more }
}

/// Without a cause: the exceptions that nobody knows, the words on the end, from the lowest layer up.
pub(super) fn look_at(case: &Case<'_>, links: &Links) -> Vec<EvidenceLine> {
    let mut numbers: Vec<usize> = case
        .seen
        .iter()
        .enumerate()
        .filter(|(_, s)| matches!(s.fate, ClueFate::Kept | ClueFate::AfterStop))
        .filter(|(_, s)| matches!(s.role(), ClueRole::Wrapper | ClueRole::Symptom | ClueRole::Cause))
        .map(|(number, _)| number)
        .collect();
    numbers.sort_by_key(|number| {
        let sighting = case.seen.get(*number);
        let exception = sighting.is_some_and(|s| s.class() == EXCEPTION || s.is_trouble());
        let layer = sighting.map(|s| s.clue.layer);
        (std::cmp::Reverse((links.of.get(*number), exception, layer)), *number)
    });
    let mut classes: HashSet<&str> = HashSet::new();
    numbers.retain(|number| case.seen.get(*number).is_some_and(|s| classes.insert(s.class())));
    numbers.truncate(MOST_LOOKS);
    numbers.sort_unstable();
    numbers.iter().filter_map(|number| case.seen.get(*number)).map(|s| line(s.clue, s.clue.count)).collect()
}
