//! The parts of an instance pool. What of them is left out is chosen by the service, and none of it can be changed.

use super::compute::{EbsVolumeType, GcpAvailability};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of a pool on AWS.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct AwsPoolAttributes {
    /// Whether machines are spot instances.
    #[schemars(extend("x-plumb" = {"unset": "server", "chosen": true, "replace": true, "why": "databricks-sdk-java compute.InstancePoolAwsAttributesAvailability: InstancePoolConf says what the default is; Terraform provider pools: force_new"}))]
    pub availability: Option<AwsPoolAvailability>,
    /// The instance profile that the machines have.
    #[schemars(extend("x-plumb" = {"unset": "server", "replace": true, "why": "Terraform provider pools: suppressed, force_new"}))]
    pub instance_profile_arn: Option<String>,
    /// The most to pay for a spot instance, in percent of the on-demand price: 10000 at most.
    #[schemars(extend("x-plumb" = {"unset": "server", "filled": [100], "replace": true, "why": "databricks-sdk-py compute.InstancePoolAwsAttributes: 100 unless set; Terraform provider pools: force_new"}))]
    pub spot_bid_price_percent: Option<i64>,
    /// The availability zone, or `auto`.
    #[schemars(extend("x-plumb" = {"unset": "server", "chosen": true, "any_if": ["auto"], "replace": true, "why": "Terraform provider pools: `auto` equals any zone, force_new; databricks-sdk-py compute.InstancePoolAwsAttributes: a default zone unless set"}))]
    pub zone_id: Option<String>,
}

/// Settings of a pool on Azure.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct AzurePoolAttributes {
    /// Whether machines are spot instances.
    #[schemars(extend("x-plumb" = {"unset": "server", "chosen": true, "replace": true, "why": "databricks-sdk-java compute.InstancePoolAzureAttributesAvailability: InstancePoolConf says what the default is; Terraform provider pools: force_new"}))]
    pub availability: Option<AzurePoolAvailability>,
    /// The capacity reservation group to take machines from, as a resource id.
    #[schemars(extend("x-plumb" = {"unset": "server", "replace": true, "why": "Terraform provider pools: suppressed, force_new"}))]
    pub capacity_reservation_group: Option<String>,
    /// The most to pay for a spot instance, in US dollars an hour; -1 is the on-demand price.
    #[schemars(extend("x-plumb" = {"unset": "server", "filled": [-1], "replace": true, "why": "Terraform provider pools: suppressed when unset, force_new; databricks-sdk-py compute.AzureAttributes: -1 unless set"}))]
    pub spot_bid_max_price: Option<f64>,
}

/// Settings of a pool on Google Cloud.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct GcpPoolAttributes {
    /// Whether machines are preemptible.
    #[schemars(extend("x-plumb" = {"unset": "server", "chosen": true, "replace": true, "why": "Terraform provider pools: ON_DEMAND_GCP unless set, but that is the provider's default; force_new"}))]
    pub gcp_availability: Option<GcpAvailability>,
    /// How many local SSDs each machine gets.
    #[schemars(extend("x-plumb" = {"unset": "server", "replace": true, "why": "Terraform provider pools: suppressed, force_new"}))]
    pub local_ssd_count: Option<i64>,
    /// The zone, `HA` for several zones, or `AUTO`.
    #[schemars(extend("x-plumb" = {"unset": "server", "chosen": true, "any_if": ["auto", "AUTO", "HA"], "replace": true, "why": "databricks-sdk-py compute.InstancePoolGcpAttributes: a default zone unless set; Terraform provider pools: force_new"}))]
    pub zone_id: Option<String>,
}

/// The disks that each machine of a pool gets.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct DiskSpec {
    /// How many disks.
    #[schemars(extend("x-plumb" = {"unset": "server", "replace": true, "why": "databricks/cli bundle rules: disk_spec recreates"}))]
    pub disk_count: Option<i64>,
    /// I/O operations a second of each disk.
    #[schemars(extend("x-plumb" = {"unset": "server", "replace": true, "why": "databricks/cli bundle rules: disk_spec recreates"}))]
    pub disk_iops: Option<i64>,
    /// Size of each disk in GB.
    #[schemars(extend("x-plumb" = {"unset": "server", "replace": true, "why": "databricks/cli bundle rules: disk_spec recreates"}))]
    pub disk_size: Option<i64>,
    /// Throughput of each disk in MB a second.
    #[schemars(extend("x-plumb" = {"unset": "server", "replace": true, "why": "databricks/cli bundle rules: disk_spec recreates"}))]
    pub disk_throughput: Option<i64>,
    /// The disks' type.
    #[schemars(extend("x-plumb" = {"unset": "members", "replace": true, "why": "databricks/cli bundle rules: disk_spec recreates"}))]
    pub disk_type: Option<DiskType>,
}

/// The type of a disk. One member is set, by the cloud.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct DiskType {
    /// On Azure.
    #[schemars(extend("x-plumb" = {"unset": "server", "replace": true, "why": "databricks/cli bundle rules: disk_spec recreates"}))]
    pub azure_disk_volume_type: Option<AzureDiskType>,
    /// On AWS.
    #[schemars(extend("x-plumb" = {"unset": "server", "replace": true, "why": "databricks/cli bundle rules: disk_spec recreates"}))]
    pub ebs_volume_type: Option<EbsVolumeType>,
}

/// Whether machines of a pool on AWS are spot instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AwsPoolAvailability {
    OnDemand,
    Spot,
}

/// Whether machines of a pool on Azure are spot instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AzurePoolAvailability {
    OnDemandAzure,
    SpotAzure,
}

/// The type of a managed disk on Azure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AzureDiskType {
    PremiumLrs,
    StandardLrs,
}
