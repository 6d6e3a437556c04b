//! Clues: what a line of a log or a member of an answer says about a failure.

use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a clue means for the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClueRole {
    /// It can be why a run failed.
    Cause,
    /// It follows from something else: a fetch failure, a lost executor.
    Symptom,
    /// It says that something failed, and not what.
    Wrapper,
    /// Work was done after whatever came before: `Job 3 finished`.
    Progress,
    /// The application ends here: what follows is clearing away.
    End,
    /// The program says that it succeeded.
    Ok,
    /// What looks like a failure, and is said to be none: `Retrying request after`.
    Ignore,
    /// It joins names: an executor and its host, a container and its node.
    Join,
}

/// How exactly a clue names what happened. Later ones are stronger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// A number that several causes share: 137.
    ExitCode,
    /// A sentence of a program.
    Message,
    /// An exception whose class says what it is, or an error class in brackets.
    Typed,
    /// A code or a reason of the service that ran it.
    Service,
}

/// Which layer says it, from the top down. What a lower layer says explains what a higher one says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    Airflow,
    /// The run, step or cluster, as the service tells it.
    Service,
    /// The launcher of a step.
    Step,
    Driver,
    Executor,
    /// A node: YARN's daemons, the kernel, EC2.
    Node,
}

/// Where a clue stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CluePlace {
    /// The file, as it was named or listed; `api/CALL` for an answer that was asked for.
    pub file: String,
    /// From 1; `None` where the file has no lines: an answer that was asked for.
    pub line: Option<u64>,
}

/// Whom a clue is about, as far as it or its file says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClueSubject {
    pub application: Option<String>,
    /// YARN's attempt, a task's retry, or Airflow's try.
    pub attempt: Option<u32>,
    pub container: Option<String>,
    pub executor: Option<String>,
    /// An address, a name or an instance's id.
    pub host: Option<String>,
    /// `7.0`.
    pub stage: Option<String>,
    /// The id of the task's attempt: `TID`.
    pub tid: Option<String>,
    /// The task of a Databricks job or an Airflow DAG.
    pub task: Option<String>,
}

/// One thing that was seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Clue {
    /// The class of the catalogue.
    pub class: Arc<str>,
    pub role: ClueRole,
    pub strength: Strength,
    pub layer: Layer,
    pub at: Option<Timestamp>,
    pub place: CluePlace,
    /// The line, without its line break, at most [`MOST_TEXT`] bytes of it. Not hidden yet: see `render`.
    pub text: String,
    /// What the pattern caught by name: `path`, `principal`, `used`.
    pub slots: BTreeMap<String, String>,
    pub subject: ClueSubject,
    /// The number of the event in its file: a line with a head, and those that belong to it. Two clues of one event are one
    /// message.
    pub event: u64,
    /// How deep in the event's chain of causes, from 0: the n-th `Caused by`, py4j's `: class`.
    pub depth: u32,
    /// How many like it there are in the file: of one class, beyond those that are kept. It stands at the first
    /// of them; the others have 0.
    pub count: u64,
    /// The first frame of the user's own code in the event: `job.py:12, in clean`, `com.acme.Job.run(Job.scala:40)`.
    pub frame: Option<String>,
}

/// The longest text of a clue, in bytes.
pub const MOST_TEXT: usize = 2_000;
