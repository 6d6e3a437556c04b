//! Which periods of which migrations were compared, how they ended, and whether that counts: what the gates see.

use super::compared::{ComparedMigration, ComparedRules, Judged, compared, judged, row};
use super::evidence::{Evidence, EvidenceFile};
use crate::kinds;
use crate::kinds::teardown_spec::Parity;
use crate::manifest::{Desired, Resource};
use crate::parity::period::{Period, PeriodState};
use crate::parity::resolve::compare_of;
use crate::parity::result::Verdict;
use jiff::Timestamp;
use plumb_model::address::Address;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// No more periods than this are listed as missing, in a row.
const MOST_MISSING: usize = 36;

/// A migration that compares or that a gate waits for.
#[derive(Clone, Debug)]
pub struct ParityMigration {
    pub migration: ComparedMigration,
    /// The gates that wait for it: whose, and what they ask.
    pub gates: Vec<(Address, Parity)>,
}

/// A gate `parity` of a teardown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ParityGate {
    /// `EmrCluster/legacy-audience`.
    pub address: String,
    /// How many periods have to be equal, one after the other.
    pub passes: u32,
    pub holds: bool,
    /// As the plan says it.
    pub says: String,
}

/// How a period stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PeriodVerdict {
    Equal,
    Differs,
    /// Compared, and neither could be said.
    NoVerdict,
    /// Compared, and the report does not count.
    Void,
    /// Not compared.
    Missing,
}

impl PeriodVerdict {
    /// In words.
    pub fn word(self) -> &'static str {
        match self {
            PeriodVerdict::Equal => "equal",
            PeriodVerdict::Differs => "differs",
            PeriodVerdict::NoVerdict => "no verdict",
            PeriodVerdict::Void => "void",
            PeriodVerdict::Missing => "missing",
        }
    }
}

/// One period of a migration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PeriodStatus {
    pub period: String,
    pub state: PeriodVerdict,
    /// How many outputs are equal, of how many.
    pub equal: usize,
    pub outputs: usize,
    pub checked_at: Option<Timestamp>,
    /// What is worth knowing: why a report is void, which outputs differ.
    pub says: String,
}

/// A migration with its periods, the earliest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MigrationStatus {
    pub migration: String,
    /// How many of the last periods are equal, one after the other.
    pub passes: usize,
    pub gates: Vec<ParityGate>,
    pub periods: Vec<PeriodStatus>,
}

impl MigrationStatus {
    /// The gates that wait.
    pub fn waiting(&self) -> impl Iterator<Item = &ParityGate> {
        self.gates.iter().filter(|gate| !gate.holds)
    }
}

/// Every migration of the manifests that compares or that a gate waits for.
pub fn parity_migrations(desired: &Desired) -> Vec<ParityMigration> {
    let one = |resource: &Resource| {
        let relation = kinds::teardown::relation(resource.kind.name())?;
        let migration = ComparedMigration::of(resource);
        let old = relation.old(&resource.spec);
        let gates: Vec<(Address, Parity)> = desired.resources.iter().filter_map(|other| gate(other, &old)).collect();
        let is_compared = !matches!(migration.rules, ComparedRules::ByHand);
        (is_compared || !gates.is_empty()).then_some(ParityMigration { migration, gates })
    };
    desired.resources.iter().filter_map(one).collect()
}

impl ComparedMigration {
    /// That of a manifest.
    pub fn of(resource: &Resource) -> ComparedMigration {
        let rules = match compare_of(resource) {
            Ok(None) => ComparedRules::ByHand,
            Ok(Some(compare)) => ComparedRules::of(&compare),
            Err(why) => ComparedRules::Unreadable(why),
        };
        ComparedMigration { address: resource.address.clone(), rules }
    }
}

/// The gate of a teardown, if it is about one of these addresses and wants periods compared.
fn gate(resource: &Resource, old: &[&str]) -> Option<(Address, Parity)> {
    let requires = resource.teardown.as_ref()?.spec.teardown.as_ref()?.requires.as_ref()?;
    let parity = requires.parity.clone()?;
    let is_old = old.contains(&resource.address.to_string().as_str());
    (parity.passes > 0 && is_old).then(|| (resource.address.clone(), parity))
}

