//! The clues of one run in one order, each with what the steps find out about it.

use super::names::{NodeNames, Whereabouts, of_container};
use crate::diagnose::catalogue::{Catalogue, FailureClass};
use crate::diagnose::clue::{Clue, ClueRole, ClueSubject, Layer, Strength};
use crate::diagnose::facts::RunFacts;
use std::cell::Cell;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A fetch failure is told by the task that fetched, and is about the executor that had the data.
const FETCH_FAILED: &str = "FETCH_FAILED";
/// More clues of one message name nobody new.
const MOST_NAMED: usize = 8;

/// What became of a clue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClueFate {
    /// It may be the cause, or lead to it.
    Kept,
    /// Of an attempt before the last one.
    EarlierAttempt,
    /// After the end: clearing away.
    Cleared,
    /// An exception after the session was stopped: what a `finally` lets through. It counts where nothing else does.
    AfterStop,
    /// Work went on after it.
    Recovered,
    /// Of another application, or said to be none.
    Dismissed,
    /// The same message says it better.
    Unwrapped,
}

/// A clue, and what the steps find out about it.
pub(super) struct Sighting<'a> {
    pub(super) clue: &'a Clue,
    /// In milliseconds; where the clue has no time, that of the clue before it in its file.
    pub(super) at: Option<i64>,
    pub(super) application: Option<String>,
    pub(super) attempt: Option<u32>,
    /// What ends as one: a container, the files of a driver, the files of a step.
    pub(super) stream: String,
    /// The number of its message: a file and an event in it.
    pub(super) message: usize,
    pub(super) whereabouts: Whereabouts,
    /// `7.0`, and the id of the task's attempt: its own, or those that its message names.
    pub(super) stage: Option<String>,
    pub(super) tid: Option<String>,
    /// Whether it is about the run as a whole, and not about a node or an executor of it.
    pub(super) is_of_the_run: bool,
    pub(super) fate: ClueFate,
}

impl Sighting<'_> {
    pub(super) fn class(&self) -> &str {
        &self.clue.class
    }

    pub(super) fn role(&self) -> ClueRole {
        self.clue.role
    }

    /// Whether it says why something failed: exit codes are shared by too many causes.
    pub(super) fn is_cause(&self) -> bool {
        self.role() == ClueRole::Cause && self.clue.strength > Strength::ExitCode
    }

    /// Whether it is a candidate at all.
    pub(super) fn is_trouble(&self) -> bool {
        matches!(self.role(), ClueRole::Cause | ClueRole::Symptom)
    }
}

/// All that is known of a run, in one order.
pub(super) struct Case<'a> {
    pub(super) facts: &'a RunFacts,
    /// By time; those without one at the end.
    pub(super) seen: Vec<Sighting<'a>>,
    pub(super) names: NodeNames,
    classes: HashMap<&'a str, &'a FailureClass>,
    /// The clues of each message, by its number.
    pub(super) messages: Vec<Vec<usize>>,
    /// Looked-up clues: it grows with their number, not with its square.
    work: Cell<u64>,
}

