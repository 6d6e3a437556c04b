//! Parity: whether the new pipeline wrote what the old one wrote.
//!
//! A [`plan`] of one output becomes SQL of a dialect ([`sql`]); the rows that an engine answers become a [`result`]. Nothing
//! here runs SQL, reads a file or knows the time: `src/engines` does.

pub mod bytes;
pub mod causes;
pub(crate) mod dates;
pub mod engine;
pub mod explain;
pub mod files;
pub mod footers;
pub mod json_numbers;
pub mod mask;
pub mod period;
pub mod plan;
pub mod replay;
pub mod resolve;
pub mod result;
pub mod rules;
pub mod schema;
pub mod signature;
pub mod sql;
pub mod suggest;
pub mod verdict;

pub use plumb_model::types;
