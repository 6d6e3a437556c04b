//! Answers as services give them, as files and as asked, and what is made of them.

mod airflow;
mod databricks;
mod emr;
mod hostile;
mod recognised;

use super::locate::{line_of, line_starts};
use super::says::CodeMeaning;
use super::{AnswerKind, ServiceAnswer, read_kinds, recognised as kind_of};
use crate::diagnose::clue::{Clue, CluePlace, ClueRole, ClueSubject, Layer, Strength};
use crate::diagnose::facts::RunFacts;
use crate::diagnose::result::RunOutcome;
use crate::diagnose::scan::FileFindings;
use crate::logs::FileKind;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Codes and words whose meaning these tests know. The catalogue's own are tested where it is.
struct KnownText;

const CODES: &[(&str, &str, &str, ClueRole)] = &[
    ("databricks.termination", "LIBRARY_INSTALLATION_ERROR", "LIB_INSTALL", ClueRole::Cause),
    ("databricks.termination", "USER_CANCELED", "USER_STOP", ClueRole::Cause),
    ("databricks.result", "TIMEDOUT", "TIMEOUT", ClueRole::Cause),
    ("databricks.event", "NODES_LOST", "LOST_NODE", ClueRole::Symptom),
    ("databricks.event", "NODES_LOST/SPOT_INSTANCE_TERMINATION", "SPOT_RECLAIM", ClueRole::Cause),
    ("databricks.event", "DRIVER_NOT_RESPONDING", "DRIVER_OOM", ClueRole::Cause),
    ("databricks.cluster", "AWS_INSUFFICIENT_INSTANCE_CAPACITY_FAILURE", "CAPACITY", ClueRole::Cause),
    ("databricks.cluster", "INIT_SCRIPT_FAILURE", "INIT_SCRIPT", ClueRole::Cause),
    ("databricks.cluster", "INACTIVITY", "AUTO_TERMINATED", ClueRole::Cause),
    ("emr.cluster", "BOOTSTRAP_FAILURE", "BOOTSTRAP", ClueRole::Cause),
    ("emr.cluster", "STEP_FAILURE", "STEP_FAILED", ClueRole::Wrapper),
    ("emr.cluster", "USER_REQUEST", "USER_STOP", ClueRole::Cause),
    ("emr.error", "INTERNAL_ERROR_EC2_INSUFFICIENT_CAPACITY_AZ", "CAPACITY", ClueRole::Cause),
    ("emr.instance", "INSTANCE_FAILURE", "LOST_NODE", ClueRole::Symptom),
];

const WORDS: &[(&str, &str, ClueRole)] = &[
    ("Spot Instance was terminated", "SPOT_RECLAIM", ClueRole::Cause),
    ("FileAlreadyExistsException", "PATH_EXISTS", ClueRole::Cause),
    ("OutOfMemoryError", "EXEC_HEAP_OOM", ClueRole::Cause),
    ("Workload failed", "WORKLOAD_FAILED", ClueRole::Wrapper),
    ("No module named", "PY_MODULE", ClueRole::Cause),
    ("No matching distribution", "LIB_INSTALL", ClueRole::Cause),
    ("non-zero", "BOOTSTRAP", ClueRole::Cause),
    ("SparkContext is stopping", "APP_END", ClueRole::End),
];

impl CodeMeaning for KnownText {
    fn code(&self, place: &str, code: &str) -> Option<(Arc<str>, ClueRole)> {
        let found = CODES.iter().find(|known| known.0 == place && known.1 == code)?;
        Some((Arc::from(found.2), found.3))
    }

    fn role(&self, _class: &str) -> Option<ClueRole> {
        None
    }

    fn scan(&self, file: &str, _kind: FileKind, text: &str) -> FileFindings {
        let mut findings = FileFindings::default();
        for (at, line) in text.lines().enumerate() {
            for (_, class, role) in WORDS.iter().filter(|(word, ..)| line.contains(word)) {
                findings.clues.push(Clue {
                    class: Arc::from(*class),
                    role: *role,
                    strength: Strength::Message,
                    layer: Layer::Step,
                    at: None,
                    place: CluePlace { file: file.to_owned(), line: Some(at as u64 + 1) },
                    text: line.to_owned(),
                    slots: BTreeMap::new(),
                    // A message numbers tasks of stages.
                    subject: ClueSubject {
                        task: line.contains("Workload").then(|| "4".to_owned()),
                        ..ClueSubject::default()
                    },
                    event: at as u64 + 1,
                    depth: 0,
                    count: 1,
                    frame: None,
                });
            }
        }
        findings
    }
}

/// Reads answers as files, and checks of each that what is quoted stands at the line that is named.
fn files(texts: &[(&str, &str)]) -> RunFacts {
    let values: Vec<Value> = texts.iter().map(|(file, text)| parsed(file, text)).collect();
    let answers: Vec<(AnswerKind, ServiceAnswer<'_>)> = texts
        .iter()
        .zip(&values)
        .map(|((file, text), answer)| {
            let kind = kind_of(answer).unwrap_or_else(|| panic!("{file} is not recognised"));
            (kind, ServiceAnswer { answer, file, text: Some(text) })
        })
        .collect();
    let facts = read_kinds(&KnownText, &answers);
    quotes_stand(&facts, texts);
    facts
}

fn parsed(file: &str, text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn quotes_stand(facts: &RunFacts, texts: &[(&str, &str)]) {
    let told = facts.clues.iter().map(|clue| (&clue.place, &clue.text));
    for (place, quoted) in told.chain(facts.outcomes.iter().map(|said| (&said.place, &said.text))) {
        let (_, text) = texts.iter().find(|(file, _)| *file == place.file).unwrap();
        let line = place.line.unwrap_or_else(|| panic!("{quoted} has no line"));
        let found = text.lines().nth(line as usize - 1).unwrap_or_default();
        assert!(found.contains(quoted.as_str()), "line {line} is\n{found}\nand not\n{quoted}");
    }
}

/// Reads one answer that was asked for.
fn asked(answer: &Value) -> RunFacts {
    let kind = kind_of(answer).unwrap_or_else(|| panic!("not recognised: {answer}"));
    read_kinds(&KnownText, &[(kind, ServiceAnswer { answer, file: "api/call", text: None })])
}

/// Class, role, and whom it is about, of all clues.
fn told(facts: &RunFacts) -> Vec<String> {
    facts
        .clues
        .iter()
        .map(|clue| {
            let subject = &clue.subject;
            let attempt = subject.attempt.map(|attempt| format!("try {attempt}"));
            let parts = [&subject.application, &subject.host, &subject.task, &attempt];
            let about: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
            format!("{} {:?} {}", clue.class, clue.role, about.join(" ")).trim_end().to_owned()
        })
        .collect()
}

/// The outcome that decides.
fn outcome(facts: &RunFacts) -> RunOutcome {
    facts.outcomes.last().map(|said| said.outcome).unwrap_or_default()
}

#[test]
fn offsets_have_lines() {
    let starts = line_starts("a\nbc\n\nd");
    let lines: Vec<u64> = [0, 1, 2, 4, 5, 6, 60].iter().map(|at| line_of(&starts, *at)).collect();
    assert_eq!(lines, [1, 1, 2, 2, 3, 4, 4]);
}
