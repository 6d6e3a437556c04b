//! Reads an account. The only part here that talks to anybody, and it decides only what has to be asked.
//!
//! Reads cost requests, and EMR gives out few: of most clusters the listing is all that is known, and what else is asked of
//! which one [`plumb_core::inventory::questions`] says. A listing that fails fails the reading. What a service refuses to say
//! of one thing is written down as unknown, never taken for absent, and neither is what was not asked.

use crate::services;
use jiff::{SignedDuration, Timestamp};
use plumb_core::inventory::choose::two_before;
use plumb_core::inventory::questions::{ClusterQuestions, questions};
use plumb_core::inventory::{
    ClusterDetails, EmrAccount, FailedRead, JobRun, RawCluster, ReadLimits, ServerlessApplication, pattern, serverless,
};
use plumb_core::kinds::emr::api::{operation, time};
use plumb_model::call::{Call, Service, ServiceError, System};
use plumb_model::read::{Paging, Read};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::task::JoinSet;

/// The longest time that one listing of clusters is about: a page is fifty of them, and a listing that fails half way is
/// begun again.
const WINDOW: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Hears how far the reading has got.
pub trait InventoryWatch: Sync {
    /// A listing was read, with so many entries.
    fn listed(&self, what: &str, count: usize);
}

/// What sends the requests.
pub type Seam = Arc<dyn Service>;

/// Reads what the account has, clusters created before `since` apart, and of each cluster as much as the limits let it.
pub async fn read(
    service: Seam,
    since: Option<Timestamp>,
    limits: ReadLimits,
    now: Timestamp,
    watch: &dyn InventoryWatch,
) -> Result<EmrAccount, ServiceError> {
    let listing: Vec<Value> = list(&service, since, now, watch).await?.into_values().collect();
    let mut account = EmrAccount { limits, ..EmrAccount::default() };
    let asked = questions(&listing, limits);
    let wanted = listing.into_iter().map(|entry| {
        let asked = entry["Id"].as_str().and_then(|id| asked.get(id)).copied().unwrap_or_default();
        (entry, asked)
    });
    clusters(&service, wanted, &mut account).await?;
    security(&*service, &mut account).await?;
    applications(&service, since, &mut account, watch).await?;
    Ok(account)
}

/// The clusters that the account has, by their ids: entries of ListClusters.
pub async fn list(
    service: &Seam,
    since: Option<Timestamp>,
    now: Timestamp,
    watch: &dyn InventoryWatch,
) -> Result<BTreeMap<String, Value>, ServiceError> {
    let mut listed: BTreeMap<String, Value> = BTreeMap::new();
    for (after, before) in windows(since, now) {
        let mut bounds = json!({});
        let seconds = |time: Timestamp| json!(time.as_second());
        for (name, bound) in [("CreatedAfter", after), ("CreatedBefore", before)] {
            if let Some(time) = bound {
                bounds[name] = seconds(time);
            }
        }
        let summaries = all(&**service, "ListClusters", bounds, "Clusters").await?;
        watch.listed("EMR cluster", summaries.len());
        // Windows meet in a second that belongs to both.
        for summary in summaries {
            if let Some(id) = summary["Id"].as_str() {
                listed.insert(id.to_owned(), summary);
            }
        }
    }
    Ok(listed)
}

/// Reads clusters of the listing, of each what is to be asked of it.
pub async fn clusters(
    service: &Seam,
    wanted: impl Iterator<Item = (Value, ClusterQuestions)>,
    account: &mut EmrAccount,
) -> Result<(), ServiceError> {
    let mut reading = JoinSet::new();
    for (listed, asked) in wanted {
        if asked == ClusterQuestions::default() {
            account.clusters.push(RawCluster { listed, ..RawCluster::default() });
            continue;
        }
        let service = service.clone();
        reading.spawn(async move { cluster(&*service, listed, asked).await });
    }
    while let Some(read) = reading.join_next().await {
        let (cluster, unknown) = read.map_err(|e| broken(&e.to_string()))??;
        account.clusters.extend(cluster);
        account.unknown.extend(unknown);
    }
    // What was read at once came in any order.
    account.clusters.sort_by_key(|cluster| (cluster.created(), cluster.id()));
    account.unknown.sort_by(|a, b| (&a.what, &a.of).cmp(&(&b.what, &b.of)));
    Ok(())
}

