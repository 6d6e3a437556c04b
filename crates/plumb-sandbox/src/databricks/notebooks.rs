//! Notebooks as text: what tells that a file is one, and how it looks as source, as a Jupyter notebook, as HTML and as an
//! archive.
//!
//! Source: the page on importing and exporting notebooks of the vendor's documentation (header line, `COMMAND` between
//! the cells, `MAGIC` before the lines of another language).

use super::archive;
use crate::errors::ApiError;
use serde_json::{Value, json};

/// A language that notebooks are written in.
pub struct Language {
    /// As the API has it: `PYTHON`.
    pub name: &'static str,
    /// Without a dot.
    pub extension: &'static str,
    comment: &'static str,
}

const LANGUAGES: [Language; 4] = [
    Language { name: "PYTHON", extension: "py", comment: "#" },
    Language { name: "SQL", extension: "sql", comment: "--" },
    Language { name: "SCALA", extension: "scala", comment: "//" },
    Language { name: "R", extension: "r", comment: "#" },
];

impl Language {
    /// The language of that name.
    pub fn named(name: &str) -> Option<&'static Language> {
        LANGUAGES.iter().find(|l| l.name == name)
    }

    /// The line that a notebook begins with when it is exported as source.
    fn header(&self) -> String {
        format!("{} Databricks notebook source", self.comment)
    }

    fn separator(&self) -> String {
        format!("{} COMMAND ----------", self.comment)
    }

    fn magic(&self) -> String {
        format!("{} MAGIC", self.comment)
    }
}

fn first_line(text: &str) -> &str {
    text.split('\n').next().unwrap_or_default().trim_end()
}

/// What a file is by its name and its content: a notebook (its language, its export format, its path without the
/// extension), or `None` for a plain file.
pub fn recognise(path: &str, bytes: &[u8]) -> Option<(&'static Language, &'static str, String)> {
    let (stem, extension) = path.rsplit_once('.').filter(|(stem, _)| !stem.is_empty() && !stem.ends_with('/'))?;
    let extension = extension.to_ascii_lowercase();
    if extension == "ipynb" {
        return Some((jupyter_language(bytes), "JUPYTER", stem.to_owned()));
    }
    let language = LANGUAGES.iter().find(|l| l.extension == extension)?;
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned();
    (first_line(&text) == language.header()).then(|| (language, "SOURCE", stem.to_owned()))
}

/// The language that a Jupyter notebook says it has; Python when it says none that the service knows.
pub fn jupyter_language(bytes: &[u8]) -> &'static Language {
    let notebook: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let places = [
        "/metadata/application~1vnd.databricks.v1+notebook/language",
        "/metadata/language_info/name",
        "/metadata/kernelspec/language",
    ];
    let named = |place: &&str| {
        let name = notebook.pointer(place)?.as_str()?.to_ascii_uppercase();
        Language::named(&name)
    };
    places.iter().find_map(named).unwrap_or(&LANGUAGES[0])
}

/// A notebook's cells: what stands in each of them, other languages as `%sql` and so on.
pub fn cells(content: &[u8], language: &Language, format: &str) -> Vec<String> {
    if format == "JUPYTER" {
        return of_jupyter(content);
    }
    let text = String::from_utf8_lossy(content);
    let (header, separator, magic) = (language.header(), language.separator(), language.magic());
    let mut lines: Vec<&str> = text.lines().collect();
    if lines.first().is_some_and(|line| line.trim_end() == header) {
        lines.remove(0);
    }
    let cell = |lines: &[&str]| {
        let plain = |line: &&str| match line.strip_prefix(magic.as_str()) {
            Some(rest) => rest.strip_prefix(' ').unwrap_or(rest).to_owned(),
            None => (*line).to_owned(),
        };
        lines.iter().map(plain).collect::<Vec<_>>().join("\n").trim_matches('\n').to_owned()
    };
    lines.split(|line| line.trim_end() == separator).map(cell).collect()
}

