//! The gate `parity`: what each fault of a report is worth, and random evidence against an oracle.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::parity::result::{ExpectedResult, FORMAT};
use crate::teardown::Clock;
use jiff::ToSpan;
use proptest::prelude::*;
use serde_json::json;
use std::sync::LazyLock;

/// Fifteen days after the end of May.
const NOW: &str = "2024-06-15T12:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

/// What a manifest says of two outputs.
pub(in crate::teardown) fn compare() -> Compare {
    static COMPARE: LazyLock<Compare> = LazyLock::new(|| {
        let output = |name: &str| json!({"name": name, "old": {"path": "s3://bau/{period}/", "format": "parquet"}, "new": {"table": "a.b.c"}});
        serde_json::from_value(json!({"outputs": [output("segments"), output("scores")]})).unwrap()
    });
    COMPARE.clone()
}

/// A report that a person typed.
pub(in crate::teardown) fn typed(period: &str, passed: bool) -> Report {
    let text =
        json!({"format": FORMAT, "migration": "audience", "period": period, "passed": passed, "checked_at": NOW});
    serde_json::from_value(text).unwrap()
}

/// A report of [`compare`].
pub(in crate::teardown) fn report(period: &str, passed: bool) -> Report {
    static RULES: LazyLock<String> = LazyLock::new(|| rules_hash(&compare()));
    let side = || SideResult { rows: Some(17), fingerprint: Some("ab".into()), ..SideResult::default() };
    let output = |name: &str| OutputResult {
        verdict: if passed { Verdict::Equal } else { Verdict::Differs },
        only_old: Some(0),
        only_new: Some(0),
        differing_rows: Some(if passed { 0 } else { 3 }),
        ..OutputResult::blank(name, side(), side())
    };
    Report {
        rules: Some(RULES.clone()),
        outputs: vec![output("segments"), output("scores")],
        commit: Some("0123456789ab".into()),
        ..typed(period, passed)
    }
}

fn file(name: &str, report: Report) -> EvidenceFile {
    EvidenceFile { path: format!("evidence/{name}.json"), report, signature: EvidenceSignature::Missing }
}

fn migration(rules: ComparedRules) -> ComparedMigration {
    ComparedMigration { address: Address { kind: "Migration".into(), name: "audience".into() }, rules }
}

fn parity(passes: u32, signed: bool) -> Parity {
    Parity { passes, signed: signed.then_some(true) }
}

fn gate_of(rules: ComparedRules, parity: &Parity, files: Vec<EvidenceFile>, now: Timestamp) -> (bool, String) {
    compared(parity, &[migration(rules)], &Evidence { files, broken: Vec::new() }, now)
}

pub(in crate::teardown) fn rules() -> ComparedRules {
    static RULES: LazyLock<ComparedRules> = LazyLock::new(|| ComparedRules::of(&compare()));
    RULES.clone()
}

/// The gate of a migration with [`compare`], which asks for two periods.
fn gate(files: Vec<EvidenceFile>) -> (bool, String) {
    gate_of(rules(), &parity(2, false), files, now())
}

fn says(of: &str, rest: &str) -> String {
    format!("Migration/audience: {of} periods compared equal, {rest}")
}

#[test]
fn two_periods_in_a_row_hold() {
    let files = || vec![file("4", report("2024-04", true)), file("5", report("2024-05", true))];
    assert_eq!(gate(files()), (true, says("2 of 2", "the last one of 2024-05")));
    assert_eq!(gate(Vec::new()), (false, says("0 of 2", "no report in evidence/")));
    // Of other migrations nothing counts.
    let other = |name| file("o", Report { migration: "other".into(), ..report(name, true) });
    assert_eq!(gate(vec![other("2024-04"), other("2024-05")]), (false, says("0 of 2", "no report in evidence/")));
    let broken = Evidence { files: files(), broken: vec![("evidence/x.json".into(), "no JSON".into())] };
    let of = |evidence: &Evidence, migrations: &[ComparedMigration]| {
        compared(&parity(2, false), migrations, evidence, now())
    };
    let migrations = [migration(rules())];
    assert_eq!(of(&broken, &migrations), (false, "evidence/x.json cannot be read: no JSON".into()));
    let evidence = Evidence { files: files(), broken: Vec::new() };
    assert_eq!(of(&evidence, &[]), (false, "no Migration names it in `from.emr`".into()));
    // Each migration has to have them.
    let (holds, says) = of(
        &evidence,
        &[
            migrations[0].clone(),
            ComparedMigration {
                address: Address { kind: "Migration".into(), name: "scores".into() },
                rules: ComparedRules::ByHand,
            },
        ],
    );
    assert!(
        !holds && says.ends_with("; Migration/scores: 0 of 2 periods compared equal, no report in evidence/"),
        "{says}"
    );
    let unreadable = gate_of(ComparedRules::Unreadable("it has mistakes".into()), &parity(1, false), files(), now());
    assert_eq!(unreadable, (false, "Migration/audience: its `compare` cannot be read: it has mistakes".into()));
}

