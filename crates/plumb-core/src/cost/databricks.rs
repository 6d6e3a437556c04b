//! What a run of a Databricks job used: the nodes of its clusters by type and market, how long its parts took.
//!
//! Facts (Jobs API 2.2, Clusters API 2.1): a run's tasks have `cluster_instance`, their spec, and times in milliseconds;
//! `setup_duration` is the start of the cluster, with its libraries. Events are kept for 30 days after a cluster's end;
//! `current_num_workers` is without the driver, which is a node too. The first `first_on_demand` nodes, the driver among them, are on
//! demand, the others as `availability` says; `SPOT_WITH_FALLBACK` may be either.

use super::facts::{
    DatabricksCompute, DatabricksUse, KeptRun, Market, NOT_READ, RunResult, RunSide, RunSystem, RunTrigger,
    StageSeconds,
};
use super::nodes::NodeTotals;
use jiff::Timestamp;
use plumb_model::stats::Interval;
use serde_json::Value;
use std::collections::BTreeMap;

/// Why nodes of a start count or not.
const STARTS: &str = "nodes that start are billed from a moment between their request and the cluster's being ready";
/// Why nodes of a change of size count or not.
const RESIZES: &str = "while the cluster was resized";
/// Why there is no more than the spec.
const NO_EVENTS: &str = "no events of the cluster are left: between the fewest and the most workers of its spec";

/// What Databricks answers about a run.
#[derive(Clone, Debug, Default)]
pub struct RunAnswers {
    /// A run of `runs/list` with its tasks, or of `runs/get`.
    pub run: Value,
    /// By the ids of its clusters.
    pub clusters: BTreeMap<String, ClusterTrail>,
    /// Pools that its clusters take their nodes from, by id: `instance-pools/get`.
    pub pools: BTreeMap<String, Result<Value, String>>,
}

/// What is left of a cluster.
#[derive(Clone, Debug)]
pub struct ClusterTrail {
    /// `clusters/events`, in any order.
    pub events: Result<Vec<Value>, String>,
    /// `clusters/get`: needed of a cluster that is not the run's own.
    pub described: Option<Result<Value, String>>,
}

/// One set of nodes that tasks of a run worked on.
#[derive(Clone, Debug)]
pub struct RunCluster<'a> {
    /// Its id; none where the run does not say it.
    pub id: Option<&'a str>,
    /// Whether it is there for others too.
    pub is_shared: bool,
    /// As the run has it.
    pub spec: Option<&'a Value>,
    tasks: Vec<&'a Value>,
}

fn text<'v>(value: &'v Value, pointer: &str) -> Option<&'v str> {
    value.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// A time or a length in milliseconds; 0 is how Databricks says that it has not come.
fn millis(value: &Value, name: &str) -> Option<i64> {
    value[name].as_i64().filter(|millis| *millis > 0)
}

fn tasks(run: &Value) -> Vec<&Value> {
    let tasks: Vec<&Value> = run["tasks"].as_array().into_iter().flatten().filter(|task| task.is_object()).collect();
    if tasks.is_empty() { vec![run] } else { tasks }
}

/// What a task needs no nodes of its own for, by its member.
const ELSEWHERE: [(&str, &str); 8] = [
    ("sql_task", "a SQL warehouse"),
    ("dbt_task", "a SQL warehouse"),
    ("pipeline_task", "a pipeline"),
    ("run_job_task", "another job"),
    ("dashboard_task", "a SQL warehouse"),
    ("power_bi_task", "a SQL warehouse"),
    ("clean_rooms_notebook_task", "a clean room"),
    ("for_each_task", "runs of its own"),
];

/// The clusters of a run, in the order of their first tasks.
pub fn clusters(run: &Value) -> Vec<RunCluster<'_>> {
    let mut found: Vec<(String, RunCluster<'_>)> = Vec::new();
    for task in tasks(run) {
        let existing = text(task, "/existing_cluster_id").or_else(|| text(task, "/cluster_spec/existing_cluster_id"));
        let id = text(task, "/cluster_instance/cluster_id").or(existing);
        let key = text(task, "/job_cluster_key");
        let shared = run["job_clusters"].as_array().into_iter().flatten();
        let shared = shared.filter(|one| key.is_some() && one["job_cluster_key"].as_str() == key);
        let own = ["/new_cluster", "/cluster_spec/new_cluster"].into_iter().find_map(|at| task.pointer(at));
        let spec = own.or_else(|| shared.into_iter().find_map(|one| one.get("new_cluster"))).filter(|s| s.is_object());
        let name = match (id, key, spec) {
            (Some(id), ..) => format!("id {id}"),
            (None, Some(key), _) => format!("key {key}"),
            (None, None, Some(_)) => format!("task {}", text(task, "/task_key").unwrap_or_default()),
            (None, None, None) => continue,
        };
        match found.iter_mut().find(|(known, _)| *known == name) {
            Some((_, cluster)) => {
                cluster.tasks.push(task);
                cluster.spec = cluster.spec.or(spec);
            }
            None => {
                let cluster = RunCluster { id, is_shared: existing.is_some(), spec, tasks: vec![task] };
                found.push((name, cluster));
            }
        }
    }
    found.into_iter().map(|(_, cluster)| cluster).collect()
}

