//! EMR clusters and their steps: states, state changes, and the shapes of DescribeCluster and DescribeStep.

use super::instances::{Fleet, Group};
use super::replies::time;
use crate::failure::{ClusterScenario, StepScenario};
use crate::store::Store;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// A cluster's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EmrClusterState {
    Starting,
    Bootstrapping,
    Running,
    Waiting,
    Terminating,
    Terminated,
    TerminatedWithErrors,
}

/// The names of all states of a cluster.
pub const CLUSTER_STATES: [&str; 7] =
    ["STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING", "TERMINATING", "TERMINATED", "TERMINATED_WITH_ERRORS"];

impl EmrClusterState {
    /// The name that the API has for it.
    pub fn name(self) -> &'static str {
        match self {
            EmrClusterState::Starting => "STARTING",
            EmrClusterState::Bootstrapping => "BOOTSTRAPPING",
            EmrClusterState::Running => "RUNNING",
            EmrClusterState::Waiting => "WAITING",
            EmrClusterState::Terminating => "TERMINATING",
            EmrClusterState::Terminated => "TERMINATED",
            EmrClusterState::TerminatedWithErrors => "TERMINATED_WITH_ERRORS",
        }
    }

    /// Whether it is over.
    pub fn has_ended(self) -> bool {
        matches!(self, EmrClusterState::Terminated | EmrClusterState::TerminatedWithErrors)
    }

    /// Whether it takes steps and changes.
    pub fn is_active(self) -> bool {
        !self.has_ended() && self != EmrClusterState::Terminating
    }
}

/// A step's state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StepState {
    #[default]
    Pending,
    CancelPending,
    Running,
    Completed,
    Cancelled,
    Failed,
    Interrupted,
}

/// The names of all states of a step.
pub const STEP_STATES: [&str; 7] =
    ["PENDING", "CANCEL_PENDING", "RUNNING", "COMPLETED", "CANCELLED", "FAILED", "INTERRUPTED"];

impl StepState {
    /// The name that the API has for it.
    pub fn name(self) -> &'static str {
        match self {
            StepState::Pending => "PENDING",
            StepState::CancelPending => "CANCEL_PENDING",
            StepState::Running => "RUNNING",
            StepState::Completed => "COMPLETED",
            StepState::Cancelled => "CANCELLED",
            StepState::Failed => "FAILED",
            StepState::Interrupted => "INTERRUPTED",
        }
    }

    /// Whether it still counts against the 256 steps that a cluster may have.
    pub fn is_active(self) -> bool {
        matches!(self, StepState::Pending | StepState::Running | StepState::CancelPending)
    }
}

/// Why a state was entered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl Reason {
    /// A reason with EMR's code for it.
    pub fn coded(code: &str, message: &str) -> Self {
        Reason { code: Some(code.to_owned()), message: Some(message.to_owned()) }
    }

    /// A reason in words alone.
    pub fn said(message: &str) -> Self {
        Reason { code: None, message: Some(message.to_owned()) }
    }

    /// `StateChangeReason`.
    pub fn shown(&self) -> Value {
        let mut reason = json!({});
        for (name, part) in [("Code", &self.code), ("Message", &self.message)] {
            if let Some(text) = part {
                reason[name] = json!(text);
            }
        }
        reason
    }
}

/// A step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Step {
    pub id: String,
    /// The step as it was requested.
    pub asked: Value,
    /// The runtime role, which only DescribeStep shows.
    pub role: Option<String>,
    pub phase: StepState,
    pub created: i64,
    pub started: Option<i64>,
    pub ended: Option<i64>,
    /// `FailureDetails`.
    pub failure: Option<Value>,
    /// How long it takes, where it is known better than by the settings.
    pub seconds: Option<i64>,
    /// Why it failed, where there is a story to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scenario: Option<StepScenario>,
    /// Whether its logs have been delivered.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub told: bool,
}

impl Step {
    /// Its name.
    pub fn name(&self) -> &str {
        self.asked["Name"].as_str().unwrap_or_default()
    }

    /// What is to be done when it fails.
    pub fn on_failure(&self) -> &str {
        // The model has no default; the API reference of StepConfig names TERMINATE_CLUSTER for compatibility.
        self.asked["ActionOnFailure"].as_str().unwrap_or("TERMINATE_CLUSTER")
    }

