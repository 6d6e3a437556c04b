//! What deletes and replacements would destroy besides their objects: the tables of a schema, the files of a volume.
//!
//! Data is no part of a manifest, so nothing could bring it back. An object that holds some is deleted only where its live mark
//! says `forceDestroy`: the manifest is gone by then, and what it says now nobody applied. What the same plan deletes before it
//! is not counted. What could not be looked into is not deleted.

use super::context::PlanContext;
use super::live::LiveObject;
use super::verdict::Collected;
use super::{Action, Blocked, Calls, Change};
use crate::kinds::contents::DESTROYS_DATA;
use crate::kinds::{self, Contained, Contents, ImpactClass, Kind, Observed, Step, Verb};
use plumb_model::address::Address;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// How many things a sentence names.
const MOST_NAMES: usize = 3;
/// How many things a plan's JSON names.
const MOST_LISTED: usize = 20;

/// What deleting an object destroys with it, where it was looked into. What the plan deletes by itself before is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DestroyedContents {
    /// How many of each sort: `{"table": 3, "volume": 1}`. Empty: it holds nothing.
    pub counts: BTreeMap<String, usize>,
    /// Whether there may be more than that: a long listing is not read to its end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub at_least: bool,
    /// The first of them by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// A hash of them all.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hash: String,
}

impl DestroyedContents {
    fn of(things: &[&Contained], is_more: bool) -> DestroyedContents {
        if things.is_empty() {
            return DestroyedContents::default();
        }
        let all: Vec<Value> = things.iter().map(|thing| json!([thing.noun, thing.id])).collect();
        DestroyedContents {
            counts: tally(things).into_iter().map(|(noun, count)| (noun.to_owned(), count)).collect(),
            at_least: is_more,
            names: things.iter().take(MOST_LISTED).map(|thing| thing.id.clone()).collect(),
            hash: super::normal::hash(&json!([all, is_more])),
        }
    }

    /// In words: "3 tables and 1 volume (main.sales.orders, …)".
    pub fn says(&self) -> String {
        let counts = self.counts.iter().map(|(noun, count)| (noun.as_str(), *count));
        let total: usize = self.counts.values().sum();
        said(counts, self.at_least, self.names.iter().map(String::as_str), total)
    }

    /// What names it in a digest: an approval is of just these things.
    pub(super) fn named(&self) -> Option<Value> {
        (!self.counts.is_empty()).then(|| json!(["destroys", self.hash]))
    }
}

/// How many there are of each noun.
fn tally<'t>(things: &[&'t Contained]) -> BTreeMap<&'t str, usize> {
    let mut counts = BTreeMap::new();
    things.iter().for_each(|thing| *counts.entry(thing.noun).or_default() += 1);
    counts
}

/// Things in words, counted by noun and a few of them named: "3 tables and 1 volume (main.sales.orders, …)".
pub fn in_words(things: &[&Contained], is_more: bool) -> String {
    said(tally(things), is_more, things.iter().map(|thing| thing.id.as_str()), things.len())
}

fn said<'t>(
    counts: impl IntoIterator<Item = (&'t str, usize)>,
    is_more: bool,
    names: impl Iterator<Item = &'t str>,
    total: usize,
) -> String {
    let counts: Vec<String> = counts.into_iter().map(|(noun, count)| counted(noun, count)).collect();
    let mut said = match counts.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => counts.concat(),
    };
    if is_more {
        said.insert_str(0, "at least ");
    }
    let mut names: Vec<&str> = names.take(MOST_NAMES).collect();
    if total > names.len() || is_more {
        names.push("…");
    }
    format!("{said} ({})", names.join(", "))
}

/// `3 tables`, `1 directory`, `1,000 files`.
fn counted(noun: &str, count: usize) -> String {
    let digits = count.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|part| std::str::from_utf8(part).ok()).collect();
    let noun = match noun.strip_suffix('y') {
        _ if count == 1 => noun.to_owned(),
        Some(stem) => format!("{stem}ies"),
        None => format!("{noun}s"),
    };
    format!("{} {noun}", groups.join(","))
}

