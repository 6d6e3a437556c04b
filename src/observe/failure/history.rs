//! All runs of what a project owns since a time, on every system, as the listings of the services tell them.
//!
//! Facts: `GET /api/2.2/jobs/runs/list` takes `start_time_from` in milliseconds and takes a `limit` below 25 and answers the newest first;
//! `GET /api/v2/dags/DAG/dagRuns` takes `start_date_gte` (v1 too); `ListClusters` tells of the clusters of two months, 50 a page,
//! `ListSteps` 50 steps a page, newest first (botocore's model of `emr`).

use super::choose::{ChoiceFault, is_selected, list_clusters, list_pages, selected_applications, send};
use super::{FailedRun, FailureServices, book};
use crate::observe::{self, Scopes, UnwatchedRead};
use crate::services::Services;
use jiff::{SignedDuration, Timestamp};
use plumb_core::diagnose::answers::{self, AnswerKind};
use plumb_core::diagnose::batches::batches;
use plumb_core::diagnose::pipelines::{PipelineManifest, PipelineMember, pipelines};
use plumb_core::diagnose::result::{MissingEvidence, RunOutcome};
use plumb_core::diagnose::{Catalogue, Diagnosis, RunFacts, diagnose};
use plumb_core::kinds::airflow::dag::AirflowDag;
use plumb_core::kinds::databricks::job::DatabricksJob;
use plumb_core::kinds::emr::api::{operation, time};
use plumb_core::kinds::emr::application::EmrServerlessApplication;
use plumb_core::kinds::emr::cluster::EmrCluster;
use plumb_core::kinds::emr::migration::Migration;
use plumb_core::manifest::{Desired, Resource};
use plumb_model::address::Address;
use plumb_model::call::{Call, ServiceError, System};
use plumb_model::text::percent_encoded;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How many pages of the runs of one manifest are read.
const MOST_PAGES: usize = 400;
/// How many clusters a manifest's runs are looked for in.
const MOST_CLUSTERS: usize = 2_000;
/// For how many days EMR remembers clusters that ended, and Databricks runs.
const REMEMBERED: [(System, i64, &str); 2] = [
    (System::Emr, 60, "EMR forgets clusters and steps two months after their end"),
    (System::Databricks, 60, "Databricks forgets runs after 60 days"),
];

/// A run of the past.
#[derive(Clone, Debug)]
pub struct PastRun {
    pub run: FailedRun,
    /// What the listing says of it: its outcome, times and period. A failed one has to be read for its cause.
    pub listed: Diagnosis,
}

/// The runs since a time.
#[derive(Clone, Debug, Default)]
pub struct RunHistory {
    pub runs: Vec<PastRun>,
    /// Where the runs of each manifest belong.
    pub pipelines: BTreeMap<Address, PipelineMember>,
    /// What was forgotten, or is not looked at.
    pub missing: Vec<MissingEvidence>,
    /// What could not be asked for.
    pub unread: Vec<MissingEvidence>,
    /// How many requests it took.
    pub requests: u64,
}

