//! What stands above and below the resources: what plan it is, how much it does, what that costs, how to apply it.

use super::inert::{code, link};
use super::{MarkdownOptions, NAME};
use crate::cost::change::{RunCostChange, is_priced};
use crate::plan::{Change, FieldChange, Plan};
use crate::render::value::{shortened, visible};
use crate::render::{counted, lasting, nothing_to_do, only_marks, partial, sort, undecided};

/// The heading, the counts and what concerns the whole plan.
pub(super) fn heading(plan: &Plan, options: &MarkdownOptions) -> String {
    let mut out = format!("### {} of {} for target {}\n\n", sort(plan), name(&plan.project), name(&plan.target));
    if let Some(part) = &plan.partial {
        let options = code(&shortened(&partial::options(part), NAME));
        out.push_str(&format!("**This plan is partial:** {options} {}.\n\n", partial::says(part)));
    }
    out.push_str(&format!("{}\n\n", tally(plan, options.is_done)));
    if let Some(only) = only_marks(plan).filter(|_| !options.is_done) {
        out.push_str(&format!("{only}\n\n"));
    }
    if let Some(cost) = cost(plan) {
        out.push_str(&format!("{cost}\n\n"));
    }
    if let Some(open) = undecided(plan) {
        out.push_str(&format!("**{open}**\n\n"));
    }
    if let Some(lasting) = lasting(plan) {
        out.push_str(&format!("{lasting}\n\n"));
    }
    out
}

/// What was left out, where the whole plan is, how to apply it, and what names it.
pub(super) fn footer(plan: &Plan, omitted: &str, run: Option<&str>, options: &MarkdownOptions) -> String {
    let mut out = String::new();
    if !omitted.is_empty() {
        out.push_str(&format!("**Not all of it is shown:** {omitted}.\n\n"));
    }
    if run.is_some() {
        out.push_str(&format!("{}\n\n", link("The whole plan", run)));
    }
    if options.by_hand && !plan.changes.is_empty() {
        out.push_str(&format!("To apply it: {}\n\n", by_hand(plan)));
    }
    let of_part = if plan.partial.is_some() { " of a partial plan" } else { "" };
    out.push_str(&format!("Digest {}{of_part}", name(&plan.digest)));
    if let Some(head) = &plan.head {
        let page = plan.links.repository.as_ref().and_then(|repository| repository.commit_of(head));
        out.push_str(&format!(", manifests at {}", link(&name(head), page.as_deref())));
    }
    if let Some(base) = &plan.base {
        out.push_str(&format!(", against {}", name(base)));
    }
    out.push('\n');
    out
}

/// The command that applies this very plan, as a code span: `plumb apply --target prod --approved 9c1f0e6a2b7d`. A name that a
/// shell could take for more stands as a word to be replaced.
pub fn by_hand(plan: &Plan) -> String {
    let selection = match &plan.partial {
        None => String::new(),
        Some(part) => {
            let options = partial::options(part);
            format!(" {}", if is_plain(&options.replace(' ', "")) { options } else { "SELECTION".into() })
        }
    };
    let target = if is_plain(&plan.target) { plan.target.as_str() } else { "TARGET" };
    code(&format!("plumb apply --target {target}{selection} --approved {}", shortened(&plan.digest, NAME)))
}

/// Whether a shell takes the text for one word, and nothing else.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./:=".contains(&b))
}

fn name(text: &str) -> String {
    code(&shortened(text, NAME))
}

/// `**1 to delete · 2 to update** · 5 unchanged`: what there is none of is not named, and what destroys comes first. Of a plan
/// that was carried out it is `1 deleted`.
fn tally(plan: &Plan, is_done: bool) -> String {
    if plan.is_empty() {
        let same = counted(plan.unchanged, "resource", "resources");
        return format!("**No changes.** {} {same} up to date.", nothing_to_do(plan));
    }
    let counts = plan.counts();
    let parts: Vec<String> = [
        (plan.blocked.len(), "blocked", "blocked"),
        (counts.terminate, "to terminate", "terminated"),
        (counts.delete, "to delete", "deleted"),
        (counts.replace, "to replace", "replaced"),
        (counts.cut_over, "to cut over or take back", "cut over or taken back"),
        (counts.update, "to update", "updated"),
        (counts.adopt, "to adopt", "adopted"),
        (counts.moved, "to move", "moved"),
        (counts.other, "to release", "released"),
        (counts.mark, "to mark for teardown", "marked for teardown"),
        (counts.create, "to create", "created"),
        (counts.upload, "to upload", "uploaded"),
        (counts.retire, "to retire", "retired"),
        (counts.prune, "to prune", "pruned"),
    ]
    .into_iter()
    .filter(|(count, ..)| *count > 0)
    .map(|(count, to_do, done)| {
        let changed = if to_do == "to adopt" { plan.adopted_with_changes() } else { 0 };
        let with = if changed > 0 { format!(" ({changed} with changes)") } else { String::new() };
        format!("{count} {}{with}", if is_done { done } else { to_do })
    })
    .collect();
    let unchanged = if plan.unchanged > 0 { format!(" · {} unchanged", plan.unchanged) } else { String::new() };
    format!("**{}**{unchanged}", parts.join(" · "))
}

/// What the changes cost, as far as that is known. A price book's currency is outside text as well.
fn cost(plan: &Plan) -> Option<String> {
    let known: Vec<(&Change, &RunCostChange)> =
        plan.changes.iter().filter_map(|change| Some((change, change.cost.as_ref()?))).collect();
    let unknown = plan.changes.iter().filter(|change| change.cost.is_none() && may_cost(change)).count();
    let (first, rest) = known.split_first()?;
    let mut out = if rest.is_empty() {
        format!("Cost: {} for {}", code(&first.1.note()), code(&shortened(&first.0.address.to_string(), NAME)))
    } else {
        let amount = rest.iter().fold(first.1.amount, |sum, (_, cost)| sum + cost.amount);
        let all = RunCostChange { amount, ..first.1.clone() };
        let jobs = known.len();
        format!(
            "Cost: {} for a run of each of {jobs} jobs, if they take as long as their last ones",
            code(&all.words())
        )
    };
    if unknown > 0 {
        let jobs = counted(unknown, "more job", "more jobs");
        out.push_str(&format!("; of {jobs} whose clusters change it is not known"));
    }
    out.push('.');
    Some(out)
}

/// Whether a change is one of an existing job's clusters.
fn may_cost(change: &Change) -> bool {
    change.id.is_some() && change.fields.iter().any(|field| is_priced(&field.path))
}

/// What a change costs a run, for the line that names it; `None` where none of these fields is what costs.
pub(super) fn cost_of(change: &Change, fields: &[&FieldChange]) -> Option<String> {
    let cost = change.cost.as_ref().filter(|_| fields.iter().any(|field| is_priced(&field.path)))?;
    Some(format!("{} a run", visible(&cost.words())))
}
