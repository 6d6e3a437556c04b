//! Showing: pure functions of what they show.

mod problems;

pub use problems::{problems, problems_json};
