//! An Airflow that reads a folder of files late, and a way to lose its answers.

use plumb::call::{Answer, Call, Fault, Method, Sending, Service};
use plumb::kinds::airflow::python;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// What the fake Airflow has.
#[derive(Default)]
pub struct State {
    pub dags: BTreeMap<String, Value>,
    pub sources: BTreeMap<String, String>,
    pub errors: BTreeMap<String, Value>,
    /// Files that cannot be imported, and what Python says.
    pub broken: BTreeMap<String, String>,
    /// What each DAG's next run is due at.
    pub due: BTreeMap<String, String>,
    /// Requests that changed something, in order: method and path.
    pub writes: Vec<String>,
    /// How many reads it takes until a parse shows.
    pub delay: usize,
    reads: usize,
    parses: usize,
}

/// An Airflow over a folder.
#[derive(Clone)]
pub struct Airflow {
    pub folder: PathBuf,
    pub state: Arc<Mutex<State>>,
}

impl Airflow {
    pub fn over(folder: PathBuf) -> Airflow {
        Airflow { folder, state: Arc::new(Mutex::new(State { delay: 3, ..State::default() })) }
    }

    /// Reads the folder, as the DAG processor does now and then.
    pub fn parse(&self) {
        let mut state = self.state.lock().unwrap();
        state.parses += 1;
        let now = format!("2024-05-01T00:00:{:02}Z", state.parses);
        let mut defined = BTreeSet::new();
        state.errors.clear();
        for entry in std::fs::read_dir(&self.folder).unwrap() {
            let path = entry.unwrap().path();
            let file = path.file_name().unwrap().to_str().unwrap().to_owned();
            let Some(text) = file.ends_with(".py").then(|| std::fs::read_to_string(&path).unwrap()) else { continue };
            if let Some(said) = state.broken.get(&file).cloned() {
                let trace = format!("Traceback (most recent call last):\n  File \"/opt/dags/{file}\", {said}\n");
                let error = json!({ "filename": file, "timestamp": now, "stack_trace": trace });
                state.errors.insert(file, error);
                continue;
            }
            let Some(data) = python::data_of(&text) else { continue };
            let id = data["dag_id"].as_str().unwrap().to_owned();
            let mut tags = vec![json!({ "name": "plumb" })];
            tags.extend(data["tags"].as_array().into_iter().flatten().map(|t| json!({ "name": t })));
            let row = json!({
                "dag_id": id, "is_stale": false, "has_import_errors": false, "tags": tags, "relative_fileloc": file,
                "is_paused": state.dags.get(&id).map_or(json!(true), |d| d["is_paused"].clone()),
                "next_dagrun_run_after": state.due.get(&id), "next_dagrun_data_interval_start": state.due.get(&id),
            });
            state.dags.insert(id.clone(), row);
            state.sources.insert(id.clone(), text);
            defined.insert(id);
        }
        let broken = state.broken.clone();
        for (id, dag) in &mut state.dags {
            if !defined.contains(id) && dag["relative_fileloc"].is_string() {
                dag["is_stale"] = json!(true);
                dag["has_import_errors"] = json!(broken.contains_key(dag["relative_fileloc"].as_str().unwrap()));
            }
        }
    }

    /// A DAG that other people's code defines.
    pub fn add_foreign(&self, id: &str, paused: bool) {
        let row = json!({ "dag_id": id, "is_stale": false, "is_paused": paused, "tags": [{ "name": "emr" }], "fileloc": "/opt/dags/legacy/emr.py" });
        self.state.lock().unwrap().dags.insert(id.to_owned(), row);
    }

    fn answer(&self, call: &Call) -> Result<Value, Fault> {
        let parse = {
            let mut state = self.state.lock().unwrap();
            state.reads += 1;
            state.reads.is_multiple_of(state.delay.max(1))
        };
        if parse {
            self.parse();
        }
        let mut state = self.state.lock().unwrap();
        if call.method != Method::Get {
            state.writes.push(format!("{} {}", call.method.name(), call.path));
        }
        let path = call.path.strip_prefix("/api/v2/").unwrap();
        let page = |name: &str, rows: Vec<Value>| json!({ name: rows, "total_entries": rows.len() });
        let missing = || refused(call, 404, "not found");
        let parts: Vec<&str> = path.split('/').collect();
        Ok(match (call.method, parts.as_slice()) {
            (Method::Get, ["dags"]) => page("dags", state.dags.values().cloned().collect()),
            (Method::Get, ["importErrors"]) => page("import_errors", state.errors.values().cloned().collect()),
            (Method::Get, ["dags", id]) => state.dags.get(*id).cloned().ok_or_else(missing)?,
            (Method::Get, ["dags", _, "dagRuns"]) => page("dag_runs", Vec::new()),
            (Method::Get, ["dagSources", id]) => {
                json!({ "content": state.sources.get(*id).filter(|_| state.dags.contains_key(*id)).ok_or_else(missing)? })
            }
            (Method::Patch, ["dags", id]) => {
                let dag = state.dags.get_mut(*id).ok_or_else(missing)?;
                dag["is_paused"] = call.body.as_ref().unwrap()["is_paused"].clone();
                dag.clone()
            }
            (Method::Delete, ["dags", id]) => {
                state.dags.remove(*id).ok_or_else(missing)?;
                Value::Null
            }
            _ => panic!("the fake Airflow does not know {}", call.line()),
        })
    }
}

fn refused(call: &Call, status: u16, message: &str) -> Fault {
    let (line, code) = (call.line(), "ERROR".to_owned());
    Fault::Refused { line, status, code, message: message.to_owned(), request_id: None, retry_after: None }
}

impl Service for Airflow {
    fn send<'a>(&'a self, call: &'a Call) -> Sending<'a> {
        Box::pin(async move { self.answer(call).map(|body| Answer { status: 200, body, request_id: None }) })
    }
}

/// What becomes of writes from some point on: the power is cut.
#[derive(Clone)]
pub struct Cut {
    pub inner: Arc<dyn Service>,
    /// Writes that still get through, shared by all services of a target.
    pub left: Arc<Mutex<usize>>,
    /// Whether the write that is cut off still takes effect.
    pub done: bool,
}

impl Service for Cut {
    fn send<'a>(&'a self, call: &'a Call) -> Sending<'a> {
        Box::pin(async move {
            let lost = || Fault::Lost { line: call.line(), why: "the power is cut".to_owned() };
            let last = {
                let mut left = self.left.lock().unwrap();
                if call.method == Method::Get {
                    if *left == 0 {
                        return Err(lost());
                    };
                    false
                } else if *left == 0 {
                    return Err(lost());
                } else {
                    *left -= 1;
                    *left == 0
                }
            };
            if last {
                if self.done {
                    self.inner.send(call).await?;
                }
                return Err(lost());
            }
            self.inner.send(call).await
        })
    }
}