/// The objects that a plan deletes, by kind and id.
pub type Deleted = BTreeSet<(String, String)>;

/// The objects that these changes delete. What is replaced is none of them: its data goes, and nobody said that it may.
pub fn deleted<'c>(changes: impl IntoIterator<Item = &'c Change>) -> Deleted {
    let deletes = changes.into_iter().filter(|change| change.action == Action::Delete);
    deletes.filter_map(|change| Some((change.address.kind.clone(), change.id.clone()?))).collect()
}

fn is_in(thing: &Contained, deleted: &Deleted) -> bool {
    thing.kind.is_some_and(|kind| deleted.contains(&(kind.to_owned(), thing.id.clone())))
}

/// What speaks against deleting an object as it is found just before: a line each, none if it may be. `before` is what the plan
/// knew, `deleted` what the same plan deletes first, `is_forced` whether its mark says that data may go.
pub fn appeared(before: &Contents, now: (&[Contained], bool), deleted: &Deleted, is_forced: bool) -> Vec<String> {
    let (things, is_more) = now;
    let left: Vec<&Contained> = things.iter().filter(|thing| !is_in(thing, deleted)).collect();
    let known: BTreeSet<&Contained> = match before {
        Contents::Known { things, .. } => things.iter().collect(),
        Contents::Unasked | Contents::Unknown(_) => BTreeSet::new(),
    };
    let new: Vec<&Contained> = left.iter().copied().filter(|thing| !known.contains(thing)).collect();
    if !new.is_empty() {
        let when = if *before == Contents::Unasked { "which the plan did not look for" } else { "new since the plan" };
        return vec![format!("it holds {}, {when}", in_words(&new, is_more))];
    }
    if !left.is_empty() && !is_forced {
        return vec![format!("it holds {}, and its mark does not say that they may go", in_words(&left, is_more))];
    }
    Vec::new()
}

/// A delete or a replacement of an object that was looked into.
struct Holder<'p> {
    change: &'p Change,
    kind: &'static dyn Kind,
    live: &'p LiveObject,
    contents: &'p Contents,
    now: jiff::Timestamp,
    /// Whether the live mark lets its data go, and the manifest too where there is one.
    is_forced: bool,
}

/// Refuses what would destroy data that nobody let go, and says of the rest what goes.
pub(super) fn decide(context: &PlanContext<'_>, all: &mut Collected<'_>) {
    let holders: Vec<Holder<'_>> = all.changes.iter().filter_map(|change| holder(context, all, change)).collect();
    if holders.is_empty() {
        return;
    }
    let manifests = owners(all);
    let mut refused: BTreeMap<Address, Blocked> = BTreeMap::new();
    let deleted = loop {
        let deleted = deleted(all.changes.iter().filter(|change| !refused.contains_key(&change.address)));
        let before = refused.len();
        for holder in holders.iter().filter(|holder| !refused.contains_key(&holder.change.address)).collect::<Vec<_>>()
        {
            if let Some(blocked) = refuse(context, &manifests, holder, &deleted) {
                refused.insert(holder.change.address.clone(), blocked);
            }
        }
        // What is refused stays in what holds it, so that may have to stay too.
        if refused.len() == before {
            break deleted;
        }
    };
    let addresses: BTreeMap<(&str, &str), &Address> = all
        .changes
        .iter()
        .filter(|change| change.action == Action::Delete)
        .filter_map(|change| Some(((change.address.kind.as_str(), change.id.as_deref()?), &change.address)))
        .collect();
    let allowed = holders.iter().filter(|holder| !refused.contains_key(&holder.change.address));
    let told: BTreeMap<Address, ForcedDelete> =
        allowed.filter_map(|h| Some((h.change.address.clone(), ForcedDelete::of(h, &deleted, &addresses)?))).collect();
    for change in &mut all.changes {
        if let Some(told) = told.get(&change.address) {
            told.add_to(change);
        }
    }
    all.hold(refused);
}

