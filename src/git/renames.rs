//! Under which name a commit's parent has a file that is new in the commit. As `git blame` finds it: each new file for itself,
//! among all files that the commit deletes.

use super::GitError;
use super::changes::{TreeComparison, TreeEntry, TreeEntryKind};
use super::objects::Objects;
use git2::Oid;
use std::collections::HashMap;
use std::rc::Rc;

/// The score of two files that are the same.
const SAME: u64 = 60_000;
/// The least score of a file that was renamed and edited.
const LEAST: u64 = SAME / 2;
/// The least score of the only two files of a name, before others are looked at.
const LEAST_OF_NAME: u64 = LEAST + (SAME - LEAST) / 2;
/// How many equal files are looked at for one that has the name as well.
const MOST_EQUAL: usize = 100;
/// How many pairs of files are compared in one commit: git's `diff.renameLimit`, squared.
const MOST_PAIRS: usize = 1_000_000;
/// As many candidates git keeps of a new file.
const CANDIDATES: usize = 4;

/// A file that a commit deletes.
pub(super) struct DeletedFile {
    pub path: Vec<u8>,
    pub id: Oid,
}

/// The files that a commit deletes, and how similar they are to those that it adds.
pub(super) struct Renames {
    deleted: Vec<DeletedFile>,
    by_id: HashMap<Oid, Vec<usize>>,
    /// The only file of a name; `None` where there are more.
    by_name: HashMap<Vec<u8>, Option<usize>>,
    chunks: HashMap<Oid, Rc<Chunks>>,
    sizes: HashMap<Oid, u64>,
    pairs: usize,
}

/// How many bytes a file has of each chunk: a line, or 64 bytes of one.
struct Chunks {
    bytes: u64,
    counts: Vec<(u32, u64)>,
}

impl Renames {
    /// Of a commit's tree and of its parent's.
    pub fn new(objects: &mut Objects<'_>, tree: Oid, parent: Oid) -> Result<Renames, GitError> {
        let mut deleted = Vec::new();
        let mut each = |path: &[u8], mine: Option<TreeEntry>, theirs: Option<TreeEntry>| {
            if let (None, Some(TreeEntry { kind: TreeEntryKind::File, id })) = (mine, theirs) {
                deleted.push(DeletedFile { path: path.to_vec(), id });
            }
        };
        // What only the commit has was not deleted.
        let enters = |_: &[u8], [_, theirs]: [bool; 2]| theirs;
        TreeComparison { enters: &enters, each: &mut each }.run(objects, Some(tree), Some(parent))?;
        let mut by_id: HashMap<Oid, Vec<usize>> = HashMap::new();
        let mut by_name: HashMap<Vec<u8>, Option<usize>> = HashMap::new();
        for (n, file) in deleted.iter().enumerate() {
            by_id.entry(file.id).or_default().push(n);
            by_name.entry(name(&file.path).to_vec()).and_modify(|only| *only = None).or_insert(Some(n));
        }
        Ok(Renames { deleted, by_id, by_name, chunks: HashMap::new(), sizes: HashMap::new(), pairs: 0 })
    }

