//! The words that every part of plumb shares: calls and reads as data, addresses, tokens that stand for secrets, YAML with
//! a place for every value, field rules. Nothing here decides or talks to anybody.

pub mod address;
pub mod call;
pub mod limits;
pub mod read;
pub mod schema;
pub mod secrets;
pub mod signature;
pub mod stats;
pub mod text;
pub mod types;
pub mod yaml;

/// EMR's releases and what is in each, a line a release: known to the translation and to the emulator.
pub const EMR_RELEASES: &str = include_str!("data/releases.tsv");

/// Databricks' runtimes and how long they are supported (Databricks' release notes, read on 2026-11-22): key, Spark, Scala,
/// Java, Python, first and last day, and more.
pub const DATABRICKS_RUNTIMES: &str = include_str!("data/runtimes.tsv");
