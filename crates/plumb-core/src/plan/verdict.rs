//! What is decided of one resource, and what has been decided of all of them so far.

use super::context::PlanContext;
use super::decide::WantedObject;
use super::live::LiveObject;
use super::matching::{ObjectMatch, Unmatched};
use super::unknown::{self, Member};
use super::{Action, Blocked, Change, Note, unreadable};
use crate::cutover::PendingCutover;
use crate::kinds::Kind;
use crate::manifest::Resource;
use crate::teardown::PendingTeardown;
use plumb_model::address::Address;
use std::collections::{BTreeMap, BTreeSet};

/// What is decided of one resource: at most a change, why it may not be done, and what is worth knowing of it.
///
/// A manifest that matches any number of objects may have several changes.
#[derive(Default)]
pub(super) struct ResourceVerdict<'a> {
    pub changes: Vec<Change>,
    pub blocked: Vec<Blocked>,
    pub notes: Vec<Note>,
    pub teardown: Vec<PendingTeardown>,
    /// Whether it is up to date.
    pub unchanged: bool,
    /// Whether nothing can refer to it: it has no id and gets none.
    pub unavailable: bool,
    /// Whether its id is about to go: those that refer to it get another one.
    pub loses_id: bool,
    /// What its spec does not model and stays.
    pub kept: Vec<Member>,
    /// What its live object looks like, if there is a change: deletes are ordered by it.
    pub live: Option<&'a LiveObject>,
    pub wanted: Option<WantedObject>,
    /// Whether it has live values that the service may have chosen.
    pub chosen: bool,
}

impl ResourceVerdict<'_> {
    /// That something may not be done, and nothing else.
    pub fn refused(blocked: Blocked) -> Self {
        ResourceVerdict { blocked: vec![blocked], ..Default::default() }
    }

    /// Adds a note on a resource.
    pub fn note(&mut self, address: &Address, message: impl Into<String>) {
        self.notes.push(Note::new(address, message));
    }
}

/// The ids that references stand for, as far as the resources before one in the order tell.
#[derive(Default)]
pub(super) struct ReferenceIds {
    /// Ids that will still be right after the apply.
    pub planned: BTreeMap<Address, String>,
    /// Ids that are right now, those included of objects that will be replaced or that no manifest asks for any more.
    pub live: BTreeMap<Address, String>,
    /// Resources that have no id and will get none.
    pub unavailable: BTreeSet<Address>,
    /// Those of them that wait for something to become readable.
    pub unread: BTreeSet<Address>,
}

/// Objects without a manifest of their own that manifests of other names are about.
#[derive(Default)]
pub(super) struct Claims {
    /// Objects that a manifest lays claim to by `previousNames`.
    pub claimed: BTreeSet<Address>,
    /// Objects whose live name a new manifest has: was it renamed, or are they two?
    pub renamed: BTreeMap<Address, Address>,
}

/// What has been decided so far. Only the loop over the resources adds to it.
pub(super) struct Collected<'a> {
    pub ids: ReferenceIds,
    pub claims: Claims,
    /// What the live objects of changes look like, to order deletes by.
    pub touched: BTreeMap<Address, &'a LiveObject>,
    pub wanted: BTreeMap<Address, WantedObject>,
    pub chosen: BTreeSet<Address>,
    pub changes: Vec<Change>,
    pub blocked: Vec<Blocked>,
    pub teardown: Vec<PendingTeardown>,
    pub cutovers: Vec<PendingCutover>,
    pub notes: Vec<Note>,
    /// What the specs do not model and stays.
    pub unknown: unknown::Notes,
    pub unchanged: usize,
}

impl<'a> Collected<'a> {
    pub fn new(context: &PlanContext<'a>) -> Self {
        // But for what is there twice.
        let single = context.owned.values().flatten().filter_map(|(address, found)| match found.as_slice() {
            [one] => Some((address.clone(), one.seen.id.clone())),
            _ => None,
        });
        Collected {
            ids: ReferenceIds { live: single.collect(), ..ReferenceIds::default() },
            claims: Claims::default(),
            touched: BTreeMap::new(),
            wanted: BTreeMap::new(),
            chosen: BTreeSet::new(),
            changes: Vec::new(),
            blocked: Vec::new(),
            teardown: Vec::new(),
            cutovers: Vec::new(),
            notes: unreadable::notes(context.input.live),
            unknown: unknown::Notes::default(),
            unchanged: 0,
        }
    }

