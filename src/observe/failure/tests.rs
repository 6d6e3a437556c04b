//! Reading, against services and stores in memory: what is asked, in which order, how much of it, and what is noted.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::services::fake::{Fake, FakeAnswer, not_found, refused};
use bytes::Bytes;
use plumb_model::call::{Answer, Call, Sending, Service};
use serde_json::{Value, json};
use std::sync::Mutex;

/// Files in memory, by key; what was opened.
struct MemoryLogs {
    place: String,
    files: BTreeMap<String, Vec<u8>>,
    opened: Mutex<Vec<String>>,
    refuse: Option<u16>,
}

impl MemoryLogs {
    fn new(place: &str, files: &[(&str, &str)]) -> Arc<MemoryLogs> {
        let files = files.iter().map(|(key, text)| ((*key).to_owned(), text.as_bytes().to_vec())).collect();
        Arc::new(MemoryLogs { place: place.to_owned(), files, opened: Mutex::default(), refuse: None })
    }

    fn opened(&self) -> Vec<String> {
        let mut opened = self.opened.lock().unwrap().clone();
        opened.sort();
        opened
    }
}

struct MemoryBytes(Vec<Bytes>);

impl LogBytes for MemoryBytes {
    fn next(&mut self) -> Storing<'_, Option<Bytes>> {
        Box::pin(async { Ok(self.0.pop()) })
    }
}

impl LogStore for MemoryLogs {
    fn list<'a>(&'a self, prefix: &'a str, most: usize) -> Storing<'a, LogListing> {
        Box::pin(async move {
            if let Some(status) = self.refuse {
                return Err(refused(status, "AccessDenied"));
            }
            let found = self.files.iter().filter(|(key, _)| key.starts_with(prefix));
            let mut logs: Vec<StoredLog> =
                found.map(|(key, text)| StoredLog { key: key.clone(), size: text.len() as u64 }).collect();
            let cut = logs.len() > most;
            logs.truncate(most);
            Ok(LogListing { logs, cut, requests: 1 })
        })
    }

    fn open<'a>(&'a self, log: &'a StoredLog) -> Storing<'a, Box<dyn LogBytes>> {
        Box::pin(async move {
            self.opened.lock().unwrap().push(log.key.clone());
            let text = self.files.get(&log.key).cloned().ok_or_else(not_found)?;
            // In pieces that end anywhere, the last one first.
            let mut pieces: Vec<Bytes> = text.chunks(7).map(Bytes::copy_from_slice).collect();
            pieces.reverse();
            Ok(Box::new(MemoryBytes(pieces)) as Box<dyn LogBytes>)
        })
    }

    fn place(&self, key: &str) -> String {
        format!("{}{key}", self.place)
    }

    fn right(&self, key: &str, listing: bool) -> String {
        if listing {
            "s3:ListBucket on arn:aws:s3:::b".to_owned()
        } else {
            format!("s3:GetObject on arn:aws:s3:::b/{key}")
        }
    }
}

/// A service that is both at once, by the paths of calls.
struct World {
    fake: Arc<Fake>,
    store: Arc<MemoryLogs>,
}

impl World {
    fn new(store: Arc<MemoryLogs>, answer: impl Fn(&str, &Value) -> FakeAnswer + Send + Sync + 'static) -> World {
        let fake = Fake::new(move |call: &Call| {
            let line = call.line();
            let body = call.body.clone().unwrap_or(Value::Null);
            answer(line.split_once(' ').unwrap().1, &body)
        });
        World { fake, store }
    }

    fn services(&self) -> FailureServices {
        let mut services = Services::default();
        for system in [System::Databricks, System::Airflow, System::Emr] {
            services = services.with(system, self.fake.clone(), Requests::default());
        }
        let store = self.store.clone();
        let mut services =
            FailureServices::new(services, None).with_stores(Arc::new(move |_| Ok(store.clone() as Arc<dyn LogStore>)));
        services.workspace = Some("https://acme.cloud.databricks.com".to_owned());
        services
    }

    async fn read(&self, run: FailedRun, all: bool) -> RunFacts {
        self.try_read(run, all, 2 << 30).await.unwrap()
    }

    async fn try_read(&self, run: FailedRun, all: bool, most: u64) -> Result<RunFacts, ServiceError> {
        let now = "2026-11-02T05:12:00Z".parse().unwrap();
        let options = FailureOptions { all, most, zone: TimeZone::UTC, now, failed: false };
        read_run(Arc::new(Catalogue::builtin().unwrap()), self.services(), options, run).await
    }

