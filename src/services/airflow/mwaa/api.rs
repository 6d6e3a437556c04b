//! The API of Amazon MWAA: three operations at two hosts.
//!
//! Facts: botocore's model `mwaa/2020-07-01`: REST with JSON, signing name `airflow`, the prefixes `api.` and `env.` of hosts,
//! and what each operation answers.

use crate::services::aws::{self, Aws, AwsError, Endpoint, SignedRequest};
use crate::services::emr::answer::{EmrError, refusal, request_id};
use crate::services::http::{self as web, Broken};
use crate::services::rate_limiter::{RateLimiter, RequestOutcome};
use crate::services::retry::{self, Policy, Retry};
use crate::services::{databricks::errors::is_html, random};
use jiff::Timestamp;
use plumb_model::call::{Call, Method, ServiceError, System};
use plumb_model::limits::Pace;
use serde_json::Value;
use tokio::time::Instant;

/// The variable that names another endpoint (AWS SDKs and tools reference guide, "Service-specific endpoints").
const ENDPOINT: &str = "AWS_ENDPOINT_URL_MWAA";

/// How many requests of `InvokeRestApi` are taken a second: who needs "more than 10 transactions per second" is sent to a session
/// (MWAA user guide, "Using the Apache Airflow REST API").
const PER_SECOND: f64 = 10.0;

/// An operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    GetEnvironment,
    CreateWebLoginToken,
    InvokeRestApi,
}

impl Operation {
    pub(super) fn name(self) -> &'static str {
        match self {
            Operation::GetEnvironment => "GetEnvironment",
            Operation::CreateWebLoginToken => "CreateWebLoginToken",
            Operation::InvokeRestApi => "InvokeRestApi",
        }
    }

    fn method(self) -> Method {
        if self == Operation::GetEnvironment { Method::Get } else { Method::Post }
    }

    /// Path and host prefix.
    fn place(self) -> (&'static str, &'static str) {
        match self {
            Operation::GetEnvironment => ("environments", "api"),
            Operation::CreateWebLoginToken => ("webtoken", "env"),
            Operation::InvokeRestApi => ("restapi", "env"),
        }
    }

    /// What the permission is for (service authorization reference, "Amazon Managed Workflows for Apache Airflow").
    fn resource(self, region: &str, name: &str) -> String {
        match self {
            Operation::GetEnvironment => format!("arn:aws:airflow:{region}:ACCOUNT:environment/{name}"),
            Operation::CreateWebLoginToken | Operation::InvokeRestApi => {
                format!("arn:aws:airflow:{region}:ACCOUNT:role/{name}/ROLE")
            }
        }
    }
}

/// How an attempt failed.
pub(super) enum ApiFailure {
    /// AWS refused, or answered oddly for the operation.
    Refused { refusal: Box<EmrError>, body: Value },
    /// No whole answer came. `bool`: trying again cannot help.
    Broken(ServiceError, bool),
}

/// The API, for one environment.
pub(super) struct MwaaApi {
    pub aws: Aws,
    pub region: String,
    pub name: String,
    endpoint: Option<Endpoint>,
    client: reqwest::Client,
    pub pace: RateLimiter,
    policy: Policy,
}

impl MwaaApi {
    pub(super) fn new(aws: Aws, region: String, name: String, pace: Option<Pace>) -> Result<Self, AwsError> {
        let endpoint = aws.endpoint(ENDPOINT)?;
        let here = endpoint.as_ref().is_some_and(|e| aws::is_plain(&e.url));
        let pace = match Pace::of(pace, here) {
            Pace::Normal => Pace::PerSecond(PER_SECOND),
            asked => asked,
        };
        let (client, pace) = (web::client(here)?, RateLimiter::new(pace));
        Ok(MwaaApi { aws, region, name, endpoint, client, pace, policy: Policy::default() })
    }

    /// Whether the endpoint is emulated on this machine.
    pub(super) fn is_here(&self) -> bool {
        self.endpoint.as_ref().is_some_and(|e| aws::is_plain(&e.url))
    }

    /// Which environment, for messages.
    pub(super) fn place(&self) -> String {
        match &self.endpoint {
            Some(endpoint) => format!("the MWAA environment {} ({}, {})", self.name, endpoint.url, endpoint.from),
            None => format!("the MWAA environment {} ({})", self.name, self.region),
        }
    }

    /// What stands for an operation in lines about requests.
    pub(super) fn call(&self, operation: Operation) -> Call {
        let path = format!("/{}/{}", operation.place().0, self.name);
        let mut call = Call::set(System::Airflow, operation.method(), path, Value::Null);
        call.repeatable = operation != Operation::InvokeRestApi;
        call
    }

