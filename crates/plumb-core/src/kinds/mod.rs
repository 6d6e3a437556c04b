//! The kinds of resource that plumb manages, one a file.
//!
//! A kind is a typed spec with field rules, how to find live objects, and how to turn a decided step into calls.
//! Everything else (comparing, deciding, ordering, applying, rendering) is written once and knows no kind.

mod called;
pub(crate) mod circle;
pub(crate) mod contents;
pub mod cutover;
pub mod entries;
mod findings;
mod form_hints;
pub mod impact;
pub mod managed;
pub mod mark;
pub mod named_things;
pub mod nested;
pub mod old;
pub mod prices;
pub mod reading;
mod spec;
mod starts;
pub mod teardown;
pub mod teardown_spec;

pub mod databricks {
    //! Databricks workspaces: jobs, pipelines, clusters, cluster policies, instance pools, SQL warehouses; Unity Catalog:
    //! schemas, volumes, locations.
    // kinds: one file each
    pub mod cluster;
    pub mod external_location;
    pub mod job;
    pub mod pipeline;
    pub mod policy;
    pub mod pool;
    pub mod schema;
    pub mod secret_scope;
    pub mod volume;
    pub mod warehouse;
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
    pub mod location_parts;
    pub mod notifications;
    pub(crate) mod own_clusters;
    mod permissions;
    pub mod pipeline_ads;
    mod pipeline_check;
    pub mod pipeline_connectors;
    pub mod pipeline_ingestion;
    pub mod pipeline_parts;
    pub mod pipeline_streams;
    pub mod policy_rule;
    pub mod pool_parts;
    pub mod report_tasks;
    #[cfg(test)]
    mod rules_tests;
    mod run_as;
    mod secret_check;
    pub mod secret_mark;
    pub mod secret_spec;
    #[cfg(test)]
    mod secret_tests;
    pub mod storage;
    mod task_check;
    pub mod task_types;
    pub mod tasks;
    pub mod triggers;
    pub mod undeclared;
    mod unity;
    pub mod unity_grants;
    #[cfg(test)]
    mod unity_tests;
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
    mod dag_cutover;
    pub mod dag_deadline;
    mod dag_failure;
    pub mod dag_live;
    pub mod dag_runs;
    pub mod dag_spec;
    pub mod destination;
    pub mod environment;
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
    pub mod compare;
    mod compare_check;
    mod compare_rules;
    mod compare_side;
    pub mod compare_text;
    #[cfg(test)]
    mod tests;
    pub mod ties;
}

use plumb_model::call::{Call, Ready, System};
use plumb_model::read::{Pages, Read};
use plumb_model::schema::{Path, Rules};
use plumb_model::yaml::{Node, Problems, Tree};
use serde_json::Value;
use std::{collections::BTreeMap, sync::LazyLock};

pub use called::{KindNames, called, listed, names, suggestion, suggestion_or_list};
pub use contents::{Contained, Contents};
pub use findings::{Finding, Findings};
pub use impact::{Impact, ImpactClass};
pub use mark::{Mark, MarkPlace, Owner, Rev};
pub use named_things::{NamedThing, ThingIndex, ThingKind, named_things};
pub use nested::{Answered, AnsweredRead, Nested, Scope};
pub use reading::{Details, Unreadable, Whose};
pub use spec::{CheckNotes, SpecType};
pub use starts::{LookedUp, StartClock, StartRule, StartTimes};

/// Every kind that plumb knows, in the order of their names.
pub fn all() -> &'static [&'static dyn Kind] {
    ALL
}

/// The registry: a kind is a line here, and one where its module is declared.
const ALL: &[&dyn Kind] = &[
    &airflow::connection::AirflowConnection,
    &airflow::dag::AirflowDag,
    &airflow::pool::AirflowPool,
    &airflow::variable::AirflowVariable,
    &databricks::cluster::DatabricksCluster,
    &databricks::policy::DatabricksClusterPolicy,
    &databricks::external_location::DatabricksExternalLocation,
    &databricks::pool::DatabricksInstancePool,
    &databricks::job::DatabricksJob,
    &databricks::pipeline::DatabricksPipeline,
    &databricks::schema::DatabricksSchema,
    &databricks::secret_scope::DatabricksSecretScope,
    &databricks::warehouse::DatabricksSqlWarehouse,
    &databricks::volume::DatabricksVolume,
    &emr::cluster::EmrCluster,
    &emr::security::EmrSecurityConfiguration,
    &emr::application::EmrServerlessApplication,
    &emr::migration::Migration,
    &prices::PriceBook,
];

