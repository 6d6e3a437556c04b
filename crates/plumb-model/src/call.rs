//! A request to a service, as data.
//!
//! Plans show calls, tests snapshot them, the executor sends them. Nothing here does any I/O: [`Service`] is the seam
//! behind which transport, authentication and paging live (`plumb::services`).

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{future::Future, pin::Pin, time::Duration};

/// A system that plumb talks to. Each has one address and one rate limiter a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum System {
    Databricks,
    Airflow,
    /// The folder or object store that Airflow reads its DAG files from.
    DagFiles,
    Emr,
    /// The code host. No kind lives there; the `ci` commands report to it.
    GitHub,
}

impl System {
    /// The name that messages use.
    pub fn name(self) -> &'static str {
        match self {
            System::Databricks => "Databricks",
            System::Airflow => "Airflow",
            System::DagFiles => "folder of DAG files",
            System::Emr => "EMR",
            System::GitHub => "GitHub",
        }
    }

    /// What a target has to say in `plumb.yaml` to have it.
    pub fn setting(self) -> &'static str {
        match self {
            System::Databricks => "databricks",
            System::Airflow => "airflow",
            System::DagFiles => "airflow.dags",
            System::Emr => "emr",
            System::GitHub => "github",
        }
    }
}

/// An HTTP method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }
}

/// One request.
///
/// `path` and the strings of `body` may hold `${id}` (the id of the object this change made or touches) and
/// `${resources.KIND.NAME}` (the id of another object); the executor fills them in when they are known.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Call {
    pub system: System,
    pub method: Method,
    /// Absolute path on the service, without the host: `/api/2.2/jobs/reset`.
    pub path: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub query: Vec<(String, String)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// Whether sending it twice has the same effect as sending it once. A call that is not repeatable is sent again
    /// only when it is certain that the first one had no effect.
    pub repeatable: bool,
    /// JSON pointer of the new object's id in the answer. Only creating calls have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creates: Option<&'static str>,
    /// Not found is as good as done (deleting what is gone).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub gone_is_done: bool,
    /// The object may be between two states (`INVALID_STATE`): try again until it is not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub waits_out_state: bool,
    /// What to send instead when the object turns out to be in the wrong state for this call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Box<Call>>,
    /// What to wait for after the call before the next one is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait_for: Option<Box<WaitFor>>,
}

/// A change that takes hold later, as only the kind can tell from what it reads (`Kind::settled`).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WaitFor {
    /// What the object has to come to. Its strings may hold references, as those of a body.
    pub expect: Value,
    /// The reads to repeat. Their paths and queries may hold `${id}`; what is not found reads as `Null`.
    pub reads: Vec<Call>,
}

/// Whether a change has taken hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ready {
    Yes,
    /// Not yet; what is waited for, in a few words.
    NotYet(String),
    /// It never will; why.
    Never(String),
}

impl Call {
    fn new(system: System, method: Method, path: impl Into<String>, repeatable: bool) -> Self {
        Call {
            system,
            method,
            path: path.into(),
            query: Vec::new(),
            body: None,
            repeatable,
            creates: None,
            gone_is_done: false,
            waits_out_state: false,
            fallback: None,
            wait_for: None,
        }
    }

    /// A read. Always repeatable.
    pub fn get(system: System, path: impl Into<String>) -> Self {
        Self::new(system, Method::Get, path, true)
    }

    /// A write that may be sent twice: it sets a state rather than adding something.
    pub fn set(system: System, method: Method, path: impl Into<String>, body: Value) -> Self {
        Call { body: Some(body), ..Self::new(system, method, path, true) }
    }

    /// A delete of the object that the path names. Gone is as good as done.
    pub fn delete(system: System, path: impl Into<String>) -> Self {
        Call { gone_is_done: true, ..Self::new(system, Method::Delete, path, true) }
    }

    /// A write that makes an object; `pointer` is where the answer has the new id.
    pub fn create(system: System, path: impl Into<String>, body: Value, pointer: &'static str) -> Self {
        Call { body: Some(body), creates: Some(pointer), ..Self::new(system, Method::Post, path, false) }
    }

    /// Adds a query parameter.
    pub fn query(mut self, name: &str, value: impl Into<String>) -> Self {
        self.query.push((name.to_owned(), value.into()));
        self
    }