/// The pools that a spec takes its nodes from.
pub fn pools(spec: &Value) -> impl Iterator<Item = &str> {
    ["/instance_pool_id", "/driver_instance_pool_id"].into_iter().filter_map(|at| text(spec, at))
}

/// The parameters of a run by name, those of the job before those of tasks.
pub fn parameters(run: &Value) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let plain = |value: &Value| value.as_str().map(str::to_owned).or_else(|| value.as_i64().map(|n| n.to_string()));
    for parameter in run["job_parameters"].as_array().into_iter().flatten() {
        let value = plain(&parameter["value"]).or_else(|| plain(&parameter["default"]));
        all.extend(parameter["name"].as_str().map(str::to_owned).zip(value));
    }
    for member in ["job_parameters", "notebook_params", "python_named_params"] {
        for (name, value) in run["overriding_parameters"][member].as_object().into_iter().flatten() {
            all.extend(plain(value).map(|value| (name.clone(), value)));
        }
    }
    all
}

/// Whether its schedule or what it waits for started it; unknown of what somebody started, or something else.
pub fn trigger(run: &Value) -> RunTrigger {
    match text(run, "/trigger") {
        Some("PERIODIC" | "FILE_ARRIVAL" | "TABLE" | "CONTINUOUS") => RunTrigger::Scheduled,
        _ => RunTrigger::Unknown,
    }
}

/// How a run ended.
pub fn outcome(run: &Value) -> RunResult {
    let life = text(run, "/status/state").or_else(|| text(run, "/state/life_cycle_state")).unwrap_or_default();
    let result = text(run, "/state/result_state").unwrap_or_default();
    let code = text(run, "/status/termination_details/code").unwrap_or_default();
    match (life, result, code) {
        ("BLOCKED" | "PENDING" | "QUEUED" | "RUNNING" | "TERMINATING" | "WAITING" | "WAITING_FOR_RETRY", ..) => {
            RunResult::Running
        }
        ("INTERNAL_ERROR" | "SKIPPED", ..) => RunResult::Failed,
        ("TERMINATED", "SUCCESS" | "SUCCESS_WITH_FAILURES", _) => RunResult::Succeeded,
        ("TERMINATED", "CANCELED", _) => RunResult::Cancelled,
        ("TERMINATED", "", "SUCCESS" | "SUCCESS_WITH_FAILURES") => RunResult::Succeeded,
        ("TERMINATED", "", "USER_CANCELED" | "CANCELED") => RunResult::Cancelled,
        ("TERMINATED", "", "") => RunResult::Unknown,
        ("TERMINATED", ..) => RunResult::Failed,
        _ => RunResult::Unknown,
    }
}

