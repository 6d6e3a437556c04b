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
        #[schemars(extend("x-plumb" = {
            "policy": "policy_id",
            "pool": "instance_pool_id",
            "read_only": {
                "cluster_cores": "databricks-sdk-py compute.ClusterDetails: in answers, in no request",
                "cluster_id": "databricks-sdk-py compute.ClusterDetails: in answers, in no request",
                "cluster_log_status": "databricks-sdk-py compute.ClusterDetails: in answers, in no request",
                "cluster_memory_mb": "databricks-sdk-py compute.ClusterDetails: in answers, in no request",
                "cluster_source": "databricks-sdk-py compute.ClusterDetails: in answers, in no request",
                "creator_user_name": "databricks-sdk-py compute.ClusterDetails: in answers, in no request",
                "default_tags": "databricks-sdk-py compute.ClusterDetails: in answers, in no request",
                "driver": "databricks-sdk-py compute.ClusterDetails: in answers, in no request",
                "executors": "databricks-sdk-py compute.ClusterDetails: in answers, in no request",
                "jdbc_port": "databricks-sdk-py compute.ClusterDetails: in answers, in no request",
                "last_restarted_time": "databricks-sdk-py compute.ClusterDetails: in answers, in no request",
                "last_state_loss_time": "databricks-sdk-py compute.ClusterDetails: in answers, in no request",
                "spark_context_id": "databricks-sdk-py compute.ClusterDetails: in answers, in no request",
                "spec": "databricks-sdk-py compute.ClusterDetails: in answers, in no request",
                "start_time": "databricks-sdk-py compute.ClusterDetails: in answers, in no request",
                "state": "databricks-sdk-py compute.ClusterDetails: in answers, in no request",
                "state_message": "databricks-sdk-py compute.ClusterDetails: in answers, in no request",
                "terminated_time": "databricks-sdk-py compute.ClusterDetails: in answers, in no request",
                "termination_reason": "databricks-sdk-py compute.ClusterDetails: in answers, in no request",
                "assigned_principal": "seen in answers of real workspaces, in no request of the SDKs",
                "driver_healthy": "seen in answers of real workspaces, in no request of the SDKs",
                "driver_instance_source": "seen in answers of real workspaces, in no request of the SDKs",
                "effective_spark_version": "seen in answers of real workspaces, in no request of the SDKs",
                "instance_source": "seen in answers of real workspaces, in no request of the SDKs",
                "last_activity_time": "seen in answers of real workspaces, in no request of the SDKs",
                "pinned_by_user_name": "seen in answers of real workspaces, in no request of the SDKs",
                "release_version": "seen in answers of real workspaces, in no request of the SDKs",
            },
            "why": "databricks/cli PR 6531: with a policy_id, what only the live cluster has is the policy's; databricks-sdk-py compute.InstancePoolAwsAttributes: clusters inherit a pool's profile",
        }))]
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
            #[schemars(extend("x-plumb" = {"unset": "members", "refused_when": [{"with": "azure_attributes"}, {"with": "gcp_attributes"}], "why": "databricks/cli testserver: availability and zone_id are filled in, unless the attributes of another cloud are set"}))]
            pub aws_attributes: Option<AwsAttributes>,
            /// Settings for clusters on Azure.
            #[schemars(extend("x-plumb" = {"unset": "members", "refused_when": [{"with": "aws_attributes"}, {"with": "gcp_attributes"}], "why": "a workspace is in one cloud (databricks/cli testserver: it fills in the attributes of one)"}))]
            pub azure_attributes: Option<AzureAttributes>,
            /// Settings for clusters on Google Cloud.
            #[schemars(extend("x-plumb" = {"unset": "members", "refused_when": [{"with": "aws_attributes"}, {"with": "azure_attributes"}], "why": "a workspace is in one cloud (databricks/cli testserver: it fills in the attributes of one)"}))]
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
                "chosen": ["SINGLE_USER"],
                "why": "databricks/cli testserver: SINGLE_USER when empty, but only in jobs; Terraform provider clusters: old and new names are the same, AUTO equals either",
            }))]
            pub data_security_mode: Option<DataSecurityMode>,
            /// Where dependencies come from: cluster libraries or environments.
            #[schemars(extend("x-plumb" = {"unset": "server", "chosen": ["DEPENDENCY_MODE_AUTO"], "why": "databricks-sdk-java compute.DependencyMode: AUTO lets the service choose by the rest of the configuration"}))]
            pub dependency_mode: Option<DependencyMode>,
            /// A container image to start nodes from.
            pub docker_image: Option<DockerImage>,
            /// The pool that the driver comes from, when not `instance_pool_id`.
            #[schemars(extend("x-plumb" = {"unset": "server", "filled_when": [{"same_as": "instance_pool_id"}], "refused_when": [{"without": "instance_pool_id"}], "why": "Terraform provider clusters: computed (the workers' pool), and cleared without one"}))]
            pub driver_instance_pool_id: Option<String>,
            /// Machine types to fall back to for the driver.
            #[schemars(extend("x-plumb" = {"unset": "server", "chosen": true, "refused_when": [{"with": "instance_pool_id"}, {"changed": "driver_node_type_id"}, {"changed": "node_type_id"}], "why": "a workspace can switch flexible node types on for all clusters; fallbacks are for one node type"}))]
            pub driver_node_type_flexibility: Option<NodeTypeFlexibility>,
            /// The driver's machine type, when not that of the workers.
            #[schemars(extend("x-plumb" = {"unset": "server", "filled_when": [{"same_as": "node_type_id"}, {"with": "instance_pool_id"}], "refused_when": [{"with": "instance_pool_id"}], "why": "databricks/cli testserver: filled in from node_type_id; Terraform provider clusters: computed, and cleared beside a pool"}))]
            pub driver_node_type_id: Option<String>,
            /// Whether nodes get more disk by themselves when they run short of it.
            #[schemars(extend("x-plumb" = {"unset": "server", "filled": [false], "filled_when": [{"value": true, "with": "azure_attributes"}, {"with": "instance_pool_id"}], "refused_when": [{"with": "instance_pool_id"}], "why": "databricks/cli testserver: always present, false unless set; Azure's own bodies have true; Terraform provider clusters: computed (issue 3560), and cleared beside a pool"}))]
            pub enable_elastic_disk: Option<bool>,
            /// Whether the nodes' local disks are encrypted.
            #[schemars(extend("x-plumb" = {"unset": "server", "filled": [false], "why": "Terraform provider clusters: computed; databricks-sdk-java compute.ClusterSpec: an optional flag"}))]
            pub enable_local_disk_encryption: Option<bool>,
            /// Scripts that run on every node before Spark starts, in this order: 10 at most.
            pub init_scripts: Option<Vec<InitScript>>,
            /// The pool that the workers come from, and the driver too unless `driver_instance_pool_id` says otherwise.
            pub instance_pool_id: Option<String>,
            /// Whether there is only a driver. Needs `kind`; the service then sets the Spark properties and tags of a
            /// single node.
            pub is_single_node: Option<bool>,
            /// The simple form of a cluster, which `is_single_node` and `use_ml_runtime` belong to.
            #[schemars(extend("x-plumb" = {"unset": "server", "why": "databricks-sdk-java compute.ClusterSpec: only who makes the cluster says which form it has; it changes nothing by itself"}))]
            pub kind: Option<ClusterForm>,
            /// The workers' machine type.
            #[schemars(extend("x-plumb" = {"unset": "server", "filled_when": [{"with": "instance_pool_id"}], "refused_when": [{"with": "instance_pool_id"}], "why": "Terraform provider clusters: computed (the pool's or the policy's), and cleared beside a pool (issue 2141)"}))]
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
            #[schemars(extend("x-plumb" = {"unset": "server", "fold_case": true, "chosen": true, "refused_when": [{"unless": ["data_security_mode", ["SINGLE_USER", "LEGACY_SINGLE_USER", "LEGACY_SINGLE_USER_STANDARD", "DATA_SECURITY_MODE_AUTO"]]}], "why": "databricks/cli testserver: the creator, in single-user mode only; user names are lower-cased (Terraform provider issue 5183)"}))]
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
            #[schemars(extend("x-plumb" = {"unset": "server", "chosen": true, "refused_when": [{"with": "instance_pool_id"}, {"changed": "node_type_id"}], "why": "a workspace can switch flexible node types on for all clusters; fallbacks are for one node type"}))]
            pub worker_node_type_flexibility: Option<NodeTypeFlexibility>,
            /// Which sorts of work may attach.
            #[schemars(extend("x-plumb" = {"unset": "members", "why": "Terraform provider clusters: both clients default to true"}))]
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
        #[schemars(extend("x-plumb" = {"unset": "server", "chosen": true, "why": "databricks-sdk-java compute.ClusterSpec: a job cluster is named after its job and run"}))]
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
    #[schemars(extend("x-plumb" = {"unset": "server", "chosen": ["SPOT_WITH_FALLBACK"], "filled_when": [{"with": "instance_pool_id"}], "refused_when": [{"with": "instance_pool_id"}], "why": "databricks/cli testserver clusters: SPOT_WITH_FALLBACK is filled in where there are no attributes at all; Terraform provider issues 174, 2141: the service refuses it beside a pool, whose it then is"}))]
    pub availability: Option<AwsAvailability>,
    /// How many EBS volumes each node gets: 10 at most.
    #[schemars(extend("x-plumb" = {"unset": "server", "filled": [0], "filled_when": [{"with": "instance_pool_id"}], "refused_when": [{"with": "instance_pool_id"}], "why": "databricks-sdk-py compute.AwsAttributes: no default is told, so somebody has set it; Terraform provider issues 174, 2141: the service refuses it beside a pool, whose it then is"}))]
    pub ebs_volume_count: Option<i64>,
    /// I/O operations a second of each volume (gp3).
    #[schemars(extend("x-plumb" = {"unset": "server", "filled_when": [{"with": "instance_pool_id"}], "refused_when": [{"with": "instance_pool_id"}], "why": "databricks-sdk-py compute.AwsAttributes: no default is told, so somebody has set it; Terraform provider issues 174, 2141: the service refuses it beside a pool, whose it then is"}))]
    pub ebs_volume_iops: Option<i64>,
    /// Size of each volume in GB.
    #[schemars(extend("x-plumb" = {"unset": "server", "filled_when": [{"with": "instance_pool_id"}], "refused_when": [{"with": "instance_pool_id"}], "why": "databricks-sdk-py compute.AwsAttributes: no default is told, so somebody has set it; Terraform provider issues 174, 2141: the service refuses it beside a pool, whose it then is"}))]
    pub ebs_volume_size: Option<i64>,
    /// Throughput of each volume in MB a second (gp3).
    #[schemars(extend("x-plumb" = {"unset": "server", "filled_when": [{"with": "instance_pool_id"}], "refused_when": [{"with": "instance_pool_id"}], "why": "databricks-sdk-py compute.AwsAttributes: no default is told, so somebody has set it; Terraform provider issues 174, 2141: the service refuses it beside a pool, whose it then is"}))]
    pub ebs_volume_throughput: Option<i64>,
    /// The volumes' type.
    #[schemars(extend("x-plumb" = {"unset": "server", "filled_when": [{"with": "instance_pool_id"}], "refused_when": [{"with": "instance_pool_id"}], "why": "databricks-sdk-py compute.AwsAttributes: no default is told, so somebody has set it; Terraform provider issues 174, 2141: the service refuses it beside a pool, whose it then is"}))]
    pub ebs_volume_type: Option<EbsVolumeType>,
    /// How many nodes, the driver first, are never spot instances.
    #[schemars(extend("x-plumb" = {"unset": "server", "chosen": [1], "filled_when": [{"with": "instance_pool_id"}], "refused_when": [{"with": "instance_pool_id"}], "why": "what the workspace's own pages send for a cluster on which nobody chose; Terraform provider issues 174, 2141: the service refuses it beside a pool, whose it then is"}))]
    pub first_on_demand: Option<i64>,
    /// The instance profile that the nodes have.
    #[schemars(extend("x-plumb" = {"unset": "server", "strict": true, "why": "databricks-sdk-py compute.AwsAttributes: without it nodes have no profile, so the service sets none but that of a pool (compute.InstancePoolAwsAttributes); it says what code may reach"}))]
    pub instance_profile_arn: Option<String>,
    /// The most to pay for a spot instance, in percent of the on-demand price: 10000 at most.
    #[schemars(extend("x-plumb" = {"unset": "server", "filled": [100], "filled_when": [{"with": "instance_pool_id"}], "refused_when": [{"with": "instance_pool_id"}], "why": "databricks-sdk-py compute.AwsAttributes: 100 unless set; Terraform provider issues 174, 2141: the service refuses it beside a pool, whose it then is"}))]
    pub spot_bid_price_percent: Option<i64>,
    /// The availability zone, or `auto`.
    #[schemars(extend("x-plumb" = {"unset": "server", "chosen": true, "any_if": ["auto"], "filled_when": [{"with": "instance_pool_id"}], "refused_when": [{"with": "instance_pool_id"}], "why": "databricks/cli testserver clusters: a zone is filled in; `auto` is replaced by the zone that was chosen; Terraform provider issues 174, 2141: the service refuses it beside a pool, whose it then is"}))]
    pub zone_id: Option<String>,
}

