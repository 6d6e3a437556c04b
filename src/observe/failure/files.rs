//! Logs and answers that lie in files: a folder, one file, standard input. No target, no project, no network.

use super::logs::{scan, unpacked};
use super::{FailureOptions, book};
use plumb_core::diagnose::answers;
use plumb_core::diagnose::result::MissingEvidence;
use plumb_core::diagnose::{Catalogue, RunFacts};
use serde_json::Value;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::{fs, thread};

/// The largest file that is read as the answer of a service, in bytes.
const LARGEST_ANSWER: u64 = 32 << 20;
/// How many files of a folder are read at most, and how many entries are looked at.
const MOST_FILES: usize = 100_000;

/// Reads a folder, or one file, several files at a time.
///
/// # Errors
/// It is not there, or cannot be read at all. What of a folder cannot be read is noted.
pub fn read_folder(catalogue: &Catalogue, path: &Path, options: &FailureOptions) -> Result<RunFacts, String> {
    let failed = |e: io::Error| format!("{}: {}", path.display(), told(&e));
    let about = fs::metadata(path).map_err(failed)?;
    let mut facts = RunFacts::default();
    let mut files = Vec::new();
    if about.is_dir() {
        walk(path, &mut files, &mut facts).map_err(failed)?;
        if files.is_empty() {
            facts.missing.push(missing(path, "the folder holds no file"));
        }
    } else {
        // What is named is opened, a pipe too; it has to be there.
        drop(fs::File::open(path).map_err(failed)?);
        files.push((path.to_owned(), about.len()));
    }
    // Small ones first: what the bound leaves out is the largest.
    files.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
    let (next, left) = (AtomicUsize::new(0), AtomicU64::new(options.most));
    let found = Mutex::new(Vec::new());
    let work = || {
        while let Some((file, size)) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            let fits = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(*size)).is_ok();
            let read = if fits {
                read_file(catalogue, file, *size, options)
            } else {
                let why = format!("{} of logs are read at most: give --most a larger size", book::size(options.most));
                RunFacts { missing: vec![missing(file, &why)], ..RunFacts::default() }
            };
            found.lock().unwrap_or_else(PoisonError::into_inner).push((file, read));
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from).min(files.len());
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    // What services say of the outcome comes first, then in the order of names: any order of reading gives the same.
    found.sort_by(|a, b| (a.1.outcomes.is_empty(), a.0).cmp(&(b.1.outcomes.is_empty(), b.0)));
    for (_, read) in found {
        facts.extend(read);
    }
    named(&mut facts, &path.display().to_string());
    Ok(facts)
}

/// Reads what comes in at a stream.
pub fn read_stream(catalogue: &Catalogue, input: impl Read, options: &FailureOptions) -> RunFacts {
    let mut facts = read_any(catalogue, "-", input.take(options.most), options);
    named(&mut facts, "standard input");
    facts
}

fn named(facts: &mut RunFacts, name: &str) {
    if facts.subject.name.is_empty() {
        facts.subject.name = name.to_owned();
    }
    if facts.subject.system.is_empty() {
        facts.subject.system = "logs".to_owned();
    }
}

fn told(e: &io::Error) -> String {
    match e.kind() {
        io::ErrorKind::NotFound => "there is no such file or folder".to_owned(),
        _ => e.to_string(),
    }
}

fn missing(path: &Path, why: &str) -> MissingEvidence {
    MissingEvidence { what: path.display().to_string(), why: why.to_owned(), remedy: None }
}

/// The files below a folder. A link is not followed: it may lead anywhere, and around in circles.
fn walk(folder: &Path, files: &mut Vec<(PathBuf, u64)>, facts: &mut RunFacts) -> io::Result<()> {
    let mut folders = vec![folder.to_owned()];
    let mut first = true;
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(e) if first => return Err(e),
            Err(e) => {
                facts.missing.push(missing(&folder, &told(&e)));
                continue;
            }
        };
        first = false;
        for entry in entries.filter_map(Result::ok) {
            if files.len() >= MOST_FILES {
                facts.missing.push(missing(&folder, &format!("only {MOST_FILES} files are looked at")));
                return Ok(());
            }
            let (path, kind) = (entry.path(), entry.file_type());
            match kind {
                Ok(kind) if kind.is_dir() => folders.push(path),
                Ok(kind) if kind.is_file() => {
                    let size = entry.metadata().map_or(0, |about| about.len());
                    files.push((path, size));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

fn read_file(catalogue: &Catalogue, path: &Path, size: u64, options: &FailureOptions) -> RunFacts {
    match fs::File::open(path) {
        Ok(file) if size == 0 && file.metadata().is_ok_and(|about| about.is_file()) => RunFacts::default(),
        Ok(file) => read_any(catalogue, &path.display().to_string(), file, options),
        Err(e) => RunFacts { missing: vec![missing(path, &told(&e))], ..RunFacts::default() },
    }
}

/// Reads a file by its content: the answer of a service, or a log.
fn read_any(catalogue: &Catalogue, name: &str, input: impl Read, options: &FailureOptions) -> RunFacts {
    let broken = |e: &io::Error| {
        let missing = MissingEvidence { what: name.to_owned(), why: format!("it breaks off: {e}"), remedy: None };
        RunFacts { missing: vec![missing], ..RunFacts::default() }
    };
    let mut input = match unpacked(input) {
        Ok(input) => input,
        Err(e) => return broken(&e),
    };
    let mut head = Vec::new();
    if let Err(e) = (&mut input).take(4096).read_to_end(&mut head)
        && head.is_empty()
    {
        return broken(&e);
    }
    let opening = head.iter().find(|byte| !byte.is_ascii_whitespace());
    if !matches!(opening, Some(b'{' | b'[')) {
        return scan(catalogue, name, io::Cursor::new(head).chain(input), options);
    }
    // What is no answer after all is read as a log: the JSON lines of Airflow 3.
    if let Err(e) = (&mut input).take(LARGEST_ANSWER).read_to_end(&mut head) {
        let mut facts = scan(catalogue, name, &head[..], options);
        facts.missing.extend(broken(&e).missing);
        return facts;
    }
    let text = std::str::from_utf8(&head).ok().filter(|_| (head.len() as u64) < LARGEST_ANSWER);
    let answer = text.and_then(|text| Some((text, serde_json::from_str::<Value>(text).ok()?)));
    let kind = answer.as_ref().and_then(|(_, answer)| answers::recognised(answer));
    match (kind, &answer) {
        (Some(kind), Some((text, answer))) => {
            let mut facts = answers::read(catalogue, kind, answer, name, Some(text));
            facts.read.files += 1;
            facts.read.bytes += head.len() as u64;
            facts
        }
        _ => scan(catalogue, name, io::Cursor::new(head).chain(input), options),
    }
}
