#![allow(clippy::unwrap_used)]

use super::cell::ColumnHolds;
use super::facts::{Facts, choose};
use super::*;
use crate::parity::plan::{ColumnRule, ComparedColumn, OutputPlan, Relation, SidePlan};
use crate::parity::result::SideResult;
use crate::parity::sql::SqlRow;
use crate::parity::sql::{Databricks, Duckdb, JoinPath};
use crate::parity::types::DataType;

fn column(name: &str, of_type: &str, sensitive: bool) -> ComparedColumn {
    let of_type = DataType::from_spark(of_type).unwrap();
    let (old_type, new_type) = (of_type.clone(), of_type);
    let name = name.to_owned();
    ComparedColumn {
        old: name.clone(),
        new: name.clone(),
        name,
        old_type,
        new_type,
        rule: ColumnRule::default(),
        sensitive,
    }
}

fn plan(keys: &[(&str, &str)], cells: &[(&str, &str)]) -> OutputPlan {
    let side =
        |name: &str| SidePlan { relation: Relation::Table { name: vec![name.into()], version: None }, filter: vec![] };
    let columns = |columns: &[(&str, &str)]| columns.iter().map(|(name, of)| column(name, of, false)).collect();
    OutputPlan {
        name: "segments".into(),
        old: side("old"),
        new: side("new"),
        keys: columns(keys),
        cells: columns(cells),
        expect: vec![],
    }
}

fn counts(only_old: u64, differing: &[u64]) -> JoinCounts {
    let differing_rows = differing.iter().copied().max().unwrap_or(0);
    let mut counts = JoinCounts { matched: 5_000_000, only_old, differing_rows, ..JoinCounts::default() };
    counts.cells.resize_with(differing.len(), Default::default);
    for (cell, differing) in counts.cells.iter_mut().zip(differing) {
        cell.differing = *differing;
    }
    counts
}

