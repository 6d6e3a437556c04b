//! The laws: what holds for every kind, every fixture and every generated spec (docs/laws.md lists them).
//!
//! Everything runs in this process: manifests in memory, the embedded sandbox behind real sockets, and the library's
//! own load, observe, decide and apply. The fixtures are in `tests/kinds/KIND/CASE.yaml`.

// Clippy exempts the tests themselves, not the functions that they share.
#![allow(clippy::unwrap_used)]

mod additive;
mod answers;
mod apart;
mod code;
mod crashes;
mod cutover_acts;
mod dags;
mod edited;
mod fixtures;
mod generated;
mod imports;
mod owners;
mod panics;
mod parity;
mod plans;
mod readings;
mod remedies;
mod requests;
mod rivals;
mod secrecy;
mod server_filled;
mod shuffle;
mod specs;
mod teardown;
mod two_years;
mod undeclared;
mod unfaithful;
mod unknown;
mod unreadable;
mod verification;
mod writeback;

// Not all of it is needed here.
#[allow(dead_code)]
#[path = "../support/duckdb.rs"]
mod duckdb_support;
// Not all of it is needed here.
#[allow(dead_code)]
#[path = "../support/trouble.rs"]
mod trouble;
#[path = "../support/unfaithful_proxy.rs"]
mod unfaithful_proxy;
#[path = "../support/world.rs"]
mod world;
