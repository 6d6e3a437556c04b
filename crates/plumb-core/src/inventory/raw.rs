//! What the API says, as it says it: JSON, of which only the members that are needed here are looked at.
//!
//! Values may hold secrets. Whatever is shown goes through [`crate::detect`] first.

use crate::detect;
use crate::kinds::emr::api::time;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;

/// All that was read of an account.
#[derive(Clone, Debug, Default)]
pub struct EmrAccount {
    /// Oldest first.
    pub clusters: Vec<RawCluster>,
    pub serverless: Vec<ServerlessApplication>,
    /// By name; the text of each where it could be read (`DescribeSecurityConfiguration`).
    pub security: BTreeMap<String, Option<Value>>,
    pub unknown: Vec<FailedRead>,
}

/// A cluster.
#[derive(Clone, Debug)]
pub struct RawCluster {
    /// `Cluster` of DescribeCluster.
    pub described: Value,
    /// `Steps` of ListSteps, oldest first.
    pub steps: Vec<Value>,
    /// Only of the newest cluster of a pipeline.
    pub details: Option<ClusterDetails>,
}

/// What single reads say of a cluster. `None` is: could not be read, which is not the same as none.
#[derive(Clone, Debug, Default)]
pub struct ClusterDetails {
    /// `InstanceGroups` of ListInstanceGroups. Empty where the cluster has fleets.
    pub groups: Option<Vec<Value>>,
    /// `InstanceFleets` of ListInstanceFleets. Empty where the cluster has groups.
    pub fleets: Option<Vec<Value>>,
    /// `BootstrapActions` of ListBootstrapActions.
    pub bootstrap: Option<Vec<Value>>,
    /// The answer of GetManagedScalingPolicy.
    pub managed_scaling: Option<Value>,
    /// The answer of GetAutoTerminationPolicy.
    pub auto_termination: Option<Value>,
}

/// An application of EMR Serverless.
#[derive(Clone, Debug)]
pub struct ServerlessApplication {
    /// `application` of GetApplication.
    pub described: Value,
    /// `jobRuns` of ListJobRuns; `None` where they could not be read.
    pub runs: Option<Vec<JobRun>>,
}

/// A job run of EMR Serverless.
#[derive(Clone, Debug)]
pub struct JobRun {
    /// The entry of ListJobRuns.
    pub listed: Value,
    /// `jobRun` of GetJobRun, only of the newest run of a job.
    pub described: Option<Value>,
}

/// Something that the service would not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedRead {
    /// `GetManagedScalingPolicy`.
    pub what: String,
    /// The cluster or application; empty for what the account has.
    pub of: String,
    pub why: String,
}

impl RawCluster {
    /// `j-…`.
    pub fn id(&self) -> String {
        text(&self.described, "/Id")
    }

    /// The name that was given to it.
    pub fn name(&self) -> String {
        text(&self.described, "/Name")
    }

    /// When it was asked for.
    pub fn created(&self) -> Option<Timestamp> {
        time(&self.described, "/Status/Timeline/CreationDateTime")
    }
}

impl ServerlessApplication {
    /// `00f8…`.
    pub fn id(&self) -> String {
        text(&self.described, "/applicationId")
    }
}

/// A text of an answer with no secret in it; empty where there is none.
pub fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).map(detect::masked).unwrap_or_default()
}

/// The same, where empty is none.
pub fn some_text(value: &Value, pointer: &str) -> Option<String> {
    Some(text(value, pointer)).filter(|text| !text.is_empty())
}

/// A list of an answer; empty where there is none.
pub fn list<'v>(value: &'v Value, pointer: &str) -> &'v [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Arguments without secrets.
pub fn arguments(value: &Value, pointer: &str) -> Vec<String> {
    let args: Vec<&str> = list(value, pointer).iter().filter_map(Value::as_str).collect();
    detect::masked_arguments(&args)
}

/// Seconds from one time to another.
pub fn seconds(from: Option<Timestamp>, to: Option<Timestamp>) -> Option<u64> {
    u64::try_from(to?.as_second().checked_sub(from?.as_second())?).ok()
}
