//! What changes inside one resource, as signed lines. Text and markdown lay the same lines out differently.

use super::code;
use super::value::{barred, columns, fitted, key, pair, scalar, visible};
use crate::kinds::teardown::ending;
use crate::plan::{Action, Change, ChangeOrigin, Commit, FieldChange, Op, SourceLine};
use serde_json::Value;
use similar::{Algorithm, ChangeTag, DiffTag, capture_diff_slices, group_diff_ops};

/// How many unchanged lines stand around a changed one.
const AROUND: usize = 3;

/// How many columns a commit's first line gets.
const SUMMARY: usize = 72;
/// How many open decisions of a resource are shown.
const UNDECIDED: usize = 3;
/// How many columns each gets.
const QUESTION: usize = 160;

/// What a line says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    Add,
    Remove,
    /// Old and new value on one line, or the heading of changed lines.
    Change,
    /// An unchanged line between changed ones.
    Keep,
}

/// One line of a resource's body.
pub(super) struct BodyLine {
    pub sign: Sign,
    pub text: String,
    /// Where the wanted value comes from, and who brought the difference about.
    pub remark: Option<String>,
    /// Whether the line may be cut to the width: it is context, not the change.
    pub may_be_cut: bool,
}

impl BodyLine {
    pub(super) fn new(sign: Sign, text: String) -> Self {
        BodyLine { sign, text, remark: None, may_be_cut: false }
    }
}

/// The lines of the given fields of a change. `width` is what an `old -> new` may take; `None` puts the two on a line
/// each.
pub(super) fn lines(change: &Change, fields: &[&FieldChange], width: Option<usize>) -> Vec<BodyLine> {
    let whole = matches!(change.action, Action::Create | Action::Delete);
    let mut out = Vec::new();
    for field in fields {
        let start = out.len();
        let remark = remark(field, whole);
        field_lines(field, whole, width, &mut out);
        // The last line of a one- or two-line change is the wanted value: its origin belongs there. Longer ones have it
        // on their heading.
        let at = if out.len() - start == 2 && out[start].sign == Sign::Remove { start + 1 } else { start };
        if let Some(line) = out.get_mut(at) {
            line.remark = remark;
        }
    }
    out
}

fn field_lines(field: &FieldChange, whole: bool, width: Option<usize>, out: &mut Vec<BodyLine>) {
    let path = visible(&field.path);
    let none = Value::Null;
    let from = field.from.as_ref().unwrap_or(&none);
    let to = field.to.as_ref().unwrap_or(&none);
    match field.op {
        Op::Add => out.extend(tree(&path, to, whole).into_iter().map(|text| BodyLine::new(Sign::Add, text))),
        Op::Remove => out.extend(tree(&path, from, whole).into_iter().map(|text| BodyLine::new(Sign::Remove, text))),
        Op::Change if nested(from) || nested(to) => {
            out.push(BodyLine::new(Sign::Change, format!("{path}:")));
            out.extend(difference(&block(from), &block(to)));
        }
        Op::Change => {
            let (old, new) = pair(from, to);
            match width {
                Some(width) if columns(&path) + columns(&old) + columns(&new) + 7 <= width => {
                    out.push(BodyLine::new(Sign::Change, format!("{path} = {old} -> {new}")));
                }
                Some(_) => {
                    out.push(BodyLine::new(Sign::Change, format!("{path} =")));
                    out.push(BodyLine::new(Sign::Remove, format!("  {old}")));
                    out.push(BodyLine::new(Sign::Add, format!("  {new}")));
                }
                None => {
                    out.push(BodyLine::new(Sign::Remove, format!("{path} = {old}")));
                    out.push(BodyLine::new(Sign::Add, format!("{path} = {new}")));
                }
            }
        }
    }
}

/// Whether the value takes more than one line.
fn nested(value: &Value) -> bool {
    match value {
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
        Value::String(text) => text.trim_end_matches('\n').contains('\n'),
        _ => false,
    }
}

fn tree(label: &str, value: &Value, whole: bool) -> Vec<String> {
    if !nested(value) {
        return vec![format!("{label}{}{}", if whole { ": " } else { " = " }, scalar(value))];
    }
    let mut out = vec![format!("{label}:")];
    out.extend(block(value));
    out
}

/// The lines of a value that stands below its label.
fn block(value: &Value) -> Vec<String> {
    let mut out = Vec::new();
    if nested(value) {
        write(value, 2, &mut out)
    } else {
        out.push(format!("  {}", scalar(value)))
    }
    out
}

