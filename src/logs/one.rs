//! One file: unpacked, told from an answer of a service, and scanned.

use super::missing;
use flate2::read::MultiGzDecoder;
use jiff::tz::TimeZone;
use plumb_core::diagnose::result::FORMAT;
use plumb_core::diagnose::scan::FileScan;
use plumb_core::diagnose::{Catalogue, RunFacts, answers};
use plumb_core::logs::LogPlace;
use serde_json::Value;
use std::io::{self, BufRead, BufReader, Read};

/// How much is read at a time, in bytes.
const BLOCK: usize = 256 << 10;
/// A file that begins like JSON is read whole up to this size, to see whether it is an answer of a service.
const MOST_ANSWER: usize = 4 << 20;
/// An answer has at most so many values: each takes several times its text in memory.
const MOST_VALUES: usize = 150_000;
/// How Spark's event logs begin: the history of a run, and no log of it.
const EVENT_LOG: &[u8] = br#"{"Event":"SparkListener"#;

/// What one file says.
#[derive(Default)]
pub(super) struct OneFile {
    pub facts: RunFacts,
    /// Unpacked, as far as it was read.
    pub bytes: u64,
    /// Whether there was more of it than the limit.
    pub has_more: bool,
    /// Why nothing of it could be read.
    pub fault: Option<String>,
}

/// Reads a file up to `limit` unpacked bytes.
pub(super) fn read_one(
    catalogue: &Catalogue,
    name: &str,
    place: LogPlace,
    stream: impl Read,
    zone: &TimeZone,
    limit: u64,
) -> OneFile {
    let mut input = BufReader::with_capacity(64 << 10, stream);
    let is_packed = match input.fill_buf() {
        Ok(beginning) => beginning.starts_with(&[0x1f, 0x8b]),
        Err(e) => return unreadable(name, &e),
    };
    let scan = FileScan::new(catalogue, name, place, zone.clone());
    if is_packed {
        Reading::new(MultiGzDecoder::new(input), limit).read(catalogue, name, scan, true)
    } else {
        Reading::new(input, limit).read(catalogue, name, scan, false)
    }
}

pub(super) fn unreadable(name: &str, error: &io::Error) -> OneFile {
    let mut one = OneFile { fault: Some(error.to_string()), ..OneFile::default() };
    one.facts.missing.push(missing(name, format!("it cannot be read: {error}"), Some("look at its permissions")));
    one
}

/// A stream with a limit.
struct Reading<R> {
    input: R,
    bytes: u64,
    limit: u64,
    has_more: bool,
    broken: Option<io::Error>,
}

impl<R: Read> Reading<R> {
    fn new(input: R, limit: u64) -> Reading<R> {
        Reading { input, bytes: 0, limit, has_more: false, broken: None }
    }

    /// Fills what there is room for; 0 at the end, the limit, or where the stream breaks.
    fn fill(&mut self, block: &mut [u8]) -> usize {
        while self.broken.is_none() && !self.has_more {
            match self.input.read(block) {
                Ok(0) => return 0,
                Ok(read) => {
                    let left = usize::try_from(self.limit - self.bytes).unwrap_or(usize::MAX);
                    self.has_more = read > left;
                    self.bytes += read.min(left) as u64;
                    return read.min(left);
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => self.broken = Some(e),
            }
        }
        0
    }

    fn read(mut self, catalogue: &Catalogue, name: &str, mut scan: FileScan<'_>, is_packed: bool) -> OneFile {
        let mut block = vec![0; BLOCK];
        let mut filled = self.fill(&mut block);
        if block[..filled].starts_with(EVENT_LOG) {
            let mut one = self.end(RunFacts::default(), name, is_packed);
            one.has_more = false;
            one.facts.missing.push(missing(
                name,
                "it is an event log of Spark, which says little of a failure".into(),
                None,
            ));
            return one;
        }
        if begins_like_json(&block[..filled]) {
            let mut text = block[..filled].to_vec();
            while filled > 0 && text.len() <= MOST_ANSWER {
                filled = self.fill(&mut block);
                text.extend_from_slice(&block[..filled]);
            }
            if filled == 0
                && let Some(facts) = answer(catalogue, name, &text)
            {
                return self.end(facts, name, is_packed);
            }
            scan.feed(&text);
            filled = if filled == 0 { 0 } else { self.fill(&mut block) };
        }
        while filled > 0 && !scan.is_binary() {
            scan.feed(&block[..filled]);
            filled = self.fill(&mut block);
        }
        let facts = scan.finish().into_facts();
        self.end(facts, name, is_packed)
    }

    fn end(self, mut facts: RunFacts, name: &str, is_packed: bool) -> OneFile {
        let mut fault = None;
        if let Some(e) = self.broken {
            let (why, remedy) = if is_packed && self.bytes == 0 {
                fault = Some(format!("it is no whole gz: {e}"));
                (format!("it is no whole gz: {e}"), "copy it again; a log that is still being written has no end yet")
            } else if is_packed {
                (
                    format!("it is half a gz: what came before byte {} (unpacked) was read", self.bytes),
                    "copy it again; a log that is still being written has no end yet",
                )
            } else {
                fault = (self.bytes == 0).then(|| e.to_string());
                (format!("it cannot be read behind byte {}: {e}", self.bytes), "look at its permissions")
            };
            facts.missing.push(missing(name, why, Some(remedy)));
        }
        OneFile { facts, bytes: self.bytes, has_more: self.has_more, fault }
    }
}

fn begins_like_json(block: &[u8]) -> bool {
    matches!(block.trim_ascii_start().first(), Some(b'{' | b'['))
}

/// What a file says that is an answer of a service. One that plumb wrote is no evidence, and says nothing. `None`: it is
/// something else, and read as text.
fn answer(catalogue: &Catalogue, name: &str, bytes: &[u8]) -> Option<RunFacts> {
    let values = most_values(bytes);
    if values > MOST_VALUES {
        return None;
    }
    let text = std::str::from_utf8(bytes).ok()?;
    let value: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).ok()?;
    if value.get("format").and_then(Value::as_str) == Some(FORMAT) {
        return Some(RunFacts::default());
    }
    let kind = answers::recognised(&value)?;
    let mut facts = answers::read(catalogue, kind, &value, name, Some(text));
    facts.read.files += 1;
    facts.read.bytes += bytes.len() as u64;
    Some(facts)
}

/// How many values a text of JSON has at most.
fn most_values(text: &[u8]) -> usize {
    text.iter().filter(|b| matches!(b, b',' | b'[' | b'{')).count()
}
