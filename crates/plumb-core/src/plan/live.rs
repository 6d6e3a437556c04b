//! What the services have, in the shape of the specs.

use super::compact::Compact;
use super::compare::Supplied;
use crate::code::CodeStock;
use crate::cost::expected_end::EndedRun;
use crate::cost::facts::KeptRuns;
use crate::cutover::{Holds, WaveFacts};
use crate::kinds::airflow::dag_deadline::AirflowRelease;
use crate::kinds::{Kind, Mark, NamedThing, Observed, Owner, Unreadable};
use crate::teardown::{Commits, Evidence, RunEnd};
use plumb_model::address::Address;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A live object and whose it is. The mark is taken off its spec.
#[derive(Clone, Debug)]
pub struct LiveObject {
    pub seen: Compact,
    pub mark: Option<Mark>,
    /// Whose it was when `plumb release` let it go although its manifest names it by `adopt`.
    pub released: Option<Owner>,
}

impl LiveObject {
    /// A live object as its kind saw it: the mark is taken off.
    pub fn of(kind: &dyn Kind, mut seen: Observed) -> LiveObject {
        let mark = kind.mark().take(&mut seen.spec);
        let released = kind.mark().take_release(&mut seen.spec);
        LiveObject { seen: seen.into(), mark, released }
    }

    /// Whether nobody has marked it, and it may be what an apply left that did not get to: [`Kind::is_blank`].
    pub fn is_blank(&self, kind: &dyn Kind) -> bool {
        self.mark.is_none() && self.released.is_none() && kind.is_blank(&self.seen.whole())
    }

    /// Whether it has the name that a manifest's spec gives.
    pub fn is_called_as(&self, kind: &dyn Kind, spec: &Value) -> bool {
        let wanted = spec.get(kind.title()).and_then(Value::as_str).unwrap_or_default();
        !wanted.is_empty() && self.seen.title(kind) == wanted
    }
}

/// Every live object of the kinds that were read.
#[derive(Clone, Debug, Default)]
pub struct Live {
    /// By kind.
    pub kinds: BTreeMap<&'static str, Vec<LiveObject>>,
    /// Objects that are live and could not be read, by kind.
    pub unreadable: BTreeMap<&'static str, Vec<Unreadable>>,
    /// Things that the services say are not there: see [`crate::kinds::Nested::missing`].
    pub missing: BTreeSet<NamedThing>,
    /// What else could not be read, for the plan's notes.
    pub notes: Vec<String>,
    /// How the last runs of jobs ended, by the job's id, the newest first: of those that a teardown waits for.
    pub runs: BTreeMap<String, Vec<RunEnd>>,
    /// Why that could not be read, by the job's id.
    pub unread_runs: BTreeMap<String, String>,
    /// The reports of comparisons that the repository has.
    pub evidence: Arc<Evidence>,
    /// The facts of runs that the repository has: `evidence/runs/*.json`.
    pub kept_runs: Arc<Vec<KeptRuns>>,
    /// Waves that were rolled back. Read only where a migration has a date.
    pub holds: Holds,
    /// What else waves ask for. Read only from the day of a wave on.
    pub waves: WaveFacts,
    /// Which of the commits that marks for teardown name the repository has.
    pub commits: Commits,
    /// The code that is kept for this target.
    pub code: CodeStock,
    /// Which Airflow was read, where one was.
    pub airflow: Option<AirflowRelease>,
    /// The newest runs that ended well of DAGs with a deadline, or why they are not known, by the DAG's id: of those that a plan
    /// changes.
    pub ended_runs: BTreeMap<String, Result<Vec<EndedRun>, String>>,
    /// The id of the Databricks workspace that was read, where there is one and it says so.
    pub workspace: Option<String>,
}

impl Live {
    /// The objects of a kind.
    pub fn of(&self, kind: &str) -> &[LiveObject] {
        self.kinds.get(kind).map_or(&[], Vec::as_slice)
    }

    /// The objects of a kind that could not be read.
    pub fn unreadable(&self, kind: &str) -> &[Unreadable] {
        self.unreadable.get(kind).map_or(&[], Vec::as_slice)
    }

    /// Keeps an object that could not be read.
    pub fn cannot_read(&mut self, kind: &dyn Kind, one: Unreadable) {
        self.unreadable.entry(kind.name()).or_default().push(one);
    }

    /// Brings what could not be read into one order, whatever order it was listed in.
    pub fn sort_unreadable(&mut self) {
        for list in self.unreadable.values_mut() {
            list.sort_by(|a, b| (&a.id, &a.what, &a.why).cmp(&(&b.id, &b.what, &b.why)));
        }
    }

    /// The objects that carry this project's and target's mark for a kind. A mark that names another kind than the
    /// object's is none: the service passes tags on (a pool's to its clusters, a job's to its job clusters).
    pub fn owned(&self, kind: &str, project: &str, target: &str) -> BTreeMap<Address, Vec<&LiveObject>> {
        let mut owned: BTreeMap<Address, Vec<&LiveObject>> = BTreeMap::new();
        for found in self.of(kind) {
            if let Some(mark) = &found.mark
                && mark.owner.project == project
                && mark.owner.target == target
                && mark.owner.address.kind == kind
            {
                owned.entry(mark.owner.address.clone()).or_default().push(found);
            }
        }
        owned
    }

    /// What live policies supply, by their id.
    pub fn supplied(&self) -> BTreeMap<String, Supplied> {
        self.kinds
            .iter()
            .filter_map(|(kind, found)| Some((crate::kinds::find(kind)?, found)))
            .filter(|(kind, _)| kind.supplies(&Observed::default()).is_some())
            .flat_map(|(kind, found)| {
                found.iter().filter_map(move |f| Some((f.seen.id.clone(), kind.supplies(&f.seen.whole())?)))
            })
            .collect()
    }
}
