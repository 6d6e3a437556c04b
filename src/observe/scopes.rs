//! Where the objects of kinds without a listing of their own are looked for.

use plumb_core::kinds::{Kind, Scope, objects};
use plumb_core::manifest::Desired;
use std::collections::BTreeMap;

/// By kind, the scope of its listing. Kinds with one listing for all of their objects have none.
#[derive(Clone, Debug, Default)]
pub struct Scopes(BTreeMap<&'static str, Scope>);

impl Scopes {
    /// Where the manifests have objects and once had any, and what the target names besides.
    pub fn of(desired: &Desired) -> Scopes {
        let catalogs = desired.target.databricks.iter().flat_map(|target| target.catalogs.iter().cloned());
        let base = Scope {
            catalogs: catalogs.collect(),
            owner: (desired.project.name.clone(), desired.mark_target()),
            ..Scope::default()
        };
        let nested = objects().iter().filter(|kind| kind.nested().is_some());
        let scope = |kind: &dyn Kind| {
            let own = desired.resources.iter().filter(|resource| resource.address.kind == kind.name());
            let mut named = kind.places(own.map(|resource| resource.spec.read()));
            let once = desired.once.of(kind);
            named.extend(once.iter().flat_map(|once| once.named.iter().cloned()));
            let everywhere = once.is_some_and(|once| once.anywhere);
            Scope { named, everywhere, ..base.clone() }
        };
        Scopes(nested.map(|kind| (kind.name(), scope(*kind))).collect())
    }

    /// The same, and of the kinds that are asked for every place that the service shows, unless the target names catalogs.
    pub fn everywhere(desired: &Desired, is_asked: &dyn Fn(&'static dyn Kind) -> bool) -> Scopes {
        let mut scopes = Scopes::of(desired);
        for kind in objects().iter().copied().filter(|kind| is_asked(*kind)) {
            if let Some(scope) = scopes.0.get_mut(kind.name()) {
                scope.everywhere |= scope.catalogs.is_empty();
            }
        }
        scopes
    }

    /// Where to look for the objects of a kind.
    pub fn get(&self, kind: &dyn Kind) -> Scope {
        self.0.get(kind.name()).cloned().unwrap_or_default()
    }
}
