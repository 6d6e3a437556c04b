//! Jobs whose clusters take their logs along when they end.

use super::{Desired, Resource};
use crate::kinds::databricks::job::DatabricksJob;
use crate::kinds::databricks::own_clusters::own_clusters;
use crate::kinds::databricks::policy::DatabricksClusterPolicy;
use plumb_model::schema::Path;
use plumb_model::yaml::Problems;
use serde_json::Value;
use std::collections::BTreeMap;

/// The jobs of which a cluster delivers its logs nowhere: one finding a job, at the first of its clusters that does not.
pub(super) fn undelivered(desired: &Desired) -> Problems {
    let mut problems = Problems::default();
    let policies = Policies::of(desired);
    for job in desired.resources.iter().filter(|resource| resource.address.kind == DatabricksJob::NAME) {
        let lost: Vec<Path> = own_clusters(&job.spec.read())
            .into_iter()
            .filter(|(_, spec)| spec.get("cluster_log_conf").is_none_or(Value::is_null) && !policies.decide(spec))
            .map(|(at, _)| at)
            .collect();
        let Some((first, more)) = lost.split_first() else { continue };
        let what = match more.len() {
            0 => format!("{} has a cluster that delivers its logs nowhere", job.address),
            more => format!("{} has {} clusters that deliver their logs nowhere", job.address, more + 1),
        };
        problems.at(job.locate(first), what, "when a run fails, its logs are gone").help(
            "write `cluster_log_conf: {volumes: {destination: /Volumes/CATALOG/SCHEMA/VOLUME/logs}}`, or fix it in the policy",
        );
    }
    problems
}

/// The cluster policies of the manifests, by what refers to each.
struct Policies<'a>(BTreeMap<String, &'a Resource>);

impl<'a> Policies<'a> {
    fn of(desired: &'a Desired) -> Policies<'a> {
        let policies = desired.resources.iter().filter(|r| r.address.kind == DatabricksClusterPolicy::NAME);
        let reference = |name: &str| format!("${{resources.{}.{name}}}", DatabricksClusterPolicy::NAME);
        Policies(policies.map(|policy| (reference(&policy.address.name), policy)).collect())
    }

    /// Whether the policy of a cluster says where the logs go, or that they go nowhere.
    fn decide(&self, cluster: &Value) -> bool {
        let Some(policy) = cluster.get("policy_id").and_then(Value::as_str).and_then(|id| self.0.get(id)) else {
            return false;
        };
        // Defaults count only where the cluster asks for them.
        let takes_defaults = cluster.get("apply_policy_default_values") == Some(&Value::Bool(true));
        let says = |rule: &Value| match rule["type"].as_str() {
            Some("fixed" | "forbidden") => true,
            _ => takes_defaults && rule.get("defaultValue").is_some(),
        };
        ["definition", "policy_family_definition_overrides"]
            .into_iter()
            .filter_map(|member| policy.spec.get(member)?.as_object())
            .flatten()
            .any(|(name, rule)| name.starts_with("cluster_log_conf.") && says(rule))
    }
}

#[cfg(test)]
#[path = "log_delivery_tests.rs"]
mod tests;
