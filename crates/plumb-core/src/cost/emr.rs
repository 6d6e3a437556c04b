//! What a cluster of EMR used: its nodes by type and market, its steps, how it ended.
//!
//! Facts (botocore's model of `emr`, EMR management guide): `ListInstances` knows nodes that are active or ended in the last 30
//! days; a node's time counts by the second, a minute at least; EC2 bills from its launch, which lies between `CreationDateTime`
//! and `ReadyDateTime`. Groups and fleets say how many nodes were asked for, not how many there were: nodes on spot come late,
//! are taken back, or never come. `NormalizedInstanceHours` is rounded up to hours a node and weighted by size.

use super::facts::{
    KeptRun, Market, NOT_READ, NodeSeconds, RunResult, RunSide, RunSystem, RunTrigger, STILL_UP, StageSeconds,
};
use super::nodes::NodeTotals;
use crate::kinds::emr::api::time;
use jiff::{SignedDuration, Timestamp};
use plumb_model::stats::Interval;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How long EMR remembers a node that ended.
const REMEMBERS_NODES: SignedDuration = SignedDuration::from_hours(30 * 24);
/// The least that a node counts, in seconds.
const LEAST: u64 = 60;
/// Why the ends of measured node-seconds differ.
const LAUNCH: &str = "EC2 bills from a moment between a node's creation and its being ready";

/// What EMR answers about a cluster. `Err`: why it could not be read.
#[derive(Clone, Debug)]
pub struct ClusterAnswers {
    /// An entry of `ListClusters`, or `Cluster` of `DescribeCluster`.
    pub cluster: Value,
    /// `ListSteps`, in any order.
    pub steps: Result<Vec<Value>, String>,
    /// `ListInstances`, of all states.
    pub instances: Result<Vec<Value>, String>,
    /// `ListInstanceGroups`, where they are needed and it has groups.
    pub groups: Option<Result<Vec<Value>, String>>,
    /// `ListInstanceFleets`, where they are needed and it has fleets.
    pub fleets: Option<Result<Vec<Value>, String>>,
    /// `GetManagedScalingPolicy`, where they are needed.
    pub scaling: Option<Value>,
}

/// Which part of a cluster is meant, where it worked for several periods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterPart {
    /// The ids of its steps.
    pub steps: BTreeSet<String>,
    /// From the making of its first step to the end of its last.
    pub worked: (Timestamp, Timestamp),
    /// The same with the time until the next part begins, and of the first part from the cluster's creation.
    pub held: (Timestamp, Timestamp),
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn at(value: &Value, name: &str) -> Option<Timestamp> {
    time(value, &format!("/Status/Timeline/{name}"))
}

fn whole(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.duration_since(from).as_secs()).unwrap_or(0)
}

/// Whether groups or fleets have to be read: nodes were forgotten, or could not be read.
pub fn needs_groups(cluster: &Value, instances: &Result<Vec<Value>, String>, now: Timestamp) -> bool {
    match instances {
        Err(_) => true,
        Ok(instances) => instances.is_empty() && at(cluster, "ReadyDateTime").is_some() || has_forgotten(cluster, now),
    }
}

/// Whether nodes of it may have been forgotten: it was there before EMR's memory of nodes begins.
fn has_forgotten(cluster: &Value, now: Timestamp) -> bool {
    at(cluster, "CreationDateTime").is_some_and(|created| now.duration_since(created) > REMEMBERS_NODES)
}

