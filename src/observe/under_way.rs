//! Reading how far runs of DAGs are that have a deadline: one request where nothing runs, two more for each run that does.

use crate::services::{self, Services};
use plumb_core::cost::sla::deadline_of;
use plumb_core::cost::under_way::{RunUnderWay, job_times, runs_under_way, says};
use plumb_core::kinds::airflow::dag::AirflowDag;
use plumb_core::manifest::Desired;
use plumb_core::plan::{Live, Selection};
use plumb_model::address::Address;
use plumb_model::call::{Call, ServiceError, System};
use plumb_model::read::Read;
use plumb_model::text::percent_encoded;
use serde_json::Value;
use std::collections::BTreeMap;

/// When each run under way ends, by the manifest of its DAG. What could not be read is said in its place.
///
/// # Errors
/// Why it is not known what runs.
pub async fn ends_of_runs(
    services: &Services,
    desired: &Desired,
    live: &Live,
    selection: &Selection,
    now: jiff::Timestamp,
) -> Result<BTreeMap<Address, Vec<String>>, ServiceError> {
    let mut dags: BTreeMap<String, (&Address, &Value)> = BTreeMap::new();
    for resource in desired.resources.iter().filter(|one| one.kind.name() == AirflowDag::NAME && selection.has(one)) {
        if deadline_of(&resource.spec).is_some() {
            let found = super::of(live, desired, &resource.address);
            dags.extend(found.iter().map(|one| (one.seen.id.clone(), (&resource.address, &*resource.spec))));
        }
    }
    let mut ends: BTreeMap<Address, Vec<String>> = BTreeMap::new();
    if dags.is_empty() {
        return Ok(ends);
    }
    let service = services.for_system(System::Airflow)?;
    let running = Call::get(System::Airflow, "/api/v2/dags/~/dagRuns").query("state", "running");
    let pages = services::read(&*service, &Read::offsets(running, "dag_runs", "dag_run_id")).await?;
    for run in runs_under_way(&pages) {
        let Some((address, spec)) = dags.get(&run.dag_id) else { continue };
        let text = match tasks_of(services, &run).await {
            Ok((current, earlier)) => {
                let kept = |task: &str| job_times(desired, spec, task, &live.kept_runs);
                says(spec, &run, (&current, &earlier), &kept, now)
            }
            Err(fault) => Some(format!("when it ends is not known: {fault}")),
        };
        let line = text.map(|text| format!("run {}: {text}", run.run_id));
        ends.entry((*address).clone()).or_default().extend(line);
    }
    Ok(ends)
}

/// The task instances of a run, and those of earlier runs that ended well: the newest page of them, where Airflow lists them
/// in that order.
async fn tasks_of(services: &Services, run: &RunUnderWay) -> Result<(Vec<Value>, Vec<Value>), ServiceError> {
    let service = services.for_system(System::Airflow)?;
    let of = |which: &str| {
        let dag = percent_encoded(&run.dag_id);
        Call::get(System::Airflow, format!("/api/v2/dags/{dag}/dagRuns/{which}/taskInstances")).query("limit", "100")
    };
    let rows = |body: &Value| body["task_instances"].as_array().cloned().unwrap_or_default();
    let current = service.send(&of(&percent_encoded(&run.run_id))).await?;
    let earlier = of("~").query("state", "success").query("order_by", "-start_date");
    let earlier = match service.send(&earlier).await {
        Ok(answer) => rows(&answer.body),
        // Kept runs stand in.
        Err(fault) if super::is_refused(&fault) => Vec::new(),
        Err(fault) => return Err(fault),
    };
    Ok((rows(&current.body), earlier))
}
