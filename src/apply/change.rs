//! Carrying out one change.

use super::send::{self, Stands};
use super::{Ended, Shared, code, contents, cutover, teardown, verify};
use crate::observe;
use crate::services;
use plumb_core::kinds::{Kind, Role};
use plumb_core::manifest::KeptSpec;
use plumb_core::plan::compare::{Comparison, Context, Difference, Undeclared, compare};
use plumb_core::plan::unknown::UnknownMembers;
use plumb_core::plan::{Action, Change, Earlier, LiveObject, normal, secrets};
use plumb_model::call::{ServiceError, System};
use plumb_model::schema;
use plumb_model::secrets::Vault;
use serde_json::{Value, json};
use std::sync::Arc;

/// What came of a change.
pub(super) enum CarriedOut {
    Ended(Ended),
    /// Every call was accepted. What came of it is looked at later, with others: see [`verify`].
    Written {
        id: String,
    },
}

/// Carries out the change of that index: looks whether it is still what was decided on, sends its calls, and looks what
/// came of them unless that is done for many at once.
pub(super) async fn run(shared: &Arc<Shared>, index: usize) -> CarriedOut {
    let change = &shared.decision.plan.changes[index];
    if let Some(calls) = &change.cutover {
        return CarriedOut::Ended(cutover::run(shared, change, calls).await);
    }
    if let Some(step) = &change.code {
        return CarriedOut::Ended(code::run(shared, index, step).await);
    }
    let Some(kind) = plumb_core::kinds::find(&change.address.kind) else {
        let why = format!("no kind is called {}", change.address.kind);
        return CarriedOut::Ended(Ended::Failed { why, sent: Vec::new() });
    };
    match still_as_read(shared, change, kind).await {
        Ok(None) => {}
        Ok(Some(ended)) => return CarriedOut::Ended(ended),
        Err(why) => return CarriedOut::Ended(Ended::Failed { why: shared.shown(&why), sent: Vec::new() }),
    }
    let mut sent = Vec::new();
    let mut id = change.id.clone();
    for call in change.calls.iter() {
        match send::call(shared, change, kind, &call, id.as_deref()).await {
            Ok(carried) => {
                if let Some(made) = carried.made {
                    shared.ids().insert(change.address.clone(), made.clone());
                    id = Some(made);
                }
                sent.extend(carried.effect.then(|| call.line()));
            }
            Err(failed) => {
                sent.extend((failed.call == Stands::Done).then(|| call.line()));
                let why = shared.shown(&failed.why);
                return CarriedOut::Ended(match failed.call {
                    Stands::NotKnown => Ended::Unknown { why, sent },
                    Stands::NotDone | Stands::Done => Ended::Failed { why, sent },
                });
            }
        }
    }
    let is_to_be_read = !matches!(change.action, Action::Delete | Action::Release);
    match id {
        Some(id) if is_to_be_read && shared.wanted(&change.address).is_some() => {
            if shared.pages.contains_key(kind.name()) {
                return CarriedOut::Written { id };
            }
            CarriedOut::Ended(verify::alone(shared, change, kind, id).await.0)
        }
        id => CarriedOut::Ended(Ended::Done { id, left: Vec::new(), unverified: None }),
    }
}

/// Compares what the plan read with what is live now. `None`: go on.
async fn still_as_read(shared: &Shared, change: &Change, kind: &'static dyn Kind) -> Result<Option<Ended>, String> {
    let (Some(id), Some(read)) = (&change.id, &change.read) else { return Ok(None) };
    let Some(found) = read_again(shared, change, kind, id).await.map_err(|e| e.to_string())? else {
        return Ok(Some(match change.action {
            Action::Delete | Action::Terminate => {
                Ended::Done { id: Some(id.clone()), left: Vec::new(), unverified: None }
            }
            _ => Ended::Stale { differences: vec![format!("{} {id} is gone", kind.noun())], sent: Vec::new() },
        }));
    };
    if kind.role() == Role::Teardown {
        return Ok(teardown::stale(change, &found, read));
    }
    match differs(shared, change, kind, &found, read) {
        None => contents::still_as_known(shared, change, kind, &found).await,
        ended => Ok(ended),
    }
}

