//! What a plan says of code: the files of an object that differ, and trees that are written.
//!
//! The path of a file in its tree is the repository's behind a folder that nobody reads, so values show `./src/load.py`; and
//! fields that only name another tree are told by the files that differ.

use super::body::{BodyLine, Sign, by};
use super::counted;
use super::value::visible;
use crate::code::{CodeChange, CodeOverview, CodeSummary, HASH_DIGITS, is_hash};
use crate::plan::{Action, Change, ChangeOrigin, FieldChange, Op, Plan};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// How many files of a change are told with their differences.
const FILES: usize = 20;
/// How many are told on one line.
const FEW: usize = 3;
/// How many digits of a hash tell one file from another.
const DIGITS: usize = 4;

/// A plan with the paths of code as the repository has them, and without the fields that the files of a change tell.
pub fn readable(plan: &Plan) -> Cow<'_, Plan> {
    let trees = plan.changes.iter().filter_map(|change| change.tree.as_ref());
    let folders: BTreeSet<&str> = trees.filter_map(|tree| Some(tree.path.rsplit_once('/')?.0)).collect();
    if folders.is_empty() {
        return Cow::Borrowed(plan);
    }
    // A workspace shows a path with and without this.
    let short = folders.iter().filter_map(|folder| folder.strip_prefix("/Workspace"));
    let folders: Vec<&str> = folders.iter().copied().chain(short).collect();
    let mut shown = plan.clone();
    for change in shown.changes.iter_mut().filter(|change| change.code.is_none()) {
        for field in &mut change.fields {
            field.path = in_repository(&field.path, &folders);
            field.from = field.from.take().map(|value| values(value, &folders));
            field.to = field.to.take().map(|value| values(value, &folders));
        }
        if change.tree.is_some() && !matches!(change.action, Action::Create | Action::Delete) {
            fold(&mut change.fields);
        }
    }
    Cow::Owned(shown)
}

/// Leaves out the fields whose sides are the same but for the tree.
fn fold(fields: &mut Vec<FieldChange>) {
    let ours = |field: &&FieldChange| !matches!(field.origin, Some(ChangeOrigin::Drift | ChangeOrigin::Both));
    let value = |value: &Option<Value>| value.as_ref().map(Value::to_string).unwrap_or_default();
    let side = |op: Op, of: fn(&FieldChange) -> &Option<Value>| -> BTreeSet<(String, String)> {
        let fields = fields.iter().filter(ours).filter(|field| field.op == op);
        fields.map(|field| (field.path.clone(), value(of(field)))).collect()
    };
    // An element that is named by its path goes and comes.
    let (gone, new) = (side(Op::Remove, |field| &field.from), side(Op::Add, |field| &field.to));
    let both: BTreeSet<_> = gone.intersection(&new).cloned().collect();
    fields.retain(|field| {
        let same = match field.op {
            Op::Change => field.from == field.to,
            Op::Remove => both.contains(&(field.path.clone(), value(&field.from))),
            Op::Add => both.contains(&(field.path.clone(), value(&field.to))),
        };
        // A secret that is another one may look like the one before.
        let is_secret = value(&field.from).contains("(secret");
        !same || is_secret || field.note.is_some() || field.replaces || !ours(&field)
    });
}

fn values(value: Value, folders: &[&str]) -> Value {
    match value {
        Value::String(text) => Value::String(in_repository(&text, folders)),
        Value::Array(items) => items.into_iter().map(|item| values(item, folders)).collect(),
        Value::Object(map) => {
            Value::Object(map.into_iter().map(|(key, value)| (key, values(value, folders))).collect())
        }
        other => other,
    }
}

/// A text with `./` in the place of each tree.
fn in_repository(text: &str, folders: &[&str]) -> String {
    let mut out = text.to_owned();
    for folder in folders {
        let mut from = 0;
        while let Some(at) = out[from..].find(folder).map(|at| from + at) {
            let rest = &out[at + folder.len()..];
            let hash = rest.strip_prefix('/').and_then(|rest| rest.get(..HASH_DIGITS)).filter(|hash| is_hash(hash));
            let is_inside = hash.is_some() && rest.as_bytes().get(1 + HASH_DIGITS) == Some(&b'/');
            if is_inside {
                out.replace_range(at..at + folder.len() + 2 + HASH_DIGITS, "./");
            }
            from = at + 1;
        }
    }
    out
}

/// `240 KB`.
pub(super) fn size(bytes: u64) -> String {
    let (mut amount, mut unit) = (bytes as f64, "bytes");
    for next in ["KB", "MB", "GB"] {
        if amount < 999.5 {
            break;
        }
        (amount, unit) = (amount / 1000.0, next);
    }
    match unit {
        "bytes" => counted(bytes as usize, "byte", "bytes"),
        _ if amount < 9.95 => format!("{amount:.1} {unit}"),
        _ => format!("{amount:.0} {unit}"),
    }
}

/// `12 files, 240 KB`.
fn extent(files: usize, bytes: u64) -> String {
    format!("{}, {}", counted(files, "file", "files"), size(bytes))
}

