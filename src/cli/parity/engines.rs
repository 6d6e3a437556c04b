//! The engines of a run: each is started when the first output needs it.

use super::jobs::Job;
use crate::cli::embedded::Emulator;
use crate::cli::session::Project;
use crate::engines::compare::CompareFault;
use crate::engines::files::SideError;
use crate::engines::pin::Pins;
use crate::engines::tables::PinnedSource;
use crate::engines::{Duckdb, DuckdbOptions, Engine, EngineError, WarehouseEngine, find};
use crate::services::databricks::statements::{StatementError, StatementProgress, Statements, Uncancelled};
use crate::services::databricks::warehouse::Warehouse;
use crate::ui::{Failure, Ui};
use clap::{Args, ValueEnum};
use plumb_core::kinds::emr::compare::{CompareOutput, CompareSide, EngineChoice};
use plumb_core::parity::engine::{OutputEngine, engine_of};
use plumb_core::render::parity::thousands;
use plumb_model::call::{Service, System};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often is said that a statement is waited for.
const TOLD_EVERY: Duration = Duration::from_secs(5);

/// What compares, and what it may use.
#[derive(Args)]
pub struct EngineArgs {
    /// What compares [default: as the manifest says]
    #[arg(long, value_enum, value_name = "ENGINE")]
    engine: Option<EngineArg>,
    /// Memory that DuckDB may use before it spills to disk: `1GB` [default: 60 % of the machine's]
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    memory: Option<u64>,
    /// Cores that DuckDB uses [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Disk that downloads from S3 may use
    #[arg(long, value_name = "SIZE", value_parser = bytes, default_value = "20GB")]
    pub cache: u64,
}

impl EngineArgs {
    /// What DuckDB is started with.
    pub fn limits(&self) -> DuckdbLimits {
        DuckdbLimits { memory: self.memory, threads: self.threads }
    }

    /// What compares an output.
    ///
    /// # Errors
    /// Why it cannot be compared.
    pub fn engine_of<'j>(&self, job: &'j Job, output: &CompareOutput) -> Result<OutputEngine<'j>, Failure> {
        let choice = match self.engine {
            None => job.compare.engine,
            Some(EngineArg::Auto) => EngineChoice::Auto,
            Some(EngineArg::Duckdb) => EngineChoice::Duckdb,
            Some(EngineArg::Databricks) => EngineChoice::Databricks,
        };
        engine_of(choice, job.compare.warehouse.as_deref(), output)
            .map_err(|(what, help)| Failure::error(format!("{}: {what}", job.at(output))).hint(help))
    }
}

/// What compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum EngineArg {
    Auto,
    Duckdb,
    Databricks,
}

