//! What the `ci` commands decide: what the runner says of the event, what a comment looks like, what was approved. Pure but
//! for reading the event's file; sending is the services'.

pub mod drift;
pub mod environment;

pub use environment::{Event, EventPull, Runner};
