//! A plan for a pull request's comment.
//!
//! Outside text only ever stands inside code: fences that are longer than any run of backticks in them, code spans,
//! or `<code>` with HTML escaped. There, no forge looks for mentions, links, HTML or emoji. No line starts with it.

use super::body::{self, Sign};
use super::value::{quoted, shortened, visible};
use super::{counted, cutover, lasting, nothing_to_do, partial, sort, summary, teardown, undecided};
use crate::plan::{Action, Change, ChangeOrigin, FieldChange, Plan};

/// The longest name of a project, target or commit that the heading shows whole.
const NAME: usize = 200;
/// Room kept for saying what was left out. More than that sentence can take.
const OMISSION: usize = 700;

/// How much may be said, and where the rest is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkdownOptions {
    /// The most bytes. GitHub refuses a comment above 65,536 characters, so the default stays well below.
    pub budget: usize,
    /// Where the whole plan can be read, as an http or https address.
    pub link: Option<String>,
}

impl Default for MarkdownOptions {
    fn default() -> Self {
        MarkdownOptions { budget: 60_000, link: None }
    }
}

/// Renders the plan as GitHub-flavoured markdown of at most `options.budget` bytes: the counts first, then what is
/// refused, what is deleted, what the branch changes and what had drifted before, each resource folded.
///
/// When it would be longer, the least dangerous resources lose their fields first, then their line, and it is said how
/// many did. Only the headings, the counts, that sentence and the link are written whatever the budget.
pub fn markdown(plan: &Plan, options: &MarkdownOptions) -> String {
    let head = heading(plan);
    let link = options.link.as_deref().and_then(safe_link);
    let mut sections = sections(plan);
    let all = assemble(&head, &sections, &footer(plan, "", link.as_deref()));
    if all.len() <= options.budget {
        return all;
    }
    let wrappers: usize = sections.iter().map(|section| section.open.len() + section.close.len()).sum();
    let fixed = head.len() + wrappers + footer(plan, "", link.as_deref()).len() + OMISSION;
    fit(&mut sections, options.budget.saturating_sub(fixed));
    let omitted = omission(&sections);
    assemble(&head, &sections, &footer(plan, &omitted, link.as_deref()))
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

fn heading(plan: &Plan) -> String {
    let name = |text: &str| code(&shortened(text, NAME));
    let mut out = format!("### {} of {} for target {}\n\n", sort(plan), name(&plan.project), name(&plan.target));
    if let Some(part) = &plan.partial {
        let options = code(&shortened(&partial::options(part), NAME));
        out.push_str(&format!("**This plan is partial:** {options} {}.\n\n", partial::says(part)));
    }
    if plan.is_empty() {
        out.push_str(&format!("**No changes.** {}\n\n", nothing_to_do(plan)));
    }
    let counts = plan.counts();
    let mut columns = vec![
        ("delete", counts.delete),
        ("replace", counts.replace),
        ("update", counts.update),
        ("adopt", counts.adopt),
        ("move", counts.moved),
        ("release", counts.other),
        ("create", counts.create),
        ("blocked", plan.blocked.len()),
        ("unchanged", plan.unchanged),
    ];
    // Few projects tear anything down.
    columns
        .extend([("terminate", counts.terminate), ("mark", counts.mark)].into_iter().filter(|(_, count)| *count > 0));
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let numbers: Vec<String> = columns.iter().map(|(_, count)| count.to_string()).collect();
    out.push_str(&format!("| {} |\n", names.join(" | ")));
    out.push_str(&format!("|{}\n", "---:|".repeat(columns.len())));
    out.push_str(&format!("| {} |\n\n", numbers.join(" | ")));
    if let Some(open) = undecided(plan) {
        out.push_str(&format!("**{open}**\n\n"));
    }
    if let Some(lasting) = lasting(plan) {
        out.push_str(&format!("{lasting}\n\n"));
    }
    out
}

fn footer(plan: &Plan, omitted: &str, link: Option<&str>) -> String {
    let mut out = String::new();
    if !omitted.is_empty() {
        out.push_str(&format!("**Not all of it is shown:** {omitted}.\n\n"));
    }
    if !plan.is_empty() {
        out.push_str(&format!("{}: {}\n\n", sort(plan), summary(plan)));
    }
    if let Some(link) = link {
        out.push_str(&format!("[The whole plan](<{link}>)\n\n"));
    }
    let name = |text: &str| code(&shortened(text, NAME));
    let of_part = if plan.partial.is_some() { " of a partial plan" } else { "" };
    out.push_str(&format!("Digest {}{of_part}", name(&plan.digest)));
    if let Some(head) = &plan.head {
        out.push_str(&format!(", manifests at {}", name(head)));
    }
    if let Some(base) = &plan.base {
        out.push_str(&format!(", against {}", name(base)));
    }
    out.push('\n');
    out
}

fn omission(sections: &[Section]) -> String {
    let count = |shown: Shown, rank: Rank| {
        let items = sections.iter().flat_map(|section| &section.items);
        items.filter(|item| item.shown == shown && item.rank == rank).count()
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

fn sections(plan: &Plan) -> Vec<Section> {
    let mut blocked = Vec::new();
    for entry in &plan.blocked {
        let about = entry.address.as_ref().map(|a| format!("{}: ", visible(&a.to_string()))).unwrap_or_default();
        let mut line = format!("! {about}{}\n", visible(&entry.reason));
        if let Some(remedy) = &entry.remedy {
            line.push_str(&format!("  to allow it: {}\n", visible(remedy)));
        }
        blocked.push(one_line(Rank::Blocked, line));
    }
    let left_behind = plan.partial.iter().flat_map(|part| &part.dangling);
    let left_behind =
        left_behind.map(|one| one_line(Rank::Blocked, format!("! {}\n", partial::left_behind(one)))).collect();
    let mut notes = Vec::new();
    for note in &plan.notes {
        let about = note.address.as_ref().map(|a| format!("{}: ", visible(&a.to_string()))).unwrap_or_default();
        notes.push(one_line(Rank::Note, format!("# {about}{}\n", visible(&note.message))));
    }
    let (mut flipped, mut dangerous, mut wanted, mut drifted) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for change in &plan.changes {
        let (live, other): (Vec<&FieldChange>, Vec<&FieldChange>) =
            change.fields.iter().partition(|field| field.origin == Some(ChangeOrigin::Drift));
        match change.action {
            Action::CutOver | Action::Rollback => flipped.push(item(change, &change.fields.iter().collect::<Vec<_>>())),
            Action::Delete | Action::Replace | Action::Terminate => {
                dangerous.push(item(change, &change.fields.iter().collect::<Vec<_>>()))
            }
            _ if live.is_empty() => wanted.push(item(change, &other)),
            _ if other.is_empty() => drifted.push(item(change, &live)),
            _ => {
                wanted.push(item(change, &other));
                drifted.push(item(change, &live));
            }
        }
    }
    let waiting =
        plan.teardown.iter().map(|pending| one_line(Rank::PendingTeardown, teardown::lines(pending))).collect();
    let waves = plan.cutovers.iter().map(|pending| one_line(Rank::PendingCutover, cutover::lines(pending))).collect();
    let branch = if plan.base.is_some() { "What this branch changes" } else { "Changes" };
    [
        fenced("Blocked", blocked),
        fenced("Left behind by the selection", left_behind),
        folded("Cut over or taken back", flipped),
        folded("Deleted, replaced or terminated", dangerous),
        fenced("Cutover", waves),
        fenced("Teardown", waiting),
        folded(branch, wanted),
        folded("What had already drifted", drifted),
        fenced("Notes", notes),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn one_line(rank: Rank, line: String) -> Item {
    Item { rank, whole: line, short: String::new(), shown: Shown::Whole }
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

fn item(change: &Change, fields: &[&FieldChange]) -> Item {
    let rank = match change.action {
        Action::Delete | Action::Terminate => Rank::Delete,
        Action::Replace => Rank::Replace,
        _ if !change.impacts.is_empty() => Rank::Disruptive,
        Action::Update => Rank::Update,
        Action::Adopt => Rank::Adopt,
        Action::Move | Action::Release | Action::Mark => Rank::Rename,
        Action::CutOver | Action::Rollback => Rank::Delete,
        Action::Create => Rank::Create,
    };
    let mut title = format!(
        "{} <code>{}</code> {}",
        html(body::glyph(change.action)),
        html(&shortened(&change.address.to_string(), NAME)),
        html(&done_shortly(change))
    );
    if change.action == Action::Update {
        title.push_str(&format!(": {}", counted(fields.len(), "field", "fields")));
    }
    for impact in &change.impacts {
        title.push_str(&format!("; <code>{}</code>", html(&shortened(impact, NAME))));
    }
    let lines = body_lines(change, fields);
    let fence = fence(lines.lines());
    let open = if matches!(
        change.action,
        Action::Delete | Action::Replace | Action::Terminate | Action::CutOver | Action::Rollback
    ) {
        " open"
    } else {
        ""
    };
    let short = format!("<p>{title}</p>\n\n");
    let whole = format!("<details{open}><summary>{title}</summary>\n\n{fence}diff\n{lines}{fence}\n\n</details>\n\n");
    Item { rank, whole, short, shown: Shown::Whole }
}

fn done_shortly(change: &Change) -> String {
    let done = match change.action {
        Action::Create => "will be created",
        Action::Update => "will be updated in place",
        Action::Replace => "must be replaced",
        Action::Delete => "will be deleted",
        Action::Adopt => "will take over an existing object",
        Action::Move => "was renamed and keeps its object",
        Action::Release => "will be released",
        Action::Mark => "will be marked for teardown",
        Action::Terminate | Action::CutOver | Action::Rollback => return body::done_to(change),
    };
    done.to_owned()
}

fn body_lines(change: &Change, fields: &[&FieldChange]) -> String {
    let address = visible(&change.address.to_string());
    let mut out = format!("# {address} {}: {}{}\n", body::done_to(change), quoted(&change.title), body::id(change));
    for about in body::about(change) {
        out.push_str(&format!("# {about}\n"));
    }
    for impact in &change.impacts {
        out.push_str(&format!("! {}\n", visible(impact)));
    }
    for open in body::undecided(change) {
        out.push_str(&format!("! {open}\n"));
    }
    for line in body::lines(change, fields, None) {
        let sign = match line.sign {
            Sign::Add => "+",
            Sign::Remove => "-",
            Sign::Change => "!",
            Sign::Keep => " ",
        };
        out.push_str(&format!("{sign} {}", line.text));
        if let Some(remark) = &line.remark {
            out.push_str(&format!("   # {remark}"));
        }
        out.push('\n');
    }
    out
}

/// A fence that none of the lines can end.
fn fence<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    "`".repeat(lines.map(longest_run).max().unwrap_or(0).max(2) + 1)
}

/// The text as a block of code that nothing in it can end. Each line has a bar before it, so that none begins with what
/// somebody else wrote.
pub fn code_block(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("| {}", visible(line))).collect();
    let fence = fence(lines.iter().map(String::as_str));
    format!("{fence}text\n{}\n{fence}\n", lines.join("\n"))
}

/// A code span that nothing in the text can end.
pub fn code(text: &str) -> String {
    let text = visible(text);
    let ticks = "`".repeat(longest_run(&text) + 1);
    // A space on either side is taken off again by the reader (CommonMark, "Code spans"); without it a backtick at an
    // end would lengthen the delimiter.
    let pad = if text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) || text.is_empty() { " " } else { "" };
    format!("{ticks}{pad}{text}{pad}{ticks}")
}

fn longest_run(text: &str) -> usize {
    let mut longest = 0;
    let mut run = 0;
    for c in text.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

pub(super) fn html(text: &str) -> String {
    visible(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('@', "&#64;")
}

/// The address, if a reader may follow it, with everything that could end the link percent-encoded.
pub fn safe_link(link: &str) -> Option<String> {
    if !link.starts_with("https://") && !link.starts_with("http://") {
        return None;
    }
    let mut out = String::new();
    for byte in link.bytes().take(1_000) {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => out.push(char::from(byte)),
            b'-' | b'.' | b'_' | b'~' | b'/' | b':' | b'?' | b'#' | b'&' | b'=' | b'%' | b'+' | b',' | b';' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    Some(out)
}
