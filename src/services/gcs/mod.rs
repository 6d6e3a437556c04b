//! A bucket of Google Cloud Storage: listings of any length, objects, writes for a generation, refusals with what helps.
//!
//! It speaks the JSON API. A generation is the number that each content of an object gets: `ifGenerationMatch` lets a write or
//! a removal happen only to the content that was looked at, and `0` only where there is none ("Request preconditions").

pub(crate) mod answer;
mod credentials;
mod grant;

pub(crate) use answer::{GcsObject, GcsRefusal};
pub use credentials::GcsError;

use self::answer::{FIELDS, GcsListing, is_generation, page, refusal};
use self::credentials::GcsAuth;
use super::Requests;
use super::endpoint::is_plain;
use super::http::{self as web, Broken};
use super::object_store::{self, ObjectRequest, StoreAttempt};
use super::rate_limiter::RateLimiter;
use super::retry::Policy;
use super::secret::Redactor;
use jiff::Timestamp;
use plumb_model::call::{Call, ServiceError};
use plumb_model::limits::Pace;
use plumb_model::text::percent_encoded;
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::json;
use std::sync::Arc;

/// A listing is at most so many pages of a thousand objects.
const MOST_PAGES: usize = 1_000;

/// A bucket, or the part of it below a prefix.
pub(crate) struct GcsClient {
    auth: GcsAuth,
    client: reqwest::Client,
    bucket: String,
    /// `dags/`, or nothing.
    prefix: String,
    /// Where the bucket is named, for messages: `airflow.dags` of the target.
    named_in: &'static str,
    redactor: Arc<Redactor>,
    pace: RateLimiter,
    policy: Policy,
    requests: Requests,
}

/// An object as it was found.
pub(crate) struct GcsFound {
    pub generation: String,
    /// `None` when it is longer than what was asked for.
    pub bytes: Option<Vec<u8>>,
}

/// A request, before it is addressed and signed in.
#[derive(Clone, Default)]
struct GcsRequest<'a> {
    method: Method,
    /// What is done: `storage`, or `upload/storage`.
    service: &'static str,
    /// Empty for all objects of the bucket.
    object: &'a str,
    query: Vec<(&'static str, &'a str)>,
    /// The media type and the body.
    body: Option<(String, Vec<u8>)>,
    /// What it takes.
    permission: &'static str,
    /// An object that is longer, in bytes, is not read.
    longest: Option<u64>,
}

struct GcsReply {
    headers: HeaderMap,
    /// `None` when it was too long to be read.
    body: Option<Vec<u8>>,
}

/// Whether the environment names a store of this machine.
pub(crate) fn is_here(env: &dyn Fn(&str) -> Option<String>) -> bool {
    credentials::endpoint_of(env).is_ok_and(|endpoint| is_plain(&endpoint.url))
}

impl GcsClient {
    /// A bucket, as the environment says where the store is and who asks. Nothing is asked yet.
    pub(crate) fn new(
        env: &dyn Fn(&str) -> Option<String>,
        bucket: String,
        prefix: String,
        named_in: &'static str,
        requests: Requests,
    ) -> Result<Self, GcsError> {
        let redactor = Arc::new(Redactor::default());
        let (pace, policy) = (RateLimiter::new(Pace::None), Policy::default());
        let auth = GcsAuth::new(env, redactor.clone(), policy)?;
        let client = web::client(is_plain(&auth.endpoint.url))?;
        Ok(GcsClient { auth, client, bucket, prefix, named_in, redactor, pace, policy, requests })
    }

    /// What all names begin with.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Every object below the prefix, over all pages; nothing of it when a page fails.
    pub(crate) async fn list(&self, call: &Call) -> Result<Vec<GcsObject>, ServiceError> {
        let (mut objects, mut token): (Vec<GcsObject>, Option<String>) = (Vec::new(), None);
        for pages in 1.. {
            let page = self.page(call, &self.prefix, token.as_deref()).await?;
            objects.extend(page.items);
            let next = page.next_page_token.filter(|next| !next.is_empty());
            match next {
                None => break,
                next if next == token => return Err(self.odd(call, "the listing would never end")),
                _ if pages >= MOST_PAGES => return Err(self.odd(call, "the listing has too many pages")),
                next => token = next,
            }
        }
        Ok(objects)
    }

