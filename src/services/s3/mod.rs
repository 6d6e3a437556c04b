//! A bucket of S3, or of a store that speaks its protocol: listings of any length, objects, refusals with what helps.

pub(crate) mod answer;
mod download;

pub(crate) use download::S3Download;

use self::answer::{S3Error, S3Listing, S3Object, page, refusal};
use super::Requests;
use super::aws::{self, Aws, AwsError, Endpoint};
use super::endpoint::is_plain;
use super::http::{self as web, Broken};
use super::object_store::{self, ObjectRequest, StoreAttempt, StoreRefusal};
use super::rate_limiter::RateLimiter;
use super::retry::Policy;
use jiff::Timestamp;
use plumb_model::call::{Call, Doubt, ServiceError};
use plumb_model::limits::Pace;
use plumb_model::text::percent_encoded;
use reqwest::Method;
use reqwest::header::HeaderMap;
use sha2::{Digest, Sha256};
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The region that is asked where none was named: it answers which one a bucket is in.
const ANY_REGION: &str = "us-east-1";
/// A listing is at most so many pages of a thousand objects.
const MOST_PAGES: usize = 1_000;

/// A bucket, or the part of it below a prefix.
pub(crate) struct S3Client {
    aws: Aws,
    client: reqwest::Client,
    bucket: String,
    /// `dags/`, or nothing.
    prefix: String,
    /// Where the bucket is named, for messages: `airflow.dags` of the target.
    named_in: &'static str,
    endpoint: Option<Endpoint>,
    /// Why it may be in no other region, where that is so.
    only_here: Option<String>,
    /// Where the bucket is, as far as is known.
    region: Mutex<String>,
    pace: RateLimiter,
    policy: Policy,
    requests: Requests,
}

/// A request, before it is addressed and signed.
#[derive(Clone, Default)]
pub(crate) struct S3Request<'a> {
    pub method: Method,
    /// Empty for the bucket itself.
    pub key: &'a str,
    pub query: Vec<(&'a str, &'a str)>,
    pub condition: Option<(&'static str, &'a str)>,
    pub body: &'a str,
    pub content_type: Option<&'static str>,
    /// The permission that it takes.
    pub action: &'static str,
    /// An object that is longer, in bytes, is not read.
    pub longest: Option<u64>,
    /// Where the object is written to, in place of being held in memory.
    pub into: Option<&'a Path>,
    /// Whether the body is left to come piece by piece.
    pub pieces: bool,
    /// From which byte on, for an object that is read on.
    pub from: u64,
}

pub(crate) struct S3Reply {
    pub headers: HeaderMap,
    /// `None` when it was too long to be read, written to a file, or is still to come.
    pub body: Option<Vec<u8>>,
    /// The body that is still to come.
    rest: Option<reqwest::Response>,
}

/// A listing, or the beginning of one.
pub(crate) struct S3Listed {
    pub objects: Vec<S3Object>,
    /// Whether there is more.
    pub cut: bool,
    pub pages: u64,
}

/// How a conditional read of an object ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum S3Fetched {
    Done,
    /// The object is gone, or not the one that was listed.
    Changed,
}

impl S3Client {
    pub(crate) fn new(
        aws: Aws,
        bucket: String,
        prefix: String,
        named_in: &'static str,
        requests: Requests,
    ) -> Result<Self, AwsError> {
        let endpoint = aws.endpoint("AWS_ENDPOINT_URL_S3")?;
        let client = web::client(endpoint.as_ref().is_some_and(|e| is_plain(&e.url)))?;
        let region = Mutex::new(aws.region().unwrap_or(ANY_REGION).to_owned());
        let (pace, policy) = (RateLimiter::new(Pace::None), Policy::default());
        let only_here = None;
        Ok(S3Client { aws, client, bucket, prefix, named_in, endpoint, only_here, region, pace, policy, requests })
    }

    /// The same bucket, which has to be in this region: `why` says what would go wrong elsewhere.
    pub(crate) fn only_in(mut self, region: &str, why: String) -> Self {
        self.region = Mutex::new(region.to_owned());
        self.only_here = Some(why);
        self
    }

    /// What all keys begin with.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Every object whose key begins so, over all pages; nothing of it when a page fails.
    pub(crate) async fn list(&self, call: &Call, prefix: &str) -> Result<Vec<S3Object>, ServiceError> {
        let listed = self.list_most(call, prefix, usize::MAX).await?;
        Ok(listed.objects)
    }

