//! Writing what is not there yet: nothing is overwritten, and what stays is said.

use crate::ui::{Failure, Ui};
use std::io::{ErrorKind, Write};
use std::path::Path;

/// The files that are written into a folder.
pub struct NewFiles<'a> {
    dir: &'a Path,
    ui: &'a Ui,
    written: Vec<String>,
}

impl<'a> NewFiles<'a> {
    /// None yet.
    pub fn new(dir: &'a Path, ui: &'a Ui) -> NewFiles<'a> {
        NewFiles { dir, ui, written: Vec::new() }
    }

    /// Writes a file, unless there is one.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&mut self, path: &str, text: &str) -> Result<(), Failure> {
        if let Some(is_same) = self.make(path, text)? {
            let what = if is_same { "is there" } else { "is there and differs; it stays as it is" };
            self.ui.status(&format!("{path} {what}"));
        } else {
            self.written.push(path.to_owned());
        }
        Ok(())
    }

    /// Writes the files of a folder, and speaks of them as of one.
    ///
    /// # Errors
    /// One of them cannot be written; those before it are.
    pub fn write_folder(&mut self, folder: &str, files: &[(String, String)]) -> Result<(), Failure> {
        let mut differ = Vec::new();
        let mut written = 0;
        for (name, text) in files {
            match self.make(&format!("{folder}/{name}"), text)? {
                None => written += 1,
                Some(true) => {}
                Some(false) => differ.push(name.as_str()),
            }
        }
        if !differ.is_empty() {
            self.ui.status(&format!("{folder}/: {} differ; they stay as they are", differ.join(", ")));
        }
        if written > 0 {
            self.written.push(format!("{folder}/"));
        }
        Ok(())
    }

    /// Adds a line to a file, unless it has it.
    ///
    /// # Errors
    /// It cannot be read or written, or is a link.
    pub fn add_line(&mut self, path: &str, line: &str) -> Result<(), Failure> {
        let at = self.dir.join(path);
        let failed = |e: std::io::Error| Failure::error(format!("{path} was not written: {e}"));
        // A link may lead anywhere.
        let is_file = match std::fs::symlink_metadata(&at) {
            Ok(found) => found.is_file(),
            Err(e) if e.kind() == ErrorKind::NotFound => return self.write(path, &format!("{line}\n")),
            Err(e) => return Err(failed(e)),
        };
        if !is_file {
            self.ui.status(&format!("{path} is no file, and stays as it is: add `{line}` to what it stands for"));
            return Ok(());
        }
        let old = std::fs::read(&at).map_err(failed)?;
        let lines = old.split(|byte| *byte == b'\n');
        let bare = line.trim_matches('/').as_bytes();
        if lines
            .map(|one| one.trim_ascii())
            .any(|one| one.strip_prefix(b"/").unwrap_or(one).strip_suffix(b"/").unwrap_or(one) == bare)
        {
            return Ok(());
        }
        let between = if old.is_empty() || old.ends_with(b"\n") { "" } else { "\n" };
        let mut file = std::fs::OpenOptions::new().append(true).open(&at).map_err(failed)?;
        file.write_all(format!("{between}{line}\n").as_bytes()).map_err(failed)?;
        self.ui.status(&format!("{path}: `{line}` added"));
        Ok(())
    }

    /// Names what was written, a line each; answers how much that is.
    ///
    /// # Errors
    /// Nobody can be told.
    pub fn tell(self) -> Result<usize, Failure> {
        let told: String = self.written.iter().map(|path| format!("{path}\n")).collect();
        self.ui.data(&told)?;
        Ok(self.written.len())
    }

    /// Makes a file; where there is one, answers whether it is the same.
    fn make(&self, path: &str, text: &str) -> Result<Option<bool>, Failure> {
        let at = self.dir.join(path);
        let failed = |e: std::io::Error| Failure::error(format!("{path} was not written: {e}"));
        if let Some(folder) = at.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        // It is made new or not at all: also a link that leads elsewhere is left as it is.
        match std::fs::OpenOptions::new().write(true).create_new(true).open(&at) {
            Ok(mut file) => file.write_all(text.as_bytes()).map_err(failed).map(|()| None),
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {
                Ok(Some(std::fs::read(&at).is_ok_and(|known| known == text.as_bytes())))
            }
            Err(e) => Err(failed(e)),
        }
    }
}