    fn asked(&self) -> Vec<String> {
        self.fake.asked().iter().map(|call| call.path.clone()).collect()
    }
}

/// The Unix time of a moment of the night, in milliseconds.
fn at(time: &str) -> i64 {
    format!("2026-11-02T{time}Z").parse::<Timestamp>().unwrap().as_millisecond()
}

fn state(result: &str) -> Value {
    json!({"life_cycle_state": "TERMINATED", "result_state": result, "state_message": ""})
}

fn run_of_two_tasks() -> Value {
    let cluster = json!({"cluster_log_conf": {"s3": {"destination": "s3://b/clusters"}}});
    json!({
        "run_id": 88120, "job_id": 7, "run_name": "audience-aggregate", "state": state("FAILED"),
        "start_time": at("02:13:00"), "end_time": at("04:51:00"),
        "job_clusters": [{"job_cluster_key": "main", "new_cluster": cluster}],
        "tasks": [
            {"task_key": "a", "run_id": 88121, "state": state("SUCCESS"), "job_cluster_key": "main",
             "cluster_instance": {"cluster_id": "1102-0213-ok"}},
            {"task_key": "b", "run_id": 88122, "state": state("FAILED"), "job_cluster_key": "main",
             "cluster_instance": {"cluster_id": "1102-0213-bad"}, "start_time": at("03:00:00")},
            {"task_key": "c", "run_id": 88123, "state": state("UPSTREAM_FAILED"), "job_cluster_key": "main"},
        ],
    })
}

fn workspace(path: &str, _body: &Value) -> FakeAnswer {
    match path.split('?').next().unwrap() {
        "/api/2.2/jobs/runs/get" => Ok(run_of_two_tasks()),
        "/api/2.2/jobs/runs/get-output" => Ok(json!({"error": "boom", "metadata": {"run_id": 88122}})),
        "/api/2.1/clusters/events" => Ok(json!({"events": []})),
        "/api/2.1/clusters/get" => Ok(json!({"cluster_id": "1102-0213-bad", "state": "TERMINATED"})),
        _ => Err(not_found()),
    }
}

fn databricks_logs() -> Arc<MemoryLogs> {
    MemoryLogs::new(
        "s3://b/",
        &[
            ("clusters/1102-0213-bad/driver/stderr", "x\n"),
            ("clusters/1102-0213-bad/driver/stdout", "x\n"),
            ("clusters/1102-0213-bad/driver/log4j-active.log", "x\n"),
            ("clusters/1102-0213-bad/driver/log4j-2026-11-02-03.log.gz", "x\n"),
            ("clusters/1102-0213-bad/driver/log4j-2026-11-01-03.log.gz", "x\n"),
            ("clusters/1102-0213-bad/executor/app-1/5/stderr", "x\n"),
            ("clusters/1102-0213-ok/driver/stderr", "x\n"),
            ("clusters/1102-0213-badly/driver/stderr", "x\n"),
        ],
    )
}

fn databricks() -> FailedRun {
    FailedRun::Databricks { run_id: 88120, task: None }
}

#[tokio::test]
async fn of_a_run_only_what_failed_is_asked_about() {
    let world = World::new(databricks_logs(), workspace);
    let facts = world.read(databricks(), false).await;
    let asked = world.fake.asked();
    let outputs: Vec<String> = asked.iter().filter(|c| c.path.ends_with("get-output")).map(Call::line).collect();
    assert_eq!(outputs, ["GET /api/2.2/jobs/runs/get-output?run_id=88122"]);
    let events = asked.iter().find(|c| c.path.ends_with("events")).unwrap().body.clone().unwrap();
    assert_eq!(events["cluster_id"], "1102-0213-bad");
    assert_eq!(events["order"], "ASC");
    assert!(
        events["start_time"].as_i64().unwrap() < at("02:13:00") && events["end_time"].as_i64() > Some(at("04:51:00"))
    );
    assert!(asked.iter().all(|call| call.repeatable), "all of them only read");
    assert_eq!((facts.subject.name.as_str(), facts.subject.run.as_deref()), ("audience-aggregate", Some("88120")));
    assert!(facts.read.requests <= 40, "{}", facts.read.requests);
}

