//! A step or a cluster of EMR, and a job run of EMR Serverless: their states and reasons, and the logs below `LogUri`.
//!
//! Facts: botocore's service models `emr/2009-03-31` and `emr-serverless/2021-07-13`; where logs are (EMR management guide, "View
//! log files": `CLUSTER/{steps,containers,node}/…`, written about five minutes after an end; EMR Serverless user guide, "Storing
//! logs": `applications/APPLICATION/jobs/JOBRUN/{SPARK_DRIVER,SPARK_EXECUTOR/N}/…`).

use super::book::{FailureBook, MOST_LISTED};
use super::key_of;
use super::logs::NamedLog;
use super::store::{LogStore, StoredLog};
use jiff::{SignedDuration, Timestamp};
use plumb_core::diagnose::facts::NameRelation;
use plumb_core::diagnose::next::{Ring, Wanted};
use plumb_core::kinds::emr::api::{operation, time};
use plumb_model::call::{Call, ServiceError, System};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How many pages of a listing are read: of instances, 2,000 at most a page.
const MOST_PAGES: usize = 20;
/// How long after an end EMR may still be writing logs, in seconds.
const DELIVERY: i64 = 5 * 60;
/// How far from what happened the daemons' logs of a node are read: half an hour before an hour's file was rolled to after it.
const AROUND: SignedDuration = SignedDuration::from_mins(70);
/// Of how many containers, nodes and failed steps the logs are read.
const MOST_CONTAINERS: usize = 8;
const MOST_NODES: usize = 4;
const MOST_STEPS: usize = 3;

/// What YARN lays beside a container's logs, and is none.
const NO_LOGS: [&str; 3] = ["prelaunch.out", "launch_container.sh", "directory.info"];

/// What is read of a cluster.
pub(super) struct EmrReading {
    cluster: String,
    /// The steps that failed; the one that was asked for.
    steps: Vec<String>,
    asked: Option<String>,
    logs: Option<EmrLogs>,
    /// `i-…` by every name of the node.
    nodes: BTreeMap<String, String>,
    primary: BTreeSet<String>,
    began: Option<Timestamp>,
    ended: Option<Timestamp>,
}

/// The logs of a cluster.
struct EmrLogs {
    store: Arc<dyn LogStore>,
    /// What all keys begin with, before `j-…`.
    root: String,
    /// Listings by prefix: each is asked for once.
    listed: BTreeMap<String, Vec<StoredLog>>,
}

impl EmrLogs {
    async fn list(&mut self, book: &mut FailureBook, below: &str) -> Vec<StoredLog> {
        let prefix = format!("{}{below}", self.root);
        if let Some(listed) = self.listed.get(&prefix) {
            return listed.clone();
        }
        let mut listed = book.list(&*self.store, &prefix, MOST_LISTED).await;
        listed.retain(|log| !NO_LOGS.contains(&plain_name(&log.key)));
        self.listed.insert(prefix, listed.clone());
        listed
    }

    async fn read(&self, book: &mut FailureBook, logs: Vec<StoredLog>) {
        let name = |log: &StoredLog| log.key.strip_prefix(&self.root).unwrap_or(&log.key).to_owned();
        let named = logs.into_iter().map(|stored| NamedLog { name: name(&stored), stored }).collect();
        book.read(&self.store, named).await;
    }
}

/// A file's name without `.gz`.
fn plain_name(key: &str) -> &str {
    let name = key.rsplit('/').next().unwrap_or(key);
    name.strip_suffix(".gz").unwrap_or(name)
}

impl EmrReading {
    pub fn new(cluster: String, step: Option<String>) -> EmrReading {
        let steps = step.iter().cloned().collect();
        let (nodes, primary) = (BTreeMap::new(), BTreeSet::new());
        EmrReading { cluster, steps, asked: step, logs: None, nodes, primary, began: None, ended: None }
    }

    pub async fn read(&mut self, book: &mut FailureBook, ring: Ring, wanted: &Wanted) -> Result<(), ServiceError> {
        if ring == Ring::Answers {
            return self.answers(book).await;
        }
        let Some(mut logs) = self.logs.take() else { return Ok(()) };
        match ring {
            Ring::Answers => {}
            Ring::Driver => self.driver(book, &mut logs).await,
            Ring::Executors => self.executors(book, &mut logs, wanted).await,
            Ring::Nodes => self.nodes(book, &mut logs, wanted).await,
            Ring::Everything => {
                let all = logs.list(book, &format!("{}/", self.cluster)).await;
                logs.read(book, all).await;
            }
        }
        self.logs = Some(logs);
        Ok(())
    }

