//! Who asks Google Cloud Storage, and where it is: from the environment alone.
//!
//! `GCS_TOKEN_COMMAND` wins, because it is for this store alone. Then the order is that of Google's Application Default
//! Credentials: the file that `GOOGLE_APPLICATION_CREDENTIALS` names, then the metadata server of the machine. The file in
//! the home folder that gcloud writes, which stands between those two for Google's libraries, is not looked for: whoever
//! means it can name it. With `STORAGE_EMULATOR_HOST` nobody is signed in but by the command, as with Google's own clients:
//! a real token has no business there.

use super::grant::{ELSEWHERE, Grant};
use crate::services::databricks::errors::meaning;
use crate::services::endpoint::{BadEndpoint, endpoint};
use crate::services::http::{self as web, Broken, ClientError};
use crate::services::issued::{OPAQUE, TimeoutError, TokenSource, lasts, renewal};
use crate::services::retry::Policy;
use crate::services::secret::{Redactor, Secret};
use jiff::Timestamp;
use plumb_model::text::is_loopback;
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Where Google Cloud Storage is.
const GOOGLE: &str = "https://storage.googleapis.com";

/// Where a machine of Google's asks who it is. It is answered on the link of the machine, and without TLS.
const METADATA: &str = "metadata.google.internal";

/// How long the metadata server may take. On a machine that is none of Google's, nothing answers there at all (google-auth,
/// `_metadata.py`, waits as long).
const NEAR: Duration = Duration::from_secs(3);

/// Attempts to get a token.
const ATTEMPTS: u32 = 4;

/// The longest key file that is read.
const LARGEST: u64 = 1 << 20;

