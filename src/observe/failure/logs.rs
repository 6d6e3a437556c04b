//! Reading logs: unpacked, and handed to the scan, whatever they are kept in.

use super::FailureOptions;
use super::store::{LogBytes, LogStore, StoredLog};
use crate::logs::LogOptions;
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use plumb_core::diagnose::result::MissingEvidence;
use plumb_core::diagnose::{Catalogue, RunFacts};
use plumb_model::call::ServiceError;
use std::collections::BTreeSet;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use tokio::sync::mpsc::{Receiver, channel};

/// How many pieces of a download wait for the scan.
const WAITING: usize = 16;
/// The most applications that one file is taken to name.
const MOST_APPLICATIONS: usize = 20;

/// A file, and what evidence calls it.
#[derive(Clone, Debug)]
pub(super) struct NamedLog {
    pub name: String,
    pub stored: StoredLog,
}

/// What came of a file.
pub(super) struct ReadLog {
    pub facts: RunFacts,
    pub applications: BTreeSet<String>,
    /// Why it was not read to its end.
    pub fault: Option<ServiceError>,
    pub requests: u64,
}

/// Scans one log, packed or not.
pub(super) fn scan(catalogue: &Catalogue, name: &str, input: impl Read, options: &FailureOptions) -> RunFacts {
    let log = LogOptions { most: options.most, zone: options.zone.clone(), ..LogOptions::default() };
    crate::logs::scan_reader(catalogue, name, input, &log)
}

/// Scans the log of a step, which names the application that it submitted, whether or not a line of it is a clue.
fn scan_step(
    catalogue: &Catalogue,
    name: &str,
    input: impl Read,
    options: &FailureOptions,
) -> (RunFacts, BTreeSet<String>) {
    let mut names = ApplicationNames::default();
    let mut broken = None;
    let mut facts = match unpacked(input) {
        Ok(input) => scan(catalogue, name, Listening { input, names: &mut names, broken: &mut broken }, options),
        Err(e) => {
            broken = Some(e);
            RunFacts::default()
        }
    };
    if let Some(e) = broken {
        let (what, why) = (name.to_owned(), format!("it breaks off: {e}"));
        let remedy = Some("a log that is still being written has no end yet: ask again".to_owned());
        facts.missing.push(MissingEvidence { what, why, remedy });
    }
    (facts, names.found)
}

/// The bytes of a file, unpacked where it is packed.
fn unpacked<'r>(input: impl Read + 'r) -> io::Result<Box<dyn Read + 'r>> {
    let mut input = BufReader::with_capacity(64 << 10, input);
    let packed = input.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    Ok(if packed { Box::new(MultiGzDecoder::new(input)) } else { Box::new(input) })
}

/// Reads a file of a store: it comes piece by piece, and is scanned on a thread of its own meanwhile.
pub(super) async fn read_stored(
    store: &dyn LogStore,
    log: &NamedLog,
    catalogue: Arc<Catalogue>,
    options: FailureOptions,
) -> ReadLog {
    let mut body = match store.open(&log.stored).await {
        Ok(body) => body,
        Err(fault) => {
            let (facts, applications) = (RunFacts::default(), BTreeSet::new());
            return ReadLog { facts, applications, fault: Some(fault), requests: 1 };
        }
    };
    let (send, pieces) = channel::<Bytes>(WAITING);
    let name = log.name.clone();
    let scanning = tokio::task::spawn_blocking(move || {
        let pieces = Pieces { from: pieces, rest: Bytes::new() };
        if name.contains("/steps/") {
            return scan_step(&catalogue, &name, pieces, &options);
        }
        (scan(&catalogue, &name, pieces, &options), BTreeSet::new())
    });
    let fault = loop {
        match next(&mut *body).await {
            Ok(Some(piece)) => {
                if send.send(piece).await.is_err() {
                    break None;
                }
            }
            Ok(None) => break None,
            Err(fault) => break Some(fault),
        }
    };
    drop(send);
    let (facts, applications) = scanning.await.unwrap_or_default();
    ReadLog { facts, applications, fault, requests: body.requests() }
}

async fn next(body: &mut dyn LogBytes) -> Result<Option<Bytes>, ServiceError> {
    body.next().await
}

/// Pieces that another task sends, as a reader.
struct Pieces {
    from: Receiver<Bytes>,
    rest: Bytes,
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            match self.from.blocking_recv() {
                Some(piece) => self.rest = piece,
                None => return Ok(0),
            }
        }
        let length = into.len().min(self.rest.len());
        into[..length].copy_from_slice(&self.rest.split_to(length));
        Ok(length)
    }
}

/// A reader whose bytes are listened to for names of applications. Where it breaks it ends, and keeps why.
struct Listening<'n, R> {
    input: R,
    names: &'n mut ApplicationNames,
    broken: &'n mut Option<io::Error>,
}

impl<R: Read> Read for Listening<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.input.read(into) {
            Ok(read) => {
                self.names.hear(&into[..read]);
                Ok(read)
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Err(e),
            Err(e) => {
                *self.broken = Some(e);
                Ok(0)
            }
        }
    }
}

/// The applications of YARN that a text names: `application_1700176509758_0001`.
#[derive(Default)]
pub(super) struct ApplicationNames {
    pub found: BTreeSet<String>,
    /// The end of the block before.
    tail: Vec<u8>,
}

/// What every name begins with.
const APPLICATION: &[u8] = b"application_";
/// The longest name, with some room.
const LONGEST_NAME: usize = 48;

impl ApplicationNames {
    fn hear(&mut self, block: &[u8]) {
        if self.found.len() >= MOST_APPLICATIONS {
            return;
        }
        // A name may stand across two blocks.
        let head = &block[..block.len().min(LONGEST_NAME)];
        let seam: Vec<u8> = self.tail.iter().chain(head).copied().collect();
        for text in [&seam, block] {
            self.find(text);
        }
        let last = if block.len() >= LONGEST_NAME { block } else { &seam };
        self.tail = last[last.len().saturating_sub(LONGEST_NAME)..].to_vec();
    }

    fn find(&mut self, text: &[u8]) {
        for at in memchr::memmem::find_iter(text, APPLICATION) {
            let rest = &text[at + APPLICATION.len()..];
            let end = rest.iter().position(|b| !b.is_ascii_digit() && *b != b'_').unwrap_or(rest.len());
            let name = String::from_utf8_lossy(&rest[..end]).into_owned();
            // What may go on in the next block is found there.
            if end < rest.len()
                && let Some((cluster, number)) = name.split_once('_')
                && cluster.len() >= 10
                && number.len() >= 4
                && !number.contains('_')
            {
                self.found.insert(format!("application_{name}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_application_is_found_across_blocks() {
        let text =
            b"INFO Submitted application application_1700176509758_0001 to RM\nappattempt_1700176509758_0002_000001";
        for cut in 0..text.len() {
            let mut names = ApplicationNames::default();
            names.hear(&text[..cut]);
            names.hear(&text[cut..]);
            let found: Vec<&str> = names.found.iter().map(String::as_str).collect();
            assert_eq!(found, ["application_1700176509758_0001"], "{cut}");
        }
    }
}
