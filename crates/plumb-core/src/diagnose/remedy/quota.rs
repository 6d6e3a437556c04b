//! Limits of the AWS account.

use super::site::{ClusterSite, job_clusters};
use super::{Remedy, RemedyCase, copy};
use crate::kinds::databricks::job::DatabricksJob;
use crate::translate::nodes;

/// "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", in vCPUs (AWS CLI user guide, service-quotas examples).
const ON_DEMAND: &str = "L-1216C47A";
/// "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests", in vCPUs (Service Quotas, ec2).
const SPOT: &str = "L-34B43A08";

/// vCPUs of clusters, and how many clusters nothing is known of.
#[derive(Default)]
struct Sum {
    cores: i64,
    unknown: usize,
}

impl Sum {
    fn add(&mut self, site: &ClusterSite<'_>) {
        match cores(site) {
            Some(cores) => self.cores = self.cores.saturating_add(cores),
            None => self.unknown += 1,
        }
    }
}

/// The most vCPUs that a cluster takes at a time.
fn cores(site: &ClusterSite<'_>) -> Option<i64> {
    let node = site.node_type()?;
    let driver = if site.is_pooled() { node } else { site.text(&["driver_node_type_id"]).unwrap_or(node) };
    let workers =
        site.number(&["autoscale", "max_workers"]).or_else(|| site.number(&["num_workers"])).unwrap_or_default();
    nodes::cores(node)?.checked_mul(workers.max(0))?.checked_add(nodes::cores(driver)?)
}

/// Whether its machines are spot instances.
fn market<'a>(site: &ClusterSite<'a>) -> Option<&'a str> {
    match site.pool {
        Some(pool) => pool.spec.pointer("/aws_attributes/availability")?.as_str(),
        None => site.text(&["aws_attributes", "availability"]),
    }
}

pub(super) fn vcpus<'a>(case: &RemedyCase<'a>) -> Vec<Remedy<'a>> {
    let spot_words = ["MaxSpotInstanceCountExceeded", "pot instance count", "Spot"];
    // Other limits of an account have other codes, which no message here tells.
    let is_of_cores = case.cause.class == "VCPU_LIMIT"
        || case.shows(&spot_words)
        || case.shows(&["InstanceLimitExceeded", "more instances"]);
    let Some(job) = case.job.filter(|_| is_of_cores) else { return Vec::new() };
    let mut own = Sum::default();
    job_clusters(case.input.desired, job).iter().for_each(|site| own.add(site));
    let mut all = Sum::default();
    for other in case.input.desired.resources.iter().filter(|r| r.address.kind == DatabricksJob::NAME) {
        job_clusters(case.input.desired, other).iter().for_each(|site| all.add(site));
    }
    let mut text = format!("The clusters of {} take at most {} vCPUs at a time", job.address, own.cores);
    if own.unknown > 0 {
        text.push_str(&format!(", without {} whose machines are not known", own.unknown));
    }
    text.push_str(&format!("; those of all jobs of these manifests together {}", all.cores));
    if all.unknown > 0 {
        text.push_str(&format!(", without {} whose machines are not known", all.unknown));
    }
    if let Some(limit) = case.slot("limit") {
        text.push_str(&format!("; the limit is {limit}"));
    }
    text.push_str(". What else runs in the account, EMR too, comes on top.");
    let asked = if all.cores > 0 { all.cores.to_string() } else { "VCPUS".to_owned() };
    let is_on_demand = case.sites.iter().all(|site| market(site) == Some("ON_DEMAND"));
    let codes: &[&str] = if case.shows(&spot_words) {
        &[SPOT]
    } else if is_on_demand && !case.sites.is_empty() {
        &[ON_DEMAND]
    } else {
        &[ON_DEMAND, SPOT]
    };
    let name = |code: &str| if code == SPOT { "spot requests" } else { "on-demand instances" };
    text.push_str(&format!(
        " Quota of standard instances (A, C, D, H, I, M, R, T, Z): {}.",
        codes.iter().map(|code| format!("{} {code}", name(code))).collect::<Vec<_>>().join(", ")
    ));
    let ask = |code: &&str| {
        format!(
            "aws service-quotas request-service-quota-increase --service-code ec2 --quota-code {code} --desired-value {asked}"
        )
    };
    vec![Remedy::Say(copy(text, codes.iter().map(ask).collect::<Vec<_>>().join("\n")))]
}
