//! What a teardown asks of kinds: of those whose things it ends, and of those that its gates look at.
//!
//! A kind takes part by implementing one of the traits here, and by a line in this file. Whatever reads, decides and shows
//! asks these traits, and knows no kind by name.

use super::airflow::dag::AirflowDag;
use super::databricks::job::DatabricksJob;
use super::emr::application::EmrServerlessApplication;
use super::emr::cluster::EmrCluster;
use super::emr::migration::{Migration, MigrationSpec};
use super::emr::security::EmrSecurityConfiguration;
use super::old::Old;
use super::prices::PriceBook;
use super::teardown_spec::TeardownSpec;
use super::{Impact, Observed};
use plumb_model::read::{Pages, Read};
use serde_json::Value;

/// A kind whose manifests say what is to become of things that others made.
///
/// Its calls are those of the kind: an update writes tags, a delete ends the thing.
pub trait TeardownKind: Sync {
    /// The manifest: which things it is about, what is to become of them, and what their gates ask for.
    fn manifest(&self, spec: &Value) -> TeardownSpec {
        serde_json::from_value(spec.clone()).unwrap_or_default()
    }
    /// A live thing, as far as it matters to whoever ends it; `None` when only a listing was read.
    fn old(&self, seen: &Observed) -> Option<Old> {
        Old::of(seen)
    }
    /// Whether a thing can be marked. What cannot has no stage but due, and no grace.
    fn can_be_marked(&self) -> bool {
        true
    }
    /// What has to go before its things.
    fn goes_after(&self) -> Option<GoesAfter> {
        None
    }
    /// What its end is called.
    fn ending(&self) -> Ending {
        Ending::Delete
    }
    /// What is lost with a thing.
    fn loses(&self) -> Impact;
}

/// A kind that can take over from what goes: how its runs ended is a gate.
pub trait SuccessorKind: Sync {
    /// The read that shows how the last runs of one object ended.
    fn last_runs(&self, id: &str, limit: u32) -> Read;
    /// How they ended, the newest first, out of the pages of [`SuccessorKind::last_runs`].
    fn run_ends(&self, pages: &Pages) -> Vec<RunEnd>;
    /// The parameters that a run of it can be given, by its manifest.
    fn parameters(&self, spec: &Value) -> Vec<String>;
}

/// A kind that may start runs on what goes: that it is paused is a gate.
pub trait StarterKind: Sync {
    /// Whether a spec, wanted or live, says that it is paused; `None` when it does not say.
    fn is_paused(&self, spec: &Value) -> Option<bool>;
}

/// A kind that says which manifests belong together.
pub trait RelationKind: Sync {
    /// The addresses of the manifests of what is old.
    fn old<'s>(&self, spec: &'s Value) -> Vec<&'s str>;
    /// What it says of old and new, and of the day between them.
    fn migration(&self, spec: &Value) -> MigrationSpec {
        serde_json::from_value(spec.clone()).unwrap_or_default()
    }
}

/// What has to go before the things of a kind: things of another one.
#[derive(Clone, Copy)]
pub struct GoesAfter {
    /// Those of this kind that a migration names together with the manifest.
    pub kind: &'static str,
    /// Whether one of them uses the thing, whatever manifest it is in; `None` where nothing is used.
    pub uses: Option<fn(user: &Old, used: &Old) -> bool>,
}

/// What the end of a thing is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Terminate,
    Delete,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunEnd {
    pub id: String,
    pub green: bool,
    /// As the service says it: `FAILED`.
    pub result: String,
}

/// What a manifest of a [`TeardownKind`] says, and the kind.
#[derive(Clone)]
pub struct TeardownManifest {
    pub kind: &'static dyn TeardownKind,
    pub spec: TeardownSpec,
}

/// The kinds whose things a teardown ends.
pub const OLD: &[&str] = &[EmrCluster::NAME, EmrServerlessApplication::NAME, EmrSecurityConfiguration::NAME];
/// The kinds that can take over.
pub const SUCCESSORS: &[&str] = &[DatabricksJob::NAME];
/// The kinds that may start runs.
pub const STARTERS: &[&str] = &[AirflowDag::NAME];

/// The kind of that name, if a teardown ends its things.
pub fn find(kind: &str) -> Option<&'static dyn TeardownKind> {
    match kind {
        EmrCluster::NAME => Some(&EmrCluster),
        EmrServerlessApplication::NAME => Some(&EmrServerlessApplication),
        EmrSecurityConfiguration::NAME => Some(&EmrSecurityConfiguration),
        _ => None,
    }
}

/// The kind of that name, if it can take over.
pub fn successor(kind: &str) -> Option<&'static dyn SuccessorKind> {
    match kind {
        DatabricksJob::NAME => Some(&DatabricksJob),
        _ => None,
    }
}

/// The kind of that name, if it may start runs.
pub fn starter(kind: &str) -> Option<&'static dyn StarterKind> {
    match kind {
        AirflowDag::NAME => Some(&AirflowDag),
        _ => None,
    }
}

/// The kind of that name, if it says what belongs together.
pub fn relation(kind: &str) -> Option<&'static dyn RelationKind> {
    match kind {
        Migration::NAME => Some(&Migration),
        PriceBook::NAME => Some(&PriceBook),
        _ => None,
    }
}

/// What the end of a thing of that kind is called.
pub fn ending(kind: &str) -> Ending {
    find(kind).map_or(Ending::Terminate, |kind| kind.ending())
}

impl TeardownManifest {
    /// What the spec of a manifest of the kind says.
    pub fn new(kind: &'static dyn TeardownKind, spec: &Value) -> TeardownManifest {
        TeardownManifest { kind, spec: kind.manifest(spec) }
    }

    /// Whether the manifest is about a thing.
    pub fn is_about(&self, old: &Old) -> bool {
        self.spec.matches.matches(&old.id, &old.name, &old.tags)
    }
}

impl Ending {
    /// What is done: "terminate".
    pub fn verb(self) -> &'static str {
        match self {
            Ending::Terminate => "terminate",
            Ending::Delete => "delete",
        }
    }

    /// What is being done: "terminating".
    pub fn doing(self) -> &'static str {
        match self {
            Ending::Terminate => "terminating",
            Ending::Delete => "deleting",
        }
    }

    /// What was done: "terminated".
    pub fn done(self) -> &'static str {
        match self {
            Ending::Terminate => "terminated",
            Ending::Delete => "deleted",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::{MarkPlace, Role, all};

    #[test]
    fn a_kind_takes_part_as_its_role_says() {
        for kind in all() {
            let name = kind.name();
            assert_eq!(find(name).is_some(), kind.role() == Role::Teardown, "{name}");
            assert_eq!(find(name).is_some(), OLD.contains(&name), "{name}");
            assert_eq!(relation(name).is_some(), kind.role() == Role::Relation, "{name}");
            assert_eq!(successor(name).is_some(), SUCCESSORS.contains(&name), "{name}");
            assert_eq!(starter(name).is_some(), STARTERS.contains(&name), "{name}");
            let is_marked = find(name).is_none_or(|kind| kind.can_be_marked());
            assert!(is_marked || kind.mark() == MarkPlace::Nowhere, "{name}");
            assert!(
                find(name).and_then(|kind| kind.goes_after()).is_none_or(|after| OLD.contains(&after.kind)),
                "{name}"
            );
        }
    }
}
