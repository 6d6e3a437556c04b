//! A run of a DAG: which tasks failed, what their logs say, and what they started.
//!
//! Facts: Airflow's REST API v2 and v1 (`dagRuns`, `taskInstances`, `logs/TRY` in JSON with `continuation_token`, `xcomEntries`). In
//! Airflow 3 a log is a list of events; in Airflow 2 it is the text of a Python list of pairs of a host and its text.

use super::FailedRun;
use super::book::{FailureBook, permission};
use super::started::{StartedIds, started_in};
use plumb_core::diagnose::next::Ring;
use plumb_model::call::{Call, ServiceError, System};
use plumb_model::text::percent_encoded;
use serde_json::Value;

/// What evidence calls the answers that say how far a run is.
pub(super) const RUN_ANSWER: &str = "api/dag-run";
pub(super) const TASKS_ANSWER: &str = "api/task-instances";
/// Of how many failed tasks the log is read.
const MOST_TASKS: usize = 4;
/// How many pages of task instances are read, a hundred a page, and of a log.
const MOST_PAGES: usize = 50;
/// The most of one log that is held, in bytes.
const MOST_LOG: usize = 32 << 20;
/// The XComs in which operators say what they started.
const KEYS: [&str; 4] = ["run_page_url", "run_id", "return_value", "job_flow_id"];

/// What is read of a run of a DAG.
pub(super) struct AirflowReading {
    dag: String,
    run: String,
    task: Option<String>,
    try_number: Option<u32>,
}

/// A call about a run of a DAG.
pub(super) fn of_run(dag: &str, run: &str, rest: &str) -> Call {
    Call::get(System::Airflow, format!("/api/v2/dags/{}/dagRuns/{}{rest}", percent_encoded(dag), percent_encoded(run)))
}

impl AirflowReading {
    pub fn new(dag: String, run: String, task: Option<String>, try_number: Option<u32>) -> AirflowReading {
        AirflowReading { dag, run, task, try_number }
    }

    pub async fn read(&mut self, book: &mut FailureBook, ring: Ring) -> Result<Vec<FailedRun>, ServiceError> {
        if ring != Ring::Answers {
            return Ok(Vec::new());
        }
        let run = book.send(&of_run(&self.dag, &self.run, "")).await?;
        book.answer(&run, RUN_ANSWER);
        let subject = &mut book.facts.subject;
        if subject.name.is_empty() {
            subject.name.clone_from(&self.dag);
            subject.system = "airflow".to_owned();
        }
        subject.run.get_or_insert_with(|| format!("{}/{}", self.dag, self.run));
        let instances = self.instances(book).await;
        if run["state"] == "success" && self.task.is_none() {
            return Ok(Vec::new());
        }
        let failed: Vec<&Value> = instances.iter().filter(|task| self.is_wanted(task)).collect();
        if failed.is_empty() {
            self.import_errors(book).await;
        }
        let mut below = Vec::new();
        for task in failed.iter().take(MOST_TASKS) {
            below.extend(self.task(book, task).await);
        }
        if failed.len() > MOST_TASKS {
            let what = format!("the logs of {} more tasks", failed.len() - MOST_TASKS);
            book.missing(&what, &format!("those of the first {MOST_TASKS} that failed were read"), None);
        }
        Ok(below)
    }

    /// Whether a task is one to look at: the one that was asked for, or one that failed by itself.
    fn is_wanted(&self, task: &Value) -> bool {
        match &self.task {
            Some(wanted) => task["task_id"].as_str() == Some(wanted),
            None => matches!(task["state"].as_str(), Some("failed" | "up_for_retry" | "running" | "deferred")),
        }
    }

