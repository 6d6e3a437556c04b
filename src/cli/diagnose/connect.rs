//! The services that a question needs. One that cannot be reached is no hindrance to questions about another.

use crate::cli::embedded::{self, Emulator};
use crate::cli::emr;
use crate::cli::session::Project;
use crate::observe::failure::FailureServices;
use crate::services::{Aws, Services, aws};
use crate::settings;
use crate::ui::{Failure, Ui};
use plumb_model::call::System;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The services of a target, as far as they can be had.
pub struct TargetServices {
    pub services: FailureServices,
    /// The address of the target's Airflow.
    pub airflow: Option<String>,
    /// Kept running for as long as it is asked.
    _sandbox: Option<Emulator>,
}

/// Connects to the services of a project's target.
pub async fn reach(project: &Project, ui: &Ui) -> Result<TargetServices, Failure> {
    let target = &project.desired.target;
    if target.sandbox {
        let (services, running) = embedded::start(project, target).await?;
        ui.detail(&running.describe(target));
        let services = FailureServices::new(services, Some(embedded::aws(&running.running)?));
        let airflow = running.running.airflow_url();
        return Ok(TargetServices { services, airflow, _sandbox: Some(running) });
    }
    let mut absent = BTreeMap::new();
    let mut services = match project.databricks(true, ui) {
        Ok((services, _)) => services,
        Err(failure) => {
            absent.insert(System::Databricks, failure.message);
            Services::default()
        }
    };
    let mut address = None;
    if let Some(named) = &target.airflow {
        match project.airflow(named, ui).await {
            Ok(airflow) => {
                address = Some(airflow.url().to_owned());
                services = services.with_airflow(airflow);
            }
            Err(failure) => {
                absent.insert(System::Airflow, failure.message);
            }
        }
    }
    if target.emr.is_some() {
        match emr::account(target, project.pace) {
            Ok(emr) => {
                let requests = emr.requests();
                services = services.with(System::Emr, Arc::new(emr), requests);
            }
            Err(failure) => {
                absent.insert(System::Emr, failure.message);
            }
        }
    }
    let mut services = FailureServices::new(services, environment());
    services.absent = absent;
    Ok(TargetServices { services, airflow: address, _sandbox: None })
}

/// S3 alone, as the environment signs in to it.
pub fn without_project() -> TargetServices {
    let services = FailureServices::new(Services::default(), environment());
    TargetServices { services, airflow: None, _sandbox: None }
}

/// The identity at AWS that the environment names. What is wrong with it is said when it is needed.
fn environment() -> Option<Aws> {
    let env: aws::Env = Arc::new(settings::env);
    Aws::new(env.clone(), &aws::Files::read(&env)).ok()
}
