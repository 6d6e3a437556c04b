//! The runs of the DAGs of both sides, listed once a DAG.
//!
//! Facts: `GET /api/v2/dags/DAG/dagRuns` takes `start_date_gte` (v1 too), 100 rows a page at most.

use super::{CostReading, DagRuns, MigrationRuns, RunsFound, distinct, side_by_side};
use crate::observe::refusal;
use crate::services;
use jiff::SignedDuration;
use plumb_core::cost::place::DagRunFacts;
use plumb_model::call::{Call, ServiceError, System};
use plumb_model::read::Read;
use plumb_model::text::percent_encoded;
use serde_json::Value;

/// How long before the first run that is looked at the run of a DAG may have begun that it belongs to.
const BEFORE: SignedDuration = SignedDuration::from_hours(3 * 24);

impl CostReading<'_> {
    /// The runs of all DAGs that migrations name. One that cannot be read is told, and its runs are not known.
    pub(super) async fn dag_runs(
        &self,
        migrations: &[MigrationRuns<'_>],
        found: &mut RunsFound,
    ) -> Result<DagRuns, ServiceError> {
        let ids = distinct(migrations.iter().flat_map(|m| m.old_dags.iter().chain(&m.new_dags)));
        if ids.is_empty() {
            return Ok(DagRuns::new());
        }
        if let Some(why) = self.absent(System::Airflow) {
            found.unread.push(("runs of DAGs".to_owned(), why));
            return Ok(DagRuns::new());
        }
        let since = self.since.checked_sub(BEFORE).unwrap_or(self.since);
        let work = ids.into_iter().cloned().map(|id| {
            let services = self.services.clone();
            async move {
                let call = Call::get(System::Airflow, format!("/api/v2/dags/{}/dagRuns", percent_encoded(&id)))
                    .query("order_by", "-start_date")
                    .query("start_date_gte", since.to_string());
                let read = Read::offsets(call, "dag_runs", "dag_run_id");
                let pages = match services.for_system(System::Airflow) {
                    Ok(service) => services::read(&*service, &read).await,
                    Err(fault) => Err(fault),
                };
                (id, pages)
            }
        });
        let mut runs = DagRuns::new();
        for (id, pages) in side_by_side(work.collect()).await? {
            match pages {
                Ok(pages) => {
                    let rows = pages.iter().filter_map(|page| page["dag_runs"].as_array()).flatten();
                    let read = rows.filter_map(|row: &Value| DagRunFacts::read(&id, row)).collect();
                    runs.insert(id, read);
                }
                Err(fault) => found.unread.push((format!("runs of the DAG {id}"), refusal(fault))),
            }
        }
        Ok(runs)
    }
}
