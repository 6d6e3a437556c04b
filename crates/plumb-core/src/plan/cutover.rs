//! What a plan does to waves: [`crate::cutover`] decides, here it becomes a change, and what waits is shown.

use super::context::PlanContext;
use super::unreadable::unread_part;
use super::verdict::Collected;
use super::{Action, Change, FieldChange, LiveObject, Note, Op, SourceLine, digest, missing_systems, normal};
use crate::cost::Prices;
use crate::cutover::calls::calls;
use crate::cutover::closed::edges;
use crate::cutover::gates::{WaveKnown, gates, hold_of, new_ran, old_rests, reached, steady};
use crate::cutover::standing::{WaveState, standing, unknown};
use crate::cutover::{
    CutoverCalls, HoldState, PendingCutover, Standing, StepFacts, Wave, WaveGate, WaveMember, WaveObject, WaveSide,
    WaveStep, step,
};
use crate::kinds::{Mark, Observed, Rev};
use crate::manifest::{Author, Resource};
use plumb_model::address::Address;
use plumb_model::call::Call;
use plumb_model::schema::Path;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What the manifests of DAGs of waves want, on the side of the cutover that each is on.
///
/// Before its day a new DAG is paused and has its shadow: anything else is drift. From then on, and wherever an old DAG rests
/// already, what a wave sets is left as it is: only the wave's own change flips it, all of it or none. So it is where no old DAG
/// is named any more and a mark says that plumb cut the wave over: what is cleaned up after a migration pauses nothing.
pub(super) fn settle(context: &PlanContext<'_>, waves: &[Wave<'_>]) -> BTreeMap<Address, Value> {
    let mut settled = BTreeMap::new();
    for wave in waves {
        let found = WaveLive::of(context, wave);
        let is_flipped = is_flipped(context, wave, &found);
        for object in wave.new_ones() {
            let live = found.seen(object).filter(|_| is_flipped);
            settled.insert(object.resource.address.clone(), wanted(wave, object, live));
        }
        for object in wave.old().filter(|_| wave.cutover.is_some() && is_flipped) {
            let mut spec = object.resource.spec.to_value();
            let live = found.seen(object).and_then(|live| object.kind.is_paused(&live.spec));
            if let Some(paused) = live.filter(|_| object.kind.is_paused(&spec).is_some()) {
                object.kind.with_paused(&mut spec, paused);
                settled.insert(object.resource.address.clone(), spec);
            }
        }
    }
    settled.retain(|address, spec| {
        context.input.desired.resources.iter().all(|r| r.address != *address || r.spec != *spec)
    });
    settled
}

/// The manifests with these specs.
pub(super) fn resources(context: &PlanContext<'_>) -> BTreeMap<Address, Resource> {
    let settled = |resource: &Resource| {
        let spec = context.settled.get(&resource.address)?.clone().into();
        Some((resource.address.clone(), Resource { spec, ..resource.clone() }))
    };
    context.input.desired.resources.iter().filter_map(settled).collect()
}

/// Whether what a wave sets is left as it is live.
fn is_flipped(context: &PlanContext<'_>, wave: &Wave<'_>, found: &WaveLive<'_, '_>) -> bool {
    let is_paused =
        |object: &WaveObject<'_>| found.seen(object).and_then(|live| object.kind.is_paused(&live.spec)) == Some(true);
    let is_over = || wave.old().next().is_none() && wave.new_ones().any(|object| found.was_cut_over(object));
    context.input.desired.developer.is_none()
        && (wave.cutover.is_some() && reached(wave, context.input.now) || wave.old().any(is_paused) || is_over())
}

/// The hash of what a mark of a new DAG says on one side.
fn side_hash(object: &WaveObject<'_>, side: WaveSide) -> String {
    let resource = object.resource;
    normal::identity(resource.kind.rules(), &object.on_side(&resource.spec, side))
}

