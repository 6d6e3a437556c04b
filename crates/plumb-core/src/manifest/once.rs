//! Where a project once had manifests of kinds that are not always read.
//!
//! Such a kind is read while a manifest is of it. When the last one goes, what it made is still live and has to be found: git
//! knows that there was one, and where its objects were. It tells where to look, and decides nothing.

use crate::kinds::{self, Kind};
use plumb_model::yaml::{FileId, Limits, Problems, parse};
use std::collections::{BTreeMap, BTreeSet};

/// Where objects of a kind were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OncePlaces {
    /// As [`kinds::Scope::named`] has them.
    pub named: BTreeSet<String>,
    /// Whether one was where cannot be told: its manifest said so by a reference.
    pub anywhere: bool,
}

/// The kinds of earlier manifests that are not always read, and where their objects were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OnceDeclared(BTreeMap<&'static str, OncePlaces>);

impl OnceDeclared {
    /// What an earlier text of a file says. One that cannot be read says nothing.
    pub fn of_text(text: &str) -> OnceDeclared {
        let mut once = OnceDeclared::default();
        // Most files have none, and need not be read any further.
        let rare = || kinds::objects().iter().filter(|kind| !kind.is_always_read());
        if !rare().any(|kind| text.contains(kind.name())) {
            return once;
        }
        for document in parse(text, FileId(0), &Limits::default(), &mut Problems::default()) {
            let name = document.get("kind").and_then(|kind| kind.as_str()).unwrap_or_default();
            let Some(kind) = rare().find(|kind| kind.name() == name) else { continue };
            let places = once.0.entry(kind.name()).or_default();
            let Some(nested) = kind.nested() else { continue };
            let spec = document.get("spec").map(|spec| spec.to_json()).unwrap_or_default();
            match nested.place(&spec) {
                Some(place) if place.contains("${") => places.anywhere = true,
                Some(place) => drop(places.named.insert(place)),
                None => {}
            }
        }
        once
    }

    /// Adds what another text says.
    pub fn add(&mut self, other: &OnceDeclared) {
        for (kind, places) in &other.0 {
            let own = self.0.entry(kind).or_default();
            own.named.extend(places.named.iter().cloned());
            own.anywhere |= places.anywhere;
        }
    }

    /// Where objects of a kind were; `None` where it is not known to have had any.
    pub fn of(&self, kind: &dyn Kind) -> Option<&OncePlaces> {
        self.0.get(kind.name())
    }
}
