//! The end of a decision: its changes in order, named by their digests, secrets hidden, guards held against their number.

use super::compact::SmallValue;
use super::context::PlanContext;
use super::decide::Decision;
use super::earlier::Earlier;
use super::links::PlanLinks;
use super::secrets::Numbers;
use super::verdict::Collected;
use super::{Change, Plan, PlanFormat, deadlines, decisions, digest, guards, held, order, partial};
use crate::cost::change::{RunCostChange, is_priced, planned_cost};
use crate::kinds;
use crate::manifest;
use plumb_model::schema::{Rules, label};

/// Makes a plan of all that was decided.
pub(super) fn finish(context: PlanContext<'_>, mut all: Collected<'_>) -> Decision {
    all.changes.sort_by(|a, b| a.address.cmp(&b.address));
    order::link(&mut all.changes, &all.touched);
    let partial = partial::of(&context, &mut all);
    decisions::guard(&context, &mut all);
    order::sort(&mut all.changes);
    held::behind_adoptions(&all.changes, &mut all.blocked);
    let mut numbers = Numbers::default();
    let (workspace, key) = (context.input.live.workspace.as_deref(), context.input.approval_key);
    for change in &mut all.changes {
        // Before anything is hidden that only git tells of: what is approved with a history has to be what is
        // applied without one.
        // That of a wave is of the whole of it, whatever is left to be done.
        if change.cutover.is_none() {
            change.digest = digest::of_change(change, workspace, key);
        }
        change.shown_read = change.read.as_deref().map(|read| digest::of_read(read, key));
        if let (Some(kind), Some(wanted)) = (kinds::find(&change.address.kind), all.wanted.get(&change.address)) {
            hide(change, kind.rules(), &wanted.earlier);
        }
        // After the digest, which is of the same fields wherever their manifest has them.
        as_written(change);
    }
    let mut shown = |text: &str| numbers.show_text(&context.earlier.seal_text(&context.vault.seal_text(text)));
    for change in &mut all.changes {
        change.title = shown(&change.title);
        change.reason = change.reason.as_deref().map(&mut shown);
        change.impacts = change.impacts.iter().map(|text| shown(text)).collect();
        for name in change.contents.iter_mut().flat_map(|contents| &mut contents.names) {
            *name = shown(name);
        }
        change.decisions.iter_mut().for_each(|one| one.what = shown(&one.what));
    }
    for blocked in &mut all.blocked {
        blocked.reason = shown(&blocked.reason);
    }
    for note in &mut all.notes {
        note.message = shown(&note.message);
    }
    for pending in &mut all.cutovers {
        pending.next = shown(&pending.next);
        pending.gates.iter_mut().for_each(|gate| gate.gate.says = shown(&gate.gate.says));
    }
    for field in all.changes.iter_mut().flat_map(|change| &mut change.fields) {
        field.path = numbers.show_text(&field.path);
        field.from = field.from.as_ref().map(|v| numbers.show(v));
        field.to = field.to.as_ref().map(|v| numbers.show(v));
    }
    for file in all.changes.iter_mut().flat_map(|change| &mut change.files) {
        file.path = numbers.show_text(&file.path);
        file.diff = file.diff.as_deref().map(|diff| numbers.show_text(diff));
    }
    let desired = context.input.desired;
    for change in &mut all.changes {
        let live = all.wanted.get(&change.address).and_then(|wanted| wanted.live.as_ref());
        say_cost(&context, change, live);
    }
    deadlines::say(&context, &mut all.changes, &mut all.notes);
    all.notes.extend(std::mem::take(&mut all.unknown).into_notes());
    // Keys of elements may be what is a secret elsewhere.
    all.notes.iter_mut().for_each(|note| note.message = numbers.show_text(&note.message));
    for blocked in &mut all.blocked {
        blocked.reason = numbers.show_text(&blocked.reason);
        blocked.remedy = blocked.remedy.as_ref().map(|remedy| numbers.show_text(remedy));
    }
    let mut plan = Plan {
        format: PlanFormat::V1,
        project: desired.project.name.clone(),
        target: desired.target.name.clone(),
        base: context.input.base.map(str::to_owned),
        head: context.input.head.map(str::to_owned),
        workspace: workspace.map(str::to_owned),
        partial,
        digest: String::new(),
        changes: all.changes,
        blocked: all.blocked,
        teardown: all.teardown,
        cutovers: all.cutovers,
        notes: all.notes,
        unchanged: all.unchanged,
        decisions: desired.count_decisions(|resource| context.input.selection.has(resource)),
        estimate: None,
        links: PlanLinks::default(),
    };
    let owned = guards::owned(context.input.kinds, context.input.live, desired);
    plan.blocked.extend(guards::of_changes(&plan, &owned, &desired.guards));
    plan.blocked.sort_by(|a, b| (&a.address, &a.reason).cmp(&(&b.address, &b.reason)));
    plan.notes.sort_by(|a, b| (&a.address, &a.message).cmp(&(&b.address, &b.message)));
    plan.digest = digest::of_plan(&plan, key.is_some());
    Decision { plan, vault: context.vault, wanted: all.wanted, chosen: all.chosen }
}

/// Puts the fields of a change into the order in which its manifest has them: first those of its own file, then those of
/// patches, then what no line has.
fn as_written(change: &mut Change) {
    let own = change.source.as_ref().map(|source| source.file.clone());
    change.fields.sort_by_cached_key(|field| match &field.source {
        Some(source) if !source.nearest => (0, Some(&source.file) != own.as_ref(), source.file.clone(), source.line),
        _ => (1, false, String::new(), 0),
    });
}

/// Says beside the first field of a job's clusters that makes a run cost more or less how much that is, where it is known. No
/// part of any digest.
fn say_cost(context: &PlanContext<'_>, change: &mut Change, live: Option<&SmallValue>) {
    let Some(live) = live else { return };
    let Some(field) = change.fields.iter_mut().find(|field| field.note.is_none() && is_priced(&field.path)) else {
        return;
    };
    change.cost = planned_cost(context.input.desired, &context.input.live.kept_runs, &change.address, &live.value());
    field.note = change.cost.as_ref().map(RunCostChange::note);
}

/// Hides in the live values of a change what is or was a secret.
fn hide(change: &mut Change, rules: &Rules, earlier: &Earlier) {
    for field in &mut change.fields {
        if let Some(to) = &mut field.to {
            *to = earlier.known(to);
        }
        let Some(from) = &mut field.from else { continue };
        // The path of what has no key is its text.
        let named = format!("[{}]", label(from));
        // A place that cannot be told apart from others may be any of them.
        let path = manifest::path(rules, &field.path).unwrap_or_default();
        if earlier.hide(rules, &path, from) && field.path.ends_with(&named) {
            field.path.truncate(field.path.len() - named.len());
            field.path.push_str(&format!("[{}]", label(from)));
        }
    }
}
