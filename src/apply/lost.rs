//! Creates whose answer was lost: the object is looked up by its mark before the call is sent again, so that nothing is
//! ever made twice; and what cannot be found out is said to be not known.

use super::Shared;
use super::send::{CallFailure, Stands, settle};
use crate::observe;
use plumb_core::kinds::Kind;
use plumb_core::plan::Change;
use plumb_model::call::{Call, ServiceError};
use serde_json::Value;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How often a create is sent, at most, when its answer is lost and the object is not found either.
const CREATES: usize = 3;

/// Sends a call that makes an object, and returns its id. Only a documented refusal, and a call that never left, are known
/// to have made nothing.
pub(super) async fn create(
    shared: &Shared,
    change: &Change,
    kind: &'static dyn Kind,
    call: &Call,
    pointer: &str,
) -> Result<String, CallFailure> {
    // What was said to attempts that may have made it.
    let mut unclear: Vec<String> = Vec::new();
    for attempt in 1..=CREATES {
        let mut wait = Duration::ZERO;
        let again = match settle(shared, change, call).await {
            Ok(answer) => match answer.and_then(|a| made(call, &a.body, pointer)) {
                Some(id) => return Ok(id),
                None => {
                    unclear.push(format!("{}: the answer has no {pointer}", call.line()));
                    false
                }
            },
            Err(fault) if unclear.is_empty() && !fault.may_have_happened() => return Err(CallFailure::of(&fault)),
            Err(fault) => {
                wait = fault.retry_after().unwrap_or_default().min(shared.options.outage);
                let again = is_worth_another(&fault);
                let said = fault.to_string();
                if !unclear.contains(&said) {
                    unclear.push(said);
                }
                again
            }
        };
        let last = unclear.join("; then ");
        let not_known = |why: String| CallFailure { why, call: Stands::NotKnown };
        match look_up(shared, change, kind, wait).await {
            Ok(Some(id)) => return Ok(id),
            Ok(None) if again && attempt < CREATES => {}
            Ok(None) => {
                let times = if attempt == 1 { "once".to_owned() } else { format!("{attempt} times") };
                return Err(not_known(format!(
                    "{last}; it was sent {times}, and no object with its mark is to be seen"
                )));
            }
            Err(why) => return Err(not_known(format!("{last}; {why}"))),
        }
    }
    // The last attempt returns.
    Err(CallFailure::unsent(format!("{}: not sent", call.line())))
}

/// Whether the call may fare better once it is certain that it made nothing: what refuses it now will refuse it then.
fn is_worth_another(fault: &ServiceError) -> bool {
    match fault {
        ServiceError::NotSent { .. } | ServiceError::Lost { .. } => true,
        ServiceError::Refused { status, .. } => *status >= 500 && *status != 501 || matches!(*status, 408 | 429 | 499),
    }
}

/// Looks for the object that a create may have made, for longer than lists lag. A look that fails proves nothing, so it is
/// repeated, for as long as a service is waited for that went away.
async fn look_up(
    shared: &Shared,
    change: &Change,
    kind: &'static dyn Kind,
    wait: Duration,
) -> Result<Option<String>, String> {
    sleep(wait).await;
    let owner = shared.owner(&change.address);
    let begun = Instant::now();
    let mut grace = shared.options.grace.iter();
    let mut pause = Duration::from_millis(200).min(shared.options.poll);
    // Why the last look saw nothing, whether or not there was anything.
    let mut hidden: Option<String> = None;
    loop {
        match grace.next() {
            Some(pause) => sleep(*pause).await,
            None if hidden.is_none() => return Ok(None),
            None if begun.elapsed() + pause < shared.options.outage => {
                sleep(pause).await;
                pause = (pause * 2).min(shared.options.poll);
            }
            None => return Err(hidden.unwrap_or_default()),
        }
        hidden = match observe::find_marked(&shared.services, kind, &shared.scopes, (&owner, &change.title)).await {
            Ok(found) => match found.as_slice() {
                [] => None,
                [one] => return Ok(Some(one.seen.id.clone())),
                several => {
                    let ids: Vec<&str> = several.iter().map(|f| f.seen.id.as_str()).collect();
                    return Err(format!("and now {} carry its mark", ids.join(" and ")));
                }
            },
            Err(fault) => {
                let why = format!("looking for it by its mark: {fault}");
                if !fault.may_pass() {
                    return Err(why);
                }
                shared.waiting(change, &why);
                Some(why)
            }
        };
    }
}

/// The id of what a create made. An empty answer is of an object that is known by the name that it was given.
fn made(call: &Call, answer: &Value, pointer: &str) -> Option<String> {
    let is_empty = answer.as_object().is_some_and(serde_json::Map::is_empty);
    id_at(if is_empty { call.body.as_ref()? } else { answer }, pointer)
}

fn id_at(body: &Value, pointer: &str) -> Option<String> {
    match body.pointer(pointer)? {
        Value::String(s) => Some(s.clone()),
        Value::Number(n) => Some(n.to_string()),
        _ => None,
    }
}
