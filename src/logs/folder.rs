//! A folder of logs: listed, and read with a file on each core. The order of files means nothing to what is found.

use super::one::{OneFile, read_one, unreadable};
use super::{LogError, LogOptions, bound, cut, missing};
use plumb_core::diagnose::scan::MOST_CLUES;
use plumb_core::diagnose::{Catalogue, RunFacts};
use plumb_core::logs::{FileKind, LogPlace, place_of};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// More files than this are not read.
const MOST_FILES: usize = 200_000;
/// Deeper folders are not looked into.
const MOST_DEPTH: usize = 40;
/// What YARN lays beside a container's logs, and is none.
const NO_LOGS: [&str; 2] = ["launch_container.sh", "directory.info"];

/// A file of a folder.
struct ListedFile {
    /// Below the folder, with `/`.
    name: String,
    path: PathBuf,
}

/// Reads every file below a folder. `shown` is how the user wrote it, `root` where it really is.
pub(super) fn read_folder(
    catalogue: &Catalogue,
    shown: &Path,
    root: &Path,
    options: &LogOptions,
) -> Result<RunFacts, LogError> {
    let mut facts = RunFacts::default();
    let files = listed(shown, root, &mut facts)?;
    if files.is_empty() {
        return match facts.missing.first() {
            None => Err(LogError::Empty(shown.to_owned())),
            Some(first) => {
                let first = format!("{}: {}", first.what, first.why);
                Err(LogError::Nothing { path: shown.to_owned(), files: facts.missing.len(), first })
            }
        };
    }
    let read = |at: usize, limit: u64| {
        let file = &files[at];
        let place = place_in(&file.name, &file.path);
        match File::open(&file.path) {
            Ok(opened) => read_one(catalogue, &file.name, place, opened, &options.zone, limit),
            Err(e) => unreadable(&file.name, &e),
        }
    };
    let merge = Mutex::new(Merge { facts, most: options.most, ..Merge::default() });
    let next = AtomicUsize::new(0);
    let work = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(limit) = held(&merge).limit().filter(|_| at < files.len()) else { return };
            let one = read(at, limit);
            held(&merge).put(at, one);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..options.threads.min(files.len()) {
            scope.spawn(work);
        }
        work();
    });
    let mut merge = merge.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(over) = merge.over {
        // Which file the limit falls into must not depend on which core was quicker.
        let left = merge.most - merge.used;
        let name = &files[over].name;
        if left > 0 {
            let one = read(over, left);
            merge.add(one);
            merge.facts.missing.push(cut(name, left));
        }
        let unread = files.len() - over - usize::from(left > 0);
        if unread > 0 {
            let what = if left > 0 { "files behind" } else { "files from" };
            let why = format!("{unread} were not read: {} bytes, unpacked, are the most", merge.most);
            let remedy = Some("raise `--most`, or give the folder of one step");
            merge.facts.missing.push(missing(&format!("{what} {name}"), why, remedy));
        }
    }
    merge.end(shown, files.len())
}

fn held<'m>(merge: &'m Mutex<Merge>) -> MutexGuard<'m, Merge> {
    merge.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What was read, put together in the order of names.
#[derive(Default)]
struct Merge {
    facts: RunFacts,
    most: u64,
    used: u64,
    next: usize,
    /// Files that were read before one that comes before them.
    waiting: BTreeMap<usize, OneFile>,
    /// The file that the limit falls into.
    over: Option<usize>,
    faults: Vec<String>,
    gone: usize,
}

impl Merge {
    /// What the next file may have at most; `None` if nothing more may be read.
    fn limit(&self) -> Option<u64> {
        if self.over.is_some() { None } else { Some(self.most - self.used) }
    }

    fn put(&mut self, at: usize, one: OneFile) {
        self.waiting.insert(at, one);
        while let Some(one) = self.waiting.remove(&self.next) {
            if self.over.is_some() {
                return;
            }
            if one.has_more || one.bytes > self.most - self.used {
                self.over = Some(self.next);
                self.waiting.clear();
                return;
            }
            self.add(one);
            self.next += 1;
        }
    }

    fn add(&mut self, one: OneFile) {
        self.used += one.bytes;
        self.faults.extend(one.fault);
        self.facts.relations.extend(one.facts.relations.iter().cloned());
        self.facts.extend(one.facts);
        // Twice what stays in the end: the classes that are rare so far may not be in the end.
        if self.facts.clues.len() > 2 * MOST_CLUES {
            bound(&mut self.facts, &mut self.gone);
        }
    }

    fn end(mut self, shown: &Path, files: usize) -> Result<RunFacts, LogError> {
        if self.faults.len() == files {
            let first = self.faults.swap_remove(0);
            return Err(LogError::Nothing { path: shown.to_owned(), files, first });
        }
        bound(&mut self.facts, &mut self.gone);
        if self.gone > 0 {
            let why = format!("{} lines of the most frequent classes were left out", self.gone);
            self.facts.missing.push(missing("some clues", why, Some("give the folder of one step")));
        }
        if self.used == 0 && self.facts.missing.is_empty() {
            self.facts.missing.push(missing(
                &shown.display().to_string(),
                format!("all its {files} files are empty"),
                None,
            ));
        }
        Ok(self.facts)
    }
}

/// What a file is, by its name below the folder that was given; where that says nothing, by where the folder lies.
pub(super) fn place_in(name: &str, real: &Path) -> LogPlace {
    let place = place_of(name);
    if place.kind != FileKind::Unknown {
        return place;
    }
    let whole = place_of(&real.to_string_lossy());
    if whole.kind != FileKind::Unknown { whole } else { place }
}

/// The files below a folder, by name. What a symbolic link leads to is read where it is, if that is in the folder.
fn listed(shown: &Path, root: &Path, facts: &mut RunFacts) -> Result<Vec<ListedFile>, LogError> {
    let mut files = Vec::new();
    let mut folders = vec![(String::new(), root.to_owned(), 0)];
    while let Some((below, folder, depth)) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(e) if below.is_empty() => {
                return Err(LogError::Unreadable { path: shown.to_owned(), why: e.to_string() });
            }
            Err(e) => {
                facts.missing.push(missing(&below, format!("it cannot be read: {e}"), Some("look at its permissions")));
                continue;
            }
        };
        for entry in entries.filter_map(Result::ok) {
            let file_name = entry.file_name().to_string_lossy().into_owned();
            if file_name.starts_with('.') || NO_LOGS.iter().any(|other| file_name.trim_end_matches(".gz") == *other) {
                continue;
            }
            let name = if below.is_empty() { file_name } else { format!("{below}/{file_name}") };
            let mut told = |why: &str| facts.missing.push(missing(&name, why.to_owned(), None));
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && depth < MOST_DEPTH => folders.push((name, entry.path(), depth + 1)),
                Ok(kind) if kind.is_dir() => told("it lies too deep, and was not looked into"),
                Ok(kind) if kind.is_symlink() => {
                    let inside = fs::canonicalize(entry.path()).is_ok_and(|real| real.starts_with(root));
                    if !inside {
                        told("it is a symbolic link out of the folder, and was not followed");
                    }
                }
                Ok(kind) if kind.is_file() && files.len() < MOST_FILES => {
                    files.push(ListedFile { name, path: entry.path() });
                }
                Ok(kind) if kind.is_file() => {
                    told("there are too many files: it and others were not read");
                    folders.clear();
                    break;
                }
                Ok(_) => told("it is no file"),
                Err(e) => told(&format!("it cannot be read: {e}")),
            }
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    facts.missing.sort();
    Ok(files)
}
