//! What the schema of a cluster cannot say.

use super::cluster::ClusterSpec;
use super::code_paths::Checked;
use super::compute::Autoscale;
use super::{grants, limits};
use crate::kinds::Findings;
use plumb_model::yaml::is_deferred;
use std::collections::BTreeMap;

/// Checks an all-purpose cluster.
pub fn check(spec: &ClusterSpec, findings: &mut Findings) {
    limits::tags(spec.custom_tags.as_ref(), "custom_tags", limits::CUSTOM_TAGS, findings);
    if let Some(minutes) = spec.autotermination_minutes.filter(|m| *m != 0) {
        // Clusters API, create: 0 is never; anything else is 10 to 10000.
        limits::number(Some(minutes), 10, 10_000, "autotermination_minutes", findings);
    }
    shape(
        &ClusterShape {
            num_workers: spec.num_workers,
            autoscale: spec.autoscale.as_ref(),
            pool: spec.instance_pool_id.as_deref(),
            node_type: spec.node_type_id.as_deref(),
            driver_node_type: spec.driver_node_type_id.as_deref(),
            ssh_keys: spec.ssh_public_keys.as_ref().map_or(0, Vec::len),
            init_scripts: spec.init_scripts.as_ref().map_or(0, Vec::len),
        },
        "",
        findings,
    );
    Checked { has_git: false }.libraries(spec.libraries.as_deref(), "libraries", findings);
    grants::each_once(spec.permissions.as_deref().unwrap_or_default(), findings);
}

/// What clusters of jobs and all-purpose clusters have in common to check.
pub struct ClusterShape<'a> {
    pub num_workers: Option<i64>,
    pub autoscale: Option<&'a Autoscale>,
    pub pool: Option<&'a str>,
    pub node_type: Option<&'a str>,
    pub driver_node_type: Option<&'a str>,
    pub ssh_keys: usize,
    pub init_scripts: usize,
}

/// Checks size and machines; `at` is where the cluster stands, with a dot behind it.
pub fn shape(shape: &ClusterShape<'_>, at: &str, findings: &mut Findings) {
    if shape.num_workers.is_some() && shape.autoscale.is_some() {
        findings.at(
            format!("{at}num_workers"),
            "a cluster has a fixed size or scales by itself, not both",
            "remove this or `autoscale`",
        );
    }
    if let Some(Autoscale { min_workers: Some(least), max_workers: Some(most), .. }) = shape.autoscale
        && least > most
    {
        findings.at(format!("{at}autoscale.min_workers"), format!("{least} is more than max_workers, {most}"), "");
    }
    limits::number(shape.num_workers, 0, i64::from(i32::MAX), &format!("{at}num_workers"), findings);
    if shape.pool.is_some() {
        // Terraform provider, clusters: with a pool the machine types are the pool's, and the API refuses others.
        for (member, set) in [("node_type_id", shape.node_type), ("driver_node_type_id", shape.driver_node_type)] {
            if set.is_some() {
                findings.at(
                    format!("{at}{member}"),
                    format!("`{member}` cannot be set together with `instance_pool_id`"),
                    "the pool decides it: remove this",
                );
            }
        }
    }
    for (member, count) in [("ssh_public_keys", shape.ssh_keys), ("init_scripts", shape.init_scripts)] {
        if count > 10 {
            findings.at(format!("{at}{member}"), format!("{count} of them"), "a cluster takes 10 at most");
        }
    }
}

/// The indices of the elements whose key an earlier one has already. What is not known yet is not the same.
pub fn repeated<'k>(keys: impl Iterator<Item = &'k str>) -> Vec<(usize, &'k str)> {
    let mut first = BTreeMap::new();
    keys.enumerate().filter(|(i, key)| !is_deferred(key) && first.insert(*key, *i).is_some()).collect()
}
