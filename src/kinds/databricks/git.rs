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
    pub git_provider: GitProvider,
    /// The branch to check out.
    pub git_branch: Option<String>,
    /// The commit to check out.
    pub git_commit: Option<String>,
    /// What a run has checked out. Set by the service.
    #[schemars(extend("x-plumb" = {"server": true, "why": "databricks-sdk-java jobs.GitSnapshot: only on runs, read-only"}))]
    pub git_snapshot: Option<GitSnapshot>,
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
pub enum Source {
    /// In the job's `git_source`.
    Git,
    /// In the workspace.
    Workspace,
}
