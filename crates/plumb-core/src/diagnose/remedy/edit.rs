//! From a setting to the text of a manifest, and the proof that the text asks for that setting and nothing else.

use super::{FilePatch, Proposal, RemedyCase};
use crate::diagnose::result::ProposedChange;
use crate::manifest::{Desired, Resource, document_of};
use crate::plan::compare::{Context, Difference, Pattern, Undeclared, compare};
use crate::plan::normal::normal;
use crate::writeback;
use plumb_model::address::Address;
use plumb_model::schema::{self, Path};
use plumb_model::yaml::edit;
use serde_json::Value;
use similar::{ChangeTag, TextDiff};
use std::collections::BTreeMap;

/// Lines that stay are shown between two changes if they are this few.
const MOST_BETWEEN: usize = 3;

/// A value of a spec.
#[derive(Clone)]
pub(super) struct Setting<'a> {
    pub resource: &'a Resource,
    pub path: Path,
    pub value: Value,
}

impl Setting<'_> {
    fn said(&self) -> String {
        let now = schema::find(self.resource.kind.rules(), &self.resource.spec, &self.path).filter(|v| !v.is_null());
        let value = shown(&self.value);
        match now {
            Some(now) => format!("{} {} → {value}", self.path, shown(now)),
            None => format!("{} {value}", self.path),
        }
    }
}

/// A value as a sentence has it.
fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

impl Proposal<'_> {
    /// What it does: `DatabricksJob/x: timeout_seconds 60 → 120`.
    pub(super) fn said(&self) -> String {
        let mut by: Vec<(&Address, Vec<String>)> = Vec::new();
        for setting in &self.settings {
            match by.iter_mut().find(|(address, _)| **address == setting.resource.address) {
                Some((_, said)) => said.push(setting.said()),
                None => by.push((&setting.resource.address, vec![setting.said()])),
            }
        }
        let said = |(address, settings): &(&Address, Vec<String>)| format!("{address}: {}", settings.join(", "));
        by.iter().map(said).collect::<Vec<_>>().join("; ")
    }
}

impl<'a> RemedyCase<'a> {
    /// The files that a proposal changes. An error says why it cannot be proposed as a change of text.
    pub(super) fn patched(&self, proposal: &Proposal<'a>) -> Result<Vec<FilePatch>, String> {
        let mut before: BTreeMap<String, String> = BTreeMap::new();
        let mut texts: BTreeMap<String, String> = BTreeMap::new();
        let mut said: BTreeMap<String, Vec<Setting<'a>>> = BTreeMap::new();
        for setting in &proposal.settings {
            let found = setting.resource.locate(&setting.path);
            let file = self.input.desired.files.get(found.file).path.clone();
            if !texts.contains_key(&file) {
                let text = (self.input.text)(&file).ok_or_else(|| format!("{file} cannot be read"))?;
                before.insert(file.clone(), text.clone());
                texts.insert(file.clone(), text);
            }
            let text = texts.get(&file).map_or("", String::as_str);
            let edited = edited(text, setting).map_err(|why| format!("{}: {why}", self.span(found)))?;
            texts.insert(file.clone(), edited);
            said.entry(file).or_default().push(setting.clone());
        }
        self.verify(&texts, &proposal.settings)?;
        let patch = |(file, settings): (String, Vec<Setting<'a>>)| {
            let (before, text) = (before.remove(&file)?, texts.remove(&file)?);
            let (line, patch) = unified(&before, &text)?;
            let what = Proposal { settings, why: String::new() }.said();
            Some(FilePatch {
                shown: ProposedChange { file, line, what, why: proposal.why.clone(), patch },
                before,
                text,
            })
        };
        let patches: Vec<FilePatch> = said.into_iter().filter_map(patch).collect();
        if patches.is_empty() { Err("it is written so already".to_owned()) } else { Ok(patches) }
    }