/// An earlier run that could not be read: its id, and why. What it would have shown is not known, and nothing else.
pub type UnreadRun = (String, String);

/// Reads clusters of the listing that are earlier runs of a pipeline: two requests each, or a page of steps more. One that
/// cannot be read is left out.
pub async fn earlier_clusters(service: &Seam, listed: Vec<Value>) -> (Vec<RawCluster>, Vec<UnreadRun>) {
    let mut reading = JoinSet::new();
    for listed in listed {
        let service = service.clone();
        let id = listed["Id"].as_str().unwrap_or_default().to_owned();
        reading.spawn(async move { (id, cluster(&*service, listed, ClusterQuestions::RUN).await) });
    }
    let (mut read, mut unread) = (Vec::new(), Vec::new());
    while let Some(done) = reading.join_next().await {
        match done {
            Ok((_, Ok((Some(cluster), _)))) => read.push(cluster),
            Ok((id, Ok((None, _)))) => unread.push((id, "AWS has forgotten it".to_owned())),
            Ok((id, Err(fault))) => unread.push((id, fault.to_string())),
            Err(_) => {}
        }
    }
    read.sort_by_key(|cluster| (cluster.created(), cluster.id()));
    unread.sort();
    (read, unread)
}

/// Reads of each job of the applications the two runs before the newest: a request each. One that cannot be read is left
/// out.
pub async fn earlier_runs(service: &Seam, account: &mut EmrAccount) -> Vec<UnreadRun> {
    let mut unread = Vec::new();
    for application in &mut account.serverless {
        let id = application.described["applicationId"].as_str().unwrap_or_default().to_owned();
        let runs = application.runs.as_deref_mut().unwrap_or_default();
        let names: Vec<String> = runs.iter().map(serverless::name).collect();
        let grouped = pattern::group(names.iter().map(String::as_str));
        let mut by: BTreeMap<&String, Vec<usize>> = BTreeMap::new();
        for (at, name) in names.iter().enumerate() {
            by.entry(grouped.get(name).unwrap_or(name)).or_default().push(at);
        }
        for mut of in by.into_values() {
            let created = |at: &usize| time(&runs[*at].listed, "/createdAt");
            of.sort_by_key(created);
            let times: Vec<Option<Timestamp>> = of.iter().map(created).collect();
            for before in two_before(&times) {
                let run = &mut runs[of[before]];
                let Some(run_id) = run.listed["id"].as_str().map(str::to_owned) else { continue };
                let path = format!("/emr-serverless/applications/{id}/jobruns/{run_id}");
                match service.send(&Call::get(System::Emr, path)).await {
                    Ok(mut answer) => run.described = Some(answer.body["jobRun"].take()).filter(Value::is_object),
                    Err(fault) => unread.push((run_id, fault.to_string())),
                }
            }
        }
    }
    unread
}

/// The times that listings cover: after, before. The last one has no end, as clocks differ.
pub fn windows(since: Option<Timestamp>, now: Timestamp) -> Vec<(Option<Timestamp>, Option<Timestamp>)> {
    let Some(mut after) = since else { return vec![(None, None)] };
    let mut windows = Vec::new();
    while let Ok(before) = after.checked_add(WINDOW)
        && before < now
    {
        windows.push((Some(after), Some(before)));
        after = before;
    }
    windows.push((Some(after), None));
    windows
}

/// All pages of a listing of EMR.
pub(super) async fn all(
    service: &dyn Service,
    name: &str,
    body: Value,
    items: &str,
) -> Result<Vec<Value>, ServiceError> {
    let paging = Paging::Token { param: "Marker", next: "/Marker" };
    pages(service, Read { call: operation(name, body), paging }, items).await
}

/// All pages of a listing of EMR Serverless.
pub(super) async fn rest(service: &dyn Service, call: Call, items: &str) -> Result<Vec<Value>, ServiceError> {
    let paging = Paging::Token { param: "nextToken", next: "/nextToken" };
    pages(service, Read { call, paging }, items).await
}

async fn pages(service: &dyn Service, read: Read, items: &str) -> Result<Vec<Value>, ServiceError> {
    let mut all = Vec::new();
    for mut page in services::read(service, &read).await? {
        match page.get_mut(items).map(Value::take) {
            Some(Value::Array(list)) => all.extend(list),
            _ => return Err(odd(&read.call, &format!("the answer has no list `{items}`"))),
        }
    }
    Ok(all)
}