    /// Counts not found as done.
    pub fn gone_is_done(mut self) -> Self {
        self.gone_is_done = true;
        self
    }

    /// Waits while the object is between two states.
    pub fn waits_out_state(mut self) -> Self {
        self.waits_out_state = true;
        self
    }

    /// Waits after the call until the kind finds it ready.
    pub fn wait_for(mut self, wait_for: WaitFor) -> Self {
        self.wait_for = Some(Box::new(wait_for));
        self
    }

    /// `GET /api/2.2/jobs/list?limit=100`, for messages.
    pub fn line(&self) -> String {
        let mut line = format!("{} {}", self.method.name(), self.path);
        for (i, (name, value)) in self.query.iter().enumerate() {
            line.push(if i == 0 { '?' } else { '&' });
            line.push_str(&format!("{name}={value}"));
        }
        line
    }
}

/// What a service answered to a call that it carried out.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub status: u16,
    /// The body; `Null` when it was empty.
    pub body: Value,
    /// The service's own id of this request, to quote to its support.
    pub request_id: Option<String>,
}

/// Why a refusal does not say that the call did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// The answer is no error as the service writes them: a proxy, a gateway or a login page may have answered.
    Foreign,
    /// An earlier attempt at the same call may have been done.
    Earlier,
}

impl Doubt {
    /// The doubt about an answer of this status; `own` says whether its body is an error as the service writes them.
    ///
    /// 401, 407 and 429 say the same whoever writes them: the request was not let in (RFC 9110, 15.5.2 and 15.5.8; RFC
    /// 6585, 4).
    pub fn about(status: u16, own: bool) -> Option<Doubt> {
        (!own && (400..500).contains(&status) && !matches!(status, 401 | 407 | 429)).then_some(Doubt::Foreign)
    }
}

/// Error codes that leave open whether the call was done, whatever the status: older endpoints answer 400 to everything.
/// Of these, Databricks says that the service failed, ran out of time or was stopped on the way, not that it refused
/// (databricks-sdk-py, `errors/platform.py`).
const UNDECIDED: &[&str] =
    &["INTERNAL_ERROR", "UNKNOWN", "DATA_LOSS", "DEADLINE_EXCEEDED", "TEMPORARILY_UNAVAILABLE", "CANCELLED"];

/// Why a call was not carried out, or may not have been.
///
/// The cases differ in the one thing that matters to whoever retries: can the call have had an effect?
#[derive(Clone, Debug, thiserror::Error)]
pub enum ServiceError {
    /// No request left: no connection, no credentials, a bad address. It had no effect.
    #[error("{line}: not sent: {why}")]
    NotSent { line: String, why: String },
    /// An answer that is no success. It had no effect only if it is a documented refusal ([`ServiceError::may_have_happened`]).
    #[error("{line}: {status} {code}: {message}{}", request_id.as_ref().map(|id| format!(" (request id {id})")).unwrap_or_default())]
    Refused {
        line: String,
        status: u16,
        /// The service's error code (`RESOURCE_DOES_NOT_EXIST`), or the status text.
        code: String,
        message: String,
        request_id: Option<String>,
        /// How long the service asked to wait.
        retry_after: Option<Duration>,
        /// Why it may have been done although this was answered.
        doubt: Option<Doubt>,
    },
    /// It was sent and no whole answer came back: it may have had its effect.
    #[error("{line}: sent, but no answer came: {why}")]
    Lost { line: String, why: String },
}

impl ServiceError {
    /// Whether the call may have taken effect although it failed: always, but for a call that was not sent and for a
    /// documented refusal, which is a 4xx in the service's own words. Every 5xx may come from anywhere on the way, after
    /// the write as well as before it; so may a 408 and the 499 of a proxy that stopped waiting. A redirect or an odd
    /// success is no refusal.
    pub fn may_have_happened(&self) -> bool {
        match self {
            ServiceError::NotSent { .. } => false,
            ServiceError::Refused { doubt: Some(_), .. } | ServiceError::Lost { .. } => true,
            ServiceError::Refused { status, code, message, .. } => {
                let is_refusal = (400..500).contains(status) && !matches!(*status, 408 | 499);
                // Databricks' endpoints say these with any status (databricks-sdk-go, `apierr`).
                let timed_out = message.contains("Timed out after ") || message.contains("deadline exceeded");
                !is_refusal || timed_out || UNDECIDED.contains(&code.as_str())
            }
        }
    }

