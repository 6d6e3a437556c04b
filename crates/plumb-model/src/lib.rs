//! The words that every part of plumb shares: calls and reads as data, addresses, tokens that stand for secrets, YAML with
//! a place for every value, field rules. Nothing here decides or talks to anybody.

pub mod address;
pub mod call;
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
