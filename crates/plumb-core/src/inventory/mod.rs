//! What an AWS account has of EMR: pipelines instead of clusters, what each of them runs, on what, how long, and what it
//! depends on.
//!
//! [`read()`] is the only part that talks to anybody. It keeps what the API says as it says it ([`Account`]); [`inventory`]
//! makes a summary of it, in which no secret is.

pub mod choose;
pub mod depends;
mod history;
pub mod input;
mod inventory;
pub mod pattern;
mod pipeline;
mod raw;
pub mod serverless;

pub use depends::Depends;
pub use history::Spread;
pub use inventory::{Inventory, SecurityConfiguration, Unread, inventory};
pub use pipeline::{Bootstrap, Configuration, Failure, Nodes, Pipeline, Run, Step};
pub use raw::{Account, Cluster, Details, JobRun, ServerlessApplication, Unknown};
pub use serverless::{Application, Job};
