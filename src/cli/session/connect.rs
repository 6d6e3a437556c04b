//! Connecting to the services of a project's target.

use super::Project;
use crate::cli::embedded::{self, Emulator};
use crate::cli::{Global, Targeted, emr};
use crate::services::airflow::Mwaa;
use crate::services::databricks::{AuthError, DatabricksConfig, DatabricksSettings, profile_path};
use crate::services::{Airflow, Aws, DagFiles, Databricks, Services, airflow, aws, dag_files};
use crate::settings::{self, Clock};
use crate::ui::{Failure, Ui};
use plumb_core::cutover::Hold;
use plumb_core::kinds::Kind;
use plumb_core::kinds::airflow::destination::Destination;
use plumb_core::manifest::AirflowTarget;
use plumb_core::plan::{Plan, PlanLinks, WorkspacePages};
use plumb_core::render::page::PageInput;
use plumb_model::call::System;
use plumb_model::limits::Pace;
use plumb_model::text::is_loopback;
use std::sync::Arc;

/// A project and its services.
pub struct Session {
    pub project: Project,
    pub services: Services,
    /// Systems that are read as empty because the target does not have them.
    pub(super) absent: Vec<System>,
    /// Whether teardown of what is due is allowed.
    pub(super) allow_teardown: bool,
    /// Which workspace it is, and how it is signed in to. `None` for the embedded sandbox.
    pub(super) workspace: Option<String>,
    /// Where its services can be looked at.
    pub(super) links: PlanLinks,
    /// What tells the time that is decided for.
    pub(super) clock: Clock,
    /// The wave that somebody cuts over by hand.
    pub(super) by_hand: Option<String>,
    /// A hold that is about to be left.
    pub(super) hold: Option<Hold>,
    /// The services that are not on this machine.
    far: Vec<System>,
    /// What is going on with the Airflow, where its owner is changing it at the moment.
    changing: Option<String>,
    /// How fast the workspace is sent requests, where somebody said so.
    workspace_pace: Option<Pace>,
    /// Kept running for as long as the session.
    _sandbox: Option<Emulator>,
}

impl Session {
    /// Loads the project and connects to its target.
    pub async fn open(global: &Global, targeted: &Targeted, ui: &Ui) -> Result<Session, Failure> {
        Project::load(global, targeted, ui)?.connect(ui).await
    }

    /// Allows the teardown of what is due.
    pub fn allow_teardown(&mut self, allow: bool) {
        self.allow_teardown = allow;
    }

    /// The time that is decided for.
    pub fn now(&self) -> jiff::Timestamp {
        self.clock.now()
    }

    /// What a page of a plan is made of.
    pub fn page<'a>(&'a self, plan: &'a Plan) -> PageInput<'a> {
        PageInput { plan, desired: &self.project.desired, now: self.now() }
    }

    /// How fast a service is sent requests.
    pub(super) fn pace(&self, system: System) -> Pace {
        let asked = match system {
            System::Databricks => self.workspace_pace,
            _ => self.project.pace,
        };
        Pace::of(asked, !self.far.contains(&system))
    }

    /// Decides about a wave as somebody who cuts it over by hand.
    pub fn cut_over_by_hand(&mut self, wave: &str) {
        self.by_hand = Some(wave.to_owned());
    }

    /// Decides as if a hold had been left.
    pub fn assume_hold(&mut self, hold: Hold) {
        self.hold = Some(hold);
    }

    /// Refuses to change anything as if it were another time, unless all that could be changed is on this machine.
    pub fn check_clock(&self) -> Result<(), Failure> {
        let (Some(set), false) = (self.clock.set_to(), self.far.is_empty()) else { return Ok(()) };
        let far: Vec<&str> = self.far.iter().map(|system| system.name()).collect();
        let failure = Failure::usage(format!(
            "PLUMB_NOW is set to {set}, and {} {} not on this machine; nothing was sent",
            far.join(" and "),
            if far.len() == 1 { "is" } else { "are" },
        ));
        Err(failure.hint("`plumb plan` shows what another time would bring; unset PLUMB_NOW to change anything"))
    }

    /// Refuses to change anything while the Airflow itself is being changed: it may restart at any time.
    pub fn check_airflow(&self) -> Result<(), Failure> {
        let Some(changing) = &self.changing else { return Ok(()) };
        let name = &self.project.desired.target.name;
        let failure = Failure::error(format!("target {name}: {changing}; nothing was changed"));
        Err(failure.hint("apply again when its status is AVAILABLE: `aws mwaa get-environment --name NAME` shows it"))
    }

