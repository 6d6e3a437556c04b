//! What Databricks says of clusters: their events and their ends. Shapes: `compute.py` of databricks-sdk.

use super::Beside;
use super::locate::AnswerMember;
use super::reader::{About, AnswerReader};
use crate::diagnose::clue::{ClueRole, Layer, Strength};
use crate::diagnose::facts::RunSubject;
use crate::diagnose::result::RunOutcome;

/// Events that say that something is wrong, if the catalogue does not know more of them.
const BAD: &[&str] = &[
    "ADD_NODES_FAILED",
    "AUTOSCALING_FAILED",
    "DBFS_DOWN",
    "DRIVER_NOT_RESPONDING",
    "DRIVER_UNAVAILABLE",
    "FAILED_TO_EXPAND_DISK",
    "METASTORE_DOWN",
    "NODES_LOST",
    "SPARK_EXCEPTION",
    "UC_VOLUME_MISCONFIGURED",
];

/// How an init script ended well, or not at all.
const SCRIPT_OK: &[&str] = &["SUCCEEDED", "SKIPPED", "NOT_EXECUTED", "UNKNOWN", ""];

/// The end of a job's cluster: no failure.
const JOB_FINISHED: &str = "JOB_FINISHED";
/// Ends that somebody or a policy wants: they do not say that a run failed.
const WANTED_ENDS: &[&str] = &["", JOB_FINISHED, "INACTIVITY", "USER_REQUEST"];

/// `POST /api/2.1/clusters/events`, in any order.
pub(super) fn events(reader: &mut AnswerReader<'_>, answer: AnswerMember<'_>, beside: &Beside) {
    let listed = if answer.value.is_array() { answer } else { answer.get("events") };
    let events = reader.list(listed);
    reader.facts.read.events = events.len() as u64;
    let mut of_others = 0_usize;
    for event in events {
        let cluster = reader.text(event.get("cluster_id"));
        if !beside.is_cluster(cluster.as_deref()) {
            of_others += 1;
            continue;
        }
        let at = reader.time(event.get("timestamp"));
        if at.zip(beside.window).is_some_and(|(at, (from, to))| at < from || at > to) {
            continue;
        }
        let attempt = beside.attempt_on(cluster.as_deref());
        if attempt.is_some_and(|attempt| attempt.recovered) {
            continue;
        }
        let mut about = About::new(Layer::Service, at);
        if let Some(attempt) = attempt {
            about.subject.task.clone_from(&attempt.task);
            about.subject.attempt = attempt.attempt;
        }
        about.slot("cluster", cluster);
        self::event(reader, event, about);
    }
    if of_others > 0 {
        let file = reader.file.to_owned();
        reader.missing(file, format!("{of_others} events are of clusters that none of this run's tasks ran on"));
    }
    reader.is_page(answer.get("next_page_token"));
    reader.next_event();
}

fn event(reader: &mut AnswerReader<'_>, event: AnswerMember<'_>, mut about: About) {
    let kind = reader.text(event.get("type")).unwrap_or_default();
    let details = reader.object(event.get("details"));
    let reason = reader.object(details.get("reason"));
    let parameters = reader.object(reason.get("parameters"));
    let code = reader.text(reason.get("code")).unwrap_or_default();
    about.layer = match kind.as_str() {
        "NODES_LOST" | "FAILED_TO_EXPAND_DISK" | "DID_NOT_EXPAND_DISK" | "NODE_BLACKLISTED" => Layer::Node,
        _ if kind.starts_with("DRIVER_") || kind == "SPARK_EXCEPTION" => Layer::Driver,
        _ => Layer::Service,
    };
    let mut hosts = hosts(reader, [details, parameters, event.get("data_plane_event_details")]);
    slots(reader, details, parameters, &mut about);
    reader.next_event();
    if kind == "INIT_SCRIPTS_FINISHED" {
        init_scripts(reader, details.get("init_scripts"), &about);
    }
    if code == JOB_FINISHED {
        return;
    }
    about.subject.host = hosts.first().cloned();
    let nodes = hosts.join(" ");
    let said = [kind.as_str(), code.as_str(), &nodes].into_iter().filter(|part| !part.is_empty());
    let said = said.collect::<Vec<_>>().join(", ");
    let member = if code.is_empty() { event.get("type") } else { reason.get("code") };
    // One clue a node: what is linked to any of them is explained by it.
    if hosts.is_empty() {
        hosts.push(String::new());
    }
    for host in hosts {
        let mut about = about.clone();
        about.subject.host = Some(host).filter(|host| !host.is_empty());
        coded(reader, (&kind, &code), reason, member, &said, &about, event);
    }
    texts(reader, details, parameters, &about);
    let fails = reason.get("type").value.as_str() != Some("SUCCESS") && !WANTED_ENDS.contains(&code.as_str());
    if kind == "TERMINATING" && fails {
        reader.outcome(RunOutcome::Failed, reason.get("code"), &said);
    }
}