#[test]
fn a_report_with_any_fault_counts_for_nothing_and_is_named() {
    type Edit = fn(&mut Report);
    let edits: [(&str, Edit); 21] = [
        ("it does not say by which rules, as if typed by hand", |r| r.rules = None),
        ("it was made under other rules: run `plumb parity run` again", |r| r.rules = Some("0".repeat(64))),
        ("it says passed, but output `scores` differs", |r| r.outputs[1].verdict = Verdict::Differs),
        ("it says passed, but output `segments` has no verdict", |r| r.outputs[0].verdict = Verdict::None),
        ("it says that output `scores` is equal, and counts differences", |r| r.outputs[1].differing_rows = Some(1)),
        ("it says that output `scores` is equal, and counts differences", |r| r.outputs[1].only_old = Some(1)),
        ("it says that output `segments` is equal, and counts differences", |r| {
            r.outputs[0].differing_cells = [("x".to_owned(), 2)].into();
        }),
        ("output `segments` is missing in it", |r| r.outputs.clear()),
        ("output `scores` is missing in it", |r| drop(r.outputs.pop())),
        ("the manifest has no output `more`", |r| {
            r.outputs.push(OutputResult { name: "more".into(), ..r.outputs[0].clone() });
        }),
        ("it has an output twice", |r| r.outputs.push(r.outputs[0].clone())),
        ("it has no counts of output `scores`", |r| r.outputs[1].only_new = None),
        ("it has no counts of output `scores`", |r| r.outputs[1].differing_rows = None),
        ("it has no counts of output `segments`", |r| r.outputs[0].old.rows = None),
        ("it does not say what was read of output `scores`: a fingerprint is missing", |r| {
            r.outputs[1].new.fingerprint = None
        }),
        ("it does not say what was read of output `segments`: a fingerprint is missing", |r| {
            r.outputs[0].old.fingerprint = Some(String::new());
        }),
        ("the manifests differed from their commit: commit them and run it again", |r| r.dirty = true),
        ("it was made without a repository, and names no commit", |r| r.commit = None),
        ("its clock was set with PLUMB_NOW", |r| r.clock = Some(NOW.into())),
        ("it was made in the future, 2024-06-15T12:00:01Z", |r| r.checked_at = "2024-06-15T12:00:01Z".parse().unwrap()),
        ("2024-05 was not over or had not settled when it was made", |r| {
            r.checked_at = "2024-05-31T23:59:59Z".parse().unwrap()
        }),
    ];
    for (why, edit) in edits {
        let mut edited = report("2024-05", true);
        edit(&mut edited);
        let (holds, said) = gate(vec![file("4", report("2024-04", true)), file("5", edited)]);
        let wanted = says(
            "1 of 2",
            &format!(
                "the last one of 2024-04, which ended more than 45 days ago: compare a later month, evidence/5.json does not count: {why}"
            ),
        );
        assert_eq!((holds, said), (false, wanted));
    }
    // A period in another form is none.
    let (_, said) = gate(vec![file("w", report("2024-W19", true))]);
    let wanted = "no report in evidence/ counts, evidence/w.json does not count: `2024-W19` is no month: expected one like `2024-05`";
    assert_eq!(said, says("0 of 2", wanted));
    // A difference that the manifest expects is none.
    let mut expected = report("2024-05", true);
    expected.outputs[0].differing_cells = [("x".to_owned(), 2)].into();
    let found = |found, holds| ExpectedResult {
        column: "x".into(),
        found,
        at_most: 5,
        until: "2024-12-31".into(),
        reason: "BUG-42".into(),
        holds,
    };
    for (one, wanted) in [(found(2, true), true), (found(2, false), false), (found(0, true), false)] {
        expected.outputs[0].expected = vec![one];
        assert_eq!(gate(vec![file("4", report("2024-04", true)), file("5", expected.clone())]).0, wanted);
    }
    // Files that do not count are named, the newest first, but not hundreds of them.
    let old =
        |month: u32| file(&month.to_string(), Report { rules: None, ..report(&format!("2023-{month:02}"), true) });
    let (_, said) = gate((1..=9).map(old).collect());
    assert!(
        said.contains("evidence/9.json") && said.contains("evidence/7.json") && !said.contains("evidence/6.json"),
        "{said}"
    );
    assert!(said.ends_with(", 6 more files do not count"), "{said}");
    // Where the gate holds, older ones do not matter, and later ones do.
    let mut files =
        vec![file("3", typed("2024-03", true)), file("4", report("2024-04", true)), file("5", report("2024-05", true))];
    assert_eq!(gate(files.clone()), (true, says("2 of 2", "the last one of 2024-05")));
    files.push(file("6", typed("2024-06", true)));
    assert!(gate(files).1.contains("evidence/6.json does not count"));
}

