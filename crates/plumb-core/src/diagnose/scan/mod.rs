//! From the bytes of a log to clues: lines, events, chains of causes, tracebacks.

mod event;
mod json;
mod keep;
mod lines;
mod subject;
mod trace;

use super::catalogue::Catalogue;
use super::clue::Clue;
use super::facts::{NameRelation, RunFacts};
use super::result::MissingEvidence;
use crate::logs::LogPlace;
use event::EventReader;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use lines::LineCutter;
use std::collections::BTreeSet;

pub use keep::rarest;

/// The longest line that is looked at, in bytes; of a longer one, the beginning.
pub const LONGEST_LINE: usize = 1 << 20;
/// The most clues of one diagnosis; then the rarest classes stay.
pub const MOST_CLUES: usize = 20_000;
/// How much of a file's beginning tells whether it is text.
const BEGINNING: usize = 8 << 10;

/// Reads one file, block by block. Memory does not grow with the file: of a class, the first and last three clues, a few more
/// about others, and a count are kept.
pub struct FileScan<'c> {
    lines: LineCutter,
    events: EventReader<'c>,
    /// What has come so far, until there is enough to tell whether it is text.
    beginning: Option<Vec<u8>>,
    binary: bool,
    bytes: u64,
}

/// What one file says.
#[derive(Clone, Debug, Default)]
pub struct FileFindings {
    pub file: String,
    pub clues: Vec<Clue>,
    pub relations: BTreeSet<NameRelation>,
    pub lines: u64,
    pub bytes: u64,
    /// Lines that were longer than [`LONGEST_LINE`].
    pub cut_lines: u64,
    /// It is no text.
    pub binary: bool,
    pub first_at: Option<Timestamp>,
    pub last_at: Option<Timestamp>,
}

impl<'c> FileScan<'c> {
    /// Begins a file. Times without a zone are in `zone`.
    pub fn new(catalogue: &'c Catalogue, file: &str, place: LogPlace, zone: TimeZone) -> FileScan<'c> {
        FileScan {
            lines: LineCutter::default(),
            events: EventReader::new(catalogue, file, place, zone),
            beginning: Some(Vec::new()),
            binary: false,
            bytes: 0,
        }
    }

    /// Reads on. Blocks may end anywhere.
    pub fn feed(&mut self, block: &[u8]) {
        self.bytes += block.len() as u64;
        if self.binary {
            return;
        }
        match &mut self.beginning {
            None => self.lines.feed(block, |line| self.events.line(line)),
            Some(beginning) => {
                beginning.extend_from_slice(block);
                if beginning.len() >= BEGINNING {
                    self.begin();
                }
            }
        }
    }

    /// Whether it is no text: then nothing that follows is looked at.
    pub fn is_binary(&self) -> bool {
        self.binary
    }

    fn begin(&mut self) {
        let Some(beginning) = self.beginning.take() else { return };
        self.binary = is_binary(&beginning[..beginning.len().min(BEGINNING)]);
        if !self.binary {
            let text = beginning.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&beginning);
            self.lines.feed(text, |line| self.events.line(line));
        }
    }

    /// Ends the file.
    pub fn finish(mut self) -> FileFindings {
        self.begin();
        let cut_lines = if self.binary { 0 } else { self.lines.finish(|line| self.events.line(line)) };
        let mut findings = self.events.finish();
        findings.bytes = self.bytes;
        findings.cut_lines = cut_lines;
        findings.binary = self.binary;
        findings
    }
}

impl FileFindings {
    /// What it says, as facts of a run.
    pub fn into_facts(self) -> RunFacts {
        let mut facts = RunFacts { clues: self.clues, relations: self.relations, ..RunFacts::default() };
        facts.read.files = 1;
        facts.read.bytes = self.bytes;
        let mut missing = |why: String| {
            facts.missing.push(MissingEvidence { what: self.file.clone(), why, remedy: None });
        };
        if self.binary {
            missing("it is not text, and was not read".to_owned());
        }
        if self.cut_lines > 0 {
            let lines = if self.cut_lines == 1 { "a line is" } else { &format!("{} lines are", self.cut_lines) };
            missing(format!("{lines} longer than {} MiB: of these, the beginning was read", LONGEST_LINE >> 20));
        }
        facts
    }
}

/// Whether bytes are no text: a zero in them, or a third of them control characters that no log has.
fn is_binary(beginning: &[u8]) -> bool {
    let strange = |b: &&u8| matches!(b, 0x01..=0x08 | 0x0e..=0x1a | 0x1c..=0x1f | 0x7f);
    memchr::memchr(0, beginning).is_some() || beginning.iter().filter(strange).count() * 3 > beginning.len()
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
