//! Deciding: what is to be done to each resource, and why.

use super::attribute::{Basis, Sides};
use super::compare::{Because, Carry, Comparison, Context, Kept, Pattern, Supplied, Undeclared, compare};
use super::earlier::{Base, Bases, Earlier};
use super::live::{Found, Live};
use super::matching::Match;
use super::origin::{Was, is_apart};
use super::secrets::{self, seal};
use super::selection::Selection;
use super::teardown::Descent;
use super::unknown::{self, Unknown};
use super::unreadable::Unread;
use super::{
    Action, Blocked, Change, FieldChange, Guard, Note, Op, Origin, Plan, PlanFormat, normal, order, references, served,
};
use crate::kinds::{Impact, ImpactClass, Kind, Mark, Owner, Rev, Role, Step, UnknownSettings, Verb};
use crate::manifest::{Desired, Resource};
use plumb_model::address::Address;
use plumb_model::call::System;
use plumb_model::schema::{self, Path};
use plumb_model::secrets::Vault;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Everything that a decision depends on. Nothing else does: no clock, no file, no environment.
pub struct Input<'a> {
    pub desired: &'a Desired,
    pub live: &'a Live,
    /// The manifests as they were: explains differences, decides none.
    pub bases: &'a Bases,
    pub selection: &'a Selection,
    /// The commit that the manifests were read at.
    pub head: Option<&'a str>,
    /// The revision that the user compares with.
    pub base: Option<&'a str>,
    pub today: jiff::civil::Date,
    /// Only for what would begin at once: nothing else depends on the time of day.
    pub now: jiff::Timestamp,
    /// Who asks, and whether what is due may be taken down.
    pub teardown: Keys<'a>,
    /// The kinds that were read: only they are pruned.
    pub kinds: &'a [&'static dyn Kind],
    /// `PLUMB_APPROVAL_KEY`, which keys the digests.
    pub approval_key: Option<&'a str>,
    /// Systems that a kind above is read from and that the target does not have: of it, only what needs none of them is
    /// decided.
    pub absent: &'a [System],
}

/// What a teardown needs to know beside what is live.
#[derive(Clone, Copy, Debug, Default)]
pub struct Keys<'a> {
    /// Who marks: it is written on what is marked.
    pub who: &'a str,
    /// The second key: whether what is due is taken down.
    pub key: bool,
}

/// A plan, and the secrets that its calls need.
pub struct Decision {
    pub plan: Plan,
    pub vault: Vault,
    /// What each changed resource is wanted to be, to verify an apply by.
    pub wanted: BTreeMap<Address, Wanted>,
    /// Resources whose manifest changed, and that have live values which the service may have chosen: an earlier manifest
    /// tells whether it had set them.
    pub chosen: BTreeSet<Address>,
}

impl Decision {
    /// A decision that a person took: just these changes.
    pub fn of(desired: &Desired, vault: Vault, changes: Vec<Change>) -> Decision {
        let plan = Plan {
            format: PlanFormat::V1,
            project: desired.project.name.clone(),
            target: desired.target.name.clone(),
            base: None,
            head: None,
            workspace: None,
            partial: None,
            digest: String::new(),
            changes,
            blocked: Vec::new(),
            teardown: Vec::new(),
            notes: Vec::new(),
            unchanged: 0,
        };
        Decision { plan, vault, wanted: BTreeMap::new(), chosen: BTreeSet::new() }
    }
}

/// What a changed resource is wanted to be.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// In normal form.
    pub spec: Value,
    /// Places that others may change.
    pub ignored: Vec<Pattern>,
    /// In normal form, what was live when it was decided.
    pub live: Option<Value>,
    /// What was live and the spec does not model.
    pub unknown: Unknown,
    /// What of that `metadata.remove` names.
    pub remove: Vec<Pattern>,
    /// What of it was a secret before, and is not to be shown.
    pub earlier: Earlier,
}

