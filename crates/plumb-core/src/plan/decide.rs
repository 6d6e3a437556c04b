//! Deciding: what is to be done to each resource, and why.

use super::attribute::{Basis, FieldSources, LifecycleFlag, Sides, baseline_of};
use super::compact::SmallValue;
use super::compare::{Carry, Comparison, Context, KeepReason, KeptValue, Pattern, Undeclared, compare};
use super::context::PlanContext;
use super::earlier::{Baseline, Baselines, Earlier};
use super::links::PlanLinks;
use super::live::{Live, LiveObject};
use super::matching::{self, ObjectMatch, Unmatched};
use super::origin::{NormalBaseline, is_apart};
use super::secrets;
use super::selection::Selection;
use super::unknown::{self, UnknownMembers};
use super::verdict::{Collected, ReferenceIds, ResourceVerdict};
use super::{
    Action, Blocked, Change, ChangeOrigin, FieldChange, Guard, Op, Plan, PlanFormat, code, contents, cutover, finish,
    foreign, held, missing_systems, missing_things, normal, order, orphans, references, unreadable,
};
use crate::cutover::waves;
use crate::kinds::entries::is_additive;
use crate::kinds::{Impact, ImpactClass, Kind, Mark, Observed, Role, Step, UnknownSettings, Verb};
use crate::manifest::{Desired, Resource};
use plumb_model::address::Address;
use plumb_model::call::System;
use plumb_model::schema::{self, Path, mode_member};
use plumb_model::secrets::Vault;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// Everything that a decision depends on. Nothing else does: no clock, no file, no environment.
pub struct Input<'a> {
    pub desired: &'a Desired,
    pub live: &'a Live,
    /// The manifests as they were: explains differences, decides none.
    pub baselines: &'a Baselines,
    pub selection: &'a Selection,
    /// The commit that the manifests were read at.
    pub head: Option<&'a str>,
    /// The revision that the user compares with.
    pub base: Option<&'a str>,
    pub today: jiff::civil::Date,
    /// Only for what would begin at once: nothing else depends on the time of day.
    pub now: jiff::Timestamp,
    /// Who asks: it is written on what is marked for teardown.
    pub who: &'a str,
    /// Whether what is due is terminated or deleted: `--allow-teardown`.
    pub allow_teardown: bool,
    /// The kinds that were read: only they are pruned.
    pub kinds: &'a [&'static dyn Kind],
    /// `PLUMB_APPROVAL_KEY`, which keys the digests.
    pub approval_key: Option<&'a str>,
    /// Systems that a kind above is read from and that the target does not have: of it, only what needs none of them is
    /// decided.
    pub absent: &'a [System],
}

/// A plan, and the secrets that its calls need.
#[derive(Clone)]
pub struct Decision {
    pub plan: Plan,
    pub vault: Vault,
    /// What each changed resource is wanted to be, to verify an apply by.
    pub wanted: BTreeMap<Address, WantedObject>,
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
            cutovers: Vec::new(),
            notes: Vec::new(),
            unchanged: 0,
            decisions: None,
            estimate: None,
            links: PlanLinks::default(),
        };
        Decision { plan, vault, wanted: BTreeMap::new(), chosen: BTreeSet::new() }
    }
}

/// What a changed resource is wanted to be.
#[derive(Clone, Debug, Default)]
pub struct WantedObject {
    /// In normal form.
    pub spec: SmallValue,
    /// Places that others may change.
    pub ignored: Vec<Pattern>,
    /// In normal form, what was live when it was decided.
    pub live: Option<SmallValue>,
    /// What was live and the spec does not model.
    pub unknown: UnknownMembers,
    /// What of that `metadata.remove` names.
    pub remove: Vec<Pattern>,
    /// What of it was a secret before, and is not to be shown.
    pub earlier: Earlier,
}

/// Decides.
pub fn decide(input: &Input<'_>) -> Decision {
    let mut context = PlanContext::new(input);
    let waves = waves(input.desired);
    context.settled = cutover::settle(&context, &waves);
    let settled = cutover::resources(&context);
    let mut all = Collected::new(&context);
    for index in order::of_resources(&input.desired.resources) {
        let resource = &input.desired.resources[index];
        let resource = settled.get(&resource.address).unwrap_or(resource);
        let verdict = match resource.kind.role() {
            Role::Relation => continue,
            _ if !context.reads(&resource.address.kind) || missing_systems::has_missing(resource, input.absent) => {
                missing_systems::refuse(&context, resource)
            }
            Role::Teardown => context.teardown(resource),
            Role::Object => {
                // A copy of its own: the value that its spec is unpacked to goes with it.
                let resource = resource.clone();
                let matched = matching::find(&context, &resource);
                all.add_match(&resource, &matched);
                decide_one(&context, &all.ids, &resource, matched)
            }
        };
        all.add(&resource.address, resource.kind, verdict);
    }
    if input.selection.is_whole() {
        for (address, kind, verdict) in orphans::decide(&context, &all.claims) {
            all.add(address, kind, verdict);
        }
    }
    let contested = foreign::contested(&context);
    all.hold(contested);
    contents::decide(&context, &mut all);
    cutover::decide(&context, &waves, &mut all);
    // After all that is done to objects: what they name then is what is kept.
    code::decide(&context, &mut all);
    finish::finish(context, all)
}

