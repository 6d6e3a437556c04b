//! The clusters of old pipelines: one listing for all of them, then the steps and the nodes of each.
//!
//! Facts (botocore's model of `emr`): `ListClusters` tells of two months, 50 a page; `ListInstances` of all states, of nodes that
//! ended in the last 30 days; `ListSteps` 50 a page.

use super::{CostReading, DagRuns, MigrationRuns, RunsFound, claims, of_dags, side_by_side};
use crate::observe::{inventory, refusal};
use crate::services::Services;
use jiff::{SignedDuration, Timestamp};
use plumb_core::cost::emr::{ClusterAnswers, ClusterPart, facts, needs_groups, parts};
use plumb_core::cost::facts::RunSystem;
use plumb_core::cost::place::{DagRunFacts, dag_run_at, of_old, said_by_arguments};
use plumb_core::kinds::emr::api::{operation, time};
use plumb_model::call::{ServiceError, System};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How long a cluster may have been there before the time that is looked at, and still have worked since.
const LONGEST: SignedDuration = SignedDuration::from_hours(40 * 24);

/// The states of clusters that may work again.
const ALIVE: [&str; 5] = ["STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING", "TERMINATING"];

/// Takes no notice of the listing.
struct Unlistened;
impl inventory::InventoryWatch for Unlistened {
    fn listed(&self, _what: &str, _count: usize) {}
}

impl CostReading<'_> {
    /// The runs in clusters that migrations select.
    pub(super) async fn clusters(
        &self,
        migrations: &[MigrationRuns<'_>],
        dags: &DagRuns,
    ) -> Result<RunsFound, ServiceError> {
        let mut found = RunsFound::default();
        if migrations.iter().all(|migration| migration.clusters.is_empty()) {
            return Ok(found);
        }
        let unread = || "clusters of EMR".to_owned();
        if let Some(why) = self.absent(System::Emr) {
            found.unread.push((unread(), why));
            return Ok(found);
        }
        let service = self.services.for_system(System::Emr)?;
        let from = self.since.checked_sub(LONGEST).unwrap_or(self.since);
        // Of those that live on, all, however old they are.
        let alive = json!({ "CreatedBefore": from.as_second(), "ClusterStates": ALIVE });
        let alive = inventory::all(&*service, "ListClusters", alive, "Clusters").await;
        let listed = inventory::list(&service, Some(from), self.now, &Unlistened).await;
        let (mut listed, alive) = match listed.and_then(|listed| Ok((listed, alive?))) {
            Ok(both) => both,
            Err(fault) => {
                found.unread.push((unread(), refusal(fault)));
                return Ok(found);
            }
        };
        listed.extend(alive.into_iter().filter_map(|row| Some((row["Id"].as_str()?.to_owned(), row))));
        let mut wanted = Vec::new();
        for (id, summary) in listed {
            let ended = time(&summary, "/Status/Timeline/EndDateTime");
            if ended.is_some_and(|end| end < self.since) {
                continue;
            }
            let name = summary["Name"].as_str().unwrap_or_default();
            let may_be = |m: &MigrationRuns<'_>| m.clusters.iter().any(|(_, selector)| selector.may_match(&id, name));
            let of = claims(migrations, may_be);
            let is_open = |m: &&MigrationRuns<'_>| !self.known.is_settled(m.name, RunSystem::Emr, &id, None);
            if of.is_empty() {
                continue;
            }
            if !of.iter().any(is_open) {
                found.settled += 1;
                continue;
            }
            let by_tags = of.iter().flat_map(|m| &m.clusters).any(|(_, selector)| selector.tags.is_some());
            wanted.push((id, summary, by_tags));
        }
        let now = self.now;
        let work = wanted.into_iter().map(|(id, summary, by_tags)| {
            let services = self.services.clone();
            async move { (id.clone(), cluster(&services, &id, summary, by_tags, now).await) }
        });
        for (id, answers) in side_by_side(work.collect()).await? {
            let (answers, tags) = match answers {
                Ok(read) => read,
                Err(why) => {
                    found.unread.push((format!("cluster {id}"), why));
                    continue;
                }
            };
            let name = answers.cluster["Name"].as_str().unwrap_or_default().to_owned();
            let is_its = |m: &MigrationRuns<'_>| m.clusters.iter().any(|(_, s)| s.matches(&id, &name, &tags));
            for migration in claims(migrations, is_its) {
                let runs = of_dags(dags, &migration.old_dags);
                self.cluster_runs(migration, &answers, &runs, &mut found);
            }
        }
        Ok(found)
    }

    fn cluster_runs(
        &self,
        migration: &MigrationRuns<'_>,
        answers: &ClusterAnswers,
        dag_runs: &[DagRunFacts],
        found: &mut RunsFound,
    ) {
        let steps: &[Value] = answers.steps.as_deref().unwrap_or_default();
        let rules = &migration.rules;
        let said = |step: &Value| said_by_arguments(rules, &arguments(step));
        // A cluster that lives on works for period after period, whether or not its steps say for which.
        let of_cluster = |name: &str| time(&answers.cluster, &format!("/Status/Timeline/{name}"));
        let until = of_cluster("EndDateTime").unwrap_or(self.now);
        let lives_on = of_cluster("CreationDateTime").is_some_and(|from| until.duration_since(from) > LONGEST);
        let by_time = |step: &Value| {
            let at = time(step, "/Status/Timeline/CreationDateTime").filter(|_| lives_on)?;
            rules.over_at(at)
        };
        let several = parts(&answers.cluster, steps, |step| said(step).or_else(|| by_time(step)), self.now);
        let mut add = |part: Option<&ClusterPart>, period: Option<&str>| {
            let run = facts(answers, part, self.now);
            let dag_run = run.started.and_then(|at| dag_run_at(dag_runs, at));
            let place = of_old(&migration.rules, period, &run.name, dag_run, run.started);
            let what = format!("cluster {} \"{}\"", run.id, run.name);
            found.place(migration.name, run, place, dag_run, &what);
        };
        if several.is_empty() {
            // All of its steps are for one period, if any of them says one.
            let period = steps.iter().find_map(said);
            add(None, period.as_deref());
        }
        for (period, part) in &several {
            if part.worked.1 >= self.since {
                add(Some(part), Some(period));
            }
        }
    }
}

