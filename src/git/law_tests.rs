//! The laws of history, on any that has branches, merges, wrong clocks, reverts, renames of files and folders, deletions and
//! files that come back: each line of each file is put down to the commit that `git blame` names, and one walk tells of all
//! commits what walks for each of them tell.

#![allow(clippy::unwrap_used)]

use super::Repo;
use git2::{Oid, Repository, Signature, Time};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// The texts of a commit's files.
type Texts = BTreeMap<String, Vec<String>>;

/// A commit that was made.
struct Made {
    id: Oid,
    texts: Texts,
}

struct World {
    dir: tempfile::TempDir,
    git: Repository,
    made: Vec<Made>,
    /// The last commit of each branch.
    tips: [Option<usize>; 3],
    clock: i64,
    /// For lines that occur once.
    serial: u32,
}

/// Few words, so that lines are often the same.
const WORDS: [&str; 9] =
    ["a", "b", "c", "", "  x:", "  - y", "}", "name: job", "timeout_seconds: 100 # ........ as ever"];
const FOLDERS: [&str; 4] = ["", "m/", "m/deep/", "n/"];
const NAMES: [&str; 5] = ["one.yaml", "two.yaml", "three.yaml", "m", "one.yaml.bak"];

impl World {
    fn new() -> World {
        let dir = tempfile::tempdir().unwrap();
        let git = Repository::init(dir.path()).unwrap();
        World { dir, git, made: Vec::new(), tips: [None; 3], clock: 1_714_600_000, serial: 0 }
    }

    fn line(&mut self, of: u8) -> String {
        self.serial += 1;
        if of.is_multiple_of(2) {
            format!("line {} of the text", self.serial)
        } else {
            WORDS[usize::from(of / 2) % WORDS.len()].into()
        }
    }

    fn lines(&mut self, count: u8, of: u8) -> Vec<String> {
        (0..count).map(|n| self.line(of.wrapping_add(n.wrapping_mul(7)))).collect()
    }

    fn path(a: u8, b: u8) -> String {
        format!("{}{}", FOLDERS[usize::from(a) % FOLDERS.len()], NAMES[usize::from(b) % NAMES.len()])
    }

    /// Adds a file; whatever cannot be beside it goes.
    fn put(texts: &mut Texts, path: String, text: Vec<String>) {
        texts.retain(|other, _| !other.starts_with(&format!("{path}/")) && !path.starts_with(&format!("{other}/")));
        texts.insert(path, text);
    }

    /// Changes texts in one of many ways.
    fn change(&mut self, texts: &mut Texts, [what, a, b, c]: [u8; 4]) {
        let paths: Vec<String> = texts.keys().cloned().collect();
        let path = paths.get(usize::from(a) % paths.len().max(1)).cloned();
        let Some(path) = path.filter(|_| what % 12 < 11) else {
            let text = self.lines(c % 24, b);
            return Self::put(texts, Self::path(a, b), text);
        };
        let mut text = texts[&path].clone();
        let at = usize::from(b) % (text.len() + 1);
        match what % 12 {
            0..=2 => {
                let end = (at + 1 + usize::from(c % 3)).min(text.len());
                let lines = self.lines(1 + c % 4, c);
                text.splice(at.min(end)..end, lines);
                texts.insert(path, text);
            }
            3 => {
                let lines = self.lines(1 + c % 5, c);
                text.splice(at..at, lines);
                texts.insert(path, text);
            }
            4 => {
                text.drain(at..(at + 1 + usize::from(c % 5)).min(text.len()));
                texts.insert(path, text);
            }
            5 => drop(texts.remove(&path)),
            6 | 7 => {
                texts.remove(&path);
                Self::put(texts, Self::path(b, c), text);
            }
            8 => {
                // A folder gets another name.
                let (from, to) = (FOLDERS[usize::from(b) % 4], FOLDERS[usize::from(c) % 4]);
                for path in paths.iter().filter(|path| path.starts_with(from) && !to.starts_with(from)) {
                    let text = texts.remove(path).unwrap_or_default();
                    Self::put(texts, format!("{to}{}", &path[from.len()..]), text);
                }
            }
            9 => Self::put(texts, Self::path(b, c), text),
            _ => {
                // As it was once, as a whole or one file.
                let Some(old) = self.made.get(usize::from(b) % self.made.len().max(1)) else { return };
                if c.is_multiple_of(2) {
                    *texts = old.texts.clone();
                } else if let Some((path, text)) = old.texts.iter().nth(usize::from(c) % old.texts.len().max(1)) {
                    Self::put(texts, path.clone(), text.clone());
                }
            }
        }
    }

