//! The stages of a teardown in words: what is done next and why, which tags a plan shows, what is lost.

use super::{PendingTeardown, Stage, TagReason, TeardownDecision, TeardownStep};
use crate::kinds::old::{Old, TAG_NOT_BEFORE};
use crate::kinds::teardown::{TeardownKind, TeardownManifest};
use crate::kinds::{Impact, ImpactClass};
use plumb_model::address::Address;
use serde_json::Value;

/// The tags that a plan shows.
const SHOWN: [&str; 2] = ["plumb", TAG_NOT_BEFORE];

/// A tag that a plan shows: what it was, and what it becomes.
pub struct ShownTag<'a> {
    pub name: &'a str,
    pub from: Option<Value>,
    pub to: Option<Value>,
    /// The member of the manifest's spec that asks for it.
    pub asked_by: &'static str,
}

/// The address of one thing that a manifest matches: `EmrCluster/legacy-audience/j-2A7Q4M1N9KPLF`.
pub fn address_of(manifest: &Address, id: &str) -> Address {
    Address { kind: manifest.kind.clone(), name: format!("{}/{id}", manifest.name) }
}

/// What of written tags is shown. When, by whom and at which commit it is marked is no part of what is approved: it is true
/// when it is done.
pub fn shown<'a>(tags: &'a Value, old: &'a Old) -> impl Iterator<Item = ShownTag<'a>> {
    let shown = tags.as_object().into_iter().flatten().filter(|(name, _)| SHOWN.contains(&name.as_str()));
    let tag = |(name, to): (&'a String, &Value)| ShownTag {
        name,
        from: old.tags.get(name).map(|text| Value::from(text.as_str())),
        to: Some(to.clone()).filter(|to| !to.is_null()),
        asked_by: if name == TAG_NOT_BEFORE { "teardown.notBefore" } else { "desired" },
    };
    shown.map(tag).filter(|tag| tag.from != tag.to)
}

/// Why tags are written. `back` says that the thing came back.
pub fn reason(because: TagReason, doubt: Option<&str>, back: Option<&str>) -> String {
    match because {
        TagReason::Kept => "its manifest says `desired: keep`".to_owned(),
        TagReason::Foreign => {
            let why = doubt.or(back).unwrap_or("its mark does not count");
            format!("{why}; its grace period starts again")
        }
        TagReason::Amended => "what its mark says is no longer so".to_owned(),
        TagReason::Marked => match doubt.or(back) {
            Some(back) => format!("returned: {back}"),
            None => "its manifest says `desired: teardown`".to_owned(),
        },
    }
}

/// What the end of a thing costs.
pub fn impacts(kind: &dyn TeardownKind, old: &Old) -> Vec<Impact> {
    let lifts = ImpactClass::LiftsProtection.says("its termination protection is taken off first");
    old.protected.then_some(lifts).into_iter().chain([kind.loses()]).collect()
}

/// A thing whose teardown waits, and for what.
pub fn pending(
    manifest: &Address,
    teardown: &TeardownManifest,
    old: &Old,
    decision: TeardownDecision,
    returned: Option<String>,
) -> PendingTeardown {
    let TeardownDecision { stage, gates, next, doubt, .. } = decision;
    let ending = teardown.kind.ending();
    let next = match (next, stage) {
        (TeardownStep::Tag { because: TagReason::Foreign, .. }, _) => "it is marked again, and nothing else".to_owned(),
        (TeardownStep::Tag { .. }, Stage::Active) => "it is marked, and nothing else".to_owned(),
        (TeardownStep::Tag { .. }, _) => "its mark is corrected, and nothing else".to_owned(),
        (TeardownStep::End, _) => format!("it is {}", ending.done()),
        (TeardownStep::Nothing, Stage::Due) => format!("`plumb apply --allow-teardown` {}s it", ending.verb()),
        (TeardownStep::Nothing, _) if doubt.is_some() => "it waits until its mark can be believed".to_owned(),
        (TeardownStep::Nothing, _) => {
            let open = gates.iter().filter(|gate| !gate.holds).count();
            format!("it waits for {open} of {} gates", gates.len())
        }
    };
    PendingTeardown {
        address: address_of(manifest, &old.id),
        id: old.id.clone(),
        title: old.name.clone(),
        state: Some(old.state.clone()).filter(|state| !state.is_empty()),
        stage,
        gates,
        next,
        returned,
    }
}
