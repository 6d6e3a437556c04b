//! Equal changes of a long plan, folded as one: what is the same in all of them, and who they are.

use super::inert::{fence, html};
use super::item::{ShownFields, fields, glyph_and, is_of_branch, item, places, rank};
use super::{Item, MarkdownOptions, NAME, Shown, laid_out};
use crate::plan::{Action, Change, ChangeOrigin, FieldChange, Plan};
use crate::render::compact::{ChangeGroup, FIELDS};
use crate::render::value::{shortened, visible};

/// A group of changes. One that has nobody like it is shown as it is in a short plan.
pub(super) fn group(group: &ChangeGroup<'_>, plan: &Plan, options: &MarkdownOptions) -> Item {
    let first = group.first();
    let fields: Vec<&FieldChange> = first.fields.iter().collect();
    if group.changes.len() == 1 {
        return item(first, &fields, &plan.links, options);
    }
    let title = title(group);
    let lines = lines(group, first, &fields);
    let fence = fence(lines.lines());
    let places =
        places(&group.changes.iter().map(|change| ShownFields::of(change)).collect::<Vec<_>>(), &plan.links, options);
    let whole = format!("<details><summary>{title}</summary>\n\n{places}{fence}diff\n{lines}{fence}\n\n</details>\n\n");
    let short = format!("<p>{title}</p>\n\n");
    Item { rank: rank(first), count: group.changes.len(), whole, short, shown: Shown::Whole }
}

/// Whether all that the group changes had drifted before the branch.
pub(super) fn is_drift(group: &ChangeGroup<'_>) -> bool {
    let fields = &group.first().fields;
    let first = group.first();
    let is_healed = first.action == Action::Upload && first.origin == Some(ChangeOrigin::Drift);
    is_healed || !fields.is_empty() && fields.iter().all(|field| !is_of_branch(field))
}

/// `~ 100 jobs: num_workers 4 → 6; restarts the cluster`, as HTML.
fn title(group: &ChangeGroup<'_>) -> String {
    let mut title = glyph_and(group.action(), &format!("<strong>{}</strong>", html(&group.what())));
    if let Some(done) = group.done() {
        title.push_str(&format!(" {}", html(&done)));
    }
    let said = group.differs(FIELDS).into_iter().chain(group.impacts());
    let said: Vec<String> = said.map(|text| format!("<code>{}</code>", html(&shortened(&text, NAME)))).collect();
    if !said.is_empty() {
        title.push_str(&format!(": {}", said.join("; ")));
    }
    title
}

fn lines(group: &ChangeGroup<'_>, first: &Change, of_first: &[&FieldChange]) -> String {
    let names = group.names(usize::MAX).unwrap_or_default();
    let mut out = laid_out('#', 0, &names);
    for note in group.notes() {
        out.push_str(&laid_out('#', 0, &note));
    }
    for said in group.impacts().iter().chain(&group.undecided()) {
        out.push_str(&laid_out('!', 0, said));
    }
    // A create is what its manifest says, and that differs.
    if group.action() != Action::Create && (!of_first.is_empty() || !first.files.is_empty()) {
        out.push_str(&laid_out('#', 0, &format!("each as {}:", visible(&first.address.to_string()))));
        out.push_str(&fields(first, of_first));
    }
    out
}