fn holder<'p>(context: &PlanContext<'_>, all: &'p Collected<'_>, change: &'p Change) -> Option<Holder<'p>> {
    if !matches!(change.action, Action::Delete | Action::Replace) {
        return None;
    }
    let (kind, live) = (kinds::find(&change.address.kind)?, *all.touched.get(&change.address)?);
    // Where nobody asked, an apply does before it deletes.
    if live.seen.contents == Contents::Unasked {
        return None;
    }
    let manifest = context.lookup.resource(&change.address).filter(|_| change.action == Action::Replace);
    let is_forced = is_own(context, live)
        && live.mark.as_ref().is_some_and(|mark| mark.force_destroy)
        && manifest.is_none_or(|resource| resource.lifecycle.force_destroy);
    let now = context.input.now;
    Some(Holder { change, kind, live, contents: &live.seen.contents, now, is_forced })
}

fn is_own(context: &PlanContext<'_>, live: &LiveObject) -> bool {
    let desired = context.input.desired;
    let owner = live.mark.as_ref().map(|mark| &mark.owner);
    owner.is_some_and(|owner| owner.project == desired.project.name && owner.target == desired.mark_target())
}

/// The resources that live objects belong to, by kind and id.
fn owners(all: &Collected<'_>) -> BTreeMap<(String, String), Address> {
    let ids = all.ids.live.iter();
    ids.map(|(address, id)| ((address.kind.clone(), id.clone()), address.clone())).collect()
}

/// Why an object is not deleted or replaced with what it holds.
fn refuse(
    context: &PlanContext<'_>,
    owners: &BTreeMap<(String, String), Address>,
    holder: &Holder<'_>,
    deleted: &Deleted,
) -> Option<Blocked> {
    let Holder { change, kind, contents, is_forced, .. } = holder;
    let address = &change.address;
    let whose = format!("{} {}", kind.noun(), change.id.as_deref().unwrap_or_default());
    let (because, that) = if change.action == Action::Replace {
        (format!("{}, and ", why_replaced(change)), "that")
    } else {
        (String::new(), "a delete")
    };
    let (things, is_more) = match contents {
        Contents::Unasked => return None,
        Contents::Unknown(why) => {
            let reason = format!("{because}what is in {whose} cannot be told: {why}");
            let remedy = format!("let plumb read it, and plan again; or `plumb release {address}`");
            return Some(Blocked::new(address, reason).with_remedy(remedy));
        }
        Contents::Known { things, is_more } => (things, *is_more),
    };
    let left: Vec<&Contained> = things.iter().filter(|thing| !is_in(thing, deleted)).collect();
    if let Some((thing, (why, first))) = left.iter().find_map(|thing| Some((thing, belongs(context, owners, thing)?))) {
        let reason = format!("{because}{whose} holds {} {}, {why}: {that} would destroy it", thing.noun, thing.id);
        let remedy = if change.action == Action::Replace {
            keep_it(change)
        } else {
            format!("{first}; or `plumb release {address}`")
        };
        return Some(Blocked::new(address, reason).with_remedy(remedy));
    }
    if left.is_empty() || *is_forced {
        return None;
    }
    let reason = format!("{because}{whose} holds {}, which {that} would destroy", in_words(&left, is_more));
    let remedy = if change.action == Action::Replace {
        let force = "apply `metadata.lifecycle.forceDestroy: true` by itself, and change it then";
        format!("{}; or empty it; or {force}", keep_it(change))
    } else {
        let force = "bring the manifest back with `lifecycle.forceDestroy: true`, apply, and remove it then";
        format!("{force}; or empty it; or `plumb release {address}`")
    };
    Some(Blocked::new(address, reason).with_remedy(remedy))
}

fn replacing(change: &Change) -> String {
    let fields = change.fields.iter().filter(|field| field.replaces);
    fields.map(|field| field.path.clone()).collect::<Vec<_>>().join(", ")
}