/// Decides.
pub fn decide(input: &Input<'_>) -> Decision {
    let mut decider = Decider::new(input);
    for index in order::of_resources(&input.desired.resources) {
        let resource = &input.desired.resources[index];
        let role = resource.kind.role();
        if role == Role::Tie {
            continue;
        }
        let is_read = input.kinds.iter().any(|k| k.name() == resource.address.kind);
        match is_read && !served::lacks(resource, input.absent) {
            true if role == Role::Ladder => decider.ladder(resource),
            true => decider.resource(resource),
            false => decider.unserved(resource),
        }
    }
    if input.selection.is_whole() {
        decider.orphans();
    }
    decider.contested();
    decider.finish()
}

pub(super) struct Decider<'a> {
    pub(super) input: &'a Input<'a>,
    pub(super) vault: Vault,
    /// The secrets of earlier manifests: they are hidden, and compared as the text that they are.
    pub(super) earlier: Arc<Vault>,
    pub(super) supplied: BTreeMap<String, Supplied>,
    pub(super) owned: BTreeMap<&'static str, BTreeMap<Address, Vec<&'a Found>>>,
    /// Ids that will still be right after the apply.
    pub(super) ids: BTreeMap<Address, String>,
    /// Ids that are right now, those included of objects that will be made anew or that no manifest asks for any more.
    pub(super) live_ids: BTreeMap<Address, String>,
    /// Resources that have no id and will get none.
    pub(super) unavailable: BTreeSet<Address>,
    /// What is live and could not be read.
    pub(super) unread: Unread<'a>,
    /// Objects that a manifest lays claim to by `previousNames`.
    pub(super) claimed: BTreeSet<Address>,
    /// Objects without a manifest whose live name a new manifest has: was it renamed, or are they two?
    pub(super) renamed: BTreeMap<Address, Address>,
    /// What the live objects of changes look like, to order deletes by.
    pub(super) touched: BTreeMap<Address, &'a Value>,
    pub(super) wanted: BTreeMap<Address, Wanted>,
    pub(super) chosen: BTreeSet<Address>,
    pub(super) changes: Vec<Change>,
    pub(super) blocked: Vec<Blocked>,
    pub(super) descents: Vec<Descent>,
    pub(super) notes: Vec<Note>,
    /// What the specs do not model and stays.
    pub(super) unknown: unknown::Notes,
    pub(super) unchanged: usize,
}

impl<'a> Decider<'a> {
    fn new(input: &'a Input<'a>) -> Self {
        let (project, target) = (&input.desired.project.name, &input.desired.mark_target());
        let owned: BTreeMap<_, _> =
            input.kinds.iter().map(|k| (k.name(), input.live.owned(k.name(), project, target))).collect();
        let mut vault = input.desired.vault.clone();
        let adopted: BTreeSet<&str> = input.desired.resources.iter().filter_map(|r| r.adopt.as_deref()).collect();
        for resource in &input.desired.resources {
            secrets::learn(resource.kind.rules(), &resource.spec, &mut vault);
        }
        for kind in input.kinds {
            let own = owned[kind.name()].values().flatten().copied();
            let taken = input.live.of(kind.name()).iter().filter(|f| adopted.contains(f.seen.id.as_str()));
            own.chain(taken).for_each(|found| secrets::learn(kind.rules(), &found.seen.spec, &mut vault));
        }
        Decider {
            input,
            earlier: input.bases.named_by(&vault),
            vault,
            supplied: input.live.supplied(),
            live_ids: ids_of(&owned),
            owned,
            ids: BTreeMap::new(),
            unavailable: BTreeSet::new(),
            unread: Unread::new(input.live, input.kinds, project, target),
            claimed: BTreeSet::new(),
            renamed: BTreeMap::new(),
            touched: BTreeMap::new(),
            wanted: BTreeMap::new(),
            chosen: BTreeSet::new(),
            changes: Vec::new(),
            blocked: Vec::new(),
            descents: Vec::new(),
            notes: Self::unread_notes(input.live),
            unknown: unknown::Notes::default(),
            unchanged: 0,
        }
    }

