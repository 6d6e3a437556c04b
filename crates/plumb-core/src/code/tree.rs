//! Trees: the hash that names one, and what a workspace can hold of it.

use super::{CodeFile, CodeForm, CodeTree, HASH_DIGITS, NotebookFormat, found::hex, notebook_path};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

impl CodeForm {
    /// What stands in a tree's hash, and in its index. Never changed: every tree would have another hash.
    pub fn label(self) -> &'static str {
        match self {
            CodeForm::File => "file",
            CodeForm::Archive => "archive",
            CodeForm::Notebook(NotebookFormat::Python) => "notebook.python",
            CodeForm::Notebook(NotebookFormat::Sql) => "notebook.sql",
            CodeForm::Notebook(NotebookFormat::Scala) => "notebook.scala",
            CodeForm::Notebook(NotebookFormat::R) => "notebook.r",
            CodeForm::Notebook(NotebookFormat::Jupyter) => "notebook.jupyter",
        }
    }

    /// The path in a tree, as a workspace has it, of a file of this form that the repository has at `path`.
    pub fn stored(self, path: &str) -> &str {
        if matches!(self, CodeForm::Notebook(_)) { notebook_path(path) } else { path }
    }
}

impl CodeTree {
    /// The tree of these files.
    pub fn of(files: BTreeMap<String, CodeFile>) -> CodeTree {
        let mut hash = Sha256::new();
        hash.update("plumb.code/v1\n");
        for (path, file) in &files {
            hash.update(format!("{path}\0{}\0{}\n", file.form.label(), file.hash));
        }
        let mut hash = hex(&hash.finalize());
        hash.truncate(HASH_DIGITS);
        CodeTree { hash, files }
    }

    /// The first two files that would be at one path, or one of which would be a folder to the other.
    pub fn collision(&self) -> Option<(&str, &str)> {
        let mut taken: BTreeMap<&str, &str> = BTreeMap::new();
        for (path, file) in &self.files {
            if let Some(other) = taken.insert(file.form.stored(path), path) {
                return Some((other, path));
            }
        }
        for path in self.files.keys() {
            let folders = path.match_indices('/').map(|(end, _)| &path[..end]);
            if let Some(other) = folders.into_iter().find_map(|folder| taken.get(folder)) {
                return Some((other, path));
            }
        }
        None
    }
}

/// Why a workspace would not take a file or a folder of that name; `None` when it would.
///
/// Names are at most 255 bytes on the file systems that the workspace shows its files on, and what does not show cannot be
/// named in a manifest again.
pub fn unfit_code_name(name: &str) -> Option<&'static str> {
    if name.len() > 255 {
        Some("is longer than 255 bytes")
    } else if name.chars().any(|c| c.is_control() || plumb_model::yaml::is_hidden(c)) {
        Some("has a character that does not show")
    } else if name.contains('\\') {
        Some("has a `\\` in it")
    } else if name.trim() != name {
        Some("begins or ends with a space")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, CodeForm, &str)]) -> CodeTree {
        let file = |form, hash: &str| CodeFile { form, hash: hash.into(), bytes: 1, text: None, place: String::new() };
        CodeTree::of(files.iter().map(|(path, form, hash)| ((*path).to_owned(), file(*form, hash))).collect())
    }

    const NOTEBOOK: CodeForm = CodeForm::Notebook(NotebookFormat::Python);

    #[test]
    fn a_hash_is_of_paths_forms_and_bytes() {
        let (file, zip) = (CodeForm::File, CodeForm::Archive);
        let first = tree(&[("a.py", file, "1"), ("b.py", file, "2")]);
        assert_eq!(first.hash.len(), HASH_DIGITS);
        assert_eq!(tree(&[("b.py", file, "2"), ("a.py", file, "1")]).hash, first.hash);
        for other in [
            [("a.py", file, "1"), ("b.py", file, "3")],
            [("a.py", file, "2"), ("b.py", file, "1")],
            [("a.py", file, "1"), ("c.py", file, "2")],
            [("a.py", file, "1"), ("b.py", NOTEBOOK, "2")],
            [("a.py", file, "1"), ("b.py", zip, "2")],
        ] {
            assert_ne!(tree(&other).hash, first.hash, "{other:?}");
        }
        assert_ne!(tree(&[("a.py", file, "1")]).hash, first.hash);
    }

    #[test]
    fn two_files_at_one_path_are_found() {
        let file = CodeForm::File;
        assert_eq!(tree(&[("s/etl.py", NOTEBOOK, "1"), ("s/etl", file, "2")]).collision(), Some(("s/etl", "s/etl.py")));
        assert_eq!(
            tree(&[("etl.py", NOTEBOOK, "1"), ("etl/a.py", file, "2")]).collision(),
            Some(("etl.py", "etl/a.py"))
        );
        let sql = CodeForm::Notebook(NotebookFormat::Sql);
        assert_eq!(tree(&[("etl.py", NOTEBOOK, "1"), ("etl.sql", sql, "2")]).collision(), Some(("etl.py", "etl.sql")));
        assert_eq!(tree(&[("etl.py", file, "1"), ("etl", file, "2"), ("etl.d/x", file, "3")]).collision(), None);
    }

    #[test]
    fn names_that_no_workspace_takes() {
        for name in ["a\nb", "a\u{202e}b", " a", "a ", "a\\b"] {
            assert!(unfit_code_name(name).is_some(), "{name:?}");
        }
        assert!(unfit_code_name(&"a".repeat(256)).is_some());
        for name in ["a b.py", "é.py", "日本.sql", "a-b_c.1"] {
            assert_eq!(unfit_code_name(name), None);
        }
    }
}
