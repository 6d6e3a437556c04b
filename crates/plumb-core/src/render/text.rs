//! A plan for a terminal.

use super::body::{self, BodyLine, Sign};
use super::code;
use super::compact::{self, CREATED, ChangeGroup, FIELDS, NAMES, PlanGroups};
use super::drift::{self, DriftWords, few};
use super::value::{columns, fitted, hung, quoted, visible, wrapped};
use super::{
    NARROWEST, Style, counted, cutover, drifted, head, lasting, nothing_to_do, only_marks, partial, sort, summary,
    teardown, undecided,
};
use crate::plan::{Action, Change, ChangeOrigin, FieldChange, Op, Plan, SourceLine};
use anstyle::{AnsiColor, Style as Ink};
use plumb_model::address::Address;

/// Where the text of a resource's fields starts: six columns, the sign, a space.
const INDENT: usize = 8;

/// Where what is said below a line of the short form starts.
const BELOW: usize = 8;

/// Renders the plan for people to read: only what changes, with the reason and the origin of each change.
///
/// Deterministic: the same plan and style give the same bytes. Without colour there is no escape sequence in it.
pub fn text(plan: &Plan, style: Style) -> String {
    whole(plan, style, None)
}

/// The same of what drifted, where there are words for it.
pub(super) fn whole(plan: &Plan, style: Style, words: Option<DriftWords>) -> String {
    let plan = &*code::readable(plan);
    let mut page = Page::new(style, words);
    page.line(Ink::new().bold(), &page.head(plan));
    page.partial(plan);
    page.notes(plan);
    if !plan.changes.is_empty() {
        page.legend(plan);
        for (section, changes) in page.sections(plan.changes.iter().collect(), |change| change) {
            page.section(section);
            changes.iter().for_each(|change| page.change(change));
        }
    }
    page.tail(plan, None);
    page.out
}

/// Renders the plan in short: a line a change, equal changes on one. It says so, and how all of it is seen.
///
/// As deterministic as [`text`], and as free of escape sequences without colour.
pub fn compact_text(plan: &Plan, style: Style) -> String {
    short(plan, style, None)
}

/// The same of what drifted, where there are words for it.
pub(super) fn short(plan: &Plan, style: Style, words: Option<DriftWords>) -> String {
    let plan = &*code::readable(plan);
    let mut page = Page::new(style, words);
    let groups = compact::groups(plan);
    page.line(Ink::new().bold(), &page.head(plan));
    page.partial(plan);
    page.noted(&groups);
    if !groups.changes.is_empty() {
        page.legend(plan);
        page.gap();
        for (section, groups) in page.sections(groups.changes.iter().collect(), |group| group.changes[0]) {
            page.section(section);
            groups.iter().for_each(|group| page.group(group));
        }
    }
    page.tail(plan, Some(&groups));
    page.out
}

/// Renders what is written when what was changed live is taken into the manifests: each field as the manifest has it, then
/// as it will have it.
///
/// What only waits to be applied is counted, and is not shown: nothing is done to it.
pub fn write_back_text(plan: &Plan, style: Style) -> String {
    let mut page = Page::new(style, None);
    let (taken, rest) = write_back(plan);
    let (project, target) = (visible(&plan.project), visible(&plan.target));
    let title = format!("Into the manifests of {project}: what was changed live in target {target}");
    page.line(Ink::new().bold(), &title);
    page.partial(plan);
    for change in &taken {
        page.gap();
        let address = visible(&change.address.to_string());
        page.hung(Ink::new().bold(), "  # ", &format!("{address}: its manifest will say what is live"), 4);
        let fields: Vec<&FieldChange> = change.fields.iter().collect();
        for line in body::lines(change, &fields, Some(page.style.width - INDENT)) {
            page.field(&line);
        }
    }
    page.gap();
    let fields = counted(taken.iter().map(|change| change.fields.len()).sum(), "field", "fields");
    let resources = counted(taken.len(), "resource", "resources");
    page.line(Ink::new().bold(), &format!("To write: {fields} of {resources}."));
    if !rest.is_empty() {
        let count = counted(rest.len(), "change is no drift and is", "changes are no drift and are");
        page.hung(FAINT, "", &format!("{count} left to an apply: {} (`plumb plan`).", few(&rest)), 2);
    }
    page.out
}