/// Why Google Cloud Storage cannot be talked to.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum GcsError {
    /// A setting that cannot be used.
    #[error("{what} is `{value}`: {why}")]
    Setting { what: &'static str, value: String, why: String },
    #[error(transparent)]
    Timeout(#[from] TimeoutError),
    /// There is no HTTP client.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// Where a store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GcsEndpoint {
    /// Without a slash at the end.
    pub url: String,
    /// The variable that named it.
    from: Option<&'static str>,
}

impl GcsEndpoint {
    /// The store, for messages.
    pub(super) fn shown(&self) -> String {
        match self.from {
            Some(from) => format!("{} ({from})", self.url),
            None => "Google Cloud Storage".to_owned(),
        }
    }
}

const EMULATOR: &str = "STORAGE_EMULATOR_HOST";
/// gcloud's property `api_endpoint_overrides/storage`: with `/storage/v1/` at its end.
const OVERRIDE: &str = "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE";

/// Where the environment says that the store is.
pub(super) fn endpoint_of(env: &dyn Fn(&str) -> Option<String>) -> Result<GcsEndpoint, GcsError> {
    let named = [EMULATOR, OVERRIDE].into_iter().find_map(|name| Some((name, env(name)?)));
    let Some((from, text)) = named else { return Ok(GcsEndpoint { url: GOOGLE.to_owned(), from: None }) };
    let text = text.trim();
    // Some of Google's clients want a scheme there (Python), some take `localhost:4443` (Go).
    let text = if from == EMULATOR && !text.contains("://") { format!("http://{text}") } else { text.to_owned() };
    let text = text.trim_end_matches('/');
    let text = text.strip_suffix("/storage/v1").unwrap_or(text);
    let url = endpoint(text).map_err(|BadEndpoint { value, why }| GcsError::Setting { what: from, value, why })?;
    Ok(GcsEndpoint { url, from: Some(from) })
}

/// Where tokens come from.
#[derive(Debug)]
enum GcsSource {
    Issued(TokenSource),
    /// A file of a service account, or of a person, with the other address that it may be shown to.
    KeyFile(PathBuf, Option<String>),
    Metadata(String),
    /// Nobody is signed in to an emulator.
    Nobody,
}

struct GcsToken {
    token: Secret,
    renew: Instant,
    /// Whose it is.
    whose: String,
}

/// Signs requests in.
pub(super) struct GcsAuth {
    pub endpoint: GcsEndpoint,
    source: GcsSource,
    near: reqwest::Client,
    far: reqwest::Client,
    redactor: Arc<Redactor>,
    policy: Policy,
    held: Mutex<Option<GcsToken>>,
}

impl GcsAuth {
    pub(super) fn new(
        env: &dyn Fn(&str) -> Option<String>,
        redactor: Arc<Redactor>,
        policy: Policy,
    ) -> Result<Self, GcsError> {
        let endpoint = endpoint_of(env)?;
        let source = match (env("GCS_TOKEN_COMMAND"), env("GOOGLE_APPLICATION_CREDENTIALS")) {
            (Some(line), _) => GcsSource::Issued(TokenSource::command("GCS_TOKEN_COMMAND", line, env)?),
            _ if endpoint.from == Some(EMULATOR) => GcsSource::Nobody,
            (None, Some(path)) => GcsSource::KeyFile(path.into(), env(ELSEWHERE)),
            (None, None) => GcsSource::Metadata(metadata_host(env)?),
        };
        let (near, far) = (web::client(true)?, web::client(false)?);
        Ok(GcsAuth { endpoint, source, near, far, redactor, policy, held: Mutex::default() })
    }

    /// The token of the next request. One renewal at a time: the others wait for it.
    pub(super) async fn token(&self) -> Result<Option<Secret>, String> {
        if matches!(self.source, GcsSource::Nobody) {
            return Ok(None);
        }
        let mut held = self.held.lock().await;
        if let Some(held) = held.as_ref().filter(|held| Instant::now() < held.renew) {
            return Ok(Some(held.token.clone()));
        }
        let fresh = self.fetch().await?;
        let token = fresh.token.clone();
        *held = Some(fresh);
        Ok(Some(token))
    }

    /// Gets another token, as the store does not take the one that is held. Says whether there is one that differs.
    pub(super) async fn refused(&self) -> bool {
        let mut held = self.held.lock().await;
        let old = held.take();
        // Why there is none is told to whoever signs in next.
        let Ok(fresh) = self.fetch().await else { return old.is_some() };
        let differs = old.is_some_and(|old| old.token != fresh.token);
        *held = Some(fresh);
        differs
    }

    /// Whose the token is, for messages.
    pub(super) async fn describe(&self) -> String {
        match (&self.source, self.held.lock().await.as_ref()) {
            (GcsSource::Nobody, _) => format!("nobody, as {EMULATOR} is set: GCS_TOKEN_COMMAND would sign in"),
            (_, Some(held)) => held.whose.clone(),
            (_, None) => "nobody".to_owned(),
        }
    }

    async fn fetch(&self) -> Result<GcsToken, String> {
        let (token, lasts, whose) = match &self.source {
            GcsSource::Nobody => return Err("nobody is signed in to an emulator".to_owned()),
            GcsSource::Issued(source) => {
                let token = source.token(&self.redactor).await?;
                let lasts = lasts(&token, Timestamp::now());
                (token, lasts, format!("a token of {}", source.variable))
            }
            GcsSource::KeyFile(path, elsewhere) => {
                let wrong = |why: String| {
                    format!("{} (GOOGLE_APPLICATION_CREDENTIALS) {}", path.display(), self.redactor.clean(&why))
                };
                let text = read(path.clone()).await.map_err(wrong)?;
                let grant = Grant::read(&text, elsewhere.as_deref(), &self.redactor).map_err(wrong)?;
                let form = grant.form(Timestamp::now().as_second(), &self.redactor).map_err(wrong)?;
                let (token, lasts) = self.granted(&grant, &form).await?;
                (token, lasts, format!("{} (GOOGLE_APPLICATION_CREDENTIALS)", grant.whose))
            }
            GcsSource::Metadata(host) => {
                let (token, lasts) = self.of_the_machine(host).await?;
                (token, lasts, format!("the service account of this machine ({host})"))
            }
        };
        let token = Secret::new(token);
        self.redactor.learn(&token);
        let renew = lasts.map_or_else(|| Instant::now() + OPAQUE, renewal);
        Ok(GcsToken { token, renew, whose })
    }

    /// The token that a key or a person's sign-in is exchanged for. Asking twice does no harm, so passing troubles are waited
    /// out.
    async fn granted(
        &self,
        grant: &Grant,
        form: &[(&'static str, String)],
    ) -> Result<(String, Option<Duration>), String> {
        let host = reqwest::Url::parse(&grant.token_uri).ok();
        let here = host.as_ref().and_then(|url| url.host_str()).is_some_and(is_loopback);
        let client = if here { &self.near } else { &self.far };
        let mut attempt = 0;
        loop {
            let asked = answered(client.post(&grant.token_uri).form(form), attempt).await;
            let (why, passing) = match asked {
                Ok(answer) => match token_of(&answer) {
                    Some(found) => return Ok(found),
                    None => ("the answer has no access_token".to_owned(), false),
                },
                Err(failed) => failed,
            };
            attempt += 1;
            if !passing || attempt >= ATTEMPTS {
                let why = self.redactor.clean(&why);
                let Grant { whose, token_uri, .. } = grant;
                return Err(format!("{whose} (GOOGLE_APPLICATION_CREDENTIALS) gets no token from {token_uri}: {why}"));
            }
            tokio::time::sleep(self.policy.first.saturating_mul(1 << attempt)).await;
        }
    }

    /// The token of the machine's service account ("Authenticate workloads using service accounts", metadata server).
    async fn of_the_machine(&self, host: &str) -> Result<(String, Option<Duration>), String> {
        let url = format!("http://{host}/computeMetadata/v1/instance/service-accounts/default/token");
        let request = self.near.get(url).header("metadata-flavor", "Google").timeout(NEAR);
        let none = |why: &str| {
            let why = self.redactor.clean(why);
            format!(
                "nobody is signed in to Google Cloud Storage: set GOOGLE_APPLICATION_CREDENTIALS to the key file of a \
                 service account, or GCS_TOKEN_COMMAND='gcloud auth print-access-token' (this machine has no service \
                 account of its own: {host}: {why})"
            )
        };
        let answer = answered(request, 0).await.map_err(|(why, _)| none(&why))?;
        token_of(&answer).ok_or_else(|| none("the answer has no access_token"))
    }
}

/// The address of the metadata server: a host, with a port where one is named.
fn metadata_host(env: &dyn Fn(&str) -> Option<String>) -> Result<String, GcsError> {
    let Some(host) = env("GCE_METADATA_HOST") else { return Ok(METADATA.to_owned()) };
    let plain = reqwest::Url::parse(&format!("http://{host}/")).is_ok_and(|url| {
        let bare = url.username().is_empty() && url.password().is_none() && url.query().is_none();
        bare && url.fragment().is_none() && url.path() == "/"
    });
    if plain && !host.contains('/') {
        return Ok(host);
    }
    let why = "expected a host, such as 169.254.169.254".to_owned();
    Err(GcsError::Setting { what: "GCE_METADATA_HOST", value: host, why })
}

async fn read(path: PathBuf) -> Result<Vec<u8>, String> {
    use std::io::Read;
    let read = tokio::task::spawn_blocking(move || -> std::io::Result<Vec<u8>> {
        let mut text = Vec::new();
        std::fs::File::open(path)?.take(LARGEST).read_to_end(&mut text)?;
        Ok(text)
    });
    read.await.map_err(|e| e.to_string())?.map_err(|e| format!("cannot be read: {e}"))
}

/// The JSON of a success. The `bool` of an error says that it may pass.
async fn answered(request: reqwest::RequestBuilder, attempt: u32) -> Result<Value, (String, bool)> {
    let broken = |broken: Broken| (broken.why, !broken.hopeless);
    let response = web::send(request, attempt).await.map_err(broken)?;
    let status = response.status().as_u16();
    let body = web::body(response).await.map_err(broken)?;
    let answer = serde_json::from_slice::<Value>(&body);
    if (200..300).contains(&status) {
        return answer.map_err(|_| ("the answer is not JSON".to_owned(), false));
    }
    // RFC 6749, 5.2.
    let said = answer.unwrap_or_default();
    let said = match (said["error"].as_str(), said["error_description"].as_str()) {
        (Some(error), Some(more)) => format!("{error}: {more}"),
        (Some(error), None) => error.to_owned(),
        (None, _) => meaning(status, &body).message,
    };
    Err((format!("{status} {said}"), matches!(status, 429 | 500..)))
}

/// The token of an answer, and how long it lasts (RFC 6749, 5.1).
fn token_of(answer: &Value) -> Option<(String, Option<Duration>)> {
    let token = answer["access_token"].as_str().filter(|token| !token.is_empty())?;
    Some((token.to_owned(), answer["expires_in"].as_u64().map(Duration::from_secs)))
}
