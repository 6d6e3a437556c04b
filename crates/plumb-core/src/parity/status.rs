//! Which periods of which migrations were compared, how they ended, and whether that counts.

use super::result::{Report, Verdict};
use crate::kinds;
use crate::kinds::emr::compare::PeriodUnit;
use crate::manifest::{Desired, Resource};
use jiff::civil::{Date, ISOWeekDate, Weekday};
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// No more periods than this are listed as missing, in a row.
const MOST_MISSING: usize = 36;

/// What a migration's manifest says now, as far as its evidence is held against it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ComparedMigration {
    pub name: String,
    /// The hash of its rules; `None` where it has no `compare`, and reports are typed by hand.
    pub rules: Option<String>,
    /// The names of its outputs, in the order of the manifest.
    pub outputs: Vec<String>,
    pub period: PeriodUnit,
    /// The gates that wait for it.
    pub gates: Vec<ParityGate>,
}

/// A gate `parity` of a teardown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ParityGate {
    /// `EmrCluster/legacy-audience`.
    pub address: String,
    /// How many periods have to be equal, one after the other.
    pub passes: u32,
}

/// How a period stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PeriodState {
    Equal,
    Differs,
    /// Compared, and neither could be said.
    NoVerdict,
    /// Compared, and the report does not count.
    Void,
    /// Not compared.
    Missing,
}

impl PeriodState {
    /// In words.
    pub fn word(self) -> &'static str {
        match self {
            PeriodState::Equal => "equal",
            PeriodState::Differs => "differs",
            PeriodState::NoVerdict => "no verdict",
            PeriodState::Void => "void",
            PeriodState::Missing => "missing",
        }
    }
}

/// One period of a migration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PeriodStatus {
    pub period: String,
    pub state: PeriodState,
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
    pub passes: u32,
    pub gates: Vec<ParityGate>,
    pub periods: Vec<PeriodStatus>,
}

impl MigrationStatus {
    /// The gates that want more periods.
    pub fn waiting(&self) -> impl Iterator<Item = &ParityGate> {
        self.gates.iter().filter(|gate| gate.passes > self.passes)
    }
}

/// Every migration of the manifests that compares or that a gate waits for.
pub fn migrations(desired: &Desired) -> Vec<ComparedMigration> {
    let one = |resource: &Resource| {
        let relation = kinds::teardown::relation(resource.kind.name())?;
        let compare = resource.spec.get("compare").filter(|compare| !compare.is_null());
        let outputs = compare.and_then(|compare| compare.get("outputs")).and_then(Value::as_array);
        let name = |output: &Value| output.get("name").and_then(Value::as_str).map(str::to_owned);
        let period = compare.and_then(|compare| compare.get("period"));
        let old = relation.old(&resource.spec);
        let gates: Vec<ParityGate> = desired.resources.iter().filter_map(|other| gate(other, &old)).collect();
        (compare.is_some() || !gates.is_empty()).then(|| ComparedMigration {
            name: resource.address.name.clone(),
            rules: compare.map(rules_hash),
            outputs: outputs.into_iter().flatten().filter_map(name).collect(),
            period: period.and_then(|unit| PeriodUnit::deserialize(unit).ok()).unwrap_or_default(),
            gates,
        })
    };
    desired.resources.iter().filter_map(one).collect()
}

/// The gate of a teardown, if it is about one of these addresses and wants periods compared.
fn gate(resource: &Resource, old: &[&str]) -> Option<ParityGate> {
    let address = resource.address.to_string();
    let requires = resource.teardown.as_ref()?.spec.teardown.as_ref()?.requires.as_ref()?;
    let passes = requires.parity.as_ref()?.passes;
    (passes > 0 && old.contains(&address.as_str())).then_some(ParityGate { address, passes })
}

/// Holds every report against what the manifests say now. Of several reports of one period the last one counts, and one that
/// is void only where there is no other. `today` (UTC) says which periods are over, and so missing where nothing was compared.
pub fn status(migrations: &[ComparedMigration], reports: &[Report], today: Date) -> Vec<MigrationStatus> {
    let mut all: BTreeMap<&str, BTreeMap<&str, Vec<&Report>>> = BTreeMap::new();
    for migration in migrations {
        all.entry(&migration.name).or_default();
    }
    for report in reports {
        all.entry(&report.migration).or_default().entry(&report.period).or_default().push(report);
    }
    all.into_iter()
        .map(|(name, periods)| {
            let manifest = migrations.iter().find(|migration| migration.name == name);
            one(name, manifest, &periods, today)
        })
        .collect()
}

