//! A plan for a pull request's comment.
//!
//! Outside text only ever stands inside code: fences that are longer than any run of backticks in them, code spans,
//! or `<code>` with HTML escaped. There, no forge looks for mentions, links, HTML or emoji. No line starts with it. Links
//! lead where [`crate::plan::PlanLinks`] says, and nowhere else.

mod group;
mod head;
mod inert;
mod item;

pub use head::by_hand;
pub(super) use inert::html;
pub use inert::{code, code_block, safe_link};

use super::code::readable;
use super::compact::{self, COMPACT_ABOVE, NoteGroup, PlanGroups};
use super::value::{visible, wrapped};
use super::{counted, cutover, partial, teardown};
use crate::plan::{Action, Change, ChangeOrigin, FieldChange, Note, Plan};
use inert::fence;
use item::{is_of_branch, item};

/// The longest name of a project, target or commit that the heading shows whole.
const NAME: usize = 200;
/// Room kept for saying what was left out. More than that sentence can take.
const OMISSION: usize = 700;
/// How many columns a fence's line has before it would have to be scrolled in a comment of GitHub, which is 760 pixels wide.
/// Values are not broken: they stand as they are.
const WIDTH: usize = 92;

/// How much may be said, and where the rest is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkdownOptions {
    /// The most bytes. GitHub refuses a comment above 65,536 characters, so the default stays well below.
    pub budget: usize,
    /// Where the whole plan can be read, as an http or https address. Default: where the plan says that it was made.
    pub link: Option<String>,
    /// Whether it says how to apply the plan by hand.
    pub by_hand: bool,
    /// Whether equal changes are folded as one. Default: those of a plan of more than [`COMPACT_ABOVE`] changes.
    pub is_compact: Option<bool>,
    /// Whether the plan was carried out: then nothing leads to what it deleted.
    pub is_done: bool,
}

impl Default for MarkdownOptions {
    fn default() -> Self {
        MarkdownOptions { budget: 60_000, link: None, by_hand: false, is_compact: None, is_done: false }
    }
}

/// Renders the plan as GitHub-flavoured markdown of at most `options.budget` bytes: the counts first, then what is
/// refused, what is deleted, what the branch changes and what had drifted before, each resource folded.
///
/// When it would be longer, the least dangerous resources lose their fields first, then their line, and it is said how
/// many did. Only the headings, the counts, that sentence and the link are written whatever the budget.
pub fn markdown(plan: &Plan, options: &MarkdownOptions) -> String {
    let plan = &*readable(plan);
    let head = head::heading(plan, options);
    let run = options.link.as_deref().or(plan.links.run.as_deref());
    let is_compact = options.is_compact.unwrap_or(plan.changes.len() > COMPACT_ABOVE);
    let groups = is_compact.then(|| compact::groups(plan));
    let mut sections = sections(plan, groups.as_ref(), options);
    let footer = |omitted: &str| head::footer(plan, omitted, run, options);
    let all = assemble(&head, &sections, &footer(""));
    if all.len() <= options.budget {
        return all;
    }
    let wrappers: usize = sections.iter().map(|section| section.open.len() + section.close.len()).sum();
    let fixed = head.len() + wrappers + footer("").len() + OMISSION;
    fit(&mut sections, options.budget.saturating_sub(fixed));
    let omitted = omission(&sections);
    assemble(&head, &sections, &footer(&omitted))
}

/// A line of a diff, broken at spaces so that it fits; what follows stands further to the right.
pub(super) fn laid_out(sign: char, indent: usize, text: &str) -> String {
    broken(sign, &" ".repeat(indent), indent + 2, text)
}

/// A gate as a line of a diff: whether it holds, which it is, and below each other what it says.
pub(super) fn gate_line(sign: char, word: &str, name: &str, says: &str) -> String {
    let head = format!("{word}  {name:<10} ");
    let indent = head.chars().count();
    broken(sign, &head, indent, says)
}

fn broken(sign: char, head: &str, indent: usize, text: &str) -> String {
    let lines = wrapped(text, WIDTH - indent - 2);
    let before = |number: usize| if number == 0 { head.to_owned() } else { " ".repeat(indent) };
    lines.iter().enumerate().map(|(number, line)| format!("{sign} {}{line}\n", before(number))).collect()
}