impl<'a> Case<'a> {
    pub(super) fn new(catalogue: &'a Catalogue, facts: &'a RunFacts) -> Case<'a> {
        let mut clues: Vec<&Clue> = facts.clues.iter().collect();
        clues.sort_by(|a, b| in_files(a, b));
        clues.dedup_by(|a, b| a == b);
        let times = times(&clues);
        let applications = applications(&clues);
        let names = NodeNames::of(facts.relations.iter(), clues.iter().map(|clue| &clue.subject));
        let mut numbers: HashMap<(&str, u64), usize> = HashMap::new();
        let mut messages: Vec<Vec<usize>> = Vec::new();
        let mut of_message: Vec<usize> = Vec::with_capacity(clues.len());
        for (index, clue) in clues.iter().enumerate() {
            let message = *numbers.entry((clue.place.file.as_str(), clue.event)).or_insert(messages.len());
            if message == messages.len() {
                messages.push(Vec::new());
            }
            if let Some(all) = messages.get_mut(message) {
                all.push(index);
            }
            of_message.push(message);
        }
        let mut seen: Vec<Sighting<'a>> = Vec::with_capacity(clues.len());
        let heads: Vec<MessageNames<'_>> = messages.iter().map(|all| MessageNames::of(&clues, all)).collect();
        for ((clue, at), message) in clues.iter().zip(times).zip(of_message) {
            let subject = heads.get(message).map_or_else(|| clue.subject.clone(), |head| head.complete(clue));
            let stream = stream(clue);
            let by_stream = || applications.of_streams.get(&stream).cloned().flatten();
            seen.push(Sighting {
                clue,
                at,
                application: application(clue).or_else(|| applications.only.clone()).or_else(by_stream),
                attempt: clue.subject.attempt.or_else(|| in_container(clue).map(|(_, attempt)| attempt)),
                stream,
                message,
                whereabouts: names.whereabouts(&subject),
                is_of_the_run: clue.layer <= Layer::Driver && subject.host.is_none() && subject.executor.is_none(),
                stage: subject.stage,
                tid: subject.tid,
                fate: ClueFate::Kept,
            });
        }
        // Stable: clues of one file and one time stay as they stand in it.
        seen.sort_by_key(|s| (s.at.is_none(), s.at, std::cmp::Reverse(s.clue.layer)));
        let mut messages = vec![Vec::new(); messages.len()];
        for (index, sighting) in seen.iter().enumerate() {
            if let Some(message) = messages.get_mut(sighting.message) {
                message.push(index);
            }
        }
        let classes = catalogue.classes().iter().map(|class| (&*class.name, class)).collect();
        Case { facts, seen, names, classes, messages, work: Cell::new(0) }
    }

    pub(super) fn class(&self, name: &str) -> Option<&'a FailureClass> {
        self.classes.get(name).copied()
    }

    pub(super) fn classes(&self) -> impl Iterator<Item = &'a FailureClass> {
        self.classes.values().copied()
    }

    /// Sets the fate of those that are still kept and that `is` holds of.
    pub(super) fn settle(&mut self, fate: ClueFate, is: impl Fn(&Sighting<'a>) -> bool) {
        for sighting in &mut self.seen {
            if sighting.fate == ClueFate::Kept && is(sighting) {
                sighting.fate = fate;
            }
        }
    }

    pub(super) fn kept(&self) -> impl Iterator<Item = (usize, &Sighting<'a>)> {
        self.seen.iter().enumerate().filter(|(_, s)| s.fate == ClueFate::Kept)
    }

    /// Counts one look at a clue.
    pub(super) fn looked(&self) {
        self.work.set(self.work.get() + 1);
    }

    #[cfg(test)]
    pub(super) fn work(&self) -> u64 {
        self.work.get()
    }
}

/// Whom the clues of one message name: `Lost task 3.1 in stage 7.0 (TID 41) (10.0.0.1 executor 5): java.lang.X` is one clue
/// that names a task, and another one that does not.
struct MessageNames<'c> {
    clues: Vec<&'c Clue>,
}

