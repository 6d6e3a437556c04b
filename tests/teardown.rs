//! The ladder by which EMR's resources are taken down, from manifests to what is live, on the emulated Databricks, Airflow
//! and EMR (docs/emr-teardown.md says what has to hold).

// Clippy exempts the tests themselves, not the functions that they share.
#![allow(clippy::unwrap_used)]

#[path = "teardown/account.rs"]
mod account;
#[path = "teardown/kept.rs"]
mod kept;
#[path = "teardown/ladder.rs"]
mod ladder;
#[path = "teardown/races.rs"]
mod races;
#[path = "teardown/random.rs"]
mod random;
#[path = "teardown/rest.rs"]
mod rest;
#[allow(dead_code)]
#[path = "laws/trouble.rs"]
mod trouble;
#[path = "teardown/unfaithful.rs"]
mod unfaithful;
#[path = "unfaithful/proxy.rs"]
mod unfaithful_proxy;
#[path = "teardown/unread.rs"]
mod unread;
// Only a part of it is needed here.
#[allow(dead_code)]
#[path = "laws/world.rs"]
mod world;
