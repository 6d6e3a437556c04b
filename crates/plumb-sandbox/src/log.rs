//! The request log that `/_sandbox/requests` shows, without secrets.

use serde::Serialize;
use serde_json::{Value, json};

/// One request that was answered (or dropped).
#[derive(Clone, Debug, Serialize)]
pub struct LoggedRequest {
    pub n: u64,
    pub method: String,
    pub path: String,
    pub query: Vec<(String, String)>,
    pub body: Value,
    /// 0 when the connection was closed without an answer.
    pub status: u16,
    pub user_agent: String,
    pub ms: u64,
    /// The length of the body as it was sent.
    #[serde(skip)]
    pub length: usize,
}

/// The latest requests.
#[derive(Debug, Default)]
pub struct Log {
    entries: std::collections::VecDeque<LoggedRequest>,
    count: u64,
    /// The length of all bodies that are kept.
    length: usize,
    /// How many of the entries, from the oldest on, have no body any more.
    bare: usize,
}

/// How many entries are kept: a sandbox that runs for days must not grow without end.
const KEPT: usize = 20_000;

/// How long the bodies of all entries are together, at most: the oldest lose theirs first.
const KEPT_BODIES: usize = 16 << 20;

/// What stands for a body that is not kept.
const FORGOTTEN: &str = "(forgotten)";

impl Log {
    /// Adds an entry; answers its number.
    pub fn add(&mut self, mut entry: LoggedRequest) -> u64 {
        self.count += 1;
        entry.n = self.count;
        entry.body = redact(&entry.body);
        if ["/api/v1/", "/api/v2/", "/mwaa/"].iter().any(|begin| entry.path.starts_with(begin)) {
            hide_values(&mut entry.body);
        }
        for (name, value) in &mut entry.query {
            if is_secret(name) {
                *value = HIDDEN.to_owned();
            }
        }
        if self.entries.len() == KEPT {
            let oldest = self.entries.pop_front();
            self.length -= oldest.map_or(0, |oldest| oldest.length);
            self.bare = self.bare.saturating_sub(1);
        }
        self.length += entry.length;
        self.entries.push_back(entry);
        while self.length > KEPT_BODIES {
            let Some(oldest) = self.entries.get_mut(self.bare) else { break };
            if oldest.length > 0 {
                self.length -= std::mem::take(&mut oldest.length);
                oldest.body = json!(FORGOTTEN);
            }
            self.bare += 1;
        }
        self.count
    }

    /// Sets the status that an entry was answered with in the end.
    pub fn answered(&mut self, n: Option<u64>, status: u16) {
        if let Some(entry) = self.entries.iter_mut().rev().find(|entry| Some(entry.n) == n) {
            entry.status = status;
        }
    }

    /// All entries, oldest first.
    pub fn entries(&self) -> Value {
        json!(self.entries)
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Log::default();
    }
}

const HIDDEN: &str = "(secret)";

/// Whether a member of that name holds a secret.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    // A page token is no credential, and tests look for it; nor is the token that makes a request idempotent.
    if ["page_token", "next_page_token", "prev_page_token", "idempotency_token"].contains(&name.as_str()) {
        return false;
    }
    // Cloud storage keys stand in `spark_conf` under dotted names: `fs.azure.account.key.ACCOUNT.dfs.core.windows.net`.
    let keys = ["task_key", "job_cluster_key", "environment_key", "environment_variables_key", "key"];
    if (name.ends_with("key") && !keys.contains(&name.as_str())) || name.contains(".key.") {
        return true;
    }
    // The value of `secrets/put` (Secrets API).
    if ["string_value", "bytes_value"].contains(&name.as_str()) {
        return true;
    }
    ["password", "secret", "token", "assertion", "credential"].iter().any(|word| name.contains(word))
}

/// The same value without secrets. A reference to a secret (`{{secrets/scope/key}}`) is not one.
pub fn redact(value: &Value) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .map(|(name, inner)| {
                let hide = is_secret(name)
                    && match inner {
                        Value::String(s) => !s.starts_with("{{"),
                        Value::Number(_) => true,
                        _ => false,
                    };
                (name.clone(), if hide { json!(HIDDEN) } else { redact(inner) })
            })
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Value::Array(list) => list.iter().map(redact).collect(),
        other => other.clone(),
    }
}

/// Airflow's variables and the `extra` of its connections may be secrets whatever their names. A mask is none: tests
/// look for one that was written back.
fn hide_values(body: &mut Value) {
    match body {
        Value::Object(map) => {
            for (name, inner) in map {
                match (name.as_str(), &inner) {
                    ("value" | "extra", Value::Null) => {}
                    ("value" | "extra", Value::String(text)) if text == "***" || text.is_empty() => {}
                    ("value" | "extra", _) => *inner = json!(HIDDEN),
                    _ => hide_values(inner),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(hide_values),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_keeps_so_many_entries_and_so_much_of_their_bodies() {
        let mut log = Log::default();
        let entry = |length: usize| LoggedRequest {
            n: 0,
            method: "POST".into(),
            path: "/api/2.2/jobs/create".into(),
            query: Vec::new(),
            body: if length > 0 { json!({ "length": length }) } else { Value::Null },
            status: 200,
            user_agent: String::new(),
            ms: 0,
            length,
        };
        for n in 0..KEPT + 100 {
            log.add(entry(if n % 2 == 0 { 4096 } else { 0 }));
        }
        assert_eq!((log.entries.len(), log.entries[0].n), (KEPT, 101));
        let kept = log.entries.iter().filter(|entry| entry.body.is_object()).count();
        assert_eq!((kept, log.length), (KEPT_BODIES / 4096, KEPT_BODIES));
        assert_eq!(log.entries[0].body, FORGOTTEN);
        assert_eq!(log.entries[1].body, Value::Null, "what had none has lost none");
        assert!(log.entries[KEPT - 2].body.is_object(), "the oldest went first");
        log.add(entry(KEPT_BODIES + 1));
        assert_eq!((log.length, log.entries.back().unwrap().body.clone()), (0, json!(FORGOTTEN)));
    }

    #[test]
    fn secrets_are_replaced_at_any_depth_and_references_are_kept() {
        let body = json!({
            "docker_image": { "basic_auth": { "username": "u", "password": "hunter2" } },
            "spark_env_vars": { "API_TOKEN": "{{secrets/a/b}}", "DB_PASSWORD": "hunter2" },
            "idempotency_token": "t-1",
            "list": [{ "client_secret": "hunter2", "task_key": "seen" }],
            "spark_conf": { "fs.azure.account.key.a.dfs.core.windows.net": "hunter2", "fs.s3a.access.key": "hunter2" },
        });
        let shown = redact(&body).to_string();
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("{{secrets/a/b}}") && shown.contains("t-1") && shown.contains("seen"), "{shown}");
    }
}
