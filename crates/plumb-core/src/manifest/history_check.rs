//! `history` of plumb.yaml: what its schema cannot say.

use super::Project;
use plumb_model::yaml::{Node, Problems};

/// Reports a budget that is no duration.
pub(super) fn of_project(project: &Project, spec: &Node, problems: &mut Problems) {
    if project.history.budget_seconds().is_none() {
        let shown: String = project.history.budget().chars().take(40).collect();
        let span = spec.at("history.budget").span;
        problems.at(span, format!("`{shown}` is no duration"), "expected one like `10s` or `1m`; `0s` names nobody");
    }
}
