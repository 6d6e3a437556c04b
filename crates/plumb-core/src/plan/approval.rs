//! Whether a plan is what somebody approved.
//!
//! A change's digest names its whole effect (address, action, object, each field from and to, the workspace), and beside it
//! each class of what it disrupts has a digest, so a set of them says what may be done. A plan that has all of them or fewer
//! is covered; one more is not, be it a change or only that a cluster runs which did not. A plan's own digest alone cannot
//! tell less from more, so with nothing but that, a plan has to be the same, or empty.

pub use super::digest::is_digest;
use super::digest::{self, is_keyed};
use super::{Action, Change, DestroyedContents, Partial, Plan, PlanFormat};
use crate::kinds::ImpactClass;
use crate::manifest::read_json;
use plumb_model::address::Address;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What may be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Approval {
    /// Digests of whole plans: just such a plan is covered.
    pub plans: BTreeSet<String>,
    /// Digests of changes.
    pub changes: BTreeSet<String>,
    /// Digests of what they disrupt.
    pub impacts: BTreeSet<String>,
}

/// How a plan compares with what was approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApprovalVerdict {
    /// It is just that.
    Same,
    /// So many changes need no longer be made.
    Less(usize),
    /// These changes were not approved, or not with all that they disrupt now.
    More { changes: Vec<Address>, disrupts: Vec<(Address, ImpactClass)> },
    /// What was approved was named with the key and this plan is not, or the other way round: they cannot be compared.
    OtherKey(OtherKey),
}

/// That an approval and a plan cannot be compared, because only one of them was named with `PLUMB_APPROVAL_KEY`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OtherKey {
    #[error(
        "what was approved was named without PLUMB_APPROVAL_KEY, and this apply has that key: an approval made without it is \
         not believed"
    )]
    Missing,
    #[error("what was approved was named with PLUMB_APPROVAL_KEY, and that is not set here")]
    Unset,
}

impl OtherKey {
    /// Whether a digest that was approved and one of now cannot be compared.
    pub fn between(approved: &str, now: &str) -> Option<OtherKey> {
        match (is_keyed(approved), is_keyed(now)) {
            (false, true) => Some(OtherKey::Missing),
            (true, false) => Some(OtherKey::Unset),
            _ => None,
        }
    }
}

impl Approval {
    /// Of one plan, by its digest.
    pub fn of_digest(digest: &str) -> Approval {
        Approval { plans: BTreeSet::from([digest.to_owned()]), ..Approval::default() }
    }

    /// Of a plan.
    pub fn of(plan: &Plan) -> Approval {
        Self::of_digest(&plan.digest).with(plan.changes.iter().map(|c| (c.digest.as_str(), &c.disrupts)))
    }

    /// Of a plan that was saved.
    pub fn of_saved(saved: &Saved) -> Approval {
        Self::of_digest(&saved.digest).with(saved.changes.values().map(|c| (c.digest.as_str(), &c.disrupts)))
    }

    fn with<'a>(mut self, changes: impl Iterator<Item = (&'a str, &'a BTreeSet<ImpactClass>)>) -> Approval {
        for (digest, classes) in changes {
            self.impacts.extend(classes.iter().map(|class| digest::of_impact(digest, *class)));
            self.changes.insert(digest.to_owned());
        }
        self
    }

    /// Adds what somebody else approved.
    pub fn and(mut self, other: Approval) -> Approval {
        self.plans.extend(other.plans);
        self.changes.extend(other.changes);
        self.impacts.extend(other.impacts);
        self
    }

    /// Whether it covers a plan.
    pub fn covers(&self, plan: &Plan) -> ApprovalVerdict {
        if self.plans.contains(&plan.digest) {
            return ApprovalVerdict::Same;
        }
        let (mut changes, mut disrupts) = (Vec::new(), Vec::new());
        for change in &plan.changes {
            let is_new = |class: &&ImpactClass| !self.impacts.contains(&digest::of_impact(&change.digest, **class));
            let known = self.changes.contains(&change.digest);
            let new: Vec<ImpactClass> = change.disrupts.iter().filter(is_new).filter(|_| known).copied().collect();
            if !known || !new.is_empty() {
                changes.push(change.address.clone());
            }
            disrupts.extend(new.into_iter().map(|class| (change.address.clone(), class)));
        }
        if changes.is_empty() {
            return ApprovalVerdict::Less(self.changes.len().saturating_sub(plan.changes.len()));
        }
        match self.plans.iter().find_map(|approved| OtherKey::between(approved, &plan.digest)) {
            Some(other) => ApprovalVerdict::OtherKey(other),
            None => ApprovalVerdict::More { changes, disrupts },
        }
    }
}

