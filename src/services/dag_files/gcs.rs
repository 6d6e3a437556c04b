//! A bucket of Google Cloud Storage with DAG files.
//!
//! Writes are for a generation: a new file is written only if there is none, an old one only over the very one that was
//! looked at, and so it is removed. What somebody else wrote in between is never lost.

use super::texts::{BucketFile, KnownTexts};
use super::{Doing, FileStore, LONGEST, MEDIA, StoredFile, Wrote, as_text};
use crate::services::Requests;
use crate::services::gcs::{GcsClient, GcsError};
use plumb_model::call::{Call, ServiceError};
use std::sync::Arc;

/// A bucket, or the part of it below a prefix.
pub(super) struct GoogleBucket(Arc<GoogleFiles>);

struct GoogleFiles {
    gcs: GcsClient,
    texts: KnownTexts,
}

impl GoogleBucket {
    pub(super) fn new(
        env: &dyn Fn(&str) -> Option<String>,
        bucket: String,
        prefix: String,
        requests: Requests,
    ) -> Result<Self, GcsError> {
        let gcs = GcsClient::new(env, bucket, prefix, "`airflow.dags` of the target", requests)?;
        Ok(GoogleBucket(Arc::new(GoogleFiles { gcs, texts: KnownTexts::default() })))
    }
}

impl FileStore for GoogleBucket {
    fn files<'a>(&'a self, call: &'a Call) -> Doing<'a, Vec<(String, Option<String>)>> {
        Box::pin(files(self.0.clone(), call))
    }

    fn look<'a>(&'a self, call: &'a Call, name: &'a str) -> Doing<'a, Option<StoredFile>> {
        Box::pin(self.0.look(call, name))
    }

    fn write<'a>(&'a self, call: &'a Call, name: &'a str, text: &'a str, over: Option<&'a str>) -> Doing<'a, Wrote> {
        Box::pin(async move { self.0.gcs.write(call, name, text, over, MEDIA).await.map(wrote) })
    }

    fn remove<'a>(&'a self, call: &'a Call, name: &'a str, version: &'a str) -> Doing<'a, Wrote> {
        Box::pin(async move { self.0.gcs.remove(call, name, version).await.map(wrote) })
    }
}

fn wrote(done: bool) -> Wrote {
    if done { Wrote::Done } else { Wrote::Changed }
}

/// Reads the listing, and of the files those that are new or changed.
async fn files(bucket: Arc<GoogleFiles>, call: &Call) -> Result<Vec<(String, Option<String>)>, ServiceError> {
    let prefix = bucket.gcs.prefix();
    let listed = bucket.gcs.list(call).await?.into_iter().filter_map(|object| {
        let size = object.bytes();
        let name = object.name.strip_prefix(prefix)?.to_owned();
        Some(BucketFile { name, version: object.generation, size })
    });
    let listed = listed.collect();
    let look = |name: String| {
        let (bucket, call) = (bucket.clone(), call.clone());
        async move { bucket.look(&call, &name).await }
    };
    bucket.texts.of(call, listed, look).await
}

impl GoogleFiles {
    async fn look(&self, call: &Call, name: &str) -> Result<Option<StoredFile>, ServiceError> {
        let found = self.gcs.look(call, name, LONGEST).await?;
        Ok(found.map(|found| StoredFile { text: found.bytes.and_then(as_text), version: found.generation }))
    }
}