impl<'c> MessageNames<'c> {
    fn of(clues: &[&'c Clue], message: &[usize]) -> MessageNames<'c> {
        let clues = message.iter().filter_map(|index| clues.get(*index).copied());
        let names =
            |clue: &&Clue| clue.subject.executor.is_some() || clue.subject.host.is_some() || clue.subject.tid.is_some();
        MessageNames { clues: clues.filter(names).take(MOST_NAMED).collect() }
    }

    /// The subject of a clue with what its message names.
    fn complete(&self, clue: &Clue) -> ClueSubject {
        let mut subject = clue.subject.clone();
        if subject.stage.is_none()
            && subject.tid.is_none()
            && let Some(task) = self.clues.iter().find(|other| other.subject.tid.is_some())
        {
            (subject.stage, subject.tid) = (task.subject.stage.clone(), task.subject.tid.clone());
        }
        if !matches!(clue.layer, Layer::Step | Layer::Driver) || subject.executor.is_some() || subject.host.is_some() {
            return subject;
        }
        // The container of a driver's log is the driver's, whomever its lines are about.
        subject.container = None;
        let named = |other: &&&Clue| other.subject.executor.is_some() || other.subject.host.is_some();
        let of_its_class = self.clues.iter().filter(named).find(|other| other.class == clue.class);
        // A task that could not fetch names itself, and fails of another executor.
        let of_another = || self.clues.iter().find(named).filter(|_| &*clue.class != FETCH_FAILED);
        if let Some(other) = of_its_class.or_else(of_another) {
            subject.executor = other.subject.executor.clone();
            subject.host = other.subject.host.clone();
        }
        subject
    }
}

/// The applications of a run.
struct Applications {
    /// If there is but one.
    only: Option<String>,
    /// The one that the clues of a stream name; `None`: several.
    of_streams: HashMap<String, Option<String>>,
}

fn applications(clues: &[&Clue]) -> Applications {
    let mut all: BTreeSet<String> = BTreeSet::new();
    let mut of_streams: HashMap<String, Option<String>> = HashMap::new();
    for clue in clues {
        let Some(application) = application(clue) else { continue };
        if clue.layer == Layer::Step {
            let of = of_streams.entry(stream(clue)).or_insert_with(|| Some(application.clone()));
            if of.as_ref() != Some(&application) {
                *of = None;
            }
        }
        all.insert(application);
    }
    let only = if all.len() == 1 { all.into_iter().next() } else { None };
    Applications { only, of_streams }
}

/// The order of files, lines, and depths: what is left of it decides nothing but which of two equal clues is shown.
fn in_files(a: &Clue, b: &Clue) -> Ordering {
    let key = |c: &Clue| (c.place.line, c.event, c.depth);
    (a.place.file.cmp(&b.place.file))
        .then_with(|| key(a).cmp(&key(b)))
        .then_with(|| a.class.cmp(&b.class))
        .then_with(|| a.at.cmp(&b.at))
        .then_with(|| (a.role, a.strength, a.layer).cmp(&(b.role, b.strength, b.layer)))
        .then_with(|| a.text.cmp(&b.text))
        .then_with(|| a.count.cmp(&b.count))
        .then_with(|| a.slots.cmp(&b.slots))
        .then_with(|| subject_key(a).cmp(&subject_key(b)))
        .then_with(|| a.frame.cmp(&b.frame))
}

fn subject_key(clue: &Clue) -> ([&Option<String>; 7], Option<u32>) {
    let s = &clue.subject;
    ([&s.application, &s.container, &s.executor, &s.host, &s.stage, &s.tid, &s.task], s.attempt)
}

/// The times of clues in the order of their files. A line without a time has that of the one before it; a member of an answer
/// has not: answers are in no order.
fn times(clues: &[&Clue]) -> Vec<Option<i64>> {
    let mut last: Option<(&str, i64)> = None;
    let mut times = Vec::with_capacity(clues.len());
    for clue in clues {
        let file = clue.place.file.as_str();
        let said = clue.at.map(|at| at.as_millisecond());
        let answered = clue.layer == Layer::Service || clue.strength == Strength::Service;
        let inherited = last.filter(|(of, _)| *of == file && !answered).map(|(_, at)| at);
        let at = said.or(inherited);
        if let Some(at) = at {
            last = Some((file, at));
        }
        times.push(at);
    }
    times
}

fn in_container(clue: &Clue) -> Option<(String, u32)> {
    of_container(clue.subject.container.as_deref()?)
}

/// The application of a clue. An `app-…` of Databricks' executors is in no driver's log: it tells nothing apart.
fn application(clue: &Clue) -> Option<String> {
    let named = clue.subject.application.clone().filter(|name| name.starts_with("application_"));
    named.or_else(|| in_container(clue).map(|(application, _)| application))
}

fn stream(clue: &Clue) -> String {
    let subject = &clue.subject;
    let file = clue.place.file.as_str();
    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    match (clue.layer, &subject.container, &subject.executor) {
        (Layer::Driver | Layer::Executor, Some(container), _) if file.contains(container.as_str()) => container.clone(),
        (Layer::Driver | Layer::Step, ..) => format!("{folder}/"),
        _ => file.to_owned(),
    }
}

/// Values in a map from keys to lists.
pub(super) fn push<K: Ord, V>(map: &mut BTreeMap<K, Vec<V>>, key: K, value: V) {
    map.entry(key).or_default().push(value);
}
