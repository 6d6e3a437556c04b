//! The lease: keeps two applies to one target apart.
//!
//! [`protocol`] decides, [`store`] asks the workspace, and here is what runs them: taking the lease, keeping it alive
//! while an apply works, and closing a [`Gate`] before every write once it is lost. `docs/decisions/lease.md` says why two never
//! hold it.

pub mod holds;
pub mod protocol;
pub mod store;

use bytes::Bytes;
use plumb_model::call::{Answer, ByteSink, Call, Method, Sending, Service, ServiceError};
use protocol::{Generation, LeaseStatus, Millis, Process, StoreResponse, Terms, span};
use std::sync::Arc;
use std::time::Duration;
use store::{Holder, Newest, Store};
use tokio::sync::watch;
use tokio::time::Instant;

/// How often somebody who waits looks again.
const LOOK: Duration = Duration::from_secs(3);
/// How long to wait after a write that may have been done or not: the service is in trouble, and asking at once again would
/// use up the questions.
const TROUBLE: Duration = Duration::from_secs(1);
/// How long a question about a lease that is held may take: the next one has to come in time.
const ANSWER: Duration = Duration::from_secs(15);
/// How many questions taking the lease may need, with all the others that get in between.
const MOST_QUESTIONS: usize = 200;

/// Who holds a lease, and for how long unless it is renewed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldLease {
    pub generation: Generation,
    /// Written by others: not fit to be shown as it is.
    pub holder: Holder,
    /// By the service's clock.
    pub left: Duration,
}

/// Why there is no lease.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LeaseError {
    /// Somebody else has it.
    #[error("the lease is held")]
    Held(Box<HeldLease>),
    /// The folder cannot be read or written.
    #[error("{0}")]
    ServiceError(#[from] ServiceError),
    /// Others got in between, again and again.
    #[error("the lease changed hands again and again while plumb tried to take it")]
    Busy,
    /// Writes to its folder were sent, and no answer said whether they were done.
    #[error("plumb tried to take the lease again and again, and the service did not say whether its file was written")]
    Unclear,
}

/// A lease that is kept alive until it is released. Dropped, it is left to run out.
pub struct Lease {
    gate: Gate,
    release: tokio::sync::oneshot::Sender<()>,
    keeper: tokio::task::JoinHandle<Result<(), ServiceError>>,
}

impl Lease {
    /// Takes the lease, and waits up to `patience` for somebody else's to end. `waits` hears of whose it is.
    pub async fn take(
        store: Store,
        id: &str,
        terms: Terms,
        patience: Duration,
        waits: &(dyn Fn(&HeldLease) + Send + Sync),
    ) -> Result<Lease, LeaseError> {
        let began = Instant::now();
        let mut process = Process::new(id, terms);
        loop {
            match asked(&store, &mut process, began).await? {
                LeaseStatus::Holds(until) => return Ok(Lease::keep(store, process, began, until)),
                LeaseStatus::Busy { generation, left, .. } => {
                    let holder = store.newest(generation).await?.map(|n| n.holder).unwrap_or_default();
                    let held = HeldLease { generation, holder, left: span(left) };
                    let rest = patience.saturating_sub(began.elapsed());
                    if rest.is_zero() {
                        return Err(LeaseError::Held(Box::new(held)));
                    }
                    waits(&held);
                    tokio::time::sleep(LOOK.min(rest)).await;
                    process.again();
                }
                _ => return Err(LeaseError::Busy),
            }
        }
    }

