//! What to change: a line of a manifest, a permission, a quota.
//!
//! A class of the catalogue has a remedy where one is sure. A change of a setting is an edit of the manifest's text that leaves
//! comments and layout as they are; it is proposed where the text that comes of it loads, and asks for that change and nothing
//! else. What is not sure is a sentence, or is not said at all.

mod compute;
mod conf;
mod edit;
mod libraries;
mod memory;
mod permissions;
mod quota;
mod runs;
mod site;

use super::result::{Advice, Confidence, DiagnosedCause, Diagnosis, ProposedChange, TASK_KEY};
use crate::kinds::databricks::job::DatabricksJob;
use crate::manifest::{Desired, Resource};
use edit::Setting;
use permissions::Refusal;
pub use runs::GreenRuns;
use site::ClusterSite;
use std::collections::BTreeMap;

/// A change of a file's text, with the text that it becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePatch {
    pub shown: ProposedChange,
    /// The text that the change was made to: whoever writes it checks that the file still has it.
    pub before: String,
    /// The whole new text of `shown.file`.
    pub text: String,
}

/// Loads manifests with other texts of some of their files.
pub type ReloadManifests<'a> = &'a dyn Fn(&BTreeMap<String, String>) -> Result<Desired, String>;

/// What remedies are chosen by.
pub struct RemedyInput<'a> {
    pub diagnosis: &'a Diagnosis,
    pub desired: &'a Desired,
    /// The manifest's address of what ran: `DatabricksJob/x`.
    pub address: &'a str,
    /// The text of a manifest's file.
    pub text: &'a dyn Fn(&str) -> Option<String>,
    /// How long runs take that succeed, where that is known.
    pub green: Option<GreenRuns>,
    /// Loads the manifests with other texts of these files, as `plumb validate` does; an error says what is wrong.
    pub reload: ReloadManifests<'a>,
}

/// The changes that a diagnosis proposes for the resource that ran, at most one a file, and what else helps. Nothing is proposed
/// where nothing is sure.
pub fn remedies(input: &RemedyInput<'_>) -> (Vec<FilePatch>, Vec<Advice>) {
    let Some(cause) = &input.diagnosis.cause else { return (Vec::new(), Vec::new()) };
    let case = RemedyCase::new(input, cause);
    let mut patches: Vec<FilePatch> = Vec::new();
    let mut advice = Vec::new();
    for remedy in case.remedies() {
        match remedy {
            Remedy::Say(said) => advice.push(said),
            // One change at a time: a second one would be made to a text that the first has changed.
            Remedy::Set(proposal) if patches.is_empty() => match case.patched(&proposal) {
                Ok(made) => patches.extend(made),
                Err(why) => {
                    advice.push(say(format!("{} {}: not proposed as a patch: {why}", proposal.why, proposal.said())))
                }
            },
            Remedy::Set(proposal) => advice.push(say(format!("{} {}", proposal.why, proposal.said()))),
        }
    }
    (patches, advice)
}

/// The rights that a diagnosis asks for, where there is no manifest of what ran: statements to copy.
pub fn rights(diagnosis: &Diagnosis) -> Vec<Advice> {
    let Some(cause) = &diagnosis.cause else { return Vec::new() };
    let refused = Refusal { cause, runs_as: None };
    match cause.class.as_str() {
        "S3_403" | "IAM_ROLE" => permissions::statement(&refused),
        "KMS" => permissions::key(&refused),
        "UC_PERMISSION" => permissions::grant(&refused),
        _ => Vec::new(),
    }
}

/// One thing that helps.
enum Remedy<'a> {
    Say(Advice),
    Set(Proposal<'a>),
}

/// A change of settings that belong together.
struct Proposal<'a> {
    settings: Vec<Setting<'a>>,
    /// A sentence: what it is good for.
    why: String,
}

fn say(text: impl Into<String>) -> Advice {
    Advice { text: text.into(), snippet: None }
}

fn copy(text: impl Into<String>, snippet: impl Into<String>) -> Advice {
    Advice { text: text.into(), snippet: Some(snippet.into()) }
}

