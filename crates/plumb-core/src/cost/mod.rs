//! What runs took and cost: facts that are kept because services forget them, prices that are applied when they are shown,
//! and what can be said of the difference. Uses kinds and manifests; knows no service and no clock.
//!
//! A number that is not known is an interval with its reason, or missing, and never 0.

pub mod billing;
pub mod book;
pub mod break_even;
pub mod change;
pub mod compare;
pub mod databricks;
pub mod emr;
pub mod expected_end;
pub mod extra;
pub mod facts;
pub mod fetch;
pub mod merge;
mod nodes;
pub mod place;
pub mod price;
pub mod replay_use;
pub mod report;
pub mod run_end;
pub mod serverless;
pub mod sla;
pub mod under_way;

pub use book::Prices;
pub use extra::{Cheaper, is_cheaper};
