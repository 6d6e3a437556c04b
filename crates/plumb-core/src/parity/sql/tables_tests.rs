//! Tables: names, versions, types.

#![allow(clippy::unwrap_used)]

use super::super::Duckdb;
use super::*;
use crate::parity::plan::Relation;

fn version(version: u64, committed: &str) -> TableVersion {
    TableVersion { version, committed: committed.into() }
}

fn row(values: &[&str]) -> SqlRow {
    values.iter().map(|value| Some((*value).to_owned())).collect()
}

#[test]
fn a_table_has_three_names() {
    assert_eq!(table_name("prod.bau.segments").unwrap(), ["prod", "bau", "segments"]);
    assert_eq!(table_name("my-catalog.b`.c`d").unwrap(), ["my-catalog", "b`", "c`d"]);
    for wrong in ["segments", "bau.segments", "a.b.c.d", "a..c", "a.b.", ""] {
        let why = table_name(wrong).unwrap_err();
        assert_eq!(why, format!("`{wrong}` is no table: expected `CATALOG.SCHEMA.TABLE`"));
    }
}

#[test]
fn the_latest_version_is_asked_by_its_quoted_name() {
    let statement = history(&table_name("a;b.c`d.e").unwrap(), 3);
    assert_eq!(statement.text, "DESCRIBE HISTORY `a;b`.`c``d`.`e` LIMIT 3");
    let rows = [row(&["7", "2026-11-02T03:00:00.000Z", "WRITE"]), row(&["6", "2026-11-01T03:00:00.000Z", "WRITE"])];
    let [latest, before] = read_history(&rows).unwrap().try_into().unwrap();
    assert_eq!(latest, version(7, "2026-11-02T03:00:00.000Z"));
    assert_eq!(before.version, 6);
    assert_eq!(read_history(&[]).unwrap_err(), "the table has no version");
    assert_eq!(read_history(&[row(&["x", "y"])]).unwrap_err(), "the warehouse calls a version `x`");
    assert!(read_history(&[vec![None, None]]).is_err());
}

#[test]
fn a_table_that_was_made_again_is_another() {
    let pinned = version(7, "monday");
    assert_eq!(versions_since("t", &pinned, &version(7, "monday")).unwrap(), 1);
    assert_eq!(versions_since("t", &pinned, &version(9, "friday")).unwrap(), 3);
    let fault = versions_since("t", &pinned, &version(0, "friday")).unwrap_err();
    assert_eq!(fault.cause, "changed");
    assert_eq!(fault.says, "t was replaced while it was compared: its version 7 is not there any more");
    let later = [version(9, "friday"), version(8, "tuesday"), pinned.clone()];
    assert!(same_version("t", &pinned, &later).is_ok(), "written to meanwhile: the pinned version is as it was");
    let other = [version(9, "friday"), version(8, "friday"), version(7, "friday")];
    assert!(same_version("t", &pinned, &other).is_err(), "as many versions, of another table");
}

#[test]
fn a_type_that_was_cut_is_asked_again() {
    let relation = Relation::Table { name: table_name("a.b.c").unwrap(), version: Some(3) };
    let side = SidePlan { relation, filter: Vec::new() };
    let cut = "struct<a:int,... 15 more fields>";
    let mut columns = vec![
        ("k".to_owned(), DataType::Integer(64)),
        ("v".to_owned(), Databricks.read_type(cut)),
        ("interval".to_owned(), DataType::Other("interval".into())),
    ];
    let statement = whole_types(&Databricks, &side, &columns).unwrap();
    assert_eq!(
        statement.text,
        "SELECT typeof(`v`) FROM (SELECT 1) LEFT JOIN (SELECT * FROM `a`.`b`.`c` VERSION AS OF 3 LIMIT 0) ON true"
    );
    assert_eq!(whole_types(&Duckdb, &side, &columns), None);
    assert_eq!(whole_types(&Databricks, &side, &columns[..1]), None);
    read_whole_types(&Databricks, &mut columns, &[row(&["struct<a:int,b:string>"])]).unwrap();
    assert_eq!(columns[1].1.to_string(), "struct<a:int,b:string>");
    assert_eq!(columns[2].1, DataType::Other("interval".into()), "what plumb does not know stays unknown");
    columns[1].1 = Databricks.read_type(cut);
    assert!(read_whole_types(&Databricks, &mut columns, &[vec![None]]).is_err());
    assert!(read_whole_types(&Databricks, &mut columns, &[]).is_err());
}
