//! The runs of migrations, with what they used: to be kept before the services forget them.
//!
//! Clusters, jobs and DAGs are listed once for all migrations; what a listing does not say is asked for of each run, and not
//! again of runs whose kept facts are settled. What one service refuses is said, and what the others answer is kept.

mod airflow;
mod databricks;
mod emr;
mod serverless;

use super::{WIDTH, joined};
use crate::services::Services;
use jiff::Timestamp;
use plumb_core::cost::billing::is_unmeasured;
use plumb_core::cost::facts::{KeptRun, KeptRuns, RunSide, RunSystem};
use plumb_core::cost::place::{DagRunFacts, PeriodRules, SaidPeriod, belongs_to};
use plumb_core::kinds::airflow::dag::AirflowDag;
use plumb_core::kinds::databricks::job::DatabricksJob;
use plumb_core::kinds::emr::application::EmrServerlessApplication;
use plumb_core::kinds::emr::cluster::EmrCluster;
use plumb_core::kinds::emr::migration::{Migration, MigrationSpec};
use plumb_core::kinds::teardown_spec::Selector;
use plumb_core::manifest::{Desired, Resource};
use plumb_model::address::Address;
use plumb_model::call::{ServiceError, System};
use std::collections::{BTreeMap, BTreeSet};
use tokio::task::JoinSet;

/// A migration whose runs are looked for.
#[derive(Clone, Debug)]
pub struct MigrationRuns<'d> {
    pub name: &'d str,
    pub rules: PeriodRules,
    /// Selectors of old clusters, each with its manifest.
    clusters: Vec<(&'d Address, Selector)>,
    applications: Vec<(&'d Address, Selector)>,
    jobs: Vec<&'d Address>,
    /// The ids of the DAGs of each side.
    old_dags: Vec<String>,
    new_dags: Vec<String>,
}

impl<'d> MigrationRuns<'d> {
    /// What a migration of a project names.
    ///
    /// # Errors
    /// Its spec cannot be read, or its zone is none.
    pub fn of(desired: &'d Desired, resource: &'d Resource) -> Result<MigrationRuns<'d>, String> {
        let spec: MigrationSpec = serde_json::from_value(resource.spec.to_value()).map_err(|e| e.to_string())?;
        let rules = PeriodRules::of(&spec)?;
        let named = |names: &[String]| -> Vec<&'d Resource> {
            let is_named = |r: &&Resource| names.iter().any(|name| *name == r.address.to_string());
            desired.resources.iter().filter(is_named).collect()
        };
        let selected = |kind: &str| -> Vec<(&'d Address, Selector)> {
            let old = named(&spec.from.emr);
            let of_kind = old.into_iter().filter(|r| r.address.kind == kind);
            let selector = |r: &'d Resource| serde_json::from_value(r.spec["match"].clone()).ok();
            of_kind.filter_map(|r| Some((&r.address, selector(r)?))).collect()
        };
        let dags = |names: &Option<Vec<String>>| -> Vec<String> {
            let of_kind = named(names.as_deref().unwrap_or_default());
            let of_kind = of_kind.into_iter().filter(|r| r.address.kind == AirflowDag::NAME);
            of_kind.map(|r| r.spec[r.kind.title()].as_str().unwrap_or(&r.address.name).to_owned()).collect()
        };
        let jobs = named(&spec.to.jobs).into_iter().filter(|r| r.address.kind == DatabricksJob::NAME);
        Ok(MigrationRuns {
            name: &resource.address.name,
            rules,
            clusters: selected(EmrCluster::NAME),
            applications: selected(EmrServerlessApplication::NAME),
            jobs: jobs.map(|r| &r.address).collect(),
            old_dags: dags(&spec.from.dags),
            new_dags: dags(&spec.to.dags),
        })
    }
}

/// The migrations of a project whose runs can be looked for.
///
/// # Errors
/// Why one cannot.
pub fn migrations<'d>(desired: &'d Desired, only: &[String]) -> Result<Vec<MigrationRuns<'d>>, String> {
    let all = desired.resources.iter().filter(|r| r.address.kind == Migration::NAME);
    let wanted = all.filter(|r| only.is_empty() || only.contains(&r.address.name));
    wanted.map(|r| MigrationRuns::of(desired, r).map_err(|why| format!("{}: {why}", r.address))).collect()
}

/// What is known already.
#[derive(Clone, Debug, Default)]
pub struct AlreadyKnown {
    /// Runs that are kept, by migration, system and id: whether they are settled, and when they ended.
    kept: BTreeMap<(String, RunSystem, String), (bool, Option<Timestamp>)>,
    /// The period that a replay was for, by migration and run.
    replays: BTreeMap<(String, String), String>,
}

impl AlreadyKnown {
    /// Of kept facts, and of replays: each the migration, the period and the run's id. `measures`: DBUs can be read as they were
    /// measured, so that a run without them is worth another look, be it that the warehouse was named later.
    pub fn new<'k>(
        kept: impl IntoIterator<Item = &'k KeptRuns>,
        replays: Vec<(String, String, String)>,
        measures: bool,
    ) -> AlreadyKnown {
        let mut known = AlreadyKnown::default();
        for file in kept {
            for run in &file.runs {
                let key = (file.migration.clone(), run.system, run.id.clone());
                let entry = known.kept.entry(key).or_insert((true, run.ended));
                entry.0 &= run.is_settled() && !(measures && is_unmeasured(run));
                entry.1 = entry.1.max(run.ended);
            }
        }
        known.replays = replays.into_iter().map(|(migration, period, run)| ((migration, run), period)).collect();
        known
    }

    /// Whether there is nothing to ask of a run that its listing says ended then.
    fn is_settled(&self, migration: &str, system: RunSystem, id: &str, ended: Option<Timestamp>) -> bool {
        let kept = self.kept.get(&(migration.to_owned(), system, id.to_owned()));
        // A run that was repaired has another end.
        kept.is_some_and(|(is_settled, kept)| *is_settled && (ended.is_none() || ended <= *kept))
    }

    fn replay(&self, migration: &str, run: &str) -> Option<&String> {
        self.replays.get(&(migration.to_owned(), run.to_owned()))
    }
}

