//! Which of the clues that are left is the cause, and how sure that is.

use super::case::{Case, ClueFate, Sighting};
use super::links::{Link, Links};
use super::masks::ExplainedClue;
use super::outcome::RunEnding;
use super::sift::{USER_CODE, is_exception};
use crate::diagnose::clue::{Layer, Strength};
use crate::diagnose::fingerprint::fingerprint;
use crate::diagnose::result::{Confidence, RunOutcome};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// A clue that may be the cause, with what it explains.
#[derive(Clone, Debug)]
pub(super) struct CauseCandidate {
    pub(super) root: usize,
    /// The clues that it explains, and itself, in order.
    pub(super) members: Vec<usize>,
    pub(super) link: Link,
    /// Whether names prove what it explains.
    pub(super) proven: bool,
}

/// What was chosen.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) candidate: CauseCandidate,
    pub(super) confidence: Confidence,
    pub(super) reason: String,
}

/// What a run waits for that has begun.
const NO_RESOURCES: &str = "NO_RESOURCES";
/// How often it is said before it is believed.
const AGAIN: u64 = 4;

/// How good a candidate is, apart from when it was.
type ClueRank = (u8, Link, bool, Strength);

/// The cause, and others that could be it as well.
pub(super) fn choose(
    case: &Case<'_>,
    links: &Links,
    explained: &[Option<ExplainedClue>],
    ending: RunEnding,
) -> (Option<Chosen>, Vec<Chosen>) {
    let candidates: Vec<CauseCandidate> = candidates(case, links, explained, ending)
        .into_iter()
        .filter(|candidate| match ending.outcome {
            RunOutcome::Failed => says_enough(case, candidate),
            RunOutcome::Running => is_waiting(case, candidate),
            _ => speaks_alone(case, candidate),
        })
        .collect();
    let rank = |candidate: &CauseCandidate| case.seen.get(candidate.root).map(|s| rank_of(s, candidate, links));
    let best = candidates.iter().max_by_key(|candidate| (rank(candidate), Reverse(candidate.root)));
    let Some(best) = best else { return (None, Vec::new()) };
    let Some(chosen) = case.seen.get(best.root) else { return (None, Vec::new()) };
    let mut rivals: Vec<&CauseCandidate> = Vec::new();
    for candidate in &candidates {
        let Some(other) = case.seen.get(candidate.root) else { continue };
        let new = rivals.iter().all(|r| case.seen.get(r.root).is_some_and(|r| r.class() != other.class()));
        let ties = rank(candidate) == rank(best) && chosen.is_cause();
        if ties && new && other.class() != chosen.class() && other.clue.layer != chosen.clue.layer {
            rivals.push(candidate);
        }
    }
    let symptom = candidates.iter().any(|c| {
        c.link >= Link::Executor && case.seen.get(c.root).is_some_and(|s| !s.is_cause()) && c.root != best.root
    });
    let many = !rivals.is_empty();
    let told = |candidate: &CauseCandidate| {
        let (confidence, reason) = confidence(case, links, candidate, many, symptom);
        Chosen { candidate: candidate.clone(), confidence, reason }
    };
    (Some(told(best)), rivals.into_iter().map(told).collect())
}

/// The clues that nothing explains, each with what it explains.
fn candidates(
    case: &Case<'_>,
    links: &Links,
    explained: &[Option<ExplainedClue>],
    ending: RunEnding,
) -> Vec<CauseCandidate> {
    let any_kept = case.kept().any(|(_, s)| s.is_cause());
    let counts = |s: &Sighting<'_>| {
        let fate = s.fate == ClueFate::Kept || (s.fate == ClueFate::AfterStop && !any_kept);
        fate && s.is_trouble() && (ending.lost_sight.is_none() || s.clue.layer == Layer::Airflow)
    };
    let mut by_root: BTreeMap<usize, CauseCandidate> = BTreeMap::new();
    for (number, _) in case.seen.iter().enumerate().filter(|(_, s)| counts(s)) {
        let (way, proven) = way_up(case, explained, number);
        let Some(&root) = way.last() else { continue };
        let link = links.of.get(number).copied().unwrap_or_default();
        let candidate = by_root.entry(root).or_insert_with(|| CauseCandidate {
            root,
            members: Vec::new(),
            link: Link::None,
            proven: false,
        });
        let own = links.of.get(root).copied().unwrap_or_default();
        // What is itself linked needs no proof by what it explains.
        if link > candidate.link || (link == candidate.link && proven) {
            candidate.proven = proven;
        }
        candidate.link = candidate.link.max(link);
        if own > Link::None && own >= candidate.link {
            candidate.link = own;
            candidate.proven = true;
        }
        candidate.members.extend(way);
    }
    let mut candidates = one_of_each(case, links, by_root.into_values());
    for candidate in &mut candidates {
        candidate.members.sort_unstable();
        candidate.members.dedup();
    }
    candidates
}

