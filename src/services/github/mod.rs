//! GitHub over its REST API: the few endpoints that a pull request's comment and an issue need.
//!
//! The shapes are those of API version 2022-11-28 (docs.github.com/rest).

mod errors;

use super::{
    Requests,
    failed::{self, FailedAttempt},
    http::{self, ClientError},
    random,
    rate_limiter::{RateLimiter, RequestOutcome},
    retry::{self, Attempts, Policy, Retry},
    secret::{Redactor, Secret},
};
use jiff::Timestamp;
use plumb_model::call::{Call, Method, ServiceError, System};
use plumb_model::limits::Pace;
use plumb_model::text::percent_encoded;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::Instant;

/// Where GitHub's API is, for everybody but GitHub Enterprise Server.
pub const API: &str = "https://api.github.com";

/// What `GITHUB_TOKEN` writes as in GitHub Actions. Such a token may not ask who it is.
pub const ACTIONS_BOT: &str = "github-actions[bot]";

/// No listing has more pages: a pull request with 10,000 comments is a hundred.
const MOST_PAGES: usize = 1_000;

/// Which repository, by whose leave.
#[derive(Clone, Debug)]
pub struct GitHubConfig {
    api: String,
    repository: String,
    token: Option<Secret>,
    plain: bool,
}

/// Why there is no GitHub to talk to.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum GitHubConfigError {
    #[error("`{0}` is no repository: it is called OWNER/NAME")]
    Repository(String),
    #[error("`{0}` is no address of an API: it begins with https:// (http:// only on this machine)")]
    Address(String),
    #[error(transparent)]
    Client(#[from] ClientError),
}

impl GitHubConfig {
    /// A repository `OWNER/NAME` at the API of that address. Without a token only public things can be read.
    pub fn new(api: &str, repository: &str, token: Option<Secret>) -> Result<GitHubConfig, GitHubConfigError> {
        let part = |text: &str| {
            let fine = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            !text.is_empty() && text.chars().all(fine) && !text.chars().all(|c| c == '.')
        };
        if !repository.split_once('/').is_some_and(|(owner, name)| part(owner) && part(name)) {
            return Err(GitHubConfigError::Repository(repository.to_owned()));
        }
        let wrong = || GitHubConfigError::Address(api.to_owned());
        let url = reqwest::Url::parse(api).map_err(|_| wrong())?;
        let here = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
        let plain = url.scheme() == "http";
        // A token must not cross a network in the clear.
        if !(url.scheme() == "https" || (plain && here)) || url.query().is_some() {
            return Err(wrong());
        }
        let api = api.trim_end_matches('/').to_owned();
        Ok(GitHubConfig { api, repository: repository.to_owned(), token, plain })
    }
}

/// Who wrote something.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct GitHubAccount {
    pub login: String,
    /// `User`, `Bot`, `Organization`.
    #[serde(rename = "type", default)]
    pub kind: String,
}

/// A comment on an issue or a pull request.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Comment {
    pub id: u64,
    /// `None` for an account that was deleted.
    pub user: Option<GitHubAccount>,
    #[serde(default)]
    pub body: Option<String>,
    #[serde(default)]
    pub html_url: String,
}

impl Comment {
    /// The text; empty when there is none.
    pub fn text(&self) -> &str {
        self.body.as_deref().unwrap_or_default()
    }

    /// Whether that account wrote it. Logins know no case.
    pub fn is_by(&self, login: &str) -> bool {
        self.user.as_ref().is_some_and(|user| user.login.eq_ignore_ascii_case(login))
    }
}

/// An issue.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Issue {
    pub number: u64,
    pub title: String,
    /// `open` or `closed`.
    pub state: String,
    pub user: Option<GitHubAccount>,
    #[serde(default)]
    pub body: Option<String>,
    #[serde(default)]
    pub html_url: String,
    /// There for a pull request, which is listed as an issue, too.
    #[serde(default)]
    pull_request: Option<Value>,
}