    /// What becomes of two branches: of each file either side's, or the beginning of one and the end of the other.
    fn merged(ours: &Texts, theirs: &Texts, how: u8) -> Texts {
        let mut texts = Texts::new();
        let paths: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
        for (n, path) in paths.into_iter().enumerate() {
            let text = match (ours.get(path), theirs.get(path), (usize::from(how) >> n) % 4) {
                (Some(a), Some(b), 0) => {
                    a.iter().take(a.len() / 2).chain(b.iter().skip(b.len() / 2)).cloned().collect()
                }
                (Some(one), _, 1) | (_, Some(one), 2) | (Some(one), None, 0) | (None, Some(one), 3) => one.clone(),
                (Some(one), Some(_), _) => one.clone(),
                _ => continue,
            };
            Self::put(&mut texts, path.clone(), text);
        }
        texts
    }

    fn commit(&mut self, branch: usize, texts: Texts, others: &[usize], is_early: bool) {
        let mut index = git2::Index::new().unwrap();
        for (path, text) in &texts {
            let id = self.git.blob(text_of(text).as_bytes()).unwrap();
            let time = git2::IndexTime::new(0, 0);
            let (mtime, ctime, mode, path) = (time, time, 0o100_644, path.as_bytes().to_vec());
            let entry = git2::IndexEntry {
                ctime,
                mtime,
                dev: 0,
                ino: 0,
                mode,
                uid: 0,
                gid: 0,
                file_size: 0,
                id,
                flags: 0,
                flags_extended: 0,
                path,
            };
            index.add(&entry).unwrap();
        }
        let tree = self.git.find_tree(index.write_tree_to(&self.git).unwrap()).unwrap();
        self.clock += 60;
        let by =
            Signature::new("Ann", "a@example.com", &Time::new(if is_early { self.clock - 600 } else { self.clock }, 0))
                .unwrap();
        let parents: Vec<Oid> = self.tips[branch].iter().chain(others).map(|n| self.made[*n].id).collect();
        let parents: Vec<_> = parents.into_iter().map(|id| self.git.find_commit(id).unwrap()).collect();
        let message = format!("commit {}", self.made.len());
        let id = self.git.commit(None, &by, &by, &message, &tree, &parents.iter().collect::<Vec<_>>()).unwrap();
        drop((parents, tree));
        self.made.push(Made { id, texts });
        self.tips[branch] = Some(self.made.len() - 1);
    }

    fn run(&mut self, steps: &[[u8; 6]]) {
        let mut texts: Option<(usize, Texts)> = None;
        for [what, a, b, c, where_, how] in steps.iter().copied() {
            let (branch, mut now) = match texts.take() {
                Some(open) => open,
                None => {
                    let branch = usize::from(where_ % 8).saturating_sub(5);
                    if self.tips[branch].is_none() {
                        self.tips[branch] = self.tips[0];
                    }
                    (branch, self.tips[branch].map(|n| self.made[n].texts.clone()).unwrap_or_default())
                }
            };
            let others: Vec<usize> =
                self.tips.iter().copied().flatten().filter(|n| self.tips[branch] != Some(*n)).collect();
            if what >= 200 && !others.is_empty() && self.tips[branch].is_some() {
                let others: Vec<usize> = others.into_iter().take(1 + usize::from(c % 8 == 0)).collect();
                for other in &others {
                    now = Self::merged(&now, &self.made[*other].texts, how);
                }
                self.commit(branch, now, &others, a % 8 == 0);
            } else {
                self.change(&mut now, [what, a, b, c]);
                if how % 3 == 0 {
                    texts = Some((branch, now));
                } else {
                    self.commit(branch, now, &[], how % 16 == 1);
                }
            }
        }
        if self.tips[0].is_none() {
            self.commit(0, Texts::from([("one.yaml".to_owned(), vec!["a".to_owned()])]), &[], false);
        }
    }
}

/// Every line has an end: where the last one has none, git before 2.44 leaves it out when it looks for renames.
fn text_of(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// What the git program says: a commit for each line, none for those that are not committed.
fn by_git(dir: &Path, rev: Option<&str>, path: &str) -> Vec<Option<String>> {
    let done = Command::new("git")
        .args(["blame", "--porcelain"])
        .args(rev)
        .args(["--", path])
        .current_dir(dir)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    assert!(done.status.success(), "{path}: {}", String::from_utf8_lossy(&done.stderr));
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    let id = |line: &str| line.get(..40).filter(|id| id.chars().all(|c| c.is_ascii_hexdigit())).map(str::to_owned);
    let mut lines = text.lines();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        let Some(id) = id(line) else { continue };
        found.push(Some(id).filter(|id| id.chars().any(|c| c != '0')));
        lines.by_ref().find(|line| line.starts_with('\t'));
    }
    found
}

