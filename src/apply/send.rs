//! Sending one call of a change, and what to do when it is not simply answered.

use super::{Shared, lost};
use plumb_core::kinds::Kind;
use plumb_core::plan::{Change, references};
use plumb_model::address::Address;
use plumb_model::call::{Answer, Call, Method, Ready, Sending, ServiceError, WaitFor};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Why a change did not get past a call.
pub(super) struct CallFailure {
    pub why: String,
    pub call: Stands,
}

/// How the call stands that a change did not get past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stands {
    /// It was not sent, or the service refused it.
    NotDone,
    /// It was sent, and whether it was done is not known.
    NotKnown,
    /// It was done, and what was waited for afterwards did not come.
    Done,
}

impl CallFailure {
    /// Nothing was sent.
    pub fn unsent(why: String) -> CallFailure {
        CallFailure { why, call: Stands::NotDone }
    }

    /// As much as the fault of the call says.
    pub fn of(fault: &ServiceError) -> CallFailure {
        let call = if fault.may_have_happened() { Stands::NotKnown } else { Stands::NotDone };
        CallFailure { why: fault.to_string(), call }
    }
}

/// What came of a call.
pub(super) struct CallOutcome {
    /// The id of the object that it made.
    pub made: Option<String>,
    /// Whether it did anything: deleting what is gone does not.
    pub effect: bool,
}

/// Sends a call and waits for what has to become true after it.
pub(super) async fn call(
    shared: &Shared,
    change: &Change,
    kind: &'static dyn Kind,
    call: &Call,
    id: Option<&str>,
) -> Result<CallOutcome, CallFailure> {
    let ready = fill(shared, call, id).map_err(CallFailure::unsent)?;
    let carried = carry_out(shared, change, kind, &ready).await?;
    let Some(mut wait_for) = ready.wait_for.clone() else { return Ok(carried) };
    if let Some(made) = &carried.made {
        fill_reads(&mut wait_for, made);
        let expect = references::fill_late(&wait_for.expect, &shared.ids(), Some(made));
        wait_for.expect = expect.map_err(|address| CallFailure { why: missing_id(address), call: Stands::Done })?;
    }
    match wait(shared, change, kind, &ready, &wait_for).await {
        Ok(()) => Ok(carried),
        Err(why) => Err(CallFailure { why, call: if carried.effect { Stands::Done } else { Stands::NotDone } }),
    }
}

async fn carry_out(
    shared: &Shared,
    change: &Change,
    kind: &'static dyn Kind,
    call: &Call,
) -> Result<CallOutcome, CallFailure> {
    if let Some(pointer) = call.creates {
        let made = lost::create(shared, change, kind, call, pointer).await?;
        return Ok(CallOutcome { made: Some(made), effect: true });
    }
    let answer = settle(shared, change, call).await.map_err(|fault| {
        let mut failed = CallFailure::of(&fault);
        if fault.is_wrong_state() && call.waits_out_state {
            let minutes = shared.options.patience.as_secs() / 60;
            failed.why = format!("{fault}; waited {minutes} min for another state");
        }
        failed
    })?;
    Ok(CallOutcome { made: None, effect: answer.is_some() })
}

/// Fills in the ids and secrets that the plan does not hold.
fn fill(shared: &Shared, call: &Call, id: Option<&str>) -> Result<Call, String> {
    let filled = with_ids(&shared.ids(), call, id)?;
    Ok(with_secrets(shared, filled))
}

/// The map of ids is borrowed and not cloned: it grows with each object that is made.
fn with_ids(ids: &BTreeMap<Address, String>, call: &Call, id: Option<&str>) -> Result<Call, String> {
    let missing = |address: String| format!("{}: the id of {address} is not known", call.line());
    let mut call = call.clone();
    call.path = references::fill_late_text(&call.path, ids, id).map_err(missing)?;
    if let Some(body) = &mut call.body {
        *body = references::fill_late(body, ids, id).map_err(missing_id)?;
    }
    if let Some(wait_for) = &mut call.wait_for {
        wait_for.expect = references::fill_late(&wait_for.expect, ids, id).map_err(missing_id)?;
        id.into_iter().for_each(|id| fill_reads(wait_for, id));
    }
    if let Some(fallback) = &mut call.fallback {
        **fallback = with_ids(ids, fallback, id)?;
    }
    Ok(call)
}

fn with_secrets(shared: &Shared, mut call: Call) -> Call {
    call.body = call.body.map(|body| shared.decision.vault.reveal_in(&body));
    call.fallback = call.fallback.map(|fallback| Box::new(with_secrets(shared, *fallback)));
    call
}

