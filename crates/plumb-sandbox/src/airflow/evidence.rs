//! What a task instance left: its tries, the log of each, and what it pushed (XCom).

use super::{
    ApiVersion,
    replies::{AirflowResult, detail, ok, problem},
    runs::DagRun,
};
use crate::answer::{Answer, Content};
use crate::failure::template::Printed;
use crate::request::Request;
use crate::store::Store;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// A task of a run whose story is told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PlayedTask {
    /// The state of one that never ran.
    pub state: Option<String>,
    pub tries: Vec<PlayedTry>,
    pub xcom: Vec<(String, Value)>,
}

/// One try at a task. Times are milliseconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PlayedTry {
    pub number: usize,
    pub state: String,
    pub started: i64,
    pub ended: i64,
    pub hostname: String,
    pub log: Vec<LogLine>,
}

/// A line of a task's log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogLine {
    pub at: i64,
    pub level: String,
    /// `file.py:12`.
    pub place: String,
    pub logger: String,
    pub event: String,
    /// The lines below it: a traceback.
    pub more: Vec<String>,
}

impl LogLine {
    /// The lines of a template: `LEVEL file.py:12 logger text`, each with the lines that continue it.
    pub fn all(printed: &[Printed]) -> Vec<LogLine> {
        let mut all: Vec<LogLine> = Vec::new();
        for line in printed {
            let mut words = line.text.splitn(4, ' ');
            let (level, place, logger, event) = (words.next(), words.next(), words.next(), words.next());
            match (line.is_headed(), event) {
                (true, Some(event)) => all.push(LogLine {
                    at: line.at,
                    level: level.unwrap_or_default().to_owned(),
                    place: place.unwrap_or_default().to_owned(),
                    logger: logger.unwrap_or_default().to_owned(),
                    event: event.to_owned(),
                    more: Vec::new(),
                }),
                _ => {
                    if let Some(last) = all.last_mut() {
                        last.more.push(line.text.clone());
                    }
                }
            }
        }
        all
    }

    /// The line with the addresses that things have now.
    fn here(&self, store: &Store) -> LogLine {
        let more = self.more.iter().map(|line| store.here(line)).collect();
        LogLine { event: store.here(&self.event), more, ..self.clone() }
    }

    /// The line as Airflow 2 writes it.
    fn text(&self) -> String {
        let at = jiff::Timestamp::from_millisecond(self.at).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC);
        let head = at.strftime("%Y-%m-%dT%H:%M:%S.%3f+0000");
        let mut out = format!("[{head}] {{{}}} {} - {}\n", self.place, self.level, self.event);
        for line in &self.more {
            out.push_str(line);
            out.push('\n');
        }
        out
    }

    /// The line as Airflow 3 writes it: a traceback is an object of frames.
    fn object(&self) -> Value {
        let (file, line) = self.place.split_once(':').unwrap_or((&self.place, "0"));
        let mut shown = json!({ "timestamp": ApiVersion::V2.time(self.at), "event": self.event, "level": self.level.to_lowercase(),
            "logger": self.logger, "filename": file, "lineno": line.parse::<i64>().unwrap_or(0) });
        if let Some(last) = self.more.last() {
            let (kind, value) = last.split_once(": ").unwrap_or((last, ""));
            let frames = self.more.iter().filter_map(|line| {
                let rest = line.trim_start().strip_prefix("File \"")?;
                let (file, rest) = rest.split_once("\", line ")?;
                let (number, name) = rest.split_once(", in ").unwrap_or((rest, "<module>"));
                Some(json!({ "filename": file, "lineno": number.parse::<i64>().unwrap_or(0), "name": name }))
            });
            shown["error_detail"] = json!([{ "exc_type": kind.rsplit('.').next(), "exc_value": value, "exc_notes": [],
                "syntax_error": null, "is_cause": false, "frames": frames.collect::<Vec<_>>(), "is_group": false,
                "exceptions": [] }]);
        }
        shown
    }
}

