//! What a step tells GitHub's runner: outputs, and annotations beside lines of files. Pure.
//!
//! The syntax: docs.github.com, "Workflow commands". A step's annotations beyond the tenth of a level are dropped by the
//! runner, so the most dangerous come first.

use plumb_core::kinds::teardown::ending;
use plumb_core::plan::{Action, Change, ChangeOrigin, Plan};
use plumb_core::render::value::visible;
use plumb_core::render::{self, ReportedFinding};

/// How many annotations of one level a step may have.
const MOST: usize = 10;

/// The outputs of a step that planned: numbers and digests, so that no line of it can be anything else.
pub fn outputs(plan: &Plan, exit: u8) -> String {
    let counts = plan.counts();
    let numbers = [
        ("changes", plan.changes.len()),
        ("create", counts.create),
        ("update", counts.update),
        ("replace", counts.replace),
        ("delete", counts.delete),
        ("adopt", counts.adopt),
        ("move", counts.moved),
        ("drifted", plan.changes.iter().filter(|c| is_drift(c)).count()),
        ("blocked", plan.blocked.len()),
        ("exitcode", exit.into()),
    ];
    let mut out: String = numbers.iter().map(|(name, number)| format!("{name}={number}\n")).collect();
    out.push_str(&format!("digest={}\n", plan.digest));
    out
}

fn is_drift(change: &Change) -> bool {
    change.fields.iter().any(|f| matches!(f.origin, Some(ChangeOrigin::Drift | ChangeOrigin::Both)))
}

/// A warning beside each line whose resource is replaced, disrupted or drifted, a notice beside the others.
pub fn annotations(plan: &Plan) -> String {
    let plan = &*render::readable(plan);
    let mut warnings = Vec::new();
    let mut notices = Vec::new();
    for change in &plan.changes {
        let Some(source) = &change.source else { continue };
        let disruptive = matches!(change.action, Action::Replace | Action::Terminate) || !change.impacts.is_empty();
        let mut message = words(change);
        if change.action == Action::Update {
            let mut said: Vec<String> = change.fields.iter().take(5).map(|f| visible(&f.path)).collect();
            if let Some(more) = change.fields.len().checked_sub(6) {
                let last = said.pop().unwrap_or_default();
                said.push(format!("{last} and {} more", more + 1));
            }
            said.extend(render::code_differs(change));
            message.push_str(&format!(": {}", said.join(", ")));
        }
        if is_drift(change) {
            message.push_str("; it was changed live");
        }
        for impact in &change.impacts {
            message.push_str(&format!("; {}", visible(impact)));
        }
        let line = |level: &str| command(level, &source.file, source.line, &change.address.to_string(), &message);
        if disruptive || is_drift(change) {
            warnings.push((!disruptive, line("warning")))
        } else {
            notices.push(line("notice"))
        }
    }
    warnings.sort_by_key(|(harmless, _)| *harmless);
    let warnings = warnings.into_iter().map(|(_, line)| line).take(MOST);
    warnings.chain(notices.into_iter().take(MOST)).collect()
}

/// An error beside each line with a mistake. `prefix` is the project's folder in the repository.
pub fn mistakes(findings: &[ReportedFinding], prefix: &str) -> String {
    let placed = findings.iter().filter_map(|f| Some((f.file.as_ref()?, f.line?, f)));
    placed
        .take(MOST)
        .map(|(file, line, f)| command("error", &format!("{prefix}{file}"), line, "plumb", &f.message))
        .collect()
}

fn words(change: &Change) -> String {
    let words = match change.action {
        Action::Create => "will be created",
        Action::Update => "will be updated",
        Action::Replace => "must be replaced",
        Action::Delete => "will be deleted",
        Action::Adopt => "will take over an existing object",
        Action::Move => "was renamed and keeps its object",
        Action::Release => "will be released",
        Action::Mark => "will be marked for teardown",
        Action::CutOver => "will be cut over",
        Action::Rollback => "will go back",
        Action::Upload => "will be uploaded",
        Action::Retire => "falls out of use",
        Action::Prune => "will be deleted",
        Action::Terminate => return format!("will be {} for good", ending(&change.address.kind).done()),
    };
    words.to_owned()
}

fn command(level: &str, file: &str, line: usize, title: &str, message: &str) -> String {
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    format!("::{level} file={},line={line},title={}::{}\n", property(file), property(title), data(message))
}

/// The text as the runner reads it back. Hidden characters were made visible before, so there is no line break left.
fn data(text: &str) -> String {
    visible(text).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The text with the runner's commands switched off while it is printed. `token` must be unknown to whoever wrote the text.
pub fn inert(text: &str, token: &str) -> String {
    let end = if text.ends_with('\n') { "" } else { "\n" };
    format!("::stop-commands::{token}\n{text}{end}::{token}::\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_its_place_in_a_command() {
        let line = command("notice", "a,b:c\n::error::%", 3, "x::y,z", "100%\n::add-mask::x");
        assert_eq!(
            line,
            "::notice file=a%2Cb%3Ac\\n%3A%3Aerror%3A%3A%25,line=3,title=x%3A%3Ay%2Cz::100%25\\n::add-mask::x\n"
        );
        assert_eq!(inert("::error::x", "t"), "::stop-commands::t\n::error::x\n::t::\n");
    }
}
