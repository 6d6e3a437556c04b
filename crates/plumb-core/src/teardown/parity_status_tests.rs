#![allow(clippy::unwrap_used)]

use super::*;
use crate::kinds::emr::compare::PeriodUnit;
use crate::parity::result::{FORMAT, OutputResult, Report, SideResult};
use crate::parity::signature::EvidenceSignature;
use crate::teardown::compared::ManifestRules;
use jiff::tz::TimeZone;

fn side() -> SideResult {
    SideResult { source: "a".into(), rows: Some(3), fingerprint: Some("f".into()), ..SideResult::default() }
}

fn output(name: &str, verdict: Verdict) -> OutputResult {
    OutputResult {
        verdict,
        only_old: Some(0),
        only_new: Some(0),
        differing_rows: Some(0),
        matched: Some(3),
        ..OutputResult::blank(name, side(), side())
    }
}

fn report(period: &str, verdict: Verdict) -> Report {
    Report {
        format: FORMAT.into(),
        migration: "audience".into(),
        period: period.into(),
        passed: verdict == Verdict::Equal,
        checked_at: "2024-06-03T06:00:00Z".parse().unwrap(),
        rules: Some("r1".into()),
        outputs: vec![output("segments", verdict), output("scores", Verdict::Equal)],
        engine: None,
        plumb: None,
        commit: Some("3f2a91c0b1d2".into()),
        dirty: false,
        by: None,
        duration_s: None,
        clock: None,
        signature: None,
    }
}

fn migration(rules: ComparedRules) -> ParityMigration {
    let address = |kind: &str, name: &str| Address { kind: kind.into(), name: name.into() };
    let gate = (address("EmrCluster", "legacy"), Parity { passes: 2, signed: None });
    ParityMigration {
        migration: ComparedMigration { address: address("Migration", "audience"), rules },
        gates: vec![gate],
    }
}

fn manifest() -> ParityMigration {
    migration(ComparedRules::Manifest(Box::new(ManifestRules {
        hash: "r1".into(),
        outputs: vec!["segments".into(), "scores".into()],
        unit: PeriodUnit::Month,
        zone: TimeZone::UTC,
        settles: jiff::SignedDuration::ZERO,
    })))
}

fn evidence(reports: &[Report]) -> Evidence {
    let file = |report: &Report| EvidenceFile {
        path: format!("evidence/{}.json", report.period),
        report: report.clone(),
        signature: EvidenceSignature::Missing,
    };
    Evidence { files: reports.iter().map(file).collect(), broken: Vec::new() }
}

/// What is said of reports held against a manifest on a day.
fn of(migrations: &[ParityMigration], reports: &[Report], day: &str) -> MigrationStatus {
    let now = format!("{day}T12:00:00Z").parse().unwrap();
    parity_status(migrations, &evidence(reports), now).remove(0)
}

fn states(reports: &[Report], day: &str) -> Vec<(String, PeriodVerdict)> {
    let one = of(&[manifest()], reports, day);
    one.periods.iter().map(|period| (period.period.clone(), period.state)).collect()
}

#[test]
fn each_period_has_a_state_and_gaps_are_missing() {
    let reports = [
        report("2024-01", Verdict::Equal),
        report("2024-03", Verdict::Differs),
        report("2024-04", Verdict::None),
        report("2024-05", Verdict::Equal),
    ];
    let wanted = [
        ("2024-01", PeriodVerdict::Equal),
        ("2024-02", PeriodVerdict::Missing),
        ("2024-03", PeriodVerdict::Differs),
        ("2024-04", PeriodVerdict::NoVerdict),
        ("2024-05", PeriodVerdict::Equal),
        ("2024-06", PeriodVerdict::Missing),
    ];
    assert_eq!(states(&reports, "2024-07-01"), wanted.map(|(period, state)| (period.to_owned(), state)));
    // June is not over on its last day.
    assert_eq!(states(&reports, "2024-06-30").len(), 5);
    assert_eq!(states(&[], "2024-07-01"), [("2024-06".to_owned(), PeriodVerdict::Missing)]);
    // A period that nobody can have compared makes no endless list.
    assert_eq!(states(&[report("1024-01", Verdict::Equal)], "2024-06-30").len(), 1 + MOST_MISSING);
}