    /// The kinds that the project manages and the target has the systems for.
    pub(super) fn kinds(&self) -> Vec<&'static dyn Kind> {
        self.project.kinds().into_iter().filter(|kind| self.services.serve(*kind)).collect()
    }
}

impl Project {
    /// Connects to the target's services.
    pub async fn connect(mut self, ui: &Ui) -> Result<Session, Failure> {
        self.look_back();
        let target = &self.desired.target;
        let clock = Clock::read().map_err(Failure::usage)?;
        if target.sandbox {
            let (services, running) = embedded::start(&self, target).await?;
            ui.detail(&running.describe(target));
            let absent = Vec::new();
            return Ok(Session {
                workspace_pace: self.pace,
                project: self,
                services,
                absent,
                workspace: None,
                links: PlanLinks::default(),
                clock,
                by_hand: None,
                hold: None,
                far: Vec::new(),
                changing: None,
                allow_teardown: false,
                _sandbox: Some(running),
            });
        }
        let optional = target.databricks.is_none()
            && (target.airflow.is_some() || target.emr.is_some())
            && self.desired.resources.iter().all(|r| r.kind.system() != System::Databricks);
        let (mut far, mut workspace_pace) = (Vec::new(), None);
        let (mut services, workspace) = self.databricks(optional, ui)?;
        let mut links = PlanLinks::default();
        if let (true, Ok(config)) = (services.has(System::Databricks), self.databricks_config()) {
            workspace_pace = config.pace;
            // One of Databricks' own domains, or what the environment or a profile names: credentials go nowhere else, either.
            links.workspace = Some(WorkspacePages { host: config.host.url.clone(), id: None });
            if !config.host.loopback {
                far.push(System::Databricks);
            }
        }
        let (mut absent, mut changing) = (Vec::new(), None);
        if let Some(airflow) = &target.airflow {
            let server = self.airflow(airflow, ui).await?;
            if !server.is_here() {
                far.push(System::Airflow);
            }
            links.airflow = Some(server.url().to_owned());
            changing = server.mwaa().and_then(Mwaa::changing);
            let own_files =
                server.mwaa().filter(|_| airflow.dags.is_none()).map(|mwaa| own_files(mwaa, ui)).transpose();
            let own_files = own_files.map_err(|e| Failure::error(format!("target {}: {e}", target.name)))?;
            services = services.with_airflow(server);
            let files = match &airflow.dags {
                Some(place) => {
                    ui.detail(&format!("its DAG files are in {place}"));
                    if is_far(place) {
                        far.push(System::DagFiles);
                    }
                    let opened = DagFiles::open(place, &self.dir, settings::env);
                    opened.map_err(|e| Failure::error(format!("target {}: {e}", target.name)))?
                }
                None => match own_files {
                    Some(files) => {
                        if !endpoint_is_here("AWS_ENDPOINT_URL_S3") {
                            far.push(System::DagFiles);
                        }
                        files
                    }
                    None => {
                        absent.push(System::DagFiles);
                        DagFiles::none()
                    }
                },
            };
            services = services.with_dag_files(files);
        }
        if self.desired.resources.iter().any(|r| r.teardown.is_some()) && target.emr.is_some() {
            let emr = emr::account(target, self.pace)?;
            ui.detail(&format!("the EMR of target {} is in {}", target.name, emr.region()));
            if !endpoint_is_here("AWS_ENDPOINT_URL_EMR") {
                far.push(System::Emr);
                links.emr = Some(emr.region().to_owned());
            }
            let requests = emr.requests();
            services = services.with(System::Emr, Arc::new(emr), requests);
        }
        Ok(Session {
            by_hand: None,
            hold: None,
            services,
            absent,
            workspace,
            links,
            clock,
            far,
            changing,
            workspace_pace,
            allow_teardown: false,
            _sandbox: None,
            project: self,
        })
    }

    /// The target's Databricks workspace and what to call it, where it has one.
    pub async fn workspace(&self, ui: &Ui) -> Result<Option<(Services, String, Option<Emulator>)>, Failure> {
        let target = &self.desired.target;
        if target.sandbox {
            let (services, running) = embedded::start(self, target).await?;
            return Ok(Some((services, "the embedded sandbox".to_owned(), Some(running))));
        }
        let (services, workspace) = self.databricks(target.databricks.is_none(), ui)?;
        Ok(workspace.map(|workspace| (services, workspace, None)))
    }

