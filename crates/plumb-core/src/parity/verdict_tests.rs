#![allow(clippy::unwrap_used)]

use super::*;
use crate::kinds::emr::compare::RowsAgainst;
use crate::parity::plan::{ColumnRule, ComparedColumn, ExpectPlan, Relation, SidePlan};
use crate::parity::result::SideResult;
use crate::parity::sql::CellCounts;
use crate::parity::types::DataType;

fn rows(min: Option<u64>, previous: Option<&str>) -> CompareRows {
    CompareRows { min, against: previous.map(|previous| RowsAgainst { previous: previous.into() }) }
}

#[test]
fn what_is_empty_or_too_little_has_no_verdict() {
    let cause =
        |rules: Option<&CompareRows>, old, new, previous| rows_first(rules, old, new, previous).map(|(cause, _)| cause);
    assert_eq!(cause(None, 0, 0, None), Some("nothing_compared"));
    assert_eq!(cause(None, 0, 3, None), Some("old_is_empty"));
    assert_eq!(cause(None, 3, 0, None), Some("new_is_empty"));
    assert_eq!(cause(None, 1, 1, None), None);
    let none = rows(Some(0), None);
    assert_eq!((cause(Some(&none), 0, 0, None), cause(Some(&none), 0, 3, None)), (None, None));
    let many = rows(Some(1000), None);
    assert_eq!(cause(Some(&many), 1000, 999, None), Some("too_few_rows"));
    assert_eq!(cause(Some(&many), 1000, 1000, None), None);
    let near = rows(None, Some("40%"));
    assert_eq!(cause(Some(&near), 140, 140, Some(100)), None, "the bound itself is near enough");
    assert_eq!(cause(Some(&near), 141, 141, Some(100)), Some("rows_off_previous"));
    assert_eq!(cause(Some(&near), 59, 59, Some(100)), Some("rows_off_previous"));
    assert_eq!(cause(Some(&near), 1, 1, None), None, "there is no last period");
}

fn output() -> OutputResult {
    OutputResult::blank("segments", SideResult::default(), SideResult::default())
}

fn plan(expect: Vec<ExpectPlan>) -> OutputPlan {
    let side = || SidePlan { relation: Relation::Table { name: vec!["t".into()], version: None }, filter: Vec::new() };
    let column = |name: &str| ComparedColumn {
        name: name.into(),
        old: name.into(),
        new: name.into(),
        old_type: DataType::Double,
        new_type: DataType::Double,
        rule: ColumnRule { rel: Some(1e-9), tolerance_reason: Some("sums".into()), ..ColumnRule::default() },
        sensitive: name == "secret",
    };
    OutputPlan {
        name: "segments".into(),
        old: side(),
        new: side(),
        keys: Vec::new(),
        cells: vec![column("qty"), column("secret")],
        expect,
    }
}

fn expect(about: ExpectAbout, at_most: u64) -> ExpectPlan {
    let until = "2024-12-31".parse().unwrap();
    ExpectPlan { about, old_filter: Vec::new(), new_filter: Vec::new(), at_most, until, reason: "BUG-42".into() }
}

fn counts(qty: u64, only_old: u64, expect: Vec<(u64, u64)>) -> JoinCounts {
    let cell = |differing| CellCounts { differing, within: 2, largest: Some("3e-12".into()) };
    JoinCounts { matched: 100, only_old, only_new: 0, differing_rows: qty, cells: vec![cell(qty), cell(0)], expect }
}

/// The verdict of counts on a day.
fn verdict(expect: Vec<ExpectPlan>, counts: &JoinCounts, today: &str) -> OutputResult {
    let mut result = output();
    count(&mut result, &plan(expect), counts, today.parse().unwrap());
    result
}

#[test]
fn every_difference_counts_unless_it_is_expected() {
    let day = "2024-06-01";
    assert_eq!(verdict(Vec::new(), &counts(0, 0, Vec::new()), day).verdict, Verdict::Equal);
    assert_eq!(verdict(Vec::new(), &counts(1, 0, Vec::new()), day).verdict, Verdict::Differs);
    assert_eq!(verdict(Vec::new(), &counts(0, 1, Vec::new()), day).verdict, Verdict::Differs);
    let qty = |at_most| vec![expect(ExpectAbout::Cell(0), at_most)];
    for (counted, at_most, found, day, wanted) in [
        (5, 5, 5, day, Verdict::Equal),
        (5, 4, 5, day, Verdict::Differs),
        // Some of the differences lie where nothing is expected.
        (6, 5, 5, day, Verdict::Differs),
        (5, 5, 5, "2024-12-31", Verdict::Equal),
        (5, 5, 5, "2025-01-01", Verdict::Differs),
    ] {
        let result = verdict(qty(at_most), &counts(counted, 0, vec![(found, 9)]), day);
        assert_eq!(result.verdict, wanted, "{counted} {at_most} {found} {day}");
        assert_eq!(result.differing_cells["qty"], counted, "what is expected is counted all the same");
        assert_eq!(result.expected[0].holds, wanted == Verdict::Equal || counted == 6);
    }
    let lost = vec![expect(ExpectAbout::OnlyOld, 3)];
    assert_eq!(verdict(lost.clone(), &counts(0, 3, vec![(3, 9)]), day).verdict, Verdict::Equal);
    assert_eq!(verdict(lost, &counts(0, 4, vec![(3, 9)]), day).verdict, Verdict::Differs);
}

#[test]
fn an_expectation_of_no_row_is_told_and_ends_the_verdict_once_it_is_over() {
    let stale = || vec![expect(ExpectAbout::Cell(0), 3)];
    let before = verdict(stale(), &counts(0, 0, vec![(0, 0)]), "2024-06-01");
    assert_eq!(before.verdict, Verdict::Equal);
    assert!(before.notes[0].contains("matches no row"), "{:?}", before.notes);
    let after = verdict(stale(), &counts(0, 0, vec![(0, 0)]), "2025-01-01");
    assert_eq!(after.verdict, Verdict::None);
    assert!(after.because.unwrap().contains("take it out"));
    // What differs differs, whatever is stale.
    assert_eq!(verdict(stale(), &counts(1, 0, vec![(0, 0)]), "2025-01-01").verdict, Verdict::Differs);
}

#[test]
fn a_schema_that_fails_is_a_difference() {
    let note = |fails| SchemaNote { column: "a".into(), cause: "type_widened".into(), fails, says: String::new() };
    for (fails, wanted) in [(false, Verdict::Equal), (true, Verdict::Differs)] {
        let mut result = output();
        schemas(&mut result, &[note(fails)]);
        count(&mut result, &plan(Vec::new()), &counts(0, 0, Vec::new()), "2024-06-01".parse().unwrap());
        assert_eq!((result.verdict, result.causes["schema"].as_str()), (wanted, "type_widened"));
    }
}

#[test]
fn the_distance_of_a_sensitive_column_is_hidden() {
    let result = verdict(Vec::new(), &counts(0, 0, Vec::new()), "2024-06-01");
    assert_eq!(result.within_tolerance["qty"].largest.as_deref(), Some("3e-12"));
    assert_eq!((result.within_tolerance["secret"].cells, &result.within_tolerance["secret"].largest), (2, &None));
}
