//! Reading what says why a run failed: answers of services first, then logs, in rings from small to large.
//!
//! It walks down by itself: an Airflow task to the run or the step that it started, a run to its tasks and their cluster, a
//! step to its application, containers and nodes. All layers go into one [`RunFacts`]; what to read next is decided by
//! [`next::wanted`], why it failed by [`diagnose`]. What is refused, expired or not there is noted and never fatal, unless it is
//! the run itself that was asked for.

mod airflow;
mod book;
mod choose;
mod databricks;
mod emr;
mod folder;
mod green;
mod history;
mod logs;
mod started;
mod store;

pub use airflow::is_host;
pub use choose::{ChoiceFault, RunChoice, RunSelection, choose, choose_dag, not_green};
pub use green::green_runs;
pub use history::{PastRun, RunHistory, history};
pub use started::{databricks_address, decoded, is_emr_id, is_serverless_id};
pub use store::{DbfsLogs, LogBytes, LogListing, LogStore, S3Logs, StoredLog, Storing, VolumeLogs};

use crate::services::s3::S3Client;
use crate::services::{Aws, Requests, Services};
use airflow::AirflowReading;
use book::FailureBook;
use databricks::DatabricksReading;
use emr::{EmrReading, ServerlessReading};
use folder::PrefixReading;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use plumb_core::diagnose::next::{self, Ring, Wanted};
use plumb_core::diagnose::result::RunOutcome;
use plumb_core::diagnose::{Catalogue, Diagnosis, RunFacts, diagnose};
use plumb_model::call::{ServiceError, System};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// What may be read of one run.
#[derive(Clone, Debug)]
pub struct FailureOptions {
    /// Read all that there is, whether or not the cause is clear.
    pub all: bool,
    /// How many bytes of logs are read at most, as they are kept.
    pub most: u64,
    /// The zone of times that name none.
    pub zone: TimeZone,
    pub now: Timestamp,
    /// What is asked about has failed, also where Airflow does not say so yet: it notes the end of a task after its callbacks.
    pub failed: bool,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailedRun {
    /// A run or a task run of Databricks; of a run, only the task of that key.
    Databricks { run_id: u64, task: Option<String> },
    /// A run of a DAG, or one of its tasks, or one try.
    Airflow { dag: String, run: String, task: Option<String>, try_number: Option<u32> },
    /// A cluster of EMR, or one of its steps.
    Emr { cluster: String, step: Option<String> },
    /// A job run of EMR Serverless.
    Serverless { application: String, job_run: String },
    /// Logs alone, below a prefix of S3.
    Prefix { bucket: String, prefix: String },
}

/// Opens the place that a destination of logs names, or says why it cannot.
pub type StoreOpener = dyn Fn(&str) -> Result<Arc<dyn LogStore>, String> + Send + Sync;

/// What a diagnosis may ask.
#[derive(Clone)]
pub struct FailureServices {
    pub services: Services,
    /// Why a system cannot be asked.
    pub absent: BTreeMap<System, String>,
    /// The address of the workspace, where there is one: runs of another are not asked for.
    pub workspace: Option<String>,
    stores: Arc<StoreOpener>,
}

impl FailureServices {
    /// The services of a target. `aws` signs the reads of S3.
    pub fn new(services: Services, aws: Option<Aws>) -> FailureServices {
        let stores = opener(services.clone(), aws);
        let workspace = services.workspace().map(|workspace| workspace.host().to_owned());
        FailureServices { services, absent: BTreeMap::new(), workspace, stores }
    }

    /// The same, with other places for logs.
    pub fn with_stores(mut self, stores: Arc<StoreOpener>) -> FailureServices {
        self.stores = stores;
        self
    }

    /// Whether a system can be asked, and why it cannot.
    fn ready(&self, system: System) -> Result<(), String> {
        if self.services.has(system) {
            return Ok(());
        }
        let why = self.absent.get(&system).cloned();
        Err(why.unwrap_or_else(|| format!("the target has no {}", system.name())))
    }

