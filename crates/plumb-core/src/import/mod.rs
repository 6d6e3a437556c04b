//! From translations to files, again and again: what people edited stays, what they did not follows EMR.
//!
//! Pure: texts go in, texts come out. Beside the manifests stands what was generated last ([`record`]), which is the base
//! of a three-way merge of values ([`values`]) and of the questions in comments ([`text`]).

pub mod brought;
mod names;
pub mod record;
pub mod team;
mod text;
pub mod values;

pub use names::names;
pub use record::{DecisionComment, GeneratedManifest, ImportRecord};
pub use values::Differs;

use crate::kinds::airflow::dag::AirflowDag;
use crate::kinds::databricks::job::DatabricksJob;
use crate::kinds::databricks::policy::DatabricksClusterPolicy;
use crate::kinds::databricks::pool::DatabricksInstancePool;
use crate::kinds::emr::migration::Migration;
use crate::render;
use crate::translate::{At, TranslatedManifest, Translation, TranslationDecision};
use plumb_model::address::Address;
use serde_json::Value;
use std::collections::BTreeMap;

/// The name of the report's file.
pub const REPORT: &str = "translation.md";

/// What of the project a merge has to know.
#[derive(Clone, Debug, Default)]
pub struct ImportProject {
    /// The file of each manifest.
    pub homes: BTreeMap<Address, String>,
    /// Texts by their path, manifests and what stands beside them.
    pub texts: BTreeMap<String, String>,
}

/// A pipeline that was translated.
#[derive(Clone, Debug)]
pub struct TranslatedPipeline {
    /// The folder of its files, from the project's.
    pub folder: String,
    /// What is recorded of it; the manifests in there are those of this translation.
    pub record: ImportRecord,
    pub translation: Translation,
    /// Sentences for the report.
    pub notes: Vec<String>,
}

/// What becomes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ImportState {
    New,
    Updated,
    Unchanged,
    /// Not written, as all that EMR says otherwise has been changed by people.
    Kept,
    /// People have deleted it, and it does not come back.
    Deleted,
    /// It is no longer generated; it is for people to delete.
    Old,
}

impl ImportState {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            ImportState::New => "new",
            ImportState::Updated => "updated",
            ImportState::Unchanged => "unchanged",
            ImportState::Kept => "kept",
            ImportState::Deleted => "deleted",
            ImportState::Old => "old",
        }
    }
}

/// A value that stays as people have it.
#[derive(Clone, Debug, PartialEq)]
pub struct PreservedValue {
    pub file: String,
    pub address: Address,
    pub differs: Differs,
}

/// What comes of a pipeline.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImportOutcome {
    /// Every file, in the order in which it is told.
    pub files: Vec<(ImportState, String)>,
    /// Those that are to be written.
    pub texts: BTreeMap<String, String>,
    pub kept: Vec<PreservedValue>,
    /// Decisions that wait, and those that were taken.
    pub open: usize,
    pub answered: usize,
    pub dropped: usize,
    /// Manifests that are there when all is written.
    pub manifests: usize,
}

impl ImportOutcome {
    /// Adds what comes of another pipeline.
    pub fn add(&mut self, other: ImportOutcome) {
        self.files.extend(other.files);
        self.texts.extend(other.texts);
        self.kept.extend(other.kept);
        self.open += other.open;
        self.answered += other.answered;
        self.dropped += other.dropped;
        self.manifests += other.manifests;
    }
}