/// A run, and where it belongs.
#[derive(Clone, Debug, PartialEq)]
pub struct PlacedRun {
    pub migration: String,
    pub period: String,
    pub run: KeptRun,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct RunsFound {
    pub runs: Vec<PlacedRun>,
    /// Runs whose period is not known: the migration, the run, and why.
    pub unplaced: Vec<(String, String, String)>,
    /// What could not be asked for, and why.
    pub unread: Vec<(String, String)>,
    /// How many runs were not asked for again, because all of them is kept.
    pub settled: usize,
    /// The runs of the DAGs of each side of a migration: runs that are kept may belong to them.
    pub dag_runs: BTreeMap<(String, RunSide), Vec<DagRunFacts>>,
}

impl RunsFound {
    fn add(&mut self, other: RunsFound) {
        self.runs.extend(other.runs);
        self.unplaced.extend(other.unplaced);
        self.unread.extend(other.unread);
        self.settled += other.settled;
    }

    /// Puts a run where its period says, with what its DAG's run says of it.
    fn place(
        &mut self,
        migration: &str,
        mut run: KeptRun,
        said: SaidPeriod,
        dag_run: Option<&DagRunFacts>,
        what: &str,
    ) {
        if let Some(dag_run) = dag_run {
            belongs_to(&mut run, dag_run);
        }
        match said.period {
            Some(period) => {
                run.unknown.extend(said.note);
                self.runs.push(PlacedRun { migration: migration.to_owned(), period, run });
            }
            None => {
                let why = said.note.unwrap_or_else(|| "nothing says it".to_owned());
                self.unplaced.push((migration.to_owned(), what.to_owned(), why));
            }
        }
    }
}

/// What may be asked.
pub struct CostReading<'a> {
    pub services: &'a Services,
    /// Why a system cannot be asked.
    pub absent: &'a BTreeMap<System, String>,
    pub desired: &'a Desired,
    pub known: &'a AlreadyKnown,
    pub since: Timestamp,
    pub now: Timestamp,
}

impl CostReading<'_> {
    /// Reads the runs of migrations that went on since then.
    ///
    /// # Errors
    /// Reading was cut short. What a service refuses is in the answer.
    pub async fn read(&self, migrations: &[MigrationRuns<'_>]) -> Result<RunsFound, ServiceError> {
        let mut found = RunsFound::default();
        let dags = self.dag_runs(migrations, &mut found).await?;
        let (clusters, applications, jobs) = tokio::join!(
            self.clusters(migrations, &dags),
            self.applications(migrations, &dags),
            self.jobs(migrations, &dags)
        );
        found.add(clusters?);
        found.add(applications?);
        found.add(jobs?);
        for migration in migrations {
            for (side, ids) in [(RunSide::Old, &migration.old_dags), (RunSide::New, &migration.new_dags)] {
                found.dag_runs.insert((migration.name.to_owned(), side), of_dags(&dags, ids));
            }
        }
        found.runs.sort_by(|a, b| (&a.migration, &a.period).cmp(&(&b.migration, &b.period)));
        found.unplaced.sort();
        found.unread.sort();
        found.unread.dedup();
        Ok(found)
    }

    /// Why a system cannot be asked.
    fn absent(&self, system: System) -> Option<String> {
        if self.services.has(system) {
            return None;
        }
        let why = self.absent.get(&system).cloned();
        Some(why.unwrap_or_else(|| format!("the target has no {}", system.name())))
    }
}

/// Runs of DAGs by the ids of the DAGs; none of one that could not be read.
type DagRuns = BTreeMap<String, Vec<DagRunFacts>>;

/// The runs of some DAGs together.
fn of_dags(all: &DagRuns, dags: &[String]) -> Vec<DagRunFacts> {
    dags.iter().filter_map(|dag| all.get(dag)).flatten().cloned().collect()
}

/// Does some work, at most [`WIDTH`] at a time, and answers in order.
async fn side_by_side<T: Send + 'static, F>(work: Vec<F>) -> Result<Vec<T>, ServiceError>
where
    F: Future<Output = T> + Send + 'static,
{
    let (mut left, mut running) = (work.into_iter().enumerate(), JoinSet::new());
    let mut done = BTreeMap::new();
    loop {
        while running.len() < WIDTH
            && let Some((number, one)) = left.next()
        {
            running.spawn(async move { (number, one.await) });
        }
        let Some(ended) = running.join_next().await else { break };
        let (number, answer) = joined(ended)?;
        done.insert(number, answer);
    }
    Ok(done.into_values().collect())
}

/// The migrations that something belongs to, by what they select.
fn claims<'m, 'd>(
    migrations: &'m [MigrationRuns<'d>],
    selects: impl Fn(&MigrationRuns<'d>) -> bool,
) -> Vec<&'m MigrationRuns<'d>> {
    migrations.iter().filter(|migration| selects(migration)).collect()
}

/// A run's side is told by where it was found.
fn of_side(run: KeptRun, side: RunSide) -> KeptRun {
    KeptRun { side, ..run }
}

/// Names, each once.
fn distinct<'n>(names: impl Iterator<Item = &'n String>) -> BTreeSet<&'n String> {
    names.collect()
}
