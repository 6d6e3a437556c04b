//! What was read about one run so far, and the ways to read more: answers and logs go in here, and nowhere else.

use super::airflow::{RUN_ANSWER, TASKS_ANSWER};
use super::logs::{self, NamedLog};
use super::store::{LogStore, StoredLog};
use super::{FailureOptions, FailureServices};
use crate::observe::is_refused;
use jiff::Timestamp;
use plumb_core::diagnose::answers::{ServiceAnswer, read_together};
use plumb_core::diagnose::result::{MissingEvidence, RunOutcome};
use plumb_core::diagnose::{Catalogue, RunFacts};
use plumb_model::call::{Call, ServiceError, System};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::task::JoinSet;

/// How many files are read at a time. Each is scanned on a thread of its own.
const WIDTH: usize = 6;
/// The most files of one listing.
pub(super) const MOST_LISTED: usize = 20_000;

/// All that was read about one run.
pub(super) struct FailureBook {
    pub catalogue: Arc<Catalogue>,
    pub services: FailureServices,
    pub options: FailureOptions,
    /// What was read beside answers, and what is noted.
    pub facts: RunFacts,
    /// Answers, each with what evidence calls it. They are understood together: an output belongs to a task of its run.
    answers: Vec<(Value, String)>,
    /// Applications that logs name, whether or not a clue is about them.
    pub applications: BTreeSet<String>,
    /// How many bytes may still be read.
    left: u64,
    /// What was read already, by its place.
    done: BTreeSet<String>,
}

impl FailureBook {
    pub fn new(catalogue: Arc<Catalogue>, services: FailureServices, options: FailureOptions) -> FailureBook {
        let left = options.most;
        let (facts, answers) = (RunFacts::default(), Vec::new());
        let (applications, done) = (BTreeSet::new(), BTreeSet::new());
        FailureBook { catalogue, services, options, facts, answers, applications, left, done }
    }

    /// Sends a read. A refusal is an error here.
    pub async fn send(&mut self, call: &Call) -> Result<Value, ServiceError> {
        let service = self.services.services.for_system(call.system)?;
        self.facts.read.requests += 1;
        service.send(call).await.map(|answer| answer.body)
    }

    /// Sends a read that can be done without: what is refused or lost is noted as missing.
    pub async fn ask(&mut self, call: &Call, what: &str) -> Option<Value> {
        match self.send(call).await {
            Ok(answer) => Some(answer),
            Err(fault) => {
                self.refused(what, &fault, permission(call));
                None
            }
        }
    }

    /// Notes what a service refused.
    pub fn refused(&mut self, what: &str, fault: &ServiceError, right: Option<String>) {
        let remedy = match fault {
            ServiceError::Refused { status: 404 | 410, .. } => None,
            fault if is_refused(fault) => right.map(|right| format!("it takes {right}")),
            ServiceError::Refused { status: 401 | 403, .. } => right.map(|right| format!("it takes {right}")),
            _ => None,
        };
        self.missing(what, &said(fault), remedy);
    }

    /// Notes what is not there.
    pub fn missing(&mut self, what: &str, why: &str, remedy: Option<String>) {
        let missing = MissingEvidence { what: what.to_owned(), why: why.to_owned(), remedy };
        if !self.facts.missing.contains(&missing) {
            self.facts.missing.push(missing);
        }
    }

    /// Takes an answer in. `file` is what evidence calls it: `api/runs/get`.
    pub fn answer(&mut self, answer: &Value, file: &str) {
        self.answers.push((answer.clone(), file.to_owned()));
    }

    /// All that is known so far.
    pub fn all(&self) -> RunFacts {
        let answers = self.answers.iter();
        let answers: Vec<ServiceAnswer<'_>> =
            answers.map(|(answer, file)| ServiceAnswer { answer, file, text: None }).collect();
        let mut all = read_together(&self.catalogue, &answers);
        if self.options.failed {
            let is_airflows = |file: &str| [RUN_ANSWER, TASKS_ANSWER].contains(&file);
            let early = all.outcomes.iter_mut().filter(|said| said.outcome == RunOutcome::Running);
            early.filter(|said| is_airflows(&said.place.file)).for_each(|said| said.outcome = RunOutcome::Failed);
        }
        let subject = self.facts.subject.clone();
        all.subject.run = subject.run.clone().or(all.subject.run);
        (all.subject.name, all.subject.system) = (subject.name, subject.system);
        all.extend(self.facts.clone());
        all.missing.sort();
        all.missing.dedup();
        all
    }

    /// Takes a text in that a service answered with: a log of Airflow.
    pub fn text(&mut self, name: &str, text: &str) {
        let facts = logs::scan(&self.catalogue, name, text.as_bytes(), &self.options);
        self.facts.extend(facts);
    }