/// Merges what was translated into the files of a project. `schema` is the path of the schema from a file.
pub fn outcome(
    pipeline: TranslatedPipeline,
    project: &ImportProject,
    schema: &dyn Fn(&str) -> String,
) -> Result<ImportOutcome, String> {
    let TranslatedPipeline { folder, mut record, translation, notes } = pipeline;
    let at = |file: &str| format!("{folder}/{file}");
    let before = match project.texts.get(&at(record::FILE)) {
        Some(text) => Some(ImportRecord::read(text).map_err(|e| format!("{}: {e}", at(record::FILE)))?),
        None => None,
    };
    let mut out = ImportOutcome::default();
    let mut since = render::Since { notes, ..Default::default() };
    let mut texts = project.texts.clone();
    for document in &translation.documents {
        let asked = asked(&translation, document);
        let questions = asked.iter().filter_map(|index| translation.decisions.get(*index)).map(question).collect();
        let made = GeneratedManifest { address: document.address.clone(), spec: document.spec.clone(), questions };
        let base = before.as_ref().and_then(|record| record.made(&document.address));
        let (state, file) = match (project.homes.get(&document.address), base) {
            (Some(home), base) => {
                let text = texts.get(home).ok_or_else(|| format!("{home} cannot be read"))?;
                let merged = text::merged(text, base, &made)
                    .ok_or_else(|| format!("{}: {} cannot be found in it", home, document.address))?;
                let (same, differs) = (merged.text == *text, !merged.differs.is_empty());
                let open = asked.iter().zip(&merged.open).filter(|(_, open)| !**open);
                since.answered.extend(open.map(|(index, _)| *index));
                let told = |differs| PreservedValue { file: home.clone(), address: document.address.clone(), differs };
                out.kept.extend(merged.differs.into_iter().map(told));
                texts.insert(home.clone(), merged.text);
                let state = match (same, differs) {
                    (false, _) => ImportState::Updated,
                    (true, true) => ImportState::Kept,
                    (true, false) => ImportState::Unchanged,
                };
                (state, home.clone())
            }
            (None, Some(_)) => {
                since.answered.extend(&asked);
                (ImportState::Deleted, path(&folder, &record.name, &document.address))
            }
            (None, None) => {
                let path = path(&folder, &record.name, &document.address);
                if texts.contains_key(&path) {
                    return Err(format!("{path} is there, and {} is not in it", document.address));
                }
                texts.insert(path.clone(), render::translated(&translation, document, &schema(&path)));
                (ImportState::New, path)
            }
        };
        out.manifests += usize::from(state != ImportState::Deleted);
        out.files.push((state, file));
        record.manifests.push(made);
    }
    for old in before.iter().flat_map(|record| &record.manifests) {
        if record.made(&old.address).is_none() {
            if let Some(home) = project.homes.get(&old.address) {
                out.files.push((ImportState::Old, home.clone()));
            }
            // What is forgotten would be taken for people's when it comes back.
            record.manifests.push(old.clone());
        }
    }
    let told = |kept: &PreservedValue| {
        let place = format!("{} {}", kept.address, kept.differs.way);
        (place, kept.differs.theirs.clone(), kept.differs.made.clone())
    };
    since.kept = out.kept.iter().map(told).collect();
    let beside = [(REPORT, render::report(&translation, &since)), (record::FILE, record.text()?)];
    for (name, text) in beside {
        let path = at(name);
        let state = match texts.insert(path.clone(), text) {
            None => ImportState::New,
            before if before.as_ref() == texts.get(&path) => ImportState::Unchanged,
            Some(_) => ImportState::Updated,
        };
        out.files.push((state, path));
    }
    out.answered = since.answered.len();
    out.open = translation.decisions.len() - out.answered;
    out.dropped = translation.account.counts().1;
    out.texts = texts.into_iter().filter(|(path, text)| project.texts.get(path) != Some(text)).collect();
    Ok(out)
}

/// The values of an input of which an account says nothing. There are none.
pub fn unaccounted(input: &Value, translation: &Translation) -> usize {
    let leaves = At::root(input).leaves();
    leaves.iter().filter(|leaf| !translation.account.fates.contains_key(*leaf)).count()
}

/// The decisions of a manifest, by their index, in the order of its comments.
fn asked(translation: &Translation, document: &TranslatedManifest) -> Vec<usize> {
    let address = document.address.to_string();
    let all = translation.decisions.iter().enumerate();
    all.filter(|(_, decision)| decision.document == address).map(|(index, _)| index).collect()
}

fn question(decision: &TranslationDecision) -> DecisionComment {
    DecisionComment { place: decision.place.clone(), why: decision.why.clone(), lines: render::question(decision) }
}

/// The file of a manifest of a pipeline: `job.yaml`, of an application with several jobs `job-load.yaml`.
pub fn path(folder: &str, pipeline: &str, address: &Address) -> String {
    let short = match address.kind.as_str() {
        DatabricksJob::NAME => "job",
        AirflowDag::NAME => "dag",
        DatabricksInstancePool::NAME => "pool",
        DatabricksClusterPolicy::NAME => "policy",
        Migration::NAME => "migration",
        _ => "legacy",
    };
    let name = &address.name;
    match name.strip_prefix(pipeline) {
        Some("") => format!("{folder}/{short}.yaml"),
        Some(rest) if rest.starts_with('-') => format!("{folder}/{short}{rest}.yaml"),
        _ if short == "legacy" => format!("{folder}/{short}.yaml"),
        // The DAG that starts what is on EMR.
        _ if short == "dag" && name.strip_prefix("legacy-") == Some(pipeline) => format!("{folder}/legacy-dag.yaml"),
        _ => format!("{folder}/{short}-of-{name}.yaml"),
    }
}

/// A name for a pipeline that was not imported before, made of its title: the first that `fits`.
pub fn name(title: &str, fits: &dyn Fn(&str) -> bool) -> Option<String> {
    // `legacy-` comes before it in the manifest of the clusters.
    let made = plumb_model::address::slug(title).unwrap_or_else(|| "emr".into());
    let short: String = made.chars().take(40).collect();
    let short = short.trim_end_matches('-');
    let all = std::iter::once(short.to_owned()).chain((2..1_000).map(|n| format!("{short}-{n}")));
    all.into_iter().find(|name| fits(name))
}

#[cfg(test)]
mod tests;
