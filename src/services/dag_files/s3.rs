//! A bucket of S3 with DAG files.
//!
//! Writes are conditional: a new file is written only if there is none (`If-None-Match: *`), an old one only over the very
//! version that was looked at (`If-Match`), and so it is removed. What somebody else wrote in between is never lost. A
//! store that answers 501 to conditions gets none: there the look before the write has to do.

use super::s3_answer::{S3Error, S3Listing, page, refusal};
use super::{Doing, FileStore, LONGEST, StoredFile, Wrote, as_text, is_read, not_sent};
use crate::services::aws::{self, Aws, AwsError, Endpoint};
use crate::services::http::{self as web, Broken};
use crate::services::rate_limiter::{RateLimiter, RequestOutcome};
use crate::services::retry::{self, Attempts, Policy, Retry};
use crate::services::{Requests, random};
use jiff::Timestamp;
use plumb_model::call::{Call, ServiceError};
use plumb_model::text::percent_encoded;
use reqwest::Method;
use reqwest::header::HeaderMap;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::Instant;

/// The region that is asked where none was named: it answers which one a bucket is in.
const ANY_REGION: &str = "us-east-1";
/// A listing is at most so many pages of a thousand objects.
const MOST_PAGES: usize = 1_000;

/// Files by name: the version, and the text if it is one.
type Texts = HashMap<String, (String, Option<String>)>;

/// A bucket, or the part of it below a prefix.
pub(super) struct Bucket(Arc<Inner>);

struct Inner {
    aws: Aws,
    client: reqwest::Client,
    bucket: String,
    /// `dags/`, or nothing.
    prefix: String,
    endpoint: Option<Endpoint>,
    /// Where the bucket is, as far as is known.
    region: Mutex<String>,
    /// Whether the store knows conditions, as far as is known.
    conditional: AtomicBool,
    /// What was read, by name, with its version: a listing reads only what has changed since the last one.
    texts: Mutex<Texts>,
    pace: RateLimiter,
    policy: Policy,
    requests: Requests,
}

/// A request, before it is addressed and signed.
struct S3Request<'a> {
    method: Method,
    /// Empty for the bucket itself.
    key: &'a str,
    query: Vec<(&'a str, &'a str)>,
    condition: Option<(&'static str, &'a str)>,
    body: &'a str,
    /// The permission that it takes.
    action: &'static str,
}

struct Reply {
    headers: HeaderMap,
    /// `None` when it was too long to be read.
    body: Option<Vec<u8>>,
}

impl Bucket {
    pub(super) fn new(aws: Aws, bucket: String, prefix: String, requests: Requests) -> Result<Self, AwsError> {
        let endpoint = aws.endpoint("AWS_ENDPOINT_URL_S3")?;
        let client = web::client(endpoint.as_ref().is_some_and(|e| aws::is_plain(&e.url)))?;
        let region = Mutex::new(aws.region().unwrap_or(ANY_REGION).to_owned());
        let (pace, policy, conditional) = (RateLimiter::new(None), Policy::default(), AtomicBool::new(true));
        let texts = Mutex::default();
        let inner = Inner { aws, client, bucket, prefix, endpoint, region, conditional, texts, pace, policy, requests };
        Ok(Bucket(Arc::new(inner)))
    }
}

impl FileStore for Bucket {
    fn files<'a>(&'a self, call: &'a Call) -> Doing<'a, Vec<(String, Option<String>)>> {
        Box::pin(files(self.0.clone(), call))
    }

    fn look<'a>(&'a self, call: &'a Call, name: &'a str) -> Doing<'a, Option<StoredFile>> {
        Box::pin(self.0.look(call, name))
    }

    fn write<'a>(&'a self, call: &'a Call, name: &'a str, text: &'a str, over: Option<&'a str>) -> Doing<'a, Wrote> {
        let condition = over.map_or(("if-none-match", "*"), |version| ("if-match", version));
        Box::pin(self.0.change(call, Method::PUT, name, condition, text, "s3:PutObject"))
    }

    fn remove<'a>(&'a self, call: &'a Call, name: &'a str, version: &'a str) -> Doing<'a, Wrote> {
        Box::pin(self.0.change(call, Method::DELETE, name, ("if-match", version), "", "s3:DeleteObject"))
    }
}

