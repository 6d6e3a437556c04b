//! Which clues are linked to what ended the run.

use super::case::{Case, ClueFate, Sighting};
use super::names::Kinship;
use super::sift::{PASSED_ON, STAGE_ABORT, STOPS, is_exception, stage_number};
use crate::diagnose::clue::{ClueRole, Layer, Strength};
use std::collections::{HashMap, HashSet};

/// How a clue is linked to the end, from the weakest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Link {
    #[default]
    None,
    /// On the node that the stage was given up for.
    Host,
    /// On its executor.
    Executor,
    /// It is the task that the stage was given up for.
    Task,
    /// In the message that ended the run, or the service says it of the run itself.
    End,
}

/// How long before the stage was given up its executor or node may say why, in milliseconds.
const NEAR: i64 = 600_000;
/// How close to the end a service's word must be to be of the end, in milliseconds.
const CLOSE: i64 = 120_000;

/// What the end of the run names.
pub(super) struct Links {
    /// Of each clue.
    pub(super) of: Vec<Link>,
    /// Of each clue: whether it is about another task, executor or node than the end names.
    pub(super) elsewhere: Vec<bool>,
    /// Whether anything says how it ended.
    pub(super) any_end: bool,
}

/// Links the clues of a sifted case.
pub(super) fn links(case: &Case<'_>) -> Links {
    let ends = end_messages(case);
    let aborts: Vec<&Sighting<'_>> = case.kept().map(|(_, s)| s).filter(|s| s.class() == STAGE_ABORT).collect();
    let tasks: HashSet<(&str, &str)> = aborts.iter().filter_map(|s| task(s)).collect();
    let stages: HashSet<&str> = tasks.iter().map(|(stage, _)| *stage).collect();
    // Of many stages that were given up, the first one counts: the rest follow.
    let first = aborts.iter().find(|s| s.whereabouts.node.is_some() || s.whereabouts.executor.is_some());
    let closing = closing_time(case);
    let length = case.seen.len();
    let any_end = !ends.is_empty();
    let mut links = Links { of: Vec::with_capacity(length), elsewhere: Vec::with_capacity(length), any_end };
    for sighting in &case.seen {
        case.looked();
        let kinship = first.map(|abort| case.names.kinship(&abort.whereabouts, &sighting.whereabouts));
        let near = || first.is_some_and(|abort| within_reach(abort, sighting));
        let same_executor = || {
            let executor = first.and_then(|abort| abort.whereabouts.executor.as_ref());
            executor.is_some() && executor == sighting.whereabouts.executor.as_ref()
        };
        let link = if ends.contains(&sighting.message) || of_the_end(case, sighting, closing) {
            Link::End
        } else if task(sighting).is_some_and(|task| tasks.contains(&task)) {
            Link::Task
        } else if kinship == Some(Kinship::Same) && near() {
            if same_executor() { Link::Executor } else { Link::Host }
        } else {
            Link::None
        };
        links.of.push(link);
        let other_task = task(sighting).is_some_and(|(stage, _)| !tasks.is_empty() && !stages.contains(stage));
        let long_before = kinship == Some(Kinship::Same) && !near();
        let elsewhere = kinship == Some(Kinship::Different) || other_task || long_before;
        links.elsewhere.push(link == Link::None && elsewhere);
    }
    links
}

fn task<'s>(sighting: &'s Sighting<'_>) -> Option<(&'s str, &'s str)> {
    Some((stage_number(sighting.stage.as_deref()?), sighting.tid.as_deref()?))
}

fn within_reach(abort: &Sighting<'_>, sighting: &Sighting<'_>) -> bool {
    match (abort.at, sighting.at) {
        (Some(abort), Some(at)) => at <= abort + 1_000 && abort - at <= NEAR,
        _ => true,
    }
}

/// The messages that end the run: what says so, and of a log in which nothing that says so says why, the last exception.
fn end_messages(case: &Case<'_>) -> HashSet<usize> {
    let before_the_stop = case.kept().any(|(_, s)| s.is_cause());
    let counts = |s: &Sighting<'_>| {
        let fate = s.fate == ClueFate::Kept || (s.fate == ClueFate::AfterStop && !before_the_stop);
        fate && s.clue.layer <= Layer::Driver
    };
    let says_so = |s: &Sighting<'_>| s.role() == ClueRole::Wrapper && !PASSED_ON.contains(&s.class());
    let mut ends: HashSet<usize> = case.seen.iter().filter(|s| counts(s) && says_so(s)).map(|s| s.message).collect();
    let says_why = |s: &&Sighting<'_>| counts(s) && s.is_trouble() && ends.contains(&s.message);
    let told: HashSet<&str> = case.seen.iter().filter(says_why).map(|s| s.clue.place.file.as_str()).collect();
    let mut last: HashMap<&str, ((bool, Option<u64>), usize)> = HashMap::new();
    for sighting in case.seen.iter().filter(|s| counts(s) && is_exception(s) && s.clue.layer != Layer::Service) {
        let place = &sighting.clue.place;
        if told.contains(place.file.as_str()) {
            continue;
        }
        // What an exception is called says more than its sentence: a session that was stopped is complained of to the end.
        let is_named = sighting.clue.strength >= Strength::Typed || PASSED_ON.contains(&sighting.class());
        let rank = (is_named, place.line);
        let latest = last.entry(place.file.as_str()).or_insert((rank, sighting.message));
        if rank >= latest.0 {
            *latest = (rank, sighting.message);
        }
    }
    ends.extend(last.into_values().map(|(_, message)| message));
    ends
}

/// When the run ended, as far as anything says.
fn closing_time(case: &Case<'_>) -> Option<i64> {
    let said = case.facts.subject.ended.map(|at| at.as_millisecond());
    let logged = || case.kept().filter(|(_, s)| s.role() == ClueRole::Wrapper).filter_map(|(_, s)| s.at).max();
    said.or_else(logged)
}

/// Whether it is a service's word on the run itself: without a time, or with one close to the end.
fn of_the_end(case: &Case<'_>, sighting: &Sighting<'_>, closing: Option<i64>) -> bool {
    let of_the_run = sighting.clue.layer == Layer::Service && sighting.is_of_the_run && sighting.is_trouble();
    if !of_the_run || sighting.fate != ClueFate::Kept {
        return false;
    }
    case.looked();
    match (sighting.at, closing) {
        (Some(at), Some(closing)) => closing - at <= CLOSE || STOPS.contains(&sighting.class()),
        _ => true,
    }
}