/// The kinds whose manifests each make one object: those that are compared, made and deleted by the common rules.
pub fn objects() -> &'static [&'static dyn Kind] {
    static OBJECTS: LazyLock<Vec<&'static dyn Kind>> =
        LazyLock::new(|| all().iter().copied().filter(|kind| kind.role() == Role::Object).collect());
    &OBJECTS
}

/// What the manifests of a kind are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Each makes one live object what it says.
    Object,
    /// Each says what is to become of things that others made, and ends them stage by stage.
    Teardown,
    /// Each only says how other manifests belong together.
    Relation,
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

/// The kind of that name.
pub fn find(name: &str) -> Option<&'static dyn Kind> {
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
    /// What a delete would destroy, where that was asked (see [`Kind::contents`]).
    pub contents: Contents,
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
///
/// What every kind does in the same way is in `impl dyn Kind`, which no kind can change.
pub trait Kind: Send + Sync + 'static {
    /// The name in manifests: `DatabricksJob`.
    fn name(&self) -> &'static str;
    /// Where its objects live.
    fn system(&self) -> System;
    /// What people call one: "job".
    fn noun(&self) -> &'static str;
    /// Where the pages of its objects are on the service's web site, without the id that ends the address: `jobs`. `None` where
    /// an object has no page of its own.
    fn page(&self) -> Option<&'static str> {
        None
    }
    /// What follows [`Kind::page`] in the address of an object's page, as parts of a path: its id, unless the kind says otherwise.
    fn page_parts<'i>(&self, id: &'i str) -> Vec<&'i str> {
        vec![id]
    }
    /// Whether its objects are read for every plan. Otherwise only while a manifest is of the kind, or `spec.kinds` names it:
    /// what costs a request for each object, or an account that not every team has, is no business of those without.
    fn is_always_read(&self) -> bool {
        true
    }
    /// Its listing, where that takes two stages; [`Kind::list`] is then empty.
    fn nested(&self) -> Option<&'static dyn Nested> {
        None
    }
    /// The reads that tell what a delete of the object would destroy. Empty where it destroys nothing but the object.
    fn contents(&self, _seen: &Observed) -> Vec<Read> {
        Vec::new()
    }
    /// The read of what is in one of these things, where it holds things itself: a folder of a volume. [`Kind::contained`] is
    /// given what it gave, as the only one.
    fn inside(&self, _seen: &Observed, _thing: &Contained) -> Option<Read> {
        None
    }
    /// What a delete would destroy, out of what [`Kind::contents`]' reads gave, in that order. The error says what could not
    /// be read.
    fn contained(&self, _seen: &Observed, _pages: &[Details]) -> Result<Vec<Contained>, String> {
        Ok(Vec::new())
    }
    /// What a plan says of a delete that destroys nothing of it: what [`Kind::contained`] counts is not there.
    fn is_empty_says(&self) -> &'static str {
        "it is empty"
    }
    /// What others may refer to besides the fields that the manifest sets, by name: a volume's `path`. The values may hold
    /// references of the spec.
    fn derived(&self, _spec: &Node) -> Vec<(&'static str, String)> {
        Vec::new()
    }
    /// The names in [`Kind::derived`], and in a few words what each is: `("path", "the folder of its files: …")`.
    fn attributes(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }
    /// The names under which others know the object without its id, each with what it is the name of: `volume main.sales.landing`.
    /// Asked only of kinds that are not always read, so that a project without them does not pay for it.
    fn provides(&self, _spec: &Value) -> Vec<NamedThing> {
        Vec::new()
    }
    /// Whether there may be more in what it provides than it declares: others write to an additive scope too.
    fn provides_more(&self, _spec: &Value) -> bool {
        false
    }
    /// What the object names in that way and cannot be without, beside what any text may name: [`named_things`]. Asked only of
    /// kinds that are not always read.
    fn needs(&self, _spec: &Value) -> Vec<NamedThing> {
        Vec::new()
    }
    /// Why the object is the platform's own, and so in nobody's manifests: `Some("Databricks makes it for every workspace")`.
    fn platforms_own(&self, _seen: &Observed) -> Option<&'static str> {
        None
    }
    /// The member of the spec that people know an object by.
    fn title(&self) -> &'static str;
    /// Whether that member only tells people what the object is: a target in development mode then puts the
    /// developer's name before it. Code that looks an object up by its name would no longer find it.
    fn title_is_free(&self) -> bool {
        true
    }
    /// Where the mark is kept.
    fn mark(&self) -> MarkPlace;
    /// What its manifests are.
    fn role(&self) -> Role {
        Role::Object
    }
    /// Members of a live spec that may be of another type than a manifest's; `*` is all of them. An object in which any
    /// other list or map is something else could not be read, and is not written.
    fn loose(&self) -> &'static [&'static str] {
        &[]
    }
    /// What a manifest says, and what a schema cannot say about it.
    fn spec(&self) -> &'static SpecType;

    /// The reads that find every live object.
    fn list(&self) -> Vec<Read>;
    /// The live objects, out of the pages of [`Kind::list`]'s reads, in that order. A kind with one listing is given its pages
    /// one by one. Callers use `observe`.
    fn parse(&self, listed: &[Pages]) -> Vec<Result<Observed, Unreadable>>;
    /// Reads of what the listing left out of an object that this project owns; `wanted` is its manifest's spec.
    fn details(&self, _seen: &Observed, _wanted: Option<&Value>) -> Vec<Read> {
        Vec::new()
    }
    /// Completes an object by what [`Kind::details`]' reads gave, in that order; also when there were none. The error says
    /// what could not be read: "its permissions: …".
    fn complete(&self, _seen: &mut Observed, _wanted: Option<&Value>, _details: &[Details]) -> Result<(), String> {
        Ok(())
    }
    /// The reads that show one object again, for the comparison before a write.
    fn read_one(&self, id: &str) -> Vec<Read>;
    /// The object, out of the pages of [`Kind::read_one`]'s reads. Callers use `observe_one`.
    fn parse_one(&self, pages: &[Pages]) -> Result<Observed, Unreadable>;
    /// The same, where no answer says which object it is of.
    fn parse_one_of(&self, _id: &str, pages: &[Pages]) -> Result<Observed, Unreadable> {
        self.parse_one(pages)
    }
    /// Whether an object without a mark may be what an apply left that ended between the call that makes the object and the
    /// one that marks it: it has nothing in it that anybody could lose. One that has the name of a manifest without an object
    /// is then that manifest's. Only for services whose create call has no place for a mark, and that know objects by names.
    fn is_blank(&self, _seen: &Observed) -> bool {
        false
    }
    /// How many objects are on a page of [`Kind::list`]'s one read by tokens, where a row shows what a write came to as well
    /// as [`Kind::read_one`] does once [`Kind::details`] asks for nothing more: many writes are then verified by pages. `None`:
    /// each is verified by itself, at once, as it has to be where others are compared by what the object supplies.
    fn rows_a_page(&self) -> Option<usize> {
        None
    }
    /// The read that tells what is running on an object that is about to change.
    fn activity(&self, _seen: &Observed) -> Option<Read> {
        None
    }
    /// How many runs are active, out of the pages of [`Kind::activity`].
    fn active_runs(&self, _pages: &Pages) -> usize {
        0
    }
    /// The read by tokens that tells what is running on any object.
    fn activity_of_all(&self) -> Option<Read> {
        None
    }
    /// The active runs on a page of [`Kind::activity_of_all`], each as the id of its object and its own. The error says what
    /// cannot be told: then the page does not say of any object what runs on it.
    fn runs_of_all(&self, _page: &Value) -> Result<Vec<(String, String)>, String> {
        Ok(Vec::new())
    }
    /// The calls of a step, in order.
    fn calls(&self, step: &Step<'_>) -> Result<Vec<Call>, Unsupported>;
    /// What the step disrupts, a class and a few words each: "restarts the cluster".
    fn impact(&self, _step: &Step<'_>) -> Vec<Impact> {
        Vec::new()
    }
    /// The run that the step starts at once.
    fn run_now(&self, _step: &Step<'_>) -> Option<RunNow> {
        None
    }
    /// The other tool that deployed the object, where something besides its tags says so. Callers use `managed_by`.
    fn deployed_by(&self, _seen: &Observed) -> Option<managed::Tool> {
        None
    }
    /// When the clock starts the object next, once the step is done: `2024-05-02 04:00 Europe/London`.
    fn next_run(&self, _step: &Step<'_>) -> Option<String> {
        None
    }
    /// What starts runs of an object of that spec by itself, in the order of the spec; nothing where people or other objects do.
    fn starts(&self, _spec: &Value) -> Vec<StartRule> {
        Vec::new()
    }
    /// The objects that its runs look up by their names, by a spec.
    fn looks_up(&self, _spec: &Value) -> Vec<LookedUp> {
        Vec::new()
    }
    /// Whether a change has reached what `expect` says (see [`plumb_model::call::WaitFor`]). `memory` is `Null` at the first
    /// look and stays what it was left as from look to look.
    fn settled(&self, _expect: &Value, _looks: &[Value], _memory: &mut Value) -> Ready {
        Ready::Yes
    }
    /// Whether the manifest is about an object of others, of which it sets some fields: it is known by its name, carries
    /// no mark, and is neither made nor deleted.
    fn is_external(&self, _spec: &Value) -> bool {
        false
    }
    /// Whether any manifest of the kind can be about an object of others: of kinds without, no spec is looked at for it.
    fn has_externals(&self) -> bool {
        false
    }
    /// What a manifest of that name means by leaving top-level members out.
    fn assumed(&self, _name: &str, _spec: &Node) -> Vec<(&'static str, Tree)> {
        Vec::new()
    }
    /// The manifests that the spec names by their addresses. Asked only of kinds that make no objects.
    fn named(&self, _spec: &Value) -> Vec<Named> {
        Vec::new()
    }
    /// What the object supplies to others that name it, by dotted attribute path: a cluster policy's values.
    fn supplies(&self, _seen: &Observed) -> Option<BTreeMap<String, Value>> {
        None
    }
    /// What the calls do to live settings that the spec does not model.
    fn unknown_settings(&self) -> UnknownSettings {
        UnknownSettings::Replaced
    }
    /// Adapts the spec for a target in development mode: nothing may start by itself.
    fn develop(&self, _spec: &mut Value) {}
    /// What the manifest of an existing object should say: what the service surely filled in is taken out by the caller.
    fn export(&self, seen: &Observed) -> Value {
        seen.spec.clone()
    }
}

