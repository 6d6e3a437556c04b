//! A run of Databricks: its states and outputs, the events of its clusters, the logs that were delivered.
//!
//! Facts: Jobs API 2.2 (`runs/get` answers a hundred tasks a page; `runs/get-output` is asked by a task's run, a job's own is
//! refused), Clusters API 2.1 (events are kept 30 days after a cluster's end; pages by `page_token`), "Configure cluster log
//! delivery" (`DESTINATION/CLUSTER/{driver,executor,init_scripts}`; log4j's files are rolled by the hour).

use super::book::{FailureBook, MOST_LISTED};
use super::logs::NamedLog;
use super::store::{LogStore, StoredLog};
use super::{FailedRun, key_of};
use jiff::Timestamp;
use plumb_core::diagnose::next::{Ring, Wanted};
use plumb_model::call::{Call, Method, ServiceError, System};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Of how many failed tasks the output is asked for.
const MOST_TASKS: usize = 5;
/// How many pages of tasks are read.
const MOST_PAGES: usize = 20;
/// How many pages of events are read of a cluster, 500 a page.
const MOST_EVENT_PAGES: usize = 4;
/// How long before and after a run events and logs may still be about it, in milliseconds.
const AROUND: i64 = 10 * 60 * 1000;
/// How long after the end of a cluster its last logs may come, in seconds ("every five minutes").
const DELIVERY: i64 = 5 * 60;
/// Of how many executors the logs are read.
const MOST_EXECUTORS: usize = 8;

/// What is read of a run.
pub(super) struct DatabricksReading {
    run_id: u64,
    task: Option<String>,
    /// The clusters of what failed, and where their logs go.
    clusters: BTreeMap<String, Option<String>>,
    listed: BTreeMap<String, (Arc<dyn LogStore>, Vec<StoredLog>)>,
    /// In milliseconds.
    began: Option<i64>,
    ended: Option<i64>,
}

impl DatabricksReading {
    pub fn new(run_id: u64, task: Option<String>) -> DatabricksReading {
        let (clusters, listed) = (BTreeMap::new(), BTreeMap::new());
        DatabricksReading { run_id, task, clusters, listed, began: None, ended: None }
    }

    pub async fn read(
        &mut self,
        book: &mut FailureBook,
        ring: Ring,
        wanted: &Wanted,
    ) -> Result<Vec<FailedRun>, ServiceError> {
        if ring == Ring::Answers {
            return self.answers(book).await;
        }
        for cluster in self.clusters.keys().cloned().collect::<Vec<_>>() {
            self.logs(book, &cluster, ring, wanted).await;
        }
        Ok(Vec::new())
    }

    async fn answers(&mut self, book: &mut FailureBook) -> Result<Vec<FailedRun>, ServiceError> {
        let run = self.run(book).await?;
        book.answer(&run, "api/runs/get");
        let subject = &mut book.facts.subject;
        subject.run.get_or_insert_with(|| self.run_id.to_string());
        if subject.name.is_empty() {
            subject.name = run["run_name"].as_str().unwrap_or("run").to_owned();
            subject.system = "databricks".to_owned();
        }
        (self.began, self.ended) = (run["start_time"].as_i64(), run["end_time"].as_i64().filter(|end| *end > 0));
        if is_active(&run) {
            return Ok(Vec::new());
        }
        let failed = failed_tasks(&run, self.task.as_deref());
        let mut below = Vec::new();
        for task in failed.iter().take(MOST_TASKS) {
            self.cluster_of(&run, task);
            below.extend(self.output(book, task).await);
        }
        if failed.len() > MOST_TASKS {
            let what = format!("the outputs of {} more tasks", failed.len() - MOST_TASKS);
            book.missing(&what, &format!("those of the first {MOST_TASKS} that failed were asked for"), None);
        }
        for cluster in self.clusters.keys().cloned().collect::<Vec<_>>() {
            self.events(book, &cluster).await;
            self.cluster(book, &cluster).await;
        }
        if run.to_string().to_ascii_lowercase().contains("librar") || says_library(book) {
            for cluster in self.clusters.keys() {
                let call = Call::get(System::Databricks, "/api/2.0/libraries/cluster-status");
                let call = call.query("cluster_id", cluster.as_str());
                if let Some(status) = book.ask(&call, &format!("the libraries of cluster {cluster}")).await {
                    book.answer(&status, "api/libraries/cluster-status");
                }
            }
        }
        Ok(below)
    }

