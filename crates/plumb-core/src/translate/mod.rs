//! From EMR to manifests: a cluster and its steps become a job and a DAG that runs it.
//!
//! Pure: what EMR's API answered goes in, as one JSON object with the members of all answers (`Cluster` of
//! DescribeCluster, `InstanceGroups` or `InstanceFleets`, `Steps`, `BootstrapActions`, `ManagedScalingPolicy`,
//! `AutoTerminationPolicy`; of EMR Serverless `application` and `jobRuns`). What comes out are the specs of manifests,
//! what a person has to decide, and an account of what became of every single value of the input. Nothing is left out
//! without a word.

mod account;
pub mod airflow;
mod answers;
mod application;
mod catalog;
mod classes;
mod cluster;
mod conf;
mod context;
mod dag;
mod dates;
mod extras;
mod flow;
mod java;
mod job;
mod library;
mod light;
mod line;
pub(crate) mod nodes;
mod old_dag;
mod outputs;
mod packages;
mod parts;
mod paths;
mod pins;
mod pipeline;
mod place;
mod places;
mod recurring;
mod rules;
mod runtime;
mod serverless;
mod shadow;
mod shape;
mod shell;
mod sizing;
mod steps;
mod submit;
mod team;
mod words;

pub use account::{Account, At, DroppedWord, Fate, TranslationDecision};
pub use answers::{TeamAnswer, TeamQuestion};
pub use context::{EarlierRun, OldDag, PipelineSource, RunTime, Script};
pub use dates::RecoveredValue;
pub use light::{Light, LightEffort, LightReason, light_of};
pub use pipeline::{EmrSource, pipeline};
pub use place::find;
pub use places::writes;
pub use runtime::{Minor, Runtime, RuntimeChange, listed, supported};
pub use shadow::OUTPUT_ROOT;

use crate::detect;
use crate::kinds::databricks::job::DatabricksJob;
use crate::kinds::mark;
use crate::manifest::Answers;
use account::{Ask, Book};
use conf::{TargetPaths, Wants};
use parts::CLUSTER;
use plumb_model::address::{Address, slug};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What a translation depends on beside its input.
#[derive(Clone, Debug)]
pub struct TranslationOptions {
    /// The runtimes to choose from: those that the workspace lists ([`listed`]), or those of plumb's own table that are
    /// supported ([`supported`]).
    pub runtimes: Vec<Runtime>,
    /// The machine types that the workspace offers, where that is known.
    pub node_types: Option<Vec<String>>,
    /// The machine type of jobs whose input names none, as EMR Serverless.
    pub node_type: String,
    /// The name of the manifests. Default: made from the cluster's.
    pub name: Option<String>,
    /// Whether an instance pool is written, from which the clusters take their machines.
    pub pool: bool,
    /// Whether a cluster policy is written, which keeps clusters to the shape of the old one.
    pub policy: bool,
    /// The region of the account, where the input itself does not tell one.
    pub region: Option<String>,
    /// What plumb.yaml answers for all pipelines.
    pub answers: Answers,
    /// The shell scripts that steps and bootstrap actions run, by their address; those that nobody has read are absent.
    pub scripts: BTreeMap<String, Script>,
    /// The DAG that starts it on EMR, where it is known.
    pub dag: Option<OldDag>,
}

impl TranslationOptions {
    /// The usual ones, for a choice of runtimes.
    pub fn new(runtimes: Vec<Runtime>) -> Self {
        TranslationOptions {
            runtimes,
            node_types: None,
            node_type: "m5d.xlarge".into(),
            name: None,
            pool: false,
            policy: false,
            region: None,
            answers: Answers::default(),
            scripts: BTreeMap::new(),
            dag: None,
        }
    }
}

/// A manifest to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct TranslatedManifest {
    pub address: Address,
    /// What stands under `spec`.
    pub spec: Value,
}

/// What a translation came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Translation {
    /// What was translated, in a few words: `EMR cluster nightly (j-2A7Q4M1N9)`.
    pub source: String,
    /// In the order in which they depend on each other.
    pub documents: Vec<TranslatedManifest>,
    /// In the order of their causes.
    pub decisions: Vec<TranslationDecision>,
    /// What plumb.yaml could answer for all pipelines and does not: at most one of each [`TeamAnswer`], in its order.
    pub team: Vec<TeamQuestion>,
    /// The runtimes that take the place of EMR's releases.
    pub runtimes: Vec<RuntimeChange>,
    /// Where the manifests name `${var.output_root}`, the place that it may be: nothing is there yet.
    pub output_root: Option<String>,
    pub account: Account,
    /// Dates and serials that became parameters of jobs: what stood in their places is in no manifest.
    pub recovered: Vec<RecoveredValue>,
}

