//! A plan in short: a line a change, equal changes on one line. Text and Markdown lay the same groups out differently.
//!
//! What ends, replaces or lets go of something, what a cutover does and what is blocked always has a line of its own. Of
//! everything else, changes are equal when they have the same kind, action, origin, reason, impacts and open decisions, and
//! the same fields with the same values. A create is told by its name alone: what is in it stands in its manifest.

use super::body::{self, commit, place};
use super::code;
use super::value::{columns, fitted, scalar, visible};
use super::{counted, drifted};
use crate::code::CODE;
use crate::cost::expected_end::DeadlineOutlook;
use crate::kinds;
use crate::manifest;
use crate::plan::worked::{self, Work};
use crate::plan::{Action, Change, ChangeOrigin, FieldChange, Note, Op, Plan};
use plumb_model::address::Address;
use plumb_model::schema::{KeyBy, Rules, Segment, Shape};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// A plan of more changes than this is shown in short, where nobody asked for either form.
pub const COMPACT_ABOVE: usize = 50;
/// How many fields of a group are told; how many more there are is said.
pub const FIELDS: usize = 5;
/// How many names of a group are told.
pub const NAMES: usize = 3;
/// How many names of objects to be made are told: the name is all that is told of them.
pub const CREATED: usize = 5;
/// How many places, commits, notes, decisions and secrets of a group are told.
const FEW: usize = 3;
/// How many columns a value gets.
const VALUE: usize = 48;
/// How many columns stand before the place where two long values part.
const BEFORE: usize = 8;
/// How many columns a note, a decision or a commit gets.
const SENTENCE: usize = 160;

/// The changes of a plan in groups, and its notes.
#[derive(Debug)]
pub struct PlanGroups<'a> {
    /// In the plan's order of each one's first change.
    pub changes: Vec<ChangeGroup<'a>>,
    /// What was changed live first, then the plan's own in their order.
    pub notes: Vec<NoteGroup>,
}

/// Changes that are told on one line, all equal but for their names and places.
#[derive(Debug)]
pub struct ChangeGroup<'a> {
    /// In the plan's order; at least one.
    pub changes: Vec<&'a Change>,
    /// What differs, the same in all of them; none of objects that are made or deleted.
    pub fields: Vec<GroupedField<'a>>,
    /// Whether something of the plan's `blocked` is about it.
    pub is_blocked: bool,
}

/// A field that differs in every change of a group.
#[derive(Debug)]
pub struct GroupedField<'a> {
    /// That of the first change.
    pub field: &'a FieldChange,
    /// Its path, with `[*]` for tasks and job clusters that are called differently.
    pub path: String,
    /// How many fields of each change it stands for: three tasks of a job may change alike.
    pub times: usize,
}

/// Equal notes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteGroup {
    pub message: String,
    /// What they are about, in the plan's order; empty for the plan itself.
    pub addresses: Vec<Address>,
}

/// The groups of a plan. Linear in its changes, their fields and notes.
pub fn groups(plan: &Plan) -> PlanGroups<'_> {
    let blocked: HashSet<&Address> = plan.blocked.iter().filter_map(|one| one.address.as_ref()).collect();
    let mut changes: Vec<ChangeGroup<'_>> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    for change in &plan.changes {
        let is_blocked = blocked.contains(&change.address);
        let pieces = pieces(change);
        if is_blocked || stands_alone(change.action) {
            changes.push(ChangeGroup::new(change, &pieces, is_blocked));
            continue;
        }
        let next = changes.len();
        let at = *known.entry(key(change, &pieces)).or_insert(next);
        match changes.get_mut(at) {
            Some(group) => group.add(change, &pieces),
            None => changes.push(ChangeGroup::new(change, &pieces, false)),
        }
    }
    PlanGroups { changes, notes: notes(plan) }
}

/// Whether each change of an action is told by itself: what ends something, lets go of it, or is the first step to its end.
fn stands_alone(action: Action) -> bool {
    match action {
        Action::Delete | Action::Replace | Action::Release | Action::Mark | Action::Terminate => true,
        Action::CutOver | Action::Rollback => true,
        Action::Prune => true,
        Action::Upload | Action::Retire => false,
        Action::Create | Action::Update | Action::Adopt | Action::Move => false,
    }
}