/// The facts of a run. Trigger and what Airflow says are the caller's.
pub fn facts(answers: &RunAnswers, now: Timestamp) -> KeptRun {
    let run = &answers.run;
    let mut unknown = Vec::new();
    let outcome = outcome(run);
    if outcome == RunResult::Unknown {
        unknown.push("how it ended: it does not say a state that is known".to_owned());
    }
    let clusters = clusters(run);
    let mut sums = NodeTotals::default();
    let mut has_photon = false;
    for cluster in &clusters {
        has_photon |= of_cluster(answers, cluster, now, &mut sums, &mut unknown);
    }
    let (is_serverless, elsewhere) = without_nodes(run);
    for (task, place) in elsewhere {
        unknown.push(format!("what task {task} used: it ran on {place}"));
    }
    let has_own = clusters.iter().any(|cluster| !cluster.is_shared);
    let has_shared = clusters.iter().any(|cluster| cluster.is_shared);
    let compute = match (has_own, has_shared, is_serverless) {
        (true, false, false) => DatabricksCompute::Jobs,
        (false, true, false) => DatabricksCompute::AllPurpose,
        (false, false, true) => DatabricksCompute::JobsServerless,
        (false, false, false) => DatabricksCompute::Unknown,
        _ => {
            unknown.push("what it is billed as: its tasks ran on several kinds of compute".to_owned());
            DatabricksCompute::Unknown
        }
    };
    if is_serverless {
        unknown.push("its DBUs: what serverless compute used is in system.billing.usage alone".to_owned());
    }
    let time = |name: &str| millis(run, name).and_then(|at| Timestamp::from_millisecond(at).ok());
    KeptRun {
        side: RunSide::New,
        system: RunSystem::Databricks,
        id: run["run_id"].as_u64().map(|id| id.to_string()).unwrap_or_default(),
        name: text(run, "/run_name").unwrap_or_default().to_owned(),
        trigger: trigger(run),
        outcome,
        cause: None,
        tick: None,
        dag_run: None,
        started: time("start_time"),
        ended: time("end_time").filter(|_| outcome != RunResult::Running),
        stages: stages(run),
        nodes: sums.listed(),
        serverless: None,
        databricks: Some(DatabricksUse { compute, photon: has_photon, measured_millidbu: None, sku: None }),
        normalized_instance_hours: None,
        unknown,
    }
}

/// Whether tasks ran on serverless compute, and which ran elsewhere and where.
fn without_nodes(run: &Value) -> (bool, Vec<(&str, &'static str)>) {
    let (mut is_serverless, mut elsewhere) = (false, Vec::new());
    for task in tasks(run) {
        let has_cluster =
            ["/cluster_instance", "/existing_cluster_id", "/new_cluster", "/job_cluster_key", "/cluster_spec"]
                .iter()
                .any(|at| task.pointer(at).is_some_and(|value| !value.is_null()));
        let began = millis(task, "execution_duration").is_some() || millis(task, "setup_duration").is_some();
        if has_cluster || !began || task["condition_task"].is_object() {
            continue;
        }
        match ELSEWHERE.iter().find(|(member, _)| task[*member].is_object()) {
            Some((_, place)) => elsewhere.push((text(task, "/task_key").unwrap_or_default(), *place)),
            None => is_serverless |= task.as_object().is_some_and(|task| task.keys().any(|key| key.ends_with("_task"))),
        }
    }
    (is_serverless, elsewhere)
}

/// How long some task was set up, and some task worked; and each task.
fn stages(run: &Value) -> Vec<StageSeconds> {
    let mut stages = Vec::new();
    let mut stage = |name: String, millis: i64| {
        if let Ok(seconds) = u64::try_from((millis + 500) / 1000) {
            stages.push(StageSeconds { name, seconds });
        }
    };
    if let Some(queued) = run["queue_duration"].as_i64().filter(|queued| *queued >= 0) {
        stage("queue".to_owned(), queued);
    }
    let (mut setups, mut works) = (Vec::new(), Vec::new());
    let all = tasks(run);
    for task in &all {
        let Some(began) = millis(task, "start_time") else { continue };
        let queued = millis(task, "queue_duration").unwrap_or(0);
        let ready = began + queued + millis(task, "setup_duration").unwrap_or(0);
        setups.push((began + queued, ready));
        if let Some(worked) = millis(task, "execution_duration") {
            works.push((ready, ready + worked));
        }
    }
    for (name, spans) in [("start", setups), ("run", works)] {
        let together = together(spans);
        if together > 0 {
            stage(name.to_owned(), together);
        }
    }
    for task in all {
        if let (Some(key), Some(worked)) = (text(task, "/task_key"), millis(task, "execution_duration")) {
            stage(format!("run/{key}"), worked);
        }
    }
    stages
}

/// How long at least one of several spans of time was.
fn together(mut spans: Vec<(i64, i64)>) -> i64 {
    spans.sort_unstable();
    let (mut total, mut until) = (0, i64::MIN);
    for (from, to) in spans {
        total += (to - from.max(until)).max(0);
        until = until.max(to);
    }
    total
}

/// How many nodes there were between two moments, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    from: i64,
    to: i64,
    /// Whether the driver was there for sure; it may have been in any case.
    has_driver: bool,
    workers: Interval<u64>,
    why: &'static str,
}

/// What a spec says of its nodes.
struct NodeShape<'a> {
    driver: Option<&'a str>,
    worker: Option<&'a str>,
    workers: Interval<u64>,
    first_on_demand: Option<u64>,
    rest: Market,
}

