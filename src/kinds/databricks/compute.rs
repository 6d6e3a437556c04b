//! What job clusters and all-purpose clusters have in common.

use super::{
    storage::{DockerImage, InitScript, LogDestination},
    undeclared::{Settings, is_absent},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Defines a cluster type: its own members, and all that job clusters and all-purpose clusters share.
///
/// It is a macro because `serde(flatten)` would lose the places of values and the refusal of unknown members.
macro_rules! cluster {
    ($(#[$attribute:meta])* pub struct $name:ident { $($own:tt)* }) => {
        $(#[$attribute])*
        #[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
        #[schemars(deny_unknown_fields, transform = is_absent)]
        #[schemars(extend("x-plumb" = {"policy": "policy_id", "why": "databricks/cli PR 6531: with a policy_id, fields that only the live cluster has come from the policy"}))]
        pub struct $name {
            $($own)*
            /// Whether values that the policy gives as defaults are used for what is not set here.
            #[schemars(extend("x-plumb" = {"write_only": true, "why": "databricks/cli testserver: never returned (clusters/get has it only below `spec`)"}))]
            pub apply_policy_default_values: Option<bool>,
            /// Bounds between which the number of workers follows the load. Excludes `num_workers`.
            #[schemars(extend("x-plumb" = {"apart": true, "why": "clusters/resize changes the size of a running cluster and nothing else, so not its tags either"}))]
            pub autoscale: Option<Autoscale>,
            /// Minutes without activity after which the cluster stops: 10 to 10000, or 0 for never.
            #[schemars(extend("x-plumb" = {"default": 0, "why": "databricks-sdk-java compute.ClusterSpec: a cluster without it never stops by itself"}))]
            pub autotermination_minutes: Option<i64>,
            /// Settings for clusters on AWS.
            #[schemars(extend("x-plumb" = {"unset": "server", "why": "databricks/cli testserver: availability and zone_id are filled in; Terraform provider clusters: suppressed, also when the block is removed"}))]
            pub aws_attributes: Option<AwsAttributes>,
            /// Settings for clusters on Azure.
            #[schemars(extend("x-plumb" = {"unset": "server", "why": "Terraform provider clusters: suppressed, also when the block is removed"}))]
            pub azure_attributes: Option<AzureAttributes>,
            /// Settings for clusters on Google Cloud.
            #[schemars(extend("x-plumb" = {"unset": "server", "why": "Terraform provider clusters: suppressed, also when the block is removed"}))]
            pub gcp_attributes: Option<GcpAttributes>,
            /// Where Spark's logs are delivered, every five minutes.
            pub cluster_log_conf: Option<LogDestination>,
            /// Tags for the cloud resources: 45 at most.
            #[schemars(extend("x-plumb" = {"ignore_keys": ["ResourceClass"], "why": "tags describe; policies, pools and finance tools add their own (Terraform provider issue 1994); databricks-sdk-java compute.ClusterSpec: the service adds one for is_single_node"}))]
            pub custom_tags: Option<std::collections::BTreeMap<String, String>>,
            /// Who may use the cluster, and how users are kept apart.
            #[schemars(extend("x-plumb" = {
                "unset": "server",
                "alias": [["SINGLE_USER", "DATA_SECURITY_MODE_DEDICATED"], ["USER_ISOLATION", "DATA_SECURITY_MODE_STANDARD"]],
                "any_if": ["DATA_SECURITY_MODE_AUTO"],
                "filled": ["SINGLE_USER"],
                "why": "databricks/cli testserver: SINGLE_USER when empty; Terraform provider clusters: old and new names are the same, AUTO equals either",
            }))]
            pub data_security_mode: Option<DataSecurityMode>,
            /// Where dependencies come from: cluster libraries or environments.
            #[schemars(extend("x-plumb" = {"unset": "server", "why": "databricks-sdk-java compute.DependencyMode: AUTO lets the service choose by the rest of the configuration"}))]
            pub dependency_mode: Option<DependencyMode>,
            /// A container image to start nodes from.
            pub docker_image: Option<DockerImage>,
            /// The pool that the driver comes from, when not `instance_pool_id`.
            #[schemars(extend("x-plumb" = {"unset": "server", "why": "Terraform provider clusters: computed (the workers' pool)"}))]
            pub driver_instance_pool_id: Option<String>,
            /// Machine types to fall back to for the driver.
            #[schemars(extend("x-plumb" = {"unset": "server", "why": "a workspace can switch flexible node types on for all clusters; fallbacks only widen what may be launched"}))]
            pub driver_node_type_flexibility: Option<NodeTypeFlexibility>,
            /// The driver's machine type, when not that of the workers.
            #[schemars(extend("x-plumb" = {"unset": "server", "why": "databricks/cli testserver: filled in from node_type_id; Terraform provider clusters: computed"}))]
            pub driver_node_type_id: Option<String>,
            /// Whether nodes get more disk by themselves when they run short of it.
            #[schemars(extend("x-plumb" = {"unset": "server", "why": "databricks/cli testserver: always present; Terraform provider clusters: computed (issue 3560)"}))]
            pub enable_elastic_disk: Option<bool>,
            /// Whether the nodes' local disks are encrypted.
            #[schemars(extend("x-plumb" = {"unset": "server", "why": "Terraform provider clusters: computed"}))]
            pub enable_local_disk_encryption: Option<bool>,
            /// Scripts that run on every node before Spark starts, in this order: 10 at most.
            pub init_scripts: Option<Vec<InitScript>>,
            /// The pool that the workers come from, and the driver too unless `driver_instance_pool_id` says otherwise.
            pub instance_pool_id: Option<String>,
            /// Whether there is only a driver. Needs `kind`; the service then sets the Spark properties and tags of a
            /// single node.
            pub is_single_node: Option<bool>,
            /// The simple form of a cluster, which `is_single_node` and `use_ml_runtime` belong to.
            #[schemars(extend("x-plumb" = {"unset": "server", "why": "a cluster made by the workspace's simple form has it; it changes nothing by itself"}))]
            pub kind: Option<ClusterForm>,
            /// The workers' machine type.
            #[schemars(extend("x-plumb" = {"unset": "server", "why": "Terraform provider clusters: computed (the pool's or the policy's)"}))]
            pub node_type_id: Option<String>,
            /// How many workers; 0 is a single node. Excludes `autoscale`.
            #[schemars(extend("x-plumb" = {"default": 0, "apart": true, "why": "Terraform provider clusters: 0 is sent when there is no autoscale; clusters/resize changes nothing but the size"}))]
            pub num_workers: Option<i64>,
            /// The cluster policy that the cluster obeys.
            pub policy_id: Option<String>,
            /// Throughput of remote disks in Mb/s. Google Cloud only.
            pub remote_disk_throughput: Option<i64>,
            /// The engine: Photon or the standard one.
            #[schemars(extend("x-plumb" = {"default": "STANDARD", "why": "databricks-sdk-java compute.ClusterSpec: standard unless a (legacy) spark_version contains -photon-"}))]
            pub runtime_engine: Option<RuntimeEngine>,
            /// The only user or group of a cluster in single-user mode.
            #[schemars(extend("x-plumb" = {"unset": "server", "fold_case": true, "filled": true, "why": "databricks/cli testserver: the creator, in single-user mode; user names are lower-cased (Terraform provider issue 5183)"}))]
            pub single_user_name: Option<String>,
            /// Spark properties.
            #[schemars(extend("x-plumb" = {
                "secret": "by_name",
                "ignore_keys": ["spark.databricks.delta.preview.enabled", "spark.databricks.cluster.profile", "spark.master"],
                "why": "Terraform provider clusters: the service adds the Delta preview key; databricks-sdk-java compute.ClusterSpec: it adds the other two for is_single_node",
            }))]
            pub spark_conf: Option<Settings>,
            /// Environment variables of driver and workers.
            #[schemars(extend("x-plumb" = {"secret": "by_name", "why": "passwords are often passed this way; tools keep them in plain text (databricks/cli state files)"}))]
            pub spark_env_vars: Option<Settings>,
            /// Public keys that may log in to the nodes as `ubuntu`: 10 at most.
            #[schemars(extend("x-plumb" = {"set": true, "why": "each key is authorised by itself"}))]
            pub ssh_public_keys: Option<Vec<String>>,
            /// Size of the remote disks at the start, in GB. Google Cloud only.
            pub total_initial_remote_disk_size: Option<i64>,
            /// Whether the machine-learning variant of the runtime is used. Needs `kind`.
            pub use_ml_runtime: Option<bool>,
            /// Machine types to fall back to for the workers.
            #[schemars(extend("x-plumb" = {"unset": "server", "why": "a workspace can switch flexible node types on for all clusters; fallbacks only widen what may be launched"}))]
            pub worker_node_type_flexibility: Option<NodeTypeFlexibility>,
            /// Which sorts of work may attach.
            #[schemars(extend("x-plumb" = {"unset": "server", "why": "Terraform provider clusters: both clients default to true"}))]
            pub workload_type: Option<WorkloadType>,
        }
    };
}
pub(super) use cluster;