#[test]
fn periods_have_no_gaps_and_are_recent() {
    let of = |periods: &[(&str, bool)]| {
        gate(periods.iter().map(|(period, passed)| file(period, report(period, *passed))).collect())
    };
    for (periods, of_2, rest) in [
        (
            &[("2024-03", true), ("2024-05", true)][..],
            1,
            "the last one of 2024-05, there is no report of 2024-04 that counts",
        ),
        (
            &[("2024-04", false), ("2024-05", true)],
            1,
            "the last one of 2024-05, 2024-04 differs in `segments`, `scores`",
        ),
        (&[("2024-04", true), ("2024-05", false)], 0, "2024-05 differs in `segments`, `scores`"),
        (&[("2024-05", true)], 1, "the last one of 2024-05"),
    ] {
        assert_eq!(of(periods), (false, says(&format!("{of_2} of 2"), rest)));
    }
    assert!(of(&[("2024-03", false), ("2024-04", true), ("2024-05", true)]).0);
    // Month, week and day: each 45 days after its end at most.
    for (unit, periods, last, first_stale) in [
        (PeriodUnit::Month, ["2023-12", "2024-01"], "2024-03-17T00:00:00Z", "2024-03-17T00:00:01Z"),
        (PeriodUnit::Week, ["2023-W52", "2024-W01"], "2024-02-22T00:00:00Z", "2024-02-22T00:00:01Z"),
        (PeriodUnit::Day, ["2023-12-31", "2024-01-01"], "2024-02-16T00:00:00Z", "2024-02-16T00:00:01Z"),
        (PeriodUnit::None, ["a", "b"], "2024-03-17T00:00:00Z", "2024-03-17T00:00:01Z"),
    ] {
        let compare = Compare { period: unit, ..compare() };
        let checked_at = "2024-02-01T00:00:00Z".parse().unwrap();
        let rules = Some(rules_hash(&compare));
        let of = |period: &str| file(period, Report { rules: rules.clone(), checked_at, ..report(period, true) });
        let files = || periods.iter().map(|period| of(period)).collect::<Vec<_>>();
        let at = |now: &str| gate_of(ComparedRules::of(&compare), &parity(2, false), files(), now.parse().unwrap());
        assert!(at(last).0, "{unit:?}: {}", at(last).1);
        let (holds, said) = at(first_stale);
        assert!(!holds && said.contains("more than 45 days ago: compare a later"), "{said}");
    }
    let unsettled = Compare { settles: Some("6h".into()), ..compare() };
    let checked_at = "2024-06-01T05:59:59Z".parse().unwrap();
    let rules = Some(rules_hash(&unsettled));
    let early = file("5", Report { rules, checked_at, ..report("2024-05", true) });
    let (holds, said) = gate_of(ComparedRules::of(&unsettled), &parity(1, false), vec![early], now());
    assert!(!holds && said.contains("had not settled"), "{said}");
}

