//! Managed scaling: as many instances as the policy allows while steps run, as few as it allows while none does.
//!
//! EMR scales by the load of YARN, which is not emulated. The limits are (EMR management guide,
//! "Using managed scaling"): of all core and task instances, of core instances, and of those on demand.

use super::cluster::EmrCluster;
use super::instances::{self, MOST};
use serde_json::Value;

/// Brings a cluster with a policy to the size for its load.
pub fn scale(cluster: &mut EmrCluster, is_busy: bool, at: i64) {
    let Some(limits) = cluster.scaling.as_ref().map(|policy| policy["ComputeLimits"].clone()) else { return };
    let of = |name: &str| limits[name].as_i64().map(|units| units.clamp(0, MOST));
    let (Some(least), Some(most)) = (of("MinimumCapacityUnits"), of("MaximumCapacityUnits")) else { return };
    let target = if is_busy { most } else { least };
    if cluster.has_fleets() {
        fleets(cluster, target, of("MaximumCoreCapacityUnits"), of("MaximumOnDemandCapacityUnits"))
    } else {
        groups(cluster, &limits["UnitType"], target, of("MaximumCoreCapacityUnits"))
    }
    instances::provision(cluster, at);
}

/// What core has to be at most, and what is left for task instances: core is filled first.
fn groups(cluster: &mut EmrCluster, unit: &Value, target: i64, most_core: Option<i64>) {
    let units = |kind: &str| if unit == "VCPU" { instances::cpus(kind).max(1) } else { 1 };
    let has_task = cluster.groups.iter().any(|group| group.role() == "TASK");
    let mut left = target;
    for role in ["CORE", "TASK"] {
        let cap = match role {
            "CORE" if has_task || most_core.is_some() => most_core.unwrap_or(target).min(target),
            _ => left,
        };
        // All that a role gets goes to its first group.
        for (place, group) in cluster.groups.iter_mut().filter(|group| group.role() == role).enumerate() {
            let each = units(group.kind());
            let count = if place == 0 { cap.min(left) / each } else { 0 };
            group.requested = count.max(i64::from(role == "CORE"));
            left = (left - group.requested * each).max(0);
        }
    }
}

fn fleets(cluster: &mut EmrCluster, target: i64, most_core: Option<i64>, most_on_demand: Option<i64>) {
    let mut left = target;
    let mut on_demand_left = most_on_demand.unwrap_or(MOST);
    for role in ["CORE", "TASK"] {
        for fleet in cluster.fleets.iter_mut().filter(|fleet| fleet.role() == role) {
            let cap = if role == "CORE" { most_core.unwrap_or(left).min(left) } else { left };
            let asked = |name: &str| fleet.asked[name].as_i64().unwrap_or_default();
            // Capacity requested on demand stays so, as far as the policy lets it; the rest is spot where there was some.
            let fixed = match asked("TargetSpotCapacity") {
                0 => cap,
                _ => asked("TargetOnDemandCapacity").min(cap),
            };
            fleet.on_demand = fixed.min(on_demand_left).max(0);
            fleet.spot = if asked("TargetSpotCapacity") == 0 { 0 } else { cap - fleet.on_demand };
            on_demand_left -= fleet.on_demand;
            left = (left - fleet.on_demand - fleet.spot).max(0);
        }
    }
}
