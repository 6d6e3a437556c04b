//! Where the files of a project come from: a folder, or a commit.

use crate::code::{FoundCode, FoundCodeKind, HashedCode, hash_code, is_left_out};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read, Seek};
use std::num::NonZeroUsize;

/// The largest file that is read.
pub const MOST_BYTES_A_FILE: u64 = 5_000_000;
/// The most bytes that all files may have together.
pub const MOST_BYTES: u64 = 100_000_000;
/// The most manifest files that a project may have.
pub const MOST_FILES: usize = 20_000;

/// How many names of folders are looked at before a listing of code gives up.
const MOST_NAMES: usize = 100_000;

/// Files by their path relative to the project file, with forward slashes.
pub trait ManifestSource {
    /// The YAML files at or below a path, in the order of their paths. An error says that there is no such path, or
    /// why it cannot be read.
    fn list(&self, path: &str) -> Result<Vec<ManifestFile>, String>;

    /// The content of a file that [`ManifestSource::list`] named.
    fn read(&self, path: &str) -> Result<Vec<u8>, String>;

    /// The contents of several such files, in their order.
    fn read_many(&self, paths: &[&str]) -> Vec<Result<Vec<u8>, String>> {
        paths.iter().map(|path| self.read(path)).collect()
    }

    /// The project's folder in the repository: `pipelines/bau`; empty where that is the top, or where there is no repository.
    fn repository_folder(&self) -> Result<String, String> {
        Ok(String::new())
    }

    /// What stands at a path of the repository, which begins at its top and has no `..` in it.
    fn code_at(&self, path: &str) -> Result<FoundCode, String>;

    /// The names in a folder of the repository, of folders with `/` at the end, in order; what git ignores too.
    fn code_names(&self, folder: &str) -> Result<Vec<String>, String>;

    /// The files of a folder of the repository and of those in it, in the order of their paths. What git ignores, what is hidden
    /// and what Python keeps for itself is left out.
    fn code_below(&self, folder: &str) -> Result<Vec<FoundCode>, String> {
        let real = |path: &str, found: &FoundCode| found.leads_to.clone().unwrap_or_else(|| path.to_owned());
        let (mut files, mut seen) = (Vec::new(), 0);
        let mut folders = vec![(folder.to_owned(), vec![real(folder, &self.code_at(folder)?)])];
        while let Some((folder, way)) = folders.pop() {
            for name in self.code_names(&folder)? {
                let name = name.trim_end_matches('/');
                seen += 1;
                if seen > MOST_NAMES {
                    return Err(format!(
                        "`{folder}` and what is beside it have more than {MOST_NAMES} files and folders"
                    ));
                }
                if is_left_out(name) {
                    continue;
                }
                let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
                let found = self.code_at(&path)?;
                let at = real(&path, &found);
                match found.kind {
                    _ if found.is_ignored => {}
                    // A link to a folder that it is in.
                    FoundCodeKind::Folder if way.contains(&at) => {}
                    FoundCodeKind::Folder => folders.push((path, way.iter().cloned().chain([at]).collect())),
                    FoundCodeKind::File | FoundCodeKind::Refused(_) => files.push(found),
                    FoundCodeKind::Nothing => {}
                }
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }

    /// The bytes of a file of the repository.
    fn open_code(&self, path: &str) -> Result<Box<dyn CodeReading + '_>, String>;

    /// What is in these files, in their order.
    fn hash_code(&self, files: &[&FoundCode]) -> Vec<Result<HashedCode, String>> {
        files.iter().map(|file| hash_code(file, &mut *self.open_code(&file.path)?)).collect()
    }

    /// How many threads may read the manifests. What is read does not depend on it.
    fn threads(&self) -> NonZeroUsize {
        NonZeroUsize::MIN
    }
}

/// Bytes that can be read in any order.
pub trait CodeReading: Read + Seek {}

impl<R: Read + Seek> CodeReading for R {}

/// A file that a listing found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestFile {
    pub path: String,
    pub kind: ManifestFileKind,
    /// In bytes.
    pub size: u64,
}

impl ManifestFile {
    /// Why it is not read; `None` when it is.
    pub fn refused(&self) -> Option<String> {
        let path = &self.path;
        match self.kind {
            ManifestFileKind::File => None,
            ManifestFileKind::SymlinkOutside => Some(format!("`{path}` is a symbolic link that leaves the project")),
            ManifestFileKind::Hidden => Some(format!("`{path}` leads to a hidden file, such as those of git")),
            ManifestFileKind::SymlinkBroken => Some(format!("`{path}` is a symbolic link to nothing")),
            ManifestFileKind::Symlink => {
                Some(format!("`{path}` is a symbolic link, which is not followed in a commit"))
            }
            ManifestFileKind::Special => Some(format!("`{path}` is not a regular file")),
            ManifestFileKind::TooLarge => {
                let (size, most) = (self.size as f64 / 1e6, MOST_BYTES_A_FILE / 1_000_000);
                Some(format!("`{path}` is too large: {size:.1} MB, and {most} MB is the most"))
            }
        }
    }
}

/// Whether a file can be read, and if not, why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ManifestFileKind {
    File,
    /// A symbolic link to something outside the project.
    SymlinkOutside,
    /// A symbolic link to a hidden file, or anything of git's own: credentials stand there (`.git/config`, `.env`).
    Hidden,
    /// A symbolic link to nothing.
    SymlinkBroken,
    /// A symbolic link of a commit, which is not followed.
    Symlink,
    /// A pipe, a socket or a device.
    Special,
    TooLarge,
}

