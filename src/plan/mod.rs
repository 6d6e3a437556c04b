//! Deciding: desired against live, field by field, into a [`Plan`]. Pure and synchronous.

pub mod compare;
mod decide;
pub mod guards;
mod live;
pub mod normal;
mod order;
pub mod references;
pub mod secrets;
mod types;

pub use decide::{Base, Bases, Decision, Input, Selection, Wanted, decide};
pub use live::{Found, Live};
pub use types::{
    Action, Blocked, Change, Commit, Counts, FieldChange, Guard, Note, Op, Origin, Plan, PlanFormat, Source,
};