/// How dangerous an item is, the most dangerous first; whatever is last is dropped first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Blocked,
    Delete,
    Replace,
    Disruptive,
    PendingCutover,
    PendingTeardown,
    Update,
    Adopt,
    Rename,
    Create,
    Note,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Whole,
    Short,
    Not,
}

struct Item {
    rank: Rank,
    /// How many changes it tells of: equal ones are one item.
    count: usize,
    whole: String,
    /// What is left when the whole is too long; empty for what is one line anyway.
    short: String,
    shown: Shown,
}

struct Section {
    open: String,
    items: Vec<Item>,
    close: String,
}

fn fit(sections: &mut [Section], mut room: usize) {
    let mut order: Vec<&mut Item> = sections.iter_mut().flat_map(|section| &mut section.items).collect();
    order.sort_by_key(|item| item.rank);
    for item in order {
        (item.shown, room) = match (room.checked_sub(item.whole.len()), room.checked_sub(item.short.len())) {
            (Some(rest), _) => (Shown::Whole, rest),
            (None, Some(rest)) if !item.short.is_empty() => (Shown::Short, rest),
            _ => (Shown::Not, room),
        };
    }
}

fn assemble(head: &str, sections: &[Section], footer: &str) -> String {
    let mut out = head.to_owned();
    for section in sections {
        if section.items.iter().all(|item| item.shown == Shown::Not) {
            continue;
        }
        out.push_str(&section.open);
        for item in &section.items {
            match item.shown {
                Shown::Whole => out.push_str(&item.whole),
                Shown::Short => out.push_str(&item.short),
                Shown::Not => {}
            }
        }
        out.push_str(&section.close);
    }
    out.push_str(footer);
    out
}

fn omission(sections: &[Section]) -> String {
    let count = |shown: Shown, rank: Rank| {
        let items = sections.iter().flat_map(|section| &section.items);
        items.filter(|item| item.shown == shown && item.rank == rank).map(|item| item.count).sum::<usize>()
    };
    let list = |shown: Shown| {
        let named = [
            (Rank::Blocked, "refusal", "refusals"),
            (Rank::Delete, "delete", "deletes"),
            (Rank::Replace, "replace", "replaces"),
            (Rank::Disruptive, "disruptive update", "disruptive updates"),
            (Rank::PendingCutover, "wave that waits", "waves that wait"),
            (Rank::PendingTeardown, "teardown that waits", "teardowns that wait"),
            (Rank::Update, "update", "updates"),
            (Rank::Adopt, "adoption", "adoptions"),
            (Rank::Rename, "rename or release", "renames or releases"),
            (Rank::Create, "create", "creates"),
            (Rank::Note, "note", "notes"),
        ];
        let parts: Vec<String> = named
            .iter()
            .map(|(rank, one, many)| (count(shown, *rank), one, many))
            .filter(|(count, ..)| *count > 0)
            .map(|(count, one, many)| counted(count, one, many))
            .collect();
        parts.join(", ")
    };
    let mut parts = Vec::new();
    for (shown, what) in [(Shown::Not, "left out"), (Shown::Short, "without fields")] {
        let list = list(shown);
        if !list.is_empty() {
            parts.push(format!("{what}: {list}"));
        }
    }
    parts.join("; ")
}

