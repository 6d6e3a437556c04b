//! An environment of Amazon MWAA: its description, and the two ways to its Airflow.
//!
//! A *session*: `CreateWebLoginToken` gives a token for a minute, the web server takes it for a session of twelve hours. Or
//! `InvokeRestApi`, which passes each request on: where only the VPC reaches the web server, where the token is denied, or
//! where the web server cannot be reached from here. Which way it is turns out at the first request.
//!
//! Facts: MWAA user guide, "Using the Apache Airflow REST API" (both ways, lifetimes, limits, permissions); botocore's model
//! `mwaa/2020-07-01` (operations, hosts, errors).

mod api;
mod pages;
mod relay;

use super::auth::SignIn;
use super::config::AirflowApi;
use crate::services::aws::{self, Aws, AwsError};
use crate::services::http::{self, ClientError};
use crate::services::issued::{lasts, renewal};
use crate::services::secret::{Redactor, Secret};
use api::{MwaaApi, Operation};
use jiff::Timestamp;
use plumb_core::kinds::airflow::destination::Unusable;
use plumb_core::kinds::airflow::environment::{EnvironmentName, EnvironmentState, MwaaEnvironment};
use plumb_model::limits::Pace;
use plumb_model::text::{is_loopback, percent_encoded};
use serde_json::Value;
use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long a session lasts: "The session token expires after 12 hours" (MWAA user guide).
const SESSION: Duration = Duration::from_secs(12 * 3600);

