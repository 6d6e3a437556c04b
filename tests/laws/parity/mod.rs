//! The laws of comparisons, over random tables and a duckdb that lives as long as a law.

mod counts;
mod never_equal;
mod tables;

use crate::duckdb_support;
use plumb::engines::Engine;
use plumb::engines::compare::{CompareContext, CompareFault, SideSource, compare};
use plumb_core::kinds::emr::compare::{CompareOutput, CsvOptions, FileFormat};
use plumb_core::parity::plan::{FilePart, FileRelation, Relation};
use plumb_core::parity::result::{OutputResult, SideResult};
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use tables::Table;

/// A child, and the one folder that it may read.
struct Lab {
    runtime: tokio::runtime::Runtime,
    engine: RefCell<Engine>,
    folder: tempfile::TempDir,
    written: Cell<usize>,
}

impl Lab {
    fn start() -> Lab {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let duckdb = runtime.block_on(duckdb_support::start(&[folder.path()]));
        let engine = RefCell::new(Engine::Duckdb(Box::new(duckdb)));
        Lab { runtime, engine, folder, written: Cell::new(0) }
    }

    /// A new file in the folder. No two have one name: what an engine remembers of a file is of no other.
    fn file(&self, bytes: &[u8], extension: &str) -> PathBuf {
        self.written.set(self.written.get() + 1);
        let folder = self.folder.path().canonicalize().unwrap();
        let path = folder.join(format!("{}.{extension}", self.written.get()));
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// The rows of a table in so many files.
    fn written(&self, table: &Table, files: usize) -> SideSource {
        let each = table.rows.len().div_ceil(files).max(1);
        let mut texts: Vec<String> =
            table.rows.chunks(each).map(|rows| rows.iter().map(|row| table.line(row)).collect()).collect();
        if texts.is_empty() {
            texts.push(String::new());
        }
        let parts = texts.iter().map(|text| part(&self.file(text.as_bytes(), "json"))).collect();
        side(table, parts)
    }

    fn try_compare(&self, output: &Value, old: &SideSource, new: &SideSource) -> Result<OutputResult, CompareFault> {
        let output: CompareOutput = serde_json::from_value(output.clone()).unwrap();
        let context = CompareContext {
            output: &output,
            zone: &jiff::tz::TimeZone::UTC,
            today: jiff::civil::date(2024, 6, 1),
            previous: None,
            progress: &|_, _| {},
        };
        let mut engine = self.engine.borrow_mut();
        let done = self.runtime.block_on(compare(&mut engine, &context, old.clone(), new.clone()));
        for source in [old, new] {
            if let Relation::Files(files) = &source.relation {
                for part in &files.files {
                    let _ = std::fs::remove_file(&part.path);
                }
            }
        }
        done
    }

    fn compare(&self, output: &Value, old: &SideSource, new: &SideSource) -> Result<OutputResult, String> {
        self.try_compare(output, old, new).map_err(|fault| format!("{fault:?}"))
    }

    /// Two tables under the rules of the first one. What is written here can be read.
    fn tables(&self, old: &Table, new: &Table) -> Result<OutputResult, String> {
        let result = self.compare(&output(old), &self.written(old, 1), &self.written(new, 1))?;
        if result.causes.get("rows").is_some_and(|cause| cause == "unreadable") {
            return Err(format!("{:?}", result.because));
        }
        Ok(result)
    }
}

fn part(path: &Path) -> FilePart {
    FilePart { path: path.to_str().unwrap().to_owned(), ..FilePart::default() }
}

fn side(table: &Table, files: Vec<FilePart>) -> SideSource {
    let columns = table.columns.iter().map(|column| (column.name.clone(), column.of.data_type())).collect();
    source(FileFormat::Json, files, columns)
}

fn source(
    format: FileFormat,
    files: Vec<FilePart>,
    columns: Vec<(String, plumb_core::parity::types::DataType)>,
) -> SideSource {
    let csv = CsvOptions::default();
    let relation = Relation::Files(FileRelation { format, files, csv, columns, partition_types: Vec::new() });
    SideSource { relation, result: SideResult { source: "data".into(), ..SideResult::default() } }
}

/// The manifest's output of a table.
fn output(table: &Table) -> Value {
    json!({
        "name": "t", "old": {"path": "old"}, "new": {"path": "new"}, "keys": table.key_names(), "rules": table.rules(),
    })
}

/// Everything that is counted, the verdict first.
fn counts(result: &OutputResult) -> Value {
    json!({
        "verdict": result.verdict, "matched": result.matched, "only_old": result.only_old, "only_new": result.only_new,
        "differing_rows": result.differing_rows, "differing_cells": result.differing_cells,
        "within": result.within_tolerance,
    })
}

/// Fails with both values where they are not the same.
fn same<T: PartialEq + Debug>(what: &str, found: &T, wanted: &T) -> Result<(), String> {
    if found == wanted { Ok(()) } else { Err(format!("{what}: {found:?} in place of {wanted:?}")) }
}

/// Tries a law on so many random values. One that breaks it is made as small as possible, and printed with the seed.
fn law<V: Debug>(cases: u32, values: impl Strategy<Value = V>, holds: impl Fn(V) -> Result<(), String>) {
    let seed: u64 = std::env::var("LAWS_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 400, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    match runner.run(&values, |value| holds(value).map_err(TestCaseError::fail)) {
        Ok(()) => {}
        Err(TestError::Fail(why, value)) => panic!("LAWS_SEED={seed}: {why}\n{value:#?}"),
        Err(TestError::Abort(why)) => panic!("LAWS_SEED={seed}: {why}"),
    }
}