    /// Sends an operation that has no body as often as is useful: asking twice does no harm. The error is a text for people.
    pub(super) async fn asked(&self, operation: Operation) -> Result<Value, String> {
        let call = self.call(operation);
        let began = Instant::now();
        let (mut attempt, mut renewed) = (0, false);
        loop {
            let pass = self.pace.enter(&call).await;
            let failed = match self.once(operation, Vec::new(), attempt).await {
                Ok((answer, _)) => {
                    pass.leave(RequestOutcome::Well);
                    return Ok(answer);
                }
                Err(failed) => failed,
            };
            drop(pass);
            let (fault, text) = match &failed {
                ApiFailure::Broken(fault, true) => return Err(fault.to_string()),
                ApiFailure::Broken(fault, false) => (fault.clone(), fault.to_string()),
                ApiFailure::Refused { refusal, .. } if refusal.is_expired() && !renewed => {
                    self.aws.forget().await;
                    renewed = true;
                    continue;
                }
                ApiFailure::Refused { refusal, .. } => {
                    (fault(&call, refusal), self.explained(operation, refusal).await)
                }
            };
            match retry::next(&self.policy, &call, &fault, attempt, began.elapsed(), random()) {
                Retry::After(wait) => tokio::time::sleep(wait).await,
                Retry::GiveUp => return Err(text),
            }
            attempt += 1;
        }
    }

    /// Sends an operation once.
    pub(super) async fn once(
        &self,
        operation: Operation,
        body: Vec<u8>,
        attempt: u32,
    ) -> Result<(Value, Option<String>), ApiFailure> {
        let (path, prefix) = operation.place();
        let line = self.call(operation).line();
        let unsent = |why: String| ApiFailure::Broken(ServiceError::NotSent { line: line.clone(), why }, true);
        let base = match &self.endpoint {
            Some(endpoint) => endpoint.url.clone(),
            None => format!("https://{prefix}.airflow.{}.{}", self.region, aws::domain(&self.region)),
        };
        let url = format!("{base}/{path}/{}", self.name);
        let json = [("content-type", "application/json".to_owned())];
        let request = SignedRequest {
            service: "airflow",
            region: &self.region,
            method: operation.method(),
            url: &url,
            signed_url: &url,
            headers: if body.is_empty() { &[] } else { &json },
            body,
        };
        let request = self.aws.signed(&self.client, request).await.map_err(unsent)?;
        let broken = |broken: Broken| {
            let why = self.aws.redactor().clean(&format!("{}: {}", self.place(), broken.why));
            let line = line.clone();
            let fault =
                if broken.sent { ServiceError::Lost { line, why } } else { ServiceError::NotSent { line, why } };
            ApiFailure::Broken(fault, broken.hopeless)
        };
        let response = web::send(request, attempt).await.map_err(broken)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        if !(200..300).contains(&status) {
            // An error that breaks off is still an error: the status says it.
            let bytes = web::body(response).await.unwrap_or_default();
            let refusal = Box::new(refusal(status, &headers, &bytes, Timestamp::now()));
            return Err(ApiFailure::Refused { refusal, body: serde_json::from_slice(&bytes).unwrap_or_default() });
        }
        let bytes = web::body(response).await.map_err(broken)?;
        let answer = serde_json::from_slice::<Value>(&bytes).ok().filter(Value::is_object);
        let answer = answer.ok_or_else(|| {
            let what = if is_html(&String::from_utf8_lossy(&bytes)) { "a web page" } else { "no JSON" };
            let why = format!("{}: the answer is {what}: is it an endpoint of Amazon MWAA?", self.place());
            ApiFailure::Broken(ServiceError::Lost { line: line.clone(), why }, true)
        })?;
        Ok((answer, request_id(&headers)))
    }

    /// What a refusal of AWS means, and what can be done.
    pub(super) async fn explained(&self, operation: Operation, refusal: &EmrError) -> String {
        let (name, place) = (operation.name(), self.place());
        let EmrError { status, code, message, .. } = refusal;
        let said = format!("{place}: {name}: {status} {code}: {message}");
        let action = format!("airflow:{name} on {}", operation.resource(&self.region, &self.name));
        let remedy = match code.as_str() {
            "ResourceNotFoundException" => Some(format!(
                "there is no such environment in {} of this account: fix `airflow.mwaa` of the target (`aws mwaa \
                 list-environments --region {}` names them), or sign in to its account",
                self.region, self.region
            )),
            _ if message.contains("Update your environment to use InvokeRestApi") => Some(
                "the environment is older than InvokeRestApi: update it once, `aws mwaa update-environment`".to_owned(),
            ),
            _ => refusal.remedy(&action),
        };
        let signed = if matches!(status, 401 | 403 | 404) {
            format!("; signed with the credentials of {}", self.aws.describe().await)
        } else {
            String::new()
        };
        let remedy = remedy.map(|remedy| format!("; {remedy}")).unwrap_or_default();
        self.aws.redactor().clean(&format!("{said}{remedy}{signed}"))
    }
}

/// A refusal as a fault.
pub(super) fn fault(call: &Call, refusal: &EmrError) -> ServiceError {
    ServiceError::Refused {
        line: call.line(),
        status: refusal.status,
        code: refusal.code.clone(),
        message: refusal.message.clone(),
        request_id: refusal.request_id.clone(),
        retry_after: refusal.retry_after,
        doubt: refusal.doubt,
    }
}
