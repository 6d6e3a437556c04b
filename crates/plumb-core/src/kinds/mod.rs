//! The kinds of resource that plumb manages, one a file.
//!
//! A kind is a typed spec with field rules, how to find live objects, and how to turn a decided step into calls.
//! Everything else (comparing, deciding, ordering, applying, rendering) is written once and knows no kind.

#[cfg(test)]
mod develop_tests;
mod findings;
pub mod impact;
pub mod managed;
pub mod mark;
pub mod reading;

pub mod databricks {
    //! Databricks workspaces: jobs, clusters, cluster policies, instance pools.
    // kinds: one file each
    pub mod cluster;
    pub mod job;
    pub mod policy;
    pub mod pool;
    // their parts, and what several kinds share
    pub mod access;
    pub mod ai_functions;
    pub mod ai_tasks;
    #[cfg(test)]
    mod check_tests;
    mod cluster_check;
    mod code_paths;
    pub mod compute;
    #[cfg(test)]
    mod filled_tests;
    pub mod git;
    mod grants;
    mod job_check;
    pub mod job_parts;
    pub mod libraries;
    mod limits;
    pub mod notifications;
    mod permissions;
    pub mod policy_rule;
    pub mod pool_parts;
    pub mod report_tasks;
    #[cfg(test)]
    mod rules_tests;
    pub mod storage;
    mod task_check;
    pub mod task_types;
    pub mod tasks;
    pub mod triggers;
    pub mod undeclared;
}

pub mod airflow {
    //! Airflow deployments: DAGs, connections, variables, pools.
    // kinds: one file each
    pub mod connection;
    pub mod dag;
    pub mod pool;
    pub mod variable;
    // their parts, and what several kinds share
    mod check;
    mod dag_check;
    pub mod dag_live;
    pub mod dag_runs;
    pub mod dag_spec;
    pub mod destination;
    pub mod python;
    pub mod secret;
    #[cfg(test)]
    mod tests;
}

pub mod emr {
    //! EMR accounts: what is to become of the old pipelines' clusters, applications and security configurations.
    // kinds: one file each
    pub mod application;
    pub mod cluster;
    pub mod migration;
    pub mod security;
    // what several kinds share
    pub mod api;
    pub mod ladder;
    pub mod old;
    #[cfg(test)]
    mod tests;
}

use plumb_model::call::{Call, Settled, System};
use plumb_model::read::{Pages, Read};
use plumb_model::schema::{Path, Rules};
use plumb_model::yaml::{Node, Problem, Problems, Tree};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{collections::BTreeMap, sync::OnceLock};

pub use findings::{Finding, Findings};
pub use impact::{Impact, ImpactClass};
pub use mark::{Mark, MarkPlace, Owner, Rev};
pub use reading::{Details, Unreadable, Whose};

/// Every kind that plumb knows, in the order of their names.
pub fn all() -> &'static [&'static dyn AnyKind] {
    static ALL: OnceLock<Vec<&'static dyn AnyKind>> = OnceLock::new();
    ALL.get_or_init(|| {
        vec![
            of::<airflow::connection::AirflowConnection>(),
            of::<airflow::dag::AirflowDag>(),
            of::<airflow::pool::AirflowPool>(),
            of::<airflow::variable::AirflowVariable>(),
            of::<databricks::cluster::DatabricksCluster>(),
            of::<databricks::policy::DatabricksClusterPolicy>(),
            of::<databricks::pool::DatabricksInstancePool>(),
            of::<databricks::job::DatabricksJob>(),
            of::<emr::cluster::EmrCluster>(),
            of::<emr::security::EmrSecurityConfiguration>(),
            of::<emr::application::EmrServerlessApplication>(),
            of::<emr::migration::Migration>(),
        ]
    })
}

/// The kinds whose manifests each make one object: those that are compared, made and deleted by the common rules.
pub fn objects() -> &'static [&'static dyn AnyKind] {
    static OBJECTS: OnceLock<Vec<&'static dyn AnyKind>> = OnceLock::new();
    OBJECTS.get_or_init(|| all().iter().copied().filter(|kind| kind.role() == Role::Object).collect())
}

