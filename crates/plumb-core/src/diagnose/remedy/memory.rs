//! Executors and drivers without enough memory.

use super::compute::set;
use super::site::ClusterSite;
use super::{Remedy, RemedyCase, say};
use crate::translate::nodes;
use serde_json::json;

const PARTITIONS: &str = "spark.sql.shuffle.partitions";
/// What Spark takes where nothing is set (Spark SQL, performance tuning).
const DEFAULT_PARTITIONS: i64 = 200;
/// Memory for sorting and aggregating was short: a smaller part at a time needs less of it.
const SPILLS: [&str; 4] = ["Unable to acquire", "SparkOutOfMemoryError", "spill", "UnsafeExternalSorter"];

/// Memory outside the heap is the machine's: only more of it per core helps.
pub(super) fn container<'a>(case: &RemedyCase<'a>) -> Vec<Remedy<'a>> {
    if case.shows(&SPILLS) {
        return partitions(case);
    }
    workers(case, "An executor's container was over its limit and nothing says that it spilled: more memory a core.")
}

pub(super) fn heap<'a>(case: &RemedyCase<'a>) -> Vec<Remedy<'a>> {
    if case.shows(&["native thread"]) {
        let text = "Threads, not memory, ran out: look for pools and clients that the code makes in each task.";
        return vec![Remedy::Say(say(text))];
    }
    if case.shows(&SPILLS) {
        return partitions(case);
    }
    workers(case, "The heap was full and nothing says that it spilled: more memory a core.")
}

/// Twice as many partitions.
fn partitions<'a>(case: &RemedyCase<'a>) -> Vec<Remedy<'a>> {
    let why = "Memory for sorting or aggregating ran out after spilling: half as much data a task.";
    let next = |site: &ClusterSite<'_>| match site.conf(PARTITIONS) {
        Some(text) => text.trim().parse::<i64>().ok().filter(|n| (1..=50_000).contains(n)).map(|n| n * 2),
        None => Some(DEFAULT_PARTITIONS * 2),
    };
    match case.only(|site| next(site).is_some()) {
        Ok(site) => {
            let Some(next) = next(site) else { return Vec::new() };
            vec![set(site, &[(["spark_conf", PARTITIONS], json!(next.to_string()))], why)]
        }
        Err(names) => several(&names, &format!("{why} Double {PARTITIONS}")),
    }
}

/// Machines with more memory for the workers.
fn workers<'a>(case: &RemedyCase<'a>, why: &str) -> Vec<Remedy<'a>> {
    bigger(case, why, |site| match (is_single(site), site.text(&["driver_node_type_id"])) {
        // Without workers, the driver does the work.
        (true, Some(_)) => "driver_node_type_id",
        _ => "node_type_id",
    })
}

pub(super) fn driver<'a>(case: &RemedyCase<'a>) -> Vec<Remedy<'a>> {
    let why = "The driver ran out of memory: a machine with more of it, for the driver alone.";
    bigger(case, why, |site| match (is_single(site), site.text(&["driver_node_type_id"])) {
        (true, None) => "node_type_id",
        _ => "driver_node_type_id",
    })
}

fn is_single(site: &ClusterSite<'_>) -> bool {
    site.value(&["autoscale"]).is_none() && site.number(&["num_workers"]).unwrap_or_default() == 0
}

fn bigger<'a>(case: &RemedyCase<'a>, why: &str, member: impl Fn(&ClusterSite<'a>) -> &'static str) -> Vec<Remedy<'a>> {
    let size = ["spark.executor.memory", "spark.driver.memory"];
    let next = |site: &ClusterSite<'a>| {
        let now = site.text(&[member(site)]).or_else(|| site.text(&["node_type_id"]))?;
        nodes::bigger_memory(now)
    };
    match case.only(|site| !site.is_pooled()) {
        Ok(site) => {
            // A fixed heap does not grow with the machine.
            if let Some(key) = size.into_iter().find(|key| site.conf(key).is_some()) {
                let place = case.place(site.resource, &site.path(&["spark_conf", key]));
                let text = format!(
                    "{key} is fixed at {place}: a larger machine does not change it. Raise it, or take it out."
                );
                return vec![Remedy::Say(say(text))];
            }
            let Some(next) = next(site) else { return Vec::new() };
            vec![set(site, &[([member(site)], json!(next))], why)]
        }
        Err(names) if names.is_empty() => pooled(case, why),
        Err(names) => several(&names, &format!("{why} Choose a node type with more memory")),
    }
}

fn pooled<'a>(case: &RemedyCase<'a>, why: &str) -> Vec<Remedy<'a>> {
    let Some((site, pool)) = case.sites.iter().find_map(|site| Some((site, site.pool?))) else { return Vec::new() };
    let at = plumb_model::schema::Path::default().key("node_type_id");
    let bigger = site.node_type().and_then(nodes::bigger_memory).map(|node| format!(", for example {node}"));
    vec![Remedy::Say(say(format!(
        "{why} The machines of {} come from {} ({}), whose type cannot be changed: take them from a pool with more memory{}.",
        site.name,
        pool.address,
        case.place(pool, &at),
        bigger.unwrap_or_default()
    )))]
}

/// A sentence about several clusters, of which nothing says which one it was.
pub(super) fn several<'a>(names: &[String], what: &str) -> Vec<Remedy<'a>> {
    if names.is_empty() {
        return Vec::new();
    }
    vec![Remedy::Say(say(format!("{what}, of the cluster that failed: {}.", names.join(", "))))]
}
