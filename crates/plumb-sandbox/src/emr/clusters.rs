//! Operations on EMR clusters: list, describe, protect, tag, terminate.

use super::cluster::{CLUSTER_STATES, EmrCluster, Reason};
use super::replies::{AwsResult, invalid, no_cluster, validation};
use super::{check, life, paged};
use crate::{answer::Answer, store::Store};
use serde_json::{Value, json};

/// The cluster of a newer operation, by `ClusterId`.
pub fn known<'s>(store: &'s mut Store, region: &str, body: &Value) -> Result<&'s mut EmrCluster, Answer> {
    let id = check::text(body, "ClusterId")?;
    store.emr.region(region).clusters.get_mut(id).ok_or_else(|| no_cluster(id))
}

/// What older operations say of a cluster that they do not know. Recorded: raster-foundry/raster-foundry#352.
pub fn no_job_flow() -> Answer {
    validation("Specified job flow ID does not exist.")
}

/// What is said of a change to a cluster that is over.
pub fn over() -> Answer {
    validation("A job flow that is shutting down, terminating, or finished may not be modified.")
}

fn milliseconds(body: &Value, name: &str) -> Result<Option<i64>, Answer> {
    let words = || invalid(None, format!("{name} is no time: expected seconds since 1970."));
    match &body[name] {
        Value::Null => Ok(None),
        #[allow(clippy::cast_possible_truncation)]
        Value::Number(number) => Ok(Some((number.as_f64().ok_or_else(words)? * 1000.0) as i64)),
        _ => Err(words()),
    }
}

pub fn list(store: &mut Store, region: &str, body: &Value) -> AwsResult {
    let now = store.now();
    let states = check::texts(body, "ClusterStates")?;
    for state in &states {
        check::one_of(state, "ClusterStates", &CLUSTER_STATES)?;
    }
    let (after, before) = (milliseconds(body, "CreatedAfter")?, milliseconds(body, "CreatedBefore")?);
    let mut clusters: Vec<&EmrCluster> = store
        .emr
        .region(region)
        .clusters
        .values()
        .filter(|cluster| states.is_empty() || states.iter().any(|state| state == cluster.phase.name()))
        .filter(|cluster| after.is_none_or(|after| cluster.created >= after))
        .filter(|cluster| before.is_none_or(|before| cluster.created <= before))
        .collect();
    // "sorted by cluster creation date and time" is not said of its direction; AWS gives the newest first.
    clusters.sort_by_key(|cluster| (std::cmp::Reverse(cluster.created), cluster.id.clone()));
    let all: Vec<Value> = clusters.into_iter().map(|cluster| cluster.summary(now)).collect();
    paged(&all, body, "Clusters")
}

pub fn describe(store: &mut Store, region: &str, body: &Value) -> AwsResult {
    let (now, settings) = (store.now(), store.settings.emr.clone());
    let cluster = known(store, region, body)?;
    let shown = cluster.described(now);
    life::look(cluster, &settings, now);
    Ok(json!({ "Cluster": shown }))
}

pub fn bootstrap_actions(store: &mut Store, region: &str, body: &Value) -> AwsResult {
    let cluster = known(store, region, body)?;
    let asked = cluster.asked["BootstrapActions"].as_array().into_iter().flatten();
    let shown = |action: &Value| {
        let script = &action["ScriptBootstrapAction"];
        let args = script["Args"].as_array().cloned().unwrap_or_default();
        json!({ "Name": action["Name"], "ScriptPath": script["Path"], "Args": args })
    };
    let all: Vec<Value> = asked.map(shown).collect();
    paged(&all, body, "BootstrapActions")
}

pub fn modify(store: &mut Store, region: &str, body: &Value) -> AwsResult {
    let level = check::maybe_number(body, "StepConcurrencyLevel")?;
    let extended = check::maybe_flag(body, "ExtendedSupport")?;
    let now = store.now();
    let cluster = known(store, region, body)?;
    if !cluster.phase.is_active() {
        return Err(invalid(None, "A cluster that is terminating or terminated cannot be modified."));
    }
    let mut answer = json!({});
    if let Some(level) = level {
        if !(1..=256).contains(&level) {
            return Err(invalid(None, "The step concurrency level must be between 1 and 256."));
        }
        cluster.concurrency = level;
        answer["StepConcurrencyLevel"] = json!(level);
        life::settle(cluster, now);
    }
    if let Some(extended) = extended {
        cluster.extended_support = Some(extended);
        answer["ExtendedSupport"] = json!(extended);
    }
    Ok(answer)
}

