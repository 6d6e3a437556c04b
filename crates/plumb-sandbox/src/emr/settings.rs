//! Settings of the emulated EMR, for tests and demos: how long clusters and steps take, and how they end.

use crate::failure::{ClusterScenario, StepScenario};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The settings, read and merged through `/_sandbox/settings` under `emr`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmrSettings {
    /// Seconds that a cluster is starting, then bootstrapping, and in the end terminating; and that a change of its size
    /// takes. `null`: every look at the cluster (`DescribeCluster`, `DescribeStep`, `ListSteps`) shows it as it is and
    /// then moves it one state on. The same holds for an application of EMR Serverless (`GetApplication`).
    pub cluster_seconds: Option<i64>,
    /// Seconds that a step, or a job run of EMR Serverless, takes. `null`: until the next look.
    pub step_seconds: Option<i64>,
    /// How steps end, by the step's name. Job runs of EMR Serverless too, by their names.
    pub steps: BTreeMap<String, StepOutcome>,
    /// Clusters that fail to start, by their name.
    pub failures: BTreeMap<String, Failure>,
    /// Whether there are spot instances to be had. Without them a fleet waits for its timeout, and then does what its
    /// `TimeoutAction` says.
    pub spot_available: bool,
    /// Days that an ended cluster is still known.
    pub forget_days: i64,
    /// Days that an instance that ended is still listed. `null`: thirty, and as long as ended clusters are known where that was
    /// set.
    pub forget_instance_days: Option<i64>,
    /// Seconds from the end of a step to the moment at which its logs are in S3.
    pub log_delay_seconds: i64,
}

/// "only job flows created within the last two months" (DescribeJobFlows).
const FORGET_DAYS: i64 = 62;

impl EmrSettings {
    /// How many days an instance that ended is listed: "EC2 instances terminated within the last 30 days" (ListInstances).
    pub fn instance_days(&self) -> i64 {
        let usual = if self.forget_days == FORGET_DAYS { 30 } else { self.forget_days };
        self.forget_instance_days.unwrap_or(usual)
    }
}

impl Default for EmrSettings {
    fn default() -> Self {
        EmrSettings {
            cluster_seconds: None,
            step_seconds: None,
            steps: BTreeMap::new(),
            failures: BTreeMap::new(),
            spot_available: true,
            forget_days: FORGET_DAYS,
            forget_instance_days: None,
            log_delay_seconds: 0,
        }
    }
}

/// How a step ends.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StepOutcome {
    /// Whether it fails.
    pub fails: bool,
    /// `FailureDetails.Reason`, for example `Unknown Error.`
    pub reason: Option<String>,
    /// `FailureDetails.Message`, for example `Exit code 1`; `stateDetails` of a job run.
    pub message: Option<String>,
    /// How long it takes, instead of `step_seconds`.
    pub seconds: Option<i64>,
    /// Why it fails, in place of `fails`, `reason` and `message`: it leaves instances, logs and details that fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scenario: Option<StepScenario>,
}

/// Why a cluster fails to start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// A code of `ClusterStateChangeReasonCode`: `BOOTSTRAP_FAILURE`, `INSTANCE_FAILURE`, `VALIDATION_ERROR`,
    /// `INTERNAL_ERROR`.
    #[serde(default)]
    pub code: String,
    /// EMR's words.
    #[serde(default)]
    pub message: String,
    /// Why, in place of a code and a message: it leaves error details and logs that fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenario: Option<ClusterScenario>,
}