/// A field of a change as it is compared: its path without the names of the object's own parts, and its key.
struct FieldPiece<'a> {
    field: &'a FieldChange,
    path: String,
    key: String,
}

fn pieces(change: &Change) -> Vec<FieldPiece<'_>> {
    if matches!(change.action, Action::Create | Action::Delete | Action::Terminate) {
        return Vec::new();
    }
    let rules = kinds::find(&change.address.kind).map(|kind| kind.rules());
    let fields = change.fields.iter().map(|field| {
        worked::count(Work::Grouped);
        let FieldChange { path, op, from, to, origin, replaces, explanation, note: _, source: _ } = field;
        let path = rules.and_then(|rules| nameless(rules, path)).unwrap_or_else(|| path.clone());
        let key = json!([path, op, from, to, origin, replaces, explanation]).to_string();
        FieldPiece { field, path, key }
    });
    fields.collect()
}

/// What equal changes have in common, as a text.
fn key(change: &Change, pieces: &[FieldPiece<'_>]) -> String {
    worked::count(Work::Grouped);
    let mut fields: Vec<&str> = pieces.iter().map(|piece| piece.key.as_str()).collect();
    // Two manifests may have the same fields in another order.
    fields.sort_unstable();
    let decisions: Vec<&str> = change.decisions.iter().map(|one| one.what.as_str()).collect();
    let Change { action, origin, reason, impacts, disrupts, .. } = change;
    let code = code::key(change);
    json!([change.address.kind, action, origin, reason, impacts, disrupts, decisions, fields, code]).to_string()
}

/// A path with `*` for the name of each part that its manifest names for itself: a task, a job cluster. Whom a permission is
/// for, or what a tag is called, is no such name. `None` where there is none.
fn nameless(rules: &Rules, shown: &str) -> Option<String> {
    // Cheap, for the many paths that have no list in them.
    if !shown.contains('[') {
        return None;
    }
    let mut path = manifest::path(rules, shown)?;
    let mut field = Some(&rules.root);
    for segment in &mut path.0 {
        let here = field?;
        field = match (&here.shape, &*segment) {
            (Shape::List(inner) | Shape::Map(inner), _) => Some(&**inner),
            (Shape::Object(object), Segment::Key(name)) => rules.of(*object).members.get(name),
            _ => None,
        };
        if let (Segment::Item(name), Some(KeyBy::One(member))) = (segment, &here.rule.key)
            && member.ends_with("_key")
        {
            *name = "*".to_owned();
        }
    }
    Some(path.to_string())
}

impl<'a> ChangeGroup<'a> {
    fn new(change: &'a Change, pieces: &[FieldPiece<'a>], is_blocked: bool) -> ChangeGroup<'a> {
        let mut fields: Vec<GroupedField<'a>> = Vec::new();
        let mut known: HashMap<&str, usize> = HashMap::new();
        for piece in pieces {
            match known.get(piece.key.as_str()).and_then(|at| fields.get_mut(*at)) {
                Some(field) => {
                    field.times += 1;
                    field.path = piece.path.clone();
                }
                None => {
                    known.insert(&piece.key, fields.len());
                    fields.push(GroupedField { field: piece.field, path: piece.field.path.clone(), times: 1 });
                }
            }
        }
        ChangeGroup { changes: vec![change], fields, is_blocked }
    }

    fn add(&mut self, change: &'a Change, pieces: &[FieldPiece<'a>]) {
        self.changes.push(change);
        let paths: HashSet<&str> = pieces.iter().map(|piece| piece.field.path.as_str()).collect();
        for field in self.fields.iter_mut().filter(|field| !paths.contains(field.path.as_str())) {
            worked::count(Work::Grouped);
            // Where one is called otherwise, the star stands for all of them.
            let rules = kinds::find(&change.address.kind).map(|kind| kind.rules());
            if let Some(path) = rules.and_then(|rules| nameless(rules, &field.field.path)) {
                field.path = path;
            }
        }
    }

    /// Its first change.
    pub fn first(&self) -> &'a Change {
        self.changes[0]
    }

    /// What is done.
    pub fn action(&self) -> Action {
        self.first().action
    }

    /// The sign of what is done: `+`, `~`, `-/+`.
    pub fn sign(&self) -> &'static str {
        body::glyph(self.action())
    }

    /// `100 jobs`, or the address of a single one.
    pub fn what(&self) -> String {
        match self.changes.as_slice() {
            [one] => visible(&one.address.to_string()),
            many => several(&self.first().address.kind, many.len()),
        }
    }

    /// What is done to it, as the end of a sentence that begins with [`ChangeGroup::what`]: `will be created`. `None` where its
    /// fields say it.
    pub fn done(&self) -> Option<String> {
        match (self.action(), self.changes.as_slice()) {
            (Action::Update, _) if self.first().has_differences() => None,
            (_, [one]) => Some(body::done_to(one)),
            (Action::Adopt, _) => Some("will take over existing objects".to_owned()),
            (Action::Upload, many) => {
                let is_drift = self.first().origin == Some(ChangeOrigin::Drift);
                Some(code::uploaded(many.iter().filter_map(|one| one.tree.as_ref()), is_drift))
            }
            (Action::Retire, _) => Some("fall out of use".to_owned()),
            (Action::Move, _) => Some("were renamed and keep their objects".to_owned()),
            (_, many) => many.first().map(|one| body::done_to(one)),
        }
    }

    /// What differs, a text a field, `limit` of them at most, and how many more there are.
    pub fn differs(&self, limit: usize) -> Vec<String> {
        let more = self.fields.len().saturating_sub(limit);
        let told = self.fields.iter().take(limit).map(GroupedField::says);
        let code = if self.action() == Action::Create { Vec::new() } else { code::differs(self.first()) };
        told.chain((more > 0).then(|| counted(more, "more field", "more fields"))).chain(code).collect()
    }

    /// The names, `limit` of them at most: `a, b and 98 more`. `None` of a single one: [`ChangeGroup::what`] says it.
    pub fn names(&self, limit: usize) -> Option<String> {
        if self.changes.len() < 2 {
            return None;
        }
        let name = |change: &&Change| match (&change.moved_from, change.action) {
            (Some(old), Action::Move) => format!("{} (was {})", visible(&change.address.name), visible(&old.name)),
            _ => visible(&change.address.name),
        };
        Some(listed(self.changes.iter().take(limit).map(name).collect(), self.changes.len()))
    }

    /// Where what is wanted stands: a few places, or the first of many, `manifests/a.yaml:14 and 99 more`. Empty where no
    /// manifest has it.
    pub fn places(&self) -> String {
        let one = self.fields.len() == 1 && self.fields[0].times == 1;
        let places = self.changes.iter().filter_map(|change| {
            let field = change.fields.first().filter(|_| one).and_then(|field| field.source.as_ref());
            field.or(change.source.as_ref()).map(place)
        });
        distinct(places, |count| if count > FEW { 1 } else { FEW })
    }

    /// The commits that brought it about: `3f2a91c0b1d2 by Ann: raise timeout`. Empty where none is known.
    pub fn commits(&self) -> String {
        let manifest = |origin| !matches!(origin, Some(ChangeOrigin::Drift));
        let commits = self.changes.iter().flat_map(|change| {
            let fields = change.fields.iter().filter(|field| manifest(field.origin));
            let fields = fields.filter(|_| !self.fields.is_empty()).filter_map(|field| field.source.as_ref());
            let own = change.source.as_ref().filter(|_| self.fields.is_empty());
            fields.chain(own).filter_map(commit)
        });
        distinct(commits.map(|commit| fitted(&commit, SENTENCE)), |_| FEW)
    }

    /// What each of its changes disrupts; the same of all.
    pub fn impacts(&self) -> Vec<String> {
        self.first().impacts.iter().map(|impact| visible(impact)).collect()
    }

    /// What is open in each of its manifests; the same in all. `to decide: …`, the first few and how many more.
    pub fn undecided(&self) -> Vec<String> {
        let open = &self.first().decisions;
        let each = if self.changes.len() > 1 { " (each of them)" } else { "" };
        let more = open.len().saturating_sub(FEW);
        let told =
            open.iter().take(FEW).map(|one| format!("to decide: {}{each}", fitted(&visible(&one.what), SENTENCE)));
        told.chain((more > 0).then(|| format!("to decide: {more} more"))).collect()
    }

    /// What is noted of its fields, and which have to be known to be understood: what forces a replacement. The first few, each
    /// with the resource where not all have the same.
    pub fn notes(&self) -> Vec<String> {
        let mut noted: BTreeMap<String, Vec<&Address>> = BTreeMap::new();
        for change in &self.changes {
            let mut own: BTreeSet<String> = change.fields.iter().filter_map(|field| field.note.clone()).collect();
            let deadline = change.deadline.as_deref().map(DeadlineOutlook::says);
            // Of what is yet to be made nothing can be known: that is worth no line here.
            let is_news =
                change.action != Action::Create || change.deadline.as_deref().is_some_and(DeadlineOutlook::is_known);
            match deadline {
                Some(says) if is_news => drop(own.insert(says)),
                Some(says) => drop(own.remove(&says)),
                None => {}
            }
            own.into_iter().for_each(|note| noted.entry(note).or_default().push(&change.address));
        }
        let more = noted.len().saturating_sub(FEW);
        let told = noted.iter().take(FEW).map(|(note, of)| {
            let note = fitted(&visible(note), SENTENCE);
            if of.len() == self.changes.len() {
                return note;
            }
            let names = of.iter().take(FEW).map(|address| visible(&address.name)).collect();
            format!("{note} ({})", listed(names, of.len()))
        });
        told.chain((more > 0).then(|| counted(more, "more note", "more notes"))).collect()
    }

    /// The secrets that its changes have in them, as they are shown: `(secret #1)`.
    pub fn secrets(&self) -> Vec<String> {
        let mut numbers = BTreeSet::new();
        let fields = self.changes.iter().flat_map(|change| &change.fields);
        for value in fields.flat_map(|field| field.from.iter().chain(&field.to)) {
            secret_numbers(value, &mut numbers);
        }
        numbers.into_iter().map(|number| format!("(secret #{number})")).collect()
    }
}