/// What is otherwise about a live object than the plan read it.
fn differs(shared: &Shared, change: &Change, kind: &dyn Kind, found: &LiveObject, read: &str) -> Option<Ended> {
    let (live, unknown) = live_form(shared, kind, change, found);
    if unknown.basis(&live) == *read {
        return None;
    }
    // The calls have these settings as they were.
    let differences = shared.wanted(&change.address).map(|w| unknown.since(&w.unknown)).unwrap_or_default();
    if !differences.is_empty() {
        return Some(Ended::Stale { differences, sent: Vec::new() });
    }
    let before = shared.wanted(&change.address).and_then(|w| w.live.as_ref()).map(|live| live.value().into_owned());
    let before = before.unwrap_or_default();
    if before == live {
        return None;
    }
    let wanted = shared.wanted(&change.address).map(|w| w.spec.value().into_owned()).unwrap_or_default();
    let changed = comparison(shared, kind, &before, &live, &[], Undeclared::Remove);
    // Airflow has read a file meanwhile, or somebody else did what is wanted: there, nothing would be overwritten.
    // But not what the service may have chosen or somebody set beside it: the write would put back what was read.
    let is_set_anew = !changed.kept.is_empty();
    if change.action == Action::Update && !changed.differences.is_empty() && !is_set_anew {
        let open = comparison(shared, kind, &wanted, &live, &[], Undeclared::Remove);
        let is_open = |d: &Difference| open.differences.iter().any(|o| o.path.is_in(&d.path) || d.path.is_in(&o.path));
        if !changed.differences.iter().any(is_open) {
            return None;
        }
    }
    let earlier = shared.wanted(&change.address).map(|w| w.earlier.clone()).unwrap_or_default();
    let mut differences = lines(kind, &wanted, &earlier, &changed, ("it was", "it is now"));
    if differences.is_empty() {
        differences.push("something changed that the service may set by itself".to_owned());
    }
    Some(Ended::Stale { differences, sent: Vec::new() })
}

/// Reads the object of a change as it is now, the way that the plan read it.
pub(super) async fn read_again(
    shared: &Shared,
    change: &Change,
    kind: &dyn Kind,
    id: &str,
) -> Result<Option<LiveObject>, ServiceError> {
    let spec = shared.specs.get(&change.address).map(KeptSpec::read);
    let mut facts = shared.facts.get(&change.address).cloned().unwrap_or_else(|| json!({}));
    // Of an object that was made just now nobody has noted yet who made it, and its permissions name them.
    let names_people = |spec: &Value| ["permissions", "acls"].iter().any(|member| spec.get(member).is_some());
    let has_permissions = spec.as_deref().is_some_and(names_people);
    if facts.get("me").is_none() && has_permissions && kind.system() == System::Databricks {
        let ask = async || services::me(&*shared.services.for_system(System::Databricks)?).await;
        facts["me"] = json!(shared.me.get_or_try_init(ask).await?);
    }
    observe::read_again(&shared.services, kind, id, spec.as_deref(), &facts).await
}

/// The normal form of a live object, and what of it the spec does not model.
pub(super) fn live_form(
    shared: &Shared,
    kind: &dyn Kind,
    change: &Change,
    found: &LiveObject,
) -> (Value, UnknownMembers) {
    let vault = &shared.decision.vault;
    let mut own = vault.rekeyed(&Vault::default());
    let spec = found.seen.spec();
    secrets::learn(kind.rules(), &spec, &mut own);
    let sealed = vault.seal_known_beside(&spec, &own);
    let remove = shared.wanted(&change.address).map_or(&[][..], |w| &w.remove);
    let unknown = if kind.is_external(&spec) {
        UnknownMembers::default()
    } else {
        UnknownMembers::of(kind.rules(), &sealed, &shared.planned, remove)
    };
    (normal::normal(kind.rules(), &sealed), unknown)
}

/// Compares what is wanted with what is live, by what policies supply now.
pub(super) fn comparison(
    shared: &Shared,
    kind: &dyn Kind,
    want: &Value,
    live: &Value,
    ignored: &[plumb_core::plan::compare::Pattern],
    undeclared: Undeclared,
) -> Comparison {
    let supplied = shared.supplied();
    let undeclared = if kind.is_external(want) { Undeclared::External } else { undeclared };
    let context = Context { supplied: &supplied, ignored, undeclared };
    compare(kind.rules(), want, live, &context)
}

/// Each difference in a line. Where a secret is wanted, or was one before, neither value is shown.
pub(super) fn lines(
    kind: &dyn Kind,
    wanted: &Value,
    earlier: &Earlier,
    comparison: &Comparison,
    (to, from): (&str, &str),
) -> Vec<String> {
    let mut numbers = secrets::Numbers::default();
    let mut line = |d: &Difference| {
        let secret = schema::find(kind.rules(), wanted, &d.path).is_some_and(secrets::holds);
        let mut show = |v: &Option<Value>| match v {
            Some(_) if secret => "(secret)".to_owned(),
            Some(v) => {
                let mut shown = v.clone();
                earlier.hide(kind.rules(), &d.path, &mut shown);
                numbers.show(&shown).to_string()
            }
            None => "unset".to_owned(),
        };
        let (to_value, from_value) = (show(&d.to), show(&d.from));
        numbers.show_text(&format!("{}: {to} {to_value}, {from} {from_value}", d.path))
    };
    comparison.differences.iter().map(&mut line).collect()
}
