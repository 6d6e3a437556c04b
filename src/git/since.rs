//! What the manifests were since a commit: each state that they went through.

use super::ancestry::Numbers;
use super::{GitError, Repo};
use git2::{ErrorCode, Oid};
use std::collections::{BTreeSet, BinaryHeap, HashMap, HashSet};
use std::path::Path;
use std::rc::Rc;

/// The history between HEAD and some commits.
struct Between {
    /// Each commit, and those of the starts that it is, or is a part of the history of.
    below: HashMap<Oid, (i64, Numbers)>,
    visits: usize,
}

/// The commits that have another state each; `None` where that cannot be told.
pub type KnownStates = Option<Vec<String>>;

impl Repo {
    /// For each of `commits`, the commits between it and HEAD that have another state of `paths` than it and than each
    /// other. All are told by one walk.
    ///
    /// `None` where that cannot be told: HEAD does not come from it, a part of the history between them was not fetched,
    /// or there are more than `most` states.
    pub fn states_since(&self, commits: &[&str], paths: &[String], most: usize) -> Result<Vec<KnownStates>, GitError> {
        Ok(self.counted_states_since(commits, paths, most)?.0)
    }

    /// The same, with how many commits were visited.
    fn counted_states_since(
        &self,
        commits: &[&str],
        paths: &[String],
        most: usize,
    ) -> Result<(Vec<KnownStates>, usize), GitError> {
        let head = self.resolve("HEAD")?;
        let pairs: BTreeSet<(String, String)> = commits.iter().map(|commit| ((*commit).into(), head.clone())).collect();
        let ancestry = self.ancestry(&pairs, &|| false);
        let start = |commit: &&str| {
            let id = self.resolve(commit).ok().filter(|_| ancestry.is_part_of(commit, &head) == Some(true))?;
            Oid::from_str(&id).ok()
        };
        let starts: Vec<Option<Oid>> = commits.iter().map(start).collect();
        let between = self.between(Oid::from_str(&head)?, &starts)?;
        let paths = paths.iter().map(|path| self.inside(path)).collect::<Result<Vec<_>, _>>()?;
        let mut newest: Vec<(&Oid, &(i64, Numbers))> = between.below.iter().collect();
        newest.sort_unstable_by_key(|(id, (time, _))| (std::cmp::Reverse(*time), **id));
        let mut states = PathStates { repo: self, paths: &paths, of_commits: HashMap::new(), of_trees: HashMap::new() };
        let mut all = Vec::new();
        for (n, start) in starts.iter().enumerate() {
            let mut inside = newest.iter().filter(|(_, (_, below))| !below.has(n)).map(|(id, _)| **id);
            all.push(match start {
                Some(start) => states.since(*start, &mut inside, most)?,
                None => None,
            });
        }
        Ok((all, ancestry.visits + between.visits))
    }

