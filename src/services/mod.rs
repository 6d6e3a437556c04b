//! Services over HTTPS: authentication, transport, paging and the meaning of errors; nothing else.
//!
//! Everything above talks to [`Service`], so that a test can put its own in a service's place.

pub mod airflow;
pub mod aws;
pub mod code_store;
pub mod dag_files;
pub mod databricks;
pub mod emr;
mod endpoint;
mod failed;
#[cfg(test)]
pub(crate) mod fake;
pub(crate) mod gcs;
pub mod github;
pub mod http;
pub mod issued;
mod object_store;
mod pages;
pub mod profiles;
pub mod rate_limiter;
pub mod retry;
pub(crate) mod s3;
pub mod secret;
pub mod webhook;

pub use airflow::Airflow;
pub use aws::Aws;
pub use dag_files::DagFiles;
pub use databricks::{Databricks, Identity};
pub use emr::Emr;
pub use github::GitHub;
pub(crate) use pages::odd_answer;
pub use pages::{PageReader, read};
pub use secret::Secret;

use plumb_core::kinds::Kind;
use plumb_core::kinds::airflow::dag_deadline::AirflowRelease;
use plumb_model::call::{Call, Service, ServiceError, System};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Counts requests. Clones share the count.
#[derive(Clone, Debug, Default)]
pub struct Requests(Arc<AtomicU64>);

impl Requests {
    /// The count so far.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Counts one more.
    pub fn add_one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// The services of a target.
#[derive(Clone, Default)]
pub struct Services {
    all: BTreeMap<System, ConnectedService>,
    airflow: Option<Arc<Airflow>>,
    workspace: Option<Arc<Databricks>>,
}

#[derive(Clone)]
struct ConnectedService {
    service: Arc<dyn Service>,
    requests: Requests,
}

impl Services {
    /// Adds a Databricks workspace.
    pub fn with_databricks(mut self, databricks: Databricks) -> Self {
        let databricks = Arc::new(databricks);
        let requests = databricks.requests();
        self.workspace = Some(databricks.clone());
        self.all.insert(System::Databricks, ConnectedService { service: databricks, requests });
        self
    }

    /// Adds an Airflow deployment.
    pub fn with_airflow(mut self, airflow: Airflow) -> Self {
        let airflow = Arc::new(airflow);
        let requests = airflow.requests();
        self.airflow = Some(airflow.clone());
        self.all.insert(System::Airflow, ConnectedService { service: airflow, requests });
        self
    }

    /// Adds the place of an Airflow deployment's DAG files.
    pub fn with_dag_files(self, files: DagFiles) -> Self {
        let requests = files.requests();
        self.with(System::DagFiles, Arc::new(files), requests)
    }

    /// Adds any other service. It counts its requests with `requests`, if at all.
    pub fn with(mut self, system: System, service: Arc<dyn Service>, requests: Requests) -> Self {
        if system == System::Databricks {
            self.workspace = None;
        }
        if system == System::Airflow {
            self.airflow = None;
        }
        self.all.insert(system, ConnectedService { service, requests });
        self
    }

    /// The same services, some of them behind one of one's own.
    pub fn wrapped(mut self, wrap: impl Fn(System, Arc<dyn Service>) -> Arc<dyn Service>) -> Self {
        for (system, connected) in &mut self.all {
            connected.service = wrap(*system, connected.service.clone());
        }
        self
    }

    /// The service of a system, or why there is none.
    pub fn for_system(&self, system: System) -> Result<Arc<dyn Service>, ServiceError> {
        self.all.get(&system).map(|connected| connected.service.clone()).ok_or_else(|| ServiceError::NotSent {
            line: system.name().to_owned(),
            why: format!("the target has no {}: add `{}` to it in plumb.yaml", system.name(), system.setting()),
        })
    }

    /// Whether the target has a system.
    pub fn has(&self, system: System) -> bool {
        self.all.contains_key(&system)
    }

    /// Whether the target has every system that a kind is read from.
    pub fn serve(&self, kind: &dyn Kind) -> bool {
        kind.systems().iter().all(|system| self.has(*system))
    }

    /// How many requests a system was sent, repetitions included.
    pub fn requests(&self, system: System) -> u64 {
        self.all.get(&system).map_or(0, |connected| connected.requests.count())
    }

    /// How many requests all systems together were sent, repetitions included.
    pub fn requests_of_all(&self) -> u64 {
        self.all.values().map(|connected| connected.requests.count()).sum()
    }

    /// The Databricks workspace itself, for files that are read piece by piece. `None` where there is none, or one's own service
    /// stands in its place.
    pub fn workspace(&self) -> Option<Arc<Databricks>> {
        self.workspace.clone()
    }

    /// The id of the Databricks workspace, as the last answer named it: after a reading it is known without a request.
    pub fn workspace_id(&self) -> Option<String> {
        self.workspace.as_ref()?.workspace_id()
    }

    /// Which Airflow it is, once it was asked anything.
    pub fn airflow_release(&self) -> Option<AirflowRelease> {
        self.airflow.as_ref()?.release()
    }

    /// Who is signed in to Databricks, and to which workspace.
    pub async fn identity(&self) -> Result<Identity, ServiceError> {
        let service = self.for_system(System::Databricks)?;
        let mut identity = match &self.workspace {
            Some(databricks) => databricks.identity().await?,
            None => Identity { user: me(&*service).await?, workspace_id: None },
        };
        if identity.workspace_id.is_none() {
            identity.workspace_id = workspace_id(&*service).await?;
        }
        Ok(identity)
    }
}

/// The name of whoever is signed in: a user's mail address, a service principal's application id.
pub async fn me(service: &dyn Service) -> Result<String, ServiceError> {
    // Leaving out what may be long (databricks-sdk-go, `CurrentWorkspaceID`).
    let call = Call::get(System::Databricks, "/api/2.0/preview/scim/v2/Me").query("excludedAttributes", "entitlements");
    let answer = service.send(&call).await?;
    match answer.body["userName"].as_str() {
        Some(name) => Ok(name.to_owned()),
        None => Err(odd_answer(&call, answer.status, "the answer has no `userName`")),
    }
}

/// The workspace's id, out of the host's metadata; `None` when it does not say (older hosts have no metadata).
pub async fn workspace_id(service: &dyn Service) -> Result<Option<String>, ServiceError> {
    let call = Call::get(System::Databricks, "/.well-known/databricks-config");
    match service.send(&call).await {
        Ok(answer) => Ok(match &answer.body["workspace_id"] {
            Value::String(id) if !id.is_empty() => Some(id.clone()),
            Value::Number(id) => Some(id.to_string()),
            _ => None,
        }),
        Err(ServiceError::Refused { status: 400..500, .. }) => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// A number from 0 to 1, for spreading retries; in the middle where the system gives no random bits.
fn random() -> f64 {
    // 53 bits are what a double holds.
    getrandom::u64().map_or(0.5, |bits| (bits >> 11) as f64 / (1u64 << 53) as f64)
}

/// 32 digits that nobody can guess and no other process has. The error says why the system gives no random bits.
pub fn fresh_id() -> Result<String, String> {
    let bits = || getrandom::u64().map_err(|e| format!("the system gives no random numbers: {e}"));
    Ok(format!("{:016x}{:016x}", bits()?, bits()?))
}