    /// Whether the next look may see what this one could not: the service failed, was not reached, or something else
    /// answered in its place.
    pub fn may_pass(&self) -> bool {
        match self {
            ServiceError::NotSent { .. } | ServiceError::Lost { .. } => true,
            ServiceError::Refused { status, doubt, .. } => *status >= 500 || *doubt == Some(Doubt::Foreign),
        }
    }

    /// The same fault, as the last one of a call of which an earlier attempt may have been done.
    pub fn after_an_unclear_attempt(self) -> ServiceError {
        match self {
            ServiceError::NotSent { line, why } => {
                ServiceError::Lost { line, why: format!("sent again, it did not leave: {why}") }
            }
            ServiceError::Refused { line, status, code, message, request_id, retry_after, doubt } => {
                let doubt = doubt.or(Some(Doubt::Earlier));
                ServiceError::Refused { line, status, code, message, request_id, retry_after, doubt }
            }
            lost @ ServiceError::Lost { .. } => lost,
        }
    }

    /// Why it may have been done although it was refused.
    pub fn doubt(&self) -> Option<Doubt> {
        match self {
            ServiceError::Refused { doubt, .. } => *doubt,
            ServiceError::NotSent { .. } | ServiceError::Lost { .. } => None,
        }
    }

    /// How long the service asked to wait before the next attempt.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            ServiceError::Refused { retry_after, .. } => *retry_after,
            ServiceError::NotSent { .. } | ServiceError::Lost { .. } => None,
        }
    }

    /// Whether the service says that the object does not exist. A proxy's 404 says nothing about objects, nor does that of
    /// an endpoint that a workspace does not have.
    pub fn is_gone(&self) -> bool {
        match self {
            ServiceError::Refused { doubt: Some(Doubt::Foreign), .. } => false,
            ServiceError::Refused { status: 404, code, .. } => code != "ENDPOINT_NOT_FOUND",
            ServiceError::Refused { status: 400, code, message, .. } => {
                // Jobs and clusters answer a missing object with 400 (databricks-sdk-go, apierr overrides); a cluster
                // that was terminated over 30 days ago is forgotten with INVALID_STATE (Terraform provider, clusters).
                (code == "INVALID_PARAMETER_VALUE" && message.contains("does not exist"))
                    || message.contains("terminated or unpinned more than 30 days ago")
            }
            _ => false,
        }
    }

    /// Whether the object is between two states, or in one that the call does not allow.
    pub fn is_wrong_state(&self) -> bool {
        match self {
            // Airflow does not delete a DAG while tasks of it run (recorded from 3.3.2).
            ServiceError::Refused { status: 409, message, .. } if message.contains("are still running") => true,
            ServiceError::Refused { code, .. } => code == "INVALID_STATE",
            _ => false,
        }
    }
}

/// The future that a [`Service`] returns.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<Answer, ServiceError>> + Send + 'a>>;

/// Takes in a file as it comes.
pub trait ByteSink: Send {
    /// The file begins. Told again when a connection broke: what came before is void.
    fn begin(&mut self);
    /// The next bytes.
    fn take(&mut self, bytes: &[u8]);
}

impl ByteSink for Vec<u8> {
    fn begin(&mut self) {
        self.clear();
    }

    fn take(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Something that carries out calls: a real service, or a test's own.
///
/// An implementation authenticates, paces, and repeats what may be repeated; it knows nothing of plans.
pub trait Service: Send + Sync {
    /// Sends one call, repeating it as often as is safe and useful.
    fn send<'a>(&'a self, call: &'a Call) -> Sending<'a>;

    /// The same with these bytes as the body. They are part of no message and no log.
    fn send_bytes<'a>(&'a self, call: &'a Call, _body: &'a Bytes) -> Sending<'a> {
        Box::pin(async { Err(no_files(call)) })
    }

    /// The same; the body of the answer is a file, which goes into the sink and not into the answer.
    fn receive<'a>(&'a self, call: &'a Call, _sink: &'a mut dyn ByteSink) -> Sending<'a> {
        Box::pin(async { Err(no_files(call)) })
    }
}

fn no_files(call: &Call) -> ServiceError {
    let why = format!("{} takes and gives no files here", call.system.name());
    ServiceError::NotSent { line: call.line(), why }
}
