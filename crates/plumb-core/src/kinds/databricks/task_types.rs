//! The types of task that run code.

use super::{
    git::FileSource,
    undeclared::{Settings, is_absent},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Runs a notebook of a clean room.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct CleanRoomsNotebookTask {
    /// The clean room.
    pub clean_room_name: String,
    /// The notebook in it.
    pub notebook_name: String,
    /// The version of the notebook that must be current, as a checksum.
    pub etag: Option<String>,
    /// Parameters of the notebook.
    pub notebook_base_parameters: Option<Settings>,
}

/// Compares two values.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ConditionTask {
    /// How. `EQUAL_TO` and `NOT_EQUAL` compare texts (`12.0` is not `12`), the others compare numbers.
    pub op: ConditionOp,
    /// The left value, or a reference to one.
    pub left: String,
    /// The right value, or a reference to one.
    pub right: String,
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ConditionOp {
    EqualTo,
    GreaterThan,
    GreaterThanOrEqual,
    LessThan,
    LessThanOrEqual,
    NotEqual,
}

/// Runs dbt.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct DbtTask {
    /// The commands, each beginning with `dbt`: 10 at most.
    pub commands: Vec<String>,
    /// The catalog to write to. Needs `warehouse_id`.
    pub catalog: Option<String>,
    /// The folder of `profiles.yml`, relative to the repository. Needed without `warehouse_id`.
    pub profiles_directory: Option<String>,
    /// The folder of `dbt_project.yml`: in the workspace, or a folder of the repository: `./dbt`. With a `git_source`: a path
    /// relative to that repository.
    #[schemars(extend("x-plumb" = {"code": "folder", "why": "databricks-sdk-py jobs.DbtTask: an absolute path of the workspace"}))]
    pub project_directory: Option<String>,
    /// The schema to write to. Needs `warehouse_id`.
    #[schemars(extend("x-plumb" = {"default": "default", "why": "databricks-sdk-java jobs.DbtTask: `default` when not set; Terraform provider jobs: the same"}))]
    pub schema: Option<String>,
    /// Where the project is.
    #[schemars(extend("x-plumb" = {"unset": "server", "filled_when": [{"value": "GIT", "with": "git_source"}, {"value": "WORKSPACE", "without": "git_source"}], "refused_when": [{"value": "GIT", "without": "git_source"}], "why": "databricks/cli testserver: GIT with a git_source, else WORKSPACE; Terraform provider jobs: suppressed"}))]
    pub source: Option<FileSource>,
    /// The SQL warehouse that dbt connects to, by id.
    pub warehouse_id: Option<String>,
}

/// Runs a job of dbt Cloud.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct DbtCloudTask {
    /// The connection of Unity Catalog that signs in to dbt Cloud.
    pub connection_resource_name: Option<String>,
    /// The dbt Cloud job's id.
    pub dbt_cloud_job_id: Option<i64>,
}

/// Runs a job of the dbt platform.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct DbtPlatformTask {
    /// The connection of Unity Catalog that signs in to the dbt platform.
    pub connection_resource_name: Option<String>,
    /// The dbt platform job's id, as text.
    pub dbt_platform_job_id: Option<String>,
}

/// Runs a notebook.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct NotebookTask {
    /// The notebook: an absolute path of the workspace, or a file of the repository: `./src/etl.py`. With a `git_source`: a path
    /// relative to that repository, without extension.
    #[schemars(extend("x-plumb" = {"code": "notebook", "why": "databricks-sdk-py jobs.NotebookTask: an absolute path of the workspace"}))]
    pub notebook_path: String,
    /// Parameters of the notebook: 1 MB at most as JSON.
    pub base_parameters: Option<Settings>,
    /// Where the notebook is.
    #[schemars(extend("x-plumb" = {"unset": "server", "filled_when": [{"value": "GIT", "with": "git_source"}, {"value": "WORKSPACE", "without": "git_source"}], "refused_when": [{"value": "GIT", "without": "git_source"}], "why": "databricks/cli testserver: GIT with a git_source, else WORKSPACE; Terraform provider jobs: suppressed"}))]
    pub source: Option<FileSource>,
    /// The SQL warehouse that runs the notebook, by id. Only for notebooks of SQL cells; not a classic one.
    pub warehouse_id: Option<String>,
}

/// Updates a pipeline.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct PipelineTask {
    /// The pipeline's id.
    pub pipeline_id: String,
    /// Whether everything is computed again.
    #[schemars(extend("x-plumb" = {"default": false, "why": "databricks-sdk-java jobs.PipelineTask: an optional flag"}))]
    pub full_refresh: Option<bool>,
    /// Tables to compute again.
    pub full_refresh_selection: Option<Vec<String>>,
    /// Parameters of the pipeline: 10,000 characters at most.
    pub parameters: Option<Settings>,
    /// Flows to update.
    pub refresh_flow_selection: Option<Vec<String>>,
    /// Tables to update, without computing them again.
    pub refresh_selection: Option<Vec<String>>,
    /// Streaming flows that start over from the beginning of their input, keeping what they have written.
    pub reset_checkpoint_selection: Option<Vec<String>>,
}