#[tokio::test]
async fn of_the_logs_those_of_the_time_are_read_unless_all_are_asked_for() {
    let world = World::new(databricks_logs(), workspace);
    world.read(databricks(), true).await;
    let opened = world.store.opened();
    let all: Vec<&str> = world.store.files.keys().filter(|key| key.contains("-bad/")).map(String::as_str).collect();
    assert_eq!(opened, all);

    // The ring of the driver alone.
    let world = World::new(databricks_logs(), workspace);
    let options =
        FailureOptions { all: false, most: 1 << 20, zone: TimeZone::UTC, now: Timestamp::UNIX_EPOCH, failed: false };
    let mut book = FailureBook::new(Arc::new(Catalogue::builtin().unwrap()), world.services(), options);
    let mut layer = DatabricksReading::new(88120, None);
    layer.read(&mut book, Ring::Answers, &Wanted::default()).await.unwrap();
    layer.read(&mut book, Ring::Driver, &Wanted::default()).await.unwrap();
    let driver: Vec<String> = world.store.opened();
    assert_eq!(driver.len(), 4, "{driver:?}");
    assert!(!driver.iter().any(|key| key.contains("2026-11-01") || key.contains("executor")), "{driver:?}");
    let wanted = Wanted { executors: vec!["5".into()], ..Wanted::default() };
    layer.read(&mut book, Ring::Executors, &wanted).await.unwrap();
    assert!(world.store.opened().iter().any(|key| key.ends_with("executor/app-1/5/stderr")));
    assert!(book.facts.read.requests <= 40 && book.facts.read.files == 5, "{:?}", book.facts.read);
}

#[tokio::test]
async fn what_is_refused_is_noted_with_what_it_takes() {
    let world = World::new(databricks_logs(), |path, body| {
        if path.contains("get-output") || path.contains("clusters") {
            Err(refused(403, "PERMISSION_DENIED"))
        } else {
            workspace(path, body)
        }
    });
    let facts = world.read(databricks(), false).await;
    let remedies: Vec<&str> = facts.missing.iter().filter_map(|missing| missing.remedy.as_deref()).collect();
    assert!(remedies.contains(&"it takes CAN_VIEW on the job"), "{:?}", facts.missing);
    assert!(remedies.iter().any(|remedy| remedy.contains("CAN_ATTACH_TO")), "{:?}", facts.missing);

    let gone = World::new(databricks_logs(), |_, _| Err(not_found()));
    assert!(gone.try_read(databricks(), false, 1).await.is_err(), "the run itself has to be there");
}

#[tokio::test]
async fn a_run_that_is_still_going_is_not_asked_for_what_failed() {
    let world = World::new(databricks_logs(), |path, body| {
        let mut answer = workspace(path, body)?;
        answer["state"] = json!({"life_cycle_state": "RUNNING"});
        Ok(answer)
    });
    world.read(databricks(), false).await;
    assert_eq!(world.asked(), ["/api/2.2/jobs/runs/get"]);
}

#[tokio::test]
async fn a_bound_leaves_out_the_largest_and_says_so() {
    let large = "x".repeat(500);
    let store = MemoryLogs::new(
        "s3://b/",
        &[("clusters/1102-0213-bad/driver/stderr", &large), ("clusters/1102-0213-bad/driver/stdout", "x\n")],
    );
    let world = World::new(store, workspace);
    let facts = world.try_read(databricks(), true, 100).await.unwrap();
    assert_eq!(world.store.opened(), ["clusters/1102-0213-bad/driver/stdout"]);
    let missing = facts.missing.iter().find(|missing| missing.why.contains("at most")).unwrap();
    assert!(missing.what.ends_with("1102-0213-bad/driver/stderr"), "{missing:?}");
}

fn emr(path: &str, _body: &Value) -> FakeAnswer {
    let step = json!({
        "Id": "s-1K2LABCDE", "Name": "aggregate",
        "Status": {"State": "FAILED", "Timeline": {"StartDateTime": "2026-11-02T04:00:00Z", "EndDateTime": "2026-11-02T05:10:00Z"}},
    });
    match path.rsplit('/').next().unwrap() {
        "DescribeCluster" => Ok(json!({"Cluster": {
            "Id": "j-2A7Q4M1N9KPLF", "Name": "audience", "LogUri": "s3n://b/logs/", "MasterPublicDnsName": "ip-10-61-2-1",
            "Status": {"State": "TERMINATED", "StateChangeReason": {}},
        }})),
        "ListSteps" => Ok(json!({"Steps": [step]})),
        "DescribeStep" => Ok(json!({"Step": step})),
        "ListInstances" => Ok(json!({"Instances": [
            {"Ec2InstanceId": "i-01", "PrivateDnsName": "ip-10-61-2-1", "PrivateIpAddress": "10.61.2.1"},
            {"Ec2InstanceId": "i-02", "PrivateDnsName": "ip-10-61-2-14", "PrivateIpAddress": "10.61.2.14"},
        ]})),
        _ => Err(not_found()),
    }
}

