//! The laws: what holds for every kind, every fixture and every generated spec (ARCHITECTURE.md lists them).
//!
//! Everything runs in this process: manifests in memory, the embedded sandbox behind real sockets, and the library's
//! own load, observe, decide and apply. The fixtures are in `tests/kinds/KIND/CASE.yaml`.

// Clippy exempts the tests themselves, not the functions that they share.
#![allow(clippy::unwrap_used)]

#[path = "laws/answers.rs"]
mod answers;
#[path = "laws/apart.rs"]
mod apart;
#[path = "laws/crashes.rs"]
mod crashes;
#[path = "laws/dags.rs"]
mod dags;
#[path = "laws/edited.rs"]
mod edited;
#[path = "laws/fixtures.rs"]
mod fixtures;
#[path = "laws/generated.rs"]
mod generated;
#[path = "laws/imports.rs"]
mod imports;
#[path = "laws/owners.rs"]
mod owners;
#[path = "laws/panics.rs"]
mod panics;
#[path = "laws/plans.rs"]
mod plans;
#[path = "laws/readings.rs"]
mod readings;
#[path = "laws/requests.rs"]
mod requests;
#[path = "laws/rivals.rs"]
mod rivals;
#[path = "laws/secrecy.rs"]
mod secrecy;
#[path = "laws/server_filled.rs"]
mod server_filled;
#[path = "laws/shuffle.rs"]
mod shuffle;
#[path = "laws/specs.rs"]
mod specs;
#[path = "laws/trouble.rs"]
mod trouble;
#[path = "laws/undeclared.rs"]
mod undeclared;
#[path = "laws/unfaithful.rs"]
mod unfaithful;
#[path = "unfaithful/proxy.rs"]
mod unfaithful_proxy;
#[path = "laws/unknown.rs"]
mod unknown;
#[path = "laws/unreadable.rs"]
mod unreadable;
#[path = "laws/world.rs"]
mod world;
#[path = "laws/writeback.rs"]
mod writeback;
