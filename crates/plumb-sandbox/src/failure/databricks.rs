//! Job runs of Databricks that fail: states and termination details, outputs, the cluster with its events, libraries, and
//! the logs that it delivers.
//!
//! Codes are those of databricks-sdk-py (`TerminationCodeCode`, `TerminationReasonCode`, `EventType`). That a run whose
//! task failed is itself INTERNAL_ERROR, and its words, are as recorded in databricks/cli and dbx issues; how a run that
//! took too long is worded is not known here, so it says nothing.

use super::cast::{self, PlayedNode};
use super::data;
use super::template::{self, Scene};
use crate::databricks::clusters::{self, DatabricksCluster, DatabricksClusterState};
use crate::databricks::libraries::Installed;
use crate::databricks::runs::{LifeCycleState, Run, RunEnding, TaskEnding, new_id};
use crate::databricks::{defaults, set, text};
use crate::s3;
use crate::store::Store;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Why a run fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunScenario {
    /// Two spot workers are lost, and a stage gives up.
    SpotLost,
    /// An init script of the cluster fails.
    InitScript,
    /// A library cannot be installed.
    Library,
    /// EC2 has no instances of the type.
    Capacity,
    /// Unity Catalog does not let whom it runs as use a schema.
    UcPermission,
    /// The job's own code fails.
    UserCode,
    /// It takes longer than it may.
    Timeout,
    /// Other runs of the job are under way.
    RunLimit,
}

/// How the task that failed stands, and its termination code and type.
struct Standing {
    life: LifeCycleState,
    result: &'static str,
    code: &'static str,
    kind: &'static str,
}

impl RunScenario {
    fn name(self) -> &'static str {
        match self {
            RunScenario::SpotLost => "spot-lost",
            RunScenario::InitScript => "init-script",
            RunScenario::Library => "library",
            RunScenario::Capacity => "capacity",
            RunScenario::UcPermission => "uc-permission",
            RunScenario::UserCode => "user-code",
            RunScenario::Timeout => "timeout",
            RunScenario::RunLimit => "run-limit",
        }
    }

    /// How the whole run ends.
    pub fn of_run(self) -> (LifeCycleState, &'static str) {
        match self {
            RunScenario::Timeout => (LifeCycleState::Terminated, "TIMEDOUT"),
            RunScenario::RunLimit => (LifeCycleState::Skipped, "MAXIMUM_CONCURRENT_RUNS_REACHED"),
            _ => (LifeCycleState::InternalError, "FAILED"),
        }
    }

    fn of_task(self) -> Standing {
        let (life, result, code, kind) = match self {
            RunScenario::SpotLost | RunScenario::UcPermission | RunScenario::UserCode => {
                (LifeCycleState::Terminated, "FAILED", "RUN_EXECUTION_ERROR", "CLIENT_ERROR")
            }
            RunScenario::InitScript => (LifeCycleState::InternalError, "FAILED", "CLUSTER_ERROR", "CLIENT_ERROR"),
            RunScenario::Library => {
                (LifeCycleState::InternalError, "FAILED", "LIBRARY_INSTALLATION_ERROR", "CLIENT_ERROR")
            }
            RunScenario::Capacity => (LifeCycleState::InternalError, "FAILED", "CLOUD_FAILURE", "CLOUD_FAILURE"),
            // "The run was canceled during execution by the Databricks platform; for example, if the maximum run duration
            // was exceeded" (TerminationCodeCode).
            RunScenario::Timeout => (LifeCycleState::Terminated, "TIMEDOUT", "CANCELED", "CLIENT_ERROR"),
            RunScenario::RunLimit => (
                LifeCycleState::Skipped,
                "MAXIMUM_CONCURRENT_RUNS_REACHED",
                "MAX_CONCURRENT_RUNS_EXCEEDED",
                "CLIENT_ERROR",
            ),
        };
        Standing { life, result, code, kind }
    }

    /// Whether its cluster came up.
    fn ran(self) -> bool {
        !matches!(self, RunScenario::InitScript | RunScenario::Capacity | RunScenario::RunLimit)
    }
}

