//! What the `ci` commands decide and write: what the runner says of the event, the comment of a pull request, what was
//! approved in it, and what the runner is told.

pub mod approval;
pub mod board;
pub mod comment;
pub mod diagnose;
pub mod drift;
pub mod environment;
pub mod issues;
pub mod post;
pub mod workflow;

pub use environment::{Event, EventPull, Runner};