impl GroupedField<'_> {
    /// `num_workers 4 → 6`, with who changed it where it was not the manifest.
    pub fn says(&self) -> String {
        let field = self.field;
        let path = visible(&self.path);
        let none = Value::Null;
        let (from, to) = (field.from.as_ref().unwrap_or(&none), field.to.as_ref().unwrap_or(&none));
        let mut said = match field.op {
            Op::Add => format!("{path} set to {}", short(to)),
            Op::Remove => format!("{path} removed, was {}", short(from)),
            Op::Change if is_long(from) || is_long(to) => match (from, to) {
                (Value::String(old), Value::String(new)) => {
                    let (old, new) = parted(old, new);
                    format!("{path} {old} → {new}")
                }
                _ => {
                    let (added, removed) = body::changed_lines(from, to);
                    format!("{path}: {}, {removed} removed", counted(added, "line added", "lines added"))
                }
            },
            Op::Change => format!("{path} {} → {}", scalar(from), scalar(to)),
        };
        let mut remarks = Vec::new();
        remarks.extend((self.times > 1).then(|| format!("{} times", self.times)));
        remarks.extend(field.replaces.then(|| "forces replacement".to_owned()));
        remarks.extend(match field.origin {
            Some(ChangeOrigin::Drift) => Some("changed live".to_owned()),
            Some(ChangeOrigin::Both) => Some("changed live and in the manifest".to_owned()),
            Some(ChangeOrigin::Manifest) | None => None,
        });
        remarks.extend(field.explanation.as_deref().map(|text| fitted(&visible(text), SENTENCE)));
        if !remarks.is_empty() {
            said.push_str(&format!(" ({})", remarks.join("; ")));
        }
        said
    }
}

