//! What the target has the systems for.

use super::Blocked;
use super::decide::Decider;
use crate::manifest::Resource;
use plumb_model::call::System;

/// The systems that a resource needs. An object of others only needs its own.
fn needs(resource: &Resource) -> Vec<System> {
    match resource.kind.is_external(&resource.spec) {
        true => vec![resource.kind.system()],
        false => resource.kind.systems(),
    }
}

/// Whether the resource needs a system that the target does not have.
pub(super) fn lacks(resource: &Resource, absent: &[System]) -> bool {
    needs(resource).iter().any(|system| absent.contains(system))
}

impl Decider<'_> {
    /// A resource that the target has not all the systems for.
    pub(super) fn unserved(&mut self, resource: &Resource) {
        self.unavailable.insert(resource.address.clone());
        if self.input.selection.has(resource) {
            let (target, one) = (&self.input.desired.target.name, resource.kind.one());
            let needs: Vec<String> = needs(resource).iter().map(|system| format!("`{}`", system.setting())).collect();
            self.blocked.push(Blocked {
                guard: None,
                address: Some(resource.address.clone()),
                reason: format!("target {target} has not all that {one} needs: {}", needs.join(" and ")),
                remedy: Some("add it to the target in plumb.yaml".into()),
            });
        }
    }
}