/// The facts of a cluster, or of a part of it. Side, trigger and what Airflow says are the caller's.
pub fn facts(answers: &ClusterAnswers, part: Option<&ClusterPart>, now: Timestamp) -> KeptRun {
    let cluster = &answers.cluster;
    let mut unknown = Vec::new();
    let (created, ready, gone) =
        (at(cluster, "CreationDateTime"), at(cluster, "ReadyDateTime"), at(cluster, "EndDateTime"));
    let state = text(cluster, "/Status/State");
    let is_over = state.starts_with("TERMINATED");
    let steps: Vec<&Value> = match &answers.steps {
        Ok(steps) => ordered(steps, part),
        Err(why) => {
            unknown.push(format!("{NOT_READ}: its steps: {why}"));
            Vec::new()
        }
    };
    let (outcome, why) = outcome(cluster, &steps, answers.steps.is_ok());
    unknown.extend(why);
    let last = steps.iter().filter_map(|step| at(step, "EndDateTime")).max();
    let is_open = steps.iter().any(|step| is_active(step));
    let ended = if is_open { gone.filter(|_| is_over) } else { last.or(gone) };
    if !is_over && outcome != RunResult::Running && part.is_none_or(|part| part.held.1 >= now) {
        unknown.push(format!("{STILL_UP}: its nodes are counted until it was looked at"));
    }
    let nodes = nodes(answers, part, now, &mut unknown);
    let normalized = cluster["NormalizedInstanceHours"].as_u64().filter(|_| nodes.is_empty() && part.is_none());
    if normalized.is_some() {
        unknown.push("its nodes: only EMR's normalized hours are known, which are rounded up a node".to_owned());
    }
    KeptRun {
        side: RunSide::Old,
        system: RunSystem::Emr,
        id: text(cluster, "/Id").to_owned(),
        name: text(cluster, "/Name").to_owned(),
        trigger: RunTrigger::Unknown,
        outcome,
        cause: None,
        tick: None,
        dag_run: None,
        started: part.map(|part| part.worked.0).or(created),
        ended: ended.filter(|_| outcome != RunResult::Running),
        stages: stages(&steps, created.filter(|_| part.is_none_or(|part| Some(part.held.0) == created)), ready),
        nodes,
        serverless: None,
        databricks: None,
        normalized_instance_hours: normalized,
        unknown,
    }
}

/// The steps that are meant, as they were given.
fn ordered<'s>(steps: &'s [Value], part: Option<&ClusterPart>) -> Vec<&'s Value> {
    let is_meant = |step: &&Value| part.is_none_or(|part| part.steps.contains(text(step, "/Id")));
    let mut steps: Vec<&Value> = steps.iter().filter(is_meant).collect();
    steps.sort_by_key(|step| {
        let order = at(step, "StartDateTime").unwrap_or(Timestamp::MAX);
        (at(step, "CreationDateTime"), order, text(step, "/Id"))
    });
    steps
}

fn is_active(step: &Value) -> bool {
    matches!(text(step, "/Status/State"), "PENDING" | "RUNNING" | "CANCEL_PENDING")
}

/// How it ended, by its steps, else by its own state.
fn outcome(cluster: &Value, steps: &[&Value], are_read: bool) -> (RunResult, Option<String>) {
    let state = |step: &Value| text(step, "/Status/State").to_owned();
    let (of_cluster, code) = (text(cluster, "/Status/State"), text(cluster, "/Status/StateChangeReason/Code"));
    let is_over = of_cluster.starts_with("TERMINATED");
    // What failed and was run again under the same name and completed has not failed.
    let made_good = |at: usize| {
        steps[at + 1..].iter().any(|later| {
            state(later) == "COMPLETED" && later["Name"] == steps[at]["Name"] && later["Config"] == steps[at]["Config"]
        })
    };
    let failed = (0..steps.len()).any(|at| state(steps[at]) == "FAILED" && !made_good(at));
    let known = if steps.iter().any(|step| is_active(step)) && !is_over {
        RunResult::Running
    } else if failed {
        RunResult::Failed
    } else if steps.iter().any(|step| !matches!(&*state(step), "COMPLETED" | "FAILED")) {
        // Cancelled, interrupted, or never begun before its cluster ended.
        if of_cluster == "TERMINATED_WITH_ERRORS" { RunResult::Failed } else { RunResult::Cancelled }
    } else if !steps.is_empty() {
        RunResult::Succeeded
    } else {
        match of_cluster {
            "TERMINATED_WITH_ERRORS" => RunResult::Failed,
            "TERMINATED" if code == "ALL_STEPS_COMPLETED" => RunResult::Succeeded,
            "STARTING" | "BOOTSTRAPPING" | "RUNNING" | "WAITING" | "TERMINATING" => RunResult::Running,
            _ if !are_read => RunResult::Unknown,
            _ => {
                let why = "how it ended: it has no steps, and its state does not say it".to_owned();
                return (RunResult::Unknown, Some(why));
            }
        }
    };
    (known, None)
}

