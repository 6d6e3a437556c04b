//! `plumb diagnose --since`: every run since a time, the failed ones diagnosed, grouped by cause.

use super::connect::TargetServices;
use super::hidden_in;
use super::keep::KeptDiagnoses;
use crate::cli::session::Project;
use crate::observe::failure::{FailedRun, FailureOptions, PastRun, history, name_of, read_run};
use crate::ui::{Failure, Ui};
use jiff::Timestamp;
use plumb_core::diagnose::kept;
use plumb_core::diagnose::months::{MonthsReport, RunOfMonths, months};
use plumb_core::diagnose::pipelines::{PipelineMember, once_each};
use plumb_core::diagnose::result::{MissingEvidence, ReadAccount, RunOutcome};
use plumb_core::diagnose::{Catalogue, Diagnosis, diagnose};
use plumb_model::address::Address;
use plumb_model::call::ServiceError;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::task::JoinSet;

/// How many failed runs are read; of more, the newest.
const MOST_READ: usize = 300;
/// How many runs are read at a time: the limits of the services are shared by all of them.
const WIDTH: usize = 3;

/// What is needed to look back.
pub struct LookingBack<'a> {
    pub project: &'a Project,
    pub reached: &'a TargetServices,
    pub options: FailureOptions,
    pub catalogue: Arc<Catalogue>,
    pub kept: &'a KeptDiagnoses,
    pub ui: &'a Ui,
}

/// What was found.
pub struct LookedBack {
    pub report: MonthsReport,
    /// Every run that ended, each once.
    pub runs: Vec<RunOfMonths>,
    /// Diagnoses of this look, to be kept.
    pub fresh: Vec<Diagnosis>,
    /// Whether the runs of some manifest could not be asked for.
    pub is_partial: bool,
}

