//! A bucket of S3 with DAG files.
//!
//! Writes are conditional: a new file is written only if there is none (`If-None-Match: *`), an old one only over the very
//! version that was looked at (`If-Match`), and so it is removed. What somebody else wrote in between is never lost. A
//! store that answers 501 to conditions gets none: there the look before the write has to do.

use super::texts::{BucketFile, KnownTexts};
use super::{Doing, FileStore, LONGEST, MEDIA, StoredFile, Wrote, as_text};
use crate::services::Requests;
use crate::services::aws::{Aws, AwsError};
use crate::services::s3::{S3Client, S3Request};
use plumb_model::call::{Call, ServiceError};
use reqwest::Method;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A bucket, or the part of it below a prefix.
pub(super) struct Bucket(Arc<Inner>);

struct Inner {
    s3: S3Client,
    /// Whether the store knows conditions, as far as is known.
    conditional: AtomicBool,
    texts: KnownTexts,
}

impl Bucket {
    pub(super) fn new(aws: Aws, bucket: String, prefix: String, requests: Requests) -> Result<Self, AwsError> {
        let s3 = S3Client::new(aws, bucket, prefix, "`airflow.dags` of the target", requests)?;
        Ok(Self::of(s3))
    }

    /// The bucket that `s3` reaches.
    pub(super) fn of(s3: S3Client) -> Self {
        Bucket(Arc::new(Inner { s3, conditional: AtomicBool::new(true), texts: KnownTexts::default() }))
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

/// Reads the listing, and of the files those that are new or changed.
async fn files(bucket: Arc<Inner>, call: &Call) -> Result<Vec<(String, Option<String>)>, ServiceError> {
    let prefix = bucket.s3.prefix();
    let listed = bucket.s3.list(call, prefix).await?.into_iter().filter_map(|object| {
        let name = object.key.strip_prefix(prefix)?.to_owned();
        Some(BucketFile { name, version: object.etag, size: object.size })
    });
    let listed = listed.collect();
    let look = |name: String| {
        let (bucket, call) = (bucket.clone(), call.clone());
        async move { bucket.look(&call, &name).await }
    };
    bucket.texts.of(call, listed, look).await
}

impl Inner {
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
        let content_type = (method == Method::PUT).then_some(MEDIA);
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