cluster! {
    /// A cluster that a job starts for itself and ends when it is done.
    pub struct NewCluster {
        /// The runtime: `15.4.x-scala2.12`. May come from the policy.
        pub spark_version: Option<String>,
        /// Has no effect here: the service names job clusters after job and run.
        #[schemars(extend("x-plumb" = {"unset": "server", "why": "databricks-sdk-java compute.ClusterSpec: a job cluster is named after its job and run"}))]
        pub cluster_name: Option<String>,
    }
}

/// Bounds of the number of workers.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Autoscale {
    /// The most workers.
    pub max_workers: Option<i64>,
    /// The fewest workers, which is also how many there are at the start.
    pub min_workers: Option<i64>,
}

/// Settings of a cluster on AWS. What is left out is chosen by the service.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct AwsAttributes {
    /// Whether nodes after `first_on_demand` are spot instances.
    #[schemars(extend("x-plumb" = {"filled": ["SPOT_WITH_FALLBACK"], "unset": "server", "why": "databricks/cli testserver clusters: SPOT_WITH_FALLBACK is filled in"}))]
    pub availability: Option<AwsAvailability>,
    /// How many EBS volumes each node gets: 10 at most.
    #[schemars(extend("x-plumb" = {"unset": "server", "why": "databricks/cli bundle rules: aws_attributes are managed by the service"}))]
    pub ebs_volume_count: Option<i64>,
    /// I/O operations a second of each volume (gp3).
    #[schemars(extend("x-plumb" = {"unset": "server", "why": "databricks/cli bundle rules: aws_attributes are managed by the service"}))]
    pub ebs_volume_iops: Option<i64>,
    /// Size of each volume in GB.
    #[schemars(extend("x-plumb" = {"unset": "server", "why": "databricks/cli bundle rules: aws_attributes are managed by the service"}))]
    pub ebs_volume_size: Option<i64>,
    /// Throughput of each volume in MB a second (gp3).
    #[schemars(extend("x-plumb" = {"unset": "server", "why": "databricks/cli bundle rules: aws_attributes are managed by the service"}))]
    pub ebs_volume_throughput: Option<i64>,
    /// The volumes' type.
    #[schemars(extend("x-plumb" = {"unset": "server", "why": "databricks/cli bundle rules: aws_attributes are managed by the service"}))]
    pub ebs_volume_type: Option<EbsVolumeType>,
    /// How many nodes, the driver first, are never spot instances.
    #[schemars(extend("x-plumb" = {"unset": "server", "why": "databricks/cli bundle rules: aws_attributes are managed by the service"}))]
    pub first_on_demand: Option<i64>,
    /// The instance profile that the nodes have.
    #[schemars(extend("x-plumb" = {"unset": "server", "why": "databricks/cli bundle rules: aws_attributes are managed by the service"}))]
    pub instance_profile_arn: Option<String>,
    /// The most to pay for a spot instance, in percent of the on-demand price: 10000 at most.
    #[schemars(extend("x-plumb" = {"unset": "server", "why": "databricks/cli bundle rules: aws_attributes are managed by the service"}))]
    pub spot_bid_price_percent: Option<i64>,
    /// The availability zone, or `auto`.
    #[schemars(extend("x-plumb" = {"filled": true, "unset": "server", "any_if": ["auto"], "why": "databricks/cli testserver clusters: a zone is filled in; `auto` is replaced by the zone that was chosen"}))]
    pub zone_id: Option<String>,
}

