//! An attempt to send a call that failed, and what it says of the next one.

use super::databricks::errors::is_html;
use super::http::Broken;
use super::rate_limiter::RequestOutcome;
use plumb_model::call::{Answer, ServiceError};
use serde_json::Value;

/// A longer message of a service is cut: Airflow's error page has a paragraph on where to ask for help.
pub(crate) const LONGEST_MESSAGE: usize = 500;

/// An attempt that failed.
pub(crate) struct FailedAttempt {
    pub fault: ServiceError,
    pub went: RequestOutcome,
    /// The service doesn't take the token; nothing was done.
    pub signed_out: bool,
    /// Trying again cannot help.
    pub hopeless: bool,
}

impl FailedAttempt {
    /// No whole answer came.
    pub fn broken(line: &str, broken: Broken) -> Box<Self> {
        let (line, why) = (line.to_owned(), broken.why);
        let fault = if broken.sent { ServiceError::Lost { line, why } } else { ServiceError::NotSent { line, why } };
        Box::new(FailedAttempt { fault, went: RequestOutcome::Otherwise, signed_out: false, hopeless: broken.hopeless })
    }

    /// The service refused.
    pub fn refused(fault: ServiceError, signed_out: bool) -> Box<Self> {
        let went = match &fault {
            ServiceError::Refused { status: 429, retry_after, .. } => RequestOutcome::TooFast(*retry_after),
            ServiceError::Refused { status: 503, retry_after: Some(wait), .. } => RequestOutcome::TooFast(Some(*wait)),
            ServiceError::Refused { status: ..500, .. } => RequestOutcome::Well,
            ServiceError::Refused { .. } | ServiceError::NotSent { .. } | ServiceError::Lost { .. } => {
                RequestOutcome::Otherwise
            }
        };
        Box::new(FailedAttempt { fault, went, signed_out, hopeless: false })
    }
}

/// Reads the JSON of a success, `Null` when there is none. One that cannot be read may still have had its effect. `whose` says
/// what the address should be of: "a workspace".
pub(crate) fn json(line: &str, body: &[u8], whose: &str) -> Result<Value, Box<FailedAttempt>> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Null);
    }
    serde_json::from_slice(body).map_err(|e| {
        let (why, hopeless) = if is_html(&String::from_utf8_lossy(body)) {
            // What a login page or a captive portal answers to everything.
            (format!("the answer is a web page, not JSON: is this the address of {whose}?"), true)
        } else {
            (format!("the answer is not JSON: {e}"), false)
        };
        FailedAttempt::broken(line, Broken { why, sent: true, hopeless })
    })
}

/// The same, as an answer.
pub(crate) fn answer(
    line: &str,
    status: u16,
    request_id: Option<String>,
    body: &[u8],
    whose: &str,
) -> Result<Answer, Box<FailedAttempt>> {
    json(line, body, whose).map(|body| Answer { status, body, request_id })
}
