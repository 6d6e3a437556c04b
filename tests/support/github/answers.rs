//! What the double answers.

use super::{REPOSITORY, Rights, Store, Token};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The longest text of a comment or an issue, in characters: what the error says.
const LONGEST: usize = 65_536;

pub struct Asked<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub query: &'a str,
    pub body: Value,
    pub token: Option<&'a str>,
    /// The address of the double, for links to further pages.
    pub base: String,
}

pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Value,
}

impl Reply {
    fn ok(body: Value) -> Reply {
        Reply { status: 200, headers: Vec::new(), body }
    }

    fn created(body: Value) -> Reply {
        Reply { status: 201, headers: Vec::new(), body }
    }

    pub fn error(status: u16, message: &str) -> Reply {
        let body = json!({ "message": message, "documentation_url": "https://docs.github.com/rest", "status": status.to_string() });
        Reply { status, headers: vec![("x-github-request-id", "D0B1:0001".into())], body }
    }

    pub fn with(mut self, name: &'static str, value: String) -> Reply {
        self.headers.push((name, value));
        self
    }
}

pub fn too_long() -> Reply {
    let mut reply = Reply::error(422, "Validation Failed");
    reply.body["errors"] = json!([{
        "resource": "IssueComment",
        "code": "unprocessable",
        "field": "data",
        "message": format!("Body is too long (maximum is {LONGEST} characters)"),
    }]);
    reply
}

fn forbidden() -> Reply {
    Reply::error(403, "Resource not accessible by integration")
}

pub fn answer(store: &mut Store, asked: &Asked<'_>) -> Reply {
    let Some(token) = asked.token.and_then(|t| store.tokens.get(t)).cloned() else {
        return Reply::error(401, "Bad credentials");
    };
    if asked.path == "/user" {
        return match token.app {
            true => forbidden(),
            false => Reply::ok(json!({ "login": token.login, "id": 1, "type": token.kind })),
        };
    }
    let rest =
        asked.path.strip_prefix(&format!("/repos/{REPOSITORY}/")).map(|rest| rest.split('/').collect::<Vec<_>>());
    let number = |text: &str| text.parse::<u64>().unwrap_or(0);
    match (asked.method, rest.as_deref()) {
        ("GET", Some(["pulls", n])) => store.pulls.get(&number(n)).cloned().map_or_else(missing, Reply::ok),
        ("GET", Some(["commits", sha, "pulls"])) => match store.commits.get(*sha) {
            Some(numbers) => page(asked, numbers.iter().map(|n| store.pulls[n].clone()).collect()),
            None => Reply::error(422, &format!("No commit found for SHA: {sha}")),
        },
        ("GET", Some(["issues", n, "comments"])) => match known(store, number(n)) {
            true => page(asked, store.comments.get(&number(n)).cloned().unwrap_or_default()),
            false => missing(),
        },
        ("POST", Some(["issues", n, "comments"])) if known(store, number(n)) => {
            write(&token, &asked.body["body"], |body| {
                Reply::created(store.write_comment(number(n), &token.login, body))
            })
        }
        ("GET", Some(["issues", "comments", id])) => {
            comment(store, number(id)).map_or_else(missing, |c| Reply::ok(c.clone()))
        }
        ("PATCH", Some(["issues", "comments", id])) => match comment(store, number(id)) {
            Some(comment) => write(&token, &asked.body["body"], |body| {
                comment["body"] = json!(body);
                Reply::ok(comment.clone())
            }),
            None => missing(),
        },
        ("GET", Some(["issues"])) => page(asked, issues(store, asked)),
        ("GET", Some(["issues", n])) => store.issues.get(&number(n)).cloned().map_or_else(missing, Reply::ok),
        ("POST", Some(["issues"])) => write(&token, &asked.body["body"], |body| match asked.body["title"].as_str() {
            None | Some("") => Reply::error(422, "Validation Failed"),
            Some(title) => {
                let labels = asked.body["labels"].as_array().cloned().unwrap_or_default();
                let labels: Vec<&str> = labels.iter().filter_map(Value::as_str).collect();
                Reply::created(store.open_issue(&token.login, title, body, &labels))
            }
        }),
        ("PATCH", Some(["issues", n])) => match store.issues.get_mut(&number(n)) {
            Some(issue) => write(&token, asked.body.get("body").unwrap_or(&json!("")), |_| {
                for member in ["title", "body", "state", "state_reason"] {
                    if let Some(value) = asked.body.get(member) {
                        issue[member] = value.clone();
                    }
                }
                Reply::ok(issue.clone())
            }),
            None => missing(),
        },
        _ => missing(),
    }
}