    fn resource(&mut self, resource: &'a Resource) {
        let found = match self.matching(resource) {
            Ok(found) => found,
            Err(blocked) => {
                self.unavailable.insert(resource.address.clone());
                if self.input.selection.has(resource) {
                    self.blocked.push(blocked);
                }
                return;
            }
        };
        match found {
            Match::None => {}
            Match::Owned(f, _) | Match::Adopted(f) | Match::Moved(f, _) | Match::External(f) | Match::Released(f) => {
                self.ids.insert(resource.address.clone(), f.seen.id.clone());
                self.live_ids.insert(resource.address.clone(), f.seen.id.clone());
            }
        }
        if !self.input.selection.has(resource) {
            if matches!(found, Match::None) {
                self.unavailable.insert(resource.address.clone());
            }
            return;
        }
        if let Match::Released(found) = found {
            return self.released(resource, found);
        }
        if let Some(missing) = resource.references.iter().find(|r| self.unavailable.contains(r)) {
            let (reason, remedy) = self.why_unavailable(missing);
            let address = Some(resource.address.clone());
            self.blocked.push(Blocked { guard: None, address, reason, remedy: Some(remedy) });
            if matches!(found, Match::None) {
                self.unavailable.insert(resource.address.clone());
            }
            return;
        }
        if let Some(blocked) = self.part_is_unread(resource, &found) {
            self.blocked.push(blocked);
            if matches!(found, Match::None) {
                self.unavailable.insert(resource.address.clone());
            }
            return;
        }
        match found {
            Match::None => self.create(resource),
            _ => self.existing(resource, found),
        }
    }

