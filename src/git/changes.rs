//! What is different between two trees, told without looking at what is the same.

use super::objects::Objects;
use super::{GitError, MOST_ENTRIES};
use git2::Oid;
use std::cmp::Ordering;

/// The deepest folder that is looked into.
const DEEPEST: usize = 500;

/// What a tree has under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TreeEntry {
    pub kind: TreeEntryKind,
    pub id: Oid,
}

/// What an entry of a tree is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TreeEntryKind {
    Folder,
    /// A regular file; that it may be run is no difference.
    File,
    Link,
    Submodule,
}

/// An entry as it is written: `MODE NAME\0ID`.
struct WrittenEntry<'t> {
    name: &'t [u8],
    entry: TreeEntry,
    /// Its bytes, all of them.
    bytes: usize,
}

/// Hears of a path, and what either side has there.
pub(super) type HearsOfEach<'a> = &'a mut dyn FnMut(&[u8], Option<TreeEntry>, Option<TreeEntry>);

/// Two trees that are compared.
pub(super) struct TreeComparison<'a> {
    /// Whether differences below a folder matter, by its path with `/` at the end. With it, whether each side has the folder.
    pub enters: &'a dyn Fn(&[u8], [bool; 2]) -> bool,
    /// Hears of each difference that is no folder.
    pub each: HearsOfEach<'a>,
}

impl TreeComparison<'_> {
    /// Compares two trees.
    ///
    /// # Errors
    /// One cannot be read, or too much of the other is different.
    pub fn run(mut self, objects: &mut Objects<'_>, one: Option<Oid>, other: Option<Oid>) -> Result<(), GitError> {
        let mut entries = 0;
        self.trees(objects, one, other, &mut Vec::new(), 0, &mut entries)
    }

    fn trees(
        &mut self,
        objects: &mut Objects<'_>,
        one: Option<Oid>,
        other: Option<Oid>,
        path: &mut Vec<u8>,
        depth: usize,
        entries: &mut usize,
    ) -> Result<(), GitError> {
        if one == other {
            return Ok(());
        }
        if depth > DEEPEST {
            return Err(too_much(path));
        }
        let one = one.map(|id| objects.tree(id)).transpose()?;
        let other = other.map(|id| objects.tree(id)).transpose()?;
        let mut left: &[u8] = one.as_deref().map_or(&[], |tree| tree.data());
        let mut right: &[u8] = other.as_deref().map_or(&[], |tree| tree.data());
        while !left.is_empty() || !right.is_empty() {
            let same = same(left, right);
            (left, right) = (&left[same..], &right[same..]);
            let (mine, theirs) = (next(left)?, next(right)?);
            let order = match (&mine, &theirs) {
                (Some(mine), Some(theirs)) => mine.order(theirs),
                (Some(_), None) => Ordering::Less,
                (None, _) => Ordering::Greater,
            };
            let mine = mine.filter(|_| order != Ordering::Greater);
            let theirs = theirs.filter(|_| order != Ordering::Less);
            left = &left[mine.as_ref().map_or(0, |written| written.bytes)..];
            right = &right[theirs.as_ref().map_or(0, |written| written.bytes)..];
            let Some(name) = mine.as_ref().or(theirs.as_ref()).map(|written| written.name) else { continue };
            let (mine, theirs) = (mine.map(|written| written.entry), theirs.map(|written| written.entry));
            if mine == theirs {
                continue;
            }
            // A tree may name the same subtree ten times on ten levels.
            *entries += usize::from(theirs.is_some());
            if *entries > MOST_ENTRIES {
                return Err(too_much(path));
            }
            let length = path.len();
            path.extend_from_slice(name);
            let folder = |entry: Option<TreeEntry>| entry.filter(|e| e.kind == TreeEntryKind::Folder).map(|e| e.id);
            let (mine_below, theirs_below) = (folder(mine), folder(theirs));
            if mine_below.is_some() || theirs_below.is_some() {
                path.push(b'/');
                if (self.enters)(path, [mine_below.is_some(), theirs_below.is_some()]) {
                    self.trees(objects, mine_below, theirs_below, path, depth + 1, entries)?;
                }
            } else {
                (self.each)(path, mine, theirs);
            }
            path.truncate(length);
        }
        Ok(())
    }
}

impl WrittenEntry<'_> {
    /// git's order of a tree: by bytes, a folder as if `/` were at its end.
    fn order(&self, other: &WrittenEntry<'_>) -> Ordering {
        let common = self.name.len().min(other.name.len());
        let end = |one: &WrittenEntry<'_>| match one.name.get(common) {
            Some(byte) => *byte,
            None if one.entry.kind == TreeEntryKind::Folder => b'/',
            None => 0,
        };
        self.name[..common].cmp(&other.name[..common]).then_with(|| end(self).cmp(&end(other)))
    }
}

fn too_much(path: &[u8]) -> GitError {
    GitError::Other(format!("`{}` has too many files", String::from_utf8_lossy(path)))
}

/// How many bytes of entries two trees have alike, from where they are on.
fn same(left: &[u8], right: &[u8]) -> usize {
    let mut done = 0;
    // A name is followed by the 20 bytes of an id, which may have any byte.
    while let Some(end) = memchr::memchr(0, &left[done..]).map(|end| done + end + 21)
        && let (Some(mine), Some(theirs)) = (left.get(done..end), right.get(done..end))
        && mine == theirs
    {
        done = end;
    }
    done
}

/// The first entry of what is left of a tree.
fn next(bytes: &[u8]) -> Result<Option<WrittenEntry<'_>>, GitError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let broken = || GitError::Other("a tree is damaged".to_owned());
    let space = bytes.iter().take(8).position(|byte| *byte == b' ').ok_or_else(broken)?;
    let kind = match &bytes[..space] {
        b"40000" | b"040000" => TreeEntryKind::Folder,
        b"120000" => TreeEntryKind::Link,
        b"160000" => TreeEntryKind::Submodule,
        _ => TreeEntryKind::File,
    };
    let end = memchr::memchr(0, &bytes[space..]).ok_or_else(broken)? + space;
    let id = bytes.get(end + 1..end + 21).ok_or_else(broken)?;
    Ok(Some(WrittenEntry {
        name: &bytes[space + 1..end],
        entry: TreeEntry { kind, id: Oid::from_bytes(id)? },
        bytes: end + 21,
    }))
}
