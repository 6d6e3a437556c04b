//! A tree of files and folders in memory, which DBFS and volumes share. Folders may be empty.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The files and folders of one store, by absolute paths. `/` is always there.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tree(BTreeMap<String, TreeEntry>);

/// A file, or a folder where there is no content.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TreeEntry {
    /// Base64.
    content: Option<String>,
    pub modified: i64,
}

impl TreeEntry {
    /// The bytes of a file; `None` for a folder.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        self.content.as_ref().map(|content| STANDARD.decode(content).unwrap_or_default())
    }

    /// Whether it is a folder.
    pub fn is_folder(&self) -> bool {
        self.content.is_none()
    }
}

/// A file stands where a folder would have to be, or the other way round.
#[derive(Debug, PartialEq, Eq)]
pub struct InTheWay(pub String);

/// One slash where there are several, none at the end.
pub fn clean(path: &str) -> String {
    let segments: Vec<&str> = path.split('/').filter(|s| !s.is_empty()).collect();
    format!("/{}", segments.join("/"))
}

fn parent(path: &str) -> &str {
    match path.rfind('/') {
        Some(0) | None => "/",
        Some(at) => &path[..at],
    }
}

impl Tree {
    /// What is at a path.
    pub fn get(&self, path: &str) -> Option<TreeEntry> {
        match path {
            "/" => Some(TreeEntry { content: None, modified: 0 }),
            path => self.0.get(path).cloned(),
        }
    }

    /// Makes a folder, and those above it.
    pub fn make_folder(&mut self, path: &str, now: i64) -> Result<(), InTheWay> {
        let mut at = path;
        let mut missing = Vec::new();
        while at != "/" {
            match self.0.get(at) {
                Some(entry) if entry.is_folder() => break,
                Some(_) => return Err(InTheWay(at.to_owned())),
                None => missing.push(at.to_owned()),
            }
            at = parent(at);
        }
        self.0.extend(missing.into_iter().map(|path| (path, TreeEntry { content: None, modified: now })));
        Ok(())
    }

    /// Writes a file, and makes the folders above it.
    pub fn write(&mut self, path: &str, bytes: &[u8], now: i64) -> Result<(), InTheWay> {
        if self.get(path).is_some_and(|entry| entry.is_folder()) {
            return Err(InTheWay(path.to_owned()));
        }
        self.make_folder(parent(path), now)?;
        self.0.insert(path.to_owned(), TreeEntry { content: Some(STANDARD.encode(bytes)), modified: now });
        Ok(())
    }

    /// What is directly in a folder, with absolute paths.
    pub fn inside(&self, path: &str) -> Vec<(&str, &TreeEntry)> {
        let below = if path == "/" { "/".to_owned() } else { format!("{path}/") };
        let all = self.0.range(below.clone()..).take_while(|(p, _)| p.starts_with(&below));
        all.filter(|(p, _)| !p[below.len()..].contains('/')).map(|(p, e)| (p.as_str(), e)).collect()
    }

    /// Everything below a folder, given with a slash at its end, with absolute paths.
    pub fn below<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = (&'a str, &'a TreeEntry)> {
        let all = self.0.range(folder.to_owned()..).take_while(move |(path, _)| path.starts_with(folder));
        all.map(|(path, entry)| (path.as_str(), entry))
    }

    /// Removes a file, or a folder with all that is in it.
    pub fn remove(&mut self, path: &str) {
        let below = format!("{path}/");
        self.0.retain(|p, _| p != path && !p.starts_with(&below));
    }

    /// Moves a file or a folder. Nothing may be at the new path.
    pub fn rename(&mut self, from: &str, to: &str, now: i64) -> Result<(), InTheWay> {
        self.make_folder(parent(to), now)?;
        let below = format!("{from}/");
        let (moved, kept) =
            std::mem::take(&mut self.0).into_iter().partition(|(p, _)| p == from || p.starts_with(&below));
        let moved: BTreeMap<String, TreeEntry> = moved;
        self.0 = kept;
        self.0.extend(moved.into_iter().map(|(p, entry)| (format!("{to}{}", &p[from.len()..]), entry)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_hold_files_and_files_hold_nothing() {
        let mut tree = Tree::default();
        tree.write("/a/b/c", b"1", 7).unwrap();
        tree.write("/a/d", b"", 8).unwrap();
        let names =
            |tree: &Tree, path: &str| tree.inside(path).into_iter().map(|(p, _)| p.to_owned()).collect::<Vec<_>>();
        assert_eq!(names(&tree, "/"), ["/a"]);
        assert_eq!(names(&tree, "/a"), ["/a/b", "/a/d"]);
        assert_eq!(tree.write("/a/d/e", b"", 9), Err(InTheWay("/a/d".to_owned())));
        assert_eq!(tree.write("/a/b", b"", 9), Err(InTheWay("/a/b".to_owned())));
        tree.rename("/a/b", "/x/y", 10).unwrap();
        assert_eq!(tree.get("/x/y/c").unwrap().bytes().unwrap(), b"1");
        tree.remove("/a");
        assert_eq!((names(&tree, "/"), clean("//x//y/")), (vec!["/x".to_owned()], "/x/y".to_owned()));
    }
}