fn coded(
    reader: &mut AnswerReader<'_>,
    (kind, code): (&str, &str),
    reason: AnswerMember<'_>,
    member: AnswerMember<'_>,
    said: &str,
    about: &About,
    event: AnswerMember<'_>,
) {
    if !code.is_empty() {
        let both = format!("{kind}/{code}");
        if reader.code("databricks.event", &both, member, said, about)
            || reader.code("databricks.cluster", code, member, said, about)
        {
            return;
        }
    }
    let by_kind = reader.code("databricks.event", kind, event.get("type"), said, about);
    if !code.is_empty() && reason.get("type").value.as_str() != Some("SUCCESS") {
        reader.unknown_code(code, member, said, about);
    } else if !by_kind && BAD.contains(&kind) {
        reader.unknown_code(kind, event.get("type"), said, about);
    }
}

/// The nodes that an event names; their ids and addresses belong together.
fn hosts(reader: &mut AnswerReader<'_>, places: [AnswerMember<'_>; 3]) -> Vec<String> {
    let mut hosts = Vec::new();
    for place in places {
        let ids = reader.text(place.first_of(&["instance_id", "host_id"]));
        let names =
            ["host_private_ip", "private_ip", "instance_ip", "ip_address"].map(|name| reader.text(place.get(name)));
        // Several nodes are lost at one time.
        let ids: Vec<String> = ids.iter().flat_map(|ids| ids.split([',', ' '])).map(str::to_owned).collect();
        if let [id] = &ids[..] {
            let all: Vec<Option<String>> = std::iter::once(Some(id.clone())).chain(names.clone()).collect();
            reader.same_host(&all);
        }
        let found = if ids.is_empty() { names.into_iter().flatten().take(1).collect() } else { ids };
        for host in found {
            if !host.is_empty() && !hosts.contains(&host) && hosts.len() < MOST_HOSTS {
                hosts.push(host);
            }
        }
    }
    hosts
}

/// The most nodes of one event that get a clue of their own.
const MOST_HOSTS: usize = 50;

fn slots(reader: &mut AnswerReader<'_>, details: AnswerMember<'_>, parameters: AnswerMember<'_>, about: &mut About) {
    let named = [
        ("principal", parameters.get("username")),
        ("principal", details.get("user")),
        ("minutes", parameters.get("inactivity_duration_min")),
        ("aws_code", parameters.get("aws_api_error_code")),
        ("wanted", details.get("target_num_workers")),
        ("had", details.get("current_num_workers")),
        ("free", details.get("free_space")),
    ];
    for (name, member) in named {
        let value = reader.text(member);
        about.slot(name, value);
    }
}

/// The texts of an event or of an end.
fn texts(reader: &mut AnswerReader<'_>, details: AnswerMember<'_>, parameters: AnswerMember<'_>, about: &About) {
    for name in ["driver_state_message", "did_not_expand_reason"] {
        reader.message(details.get(name), about);
    }
    for parameter in parameters.members() {
        let is_text = ["message", "error", "status", "code", "reason", "details"]
            .iter()
            .any(|part| parameter.name.contains(part));
        if is_text {
            reader.message(parameter, about);
        }
    }
}