/// Reads the listing, and of the files those that are new or changed, several at a time.
async fn files(bucket: Arc<Inner>, call: &Call) -> Result<Vec<(String, Option<String>)>, ServiceError> {
    let mut versions: HashMap<String, String> = HashMap::new();
    let mut too_long = Vec::new();
    let mut token: Option<String> = None;
    for pages in 1.. {
        let page = bucket.page(call, token.as_deref()).await?;
        for entry in page.contents {
            let Some(name) = entry.key.strip_prefix(&bucket.prefix) else {
                return Err(bucket.odd(call, &format!("the listing holds `{}`, which was not asked for", entry.key)));
            };
            if is_read(name) && entry.size <= LONGEST {
                versions.insert(name.to_owned(), entry.etag);
            } else if is_read(name) {
                too_long.push((name.to_owned(), None));
            }
        }
        let next = page.next_continuation_token.filter(|next| !next.is_empty());
        match (page.is_truncated, next) {
            (false, _) => break,
            (true, None) => return Err(bucket.odd(call, "it says that there is more, but not where")),
            (true, next) if next == token => return Err(bucket.odd(call, "the listing would never end")),
            (true, _) if pages >= MOST_PAGES => return Err(bucket.odd(call, "the listing has too many pages")),
            (true, next) => token = next,
        }
    }
    let mut texts = bucket.texts().clone();
    texts.retain(|name, (version, _)| versions.get(name) == Some(version));
    let mut reading = tokio::task::JoinSet::new();
    for name in versions.into_keys().filter(|name| !texts.contains_key(name)) {
        let (bucket, call) = (bucket.clone(), call.clone());
        reading.spawn(async move { bucket.look(&call, &name).await.map(|found| (name, found)) });
    }
    while let Some(read) = reading.join_next().await {
        let (name, found) = read.map_err(|e| not_sent(call, &e.to_string()))??;
        // A file that went away since the listing is not there.
        if let Some(found) = found {
            texts.insert(name, (found.version, found.text));
        }
    }
    bucket.texts().clone_from(&texts);
    Ok(texts.into_iter().map(|(name, (_, text))| (name, text)).chain(too_long).collect())
}

