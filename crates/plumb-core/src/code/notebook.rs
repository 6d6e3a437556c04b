//! Which files are notebooks.
//!
//! By the name and the first line, as databricks/cli (`libs/notebook/detect.go`) and the workspace's import with `AUTO` tell
//! them.

use super::NotebookFormat;

/// The most bytes of a notebook (docs.databricks.com: Databricks notebooks, file size limits: 10 MB to be imported).
pub const MOST_BYTES_A_NOTEBOOK: u64 = 10_000_000;

/// The endings of notebooks' names, and how such a notebook is written.
const ENDINGS: [(&str, NotebookFormat); 5] = [
    (".py", NotebookFormat::Python),
    (".sql", NotebookFormat::Sql),
    (".scala", NotebookFormat::Scala),
    (".r", NotebookFormat::R),
    (".ipynb", NotebookFormat::Jupyter),
];

/// What a file of that name would be, if it is a notebook.
pub(super) fn by_name(path: &str) -> Option<NotebookFormat> {
    let name = path.to_ascii_lowercase();
    ENDINGS.iter().find(|(ending, _)| name.ends_with(ending)).map(|(_, format)| *format)
}

/// The endings that a notebook's name may have.
pub fn notebook_endings() -> impl Iterator<Item = &'static str> {
    ENDINGS.iter().map(|(ending, _)| *ending)
}

/// The path that a notebook has in a workspace: without its ending.
pub fn notebook_path(path: &str) -> &str {
    let end = ENDINGS.iter().find(|(ending, _)| {
        let at = path.len().saturating_sub(ending.len());
        path.get(at..).is_some_and(|end| end.eq_ignore_ascii_case(ending))
    });
    end.map_or(path, |(ending, _)| &path[..path.len() - ending.len()])
}

/// The line that makes a file of that name a notebook; `None` for a name that no such line makes one.
pub fn header(path: &str) -> Option<&'static str> {
    match by_name(path)? {
        NotebookFormat::Python | NotebookFormat::R => Some("# Databricks notebook source"),
        NotebookFormat::Sql => Some("-- Databricks notebook source"),
        NotebookFormat::Scala => Some("// Databricks notebook source"),
        NotebookFormat::Jupyter => None,
    }
}

/// Whether a file that begins so is a notebook; of a Jupyter notebook, that is all of it.
pub(super) fn is_notebook(format: NotebookFormat, start: &[u8]) -> bool {
    let wanted = match format {
        NotebookFormat::Python | NotebookFormat::R => "# Databricks notebook source",
        NotebookFormat::Sql => "-- Databricks notebook source",
        NotebookFormat::Scala => "// Databricks notebook source",
        NotebookFormat::Jupyter => {
            #[derive(serde::Deserialize)]
            struct Cells {
                #[serde(rename = "cells")]
                _cells: Vec<serde::de::IgnoredAny>,
            }
            return serde_json::from_slice::<Cells>(start).is_ok();
        }
    };
    let line = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
    line.trim_ascii_end() == wanted.as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notebook_is_told_by_its_name_and_its_first_line() {
        let is = |path: &str, text: &str| by_name(path).is_some_and(|format| is_notebook(format, text.as_bytes()));
        assert!(is("a.py", "# Databricks notebook source\nx = 1\n"));
        assert!(is("a.py", "# Databricks notebook source"));
        assert!(is("a.PY", "# Databricks notebook source\r\nx"));
        assert!(is("a.r", "# Databricks notebook source\n") && is("a.R", "# Databricks notebook source\n"));
        assert!(is("a.sql", "-- Databricks notebook source\nselect 1"));
        assert!(is("a.scala", "// Databricks notebook source\n"));
        assert!(is("a.ipynb", r#"{"cells": [{"cell_type": "code"}], "nbformat": 4}"#));
        assert!(!is("a.ipynb", r#"{"cells": 1}"#) && !is("a.ipynb", "") && !is("a.ipynb", r#"{"cells": []"#));
        assert!(!is("a.py", "\n# Databricks notebook source\n") && !is("a.py", "# Databricks notebook sources\n"));
        assert!(!is("a.py", "") && !is("a.sql", "# Databricks notebook source\n"));
        assert!(!is("a.txt", "# Databricks notebook source\n") && !is("py", "# Databricks notebook source\n"));
    }

    #[test]
    fn the_workspace_names_a_notebook_without_its_ending() {
        for (path, wanted) in [("a/b.py", "a/b"), ("b.IPYNB", "b"), ("a.b.sql", "a.b"), ("é", "é"), ("x.txt", "x.txt")]
        {
            assert_eq!(notebook_path(path), wanted);
        }
    }
}
