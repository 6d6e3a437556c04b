//! Environment variables that `spec.env` may not name: what CI and the tools sign in with.
//!
//! A manifest can put what it names into any field of an object, and whoever may read the object reads it. So the secrets
//! with which a pipeline itself works are not to be had by a manifest, also where plumb.yaml asks for them.

/// Beginnings of names, or whole names, each with whose they are and where that is said.
const RESERVED: [(&str, NameMatch, &str); 34] = [
    ("PLUMB_", NameMatch::Prefix, "plumb's own settings and its approval key"),
    // GitHub: "Default environment variables" and "Security hardening with OpenID Connect".
    ("GITHUB_", NameMatch::Prefix, "those of GitHub Actions"),
    ("ACTIONS_", NameMatch::Prefix, "those of GitHub Actions, its identity tokens among them"),
    ("RUNNER_", NameMatch::Prefix, "those of GitHub's runner"),
    ("GH_TOKEN", NameMatch::Whole, "GitHub's token (`gh help environment`)"),
    ("GH_ENTERPRISE_TOKEN", NameMatch::Whole, "GitHub's token (`gh help environment`)"),
    // GitLab: "Predefined CI/CD variables reference".
    ("CI_JOB_", NameMatch::Prefix, "those of GitLab's job, its tokens among them"),
    ("CI_REGISTRY_PASSWORD", NameMatch::Whole, "GitLab's registry"),
    ("CI_DEPLOY_", NameMatch::Prefix, "GitLab's deploy token"),
    ("CI_DEPENDENCY_PROXY_PASSWORD", NameMatch::Whole, "GitLab's dependency proxy"),
    ("CI_REPOSITORY_URL", NameMatch::Whole, "GitLab's clone address, which holds a token"),
    ("GITLAB_TOKEN", NameMatch::Whole, "GitLab's token"),
    // Other runners: Azure Pipelines "Use predefined variables", Bitbucket, CircleCI and Buildkite likewise.
    ("SYSTEM_ACCESSTOKEN", NameMatch::Whole, "the token of Azure Pipelines"),
    ("BITBUCKET_STEP_OIDC_TOKEN", NameMatch::Whole, "Bitbucket's identity token"),
    ("CIRCLE_OIDC_TOKEN", NameMatch::Prefix, "CircleCI's identity token"),
    ("BUILDKITE_AGENT_ACCESS_TOKEN", NameMatch::Whole, "Buildkite's token"),
    // What the tools sign in with: databricks-sdk-py `config.py`, AWS "Environment variables to configure the AWS CLI".
    ("DATABRICKS_", NameMatch::Prefix, "what Databricks is signed in to with"),
    ("AWS_", NameMatch::Prefix, "what AWS is signed in to with"),
    ("ARM_", NameMatch::Prefix, "what Azure is signed in to with"),
    ("AZURE_CLIENT_", NameMatch::Prefix, "what Azure is signed in to with"),
    ("AZURE_FEDERATED_TOKEN_FILE", NameMatch::Whole, "what Azure is signed in to with"),
    ("AZURE_PASSWORD", NameMatch::Whole, "what Azure is signed in to with"),
    ("GOOGLE_CREDENTIALS", NameMatch::Whole, "what Google Cloud is signed in to with"),
    ("GOOGLE_APPLICATION_CREDENTIALS", NameMatch::Whole, "what Google Cloud is signed in to with"),
    ("GOOGLE_OAUTH_ACCESS_TOKEN", NameMatch::Whole, "what Google Cloud is signed in to with"),
    ("GCS_TOKEN_", NameMatch::Prefix, "what Google Cloud is signed in to with"),
    // gcloud, "gcloud auth login" in CI: a token, or the file of one.
    ("CLOUDSDK_AUTH_", NameMatch::Prefix, "what Google Cloud is signed in to with"),
    // plumb's own way into Airflow. AIRFLOW_CONN_… and AIRFLOW_VAR_… are people's.
    ("AIRFLOW_TOKEN", NameMatch::Prefix, "what Airflow is signed in to with"),
    ("AIRFLOW_USERNAME", NameMatch::Whole, "what Airflow is signed in to with"),
    ("AIRFLOW_PASSWORD", NameMatch::Whole, "what Airflow is signed in to with"),
    ("SSH_AUTH_SOCK", NameMatch::Whole, "the agent that holds SSH keys"),
    ("NPM_TOKEN", NameMatch::Whole, "a registry's token"),
    ("PYPI_TOKEN", NameMatch::Whole, "a registry's token"),
    ("VAULT_TOKEN", NameMatch::Whole, "the token of a secret store"),
];

/// How a name is matched.
#[derive(Clone, Copy, PartialEq, Eq)]
enum NameMatch {
    Prefix,
    Whole,
}

/// Whose a variable is that manifests may not see; `None` when they may. Case means nothing, as on Windows.
pub(super) fn whose(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_uppercase();
    let is_it = |(reserved, how, _): &&(&str, NameMatch, &str)| match how {
        NameMatch::Prefix => name.starts_with(reserved),
        NameMatch::Whole => name == *reserved,
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
            "AIRFLOW_TOKEN_COMMAND",
            "GCS_TOKEN_COMMAND",
            "CLOUDSDK_AUTH_ACCESS_TOKEN",
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