    /// The objects whose key begins so, `most` of them at most, over as many pages as that takes.
    pub(crate) async fn list_most(&self, call: &Call, prefix: &str, most: usize) -> Result<S3Listed, ServiceError> {
        let (mut objects, mut token): (Vec<S3Object>, Option<String>) = (Vec::new(), None);
        for pages in 1.. {
            let page = self.page(call, prefix, token.as_deref()).await?;
            if let Some(other) = page.contents.iter().find(|object| !object.key.starts_with(prefix)) {
                return Err(self.odd(call, &format!("the listing holds `{}`, which was not asked for", other.key)));
            }
            objects.extend(page.contents);
            let next = page.next_continuation_token.filter(|next| !next.is_empty());
            if objects.len() >= most && (objects.len() > most || page.is_truncated) {
                objects.truncate(most);
                return Ok(S3Listed { objects, cut: true, pages: pages as u64 });
            }
            match (page.is_truncated, next) {
                (false, _) => return Ok(S3Listed { objects, cut: false, pages: pages as u64 }),
                (true, None) => return Err(self.odd(call, "it says that there is more, but not where")),
                (true, next) if next == token => return Err(self.odd(call, "the listing would never end")),
                (true, _) if pages >= MOST_PAGES => return Err(self.odd(call, "the listing has too many pages")),
                (true, next) => token = next,
            }
        }
        Ok(S3Listed { objects, cut: true, pages: MOST_PAGES as u64 })
    }

    /// Writes an object to a file, if it is the one that was listed.
    pub(crate) async fn fetch(&self, call: &Call, object: &S3Object, into: &Path) -> Result<S3Fetched, ServiceError> {
        let ask = S3Request {
            key: &object.key,
            condition: Some(("if-match", &object.etag)),
            action: "s3:GetObject",
            into: Some(into),
            ..S3Request::default()
        };
        match self.ask(call, &ask).await? {
            // A store that knows no conditions answers with what it has.
            Ok(reply) if reply.headers.get("etag").and_then(|etag| etag.to_str().ok()) == Some(&object.etag) => {
                Ok(S3Fetched::Done)
            }
            Ok(_) => Ok(S3Fetched::Changed),
            Err(refusal) if refusal.is_changed() => Ok(S3Fetched::Changed),
            Err(refusal) => Err(self.explained(call, &ask, refusal).await),
        }
    }