/// What the manifests of a kind are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Each makes one live object what it says.
    Object,
    /// Each says what is to become of things that others made, and takes them down step by step.
    Ladder,
    /// Each only says how other manifests belong together.
    Tie,
}

/// Another manifest that a spec names by its address, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Named {
    /// In the notation of the reader: `teardown.replacedBy[0]`.
    pub path: String,
    pub address: String,
    /// The kinds that it may be of.
    pub kinds: &'static [&'static str],
}

/// A kind as a value that lives as long as the program.
pub fn of<K: Kind>() -> &'static dyn AnyKind {
    Box::leak(Box::new(Of::<K> { schema: OnceLock::new(), kind: std::marker::PhantomData }))
}

/// The kind of that name.
pub fn find(name: &str) -> Option<&'static dyn AnyKind> {
    all().iter().copied().find(|k| k.name() == name)
}

/// A live object, brought into the shape of its kind's spec.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    pub id: String,
    /// The spec as it is live, the mark included. May hold members that the spec does not know: comparing drops them.
    pub spec: Value,
    /// A state worth telling (`RUNNING`), where the kind has one.
    pub state: Option<String>,
    /// Runs that are going on now, where that was asked (see [`Kind::activity`]).
    pub active_runs: usize,
    /// Whether that was asked and could not be read.
    pub unknown_runs: bool,
    /// Whether [`Kind::details`] have yet to be read before `spec` is whole.
    pub partial: bool,
    /// Whatever else the kind's own `calls` need to know of the live object.
    pub facts: Value,
    /// Why what [`Kind::details`] were to show could not be read. Such an object is not written.
    pub unread: Option<String>,
}

/// What a kind is to turn into calls.
#[derive(Clone, Debug)]
pub struct Step<'a> {
    pub verb: Verb,
    /// The live object; `None` when it is being created.
    pub live: Option<&'a Observed>,
    /// The whole spec to send: the manifest's, the mark, and what is live where that is to be kept. `Null` for a delete.
    pub body: &'a Value,
    /// What changes.
    pub changed: &'a [Path],
    /// When it is decided.
    pub now: jiff::Timestamp,
}

/// Something that a step sets going at once and that its manifest may not have meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunNow {
    /// What, in a few words: "starts a run now: the tick of 2024-05-02 04:00 has passed".
    pub what: String,
    /// Whether the manifest says that it may.
    pub allowed: bool,
    /// What the manifest has to say for it.
    pub remedy: String,
}

/// What is done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Create,
    Update,
    Delete,
}

impl Step<'_> {
    /// The id of the live object; a placeholder while there is none yet.
    pub fn id(&self) -> &str {
        self.live.map_or("${id}", |seen| &seen.id)
    }

    /// Whether the change touches a top-level member.
    pub fn changes(&self, member: &str) -> bool {
        self.changed.iter().any(|p| p.top() == Some(member))
    }

    /// Whether the change touches anything but these top-level members.
    pub fn changes_beyond(&self, members: &[&str]) -> bool {
        self.changed.iter().any(|p| p.top().is_none_or(|top| !members.contains(&top)))
    }
}

/// What the calls of a kind do to live settings that its spec does not model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownSettings {
    /// A write replaces the whole object: what is sent along stays, and what is left out goes. The body of a step has
    /// them.
    Replaced,
    /// A write changes what it names and nothing else: they stay by themselves, and cannot be taken away.
    Untouched,
    /// A write says only what the spec can say: they would be lost.
    Lost,
}

/// A step that the service has no calls for.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct Unsupported(pub String);

