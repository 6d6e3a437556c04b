//! The runs of the jobs of new pipelines, and what is left of their clusters.
//!
//! Facts: `GET /api/2.2/jobs/runs/list` takes `start_time_from` in milliseconds, 24 rows a page with `expand_tasks`, and a hundred
//! tasks of a run at most, `has_more` on the run says that it has more; `runs/get` pages them. Events of a cluster come by
//! `POST /api/2.1/clusters/events`, 500 a page.

use super::{CostReading, DagRuns, MigrationRuns, RunsFound, of_dags, side_by_side};
use crate::observe::{self, Scopes, UnwatchedRead, refusal};
use crate::services::{self, Services};
use jiff::Timestamp;
use plumb_core::cost::databricks::{ClusterTrail, RunAnswers, clusters, facts, outcome, parameters, pools};
use plumb_core::cost::facts::{RunResult, RunSystem, RunTrigger};
use plumb_core::cost::place::{SaidPeriod, dag_run_at, of_new};
use plumb_core::kinds;
use plumb_core::kinds::databricks::job::DatabricksJob;
use plumb_model::address::Address;
use plumb_model::call::{Call, Method, ServiceError, System};
use plumb_model::read::Read;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How long before and after a run its cluster's events may be about it, in milliseconds.
const AROUND: i64 = 30 * 60 * 1000;
/// How many pages of events are read of a cluster.
const MOST_EVENT_PAGES: usize = 20;
/// What events say how many nodes there were.
const EVENTS: [&str; 9] = [
    "CREATING",
    "STARTING",
    "RESTARTING",
    "RUNNING",
    "RESIZING",
    "UPSIZE_COMPLETED",
    "NODES_LOST",
    "AUTOSCALING_STATS_REPORT",
    "TERMINATING",
];

impl CostReading<'_> {
    /// The runs of the jobs that migrations name.
    pub(super) async fn jobs(
        &self,
        migrations: &[MigrationRuns<'_>],
        dags: &DagRuns,
    ) -> Result<RunsFound, ServiceError> {
        let mut found = RunsFound::default();
        if migrations.iter().all(|migration| migration.jobs.is_empty()) {
            return Ok(found);
        }
        let ids = match self.job_ids().await {
            Ok(ids) => ids,
            Err(why) => {
                found.unread.push(("jobs of Databricks".to_owned(), why));
                return Ok(found);
            }
        };
        let mut listings = Vec::new();
        let mut of: BTreeMap<String, Vec<&MigrationRuns<'_>>> = BTreeMap::new();
        for migration in migrations {
            for id in migration.jobs.iter().filter_map(|job| ids.get(*job)).flatten() {
                of.entry(id.clone()).or_default().push(migration);
            }
        }
        for id in of.keys().cloned() {
            let (services, since) = (self.services.clone(), self.since);
            listings.push(async move {
                let rows = listed(&services, &id, since).await;
                (id, rows)
            });
        }
        let mut work = Vec::new();
        for (id, rows) in side_by_side(listings).await? {
            let rows = match rows {
                Ok(rows) => rows,
                Err(why) => {
                    found.unread.push((format!("runs of job {id}"), why));
                    continue;
                }
            };
            for row in rows {
                let Some(run) = row["run_id"].as_u64().map(|run| run.to_string()) else { continue };
                let ended = row["end_time"].as_i64().filter(|at| *at > 0);
                let ended = ended.and_then(|at| Timestamp::from_millisecond(at).ok());
                let all = of.get(&id).map(Vec::as_slice).unwrap_or_default();
                let is_open =
                    |m: &&MigrationRuns<'_>| !self.known.is_settled(m.name, RunSystem::Databricks, &run, ended);
                if !all.iter().any(is_open) {
                    found.settled += 1;
                    continue;
                }
                let (services, id) = (self.services.clone(), id.clone());
                work.push(async move { (id, answers(&services, row).await) });
            }
        }
        for (id, answers) in side_by_side(work).await? {
            for migration in of.get(&id).into_iter().flatten() {
                self.job_run(migration, &answers, dags, &mut found);
            }
        }
        Ok(found)
    }

    fn job_run(&self, migration: &MigrationRuns<'_>, answers: &RunAnswers, dags: &DagRuns, found: &mut RunsFound) {
        let mut run = facts(answers, self.now);
        let runs = of_dags(dags, &migration.new_dags);
        let mut dag_run = run.started.and_then(|at| dag_run_at(&runs, at));
        let place = match self.known.replay(migration.name, &run.id) {
            Some(period) => {
                (run.trigger, dag_run) = (RunTrigger::Replay, None);
                SaidPeriod { period: Some(period.clone()), note: None }
            }
            None => of_new(&migration.rules, &parameters(&answers.run), dag_run),
        };
        // What no schedule and no DAG started, somebody did; if the DAGs could be read.
        let are_known = migration.new_dags.iter().all(|dag| dags.contains_key(dag));
        if run.trigger == RunTrigger::Unknown && dag_run.is_none() && are_known && answers.run["trigger"] == "ONE_TIME"
        {
            run.trigger = RunTrigger::Manual;
        }
        let what = match run.started {
            Some(at) => format!("run {} \"{}\" of {}", run.id, run.name, at.strftime("%Y-%m-%d")),
            None => format!("run {} \"{}\"", run.id, run.name),
        };
        found.place(migration.name, run, place, dag_run, &what);
    }

    /// The ids of the live jobs by their manifests' addresses.
    async fn job_ids(&self) -> Result<BTreeMap<Address, Vec<String>>, String> {
        if let Some(why) = self.absent(System::Databricks) {
            return Err(why);
        }
        let Some(kind) = kinds::find(DatabricksJob::NAME) else { return Ok(BTreeMap::new()) };
        let (live, refused) =
            observe::listed(self.services, &[kind], &Scopes::default(), &UnwatchedRead).await.map_err(refusal)?;
        if let Some((_, fault)) = refused.into_iter().next() {
            return Err(refusal(fault));
        }
        let jobs = self.desired.resources.iter().filter(|r| r.address.kind == DatabricksJob::NAME);
        let ids = jobs.map(|job| {
            let found = observe::of(&live, self.desired, &job.address);
            (job.address.clone(), found.iter().map(|job| job.seen.id.clone()).collect())
        });
        Ok(ids.collect())
    }
}

