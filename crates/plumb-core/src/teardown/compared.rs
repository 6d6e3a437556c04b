//! The gate `parity`: which reports count, and how many periods in a row they found equal.
//!
//! Files of evidence can be edited by whoever may write to the repository, so each is held against the manifest: its rules,
//! its outputs, its own counts. Only a signature proves who made it.

use super::evidence::{Evidence, EvidenceFile};
use crate::kinds::emr::compare::{Compare, PeriodUnit};
use crate::kinds::teardown_spec::Parity;
use crate::parity::period::{Period, PeriodState, noun, settles, zone};
use crate::parity::result::{OutputResult, Report, SideResult, Verdict};
use crate::parity::rules::rules_hash;
use crate::parity::signature::EvidenceSignature;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use plumb_model::address::Address;
use std::collections::BTreeMap;

/// How long after its end the last period still says something of the present.
const RECENT_DAYS: i64 = 45;
/// So many files that do not count are named.
const MOST_NAMED: usize = 3;

/// A migration whose comparisons are looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct ComparedMigration {
    pub address: Address,
    pub rules: ComparedRules,
}

/// By what rules the outputs of a migration are compared.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum ComparedRules {
    /// Its manifest has no `compare`: reports are typed by hand.
    #[default]
    ByHand,
    /// By its manifest.
    Manifest(Box<ManifestRules>),
    /// Its manifest's cannot be read; why.
    Unreadable(String),
}

/// What of `spec.compare` a report is held against.
#[derive(Clone, Debug, PartialEq)]
pub struct ManifestRules {
    pub hash: String,
    /// The names of the outputs.
    pub outputs: Vec<String>,
    pub unit: PeriodUnit,
    pub zone: TimeZone,
    pub settles: SignedDuration,
}

impl ComparedRules {
    /// Those of the manifest, where it has any.
    pub fn of_manifest(&self) -> Option<&ManifestRules> {
        match self {
            ComparedRules::Manifest(rules) => Some(rules),
            ComparedRules::ByHand | ComparedRules::Unreadable(_) => None,
        }
    }

    /// Those of a manifest.
    pub fn of(compare: &Compare) -> ComparedRules {
        let times = zone(compare).and_then(|zone| Ok((zone, settles(compare)?)));
        match times {
            Err(why) => ComparedRules::Unreadable(why),
            Ok((zone, settles)) => ComparedRules::Manifest(Box::new(ManifestRules {
                hash: rules_hash(compare),
                outputs: compare.outputs.iter().map(|output| output.name.clone()).collect(),
                unit: compare.period,
                zone,
                settles,
            })),
        }
    }
}

/// Why a report counts for nothing under the rules of its migration, if it does.
pub fn void(file: &EvidenceFile, migration: &ComparedMigration, parity: &Parity, now: Timestamp) -> Option<String> {
    let rules = migration.rules.of_manifest();
    let unit = rules.map_or(PeriodUnit::None, |rules| rules.unit);
    let period = match Period::parse(unit, &file.report.period) {
        Ok(period) => period,
        Err(why) if rules.is_some() => return Some(why),
        Err(_) => Period::named(&file.report.period),
    };
    match judge(file, &period, rules, parity, now) {
        Judgement::Void(why) => Some(why),
        Judgement::Equal | Judgement::Fails(_) => None,
    }
}

/// Whether every migration has so many equal periods in a row as is asked for, and what there is or is missing.
pub fn compared(
    parity: &Parity,
    migrations: &[ComparedMigration],
    evidence: &Evidence,
    now: Timestamp,
) -> (bool, String) {
    if let Some((path, why)) = evidence.broken.first() {
        return (false, format!("{path} cannot be read: {why}"));
    }
    if migrations.is_empty() {
        return (false, "no Migration names it in `from.emr`".into());
    }
    let each: Vec<(bool, String)> = migrations.iter().map(|migration| one(parity, migration, evidence, now)).collect();
    let says: Vec<&str> = each.iter().map(|(_, says)| says.as_str()).collect();
    (each.iter().all(|(holds, _)| *holds), says.join("; "))
}