/// What is done to trees, as the end of a sentence: `will be uploaded: 5 files, 120 KB, 2 of them new`.
pub(super) fn uploaded<'t>(trees: impl Iterator<Item = &'t CodeOverview>, is_drift: bool) -> String {
    let (mut files, mut bytes, mut written) = (0, 0, 0);
    for tree in trees {
        files += tree.files;
        bytes += tree.bytes;
        written += tree.written.unwrap_or(tree.files);
    }
    let done = if is_drift { "will be restored" } else { "will be uploaded" };
    let extent = extent(files, bytes);
    match written {
        0 if !is_drift => format!("is there already: {extent}"),
        all if all == 0 || all == files => format!("{done}: {extent}"),
        some => format!("{done}: {extent}, {some} of them written"),
    }
}

/// How a file differs, without its text: `src/load.py: 3 lines`, `dist/app.whl: 1a2b → 3c4d, 2.3 MB`.
fn says(file: &CodeChange) -> String {
    let path = visible(&file.path);
    let digits = |side: &CodeSummary| visible(&side.hash.chars().take(DIGITS).collect::<String>());
    let lines = |count: usize| counted(count, "line", "lines");
    match (&file.from, &file.to, file.lines) {
        // Of lines that are changed there are as many on both sides.
        (Some(_), Some(_), Some((added, removed))) => format!("{path}: {}", lines(added.max(removed))),
        (Some(from), Some(to), None) => {
            format!("{path}: {} → {}, {}", digits(from), digits(to), size(to.bytes))
        }
        (None, _, Some((added, _))) => format!("{path}: new, {}", lines(added)),
        (None, Some(to), None) => format!("{path}: new, {}, {}", digits(to), size(to.bytes)),
        (_, None, _) => format!("{path}: not used any more"),
    }
}

/// What differs in the code of an object, on few lines. Empty where its code stays.
pub fn differs(change: &Change) -> Vec<String> {
    let mut out: Vec<String> = change.files.iter().take(FEW).map(says).collect();
    let more = change.files.len().saturating_sub(FEW);
    out.extend((more > 0).then(|| counted(more, "more file", "more files")));
    out.extend(whole(change));
    out
}

/// The code of an object whose files are not told one by one.
fn bare(change: &Change) -> Option<&CodeOverview> {
    change.tree.as_ref().filter(|_| change.files.is_empty() && change.code.is_none())
}

fn unknown(why: &str) -> String {
    format!("what it had before is not known: {}", visible(why))
}

/// `code: 12 files, 240 KB`, of such an object.
fn whole(change: &Change) -> Option<String> {
    let tree = bare(change)?;
    let extent = extent(tree.files, tree.bytes);
    Some(match &tree.unknown {
        Some(why) => format!("code: {extent}; {}", unknown(why)),
        None => format!("code: {extent}"),
    })
}

/// Where the code of a plan is kept, in a sentence; `None` where nothing is done to any.
pub(super) fn kept(plan: &Plan) -> Option<String> {
    let paths = plan.changes.iter().filter(|change| change.code.is_some()).filter_map(|change| change.id.as_deref());
    let folder = paths.filter_map(|path| Some(path.rsplit_once('/')?.0)).next()?;
    Some(format!("Code is kept in {}", visible(folder)))
}

/// The lines of a change's code: each file that differs, with its difference.
pub(super) fn lines(change: &Change) -> Vec<BodyLine> {
    let mut out = Vec::new();
    let is_new = matches!(change.action, Action::Create);
    let sign = if is_new { Sign::Add } else { Sign::Change };
    if let Some(tree) = bare(change) {
        let remark = tree.unknown.as_deref().map(unknown);
        out.push(BodyLine { remark, ..BodyLine::new(sign, format!("code: {}", extent(tree.files, tree.bytes))) });
    }
    for file in change.files.iter().take(FILES) {
        let sign = match (&file.from, &file.to) {
            (None, _) => Sign::Add,
            (_, None) => Sign::Remove,
            _ => Sign::Change,
        };
        let remark = change.file_commits.get(&file.path).map(by);
        out.push(BodyLine { remark, ..BodyLine::new(sign, says(file)) });
        for line in file.diff.iter().flat_map(|diff| diff.lines()) {
            let (sign, text) = match (line.get(..1), line.get(1..)) {
                (Some("+"), Some(text)) => (Sign::Add, text),
                (Some("-"), Some(text)) => (Sign::Remove, text),
                (Some(" "), Some(text)) => (Sign::Keep, text),
                _ => (Sign::Keep, line),
            };
            let text = format!("  {}", visible(text));
            let may_be_cut = sign == Sign::Keep;
            let text = if may_be_cut { text.trim_end().to_owned() } else { text };
            out.push(BodyLine { may_be_cut, ..BodyLine::new(sign, text) });
        }
    }
    let more = change.files.len().saturating_sub(FILES);
    out.extend(
        (more > 0).then(|| BodyLine::new(Sign::Keep, format!("… {}", counted(more, "more file", "more files")))),
    );
    out
}

/// What tells changes of code apart, as a text: the files that differ, whatever tree they are in.
pub(super) fn key(change: &Change) -> Value {
    let files = change.files.iter().map(|file| serde_json::json!([file.path, file.from, file.to]));
    let unknown = change.tree.as_ref().and_then(|tree| tree.unknown.as_ref());
    serde_json::json!([
        files.collect::<Vec<_>>(),
        whole(change).filter(|_| unknown.is_some() || change.action != Action::Create)
    ])
}

#[cfg(test)]
#[path = "code_tests.rs"]
mod tests;