    /// Lists a prefix. What cannot be listed, or is not listed to its end, is noted.
    pub async fn list(&mut self, store: &dyn LogStore, prefix: &str, most: usize) -> Vec<StoredLog> {
        match store.list(prefix, most).await {
            Ok(listing) => {
                self.facts.read.requests += listing.requests;
                if listing.cut {
                    let why = format!("only the first {most} files were looked at");
                    let remedy = Some("name a prefix further down".to_owned());
                    self.missing(&store.place(prefix), &why, remedy);
                }
                listing.logs
            }
            Err(fault) => {
                self.facts.read.requests += 1;
                self.refused(&store.place(prefix), &fault, Some(store.right(prefix, true)));
                Vec::new()
            }
        }
    }

    /// Reads files, several at a time, smaller ones first, until the bound is reached.
    pub async fn read(&mut self, store: &Arc<dyn LogStore>, wanted: Vec<NamedLog>) {
        let mut wanted: Vec<NamedLog> =
            wanted.into_iter().filter(|log| self.done.insert(store.place(&log.stored.key))).collect();
        wanted.sort_by(|a, b| (a.stored.size, &a.name).cmp(&(b.stored.size, &b.name)));
        let (mut left_out, mut reading) = (Vec::new(), JoinSet::new());
        let mut wanted = wanted.into_iter();
        let mut found = Vec::new();
        loop {
            while reading.len() < WIDTH
                && let Some(log) = wanted.next()
            {
                if log.stored.size > self.left {
                    left_out.push(log.name);
                    continue;
                }
                self.left -= log.stored.size;
                let (store, catalogue, options) = (store.clone(), self.catalogue.clone(), self.options.clone());
                reading.spawn(async move {
                    let read = logs::read_stored(&*store, &log, catalogue, options).await;
                    (log, read)
                });
            }
            let Some(done) = reading.join_next().await else { break };
            match done {
                Ok((log, read)) => found.push((log, read)),
                Err(e) => self.missing("a file of logs", &e.to_string(), None),
            }
        }
        // What was read at once came in any order.
        found.sort_by(|a, b| a.0.name.cmp(&b.0.name));
        for (log, read) in found {
            self.facts.read.requests += read.requests;
            self.facts.extend(read.facts);
            self.applications.extend(read.applications);
            if let Some(fault) = &read.fault {
                self.refused(&log.name, fault, Some(store.right(&log.stored.key, false)));
            }
        }
        if let Some(first) = left_out.first() {
            let what =
                if left_out.len() == 1 { first.clone() } else { format!("{first} and {} more", left_out.len() - 1) };
            let why = format!("{} of logs are read at most", size(self.options.most));
            self.missing(&what, &why, Some("give --most a larger size".to_owned()));
        }
    }

    /// How long ago something ended, where that is known.
    pub fn ago(&self, ended: Option<Timestamp>) -> Option<i64> {
        Some(self.options.now.duration_since(ended?).as_secs())
    }
}

/// A fault without the id of its request: the same run, asked again, says the same.
pub(super) fn said(fault: &ServiceError) -> String {
    match fault {
        ServiceError::Refused { status, code, message, .. } if message.is_empty() => {
            format!("refused: {status} {code}")
        }
        ServiceError::Refused { status, message, .. } => format!("refused ({status}): {message}"),
        ServiceError::NotSent { why, .. } => why.clone(),
        ServiceError::Lost { why, .. } => format!("no answer: {why}"),
    }
}

/// `2 GiB`, for messages.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..1_024 => format!("{bytes} B"),
        1_024..1_048_576 => format!("{} KiB", bytes >> 10),
        1_048_576..1_073_741_824 => format!("{} MiB", bytes >> 20),
        _ => format!("{:.1} GiB", bytes as f64 / 1_073_741_824.0),
    }
}

/// What a read takes.
///
/// Facts: permissions of jobs and clusters (Databricks, "Access control lists"), of Airflow's roles (Airflow, FAB auth manager,
/// "Access control"), actions of EMR (service authorization reference).
pub(super) fn permission(call: &Call) -> Option<String> {
    let path = call.path.as_str();
    let airflow = |what: &str| Some(format!("the permission `can read on {what}` for the user at Airflow"));
    match call.system {
        System::Databricks if path.contains("/jobs/") => Some("CAN_VIEW on the job".to_owned()),
        System::Databricks if path.contains("/clusters/") || path.contains("/libraries/") => {
            Some("CAN_VIEW on the job, or CAN_ATTACH_TO on the cluster where it is not the job's own".to_owned())
        }
        System::Airflow if path.contains("/logs/") => airflow("Task Logs"),
        System::Airflow if path.contains("/xcomEntries") => airflow("XComs"),
        System::Airflow if path.contains("/importErrors") => airflow("ImportError"),
        System::Airflow if path.contains("/taskInstances") => airflow("Task Instances"),
        System::Airflow if path.contains("/dagRuns") => airflow("DAG Runs"),
        System::Emr => match path.strip_prefix("/elasticmapreduce/") {
            Some(operation) => Some(format!("elasticmapreduce:{operation}")),
            None if path.contains("/jobruns/") => Some("emr-serverless:GetJobRun".to_owned()),
            None => None,
        },
        _ => None,
    }
}
