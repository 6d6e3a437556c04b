//! Ctrl-C.

use super::session::Session;
use crate::ui::{ExitCode, Failure, Ui};
use std::sync::atomic::{AtomicBool, Ordering};

/// Lets Ctrl-C end work that only reads, with one line that says how far it got. A lease that it is done under is given
/// back.
pub async fn stoppable<R>(session: &Session, work: impl Future<Output = Result<R, Failure>>) -> Result<R, Failure> {
    let before = session.services.requests_of_all();
    let stopped = || {
        let count = session.services.requests_of_all().saturating_sub(before);
        let requests = if count == 1 { "request" } else { "requests" };
        let message = format!("interrupted after {count} {requests}, which only read; nothing was changed");
        Err(Failure::new(ExitCode::Interrupted, message))
    };
    let mut signal = std::pin::pin!(tokio::signal::ctrl_c());
    let done = tokio::select! {
        biased;
        Ok(()) = &mut signal => return stopped(),
        done = work => done,
    };
    // The git that is asked meanwhile dies of the same Ctrl-C: whatever came of that is no answer.
    tokio::select! {
        biased;
        Ok(()) = &mut signal => stopped(),
        () = std::future::ready(()) => done,
    }
}

/// Hears Ctrl-C: at the first, nothing more is started; it returns at the second.
pub async fn twice(stop: &AtomicBool, ui: &Ui) {
    if tokio::signal::ctrl_c().await.is_ok() {
        stop.store(true, Ordering::Relaxed);
        // Listened for before the user is told of it: one that comes at once is heard, too.
        let mut again = std::pin::pin!(tokio::signal::ctrl_c());
        tokio::select! {
            biased;
            Ok(()) = &mut again => return,
            () = std::future::ready(()) => {}
        }
        ui.warn("interrupted: finishing what is in flight; Ctrl-C again stops at once");
        if again.await.is_ok() {
            return;
        }
    }
    // Signals cannot be heard here: the apply simply goes on.
    std::future::pending::<()>().await;
}