fn differences(world: &World) -> Vec<String> {
    let root = world.dir.path();
    let head = &world.made[world.tips[0].unwrap()];
    world.git.reference("refs/heads/master", head.id, true, "").unwrap();
    world.git.set_head("refs/heads/master").unwrap();
    let mut wrong = Vec::new();
    let mut check = |repo: &Repo, path: &str, wanted: Vec<Option<String>>| {
        let asked = (1..=wanted.len() + 1).map(|line| (path, line));
        let blames = repo.blame(asked, &|| false);
        for (n, id) in wanted.iter().map(Option::as_deref).chain([None]).enumerate() {
            let told = blames.of(path, n + 1).map(|commit| commit.summary.clone());
            let id = id.and_then(|id| world.made.iter().position(|made| made.id.to_string() == id));
            let id = id.map(|n| format!("commit {n}"));
            if told != id {
                wrong.push(format!("{path}:{}: git says {id:?}, plumb {told:?}", n + 1));
            }
        }
    };
    let at = Repo::open(root).unwrap().unwrap().at(&head.id.to_string()).unwrap();
    for path in head.texts.keys() {
        check(&at, path, by_git(root, Some("HEAD"), path));
    }
    // As they are worked on.
    let repo = Repo::open(root).unwrap().unwrap();
    for (n, (path, lines)) in head.texts.iter().enumerate().take(2) {
        let mut lines = lines.clone();
        lines.insert(lines.len() / 2, "new".into());
        lines.rotate_left(n % 2);
        std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
        std::fs::write(root.join(path), text_of(&lines).trim_end_matches('\n')).unwrap();
        check(&repo, path, by_git(root, None, path));
    }
    wrong
}

/// What one walk of the history tells of all commits, and walks for each of them do not.
fn wrong_histories(world: &World) -> Vec<String> {
    let head = world.made[world.tips[0].unwrap()].id;
    let repo = Repo::open(world.dir.path()).unwrap().unwrap().at(&head.to_string()).unwrap();
    let ids: Vec<String> = world.made.iter().map(|made| made.id.to_string()).collect();
    let pairs: BTreeSet<(String, String)> =
        ids.iter().flat_map(|a| ids.iter().map(move |b| (a.clone(), b.clone()))).collect();
    let mut wrong = Vec::new();
    let is_part = |commit: Oid, other: Oid| commit == other || world.git.graph_descendant_of(other, commit).unwrap();
    // All together, and some alone: then the walk may end early.
    let alone = pairs.iter().step_by(7).map(|pair| BTreeSet::from([pair.clone()]));
    for asked in std::iter::once(pairs.clone()).chain(alone) {
        let ancestry = repo.ancestry(&asked, &|| false);
        for (commit, other) in &asked {
            let wanted = is_part(commit.parse().unwrap(), other.parse().unwrap());
            if ancestry.is_part_of(commit, other) != Some(wanted) {
                wrong.push(format!("of {}: whether {commit} is a part of {other}: {wanted}", asked.len()));
            }
        }
    }
    let paths = ["m".to_owned(), "one.yaml".to_owned()];
    let state = |id: Oid| -> Vec<Option<Oid>> {
        let tree = world.git.find_commit(id).unwrap().tree().unwrap();
        paths.iter().map(|path| tree.get_path(Path::new(path)).ok().map(|entry| entry.id())).collect()
    };
    let told = repo.states_since(&ids.iter().map(String::as_str).collect::<Vec<_>>(), &paths, 99).unwrap();
    for (made, told) in world.made.iter().zip(told) {
        let wanted = is_part(made.id, head).then(|| {
            let mut walk = world.git.revwalk().unwrap();
            walk.push(head).unwrap();
            walk.hide(made.id).unwrap();
            let mut states: BTreeSet<_> = walk.map(|id| state(id.unwrap())).collect();
            states.remove(&state(made.id));
            states
        });
        let count = told.as_ref().map(Vec::len);
        let told: Option<BTreeSet<_>> = told.map(|ids| ids.iter().map(|id| state(id.parse().unwrap())).collect());
        if told != wanted || count != wanted.as_ref().map(BTreeSet::len) {
            wrong.push(format!("states since {}: {told:?}, not {wanted:?}", made.id));
        }
    }
    wrong
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_line_is_put_down_to_the_commit_that_git_names(steps in prop::collection::vec(any::<[u8; 6]>(), 4..40)) {
        let mut world = World::new();
        world.run(&steps);
        let wrong = differences(&world);
        prop_assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn one_walk_tells_what_walks_for_each_commit_tell(steps in prop::collection::vec(any::<[u8; 6]>(), 4..24)) {
        let mut world = World::new();
        world.run(&steps);
        let wrong = wrong_histories(&world);
        prop_assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