    async fn instances(&self, book: &mut FailureBook) -> Vec<Value> {
        let (mut all, mut offset) = (Vec::new(), 0);
        for _ in 0..MOST_PAGES {
            let call = of_run(&self.dag, &self.run, "/taskInstances").query("limit", "100");
            let call = if offset > 0 { call.query("offset", offset.to_string()) } else { call };
            let Some(page) = book.ask(&call, "the tasks of the run").await else { break };
            book.answer(&page, TASKS_ANSWER);
            let rows = page["task_instances"].as_array().cloned().unwrap_or_default();
            offset += rows.len();
            let is_last = rows.is_empty() || page["total_entries"].as_u64().is_none_or(|total| offset as u64 >= total);
            all.extend(rows);
            if is_last {
                break;
            }
        }
        all.sort_by(|a, b| {
            let key = |task: &Value| {
                let text = |name: &str| task[name].as_str().unwrap_or_default().to_owned();
                (text("start_date"), text("task_id"), task["map_index"].as_i64())
            };
            key(a).cmp(&key(b))
        });
        all
    }

    /// The files that Airflow could not import: a run whose DAG is gone has no tasks that failed.
    async fn import_errors(&self, book: &mut FailureBook) {
        let call =
            Call::get(System::Airflow, "/api/v2/importErrors").query("limit", "20").query("order_by", "-timestamp");
        if let Some(errors) = book.ask(&call, "the files that Airflow could not import").await {
            book.answer(&errors, "api/import-errors");
        }
    }

    /// Reads the log of a task, and finds what it started: in the log, else in its XComs.
    async fn task(&self, book: &mut FailureBook, task: &Value) -> Vec<FailedRun> {
        let id = task["task_id"].as_str().unwrap_or_default().to_owned();
        let last = task["try_number"].as_u64().and_then(|number| u32::try_from(number).ok()).unwrap_or(1).max(1);
        let number = self.try_number.unwrap_or(last);
        let mapped = task["map_index"].as_i64().filter(|index| *index >= 0);
        let log = self.log(book, &id, number, mapped).await;
        let mut ids = StartedIds::default();
        if let Some(log) = log {
            let index = mapped.map(|index| format!("/map_index={index}")).unwrap_or_default();
            let name = format!("dag_id={}/run_id={}/task_id={id}{index}/attempt={number}.log", self.dag, self.run);
            ids = started_in(&log);
            book.text(&name, &log);
        }
        if ids.is_empty() {
            self.xcoms(book, &id, mapped, &mut ids).await;
        }
        if let Some((run, Some(host))) = &ids.databricks
            && let Some(own) = &book.services.workspace
            && !is_host(own, host)
        {
            let what = format!("run {run} of {host}");
            let why = format!("the target's workspace is {own}");
            book.missing(&what, &why, Some("name the target of that workspace".to_owned()));
            ids.databricks = None;
        }
        let mut below = Vec::new();
        for run in ids.runs() {
            let system = match run {
                FailedRun::Databricks { .. } => System::Databricks,
                _ => System::Emr,
            };
            match book.services.ready(system) {
                Ok(()) => below.push(run),
                Err(why) => {
                    let remedy = format!("add `{}` to the target in plumb.yaml", system.setting());
                    book.missing(&super::name_of(&run), &why, Some(remedy));
                }
            }
        }
        below
    }

    async fn log(&self, book: &mut FailureBook, task: &str, number: u32, mapped: Option<i64>) -> Option<String> {
        let rest = format!("/taskInstances/{}/logs/{number}", percent_encoded(task));
        let first = of_run(&self.dag, &self.run, &rest).query("full_content", "true");
        let first = mapped.iter().fold(first, |call, index| call.query("map_index", index.to_string()));
        let (mut text, mut token) = (String::new(), None::<String>);
        for _ in 0..MOST_PAGES {
            let call = token.iter().fold(first.clone(), |call, token| call.query("token", token));
            let what = format!("the log of task {task}, try {number}");
            let answer = match book.send(&call).await {
                Ok(answer) => answer,
                Err(fault) => {
                    book.refused(&what, &fault, permission(&call));
                    return (!text.is_empty()).then_some(text);
                }
            };
            let more = log_text(&answer["content"]);
            text.push_str(&more);
            let next = answer["continuation_token"].as_str().filter(|next| !next.is_empty()).map(str::to_owned);
            if next.is_none() || more.is_empty() || next == token || text.len() > MOST_LOG {
                break;
            }
            token = next;
        }
        Some(text)
    }

