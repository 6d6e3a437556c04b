//! The lease, for the commands that write.

use super::session::Session;
use super::time::time;
use crate::lease::holds::HoldStore;
use crate::lease::protocol::Terms;
use crate::lease::store::{Holder, Store};
use crate::lease::{HeldLease, Lease, LeaseError};
use crate::settings;
use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;
use plumb_core::cutover::{Holds, rollback};
use plumb_core::manifest::Mode;
use plumb_core::render::value::visible;
use plumb_model::call::{ServiceError, System};
use std::time::Duration;

/// Where the leases are, unless the target says otherwise: every user of a workspace may write there.
const FOLDER: &str = "/Shared/.plumb";

/// What becomes of a lease that somebody else holds.
#[derive(Args, Clone, Default)]
pub struct LockArgs {
    /// How long to wait while another apply holds the lease: `90s`, `10m`, `1h`
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = time)]
    lock_timeout: Duration,
    /// Take no lease: for an emergency in which it cannot be taken
    #[arg(long, conflicts_with = "lock_timeout")]
    no_lock: bool,
}

/// Where the lease of a session's target is; `None` when it has none: without a Databricks workspace, or in development
/// mode, where everybody has objects of their own.
pub fn store(session: &Session, id: &str, command: &str) -> Result<Option<Store>, Failure> {
    let desired = &session.project.desired;
    if !session.services.has(System::Databricks) || desired.target.mode == Mode::Development {
        return Ok(None);
    }
    let service = session.services.for_system(System::Databricks).map_err(|e| Failure::error(e.to_string()))?;
    let run = settings::run();
    let git = session.project.repo.as_ref().and_then(crate::git::Repo::user);
    let holder = Holder {
        id: id.to_owned(),
        who: run.who.or(settings::user(git)).unwrap_or_else(|| "somebody".into()),
        run_url: run.url,
        command: command.to_owned(),
        since: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    };
    Ok(Some(Store::new(service, folder(session), holder, Terms::USUAL)))
}

/// Where the holds of a session's target are; `None` when it has none, as it has no lease.
pub fn hold_store(session: &Session) -> Result<Option<HoldStore>, Failure> {
    let desired = &session.project.desired;
    if !session.services.has(System::Databricks) || desired.target.mode == Mode::Development {
        return Ok(None);
    }
    let service = session.services.for_system(System::Databricks).map_err(|e| Failure::error(e.to_string()))?;
    Ok(Some(HoldStore::beside(service, &folder(session))))
}

/// Reads the holds of the waves that have a day to cut over. Without any nothing is asked.
pub async fn read_holds(session: &Session) -> Result<Holds, Failure> {
    let waves = rollback::days(&session.project.desired);
    if waves.is_empty() || session.project.desired.target.mode == Mode::Development {
        return Ok(Holds::default());
    }
    Ok(match hold_store(session)? {
        Some(store) => store.read(&waves).await,
        None => {
            Holds { unread: Some("the target has no Databricks workspace to keep holds in".into()), ..Holds::default() }
        }
    })
}

fn folder(session: &Session) -> String {
    let desired = &session.project.desired;
    let named = desired.target.databricks.as_ref().and_then(|d| d.leases.as_deref()).unwrap_or(FOLDER);
    format!("{}/{}/{}", named.trim_end_matches('/'), desired.project.name, desired.mark_target())
}

/// Carries something out under the lease of the target, with services that stop writing when it is lost.
///
/// The lease is taken before anything is read, so that nobody applies between the reading and the writing.
pub async fn under<R>(
    session: &mut Session,
    args: &LockArgs,
    command: &str,
    ui: &Ui,
    work: impl AsyncFnOnce(&Session) -> Result<R, Failure>,
) -> Result<R, Failure> {
    let id = crate::services::fresh_id().map_err(Failure::error)?;
    let store = if args.no_lock {
        ui.warn("going on without the lease: nothing keeps another apply from writing at the same time");
        None
    } else {
        store(session, &id, command)?
    };
    let Some(store) = store else { return work(session).await };
    let waits = |held: &HeldLease| ui.status(&format!("waiting for the lease: {}", about(held)));
    let lease = Lease::take(store, &id, Terms::USUAL, args.lock_timeout, &waits)
        .await
        .map_err(|refused| failure(session, refused))?;
    ui.detail(&format!("took the lease {}", folder(session)));
    let gate = lease.gate();
    session.services = session.services.clone().wrapped(|_, service| gate.before(service));
    let done = work(session).await;
    if !gate.is_open() {
        ui.error("the lease was lost on the way: what came after that was not sent");
    }
    if let Err(fault) = lease.release().await {
        ui.warn(&format!("the lease could not be given back and runs out by itself: {fault}"));
    }
    done
}

/// Who holds it, in a line.
pub fn about(held: &HeldLease) -> String {
    let holder = &held.holder;
    let mut text = format!("{} has held it since {}", visible(&holder.who), visible(&holder.since));
    if !holder.command.is_empty() {
        text.push_str(&format!(" for `{}`", visible(&holder.command)));
    }
    if let Some(url) = &holder.run_url {
        text.push_str(&format!(", see {}", visible(url)));
    }
    text
}

/// Why there is no lease, and what to do about it.
pub fn failure(session: &Session, refused: LeaseError) -> Failure {
    match refused {
        LeaseError::Held(held) => {
            let seconds = held.left.as_secs() + 1;
            Failure::new(ExitCode::Lease, format!("the lease is held: {}; nothing was sent", about(&held)))
                .hint("`--lock-timeout 10m` waits for it")
                .hint(format!(
                    "if its holder is dead, it runs out in {seconds} s at the latest; `plumb unlock` breaks it"
                ))
        }
        LeaseError::Busy | LeaseError::Unclear => {
            Failure::new(ExitCode::Lease, format!("{refused}; nothing was sent")).hint("try again")
        }
        LeaseError::ServiceError(fault) => {
            let denied = matches!(&fault, ServiceError::Refused { status: 403, .. });
            let failure = Failure::error(format!("the lease cannot be taken in {}: {fault}", folder(session)))
                .hint("nothing was changed");
            if !denied {
                return failure;
            }
            failure
                .hint("give who applies Can Edit on that folder, or name another one as `databricks.leases` of the target")
                .hint("in an emergency, --no-lock goes on without it")
        }
    }
}
