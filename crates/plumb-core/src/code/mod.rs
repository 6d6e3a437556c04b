//! The code of jobs: files of the repository, as trees that are named by a hash of what is in them.
//!
//! A manifest names code by a path that begins with `./` or `../`. Loading turns it into the path of the same file in the
//! tree of that resource: `…/.plumb/PROJECT/TARGET/code/HASH/src/load.py`. So a tree never changes once it is there, a job is
//! pinned to what it was reviewed with, and whatever compares paths compares code.

mod archive;
mod diff;
mod folder;
mod found;
mod notebook;
mod stock;
mod tree;

pub use diff::{TextDifference, difference, first_new_line, line_count};
pub use folder::{CodeFolder, HASH_DIGITS, TreePlace, bare_path, is_hash};
pub use found::{CodeReading, FoundCode, FoundCodeKind, HashedCode, MOST_TEXT, hash_code, is_left_out};
pub use notebook::{MOST_BYTES_A_NOTEBOOK, header, notebook_endings, notebook_path};
pub use stock::{CodeStock, StoredTree, TreeState};
pub use tree::unfit_code_name;

use plumb_model::address::Address;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What the address of a change of code begins with: `Code/3f2a…`. No kind: nothing in a manifest is called so.
pub const CODE: &str = "Code";

/// The code that the manifests of one target name.
#[derive(Clone, Debug, Default)]
pub struct Code {
    /// Where trees are kept in this target.
    pub folder: CodeFolder,
    /// How many days a tree is kept that nothing names any more (`spec.code.keep`).
    pub keep_days: u32,
    /// Every tree, by its hash.
    pub trees: BTreeMap<String, CodeTree>,
    /// The resources that name code.
    pub users: BTreeMap<Address, CodeUser>,
}

impl CodeTree {
    /// How many bytes its files have.
    pub fn bytes(&self) -> u64 {
        self.files.values().map(|file| file.bytes).sum()
    }
}

impl CodeFile {
    /// It in a few words.
    pub fn summary(&self) -> CodeSummary {
        CodeSummary { hash: self.hash.clone(), bytes: self.bytes }
    }
}

impl CodeReader {
    /// The user name, or the application id.
    pub fn name(&self) -> &str {
        match self {
            CodeReader::User(name) | CodeReader::ServicePrincipal(name) => name,
        }
    }
}

impl Code {
    /// The tree that a resource names.
    pub fn of(&self, address: &Address) -> Option<&CodeTree> {
        self.trees.get(&self.users.get(address)?.hash)
    }

    /// The resources that name a tree.
    pub fn users_of<'c>(&'c self, hash: &'c str) -> impl Iterator<Item = (&'c Address, &'c CodeUser)> {
        self.users.iter().filter(move |(_, user)| user.hash == hash)
    }

    /// Who has to be able to read a tree, beside whoever applies.
    pub fn readers(&self, hash: &str) -> BTreeSet<CodeReader> {
        self.users_of(hash).filter_map(|(_, user)| user.reader.clone()).collect()
    }
}

/// A resource that names code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeUser {
    /// The tree's name.
    pub hash: String,
    /// As whom its runs read the code, where its manifest says it (`run_as`).
    pub reader: Option<CodeReader>,
}

/// Somebody who has to be able to read code.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CodeReader {
    /// By the user name.
    User(String),
    /// By the application id.
    ServicePrincipal(String),
}

/// Files that are kept together, and the hash that names them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CodeTree {
    /// [`HASH_DIGITS`] hex digits: of the paths, the forms and the hashes of its files.
    pub hash: String,
    /// By the path in the tree as the repository has it: `src/load.py`.
    pub files: BTreeMap<String, CodeFile>,
}

/// A file of a tree.
#[derive(Clone, Debug, PartialEq)]
pub struct CodeFile {
    pub form: CodeForm,
    /// 64 hex digits: of the bytes; of an archive, of the names and the bytes of its entries.
    pub hash: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// What is in it, where that is text and not much.
    pub text: Option<Arc<str>>,
    /// Where it is, as the source of the manifests calls it.
    pub place: String,
}

/// What a file becomes in a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CodeForm {
    /// What it is.
    File,
    /// A notebook, whose name there has no extension.
    Notebook(NotebookFormat),
    /// A wheel, a jar or another ZIP archive.
    Archive,
}

/// How a notebook is written, and in which language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NotebookFormat {
    Python,
    Sql,
    Scala,
    R,
    Jupyter,
}

/// Gives the bytes of code, to write them elsewhere.
pub trait CodeBytes: std::fmt::Debug + Send + Sync {
    /// The bytes of a file by [`CodeFile::place`]. The error says why there are none.
    fn bytes(&self, place: &str) -> Result<Vec<u8>, String>;
}

/// How the files of a resource differ from those of the tree that it used before.
#[derive(Clone, Debug, PartialEq, serde::Serialize, schemars::JsonSchema)]
pub struct CodeChange {
    /// The path in the tree: `src/load.py`.
    pub path: String,
    /// The file before; `None` when it is new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<CodeSummary>,
    /// The file after; `None` when it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<CodeSummary>,
    /// The difference of the texts as a unified diff without its header, where both texts are known and no secret is in them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
    /// How many lines are new, and how many are gone, where the texts are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<(usize, usize)>,
}

/// A file in a few words.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct CodeSummary {
    /// See [`CodeFile::hash`].
    pub hash: String,
    /// How many bytes it has.
    pub bytes: u64,
}

/// The tree of an object, or one that is written, in a few words.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct CodeOverview {
    /// Where it is kept: `/Workspace/Shared/.plumb/PROJECT/TARGET/code/HASH`.
    pub path: String,
    /// How many files it has.
    pub files: usize,
    /// How many bytes they have.
    pub bytes: u64,
    /// Of an upload: how many files are written. The others are there already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written: Option<usize>,
    /// Of an upload: the objects that run it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub used_by: Vec<Address>,
    /// Of an object that had other code: why it cannot be told how that differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
}

/// What is done to a tree of code, as data.
#[derive(Clone, Debug, PartialEq)]
pub struct CodeStep {
    pub hash: String,
    pub does: CodeAct,
}

/// What is done to a tree of code.
#[derive(Clone, Debug, PartialEq)]
pub enum CodeAct {
    /// It is brought to be whole, readable by these, and in use.
    Upload { tree: Arc<CodeTree>, readers: BTreeSet<CodeReader> },
    /// That it fell out of use is noted beside it, with the day.
    Retire { day: jiff::civil::Date },
    /// It is deleted, with what is noted beside it.
    Prune,
}
