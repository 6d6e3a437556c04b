//! What a forge's runner says of the run: its variables, and with GitHub the event that started it.
//!
//! The names and what they hold: docs.github.com, "Variables reference" and "Events that trigger workflows"; docs.gitlab.com,
//! "Predefined CI/CD variables reference".

use crate::services::Secret;
use crate::services::github::{API, GitHubConfig, GitHubConfigError};
use plumb_core::plan::{Forge, RepositoryPages};
use serde::Deserialize;
use std::path::PathBuf;

/// The variables of a run. `None` where there is no such variable: outside GitHub Actions most are missing.
#[derive(Clone, Debug, Default)]
pub struct Runner {
    /// `GITHUB_REPOSITORY`: `OWNER/NAME`.
    pub repository: Option<String>,
    /// `GITHUB_API_URL`.
    pub api: Option<String>,
    /// `GITHUB_SERVER_URL`: `https://github.com`.
    pub server: Option<String>,
    /// `GITHUB_TOKEN`, or `GH_TOKEN` where there is none.
    pub token: Option<Secret>,
    /// `GITHUB_RUN_ID`.
    pub run_id: Option<String>,
    /// `GITHUB_SHA`: the commit that started the run.
    pub sha: Option<String>,
    /// `GITHUB_EVENT_NAME`: `pull_request`, `push`, `workflow_run`, `schedule`.
    pub event_name: Option<String>,
    /// `GITHUB_EVENT_PATH`: the event as JSON.
    pub event_path: Option<PathBuf>,
    /// `GITHUB_OUTPUT`: a file that takes the step's outputs.
    pub output: Option<PathBuf>,
    /// `GITHUB_STEP_SUMMARY`: a file that takes markdown.
    pub step_summary: Option<PathBuf>,
    /// Whether `GITHUB_ACTIONS` is set: a runner reads workflow commands out of stdout.
    pub is_actions: bool,
    /// `CI_PROJECT_URL`, of GitLab: `https://gitlab.com/acme/data`.
    pub project_url: Option<String>,
    /// `CI_JOB_URL`, of GitLab: the page of the job, where the log is.
    pub job_url: Option<String>,
}

impl Runner {
    /// Reads the variables with `env`.
    pub fn read(env: &dyn Fn(&str) -> Option<String>) -> Runner {
        Runner {
            repository: env("GITHUB_REPOSITORY"),
            api: env("GITHUB_API_URL"),
            server: env("GITHUB_SERVER_URL"),
            token: env("GITHUB_TOKEN").or_else(|| env("GH_TOKEN")).map(Secret::new),
            run_id: env("GITHUB_RUN_ID"),
            sha: env("GITHUB_SHA"),
            event_name: env("GITHUB_EVENT_NAME"),
            event_path: env("GITHUB_EVENT_PATH").map(PathBuf::from),
            output: env("GITHUB_OUTPUT").map(PathBuf::from),
            step_summary: env("GITHUB_STEP_SUMMARY").map(PathBuf::from),
            is_actions: env("GITHUB_ACTIONS").is_some_and(|v| v == "true"),
            project_url: env("CI_PROJECT_URL"),
            job_url: env("CI_JOB_URL"),
        }
    }

    /// The address of the run's page, where the log is.
    pub fn run_url(&self) -> Option<String> {
        match (self.github_address(), &self.run_id) {
            (Some(address), Some(run)) => Some(format!("{address}/actions/runs/{run}")),
            _ => self.job_url.clone(),
        }
    }

    /// Where the repository's pages are, with the commit that was read; `None` where no forge runs this.
    pub fn pages(&self, commit: Option<String>) -> Option<RepositoryPages> {
        let github = self.github_address().map(|address| (Forge::GitHub, address));
        let (forge, address) = github.or_else(|| Some((Forge::GitLab, self.project_url.clone()?)))?;
        Some(RepositoryPages { forge, address, commit })
    }

    fn github_address(&self) -> Option<String> {
        let (server, repository) = (self.server.as_ref()?, self.repository.as_ref()?);
        Some(format!("{}/{repository}", server.trim_end_matches('/')))
    }

    /// How to reach the repository on GitHub; `None` when the environment names none.
    pub fn github(&self) -> Result<Option<GitHubConfig>, GitHubConfigError> {
        let Some(repository) = &self.repository else { return Ok(None) };
        GitHubConfig::new(self.api.as_deref().unwrap_or(API), repository, self.token.clone()).map(Some)
    }

    /// The event that started the run. Without a file there is none, and nothing in it.
    pub fn event(&self) -> Result<Event, String> {
        let Some(path) = &self.event_path else { return Ok(Event::default()) };
        let text = std::fs::read_to_string(path).map_err(|e| format!("GITHUB_EVENT_PATH {}: {e}", path.display()))?;
        Event::parse(&text).map_err(|e| format!("GITHUB_EVENT_PATH {}: {e}", path.display()))
    }
}