/// Lists the runs of every job, DAG, cluster and application of a project that began since a time. What cannot be listed, or is
/// forgotten, is said to be missing. `only`: of these manifests, of a migration of all that it names; none: of all.
pub async fn history(
    services: &FailureServices,
    desired: &Desired,
    catalogue: &Catalogue,
    only: &[Address],
    [since, now]: [Timestamp; 2],
) -> RunHistory {
    let before = services.services.requests_of_all();
    let manifests: Vec<PipelineManifest<'_>> = desired
        .resources
        .iter()
        .map(|r| PipelineManifest { address: &r.address, spec: &r.spec, references: &r.references })
        .collect();
    let mut all = RunHistory { pipelines: pipelines(&manifests), ..RunHistory::default() };
    if !only.is_empty() {
        let is_meant = |address: &Address, member: &PipelineMember| {
            only.iter().any(|one| one == address || (one.kind == Migration::NAME && one.name == member.pipeline))
        };
        all.pipelines.retain(|address, member| is_meant(address, member));
    }
    let listing = Listing { services, desired, catalogue, since };
    let jobs = match listing.job_ids().await {
        Ok(jobs) => jobs,
        Err(fault) => {
            let what = format!("runs of {}", System::Databricks.name());
            all.unread.push(MissingEvidence { what, why: book::said(&fault), remedy: None });
            BTreeMap::new()
        }
    };
    for resource in desired.resources.iter().filter(|r| all.pipelines.contains_key(&r.address)) {
        let listed = match listing.ready(system_of(resource)) {
            Ok(()) => listing.runs(resource, &jobs).await,
            Err(fault) => Err(fault.into()),
        };
        match listed {
            Ok((runs, is_cut)) => {
                all.runs.extend(runs);
                if is_cut {
                    all.missing.push(missing(
                        &resource.address,
                        "it has more runs than are looked at: the oldest are left out",
                    ));
                }
            }
            Err(ChoiceFault::None(_)) => {}
            Err(ChoiceFault::Service(fault)) => all.unread.push(missing(&resource.address, &book::said(&fault))),
        }
    }
    for (system, days, why) in REMEMBERED {
        let until = now.checked_sub(SignedDuration::from_hours(days * 24)).unwrap_or(now);
        let has_some =
            desired.resources.iter().any(|r| all.pipelines.contains_key(&r.address) && system_of(r) == system);
        if has_some && since < until {
            all.missing.push(MissingEvidence {
                what: format!("runs of {} before {}", system.name(), until.strftime("%-d %b %Y")),
                why: why.to_owned(),
                remedy: Some("what was kept with --keep stays known".to_owned()),
            });
        }
    }
    all.requests = services.services.requests_of_all().saturating_sub(before);
    all
}

fn missing(address: &Address, why: &str) -> MissingEvidence {
    MissingEvidence { what: format!("runs of {address}"), why: why.to_owned(), remedy: None }
}

fn system_of(resource: &Resource) -> System {
    match resource.address.kind.as_str() {
        DatabricksJob::NAME => System::Databricks,
        AirflowDag::NAME => System::Airflow,
        _ => System::Emr,
    }
}

/// Runs, and whether there are more than were looked at.
type ListedPast = Result<(Vec<PastRun>, bool), ChoiceFault>;

struct Listing<'a> {
    services: &'a FailureServices,
    desired: &'a Desired,
    catalogue: &'a Catalogue,
    since: Timestamp,
}

