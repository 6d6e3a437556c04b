//! Who wrote lines: one walk back from HEAD for all that are asked about, as `git blame` tells them.
//!
//! A commit is compared with its parents along the files that are still open. What is the same goes to the parent as a
//! whole, so a commit costs what is different in it; the walk ends when every line is told.

use super::changes::{TreeComparison, TreeEntry, TreeEntryKind};
use super::objects::{Objects, ReadObjects};
use super::renames::Renames;
use super::{GitError, LARGEST_FILE, Repo, describe};
use git2::{DiffOptions, ObjectType, Oid, Patch};
use plumb_core::plan::Commit;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::path::Path;
use std::sync::Arc;

/// Whether enough was spent on looking, so that the rest is left.
pub type IsSpent<'a> = &'a dyn Fn() -> bool;

/// Who wrote the lines that were asked about.
#[derive(Default)]
pub struct Blames {
    lines: BTreeMap<String, BTreeMap<usize, LineWriter>>,
    /// Commits that were visited. One is visited again only where clocks went wrong.
    pub visits: usize,
    pub read: ReadObjects,
}

/// What is told of a line.
#[derive(Clone)]
enum LineWriter {
    /// Nobody looked: enough was spent.
    Unread,
    /// It is not committed, or what would tell was not fetched.
    Nobody,
    By(Arc<Commit>),
}

impl Blames {
    /// The last commit of a line. `None` for one that is not committed, where the history that would tell was not fetched,
    /// and for what was not looked up.
    pub fn of(&self, file: &str, line: usize) -> Option<&Commit> {
        match self.lines.get(file)?.get(&line)? {
            LineWriter::By(commit) => Some(commit),
            LineWriter::Unread | LineWriter::Nobody => None,
        }
    }

    /// Whether a line was not looked up.
    pub fn is_unread(&self, file: &str, line: usize) -> bool {
        matches!(self.lines.get(file).and_then(|lines| lines.get(&line)), Some(LineWriter::Unread))
    }
}

impl Repo {
    /// The last commit of each of these lines (counted from 1) of files of the project, as they are in the working tree.
    ///
    /// `None` instead of a commit as for [`Blames::of`]. Once `is_spent`, the lines that are not told yet are left.
    pub fn blame<'l>(&self, lines: impl IntoIterator<Item = (&'l str, usize)>, is_spent: IsSpent<'_>) -> Blames {
        let mut blames = Blames::default();
        for (file, line) in lines {
            blames.lines.entry(file.to_owned()).or_default().insert(line, LineWriter::Nobody);
        }
        // Where nothing can be read, nobody is named.
        let _ = self.blame_all(&mut blames, is_spent);
        blames
    }

    fn blame_all(&self, blames: &mut Blames, is_spent: IsSpent<'_>) -> Result<(), GitError> {
        let Some(head) = self.head_commit()? else { return Ok(()) };
        let odb = self.repository.odb()?;
        let mut walk = BlameWalk {
            repo: self,
            objects: Objects::new(&odb),
            nodes: HashMap::new(),
            pending: HashMap::new(),
            queue: BinaryHeap::new(),
            told: Vec::new(),
            visits: 0,
            is_spent,
        };
        let mut asked: Vec<(String, usize)> = Vec::new();
        let mut files = OpenFiles::new();
        for (file, lines) in &blames.lines {
            let Ok(path) = self.inside(file) else { continue };
            // The same file may be asked for by two spellings of its path.
            let places = files.entry(path.into_bytes()).or_default();
            for line in lines.keys() {
                places.push(OpenLine { asked: asked.len(), line: u32::try_from(*line).unwrap_or(u32::MAX) });
                asked.push((file.clone(), *line));
            }
        }
        walk.told = vec![Blamed::Open; asked.len()];
        walk.begin(head, files)?;
        walk.run();
        blames.visits = walk.visits;
        blames.read = walk.objects.read;
        let mut commits: HashMap<Oid, LineWriter> = HashMap::new();
        let is_shallow = self.is_shallow();
        for ((file, line), end) in asked.into_iter().zip(walk.told) {
            let told = match end {
                Blamed::Open => LineWriter::Unread,
                Blamed::Nobody => LineWriter::Nobody,
                Blamed::By(id) => commits
                    .entry(id)
                    .or_insert_with(|| match self.repository.find_commit(id) {
                        // The oldest commit of a cut-off history stands for all that came before it.
                        Ok(_) if is_shallow && self.is_cut_off(id) => LineWriter::Nobody,
                        Ok(commit) => LineWriter::By(Arc::new(describe(&commit))),
                        Err(_) => LineWriter::Nobody,
                    })
                    .clone(),
            };
            blames.lines.entry(file).or_default().insert(line, told);
        }
        Ok(())
    }

    /// Whether a commit's parents were not fetched.
    pub(super) fn is_cut_off(&self, id: Oid) -> bool {
        self.repository.find_commit(id).is_ok_and(|commit| {
            // libgit2 honours the cut: such a commit has no parents, but its text names some.
            let named = commit.raw_header_bytes().split(|byte| *byte == b'\n').any(|line| line.starts_with(b"parent "));
            named && (commit.parent_count() == 0 || commit.parent(0).is_err())
        })
    }

    /// A file of the working tree; `None` where it cannot be read, or is too large.
    fn working_file(&self, path: &[u8]) -> Option<Vec<u8>> {
        let text = std::fs::read(self.top.join(Path::new(std::str::from_utf8(path).ok()?))).ok()?;
        (text.len() <= LARGEST_FILE).then_some(text)
    }
}