/// `start` until the cluster was ready, `run` from its first step to its last, and each step.
fn stages(steps: &[&Value], created: Option<Timestamp>, ready: Option<Timestamp>) -> Vec<StageSeconds> {
    let mut stages = Vec::new();
    let mut stage = |name: String, from: Option<Timestamp>, to: Option<Timestamp>| {
        if let Some((from, to)) = from.zip(to).filter(|(from, to)| from <= to) {
            stages.push(StageSeconds { name, seconds: whole(from, to) });
        }
    };
    stage("start".to_owned(), created, ready);
    let begun = || steps.iter().filter_map(|step| at(step, "StartDateTime"));
    let ended = || steps.iter().filter(|step| at(step, "StartDateTime").is_some()).map(|step| at(step, "EndDateTime"));
    // One that goes on makes its length not known.
    let last = ended().collect::<Option<Vec<_>>>().and_then(|ends| ends.into_iter().max());
    stage("run".to_owned(), begun().min(), last);
    for step in steps {
        let name = format!("run/{}", text(step, "/Name"));
        stage(name, at(step, "StartDateTime"), at(step, "EndDateTime"));
    }
    stages
}

fn market(says: &str) -> Market {
    match says {
        "ON_DEMAND" => Market::OnDemand,
        "SPOT" => Market::Spot,
        _ => Market::Unknown,
    }
}

fn nodes(
    answers: &ClusterAnswers,
    part: Option<&ClusterPart>,
    now: Timestamp,
    unknown: &mut Vec<String>,
) -> Vec<NodeSeconds> {
    let cluster = &answers.cluster;
    let end = at(cluster, "EndDateTime").unwrap_or(now);
    let measured = match &answers.instances {
        Ok(instances) => measured(instances, end, part, unknown),
        Err(why) => {
            unknown.push(format!("{NOT_READ}: its nodes: {why}"));
            NodeTotals::default()
        }
    };
    if !needs_groups(cluster, &answers.instances, now) {
        return measured.listed();
    }
    let mut asked = NodeTotals::default();
    for told in [&answers.groups, &answers.fleets].into_iter().flatten() {
        match told {
            Ok(all) if answers.groups.is_some() => {
                groups(all, cluster, answers.scaling.as_ref(), end, part, &mut asked)
            }
            Ok(all) => fleets(all, cluster, end, part, &mut asked),
            Err(why) => unknown.push(format!("{NOT_READ}: its groups of nodes: {why}")),
        }
    }
    if measured.0.is_empty() {
        if !asked.0.is_empty() && answers.instances.is_ok() {
            unknown
                .push("its nodes: EMR forgets them after 30 days, so they follow from what was asked for".to_owned());
        }
        return asked.listed();
    }
    // Some are remembered, others may be forgotten: at least those, at most what could have been.
    let mut both = measured;
    let mut has_gap = false;
    for (key, most) in asked.0 {
        let known = both.0.entry(key).or_default();
        if most.millis.high > known.millis.high {
            known.millis.high = most.millis.high;
            known.why.insert("EMR forgets nodes 30 days after their end, and some may be");
            has_gap = true;
        }
    }
    if has_gap {
        unknown.push("its nodes: those that ended more than 30 days ago are forgotten".to_owned());
    }
    both.listed()
}

fn in_millis(seconds: Interval<u64>) -> Interval<u64> {
    Interval { low: seconds.low.saturating_mul(1000), high: seconds.high.saturating_mul(1000) }
}

