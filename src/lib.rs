//! plumb keeps a workspace equal to what git says: Databricks jobs, clusters, policies and pools, Airflow schedules, and
//! the teardown of EMR, from YAML manifests.
//!
//! ```text
//! git + files ──manifest──▶ Desired ┐
//!                                   ├─ plan: compare, decide, order ─▶ Plan ─┬─ render
//! services ─────observe───▶ Live    ┘          pure, synchronous             └─ apply ─▶ calls ─▶ services
//! ```
//!
//! What decides is in `plumb-core`, on the words of `plumb-model`; here is what touches the world. A module only uses those
//! to its right: cli → ci → apply → (explain, observe, engines, logs) → (services, git, disk) → `plumb-core` → `plumb-model`.

pub mod apply;
pub mod ci;
pub mod cli;
pub mod disk;
pub mod engines;
pub mod explain;
pub mod git;
pub mod lease;
pub mod logs;
pub mod observe;
pub mod services;
pub mod settings;
pub mod ui;

// What tests share names the crate as those outside of it do.
#[cfg(test)]
extern crate self as plumb;

#[cfg(test)]
#[allow(dead_code)]
#[path = "../tests/support/duckdb.rs"]
mod duckdb_support;
#[cfg(test)]
#[path = "../tests/support/plan_world.rs"]
mod plan_world;