    /// Loads the texts, and holds what they ask for against what they are to ask for.
    fn verify(&self, texts: &BTreeMap<String, String>, settings: &[Setting<'_>]) -> Result<(), String> {
        let after =
            (self.input.reload)(texts).map_err(|why| format!("the changed manifest would not be valid: {why}"))?;
        match difference(self.input.desired, &after, settings) {
            None => planned(&after, settings),
            Some(address) => Err(format!("the changed text would ask for something else of {address}")),
        }
    }
}

/// The first resource of which the manifests do not ask for what they asked before, these settings apart.
pub(super) fn difference(before: &Desired, after: &Desired, settings: &[Setting<'_>]) -> Option<Address> {
    let kept = |a: &Resource, b: &Resource| {
        a.labels == b.labels
            && (a.lifecycle.protect, a.lifecycle.force_destroy) == (b.lifecycle.protect, b.lifecycle.force_destroy)
            && a.previous_names == b.previous_names
            && (a.lifecycle.ignore.len(), a.remove.len()) == (b.lifecycle.ignore.len(), b.remove.len())
            && (&a.adopts, a.take_from, &a.references) == (&b.adopts, b.take_from, &b.references)
    };
    for resource in &before.resources {
        let mut spec = resource.spec.to_value();
        for setting in settings.iter().filter(|setting| setting.resource.address == resource.address) {
            schema::graft(resource.kind.rules(), &mut spec, &setting.path, Some(&setting.value));
        }
        let now = after.resources.iter().find(|other| other.address == resource.address);
        if now.is_none_or(|now| now.spec != spec || !kept(resource, now)) {
            return Some(resource.address.clone());
        }
    }
    let is_new = |resource: &&Resource| before.resources.iter().all(|other| other.address != resource.address);
    after.resources.iter().find(is_new).map(|resource| resource.address.clone())
}

/// Whether a plan against what is live now, which is what the manifests asked for before, changes these settings and no more.
fn planned(after: &Desired, settings: &[Setting<'_>]) -> Result<(), String> {
    for setting in settings {
        let before = setting.resource;
        let Some(now) = after.resources.iter().find(|resource| resource.address == before.address) else { continue };
        let rules = before.kind.rules();
        let ignored: Vec<Pattern> = now.lifecycle.ignore.iter().map(|ignore| Pattern::parse(&ignore.path)).collect();
        let context = Context { supplied: &BTreeMap::new(), ignored: &ignored, undeclared: Undeclared::Remove };
        let found = compare(rules, &normal(rules, &now.spec), &normal(rules, &before.spec), &context);
        let is_of = |difference: &Difference, setting: &Setting<'_>| {
            difference.path.is_in(&setting.path) || setting.path.is_in(&difference.path)
        };
        if !found.differences.iter().any(|difference| is_of(difference, setting)) {
            return Err(format!("no plan would change {}: what is live counts as that, or is ignored", setting.path));
        }
        let is_said = |difference: &Difference| settings.iter().any(|setting| is_of(difference, setting));
        if let Some(other) = found.differences.iter().find(|difference| difference.replaces || !is_said(difference)) {
            return Err(format!("a plan would do more to {}", other.path));
        }
    }
    Ok(())
}

/// The text with the setting in it.
fn edited(text: &str, setting: &Setting<'_>) -> Result<String, String> {
    let resource = setting.resource;
    let other = "what says it is not a manifest of it: change it there";
    let (document, node) = document_of(text, &resource.address).ok_or(other)?;
    let spec = node.get("spec").ok_or("the manifest has no spec")?;
    let steps = writeback::steps(resource, spec, &setting.path, true)?;
    edit::set(text, document, &steps, &setting.value)
}

/// The first line that changes, from 1, and the lines that go and come.
fn unified(before: &str, after: &str) -> Option<(u64, String)> {
    let diff = TextDiff::from_lines(before, after);
    let (mut line, mut first) = (1, None);
    let mut out = String::new();
    let mut between: Vec<&str> = Vec::new();
    for change in diff.iter_all_changes() {
        let sign = match change.tag() {
            ChangeTag::Equal => {
                line += 1;
                between.push(change.value());
                continue;
            }
            ChangeTag::Delete => '-',
            ChangeTag::Insert => '+',
        };
        if first.is_none() {
            first = Some(line);
        } else if between.len() > MOST_BETWEEN {
            out.push_str(" …\n");
        } else {
            between.iter().for_each(|kept| push(&mut out, ' ', kept));
        }
        between.clear();
        push(&mut out, sign, change.value());
        line += u64::from(sign == '-');
    }
    Some((first?, out))
}

fn push(out: &mut String, sign: char, line: &str) {
    out.push(sign);
    out.push_str(line.trim_end_matches(['\n', '\r']));
    out.push('\n');
}
