//! The job runs of EMR Serverless applications of old pipelines.
//!
//! Facts (botocore's model of `emr-serverless`): `ListJobRuns` takes `createdAtAfter`, 50 a page; only `GetJobRun` says what a run
//! used.

use super::{CostReading, DagRuns, MigrationRuns, RunsFound, claims, of_dags, side_by_side};
use crate::observe::{inventory, refusal};
use plumb_core::cost::facts::{RunSide, RunSystem};
use plumb_core::cost::place::{dag_run_at, of_old, said_by_arguments};
use plumb_core::cost::serverless::{arguments, facts};
use plumb_core::kinds::emr::api::time;
use plumb_model::call::{Call, ServiceError, System};
use serde_json::Value;
use std::collections::BTreeMap;

const APPLICATIONS: &str = "/emr-serverless/applications";

impl CostReading<'_> {
    /// The job runs of the applications that migrations select.
    pub(super) async fn applications(
        &self,
        migrations: &[MigrationRuns<'_>],
        dags: &DagRuns,
    ) -> Result<RunsFound, ServiceError> {
        let mut found = RunsFound::default();
        if migrations.iter().all(|migration| migration.applications.is_empty()) {
            return Ok(found);
        }
        let unread = || "applications of EMR Serverless".to_owned();
        if let Some(why) = self.absent(System::Emr) {
            found.unread.push((unread(), why));
            return Ok(found);
        }
        let service = self.services.for_system(System::Emr)?;
        let listed = match inventory::rest(&*service, Call::get(System::Emr, APPLICATIONS), "applications").await {
            Ok(listed) => listed,
            Err(fault) => {
                found.unread.push((unread(), refusal(fault)));
                return Ok(found);
            }
        };
        let selects = |m: &MigrationRuns<'_>, one: &Value| {
            let (id, name) = (one["id"].as_str().unwrap_or_default(), one["name"].as_str().unwrap_or_default());
            // Tags are in no listing; a selector of applications has none (its manifest's check).
            m.applications.iter().any(|(_, s)| s.matches(id, name, &BTreeMap::new()))
        };
        for application in &listed {
            let of = claims(migrations, |m| selects(m, application));
            let Some(id) = application["id"].as_str().filter(|_| !of.is_empty()) else { continue };
            let call = Call::get(System::Emr, format!("{APPLICATIONS}/{id}/jobruns"));
            let call = call.query("createdAtAfter", self.since.to_string());
            let rows = match inventory::rest(&*service, call, "jobRuns").await {
                Ok(rows) => rows,
                Err(fault) => {
                    found.unread.push((format!("job runs of application {id}"), refusal(fault)));
                    continue;
                }
            };
            let mut work = Vec::new();
            for row in rows {
                let Some(run) = row["id"].as_str().map(str::to_owned) else { continue };
                let is_open =
                    |m: &&MigrationRuns<'_>| !self.known.is_settled(m.name, RunSystem::EmrServerless, &run, None);
                if !of.iter().any(is_open) {
                    found.settled += 1;
                    continue;
                }
                let (service, path) = (service.clone(), format!("{APPLICATIONS}/{id}/jobruns/{run}"));
                work.push(async move {
                    match service.send(&Call::get(System::Emr, path)).await {
                        Ok(answer) if answer.body["jobRun"].is_object() => (answer.body["jobRun"].clone(), None),
                        Ok(_) => (row, Some("the answer has no `jobRun`".to_owned())),
                        Err(fault) => (row, Some(refusal(fault))),
                    }
                });
            }
            for (row, why) in side_by_side(work).await? {
                for migration in &of {
                    let run = super::of_side(facts(&row, why.as_deref()), RunSide::Old);
                    let runs = of_dags(dags, &migration.old_dags);
                    let at = time(&row, "/createdAt").or(run.started);
                    let dag_run = at.and_then(|at| dag_run_at(&runs, at));
                    let said = said_by_arguments(&migration.rules, &arguments(&row));
                    let place = of_old(&migration.rules, said.as_deref(), &run.name, dag_run, at);
                    let what = format!("job run {} \"{}\"", run.id, run.name);
                    found.place(migration.name, run, place, dag_run, &what);
                }
            }
        }
        Ok(found)
    }
}