/// Holds every report against what the manifests say now, as the gates do.
pub fn parity_status(migrations: &[ParityMigration], evidence: &Evidence, now: Timestamp) -> Vec<MigrationStatus> {
    let mut all: BTreeMap<&str, Option<&ParityMigration>> =
        evidence.files.iter().map(|file| (file.report.migration.as_str(), None)).collect();
    all.extend(migrations.iter().map(|one| (one.migration.address.name.as_str(), Some(one))));
    all.into_iter()
        .map(|(name, migration)| match migration {
            Some(migration) => one(migration, evidence, now),
            None => unknown(name, evidence),
        })
        .collect()
}

/// Reports of what no manifest is about.
fn unknown(name: &str, evidence: &Evidence) -> MigrationStatus {
    let mut periods: Vec<PeriodStatus> =
        evidence.of(name).map(|file| void(file, "no Migration has that name".into())).collect();
    periods.sort_by(|a, b| a.period.cmp(&b.period));
    MigrationStatus { migration: name.to_owned(), passes: 0, gates: Vec::new(), periods }
}

fn one(known: &ParityMigration, evidence: &Evidence, now: Timestamp) -> MigrationStatus {
    let ParityMigration { migration, gates } = known;
    // What one gate asks, all reports are held against.
    let asked =
        Parity { passes: 1, signed: gates.iter().find_map(|(_, parity)| parity.signed.filter(|signed| *signed)) };
    let Judged { decisive, void: voids } = judged(&asked, migration, evidence, now);
    let mut periods: BTreeMap<_, PeriodStatus> = BTreeMap::new();
    for (order, file, why) in voids {
        let is_newer = |other: &PeriodStatus| other.checked_at < Some(file.report.checked_at);
        if periods.get(&order).is_none_or(is_newer) {
            periods.insert(order, void(file, why));
        }
    }
    periods.extend(decisive.iter().map(|(order, one)| (order.clone(), decided(one.file, one.fails.as_deref()))));
    if let Some(rules) = migration.rules.of_manifest() {
        let is_over = |period: &Period| period.state(&rules.zone, rules.settles, now) == PeriodState::Settled;
        let known: BTreeSet<String> = periods.values().map(|period| period.period.clone()).collect();
        let parsed = known.iter().filter_map(|name| Period::parse(rules.unit, name).ok());
        let mut missing: Vec<Period> = Vec::new();
        for period in parsed {
            let mut next = period.next();
            for _ in 0..MOST_MISSING {
                let Some(period) = next.filter(|next| is_over(next) && !known.contains(next.name())) else { break };
                next = period.next();
                missing.push(period);
            }
        }
        if known.is_empty() {
            missing.extend(Period::last_over(rules.unit, &rules.zone, now));
        }
        let name = &migration.address.name;
        periods.extend(missing.into_iter().map(|period| {
            let status = PeriodStatus {
                period: period.name().to_owned(),
                state: PeriodVerdict::Missing,
                equal: 0,
                outputs: rules.outputs.len(),
                checked_at: None,
                says: format!("plumb parity run {name} --period {period}"),
            };
            ((period.days().map(|(first, _)| first), period.name().to_owned()), status)
        }));
    }
    let gates = gates.iter().map(|(address, parity)| {
        let (holds, says) = compared(parity, std::slice::from_ref(migration), evidence, now);
        ParityGate { address: address.to_string(), passes: parity.passes, holds, says }
    });
    MigrationStatus {
        migration: migration.address.name.clone(),
        passes: row(&decisive),
        gates: gates.collect(),
        periods: periods.into_values().collect(),
    }
}

fn status(file: &EvidenceFile, state: PeriodVerdict, says: String) -> PeriodStatus {
    let report = &file.report;
    PeriodStatus {
        period: report.period.clone(),
        state,
        equal: report.outputs.iter().filter(|output| output.verdict == Verdict::Equal).count(),
        outputs: report.outputs.len(),
        checked_at: Some(report.checked_at),
        says,
    }
}

fn void(file: &EvidenceFile, why: String) -> PeriodStatus {
    status(file, PeriodVerdict::Void, why)
}

/// The period of a report that decides.
fn decided(file: &EvidenceFile, fails: Option<&str>) -> PeriodStatus {
    let report = &file.report;
    let state = match fails {
        None => PeriodVerdict::Equal,
        Some(_) if report.verdict() == Verdict::None && !report.outputs.is_empty() => PeriodVerdict::NoVerdict,
        Some(_) => PeriodVerdict::Differs,
    };
    let by_hand = if report.outputs.is_empty() { "typed by hand" } else { "" };
    status(file, state, fails.unwrap_or(by_hand).to_owned())
}

#[cfg(test)]
#[path = "parity_status_tests.rs"]
mod tests;