const APP: &str = "application_1700176509758_0001";

fn emr_logs() -> Arc<MemoryLogs> {
    let submitted = format!("26/11/02 04:01:00 INFO Client: Submitted application {APP}\n");
    let container = |attempt: u32, number: u32, file: &str| {
        format!("logs/j-2A7Q4M1N9KPLF/containers/{APP}/container_1700176509758_0001_{attempt:02}_{number:06}/{file}.gz")
    };
    let mut files = vec![
        ("logs/j-2A7Q4M1N9KPLF/steps/s-1K2LABCDE/stderr.gz".to_owned(), submitted),
        ("logs/j-2A7Q4M1N9KPLF/steps/s-1K2LABCDE/controller.gz".to_owned(), "x\n".to_owned()),
        ("logs/j-2A7Q4M1N9KPLF/steps/s-OTHERSTEP/stderr.gz".to_owned(), "x\n".to_owned()),
    ];
    for attempt in [1, 2] {
        for number in [1, 2, 11] {
            files.push((container(attempt, number, "stderr"), "x\n".to_owned()));
            files.push((container(attempt, number, "stdout"), "x\n".to_owned()));
        }
    }
    let node = "logs/j-2A7Q4M1N9KPLF/node";
    for file in [
        "i-02/daemons/instance-state/instance-state.log-2026-11-02-04-30.gz",
        "i-02/daemons/instance-state/instance-state.log-2026-11-01-04-30.gz",
        "i-02/applications/hadoop-yarn/yarn-yarn-nodemanager-ip-10-61-2-14.log.gz",
        "i-02/applications/hadoop-hdfs/hadoop-hdfs-datanode-ip-10-61-2-14.log.gz",
        "i-01/applications/hadoop-yarn/yarn-yarn-resourcemanager-ip-10-61-2-1.log.gz",
    ] {
        files.push((format!("{node}/{file}"), "x\n".to_owned()));
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(key, text)| (key.as_str(), text.as_str())).collect();
    MemoryLogs::new("s3://b/", &files)
}

fn step() -> FailedRun {
    FailedRun::Emr { cluster: "j-2A7Q4M1N9KPLF".into(), step: Some("s-1K2LABCDE".into()) }
}

async fn layer_of_emr(world: &World, run: FailedRun, wanted: &Wanted, to: Ring) -> FailureBook {
    let now = "2026-11-02T05:12:00Z".parse().unwrap();
    let options = FailureOptions { all: false, most: 1 << 20, zone: TimeZone::UTC, now, failed: false };
    let mut book = FailureBook::new(Arc::new(Catalogue::builtin().unwrap()), world.services(), options);
    let mut layer = LayerReading::of(run);
    for ring in RINGS.into_iter().take_while(|ring| *ring <= to) {
        layer.read(&mut book, ring, wanted).await.unwrap();
    }
    book
}

#[tokio::test]
async fn a_step_leads_to_its_application_and_the_driver_of_every_attempt() {
    let world = World::new(emr_logs(), emr);
    let book = layer_of_emr(&world, step(), &Wanted::default(), Ring::Driver).await;
    let opened = world.store.opened();
    let drivers = opened.iter().filter(|key| key.contains("_000001/")).count();
    assert_eq!((drivers, opened.len()), (4, 6), "{opened:?}");
    assert!(!opened.iter().any(|key| key.contains("s-OTHERSTEP")), "{opened:?}");
    assert_eq!(book.facts.subject.run.as_deref(), Some("j-2A7Q4M1N9KPLF/s-1K2LABCDE"));
    assert!(book.facts.read.requests <= 40, "{:?}", book.facts.read);
}

