//! Code on disk: files of the working tree that the project is in. What a link reaches outside of it is not read.

use super::Disk;
use crate::git::Repo;
use plumb_core::code::{CodeBytes, FoundCode, FoundCodeKind};
use plumb_core::manifest::{CodeReading, ManifestSource};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::{fmt, fs};

/// The working tree that a project is in; without git, the project itself.
pub(super) struct CodeRoot {
    /// Without symbolic links.
    top: PathBuf,
    /// The project's folder in it.
    pub(super) folder: String,
    repo: Option<Mutex<Repo>>,
}

impl fmt::Debug for CodeRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CodeRoot").field("top", &self.top).finish_non_exhaustive()
    }
}

impl CodeRoot {
    pub(super) fn open(project: &Path) -> Result<CodeRoot, String> {
        Ok(match Repo::open(project).map_err(|e| e.to_string())? {
            Some(repo) => CodeRoot {
                top: repo.top().to_owned(),
                folder: repo.prefix().trim_end_matches('/').to_owned(),
                repo: Some(Mutex::new(repo)),
            },
            None => CodeRoot { top: project.to_owned(), folder: String::new(), repo: None },
        })
    }

    fn is_ignored(&self, path: &str) -> Result<bool, String> {
        let Some(repo) = &self.repo else { return Ok(false) };
        repo.lock().unwrap_or_else(PoisonError::into_inner).is_ignored(path).map_err(|e| e.to_string())
    }

    /// See [`ManifestSource::code_at`].
    pub(super) fn at(&self, path: &str) -> Result<FoundCode, String> {
        let told = |e: io::Error| format!("`{path}` cannot be read: {e}");
        let found = |kind, bytes, is_ignored, leads_to| {
            Ok(FoundCode { path: path.to_owned(), kind, bytes, is_ignored, leads_to })
        };
        let at = self.top.join(path);
        match fs::symlink_metadata(&at) {
            Ok(_) => {}
            Err(e) if is_nothing(&e) => return found(FoundCodeKind::Nothing, 0, self.is_ignored(path)?, None),
            Err(e) => return Err(told(e)),
        }
        let real = match fs::canonicalize(&at) {
            Ok(real) => real,
            Err(e) if is_nothing(&e) => return found(FoundCodeKind::BROKEN, 0, false, None),
            Err(e) => return Err(told(e)),
        };
        let Ok(inside) = real.strip_prefix(&self.top) else { return found(FoundCodeKind::OUTSIDE, 0, false, None) };
        let parts: Option<Vec<&str>> = inside.components().map(|part| part.as_os_str().to_str()).collect();
        let inside = match parts {
            Some(parts) if !parts.iter().any(|part| part.starts_with('.')) => parts.join("/"),
            _ => return found(FoundCodeKind::HIDDEN, 0, false, None),
        };
        let about = fs::metadata(&real).map_err(told)?;
        let (kind, bytes) = match about.is_dir() {
            true => (FoundCodeKind::Folder, 0),
            false if about.is_file() => (FoundCodeKind::File, about.len()),
            false => (FoundCodeKind::SPECIAL, 0),
        };
        // A link that git has may lead to a file that it has not.
        let is_ignored = self.is_ignored(path)? || (inside != path && self.is_ignored(&inside)?);
        found(kind, bytes, is_ignored, (inside != path).then_some(inside))
    }

    /// See [`ManifestSource::code_names`].
    pub(super) fn names(&self, folder: &str) -> Result<Vec<String>, String> {
        let told = |e: io::Error| format!("`{folder}` cannot be read: {e}");
        if self.at(folder)?.kind != FoundCodeKind::Folder {
            return Ok(Vec::new());
        }
        let mut names = Vec::new();
        for (seen, entry) in fs::read_dir(self.top.join(folder)).map_err(told)?.enumerate() {
            if seen > super::MOST_ENTRIES {
                return Err(format!("`{folder}` has more than {} files and folders", super::MOST_ENTRIES));
            }
            let entry = entry.map_err(told)?;
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            // A name that is not UTF-8 is nobody's to write in a manifest.
            if let Some(name) = entry.file_name().to_str() {
                names.push(if is_folder { format!("{name}/") } else { name.to_owned() });
            }
        }
        names.sort();
        Ok(names)
    }

    /// See [`ManifestSource::open_code`]. Looked at once more: it may have changed since it was found.
    pub(super) fn open_file(&self, path: &str) -> Result<fs::File, String> {
        let found = self.at(path)?;
        if found.kind != FoundCodeKind::File {
            return Err(format!("`{path}` is not a file of the repository"));
        }
        let real = found.leads_to.as_deref().unwrap_or(path);
        fs::File::open(self.top.join(real)).map_err(|e| format!("`{path}` cannot be read: {e}"))
    }
}

fn is_nothing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

impl CodeBytes for Disk {
    fn bytes(&self, place: &str) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        self.open_code(place)?.read_to_end(&mut bytes).map_err(|e| format!("`{place}` cannot be read: {e}"))?;
        Ok(bytes)
    }
}

/// The file, to be read in any order.
pub(super) fn reading(file: fs::File) -> Box<dyn CodeReading> {
    Box::new(io::BufReader::with_capacity(64 << 10, file))
}

#[cfg(test)]
#[path = "code_tests.rs"]
mod tests;