fn odd(call: &Call, why: &str) -> ServiceError {
    ServiceError::Lost { line: call.line(), why: why.to_owned() }
}

fn broken(why: &str) -> ServiceError {
    ServiceError::Lost { line: "the reading of EMR".to_owned(), why: why.to_owned() }
}

/// What was said, or that it was refused. Anything but a refusal of this very thing fails the reading.
fn or_unknown<T>(
    said: Result<T, ServiceError>,
    what: &str,
    of: &str,
    unknown: &mut Vec<FailedRead>,
) -> Result<Option<T>, ServiceError> {
    match said {
        Ok(said) => Ok(Some(said)),
        Err(ServiceError::Refused { status, code, message, .. }) if !matches!(status, 401 | 429 | 503) => {
            let why = format!("{status} {code}: {message}");
            unknown.push(FailedRead { what: what.to_owned(), of: of.to_owned(), why });
            Ok(None)
        }
        Err(fault) => Err(fault),
    }
}

/// A cluster of the listing; none when it went while it was read.
async fn cluster(
    service: &dyn Service,
    listed: Value,
    asked: ClusterQuestions,
) -> Result<(Option<RawCluster>, Vec<FailedRead>), ServiceError> {
    let mut unknown = Vec::new();
    let mut read = RawCluster { listed, ..RawCluster::default() };
    let id = read.listed["Id"].as_str().unwrap_or_default().to_owned();
    let about = || json!({ "ClusterId": &id });
    // AWS forgets terminated clusters, and may between the listing and this (recorded: NoSuchCluster).
    let is_gone = |fault: &ServiceError| matches!(fault, ServiceError::Refused { message, .. } if message.contains("NoSuchCluster"));
    if asked.describe {
        let call = operation("DescribeCluster", about());
        let mut answer = match service.send(&call).await {
            Err(fault) if is_gone(&fault) => return Ok((None, unknown)),
            answer => answer?,
        };
        let described = Some(answer.body["Cluster"].take()).filter(Value::is_object);
        read.described = Some(described.ok_or_else(|| odd(&call, "the answer has no `Cluster`"))?);
    }
    if asked.steps {
        // EMR lists the newest first; those that were requested at once are told apart by when they began.
        let mut steps = match all(service, "ListSteps", about(), "Steps").await {
            Err(fault) if is_gone(&fault) => return Ok((None, unknown)),
            steps => steps?,
        };
        steps.reverse();
        steps.sort_by_key(|step| time(step, "/Status/Timeline/StartDateTime").unwrap_or(Timestamp::MAX));
        read.steps = Some(steps);
    }
    if let Some(described) = read.described.as_ref().filter(|_| asked.details) {
        read.details = Some(details(service, &id, described, &mut unknown).await?);
    }
    Ok((Some(read), unknown))
}

async fn details(
    service: &dyn Service,
    id: &str,
    described: &Value,
    unknown: &mut Vec<FailedRead>,
) -> Result<ClusterDetails, ServiceError> {
    let about = || json!({ "ClusterId": id });
    let has_fleets = described["InstanceCollectionType"] == "INSTANCE_FLEET";
    let (mut groups, mut fleets) = (Some(Vec::new()), Some(Vec::new()));
    let (name, items) =
        if has_fleets { ("ListInstanceFleets", "InstanceFleets") } else { ("ListInstanceGroups", "InstanceGroups") };
    let listed = or_unknown(all(service, name, about(), items).await, name, id, unknown)?;
    *(if has_fleets { &mut fleets } else { &mut groups }) = listed;
    let name = "ListBootstrapActions";
    let bootstrap = or_unknown(all(service, name, about(), "BootstrapActions").await, name, id, unknown)?;
    let mut policies = Vec::new();
    for name in ["GetManagedScalingPolicy", "GetAutoTerminationPolicy"] {
        let said = service.send(&operation(name, about())).await.map(|answer| answer.body);
        policies.push(or_unknown(said, name, id, unknown)?);
    }
    let auto_termination = policies.pop().flatten();
    Ok(ClusterDetails { groups, fleets, bootstrap, managed_scaling: policies.pop().flatten(), auto_termination })
}