#[tokio::test]
async fn containers_and_nodes_are_those_that_are_named_around_the_time() {
    let world = World::new(emr_logs(), emr);
    let wanted = Wanted {
        containers: vec!["container_1700176509758_0001_02_000011".into()],
        hosts: vec!["10.61.2.14".into()],
        ..Wanted::default()
    };
    let book = layer_of_emr(&world, step(), &wanted, Ring::Nodes).await;
    let opened = world.store.opened();
    let has = |part: &str| opened.iter().filter(|key| key.contains(part)).count();
    assert_eq!((has("_02_000011/"), has("_01_000011/"), has("_000002/")), (2, 0, 0), "{opened:?}");
    assert_eq!((has("2026-11-02-04-30"), has("2026-11-01"), has("nodemanager"), has("datanode")), (1, 0, 1, 0));
    assert_eq!(has("resourcemanager"), 1);
    assert!(book.facts.read.requests <= 40, "{:?}", book.facts.read);
}

#[tokio::test]
async fn logs_that_are_not_there_yet_are_said_to_come() {
    let world = World::new(MemoryLogs::new("s3://b/", &[]), emr);
    let book = layer_of_emr(&world, step(), &Wanted::default(), Ring::Driver).await;
    let missing = &book.facts.missing[0];
    assert!(missing.why.contains("about 5 minutes after the end, and it ended 2 minutes ago"), "{missing:?}");
    assert!(missing.what.starts_with("s3://b/logs/j-2A7Q4M1N9KPLF/steps/s-1K2LABCDE/"), "{missing:?}");
}

#[tokio::test]
async fn a_bucket_and_a_call_that_are_refused_are_noted() {
    let mut store = MemoryLogs::new("s3://b/", &[]);
    Arc::get_mut(&mut store).unwrap().refuse = Some(403);
    let world = World::new(store, |path, body| {
        if path.ends_with("ListInstances") { Err(refused(400, "AccessDeniedException")) } else { emr(path, body) }
    });
    let book = layer_of_emr(&world, step(), &Wanted::default(), Ring::Driver).await;
    let remedies: Vec<&str> = book.facts.missing.iter().filter_map(|missing| missing.remedy.as_deref()).collect();
    assert!(remedies.contains(&"it takes elasticmapreduce:ListInstances"), "{remedies:?}");
    assert!(remedies.contains(&"it takes s3:ListBucket on arn:aws:s3:::b"), "{remedies:?}");
}

fn airflow_of(log: &'static str) -> impl Fn(&str, &Value) -> FakeAnswer {
    move |path, body| {
        let path = path.split('?').next().unwrap();
        if path.ends_with("/taskInstances") {
            let task = |id: &str, state: &str, number: u32| json!({"task_id": id, "state": state, "try_number": number, "map_index": -1});
            let tasks = [task("wait", "success", 1), task("run", "failed", 2), task("after", "upstream_failed", 0)];
            return Ok(json!({"task_instances": tasks, "total_entries": 3}));
        }
        if path.contains("/logs/") {
            return Ok(json!({"content": [{"event": log, "level": "error"}], "continuation_token": null}));
        }
        if path.ends_with("/xcomEntries") {
            return Ok(json!({"xcom_entries": [{"key": "run_id"}, {"key": "other"}], "total_entries": 2}));
        }
        if path.ends_with("/xcomEntries/run_id") {
            return Ok(json!({"key": "run_id", "value": "88120"}));
        }
        match path {
            "/api/v2/dags/audience/dagRuns/scheduled__1" => {
                Ok(json!({"dag_run_id": "scheduled__1", "state": "failed"}))
            }
            _ if path.starts_with("/elasticmapreduce") => emr(path, body),
            _ => workspace(path, body),
        }
    }
}

fn dag_run() -> FailedRun {
    FailedRun::Airflow { dag: "audience".into(), run: "scheduled__1".into(), task: None, try_number: None }
}

#[tokio::test]
async fn an_airflow_task_leads_to_the_run_that_its_log_names() {
    let log = "View run status, Spark UI, and logs at https://acme.cloud.databricks.com/?o=1#job/7/run/88120";
    let world = World::new(databricks_logs(), airflow_of(log));
    let facts = world.read(dag_run(), false).await;
    let asked = world.asked();
    assert!(asked.iter().any(|path| path.ends_with("/taskInstances/run/logs/2")), "{asked:?}");
    assert!(asked.contains(&"/api/2.2/jobs/runs/get".to_owned()), "{asked:?}");
    assert!(!asked.iter().any(|path| path.contains("xcom")), "the log says it: {asked:?}");
    assert_eq!((facts.subject.name.as_str(), facts.subject.system.as_str()), ("audience", "airflow"));
    assert!(facts.read.requests <= 40, "{}", facts.read.requests);
}

