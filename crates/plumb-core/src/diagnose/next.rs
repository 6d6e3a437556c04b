//! What to read next: rings from small to large, and no further than the verdict needs.

use super::catalogue::Catalogue;
use super::clue::{Clue, ClueRole};
use super::facts::{NameRelation, RunFacts};
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
    // Containers first: their nodes come after them.
    for relation in &facts.relations {
        if let NameRelation::ContainerOf { container, executor } = relation
            && executors.contains(executor.as_str())
            && add(&mut wanted.containers, Some(container))
        {
            containers.insert(container);
        }
    }
    for relation in &facts.relations {
        let host = match relation {
            NameRelation::ExecutorOn { executor, host, .. } if executors.contains(executor.as_str()) => host,
            NameRelation::ContainerOn { container, host } if containers.contains(container.as_str()) => host,
            _ => continue,
        };
        add(&mut wanted.hosts, Some(host));
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

#[cfg(test)]
mod tests {
    use super::{Ring, Wanted, wanted};
    use crate::diagnose::clue::Clue;
    use crate::diagnose::facts::{NameRelation, RunFacts};
    use crate::diagnose::result::RunOutcome;
    use crate::diagnose::verdict::by_hand::{With, catalogue, clue, facts};
    use crate::diagnose::verdict::diagnose;

    fn next(facts: &RunFacts, read: Ring) -> Option<Wanted> {
        wanted(&catalogue(), facts, &diagnose(&catalogue(), facts), read)
    }

    fn failed(clues: Vec<Clue>) -> RunFacts {
        facts(&[RunOutcome::Failed], clues)
    }

    fn ring(facts: &RunFacts, read: Ring) -> Option<Ring> {
        next(facts, read).and_then(|wanted| wanted.ring)
    }

    #[test]
    fn nothing_more_of_a_run_that_is_clear() {
        let clear = failed(vec![clue("ANALYSIS", 5)]);
        assert_eq!(ring(&clear, Ring::Answers), None);
        for outcome in [RunOutcome::Succeeded, RunOutcome::Running] {
            assert_eq!(ring(&facts(&[outcome], vec![clue("FETCH_FAILED", 5).on("a")]), Ring::Answers), None);
        }
    }

    #[test]
    fn what_could_be_explained_is_read_on() {
        // A timeout is sure, and what led to it may stand in the driver's log.
        assert_eq!(ring(&failed(vec![clue("TIMEOUT", 5)]), Ring::Answers), Some(Ring::Driver));
        assert_eq!(ring(&failed(vec![]), Ring::Answers), Some(Ring::Driver));
        assert_eq!(ring(&failed(vec![]), Ring::Driver), None, "nobody is named");
    }

    #[test]
    fn symptoms_name_what_is_read_next() {
        let mut lost = failed(vec![
            clue("EXEC_137", 5).executor("5").application("application_1_1"),
            clue("JOIN", 1).executor("9").on("elsewhere"),
        ]);
        lost.relations.insert(NameRelation::ContainerOf { container: "c5".into(), executor: "5".into() });
        lost.relations.insert(NameRelation::ContainerOn { container: "c5".into(), host: "10.0.0.5".into() });
        lost.relations.insert(NameRelation::ContainerOf { container: "c9".into(), executor: "9".into() });
        let wanted = next(&lost, Ring::Driver).unwrap();
        assert_eq!(wanted.ring, Some(Ring::Executors));
        assert_eq!(
            (wanted.executors.as_slice(), wanted.containers.as_slice()),
            (&["5".to_owned()][..], &["c5".to_owned()][..])
        );
        assert_eq!(wanted.applications, ["application_1_1"]);
        // The container that the executor is in names the node.
        assert_eq!(wanted.hosts, ["10.0.0.5"]);
        assert_eq!(ring(&lost, Ring::Executors), Some(Ring::Nodes));
        assert_eq!(ring(&lost, Ring::Nodes), None);
    }

    #[test]
    fn no_more_names_than_can_be_read() {
        let clues =
            (0..30).map(|n| clue("FETCH_FAILED", n).executor(&n.to_string()).on(&format!("10.0.0.{n}"))).collect();
        let wanted = next(&failed(clues), Ring::Driver).unwrap();
        assert_eq!((wanted.executors.len(), wanted.hosts.len()), (8, 8));
        // The last ones are nearest to the end.
        assert!(wanted.executors.contains(&"29".to_owned()) && !wanted.executors.contains(&"0".to_owned()));
    }
}
