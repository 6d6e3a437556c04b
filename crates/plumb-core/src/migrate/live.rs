//! What is live of a pipeline, out of listings and a plan made of them.

use super::manifests::BoardManifest;
use crate::cost::sla::deadline_of;
use crate::kinds::Whose;
use crate::kinds::old::Old;
use crate::kinds::teardown::{find, starter};
use crate::kinds::teardown_spec::Outcome;
use crate::manifest::{Desired, Resource};
use crate::plan::{Live, LiveObject, Plan, is_apart};
use jiff::SignedDuration;
use plumb_model::address::Address;
use std::collections::{BTreeMap, BTreeSet};

/// What is live of one pipeline.
#[derive(Clone, Debug)]
pub struct PipelineLive {
    /// What it became and is not live with our mark.
    pub missing: Vec<String>,
    /// What of it is not as its manifest says, or may not be changed.
    pub differing: Vec<String>,
    /// Why it is not known of some of it.
    pub unknown: Vec<String>,
    /// Its old DAGs, by their addresses.
    pub old: BTreeMap<String, LiveDag>,
    /// Its new ones.
    pub new: BTreeMap<String, LiveDag>,
    /// The teardown of what is old; the error says why it is not known.
    pub teardown: Result<OldSeen, String>,
}

impl Default for PipelineLive {
    fn default() -> Self {
        let none = BTreeMap::new;
        PipelineLive {
            missing: Vec::new(),
            differing: Vec::new(),
            unknown: Vec::new(),
            old: none(),
            new: none(),
            teardown: Ok(OldSeen::default()),
        }
    }
}

/// Whether a DAG runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LiveDag {
    On,
    Paused,
    /// Airflow does not have it.
    Gone,
    /// It could not be read; why.
    Unknown(String),
}

/// What is left of what is old.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OldSeen {
    /// Whether every manifest of it asks for a teardown.
    pub is_wanted: bool,
    /// How much of it is live.
    pub live: usize,
    pub marked: usize,
    /// What the teardown waits for.
    pub next: Option<String>,
}

/// What a board has read of live state.
pub struct BoardLive<'a> {
    pub desired: &'a Desired,
    pub live: &'a Live,
    /// Decided by listings alone, so what they leave out is not held against it.
    pub plan: &'a Plan,
    /// Kinds that were not read, and why.
    pub unread: &'a BTreeMap<String, String>,
}

/// What a listing leaves out although its kind does not write it by calls of its own.
const UNLISTED: [&str; 1] = ["run_as"];

impl<'a> BoardLive<'a> {
    /// What is live of a pipeline. `old` is what is known of its teardown.
    pub fn of(&self, manifest: &BoardManifest<'_>) -> PipelineLive {
        let spec = &manifest.spec;
        let mut seen = PipelineLive { teardown: self.teardown(&spec.from.emr), ..PipelineLive::default() };
        let new_dags = spec.to.dags.as_deref().unwrap_or_default();
        for name in spec.to.jobs.iter().chain(new_dags) {
            self.deployed(name, &mut seen);
        }
        let dags = |names: &[String]| names.iter().map(|name| (name.clone(), self.dag(name))).collect();
        seen.old = dags(spec.from.dags.as_deref().unwrap_or_default());
        seen.new = dags(new_dags);
        seen
    }

