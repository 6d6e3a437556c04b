//! Secrets and volumes that texts name as if a manifest declared them, and none does.
//!
//! Only what is near to something of the project is told: what other teams make is nobody's mistake here.

use super::stands_on::{Provided, named_by};
use super::{Desired, Resource};
use crate::kinds::{NamedThing, ThingKind};
use plumb_model::yaml::{Guesser, Problems, Span, nearest};
use std::collections::{BTreeMap, BTreeSet};

/// What is told of secrets, of scopes and of volumes, each with the name of the check.
pub(super) fn warnings(desired: &Desired) -> Vec<(&'static str, Problems)> {
    let provided = Provided::of(&desired.resources);
    if provided.things.is_empty() {
        return Vec::new();
    }
    let declared = Declared::of(&provided);
    let mut told =
        UndeclaredNames { desired, provided: &provided, guesser: Guesser::default(), all: Default::default() };
    for resource in &desired.resources {
        let mut met = BTreeSet::new();
        for (thing, span, written) in named_by(resource) {
            let thing = provided.named(thing);
            if provided.things.get(&thing).is_some() || !met.insert(thing.key()) {
                continue;
            }
            let place = desired.files.part(span, &written);
            match thing.kind {
                ThingKind::Secret => told.secret(&declared, &thing, place),
                ThingKind::Volume => told.volume(&declared, &thing, place),
                _ => {}
            }
        }
    }
    told.all.into_iter().collect()
}

/// The names that manifests declare. Those that are looked up are in the form that they are compared in.
#[derive(Default)]
struct Declared {
    scopes: BTreeSet<String>,
    /// The keys of each scope.
    keys: BTreeMap<String, BTreeSet<String>>,
    /// The volumes of each schema; of a schema that is declared also none.
    volumes: BTreeMap<String, BTreeSet<String>>,
    /// The catalogs and schemas of the volumes of a name.
    places: BTreeMap<String, BTreeSet<(String, String)>>,
}

impl Declared {
    fn of(provided: &Provided) -> Declared {
        let mut declared = Declared::default();
        for thing in provided.things.things() {
            let NamedThing { kind, name } = thing;
            let key = thing.key().name;
            match kind {
                ThingKind::SecretScope => drop(declared.scopes.insert(name.clone())),
                ThingKind::Schema => drop(declared.volumes.entry(key).or_default()),
                ThingKind::Secret => {
                    if let (Some((scope, _)), Some((_, secret))) = (key.rsplit_once('/'), name.rsplit_once('/')) {
                        declared.keys.entry(scope.to_owned()).or_default().insert(secret.to_owned());
                    }
                }
                ThingKind::Volume => {
                    let (Some((around, of)), Some((_, volume))) = (key.rsplit_once('.'), name.rsplit_once('.')) else {
                        continue;
                    };
                    declared.volumes.entry(around.to_owned()).or_default().insert(volume.to_owned());
                    if let Some((catalog, schema)) = around.split_once('.') {
                        let place = (catalog.to_owned(), schema.to_owned());
                        declared.places.entry(of.to_owned()).or_default().insert(place);
                    }
                }
                _ => {}
            }
        }
        declared
    }
}

struct UndeclaredNames<'a> {
    desired: &'a Desired,
    provided: &'a Provided,
    guesser: Guesser,
    all: BTreeMap<&'static str, Problems>,
}

impl UndeclaredNames<'_> {
    fn add(&mut self, check: &'static str, place: Span, message: String, label: String, help: &str) {
        self.all.entry(check).or_default().at(place, message, label).help(help);
    }

    fn provider(&self, thing: &NamedThing) -> Option<&Resource> {
        self.desired.resources.get(*self.provided.things.get(thing)?)
    }

    fn secret(&mut self, declared: &Declared, secret: &NamedThing, place: Span) {
        let Some((scope, key)) = secret.name.rsplit_once('/') else { return };
        let scope = NamedThing::new(ThingKind::SecretScope, scope);
        match self.provider(&scope) {
            Some(provider) if provider.kind.provides_more(&provider.spec.read()) => {}
            Some(provider) => {
                let address = provider.address.clone();
                let keys = declared.keys.get(&scope.key().name);
                let known = keys.into_iter().flatten().map(String::as_str);
                let label = match self.guesser.nearest(key, known) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "no manifest declares it".to_owned(),
                };
                let message = format!("{address} declares no secret `{key}`");
                let help = "who reads it gets an error when it runs: declare it, or let the scope's list of secrets be additive";
                self.add("undeclared-secret", place, message, label, help);
            }
            None => {
                let near = self.guesser.nearest(&scope.name, declared.scopes.iter().map(String::as_str));
                let Some(near) = near else { return };
                let message = format!("no manifest declares the secret scope `{}`", scope.name);
                let label = format!("did you mean `{near}`?");
                self.add(
                    "undeclared-scope",
                    place,
                    message,
                    label,
                    "nothing is wrong with it where others make that scope",
                );
            }
        }
    }

    fn volume(&mut self, declared: &Declared, thing: &NamedThing, place: Span) {
        let name = thing.key().name;
        let Some((around, volume)) = name.rsplit_once('.') else { return };
        let Some((catalog, schema)) = around.split_once('.') else { return };
        let message = format!("no manifest declares the volume `{}`", thing.name);
        if let Some(volumes) = declared.volumes.get(around) {
            let label = match self.guesser.nearest(volume, volumes.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "the project has its schema, and not the volume".to_owned(),
            };
            let help = "declare it; nothing is wrong with it where others make it";
            self.add("undeclared-volume", place, message, label, help);
            return;
        }
        // A volume of that name which is nearly there: one of catalog and schema is the same, and the other spelled alike.
        let near = declared.places.get(volume).into_iter().flatten().find(|(other_catalog, other_schema)| {
            let is_near = |written: &str, other: &str| nearest(written, [other]).is_some();
            catalog == other_catalog && is_near(schema, other_schema)
                || schema == other_schema && is_near(catalog, other_catalog)
        });
        if let Some((catalog, schema)) = near {
            let label = format!("did you mean `/Volumes/{catalog}/{schema}/{volume}`?");
            self.add(
                "undeclared-volume",
                place,
                message,
                label,
                "nothing is wrong with it where others make that volume",
            );
        }
    }
}