/// Runs a function or an operator of Python.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct PythonOperatorTask {
    /// The full name of the function or class: `my_project.my_function`.
    pub main: Option<String>,
    /// Arguments, in order.
    pub parameters: Option<Vec<PythonOperatorParameter>>,
}

/// An argument of a function or an operator of Python.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct PythonOperatorParameter {
    /// Its name.
    pub name: Option<String>,
    /// Its value.
    pub value: Option<String>,
}

/// Runs a Python wheel.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct PythonWheelTask {
    /// The package.
    pub package_name: String,
    /// The entry point in the package's metadata, or else a function of the package.
    pub entry_point: String,
    /// Arguments by name, passed as `--name=value`. Excludes `parameters`.
    pub named_parameters: Option<Settings>,
    /// Arguments in order. Excludes `named_parameters`.
    pub parameters: Option<Vec<String>>,
}

/// Runs another job.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct RunJobTask {
    /// The job's id; mostly a reference: `${resources.DatabricksJob.NAME}`.
    pub job_id: i64,
    /// Commands of that job's dbt tasks. Deprecated by the service, like all that follow: use `job_parameters`.
    pub dbt_commands: Option<Vec<String>>,
    /// Arguments of that job's JAR tasks.
    pub jar_params: Option<Vec<String>>,
    /// Parameters of that job.
    pub job_parameters: Option<Settings>,
    /// Parameters of that job's notebook tasks.
    pub notebook_params: Option<Settings>,
    /// How that job's pipeline tasks update.
    pub pipeline_params: Option<PipelineParams>,
    /// Arguments by name of that job's Python wheel tasks.
    pub python_named_params: Option<Settings>,
    /// Arguments of that job's Python tasks.
    pub python_params: Option<Vec<String>>,
    /// Arguments of that job's spark-submit tasks.
    pub spark_submit_params: Option<Vec<String>>,
    /// Parameters of that job's SQL tasks.
    pub sql_params: Option<Settings>,
}

/// How pipelines update.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct PipelineParams {
    /// Whether everything is computed again.
    #[schemars(extend("x-plumb" = {"default": false, "why": "databricks-sdk-java jobs.PipelineParams: an optional flag"}))]
    pub full_refresh: Option<bool>,
    /// Tables to compute again.
    pub full_refresh_selection: Option<Vec<String>>,
    /// Flows to update.
    pub refresh_flow_selection: Option<Vec<String>>,
    /// Tables to update, without computing them again.
    pub refresh_selection: Option<Vec<String>>,
    /// Streaming flows that start over from the beginning of their input, keeping what they have written.
    pub reset_checkpoint_selection: Option<Vec<String>>,
}

/// Runs a class of a JAR, which is among the task's `libraries`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct SparkJarTask {
    /// The JAR. Deprecated by the service: `libraries` have replaced it.
    #[schemars(extend("x-plumb" = {"code": "library", "why": "databricks-sdk-py jobs.SparkJarTask: the path of a JAR"}))]
    pub jar_uri: Option<String>,
    /// The full name of the class with the main method.
    pub main_class_name: Option<String>,
    /// Arguments of the main method.
    pub parameters: Option<Vec<String>>,
    /// Deprecated by the service, which no longer takes `false`.
    #[schemars(extend("x-plumb" = {"unset": "server", "filled": [true], "refused_when": [{"value": false}], "why": "Terraform provider jobs: computed; databricks-sdk-py jobs.SparkJarTask: false is no longer supported"}))]
    pub run_as_repl: Option<bool>,
}

/// Runs a Python file.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct SparkPythonTask {
    /// The file: a path of the workspace or of an object store, or a file of the repository: `./src/load.py`. With a `git_source`: a
    /// path relative to that repository.
    #[schemars(extend("x-plumb" = {"code": "file", "why": "databricks-sdk-py jobs.SparkPythonTask: an absolute path of the workspace"}))]
    pub python_file: String,
    /// Arguments.
    pub parameters: Option<Vec<String>>,
    /// Where the file is.
    #[schemars(extend("x-plumb" = {"unset": "server", "filled_when": [{"value": "GIT", "with": "git_source"}, {"value": "WORKSPACE", "without": "git_source"}], "refused_when": [{"value": "GIT", "without": "git_source"}], "why": "databricks/cli testserver: GIT with a git_source, else WORKSPACE; Terraform provider jobs: suppressed"}))]
    pub source: Option<FileSource>,
}

/// Runs spark-submit. Only on a new cluster, without libraries.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct SparkSubmitTask {
    /// Arguments of the command.
    pub parameters: Option<Vec<String>>,
}