    /// The step as listings have it.
    pub fn shown(&self) -> Value {
        let jar = &self.asked["HadoopJarStep"];
        let mut config = json!({ "Jar": jar["Jar"], "Args": jar["Args"].as_array().cloned().unwrap_or_default() });
        let pairs = jar["Properties"].as_array().into_iter().flatten();
        let properties: Map<String, Value> =
            pairs.filter_map(|pair| Some((pair["Key"].as_str()?.to_owned(), pair["Value"].clone()))).collect();
        config["Properties"] = properties.into();
        if let Some(class) = jar["MainClass"].as_str() {
            config["MainClass"] = json!(class);
        }
        let mut timeline = json!({ "CreationDateTime": time(self.created) });
        if let Some(started) = self.started {
            timeline["StartDateTime"] = time(started);
        }
        if let Some(ended) = self.ended {
            timeline["EndDateTime"] = time(ended);
        }
        let mut status = json!({ "State": self.phase.name(), "StateChangeReason": {}, "Timeline": timeline });
        if let Some(failure) = &self.failure {
            status["FailureDetails"] = failure.clone();
        }
        let mut step = json!({ "Id": self.id, "Name": self.name(), "Config": config,
            "ActionOnFailure": self.on_failure(), "Status": status });
        let log = &self.asked["StepMonitoringConfiguration"]["S3MonitoringConfiguration"];
        for (from, to) in [("LogUri", "LogUri"), ("EncryptionKeyArn", "EncryptionKeyArn")] {
            if let Some(text) = log[from].as_str() {
                step[to] = json!(text);
            }
        }
        step
    }
}

/// A cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EmrCluster {
    pub id: String,
    pub arn: String,
    /// The request that made the cluster (RunJobFlow), without what has a member of its own here.
    pub asked: Value,
    pub phase: EmrClusterState,
    /// When this state was entered.
    pub since: i64,
    pub created: i64,
    #[serde(default)]
    pub ready: Option<i64>,
    #[serde(default)]
    pub ended: Option<i64>,
    #[serde(default)]
    pub reason: Reason,
    /// `ErrorDetails`.
    #[serde(default)]
    pub errors: Vec<Value>,
    /// How it will have ended, once it is terminating.
    #[serde(default)]
    pub ending: Option<EmrClusterState>,
    pub keep_alive: bool,
    pub protected: bool,
    pub replacement: bool,
    pub visible: bool,
    pub concurrency: i64,
    #[serde(default)]
    pub extended_support: Option<bool>,
    /// In the order of the requests.
    #[serde(default)]
    pub steps: Vec<Step>,
    #[serde(default)]
    pub groups: Vec<Group>,
    #[serde(default)]
    pub fleets: Vec<Fleet>,
    #[serde(default)]
    pub tags: Vec<(String, String)>,
    /// `ManagedScalingPolicy`.
    #[serde(default)]
    pub scaling: Option<Value>,
    /// `AutoTerminationPolicy`.
    #[serde(default)]
    pub idle: Option<Value>,
    /// From when the idle time counts.
    #[serde(default)]
    pub idle_from: i64,
    /// How many ids were given to parts of it.
    #[serde(default)]
    pub made: u64,
    /// Why it did not start, where there is a story to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenario: Option<ClusterScenario>,
    /// Whether the logs of that have been delivered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub told: bool,
}

/// Members of RunJobFlow that DescribeCluster shows as they were requested.
const SHOWN: [&str; 17] = [
    "LogUri",
    "LogEncryptionKmsKeyId",
    "ReleaseLabel",
    "ServiceRole",
    "SecurityConfiguration",
    "AutoScalingRole",
    "ScaleDownBehavior",
    "CustomAmiId",
    "EbsRootVolumeSize",
    "EbsRootVolumeIops",
    "EbsRootVolumeThroughput",
    "RepoUpgradeOnBoot",
    "KerberosAttributes",
    "OSReleaseLabel",
    "MonitoringConfiguration",
    "SessionEnabled",
    "Configurations",
];

impl EmrCluster {
    /// Its name.
    pub fn name(&self) -> &str {
        self.asked["Name"].as_str().unwrap_or_default()
    }

    /// Whether it is made of instance fleets.
    pub fn has_fleets(&self) -> bool {
        !self.fleets.is_empty()
    }

    /// The major and minor version of its release: `emr-6.15.0` is (6, 15).
    pub fn release(&self) -> (u32, u32) {
        super::releases::version(self.asked["ReleaseLabel"].as_str().unwrap_or_default()).unwrap_or_default()
    }

    /// An id for a part of it.
    pub fn part(&mut self, prefix: &str, length: usize) -> String {
        self.made += 1;
        super::id(prefix, self.number().wrapping_add(self.made), length)
    }

