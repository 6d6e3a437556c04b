//! Whether a call that failed is sent again, and when. Pure.

use plumb_model::call::{Call, Method, ServiceError};
use std::time::Duration;

/// What to do after a fault.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Retry {
    /// Send it again after this time.
    After(Duration),
    /// Hand the fault on.
    GiveUp,
}

/// How long and how often to try.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    /// The wait after the first failure; it doubles with each one.
    pub first: Duration,
    /// The longest wait between two attempts, unless the service asks for a longer one.
    pub longest: Duration,
    /// The time from the first attempt after which none is made (the official SDKs stop after 5 minutes too).
    pub total: Duration,
    /// The most attempts when no answer comes. An unreachable host is usually a wrong one: 5 minutes would be too long
    /// to say so.
    pub unanswered: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            first: Duration::from_millis(500),
            longest: Duration::from_secs(10),
            total: Duration::from_secs(300),
            unanswered: 6,
        }
    }
}

/// Messages of passing troubles, whatever the status (databricks-sdk-go, `apierr`; the last of those from the Jobs API's gateway).
const PASSING: &[&str] = &[
    "UnknownWorkerEnvironmentException",
    "does not have any associated worker environments",
    "There is no worker environment with id",
    "Unknown worker environment",
    "ClusterNotReadyException",
    "Timed out after ",
    "deadline exceeded",
    "RPC token bucket limit has been exceeded",
    // Airflow's metadata database, busy or gone for a moment.
    "Database error",
    "database is locked",
    // S3 (Amazon S3 API reference, "Error responses": InternalError, RequestTimeout, OperationAborted).
    "We encountered an internal error",
    "was not read from or written to within the timeout period",
    "A conflicting conditional operation is currently in progress",
];

/// Decides about the attempt after number `attempt` (the first is 0), `elapsed` after the first began.
///
/// `jitter` is a number from 0 to 1 that keeps many clients from coming back at the same moment.
pub fn next(policy: &Policy, call: &Call, fault: &ServiceError, attempt: u32, elapsed: Duration, jitter: f64) -> Retry {
    if !may_be_sent_again(call, fault) {
        return Retry::GiveUp;
    }
    let asked = match fault {
        ServiceError::Refused { retry_after, .. } => *retry_after,
        ServiceError::NotSent { .. } | ServiceError::Lost { .. } if attempt + 1 >= policy.unanswered => {
            return Retry::GiveUp;
        }
        ServiceError::NotSent { .. } | ServiceError::Lost { .. } => None,
    };
    let jitter = jitter.clamp(0.0, 1.0);
    let wait = match asked {
        // Never sooner than asked.
        Some(asked) => asked.saturating_add(policy.first.mul_f64(jitter / 2.0)),
        None => {
            let doubled = policy.first.saturating_mul(2u32.saturating_pow(attempt.min(16)));
            doubled.min(policy.longest).mul_f64(0.5 + jitter / 2.0)
        }
    };
    if elapsed.saturating_add(wait) > policy.total { Retry::GiveUp } else { Retry::After(wait) }
}

/// Whether sending the call again after this fault does no harm and may do better.
pub fn may_be_sent_again(call: &Call, fault: &ServiceError) -> bool {
    call.repeatable && is_passing(fault) || had_no_effect(fault)
}

/// Whether it is certain that the call did nothing, and another attempt may do better.
///
/// 429 is documented as a request that was not let in: RFC 6585, 4; "operation is rejected due to per-user rate limiting"
/// (databricks-sdk-py, `errors/platform.py`). The SDKs send creates again after a 503, too; but "the service is currently
/// unavailable" comes from any gateway on the way, after the write as well as before it.
fn had_no_effect(fault: &ServiceError) -> bool {
    match fault {
        ServiceError::NotSent { .. } => true,
        ServiceError::Refused { status: 429, code, .. } => !is_used_up(code) && !fault.may_have_happened(),
        ServiceError::Refused { .. } | ServiceError::Lost { .. } => false,
    }
}

/// What the attempts at one call leave open.
#[derive(Debug, Default)]
pub struct Attempts {
    unclear: bool,
}