fn write(value: &Value, indent: usize, out: &mut Vec<String>) {
    let pad = " ".repeat(indent);
    match value {
        Value::Object(map) => {
            let mut members: Vec<_> = map.iter().collect();
            members.sort_by_key(|(name, value)| (!names(name), nested(value), *name));
            for (name, value) in members {
                if nested(value) {
                    out.push(format!("{pad}{}:", key(name)));
                    write(value, indent + 2, out);
                } else {
                    out.push(format!("{pad}{}: {}", key(name), scalar(value)));
                }
            }
        }
        Value::Array(list) => {
            for item in list {
                let start = out.len();
                if nested(item) {
                    write(item, indent + 2, out)
                } else {
                    out.push(format!("{pad}  {}", scalar(item)))
                }
                // The item's first line carries the dash in its indentation, as YAML does.
                if let Some(first) = out.get_mut(start) {
                    first.replace_range(indent..indent + 1, "-");
                }
            }
        }
        Value::String(text) => {
            let (body, ended) = match text.strip_suffix('\n') {
                Some(body) => (body, true),
                None => (text.as_str(), false),
            };
            out.extend(body.split('\n').map(|line| format!("{pad}{}", barred(line))));
            if !ended {
                out.push(format!("{pad}\\ no newline at the end"));
            }
        }
        other => out.push(format!("{pad}{}", scalar(other))),
    }
}

/// Whether a member names the object it stands in, so that it is best read first.
fn names(member: &str) -> bool {
    member == "name" || member == "key" || member.ends_with("_key")
}

fn difference(old: &[String], new: &[String]) -> Vec<BodyLine> {
    // No deadline: it would make the result depend on how busy the machine is.
    let ops = capture_diff_slices(Algorithm::Histogram, old, new);
    let mut out = Vec::new();
    let mut seen = 0;
    let skipped = |count: usize| {
        let s = if count == 1 { "" } else { "s" };
        (count > 0).then(|| BodyLine::new(Sign::Keep, format!("  … {count} unchanged line{s}")))
    };
    for group in group_diff_ops(ops, AROUND) {
        let start = group.first().map_or(seen, |op| op.old_range().start);
        out.extend(skipped(start - seen));
        for op in &group {
            seen = seen.max(op.old_range().end);
            for piece in op.iter_changes(old, new) {
                let sign = match piece.tag() {
                    ChangeTag::Delete => Sign::Remove,
                    ChangeTag::Insert => Sign::Add,
                    ChangeTag::Equal => Sign::Keep,
                };
                out.push(BodyLine { may_be_cut: sign == Sign::Keep, ..BodyLine::new(sign, piece.value().clone()) });
            }
        }
    }
    out.extend(skipped(old.len() - seen));
    out
}

/// How many lines are added and removed between two values as they are laid out.
pub(super) fn changed_lines(from: &Value, to: &Value) -> (usize, usize) {
    let (old, new) = (block(from), block(to));
    let ops = capture_diff_slices(Algorithm::Histogram, &old, &new);
    let changed = ops.iter().filter(|op| op.tag() != DiffTag::Equal);
    changed.fold((0, 0), |(added, removed), op| (added + op.new_range().len(), removed + op.old_range().len()))
}

