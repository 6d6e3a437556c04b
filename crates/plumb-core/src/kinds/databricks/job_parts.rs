//! The parts of a job that are neither tasks nor triggers.

use super::{
    compute::NewCluster,
    undeclared::{Settings, is_absent},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The deployment tool that made a job.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Deployment {
    /// The tool.
    pub kind: DeploymentKind,
    /// The deployment's id. Only of bundles.
    pub deployment_id: Option<String>,
    /// The workspace path of the deployment's metadata file.
    pub metadata_file_path: Option<String>,
    /// The version of the deployment. Only of bundles.
    #[schemars(extend("x-plumb" = {"server": true, "why": "databricks/cli bundle rules: ignored on both sides"}))]
    pub version_id: Option<String>,
}

/// A deployment tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DeploymentKind {
    /// A Databricks asset bundle.
    Bundle,
    /// The service itself.
    SystemManaged,
}

/// A named set of environment variables.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct EnvironmentVariables {
    /// What tasks call it.
    pub environment_variables_key: String,
    /// The variables.
    pub spec: Option<EnvironmentVariablesSpec>,
}

/// Environment variables.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct EnvironmentVariablesSpec {
    /// Files of `KEY=VALUE` lines: 5 at most, 32 KiB each, 1 KiB a line.
    #[schemars(extend("x-plumb" = {"code": "file", "why": "databricks-sdk-py jobs.EnvironmentVariables: paths of files of the workspace or a volume"}))]
    pub files: Option<Vec<String>>,
    /// The variables: 20 at most, 512 characters each.
    #[schemars(extend("x-plumb" = {"secret": "by_name", "why": "passwords are often passed this way"}))]
    pub variables: Option<Settings>,
}

/// A named environment of serverless tasks.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct Environment {
    /// What tasks call it.
    pub environment_key: String,
    /// The environment.
    pub spec: Option<EnvironmentSpec>,
}

/// An environment of serverless tasks.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct EnvironmentSpec {
    /// The environment to build on: the path of an `env.yaml` in the workspace or the repository (`./env.yaml`), or an id. Stands
    /// in for `environment_version`.
    #[schemars(extend("x-plumb" = {"code": "file", "why": "databricks-sdk-py compute.Environment: the path of an env.yaml in the workspace or a volume"}))]
    pub base_environment: Option<String>,
    /// The former name of `environment_version`.
    #[schemars(extend("x-plumb" = {"unset": "server", "filled_when": [{"same_as": "environment_version"}], "refused_when": [{"with": "environment_version"}, {"with": "base_environment"}], "why": "databricks-sdk-java compute.Environment: the deprecated name of environment_version, which says the same"}))]
    pub client: Option<String>,
    /// Python packages, as in a `requirements.txt`; files of the repository too: `./dist/etl-*.whl`,
    /// `-r ./requirements.txt`.
    #[schemars(extend("x-plumb" = {"code": "dependency", "why": "databricks-sdk-py compute.Environment: lines of a requirements.txt, with paths of the workspace or a volume"}))]
    pub dependencies: Option<Vec<String>>,
    /// The version of the environment, an integer as a string: `"2"`.
    #[schemars(extend("x-plumb" = {"unset": "server", "filled_when": [{"same_as": "client"}, {"with": "base_environment"}], "refused_when": [{"with": "client"}, {"with": "base_environment"}, {"with": "project_environment"}], "why": "databricks-sdk-java compute.Environment: base_environment (or the deprecated client) gives the version too, and either is provided"}))]
    pub environment_version: Option<String>,
    /// JARs, by path: in the workspace or a volume, or files of the repository: `./target/etl.jar`.
    #[schemars(extend("x-plumb" = {"code": "library", "why": "databricks-sdk-py compute.Environment: paths of JARs in the workspace or a volume"}))]
    pub java_dependencies: Option<Vec<String>>,
    /// The project whose environment is used.
    pub project_environment: Option<String>,
}

/// Whether the workspace's pages let people edit a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EditMode {
    Editable,
    UiLocked,
}

/// The format of a job's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Format {
    MultiTask,
    SingleTask,
}

/// A cluster that tasks of the same run share.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct JobCluster {
    /// What tasks call it.
    pub job_cluster_key: String,
    /// The cluster.
    pub new_cluster: Option<NewCluster>,
    /// Serverless compute instead of a cluster.
    pub serverless_compute: Option<ServerlessCompute>,
    /// Serverless compute instead of a cluster, by id. In private preview.
    pub serverless_compute_id: Option<String>,
}

/// Serverless compute that tasks of the same run share.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ServerlessCompute {
    /// The serverless compute policy that it obeys, by id.
    #[schemars(extend("x-plumb" = {"unset": "absent", "why": "databricks-sdk-py jobs.JobClusterServerlessCompute: optional; nothing fills it in"}))]
    pub policy_id: Option<String>,
}

/// A parameter of a job.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Parameter {
    /// The parameter's name.
    pub name: String,
    /// Its value when a run is started without one.
    pub default: String,
}

/// What serverless tasks are tuned for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PerformanceTarget {
    /// Fast starts and fast runs.
    PerformanceOptimized,
    /// Low cost.
    Standard,
}

/// Whether runs wait when they cannot start at once.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Queue {
    /// Whether they wait; otherwise they are skipped.
    pub enabled: bool,
}

/// Whose rights runs have. Exactly one member is set.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct RunAs {
    /// A group. In private preview.
    pub group_name: Option<String>,
    /// A service principal, by application id.
    #[schemars(extend("x-plumb" = {"fold_case": true, "why": "Terraform provider permissions: names are lower-cased (issues 5183, 5757)"}))]
    pub service_principal_name: Option<String>,
    /// A user, by e-mail address.
    #[schemars(extend("x-plumb" = {"fold_case": true, "why": "Terraform provider permissions: names are lower-cased (issues 5183, 5757)"}))]
    pub user_name: Option<String>,
}
