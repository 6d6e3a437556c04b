//! Sending a request to an object store as often as is safe and useful: what the clients of S3 and of Google Cloud Storage
//! have in common.

use super::random;
use super::rate_limiter::{RateLimiter, RequestOutcome};
use super::retry::{self, Attempts, Policy, Retry};
use plumb_model::call::{Call, Doubt, ServiceError};
use std::future::Future;
use std::time::Duration;
use tokio::time::Instant;

/// A refusal of a store.
pub(crate) trait StoreRefusal: Send {
    /// The HTTP status.
    fn status(&self) -> u16;
    /// How long the store asks to wait.
    fn retry_after(&self) -> Option<Duration>;
    /// Notes why it may have been done although it was refused.
    fn set_doubt(&mut self, doubt: Option<Doubt>);
}

/// How one attempt ended. The `bool` of a fault says that trying again cannot help.
pub(crate) type StoreAttempt<Reply, Refusal> = Result<Result<Reply, Refusal>, (ServiceError, bool)>;

/// A request that reads or sets a state, so that sending it twice does what sending it once does.
pub(crate) trait ObjectRequest: Send {
    /// What a success brings.
    type Reply: Send;
    /// What a refusal says.
    type Refusal: StoreRefusal;
    /// Whether it only reads.
    fn reads(&self) -> bool;
    /// Sends it once.
    fn attempt(&self, attempt: u32) -> impl Future<Output = StoreAttempt<Self::Reply, Self::Refusal>> + Send;
    /// The refusal as a fault.
    fn fault(&self, refusal: &Self::Refusal) -> ServiceError;
    /// Puts right what it was refused for (credentials that ended, another region). Says whether to send it again at once.
    fn mend(&mut self, refusal: &Self::Refusal) -> impl Future<Output = bool> + Send;
    /// The fault as whether to repeat is decided by it.
    fn judged(&self, fault: ServiceError) -> ServiceError {
        fault
    }
}

/// Sends a request. A refusal that stays is handed on: the caller knows what it means.
pub(crate) async fn send<R: ObjectRequest>(
    request: &mut R,
    call: &Call,
    pace: &RateLimiter,
    policy: &Policy,
) -> Result<Result<R::Reply, R::Refusal>, ServiceError> {
    // The time in line for the first attempt is not spent on trying.
    let mut began = None;
    let mut attempt = 0;
    let mut attempts = Attempts::default();
    let reads = request.reads();
    // Looking, whose failure leaves nothing open, may be a part of a call that writes.
    let mut failed = |fault: ServiceError| if reads { fault } else { attempts.failed(call, fault) };
    // Every request sets a state, so that sending it twice does what sending it once does.
    let repeatable = Call { repeatable: true, ..call.clone() };
    loop {
        let pass = pace.enter(call).await;
        let began = *began.get_or_insert_with(Instant::now);
        let (fault, mut refusal) = match request.attempt(attempt).await {
            Ok(Ok(reply)) => {
                pass.leave(RequestOutcome::Well);
                return Ok(Ok(reply));
            }
            Ok(Err(refusal)) => {
                let too_fast = matches!(refusal.status(), 429 | 503);
                pass.leave(if too_fast {
                    RequestOutcome::TooFast(refusal.retry_after())
                } else {
                    RequestOutcome::Well
                });
                (request.fault(&refusal), Some(refusal))
            }
            Err((fault, hopeless)) => {
                pass.leave(RequestOutcome::Otherwise);
                if hopeless {
                    return Err(failed(fault));
                }
                (fault, None)
            }
        };
        let fault = failed(fault);
        if let Some(refusal) = &mut refusal {
            refusal.set_doubt(fault.doubt());
            if request.mend(refusal).await {
                continue;
            }
        }
        let judged = request.judged(fault.clone());
        match (retry::next(policy, &repeatable, &judged, attempt, began.elapsed(), random()), refusal) {
            (Retry::After(wait), _) => tokio::time::sleep(wait).await,
            (Retry::GiveUp, Some(refusal)) => return Ok(Err(refusal)),
            (Retry::GiveUp, None) => return Err(fault),
        }
        attempt += 1;
    }
}
