//! Finding manifests and live objects by what they are known by, however many there are.

use super::decide::Input;
use super::live::LiveObject;
use super::worked::{self, Work};
use crate::kinds::Kind;
use crate::manifest::Resource;
use plumb_model::address::Address;
use serde_json::Value;
use std::collections::HashMap;

/// The manifests by their addresses, and the live objects by their ids and by their names.
pub(super) struct Lookup<'a> {
    resources: HashMap<&'a Address, &'a Resource>,
    kinds: HashMap<&'a str, KindLookup<'a>>,
}

#[derive(Default)]
struct KindLookup<'a> {
    ids: HashMap<&'a str, &'a LiveObject>,
    /// In the order of the listing: names need not be unique.
    names: HashMap<&'a str, Vec<&'a LiveObject>>,
}

impl<'a> Lookup<'a> {
    pub fn new(input: &Input<'a>) -> Lookup<'a> {
        let live = input.live;
        let mut kinds: HashMap<&'a str, KindLookup<'a>> = HashMap::new();
        for (name, all) in &live.kinds {
            let Some(kind) = crate::kinds::find(name) else { continue };
            let of = kinds.entry(name).or_default();
            for found in all {
                worked::count(Work::Lookup);
                of.ids.entry(&found.seen.id).or_insert(found);
                match found.seen.title(kind) {
                    "" => {}
                    title => of.names.entry(title).or_default().push(found),
                }
            }
        }
        Lookup { resources: input.desired.resources.iter().rev().map(|r| (&r.address, r)).collect(), kinds }
    }

    /// The manifest of an address.
    pub fn resource(&self, address: &Address) -> Option<&'a Resource> {
        worked::count(Work::Lookup);
        self.resources.get(address).copied()
    }

    /// The live object of a kind that has an id.
    pub fn id(&self, kind: &str, id: &str) -> Option<&'a LiveObject> {
        worked::count(Work::Lookup);
        self.kinds.get(kind)?.ids.get(id).copied()
    }

    /// The live objects that have the name that a manifest's spec gives.
    pub fn called_as(&self, kind: &dyn Kind, spec: &Value) -> &[&'a LiveObject] {
        worked::count(Work::Lookup);
        let title = spec.get(kind.title()).and_then(Value::as_str).unwrap_or_default();
        self.kinds.get(kind.name()).and_then(|of| of.names.get(title)).map_or(&[], Vec::as_slice)
    }
}