/// A size like `1GB` or `512MB`, in bytes.
fn bytes(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: u64 = match text[digits.len()..].to_ascii_uppercase().as_str() {
        "" | "B" => 1,
        "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        _ => return Err("expected a size like `1GB` or `512MB`".into()),
    };
    let number = digits.trim().parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    number.filter(|bytes| *bytes > 0).ok_or_else(|| "expected a size like `1GB` or `512MB`".to_owned())
}

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

    /// An engine, started if it was not; DuckDB may read `inputs`, and Delta folders where there are any.
    ///
    /// # Errors
    /// Why it cannot be started. `at` is the output that needs it.
    pub async fn get(
        &mut self,
        wanted: OutputEngine<'_>,
        inputs: impl FnOnce() -> (Vec<PathBuf>, bool),
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

    /// Pins a side for an engine. The inner error says why there is no verdict about it.
    ///
    /// # Errors
    /// Why the engine cannot be started.
    pub async fn pin(
        &mut self,
        pins: &mut Pins,
        wanted: OutputEngine<'_>,
        side: &CompareSide,
        at: &str,
    ) -> Result<Result<PinnedSource, SideError>, Failure> {
        if wanted == OutputEngine::Duckdb {
            return Ok(pins.pin(side).await.map(|pinned| PinnedSource::Files(Box::new(pinned))));
        }
        let (waiting, ui) = (self.waiting(), self.ui);
        let engine = self.get(wanted, || (Vec::new(), false), at).await?;
        Ok(waiting.shown(ui, PinnedSource::of_warehouse(engine, side)).await)
    }

    /// Does some work; `None` when it was interrupted. No statement is left behind.
    pub async fn until_interrupted<T>(mut self, work: impl AsyncFnOnce(&mut Self) -> T) -> Option<T> {
        let done = {
            // Dropped at the end of this block: what it waits for is cancelled then.
            let mut work = std::pin::pin!(work(&mut self));
            tokio::select! {
                biased;
                Ok(()) = tokio::signal::ctrl_c() => None,
                done = &mut work => Some(done),
            }
        };
        let left = tokio::select! {
            left = self.settled() => left,
            Ok(()) = tokio::signal::ctrl_c() => Vec::new(),
        };
        for (id, why) in left {
            self.ui
                .warn(&format!("statement {id} may still run on its warehouse, as it could not be cancelled: {why}"));
        }
        done
    }

    /// Says now and then what is waited for.
    pub fn waiting(&self) -> Waiting {
        self.waiting.clone()
    }

    /// Waits until every statement that was interrupted is cancelled; returns those that may still run.
    async fn settled(&self) -> Vec<Uncancelled> {
        let mut left = Vec::new();
        for statements in &self.statements {
            left.extend(statements.settled().await);
        }
        left
    }

    async fn start_duckdb(&self, (inputs, has_delta): (Vec<PathBuf>, bool)) -> Result<Engine, Failure> {
        let places = find::DuckdbPlaces::of_environment();
        let program = find::find(&places).map_err(|why| Failure::error(why).hint(find::HINT))?;
        let DuckdbLimits { memory, threads } = self.limits;
        // It has 80 MB, whose signature is verified at each start.
        let delta = program.delta.clone().filter(|_| has_delta);
        let options = DuckdbOptions { inputs, memory, threads, delta };
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
pub struct Waiting {
    /// What a warehouse says, until it is shown.
    warehouse: Arc<Mutex<Option<String>>>,
    /// The step that runs, and since when.
    step: Arc<Mutex<Option<(String, Instant)>>>,
}

impl Waiting {
    fn set(&self, warehouse: &str, progress: StatementProgress<'_>) {
        let seconds = progress.elapsed.as_secs();
        let text = if progress.is_pending {
            format!("waiting for SQL warehouse `{warehouse}`, which starts or is busy: {seconds} s")
        } else {
            format!("a statement runs on SQL warehouse `{warehouse}`: {seconds} s")
        };
        *self.warehouse.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
    }

    /// A step of a comparison begins: of an output, over so many rows.
    pub fn begins(&self, output: &str, step: &str, rows: Option<u64>) {
        let rows = rows.map(|rows| format!(" of {} rows", thousands(rows))).unwrap_or_default();
        let step = Some((format!("{output}: {step}{rows}"), Instant::now()));
        *self.step.lock().unwrap_or_else(PoisonError::into_inner) = step;
    }

    /// The step that runs: `segments: join of 20,000,000 rows`.
    pub fn what(&self) -> String {
        let step = self.step.lock().unwrap_or_else(PoisonError::into_inner);
        step.as_ref().map(|(text, _)| text.clone()).unwrap_or_default()
    }

    /// What is waited for now.
    fn text(&self) -> Option<String> {
        let warehouse = self.warehouse.lock().unwrap_or_else(PoisonError::into_inner).take();
        let step = self.step.lock().unwrap_or_else(PoisonError::into_inner);
        let step = step.as_ref().map(|(text, since)| format!("{text}, {} s so far", since.elapsed().as_secs()));
        warehouse.or(step)
    }

    /// Does some work, and says now and then what it waits for.
    pub async fn shown<T>(&self, ui: &Ui, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = tokio::time::sleep(TOLD_EVERY) => {
                    if let Some(text) = self.text() {
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