    async fn answers(&mut self, book: &mut FailureBook) -> Result<(), ServiceError> {
        let id = json!({ "ClusterId": self.cluster });
        let cluster = book.send(&operation("DescribeCluster", id.clone())).await?;
        book.answer(&cluster, "api/describe-cluster");
        self.ended = time(&cluster, "/Cluster/Status/Timeline/EndDateTime");
        let subject = &mut book.facts.subject;
        if subject.name.is_empty() {
            let name = cluster.pointer("/Cluster/Name").and_then(Value::as_str).unwrap_or(&self.cluster);
            subject.name = name.to_owned();
            subject.system = "emr".to_owned();
        }
        let mut named = subject.run.is_none();
        if self.asked.is_none() {
            self.failed_steps(book).await;
        }
        for step in self.steps.clone() {
            let body = json!({ "ClusterId": self.cluster, "StepId": step });
            let call = operation("DescribeStep", body);
            let answer = match &self.asked {
                Some(_) => book.send(&call).await?,
                None => match book.ask(&call, &format!("step {step}")).await {
                    Some(answer) => answer,
                    None => continue,
                },
            };
            book.answer(&answer, "api/describe-step");
            self.began = time(&answer, "/Step/Status/Timeline/StartDateTime").or(self.began);
            self.ended = time(&answer, "/Step/Status/Timeline/EndDateTime").or(self.ended);
            book.applications.extend(applications_in(&answer));
            if named {
                named = false;
                book.facts.subject.run = Some(format!("{}/{step}", self.cluster));
                if let Some(name) = answer.pointer("/Step/Name").and_then(Value::as_str) {
                    let subject = &mut book.facts.subject;
                    subject.name =
                        if self.asked.is_some() { name.to_owned() } else { format!("{}/{name}", subject.name) };
                }
            }
        }
        if named {
            book.facts.subject.run = Some(self.cluster.clone());
        }
        self.instances(book).await;
        let primary = cluster.pointer("/Cluster/MasterPublicDnsName").and_then(Value::as_str);
        self.primary = primary.and_then(|name| self.nodes.get(name)).into_iter().cloned().collect();
        let reason = cluster.pointer("/Cluster/Status/StateChangeReason/Code").and_then(Value::as_str);
        if reason == Some("BOOTSTRAP_FAILURE") {
            let call = operation("ListBootstrapActions", id);
            if let Some(answer) = book.ask(&call, "the bootstrap actions").await {
                book.answer(&answer, "api/list-bootstrap-actions");
            }
        }
        self.open_logs(book, &cluster);
        Ok(())
    }

    /// The steps that failed, newest first, as EMR lists them.
    async fn failed_steps(&mut self, book: &mut FailureBook) {
        let body = json!({ "ClusterId": self.cluster, "StepStates": ["FAILED"] });
        let Some(answer) = book.ask(&operation("ListSteps", body), "the steps").await else { return };
        book.answer(&answer, "api/list-steps");
        let steps = answer["Steps"].as_array().into_iter().flatten();
        self.steps = steps.filter_map(|step| step["Id"].as_str()).take(MOST_STEPS).map(str::to_owned).collect();
    }

    async fn instances(&mut self, book: &mut FailureBook) {
        let mut body = json!({ "ClusterId": self.cluster });
        for _ in 0..MOST_PAGES {
            let call = operation("ListInstances", body.clone());
            let Some(page) = book.ask(&call, "the nodes of the cluster").await else { return };
            book.answer(&page, "api/list-instances");
            for node in page["Instances"].as_array().into_iter().flatten() {
                let Some(id) = node["Ec2InstanceId"].as_str() else { continue };
                self.nodes.insert(id.to_owned(), id.to_owned());
                for name in ["PrivateIpAddress", "PrivateDnsName", "PublicIpAddress", "PublicDnsName"] {
                    if let Some(name) = node[name].as_str().filter(|name| !name.is_empty()) {
                        self.nodes.insert(name.to_owned(), id.to_owned());
                        book.facts.relations.insert(NameRelation::SameHost(id.to_owned(), name.to_owned()));
                    }
                }
            }
            match page["Marker"].as_str().filter(|marker| !marker.is_empty()) {
                Some(marker) => body["Marker"] = json!(marker),
                None => return,
            }
        }
    }

