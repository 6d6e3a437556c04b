//! Databricks instance pools.

use super::{
    access::{Grant, PoolLevel},
    compute::NodeTypeFlexibility,
    pool_parts::{AwsPoolAttributes, AzurePoolAttributes, DiskSpec, GcpPoolAttributes},
    storage::DockerImage,
    undeclared::is_absent,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An instance pool: what the instance pools API 2.0 takes to create one, and `permissions`.
///
/// `instance_pools/edit` takes the name, the capacities, the minutes, the tags and the remote disks; all else is fixed
/// when the pool is made.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct PoolSpec {
    /// The pool's name: 1 to 100 characters.
    pub instance_pool_name: String,
    /// The machines' type.
    #[schemars(extend("x-plumb" = {"replace": true, "why": "Terraform provider pools: force_new (edit requires it, and does not change it)"}))]
    pub node_type_id: String,
    /// Settings for pools on AWS.
    #[schemars(extend("x-plumb" = {"unset": "server", "replace": true, "why": "Terraform provider pools: suppressed, and force_new"}))]
    pub aws_attributes: Option<AwsPoolAttributes>,
    /// Settings for pools on Azure.
    #[schemars(extend("x-plumb" = {"unset": "server", "replace": true, "why": "Terraform provider pools: suppressed, and force_new"}))]
    pub azure_attributes: Option<AzurePoolAttributes>,
    /// Tags for the cloud resources: 45 at most, of which plumb needs 2.
    #[schemars(extend("x-plumb" = {"why": "tags describe; finance tools add their own"}))]
    pub custom_tags: Option<BTreeMap<String, String>>,
    /// The disks that each machine gets.
    #[schemars(extend("x-plumb" = {"unset": "server", "replace": true, "why": "databricks/cli bundle rules and Terraform provider pools: recreate; a pool is not replaced for what nobody declared"}))]
    pub disk_spec: Option<DiskSpec>,
    /// Whether machines get more disk by themselves when they run short of it.
    #[schemars(extend("x-plumb" = {"unset": "server", "replace": true, "why": "databricks/cli bundle rules: backend default; Terraform provider pools: force_new"}))]
    pub enable_elastic_disk: Option<bool>,
    /// Settings for pools on Google Cloud.
    #[schemars(extend("x-plumb" = {"unset": "server", "replace": true, "why": "Terraform provider pools: suppressed, and force_new"}))]
    pub gcp_attributes: Option<GcpPoolAttributes>,
    /// Minutes after which an idle machine beyond `min_idle_instances` is given back: 0 to 10000.
    #[schemars(extend("x-plumb" = {"default": 60, "why": "databricks/cli bundle rules: backend default 60"}))]
    pub idle_instance_autotermination_minutes: Option<i64>,
    /// The most machines, idle ones and used ones together.
    #[schemars(extend("x-plumb" = {"unset": "server", "why": "databricks/cli bundle rules: backend default; Terraform provider pools: suppressed"}))]
    pub max_capacity: Option<i64>,
    /// How many machines are kept idle at all times.
    #[schemars(extend("x-plumb" = {"default": 0, "why": "databricks-sdk-java compute.CreateInstancePool: an optional number"}))]
    pub min_idle_instances: Option<i64>,
    /// Machine types to fall back to.
    #[schemars(extend("x-plumb" = {"unset": "server", "replace": true, "why": "databricks/cli bundle rules and Terraform provider pools: recreate; a pool is not replaced for what nobody declared"}))]
    pub node_type_flexibility: Option<NodeTypeFlexibility>,
    /// Container images that machines have loaded already.
    #[schemars(extend("x-plumb" = {"unset": "server", "replace": true, "why": "databricks/cli bundle rules and Terraform provider pools: recreate; a pool is not replaced for what nobody declared"}))]
    pub preloaded_docker_images: Option<Vec<DockerImage>>,
    /// The runtime that machines have loaded already: 1 at most.
    #[schemars(extend("x-plumb" = {"unset": "server", "replace": true, "why": "databricks/cli bundle rules and Terraform provider pools: recreate; a pool is not replaced for what nobody declared"}))]
    pub preloaded_spark_versions: Option<Vec<String>>,
    /// Throughput of remote disks in Mb/s. Google Cloud only.
    pub remote_disk_throughput: Option<i64>,
    /// Size of the remote disks at the start, in GB. Google Cloud only.
    pub total_initial_remote_disk_size: Option<i64>,

    /// Who may do what with the pool. Unset: plumb leaves the permissions alone.
    #[schemars(extend("x-plumb" = {
        "unset": "server",
        "key": ["user_name", "group_name", "service_principal_name"],
        "why": "permissions are a separate object, read only where a manifest sets them; databricks/cli bundle rules: keyed by principal",
    }))]
    pub permissions: Option<Vec<Grant<PoolLevel>>>,
}