fn of_jupyter(content: &[u8]) -> Vec<String> {
    let notebook: Value = serde_json::from_slice(content).unwrap_or_default();
    let cells = notebook["cells"].as_array().cloned().unwrap_or_default();
    let text = |cell: &Value| {
        // A text, or a list of lines that have their ends (nbformat 4).
        let source = match &cell["source"] {
            Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
            other => other.as_str().unwrap_or_default().to_owned(),
        };
        if cell["cell_type"] == "markdown" { format!("%md\n{source}") } else { source }
    };
    cells.iter().map(text).collect()
}

/// As SOURCE: the header line, then the cells.
pub fn source(content: &[u8], language: &Language, format: &str) -> Vec<u8> {
    let header = language.header();
    if format != "JUPYTER" {
        // The text stays what it was, byte by byte.
        let text = String::from_utf8_lossy(content);
        if first_line(&text) == header {
            return content.to_vec();
        }
        return [header.as_bytes(), b"\n", content].concat();
    }
    let magic = language.magic();
    let cell = |text: &String| {
        if !text.starts_with('%') {
            return text.clone();
        }
        text.lines().map(|line| format!("{magic} {line}").trim_end().to_owned()).collect::<Vec<_>>().join("\n")
    };
    let cells: Vec<String> = of_jupyter(content).iter().map(cell).collect();
    format!("{header}\n{}\n", cells.join(&format!("\n\n{}\n\n", language.separator()))).into_bytes()
}

/// As JUPYTER. One that came as such is what it was.
pub fn jupyter(content: &[u8], language: &Language, format: &str, name: &str) -> Vec<u8> {
    if format == "JUPYTER" {
        return content.to_vec();
    }
    let cell = |text: String| match text.strip_prefix("%md\n") {
        Some(text) => json!({ "cell_type": "markdown", "metadata": {}, "source": text }),
        None => {
            json!({ "cell_type": "code", "execution_count": null, "metadata": {}, "outputs": [], "source": text })
        }
    };
    let small = language.name.to_ascii_lowercase();
    let notebook = json!({
        "cells": cells(content, language, format).into_iter().map(cell).collect::<Vec<_>>(),
        "metadata": {
            "application/vnd.databricks.v1+notebook": { "language": small, "notebookName": name },
            "language_info": { "name": small },
        },
        "nbformat": 4,
        "nbformat_minor": 0,
    });
    notebook.to_string().into_bytes()
}

/// As HTML: a page with the cells. The real one brings its own viewer, which programs do not read.
pub fn html(content: &[u8], language: &Language, format: &str, name: &str) -> Vec<u8> {
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let cells: String = cells(content, language, format).iter().map(|c| format!("<pre>{}</pre>", escape(c))).collect();
    let name = escape(name);
    format!("<!DOCTYPE html>\n<html><head><title>{name} - Databricks</title></head><body>{cells}</body></html>\n")
        .into_bytes()
}

/// A notebook of an archive: its path in it, without an extension, and what it holds.
pub struct Archived<'a> {
    pub path: String,
    pub content: &'a [u8],
    pub language: &'static Language,
    pub format: &'a str,
}

/// As DBC: a ZIP archive with a JSON file for each notebook. Plain files are not in it.
// The archive's form is no public one; what the emulator writes is like what the service was seen to write.
pub fn dbc(notebooks: &[Archived<'_>]) -> Vec<u8> {
    let entry = |notebook: &Archived<'_>| {
        let small = notebook.language.name.to_ascii_lowercase();
        let command = |(at, text): (usize, String)| json!({ "version": "CommandV1", "position": at + 1, "command": text, "commandType": "auto" });
        let commands = cells(notebook.content, notebook.language, notebook.format);
        let body = json!({
            "version": "NotebookV1",
            "name": notebook.path.rsplit('/').next(),
            "language": small,
            "commands": commands.into_iter().enumerate().map(command).collect::<Vec<_>>(),
        });
        (format!("{}.{small}", notebook.path), body.to_string().into_bytes())
    };
    archive::zip(&notebooks.iter().map(entry).collect::<Vec<_>>())
}

