//! A Databricks workspace over HTTPS.

pub mod auth;
mod cli;
pub mod errors;
pub mod host;
mod oauth;
mod oidc;
mod statement_answer;
pub mod statements;
pub mod warehouse;

pub use auth::{AuthError, DatabricksConfig, DatabricksSettings, Method, profile_path};

use super::{
    Requests,
    failed::{FailedAttempt, answer},
    http, random,
    rate_limiter::{RateLimiter, RequestOutcome},
    retry::{self, Attempts, Policy, Retry},
    secret::{Redactor, Secret},
};
use bytes::Bytes;
use jiff::Timestamp;
use oauth::DatabricksAuth;
use plumb_model::call::{Answer, ByteSink, Call, Sending, Service, ServiceError, System};
use plumb_model::limits::Pace;
use serde_json::Value;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// How often a file is asked for again whose connection broke.
const MOST_BREAKS: u32 = 3;

/// A workspace.
pub struct Databricks {
    auth: DatabricksAuth,
    client: reqwest::Client,
    redactor: Arc<Redactor>,
    pace: RateLimiter,
    policy: Policy,
    jitter: Box<dyn Fn() -> f64 + Send + Sync>,
    on_wait: Option<Box<OnWait>>,
    requests: Requests,
    /// The workspace's id, out of the last answer that named it.
    workspace_id: Mutex<Option<String>>,
}

/// What a call came to.
enum Delivered {
    Answer(Answer),
    /// The body is still to come.
    File(reqwest::Response),
}

/// A file on its way.
pub struct Download {
    line: String,
    response: Option<reqwest::Response>,
}

impl Download {
    /// The next piece; `None` at the end.
    pub async fn chunk(&mut self) -> Result<Option<bytes::Bytes>, ServiceError> {
        let Some(response) = &mut self.response else { return Ok(None) };
        let broken = |e| ServiceError::Lost { line: self.line.clone(), why: http::Broken::of(e).why };
        response.chunk().await.map_err(broken)
    }
}

/// Told before each wait: the fault that is waited out, and for how long.
pub type OnWait = dyn Fn(&ServiceError, Duration) + Send + Sync;

/// Who is signed in, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub user: String,
    /// `None` when the service does not say.
    pub workspace_id: Option<String>,
}

impl Databricks {
    /// A workspace that is signed in to at the first call.
    pub fn new(config: DatabricksConfig) -> Result<Self, AuthError> {
        Self::with(config, Policy::default(), Box::new(random))
    }

    /// The same, with another patience and another source of chance (a number from 0 to 1).
    pub fn with(
        config: DatabricksConfig,
        policy: Policy,
        jitter: Box<dyn Fn() -> f64 + Send + Sync>,
    ) -> Result<Self, AuthError> {
        let client = http::client(config.host.is_plain())?;
        let redactor = Arc::new(Redactor::default());
        let pace = RateLimiter::new(Pace::of(config.pace, config.host.loopback));
        let auth = DatabricksAuth::new(config, client.clone(), redactor.clone(), policy);
        let requests = Requests::default();
        let workspace_id = Mutex::default();
        Ok(Databricks { auth, client, redactor, pace, policy, jitter, on_wait: None, requests, workspace_id })
    }

    /// Lets somebody know of each wait before a repetition, so that a command that waits for minutes can say why.
    pub fn on_wait(mut self, tell: Box<OnWait>) -> Self {
        self.on_wait = Some(tell);
        self
    }

    /// The address of the workspace.
    pub fn host(&self) -> &str {
        &self.auth.config.host.url
    }

    /// How many requests have been sent, repetitions included. Signing in is not counted.
    pub fn requests(&self) -> Requests {
        self.requests.clone()
    }

    /// Signs in without sending a call, to fail early and with the reason.
    pub async fn sign_in(&self) -> Result<(), AuthError> {
        self.auth.header().await.map(drop)
    }

    /// Asks who is signed in, and to which workspace.
    ///
    /// The id stands in a header of the answer (databricks-sdk-go, `CurrentWorkspaceID`).
    pub async fn identity(&self) -> Result<Identity, ServiceError> {
        let user = super::me(self).await?;
        Ok(Identity { user, workspace_id: self.workspace_id() })
    }