/// A plan that was saved as JSON. Of its calls nothing is read: what is carried out is decided again, so a file that somebody
/// edited can only allow less, or what plumb itself decides now.
#[derive(Clone, Debug)]
pub struct Saved {
    pub project: String,
    pub target: String,
    pub digest: String,
    /// The workspace that was read.
    pub workspace: Option<String>,
    /// What it is of, when it is not of every manifest.
    pub partial: Option<Partial>,
    /// The commit that it was made at.
    pub head: Option<String>,
    pub changes: BTreeMap<Address, SavedChange>,
}

/// What is kept of a saved change.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct SavedChange {
    pub address: Address,
    pub action: String,
    pub digest: String,
    /// What it disrupted then.
    #[serde(default)]
    pub disrupts: BTreeSet<ImpactClass>,
    /// What went with its object then.
    #[serde(default)]
    pub contents: Option<DestroyedContents>,
    /// The hash of what was read of the live object.
    #[serde(default)]
    pub read: Option<String>,
    #[serde(default)]
    fields: Vec<SavedField>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct SavedField {
    path: String,
    #[serde(default)]
    from: Option<Value>,
    #[serde(default)]
    to: Option<Value>,
}

#[derive(Deserialize)]
struct File {
    project: String,
    target: String,
    #[serde(default)]
    workspace: Option<String>,
    #[serde(default)]
    partial: Option<Partial>,
    digest: String,
    #[serde(default)]
    head: Option<String>,
    changes: Vec<SavedChange>,
}

impl Saved {
    /// Reads the JSON of `plumb plan --output json`.
    pub fn parse(text: &str) -> Result<Saved, String> {
        let json: Value =
            read_json(text).map_err(|e| format!("{e}; save a plan with `plumb plan --output json --out FILE`"))?;
        let format = json.get("format").and_then(Value::as_str).unwrap_or("none");
        let known = serde_json::to_value(PlanFormat::V1).unwrap_or_default();
        if known != format {
            let known = known.as_str().unwrap_or_default();
            return Err(format!("its `format` is not `{known}`, which this plumb reads: make the plan again"));
        }
        let file: File = read_json(text).map_err(|e| format!("it is not a whole plan: {e}"))?;
        let changes: BTreeMap<Address, SavedChange> =
            file.changes.into_iter().map(|change| (change.address.clone(), change)).collect();
        let parts = changes.values().map(|c| (&c.address, c.digest.as_str(), &c.disrupts));
        let keyed = is_keyed(&file.digest);
        let (workspace, partial) = (file.workspace.as_deref(), file.partial.as_ref());
        let digest = digest::of_parts(&file.project, &file.target, workspace, partial, keyed, parts);
        if digest != file.digest || changes.values().any(|c| !is_digest(&c.digest) || is_keyed(&c.digest) != keyed) {
            return Err(
                "its digest is not that of its changes: it was edited or is damaged; make the plan again".into()
            );
        }
        let File { project, target, workspace, partial, digest, head, .. } = file;
        Ok(Saved { project, target, workspace, partial, digest, head, changes })
    }
}

/// What becomes of a plan when only what was saved may be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeptChanges {
    /// Changes that were saved and are not what they were, with what differs.
    pub stale: Vec<(Address, Vec<String>)>,
    /// Saved changes that need no longer be made.
    pub gone: Vec<Address>,
    /// Changes that were not saved and are left undone.
    pub new: Vec<Address>,
    /// Changes that have to wait for one of the others.
    pub held: Vec<(Address, Address)>,
}