impl<'a> NodeShape<'a> {
    fn of(spec: &'a Value, pools: &'a BTreeMap<String, Result<Value, String>>) -> NodeShape<'a> {
        let pool = |at: &str| text(spec, at).and_then(|id| pools.get(id)).and_then(|pool| pool.as_ref().ok());
        let of_pool = pool("/instance_pool_id");
        let worker = text(spec, "/node_type_id").or_else(|| of_pool.and_then(|pool| text(pool, "/node_type_id")));
        let driver = text(spec, "/driver_node_type_id")
            .or_else(|| pool("/driver_instance_pool_id").and_then(|pool| text(pool, "/node_type_id")))
            .or(worker);
        let workers = match (spec.pointer("/autoscale/min_workers"), spec.pointer("/autoscale/max_workers")) {
            (Some(least), Some(most)) => Interval::between(least.as_u64().unwrap_or(0), most.as_u64().unwrap_or(0)),
            _ => Interval::exactly(spec["num_workers"].as_u64().unwrap_or(0)),
        };
        // A pool buys for all of its clusters: there the count is not the cluster's.
        let attributes = of_pool.unwrap_or(spec).get("aws_attributes");
        let says = |name: &str| attributes.and_then(|attributes| attributes.get(name));
        let rest = match says("availability").and_then(Value::as_str) {
            Some("ON_DEMAND") => Market::OnDemand,
            Some("SPOT") => Market::Spot,
            _ => Market::Unknown,
        };
        let first_on_demand = says("first_on_demand").and_then(Value::as_u64).filter(|_| of_pool.is_none());
        NodeShape { driver, worker, workers, first_on_demand, rest }
    }
}

/// Adds the nodes of a cluster; whether it runs Photon.
fn of_cluster(
    answers: &RunAnswers,
    cluster: &RunCluster<'_>,
    now: Timestamp,
    sums: &mut NodeTotals,
    unknown: &mut Vec<String>,
) -> bool {
    let trail = cluster.id.and_then(|id| answers.clusters.get(id));
    let described = trail.and_then(|trail| trail.described.as_ref());
    let what = cluster.id.map_or_else(|| "a cluster".to_owned(), |id| format!("cluster {id}"));
    if let Some(Err(why)) = described {
        unknown.push(format!("{NOT_READ}: {what}: {why}"));
    }
    let Some(spec) = cluster.spec.or_else(|| described.and_then(|told| told.as_ref().ok())) else {
        unknown.push(format!("the nodes of {what}: neither the run nor the cluster says them any more"));
        return false;
    };
    for id in pools(spec) {
        if let Some(Err(why)) = answers.pools.get(id) {
            unknown.push(format!("{NOT_READ}: pool {id}: {why}"));
        }
    }
    let shape = NodeShape::of(spec, &answers.pools);
    let photon = text(spec, "/runtime_engine") == Some("PHOTON")
        || text(spec, "/spark_version").is_some_and(|version| version.contains("-photon-"));
    let (Some(driver), Some(worker)) = (shape.driver, shape.worker) else {
        unknown.push(format!("the nodes of {what}: its spec says no type of node"));
        return photon;
    };
    let Some(window) = window(cluster, now) else { return photon };
    let events = match trail.map(|trail| &trail.events) {
        Some(Ok(events)) => events.as_slice(),
        Some(Err(why)) => {
            unknown.push(format!("{NOT_READ}: the events of {what}: {why}"));
            &[]
        }
        None => &[],
    };
    if cluster.is_shared {
        unknown
            .push(format!("{what} is there for others too: its nodes while the run worked are counted, idle ones not"));
    }
    for stretch in stretches(events, &shape, window, cluster.is_shared) {
        add(sums, &stretch, &shape, driver, worker);
    }
    photon
}

/// When a cluster was needed: asked for, ready, not needed any more.
fn window(cluster: &RunCluster<'_>, now: Timestamp) -> Option<(i64, i64, i64)> {
    let asked = cluster.tasks.iter().filter_map(|task| millis(task, "start_time")).min()?;
    let ready = |task: &&Value| {
        let began = millis(task, "start_time")?;
        let (queued, setup) =
            (millis(task, "queue_duration").unwrap_or(0), millis(task, "setup_duration").unwrap_or(0));
        Some(began + queued + setup)
    };
    let end = |task: &&Value| {
        let began = millis(task, "start_time")?;
        let is_active = outcome(task) == RunResult::Running;
        Some(millis(task, "end_time").unwrap_or(if is_active { now.as_millisecond() } else { began }))
    };
    let over = cluster.tasks.iter().filter_map(end).max()?;
    let ready = cluster.tasks.iter().filter_map(ready).min()?.min(over);
    (asked < over).then_some((asked, ready, over))
}

