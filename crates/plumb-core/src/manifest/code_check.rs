//! What plumb.yaml says of code, and its schema cannot say.

use super::Project;
use crate::code::CodeFolder;
use plumb_model::text::seconds;
use plumb_model::yaml::{Node, Problems};

/// How long unused code is kept unless the project says otherwise, in days.
const KEPT_DAYS: u32 = 30;
const DAY: u64 = 86_400;

/// How many days code is kept that nothing names any more; `None` when what is written is no number of days.
pub(super) fn keep_days(project: &Project) -> Option<u32> {
    let Some(text) = &project.code.keep else { return Some(KEPT_DAYS) };
    let seconds = seconds(text).filter(|seconds| seconds % DAY == 0)?;
    u32::try_from(seconds / DAY).ok()
}

/// Reports a time that is no number of days, and folders that keep no code.
pub(super) fn of_project(project: &Project, spec: &Node, problems: &mut Problems) {
    if keep_days(project).is_none() {
        let shown: String = project.code.keep.as_deref().unwrap_or_default().chars().take(40).collect();
        let span = spec.at("code.keep").span;
        problems.at(span, format!("`{shown}` is no number of days"), "expected one like `30d`");
    }
    for entry in spec.get("targets").map_or(&[][..], Node::entries) {
        let node = entry.value.get("databricks").and_then(|databricks| databricks.get("code"));
        let written = node.and_then(|node| Some((node, node.as_str()?)));
        if let Some((node, Err(wanted))) = written.map(|(node, text)| (node, CodeFolder::root(text))) {
            let shown: String = node.as_str().unwrap_or_default().chars().take(120).collect();
            problems.at(node.span, format!("`{}` cannot keep code", shown.escape_debug()), wanted);
        }
    }
}
