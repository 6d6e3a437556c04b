//! The repository that manifests live in: commits, files at a commit, who wrote a line. Only reads.
//!
//! Nothing here runs a program: no hook, no filter, no credential helper. So a repository of untrusted origin is safe
//! to look at.

mod ancestry;
mod blame;
mod changes;
mod code;
#[cfg(test)]
mod law_tests;
mod objects;
mod renames;
mod since;
mod tree;
mod walk;

pub use ancestry::Ancestry;
pub use blame::{Blames, IsSpent};
pub use objects::ReadObjects;
pub use tree::CommitFiles;
pub use walk::{WalkEnd, WalkedCommit, WalkedFiles};

use git2::{ErrorCode, ObjectType, Oid, Repository, StatusOptions};
use plumb_core::plan::Commit;
use std::{
    collections::BTreeMap,
    path::{Component, Path, PathBuf},
};

/// The largest file that is read out of a commit.
const LARGEST_FILE: usize = 16 << 20;
/// The most entries that are looked at in one commit: a tree may name the same subtree ten times on ten levels.
const MOST_ENTRIES: usize = 200_000;
/// The characters of a commit's short name, in marks and plans.
const SHORT: usize = 12;

/// What git could not do.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum GitError {
    #[error(
        "git does not trust {0}, because it belongs to another user; if it is yours, run \
         `git config --global --add safe.directory {0}`"
    )]
    NotTrusted(String),
    #[error("there is no revision `{rev}`; {hint}")]
    NoRevision { rev: String, hint: String },
    #[error("`{0}` names more than one commit; write more characters of it")]
    Ambiguous(String),
    #[error("{path} at {commit}: {why}")]
    File { path: String, commit: String, why: String },
    #[error("git: {0}")]
    Other(String),
}

impl From<git2::Error> for GitError {
    fn from(error: git2::Error) -> Self {
        GitError::Other(error.message().to_owned())
    }
}

/// Where the working tree is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// All 40 characters.
    pub id: String,
    /// The first 12.
    pub short: String,
    /// `None` when HEAD is detached, as in most CI checkouts.
    pub branch: Option<String>,
    /// Whether files differ from the commit, new ones included.
    pub dirty: bool,
}

/// A repository, seen from one of its folders: the project's.
pub struct Repo {
    repository: Repository,
    /// The project's folder in the repository, with `/` at the end; empty for the top.
    prefix: String,
    /// The top of the working tree.
    top: PathBuf,
    /// The commit that stands for HEAD and the working tree.
    at: Option<Oid>,
}

impl Repo {
    /// Opens the repository that a folder is in. `None` when it is in none, or in one without a working tree.
    pub fn open(dir: &Path) -> Result<Option<Repo>, GitError> {
        let repository = match Repository::discover(dir) {
            Ok(repository) => repository,
            Err(e) if e.code() == ErrorCode::NotFound => return Ok(None),
            Err(e) if e.code() == ErrorCode::Owner => return Err(GitError::NotTrusted(dir.display().to_string())),
            Err(e) => return Err(e.into()),
        };
        let Some(top) = repository.workdir() else { return Ok(None) };
        let real = |path: &Path| {
            path.canonicalize().map_err(|e| GitError::Other(format!("cannot read {}: {e}", path.display())))
        };
        let top = real(top)?;
        let Ok(inside) = real(dir)?.strip_prefix(&top).map(Path::to_path_buf) else { return Ok(None) };
        let mut prefix = String::new();
        for part in inside.components() {
            prefix.push_str(&part.as_os_str().to_string_lossy());
            prefix.push('/');
        }
        Ok(Some(Repo { repository, prefix, top, at: None }))
    }

    /// The same repository, seen as if a revision were checked out. The working tree is not looked at from then on.
    pub fn at(mut self, rev: &str) -> Result<Repo, GitError> {
        self.at = Some(Oid::from_str(&self.resolve(rev)?)?);
        Ok(self)
    }

