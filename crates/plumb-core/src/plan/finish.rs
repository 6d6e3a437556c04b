//! The end of a decision: its changes in order, named by their digests, secrets hidden, guards held against their number.

use super::decide::{Decider, Decision};
use super::earlier::Earlier;
use super::secrets::Numbers;
use super::{Change, Plan, PlanFormat, digest, guards, order};
use crate::kinds;
use crate::manifest;
use plumb_model::schema::{Rules, label};

impl Decider<'_> {
    pub(super) fn finish(mut self) -> Decision {
        self.changes.sort_by(|a, b| a.address.cmp(&b.address));
        order::link(&mut self.changes, &self.touched);
        let partial = self.partial();
        let mut numbers = Numbers::default();
        let (workspace, key) = (self.input.live.workspace.as_deref(), self.input.approval_key);
        for change in &mut self.changes {
            // Before anything is hidden that only git tells of: what is approved with a history has to be what is
            // applied without one.
            change.digest = digest::of_change(change, workspace, key);
            change.shown_read = change.read.as_deref().map(|read| digest::of_read(read, key));
            if let (Some(kind), Some(wanted)) = (kinds::find(&change.address.kind), self.wanted.get(&change.address)) {
                hide(change, kind.rules(), &wanted.earlier);
            }
        }
        let mut shown = |text: &str| numbers.show_text(&self.earlier.seal_text(&self.vault.seal_text(text)));
        for change in &mut self.changes {
            change.title = shown(&change.title);
            change.reason = change.reason.as_deref().map(&mut shown);
            change.impacts = change.impacts.iter().map(|text| shown(text)).collect();
        }
        for blocked in &mut self.blocked {
            blocked.reason = shown(&blocked.reason);
        }
        for note in &mut self.notes {
            note.message = shown(&note.message);
        }
        for field in self.changes.iter_mut().flat_map(|change| &mut change.fields) {
            field.path = numbers.show_text(&field.path);
            field.from = field.from.as_ref().map(|v| numbers.show(v));
            field.to = field.to.as_ref().map(|v| numbers.show(v));
        }
        let desired = self.input.desired;
        self.notes.extend(std::mem::take(&mut self.unknown).into_notes());
        // Keys of elements may be what is a secret elsewhere.
        self.notes.iter_mut().for_each(|note| note.message = numbers.show_text(&note.message));
        for blocked in &mut self.blocked {
            blocked.reason = numbers.show_text(&blocked.reason);
            blocked.remedy = blocked.remedy.as_ref().map(|remedy| numbers.show_text(remedy));
        }
        let mut plan = Plan {
            format: PlanFormat::V1,
            project: desired.project.name.clone(),
            target: desired.target.name.clone(),
            base: self.input.base.map(str::to_owned),
            head: self.input.head.map(str::to_owned),
            workspace: workspace.map(str::to_owned),
            partial,
            digest: String::new(),
            changes: self.changes,
            blocked: self.blocked,
            teardown: self.teardown,
            notes: self.notes,
            unchanged: self.unchanged,
        };
        let owned = guards::owned(self.input.kinds, self.input.live, desired);
        plan.blocked.extend(guards::of_changes(&plan, &owned, &desired.project.guards));
        plan.blocked.sort_by(|a, b| (&a.address, &a.reason).cmp(&(&b.address, &b.reason)));
        plan.notes.sort_by(|a, b| (&a.address, &a.message).cmp(&(&b.address, &b.message)));
        plan.digest = digest::of_plan(&plan, key.is_some());
        Decision { plan, vault: self.vault, wanted: self.wanted, chosen: self.chosen }
    }
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
