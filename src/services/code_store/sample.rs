//! Code for tests.

use plumb_core::code::{Code, CodeBytes, CodeFile, CodeFolder, CodeTree, FoundCode, FoundCodeKind, hash_code};
use std::collections::BTreeMap;
use std::io::Cursor;

/// Files of a repository.
#[derive(Clone, Debug, Default)]
pub struct SampleCode(pub BTreeMap<String, Vec<u8>>);

impl SampleCode {
    pub fn of(files: &[(&str, &str)]) -> SampleCode {
        SampleCode(files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect())
    }

    /// A notebook, two Python files, and a wheel that is none.
    pub fn usual() -> SampleCode {
        SampleCode::of(&[
            ("nb/report.py", "# Databricks notebook source\nx = 1\n\n# COMMAND ----------\n\ny = 2\n"),
            ("src/load.py", "import lib\n"),
            ("src/lib.py", "z = 3\n"),
            ("dist/app.whl", "not a zip"),
        ])
    }

    pub fn tree(&self) -> CodeTree {
        let file = |(path, bytes): (&String, &Vec<u8>)| {
            let (kind, length) = (FoundCodeKind::File, bytes.len() as u64);
            let found = FoundCode { path: path.clone(), kind, bytes: length, is_ignored: false, leads_to: None };
            let hashed = hash_code(&found, &mut Cursor::new(bytes)).unwrap();
            let (form, hash, bytes, text) = (hashed.form, hashed.hash, hashed.bytes, hashed.text);
            (path.clone(), CodeFile { form, hash, bytes, text, place: path.clone() })
        };
        CodeTree::of(self.0.iter().map(file).collect())
    }

    /// What manifests name that name all of it, for a place.
    pub fn code(&self, root: Option<&str>) -> Code {
        let tree = self.tree();
        Code {
            folder: CodeFolder::new(root, "bau", "prod"),
            keep_days: 30,
            trees: BTreeMap::from([(tree.hash.clone(), tree)]),
            ..Code::default()
        }
    }
}

impl CodeBytes for SampleCode {
    fn bytes(&self, place: &str) -> Result<Vec<u8>, String> {
        self.0.get(place).cloned().ok_or_else(|| format!("there is no {place}"))
    }
}
