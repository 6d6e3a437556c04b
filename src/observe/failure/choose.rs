//! Which run is meant by a manifest: the newest one that failed, the one before, the one of a period.
//!
//! Facts: `GET /api/2.2/jobs/runs/list` answers 24 runs a page, newest first; `GET /api/v2/dags/DAG/dagRuns` sorts by `order_by`;
//! `ListClusters` answers 50 clusters a page, newest first; `ListSteps` newest first.

use super::databricks::{is_active, is_green};
use super::{FailedRun, FailureServices};
use crate::observe::{self, Scopes, UnwatchedRead};
use jiff::Timestamp;
use plumb_core::kinds::airflow::dag::AirflowDag;
use plumb_core::kinds::databricks::job::DatabricksJob;
use plumb_core::kinds::emr::api::{operation, time};
use plumb_core::kinds::emr::application::EmrServerlessApplication;
use plumb_core::kinds::emr::cluster::EmrCluster;
use plumb_core::kinds::emr::migration::Migration;
use plumb_core::manifest::{Desired, Resource};
use plumb_model::address::Address;
use plumb_model::call::{Call, ServiceError, System};
use plumb_model::text::{glob, percent_encoded};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How many pages of runs are looked through.
const MOST_PAGES: usize = 20;
/// How many clusters of a name are asked for their failed steps.
const MOST_CLUSTERS: usize = 20;

/// Which of the runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunSelection {
    /// 1: the newest that failed.
    pub number: usize,
    /// Only runs for this period.
    pub period: Option<String>,
}

/// A run that was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunChoice {
    pub run: FailedRun,
    /// Whose it is: the manifest's address.
    pub of: Address,
    pub started: Option<Timestamp>,
    /// The period that was asked for.
    pub period: Option<String>,
}

/// Why no run could be chosen.
#[derive(Debug, thiserror::Error)]
pub enum ChoiceFault {
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// There is none; why, and what there is.
    #[error("{0}")]
    None(String),
}

/// A run of a listing.
struct ListedRun {
    run: FailedRun,
    started: Option<Timestamp>,
    failed: bool,
    active: bool,
    /// What may name its period.
    about: Value,
}

/// Chooses a run of a manifest. Where none failed it is the newest one, which then turns out to be green.
///
/// # Errors
/// There is no such run, or the service cannot be asked.
pub async fn choose(
    services: &FailureServices,
    desired: &Desired,
    address: &Address,
    selection: &RunSelection,
) -> Result<RunChoice, ChoiceFault> {
    let mut all = Vec::new();
    let mut faults = Vec::new();
    for of in members(desired, address)? {
        match runs(services, desired, &of, selection).await {
            Ok(runs) => all.extend(runs.into_iter().map(|run| (of.clone(), run))),
            Err(fault) => faults.push((of, fault)),
        }
    }
    // Of a migration, one side may be gone; of one manifest, nothing else is left.
    if all.is_empty()
        && let Some((_, fault)) = faults.into_iter().next()
    {
        return Err(fault);
    }
    let none = |why: String| ChoiceFault::None(format!("{address}: {why}"));
    let known = all.len();
    if let Some(period) = &selection.period {
        all.retain(|(_, run)| mentions(&run.about, period));
        if all.is_empty() {
            return Err(none(format!("none of its {known} runs is for {period}, by parameters, dates and names")));
        }
    }
    all.sort_by_key(|(_, run)| std::cmp::Reverse(run.started));
    let failed = all.iter().filter(|(_, run)| run.failed).count();
    let chosen = if failed == 0 && selection.number == 1 {
        // Newest first: of those that have ended, if there are any.
        let ended = all.iter().position(|(_, run)| !run.active).unwrap_or(0);
        (ended < all.len()).then(|| all.swap_remove(ended))
    } else {
        all.into_iter().filter(|(_, run)| run.failed).nth(selection.number.saturating_sub(1))
    };
    match chosen {
        Some((of, run)) => Ok(RunChoice { run: run.run, of, started: run.started, period: selection.period.clone() }),
        None if failed > 0 => {
            Err(none(format!("{failed} of its runs failed, and --run {} was asked for", selection.number)))
        }
        None => Err(none("it has no runs".to_owned())),
    }
}