/// Puts what is told of a task over its row.
pub fn over(api: ApiVersion, row: &mut Value, run: &DagRun, task_id: &str) {
    let Some(task) = run.tasks.get(task_id) else { return };
    if let Some(state) = &task.state {
        row["state"] = json!(state);
        (row["try_number"], row["duration"]) = (json!(0), Value::Null);
        // A task that never ran ended all the same, when the one before it failed.
        row["start_date"] = row["end_date"].clone();
    }
    if let Some(last) = task.tries.last() {
        one(api, row, last);
    }
}

fn one(api: ApiVersion, row: &mut Value, one: &PlayedTry) {
    row["state"] = json!(one.state);
    row["try_number"] = json!(one.number);
    row["start_date"] = json!(api.time(one.started));
    row["end_date"] = json!(api.time(one.ended));
    row["duration"] = json!((one.ended - one.started) as f64 / 1000.0);
    row["hostname"] = json!(one.hostname);
}

fn missing(api: ApiVersion, words: &str) -> Answer {
    match api {
        ApiVersion::V2 => detail(404, words),
        ApiVersion::V1 => problem(404, words, Value::Null),
    }
}

/// `…/tries` and `…/tries/N`: rows as task instances have them, one a try.
pub fn tries(api: ApiVersion, run: &DagRun, row: &Value, number: Option<&str>) -> AirflowResult {
    let task = row["task_id"].as_str().unwrap_or_default();
    let shown = |one_try: &PlayedTry| {
        let mut row = row.clone();
        one(api, &mut row, one_try);
        row
    };
    let told = run.tasks.get(task);
    let mut rows: Vec<Value> = told.map(|task| task.tries.iter().map(shown).collect()).unwrap_or_default();
    if told.is_none() && row["try_number"] != 0 {
        rows.push(row.clone());
    }
    let Some(number) = number else {
        let total = rows.len();
        return ok(json!({ "task_instances": rows, "total_entries": total }));
    };
    let found = rows.into_iter().find(|row| row["try_number"].to_string() == number);
    found.map_or_else(|| Err(missing(api, "Task instance not found")), ok)
}

/// `…/logs/N`.
pub fn logs(
    store: &Store,
    api: ApiVersion,
    request: &Request,
    run: &DagRun,
    row: &Value,
    number: &str,
) -> AirflowResult {
    let task = row["task_id"].as_str().unwrap_or_default();
    let told = run.tasks.get(task).and_then(|task| task.tries.iter().find(|one| one.number.to_string() == number));
    let is_current = row["try_number"].to_string() == number && number != "0";
    if told.is_none() && !is_current {
        return Err(missing(api, "TaskInstance not found"));
    }
    let lines: Vec<LogLine> = told.map(|one| one.log.iter().map(|line| line.here(store)).collect()).unwrap_or_default();
    let host = told.map_or("airflow-worker-1", |one| one.hostname.as_str());
    let source =
        format!("/opt/airflow/logs/dag_id={}/run_id={}/task_id={task}/attempt={number}.log", run.dag_id, run.run_id);
    let accept = request.accept.as_deref().unwrap_or("*/*");
    let size = store.settings.airflow.log_lines.max(1);
    let from = match request.param("token").filter(|token| !token.is_empty()) {
        None => 0,
        Some(token) => position(&token).ok_or_else(|| {
            let words = "Bad Signature. Please use only the tokens provided by the API.";
            match api {
                ApiVersion::V2 => detail(400, words),
                ApiVersion::V1 => problem(400, words, Value::Null),
            }
        })?,
    };
    let from = from.min(lines.len());
    let to = if request.flag("full_content") { lines.len() } else { lines.len().min(from + size) };
    match api {
        ApiVersion::V2 => {
            let mut content = Vec::new();
            if from == 0 {
                content.push(
                    json!({ "timestamp": null, "event": "::group::Log message source details", "sources": [source] }),
                );
                content.push(json!({ "timestamp": null, "event": "::endgroup::" }));
            }
            content.extend(lines[from..to].iter().map(LogLine::object));
            if accept.contains("application/x-ndjson") {
                let text: String = content.iter().map(|line| format!("{line}\n")).collect();
                let content =
                    Content::Object { media: "application/x-ndjson", headers: Vec::new(), bytes: text.into_bytes() };
                return Ok(Answer { status: 200, content, retry_after: None });
            }
            let token = (to < lines.len()).then(|| sealed(to));
            ok(json!({ "content": content, "continuation_token": token }))
        }
        ApiVersion::V1 => {
            let mut text = String::new();
            if from == 0 {
                text.push_str(&format!("{host}\n*** Found local files:\n***   * {source}\n"));
            }
            // Plain text is all of it.
            let plain = !accept.contains("application/json");
            let shown = if plain { &lines[..] } else { &lines[from..to] };
            text.extend(shown.iter().map(LogLine::text));
            if plain {
                return Ok(Answer { status: 200, content: Content::Plain(text), retry_after: None });
            }
            // A list of pairs, as Python writes it; there always is a token.
            let text = text.replace('\\', "\\\\").replace('\n', "\\n").replace('\'', "\\'");
            ok(json!({ "content": format!("[('{host}', '{text}')]"), "continuation_token": sealed(to) }))
        }
    }
}