/// A pull request.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Pull {
    pub number: u64,
    /// `open` or `closed`.
    pub state: String,
    #[serde(default)]
    pub merged_at: Option<String>,
    #[serde(default)]
    pub merge_commit_sha: Option<String>,
    pub head: Branch,
    pub base: Branch,
    #[serde(default)]
    pub html_url: String,
}

/// One side of a pull request.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Branch {
    pub sha: String,
    #[serde(rename = "ref")]
    pub name: String,
    /// `None` when the fork was deleted.
    pub repo: Option<RepoName>,
}

/// A repository, by its name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RepoName {
    /// `OWNER/NAME`.
    pub full_name: String,
}

impl Pull {
    /// Whether the branch is somebody else's repository, or one that is gone.
    pub fn is_fork(&self) -> bool {
        self.head.repo.as_ref().map(|r| &r.full_name) != self.base.repo.as_ref().map(|r| &r.full_name)
            || self.head.repo.is_none()
    }
}

/// What to change of an issue; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct IssueEdit {
    pub title: Option<String>,
    pub body: Option<String>,
    /// Open it again, or close it as completed.
    pub open: Option<bool>,
}

/// A repository on GitHub.
pub struct GitHub {
    config: GitHubConfig,
    client: reqwest::Client,
    redactor: Redactor,
    pace: RateLimiter,
    policy: Policy,
    jitter: Box<dyn Fn() -> f64 + Send + Sync>,
    requests: Requests,
}

/// A good answer, and the query of the next page.
struct Answered {
    body: Value,
    next: Option<Vec<(String, String)>>,
}

impl GitHub {
    /// A repository; nothing is sent yet.
    pub fn new(config: GitHubConfig) -> Result<GitHub, GitHubConfigError> {
        Self::with(config, Policy::default(), Box::new(random))
    }

    /// The same, with another patience and another source of chance (a number from 0 to 1).
    pub fn with(
        config: GitHubConfig,
        policy: Policy,
        jitter: Box<dyn Fn() -> f64 + Send + Sync>,
    ) -> Result<GitHub, GitHubConfigError> {
        let client = http::client(config.plain)?;
        let redactor = Redactor::default();
        if let Some(token) = &config.token {
            redactor.learn(token);
        }
        let (pace, requests) = (RateLimiter::new(Pace::of(None, config.plain)), Requests::default());
        Ok(GitHub { config, client, redactor, pace, policy, jitter, requests })
    }

    /// `OWNER/NAME`.
    pub fn repository(&self) -> &str {
        &self.config.repository
    }

    /// Counts the requests, repetitions included.
    pub fn requests(&self) -> Requests {
        self.requests.clone()
    }