/// When the two workers are lost, as parts of the run.
const LOST: [f64; 2] = [0.64, 0.81];

/// Tells the story of every run that has ended with one and has not been told.
pub fn deliver(store: &mut Store) {
    let due = |run: &&Run| run.ended.is_some() && run.ending.is_none() && run.outcome.scenario.is_some();
    let due: Vec<i64> = store.databricks.runs.values().filter(due).map(|run| run.run_id).collect();
    for run_id in due {
        tell(store, run_id);
    }
}

fn tell(store: &mut Store, run_id: i64) {
    let Some(run) = store.databricks.runs.get(&run_id).cloned() else { return };
    let (Some(scenario), Some(end)) = (run.outcome.scenario, run.ended) else { return };
    // A run that never started, or was cancelled, has no story.
    if run.life.active() || (run.life, run.result.as_deref()) != (scenario.of_run().0, Some(scenario.of_run().1)) {
        return;
    }
    let tasks = run.settings["tasks"].as_array().cloned().unwrap_or_default();
    let named = run.outcome.task.as_deref();
    let place = tasks.iter().position(|task| named.is_some() && text(task, "task_key") == named);
    let place = place.or(tasks.len().checked_sub(1));
    let Some(task) = place.and_then(|place| tasks.get(place)) else { return };
    let key = text(task, "task_key").unwrap_or_default().to_owned();
    let task_run_id = place.map_or(run_id, |place| run.task_run_ids[place]);
    let begin = run.begins.unwrap_or(run.created);
    let mut scene = Scene { begin, end, ..Scene::default() };
    let standing = scenario.of_task();
    let mut rest =
        TaskEnding { code: standing.code.to_owned(), kind: standing.kind.to_owned(), ..TaskEnding::default() };
    scene.set("task", &key);
    scene.set("job_id", run.job_id);
    scene.set("task_run_id", task_run_id);
    scene.set("source", source(task));
    let cluster =
        (scenario != RunScenario::RunLimit).then(|| cluster(store, &run, task, &mut scene, scenario)).flatten();
    if let Some((cluster, is_new)) = cluster {
        rest.cluster_id = Some(cluster.cluster_id.clone());
        rest.spark_context_id = scenario.ran().then(|| scene.slots.get("context").cloned().unwrap_or_default());
        logs(store, &cluster, &scene, scenario);
        if is_new {
            store.databricks.clusters.insert(cluster.cluster_id.clone(), cluster);
        }
    }
    let message = message(scenario, &run, &scene);
    let of = |what: &str| {
        let template = data::template(&format!("databricks/{what}-{}", scenario.name()))?;
        Some(template::text(template, &scene).trim_end().to_owned())
    };
    let error = run.outcome.error.clone().or_else(|| of("error"));
    // What never ran has its message for an error.
    rest.error = error.or_else(|| (standing.result == "FAILED").then(|| message.clone()));
    rest.error_trace = run.outcome.error_trace.clone().or_else(|| of("trace"));
    if scenario.ran() && set(task, "notebook_task").is_none() {
        rest.logs = Some(template::text(data::named("databricks/stdout"), &scene));
    }
    let whole = match scenario {
        RunScenario::Timeout | RunScenario::RunLimit => message.clone(),
        _ => format!("Task {key} failed with message: {message}. This caused all downstream tasks to get skipped."),
    };
    let ending = RunEnding { task: key, life: standing.life, result: standing.result.to_owned(), message, rest };
    if let Some(run) = store.databricks.runs.get_mut(&run_id) {
        run.ending = Some(ending);
        // A queued or skipped run has said already why.
        if scenario != RunScenario::RunLimit {
            run.message = whole;
        }
    }
}

/// The file or notebook that a task runs, as tracebacks name it.
fn source(task: &Value) -> String {
    let of = |kind: &str, name: &str| task[kind][name].as_str().map(str::to_owned);
    of("notebook_task", "notebook_path")
        .map(|path| format!("/Workspace{path}"))
        .or_else(|| of("spark_python_task", "python_file"))
        .unwrap_or_else(|| "/Workspace/Shared/jobs/main.py".to_owned())
}

