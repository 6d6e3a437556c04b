//! `plumb emr`: what is in an AWS account of EMR.

mod inventory;

pub use inventory::InventoryProgress;

use super::session::Project;
use super::{Global, embedded};
use crate::services::emr::EmrSettings;
use crate::services::{Aws, Emr, aws};
use crate::settings;
use crate::ui::{ExitCode, Failure, Ui};
use clap::{Args, Subcommand};
use plumb_core::manifest::Target;
use plumb_model::call::ServiceError;
use plumb_model::limits::Pace;
use std::sync::Arc;

/// Look at the EMR clusters of an AWS account
///
/// The account and region are those of `emr` in the target. Nothing is changed there.
#[derive(Args)]
#[command(after_help = "Examples:
  plumb emr inventory --target prod")]
pub struct EmrArgs {
    #[command(subcommand)]
    command: EmrCommand,
}

#[derive(Subcommand)]
enum EmrCommand {
    Inventory(inventory::Inventory),
}

/// Runs the command below `plumb emr`.
pub async fn run(global: &Global, args: EmrArgs, ui: &Ui) -> Result<ExitCode, Failure> {
    match args.command {
        EmrCommand::Inventory(args) => inventory::run(global, args, ui).await,
    }
}

/// The EMR of a target that a command asks.
pub struct EmrConnection {
    pub emr: Arc<Emr>,
    /// Whose it is: the account's twelve digits.
    account: String,
    /// Kept running for as long as it is asked.
    _sandbox: Option<embedded::Emulator>,
}

/// Connects to the target's EMR, emulated or not, and asks whose account it is.
pub async fn connect(project: &Project, ui: &Ui) -> Result<EmrConnection, Failure> {
    let target = &project.desired.target;
    let (emr, running) = if target.sandbox {
        let (_, emulator) = embedded::start(project, target).await?;
        ui.detail(&emulator.describe(target));
        (embedded::emr(&emulator.running, target, project.pace)?, Some(emulator))
    } else {
        (account(target, project.pace)?, None)
    };
    let caller = emr.caller().await.map_err(failed)?.clone();
    ui.detail(&format!("target {} is account {}, as {}", target.name, caller.account, caller.arn));
    Ok(EmrConnection { emr: Arc::new(emr), account: caller.account, _sandbox: running })
}

/// That an account could not be read.
pub fn failed(fault: ServiceError) -> Failure {
    Failure::error(format!("reading EMR failed: {fault}")).hint("nothing was changed or written")
}

/// The EMR of the account that a target names. Nothing is asked yet.
pub fn account(target: &Target, pace: Option<Pace>) -> Result<Emr, Failure> {
    let Some(emr) = target.emr.clone() else {
        let failure = Failure::error(format!("the target {} has no EMR; nothing was sent", target.name));
        return Err(failure.hint("add `emr: {region: REGION, account: \"ACCOUNT\"}` to it in plumb.yaml"));
    };
    let env: aws::Env = Arc::new(settings::env);
    let failed = |e: aws::AwsError| Failure::error(format!("target {}: {e}; nothing was sent", target.name));
    let aws = Aws::new(env.clone(), &aws::Files::read(&env)).map_err(failed)?;
    Emr::new(aws, &EmrSettings { region: emr.region, account: emr.account, pace }).map_err(failed)
}
