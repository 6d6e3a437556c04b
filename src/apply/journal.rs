//! What each change of an apply has sent, noted as it happens: whatever ends a change early, it can be told what was done.

use plumb_core::plan::outcome::{ChangeRecord, ChangeRecords, Ended, Sent, SentEnd};
use plumb_model::address::Address;
use plumb_model::call::{Answer, Call, ServiceError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Notes what changes send. Clones share what they note.
#[derive(Clone, Debug, Default)]
pub struct Journal(Arc<Mutex<ChangeRecords>>);

impl Journal {
    fn lock(&self) -> MutexGuard<'_, ChangeRecords> {
        // A panic elsewhere leaves the map as it was after its last whole change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is noted of all changes so far.
    pub fn records(&self) -> ChangeRecords {
        self.lock().clone()
    }

    /// What is noted of a change.
    pub fn record(&self, address: &Address) -> ChangeRecord {
        self.lock().get(address).cloned().unwrap_or_default()
    }

    /// Notes that a request is about to be sent. `path` is what is shown of it. Says where it is noted.
    pub(super) fn begin(&self, address: &Address, call: &Call, path: String) -> usize {
        let mut all = self.lock();
        let sent = &mut all.entry(address.clone()).or_default().sent;
        sent.push(Sent { method: call.method, path, end: SentEnd::Unknown, status: None, took: Duration::ZERO });
        sent.len() - 1
    }

    /// Notes what came of it.
    pub(super) fn answered(&self, address: &Address, at: usize, came: &Result<Answer, ServiceError>, took: Duration) {
        let mut all = self.lock();
        let Some(sent) = all.get_mut(address).and_then(|record| record.sent.get_mut(at)) else { return };
        sent.took = took;
        (sent.end, sent.status) = match came {
            Ok(answer) => (SentEnd::Done, Some(answer.status)),
            Err(fault) => {
                let status = match fault {
                    ServiceError::Refused { status, .. } => Some(*status),
                    ServiceError::NotSent { .. } | ServiceError::Lost { .. } => None,
                };
                let end = match fault {
                    _ if fault.may_have_happened() => SentEnd::Unknown,
                    ServiceError::NotSent { .. } => SentEnd::NotSent,
                    ServiceError::Refused { .. } | ServiceError::Lost { .. } => SentEnd::Refused,
                };
                (end, status)
            }
        };
    }

    /// Notes that a change has ended.
    pub(super) fn ended(&self, address: &Address, took: Duration) {
        self.lock().entry(address.clone()).or_default().took = Some(took);
    }

    /// How a change ended that was broken off, by what was sent of it: nobody can ask it any more. A request that may still
    /// have been done makes it unknown.
    pub(super) fn broken_off(&self, address: &Address, why: String) -> Ended {
        let sent = self.record(address).sent;
        let is_open = sent.last().is_some_and(|last| last.end == SentEnd::Unknown);
        let sent = done(&sent);
        if is_open { Ended::Unknown { why, sent } } else { Ended::Failed { why, sent } }
    }

    /// The same of a change whose process is about to end: what it sends meanwhile nobody notes.
    pub fn cut_off(&self, address: &Address) -> Ended {
        let why = "stopped at once while it was under way".to_owned();
        Ended::Unknown { why, sent: done(&self.record(address).sent) }
    }
}

/// The requests that were done, as messages have them.
fn done(sent: &[Sent]) -> Vec<String> {
    let done = sent.iter().filter(|one| one.end == SentEnd::Done);
    done.map(|one| format!("{} {}", one.method.name(), one.path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use plumb_model::call::Method;
    use plumb_model::call::System;
    use serde_json::json;

    fn address() -> Address {
        Address { kind: "DatabricksJob".into(), name: "a".into() }
    }

    fn refused(status: u16) -> Result<Answer, ServiceError> {
        Err(ServiceError::Refused {
            line: "POST /x".into(),
            status,
            code: "CODE".into(),
            message: "no".into(),
            request_id: None,
            retry_after: None,
            doubt: None,
        })
    }

    /// Notes these requests; `None` for one that was never answered.
    fn journal(came: &[Option<Result<Answer, ServiceError>>]) -> Journal {
        let journal = Journal::default();
        for (number, came) in came.iter().enumerate() {
            let path = format!("/api/{number}");
            let call = Call::set(System::Databricks, Method::Post, path.clone(), json!({}));
            let at = journal.begin(&address(), &call, path);
            if let Some(came) = came {
                journal.answered(&address(), at, came, Duration::from_millis(7));
            }
        }
        journal
    }

    #[test]
    fn a_change_that_was_broken_off_ends_as_what_it_sent_tells() {
        let ok = || Some(Ok(Answer { status: 200, body: json!({}), request_id: None }));
        let lost = || Some(Err(ServiceError::Lost { line: "POST /x".into(), why: "reset".into() }));
        let unsent = || Some(Err(ServiceError::NotSent { line: "POST /x".into(), why: "no route".into() }));
        let first = || vec!["POST /api/0".to_owned()];
        let failed = |sent: Vec<String>| Ended::Failed { why: "it broke".into(), sent };
        let unknown = |sent: Vec<String>| Ended::Unknown { why: "it broke".into(), sent };
        let cases = [
            // Only read so far.
            (vec![], failed(vec![])),
            // Under way, and nobody heard the answer.
            (vec![None], unknown(vec![])),
            (vec![ok()], failed(first())),
            (vec![ok(), None], unknown(first())),
            (vec![ok(), lost()], unknown(first())),
            (vec![ok(), Some(refused(503))], unknown(first())),
            (vec![ok(), Some(refused(400))], failed(first())),
            (vec![unsent()], failed(vec![])),
            // A create that was looked up and sent again.
            (vec![lost(), ok()], failed(vec!["POST /api/1".to_owned()])),
        ];
        for (number, (came, ended)) in cases.into_iter().enumerate() {
            assert_eq!(journal(&came).broken_off(&address(), "it broke".into()), ended, "case {number}");
        }
        let Ended::Unknown { sent, .. } = journal(&[ok()]).cut_off(&address()) else { panic!("it is told") };
        assert_eq!(sent, first());
    }

    #[test]
    fn each_request_is_noted_with_what_came_of_it() {
        let ok = Some(Ok(Answer { status: 201, body: json!({}), request_id: None }));
        let journal = journal(&[ok, Some(refused(409)), Some(refused(502)), None]);
        journal.ended(&address(), Duration::from_secs(2));
        let record = journal.record(&address());
        let ends: Vec<_> = record.sent.iter().map(|one| (one.path.as_str(), one.end, one.status)).collect();
        assert_eq!(
            ends,
            [
                ("/api/0", SentEnd::Done, Some(201)),
                ("/api/1", SentEnd::Refused, Some(409)),
                ("/api/2", SentEnd::Unknown, Some(502)),
                ("/api/3", SentEnd::Unknown, None),
            ]
        );
        assert_eq!((record.sent[0].took, record.took), (Duration::from_millis(7), Some(Duration::from_secs(2))));
        assert_eq!(journal.record(&Address { name: "b".into(), ..address() }), ChangeRecord::default());
    }
}
