//! The emulator inside a command: what a target with `sandbox: true` is.

use super::place::{self, StateFolder};
use super::session::Project;
use crate::services::databricks::DatabricksConfig;
use crate::services::emr::EmrSettings;
use crate::services::{Airflow, Aws, DagFiles, Databricks, Emr, Requests, Services, airflow, aws};
use crate::ui::Failure;
use plumb_core::manifest::Target;
use plumb_model::call::System;
use plumb_model::limits::Pace;
use plumb_sandbox::Running;
use std::sync::{Arc, Mutex, PoisonError};

/// What signs in to the emulator, where anything does.
const USER: &str = "plumb";
const PASSWORD: &str = "sandbox";

/// A running emulator, and the folder that it keeps its state in. It stops when it is dropped, however the command ends, and
/// all that was done is in its file then.
pub struct Emulator {
    pub running: Running,
    place: StateFolder,
}

/// Why what a command did is not in the state file.
static UNSAVED: Mutex<Option<String>> = Mutex::new(None);

/// Takes why what the command did could not be saved, if it could not.
pub fn unsaved() -> Option<String> {
    UNSAVED.lock().unwrap_or_else(PoisonError::into_inner).take()
}

impl Drop for Emulator {
    fn drop(&mut self) {
        if let Err(why) = self.running.save() {
            *UNSAVED.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
        }
    }
}

impl Emulator {
    /// What commands say of it with `--verbose`.
    pub fn describe(&self, target: &Target) -> String {
        let folder = self.place.folder.display();
        format!("target {} is the embedded sandbox; its state is in {folder}", target.name)
    }
}

/// Starts the emulator of a target, and connects to it.
pub async fn start(project: &Project, target: &Target) -> Result<(Services, Emulator), Failure> {
    let place = place::of(&project.dir)?;
    let name = &target.name;
    let (state, dags) = (place.folder.join(format!("sandbox-{name}.json")), place.folder.join(format!("dags-{name}")));
    std::fs::create_dir_all(&dags).map_err(|e| failed(&format!("{}: {e}", dags.display())))?;
    let options = plumb_sandbox::SandboxOptions {
        state: Some(state),
        airflow: Some(plumb_sandbox::airflow::AirflowOptions { dags: Some(dags.clone()), ..Default::default() }),
        emr: Some(plumb_sandbox::emr::EmrOptions { account: account(target), ..Default::default() }),
        ..Default::default()
    };
    let running = plumb_sandbox::start(options).await.map_err(|e| failed(&e))?;
    let config = DatabricksConfig::with_token(&running.url(), PASSWORD).map_err(|e| failed(&e))?;
    let config = DatabricksConfig { pace: project.pace, ..config };
    let mut services = Services::default().with_databricks(Databricks::new(config).map_err(|e| failed(&e))?);
    if let Some(url) = running.airflow_url() {
        let config = airflow::AirflowConfig::local(&url, USER, PASSWORD).map_err(|e| failed(&e))?;
        let config = airflow::AirflowConfig { pace: project.pace, ..config };
        let files = Arc::new(DagFiles::folder(dags));
        services = services.with_airflow(Airflow::new(config).map_err(|e| failed(&e))?).with(
            System::DagFiles,
            files,
            Requests::default(),
        );
    }
    let emr = emr(&running, target, project.pace)?;
    let requests = emr.requests();
    Ok((services.with(System::Emr, Arc::new(emr), requests), Emulator { running, place }))
}

/// Connects to the emulated EMR of a target. What the environment says of AWS is not heeded: these are no credentials of
/// AWS, and nothing goes there.
pub fn emr(running: &Running, target: &Target, pace: Option<Pace>) -> Result<Emr, Failure> {
    let region = target.emr.as_ref().and_then(|emr| emr.region.clone());
    let explicit = EmrSettings {
        region: Some(region.unwrap_or_else(|| plumb_sandbox::emr::REGION.to_owned())),
        account: Some(account(target)),
        pace,
    };
    Emr::new(aws(running)?, &explicit).map_err(|e| failed(&e))
}

/// The identity that the emulated services of AWS take.
pub fn aws(running: &Running) -> Result<Aws, Failure> {
    let url = running.emr_url().unwrap_or_default();
    let env: aws::Env = Arc::new(move |name| match name {
        "AWS_ENDPOINT_URL" => Some(url.clone()),
        "AWS_ACCESS_KEY_ID" => Some(plumb_sandbox::emr::KEY.to_owned()),
        "AWS_SECRET_ACCESS_KEY" => Some(plumb_sandbox::emr::SECRET.to_owned()),
        "AWS_EC2_METADATA_DISABLED" => Some("true".to_owned()),
        _ => None,
    });
    Aws::new(env.clone(), &aws::Files::read(&env)).map_err(|e| failed(&e))
}

/// The account that is emulated: the one that the target names.
fn account(target: &Target) -> String {
    let named = target.emr.as_ref().and_then(|emr| emr.account.clone());
    named.unwrap_or_else(|| plumb_sandbox::emr::ACCOUNT.to_owned())
}

fn failed(why: &dyn std::fmt::Display) -> Failure {
    Failure::error(format!("the embedded sandbox cannot start: {why}"))
}