/// From when to when something counted, within a part: least and most.
fn within([low, high]: [Option<Timestamp>; 2], end: Timestamp, part: Option<&ClusterPart>) -> Interval<u64> {
    let length = |from: Option<Timestamp>, bounds: Option<(Timestamp, Timestamp)>| {
        let Some(from) = from.filter(|from| *from <= end) else { return 0 };
        match bounds {
            None => whole(from, end).max(LEAST),
            Some((first, last)) => {
                let (from, to) = (from.max(first), end.min(last));
                if from < to { whole(from, to) } else { 0 }
            }
        }
    };
    let low = length(low, part.map(|part| part.worked));
    Interval { low, high: length(high, part.map(|part| part.held)).max(low) }
}

fn measured(instances: &[Value], end: Timestamp, part: Option<&ClusterPart>, unknown: &mut Vec<String>) -> NodeTotals {
    let mut sums = NodeTotals::default();
    let mut illegible = 0;
    for node in instances {
        // It waits for EC2 to give it.
        if text(node, "/Status/State") == "AWAITING_FULFILLMENT" {
            continue;
        }
        let (created, ready) = (at(node, "CreationDateTime"), at(node, "ReadyDateTime"));
        let node_type = text(node, "/InstanceType");
        if node_type.is_empty() || created.or(ready).is_none() {
            illegible += 1;
            continue;
        }
        // Nodes end with their cluster.
        let end = at(node, "EndDateTime").unwrap_or(end).min(end);
        let why = if part.is_some() {
            "from the time that its steps worked to all the time until the next period's"
        } else {
            LAUNCH
        };
        sums.add(
            node_type,
            market(text(node, "/Market")),
            in_millis(within([ready, created.or(ready)], end, part)),
            why,
        );
    }
    if illegible > 0 {
        let nodes = if illegible == 1 { "1 node says" } else { &format!("{illegible} nodes say") };
        unknown.push(
            format!("{nodes} no type or no time, and is not counted")
                .replace("say no type or no time, and is", "say no type or no time, and are"),
        );
    }
    sums
}

/// What groups asked for: at least what is sure to have been, at most what may have been.
fn groups(
    groups: &[Value],
    cluster: &Value,
    scaling: Option<&Value>,
    end: Timestamp,
    part: Option<&ClusterPart>,
    sums: &mut NodeTotals,
) {
    let limits = scaling.and_then(|policy| policy.pointer("/ManagedScalingPolicy/ComputeLimits"));
    let most = limits.and_then(|limits| limits["MaximumCapacityUnits"].as_u64());
    for group in groups {
        let node_type = text(group, "/InstanceType");
        let count = group["RequestedInstanceCount"].as_u64().unwrap_or(0);
        let market = market(text(group, "/Market"));
        let role = text(group, "/InstanceGroupType");
        let constraint = |name: &str| group.pointer(&format!("/AutoScalingPolicy/Constraints/{name}"))?.as_u64();
        let (low, high, why) = match (role, most, constraint("MinCapacity"), constraint("MaxCapacity")) {
            ("MASTER", ..) => (count, count, LAUNCH),
            (_, Some(most), ..) => {
                let least = if role == "CORE" { 1 } else { 0 };
                (least.min(most), most.max(count), "managed scaling, and EMR no longer says how many nodes there were")
            }
            (_, None, Some(least), Some(most)) => (
                least.min(count),
                most.max(count),
                "automatic scaling, and EMR no longer says how many nodes there were",
            ),
            _ => (count, count, LAUNCH),
        };
        // Spot nodes come late, are taken back, or never come.
        let is_spot = market != Market::OnDemand;
        let low = if is_spot { 0 } else { low };
        let why = if is_spot { "nodes on spot, and EMR no longer says how many it got and when" } else { why };
        let until = at(group, "EndDateTime").unwrap_or(end).min(end);
        let begun =
            [at(group, "ReadyDateTime"), at(group, "CreationDateTime").or_else(|| at(cluster, "CreationDateTime"))];
        let each = within(begun, until, part);
        if !node_type.is_empty() {
            let seconds = Interval { low: each.low.saturating_mul(low), high: each.high.saturating_mul(high) };
            sums.add(node_type, market, in_millis(seconds), why);
        }
    }
}

