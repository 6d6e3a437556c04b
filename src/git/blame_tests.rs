//! What a walk reads for its answers, and when it ends.

#![allow(clippy::unwrap_used)]

use super::*;
use git2::{Repository, Signature, Time};
use std::cell::Cell;

impl Repo {
    /// Who wrote one line.
    pub(in super::super) fn who(&self, file: &str, line: usize) -> Option<Commit> {
        self.blame([(file, line)], &|| false).of(file, line).cloned()
    }
}

/// A repository whose commits are made without a working tree.
struct Fixture {
    dir: tempfile::TempDir,
    git: Repository,
    files: BTreeMap<String, String>,
    /// The texts that were written.
    blobs: HashMap<String, Oid>,
    clock: i64,
}

impl Fixture {
    fn new() -> Fixture {
        let dir = tempfile::tempdir().unwrap();
        let git = Repository::init(dir.path()).unwrap();
        Fixture { dir, git, files: BTreeMap::new(), blobs: HashMap::new(), clock: 1_714_600_000 }
    }

    /// A repository with `count` files of two lines in one folder, all of one commit.
    fn with_files(count: usize) -> Fixture {
        let mut fixture = Fixture::new();
        for n in 0..count {
            fixture.files.insert(format!("manifests/{n:04}.yaml"), format!("name: {n}\nvalue: 0\n"));
        }
        fixture.commit("begin");
        fixture
    }

    /// Commits the files on top of HEAD.
    fn commit(&mut self, message: &str) -> Oid {
        let mut folder = self.git.treebuilder(None).unwrap();
        let mut root = self.git.treebuilder(None).unwrap();
        for (path, text) in &self.files {
            let id = *self.blobs.entry(text.clone()).or_insert_with(|| self.git.blob(text.as_bytes()).unwrap());
            match path.strip_prefix("manifests/") {
                Some(name) => folder.insert(name, id, 0o100_644).unwrap(),
                None => root.insert(path, id, 0o100_644).unwrap(),
            };
        }
        root.insert("manifests", folder.write().unwrap(), 0o040_000).unwrap();
        let tree = self.git.find_tree(root.write().unwrap()).unwrap();
        self.clock += 60;
        let by = Signature::new("Ann", "a@example.com", &Time::new(self.clock, 0)).unwrap();
        let parent = self.git.head().ok().map(|head| head.peel_to_commit().unwrap());
        let parents: Vec<_> = parent.iter().collect();
        self.git.commit(Some("HEAD"), &by, &by, message, &tree, &parents).unwrap()
    }

    /// Sets a file's second line, and commits.
    fn set(&mut self, n: usize, value: usize) {
        let path = format!("manifests/{n:04}.yaml");
        self.files.insert(path, format!("name: {n}\nvalue: {value}\n"));
        self.commit(&format!("set {n} to {value}"));
    }

    /// The repository as if HEAD were checked out.
    fn repo(&self) -> Repo {
        Repo::open(self.dir.path()).unwrap().unwrap().at("HEAD").unwrap()
    }

    /// The second lines of some files.
    fn lines(&self, files: std::ops::Range<usize>) -> Vec<String> {
        files.map(|n| format!("manifests/{n:04}.yaml")).collect()
    }

    fn blame(&self, files: std::ops::Range<usize>) -> Blames {
        let files = self.lines(files);
        self.repo().blame(files.iter().map(|file| (file.as_str(), 2)), &|| false)
    }
}

#[test]
fn a_long_history_is_one_visit_a_commit_however_many_files_are_asked_about() {
    let mut counted = Vec::new();
    for commits in [150, 300] {
        let mut fixture = Fixture::with_files(40);
        for n in 1..commits {
            fixture.set(n % 30, n);
        }
        // Those that nobody touched since, so that the walk goes to the end.
        let few = fixture.blame(35..36);
        let many = fixture.blame(0..40);
        assert_eq!(few.of("manifests/0035.yaml", 2).unwrap().summary, "begin");
        assert_eq!(many.of("manifests/0007.yaml", 2).unwrap().summary, format!("set 7 to {}", commits - 23));
        assert_eq!((few.visits, many.visits), (commits, commits));
        assert_eq!((few.read.commits, many.read.commits), (commits, commits));
        // The root and the folder of each commit, once.
        assert_eq!((few.read.trees, many.read.trees), (2 * commits, 2 * commits));
        // HEAD's files for the count of their lines, and what the thirty newest changes changed.
        assert_eq!((few.read.files, many.read.files), (1, 40 + 30));
        counted.push(many.read);
    }
    assert_eq!(counted[1].trees, 2 * counted[0].trees, "twice the commits are twice the work");
}

