//! The states that files went through, from HEAD back along first parents: when something came into this branch.

use super::{GitError, MOST_ENTRIES, Repo};
use git2::{Oid, Tree};
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::Arc;

/// Files that are larger tell nothing of stages.
const LARGEST: usize = 5_000_000;
/// The modes of git's tree entries that are files.
const FILES: [i32; 3] = [0o100_644, 0o100_755, 0o100_664];

/// A commit, and what is different in it from the one after it.
pub struct WalkedCommit<T> {
    /// When it was committed.
    pub at: Timestamp,
    /// Paths of the project; `None`: the commit does not have the file. Of the first commit, all files.
    pub changed: Vec<(String, Option<Arc<T>>)>,
}

/// How a walk ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WalkEnd {
    /// The history was not fetched any further.
    pub is_cut_off: bool,
    /// Commits, trees and files that were read.
    pub objects: usize,
}

/// Which files are looked at, by their paths, and what is made of their texts.
pub struct WalkedFiles<'a, T> {
    /// Files or folders of the project.
    pub paths: &'a [String],
    pub is_wanted: &'a dyn Fn(&str) -> bool,
    pub read: &'a dyn Fn(&str, &str) -> T,
    /// Whether the first commit's own files are left out: only what was different before it is asked for.
    pub without_first: bool,
}

struct Walk<'a, T> {
    repo: &'a Repo,
    files: &'a WalkedFiles<'a, T>,
    known: HashMap<(Oid, String), Arc<T>>,
    objects: usize,
}

impl Repo {
    /// The time of the commit that HEAD is, or stands for; `None` where there is no commit.
    pub fn head_time(&self) -> Result<Option<Timestamp>, GitError> {
        let Some(head) = self.head_commit()? else { return Ok(None) };
        Ok(time(&self.repository.find_commit(head)?))
    }

    /// The time of a commit, by the first characters of its id; `None` where it is not here.
    pub fn time_of(&self, commit: &str) -> Option<Timestamp> {
        let id = self.by_prefix(commit, 4).ok().flatten()?;
        time(&self.repository.find_commit(id).ok()?)
    }

