//! What the API says, as it says it: JSON, of which only the members that are needed here are looked at.
//!
//! Values may hold secrets. Whatever is shown goes through [`crate::detect`] first.

use super::questions::ReadLimits;
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
    /// Of how many runs and pipelines more was asked than the listing says.
    pub limits: ReadLimits,
}

/// A cluster. All of them are listed; what else is known of one depends on what was asked. `None` is: was not asked, which is
/// not the same as none.
#[derive(Clone, Debug, Default)]
pub struct RawCluster {
    /// Its entry of ListClusters: id, name, state, times, normalised instance hours.
    pub listed: Value,
    /// `Cluster` of DescribeCluster: of what lives, and of the newest two of a pipeline.
    pub described: Option<Value>,
    /// `Steps` of ListSteps, oldest first: of the newest runs of a pipeline.
    pub steps: Option<Vec<Value>>,
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
    /// A cluster of which all was asked.
    pub fn whole(described: Value, steps: Vec<Value>, details: Option<ClusterDetails>) -> Self {
        RawCluster { listed: described.clone(), described: Some(described), steps: Some(steps), details }
    }

    /// `j-…`.
    pub fn id(&self) -> String {
        self.said("/Id")
    }

    /// The name that was given to it.
    pub fn name(&self) -> String {
        self.said("/Name")
    }

    /// When it was asked for.
    pub fn created(&self) -> Option<Timestamp> {
        let pointer = "/Status/Timeline/CreationDateTime";
        time(&self.listed, pointer).or_else(|| time(self.described.as_ref()?, pointer))
    }

    /// What is known of every cluster: id, name, status, hours. A description is newer than the listing.
    pub fn summary(&self) -> &Value {
        self.described.as_ref().filter(|described| described["Status"]["State"].is_string()).unwrap_or(&self.listed)
    }

    /// The steps, as far as they were read.
    pub fn known_steps(&self) -> &[Value] {
        self.steps.as_deref().unwrap_or_default()
    }

    /// Clusters are told apart, grouped and sorted by the listing, whatever a description says.
    fn said(&self, pointer: &str) -> String {
        some_text(&self.listed, pointer)
            .unwrap_or_else(|| self.described.as_ref().map_or(String::new(), |d| text(d, pointer)))
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