    /// Who is signed in. A token of an app, `GITHUB_TOKEN` among them, may not ask: `None`.
    pub async fn me(&self) -> Result<Option<GitHubAccount>, ServiceError> {
        match self.send(&Call::get(System::GitHub, "/user")).await {
            Ok(answer) => read(&Call::get(System::GitHub, "/user"), answer.body).map(Some),
            Err(ServiceError::Refused { status: 403, .. }) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// The login that this token writes as: `given`, or what GitHub says, or that of `GITHUB_TOKEN` in GitHub Actions, which
    /// may not ask. Only what this account wrote is one's own.
    pub async fn writes_as(&self, given: Option<&str>) -> Result<String, ServiceError> {
        if let Some(given) = given {
            return Ok(given.to_owned());
        }
        Ok(self.me().await?.map_or_else(|| ACTIONS_BOT.to_owned(), |me| me.login))
    }

    /// The comments of an issue or a pull request, the oldest first.
    pub async fn comments(&self, issue: u64) -> Result<Vec<Comment>, ServiceError> {
        self.list(Call::get(System::GitHub, self.path(&format!("/issues/{issue}/comments")))).await
    }

    /// One comment, as it is now.
    pub async fn comment(&self, id: u64) -> Result<Comment, ServiceError> {
        self.ask(&Call::get(System::GitHub, self.path(&format!("/issues/comments/{id}")))).await
    }

    /// Writes a comment. It is sent once: a second one could make two.
    pub async fn create_comment(&self, issue: u64, body: &str) -> Result<Comment, ServiceError> {
        let path = self.path(&format!("/issues/{issue}/comments"));
        self.ask(&Call::create(System::GitHub, path, json!({ "body": body }), "/id")).await
    }

    /// Replaces a comment's text.
    pub async fn update_comment(&self, id: u64, body: &str) -> Result<Comment, ServiceError> {
        let path = self.path(&format!("/issues/comments/{id}"));
        self.ask(&Call::set(System::GitHub, Method::Patch, path, json!({ "body": body }))).await
    }

    /// Issues that have all the labels and, where one is named, that creator, the newest first. Pull requests are left out.
    pub async fn issues(
        &self,
        labels: &[&str],
        creator: Option<&str>,
        open_only: bool,
    ) -> Result<Vec<Issue>, ServiceError> {
        let mut call = Call::get(System::GitHub, self.path("/issues"));
        call = call.query("state", if open_only { "open" } else { "all" });
        if !labels.is_empty() {
            call = call.query("labels", labels.join(","));
        }
        if let Some(creator) = creator {
            call = call.query("creator", creator);
        }
        let mut issues: Vec<Issue> = self.list(call).await?;
        issues.retain(|issue| issue.pull_request.is_none());
        Ok(issues)
    }

    /// Opens an issue. It is sent once: a second one could make two. Labels that do not exist are made by GitHub.
    pub async fn create_issue(&self, title: &str, body: &str, labels: &[&str]) -> Result<Issue, ServiceError> {
        let issue = json!({ "title": title, "body": body, "labels": labels });
        self.ask(&Call::create(System::GitHub, self.path("/issues"), issue, "/number")).await
    }

    /// Changes an issue, or opens or closes it.
    pub async fn update_issue(&self, number: u64, edit: &IssueEdit) -> Result<Issue, ServiceError> {
        let mut members = serde_json::Map::new();
        if let Some(title) = &edit.title {
            members.insert("title".into(), json!(title));
        }
        if let Some(body) = &edit.body {
            members.insert("body".into(), json!(body));
        }
        if let Some(open) = edit.open {
            members.insert("state".into(), json!(if open { "open" } else { "closed" }));
            members.insert("state_reason".into(), json!(if open { "reopened" } else { "completed" }));
        }
        let path = self.path(&format!("/issues/{number}"));
        self.ask(&Call::set(System::GitHub, Method::Patch, path, Value::Object(members))).await
    }

    /// A pull request.
    pub async fn pull(&self, number: u64) -> Result<Pull, ServiceError> {
        self.ask(&Call::get(System::GitHub, self.path(&format!("/pulls/{number}")))).await
    }

    /// The pull requests that a commit belongs to: those that brought it into the default branch, or else the open ones.
    pub async fn pulls_of_commit(&self, sha: &str) -> Result<Vec<Pull>, ServiceError> {
        let path = self.path(&format!("/commits/{}/pulls", percent_encoded(sha)));
        self.list(Call::get(System::GitHub, path)).await
    }

    fn path(&self, rest: &str) -> String {
        format!("/repos/{}{rest}", self.config.repository)
    }

    async fn ask<T: DeserializeOwned>(&self, call: &Call) -> Result<T, ServiceError> {
        read(call, self.send(call).await?.body)
    }

    /// Reads all pages. A page that fails fails the whole.
    async fn list<T: DeserializeOwned>(&self, call: Call) -> Result<Vec<T>, ServiceError> {
        let mut call = call.query("per_page", "100");
        let mut all = Vec::new();
        for _ in 0..MOST_PAGES {
            let answer = self.send(&call).await?;
            all.extend(read::<Vec<T>>(&call, answer.body)?);
            match answer.next {
                Some(query) if query != call.query => call.query = query,
                Some(_) => return Err(odd(&call, "the next page is the same one, so the listing would never end")),
                None => return Ok(all),
            }
        }
        Err(odd(&call, &format!("there are more than {MOST_PAGES} pages")))
    }

    /// Sends a call as often as is safe and useful.
    async fn send(&self, call: &Call) -> Result<Answered, ServiceError> {
        let line = call.line();
        let text = format!("{}{}", self.config.api, call.path);
        let not_sent = |why: String| ServiceError::NotSent { line: line.clone(), why };
        let mut url = reqwest::Url::parse(&text).map_err(|e| not_sent(e.to_string()))?;
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&call.query);
        }
        // The time in line for the first attempt is not spent on trying.
        let mut began = None;
        let mut attempt = 0;
        let mut attempts = Attempts::default();
        loop {
            let pass = self.pace.enter(call).await;
            let began = *began.get_or_insert_with(Instant::now);
            let mut failed = match self.attempt(call, attempt, url.clone()).await {
                Ok(answer) => {
                    pass.leave(RequestOutcome::Well);
                    return Ok(answer);
                }
                Err(failed) => failed,
            };
            pass.leave(failed.went);
            failed.fault = attempts.failed(call, failed.fault);
            let again = retry::next(&self.policy, call, &failed.fault, attempt, began.elapsed(), (self.jitter)());
            match again {
                Retry::After(wait) if !failed.hopeless => tokio::time::sleep(wait).await,
                _ => return Err(self.shown(failed.fault)),
            }
            attempt += 1;
        }
    }