fn sealed(position: usize) -> String {
    URL_SAFE_NO_PAD.encode(json!({ "end_of_log": false, "log_pos": position }).to_string())
}

fn position(token: &str) -> Option<usize> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let metadata: Value = serde_json::from_slice(&bytes).ok()?;
    usize::try_from(metadata["log_pos"].as_u64()?).ok()
}

/// `…/xcomEntries` and `…/xcomEntries/KEY`.
pub fn xcom(
    store: &Store,
    api: ApiVersion,
    request: &Request,
    run: &DagRun,
    row: &Value,
    key: Option<&str>,
) -> AirflowResult {
    let task = row["task_id"].as_str().unwrap_or_default();
    let pushed = run.tasks.get(task).map(|task| task.xcom.as_slice()).unwrap_or_default();
    let shown = |(key, value): &(String, Value), whole: bool| {
        let mut entry = Map::new();
        let mut add = |name: &str, value: Value| entry.insert(name.to_owned(), value);
        add("key", json!(key));
        add("timestamp", row["start_date"].clone());
        let logical = api.maybe_time(run.logical);
        add(if api == ApiVersion::V2 { "logical_date" } else { "execution_date" }, logical);
        add("map_index", json!(-1));
        add("task_id", json!(task));
        add("dag_id", json!(run.dag_id));
        if api == ApiVersion::V2 {
            add("run_id", json!(run.run_id));
            add("dag_display_name", json!(run.dag_id));
            add("task_display_name", json!(task));
            add("run_after", json!(api.time(run.run_after)));
        }
        if whole {
            // v1 makes a text of every value unless told otherwise.
            let as_text = match api {
                ApiVersion::V1 => !request.param("stringify").is_some_and(|on| on.eq_ignore_ascii_case("false")),
                ApiVersion::V2 => request.flag("stringify"),
            };
            let text = value.as_str().map(|text| store.here(text));
            add(
                "value",
                match text {
                    Some(text) => json!(text),
                    None if as_text => json!(value.to_string()),
                    None => value.clone(),
                },
            );
        }
        Value::Object(entry)
    };
    let Some(key) = key else {
        let rows: Vec<Value> = pushed.iter().map(|one| shown(one, false)).collect();
        return ok(json!({ "xcom_entries": rows, "total_entries": pushed.len() }));
    };
    let words = format!("XCom entry with key: `{key}` not found");
    pushed.iter().find(|(known, _)| known == key).map_or_else(|| Err(missing(api, &words)), |one| ok(shown(one, true)))
}
