//! Carrying out one change.

use super::{Ended, Shared, send};
use crate::call::System;
use crate::kinds::AnyKind;
use crate::observe;
use crate::plan::compare::{Comparison, Context, Undeclared, compare};
use crate::plan::{Action, Change, Found, normal, references, secrets};
use crate::services;
use serde_json::{Value, json};

/// Carries out the change of that index: looks whether it is still what was decided on, sends its calls, and looks what
/// came of them.
pub(super) async fn run(shared: &Shared, index: usize) -> Ended {
    let change = &shared.decision.plan.changes[index];
    let Some(kind) = crate::kinds::find(&change.address.kind) else {
        return Ended::Failed { why: format!("no kind is called {}", change.address.kind), sent: Vec::new() };
    };
    match still_as_read(shared, change, kind).await {
        Ok(None) => {}
        Ok(Some(ended)) => return ended,
        Err(why) => return Ended::Failed { why, sent: Vec::new() },
    }
    let mut sent = Vec::new();
    let mut id = change.id.clone();
    for call in &change.calls {
        match send::call(shared, change, kind, call, id.as_deref()).await {
            Ok(made) => {
                if let Some(made) = made {
                    shared.ids().insert(change.address.clone(), made.clone());
                    id = Some(made);
                }
                sent.push(call.line());
            }
            Err(why) => return Ended::Failed { why, sent },
        }
    }
    let left = match (&change.action, &id) {
        (Action::Delete | Action::Release, _) | (_, None) => Vec::new(),
        (_, Some(id)) => left(shared, change, kind, id).await,
    };
    Ended::Done { id, left }
}

/// Compares what the plan read with what is live now. `None`: go on.
async fn still_as_read(shared: &Shared, change: &Change, kind: &dyn AnyKind) -> Result<Option<Ended>, String> {
    let (Some(id), Some(read)) = (&change.id, &change.read) else { return Ok(None) };
    let Some(found) = reread(shared, change, kind, id).await? else {
        return Ok(Some(match change.action {
            Action::Delete => Ended::Done { id: Some(id.clone()), left: Vec::new() },
            _ => Ended::Stale { differences: vec![format!("{} {id} is gone", kind.noun())] },
        }));
    };
    let live = live_form(shared, kind, &found);
    if normal::hash(&live) == *read {
        return Ok(None);
    }
    let before = shared.wanted(&change.address).and_then(|w| w.live.clone()).unwrap_or_default();
    let differences = lines(&comparison(shared, kind, &before, &live, &[]), "it was", "it is now");
    Ok(Some(Ended::Stale { differences }))
}

/// What is not as wanted although every call was accepted. A failing read is no failure of the change.
async fn left(shared: &Shared, change: &Change, kind: &dyn AnyKind, id: &str) -> Vec<String> {
    let Some(wanted) = shared.wanted(&change.address) else { return Vec::new() };
    let Ok(Some(found)) = reread(shared, change, kind, id).await else { return Vec::new() };
    // What depends on this one is compared by what it supplies from now on.
    if let Some(supplied) = kind.supplies(&found.seen) {
        shared.supplied().insert(id.to_owned(), supplied);
    }
    let ids = shared.ids().clone();
    let Ok(spec) = references::fill_late(&wanted.spec, &ids, Some(id)) else { return Vec::new() };
    let live = live_form(shared, kind, &found);
    lines(&comparison(shared, kind, &spec, &live, &wanted.ignored), "wanted", "is")
}

async fn reread(shared: &Shared, change: &Change, kind: &dyn AnyKind, id: &str) -> Result<Option<Found>, String> {
    let spec = shared.specs.get(&change.address);
    let mut facts = shared.facts.get(&change.address).cloned().unwrap_or_else(|| json!({}));
    // Of an object that was made just now nobody has noted yet who made it, and its permissions name them.
    if facts.get("me").is_none() && kind.system() == System::Databricks {
        let ask = async || services::me(&*shared.services.for_system(System::Databricks)?).await;
        facts["me"] = json!(shared.me.get_or_try_init(ask).await.map_err(|e| e.to_string())?);
    }
    observe::reread(&shared.services, kind, id, spec, &facts).await.map_err(|e| e.to_string())
}

fn live_form(shared: &Shared, kind: &dyn AnyKind, found: &Found) -> Value {
    let mut vault = shared.decision.vault.clone();
    normal::normal(kind.rules(), &secrets::seal(kind.rules(), &found.seen.spec, &mut vault))
}

fn comparison(
    shared: &Shared,
    kind: &dyn AnyKind,
    want: &Value,
    live: &Value,
    ignored: &[crate::plan::compare::Pattern],
) -> Comparison {
    let supplied = shared.supplied();
    let context = Context { supplied: &supplied, ignored, undeclared: Undeclared::Keep };
    compare(kind.rules(), want, live, &context)
}

fn lines(comparison: &Comparison, to: &str, from: &str) -> Vec<String> {
    let mut numbers = secrets::Numbers::default();
    let mut show = |v: &Option<Value>| v.as_ref().map_or_else(|| "unset".into(), |v| numbers.show(v).to_string());
    comparison
        .differences
        .iter()
        .map(|d| format!("{}: {to} {}, {from} {}", d.path, show(&d.to), show(&d.from)))
        .collect()
}
