//! All that was read about one run.

use super::clue::{Clue, CluePlace};
use super::result::{MissingEvidence, ReadAccount, RunOutcome};
use jiff::Timestamp;
use std::collections::BTreeSet;

/// Which run it is. What is not known is left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunSubject {
    /// What to call it: the manifest's address, a DAG's id, a step's name, a folder.
    pub name: String,
    /// `databricks`, `emr`, `airflow`, `logs`.
    pub system: String,
    /// The id that the system knows it by: `88120`, `j-…/s-…`, `DAG/RUN`.
    pub run: Option<String>,
    /// What it was for: `2026-10`.
    pub period: Option<String>,
    pub started: Option<Timestamp>,
    pub ended: Option<Timestamp>,
}

/// Two names of one thing: of a node (`i-…`, its address, its host name), or a node and what ran on it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NameRelation {
    /// Two names of one node.
    SameHost(String, String),
    /// An executor's number (within an application) and its node.
    ExecutorOn { application: Option<String>, executor: String, host: String },
    /// A container and its node.
    ContainerOn { container: String, host: String },
    /// A container and the executor in it.
    ContainerOf { container: String, executor: String },
}

/// A service's word on how the run ended.
#[derive(Clone, Debug, PartialEq)]
pub struct SaidOutcome {
    pub outcome: RunOutcome,
    pub place: CluePlace,
    pub text: String,
}

/// All that was read about one run. Clues are in any order: the verdict sorts.
#[derive(Clone, Debug, Default)]
pub struct RunFacts {
    pub subject: RunSubject,
    /// What services say of the outcome, the lowest layer that ran the work last: it decides.
    pub outcomes: Vec<SaidOutcome>,
    pub clues: Vec<Clue>,
    pub relations: BTreeSet<NameRelation>,
    pub read: ReadAccount,
    pub missing: Vec<MissingEvidence>,
}

impl RunFacts {
    /// Adds what else was read about the same run.
    pub fn extend(&mut self, other: RunFacts) {
        self.outcomes.extend(other.outcomes);
        self.clues.extend(other.clues);
        self.relations.extend(other.relations);
        self.read.add(&other.read);
        self.missing.extend(other.missing);
        let (mine, theirs) = (&mut self.subject, other.subject);
        mine.run = mine.run.take().or(theirs.run);
        mine.period = mine.period.take().or(theirs.period);
        mine.started = mine.started.or(theirs.started);
        mine.ended = mine.ended.or(theirs.ended);
    }
}