/// The last run of every job and DAG of the project that is not green, and what could not be looked at.
pub async fn not_green(services: &FailureServices, desired: &Desired) -> (Vec<RunChoice>, Vec<(Address, String)>) {
    let (mut chosen, mut unread) = (Vec::new(), Vec::new());
    let selection = RunSelection { number: 1, period: None };
    for resource in &desired.resources {
        if ![DatabricksJob::NAME, AirflowDag::NAME].contains(&resource.address.kind.as_str()) {
            continue;
        }
        match runs(services, desired, &resource.address, &selection).await {
            Ok(mut runs) => {
                runs.retain(|run| !run.active);
                runs.sort_by_key(|run| std::cmp::Reverse(run.started));
                let last = runs.into_iter().next().filter(|run| run.failed);
                let of = resource.address.clone();
                chosen.extend(last.map(|run| RunChoice { run: run.run, of, started: run.started, period: None }));
            }
            Err(ChoiceFault::None(_)) => {}
            Err(ChoiceFault::Service(fault)) => unread.push((resource.address.clone(), super::book::said(&fault))),
        }
    }
    (chosen, unread)
}

/// The manifests whose runs are meant: of a migration those of both sides.
fn members(desired: &Desired, address: &Address) -> Result<Vec<Address>, ChoiceFault> {
    let resource = resource(desired, address)?;
    if address.kind != Migration::NAME {
        return Ok(vec![address.clone()]);
    }
    let named = ["/to/dags", "/to/jobs", "/from/dags", "/from/emr"]
        .into_iter()
        .filter_map(|pointer| resource.spec.pointer(pointer)?.as_array())
        .flatten()
        .filter_map(|name| Address::try_from(name.as_str()?.to_owned()).ok());
    // What a DAG starts is read with the DAG.
    let mut members: Vec<Address> = Vec::new();
    for member in named {
        if !members.contains(&member) && desired.resources.iter().any(|r| r.address == member) {
            members.push(member);
        }
    }
    if members.is_empty() {
        return Err(ChoiceFault::None(format!("{address}: it names no manifest of this project")));
    }
    Ok(members)
}

fn resource<'d>(desired: &'d Desired, address: &Address) -> Result<&'d Resource, ChoiceFault> {
    let found = desired.resources.iter().find(|resource| resource.address == *address);
    found.ok_or_else(|| ChoiceFault::None(format!("no manifest is {address}")))
}

/// The runs of one manifest, as far as they are needed.
async fn runs(
    services: &FailureServices,
    desired: &Desired,
    address: &Address,
    selection: &RunSelection,
) -> Result<Vec<ListedRun>, ChoiceFault> {
    let resource = resource(desired, address)?;
    let ready = |system: System| {
        let why = services.ready(system).err();
        why.map_or(Ok(()), |why| Err(ChoiceFault::Service(ServiceError::NotSent { line: address.to_string(), why })))
    };
    match address.kind.as_str() {
        DatabricksJob::NAME => {
            ready(System::Databricks)?;
            job_runs(services, desired, resource, selection).await
        }
        AirflowDag::NAME => {
            ready(System::Airflow)?;
            dag_runs(services, resource, selection).await
        }
        EmrCluster::NAME => {
            ready(System::Emr)?;
            cluster_runs(services, resource, selection).await
        }
        EmrServerlessApplication::NAME => {
            ready(System::Emr)?;
            serverless_runs(services, resource).await
        }
        _ => Err(ChoiceFault::None(format!("{address}: nothing of that kind runs"))),
    }
}

pub(super) async fn send(services: &FailureServices, call: &Call) -> Result<Value, ServiceError> {
    Ok(services.services.for_system(call.system)?.send(call).await?.body)
}

/// Whether enough was listed: the runs that are asked for, and one that has ended.
fn enough(runs: &[ListedRun], selection: &RunSelection) -> bool {
    let of_period = |run: &&ListedRun| selection.period.as_ref().is_none_or(|period| mentions(&run.about, period));
    runs.iter().filter(of_period).filter(|run| run.failed).count() >= selection.number
}

