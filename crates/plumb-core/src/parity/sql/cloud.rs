//! Folders of cloud storage that a SQL warehouse reads: which files there are, and whether each was read as it is.
//!
//! Facts: Databricks' documentation, "read_files table-valued function" (all files below the folder; of format `binaryFile`
//! their `path`, `modificationTime` and `length`, each a row) and "LIST" (what lies directly in a folder: `path`, `name`,
//! `size`, `modification_time`; at most 1,001). None of it was tried on a warehouse.

use super::databricks::{literal, read_files};
use super::{Databricks, Dialect, SqlRow, Statement, Writer};
use crate::parity::files::{ListedFile, SideFault};
use crate::parity::plan::{FileRelation, Relation, SidePlan};

/// The most that LIST tells.
const MOST_LISTED: usize = 1001;

/// All data files below a folder.
pub fn files(folder: &str) -> Statement {
    let text = format!(
        "SELECT path, CAST(length AS STRING) AS size, CAST(unix_micros(modificationTime) AS STRING) AS written FROM \
         read_files({}, format => 'binaryFile')",
        literal(folder)
    );
    Writer::new(&Databricks).statement("pin", text)
}

/// What lies directly in a folder: also what is no data, as `_SUCCESS`.
pub fn list(folder: &str) -> Statement {
    Writer::new(&Databricks).statement("pin", format!("LIST {} LIMIT {MOST_LISTED}", literal(folder)))
}

/// What [`files`] and [`list`] answered, as one listing: of the second only what is no data.
///
/// # Errors
/// That a path is elsewhere, or that `done` may be among what was not listed.
pub fn read_listing(
    source: &str,
    root: &str,
    done: Option<&str>,
    files: &[SqlRow],
    listed: &[SqlRow],
) -> Result<Vec<ListedFile>, SideFault> {
    let unreadable = |says: String| SideFault { cause: "unreadable", says: format!("{source}: {says}") };
    let mut all = Vec::new();
    for row in files {
        let [Some(path), Some(size), Some(written)] = row.as_slice() else {
            return Err(unreadable("the warehouse did not tell what a file is".into()));
        };
        let Some(below) = path.strip_prefix(root) else {
            return Err(unreadable(format!("the warehouse lists a file elsewhere: {path}")));
        };
        let size = size.parse().map_err(|_| unreadable(format!("the warehouse calls a size `{size}`")))?;
        all.push(ListedFile { path: below.to_owned(), size, version: written.clone() });
    }
    for row in listed {
        let [Some(path), Some(name), ..] = row.as_slice() else {
            return Err(unreadable("the warehouse did not tell what lies in the folder".into()));
        };
        let name = name.trim_end_matches('/');
        if name.starts_with(['_', '.']) && !name.contains('=') {
            // Of a folder a file stands for all: that it is there says enough.
            let ending = if path.ends_with('/') || *name == *"_delta_log" || *name == *"_temporary" { "/" } else { "" };
            all.push(ListedFile { path: format!("{name}{ending}"), ..ListedFile::default() });
        }
    }
    match done {
        Some(done) if !all.iter().any(|file| file.path == done) => finished(source, done, listed).map(|()| all),
        _ => Ok(all),
    }
}

/// Whether a file lies directly in a folder, by what [`list`] answered.
///
/// # Errors
/// That it does not, or may be among what was not listed.
pub fn finished(source: &str, done: &str, listed: &[SqlRow]) -> Result<(), SideFault> {
    if listed.iter().any(|row| row.get(1).and_then(Option::as_deref) == Some(done)) {
        return Ok(());
    }
    let says = if listed.len() >= MOST_LISTED {
        format!(
            "{source}: whether {done} is there is not known, as the warehouse lists {MOST_LISTED} entries of a folder at most, \
             and has listed as many"
        )
    } else {
        format!("{source} has no {done}: its writer has not finished")
    };
    Err(SideFault { cause: "not_finished", says })
}

/// How many rows hold what is not of its column's type. `None` where it is an error, as of a table.
pub fn rescued(dialect: &dyn Dialect, side: &SidePlan) -> Option<Statement> {
    let Relation::Files(relation @ FileRelation { .. }) = &side.relation else { return None };
    if dialect.name() != Databricks.name() {
        return None;
    }
    let count = dialect.to_text("count(*)");
    let text = format!("SELECT {count} AS n FROM {} WHERE `_rescued_data` IS NOT NULL", read_files(relation));
    Some(Writer::new(dialect).statement("rescued", text))
}

#[cfg(test)]
#[path = "cloud_tests.rs"]
mod tests;