fn init_scripts(reader: &mut AnswerReader<'_>, scripts: AnswerMember<'_>, about: &About) {
    let scripts = reader.object(scripts);
    let node = reader.text(scripts.get("reported_for_node"));
    for (scope, code) in [("cluster", "INIT_SCRIPT_FAILURE"), ("global", "GLOBAL_INIT_SCRIPT_FAILURE")] {
        for script in reader.list(scripts.get(scope)) {
            let status = reader.text(script.get("status")).unwrap_or_default();
            if SCRIPT_OK.contains(&status.as_str()) {
                continue;
            }
            let mut about = about.clone();
            about.layer = Layer::Node;
            about.subject.host.clone_from(&node);
            let stores = ["workspace", "volumes", "s3", "dbfs", "file", "abfss", "gcs"];
            let path = stores.iter().find_map(|store| script.get(store).get("destination").value.as_str());
            about.slot("script", path.map(str::to_owned));
            let said = format!("{}: {status}", path.unwrap_or("init script"));
            let member = script.get("status");
            reader.next_event();
            let both = format!("INIT_SCRIPTS_FINISHED/{status}");
            let _known = reader.code("databricks.event", &both, member, &said, &about)
                || reader.code("databricks.event", "INIT_SCRIPTS_FINISHED/FAILED", member, &said, &about)
                || reader.code("databricks.cluster", code, member, &said, &about)
                || {
                    reader.class("INIT_SCRIPT", ClueRole::Cause, member, &said, &about);
                    true
                };
            reader.message(script.get("error_message"), &about);
            reader.message(script.get("stderr"), &about);
        }
    }
}

/// The run of a job's cluster, by the cluster's name: `job-11-run-88120-main`.
fn run_in(name: &str) -> Option<&str> {
    let (job, rest) = name.strip_prefix("job-")?.split_once("-run-")?;
    let run = rest.split('-').next().unwrap_or_default();
    let is_id = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (is_id(job) && is_id(run)).then_some(run)
}

/// `GET /api/2.1/clusters/get`.
pub(super) fn cluster(reader: &mut AnswerReader<'_>, answer: AnswerMember<'_>, beside: &Beside) {
    let id = reader.text(answer.get("cluster_id"));
    if !beside.is_cluster(id.as_deref()) {
        let file = reader.file.to_owned();
        reader.missing(file, format!("none of this run's tasks ran on cluster {}", id.unwrap_or_default()));
        return;
    }
    let driver = reader.object(answer.get("driver"));
    let executors = reader.list(answer.get("executors"));
    for node in std::iter::once(driver).chain(executors) {
        let names = ["instance_id", "private_ip", "host_private_ip"].map(|name| reader.text(node.get(name)));
        reader.same_host(&names);
    }
    let name = reader.text(answer.get("cluster_name"));
    let ended = reader.time(answer.get("terminated_time"));
    reader.facts.subject = RunSubject {
        name: name.clone().unwrap_or_default(),
        system: "databricks".to_owned(),
        // A job's cluster is named after its run.
        run: name.as_deref().and_then(run_in).map(str::to_owned).or_else(|| id.clone()),
        started: reader.time(answer.get("start_time")),
        ended,
        ..RunSubject::default()
    };
    let reason = reader.object(answer.get("termination_reason"));
    let parameters = reader.object(reason.get("parameters"));
    let code = reader.text(reason.get("code")).unwrap_or_default();
    if code == JOB_FINISHED {
        return;
    }
    let mut about = About::new(Layer::Service, ended);
    if let Some(attempt) = beside.attempt_on(id.as_deref()) {
        about.subject.task.clone_from(&attempt.task);
        about.subject.attempt = attempt.attempt;
    }
    about.slot("cluster", id);
    about.subject.host = hosts(reader, [parameters; 3]).into_iter().next();
    slots(reader, answer, parameters, &mut about);
    reader.next_event();
    let is_failure = reason.get("type").value.as_str() != Some("SUCCESS");
    if !code.is_empty() && !reader.code("databricks.cluster", &code, reason.get("code"), &code, &about) && is_failure {
        reader.unknown_code(&code, reason.get("code"), &code, &about);
    }
    texts(reader, answer, parameters, &about);
    reader.message(answer.get("state_message"), &about);
    let state = reader.text(answer.get("state")).unwrap_or_default();
    if state == "ERROR" || (is_failure && !WANTED_ENDS.contains(&code.as_str())) {
        let member = if code.is_empty() { answer.get("state") } else { reason.get("code") };
        reader.outcome(RunOutcome::Failed, member, &format!("{state} {code}"));
        if code.is_empty() {
            let class = ("CLOUD_LAUNCH", reader.role("CLOUD_LAUNCH").unwrap_or(ClueRole::Symptom));
            reader.clue(class, Strength::Service, member, &state, &about);
        }
    }
    reader.next_event();
}