    fn create(&mut self, resource: &'a Resource) {
        let rules = resource.kind.rules();
        let spec = seal(rules, &resource.spec, &mut self.vault);
        let shown = references::fill(rules, &normal::without_nulls(rules, &rules.root, &spec), &self.ids);
        let body = self.marked(resource, shown.clone());
        let fields = normal::ordered(rules, &rules.root, &shown)
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, value)| {
                let path = Path::default().key(key);
                self.field(resource, &path, Op::Add, None, Some(value.clone()))
            })
            .collect();
        let origin = match self.input.bases.get(&resource.address) {
            Some(Base::Nothing) => Some(Origin::Manifest),
            Some(Base::Spec(_)) => Some(Origin::Drift),
            None => None,
        };
        let step = Step { verb: Verb::Create, live: None, body: &body, changed: &[], now: self.input.now };
        self.push(resource, Action::Create, None, &step, fields, origin);
        let spec = normal::normal(rules, &shown);
        let earlier = self.earlier(resource);
        self.wanted.insert(resource.address.clone(), Wanted { spec, earlier, ..Wanted::default() });
    }

    fn existing(&mut self, resource: &'a Resource, matched: Match<'a>) {
        let (found, mark, adopted) = match &matched {
            Match::Owned(found, mark) | Match::Moved(found, mark) => (*found, Some(*mark), false),
            Match::Adopted(found) => (*found, found.mark.as_ref(), true),
            Match::External(found) => (*found, None, false),
            Match::None | Match::Released(_) => return,
        };
        let rules = resource.kind.rules();
        let spec = seal(rules, &resource.spec, &mut self.vault);
        let hash = normal::identity(rules, &resource.spec);
        let same_manifest = !adopted && mark.and_then(|m| m.rev.as_ref()).is_some_and(|r| r.hash == hash);
        let filled = references::fill(rules, &spec, &self.ids);
        let want = normal::normal(rules, &filled);
        let sealed = seal(rules, &found.seen.spec, &mut self.vault);
        let live = normal::normal(rules, &sealed);
        let (ignored, expired) = patterns(resource, self.input.today);
        let external = matches!(matched, Match::External(_));
        let remove = unknown::removals(resource);
        let unknown = if external { Unknown::default() } else { Unknown::of(rules, &sealed, &self.supplied, &remove) };
        let context = Context {
            supplied: &self.supplied,
            ignored: &ignored,
            undeclared: match same_manifest {
                _ if external => Undeclared::Theirs,
                true => Undeclared::Keep,
                false => Undeclared::Remove,
            },
        };
        let mut comparison = compare(rules, &want, &live, &context);
        let protect_differs = !external && mark.is_some_and(|m| m.protect) != resource.lifecycle.protect;
        let has_new_secret = !same_manifest && !comparison.unseen.is_empty();
        let is_written = matches!(matched, Match::Adopted(_) | Match::Moved(..))
            || protect_differs
            || has_new_secret
            || !unknown.removed.is_empty();
        let with_object = |path: &Path| path.top().is_none_or(|member| !is_apart(rules, member));
        comparison.with_losses(is_written || comparison.differences.iter().any(|d| with_object(&d.path)));
        // Only for showing: what was a secret once is compared as the text that it is.
        for difference in &mut comparison.differences {
            if let (Some(to), Some(from)) = (&difference.to, &mut difference.from) {
                secrets::hide_replaced(to, from, &self.vault);
            }
        }
        let unseen = if same_manifest { &[][..] } else { &comparison.unseen[..] };
        let differs = !comparison.differences.is_empty() || !unseen.is_empty() || !unknown.removed.is_empty();
        let action = match matched {
            _ if comparison.differences.iter().any(|d| d.replaces) => Action::Replace,
            Match::Adopted(_) => Action::Adopt,
            Match::Moved(..) => Action::Move,
            _ if differs || protect_differs => Action::Update,
            _ => {
                self.unchanged += 1;
                self.unknown.add(&resource.address, resource.kind, &unknown.kept);
                self.undeclared(resource, &comparison.kept);
                let base = self.base_of(resource, mark, same_manifest);
                self.no_longer_set(resource, &comparison.kept, base.as_ref(), same_manifest);
                self.expired(resource, &expired);
                return;
            }
        };
        if action == Action::Replace && (resource.lifecycle.protect || mark.is_some_and(|m| m.protect)) {
            self.blocked.push(refuse_replace(resource, &comparison));
            return;
        }
        if let Some(why) = self.no_delete(resource.kind).filter(|_| action == Action::Replace) {
            let (address, reason) =
                (Some(resource.address.clone()), format!("it would have to be replaced, and {why}"));
            self.blocked.push(Blocked { guard: None, address, reason, remedy: None });
            return;
        }
        if let Some(blocked) = self.refuse_for_unknown(resource, action, &unknown) {
            self.blocked.push(blocked);
            return;
        }
        let base = self.base_of(resource, mark, same_manifest);
        let read = unknown.basis(&live);
        let basis = Basis { was: base.as_ref(), same_manifest, is_ours: external || !adopted && mark.is_some() };
        let mut fields =
            self.fields(resource, &comparison, unseen, &basis, &Sides { spec: &spec, want: &want, live: &live });
        if protect_differs {
            fields.push(self.protection(resource, mark.is_some_and(|m| m.protect)));
        }
        let mut body = normal::without_nulls(rules, &rules.root, &filled);
        schema::graft_all(rules, &mut body, comparison.carried());
        let mut taken = Vec::new();
        if unknown.any && resource.kind.unknown_settings() == UnknownSettings::Replaced {
            let differences = &comparison.differences;
            taken = unknown::carry(rules, &sealed, &mut body, differences, &remove, &self.supplied);
        }
        self.fields_for_unknown(resource, &unknown, &taken, &mut fields);
        let unknown = unknown.taking(taken);
        self.unknown.add(&resource.address, resource.kind, &unknown.kept);
        let body = if external { body } else { self.marked(resource, body) };
        let mut changed: Vec<Path> = comparison.differences.iter().map(|d| d.path.clone()).collect();
        changed.extend(unseen.iter().cloned());
        changed.extend(unknown.removed.iter().map(|m| m.path.clone()));
        if protect_differs || matches!(action, Action::Adopt | Action::Move) {
            changed.push(Path::default().key(resource.kind.mark().member()));
        }
        let verb = if action == Action::Replace { Verb::Create } else { Verb::Update };
        let step = Step { verb, live: Some(&found.seen), body: &body, changed: &changed, now: self.input.now };
        if action == Action::Replace {
            self.ids.remove(&resource.address);
        }
        self.undeclared(resource, &comparison.kept);
        self.no_longer_set(resource, &comparison.kept, base.as_ref(), same_manifest);
        self.expired(resource, &expired);
        self.touched.insert(resource.address.clone(), &found.seen.spec);
        let earlier = self.earlier(resource);
        let wanted = Wanted { spec: want, ignored, live: Some(live), unknown, remove, earlier };
        self.wanted.insert(resource.address.clone(), wanted);
        let moved = match &matched {
            Match::Moved(_, mark) => Some(mark.owner.address.clone()),
            _ => None,
        };
        self.push(resource, action, Some((found, read)), &step, fields, None);
        if let Some(change) = self.changes.last_mut().filter(|c| c.address == resource.address) {
            // The other actions name their object already.
            change.reason =
                found.mark.as_ref().filter(|_| adopted).map(|mark| format!("it belonged to {}", mark.owner));
            change.moved_from = moved;
        }
    }

    /// What of a live object is not shown: what the manifest keeps secret, and what earlier ones did.
    fn earlier(&self, resource: &Resource) -> Earlier {
        self.input.bases.secrets(&resource.address, &self.earlier).and(&resource.spec)
    }

    /// The body with the mark on it.
    fn marked(&self, resource: &Resource, mut body: Value) -> Value {
        let rev = Rev {
            commit: self.input.head.unwrap_or("000000000000").chars().take(12).collect(),
            // Of the spec as it was loaded: what other objects keep secret must not change it.
            hash: normal::identity(resource.kind.rules(), &resource.spec),
        };
        let owner = Owner {
            project: self.input.desired.project.name.clone(),
            target: self.input.desired.mark_target(),
            address: resource.address.clone(),
        };
        resource.kind.mark().put(&mut body, &Mark { owner, rev: Some(rev), protect: resource.lifecycle.protect });
        body
    }

    fn push(
        &mut self,
        resource: &Resource,
        action: Action,
        found: Option<(&Found, String)>,
        step: &Step<'_>,
        fields: Vec<FieldChange>,
        origin: Option<Origin>,
    ) {
        let calls = match action {
            Action::Replace => {
                let delete =
                    Step { verb: Verb::Delete, live: step.live, body: &Value::Null, changed: &[], now: self.input.now };
                let create =
                    Step { verb: Verb::Create, live: None, body: step.body, changed: &[], now: self.input.now };
                resource.kind.calls(&delete).and_then(|mut calls| {
                    calls.extend(resource.kind.calls(&create)?);
                    Ok(calls)
                })
            }
            _ => resource.kind.calls(step),
        };
        let calls = match calls {
            Ok(calls) => calls,
            Err(unsupported) => {
                self.blocked.push(Blocked {
                    guard: None,
                    address: Some(resource.address.clone()),
                    reason: unsupported.0,
                    remedy: None,
                });
                return;
            }
        };
        let title = step.body.get(resource.kind.title()).and_then(Value::as_str).unwrap_or(&resource.address.name);
        let mut impacts = match action {
            Action::Replace => {
                let delete =
                    Step { verb: Verb::Delete, live: step.live, body: &Value::Null, changed: &[], now: self.input.now };
                resource.kind.impact(&delete)
            }
            _ => resource.kind.impact(step),
        };
        if let Some(run) = resource.kind.run_now(step) {
            if !run.allowed {
                let reason = format!("{} {title} {}", resource.kind.noun(), run.what);
                let address = Some(resource.address.clone());
                let remedy = Some(format!("{}, or `plumb apply --allow-run-now`", run.remedy));
                self.blocked.push(Blocked { guard: Some(Guard::RunNow), address, reason, remedy });
            }
            impacts.push(ImpactClass::StartsRun.says(run.what));
        }
        let (impacts, disrupts) = Impact::split(impacts);
        self.changes.push(Change {
            address: resource.address.clone(),
            action,
            id: found.as_ref().map(|(f, _)| f.seen.id.clone()),
            title: title.to_owned(),
            reason: None,
            origin,
            impacts,
            disrupts,
            next_run: resource.kind.next_run(step),
            fields,
            depends_on: resource.references.clone(),
            moved_from: None,
            source: self.source(resource.span),
            digest: String::new(),
            calls,
            read: found.map(|(_, hash)| hash),
            shown_read: None,
        });
    }

    /// What was let go stays so, although its manifest is still there.
    fn released(&mut self, resource: &Resource, found: &Found) {
        let (noun, id) = (resource.kind.noun(), &found.seen.id);
        let message = format!(
            "{noun} {id} was released, and nothing is done to it although `adopt` names it: remove the manifest, or, to take \
             the {noun} over again, take `{}` off it",
            crate::kinds::mark::TAG_RELEASED
        );
        self.notes.push(Note { address: Some(resource.address.clone()), message });
    }

    fn undeclared(&mut self, resource: &Resource, kept: &[Kept]) {
        let with = |fixed: bool| {
            let is = move |k: &&Kept| k.because == Because::Undeclared && (k.carry == Carry::UntilReplaced) == fixed;
            kept.iter().filter(is).map(|k| k.path.to_string()).collect::<Vec<_>>().join(", ")
        };
        self.note(resource, "set live, not declared here, left alone", with(false));
        self.note(resource, "set live, not declared here, and only a replacement could remove it", with(true));
    }

    /// Names what the manifest set when the object was last written, and sets no more, where that stays: nobody can tell
    /// such a value from one that the service chose.
    fn no_longer_set(&mut self, resource: &Resource, kept: &[Kept], base: Option<&Was>, same_manifest: bool) {
        if same_manifest || !kept.iter().any(|k| k.because == Because::Chosen) {
            return;
        }
        self.chosen.insert(resource.address.clone());
        let Some(base) = base else { return };
        let rules = resource.kind.rules();
        let had = |k: &&Kept| k.because == Because::Chosen && schema::find(rules, &base.spec, &k.path).is_some();
        let list = |sticks: bool| {
            let is = move |k: &&Kept| (k.carry == Carry::Sticks) == sticks;
            kept.iter().filter(had).filter(is).map(|k| k.path.to_string()).collect::<Vec<_>>().join(", ")
        };
        self.note(resource, "no longer declared here, and kept, because the service may have chosen it", list(false));
        self.note(resource, "no longer declared here, and kept by the service, which leaves it as it was", list(true));
    }

    fn note(&mut self, resource: &Resource, what: &str, paths: String) {
        if !paths.is_empty() {
            self.notes.push(Note { address: Some(resource.address.clone()), message: format!("{what}: {paths}") });
        }
    }

    fn expired(&mut self, resource: &Resource, expired: &[String]) {
        for path in expired {
            self.notes.push(Note {
                address: Some(resource.address.clone()),
                message: format!("the ignore rule for `{path}` has expired and no longer holds"),
            });
        }
    }
}