    /// Adds which live object belongs to a resource, before it is decided.
    pub fn add_match(&mut self, resource: &Resource, matched: &Result<ObjectMatch<'a>, Unmatched>) {
        let address = &resource.address;
        match matched {
            Ok(found) => {
                if let ObjectMatch::Moved(_, mark) = found {
                    self.claims.claimed.insert(mark.owner.address.clone());
                }
                if let Some(object) = found.object() {
                    self.ids.planned.insert(address.clone(), object.seen.id.clone());
                    self.ids.live.insert(address.clone(), object.seen.id.clone());
                }
            }
            Err(unmatched) => {
                if unmatched.is_unread {
                    self.ids.unread.insert(address.clone());
                }
                self.claims.claimed.extend(unmatched.claims.clone());
                if let Some(former) = &unmatched.has_name_of {
                    self.claims.renamed.insert(former.clone(), address.clone());
                }
            }
        }
    }

    /// Adds what is decided of a resource.
    pub fn add(&mut self, address: &Address, kind: &dyn Kind, verdict: ResourceVerdict<'a>) {
        if verdict.unavailable {
            self.ids.unavailable.insert(address.clone());
        }
        if verdict.loses_id {
            self.ids.planned.remove(address);
        }
        self.unchanged += usize::from(verdict.unchanged);
        self.unknown.add(address, kind, &verdict.kept);
        if let Some(live) = verdict.live {
            self.touched.insert(address.clone(), live);
        }
        if let Some(wanted) = verdict.wanted {
            self.wanted.insert(address.clone(), wanted);
        }
        if verdict.chosen {
            self.chosen.insert(address.clone());
        }
        self.changes.extend(verdict.changes);
        self.blocked.extend(verdict.blocked);
        self.teardown.extend(verdict.teardown);
        for note in verdict.notes {
            // What is about the whole plan is said once, whatever resources it was met at.
            if note.address.is_some() || !self.notes.contains(&note) {
                self.notes.push(note);
            }
        }
    }

    /// Takes changes out, and with those that would have made another object, what needs its id.
    pub fn hold(&mut self, held: BTreeMap<Address, Blocked>) {
        if held.is_empty() {
            return;
        }
        let mut users: BTreeMap<&Address, Vec<&Change>> = BTreeMap::new();
        for change in &self.changes {
            change.depends_on.iter().for_each(|first| users.entry(first).or_default().push(change));
        }
        let makes = |c: &Change| matches!(c.action, Action::Create | Action::Replace);
        let made: BTreeMap<&Address, Action> =
            self.changes.iter().filter(|c| makes(c)).map(|c| (&c.address, c.action)).collect();
        let mut missing: Vec<&Address> = made.keys().copied().filter(|address| held.contains_key(*address)).collect();
        let mut waiting: BTreeMap<Address, Blocked> = BTreeMap::new();
        while let Some(first) = missing.pop() {
            for change in users.get(first).into_iter().flatten() {
                let address = &change.address;
                if held.contains_key(address) || waiting.contains_key(address) {
                    continue;
                }
                let verb = if made.get(first) == Some(&Action::Create) { "create" } else { "replace" };
                let reason = format!("it refers to {first}, which this plan does not {verb}");
                waiting.insert(address.clone(), Blocked::new(address, reason));
                if makes(change) {
                    missing.push(address);
                }
            }
        }
        self.changes.retain(|c| !held.contains_key(&c.address) && !waiting.contains_key(&c.address));
        // Whatever else was refused of them, this is what has to be decided first.
        self.blocked.retain(|b| b.guard.is_some() || b.address.as_ref().is_none_or(|a| !held.contains_key(a)));
        self.blocked.extend(held.into_values().chain(waiting.into_values()));
    }
}