    /// The deleted file that a new one was; `None` when it was none.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn of(&mut self, objects: &mut Objects<'_>, path: &[u8], id: Oid) -> Result<Option<&DeletedFile>, GitError> {
        if let Some(equal) = self.by_id.get(&id) {
            let mut equal = equal.iter().take(MOST_EQUAL);
            let of_name = equal.clone().find(|n| name(&self.deleted[**n].path) == name(path));
            return Ok(of_name.or_else(|| equal.next()).map(|n| &self.deleted[*n]));
        }
        if let Some(Some(only)) = self.by_name.get(name(path)).copied()
            && self.score(objects, only, id, LEAST_OF_NAME)? >= LEAST_OF_NAME
        {
            return Ok(Some(&self.deleted[only]));
        }
        // The best, and of equally good ones which git would take.
        let mut best: Vec<(u64, bool, usize)> = Vec::new();
        for n in 0..self.deleted.len() {
            if self.pairs >= MOST_PAIRS {
                break;
            }
            let score = self.score(objects, n, id, LEAST)?;
            let found = (score, name(&self.deleted[n].path) == name(path), n);
            if best.len() < CANDIDATES {
                best.push(found);
                continue;
            }
            let worst = (1..CANDIDATES).fold(0, |worst, one| {
                if (best[one].0, best[one].1) < (best[worst].0, best[worst].1) { one } else { worst }
            });
            if (found.0, found.1) > (best[worst].0, best[worst].1) {
                best[worst] = found;
            }
        }
        let first = best.into_iter().reduce(|a, b| if (b.0, b.1) > (a.0, a.1) { b } else { a });
        Ok(first.filter(|(score, ..)| *score >= LEAST).map(|(_, _, n)| &self.deleted[n]))
    }

    /// How much of two files is the same, of 60,000; 0 where it is surely less than `least`.
    fn score(&mut self, objects: &mut Objects<'_>, old: usize, new: Oid, least: u64) -> Result<u64, GitError> {
        self.pairs += 1;
        let old = self.deleted[old].id;
        let (a, b) = (self.size(objects, old)?, self.size(objects, new)?);
        let (small, large) = (a.min(b), a.max(b));
        if large * (SAME - least) < (large - small) * SAME || large == 0 {
            return Ok(0);
        }
        let (a, b) = (self.chunks(objects, old)?, self.chunks(objects, new)?);
        Ok(a.common(&b) * SAME / a.bytes.max(b.bytes).max(1))
    }

    fn size(&mut self, objects: &Objects<'_>, id: Oid) -> Result<u64, GitError> {
        if let Some(known) = self.sizes.get(&id) {
            return Ok(*known);
        }
        let size = objects.size(id)? as u64;
        self.sizes.insert(id, size);
        Ok(size)
    }

    fn chunks(&mut self, objects: &mut Objects<'_>, id: Oid) -> Result<Rc<Chunks>, GitError> {
        if let Some(known) = self.chunks.get(&id) {
            return Ok(known.clone());
        }
        let chunks = Rc::new(Chunks::of(objects.file(id)?.data()));
        self.chunks.insert(id, chunks.clone());
        Ok(chunks)
    }
}

impl Chunks {
    /// As git counts them (`diffcore-delta.c`).
    fn of(text: &[u8]) -> Chunks {
        let is_text = !text[..text.len().min(8_000)].contains(&0);
        let mut chunks: HashMap<u32, u64> = HashMap::new();
        let (mut low, mut high, mut bytes) = (0_u32, 0_u32, 0_u64);
        let hash = |low: u32, high: u32| low.wrapping_add(high.wrapping_mul(0x61)) % 107_927;
        for (n, byte) in text.iter().enumerate() {
            if is_text && *byte == b'\r' && text.get(n + 1) == Some(&b'\n') {
                continue;
            }
            let was = low;
            low = (low << 7) ^ (high >> 25);
            high = (high << 7) ^ (was >> 25);
            low = low.wrapping_add(u32::from(*byte));
            bytes += 1;
            if bytes == 64 || *byte == b'\n' {
                *chunks.entry(hash(low, high)).or_default() += bytes;
                (low, high, bytes) = (0, 0, 0);
            }
        }
        if bytes > 0 {
            *chunks.entry(hash(low, high)).or_default() += bytes;
        }
        let mut counts: Vec<(u32, u64)> = chunks.into_iter().collect();
        counts.sort_unstable();
        Chunks { bytes: text.len() as u64, counts }
    }

    /// The bytes that both have.
    fn common(&self, other: &Chunks) -> u64 {
        let (mut a, mut b, mut sum) = (self.counts.iter().peekable(), other.counts.iter().peekable(), 0);
        while let (Some(mine), Some(theirs)) = (a.peek(), b.peek()) {
            if mine.0 == theirs.0 {
                sum += mine.1.min(theirs.1);
                a.next();
                b.next();
            } else if mine.0 < theirs.0 {
                a.next();
            } else {
                b.next();
            }
        }
        sum
    }
}

/// A path without its folders.
fn name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}
