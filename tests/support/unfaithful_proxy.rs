//! A server that cannot be relied on: it stands in front of the emulator, on this machine only, and answers as services
//! and what stands before them do at their worst. It drops answers after the write, answers 500, 502 and 503 after it or
//! before it, leaves out empty members or sends them as null, adds members that nobody knows, and fills defaults in.
//!
//! What it does is drawn from a seed, so that a run can be repeated. It keeps a log of what reached the service, which is
//! the truth that what plumb says is held against.

#![allow(clippy::unwrap_used, dead_code)]

use reqwest::Method;
use serde_json::{Map, Value, json};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What it does to answers. Everything is off by default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tricks {
    /// Of a hundred writes, how many are not answered as they should be: before or after they were done.
    pub writes: u64,
    /// Of a hundred reads, how many fail.
    pub reads: u64,
    /// Empty lists, objects and texts are left out of answers.
    pub leaves_out: bool,
    /// Empty lists, objects and texts are sent as null.
    pub nulls: bool,
    /// Every object of an answer has a member that plumb does not know.
    pub unknown: bool,
    /// Jobs have their defaults spelled out.
    pub defaults: bool,
    /// Listings of code say neither how large files are nor when they were written.
    pub bare_files: bool,
    /// Of a hundred downloads, how many end in their middle.
    pub cuts: u64,
}

/// What became of a request.
#[derive(Clone, Debug)]
pub struct Passed {
    /// `POST /api/2.2/jobs/create`; for EMR `POST /elasticmapreduce/TerminateJobFlows`.
    pub line: String,
    pub write: bool,
    /// What the service answered; `None` when the request never reached it.
    pub status: Option<u16>,
    /// Whether the client was answered what the service said.
    pub faithful: bool,
}

struct State {
    tricks: Tricks,
    random: u64,
    log: Vec<Passed>,
}

/// The server. Clones are the same one.
#[derive(Clone)]
pub struct Proxy(Arc<Mutex<State>>);

/// How a request goes wrong.
#[derive(Clone, Copy, Debug)]
enum Wrong {
    /// The status, and whether the service did it before.
    Fails(u16, bool),
    /// The connection ends without an answer.
    Drops(bool),
    /// The connection ends in the middle of the answer.
    Truncates,
}

struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Proxy {
    /// A proxy that does nothing wrong yet.
    pub fn new(seed: u64) -> Proxy {
        Proxy(Arc::new(Mutex::new(State { tricks: Tricks::default(), random: seed, log: Vec::new() })))
    }

    /// Changes what it does.
    pub fn tricks(&self, tricks: Tricks) {
        self.0.lock().unwrap().tricks = tricks;
    }

    /// What was asked since the last look.
    pub fn log(&self) -> Vec<Passed> {
        std::mem::take(&mut self.0.lock().unwrap().log)
    }

    /// Starts to listen in front of a service, and answers the address.
    pub async fn before(&self, upstream: &str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (proxy, upstream) = (self.clone(), upstream.to_owned());
        let client = plumb::services::http::client(true).unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (proxy, upstream, client) = (proxy.clone(), upstream.clone(), client.clone());
                tokio::spawn(async move { proxy.serve(stream, &upstream, &client).await });
            }
        });
        url
    }

    fn draw(&self, below: u64) -> u64 {
        let mut state = self.0.lock().unwrap();
        // SplitMix64.
        state.random = state.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }

    fn wrong(&self, write: bool, tricks: Tricks) -> Option<Wrong> {
        let share = if write { tricks.writes } else { tricks.reads };
        if self.draw(100) >= share {
            return None;
        }
        let status = [500, 502, 503][self.draw(3) as usize];
        Some(match self.draw(if write { 6 } else { 3 }) {
            0 => Wrong::Drops(false),
            1 | 2 => Wrong::Fails(status, false),
            3 => Wrong::Drops(true),
            4 => Wrong::Truncates,
            _ => Wrong::Fails(status, true),
        })
    }

    async fn serve(&self, mut stream: TcpStream, upstream: &str, client: &reqwest::Client) {
        let Some(request) = read(&mut stream).await else { return };
        let tricks = self.0.lock().unwrap().tricks;
        let (line, write) = what(&request);
        let is_download = ["/workspace/export?", "/fs/files/"].iter().any(|path| request.target.contains(path));
        let wrong = match () {
            () if request.target.starts_with("/auth/") => None,
            () if is_download && !write && self.draw(100) < tricks.cuts => Some(Wrong::Truncates),
            () => self.wrong(write, tricks),
        };
        let reaches = !matches!(wrong, Some(Wrong::Fails(_, false) | Wrong::Drops(false)));
        let answer = if reaches { Some(forward(client, upstream, &request).await) } else { None };
        let passed = Passed { line, write, status: answer.as_ref().map(|a| a.0), faithful: wrong.is_none() };
        self.0.lock().unwrap().log.push(passed);
        let (status, headers, mut body) = match (wrong, answer) {
            (Some(Wrong::Drops(_)), _) => return,
            (Some(Wrong::Fails(status, _)), _) => {
                let page = format!("<html><head><title>{status} from the gateway</title></head></html>");
                (status, Vec::new(), page.into_bytes())
            }
            (_, Some(answer)) => answer,
            (_, None) => return,
        };
        // Airflow's answers hold every member, empty or not (pydantic).
        let is_airflow = request.target.starts_with("/api/v2/") || request.target.starts_with("/api/v1/");
        if status == 200
            && !is_airflow
            && !write
            // What is in a file is nobody's to change.
            && !is_download
            && let Ok(mut json) = serde_json::from_slice::<Value>(&body)
        {
            mangle(&mut json, "", tricks);
            body = json.to_string().into_bytes();
        }
        let mut head = format!("HTTP/1.1 {status} .\r\nContent-Length: {}\r\nConnection: close\r\n", body.len());
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        let whole = if matches!(wrong, Some(Wrong::Truncates)) { body.len() / 2 } else { body.len() };
        let _ = stream.write_all(head.as_bytes()).await;
        let _ = stream.write_all(&body[..whole]).await;
        let _ = stream.shutdown().await;
    }
}