/// What a report is to the gate.
enum Judgement {
    Equal,
    /// It is no pass, and ends the row; why.
    Fails(String),
    /// It counts for nothing; why.
    Void(String),
}

/// The report of a period that decides.
pub(super) struct Decisive<'e> {
    pub period: Period,
    pub file: &'e EvidenceFile,
    /// Why it is no pass.
    pub fails: Option<String>,
}

/// Where a period stands among others: by its first day, or as a text where it has none.
pub(super) type PeriodOrder = (Option<Date>, String);

/// The reports of a migration, held against its rules.
pub(super) struct Judged<'e> {
    /// Of each period the report that decides.
    pub decisive: BTreeMap<PeriodOrder, Decisive<'e>>,
    /// Those that count for nothing; why.
    pub void: Vec<(PeriodOrder, &'e EvidenceFile, String)>,
}

/// Holds every report of a migration against its rules.
pub(super) fn judged<'e>(
    parity: &Parity,
    migration: &ComparedMigration,
    evidence: &'e Evidence,
    now: Timestamp,
) -> Judged<'e> {
    let rules = migration.rules.of_manifest();
    let unit = rules.map_or(PeriodUnit::None, |rules| rules.unit);
    let mut decisive: BTreeMap<PeriodOrder, Decisive<'_>> = BTreeMap::new();
    let mut void = Vec::new();
    for file in evidence.of(&migration.address.name) {
        let report = &file.report;
        let period = match (Period::parse(unit, &report.period), rules) {
            (Ok(period), _) => period,
            // What was typed by hand may call a period as it likes.
            (Err(_), None) => Period::named(&report.period),
            (Err(why), Some(_)) => {
                void.push(((None, report.period.clone()), file, why));
                continue;
            }
        };
        let order = (period.days().map(|(first, _)| first), report.period.clone());
        let fails = match judge(file, &period, rules, parity, now) {
            Judgement::Equal => None,
            Judgement::Fails(why) => Some(why),
            Judgement::Void(why) => {
                void.push((order, file, why));
                continue;
            }
        };
        let this = Decisive { period, file, fails };
        match decisive.get_mut(&order) {
            Some(other) if other.is_later_than(&this) => {}
            _ => drop(decisive.insert(order, this)),
        }
    }
    Judged { decisive, void }
}

fn one(parity: &Parity, migration: &ComparedMigration, evidence: &Evidence, now: Timestamp) -> (bool, String) {
    let address = &migration.address;
    if let ComparedRules::Unreadable(why) = &migration.rules {
        return (false, format!("{address}: its `compare` cannot be read: {why}"));
    }
    let rules = migration.rules.of_manifest();
    let Judged { decisive, void } = judged(parity, migration, evidence, now);
    let any = !decisive.is_empty() || !void.is_empty();
    let mut void: Vec<(PeriodOrder, String)> =
        void.into_iter().map(|(order, file, why)| (order, refused(file, &why))).collect();
    let passes = row(&decisive);
    let wanted = parity.passes as usize;
    let last = decisive.last_key_value();
    let mut says = vec![match last {
        None if any => "no report in evidence/ counts".to_owned(),
        None => "no report in evidence/".to_owned(),
        Some((_, Decisive { period, fails: None, .. })) => format!("the last one of {period}"),
        Some((_, Decisive { period, fails: Some(why), .. })) => format!("{period} {why}"),
    }];
    let mut holds = passes >= wanted;
    if let (Some((_, last)), Some(rules), true) = (last, rules, passes > 0) {
        if let Some(why) = stale(last, rules, now) {
            holds = false;
            says.push(why);
        }
        says.extend(ended(&decisive, passes).filter(|_| passes < wanted));
    }
    if rules.is_none() && last.is_some() {
        says.push("typed by hand: the migration has no `compare`".to_owned());
    }
    // Where it holds, what came before does not matter any more.
    void.retain(|(order, _)| !holds || last.is_none_or(|(last, _)| order > last));
    void.sort_by(|a, b| b.cmp(a));
    let more = void.len().saturating_sub(MOST_NAMED);
    says.extend(void.into_iter().take(MOST_NAMED).map(|(_, why)| why));
    if more > 0 {
        says.push(format!("{more} more files do not count"));
    }
    (holds, format!("{address}: {passes} of {wanted} periods compared equal, {}", says.join(", ")))
}