impl Inner {
    fn texts(&self) -> std::sync::MutexGuard<'_, Texts> {
        self.texts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn region(&self) -> String {
        self.region.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn page(&self, call: &Call, token: Option<&str>) -> Result<S3Listing, ServiceError> {
        let mut query = vec![("encoding-type", "url"), ("list-type", "2"), ("prefix", self.prefix.as_str())];
        query.extend(token.map(|token| ("continuation-token", token)));
        let ask = S3Request { method: Method::GET, key: "", query, condition: None, body: "", action: "s3:ListBucket" };
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

    async fn look(&self, call: &Call, name: &str) -> Result<Option<StoredFile>, ServiceError> {
        let key = format!("{}{name}", self.prefix);
        let (query, body) = (Vec::new(), "");
        let ask = S3Request { method: Method::GET, key: &key, query, condition: None, body, action: "s3:GetObject" };
        let reply = match self.ask(call, &ask).await? {
            Ok(reply) => reply,
            Err(refusal) if refusal.is_missing() => return Ok(None),
            Err(refusal) => return Err(self.explained(call, &ask, refusal).await),
        };
        let version = reply.headers.get("etag").and_then(|value| value.to_str().ok());
        let version = version.ok_or_else(|| self.odd(call, "the object has no ETag"))?.to_owned();
        Ok(Some(StoredFile { text: reply.body.and_then(as_text), version }))
    }

    async fn change(
        &self,
        call: &Call,
        method: Method,
        name: &str,
        condition: (&'static str, &str),
        body: &str,
        action: &'static str,
    ) -> Result<Wrote, ServiceError> {
        let key = format!("{}{name}", self.prefix);
        let conditional = self.conditional.load(Ordering::Relaxed);
        let condition = Some(condition).filter(|_| conditional);
        let ask = S3Request { method, key: &key, query: Vec::new(), condition, body, action };
        match self.ask(call, &ask).await? {
            Ok(_) => Ok(Wrote::Done),
            Err(refusal) if refusal.is_changed() => Ok(Wrote::Changed),
            Err(refusal) if refusal.is_unable() && conditional => {
                // The file is looked at again, and written without a condition right after.
                self.conditional.store(false, Ordering::Relaxed);
                Ok(Wrote::Changed)
            }
            Err(refusal) => Err(self.explained(call, &ask, refusal).await),
        }
    }

    /// Sends a request as often as is safe and useful, to the region that the bucket turns out to be in. A refusal that
    /// stays is handed on: the caller knows what it means.
    async fn ask(&self, call: &Call, ask: &S3Request<'_>) -> Result<Result<Reply, S3Error>, ServiceError> {
        let began = Instant::now();
        let (mut attempt, mut moved, mut renewed) = (0, false, false);
        let mut attempts = Attempts::default();
        let mut failed =
            |fault: ServiceError| if ask.method == Method::GET { fault } else { attempts.failed(call, fault) };
        loop {
            let pass = self.pace.enter().await;
            let (fault, mut refusal) = match self.attempt(call, attempt, ask).await {
                Ok(Ok(reply)) => {
                    pass.leave(RequestOutcome::Well);
                    return Ok(Ok(reply));
                }
                Ok(Err(refusal)) => {
                    let too_fast = matches!(refusal.status, 429 | 503);
                    pass.leave(if too_fast {
                        RequestOutcome::TooFast(refusal.retry_after)
                    } else {
                        RequestOutcome::Well
                    });
                    (self.fault(call, &refusal), Some(refusal))
                }
                Err((fault, hopeless)) => {
                    pass.leave(RequestOutcome::Otherwise);
                    if hopeless {
                        return Err(failed(fault));
                    }
                    (fault, None)
                }
            };
            let fault = failed(fault);
            if let Some(refusal) = &mut refusal {
                refusal.doubt = fault.doubt();

                let region = refusal.region.as_ref().filter(|r| self.endpoint.is_none() && **r != self.region());
                if let Some(region) = region.filter(|_| refusal.is_elsewhere() && !moved) {
                    self.region.lock().unwrap_or_else(PoisonError::into_inner).clone_from(region);
                    moved = true;
                    continue;
                }
                if refusal.is_expired() && !renewed {
                    self.aws.forget().await;
                    renewed = true;
                    continue;
                }
            }
            // Every request sets a state, so that sending it twice does what sending it once does.
            let repeatable = Call { repeatable: true, ..call.clone() };
            match (retry::next(&self.policy, &repeatable, &fault, attempt, began.elapsed(), random()), refusal) {
                (Retry::After(wait), _) => tokio::time::sleep(wait).await,
                (Retry::GiveUp, Some(refusal)) => return Ok(Err(refusal)),
                (Retry::GiveUp, None) => return Err(fault),
            }
            attempt += 1;
        }
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
    ) -> Result<Result<Reply, S3Error>, (ServiceError, bool)> {
        let unsent = |why: String| (not_sent(call, &why), true);
        let url = self.url(ask).map_err(unsent)?;
        let digest: String = Sha256::digest(ask.body.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        let mut request = http::Request::builder().method(&ask.method).uri(&url).header("x-amz-content-sha256", digest);
        if let Some((name, value)) = ask.condition {
            request = request.header(name, value);
        }
        if ask.method == Method::PUT {
            request = request.header("content-type", "text/x-python; charset=utf-8");
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
            let is_object = ask.method == Method::GET && !ask.key.is_empty();
            if is_object && response.content_length().is_some_and(|length| length > LONGEST) {
                return Ok(Ok(Reply { headers, body: None }));
            }
            let body = web::body(response).await.map_err(broken)?;
            return Ok(Ok(Reply { headers, body: Some(body) }));
        }
        // An error that breaks off is still an error: the status says it.
        let body = web::body(response).await.unwrap_or_default();
        Ok(Err(refusal(status, &headers, &body, Timestamp::now())))
    }

    /// The store, for messages.
    fn store(&self) -> String {
        match &self.endpoint {
            Some(endpoint) => format!("{} ({})", endpoint.url, endpoint.from),
            None => format!("S3 in {}", self.region()),
        }
    }

    /// An answer that makes no sense.
    fn odd(&self, call: &Call, why: &str) -> ServiceError {
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
    async fn explained(&self, call: &Call, ask: &S3Request<'_>, refusal: S3Error) -> ServiceError {
        let bucket = &self.bucket;
        let on = match ask.key {
            "" => format!("arn:aws:s3:::{bucket}"),
            _ => format!("arn:aws:s3:::{bucket}/{}*", self.prefix),
        };
        let mut message = format!("{} (s3://{bucket}/{})", refusal.message, ask.key);
        if let Some(remedy) = refusal.remedy(bucket, ask.action, &on) {
            message = format!("{message}; {remedy}");
        }
        if matches!(refusal.status, 400 | 401 | 403) {
            message = format!("{message}; signed with the credentials of {}", self.aws.describe().await);
        }
        self.fault(call, &S3Error { message, ..refusal })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(bucket: &str, environment: &[(&'static str, &'static str)], key: &str) -> Result<String, String> {
        let environment: HashMap<&str, &str> = environment.iter().copied().chain([("HOME", "/nonexistent")]).collect();
        let env: aws::Env = Arc::new(move |name| environment.get(name).map(|value| (*value).to_owned()));
        let aws = Aws::new(env.clone(), &aws::Files::read(&env)).unwrap();
        let bucket = Bucket::new(aws, bucket.to_owned(), String::new(), Requests::default()).unwrap();
        let (query, condition, body) = (vec![("prefix", "a b/")], None, "");
        bucket.0.url(&S3Request { method: Method::GET, key, query, condition, body, action: "" })
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
