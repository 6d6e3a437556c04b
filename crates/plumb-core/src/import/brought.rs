//! Code that an import brings into the repository: which paths of a spec name it, and what its files are called there.

use crate::code::{CodeForm, NotebookFormat, bare_path, header, unfit_code_name};
use crate::manifest::{CodeUse, uses_where};
use plumb_model::schema::{CodeRole, Rules};
use plumb_model::yaml::{FileId, Limits, Problems, parse};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// An absolute path of a spec that names code.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedCode {
    /// Where it stands in the spec, as a JSON pointer.
    pub at: String,
    /// The path as it is written.
    pub path: String,
    pub role: CodeRole,
    place: CodeUse,
}

impl NamedCode {
    /// The whole value with another path: `-r ../requirements.txt`.
    pub fn with(&self, path: &str) -> String {
        self.place.with(path)
    }
}

/// Every absolute path of code in a live spec, in order. What comes out of a repository of git is none.
pub fn named_code(rules: &Rules, spec: &Value) -> Vec<NamedCode> {
    // JSON is YAML: the one walk that knows where code is named goes over that.
    let nodes = parse(&spec.to_string(), FileId(0), &Limits::default(), &mut Problems::default());
    let found = nodes.iter().flat_map(|node| uses_where(node, rules, |path| path.starts_with('/')));
    let named = |place: CodeUse| NamedCode { at: place.at.clone(), path: place.path.clone(), role: place.role, place };
    found.map(named).collect()
}

/// Why a path is left where it is, before anything is asked about it.
pub fn left_because(named: &NamedCode, in_volume: bool) -> Option<&'static str> {
    let path = bare_path(&named.path);
    let is_volume = path.starts_with("/Volumes/");
    let is_script = named.at.contains("/init_scripts/");
    if named.role == CodeRole::Folder || named.role == CodeRole::Source && path.ends_with("/**") {
        Some("it is a folder: copy it into the repository, and name it by a path that begins with `./`")
    } else if path.starts_with("/Repos/") {
        Some("it is in a git folder: `git_source` of the job, with the URL and the branch, fits better")
    } else if path.contains("/.plumb/") {
        Some("plumb keeps it: it is in the repository of the project that wrote it")
    } else if path.contains(['$', '{', '*']) {
        Some("its path is not known before it runs")
    } else if is_script && is_volume != in_volume {
        Some("the target's `databricks.code` keeps code where this kind of init script cannot be")
    } else if in_volume && matches!(named.role, CodeRole::Notebook | CodeRole::Query) {
        Some("the target's `databricks.code` is a volume, which keeps no notebooks and no SQL files")
    } else {
        None
    }
}

/// How many of the parts of a path say whose it is, or which volume it is in: they are left out of names.
fn owner_parts(parts: &[&str]) -> usize {
    match parts.first() {
        Some(&"Users") => 2,
        Some(&"Shared") => 1,
        Some(&"Volumes") => 4,
        _ => 0,
    }
}

/// Whether a relative path from one file leads to the other in the repository as it does in the workspace: both are the same
/// person's.
pub fn stay_beside(one: &str, other: &str) -> bool {
    let owner = |path: &str| -> Vec<String> {
        let parts: Vec<&str> = bare_path(path).split('/').filter(|part| !part.is_empty()).collect();
        parts.iter().take(owner_parts(&parts)).map(|part| (*part).to_owned()).collect()
    };
    owner(one) == owner(other)
}

/// What a file of the workspace is called in the folder of code: without whose home or which volume it is in.
///
/// # Errors
/// Says why no repository should have a file of that name.
pub fn brought_name(path: &str, form: CodeForm) -> Result<String, String> {
    let parts: Vec<&str> = bare_path(path).split('/').filter(|part| !part.is_empty()).collect();
    let kept = parts.get(owner_parts(&parts)..).filter(|kept| !kept.is_empty()).ok_or("its path names no file")?;
    for part in kept {
        let why = unfit_code_name(part).or_else(|| unsafe_name(part));
        if let Some(why) = why {
            return Err(format!("the name `{}` {why}", part.escape_debug()));
        }
    }
    let ending = match form {
        CodeForm::Notebook(NotebookFormat::Python) => ".py",
        CodeForm::Notebook(NotebookFormat::Sql) => ".sql",
        CodeForm::Notebook(NotebookFormat::Scala) => ".scala",
        CodeForm::Notebook(NotebookFormat::R) => ".r",
        CodeForm::Notebook(NotebookFormat::Jupyter) => ".ipynb",
        CodeForm::File | CodeForm::Archive => "",
    };
    Ok(format!("{}{ending}", kept.join("/")))
}

