//! A plan as one page that people forward: no script, no address that is loaded, nothing that moves.
//!
//! Summary, changes, what depends on what, the next runs of everything that is scheduled, what waits, and what is to be
//! decided. The work is linear in changes, manifests and their ties.

mod calendar;
mod changes;
mod layers;
mod month;
mod picture;
#[cfg(test)]
mod tests;
mod waits;

use super::code::readable;
use super::markup::{html as safe, page as head_of};
use super::value::visible;
use super::{counted, drifted, lasting, nothing_to_do, partial};
use crate::manifest::Desired;
use crate::plan::{Counts, Plan};
use jiff::Timestamp;
use plumb_model::address::Address;
use std::collections::HashMap;
use std::fmt::Write;

const STYLE: &str = concat!(
    include_str!("../parity/style.css"),
    include_str!("../board/style.css"),
    include_str!("../emr/style.css"),
    include_str!("style.css")
);
/// How many notes stand before the changes.
const MOST_NOTES: usize = 40;

/// What a page is made of. The same input gives the same bytes.
pub struct PageInput<'a> {
    pub plan: &'a Plan,
    /// The manifests that the plan is of: the calendar and the graph know them all, not only what changes.
    pub desired: &'a Desired,
    /// From when on next runs are looked for.
    pub now: Timestamp,
}

/// The input, and what each part of the page asks of it.
struct PageFacts<'a> {
    plan: &'a Plan,
    desired: &'a Desired,
    now: Timestamp,
    /// The changes by their addresses, and by those of the manifests that they are of.
    changed: HashMap<Address, usize>,
}

/// The whole page.
pub fn page(input: &PageInput<'_>) -> String {
    let PageInput { plan, desired, now } = *input;
    let plan = &*readable(plan);
    let mut changed = HashMap::new();
    for (index, change) in plan.changes.iter().enumerate().rev() {
        // `EmrCluster/legacy/j-1` is of `EmrCluster/legacy`.
        if let Some((name, _)) = change.address.name.split_once('/') {
            changed.insert(Address { kind: change.address.kind.clone(), name: name.to_owned() }, index);
        }
        changed.insert(change.address.clone(), index);
    }
    let page = PageFacts { plan, desired, now, changed };
    let graph = picture::graph_of(&page);
    let mut out = head_of(&format!("Plan of {} for {}", plan.project, plan.target), STYLE);
    header(&mut out, &page);
    blocked(&mut out, plan);
    tiles(&mut out, plan);
    notes(&mut out, plan);
    if !plan.changes.is_empty() {
        section(&mut out, "changes", "Changes", &changes::changes(&page, &graph));
        section(&mut out, "ties", "What depends on what", &picture::picture(&page, &graph));
    }
    if let Some(gates) = waits::gates(plan) {
        section(&mut out, "gates", "Gates", &gates);
    }
    section(&mut out, "runs", "Next runs", &month::month(&page));
    if let Some(open) = waits::decisions(desired) {
        section(&mut out, "decisions", "Open decisions", &open);
    }
    out.push_str(
        "</main>\n<footer><p>The plan's numbers are those of <code>plumb plan --output json</code>. Secrets are numbers: equal ones are \
         equal secrets. Ties and next runs are by the manifests alone: what others made is not known here.</p></footer>\n</body>\n</html>\n",
    );
    out
}

fn section(out: &mut String, id: &str, title: &str, text: &str) {
    let _ = writeln!(out, "<section id=\"{id}\"><h2>{title}</h2>\n{text}</section>");
}

fn header(out: &mut String, page: &PageFacts<'_>) {
    let plan = page.plan;
    let sort = if plan.partial.is_some() { "Partial plan" } else { "Plan" };
    let _ = write!(
        out,
        "<header><div><p class=\"over\">{sort}</p><h1><bdi>{}</bdi> <span><bdi>{}</bdi></span></h1></div></header>\n<main>\n",
        safe(&plan.project),
        safe(&plan.target)
    );
    let (class, says) = if plan.is_empty() {
        let all = counted(plan.unchanged, "resource up to date", "resources up to date");
        ("ok", format!("No changes. {} {all}.", nothing_to_do(plan)))
    } else if plan.blocked.is_empty() {
        let changes = counted(plan.changes.len(), "change", "changes");
        ("", format!("{changes}, {} up to date.", plan.unchanged))
    } else {
        let changes = counted(plan.changes.len(), "change", "changes");
        ("", format!("{} blocked. {changes}, {} up to date.", plan.blocked.len(), plan.unchanged))
    };
    let _ = writeln!(out, "<p class=\"lead {class}\">{}</p>", safe(&says));
    let unknown = || "not known".to_owned();
    let mut facts = vec![
        ("Target", plan.target.clone()),
        ("Workspace", plan.workspace.clone().unwrap_or_else(unknown)),
        ("Manifests at", plan.head.clone().unwrap_or_else(unknown)),
    ];
    facts.extend(plan.base.clone().map(|base| ("Against", base)));
    let part = if plan.partial.is_some() { ", of a partial plan" } else { "" };
    facts.push(("Digest", format!("{}{part}", plan.digest)));
    facts.push(("Read", page.now.strftime("%Y-%m-%d %H:%M UTC").to_string()));
    out.push_str("<dl class=\"facts\">");
    for (name, value) in facts {
        let _ = write!(out, "<div><dt>{name}</dt><dd><code>{}</code></dd></div>", safe(&value));
    }
    out.push_str("</dl>\n");
    if let Some(part) = &plan.partial {
        let _ = write!(
            out,
            "<div class=\"box none\"><p class=\"any\"><code>{}</code> {}</p>",
            safe(&partial::options(part)),
            safe(&partial::says(part))
        );
        for one in &part.dangling {
            let _ = write!(out, "<p class=\"any\">{}</p>", safe(&partial::left_behind(one)));
        }
        out.push_str("</div>\n");
    }
}