impl NoteGroup {
    /// `DatabricksJob/a: …`, `100 jobs (a, b, c and 97 more): …`.
    pub fn says(&self) -> String {
        let message = visible(&self.message);
        match self.addresses.as_slice() {
            [] => message,
            [one] => format!("{}: {message}", visible(&one.to_string())),
            [first, rest @ ..] if rest.iter().all(|other| other.kind == first.kind) => {
                let names = self.addresses.iter().take(NAMES).map(|address| visible(&address.name)).collect();
                let count = self.addresses.len();
                format!("{} ({}): {message}", several(&first.kind, count), listed(names, count))
            }
            many => {
                let names = many.iter().take(NAMES).map(|address| visible(&address.to_string())).collect();
                format!("{}: {message}", listed(names, many.len()))
            }
        }
    }
}

/// `100 jobs`: so many resources of a kind.
fn several(kind: &str, count: usize) -> String {
    if kind == CODE {
        return counted(count, "tree of code", "trees of code");
    }
    let noun = kinds::find(kind).map_or_else(|| visible(kind), |kind| kind.noun().to_owned());
    counted(count, &noun, &plural(&noun))
}

/// The notes of a plan, those on what was changed live among them, equal ones together.
fn notes(plan: &Plan) -> Vec<NoteGroup> {
    let live = drifted(plan).into_iter().map(|(address, fields)| {
        let fields = counted(fields, "field was", "fields were");
        (Some(address), format!("{fields} changed live since the last apply"))
    });
    let own = plan.notes.iter().map(|Note { address, message }| (address.as_ref(), message.clone()));
    let mut notes: Vec<NoteGroup> = Vec::new();
    let mut known: HashMap<(bool, String), usize> = HashMap::new();
    for (address, message) in live.chain(own) {
        let at = *known.entry((address.is_some(), message)).or_insert_with_key(|(_, message)| {
            notes.push(NoteGroup { message: message.clone(), addresses: Vec::new() });
            notes.len() - 1
        });
        notes[at].addresses.extend(address.cloned());
    }
    notes
}