/// Translates what EMR's API answered about one cluster, or about the runs of one EMR Serverless application.
pub fn translate(input: &Value, options: &TranslationOptions) -> Translation {
    let root = At::root(input);
    let mut book = Book::default();
    let serverless = root.get("jobRuns").is_some() || root.get("application").is_some();
    let (source, documents) = if serverless {
        serverless::translate(&mut book, &root, options)
    } else {
        of_cluster(&mut book, &root, options)
    };
    book.rest(&root);
    if let Some(old) = &options.dag {
        old_dag::unreadable(&mut book, &root, old);
    }
    Translation {
        source,
        documents,
        decisions: book.decisions,
        team: book.team.into_values().collect(),
        runtimes: book.runtimes,
        output_root: None,
        account: book.account,
        recovered: Vec::new(),
    }
}

/// The addresses of the scripts in S3 that the steps and bootstrap actions of a pipeline run: what
/// [`TranslationOptions::scripts`] can have.
pub fn script_addresses(input: &Value) -> Vec<String> {
    steps::addresses(&At::root(input))
}

/// A name for manifests, out of what people call the thing.
fn name_of(title: Option<&str>, options: &TranslationOptions) -> String {
    let made = title.and_then(slug).unwrap_or_else(|| "emr".into());
    options.name.clone().unwrap_or(made)
}

fn of_cluster(book: &mut Book, root: &At<'_>, options: &TranslationOptions) -> (String, Vec<TranslatedManifest>) {
    let title = root.path("Cluster.Name").and_then(|n| n.text());
    let name = name_of(title.as_deref(), options);
    let title = detect::masked(title.as_deref().filter(|t| !t.is_empty()).unwrap_or(&name));
    let id = root.path("Cluster.Id").and_then(|n| n.text()).unwrap_or_default();
    book.document = address(DatabricksJob::NAME, &name).to_string();
    let around = cluster::around(book, root, options);
    let release = root.path("Cluster.ReleaseLabel").unwrap_or_else(|| root.clone());
    let runtime = runtime_of(book, &release, spark_of(root), options);
    let chosen = runtime.as_ref().map(|(choice, _)| choice.runtime.clone());
    let place = TargetPaths::of_job(&name, chosen.as_ref(), &options.answers);
    let mut base = Wants { libraries: around.libraries, ..Wants::default() };
    let cluster_level = root.path("Cluster.Configurations").map(|c| c.items()).unwrap_or_default();
    classes::take(book, &cluster_level, &place, &mut base);
    // Those of a group override the cluster's; of the groups the workers' do, which are the most machines.
    for wanted in ["MASTER", "TASK", "CORE"] {
        for group in root.list("InstanceGroups") {
            if group.text_of("InstanceGroupType").as_deref() == Some(wanted) {
                classes::take(book, &group.list("Configurations"), &place, &mut base);
            }
        }
    }
    let types = root.list("InstanceFleets").into_iter().flat_map(|f| f.list("InstanceTypeSpecifications"));
    for at in types {
        classes::take(book, &at.list("Configurations"), &place, &mut base);
    }
    let shape = shape::shape(book, root, options);
    let size = shape.size;
    let context = job::StepsContext { base: &base, of: place, scripts: &options.scripts, fetched: &around.fetched };
    let made = job::steps(book, root, &context);
    fits(book, &release, runtime.as_ref(), &base, &made);
    let run_as = team::run_as(book, &options.answers);
    let zone = pins::NodeZone::of_cluster(root, options);
    let common = job::Common { shape, base, runtime, run_as, cluster: around.cluster, aws: around.aws, zone };
    let job = job::job(book, root, &title, &made, &common, around.tags);
    job::sizes(book, size);
    let source = if id.is_empty() { format!("EMR cluster {title}") } else { format!("EMR cluster {title} ({id})") };
    let mut documents = Vec::new();
    match job {
        Some(spec) => {
            let templates = made.iter().flat_map(|m| m.application.templates.clone()).collect::<Vec<_>>();
            let jobs = vec![dag::DagJob { job: name.clone(), templates }];
            documents.extend(finish(book, root, &name, vec![(name.clone(), spec)], &jobs, options));
        }
        None => {
            nothing_runs(book);
            if let Some(master) = &common.shape.master {
                book.dropped(master, "no job is written, and so no driver");
            }
            let what = "whether there is anything to run".to_owned();
            let why = "there is no step that needs a task; a cluster that others feed has its steps in their code";
            let options = ["nothing: tear it down", "translate the steps by hand"];
            book.note(root, Ask { what, why, options: &options, default: "no manifest", place: String::new() });
            book.moved("", |_| None, "no job is written, as no step needs a task");
        }
    }
    (source, documents)
}

