//! What is live, by the addresses of manifests.

use plumb_core::kinds::{self, Unreadable, Whose};
use plumb_core::manifest::{Desired, Resource};
use plumb_core::plan::{Live, LiveObject};
use plumb_model::address::Address;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// What is live, by the addresses of manifests: made in one pass, so that looking up every resource of a project is linear.
pub struct LiveIndex<'a> {
    resources: HashMap<&'a Address, &'a Resource>,
    carriers: BTreeMap<Address, Vec<&'a LiveObject>>,
    /// By kind and name: what others made has no mark of ours.
    titled: HashMap<(&'static str, &'a str), Vec<&'a LiveObject>>,
    unread: UnreadIndex<'a>,
}

/// What could not be read, by all that it may be known by.
#[derive(Default)]
struct UnreadIndex<'a> {
    marked: HashMap<&'a Address, Vec<&'a Unreadable>>,
    ids: HashMap<(&'static str, &'a str), Vec<&'a Unreadable>>,
    titles: HashMap<(&'static str, &'a str), Vec<&'a Unreadable>>,
}

impl<'a> LiveIndex<'a> {
    /// Looks at everything that is live once.
    pub fn of(live: &'a Live, desired: &'a Desired) -> LiveIndex<'a> {
        let mut titled: HashMap<_, Vec<&LiveObject>> = HashMap::new();
        let external = desired.resources.iter().filter(|r| r.is_external());
        let mut kinds: Vec<_> = external.map(|r| r.kind).collect();
        kinds.sort_by_key(|kind| kind.name());
        kinds.dedup_by_key(|kind| kind.name());
        for kind in kinds {
            for found in live.of(kind.name()) {
                titled.entry((kind.name(), found.seen.title(kind))).or_default().push(found);
            }
        }
        LiveIndex {
            resources: desired.resources.iter().rev().map(|r| (&r.address, r)).collect(),
            carriers: super::carriers(live, desired),
            titled,
            unread: UnreadIndex::of(live, desired),
        }
    }

    /// The live objects of an address: those that carry its mark, or have the name of the object of others that its manifest is
    /// about.
    pub fn objects(&self, address: &Address) -> &[&'a LiveObject] {
        let found = match self.resources.get(address).filter(|resource| resource.is_external()) {
            None => self.carriers.get(address),
            Some(resource) => title(resource).and_then(|title| self.titled.get(&(resource.kind.name(), title))),
        };
        found.map_or(&[], Vec::as_slice)
    }

    /// What could not be read and is of an address, as [`super::unread`] tells it.
    pub fn unread(&self, address: &Address) -> Vec<&'a Unreadable> {
        let Some(kind) = kinds::find(&address.kind).map(|kind| kind.name()) else { return Vec::new() };
        let resource = self.resources.get(address);
        let adopted = resource.and_then(|r| r.adopt.as_deref()).and_then(|id| self.unread.ids.get(&(kind, id)));
        let called = resource.filter(|r| r.is_external()).and_then(|r| title(r));
        let called = called.and_then(|title| self.unread.titles.get(&(kind, title)));
        let mut all: Vec<&Unreadable> = Vec::new();
        for one in self.unread.marked.get(address).into_iter().chain(adopted).chain(called).flatten() {
            if !all.iter().any(|known| std::ptr::eq(*known, *one)) {
                all.push(one);
            }
        }
        all
    }
}

impl<'a> UnreadIndex<'a> {
    fn of(live: &'a Live, desired: &Desired) -> UnreadIndex<'a> {
        let mut index = UnreadIndex::default();
        let target = desired.mark_target();
        for (kind, all) in &live.unreadable {
            for one in all {
                match &one.whose {
                    Whose::Marked(mark) => {
                        let owner = &mark.owner;
                        if owner.address.kind == *kind
                            && owner.project == desired.project.name
                            && owner.target == target
                        {
                            index.marked.entry(&owner.address).or_default().push(one);
                        }
                    }
                    _ => {
                        let id = one.id.as_deref().map(|id| (*kind, id));
                        id.into_iter().for_each(|id| index.ids.entry(id).or_default().push(one));
                        let title = one.title.as_deref().map(|title| (*kind, title));
                        title.into_iter().for_each(|title| index.titles.entry(title).or_default().push(one));
                    }
                }
            }
        }
        index
    }
}

/// What a manifest calls its object; `None` where it has no name.
fn title(resource: &Resource) -> Option<&str> {
    resource.spec.get(resource.kind.title()).and_then(Value::as_str).filter(|title| !title.is_empty())
}
