//! Runs, steps and DAG runs that fail for a real reason, and the evidence that such a failure leaves everywhere: states,
//! instances, events, outputs, logs where they are delivered to.
//!
//! A scenario is chosen by name, for one job, step, cluster or DAG (see the settings and seeds of each system). Its log
//! files are templates (`data/`), whose wordings are those that the programs print; times are parts of the span that the
//! run took, so that all evidence tells one story by the sandbox's clock. What any reader makes of it is none of the
//! sandbox's business: it has no list of failures, only these stories.

pub(crate) mod airflow;
#[cfg(test)]
mod airflow_tests;
pub(crate) mod cast;
mod data;
pub(crate) mod databricks;
#[cfg(test)]
mod databricks_tests;
pub(crate) mod emr;
pub(crate) mod template;
#[cfg(test)]
mod tests;

pub(crate) use data::named as template_named;

pub use airflow::DagScript;
pub use databricks::RunScenario;
pub use emr::{ClusterScenario, StepScenario};