/// The event that started a run: the members that matter here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Event {
    /// Of `pull_request` and its like.
    #[serde(default)]
    pub pull_request: Option<EventPull>,
    /// Of `push`: the commit that the branch is at now.
    #[serde(default)]
    pub after: Option<String>,
    /// Of `workflow_run`: the run that it follows.
    #[serde(default)]
    pub workflow_run: Option<EventRun>,
}

/// The run that a `workflow_run` follows. GitHub says so itself, so none of it is the branch's word.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct EventRun {
    /// The commit that the run was of: of `pull_request`, the branch's head.
    pub head_sha: String,
    /// Where the branch is. `None` when the fork was deleted.
    #[serde(default)]
    pub head_repository: Option<crate::services::github::RepoName>,
}

/// A pull request as events show it. It has what the API shows, under the same names.
pub type EventPull = crate::services::github::Pull;

impl Event {
    /// Reads an event's JSON.
    pub fn parse(text: &str) -> Result<Event, String> {
        let wrong = |e: serde_json::Error| format!("the event is not as documented: {e}");
        // A list would be read as a struct whose members all have a default.
        let members: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).map_err(wrong)?;
        serde_json::from_value(members.into()).map_err(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_is_read_by_its_names() {
        let env = |name: &str| match name {
            "GITHUB_REPOSITORY" => Some("acme/data".to_owned()),
            "GITHUB_SERVER_URL" => Some("https://github.com".to_owned()),
            "GITHUB_RUN_ID" => Some("42".to_owned()),
            "GH_TOKEN" => Some("secret-token".to_owned()),
            _ => None,
        };
        let runner = Runner::read(&env);
        assert_eq!(runner.run_url().as_deref(), Some("https://github.com/acme/data/actions/runs/42"));
        assert!(runner.github().unwrap().is_some());
        assert!(!format!("{runner:?}").contains("secret-token"));
        assert_eq!(runner.event().unwrap(), Event::default());
        assert!(Runner::read(&|_| None).github().unwrap().is_none());
    }

    #[test]
    fn both_forges_say_where_the_repository_and_the_run_are() {
        let of = |known: &[(&str, &str)]| {
            let known: Vec<(String, String)> = known.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            Runner::read(&move |name| known.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone()))
        };
        let gitlab = [
            ("CI_PROJECT_URL", "https://gitlab.com/acme/data"),
            ("CI_JOB_URL", "https://gitlab.com/acme/data/-/jobs/7"),
        ];
        let runner = of(&gitlab);
        assert_eq!(runner.run_url().as_deref(), Some("https://gitlab.com/acme/data/-/jobs/7"));
        let pages = |runner: &Runner| runner.pages(None).map(|pages| (pages.forge, pages.address));
        assert_eq!(pages(&runner), Some((Forge::GitLab, "https://gitlab.com/acme/data".to_owned())));
        let github = [("GITHUB_SERVER_URL", "https://ghe.example/"), ("GITHUB_REPOSITORY", "acme/data")];
        let runner = of(&github);
        assert_eq!(runner.run_url(), None);
        assert_eq!(pages(&runner), Some((Forge::GitHub, "https://ghe.example/acme/data".to_owned())));
        assert_eq!(pages(&of(&[("GITHUB_REPOSITORY", "acme/data")])), None);
    }

    #[test]
    fn events_are_read_and_nonsense_is_refused() {
        let pull = r#"{"action":"synchronize","number":7,"pull_request":{"number":7,"state":"open","merged":false,
            "head":{"sha":"aa","ref":"f","repo":{"full_name":"m/data","fork":true}},
            "base":{"sha":"bb","ref":"main","repo":{"full_name":"acme/data"}}}}"#;
        let pull = Event::parse(pull).unwrap().pull_request.unwrap();
        assert_eq!((pull.number, pull.head.sha.as_str(), pull.is_fork()), (7, "aa", true));
        assert_eq!(Event::parse(r#"{"after":"cc","ref":"refs/heads/main"}"#).unwrap().after.as_deref(), Some("cc"));
        let run = r#"{"action":"completed","workflow_run":{"id":1,"event":"pull_request","head_sha":"aa",
            "head_repository":{"id":2,"full_name":"m/data"},"pull_requests":[]}}"#;
        let run = Event::parse(run).unwrap().workflow_run.unwrap();
        assert_eq!((run.head_sha.as_str(), run.head_repository.unwrap().full_name.as_str()), ("aa", "m/data"));
        assert!(Event::parse(r#"{"workflow_run":{}}"#).is_err());
        assert!(Event::parse("[]").is_err() && Event::parse(r#"{"pull_request":{}}"#).is_err());
    }
}