fn why_replaced(change: &Change) -> String {
    format!("it would have to be replaced, because {} cannot be changed in place", replacing(change))
}

fn keep_it(change: &Change) -> String {
    format!("to keep the data, take the change of {} back, or move it to a new object first", replacing(change))
}

/// Why a thing may not go, whatever the mark of what holds it says: somebody manages it. And what to do about that.
fn belongs(
    context: &PlanContext<'_>,
    owners: &BTreeMap<(String, String), Address>,
    thing: &Contained,
) -> Option<(String, &'static str)> {
    let kind = thing.kind?;
    if let Some(owner) = owners.get(&(kind.to_owned(), thing.id.clone())) {
        return Some(if context.declares(owner) {
            (format!("which the manifest of {owner} asks for"), "remove that manifest too")
        } else {
            (format!("which is {owner} and is not deleted itself"), "see first why that is")
        });
    }
    let live = context.input.live.of(kind).iter().find(|found| found.seen.id == thing.id)?;
    let owner = &live.mark.as_ref()?.owner;
    Some((format!("which belongs to {owner}"), "have it released or deleted there first"))
}

/// What is said of a delete that goes ahead.
struct ForcedDelete {
    contents: DestroyedContents,
    says: String,
    /// The deletes of what it holds.
    after: Vec<Address>,
    /// Its calls, where they have to say that data goes.
    calls: Option<Calls>,
}

impl ForcedDelete {
    fn of(
        holder: &Holder<'_>,
        deleted: &Deleted,
        addresses: &BTreeMap<(&str, &str), &Address>,
    ) -> Option<ForcedDelete> {
        let Contents::Known { things, is_more } = holder.contents else { return None };
        let left: Vec<&Contained> = things.iter().filter(|thing| !is_in(thing, deleted)).collect();
        let first = things.iter().filter(|thing| is_in(thing, deleted));
        let after: Vec<Address> =
            first.filter_map(|thing| addresses.get(&(thing.kind?, thing.id.as_str()))).map(|a| (*a).clone()).collect();
        let says = match (left.is_empty(), after.is_empty()) {
            (true, true) => holder.kind.is_empty_says().to_owned(),
            (true, false) => "it is empty once what it holds is deleted".to_owned(),
            (false, _) => format!("destroys {}", in_words(&left, *is_more)),
        };
        let calls = (!left.is_empty()).then(|| forced(holder)).flatten();
        Some(ForcedDelete { contents: DestroyedContents::of(&left, *is_more), says, after, calls })
    }

    fn add_to(&self, change: &mut Change) {
        if !self.contents.counts.is_empty() {
            change.disrupts.insert(ImpactClass::LosesData);
            change.impacts.insert(0, self.says.clone());
        } else {
            let reason = change.reason.take().map(|reason| format!("{reason}; ")).unwrap_or_default();
            change.reason = Some(format!("{reason}{}", self.says));
        }
        change.contents = Some(self.contents.clone());
        change.depends_on.extend(self.after.iter().cloned());
        if let Some(calls) = &self.calls {
            change.calls.clone_from(calls);
        }
    }
}

/// The calls of a delete that is to destroy data: some services refuse it unless it says so. All others are sent without: the
/// service still refuses what comes in at the last moment.
fn forced(holder: &Holder<'_>) -> Option<Calls> {
    let mut seen = holder.live.seen.whole();
    let calls = |seen: &Observed| {
        let step = Step { verb: Verb::Delete, live: Some(seen), body: &Value::Null, changed: &[], now: holder.now };
        holder.kind.calls(&step).ok()
    };
    let plain = calls(&seen)?;
    if !seen.facts.is_object() {
        seen.facts = json!({});
    }
    seen.facts[DESTROYS_DATA] = json!(true);
    // A replacement goes on with the calls that create.
    let all = calls(&seen)?.into_iter().chain(holder.change.calls.iter().skip(plain.len()));
    Some(all.collect::<Vec<_>>().into())
}

#[cfg(test)]
#[path = "contents_tests.rs"]
mod tests;
