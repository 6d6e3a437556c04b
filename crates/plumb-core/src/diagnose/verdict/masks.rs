//! What explains what: a node that was taken back explains the executors that were lost with it.

use super::case::{Case, ClueFate, Sighting, push};
use super::names::Kinship;
use super::sift::STOPS;
use crate::diagnose::catalogue::FailureClass;
use crate::diagnose::clue::{Layer, Strength};
use std::collections::{BTreeMap, HashMap};

/// How long after a stop what ends ends because of it, in milliseconds.
const STOPPED: i64 = 60_000;
/// How much later than what it explains something may be written: logs are flushed and clocks differ. In milliseconds.
const SKEW: i64 = 5_000;
/// The same for what a service tells of a node: EC2 notes the end of an instance after its processes are gone.
const NODE_SKEW: i64 = 120_000;
/// How long the same symptom of the same node goes on being explained after it was: stages are tried again. In milliseconds.
const GOES_ON: i64 = 900_000;
/// How long before something may have befallen the same node, in seconds.
const WHILE_BEFORE: i64 = 600;
/// The families whose exceptions say themselves what they come from, and the class among them that does not.
const SAY_MUCH: [&str; 5] = ["sql", "storage", "versions", "memory", "user"];
const SPARK_CONTEXT: &str = "SPARK_CONTEXT";
/// What a node does not come back from: whoever asks it for its files fails from then on, however often the stage is tried again.
const GONE: [&str; 2] = ["SPOT_RECLAIM", "LOST_NODE"];
/// What says that a peer did not answer.
const ABOUT_PEERS: [&str; 3] = ["FETCH_FAILED", "RPC_DISASSOC", "BROADCAST_PIECE"];
/// How many clues with incomparable names are looked at.
const MOST_STRANGERS: usize = 8;

/// What explains a clue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ExplainedClue {
    pub(super) by: usize,
    /// Whether names prove it, and not only times.
    pub(super) proven: bool,
}

/// By what clues are looked up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    /// About the run as a whole.
    Run,
    Node(usize),
    Executor(String),
    Container(String),
    Path(String),
    /// About a node or an executor, whichever.
    Any,
}

struct Index {
    of: HashMap<String, BTreeMap<Key, Vec<usize>>>,
}

/// What explains each clue, by its number. Linear in the number of clues, up to the looking up.
pub(super) fn explained(case: &Case<'_>) -> Vec<Option<ExplainedClue>> {
    let mut explainers: HashMap<&str, Vec<&FailureClass>> = HashMap::new();
    let mut classes: Vec<&FailureClass> = case.classes().filter(|class| !class.explains.is_empty()).collect();
    classes.sort_by(|a, b| a.name.cmp(&b.name));
    for class in &classes {
        for explains in &class.explains {
            explainers.entry(explains.as_str()).or_default().push(class);
        }
    }
    let index = Index::of(case, |class| STOPS.contains(&class) || classes.iter().any(|c| &*c.name == class));
    let mut found: Vec<Option<ExplainedClue>> = vec![None; case.seen.len()];
    let mut going_on: HashMap<(&str, Option<usize>), (i64, ExplainedClue)> = HashMap::new();
    let mut anywhere: HashMap<&str, (i64, ExplainedClue)> = HashMap::new();
    for (number, sighting) in case.seen.iter().enumerate() {
        if !sighting.is_trouble() || !may_explain(sighting) {
            continue;
        }
        let by = explainers.get(sighting.class()).map_or(&[] as &[_], Vec::as_slice);
        let key = (sighting.class(), sighting.whereabouts.node);
        let best = best(case, &index, number, sighting, by);
        let alike = || anywhere.get(sighting.class()).copied().filter(|(_, like)| is_alike(case, sighting, *like));
        let explained = stopped(case, &index, number, sighting)
            .or_else(|| best.filter(|best| best.proven))
            .or_else(|| still(going_on.get(&key).copied(), sighting))
            .or_else(|| {
                still(alike(), sighting)
                    .map(|like| ExplainedClue { proven: like.proven && is_unnamed(sighting), ..like })
            })
            .or(best);
        if let (Some(explained), Some(at)) = (explained, sighting.at) {
            going_on.insert(key, (at, explained));
            anywhere.insert(sighting.class(), (at, explained));
        }
        if let Some(place) = found.get_mut(number) {
            *place = explained;
        }
    }
    found
}

/// What was recovered from may still explain what was not: an executor that is lost takes its shuffle files along.
fn may_explain(sighting: &Sighting<'_>) -> bool {
    matches!(sighting.fate, ClueFate::Kept | ClueFate::Recovered)
}