#[test]
fn what_does_not_count_is_void_and_says_why() {
    type Change = fn(&mut Report);
    let cases: [(Change, &str); 7] = [
        (|r| r.rules = Some("r2".into()), "made under other rules"),
        (|r| r.rules = None, "does not say by which rules"),
        (|r| r.outputs[0].old.fingerprint = None, "a fingerprint is missing"),
        (|r| drop(r.outputs.pop()), "output `scores` is missing"),
        (|r| r.dirty = true, "differed from their commit"),
        (|r| r.commit = None, "without a repository"),
        (|r| r.clock = Some("2020-01-01T00:00:00Z".into()), "PLUMB_NOW"),
    ];
    assert_eq!(states(&[report("2024-05", Verdict::Equal)], "2024-06-04")[0].1, PeriodVerdict::Equal);
    for (change, wanted) in cases {
        let mut void = report("2024-05", Verdict::Equal);
        change(&mut void);
        let one = of(&[manifest()], &[void], "2024-06-04");
        assert_eq!(one.periods[0].state, PeriodVerdict::Void, "{wanted}");
        assert!(one.periods[0].says.contains(wanted), "{}", one.periods[0].says);
        assert_eq!((one.passes, one.waiting().count()), (0, 1), "{wanted}");
    }
}

#[test]
fn of_several_reports_the_last_that_counts_is_the_one() {
    let at = |hour: u8, mut report: Report| {
        report.checked_at = format!("2024-06-03T{hour:02}:00:00Z").parse().unwrap();
        report
    };
    let (good, bad) = (report("2024-05", Verdict::Equal), report("2024-05", Verdict::Differs));
    let mut void = good.clone();
    void.dirty = true;
    let state = |reports: &[Report]| states(reports, "2024-06-05")[0].1;
    assert_eq!(state(&[at(1, bad.clone()), at(2, good.clone())]), PeriodVerdict::Equal);
    assert_eq!(state(&[at(2, bad.clone()), at(1, good.clone())]), PeriodVerdict::Differs);
    let tie = [at(1, good), at(1, bad.clone())];
    assert_eq!(state(&tie), PeriodVerdict::Differs, "of one second the one that failed");
    assert_eq!(state(&[at(1, bad), at(2, void.clone())]), PeriodVerdict::Differs);
    assert_eq!(state(&[void]), PeriodVerdict::Void);
}

#[test]
fn a_gate_waits_until_enough_periods_in_a_row_are_equal() {
    let passes = |periods: &[(&str, Verdict)]| {
        let reports: Vec<Report> = periods.iter().map(|(period, verdict)| report(period, *verdict)).collect();
        let one = of(&[manifest()], &reports, "2024-06-04");
        (one.passes, one.waiting().count())
    };
    let (equal, differs) = (Verdict::Equal, Verdict::Differs);
    assert_eq!(passes(&[("2024-04", equal), ("2024-05", equal)]), (2, 0));
    assert_eq!(passes(&[("2024-04", differs), ("2024-05", equal)]), (1, 1));
    assert_eq!(passes(&[("2024-04", equal), ("2024-05", differs)]), (0, 1));
    // One is missing between the two.
    assert_eq!(passes(&[("2024-03", equal), ("2024-05", equal)]), (1, 1));
    assert_eq!(passes(&[]), (0, 1));
}

#[test]
fn without_rules_people_type_reports_and_without_a_manifest_none_counts() {
    let mut by_hand = report("2024-05", Verdict::Equal);
    (by_hand.rules, by_hand.outputs, by_hand.commit) = (None, Vec::new(), None);
    let period = |migrations: &[ParityMigration]| {
        of(migrations, std::slice::from_ref(&by_hand), "2024-06-04").periods[0].clone()
    };
    let typed = period(&[migration(ComparedRules::ByHand)]);
    assert_eq!((typed.state, typed.says.as_str()), (PeriodVerdict::Equal, "typed by hand"));
    assert_eq!(period(&[]).says, "no Migration has that name");
    assert_eq!(period(&[]).state, PeriodVerdict::Void);
}