/// Decides on one resource. `ids` are those of the resources before it.
fn decide_one<'a>(
    context: &PlanContext<'a>,
    ids: &ReferenceIds,
    resource: &Resource,
    matched: Result<ObjectMatch<'a>, Unmatched>,
) -> ResourceVerdict<'a> {
    let is_selected = context.input.selection.has(resource);
    let found = match matched {
        Ok(found) => found,
        Err(unmatched) => {
            let blocked = is_selected.then_some(*unmatched.blocked).into_iter().collect();
            return ResourceVerdict { unavailable: true, blocked, ..Default::default() };
        }
    };
    let is_missing = matches!(found, ObjectMatch::None);
    if !is_selected {
        return ResourceVerdict { unavailable: is_missing, ..Default::default() };
    }
    if let ObjectMatch::Released(found) = found {
        return released(resource, found);
    }
    let seen = found.object().map(|object| object.seen.whole());
    let is_missing_for =
        |r: &&Address| ids.unavailable.contains(r) && !missing_things::goes_without(context, resource, r, ids);
    let refused = match resource.references.iter().find(is_missing_for) {
        Some(missing) => Some(unreadable::refuse_reference(resource, missing, ids)),
        None => missing_things::refuse(context, resource)
            .or_else(|| unreadable::part_is_unread(context, resource, seen.as_ref())),
    };
    if let Some(blocked) = refused {
        return ResourceVerdict { unavailable: is_missing, ..ResourceVerdict::refused(blocked) };
    }
    match seen {
        None => create(context, ids, resource),
        Some(seen) => existing(context, ids, resource, (&found, &seen)),
    }
}

fn create<'a>(context: &PlanContext<'a>, ids: &ReferenceIds, resource: &Resource) -> ResourceVerdict<'a> {
    let rules = resource.kind.rules();
    let spec = context.sealed(&resource.spec);
    let said = normal::without_nulls(rules, &rules.root, &spec);
    let shown = references::fill(rules, &said, &ids.planned);
    let hash = normal::identity(rules, &resource.spec);
    let body = context.marked(resource, shown.clone().into_owned(), hash);
    let sources = FieldSources { context, ids, resource };
    let fields = normal::ordered(rules, &rules.root, &shown)
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| {
            let path = Path::default().key(key);
            let field = sources.field(&path, Op::Add, None, Some(value.clone()));
            // A mode is shown as it is written.
            let moded = rules.moded().iter().find(|member| mode_member(member) == *key);
            FieldChange { path: moded.map_or(field.path, |member| format!("{member}.mode")), ..field }
        })
        .collect();
    let origin = match context.input.baselines.get(&resource.address) {
        Some(Baseline::Nothing) => Some(ChangeOrigin::Manifest),
        Some(Baseline::Spec(_)) => Some(ChangeOrigin::Drift),
        None => None,
    };
    let step = Step { verb: Verb::Create, live: None, body: &body, changed: &[], now: context.input.now };
    let mut verdict = ResourceVerdict::default();
    let change = change(context, resource, Action::Create, &step);
    add_change(&mut verdict, resource, &step, change.map(|change| Change { fields, origin, ..change }));
    let (spec, earlier) = (SmallValue::from(&normal::normal(rules, &shown)), context.earlier(resource));
    verdict.wanted = Some(WantedObject { spec, earlier, ..WantedObject::default() });
    verdict
}

