//! Managed scaling and auto-termination policies.

use super::cluster::{EmrCluster, EmrClusterState};
use super::replies::{AwsResult, validation};
use super::{check, clusters, scaling};
use crate::{answer::Answer, store::Store};
use serde_json::{Value, json};

/// The policy, or an empty answer without one.
pub fn get(store: &mut Store, region: &str, body: &Value, name: &str) -> AwsResult {
    let cluster = clusters::known(store, region, body)?;
    let policy = if name == "ManagedScalingPolicy" { &cluster.scaling } else { &cluster.idle };
    Ok(policy.as_ref().map_or_else(|| json!({}), |policy| json!({ name: policy })))
}

pub fn remove(store: &mut Store, region: &str, body: &Value, name: &str) -> AwsResult {
    let cluster = changeable(store, region, body)?;
    *(if name == "ManagedScalingPolicy" { &mut cluster.scaling } else { &mut cluster.idle }) = None;
    Ok(json!({}))
}

pub fn put_scaling(store: &mut Store, region: &str, body: &Value) -> AwsResult {
    let now = store.now();
    let cluster = changeable(store, region, body)?;
    check::object(body, "ManagedScalingPolicy")?;
    let policy = &body["ManagedScalingPolicy"];
    scaling_fits(policy, cluster.has_fleets(), cluster.release())?;
    cluster.scaling = Some(policy.clone());
    if matches!(cluster.phase, EmrClusterState::Running | EmrClusterState::Waiting) {
        let is_busy = cluster.phase == EmrClusterState::Running;
        scaling::scale(cluster, is_busy, now);
    }
    Ok(json!({}))
}

pub fn put_idle(store: &mut Store, region: &str, body: &Value) -> AwsResult {
    let now = store.now();
    let cluster = changeable(store, region, body)?;
    check::object(body, "AutoTerminationPolicy")?;
    let policy = &body["AutoTerminationPolicy"];
    idle_fits(policy, cluster.release())?;
    cluster.idle = Some(policy.clone());
    cluster.idle_from = now;
    Ok(json!({}))
}

fn changeable<'s>(store: &'s mut Store, region: &str, body: &Value) -> Result<&'s mut EmrCluster, Answer> {
    let cluster = clusters::known(store, region, body)?;
    if cluster.phase.is_active() { Ok(cluster) } else { Err(clusters::over()) }
}

/// Both policies came with 5.30 and 6.1 (API reference, PutManagedScalingPolicy and PutAutoTerminationPolicy).
fn is_new_enough(release: (u32, u32)) -> bool {
    release >= (6, 1) || (release.0 == 5 && release.1 >= 30)
}

/// Whether a managed scaling policy can be attached to such a cluster.
pub fn scaling_fits(policy: &Value, has_fleets: bool, release: (u32, u32)) -> Result<(), Answer> {
    if !is_new_enough(release) {
        return Err(validation("Managed scaling is available for EMR releases 5.30.0 and later, except 6.0.0."));
    }
    check::object(policy, "ManagedScalingPolicy.ComputeLimits")?;
    let at = |name: &str| format!("ManagedScalingPolicy.ComputeLimits.{name}");
    let limits = &policy["ComputeLimits"];
    let unit = check::text(limits, &at("UnitType"))?;
    check::one_of(unit, &at("UnitType"), &["InstanceFleetUnits", "Instances", "VCPU"])?;
    if (unit == "InstanceFleetUnits") != has_fleets {
        return Err(validation(format!(
            "The unit type {unit} cannot be used with a cluster that uses instance {}.",
            if has_fleets { "fleets" } else { "groups" }
        )));
    }
    let least = check::number(limits, &at("MinimumCapacityUnits"))?;
    let most = check::number(limits, &at("MaximumCapacityUnits"))?;
    if least < 1 || most < least {
        return Err(validation("MinimumCapacityUnits must be at least 1 and at most MaximumCapacityUnits."));
    }
    for name in ["MaximumOnDemandCapacityUnits", "MaximumCoreCapacityUnits"] {
        let limit = check::maybe_number(limits, &at(name))?;
        if limit.is_some_and(|limit| limit < 0 || limit > most) {
            return Err(validation(format!("{name} must be between 0 and MaximumCapacityUnits.")));
        }
    }
    Ok(())
}

/// Whether an auto-termination policy can be attached to such a cluster.
pub fn idle_fits(policy: &Value, release: (u32, u32)) -> Result<(), Answer> {
    if !is_new_enough(release) {
        return Err(validation("Auto-termination is available for EMR releases 5.30.0 and 6.1.0 and later."));
    }
    // "a minimum of 60 seconds and a maximum of 604800 seconds" (AutoTerminationPolicy).
    let seconds = check::number(policy, "AutoTerminationPolicy.IdleTimeout")?;
    if (60..=604_800).contains(&seconds) {
        Ok(())
    } else {
        Err(validation("The idle timeout must be between 60 and 604800 seconds."))
    }
}
