//! `metadata.adopt`: which existing objects a manifest takes over, in one target or in several.

use super::{Address, Resource};
use plumb_model::yaml::{Node, Problems, nearest};
use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// What to take over: an id in whichever target is applied to, or an id by the target that it is of. A target that is not
/// named there takes nothing over, and makes an object of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Adopt {
    /// The same id in every target.
    Everywhere(String),
    /// By target: `{prod: "123"}`.
    ByTarget(BTreeMap<String, String>),
}

impl Adopt {
    /// The id of the object that is taken over in a target.
    pub fn in_target(&self, target: &str) -> Option<&str> {
        match self {
            Adopt::Everywhere(id) => Some(id),
            Adopt::ByTarget(ids) => ids.get(target).map(String::as_str),
        }
    }
}

// By hand, because a derived untagged enum loses the places of the ids, and cannot say that a number needs quotes.
impl<'de> Deserialize<'de> for Adopt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AdoptVisitor)
    }
}

struct AdoptVisitor;

impl<'de> Visitor<'de> for AdoptVisitor {
    type Value = Adopt;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: serde::de::Error>(self, id: &str) -> Result<Adopt, E> {
        Ok(Adopt::Everywhere(id.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Adopt, A::Error> {
        BTreeMap::deserialize(MapAccessDeserializer::new(map)).map(Adopt::ByTarget)
    }
}

/// Reports targets that the project does not have. `metadata` is the node that `adopt` stands in.
pub(super) fn targets(adopt: Option<&Adopt>, metadata: &Node, names: &[&str], problems: &mut Problems) {
    let Some(Adopt::ByTarget(_)) = adopt else { return };
    for entry in metadata.get("adopt").map_or(&[][..], Node::entries) {
        if names.contains(&entry.key.as_str()) {
            continue;
        }
        let label = match nearest(&entry.key, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("targets: {}", names.join(", ")),
        };
        let message = format!("there is no target `{}`", entry.key.chars().take(80).collect::<String>());
        let problem = problems.at(entry.key_span, message, label);
        problem.help("`adopt` takes an id for each target: `adopt: {prod: \"123\"}`");
    }
}

/// Reports two manifests that take over one object in the target.
pub(super) fn once(resources: &[Resource], problems: &mut Problems) {
    let mut seen: BTreeMap<(&str, &str), (&Address, _)> = BTreeMap::new();
    for resource in resources {
        let Some(id) = resource.adopt.as_deref() else { continue };
        if let Some((first, span)) = seen.insert((resource.kind.name(), id), (&resource.address, resource.span)) {
            let message = format!("two manifests adopt the {} {}", resource.kind.noun(), id.escape_debug());
            problems
                .at(resource.span, message, format!("{} adopts it", resource.address))
                .related(span, format!("{first} adopts it too"));
        }
    }
}