    /// The run with all its tasks, over the pages that these take.
    async fn run(&self, book: &mut FailureBook) -> Result<Value, ServiceError> {
        let call = Call::get(System::Databricks, "/api/2.2/jobs/runs/get")
            .query("run_id", self.run_id.to_string())
            .query("include_history", "true");
        let mut run = book.send(&call).await?;
        let mut token = next_page(&run);
        for _ in 1..MOST_PAGES {
            let Some(more) = token.take() else { break };
            let page = book.ask(&call.clone().query("page_token", more), "further tasks of the run").await;
            let Some(mut page) = page else { break };
            token = next_page(&page);
            for list in ["tasks", "iterations", "job_clusters"] {
                if let (Some(all), Some(new)) = (run[list].as_array_mut(), page[list].as_array_mut()) {
                    all.append(new);
                }
            }
        }
        Ok(run)
    }

    /// The output of a failed task, and what runs below it.
    async fn output(&mut self, book: &mut FailureBook, task: &Value) -> Vec<FailedRun> {
        let Some(run_id) = task["run_id"].as_u64() else { return Vec::new() };
        // What never began has none.
        if task["for_each_task"].is_object() && run_id != self.run_id {
            return vec![FailedRun::Databricks { run_id, task: None }];
        }
        let key = task["task_key"].as_str().unwrap_or("the run").to_owned();
        let call = Call::get(System::Databricks, "/api/2.2/jobs/runs/get-output").query("run_id", run_id.to_string());
        let Some(output) = book.ask(&call, &format!("the output of task {key}")).await else { return Vec::new() };
        book.answer(&output, "api/runs/get-output");
        let started = output.pointer("/run_job_output/run_id").and_then(Value::as_u64);
        started.map(|run_id| FailedRun::Databricks { run_id, task: None }).into_iter().collect()
    }

    /// Notes the cluster of a task, and where its logs go.
    fn cluster_of(&mut self, run: &Value, task: &Value) {
        let instance =
            |of: &Value| of.pointer("/cluster_instance/cluster_id").and_then(Value::as_str).map(str::to_owned);
        let existing = |of: &Value| of["existing_cluster_id"].as_str().map(str::to_owned);
        let Some(cluster) = instance(task).or_else(|| existing(task)).or_else(|| instance(run)) else { return };
        let key = task["job_cluster_key"].as_str();
        let shared = run["job_clusters"].as_array().into_iter().flatten();
        let shared = shared.filter(|each| key.is_some() && each["job_cluster_key"].as_str() == key);
        let specs = [task.get("new_cluster"), run.pointer("/cluster_spec/new_cluster")];
        let mut specs = specs.into_iter().flatten().chain(shared.filter_map(|each| each.get("new_cluster")));
        let destination = specs.find_map(destination);
        let known = self.clusters.entry(cluster).or_default();
        *known = known.take().or(destination);
    }

