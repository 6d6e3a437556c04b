//! Reads the DAGs that start what runs on EMR. It decides only what has to be asked; what the answers mean is said by
//! [`plumb_core::translate::airflow`].
//!
//! Facts: REST API v2 and v1, recorded from 3.3.2 and 2.11.2. `tasks` names template fields, `taskInstances` has what they
//! rendered to, `xcomEntries/return_value` what a task returned. A page has 100 rows at most, whatever is asked for.

use crate::services;
use plumb_core::inventory::FailedRead;
use plumb_core::translate::airflow::{AirflowReading, AirflowRun, TaskRole, returns_an_id, role, worth_reading};
use plumb_model::call::{Call, Service, ServiceError, System};
use plumb_model::read::Read;
use plumb_model::text::{glob, percent_encoded};
use serde_json::Value;
use std::sync::Arc;
use tokio::task::JoinSet;

/// How many DAGs are read at the same time: an Airflow on SQLite locks up under more.
const AT_ONCE: usize = 4;
/// The rows of a page, of which Airflow gives no more.
const PAGE: usize = 100;
/// The pages of the tasks of one run: 5,000 of them.
const MOST_PAGES: usize = 50;

/// The DAGs that are meant.
#[derive(Clone, Debug)]
pub enum DagFilter {
    /// Those whose ids fit: `*` stands for any characters.
    Named(String),
    /// One.
    One(String),
    All,
}

/// What was read.
#[derive(Debug, Default)]
pub struct ReadDags {
    /// Those that start something on EMR, in the order of their ids.
    pub readings: Vec<AirflowReading>,
    /// How many start nothing there.
    pub skipped: usize,
    /// Those that may not be read, each with why.
    pub refused: Vec<(String, String)>,
}

/// What became of a DAG.
enum ReadDag {
    Starts(Box<AirflowReading>),
    Skipped,
    Refused(String, String),
}

/// Reads all DAGs that are meant.
///
/// # Errors
/// They cannot be listed, or Airflow stops answering.
pub async fn read(service: Arc<dyn Service>, wanted: &DagFilter) -> Result<ReadDags, ServiceError> {
    let mut waiting = listed(&*service, wanted).await?.into_iter();
    let (mut going, mut done) = (JoinSet::new(), ReadDags::default());
    loop {
        while going.len() < AT_ONCE
            && let Some(dag) = waiting.next()
        {
            let service = service.clone();
            going.spawn(async move { one(&*service, dag).await });
        }
        let Some(read) = going.join_next().await else { break };
        let broken = |why: String| ServiceError::Lost { line: "the reading of Airflow".to_owned(), why };
        match read.map_err(|e| broken(e.to_string()))?? {
            ReadDag::Starts(reading) => done.readings.push(*reading),
            ReadDag::Skipped => done.skipped += 1,
            ReadDag::Refused(dag, why) => done.refused.push((dag, why)),
        }
    }
    let id = |reading: &AirflowReading| reading.listed["dag_id"].as_str().unwrap_or_default().to_owned();
    done.readings.sort_by_key(id);
    done.refused.sort();
    Ok(done)
}

fn get(path: String) -> Call {
    Call::get(System::Airflow, format!("/api/v2/dags{path}"))
}

async fn listed(service: &dyn Service, wanted: &DagFilter) -> Result<Vec<Value>, ServiceError> {
    if let DagFilter::One(id) = wanted {
        return Ok(vec![service.send(&get(format!("/{}", percent_encoded(id)))).await?.body]);
    }
    let pages =
        services::read(service, &Read::offsets(get(String::new()).query("order_by", "dag_id"), "dags", "dag_id"))
            .await?;
    let all = pages.into_iter().filter_map(|mut page| match page["dags"].take() {
        Value::Array(dags) => Some(dags),
        _ => None,
    });
    let is_meant = |dag: &Value| match wanted {
        DagFilter::Named(pattern) => dag["dag_id"].as_str().is_some_and(|id| glob(pattern, id)),
        _ => true,
    };
    Ok(all.flatten().filter(is_meant).collect())
}

