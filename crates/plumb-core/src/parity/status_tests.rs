#![allow(clippy::unwrap_used)]

use super::*;
use crate::parity::result::{FORMAT, OutputResult, SideResult};

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

fn manifest() -> ComparedMigration {
    ComparedMigration {
        name: "audience".into(),
        rules: Some("r1".into()),
        outputs: vec!["segments".into(), "scores".into()],
        period: PeriodUnit::Month,
        gates: vec![ParityGate { address: "EmrCluster/legacy".into(), passes: 2 }],
    }
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

/// The periods with their states, of reports held against the manifest on a day.
fn states(reports: &[Report], today: &str) -> Vec<(String, PeriodState)> {
    let all = status(&[manifest()], reports, day(today));
    all[0].periods.iter().map(|period| (period.period.clone(), period.state)).collect()
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
        ("2024-01", PeriodState::Equal),
        ("2024-02", PeriodState::Missing),
        ("2024-03", PeriodState::Differs),
        ("2024-04", PeriodState::NoVerdict),
        ("2024-05", PeriodState::Equal),
        ("2024-06", PeriodState::Missing),
    ];
    assert_eq!(states(&reports, "2024-07-01"), wanted.map(|(period, state)| (period.to_owned(), state)));
    // June is not over on its last day.
    assert_eq!(states(&reports, "2024-06-30").len(), 5);
    assert_eq!(states(&[], "2024-07-01"), [("2024-06".to_owned(), PeriodState::Missing)]);
}

#[test]
fn weeks_and_days_follow_one_another_over_the_end_of_a_year() {
    for (unit, period, wanted) in [
        (PeriodUnit::Month, "2024-12", Some("2025-01")),
        (PeriodUnit::Week, "2020-W52", Some("2020-W53")),
        (PeriodUnit::Week, "2020-W53", Some("2021-W01")),
        (PeriodUnit::Day, "2024-02-28", Some("2024-02-29")),
        (PeriodUnit::Day, "2024-12-31", Some("2025-01-01")),
        (PeriodUnit::None, "first", None),
        (PeriodUnit::Month, "soon", None),
        (PeriodUnit::Week, "2021-W53", None),
    ] {
        assert_eq!(following(period, unit).map(|(next, _)| next).as_deref(), wanted, "{period}");
    }
    for (unit, wanted) in [
        (PeriodUnit::Month, Some("2024-12")),
        (PeriodUnit::Week, Some("2024-W52")),
        (PeriodUnit::Day, Some("2024-12-31")),
        (PeriodUnit::None, None),
    ] {
        assert_eq!(last_one(unit, day("2025-01-01")).as_deref(), wanted);
    }
    // A period that nobody can have compared makes no endless list.
    let known = BTreeSet::from(["0001-01", "2024-01"]);
    assert_eq!(missing(&known, PeriodUnit::Month, day("2024-02-10")).len(), MOST_MISSING);
}

