//! Steps and clusters of EMR that fail: what becomes of them, and the log tree below `LogUri`.
//!
//! Paths are those of the EMR management guide ("View log files"); the codes of ErrorDetails those of its pages on error
//! codes. `ListInstances` says the reason of a reclaimed spot instance in the words recorded by dataflow-runner and others;
//! its code is not recorded.

use super::cast::{self, PlayedNode};
use super::data;
use super::template::{self, Scene};
use crate::emr::cluster::{EmrCluster, EmrClusterState, Reason, Step, StepState};
use crate::emr::instances::{self, Instance};
use crate::s3::{self, gz};
use crate::store::Store;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Why a step fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepScenario {
    /// EC2 takes two spot nodes back; their shuffle files are lost, and a stage gives up.
    SpotReclaim,
    /// The NodeManager kills containers that use more memory than they were given.
    ContainerMemory,
    /// The application's own code fails; in cluster mode its traceback is in the driver's stdout.
    DriverTraceback,
    /// The role may not use the key that the input is encrypted with.
    KmsDenied,
    /// The input of the month is not there.
    InputMissing,
    /// A person cancels it.
    Cancelled,
}

impl StepScenario {
    /// The name, which templates are called by as well.
    fn name(self) -> &'static str {
        match self {
            StepScenario::SpotReclaim => "spot-reclaim",
            StepScenario::ContainerMemory => "container-memory",
            StepScenario::DriverTraceback => "driver-traceback",
            StepScenario::KmsDenied => "kms-denied",
            StepScenario::InputMissing => "input-missing",
            StepScenario::Cancelled => "cancelled",
        }
    }
}

/// Why a cluster does not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClusterScenario {
    /// A bootstrap action fails on the primary node.
    Bootstrap,
}

/// When the two nodes are reclaimed, as parts of the time that the step ran.
const RECLAIMED: [f64; 2] = [0.62, 0.80];
/// The executors that are killed, and when: two of each node, and the one that came in place of the first.
const KILLED: [(&str, &str, f64); 5] =
    [("a", "", 0.70), ("b", "", 0.80), ("a", "2", 0.86), ("new", "", 0.92), ("b", "2", 0.985)];

/// How EMR says that EC2 took an instance back.
const NO_CAPACITY: &str = "Spot Instance was terminated due to not enough capacity in the Spot Instance pool.";

/// The members that run executors, those that can be reclaimed last.
fn workers(cluster: &EmrCluster, at: i64) -> Vec<&Instance> {
    let groups = cluster.groups.iter().filter(|group| group.role() != "MASTER").flat_map(|group| &group.members);
    let fleets = cluster.fleets.iter().filter(|fleet| fleet.role() != "MASTER").flat_map(|fleet| &fleet.members);
    let there = |member: &&Instance| member.created <= at && member.ended.is_none_or(|ended| ended > at);
    let mut all: Vec<&Instance> = groups.chain(fleets).filter(there).collect();
    if all.is_empty() {
        all = primary(cluster).into_iter().collect();
    }
    all.sort_by_key(|member| member.market == "SPOT");
    all
}

fn primary(cluster: &EmrCluster) -> Option<&Instance> {
    let groups = cluster.groups.iter().filter(|group| group.role() == "MASTER").flat_map(|group| &group.members);
    let fleets = cluster.fleets.iter().filter(|fleet| fleet.role() == "MASTER").flat_map(|fleet| &fleet.members);
    groups.chain(fleets).next()
}

fn played(cluster: &EmrCluster, member: &Instance) -> PlayedNode {
    let (ip, host) = instances::address(cluster, member);
    PlayedNode { instance: member.ec2.clone(), host, ip }
}

