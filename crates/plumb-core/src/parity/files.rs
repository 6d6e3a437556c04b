//! Which files of a folder are read, as Spark reads it, and what was read.
//!
//! The rules are those of Spark's `HadoopFSUtils.shouldFilterOutPathName` (which names are no data) and
//! `PartitioningUtils.parsePartitions` (what folders say). Where engines would read different files of the same folder, there
//! is no verdict.

use super::plan::FilePart;
use crate::kinds::emr::compare::FileFormat;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// What Hive and Spark write for a partition value that is null.
const NULL_PARTITION: &str = "__HIVE_DEFAULT_PARTITION__";
/// How many bytes of the end of a local file are a part of what was read: the footer of Parquet is among them.
pub const TAIL: u64 = 64 << 10;

/// A file of a listing, whatever it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListedFile {
    /// Below the folder, with `/` between names. A folder ends with one.
    pub path: String,
    /// In bytes.
    pub size: u64,
    /// What changes when the file does: the ETag, or the time at which a local file was written.
    pub version: String,
}

/// The files of a side that are read, and what is known of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SideFiles {
    /// What an engine reads. Of Delta the folder; of CSV and JSON without files that are empty.
    pub parts: Vec<FilePart>,
    /// All that the verdict depends on: if it is not the same at the end, something was changed meanwhile.
    pub pinned: Vec<ListedFile>,
    /// The version of a Delta folder.
    pub delta_version: Option<u64>,
}

impl SideFiles {
    /// How many bytes there are.
    pub fn bytes(&self) -> u64 {
        self.pinned.iter().map(|file| file.size).sum()
    }
}

/// Why a side cannot be read: there is no verdict.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{says}")]
pub struct SideFault {
    /// The name of the cause: `old_is_empty` or `new_is_empty` where `is_empty`, else one of `unreadable`, `not_finished`,
    /// `delta_folder`, `changed`.
    pub cause: &'static str,
    /// In a sentence that says how to go on.
    pub says: String,
}

impl SideFault {
    fn unreadable(says: String) -> SideFault {
        SideFault { cause: "unreadable", says }
    }

    fn unfinished(says: String) -> SideFault {
        SideFault { cause: "not_finished", says }
    }

    /// That there is no data at all. Which side it is, the caller knows.
    pub fn empty(says: String) -> SideFault {
        SideFault { cause: "is_empty", says }
    }

    /// Whether there is no data at all.
    pub fn is_empty(&self) -> bool {
        self.cause == "is_empty"
    }

    /// The name of the cause, of a side: `old`, `new`.
    pub fn cause_of(&self, side: &str) -> &'static str {
        match (self.cause, side) {
            ("is_empty", "old") => "old_is_empty",
            ("is_empty", _) => "new_is_empty",
            (cause, _) => cause,
        }
    }

    /// That something was changed while it was compared.
    pub fn changed(says: String) -> SideFault {
        SideFault { cause: "changed", says }
    }
}

/// How a side is read.
#[derive(Clone, Copy, Debug)]
pub struct ReadAs<'a> {
    /// The folder or file as people know it, for what is said of it.
    pub source: &'a str,
    /// Before the path of each file: `/data/month=2024-05/`.
    pub root: &'a str,
    pub format: FileFormat,
    /// The file that says that the writer has finished.
    pub done: Option<&'a str>,
}

