//! What validate and drift found, for tools that show findings beside lines of code.

use super::value::{pair, scalar, visible};
use crate::plan::{Action, Change, ChangeOrigin, FieldChange, Op, Plan, SourceLine};

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Note,
    Warning,
    Error,
}

/// One thing that was found, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedFinding {
    /// Relative to the repository, with forward slashes; `None` when it has no place in a file.
    pub file: Option<String>,
    /// From 1.
    pub line: Option<usize>,
    /// In characters, from 1.
    pub column: Option<usize>,
    pub level: Level,
    /// A short, stable name of what is checked: `drift`, `unknown-key`.
    pub rule: String,
    pub message: String,
}

/// What was changed live, or is missing or left over live, as findings: one for each field that the live object has
/// otherwise than the manifest and the manifest did not change, one for each resource that must be made or deleted,
/// one for each refusal.
pub fn drift(plan: &Plan) -> Vec<ReportedFinding> {
    let mut out = Vec::new();
    for change in &plan.changes {
        let before = out.len();
        if let (Action::Mark, Some(reason)) = (change.action, &change.reason) {
            let message = format!("{} \"{}\": {reason}", change.address, change.title);
            out.push(finding(change.source.as_ref(), Level::Warning, "drift", message));
            continue;
        }
        if let (Action::Upload, Some(ChangeOrigin::Drift), Some(reason)) =
            (change.action, change.origin, &change.reason)
        {
            // `code of DatabricksJob/geo: src/geo.py was changed in the workspace`
            let message = format!("{}: {reason}", change.title);
            out.push(finding(None, Level::Warning, "drift", message));
            continue;
        }
        for field in &change.fields {
            if matches!(field.origin, Some(ChangeOrigin::Drift | ChangeOrigin::Both)) {
                let source = field.source.as_ref().or(change.source.as_ref());
                out.push(finding(source, Level::Warning, "drift", differs(change, field)));
            }
        }
        if out.len() == before {
            let message = format!("{} {}", change.address, super::body::done_to(change));
            out.push(finding(change.source.as_ref(), Level::Note, "pending", message));
        }
    }
    for blocked in &plan.blocked {
        let about = blocked.address.as_ref().map(|a| format!("{a}: ")).unwrap_or_default();
        out.push(finding(None, Level::Error, "blocked", format!("{about}{}", blocked.reason)));
    }
    out
}

fn finding(source: Option<&SourceLine>, level: Level, rule: &str, message: String) -> ReportedFinding {
    ReportedFinding {
        file: source.map(|source| source.file.clone()),
        line: source.map(|source| source.line),
        column: None,
        level,
        rule: rule.to_owned(),
        message: visible(&message),
    }
}

fn differs(change: &Change, field: &FieldChange) -> String {
    let none = serde_json::Value::Null;
    let (from, to) = (field.from.as_ref().unwrap_or(&none), field.to.as_ref().unwrap_or(&none));
    let (live, wanted) = pair(from, to);
    // What no line of the manifest has is not what it says.
    let wanted = match &field.explanation {
        Some(explanation) if field.source.as_ref().is_some_and(|s| s.nearest) => {
            format!("wanted is {wanted}, {explanation}")
        }
        _ => format!("the manifest says {wanted}"),
    };
    let what = match field.op {
        Op::Add => format!("is missing live; {wanted}"),
        Op::Change => format!("is {live} live; {wanted}"),
        Op::Remove => format!("is {} live; the manifest does not have it", scalar(from)),
    };
    format!("{} {} {what}", change.address, field.path)
}