    /// The Airflow that a target names.
    pub async fn airflow(&self, named: &AirflowTarget, ui: &Ui) -> Result<Airflow, Failure> {
        let target = &self.desired.target.name;
        let failed = |e: airflow::AirflowConfigError| Failure::error(format!("target {target}: {e}"));
        let config = match &named.mwaa {
            Some(environment) => {
                let mwaa = self.mwaa(environment).await.map_err(|e| failed(e.into()))?;
                if let Some(changing) = mwaa.changing() {
                    ui.warn(&format!("{changing}: what is read of it may change, and applies are refused"));
                }
                airflow::AirflowConfig::of_mwaa(mwaa, named.api.as_deref(), self.pace)
            }
            None => self.airflow_config(named),
        };
        let config = config.map_err(failed)?;
        ui.detail(&format!("the Airflow of target {target} is {}, as {}", config.url, config.describe()));
        Airflow::new(config).map_err(failed)
    }

    async fn mwaa(&self, environment: &str) -> Result<Mwaa, airflow::mwaa::MwaaError> {
        let env: aws::Env = Arc::new(settings::env);
        let aws = Aws::new(env.clone(), &aws::Files::read(&env))?;
        Mwaa::open(aws, environment, self.pace).await
    }

    fn airflow_config(&self, named: &AirflowTarget) -> Result<airflow::AirflowConfig, airflow::AirflowConfigError> {
        let explicit = airflow::AirflowSettings { url: named.url.clone(), api: named.api.clone() };
        let config = airflow::AirflowConfig::resolve(&settings::env, &explicit)?;
        Ok(airflow::AirflowConfig { pace: self.pace, ..config })
    }

    fn databricks_config(&self) -> Result<DatabricksConfig, AuthError> {
        let named = self.desired.target.databricks.clone().unwrap_or_default();
        let explicit = DatabricksSettings { host: named.host, profile: named.profile };
        let profiles = profile_path(&settings::env).and_then(|path| std::fs::read_to_string(path).ok());
        let config = DatabricksConfig::resolve(&settings::env, profiles.as_deref(), explicit)?;
        Ok(DatabricksConfig { pace: self.pace.or(config.pace), ..config })
    }

    /// The target's Databricks workspace, and how messages call it. A target that names an Airflow and no workspace needs
    /// none, unless a manifest does.
    pub fn databricks(&self, optional: bool, ui: &Ui) -> Result<(Services, Option<String>), Failure> {
        let target = &self.desired.target;
        match self.databricks_config() {
            Ok(config) => {
                let workspace = format!("{}, signed in by {}", config.host.url, config.describe(None));
                ui.detail(&format!("target {} is {workspace}", target.name));
                Ok((services(config)?, Some(workspace)))
            }
            Err(AuthError::NoHost) if optional => {
                ui.detail(&format!("target {} has no Databricks workspace", target.name));
                Ok((Services::default(), None))
            }
            Err(e) => Err(Failure::error(format!("target {}: {e}", target.name))),
        }
    }
}

/// Where an environment of MWAA reads DAG files itself. A bucket of another region is taken for a mistake.
fn own_files(mwaa: &Mwaa, ui: &Ui) -> Result<DagFiles, dag_files::OpenError> {
    let (name, region) = (&mwaa.environment.name, mwaa.region());
    let Some(place) = &mwaa.environment.dags else { return Ok(DagFiles::none()) };
    ui.detail(&format!("its DAG files are in {place}, as the MWAA environment {name} says"));
    let why = format!("the MWAA environment {name} is in {region}: set `airflow.dags`, or fix its bucket");
    DagFiles::only_in(mwaa.identity(), place, region, why)
}

/// Whether DAG files are kept on another machine.
fn is_far(place: &str) -> bool {
    match Destination::read(place) {
        Ok(Destination::S3 { .. }) => !endpoint_is_here("AWS_ENDPOINT_URL_S3"),
        Ok(Destination::Gcs { .. }) => !crate::services::gcs::is_here(&settings::env),
        Ok(Destination::Folder(_)) | Err(_) => false,
    }
}

/// Whether a service of AWS is emulated on this machine.
fn endpoint_is_here(variable: &str) -> bool {
    let url = settings::env(variable).or_else(|| settings::env("AWS_ENDPOINT_URL"));
    let host = |url: String| Some(reqwest::Url::parse(&url).ok()?.host_str()?.to_owned());
    url.and_then(host).is_some_and(|host| is_loopback(&host))
}

fn services(config: DatabricksConfig) -> Result<Services, Failure> {
    let databricks = Databricks::new(config).map_err(|e| Failure::error(e.to_string()))?;
    Ok(Services::default().with_databricks(databricks))
}
