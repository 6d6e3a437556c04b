//! Tasks on GPUs.

use super::{git::FileSource, undeclared::is_absent};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What serverless compute a task needs.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct TaskCompute {
    /// The GPUs.
    pub hardware_accelerator: Option<Accelerator>,
}

/// Trains or runs a model on serverless GPUs.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct AiRuntimeTask {
    /// The MLflow experiment that runs are recorded in; it is made when there is none.
    pub experiment: String,
    /// What runs on which nodes. The service takes exactly one for now.
    pub deployments: Vec<AiDeployment>,
    /// The archive that each node unpacks, by path. Set by the service's own tools.
    #[schemars(extend("x-plumb" = {"code": "file", "why": "databricks-sdk-py jobs.AiRuntimeTask: the path of an archive"}))]
    pub code_source_path: Option<String>,
    /// A container image instead of the standard one: `organisation/repository:tag`.
    pub docker_image_url: Option<String>,
    /// Where MLflow keeps what runs log: `dbfs:/Volumes/…`.
    pub mlflow_artifact_location: Option<String>,
    /// The workspace folder that the experiment is made in, beginning with `/Workspace`.
    pub mlflow_experiment_directory: Option<String>,
    /// The MLflow run's name.
    pub mlflow_run: Option<String>,
    /// Which runs get scarce GPUs first.
    pub priority_class: Option<PriorityClass>,
    /// A container image of Unity Catalog: `catalog.schema.image:tag`.
    pub unity_catalog_image_path: Option<String>,
}

/// What runs on which nodes.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct AiDeployment {
    /// The compute of each node.
    pub compute: AiCompute,
    /// The workspace path of the script that every node runs, or a file of the repository: `./train.sh`.
    #[schemars(extend("x-plumb" = {"code": "file", "why": "databricks-sdk-py jobs.AiRuntimeTask: a path of the workspace"}))]
    pub command_path: Option<String>,
    /// A name for logs.
    pub name: Option<String>,
}

/// The compute of a node.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct AiCompute {
    /// The GPUs.
    pub accelerator_type: Accelerator,
    /// How many GPUs.
    pub accelerator_count: i64,
    /// The provisioned capacity to take them from, by id.
    pub provisioned_capacity_id: Option<String>,
}

/// Runs a script on GPUs, in the service's former way.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct GenAiComputeTask {
    /// The runtime's image.
    pub dl_runtime_image: String,
    /// What starts the script: `bash`, `python`.
    pub command: Option<String>,
    /// The GPUs.
    pub compute: Option<GpuCompute>,
    /// The MLflow experiment that runs are recorded in; it is made when there is none.
    pub mlflow_experiment_name: Option<String>,
    /// Where the script is.
    #[schemars(extend("x-plumb" = {"unset": "server", "filled": ["WORKSPACE"], "why": "databricks-sdk-py jobs.GenAiComputeTask: GIT with a git_source, else WORKSPACE"}))]
    pub source: Option<FileSource>,
    /// The script: a path of the workspace, or a file of the repository: `./train.py`.
    #[schemars(extend("x-plumb" = {"code": "file", "why": "databricks-sdk-py jobs.GenAiComputeTask: an absolute path of the workspace"}))]
    pub training_script_path: Option<String>,
    /// Parameters of the script, as YAML.
    pub yaml_parameters: Option<String>,
    /// The file with the script's parameters, as YAML.
    #[schemars(extend("x-plumb" = {"code": "file", "why": "databricks-sdk-py jobs.GenAiComputeTask: a path of the workspace"}))]
    pub yaml_parameters_file_path: Option<String>,
}

/// GPUs of a pool.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct GpuCompute {
    /// How many.
    pub num_gpus: i64,
    /// The pool to take them from, by id.
    pub gpu_node_pool_id: Option<String>,
    /// Their type.
    pub gpu_type: Option<String>,
}

/// A type of GPU and how many a machine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Accelerator {
    #[serde(rename = "GPU_1xA10")]
    OneA10,
    #[serde(rename = "GPU_1xH100")]
    OneH100,
    #[serde(rename = "GPU_8xB300")]
    EightB300,
    #[serde(rename = "GPU_8xH100")]
    EightH100,
}

/// Which runs get scarce GPUs first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PriorityClass {
    BestEffort,
    Normal,
}
