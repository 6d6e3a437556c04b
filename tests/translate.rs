//! The translation from EMR to manifests: as text, against the rules of the kinds, on the sandbox, and as laws.
//!
//! `tests/translate/spark-submit/TOPIC.json` are command lines, `TOPIC.txt` is what becomes of each.
//! `tests/translate/clusters/CASE.json` is what EMR's API says, `CASE.yaml` are the manifests, `CASE.md` is the report.
//! `PLUMB_BLESS=1 cargo test --test translate` writes the texts anew: read the difference before it is committed.

// Clippy exempts the tests themselves, not the functions that they share.
#![allow(clippy::unwrap_used)]

#[path = "translate/cases.rs"]
mod cases;
#[path = "translate/golden.rs"]
mod golden;
#[path = "translate/lawful.rs"]
mod lawful;
#[path = "translate/sandbox.rs"]
mod sandbox;