/// `state_message` of the task.
fn message(scenario: RunScenario, run: &Run, scene: &Scene) -> String {
    let slot = |name: &str| scene.slots.get(name).map(String::as_str).unwrap_or_default();
    let id = slot("cluster_id");
    match scenario {
        RunScenario::SpotLost | RunScenario::UcPermission | RunScenario::UserCode => {
            "Workload failed, see run output for details".to_owned()
        }
        RunScenario::InitScript => format!(
            "Cluster '{id}' was terminated. Reason: INIT_SCRIPT_FAILURE (CLIENT_ERROR). Parameters: instance_id:{}, \
             databricks_error_message:Cluster scoped init script {} failed: Script exit status is non-zero.",
            slot("driver.instance"),
            slot("init_script")
        ),
        RunScenario::Library => {
            format!(
                "Library installation failed for library due to user error for pypi {{\n  package: \"{}\"\n}}\n. Error messages:\n{}",
                slot("package"),
                library_message(scene)
            )
        }
        RunScenario::Capacity => format!(
            "Cluster '{id}' was terminated. Reason: AWS_INSUFFICIENT_INSTANCE_CAPACITY_FAILURE (CLOUD_FAILURE). Parameters: \
             aws_api_error_code:InsufficientInstanceCapacity, aws_error_message:{}, databricks_error_message:",
            no_capacity(scene)
        ),
        RunScenario::Timeout => String::new(),
        RunScenario::RunLimit => run.message.clone(),
    }
}

fn library_message(scene: &Scene) -> String {
    let slot = |name: &str| scene.slots.get(name).map(String::as_str).unwrap_or_default();
    let package = slot("package");
    format!(
        "Library installation attempted on the driver node of cluster {} and failed. Please refer to the following error \
         message to fix the library or contact Databricks support. Error code: DRIVER_LIBRARY_INSTALLATION_FAILURE. Error \
         message: org.apache.spark.SparkException: Process List(/bin/su, libraries, -c, bash \
         /local_disk0/.ephemeral_nfs/cluster_libraries/python/python_start_clusterwide.sh \
         /local_disk0/.ephemeral_nfs/cluster_libraries/python/bin/pip install '{package}' --disable-pip-version-check) exited \
         with code 1. ERROR: Could not find a version that satisfies the requirement {package} (from versions: 1.0.0, 1.1.0, \
         1.2.0)\nERROR: No matching distribution found for {package}",
        slot("cluster_id")
    )
}

fn no_capacity(scene: &Scene) -> String {
    let slot = |name: &str| scene.slots.get(name).map(String::as_str).unwrap_or_default();
    format!(
        "We currently do not have sufficient {} capacity in the Availability Zone you requested ({}). Our system will be \
         working on provisioning additional capacity. You can currently get {} capacity by not specifying an Availability Zone \
         in your request or choosing eu-central-1a, eu-central-1c.",
        slot("node_type"),
        slot("zone"),
        slot("node_type")
    )
}