/// The fields that were changed live, from what the manifest says to what is live, and what has others, in the plan's order.
fn write_back(plan: &Plan) -> (Vec<Change>, Vec<&Address>) {
    let mut rest = Vec::new();
    let turned = |field: &FieldChange| FieldChange {
        op: match field.op {
            Op::Add => Op::Remove,
            Op::Change => Op::Change,
            Op::Remove => Op::Add,
        },
        from: field.to.clone(),
        to: field.from.clone(),
        // Whose line it is, is no reason of what is written over it.
        source: field.source.as_ref().map(|source| SourceLine { commit: None, ..source.clone() }),
        ..FieldChange::new(field.path.clone(), field.op)
    };
    let taken = plan.changes.iter().filter_map(|change| {
        let is_drift = |field: &&FieldChange| field.origin == Some(ChangeOrigin::Drift);
        let fields: Vec<FieldChange> = change.fields.iter().filter(is_drift).map(turned).collect();
        if fields.is_empty() || !matches!(change.action, Action::Update | Action::Replace) {
            rest.push(&change.address);
            return None;
        }
        if fields.len() < change.fields.len() {
            rest.push(&change.address);
        }
        Some(Change { fields, ..Change::new(change.address.clone(), Action::Update) })
    });
    (taken.collect(), rest)
}

impl Page {
    /// What stands below the changes.
    fn tail(&mut self, plan: &Plan, groups: Option<&PlanGroups<'_>>) {
        self.cutovers(plan);
        self.teardown(plan);
        self.blocked(plan);
        self.gap();
        self.end(plan);
        self.shortened(plan, groups);
        if let Some(kept) = code::kept(plan) {
            self.line(FAINT, &kept);
        }
        self.digest(plan);
    }

    fn end(&mut self, plan: &Plan) {
        if let Some(words) = &self.words {
            let ink = if plan.is_empty() { GOOD } else { Ink::new().bold() };
            self.hung(ink, "", &words.end(plan), 2);
        } else if plan.is_empty() {
            self.line(GOOD, &format!("No changes. {}", nothing_to_do(plan)));
            let up_to_date = counted(plan.unchanged, "resource up to date", "resources up to date");
            self.line(Ink::new(), &format!("{up_to_date}."));
        } else {
            self.hung(Ink::new().bold(), &format!("{}: ", sort(plan)), &summary(plan), 2);
            if let Some(only) = only_marks(plan) {
                self.line(GOOD, only);
            }
        }
        if let Some(open) = undecided(plan) {
            self.line(WARN, &open);
        }
        if let Some(lasting) = lasting(plan) {
            self.line(FAINT, &lasting);
        }
    }

    /// How all of it is seen, where it is in short.
    fn shortened(&mut self, plan: &Plan, groups: Option<&PlanGroups<'_>>) {
        let Some(groups) = groups.filter(|groups| !groups.changes.is_empty()) else { return };
        let lines = counted(groups.changes.len(), "line", "lines");
        let changes = counted(plan.changes.len(), "change", "changes");
        let said = format!(
            "In short: {changes} on {lines}. `--full` shows every field; `plumb plan --only ADDRESS` shows one resource."
        );
        for line in wrapped(&said, self.style.width) {
            self.line(FAINT, &line);
        }
    }

    fn digest(&mut self, plan: &Plan) {
        let of_part = if plan.partial.is_some() { " (of a partial plan)" } else { "" };
        self.line(FAINT, &format!("Digest: {}{of_part}", visible(&plan.digest)));
    }