/// Chooses what is read of all files below a folder.
///
/// # Errors
/// Why there is no verdict: the folder is empty, is not finished, is no folder of this format, or engines would read different
/// things.
pub fn choose(listed: &[ListedFile], read: ReadAs<'_>) -> Result<SideFiles, SideFault> {
    let source = read.source;
    if let Some(done) = read.done {
        let done = done.trim_start_matches("./");
        if !listed.iter().any(|file| file.path == done) {
            return Err(SideFault::unfinished(format!("{source} has no {done}: its writer has not finished")));
        }
    }
    if read.format == FileFormat::Delta {
        return delta(listed, read);
    }
    let folders: BTreeSet<&str> = listed.iter().flat_map(|file| parents(&file.path)).collect();
    let named = |name: &str| folders.iter().find(|folder| folder.rsplit('/').next() == Some(name));
    if let Some(log) = named("_delta_log") {
        let says = format!(
            "{source} is a Delta table ({log} is there), which keeps files whose rows were deleted: write `format: delta`"
        );
        return Err(SideFault { cause: "delta_folder", says });
    }
    if let Some(log) = named(".hoodie").or_else(|| named("_spark_metadata")) {
        let says = format!(
            "{source} has a log ({log}) that says which of its files count, and plumb does not read it: compare a table, or a \
             folder that a batch job wrote"
        );
        return Err(SideFault::unreadable(says));
    }
    // Hadoop's committer leaves _SUCCESS when it is done, and may leave the folder of an attempt that died before.
    let is_done = listed.iter().any(|file| file.path == "_SUCCESS");
    if read.done.is_none() && !is_done && named("_temporary").is_some() {
        let says = format!("{source} has a folder _temporary: a writer is at work, or has died");
        return Err(SideFault::unfinished(says));
    }
    let mut pinned: Vec<ListedFile> = listed.iter().filter(|file| is_data(&file.path)).cloned().collect();
    pinned.sort();
    if pinned.is_empty() {
        return Err(SideFault::empty(format!("{source} has no data file")));
    }
    let mut parts = Vec::new();
    let mut shape: Option<(Vec<String>, usize, &str)> = None;
    for file in &pinned {
        // Spark escapes all of these but `}` in partitions, and DuckDB takes neither brace for a wildcard.
        if let Some(wildcard) = file.path.chars().find(|c| "*?[]{".contains(*c)) {
            let says =
                format!("{source}: the name {} has a `{wildcard}` in it, which engines take for a wildcard", file.path);
            return Err(SideFault::unreadable(says));
        }
        if file.size == 0 && read.format == FileFormat::Parquet {
            let says = format!(
                "{source}: {} is empty, which no Parquet file is: its writer has not finished or has failed",
                file.path
            );
            return Err(SideFault::unreadable(says));
        }
        let partitions =
            partitions(&file.path).map_err(|why| SideFault::unreadable(format!("{source}: {}: {why}", file.path)))?;
        let names: Vec<String> = partitions.iter().map(|(name, _)| name.to_lowercase()).collect();
        let depth = file.path.matches('/').count();
        match &shape {
            None => shape = Some((names, depth, &file.path)),
            Some((as_first, first_depth, first)) if *as_first != names || *first_depth != depth => {
                let says = format!(
                    "{source}: {first} and {} lie in folders of different kinds or depths, of which engines read different \
                     files: compare one of the folders",
                    file.path
                );
                return Err(SideFault::unreadable(says));
            }
            Some(_) => {}
        }
        if file.size > 0 {
            parts.push(FilePart { path: format!("{}{}", read.root, file.path), partitions, julian: false });
        }
    }
    Ok(SideFiles { parts, pinned, delta_version: None })
}

/// A Delta folder: all of it is pinned, and its log has to be there.
fn delta(listed: &[ListedFile], read: ReadAs<'_>) -> Result<SideFiles, SideFault> {
    let commits =
        listed.iter().filter_map(|file| file.path.strip_prefix("_delta_log/")?.strip_suffix(".json")?.parse().ok());
    let Some(version) = commits.max() else {
        return Err(SideFault::unreadable(format!(
            "{} is no Delta table: it has no commit in _delta_log",
            read.source
        )));
    };
    let mut pinned: Vec<ListedFile> = listed.iter().filter(|file| !file.path.ends_with('/')).cloned().collect();
    pinned.sort();
    let part = FilePart { path: read.root.trim_end_matches('/').to_owned(), ..FilePart::default() };
    Ok(SideFiles { parts: vec![part], pinned, delta_version: Some(version) })
}

