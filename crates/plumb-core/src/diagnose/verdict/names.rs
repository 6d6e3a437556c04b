//! Which names are of one node, one executor, one container.

use crate::diagnose::clue::ClueSubject;
use crate::diagnose::facts::NameRelation;
use std::collections::{BTreeMap, HashMap};

/// How two clues stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kinship {
    /// They are about different things.
    Different,
    /// Their names cannot be compared: an instance's id here, an address there.
    Unknown,
    /// They are about one thing.
    Same,
}

/// What a clue is about, by the numbers of [`NodeNames`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Whereabouts {
    pub(super) node: Option<usize>,
    pub(super) executor: Option<String>,
    pub(super) container: Option<String>,
}

const ID: u8 = 1;
const ADDRESS: u8 = 2;

/// The names of nodes, and what ran on them. NodeNames of one node are in one set.
#[derive(Default)]
pub(super) struct NodeNames {
    parent: Vec<usize>,
    /// Which kinds of names a set has.
    kinds: Vec<u8>,
    nodes: HashMap<String, usize>,
    executor_nodes: HashMap<(String, String), usize>,
    container_nodes: HashMap<String, usize>,
    container_executors: HashMap<String, String>,
    /// How the node of an executor is written, for titles.
    executor_hosts: BTreeMap<String, String>,
}

impl NodeNames {
    /// Joins the names of `relations` first and then those that a clue itself says together.
    pub(super) fn of<'a>(
        relations: impl Iterator<Item = &'a NameRelation>,
        subjects: impl Iterator<Item = &'a ClueSubject>,
    ) -> NodeNames {
        let mut names = NodeNames::default();
        for relation in relations {
            names.join(relation);
        }
        for subject in subjects {
            names.told_together(subject);
        }
        names
    }

    fn told_together(&mut self, subject: &ClueSubject) {
        if let Some(host) = &subject.host {
            self.intern(host);
        }
        if let (Some(executor), Some(host)) = (&subject.executor, &subject.host) {
            self.executor_on(subject.application.as_deref(), executor, host);
        }
        if let (Some(container), Some(host)) = (&subject.container, &subject.host) {
            self.container_on(container, host);
        }
        if let (Some(container), Some(executor)) = (&subject.container, &subject.executor) {
            self.container_executors.entry(container.clone()).or_insert_with(|| executor.clone());
        }
    }

    fn join(&mut self, relation: &NameRelation) {
        match relation {
            NameRelation::SameHost(one, other) => {
                let (one, other) = (self.intern(one), self.intern(other));
                self.unite(one, other);
            }
            NameRelation::ExecutorOn { application, executor, host } => {
                self.executor_on(application.as_deref(), executor, host);
            }
            NameRelation::ContainerOn { container, host } => self.container_on(container, host),
            NameRelation::ContainerOf { container, executor } => {
                self.container_executors.entry(container.clone()).or_insert_with(|| executor.clone());
            }
        }
    }

    fn executor_on(&mut self, application: Option<&str>, executor: &str, host: &str) {
        let node = self.intern(host);
        let key = |application: &str| (application.to_owned(), executor.to_owned());
        self.executor_nodes.entry(key(application.unwrap_or_default())).or_insert(node);
        self.executor_nodes.entry(key("")).or_insert(node);
        self.executor_hosts.entry(executor.to_owned()).or_insert_with(|| host.to_owned());
    }

    fn container_on(&mut self, container: &str, host: &str) {
        let node = self.intern(host);
        self.container_nodes.entry(container.to_owned()).or_insert(node);
    }

    fn intern(&mut self, host: &str) -> usize {
        let name = host_name(host);
        if let Some(&node) = self.nodes.get(&name) {
            return node;
        }
        let node = self.parent.len();
        self.parent.push(node);
        self.kinds.push(if name.starts_with("i-") { ID } else { ADDRESS });
        self.nodes.insert(name, node);
        node
    }

    /// The number that stands for the set of a node; the way to it gets shorter.
    fn find(&mut self, node: usize) -> usize {
        let mut at = node;
        while let Some(&up) = self.parent.get(at)
            && up != at
        {
            let above = self.parent.get(up).copied().unwrap_or(up);
            if let Some(parent) = self.parent.get_mut(at) {
                *parent = above;
            }
            at = above;
        }
        at
    }

    fn root(&self, node: usize) -> usize {
        let mut at = node;
        while let Some(&up) = self.parent.get(at)
            && up != at
        {
            at = up;
        }
        at
    }

    fn unite(&mut self, one: usize, other: usize) {
        let (one, other) = (self.find(one), self.find(other));
        let (stays, goes) = (one.min(other), one.max(other));
        let kinds = self.kinds.get(goes).copied().unwrap_or_default();
        if let Some(kind) = self.kinds.get_mut(stays) {
            *kind |= kinds;
        }
        if let Some(parent) = self.parent.get_mut(goes) {
            *parent = stays;
        }
    }

    /// What a subject is about.
    pub(super) fn whereabouts(&self, subject: &ClueSubject) -> Whereabouts {
        let container = subject.container.clone();
        let executor = subject
            .executor
            .clone()
            .or_else(|| container.as_ref().and_then(|c| self.container_executors.get(c).cloned()));
        let named = subject.host.as_deref().and_then(|host| self.nodes.get(&host_name(host)).copied());
        let by_container = || container.as_ref().and_then(|c| self.container_nodes.get(c).copied());
        let by_executor = || {
            let executor = executor.as_ref()?;
            let key = |application: &str| (application.to_owned(), executor.clone());
            let exact = subject.application.as_deref().and_then(|a| self.executor_nodes.get(&key(a)));
            exact.or_else(|| self.executor_nodes.get(&key(""))).copied()
        };
        let node = named.or_else(by_container).or_else(by_executor).map(|node| self.root(node));
        Whereabouts { node, executor, container }
    }

    /// How the node of an executor is written.
    pub(super) fn host_of(&self, executor: &str) -> Option<&str> {
        self.executor_hosts.get(executor).map(String::as_str)
    }

    /// Whether two are about one thing, as far as their names tell.
    pub(super) fn kinship(&self, one: &Whereabouts, other: &Whereabouts) -> Kinship {
        let mut different = false;
        if let (Some(a), Some(b)) = (one.node, other.node) {
            if a == b {
                return Kinship::Same;
            }
            let kinds = |node: usize| self.kinds.get(node).copied().unwrap_or_default();
            different |= kinds(a) & kinds(b) != 0;
        }
        for (a, b) in [(&one.container, &other.container), (&one.executor, &other.executor)] {
            if let (Some(a), Some(b)) = (a, b) {
                if a == b {
                    return Kinship::Same;
                }
                different = true;
            }
        }
        if different { Kinship::Different } else { Kinship::Unknown }
    }
}

