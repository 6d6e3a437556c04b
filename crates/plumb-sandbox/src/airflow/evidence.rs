//! What a task instance left: its tries, the log of each, and what it pushed (XCom).

use super::{
    ApiVersion, rendered,
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

    /// Whether only Airflow 2 writes it: in Airflow 3 a worker has other words for beginning and ending a task.
    fn is_of_two(&self) -> bool {
        let loggers = ["airflow.models.", "airflow.jobs.local", "airflow.cli.", "airflow.task.task_runner"];
        loggers.iter().any(|logger| self.logger.starts_with(logger))
    }

    /// The line as Airflow 3 writes it: a traceback is an object of frames. Recorded from 3.3.2.
    fn object(&self, of: &Value) -> Value {
        let (file, line) = self.place.split_once(':').unwrap_or((&self.place, "0"));
        let (at, level) = (ApiVersion::V2.time(self.at), self.level.to_lowercase());
        let mut shown = json!({ "timestamp": at, "event": self.event, "level": level });
        if let (Some(shown), Some(of)) = (shown.as_object_mut(), of.as_object()) {
            shown.extend(of.clone());
        }
        (shown["logger"], shown["filename"]) = (json!(self.logger), json!(file));
        shown["lineno"] = json!(line.parse::<i64>().unwrap_or(0));
        if let Some(last) = self.more.last() {
            (shown["logger"], shown["filename"], shown["lineno"]) =
                (json!("task"), json!("task_runner.py"), json!(1651));
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

/// How Airflow 3 begins a task, before what the task says.
fn begun(at: i64, file: &str) -> Vec<LogLine> {
    let line = |place: &str, logger: &str, event: String| LogLine {
        at,
        level: "INFO".to_owned(),
        place: place.to_owned(),
        logger: logger.to_owned(),
        event,
        more: Vec::new(),
    };
    let bundles = "airflow.dag_processing.bundles.manager.DagBundlesManager";
    let bag = "airflow.dag_processing.dagbag.BundleDagBag";
    vec![
        line("task_runner.py:2412", "task", "::group::Pre Execute".to_owned()),
        line("manager.py:304", bundles, "DAG bundles loaded: dags-folder".to_owned()),
        line("dagbag.py:460", bag, format!("Filling up the DagBag from {file}")),
        line("task_runner.py:2232", "task", "::endgroup::".to_owned()),
    ]
}

/// Puts what is told of a task over its row.
pub fn over(api: ApiVersion, row: &mut Value, run: &DagRun, task_id: &str) {
    let Some(task) = run.tasks.get(task_id) else {
        if run.played {
            let begun = run.under_way.get(task_id).map(|waits| waits.started);
            row["state"] = begun.map_or(Value::Null, |_| json!("running"));
            row["start_date"] = api.maybe_time(begun);
            (row["end_date"], row["duration"]) = (Value::Null, Value::Null);
            row["try_number"] = json!(i64::from(begun.is_some()));
        }
        return;
    };
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
    let number: Option<u64> = number.parse().ok();
    let found = rows.into_iter().find(|row| number.is_some() && row["try_number"].as_u64() == number);
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
    let asked: Option<u64> = number.parse().ok().filter(|number| *number > 0);
    let is_current = asked.is_some() && row["try_number"].as_u64() == asked;
    if told.is_none() && !is_current {
        return Err(missing(api, "TaskInstance not found"));
    }
    let mut lines: Vec<LogLine> =
        told.map(|one| one.log.iter().map(|line| line.here(store)).collect()).unwrap_or_default();
    if let (ApiVersion::V2, Some(one)) = (api, told) {
        let file = store.airflow.dags.get(&run.dag_id).map(|dag| super::view::location(&store.airflow, &dag.file));
        lines.retain(|line| !line.is_of_two());
        lines.splice(0..0, begun(one.started, &file.unwrap_or_default()));
    }
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
    let host = told.map_or("airflow-worker-1", |one| one.hostname.as_str());
    let file =
        format!("/opt/airflow/logs/dag_id={}/run_id={}/task_id={task}/attempt={number}.log", run.dag_id, run.run_id);
    let accept = request.accept.as_deref().unwrap_or("*/*");
    let group = "::group::Log message source details";
    if api == ApiVersion::V2 {
        let of = json!({ "run_id": run.run_id, "task_id": task, "ti_id": row["id"], "dag_id": run.dag_id,
            "try_number": number.parse::<i64>().unwrap_or(0), "map_index": -1 });
        let mut content = Vec::new();
        if from == 0 {
            content.extend([group, &file, "::endgroup::"].map(|event| json!({ "event": event })));
        }
        if accept.contains("application/x-ndjson") {
            // One stream of all of it, in which the first lines have a time of null.
            content.iter_mut().for_each(|line| line["timestamp"] = Value::Null);
            content.extend(lines[from..].iter().map(|line| line.object(&of)));
            let text: String = content.iter().map(|line| format!("{line}\n")).collect();
            let headers = vec![("airflow-continuation-token", sealed(lines.len(), true))];
            let content = Content::Object { media: "application/x-ndjson".into(), headers, bytes: text.into_bytes() };
            return Ok(Answer { status: 200, content, retry_after: None });
        }
        content.extend(lines[from..to].iter().map(|line| line.object(&of)));
        let token = (to < lines.len()).then(|| sealed(to, false));
        return ok(json!({ "content": content, "continuation_token": token }));
    }
    // Of v1 plain text is all of it, and what a client gets that says nothing.
    let is_plain = !accept.contains("application/json");
    let mut text = String::new();
    if from == 0 {
        text = format!(" INFO - {group}\n*** Found local files:\n***   * {file}\n INFO - ::endgroup::\n");
    }
    let shown = if is_plain { &lines[..] } else { &lines[from..to] };
    text.extend(shown.iter().map(LogLine::text));
    if is_plain {
        return Ok(Answer { status: 200, content: Content::Plain(format!("{host}\n{text}")), retry_after: None });
    }
    // A list of pairs, as Python writes it; there always is a token, which says whether there is more.
    let text = super::pyjson::repr(&json!(text.trim_end_matches('\n')));
    let token = sealed(to, to == lines.len());
    ok(json!({ "content": format!("[('{host}', {text})]"), "continuation_token": token }))
}

/// A token, as itsdangerous makes them: what it says, and a signature.
fn sealed(position: usize, is_end: bool) -> String {
    let payload = json!({ "end_of_log": is_end, "log_pos": position }).to_string();
    format!("{}.{}", URL_SAFE_NO_PAD.encode(&payload), signature(&payload))
}

fn signature(payload: &str) -> String {
    let sum = payload.bytes().fold(11_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    URL_SAFE_NO_PAD.encode(Store::scrambled(sum))
}

fn position(token: &str) -> Option<usize> {
    let (payload, signed) = token.split_once('.')?;
    let payload = String::from_utf8(URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    let metadata: Value = serde_json::from_str(&payload).ok()?;
    let position = usize::try_from(metadata["log_pos"].as_u64()?).ok()?;
    (signature(&payload) == signed).then_some(position)
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
    let mut pushed = run.tasks.get(task).map(|task| task.xcom.clone()).unwrap_or_default();
    if !pushed.iter().any(|(key, _)| key == rendered::RETURNED) {
        let returned = rendered::returned(store, run, task).filter(|_| row["state"] == "success");
        pushed.extend(returned.map(|value| (rendered::RETURNED.to_owned(), value)));
    }
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