fn existing<'a>(
    context: &PlanContext<'a>,
    ids: &ReferenceIds,
    resource: &Resource,
    (matched, seen): (&ObjectMatch<'a>, &Observed),
) -> ResourceVerdict<'a> {
    let mut verdict = ResourceVerdict::default();
    let (found, mark, adopted) = match matched {
        ObjectMatch::Owned(found, mark) | ObjectMatch::Moved(found, mark) => (*found, Some(*mark), false),
        ObjectMatch::Adopted(found) => (*found, found.mark.as_ref(), true),
        ObjectMatch::External(found) => (*found, None, false),
        ObjectMatch::None | ObjectMatch::Released(_) => return verdict,
    };
    let rules = resource.kind.rules();
    let spec = context.sealed(&resource.spec);
    let filled = references::fill(rules, &spec, &ids.planned);
    let want = normal::normal(rules, &filled);
    // Most manifests have neither secrets nor references: what is wanted is what they say.
    let hash = match (&spec, &filled) {
        (Cow::Borrowed(_), Cow::Borrowed(_)) => normal::identity_of_normal(rules, &want),
        _ => normal::identity(rules, &resource.spec),
    };
    let same_manifest = !adopted && mark.and_then(|m| m.rev.as_ref()).is_some_and(|r| r.hash == hash);
    let sealed = context.sealed(&seen.spec);
    let live = normal::normal(rules, &sealed);
    let (ignored, expired) = patterns(resource, context.input.today);
    let is_external = matches!(matched, ObjectMatch::External(_));
    let remove = unknown::removals(resource);
    let unknown = if is_external {
        UnknownMembers::default()
    } else {
        UnknownMembers::of(rules, &sealed, &context.supplied, &remove)
    };
    let comparing = Context {
        supplied: &context.supplied,
        ignored: &ignored,
        undeclared: if is_external {
            Undeclared::External
        } else if same_manifest {
            Undeclared::Keep
        } else {
            Undeclared::Remove
        },
    };
    let mut comparison = compare(rules, &want, &live, &comparing);
    let flags = if is_external { Vec::new() } else { flags_that_differ(resource, mark) };
    let has_new_secret = !same_manifest && !comparison.unseen.is_empty();
    let is_written = matches!(matched, ObjectMatch::Adopted(_) | ObjectMatch::Moved(..))
        || !flags.is_empty()
        || has_new_secret
        || !unknown.removed.is_empty();
    let with_object = |path: &Path| path.top().is_none_or(|member| !is_apart(rules, member));
    comparison.with_losses(is_written || comparison.differences.iter().any(|d| with_object(&d.path)));
    // Only for showing: what was a secret once is compared as the text that it is.
    for difference in &mut comparison.differences {
        if let (Some(to), Some(from)) = (&difference.to, &mut difference.from) {
            secrets::hide_replaced(to, from, &context.vault);
        }
    }
    let unseen = if same_manifest { &[][..] } else { &comparison.unseen[..] };
    let differs = !comparison.differences.is_empty() || !unseen.is_empty() || !unknown.removed.is_empty();
    let action = match matched {
        _ if comparison.differences.iter().any(|d| d.replaces) => Action::Replace,
        ObjectMatch::Adopted(_) => Action::Adopt,
        ObjectMatch::Moved(..) => Action::Move,
        _ if differs || !flags.is_empty() => Action::Update,
        _ => {
            let base = || baseline_of(context, ids, resource, mark, same_manifest);
            verdict.unchanged = true;
            verdict.kept = unknown.kept;
            note_kept(&mut verdict, resource, &comparison.kept, base, same_manifest);
            note_expired(&mut verdict, resource, &expired);
            return verdict;
        }
    };
    if action == Action::Replace && (resource.lifecycle.protect || mark.is_some_and(|m| m.protect)) {
        return ResourceVerdict::refused(refuse_replace(resource, &comparison));
    }
    if let Some(why) = context.unread.no_delete(resource.kind).filter(|_| action == Action::Replace) {
        let reason = format!("it would have to be replaced, and {why}");
        return ResourceVerdict::refused(Blocked::new(&resource.address, reason));
    }
    if let Some(blocked) = unknown::refuse(resource, action, &unknown) {
        return ResourceVerdict::refused(blocked);
    }
    let base = baseline_of(context, ids, resource, mark, same_manifest);
    let read = unknown.basis(&live);
    let basis = Basis { was: base.as_ref(), same_manifest, is_ours: is_external || !adopted && mark.is_some() };
    let sources = FieldSources { context, ids, resource };
    let mut fields = sources.fields(&comparison, unseen, &basis, &Sides { spec: &spec, want: &want, live: &live });
    fields.extend(flags.iter().map(|flag| sources.lifecycle_flag(flag)));
    let mut body = normal::without_nulls(rules, &rules.root, &filled);
    schema::graft_all(rules, &mut body, comparison.carried());
    let mut taken = Vec::new();
    if unknown.any && resource.kind.unknown_settings() == UnknownSettings::Replaced {
        let differences = &comparison.differences;
        taken = unknown::carry(rules, &sealed, &mut body, differences, &remove, &context.supplied);
    }
    unknown::add_fields(context, resource, &unknown, &taken, &mut fields);
    let unknown = unknown.taking(taken);
    verdict.kept.clone_from(&unknown.kept);
    let body = if is_external { body } else { context.marked(resource, body, hash) };
    let mut changed: Vec<Path> = comparison.differences.iter().map(|d| d.path.clone()).collect();
    changed.extend(unseen.iter().cloned());
    changed.extend(unknown.removed.iter().map(|m| m.path.clone()));
    if !flags.is_empty() || matches!(action, Action::Adopt | Action::Move) {
        changed.push(Path::default().key(resource.kind.mark().member()));
    }
    let verb = if action == Action::Replace { Verb::Create } else { Verb::Update };
    let step = Step { verb, live: Some(seen), body: &body, changed: &changed, now: context.input.now };
    verdict.loses_id = action == Action::Replace;
    note_kept(&mut verdict, resource, &comparison.kept, || base, same_manifest);
    note_expired(&mut verdict, resource, &expired);
    verdict.live = Some(found);
    let change = change(context, resource, action, &step).map(|change| Change {
        id: Some(seen.id.clone()),
        // The other actions name their object already.
        reason: found.mark.as_ref().filter(|_| adopted).map(|mark| format!("it belonged to {}", mark.owner)),
        moved_from: match matched {
            ObjectMatch::Moved(_, mark) => Some(mark.owner.address.clone()),
            _ => None,
        },
        fields,
        read: Some(read),
        ..change
    });
    if let (true, Ok(change)) = (adopted, &change) {
        verdict.blocked.extend(held::of_adoption(change));
    }
    add_change(&mut verdict, resource, &step, change);
    let earlier = context.earlier(resource);
    let (spec, live) = (SmallValue::from(&want), Some(SmallValue::from(&live)));
    verdict.wanted = Some(WantedObject { spec, ignored, live, unknown, remove, earlier });
    verdict
}