/// The ids of what the project owns, but for what is there twice.
fn ids_of(owned: &BTreeMap<&'static str, BTreeMap<Address, Vec<&Found>>>) -> BTreeMap<Address, String> {
    let ids = owned.values().flatten().filter_map(|(address, found)| match found.as_slice() {
        [one] => Some((address.clone(), one.seen.id.clone())),
        _ => None,
    });
    ids.collect()
}

fn refuse_replace(resource: &Resource, comparison: &Comparison) -> Blocked {
    let paths: Vec<String> = comparison.differences.iter().filter(|d| d.replaces).map(|d| d.path.to_string()).collect();
    Blocked {
        guard: None,
        address: Some(resource.address.clone()),
        reason: format!(
            "it is protected, and would have to be made anew: {} cannot be changed in place",
            paths.join(", ")
        ),
        remedy: Some("set `metadata.lifecycle.protect: false` and apply that first".into()),
    }
}

/// The ignore rules that still hold, and the paths of those that do not.
fn patterns(resource: &Resource, today: jiff::civil::Date) -> (Vec<Pattern>, Vec<String>) {
    let (held, expired): (Vec<_>, Vec<_>) =
        resource.lifecycle.ignore.iter().partition(|rule| rule.until.is_none_or(|until| today <= until));
    (held.iter().map(|r| Pattern::parse(&r.path)).collect(), expired.iter().map(|r| r.path.clone()).collect())
}