/// Where a field's wanted value stands and who brought the difference about.
fn remark(field: &FieldChange, whole: bool) -> Option<String> {
    let mut parts = Vec::new();
    if field.replaces {
        parts.push("forces replacement".to_owned());
    }
    if !whole && let Some(source) = &field.source {
        parts.push(place(source));
    }
    let by = field.source.as_ref().and_then(commit);
    let explanation = field.explanation.as_deref().filter(|_| !whole).map(visible);
    let wanted = |by: Option<String>| by.map(|by| format!("wanted since {by}"));
    // A commit's own words come last: nothing tells where they end.
    let says: Vec<Option<String>> = match (field.origin, by) {
        (Some(ChangeOrigin::Drift), by) => vec![Some("changed live".to_owned()), explanation, wanted(by)],
        (Some(ChangeOrigin::Manifest), Some(by)) => vec![explanation, Some(format!("manifest {by}"))],
        (Some(ChangeOrigin::Manifest), None) => vec![explanation.or(Some("manifest changed".to_owned()))],
        (Some(ChangeOrigin::Both), Some(by)) => vec![explanation, Some(format!("changed live, and manifest {by}"))],
        (Some(ChangeOrigin::Both), None) => vec![explanation, Some("changed live and in the manifest".to_owned())],
        (None, by) => vec![explanation, wanted(by.filter(|_| !whole))],
    };
    let says: Vec<String> = says.into_iter().flatten().collect();
    parts.extend((!says.is_empty()).then(|| says.join("; ")));
    parts.extend(field.note.as_deref().map(visible));
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// `manifests/jobs.yaml:14`.
pub(super) fn place(source: &SourceLine) -> String {
    format!("{}:{}", visible(&source.file), source.line)
}

/// `3f2a91c0b1d2 by Ann: raise timeout`.
pub(super) fn commit(source: &SourceLine) -> Option<String> {
    source.commit.as_ref().map(by)
}

/// `3f2a91c0b1d2 by Ann: raise timeout`, of a commit.
pub(super) fn by(commit: &Commit) -> String {
    let summary = fitted(&visible(&commit.summary), SUMMARY);
    format!("{} by {}: {summary}", visible(&commit.id), visible(&commit.author))
}

/// What is done to the resource, as the end of a sentence that starts with its address.
pub(super) fn done_to(change: &Change) -> String {
    match change.action {
        Action::Create => "will be created".to_owned(),
        Action::Update => "will be updated in place".to_owned(),
        Action::Replace => "must be replaced".to_owned(),
        Action::Delete => "will be deleted".to_owned(),
        Action::Adopt => format!("will take over the existing object{}", id(change)),
        Action::Move => match &change.moved_from {
            Some(old) => format!("was {} and keeps its object", visible(&old.to_string())),
            None => "was renamed and keeps its object".to_owned(),
        },
        Action::Release => "will be released; its object stays".to_owned(),
        Action::Mark => "will be marked for teardown; nothing else happens to it".to_owned(),
        Action::Terminate => format!("will be {} for good", ending(&change.address.kind).done()),
        Action::CutOver => "will be cut over, all of it".to_owned(),
        Action::Rollback => "will go back, all of it".to_owned(),
        Action::Upload => code::uploaded(change.tree.iter(), change.origin == Some(ChangeOrigin::Drift)),
        Action::Retire => "falls out of use".to_owned(),
        Action::Prune => "will be deleted".to_owned(),
    }
}

/// ` (id 123)`, when there is an object.
pub(super) fn id(change: &Change) -> String {
    // Where a tree is kept is said once for all.
    let id = change.id.as_deref().filter(|_| change.code.is_none());
    id.map(|id| format!(" (id {})", visible(id))).unwrap_or_default()
}

/// The sign of an action, as wide as it is.
pub(super) fn glyph(action: Action) -> &'static str {
    match action {
        Action::Create => "+",
        Action::Update => "~",
        Action::Replace => "-/+",
        Action::Delete => "-",
        Action::Adopt => "<=",
        Action::Move => ">",
        Action::Release => ".",
        Action::Mark => "*",
        Action::Terminate => "!",
        Action::CutOver | Action::Rollback => "<>",
        Action::Upload => "^",
        Action::Retire => ".",
        Action::Prune => "-",
    }
}

/// What an action's sign means.
pub(super) fn meaning(action: Action) -> &'static str {
    match action {
        Action::Create => "create",
        Action::Update => "update in place",
        Action::Replace => "delete, then create again",
        Action::Delete => "delete",
        Action::Adopt => "take over an existing object",
        Action::Move => "follow a rename",
        Action::Release => "release: take the marks off",
        Action::Mark => "mark for teardown",
        Action::Terminate => "terminate for good",
        Action::CutOver => "cut over: pause the old, switch on the new",
        Action::Rollback => "go back: pause the new, switch on the old",
        Action::Upload => "upload code",
        Action::Retire => "note that code fell out of use",
        Action::Prune => "delete code that nothing names",
    }
}

/// What is open in the manifest of a change: the first few, and how many more there are.
pub(super) fn undecided(change: &Change) -> Vec<String> {
    let open = change.decisions.iter().take(UNDECIDED).map(|one| {
        let what = fitted(&visible(&one.what), QUESTION);
        format!("to decide: {what} ({}:{})", visible(&one.file), one.line)
    });
    let more = change.decisions.len().saturating_sub(UNDECIDED);
    open.chain((more > 0).then(|| format!("to decide: {more} more"))).collect()
}

/// What is said of a change before its fields: why, where its manifest is, what it waits for, when it runs next, and when its runs
/// end.
pub fn about(change: &Change) -> Vec<String> {
    let mut out = Vec::new();
    out.extend(change.reason.as_deref().map(|reason| format!("({})", visible(reason))));
    out.extend(change.source.as_ref().map(|source| match commit(source) {
        Some(commit) => format!("{}, {commit}", place(source)),
        None => place(source),
    }));
    if !change.depends_on.is_empty() {
        let names: Vec<String> = change.depends_on.iter().map(|a| visible(&a.to_string())).collect();
        out.push(format!("after {}", names.join(", ")));
    }
    out.extend(change.next_run.as_deref().map(|next| format!("next scheduled run: {}", visible(next))));
    // A field that is the deadline has it as its remark.
    let is_field = change.fields.iter().any(|field| field.path == "deadline" && field.to.is_some());
    out.extend(change.deadline.as_deref().filter(|_| !is_field).map(|deadline| visible(&deadline.says())));
    out
}