/// The ids of an older operation. All of them have to be known before anything is done.
fn job_flows(store: &mut Store, region: &str, body: &Value) -> Result<Vec<String>, Answer> {
    check::list(body, "JobFlowIds")?;
    let ids = check::texts(body, "JobFlowIds")?;
    if ids.is_empty() {
        return Err(validation("At least one job flow ID must be specified."));
    }
    // "up to a maximum of 10 clusters" (TerminateJobFlows).
    if ids.len() > 10 {
        return Err(validation("At most 10 job flow IDs may be specified."));
    }
    let known = &store.emr.region(region).clusters;
    if ids.iter().all(|id| known.contains_key(id)) { Ok(ids) } else { Err(no_job_flow()) }
}

/// The operations that set one flag of several clusters.
pub fn set(store: &mut Store, region: &str, body: &Value, name: &str) -> AwsResult {
    let value = check::flag(body, name)?;
    let ids = job_flows(store, region, body)?;
    let now = store.now();
    let clusters = &mut store.emr.region(region).clusters;
    if ids.iter().any(|id| clusters.get(id).is_some_and(|cluster| !cluster.phase.is_active())) {
        return Err(over());
    }
    for id in &ids {
        let Some(cluster) = clusters.get_mut(id) else { continue };
        match name {
            "TerminationProtected" => cluster.protected = value,
            "UnhealthyNodeReplacement" => cluster.replacement = value,
            "VisibleToAllUsers" => cluster.visible = value,
            _ => {
                cluster.keep_alive = value;
                // A waiting cluster that shall not be kept ends now.
                life::settle(cluster, now);
            }
        }
    }
    Ok(Value::Null)
}

/// Ends those that are not protected, also where the answer is a refusal because of the others (API reference,
/// TerminateJobFlows; the words are those of cloud-custodian/cloud-custodian#6409).
pub fn terminate(store: &mut Store, region: &str, body: &Value) -> AwsResult {
    let ids = job_flows(store, region, body)?;
    let now = store.now();
    let clusters = &mut store.emr.region(region).clusters;
    let mut refused = false;
    for id in &ids {
        let Some(cluster) = clusters.get_mut(id).filter(|cluster| cluster.phase.is_active()) else { continue };
        if cluster.protected {
            refused = true;
            continue;
        }
        life::end(cluster, now, Reason::coded("USER_REQUEST", "Terminated by user request"), false);
    }
    if refused {
        Err(validation("Could not shut down one or more job flows since they are termination protected."))
    } else {
        Ok(Value::Null)
    }
}

/// The cluster that tags are for. Studios and notebooks are not emulated.
fn tagged<'s>(store: &'s mut Store, region: &str, body: &Value) -> Result<&'s mut EmrCluster, Answer> {
    let id = check::text(body, "ResourceId")?;
    let cluster = store.emr.region(region).clusters.get_mut(id).ok_or_else(|| no_cluster(id))?;
    if cluster.phase.has_ended() {
        Err(invalid(None, "Tags cannot be modified on terminated clusters."))
    } else {
        Ok(cluster)
    }
}

/// Tags as a list of pairs; AWS keeps what begins with `aws:` to itself.
pub fn tags(list: &[Value]) -> Result<Vec<(String, String)>, Answer> {
    let mut tags: Vec<(String, String)> = Vec::new();
    for tag in list {
        let key = check::text(tag, "Tags.Key")?;
        let value = check::maybe_text(tag, "Tags.Value")?.unwrap_or_default();
        if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 || key.starts_with("aws:") {
            return Err(invalid(None, format!("The tag '{key}' is not valid.")));
        }
        tags.retain(|(known, _)| known != key);
        tags.push((key.to_owned(), value.to_owned()));
    }
    Ok(tags)
}

pub fn add_tags(store: &mut Store, region: &str, body: &Value) -> AwsResult {
    let new = tags(check::list(body, "Tags")?)?;
    let cluster = tagged(store, region, body)?;
    let mut all = cluster.tags.clone();
    for (key, value) in new {
        match all.iter_mut().find(|(known, _)| *known == key) {
            Some(tag) => tag.1 = value,
            None => all.push((key, value)),
        }
    }
    // Fifty is what EC2 lets a resource have.
    if all.len() > 50 {
        return Err(invalid(None, "A cluster may have 50 tags at most."));
    }
    cluster.tags = all;
    Ok(json!({}))
}

pub fn remove_tags(store: &mut Store, region: &str, body: &Value) -> AwsResult {
    check::list(body, "TagKeys")?;
    let keys = check::texts(body, "TagKeys")?;
    let cluster = tagged(store, region, body)?;
    cluster.tags.retain(|(key, _)| !keys.contains(key));
    Ok(json!({}))
}