/// What fleets asked for. Which of its types a fleet got is forgotten with the nodes.
fn fleets(fleets: &[Value], cluster: &Value, end: Timestamp, part: Option<&ClusterPart>, sums: &mut NodeTotals) {
    for fleet in fleets {
        let types: Vec<(&str, u64)> = fleet["InstanceTypeSpecifications"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|one| {
                Some((one["InstanceType"].as_str()?, one["WeightedCapacity"].as_u64().unwrap_or(1).max(1)))
            })
            .collect();
        let until = at(fleet, "EndDateTime").unwrap_or(end).min(end);
        let begun =
            [at(fleet, "ReadyDateTime"), at(fleet, "CreationDateTime").or_else(|| at(cluster, "CreationDateTime"))];
        let each = within(begun, until, part);
        let falls_back = text(fleet, "/LaunchSpecifications/SpotSpecification/TimeoutAction") == "SWITCH_TO_ON_DEMAND";
        let spot = if falls_back { Market::Unknown } else { Market::Spot };
        for (name, market) in [("TargetOnDemandCapacity", Market::OnDemand), ("TargetSpotCapacity", spot)] {
            let units = fleet[name].as_u64().unwrap_or(0);
            for (node_type, weight) in &types {
                let count = units.div_ceil(*weight);
                // Of one type on demand it is sure how many there were.
                let is_sure = types.len() == 1 && market == Market::OnDemand;
                let low = if is_sure { each.low.saturating_mul(count) } else { 0 };
                let seconds = Interval { low, high: each.high.saturating_mul(count).max(low) };
                let why = if is_sure {
                    LAUNCH
                } else {
                    "a fleet, and EMR no longer says which types it got and how many of each"
                };
                sums.add(node_type, market, in_millis(seconds), why);
            }
        }
    }
}

/// The parts of a cluster that worked for several periods, oldest first: each with its period. Fewer than two: it is one run.
///
/// `said`: the period that a step says by itself. A step that says none goes on with the one before it.
pub fn parts(
    cluster: &Value,
    steps: &[Value],
    said: impl Fn(&Value) -> Option<String>,
    now: Timestamp,
) -> Vec<(String, ClusterPart)> {
    let steps = ordered(steps, None);
    let said: Vec<Option<String>> = steps.iter().map(|step| said(step)).collect();
    let mut of: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    let mut current = said.iter().flatten().next().cloned();
    for (step, said) in steps.iter().zip(said) {
        current = said.or(current);
        if let Some(period) = &current {
            of.entry(period.clone()).or_default().push(step);
        }
    }
    if of.len() < 2 {
        return Vec::new();
    }
    let end = at(cluster, "EndDateTime").unwrap_or(now);
    let mut parts: Vec<(String, ClusterPart)> = of
        .into_iter()
        .filter_map(|(period, steps)| {
            let first = steps.iter().filter_map(|step| at(step, "CreationDateTime")).min()?;
            let last = steps.iter().map(|step| at(step, "EndDateTime").unwrap_or(end)).max()?.max(first);
            let steps = steps.iter().map(|step| text(step, "/Id").to_owned()).collect();
            Some((period, ClusterPart { steps, worked: (first, last), held: (first, end.max(last)) }))
        })
        .collect();
    parts.sort_by_key(|(_, part)| part.worked);
    let starts: Vec<Timestamp> = parts.iter().skip(1).map(|(_, part)| part.worked.0).collect();
    for ((_, part), next) in parts.iter_mut().zip(starts) {
        part.held.1 = next.max(part.worked.1);
    }
    if let (Some((_, first)), Some(created)) = (parts.first_mut(), at(cluster, "CreationDateTime")) {
        first.held.0 = created.min(first.held.0);
    }
    parts
}

#[cfg(test)]
#[path = "emr_tests.rs"]
mod tests;