    async fn xcoms(&self, book: &mut FailureBook, task: &str, mapped: Option<i64>, ids: &mut StartedIds) {
        let rest = format!("/taskInstances/{}/xcomEntries", percent_encoded(task));
        let mapped = |call: Call| mapped.iter().fold(call, |call, index| call.query("map_index", index.to_string()));
        let list = mapped(of_run(&self.dag, &self.run, &rest));
        let Some(listed) = book.ask(&list, &format!("the XComs of task {task}")).await else { return };
        let entries = listed["xcom_entries"].as_array().into_iter().flatten();
        let there: Vec<&str> = entries.filter_map(|entry| entry["key"].as_str()).collect();
        for key in KEYS.into_iter().filter(|key| there.contains(key)) {
            let call = mapped(of_run(&self.dag, &self.run, &format!("{rest}/{key}")));
            let Some(entry) = book.ask(&call, &format!("the XCom {key} of task {task}")).await else { continue };
            ids.xcom(key, &entry["value"]);
            if ids.databricks.is_some() {
                break;
            }
        }
    }
}

/// Whether an address is of a host.
pub fn is_host(address: &str, host: &str) -> bool {
    let rest = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://")).unwrap_or(address);
    rest.trim_end_matches('/').eq_ignore_ascii_case(host)
}

/// The text of a log, whatever form the answer has.
fn log_text(content: &Value) -> String {
    match content {
        Value::String(text) => python_pairs(text),
        Value::Array(events) => {
            let mut out = String::new();
            for event in events {
                match event {
                    Value::String(line) => out.push_str(line),
                    // A line of JSON each, as Airflow 3 keeps them in its files.
                    other => out.push_str(&other.to_string()),
                }
                out.push('\n');
            }
            out
        }
        _ => String::new(),
    }
}

/// The texts of `[('host', 'text'), …]` as Python writes it; any other text as it is.
fn python_pairs(text: &str) -> String {
    if !text.starts_with("[(") {
        return text.to_owned();
    }
    let (mut out, mut number) = (String::new(), 0);
    let mut chars = text.chars().peekable();
    while let Some(quote) = chars.next() {
        if quote != '\'' && quote != '"' {
            continue;
        }
        number += 1;
        // Of each pair the first is the host.
        let is_text = number % 2 == 0;
        while let Some(c) = chars.next() {
            let c = match c {
                c if c == quote => break,
                '\\' => match chars.next() {
                    Some('n') => '\n',
                    Some('t') => '\t',
                    Some('r') => '\r',
                    Some('x') => hex(&mut chars, 2),
                    Some('u') => hex(&mut chars, 4),
                    Some(other) => other,
                    None => break,
                },
                c => c,
            };
            if is_text {
                out.push(c);
            }
        }
        if is_text && !out.ends_with('\n') {
            out.push('\n');
        }
    }
    out
}

fn hex(chars: &mut impl Iterator<Item = char>, digits: usize) -> char {
    let digits: String = chars.take(digits).collect();
    u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_log_is_text_in_either_airflow() {
        let two = json!(r#"[('worker-1', '*** Found logs\n[2026-10-02] it\'s \x1b[31mred\n'), ("w", "it's")]"#);
        assert_eq!(log_text(&two), "*** Found logs\n[2026-10-02] it's \u{1b}[31mred\nit's\n");
        let three = json!([{"event": "Task failed", "level": "error"}, "plain"]);
        assert_eq!(log_text(&three), "{\"event\":\"Task failed\",\"level\":\"error\"}\nplain\n");
        assert_eq!(log_text(&json!("plain text")), "plain text");
        assert_eq!(log_text(&Value::Null), "");
        for odd in ["[(", "[('", r"[('a', 'b\", r"[('a', '\x", r"[('a', '\u12"] {
            let _ = log_text(&json!(odd));
        }
    }

    #[test]
    fn a_host_is_compared_without_scheme() {
        assert!(is_host("https://Acme.cloud.databricks.com", "acme.cloud.databricks.com"));
        assert!(!is_host("https://acme.cloud.databricks.com", "other.cloud.databricks.com"));
    }
}
