//! The migrations of the manifests, as a board reads them.

use crate::kinds::emr::migration::{Migration, MigrationSpec};
use crate::manifest::{Desired, Resource};
use crate::teardown::{ComparedMigration, ParityMigration, parity_migrations};
use serde_json::Value;

/// A migration of the manifests.
pub struct BoardManifest<'d> {
    pub resource: &'d Resource,
    pub spec: MigrationSpec,
}

impl BoardManifest<'_> {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.resource.address.name
    }

    /// The wave that it is in; one without is a wave of its own.
    pub fn wave(&self) -> &str {
        self.spec.wave.as_deref().unwrap_or_else(|| self.name())
    }
}

/// All of them, in the order of names. What loaded is one: a spec that cannot be read is passed over.
pub fn board_manifests(desired: &Desired) -> Vec<BoardManifest<'_>> {
    let of = desired.resources.iter().filter(|resource| resource.kind.name() == Migration::NAME);
    of.filter_map(|resource| Some(BoardManifest { resource, spec: spec(&resource.spec)? })).collect()
}

fn spec(value: &Value) -> Option<MigrationSpec> {
    serde_json::from_value(value.clone()).ok()
}

/// What reports are held against: beside the gates of teardowns what the migrations themselves ask before they are cut over.
pub fn compared_by(desired: &Desired) -> Vec<ParityMigration> {
    let mut known = parity_migrations(desired);
    for one in board_manifests(desired) {
        let address = &one.resource.address;
        let at = known.iter().position(|other| other.migration.address == *address).unwrap_or_else(|| {
            known.push(ParityMigration { migration: ComparedMigration::of(one.resource), gates: Vec::new() });
            known.len() - 1
        });
        let asked = one.spec.requires.and_then(|requires| requires.parity).filter(|parity| parity.passes > 0);
        if let (Some(parity), Some(known)) = (asked, known.get_mut(at)) {
            known.gates.push((address.clone(), parity));
        }
    }
    known
}
