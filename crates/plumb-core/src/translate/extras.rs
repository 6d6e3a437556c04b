//! What is written beside the jobs where an option wants it: a pool of machines, a policy.

use super::account::{Ask, At, Book};
use super::parts::CLUSTER;
use super::{TranslatedManifest, address};
use crate::kinds::databricks::policy::DatabricksClusterPolicy;
use crate::kinds::databricks::pool::DatabricksInstancePool;
use serde_json::{Map, Value, json};

/// The clusters of a job's spec.
fn clusters(spec: &mut Value) -> impl Iterator<Item = &mut Map<String, Value>> {
    let list = spec.get_mut("job_clusters").and_then(Value::as_array_mut).into_iter().flatten();
    list.filter_map(|c| c.get_mut("new_cluster")?.as_object_mut())
}

/// A pool of the machines of the first job's first cluster, from which all clusters with these machines are taken.
pub(super) fn pool(
    book: &mut Book,
    root: &At<'_>,
    name: &str,
    jobs: &mut [(String, Value)],
) -> Option<TranslatedManifest> {
    let first = jobs.iter_mut().find_map(|(_, spec)| clusters(spec).next().map(|c| c.clone()))?;
    let node = first.get("node_type_id")?.clone();
    let aws = first.get("aws_attributes").cloned().unwrap_or_default();
    // A pool has one market for all its machines; a driver of its own would need a pool of its own.
    let available = match aws["availability"].as_str() {
        Some("SPOT" | "SPOT_WITH_FALLBACK") => "SPOT",
        _ => "ON_DEMAND",
    };
    let mut pool = json!({
        "instance_pool_name": name,
        "node_type_id": node,
        "min_idle_instances": 0,
        "idle_instance_autotermination_minutes": 15,
        "aws_attributes": { "availability": available },
    });
    if let Some(bid) = aws.get("spot_bid_price_percent").filter(|_| available == "SPOT") {
        pool["aws_attributes"]["spot_bid_price_percent"] = bid.clone();
    }
    if let Some(version) = first.get("spark_version") {
        pool["preloaded_spark_versions"] = json!([version]);
    }
    if let (Some(kind), Some(count), Some(size)) =
        (aws.get("ebs_volume_type"), aws.get("ebs_volume_count"), aws.get("ebs_volume_size"))
    {
        pool["disk_spec"] = json!({ "disk_type": { "ebs_volume_type": kind }, "disk_count": count, "disk_size": size });
    }
    if first.get("enable_elastic_disk").is_some() {
        pool["enable_elastic_disk"] = json!(true);
    }
    let mut differs = available == "SPOT";
    for (_, spec) in jobs.iter_mut() {
        for cluster in clusters(spec).filter(|c| c.get("node_type_id") == Some(&node)) {
            cluster.remove("node_type_id");
            differs |= cluster.remove("driver_node_type_id").is_some();
            cluster.remove("enable_elastic_disk");
            let profile = cluster.get("aws_attributes").and_then(|a| a.get("instance_profile_arn")).cloned();
            cluster.remove("aws_attributes");
            if let Some(profile) = profile {
                cluster.insert("aws_attributes".into(), json!({ "instance_profile_arn": profile }));
            }
            cluster.insert("instance_pool_id".into(), json!(format!("${{resources.DatabricksInstancePool.{name}}}")));
        }
    }
    let still = |place: &str| jobs.iter().any(|(_, spec)| super::find(spec, place).1);
    let moved = |place: &str| {
        if !place.contains(".new_cluster.") || still(place) {
            Some(place.to_owned())
        } else if place.ends_with(".driver_node_type_id") {
            None
        } else {
            Some(format!("{CLUSTER}.instance_pool_id"))
        }
    };
    book.moved("", moved, "the driver comes from the pool");
    if differs {
        let ask = Ask {
            what: "where the drivers come from".into(),
            why: "a pool has machines of one type and one market: the driver's too, unless it has a pool of its own",
            options: &["the same pool", "a second pool of on-demand machines, as driver_instance_pool_id"],
            default: "the same pool",
            place: format!("{CLUSTER}.instance_pool_id"),
        };
        book.note(root, ask);
    }
    Some(TranslatedManifest { address: address(DatabricksInstancePool::NAME, name), spec: pool })
}

/// A policy that keeps clusters to the runtime, the machines and the size of the old one.
pub(super) fn policy(name: &str, jobs: &[(String, Value)]) -> Option<TranslatedManifest> {
    let mut definition = Map::new();
    let all: Vec<Value> =
        jobs.iter().flat_map(|(_, spec)| spec["job_clusters"].as_array().cloned().unwrap_or_default()).collect();
    let values = |member: &str| -> Vec<Value> {
        let mut values: Vec<Value> =
            all.iter().filter_map(|c| c["new_cluster"].get(member)).filter(|v| v.is_string()).cloned().collect();
        values.sort_by_key(ToString::to_string);
        values.dedup();
        values
    };
    for member in ["spark_version", "node_type_id"] {
        let values = values(member);
        if !values.is_empty() {
            definition.insert(member.into(), json!({ "type": "allowlist", "values": values }));
        }
    }
    let most = all.iter().filter_map(|c| {
        let cluster = &c["new_cluster"];
        cluster["num_workers"].as_i64().or_else(|| cluster["autoscale"]["max_workers"].as_i64())
    });
    if let Some(most) = most.max() {
        for member in ["num_workers", "autoscale.max_workers"] {
            definition.insert(member.into(), json!({ "type": "range", "maxValue": most, "isOptional": true }));
        }
    }
    (!definition.is_empty()).then(|| TranslatedManifest {
        address: address(DatabricksClusterPolicy::NAME, name),
        spec: json!({ "name": name, "definition": definition }),
    })
}