/// Leaves of a plan just what was saved and is still so.
pub fn keep(plan: &mut Plan, saved: &Saved) -> KeptChanges {
    let mut kept = KeptChanges::default();
    let planned: BTreeSet<&Address> = plan.changes.iter().map(|c| &c.address).collect();
    let blocked: BTreeSet<&Address> = plan.blocked.iter().filter_map(|b| b.address.as_ref()).collect();
    let is_gone = |a: &&Address| !planned.contains(a) && !blocked.contains(a);
    kept.gone = saved.changes.keys().filter(is_gone).cloned().collect();
    let mut out = BTreeSet::new();
    for change in &plan.changes {
        match saved.changes.get(&change.address) {
            None => kept.new.push(change.address.clone()),
            Some(before) => {
                let differences = differences(before, change);
                if differences.is_empty() {
                    continue;
                }
                kept.stale.push((change.address.clone(), differences));
            }
        }
        out.insert(change.address.clone());
    }
    loop {
        let waits = |c: &Change| c.depends_on.iter().find(|a| out.contains(*a)).cloned();
        let held: Vec<(Address, Address)> = plan
            .changes
            .iter()
            .filter(|c| !out.contains(&c.address))
            .filter_map(|c| Some((c.address.clone(), waits(c)?)))
            .collect();
        if held.is_empty() {
            break;
        }
        out.extend(held.iter().map(|(address, _)| address.clone()));
        kept.held.extend(held);
    }
    plan.changes.retain(|c| !out.contains(&c.address));
    // What is refused of others is no part of what was saved.
    plan.blocked.retain(|b| b.address.as_ref().is_none_or(|a| saved.changes.contains_key(a)));
    plan.digest = digest::of_plan(plan, is_keyed(&plan.digest));
    kept
}

/// What a change does otherwise than it did.
fn differences(before: &SavedChange, now: &Change) -> Vec<String> {
    let disrupts: Vec<String> = now.disrupts.difference(&before.disrupts).map(|class| format!("`{class}`")).collect();
    if before.digest == now.digest && before.read == now.shown_read && disrupts.is_empty() {
        return Vec::new();
    }
    let mut said = Vec::new();
    if !disrupts.is_empty() {
        said.push(format!("it would disrupt what it did not when the plan was made: {}", disrupts.join(", ")));
    }
    let nothing = DestroyedContents::default();
    let (held, holds) = (before.contents.as_ref().unwrap_or(&nothing), now.contents.as_ref().unwrap_or(&nothing));
    if held != holds {
        let says = |contents: &DestroyedContents| {
            if contents.counts.is_empty() { "nothing".to_owned() } else { contents.says() }
        };
        said.push(format!("it would destroy {}, in the plan {}", says(holds), says(held)));
    }
    let action = name(now.action);
    if before.action != action {
        said.push(format!("the plan was to {}, now it is to {action}", before.action));
    }
    let value = |value: &Option<Value>| value.as_ref().map_or_else(|| "nothing".to_owned(), short);
    let line = |from: &Option<Value>, to: &Option<Value>| format!("{} -> {}", value(from), value(to));
    for field in &now.fields {
        match before.fields.iter().find(|f| f.path == field.path) {
            None => said.push(format!("{}: {}, not in the plan", field.path, line(&field.from, &field.to))),
            Some(was) if (&was.from, &was.to) != (&field.from, &field.to) => {
                let (was, is) = (line(&was.from, &was.to), line(&field.from, &field.to));
                said.push(format!("{}: planned {was}, now {is}", field.path));
            }
            Some(_) => {}
        }
    }
    let left = before.fields.iter().filter(|f| now.fields.iter().all(|n| n.path != f.path));
    said.extend(left.map(|f| format!("{}: planned {}, now as wanted", f.path, line(&f.from, &f.to))));
    if said.is_empty() {
        let what = if before.digest == now.digest {
            "what was read of it is not what is live now, in a field that the plan does not change"
        } else {
            // A secret shows no value, or the object is another one, or in another workspace.
            "a secret, the object's id or the workspace is another one"
        };
        said.push(what.to_owned());
    }
    said
}

fn name(action: Action) -> String {
    serde_json::to_value(action).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

fn short(value: &Value) -> String {
    const LONGEST: usize = 80;
    let text = value.to_string();
    if text.chars().count() <= LONGEST { text } else { text.chars().take(LONGEST).chain(['…']).collect() }
}

#[cfg(test)]
#[path = "approval_tests.rs"]
mod tests;
