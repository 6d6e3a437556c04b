//! Amazon EMR and EMR Serverless in one account and region.
//!
//! A call's path begins with the signing name of the service that it goes to: `/elasticmapreduce/ListClusters` (JSON 1.1:
//! one address, the operation in a header), `/emr-serverless/applications` (REST with JSON), `/sts/GetCallerIdentity`,
//! `/pricing/GetProducts` (JSON 1.1; what nodes cost).
//! Where the target names an account, nothing is sent to EMR before STS has said that the credentials are of that account.

pub(super) mod answer;
mod protocol;

use super::aws::{self, Aws, AwsError, Endpoint, SignedRequest};
use super::http::{self as web, Broken};
use super::rate_limiter::{RateLimiter, RequestOutcome};
use super::retry::{self, Attempts, Policy, Retry};
use super::{Requests, random};
use answer::{EmrError, refusal};
use jiff::Timestamp;
use plumb_model::call::{Answer, Call, Method, Sending, Service, ServiceError, System};
use plumb_model::limits::Pace;
use protocol::{EmrApi, Wire};
use serde_json::Value;
use tokio::sync::OnceCell;
use tokio::time::Instant;

/// What a target says of EMR.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EmrSettings {
    /// The region. Default: the one of the environment or of the AWS profile.
    pub region: Option<String>,
    /// The account that the credentials have to be of.
    pub account: Option<String>,
    /// How fast requests are sent, where somebody said so.
    pub pace: Option<Pace>,
}

/// Whose credentials these are, as STS says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The account's twelve digits.
    pub account: String,
    /// `arn:aws:iam::123456789012:user/ann`.
    pub arn: String,
}

/// EMR in one account and region.
pub struct Emr {
    aws: Aws,
    region: String,
    account: Option<String>,
    services: [Reached; 4],
    caller: OnceCell<Caller>,
    policy: Policy,
    requests: Requests,
}

/// One of the services and the way to it.
struct Reached {
    api: EmrApi,
    endpoint: Option<Endpoint>,
    client: reqwest::Client,
    pace: RateLimiter,
}

impl Emr {
    /// EMR as the target and the environment name it. Nothing is sent yet.
    pub fn new(aws: Aws, explicit: &EmrSettings) -> Result<Self, AwsError> {
        Self::with(aws, explicit, Policy::default())
    }

    /// The same with another patience.
    pub fn with(aws: Aws, explicit: &EmrSettings, policy: Policy) -> Result<Self, AwsError> {
        let wrong = |what: &str, value: &str, why: &str| AwsError::Setting {
            what: what.to_owned(),
            value: value.to_owned(),
            why: why.to_owned(),
        };
        let region = match (&explicit.region, aws.region()) {
            (Some(region), _) if !aws::is_region(region) => {
                return Err(wrong("emr.region", region, "expected the name of a region, such as `eu-west-1`"));
            }
            (Some(region), _) => region.clone(),
            (None, Some(region)) => region.to_owned(),
            (None, None) => {
                return Err(wrong("emr.region", "", "there is no region: set it in the target, or set AWS_REGION"));
            }
        };
        if let Some(account) = &explicit.account
            && (account.len() != 12 || !account.bytes().all(|b| b.is_ascii_digit()))
        {
            return Err(wrong("emr.account", account, "expected the twelve digits of an account, in quotes"));
        }
        let reach = |api: EmrApi| -> Result<Reached, AwsError> {
            let endpoint = aws.endpoint(api.variable())?;
            let here = endpoint.as_ref().is_some_and(|e| aws::is_plain(&e.url));
            let client = web::client(here)?;
            let pace = RateLimiter::new(Pace::of(explicit.pace, here));
            Ok(Reached { api, endpoint, client, pace })
        };
        let services =
            [reach(EmrApi::Clusters)?, reach(EmrApi::Serverless)?, reach(EmrApi::Identity)?, reach(EmrApi::Prices)?];
        let (account, caller, requests) = (explicit.account.clone(), OnceCell::new(), Requests::default());
        Ok(Emr { aws, region, account, services, caller, policy, requests })
    }

    /// Who asks: other services of the same account are asked as the same.
    pub fn identity(&self) -> Aws {
        self.aws.clone()
    }

    /// The region that is asked.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// How many requests have been sent, repetitions included.
    pub fn requests(&self) -> Requests {
        self.requests.clone()
    }

    /// Asks STS whose credentials these are, once. It needs no permission. Credentials of another account than the target
    /// names are refused.
    pub async fn caller(&self) -> Result<&Caller, ServiceError> {
        let call = Call::set(System::Emr, Method::Post, "/sts/GetCallerIdentity", Value::Null);
        let asked = self.caller.get_or_try_init(|| async {
            let answer = self.deliver(&call, &protocol::wire(&call).map_err(|why| not_sent(&call, why))?).await?;
            let text = |name: &str| answer.body[name].as_str().unwrap_or_default().to_owned();
            Ok(Caller { account: text("Account"), arn: text("Arn") })
        });
        let caller = asked.await?;
        match &self.account {
            Some(account) if *account != caller.account => Err(not_sent(
                &call,
                format!(
                    "the target is account {account}, and the credentials of {} are of account {} ({}); sign in to the \
                     other account, or fix `emr.account` of the target",
                    self.aws.describe().await,
                    caller.account,
                    caller.arn
                ),
            )),
            _ => Ok(caller),
        }
    }

    fn reached(&self, api: EmrApi) -> &Reached {
        let [clusters, serverless, identity, prices] = &self.services;
        match api {
            EmrApi::Clusters => clusters,
            EmrApi::Serverless => serverless,
            EmrApi::Identity => identity,
            EmrApi::Prices => prices,
        }
    }

