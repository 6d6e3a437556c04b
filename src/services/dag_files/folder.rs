//! A folder of DAG files.
//!
//! A file is written beside itself and then put in its place, so that Airflow never sees half of it. A new one is put there
//! only if nothing is; an old one is read once more immediately before: folders have no write that is conditional on a
//! content, so the moment between the two is all that is left open.

use super::{DEEPEST, Doing, FileStore, LONGEST, StoredFile, Wrote, as_text, is_hidden, is_read, not_sent, refused};
use plumb_model::call::{Call, ServiceError};
use sha2::{Digest, Sha256};
use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

#[derive(Clone, Debug)]
pub(super) struct Folder {
    folder: PathBuf,
}

impl Folder {
    pub(super) fn new(folder: PathBuf) -> Self {
        Folder { folder }
    }

    fn root(&self, call: &Call) -> Result<PathBuf, ServiceError> {
        let shown = self.folder.display();
        let root = fs::canonicalize(&self.folder)
            .map_err(|e| not_sent(call, &format!("the folder of DAG files {shown} cannot be read: {e}")))?;
        if root.is_dir() { Ok(root) } else { Err(not_sent(call, &format!("{shown} is no folder"))) }
    }

    /// The place of a file. No link on the way may lead out of the folder.
    fn place(&self, call: &Call, name: &str) -> Result<PathBuf, ServiceError> {
        let outside = |why: String| refused(call, 400, "OUTSIDE", &why);
        let root = self.root(call)?;
        let file = root.join(name);
        let parent = file.parent().unwrap_or(&root);
        match fs::canonicalize(parent) {
            Ok(real) if real.starts_with(&root) => {}
            Ok(_) => return Err(outside(format!("`{name}` leads out of the folder"))),
            Err(e) => return Err(outside(format!("{}: {e}", parent.display()))),
        }
        match fs::symlink_metadata(&file) {
            Ok(meta) if meta.file_type().is_symlink() => {
                Err(outside(format!("`{name}` is a link: what it points to is not plumb's")))
            }
            Ok(meta) if !meta.is_file() => Err(outside(format!("`{name}` is no file"))),
            _ => Ok(file),
        }
    }

    fn write(&self, call: &Call, name: &str, text: &str, over: Option<&str>) -> Result<Wrote, ServiceError> {
        let file = self.place(call, name)?;
        let failed = |e: std::io::Error| not_sent(call, &format!("{name}: {e}"));
        let folder = file.parent().unwrap_or(Path::new("."));
        // Hidden, and not called .py: Airflow does not read it. Whoever may read files here may read this one.
        let mut beside = tempfile::Builder::new();
        beside.prefix(".plumb-").suffix(".tmp");
        #[cfg(unix)]
        beside.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut beside = beside.tempfile_in(folder).map_err(failed)?;
        beside.write_all(text.as_bytes()).and_then(|()| beside.as_file().sync_all()).map_err(failed)?;
        let placed = match over {
            None => match beside.persist_noclobber(&file) {
                Ok(_) => Ok(()),
                // Some network drives can neither rename without overwriting nor link: there the look has to do.
                Err(e) if is_unable(&e.error) && found(&file).map_err(failed)?.is_none() => {
                    e.file.persist(&file).map(drop).map_err(|e| e.error)
                }
                Err(e) if e.error.kind() == ErrorKind::AlreadyExists || is_unable(&e.error) => {
                    return Ok(Wrote::Changed);
                }
                Err(e) => Err(e.error),
            },
            Some(version) => match found(&file).map_err(failed)? {
                Some(now) if now.version == version => beside.persist(&file).map(drop).map_err(|e| e.error),
                _ => return Ok(Wrote::Changed),
            },
        };
        placed.map_err(failed)?;
        // The renaming itself is to outlive a crash, where folders can be synced.
        let _ = fs::File::open(folder).and_then(|f| f.sync_all());
        Ok(Wrote::Done)
    }

    fn remove(&self, call: &Call, name: &str, version: &str) -> Result<Wrote, ServiceError> {
        let file = self.place(call, name)?;
        let failed = |e: std::io::Error| not_sent(call, &format!("{name}: {e}"));
        match found(&file).map_err(failed)? {
            Some(now) if now.version == version => fs::remove_file(&file).map_err(failed).map(|()| Wrote::Done),
            _ => Ok(Wrote::Changed),
        }
    }

    /// Runs where waiting for a disk holds nobody up: folders are often network drives.
    fn apart<'a, T: Send + 'static>(
        &'a self,
        call: &'a Call,
        act: impl FnOnce(&Folder, &Call) -> Result<T, ServiceError> + Send + 'static,
    ) -> Doing<'a, T> {
        let (folder, owned) = (self.clone(), call.clone());
        Box::pin(async move {
            let done = tokio::task::spawn_blocking(move || act(&folder, &owned)).await;
            done.map_err(|e| ServiceError::Lost { line: call.line(), why: e.to_string() })?
        })
    }
}