/// A line that is asked about, where it stands in the version of the file that is looked at.
#[derive(Clone, Copy, Debug)]
struct OpenLine {
    /// Its number among those asked about.
    asked: usize,
    line: u32,
}

/// The open lines of a commit's files, by their paths in the repository.
type OpenFiles = BTreeMap<Vec<u8>, Vec<OpenLine>>;

/// How the walk ended for a line.
#[derive(Clone, Copy)]
enum Blamed {
    Open,
    Nobody,
    By(Oid),
}

/// What the walk needs of a commit.
#[derive(Clone)]
struct CommitNode {
    /// When it was committed, in seconds.
    time: i64,
    tree: Oid,
    parents: Vec<Oid>,
}

/// A file that is not in the first parent as it is in the commit.
struct ChangedFile {
    entry: TreeEntry,
    places: Vec<OpenLine>,
    /// What it was in each parent.
    origins: Vec<ParentFile>,
}

/// What a file was in a parent.
enum ParentFile {
    /// There is none of its name.
    Absent,
    /// A link, or whatever else is no file.
    Other,
    /// Its path there, where it is another, and its text.
    File(Option<Vec<u8>>, Oid),
    /// What it was cannot be read.
    Unknown,
}

/// The path of a file, what is there, and what the other tree has.
type DifferentFile = (Vec<u8>, TreeEntry, Option<TreeEntry>);

struct BlameWalk<'r> {
    repo: &'r Repo,
    objects: Objects<'r>,
    nodes: HashMap<Oid, CommitNode>,
    pending: HashMap<Oid, OpenFiles>,
    /// Those that are pending, by time.
    queue: BinaryHeap<(i64, Oid)>,
    told: Vec<Blamed>,
    visits: usize,
    is_spent: IsSpent<'r>,
}