    fn store(&self, destination: &str) -> Result<Arc<dyn LogStore>, String> {
        (self.stores)(destination)
    }
}

/// The bucket and the key of an address of S3. Clusters write it in several ways.
pub(super) fn bucket_of(address: &str) -> Option<(&str, &str)> {
    let rest = ["s3://", "s3a://", "s3n://"].iter().find_map(|scheme| address.strip_prefix(scheme))?;
    let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
    (!bucket.is_empty()).then_some((bucket, key))
}

/// The path of a destination below its store: the key of S3, the path of a volume or of DBFS.
pub(super) fn key_of(destination: &str) -> &str {
    match bucket_of(destination) {
        Some((_, key)) => key,
        None => destination.strip_prefix("dbfs:").unwrap_or(destination),
    }
}

fn opener(services: Services, aws: Option<Aws>) -> Arc<StoreOpener> {
    Arc::new(move |destination| {
        if let Some((bucket, _)) = bucket_of(destination) {
            let aws = aws.clone().ok_or("there are no credentials of AWS")?;
            let client = S3Client::new(aws, bucket.to_owned(), String::new(), "the address", Requests::default());
            let client = client.map_err(|e| e.to_string())?;
            return Ok(Arc::new(S3Logs::new(client, bucket.to_owned())) as Arc<dyn LogStore>);
        }
        let service = services.for_system(System::Databricks).map_err(|e| e.to_string())?;
        if key_of(destination).starts_with("/Volumes/") {
            return Ok(Arc::new(VolumeLogs { service, workspace: services.workspace() }));
        }
        if destination.starts_with("dbfs:") {
            return Ok(Arc::new(DbfsLogs { service }));
        }
        Err(format!("`{destination}` is neither S3 nor a volume nor DBFS"))
    })
}

/// One layer of what ran, with what is known of it.
enum LayerReading {
    Airflow(AirflowReading),
    Databricks(DatabricksReading),
    Emr(EmrReading),
    Serverless(ServerlessReading),
    Prefix(PrefixReading),
}

impl LayerReading {
    fn of(run: FailedRun) -> LayerReading {
        match run {
            FailedRun::Airflow { dag, run, task, try_number } => {
                LayerReading::Airflow(AirflowReading::new(dag, run, task, try_number))
            }
            FailedRun::Databricks { run_id, task } => LayerReading::Databricks(DatabricksReading::new(run_id, task)),
            FailedRun::Emr { cluster, step } => LayerReading::Emr(EmrReading::new(cluster, step)),
            FailedRun::Serverless { application, job_run } => {
                LayerReading::Serverless(ServerlessReading::new(application, job_run))
            }
            FailedRun::Prefix { bucket, prefix } => LayerReading::Prefix(PrefixReading::new(bucket, prefix)),
        }
    }

