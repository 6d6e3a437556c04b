//! `plumb unlock`.

use super::session::Session;
use super::{Global, Targeted, lease as leases};
use crate::lease;
use crate::lease::protocol::Terms;
use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;

/// Show who holds the lease of a target, and break it
///
/// For an apply that died: its lease runs out by itself within three minutes, so this is seldom needed. An apply that is
/// still alive notices within a minute, and stops: break its lease only when it is surely dead.
#[derive(Args)]
#[command(after_help = "Examples:
  plumb unlock --target prod
  plumb unlock --target prod --yes")]
pub struct Unlock {
    #[command(flatten)]
    targeted: Targeted,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

/// Shows the holder, asks, and breaks the lease.
pub async fn run(global: &Global, args: Unlock, ui: &Ui) -> Result<ExitCode, Failure> {
    let session = Session::open(global, &args.targeted, ui).await?;
    let target = &session.project.desired.target.name;
    let id = crate::services::fresh_id().map_err(Failure::error)?;
    let Some(store) = leases::store(&session, &id, "plumb unlock")? else {
        return Err(Failure::error(format!("target {target} has no lease"))
            .hint("only a target with a Databricks workspace has one, and none in development mode"));
    };
    let held = lease::look(&store, Terms::USUAL).await.map_err(|e| leases::failure(&session, e))?;
    let Some(held) = held else {
        ui.status(&format!("nobody holds the lease of target {target}"));
        return Ok(ExitCode::Ok);
    };
    let left = held.left.as_secs() + 1;
    ui.data(&format!("{}; it runs out in {left} s unless it is renewed\n", leases::about(&held)))?;
    if !args.yes && !ui.confirm(&format!("Break the lease of target {target}?"))? {
        return Err(Failure::cancelled("the lease stands"));
    }
    lease::unlock(store, &id, Terms::USUAL).await.map_err(|e| leases::failure(&session, e))?;
    ui.status(&format!("the lease of target {target} is free"));
    Ok(ExitCode::Ok)
}
