//! Machines: spot instances that were taken back, zones and subnets that have none left.

use super::site::ClusterSite;
use super::{Proposal, Remedy, RemedyCase, say};
use crate::translate::nodes;
use serde_json::json;

const AVAILABILITY: [&str; 2] = ["aws_attributes", "availability"];
const FIRST_ON_DEMAND: [&str; 2] = ["aws_attributes", "first_on_demand"];
const ZONE: [&str; 2] = ["aws_attributes", "zone_id"];

/// Whether it has spot machines of AWS that are its own to say.
fn is_spot(site: &ClusterSite<'_>) -> bool {
    !site.is_pooled() && site.text(&AVAILABILITY).is_some_and(|text| text.starts_with("SPOT"))
}

pub(super) fn spot<'a>(case: &RemedyCase<'a>) -> Vec<Remedy<'a>> {
    let mut found = pooled(case);
    match case.only(is_spot) {
        Ok(site) => found.extend(fallback(case, site)),
        Err(names) if names.is_empty() => {}
        Err(names) => found.push(Remedy::Say(say(format!(
            "Several clusters of the job are spot instances: {}. Set aws_attributes.availability of the one that failed to \
             SPOT_WITH_FALLBACK, and first_on_demand to 1.",
            names.join(", ")
        )))),
    }
    found
}

/// A pool's market cannot be changed: plumb would replace the pool.
fn pooled<'a>(case: &RemedyCase<'a>) -> Vec<Remedy<'a>> {
    let at = plumb_model::schema::Path::default().key("aws_attributes").key("availability");
    let told = |site: &ClusterSite<'a>| {
        let pool = site.pool?;
        let is_spot = pool.spec.pointer("/aws_attributes/availability").is_none_or(|v| v == "SPOT");
        is_spot.then(|| {
            Remedy::Say(say(format!(
                "The machines of {} come from {} ({}). A pool keeps the market that it was made with: make a second one that is \
                 ON_DEMAND, and take the driver from it (driver_instance_pool_id), or all machines.",
                site.name,
                pool.address,
                case.place(pool, &at)
            )))
        })
    };
    let mut found: Vec<Remedy<'a>> = Vec::new();
    found.extend(case.sites.iter().find_map(told));
    found
}

/// What spot machines fall back to. The driver is on demand where `first_on_demand` is over 0 (databricks-sdk,
/// compute.AwsAttributes).
fn fallback<'a>(case: &RemedyCase<'a>, site: &ClusterSite<'a>) -> Vec<Remedy<'a>> {
    let mut wanted = Vec::new();
    if site.text(&AVAILABILITY) == Some("SPOT") {
        wanted.push((AVAILABILITY, json!("SPOT_WITH_FALLBACK")));
    }
    if site.number(&FIRST_ON_DEMAND).is_none_or(|nodes| nodes < 1) {
        wanted.push((FIRST_ON_DEMAND, json!(1)));
    }
    if wanted.is_empty() {
        return vec![Remedy::Say(say(format!(
            "{} ({}) keeps its driver on demand and falls back already. A run that cannot lose workers takes ON_DEMAND, or a \
             higher first_on_demand.",
            site.name,
            case.place(site.resource, &site.path(&AVAILABILITY))
        )))];
    }
    let why = "A driver on demand outlives a reclaim, and workers that were taken back are replaced by on-demand ones.";
    vec![set(site, &wanted, why)]
}

/// Sets members of a cluster, or says why not.
pub(super) fn set<'a, const N: usize>(
    site: &ClusterSite<'a>,
    wanted: &[([&str; N], serde_json::Value)],
    why: &str,
) -> Remedy<'a> {
    let mut settings = Vec::new();
    for (members, value) in wanted {
        match site.settings(members, value.clone()) {
            Ok(more) => settings.extend(more),
            Err(not) => {
                let what = format!("{} of {}", members.join("."), site.name);
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                return Remedy::Say(say(format!("{why} Set {what} to {value}; it is not proposed, because {not}.")));
            }
        }
    }
    Remedy::Set(Proposal { settings, why: why.to_owned() })
}

/// Whether the zone is its own to say, and is not left to Databricks.
fn has_zone(site: &ClusterSite<'_>) -> bool {
    // Without a word, a default zone is used, not any (databricks-sdk, compute.AwsAttributes).
    let is_aws = site.value(&["azure_attributes"]).is_none() && site.value(&["gcp_attributes"]).is_none();
    !site.is_pooled() && is_aws && !site.text(&ZONE).is_some_and(|zone| zone.eq_ignore_ascii_case("auto"))
}

fn zone<'a>(case: &RemedyCase<'a>, why: &str) -> Option<Remedy<'a>> {
    match case.only(has_zone) {
        Ok(site) => Some(set(site, &[(ZONE, json!("auto"))], why)),
        Err(names) if names.is_empty() => None,
        Err(names) => Some(Remedy::Say(say(format!(
            "{why} Set aws_attributes.zone_id to auto, of the cluster that failed: {}.",
            names.join(", ")
        )))),
    }
}

pub(super) fn capacity<'a>(case: &RemedyCase<'a>) -> Vec<Remedy<'a>> {
    let why = "With zone_id auto, Databricks tries another zone when AWS has no capacity in one.";
    let mut found: Vec<Remedy<'a>> = zone(case, why).into_iter().collect();
    let has_fleet = |site: &ClusterSite<'_>| !site.is_pooled() && site.node_type().and_then(nodes::fleet).is_some();
    let Ok(site) = case.only(has_fleet) else { return found };
    let mut wanted = Vec::new();
    for member in ["node_type_id", "driver_node_type_id"] {
        if let Some(fleet) = site.text(&[member]).and_then(nodes::fleet) {
            wanted.push(([member], json!(fleet)));
        }
    }
    let why = "A fleet type stands for several machine types of one shape, of which AWS gives what it has.";
    found.push(set(site, &wanted, why));
    found
}

pub(super) fn subnet<'a>(case: &RemedyCase<'a>) -> Vec<Remedy<'a>> {
    let why = "With zone_id auto, Databricks chooses the zone by the free addresses of the workspace's subnets.";
    zone(case, why).into_iter().collect()
}