/// What a mark says of its object besides whose it is, and the manifest says otherwise.
fn flags_that_differ(resource: &Resource, mark: Option<&Mark>) -> Vec<LifecycleFlag> {
    let lifecycle = &resource.lifecycle;
    let flags = [
        LifecycleFlag {
            name: "protect",
            was: mark.is_some_and(|m| m.protect),
            wanted: lifecycle.protect,
            span: lifecycle.protect_span,
        },
        LifecycleFlag {
            name: "forceDestroy",
            was: mark.is_some_and(|m| m.force_destroy),
            wanted: lifecycle.force_destroy,
            span: lifecycle.force_destroy_span,
        },
    ];
    flags.into_iter().filter(|flag| flag.was != flag.wanted).collect()
}

/// The change of a resource: its calls and what they disrupt. Refused if its kind has no such call.
fn change(context: &PlanContext<'_>, resource: &Resource, action: Action, step: &Step<'_>) -> Result<Change, Blocked> {
    let kind = resource.kind;
    let delete = Step { verb: Verb::Delete, live: step.live, body: &Value::Null, changed: &[], now: step.now };
    let calls = if action == Action::Replace {
        let create = Step { verb: Verb::Create, live: None, body: step.body, changed: &[], now: step.now };
        kind.calls(&delete).and_then(|mut calls| {
            calls.extend(kind.calls(&create)?);
            Ok(calls)
        })
    } else {
        kind.calls(step)
    };
    let calls = calls.map_err(|unsupported| Blocked::new(&resource.address, unsupported.0))?;
    let mut impacts = kind.impact(if action == Action::Replace { &delete } else { step });
    impacts.extend(kind.run_now(step).map(|run| ImpactClass::StartsRun.says(run.what)));
    let (impacts, disrupts) = Impact::split(impacts);
    let is_whole = step.live.is_none() || action == Action::Replace;
    let is_added = |member: &&String| is_additive(step.body, member) && (is_whole || step.changes(member));
    let additive = kind.rules().moded().iter().filter(is_added).cloned().collect();
    Ok(Change {
        additive,
        title: title(resource, step).to_owned(),
        impacts,
        disrupts,
        next_run: kind.next_run(step),
        depends_on: resource.references.clone(),
        source: context.source(resource.span),
        calls: calls.into(),
        ..Change::new(resource.address.clone(), action)
    })
}