/// Why a checkout on one of the systems that people have would fail or do harm.
fn unsafe_name(name: &str) -> Option<&'static str> {
    let stem = name.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let numbered =
        |word: &str| stem.strip_prefix(word).is_some_and(|n| n.len() == 1 && n.as_bytes()[0].is_ascii_digit());
    if name == "." || name == ".." {
        Some("leads elsewhere")
    } else if name.eq_ignore_ascii_case(".git") {
        Some("is git's own")
    } else {
        let is_device = ["con", "prn", "aux", "nul"].contains(&stem.as_str()) || numbered("com") || numbered("lpt");
        let is_odd = name.contains(['<', '>', ':', '"', '|', '?', '*']) || name.ends_with('.');
        (is_device || is_odd).then_some("cannot be checked out on Windows")
    }
}

/// The names that are given away, so that no two files come into one: not in the repository, not in a workspace, and not
/// on a disk that does not tell `A` from `a`.
#[derive(Clone, Debug, Default)]
pub struct BroughtNames {
    taken: BTreeMap<String, String>,
    folders: BTreeSet<String>,
}

impl BroughtNames {
    /// Gives a name to a file of the workspace; the error names the one that has it.
    pub fn give(&mut self, name: &str, form: CodeForm, path: &str) -> Result<(), String> {
        let mut keys = vec![name.to_lowercase(), form.stored(name).to_lowercase()];
        keys.dedup();
        let folders: Vec<String> = name.match_indices('/').map(|(end, _)| name[..end].to_lowercase()).collect();
        if let Some(other) = keys.iter().chain(&folders).find_map(|key| self.taken.get(key)) {
            return Err(other.clone());
        }
        if keys.iter().any(|key| self.folders.contains(key)) {
            return Err("a folder".to_owned());
        }
        self.taken.extend(keys.into_iter().map(|key| (key, path.to_owned())));
        self.folders.extend(folders);
        Ok(())
    }
}

/// The text of a notebook with the line that makes it one.
pub fn with_header(name: &str, bytes: Vec<u8>) -> Vec<u8> {
    match header(name) {
        Some(line) if !bytes.starts_with(line.as_bytes()) => [line.as_bytes(), b"\n", &bytes].concat(),
        _ => bytes,
    }
}

/// The notebooks that one runs by a literal relative path (`%run ./other`), as absolute paths.
pub fn runs_of(path: &str, text: &str) -> Vec<String> {
    let cells = serde_json::from_str::<Value>(text).ok().filter(|value| value.get("cells").is_some());
    let text = cells.map_or_else(|| text.to_owned(), |notebook| cell_lines(&notebook));
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut found = Vec::new();
    for line in text.lines() {
        let line = line.trim();
        let line = ["#", "--", "//"].iter().find_map(|sign| line.strip_prefix(sign)).unwrap_or(line).trim_start();
        let line = line.strip_prefix("MAGIC").unwrap_or(line).trim_start();
        let Some(named) = line.strip_prefix("%run").filter(|rest| rest.starts_with([' ', '\t'])) else { continue };
        let named = named.trim();
        let named = match named.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next().unwrap_or_default(),
            None => named.split_whitespace().next().unwrap_or_default(),
        };
        if !(named.starts_with("./") || named.starts_with("../")) || named.contains(['$', '{']) {
            continue;
        }
        let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
        for part in named.split('/') {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop()),
                part => parts.push(part),
            }
        }
        let path = format!("/{}", parts.join("/"));
        if !found.contains(&path) {
            found.push(path);
        }
    }
    found
}

fn cell_lines(notebook: &Value) -> String {
    let cells = notebook["cells"].as_array().into_iter().flatten();
    let source = |cell: &Value| match &cell["source"] {
        Value::String(text) => text.clone(),
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
        _ => String::new(),
    };
    cells.map(source).collect::<Vec<_>>().join("\n")
}

/// The modules that a Python text imports, by the first part of their names.
pub fn imports_of(text: &str) -> BTreeSet<String> {
    let names = text.lines().filter_map(|line| {
        let line = line.trim_start();
        let name = line.strip_prefix("from ").or_else(|| line.strip_prefix("import "))?;
        let name: String = name.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        (!name.is_empty()).then_some(name)
    });
    names.collect()
}