impl Attempts {
    /// Takes in how an attempt failed. The fault says of the whole call, and not of this attempt alone, whether it may
    /// have been done.
    pub fn failed(&mut self, call: &Call, fault: ServiceError) -> ServiceError {
        let earlier = self.unclear;
        self.unclear |= fault.may_have_happened();
        // Reading twice is reading.
        if earlier && call.method != Method::Get { fault.after_an_unclear_attempt() } else { fault }
    }
}

/// Whether the trouble may pass by itself.
fn is_passing(fault: &ServiceError) -> bool {
    match fault {
        ServiceError::NotSent { .. } | ServiceError::Lost { .. } => true,
        ServiceError::Refused { code, .. } if is_used_up(code) => false,
        ServiceError::Refused { status: 408 | 429 | 502 | 503 | 504, .. } => true,
        ServiceError::Refused { message, .. } => PASSING.iter().any(|passing| message.contains(passing)),
    }
}

/// A quota (10,000 jobs saved) does not come back by waiting.
fn is_used_up(code: &str) -> bool {
    code == "QUOTA_EXCEEDED"
}

#[cfg(test)]
mod tests {
    use super::*;
    use plumb_model::call::{Doubt, System};
    use serde_json::json;

    fn read() -> Call {
        Call::get(System::Databricks, "/x")
    }

    fn create() -> Call {
        Call::create(System::Databricks, "/x", json!({}), "/id")
    }

    fn refused(status: u16, message: &str) -> ServiceError {
        ServiceError::Refused {
            line: "GET /x".into(),
            status,
            code: "CODE".into(),
            message: message.into(),
            request_id: None,
            retry_after: None,
            doubt: None,
        }
    }

    fn not_sent() -> ServiceError {
        ServiceError::NotSent { line: "GET /x".into(), why: "refused".into() }
    }

    fn lost() -> ServiceError {
        ServiceError::Lost { line: "GET /x".into(), why: "reset".into() }
    }

    fn again(call: &Call, fault: &ServiceError) -> bool {
        next(&Policy::default(), call, fault, 0, Duration::ZERO, 0.0) != Retry::GiveUp
    }

    #[test]
    fn repeatable_calls_are_repeated_after_what_may_pass() {
        let set = Call::set(System::Databricks, Method::Put, "/x", json!({}));
        for call in [read(), set] {
            for fault in [
                not_sent(),
                lost(),
                refused(408, ""),
                refused(429, ""),
                refused(502, ""),
                refused(503, ""),
                refused(504, ""),
            ] {
                assert!(again(&call, &fault), "{fault}");
            }
            assert!(again(&call, &refused(500, "rpc: deadline exceeded")));
            for fault in
                [refused(500, "oops"), refused(400, "bad"), refused(404, ""), refused(409, ""), refused(501, "")]
            {
                assert!(!again(&call, &fault), "{fault}");
            }
        }
    }

    #[test]
    fn a_create_is_repeated_only_when_it_certainly_did_nothing() {
        for fault in [not_sent(), refused(429, "")] {
            assert!(again(&create(), &fault) && !fault.may_have_happened(), "{fault}");
        }
        let unclear = [
            lost(),
            refused(408, ""),
            refused(499, ""),
            refused(500, "deadline exceeded"),
            refused(501, ""),
            refused(502, ""),
            refused(503, ""),
            refused(504, ""),
            refused(302, ""),
            refused(200, "the answer is not as documented"),
            refused(400, "Timed out after 30 s"),
            coded(400, "TEMPORARILY_UNAVAILABLE"),
            doubtful(403, Doubt::Foreign),
            doubtful(429, Doubt::Earlier),
        ];
        for fault in unclear {
            assert!(!again(&create(), &fault) && fault.may_have_happened(), "{fault}");
        }
        for status in [400, 401, 403, 404, 409, 413, 422, 423] {
            let fault = refused(status, "");
            assert!(!again(&create(), &fault) && !fault.may_have_happened(), "{fault}");
        }
    }

    fn coded(status: u16, code: &str) -> ServiceError {
        with(refused(status, ""), |fault| {
            if let ServiceError::Refused { code: c, .. } = fault {
                *c = code.into();
            }
        })
    }

    fn doubtful(status: u16, doubt: Doubt) -> ServiceError {
        with(refused(status, ""), |fault| {
            if let ServiceError::Refused { doubt: d, .. } = fault {
                *d = Some(doubt);
            }
        })
    }

