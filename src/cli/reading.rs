//! How much was read, said while it goes on and at its end.

use crate::observe;
use crate::services::{Requests, Services};
use crate::ui::{Progress, Ui};
use plumb_core::kinds::Kind;
use std::time::{Duration, Instant};

/// How often it is looked how far a reading has got.
const LOOK: Duration = Duration::from_millis(250);

/// Reads, and says how much: every request that was sent counts, each page and each repetition.
pub async fn counted<R, E>(
    sent: &dyn Fn() -> u64,
    progress: &dyn Progress,
    reading: impl Future<Output = Result<R, E>>,
) -> Result<R, E> {
    let (begun, before) = (Instant::now(), sent());
    let count = || progress.requests(sent().saturating_sub(before));
    let mut reading = std::pin::pin!(reading);
    let mut look = tokio::time::interval(LOOK);
    let read = loop {
        tokio::select! {
            biased;
            read = &mut reading => break read,
            _ = look.tick() => count(),
        }
    };
    if read.is_ok() {
        count();
        progress.read(begun.elapsed());
    }
    progress.finished();
    read
}

/// The same of a target's services; `read` gets what listens to the listings.
pub async fn counted_of<R, E>(
    services: &Services,
    ui: &Ui,
    read: impl AsyncFnOnce(&ReadProgress<'_>) -> Result<R, E>,
) -> Result<R, E> {
    let progress = ui.progress();
    let watch = ReadProgress(&*progress);
    counted(&|| services.requests_of_all(), &*progress, read(&watch)).await
}

/// The same of one service that counts for itself.
pub async fn counted_by<R, E>(
    requests: &Requests,
    progress: &dyn Progress,
    reading: impl Future<Output = Result<R, E>>,
) -> Result<R, E> {
    counted(&|| requests.count(), progress, reading).await
}

/// Tells of each listing that was read.
pub struct ReadProgress<'a>(&'a dyn Progress);

impl observe::ReadWatch for ReadProgress<'_> {
    fn page(&self, _kind: &dyn Kind, objects: usize) {
        self.0.page(objects);
    }
    fn listed(&self, _kind: &dyn Kind, objects: usize) {
        self.0.listed(objects);
    }
}
