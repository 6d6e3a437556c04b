//! What plumb.yaml says of code, and its schema cannot say.

use super::Project;
use super::code_uses::CodeUse;
use crate::code::CodeFolder;
use plumb_model::text::seconds;
use plumb_model::yaml::{Node, Problem, Problems};

/// How long unused code is kept unless the project says otherwise, in days.
const KEPT_DAYS: u32 = 30;
const DAY: u64 = 86_400;

/// How many days code is kept that nothing names any more; `None` when what is written is no number of days.
pub(super) fn keep_days(project: &Project) -> Option<u32> {
    let Some(text) = &project.code.keep else { return Some(KEPT_DAYS) };
    let seconds = seconds(text).filter(|seconds| seconds % DAY == 0)?;
    u32::try_from(seconds / DAY).ok()
}

/// Warns of the first jar of a resource whose code is in the workspace: clusters with standard or dedicated access mode install
/// none from there, those without isolation do from 14.1 on, and all but the latter take them from a volume (docs.databricks.com:
/// "Compute compatibility with libraries and init scripts", Java and Scala library support; zinggAI/zingg, issue 984, has the
/// refusal). Wheels are installed from either.
pub(super) fn jar_in_workspace(uses: &[CodeUse]) -> Option<Problem> {
    let jar = uses.iter().find(|one| one.at.ends_with("/jar") || one.at.ends_with("/jar_uri"))?;
    let what = format!("`{}` would be kept in the workspace, from where most clusters install no jar", jar.path);
    let label = "only clusters without isolation do (`data_security_mode: NONE`, 14.1 and above)";
    let mut problem = Problem { span: Some(jar.span), ..Problem::new(what, label.to_owned()) };
    problem.help(
        "set `databricks.code: /Volumes/CATALOG/SCHEMA/VOLUME` of the target; beside notebooks, put the jar into a volume and write its path",
    );
    Some(problem)
}

/// Reports a time that is no number of days, and folders that keep no code.
pub(super) fn of_project(project: &Project, spec: &Node, problems: &mut Problems) {
    if keep_days(project).is_none() {
        let shown: String = project.code.keep.as_deref().unwrap_or_default().chars().take(40).collect();
        let span = spec.at("code.keep").span;
        problems.at(span, format!("`{shown}` is no number of days"), "expected days from 1 on, such as `30d`");
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
