//! The parts of a pipeline that are not about ingestion.

use super::{
    compute::{AwsAttributes, AzureAttributes, GcpAttributes},
    libraries::MavenLibrary,
    storage::{InitScript, LogDestination},
    triggers::DayOfWeek,
    undeclared::{Settings, is_absent},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Clusters of a pipeline that is not serverless.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
#[schemars(extend("x-plumb" = {
    "policy": "policy_id",
    "pool": "instance_pool_id",
    "why": "databricks/cli PR 6531: with a policy_id, what only the live cluster has is the policy's; databricks-sdk-py compute.InstancePoolAwsAttributes: clusters inherit a pool's profile",
}))]
pub struct PipelineCluster {
    /// Which clusters are meant: `default` is all of them, `updates` those that run updates, `maintenance` those that tidy up
    /// tables. The API takes an unset one for `default`; a manifest says it.
    pub label: String,
    /// Whether values that the policy gives as defaults are used for what is not set here.
    #[schemars(extend("x-plumb" = {"write_only": true, "why": "databricks-sdk-py pipelines.PipelineCluster: it is not persisted"}))]
    pub apply_policy_default_values: Option<bool>,
    /// Bounds between which the number of workers follows the load. Excludes `num_workers`.
    pub autoscale: Option<PipelineAutoscale>,
    /// Settings for clusters on AWS.
    #[schemars(extend("x-plumb" = {"unset": "members", "why": "databricks-sdk-py pipelines.PipelineCluster: what is left out is the service's"}))]
    pub aws_attributes: Option<AwsAttributes>,
    /// Settings for clusters on Azure.
    #[schemars(extend("x-plumb" = {"unset": "members", "why": "databricks-sdk-py pipelines.PipelineCluster: what is left out is the service's"}))]
    pub azure_attributes: Option<AzureAttributes>,
    /// Where Spark's logs are delivered, every five minutes.
    pub cluster_log_conf: Option<LogDestination>,
    /// Tags for the cloud resources: 45 at most, those of the pipeline among them.
    #[schemars(extend("x-plumb" = {"why": "tags describe; policies, pools and finance tools add their own"}))]
    pub custom_tags: Option<BTreeMap<String, String>>,
    /// The pool that the driver comes from, when not `instance_pool_id`.
    #[schemars(extend("x-plumb" = {"unset": "server", "filled_when": [{"same_as": "instance_pool_id"}], "why": "databricks-sdk-py pipelines.PipelineCluster: the workers' pool unless set"}))]
    pub driver_instance_pool_id: Option<String>,
    /// The driver's machine type, when not that of the workers.
    #[schemars(extend("x-plumb" = {"unset": "server", "chosen": true, "why": "Terraform provider pipelines: computed"}))]
    pub driver_node_type_id: Option<String>,
    /// Whether the nodes' local disks are encrypted.
    #[schemars(extend("x-plumb" = {"unset": "server", "chosen": true, "why": "Terraform provider pipelines: computed"}))]
    pub enable_local_disk_encryption: Option<bool>,
    /// Settings for clusters on Google Cloud.
    #[schemars(extend("x-plumb" = {"unset": "members", "why": "databricks-sdk-py pipelines.PipelineCluster: what is left out is the service's"}))]
    pub gcp_attributes: Option<GcpAttributes>,
    /// Scripts that run on every node before Spark starts, in this order: 10 at most.
    pub init_scripts: Option<Vec<InitScript>>,
    /// The pool that the workers come from.
    pub instance_pool_id: Option<String>,
    /// The workers' machine type.
    #[schemars(extend("x-plumb" = {"unset": "server", "chosen": true, "why": "Terraform provider pipelines: computed"}))]
    pub node_type_id: Option<String>,
    /// How many workers; 0 is a single node. Excludes `autoscale`. With neither, the service scales from 1 to 5.
    #[schemars(extend("x-plumb" = {"unset": "absent", "why": "Terraform provider pipelines: unset is not 0, but a size that follows the load"}))]
    pub num_workers: Option<i64>,
    /// The cluster policy that the clusters obey.
    pub policy_id: Option<String>,
    /// Spark properties.
    #[schemars(extend("x-plumb" = {
        "secret": "by_name",
        "ignore_keys": ["spark.databricks.delta.preview.enabled"],
        "why": "Terraform provider pipelines: the service adds the Delta preview key",
    }))]
    pub spark_conf: Option<Settings>,
    /// Environment variables of driver and workers.
    #[schemars(extend("x-plumb" = {"secret": "by_name", "why": "passwords are often passed this way"}))]
    pub spark_env_vars: Option<Settings>,
    /// Public keys that may log in to the nodes: 10 at most.
    #[schemars(extend("x-plumb" = {"set": true, "why": "each key is authorised by itself"}))]
    pub ssh_public_keys: Option<Vec<String>>,
}

/// Bounds of the number of workers.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct PipelineAutoscale {
    /// The most workers: more than `min_workers`.
    pub max_workers: i64,
    /// The fewest workers.
    pub min_workers: i64,
    /// How the size follows the load: `ENHANCED` for updates, `LEGACY` for maintenance.
    #[schemars(extend("x-plumb" = {"unset": "server", "chosen": true, "why": "databricks-sdk-py pipelines.PipelineClusterAutoscaleMode: which one holds depends on the clusters' label"}))]
    pub mode: Option<AutoscaleMode>,
}

/// How the size of clusters follows the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AutoscaleMode {
    Enhanced,
    Legacy,
}

