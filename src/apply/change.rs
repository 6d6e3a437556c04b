//! Carrying out one change.

use super::send::{self, Stands};
use super::{Ended, Shared, cutover, teardown};
use crate::observe;
use crate::services;
use plumb_core::kinds::{Kind, Role};
use plumb_core::plan::compare::{Comparison, Context, Difference, Undeclared, compare};
use plumb_core::plan::unknown::UnknownMembers;
use plumb_core::plan::{Action, Change, Earlier, LiveObject, normal, references, secrets};
use plumb_model::call::System;
use plumb_model::schema;
use serde_json::{Value, json};

/// Carries out the change of that index: looks whether it is still what was decided on, sends its calls, and looks what
/// came of them.
pub(super) async fn run(shared: &Shared, index: usize) -> Ended {
    let change = &shared.decision.plan.changes[index];
    if let Some(calls) = &change.cutover {
        return cutover::run(shared, change, calls).await;
    }
    let Some(kind) = plumb_core::kinds::find(&change.address.kind) else {
        return Ended::Failed { why: format!("no kind is called {}", change.address.kind), sent: Vec::new() };
    };
    match still_as_read(shared, change, kind).await {
        Ok(None) => {}
        Ok(Some(ended)) => return ended,
        Err(why) => return Ended::Failed { why: shared.shown(&why), sent: Vec::new() },
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
                return match failed.call {
                    Stands::NotKnown => Ended::Unknown { why, sent },
                    Stands::NotDone | Stands::Done => Ended::Failed { why, sent },
                };
            }
        }
    }
    let left = match (&change.action, &id) {
        (Action::Delete | Action::Release, _) | (_, None) => Ok(Vec::new()),
        (_, Some(id)) => left_in_the_end(shared, change, kind, id).await,
    };
    match left {
        Ok(left) => Ended::Done { id, left, unverified: None },
        Err(why) => {
            shared.unread().insert(change.address.clone());
            Ended::Done { id, left: Vec::new(), unverified: Some(shared.shown(&why)) }
        }
    }
}

/// Compares what the plan read with what is live now. `None`: go on.
async fn still_as_read(shared: &Shared, change: &Change, kind: &dyn Kind) -> Result<Option<Ended>, String> {
    let (Some(id), Some(read)) = (&change.id, &change.read) else { return Ok(None) };
    let Some(found) = read_again(shared, change, kind, id).await? else {
        return Ok(Some(match change.action {
            Action::Delete | Action::Terminate => {
                Ended::Done { id: Some(id.clone()), left: Vec::new(), unverified: None }
            }
            _ => Ended::Stale { differences: vec![format!("{} {id} is gone", kind.noun())] },
        }));
    };
    if kind.role() == Role::Teardown {
        return Ok(teardown::stale(change, &found, read));
    }
    let (live, unknown) = live_form(shared, kind, change, &found);
    if unknown.basis(&live) == *read {
        return Ok(None);
    }
    // The calls have these settings as they were.
    let differences = shared.wanted(&change.address).map(|w| unknown.since(&w.unknown)).unwrap_or_default();
    if !differences.is_empty() {
        return Ok(Some(Ended::Stale { differences }));
    }
    let before = shared.wanted(&change.address).and_then(|w| w.live.as_ref()).map(|live| live.value().into_owned());
    let before = before.unwrap_or_default();
    if before == live {
        return Ok(None);
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
            return Ok(None);
        }
    }
    let earlier = shared.wanted(&change.address).map(|w| w.earlier.clone()).unwrap_or_default();
    let mut differences = lines(kind, &wanted, &earlier, &changed, ("it was", "it is now"));
    if differences.is_empty() {
        differences.push("something changed that the service may set by itself".to_owned());
    }
    Ok(Some(Ended::Stale { differences }))
}

/// The same as [`left`], once lists have had the time to show what is new: which clusters are pinned only a list says.
async fn left_in_the_end(shared: &Shared, change: &Change, kind: &dyn Kind, id: &str) -> Result<Vec<String>, String> {
    let mut lines = left(shared, change, kind, id).await?;
    if matches!(change.action, Action::Create | Action::Replace) {
        for pause in shared.options.grace.iter().skip(1) {
            if lines.is_empty() {
                break;
            }
            tokio::time::sleep(*pause).await;
            lines = left(shared, change, kind, id).await?;
        }
    }
    Ok(lines)
}

/// What is not as wanted although every call was accepted. A failing read is no failure of the change, and no proof that
/// all is well: it is said.
async fn left(shared: &Shared, change: &Change, kind: &dyn Kind, id: &str) -> Result<Vec<String>, String> {
    let Some(wanted) = shared.wanted(&change.address) else { return Ok(Vec::new()) };
    let found =
        read_again(shared, change, kind, id).await?.ok_or_else(|| format!("{} {id} is not found", kind.noun()))?;
    // What depends on this one is compared by what it supplies from now on.
    if let Some(supplied) = kind.supplies(&found.seen.whole()) {
        shared.supplied().insert(id.to_owned(), supplied);
    }
    let ids = shared.ids().clone();
    let missing = |address: String| format!("the id of {address} is not known");
    let spec = references::fill_late(&wanted.spec.value(), &ids, Some(id)).map_err(missing)?;
    let (live, unknown) = live_form(shared, kind, change, &found);
    let comparison = comparison(shared, kind, &spec, &live, &wanted.ignored, Undeclared::Keep);
    // A policy that could not be read may supply just what differs.
    if let Some(unread) = change.depends_on.iter().find(|a| shared.unread().contains(a))
        && !comparison.differences.is_empty()
    {
        return Err(format!("what {unread} supplies is not known"));
    }
    let mut left = lines(kind, &spec, &wanted.earlier, &comparison, ("wanted", "is"));
    left.extend(wanted.unknown.left(&unknown));
    Ok(left)
}

async fn read_again(shared: &Shared, change: &Change, kind: &dyn Kind, id: &str) -> Result<Option<LiveObject>, String> {
    let spec = shared.specs.get(&change.address);
    let mut facts = shared.facts.get(&change.address).cloned().unwrap_or_else(|| json!({}));
    // Of an object that was made just now nobody has noted yet who made it, and its permissions name them.
    let has_permissions = spec.is_some_and(|spec| spec.get("permissions").is_some());
    if facts.get("me").is_none() && has_permissions && kind.system() == System::Databricks {
        let ask = async || services::me(&*shared.services.for_system(System::Databricks)?).await;
        facts["me"] = json!(shared.me.get_or_try_init(ask).await.map_err(|e| e.to_string())?);
    }
    observe::read_again(&shared.services, kind, id, spec, &facts).await.map_err(|e| e.to_string())
}

/// The normal form of a live object, and what of it the spec does not model.
fn live_form(shared: &Shared, kind: &dyn Kind, change: &Change, found: &LiveObject) -> (Value, UnknownMembers) {
    let mut vault = shared.decision.vault.clone();
    let sealed = secrets::seal(kind.rules(), &found.seen.spec(), &mut vault);
    let remove = shared.wanted(&change.address).map_or(&[][..], |w| &w.remove);
    let unknown = if kind.is_external(&found.seen.spec()) {
        UnknownMembers::default()
    } else {
        UnknownMembers::of(kind.rules(), &sealed, &shared.planned, remove)
    };
    (normal::normal(kind.rules(), &sealed), unknown)
}

fn comparison(
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
fn lines(
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