async fn one(service: &dyn Service, dag: Value) -> Result<ReadDag, ServiceError> {
    let id = dag["dag_id"].as_str().unwrap_or_default().to_owned();
    let path = format!("/{}", percent_encoded(&id));
    let tasks = match service.send(&get(format!("{path}/tasks"))).await {
        Ok(answer) => rows(answer.body, "tasks"),
        // It went while it was read, or may not be seen.
        Err(ServiceError::Refused { status: status @ (403 | 404), message, .. }) => {
            return Ok(ReadDag::Refused(id, format!("{status} {message}")));
        }
        Err(fault) => return Err(fault),
    };
    let starts = |task: &&Value| matches!(role(task), TaskRole::Cluster | TaskRole::Steps | TaskRole::Serverless);
    if !tasks.iter().any(|task| starts(&task)) {
        return Ok(ReadDag::Skipped);
    }
    let mut reading = AirflowReading { listed: dag, tasks, ..AirflowReading::default() };
    let mut ask = Asking { service, unread: Vec::new() };
    reading.details = ask.of(get(format!("{path}/details")), &id).await?.unwrap_or_default();
    let source = Call::get(System::Airflow, format!("/api/v2/dagSources/{}", percent_encoded(&id)));
    reading.source = source_of(service, &source).await?;
    // Where a page is full of runs by hand, those on the schedule are behind it: a DAG has both seldom.
    let runs = get(format!("{path}/dagRuns")).query("order_by", "-run_after").query("limit", PAGE.to_string());
    let runs = ask.of(runs, &id).await?.map(|body| rows(body, "dag_runs")).unwrap_or_default();
    for run in worth_reading(&runs) {
        let name = percent_encoded(run["dag_run_id"].as_str().unwrap_or_default());
        let below = format!("{path}/dagRuns/{name}/taskInstances");
        let mut read = AirflowRun { run: run.clone(), ..AirflowRun::default() };
        read.instances = ask.instances(&below, &id).await?;
        for task in reading.tasks.iter().filter(|task| returns_an_id(task)) {
            let Some(task) = task["task_id"].as_str() else { continue };
            if !read.instances.iter().any(|one| one["task_id"] == task && one["state"] == "success") {
                continue;
            }
            let call =
                get(format!("{path}/dagRuns/{name}/taskInstances/{}/xcomEntries/return_value", percent_encoded(task)));
            if let Some(entry) = ask.of(call, &id).await? {
                read.returned.insert(task.to_owned(), entry["value"].clone());
            }
        }
        reading.runs.push(read);
    }
    reading.unread = ask.unread;
    Ok(ReadDag::Starts(Box::new(reading)))
}

/// The text of a DAG's file. Few may read it, and nothing is missing without it that is not asked about.
async fn source_of(service: &dyn Service, call: &Call) -> Result<Option<String>, ServiceError> {
    match service.send(call).await {
        Ok(answer) => Ok(answer.body["content"].as_str().map(str::to_owned)),
        Err(ServiceError::Refused { status: 403 | 404 | 406, .. }) => Ok(None),
        Err(fault) => Err(fault),
    }
}

fn rows(mut body: Value, items: &str) -> Vec<Value> {
    match body.get_mut(items).map(Value::take) {
        Some(Value::Array(rows)) => rows,
        _ => Vec::new(),
    }
}

/// Asks, and writes down what was refused.
struct Asking<'s> {
    service: &'s dyn Service,
    unread: Vec<FailedRead>,
}

impl Asking<'_> {
    async fn of(&mut self, call: Call, dag: &str) -> Result<Option<Value>, ServiceError> {
        match self.service.send(&call).await {
            Ok(answer) => Ok(Some(answer.body)),
            // An XCom that was cleared, a run that went meanwhile.
            Err(ServiceError::Refused { status: 404, .. }) => Ok(None),
            Err(ServiceError::Refused { status: 403, message, .. }) => {
                // The same is refused of every run.
                let kind = call.path.rsplit('/').find(|part| part.chars().all(char::is_alphabetic)).unwrap_or_default();
                let what = format!("GET {kind} of DAG {dag}");
                if !self.unread.iter().any(|known| known.what == what) {
                    self.unread.push(FailedRead { what, of: dag.to_owned(), why: format!("403 {message}") });
                }
                Ok(None)
            }
            Err(fault) => Err(fault),
        }
    }

    async fn instances(&mut self, path: &str, dag: &str) -> Result<Vec<Value>, ServiceError> {
        let mut all = Vec::new();
        for _ in 0..MOST_PAGES {
            let call = get(path.to_owned()).query("limit", PAGE.to_string()).query("offset", all.len().to_string());
            let Some(body) = self.of(call, dag).await? else { break };
            let total = body["total_entries"].as_u64().and_then(|total| usize::try_from(total).ok());
            let page = rows(body, "task_instances");
            let is_last = page.is_empty();
            all.extend(page);
            if is_last || total.is_none_or(|total| all.len() >= total) {
                break;
            }
        }
        Ok(all)
    }
}
