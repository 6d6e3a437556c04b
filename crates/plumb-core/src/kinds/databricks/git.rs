//! Where a job's code comes from.

use super::undeclared::is_absent;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A git repository. Exactly one of branch, commit and tag is set.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct GitSource {
    /// The repository's address.
    pub git_url: String,
    /// Who hosts it.
    #[schemars(extend("x-plumb" = {"fold_case": true, "why": "databricks-sdk-py jobs.GitSource: the value is case insensitive"}))]
    pub git_provider: GitProvider,
    /// The branch to check out.
    pub git_branch: Option<String>,
    /// The commit to check out.
    pub git_commit: Option<String>,
    /// What a run has checked out. Set by the service.
    #[schemars(extend("x-plumb" = {"server": true, "why": "databricks-sdk-java jobs.GitSnapshot: only on runs, read-only"}))]
    pub git_snapshot: Option<GitSnapshot>,
    /// The file that a job under source control was imported from.
    #[schemars(extend("x-plumb" = {"unset": "server", "chosen": true, "why": "databricks-sdk-py jobs.JobSource: written when a job is imported from a repository in the workspace's pages"}))]
    pub job_source: Option<JobSource>,
    /// The tag to check out.
    pub git_tag: Option<String>,
    /// Which files to check out.
    pub sparse_checkout: Option<SparseCheckout>,
}

/// What a run has checked out.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct GitSnapshot {
    /// The commit.
    pub used_commit: Option<String>,
}

/// The file that a job under source control was imported from.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct JobSource {
    /// Its path in the repository.
    pub job_config_path: String,
    /// The branch that it was imported from.
    pub import_from_git_branch: String,
    /// Whether the job is still what the file says.
    #[schemars(extend("x-plumb" = {"unset": "server", "chosen": true, "why": "databricks-sdk-py jobs.JobSource: the workspace's pages keep it"}))]
    pub dirty_state: Option<DirtyState>,
}

/// Whether a job is still what its file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DirtyState {
    /// It may be edited live for a time.
    Disconnected,
    /// The file is yet to be imported again.
    NotSynced,
}

/// Which files of a repository are checked out.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct SparseCheckout {
    /// Patterns of files and folders.
    pub patterns: Option<Vec<String>>,
}

/// A host of git repositories.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum GitProvider {
    AwsCodeCommit,
    AzureDevOpsServices,
    BitbucketCloud,
    BitbucketServer,
    GitHub,
    GitHubEnterprise,
    GitLab,
    GitLabEnterpriseEdition,
}

/// Where a task finds its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FileSource {
    /// In the job's `git_source`.
    Git,
    /// In the workspace.
    Workspace,
}