impl dyn Kind + '_ {
    /// One of its objects, in words: "an instance pool".
    pub fn one(&self) -> String {
        let article =
            if self.noun().starts_with(['a', 'e', 'i', 'o', 'u', 'A', 'E', 'I', 'O', 'U']) { "an" } else { "a" };
        format!("{article} {}", self.noun())
    }

    /// The places that manifests of the kind name: what [`Scope::named`] is.
    pub fn places<'s>(
        &self,
        specs: impl IntoIterator<Item = std::borrow::Cow<'s, Value>>,
    ) -> std::collections::BTreeSet<String> {
        let Some(nested) = self.nested() else { return Default::default() };
        specs.into_iter().filter_map(|spec| nested.place(&spec)).collect()
    }

    /// Every system that its objects are read from, its own first.
    pub fn systems(&self) -> Vec<System> {
        let mut systems = vec![self.system()];
        for read in self.list() {
            if !systems.contains(&read.call.system) {
                systems.push(read.call.system);
            }
        }
        systems
    }

    /// The generated JSON Schema of the spec.
    pub fn schema(&self) -> &'static Value {
        &self.spec().schema
    }

    /// The field rules of the spec.
    pub fn rules(&self) -> &'static Rules {
        &self.spec().rules
    }

    /// Reads and checks a spec: [`SpecType::read`].
    pub fn read(&self, node: &Node, problems: &mut Problems, notes: &mut CheckNotes) -> bool {
        self.spec().read(node, problems, notes)
    }

    /// The live objects of a listing, each once; one whose mark or name cannot be read is unreadable.
    pub fn observe(&self, listed: &[Pages]) -> Vec<Result<Observed, Unreadable>> {
        self.legible(self.parse(listed))
    }

    /// Parsed objects, each once; one whose mark or name cannot be read is unreadable.
    pub fn legible(&self, parsed: Vec<Result<Observed, Unreadable>>) -> Vec<Result<Observed, Unreadable>> {
        reading::each_once(parsed.into_iter().map(|one| one.and_then(|seen| reading::legible(self, seen))).collect())
    }

    /// One live object, out of the pages of [`Kind::read_one`]'s reads; unreadable without a readable mark and name.
    pub fn observe_one(&self, id: &str, pages: &[Pages]) -> Result<Observed, Unreadable> {
        self.parse_one_of(id, pages).and_then(|seen| reading::legible(self, seen))
    }

    /// The other tool that manages the object, where the object or its tags say so.
    pub fn managed_by(&self, seen: &Observed) -> Option<managed::Tool> {
        self.deployed_by(seen).or_else(|| match self.mark() {
            MarkPlace::Tags(member) => managed::by_tags(seen.spec.get(member)?),
            MarkPlace::TagPairs(member, list) => managed::by_pairs(seen.spec.get(member)?.get(list)?),
            _ => None,
        })
    }
}