/// How many nodes there were when, by the events of a cluster; by its spec where there are none.
fn stretches(
    events: &[Value],
    shape: &NodeShape<'_>,
    (asked, ready, over): (i64, i64, i64),
    is_shared: bool,
) -> Vec<Stretch> {
    let whole = Interval { low: 0, high: shape.workers.high };
    let by_spec = || {
        let why = if shape.workers.is_exact() { STARTS } else { NO_EVENTS };
        let up = Stretch { from: ready, to: over, has_driver: true, workers: shape.workers, why };
        let starting = Stretch { from: asked, to: ready, has_driver: false, workers: whole, why: STARTS };
        if is_shared { vec![up] } else { vec![starting, up] }
    };
    let mut changes: Vec<(i64, &Value)> =
        events.iter().filter_map(|event| Some((millis(event, "timestamp")?, event))).collect();
    changes.sort_by_key(|(at, _)| *at);
    // Of a cluster that others use, what was before is as its spec says.
    let mut state = is_shared.then_some((true, shape.workers, NO_EVENTS));
    let mut found = Vec::new();
    let mut from = if is_shared { asked } else { i64::MIN };
    let mut is_told = false;
    for (at, event) in changes {
        let counts = |name: &str| event["details"][name].as_u64();
        let (current, target) = (counts("current_num_workers"), counts("target_num_workers"));
        let next = match text(event, "/type").unwrap_or_default() {
            "CREATING" | "STARTING" | "RESTARTING" => {
                let most = target.map_or(shape.workers.high, |target| target.max(shape.workers.low));
                Some((false, Interval { low: 0, high: most }, STARTS))
            }
            "TERMINATING" => None,
            "RESIZING" | "RUNNING" => match (current, target.or(current)) {
                (Some(current), Some(target)) => Some((true, Interval::between(current, target), RESIZES)),
                _ if state.is_some_and(|(is_up, ..)| !is_up) => Some((true, shape.workers, NO_EVENTS)),
                _ => state,
            },
            _ => match current {
                Some(current) if state.is_some_and(|(is_up, ..)| is_up) => {
                    Some((true, Interval::exactly(current), RESIZES))
                }
                _ => state,
            },
        };
        if next == state {
            continue;
        }
        is_told = true;
        if let Some((has_driver, workers, why)) = state {
            found.push(Stretch { from, to: at, has_driver, workers, why });
        }
        (from, state) = (at, next);
    }
    if !is_told {
        return by_spec();
    }
    // Its end is not among them: that of what it worked for.
    if let Some((has_driver, workers, why)) = state {
        found.push(Stretch { from, to: over.max(from), has_driver, workers, why });
    }
    if is_shared {
        for stretch in &mut found {
            (stretch.from, stretch.to) = (stretch.from.max(asked), stretch.to.min(over));
        }
    }
    found.retain(|stretch| stretch.from < stretch.to);
    found
}

fn add(sums: &mut NodeTotals, stretch: &Stretch, shape: &NodeShape<'_>, driver: &str, worker: &str) {
    let length = u64::try_from(stretch.to - stretch.from).unwrap_or(0);
    let mut count = |node_type: &str, market: Market, nodes: Interval<u64>| {
        if nodes.high > 0 {
            let times = |nodes: u64| nodes.saturating_mul(length);
            sums.add(node_type, market, Interval { low: times(nodes.low), high: times(nodes.high) }, stretch.why);
        }
    };
    let is_on_demand = shape.first_on_demand.is_some_and(|first| first > 0);
    let first = if is_on_demand { Market::OnDemand } else { shape.rest };
    count(driver, first, Interval { low: u64::from(stretch.has_driver), high: 1 });
    let most = shape.first_on_demand.unwrap_or(0).saturating_sub(1);
    let on_demand = Interval { low: stretch.workers.low.min(most), high: stretch.workers.high.min(most) };
    count(worker, Market::OnDemand, on_demand);
    let rest = Interval { low: stretch.workers.low - on_demand.low, high: stretch.workers.high - on_demand.high };
    count(worker, shape.rest, rest);
}

#[cfg(test)]
#[path = "databricks_tests.rs"]
mod tests;
