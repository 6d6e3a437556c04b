//! Sending one call of a change, and what to do when it is not simply answered.

use super::{Shared, lost};
use plumb_core::kinds::Kind;
use plumb_core::plan::{Change, references};
use plumb_model::call::{Answer, Call, Fault, Method, Service, Settled, Settles, Until};
use serde_json::Value;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Why a change did not get past a call.
pub(super) struct Failed {
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

impl Failed {
    /// Nothing was sent.
    pub fn unsent(why: String) -> Failed {
        Failed { why, call: Stands::NotDone }
    }

    /// As much as the fault of the call says.
    pub fn of(fault: &Fault) -> Failed {
        let call = if fault.may_have_happened() { Stands::NotKnown } else { Stands::NotDone };
        Failed { why: fault.to_string(), call }
    }
}

/// What came of a call.
pub(super) struct Carried {
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
) -> Result<Carried, Failed> {
    let ready = fill(shared, call, id).map_err(Failed::unsent)?;
    let carried = carry_out(shared, change, kind, &ready).await?;
    match become_true(shared, change, kind, &ready, carried.made.as_deref().or(id)).await {
        Ok(()) => Ok(carried),
        Err(why) => Err(Failed { why, call: if carried.effect { Stands::Done } else { Stands::NotDone } }),
    }
}

async fn carry_out(shared: &Shared, change: &Change, kind: &'static dyn Kind, call: &Call) -> Result<Carried, Failed> {
    if let Some(pointer) = call.creates {
        let made = lost::create(shared, change, kind, call, pointer).await?;
        return Ok(Carried { made: Some(made), effect: true });
    }
    let answer = settle(shared, change, call).await.map_err(|fault| {
        let mut failed = Failed::of(&fault);
        if fault.is_wrong_state() && call.waits_out_state {
            let minutes = shared.options.patience.as_secs() / 60;
            failed.why = format!("{fault}; waited {minutes} min for another state");
        }
        failed
    })?;
    Ok(Carried { made: None, effect: answer.is_some() })
}

/// Waits for what has to become true after a call. `id` is that of the object.
async fn become_true(
    shared: &Shared,
    change: &Change,
    kind: &'static dyn Kind,
    call: &Call,
    id: Option<&str>,
) -> Result<(), String> {
    if let Some(until) = &call.until {
        let filled = |text: &str| id.map_or_else(|| text.to_owned(), |id| text.replace("${id}", id));
        let query = until.query.iter().map(|(k, v)| (k.clone(), filled(v))).collect();
        let until = Until { path: filled(&until.path), query, ..until.clone() };
        wait(shared, change, call, &until).await?;
    }
    match &call.settles {
        Some(settles) => settled(shared, change, kind, call, settles).await,
        None => Ok(()),
    }
}

/// Fills in the ids and secrets that the plan does not hold.
fn fill(shared: &Shared, call: &Call, id: Option<&str>) -> Result<Call, String> {
    let ids = shared.ids().clone();
    let missing = |address: String| format!("{}: the id of {address} is not known", call.line());
    let mut call = call.clone();
    call.path = references::fill_late_text(&call.path, &ids, id).map_err(missing)?;
    if let Some(body) = &call.body {
        let body = references::fill_late(body, &ids, id).map_err(missing_id)?;
        call.body = Some(shared.decision.vault.reveal_in(&body));
    }
    if let Some(settles) = &mut call.settles {
        settles.expect = references::fill_late(&settles.expect, &ids, id).map_err(missing_id)?;
    }
    if let Some(otherwise) = &call.otherwise {
        call.otherwise = Some(Box::new(fill(shared, otherwise, id)?));
    }
    Ok(call)
}

fn missing_id(address: String) -> String {
    format!("the id of {address} is not known")
}

/// Sends a call, waiting out a state that does not allow it. `None`: what it is about is gone, and that is as good.
pub(super) async fn settle(shared: &Shared, change: &Change, call: &Call) -> Result<Option<Answer>, Fault> {
    let service = shared.services.for_system(call.system)?;
    let begun = Instant::now();
    let mut pause = Duration::from_millis(500).min(shared.options.poll);
    loop {
        match noted(shared, change, &*service, call).await {
            Ok(answer) => return Ok(Some(answer)),
            Err(fault) if call.gone_is_done && fault.is_gone() => return Ok(None),
            Err(fault) if fault.is_wrong_state() => match &call.otherwise {
                Some(otherwise) => return Box::pin(settle(shared, change, otherwise)).await,
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
async fn noted(shared: &Shared, change: &Change, service: &dyn Service, call: &Call) -> Result<Answer, Fault> {
    if call.method == Method::Get {
        return service.send(call).await;
    }
    let journal = &shared.options.journal;
    let line = call.line();
    let path = line.split_once(' ').map_or(line.as_str(), |(_, path)| path);
    let at = journal.begin(&change.address, call, shared.shown(path));
    let begun = Instant::now();
    let came = service.send(call).await;
    journal.answered(&change.address, at, &came, begun.elapsed());
    came
}

/// Looks again and again until the kind finds the change settled.
async fn settled(
    shared: &Shared,
    change: &Change,
    kind: &'static dyn Kind,
    call: &Call,
    settles: &Settles,
) -> Result<(), String> {
    let begun = Instant::now();
    let mut pause = Duration::from_millis(200).min(shared.options.poll);
    let mut memory = Value::Null;
    loop {
        let mut looks = Vec::with_capacity(settles.reads.len());
        let mut hidden = None;
        for read in &settles.reads {
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
                Err(fault) => return Err(fault.to_string()),
            });
        }
        let waited = match (hidden, kind.settled(&settles.expect, &looks, &mut memory)) {
            (None, Settled::Yes) => return Ok(()),
            (None, Settled::NotYet(what)) => what,
            // What could not be read proves nothing, not even that something is gone.
            (Some(fault), _) => format!("it cannot be seen: {fault}"),
            (None, Settled::Never(why)) => {
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

/// Reads a state again and again until it is a good one.
async fn wait(shared: &Shared, change: &Change, call: &Call, until: &Until) -> Result<(), String> {
    let service = shared.services.for_system(call.system).map_err(|e| e.to_string())?;
    let mut read = Call::get(call.system, until.path.clone());
    read.query = until.query.clone();
    let begun = Instant::now();
    let mut pause = Duration::from_millis(200).min(shared.options.poll);
    loop {
        let waited = match service.send(&read).await {
            Ok(answer) => {
                let state = answer.body.pointer(until.pointer).and_then(Value::as_str).unwrap_or("unknown");
                if until.good.contains(&state) {
                    return Ok(());
                }
                if until.bad.contains(&state) {
                    let why = answer.body.get("state_message").and_then(Value::as_str).unwrap_or("no reason given");
                    return Err(format!("{}: its state became {state}: {why}", call.line()));
                }
                format!("it is {state}")
            }
            Err(fault) if fault.may_pass() => format!("it cannot be seen: {fault}"),
            Err(fault) => return Err(format!("{}: its state cannot be read: {fault}", call.line())),
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