    async fn page(&self, call: &Call, prefix: &str, token: Option<&str>) -> Result<GcsListing, ServiceError> {
        let mut query = vec![("prefix", prefix), ("fields", FIELDS)];
        query.extend(token.map(|token| ("pageToken", token)));
        let ask = GcsRequest { service: "storage", query, permission: "storage.objects.list", ..GcsRequest::default() };
        let reply = match self.ask(call, &ask).await? {
            Ok(reply) => reply,
            Err(refusal) => return Err(self.explained(call, &ask, refusal).await),
        };
        let body = reply.body.unwrap_or_default();
        let page = page(&body).map_err(|e| self.odd(call, &format!("that is no listing of objects ({e})")))?;
        match page.items.iter().find(|object| !object.name.starts_with(prefix)) {
            Some(other) => Err(self.odd(call, &format!("the listing holds `{}`, which was not asked for", other.name))),
            None => Ok(page),
        }
    }

    /// An object below the prefix, up to so many bytes; `None` when there is none.
    pub(crate) async fn look(&self, call: &Call, name: &str, longest: u64) -> Result<Option<GcsFound>, ServiceError> {
        let object = format!("{}{name}", self.prefix);
        let ask = GcsRequest {
            service: "storage",
            object: &object,
            query: vec![("alt", "media")],
            permission: "storage.objects.get",
            longest: Some(longest),
            ..GcsRequest::default()
        };
        let reply = match self.ask(call, &ask).await? {
            Ok(reply) => reply,
            Err(refusal) if refusal.is_missing() => return Ok(None),
            // In other words than Google's: the listing, which is never behind a write, tells a bucket or a proxy from an
            // object that is not there ("Cloud Storage consistency").
            Err(refusal) if refusal.status == 404 => {
                let listed = self.page(call, &object, None).await?;
                if listed.items.iter().any(|found| found.name == object) {
                    return Err(self.explained(call, &ask, refusal).await);
                }
                return Ok(None);
            }
            Err(refusal) => return Err(self.explained(call, &ask, refusal).await),
        };
        let generation = reply.headers.get("x-goog-generation").and_then(|value| value.to_str().ok());
        let generation = generation.filter(|text| is_generation(text)).map(str::to_owned);
        let generation = generation.ok_or_else(|| self.odd(call, "the object has no generation"))?;
        Ok(Some(GcsFound { generation, bytes: reply.body }))
    }

    /// Writes an object in place of this generation, or of nothing. `false`: it is of another one.
    pub(crate) async fn write(
        &self,
        call: &Call,
        name: &str,
        text: &str,
        over: Option<&str>,
        media: &str,
    ) -> Result<bool, ServiceError> {
        let object = format!("{}{name}", self.prefix);
        let ask = GcsRequest {
            method: Method::POST,
            service: "upload/storage",
            // With its metadata in one request, as Google's own clients send what is short.
            query: vec![
                ("uploadType", "multipart"),
                ("ifGenerationMatch", over.unwrap_or("0")),
                ("fields", "generation"),
            ],
            body: Some(multipart(&object, text, media)),
            permission: "storage.objects.create and, for an object that is there, storage.objects.delete",
            ..GcsRequest::default()
        };
        self.change(call, &ask).await
    }

    /// Removes this generation of an object. `false`: it is of another one.
    pub(crate) async fn remove(&self, call: &Call, name: &str, generation: &str) -> Result<bool, ServiceError> {
        let object = format!("{}{name}", self.prefix);
        let ask = GcsRequest {
            method: Method::DELETE,
            service: "storage",
            object: &object,
            query: vec![("ifGenerationMatch", generation)],
            permission: "storage.objects.delete",
            ..GcsRequest::default()
        };
        self.change(call, &ask).await
    }

    async fn change(&self, call: &Call, ask: &GcsRequest<'_>) -> Result<bool, ServiceError> {
        match self.ask(call, ask).await? {
            Ok(_) => Ok(true),
            Err(refusal) if refusal.is_changed() => Ok(false),
            Err(refusal) => Err(self.explained(call, ask, refusal).await),
        }
    }

    async fn ask(&self, call: &Call, ask: &GcsRequest<'_>) -> Result<Result<GcsReply, GcsRefusal>, ServiceError> {
        let mut sending = GcsSending { client: self, call, ask, renewed: false };
        object_store::send(&mut sending, call, &self.pace, &self.policy).await
    }

