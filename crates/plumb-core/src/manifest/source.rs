//! Where the files of a project come from: a folder, or a commit.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

/// The largest file that is read.
pub const MOST_BYTES_A_FILE: u64 = 5_000_000;
/// The most bytes that all files may have together.
pub const MOST_BYTES: u64 = 100_000_000;
/// The most manifest files that a project may have.
pub const MOST_FILES: usize = 20_000;

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

    /// How many threads may read the manifests. What is read does not depend on it.
    fn threads(&self) -> NonZeroUsize {
        NonZeroUsize::MIN
    }
}

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