#[tokio::test]
async fn what_no_log_names_is_in_an_xcom() {
    let world = World::new(databricks_logs(), airflow_of("nothing"));
    world.read(dag_run(), false).await;
    let asked = world.asked();
    assert!(asked.iter().any(|path| path.ends_with("/xcomEntries/run_id")), "{asked:?}");
    assert!(!asked.iter().any(|path| path.ends_with("/xcomEntries/other")), "{asked:?}");
    assert!(asked.contains(&"/api/2.2/jobs/runs/get".to_owned()), "{asked:?}");
}

#[tokio::test]
async fn a_step_that_a_task_waits_for_is_read() {
    let world = World::new(emr_logs(), airflow_of("EMR job failed for s-1K2LABCDE of j-2A7Q4M1N9KPLF"));
    world.read(dag_run(), true).await;
    assert!(world.asked().contains(&"/elasticmapreduce/DescribeStep".to_owned()), "{:?}", world.asked());
    assert!(world.store.opened().iter().any(|key| key.contains("_02_000001/stdout")));
}

#[tokio::test]
async fn a_run_of_another_workspace_is_not_asked_for() {
    let world = World::new(databricks_logs(), airflow_of("https://other.cloud.databricks.com/#job/7/run/88120"));
    let facts = world.read(dag_run(), false).await;
    assert!(!world.asked().contains(&"/api/2.2/jobs/runs/get".to_owned()));
    let missing = facts.missing.iter().find(|missing| missing.what.contains("other.cloud")).unwrap();
    assert!(missing.why.contains("acme.cloud.databricks.com"), "{missing:?}");
}

#[tokio::test]
async fn a_prefix_with_very_many_files_is_looked_at_up_to_a_bound() {
    let files: Vec<(String, String)> = (0..20_050).map(|n| (format!("p/{n:06}.log"), "x\n".to_owned())).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(key, text)| (key.as_str(), text.as_str())).collect();
    let world = World::new(MemoryLogs::new("s3://b/", &files), |_, _| Err(not_found()));
    let run = FailedRun::Prefix { bucket: "b".into(), prefix: "p/".into() };
    let facts = world.try_read(run, false, 100).await.unwrap();
    assert!(
        facts.missing.iter().any(|missing| missing.why.contains("only the first 20000 files")),
        "{:?}",
        facts.missing
    );
    assert_eq!(world.store.opened().len(), 50);
    assert_eq!(facts.subject.name, "s3://b/p/");
}

/// A service that answers DBFS reads in blocks.
struct Blocks(Vec<u8>);

impl Service for Blocks {
    fn send<'a>(&'a self, call: &'a Call) -> Sending<'a> {
        use base64::Engine;
        Box::pin(async move {
            let asked = |name: &str| call.query.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone());
            let body = if call.path.ends_with("/read") {
                let from = asked("offset").unwrap().parse::<usize>().unwrap().min(self.0.len());
                let to = (from + asked("length").unwrap().parse::<usize>().unwrap()).min(self.0.len());
                json!({"bytes_read": to - from, "data": base64::prelude::BASE64_STANDARD.encode(&self.0[from..to])})
            } else {
                match asked("path").unwrap().as_str() {
                    "/logs/c" => json!({"files": [
                        {"path": "/logs/c/driver", "is_dir": true, "file_size": 0},
                        {"path": "/elsewhere", "is_dir": true, "file_size": 0},
                    ]}),
                    "/logs/c/driver" => {
                        json!({"files": [{"path": "/logs/c/driver/stderr", "is_dir": false, "file_size": 9}]})
                    }
                    other => panic!("{other}"),
                }
            };
            Ok(Answer { status: 200, body, request_id: None })
        })
    }
}

#[tokio::test]
async fn dbfs_is_walked_and_read_by_blocks() {
    let text: Vec<u8> = (0..(5 << 19)).map(|n| (n % 251) as u8).collect();
    let store = DbfsLogs { service: Arc::new(Blocks(text.clone())) };
    let listed = store.list("/logs/c/", 10).await.unwrap();
    assert_eq!(listed.logs, [StoredLog { key: "/logs/c/driver/stderr".into(), size: 9 }]);
    let mut body = store.open(&listed.logs[0]).await.unwrap();
    let mut read = Vec::new();
    while let Some(piece) = body.next().await.unwrap() {
        read.extend_from_slice(&piece);
    }
    assert_eq!((read == text, body.requests()), (true, 3));
}