/// A Jupyter notebook has to be JSON with cells.
pub fn check_jupyter(bytes: &[u8]) -> Result<(), ApiError> {
    let notebook: Option<Value> = serde_json::from_slice(bytes).ok();
    if notebook.as_ref().and_then(|n| n.get("cells")).is_some_and(Value::is_array) {
        Ok(())
    } else {
        Err(ApiError::invalid("The notebook is not a valid Jupyter notebook."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn language(name: &str) -> &'static Language {
        Language::named(name).unwrap()
    }

    #[test]
    fn a_notebook_is_told_by_its_header_or_its_extension() {
        let told = |path, text: &str| recognise(path, text.as_bytes()).map(|(l, f, p)| (l.name, f, p));
        let source = |name, path: &str| Some((name, "SOURCE", path.to_owned()));
        assert_eq!(told("/a/n.py", "# Databricks notebook source\r\nx"), source("PYTHON", "/a/n"));
        assert_eq!(told("/a/n.sql", "-- Databricks notebook source\nSELECT 1"), source("SQL", "/a/n"));
        assert_eq!(told("/a/n.scala", "// Databricks notebook source"), source("SCALA", "/a/n"));
        assert_eq!(told("/a/n.R", "# Databricks notebook source\n"), source("R", "/a/n"));
        let jupyter = r#"{"cells": [], "metadata": {"kernelspec": {"language": "scala"}}}"#;
        assert_eq!(told("/a/n.ipynb", jupyter), Some(("SCALA", "JUPYTER", "/a/n".to_owned())));
        assert_eq!(told("/a/n.ipynb", "{}"), Some(("PYTHON", "JUPYTER", "/a/n".to_owned())));
        // Another language's header, one that is not the first line, no header, no extension of a notebook.
        for (path, text) in [
            ("/a/n.sql", "# Databricks notebook source"),
            ("/a/n.py", "\n# Databricks notebook source"),
            ("/a/n.py", "# Databricks notebook source of truth"),
            ("/a/n.py", "x = 1"),
            ("/a/n.txt", "# Databricks notebook source"),
            ("/a.b/n", "# Databricks notebook source"),
            ("/a/.py", "# Databricks notebook source"),
        ] {
            assert_eq!(told(path, text), None, "{path} {text}");
        }
    }

    #[test]
    fn source_has_its_header_once() {
        let (python, sql) = (language("PYTHON"), language("SQL"));
        assert_eq!(source(b"x = 1\n", python, "SOURCE"), b"# Databricks notebook source\nx = 1\n");
        assert_eq!(source(b"SELECT 1", sql, "SOURCE"), b"-- Databricks notebook source\nSELECT 1");
        let whole = b"# Databricks notebook source\nx = 1\n";
        assert_eq!(source(whole, python, "SOURCE"), whole);
    }

    #[test]
    fn cells_survive_the_way_to_jupyter_and_back() {
        let text = "# Databricks notebook source\n# MAGIC %md\n# MAGIC # Title\n\n# COMMAND ----------\n\nx = 1\n\
            y = 2\n\n# COMMAND ----------\n\n# MAGIC %sql\n# MAGIC SELECT 1\n";
        let python = language("PYTHON");
        let there = jupyter(text.as_bytes(), python, "SOURCE", "n");
        let notebook: Value = serde_json::from_slice(&there).unwrap();
        let kinds: Vec<_> = notebook["cells"].as_array().unwrap().iter().map(|c| c["cell_type"].clone()).collect();
        assert_eq!(kinds, ["markdown", "code", "code"]);
        assert_eq!(notebook["cells"][2]["source"], "%sql\nSELECT 1");
        assert!(check_jupyter(&there).is_ok() && check_jupyter(b"[]").is_err());
        assert_eq!(String::from_utf8(source(&there, python, "JUPYTER")).unwrap(), text);
        // Lines of a list have their ends; Jupyter writes them so.
        let lines = br#"{"cells": [{"cell_type": "code", "source": ["a\n", "b"]}]}"#;
        assert_eq!(cells(lines, python, "JUPYTER"), ["a\nb"]);
    }
}
