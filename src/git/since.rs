//! What the manifests were since a commit: each state that they went through.

use super::{GitError, Repo};
use git2::{ErrorCode, Oid};
use std::collections::BTreeSet;
use std::path::Path;

impl Repo {
    /// The commits between `commit` and HEAD that have another state of `paths` than `commit` and than each other.
    ///
    /// `None` where that cannot be told: HEAD does not come from `commit`, a part of the history between them was not
    /// fetched, or there are more than `most` states.
    pub fn states_since(&self, commit: &str, paths: &[String], most: usize) -> Result<Option<Vec<String>>, GitError> {
        let start = Oid::from_str(&self.resolve(commit)?)?;
        let head = Oid::from_str(&self.resolve("HEAD")?)?;
        if !self.comes_from(head, start)? {
            return Ok(None);
        }
        let paths = paths.iter().map(|path| self.inside(path)).collect::<Result<Vec<_>, _>>()?;
        let mut walk = self.repository.revwalk()?;
        walk.push(head)?;
        walk.hide(start)?;
        let mut known = BTreeSet::from([self.state(start, &paths)?]);
        let mut states = Vec::new();
        for id in walk {
            let id = id?;
            if self.is_cut_off(id) {
                return Ok(None);
            }
            if known.insert(self.state(id, &paths)?) {
                if states.len() == most {
                    return Ok(None);
                }
                states.push(id.to_string());
            }
        }
        Ok(Some(states))
    }

    fn comes_from(&self, id: Oid, ancestor: Oid) -> Result<bool, GitError> {
        Ok(id == ancestor || self.repository.graph_descendant_of(id, ancestor)?)
    }

    /// What stands at paths of the repository, as the ids of trees and files.
    fn state(&self, commit: Oid, paths: &[String]) -> Result<Vec<Option<Oid>>, GitError> {
        let tree = self.repository.find_commit(commit)?.tree()?;
        let id = |path: &String| {
            if path.is_empty() {
                Ok(Some(tree.id()))
            } else {
                match tree.get_path(Path::new(path)) {
                    Ok(entry) => Ok(Some(entry.id())),
                    Err(e) if e.code() == ErrorCode::NotFound => Ok(None),
                    Err(e) => Err(e.into()),
                }
            }
        };
        paths.iter().map(id).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use git2::{IndexAddOption, Repository, Signature, Time};
    use std::path::PathBuf;

    /// A repository in a folder, and a clock for its commits.
    struct Fixture(tempfile::TempDir, Repository, i64);

    impl Fixture {
        fn new() -> Fixture {
            let dir = tempfile::tempdir().unwrap();
            let git = Repository::init(dir.path()).unwrap();
            Fixture(dir, git, 1_714_600_000)
        }

        /// Writes a file and commits it on top of HEAD.
        fn commit(&mut self, path: &str, text: &str) -> String {
            self.2 += 60;
            let file = self.0.path().join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
            let mut index = self.1.index().unwrap();
            index.add_all(["*"], IndexAddOption::DEFAULT, None).unwrap();
            let tree = self.1.find_tree(index.write_tree().unwrap()).unwrap();
            let who = Signature::new("Ann", "a@example.com", &Time::new(self.2, 0)).unwrap();
            let parent = self.1.head().ok().map(|head| head.peel_to_commit().unwrap());
            let parents: Vec<_> = parent.iter().collect();
            self.1.commit(Some("HEAD"), &who, &who, "a commit", &tree, &parents).unwrap().to_string()
        }

        fn repo(&self) -> Repo {
            Repo::open(self.0.path()).unwrap().unwrap()
        }
    }

    #[test]
    fn each_state_since_a_commit_is_told_once() {
        let mut fixture = Fixture::new();
        let paths = ["plumb.yaml".to_owned(), "manifests".to_owned()];
        let before = fixture.commit("manifests/a.yaml", "0");
        let first = fixture.commit("manifests/a.yaml", "1");
        let second = fixture.commit("manifests/a.yaml", "2");
        // Nothing that manifests are made of, the first state again, and the second.
        fixture.commit("README.md", "words");
        fixture.commit("manifests/a.yaml", "1");
        fixture.commit("manifests/a.yaml", "2");
        let third = fixture.commit("plumb.yaml", "3");
        let repo = fixture.repo();
        let since = |commit: &str, most| repo.states_since(commit, &paths, most).unwrap().map(|states| states.len());
        assert_eq!(repo.states_since(&third, &paths, 9).unwrap(), Some(Vec::new()));
        assert_eq!(since(&first, 9), Some(2));
        assert_eq!(since(&before, 9), Some(3));
        assert_eq!(since(&before, 2), None, "too many to be read");
        assert_eq!(since(&second[..12], 9), Some(2));
        // Of another branch nothing tells what was applied since.
        let other = fixture.1.find_commit(git2::Oid::from_str(&first).unwrap()).unwrap();
        fixture.1.branch("other", &other, false).unwrap();
        fixture.1.set_head("refs/heads/other").unwrap();
        fixture.1.reset(other.as_object(), git2::ResetType::Hard, None).unwrap();
        drop(other);
        let elsewhere = fixture.commit("manifests/a.yaml", "elsewhere");
        let repo = fixture.repo();
        assert_eq!(repo.states_since(&third, &paths, 9).unwrap(), None);
    }

    #[test]
    fn a_history_that_was_cut_off_tells_nothing() {
        let mut fixture = Fixture::new();
        let paths = ["manifests".to_owned()];
        let first = fixture.commit("manifests/a.yaml", "1");
        let second = fixture.commit("manifests/a.yaml", "2");
        fixture.commit("manifests/a.yaml", "3");
        let into = tempfile::tempdir().unwrap();
        let clone: PathBuf = into.path().join("clone");
        let url = format!("file://{}", fixture.0.path().display());
        let done = std::process::Command::new("git")
            .args(["clone", "--quiet", "--depth", "2", &url])
            .arg(&clone)
            .status()
            .unwrap();
        assert!(done.success());
        let repo = Repo::open(&clone).unwrap().unwrap();
        assert!(
            repo.states_since(&first, &paths, 9).is_err() || repo.states_since(&first, &paths, 9).unwrap().is_none()
        );
        assert_eq!(repo.states_since(&second, &paths, 9).unwrap().map(|states| states.len()), Some(1));
    }
}
