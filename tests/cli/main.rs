//! The real binary, used as people use it, against the embedded sandbox.
//!
//! Each test has a world of its own: a git repository, an empty home and environment, and a sandbox. Snapshots stand
//! beside the commands that they are of; what is different in each run has a placeholder.

#![allow(clippy::unwrap_used)]

mod actions;
mod airflow;
mod applied;
mod attribution;
mod basics;
mod board;
mod ci;
mod ci_drift;
mod code_bad;
mod code_more;
mod code_rights;
mod compute;
mod cost;
mod cost_keep;
mod cost_measured;
mod cutover;
mod dag_failure;
mod deadlines;
mod decisions;
mod deletes;
mod demo;
mod diagnose;
mod diagnose_docs;
mod diagnose_patch;
mod embedded;
mod emr_inventory;
mod explain;
mod failures;
mod first_hour;
mod forecast;
mod gcs;
mod graph;
mod guards;
mod help;
mod import;
mod import_airflow;
mod import_code;
mod import_files;
mod lakehouse;
mod lease;
mod log;
mod months;
mod mwaa;
mod onboard;
mod origins;
mod ownership;
mod pace;
mod packaging;
mod parity_causes;
mod parity_docs;
mod parity_promises;
mod parity_reports;
mod parity_setup;
mod parity_suggest;
mod parity_warehouse;
mod replay;
mod run;
mod run_code;
mod scale;
mod secrets;
mod selection;
mod server_filled;
mod shipped;
mod sla;
mod stands_on;
mod state;
mod teardown;
mod terminal;
mod token_command;
mod unfaithful;
mod unknown;
mod unread;
mod writeback;

// Not all of it is needed here.
#[allow(dead_code)]
#[path = "../support/github/mod.rs"]
mod github;
// Not all of it is needed here.
#[allow(dead_code)]
#[path = "../support/duckdb.rs"]
mod duckdb_support;
#[path = "../support/unfaithful_proxy.rs"]
mod unfaithful_proxy;
#[path = "../support/binary.rs"]
mod world;

/// Compares what a command showed with the snapshot beside it.
macro_rules! shows {
    ($ran:expr, @$snapshot:literal) => {
        insta::assert_snapshot!($ran.shown, @$snapshot)
    };
}
pub(crate) use shows;
