//! What was read of a bucket, by name, with its version: a listing reads only what has changed since the last one.

use super::{LONGEST, StoredFile, is_read, not_sent};
use plumb_model::call::{Call, ServiceError};
use std::collections::HashMap;
use std::future::Future;
use std::sync::{Mutex, PoisonError};

/// Files by name: the version, and the text if it is one.
type Texts = HashMap<String, (String, Option<String>)>;

/// What is known of a bucket's files.
#[derive(Default)]
pub(super) struct KnownTexts(Mutex<Texts>);

/// A file as a listing shows it.
pub(super) struct BucketFile {
    /// Below the prefix.
    pub name: String,
    pub version: String,
    /// In bytes.
    pub size: u64,
}

impl KnownTexts {
    /// The files of a listing with their texts. Those that are new or changed are read by `look`, several at a time.
    pub(super) async fn of<Looking>(
        &self,
        call: &Call,
        listed: Vec<BucketFile>,
        look: impl Fn(String) -> Looking,
    ) -> Result<Vec<(String, Option<String>)>, ServiceError>
    where
        Looking: Future<Output = Result<Option<StoredFile>, ServiceError>> + Send + 'static,
    {
        let (read, too_long): (Vec<BucketFile>, Vec<BucketFile>) =
            listed.into_iter().filter(|file| is_read(&file.name)).partition(|file| file.size <= LONGEST);
        let versions: HashMap<String, String> = read.into_iter().map(|file| (file.name, file.version)).collect();
        let mut texts = self.lock().clone();
        texts.retain(|name, (version, _)| versions.get(name) == Some(version));
        let mut reading = tokio::task::JoinSet::new();
        for name in versions.into_keys().filter(|name| !texts.contains_key(name)) {
            let looking = look(name.clone());
            reading.spawn(async move { looking.await.map(|found| (name, found)) });
        }
        while let Some(read) = reading.join_next().await {
            let (name, found) = read.map_err(|e| not_sent(call, &e.to_string()))??;
            // A file that went away since the listing is not there.
            if let Some(found) = found {
                texts.insert(name, (found.version, found.text));
            }
        }
        self.lock().clone_from(&texts);
        let texts = texts.into_iter().map(|(name, (_, text))| (name, text));
        Ok(texts.chain(too_long.into_iter().map(|file| (file.name, None))).collect())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Texts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
