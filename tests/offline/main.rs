//! What is tested without another program and without a server of the outside: texts, files, schemas, documents, the sources
//! themselves, and the clients against servers of the tests' own.

// Clippy exempts the tests themselves, not the functions that they share.
#![allow(clippy::unwrap_used)]

mod airflow_client;
mod airflow_sandbox;
mod dag_callback;
mod dag_repair;
mod develop;
mod docs;
mod github_client;
mod golden_code;
mod golden_plans;
mod import;
mod inventory;
mod manifests;
mod newest;
mod pace;
mod packaging;
mod parity_reports;
mod reference;
mod render;
mod render_compact;
mod sandbox_answers;
mod sandbox_state;
mod schemas;
mod services;
mod statements;
mod structure;
mod threads;
mod translate;
mod words;

// Not all of it is needed here.
#[allow(dead_code)]
#[path = "../support/duckdb.rs"]
mod duckdb_support;
// Not all of it is needed here.
#[allow(dead_code)]
#[path = "../support/github/mod.rs"]
mod github;
#[path = "../support/plan_world.rs"]
mod plan_world;
#[path = "../support/parity_reports.rs"]
mod reports;
// Not all of it is needed here.
#[allow(dead_code)]
#[path = "../support/server.rs"]
mod server;
// Not all of it is needed here.
#[allow(dead_code)]
#[path = "../support/translations.rs"]
mod translations;
