//! What to read next: rings from small to large, and no further than the verdict needs.

use super::catalogue::Catalogue;
use super::clue::{Clue, ClueRole};
use super::facts::{Relation, RunFacts};
use super::result::{Confidence, Diagnosis, RunOutcome};
use std::collections::BTreeSet;

/// The most names of one kind that are asked for: the last ones are nearest to the end.
const MOST_NAMES: usize = 8;

/// A ring of reading. Each is read whole before it is decided whether another is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ring {
    /// What services say: states, reasons, outputs, events.
    Answers,
    /// The step's own logs; the driver of every attempt.
    Driver,
    /// Executors that the driver names as lost or failed.
    Executors,
    /// The daemons, kernel and init scripts of the nodes of these.
    Nodes,
    /// Everything below the prefix. Nothing but the user asks for it.
    Everything,
}

/// What a ring is about, by the names that the clues so far gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    pub ring: Option<Ring>,
    pub applications: Vec<String>,
    pub containers: Vec<String>,
    pub executors: Vec<String>,
    pub hosts: Vec<String>,
}

/// What to read after `read`, or nothing if it is clear: the cause is no symptom, and nothing that could explain it is unread.
pub fn wanted(catalogue: &Catalogue, facts: &RunFacts, so_far: &Diagnosis, read: Ring) -> Option<Wanted> {
    if matches!(so_far.outcome, RunOutcome::Succeeded | RunOutcome::Running) || is_clear(catalogue, so_far) {
        return None;
    }
    let names = named(facts);
    let nobody = names.containers.is_empty() && names.executors.is_empty();
    let ring = match read {
        Ring::Answers => Ring::Driver,
        Ring::Driver if !nobody => Ring::Executors,
        Ring::Driver | Ring::Executors if !names.hosts.is_empty() => Ring::Nodes,
        Ring::Driver | Ring::Executors | Ring::Nodes | Ring::Everything => return None,
    };
    Some(Wanted { ring: Some(ring), ..names })
}

/// Whether the cause is sure, and of a class that no other explains.
fn is_clear(catalogue: &Catalogue, so_far: &Diagnosis) -> bool {
    let Some(cause) = &so_far.cause else { return false };
    let explained = catalogue.classes().iter().any(|class| class.explains.contains(&cause.class));
    cause.confidence == Confidence::Certain && !explained
}

/// The names that symptoms, causes and the end give; the last ones of each.
fn named(facts: &RunFacts) -> Wanted {
    let mut clues: Vec<&Clue> = facts.clues.iter().filter(|clue| is_about_trouble(clue)).collect();
    clues.sort_by(|a, b| (a.at, &a.place, &a.class).cmp(&(b.at, &b.place, &b.class)));
    let mut wanted = Wanted::default();
    let mut executors: BTreeSet<&str> = BTreeSet::new();
    let mut containers: BTreeSet<&str> = BTreeSet::new();
    for clue in clues.iter().rev() {
        let subject = &clue.subject;
        add(&mut wanted.applications, subject.application.as_deref());
        add(&mut wanted.hosts, subject.host.as_deref());
        let executor = subject.executor.as_deref().filter(|executor| *executor != "driver");
        if add(&mut wanted.executors, executor) {
            executors.extend(executor);
        }
        if add(&mut wanted.containers, subject.container.as_deref()) {
            containers.extend(subject.container.as_deref());
        }
    }
    for relation in &facts.relations {
        match relation {
            Relation::ContainerOf { container, executor } if executors.contains(executor.as_str()) => {
                add(&mut wanted.containers, Some(container));
            }
            Relation::ExecutorOn { executor, host, .. } if executors.contains(executor.as_str()) => {
                add(&mut wanted.hosts, Some(host));
            }
            Relation::ContainerOn { container, host } if containers.contains(container.as_str()) => {
                add(&mut wanted.hosts, Some(host));
            }
            _ => {}
        }
    }
    wanted
}

fn is_about_trouble(clue: &Clue) -> bool {
    matches!(clue.role, ClueRole::Cause | ClueRole::Symptom | ClueRole::Wrapper)
}

/// Adds a name that is new; whether it is in the list then.
fn add(names: &mut Vec<String>, name: Option<&str>) -> bool {
    let Some(name) = name else { return false };
    if names.iter().any(|known| known == name) {
        return true;
    }
    let fits = names.len() < MOST_NAMES;
    if fits {
        names.push(name.to_owned());
    }
    fits
}
