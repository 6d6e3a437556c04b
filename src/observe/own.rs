//! Which live objects are this project's, told one by one as pages come.

use plumb_core::kinds::{self, Kind};
use plumb_core::manifest::{Desired, Resource};
use plumb_core::plan::{LiveObject, Selection};
use std::collections::{BTreeMap, HashMap};

/// Objects of which a listing left something out, by kind and id, with their manifests.
pub(super) type OpenDetails<'a> = BTreeMap<&'static str, HashMap<String, Option<&'a Resource>>>;

/// The manifests that are selected, by what tells that an object is theirs.
pub(super) struct OwnManifests<'a> {
    project: &'a str,
    target: String,
    /// By kind and name, now or before. `None`: it is not selected.
    names: HashMap<(&'a str, &'a str), Option<&'a Resource>>,
    /// By kind and id.
    adopted: HashMap<(&'a str, &'a str), &'a Resource>,
    /// By kind and what people call the object.
    called: HashMap<(&'a str, String), &'a Resource>,
    is_whole: bool,
}

impl<'a> OwnManifests<'a> {
    pub fn new(desired: &'a Desired, selection: &Selection) -> OwnManifests<'a> {
        let mut wanted = OwnManifests {
            project: &desired.project.name,
            target: desired.mark_target(),
            names: HashMap::new(),
            adopted: HashMap::new(),
            called: HashMap::new(),
            is_whole: selection.is_whole(),
        };
        for resource in &desired.resources {
            let selected = selection.has(resource).then_some(resource);
            let kind = resource.address.kind.as_str();
            for name in [&resource.address.name].into_iter().chain(&resource.previous_names) {
                wanted.names.entry((kind, name)).or_insert(selected);
            }
            if let (Some(id), Some(resource)) = (&resource.adopt, selected) {
                wanted.adopted.insert((resource.kind.name(), id), resource);
            }
            // Only of these it matters: what else has a manifest's name is no business of the project.
            if let (Some(resource), true) = (selected, resource.kind.nested().is_some()) {
                let title = resource.spec.read()[resource.kind.title()].as_str().unwrap_or_default().to_owned();
                wanted.called.insert((resource.kind.name(), title), resource);
            }
        }
        wanted
    }

    /// Whether an object is to be read whole, and its manifest: by mark, by a former name, by `adopt`, or by its name where
    /// nobody got to mark it. There is
    /// none for an orphan, which no manifest speaks of any more.
    pub fn of(&self, kind: &dyn Kind, found: &LiveObject) -> Option<Option<&'a Resource>> {
        if let Some(resource) = self.adopted.get(&(kind.name(), found.seen.id.as_str())) {
            return Some(Some(resource));
        }
        if found.mark.is_none() && found.is_blank(kind) {
            let title = found.seen.title(kind).to_owned();
            return self.called.get(&(kind.name(), title)).map(|resource| Some(*resource));
        }
        let owner = &found.mark.as_ref()?.owner;
        let is_ours = owner.project == self.project && owner.target == self.target;
        if !is_ours || owner.address.kind != kind.name() || kind.role() != kinds::Role::Object {
            return None;
        }
        match self.names.get(&(kind.name(), owner.address.name.as_str())) {
            Some(selected) => selected.map(Some),
            None => self.is_whole.then_some(None),
        }
    }
}