/// What the manifest of a new DAG wants. `live`: the wave leaves it on the side that it is on.
fn wanted(wave: &Wave<'_>, object: &WaveObject<'_>, live: Option<&Observed>) -> Value {
    let mut spec = object.resource.spec.to_value();
    // Without a day its manifest may say for itself whether it is paused.
    let paused = Path::default().key(object.kind.paused_until_cutover().0);
    let is_others = object.resource.is_external();
    let says = wave.cutover.is_none() && (is_others || object.resource.place(&paused).by == Author::Manifest);
    let side = live.and_then(|live| object.side_of(&live.spec));
    object.with_settings(&mut spec, side.unwrap_or(WaveSide::Before));
    if let (Some(live), None) = (live, side) {
        // Some of each: what is of neither side is drift, and all else is left to the wave.
        for setting in &object.settings {
            let is = object.kind.setting(&live.spec, setting);
            if is == setting.real {
                object.kind.with_setting(&mut spec, setting, is.as_ref());
            }
        }
    }
    if !says {
        let paused = live.and_then(|live| object.kind.is_paused(&live.spec)).unwrap_or(true);
        object.kind.with_paused(&mut spec, paused);
    }
    spec
}

/// The live objects of a wave's DAGs.
struct WaveLive<'c, 'a> {
    found: BTreeMap<&'c Address, Result<(&'a LiveObject, Observed), String>>,
}

impl<'c, 'a> WaveLive<'c, 'a> {
    fn of(context: &PlanContext<'a>, wave: &'c Wave<'_>) -> WaveLive<'c, 'a> {
        let objects = wave.old().chain(wave.new_ones());
        let found = objects.map(|object| (&object.resource.address, live_of(context, object)));
        WaveLive { found: found.collect() }
    }

    fn seen(&self, object: &WaveObject<'_>) -> Option<&Observed> {
        Some(&self.found.get(&object.resource.address)?.as_ref().ok()?.1)
    }

    /// Whether a new DAG carries the mark of what its manifest wants after the cutover.
    fn was_cut_over(&self, object: &WaveObject<'_>) -> bool {
        let Some(Ok((live, _))) = self.found.get(&object.resource.address) else { return false };
        let rev = live.mark.as_ref().and_then(|mark| mark.rev.as_ref());
        rev.is_some_and(|rev| rev.hash == side_hash(object, WaveSide::After))
    }

    fn states<'s>(&'s self, wave: &'s Wave<'_>) -> Vec<WaveState<'s>> {
        let state = |object: &'s WaveObject<'_>, is_new: bool| {
            let live = match self.found.get(&object.resource.address) {
                Some(Ok((_, seen))) => Ok(seen),
                Some(Err(why)) => Err(why.clone()),
                None => Err("it was not read".to_owned()),
            };
            WaveState { object, is_new, live }
        };
        let old = wave.old().map(|object| state(object, false));
        old.chain(wave.new_ones().map(|object| state(object, true))).collect()
    }
}

/// The live object of a DAG of a wave, if it can be flipped as it is.
fn live_of<'a>(context: &PlanContext<'a>, object: &WaveObject<'_>) -> Result<(&'a LiveObject, Observed), String> {
    let (resource, kind) = (object.resource, object.resource.kind);
    if !context.reads(kind.name()) || missing_systems::has_missing(resource, context.input.absent) {
        return Err(format!("{} was not read", kind.system().name()));
    }
    let found = if resource.is_external() {
        context.lookup.called_as(kind, &resource.spec).first().copied()
    } else {
        match context.owned.get(kind.name()).and_then(|owned| owned.get(&resource.address)).map(Vec::as_slice) {
            Some([one]) => Some(*one),
            Some([]) | None => None,
            Some(_) => return Err(format!("several {}s carry its mark", kind.noun())),
        }
    };
    if let Some(one) = context.unread.stands_for(resource).filter(|_| found.is_none()) {
        return Err(format!("it could not be read: {one}"));
    }
    let found = found.ok_or("it is not live")?;
    let seen = found.seen.whole();
    match unread_part(kind, &seen).or_else(|| object.kind.broken(&seen)) {
        Some(why) => Err(why),
        None => Ok((found, seen)),
    }
}

