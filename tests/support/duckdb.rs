//! The duckdb program that plumb installs for itself, installed once for all tests, and files that it reads.

#![allow(clippy::unwrap_used)]

use plumb::engines::duckdb::{Duckdb, DuckdbOptions};
use plumb::engines::find::{DuckdbPlaces, DuckdbProgram};
use plumb::engines::setup;
use plumb_core::parity::sql::{SqlRow, Statement};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Where the tests keep it: `PLUMB_CACHE` of the commands that they run.
pub fn cache() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers/plumb")
}

/// The program, installed by whoever needs it first.
pub fn program() -> &'static DuckdbProgram {
    static ONE: OnceLock<DuckdbProgram> = OnceLock::new();
    ONE.get_or_init(|| {
        let folders = std::env::split_paths(&std::env::var_os("PATH").unwrap()).collect();
        setup::install(&DuckdbPlaces { named: None, cache: Some(cache()), folders }).unwrap().program
    })
}

/// A child that reads these folders and files.
pub async fn start(inputs: &[&Path]) -> Duckdb {
    let inputs = inputs.iter().map(|input| input.canonicalize().unwrap()).collect();
    Duckdb::start(&program().path, DuckdbOptions { inputs, threads: Some(2), ..DuckdbOptions::default() })
        .await
        .unwrap()
}

pub fn statement(text: &str) -> Statement {
    Statement { step: "test", text: text.to_owned(), parameters: Vec::new() }
}

/// Has one SQL statement write files, by a program without a lock.
pub fn write(sql: &str) {
    let done = std::process::Command::new(&program().path).args(["-no-init", "-batch", "-c", sql]).output().unwrap();
    assert!(done.status.success(), "{sql}: {}", String::from_utf8_lossy(&done.stderr));
}

/// A row of texts, `null` being null.
pub fn row(values: &[&str]) -> SqlRow {
    values.iter().map(|value| Some((*value).to_owned()).filter(|value| value != "null")).collect()
}