    fn keep(store: Store, mut process: Process, began: Instant, until: Millis) -> Lease {
        let (open, gate) = watch::channel(Some(began + span(until)));
        let (release, mut released) = tokio::sync::oneshot::channel();
        let keeper = tokio::spawn(async move {
            loop {
                let now = millis(began);
                match process.stand(now) {
                    LeaseStatus::Holds(until) => drop(open.send(Some(began + span(until)))),
                    _ => drop(open.send(None)),
                }
                let Some(ask) = process.ask(now) else {
                    if !matches!(process.stand(now), LeaseStatus::Holds(_)) {
                        return Ok(());
                    }
                    tokio::select! {
                        asked = &mut released => match asked {
                            Ok(()) => process.release(),
                            // Nobody is left to release it: it runs out.
                            Err(_) => return Ok(()),
                        },
                        () = tokio::time::sleep(Duration::from_millis(250)) => {}
                    }
                    continue;
                };
                let told = tokio::time::timeout(ANSWER, store.ask(&ask)).await;
                let releases = matches!(ask, protocol::StoreRequest::Release(_));
                let failed = matches!(told, Ok(Err(_)) | Err(_));
                let told = match told {
                    Ok(Err(fault)) if releases => return Err(fault),
                    Ok(Ok(told)) => told,
                    _ => StoreResponse::Unclear,
                };
                process.told(told, millis(began));
                if failed && !releases {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        });
        Lease { gate: Gate(gate), release, keeper }
    }

    /// What tells whether it is still held.
    pub fn gate(&self) -> Gate {
        self.gate.clone()
    }

    /// Gives it back. An error says why it could not be given back: then it runs out by itself.
    pub async fn release(self) -> Result<(), ServiceError> {
        let _ = self.release.send(());
        self.keeper
            .await
            .unwrap_or_else(|e| Err(ServiceError::Lost { line: "keeping the lease".into(), why: e.to_string() }))
    }
}

/// Whose the lease is now, `None` when nobody's.
pub async fn look(store: &Store, terms: Terms) -> Result<Option<HeldLease>, LeaseError> {
    // Only the reading half of the protocol: a question that would write says that it is free.
    let mut process = Process::new("looks", terms);
    let began = Instant::now();
    for _ in 0..MOST_QUESTIONS {
        match process.ask(millis(began)) {
            Some(protocol::StoreRequest::Create(_)) => return Ok(None),
            Some(ask) => {
                let told = store.ask(&ask).await?;
                process.told(told, millis(began));
            }
            None => {
                let LeaseStatus::Busy { generation, left, .. } = process.stand(millis(began)) else { break };
                let newest: Option<Newest> = store.newest(generation).await?;
                let holder = newest.map(|n| n.holder).unwrap_or_default();
                return Ok(Some(HeldLease { generation, holder, left: span(left) }));
            }
        }
    }
    Err(LeaseError::Busy)
}

/// Takes the lease from whoever has it, and leaves it free. Whoever had it stops at its next renewal.
pub async fn unlock(store: Store, id: &str, terms: Terms) -> Result<(), LeaseError> {
    let mut process = Process::breaking(id, terms);
    match asked(&store.freeing(), &mut process, Instant::now()).await? {
        LeaseStatus::Holds(_) => Ok(()),
        _ => Err(LeaseError::Busy),
    }
}

/// Asks until the process stands somewhere.
async fn asked(store: &Store, process: &mut Process, began: Instant) -> Result<LeaseStatus, LeaseError> {
    let mut unclear = false;
    for _ in 0..MOST_QUESTIONS {
        match process.stand(millis(began)) {
            LeaseStatus::Asking => {}
            stand => return Ok(stand),
        }
        let Some(ask) = process.ask(millis(began)) else { break };
        let told = store.ask(&ask).await?;
        // An old file that stays is in nobody's way.
        let trouble = told == StoreResponse::Unclear && !matches!(ask, protocol::StoreRequest::Remove(_));
        process.told(told, millis(began));
        if trouble {
            unclear = true;
            tokio::time::sleep(TROUBLE).await;
        }
    }
    Err(if unclear { LeaseError::Unclear } else { LeaseError::Busy })
}

fn millis(began: Instant) -> Millis {
    Millis::try_from(began.elapsed().as_millis()).unwrap_or(Millis::MAX)
}

/// Open for as long as the lease is held.
#[derive(Clone)]
pub struct Gate(watch::Receiver<Option<Instant>>);

impl Gate {
    /// Whether a write may be sent now.
    pub fn is_open(&self) -> bool {
        self.0.borrow().is_some_and(|until| Instant::now() < until)
    }

    /// Returns when it has closed.
    pub async fn closed(&self) {
        let mut state = self.0.clone();
        loop {
            let Some(until) = *state.borrow_and_update() else { return };
            tokio::select! {
                () = tokio::time::sleep_until(until) => {
                    if !self.is_open() {
                        return;
                    }
                }
                changed = state.changed() => {
                    // The keeper is gone: the time that is left is left.
                    if changed.is_err() {
                        tokio::time::sleep_until(until).await;
                        return;
                    }
                }
            }
        }
    }

    /// The service, behind the gate: no write is begun once it is closed, and none is repeated.
    pub fn before(&self, service: Arc<dyn Service>) -> Arc<dyn Service> {
        Arc::new(Fenced { service, gate: self.clone() })
    }
}

struct Fenced {
    service: Arc<dyn Service>,
    gate: Gate,
}

impl Fenced {
    async fn deliver<'a>(&self, call: &Call, sending: impl FnOnce() -> Sending<'a>) -> Result<Answer, ServiceError> {
        if call.method == Method::Get {
            return sending().await;
        }
        let why = "the lease is lost, and another apply may be at work; what was on its way may have been done or not, \
                   and `plumb plan` shows what is left to do";
        if !self.gate.is_open() {
            // As a refusal: whoever waits out that a service is away must not wait for this one.
            return Err(ServiceError::Refused {
                line: call.line(),
                status: 423,
                code: "LEASE_LOST".into(),
                message: why.into(),
                request_id: None,
                retry_after: None,
                doubt: None,
            });
        }
        tokio::select! {
            biased;
            answer = sending() => answer,
            () = self.gate.closed() => Err(ServiceError::Lost { line: call.line(), why: why.into() }),
        }
    }
}

impl Service for Fenced {
    fn send<'a>(&'a self, call: &'a Call) -> Sending<'a> {
        Box::pin(self.deliver(call, || self.service.send(call)))
    }

    fn send_bytes<'a>(&'a self, call: &'a Call, body: &'a Bytes) -> Sending<'a> {
        Box::pin(self.deliver(call, || self.service.send_bytes(call, body)))
    }

    fn receive<'a>(&'a self, call: &'a Call, sink: &'a mut dyn ByteSink) -> Sending<'a> {
        self.service.receive(call, sink)
    }
}

#[cfg(test)]
mod tests;
