//! The files of a commit, read one at a time on demand, without a working tree.

use super::{GitError, MOST_ENTRIES, Repo};
use git2::{ErrorCode, ObjectType, Oid, Tree};
use plumb_core::code::FoundCode;
use plumb_core::manifest::{
    CodeReading, MOST_BYTES, MOST_BYTES_A_FILE, ManifestFile, ManifestFileKind, ManifestSource, is_yaml,
};
use std::io::Cursor;
use std::path::Path;

/// A commit's files, as a place that manifests are loaded from. Paths are relative to the project.
///
/// Only sizes are looked at until a file is read, so what somebody else committed beside the manifests costs nothing. A link
/// is never followed: on disk it may lead to a file, here it is a text.
pub struct CommitFiles<'r> {
    pub(super) repo: &'r Repo,
    commit: Oid,
}

impl Repo {
    /// The files of a commit.
    pub fn files_of(&self, commit: &str) -> Result<CommitFiles<'_>, GitError> {
        let commit = Oid::from_str(&self.resolve(commit)?)?;
        // Told now rather than at the first file: in a partial clone it may be known by name only.
        self.repository.find_commit(commit)?.tree()?;
        Ok(CommitFiles { repo: self, commit })
    }
}

impl CommitFiles<'_> {
    pub(super) fn tree(&self) -> Result<Tree<'_>, GitError> {
        Ok(self.repo.repository.find_commit(self.commit)?.tree()?)
    }

    /// What a path of the project is: the mode and the object. `None` when there is no such path.
    fn look(&self, path: &str) -> Result<Option<(i32, Oid)>, GitError> {
        let path = self.repo.inside(path)?;
        let tree = self.tree()?;
        if path.is_empty() {
            return Ok(Some((TREE, tree.id())));
        }
        match tree.get_path(Path::new(&path)) {
            Ok(entry) => Ok(Some((entry.filemode(), entry.id()))),
            Err(e) if e.code() == ErrorCode::NotFound => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// The texts of the files of a folder whose names end so, by their paths. Folders in it are passed over.
    pub fn folder(&self, path: &str, end: &str) -> Result<Vec<(String, String)>, GitError> {
        let Some((TREE, id)) = self.look(path)? else { return Ok(Vec::new()) };
        let (mut texts, mut bytes) = (Vec::new(), 0);
        for entry in &self.repo.repository.find_tree(id)? {
            let Some(name) = entry.name().ok().filter(|name| name.ends_with(end)) else { continue };
            let found = self.found(format!("{path}/{name}"), entry.filemode(), entry.id())?;
            bytes += found.size;
            let refused = match found.kind {
                ManifestFileKind::File if bytes <= MOST_BYTES => None,
                ManifestFileKind::File | ManifestFileKind::TooLarge => Some("it is too large"),
                _ if entry.filemode() == TREE => continue,
                _ => Some("it is not a regular file"),
            };
            if let Some(why) = refused {
                let commit = super::short(self.commit);
                return Err(GitError::File { path: found.path, commit, why: why.to_owned() });
            }
            let blob = self.repo.repository.find_blob(entry.id())?;
            texts.push((found.path, String::from_utf8_lossy(blob.content()).into_owned()));
        }
        Ok(texts)
    }

    fn found(&self, path: String, mode: i32, id: Oid) -> Result<ManifestFile, GitError> {
        let found = |kind, size| ManifestFile { path: path.clone(), kind, size };
        Ok(match mode {
            LINK => found(ManifestFileKind::Symlink, 0),
            _ if !FILES.contains(&mode) => found(ManifestFileKind::Special, 0),
            _ => {
                let (size, kind) = self.repo.repository.odb()?.read_header(id)?;
                let size = size as u64;
                match kind {
                    ObjectType::Blob if size <= MOST_BYTES_A_FILE => found(ManifestFileKind::File, size),
                    ObjectType::Blob => found(ManifestFileKind::TooLarge, size),
                    _ => found(ManifestFileKind::Special, 0),
                }
            }
        })
    }

    fn walk(&self, path: &str) -> Result<Option<Vec<ManifestFile>>, GitError> {
        let mut folders = match self.look(path)? {
            None => return Ok(None),
            Some((TREE, id)) => vec![(path.to_owned(), id)],
            Some((mode, id)) => return Ok(Some(vec![self.found(path.to_owned(), mode, id)?])),
        };
        let (mut found, mut seen) = (Vec::new(), 0);
        while let Some((folder, id)) = folders.pop() {
            let tree = self.repo.repository.find_tree(id)?;
            seen += tree.len();
            if seen > MOST_ENTRIES {
                let why = format!("there are more than {MOST_ENTRIES} files");
                return Err(GitError::File { path: folder, commit: super::short(self.commit), why });
            }
            for entry in &tree {
                // As on disk: what begins with a dot, or has no name in UTF-8, holds no manifests.
                let Some(name) = entry.name().ok().filter(|name| !name.starts_with('.')) else { continue };
                let inner = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
                match entry.filemode() {
                    TREE => folders.push((inner, entry.id())),
                    // A link or a submodule may hold manifests, and what is not seen would be taken for deleted.
                    mode if !FILES.contains(&mode) || is_yaml(name) => {
                        found.push(self.found(inner, mode, entry.id())?);
                    }
                    _ => {}
                }
            }
        }
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Some(found))
    }
}

