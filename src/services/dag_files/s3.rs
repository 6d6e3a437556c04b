//! A bucket of S3 with DAG files.
//!
//! Writes are conditional: a new file is written only if there is none (`If-None-Match: *`), an old one only over the very
//! version that was looked at (`If-Match`), and so it is removed. What somebody else wrote in between is never lost. A
//! store that answers 501 to conditions gets none: there the look before the write has to do.

use super::{Doing, FileStore, LONGEST, StoredFile, Wrote, as_text, is_read, not_sent};
use crate::services::Requests;
use crate::services::aws::{Aws, AwsError};
use crate::services::s3::{S3Client, S3Request};
use plumb_model::call::{Call, ServiceError};
use reqwest::Method;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Files by name: the version, and the text if it is one.
type Texts = HashMap<String, (String, Option<String>)>;

/// A bucket, or the part of it below a prefix.
pub(super) struct Bucket(Arc<Inner>);

struct Inner {
    s3: S3Client,
    /// Whether the store knows conditions, as far as is known.
    conditional: AtomicBool,
    /// What was read, by name, with its version: a listing reads only what has changed since the last one.
    texts: Mutex<Texts>,
}

impl Bucket {
    pub(super) fn new(aws: Aws, bucket: String, prefix: String, requests: Requests) -> Result<Self, AwsError> {
        let s3 = S3Client::new(aws, bucket, prefix, "`airflow.dags` of the target", requests)?;
        Ok(Self::of(s3))
    }

    /// The bucket that `s3` reaches.
    pub(super) fn of(s3: S3Client) -> Self {
        Bucket(Arc::new(Inner { s3, conditional: AtomicBool::new(true), texts: Mutex::default() }))
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
    for object in bucket.s3.list(call, bucket.s3.prefix()).await? {
        let Some(name) = object.key.strip_prefix(bucket.s3.prefix()) else { continue };
        if is_read(name) && object.size <= LONGEST {
            versions.insert(name.to_owned(), object.etag);
        } else if is_read(name) {
            too_long.push((name.to_owned(), None));
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

    async fn look(&self, call: &Call, name: &str) -> Result<Option<StoredFile>, ServiceError> {
        let key = format!("{}{name}", self.s3.prefix());
        let longest = Some(LONGEST);
        let ask = S3Request { key: &key, action: "s3:GetObject", longest, ..S3Request::default() };
        let reply = match self.s3.ask(call, &ask).await? {
            Ok(reply) => reply,
            Err(refusal) if refusal.is_missing() => return Ok(None),
            Err(refusal) => return Err(self.s3.explained(call, &ask, refusal).await),
        };
        let version = reply.headers.get("etag").and_then(|value| value.to_str().ok());
        let version = version.ok_or_else(|| self.s3.odd(call, "the object has no ETag"))?.to_owned();
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
        let key = format!("{}{name}", self.s3.prefix());
        let conditional = self.conditional.load(Ordering::Relaxed);
        let condition = Some(condition).filter(|_| conditional);
        let content_type = (method == Method::PUT).then_some("text/x-python; charset=utf-8");
        let ask = S3Request { method, key: &key, condition, body, content_type, action, ..S3Request::default() };
        match self.s3.ask(call, &ask).await? {
            Ok(_) => Ok(Wrote::Done),
            Err(refusal) if refusal.is_changed() => Ok(Wrote::Changed),
            Err(refusal) if refusal.is_unable() && conditional => {
                // The file is looked at again, and written without a condition right after.
                self.conditional.store(false, Ordering::Relaxed);
                Ok(Wrote::Changed)
            }
            Err(refusal) => Err(self.s3.explained(call, &ask, refusal).await),
        }
    }
}