/// Files in memory: those of a commit, or a test's own.
#[derive(Clone, Debug, Default)]
pub struct InMemory(pub BTreeMap<String, Vec<u8>>);

impl ManifestSource for InMemory {
    fn list(&self, path: &str) -> Result<Vec<ManifestFile>, String> {
        let found: Vec<ManifestFile> = self
            .0
            .iter()
            .filter(|(name, _)| is_below(name, path) && (is_yaml(name) || *name == path))
            .map(|(name, bytes)| ManifestFile {
                path: name.clone(),
                kind: if bytes.len() as u64 > MOST_BYTES_A_FILE {
                    ManifestFileKind::TooLarge
                } else {
                    ManifestFileKind::File
                },
                size: bytes.len() as u64,
            })
            .collect();
        if found.is_empty() && !self.0.keys().any(|name| is_below(name, path)) {
            return Err(format!("there is no `{path}`"));
        }
        Ok(found)
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        self.0.get(path).cloned().ok_or_else(|| format!("there is no `{path}`"))
    }

    fn code_at(&self, path: &str) -> Result<FoundCode, String> {
        let found =
            |kind, bytes| Ok(FoundCode { path: path.to_owned(), kind, bytes, is_ignored: false, leads_to: None });
        match self.0.get(path) {
            Some(bytes) => found(FoundCodeKind::File, bytes.len() as u64),
            None if self.0.keys().any(|name| is_below(name, path)) => found(FoundCodeKind::Folder, 0),
            None => found(FoundCodeKind::Nothing, 0),
        }
    }

    fn code_names(&self, folder: &str) -> Result<Vec<String>, String> {
        let inside = self.0.keys().filter(|name| is_below(name, folder));
        let inside = inside.map(|name| name[folder.len()..].trim_start_matches('/'));
        let names = inside.map(|rest| rest.split_inclusive('/').next().unwrap_or_default().to_owned());
        Ok(names.collect::<BTreeSet<_>>().into_iter().collect())
    }

    fn open_code(&self, path: &str) -> Result<Box<dyn CodeReading + '_>, String> {
        let bytes = self.0.get(path).ok_or_else(|| format!("there is no `{path}`"))?;
        Ok(Box::new(Cursor::new(bytes.as_slice())))
    }
}

/// Other texts of the manifests, with the code as it is.
pub struct OtherTexts<'a> {
    pub manifests: InMemory,
    pub code: &'a dyn ManifestSource,
}

impl ManifestSource for OtherTexts<'_> {
    fn list(&self, path: &str) -> Result<Vec<ManifestFile>, String> {
        self.manifests.list(path)
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        self.manifests.read(path)
    }

    fn repository_folder(&self) -> Result<String, String> {
        self.code.repository_folder()
    }

    fn code_at(&self, path: &str) -> Result<FoundCode, String> {
        self.code.code_at(path)
    }

    fn code_names(&self, folder: &str) -> Result<Vec<String>, String> {
        self.code.code_names(folder)
    }

    fn open_code(&self, path: &str) -> Result<Box<dyn CodeReading + '_>, String> {
        self.code.open_code(path)
    }

    fn hash_code(&self, files: &[&FoundCode]) -> Vec<Result<HashedCode, String>> {
        self.code.hash_code(files)
    }
}

/// Whether a file's name is one that holds manifests.
pub fn is_yaml(name: &str) -> bool {
    name.ends_with(".yaml") || name.ends_with(".yml")
}

/// Whether a path is the folder or in it. The empty folder is the project's own.
pub(super) fn is_below(path: &str, folder: &str) -> bool {
    folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The path without `.` and doubled slashes; an error when it leaves the project.
pub fn tidy(path: &str) -> Result<String, &'static str> {
    if path.starts_with('/') || path.contains('\\') || path.get(1..2) == Some(":") {
        return Err("has to be relative to plumb.yaml, with forward slashes");
    }
    let parts: Vec<&str> = path.split('/').filter(|p| !p.is_empty() && *p != ".").collect();
    if parts.contains(&"..") { Err("must not leave the project") } else { Ok(parts.join("/")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_only_yaml_below_the_path() {
        let names = ["a/x.yaml", "a/b/y.yml", "a/readme.md", "ab/z.yaml", "plumb.yaml"];
        let source = InMemory(names.iter().map(|n| (n.to_string(), vec![1])).collect());
        let list = |path: &str| source.list(path).unwrap().into_iter().map(|f| f.path).collect::<Vec<_>>();
        assert_eq!(list("a"), ["a/b/y.yml", "a/x.yaml"]);
        assert_eq!(list("plumb.yaml"), ["plumb.yaml"]);
        assert_eq!(list("").len(), 4);
        assert!(source.list("c").is_err());
    }

    #[test]
    fn paths_stay_inside() {
        assert_eq!(tidy("./a//b/"), Ok("a/b".to_owned()));
        assert_eq!(tidy("."), Ok(String::new()));
        assert!(tidy("../a").is_err());
        assert!(tidy("/etc").is_err());
        assert!(tidy("C:\\x").is_err());
    }
}