impl LookingBack<'_> {
    /// Lists, reads what failed, and groups. `only`: runs of these manifests; none: of all.
    ///
    /// # Errors
    /// Reading was cut short. What a service refuses is in the report.
    pub async fn look(&self, since: Timestamp, only: &[Address]) -> Result<LookedBack, Failure> {
        let now = self.options.now;
        let services = &self.reached.services;
        let listed = history(services, &self.project.desired, &self.catalogue, only, [since, now]).await;
        let mut missing = [listed.missing, listed.unread.clone()].concat();
        let mut read = ReadAccount { requests: listed.requests, ..ReadAccount::default() };
        let members: BTreeMap<String, PipelineMember> =
            listed.pipelines.into_iter().map(|(address, member)| (address.to_string(), member)).collect();
        let key = |one: &Diagnosis| (one.system.clone(), one.run.clone());
        let mut asked: BTreeMap<_, FailedRun> = BTreeMap::new();
        let mut diagnoses = Vec::new();
        for past in listed.runs {
            asked.insert(key(&past.listed), past.run);
            diagnoses.push(past.listed);
        }
        // What the services have forgotten.
        let is_meant = |one: &Diagnosis| only.is_empty() || members.contains_key(&one.name);
        let forgotten =
            self.kept.all().into_iter().filter(|one| one.started.is_some_and(|at| at >= since) && is_meant(one));
        diagnoses.extend(forgotten.filter(|one| !asked.contains_key(&key(one))));
        // What a DAG tells of its jobs is told by them: it is not read twice.
        let mut runs = once_each(diagnoses.into_iter().map(|one| placed(one, &members)).collect());
        let kept = runs.iter().filter(|run| !asked.contains_key(&key(&run.diagnosis))).count();

        let mut to_read = Vec::new();
        for (number, run) in runs.iter_mut().enumerate() {
            let (Some(of), true) = (asked.get(&key(&run.diagnosis)), run.diagnosis.outcome == RunOutcome::Failed)
            else {
                continue;
            };
            match self.kept.of(&run.diagnosis).filter(|kept| !self.options.all && kept::is_settled(kept)) {
                Some(kept) => run.diagnosis = as_listed(kept.clone(), &run.diagnosis),
                None => to_read.push((number, PastRun { run: of.clone(), listed: run.diagnosis.clone() })),
            }
        }
        to_read.sort_by(|(_, a), (_, b)| (b.listed.started, &b.listed.run).cmp(&(a.listed.started, &a.listed.run)));
        if to_read.len() > MOST_READ {
            missing.push(MissingEvidence {
                what: format!("the causes of {} failed runs", to_read.len() - MOST_READ),
                why: format!("the newest {MOST_READ} are read at a time"),
                remedy: Some("`--keep` keeps what was read: the next look goes on from there".to_owned()),
            });
            for (number, past) in to_read.split_off(MOST_READ) {
                if let Some(run) = runs.get_mut(number) {
                    run.diagnosis = hidden_in(self.project, &past.listed);
                }
            }
        }
        let green = runs.iter().map(|run| &run.diagnosis).filter(|one| one.outcome == RunOutcome::Succeeded);
        let mut fresh: Vec<Diagnosis> = green.map(|one| hidden_in(self.project, one)).collect();
        for (number, (diagnosis, account, fault)) in self.read(to_read).await? {
            read.add(&account);
            missing.extend(fault);
            let older = self.kept.of(&diagnosis).filter(|kept| !kept::replaces(&diagnosis, kept));
            if let Some(run) = runs.get_mut(number) {
                run.diagnosis = older.map_or_else(|| diagnosis.clone(), |kept| as_listed(kept.clone(), &diagnosis));
            }
            fresh.push(diagnosis);
        }
        missing.sort();
        missing.dedup();
        let report = MonthsReport {
            since: Some(since),
            until: Some(now),
            kept: u64::try_from(kept).unwrap_or(u64::MAX),
            read,
            missing,
            ..months(&self.catalogue, &runs)
        };
        Ok(LookedBack { report, runs, fresh, is_partial: !listed.unread.is_empty() })
    }

    /// Reads failed runs, a few at a time. One that cannot be read is what its listing says, and said to be missing.
    async fn read(&self, runs: Vec<(usize, PastRun)>) -> Result<Vec<(usize, ReadRun)>, Failure> {
        let (mut waiting, mut going, mut done) = (runs.into_iter(), JoinSet::new(), Vec::new());
        let total = waiting.len();
        loop {
            while going.len() < WIDTH
                && let Some((number, past)) = waiting.next()
            {
                let (catalogue, services) = (self.catalogue.clone(), self.reached.services.clone());
                let options = self.options.clone();
                going.spawn(async move {
                    let facts = read_run(catalogue, services, options, past.run.clone()).await;
                    (number, past, facts)
                });
            }
            let Some(joined) = going.join_next().await else { break };
            let (number, past, facts) = joined.map_err(|e| Failure::error(e.to_string()))?;
            self.ui.detail(&format!("{} of {total}: {}", done.len() + 1, name_of(&past.run)));
            done.push((number, self.judged(past, facts)));
        }
        Ok(done)
    }

    fn judged(&self, past: PastRun, facts: Result<plumb_core::diagnose::RunFacts, ServiceError>) -> ReadRun {
        match facts {
            Ok(facts) => {
                let diagnosis = as_listed(diagnose(&self.catalogue, &facts), &past.listed);
                (hidden_in(self.project, &diagnosis), facts.read, None)
            }
            Err(fault) => {
                let missing = MissingEvidence { what: name_of(&past.run), why: fault.to_string(), remedy: None };
                (
                    hidden_in(self.project, &past.listed),
                    ReadAccount { requests: 1, ..ReadAccount::default() },
                    Some(missing),
                )
            }
        }
    }
}

fn placed(diagnosis: Diagnosis, members: &BTreeMap<String, PipelineMember>) -> RunOfMonths {
    let member = members.get(&diagnosis.name);
    // A run of what no manifest says any more stands for itself.
    let pipeline = member.map_or_else(|| diagnosis.name.clone(), |member| member.pipeline.clone());
    let is_new = member.map_or_else(|| diagnosis.system == NEW_SYSTEM, |member| member.is_new);
    RunOfMonths { pipeline, is_new, diagnosis }
}

/// A diagnosis, what was read for it, and why it could not be read.
type ReadRun = (Diagnosis, ReadAccount, Option<MissingEvidence>);

/// The system of the side that pipelines move to.
const NEW_SYSTEM: &str = "databricks";

/// A diagnosis with the name and the times that all runs of a report have: those of the listing.
fn as_listed(diagnosis: Diagnosis, listed: &Diagnosis) -> Diagnosis {
    Diagnosis {
        name: listed.name.clone(),
        system: listed.system.clone(),
        run: listed.run.clone(),
        period: listed.period.clone().or(diagnosis.period),
        started: listed.started.or(diagnosis.started),
        ended: listed.ended.or(diagnosis.ended),
        outcome: listed.outcome,
        ..diagnosis
    }
}
