//! An Airflow deployment over HTTP: the REST API of Airflow 3 (v2), which calls are written for, or of Airflow 2 (v1),
//! into which they are translated.

mod auth;
pub mod config;
pub(super) mod errors;
pub mod mwaa;
mod v1;

pub use config::{AirflowApi, AirflowConfig, AirflowConfigError, AirflowSettings, Credentials};
pub use mwaa::Mwaa;

use super::{
    Requests,
    databricks::OnWait,
    failed::{FailedAttempt, answer},
    http, random,
    rate_limiter::{RateLimiter, RequestOutcome},
    retry::{self, Attempts, Policy, Retry},
    secret::Redactor,
};
use auth::{AirflowAuth, SignIn};
use jiff::Timestamp;
use plumb_core::kinds::airflow::dag_deadline::AirflowRelease;
use plumb_model::call::{Answer, Call, Method, Sending, Service, ServiceError, System};
use plumb_model::limits::Pace;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::time::Instant;
use v1::Way;

/// An Airflow deployment.
pub struct Airflow {
    auth: AirflowAuth,
    client: reqwest::Client,
    redactor: Arc<Redactor>,
    pace: RateLimiter,
    policy: Policy,
    jitter: Box<dyn Fn() -> f64 + Send + Sync>,
    on_wait: Option<Box<OnWait>>,
    requests: Requests,
    /// Held by the write that is under way. A deployment on SQLite, as everybody has on their own machine, locks up for
    /// minutes when two writes meet, and on any other one write at a time is fast enough.
    writing: tokio::sync::Mutex<()>,
    /// What the server turned out to be.
    server: tokio::sync::OnceCell<Server>,
}

/// What a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Never [`AirflowApi::Auto`].
    pub api: AirflowApi,
    /// `3.3.2`; `None` when the server does not tell.
    pub version: Option<String>,
}

impl Airflow {
    /// A deployment that is signed in to at the first call.
    pub fn new(config: AirflowConfig) -> Result<Self, AirflowConfigError> {
        Self::with(config, Policy::default(), Box::new(random))
    }

    /// The same, with another patience and another source of chance (a number from 0 to 1).
    pub fn with(
        config: AirflowConfig,
        policy: Policy,
        jitter: Box<dyn Fn() -> f64 + Send + Sync>,
    ) -> Result<Self, AirflowConfigError> {
        let client = http::client(config.plain)?;
        let redactor = Arc::new(Redactor::default());
        // MWAA has said already which one it is.
        let server = tokio::sync::OnceCell::new_with(match &config.credentials {
            Credentials::Iam(mwaa) => Some(Server { api: config.api, version: mwaa.version() }),
            _ => None,
        });
        let auth = AirflowAuth::new(config, client.clone(), redactor.clone(), policy);
        let pace = RateLimiter::new(Pace::of(auth.config.pace, auth.config.plain));
        let (requests, writing) = (Requests::default(), tokio::sync::Mutex::default());
        Ok(Airflow { auth, client, redactor, pace, policy, jitter, on_wait: None, requests, writing, server })
    }

    /// Lets somebody know of each wait before a repetition, so that a command that waits for minutes can say why.
    pub fn on_wait(mut self, tell: Box<OnWait>) -> Self {
        self.on_wait = Some(tell);
        self
    }

    /// The address of the web server.
    pub fn url(&self) -> &str {
        &self.auth.config.url
    }

    /// The environment of Amazon MWAA, where it is one.
    pub fn mwaa(&self) -> Option<&Mwaa> {
        match &self.auth.config.credentials {
            Credentials::Iam(mwaa) => Some(mwaa),
            _ => None,
        }
    }

    /// Whether it is this machine, without TLS.
    pub fn is_here(&self) -> bool {
        self.auth.config.plain
    }

    /// How many requests have been sent, repetitions included. Signing in is not counted.
    pub fn requests(&self) -> Requests {
        self.requests.clone()
    }

    /// Which API the server has, and which version it is. Asked once.
    pub async fn server(&self) -> Result<Server, ServiceError> {
        self.server.get_or_try_init(|| self.find_out()).await.cloned()
    }

    /// Which release it is, where it was asked already. A version that nobody can read is as none: the API tells the major one.
    pub fn release(&self) -> Option<AirflowRelease> {
        let server = self.server.get()?;
        let of_api = || AirflowRelease::of_major(if server.api == AirflowApi::V1 { 2 } else { 3 });
        Some(server.version.as_deref().and_then(AirflowRelease::read).unwrap_or_else(of_api))
    }

