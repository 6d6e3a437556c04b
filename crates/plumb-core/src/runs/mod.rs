//! A run of a job that somebody started and follows: what it may be given, and what the service says of it.

mod parameters;
mod state;

pub use parameters::{ParameterFault, RunParameters, run_parameters};
pub use state::{FollowedRun, FollowedTask, RunStanding, RunVerdict};