fn missing() -> Reply {
    Reply::error(404, "Not Found")
}

fn known(store: &Store, number: u64) -> bool {
    store.pulls.contains_key(&number) || store.issues.contains_key(&number)
}

fn comment(store: &mut Store, id: u64) -> Option<&mut Value> {
    store.comments.values_mut().flatten().find(|comment| comment["id"] == id)
}

/// Writes a text, when the token may and the text is not too long.
fn write(token: &Token, body: &Value, done: impl FnOnce(&str) -> Reply) -> Reply {
    match body.as_str() {
        _ if token.rights == Rights::Read => forbidden(),
        None => Reply::error(422, "Validation Failed"),
        Some(body) if body.chars().count() > LONGEST => too_long(),
        Some(body) => done(body),
    }
}

/// Issues and, as the API has it, pull requests among them.
fn issues(store: &Store, asked: &Asked<'_>) -> Vec<Value> {
    let query = query(asked);
    let wanted = |name: &str| query.get(name).map(String::as_str).unwrap_or_default();
    let state = |issue: &&Value| wanted("state") == "all" || issue["state"] == "open";
    let labelled = |issue: &&Value| {
        let has = |label: &str| issue["labels"].as_array().into_iter().flatten().any(|l| l["name"] == label);
        wanted("labels").split(',').filter(|l| !l.is_empty()).all(has)
    };
    let creator = |issue: &&Value| wanted("creator").is_empty() || issue["user"]["login"] == wanted("creator");
    let mut pulls: Vec<Value> = store.pulls.values().cloned().collect();
    for pull in &mut pulls {
        pull["pull_request"] = json!({ "url": pull["html_url"] });
    }
    let all = store.issues.values().chain(&pulls);
    let mut found: Vec<Value> = all.filter(state).filter(labelled).filter(creator).cloned().collect();
    found.sort_by_key(|issue| std::cmp::Reverse(issue["number"].as_u64()));
    found
}

fn query(asked: &Asked<'_>) -> BTreeMap<String, String> {
    let pairs = asked.query.split('&').filter_map(|pair| pair.split_once('='));
    let decoded = |text: &str| text.replace("%2C", ",").replace("%5B", "[").replace("%5D", "]").replace('+', " ");
    pairs.map(|(name, value)| (name.to_owned(), decoded(value))).collect()
}

fn page(asked: &Asked<'_>, all: Vec<Value>) -> Reply {
    let query = query(asked);
    let number = |name: &str, otherwise: usize| query.get(name).and_then(|v| v.parse().ok()).unwrap_or(otherwise);
    let (size, page) = (number("per_page", 30).clamp(1, 100), number("page", 1).max(1));
    let last = all.len().div_ceil(size).max(1);
    let items: Vec<Value> = all.into_iter().skip((page - 1) * size).take(size).collect();
    let reply = Reply::ok(Value::Array(items));
    if page >= last {
        return reply;
    }
    let others = query.iter().filter(|(name, _)| *name != "page").map(|(name, value)| format!("{name}={value}&"));
    let others: String = others.collect();
    let link = |page: usize, rel: &str| format!("<{}{}?{others}page={page}>; rel=\"{rel}\"", asked.base, asked.path);
    reply.with("link", format!("{}, {}", link(page + 1, "next"), link(last, "last")))
}