/// The line of a request, and whether it changes anything. EMR is read by POST.
fn what(request: &Request) -> (String, bool) {
    let path = request.target.split('?').next().unwrap_or_default();
    let target = request.headers.iter().find(|(name, _)| name == "x-amz-target").map(|(_, value)| value);
    if let Some(operation) = target.and_then(|t| t.rsplit('.').next()) {
        let reads = operation.starts_with("List") || operation.starts_with("Describe");
        return (format!("POST /elasticmapreduce/{operation}"), !reads);
    }
    (format!("{} {path}", request.method), request.method != "GET")
}

async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 16384];
    loop {
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let mut lines = head.lines();
            let mut first = lines.next()?.split(' ');
            let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
            let headers: Vec<(String, String)> = lines
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
                .collect();
            let length = headers.iter().find(|(name, _)| name == "content-length");
            let length: usize = length.map_or(0, |(_, value)| value.parse().unwrap());
            if bytes.len() >= end + 4 + length {
                let body = bytes[end + 4..end + 4 + length].to_vec();
                return Some(Request { method, target, headers, body });
            }
        }
        let more = stream.read(&mut buffer).await.ok()?;
        if more == 0 {
            return None;
        }
        bytes.extend_from_slice(&buffer[..more]);
    }
}

async fn forward(client: &reqwest::Client, upstream: &str, request: &Request) -> (u16, Vec<(String, String)>, Vec<u8>) {
    let method: Method = request.method.parse().unwrap();
    let mut asked = client.request(method, format!("{upstream}{}", request.target));
    for (name, value) in &request.headers {
        // `Host` stays: it is signed for.
        if !["connection", "content-length", "accept-encoding"].contains(&name.as_str()) {
            asked = asked.header(name, value);
        }
    }
    let answer = asked.body(request.body.clone()).send().await.unwrap();
    let status = answer.status().as_u16();
    let kept = |name: &str| !["content-length", "transfer-encoding", "connection", "date"].contains(&name);
    let headers = answer.headers().iter().filter(|(name, _)| kept(name.as_str()));
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    (status, headers, answer.bytes().await.unwrap().to_vec())
}

/// Members whose own members are data that people choose, not fields.
const MAPS: &[&str] = &[
    "tags",
    "properties",
    "custom_tags",
    "default_tags",
    "cluster_tags",
    "spark_conf",
    "spark_env_vars",
    "base_parameters",
    "notebook_base_parameters",
    "named_parameters",
    "job_parameters",
    "parameters",
    "python_named_params",
    "notebook_params",
    "sql_params",
    "filters",
    "variables",
    "Properties",
    "configuration",
    "client_config",
    "configs",
    "options",
    "table_properties",
];

/// Does to an answer what the tricks say. The same answer always becomes the same.
fn mangle(value: &mut Value, name: &str, tricks: Tricks) {
    match value {
        Value::Object(members) => {
            for (name, value) in members.iter_mut() {
                mangle(value, name, tricks);
            }
            if MAPS.contains(&name) {
                return;
            }
            let is_empty = |value: &Value| match value {
                Value::Array(items) => items.is_empty(),
                Value::Object(members) => members.is_empty(),
                Value::String(text) => text.is_empty(),
                _ => false,
            };
            // A lease cannot do without the time of its file, and says so.
            let is_code = members.get("path").and_then(Value::as_str).is_some_and(|path| path.contains("/code/"));
            if tricks.bare_files && is_code {
                members
                    .retain(|name, _| !["size", "file_size", "modified_at", "last_modified"].contains(&name.as_str()));
            }
            if tricks.leaves_out {
                members.retain(|_, value| !is_empty(value));
            } else if tricks.nulls {
                members.values_mut().filter(|value| is_empty(value)).for_each(|value| *value = Value::Null);
            }
            if tricks.defaults && name == "settings" && members.contains_key("tasks") {
                fill(members);
            }
            if tricks.unknown {
                members.insert("zz_of_tomorrow".into(), json!({ "mode": "ON", "list": [1] }));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| mangle(item, name, tricks)),
        _ => {}
    }
}

/// What the Jobs API says of a job that sets none of it.
fn fill(settings: &mut Map<String, Value>) {
    for (name, value) in [
        ("max_concurrent_runs", json!(1)),
        ("timeout_seconds", json!(0)),
        ("format", json!("MULTI_TASK")),
        ("email_notifications", json!({})),
        ("webhook_notifications", json!({})),
    ] {
        settings.entry(name).or_insert(value);
    }
}