/// The cluster that the task ran on, and whether it is one of the run's own. A task without one ran on serverless compute.
fn cluster(
    store: &mut Store,
    run: &Run,
    task: &Value,
    scene: &mut Scene,
    scenario: RunScenario,
) -> Option<(DatabricksCluster, bool)> {
    let existing = text(task, "existing_cluster_id").map(str::to_owned);
    let shared = || {
        let key = text(task, "job_cluster_key")?;
        let all = run.settings["job_clusters"].as_array()?;
        all.iter().find(|one| text(one, "job_cluster_key") == Some(key)).map(|one| &one["new_cluster"])
    };
    let spec = set(task, "new_cluster").or_else(shared).cloned();
    let known = existing.as_ref().and_then(|id| store.databricks.clusters.get(id)).map(|c| c.effective.clone());
    let mut spec = spec.or(known)?;
    if existing.is_none() {
        defaults::cluster(&mut spec, &run.run_as_user_name);
    }
    let (begin, end) = (scene.begin, scene.end);
    let serial = store.serial();
    let id =
        existing.clone().unwrap_or_else(|| format!("{}-{}", clusters::stamp(begin), &Store::scrambled(serial)[..8]));
    let count =
        spec["num_workers"].as_u64().or_else(|| spec["autoscale"]["min_workers"].as_u64()).unwrap_or(0).clamp(2, 6);
    let node = |n: u64| {
        let instance = format!("i-0{}", Store::scrambled(serial.wrapping_mul(31).wrapping_add(n)));
        let ip = format!("10.139.64.{}", 10 + n);
        PlayedNode { instance, host: ip.clone(), ip }
    };
    let nodes: Vec<PlayedNode> = (1..=count).map(node).collect();
    cast::place(scene, &nodes, |n| n.to_string());
    let driver = node(0);
    let spare = node(count + 1);
    for (name, value) in [
        ("cluster_id", id.clone()),
        ("driver.instance", driver.instance),
        ("driver.ip", driver.ip),
        ("spare.ip", spare.ip),
        ("context", (serial.wrapping_mul(7_919) % 9_000_000_000_000_000_000).to_string()),
        ("stamp", stamp(begin, "%Y%m%d%H%M%S")),
        ("app", format!("app-{}-0000", stamp(begin, "%Y%m%d%H%M%S"))),
        ("node_type", text(&spec, "node_type_id").unwrap_or("r6id.xlarge").to_owned()),
        ("zone", zone(&spec)),
        ("runtime", text(&spec, "spark_version").unwrap_or_default().to_owned()),
        (
            "spark",
            if text(&spec, "spark_version").is_some_and(|v| v.starts_with("17")) { "4.0.0" } else { "3.5.2" }
                .to_owned(),
        ),
        ("init_script", init_script(&spec).1),
        ("package", package(task)),
    ] {
        scene.set(name, value);
    }
    scene.set("library", format!("python-pypi;{};;", package(task)));
    let events = events(&id, &spec, scene, scenario, count, existing.is_some());
    if let Some(cluster) = existing.as_ref().and_then(|id| store.databricks.clusters.get_mut(id)) {
        cluster.events.extend(events);
        if scenario == RunScenario::Library {
            cluster.libraries.extend(libraries(task, scene));
        }
        return Some((cluster.clone(), false));
    }
    let key = text(task, "job_cluster_key").or_else(|| text(task, "task_key")).unwrap_or_default();
    spec["cluster_name"] = json!(format!("job-{}-run-{}-{key}", run.job_id, new_id(store)));
    let (reason, said) = reason(scenario, scene);
    let cluster = DatabricksCluster {
        cluster_id: id,
        creator_user_name: run.creator_user_name.clone(),
        requested: spec.clone(),
        effective: spec,
        phase: DatabricksClusterState::Terminated,
        since: end,
        created: begin,
        started: begin,
        terminated: Some(end),
        reason: Some(reason),
        pinned_by: None,
        events,
        libraries: if scenario == RunScenario::Library { libraries(task, scene) } else { Vec::new() },
        of_job: true,
        message: Some(said),
    };
    Some((cluster, true))
}

fn stamp(ms: i64, format: &str) -> String {
    let at = jiff::Timestamp::from_millisecond(ms).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC);
    at.strftime(format).to_string()
}

fn zone(spec: &Value) -> String {
    let named = spec["aws_attributes"]["zone_id"].as_str().filter(|zone| *zone != "auto");
    named.unwrap_or("eu-central-1b").to_owned()
}

/// The first init script: its kind, and where it is.
fn init_script(spec: &Value) -> (String, String) {
    let first = spec["init_scripts"][0].as_object().and_then(|script| script.iter().next());
    match first {
        Some((kind, at)) => (kind.clone(), at["destination"].as_str().unwrap_or_default().to_owned()),
        None => ("workspace".to_owned(), "/Shared/init/install-libs.sh".to_owned()),
    }
}

fn package(task: &Value) -> String {
    let all = task["libraries"].as_array().into_iter().flatten();
    let named = all.filter_map(|library| library["pypi"]["package"].as_str()).next_back();
    named.unwrap_or("acme-scoring==9.9.9").to_owned()
}

