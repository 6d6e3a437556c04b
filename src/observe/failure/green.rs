//! How long the runs of a job take that succeed.

use super::FailureServices;
use super::choose::{ChoiceFault, job_id, send};
use super::databricks::is_green;
use plumb_core::diagnose::remedy::GreenRuns;
use plumb_core::kinds::databricks::job::DatabricksJob;
use plumb_core::manifest::Desired;
use plumb_model::address::Address;
use plumb_model::call::{Call, System};
use serde_json::Value;

/// The green ones among the last 25 runs of a job; `None` for what is no job.
///
/// # Errors
/// As of [`super::choose`].
pub async fn green_runs(
    services: &FailureServices,
    desired: &Desired,
    address: &Address,
) -> Result<Option<GreenRuns>, ChoiceFault> {
    let is_it = |resource: &&plumb_core::manifest::Resource| resource.address == *address;
    let job = desired.resources.iter().find(is_it).filter(|job| job.address.kind == DatabricksJob::NAME);
    let Some(job) = job else { return Ok(None) };
    let id = job_id(services, desired, job).await?;
    let call = Call::get(System::Databricks, "/api/2.2/jobs/runs/list").query("job_id", id).query("limit", "24");
    let page = send(services, &call).await?;
    let lengths: Vec<i64> =
        page["runs"].as_array().into_iter().flatten().filter(|run| is_green(run)).filter_map(seconds).collect();
    Ok(Some(GreenRuns { count: lengths.len(), longest: lengths.into_iter().max().unwrap_or_default() }))
}

/// How long a run took. `run_duration` is of runs with several tasks (databricks-sdk, jobs.BaseRun).
fn seconds(run: &Value) -> Option<i64> {
    let duration = run["run_duration"].as_i64().filter(|length| *length > 0);
    let span = || Some(run["end_time"].as_i64().filter(|end| *end > 0)? - run["start_time"].as_i64()?);
    duration.or_else(span).filter(|length| *length > 0).map(|length| length / 1000)
}