/// Why an environment cannot be used. Holds no secret.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum MwaaError {
    #[error("`airflow.mwaa`: {0}")]
    Name(#[from] Unusable),
    #[error("`airflow.mwaa`: there is no region for {0}: write its ARN, or set AWS_REGION")]
    NoRegion(String),
    #[error(transparent)]
    Aws(#[from] AwsError),
    #[error(transparent)]
    Client(#[from] ClientError),
    /// It could not be read, or is another one.
    #[error("{0}")]
    Unreadable(String),
    /// Its status does not let anybody use it.
    #[error("the MWAA environment {name} ({region}) {why} (status {status}{trouble})")]
    Unusable { name: String, region: String, status: String, why: String, trouble: String },
}

/// An environment, and the way to its Airflow.
pub struct Mwaa {
    api: MwaaApi,
    /// As AWS describes it.
    pub environment: MwaaEnvironment,
    held: Mutex<Held>,
    relayed: AtomicBool,
    /// How many rows a listing may have at once, as far as is known.
    most: AtomicUsize,
    /// As whom the web server knows the session.
    known_as: OnceLock<String>,
}

/// The way that was found.
#[derive(Default)]
enum Held {
    #[default]
    Nothing,
    Session {
        sign_in: SignIn,
        renew: Instant,
    },
    Relay,
}

impl Mwaa {
    /// The environment that a target names, once AWS has described it.
    pub async fn open(aws: Aws, named: &str, pace: Option<Pace>) -> Result<Self, MwaaError> {
        let named = EnvironmentName::read(named)?;
        let region = named.place.as_ref().map(|place| place.region.clone()).or(aws.region().map(str::to_owned));
        let region = region.ok_or_else(|| MwaaError::NoRegion(named.name.clone()))?;
        if !aws::is_region(&region) {
            return Err(MwaaError::NoRegion(named.name));
        }
        let api = MwaaApi::new(aws, region, named.name.clone(), pace)?;
        let answer = api.asked(Operation::GetEnvironment).await.map_err(MwaaError::Unreadable)?;
        let odd = |why: String| MwaaError::Unreadable(format!("{}: AWS describes it oddly: {why}", api.place()));
        let environment = MwaaEnvironment::read(&answer).map_err(odd)?;
        if let Some(place) = &named.place {
            let account = environment.arn.split(':').nth(4).unwrap_or_default();
            if account != place.account {
                let text = format!(
                    "`airflow.mwaa` is an environment of account {}, and the AWS credentials are of account {account}: sign \
                     in to the other account, or fix the ARN",
                    place.account
                );
                return Err(MwaaError::Unreadable(text));
            }
        }
        let (held, relayed) = (Mutex::default(), AtomicBool::new(false));
        let mwaa =
            Mwaa { api, environment, held, relayed, most: AtomicUsize::new(usize::MAX), known_as: OnceLock::new() };
        if let EnvironmentState::Unusable(why) = mwaa.environment.state() {
            return Err(mwaa.unusable(why));
        }
        if !mwaa.is_web_server() {
            return Err(odd_server(&mwaa));
        }
        Ok(mwaa)
    }

    fn unusable(&self, why: &str) -> MwaaError {
        let MwaaEnvironment { name, status, trouble, .. } = &self.environment;
        let trouble = trouble.as_ref().map(|text| format!("; its last update: {text}")).unwrap_or_default();
        let (name, region, status) = (name.clone(), self.api.region.clone(), status.clone());
        MwaaError::Unusable { name, region, status, why: why.to_owned(), trouble }
    }

    /// What is going on, while the environment is being changed: what is read may change, and nothing should be applied.
    pub fn changing(&self) -> Option<String> {
        let EnvironmentState::Changing(what) = self.environment.state() else { return None };
        let MwaaEnvironment { name, status, .. } = &self.environment;
        Some(format!("the MWAA environment {name} {what} ({status})"))
    }

    /// Which API its Airflow has.
    pub fn api(&self) -> AirflowApi {
        if self.environment.is_airflow_3() == Some(false) { AirflowApi::V1 } else { AirflowApi::V2 }
    }

    pub(super) fn version(&self) -> Option<String> {
        Some(self.environment.version.clone()).filter(|version| !version.is_empty())
    }

    /// The region that it is in.
    pub fn region(&self) -> &str {
        &self.api.region
    }

    /// Whose credentials sign.
    pub fn identity(&self) -> Aws {
        self.api.aws.clone()
    }

    /// The address of its web server. Without TLS only where the endpoint of MWAA is emulated on this machine.
    pub fn url(&self) -> String {
        let host = &self.environment.web_server;
        let name = host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name);
        let scheme = if self.api.is_here() && is_loopback(name) { "http" } else { "https" };
        format!("{scheme}://{host}")
    }

    fn is_web_server(&self) -> bool {
        let host = &self.environment.web_server;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        let (name, port) = host.rsplit_once(':').unwrap_or((host, "0"));
        let is_port = port.parse::<u16>().is_ok() && (self.api.is_here() || !host.contains(':'));
        !name.is_empty() && name.chars().all(plain) && is_port
    }

    /// Who signs in, for messages.
    pub(super) fn describe(&self) -> String {
        let name = &self.environment.name;
        match self.known_as.get() {
            Some(who) => format!("{who} (by AWS credentials, to the MWAA environment {name})"),
            None => format!("the AWS credentials (to the MWAA environment {name})"),
        }
    }

    /// Whether AWS passes requests on.
    pub(super) fn is_relayed(&self) -> bool {
        self.relayed.load(Ordering::Relaxed)
    }

    /// Who the next request is from. The first one finds out which way there is; one renewal at a time.
    pub(super) async fn sign_in(&self, client: &reqwest::Client, redactor: &Redactor) -> Result<SignIn, String> {
        let mut held = self.held.lock().await;
        match &*held {
            Held::Session { sign_in, renew } if Instant::now() < *renew => return Ok(sign_in.clone()),
            Held::Relay => return Ok(nobody()),
            Held::Session { .. } | Held::Nothing => {}
        }
        // A session that was there once is renewed, or the command ends: half of it by another way would be no help.
        let renewal = matches!(&*held, Held::Session { .. });
        let ways: &[MwaaWay] = match (renewal, self.environment.private) {
            (true, _) => &[MwaaWay::Session],
            (false, false) => &[MwaaWay::Session, MwaaWay::Relay],
            (false, true) => &[MwaaWay::Relay, MwaaWay::Session],
        };
        let mut tried = Vec::new();
        for way in ways {
            let found = match way {
                MwaaWay::Session => self.log_in(client, redactor).await,
                MwaaWay::Relay => self.probe().await.map(|()| (nobody(), Held::Relay)),
            };
            match found {
                Ok((sign_in, now)) => {
                    self.relayed.store(matches!(now, Held::Relay), Ordering::Relaxed);
                    *held = now;
                    return Ok(sign_in);
                }
                Err(why) => tried.push(why),
            }
        }
        Err(self.no_way(&tried))
    }

    fn no_way(&self, tried: &[String]) -> String {
        let access = if self.environment.private { "only its VPC reaches its web server" } else { "it is public" };
        let tried: Vec<String> = tried.iter().enumerate().map(|(i, why)| format!("({}) {why}", i + 1)).collect();
        format!(
            "no way to the Airflow of the MWAA environment {} ({}; {access}): {}",
            self.environment.name,
            self.api.region,
            tried.join("; ")
        )
    }

    /// Forgets a session that the web server refused. Says whether another one can be had.
    pub(super) async fn refused(&self, refused: &SignIn) -> bool {
        let mut held = self.held.lock().await;
        match &mut *held {
            Held::Session { sign_in, renew } => {
                if sign_in.value == refused.value {
                    *renew = Instant::now();
                }
                true
            }
            // Expired AWS credentials are forgotten already.
            Held::Relay => true,
            Held::Nothing => false,
        }
    }

    /// Takes a web login token to the web server, and comes back with a session.
    async fn log_in(&self, client: &reqwest::Client, redactor: &Redactor) -> Result<(SignIn, Held), String> {
        let answer = self.api.asked(Operation::CreateWebLoginToken).await?;
        let Some(token) = answer["WebToken"].as_str().filter(|token| !token.is_empty()) else {
            return Err(format!("{}: CreateWebLoginToken gave no token", self.api.place()));
        };
        redactor.learn(&Secret::new(token));
        if let Some(who) = ["AirflowIdentity", "IamIdentity"].iter().find_map(|name| answer[*name].as_str()) {
            // The first name stays: it is the same one.
            let _ = self.known_as.set(who.to_owned());
        }
        let (path, cookie) = match self.api() {
            AirflowApi::V1 => ("/aws_mwaa/login", "session"),
            AirflowApi::V2 | AirflowApi::Auto => ("/pluginsv2/aws_mwaa/login", "_token"),
        };
        let url = format!("{}{path}", self.url());
        let failed = |why: String| redactor.clean(&format!("POST {url}: {why}"));
        let request = client
            .post(&url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("token={}", percent_encoded(token)));
        let response = http::send(request, 0).await.map_err(|broken| failed(broken.why))?;
        let status = response.status().as_u16();
        let value = response.headers().get_all("set-cookie").iter().find_map(|line| {
            let (name, value) = line.to_str().ok()?.split(';').next()?.split_once('=')?;
            (name.trim() == cookie && !value.trim().is_empty()).then(|| value.trim().to_owned())
        });
        let Some(value) = value.filter(|_| status < 400) else {
            return Err(failed(format!(
                "{status}, and no cookie `{cookie}`: the web server takes no login by AWS's token"
            )));
        };
        redactor.learn(&Secret::new(&value));
        let sign_in = match self.api() {
            AirflowApi::V1 => SignIn { header: "Cookie", value: Secret::new(format!("session={value}")) },
            _ => SignIn { header: "Authorization", value: Secret::new(format!("Bearer {value}")) },
        };
        let renew = renewal(lasts(&value, Timestamp::now()).unwrap_or(SESSION));
        Ok((sign_in.clone(), Held::Session { sign_in, renew }))
    }
}

/// A way to the Airflow of an environment.
#[derive(Clone, Copy)]
enum MwaaWay {
    Session,
    Relay,
}

/// What a relayed request carries to the web server: AWS signs it in.
fn nobody() -> SignIn {
    SignIn { header: "Authorization", value: Secret::new("") }
}

fn odd_server(mwaa: &Mwaa) -> MwaaError {
    let host = &mwaa.environment.web_server;
    MwaaError::Unreadable(format!("{}: its web server is `{host}`, which is no host name", mwaa.api.place()))
}

impl PartialEq for Mwaa {
    fn eq(&self, other: &Self) -> bool {
        self.environment == other.environment
    }
}

impl fmt::Debug for Mwaa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mwaa").field("environment", &self.environment).finish_non_exhaustive()
    }
}

/// A number of an answer.
fn number(value: &Value) -> Option<u16> {
    value.as_u64().and_then(|number| u16::try_from(number).ok())
}