/// A symptom without a time stands in a traceback that is printed at the end.
fn still(before: Option<(i64, ExplainedClue)>, sighting: &Sighting<'_>) -> Option<ExplainedClue> {
    let (before, explained) = before?;
    sighting.at.is_none_or(|at| at - before <= GOES_ON).then_some(explained)
}

/// Whether what explained the last symptom like it explains this one: of executors that die in a row alike, the log of one is
/// enough. What happened to a node happened to no other node.
fn is_alike(case: &Case<'_>, sighting: &Sighting<'_>, like: ExplainedClue) -> bool {
    let of_a_node = |by: &Sighting<'_>| by.clue.strength == Strength::Service || by.clue.layer == Layer::Node;
    let is_of_a_node = case.seen.get(like.by).is_none_or(of_a_node);
    !sighting.is_cause() && (is_unnamed(sighting) || !is_of_a_node)
}

/// Whether it is a symptom that names nobody.
fn is_unnamed(sighting: &Sighting<'_>) -> bool {
    sighting.is_of_the_run && !sighting.is_cause()
}

/// A person or a policy ended it within a minute before.
fn stopped(case: &Case<'_>, index: &Index, number: usize, sighting: &Sighting<'_>) -> Option<ExplainedClue> {
    let at = sighting.at?;
    if STOPS.contains(&sighting.class()) {
        return None;
    }
    let by = STOPS.iter().find_map(|class| {
        let numbers = index.of.get(*class)?.get(&Key::Run)?;
        first_in(case, numbers, Some(at - STOPPED), Some(at))
    })?;
    (by != number).then_some(ExplainedClue { by, proven: true })
}

/// The strongest clue of the classes that explain this one, in its time and place.
fn best(
    case: &Case<'_>,
    index: &Index,
    number: usize,
    sighting: &Sighting<'_>,
    by: &[&FailureClass],
) -> Option<ExplainedClue> {
    let mut found: Option<(ExplainedClue, (bool, bool, Strength, bool))> = None;
    for class in by {
        let Some(keys) = index.of.get(&*class.name) else { continue };
        let from = |seconds: i64| sighting.at.map(|at| at - seconds * 1_000);
        for key in keys_of(sighting, keys) {
            let Some(numbers) = keys.get(&key) else { continue };
            let named = matches!(key, Key::Node(_) | Key::Executor(_) | Key::Container(_));
            let is_gone = named && is_about_a_peer(sighting) && GONE.contains(&&*class.name);
            let earliest = if is_gone { None } else { from(class.within) };
            let close = in_reach(case, numbers, earliest, number, sighting, &key);
            // What befell the same node a while before is likely why, though nothing proves it.
            let while_before = || {
                let named = !matches!(key, Key::Run | Key::Any | Key::Path(_)) && !sighting.is_cause();
                let long = from(class.within.max(WHILE_BEFORE));
                let found = if named { in_reach(case, numbers, long, number, sighting, &key) } else { None };
                found.map(|explained| ExplainedClue { proven: false, ..explained })
            };
            let Some(explained) = close.or_else(while_before) else { continue };
            let Some(by) = case.seen.get(explained.by) else { continue };
            let rank = (explained.proven, by.is_cause(), by.clue.strength, key != Key::Run);
            if found.as_ref().is_none_or(|(_, best)| rank > *best) {
                found = Some((explained, rank));
            }
        }
    }
    found.map(|(explained, _)| explained)
}

/// Whether one is an exception that says itself what it comes from, and the other stands in another message of the program: that
/// one may have been caught. What says little (a session that was stopped, a limit of time) is explained by what came before.
fn speaks_for_itself(case: &Case<'_>, sighting: &Sighting<'_>, other: &Sighting<'_>) -> bool {
    let family = case.class(sighting.class()).map_or("", |class| class.family.as_str());
    let says_much = SAY_MUCH.contains(&family) && sighting.class() != SPARK_CONTEXT;
    let of_the_program = matches!(other.clue.layer, Layer::Step | Layer::Driver);
    says_much && of_the_program && sighting.is_cause() && sighting.message != other.message
}

fn is_about_a_peer(sighting: &Sighting<'_>) -> bool {
    ABOUT_PEERS.contains(&sighting.class())
}