#[test]
fn what_does_not_count_is_void_and_says_why() {
    type Change = fn(&mut Report);
    let cases: [(Change, &str); 10] = [
        (|r| r.rules = Some("r2".into()), "made under other rules: run it again"),
        (|r| r.rules = None, "typed by hand: it has no hash of the rules"),
        (|r| r.outputs.clear(), "typed by hand: it has no outputs"),
        (|r| r.outputs[0].old.fingerprint = None, "it has no fingerprint and rows of old segments"),
        (|r| r.outputs[1].new.rows = None, "it has no fingerprint and rows of new scores"),
        (|r| r.outputs[0].only_new = None, "it has no counts of segments"),
        (|r| drop(r.outputs.pop()), "its outputs are not those of the manifest"),
        (|r| r.dirty = true, "were not committed"),
        (|r| r.commit = None, "without a git repository"),
        (|r| r.clock = Some("2020-01-01T00:00:00Z".into()), "PLUMB_NOW"),
    ];
    assert_eq!(states(&[report("2024-05", Verdict::Equal)], "2024-06-02")[0].1, PeriodState::Equal);
    for (change, wanted) in cases {
        let mut void = report("2024-05", Verdict::Equal);
        change(&mut void);
        let why = counts(&void, &manifest()).unwrap_err();
        assert!(why.contains(wanted), "{why}");
        let all = status(&[manifest()], &[void], day("2024-06-02"));
        assert_eq!((all[0].periods[0].state, &all[0].periods[0].says), (PeriodState::Void, &why));
        assert_eq!(all[0].passes, 0, "{why}");
    }
    let mut lies = report("2024-05", Verdict::Differs);
    lies.passed = true;
    assert!(counts(&lies, &manifest()).unwrap_err().contains("says that it passed"));
    // Where nothing could be compared, nothing was counted.
    let mut none = report("2024-05", Verdict::None);
    none.outputs[0] =
        OutputResult::without_verdict("segments", side(), SideResult::default(), "unreadable", "…".into());
    assert_eq!(counts(&none, &manifest()), Ok(()));
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
    assert_eq!(state(&[at(1, bad.clone()), at(2, good.clone())]), PeriodState::Equal);
    assert_eq!(state(&[at(2, bad.clone()), at(1, good.clone())]), PeriodState::Differs);
    assert_eq!(
        state(&[at(1, good.clone()), at(1, bad.clone())]),
        PeriodState::Differs,
        "of one second the one that failed"
    );
    assert_eq!(state(&[at(1, bad), at(2, void.clone())]), PeriodState::Differs);
    assert_eq!(state(&[void]), PeriodState::Void);
}

#[test]
fn a_gate_waits_until_enough_periods_in_a_row_are_equal() {
    let passes = |periods: &[(&str, Verdict)]| {
        let reports: Vec<Report> = periods.iter().map(|(period, verdict)| report(period, *verdict)).collect();
        let all = status(&[manifest()], &reports, day("2024-06-02"));
        (all[0].passes, all[0].waiting().count())
    };
    let (equal, differs) = (Verdict::Equal, Verdict::Differs);
    assert_eq!(passes(&[("2024-04", equal), ("2024-05", equal)]), (2, 0));
    assert_eq!(passes(&[("2024-04", differs), ("2024-05", equal)]), (1, 1));
    assert_eq!(passes(&[("2024-04", equal), ("2024-05", differs)]), (0, 1));
    // One is missing between the two.
    assert_eq!(passes(&[("2024-03", equal), ("2024-05", equal)]), (1, 1));
    // May is over and not compared yet.
    assert_eq!(passes(&[("2024-03", equal), ("2024-04", equal)]), (2, 0));
    assert_eq!(passes(&[]), (0, 1));
}

#[test]
fn without_rules_people_type_reports_and_without_a_manifest_none_counts() {
    let mut by_hand = report("2024-05", Verdict::Equal);
    (by_hand.rules, by_hand.outputs, by_hand.commit) = (None, Vec::new(), None);
    let plain = ComparedMigration { rules: None, outputs: Vec::new(), ..manifest() };
    let of = |manifests: &[ComparedMigration]| {
        status(manifests, std::slice::from_ref(&by_hand), day("2024-06-02"))[0].periods[0].clone()
    };
    let typed = of(&[plain]);
    assert_eq!((typed.state, typed.says.as_str()), (PeriodState::Equal, "typed by hand"));
    assert_eq!(of(&[]).says, "no Migration has that name");
    assert_eq!(of(&[]).state, PeriodState::Void);
}

#[test]
fn the_hash_of_rules_knows_no_order_of_members() {
    let hash = |text: &str| rules_hash(&serde_json::from_str(text).unwrap());
    assert_eq!(hash(r#"{"a": 1, "b": [1, 2]}"#), hash(r#"{"b": [1, 2], "a": 1}"#));
    assert_ne!(hash(r#"{"a": 1, "b": [1, 2]}"#), hash(r#"{"a": 1, "b": [2, 1]}"#));
}