/// Decides on every wave that has a day.
pub(super) fn decide(context: &PlanContext<'_>, waves: &[Wave<'_>], all: &mut Collected<'_>) {
    // In development everything stays paused.
    if context.input.desired.developer.is_some() {
        return;
    }
    for wave in waves.iter().filter(|wave| wave.cutover.is_some()) {
        let left_out: BTreeSet<String> = wave
            .parts()
            .filter(|part| !context.input.selection.has(part))
            .map(|part| part.address.to_string())
            .collect();
        if left_out.is_empty() {
            one(context, wave, waves, all);
        } else if wave.parts().any(|part| context.input.selection.has(part)) {
            let names: Vec<String> = left_out.into_iter().collect();
            let message = format!(
                "only a part of the wave is selected, so it is neither cut over nor taken back: {} {} left out",
                names.join(", "),
                if names.len() == 1 { "is" } else { "are" }
            );
            all.notes.push(Note::new(&wave.address(), message));
        }
    }
}

fn one(context: &PlanContext<'_>, wave: &Wave<'_>, waves: &[Wave<'_>], all: &mut Collected<'_>) {
    let (live, now) = (context.input.live, context.input.now);
    let found = WaveLive::of(context, wave);
    let states = found.states(wave);
    let has_come = reached(wave, now);
    let rewrite = |state: &WaveState<'_>, side: WaveSide| rewritten(context, &found, state, side);
    let known = WaveKnown {
        target: &context.input.desired.target.name,
        states: &states,
        successors: wave.members.iter().map(|member| successors(context, member)).collect(),
        evidence: &live.evidence,
        kept_runs: &live.kept_runs,
        prices: Prices::of_target(context.input.desired),
        edges: edges(wave, waves),
        undeployed: undeployed(context, wave, all),
        facts: &live.waves,
        holds: &live.holds,
        // What is on now is not asked: each new DAG has to be fit to be written as it was.
        no_way_back: states.iter().filter(|s| s.is_new && !s.object.settings.is_empty()).find_map(|state| {
            state.live.as_ref().ok()?;
            rewrite(state, WaveSide::Before).err()
        }),
        now,
    };
    let gates = gates(wave, &known);
    let stands = standing(&states, has_come);
    let hold = hold_of(wave, &live.holds);
    let mut step = step(&StepFacts {
        standing: stands,
        reached: has_come,
        hold,
        every_gate: gates.iter().all(|gate| gate.gate.holds),
        steady_gates: steady(&gates),
        old_rests: old_rests(&known),
        new_ran: new_ran(&known),
    });
    let digest = digest_of(context, wave);
    let side = if step == WaveStep::Rollback { WaveSide::Before } else { WaveSide::After };
    let mut next = words(&gates, &states, stands, has_come, hold, step);
    if step != WaveStep::Nothing {
        match calls(&states, side, &rewrite) {
            Ok(calls) => {
                hold_back(wave, step, all);
                all.changes.push(change(context, wave, &states, (step, side), calls, (&gates, hold), digest.clone()));
            }
            Err(why) => {
                step = WaveStep::Nothing;
                next = format!("nothing is done, because its calls are not known: {why}");
            }
        }
    }
    if hold == HoldState::Held
        && step == WaveStep::Nothing
        && let Some(gate) = gates.iter().find(|gate| gate.gate.name == "held")
    {
        all.notes.push(Note::new(&wave.address(), format!("the wave is held: {}", gate.gate.says)));
    }
    if stands != Standing::New || step != WaveStep::Nothing {
        all.cutovers.push(PendingCutover {
            address: wave.address(),
            cutover: wave.cutover.clone().unwrap_or_default(),
            members: members(wave),
            standing: stands,
            gates,
            digest,
            next,
        });
    }
}

fn members(wave: &Wave<'_>) -> Vec<Address> {
    wave.members.iter().map(|member| member.resource.address.clone()).collect()
}

fn successors(context: &PlanContext<'_>, member: &WaveMember<'_>) -> (Address, Vec<crate::teardown::Successor>) {
    let jobs = member.spec.to.jobs.iter().map(|job| context.successor(job.clone())).collect();
    (member.resource.address.clone(), jobs)
}

/// What of a wave is not live yet as its manifests have it.
fn undeployed(context: &PlanContext<'_>, wave: &Wave<'_>, all: &Collected<'_>) -> Vec<String> {
    let mut open = Vec::new();
    let parts: BTreeMap<&Address, &Resource> = wave.parts().map(|part| (&part.address, part)).collect();
    for (address, part) in parts {
        if let Some(blocked) = all.blocked.iter().find(|blocked| blocked.address.as_ref() == Some(address)) {
            open.push(format!("{address}: {}", blocked.reason));
        } else if all.changes.iter().any(|change| change.address == *address) {
            open.push(format!("{address} has changes: they are applied first"));
        } else if !part.kind.is_external(&part.spec)
            && !matches!(
                context.owned.get(part.kind.name()).and_then(|owned| owned.get(address)).map(Vec::as_slice),
                Some([_])
            )
        {
            open.push(format!("{address} is not live"));
        }
    }
    open
}

/// The call that writes a new DAG as it is on one side: what is live, but for what the wave sets.
fn rewritten(
    context: &PlanContext<'_>,
    found: &WaveLive<'_, '_>,
    state: &WaveState<'_>,
    side: WaveSide,
) -> Result<Call, String> {
    let object = state.object;
    let resource = object.resource;
    let (live, seen) = match found.found.get(&resource.address) {
        Some(Ok((live, seen))) => (*live, seen),
        Some(Err(why)) => return Err(why.clone()),
        None => return Err("it was not read".to_owned()),
    };
    let mark = live.mark.as_ref().ok_or_else(|| format!("{} carries no mark", resource.address))?;
    let mut body = context.sealed(&seen.spec).into_owned();
    object.with_settings(&mut body, side);
    let hash = |side| side_hash(object, side);
    // A file that is not as the manifest has it keeps the mark of what it is.
    let is_current = |rev: &Rev| [WaveSide::Before, WaveSide::After].into_iter().any(|side| hash(side) == rev.hash);
    let rev = match &mark.rev {
        Some(rev) if is_current(rev) => {
            let commit = context.input.head.unwrap_or(Rev::NO_COMMIT).chars().take(12).collect();
            Some(Rev { commit, hash: hash(side) })
        }
        rev => rev.clone(),
    };
    resource.kind.mark().put(&mut body, &Mark { rev, ..mark.clone() });
    object.kind.rewrite(seen, &body).map_err(|unsupported| unsupported.0)
}

/// Takes changes of a wave's DAGs out of the plan: first it has to be all on one side.
fn hold_back(wave: &Wave<'_>, step: WaveStep, all: &mut Collected<'_>) {
    let dags: BTreeSet<&Address> = wave.old().chain(wave.new_ones()).map(|object| &object.resource.address).collect();
    let until = if step == WaveStep::CutOver { "has been cut over" } else { "has gone back" };
    let (held, rest): (Vec<Change>, Vec<Change>) =
        std::mem::take(&mut all.changes).into_iter().partition(|change| dags.contains(&change.address));
    all.changes = rest;
    for change in held {
        let message = format!("its changes wait until wave {} {until}", wave.name);
        all.notes.push(Note::new(&change.address, message));
    }
}

fn change(
    context: &PlanContext<'_>,
    wave: &Wave<'_>,
    states: &[WaveState<'_>],
    (step, side): (WaveStep, WaveSide),
    calls: CutoverCalls,
    (gates, hold): (&[WaveGate], HoldState),
    digest: String,
) -> Change {
    let action = if step == WaveStep::Rollback { Action::Rollback } else { Action::CutOver };
    let open = open(gates);
    let held = gates.iter().find(|gate| gate.gate.name == "held").map(|gate| gate.gate.says.clone());
    let reason = match (step, hold) {
        (WaveStep::Rollback, HoldState::Held) => held.unwrap_or_default(),
        (WaveStep::Rollback, _) if open.is_empty() => "it was begun, and the old DAGs are not at rest".to_owned(),
        (WaveStep::Rollback, _) => format!("it was begun and cannot go on: {}", open.join("; ")),
        _ if open.is_empty() => "its day is reached, and every gate holds".to_owned(),
        _ => "it was begun, and goes on".to_owned(),
    };
    let missing = states.iter().flat_map(|state| fields(context, wave, state, side, true)).collect();
    Change {
        title: format!("wave {}", wave.name),
        reason: Some(reason),
        fields: missing,
        source: source(context, wave),
        digest,
        calls: calls.sent().cloned().collect::<Vec<_>>().into(),
        cutover: Some(Box::new(calls)),
        ..Change::new(wave.address(), action)
    }
}

/// The gates that do not hold, in words.
fn open(gates: &[WaveGate]) -> Vec<String> {
    gates.iter().filter(|gate| !gate.gate.holds).map(|gate| format!("{}: {}", gate.gate.name, gate.gate.says)).collect()
}

/// The line that says the day.
fn source(context: &PlanContext<'_>, wave: &Wave<'_>) -> Option<SourceLine> {
    let member = wave.members.iter().find(|member| member.spec.cutover.is_some())?;
    context.source(member.resource.node().at("cutover").span)
}

/// Names the whole flip, whatever is live.
fn digest_of(context: &PlanContext<'_>, wave: &Wave<'_>) -> String {
    let objects = wave.old().map(|object| (object, false)).chain(wave.new_ones().map(|object| (object, true)));
    let states: Vec<WaveState<'_>> =
        objects.map(|(object, is_new)| WaveState { object, is_new, live: Err(String::new()) }).collect();
    let fields: Vec<FieldChange> =
        states.iter().flat_map(|state| fields(context, wave, state, WaveSide::After, false)).collect();
    let cutover = wave.cutover.as_deref().unwrap_or_default();
    let (workspace, key) = (context.input.live.workspace.as_deref(), context.input.approval_key);
    digest::of_wave(&wave.address(), (cutover, &members(wave)), &fields, workspace, key)
}

/// What is set of one DAG to bring it to a side: from what is live, where that differs, or from the other side, all of it.
fn fields(
    context: &PlanContext<'_>,
    wave: &Wave<'_>,
    state: &WaveState<'_>,
    side: WaveSide,
    from_live: bool,
) -> Vec<FieldChange> {
    let object = state.object;
    let live = state.live.as_ref().ok().filter(|_| from_live);
    let address = &object.resource.address;
    let mut fields = Vec::new();
    let mut add = |path: String, from: Option<Value>, to: Option<Value>, source: Option<SourceLine>| {
        if from == to {
            return;
        }
        let op = match (&from, &to) {
            (_, None) => Op::Remove,
            (None, _) => Op::Add,
            _ => Op::Change,
        };
        let seal = |value: Option<Value>| value.map(|value| context.sealed(&value).into_owned());
        let path = format!("{address}.{path}");
        fields.push(FieldChange { from: seal(from), to: seal(to), source, ..FieldChange::new(path, op) });
    };
    let member = wave.members.iter().find(|m| m.new.iter().any(|new| new.resource.address == *address));
    for setting in &object.settings {
        let (shadow, real) = (Some(setting.shadow.clone()), setting.real.clone());
        let (other, to) = if side == WaveSide::After { (shadow, real) } else { (real, shadow) };
        let from = live.map_or(other, |live| object.kind.setting(&live.spec, setting));
        let place = format!("shadow.parameters.{}", setting.parameter);
        let source = member.and_then(|member| context.source(member.resource.node().at(&place).span));
        add(setting.path.clone(), from, to, source);
    }
    let paused = state.is_new == (side == WaveSide::Before);
    let from = live.map_or(Some(!paused), |live| object.kind.is_paused(&live.spec));
    add("paused".to_owned(), from.map(Value::from), Some(Value::from(paused)), source(context, wave));
    fields
}

/// What is done next, or has to be.
fn words(
    gates: &[WaveGate],
    states: &[WaveState<'_>],
    stands: Standing,
    has_come: bool,
    hold: HoldState,
    step: WaveStep,
) -> String {
    let open = gates.iter().filter(|gate| !gate.gate.holds).count();
    match (step, stands) {
        (WaveStep::CutOver, Standing::Between) => "what is missing of its cutover is done".to_owned(),
        (WaveStep::CutOver, _) => "it is cut over".to_owned(),
        (WaveStep::Rollback, _) => "it goes back to what it was".to_owned(),
        (WaveStep::Nothing, Standing::Unknown) => {
            format!("nothing is done until it can be read: {}", unknown(states).join("; "))
        }
        (WaveStep::Nothing, _) if hold == HoldState::Held => "it stays as it was until it has a new day".to_owned(),
        (WaveStep::Nothing, Standing::Between) if has_come => {
            "nothing is done: whether a new DAG has run since, or whether it is held, is not known".to_owned()
        }
        (WaveStep::Nothing, Standing::Between) => {
            "it is neither as before nor cut over, and its day is not reached".to_owned()
        }
        (WaveStep::Nothing, _) => format!("it waits for {open} of {} gates", gates.len()),
    }
}
