//! Signing in: a token of Airflow 3 for a password, kept and renewed; Airflow 2 takes the password with every request.

use super::config::{AirflowApi, AirflowConfig, Credentials};
use super::errors;
use super::mwaa::Mwaa;
use crate::services::{
    http::{self, Broken},
    retry::Policy,
    secret::{Redactor, Secret},
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio::{sync::Mutex, time::Instant};

/// A token is renewed this long before it expires, or in the last third of a short life: a request that is under way must
/// not see it expire.
pub(super) const MARGIN: Duration = Duration::from_secs(120);

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
            Credentials::Iam(_) => {}
        }
        AirflowAuth { config, client, redactor, policy, held: Mutex::default() }
    }

    /// Who the next request is from. Airflow 3 wants a token for a password, Airflow 2 takes the password.
    pub async fn sign_in(&self, api: AirflowApi) -> Result<SignIn, String> {
        let value = match &self.config.credentials {
            Credentials::Password { username, password } if api == AirflowApi::V1 => {
                Secret::new(format!("Basic {}", STANDARD.encode(format!("{username}:{}", password.expose()))))
            }
            Credentials::Password { username, password } => self.token_for(username, password).await?,
            Credentials::Token(token) => Secret::new(format!("Bearer {}", token.expose())),
            Credentials::Iam(mwaa) => return mwaa.sign_in(&self.client, &self.redactor).await,
        };
        Ok(SignIn { header: "Authorization", value })
    }

    /// The token for a password, kept until it is about to expire. One renewal at a time: the others wait for it.
    async fn token_for(&self, username: &str, password: &Secret) -> Result<Secret, String> {
        let mut held = self.held.lock().await;
        if let Some(token) = held.as_ref().filter(|t| t.renew.is_none_or(|time| Instant::now() < time)) {
            return Ok(token.header.clone());
        }
        let token = self.fetch(username, password).await?;
        let header = token.header.clone();
        *held = Some(token);
        Ok(header)
    }

    /// Forgets a token that the server refused. Says whether another one can be had.
    pub async fn refused(&self, sign_in: &SignIn) -> bool {
        if let Credentials::Iam(mwaa) = &self.config.credentials {
            return mwaa.refused(sign_in).await;
        }
        let mut held = self.held.lock().await;
        // Another task may have renewed it meanwhile.
        if held.as_ref().is_some_and(|token| token.header == sign_in.value) {
            *held = None;
        }
        sign_in.value.expose().starts_with("Bearer ") && matches!(self.config.credentials, Credentials::Password { .. })
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
                    let lasts = lasts(&token, Timestamp::now());
                    let renew = lasts.map(|l| Instant::now() + l.saturating_sub(MARGIN).max(l.mul_f64(2.0 / 3.0)));
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

/// How long a token lasts, by its own word (RFC 7519, 4.1.4). Airflow's last a day unless the server says otherwise.
pub(super) fn lasts(token: &str, now: Timestamp) -> Option<Duration> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    let seconds = claims.get("exp")?.as_i64()?.saturating_sub(now.as_second());
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_how_long_it_lasts() {
        let now: Timestamp = "2024-05-01T10:00:00Z".parse().unwrap();
        let token = |claims: &str| format!("eyJh.{}.sig", URL_SAFE_NO_PAD.encode(claims));
        let exp = |seconds: i64| token(&json!({ "exp": now.as_second() + seconds }).to_string());
        assert_eq!(lasts(&exp(3600), now), Some(Duration::from_secs(3600)));
        assert_eq!(lasts(&exp(-5), now), Some(Duration::ZERO));
        for other in ["opaque", "a.b.c", &token("{}"), &token("[]"), ""] {
            assert_eq!(lasts(other, now), None, "{other}");
        }
    }
}