/// Ends a step as its scenario has it. What it does to the cluster is up to the caller.
pub fn end_step(cluster: &mut EmrCluster, place: usize, scenario: StepScenario, at: i64) {
    let Some(step) = cluster.steps.get(place) else { return };
    let begin = step.started.unwrap_or(at);
    let span = Scene { begin, end: at, ..Scene::default() };
    if scenario == StepScenario::SpotReclaim {
        let lost: Vec<String> =
            workers(cluster, begin).iter().rev().take(2).rev().map(|member| member.id.clone()).collect();
        for (id, part) in lost.iter().zip(RECLAIMED) {
            instances::reclaim(cluster, id, span.at(part), NO_CAPACITY);
        }
    }
    let application = application(cluster, place);
    let log = log_uri(cluster).map(|uri| format!("{uri}/{}/steps/", cluster.id));
    let Some(step) = cluster.steps.get_mut(place) else { return };
    step.scenario = Some(scenario);
    step.ended = Some(at);
    if scenario == StepScenario::Cancelled {
        step.phase = StepState::Cancelled;
        return;
    }
    step.phase = StepState::Failed;
    let mut failure = json!({ "Reason": "Unknown Error.", "Message": format!("Exception in thread \"main\" \
        org.apache.spark.SparkException: Application {application} finished with failed status") });
    if let Some(log) = log {
        failure["LogFile"] = json!(format!("{log}{}/stderr.gz", step.id));
    }
    step.failure = Some(failure);
}

/// Ends a cluster that does not start, as its scenario has it: the state that it is in, and why.
pub fn fail_to_start(cluster: &mut EmrCluster, scenario: ClusterScenario) -> Reason {
    let ClusterScenario::Bootstrap = scenario;
    cluster.scenario = Some(scenario);
    let instance = primary(cluster).map(|member| member.ec2.clone()).unwrap_or_default();
    let message = format!("On the master instance ({instance}), bootstrap action 1 returned a non-zero return code");
    let path = cluster.asked["BootstrapActions"][0]["ScriptBootstrapAction"]["Path"].clone();
    cluster.errors = vec![json!({
        "ErrorCode": "BOOTSTRAP_FAILURE_PRIMARY_WITH_NON_ZERO_CODE",
        "ErrorData": [{ "instance-id": instance, "bootstrap-action": "1", "path": path.as_str().unwrap_or_default(),
            "public-doc": "https://docs.aws.amazon.com/emr/latest/ManagementGuide/error-bootstrap-failure-primary-with-non-zero-code.html" }],
        "ErrorMessage": message,
    })];
    Reason::coded("BOOTSTRAP_FAILURE", &message)
}

fn log_uri(cluster: &EmrCluster) -> Option<String> {
    let uri = cluster.asked["LogUri"].as_str()?.trim_end_matches('/');
    let rest = uri.split_once("://")?.1;
    // EMR shows the scheme s3n for what was asked as s3; here it stays as it was.
    Some(format!("s3://{rest}"))
}