fn one(
    name: &str,
    manifest: Option<&ComparedMigration>,
    reports: &BTreeMap<&str, Vec<&Report>>,
    today: Date,
) -> MigrationStatus {
    let mut periods: Vec<PeriodStatus> =
        reports.iter().map(|(period, reports)| compared(period, reports, manifest)).collect();
    if let Some(manifest) = manifest {
        let known: BTreeSet<&str> = reports.keys().copied().collect();
        let missing = missing(&known, manifest.period, today);
        let says = format!("plumb parity run {name} --period ");
        periods.extend(missing.into_iter().map(|period| PeriodStatus {
            state: PeriodState::Missing,
            equal: 0,
            outputs: manifest.outputs.len(),
            checked_at: None,
            says: format!("{says}{period}"),
            period,
        }));
    }
    periods.sort_by(|a, b| a.period.cmp(&b.period));
    // A period that is over and not compared yet takes nothing away from those before it: nobody was late, or who is to say.
    let last = periods.iter().rposition(|period| period.state != PeriodState::Missing).map_or(0, |at| at + 1);
    let passes = periods[..last].iter().rev().take_while(|period| period.state == PeriodState::Equal).count();
    MigrationStatus {
        migration: name.to_owned(),
        passes: u32::try_from(passes).unwrap_or(u32::MAX),
        gates: manifest.map(|manifest| manifest.gates.clone()).unwrap_or_default(),
        periods,
    }
}

fn compared(period: &str, reports: &[&Report], manifest: Option<&ComparedMigration>) -> PeriodStatus {
    let held = |report: &&Report| match manifest {
        Some(manifest) => counts(report, manifest),
        None => Err("no Migration has that name".to_owned()),
    };
    let mut held: Vec<(&Report, Result<(), String>)> = reports.iter().map(|report| (*report, held(report))).collect();
    // Of two of one second the one that failed counts.
    held.sort_by_key(|(report, counts)| (counts.is_ok(), report.checked_at, !report.passed));
    let Some((report, counts)) = held.pop() else {
        let state = PeriodState::Missing;
        return PeriodStatus {
            period: period.into(),
            state,
            equal: 0,
            outputs: 0,
            checked_at: None,
            says: String::new(),
        };
    };
    let by_hand = report.outputs.is_empty();
    let state = match (&counts, by_hand) {
        (Err(_), _) => PeriodState::Void,
        (Ok(()), true) if report.passed => PeriodState::Equal,
        (Ok(()), true) => PeriodState::Differs,
        (Ok(()), false) => match report.verdict() {
            Verdict::Equal => PeriodState::Equal,
            Verdict::Differs => PeriodState::Differs,
            Verdict::None => PeriodState::NoVerdict,
        },
    };
    let of = |verdict| report.outputs.iter().filter(move |output| output.verdict == verdict);
    let named = |verdict| of(verdict).map(|output| output.name.as_str()).collect::<Vec<_>>().join(", ");
    let says = match (counts, state) {
        (Err(why), _) => why,
        (Ok(()), _) if by_hand => "typed by hand".into(),
        (Ok(()), PeriodState::Differs) => format!("differs: {}", named(Verdict::Differs)),
        (Ok(()), PeriodState::NoVerdict) => format!("no verdict: {}", named(Verdict::None)),
        (Ok(()), _) => String::new(),
    };
    PeriodStatus {
        period: period.to_owned(),
        state,
        equal: of(Verdict::Equal).count(),
        outputs: report.outputs.len(),
        checked_at: Some(report.checked_at),
        says,
    }
}

/// Whether a report counts for what the manifest says now.
///
/// # Errors
/// Why it does not, and what to do.
pub fn counts(report: &Report, manifest: &ComparedMigration) -> Result<(), String> {
    let Some(rules) = &manifest.rules else {
        // A migration without `compare` has nothing but what people type.
        return Ok(());
    };
    if let Some(why) = is_by_hand(report) {
        return Err(why);
    }
    if report.rules.as_ref() != Some(rules) {
        return Err("made under other rules: run it again".into());
    }
    let names = |outputs: &mut dyn Iterator<Item = &str>| outputs.map(str::to_owned).collect::<BTreeSet<_>>();
    if names(&mut report.outputs.iter().map(|output| output.name.as_str()))
        != names(&mut manifest.outputs.iter().map(String::as_str))
    {
        return Err("its outputs are not those of the manifest: run it again".into());
    }
    no_evidence(report).map_or(Ok(()), Err)
}