    /// An id as EC2 makes them.
    pub fn ec2(&mut self) -> String {
        self.made += 1;
        let seed = self.number().wrapping_add(self.made);
        format!("i-0{}", Store::scrambled(seed))
    }

    /// A number of its own, out of its id.
    fn number(&self) -> u64 {
        self.id
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }

    fn status(&self) -> Value {
        let mut timeline = json!({ "CreationDateTime": time(self.created) });
        if let Some(ready) = self.ready {
            timeline["ReadyDateTime"] = time(ready);
        }
        if let Some(ended) = self.ended {
            timeline["EndDateTime"] = time(ended);
        }
        let mut status =
            json!({ "State": self.phase.name(), "StateChangeReason": self.reason.shown(), "Timeline": timeline });
        if !self.errors.is_empty() {
            status["ErrorDetails"] = json!(self.errors);
        }
        status
    }

    /// The cluster as ListClusters has it.
    pub fn summary(&self, now: i64) -> Value {
        json!({ "Id": self.id, "Name": self.name(), "Status": self.status(),
            "NormalizedInstanceHours": self.hours(now), "ClusterArn": self.arn })
    }

    /// The cluster as DescribeCluster has it.
    pub fn described(&self, now: i64) -> Value {
        let mut shown = self.summary(now);
        shown["Ec2InstanceAttributes"] = self.placement();
        shown["InstanceCollectionType"] = json!(if self.has_fleets() { "INSTANCE_FLEET" } else { "INSTANCE_GROUP" });
        shown["AutoTerminate"] = json!(!self.keep_alive);
        shown["TerminationProtected"] = json!(self.protected);
        shown["UnhealthyNodeReplacement"] = json!(self.replacement);
        shown["VisibleToAllUsers"] = json!(self.visible);
        shown["StepConcurrencyLevel"] = json!(self.concurrency);
        shown["Applications"] = super::releases::applications(&self.asked).into();
        shown["Tags"] = self.tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
        shown["Configurations"] = json!([]);
        shown["KerberosAttributes"] = json!({});
        shown["PlacementGroups"] = self.asked.get("PlacementGroupConfigs").cloned().unwrap_or_else(|| json!([]));
        for name in SHOWN {
            if let Some(value) = self.asked.get(name).filter(|value| !value.is_null()) {
                shown[name] = value.clone();
            }
        }
        if let Some(extended) = self.extended_support {
            shown["ExtendedSupport"] = json!(extended);
        }
        if self.ready.is_some() {
            shown["MasterPublicDnsName"] = json!(self.primary_host());
        }
        shown
    }

    /// `Ec2InstanceAttributes`.
    fn placement(&self) -> Value {
        let instances = &self.asked["Instances"];
        let region = self.arn.split(':').nth(3).unwrap_or_default();
        let mut out = json!({ "AdditionalMasterSecurityGroups": [], "AdditionalSlaveSecurityGroups": [],
            "RequestedEc2SubnetIds": [], "RequestedEc2AvailabilityZones": [] });
        for name in [
            "Ec2KeyName",
            "Ec2SubnetId",
            "EmrManagedMasterSecurityGroup",
            "EmrManagedSlaveSecurityGroup",
            "ServiceAccessSecurityGroup",
            "AdditionalMasterSecurityGroups",
            "AdditionalSlaveSecurityGroups",
        ] {
            if let Some(value) = instances.get(name).filter(|value| !value.is_null()) {
                out[name] = value.clone();
            }
        }
        // Of several subnets EMR chooses one; here it is the first.
        if let Some(subnets) = instances["Ec2SubnetIds"].as_array() {
            out["RequestedEc2SubnetIds"] = json!(subnets);
            out["Ec2SubnetId"] = subnets.first().cloned().unwrap_or_default();
        } else if let Some(subnet) = instances["Ec2SubnetId"].as_str() {
            out["RequestedEc2SubnetIds"] = json!([subnet]);
        }
        let zone = instances["Placement"]["AvailabilityZone"].as_str().map(str::to_owned);
        out["Ec2AvailabilityZone"] = json!(zone.unwrap_or_else(|| format!("{region}a")));
        out["IamInstanceProfile"] = self.asked["JobFlowRole"].clone();
        out
    }

    fn primary_host(&self) -> String {
        let bytes = self.number().to_be_bytes();
        let region = self.arn.split(':').nth(3).unwrap_or_default();
        format!("ip-10-{}-{}-{}.{region}.compute.internal", bytes[5], bytes[6], bytes[7])
    }
}
