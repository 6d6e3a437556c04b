//! Things that specs name without their ids: secret scopes, secrets, schemas and volumes.
//!
//! Who names a thing that a manifest of the project makes comes after it, and goes before it.

use std::fmt;

/// What a name is the name of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ThingKind {
    /// `lake`.
    SecretScope,
    /// `lake/password`.
    Secret,
    /// `main.sales`.
    Schema,
    /// `main.sales.landing`.
    Volume,
    /// A location by its name.
    ExternalLocation,
    /// What a location covers: `s3://bucket/folder`.
    Storage,
}

/// A thing that is known by its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamedThing {
    pub kind: ThingKind,
    pub name: String,
}

impl NamedThing {
    /// A thing of that name.
    pub fn new(kind: ThingKind, name: impl Into<String>) -> NamedThing {
        NamedThing { kind, name: name.into() }
    }
}

impl fmt::Display for NamedThing {
    /// In words: `volume main.sales.landing`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = match self.kind {
            ThingKind::SecretScope => "secret scope",
            ThingKind::Secret => "secret",
            ThingKind::Schema => "schema",
            ThingKind::Volume => "volume",
            ThingKind::ExternalLocation => "external location",
            ThingKind::Storage => "storage",
        };
        write!(f, "{noun} {}", self.name)
    }
}
