//! Clues and classes by hand, for tests.

use crate::diagnose::catalogue::{Catalogue, FailureClass};
use crate::diagnose::clue::{Clue, CluePlace, ClueRole, ClueSubject, Layer, Strength};
use crate::diagnose::facts::{RunFacts, SaidOutcome};
use crate::diagnose::result::{RetryAdvice, RunOutcome};
use jiff::Timestamp;

/// The second that a number stands for: the hour has no meaning.
pub(crate) fn at(second: i64) -> Option<Timestamp> {
    Some(Timestamp::from_second(1_790_000_000 + second).unwrap())
}

/// A class without patterns.
fn class(name: &str, role: ClueRole, explains: &[&str], within: i64) -> FailureClass {
    FailureClass {
        name: name.into(),
        family: if matches!(name, "PATH_MISSING" | "ANALYSIS") { "sql" } else { "by_hand" }.to_owned(),
        role,
        says: format!("{name} happened."),
        title: format!("{name}[ on {{host}}]"),
        words: name.to_lowercase().replace('_', " "),
        retry: (role == ClueRole::Cause).then_some(RetryAdvice::Now),
        advice: None,
        explains: explains.iter().map(|name| (*name).to_owned()).collect(),
        within,
        patterns: Vec::new(),
        codes: Vec::new(),
    }
}

/// The pairs that the tests go through: what explains what.
pub(crate) const PAIRS: &[(&str, &[&str], i64)] = &[
    ("SPOT_RECLAIM", &["LOST_NODE", "EXEC_137", "EXEC_143", "FETCH_FAILED", "RPC_DISASSOC", "HEARTBEAT"], 120),
    ("LOST_NODE", &["FETCH_FAILED", "EXEC_143", "RPC_DISASSOC"], 120),
    ("DISK_FULL", &["LOST_NODE", "FETCH_FAILED"], 600),
    ("EXEC_OOM_CONTAINER", &["EXEC_137", "EXEC_143", "FETCH_FAILED", "PY_WORKER_CRASH"], 120),
    ("EXEC_HEAP_OOM", &["EXEC_137", "FETCH_FAILED", "HEARTBEAT"], 120),
    ("DRIVER_OOM", &["HEARTBEAT", "RPC_DISASSOC", "TIMEOUT"], 120),
    ("CAPACITY", &["TIMEOUT", "NO_RESOURCES"], 120),
    ("IAM_ROLE", &["CLOUD_LAUNCH"], 120),
    ("S3_403", &["PATH_MISSING"], 120),
];

/// Classes as the design's table of masks has them.
pub(crate) fn catalogue() -> Catalogue {
    use ClueRole::{Cause, End, Ignore, Join, Ok, Progress, Symptom, Wrapper};
    let mut classes: Vec<FailureClass> = PAIRS
        .iter()
        .map(|(name, explains, within)| {
            class(name, if *name == "LOST_NODE" { Symptom } else { Cause }, explains, *within)
        })
        .collect();
    let plain: &[(&str, ClueRole)] = &[
        ("EXEC_137", Symptom),
        ("EXEC_143", Symptom),
        ("FETCH_FAILED", Symptom),
        ("RPC_DISASSOC", Symptom),
        ("HEARTBEAT", Symptom),
        ("CLOUD_LAUNCH", Symptom),
        ("PY_WORKER_CRASH", Cause),
        ("TIMEOUT", Cause),
        ("NO_RESOURCES", Cause),
        ("PATH_MISSING", Cause),
        ("ANALYSIS", Cause),
        ("METASTORE", Cause),
        ("USER_CODE", Cause),
        ("USER_STOP", Cause),
        ("AUTO_TERMINATED", Cause),
        ("AIRFLOW_ZOMBIE", Cause),
        ("STAGE_ABORT", Wrapper),
        ("STEP_FAILED", Wrapper),
        ("FINAL_FAILED", Wrapper),
        ("AIRFLOW_TASK_FAILED", Wrapper),
        ("EXCEPTION", Wrapper),
        ("JOB_FINISHED", Progress),
        ("APP_END", End),
        ("FINAL_OK", Ok),
        ("RETRYING", Ignore),
        ("JOIN", Join),
    ];
    classes.extend(plain.iter().map(|(name, role)| class(name, *role, &[], 120)));
    Catalogue::of(classes)
}

