//! The files of a local folder: listed, pinned, and looked at again.

use plumb_core::kinds::emr::compare::FileFormat;
use plumb_core::parity::files::{ListedFile, ReadAs, SideFault, SideFiles, TAIL, changes, choose, fingerprint};
use sha2::{Digest, Sha256};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// How many entries of folders are looked at before a listing gives up.
const MOST_ENTRIES: usize = 2_000_000;

/// A side that is a folder or a file of this machine.
#[derive(Clone, Debug)]
pub struct LocalSide {
    /// As the manifest has it, the period filled in.
    pub source: String,
    /// Where it is, absolute.
    pub path: PathBuf,
    pub format: FileFormat,
    /// The file that says that the writer has finished.
    pub done: Option<String>,
}

/// A side whose files are known.
#[derive(Clone, Debug)]
pub struct PinnedSide {
    pub files: SideFiles,
    /// What was read: [`fingerprint`] over paths, sizes and the ends of the files.
    pub fingerprint: String,
    /// What an engine has to be allowed to read.
    pub input: PathBuf,
}

/// Why a side cannot be pinned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SideError {
    /// There is no verdict about it.
    #[error("{0}")]
    NoVerdict(SideFault),
    /// Something is wrong with rights or with this machine.
    #[error("{0}")]
    Failed(String),
}

impl LocalSide {
    /// Lists the files, chooses what is read, and remembers what they are. Blocks.
    ///
    /// # Errors
    /// Why there is no verdict, or what is wrong with rights.
    pub fn pin(&self) -> Result<PinnedSide, SideError> {
        let (input, root, files) = self.look()?;
        let mut versions = Vec::new();
        for file in &files.pinned {
            let path = root.join(&file.path);
            versions.push(tail(&path, file.size).map_err(|e| self.unread(&file.path, &e))?);
        }
        let described = files.pinned.iter().zip(&versions).map(|(file, version)| (&*file.path, file.size, &**version));
        let fingerprint = fingerprint(described);
        Ok(PinnedSide { fingerprint, files, input })
    }

    /// Whether everything is as it was when it was pinned. Blocks.
    ///
    /// # Errors
    /// What was changed meanwhile, or cannot be looked at any more.
    pub fn repin(&self, pinned: &PinnedSide) -> Result<(), SideError> {
        let (_, _, files) = self.look().map_err(|error| match error {
            SideError::NoVerdict(fault) => {
                let says = format!("{} was changed while it was compared: {}", self.source, fault.says);
                SideError::NoVerdict(SideFault::changed(says))
            }
            failed @ SideError::Failed(_) => failed,
        })?;
        match changes(&self.source, &pinned.files.pinned, &files.pinned) {
            Some(fault) => Err(SideError::NoVerdict(fault)),
            None => Ok(()),
        }
    }

    /// What may be read, the folder that all paths are below, and the files.
    fn look(&self) -> Result<(PathBuf, PathBuf, SideFiles), SideError> {
        let input = std::fs::canonicalize(&self.path).map_err(|e| self.unread("", &e))?;
        let (root, listed) = if input.is_dir() { (input.clone(), self.walk(&input)?) } else { self.one(&input)? };
        let Some(text) = root.to_str() else { return Err(self.no_verdict("its path is no UTF-8")) };
        let root_text = format!("{}/", text.trim_end_matches('/'));
        let read = ReadAs { source: &self.source, root: &root_text, format: self.format, done: self.done.as_deref() };
        let files = choose(&listed, read).map_err(SideError::NoVerdict)?;
        Ok((input, root, files))
    }

    /// A file alone, and what says beside it that it is finished.
    fn one(&self, file: &Path) -> Result<(PathBuf, Vec<ListedFile>), SideError> {
        let (Some(folder), Some(name)) = (file.parent(), file.file_name().and_then(|name| name.to_str())) else {
            return Err(self.no_verdict("its path is no UTF-8"));
        };
        let mut listed = vec![self.listed(file, name.to_owned())?];
        if let Some(done) = self.done.as_deref().filter(|done| !done.contains("..") && folder.join(done).is_file()) {
            listed.push(ListedFile { path: done.to_owned(), ..ListedFile::default() });
        }
        Ok((folder.to_owned(), listed))
    }

    /// All files below a folder. A link may lead to a file within it, and nowhere else: what lies outside is not what was
    /// asked for, and a folder that is reached twice would be counted twice.
    fn walk(&self, root: &Path) -> Result<Vec<ListedFile>, SideError> {
        let (mut listed, mut folders, mut seen) = (Vec::new(), vec![(root.to_owned(), String::new())], 0);
        while let Some((folder, prefix)) = folders.pop() {
            for entry in std::fs::read_dir(&folder).map_err(|e| self.unread(&prefix, &e))? {
                let entry = entry.map_err(|e| self.unread(&prefix, &e))?;
                let Some(name) = entry.file_name().to_str().map(|name| format!("{prefix}{name}")) else {
                    return Err(self.no_verdict(&format!("{} is no UTF-8", entry.path().display())));
                };
                seen += 1;
                if seen > MOST_ENTRIES {
                    return Err(self.no_verdict(&format!("it has more than {MOST_ENTRIES} files")));
                }
                let about = entry.file_type().map_err(|e| self.unread(&name, &e))?;
                let path = entry.path();
                if about.is_dir() {
                    folders.push((path, format!("{name}/")));
                    // A folder without files says something, too: `_temporary`.
                    listed.push(ListedFile { path: format!("{name}/"), ..ListedFile::default() });
                    continue;
                }
                if about.is_symlink() {
                    let real = std::fs::canonicalize(&path).map_err(|e| self.unread(&name, &e))?;
                    if !real.starts_with(root) {
                        return Err(self.no_verdict(&format!("{name} is a link that leads out of it")));
                    }
                    if real.is_dir() {
                        return Err(
                            self.no_verdict(&format!("{name} is a link to a folder, whose files would count twice"))
                        );
                    }
                }
                listed.push(self.listed(&path, name)?);
            }
        }
        Ok(listed)
    }

    fn listed(&self, path: &Path, name: String) -> Result<ListedFile, SideError> {
        let about = std::fs::metadata(path).map_err(|e| self.unread(&name, &e))?;
        if !about.is_file() {
            return Err(self.no_verdict(&format!("{name} is no regular file")));
        }
        let written = about.modified().ok().and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
        let version = written.map(|time| time.as_nanos().to_string()).unwrap_or_default();
        Ok(ListedFile { path: name, size: about.len(), version })
    }

    fn no_verdict(&self, why: &str) -> SideError {
        let says = format!("{}: {why}", self.source);
        SideError::NoVerdict(SideFault { cause: "unreadable", says })
    }

    fn unread(&self, name: &str, e: &io::Error) -> SideError {
        let what = if name.is_empty() { self.source.clone() } else { format!("{}: {name}", self.source) };
        match e.kind() {
            io::ErrorKind::NotFound if name.is_empty() => {
                let says = format!("{what} is not there: has the pipeline run, and is the path right?");
                SideError::NoVerdict(SideFault { cause: "unreadable", says })
            }
            io::ErrorKind::PermissionDenied => SideError::Failed(format!("{what} may not be read: {e}")),
            _ => SideError::NoVerdict(SideFault { cause: "unreadable", says: format!("{what} cannot be read: {e}") }),
        }
    }
}

/// The hash of the last bytes of a file.
fn tail(path: &Path, size: u64) -> io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    file.seek(SeekFrom::Start(size.saturating_sub(TAIL)))?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes)?;
    Ok(Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(all(test, unix))]
#[path = "files_tests.rs"]
mod tests;