/// The first clue of a list that is not too early and not too late for what it is to explain.
fn in_reach(
    case: &Case<'_>,
    numbers: &[usize],
    earliest: Option<i64>,
    number: usize,
    sighting: &Sighting<'_>,
    key: &Key,
) -> Option<ExplainedClue> {
    let from = start(case, numbers, earliest);
    let reach = if *key == Key::Any { MOST_STRANGERS } else { 2 };
    let untimed = numbers.iter().rev().take(1).filter(|n| case.seen.get(**n).is_some_and(|s| s.at.is_none()));
    for &candidate in numbers.get(from..)?.iter().take(reach).chain(untimed) {
        case.looked();
        let Some(other) = case.seen.get(candidate) else { continue };
        if *key == Key::Run && speaks_for_itself(case, sighting, other) {
            continue;
        }
        // A cause is no consequence of a symptom.
        if sighting.is_cause() && !other.is_cause() {
            continue;
        }
        if candidate == number || !in_time(sighting, other, earliest) || paths_differ(sighting, other) {
            continue;
        }
        let kinship = case.names.kinship(&sighting.whereabouts, &other.whereabouts);
        let proven = *key != Key::Any;
        // What names cannot prove explains a symptom, and never a cause.
        if !proven && (kinship == Kinship::Different || sighting.is_cause()) {
            continue;
        }
        return Some(ExplainedClue { by: candidate, proven });
    }
    None
}

fn in_time(sighting: &Sighting<'_>, by: &Sighting<'_>, earliest: Option<i64>) -> bool {
    let skew = if by.clue.strength == Strength::Service || by.clue.layer == Layer::Node { NODE_SKEW } else { SKEW };
    match (sighting.at, by.at) {
        (Some(at), Some(before)) => before <= at + skew && earliest.is_none_or(|earliest| before >= earliest),
        _ => true,
    }
}

/// Where in a list, which is in order of time, the clues from `earliest` on begin.
fn start(case: &Case<'_>, numbers: &[usize], earliest: Option<i64>) -> usize {
    let Some(earliest) = earliest else { return 0 };
    numbers.partition_point(|n| {
        case.looked();
        case.seen.get(*n).and_then(|s| s.at).is_some_and(|at| at < earliest)
    })
}

fn first_in(case: &Case<'_>, numbers: &[usize], from: Option<i64>, to: Option<i64>) -> Option<usize> {
    let number = *numbers.get(start(case, numbers, from))?;
    let at = case.seen.get(number)?.at?;
    to.is_none_or(|to| at <= to).then_some(number)
}

/// The keys under which what explains a clue may stand.
fn keys_of(sighting: &Sighting<'_>, keys: &BTreeMap<Key, Vec<usize>>) -> Vec<Key> {
    let about = &sighting.whereabouts;
    let mut of: Vec<Key> = vec![Key::Run];
    of.extend(about.node.map(Key::Node));
    of.extend(about.executor.clone().map(Key::Executor));
    of.extend(about.container.clone().map(Key::Container));
    if let Some(path) = path_of(sighting) {
        of.extend(parents(&path).map(|parent| Key::Path(parent.to_owned())));
    }
    of.push(Key::Any);
    of.retain(|key| keys.contains_key(key));
    of
}

/// Slots that name what was to be read.
fn path_of(sighting: &Sighting<'_>) -> Option<String> {
    let slot = ["path", "resource", "key"].iter().find_map(|name| sighting.clue.slots.get(*name))?;
    let path = slot.trim_end_matches(['/', '*', '.', '\'', '"', ';', ',']);
    let path = path.split_once("://").map_or(path, |(_, rest)| rest);
    path.contains('/').then(|| path.to_owned())
}

fn parents(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| path.rsplit_once('/').map(|(parent, _)| parent)).take(12)
}

/// Whether both name what was to be read, and it is not the same.
fn paths_differ(one: &Sighting<'_>, other: &Sighting<'_>) -> bool {
    match (path_of(one), path_of(other)) {
        (Some(one), Some(other)) => !one.starts_with(&other) && !other.starts_with(&one),
        _ => false,
    }
}

impl Index {
    fn of(case: &Case<'_>, wanted: impl Fn(&str) -> bool) -> Index {
        let mut of: HashMap<String, BTreeMap<Key, Vec<usize>>> = HashMap::new();
        let mut known: HashMap<&str, bool> = HashMap::new();
        for (number, sighting) in case.seen.iter().enumerate() {
            let class = sighting.class();
            let wanted = *known.entry(class).or_insert_with(|| wanted(class));
            if !wanted || !sighting.is_trouble() || !may_explain(sighting) {
                continue;
            }
            let keys = of.entry(class.to_owned()).or_default();
            if sighting.is_of_the_run || STOPS.contains(&class) {
                push(keys, Key::Run, number);
            } else {
                push(keys, Key::Any, number);
            }
            let about = &sighting.whereabouts;
            if let Some(node) = about.node {
                push(keys, Key::Node(node), number);
            }
            if let Some(executor) = &about.executor {
                push(keys, Key::Executor(executor.clone()), number);
            }
            if let Some(container) = &about.container {
                push(keys, Key::Container(container.clone()), number);
            }
            if let Some(path) = path_of(sighting) {
                push(keys, Key::Path(path), number);
            }
        }
        Index { of }
    }
}