/// Without a job there is no cluster to decide on: only what became of steps and runs is still a question.
fn nothing_runs(book: &mut Book) {
    let of_steps = |field: &str| field.starts_with("Steps[") || field.starts_with("jobRuns[");
    let is_moot = |d: &TranslationDecision| !of_steps(&d.field) || d.place.starts_with(CLUSTER);
    book.withdraw(is_moot, "it would shape the job's cluster, and no job is written");
    book.team.clear();
    book.runtimes.clear();
}

/// Escapes what is plumb's, and adds what stands around the jobs.
fn finish(
    book: &mut Book,
    root: &At<'_>,
    name: &str,
    jobs: Vec<(String, Value)>,
    runs: &[dag::DagJob],
    options: &TranslationOptions,
) -> Vec<TranslatedManifest> {
    let mut documents = Vec::new();
    let mut jobs: Vec<(String, Value)> = jobs
        .into_iter()
        .map(|(n, mut spec)| {
            book.document = address(DatabricksJob::NAME, &n).to_string();
            if let Some(old) = &options.dag {
                old_dag::notify(&mut spec, old);
            }
            scrub(book, root, &mut spec, "");
            escape(&mut spec);
            (n, spec)
        })
        .collect();
    if options.policy {
        documents.extend(extras::policy(name, &jobs));
    }
    if options.pool {
        documents.extend(extras::pool(book, root, name, &mut jobs));
    }
    documents.extend(
        jobs.into_iter().map(|(n, spec)| TranslatedManifest { address: address(DatabricksJob::NAME, &n), spec }),
    );
    documents.push(dag::dag(book, root, name, runs, options.dag.as_ref()));
    documents
}

/// The net below all rules: no credential gets into a manifest, wherever it stood.
fn scrub(book: &mut Book, root: &At<'_>, value: &mut Value, place: &str) {
    match value {
        Value::String(s) if detect::holds_secret(s) => {
            *s = detect::masked(s);
            let ask = Ask {
                what: credential(s, place),
                why: "credentials do not belong into manifests",
                options: &[
                    "a secret scope, read in the code or by reference",
                    "an instance profile or Unity Catalog instead",
                ],
                default: "hidden: the value is not whole",
                place: place.to_owned(),
            };
            book.note(root, ask);
        }
        Value::Array(items) => {
            for item in items {
                let place = place::of_item(place, item);
                scrub(book, root, item, &place);
            }
        }
        Value::Object(map) => {
            for (key, value) in map {
                scrub(book, root, value, &place::of_member(place, key));
            }
        }
        _ => {}
    }
}

/// What is asked about a credential that was hidden in a text of a manifest; where nothing else is left of it, its place
/// says which it is.
fn credential(text: &str, place: &str) -> String {
    let of = if text == detect::HIDDEN { format!("of `{place}`") } else { format!("in `{text}`") };
    format!("how the job gets the credential {of}")
}

/// `${` is plumb's; what others mean by it has to pass through.
fn escape(value: &mut Value) {
    match value {
        Value::String(s) => *s = s.replace("${", "$${"),
        Value::Array(items) => items.iter_mut().for_each(escape),
        Value::Object(map) => {
            map.values_mut().for_each(escape);
        }
        _ => {}
    }
}

fn address(kind: &str, name: &str) -> Address {
    Address { kind: kind.into(), name: name.into() }
}

/// The Spark that the cluster says it has.
fn spark_of(root: &At<'_>) -> Option<Minor> {
    let applications = root.path("Cluster.Applications")?.items();
    let spark = applications.iter().find(|a| a.text_of("Name").as_deref() == Some("Spark"))?;
    runtime::minor(&spark.text_of("Version")?)
}

