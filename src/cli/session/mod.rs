//! What most commands begin with: load the project, connect to its target, decide.

mod connect;
mod decide;
mod learnt;
mod load;

pub use connect::Session;
pub use decide::Decided;
pub use load::{Project, at, kept_runs_in, problems, request_as, usage, with_source};