fn refused(file: &EvidenceFile, why: &str) -> String {
    format!("{} does not count: {why}", file.path)
}

impl Decisive<'_> {
    /// Of two of one instant the one that fails counts.
    fn is_later_than(&self, other: &Decisive<'_>) -> bool {
        let rank = |one: &Decisive<'_>| (one.file.report.checked_at, one.fails.is_some());
        rank(self) > rank(other)
    }
}

/// How many of the last periods are equal, one right after the other.
pub(super) fn row(decisive: &BTreeMap<PeriodOrder, Decisive<'_>>) -> usize {
    let newest: Vec<&Decisive<'_>> = decisive.values().rev().collect();
    let equal = newest.iter().take_while(|one| one.fails.is_none()).count();
    let gap = newest.windows(2).position(|pair| !is_next(&pair[1].period, &pair[0].period));
    gap.map_or(equal, |gap| equal.min(gap + 1))
}

/// Whether nothing is missing between two periods. Of those that say no time it cannot be known.
fn is_next(before: &Period, after: &Period) -> bool {
    after.days().is_none() || after.follows(before)
}

/// What ended a row of so many equal periods.
fn ended(decisive: &BTreeMap<PeriodOrder, Decisive<'_>>, passes: usize) -> Option<String> {
    let mut newest = decisive.values().rev().skip(passes - 1);
    let (first, before) = (newest.next()?, newest.next()?);
    Some(match &before.fails {
        _ if !is_next(&before.period, &first.period) => {
            let missing = before.period.next()?;
            format!("there is no report of {missing} that counts")
        }
        Some(why) => format!("{} {why}", before.period),
        None => return None,
    })
}

/// Why the last period says nothing of the present.
fn stale(last: &Decisive<'_>, rules: &ManifestRules, now: Timestamp) -> Option<String> {
    let recent = SignedDuration::from_hours(24 * RECENT_DAYS);
    let (since, what) = match last.period.instants(&rules.zone) {
        Some((_, end)) => (end, "ended"),
        None => (last.file.report.checked_at, "was compared"),
    };
    let is_stale = since.checked_add(recent).is_ok_and(|until| until < now);
    is_stale.then(|| format!("which {what} more than {RECENT_DAYS} days ago: compare a later {}", noun(rules.unit)))
}

fn judge(
    file: &EvidenceFile,
    period: &Period,
    rules: Option<&ManifestRules>,
    parity: &Parity,
    now: Timestamp,
) -> Judgement {
    let report = &file.report;
    if let Some(rules) = rules {
        match &report.rules {
            None => return Judgement::Void("it does not say by which rules, as if typed by hand".into()),
            Some(hash) if *hash != rules.hash => {
                return Judgement::Void("it was made under other rules: run `plumb parity run` again".into());
            }
            Some(_) => {}
        }
    }
    // Its place among others is not known.
    if report.clock.is_some() {
        return Judgement::Void("its clock was set with PLUMB_NOW".into());
    }
    // Whoever made it, of whatever commit: what is known to differ is not equal.
    if !report.passed {
        return Judgement::Fails(failure(report));
    }
    let why = contradiction(report)
        .or_else(|| origin(report, rules.is_some()))
        .or_else(|| rules.and_then(|rules| incomplete(report, period, rules, now)))
        .or_else(|| unsigned(file.signature, parity.signed.unwrap_or(false)));
    why.map_or(Judgement::Equal, Judgement::Void)
}