fn facts(holds: ColumnHolds, of: u64, counts: &[(&str, u64)], values: &[(&'static str, &str)]) -> Facts {
    Facts {
        of,
        counts: counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect(),
        values: values.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
        ..Facts::of(holds, false)
    }
}

fn blank() -> OutputResult {
    OutputResult::blank("segments", SideResult::default(), SideResult::default())
}

/// Goes through all steps with answers that fit: `say` makes a row of as many columns as are asked for.
fn steps(explain: &mut Explain<'_>, fails: &[&str]) -> Vec<Statement> {
    let mut statements = Vec::new();
    while let Some(statement) = explain.ask() {
        if fails.contains(&statement.step) {
            explain.failed("no memory");
        } else {
            let last = statement.text.rfind(" AS c").map_or(0, |at| {
                let digits = statement.text[at + 5..].chars().take_while(char::is_ascii_digit).collect::<String>();
                digits.parse::<usize>().unwrap_or(0)
            });
            let row: SqlRow = vec![Some("1".to_owned()); last + 1];
            let rows = if matches!(statement.step, "causes" | "rows" | "profile") { vec![row] } else { vec![] };
            explain.answer(&rows).unwrap();
        }
        statements.push(statement);
    }
    statements
}

#[test]
fn a_cause_explains_nearly_all_and_the_first_one_wins() {
    let tried =
        |first: u64, second: u64| vec![("permuted", first, "a".to_owned()), ("timezone", second, "b".to_owned())];
    assert_eq!(choose(100, tried(99, 100)).0, Some("permuted"));
    assert_eq!(choose(100, tried(98, 100)).0, Some("timezone"));
    let (cause, best) = choose(100, tried(60, 98));
    assert_eq!(cause, None);
    assert_eq!(
        best.iter().map(|one| (one.cause.as_str(), one.explains)).collect::<Vec<_>>(),
        [("timezone", 98), ("permuted", 60)]
    );
    let four = ["a", "b", "c", "d"].map(|name| (name, 1, String::new())).to_vec();
    assert_eq!(choose(9, four).1.len(), 3);
    assert_eq!(choose(0, vec![("sign", 0, String::new())]), (None, vec![]));
}

#[test]
fn whether_other_cells_are_equal_tells_a_zone_from_a_shift() {
    let shift = [("least_shift", "3600000000"), ("most_shift", "3600000000")];
    let mut facts = facts(ColumnHolds::Time, 10, &[("timezone", 10), ("shift", 10)], &shift);
    let cause = |facts: &Facts| facts.explain().0;
    assert_eq!(cause(&facts), Some("constant_shift"));
    facts.has_equal_cells = true;
    assert_eq!(cause(&facts), Some("timezone"));
    assert_eq!(facts.explain().1[0].says, "+1 h in some rows, equal in others");
    facts.values[1].1 = "7200000000".into();
    facts.has_equal_cells = false;
    assert_eq!(cause(&facts), Some("timezone"));
    assert_eq!(facts.explain().1[0].says, "whole quarter hours, +1 h to +2 h");
}

#[test]
fn most_cells_may_have_one_offset_and_a_single_one_proves_none() {
    let values = [("least_offset", "1"), ("most_offset", "5"), ("usual_offset", "5")];
    let mut most = facts(ColumnHolds::Whole, 200, &[("offset", 200)], &values);
    assert_eq!(most.unconfirmed("offset"), Some("5"));
    assert_eq!(most.explain().0, None);
    most.usual.push(("offset", 199));
    assert_eq!((most.explain().0, most.explain().1[0].says.as_str()), (Some("constant_offset"), "each is +5"));
    let one = facts(ColumnHolds::Whole, 1, &[("offset", 1)], &[("least_offset", "5"), ("most_offset", "5")]);
    assert_eq!(one.explain(), (None, vec![]));
}

#[test]
fn a_hidden_column_has_causes_without_values() {
    for (holds, counts, values, cause) in [
        (
            ColumnHolds::Whole,
            vec![("offset", 9)],
            vec![("least_offset", "4711"), ("most_offset", "4711")],
            "constant_offset",
        ),
        (
            ColumnHolds::Whole,
            vec![("factor", 9)],
            vec![("least_factor", "4711"), ("most_factor", "4711")],
            "constant_factor",
        ),
        (
            ColumnHolds::Time,
            vec![("shift", 9)],
            vec![("least_shift", "4711"), ("most_shift", "4711")],
            "constant_shift",
        ),
        (ColumnHolds::Text, vec![("truncated:new", 9)], vec![("shortest", "4711"), ("longest", "4711")], "truncated"),
        (
            ColumnHolds::Decimal { precision: 9, scale: 2 },
            vec![("last_place", 9)],
            vec![("least_apart", "47.11"), ("most_apart", "47.11")],
            "last_place",
        ),
    ] {
        let mut facts = facts(holds, 9, &counts, &values);
        let shown = facts.explain().1[0].says.clone();
        assert!(shown.contains("47") || shown.contains("ms") || shown.contains("0.0047"), "{shown}");
        facts.is_hidden = true;
        let (named, explanations) = facts.explain();
        assert_eq!(named, Some(cause));
        assert!(!explanations[0].says.chars().any(|c| c.is_ascii_digit()), "{}", explanations[0].says);
    }
}

#[test]
fn duckdb_keeps_the_differences_and_never_filters_the_join() {
    let plan =
        plan(&[("id", "bigint")], &[("amount", "decimal(18,2)"), ("ts", "timestamp"), ("tags", "array<string>")]);
    let joined = Joined::new(&plan, JoinPath::Duplicates);
    let counts = counts(9, &[5, 4, 0]);
    let mut explain = Explain::new(&joined, &Duckdb, &counts);
    let statements = steps(&mut explain, &[]);
    assert!(statements.len() <= 9, "{statements:#?}");
    assert!(statements[0].text.starts_with("CREATE OR REPLACE TEMP TABLE plumb_differences AS WITH "));
    for statement in &statements {
        assert!(!statement.text.contains("FROM j WHERE"), "{}", statement.text);
        assert!(statement.parameters.is_empty());
        // The join is made once.
        assert_eq!(statement.text.contains("FULL OUTER JOIN"), statement.step == "differences", "{}", statement.text);
    }
    // A column that does not differ is no one's business.
    assert!(!statements.iter().any(|statement| statement.step == "causes" && statement.text.contains("ov2")));
}

#[test]
fn databricks_makes_each_statement_complete() {
    let plan = plan(&[("id", "bigint")], &[("amount", "double"), ("name", "string")]);
    let joined = Joined::new(&plan, JoinPath::Unique { limit: 9 });
    let counts = counts(9, &[5, 4]);
    let mut explain = Explain::new(&joined, &Databricks, &counts);
    let statements = steps(&mut explain, &[]);
    for statement in &statements {
        let is_of_sides = matches!(statement.step, "profile" | "histogram");
        assert_eq!(statement.text.contains("FULL OUTER JOIN"), !is_of_sides, "{}", statement.text);
        for parameter in &statement.parameters {
            assert!(statement.text.contains(&format!(":{}", parameter.name)));
        }
        // Each look makes the join again, so there is one for all columns.
        assert!(statement.text.matches("FROM x").count() <= 4, "{}", statement.text);
    }
}

#[test]
fn only_so_many_rows_are_looked_at_and_the_result_says_so() {
    let plan = plan(&[("id", "bigint"), ("region", "string")], &[("amount", "int")]);
    let joined = Joined::new(&plan, JoinPath::Unique { limit: 9 });
    for (differing, is_sampled) in [(250_000, false), (1_000_000, true)] {
        let counts = counts(0, &[differing]);
        let mut explain = Explain::new(&joined, &Duckdb, &counts);
        let statements = steps(&mut explain, &[]);
        assert_eq!(statements[0].text.contains("md5("), is_sampled);
        // A quarter of all.
        assert_eq!(statements[0].text.contains("< '400000'"), is_sampled);
        let mut result = blank();
        explain.finish(&mut result);
        assert_eq!(result.columns[0].sampled, is_sampled);
        assert_eq!(result.columns[0].differing, differing);
    }
}

#[test]
fn what_an_engine_cannot_say_is_told_and_nothing_else_is_lost() {
    let plan = plan(&[("id", "bigint")], &[("amount", "int")]);
    let joined = Joined::new(&plan, JoinPath::Unique { limit: 9 });
    let counts = counts(0, &[3]);
    let mut explain = Explain::new(&joined, &Duckdb, &counts);
    let statements = steps(&mut explain, &["causes"]);
    assert!(statements.iter().any(|statement| statement.step == "examples"));
    let mut result = blank();
    explain.finish(&mut result);
    assert_eq!(result.notes, ["causes could not be found out: no memory"]);
    assert_eq!((result.columns[0].differing, result.causes.len()), (3, 0));
    let mut explain = Explain::new(&joined, &Duckdb, &counts);
    assert_eq!(steps(&mut explain, &["differences"]).len(), 1);
    let mut result = blank();
    explain.finish(&mut result);
    assert_eq!(result.notes, ["what differs is counted, and not explained: no memory"]);
}

#[test]
fn what_is_equal_costs_nothing() {
    let plan = plan(&[("id", "bigint")], &[("amount", "int")]);
    let joined = Joined::new(&plan, JoinPath::Unique { limit: 9 });
    let counts = counts(0, &[0]);
    assert_eq!(Explain::new(&joined, &Duckdb, &counts).ask(), None);
}