    /// The project's folder in the repository: `pipelines/bau/`, empty for the top.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The branch that is checked out, one without a commit too. `None` where none is.
    pub fn branch(&self) -> Option<String> {
        let head = self.repository.find_reference("HEAD").ok()?;
        let name = head.symbolic_target().ok()??.strip_prefix("refs/heads/")?;
        Some(name.to_owned())
    }

    /// Whether there is a branch of that name, here or at `origin`.
    pub fn has_branch(&self, name: &str) -> bool {
        let places = [format!("refs/heads/{name}"), format!("refs/remotes/origin/{name}")];
        places.iter().any(|place| self.repository.find_reference(place).is_ok())
    }

    /// Whether the history was cut off when it was fetched (`fetch-depth: 1`).
    pub fn is_shallow(&self) -> bool {
        self.repository.is_shallow()
    }

    /// Where the working tree is; `None` when there is no commit yet. Only changes to `paths` (relative to the
    /// project) make it dirty; without any, all of the project does.
    pub fn head(&self, paths: &[String]) -> Result<Option<Head>, GitError> {
        if let Some(id) = self.at {
            return Ok(Some(Head { id: id.to_string(), short: short(id), branch: None, dirty: false }));
        }
        let head = match self.repository.head() {
            Ok(head) => head,
            Err(e) if matches!(e.code(), ErrorCode::UnbornBranch | ErrorCode::NotFound) => return Ok(None),
            Err(e) => return Err(e.into()),
        };
        let id = head.peel_to_commit()?.id();
        let branch = head.is_branch().then(|| String::from_utf8_lossy(head.shorthand_bytes()).into_owned());
        let dirty = self.is_dirty(paths)?;
        Ok(Some(Head { id: id.to_string(), short: short(id), branch, dirty }))
    }

    fn is_dirty(&self, paths: &[String]) -> Result<bool, GitError> {
        let mut options = StatusOptions::new();
        options.include_untracked(true).recurse_untracked_dirs(true).exclude_submodules(true);
        // A path is a path: `a[1].yaml` is no pattern.
        options.disable_pathspec_match(true);
        let everything = [String::new()];
        for path in if paths.is_empty() { &everything } else { paths } {
            let path = self.inside(path)?;
            if path.is_empty() {
                // The top of the repository needs no restriction, and makes any other one pointless.
                let mut options = StatusOptions::new();
                options.include_untracked(true).recurse_untracked_dirs(true).exclude_submodules(true);
                return Ok(!self.repository.statuses(Some(&mut options))?.is_empty());
            }
            options.pathspec(path);
        }
        Ok(!self.repository.statuses(Some(&mut options))?.is_empty())
    }

    /// The commit that a revision names: `origin/main`, a tag, the first characters of an id.
    pub fn resolve(&self, rev: &str) -> Result<String, GitError> {
        if let Some(id) = self.at.filter(|_| rev == "HEAD") {
            return Ok(id.to_string());
        }
        // An id as marks have it stands for that commit, whatever branch may have been given such a name.
        if let Some(id) = self.by_prefix(rev, SHORT)? {
            return Ok(id.to_string());
        }
        let object = self.repository.revparse_single(rev).map_err(|e| match e.code() {
            ErrorCode::Ambiguous => GitError::Ambiguous(rev.to_owned()),
            ErrorCode::NotFound => self.no_revision(rev),
            _ => GitError::NoRevision { rev: rev.to_owned(), hint: e.message().to_owned() },
        })?;
        let commit = object.peel_to_commit().map_err(|_| GitError::NoRevision {
            rev: rev.to_owned(),
            hint: "it is no commit but another object".to_owned(),
        })?;
        Ok(commit.id().to_string())
    }

    fn no_revision(&self, rev: &str) -> GitError {
        let fetch = match rev.split_once('/') {
            Some((remote, branch)) if self.repository.find_remote(remote).is_ok() => {
                format!("fetch it with `git fetch {remote} {branch}`")
            }
            _ => "fetch it, or check its spelling".to_owned(),
        };
        let shallow = if self.is_shallow() {
            ". This clone has only part of the history: `git fetch --unshallow`, or `fetch-depth: 0` in \
             actions/checkout, gets the rest"
        } else {
            ""
        };
        GitError::NoRevision { rev: rev.to_owned(), hint: format!("{fetch}{shallow}") }
    }