impl BlameWalk<'_> {
    /// Begins at HEAD with the lines that are committed as they are in the working tree.
    fn begin(&mut self, head: Oid, files: OpenFiles) -> Result<(), GitError> {
        let tree = self.node(head)?.tree;
        let entries = self.different(tree, None, &files)?;
        let mut entries: HashMap<Vec<u8>, TreeEntry> =
            entries.into_iter().map(|(path, entry, _)| (path, entry)).collect();
        let mut committed = OpenFiles::new();
        for (path, places) in files {
            if (self.is_spent)() {
                break;
            }
            let entry =
                entries.remove(&path).filter(|entry| matches!(entry.kind, TreeEntryKind::File | TreeEntryKind::Link));
            let kept = entry.and_then(|entry| self.committed(&path, entry.id, &places).ok()).unwrap_or_default();
            for place in &places {
                self.told[place.asked] = Blamed::Nobody;
            }
            for place in &kept {
                self.told[place.asked] = Blamed::Open;
            }
            if !kept.is_empty() {
                committed.insert(path, kept);
            }
        }
        self.pass(head, committed)
    }

    /// The lines of a file that HEAD has as well, where it has them.
    fn committed(&mut self, path: &[u8], id: Oid, places: &[OpenLine]) -> Result<Vec<OpenLine>, GitError> {
        let of = |text: &[u8]| {
            let count = lines(text);
            places.iter().copied().filter(|place| (1..=count).contains(&(place.line as usize))).collect::<Vec<_>>()
        };
        if self.repo.at.is_some() {
            return Ok(of(self.objects.file(id)?.data()));
        }
        let Some(mut text) = self.repo.working_file(path) else { return Ok(Vec::new()) };
        // Most files are as they were committed: their id says so without a look into the store.
        if Oid::hash_object(ObjectType::Blob, &text)? == id {
            return Ok(of(&text));
        }
        let blob = self.objects.file(id)?;
        // With core.autocrlf, every line of the working tree would differ from the commit.
        if !blob.data().contains(&b'\r') {
            text.retain(|byte| *byte != b'\r');
        }
        let (mut here, mut kept) = (of(&text), Vec::new());
        pass_unchanged(blob.data(), &text, &mut here, &mut kept)?;
        Ok(kept)
    }

    fn run(&mut self) {
        while let Some((_, id)) = self.queue.pop() {
            let Some(mut files) = self.pending.remove(&id) else { continue };
            if (self.is_spent)() {
                return;
            }
            self.visits += 1;
            let mut changed = BTreeMap::new();
            if self.visit(id, &mut files, &mut changed).is_err() {
                // What is not known of a commit is not put down to anybody.
                let of_changed = changed.values().flat_map(|file: &ChangedFile| &file.places);
                for place in files.values().flatten().chain(of_changed) {
                    self.told[place.asked] = Blamed::Nobody;
                }
            }
        }
    }

    /// Passes the lines that a commit's parents have as well on to them, and puts the others down to it.
    fn visit(
        &mut self,
        id: Oid,
        files: &mut OpenFiles,
        changed: &mut BTreeMap<Vec<u8>, ChangedFile>,
    ) -> Result<(), GitError> {
        let CommitNode { tree, parents, .. } = self.node(id)?;
        self.nodes.remove(&id);
        if parents.is_empty() {
            for place in files.values().flatten() {
                self.told[place.asked] = Blamed::By(id);
            }
            return Ok(());
        }
        self.compare(tree, &parents, files, changed)?;
        self.find_renamed(tree, &parents, changed)?;
        while let Some((path, mut file)) = changed.pop_first() {
            if (self.is_spent)() {
                return Ok(());
            }
            let end = match self.share(&parents, &path, &mut file) {
                Ok(()) => Blamed::By(id),
                Err(_) => Blamed::Nobody,
            };
            for place in file.places {
                self.told[place.asked] = end;
            }
        }
        Ok(())
    }

    /// Passes each file on to the first parent that has it as it is. The others are `changed`.
    fn compare(
        &mut self,
        tree: Oid,
        parents: &[Oid],
        files: &mut OpenFiles,
        changed: &mut BTreeMap<Vec<u8>, ChangedFile>,
    ) -> Result<(), GitError> {
        for (n, parent) in parents.iter().enumerate() {
            let theirs = self.node(*parent)?.tree;
            let mut same = OpenFiles::new();
            if n == 0 {
                for (path, entry, was) in self.different(tree, Some(theirs), files)? {
                    let places = files.remove(&path).unwrap_or_default();
                    changed.insert(path, ChangedFile { entry, places, origins: vec![ParentFile::of(entry, was)] });
                }
                same = std::mem::take(files);
            } else {
                for (path, entry, was) in self.different(tree, Some(theirs), changed)? {
                    changed.get_mut(&path).into_iter().for_each(|file| file.origins.push(ParentFile::of(entry, was)));
                }
                changed.retain(|path, file| {
                    let is_changed = file.origins.len() > n;
                    if !is_changed {
                        same.insert(path.clone(), std::mem::take(&mut file.places));
                    }
                    is_changed
                });
            }
            self.pass(*parent, same)?;
            if changed.is_empty() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Looks for the earlier names of files that parents do not have. One that was renamed and not edited is passed on.
    fn find_renamed(
        &mut self,
        tree: Oid,
        parents: &[Oid],
        changed: &mut BTreeMap<Vec<u8>, ChangedFile>,
    ) -> Result<(), GitError> {
        for (n, parent) in parents.iter().enumerate() {
            if !changed.values().any(|file| matches!(file.origins.get(n), Some(ParentFile::Absent))) {
                continue;
            }
            let theirs = self.node(*parent)?.tree;
            let mut renames = Renames::new(&mut self.objects, tree, theirs);
            let mut same = OpenFiles::new();
            for (path, file) in changed.iter_mut() {
                if !matches!(file.origins[n], ParentFile::Absent) || file.entry.kind != TreeEntryKind::File {
                    continue;
                }
                if (self.is_spent)() {
                    return Ok(());
                }
                let was = renames.as_mut().map(|renames| renames.of(&mut self.objects, path, file.entry.id));
                file.origins[n] = match was {
                    Ok(Ok(None)) => ParentFile::Absent,
                    Ok(Ok(Some(was))) if was.id == file.entry.id => {
                        same.entry(was.path.clone()).or_default().append(&mut file.places);
                        ParentFile::Absent
                    }
                    Ok(Ok(Some(was))) => ParentFile::File(Some(was.path.clone()), was.id),
                    Ok(Err(_)) | Err(_) => ParentFile::Unknown,
                };
            }
            changed.retain(|_, file| !file.places.is_empty());
            self.pass(*parent, same)?;
        }
        Ok(())
    }

    /// Passes the lines of a changed file on to the parents that have them, and leaves the others.
    fn share(&mut self, parents: &[Oid], path: &[u8], file: &mut ChangedFile) -> Result<(), GitError> {
        let mut seen = Vec::new();
        for (parent, origin) in parents.iter().zip(&file.origins) {
            let (was, id) = match origin {
                ParentFile::File(was, id) => (was, id),
                ParentFile::Unknown => {
                    return Err(GitError::Other("an earlier name of the file is not known".to_owned()));
                }
                ParentFile::Absent | ParentFile::Other => continue,
            };
            if file.places.is_empty() || seen.contains(id) {
                continue;
            }
            seen.push(*id);
            let (theirs, mine) = (self.objects.file(*id)?, self.objects.file(file.entry.id)?);
            let mut kept = Vec::new();
            pass_unchanged(theirs.data(), mine.data(), &mut file.places, &mut kept)?;
            if !kept.is_empty() {
                let path = was.as_deref().unwrap_or(path).to_vec();
                self.pass(*parent, OpenFiles::from([(path, kept)]))?;
            }
        }
        Ok(())
    }

    /// Adds open lines to a commit. Each of the files has some.
    fn pass(&mut self, id: Oid, mut files: OpenFiles) -> Result<(), GitError> {
        if files.is_empty() {
            return Ok(());
        }
        let time = self.node(id)?.time;
        let known = match self.pending.entry(id) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(free) => {
                self.queue.push((time, id));
                free.insert(OpenFiles::new())
            }
        };
        // Most lines come one way.
        if known.len() < files.len() {
            std::mem::swap(known, &mut files);
        }
        for (path, mut places) in files {
            known.entry(path).or_default().append(&mut places);
        }
        Ok(())
    }

    /// The files of which one tree has something else than another: what is there, and what the other has.
    fn different<V>(
        &mut self,
        tree: Oid,
        other: Option<Oid>,
        files: &BTreeMap<Vec<u8>, V>,
    ) -> Result<Vec<DifferentFile>, GitError> {
        let mut found = Vec::new();
        let mut each = |path: &[u8], mine: Option<TreeEntry>, theirs: Option<TreeEntry>| {
            if let Some(mine) = mine.filter(|_| files.contains_key(path)) {
                found.push((path.to_vec(), mine, theirs));
            }
        };
        let enters = |folder: &[u8], [mine, _]: [bool; 2]| {
            let mut below = files.range::<[u8], _>((std::ops::Bound::Included(folder), std::ops::Bound::Unbounded));
            mine && below.next().is_some_and(|(path, _)| path.starts_with(folder))
        };
        TreeComparison { enters: &enters, each: &mut each }.run(&mut self.objects, Some(tree), other)?;
        Ok(found)
    }

    fn node(&mut self, id: Oid) -> Result<CommitNode, GitError> {
        if let Some(node) = self.nodes.get(&id) {
            return Ok(node.clone());
        }
        let commit = self.repo.repository.find_commit(id)?;
        self.objects.read.commits += 1;
        let node = CommitNode {
            time: commit.time().seconds(),
            tree: commit.tree_id(),
            parents: commit.parent_ids().collect(),
        };
        self.nodes.insert(id, node.clone());
        Ok(node)
    }
}

