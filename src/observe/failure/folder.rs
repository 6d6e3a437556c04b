//! Logs alone, below a prefix of S3: a cluster's, a step's, or any others.

use super::book::FailureBook;
use super::logs::NamedLog;
use plumb_core::diagnose::next::{Ring, Wanted};
use plumb_core::logs::{FileKind, place_of};
use plumb_model::call::ServiceError;

/// How many files of a prefix are looked at: a thousand a page.
const MOST_FILES: usize = 20_000;
/// Below so many bytes, as they are kept, a prefix is read whole at once.
const SMALL: u64 = 20 << 20;

/// What is read below a prefix.
pub(super) struct PrefixReading {
    bucket: String,
    prefix: String,
    listed: Option<Vec<NamedLog>>,
}

impl PrefixReading {
    pub fn new(bucket: String, prefix: String) -> PrefixReading {
        PrefixReading { bucket, prefix, listed: None }
    }

    pub async fn read(&mut self, book: &mut FailureBook, ring: Ring, wanted: &Wanted) -> Result<(), ServiceError> {
        let root = format!("s3://{}/", self.bucket);
        let not_sent = |why: String| ServiceError::NotSent { line: format!("GET {root}{}", self.prefix), why };
        let store = book.services.store(&root).map_err(not_sent)?;
        let listed = match self.listed.take() {
            Some(listed) => listed,
            None => {
                let listing = store.list(&self.prefix, MOST_FILES).await?;
                book.facts.read.requests += listing.requests;
                let place = store.place(&self.prefix);
                if listing.cut {
                    let why = format!("only the first {MOST_FILES} files were looked at");
                    book.missing(&place, &why, Some("name a prefix further down".to_owned()));
                } else if listing.logs.is_empty() {
                    book.missing(&place, "there is nothing", None);
                }
                let subject = &mut book.facts.subject;
                if subject.name.is_empty() {
                    (subject.name, subject.system) = (place, "logs".to_owned());
                }
                let logs = listing.logs.into_iter();
                logs.map(|stored| NamedLog { name: store.place(&stored.key), stored }).collect()
            }
        };
        let total: u64 = listed.iter().map(|log| log.stored.size).sum();
        let is_small = total <= SMALL;
        let chosen = listed.iter().filter(|log| is_small || belongs(&log.name, ring, wanted)).cloned().collect();
        self.listed = Some(listed);
        book.read(&store, chosen).await;
        Ok(())
    }
}

/// Whether a file belongs to a ring, by what its path says.
fn belongs(name: &str, ring: Ring, wanted: &Wanted) -> bool {
    let place = place_of(name);
    let has = |names: &[String], name: &Option<String>| name.as_ref().is_some_and(|name| names.contains(name));
    match place.kind {
        // They are few and small, and say the outcome.
        FileKind::StepController | FileKind::StepStderr | FileKind::StepStdout | FileKind::StepSyslog => {
            ring >= Ring::Answers
        }
        FileKind::Driver | FileKind::DriverStdout | FileKind::AirflowTask | FileKind::Answer => ring >= Ring::Driver,
        FileKind::Executor | FileKind::ExecutorStdout => {
            let is_wanted = has(&wanted.containers, &place.container) || has(&wanted.executors, &place.executor);
            ring == Ring::Everything || ring >= Ring::Executors && is_wanted
        }
        FileKind::NodeManager | FileKind::InstanceState | FileKind::Bootstrap | FileKind::InitScript => {
            ring == Ring::Everything || ring == Ring::Nodes && has(&wanted.hosts, &place.host)
        }
        FileKind::ResourceManager | FileKind::AirflowScheduler => ring >= Ring::Nodes,
        FileKind::Unknown => ring == Ring::Everything,
    }
}
