//! What an apply did, for programs.

use super::{outcome, shown};
use crate::plan::outcome::{ApplyOutcome, ChangeRecords, Ended, SentEnd};
use crate::plan::{Action, Plan};
use plumb_model::address::Address;
use plumb_model::call::Method;
use schemars::JsonSchema;
use serde::Serialize;
use std::time::Duration;

/// What the JSON form is called, so that a reader can refuse one it does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub enum AppliedFormat {
    #[serde(rename = "plumb.apply/v1")]
    V1,
}

/// What one apply did: the plan that it decided on, and how each change ended.
///
/// Values in it are fit to be shown, as those of a plan.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Applied {
    pub format: AppliedFormat,
    /// The code that the process ends with.
    pub exit_code: u8,
    /// Why nothing was carried out, or not all of it: a guard, an interrupt, an approval of something else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    pub counts: AppliedCounts,
    /// Every change of the plan, in the order of addresses.
    pub changes: Vec<AppliedChange>,
    /// What was decided just before, in the form of `plan.json`.
    pub plan: Plan,
}

/// How many changes ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AppliedCounts {
    pub done: usize,
    pub failed: usize,
    pub unknown: usize,
    pub stale: usize,
    pub skipped: usize,
    pub not_started: usize,
}

/// How a change ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeOutcome {
    /// Every request was done.
    Done,
    /// A request was not done; `calls` says which were.
    Failed,
    /// A request was sent, and whether it was done is not known.
    Unknown,
    /// The object changed since the plan was made; nothing was sent.
    Stale,
    /// A change that it depends on was not done, or is not known to be; nothing was sent.
    Skipped,
    /// Its turn never came; nothing was sent.
    NotStarted,
}

/// What came of one change.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct AppliedChange {
    pub address: Address,
    pub action: Action,
    /// The object's id; a new object's as soon as it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    pub outcome: ChangeOutcome,
    /// From its beginning to its end, in milliseconds; absent when it was not begun or has no end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// The requests that it sent to change something, in order. Reads are left out.
    pub calls: Vec<AppliedCall>,
    /// Why it was not done, or is not known to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The change that it waited for, when it was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<Address>,
    /// Fields that are not as wanted although every request was done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<String>,
    /// Why it could not be read whether all is as wanted, although every request was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unverified: Option<String>,
}

/// A request that changes something. Repetitions on the way to a busy service count as one.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct AppliedCall {
    pub method: Method,
    /// With its query, without the host.
    pub path: String,
    pub result: CallResult,
    /// The status of the answer, where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// From sending it to its answer, in milliseconds, pauses between repetitions included.
    pub duration_ms: u64,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CallResult {
    /// It was answered with success.
    Done,
    /// The service refused it; it did nothing.
    Refused,
    /// It did not leave this machine.
    NotSent,
    /// It was sent, and whether it was done is not known.
    Unknown,
}

/// Puts together what an apply did. A change of the plan that the outcome does not have was not started; `besides` are changes
/// that were taken out of the plan before, with how they ended.
pub fn applied(
    plan: &Plan,
    outcome: &ApplyOutcome,
    records: &ChangeRecords,
    besides: &[(Address, Action, Ended)],
    (exit_code, error): (u8, Option<&str>),
) -> Applied {
    let mut all = outcome.clone();
    for (address, _, ended) in besides {
        all.changes.insert(address.clone(), ended.clone());
    }
    let planned = plan.changes.iter().map(|c| (&c.address, c.action, c.id.as_ref()));
    let taken_out = besides.iter().map(|(address, action, _)| (address, *action, None));
    let mut changes: Vec<AppliedChange> = planned
        .chain(taken_out)
        .map(|(address, action, id)| {
            let ended = all.changes.get(address).unwrap_or(&Ended::NotStarted);
            change(&all, records, (address, action, id), ended)
        })
        .collect();
    changes.sort_by(|a, b| a.address.cmp(&b.address));
    let count = |what: ChangeOutcome| changes.iter().filter(|c| c.outcome == what).count();
    let counts = AppliedCounts {
        done: count(ChangeOutcome::Done),
        failed: count(ChangeOutcome::Failed),
        unknown: count(ChangeOutcome::Unknown),
        stale: count(ChangeOutcome::Stale),
        skipped: count(ChangeOutcome::Skipped),
        not_started: count(ChangeOutcome::NotStarted),
    };
    let error = error.map(str::to_owned);
    Applied { format: AppliedFormat::V1, exit_code, error, counts, changes, plan: plan.clone() }
}

fn change(
    all: &ApplyOutcome,
    records: &ChangeRecords,
    (address, action, planned): (&Address, Action, Option<&String>),
    ended: &Ended,
) -> AppliedChange {
    let record = records.get(address).cloned().unwrap_or_default();
    let calls = record.sent.iter().map(|sent| AppliedCall {
        method: sent.method,
        path: sent.path.clone(),
        result: match sent.end {
            SentEnd::Done => CallResult::Done,
            SentEnd::Refused => CallResult::Refused,
            SentEnd::NotSent => CallResult::NotSent,
            SentEnd::Unknown => CallResult::Unknown,
        },
        status: sent.status,
        duration_ms: milliseconds(sent.took),
    });
    let mut change = AppliedChange {
        address: address.clone(),
        action,
        id: planned.cloned(),
        outcome: ChangeOutcome::Done,
        duration_ms: record.took.map(milliseconds),
        calls: calls.collect(),
        error: outcome::error(all, ended),
        because: None,
        left: Vec::new(),
        unverified: None,
    };
    change.outcome = match ended {
        Ended::Done { id, left, unverified } => {
            change.id = id.clone().or(change.id);
            change.left = left.clone();
            change.unverified = unverified.clone();
            ChangeOutcome::Done
        }
        Ended::Failed { .. } => ChangeOutcome::Failed,
        Ended::Unknown { .. } => ChangeOutcome::Unknown,
        Ended::Stale { .. } => ChangeOutcome::Stale,
        Ended::Skipped { because } => {
            change.because = Some(because.clone());
            ChangeOutcome::Skipped
        }
        Ended::NotStarted => ChangeOutcome::NotStarted,
    };
    change
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Renders it as JSON, indented, ending in a newline, hidden characters escaped.
pub fn applied_json(applied: &Applied) -> Result<String, serde_json::Error> {
    let mut text = shown(&serde_json::to_string_pretty(applied)?);
    text.push('\n');
    Ok(text)
}

#[cfg(test)]
#[path = "applied_tests.rs"]
mod tests;