/// All security configurations; where they may not be listed, at least those that clusters name.
async fn security(service: &dyn Service, account: &mut EmrAccount) -> Result<(), ServiceError> {
    let name = "ListSecurityConfigurations";
    let listed = all(service, name, json!({}), "SecurityConfigurations").await;
    let listed = or_unknown(listed, name, "", &mut account.unknown)?.unwrap_or_default();
    let listed = listed.iter().filter_map(|entry| entry["Name"].as_str());
    let used = account.clusters.iter().filter_map(|c| c.described.as_ref()?["SecurityConfiguration"].as_str());
    let names: BTreeSet<String> = listed.chain(used).filter(|name| !name.is_empty()).map(str::to_owned).collect();
    for name in names {
        let operation = operation("DescribeSecurityConfiguration", json!({ "Name": name }));
        let said = service.send(&operation).await.map(|answer| answer.body);
        let said = or_unknown(said, "DescribeSecurityConfiguration", &name, &mut account.unknown)?;
        // It is a text that holds JSON.
        let says = said.as_ref().and_then(|body| body["SecurityConfiguration"].as_str());
        account.security.insert(name, says.and_then(|text| serde_json::from_str(text).ok()));
    }
    Ok(())
}

/// Reads the applications of EMR Serverless, and of each of their jobs the newest run.
pub async fn applications(
    service: &Seam,
    since: Option<Timestamp>,
    account: &mut EmrAccount,
    watch: &dyn InventoryWatch,
) -> Result<(), ServiceError> {
    let path = "/emr-serverless/applications";
    let get = |path: String| Call::get(System::Emr, path);
    let listed = rest(&**service, get(path.to_owned()), "applications").await;
    let Some(listed) = or_unknown(listed, "ListApplications", "", &mut account.unknown)? else { return Ok(()) };
    watch.listed("EMR Serverless application", listed.len());
    for entry in listed {
        let Some(id) = entry["id"].as_str() else { continue };
        let said = service.send(&get(format!("{path}/{id}"))).await.map(|answer| answer.body["application"].clone());
        let said = or_unknown(said, "GetApplication", id, &mut account.unknown)?;
        let mut call = get(format!("{path}/{id}/jobruns"));
        if let Some(since) = since {
            call = call.query("createdAtAfter", since.to_string());
        }
        let runs = rest(&**service, call, "jobRuns").await;
        let mut runs: Option<Vec<JobRun>> = or_unknown(runs, "ListJobRuns", id, &mut account.unknown)?
            .map(|runs| runs.into_iter().map(|listed| JobRun { listed, described: None }).collect());
        for run in newest_runs(runs.as_deref_mut().unwrap_or_default()) {
            let Some(run_id) = run.listed["id"].as_str() else { continue };
            let said = service.send(&get(format!("{path}/{id}/jobruns/{run_id}"))).await;
            let said = said.map(|answer| answer.body["jobRun"].clone());
            run.described = or_unknown(said, "GetJobRun", id, &mut account.unknown)?;
        }
        // The entry of the listing says the same in other words, and less.
        let described = said.unwrap_or_else(|| {
            json!({ "applicationId": id, "name": entry["name"], "state": entry["state"], "type": entry["type"],
                    "releaseLabel": entry["releaseLabel"], "createdAt": entry["createdAt"] })
        });
        account.serverless.push(ServerlessApplication { described, runs });
    }
    account.unknown.sort_by(|a, b| (&a.what, &a.of).cmp(&(&b.what, &b.of)));
    Ok(())
}

/// The newest run of each job.
fn newest_runs(runs: &mut [JobRun]) -> Vec<&mut JobRun> {
    let names: Vec<String> = runs.iter().map(serverless::name).collect();
    let grouped = pattern::group(names.iter().map(String::as_str));
    let mut newest: BTreeMap<String, &mut JobRun> = BTreeMap::new();
    let created = |run: &JobRun| time(&run.listed, "/createdAt");
    for (run, name) in runs.iter_mut().zip(names) {
        let job = grouped.get(&name).cloned().unwrap_or(name);
        let is_newer = newest.get(&job).is_none_or(|known| created(run) > created(known));
        if is_newer {
            newest.insert(job, run);
        }
    }
    newest.into_values().collect()
}

#[cfg(test)]
#[path = "inventory_tests.rs"]
mod tests;