    fn url(&self, ask: &GcsRequest<'_>) -> Result<String, String> {
        let GcsRequest { service, object, query, .. } = ask;
        let object = if object.is_empty() { String::new() } else { format!("/{}", percent_encoded(object)) };
        let query: Vec<String> =
            query.iter().map(|(name, value)| format!("{name}={}", percent_encoded(value))).collect();
        let base = &self.auth.endpoint.url;
        let url = format!("{base}/{service}/v1/b/{}/o{object}?{}", self.bucket, query.join("&"));
        // What an address means must not change on the way.
        match reqwest::Url::parse(&url) {
            Ok(parsed) if parsed.as_str() == url => Ok(url),
            Ok(_) => Err(format!("the address {url} means another one")),
            Err(e) => Err(format!("the address {url}: {e}")),
        }
    }

    /// Sends a request once. The `bool` of a fault says that trying again cannot help.
    async fn attempt(&self, call: &Call, attempt: u32, ask: &GcsRequest<'_>) -> StoreAttempt<GcsReply, GcsRefusal> {
        let unsent = |why: String| (ServiceError::NotSent { line: call.line(), why: self.redactor.clean(&why) }, true);
        let url = self.url(ask).map_err(unsent)?;
        // Signing in has its own patience; its failure is not repeated here.
        let token = self.auth.token().await.map_err(unsent)?;
        let mut request = self.client.request(ask.method.clone(), &url);
        if let Some(token) = token {
            let value =
                web::authorization(&format!("Bearer {}", token.expose())).map_err(|broken| unsent(broken.why))?;
            request = request.header("authorization", value);
        }
        if let Some((media, body)) = &ask.body {
            request = request.header("content-type", media).body(body.clone());
        }
        self.requests.add_one();
        let broken = |broken: Broken| {
            let (line, why) =
                (call.line(), self.redactor.clean(&format!("{}: {}", self.auth.endpoint.shown(), broken.why)));
            let fault =
                if broken.sent { ServiceError::Lost { line, why } } else { ServiceError::NotSent { line, why } };
            (fault, broken.hopeless)
        };
        let response = web::send(request, attempt).await.map_err(broken)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        if (200..300).contains(&status) {
            if ask.longest.is_some_and(|longest| response.content_length().is_some_and(|length| length > longest)) {
                return Ok(Ok(GcsReply { headers, body: None }));
            }
            let body = web::body(response).await.map_err(broken)?;
            return Ok(Ok(GcsReply { headers, body: Some(body) }));
        }
        // An error that breaks off is still an error: the status says it.
        let body = web::body(response).await.unwrap_or_default();
        Ok(Err(refusal(status, &headers, &body, Timestamp::now())))
    }

    /// An answer that makes no sense.
    fn odd(&self, call: &Call, why: &str) -> ServiceError {
        let store = self.auth.endpoint.shown();
        let why =
            format!("{store} answered oddly: {why}; is it a store that speaks the JSON API of Google Cloud Storage?");
        ServiceError::Lost { line: call.line(), why: self.redactor.clean(&why) }
    }

    fn fault(&self, call: &Call, refusal: &GcsRefusal) -> ServiceError {
        ServiceError::Refused {
            line: call.line(),
            status: refusal.status,
            code: refusal.reason.clone(),
            message: self.redactor.clean(&refusal.message),
            request_id: refusal.request_id.clone(),
            retry_after: refusal.retry_after,
            doubt: refusal.doubt,
        }
    }

    /// A refusal with what it was about and what can be done.
    async fn explained(&self, call: &Call, ask: &GcsRequest<'_>, refusal: GcsRefusal) -> ServiceError {
        let bucket = &self.bucket;
        let mut message = format!("{} (gs://{bucket}/{})", refusal.message, ask.object);
        if let Some(remedy) = refusal.remedy(bucket, ask.permission, self.named_in) {
            message = format!("{message}; {remedy}");
        }
        if matches!(refusal.status, 401 | 403) {
            message = format!("{message}; signed in as {}", self.auth.describe().await);
        }
        self.fault(call, &GcsRefusal { message, ..refusal })
    }
}

/// A request on its way.
struct GcsSending<'a> {
    client: &'a GcsClient,
    call: &'a Call,
    ask: &'a GcsRequest<'a>,
    renewed: bool,
}