/// The job that ran: the manifest itself, or the one job that a DAG starts. Of several jobs of a DAG, the one that has the task.
fn job<'a>(input: &RemedyInput<'a>, task: Option<&str>) -> Option<&'a Resource> {
    let resources = &input.desired.resources;
    let asked = resources.iter().find(|r| r.address.to_string() == input.address)?;
    if asked.address.kind == DatabricksJob::NAME {
        return Some(asked);
    }
    let is_started = |r: &&Resource| r.address.kind == DatabricksJob::NAME && asked.references.contains(&r.address);
    let jobs: Vec<&Resource> = resources.iter().filter(is_started).collect();
    if let [job] = jobs.as_slice() {
        return Some(job);
    }
    let tasks = |job: &&&Resource| {
        let tasks = job.spec.get("tasks").and_then(serde_json::Value::as_array);
        task.is_some() && tasks.is_some_and(|tasks| tasks.iter().any(|one| one["task_key"].as_str() == task))
    };
    let with: Vec<&&Resource> = jobs.iter().filter(tasks).collect();
    if let [job] = with.as_slice() { Some(job) } else { None }
}

/// A cause, and the manifests that it happened to.
struct RemedyCase<'a> {
    input: &'a RemedyInput<'a>,
    cause: &'a DiagnosedCause,
    /// The job that ran; `None` for what is no job of Databricks.
    job: Option<&'a Resource>,
    /// The clusters that it can have happened on.
    sites: Vec<ClusterSite<'a>>,
}

impl<'a> RemedyCase<'a> {
    fn new(input: &'a RemedyInput<'a>, cause: &'a DiagnosedCause) -> RemedyCase<'a> {
        let task = cause.slots.get(TASK_KEY).map(String::as_str);
        let job = job(input, task);
        let sites = job.map(|job| site::sites(input.desired, job, task)).unwrap_or_default();
        RemedyCase { input, cause, job, sites }
    }

    fn slot(&self, name: &str) -> Option<&'a str> {
        self.cause.slots.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The key of the task that failed, if the job has it.
    fn task(&self) -> Option<&'a str> {
        self.slot(TASK_KEY)
    }

    /// Whether a line that shows the cause has one of these words.
    fn shows(&self, words: &[&str]) -> bool {
        self.cause.evidence.iter().any(|line| words.iter().any(|word| line.text.contains(word)))
    }

    /// `FILE:LINE` of a value of a manifest.
    fn place(&self, resource: &Resource, path: &plumb_model::schema::Path) -> String {
        self.span(resource.locate(path))
    }

    fn span(&self, span: plumb_model::yaml::Span) -> String {
        let files = &self.input.desired.files;
        format!("{}:{}", files.get(span.file).path, files.position(span).0)
    }

    fn remedies(&self) -> Vec<Remedy<'a>> {
        let found = match self.cause.class.as_str() {
            "SPOT_RECLAIM" => compute::spot(self),
            "CAPACITY" => compute::capacity(self),
            "SUBNET_FULL" => compute::subnet(self),
            "VCPU_LIMIT" | "QUOTA" => quota::vcpus(self),
            "EXEC_OOM_CONTAINER" => memory::container(self),
            "EXEC_HEAP_OOM" => memory::heap(self),
            "DRIVER_OOM" => memory::driver(self),
            "MAX_RESULT" => conf::max_result(self),
            "BROADCAST" => conf::broadcast(self),
            "KRYO_BUFFER" => conf::kryo(self),
            "ANSI" => conf::ansi(self),
            "DATETIME_UPGRADE" => conf::datetime(self),
            "TIMEOUT" => runs::timeout(self),
            "RUN_LIMIT" => runs::limit(self),
            "LIB_INSTALL" => libraries::install(self),
            "PY_MODULE" => libraries::module(self),
            "CLASS_NOT_FOUND" => libraries::class(self),
            "INIT_SCRIPT" => libraries::init_script(self),
            "RESOURCE_MISSING" => libraries::named(self),
            "S3_403" | "IAM_ROLE" => permissions::said(self, permissions::statement),
            "KMS" => permissions::said(self, permissions::key),
            "UC_PERMISSION" => permissions::unity(self),
            "SECRETS" => permissions::secret(self),
            _ => Vec::new(),
        };
        if self.cause.confidence > Confidence::Possible {
            return found;
        }
        // What may not be the cause is no reason to change anything.
        let told = |remedy| match remedy {
            Remedy::Set(proposal) => {
                Remedy::Say(say(format!("If this is the cause: {}. {}", proposal.said(), proposal.why)))
            }
            said => said,
        };
        found.into_iter().map(told).collect()
    }
}