#[test]
fn a_commit_of_other_files_costs_itself_and_its_root() {
    let mut fixture = Fixture::with_files(5);
    for n in 0..50 {
        fixture.files.insert("README.md".to_owned(), n.to_string());
        fixture.commit("words");
    }
    let blames = fixture.blame(0..5);
    assert_eq!(blames.of("manifests/0003.yaml", 2).unwrap().summary, "begin");
    // The folder is read once.
    assert_eq!(blames.read, ReadObjects { commits: 51, trees: 51 + 1, files: 5 });
}

#[test]
fn a_walk_ends_when_every_line_is_told() {
    let mut fixture = Fixture::with_files(20);
    for n in 0..20 {
        fixture.set(n, 1);
    }
    let blames = fixture.blame(18..20);
    assert_eq!(blames.of("manifests/0018.yaml", 2).unwrap().summary, "set 18 to 1");
    assert_eq!((blames.visits, blames.read.commits), (2, 3));
}

#[test]
fn what_is_not_committed_needs_no_history() {
    let mut fixture = Fixture::with_files(3);
    fixture.set(0, 1);
    std::fs::create_dir(fixture.dir.path().join("manifests")).unwrap();
    std::fs::write(fixture.dir.path().join("manifests/new.yaml"), "name: new\n").unwrap();
    std::fs::write(fixture.dir.path().join("manifests/0001.yaml"), "name: 1\nvalue: not committed\n").unwrap();
    let repo = Repo::open(fixture.dir.path()).unwrap().unwrap();
    let asked = [("manifests/new.yaml", 1), ("manifests/0001.yaml", 2), ("../outside.yaml", 1), ("manifests", 1)];
    let blames = repo.blame(asked, &|| false);
    assert!(asked.iter().all(|(file, line)| blames.of(file, *line).is_none() && !blames.is_unread(file, *line)));
    assert_eq!((blames.visits, blames.read.commits, blames.read.files), (0, 1, 1));
    let known = repo.blame([("manifests/0001.yaml", 1), ("manifests/0001.yaml", 2)], &|| false);
    assert_eq!(known.of("manifests/0001.yaml", 1).unwrap().summary, "begin");
    assert_eq!(known.of("manifests/0001.yaml", 2), None);
}

#[test]
fn files_as_they_were_committed_are_not_read_out_of_the_store() {
    let fixture = Fixture::with_files(100);
    std::fs::create_dir(fixture.dir.path().join("manifests")).unwrap();
    for (path, text) in &fixture.files {
        std::fs::write(fixture.dir.path().join(path), text).unwrap();
    }
    let repo = Repo::open(fixture.dir.path()).unwrap().unwrap();
    let blames = repo.blame(fixture.files.keys().map(|path| (path.as_str(), 1)), &|| false);
    assert!(fixture.files.keys().all(|path| blames.of(path, 1).is_some() && blames.of(path, 3).is_none()));
    assert_eq!(blames.read, ReadObjects { commits: 1, trees: 2, files: 0 });
}

#[test]
fn what_the_budget_leaves_out_is_unread_and_nobodys() {
    let mut fixture = Fixture::with_files(20);
    for n in 0..20 {
        fixture.set(n, 1);
    }
    let files = fixture.lines(0..20);
    let left = |asks: usize| {
        let count = Cell::new(0);
        let is_spent = || {
            count.set(count.get() + 1);
            count.get() > asks
        };
        let blames = fixture.repo().blame(files.iter().map(|file| (file.as_str(), 2)), &is_spent);
        assert!(files.iter().all(|file| blames.of(file, 2).is_some() != blames.is_unread(file, 2)));
        files.iter().filter(|file| blames.is_unread(file, 2)).count()
    };
    // It is asked before each file of HEAD, each commit and each changed file.
    assert_eq!([0, 20, 21, 22, 24, 59, 60].map(left), [20, 20, 20, 19, 18, 1, 0]);
}

#[test]
fn a_folder_that_was_renamed_and_edited_is_compared_once() {
    let mut counted = Vec::new();
    for count in [50, 100] {
        let mut fixture = Fixture::new();
        let text =
            |n: usize, value: usize| format!("name: {n}\n{}value: {value}\n", format!("line of {n}\n").repeat(9));
        fixture.files = (0..count).map(|n| (format!("manifests/old-{n}.yaml"), text(n, 0))).collect();
        fixture.commit("begin");
        // Names tell nothing here: each file is compared with each.
        fixture.files = (0..count).map(|n| (format!("manifests/new-{n}.yaml"), text(n, 1))).collect();
        fixture.commit("rename");
        let repo = fixture.repo();
        let blames =
            repo.blame(fixture.files.keys().flat_map(|path| [(path.as_str(), 1), (path.as_str(), 11)]), &|| false);
        for path in fixture.files.keys() {
            let who = |line| blames.of(path, line).map(|commit| commit.summary.as_str());
            assert_eq!((who(1), who(11)), (Some("begin"), Some("rename")), "{path}");
        }
        assert_eq!((blames.visits, blames.read.files), (2, 2 * count));
        counted.push(blames.read);
    }
    assert_eq!(counted[1].files, 2 * counted[0].files);
}