impl FileStore for Folder {
    fn files<'a>(&'a self, call: &'a Call) -> Doing<'a, Vec<(String, Option<String>)>> {
        self.apart(call, |folder, call| {
            let root = folder.root(call)?;
            let mut files = Vec::new();
            walk(&root, &root, 0, &mut files).map_err(|e| not_sent(call, &e))?;
            Ok(files)
        })
    }

    fn look<'a>(&'a self, call: &'a Call, name: &'a str) -> Doing<'a, Option<StoredFile>> {
        let name = name.to_owned();
        self.apart(call, move |folder, call| {
            found(&folder.place(call, &name)?).map_err(|e| not_sent(call, &format!("{name}: {e}")))
        })
    }

    fn write<'a>(&'a self, call: &'a Call, name: &'a str, text: &'a str, over: Option<&'a str>) -> Doing<'a, Wrote> {
        let (name, text, over) = (name.to_owned(), text.to_owned(), over.map(str::to_owned));
        self.apart(call, move |folder, call| folder.write(call, &name, &text, over.as_deref()))
    }

    fn remove<'a>(&'a self, call: &'a Call, name: &'a str, version: &'a str) -> Doing<'a, Wrote> {
        let (name, version) = (name.to_owned(), version.to_owned());
        self.apart(call, move |folder, call| folder.remove(call, &name, &version))
    }
}

/// Whether a file system cannot do what it was asked for, whatever the file.
fn is_unable(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied | ErrorKind::InvalidInput)
}

/// A file; `None` when there is none.
fn found(file: &Path) -> std::io::Result<Option<StoredFile>> {
    let opened = match fs::File::open(file) {
        Ok(opened) => opened,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    let mut bytes = Vec::new();
    opened.take(LONGEST + 1).read_to_end(&mut bytes)?;
    let version = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Some(StoredFile { text: as_text(bytes), version }))
}

fn walk(root: &Path, folder: &Path, depth: usize, files: &mut Vec<(String, Option<String>)>) -> Result<(), String> {
    let failed = |path: &Path, e: std::io::Error| format!("{}: {e}", path.display());
    for entry in fs::read_dir(folder).map_err(|e| failed(folder, e))? {
        let entry = entry.map_err(|e| failed(folder, e))?;
        let path = entry.path();
        let kind = entry.file_type().map_err(|e| failed(&path, e))?;
        if is_hidden(&entry.file_name().to_string_lossy()) {
            continue;
        }
        if kind.is_dir() {
            if depth < DEEPEST {
                walk(root, &path, depth + 1, files)?;
            }
            continue;
        }
        let relative = path.strip_prefix(root).unwrap_or(&path);
        let parts: Vec<_> = relative.components().map(|c| c.as_os_str().to_string_lossy().into_owned()).collect();
        let name = parts.join("/");
        if kind.is_file()
            && is_read(&name)
            && let Some(found) = found(&path).map_err(|e| failed(&path, e))?
        {
            files.push((name, found.text));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use plumb_model::call::System;

    #[test]
    fn a_write_is_for_the_version_that_was_looked_at() {
        let at = tempfile::tempdir().unwrap();
        let folder = Folder::new(at.path().to_owned());
        let call = Call::get(System::DagFiles, "/dags/x.py");
        let file = at.path().join("x.py");
        let version = || found(&file).unwrap().unwrap().version;
        assert_eq!(folder.write(&call, "x.py", "one", None).unwrap(), Wrote::Done);
        let one = version();
        // Somebody made it in between, somebody changed it in between.
        assert_eq!(folder.write(&call, "x.py", "two", None).unwrap(), Wrote::Changed);
        fs::write(&file, "theirs").unwrap();
        assert_eq!(folder.write(&call, "x.py", "two", Some(&one)).unwrap(), Wrote::Changed);
        assert_eq!(folder.remove(&call, "x.py", &one).unwrap(), Wrote::Changed);
        assert_eq!(fs::read_to_string(&file).unwrap(), "theirs");
        assert_eq!(folder.write(&call, "x.py", "two", Some(&version())).unwrap(), Wrote::Done);
        assert_eq!(folder.remove(&call, "x.py", &version()).unwrap(), Wrote::Done);
        assert_eq!(folder.write(&call, "x.py", "two", Some(&one)).unwrap(), Wrote::Changed);
        assert_eq!(fs::read_dir(at.path()).unwrap().count(), 0, "nothing was left behind");
    }

    #[cfg(unix)]
    #[test]
    fn airflow_may_read_what_plumb_writes() {
        use std::os::unix::fs::PermissionsExt;
        let at = tempfile::tempdir().unwrap();
        let folder = Folder::new(at.path().to_owned());
        let call = Call::get(System::DagFiles, "/dags/x.py");
        folder.write(&call, "x.py", "one", None).unwrap();
        fs::write(at.path().join("plain.py"), "").unwrap();
        let mode = |name: &str| fs::metadata(at.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode("x.py"), mode("plain.py"));
    }
}
