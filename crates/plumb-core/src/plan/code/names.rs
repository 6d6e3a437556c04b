//! Which live objects name which trees of code.

use crate::code::CodeFolder;
use crate::kinds;
use crate::kinds::databricks::job::DatabricksJob;
use crate::plan::context::PlanContext;
use crate::plan::{Action, Change, FieldChange};
use plumb_model::address::Address;
use plumb_model::call::System;
use std::collections::{BTreeMap, BTreeSet};

/// Which live objects name which trees.
pub(super) struct NamedTrees<'a> {
    folder: &'a CodeFolder,
    /// By tree, the kind and the id of each that names it, whosever it is.
    trees: BTreeMap<String, BTreeSet<(String, String)>>,
    /// By kind and id, the trees that it names.
    objects: BTreeMap<(String, String), BTreeSet<String>>,
    /// Why what names a tree is not known of any.
    pub may_name_any: Option<String>,
}

impl<'a> NamedTrees<'a> {
    pub fn of(context: &PlanContext<'a>) -> NamedTrees<'a> {
        let (folder, live) = (&context.input.desired.code.folder, context.input.live);
        let mut trees: BTreeMap<String, BTreeSet<(String, String)>> = BTreeMap::new();
        let mut objects: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
        // Most code is that of jobs: without them nobody can tell what is used.
        let mut may_name_any = (!context.reads(DatabricksJob::NAME))
            .then(|| format!("no {} was read, and one may name it", DatabricksJob::NAME));
        let is_databricks = |name: &str| kinds::find(name).is_some_and(|kind| kind.system() == System::Databricks);
        for (kind, found) in live.kinds.iter().filter(|(kind, _)| is_databricks(kind)) {
            for one in found {
                let id = &one.seen.id;
                let named = folder.named_in(&one.seen.text());
                for hash in &named {
                    trees.entry(hash.clone()).or_default().insert(((*kind).to_owned(), id.clone()));
                }
                if !named.is_empty() {
                    objects.insert(((*kind).to_owned(), id.clone()), named);
                }
                if let Some(why) = one.seen.unread.as_ref().filter(|_| may_name_any.is_none()) {
                    may_name_any = Some(format!("{kind} {id} could not be read ({why}) and may name it"));
                }
                if one.seen.partial && may_name_any.is_none() {
                    may_name_any = Some(format!("{kind} {id} was not read whole and may name it"));
                }
            }
        }
        for (_, found) in live.unreadable.iter().filter(|(kind, _)| is_databricks(kind)) {
            if let Some(one) = found.first().filter(|_| may_name_any.is_none()) {
                may_name_any = Some(format!("{} could not be read and may name it", one.what));
            }
        }
        NamedTrees { folder, trees, objects, may_name_any }
    }

    /// Whether a live object names any tree.
    pub fn is_any(&self) -> bool {
        !self.trees.is_empty()
    }

    /// Whether a live object names a tree.
    pub fn is_named(&self, hash: &str) -> bool {
        self.trees.contains_key(hash)
    }

    /// The trees that the live object of a change names, where it names any.
    pub fn trees_of(&self, change: &Change) -> Option<&BTreeSet<String>> {
        self.objects.get(&(change.address.kind.clone(), change.id.clone()?))
    }

    /// Whether the live object of a change names a tree.
    pub fn by(&self, change: &Change, hash: &str) -> bool {
        self.trees_of(change).is_some_and(|trees| trees.contains(hash))
    }

    /// By kind and id, the changes that take an object off trees that it names.
    pub fn endings<'c>(&self, changes: &'c [Change]) -> BTreeMap<(String, String), &'c Change> {
        let of = |change: &'c Change| Some(((change.address.kind.clone(), change.id.clone()?), change));
        changes.iter().filter(|change| self.trees_of(change).is_some()).filter_map(of).collect()
    }

    /// The changes that take a tree out of use, if nothing names it after them; none where nothing names it already. `None`:
    /// something does.
    pub fn ends(&self, hash: &str, endings: &BTreeMap<(String, String), &Change>) -> Option<Vec<Address>> {
        let by = self.trees.get(hash).into_iter().flatten();
        let ends = by.map(|object| endings.get(object).filter(|change| self.lets_go(change, hash)));
        ends.map(|change| Some(change?.address.clone())).collect()
    }

    /// Whether a change has its object name a tree no more. What it leaves alone (what `ignore` or another hand keeps) goes on
    /// naming it: its calls say what will be there.
    fn lets_go(&self, change: &Change, hash: &str) -> bool {
        let names = |text: &str| self.folder.named_in(text).contains(hash);
        match change.action {
            Action::Delete => true,
            Action::Update | Action::Replace | Action::Adopt | Action::Move => {
                let was = |field: &FieldChange| {
                    names(&field.path) || field.from.as_ref().is_some_and(|from| names(&from.to_string()))
                };
                let stays = change.calls.iter().filter_map(|call| call.body).any(|body| names(&body.to_string()));
                (change.action == Action::Replace || change.fields.iter().any(was)) && !stays
            }
            _ => false,
        }
    }
}