/// The id of the live job that a manifest is about.
pub(super) async fn job_id(
    services: &FailureServices,
    desired: &Desired,
    resource: &Resource,
) -> Result<String, ChoiceFault> {
    let (live, refused) =
        observe::listed(&services.services, &[resource.kind], &Scopes::default(), &UnwatchedRead).await?;
    if let Some((_, fault)) = refused.into_iter().next() {
        return Err(fault.into());
    }
    let found = observe::of(&live, desired, &resource.address);
    let [job] = found.as_slice() else {
        let why = match found.len() {
            0 => "nothing live carries its mark: it was never applied to this target".to_owned(),
            several => format!("{several} live jobs carry its mark"),
        };
        return Err(ChoiceFault::None(format!("{}: {why}", resource.address)));
    };
    Ok(job.seen.id.clone())
}

async fn job_runs(
    services: &FailureServices,
    desired: &Desired,
    resource: &Resource,
    selection: &RunSelection,
) -> Result<Vec<ListedRun>, ChoiceFault> {
    let id = job_id(services, desired, resource).await?;
    let first = Call::get(System::Databricks, "/api/2.2/jobs/runs/list").query("job_id", id);
    let first = first.query("limit", "24");
    let (mut runs, mut token) = (Vec::new(), None::<String>);
    for _ in 0..MOST_PAGES {
        let call = token.iter().fold(first.clone(), |call, token| call.query("page_token", token));
        let page = send(services, &call).await?;
        for run in page["runs"].as_array().into_iter().flatten() {
            let Some(run_id) = run["run_id"].as_u64() else { continue };
            let active = is_active(run);
            runs.push(ListedRun {
                run: FailedRun::Databricks { run_id, task: None },
                started: run["start_time"].as_i64().and_then(|at| Timestamp::from_millisecond(at).ok()),
                failed: !active && !is_green(run),
                active,
                about: json!([run["job_parameters"], run["overriding_parameters"], run["run_name"]]),
            });
        }
        token = page["next_page_token"].as_str().filter(|token| !token.is_empty()).map(str::to_owned);
        if token.is_none() || enough(&runs, selection) {
            break;
        }
    }
    Ok(runs)
}

async fn dag_runs(
    services: &FailureServices,
    resource: &Resource,
    selection: &RunSelection,
) -> Result<Vec<ListedRun>, ChoiceFault> {
    let dag = resource.spec[resource.kind.title()].as_str().unwrap_or(&resource.address.name).to_owned();
    dag_runs_of(services, &dag, selection).await
}

/// The newest failed run of a DAG by its id.
///
/// # Errors
/// As [`choose`].
pub async fn choose_dag(
    services: &FailureServices,
    dag: &str,
    selection: &RunSelection,
) -> Result<FailedRun, ChoiceFault> {
    let runs = dag_runs_of(services, dag, selection).await?;
    let of_period = |run: &ListedRun| selection.period.as_ref().is_none_or(|period| mentions(&run.about, period));
    let mut runs: Vec<ListedRun> = runs.into_iter().filter(of_period).collect();
    let failed = runs.iter().any(|run| run.failed);
    runs.retain(|run| run.failed || !failed);
    let chosen = runs.into_iter().nth(selection.number.saturating_sub(1));
    chosen.map(|run| run.run).ok_or_else(|| ChoiceFault::None(format!("DAG {dag}: it has no such run")))
}

async fn dag_runs_of(
    services: &FailureServices,
    dag: &str,
    selection: &RunSelection,
) -> Result<Vec<ListedRun>, ChoiceFault> {
    let first = Call::get(System::Airflow, format!("/api/v2/dags/{}/dagRuns", percent_encoded(dag)))
        .query("order_by", "-start_date")
        .query("limit", "100");
    let (mut runs, mut offset) = (Vec::new(), 0);
    for _ in 0..MOST_PAGES {
        let call = if offset > 0 { first.clone().query("offset", offset.to_string()) } else { first.clone() };
        let page = send(services, &call).await?;
        let rows = page["dag_runs"].as_array().cloned().unwrap_or_default();
        offset += rows.len();
        for row in &rows {
            let Some(run) = row["dag_run_id"].as_str() else { continue };
            let state = row["state"].as_str().unwrap_or_default();
            let time = |name: &str| row[name].as_str().and_then(|text| text.parse().ok());
            runs.push(ListedRun {
                run: FailedRun::Airflow { dag: dag.to_owned(), run: run.to_owned(), task: None, try_number: None },
                started: time("start_date").or_else(|| time("queued_at")),
                failed: state == "failed",
                active: !matches!(state, "failed" | "success"),
                about: json!([row["logical_date"], row["data_interval_start"], row["conf"], run]),
            });
        }
        let is_last = rows.is_empty() || page["total_entries"].as_u64().is_none_or(|total| offset as u64 >= total);
        if is_last || enough(&runs, selection) {
            break;
        }
    }
    Ok(runs)
}