#[test]
fn the_last_report_of_the_present_rules_speaks_for_a_period() {
    let at = |hour: i64, report: Report| {
        let checked_at = "2024-06-03T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(hour);
        file(&hour.to_string(), Report { checked_at, ..report })
    };
    let one = |files: Vec<EvidenceFile>| gate_of(rules(), &parity(1, false), files, now()).0;
    let may = |passed| report("2024-05", passed);
    assert!(one(vec![at(1, may(false)), at(2, may(true))]), "corrected and compared again");
    assert!(!one(vec![at(1, may(true)), at(2, may(false))]));
    assert!(!one(vec![at(2, may(false)), at(1, may(true))]), "in whatever order they are read");
    // Of two of one instant the one that failed counts.
    assert!(!one(vec![at(1, may(true)), at(1, may(false))]) && !one(vec![at(1, may(false)), at(1, may(true))]));
    // What does not count neither replaces a pass nor hides a failure.
    let of_others = |passed| Report { rules: Some("other".into()), ..may(passed) };
    let dirty = |passed| Report { dirty: true, ..may(passed) };
    let clocked = |passed| Report { clock: Some(NOW.into()), ..may(passed) };
    for later in
        [of_others(false), of_others(true), dirty(true), clocked(true), clocked(false), typed("2024-05", false)]
    {
        assert!(one(vec![at(1, may(true)), at(2, later.clone())]), "{later:?}");
        assert!(!one(vec![at(1, may(false)), at(2, later.clone())]), "{later:?}");
    }
    // But a difference under the present rules is one, whoever made the report.
    assert!(!one(vec![at(1, may(true)), at(2, dirty(false))]));
    assert!(!one(vec![at(1, may(true)), at(2, Report { commit: None, ..may(false) })]));
    let mut none = may(false);
    none.outputs[0].verdict = Verdict::Equal;
    none.outputs[1] =
        OutputResult::without_verdict("scores", SideResult::default(), SideResult::default(), "unreadable", "x".into());
    let (holds, said) = gate(vec![at(1, may(true)), at(2, none)]);
    assert_eq!((holds, said), (false, says("0 of 2", "2024-05 has no verdict on `scores`")));
}

#[test]
fn where_signatures_are_wanted_nothing_else_counts() {
    let of = |signature, signed| {
        let files = vec![EvidenceFile { signature, ..file("5", report("2024-05", true)) }];
        gate_of(rules(), &parity(1, signed), files, now())
    };
    for (signature, signed, wanted, why) in [
        (EvidenceSignature::Valid, true, true, "the last one of 2024-05"),
        (EvidenceSignature::Missing, true, false, "it is not signed, and `requires.parity.signed` asks for it"),
        (EvidenceSignature::Unverified, true, false, "its signature cannot be verified: PLUMB_EVIDENCE_KEY is not set"),
        (EvidenceSignature::Wrong, true, false, "its signature is not that of PLUMB_EVIDENCE_KEY"),
        (EvidenceSignature::Valid, false, true, ""),
        (EvidenceSignature::Missing, false, true, ""),
        (EvidenceSignature::Unverified, false, true, ""),
        // Edited after it was signed: that nobody asked for a signature does not make it true.
        (EvidenceSignature::Wrong, false, false, "its signature is not that of PLUMB_EVIDENCE_KEY"),
    ] {
        let (holds, said) = of(signature, signed);
        assert!(holds == wanted && said.contains(why), "{signature:?} {signed}: {said}");
    }
    // Also of what was typed by hand.
    let by_hand =
        |signed| gate_of(ComparedRules::ByHand, &parity(1, signed), vec![file("5", typed("2024-05", true))], now());
    assert!(by_hand(false).0 && !by_hand(true).0);
}