/// A kind of resource. All methods are pure.
pub trait Kind: Send + Sync + 'static {
    /// The name in manifests: `DatabricksJob`.
    const NAME: &'static str;
    /// Where its objects live.
    const SYSTEM: System;
    /// What people call one: "job".
    const NOUN: &'static str;
    /// The member of the spec that people know an object by.
    const TITLE: &'static str;
    /// Whether that member only tells people what the object is: a target in development mode then puts the
    /// developer's name before it. Code that looks an object up by its name would no longer find it.
    const TITLE_IS_FREE: bool = true;
    /// Where the mark is kept.
    const MARK: MarkPlace;
    /// What its manifests are.
    const ROLE: Role = Role::Object;
    /// Members of a live spec that may be of another type than a manifest's; `*` is all of them. An object in which any
    /// other list or map is something else could not be read, and is not written.
    const LOOSE: &'static [&'static str] = &[];
    /// What a manifest says.
    type Spec: DeserializeOwned + Serialize + JsonSchema;

    /// The reads that find every live object.
    fn list() -> Vec<Read>;
    /// The live objects, out of the pages of [`Kind::list`]'s reads, in that order.
    fn observe(listed: &[Pages]) -> Vec<Result<Observed, Unreadable>>;
    /// Reads of what the listing left out of an object that this project owns; `wanted` is its manifest's spec.
    fn details(_seen: &Observed, _wanted: Option<&Value>) -> Vec<Read> {
        Vec::new()
    }
    /// Completes an object by what [`Kind::details`]' reads gave, in that order; also when there were none. The error says
    /// what could not be read: "its permissions: …".
    fn complete(_seen: &mut Observed, _wanted: Option<&Value>, _details: &[Details]) -> Result<(), String> {
        Ok(())
    }
    /// The reads that show one object afresh, for the comparison before a write.
    fn read_one(id: &str) -> Vec<Read>;
    /// The object, out of the pages of [`Kind::read_one`]'s reads.
    fn parse_one(pages: &[Pages]) -> Result<Observed, Unreadable>;
    /// The read that tells what is running on an object that is about to change.
    fn activity(_seen: &Observed) -> Option<Read> {
        None
    }
    /// How many runs are going on, out of the pages of [`Kind::activity`].
    fn active_runs(_pages: &Pages) -> usize {
        0
    }
    /// The calls of a step, in order.
    fn calls(step: &Step<'_>) -> Result<Vec<Call>, Unsupported>;
    /// What the step disrupts, a class and a few words each: "restarts the cluster".
    fn impact(_step: &Step<'_>) -> Vec<Impact> {
        Vec::new()
    }
    /// What the step sets going at once.
    fn run_now(_step: &Step<'_>) -> Option<RunNow> {
        None
    }
    /// The other tool that the object belongs to, where it says so. Its tags are looked at for every kind that has some.
    fn managed_by(_seen: &Observed) -> Option<managed::Tool> {
        None
    }
    /// When the object is set going next by the clock, once the step is done: `2024-05-02 04:00 Europe/London`.
    fn next_run(_step: &Step<'_>) -> Option<String> {
        None
    }
    /// Whether a change has come to what `expect` says (see [`plumb_model::call::Settles`]). `memory` is `Null` at the first
    /// look and stays what it was left as from look to look.
    fn settled(_expect: &Value, _looks: &[Value], _memory: &mut Value) -> Settled {
        Settled::Yes
    }
    /// Whether the manifest is about an object of others, of which it sets some fields: it is known by its name, carries
    /// no mark, and is neither made nor deleted.
    fn is_external(_spec: &Value) -> bool {
        false
    }
    /// What a manifest of that name means by leaving top-level members out.
    fn assumed(_name: &str, _spec: &Node) -> Vec<(&'static str, Tree)> {
        Vec::new()
    }
    /// What a schema cannot say.
    fn check(_spec: &Self::Spec, _findings: &mut Findings) {}
    /// The manifests that the spec names by their addresses.
    fn named(_spec: &Value) -> Vec<Named> {
        Vec::new()
    }
    /// What the object supplies to others that name it, by dotted attribute path: a cluster policy's values.
    fn supplies(_seen: &Observed) -> Option<BTreeMap<String, Value>> {
        None
    }
    /// What the calls do to live settings that the spec does not model.
    fn unknown_settings() -> UnknownSettings {
        UnknownSettings::Replaced
    }
    /// Adapts the spec for a target in development mode: nothing may start by itself.
    fn develop(_spec: &mut Value) {}
    /// What the manifest of an existing object should say: what the service surely filled in is taken out by the caller.
    fn export(seen: &Observed) -> Value {
        seen.spec.clone()
    }
}