    async fn events(&self, book: &mut FailureBook, cluster: &str) {
        let mut body = json!({ "cluster_id": cluster, "order": "ASC", "page_size": 500 });
        if let Some(began) = self.began {
            body["start_time"] = json!(began - AROUND);
        }
        if let Some(ended) = self.ended {
            body["end_time"] = json!(ended + AROUND);
        }
        for _ in 0..MOST_EVENT_PAGES {
            // It only reads, whatever its method says.
            let call = Call::set(System::Databricks, Method::Post, "/api/2.1/clusters/events", body.clone());
            let Some(page) = book.ask(&call, &format!("the events of cluster {cluster}")).await else { return };
            book.answer(&page, "api/clusters/events");
            match page["next_page_token"].as_str().filter(|token| !token.is_empty()) {
                Some(token) => body["page_token"] = json!(token),
                None => return,
            }
        }
        let what = format!("further events of cluster {cluster}");
        book.missing(&what, &format!("{} were read", MOST_EVENT_PAGES * 500), None);
    }

    async fn cluster(&mut self, book: &mut FailureBook, cluster: &str) {
        let call = Call::get(System::Databricks, "/api/2.1/clusters/get").query("cluster_id", cluster);
        let Some(answer) = book.ask(&call, &format!("cluster {cluster}")).await else { return };
        book.answer(&answer, "api/clusters/get");
        if let Some(known) = self.clusters.get_mut(cluster) {
            *known = known.take().or_else(|| destination(&answer));
        }
    }

    /// Reads of a cluster's logs what belongs to a ring.
    async fn logs(&mut self, book: &mut FailureBook, cluster: &str, ring: Ring, wanted: &Wanted) {
        let Some(Some(destination)) = self.clusters.get(cluster).cloned() else {
            let remedy = "set `cluster_log_conf` of the cluster: what is not delivered is gone with it".to_owned();
            book.missing(&format!("the logs of cluster {cluster}"), "they are not delivered", Some(remedy));
            return;
        };
        let store = match book.services.store(&destination) {
            Ok(store) => store,
            Err(why) => return book.missing(&format!("the logs of cluster {cluster}"), &why, None),
        };
        let root = format!("{}/", key_of(&destination).trim_end_matches('/'));
        let root = root.trim_start_matches(if root == "/" { "/" } else { "" }).to_owned();
        for (folder, picked) in self.folders(ring, wanted) {
            let prefix = format!("{root}{cluster}/{folder}/");
            let listed = match self.listed.get(&prefix) {
                Some((_, listed)) => listed.clone(),
                None => {
                    let before = book.facts.missing.len();
                    let listed = book.list(&*store, &prefix, MOST_LISTED).await;
                    if listed.is_empty() && folder == "driver" && book.facts.missing.len() == before {
                        self.not_there(book, &*store, &prefix);
                    }
                    self.listed.insert(prefix.clone(), (store.clone(), listed.clone()));
                    listed
                }
            };
            let chosen: Vec<NamedLog> = listed
                .into_iter()
                .filter(|log| log.key.strip_prefix(&prefix).is_some_and(|rest| picked.takes(rest, self)))
                .map(|stored| NamedLog {
                    name: stored.key.strip_prefix(&root).unwrap_or(&stored.key).to_owned(),
                    stored,
                })
                .collect();
            book.read(&store, chosen).await;
        }
    }

    fn not_there(&self, book: &mut FailureBook, store: &dyn LogStore, prefix: &str) {
        let ended = self.ended.and_then(|ended| Timestamp::from_millisecond(ended).ok());
        let ago = book.ago(ended).filter(|ago| (0..DELIVERY).contains(ago));
        let (why, remedy) = match ago {
            Some(ago) => {
                let why = format!("not there yet: logs come every five minutes, and it ended {} minutes ago", ago / 60);
                (why, Some("ask again".to_owned()))
            }
            None => ("there are none".to_owned(), None),
        };
        book.missing(&store.place(prefix), &why, remedy);
    }