impl ObjectRequest for GcsSending<'_> {
    type Reply = GcsReply;
    type Refusal = GcsRefusal;

    fn reads(&self) -> bool {
        self.ask.method == Method::GET
    }

    async fn attempt(&self, attempt: u32) -> StoreAttempt<GcsReply, GcsRefusal> {
        self.client.attempt(self.call, attempt, self.ask).await
    }

    fn fault(&self, refusal: &GcsRefusal) -> ServiceError {
        self.client.fault(self.call, refusal)
    }

    async fn mend(&mut self, refusal: &GcsRefusal) -> bool {
        let first = refusal.status == 401 && !std::mem::replace(&mut self.renewed, true);
        first && self.client.auth.refused().await
    }

    /// Google's clients repeat after a 500 as after a 503 (Cloud Storage, "Retry strategy").
    fn judged(&self, mut fault: ServiceError) -> ServiceError {
        if let ServiceError::Refused { status, .. } = &mut fault
            && *status == 500
        {
            *status = 503;
        }
        fault
    }
}

/// The metadata and the content of an object as one body (RFC 2387).
fn multipart(object: &str, text: &str, media: &str) -> (String, Vec<u8>) {
    let metadata = json!({ "name": object, "contentType": media });
    // A line that begins like the boundary would end the content.
    let mut boundary = "plumb".to_owned();
    while text.contains(&format!("--{boundary}")) {
        boundary.push('x');
    }
    let body = format!(
        "--{boundary}\r\ncontent-type: application/json; charset=utf-8\r\n\r\n{metadata}\r\n--{boundary}\r\n\
         content-type: {media}\r\n\r\n{text}\r\n--{boundary}--\r\n"
    );
    (format!("multipart/related; boundary={boundary}"), body.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn url(environment: &[(&'static str, &'static str)], object: &str) -> Result<String, String> {
        let environment: HashMap<&str, &str> = environment.iter().copied().collect();
        let env = move |name: &str| environment.get(name).map(|value| (*value).to_owned());
        let bucket = GcsClient::new(&env, "b_1".into(), String::new(), "`path`", Requests::default());
        let bucket = bucket.map_err(|e| e.to_string())?;
        bucket.url(&GcsRequest { service: "storage", object, query: vec![("alt", "media")], ..GcsRequest::default() })
    }

    #[test]
    fn the_address_is_that_of_google_or_of_what_the_environment_names() {
        let end = "/storage/v1/b/b_1/o/a%2F%C3%BC%2B.py?alt=media";
        for (environment, base) in [
            (&[][..], "https://storage.googleapis.com"),
            (&[("STORAGE_EMULATOR_HOST", "http://127.0.0.1:4443")], "http://127.0.0.1:4443"),
            (&[("STORAGE_EMULATOR_HOST", "localhost:4443")], "http://localhost:4443"),
            (&[("STORAGE_EMULATOR_HOST", "http://[::1]:4443/")], "http://[::1]:4443"),
            (
                &[("CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE", "https://storage-psc.p.googleapis.com/storage/v1/")],
                "https://storage-psc.p.googleapis.com",
            ),
        ] {
            assert_eq!(url(environment, "a/ü+.py").unwrap(), format!("{base}{end}"));
        }
        assert_eq!(
            url(&[], "a/../b.py").unwrap(),
            "https://storage.googleapis.com/storage/v1/b/b_1/o/a%2F..%2Fb.py?alt=media"
        );
        assert!(url(&[], "..").unwrap_err().contains("means another one"));
        for (name, value, says) in [
            ("STORAGE_EMULATOR_HOST", "http://emulator:4443", "in the clear"),
            ("STORAGE_EMULATOR_HOST", "emulator.example", "in the clear"),
            ("STORAGE_EMULATOR_HOST", "https://me:hunter22@store.example", "credentials don't belong"),
            ("CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE", "http://storage.example/", "in the clear"),
        ] {
            let why = url(&[(name, value)], "a.py").unwrap_err();
            assert!(why.contains(says) && why.contains(name) && !why.contains("hunter22"), "{why}");
        }
    }

    #[test]
    fn no_text_ends_its_own_part() {
        let (media, body) = multipart("dags/a.py", "x\n--plumb--\n--plumbx", "text/x-python");
        assert_eq!(media, "multipart/related; boundary=plumbxx");
        let body = String::from_utf8(body).unwrap();
        assert!(body.ends_with("\r\n\r\nx\n--plumb--\n--plumbx\r\n--plumbxx--\r\n"), "{body}");
        assert!(body.contains(r#"{"contentType":"text/x-python","name":"dags/a.py"}"#), "{body}");
    }
}
