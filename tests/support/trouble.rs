//! A workspace in which one call goes wrong, in every way that a call can.

use crate::world::{Direct, World};
use bytes::Bytes;
use plumb_core::manifest::Desired;
use plumb_core::plan::outcome::ApplyOutcome;
use plumb_model::call::{Answer, ByteSink, Call, Method, Sending, Service, ServiceError, System};
use serde_json::{Value, json};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};
use tokio::sync::Notify;

/// A way for a call to go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing goes wrong.
    None,
    /// The service fails before it does anything.
    FailsBefore,
    /// The service is too busy, and says to come back at once.
    Busy,
    /// The connection breaks before the service does anything.
    BreaksBefore,
    /// The service does it, and fails then.
    FailsAfter,
    /// The service does it, and a gateway says that it is too busy.
    BusyAfter,
    /// The service does it, and the connection breaks before the answer.
    BreaksAfter,
    /// The service does it, and the connection breaks in the middle of the answer.
    Truncates,
    /// Plumb is killed before it sends the call.
    KilledBefore,
    /// Plumb is killed when the service has done it.
    KilledAfter,
}

impl Trouble {
    /// What can happen to a call. A read has no effect, so nothing can happen after it that could not happen before;
    /// and to be killed before it is to be killed after the write before.
    pub fn of(call: &Call) -> &'static [Trouble] {
        use Trouble::*;
        match (call.system, call.method) {
            // No server stands before a folder of DAG files; a bucket's answer may be lost.
            (System::DagFiles, Method::Get) => &[FailsBefore],
            (System::DagFiles, _) => &[FailsBefore, BreaksBefore, BreaksAfter, KilledBefore, KilledAfter],
            (_, Method::Get) => &[FailsBefore, Truncates],
            _ if call.creates.is_some() => &[
                FailsBefore,
                Busy,
                BreaksBefore,
                FailsAfter,
                BusyAfter,
                BreaksAfter,
                Truncates,
                KilledBefore,
                KilledAfter,
            ],
            _ => &[FailsBefore, Busy, BreaksBefore, FailsAfter, BreaksAfter, Truncates, KilledBefore, KilledAfter],
        }
    }

    fn fault(self) -> Option<Value> {
        Some(match self {
            Trouble::FailsBefore => json!({ "path": "*", "status": 500 }),
            Trouble::Busy => json!({ "path": "*", "status": 503, "retry_after": 0 }),
            Trouble::BreaksBefore => json!({ "path": "*", "drop": true }),
            Trouble::FailsAfter => json!({ "path": "*", "status": 500, "when": "after" }),
            Trouble::BusyAfter => json!({ "path": "*", "status": 503, "retry_after": 0, "when": "after" }),
            Trouble::BreaksAfter => json!({ "path": "*", "drop": true, "when": "after" }),
            Trouble::Truncates => json!({ "path": "*", "truncate": 1 }),
            Trouble::None | Trouble::KilledBefore | Trouble::KilledAfter => return None,
        })
    }
}

/// A service in which the call of one number goes wrong.
pub struct Troubled {
    world: Arc<World>,
    direct: Arc<Direct>,
    trouble: Trouble,
    at: usize,
    next: AtomicUsize,
    killed: Notify,
    /// Every call that was sent.
    pub calls: Mutex<Vec<Call>>,
}

impl Troubled {
    /// The call number `at`, from 0, goes wrong.
    pub fn new(world: Arc<World>, trouble: Trouble, at: usize) -> Arc<Troubled> {
        let (next, calls) = (AtomicUsize::new(0), Mutex::default());
        let direct = world.direct();
        Arc::new(Troubled { world, direct, trouble, at, next, killed: Notify::new(), calls })
    }

    /// Waits until plumb is killed.
    pub async fn was_killed(&self) {
        self.killed.notified().await;
    }

    /// Never goes on: the apply is dropped meanwhile.
    async fn die(&self) {
        self.killed.notify_one();
        std::future::pending::<()>().await;
    }
}

impl Troubled {
    /// Sends a call by `sending`, in trouble if it is its turn.
    async fn deliver<'a>(
        &'a self,
        call: &'a Call,
        sending: impl FnOnce() -> Sending<'a>,
    ) -> Result<Answer, ServiceError> {
        self.calls.lock().unwrap().push(call.clone());
        let mine = self.next.fetch_add(1, Ordering::SeqCst) == self.at;
        if mine && self.trouble == Trouble::KilledBefore {
            self.die().await;
        }
        if mine && call.system == System::DagFiles {
            match self.trouble {
                Trouble::FailsBefore => {
                    return Err(ServiceError::NotSent { line: call.line(), why: "the disk is away".into() });
                }
                Trouble::BreaksAfter => drop(self.direct.send(call).await),
                _ => {}
            }
            if matches!(self.trouble, Trouble::BreaksBefore | Trouble::BreaksAfter) {
                return Err(ServiceError::Lost { line: call.line(), why: "the connection broke".into() });
            }
        } else if let Some(fault) = self.trouble.fault().filter(|_| mine) {
            self.world.control("POST", "faults", fault).await;
        }
        let answer = sending().await;
        if mine && self.trouble == Trouble::KilledAfter {
            self.die().await;
        }
        answer
    }
}

impl Service for Troubled {
    fn send<'a>(&'a self, call: &'a Call) -> Sending<'a> {
        Box::pin(self.deliver(call, || self.direct.send(call)))
    }

    fn send_bytes<'a>(&'a self, call: &'a Call, body: &'a Bytes) -> Sending<'a> {
        Box::pin(self.deliver(call, || self.direct.send_bytes(call, body)))
    }

    fn receive<'a>(&'a self, call: &'a Call, sink: &'a mut dyn ByteSink) -> Sending<'a> {
        Box::pin(self.deliver(call, || self.direct.receive(call, sink)))
    }
}

/// Plans in peace, and applies in trouble. `None`: plumb was killed.
pub async fn apply(world: &World, desired: &Desired, troubled: Arc<Troubled>) -> Option<ApplyOutcome> {
    let (live, decision) = world.plan(desired).await;
    let services = world.through(troubled.clone());
    let outcome = tokio::select! {
        outcome = world.carry_out(&services, desired, &live, decision) => Some(outcome),
        () = troubled.was_killed() => None,
    };
    world.control("DELETE", "faults", Value::Null).await;
    outcome
}
