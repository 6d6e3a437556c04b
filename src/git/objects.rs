//! Trees and files out of a repository's store, each read once while it is near.

use super::{GitError, LARGEST_FILE, short};
use git2::{ObjectType, Odb, OdbObject, Oid};
use std::collections::HashMap;
use std::rc::Rc;

/// The bytes that are kept, twice: what was asked for since, and what was before it.
const MOST_KEPT: usize = 16 << 20;

/// What was read out of the repository.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadObjects {
    pub commits: usize,
    pub trees: usize,
    pub files: usize,
}

/// The objects of a repository.
pub(super) struct Objects<'r> {
    odb: &'r Odb<'r>,
    kept: HashMap<Oid, Rc<OdbObject<'r>>>,
    before: HashMap<Oid, Rc<OdbObject<'r>>>,
    bytes: usize,
    pub read: ReadObjects,
}

impl<'r> Objects<'r> {
    pub fn new(odb: &'r Odb<'r>) -> Self {
        Objects { odb, kept: HashMap::new(), before: HashMap::new(), bytes: 0, read: ReadObjects::default() }
    }

    /// A tree, as git writes it.
    pub fn tree(&mut self, id: Oid) -> Result<Rc<OdbObject<'r>>, GitError> {
        self.get(id, ObjectType::Tree)
    }

    /// A file's text.
    pub fn file(&mut self, id: Oid) -> Result<Rc<OdbObject<'r>>, GitError> {
        if !self.kept.contains_key(&id) && !self.before.contains_key(&id) && self.size(id)? > LARGEST_FILE {
            return Err(GitError::Other(format!("the file {} is too large", short(id))));
        }
        self.get(id, ObjectType::Blob)
    }

    /// The bytes of a file.
    pub fn size(&self, id: Oid) -> Result<usize, GitError> {
        Ok(self.odb.read_header(id)?.0)
    }

    fn get(&mut self, id: Oid, kind: ObjectType) -> Result<Rc<OdbObject<'r>>, GitError> {
        if let Some(known) = self.kept.get(&id) {
            return Ok(known.clone());
        }
        let object = match self.before.remove(&id) {
            Some(known) => known,
            None => {
                let object = self.odb.read(id)?;
                if object.kind() != kind {
                    return Err(GitError::Other(format!("{} is not a {kind}", short(id))));
                }
                match kind {
                    ObjectType::Tree => self.read.trees += 1,
                    _ => self.read.files += 1,
                }
                Rc::new(object)
            }
        };
        if self.bytes > MOST_KEPT {
            self.before = std::mem::take(&mut self.kept);
            self.bytes = 0;
        }
        self.bytes += object.len();
        self.kept.insert(id, object.clone());
        Ok(object)
    }
}