    /// Asks the server for its version, by either API: it needs no permission, and tells them apart.
    async fn find_out(&self) -> Result<Server, ServiceError> {
        let wanted = self.auth.config.api;
        let version = |answer: &Answer| answer.body["version"].as_str().map(str::to_owned);
        let mut tried = Vec::new();
        for (api, path) in [(AirflowApi::V2, "/api/v2/version"), (AirflowApi::V1, "/api/v1/version")] {
            if wanted != AirflowApi::Auto && wanted != api {
                continue;
            }
            let call = Call::get(System::Airflow, path);
            match self.exchange(&call, None).await {
                Ok(answer) if version(&answer).is_some() => return Ok(Server { api, version: version(&answer) }),
                Ok(_) => tried.push(format!("{path} says no version")),
                // It is there, and wants to know first who asks.
                Err(ServiceError::Refused { status: 401 | 403, .. }) => return Ok(Server { api, version: None }),
                Err(fault @ (ServiceError::Refused { status: 404 | 405 | 410, .. } | ServiceError::Lost { .. })) => {
                    tried.push(fault.to_string());
                }
                Err(fault) => return Err(fault),
            }
        }
        let why = format!(
            "{}: no Airflow answers there ({}): is this the address of its web server, with the path if it has one?",
            self.url(),
            tried.join("; ")
        );
        Err(ServiceError::NotSent { line: "GET /api/v2/version".into(), why })
    }

    async fn deliver(&self, call: &Call) -> Result<Answer, ServiceError> {
        let not_sent = |why: String| ServiceError::NotSent { line: call.line(), why };
        if call.system != System::Airflow {
            return Err(not_sent(format!("this is a call to {}", call.system.name())));
        }
        // Whatever went wrong on the way to knowing the server, the call itself was not sent.
        let server = self.server().await.map_err(|fault| match fault {
            ServiceError::NotSent { why, .. } => not_sent(why),
            other => not_sent(other.to_string()),
        })?;
        let call = Call { body: call.body.as_ref().map(written), ..call.clone() };
        if server.api == AirflowApi::V2 {
            return self.signed(&call, AirflowApi::V2).await;
        }
        let answer = match v1::way(&call) {
            Way::One(one) => self.signed(&one, AirflowApi::V1).await?,
            Way::Missing(why) => return Err(not_sent(why)),
            Way::New { look, create } => match self.signed(&look, AirflowApi::V1).await {
                Err(fault) if fault.is_gone() => self.signed(&create, AirflowApi::V1).await?,
                Err(fault) => return Err(not_sent(fault.to_string())),
                Ok(answer) => return Err(exists(&call, answer)),
            },
            Way::Source { dag } => {
                let answer = self.signed(&dag, AirflowApi::V1).await?;
                let source = v1::source(&dag, &answer.body);
                let source = source.ok_or_else(|| not_sent(format!("{}: it has no file_token", dag.line())))?;
                self.signed(&source, AirflowApi::V1).await?
            }
        };
        Ok(Answer { body: v1::answer(&call, answer.body), ..answer })
    }

    /// Sends a call as whoever is signed in.
    async fn signed(&self, call: &Call, api: AirflowApi) -> Result<Answer, ServiceError> {
        self.exchange(call, Some(api))
            .await
            .map_err(|fault| if api == AirflowApi::V1 { v1::explained(fault) } else { fault })
    }

    /// Sends a call as often as is safe and useful; without an API, as nobody.
    async fn exchange(&self, call: &Call, api: Option<AirflowApi>) -> Result<Answer, ServiceError> {
        let line = call.line();
        let not_sent = |why: String| ServiceError::NotSent { line: line.clone(), why };
        let url = self.url_of(call).map_err(not_sent)?;
        // The time in line for the first attempt is not spent on trying.
        let mut began = None;
        let mut attempt = 0;
        let mut renewed = false;
        let mut attempts = Attempts::default();
        loop {
            // Signing in has its own patience; its failure is not repeated here.
            let sign_in = match api {
                None => None,
                Some(api) => Some(self.auth.sign_in(api).await.map_err(|e| not_sent(self.redactor.clean(&e)))?),
            };
            let alone = match call.method {
                Method::Get => None,
                _ => Some(self.writing.lock().await),
            };
            let pass = self.pace.enter(call).await;
            let began = *began.get_or_insert_with(Instant::now);
            let mut failed = match self.attempt(call, attempt, url.clone(), sign_in.as_ref()).await {
                Ok(answer) => {
                    pass.leave(RequestOutcome::Well);
                    return Ok(answer);
                }
                Err(failed) => failed,
            };
            failed.fault = attempts.failed(call, failed.fault);
            // The place is free while this call waits.
            pass.leave(failed.went);
            drop(alone);
            if let (true, Some(sign_in)) = (failed.signed_out, &sign_in) {
                if !renewed && self.auth.refused(sign_in).await {
                    renewed = true;
                    continue;
                }
                return Err(self.shown(failed.fault));
            }
            if failed.hopeless {
                return Err(self.shown(failed.fault));
            }
            match retry::next(&self.policy, call, &failed.fault, attempt, began.elapsed(), (self.jitter)()) {
                Retry::After(wait) => {
                    if let Some(tell) = &self.on_wait {
                        tell(&self.shown(failed.fault), wait);
                    }
                    tokio::time::sleep(wait).await;
                }
                Retry::GiveUp => return Err(self.shown(failed.fault)),
            }
            attempt += 1;
        }
    }