    async fn attempt(&self, call: &Call, attempt: u32, url: reqwest::Url) -> Result<Answered, Box<FailedAttempt>> {
        let line = call.line();
        let method = http::method(call.method);
        let mut request = self.client.request(method, url).header("Accept", "application/vnd.github+json");
        request = request.header("X-GitHub-Api-Version", "2022-11-28");
        if let Some(token) = &self.config.token {
            let bearer = http::authorization(&format!("Bearer {}", token.expose()));
            request = request.header("Authorization", bearer.map_err(|broken| FailedAttempt::broken(&line, broken))?);
        }
        if let Some(body) = &call.body {
            request = request.json(body);
        }
        self.requests.add_one();
        let response = http::send(request, attempt).await.map_err(|broken| FailedAttempt::broken(&line, broken))?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = http::body(response).await;
        if (200..300).contains(&status) {
            let body = body.map_err(|broken| FailedAttempt::broken(&line, broken))?;
            let body = failed::json(&line, &body, "a GitHub API")?;
            return Ok(Answered { body, next: errors::next_page(&headers) });
        }
        // An error that breaks off is still an error: the status says it.
        let body = body.unwrap_or_default();
        let fault = errors::refused(line, status, &headers, &body, Timestamp::now());
        Err(FailedAttempt::refused(fault, false))
    }

    /// A fault that can be shown, with what is wrong with the token where that matters.
    fn shown(&self, fault: ServiceError) -> ServiceError {
        let mut fault = self.redactor.clean_fault(fault);
        if let ServiceError::Refused { status, message, .. } = &mut fault {
            match (*status, &self.config.token) {
                (401 | 403 | 404, None) => message.push_str("; there is no token: set GITHUB_TOKEN"),
                (401, Some(_)) => message.push_str("; GITHUB_TOKEN is no token, or no longer"),
                _ => {}
            }
        }
        fault
    }
}

/// Reads what the endpoint is documented to answer.
fn read<T: DeserializeOwned>(call: &Call, body: Value) -> Result<T, ServiceError> {
    serde_json::from_value(body).map_err(|e| odd(call, &format!("the answer is not as documented: {e}")))
}

fn odd(call: &Call, why: &str) -> ServiceError {
    super::odd_answer(call, 200, why)
}