/// Settings of a cluster on Azure. What is left out is chosen by the service.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct AzureAttributes {
    /// Whether nodes after `first_on_demand` are spot instances.
    #[schemars(extend("x-plumb" = {"unset": "server", "why": "databricks/cli bundle rules: azure_attributes are managed by the service"}))]
    pub availability: Option<AzureAvailability>,
    /// The capacity reservation group to take machines from, as a resource id.
    #[schemars(extend("x-plumb" = {"unset": "server", "why": "databricks/cli bundle rules: azure_attributes are managed by the service"}))]
    pub capacity_reservation_group: Option<String>,
    /// How many nodes, the driver first, are never spot instances.
    #[schemars(extend("x-plumb" = {"unset": "server", "why": "databricks/cli bundle rules: azure_attributes are managed by the service"}))]
    pub first_on_demand: Option<i64>,
    /// Where the nodes' logs go.
    #[schemars(extend("x-plumb" = {"unset": "server", "why": "databricks/cli bundle rules: azure_attributes are managed by the service"}))]
    pub log_analytics_info: Option<LogAnalyticsInfo>,
    /// The most to pay for a spot instance, in US dollars an hour; -1 is the on-demand price.
    #[schemars(extend("x-plumb" = {"unset": "server", "why": "databricks/cli bundle rules: azure_attributes are managed by the service"}))]
    pub spot_bid_max_price: Option<f64>,
}

/// An Azure Log Analytics workspace.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct LogAnalyticsInfo {
    /// The key to write with.
    #[schemars(extend("x-plumb" = {"secret": "value", "why": "it is a credential"}))]
    pub log_analytics_primary_key: Option<String>,
    /// The workspace's id.
    pub log_analytics_workspace_id: Option<String>,
}