/// Failed steps of the clusters that a manifest selects, and clusters that ended without one.
async fn cluster_runs(
    services: &FailureServices,
    resource: &Resource,
    selection: &RunSelection,
) -> Result<Vec<ListedRun>, ChoiceFault> {
    let pick = &resource.spec["match"];
    let (clusters, _) = list_clusters(services, pick, MOST_PAGES, MOST_CLUSTERS).await?;
    let mut runs = Vec::new();
    for row in clusters {
        let Some(cluster) = row["Id"].as_str().map(str::to_owned) else { continue };
        if !is_selected(services, pick, &cluster).await? {
            continue;
        }
        let steps = send(services, &operation("ListSteps", json!({ "ClusterId": cluster }))).await?;
        let steps = steps["Steps"].as_array().cloned().unwrap_or_default();
        let state = row.pointer("/Status/State").and_then(Value::as_str).unwrap_or_default();
        let mut some_failed = false;
        for step in &steps {
            let of_step = step.pointer("/Status/State").and_then(Value::as_str).unwrap_or_default();
            if of_step == "FAILED" {
                some_failed = true;
                runs.push(ListedRun {
                    run: FailedRun::Emr { cluster: cluster.clone(), step: step["Id"].as_str().map(str::to_owned) },
                    started: time(step, "/Status/Timeline/StartDateTime"),
                    failed: true,
                    active: false,
                    about: json!([row["Name"], step["Name"], step["Config"]]),
                });
            }
        }
        if !some_failed {
            runs.push(ListedRun {
                run: FailedRun::Emr { cluster, step: None },
                started: time(&row, "/Status/Timeline/CreationDateTime"),
                failed: state == "TERMINATED_WITH_ERRORS",
                active: !state.starts_with("TERMINATED"),
                about: json!([row["Name"], steps]),
            });
        }
        if enough(&runs, selection) {
            break;
        }
    }
    Ok(runs)
}