fn blocked(out: &mut String, plan: &Plan) {
    if plan.blocked.is_empty() {
        return;
    }
    out.push_str("<div class=\"box bad\"><p><strong>Blocked</strong></p><ul class=\"list any\">");
    for one in &plan.blocked {
        let about = one.address.as_ref().map(|address| format!("<bdi>{}</bdi>: ", safe(&address.to_string())));
        let remedy = one.remedy.as_ref().map(|remedy| format!("<br>To allow it: <code>{}</code>", safe(remedy)));
        let _ =
            write!(out, "<li>{}{}{}</li>", about.unwrap_or_default(), safe(&one.reason), remedy.unwrap_or_default());
    }
    out.push_str("</ul></div>\n");
}

/// The counts that are not zero, the most dangerous first.
fn tiles(out: &mut String, plan: &Plan) {
    let Counts {
        create,
        update,
        replace,
        delete,
        adopt,
        moved,
        other,
        mark,
        terminate,
        cut_over,
        upload,
        retire,
        prune,
    } = plan.counts();
    let all = [
        ("Blocked", plan.blocked.len(), "bad"),
        ("Delete", delete, "bad"),
        ("Terminate", terminate, "bad"),
        ("Replace", replace, "bad"),
        ("Cut over or take back", cut_over, "bad"),
        ("Update", update, "none"),
        ("Create", create, "ok"),
        ("Adopt", adopt, "none"),
        ("Move", moved, "none"),
        ("Release", other, "none"),
        ("Mark for teardown", mark, "none"),
        ("Upload code", upload, "ok"),
        ("Retire code", retire, ""),
        ("Prune code", prune, "warn"),
    ];
    if all.iter().all(|(_, count, _)| *count == 0) {
        return;
    }
    out.push_str("<dl class=\"tiles\">");
    for (name, count, class) in all.into_iter().filter(|(_, count, _)| *count > 0) {
        let _ = write!(out, "<div class=\"t-{class}\"><dt>{name}</dt><dd>{count}</dd></div>");
    }
    let _ = writeln!(out, "<div><dt>Up to date</dt><dd>{}</dd></div></dl>", plan.unchanged);
}

fn notes(out: &mut String, plan: &Plan) {
    let mut all: Vec<String> = Vec::new();
    all.extend(drifted(plan).into_iter().map(|(address, fields)| {
        let fields = counted(fields, "field was", "fields were");
        format!("{}: {fields} changed live since the last apply", visible(&address.to_string()))
    }));
    all.extend(plan.notes.iter().map(|note| {
        let about = note.address.as_ref().map(|address| format!("{address}: ")).unwrap_or_default();
        format!("{about}{}", note.message)
    }));
    all.extend(plan.decisions.map(|count| format!("{count}; they are listed below.")));
    all.extend(lasting(plan));
    if all.is_empty() {
        return;
    }
    let mut items: String = all.iter().take(MOST_NOTES).map(|says| format!("<li>{}</li>", safe(says))).collect();
    let left = all.len().saturating_sub(MOST_NOTES);
    if left > 0 {
        let _ = write!(items, "<li>and {left} more: <code>plumb plan</code></li>");
    }
    let _ = writeln!(
        out,
        "<div class=\"box none\"><p><strong>Worth knowing</strong></p><ul class=\"list any\">{items}</ul></div>"
    );
}

/// An address, linked to its change where it has one.
fn changed_link(page: &PageFacts<'_>, address: &Address) -> String {
    let text = safe(&address.to_string());
    match page.changed.get(address) {
        Some(index) => {
            format!(
                "<span class=\"dot\" title=\"changed by this plan\">●</span><a href=\"#c{index}\"><bdi>{text}</bdi></a>"
            )
        }
        None => format!("<bdi>{text}</bdi>"),
    }
}