    /// The workspace's id, as the last answer named it (the header of databricks-sdk-go, `CurrentWorkspaceID`).
    pub fn workspace_id(&self) -> Option<String> {
        self.workspace_id.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Begins to read the file that a call answers with, piece by piece: `GET /api/2.0/fs/files/…`.
    ///
    /// # Errors
    /// As for any call. A connection that breaks later is not taken up again.
    pub async fn download(&self, call: &Call) -> Result<Download, ServiceError> {
        match self.deliver(call, None, true).await? {
            Delivered::File(response) => Ok(Download { line: call.line(), response: Some(response) }),
            Delivered::Answer(_) => Ok(Download { line: call.line(), response: None }),
        }
    }

    async fn deliver(&self, call: &Call, body: Option<&Bytes>, as_file: bool) -> Result<Delivered, ServiceError> {
        let line = call.line();
        let not_sent = |why: String| ServiceError::NotSent { line: line.clone(), why };
        let url = self.url(call).map_err(not_sent)?;
        // The time in line for the first attempt is not spent on trying.
        let mut began = None;
        let mut attempt = 0;
        let mut renewed = false;
        let mut attempts = Attempts::default();
        loop {
            // Signing in has its own patience; its failure is not repeated here.
            let header = self.auth.header().await.map_err(|e| not_sent(self.redactor.clean(&e.to_string())))?;
            let pass = self.pace.enter(call).await;
            let began = *began.get_or_insert_with(Instant::now);
            let mut failed = match self.attempt(call, body, attempt, url.clone(), &header, as_file).await {
                Ok(answer) => {
                    pass.leave(RequestOutcome::Well);
                    return Ok(answer);
                }
                Err(failed) => failed,
            };
            failed.fault = attempts.failed(call, failed.fault);
            // The place is free while this call waits.
            pass.leave(failed.went);
            if failed.signed_out {
                if !renewed && self.auth.refused(&header).await {
                    renewed = true;
                    continue;
                }
                return Err(self.shown(failed.fault).await);
            }
            if failed.hopeless {
                return Err(self.shown(failed.fault).await);
            }
            match retry::next(&self.policy, call, &failed.fault, attempt, began.elapsed(), (self.jitter)()) {
                Retry::After(wait) => {
                    if let Some(tell) = &self.on_wait {
                        tell(&self.shown(failed.fault).await, wait);
                    }
                    tokio::time::sleep(wait).await;
                }
                Retry::GiveUp => return Err(self.shown(failed.fault).await),
            }
            attempt += 1;
        }
    }

    fn url(&self, call: &Call) -> Result<reqwest::Url, String> {
        if call.system != System::Databricks {
            return Err(format!("this is a call to {}", call.system.name()));
        }
        // Anything else could change the host that the token goes to.
        if !call.path.starts_with('/') {
            return Err(format!("the path `{}` does not begin with `/`", call.path));
        }
        let mut url = reqwest::Url::parse(&format!("{}{}", self.host(), call.path)).map_err(|e| e.to_string())?;
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&call.query);
        }
        Ok(url)
    }

    async fn attempt(
        &self,
        call: &Call,
        bytes: Option<&Bytes>,
        attempt: u32,
        url: reqwest::Url,
        header: &Secret,
        as_file: bool,
    ) -> Result<Delivered, Box<FailedAttempt>> {
        let line = call.line();
        let method = http::method(call.method);
        let authorization =
            http::authorization(header.expose()).map_err(|broken| FailedAttempt::broken(&line, broken))?;
        let mut request = self.client.request(method, url).header("Authorization", authorization);
        if let Some(id) = &self.auth.config.workspace_id {
            request = request.header("X-Databricks-Workspace-Id", id);
        }
        if let Some(body) = &call.body {
            request = request.json(body);
        }
        if let Some(bytes) = bytes {
            request = request.header("Content-Type", "application/octet-stream").body(bytes.clone());
        }
        self.requests.add_one();
        let response = http::send(request, attempt).await.map_err(|broken| FailedAttempt::broken(&line, broken))?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        if let Some(id) = errors::header(&headers, "x-databricks-org-id") {
            *self.workspace_id.lock().unwrap_or_else(PoisonError::into_inner) = Some(id.to_owned());
        }
        if as_file && (200..300).contains(&status) {
            return Ok(Delivered::File(response));
        }
        let body = http::body(response).await;
        if (200..300).contains(&status) {
            let body = body.map_err(|broken| FailedAttempt::broken(&line, broken))?;
            let answer = answer(&line, status, errors::request_id(&headers), &body, "a workspace")?;
            return Ok(Delivered::Answer(answer));
        }
        // An error that breaks off is still an error: the status says it.
        let body = body.unwrap_or_default();
        let fault = errors::refused(line, status, &headers, &body, Timestamp::now());
        let signed_out = matches!(&fault, ServiceError::Refused { status, message, .. }
            if *status == 401 || errors::is_bad_token(*status, message));
        Err(FailedAttempt::refused(fault, signed_out))
    }

    /// A fault that can be shown, with who is signed in where that matters.
    async fn shown(&self, fault: ServiceError) -> ServiceError {
        let mut fault = self.redactor.clean_fault(fault);
        if let ServiceError::Refused { status, message, .. } = &mut fault
            && (*status == 401 || errors::is_bad_token(*status, message))
        {
            message.push_str(&format!("; signed in by {}", self.auth.describe().await));
        }
        fault
    }
}

impl Service for Databricks {
    fn send<'a>(&'a self, call: &'a Call) -> Sending<'a> {
        Box::pin(async move {
            match self.deliver(call, None, false).await? {
                Delivered::Answer(answer) => Ok(answer),
                Delivered::File(_) => Err(super::odd_answer(call, 200, "it answered with a file")),
            }
        })
    }

    fn send_bytes<'a>(&'a self, call: &'a Call, body: &'a Bytes) -> Sending<'a> {
        Box::pin(async move {
            match self.deliver(call, Some(body), false).await? {
                Delivered::Answer(answer) => Ok(answer),
                Delivered::File(_) => Err(super::odd_answer(call, 200, "it answered with a file")),
            }
        })
    }

    fn receive<'a>(&'a self, call: &'a Call, sink: &'a mut dyn ByteSink) -> Sending<'a> {
        Box::pin(async move {
            let mut breaks = 0;
            loop {
                let mut download = self.download(call).await?;
                sink.begin();
                let ended = loop {
                    match download.chunk().await {
                        Ok(Some(piece)) => sink.take(&piece),
                        Ok(None) => break Ok(()),
                        Err(fault) => break Err(fault),
                    }
                };
                match ended {
                    Ok(()) => return Ok(Answer { status: 200, body: Value::Null, request_id: None }),
                    Err(_) if breaks < MOST_BREAKS => breaks += 1,
                    Err(fault) => return Err(self.shown(fault).await),
                }
            }
        })
    }
}
