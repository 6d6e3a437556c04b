//! The one place where HTTP clients are made.

use plumb_model::call::Method;
use reqwest::header::HeaderValue;
use std::{
    sync::Once,
    time::{Duration, Instant},
};

/// The target of the log's lines about requests.
pub const LOG: &str = "plumb::http";

/// How long connecting may take, TLS included.
const CONNECT: Duration = Duration::from_secs(10);

/// How long a connection may be silent before its answer counts as lost (the official SDKs wait as long).
const SILENCE: Duration = Duration::from_secs(60);

/// How long an unused connection is kept. Load balancers hang up after a minute or so, and a call that meets that moment
/// is lost.
const IDLE: Duration = Duration::from_secs(30);

/// The largest answer that is read. A page of a hundred jobs with a hundred tasks each is about a tenth of it.
pub(crate) const LARGEST_ANSWER: usize = 256 << 20;

/// Why there is no HTTP client.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ClientError {
    /// The client could not be set up; in practice, no certificate authority was found.
    #[error(
        "cannot set up HTTPS: {0}; install the system's CA certificates (the package is usually called \
         `ca-certificates`), or name a bundle in SSL_CERT_FILE"
    )]
    Setup(String),
}

/// A client for a host.
///
/// Certificates are checked against the system's authorities (`SSL_CERT_FILE` and `SSL_CERT_DIR` name others, as for
/// OpenSSL), and `HTTPS_PROXY` and `NO_PROXY` are honoured. A `plain` host, which is this machine (the sandbox, tests),
/// needs neither, and must not be sent through a proxy. Redirects are not followed: no API of these services answers with one, and a
/// token must not follow one to a login page.
pub fn client(plain: bool) -> Result<reqwest::Client, ClientError> {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // reqwest panics without one. It fails only when there is one already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    let builder = reqwest::Client::builder()
        .user_agent(user_agent())
        .connect_timeout(CONNECT)
        .read_timeout(SILENCE)
        .pool_idle_timeout(IDLE)
        .redirect(reqwest::redirect::Policy::none());
    let builder = if plain { builder.no_proxy().tls_certs_only([]) } else { builder };
    builder.build().map_err(|e| ClientError::Setup(chain(&e)))
}

/// `plumb/0.1.0 (linux; x86_64)`.
pub fn user_agent() -> String {
    format!("plumb/{} ({}; {})", env!("CARGO_PKG_VERSION"), std::env::consts::OS, std::env::consts::ARCH)
}

/// An error with all its causes, each said once.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

/// What went wrong in the transport, before there was an answer to read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Broken {
    pub why: String,
    /// Whether the request may have reached the service.
    pub sent: bool,
    /// Whether trying again cannot help: the certificate or the address is wrong.
    pub hopeless: bool,
}

impl Broken {
    /// Reads a transport error: only a failure to connect is certain not to have sent anything.
    pub fn of(error: reqwest::Error) -> Self {
        let sent = !(error.is_builder() || error.is_connect());
        let tls = tls_error(&error);
        let untrusted = matches!(tls, Some(rustls::Error::InvalidCertificate(_)));
        let hopeless = error.is_builder() || tls.is_some();
        let timeout = error.is_timeout();
        // The address is in the message already; a query may hold what should not be repeated.
        let mut why = chain(&error.without_url());
        if timeout && sent {
            why = format!("nothing came for {} s", SILENCE.as_secs());
        }
        if untrusted {
            why.push_str("; if a company proxy signs the connection, name its CA bundle in SSL_CERT_FILE");
        }
        Broken { why, sent, hopeless }
    }
}

/// The reason for which TLS refused the connection, if it was TLS.
fn tls_error(error: &reqwest::Error) -> Option<&rustls::Error> {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(found) = unwrapped(error) {
            return Some(found);
        }
        cause = error.source();
    }
    None
}

/// hyper-rustls and tokio-rustls each wrap the error in an `io::Error`, whose `source` skips what it wraps.
fn unwrapped<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e rustls::Error> {
    match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        Some(inner) => unwrapped(inner),
        None => error.downcast_ref(),
    }
}

/// The headers in which services name a request in their own logs.
const REQUEST_IDS: [&str; 5] =
    ["x-request-id", "x-amzn-requestid", "x-amz-request-id", "x-github-request-id", "x-guploader-uploadid"];

/// Sends a request once, and leaves a line in the log: method, path, status, milliseconds, attempt, the service's name for
/// the request. Never a query, a header or a body: they may hold secrets.
pub(crate) async fn send(request: reqwest::RequestBuilder, attempt: u32) -> Result<reqwest::Response, Broken> {
    let (client, request) = request.build_split();
    let request = request.map_err(Broken::of)?;
    let (method, url) = (request.method().clone(), request.url().clone());
    let began = Instant::now();
    let outcome = client.execute(request).await.map_err(Broken::of);
    let (host, path) = (url.host_str().unwrap_or_default(), url.path());
    let (ms, attempt) = (began.elapsed().as_millis(), attempt + 1);
    match &outcome {
        Ok(response) => {
            let ids = REQUEST_IDS.iter().filter_map(|name| response.headers().get(*name)?.to_str().ok());
            let id = ids.into_iter().next().unwrap_or("-");
            tracing::debug!(target: LOG, %method, host, path, status = response.status().as_u16(), ms, attempt, id);
        }
        Err(broken) => tracing::debug!(target: LOG, %method, host, path, ms, attempt, failed = broken.why),
    }
    outcome
}

/// A call's method, as the client names it.
pub(crate) fn method(method: Method) -> reqwest::Method {
    match method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        Method::Patch => reqwest::Method::PATCH,
        Method::Delete => reqwest::Method::DELETE,
    }
}

/// The value of an `Authorization` header, which no log may show.
pub(crate) fn authorization(text: &str) -> Result<HeaderValue, Broken> {
    let mut value = HeaderValue::from_str(text).map_err(|_| {
        let why = "the credentials hold characters that no header can carry".to_owned();
        Broken { why, sent: false, hopeless: true }
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// Reads a whole body, up to [`LARGEST_ANSWER`].
pub(crate) async fn body(mut response: reqwest::Response) -> Result<Vec<u8>, Broken> {
    let mut bytes = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if bytes.len() + chunk.len() > LARGEST_ANSWER => {
                let why = format!("the answer is larger than {} MiB", LARGEST_ANSWER >> 20);
                return Err(Broken { why, sent: true, hopeless: true });
            }
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => return Ok(bytes),
            // The head of the answer was here, so the request was sent, whatever the error calls itself.
            Err(e) => return Err(Broken { sent: true, hopeless: false, ..Broken::of(e) }),
        }
    }
}
