//! Tokens: getting one by any method, keeping it, renewing it before it expires.

use super::auth::{AuthError, DatabricksConfig, Method};
use super::{cli, errors, oidc};
use crate::services::{
    http::{self, Broken},
    retry::Policy,
    secret::{Redactor, Secret},
};
use base64::Engine;
use plumb_model::text::percent_encoded;
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use tokio::{sync::Mutex, time::Instant};

/// A token is renewed this long before it expires, or in the last third of a short life: a request that is under way must
/// not see it expire.
const MARGIN: Duration = Duration::from_secs(120);

/// Attempts to reach an identity provider.
const ATTEMPTS: u32 = 4;

/// What goes into the `Authorization` header.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct DatabricksToken {
    pub header: Secret,
    expires: Option<Instant>,
    renew: Option<Instant>,
}

impl DatabricksToken {
    /// A token that lasts for a time; without one, until the service refuses it.
    pub fn bearer(token: &str, lasts: Option<Duration>) -> Self {
        let now = Instant::now();
        let renew = lasts.map(|lasts| now + lasts.saturating_sub(MARGIN).max(lasts.mul_f64(2.0 / 3.0)));
        DatabricksToken {
            header: Secret::new(format!("Bearer {token}")),
            expires: lasts.map(|lasts| now + lasts),
            renew,
        }
    }
}

/// Signs requests in.
pub(super) struct DatabricksAuth {
    pub config: DatabricksConfig,
    pub client: reqwest::Client,
    pub redactor: Arc<Redactor>,
    pub policy: Policy,
    held: Mutex<TokenState>,
}

#[derive(Default)]
struct TokenState {
    token: Option<DatabricksToken>,
    /// The method that gave it; from then on it is the only one.
    method: Option<usize>,
}

impl DatabricksAuth {
    pub fn new(config: DatabricksConfig, client: reqwest::Client, redactor: Arc<Redactor>, policy: Policy) -> Self {
        for method in &config.methods {
            match method {
                Method::Pat { token } | Method::EnvOidc { token, .. } => redactor.learn(token),
                Method::Basic { password, .. } => redactor.learn(password),
                Method::GithubOidc { request_token, .. } => redactor.learn(request_token),
                Method::M2m { client_secret, .. } | Method::AzureClientSecret { client_secret, .. } => {
                    redactor.learn(client_secret);
                }
                Method::Cli { .. } | Method::FileOidc { .. } | Method::AzureCli { .. } => {}
            }
        }
        DatabricksAuth { config, client, redactor, policy, held: Mutex::default() }
    }

    /// The header of the next request. One renewal at a time: the others wait for it.
    pub async fn header(&self) -> Result<Secret, AuthError> {
        let mut held = self.held.lock().await;
        let now = Instant::now();
        if let Some(token) = &held.token
            && token.renew.is_none_or(|time| now < time)
        {
            return Ok(token.header.clone());
        }
        match self.fetch(held.method).await {
            Ok((method, token)) => {
                let header = token.header.clone();
                *held = TokenState { token: Some(token), method: Some(method) };
                Ok(header)
            }
            // A provider that is down for a minute is no trouble while the old token lasts.
            Err(error) => match &held.token {
                Some(token) if token.expires.is_some_and(|time| Instant::now() < time) => Ok(token.header.clone()),
                _ => Err(error),
            },
        }
    }

    /// How the requests are signed in, for messages: `pat, profile dev`.
    pub async fn describe(&self) -> String {
        let chosen = self.held.lock().await.method;
        self.config.describe(chosen.and_then(|i| self.config.methods.get(i)))
    }

    /// Forgets a token that the service refused. Says whether another one can be had.
    pub async fn refused(&self, header: &Secret) -> bool {
        let mut held = self.held.lock().await;
        let fixed = held
            .method
            .and_then(|i| self.config.methods.get(i))
            .is_some_and(|method| matches!(method, Method::Pat { .. } | Method::Basic { .. }));
        // Another task may have renewed it meanwhile.
        if held.token.as_ref().is_some_and(|token| token.header == *header) {
            held.token = None;
        }
        !fixed
    }

    async fn fetch(&self, chosen: Option<usize>) -> Result<(usize, DatabricksToken), AuthError> {
        let mut tried = Vec::new();
        for (i, method) in self.config.methods.iter().enumerate() {
            if chosen.is_some_and(|chosen| chosen != i) {
                continue;
            }
            match self.token(method).await {
                Ok(token) => {
                    self.learn(&token);
                    return Ok((i, token));
                }
                Err(why) => tried.push(format!("{}: {}", method.name(), self.redactor.clean(&why))),
            }
        }
        Err(AuthError::Failed { host: self.config.host.url.clone(), tried })
    }

    fn learn(&self, token: &DatabricksToken) {
        if let Some((_, credentials)) = token.header.expose().split_once(' ') {
            self.redactor.learn(&Secret::new(credentials));
        }
    }