    pub(super) fn head_commit(&self) -> Result<Option<Oid>, GitError> {
        if self.at.is_some() {
            return Ok(self.at);
        }
        match self.repository.head() {
            Ok(head) => Ok(Some(head.peel_to_commit()?.id())),
            Err(e) if matches!(e.code(), git2::ErrorCode::UnbornBranch | git2::ErrorCode::NotFound) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// Goes from HEAD back along first parents, as long as `each` answers true. A commit costs what is different in it.
    pub fn walk_files<T>(
        &self,
        files: &WalkedFiles<'_, T>,
        each: &mut dyn FnMut(WalkedCommit<T>) -> bool,
    ) -> Result<WalkEnd, GitError> {
        let mut walk = Walk { repo: self, files, known: HashMap::new(), objects: 0 };
        let mut end = WalkEnd::default();
        let (mut next, mut newer): (Option<Oid>, Option<Tree<'_>>) = (self.head_commit()?, None);
        let roots = files.paths.iter().map(|path| self.inside(path)).collect::<Result<Vec<_>, _>>()?;
        while let Some(id) = next {
            let commit = self.repository.find_commit(id)?;
            let tree = commit.tree()?;
            walk.objects += 2;
            let mut changed = Vec::new();
            let is_asked = !(files.without_first && newer.is_none());
            if is_asked && newer.as_ref().is_none_or(|newer| newer.id() != tree.id()) {
                for root in &roots {
                    walk.root(newer.as_ref(), &tree, root, &mut changed)?;
                }
            }
            let at = time(&commit).ok_or_else(|| GitError::Other(format!("commit {id} has no time")))?;
            let goes_on = each(WalkedCommit { at, changed });
            end.is_cut_off = self.is_shallow() && self.is_cut_off(id);
            // libgit2 honours the cut: such a commit has no parents.
            next = commit.parent_ids().next().filter(|_| goes_on && !end.is_cut_off);
            newer = Some(tree);
        }
        end.objects = walk.objects;
        Ok(end)
    }
}

/// When it was committed: what is rebased or squashed comes into a branch then.
fn time(commit: &git2::Commit<'_>) -> Option<Timestamp> {
    Timestamp::from_second(commit.time().seconds()).ok()
}

impl<T> Walk<'_, T> {
    /// What is different at or below a path.
    fn root(
        &mut self,
        newer: Option<&Tree<'_>>,
        older: &Tree<'_>,
        root: &str,
        changed: &mut Vec<(String, Option<Arc<T>>)>,
    ) -> Result<(), GitError> {
        if root.is_empty() {
            return self.trees(newer.map(Tree::id), Some(older.id()), "", changed);
        }
        // A path of depth n costs n trees: `get_path` reads each.
        let find = |tree: &Tree<'_>| {
            tree.get_path(std::path::Path::new(root)).ok().map(|entry| (entry.id(), entry.filemode()))
        };
        self.objects += root.matches('/').count();
        let (newer, older) = (newer.and_then(find), find(older));
        self.entry(newer, older, root, changed)
    }

    fn entry(
        &mut self,
        newer: Option<(Oid, i32)>,
        older: Option<(Oid, i32)>,
        path: &str,
        changed: &mut Vec<(String, Option<Arc<T>>)>,
    ) -> Result<(), GitError> {
        if newer == older {
            return Ok(());
        }
        let tree = |entry: Option<(Oid, i32)>| entry.filter(|(_, mode)| *mode == 0o040_000).map(|(id, _)| id);
        let file = |entry: Option<(Oid, i32)>| entry.filter(|(_, mode)| FILES.contains(mode)).map(|(id, _)| id);
        if tree(newer).is_some() || tree(older).is_some() {
            self.trees(tree(newer), tree(older), path, changed)?;
        }
        let shown = path.strip_prefix(&self.repo.prefix).unwrap_or(path).to_owned();
        let (newer, older) = (file(newer), file(older));
        if newer != older && (self.files.is_wanted)(&shown) {
            let read = older.map(|id| self.read(id, &shown)).transpose()?;
            changed.push((shown, read));
        }
        Ok(())
    }

    fn trees(
        &mut self,
        newer: Option<Oid>,
        older: Option<Oid>,
        path: &str,
        changed: &mut Vec<(String, Option<Arc<T>>)>,
    ) -> Result<(), GitError> {
        if newer == older {
            return Ok(());
        }
        let find = |id: Option<Oid>| id.map(|id| self.repo.repository.find_tree(id)).transpose();
        let (newer, older) = (find(newer)?, find(older)?);
        self.objects += usize::from(newer.is_some()) + usize::from(older.is_some());
        let mut both: std::collections::BTreeMap<Vec<u8>, [Option<(Oid, i32)>; 2]> = Default::default();
        for (side, tree) in [&newer, &older].into_iter().enumerate() {
            let Some(tree) = tree else { continue };
            if tree.len() > MOST_ENTRIES {
                return Err(GitError::Other(format!("`{path}` has more than {MOST_ENTRIES} files")));
            }
            for entry in tree {
                both.entry(entry.name_bytes().to_vec()).or_default()[side] = Some((entry.id(), entry.filemode()));
            }
        }
        for (name, [newer, older]) in both {
            // As where manifests are read: what begins with a dot, or has no name in UTF-8, holds none.
            let Ok(name) = String::from_utf8(name) else { continue };
            if name.starts_with('.') {
                continue;
            }
            let inner = if path.is_empty() { name } else { format!("{path}/{name}") };
            self.entry(newer, older, &inner, changed)?;
        }
        Ok(())
    }

    fn read(&mut self, id: Oid, path: &str) -> Result<Arc<T>, GitError> {
        let name = path.rsplit('/').next().unwrap_or(path);
        let key = (id, name.to_owned());
        if let Some(known) = self.known.get(&key) {
            return Ok(known.clone());
        }
        let (size, _) = self.repo.repository.odb()?.read_header(id)?;
        self.objects += 1;
        let text = if size > LARGEST {
            String::new()
        } else {
            String::from_utf8_lossy(self.repo.repository.find_blob(id)?.content()).into_owned()
        };
        let read = Arc::new((self.files.read)(path, &text));
        self.known.insert(key, read.clone());
        Ok(read)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use git2::{IndexAddOption, Repository, Signature, Time};

    /// Writes files, and commits them at a second.
    fn commit(git: &Repository, files: &[(&str, &str)], at: i64) -> Oid {
        let root = git.workdir().unwrap().to_owned();
        for (path, text) in files {
            let file = root.join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        let mut index = git.index().unwrap();
        index.add_all(["*"], IndexAddOption::DEFAULT, None).unwrap();
        let tree = git.find_tree(index.write_tree().unwrap()).unwrap();
        let who = Signature::new("Ann", "a@example.com", &Time::new(at, 0)).unwrap();
        let parent = git.head().ok().map(|head| head.peel_to_commit().unwrap());
        let parents: Vec<_> = parent.iter().collect();
        git.commit(Some("HEAD"), &who, &who, "a commit", &tree, &parents).unwrap()
    }

    /// When a commit was made, and the files that it changed with their texts.
    type SeenCommit = (i64, Vec<(String, Option<String>)>);

    fn walk(repo: &Repo) -> (Vec<SeenCommit>, WalkEnd) {
        let paths = ["manifests".to_owned()];
        let files = WalkedFiles {
            paths: &paths,
            is_wanted: &plumb_core::manifest::is_yaml,
            read: &|_, text: &str| text.to_owned(),
            without_first: false,
        };
        let mut all = Vec::new();
        let end = repo.walk_files(&files, &mut |step| {
            let changed = step.changed.into_iter().map(|(path, text)| (path, text.map(|text| (*text).clone())));
            all.push((step.at.as_second(), changed.collect()));
            true
        });
        (all, end.unwrap())
    }

    #[test]
    fn a_walk_tells_what_is_different_in_each_commit() {
        let dir = tempfile::tempdir().unwrap();
        let git = Repository::init(dir.path()).unwrap();
        commit(&git, &[("p/manifests/a.yaml", "1"), ("p/manifests/n.txt", "x")], 100);
        commit(&git, &[("p/manifests/b/b.yaml", "1"), ("p/manifests/.hidden/c.yaml", "1")], 200);
        commit(&git, &[("README.md", "words")], 300);
        commit(&git, &[("p/manifests/a.yaml", "2")], 400);
        let repo = Repo::open(&dir.path().join("p")).unwrap().unwrap();
        let of = |path: &str, text: Option<&str>| (path.to_owned(), text.map(str::to_owned));
        let (all, end) = walk(&repo);
        let want = vec![
            (400, vec![of("manifests/a.yaml", Some("2")), of("manifests/b/b.yaml", Some("1"))]),
            (300, vec![of("manifests/a.yaml", Some("1"))]),
            (200, vec![]),
            (100, vec![of("manifests/b/b.yaml", None)]),
        ];
        assert_eq!((all, end.is_cut_off), (want, false));
    }

    #[test]
    fn a_commit_costs_what_is_different_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let git = Repository::init(dir.path()).unwrap();
        let names: Vec<String> = (0..50).map(|n| format!("manifests/p{n}/job.yaml")).collect();
        let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "0")).collect();
        commit(&git, &files, 100);
        let of = |repo: &Repo| walk(repo).1.objects;
        let first = of(&Repo::open(dir.path()).unwrap().unwrap());
        let mut text = String::new();
        for n in 0..20 {
            text.push('x');
            commit(&git, &[("manifests/p7/job.yaml", &text)], 200 + n);
        }
        let after = of(&Repo::open(dir.path()).unwrap().unwrap());
        // A commit, its tree, two trees of `manifests` and two of the folder, one file.
        assert!(after <= first + 20 * 7, "{first} objects for the first, {after} for 21");
        for n in 0..20 {
            commit(&git, &[("other.txt", &n.to_string())], 300 + n);
        }
        assert_eq!(of(&Repo::open(dir.path()).unwrap().unwrap()), after + 20 * 2, "elsewhere: a commit and its tree");
    }

    #[test]
    fn a_history_that_was_cut_off_ends_there() {
        let dir = tempfile::tempdir().unwrap();
        let git = Repository::init(dir.path()).unwrap();
        for n in 0..5 {
            commit(&git, &[("manifests/a.yaml", &n.to_string())], 100 + n);
        }
        let into = tempfile::tempdir().unwrap();
        let clone = into.path().join("clone");
        let url = format!("file://{}", dir.path().display());
        let done =
            std::process::Command::new("git").args(["clone", "--quiet", "--depth", "2", &url]).arg(&clone).status();
        assert!(done.unwrap().success());
        let (all, end) = walk(&Repo::open(&clone).unwrap().unwrap());
        assert_eq!((all.len(), end.is_cut_off), (2, true));
    }
}
