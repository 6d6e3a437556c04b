//! `plumb emr`: what is in an AWS account of EMR.

mod inventory;

pub use inventory::Watching;

use super::session::Project;
use super::{Global, embedded};
use crate::manifest::Target;
use crate::sandbox;
use crate::services::emr::Explicit;
use crate::services::{Aws, Emr, aws};
use crate::settings;
use crate::ui::{ExitCode, Failure, Ui};
use clap::{Args, Subcommand};
use std::sync::Arc;

/// Look at the EMR clusters of an AWS account
///
/// The account and region are those of `emr` in the target. Nothing is changed there.
#[derive(Args)]
#[command(after_help = "Examples:
  plumb emr inventory --target prod")]
pub struct EmrArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Inventory(inventory::Inventory),
}

/// Runs the command below `plumb emr`.
pub async fn run(global: &Global, args: EmrArgs, ui: &Ui) -> Result<ExitCode, Failure> {
    match args.command {
        Command::Inventory(args) => inventory::run(global, args, ui).await,
    }
}

/// The EMR of a target that a command asks.
pub struct Connected {
    pub emr: Arc<Emr>,
    /// Kept running for as long as it is asked.
    _sandbox: Option<sandbox::Running>,
}

/// Connects to the target's EMR, emulated or not. Nothing is asked yet.
pub async fn connect(project: &Project, ui: &Ui) -> Result<Connected, Failure> {
    let target = &project.desired.target;
    if target.sandbox {
        let (_, running) = embedded::start(&project.dir, target).await?;
        ui.detail(&format!("target {} is the embedded sandbox; its state is in .plumb/", target.name));
        let emr = Arc::new(embedded::emr(&running, target)?);
        return Ok(Connected { emr, _sandbox: Some(running) });
    }
    Ok(Connected { emr: Arc::new(account(target)?), _sandbox: None })
}

/// The EMR of the account that a target names. Nothing is asked yet.
pub fn account(target: &Target) -> Result<Emr, Failure> {
    let Some(emr) = target.emr.clone() else {
        let failure = Failure::error(format!("the target {} has no EMR; nothing was sent", target.name));
        return Err(failure.hint("add `emr: {region: REGION, account: \"ACCOUNT\"}` to it in plumb.yaml"));
    };
    let env: aws::Env = Arc::new(settings::env);
    let failed = |e: aws::AwsError| Failure::error(format!("target {}: {e}; nothing was sent", target.name));
    let aws = Aws::new(env.clone(), &aws::Files::read(&env)).map_err(failed)?;
    Emr::new(aws, &Explicit { region: emr.region, account: emr.account }).map_err(failed)
}