/// The modes of git's tree entries.
pub(super) const TREE: i32 = 0o040_000;
pub(super) const LINK: i32 = 0o120_000;
pub(super) const FILES: [i32; 3] = [0o100_644, 0o100_755, 0o100_664];

impl ManifestSource for CommitFiles<'_> {
    fn list(&self, path: &str) -> Result<Vec<ManifestFile>, String> {
        let told = |e: GitError| format!("`{path}` cannot be read out of the commit: {e}");
        self.walk(path).map_err(told)?.ok_or_else(|| format!("there is no `{path}`"))
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        let told = |e: GitError| format!("`{path}` cannot be read out of the commit: {e}");
        let (mode, id) = self.look(path).map_err(told)?.ok_or_else(|| format!("there is no `{path}`"))?;
        match self.found(path.to_owned(), mode, id).map_err(told)?.kind {
            ManifestFileKind::File => {}
            _ => return Err(format!("`{path}` is not a file of the project")),
        }
        let blob = self.repo.repository.find_blob(id).map_err(|e| told(e.into()))?;
        Ok(blob.content().to_vec())
    }

    fn repository_folder(&self) -> Result<String, String> {
        Ok(self.repo.prefix().trim_end_matches('/').to_owned())
    }

    fn code_at(&self, path: &str) -> Result<FoundCode, String> {
        self.found_code(path).map_err(|e| format!("`{path}` cannot be read out of the commit: {e}"))
    }

    fn code_names(&self, folder: &str) -> Result<Vec<String>, String> {
        self.names_of_code(folder).map_err(|e| format!("`{folder}` cannot be read out of the commit: {e}"))
    }

    fn open_code(&self, path: &str) -> Result<Box<dyn CodeReading + '_>, String> {
        let told = |e: GitError| format!("`{path}` cannot be read out of the commit: {e}");
        let bytes = self.code_bytes(path).map_err(told)?.ok_or_else(|| format!("there is no file `{path}`"))?;
        Ok(Box::new(Cursor::new(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use git2::{Repository, Signature, Time};

    /// A commit of a tree that was never in a folder.
    fn commit(git: &Repository, files: &[(&str, &str, i32)]) -> String {
        let mut index = git2::Index::new().unwrap();
        for (path, text, mode) in files {
            let id = match *mode {
                0o160_000 => Oid::from_str(&"1".repeat(40)).unwrap(),
                _ => git.blob(text.as_bytes()).unwrap(),
            };
            let time = git2::IndexTime::new(0, 0);
            index
                .add(&git2::IndexEntry {
                    ctime: time,
                    mtime: time,
                    dev: 0,
                    ino: 0,
                    mode: *mode as u32,
                    uid: 0,
                    gid: 0,
                    file_size: 0,
                    id,
                    flags: 0,
                    flags_extended: 0,
                    path: path.as_bytes().to_vec(),
                })
                .unwrap();
        }
        let tree = git.find_tree(index.write_tree_to(git).unwrap()).unwrap();
        let by = Signature::new("Eve", "e@example.com", &Time::new(0, 0)).unwrap();
        git.commit(None, &by, &by, "theirs", &tree, &[]).unwrap().to_string()
    }

    #[test]
    fn a_commit_is_read_without_its_working_tree() {
        let dir = tempfile::tempdir().unwrap();
        let git = Repository::init(dir.path()).unwrap();
        std::fs::create_dir_all(dir.path().join("sub/manifests")).unwrap();
        std::fs::write(dir.path().join("sub/manifests/only-here.yaml"), "no").unwrap();
        let large = "x".repeat(MOST_BYTES_A_FILE as usize + 1);
        let id = commit(
            &git,
            &[
                ("sub/plumb.yaml", "project", 0o100_644),
                ("sub/manifests/z.yaml", "z", 0o100_644),
                ("sub/manifests/b/a.yml", "a", 0o100_755),
                ("sub/manifests/notes.txt", "notes", 0o100_644),
                ("sub/manifests/.hidden/x.yaml", "x", 0o100_644),
                ("sub/manifests/large.yaml", &large, 0o100_644),
                ("sub/manifests/link.yaml", "/etc/passwd", 0o120_000),
                ("sub/manifests/linked", "../../other", 0o120_000),
                ("sub/manifests/module", "", 0o160_000),
                ("other/x.yaml", "other", 0o100_644),
            ],
        );
        let repo = Repo::open(&dir.path().join("sub")).unwrap().unwrap();
        let files = repo.files_of(&id).unwrap();
        let list: Vec<_> = files.list("manifests").unwrap().into_iter().map(|f| (f.path, f.kind)).collect();
        let want = [
            ("manifests/b/a.yml", ManifestFileKind::File),
            ("manifests/large.yaml", ManifestFileKind::TooLarge),
            ("manifests/link.yaml", ManifestFileKind::Symlink),
            ("manifests/linked", ManifestFileKind::Symlink),
            ("manifests/module", ManifestFileKind::Special),
            ("manifests/z.yaml", ManifestFileKind::File),
        ];
        assert_eq!(list, want.map(|(path, kind)| (path.to_owned(), kind)));
        assert_eq!(files.read("plumb.yaml").unwrap(), b"project");
        assert_eq!(files.read("manifests/b/a.yml").unwrap(), b"a");
        for path in ["manifests/link.yaml", "manifests/large.yaml", "manifests", "../../x.yaml", "nothing.yaml"] {
            assert!(files.read(path).is_err(), "{path}");
        }
        assert_eq!(files.folder("manifests", ".txt").unwrap(), [("manifests/notes.txt".into(), "notes".into())]);
        assert_eq!(files.folder("nowhere", ".txt").unwrap(), []);
        assert!(files.folder("manifests", ".yaml").unwrap_err().to_string().contains("large.yaml"));
        assert_eq!(files.list("nowhere"), Err("there is no `nowhere`".to_owned()));
        assert!(files.list("../..").is_err());
        assert!(repo.files_of("HEAD").is_err());
    }

    #[test]
    fn seen_at_a_commit_everything_is_as_that_commit_has_it() {
        let dir = tempfile::tempdir().unwrap();
        let git = Repository::init(dir.path()).unwrap();
        let id = commit(&git, &[("a.yaml", "one\n", 0o100_644)]);
        std::fs::write(dir.path().join("a.yaml"), "zero\none\n").unwrap();
        let repo = Repo::open(dir.path()).unwrap().unwrap().at(&id).unwrap();
        let head = repo.head(&[]).unwrap().unwrap();
        assert_eq!((head.id.as_str(), head.branch, head.dirty), (id.as_str(), None, false));
        assert_eq!(repo.resolve("HEAD").unwrap(), id);
        assert_eq!(repo.who("a.yaml", 1).map(|c| c.author).as_deref(), Some("Eve"));
        assert_eq!(repo.who("a.yaml", 2), None);
        assert!(Repo::open(dir.path()).unwrap().unwrap().at("0123456789abcdef").is_err());
    }
}
