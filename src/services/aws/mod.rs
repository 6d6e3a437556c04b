//! Requests to AWS: whose they are, how they are signed, and where they go.
//!
//! Credentials, region and endpoint are found as the AWS CLI finds them. The library that knows the services which hand
//! credentials out (STS, IAM Identity Center, container and instance metadata) and how a request is signed is reqsign; what
//! it needs of the world it gets from `world`, so that nothing else reads the environment or makes HTTP clients.

mod profile;
mod world;

pub use profile::Files;

pub(super) use super::endpoint::is_plain;
use super::endpoint::{BadEndpoint, endpoint};
use super::http::ClientError;
use super::secret::{Redactor, Secret};
use http::request::Parts;
use plumb_model::call::Method;
use profile::CredentialSource;
use reqsign_aws_v4::{Credential, RequestSigner};
use reqsign_core::{Context, ProvideCredentialDyn, SignRequest, SigningCredential};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use tokio::sync::Mutex;

/// The environment, as a function of names.
pub type Env = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Something that hands out credentials.
type Provider = Arc<dyn ProvideCredentialDyn<Credential = Credential>>;

/// Why AWS cannot be talked to.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum AwsError {
    /// A setting that cannot be used.
    #[error("{what} is `{value}`: {why}")]
    Setting { what: String, value: String, why: String },
    /// There is no HTTP client.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// Where a service is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `http://127.0.0.1:9000`: without a slash at the end.
    pub url: String,
    /// The variable that named it.
    pub from: &'static str,
}

/// A request, before it is signed.
pub(crate) struct SignedRequest<'a> {
    /// The signing name.
    pub service: &'a str,
    pub region: &'a str,
    pub method: Method,
    pub url: &'a str,
    /// The address as the signature has it: most services encode the path once more.
    pub signed_url: &'a str,
    pub headers: &'a [(&'static str, String)],
    pub body: Vec<u8>,
}

/// An identity at AWS that signs requests. Clones share the credentials.
#[derive(Clone)]
pub struct Aws {
    env: Env,
    context: Context,
    source: Arc<CredentialSource>,
    region: Option<String>,
    known: Arc<Mutex<Option<(Credential, &'static str)>>>,
    redactor: Arc<Redactor>,
}

impl Aws {
    /// The identity that the environment and the files of the AWS CLI name. Nothing is asked over the network yet.
    pub fn new(env: Env, files: &Files) -> Result<Self, AwsError> {
        let redactor = Arc::new(Redactor::default());
        let context = world::context(env.clone())?;
        let region = match env("AWS_REGION").or_else(|| env("AWS_DEFAULT_REGION")) {
            Some(region) => Some(("AWS_REGION", region)),
            None => profile::region(&env, files).map(|region| ("the region of the AWS profile", region)),
        };
        if let Some((what, value)) = region.as_ref().filter(|(_, region)| !is_region(region)) {
            let why = "expected the name of a region, such as `eu-west-1`".to_owned();
            return Err(AwsError::Setting { what: (*what).to_owned(), value: value.clone(), why });
        }
        let source = Arc::new(profile::source(&env, files, &context));
        Ok(Aws { env, context, source, region: region.map(|(_, name)| name), known: Arc::default(), redactor })
    }

    /// The region that was chosen: by `AWS_REGION`, `AWS_DEFAULT_REGION` or the profile.
    pub fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    /// The endpoint that was set for a service instead of AWS's own: `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`.
    pub fn endpoint(&self, of_service: &'static str) -> Result<Option<Endpoint>, AwsError> {
        // The variable that switches the others off (AWS SDKs and tools reference guide, "Service-specific endpoints").
        if (self.env)("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").is_some_and(|v| v.eq_ignore_ascii_case("true")) {
            return Ok(None);
        }
        let found = [of_service, "AWS_ENDPOINT_URL"].into_iter().find_map(|from| Some((from, (self.env)(from)?)));
        let Some((from, text)) = found else { return Ok(None) };
        let url = endpoint(&text).map_err(|BadEndpoint { value, why }| AwsError::Setting {
            what: from.to_owned(),
            value,
            why,
        })?;
        Ok(Some(Endpoint { url, from }))
    }

    /// What takes secrets out of texts before anybody sees them.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// Where the credentials came from, once there are some: `the environment`.
    pub async fn describe(&self) -> &'static str {
        self.known.lock().await.as_ref().map_or("no credentials", |(_, from)| from)
    }