    /// The notes, equal ones on one line.
    fn noted(&mut self, groups: &PlanGroups<'_>) {
        if groups.notes.is_empty() {
            return;
        }
        self.gap();
        for note in &groups.notes {
            self.hung(WARN, "Note: ", &note.says(), 2);
        }
    }

    /// A text after its label, wrapped, its further lines indented.
    fn hung(&mut self, ink: Ink, label: &str, text: &str, indent: usize) {
        for line in hung(label, text, self.style.width, indent) {
            self.line(ink, &line);
        }
    }

    /// A group of equal changes, or one: what and how on a line where that fits; below it what must not be missed.
    fn group(&mut self, group: &ChangeGroup<'_>) {
        let differs = group.differs(FIELDS);
        let mut said = group.what();
        said.extend(group.done().map(|done| format!(" {done}")));
        said.push_str(if group.is_blocked { " (blocked, see below)" } else { "" });
        let (sign, room) = (group.sign(), self.style.width - 6);
        let mut reason = group.first().reason.as_deref().map(|reason| format!("({})", visible(reason)));
        if let Some(inline) = reason.take_if(|it| differs.is_empty() && columns(&said) + 1 + columns(it) <= room) {
            said.push_str(&format!(" {inline}"));
        }
        let joined = differs.join(", ");
        let fits = columns(&said) + 2 + columns(&joined) <= room;
        self.out.push_str("  ");
        self.paint(ink(group.action()), &format!("{sign:<3} "));
        let more = if differs.is_empty() { "" } else { ":" };
        let line = if fits && !differs.is_empty() { format!("{said}: {joined}") } else { said + more };
        let mut lines = wrapped(&line, room).into_iter();
        self.out.push_str(&lines.next().unwrap_or_default());
        let rest: Vec<String> = lines.collect();
        // That of a group stands below it, with its names.
        let place = group.places();
        if group.changes.len() == 1 && !place.is_empty() && columns(&line) + columns(&place) + 5 <= room {
            self.paint(FAINT, &format!("   # {place}"));
        }
        self.out.push('\n');
        rest.iter().for_each(|more| self.below(Ink::new(), more));
        if !fits {
            differs.iter().for_each(|field| self.below(Ink::new(), field));
        }
        group.impacts().iter().for_each(|impact| self.below(BAD, &format!("! {impact}")));
        group.undecided().iter().for_each(|open| self.below(WARN, &format!("! {open}")));
        group.notes().iter().for_each(|note| self.below(WARN, &format!("# {note}")));
        if let Some(reason) = reason {
            self.below(FAINT, &format!("# {reason}"));
        }
        let hidden: Vec<String> = group.secrets().into_iter().filter(|secret| !joined.contains(secret)).collect();
        if !hidden.is_empty() {
            let names = compact::listed(hidden.iter().take(NAMES).cloned().collect(), hidden.len());
            self.below(WARN, &format!("! has secrets: {names}"));
        }
        let limit = if group.action() == Action::Create { CREATED } else { NAMES };
        let Some(names) = group.names(limit) else { return };
        self.below(FAINT, &format!("# {names}"));
        let from: Vec<String> = [place, group.commits()].into_iter().filter(|text| !text.is_empty()).collect();
        if !from.is_empty() {
            self.below(FAINT, &format!("# {}", from.join("; ")));
        }
    }

    /// A line below that of a group.
    fn below(&mut self, ink: Ink, text: &str) {
        for line in wrapped(text, self.style.width - BELOW) {
            self.line(ink, &format!("{}{line}", " ".repeat(BELOW)));
        }
    }
}

const GOOD: Ink = AnsiColor::Green.on_default();
const BAD: Ink = AnsiColor::Red.on_default();
const WARN: Ink = AnsiColor::Yellow.on_default();
const FAINT: Ink = Ink::new().dimmed();