    fn open_logs(&mut self, book: &mut FailureBook, cluster: &Value) {
        let uri = cluster.pointer("/Cluster/LogUri").and_then(Value::as_str).filter(|uri| !uri.is_empty());
        let what = format!("the logs of {}", self.cluster);
        let Some(uri) = uri else {
            let remedy = "give the cluster a LogUri: without one its logs are gone with it".to_owned();
            return book.missing(&what, "the cluster has no LogUri", Some(remedy));
        };
        match book.services.store(uri) {
            Ok(store) => {
                let root = key_of(uri).trim_matches('/');
                let root = if root.is_empty() { String::new() } else { format!("{root}/") };
                self.logs = Some(EmrLogs { store, root, listed: BTreeMap::new() });
            }
            Err(why) => book.missing(&what, &why, None),
        }
    }

    /// The step's own logs, then the driver of every attempt of what it started.
    async fn driver(&mut self, book: &mut FailureBook, logs: &mut EmrLogs) {
        for step in self.steps.clone() {
            let below = format!("{}/steps/{step}/", self.cluster);
            let before = book.facts.missing.len();
            let listed = logs.list(book, &below).await;
            if listed.is_empty() && book.facts.missing.len() == before {
                self.not_there(book, logs, &format!("{below}{{controller,stderr,stdout}}"));
            }
            logs.read(book, listed).await;
        }
        let facts = book.all();
        let clues = facts.clues.iter().filter_map(|clue| clue.subject.application.clone());
        let clued: Vec<String> = clues.filter(|name| name.starts_with("application_")).collect();
        book.applications.extend(clued);
        for application in book.applications.clone() {
            let before = book.facts.missing.len();
            let listed = logs.list(book, &format!("{}/containers/{application}/", self.cluster)).await;
            let drivers: Vec<StoredLog> = listed
                .into_iter()
                .filter(|log| is_driver(&log.key) && plain_name(&log.key) != "prelaunch.out")
                .collect();
            if drivers.is_empty() && book.facts.missing.len() == before {
                let place = format!("{}/containers/{application}/…_000001/{{stderr,stdout}}", self.cluster);
                self.not_there(book, logs, &place);
            }
            logs.read(book, drivers).await;
        }
    }

    fn not_there(&self, book: &mut FailureBook, logs: &EmrLogs, below: &str) {
        let what = logs.store.place(&format!("{}{below}", logs.root));
        match book.ago(self.ended).filter(|ago| (0..DELIVERY).contains(ago)) {
            Some(ago) => {
                let minutes = ago / 60;
                let said = if minutes == 1 { "1 minute".to_owned() } else { format!("{minutes} minutes") };
                let why = format!("EMR writes them about 5 minutes after the end, and it ended {said} ago");
                book.missing(&what, &why, Some("ask again".to_owned()));
            }
            None => book.missing(&what, "there are none", None),
        }
    }

    /// The containers that are named, and those of executors and hosts that are.
    async fn executors(&mut self, book: &mut FailureBook, logs: &mut EmrLogs, wanted: &Wanted) {
        let mut containers: BTreeSet<String> = wanted.containers.iter().cloned().collect();
        for relation in &book.all().relations {
            match relation {
                NameRelation::ContainerOf { container, executor } if wanted.executors.contains(executor) => {
                    containers.insert(container.clone());
                }
                _ => {}
            }
        }
        let mut chosen: Vec<StoredLog> = Vec::new();
        let mut found = BTreeSet::new();
        let names: BTreeSet<String> = wanted
            .applications
            .iter()
            .chain(&book.applications)
            .filter(|a| a.starts_with("application_"))
            .cloned()
            .collect();
        for application in names {
            let listed = logs.list(book, &format!("{}/containers/{application}/", self.cluster)).await;
            for log in listed {
                let container = log.key.split('/').find(|part| part.starts_with("container_")).unwrap_or_default();
                if containers.contains(container) && (found.contains(container) || found.len() < MOST_CONTAINERS) {
                    found.insert(container.to_owned());
                    chosen.push(log);
                }
            }
        }
        for container in containers.difference(&found).take(MOST_CONTAINERS.saturating_sub(found.len())) {
            self.not_there(book, logs, &format!("{}/containers/…/{container}/", self.cluster));
        }
        logs.read(book, chosen).await;
    }

