//! The engines of a run: each is started when the first output needs it.

use crate::cli::embedded::Emulator;
use crate::cli::session::Project;
use crate::engines::compare::CompareFault;
use crate::engines::{Duckdb, DuckdbOptions, Engine, EngineError, WarehouseEngine, find};
use crate::services::databricks::statements::{StatementError, StatementProgress, Statements, Uncancelled};
use crate::services::databricks::warehouse::Warehouse;
use crate::ui::{Failure, Ui};
use plumb_core::parity::engine::OutputEngine;
use plumb_model::call::{Service, System};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often is said that a statement is waited for.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// What DuckDB is started with.
#[derive(Clone, Copy, Debug)]
pub struct DuckdbLimits {
    /// In bytes.
    pub memory: Option<u64>,
    pub threads: Option<u16>,
}

/// The engines that were started. They are kept outside of what is interrupted, so that no statement is left behind.
pub struct Engines<'a> {
    project: &'a Project,
    ui: &'a Ui,
    limits: DuckdbLimits,
    duckdb: Option<Engine>,
    workspace: Option<Workspace>,
    /// By the name or id that the manifest has.
    warehouses: BTreeMap<String, Engine>,
    statements: Vec<Arc<Statements>>,
    waiting: Waiting,
}

/// The workspace of the warehouses.
struct Workspace {
    service: Arc<dyn Service>,
    /// Kept running.
    _emulator: Option<Emulator>,
}

impl<'a> Engines<'a> {
    /// None is started.
    pub fn new(project: &'a Project, ui: &'a Ui, limits: DuckdbLimits) -> Engines<'a> {
        Engines {
            project,
            ui,
            limits,
            duckdb: None,
            workspace: None,
            warehouses: BTreeMap::new(),
            statements: Vec::new(),
            waiting: Waiting::default(),
        }
    }

    /// An engine, started if it was not; DuckDB may read `inputs`.
    ///
    /// # Errors
    /// Why it cannot be started. `at` is the output that needs it.
    pub async fn get(
        &mut self,
        wanted: OutputEngine<'_>,
        inputs: impl FnOnce() -> Vec<PathBuf>,
        at: &str,
    ) -> Result<&mut Engine, Failure> {
        match wanted {
            OutputEngine::Duckdb => {
                if self.duckdb.is_none() {
                    self.duckdb = Some(self.start_duckdb(inputs()).await?);
                }
                self.duckdb.as_mut().ok_or_else(|| Failure::error("duckdb has ended"))
            }
            OutputEngine::Warehouse(name) => {
                if !self.warehouses.contains_key(name) {
                    let engine = self.start_warehouse(name, at).await?;
                    self.warehouses.insert(name.to_owned(), engine);
                }
                self.warehouses.get_mut(name).ok_or_else(|| Failure::error("the warehouse is gone"))
            }
        }
    }

    /// Forgets an engine that has ended: who needs it next gets another one.
    pub fn forget(&mut self, engine: OutputEngine<'_>) {
        match engine {
            OutputEngine::Duckdb => self.duckdb = None,
            OutputEngine::Warehouse(name) => drop(self.warehouses.remove(name)),
        }
    }

    /// Says now and then what is waited for.
    pub fn waiting(&self) -> Waiting {
        self.waiting.clone()
    }

    /// Waits until every statement that was interrupted is cancelled; returns those that may still run.
    pub async fn settled(&self) -> Vec<Uncancelled> {
        let mut left = Vec::new();
        for statements in &self.statements {
            left.extend(statements.settled().await);
        }
        left
    }

    async fn start_duckdb(&self, inputs: Vec<PathBuf>) -> Result<Engine, Failure> {
        let places = find::DuckdbPlaces::of_environment();
        let program = find::find(&places).map_err(|why| Failure::error(why).hint(find::HINT))?;
        let DuckdbLimits { memory, threads } = self.limits;
        let options = DuckdbOptions { inputs, memory, threads, delta: program.delta.clone() };
        self.ui.detail(&format!("duckdb is {}", program.path.display()));
        let started = Duckdb::start(&program.path, options).await;
        let duckdb = started.map_err(|error| failed("duckdb", CompareFault::Engine(error)))?;
        Ok(Engine::Duckdb(Box::new(duckdb)))
    }

    async fn start_warehouse(&mut self, name: &str, at: &str) -> Result<Engine, Failure> {
        let service = self.service().await?;
        let found = Warehouse::find(&*service, name).await.map_err(|error| unfound(at, &error))?;
        self.ui.detail(&format!("SQL warehouse `{}` is {}", found.name, found.id));
        let (waiting, called) = (self.waiting.clone(), found.name.clone());
        let statements = Statements::new(service, found);
        let statements = statements.on_progress(Box::new(move |progress| waiting.set(&called, progress)));
        let statements = Arc::new(statements);
        self.statements.push(statements.clone());
        let started = self.waiting.shown(self.ui, WarehouseEngine::start(statements)).await;
        Ok(Engine::Warehouse(started.map_err(|error| failed(at, CompareFault::Engine(error)))?))
    }

    /// The Databricks of the target.
    async fn service(&mut self) -> Result<Arc<dyn Service>, Failure> {
        if let Some(workspace) = &self.workspace {
            return Ok(workspace.service.clone());
        }
        let Some((services, name, emulator)) = self.project.workspace(self.ui).await? else {
            let target = &self.project.desired.target.name;
            let failure = Failure::error(format!("target {target} has no Databricks workspace to compare in"));
            return Err(failure.hint("say which: `databricks: {host: …}` of the target, or DATABRICKS_HOST"));
        };
        self.ui.detail(&format!("statements run in {name}"));
        let service = services.for_system(System::Databricks).map_err(|e| Failure::error(e.to_string()))?;
        self.workspace = Some(Workspace { service: service.clone(), _emulator: emulator });
        Ok(service)
    }
}

/// A warehouse that cannot be found, or may not be looked for.
fn unfound(at: &str, error: &StatementError) -> Failure {
    let failure = Failure::error(format!("{at}: {error}"));
    let failure = error.help().into_iter().fold(failure, Failure::hint);
    failure.hint("no evidence was written")
}

/// What is waited for.
#[derive(Clone, Default)]
pub struct Waiting(Arc<Mutex<Option<String>>>);

impl Waiting {
    fn set(&self, warehouse: &str, progress: StatementProgress<'_>) {
        let seconds = progress.elapsed.as_secs();
        let text = if progress.is_pending {
            format!("waiting for SQL warehouse `{warehouse}`, which starts or is busy: {seconds} s")
        } else {
            format!("a statement runs on SQL warehouse `{warehouse}`: {seconds} s")
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
    }

    /// Does some work, and says now and then what it waits for.
    pub async fn shown<T>(&self, ui: &Ui, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = tokio::time::sleep(TOLD_EVERY) => {
                    if let Some(text) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
                        ui.status(&text);
                    }
                }
            }
        }
    }
}

/// A fault as the command ends with it.
pub fn failed(at: &str, fault: CompareFault) -> Failure {
    let failure = match fault {
        CompareFault::Manifest(mut sentences) => {
            let first = if sentences.is_empty() { String::new() } else { sentences.remove(0) };
            sentences.into_iter().fold(Failure::error(format!("{at}: {first}")), Failure::hint)
        }
        CompareFault::Engine(EngineError { step, fault }) => {
            Failure::error(format!("{at}: {fault} (at step `{step}`)"))
        }
        CompareFault::Answer(why) => {
            Failure::error(format!("{at}: {why}")).hint("no verdict can be trusted then: please report it")
        }
    };
    failure.hint("no evidence was written")
}