    async fn token(&self, method: &Method) -> Result<DatabricksToken, String> {
        match method {
            Method::Pat { token } => Ok(DatabricksToken::bearer(token.expose(), None)),
            Method::Basic { username, password } => {
                let header = Secret::new(basic(username, password.expose()));
                Ok(DatabricksToken { header, expires: None, renew: None })
            }
            Method::M2m { client_id, client_secret } => {
                let endpoint = self.endpoint().await?;
                let header = basic(&percent_encoded(client_id), &percent_encoded(client_secret.expose()));
                let form = [("grant_type", "client_credentials"), ("scope", "all-apis")];
                self.granted(|client| client.post(&endpoint).header("Authorization", &header).form(&form)).await
            }
            Method::Cli { program, profile } => {
                cli::databricks(program, profile.as_deref(), &self.config.host.url).await
            }
            Method::AzureCli { program, tenant } => cli::azure(program, tenant.as_deref()).await,
            Method::AzureClientSecret { cloud, tenant, client_id, client_secret } => {
                let tenant = match tenant {
                    Some(tenant) => tenant.clone(),
                    None => self.tenant().await?,
                };
                let endpoint = format!("{}/{}/oauth2/token", cloud.login, percent_encoded(&tenant));
                let form = [
                    ("grant_type", "client_credentials"),
                    ("client_id", client_id),
                    ("client_secret", client_secret.expose()),
                    ("resource", AZURE_DATABRICKS),
                ];
                self.granted(|client| client.post(&endpoint).form(&form)).await
            }
            Method::GithubOidc { .. } | Method::EnvOidc { .. } | Method::FileOidc { .. } => {
                oidc::token(self, method).await
            }
        }
    }

    /// A token out of the answer of a token endpoint (RFC 6749, 5.1).
    pub async fn granted(
        &self,
        request: impl Fn(&reqwest::Client) -> reqwest::RequestBuilder,
    ) -> Result<DatabricksToken, String> {
        let answer = self.json(request).await?;
        let token =
            answer["access_token"].as_str().filter(|t| !t.is_empty()).ok_or("the answer has no access_token")?;
        // Some servers write the number as a text.
        let lasts = match &answer["expires_in"] {
            Value::Number(seconds) => seconds.as_u64(),
            Value::String(seconds) => seconds.parse().ok(),
            _ => None,
        };
        Ok(DatabricksToken::bearer(token, lasts.map(Duration::from_secs)))
    }

    /// The workspace's token endpoint.
    pub async fn endpoint(&self) -> Result<String, String> {
        let host = &self.config.host.url;
        let usual = format!("{host}/oidc/.well-known/oauth-authorization-server");
        let place = match &self.config.discovery_url {
            Some(url) => allowed(url)?,
            None => usual,
        };
        let metadata = match self.json(|client| client.get(&place)).await {
            Ok(metadata) => metadata,
            // A host that serves several workspaces has it elsewhere, and says where (host_metadata.go).
            Err(why) => match self.other_discovery().await {
                Some(place) => self.json(|client| client.get(&place)).await?,
                None => return Err(format!("cannot find the workspace's OAuth endpoints: {why}")),
            },
        };
        allowed(metadata["token_endpoint"].as_str().ok_or("the workspace names no token endpoint")?)
    }

    async fn other_discovery(&self) -> Option<String> {
        let place = format!("{}/.well-known/databricks-config", self.config.host.url);
        let metadata = self.json(|client| client.get(&place)).await.ok()?;
        let account = self.config.account_id.as_deref().or(metadata["account_id"].as_str()).unwrap_or_default();
        let root = metadata["oidc_endpoint"].as_str()?.replace("{account_id}", account);
        allowed(&format!("{}/.well-known/oauth-authorization-server", root.trim_end_matches('/'))).ok()
    }

    /// The tenant of an Azure workspace: its login page redirects to it (databricks-sdk-go, `config/azure.go`).
    async fn tenant(&self) -> Result<String, String> {
        let place = format!("{}/aad/auth", self.config.host.url);
        let response = http::send(self.client.get(place), 0).await.map_err(|broken| broken.why)?;
        errors::header(response.headers(), "location")
            .and_then(|to| reqwest::Url::parse(to).ok())
            .and_then(|url| url.path_segments()?.next().map(str::to_owned))
            .filter(|tenant| !tenant.is_empty())
            .ok_or_else(|| "cannot find the workspace's tenant; set ARM_TENANT_ID".to_owned())
    }

    /// A JSON answer of an identity provider. Asking twice does no harm, so passing troubles are waited out.
    pub async fn json(&self, request: impl Fn(&reqwest::Client) -> reqwest::RequestBuilder) -> Result<Value, String> {
        let mut attempt = 0;
        loop {
            let (why, passing) = match self.json_once(request(&self.client), attempt).await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            attempt += 1;
            if !passing || attempt >= ATTEMPTS {
                return Err(self.redactor.clean(&why));
            }
            tokio::time::sleep(self.policy.first.saturating_mul(1 << attempt)).await;
        }
    }

    async fn json_once(&self, request: reqwest::RequestBuilder, attempt: u32) -> Result<Value, (String, bool)> {
        let broken = |broken: Broken| (broken.why, !broken.hopeless);
        let response = http::send(request, attempt).await.map_err(broken)?;
        let status = response.status().as_u16();
        let at = {
            let mut url = response.url().clone();
            url.set_query(None);
            url.to_string()
        };
        let headers = response.headers().clone();
        let body = http::body(response).await.map_err(broken)?;
        if !(200..300).contains(&status) {
            let fault = errors::refused(at, status, &headers, &body, jiff::Timestamp::now());
            return Err((fault.to_string(), matches!(status, 429 | 500..)));
        }
        serde_json::from_slice(&body).map_err(|_| (format!("{at}: the answer is not JSON"), false))
    }
}

/// The application id of Azure Databricks, in all of Azure's clouds.
pub(super) const AZURE_DATABRICKS: &str = "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d";

fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}")))
}

/// A client's secret goes to no address in the clear, except on this machine.
fn allowed(url: &str) -> Result<String, String> {
    let parsed = reqwest::Url::parse(url).map_err(|e| format!("`{url}` is no address: {e}"))?;
    let loopback = plumb_model::text::is_loopback(parsed.host_str().unwrap_or_default());
    if parsed.scheme() == "https" || (parsed.scheme() == "http" && loopback) {
        Ok(url.to_owned())
    } else {
        Err(format!("{url} would get the credentials in the clear"))
    }
}
