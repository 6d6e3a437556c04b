//! What is owned and no manifest asks for any more.

use super::decide::{Decider, Wanted};
use super::earlier::Base;
use super::live::Found;
use super::matching::{CLONES_REMEDY, clones};
use super::secrets::seal;
use super::unknown::Unknown;
use super::unreadable::unread_part;
use super::{Action, Blocked, Change, Origin, normal};
use crate::kinds::{Impact, Kind, Role, Step, Verb};
use plumb_model::address::Address;
use serde_json::Value;
use std::collections::BTreeSet;

impl<'a> Decider<'a> {
    /// What is owned and no manifest asks for any more.
    pub(super) fn orphans(&mut self) {
        let declared: BTreeSet<&Address> = self.input.desired.resources.iter().map(|r| &r.address).collect();
        let owned = std::mem::take(&mut self.owned);
        // What a ladder's mark is on is never pruned: its manifest did not make it.
        for kind in self.input.kinds.iter().filter(|k| k.role() == Role::Object) {
            let unread = self.unread_orphans(*kind, &declared);
            for (address, found) in &owned[kind.name()] {
                if declared.contains(address) || self.claimed.contains(address) || unread.contains(address) {
                    continue;
                }
                match found.as_slice() {
                    [one] => self.orphan(*kind, address, one),
                    several => self.blocked.push(Blocked {
                        guard: None,
                        address: Some(address.clone()),
                        reason: clones(*kind, address, several),
                        remedy: Some(CLONES_REMEDY.into()),
                    }),
                }
            }
        }
    }

    fn orphan(&mut self, kind: &'static dyn Kind, address: &Address, found: &'a Found) {
        if let Some(now) = self.renamed.get(address) {
            // A rename is a move: what may be one must not lose its object meanwhile.
            self.blocked.push(Blocked {
                guard: None,
                address: Some(address.clone()),
                reason: format!(
                    "no manifest asks for {} {} any more, but {now} has its name and may be what became of it",
                    kind.noun(),
                    found.seen.id
                ),
                remedy: Some(format!("say so by `previousNames`; if they are two, apply once without {now}")),
            });
            return;
        }
        if found.mark.as_ref().is_some_and(|m| m.protect) {
            self.blocked.push(Blocked {
                guard: None,
                address: Some(address.clone()),
                reason: format!("no manifest asks for {} {} any more, but it is protected", kind.noun(), found.seen.id),
                remedy: Some(format!(
                    "bring the manifest back with `protect: false`, apply, and remove it then; or `plumb release {address}`"
                )),
            });
            return;
        }
        let unread = unread_part(kind, found).map(|why| format!("{why}; it is not deleted"));
        let copy =
            || self.no_delete(kind).map(|why| format!("{} {} is not deleted: {why}", kind.noun(), found.seen.id));
        if let Some(reason) = unread.or_else(copy) {
            let address = Some(address.clone());
            self.blocked.push(Blocked { guard: None, address, reason, remedy: None });
            return;
        }
        let rules = kind.rules();
        let sealed = seal(rules, &found.seen.spec, &mut self.vault);
        let live = normal::normal(rules, &sealed);
        let unknown = Unknown::of(rules, &sealed, &self.supplied, &[]);
        let step =
            Step { verb: Verb::Delete, live: Some(&found.seen), body: &Value::Null, changed: &[], now: self.input.now };
        let calls = match kind.calls(&step) {
            Ok(calls) => calls,
            Err(e) => {
                self.blocked.push(Blocked { guard: None, address: Some(address.clone()), reason: e.0, remedy: None });
                return;
            }
        };
        let title = live.get(kind.title()).and_then(Value::as_str).unwrap_or(&address.name).to_owned();
        self.touched.insert(address.clone(), &found.seen.spec);
        let read = unknown.basis(&live);
        let (impacts, disrupts) = Impact::split(kind.impact(&step));
        let earlier = self.input.bases.secrets(address, &self.earlier);
        self.wanted.insert(address.clone(), Wanted { live: Some(live), unknown, earlier, ..Wanted::default() });
        self.changes.push(Change {
            address: address.clone(),
            action: Action::Delete,
            id: Some(found.seen.id.clone()),
            title,
            reason: Some("no manifest asks for it any more".into()),
            origin: self.input.bases.get(address).map(|base| match base {
                Base::Spec(_) => Origin::Manifest,
                Base::Nothing => Origin::Drift,
            }),
            impacts,
            disrupts,
            next_run: None,
            fields: Vec::new(),
            depends_on: Vec::new(),
            moved_from: None,
            source: None,
            digest: String::new(),
            calls,
            read: Some(read),
            shown_read: None,
        });
    }
}