    /// Sends a call as often as is safe and useful.
    async fn deliver(&self, call: &Call, wire: &Wire) -> Result<Answer, ServiceError> {
        let reached = self.reached(wire.api);
        // The time in line for the first attempt is not spent on trying.
        let mut began = None;
        let (mut attempt, mut renewed) = (0, false);
        let mut attempts = Attempts::default();
        loop {
            let pass = reached.pace.enter(call).await;
            let began = *began.get_or_insert_with(Instant::now);
            let (fault, mut refusal) = match self.attempt(call, attempt, wire, reached).await {
                Ok(Ok(answer)) => {
                    pass.leave(RequestOutcome::Well);
                    return Ok(answer);
                }
                Ok(Err(refusal)) => {
                    let too_fast = matches!(refusal.status, 429 | 503);
                    pass.leave(if too_fast {
                        RequestOutcome::TooFast(refusal.retry_after)
                    } else {
                        RequestOutcome::Well
                    });
                    (self.fault(call, &refusal, ""), Some(refusal))
                }
                Err((fault, hopeless)) => {
                    pass.leave(RequestOutcome::Otherwise);
                    if hopeless {
                        return Err(attempts.failed(call, fault));
                    }
                    (fault, None)
                }
            };
            let fault = attempts.failed(call, fault);
            if let Some(refusal) = &mut refusal {
                refusal.doubt = fault.doubt();
            }
            if refusal.as_ref().is_some_and(EmrError::is_expired) && !renewed {
                self.aws.forget().await;
                renewed = true;
                continue;
            }
            match (retry::next(&self.policy, call, &fault, attempt, began.elapsed(), random()), refusal) {
                (Retry::After(wait), _) => tokio::time::sleep(wait).await,
                (Retry::GiveUp, Some(refusal)) => return Err(self.explained(call, wire, &refusal).await),
                (Retry::GiveUp, None) => return Err(fault),
            }
            attempt += 1;
        }
    }

    /// Sends a request once. The `bool` of a fault says that trying again cannot help.
    async fn attempt(
        &self,
        call: &Call,
        attempt: u32,
        wire: &Wire,
        to: &Reached,
    ) -> Result<Result<Answer, EmrError>, (ServiceError, bool)> {
        let unsent = |why: String| (not_sent(call, why), true);
        let base = match &to.endpoint {
            Some(endpoint) => endpoint.url.clone(),
            None => format!("https://{}.{}", wire.api.host(&self.region), aws::domain(&self.region)),
        };
        let url = format!("{base}{}", wire.target);
        let signed = SignedRequest {
            service: wire.api.signing_name(),
            region: wire.api.region(&self.region),
            method: wire.method,
            url: &url,
            signed_url: &format!("{base}{}", protocol::signed_target(&wire.target)),
            headers: &wire.headers,
            body: wire.body.clone(),
        };
        let request = self.aws.signed(&to.client, signed).await.map_err(unsent)?;
        self.requests.add_one();
        let broken = |broken: Broken| {
            let (line, why) = (call.line(), self.aws.redactor().clean(&format!("{}: {}", self.place(to), broken.why)));
            let fault =
                if broken.sent { ServiceError::Lost { line, why } } else { ServiceError::NotSent { line, why } };
            (fault, broken.hopeless)
        };
        let response = web::send(request, attempt).await.map_err(broken)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        if !(200..300).contains(&status) {
            // An error that breaks off is still an error: the status says it.
            let body = web::body(response).await.unwrap_or_default();
            return Ok(Err(refusal(status, &headers, &body, Timestamp::now())));
        }
        let body = web::body(response).await.map_err(broken)?;
        let body = answer::body(wire.api, &body).map_err(|why| {
            let why = format!("{} answered oddly: {why}; is it an endpoint of AWS?", self.place(to));
            (ServiceError::Lost { line: call.line(), why: self.aws.redactor().clean(&why) }, true)
        })?;
        Ok(Ok(Answer { status, body, request_id: answer::request_id(&headers) }))
    }

    /// The service, for messages.
    fn place(&self, reached: &Reached) -> String {
        match &reached.endpoint {
            Some(endpoint) => format!("{} ({})", endpoint.url, endpoint.from),
            None => format!("{} in {}", reached.api.name(), reached.api.region(&self.region)),
        }
    }

    fn fault(&self, call: &Call, refusal: &EmrError, more: &str) -> ServiceError {
        ServiceError::Refused {
            line: call.line(),
            status: refusal.status,
            code: refusal.code.clone(),
            message: self.aws.redactor().clean(&format!("{}{more}", refusal.message)),
            request_id: refusal.request_id.clone(),
            retry_after: refusal.retry_after,
            doubt: refusal.doubt,
        }
    }

    /// A refusal with what can be done about it.
    async fn explained(&self, call: &Call, wire: &Wire, refusal: &EmrError) -> ServiceError {
        let mut more = refusal.remedy(&wire.action).map(|remedy| format!("; {remedy}")).unwrap_or_default();
        if matches!(refusal.status, 401 | 403) || more.contains("credentials") {
            more.push_str(&format!("; signed with the credentials of {}", self.aws.describe().await));
        }
        self.fault(call, refusal, &more)
    }
}

impl Service for Emr {
    fn send<'a>(&'a self, call: &'a Call) -> Sending<'a> {
        Box::pin(async move {
            if call.system != System::Emr {
                return Err(not_sent(call, format!("this is a call to {}", call.system.name())));
            }
            let wire = protocol::wire(call).map_err(|why| not_sent(call, why))?;
            if self.account.is_some() && wire.api != EmrApi::Identity {
                self.caller().await?;
            }
            self.deliver(call, &wire).await
        })
    }
}

fn not_sent(call: &Call, why: String) -> ServiceError {
    ServiceError::NotSent { line: call.line(), why }
}