    /// The daemons of the nodes that are named, around the time of the failure; of the cluster's primary node, YARN's own.
    async fn nodes(&mut self, book: &mut FailureBook, logs: &mut EmrLogs, wanted: &Wanted) {
        let ids: BTreeSet<String> = wanted
            .hosts
            .iter()
            .filter_map(|host| self.nodes.get(host).cloned().or_else(|| host.starts_with("i-").then(|| host.clone())))
            .collect();
        let facts = book.all();
        let clues = facts.clues.iter().filter_map(|clue| clue.at);
        let (first, last) = clues.fold((self.ended, self.ended), |(first, last), at| {
            (Some(first.map_or(at, |first| first.min(at))), Some(last.map_or(at, |last: Timestamp| last.max(at))))
        });
        let first = first.max(self.began);
        let is_near = |key: &str| match (hour_of(key), first, last) {
            (Some(hour), Some(first), Some(last)) => hour >= first - AROUND && hour <= last + AROUND,
            _ => true,
        };
        let mut chosen = Vec::new();
        for id in ids.iter().take(MOST_NODES) {
            let listed = logs.list(book, &format!("{}/node/{id}/", self.cluster)).await;
            chosen.extend(listed.into_iter().filter(|log| is_daemon(&log.key) && is_near(&log.key)));
        }
        // The primary's own logs are many: only those of YARN's resource manager are about other nodes.
        for id in self.primary.clone() {
            let listed = logs.list(book, &format!("{}/node/{id}/applications/hadoop-yarn/", self.cluster)).await;
            chosen.extend(listed.into_iter().filter(|log| log.key.contains("resourcemanager") && is_near(&log.key)));
        }
        if ids.is_empty() && facts.clues.iter().any(|clue| &*clue.class == "BOOTSTRAP") {
            let listed = logs.list(book, &format!("{}/node/", self.cluster)).await;
            chosen.extend(listed.into_iter().filter(|log| log.key.contains("/bootstrap-actions/")));
        }
        logs.read(book, chosen).await;
    }
}

/// Whether a key is of the first container of an attempt: the driver in cluster mode, YARN's launcher in client mode.
fn is_driver(key: &str) -> bool {
    key.split('/').any(|part| part.starts_with("container_") && part.ends_with("_000001"))
}

/// Whether a key below `node/i-…/` is of what watches over containers and the node itself.
fn is_daemon(key: &str) -> bool {
    key.contains("nodemanager") || key.contains("/daemons/instance-state/") || key.contains("/bootstrap-actions/")
}

