//! The emulator inside a command: what a target with `sandbox: true` is.

use crate::call::System;
use crate::sandbox::{self, Running};
use crate::services::databricks::Config;
use crate::services::{Airflow, DagFiles, Databricks, Requests, Services, airflow};
use crate::ui::Failure;
use std::path::Path;
use std::sync::Arc;

/// What signs in to the emulator, where anything does.
const USER: &str = "plumb";
const PASSWORD: &str = "sandbox";

/// Starts the emulator of a target, and connects to it. Its state, and the folder of its DAG files, are in `.plumb/` of
/// the project's folder.
pub async fn start(project: &Path, target: &str) -> Result<(Services, Running), Failure> {
    let failed = |e: &dyn std::fmt::Display| Failure::error(format!("the embedded sandbox cannot start: {e}"));
    let dir = project.join(".plumb");
    let (state, dags) = (dir.join(format!("sandbox-{target}.json")), dir.join(format!("dags-{target}")));
    std::fs::create_dir_all(&dags).map_err(|e| failed(&format!("{}: {e}", dags.display())))?;
    // The state is nobody else's business, and no difference of the repository.
    let ignore = dir.join(".gitignore");
    if !ignore.exists() {
        std::fs::write(&ignore, "*\n").map_err(|e| failed(&format!("{}: {e}", ignore.display())))?;
    }
    let options = sandbox::Options {
        state: Some(state),
        airflow: Some(sandbox::airflow::Options { dags: Some(dags.clone()), ..Default::default() }),
        ..Default::default()
    };
    let running = sandbox::start(options).await.map_err(|e| failed(&e))?;
    let config = Config::with_token(&running.url(), PASSWORD).map_err(|e| failed(&e))?;
    let mut services = Services::default().with_databricks(Databricks::new(config).map_err(|e| failed(&e))?);
    if let Some(url) = running.airflow_url() {
        let config = airflow::Config::local(&url, USER, PASSWORD).map_err(|e| failed(&e))?;
        let files = Arc::new(DagFiles::folder(dags));
        services = services.with_airflow(Airflow::new(config).map_err(|e| failed(&e))?).with(
            System::DagFiles,
            files,
            Requests::default(),
        );
    }
    Ok((services, running))
}