impl Listing<'_> {
    fn ready(&self, system: System) -> Result<(), ServiceError> {
        self.services.ready(system).map_err(|why| ServiceError::NotSent { line: system.name().to_owned(), why })
    }

    /// The ids of the jobs that carry a mark, asked for once for all of them.
    async fn job_ids(&self) -> Result<BTreeMap<Address, Vec<String>>, ServiceError> {
        let jobs: Vec<&Resource> =
            self.desired.resources.iter().filter(|r| r.address.kind == DatabricksJob::NAME).collect();
        let Some(first) = jobs.first() else { return Ok(BTreeMap::new()) };
        self.ready(System::Databricks)?;
        let services: &Services = &self.services.services;
        let (live, refused) = observe::listed(services, &[first.kind], &Scopes::default(), &UnwatchedRead).await?;
        if let Some((_, fault)) = refused.into_iter().next() {
            return Err(fault);
        }
        let ids = |job: &&Resource| {
            let found = observe::of(&live, self.desired, &job.address);
            (job.address.clone(), found.iter().map(|job| job.seen.id.clone()).collect())
        };
        Ok(jobs.iter().map(ids).collect())
    }

    async fn runs(&self, resource: &Resource, jobs: &BTreeMap<Address, Vec<String>>) -> ListedPast {
        match resource.address.kind.as_str() {
            DatabricksJob::NAME => {
                let (mut runs, mut is_cut) = (Vec::new(), false);
                for id in jobs.get(&resource.address).into_iter().flatten() {
                    let (of_job, cut) = self.job_runs(&resource.address, id).await?;
                    runs.extend(of_job);
                    is_cut |= cut;
                }
                Ok((runs, is_cut))
            }
            AirflowDag::NAME => self.dag_runs(resource).await,
            EmrCluster::NAME => self.cluster_runs(resource).await,
            EmrServerlessApplication::NAME => self.job_runs_of_applications(resource).await,
            _ => Ok((Vec::new(), false)),
        }
    }

    /// A run as its listing tells it; nothing where it began before the time that is asked for.
    fn past(&self, of: &Address, kind: AnswerKind, row: &Value, run: FailedRun, id: String) -> Option<PastRun> {
        let mut facts = answers::read(self.catalogue, kind, row, "api/list", None);
        facts.subject.name = of.to_string();
        facts.subject.run = Some(id);
        self.told(facts, run)
    }

    fn told(&self, facts: RunFacts, run: FailedRun) -> Option<PastRun> {
        let listed = diagnose(self.catalogue, &facts);
        let began = listed.started.or(listed.ended).is_some_and(|at| at >= self.since);
        let has_ended = matches!(listed.outcome, RunOutcome::Succeeded | RunOutcome::Failed);
        (began && has_ended).then_some(PastRun { run, listed })
    }

    async fn job_runs(&self, of: &Address, job: &str) -> ListedPast {
        let first = Call::get(System::Databricks, "/api/2.2/jobs/runs/list")
            .query("job_id", job)
            .query("limit", "24")
            // Tasks hold parameters that may name the period.
            .query("expand_tasks", "true")
            .query("start_time_from", self.since.as_millisecond().to_string());
        let (mut runs, mut token) = (Vec::new(), None::<String>);
        for _ in 0..MOST_PAGES {
            let call = token.iter().fold(first.clone(), |call, token| call.query("page_token", token));
            let page = send(self.services, &call).await?;
            for row in page["runs"].as_array().into_iter().flatten() {
                let Some(run_id) = row["run_id"].as_u64() else { continue };
                let run = FailedRun::Databricks { run_id, task: None };
                runs.extend(self.past(of, AnswerKind::Run, row, run, run_id.to_string()));
            }
            token = page["next_page_token"].as_str().filter(|token| !token.is_empty()).map(str::to_owned);
            if token.is_none() {
                return Ok((runs, false));
            }
        }
        Ok((runs, true))
    }

    async fn dag_runs(&self, resource: &Resource) -> ListedPast {
        let dag = resource.spec[resource.kind.title()].as_str().unwrap_or(&resource.address.name);
        let first = Call::get(System::Airflow, format!("/api/v2/dags/{}/dagRuns", percent_encoded(dag)))
            .query("order_by", "-start_date")
            .query("start_date_gte", self.since.to_string())
            .query("limit", "100");
        let (mut runs, mut offset) = (Vec::new(), 0);
        for _ in 0..MOST_PAGES {
            let call = if offset > 0 { first.clone().query("offset", offset.to_string()) } else { first.clone() };
            let page = send(self.services, &call).await?;
            let rows = page["dag_runs"].as_array().cloned().unwrap_or_default();
            offset += rows.len();
            for row in &rows {
                let Some(run) = row["dag_run_id"].as_str().map(str::to_owned) else { continue };
                let id = format!("{dag}/{run}");
                let run = FailedRun::Airflow { dag: dag.to_owned(), run, task: None, try_number: None };
                runs.extend(self.past(&resource.address, AnswerKind::DagRun, row, run, id));
            }
            if rows.is_empty() || page["total_entries"].as_u64().is_none_or(|total| offset as u64 >= total) {
                return Ok((runs, false));
            }
        }
        Ok((runs, true))
    }

    /// The runs in the clusters that a manifest selects: of what was submitted together, one; of a cluster that failed before
    /// its first step, itself.
    async fn cluster_runs(&self, resource: &Resource) -> ListedPast {
        let pick = &resource.spec["match"];
        let (clusters, is_cut) = list_clusters(self.services, pick, MOST_PAGES, MOST_CLUSTERS).await?;
        let mut runs = Vec::new();
        for row in clusters {
            let ended = time(&row, "/Status/Timeline/EndDateTime");
            let Some(cluster) = row["Id"].as_str().filter(|_| ended.is_none_or(|end| end >= self.since)) else {
                continue;
            };
            if !is_selected(self.services, pick, cluster).await? {
                continue;
            }
            let steps = self.steps(cluster).await?;
            for batch in batches(&steps) {
                runs.extend(self.batch(&resource.address, cluster, &batch));
            }
            if steps.is_empty()
                && row.pointer("/Status/State").and_then(Value::as_str) == Some("TERMINATED_WITH_ERRORS")
            {
                let run = FailedRun::Emr { cluster: cluster.to_owned(), step: None };
                runs.extend(self.past(&resource.address, AnswerKind::DescribeCluster, &row, run, cluster.to_owned()));
            }
        }
        Ok((runs, is_cut))
    }

    async fn steps(&self, cluster: &str) -> Result<Vec<Value>, ServiceError> {
        let (mut steps, mut marker) = (Vec::new(), None::<String>);
        for _ in 0..MOST_PAGES {
            let mut body = json!({ "ClusterId": cluster });
            if let Some(marker) = &marker {
                body["Marker"] = json!(marker);
            }
            let page = send(self.services, &operation("ListSteps", body)).await?;
            steps.extend(page["Steps"].as_array().cloned().unwrap_or_default());
            marker = page["Marker"].as_str().filter(|marker| !marker.is_empty()).map(str::to_owned);
            if marker.is_none() {
                break;
            }
        }
        Ok(steps)
    }

    fn batch(&self, of: &Address, cluster: &str, steps: &[&Value]) -> Option<PastRun> {
        let whole = json!({ "Steps": steps });
        let mut facts = answers::read(self.catalogue, AnswerKind::ListSteps, &whole, "api/list", None);
        // The step that decides: the one that failed, else the last.
        let step = facts.subject.run.as_deref().and_then(|run| run.rsplit('/').next()).map(str::to_owned)?;
        let times = |pointer: &str| steps.iter().filter_map(|step| time(step, pointer)).collect::<Vec<_>>();
        facts.subject.started = times("/Status/Timeline/StartDateTime").into_iter().min().or(facts.subject.started);
        facts.subject.ended = times("/Status/Timeline/EndDateTime").into_iter().max().or(facts.subject.ended);
        // Steps that were taken back, and none that failed: the cluster says why.
        let has_failed = steps.iter().any(|step| step.pointer("/Status/State").is_some_and(|state| state == "FAILED"));
        let is_green = facts.outcomes.last().is_some_and(|said| said.outcome == RunOutcome::Succeeded);
        let (asked, id) = if has_failed || is_green {
            (Some(step.clone()), format!("{cluster}/{step}"))
        } else {
            (None, cluster.to_owned())
        };
        facts.subject.name = of.to_string();
        facts.subject.run = Some(id);
        self.told(facts, FailedRun::Emr { cluster: cluster.to_owned(), step: asked })
    }

    async fn job_runs_of_applications(&self, resource: &Resource) -> ListedPast {
        let mut runs = Vec::new();
        for application in selected_applications(self.services, &resource.spec["match"]).await? {
            let path = format!("/emr-serverless/applications/{application}/jobruns");
            for mut row in list_pages(self.services, &path, "jobRuns").await? {
                let Some(job_run) = row["id"].as_str().map(str::to_owned) else { continue };
                // The listing calls it `id`, the answer of one `jobRunId`.
                row["jobRunId"] = json!(job_run);
                let id = format!("{application}/{job_run}");
                let run = FailedRun::Serverless { application: application.clone(), job_run };
                runs.extend(self.past(&resource.address, AnswerKind::GetJobRun, &row, run, id));
            }
        }
        Ok((runs, false))
    }
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
