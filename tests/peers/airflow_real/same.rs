//! Asks two servers the same and compares the answers.

use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::Method;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// One of the two servers.
pub struct Side {
    pub name: &'static str,
    pub url: String,
    /// The DAG folder.
    pub dags: PathBuf,
    pub major: u8,
    client: reqwest::Client,
    authorization: String,
}

impl Side {
    /// Signs in.
    pub async fn new(name: &'static str, url: &str, user: &str, password: &str, dags: PathBuf, major: u8) -> Side {
        let client = reqwest::Client::new();
        let mut side = Side {
            name,
            url: url.to_owned(),
            dags,
            major,
            client,
            authorization: format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))),
        };
        if major == 3 {
            let body = json!({ "username": user, "password": password }).to_string();
            let (status, answer) = side.ask("POST", "/auth/token", Some(&body)).await;
            assert_eq!(status, 201, "{name}: {answer}");
            side.authorization = format!("Bearer {}", answer["access_token"].as_str().unwrap());
        }
        side
    }

    /// The status and the body; a page is shown as its kind only, nothing at all as null.
    pub async fn ask(&self, method: &str, path: &str, body: Option<&str>) -> (u16, Value) {
        let method: Method = method.parse().unwrap();
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        request = request.header("Authorization", &self.authorization).header("Accept", "application/json");
        if let Some(body) = body {
            request = request.header("Content-Type", "application/json").body(body.to_owned());
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let kind = answer.headers().get("content-type").map(|v| v.to_str().unwrap().to_owned()).unwrap_or_default();
        let text = answer.text().await.unwrap();
        let body = match (text.trim().is_empty(), serde_json::from_str(&text)) {
            (true, _) => Value::Null,
            (false, Ok(body)) => body,
            (false, Err(_)) => json!(kind.split(';').next()),
        };
        (status, body)
    }

    fn path(&self, rest: &str) -> String {
        format!("/api/v{}/{rest}", self.major - 1)
    }

    /// Waits until something holds of an answer.
    pub async fn until(&self, rest: &str, what: &str, holds: impl Fn(&Value) -> bool) {
        let mut last = Value::Null;
        for _ in 0..240 {
            let (status, body) = self.ask("GET", &self.path(rest), None).await;
            if status == 200 && holds(&body) {
                return;
            }
            last = body;
            tokio::time::sleep(std::time::Duration::from_millis(250)).await;
        }
        panic!("{}: {what} did not come true within a minute: {last}", self.name);
    }
}

/// What is known to differ, and why it may: a part of a request, the members that are left out of the comparison.
pub type Exceptions = &'static [(&'static str, &'static [&'static str])];

/// Plays one part of a script on both sides and gathers the differences.
pub async fn play(script: &str, part: &str, real: &Side, ours: &Side, exceptions: Exceptions) -> Vec<String> {
    let mut differences = Vec::new();
    let mut token_of = None;
    let lines = script.lines().skip_while(|line| *line != format!("== {part}")).skip(1);
    for line in lines.take_while(|line| !line.starts_with("== ")).filter(|l| !l.is_empty() && !l.starts_with('#')) {
        if let Some(dag) = line.strip_prefix("? ") {
            token_of = Some(dag);
            continue;
        }
        let (method, rest) = line.split_once(' ').unwrap();
        let (path, body) = rest.split_once(' ').map_or((rest, None), |(path, body)| (path, Some(body)));
        let mut answers = Vec::new();
        for side in [real, ours] {
            let mut path = path.to_owned();
            if let Some(dag) = token_of {
                let (_, dag) = side.ask("GET", &side.path(&format!("dags/{dag}")), None).await;
                path = path.replace("TOKEN", dag["file_token"].as_str().unwrap());
            }
            let (status, answer) = side.ask(method, &path, body).await;
            let mut answer = plain(&answer, side);
            for (_, members) in exceptions.iter().filter(|(of, _)| line.contains(of)) {
                leave_out(&mut answer, members);
            }
            answers.push((status, answer));
        }
        token_of = None;
        if answers[0] != answers[1] {
            let mut told = format!("{line}\n");
            if answers[0].0 != answers[1].0 {
                told += &format!("  status: real {}, ours {}\n", answers[0].0, answers[1].0);
            }
            compare(&answers[0].1, &answers[1].1, "", &mut told);
            differences.push(told);
        }
    }
    differences
}

fn compare(real: &Value, ours: &Value, at: &str, told: &mut String) {
    match (real, ours) {
        (Value::Object(a), Value::Object(b)) => {
            let mut names: Vec<&String> = a.keys().chain(b.keys()).collect();
            names.sort();
            names.dedup();
            let none = json!("(absent)");
            for name in names {
                compare(a.get(name).unwrap_or(&none), b.get(name).unwrap_or(&none), &format!("{at}.{name}"), told);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (n, (a, b)) in a.iter().zip(b).enumerate() {
                compare(a, b, &format!("{at}[{n}]"), told);
            }
        }
        _ if real != ours => *told += &format!("  {at}: real {real}, ours {ours}\n"),
        _ => {}
    }
}

fn leave_out(value: &mut Value, members: &[&str]) {
    match value {
        Value::Object(map) => {
            map.retain(|name, _| !members.contains(&name.as_str()));
            map.values_mut().for_each(|inner| leave_out(inner, members));
        }
        Value::Array(list) => list.iter_mut().for_each(|inner| leave_out(inner, members)),
        _ => {}
    }
}

/// Members whose values are a server's own affair: that they are there, and of which type, is compared.
const OWN: [&str; 9] = [
    "git_version",
    "file_token",
    "id",
    "import_error_id",
    "last_parse_duration",
    "next_dagrun_create_after_ms",
    "bundle_url",
    "duration",
    "last_scheduling_decision",
];

/// Times of the day of a test, paths of its folder, and random ids become words.
fn plain(value: &Value, side: &Side) -> Value {
    match value {
        Value::Object(map) => {
            let one = |(name, inner): (&String, &Value)| {
                let inner = match inner {
                    Value::String(_) if OWN.contains(&name.as_str()) => json!("(text)"),
                    Value::Number(_) if OWN.contains(&name.as_str()) => json!("(number)"),
                    Value::String(text) if name == "message" && text.contains("when you look for ID ") => {
                        json!(text.rsplit_once(' ').unwrap().0)
                    }
                    // Airflow 2 lists tags in another order with every parse.
                    Value::Array(tags) if name == "tags" => {
                        let mut tags: Vec<Value> = tags.iter().map(|tag| plain(tag, side)).collect();
                        tags.sort_by_key(Value::to_string);
                        tags.into()
                    }
                    other => plain(other, side),
                };
                (name.clone(), inner)
            };
            map.iter().map(one).collect::<Map<_, _>>().into()
        }
        Value::Array(list) => list.iter().map(|inner| plain(inner, side)).collect(),
        Value::String(text) => json!(words(text, side)),
        other => other.clone(),
    }
}

fn words(text: &str, side: &Side) -> String {
    let text = text.replace(&side.dags.display().to_string(), "(folder)");
    let today = jiff::Timestamp::now().to_string()[..10].to_owned();
    let yesterday = (jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24)).to_string()[..10].to_owned();
    // The time that a test runs at; other times are compared.
    match [today, yesterday].iter().any(|day| text.starts_with(day.as_str())) {
        true if text.ends_with('Z') => "(now)Z".to_owned(),
        true if text.ends_with("+00:00") => "(now)+00:00".to_owned(),
        _ => text,
    }
}