/// The runtime for a release label, and the Spark that the release has.
fn runtime_of(
    book: &mut Book,
    at: &At<'_>,
    spark: Option<Minor>,
    options: &TranslationOptions,
) -> Option<(runtime::Choice, Minor)> {
    let place = format!("{CLUSTER}.spark_version");
    let label = at.text().unwrap_or_default();
    let found = runtime::release(&label, spark);
    if !found.as_ref().is_some_and(|r| r.exact) {
        let (what, why) = if label.is_empty() {
            ("which Spark the old jobs had".to_owned(), "nothing says the release of EMR")
        } else {
            let what = format!("which Spark the release `{}` has", detect::masked(&label));
            (what, "plumb does not know the release; the nearest one before it stands in for it")
        };
        let ask = Ask {
            what,
            why,
            options: &["the one that stands in for it", "another one: choose its runtime"],
            default: "the runtime for the one that stands in for it",
            place: place.clone(),
        };
        book.note(at, ask);
    }
    let release =
        found.unwrap_or(runtime::Release { spark: spark.unwrap_or((3, 0)), scala: "2.12".into(), exact: false });
    let wanted = options.answers.runtime.as_deref();
    let answer = wanted.filter(|key| *key != "auto");
    let choice = match answer.and_then(|key| runtime::answered(key, &release, &options.runtimes)) {
        Some(choice) => Some(choice),
        None => {
            if let Some(key) = answer {
                let why = format!("`{}`, the answer, is not offered, or its support has ended", detect::masked(key));
                team::runtime(book, Some(&why));
            } else if wanted.is_none() {
                team::runtime(book, None);
            }
            runtime::choose(&release, &options.runtimes)
        }
    };
    let Some(choice) = choice else {
        let what = "which runtime the job has".to_owned();
        let why = "there is no long-term runtime to choose from";
        book.ask(at, Ask { what, why, options: &["name one"], default: "none: the manifest is not complete", place });
        return None;
    };
    if !at.field.is_empty() {
        book.translated(at, place);
    }
    let change = RuntimeChange {
        release: detect::masked(&label),
        from: release.spark,
        runtime: choice.runtime.key.clone(),
        to: choice.runtime.spark,
    };
    if !label.is_empty() && !book.runtimes.contains(&change) {
        book.runtimes.push(change);
    }
    Some((choice, release.spark))
}

/// Asks about what is a pipeline's own of its runtime: JARs of another Scala, a Spark that is older than the release's.
fn fits(
    book: &mut Book,
    at: &At<'_>,
    runtime: Option<&(runtime::Choice, Minor)>,
    base: &Wants,
    made: &[job::StepTask<'_>],
) {
    let Some((choice, from)) = runtime else { return };
    let key = &choice.runtime.key;
    let place = format!("{CLUSTER}.spark_version");
    let has_jars = |wants: &Wants| wants.libraries.iter().any(|l| l.get("jar").or(l.get("maven")).is_some());
    let compiled = has_jars(base)
        || made.iter().any(|m| has_jars(&m.application.wants) || m.application.task.contains_key("spark_jar_task"));
    match choice.misfit {
        Some(runtime::Misfit::Scala) if compiled => {
            let ask = Ask {
                what: format!("who compiles the JARs for Scala {}, which `{key}` has", choice.runtime.scala),
                why: "the release's Scala is another one, and code that was compiled for it fails at its first call",
                options: &["whoever has their code", "another runtime, with the release's Scala, where there is one"],
                default: "this runtime with the JARs as they are: their tasks fail",
                place,
            };
            book.note(at, ask);
        }
        Some(runtime::Misfit::Spark) => {
            let (major, minor) = from;
            let ask = Ask {
                what: format!("whether the code runs on `{key}`, whose Spark is older than {major}.{minor}"),
                why: "no runtime with the release's Spark was to be chosen",
                options: &["it does, after a test", "another runtime"],
                default: "this runtime",
                place,
            };
            book.note(at, ask);
        }
        // Python does not see which Scala Spark was compiled with.
        _ => {}
    }
}

/// A list of tags as EMR Serverless has them: an object.
fn tag_map(book: &mut Book, at: &At<'_>, tags: &mut Map<String, Value>) {
    for (key, value) in at.members() {
        if key.is_empty() || key.starts_with("aws:") || mark::TAGS.contains(&key) || tags.len() >= 22 {
            book.dropped(&value, "a key that AWS or plumb has for itself, or more tags than a job takes");
        } else {
            book.translated(&value, format!("tags.{key}"));
            tags.insert(key.to_owned(), json!(value.text().unwrap_or_default()));
        }
    }
}