/// Adds a change and the guard that holds it, or why there is none.
fn add_change(
    verdict: &mut ResourceVerdict<'_>,
    resource: &Resource,
    step: &Step<'_>,
    change: Result<Change, Blocked>,
) {
    match change {
        Ok(change) => {
            verdict.blocked.extend(starts_at_once(resource, step));
            verdict.changes.push(change);
        }
        Err(blocked) => verdict.blocked.push(blocked),
    }
}

fn title<'v>(resource: &'v Resource, step: &Step<'v>) -> &'v str {
    step.body.get(resource.kind.title()).and_then(Value::as_str).unwrap_or(&resource.address.name)
}

/// The guard against what would begin at once and its manifest did not mean.
fn starts_at_once(resource: &Resource, step: &Step<'_>) -> Option<Blocked> {
    let run = resource.kind.run_now(step).filter(|run| !run.allowed)?;
    let reason = format!("{} {} {}", resource.kind.noun(), title(resource, step), run.what);
    let remedy = format!("{}, or `plumb apply --allow-run-now`", run.remedy);
    Some(Blocked { guard: Some(Guard::RunNow), ..Blocked::new(&resource.address, reason).with_remedy(remedy) })
}

/// What was let go stays so, although its manifest is still there.
fn released<'a>(resource: &Resource, found: &LiveObject) -> ResourceVerdict<'a> {
    let (noun, id) = (resource.kind.noun(), &found.seen.id);
    let message = format!(
        "{noun} {id} was released, and nothing is done to it although `adopt` names it: remove the manifest, or, to take \
         the {noun} over again, take `{}` off it",
        crate::kinds::mark::TAG_RELEASED
    );
    let mut verdict = ResourceVerdict::default();
    verdict.note(&resource.address, message);
    verdict
}

/// Names what is live, not declared, and kept.
fn note_kept(
    verdict: &mut ResourceVerdict<'_>,
    resource: &Resource,
    kept: &[KeptValue],
    base: impl FnOnce() -> Option<NormalBaseline>,
    same_manifest: bool,
) {
    let undeclared = |fixed: bool| {
        let is =
            move |k: &&KeptValue| k.because == KeepReason::Undeclared && (k.carry == Carry::UntilReplaced) == fixed;
        kept.iter().filter(is).map(|k| k.path.to_string()).collect::<Vec<_>>().join(", ")
    };
    let mut note = |what: &str, paths: String| {
        if !paths.is_empty() {
            verdict.note(&resource.address, format!("{what}: {paths}"));
        }
    };
    note("set live, not declared here, left alone", undeclared(false));
    note("set live, not declared here, and only a replacement could remove it", undeclared(true));
    if same_manifest || !kept.iter().any(|k| k.because == KeepReason::Chosen) {
        return;
    }
    // What the manifest set when the object was last written, and sets no more, and that stays: nobody can tell such a
    // value from one that the service chose.
    if let Some(base) = base() {
        let rules = resource.kind.rules();
        let had =
            |k: &&KeptValue| k.because == KeepReason::Chosen && schema::find(rules, &base.spec, &k.path).is_some();
        let list = |sticks: bool| {
            let is = move |k: &&KeptValue| (k.carry == Carry::Sticks) == sticks;
            kept.iter().filter(had).filter(is).map(|k| k.path.to_string()).collect::<Vec<_>>().join(", ")
        };
        note("no longer declared here, and kept, because the service may have chosen it", list(false));
        note("no longer declared here, and kept by the service, which leaves it as it was", list(true));
    }
    verdict.chosen = true;
}

fn note_expired(verdict: &mut ResourceVerdict<'_>, resource: &Resource, expired: &[String]) {
    for path in expired {
        let message = format!("the ignore rule for `{path}` has expired and no longer holds");
        verdict.note(&resource.address, message);
    }
}

fn refuse_replace(resource: &Resource, comparison: &Comparison) -> Blocked {
    let paths: Vec<String> = comparison.differences.iter().filter(|d| d.replaces).map(|d| d.path.to_string()).collect();
    let reason =
        format!("it is protected, and would have to be replaced: {} cannot be changed in place", paths.join(", "));
    Blocked::new(&resource.address, reason).with_remedy("set `metadata.lifecycle.protect: false` and apply that first")
}

/// The ignore rules that still hold, and the paths of those that do not.
fn patterns(resource: &Resource, today: jiff::civil::Date) -> (Vec<Pattern>, Vec<String>) {
    let (held, expired): (Vec<_>, Vec<_>) =
        resource.lifecycle.ignore.iter().partition(|rule| rule.until.is_none_or(|until| today <= until));
    (held.iter().map(|r| Pattern::parse(&r.path)).collect(), expired.iter().map(|r| r.path.clone()).collect())
}
