//! What the target has the systems for.

use super::Blocked;
use super::context::PlanContext;
use super::verdict::ResourceVerdict;
use crate::manifest::Resource;
use plumb_model::call::System;

/// The systems that a resource needs. An object of others only needs its own.
fn needs(resource: &Resource) -> Vec<System> {
    if resource.is_external() { vec![resource.kind.system()] } else { resource.kind.systems() }
}

/// Whether the resource needs a system that the target does not have.
pub(super) fn has_missing(resource: &Resource, absent: &[System]) -> bool {
    needs(resource).iter().any(|system| absent.contains(system))
}

/// Refuses a resource that the target has not all the systems for.
pub(super) fn refuse<'a>(context: &PlanContext<'_>, resource: &Resource) -> ResourceVerdict<'a> {
    let mut verdict = ResourceVerdict { unavailable: true, ..Default::default() };
    if context.input.selection.has(resource) {
        let (target, one) = (&context.input.desired.target.name, resource.kind.one());
        let needs: Vec<String> = needs(resource).iter().map(|system| format!("`{}`", system.setting())).collect();
        let reason = format!("target {target} has not all that {one} needs: {}", needs.join(" and "));
        let blocked = Blocked::new(&resource.address, reason).with_remedy("add it to the target in plumb.yaml");
        verdict.blocked.push(blocked);
    }
    verdict
}
