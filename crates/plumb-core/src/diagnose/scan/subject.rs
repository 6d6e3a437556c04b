//! Whom a clue is about: what its pattern names, and what the path of its file says. And which names belong together.

use crate::diagnose::clue::{ClueSubject, Layer};
use crate::diagnose::facts::NameRelation;
use crate::logs::{FileKind, LogPlace, container_parts};
use std::collections::{BTreeMap, BTreeSet};

/// More names than this are not joined: a file of made-up ones must not fill the memory.
const MOST_RELATIONS: usize = 50_000;

/// Which layer a file tells of.
pub(super) fn layer_of(place: &LogPlace) -> Layer {
    match place.kind {
        FileKind::AirflowTask | FileKind::AirflowScheduler => Layer::Airflow,
        FileKind::Answer => Layer::Service,
        FileKind::StepController | FileKind::StepStderr | FileKind::StepStdout | FileKind::StepSyslog => Layer::Step,
        FileKind::Driver | FileKind::DriverStdout => Layer::Driver,
        FileKind::Executor | FileKind::ExecutorStdout => Layer::Executor,
        FileKind::NodeManager
        | FileKind::ResourceManager
        | FileKind::InstanceState
        | FileKind::Bootstrap
        | FileKind::InitScript => Layer::Node,
        FileKind::Unknown if place.host.is_some() && place.container.is_none() => Layer::Node,
        FileKind::Unknown => Layer::Driver,
    }
}

/// Whom a clue is about. What the path says holds where the pattern names nobody: a driver's line about executor 5 is not about
/// the driver's container.
pub(super) fn subject_of(place: &LogPlace, slots: &BTreeMap<String, String>) -> ClueSubject {
    let slot = |name: &str| slots.get(name).filter(|value| !value.is_empty()).cloned();
    let host = slot("host").map(|host| host_of(&host));
    let (container, executor) = (slot("container"), slot("executor"));
    let of_container = container.as_deref().and_then(container_parts);
    let names_nobody = host.is_none() && container.is_none() && executor.is_none();
    let is_of_node = matches!(
        place.kind,
        FileKind::NodeManager | FileKind::InstanceState | FileKind::Bootstrap | FileKind::InitScript
    );
    let attempt = slot("attempt").and_then(|text| text.parse().ok());
    ClueSubject {
        application: slot("application")
            .or_else(|| of_container.as_ref().map(|(application, ..)| application.clone()))
            .or_else(|| place.application.clone()),
        attempt: attempt.or(of_container.map(|(_, attempt, _)| attempt)).or(place.attempt),
        container: container.or_else(|| place.container.clone().filter(|_| names_nobody)),
        executor: executor.or_else(|| place.executor.clone().filter(|_| names_nobody)),
        host: host.or_else(|| {
            place.host.clone().filter(|_| names_nobody && place.kind != FileKind::ResourceManager || is_of_node)
        }),
        stage: slot("stage"),
        tid: slot("tid"),
        task: slot("task").or_else(|| place.task.clone()),
    }
}

/// A host without its port.
fn host_of(host: &str) -> String {
    match host.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') && port.bytes().all(|b| b.is_ascii_digit()) => name.to_owned(),
        _ => host.trim_end_matches(['.', ',']).to_owned(),
    }
}

/// What a path joins: two names of its node, an executor and its container.
pub(super) fn relate_place(place: &LogPlace, relations: &mut BTreeSet<NameRelation>) {
    if let (Some(id), Some(name)) = (&place.host, &place.host_name) {
        relations.insert(NameRelation::SameHost(id.clone(), name.clone()));
    }
    if let (Some(container), Some(executor)) = (&place.container, &place.executor) {
        relations.insert(NameRelation::ContainerOf { container: container.clone(), executor: executor.clone() });
    }
}

/// What a line joins: an executor and its host, a container and its node.
pub(super) fn relate(
    place: &LogPlace,
    subject: &ClueSubject,
    slots: &BTreeMap<String, String>,
    relations: &mut BTreeSet<NameRelation>,
) {
    if relations.len() >= MOST_RELATIONS {
        return;
    }
    let named = |name: &str| slots.get(name).is_some_and(|value| !value.is_empty());
    let (names_host, names_executor) = (named("host"), named("executor"));
    // An executor tells of itself in its own log, and the driver of the driver.
    let is_itself = match place.kind {
        FileKind::Executor | FileKind::ExecutorStdout => true,
        FileKind::Driver | FileKind::DriverStdout => subject.executor.as_deref() == Some("driver"),
        _ => false,
    };
    let container = subject.container.clone().or_else(|| place.container.clone().filter(|_| is_itself));
    if let (Some(executor), Some(host), true) = (&subject.executor, &subject.host, names_host && names_executor) {
        relations.insert(NameRelation::ExecutorOn {
            application: subject.application.clone(),
            executor: executor.clone(),
            host: host.clone(),
        });
    }
    if let (Some(container), Some(host)) = (&container, &subject.host)
        && (names_host || named("container"))
    {
        relations.insert(NameRelation::ContainerOn { container: container.clone(), host: host.clone() });
    }
    if let (Some(container), Some(executor), true) = (container, &subject.executor, names_executor) {
        relations.insert(NameRelation::ContainerOf { container, executor: executor.clone() });
    }
}
