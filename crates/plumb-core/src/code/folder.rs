//! Where trees of code are kept, and what stands beside them.
//!
//! ```text
//! ROOT/.plumb/PROJECT/TARGET/code/HASH/src/load.py       the tree
//! ROOT/.plumb/PROJECT/TARGET/code/HASH/.plumb-READERS    written last: the tree is whole, and READERS may read it
//! ROOT/.plumb/PROJECT/TARGET/code/HASH.unused-2026-12-01 nothing names it since that day
//! ```
//!
//! All of it is told by names, so one listing of a folder says it.

use super::CodeReader;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// How many hex digits name a tree.
pub const HASH_DIGITS: usize = 32;

/// The folder of one project and target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodeFolder {
    /// Without a slash at the end: `/Workspace/Shared/.plumb/PROJECT/TARGET/code`.
    path: String,
}

/// A place in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreePlace<'p> {
    pub hash: &'p str,
    /// The path in the tree, as the workspace has it.
    pub rest: &'p str,
}

impl CodeFolder {
    /// Where it is unless `databricks.code` says otherwise.
    pub const DEFAULT: &'static str = "/Workspace/Shared";

    /// The folder below `root`, which is `databricks.code` of the target.
    pub fn new(root: Option<&str>, project: &str, target: &str) -> CodeFolder {
        let root = root.unwrap_or(CodeFolder::DEFAULT).trim_end_matches('/');
        CodeFolder { path: format!("{root}/.plumb/{project}/{target}/code") }
    }

    /// What `databricks.code` names, as the workspace has it. The error says what it should be.
    pub fn root(written: &str) -> Result<String, &'static str> {
        let parts: Vec<&str> = written.trim_end_matches('/').split('/').collect();
        let is_path = |parts: &[&str]| parts.iter().all(|part| !matches!(*part, "" | "." | "..")) && !parts.is_empty();
        match parts.as_slice() {
            ["", "Volumes", rest @ ..] if is_path(rest) && rest.len() >= 3 => Ok(parts.join("/")),
            ["", "Volumes", ..] => Err("a volume is `/Volumes/CATALOG/SCHEMA/VOLUME`, and perhaps folders in it"),
            ["", "Workspace", "Repos", ..] | ["", "Repos", ..] => {
                Err("git folders hold what git has: take another folder")
            }
            ["", "Workspace", rest @ ..] if is_path(rest) => Ok(parts.join("/")),
            ["", "Users" | "Shared", rest @ ..] if rest.is_empty() || is_path(rest) => {
                Ok(format!("/Workspace{}", parts.join("/")))
            }
            _ => Err(
                "expected a folder of the workspace (`/Workspace/…`) or a volume (`/Volumes/CATALOG/SCHEMA/VOLUME`)",
            ),
        }
    }

    /// Without a slash at the end.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether it is in a volume: it is then reached through the Files API, and keeps no notebooks.
    pub fn is_volume(&self) -> bool {
        self.path.starts_with("/Volumes/")
    }

    /// The path of a tree.
    pub fn tree(&self, hash: &str) -> String {
        format!("{}/{hash}", self.path)
    }

    /// The path of a file of a tree.
    pub fn file(&self, hash: &str, rest: &str) -> String {
        format!("{}/{hash}/{rest}", self.path)
    }

    /// What a path names in this folder, if it is the path of a tree or of something in it.
    pub fn place<'p>(&self, path: &'p str) -> Option<TreePlace<'p>> {
        let rest = path.strip_prefix(&self.path)?.strip_prefix('/')?;
        let (hash, rest) = rest.split_once('/').unwrap_or((rest, ""));
        is_hash(hash).then_some(TreePlace { hash, rest })
    }

    /// The trees that a text names anywhere: that of a live object.
    pub fn named_in(&self, text: &str) -> BTreeSet<String> {
        // A workspace shows its own folder with and without `/Workspace`.
        let path = self.path.strip_prefix("/Workspace").unwrap_or(&self.path);
        let found = text.match_indices(path).filter_map(|(at, _)| {
            let rest = text[at + path.len()..].strip_prefix('/')?;
            rest.get(..HASH_DIGITS).filter(|hash| is_hash(hash))
        });
        found.map(str::to_owned).collect()
    }

    /// The name of the file of a tree that is written last, for those who have to be able to read it.
    pub fn marker(readers: &BTreeSet<CodeReader>) -> String {
        let mut hash = Sha256::new();
        for reader in readers {
            let (letter, name) = match reader {
                CodeReader::User(name) => ("u", name),
                CodeReader::ServicePrincipal(name) => ("s", name),
            };
            hash.update(format!("{letter}{name}\n"));
        }
        let digits: String = hash.finalize().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        format!(".plumb-{digits}")
    }

    /// Whether a file of a tree is plumb's own.
    pub fn is_marker(name: &str) -> bool {
        name.strip_prefix(".plumb-").is_some_and(|digits| digits.len() == 8 && is_hex(digits))
    }

    /// The path of the note that nothing names a tree since a day.
    pub fn unused(&self, hash: &str, day: jiff::civil::Date) -> String {
        format!("{}/{hash}.unused-{day}", self.path)
    }

    /// What such a note's name says.
    pub fn read_unused(name: &str) -> Option<(&str, jiff::civil::Date)> {
        let (hash, day) = name.split_once(".unused-")?;
        Some((hash, day.parse().ok()?)).filter(|(hash, _)| is_hash(hash))
    }
}

/// The same path of a workspace whether or not it is written with `/Workspace`.
pub fn bare_path(path: &str) -> &str {
    path.strip_prefix("/Workspace").filter(|rest| rest.starts_with('/')).unwrap_or(path)
}

/// Whether a text can be the name of a tree.
pub fn is_hash(text: &str) -> bool {
    text.len() == HASH_DIGITS && is_hex(text)
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}