    /// The folders of a cluster's logs that a ring is about, and what of them.
    fn folders(&self, ring: Ring, wanted: &Wanted) -> Vec<(&'static str, PickedLogs)> {
        match ring {
            Ring::Answers => Vec::new(),
            Ring::Driver => vec![("driver", PickedLogs::OfTheTime)],
            Ring::Executors => {
                let numbers: BTreeSet<String> = wanted.executors.iter().take(MOST_EXECUTORS).cloned().collect();
                if numbers.is_empty() { Vec::new() } else { vec![("executor", PickedLogs::Executors(numbers))] }
            }
            Ring::Nodes => vec![("init_scripts", PickedLogs::All)],
            Ring::Everything => {
                vec![("driver", PickedLogs::All), ("executor", PickedLogs::All), ("init_scripts", PickedLogs::All)]
            }
        }
    }
}

/// Which files of a folder are read.
enum PickedLogs {
    All,
    /// Those that are not rolled, and those that were rolled while it ran.
    OfTheTime,
    /// Of these executors: `app-…/NUMBER/…`.
    Executors(BTreeSet<String>),
}

impl PickedLogs {
    fn takes(&self, rest: &str, reading: &DatabricksReading) -> bool {
        match self {
            PickedLogs::All => true,
            PickedLogs::OfTheTime => match rolled(rest) {
                None => true,
                Some(hour) => {
                    let around = |time: i64| time / 3_600_000;
                    reading.began.is_none_or(|began| hour >= around(began) - 1)
                        && reading.ended.is_none_or(|ended| hour <= around(ended) + 1)
                }
            },
            PickedLogs::Executors(numbers) => {
                rest.split('/').nth(1).is_some_and(|number| numbers.contains(number))
                    && reading_of_the_time(rest, reading)
            }
        }
    }
}

fn reading_of_the_time(rest: &str, reading: &DatabricksReading) -> bool {
    PickedLogs::OfTheTime.takes(rest, reading)
}

/// The hour, counted from 1970, that the name of a rolled log says: `log4j-2026-11-02-04.log.gz`, `stderr--2026-11-02--04-00`.
fn rolled(name: &str) -> Option<i64> {
    let name = name.rsplit('/').next().unwrap_or(name);
    let digits = |from: usize, length: usize| -> Option<i64> { name.get(from..from + length)?.parse().ok() };
    for (at, _) in name.match_indices("20") {
        let text = name.get(at..at + 10)?;
        let Ok(day) = text.parse::<jiff::civil::Date>() else { continue };
        let after = name.get(at + 10..)?.bytes().take_while(|b| *b == b'-').count();
        let hour = digits(at + 10 + after, 2).filter(|hour| *hour < 24)?;
        let start = day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
        return Some(start.as_second() / 3600 + hour);
    }
    None
}

fn next_page(answer: &Value) -> Option<String> {
    answer["next_page_token"].as_str().filter(|token| !token.is_empty()).map(str::to_owned)
}

/// Where the logs of a cluster go.
fn destination(spec: &Value) -> Option<String> {
    let conf = spec.get("cluster_log_conf")?.as_object()?;
    conf.values().find_map(|place| place["destination"].as_str()).map(str::to_owned)
}

fn says_library(book: &FailureBook) -> bool {
    book.all().clues.iter().any(|clue| clue.text.to_ascii_lowercase().contains("librar"))
}

/// Whether a run is still going.
pub(super) fn is_active(run: &Value) -> bool {
    let state = run.pointer("/status/state").or_else(|| run.pointer("/state/life_cycle_state")).and_then(Value::as_str);
    matches!(
        state,
        Some("PENDING" | "RUNNING" | "QUEUED" | "WAITING" | "BLOCKED" | "WAITING_FOR_RETRY" | "TERMINATING")
    )
}

/// Whether a run, or a task of one, ended well: what was left out on purpose did.
pub(super) fn is_green(run: &Value) -> bool {
    let result = run.pointer("/state/result_state").and_then(Value::as_str);
    let code = run.pointer("/status/termination_details/code").and_then(Value::as_str);
    match (result, code) {
        (Some(result), _) => matches!(result, "SUCCESS" | "SUCCESS_WITH_FAILURES" | "EXCLUDED" | "DISABLED"),
        (None, Some(code)) => code == "SUCCESS",
        (None, None) => run.pointer("/state/life_cycle_state").and_then(Value::as_str) == Some("SKIPPED"),
    }
}