/// The text of a manifest that takes these files along; paths are relative to it.
pub fn with_code(manifest: &str, paths: &[String]) -> String {
    if paths.is_empty() {
        return manifest.to_owned();
    }
    let list: String = paths.iter().map(|path| format!("  - {}\n", Value::from(path.as_str()))).collect();
    manifest.replacen("\nspec:", &format!("\n  code:\n{list}spec:"), 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds;
    use serde_json::json;

    const PYTHON: CodeForm = CodeForm::Notebook(NotebookFormat::Python);

    #[test]
    fn absolute_paths_of_code_are_found_and_those_of_git_are_not() {
        let rules = kinds::all().iter().find(|kind| kind.name() == "DatabricksJob").unwrap().rules();
        let spec = json!({"tasks": [
            {"notebook_task": {"notebook_path": "/Users/a@x/load"}, "libraries": [{"whl": "/Volumes/a/b/c/x.whl"}]},
            {"notebook_task": {"notebook_path": "/x", "source": "GIT"}},
            {"spark_python_task": {"python_file": "s3://x/y.py", "parameters": ["/no"]}},
            {"new_cluster": {"init_scripts": [{"workspace": {"destination": "/Shared/i.sh"}}, {"s3": {"destination": "/no"}}]}}],
            "environments": [{"spec": {"dependencies": ["-r /Shared/need.txt", "/Shared/x.whl", "pandas"]}}]});
        let named = named_code(rules, &spec);
        let line = named.iter().find(|one| one.path == "/Shared/need.txt").unwrap();
        assert_eq!(line.with("../src/need.txt"), "-r ../src/need.txt");
        let found: Vec<_> = named.into_iter().map(|one| (one.at, one.path)).collect();
        let wanted = [
            ("/tasks/0/notebook_task/notebook_path", "/Users/a@x/load"),
            ("/tasks/0/libraries/0/whl", "/Volumes/a/b/c/x.whl"),
            ("/tasks/3/new_cluster/init_scripts/0/workspace/destination", "/Shared/i.sh"),
            ("/environments/0/spec/dependencies/0", "/Shared/need.txt"),
            ("/environments/0/spec/dependencies/1", "/Shared/x.whl"),
        ];
        for (at, path) in wanted {
            assert!(found.contains(&(at.to_owned(), path.to_owned())), "{found:?}");
        }
        assert_eq!(found.len(), wanted.len(), "{found:?}");
    }

    #[test]
    fn files_are_named_by_their_path_without_whose_it_is() {
        let name = |path| brought_name(path, PYTHON);
        assert_eq!(name("/Workspace/Users/ann@x/etl/load").unwrap(), "etl/load.py");
        assert_eq!(name("/Shared/load").unwrap(), "load.py");
        assert_eq!(brought_name("/Volumes/a/b/c/d/x.whl", CodeForm::Archive).unwrap(), "d/x.whl");
        for bad in [
            "/Shared/../x",
            "/Shared/a\u{7}",
            "/Shared/NUL.py",
            "/Shared/a:b",
            "/Shared/.git/hooks",
            "/Users/a",
            "/Shared/COM1",
        ] {
            assert!(name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn relative_paths_hold_among_the_files_of_one_person() {
        assert!(stay_beside("/Users/ann@x/etl/load", "/Workspace/Users/ann@x/lib/y"));
        assert!(stay_beside("/Shared/a", "/Shared/b/c"));
        assert!(!stay_beside("/Users/ann@x/etl/load", "/Users/bob@x/etl/y"));
        assert!(!stay_beside("/Users/ann@x/etl/load", "/Shared/etl/y"));
    }

    #[test]
    fn no_two_files_come_into_one_name() {
        let mut names = BroughtNames::default();
        names.give("etl/load.py", PYTHON, "/Users/a/etl/load").unwrap();
        assert_eq!(names.give("etl/load.py", PYTHON, "/Users/b/etl/load").unwrap_err(), "/Users/a/etl/load");
        assert!(names.give("ETL/Load.py", CodeForm::File, "/x").is_err());
        assert!(names.give("etl/load", CodeForm::File, "/x").is_err());
        assert!(names.give("etl", CodeForm::File, "/x").is_err());
        assert!(names.give("etl/load/x", CodeForm::File, "/x").is_err());
        names.give("etl/other.py", PYTHON, "/y").unwrap();
    }

    #[test]
    fn literal_runs_are_followed() {
        let text = "# MAGIC %run ./other\n-- MAGIC %run ../lib/x $a=1\n# MAGIC %run \"./a b\"\n%run /abs\n%run ./$x\n# %running ./no";
        assert_eq!(runs_of("/Users/a/etl/load", text), ["/Users/a/etl/other", "/Users/a/lib/x", "/Users/a/etl/a b"]);
        let jupyter = json!({"cells": [{"source": ["%run ./other\n", "x"]}]}).to_string();
        assert_eq!(runs_of("/Users/a/load", &jupyter), ["/Users/a/other"]);
    }

    #[test]
    fn a_notebook_has_its_first_line_once() {
        let line = b"# Databricks notebook source\nx".to_vec();
        assert_eq!(with_header("a.py", b"x".to_vec()), line);
        assert_eq!(with_header("a.py", line.clone()), line);
        assert_eq!(with_header("a.ipynb", b"{}".to_vec()), b"{}");
    }

    #[test]
    fn a_manifest_takes_files_along() {
        let text = "metadata:\n  name: a\nspec:\n  name: a\n";
        assert_eq!(
            with_code(text, &["../x.py".into()]),
            "metadata:\n  name: a\n  code:\n  - \"../x.py\"\nspec:\n  name: a\n"
        );
        assert_eq!(with_code(text, &[]), text);
        assert_eq!(
            imports_of("from helpers import x\nimport util.a\nx = 1"),
            ["helpers".to_owned(), "util".to_owned()].into()
        );
    }
}
