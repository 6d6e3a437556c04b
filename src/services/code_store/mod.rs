//! Where trees of code are kept: a folder of the workspace, or one of a volume. Both are asked the same things.
//!
//! Everything written here sets a state, so it may be sent again; what is to go and is gone is done.

mod content;
#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod sample;
mod volume;
mod workspace;

pub use content::{content_hash, is_same, says_too_large, too_large_to_read};

use bytes::Bytes;
use plumb_core::code::{CodeFolder, CodeForm, CodeReader};
use plumb_model::call::{ByteSink, Call, Service, ServiceError};
use plumb_model::text::percent_encoded;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::task::JoinSet;

/// How many requests about files are under way at once. "The Files API backend has a rate limit of 10 concurrent requests";
/// databricks/cli keeps to half of it (libs/filer/files_client.go).
pub const WIDTH: usize = 5;

/// What a folder holds under one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEntry {
    pub name: String,
    /// `None` where the listing does not say.
    pub sort: Option<StoredSort>,
    /// Of a file, where the listing says it.
    pub bytes: Option<u64>,
    /// When it was written last, in milliseconds, where the listing says it.
    pub modified: Option<i64>,
}

/// What a folder can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredSort {
    Folder,
    Notebook,
    File,
    /// A library, a dashboard: nothing that plumb writes.
    Other,
}

/// A place for code, and how it is asked. Paths are absolute, as [`CodeFolder`] gives them.
#[derive(Clone)]
pub struct CodeStore {
    service: Arc<dyn Service>,
    is_volume: bool,
}

/// What granting left open, in words; `None` when all is known.
pub type Granted = Option<String>;

impl CodeStore {
    /// The place that a folder is in, behind this service.
    pub fn new(service: Arc<dyn Service>, folder: &CodeFolder) -> CodeStore {
        CodeStore { service, is_volume: folder.is_volume() }
    }

    /// What a folder holds; `None` where there is no folder.
    pub async fn list(&self, path: &str) -> Result<Option<Vec<StoredEntry>>, ServiceError> {
        let listed = match self.is_volume {
            true => volume::list(&*self.service, path).await,
            false => workspace::list(&*self.service, path).await,
        };
        match listed {
            // Either answers 404, too, where the caller may see nothing of it; writing then says so.
            Err(fault) if fault.is_gone() => Ok(None),
            listed => listed,
        }
    }

    /// Makes a folder and those above it. One that is there is as good.
    pub async fn make_folder(&self, path: &str) -> Result<(), ServiceError> {
        let call = if self.is_volume { volume::make_folder(path) } else { workspace::make_folder(path) };
        self.service.send(&call).await.map(drop)
    }

    /// Writes a file over whatever file is there. A notebook's path has its extension here: the workspace leaves it off.
    pub async fn write(&self, path: &str, bytes: &Bytes) -> Result<(), ServiceError> {
        let call = if self.is_volume { volume::write(path) } else { workspace::write(path) };
        self.service.send_bytes(&call, bytes).await.map(drop)
    }

    /// Reads a file, or a notebook in the form in which it was written.
    pub async fn read(&self, path: &str, form: CodeForm, sink: &mut dyn ByteSink) -> Result<(), ServiceError> {
        let call = if self.is_volume { volume::read(path) } else { workspace::read(path, form) };
        self.service.receive(&call, sink).await.map(drop)
    }

    /// Deletes a file or a notebook.
    pub async fn delete(&self, path: &str) -> Result<(), ServiceError> {
        let call = if self.is_volume { volume::delete_file(path) } else { workspace::delete(path) };
        gone_is_done(self.service.send(&call).await.map(drop))
    }

    /// Deletes a folder with all that is in it. It is not done in one: what fails leaves a part.
    pub async fn delete_folder(&self, path: &str) -> Result<(), ServiceError> {
        match self.is_volume {
            true => volume::delete_folder(&self.service, path).await,
            false => gone_is_done(self.service.send(&workspace::delete(path)).await.map(drop)),
        }
    }

    /// Lets these read what is below a folder. Says what cannot be known of it.
    pub async fn grant(&self, path: &str, readers: &BTreeSet<CodeReader>) -> Result<Granted, ServiceError> {
        if readers.is_empty() {
            return Ok(None);
        }
        match self.is_volume {
            true => volume::grant(&*self.service, path, readers).await,
            false => workspace::grant(&*self.service, path, readers).await.map(|()| None),
        }
    }
}

/// The name by which a reader is known.
pub fn name_of(reader: &CodeReader) -> &str {
    match reader {
        CodeReader::User(name) | CodeReader::ServicePrincipal(name) => name,
    }
}

fn gone_is_done(came: Result<(), ServiceError>) -> Result<(), ServiceError> {
    match came {
        Err(fault) if fault.is_gone() => Ok(()),
        came => came,
    }
}

/// Does the same to each, so many at once. After the first fault none is begun; what is under way is waited for.
pub async fn each<T, R, E, F>(items: Vec<T>, width: usize, work: impl Fn(T) -> F) -> Result<Vec<R>, E>
where
    F: Future<Output = Result<R, E>> + Send + 'static,
    R: Send + 'static,
    E: Send + 'static,
{
    let (mut left, mut running) = (items.into_iter(), JoinSet::new());
    let (mut done, mut failed) = (Vec::new(), None);
    loop {
        while running.len() < width
            && failed.is_none()
            && let Some(item) = left.next()
        {
            running.spawn(work(item));
        }
        match running.join_next().await {
            None => return failed.map_or(Ok(done), Err),
            Some(Ok(Ok(result))) => done.push(result),
            Some(Ok(Err(fault))) => failed = failed.or(Some(fault)),
            Some(Err(ended)) => match ended.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // Nobody aborts them but whoever drops all of it.
                Err(_) => return failed.map_or(Ok(done), Err),
            },
        }
    }
}

/// A path with each of its segments encoded.
fn encoded(path: &str) -> String {
    path.split('/').map(percent_encoded).collect::<Vec<_>>().join("/")
}

/// An answer that does not say what it should.
fn odd(call: &Call, why: &str) -> ServiceError {
    super::odd_answer(call, 200, why)
}

#[cfg(test)]
mod tests;
