//! A double of GitHub: the few endpoints that plumb uses, with the shapes and the habits of the real ones (docs.github.com/rest,
//! API version 2022-11-28): pages with `Link`, 422 for what is too long, 403 for what a token may not do and for secondary
//! limits, 404 for what it may not see.
//!
//! It runs on a thread of its own, so that tests of the binary need no runtime.

#![allow(clippy::unwrap_used)]

mod answers;

use answers::{Reply, answer};
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::Response,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// The repository of the tests.
pub const REPOSITORY: &str = "acme/data";

/// What a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    Write,
    /// What a pull request from a fork gets.
    Read,
}

#[derive(Clone)]
struct Token {
    login: String,
    kind: &'static str,
    rights: Rights,
    /// An app's token, as `GITHUB_TOKEN` is: it may not ask who it is.
    app: bool,
}

/// Something that goes wrong, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 403 with `Retry-After`, before anything is done.
    SecondaryLimit,
    /// 502 after it was done.
    LostAnswer,
    /// 422, as for a text that is too long.
    TooLong,
}

/// Everything that the double knows.
#[derive(Default)]
pub struct Store {
    tokens: BTreeMap<String, Token>,
    /// By number; the members that the API shows.
    pub pulls: BTreeMap<u64, Value>,
    /// By number; a pull request is not one of them here.
    pub issues: BTreeMap<u64, Value>,
    /// The comments of an issue or a pull request, in the order of their creation.
    pub comments: BTreeMap<u64, Vec<Value>>,
    /// For each commit, the pull requests that it belongs to.
    commits: BTreeMap<String, Vec<u64>>,
    faults: Vec<(String, Fault)>,
    log: Vec<String>,
    last_id: u64,
}

impl Store {
    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        1_000 + self.last_id
    }

    fn account(&self, login: &str) -> Value {
        let known = self.tokens.values().find(|t| t.login == login);
        json!({ "login": login, "id": 1, "type": known.map_or("User", |t| t.kind) })
    }

    fn write_comment(&mut self, issue: u64, login: &str, body: &str) -> Value {
        let id = self.next_id();
        let comment = json!({
            "id": id,
            "node_id": format!("IC_{id}"),
            "url": format!("https://api.github.com/repos/{REPOSITORY}/issues/comments/{id}"),
            "html_url": format!("https://github.com/{REPOSITORY}/pull/{issue}#issuecomment-{id}"),
            "user": self.account(login),
            "created_at": "2026-05-01T10:00:00Z",
            "updated_at": "2026-05-01T10:00:00Z",
            "author_association": "MEMBER",
            "body": body,
        });
        self.comments.entry(issue).or_default().push(comment.clone());
        comment
    }

    fn open_issue(&mut self, login: &str, title: &str, body: &str, labels: &[&str]) -> Value {
        let number = 1 + self.pulls.keys().chain(self.issues.keys()).max().copied().unwrap_or(0);
        let named: Vec<Value> = labels.iter().map(|l| json!({ "name": l, "color": "ededed" })).collect();
        let issue = json!({
            "id": self.next_id(),
            "number": number,
            "html_url": format!("https://github.com/{REPOSITORY}/issues/{number}"),
            "title": title,
            "state": "open",
            "state_reason": null,
            "user": self.account(login),
            "labels": named,
            "body": body,
            "comments": 0,
        });
        self.issues.insert(number, issue.clone());
        issue
    }

    fn fault(&mut self, line: &str) -> Option<Fault> {
        let at = self.faults.iter().position(|(part, _)| line.contains(part))?;
        Some(self.faults.remove(at).1)
    }
}

/// A running double.
#[derive(Clone)]
pub struct GitHub {
    pub url: String,
    store: Arc<Mutex<Store>>,
}