fn words(step: &Step) -> Vec<&str> {
    step.asked["HadoopJarStep"]["Args"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Whether a step submits an application of Spark.
fn is_spark(step: &Step) -> bool {
    words(step).iter().any(|word| word.contains("spark-submit"))
}

/// The number of a step's application: one for each step before it that has one, and its own.
fn application_number(cluster: &EmrCluster, place: usize) -> usize {
    cluster.steps.iter().take(place).filter(|step| is_spark(step)).count() + 1
}

fn application(cluster: &EmrCluster, place: usize) -> String {
    let started = cluster.ready.unwrap_or(cluster.created);
    format!("application_{started}_{:04}", application_number(cluster, place))
}

/// `AdditionalInfo` of a step whose logs are there.
pub fn additional_info(cluster: &EmrCluster, step: &Step) -> Option<Value> {
    let place = cluster.steps.iter().position(|one| one.id == step.id).filter(|_| step.told)?;
    let host = primary(cluster).map(|member| instances::address(cluster, member).1)?;
    Some(json!({ "ResourceManagerApplicationIds": [application(cluster, place)], "ResourceManager": host }))
}

/// Writes the logs of what has ended and has a scenario, and of what else ran on the same cluster.
pub fn deliver(store: &mut Store) {
    let mut files = Vec::new();
    let account = store.emr.account.clone();
    let delay = store.settings.emr.log_delay_seconds.saturating_mul(1000);
    for (region, all) in &mut store.emr.regions {
        for cluster in all.clusters.values_mut() {
            let Some(uri) = log_uri(cluster) else { continue };
            let Some((bucket, prefix)) = s3::of_uri(&uri) else { continue };
            let root =
                [prefix, &cluster.id].iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join("/");
            let mut put = |path: &str, text: &str, at: i64| {
                files.push((
                    bucket.to_owned(),
                    region.clone(),
                    format!("{root}/{path}"),
                    gz(text.as_bytes()),
                    at + delay,
                ));
            };
            if cluster.scenario.is_some() && !cluster.told {
                bootstrap_logs(cluster, &mut put);
                cluster.told = true;
            }
            if !cluster.steps.iter().any(|step| step.scenario.is_some()) {
                continue;
            }
            for place in 0..cluster.steps.len() {
                let step = &cluster.steps[place];
                let due = step.scenario.is_some() || (step.phase == StepState::Completed && is_spark(step));
                if step.told || !due || step.ended.is_none() {
                    continue;
                }
                step_logs(cluster, place, &account, &mut put);
                cluster.steps[place].told = true;
            }
        }
    }
    for (bucket, region, key, bytes, at) in files {
        store.s3.write(&bucket, &region, &key, &bytes, at);
    }
}

type Put<'p> = dyn FnMut(&str, &str, i64) + 'p;

/// The scene of a step: who plays, and what it was asked to do.
fn scene(cluster: &EmrCluster, place: usize, account: &str) -> Scene {
    let step = &cluster.steps[place];
    let begin = step.started.unwrap_or(step.created);
    let end = step.ended.unwrap_or(begin);
    let mut scene = Scene { begin, end, ..Scene::default() };
    let (number, started) = (application_number(cluster, place), cluster.ready.unwrap_or(cluster.created));
    let container = |n: usize| format!("container_{started}_{number:04}_01_{n:06}");
    let nodes: Vec<PlayedNode> = workers(cluster, begin).into_iter().map(|member| played(cluster, member)).collect();
    // Executors' containers come after the driver's.
    cast::place(&mut scene, &nodes, |n| container(n + 1));
    let driver = nodes.first().cloned().unwrap_or_default();
    let master = primary(cluster).map(|member| played(cluster, member)).unwrap_or_default();
    for (name, node) in [("driver", &driver), ("master", &master)] {
        scene.set(&format!("{name}.host"), &node.host);
        scene.set(&format!("{name}.ip"), &node.ip);
    }
    scene.set("driver.container", container(1));
    scene.set("app", application(cluster, place));
    scene.set("appno", format!("{started}_{number:04}"));
    scene.set("appno_short", number);
    scene.set("spark", if cluster.release() >= (7, 0) { "3.5.1-amzn-0" } else { "3.4.1-amzn-2" });
    scene.set("account", account);
    scene.set("role", cluster.asked["JobFlowRole"].as_str().unwrap_or("EMR_EC2_DefaultRole"));
    let region = cluster.arn.split(':').nth(3).unwrap_or_default();
    scene.set("kms", format!("arn:aws:kms:{region}:{account}:key/7c1a8f52-3f0e-4f62-9f3e-2f1a5d0c9b11"));
    scene.set("step", &step.id);
    scene.set("step_name", step.name());
    scene.set("stepno", place + 1);
    scene.set("seconds", (end - begin) / 1000);
    scene.set("begin_ms", begin);
    scene.set("end_ms", end);
    let words = words(step);
    scene.set("args", words.join(" "));
    let script =
        words.iter().find(|w| w.ends_with(".py") || w.ends_with(".jar")).copied().unwrap_or("s3://jobs/main.py");
    scene.set("script_uri", script);
    scene.set("script", script.rsplit('/').next().unwrap_or(script));
    let behind = |names: &[&str]| {
        let at = words.iter().position(|word| names.contains(word))?;
        words.get(at + 1).copied()
    };
    let mut paths = words.iter().filter(|word| word.starts_with("s3://") && word.ends_with('/')).copied();
    let input = behind(&["--input"]).or_else(|| paths.next()).unwrap_or("s3://data/input/");
    scene.set("input", input);
    scene.set("output", behind(&["--output"]).or_else(|| paths.last()).unwrap_or("s3://data/output/"));
    scene.set("month", behind(&["--month"]).unwrap_or("the month"));
    scene
}

fn step_logs(cluster: &EmrCluster, place: usize, account: &str, put: &mut Put<'_>) {
    let step = &cluster.steps[place];
    let scene = scene(cluster, place, account);
    let scenario = step.scenario;
    let name = scenario.map_or("healthy", StepScenario::name);
    let (begin, end) = (scene.begin, scene.end);
    let of = |template: &str| template::text(data::named(template), &scene);
    let cluster_mode = words(step).windows(2).any(|pair| pair == ["--deploy-mode", "cluster"]);
    let (controller, client) = match scenario {
        None => ("emr/controller-healthy", "emr/step-healthy"),
        Some(StepScenario::Cancelled) => ("emr/controller-cancelled", "emr/step-killed"),
        Some(_) => ("emr/controller-failed", "emr/step-failed"),
    };
    let (driver, stdout) = (of(&format!("emr/driver-{name}")), printed(&scene, &format!("emr/stdout-{name}")));
    let steps = format!("steps/{}", step.id);
    put(&format!("{steps}/controller.gz"), &of(controller), end);
    put(&format!("{steps}/syslog.gz"), "", end);
    if cluster_mode {
        put(&format!("{steps}/stderr.gz"), &of(client), end);
        put(&format!("{steps}/stdout.gz"), "", end);
    } else {
        put(&format!("{steps}/stderr.gz"), &driver, end);
        put(&format!("{steps}/stdout.gz"), &stdout, end);
    }
    let application = application(cluster, place);
    let mut container = |id: &str, stderr: &str, stdout: &str, at: i64| {
        let folder = format!("containers/{application}/{id}");
        put(&format!("{folder}/prelaunch.out.gz"), data::named("emr/prelaunch-out"), at);
        put(&format!("{folder}/prelaunch.err.gz"), "", at);
        put(&format!("{folder}/stderr.gz"), stderr, at);
        put(&format!("{folder}/stdout.gz"), stdout, at);
    };
    let slot = |name: &str| scene.slots.get(name).cloned().unwrap_or_default();
    if cluster_mode {
        container(&slot("driver.container"), &driver, &stdout, end);
    }
    // Which executors are shown: those of the story, and one that nothing happened to.
    let (fate, ends): (&str, Vec<(&str, &str, f64)>) = match scenario {
        Some(StepScenario::SpotReclaim) => {
            ("emr/executor-terminated", vec![("a", "", RECLAIMED[0]), ("b", "", RECLAIMED[1])])
        }
        Some(StepScenario::ContainerMemory) => ("emr/executor-killed", KILLED.to_vec()),
        _ => ("emr/executor-healthy", vec![("a", "", 1.0), ("b", "", 1.0)]),
    };
    for (who, suffix, gone) in &ends {
        let own = seen_from(&scene, who, suffix, *gone);
        let id = own.slots.get("x.container").cloned().unwrap_or_default();
        container(&id, &template::text(data::named(fate), &own), "", own.at(*gone));
    }
    let bystander = bystander(&scene);
    let fetching =
        if scenario == Some(StepScenario::SpotReclaim) { "emr/executor-fetch" } else { "emr/executor-healthy" };
    if let Some(id) = bystander.slots.get("x.container").filter(|id| !scene.slots.values().any(|slot| slot == *id)) {
        container(id, &template::text(data::named(fetching), &bystander), "", end);
    }
    if scenario.is_none() {
        return;
    }
    let master = primary(cluster).map(|member| member.ec2.clone()).unwrap_or_default();
    let manager = match scenario {
        Some(StepScenario::SpotReclaim) => "emr/resourcemanager-spot-reclaim",
        Some(StepScenario::Cancelled) => "emr/resourcemanager-cancelled",
        _ => "emr/resourcemanager-plain",
    };
    let yarn = |instance: &str| format!("node/{instance}/applications/hadoop-yarn");
    let path = format!("{}/hadoop-yarn-resourcemanager-{}.log.gz", yarn(&master), slot("master.host"));
    put(&path, &of(manager), end);
    let said = match scenario {
        Some(StepScenario::SpotReclaim) => Some("emr/nodemanager-terminated"),
        Some(StepScenario::ContainerMemory) => Some("emr/nodemanager-killed"),
        _ => None,
    };
    for node in ["a", "b"] {
        let (instance, host) = (slot(&format!("{node}.instance")), slot(&format!("{node}.host")));
        let mut text = template::text(data::named("emr/nodemanager-begin"), &seen_from(&scene, node, "", 1.0));
        let mut last = begin;
        for (who, suffix, gone) in &ends {
            let own = seen_from(&scene, who, suffix, *gone);
            if own.slots.get("x.host") == Some(&host) {
                text.push_str(&said.map(|said| template::text(data::named(said), &own)).unwrap_or_default());
                last = own.at(*gone);
            }
        }
        put(&format!("{}/hadoop-yarn-nodemanager-{host}.log.gz", yarn(&instance)), &text, last);
        let path = format!("node/{instance}/daemons/instance-state/instance-state.log-{}.gz", minute(last));
        put(&path, &instance_state(&seen_from(&scene, node, "", 1.0), begin.max(last - 60_000)), last);
    }
}

/// The scene of one executor. The new one is on the node of the first that was lost.
fn seen_from(scene: &Scene, who: &str, suffix: &str, gone: f64) -> Scene {
    let mut own = cast::seen_from(scene, if who == "new" { "a" } else { who }, suffix, gone);
    if who == "new" {
        for what in ["exec", "container"] {
            let value = scene.slots.get(&format!("new.{what}")).cloned().unwrap_or_default();
            own.set(&format!("x.{what}"), value);
        }
    }
    own
}

/// What the application printed: its times are those of its own lines, the last of them that of its end.
fn printed(scene: &Scene, template: &str) -> String {
    let late = Scene { begin: scene.at(0.02), ..scene.clone() };
    template::text(data::named(template), &late)
}

fn instance_state(scene: &Scene, at: i64) -> String {
    let mut own = Scene { begin: at, end: at, ..scene.clone() };
    own.set("kernel", "[  412.118034] nvme nvme1: 4/0/0 default/read/poll queues");
    template::text(data::named("emr/instance-state"), &own)
}

fn minute(ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(ms).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC);
    at.strftime("%Y-%m-%d-%H-%M").to_string()
}

/// The scene of the first executor of which nothing is told.
fn bystander(scene: &Scene) -> Scene {
    let mut own = scene.clone();
    for what in ["exec", "host", "ip", "container"] {
        if let Some(value) = scene.lists.get(&format!("rest.{what}")).and_then(|list| list.first()) {
            own.set(&format!("x.{what}"), value);
        }
    }
    own
}

fn bootstrap_logs(cluster: &EmrCluster, put: &mut Put<'_>) {
    let end = if cluster.phase == EmrClusterState::Terminating {
        cluster.since
    } else {
        cluster.ended.unwrap_or(cluster.since)
    };
    let mut scene = Scene { begin: cluster.created, end, ..Scene::default() };
    let script = &cluster.asked["BootstrapActions"][0]["ScriptBootstrapAction"];
    let path = script["Path"].as_str().unwrap_or("s3://bootstrap/install.sh");
    let args: Vec<&str> = script["Args"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let first = args.first().copied().unwrap_or("pyarrow==12.0.1");
    scene.set("bootstrap_uri", path);
    scene.set("bootstrap", path.rsplit('/').next().unwrap_or(path));
    scene.set("bootstrap_args", args.join(" "));
    scene.set("bootstrap_arg", first);
    scene.set("bootstrap_package", first.split("==").next().unwrap_or(first));
    scene.set("seconds", (end - cluster.created) / 1000);
    let instance = primary(cluster).map(|member| member.ec2.clone()).unwrap_or_default();
    for (file, template) in [
        ("controller", "emr/bootstrap-controller"),
        ("stderr", "emr/bootstrap-stderr"),
        ("stdout", "emr/bootstrap-stdout"),
    ] {
        let path = format!("node/{instance}/bootstrap-actions/1/{file}.gz");
        put(&path, &template::text(data::named(template), &scene), end);
    }
}
