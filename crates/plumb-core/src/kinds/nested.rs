//! Kinds whose objects no one listing shows: schemas are listed by catalog, volumes by schema, and which secrets a scope has
//! only the scope tells.
//!
//! Two stages of reads: the second ones follow from what the first ones gave. What a service refuses to show is an answer:
//! a schema that is not there yet has no volumes, and one that may not be looked into says nothing about the others.

use super::{NamedThing, Observed, Unreadable};
use plumb_model::read::{Pages, Read};
use serde_json::Value;
use std::collections::BTreeSet;

/// Where to look for the objects of a kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// The places that manifests name, as [`Nested::place`] has them: they have to be looked into.
    pub named: BTreeSet<String>,
    /// The catalogs that `databricks.catalogs` of the target names: all that is in them is looked at.
    pub catalogs: BTreeSet<String>,
    /// Whether every place is looked into that the service shows: an import does.
    pub everywhere: bool,
    /// The project and the target's part of its marks: what else is this project's leads to what is in it.
    pub owner: (String, String),
}

/// What a service said to a read.
#[derive(Clone, Debug, PartialEq)]
pub enum Answered {
    Pages(Pages),
    /// What was asked about is not there.
    Gone,
    /// It may not be read; why.
    Refused(String),
}

/// A read of a stage, and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct AnsweredRead {
    pub read: Read,
    pub answer: Answered,
}

impl AnsweredRead {
    /// The pages; none where there is nothing or nothing may be seen.
    pub fn pages(&self) -> &[Value] {
        match &self.answer {
            Answered::Pages(pages) => pages,
            Answered::Gone | Answered::Refused(_) => &[],
        }
    }
}

/// The listing of a kind in two stages. All methods are pure.
pub trait Nested: Sync {
    /// Where the object of a spec is, as [`Scope::named`] has it; `None` where its manifest does not say, or where the kind
    /// has but one place.
    fn place(&self, _spec: &Value) -> Option<String> {
        None
    }
    /// The reads to begin with.
    fn first(&self, scope: &Scope) -> Vec<Read>;
    /// Those that follow from them.
    fn then(&self, _scope: &Scope, _first: &[AnsweredRead]) -> Vec<Read> {
        Vec::new()
    }
    /// Those that follow from the second ones: volumes, where which schemas there are follows from which catalogs there are. What
    /// they gave is told to [`Nested::parse`] beside the second ones.
    fn last(&self, _scope: &Scope, _then: &[AnsweredRead]) -> Vec<Read> {
        Vec::new()
    }
    /// The objects. A place that has to be looked into and refuses is something unread, which may be any object.
    fn parse(&self, scope: &Scope, first: &[AnsweredRead], then: &[AnsweredRead]) -> Vec<Result<Observed, Unreadable>>;
    /// The things that the answers say are not there: the schema whose volumes were asked for, and [`Answered::Gone`]. What is
    /// refused may be there.
    fn missing(&self, _first: &[AnsweredRead], _then: &[AnsweredRead]) -> Vec<NamedThing> {
        Vec::new()
    }
}
