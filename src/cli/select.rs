//! Which resources a command is about: the options, and what they match.

use super::Selected;
use crate::ui::{Failure, Ui};
use clap::Args;
use plumb_core::manifest::Resource;
use plumb_core::plan::{Guard, Partial, Plan, Selection};
use plumb_model::address::Address;

/// Leave for a selection to break what it leaves out.
#[derive(Args, Clone, Default)]
pub struct Dangling {
    /// Go on although resources outside the selection keep the id of something that is replaced or deleted
    #[arg(long)]
    pub allow_dangling: bool,
}

/// The selection that the options make.
pub fn selection(selected: &Selected) -> Selection {
    Selection { labels: selected.labels.clone(), only: selected.only.clone() }
}

/// The options that make the selection of a plan.
pub fn selected(partial: &Partial) -> Selected {
    let Selection { labels, only } = partial.selection();
    Selected { labels, only }
}

/// Refuses a selection that matches nothing, which is a typing mistake, and warns of a pattern that does not.
pub fn check(selection: &Selection, resources: &[Resource], ui: &Ui) -> Result<(), Failure> {
    let unmatched: Vec<&String> =
        selection.only.iter().filter(|pattern| !resources.iter().any(|r| matches(pattern, &r.address))).collect();
    if selection.is_whole() || resources.iter().any(|r| selection.has(r)) {
        for pattern in unmatched {
            ui.warn(&format!("--only {pattern} matches no resource of the manifests{}", guess(pattern, resources)));
        }
        return Ok(());
    }
    let failure = Failure::usage("the selection matches no resource of the manifests");
    if resources.is_empty() {
        return Err(failure.hint("there are no manifests"));
    }
    if let Some(asked) = unmatched.first() {
        return Err(failure.hint(one_of(asked, names_like(asked, resources))));
    }
    let label = |(name, value): (&String, &String)| format!("{name}={value}");
    let labels: Vec<String> = resources.iter().flat_map(|r| r.labels.iter().map(label)).collect();
    let missing = selection.labels.iter().map(|(n, v)| label((n, v))).find(|asked| !labels.contains(asked));
    Err(match missing {
        Some(_) if labels.is_empty() => failure.hint("no manifest has `metadata.labels`"),
        Some(asked) => failure.hint(one_of(&asked, labels)),
        None => failure.hint("each option matches something, but nothing matches all of them"),
    })
}

fn guess(pattern: &str, resources: &[Resource]) -> String {
    let names = names_like(pattern, resources);
    match plumb_model::yaml::nearest(pattern, names.iter().map(String::as_str)) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => String::new(),
    }
}

/// What a pattern may have meant: addresses, or kinds and names.
fn names_like(pattern: &str, resources: &[Resource]) -> Vec<String> {
    if pattern.contains('/') {
        resources.iter().map(|r| r.address.to_string()).collect()
    } else {
        resources.iter().flat_map(|r| [r.address.name.clone(), r.address.kind.clone()]).collect()
    }
}

/// What was meant, or what there is.
fn one_of(asked: &str, mut names: Vec<String>) -> String {
    names.sort();
    names.dedup();
    match plumb_model::yaml::nearest(asked, names.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are: {}", names.join(", ")),
    }
}

fn matches(pattern: &str, address: &Address) -> bool {
    Selection { labels: Vec::new(), only: vec![pattern.to_owned()] }.has_address(address)
}

/// Forgets that a plan is of a part, for a command that shows one resource and applies nothing.
pub fn forget(plan: &mut Plan) {
    plan.partial = None;
    plan.blocked.retain(|blocked| blocked.guard != Some(Guard::Dangling));
}