    /// Reads a ring, and answers what ran below.
    async fn read(
        &mut self,
        book: &mut FailureBook,
        ring: Ring,
        wanted: &Wanted,
    ) -> Result<Vec<FailedRun>, ServiceError> {
        match self {
            LayerReading::Airflow(layer) => layer.read(book, ring).await,
            LayerReading::Databricks(layer) => layer.read(book, ring, wanted).await,
            LayerReading::Emr(layer) => layer.read(book, ring, wanted).await.map(|()| Vec::new()),
            LayerReading::Serverless(layer) => layer.read(book, ring, wanted).await.map(|()| Vec::new()),
            LayerReading::Prefix(layer) => layer.read(book, ring, wanted).await.map(|()| Vec::new()),
        }
    }
}

/// How many runs below one another are followed.
const MOST_LAYERS: usize = 8;
/// The rings, from small to large.
const RINGS: [Ring; 5] = [Ring::Answers, Ring::Driver, Ring::Executors, Ring::Nodes, Ring::Everything];

/// Reads what says why a run failed, no further than needed.
///
/// # Errors
/// The run itself cannot be read. What cannot be read of the layers below is noted in the facts.
pub async fn read_run(
    catalogue: Arc<Catalogue>,
    services: FailureServices,
    options: FailureOptions,
    run: FailedRun,
) -> Result<RunFacts, ServiceError> {
    let mut book = FailureBook::new(catalogue, services, options);
    let mut layers: Vec<LayerReading> = Vec::new();
    let mut asked: Vec<FailedRun> = vec![run.clone()];
    let (mut waiting, mut ring, mut wanted) = (VecDeque::from([run]), Ring::Answers, Wanted::default());
    loop {
        let first = layers.is_empty();
        let mut below = Vec::new();
        for layer in &mut layers {
            match layer.read(&mut book, ring, &wanted).await {
                Ok(found) => below.extend(found),
                Err(fault) => book.refused("logs", &fault, None),
            }
        }
        waiting.extend(below.into_iter().filter(|run| !asked.contains(run)));
        // What ran below is read from its answers on, up to the ring that the layers above are at.
        while let Some(run) = waiting.pop_front() {
            if layers.len() >= MOST_LAYERS {
                book.missing("what ran below", &format!("more than {MOST_LAYERS} runs began one another"), None);
                break;
            }
            let what = name_of(&run);
            let mut layer = LayerReading::of(run);
            let mut further = Vec::new();
            for ring in RINGS.into_iter().take_while(|each| *each <= ring) {
                match layer.read(&mut book, ring, &wanted).await {
                    Ok(found) => further.extend(found),
                    Err(fault) if first && layers.is_empty() => return Err(fault),
                    Err(fault) => {
                        book.refused(&what, &fault, None);
                        break;
                    }
                }
            }
            layers.push(layer);
            for run in further {
                if !asked.contains(&run) {
                    asked.push(run.clone());
                    waiting.push_back(run);
                }
            }
        }
        let facts = book.all();
        let so_far = diagnose(&book.catalogue, &facts);
        match next_ring(&book, &facts, &so_far, ring) {
            Some(next) => {
                ring = next.ring.unwrap_or(Ring::Everything);
                wanted = next;
            }
            None => break,
        }
    }
    Ok(book.all())
}

/// What to read after a ring. It is always a larger one, so that reading ends.
fn next_ring(book: &FailureBook, facts: &RunFacts, so_far: &Diagnosis, ring: Ring) -> Option<Wanted> {
    if book.options.all {
        let next = RINGS.into_iter().find(|next| *next > ring)?;
        return Some(Wanted { ring: Some(next), ..named(facts) });
    }
    if matches!(so_far.outcome, RunOutcome::Succeeded | RunOutcome::Running) {
        return None;
    }
    let next = next::wanted(&book.catalogue, facts, so_far, ring)?;
    next.ring.filter(|next| *next > ring && *next < Ring::Everything)?;
    Some(next)
}

/// Everything that clues name: what `--all` reads.
fn named(facts: &RunFacts) -> Wanted {
    let mut wanted = Wanted::default();
    let each = |of: fn(&plumb_core::diagnose::clue::ClueSubject) -> Option<&String>| {
        let mut names: Vec<String> = facts.clues.iter().filter_map(|clue| of(&clue.subject)).cloned().collect();
        names.sort();
        names.dedup();
        names
    };
    wanted.applications = each(|s| s.application.as_ref());
    wanted.containers = each(|s| s.container.as_ref());
    wanted.executors = each(|s| s.executor.as_ref());
    wanted.hosts = each(|s| s.host.as_ref());
    wanted
}

/// What messages call a run.
pub fn name_of(run: &FailedRun) -> String {
    match run {
        FailedRun::Databricks { run_id, task: None } => format!("run {run_id}"),
        FailedRun::Databricks { run_id, task: Some(task) } => format!("task {task} of run {run_id}"),
        FailedRun::Airflow { dag, run, task, .. } => {
            let task = task.as_ref().map(|task| format!("/{task}")).unwrap_or_default();
            format!("{dag}/{run}{task}")
        }
        FailedRun::Emr { cluster, step: None } => cluster.clone(),
        FailedRun::Emr { cluster, step: Some(step) } => format!("{cluster}/{step}"),
        FailedRun::Serverless { application, job_run } => format!("{application}/{job_run}"),
        FailedRun::Prefix { bucket, prefix } => format!("s3://{bucket}/{prefix}"),
    }
}

#[cfg(test)]
mod tests;