#[test]
fn without_compare_reports_are_typed_by_hand_and_the_plan_says_so() {
    let of = |reports: Vec<Report>| {
        let files = reports.into_iter().enumerate().map(|(i, report)| file(&i.to_string(), report)).collect();
        gate_of(ComparedRules::ByHand, &parity(2, false), files, now())
    };
    // However old, and whatever they are called: as texts they sort.
    let hand = "typed by hand: the migration has no `compare`";
    let (holds, said) = of(vec![typed("spring", true), typed("autumn", true)]);
    assert_eq!((holds, said), (true, says("2 of 2", &format!("the last one of spring, {hand}"))));
    assert!(of(vec![typed("2020-01", true), typed("2023-05", true)]).0);
    let (holds, said) = of(vec![typed("2024-04", true), typed("2024-05", false)]);
    assert_eq!((holds, said), (false, says("0 of 2", &format!("2024-05 failed, {hand}"))));
    assert!(!of(vec![typed("2024-04", false), typed("2024-05", true)]).0);
    assert!(!of(vec![typed("2024-05", true), typed("2024-05", true)]).0, "one period is one pass");
    assert!(of(vec![typed("2024-03", false), typed("2024-04", true), typed("2024-05", true)]).0);
    // What contradicts itself, or says itself that it does not count, is no pass here either.
    let mut odd = report("2024-05", true);
    odd.outputs[0].verdict = Verdict::Differs;
    for one in [
        odd,
        Report { dirty: true, ..typed("2024-05", true) },
        Report { clock: Some(NOW.into()), ..typed("2024-05", true) },
    ] {
        assert!(!of(vec![typed("2024-04", true), one]).0);
    }
}

/// One report, as plain as an oracle needs it.
#[derive(Clone, Debug)]
struct Drawn {
    /// Months before May.
    ago: usize,
    hour: i64,
    passed: bool,
    /// Which fault it has.
    fault: Option<u8>,
    signature: EvidenceSignature,
}

impl Drawn {
    fn file(&self) -> EvidenceFile {
        let month = Date::constant(2024, 5, 1) - (self.ago as i64).months();
        let mut report = report(&month.strftime("%Y-%m").to_string(), self.passed);
        report.checked_at =
            "2024-06-03T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(self.hour);
        match self.fault {
            None => {}
            Some(0) => report.rules = None,
            Some(1) => report.rules = Some("other".into()),
            Some(2) => report.clock = Some(NOW.into()),
            Some(3) => report.dirty = true,
            Some(4) => report.commit = None,
            Some(5) => drop(report.outputs.pop()),
            Some(_) => report.outputs[0].new.fingerprint = None,
        }
        EvidenceFile { path: "evidence/x.json".into(), report, signature: self.signature }
    }

    /// Whether it says anything of its period: a pass only without a fault, a failure unless nobody knows of what or when.
    fn speaks(&self, signed: bool) -> bool {
        let is_believed = match self.signature {
            EvidenceSignature::Valid => true,
            EvidenceSignature::Wrong => false,
            _ => !signed,
        };
        if self.passed { self.fault.is_none() && is_believed } else { !matches!(self.fault, Some(0..=2)) }
    }
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let signature = prop_oneof![
        6 => Just(EvidenceSignature::Valid), 2 => Just(EvidenceSignature::Missing),
        1 => Just(EvidenceSignature::Unverified), 1 => Just(EvidenceSignature::Wrong),
    ];
    (0usize..4, 0i64..6, prop::bool::weighted(0.8), prop::option::weighted(0.2, 0u8..7), signature)
        .prop_map(|(ago, hour, passed, fault, signature)| Drawn { ago, hour, passed, fault, signature })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_gate_holds_exactly_for_equal_periods_in_a_row(
        reports in prop::collection::vec(drawn(), 0..9), passes in 1u32..4, signed in any::<bool>(), days in 0i64..80,
    ) {
        let now = now() + SignedDuration::from_hours(24 * days);
        let (holds, said) = gate_of(
            rules(), &parity(passes, signed), reports.iter().map(Drawn::file).collect(), now,
        );
        // By month: whether the last report that speaks passed.
        let month = |ago: usize| {
            let of_month = reports.iter().filter(|r| r.ago == ago && r.speaks(signed));
            of_month.max_by_key(|r| (r.hour, !r.passed)).map(|r| r.passed)
        };
        let newest = (0..4).find(|ago| month(*ago).is_some());
        let wanted = newest.is_some_and(|newest| {
            let equal = (newest..4).take_while(|ago| month(*ago) == Some(true)).count();
            let end = Date::constant(2024, 6, 1) - (newest as i64).months();
            equal >= passes as usize && Clock::at(now).today <= end + 44.days()
        });
        prop_assert_eq!(holds, wanted, "{}\n{:?}", said, reports);
    }
}