fn libraries(task: &Value, scene: &Scene) -> Vec<Installed> {
    let failed = package(task);
    let mut all = task["libraries"].as_array().cloned().unwrap_or_default();
    if !all.iter().any(|library| library["pypi"]["package"] == failed.as_str()) {
        all.push(json!({ "pypi": { "package": failed } }));
    }
    let one = |library: Value| {
        let is_it = library["pypi"]["package"] == failed.as_str();
        let (status, messages) =
            if is_it { ("FAILED", vec![library_message(scene)]) } else { ("INSTALLED", Vec::new()) };
        Installed { library, status: status.to_owned(), messages }
    };
    all.into_iter().map(one).collect()
}

/// `termination_reason` of a job's cluster, and `state_message`.
fn reason(scenario: RunScenario, scene: &Scene) -> (Value, String) {
    let slot = |name: &str| scene.slots.get(name).map(String::as_str).unwrap_or_default();
    match scenario {
        RunScenario::InitScript => {
            let words =
                format!("Cluster scoped init script {} failed: Script exit status is non-zero", slot("init_script"));
            let parameters = json!({ "instance_id": slot("driver.instance"), "databricks_error_message": words });
            (json!({ "code": "INIT_SCRIPT_FAILURE", "type": "CLIENT_ERROR", "parameters": parameters }), words)
        }
        RunScenario::Capacity => {
            let words = no_capacity(scene);
            let parameters =
                json!({ "aws_api_error_code": "InsufficientInstanceCapacity", "aws_error_message": words });
            let code = "AWS_INSUFFICIENT_INSTANCE_CAPACITY_FAILURE";
            (json!({ "code": code, "type": "CLOUD_FAILURE", "parameters": parameters }), words)
        }
        _ => (json!({ "code": "JOB_FINISHED", "type": "SUCCESS", "parameters": {} }), String::new()),
    }
}

/// The events of the cluster while the run went on.
fn events(id: &str, spec: &Value, scene: &Scene, scenario: RunScenario, count: u64, is_shared: bool) -> Vec<Value> {
    let slot = |name: &str| scene.slots.get(name).map(String::as_str).unwrap_or_default();
    let mut all = Vec::new();
    let mut add = |part: f64, kind: &str, details: Value| {
        all.push(json!({ "cluster_id": id, "timestamp": scene.at(part), "type": kind, "details": details }));
    };
    let size = match spec.get("autoscale").filter(|size| size.is_object()) {
        Some(autoscale) => json!({ "autoscale": autoscale }),
        None => json!({ "num_workers": count }),
    };
    if !is_shared {
        add(
            0.0,
            "CREATING",
            json!({ "user": text(spec, "single_user_name").unwrap_or("System"), "cluster_size": size,
            "job_run_name": format!("job-{}-run-{}", slot("job_id"), slot("task_run_id")) }),
        );
    }
    let has_scripts = spec["init_scripts"].as_array().is_some_and(|scripts| !scripts.is_empty());
    let fails = scenario == RunScenario::InitScript;
    if fails || (has_scripts && scenario.ran() && !is_shared) {
        let (kind, destination) = init_script(spec);
        let mut script = json!({ kind: { "destination": destination } });
        add(
            0.4,
            "INIT_SCRIPTS_STARTED",
            json!({ "init_scripts": { "cluster": [script], "reported_for_node": slot("driver.ip") } }),
        );
        script["status"] = json!(if fails { "FAILED_EXECUTION" } else { "SUCCEEDED" });
        script["execution_duration_seconds"] = json!(41);
        if fails {
            script["error_message"] = json!("Script exit status is non-zero");
        }
        add(
            0.9,
            "INIT_SCRIPTS_FINISHED",
            json!({ "init_scripts": { "cluster": [script], "reported_for_node": slot("driver.ip") } }),
        );
    }
    if scenario.ran() && !is_shared {
        add(0.09, "RUNNING", json!({ "current_num_workers": count, "target_num_workers": count }));
        add(0.10, "DRIVER_HEALTHY", json!({}));
    }
    if scenario == RunScenario::SpotLost {
        for (who, part) in ["a", "b"].into_iter().zip(LOST) {
            let lost = slot(&format!("{who}.instance"));
            add(
                part,
                "NODES_LOST",
                json!({ "instance_id": lost, "current_num_workers": count - 1, "target_num_workers": count,
                "reason": { "code": "SPOT_INSTANCE_TERMINATION", "type": "CLOUD_FAILURE",
                    "parameters": { "instance_id": lost, "aws_instance_state_reason": "Server.SpotInstanceTermination" } } }),
            );
            add(part + 0.05, "UPSIZE_COMPLETED", json!({ "current_num_workers": count, "target_num_workers": count }));
        }
    }
    if scenario == RunScenario::Capacity {
        for part in [0.3, 0.6, 0.9] {
            add(
                part,
                "ADD_NODES_FAILED",
                json!({ "current_num_workers": 0, "target_num_workers": count,
                "reason": reason(scenario, scene).0 }),
            );
        }
    }
    if !is_shared {
        add(1.0, "TERMINATING", json!({ "reason": reason(scenario, scene).0 }));
    }
    all
}

