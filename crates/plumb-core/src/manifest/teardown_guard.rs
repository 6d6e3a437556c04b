//! `guards.teardown` of plumb.yaml, and of a target in it: the least that a manifest has to wait for before a teardown.
//!
//! A manifest with less is a mistake, not raised: what it says is what reviewers read, and it should be what happens.

use super::project::{RequiredGate, TeardownGuard};
use super::{Project, Resource};
use crate::kinds::teardown::TeardownManifest;
use crate::kinds::teardown_spec::{Outcome, grace_seconds};
use plumb_model::yaml::{Node, Problems};

/// Reports a guard that says nothing that could hold.
pub(super) fn of_project(project: &Project, spec: &Node, problems: &mut Problems) {
    let of_targets = project
        .targets
        .iter()
        .map(|(name, target)| (&target.guards, spec.get("targets").and_then(|targets| targets.get(name))));
    for (guards, node) in [(&project.guards, Some(spec))].into_iter().chain(of_targets) {
        let Some(grace) = guards.teardown.as_ref().and_then(|guard| guard.grace.as_deref()) else { continue };
        if grace_seconds(grace).is_none() {
            let shown: String = grace.chars().take(40).collect();
            let span = node.map_or(spec.span, |node| node.at("guards.teardown.grace").span);
            problems.at(span, format!("`{shown}` is no duration"), "expected one like `7d` or `36h`");
        }
    }
}

/// Reports manifests that would terminate or delete something for less than the project's guard.
pub(super) fn of_manifests(resources: &[Resource], guard: Option<&TeardownGuard>, problems: &mut Problems) {
    let Some(guard) = guard else { return };
    for resource in resources {
        if let Some(teardown) = resource.teardown.as_ref().filter(|t| t.spec.desired == Outcome::Teardown) {
            of_manifest(resource, teardown, guard, problems);
        }
    }
}

fn of_manifest(resource: &Resource, teardown: &TeardownManifest, guard: &TeardownGuard, problems: &mut Problems) {
    const HELP: &str = "`guards.teardown` in plumb.yaml is the least that every teardown of the project waits for";
    let rules = teardown.spec.gates();
    let requires = rules.requires.clone().unwrap_or_default();
    let mut report = |path: &str, message: String, label: String| {
        problems.at(resource.node().at(path).span, message, label).help(HELP);
    };
    // What has no tags cannot be marked, and nothing counts from a mark.
    if let Some(least) = guard.grace.as_deref().filter(|_| teardown.kind.can_be_marked()) {
        let given = rules.grace.as_deref().unwrap_or("0d");
        if let (Some(wanted), Some(given_seconds)) = (grace_seconds(least), grace_seconds(given))
            && given_seconds < wanted
        {
            let message = format!("a grace of {given} is less than the project's {least}");
            report("teardown.grace", message, format!("write `grace: {least}` or more"));
        }
    }
    for gate in &guard.requires {
        let (has, path, label) = match gate {
            RequiredGate::Successors => (
                rules.replaced_by.as_ref().is_some_and(|jobs| !jobs.is_empty()),
                "teardown.replacedBy",
                "name the jobs that took over in `replacedBy`",
            ),
            RequiredGate::Parity => (
                requires.parity.as_ref().is_some_and(|parity| parity.passes > 0),
                "teardown.requires.parity",
                "add `requires: {parity: {passes: 1}}` or more",
            ),
            RequiredGate::Dags => (
                requires.dag_paused.as_ref().is_some_and(|dags| !dags.is_empty()),
                "teardown.requires.dagPaused",
                "name the DAGs that must start nothing any more in `requires.dagPaused`",
            ),
        };
        if !has {
            report(
                path,
                format!("this teardown does not wait for `{gate}`, and the project requires it"),
                label.to_owned(),
            );
        }
    }
}