    /// Forgets the credentials, as they are not taken any more: the next request asks for new ones.
    pub async fn forget(&self) {
        *self.known.lock().await = None;
    }

    /// Signs a request for a service in a region (Signature Version 4). Its address has to be encoded as it will be sent,
    /// and the header `x-amz-content-sha256` has to be there where the service wants one (S3).
    pub async fn sign(&self, service: &str, region: &str, request: &mut Parts) -> Result<(), String> {
        let credential = self.credential().await?;
        let signer = RequestSigner::new(service, region);
        let signed = signer.sign_request(&self.context, request, Some(&credential), None).await;
        signed.map_err(|e| self.redactor.clean(&format!("the request cannot be signed: {e}")))
    }

    /// A request with its body, signed and ready to be sent by this client.
    pub(crate) async fn signed(
        &self,
        client: &reqwest::Client,
        request: SignedRequest<'_>,
    ) -> Result<reqwest::RequestBuilder, String> {
        let SignedRequest { service, region, method, url, signed_url, headers, body } = request;
        // What an address means must not change on the way: it is signed as it stands here.
        if reqwest::Url::parse(url).map_err(|e| e.to_string())?.as_str() != url {
            return Err(format!("the address {url} means another one"));
        }
        let digest: String = Sha256::digest(&body).iter().map(|byte| format!("{byte:02x}")).collect();
        let mut request = http::Request::builder().method(method.name()).uri(signed_url);
        request = request.header("x-amz-content-sha256", digest);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let (mut head, ()) = request.body(()).map_err(|e| e.to_string())?.into_parts();
        self.sign(service, region, &mut head).await?;
        Ok(client.request(head.method, url).headers(head.headers).body(body))
    }

    async fn credential(&self) -> Result<Credential, String> {
        // Held while new ones are fetched: everybody else waits for them instead of asking as well.
        let mut known = self.known.lock().await;
        if let Some((credential, _)) = known.as_ref().filter(|(credential, _)| credential.is_valid()) {
            return Ok(credential.clone());
        }
        let (credential, from) = self.source.load(&self.context).await.map_err(|e| self.redactor.clean(&e))?;
        self.redactor.learn(&Secret::new(credential.secret_access_key.clone()));
        if let Some(token) = &credential.session_token {
            self.redactor.learn(&Secret::new(token.clone()));
        }
        *known = Some((credential.clone(), from));
        Ok(credential)
    }
}

/// Whether a name can be one of a region: it becomes a part of a host name.
pub fn is_region(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !name.is_empty() && name.len() <= 32 && name.chars().all(plain) && !name.starts_with('-') && !name.ends_with('-')
}

/// The domain that a region's services are under (botocore, `endpoints.json`, partitions).
pub fn domain(region: &str) -> &'static str {
    match region {
        r if r.starts_with("cn-") => "amazonaws.com.cn",
        r if r.starts_with("eusc-") => "amazonaws.eu",
        r if r.starts_with("us-iso-") => "c2s.ic.gov",
        r if r.starts_with("us-isob-") => "sc2s.sgov.gov",
        _ => "amazonaws.com",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(variables: &[(&'static str, &'static str)]) -> Result<Option<Endpoint>, AwsError> {
        let variables: Vec<_> = variables.iter().copied().chain([("HOME", "/nonexistent")]).collect();
        let env: Env =
            Arc::new(move |name| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned()));
        Aws::new(env.clone(), &Files::read(&env)).unwrap().endpoint("AWS_ENDPOINT_URL_S3")
    }

    #[test]
    fn an_endpoint_without_tls_is_on_this_machine_or_refused() {
        for (url, goes) in [
            ("https://store.example", true),
            ("http://127.0.0.1:9000", true),
            ("http://localhost:9000", true),
            ("http://[::1]:9000", true),
            ("http://store.example", false),
            ("http://minio:9000", false),
            ("http://127.0.0.1.evil.example", false),
            ("http://169.254.169.254", false),
            ("http://10.0.0.1:9000", false),
            ("http://0.0.0.0:9000", false),
            ("ftp://127.0.0.1", false),
        ] {
            for name in ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"] {
                let found = endpoint(&[(name, url)]);
                assert_eq!(found.is_ok(), goes, "{name}={url}: {found:?}");
                if let Err(error) = found {
                    let text = error.to_string();
                    assert!(text.contains(name) && text.contains("expected `https://`"), "{text}");
                }
            }
        }
        assert_eq!(endpoint(&[]), Ok(None));
    }
}