/// Writes the logs to where the cluster delivers them, if it delivers any.
fn logs(store: &mut Store, cluster: &DatabricksCluster, scene: &Scene, scenario: RunScenario) {
    let place = &cluster.effective["cluster_log_conf"];
    let found =
        ["s3", "volumes", "dbfs"].into_iter().find_map(|kind| Some((kind, place[kind]["destination"].as_str()?)));
    let Some((kind, destination)) = found else { return };
    let region = place["s3"]["region"].as_str().unwrap_or(crate::emr::REGION).to_owned();
    let root = format!("{}/{}", destination.trim_end_matches('/'), cluster.cluster_id);
    let mut put = |path: &str, text: String, at: i64| {
        let whole = format!("{root}/{path}");
        match kind {
            "s3" => {
                if let Some((bucket, key)) = s3::of_uri(&whole) {
                    store.s3.write(bucket, &region, key, text.as_bytes(), at);
                }
            }
            // Nothing can be in the way: the id of the cluster is new, or it is the same files again.
            "volumes" => drop(store.databricks.volumes.write(&whole, text.as_bytes(), at)),
            _ => drop(store.databricks.dbfs.write(whole.trim_start_matches("dbfs:"), text.as_bytes(), at)),
        }
    };
    let of = |template: &str, scene: &Scene| template::text(data::named(template), scene);
    let slot = |name: &str| scene.slots.get(name).map(String::as_str).unwrap_or_default();
    let has_scripts = cluster.effective["init_scripts"].as_array().is_some_and(|scripts| !scripts.is_empty());
    if scenario == RunScenario::InitScript || (has_scripts && scenario.ran()) {
        let (_, script) = init_script(&cluster.effective);
        let name = script.rsplit('/').next().unwrap_or_default();
        let at = scene.at(0.5);
        let path = format!(
            "init_scripts/{}_{}/{}_00_{name}",
            cluster.cluster_id,
            slot("driver.ip").replace('.', "_"),
            stamp(at, "%Y%m%d_%H%M%S")
        );
        let fails = scenario == RunScenario::InitScript;
        put(&format!("{path}.stderr.log"), if fails { of("databricks/init-stderr", scene) } else { String::new() }, at);
        put(&format!("{path}.stdout.log"), of("databricks/init-stdout", scene), at);
    }
    if !scenario.ran() {
        return;
    }
    let end = scene.end;
    put("driver/log4j-active.log", of(&format!("databricks/driver-{}", scenario.name()), scene), end);
    put("driver/stdout", of("databricks/stdout", scene), end);
    put("driver/stderr", of("databricks/stderr", scene), end);
    for (who, gone) in ["a", "b"].into_iter().zip(LOST) {
        let own = cast::seen_from(scene, who, "", gone);
        let (template, at) = match scenario {
            RunScenario::SpotLost => ("databricks/executor-lost", own.at(gone)),
            _ => ("databricks/executor-healthy", end),
        };
        let folder = format!("executor/{}/{}", slot("app"), slot(&format!("{who}.exec")));
        put(&format!("{folder}/stderr"), of(template, &own), at);
        put(&format!("{folder}/stdout"), String::new(), at);
    }
}
