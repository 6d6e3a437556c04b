//! plumb keeps a workspace equal to what git says: Databricks jobs, clusters, policies and pools from YAML manifests.
//!
//! ```text
//! git + files ──manifest──▶ Desired ┐
//!                                   ├─ plan: compare, decide, order ─▶ Plan ─┬─ render
//! services ─────observe───▶ Live    ┘          pure, synchronous             └─ apply ─▶ calls ─▶ services
//! ```
//!
//! A module only uses those to its right:
//! cli → (apply, render, explain, observe) → plan → manifest → kinds → (schema, yaml, call).
//! Services and sandbox know no plan.

pub mod call;
pub mod kinds;
pub mod manifest;
pub mod plan;
pub mod render;
pub mod schema;
pub mod yaml;