/// The folders that a path lies in, from the outermost.
fn parents(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}

/// Whether Spark reads a file as data: no part of its path is hidden. `_name=value` is a partition.
fn is_data(path: &str) -> bool {
    // EMRFS leaves `NAME_$folder$` beside folders, and S3 consoles an empty object whose name ends with a slash.
    let is_hidden = |part: &str| {
        part.starts_with('_') && !part.contains('=')
            || part.starts_with("_metadata")
            || part.starts_with("_common_metadata")
            || part.starts_with('.')
            || part.ends_with("._COPYING_")
            || part.ends_with("_$folder$")
            || part.is_empty()
    };
    !path.split('/').any(is_hidden)
}

/// The partition columns that a path's folders say.
fn partitions(path: &str) -> Result<Vec<(String, Option<String>)>, String> {
    let mut found: Vec<(String, Option<String>)> = Vec::new();
    let mut plain = None;
    for folder in parents(path).map(|folder| folder.rsplit('/').next().unwrap_or(folder)) {
        let Some((name, value)) = folder.split_once('=') else {
            plain = Some(folder);
            continue;
        };
        if name.is_empty() || value.is_empty() {
            return Err(format!("the folder `{folder}` names no partition: expected `name=value`"));
        }
        let (name, value) = (unescaped(name)?, unescaped(value)?);
        if found.iter().any(|(other, _)| other.eq_ignore_ascii_case(&name)) {
            return Err(format!("the folders name the partition `{name}` twice"));
        }
        let value = Some(value).filter(|value| value != NULL_PARTITION);
        found.push((name, value));
    }
    match plain {
        Some(folder) if !found.is_empty() => {
            Err(format!("the folder `{folder}` is no partition, but others of its path are"))
        }
        _ => Ok(found),
    }
}

/// A name as it was before Spark's `ExternalCatalogUtils.escapePathName`: `%` and two digits are a byte. What is no such escape
/// stays.
fn unescaped(text: &str) -> Result<String, String> {
    let (bytes, mut out, mut at) = (text.as_bytes(), Vec::new(), 0);
    while at < bytes.len() {
        let digits = text.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        let digits = digits.filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            // Spark reads each escape as one character; it only writes them for ASCII.
            Some(code) if !code.is_ascii() => {
                return Err(format!("`{text}` escapes a character that is not ASCII, which engines read differently"));
            }
            Some(code) => {
                out.push(code);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8(out).map_err(|e| e.to_string())
}

/// What was read: SHA-256 over the sorted files, each with its size and its version (an ETag, or the hash of a local file's
/// last [`TAIL`] bytes).
pub fn fingerprint<'a>(files: impl IntoIterator<Item = (&'a str, u64, &'a str)>) -> String {
    let sorted: BTreeSet<(&str, u64, &str)> = files.into_iter().collect();
    let mut hash = Sha256::new();
    for (path, size, version) in sorted {
        // Each with its length before it: no two lists look the same.
        for text in [path, &size.to_string(), version] {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
    }
    let digits: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{digits}")
}

/// What of a pin is different now, in a sentence; none if nothing is.
pub fn changes(source: &str, before: &[ListedFile], now: &[ListedFile]) -> Option<SideFault> {
    if before == now {
        return None;
    }
    let named = |files: &[ListedFile]| -> BTreeSet<String> { files.iter().map(|file| file.path.clone()).collect() };
    let (then, today) = (named(before), named(now));
    let changed =
        before.iter().find(|file| today.contains(&file.path) && !now.contains(file)).map(|file| file.path.clone());
    let what = match (then.difference(&today).next(), today.difference(&then).next(), changed) {
        (Some(gone), _, _) => format!("{gone} is gone"),
        (_, Some(new), _) => format!("{new} is new"),
        (_, _, changed) => format!("{} was written", changed.unwrap_or_default()),
    };
    Some(SideFault::changed(format!(
        "{source} was changed while it was compared ({what}): run again when its writer has finished"
    )))
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
