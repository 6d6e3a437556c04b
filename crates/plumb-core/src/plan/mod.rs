//! Deciding: desired against live, field by field, into a [`Plan`]. Pure and synchronous.

pub mod approval;
mod attribute;
pub mod compare;
mod decide;
pub mod digest;
pub mod drift;
mod earlier;
mod finish;
mod foreign;
pub mod guards;
mod live;
mod matching;
pub mod normal;
mod order;
mod origin;
mod orphans;
pub mod outcome;
mod partial;
pub mod references;
pub mod secrets;
mod selection;
mod served;
mod teardown;
mod types;
pub mod unknown;
mod unreadable;

#[cfg(test)]
#[path = "../../../../tests/support/plan_world.rs"]
mod plan_world;
#[cfg(test)]
mod tests;

pub use decide::{Decision, Input, Wanted, decide};
pub use earlier::{Base, Bases, Earlier};
pub use live::{Found, Live};
pub use origin::is_apart;
pub use partial::{Dangling, Partial};
pub use selection::Selection;
pub use types::{
    Action, Blocked, Change, Commit, Counts, FieldChange, Guard, Note, Op, Origin, Plan, PlanFormat, Source,
};