/// The hour that a rolled file's name ends with: `instance-state.log-2026-11-02-04-30.gz`, `….log.2026-11-02-04.gz`.
fn hour_of(key: &str) -> Option<Timestamp> {
    let name = plain_name(key);
    let at = name.rfind("-20").or_else(|| name.rfind(".20"))?;
    let text = name.get(at + 1..)?;
    let (day, rest) = (text.get(..10)?, text.get(10..)?);
    let hour = rest.get(1..3).and_then(|hour| hour.parse::<i8>().ok()).unwrap_or(0);
    let minute = rest.get(4..6).and_then(|minute| minute.parse::<i8>().ok()).unwrap_or(0);
    let day: jiff::civil::Date = day.parse().ok()?;
    let time = jiff::civil::Time::new(hour, minute, 0, 0).ok()?;
    Some(day.to_datetime(time).to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
}

/// The applications that an answer names anywhere: a step's `AdditionalInfo`, a message.
fn applications_in(answer: &Value) -> BTreeSet<String> {
    super::started::applications(&answer.to_string())
}

/// What is read of a job run of EMR Serverless.
pub(super) struct ServerlessReading {
    application: String,
    job_run: String,
    logs: Option<EmrLogs>,
    ended: Option<Timestamp>,
}

impl ServerlessReading {
    pub fn new(application: String, job_run: String) -> ServerlessReading {
        ServerlessReading { application, job_run, logs: None, ended: None }
    }

    pub async fn read(&mut self, book: &mut FailureBook, ring: Ring, wanted: &Wanted) -> Result<(), ServiceError> {
        if ring == Ring::Answers {
            return self.answers(book).await;
        }
        let Some(mut logs) = self.logs.take() else { return Ok(()) };
        let below = format!("applications/{}/jobs/{}/", self.application, self.job_run);
        let before = book.facts.missing.len();
        let listed = logs.list(book, &below).await;
        if listed.is_empty() && book.facts.missing.len() == before && ring == Ring::Driver {
            let place = logs.store.place(&format!("{}{below}", logs.root));
            let ago = book.ago(self.ended).filter(|ago| (0..DELIVERY).contains(ago));
            let remedy = ago.map(|_| "ask again: it ended a few minutes ago".to_owned());
            book.missing(&place, "there are none", remedy);
        }
        let chosen = listed.into_iter().filter(|log| {
            let executor = log.key.split_once("/SPARK_EXECUTOR/").and_then(|(_, rest)| rest.split('/').next());
            match ring {
                Ring::Answers | Ring::Nodes => false,
                Ring::Driver => executor.is_none() && !log.key.contains("/sparklogs/"),
                Ring::Executors => executor.is_some_and(|number| wanted.executors.iter().any(|each| each == number)),
                Ring::Everything => true,
            }
        });
        let chosen = chosen.collect();
        logs.read(book, chosen).await;
        self.logs = Some(logs);
        Ok(())
    }

    async fn answers(&mut self, book: &mut FailureBook) -> Result<(), ServiceError> {
        let path = format!("/emr-serverless/applications/{}/jobruns/{}", self.application, self.job_run);
        let answer = book.send(&Call::get(System::Emr, path)).await?;
        book.answer(&answer, "api/get-job-run");
        let subject = &mut book.facts.subject;
        if subject.name.is_empty() {
            subject.name = answer.pointer("/jobRun/name").and_then(Value::as_str).unwrap_or(&self.job_run).to_owned();
            subject.system = "emr".to_owned();
        }
        subject.run.get_or_insert_with(|| format!("{}/{}", self.application, self.job_run));
        self.ended = time(&answer, "/jobRun/endedAt");
        let uri = "/jobRun/configurationOverrides/monitoringConfiguration/s3MonitoringConfiguration/logUri";
        let what = format!("the logs of {}", self.job_run);
        match answer.pointer(uri).and_then(Value::as_str).filter(|uri| !uri.is_empty()) {
            None => {
                let remedy = "set s3MonitoringConfiguration.logUri of the job run".to_owned();
                book.missing(
                    &what,
                    "EMR Serverless keeps them itself, and shows them in its console only",
                    Some(remedy),
                );
            }
            Some(uri) => match book.services.store(uri) {
                Ok(store) => {
                    let root = key_of(uri).trim_matches('/');
                    let root = if root.is_empty() { String::new() } else { format!("{root}/") };
                    self.logs = Some(EmrLogs { store, root, listed: BTreeMap::new() });
                }
                Err(why) => book.missing(&what, &why, None),
            },
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hour_of_a_file_is_read_from_its_name() {
        let hour = |key: &str| hour_of(key).map(|at| at.to_string());
        assert_eq!(
            hour("l/j-1/node/i-1/daemons/instance-state/instance-state.log-2026-11-02-04-30.gz").as_deref(),
            Some("2026-11-02T04:30:00Z")
        );
        assert_eq!(
            hour("x/yarn-yarn-nodemanager-ip-10-61-2-14.log.2026-11-02-04.gz").as_deref(),
            Some("2026-11-02T04:00:00Z")
        );
        assert_eq!(hour("x/yarn-yarn-nodemanager-ip-10-20-2-14.log.gz"), None);
        assert!(is_driver("l/j-1/containers/application_1_0001/container_1_0001_02_000001/stdout.gz"));
        assert!(!is_driver("l/j-1/containers/application_1_0001/container_1_0001_02_000011/stdout.gz"));
    }
}
