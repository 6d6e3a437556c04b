//! Decisions that are left to people: each is a comment, `# DECISION:`, in a manifest or in a patch of it, and is open as long as
//! the comment stands there. Whether the value below it was changed tells nothing: the one that was taken meanwhile may be right.

use super::{DecisionGuard, Desired, Mode, Resource};
use crate::kinds::teardown;
use plumb_model::address::Address;
use plumb_model::yaml::{FileId, Span, comments};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What the comment of a decision begins with, behind its `#`.
const MARK: &str = "DECISION:";

/// A decision that nobody has taken yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenDecision {
    /// The line of its comment.
    pub span: Span,
    /// What is to be decided.
    pub what: String,
}

/// How many decisions are open, and in how many pipelines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DecisionCount {
    pub open: usize,
    /// A pipeline is a Migration and what it names, and else the manifests of a folder.
    pub pipelines: usize,
}

impl fmt::Display for DecisionCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (decisions, pipelines) =
            (if self.open == 1 { "" } else { "s" }, if self.pipelines == 1 { "" } else { "s" });
        write!(f, "{} decision{decisions} open in {} pipeline{pipelines}", self.open, self.pipelines)
    }
}

/// The open decisions of each of a text's documents, of which there are so many.
pub(super) fn of_documents(text: &str, file: FileId, documents: usize) -> Vec<Vec<OpenDecision>> {
    let mut all = vec![Vec::new(); documents];
    for (at, span, what) in found(text).unwrap_or_default() {
        if let Some(list) = all.get_mut(at) {
            list.push(OpenDecision { span: Span { file, start: span.0, end: span.1 }, what: what.to_owned() });
        }
    }
    all
}

/// The lines of a text on which a decision is open. One that is not valid YAML is read line by line, as well as that can be.
pub fn decision_lines(text: &str) -> Vec<usize> {
    match found(text) {
        Some(found) => {
            let line = |at: usize| text[..at].bytes().filter(|byte| *byte == b'\n').count() + 1;
            found.into_iter().map(|(_, (start, _), _)| line(start)).collect()
        }
        None => {
            let is_open = |line: &str| asked(line.trim_start().trim_start_matches("- ").trim_start()).is_some();
            text.lines().enumerate().filter(|(_, line)| is_open(line)).map(|(at, _)| at + 1).collect()
        }
    }
}

/// The number of a document, where in the text a comment starts and ends, and what it asks.
type FoundDecision<'t> = (usize, (usize, usize), &'t str);

/// Of each decision its document, its place and what it asks; `None` for a text that is not valid YAML.
fn found(text: &str) -> Option<Vec<FoundDecision<'_>>> {
    // Few files have any, and finding comments reads the whole text once more.
    if !text.contains(MARK) {
        return Some(Vec::new());
    }
    let of = |comment: plumb_model::yaml::Comment| {
        let (start, end) = (comment.start, comment.end);
        Some((comment.document?, (start, end), asked(&text[start..end])?))
    };
    Some(comments(text)?.into_iter().filter_map(of).collect())
}

/// What a comment asks people to decide.
fn asked(comment: &str) -> Option<&str> {
    comment.strip_prefix('#')?.trim_start().strip_prefix(MARK).map(str::trim)
}

impl Desired {
    /// What an apply to the target does with manifests in which decisions are open.
    pub fn decision_guard(&self) -> DecisionGuard {
        let is_tried_out = self.target.sandbox || self.target.mode == Mode::Development;
        let default = if is_tried_out { DecisionGuard::Warn } else { DecisionGuard::Block };
        self.guards.decisions.unwrap_or(default)
    }

    /// The manifests in which decisions are open, each with its pipeline: the Migration that names it, or the only one in its
    /// folder; else its folder.
    pub fn undecided(&self) -> Vec<(String, &Resource)> {
        let mut open = self.resources.iter().filter(|resource| !resource.decisions.is_empty()).peekable();
        if open.peek().is_none() {
            return Vec::new();
        }
        let mut named: BTreeMap<String, &Address> = BTreeMap::new();
        let mut homes: BTreeMap<&str, Vec<&Address>> = BTreeMap::new();
        for resource in &self.resources {
            let Some(kind) = teardown::relation(resource.kind.name()) else { continue };
            let spec = kind.migration(&resource.spec);
            let dags = [spec.from.dags, spec.to.dags].into_iter().flatten().flatten();
            for address in spec.from.emr.into_iter().chain(spec.to.jobs).chain(dags) {
                named.entry(address).or_insert(&resource.address);
            }
            named.insert(resource.address.to_string(), &resource.address);
            homes.entry(self.folder(resource)).or_default().push(&resource.address);
        }
        let pipeline = |resource: &Resource| {
            let folder = self.folder(resource);
            let alone = homes.get(folder).and_then(|all| if let [one] = all.as_slice() { Some(*one) } else { None });
            match named.get(&resource.address.to_string()).copied().or(alone) {
                Some(migration) => migration.to_string(),
                None => folder.to_owned(),
            }
        };
        open.map(|resource| (pipeline(resource), resource)).collect()
    }

    /// How many decisions are open in the manifests that are counted; `None` when none is.
    pub fn count_decisions(&self, is_counted: impl Fn(&Resource) -> bool) -> Option<DecisionCount> {
        let all = self.undecided();
        let counted: Vec<_> = all.iter().filter(|(_, resource)| is_counted(resource)).collect();
        let pipelines: BTreeSet<&String> = counted.iter().map(|(pipeline, _)| pipeline).collect();
        let open = counted.iter().map(|(_, resource)| resource.decisions.len()).sum();
        (open > 0).then_some(DecisionCount { open, pipelines: pipelines.len() })
    }

    fn folder(&self, resource: &Resource) -> &str {
        let path = &self.files.get(resource.span.file).path;
        path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }
}

#[cfg(test)]
#[path = "decisions_tests.rs"]
mod tests;
