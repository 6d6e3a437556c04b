//! Signing in: a token of Airflow 3 for a password, kept and renewed; Airflow 2 takes the password with every request.

use super::config::{AirflowApi, AirflowConfig, Credentials};
use super::errors;
use super::mwaa::Mwaa;
use crate::services::{
    http::{self, Broken},
    issued::{OPAQUE, TokenSource, lasts, renewal},
    retry::Policy,
    secret::{Redactor, Secret},
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::{sync::Mutex, time::Instant};

/// Attempts to get a token.
const ATTEMPTS: u32 = 4;

/// Signs requests in.
pub(super) struct AirflowAuth {
    pub config: AirflowConfig,
    client: reqwest::Client,
    redactor: Arc<Redactor>,
    policy: Policy,
    held: Mutex<Option<AirflowToken>>,
}

/// What a request says of who sends it: one header.
#[derive(Clone, Debug)]
pub(super) struct SignIn {
    /// `Authorization`.
    pub header: &'static str,
    pub value: Secret,
}

#[derive(Clone)]
struct AirflowToken {
    header: Secret,
    /// When to get another one; `None` when the token does not say how long it lasts.
    renew: Option<Instant>,
}

impl AirflowAuth {
    pub fn new(config: AirflowConfig, client: reqwest::Client, redactor: Arc<Redactor>, policy: Policy) -> Self {
        match &config.credentials {
            Credentials::Password { username, password } => {
                redactor.learn(password);
                redactor.learn(&Secret::new(STANDARD.encode(format!("{username}:{}", password.expose()))));
            }
            Credentials::Token(token) => redactor.learn(token),
            // What it signs in with is learnt when there is something.
            Credentials::Iam(_) | Credentials::Issued(_) => {}
        }
        AirflowAuth { config, client, redactor, policy, held: Mutex::default() }
    }

    /// Who the next request is from. Airflow 3 wants a token for a password, Airflow 2 takes the password.
    pub async fn sign_in(&self, api: AirflowApi) -> Result<SignIn, String> {
        let value = match &self.config.credentials {
            Credentials::Password { username, password } if api == AirflowApi::V1 => {
                Secret::new(format!("Basic {}", STANDARD.encode(format!("{username}:{}", password.expose()))))
            }
            Credentials::Password { .. } | Credentials::Issued(_) => self.held_token().await?,
            Credentials::Token(token) => Secret::new(format!("Bearer {}", token.expose())),
            Credentials::Iam(mwaa) => return mwaa.sign_in(&self.client, &self.redactor).await,
        };
        Ok(SignIn { header: "Authorization", value })
    }

    /// The token that was got, kept until it is about to expire. One renewal at a time: the others wait for it.
    async fn held_token(&self) -> Result<Secret, String> {
        let mut held = self.held.lock().await;
        if let Some(token) = held.as_ref().filter(|t| t.renew.is_none_or(|time| Instant::now() < time)) {
            return Ok(token.header.clone());
        }
        let token = match &self.config.credentials {
            Credentials::Password { username, password } => self.fetch(username, password).await?,
            Credentials::Issued(source) => self.issued(source).await?,
            Credentials::Token(_) | Credentials::Iam(_) => return Err("this is renewed elsewhere".to_owned()),
        };
        let header = token.header.clone();
        *held = Some(token);
        Ok(header)
    }

    /// The token that a command or a file has now. One that does not say how long it lasts is not trusted for long; a file is
    /// read for each request, so that it may change at any time.
    async fn issued(&self, source: &TokenSource) -> Result<AirflowToken, String> {
        let token = source.token(&self.redactor).await?;
        let renew = if source.is_cheap() { Instant::now() } else { renewal_of(&token) };
        Ok(AirflowToken { header: Secret::new(format!("Bearer {token}")), renew: Some(renew) })
    }

    /// Forgets a token that the server refused. Says whether another one can be had: of a command or a file only one that
    /// differs is worth a request.
    pub async fn refused(&self, sign_in: &SignIn) -> bool {
        if let Credentials::Iam(mwaa) = &self.config.credentials {
            return mwaa.refused(sign_in).await;
        }
        let mut held = self.held.lock().await;
        // Another task may have renewed it meanwhile.
        if held.as_ref().is_some_and(|token| token.header == sign_in.value) {
            *held = None;
        }
        match &self.config.credentials {
            Credentials::Password { .. } => sign_in.value.expose().starts_with("Bearer "),
            Credentials::Token(_) | Credentials::Iam(_) => false,
            Credentials::Issued(source) => {
                if held.is_none() {
                    // Why there is none is told to whoever signs in next.
                    let Ok(token) = self.issued(source).await else { return true };
                    *held = Some(token);
                }
                held.as_ref().is_some_and(|token| token.header != sign_in.value)
            }
        }
    }

    /// The environment through which AWS passes requests on, where the web server is not asked itself.
    pub fn relay(&self) -> Option<&Mwaa> {
        match &self.config.credentials {
            Credentials::Iam(mwaa) => Some(&**mwaa).filter(|mwaa| mwaa.is_relayed()),
            _ => None,
        }
    }

    /// Asks for a token. Asking twice does no harm, so passing troubles are waited out.
    async fn fetch(&self, username: &str, password: &Secret) -> Result<AirflowToken, String> {
        let body = json!({ "username": username, "password": password.expose() });
        let mut attempt = 0;
        loop {
            let (why, passing) = match self.fetch_once(&body, attempt).await {
                Ok(token) => {
                    self.redactor.learn(&Secret::new(&token));
                    let renew = lasts(&token, Timestamp::now()).map(renewal);
                    return Ok(AirflowToken { header: Secret::new(format!("Bearer {token}")), renew });
                }
                Err(failed) => failed,
            };
            attempt += 1;
            if !passing || attempt >= ATTEMPTS {
                return Err(format!("cannot sign in to {}: {}", self.config.url, self.redactor.clean(&why)));
            }
            tokio::time::sleep(self.policy.first.saturating_mul(1 << attempt)).await;
        }
    }

    async fn fetch_once(&self, body: &Value, attempt: u32) -> Result<String, (String, bool)> {
        let broken = |broken: Broken| (broken.why, !broken.hopeless);
        let url = format!("{}/auth/token", self.config.url);
        let response = http::send(self.client.post(&url).json(body), attempt).await.map_err(broken)?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = http::body(response).await.map_err(broken)?;
        if !(200..300).contains(&status) {
            let fault = errors::refused("POST /auth/token".into(), status, &headers, &body, Timestamp::now());
            let hint = match status {
                401 | 403 => "; is the password right?",
                404 | 405 => "; this Airflow gives no tokens for passwords: set AIRFLOW_TOKEN",
                _ => "",
            };
            return Err((format!("{fault}{hint}"), matches!(status, 429 | 500..)));
        }
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        match answer["access_token"].as_str() {
            Some(token) if !token.is_empty() => Ok(token.to_owned()),
            _ => Err(("POST /auth/token: the answer has no access_token".to_owned(), false)),
        }
    }
}

/// When to run a command again for another token.
fn renewal_of(token: &str) -> Instant {
    lasts(token, Timestamp::now()).map_or_else(|| Instant::now() + OPAQUE, renewal)
}