/// One candidate for each thing that happened: the best of those that say it, with what they all explain.
fn one_of_each(case: &Case<'_>, links: &Links, all: impl Iterator<Item = CauseCandidate>) -> Vec<CauseCandidate> {
    let mut of: BTreeMap<(&str, String), CauseCandidate> = BTreeMap::new();
    for candidate in all {
        let Some(sighting) = case.seen.get(candidate.root) else { continue };
        // Two exceptions of the user's own are two things.
        let which = if sighting.class() == USER_CODE { fingerprint(sighting.clue) } else { String::new() };
        match of.entry((sighting.class(), which)) {
            Entry::Vacant(place) => {
                place.insert(candidate);
            }
            Entry::Occupied(mut place) => {
                let before = place.get_mut();
                let rank = |c: &CauseCandidate| case.seen.get(c.root).map(|s| (rank_of(s, c, links), c.proven));
                let mut members = std::mem::take(&mut before.members);
                members.extend(candidate.members.iter().copied());
                if rank(&candidate) > rank(before) {
                    *before = candidate;
                }
                before.members = members;
            }
        }
    }
    of.into_values().collect()
}

/// From a clue to what explains it, and what explains that, up to what nothing explains.
fn way_up(case: &Case<'_>, explained: &[Option<ExplainedClue>], from: usize) -> (Vec<usize>, bool) {
    let (mut way, mut proven) = (vec![from], true);
    let mut at = from;
    while let Some(Some(up)) = explained.get(at) {
        case.looked();
        // A class explains others than itself: a way is no longer than there are classes, and a circle ends it.
        if way.contains(&up.by) {
            break;
        }
        proven &= up.proven;
        way.push(up.by);
        at = up.by;
    }
    (way, proven)
}

/// Whether nothing links it to the end, and it is about another node, executor or task, or about some node at all.
fn is_astray(sighting: &Sighting<'_>, candidate: &CauseCandidate, links: &Links) -> bool {
    let elsewhere = links.elsewhere.get(candidate.root).copied().unwrap_or_default();
    candidate.link == Link::None && (elsewhere || (sighting.clue.layer == Layer::Node && links.any_end))
}

fn rank_of(sighting: &Sighting<'_>, candidate: &CauseCandidate, links: &Links) -> ClueRank {
    let tier = match (sighting.is_cause(), candidate.link > Link::None) {
        (true, true) => 4,
        (true, false) if !is_astray(sighting, candidate, links) => 3,
        (false, true) => 2,
        (true, false) => 1,
        (false, false) => 0,
    };
    (tier, candidate.link, sighting.class() != USER_CODE, sighting.clue.strength)
}

/// Where nothing says that the run failed, only an exception or a service's word is a cause; the log of a node or an executor
/// alone may say it in a sentence.
fn speaks_alone(case: &Case<'_>, candidate: &CauseCandidate) -> bool {
    let Some(sighting) = case.seen.get(candidate.root) else { return false };
    let program = case.seen.iter().any(|s| matches!(s.clue.layer, Layer::Step | Layer::Driver));
    let strong = sighting.clue.strength >= Strength::Typed || is_exception(sighting);
    sighting.is_cause() && sighting.fate == ClueFate::Kept && (strong || !program)
}

/// Whether a candidate says more than an exit code or a refused connection that nothing links to the end.
fn says_enough(case: &Case<'_>, candidate: &CauseCandidate) -> bool {
    let weak = |s: &Sighting<'_>| !s.is_cause() && s.clue.strength == Strength::ExitCode;
    candidate.link > Link::None || !case.seen.get(candidate.root).is_some_and(weak)
}

/// What a run that still goes on waits for, or what keeps it waiting: said again and again, and no work since.
fn is_waiting(case: &Case<'_>, candidate: &CauseCandidate) -> bool {
    let Some(root) = case.seen.get(candidate.root) else { return false };
    let said = candidate.members.iter().filter_map(|m| case.seen.get(*m)).filter(|s| s.class() == NO_RESOURCES);
    root.is_cause() && said.map(|s| s.clue.count + 1).sum::<u64>() >= AGAIN
}

fn confidence(
    case: &Case<'_>,
    links: &Links,
    candidate: &CauseCandidate,
    many: bool,
    symptom: bool,
) -> (Confidence, String) {
    let said = |confidence, reason: &str| (confidence, reason.to_owned());
    let Some(sighting) = case.seen.get(candidate.root) else { return said(Confidence::Possible, "") };
    if !sighting.is_cause() {
        return said(Confidence::Possible, "a symptom: what led to it is not in what was read");
    }
    if many {
        return said(Confidence::Possible, "two causes are equally near the end");
    }
    if sighting.fate == ClueFate::AfterStop {
        return said(Confidence::Possible, "it was thrown after the session was stopped");
    }
    if candidate.link == Link::None {
        if is_astray(sighting, candidate, links) {
            return said(Confidence::Possible, "it is not on the node or in the task that the run ended with");
        }
        if symptom {
            return said(Confidence::Possible, "the run ended with a symptom that it may not explain");
        }
        return said(Confidence::Likely, "it is in the attempt that failed; nothing links it to the end");
    }
    if !candidate.proven {
        return said(Confidence::Likely, "it fits in time; no name proves that it is the same node");
    }
    let maskable = case.classes().any(|class| class.explains.iter().any(|name| name == sighting.class()));
    if maskable && !case.facts.missing.is_empty() {
        return said(Confidence::Likely, "it is linked to the end; what could lie behind it could not be read");
    }
    if sighting.clue.strength == Strength::Service {
        return said(Confidence::Certain, "the service says so");
    }
    said(Confidence::Certain, "the message is linked to what ended the run")
}
