//! plumb keeps a workspace equal to what git says: Databricks jobs, clusters, policies and pools from YAML manifests.
//!
//! ```text
//! git + files ──manifest──▶ Desired ┐
//!                                   ├─ plan: compare, decide, order ─▶ Plan ─┬─ render
//! services ─────observe───▶ Live    ┘          pure, synchronous             └─ apply ─▶ calls ─▶ services
//! ```
//!
//! A module only uses those to its right:
//! cli → ci → (apply, import) → (render, explain, observe) → (plan, translate) → manifest → kinds → detect →
//! (schema, yaml, call). Services and sandbox know no plan.

pub mod apply;
pub mod call;
pub mod ci;
pub mod cli;
pub mod detect;
pub mod emr;
pub mod explain;
pub mod git;
pub mod import;
pub mod kinds;
pub mod lease;
pub mod manifest;
pub mod observe;
pub mod plan;
pub mod render;
pub mod sandbox;
pub mod schema;
pub mod services;
pub mod settings;
pub mod translate;
pub mod ui;
pub mod writeback;
pub mod yaml;
