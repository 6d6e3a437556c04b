//! Deciding: desired against live, field by field, into a [`Plan`]. Pure and synchronous.

mod types;

pub use types::{Action, Blocked, Change, Commit, Counts, FieldChange, Note, Op, Origin, Plan, PlanFormat, Source};
