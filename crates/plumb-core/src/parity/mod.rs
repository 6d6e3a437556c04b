//! Parity: whether the new pipeline wrote what the old one wrote.
//!
//! A [`plan`] of one output becomes SQL of a dialect ([`sql`]); the rows that an engine answers become a [`result`]. Nothing
//! here runs SQL, reads a file or knows the time: `src/engines` does.

pub mod bytes;
pub mod files;
pub mod footers;
pub mod plan;
pub mod result;
pub mod sql;
pub mod types;