    fn region(&self) -> String {
        self.region.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn page(&self, call: &Call, prefix: &str, token: Option<&str>) -> Result<S3Listing, ServiceError> {
        let mut query = vec![("encoding-type", "url"), ("list-type", "2"), ("prefix", prefix)];
        query.extend(token.map(|token| ("continuation-token", token)));
        let ask = S3Request { query, action: "s3:ListBucket", ..S3Request::default() };
        let reply = self.ask(call, &ask).await?;
        let reply = match reply {
            Ok(reply) => reply,
            Err(refusal) => return Err(self.explained(call, &ask, refusal).await),
        };
        let body = reply.body.ok_or_else(|| self.odd(call, "the listing is too long"))?;
        let page = page(&body).map_err(|e| self.odd(call, &format!("that is no listing of S3 ({e})")))?;
        if page.name != self.bucket {
            return Err(self.odd(call, "it lists another bucket"));
        }
        Ok(page)
    }

    /// Sends a request as often as is safe and useful, to the region that the bucket turns out to be in. A refusal that
    /// stays is handed on: the caller knows what it means.
    pub(crate) async fn ask(&self, call: &Call, ask: &S3Request<'_>) -> Result<Result<S3Reply, S3Error>, ServiceError> {
        let mut sending = S3Sending { client: self, call, ask, moved: false, renewed: false };
        object_store::send(&mut sending, call, &self.pace, &self.policy).await
    }

    /// The address of an object, or of the bucket: the bucket stands in the host's name, as AWS wants it, except where a
    /// dot in it would not fit the certificate, or another store may not know that form.
    fn url(&self, ask: &S3Request<'_>) -> Result<String, String> {
        let (bucket, region) = (&self.bucket, self.region());
        let domain = aws::domain(&region);
        let base = match &self.endpoint {
            Some(endpoint) => format!("{}/{bucket}", endpoint.url),
            None if bucket.contains('.') => format!("https://s3.{region}.{domain}/{bucket}"),
            None => format!("https://{bucket}.s3.{region}.{domain}"),
        };
        let key: Vec<String> = ask.key.split('/').map(percent_encoded).collect();
        let query: Vec<String> =
            ask.query.iter().map(|(name, value)| format!("{name}={}", percent_encoded(value))).collect();
        let question = if query.is_empty() { "" } else { "?" };
        let url = format!("{base}/{}{question}{}", key.join("/"), query.join("&"));
        // What an address means must not change on the way: it is signed as it stands here.
        match reqwest::Url::parse(&url) {
            Ok(parsed) if parsed.as_str() == url => Ok(url),
            Ok(_) => Err(format!("the address {url} means another one")),
            Err(e) => Err(format!("the address {url}: {e}")),
        }
    }

    /// Sends a request once. The `bool` of a fault says that trying again cannot help.
    async fn attempt(
        &self,
        call: &Call,
        attempt: u32,
        ask: &S3Request<'_>,
    ) -> Result<Result<S3Reply, S3Error>, (ServiceError, bool)> {
        let unsent = |why: String| (ServiceError::NotSent { line: call.line(), why }, true);
        let url = self.url(ask).map_err(unsent)?;
        let digest: String = Sha256::digest(ask.body.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        let mut request = http::Request::builder().method(&ask.method).uri(&url).header("x-amz-content-sha256", digest);
        if let Some((name, value)) = ask.condition {
            request = request.header(name, value);
        }
        if let Some(content_type) = ask.content_type {
            request = request.header("content-type", content_type);
        }
        if ask.from > 0 {
            request = request.header("range", format!("bytes={}-", ask.from));
        }
        let (mut head, ()) = request.body(()).map_err(|e| unsent(e.to_string()))?.into_parts();
        self.aws.sign("s3", &self.region(), &mut head).await.map_err(unsent)?;
        let request = self.client.request(ask.method.clone(), &url).headers(head.headers).body(ask.body.to_owned());
        self.requests.add_one();
        let broken = |broken: Broken| {
            let (line, why) = (call.line(), self.aws.redactor().clean(&format!("{}: {}", self.store(), broken.why)));
            let fault =
                if broken.sent { ServiceError::Lost { line, why } } else { ServiceError::NotSent { line, why } };
            (fault, broken.hopeless)
        };
        let response = web::send(request, attempt).await.map_err(broken)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        if (200..300).contains(&status) {
            if ask.longest.is_some_and(|longest| response.content_length().is_some_and(|length| length > longest)) {
                return Ok(Ok(S3Reply { headers, body: None, rest: None }));
            }
            if ask.pieces {
                return Ok(Ok(S3Reply { headers, body: None, rest: Some(response) }));
            }
            if let Some(into) = ask.into {
                written(response, into).await.map_err(broken)?;
                return Ok(Ok(S3Reply { headers, body: None, rest: None }));
            }
            let body = web::body(response).await.map_err(broken)?;
            return Ok(Ok(S3Reply { headers, body: Some(body), rest: None }));
        }
        // An error that breaks off is still an error: the status says it.
        let body = web::body(response).await.unwrap_or_default();
        let refusal = refusal(status, &headers, &body, Timestamp::now());
        Ok(Err(match &self.only_here {
            Some(why) if refusal.is_elsewhere() => refusal.of_another_region(&self.bucket, why),
            _ => refusal,
        }))
    }

    /// The store, for messages.
    fn store(&self) -> String {
        match &self.endpoint {
            Some(endpoint) => format!("{} ({})", endpoint.url, endpoint.from),
            None => format!("S3 in {}", self.region()),
        }
    }

    /// An answer that makes no sense.
    pub(crate) fn odd(&self, call: &Call, why: &str) -> ServiceError {
        let why = format!("{} answered oddly: {why}; is it a store that speaks the protocol of S3?", self.store());
        ServiceError::Lost { line: call.line(), why: self.aws.redactor().clean(&why) }
    }

    fn fault(&self, call: &Call, refusal: &S3Error) -> ServiceError {
        ServiceError::Refused {
            line: call.line(),
            status: refusal.status,
            code: refusal.code.clone(),
            message: self.aws.redactor().clean(&refusal.message),
            request_id: refusal.request_id.clone(),
            retry_after: refusal.retry_after,
            doubt: refusal.doubt,
        }
    }

    /// A refusal with what it was about and what can be done.
    pub(crate) async fn explained(&self, call: &Call, ask: &S3Request<'_>, refusal: S3Error) -> ServiceError {
        let bucket = &self.bucket;
        let on = match ask.key {
            "" => format!("arn:aws:s3:::{bucket}"),
            _ => format!("arn:aws:s3:::{bucket}/{}*", self.prefix),
        };
        let mut message = format!("{} (s3://{bucket}/{})", refusal.message, ask.key);
        if let Some(remedy) = refusal.remedy(bucket, ask.action, &on, self.named_in) {
            message = format!("{message}; {remedy}");
        }
        if matches!(refusal.status, 400 | 401 | 403) {
            message = format!("{message}; signed with the credentials of {}", self.aws.describe().await);
        }
        self.fault(call, &S3Error { message, ..refusal })
    }
}

/// A request on its way to the region that the bucket turns out to be in.
struct S3Sending<'a> {
    client: &'a S3Client,
    call: &'a Call,
    ask: &'a S3Request<'a>,
    moved: bool,
    renewed: bool,
}

impl ObjectRequest for S3Sending<'_> {
    type Reply = S3Reply;
    type Refusal = S3Error;

