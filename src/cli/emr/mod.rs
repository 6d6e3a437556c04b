//! `plumb emr`: what is in an AWS account of EMR.

mod inventory;

use super::session::Project;
use super::{Global, embedded};
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

/// EMR, and what has to go on running for as long as it is asked.
struct Reached {
    emr: Arc<Emr>,
    _sandbox: Option<sandbox::Running>,
}

/// The target's EMR, also where that is the embedded sandbox. Nothing is asked yet.
async fn reach(project: &Project, ui: &Ui) -> Result<Reached, Failure> {
    let target = &project.desired.target;
    if !target.sandbox {
        return Ok(Reached { emr: Arc::new(connect(project)?), _sandbox: None });
    }
    let (_, running) = embedded::start(&project.dir, target).await?;
    ui.detail(&format!("target {} is the embedded sandbox; its state is in .plumb/", target.name));
    Ok(Reached { emr: Arc::new(embedded::emr(&running, target)?), _sandbox: Some(running) })
}

/// The EMR of a target that is no sandbox. Nothing is asked yet.
pub fn connect(project: &Project) -> Result<Emr, Failure> {
    let target = &project.desired.target;
    let Some(emr) = target.emr.clone() else {
        let failure = Failure::error(format!("the target {} has no EMR; nothing was sent", target.name));
        return Err(failure.hint("add `emr: {region: REGION, account: \"ACCOUNT\"}` to it in plumb.yaml"));
    };
    let env: aws::Env = Arc::new(settings::env);
    let failed = |e: aws::AwsError| Failure::error(format!("target {}: {e}; nothing was sent", target.name));
    let aws = Aws::new(env.clone(), &aws::Files::read(&env)).map_err(failed)?;
    Emr::new(aws, &Explicit { region: emr.region, account: emr.account }).map_err(failed)
}
