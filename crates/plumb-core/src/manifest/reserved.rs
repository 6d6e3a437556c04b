//! Environment variables that `spec.env` may not name: what CI and the tools sign in with.
//!
//! A manifest can put what it names into any field of an object, and whoever may read the object reads it. So the secrets
//! with which a pipeline itself works are not to be had by a manifest, also where plumb.yaml asks for them.

/// Beginnings of names, or whole names, each with whose they are and where that is said.
const RESERVED: [(&str, Match, &str); 32] = [
    ("PLUMB_", Match::Prefix, "plumb's own settings and its approval key"),
    // GitHub: "Default environment variables" and "Security hardening with OpenID Connect".
    ("GITHUB_", Match::Prefix, "those of GitHub Actions"),
    ("ACTIONS_", Match::Prefix, "those of GitHub Actions, its identity tokens among them"),
    ("RUNNER_", Match::Prefix, "those of GitHub's runner"),
    ("GH_TOKEN", Match::Whole, "GitHub's token (`gh help environment`)"),
    ("GH_ENTERPRISE_TOKEN", Match::Whole, "GitHub's token (`gh help environment`)"),
    // GitLab: "Predefined CI/CD variables reference".
    ("CI_JOB_", Match::Prefix, "those of GitLab's job, its tokens among them"),
    ("CI_REGISTRY_PASSWORD", Match::Whole, "GitLab's registry"),
    ("CI_DEPLOY_", Match::Prefix, "GitLab's deploy token"),
    ("CI_DEPENDENCY_PROXY_PASSWORD", Match::Whole, "GitLab's dependency proxy"),
    ("CI_REPOSITORY_URL", Match::Whole, "GitLab's clone address, which holds a token"),
    ("GITLAB_TOKEN", Match::Whole, "GitLab's token"),
    // Other runners: Azure Pipelines "Use predefined variables", Bitbucket, CircleCI and Buildkite likewise.
    ("SYSTEM_ACCESSTOKEN", Match::Whole, "the token of Azure Pipelines"),
    ("BITBUCKET_STEP_OIDC_TOKEN", Match::Whole, "Bitbucket's identity token"),
    ("CIRCLE_OIDC_TOKEN", Match::Prefix, "CircleCI's identity token"),
    ("BUILDKITE_AGENT_ACCESS_TOKEN", Match::Whole, "Buildkite's token"),
    // What the tools sign in with: databricks-sdk-py `config.py`, AWS "Environment variables to configure the AWS CLI".
    ("DATABRICKS_", Match::Prefix, "what Databricks is signed in to with"),
    ("AWS_", Match::Prefix, "what AWS is signed in to with"),
    ("ARM_", Match::Prefix, "what Azure is signed in to with"),
    ("AZURE_CLIENT_", Match::Prefix, "what Azure is signed in to with"),
    ("AZURE_FEDERATED_TOKEN_FILE", Match::Whole, "what Azure is signed in to with"),
    ("AZURE_PASSWORD", Match::Whole, "what Azure is signed in to with"),
    ("GOOGLE_CREDENTIALS", Match::Whole, "what Google Cloud is signed in to with"),
    ("GOOGLE_APPLICATION_CREDENTIALS", Match::Whole, "what Google Cloud is signed in to with"),
    ("GOOGLE_OAUTH_ACCESS_TOKEN", Match::Whole, "what Google Cloud is signed in to with"),
    // plumb's own way into Airflow. AIRFLOW_CONN_… and AIRFLOW_VAR_… are people's.
    ("AIRFLOW_TOKEN", Match::Whole, "what Airflow is signed in to with"),
    ("AIRFLOW_USERNAME", Match::Whole, "what Airflow is signed in to with"),
    ("AIRFLOW_PASSWORD", Match::Whole, "what Airflow is signed in to with"),
    ("SSH_AUTH_SOCK", Match::Whole, "the agent that holds SSH keys"),
    ("NPM_TOKEN", Match::Whole, "a registry's token"),
    ("PYPI_TOKEN", Match::Whole, "a registry's token"),
    ("VAULT_TOKEN", Match::Whole, "the token of a secret store"),
];

/// How a name is matched.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Match {
    Prefix,
    Whole,
}

/// Whose a variable is that manifests may not see; `None` when they may. Case means nothing, as on Windows.
pub(super) fn whose(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_uppercase();
    let is_it = |(reserved, how, _): &&(&str, Match, &str)| match how {
        Match::Prefix => name.starts_with(reserved),
        Match::Whole => name == *reserved,
    };
    RESERVED.iter().find(is_it).map(|(_, _, whose)| *whose)
}

#[cfg(test)]
mod tests {
    use super::whose;

    #[test]
    fn secrets_of_ci_and_of_the_tools_are_not_for_manifests() {
        for name in [
            "PLUMB_APPROVAL_KEY",
            "GITHUB_TOKEN",
            "github_token",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
            "ACTIONS_RUNTIME_TOKEN",
            "CI_JOB_TOKEN",
            "CI_JOB_JWT_V2",
            "DATABRICKS_TOKEN",
            "DATABRICKS_CLIENT_SECRET",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "ARM_CLIENT_SECRET",
            "AZURE_CLIENT_SECRET",
            "AIRFLOW_PASSWORD",
            "SYSTEM_ACCESSTOKEN",
            "GH_TOKEN",
            "CIRCLE_OIDC_TOKEN_V2",
        ] {
            assert!(whose(name).is_some(), "{name}");
        }
        for name in
            ["DB_PASSWORD", "APP_AWS_SECRET", "AIRFLOW_CONN_DB", "GH_TOKENS", "CI", "PAGERDUTY_KEY", "MY_GITHUB_TOKEN"]
        {
            assert_eq!(whose(name), None, "{name}");
        }
    }
}