/// One spelling of a node's name: `ip-10-0-1-7.ec2.internal:8041` is `10.0.1.7`.
pub(super) fn host_name(written: &str) -> String {
    let name = written.trim().trim_start_matches('/').to_ascii_lowercase();
    let name = match name.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') && port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => &name,
    };
    let first = name.split('.').next().unwrap_or(name);
    if let Some(address) = first.strip_prefix("ip-") {
        let address = address.replace('-', ".");
        if address.split('.').count() == 4 && address.split('.').all(|part| part.parse::<u8>().is_ok()) {
            return address;
        }
    }
    name.trim_end_matches('.').to_owned()
}

/// The application and the attempt that a container's id names: `container_[eNN_]CLUSTER_APP_ATTEMPT_N`.
pub(super) fn of_container(container: &str) -> Option<(String, u32)> {
    let rest = container.strip_prefix("container_")?;
    let mut parts: Vec<&str> = rest.split('_').collect();
    if parts.first().is_some_and(|part| part.starts_with('e')) {
        parts.remove(0);
    }
    match parts.as_slice() {
        [cluster, application, attempt, _] => {
            Some((format!("application_{cluster}_{application}"), attempt.parse().ok()?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Kinship, NodeNames, host_name, of_container};
    use crate::diagnose::clue::ClueSubject;
    use crate::diagnose::facts::NameRelation;

    fn about(host: Option<&str>, executor: Option<&str>, container: Option<&str>) -> ClueSubject {
        ClueSubject {
            host: host.map(str::to_owned),
            executor: executor.map(str::to_owned),
            container: container.map(str::to_owned),
            ..ClueSubject::default()
        }
    }

    #[test]
    fn one_spelling_of_a_host() {
        assert_eq!(host_name("ip-10-0-1-7"), "10.0.1.7");
        assert_eq!(host_name("ip-10-0-1-7.eu-west-1.compute.internal:8041"), "10.0.1.7");
        assert_eq!(host_name("/10.0.1.7:4040"), "10.0.1.7");
        assert_eq!(host_name("Worker-3.acme."), "worker-3.acme");
        assert_eq!(host_name("ip-10-0-1"), "ip-10-0-1");
        assert_eq!(host_name("fe80::1"), "fe80::1");
    }

    #[test]
    fn what_a_container_says() {
        let said = Some(("application_1700_0001".to_owned(), 2));
        assert_eq!(of_container("container_1700_0001_02_000001"), said);
        assert_eq!(of_container("container_e17_1700_0001_02_000001"), said);
        assert_eq!(of_container("app-2026"), None);
    }

    #[test]
    fn names_of_one_node_are_one() {
        let relations = [
            NameRelation::SameHost("i-0a".into(), "10.0.1.7".into()),
            NameRelation::SameHost("i-0b".into(), "10.0.1.8".into()),
            NameRelation::ExecutorOn {
                application: None,
                executor: "5".into(),
                host: "ip-10-0-1-7.ec2.internal".into(),
            },
            NameRelation::ContainerOf { container: "c9".into(), executor: "5".into() },
        ];
        let subjects = [about(Some("i-0c"), None, None), about(Some("10.0.9.9"), None, None)];
        let names = NodeNames::of(relations.iter(), subjects.iter());
        let at = |host, executor, container| names.whereabouts(&about(host, executor, container));
        let node = at(Some("i-0a"), None, None);
        assert_eq!(names.kinship(&node, &at(None, None, Some("c9"))), Kinship::Same);
        assert_eq!(names.kinship(&node, &at(None, Some("5"), None)), Kinship::Same);
        assert_eq!(names.kinship(&node, &at(Some("10.0.1.8"), None, None)), Kinship::Different);
        assert_eq!(names.kinship(&node, &at(None, None, None)), Kinship::Unknown);
    }

    #[test]
    fn an_id_and_an_address_cannot_be_compared() {
        let subjects = [about(Some("i-0c"), None, None), about(Some("10.0.9.9"), None, None)];
        let names = NodeNames::of([].iter(), subjects.iter());
        let [one, other] = &subjects;
        assert_eq!(names.kinship(&names.whereabouts(one), &names.whereabouts(other)), Kinship::Unknown);
    }
}
