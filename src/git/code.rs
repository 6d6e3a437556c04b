//! The code that a commit has, and what git says of files of the working tree.

use super::tree::{FILES, LINK, TREE};
use super::{CommitFiles, GitError, Repo};
use git2::Oid;
use plumb_core::code::{FoundCode, FoundCodeKind};
use std::collections::VecDeque;
use std::path::Path;

/// How many links are followed on the way to one file.
const MOST_LINKS: usize = 40;

/// What stands at a path of a commit, its links followed.
enum FollowedPath {
    /// A folder, and the way to it.
    Folder(Vec<String>, Oid),
    /// A file or a submodule, by its mode, and the way to it.
    Entry(Vec<String>, i32, Oid),
    /// Nothing; whether a link led there.
    Nothing(bool),
    Outside,
}

impl CommitFiles<'_> {
    fn follow(&self, path: &str) -> Result<FollowedPath, GitError> {
        let parts = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
        let mut left: VecDeque<String> = parts(path).into();
        let top = self.tree()?.id();
        let mut way: Vec<(String, Oid)> = Vec::new();
        let mut links = 0;
        let names = |way: Vec<(String, Oid)>| way.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        while let Some(part) = left.pop_front() {
            match part.as_str() {
                "" | "." => continue,
                ".." if way.pop().is_none() => return Ok(FollowedPath::Outside),
                ".." => continue,
                _ => {}
            }
            let folder = self.repo.repository.find_tree(way.last().map_or(top, |(_, id)| *id))?;
            let Some(entry) = folder.get_name(&part) else { return Ok(FollowedPath::Nothing(links > 0)) };
            match entry.filemode() {
                TREE => way.push((part, entry.id())),
                LINK => {
                    links += 1;
                    let blob = self.repo.repository.find_blob(entry.id())?;
                    let Ok(target) = std::str::from_utf8(blob.content()) else {
                        return Ok(FollowedPath::Nothing(true));
                    };
                    if target.starts_with('/') {
                        return Ok(FollowedPath::Outside);
                    }
                    if links > MOST_LINKS {
                        return Ok(FollowedPath::Nothing(true));
                    }
                    parts(target).into_iter().rev().for_each(|part| left.push_front(part));
                }
                _ if left.iter().any(|part| !part.is_empty()) => return Ok(FollowedPath::Nothing(links > 0)),
                mode => {
                    let id = entry.id();
                    let mut way = names(way);
                    way.push(part);
                    return Ok(FollowedPath::Entry(way, mode, id));
                }
            }
        }
        let id = way.last().map_or(top, |(_, id)| *id);
        Ok(FollowedPath::Folder(names(way), id))
    }

    /// See [`plumb_core::manifest::ManifestSource::code_at`]. Nothing of a commit is ignored: git has it.
    pub(super) fn found_code(&self, path: &str) -> Result<FoundCode, GitError> {
        let (kind, bytes, way) = match self.follow(path)? {
            FollowedPath::Outside => (FoundCodeKind::OUTSIDE, 0, None),
            FollowedPath::Nothing(true) => (FoundCodeKind::BROKEN, 0, None),
            FollowedPath::Nothing(false) => (FoundCodeKind::Nothing, 0, None),
            FollowedPath::Folder(way, _) => (FoundCodeKind::Folder, 0, Some(way)),
            FollowedPath::Entry(way, mode, id) if FILES.contains(&mode) => {
                (FoundCodeKind::File, self.repo.repository.odb()?.read_header(id)?.0 as u64, Some(way))
            }
            FollowedPath::Entry(way, ..) => (FoundCodeKind::SPECIAL, 0, Some(way)),
        };
        let kind = match &way {
            Some(way) if way.iter().any(|part| part.starts_with('.')) => FoundCodeKind::HIDDEN,
            _ => kind,
        };
        let real = way.map(|way| way.join("/")).filter(|real| real != path);
        Ok(FoundCode { path: path.to_owned(), kind, bytes, is_ignored: false, leads_to: real })
    }

    /// See [`plumb_core::manifest::ManifestSource::code_names`]. Names that are not UTF-8 are nobody's to write.
    pub(super) fn names_of_code(&self, folder: &str) -> Result<Vec<String>, GitError> {
        let FollowedPath::Folder(_, id) = self.follow(folder)? else { return Ok(Vec::new()) };
        let tree = self.repo.repository.find_tree(id)?;
        let name = |entry: git2::TreeEntry<'_>| {
            let name = entry.name().ok()?;
            Some(if entry.filemode() == TREE { format!("{name}/") } else { name.to_owned() })
        };
        let mut names: Vec<String> = tree.iter().filter_map(name).collect();
        names.sort();
        Ok(names)
    }

    /// The bytes of a file; `None` when there is none that may be read.
    pub(super) fn code_bytes(&self, path: &str) -> Result<Option<Vec<u8>>, GitError> {
        match self.follow(path)? {
            FollowedPath::Entry(way, mode, id)
                if FILES.contains(&mode) && !way.iter().any(|part| part.starts_with('.')) =>
            {
                Ok(Some(self.repo.repository.find_blob(id)?.content().to_vec()))
            }
            _ => Ok(None),
        }
    }
}

impl Repo {
    /// The top of the working tree, without symbolic links.
    pub fn top(&self) -> &Path {
        &self.top
    }

    /// Whether git ignores a path from the top of the repository, and has nothing of it.
    pub fn is_ignored(&self, path: &str) -> Result<bool, GitError> {
        if path.is_empty() || !self.repository.is_path_ignored(path)? {
            return Ok(false);
        }
        let index = self.repository.index()?;
        let is_tracked = index.get_path(Path::new(path), 0).is_some() || index.find_prefix(format!("{path}/")).is_ok();
        Ok(!is_tracked)
    }
}