/// Why a report is no pass, by its outputs where it names any.
fn failure(report: &Report) -> String {
    let names = |verdict: Verdict| {
        let outputs = report.outputs.iter().filter(|output| output.verdict == verdict);
        let names: Vec<String> = outputs.map(|output| format!("`{}`", output.name)).collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    if let Some(names) = names(Verdict::Differs) {
        format!("differs in {names}")
    } else if let Some(names) = names(Verdict::None) {
        format!("has no verdict on {names}")
    } else {
        "failed".into()
    }
}

/// Why a report that says that it passed cannot have.
fn contradiction(report: &Report) -> Option<String> {
    report.outputs.iter().find_map(|output| {
        let name = &output.name;
        match output.verdict {
            Verdict::Differs => Some(format!("it says passed, but output `{name}` differs")),
            Verdict::None => Some(format!("it says passed, but output `{name}` has no verdict")),
            Verdict::Equal if has_differences(output) => {
                Some(format!("it says that output `{name}` is equal, and counts differences"))
            }
            Verdict::Equal => None,
        }
    })
}

/// Whether an output counts differences, and none of them is expected.
fn has_differences(output: &OutputResult) -> bool {
    let counts = [output.only_old, output.only_new, output.differing_rows];
    let differs = counts.into_iter().flatten().chain(output.differing_cells.values().copied()).any(|n| n > 0);
    differs && !output.expected.iter().any(|expected| expected.holds && expected.found > 0)
}

/// Why a report is not of what is in the repository.
fn origin(report: &Report, has_rules: bool) -> Option<String> {
    if report.dirty {
        Some("the manifests differed from their commit: commit them and run it again".into())
    } else if has_rules && report.commit.is_none() {
        Some("it was made without a repository, and names no commit".into())
    } else {
        None
    }
}

/// What is missing in a report for it to be one of these rules.
fn incomplete(report: &Report, period: &Period, rules: &ManifestRules, now: Timestamp) -> Option<String> {
    if let Some(name) = rules.outputs.iter().find(|name| report.output(name).is_none()) {
        return Some(format!("output `{name}` is missing in it"));
    }
    if let Some(output) = report.outputs.iter().find(|output| !rules.outputs.contains(&output.name)) {
        return Some(format!("the manifest has no output `{}`", output.name));
    }
    if report.outputs.len() != rules.outputs.len() {
        return Some("it has an output twice".into());
    }
    if let Some(output) = report.outputs.iter().find(|output| !is_counted(output)) {
        return Some(format!("it has no counts of output `{}`", output.name));
    }
    let read = |side: &SideResult| side.fingerprint.as_deref().is_some_and(|fingerprint| !fingerprint.is_empty());
    if let Some(output) = report.outputs.iter().find(|output| !read(&output.old) || !read(&output.new)) {
        return Some(format!("it does not say what was read of output `{}`: a fingerprint is missing", output.name));
    }
    if report.checked_at > now {
        return Some(format!("it was made in the future, {}", report.checked_at));
    }
    match period.state(&rules.zone, rules.settles, report.checked_at) {
        PeriodState::Settled => None,
        PeriodState::Running(_) | PeriodState::Settling(_) => {
            Some(format!("{period} was not over or had not settled when it was made"))
        }
    }
}

fn is_counted(output: &OutputResult) -> bool {
    let counts = [output.old.rows, output.new.rows, output.only_old, output.only_new, output.differing_rows];
    counts.iter().all(Option::is_some)
}

/// Why a signature does not do.
fn unsigned(signature: EvidenceSignature, is_wanted: bool) -> Option<String> {
    match signature {
        EvidenceSignature::Valid => None,
        EvidenceSignature::Wrong => {
            Some("its signature is not that of PLUMB_EVIDENCE_KEY: it was edited, or signed with another key".into())
        }
        EvidenceSignature::Missing if is_wanted => {
            Some("it is not signed, and `requires.parity.signed` asks for it".into())
        }
        EvidenceSignature::Unverified if is_wanted => {
            Some("its signature cannot be verified: PLUMB_EVIDENCE_KEY is not set".into())
        }
        EvidenceSignature::Missing | EvidenceSignature::Unverified => None,
    }
}

#[cfg(test)]
#[path = "compared_tests.rs"]
pub(in crate::teardown) mod tests;