/// The deployment tool that made a pipeline.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct PipelineDeployment {
    /// The tool.
    pub kind: PipelineDeploymentKind,
    /// The deployment's id.
    pub deployment_id: Option<String>,
    /// The workspace path of the deployment's metadata file.
    pub metadata_file_path: Option<String>,
    /// The version of the deployment.
    #[schemars(extend("x-plumb" = {"server": true, "why": "databricks/cli bundle rules: ignored on both sides"}))]
    pub version_id: Option<String>,
}

/// A deployment tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PipelineDeploymentKind {
    /// A Databricks asset bundle.
    Bundle,
}

/// Python packages that a pipeline's code needs.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct PipelineEnvironment {
    /// The packages, as in a `requirements.txt`; files of the repository too: `./dist/etl-*.whl`, `-r ./requirements.txt`.
    #[schemars(extend("x-plumb" = {"code": "dependency", "why": "databricks-sdk-py pipelines.PipelinesEnvironment: lines of a requirements.txt, with paths of the workspace or a volume"}))]
    pub dependencies: Option<Vec<String>>,
    /// The version of the environment, an integer as a string: `"4"`.
    #[schemars(extend("x-plumb" = {"unset": "server", "why": "databricks-sdk-py pipelines.PipelinesEnvironment: optional; which version holds otherwise is not told"}))]
    pub environment_version: Option<String>,
}

/// The table that a pipeline's events are published to.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct EventLog {
    /// The table's name.
    pub name: String,
    /// Its catalog, when not the pipeline's.
    #[schemars(extend("x-plumb" = {"unset": "server", "filled": true, "why": "Terraform provider docs, pipeline: the pipeline's catalog unless set"}))]
    pub catalog: Option<String>,
    /// Its schema, when not the pipeline's.
    #[schemars(extend("x-plumb" = {"unset": "server", "filled": true, "why": "Terraform provider docs, pipeline: the pipeline's schema unless set"}))]
    pub schema: Option<String>,
}

/// Which packages belong to a pipeline.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct PipelineFilters {
    /// Those to leave out.
    #[schemars(extend("x-plumb" = {"set": true, "why": "databricks-sdk-py pipelines.Filters: what one excludes, no order of them brings back"}))]
    pub exclude: Option<Vec<String>>,
    /// Those to take.
    #[schemars(extend("x-plumb" = {"set": true, "why": "databricks-sdk-py pipelines.Filters: what one includes, no order of them takes away"}))]
    pub include: Option<Vec<String>>,
}

/// A piece of a pipeline's code. Exactly one member is set.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct PipelineLibrary {
    /// A source file.
    pub file: Option<SourceFile>,
    /// A notebook, a file, or all that is in a folder.
    pub glob: Option<SourceGlob>,
    /// The address of a JAR: only DBFS is supported by the service.
    pub jar: Option<String>,
    /// A package of a Maven repository.
    pub maven: Option<MavenLibrary>,
    /// A notebook.
    pub notebook: Option<SourceNotebook>,
    /// The address of a Python wheel. Deprecated by the service: `environment` has replaced it.
    pub whl: Option<String>,
}

/// A source file.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct SourceFile {
    /// Its path in the workspace, or in the repository: `./orders.sql`.
    #[schemars(extend("x-plumb" = {"code": "file", "why": "databricks-sdk-py pipelines.FileLibrary: an absolute path of the workspace"}))]
    pub path: String,
}

/// A notebook.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct SourceNotebook {
    /// Its path in the workspace, or in the repository: `./orders.py`.
    #[schemars(extend("x-plumb" = {"code": "notebook", "why": "databricks-sdk-py pipelines.NotebookLibrary: an absolute path of the workspace"}))]
    pub path: String,
}

/// A notebook, a file, or all that is in a folder.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct SourceGlob {
    /// A path in the workspace, or in the repository: `./orders.sql`; that of a folder ends in `/**`: `./transformations/**`.
    #[schemars(extend("x-plumb" = {"code": "source", "why": "databricks-sdk-py pipelines.PipelineLibrary: a path of a notebook or a file, or that of a folder with /** behind it"}))]
    pub include: String,
}

/// Whom to send e-mails, about what.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct PipelineNotification {
    /// What about: `on-update-success`, `on-update-failure`, `on-update-fatal-failure`, `on-flow-failure`.
    #[schemars(extend("x-plumb" = {"set": true, "why": "each event is told by itself"}))]
    pub alerts: Vec<String>,
    /// Addresses.
    #[schemars(extend("x-plumb" = {"set": true, "why": "every recipient is told, in any order"}))]
    pub email_recipients: Vec<String>,
}

/// Five hours of a day.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct TimeWindow {
    /// The hour in which they begin: 0 to 23.
    pub start_hour: i64,
    /// On which days. Unset: on all.
    #[schemars(extend("x-plumb" = {"set": true, "why": "days have an order of their own"}))]
    pub days_of_week: Option<Vec<DayOfWeek>>,
    /// The time zone: `Europe/London`. Unset: UTC.
    #[schemars(extend("x-plumb" = {"default": "UTC", "why": "databricks-sdk-py pipelines.RestartWindow: UTC unless set"}))]
    pub time_zone_id: Option<String>,
}

/// What starts updates. Exactly one member is set.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct PipelineTrigger {
    /// The clock.
    pub cron: Option<PipelineCron>,
    /// People, and jobs.
    pub manual: Option<ManualTrigger>,
}

/// Times.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct PipelineCron {
    /// The times, in the notation of Quartz: `0 0 4 * * ?`.
    pub quartz_cron_schedule: Option<String>,
    /// The time zone that they are in.
    pub timezone_id: Option<String>,
}

/// People, and jobs.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ManualTrigger {}