/// Settings of a cluster on Azure. What is left out is chosen by the service.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct AzureAttributes {
    /// Whether nodes after `first_on_demand` are spot instances.
    #[schemars(extend("x-plumb" = {"unset": "server", "chosen": ["ON_DEMAND_AZURE"], "filled_when": [{"with": "instance_pool_id"}], "why": "what Azure's own pages send for a cluster on which nobody chose; a pool's machines are the pool's"}))]
    pub availability: Option<AzureAvailability>,
    /// The capacity reservation group to take machines from, as a resource id.
    #[schemars(extend("x-plumb" = {"unset": "server", "filled_when": [{"with": "instance_pool_id"}], "why": "databricks-sdk-py compute.AzureAttributes: only a pool sets it by itself"}))]
    pub capacity_reservation_group: Option<String>,
    /// How many nodes, the driver first, are never spot instances.
    #[schemars(extend("x-plumb" = {"unset": "server", "chosen": [1], "filled_when": [{"with": "instance_pool_id"}], "why": "what Azure's own pages send for a cluster on which nobody chose; a pool's machines are the pool's"}))]
    pub first_on_demand: Option<i64>,
    /// Where the nodes' logs go.
    #[schemars(extend("x-plumb" = {"unset": "members", "why": "databricks-sdk-py compute.AzureAttributes: nothing sets it by itself"}))]
    pub log_analytics_info: Option<LogAnalyticsInfo>,
    /// The most to pay for a spot instance, in US dollars an hour; -1 is the on-demand price.
    #[schemars(extend("x-plumb" = {"unset": "server", "filled": [-1], "filled_when": [{"with": "instance_pool_id"}], "why": "databricks-sdk-py compute.AzureAttributes: -1 unless set; a pool's machines are the pool's"}))]
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
    #[schemars(extend("x-plumb" = {"unset": "server", "chosen": ["ON_DEMAND_GCP"], "filled_when": [{"with": "instance_pool_id"}], "why": "databricks-sdk-py compute.GcpAttributes: executors are not preemptible unless asked for; a pool's machines are the pool's"}))]
    pub availability: Option<GcpAvailability>,
    /// Size of the boot disk in GB.
    #[schemars(extend("x-plumb" = {"unset": "server", "filled_when": [{"with": "instance_pool_id"}], "why": "databricks-sdk-py compute.GcpAttributes: no default is told; a pool's machines are the pool's"}))]
    pub boot_disk_size: Option<i64>,
    /// Whether the nodes' memory is encrypted by the processor. In private preview.
    #[schemars(extend("x-plumb" = {"unset": "server", "why": "databricks/cli bundle rules: gcp_attributes are managed by the service"}))]
    pub confidential_compute_type: Option<ConfidentialComputeType>,
    /// How many nodes, the driver first, are never preemptible.
    #[schemars(extend("x-plumb" = {"unset": "server", "chosen": [1], "filled_when": [{"with": "instance_pool_id"}], "why": "databricks/cli testserver clusters: 1 is filled in"}))]
    pub first_on_demand: Option<i64>,
    /// The service account that the nodes have, by e-mail address.
    #[schemars(extend("x-plumb" = {"unset": "server", "strict": true, "why": "databricks-sdk-py compute.GcpAttributes: the account that is impersonated if provided, so the service sets none; it says what code may reach"}))]
    pub google_service_account: Option<String>,
    /// How many local SSDs each node gets.
    #[schemars(extend("x-plumb" = {"unset": "server", "filled_when": [{"with": "instance_pool_id"}], "why": "databricks-sdk-py compute.GcpAttributes: no default is told; a pool's machines are the pool's"}))]
    pub local_ssd_count: Option<i64>,
    /// Whether workers are preemptible. Deprecated by the service: `availability` has replaced it.
    #[schemars(extend("x-plumb" = {"unset": "server", "filled": [false], "filled_when": [{"with": "instance_pool_id"}], "why": "databricks/cli testserver clusters: false is filled in"}))]
    pub use_preemptible_executors: Option<bool>,
    /// The zone, `HA` for several zones, or `AUTO`.
    #[schemars(extend("x-plumb" = {"unset": "server", "chosen": true, "any_if": ["auto", "AUTO", "HA"], "filled_when": [{"with": "instance_pool_id"}], "why": "databricks-sdk-py compute.GcpAttributes: the service picks a zone unless one is named; a pool's machines are the pool's"}))]
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

/// Whether the memory of machines of Google Cloud is encrypted by the processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum ConfidentialComputeType {
    #[serde(rename = "CONFIDENTIAL_COMPUTE_TYPE_NONE")]
    None,
    #[serde(rename = "SEV_SNP")]
    SevSnp,
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