/// The clusters of the names and ids that a manifest selects, newest first, and whether there are more than were looked at.
pub(super) async fn list_clusters(
    services: &FailureServices,
    pick: &Value,
    most_pages: usize,
    most: usize,
) -> Result<(Vec<Value>, bool), ServiceError> {
    let ids: Vec<&str> = pick["ids"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let name = pick["name"].as_str();
    let (mut clusters, mut marker) = (Vec::new(), None::<String>);
    for _ in 0..most_pages {
        let body = marker.as_ref().map_or(json!({}), |marker| json!({ "Marker": marker }));
        let page = send(services, &operation("ListClusters", body)).await?;
        let rows = page["Clusters"].as_array().into_iter().flatten();
        clusters.extend(
            rows.filter(|row| {
                let of_name = |name| row["Name"].as_str().is_some_and(|called| glob(name, called));
                let of_ids = ids.is_empty() || row["Id"].as_str().is_some_and(|id| ids.contains(&id));
                of_ids && name.is_none_or(of_name)
            })
            .cloned(),
        );
        marker = page["Marker"].as_str().filter(|marker| !marker.is_empty()).map(str::to_owned);
        if marker.is_none() || clusters.len() >= most {
            break;
        }
    }
    clusters.sort_by_key(|row| std::cmp::Reverse(time(row, "/Status/Timeline/CreationDateTime")));
    let is_cut = marker.is_some() || clusters.len() > most;
    clusters.truncate(most);
    Ok((clusters, is_cut))
}

/// Whether a cluster has the tags that a manifest asks for.
pub(super) async fn is_selected(services: &FailureServices, pick: &Value, cluster: &str) -> Result<bool, ServiceError> {
    let tags: BTreeMap<&str, &Value> =
        pick["tags"].as_object().into_iter().flatten().map(|(key, value)| (key.as_str(), value)).collect();
    if tags.is_empty() {
        return Ok(true);
    }
    let whole = send(services, &operation("DescribeCluster", json!({ "ClusterId": cluster }))).await?;
    let has = |key: &str, value: &Value| {
        let all = whole.pointer("/Cluster/Tags").and_then(Value::as_array).into_iter().flatten();
        all.into_iter().any(|tag| tag["Key"] == key && tag["Value"] == *value)
    };
    Ok(tags.iter().all(|(key, value)| has(key, value)))
}

async fn serverless_runs(services: &FailureServices, resource: &Resource) -> Result<Vec<ListedRun>, ChoiceFault> {
    let mut runs = Vec::new();
    for id in selected_applications(services, &resource.spec["match"]).await? {
        for row in list_pages(services, &format!("/emr-serverless/applications/{id}/jobruns"), "jobRuns").await? {
            let Some(job_run) = row["id"].as_str().map(str::to_owned) else { continue };
            let state = row["state"].as_str().unwrap_or_default();
            runs.push(ListedRun {
                run: FailedRun::Serverless { application: id.clone(), job_run },
                started: time(&row, "/createdAt"),
                failed: matches!(state, "FAILED" | "CANCELLED"),
                active: !matches!(state, "FAILED" | "CANCELLED" | "SUCCESS"),
                about: json!([row["name"]]),
            });
        }
    }
    Ok(runs)
}

/// The ids of the applications that a manifest selects.
pub(super) async fn selected_applications(
    services: &FailureServices,
    pick: &Value,
) -> Result<Vec<String>, ServiceError> {
    let mut selected = list_pages(services, "/emr-serverless/applications", "applications").await?;
    selected.retain(|application| {
        let of_name = |name: &str| application["name"].as_str().is_some_and(|called| glob(name, called));
        let ids = pick["ids"].as_array();
        let of_ids = ids.is_none_or(|ids| ids.contains(&application["id"]));
        pick["name"].as_str().is_none_or(of_name) && of_ids
    });
    Ok(selected.iter().filter_map(|application| application["id"].as_str().map(str::to_owned)).collect())
}

pub(super) async fn list_pages(
    services: &FailureServices,
    path: &str,
    items: &str,
) -> Result<Vec<Value>, ServiceError> {
    let (mut all, mut token) = (Vec::new(), None::<String>);
    for _ in 0..MOST_PAGES {
        let call = Call::get(System::Emr, path);
        let call = token.iter().fold(call, |call, token| call.query("nextToken", token));
        let page = send(services, &call).await?;
        all.extend(page[items].as_array().cloned().unwrap_or_default());
        token = page["nextToken"].as_str().filter(|token| !token.is_empty()).map(str::to_owned);
        if token.is_none() {
            break;
        }
    }
    Ok(all)
}

/// Whether a text inside a value names a period: `2026-10` is in `2026-10`, `month=2026-10`, `2026-10-01T00:00:00Z` and
/// `audience-2026-10`, not in `2026-101`.
fn mentions(value: &Value, period: &str) -> bool {
    match value {
        Value::String(text) => text.match_indices(period).any(|(at, found)| {
            let is_part = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
            !is_part(text[..at].chars().next_back()) && !is_part(text[at + found.len()..].chars().next())
        }),
        Value::Array(items) => items.iter().any(|item| mentions(item, period)),
        Value::Object(members) => members.values().any(|member| mentions(member, period)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_mentioned_as_a_whole() {
        for text in ["2026-10", "month=2026-10", "2026-10-01T00:00:00Z", "audience-2026-10", "s3://x/2026-10/"] {
            assert!(mentions(&json!([{"a": text}]), "2026-10"), "{text}");
        }
        for text in ["2026-101", "12026-10", "2026-1", ""] {
            assert!(!mentions(&json!([{"a": text}]), "2026-10"), "{text}");
        }
    }
}