/// A clue of a driver's log at a second; its line is its second.
pub(crate) fn clue(class: &str, second: i64) -> Clue {
    let role = catalogue().class(class).map_or(ClueRole::Cause, |class| class.role);
    let line = u64::try_from(second.max(0)).unwrap() * 10 + 1;
    Clue {
        class: class.into(),
        role,
        strength: Strength::Typed,
        layer: Layer::Driver,
        at: at(second),
        place: CluePlace { file: "driver.log".to_owned(), line: Some(line) },
        text: format!("{class} at {second}"),
        slots: std::collections::BTreeMap::new(),
        subject: ClueSubject::default(),
        event: line,
        depth: 0,
        count: 0,
        frame: None,
    }
}

/// What a clue is made of, one after the other.
pub(crate) trait With: Sized {
    fn with(self, change: impl FnOnce(&mut Clue)) -> Clue;
    fn on(self, host: &str) -> Clue {
        self.with(|c| c.subject.host = Some(host.to_owned()))
    }
    fn executor(self, executor: &str) -> Clue {
        self.with(|c| c.subject.executor = Some(executor.to_owned()))
    }
    fn task(self, stage: &str, tid: &str) -> Clue {
        self.with(|c| {
            c.subject.stage = Some(stage.to_owned());
            c.subject.tid = Some(tid.to_owned());
        })
    }
    fn file(self, layer: Layer, file: &str) -> Clue {
        self.with(|c| {
            c.layer = layer;
            c.place.file = file.to_owned();
        })
    }
    fn strength(self, strength: Strength) -> Clue {
        self.with(|c| c.strength = strength)
    }
    /// In the message of another clue, so deep.
    fn in_message(self, event: u64, depth: u32) -> Clue {
        self.with(|c| {
            c.event = event;
            c.place.line = Some(event + u64::from(depth));
            c.depth = depth;
        })
    }
    fn attempt(self, attempt: u32) -> Clue {
        self.with(|c| c.subject.attempt = Some(attempt))
    }
    fn application(self, application: &str) -> Clue {
        self.with(|c| c.subject.application = Some(application.to_owned()))
    }
    fn slot(self, name: &str, value: &str) -> Clue {
        self.with(|c| {
            c.slots.insert(name.to_owned(), value.to_owned());
        })
    }
    /// An answer of a service on a node.
    fn of_node(self, host: &str) -> Clue {
        self.with(|c| {
            c.layer = Layer::Node;
            c.strength = Strength::Service;
            c.place = CluePlace { file: "api/list-instances".to_owned(), line: None };
            c.subject.host = Some(host.to_owned());
        })
    }
    /// An answer of a service on the run.
    fn of_service(self) -> Clue {
        self.with(|c| {
            c.layer = Layer::Service;
            c.strength = Strength::Service;
            c.place = CluePlace { file: "api/describe".to_owned(), line: None };
        })
    }
    fn untimed(self) -> Clue {
        self.with(|c| c.at = None)
    }
}

impl With for Clue {
    fn with(mut self, change: impl FnOnce(&mut Clue)) -> Clue {
        change(&mut self);
        self
    }
}

/// Facts of clues, with the service's words on the outcome.
pub(crate) fn facts(said: &[RunOutcome], clues: Vec<Clue>) -> RunFacts {
    let outcomes = said
        .iter()
        .map(|outcome| SaidOutcome {
            outcome: *outcome,
            place: CluePlace { file: "api/describe".to_owned(), line: None },
            text: format!("{outcome:?}"),
        })
        .collect();
    RunFacts { outcomes, clues, ..RunFacts::default() }
}