/// A [`Kind`] behind a pointer.
pub trait AnyKind: Send + Sync {
    fn name(&self) -> &'static str;
    fn system(&self) -> System;
    /// Every system that its objects are read from, its own first.
    fn systems(&self) -> Vec<System> {
        let mut systems = vec![self.system()];
        for read in self.list() {
            if !systems.contains(&read.call.system) {
                systems.push(read.call.system);
            }
        }
        systems
    }
    fn noun(&self) -> &'static str;
    /// One of its objects, in words: "an instance pool".
    fn one(&self) -> String {
        let article =
            if self.noun().starts_with(['a', 'e', 'i', 'o', 'u', 'A', 'E', 'I', 'O', 'U']) { "an" } else { "a" };
        format!("{article} {}", self.noun())
    }
    fn title(&self) -> &'static str;
    fn title_is_free(&self) -> bool;
    fn mark(&self) -> MarkPlace;
    fn role(&self) -> Role;
    fn loose(&self) -> &'static [&'static str];
    fn named(&self, spec: &Value) -> Vec<Named>;
    /// The generated JSON Schema of the spec.
    fn schema(&self) -> &'static Value;
    /// The field rules of the spec.
    fn rules(&self) -> &'static Rules;
    /// Reads a spec, reporting every mistake, and in `notes` what is none and yet worth knowing, with the short name of what
    /// is checked. Returns whether there was no mistake. What could not be read does not keep the rest from being checked.
    fn read(&self, node: &Node, problems: &mut Problems, notes: &mut Vec<(&'static str, Problem)>) -> bool;
    fn list(&self) -> Vec<Read>;
    fn observe(&self, listed: &[Pages]) -> Vec<Result<Observed, Unreadable>>;
    fn details(&self, seen: &Observed, wanted: Option<&Value>) -> Vec<Read>;
    fn complete(&self, seen: &mut Observed, wanted: Option<&Value>, details: &[Details]) -> Result<(), String>;
    fn read_one(&self, id: &str) -> Vec<Read>;
    fn observe_one(&self, pages: &[Pages]) -> Result<Observed, Unreadable>;
    fn activity(&self, seen: &Observed) -> Option<Read>;
    fn active_runs(&self, pages: &Pages) -> usize;
    fn calls(&self, step: &Step<'_>) -> Result<Vec<Call>, Unsupported>;
    fn impact(&self, step: &Step<'_>) -> Vec<Impact>;
    fn run_now(&self, step: &Step<'_>) -> Option<RunNow>;
    fn managed_by(&self, seen: &Observed) -> Option<managed::Tool>;
    fn next_run(&self, step: &Step<'_>) -> Option<String>;
    fn settled(&self, expect: &Value, looks: &[Value], memory: &mut Value) -> Settled;
    fn is_external(&self, spec: &Value) -> bool;
    fn assumed(&self, name: &str, spec: &Node) -> Vec<(&'static str, Tree)>;
    fn supplies(&self, seen: &Observed) -> Option<BTreeMap<String, Value>>;
    fn unknown_settings(&self) -> UnknownSettings;
    fn develop(&self, spec: &mut Value);
    fn export(&self, seen: &Observed) -> Value;
}

/// A kind as a value, with its schema and rules generated once.
struct Of<K: Kind> {
    schema: OnceLock<(&'static Value, &'static Rules)>,
    kind: std::marker::PhantomData<fn() -> K>,
}

impl<K: Kind> Of<K> {
    fn generated(&self) -> (&'static Value, &'static Rules) {
        *self.schema.get_or_init(|| {
            let schema = serde_json::to_value(schemars::schema_for!(K::Spec)).unwrap_or_default();
            let rules = plumb_model::schema::compile(&schema);
            (Box::leak(Box::new(schema)), Box::leak(Box::new(rules)))
        })
    }
}

impl<K: Kind> AnyKind for Of<K> {
    fn name(&self) -> &'static str {
        K::NAME
    }
    fn system(&self) -> System {
        K::SYSTEM
    }
    fn noun(&self) -> &'static str {
        K::NOUN
    }
    fn title(&self) -> &'static str {
        K::TITLE
    }
    fn title_is_free(&self) -> bool {
        K::TITLE_IS_FREE
    }
    fn mark(&self) -> MarkPlace {
        K::MARK
    }
    fn role(&self) -> Role {
        K::ROLE
    }
    fn loose(&self) -> &'static [&'static str] {
        K::LOOSE
    }
    fn named(&self, spec: &Value) -> Vec<Named> {
        K::named(spec)
    }
    fn schema(&self) -> &'static Value {
        self.generated().0
    }
    fn rules(&self) -> &'static Rules {
        self.generated().1
    }
    fn read(&self, node: &Node, problems: &mut Problems, notes: &mut Vec<(&'static str, Problem)>) -> bool {
        let before = problems.len();
        if let Some((spec, gaps)) = plumb_model::yaml::read_partly::<K::Spec>(node, problems) {
            let mut findings = Findings::besides(gaps);
            K::check(&spec, &mut findings);
            findings.tell(problems, notes);
        }
        problems.len() == before
    }
    fn list(&self) -> Vec<Read> {
        K::list()
    }
    fn observe(&self, listed: &[Pages]) -> Vec<Result<Observed, Unreadable>> {
        reading::each_once(K::observe(listed).into_iter().map(|seen| seen.and_then(reading::legible::<K>)).collect())
    }
    fn details(&self, seen: &Observed, wanted: Option<&Value>) -> Vec<Read> {
        K::details(seen, wanted)
    }
    fn complete(&self, seen: &mut Observed, wanted: Option<&Value>, details: &[Details]) -> Result<(), String> {
        K::complete(seen, wanted, details)
    }
    fn read_one(&self, id: &str) -> Vec<Read> {
        K::read_one(id)
    }
    fn observe_one(&self, pages: &[Pages]) -> Result<Observed, Unreadable> {
        K::parse_one(pages).and_then(reading::legible::<K>)
    }
    fn activity(&self, seen: &Observed) -> Option<Read> {
        K::activity(seen)
    }
    fn active_runs(&self, pages: &Pages) -> usize {
        K::active_runs(pages)
    }
    fn calls(&self, step: &Step<'_>) -> Result<Vec<Call>, Unsupported> {
        K::calls(step)
    }
    fn impact(&self, step: &Step<'_>) -> Vec<Impact> {
        K::impact(step)
    }
    fn run_now(&self, step: &Step<'_>) -> Option<RunNow> {
        K::run_now(step)
    }
    fn managed_by(&self, seen: &Observed) -> Option<managed::Tool> {
        K::managed_by(seen).or_else(|| match K::MARK {
            MarkPlace::Tags(member) => managed::by_tags(seen.spec.get(member)?),
            _ => None,
        })
    }
    fn next_run(&self, step: &Step<'_>) -> Option<String> {
        K::next_run(step)
    }
    fn settled(&self, expect: &Value, looks: &[Value], memory: &mut Value) -> Settled {
        K::settled(expect, looks, memory)
    }
    fn is_external(&self, spec: &Value) -> bool {
        K::is_external(spec)
    }
    fn assumed(&self, name: &str, spec: &Node) -> Vec<(&'static str, Tree)> {
        K::assumed(name, spec)
    }
    fn supplies(&self, seen: &Observed) -> Option<BTreeMap<String, Value>> {
        K::supplies(seen)
    }
    fn unknown_settings(&self) -> UnknownSettings {
        K::unknown_settings()
    }
    fn develop(&self, spec: &mut Value) {
        K::develop(spec);
    }
    fn export(&self, seen: &Observed) -> Value {
        K::export(seen)
    }
}
