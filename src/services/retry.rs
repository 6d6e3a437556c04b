//! Whether a call that failed is sent again, and when. Pure.

use crate::call::{Call, Fault};
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
pub fn next(policy: &Policy, call: &Call, fault: &Fault, attempt: u32, elapsed: Duration, jitter: f64) -> Retry {
    if !may_be_sent_again(call, fault) {
        return Retry::GiveUp;
    }
    let asked = match fault {
        Fault::Refused { retry_after, .. } => *retry_after,
        Fault::NotSent { .. } | Fault::Lost { .. } if attempt + 1 >= policy.unanswered => return Retry::GiveUp,
        Fault::NotSent { .. } | Fault::Lost { .. } => None,
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
pub fn may_be_sent_again(call: &Call, fault: &Fault) -> bool {
    call.repeatable && is_passing(fault) || had_no_effect(fault)
}

/// Whether it is certain that the call did nothing, and another attempt may do better.
fn had_no_effect(fault: &Fault) -> bool {
    match fault {
        Fault::NotSent { .. } => true,
        Fault::Refused { status: 429, code, .. } => !is_used_up(code),
        Fault::Refused { status, .. } => *status == 503,
        Fault::Lost { .. } => false,
    }
}

/// Whether the trouble may pass by itself.
fn is_passing(fault: &Fault) -> bool {
    match fault {
        Fault::NotSent { .. } | Fault::Lost { .. } => true,
        Fault::Refused { code, .. } if is_used_up(code) => false,
        Fault::Refused { status: 408 | 429 | 502 | 503 | 504, .. } => true,
        Fault::Refused { message, .. } => PASSING.iter().any(|passing| message.contains(passing)),
    }
}

/// A quota (10,000 jobs saved) does not come back by waiting.
fn is_used_up(code: &str) -> bool {
    code == "QUOTA_EXCEEDED"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{Method, System};
    use serde_json::json;

    fn read() -> Call {
        Call::get(System::Databricks, "/x")
    }

    fn create() -> Call {
        Call::create(System::Databricks, "/x", json!({}), "/id")
    }

    fn refused(status: u16, message: &str) -> Fault {
        Fault::Refused {
            line: "GET /x".into(),
            status,
            code: "CODE".into(),
            message: message.into(),
            request_id: None,
            retry_after: None,
        }
    }

    fn not_sent() -> Fault {
        Fault::NotSent { line: "GET /x".into(), why: "refused".into() }
    }

    fn lost() -> Fault {
        Fault::Lost { line: "GET /x".into(), why: "reset".into() }
    }

    fn again(call: &Call, fault: &Fault) -> bool {
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
        for fault in [not_sent(), refused(429, ""), refused(503, "")] {
            assert!(again(&create(), &fault), "{fault}");
        }
        for fault in [
            lost(),
            refused(408, ""),
            refused(500, "deadline exceeded"),
            refused(502, ""),
            refused(504, ""),
            refused(400, ""),
        ] {
            assert!(!again(&create(), &fault), "{fault}");
        }
    }

    #[test]
    fn a_used_up_quota_is_not_waited_for() {
        let Fault::Refused { line, status, message, request_id, retry_after, .. } = refused(429, "10000 jobs") else {
            unreachable!()
        };
        let code = "QUOTA_EXCEEDED".into();
        let fault = Fault::Refused { line, status, code, message, request_id, retry_after };
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
        let ask = |seconds| Fault::Refused {
            line: String::new(),
            status: 429,
            code: String::new(),
            message: String::new(),
            request_id: None,
            retry_after: Some(Duration::from_secs(seconds)),
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
