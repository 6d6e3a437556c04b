//! Logs of a machine: a file, a folder of them, or what comes in by standard input, packed or not.
//!
//! Files are opened, unpacked and fed to `plumb-core` here, each on a core; what a line says is decided there. Memory does not
//! grow with what is read: a block a core, and the clues that are kept.

mod folder;
mod one;

use jiff::tz::TimeZone;
use plumb_core::diagnose::facts::RunSubject;
use plumb_core::diagnose::result::MissingEvidence;
use plumb_core::diagnose::scan::{MOST_CLUES, rarest};
use plumb_core::diagnose::{Catalogue, RunFacts};
use plumb_core::logs::place_of;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The most unpacked bytes that are read, unless said otherwise.
pub const MOST_LOG_BYTES: u64 = 16 << 30;
/// The most cores: each takes memory.
const MOST_THREADS: usize = 8;
/// What the texts of all clues may take together, in bytes.
const MOST_TEXTS: usize = 12 << 20;

/// How logs are read.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// At most so many unpacked bytes in all.
    pub most: u64,
    /// The zone of times that have none.
    pub zone: TimeZone,
    /// How many files are read at a time.
    pub threads: usize,
}

impl Default for LogOptions {
    fn default() -> LogOptions {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        LogOptions { most: MOST_LOG_BYTES, zone: TimeZone::UTC, threads: cores.min(MOST_THREADS) }
    }
}

/// Where logs are.
pub enum LogInput<'i> {
    /// A file or a folder.
    Path(&'i Path),
    /// What comes in: standard input.
    Stream(&'i mut dyn Read),
}

/// Why nothing could be read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("there is no `{}`", .0.display())]
    Missing(PathBuf),
    #[error("`{}` cannot be read: {why}", .path.display())]
    Unreadable { path: PathBuf, why: String },
    #[error("`{}` holds no file", .0.display())]
    Empty(PathBuf),
    #[error("none of the {files} files in `{}` could be read: {first}", .path.display())]
    Nothing { path: PathBuf, files: usize, first: String },
    #[error("standard input brought nothing")]
    NoInput,
}

impl LogError {
    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            LogError::Missing(_) => "give a file or folder with logs, `-` for standard input, or a run's id",
            LogError::Unreadable { .. } | LogError::Nothing { .. } => "look at the permissions of the files",
            LogError::Empty(_) => "copy the logs of the run into it; EMR writes them about 5 minutes after the end",
            LogError::NoInput => "pipe a log into it",
        }
    }
}

/// Reads all logs of a place. What could not be read of it is said under `missing`.
///
/// # Errors
/// Nothing could be read at all.
pub fn read(catalogue: &Catalogue, input: LogInput<'_>, options: &LogOptions) -> Result<RunFacts, LogError> {
    let (facts, name) = match input {
        LogInput::Stream(stream) => {
            let facts = scan_reader(catalogue, "-", stream, options);
            if facts.read.bytes == 0 && facts.missing.is_empty() {
                return Err(LogError::NoInput);
            }
            (facts, "standard input".to_owned())
        }
        LogInput::Path(path) => (read_path(catalogue, path, options)?, path.display().to_string()),
    };
    Ok(RunFacts { subject: RunSubject { name, system: "logs".to_owned(), ..facts.subject.clone() }, ..facts })
}

/// Reads a stream, packed or not: what a store sends. `name` is what evidence calls it, and its path.
pub fn scan_reader(catalogue: &Catalogue, name: &str, stream: impl Read, options: &LogOptions) -> RunFacts {
    let read = one::read_one(catalogue, name, place_of(name), stream, &options.zone, options.most);
    let mut facts = read.facts;
    if read.has_more {
        facts.missing.push(cut(name, options.most));
    }
    facts
}

fn read_path(catalogue: &Catalogue, path: &Path, options: &LogOptions) -> Result<RunFacts, LogError> {
    let why = |e: &io::Error| match e.kind() {
        io::ErrorKind::NotFound => LogError::Missing(path.to_owned()),
        _ => LogError::Unreadable { path: path.to_owned(), why: e.to_string() },
    };
    let real = fs::canonicalize(path).map_err(|e| why(&e))?;
    let about = fs::metadata(&real).map_err(|e| why(&e))?;
    if about.is_dir() {
        return folder::read_folder(catalogue, path, &real, options);
    }
    // A pipe is a file too: `<(aws s3 cp … -)`.
    let file = File::open(path).map_err(|e| why(&e))?;
    let name = path.to_string_lossy().replace('\\', "/");
    let place = folder::place_in(&name, &real);
    let read = one::read_one(catalogue, &name, place, file, &options.zone, options.most);
    let mut facts = read.facts;
    if read.has_more {
        facts.missing.push(cut(&name, options.most));
    } else if facts.read.bytes == 0 && facts.missing.is_empty() {
        facts.missing.push(missing(&name, "it is empty".to_owned(), None));
    }
    Ok(facts)
}

fn missing(what: &str, why: String, remedy: Option<&str>) -> MissingEvidence {
    MissingEvidence { what: what.to_owned(), why, remedy: remedy.map(str::to_owned) }
}

/// What is said of a file that was not read to its end.
fn cut(name: &str, most: u64) -> MissingEvidence {
    let why = format!("only its first {most} bytes, unpacked, were read");
    missing(name, why, Some("raise `--most`, or give the folder of one step"))
}

/// Keeps the clues within bounds, and says so.
fn bound(facts: &mut RunFacts, gone: &mut usize) {
    let (clues, more) = rarest(std::mem::take(&mut facts.clues), MOST_CLUES, MOST_TEXTS);
    facts.clues = clues;
    *gone += more;
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