/// The last attempt of each task that failed by itself: those that never began because of another one are left out, unless
/// there are no others.
fn failed_tasks(run: &Value, only: Option<&str>) -> Vec<Value> {
    let mut last: BTreeMap<String, &Value> = BTreeMap::new();
    let tasks = run["iterations"].as_array().into_iter().chain(run["tasks"].as_array()).flatten();
    for task in tasks {
        // Iterations share their key; each is a task of its own.
        let is_iteration =
            run["iterations"].as_array().is_some_and(|all| all.iter().any(|each| std::ptr::eq(each, task)));
        let key = task["task_key"].as_str().unwrap_or_default();
        if only.is_some_and(|only| only != key) {
            continue;
        }
        let key = if is_iteration { format!("{key}/{}", task["run_id"]) } else { key.to_owned() };
        let attempt = |task: &Value| (task["attempt_number"].as_i64(), task["start_time"].as_i64());
        if last.get(&key).is_none_or(|known| attempt(known) <= attempt(task)) {
            last.insert(key, task);
        }
    }
    let failed: Vec<&Value> = last.into_values().filter(|task| !is_green(task) && !is_active(task)).collect();
    let result =
        |task: &Value| task.pointer("/state/result_state").and_then(Value::as_str).unwrap_or_default().to_owned();
    let by_itself = |task: &&&Value| !result(task).starts_with("UPSTREAM_") && result(task) != "SKIPPED";
    let mut own: Vec<Value> = failed.iter().filter(by_itself).map(|task| (**task).clone()).collect();
    if own.is_empty() {
        own = failed.into_iter().cloned().collect();
    }
    // A run without tasks is its own only one.
    if own.is_empty() && run["tasks"].as_array().is_none_or(Vec::is_empty) && !is_green(run) {
        own.push(run.clone());
    }
    own.sort_by_key(|task| (task["start_time"].as_i64().filter(|at| *at > 0), task["run_id"].as_u64()));
    own
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rolled_logs_are_those_of_their_hour() {
        assert_eq!(rolled("log4j-2026-11-02-04.log.gz"), Some(rolled("stderr--2026-11-02--04-00").unwrap()));
        assert_eq!(rolled("log4j-1970-01-02-04.log.gz"), None);
        assert_eq!(rolled("log4j-active.log"), None);
        assert_eq!(rolled("stdout"), None);
        let hour = "2026-11-02T04:00:00Z".parse::<Timestamp>().unwrap().as_second() / 3600;
        assert_eq!(rolled("driver/log4j-2026-11-02-04.log.gz"), Some(hour));
    }

    #[test]
    fn the_last_attempt_of_each_task_counts() {
        let task = |key: &str, run_id: u64, attempt: u64, result: &str| {
            json!({
                "task_key": key, "run_id": run_id, "attempt_number": attempt, "start_time": run_id,
                "state": {"life_cycle_state": "TERMINATED", "result_state": result},
            })
        };
        let run = json!({"run_id": 1, "tasks": [
            task("a", 2, 0, "FAILED"), task("a", 3, 1, "SUCCESS"),
            task("b", 4, 0, "FAILED"), task("b", 5, 1, "TIMEDOUT"),
            task("c", 6, 0, "UPSTREAM_FAILED"), task("d", 7, 0, "EXCLUDED"),
        ]});
        let ids = |only| failed_tasks(&run, only).iter().map(|t| t["run_id"].as_u64().unwrap()).collect::<Vec<_>>();
        assert_eq!(ids(None), [5]);
        assert_eq!(ids(Some("c")), [6]);
        let single = json!({"run_id": 9, "state": {"result_state": "FAILED"}});
        assert_eq!(failed_tasks(&single, None).len(), 1);
    }
}
