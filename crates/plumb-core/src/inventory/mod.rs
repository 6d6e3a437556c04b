//! What an AWS account has of EMR: pipelines instead of clusters, what each of them runs, on what, how long, and what it
//! depends on.
//!
//! [`EmrAccount`] is what the API said, as it said it; [`inventory()`] makes a summary of it, in which no secret is.

pub mod choose;
pub mod depends;
mod history;
pub mod input;
pub mod pattern;
mod pipeline;
pub mod proposal;
pub mod questions;
mod raw;
pub mod request;
pub mod serverless;
mod summary;
pub mod support;
pub mod written;

pub use depends::Depends;
pub use history::Spread;
pub use pipeline::{Bootstrap, ClusterRun, Configuration, EmrFailure, Nodes, Pipeline, PipelineStep};
pub use questions::ReadLimits;
pub use raw::{ClusterDetails, EmrAccount, FailedRead, JobRun, RawCluster, ServerlessApplication, text};
pub use serverless::{EmrApplication, Job};
pub use summary::{Inventory, NotAsked, SecurityConfiguration, UnreadPart, inventory};