    /// The commit whose id begins so; `None` when it is no such beginning or there is no such commit.
    fn by_prefix(&self, prefix: &str, least: usize) -> Result<Option<Oid>, GitError> {
        if prefix.len() < least || prefix.len() > 40 || !prefix.chars().all(|c| c.is_ascii_hexdigit()) {
            return Ok(None);
        }
        match self.repository.find_commit_by_prefix(prefix) {
            Ok(commit) => Ok(Some(commit.id())),
            Err(e) if e.code() == ErrorCode::Ambiguous => Err(GitError::Ambiguous(prefix.to_owned())),
            Err(_) => Ok(None),
        }
    }

    /// Whether exactly one commit here has an id that begins so.
    pub fn has_commit(&self, prefix: &str) -> bool {
        matches!(self.by_prefix(prefix, 4), Ok(Some(_)))
    }

    /// The parents of a commit; none where the clone was cut off at it.
    pub fn parents(&self, commit: &str) -> Result<Vec<String>, GitError> {
        let commit = self.repository.find_commit(Oid::from_str(commit)?)?;
        Ok(commit.parent_ids().map(|id| id.to_string()).collect())
    }

    /// The commit that two revisions have last in common; `None` when they have none, or it was not fetched.
    pub fn merge_base(&self, a: &str, b: &str) -> Result<Option<String>, GitError> {
        let id = |rev: &str| self.resolve(rev).and_then(|id| Ok(Oid::from_str(&id)?));
        match self.repository.merge_base(id(a)?, id(b)?) {
            Ok(base) => Ok(Some(base.to_string())),
            Err(e) if e.code() == ErrorCode::NotFound => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// The files that a commit has at `paths` (files or folders), by their paths; all are relative to the project.
    ///
    /// What isn't there is left out, and so are links, submodules, and large files that can't be manifests.
    pub fn files_at(&self, commit: &str, paths: &[String]) -> Result<BTreeMap<String, Vec<u8>>, GitError> {
        let id = Oid::from_str(&self.resolve(commit)?)?;
        let tree = self.repository.find_commit(id)?.tree()?;
        let mut files = BTreeMap::new();
        let mut entries = 0;
        let mut folders = Vec::new();
        for path in paths {
            let path = self.inside(path)?;
            if path.is_empty() {
                folders.push((String::new(), tree.id()));
                continue;
            }
            match tree.get_path(Path::new(&path)) {
                Ok(entry) if entry.kind() == Some(ObjectType::Tree) => folders.push((format!("{path}/"), entry.id())),
                Ok(entry) => self.take(&path, &entry, id, &mut files)?,
                Err(e) if e.code() == ErrorCode::NotFound => {}
                Err(e) => return Err(e.into()),
            }
        }
        while let Some((folder, tree)) = folders.pop() {
            let tree = self.repository.find_tree(tree)?;
            entries += tree.len();
            if entries > MOST_ENTRIES {
                let why = format!("there are more than {MOST_ENTRIES} files");
                return Err(GitError::File { path: folder, commit: short(id), why });
            }
            for entry in &tree {
                let path = format!("{folder}{}", String::from_utf8_lossy(entry.name_bytes()));
                if entry.kind() == Some(ObjectType::Tree) {
                    folders.push((format!("{path}/"), entry.id()));
                } else {
                    self.take(&path, &entry, id, &mut files)?;
                }
            }
        }
        Ok(files)
    }

    fn take(
        &self,
        path: &str,
        entry: &git2::TreeEntry<'_>,
        commit: Oid,
        files: &mut BTreeMap<String, Vec<u8>>,
    ) -> Result<(), GitError> {
        // A link's content is a path, not a manifest, and may lead out of the repository.
        if !matches!(entry.filemode(), 0o100_644 | 0o100_755 | 0o100_664) {
            return Ok(());
        }
        let broken = |why: String| GitError::File { path: path.to_owned(), commit: short(commit), why };
        let (size, _) = self.repository.odb()?.read_header(entry.id()).map_err(|e| broken(e.message().to_owned()))?;
        if size > LARGEST_FILE {
            // Passing over a manifest would look as if it had been deleted.
            let manifest = [".yaml", ".yml"].iter().any(|end| path.to_ascii_lowercase().ends_with(end));
            let why = format!("{} MiB are too much for a manifest", size >> 20);
            return if manifest { Err(broken(why)) } else { Ok(()) };
        }
        let content = self.repository.find_blob(entry.id()).map_err(|e| broken(e.message().to_owned()))?;
        let path = path.strip_prefix(&self.prefix).unwrap_or(path);
        files.insert(path.to_owned(), content.content().to_vec());
        Ok(())
    }

    /// What the local user is called: `user.name`. Mail addresses often hold a number, or a part of a name.
    pub fn user(&self) -> Option<String> {
        self.repository.config().ok()?.snapshot().ok()?.get_string("user.name").ok()
    }

    /// A file of the index at or below a folder of the project, as the project has it; `None` when git tracks none there.
    /// Names are compared as file systems without case do.
    pub fn tracked(&self, folder: &str) -> Result<Option<String>, GitError> {
        let folder = format!("{}/", self.inside(folder)?).to_ascii_lowercase();
        let index = self.repository.index()?;
        let mut files = index.iter().map(|entry| String::from_utf8_lossy(&entry.path).into_owned());
        let found = files.find(|path| format!("{}/", path.to_ascii_lowercase()).starts_with(&folder));
        Ok(found.map(|path| path.strip_prefix(&self.prefix).unwrap_or(&path).to_owned()))
    }

    /// A path of the project as the repository has it; without `.`, and never out of the repository.
    fn inside(&self, path: &str) -> Result<String, GitError> {
        let mut parts: Vec<&str> = self.prefix.split('/').filter(|part| !part.is_empty()).collect();
        for part in Path::new(path).components() {
            let outside = || GitError::Other(format!("`{path}` is outside of the repository"));
            match part {
                Component::CurDir => {}
                Component::ParentDir => {
                    parts.pop().ok_or_else(outside)?;
                }
                Component::Normal(part) => parts.push(part.to_str().ok_or_else(outside)?),
                Component::RootDir | Component::Prefix(_) => return Err(outside()),
            }
        }
        Ok(parts.join("/"))
    }
}

fn short(id: Oid) -> String {
    id.to_string().chars().take(SHORT).collect()
}

/// A commit as plans show it. Names are passed on as they are: rendering makes them fit to be shown.
fn describe(commit: &git2::Commit<'_>) -> Commit {
    let author = commit.author();
    let when = author.when();
    // The author's own calendar. A broken commit may say any time zone.
    let offset = when.offset_minutes().checked_mul(60).and_then(|seconds| jiff::tz::Offset::from_seconds(seconds).ok());
    let date = jiff::Timestamp::from_second(when.seconds())
        .map(|time| offset.unwrap_or(jiff::tz::Offset::UTC).to_datetime(time).date().to_string())
        .unwrap_or_default();
    Commit {
        id: short(commit.id()),
        author: String::from_utf8_lossy(author.name_bytes()).into_owned(),
        date,
        summary: commit.summary_bytes().map(|text| String::from_utf8_lossy(text).into_owned()).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use git2::{IndexAddOption, Signature, Time};
    use std::fs;
    use tempfile::TempDir;

    struct Fixture {
        dir: TempDir,
        git: Repository,
        clock: i64,
    }

    impl Fixture {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let mut options = git2::RepositoryInitOptions::new();
            options.initial_head("main");
            let git = Repository::init_opts(dir.path(), &options).unwrap();
            Fixture { dir, git, clock: 1_714_600_000 }
        }

        fn write(&self, path: &str, text: &str) {
            let path = self.dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        /// Commits everything, by an author, and returns the id.
        fn commit(&mut self, author: &str, message: &str) -> String {
            self.clock += 86_400;
            let mut index = self.git.index().unwrap();
            index.add_all(["*"], IndexAddOption::DEFAULT, None).unwrap();
            index.update_all(["*"], None).unwrap();
            index.write().unwrap();
            let tree = self.git.find_tree(index.write_tree().unwrap()).unwrap();
            let signature = Signature::new(author, "a@example.com", &Time::new(self.clock, 120)).unwrap();
            let parent = self.git.head().ok().map(|head| head.peel_to_commit().unwrap());
            let parents: Vec<_> = parent.iter().collect();
            self.git.commit(Some("HEAD"), &signature, &signature, message, &tree, &parents).unwrap().to_string()
        }

        fn repo(&self, dir: &str) -> Repo {
            Repo::open(&self.dir.path().join(dir)).unwrap().unwrap()
        }
    }

    fn paths(paths: &[&str]) -> Vec<String> {
        paths.iter().map(|path| (*path).to_owned()).collect()
    }

    #[test]
    fn no_repository_is_no_error_and_no_commit_is_no_head() {
        assert!(Repo::open(tempfile::tempdir().unwrap().path()).unwrap().is_none());
        let bare = tempfile::tempdir().unwrap();
        Repository::init_bare(bare.path()).unwrap();
        assert!(Repo::open(bare.path()).unwrap().is_none());
        let fixture = Fixture::new();
        fixture.write("a.yaml", "a: 1\n");
        let repo = fixture.repo("");
        assert_eq!(repo.head(&[]).unwrap(), None);
        assert_eq!(repo.who("a.yaml", 1), None);
        assert!(!repo.has_commit("0000000000000000000000000000000000000000"));
        assert!(matches!(repo.resolve("HEAD"), Err(GitError::NoRevision { .. })));
    }

    #[test]
    fn head_knows_branch_and_dirt_of_the_paths_asked_for() {
        let mut fixture = Fixture::new();
        fixture.write("sub/manifests/a b.yaml", "a: 1\n");
        fixture.write("sub/manifests2/c.yaml", "a: 1\n");
        fixture.write("sub/plumb.yaml", "x: 1\n");
        let id = fixture.commit("Ann", "one");
        let repo = fixture.repo("sub");
        assert_eq!(repo.prefix(), "sub/");
        let asked = paths(&["manifests", "plumb.yaml"]);
        let head = repo.head(&asked).unwrap().unwrap();
        let branch = Some("main".to_owned());
        assert_eq!(head, Head { short: id[..12].to_owned(), id: id.clone(), branch, dirty: false });
        let dirty = |asked: &[String]| repo.head(asked).unwrap().unwrap().dirty;
        fixture.write("elsewhere.txt", "x");
        assert!(!dirty(&[]) && fixture.repo("").head(&[]).unwrap().unwrap().dirty);
        fixture.write("sub/manifests2/c.yaml", "a: 2\n");
        assert!(!dirty(&asked) && dirty(&[]) && dirty(&paths(&["."])));
        fixture.write("sub/manifests/new/é.yaml", "a: 1\n");
        assert!(dirty(&asked));
        fs::remove_dir_all(fixture.dir.path().join("sub/manifests/new")).unwrap();
        assert!(!dirty(&asked));
        fs::remove_file(fixture.dir.path().join("sub/manifests/a b.yaml")).unwrap();
        assert!(dirty(&asked));
        fixture.git.set_head_detached(Oid::from_str(&id).unwrap()).unwrap();
        assert_eq!(repo.head(&asked).unwrap().unwrap().branch, None);
    }

    #[test]
    fn revisions_resolve_or_say_how_to_get_them() {
        let mut fixture = Fixture::new();
        fixture.write("a", "1");
        let first = fixture.commit("Ann", "one");
        fixture.write("a", "2");
        let second = fixture.commit("Ann", "two");
        let repo = fixture.repo("");
        let git = &fixture.git;
        git.reference("refs/remotes/origin/main", Oid::from_str(&first).unwrap(), false, "").unwrap();
        git.remote("origin", "https://example.com/x.git").unwrap();
        // A branch that is called as the other commit's mark is.
        git.branch(&second[..12], &git.find_commit(Oid::from_str(&first).unwrap()).unwrap(), false).unwrap();
        for (rev, id) in [("origin/main", &first), ("HEAD", &second), ("HEAD~1", &first), (&second[..12], &second)] {
            assert_eq!(repo.resolve(rev).unwrap(), *id, "{rev}");
        }
        assert!(repo.has_commit(&first[..12]) && !repo.has_commit("HEAD") && !repo.has_commit("fff000fff000"));
        let error = repo.resolve("origin/nowhere").unwrap_err().to_string();
        assert!(error.contains("git fetch origin nowhere"), "{error}");
        assert!(repo.resolve("HEAD:a").unwrap_err().to_string().contains("no commit"));
        assert_eq!(repo.merge_base("origin/main", "HEAD").unwrap(), Some(first));
    }

    #[test]
    fn unrelated_histories_have_no_base() {
        let mut fixture = Fixture::new();
        fixture.write("a", "1");
        let first = fixture.commit("Ann", "one");
        let tree = fixture.git.find_commit(Oid::from_str(&first).unwrap()).unwrap().tree().unwrap();
        let by = Signature::new("Bob", "b@example.com", &Time::new(0, 0)).unwrap();
        let other = fixture.git.commit(None, &by, &by, "other", &tree, &[]).unwrap().to_string();
        assert_eq!(fixture.repo("").merge_base(&first, &other).unwrap(), None);
    }

    #[test]
    fn files_come_out_of_the_commit_without_links() {
        let mut fixture = Fixture::new();
        fixture.write("sub/manifests/a b.yaml", "old\n");
        fixture.write("sub/manifests/deep/é.yaml", "deep\n");
        fixture.write("sub/plumb.yaml", "project\n");
        fixture.write("other/x.yaml", "no\n");
        #[cfg(unix)]
        std::os::unix::fs::symlink("../../other/x.yaml", fixture.dir.path().join("sub/manifests/link.yaml")).unwrap();
        let old = fixture.commit("Ann", "one");
        fixture.write("sub/manifests/a b.yaml", "new\n");
        fs::remove_dir_all(fixture.dir.path().join("sub/manifests/deep")).unwrap();
        fixture.commit("Ann", "two");
        let repo = fixture.repo("sub");
        let asked = paths(&["./manifests/", "plumb.yaml", "absent"]);
        let files = repo.files_at(&old[..12], &asked).unwrap();
        let names: Vec<_> = files.keys().map(String::as_str).collect();
        assert_eq!(names, ["manifests/a b.yaml", "manifests/deep/é.yaml", "plumb.yaml"]);
        assert_eq!(files["manifests/a b.yaml"], b"old\n");
        assert_eq!(repo.files_at("HEAD", &asked).unwrap().len(), 2);
        assert_eq!(repo.files_at("HEAD", &paths(&["."])).unwrap().len(), 2);
        assert!(repo.files_at("HEAD", &paths(&["../.."])).is_err());
        assert!(repo.files_at("HEAD", &paths(&["/etc"])).is_err());
    }

    #[test]
    fn a_manifest_too_large_is_an_error_and_other_files_are_passed_over() {
        let mut fixture = Fixture::new();
        let large = "x".repeat(LARGEST_FILE + 1);
        fixture.write("m/data.bin", &large);
        fixture.write("m/a.yaml", "a: 1");
        fixture.commit("Ann", "one");
        assert_eq!(fixture.repo("").files_at("HEAD", &paths(&["m"])).unwrap().len(), 1);
        fixture.write("m/b.yaml", &large);
        fixture.commit("Ann", "two");
        let error = fixture.repo("").files_at("HEAD", &paths(&["m"])).unwrap_err().to_string();
        assert!(error.contains("m/b.yaml"), "{error}");
    }

    #[test]
    fn a_tree_bomb_is_refused() {
        let fixture = Fixture::new();
        let mut id = fixture.git.blob(b"a: 1").unwrap();
        let mut mode = 0o100_644;
        for _ in 0..10 {
            let mut builder = fixture.git.treebuilder(None).unwrap();
            for name in 0..10 {
                builder.insert(format!("{name}.yaml"), id, mode).unwrap();
            }
            (id, mode) = (builder.write().unwrap(), 0o040_000);
        }
        let by = Signature::new("Eve", "e@example.com", &Time::new(0, 0)).unwrap();
        let tree = fixture.git.find_tree(id).unwrap();
        let commit = fixture.git.commit(None, &by, &by, "boom", &tree, &[]).unwrap().to_string();
        assert!(fixture.repo("").files_at(&commit, &paths(&["."])).unwrap_err().to_string().contains("more than"));
    }

    #[test]
    fn blame_names_the_last_commit_of_a_line_and_nobody_for_a_new_one() {
        let mut fixture = Fixture::new();
        fixture.write("sub/a.yaml", "one\ntwo\nthree\n");
        let first = fixture.commit("Ann \u{1b}[31m", "first line\n\nbody");
        fixture.write("sub/a.yaml", "one\nTWO\nthree\n");
        let second = fixture.commit("Bob", "second");
        fixture.write("sub/a.yaml", "zero\none\nTWO\nthree\nfour\n");
        let repo = fixture.repo("sub");
        let who = |line| repo.who("a.yaml", line);
        let ann = Commit {
            id: first[..12].to_owned(),
            author: "Ann \u{1b}[31m".to_owned(),
            date: "2024-05-02".to_owned(),
            summary: "first line".to_owned(),
        };
        assert_eq!((who(1), who(2), who(4), who(5)), (None, Some(ann.clone()), Some(ann), None));
        assert_eq!(
            who(3).map(|c| (c.id, c.author, c.date)),
            Some((second[..12].into(), "Bob".into(), "2024-05-03".into()))
        );
        assert_eq!((who(0), who(99)), (None, None));
        assert_eq!(repo.who("absent.yaml", 1), None);
        // Line ends of another system are no change.
        fixture.write("sub/a.yaml", "one\r\nTWO\r\nthree\r\n");
        assert!(fixture.repo("sub").who("a.yaml", 1).is_some());
    }

    #[test]
    fn a_shallow_clone_blames_nobody_for_what_it_cannot_know() {
        let mut fixture = Fixture::new();
        fixture.write("a.yaml", "one\ntwo\n");
        let first = fixture.commit("Ann", "one");
        fixture.write("a.yaml", "one\nTWO\n");
        let second = fixture.commit("Bob", "two");
        fixture.write("a.yaml", "one\nTWO\nthree\n");
        fixture.commit("Cy", "three");
        // As `git clone --depth 2` leaves it.
        fs::write(fixture.git.path().join("shallow"), format!("{second}\n")).unwrap();
        fs::remove_file(fixture.git.path().join("objects").join(&first[..2]).join(&first[2..])).unwrap();
        let repo = fixture.repo("");
        assert!(repo.is_shallow() && !repo.has_commit(&first[..12]));
        assert!(repo.head(&[]).unwrap().is_some());
        let author = |line| repo.who("a.yaml", line).map(|c| c.author);
        assert_eq!((author(1), author(2), author(3)), (None, None, Some("Cy".to_owned())));
        assert!(repo.resolve(&first[..12]).unwrap_err().to_string().contains("fetch-depth: 0"));
    }

    #[test]
    fn a_worktree_is_a_working_tree() {
        let mut fixture = Fixture::new();
        fixture.write("sub/a.yaml", "one\n");
        let id = fixture.commit("Ann", "one");
        let place = tempfile::tempdir().unwrap();
        fixture.git.worktree("wt", &place.path().join("wt"), None).unwrap();
        let repo = Repo::open(&place.path().join("wt/sub")).unwrap().unwrap();
        let head = repo.head(&[]).unwrap().unwrap();
        assert_eq!((head.id, head.branch.as_deref(), head.dirty), (id, Some("wt"), false));
        assert!(repo.who("a.yaml", 1).is_some());
    }

    #[test]
    fn the_user_is_called_as_the_name_says_and_not_as_the_mail_address() {
        let fixture = Fixture::new();
        let mut config = fixture.git.config().unwrap();
        config.set_str("user.email", "x1234@example.com").unwrap();
        config.set_str("user.name", "Ann Lee").unwrap();
        assert_eq!(fixture.repo("").user().as_deref(), Some("Ann Lee"));
    }
}
