//! Cutting a wave over, or taking it back: phase by phase, so that at no instant an old and a new DAG are both on.
//!
//! What is to rest is paused first. While nothing that is to run is switched on, a failure takes that back; from the first
//! switch on it goes forward, and the next apply goes on from wherever this one ended.

use super::send::{self, CallFailure, Stands};
use super::{Ended, Shared};
use crate::observe;
use plumb_core::cutover::CutoverCalls;
use plumb_core::cutover::rollback::dated;
use plumb_core::kinds::Kind;
use plumb_core::kinds::airflow::dag::AirflowDag;
use plumb_core::manifest::{Desired, KeptSpec};
use plumb_core::plan::compare::{Context, Undeclared, compare};
use plumb_core::plan::{Action, Change, Live, LiveObject, normal};
use plumb_model::address::Address;
use plumb_model::call::{Call, Method};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A DAG of a wave, as it was when the wave was decided on.
pub(super) struct WaveDag {
    address: Address,
    kind: &'static dyn Kind,
    /// Whether it is of the new pipeline.
    is_new: bool,
    id: String,
    facts: Value,
    spec: Value,
}

/// The DAGs of each wave that a plan changes.
pub(super) fn waves(changes: &[Change], desired: &Desired, live: &Live) -> BTreeMap<Address, Vec<WaveDag>> {
    let of_change = |change: &Change| {
        let mut dags = Vec::new();
        let wave = dated(desired, &change.address.name);
        let (old, new) = (wave.iter().flat_map(|wave| wave.old()), wave.iter().flat_map(|wave| wave.new_ones()));
        for (object, is_new) in old.map(|object| (object, false)).chain(new.map(|object| (object, true))) {
            let (address, kind) = (&object.resource.address, object.resource.kind);
            dags.extend(observe::of(live, desired, address).into_iter().map(|found| WaveDag {
                address: address.clone(),
                kind,
                is_new,
                id: found.seen.id.clone(),
                facts: found.seen.facts().into_owned(),
                spec: form(kind, found),
            }));
        }
        (change.address.clone(), dags)
    };
    changes.iter().filter(|change| change.cutover.is_some()).map(of_change).collect()
}

fn form(kind: &dyn Kind, found: &LiveObject) -> Value {
    normal::normal(kind.rules(), &found.seen.spec())
}

/// Carries a wave's change out.
pub(super) async fn run(shared: &Shared, change: &Change, calls: &CutoverCalls) -> Ended {
    let Some(kind) = plumb_core::kinds::find(AirflowDag::NAME) else {
        return Ended::Failed { why: "plumb knows no DAGs".into(), sent: Vec::new() };
    };
    let dags = shared.waves.get(&change.address).map(Vec::as_slice).unwrap_or_default();
    match differences(shared, dags).await {
        Ok(differences) if differences.is_empty() => {}
        Ok(differences) => return Ended::Stale { differences, sent: Vec::new() },
        Err(why) => return Ended::Failed { why: shared.shown(&why), sent: Vec::new() },
    }
    let mut flip = Flip { shared, change, kind, calls, dags, sent: Vec::new() };
    match flip.phases().await {
        Ok(()) => {}
        Err(BrokenOff { why, known }) => {
            let (why, sent) = (shared.shown(&why), flip.sent);
            return if known { Ended::Failed { why, sent } } else { Ended::Unknown { why, sent } };
        }
    }
    match flip.left().await {
        Ok(left) => Ended::Done { id: None, left, unverified: None },
        Err(why) => Ended::Done { id: None, left: Vec::new(), unverified: Some(shared.shown(&why)) },
    }
}

/// What is not as it was when the wave was decided on, setting by setting.
async fn differences(shared: &Shared, dags: &[WaveDag]) -> Result<Vec<String>, String> {
    let mut differences = Vec::new();
    for dag in dags {
        let Some(found) = again(shared, dag).await? else {
            differences.push(format!("{} is gone", dag.address));
            continue;
        };
        let now = form(dag.kind, &found);
        if now == dag.spec {
            continue;
        }
        let context = Context { supplied: &shared.planned, ignored: &[], undeclared: Undeclared::Remove };
        let changed = compare(dag.kind.rules(), &dag.spec, &now, &context).differences;
        let shown = |value: &Option<Value>| value.as_ref().map_or_else(|| "unset".to_owned(), Value::to_string);
        let line = |path: String, was: &Option<Value>, is: &Option<Value>| {
            shared.shown(&format!("{}.{path}: it was {}, it is now {}", dag.address, shown(was), shown(is)))
        };
        differences.extend(changed.iter().map(|d| line(d.path.to_string(), &d.to, &d.from)));
        if changed.is_empty() {
            differences.push(format!("{} changed", dag.address));
        }
    }
    Ok(differences)
}

async fn again(shared: &Shared, dag: &WaveDag) -> Result<Option<LiveObject>, String> {
    let spec = shared.specs.get(&dag.address).map(KeptSpec::read);
    observe::read_again(&shared.services, dag.kind, &dag.id, spec.as_deref(), &dag.facts)
        .await
        .map_err(|e| format!("{}: {e}", dag.address))
}

/// Why a wave's change did not come to its end, and whether all that was sent is known to be done or not.
struct BrokenOff {
    why: String,
    known: bool,
}

impl BrokenOff {
    fn of(failed: CallFailure) -> BrokenOff {
        BrokenOff { known: failed.call != Stands::NotKnown, why: failed.why }
    }
}