#[test]
fn a_file_that_cannot_be_read_is_put_down_to_nobody_and_others_are_told() {
    let mut fixture = Fixture::with_files(2);
    fixture.set(0, 1);
    fixture.set(1, 1);
    let lost = fixture.git.revparse_single("HEAD~2:manifests/0000.yaml").unwrap().id().to_string();
    std::fs::remove_file(fixture.git.path().join("objects").join(&lost[..2]).join(&lost[2..])).unwrap();
    let repo = fixture.repo();
    assert_eq!(repo.who("manifests/0000.yaml", 2), None);
    assert_eq!(repo.who("manifests/0001.yaml", 2).unwrap().summary, "set 1 to 1");
    assert_eq!(repo.who("manifests/0001.yaml", 1).unwrap().summary, "begin");
}

#[test]
fn whether_a_line_is_older_costs_the_commits_between() {
    let mut fixture = Fixture::with_files(1);
    let mut ids = vec![fixture.git.head().unwrap().target().unwrap().to_string()];
    for n in 1..100 {
        fixture.set(0, n);
        ids.push(fixture.git.head().unwrap().target().unwrap().to_string());
    }
    let pair = |commit: usize, other: usize| (ids[commit].clone(), ids[other].clone());
    let pairs = [pair(99, 90), pair(95, 90), pair(89, 90), pair(90, 90), pair(91, 92), pair(93, 92)].into();
    let ancestry = fixture.repo().ancestry(&pairs, &|| false);
    let is_part = |commit: usize, other: usize| ancestry.is_part_of(&ids[commit], &ids[other]);
    assert_eq!([is_part(99, 90), is_part(95, 90), is_part(93, 92)], [Some(false); 3]);
    assert_eq!([is_part(89, 90), is_part(90, 90), is_part(91, 92)], [Some(true); 3]);
    assert_eq!(is_part(5, 6), None, "nobody asked");
    assert!(ancestry.visits <= 12, "{} visits for eleven commits", ancestry.visits);
    let unknown = ("fff000fff000".to_owned(), ids[9].clone());
    let spent = fixture.repo().ancestry(&[pair(3, 50), unknown.clone()].into(), &|| true);
    assert_eq!(spent.is_part_of(&ids[3], &ids[50]), None);
    assert_eq!(spent.is_part_of(&unknown.0, &unknown.1), Some(false));
}

#[test]
fn a_line_is_where_it_stood_before_whatever_was_added_or_taken_away_beside_it() {
    let text = |lines: &str| lines.chars().map(|line| format!("{line}\n")).collect::<String>();
    // A letter is a line. For each line of the newer text: where the older one has it.
    for (older, newer, was) in [
        ("abcd", "abcd", [Some(1), Some(2), Some(3), Some(4)].as_slice()),
        ("abcd", "acd", &[Some(1), Some(3), Some(4)]),
        ("abcd", "bcd", &[Some(2), Some(3), Some(4)]),
        ("abcd", "abc", &[Some(1), Some(2), Some(3)]),
        ("abcdef", "acdf", &[Some(1), Some(3), Some(4), Some(6)]),
        ("abcd", "d", &[Some(4)]),
        ("abc", "xabc", &[None, Some(1), Some(2), Some(3)]),
        ("abc", "axbc", &[Some(1), None, Some(2), Some(3)]),
        ("abc", "abcx", &[Some(1), Some(2), Some(3), None]),
        ("abcd", "axd", &[Some(1), None, Some(4)]),
        ("abcd", "acxd", &[Some(1), Some(3), None, Some(4)]),
        ("abcde", "xbcye", &[None, Some(2), Some(3), None, Some(5)]),
        ("abc", "", &[]),
        ("", "ab", &[None, None]),
    ] {
        let mut open: Vec<OpenLine> =
            (1..=was.len()).rev().map(|line| OpenLine { asked: line - 1, line: line as u32 }).collect();
        let mut kept = Vec::new();
        pass_unchanged(text(older).as_bytes(), text(newer).as_bytes(), &mut open, &mut kept).unwrap();
        let mut found = vec![None; was.len()];
        kept.iter().for_each(|place| found[place.asked] = Some(place.line));
        assert_eq!(
            (found.as_slice(), open.len()),
            (was, was.iter().filter(|was| was.is_none()).count()),
            "{older} {newer}"
        );
    }
}