fn sections(plan: &Plan, groups: Option<&PlanGroups<'_>>, options: &MarkdownOptions) -> Vec<Section> {
    let mut blocked = Vec::new();
    for entry in &plan.blocked {
        let about = entry.address.as_ref().map(|a| format!("{}: ", visible(&a.to_string()))).unwrap_or_default();
        let mut line = laid_out('!', 0, &format!("{about}{}", visible(&entry.reason)));
        if let Some(remedy) = &entry.remedy {
            line.push_str(&laid_out(' ', 0, &format!("to allow it: {}", visible(remedy))));
        }
        blocked.push(one_line(Rank::Blocked, line));
    }
    let left_behind = plan.partial.iter().flat_map(|part| &part.dangling);
    let left_behind =
        left_behind.map(|one| one_line(Rank::Blocked, laid_out('!', 0, &partial::left_behind(one)))).collect();
    let (parts, notes) = match groups {
        Some(groups) => (in_short(groups, plan, options), groups.notes.iter().map(NoteGroup::says).collect::<Vec<_>>()),
        None => (in_full(plan, options), plan.notes.iter().map(said).collect()),
    };
    let notes = notes.iter().map(|note| one_line(Rank::Note, laid_out('#', 0, note))).collect();
    let waiting =
        plan.teardown.iter().map(|pending| one_line(Rank::PendingTeardown, teardown::lines(pending))).collect();
    let waves = plan.cutovers.iter().map(|pending| one_line(Rank::PendingCutover, cutover::lines(pending))).collect();
    let branch = if plan.base.is_some() { "What this branch changes" } else { "Changes" };
    [
        fenced("Blocked", blocked),
        fenced("Left behind by the selection", left_behind),
        folded("Cut over or taken back", parts.flipped),
        folded("Deleted, replaced or terminated", parts.dangerous),
        fenced("Cutover", waves),
        fenced("Teardown", waiting),
        folded(branch, parts.wanted),
        folded("What had already drifted", parts.drifted),
        fenced("Notes", notes),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The changes of a plan, by the section that they stand in.
#[derive(Default)]
struct Parts {
    flipped: Vec<Item>,
    dangerous: Vec<Item>,
    wanted: Vec<Item>,
    drifted: Vec<Item>,
}

impl Parts {
    /// The section of a change by its action alone; `None` where its fields say which.
    fn by_action(&mut self, change: &Change) -> Option<&mut Vec<Item>> {
        match change.action {
            Action::CutOver | Action::Rollback => Some(&mut self.flipped),
            Action::Delete | Action::Replace | Action::Terminate => Some(&mut self.dangerous),
            _ => None,
        }
    }
}

fn in_full(plan: &Plan, options: &MarkdownOptions) -> Parts {
    let mut parts = Parts::default();
    for change in &plan.changes {
        let item = |fields: &[&FieldChange]| item(change, fields, &plan.links, options);
        if let Some(section) = parts.by_action(change) {
            section.push(item(&change.fields.iter().collect::<Vec<_>>()));
            continue;
        }
        let (other, live): (Vec<&FieldChange>, Vec<&FieldChange>) =
            change.fields.iter().partition(|field| is_of_branch(field));
        if live.is_empty() || !other.is_empty() {
            let is_healed = change.action == Action::Upload && change.origin == Some(ChangeOrigin::Drift);
            let section = if is_healed { &mut parts.drifted } else { &mut parts.wanted };
            section.push(item(&other));
        }
        if !live.is_empty() {
            parts.drifted.push(item(&live));
        }
    }
    parts
}

/// What a note says, and of what.
fn said(note: &Note) -> String {
    let about = note.address.as_ref().map(|a| format!("{}: ", visible(&a.to_string()))).unwrap_or_default();
    format!("{about}{}", visible(&note.message))
}

fn in_short(groups: &PlanGroups<'_>, plan: &Plan, options: &MarkdownOptions) -> Parts {
    let mut parts = Parts::default();
    for group in &groups.changes {
        let is_drift = group::is_drift(group);
        let item = group::group(group, plan, options);
        match parts.by_action(group.first()) {
            Some(section) => section.push(item),
            None if is_drift => parts.drifted.push(item),
            None => parts.wanted.push(item),
        }
    }
    parts
}

fn one_line(rank: Rank, line: String) -> Item {
    Item { rank, count: 1, whole: line, short: String::new(), shown: Shown::Whole }
}

fn folded(title: &str, items: Vec<Item>) -> Option<Section> {
    (!items.is_empty()).then(|| Section { open: format!("#### {title}\n\n"), items, close: String::new() })
}

fn fenced(title: &str, items: Vec<Item>) -> Option<Section> {
    let fence = fence(items.iter().map(|item| item.whole.as_str()));
    (!items.is_empty()).then(|| Section {
        open: format!("#### {title}\n\n{fence}diff\n"),
        items,
        close: format!("{fence}\n\n"),
    })
}