/// Settings of a cluster on Google Cloud. What is left out is chosen by the service.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct GcpAttributes {
    /// Whether nodes are preemptible.
    #[schemars(extend("x-plumb" = {"unset": "server", "why": "databricks/cli bundle rules: gcp_attributes are managed by the service"}))]
    pub availability: Option<GcpAvailability>,
    /// Size of the boot disk in GB.
    #[schemars(extend("x-plumb" = {"unset": "server", "why": "databricks/cli bundle rules: gcp_attributes are managed by the service"}))]
    pub boot_disk_size: Option<i64>,
    /// How many nodes, the driver first, are never preemptible.
    #[schemars(extend("x-plumb" = {"unset": "server", "why": "databricks/cli testserver clusters: 1 is filled in"}))]
    pub first_on_demand: Option<i64>,
    /// The service account that the nodes have, by e-mail address.
    #[schemars(extend("x-plumb" = {"unset": "server", "why": "databricks/cli bundle rules: gcp_attributes are managed by the service"}))]
    pub google_service_account: Option<String>,
    /// How many local SSDs each node gets.
    #[schemars(extend("x-plumb" = {"unset": "server", "why": "databricks/cli bundle rules: gcp_attributes are managed by the service"}))]
    pub local_ssd_count: Option<i64>,
    /// Whether workers are preemptible. Deprecated by the service: `availability` has replaced it.
    #[schemars(extend("x-plumb" = {"unset": "server", "why": "databricks/cli testserver clusters: false is filled in"}))]
    pub use_preemptible_executors: Option<bool>,
    /// The zone, `HA` for several zones, or `AUTO`.
    #[schemars(extend("x-plumb" = {"unset": "server", "any_if": ["auto", "AUTO", "HA"], "why": "databricks/cli bundle rules: gcp_attributes are managed by the service"}))]
    pub zone_id: Option<String>,
}

/// Machine types to fall back to when the first choice is not to be had.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct NodeTypeFlexibility {
    /// The machine types, best first.
    pub alternate_node_type_ids: Option<Vec<String>>,
    /// The context id that is passed on to EC2 Fleet. AWS only.
    pub aws_context_id: Option<String>,
}

/// Which sorts of work may attach to a cluster.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct WorkloadType {
    /// The sorts of work.
    pub clients: Clients,
}

/// The sorts of work that may attach to a cluster.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Clients {
    /// Whether jobs may.
    #[schemars(extend("x-plumb" = {"default": true, "why": "Terraform provider clusters: workload_type.clients.jobs defaults to true"}))]
    pub jobs: Option<bool>,
    /// Whether notebooks may.
    #[schemars(extend("x-plumb" = {"default": true, "why": "Terraform provider clusters: workload_type.clients.notebooks defaults to true"}))]
    pub notebooks: Option<bool>,
}

/// Whether machines of AWS are spot instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AwsAvailability {
    OnDemand,
    Spot,
    SpotWithFallback,
}

/// The type of an EBS volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EbsVolumeType {
    GeneralPurposeSsd,
    ThroughputOptimizedHdd,
}

/// Whether machines of Azure are spot instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AzureAvailability {
    OnDemandAzure,
    SpotAzure,
    SpotWithFallbackAzure,
}

/// Whether machines of Google Cloud are preemptible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum GcpAvailability {
    OnDemandGcp,
    PreemptibleGcp,
    PreemptibleWithFallbackGcp,
}

/// Who may use a cluster, and how users are kept apart. The `LEGACY_` modes are on their way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DataSecurityMode {
    /// The service chooses between dedicated and standard.
    DataSecurityModeAuto,
    /// One user or group. Formerly `SINGLE_USER`.
    DataSecurityModeDedicated,
    /// Many users, kept apart. Formerly `USER_ISOLATION`.
    DataSecurityModeStandard,
    LegacyPassthrough,
    LegacySingleUser,
    LegacySingleUserStandard,
    LegacyTableAcl,
    /// Many users, not kept apart, without Unity Catalog.
    None,
    /// The former name of `DATA_SECURITY_MODE_DEDICATED`.
    SingleUser,
    /// The former name of `DATA_SECURITY_MODE_STANDARD`.
    UserIsolation,
}

/// Where a cluster's dependencies come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DependencyMode {
    /// The service chooses.
    DependencyModeAuto,
    /// Libraries and init scripts of the cluster.
    DependencyModeClusterLibraries,
    /// Environments, as on serverless compute.
    DependencyModeEnvironments,
}

/// The simple form of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ClusterForm {
    ClassicPreview,
}

/// The engine that runs queries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RuntimeEngine {
    Null,
    Photon,
    Standard,
}