/// The arguments of a step.
fn arguments(step: &Value) -> Vec<&str> {
    step.pointer("/Config/Args").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

type Tags = BTreeMap<String, String>;

/// What there is to know of a cluster, and its tags where they are needed. What cannot be read of it is in the answers; an error
/// is that its tags cannot, without which nobody knows whose it is.
async fn cluster(
    services: &Services,
    id: &str,
    summary: Value,
    by_tags: bool,
    now: Timestamp,
) -> Result<(ClusterAnswers, Tags), String> {
    let service = services.for_system(System::Emr).map_err(refusal)?;
    let about = || json!({ "ClusterId": id });
    let listed = async |name: &str, items: &str| inventory::all(&*service, name, about(), items).await.map_err(refusal);
    let described = async || {
        let answer = service.send(&operation("DescribeCluster", about())).await.map_err(refusal)?;
        Ok::<Value, String>(answer.body["Cluster"].clone())
    };
    let mut tags = Tags::new();
    let mut whole = None;
    if by_tags {
        let cluster = described().await?;
        for tag in cluster["Tags"].as_array().into_iter().flatten() {
            if let (Some(key), Some(value)) = (tag["Key"].as_str(), tag["Value"].as_str()) {
                tags.insert(key.to_owned(), value.to_owned());
            }
        }
        whole = Some(cluster);
    }
    let steps = listed("ListSteps", "Steps").await;
    let instances = listed("ListInstances", "Instances").await;
    let (mut groups, mut fleets, mut scaling) = (None, None, None);
    if needs_groups(&summary, &instances, now) {
        let collection = match whole {
            Some(cluster) => Ok(cluster),
            None => described().await,
        };
        match collection {
            Ok(cluster) if cluster["InstanceCollectionType"] == "INSTANCE_FLEET" => {
                fleets = Some(listed("ListInstanceFleets", "InstanceFleets").await);
            }
            Ok(_) => {
                groups = Some(listed("ListInstanceGroups", "InstanceGroups").await);
                // None where it has none; a refusal leaves the counts of the groups.
                scaling = service.send(&operation("GetManagedScalingPolicy", about())).await.ok().map(|a| a.body);
            }
            Err(why) => groups = Some(Err(why)),
        }
    }
    Ok((ClusterAnswers { cluster: summary, steps, instances, groups, fleets, scaling }, tags))
}
