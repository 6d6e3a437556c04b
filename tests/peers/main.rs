//! What is tried against programs that we did not write: real Airflows, moto, Databricks' own SDK and CLI, boto3, actionlint,
//! Chromium, yaml-language-server.
//! Each is set up by the tests themselves, out of what `setup.sh` and the requirements beside it say.

// Clippy exempts the tests themselves, not the functions that they share.
#![allow(clippy::unwrap_used)]

mod airflow_dag;
mod airflow_real;
mod board_page;
mod comment;
mod editor;
mod emr;
mod emr_sandbox;
mod gcs;
mod inventory_page;
mod mwaa;
mod packaging;
mod pages;
mod parity;
mod parity_s3;
mod parity_workflow;
mod plan_page;
mod sandbox;
mod workflows;

// Not all of it is needed here.
#[allow(dead_code)]
#[path = "../support/duckdb.rs"]
mod duckdb_support;
// Not all of it is needed here.
#[allow(dead_code)]
#[path = "../offline/golden_code.rs"]
mod golden_code;
#[path = "../offline/golden_plans.rs"]
mod golden_plans;
// Not all of it is needed here.
#[allow(dead_code)]
#[path = "../support/moto.rs"]
mod moto;
#[path = "../support/page_plans.rs"]
mod page_plans;
#[path = "../support/plan_world.rs"]
mod plan_world;
#[path = "../support/parity_reports.rs"]
mod reports;
// Not all of it is needed here.
#[allow(dead_code)]
#[path = "../support/world.rs"]
mod world;