/// `a, b and 98 more`: the names that are told, of so many.
pub fn listed(names: Vec<String>, of: usize) -> String {
    let more = of.saturating_sub(names.len());
    let told = names.join(", ");
    if more > 0 { format!("{told} and {more} more") } else { told }
}

/// The different ones of some texts in the order in which they come: as many as `limit` says of their number, and how many more.
fn distinct(texts: impl Iterator<Item = String>, limit: impl Fn(usize) -> usize) -> String {
    let mut seen = HashSet::new();
    let mut told: Vec<String> = texts.filter(|text| seen.insert(text.clone())).collect();
    let count = told.len();
    told.truncate(limit(count));
    listed(told, count)
}

/// The plural of a kind's noun.
pub fn plural(noun: &str) -> String {
    match noun.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{stem}ies"),
        _ => format!("{noun}s"),
    }
}

fn is_long(value: &Value) -> bool {
    columns(&scalar(value)) > VALUE
}

/// A value on one line, or how much it is.
fn short(value: &Value) -> String {
    match value {
        Value::Array(list) if is_long(value) => counted(list.len(), "element", "elements"),
        Value::Object(map) if is_long(value) => counted(map.len(), "member", "members"),
        other => fitted(&scalar(other), VALUE),
    }
}

/// Two texts, each cut to a value's width around the place where they part.
fn parted(old: &str, new: &str) -> (String, String) {
    let alike = old.chars().zip(new.chars()).take_while(|(a, b)| a == b).count().saturating_sub(BEFORE);
    let cut = |text: &str| {
        let rest: String = text.chars().skip(alike).collect();
        let head = if alike > 0 { "…" } else { "" };
        format!("{head}{}", fitted(&scalar(&Value::from(rest)), VALUE))
    };
    (cut(old), cut(new))
}

/// The numbers of the secrets in a value.
fn secret_numbers(value: &Value, numbers: &mut BTreeSet<usize>) {
    match value {
        Value::String(text) => {
            for rest in text.split("(secret #").skip(1) {
                numbers.extend(rest.split_once(')').and_then(|(number, _)| number.parse::<usize>().ok()));
            }
        }
        Value::Array(list) => list.iter().for_each(|one| secret_numbers(one, numbers)),
        Value::Object(map) => map.values().for_each(|one| secret_numbers(one, numbers)),
        _ => {}
    }
}

#[cfg(test)]
#[path = "compact_tests.rs"]
mod tests;