/// A wave's change under way.
struct Flip<'a> {
    shared: &'a Shared,
    change: &'a Change,
    kind: &'static dyn Kind,
    calls: &'a CutoverCalls,
    dags: &'a [WaveDag],
    /// The calls that were done.
    sent: Vec<String>,
}

impl Flip<'_> {
    /// All phases, in order.
    async fn phases(&mut self) -> Result<(), BrokenOff> {
        let calls = self.calls;
        for (index, call) in calls.pause.iter().enumerate() {
            if let Err(failed) = self.send(call).await {
                return Err(self.back(BrokenOff::of(failed), &calls.pause[..=index]).await);
            }
        }
        if let Err(why) = self.still().await {
            return Err(self.back(BrokenOff { why, known: true }, &calls.pause).await);
        }
        let mut broken = None;
        for call in &calls.switch {
            if let Err(failed) = self.send(call).await {
                let failed = BrokenOff::of(failed);
                if self.change.action != Action::Rollback {
                    return Err(self.back(failed, &calls.pause).await);
                }
                // What is to rest is paused, whatever its parameters are: what ran before has to run again.
                broken = Some(both(broken, failed));
            }
        }
        let mut is_any_on = false;
        for call in &calls.start {
            match self.send(call).await {
                Ok(()) => is_any_on = true,
                Err(failed) if !is_any_on && failed.call == Stands::NotDone && self.may_go_back() => {
                    return Err(self.back(BrokenOff::of(failed), &calls.pause).await);
                }
                // One of them may be on: those of the other side stay paused, and the rest of this side is tried.
                Err(failed) => {
                    is_any_on |= failed.call != Stands::NotDone;
                    broken = Some(both(broken, BrokenOff::of(failed)));
                }
            }
        }
        broken.map_or(Ok(()), Err)
    }

    async fn send(&mut self, call: &Call) -> Result<(), CallFailure> {
        match send::call(self.shared, self.change, self.kind, call, None).await {
            Ok(carried) => {
                self.sent.extend(carried.effect.then(|| call.line()));
                Ok(())
            }
            Err(failed) => {
                self.sent.extend((failed.call == Stands::Done).then(|| call.line()));
                Err(failed)
            }
        }
    }

    /// Looks whether a run of what was paused goes on: it began between the look that decided and the pause.
    async fn still(&self) -> Result<(), String> {
        for (dag, read) in &self.calls.still {
            let cannot = |e: String| format!("whether a run of {dag} goes on cannot be read: {e}");
            let service = self.shared.services.for_system(read.system).map_err(|e| cannot(e.to_string()))?;
            let answer = service.send(read).await.map_err(|e| cannot(e.to_string()))?.body;
            let Some(runs) = answer["dag_runs"].as_array() else {
                return Err(cannot("the answer has no list of runs".to_owned()));
            };
            if let Some(run) = runs.first() {
                let run = run["dag_run_id"].as_str().unwrap_or("one without an id");
                return Err(format!("a run of {dag} goes on: {run}; the next apply tries again once it has ended"));
            }
        }
        Ok(())
    }

    /// Whether what was paused may be switched on again: no new DAG was on when this began, and none is now.
    fn may_go_back(&self) -> bool {
        let is_on = |dag: &WaveDag| dag.is_new && dag.spec["paused"] != json!(true);
        self.change.action == Action::CutOver && !self.calls.back.is_empty() && !self.dags.iter().any(is_on)
    }

    /// Switches on again what these calls have paused, or may have.
    async fn back(&mut self, broken: BrokenOff, paused: &[Call]) -> BrokenOff {
        let calls = self.calls;
        let undo: Vec<&Call> =
            calls.back.iter().filter(|call| paused.iter().any(|paused| paused.path == call.path)).collect();
        if !self.may_go_back() || undo.is_empty() {
            return broken;
        }
        let mut failures = Vec::new();
        for call in undo {
            if let Err(failed) = self.send(call).await {
                failures.push(failed);
            }
        }
        if failures.is_empty() {
            let why = format!("{}; what had been paused is on again", broken.why);
            return BrokenOff { why, known: true };
        }
        let known = broken.known && failures.iter().all(|failed| failed.call != Stands::NotKnown);
        let whys: Vec<String> = failures.into_iter().map(|failed| failed.why).collect();
        let why =
            format!("{}; what had been paused could not all be switched on again: {}", broken.why, whys.join("; "));
        BrokenOff { why, known }
    }

    /// What is not as wanted although every call was accepted.
    async fn left(&self) -> Result<Vec<String>, String> {
        let paused = |calls: &[Call], id: &str| {
            let path = format!("/api/v2/dags/{}", plumb_model::text::percent_encoded(id));
            calls.iter().any(|call| call.method == Method::Patch && call.path == path)
        };
        let mut left = Vec::new();
        for dag in self.dags {
            let wanted = match (paused(&self.calls.pause, &dag.id), paused(&self.calls.start, &dag.id)) {
                (_, true) => false,
                (true, false) => true,
                (false, false) => continue,
            };
            let Some(found) = again(self.shared, dag).await? else {
                left.push(format!("{} is gone", dag.address));
                continue;
            };
            let is = found.seen.spec()["paused"].clone();
            if is != json!(wanted) {
                left.push(format!("{}.paused: wanted {wanted}, is {is}", dag.address));
            }
        }
        Ok(left)
    }
}

/// One failure after another.
fn both(first: Option<BrokenOff>, then: BrokenOff) -> BrokenOff {
    match first {
        None => then,
        Some(first) => BrokenOff { why: format!("{}; {}", first.why, then.why), known: first.known && then.known },
    }
}

#[cfg(test)]
#[path = "cutover_tests.rs"]
mod tests;