    fn with(mut fault: ServiceError, edit: impl Fn(&mut ServiceError)) -> ServiceError {
        edit(&mut fault);
        fault
    }

    #[test]
    fn only_the_service_itself_says_that_something_is_gone() {
        assert!(refused(404, "").is_gone() && coded(404, "RESOURCE_DOES_NOT_EXIST").is_gone());
        // The second attempt at a delete finds nothing: that is as good as the first.
        assert!(doubtful(404, Doubt::Earlier).is_gone());
        for fault in
            [doubtful(404, Doubt::Foreign), coded(404, "ENDPOINT_NOT_FOUND"), refused(502, ""), refused(403, "")]
        {
            assert!(!fault.is_gone(), "{fault}");
        }
        assert!(doubtful(404, Doubt::Foreign).may_pass() && !refused(404, "").may_pass());
    }

    #[test]
    fn what_an_earlier_attempt_left_open_stays_open() {
        let write = Call::set(System::Databricks, Method::Post, "/x", json!({}));
        for last in [not_sent(), refused(400, "no"), refused(404, "gone"), lost()] {
            for first in [lost(), refused(503, "")] {
                let mut attempts = Attempts::default();
                assert!(attempts.failed(&write, first.clone()).may_have_happened());
                let fault = attempts.failed(&write, last.clone());
                assert!(fault.may_have_happened(), "{first}, then {last}");
                assert_eq!(fault.is_gone(), last.is_gone(), "{first}, then {last}");
            }
            let mut attempts = Attempts::default();
            attempts.failed(&write, refused(429, ""));
            assert_eq!(attempts.failed(&write, last.clone()).may_have_happened(), last.may_have_happened());
        }
        let mut attempts = Attempts::default();
        attempts.failed(&read(), lost());
        assert!(matches!(attempts.failed(&read(), not_sent()), ServiceError::NotSent { .. }));
    }

    #[test]
    fn a_used_up_quota_is_not_waited_for() {
        let fault = coded(429, "QUOTA_EXCEEDED");
        assert!(!again(&read(), &fault) && !again(&create(), &fault));
    }

    #[test]
    fn waits_double_up_to_a_limit_and_stop_in_time() {
        let policy = Policy::default();
        let wait = |attempt, elapsed, jitter| {
            next(&policy, &read(), &refused(503, ""), attempt, Duration::from_secs(elapsed), jitter)
        };
        assert_eq!(wait(0, 0, 1.0), Retry::After(Duration::from_millis(500)));
        assert_eq!(wait(0, 0, 0.0), Retry::After(Duration::from_millis(250)));
        assert_eq!(wait(2, 0, 1.0), Retry::After(Duration::from_secs(2)));
        assert_eq!(wait(40, 0, 1.0), Retry::After(Duration::from_secs(10)));
        assert_eq!(wait(40, 289, 1.0), Retry::After(Duration::from_secs(10)));
        assert_eq!(wait(40, 291, 1.0), Retry::GiveUp);
    }

    #[test]
    fn what_the_service_asks_for_is_never_undercut() {
        let ask = |seconds| ServiceError::Refused {
            line: String::new(),
            status: 429,
            code: String::new(),
            message: String::new(),
            request_id: None,
            retry_after: Some(Duration::from_secs(seconds)),
            doubt: None,
        };
        let policy = Policy::default();
        assert_eq!(next(&policy, &create(), &ask(30), 0, Duration::ZERO, 0.0), Retry::After(Duration::from_secs(30)));
        for seconds in [301, u64::MAX] {
            assert_eq!(next(&policy, &read(), &ask(seconds), 0, Duration::from_secs(1), 1.0), Retry::GiveUp);
        }
    }

    #[test]
    fn an_unreachable_host_is_given_up_soon() {
        let policy = Policy::default();
        assert_ne!(next(&policy, &read(), &not_sent(), 4, Duration::ZERO, 0.5), Retry::GiveUp);
        assert_eq!(next(&policy, &read(), &not_sent(), 5, Duration::ZERO, 0.5), Retry::GiveUp);
        assert_eq!(next(&policy, &read(), &lost(), 5, Duration::ZERO, 0.5), Retry::GiveUp);
    }
}