/// Why a report is no evidence, whatever the manifest says; `None` where nothing in it speaks against it.
pub fn no_evidence(report: &Report) -> Option<String> {
    if report.passed && report.verdict() != Verdict::Equal {
        return Some("it says that it passed, and its outputs do not".into());
    }
    if let Some(clock) = &report.clock {
        return Some(format!("PLUMB_NOW set its clock to {clock}"));
    }
    if report.commit.is_none() {
        return Some("made without a git repository: no commit has its rules".into());
    }
    report.dirty.then(|| "its manifests were not committed: commit them and run it again".into())
}

/// What a report lacks that every one of plumb's has: typed by hand, or cut. `None` where it lacks nothing.
pub fn is_by_hand(report: &Report) -> Option<String> {
    let lacks = |what: &str| Some(format!("typed by hand: it has no {what}"));
    if report.rules.is_none() {
        return lacks("hash of the rules");
    }
    if report.outputs.is_empty() {
        return lacks("outputs");
    }
    let decided = report.outputs.iter().filter(|output| output.verdict != Verdict::None);
    for output in decided {
        for (side, which) in [(&output.old, "old"), (&output.new, "new")] {
            if side.rows.is_none() || side.fingerprint.is_none() {
                return lacks(&format!("fingerprint and rows of {which} {}", output.name));
            }
        }
        if [output.only_old, output.only_new, output.differing_rows].iter().any(Option::is_none) {
            return lacks(&format!("counts of {}", output.name));
        }
    }
    None
}

/// The hash of a migration's rules: SHA-256 over `spec.compare` as JSON, members in the order of their names.
pub fn rules_hash(compare: &Value) -> String {
    // A map of serde_json has its members in the order of their names.
    Sha256::digest(compare.to_string()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The periods between those that are known, and after the last of them up to today, that nothing is known of.
fn missing(known: &BTreeSet<&str>, unit: PeriodUnit, today: Date) -> Vec<String> {
    let mut missing = Vec::new();
    for (at, period) in known.iter().enumerate() {
        let upto = known.iter().nth(at + 1);
        let mut next = following(period, unit);
        let mut listed = 0;
        while let Some((period, start)) = next.filter(|_| listed < MOST_MISSING) {
            let is_over = following(&period, unit).is_some_and(|(_, end)| end <= today);
            if upto.is_some_and(|upto| period.as_str() >= *upto) || (upto.is_none() && !is_over) || start > today {
                break;
            }
            next = following(&period, unit);
            missing.push(period);
            listed += 1;
        }
    }
    if known.is_empty() {
        missing.extend(last_one(unit, today));
    }
    missing
}

/// The last period that is over.
fn last_one(unit: PeriodUnit, today: Date) -> Option<String> {
    match unit {
        PeriodUnit::Month => Some(month(today.first_of_month().yesterday().ok()?)),
        PeriodUnit::Week => Some(week(today.checked_sub(7.days()).ok()?)),
        PeriodUnit::Day => Some(today.yesterday().ok()?.to_string()),
        PeriodUnit::None => None,
    }
}

/// The period after one, and the day on which it starts. `None` for a text that is no such period.
fn following(period: &str, unit: PeriodUnit) -> Option<(String, Date)> {
    match unit {
        PeriodUnit::Month => {
            let start = format!("{period}-01").parse::<Date>().ok()?.checked_add(1.month()).ok()?;
            (month(start).len() == period.len()).then(|| (month(start), start))
        }
        PeriodUnit::Week => {
            let (year, number) = period.split_once("-W")?;
            let (year, number) = (year.parse().ok()?, number.parse().ok()?);
            let start = ISOWeekDate::new(year, number, Weekday::Monday).ok()?.date().checked_add(7.days()).ok()?;
            Some((week(start), start))
        }
        PeriodUnit::Day => period.parse::<Date>().ok()?.tomorrow().ok().map(|day| (day.to_string(), day)),
        PeriodUnit::None => None,
    }
}

fn month(day: Date) -> String {
    day.strftime("%Y-%m").to_string()
}

fn week(day: Date) -> String {
    day.strftime("%G-W%V").to_string()
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