    fn reads(&self) -> bool {
        self.ask.method == Method::GET
    }

    async fn attempt(&self, attempt: u32) -> StoreAttempt<S3Reply, S3Error> {
        self.client.attempt(self.call, attempt, self.ask).await
    }

    fn fault(&self, refusal: &S3Error) -> ServiceError {
        self.client.fault(self.call, refusal)
    }

    async fn mend(&mut self, refusal: &S3Error) -> bool {
        let client = self.client;
        let region = refusal.region.as_ref().filter(|r| client.endpoint.is_none() && **r != client.region());
        if let Some(region) = region.filter(|_| refusal.is_elsewhere() && !self.moved) {
            client.region.lock().unwrap_or_else(PoisonError::into_inner).clone_from(region);
            self.moved = true;
            return true;
        }
        if refusal.is_expired() && !self.renewed {
            client.aws.forget().await;
            self.renewed = true;
            return true;
        }
        false
    }
}

impl StoreRefusal for S3Error {
    fn status(&self) -> u16 {
        self.status
    }

    fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    fn set_doubt(&mut self, doubt: Option<Doubt>) {
        self.doubt = doubt;
    }
}

/// Writes a body to a file, from its beginning.
async fn written(mut response: reqwest::Response, into: &Path) -> Result<(), Broken> {
    let failed = |e: std::io::Error| {
        let why = format!("{} cannot be written: {e}", into.display());
        Broken { why, sent: true, hopeless: true }
    };
    let mut file = std::fs::File::create(into).map_err(failed)?;
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => file.write_all(&chunk).map_err(failed)?,
            Ok(None) => return file.flush().map_err(failed),
            // The head of the answer was here, so the request was sent.
            Err(e) => return Err(Broken { sent: true, hopeless: false, ..Broken::of(e) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;
    use std::sync::Arc;

    fn url(bucket: &str, environment: &[(&'static str, &'static str)], key: &str) -> Result<String, String> {
        let environment: HashMap<&str, &str> = environment.iter().copied().chain([("HOME", "/nonexistent")]).collect();
        let env: aws::Env = Arc::new(move |name| environment.get(name).map(|value| (*value).to_owned()));
        let aws = Aws::new(env.clone(), &aws::Files::read(&env)).unwrap();
        let bucket = S3Client::new(aws, bucket.to_owned(), String::new(), "`path`", Requests::default()).unwrap();
        bucket.url(&S3Request { key, query: vec![("prefix", "a b/")], ..S3Request::default() })
    }

    #[test]
    fn the_address_is_that_of_the_bucket_in_its_region() {
        let place = |bucket, environment: &[_]| url(bucket, environment, "a/ü+.py").unwrap();
        let end = "/a/%C3%BC%2B.py?prefix=a%20b%2F";
        for (bucket, environment, base) in [
            ("dags", &[][..], "https://dags.s3.us-east-1.amazonaws.com"),
            ("dags", &[("AWS_DEFAULT_REGION", "eu-west-1")], "https://dags.s3.eu-west-1.amazonaws.com"),
            ("my.dags", &[("AWS_REGION", "eu-west-1")], "https://s3.eu-west-1.amazonaws.com/my.dags"),
            ("dags", &[("AWS_REGION", "cn-north-1")], "https://dags.s3.cn-north-1.amazonaws.com.cn"),
            ("dags", &[("AWS_ENDPOINT_URL", "https://store.example/s3/")], "https://store.example/s3/dags"),
            (
                "dags",
                &[("AWS_ENDPOINT_URL", "https://other.example"), ("AWS_ENDPOINT_URL_S3", "http://[::1]:9000")],
                "http://[::1]:9000/dags",
            ),
            (
                "dags",
                &[("AWS_ENDPOINT_URL", "https://other.example"), ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")],
                "https://dags.s3.us-east-1.amazonaws.com",
            ),
        ] {
            assert_eq!(place(bucket, environment), format!("{base}{end}"));
        }
        assert!(url("dags", &[], "a/../b.py").unwrap_err().contains("means another one"));
    }
}
