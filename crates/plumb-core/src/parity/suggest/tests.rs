//! A search for keys, by answers that are made up.

use super::*;
use crate::kinds::emr::compare::FileFormat;
use crate::parity::plan::{ColumnRule, ComparedColumn, FileRelation, OutputPlan, SidePlan};
use crate::parity::sql::{Duckdb, JoinPath, Joined, SqlRow};

fn plan(columns: &[(&str, DataType)]) -> OutputPlan {
    let relation = Relation::Files(FileRelation {
        format: FileFormat::Parquet,
        files: Vec::new(),
        csv: Default::default(),
        columns: Vec::new(),
        partition_types: Vec::new(),
    });
    let side = SidePlan { relation, filter: Vec::new() };
    let column = |(name, of): &(&str, DataType)| ComparedColumn {
        name: (*name).to_owned(),
        old: (*name).to_owned(),
        new: (*name).to_owned(),
        old_type: of.clone(),
        new_type: of.clone(),
        rule: ColumnRule::default(),
        sensitive: false,
    };
    OutputPlan {
        name: "x".into(),
        old: side.clone(),
        new: side,
        keys: columns.iter().map(column).collect(),
        cells: Vec::new(),
        expect: Vec::new(),
    }
}

fn row(values: &[&str]) -> SqlRow {
    values.iter().map(|value| Some((*value).to_owned())).collect()
}

/// Answers by tables: about how many values each set has, and exactly how many, with those of both sides.
fn search(
    columns: &[(&str, DataType)],
    wanted: &[&str],
    about: &dyn Fn(&str) -> u64,
    exactly: &dyn Fn(&str) -> [u64; 3],
) -> (Option<FoundKeys>, Vec<String>, Vec<String>) {
    let plan = plan(columns);
    let joined = Joined::new(&plan, JoinPath::Bag);
    let wanted: Vec<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
    let mut search = KeySearch::new(&joined, &Duckdb, [100, 100], &wanted);
    let mut asked = Vec::new();
    while let Some(statement) = search.ask() {
        let text = statement.text;
        let named = |columns: &str| {
            let names = columns.split(", ").map(|k| plan.keys[k[1..].parse::<usize>().unwrap()].name.as_str());
            names.collect::<Vec<_>>().join("+")
        };
        if statement.step == "keys" {
            let old = text.split(" UNION ALL ").next().unwrap();
            let sets = old.split("hash(").skip(1).map(|rest| named(rest.split(')').next().unwrap()));
            let counts: Vec<String> = sets.map(|set| about(&set).to_string()).collect();
            let line =
                |side: &str| row(&[side].into_iter().chain(counts.iter().map(String::as_str)).collect::<Vec<_>>());
            search.answer(&[line("new"), line("old")]).unwrap();
        } else {
            let set = named(text.split("DISTINCT ").nth(1).unwrap().split(" FROM").next().unwrap());
            asked.push(set.clone());
            let counts = exactly(&set).map(|count| count.to_string());
            search.answer(&[row(&counts.each_ref().map(String::as_str))]).unwrap();
        }
    }
    let (found, notes) = search.finish();
    (found, notes, asked)
}

const TEXT: DataType = DataType::String;

#[test]
fn the_fewest_columns_that_name_every_row_of_both_sides_are_found() {
    let columns = [("region", TEXT), ("amount", DataType::Double), ("customer_id", TEXT), ("name", TEXT)];
    let about = |set: &str| match set {
        "region" => 4,
        "customer_id" => 60,
        "name" => 30,
        _ => 97,
    };
    let exactly = |set: &str| match set {
        "customer_id" => [61, 100, 61],
        "region+customer_id" => [100, 100, 100],
        "customer_id+name" => [100, 100, 80],
        _ => [99, 100, 99],
    };
    let (found, notes, asked) = search(&columns, &[], &about, &exactly);
    assert_eq!(found.unwrap().names, ["region", "customer_id"]);
    assert_eq!((notes.len(), asked), (0, vec!["customer_id".to_owned(), "region+customer_id".to_owned()]));
}

#[test]
fn what_both_sides_do_not_share_is_no_key() {
    let columns = [("load_id", TEXT), ("id", TEXT)];
    let exactly = |set: &str| if set == "id" { [100, 100, 98] } else { [100, 100, 0] };
    let (found, notes, asked) = search(&columns, &[], &|_| 98, &exactly);
    assert_eq!((found.unwrap().names, asked), (vec!["id".to_owned()], vec!["id".to_owned(), "load_id".to_owned()]));
    assert!(notes.is_empty());
    let alone = &columns[..1];
    let (found, notes, _) = search(alone, &[], &|_| 98, &exactly);
    assert_eq!(found, None);
    assert!(notes[0].starts_with("`load_id` is different in every row"), "{notes:?}");
}

#[test]
fn keys_that_the_manifest_has_are_kept_when_they_are_keys() {
    let columns = [("id", TEXT), ("no", TEXT)];
    let (found, _, asked) = search(&columns, &["NO"], &|_| 100, &|_| [100, 100, 100]);
    assert_eq!((found.unwrap().names, asked.len()), (vec!["no".to_owned()], 1));
    let exactly = |set: &str| if set == "id" { [100, 100, 100] } else { [50, 50, 50] };
    let (found, _, asked) = search(&columns, &["no"], &|_| 100, &exactly);
    assert_eq!((found.unwrap().names, asked), (vec!["id".to_owned()], vec!["no".to_owned(), "id".to_owned()]));
}

#[test]
fn a_search_without_a_key_ends() {
    let columns = [("a", TEXT), ("b", TEXT), ("c", TEXT), ("d", DataType::Boolean)];
    let (found, notes, asked) = search(&columns, &[], &|_| 90, &|_| [90, 90, 90]);
    assert_eq!((found, notes.len()), (None, 0));
    // Four alone, six pairs, four triples.
    assert_eq!(asked.len(), 14);
    let (found, _, asked) = search(&columns, &[], &|_| 1, &|_| [1, 1, 1]);
    assert_eq!((found, asked.len()), (None, 0));
    let times = [("a", TEXT), ("at", DataType::Timestamp)];
    let (found, _, asked) = search(&times, &[], &|_| 100, &|set| if set == "at" { [100; 3] } else { [90; 3] });
    assert_eq!((found.unwrap().names, asked.last().unwrap().as_str()), (vec!["at".to_owned()], "at"));
    let money = DataType::Decimal { precision: 12, scale: 2 };
    assert_eq!(search(&[("amount", money)], &[], &|_| 100, &|_| [100; 3]).0, None);
    assert_eq!(search(&[("x", DataType::Double)], &[], &|_| 100, &|_| [100, 100, 100]).0, None);
}
