//! What an AWS account has of EMR: pipelines instead of clusters, what each of them runs, on what, how long, and what it
//! depends on.
//!
//! [`read()`] is the only part that talks to anybody. It keeps what the API says as it says it ([`EmrAccount`]); [`inventory`]
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
pub use inventory::{Inventory, SecurityConfiguration, UnreadPart, inventory};
pub use pipeline::{Bootstrap, ClusterRun, Configuration, EmrFailure, Nodes, Pipeline, PipelineStep};
pub use raw::{ClusterDetails, EmrAccount, FailedRead, JobRun, RawCluster, ServerlessApplication};
pub use serverless::{EmrApplication, Job};
