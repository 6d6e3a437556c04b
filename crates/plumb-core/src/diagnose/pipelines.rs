//! Which pipeline a manifest's runs belong to, and which of a pipeline's runs tell of the same failure.

use super::months::RunOfMonths;
use super::result::{Diagnosis, RunOutcome};
use crate::kinds::airflow::dag::AirflowDag;
use crate::kinds::databricks::job::DatabricksJob;
use crate::kinds::emr::application::EmrServerlessApplication;
use crate::kinds::emr::cluster::EmrCluster;
use crate::kinds::emr::migration::Migration;
use plumb_model::address::Address;
use serde_json::Value;
use std::collections::BTreeMap;

/// How [`Diagnosis::system`] calls the layer that only starts the others.
const STARTER: &str = "airflow";

/// What is needed of a manifest.
#[derive(Clone, Copy, Debug)]
pub struct PipelineManifest<'a> {
    pub address: &'a Address,
    pub spec: &'a Value,
    /// What its spec refers to.
    pub references: &'a [Address],
}

/// Where a manifest's runs belong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PipelineMember {
    /// The name of the migration, else of the DAG that starts it, else its own.
    pub pipeline: String,
    /// Whether it is of the side that pipelines move to.
    pub is_new: bool,
}

/// The pipeline of every manifest that has runs, by address.
pub fn pipelines(manifests: &[PipelineManifest<'_>]) -> BTreeMap<Address, PipelineMember> {
    let mut members = BTreeMap::new();
    for manifest in manifests {
        let kind = manifest.address.kind.as_str();
        let starts_jobs = manifest.references.iter().any(|other| other.kind == DatabricksJob::NAME);
        let is_new = match kind {
            DatabricksJob::NAME => true,
            AirflowDag::NAME => starts_jobs,
            EmrCluster::NAME | EmrServerlessApplication::NAME => false,
            _ => continue,
        };
        let pipeline = manifest.address.name.clone();
        members.insert(manifest.address.clone(), PipelineMember { pipeline, is_new });
    }
    for dag in manifests.iter().filter(|manifest| manifest.address.kind == AirflowDag::NAME) {
        for job in dag.references.iter().filter(|other| other.kind == DatabricksJob::NAME) {
            if let Some(member) = members.get_mut(job) {
                member.pipeline.clone_from(&dag.address.name);
            }
        }
    }
    // A migration says it itself, and is the last word.
    for migration in manifests.iter().filter(|manifest| manifest.address.kind == Migration::NAME) {
        for (pointer, is_new) in [("/from/emr", false), ("/from/dags", false), ("/to/jobs", true), ("/to/dags", true)] {
            let named = migration.spec.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
            let named = named.filter_map(|name| Address::try_from(name.as_str()?.to_owned()).ok());
            for address in named {
                if let Some(member) = members.get_mut(&address) {
                    *member = PipelineMember { pipeline: migration.address.name.clone(), is_new };
                }
            }
        }
    }
    members
}

/// The runs without those of Airflow that only tell again what the run below tells: a DAG's run that went on while a job's or
/// a step's run of the same pipeline did, unless it failed and none below it failed. Such a failure is Airflow's own, and the
/// DAG's runs that made good for it stay with it.
pub fn once_each(runs: Vec<RunOfMonths>) -> Vec<RunOfMonths> {
    let (mut above, below): (Vec<_>, Vec<_>) = runs.into_iter().partition(|run| run.diagnosis.system == STARTER);
    above.sort_by(|a, b| key(a).cmp(&key(b)));
    let mut kept: Vec<RunOfMonths> = Vec::new();
    for run in above {
        let beside =
            || below.iter().filter(|other| other.pipeline == run.pipeline && overlap(&other.diagnosis, &run.diagnosis));
        let failed = |run: &RunOfMonths| run.diagnosis.outcome == RunOutcome::Failed;
        let makes_good = kept.last().is_some_and(|last| failed(last) && same(last, &run));
        let is_own = if failed(&run) { !beside().any(failed) } else { makes_good || beside().next().is_none() };
        if is_own {
            kept.push(run);
        }
    }
    kept.extend(below);
    kept
}

type AboveKey<'a> = (&'a str, &'a str, &'a Option<String>, Option<jiff::Timestamp>, &'a Option<String>);

fn key(run: &RunOfMonths) -> AboveKey<'_> {
    let d = &run.diagnosis;
    (&run.pipeline, &d.name, &d.period, d.started, &d.run)
}

fn same(a: &RunOfMonths, b: &RunOfMonths) -> bool {
    let of = |run: &RunOfMonths| (run.pipeline.clone(), run.diagnosis.name.clone(), run.diagnosis.period.clone());
    of(a) == of(b)
}

/// Whether two runs went on at the same time. Times that are not known exclude nothing.
fn overlap(a: &Diagnosis, b: &Diagnosis) -> bool {
    let before = |end: Option<jiff::Timestamp>, start: Option<jiff::Timestamp>| {
        end.zip(start).is_some_and(|(end, start)| end < start)
    };
    !before(a.ended, b.started) && !before(b.ended, a.started)
}

#[cfg(test)]
#[path = "pipelines_tests.rs"]
mod tests;