impl ParentFile {
    fn of(mine: TreeEntry, theirs: Option<TreeEntry>) -> ParentFile {
        match theirs {
            None => ParentFile::Absent,
            Some(theirs) if theirs.kind == mine.kind => ParentFile::File(None, theirs.id),
            Some(_) => ParentFile::Other,
        }
    }
}

/// Takes the lines out that an older text has as well, with their numbers there.
fn pass_unchanged(
    older: &[u8],
    newer: &[u8],
    places: &mut Vec<OpenLine>,
    kept: &mut Vec<OpenLine>,
) -> Result<(), GitError> {
    // As `git blame` compares texts.
    let mut options = DiffOptions::new();
    options.context_lines(0).interhunk_lines(0).indent_heuristic(true).force_text(true);
    let (older, newer) = without_common_end(older, newer);
    let patch = Patch::from_buffers(older, None, newer, None, Some(&mut options))?;
    let mut hunks = Vec::with_capacity(patch.num_hunks());
    for n in 0..patch.num_hunks() {
        let (hunk, _) = patch.hunk(n)?;
        // Of a hunk without new lines, git names the line before it.
        let first = hunk.new_start() + u32::from(hunk.new_lines() == 0);
        hunks.push((first, hunk.new_lines(), i64::from(hunk.old_lines()) - i64::from(hunk.new_lines())));
    }
    places.sort_unstable_by_key(|place| place.line);
    let (mut next, mut moved) = (0, 0_i64);
    places.retain(|place| {
        while let Some((first, count, by)) = hunks.get(next)
            && first + count <= place.line
        {
            moved += by;
            next += 1;
        }
        if hunks.get(next).is_some_and(|(first, ..)| *first <= place.line) {
            return true;
        }
        let line = u32::try_from(i64::from(place.line) + moved).unwrap_or_default();
        kept.push(OpenLine { line, ..*place });
        false
    });
    Ok(())
}

/// Two texts without an end that is the same in both, in blocks and up to the end of a line, as git leaves it out before it
/// compares them.
fn without_common_end<'t>(a: &'t [u8], b: &'t [u8]) -> (&'t [u8], &'t [u8]) {
    const BLOCK: usize = 1024;
    let mut cut = 0;
    while cut + BLOCK <= a.len().min(b.len())
        && a[a.len() - cut - BLOCK..a.len() - cut] == b[b.len() - cut - BLOCK..b.len() - cut]
    {
        cut += BLOCK;
    }
    let end = &a[a.len() - cut..];
    let kept = memchr::memchr(b'\n', end).map_or(cut, |at| at + 1);
    (&a[..a.len() - cut + kept], &b[..b.len() - cut + kept])
}

/// How many lines a text has.
fn lines(text: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', text).count() + usize::from(text.last().is_some_and(|byte| *byte != b'\n'))
}

#[cfg(test)]
#[path = "blame_tests.rs"]
mod tests;