/// The runs of a job since then, with their tasks.
async fn listed(services: &Services, job: &str, since: Timestamp) -> Result<Vec<Value>, String> {
    let call = Call::get(System::Databricks, "/api/2.2/jobs/runs/list")
        .query("job_id", job)
        .query("limit", "24")
        .query("expand_tasks", "true")
        .query("start_time_from", since.as_millisecond().to_string());
    let service = services.for_system(System::Databricks).map_err(refusal)?;
    let pages = services::read(&*service, &Read::tokens(call)).await.map_err(refusal)?;
    Ok(pages.into_iter().filter_map(|mut page| page["runs"].as_array_mut().map(std::mem::take)).flatten().collect())
}

/// What Databricks still says about a run.
async fn answers(services: &Services, row: Value) -> RunAnswers {
    let mut all = RunAnswers { run: whole(services, row).await, ..RunAnswers::default() };
    // What never worked had no nodes.
    let (run, span) = (all.run.clone(), span(&all.run));
    let Some((began, ended)) = span else { return all };
    for cluster in clusters(&run) {
        let mut spec = cluster.spec.cloned();
        if let Some(id) = cluster.id {
            let events = events(services, id, began, ended).await;
            // A cluster of the run's own has its spec in the run.
            let described = if cluster.is_shared || spec.is_none() {
                let call = Call::get(System::Databricks, "/api/2.1/clusters/get").query("cluster_id", id);
                Some(sent(services, &call).await)
            } else {
                None
            };
            spec = spec.or_else(|| described.as_ref().and_then(|told| told.as_ref().ok()).cloned());
            all.clusters.insert(id.to_owned(), ClusterTrail { events, described });
        }
        for pool in spec.iter().flat_map(pools) {
            if !all.pools.contains_key(pool) {
                let call = Call::get(System::Databricks, "/api/2.0/instance-pools/get").query("instance_pool_id", pool);
                all.pools.insert(pool.to_owned(), sent(services, &call).await);
            }
        }
    }
    all
}

/// The run with all of its tasks.
async fn whole(services: &Services, row: Value) -> Value {
    let has_all = row["has_more"] != true && row["tasks"].as_array().is_some_and(|tasks| !tasks.is_empty());
    let Some(run) = row["run_id"].as_u64().filter(|_| !has_all) else { return row };
    let call = Call::get(System::Databricks, "/api/2.2/jobs/runs/get").query("run_id", run.to_string());
    let Ok(service) = services.for_system(System::Databricks) else { return row };
    let Ok(pages) = services::read(&*service, &Read::tokens(call)).await else { return row };
    let mut pages = pages.into_iter();
    let Some(mut run) = pages.next() else { return row };
    for mut page in pages {
        for list in ["tasks", "job_clusters"] {
            if let (Some(all), Some(more)) = (run[list].as_array_mut(), page[list].as_array_mut()) {
                all.append(more);
            }
        }
    }
    run
}

/// From when to when a run went on, in milliseconds. No end: it goes on.
fn span(run: &Value) -> Option<(i64, Option<i64>)> {
    let began = run["start_time"].as_i64().filter(|at| *at > 0)?;
    let ended = run["end_time"].as_i64().filter(|at| *at > 0 && outcome(run) != RunResult::Running);
    Some((began, ended))
}

async fn events(services: &Services, id: &str, began: i64, ended: Option<i64>) -> Result<Vec<Value>, String> {
    let mut body = json!({ "cluster_id": id, "order": "ASC", "page_size": 500, "start_time": began - AROUND,
        "event_types": EVENTS });
    if let Some(ended) = ended {
        body["end_time"] = json!(ended + AROUND);
    }
    let service = services.for_system(System::Databricks).map_err(refusal)?;
    let mut all = Vec::new();
    for _ in 0..MOST_EVENT_PAGES {
        // It only reads, whatever its method says.
        let call = Call::set(System::Databricks, Method::Post, "/api/2.1/clusters/events", body.clone());
        let mut page = match service.send(&call).await {
            Ok(answer) => answer.body,
            // A cluster that is forgotten has no events any more.
            Err(fault) if fault.is_gone() => return Ok(all),
            Err(fault) => return Err(refusal(fault)),
        };
        all.extend(page["events"].as_array_mut().map(std::mem::take).unwrap_or_default());
        match page["next_page_token"].as_str().filter(|token| !token.is_empty()) {
            Some(token) => body["page_token"] = json!(token),
            None => return Ok(all),
        }
    }
    Err(format!("there are more than {} of them", MOST_EVENT_PAGES * 500))
}

async fn sent(services: &Services, call: &Call) -> Result<Value, String> {
    let service = services.for_system(call.system).map_err(refusal)?;
    service.send(call).await.map(|answer| answer.body).map_err(refusal)
}