impl GitHub {
    /// Starts on a free port of this machine; ends with the test's process.
    pub fn start() -> GitHub {
        let store = Arc::new(Mutex::new(Store::default()));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(serve).with_state(store.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                axum::serve(listener, router).await.unwrap();
            });
        });
        GitHub { url, store }
    }

    /// What it knows, to look at or to change behind everybody's back.
    pub fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap()
    }

    /// A token of a person.
    pub fn person(&self, token: &str, login: &str, rights: Rights) {
        let token_of = Token { login: login.into(), kind: "User", rights, app: false };
        self.store().tokens.insert(token.into(), token_of);
    }

    /// A `GITHUB_TOKEN` of GitHub Actions.
    pub fn actions(&self, token: &str, rights: Rights) {
        let token_of = Token { login: "github-actions[bot]".into(), kind: "Bot", rights, app: true };
        self.store().tokens.insert(token.into(), token_of);
    }

    /// A pull request into `main`; `from` is the repository of its branch.
    pub fn open_pull(&self, number: u64, head: &str, from: &str) {
        let repo = |name: &str| json!({ "full_name": name, "fork": name != REPOSITORY });
        let pull = json!({
            "number": number,
            "html_url": format!("https://github.com/{REPOSITORY}/pull/{number}"),
            "state": "open",
            "title": "A change",
            "user": { "login": "ada", "type": "User" },
            "merged_at": null,
            "merge_commit_sha": null,
            "head": { "sha": head, "ref": "feature", "repo": repo(from) },
            "base": { "sha": "0".repeat(40), "ref": "main", "repo": repo(REPOSITORY) },
        });
        let mut store = self.store();
        store.pulls.insert(number, pull);
        store.commits.entry(head.into()).or_default().push(number);
    }

    /// More commits are pushed to its branch.
    pub fn push(&self, number: u64, head: &str) {
        let mut store = self.store();
        store.pulls.get_mut(&number).unwrap()["head"]["sha"] = json!(head);
        store.commits.entry(head.into()).or_default().push(number);
    }

    /// The pull request is merged as that commit.
    pub fn merge(&self, number: u64, commit: &str) {
        let mut store = self.store();
        let pull = store.pulls.get_mut(&number).unwrap();
        pull["state"] = json!("closed");
        pull["merged_at"] = json!("2026-05-01T11:00:00Z");
        pull["merge_commit_sha"] = json!(commit);
        store.commits.entry(commit.into()).or_default().push(number);
    }

    /// A commit is pushed.
    pub fn know(&self, commit: &str) {
        self.store().commits.entry(commit.into()).or_default();
    }

    /// Somebody comments.
    pub fn comment(&self, issue: u64, login: &str, body: &str) -> u64 {
        self.store().write_comment(issue, login, body)["id"].as_u64().unwrap()
    }

    /// The comments as (author, text).
    pub fn comments(&self, issue: u64) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let store = self.store();
        let all = store.comments.get(&issue).into_iter().flatten();
        all.map(|c| (text(&c["user"]["login"]), text(&c["body"]))).collect()
    }

    /// Lets something go wrong at the next request whose line (`POST /repos/…`) contains a text.
    pub fn next(&self, line: &str, fault: Fault) {
        self.store().faults.push((line.into(), fault));
    }

    /// What was asked since the last look: `METHOD path?query status`.
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.store().log)
    }
}

async fn serve(State(store): State<Arc<Mutex<Store>>>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let bytes = to_bytes(body, 16 << 20).await.unwrap();
    let token = head.headers.get("authorization").and_then(|v| v.to_str().ok()?.strip_prefix("Bearer "));
    let host = head.headers.get("host").and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    let line = format!("{} {}", head.method, head.uri);
    let mut store = store.lock().unwrap();
    let fault = store.fault(&line);
    let reply = match fault {
        Some(Fault::SecondaryLimit) => Reply::error(
            403,
            "You have exceeded a secondary rate limit and have been temporarily blocked from content creation.",
        )
        .with("retry-after", "0".into()),
        Some(Fault::TooLong) => answers::too_long(),
        other => {
            let asked = answers::Asked {
                method: head.method.as_str(),
                path: head.uri.path(),
                query: head.uri.query().unwrap_or_default(),
                body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
                token,
                base: format!("http://{host}"),
            };
            let done = answer(&mut store, &asked);
            if other == Some(Fault::LostAnswer) { Reply::error(502, "Server Error") } else { done }
        }
    };
    store.log.push(format!("{line} {}", reply.status));
    let mut response = Response::builder().status(reply.status).header("content-type", "application/json");
    for (name, value) in &reply.headers {
        response = response.header(*name, value);
    }
    response.body(Body::from(reply.body.to_string())).unwrap()
}