fn ink(action: Action) -> Ink {
    match action {
        Action::Create | Action::Upload => GOOD,
        Action::Retire | Action::Prune => WARN,
        Action::Update | Action::Adopt | Action::Move | Action::Release | Action::Mark => WARN,
        Action::Delete | Action::Replace | Action::CutOver | Action::Rollback | Action::Terminate => BAD,
    }
}

struct Page {
    out: String,
    style: Style,
    words: Option<DriftWords>,
}

impl Page {
    fn new(style: Style, words: Option<DriftWords>) -> Page {
        Page { out: String::new(), style: Style { width: style.width.max(NARROWEST), ..style }, words }
    }

    fn head(&self, plan: &Plan) -> String {
        self.words.as_ref().map_or_else(|| head(plan), |_| drift::head(plan))
    }

    /// What is shown, below the headings that it takes: one without words where there is no drift to tell from the rest.
    fn sections<'a, T: Copy>(&self, all: Vec<T>, change: impl Fn(T) -> &'a Change) -> Vec<(&'static str, Vec<T>)> {
        match &self.words {
            Some(words) => words.sections(all, change),
            None => vec![("", all)],
        }
    }

    fn section(&mut self, heading: &str) {
        if !heading.is_empty() {
            self.gap();
            self.line(Ink::new().bold(), heading);
        }
    }

    fn paint(&mut self, ink: Ink, text: &str) {
        if self.style.colour && ink != Ink::new() && !text.is_empty() {
            self.out.push_str(&format!("{ink}{text}{ink:#}"));
        } else {
            self.out.push_str(text);
        }
    }

    fn line(&mut self, ink: Ink, text: &str) {
        self.paint(ink, text);
        self.out.push('\n');
    }

    /// An empty line, unless one is there.
    fn gap(&mut self) {
        if !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    fn partial(&mut self, plan: &Plan) {
        let Some(part) = &plan.partial else { return };
        for line in wrapped(&format!("{} {}", partial::options(part), partial::says(part)), self.style.width - 4) {
            self.line(WARN.bold(), &format!("  ! {line}"));
        }
        for one in &part.dangling {
            self.hung(BAD, "  ! ", &partial::left_behind(one), 4);
        }
    }

    fn notes(&mut self, plan: &Plan) {
        let drift = drifted(plan);
        if plan.notes.is_empty() && drift.is_empty() {
            return;
        }
        self.gap();
        for (address, fields) in drift {
            let fields = counted(fields, "field was", "fields were");
            let says = format!("{}: {fields} changed live since the last apply", visible(&address.to_string()));
            self.hung(WARN, "Note: ", &says, 2);
        }
        for note in &plan.notes {
            let about = note.address.as_ref().map(|a| format!("{}: ", visible(&a.to_string()))).unwrap_or_default();
            self.hung(WARN, "Note: ", &format!("{about}{}", visible(&note.message)), 2);
        }
    }

    fn legend(&mut self, plan: &Plan) {
        self.gap();
        let mut used: Vec<Action> = plan.changes.iter().map(|change| change.action).collect();
        used.sort();
        used.dedup();
        for action in used {
            self.out.push_str("  ");
            self.paint(ink(action), body::glyph(action));
            self.line(Ink::new(), &format!(" {}", body::meaning(action)));
        }
    }

    fn change(&mut self, change: &Change) {
        self.gap();
        let address = visible(&change.address.to_string());
        self.hung(Ink::new().bold(), "  # ", &format!("{address} {}", body::done_to(change)), 4);
        for about in body::about(change) {
            for line in wrapped(&about, self.style.width - 4) {
                self.line(FAINT, &format!("  # {line}"));
            }
        }
        for impact in &change.impacts {
            self.hung(BAD, "  ! ", &visible(impact), 4);
        }
        for open in body::undecided(change) {
            for line in wrapped(&open, self.style.width - 4) {
                self.line(WARN, &format!("  ! {line}"));
            }
        }
        self.out.push_str("  ");
        self.paint(ink(change.action), body::glyph(change.action));
        let named = format!("{}{}", quoted(&change.title), body::id(change));
        // On a narrow terminal what it is called and its id stand on a line of their own.
        let taken = 2 + columns(body::glyph(change.action)) + 1 + columns(&address);
        let between = if taken + 1 + columns(&named) <= self.style.width { " " } else { "\n      " };
        self.line(Ink::new(), &format!(" {address}{between}{named}"));
        let fields: Vec<&FieldChange> = change.fields.iter().collect();
        for line in body::lines(change, &fields, Some(self.style.width - INDENT)).iter().chain(&code::lines(change)) {
            self.field(line);
        }
    }

    fn field(&mut self, line: &BodyLine) {
        let (sign, ink) = match line.sign {
            Sign::Add => ("+", GOOD),
            Sign::Remove => ("-", BAD),
            Sign::Change => ("~", WARN),
            Sign::Keep => (" ", Ink::new()),
        };
        let room = self.style.width - INDENT;
        let text = if line.may_be_cut { fitted(&line.text, room) } else { line.text.clone() };
        self.out.push_str("      ");
        self.paint(ink, sign);
        self.out.push(' ');
        self.out.push_str(&text);
        if let Some(remark) = &line.remark {
            if columns(&text) + columns(remark) + 5 <= room {
                self.out.push_str("   ");
                self.paint(FAINT, &format!("# {remark}"));
            } else {
                for remark in wrapped(remark, room - 6) {
                    self.out.push_str("\n            ");
                    self.paint(FAINT, &format!("# {remark}"));
                }
            }
        }
        self.out.push('\n');
    }

    fn cutovers(&mut self, plan: &Plan) {
        if plan.cutovers.is_empty() {
            return;
        }
        self.gap();
        self.line(Ink::new().bold(), "Cutover:");
        for pending in &plan.cutovers {
            self.line(Ink::new().bold(), &format!("  {}", cutover::head(pending)));
            for gate in &pending.gates {
                self.gate(gate.gate.name, gate.gate.holds, &cutover::says(gate));
            }
            for line in cutover::tail(pending) {
                self.line(FAINT, &format!("    {line}"));
            }
        }
    }

    /// A gate: whether it holds, and what it says, wrapped below itself.
    fn gate(&mut self, name: &str, holds: bool, says: &str) {
        let (ink, sign) = if holds { (GOOD, "holds") } else { (WARN, "waits") };
        self.out.push_str("    ");
        self.paint(ink, sign);
        let indent = "\n".to_owned() + &" ".repeat(22);
        let says = wrapped(says, self.style.width.saturating_sub(22).max(NARROWEST)).join(&indent);
        self.line(Ink::new(), &format!("  {name:<10} {says}"));
    }

    fn teardown(&mut self, plan: &Plan) {
        if plan.teardown.is_empty() {
            return;
        }
        self.gap();
        self.line(Ink::new().bold(), "Teardown:");
        for pending in &plan.teardown {
            self.line(Ink::new().bold(), &format!("  {}", teardown::head(pending)));
            if let Some(back) = &pending.returned {
                self.line(WARN, &format!("    returned: {}", visible(back)));
            }
            for gate in &pending.gates {
                self.gate(gate.name, gate.holds, &teardown::says(gate));
            }
            self.line(FAINT, &format!("    next: {}", visible(&pending.next)));
        }
    }

    fn blocked(&mut self, plan: &Plan) {
        if plan.blocked.is_empty() {
            return;
        }
        self.gap();
        self.line(Ink::new().bold(), "Blocked:");
        for blocked in &plan.blocked {
            let about = blocked.address.as_ref().map(|a| format!("{}: ", visible(&a.to_string()))).unwrap_or_default();
            self.hung(BAD, "  ! ", &format!("{about}{}", visible(&blocked.reason)), 4);
            if let Some(remedy) = &blocked.remedy {
                self.hung(Ink::new(), "    to allow it: ", &visible(remedy), 6);
            }
        }
    }
}