    fn between(&self, head: Oid, starts: &[Option<Oid>]) -> Result<Between, GitError> {
        let all = Numbers::of(starts.iter().enumerate().filter(|(_, start)| start.is_some()).map(|(n, _)| n));
        let mut numbers: HashMap<Oid, Numbers> = HashMap::new();
        for (n, start) in starts.iter().enumerate() {
            start.iter().for_each(|start| numbers.entry(*start).or_default().insert(n));
        }
        let mut between = Between { below: HashMap::new(), visits: 0 };
        let mut pending = HashMap::from([(head, Numbers::default())]);
        let mut queue = BinaryHeap::from([(i64::MAX, head)]);
        while let Some((_, id)) = queue.pop() {
            let Some(mut reached) = pending.remove(&id) else { continue };
            numbers.get(&id).into_iter().for_each(|of_start| reached.add(of_start));
            let commit = self.repository.find_commit(id)?;
            between.visits += 1;
            let known = between.below.entry(id).or_insert((commit.time().seconds(), Numbers::default()));
            known.1.add(&reached);
            let below = known.1.clone();
            for parent in commit.parent_ids() {
                // Below all starts nothing is asked about; where a clock was wrong it may have been visited before.
                let is_known = |(_, known): &(i64, Numbers)| known.has_all(&below);
                let is_done = between.below.get(&parent).map_or(below.has_all(&all), is_known);
                if is_done {
                    continue;
                }
                if !pending.contains_key(&parent) {
                    queue.push((self.repository.find_commit(parent)?.time().seconds(), parent));
                }
                pending.entry(parent).or_default().add(&below);
            }
        }
        Ok(between)
    }
    /// What stands at paths of the repository, as the ids of trees and files.
    fn state(&self, tree: Oid, paths: &[String]) -> Result<Vec<Option<Oid>>, GitError> {
        let tree = self.repository.find_tree(tree)?;
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

/// What stands at paths of the repository: the ids of trees and files.
type PathState = Rc<Vec<Option<Oid>>>;

/// The states of commits, each read once.
struct PathStates<'r> {
    repo: &'r Repo,
    paths: &'r [String],
    /// `None`: the history was not fetched any further.
    of_commits: HashMap<Oid, Option<PathState>>,
    of_trees: HashMap<Oid, PathState>,
}

impl PathStates<'_> {
    fn since(
        &mut self,
        start: Oid,
        commits: &mut dyn Iterator<Item = Oid>,
        most: usize,
    ) -> Result<Option<Vec<String>>, GitError> {
        let mut known = HashSet::from([self.of_commit(start)?]);
        let mut states = Vec::new();
        for id in commits {
            if !self.of_commits.contains_key(&id) {
                let state = if self.repo.is_cut_off(id) { None } else { Some(self.of_commit(id)?) };
                self.of_commits.insert(id, state);
            }
            let Some(Some(state)) = self.of_commits.get(&id) else { return Ok(None) };
            if known.insert(state.clone()) {
                if states.len() == most {
                    return Ok(None);
                }
                states.push(id.to_string());
            }
        }
        Ok(Some(states))
    }

    fn of_commit(&mut self, commit: Oid) -> Result<PathState, GitError> {
        let tree = self.repo.repository.find_commit(commit)?.tree_id();
        if let Some(known) = self.of_trees.get(&tree) {
            return Ok(known.clone());
        }
        let state = Rc::new(self.repo.state(tree, self.paths)?);
        self.of_trees.insert(tree, state.clone());
        Ok(state)
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
        let states_since = |commit: &str, most| repo.states_since(&[commit], &paths, most).unwrap().remove(0);
        let since = |commit: &str, most| states_since(commit, most).map(|states| states.len());
        assert_eq!(states_since(&third, 9), Some(Vec::new()));
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
        let asked = [third.as_str(), "fff000fff000", first.as_str()];
        assert_eq!(repo.states_since(&asked, &paths, 9).unwrap(), [None, None, Some(vec![elsewhere])]);
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
        let states = repo.states_since(&[&first, &second], &paths, 9).unwrap();
        assert_eq!(states[0], None);
        assert_eq!(states[1].as_ref().map(Vec::len), Some(1));
    }

    #[test]
    fn one_walk_tells_of_all_commits() {
        let mut fixture = Fixture::new();
        let paths = ["manifests".to_owned()];
        let commits: Vec<String> = (0..30).map(|n| fixture.commit("manifests/a.yaml", &(n / 3).to_string())).collect();
        let asked: Vec<&str> = commits.iter().map(String::as_str).collect();
        let (states, visits) = fixture.repo().counted_states_since(&asked, &paths, 64).unwrap();
        // Three commits have each state, and the last has none after it.
        let counts: Vec<usize> = states.iter().map(|states| states.as_ref().unwrap().len()).collect();
        assert_eq!(counts, (0..30).map(|n| 9 - n / 3).collect::<Vec<_>>());
        assert!(visits <= 2 * 30, "{visits} visits of 30 commits");
        let (_, visits) = fixture.repo().counted_states_since(&asked[28..], &paths, 64).unwrap();
        assert!(visits <= 2 * 2, "{visits} visits for the last two");
    }
}
