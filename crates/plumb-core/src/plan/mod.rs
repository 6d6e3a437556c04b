//! Deciding: desired against live, field by field, into a [`Plan`]. Pure and synchronous.

pub mod approval;
mod attribute;
mod calls;
mod code;
mod compact;
pub mod compare;
pub mod contents;
mod context;
mod cutover;
mod deadlines;
mod decide;
mod decisions;
pub mod digest;
pub mod drift;
mod earlier;
mod estimate;
mod finish;
mod foreign;
pub mod guards;
mod held;
mod links;
mod live;
mod lookup;
mod matching;
mod missing_systems;
mod missing_things;
pub mod normal;
mod order;
mod origin;
mod orphans;
pub mod outcome;
mod partial;
pub mod references;
pub mod secrets;
mod selection;
mod teardown;
mod types;
pub mod unknown;
mod unreadable;
mod verdict;
pub(crate) mod worked;

#[cfg(test)]
mod cutover_tests;
#[cfg(test)]
mod decisions_tests;
#[cfg(test)]
mod held_tests;
#[cfg(test)]
#[path = "../../../../tests/support/plan_world.rs"]
pub(crate) mod plan_world;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod worked_tests;

pub use calls::Calls;
pub use code::asked_code;
pub use compact::{Compact, SmallValue};
pub use contents::DestroyedContents;
pub use decide::{Decision, Input, WantedObject, decide};
pub use decisions::{DecisionPlace, forget_decisions};
pub use earlier::{Baseline, Baselines, Earlier};
pub use estimate::{Estimate, estimate};
pub use held::hold_back;
pub use links::{Forge, PlanLinks, RepositoryPages, WorkspacePages};
pub use live::{Live, LiveObject};
pub use origin::is_apart;
pub use partial::{Dangling, Partial};
pub use selection::Selection;
pub use types::{
    Action, Blocked, Change, ChangeOrigin, Commit, Counts, FieldChange, Guard, Note, Op, Plan, PlanFormat, SourceLine,
};
