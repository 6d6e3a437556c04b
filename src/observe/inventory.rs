//! Reads an account. The only part here that talks to anybody, and it decides only what has to be asked.
//!
//! Reads cost requests, and EMR gives out few: every cluster is described and its steps are listed, and what else a
//! cluster is made of is read of the newest one of each pipeline only. A listing that fails fails the reading. What a
//! service refuses to say of one thing is written down as unknown, never taken for absent.

use crate::services;
use jiff::{SignedDuration, Timestamp};
use plumb_core::inventory::choose::two_before;
use plumb_core::inventory::{
    ClusterDetails, EmrAccount, FailedRead, JobRun, RawCluster, ServerlessApplication, pattern, serverless,
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

/// Reads all that the account has, clusters created before `since` apart.
pub async fn read(
    service: Seam,
    since: Option<Timestamp>,
    now: Timestamp,
    watch: &dyn InventoryWatch,
) -> Result<EmrAccount, ServiceError> {
    let listed = list(&service, since, now, watch).await?;
    let mut account = EmrAccount::default();
    let newest = newest(&listed);
    let wanted = listed.into_keys().map(|id| {
        let is_newest = newest.contains(&id);
        (id, is_newest)
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

/// Reads clusters by their ids, those that are marked with all that a cluster is made of.
pub async fn clusters(
    service: &Seam,
    wanted: impl Iterator<Item = (String, bool)>,
    account: &mut EmrAccount,
) -> Result<(), ServiceError> {
    let mut reading = JoinSet::new();
    for (id, whole) in wanted {
        let service = service.clone();
        reading.spawn(async move { cluster(&*service, id, whole).await });
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

/// Reads clusters that are earlier runs of a pipeline: two requests each, or a page of steps more. One that cannot be read
/// is left out.
pub async fn earlier_clusters(service: &Seam, ids: Vec<String>) -> (Vec<RawCluster>, Vec<UnreadRun>) {
    let mut reading = JoinSet::new();
    for id in ids {
        let service = service.clone();
        reading.spawn(async move { (id.clone(), cluster(&*service, id, false).await) });
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

/// The newest cluster of each pipeline.
fn newest(listed: &BTreeMap<String, Value>) -> BTreeSet<String> {
    let name = |summary: &Value| summary["Name"].as_str().unwrap_or_default().to_owned();
    let names: Vec<String> = listed.values().map(name).collect();
    let grouped = pattern::group(names.iter().map(String::as_str));
    let mut newest: BTreeMap<&str, (Option<Timestamp>, &str)> = BTreeMap::new();
    for ((id, summary), name) in listed.iter().zip(&names) {
        let pipeline = grouped.get(name).map_or(name.as_str(), String::as_str);
        let this = (time(summary, "/Status/Timeline/CreationDateTime"), id.as_str());
        let best = newest.entry(pipeline).or_insert(this);
        *best = this.max(*best);
    }
    newest.into_values().map(|(_, id)| id.to_owned()).collect()
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

/// A cluster; none when it went while it was read.
async fn cluster(
    service: &dyn Service,
    id: String,
    whole: bool,
) -> Result<(Option<RawCluster>, Vec<FailedRead>), ServiceError> {
    let mut unknown = Vec::new();
    let about = || json!({ "ClusterId": &id });
    let call = operation("DescribeCluster", about());
    let answer = match service.send(&call).await {
        Ok(answer) => answer,
        // AWS forgets terminated clusters, and may between the listing and this (recorded: NoSuchCluster).
        Err(ServiceError::Refused { message, .. }) if message.contains("NoSuchCluster") => return Ok((None, unknown)),
        Err(fault) => return Err(fault),
    };
    let described = answer.body["Cluster"].clone();
    if !described.is_object() {
        return Err(odd(&call, "the answer has no `Cluster`"));
    }
    // EMR lists the newest first; those that were requested at once are told apart by when they began.
    let mut steps = all(service, "ListSteps", about(), "Steps").await?;
    steps.reverse();
    steps.sort_by_key(|step| time(step, "/Status/Timeline/StartDateTime").unwrap_or(Timestamp::MAX));
    let details = if whole { Some(details(service, &id, &described, &mut unknown).await?) } else { None };
    Ok((Some(RawCluster { described, steps, details }), unknown))
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
    let used = account.clusters.iter().filter_map(|cluster| cluster.described["SecurityConfiguration"].as_str());
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
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::services::fake::{Fake, refused};

    #[tokio::test]
    async fn an_earlier_run_costs_two_requests_and_fails_nothing() {
        let fake = Fake::new(|call: &Call| {
            match (call.path.as_str(), call.body.as_ref().map(|body| body["ClusterId"] == "j-9")) {
                ("/elasticmapreduce/DescribeCluster", Some(false)) => Ok(json!({ "Cluster": { "Id": "j-1" } })),
                ("/elasticmapreduce/ListSteps", Some(false)) => Ok(json!({ "Steps": [] })),
                _ => Err(refused(403, "AccessDenied")),
            }
        });
        let seam: Seam = fake.clone();
        let (read, unread) = earlier_clusters(&seam, vec!["j-1".into()]).await;
        assert_eq!((read.len(), unread.len(), fake.asked().len()), (1, 0, 2));
        let (read, unread) = earlier_clusters(&seam, vec!["j-9".into(), "j-1".into()]).await;
        assert_eq!((read.len(), unread.len(), fake.asked().len()), (1, 1, 5));
        assert_eq!(unread[0].0, "j-9");
    }

    #[tokio::test]
    async fn of_each_job_the_two_runs_before_the_newest_are_read() {
        let fake = Fake::new(|call: &Call| {
            let run = || json!({ "jobRun": { "jobRunId": "x" } });
            if call.path.ends_with("/c") { Err(refused(404, "ResourceNotFoundException")) } else { Ok(run()) }
        });
        let run = |id: &str, name: &str, day: &str| JobRun {
            listed: json!({ "id": id, "name": name, "createdAt": format!("{day}T04:00:00Z") }),
            described: None,
        };
        let runs = vec![
            run("a", "load-2026-08", "2026-09-02"),
            run("b", "load-2026-09", "2026-10-02"),
            run("c", "load-2026-10", "2026-11-02"),
            run("d", "load-2026-11", "2026-12-02"),
            run("e", "mart-2026-11", "2026-12-02"),
        ];
        let application = ServerlessApplication { described: json!({ "applicationId": "00a" }), runs: Some(runs) };
        let mut account = EmrAccount { serverless: vec![application], ..EmrAccount::default() };
        let seam: Seam = fake.clone();
        let unread = earlier_runs(&seam, &mut account).await;
        let asked: Vec<String> = fake.asked().iter().map(|call| call.path.clone()).collect();
        assert_eq!(asked, ["c", "b"].map(|id| format!("/emr-serverless/applications/00a/jobruns/{id}")));
        assert_eq!(unread.len(), 1);
        let read = account.serverless[0].runs.iter().flatten().filter(|run| run.described.is_some());
        assert_eq!(read.map(|run| run.listed["id"].clone()).collect::<Vec<_>>(), ["b"]);
        assert!(account.unknown.is_empty(), "no failure of the import");
    }

    #[test]
    fn windows_cover_all_time_and_meet() {
        let time = |text: &str| text.parse::<Timestamp>().ok();
        let now = time("2026-03-10T00:00:00Z").unwrap();
        assert_eq!(windows(None, now), [(None, None)]);
        let (first, second) = (time("2026-01-01T00:00:00Z"), time("2026-01-31T00:00:00Z"));
        let third = time("2026-03-02T00:00:00Z");
        assert_eq!(windows(first, now), [(first, second), (second, third), (third, None)]);
        let later = time("2027-01-01T00:00:00Z");
        assert_eq!(windows(later, now), [(later, None)]);
    }
}