/// Fills the object's id into the reads of a wait.
fn fill_reads(wait_for: &mut WaitFor, id: &str) {
    for read in &mut wait_for.reads {
        read.path = read.path.replace("${id}", id);
        read.query.iter_mut().for_each(|(_, value)| *value = value.replace("${id}", id));
    }
}

fn missing_id(address: String) -> String {
    format!("the id of {address} is not known")
}

/// Sends a call, waiting out a state that does not allow it. `None`: what it is about is gone, and that is as good.
pub(super) async fn settle(shared: &Shared, change: &Change, call: &Call) -> Result<Option<Answer>, ServiceError> {
    let service = shared.services.for_system(call.system)?;
    let begun = Instant::now();
    let mut pause = Duration::from_millis(500).min(shared.options.poll);
    loop {
        match noted(shared, change, call, || service.send(call)).await {
            Ok(answer) => return Ok(Some(answer)),
            Err(fault) if call.gone_is_done && fault.is_gone() => return Ok(None),
            Err(fault) if fault.is_wrong_state() => match &call.fallback {
                Some(fallback) => return Box::pin(settle(shared, change, fallback)).await,
                None if call.waits_out_state && begun.elapsed() + pause < shared.options.patience => {
                    sleep(pause).await;
                    pause = (pause * 2).min(shared.options.poll);
                }
                None => return Err(fault),
            },
            Err(fault) => return Err(fault),
        }
    }
}

/// Sends a call, and notes it and what came of it.
pub(super) async fn noted<'a>(
    shared: &Shared,
    change: &Change,
    call: &'a Call,
    sending: impl FnOnce() -> Sending<'a>,
) -> Result<Answer, ServiceError> {
    if call.method == Method::Get {
        return sending().await;
    }
    let journal = &shared.options.journal;
    let line = call.line();
    let path = line.split_once(' ').map_or(line.as_str(), |(_, path)| path);
    let at = journal.begin(&change.address, call, shared.shown(path));
    let begun = Instant::now();
    let came = sending().await;
    journal.answered(&change.address, at, &came, begun.elapsed());
    came
}

/// Reads again and again until the kind finds the change ready.
async fn wait(
    shared: &Shared,
    change: &Change,
    kind: &'static dyn Kind,
    call: &Call,
    wait_for: &WaitFor,
) -> Result<(), String> {
    let begun = Instant::now();
    let mut pause = Duration::from_millis(200).min(shared.options.poll);
    let mut memory = Value::Null;
    loop {
        let (looks, hidden) = look(shared, &wait_for.reads).await.map_err(|why| format!("{}: {why}", call.line()))?;
        let waited = match (hidden, kind.settled(&wait_for.expect, &looks, &mut memory)) {
            (None, Ready::Yes) => return Ok(()),
            (None, Ready::NotYet(what)) => what,
            // What could not be read proves nothing, not even that something is gone.
            (Some(fault), _) => format!("it cannot be seen: {fault}"),
            (None, Ready::Never(why)) => {
                let manifest = change.source.as_ref().map_or_else(String::new, |s| format!(" ({}:{})", s.file, s.line));
                return Err(format!("{}: {why}{manifest}", call.line()));
            }
        };
        if begun.elapsed() + pause >= shared.options.patience {
            let seconds = shared.options.patience.as_secs();
            return Err(format!("{}: after {seconds} s {waited}", call.line()));
        }
        shared.waiting(change, &waited);
        sleep(pause).await;
        pause = (pause * 2).min(shared.options.poll);
    }
}

/// What the reads show now, and why the last of those that show nothing could not be read this time.
async fn look(shared: &Shared, reads: &[Call]) -> Result<(Vec<Value>, Option<String>), String> {
    let mut looks = Vec::with_capacity(reads.len());
    let mut hidden = None;
    for read in reads {
        let service = shared.services.for_system(read.system).map_err(|e| e.to_string())?;
        looks.push(match service.send(read).await {
            Ok(answer) => answer.body,
            Err(fault) if fault.is_gone() => Value::Null,
            // What is between two states may not be shown: Airflow 2 answers 500 for the source of a file that came
            // back and that it has yet to parse (recorded from 2.11.2).
            Err(fault) if fault.may_pass() => {
                hidden = Some(fault.to_string());
                Value::Null
            }
            Err(fault) => return Err(format!("its state cannot be read: {fault}")),
        });
    }
    Ok((looks, hidden))
}