    fn resource(&self, name: &str) -> Option<&'a Resource> {
        let address = Address::try_from(name.to_owned()).ok()?;
        let at = self.desired.resources.binary_search_by(|one| one.address.cmp(&address)).ok();
        let found = at.and_then(|at| self.desired.resources.get(at));
        found.or_else(|| self.desired.resources.iter().find(|one| one.address == address))
    }

    fn objects(&self, resource: &Resource) -> Vec<&'a LiveObject> {
        let all = self.live.of(resource.kind.name()).iter();
        if resource.is_external() {
            return all.filter(|found| found.is_called_as(resource.kind, &resource.spec)).collect();
        }
        let (project, target) = (&self.desired.project.name, self.desired.mark_target());
        let is_ours = |found: &&LiveObject| {
            found.mark.as_ref().map(|mark| &mark.owner).is_some_and(|owner| {
                owner.address == resource.address && owner.project == *project && owner.target == target
            })
        };
        all.filter(is_ours).collect()
    }

    /// Why nothing is known of a kind, or of an address of it.
    fn not_read(&self, resource: &Resource) -> Option<String> {
        let kind = resource.kind.name();
        if let Some(why) = self.unread.get(kind) {
            return Some(why.clone());
        }
        let title = resource.spec.get(resource.kind.title()).and_then(serde_json::Value::as_str);
        let may_be_its = self.live.unreadable(kind).iter().find(|one| match &one.whose {
            Whose::Marked(mark) => mark.owner.address == resource.address,
            _ => one.title.is_none() || one.title.as_deref() == title,
        });
        may_be_its.map(|one| format!("{} cannot be read: {}", one.what, one.why))
    }

    fn deployed(&self, name: &str, seen: &mut PipelineLive) {
        let Some(resource) = self.resource(name) else {
            seen.missing.push(name.to_owned());
            return;
        };
        if let Some(why) = self.not_read(resource) {
            seen.unknown.push(why);
        } else if self.objects(resource).is_empty() {
            seen.missing.push(name.to_owned());
        } else if self.differs(resource) {
            seen.differing.push(name.to_owned());
        }
    }

    /// Whether the plan would change something of it that listings show.
    fn differs(&self, resource: &Resource) -> bool {
        let rules = resource.kind.rules();
        let is_listed = |path: &str| {
            let top = path.split(['.', '[']).next().unwrap_or_default();
            !UNLISTED.contains(&top) && !is_apart(rules, top)
        };
        let is_changed = |change: &crate::plan::Change| {
            change.fields.is_empty() || change.fields.iter().any(|field| is_listed(&field.path))
        };
        let blocked = self.plan.blocked.iter().filter_map(|one| one.address.as_ref());
        self.plan.changes.iter().any(|one| one.address.is_of(&resource.address) && is_changed(one))
            || blocked.into_iter().any(|address| address.is_of(&resource.address))
    }

    fn dag(&self, name: &str) -> LiveDag {
        let Some(resource) = self.resource(name) else { return LiveDag::Unknown("it has no manifest".into()) };
        if let Some(why) = self.not_read(resource) {
            return LiveDag::Unknown(why);
        }
        let Some(kind) = starter(resource.kind.name()) else { return LiveDag::Unknown("it starts nothing".into()) };
        match self.objects(resource).first().map(|found| kind.is_paused(&found.seen.spec())) {
            None => LiveDag::Gone,
            Some(Some(true)) => LiveDag::Paused,
            Some(Some(false)) => LiveDag::On,
            Some(None) => LiveDag::Unknown("Airflow does not say whether it is paused".into()),
        }
    }

    fn teardown(&self, names: &[String]) -> Result<OldSeen, String> {
        let mut seen = OldSeen { is_wanted: !names.is_empty(), ..OldSeen::default() };
        for resource in names.iter().filter_map(|name| self.resource(name)) {
            let Some(teardown) = resource.teardown.as_ref() else { continue };
            let kind = resource.kind.name();
            if let Some(why) = self.unread.get(kind) {
                return Err(why.clone());
            }
            let matches = &teardown.spec.matches;
            if let Some(one) = self.live.unreadable(kind).iter().find(|one| {
                let (id, title) = (one.id.as_deref().unwrap_or_default(), one.title.as_deref().unwrap_or_default());
                matches.may_match(id, title)
            }) {
                return Err(format!("{} cannot be read: {}", one.what, one.why));
            }
            seen.is_wanted &= teardown.spec.desired == Outcome::Teardown;
            for found in self.live.of(kind) {
                if !matches.may_match(&found.seen.id, &name_of(found)) {
                    continue;
                }
                match find(kind).and_then(|kind| kind.old(&found.seen.whole())) {
                    Some(old) if !teardown.is_about(&old) => {}
                    Some(old) => {
                        seen.live += 1;
                        seen.marked += usize::from(is_marked(&old, resource));
                    }
                    // A listing has no tags, which say whether it is marked. Live it is.
                    None if matches.tags.is_none() && !seen.is_wanted => seen.live += 1,
                    None => return Err("the tags of what is old were not read".to_owned()),
                }
            }
            let pending = self.plan.teardown.iter().find(|one| one.address.is_of(&resource.address));
            seen.next = seen.next.or_else(|| pending.map(|one| one.next.clone()));
        }
        Ok(seen)
    }

    /// The names of live clusters that no manifest is about, of the kinds of what is old.
    pub fn strangers(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for (kind, found) in self.live.kinds.iter().filter(|(kind, _)| find(kind).is_some()) {
            let about: Vec<_> = self.desired.resources.iter().filter(|one| one.kind.name() == *kind).collect();
            for one in found {
                let name = name_of(one);
                let is_known = about
                    .iter()
                    .filter_map(|one| one.teardown.as_ref())
                    .any(|teardown| teardown.spec.matches.may_match(&one.seen.id, &name));
                if !is_known && !name.is_empty() {
                    names.insert(name);
                }
            }
        }
        names
    }

    /// What of the old is live and was only listed: a kind and its ids, by manifest.
    pub fn only_listed(&self, names: &[String]) -> usize {
        let of = names.iter().filter_map(|name| self.resource(name));
        of.map(|resource| {
            let Some(teardown) = resource.teardown.as_ref() else { return 0 };
            let kind = resource.kind.name();
            let is_listed = |found: &&LiveObject| {
                let is_whole = teardown.kind.old(&found.seen.whole()).is_some();
                !is_whole && teardown.spec.matches.may_match(&found.seen.id, &name_of(found))
            };
            self.live.of(kind).iter().filter(is_listed).count()
        })
        .sum()
    }
}

fn name_of(found: &LiveObject) -> String {
    found.seen.spec().get("name").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
}

fn is_marked(old: &Old, resource: &Resource) -> bool {
    old.marked().is_some_and(|marked| marked.mark.owner.address == resource.address)
}

/// The deadline of a side: that of the first of its DAGs that has one.
pub fn deadline(desired: &Desired, dags: Option<&Vec<String>>) -> Option<SignedDuration> {
    let dags: BTreeSet<&str> = dags.into_iter().flatten().map(String::as_str).collect();
    let of = desired.resources.iter().filter(|one| starter(one.kind.name()).is_some());
    of.filter(|one| dags.contains(one.address.to_string().as_str())).find_map(|one| Some(deadline_of(&one.spec)?.1))
}