    fn url_of(&self, call: &Call) -> Result<reqwest::Url, String> {
        // Anything else could change the host that the token goes to.
        if !call.path.starts_with('/') {
            return Err(format!("the path `{}` does not begin with `/`", call.path));
        }
        let text = format!("{}{}", self.url(), call.path);
        let mut url = reqwest::Url::parse(&text).map_err(|e| e.to_string())?;
        // A variable called `..` would make it another path, and another request.
        if url.as_str() != text {
            return Err(format!("the path `{}` means another one", call.path));
        }
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&call.query);
        }
        Ok(url)
    }

    async fn attempt(
        &self,
        call: &Call,
        attempt: u32,
        url: reqwest::Url,
        sign_in: Option<&SignIn>,
    ) -> Result<Answer, Box<FailedAttempt>> {
        if let Some(mwaa) = self.auth.relay() {
            return mwaa.relay(call, attempt, &self.requests).await;
        }
        let line = call.line();
        let method = http::method(call.method);
        let mut request = self.client.request(method, url).header("Accept", "application/json");
        if let Some(SignIn { header, value }) = sign_in {
            let value = http::authorization(value.expose()).map_err(|broken| FailedAttempt::broken(&line, broken))?;
            request = request.header(*header, value);
        }
        if let Some(body) = &call.body {
            request = request.json(body);
        }
        self.requests.add_one();
        let response = http::send(request, attempt).await.map_err(|broken| FailedAttempt::broken(&line, broken))?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = http::body(response).await;
        if (200..300).contains(&status) {
            let body = body.map_err(|broken| FailedAttempt::broken(&line, broken))?;
            return answer(&line, status, None, &body, "an Airflow web server");
        }
        // An error that breaks off is still an error: the status says it.
        let body = body.unwrap_or_default();
        let fault = errors::refused(line, status, &headers, &body, Timestamp::now());
        let signed_out =
            matches!(&fault, ServiceError::Refused { status, message, .. } if errors::is_signed_out(*status, message));
        Err(FailedAttempt::refused(fault, signed_out))
    }

    /// A fault that can be shown, with who is signed in where that matters.
    fn shown(&self, fault: ServiceError) -> ServiceError {
        let mut fault = self.redactor.clean_fault(fault);
        if let ServiceError::Refused { status: 401 | 403, line, message, .. } = &mut fault {
            message.push_str(&format!("; signed in as {}", self.auth.config.describe()));
            // Airflow 2 answers a wrong password and a missing permission alike.
            let both = if line.contains("/api/v1/") { "is the password right, and may" } else { "may" };
            message.push_str(&format!(": {both} this user do that?"));
        }
        fault
    }
}

impl Service for Airflow {
    fn send<'a>(&'a self, call: &'a Call) -> Sending<'a> {
        Box::pin(self.deliver(call))
    }
}

/// The body as it goes over the wire: a connection's `extra` and a variable's value are texts to Airflow, and JSON in
/// calls until now, because a secret inside would break a text that was JSON before it was filled in.
fn written(body: &Value) -> Value {
    let mut body = body.clone();
    for member in ["extra", "value"] {
        if let Some(value) = body.get_mut(member).filter(|v| !v.is_string() && !v.is_null()) {
            *value = json!(value.to_string());
        }
    }
    body
}

/// What Airflow 3 answers to the creation of a variable that exists.
fn exists(call: &Call, answer: Answer) -> ServiceError {
    let key = call.body.as_ref().and_then(|b| b["key"].as_str()).unwrap_or_default();
    ServiceError::Refused {
        line: call.line(),
        status: 409,
        code: "CONFLICT".into(),
        message: format!("The Variable with key: `{key}` already exists"),
        request_id: answer.request_id,
        retry_after: None,
        doubt: None,
    }
}
