#![allow(clippy::unwrap_used)]

use super::*;
use crate::parity::plan::FileRelation;
use serde_json::json;

fn side(columns: &[(&str, &str)]) -> DescribedSide {
    let columns = columns.iter().map(|(name, of)| ((*name).to_owned(), DataType::from_spark(of).unwrap()));
    let relation = Relation::Table { name: vec!["t".into()], version: None };
    DescribedSide { relation, columns: columns.collect(), required: None }
}

/// A plan of an output whose members beside `name`, `old` and `new` are these.
fn planned(more: Value, old: &[(&str, &str)], new: &[(&str, &str)]) -> Result<PlannedOutput, Vec<String>> {
    let mut output = json!({"name": "segments", "old": {"table": "a.b.c"}, "new": {"table": "a.b.c"}});
    for (name, value) in more.as_object().unwrap() {
        output[name] = value.clone();
    }
    plan(&serde_json::from_value(output).unwrap(), &TimeZone::get("Europe/London").unwrap(), side(old), side(new))
}

fn notes(planned: &PlannedOutput) -> Vec<(&str, &str, bool)> {
    planned.notes.iter().map(|note| (note.column.as_str(), note.cause.as_str(), note.fails)).collect()
}

#[test]
fn types_that_hold_both_sides_are_compared_and_others_fail() {
    for (old, new, wanted) in [
        ("int", "int", None),
        ("int", "bigint", Some(("type_widened", false))),
        ("bigint", "int", Some(("type_widened", false))),
        ("int", "decimal(10,0)", Some(("type_widened", false))),
        // Ten digits hold every int, nine do not.
        ("int", "decimal(9,0)", Some(("type_changed", true))),
        ("decimal(12,2)", "decimal(38,20)", Some(("type_widened", false))),
        // No decimal has room for both: they are compared in two parts.
        ("decimal(38,0)", "decimal(38,38)", Some(("type_widened", false))),
        ("float", "double", Some(("type_widened", false))),
        ("int", "double", Some(("type_changed", true))),
        ("string", "int", Some(("type_changed", true))),
        ("date", "timestamp", Some(("type_changed", true))),
        ("timestamp", "timestamp_ntz", Some(("type_changed", true))),
        ("array<int>", "array<bigint>", Some(("type_widened", false))),
        ("struct<a:int,b:int>", "struct<b:int,a:int>", None),
        ("struct<a:int>", "struct<a:int,b:int>", Some(("type_changed", true))),
        ("map<string,int>", "map<string,string>", Some(("type_changed", true))),
    ] {
        let of = |schema: &str| {
            planned(json!({"keys": ["k"], "schema": schema}), &[("k", "int"), ("v", old)], &[("k", "int"), ("v", new)])
        };
        let compatible = of("compatible").unwrap();
        let wanted: Vec<(&str, &str, bool)> = wanted.into_iter().map(|(cause, fails)| ("v", cause, fails)).collect();
        assert_eq!(notes(&compatible), wanted, "{old} {new}");
        assert_eq!(compatible.plan.cells.len(), usize::from(wanted.iter().all(|(_, _, fails)| !fails)), "{old} {new}");
        let strict = of("strict").unwrap();
        assert!(strict.notes.iter().all(|note| note.fails), "{old} {new}");
    }
}

#[test]
fn columns_find_each_other_by_name_without_case_and_by_the_map() {
    let old = [("K", "int"), ("cust_nm", "string"), ("load_ts", "timestamp"), ("gone", "int")];
    let new = [("k", "int"), ("customer_name", "string"), ("load_ts", "timestamp"), ("here", "string")];
    let more =
        json!({"keys": ["k"], "map": {"cust_nm": "customer_name"}, "ignore": [{"column": "load_ts", "reason": "now"}]});
    let planned_ = planned(more, &old, &new).unwrap();
    let pairs: Vec<(&str, &str)> = planned_.plan.cells.iter().map(|c| (c.old.as_str(), c.new.as_str())).collect();
    assert_eq!((pairs, planned_.has_keys), (vec![("cust_nm", "customer_name")], true));
    let wanted = [("k", "column_case", false), ("gone", "column_missing", true), ("here", "column_missing", true)];
    assert_eq!(notes(&planned_), wanted);
    assert_eq!(planned_.ignored["load_ts"], "now");
    // One that is missing on each side, of one type, may be the same.
    let renamed = planned(json!({}), &[("a", "int"), ("x", "date")], &[("a", "int"), ("y", "date")]).unwrap();
    assert_eq!(notes(&renamed), [("y", "column_renamed", true)]);
}

#[test]
fn rows_without_keys_are_told_apart_by_what_is_exact() {
    let columns = [("a", "int"), ("d", "double"), ("s", "string")];
    let more = json!({"rules": [{"type": "double", "rel": 1e-9, "reason": "sums"}]});
    let bag = planned(more, &columns, &columns).unwrap().plan;
    let names = |columns: &[ComparedColumn]| columns.iter().map(|c| c.name.clone()).collect::<Vec<_>>();
    assert_eq!((names(&bag.keys), names(&bag.cells)), (vec!["a".into(), "s".into()], vec!["d".to_owned()]));
    // A key that one side lacks leaves nothing to join by.
    let lost = planned(json!({"keys": ["k"]}), &[("k", "int"), ("v", "int")], &[("v", "int")]).unwrap();
    assert!(!lost.has_keys && lost.notes.iter().any(|note| note.fails));
    let none = planned(json!({}), &[("a", "int")], &[("b", "date")]).unwrap();
    assert!(!none.has_keys, "no column is in both");
}

#[test]
fn later_rules_win_member_by_member() {
    let more = json!({"keys": ["k"], "rules": [
        {"type": "double", "rel": 1e-9, "abs": 0.5, "reason": "first"},
        {"column": "D", "rel": 1e-6, "reason": "second"},
        {"type": "string", "trim": "end", "reason": "CHAR"},
    ]});
    let columns = [("k", "int"), ("d", "double"), ("e", "double"), ("s", "string")];
    let plan = planned(more, &columns, &columns).unwrap().plan;
    let rule = |name: &str| plan.cells.iter().find(|c| c.name == name).unwrap().rule.clone();
    assert_eq!(
        (rule("d").rel, rule("d").abs, rule("d").tolerance_reason),
        (Some(1e-6), Some(0.5), Some("second".into()))
    );
    assert_eq!((rule("e").rel, rule("e").trim), (Some(1e-9), None));
    assert_eq!((rule("s").rel, rule("s").trim), (None, Some(crate::kinds::emr::compare::Trim::End)));
}

#[test]
fn what_does_not_fit_the_data_is_told_all_at_once() {
    let columns = [("k", "int"), ("d", "double"), ("s", "string"), ("t", "timestamp")];
    let wrong = |more: Value| planned(more, &columns, &columns).unwrap_err().join("\n");
    for (more, wanted) in [
        (json!({"keys": ["kk"]}), "`keys` names column `kk`, which neither side has"),
        (json!({"keys": ["d"]}), "key `d` is a double: keys are exact"),
        (
            json!({"keys": ["k"], "rules": [{"column": "s", "abs": 1, "reason": "r"}]}),
            "`abs` says nothing of column `s`, which is a string",
        ),
        (json!({"keys": ["k"], "rules": [{"column": "k", "abs": 1, "reason": "r"}]}), "key `k` has a tolerance"),
        (json!({"ignore": [{"column": "x", "reason": "r"}]}), "`ignore` names column `x`"),
        (json!({"sensitive": ["x"]}), "`sensitive` names column `x`"),
        (json!({"map": {"x": "s"}}), "`map` names column `x`, which `old` does not have"),
        (json!({"old": {"table": "a.b.c", "where": {"k": "one"}}}), "`old.where.k`: `one` is no whole number"),
        (json!({"new": {"table": "a.b.c", "where": {"x": 1}}}), "`new.where` names column `x`, which is not there"),
        (json!({"new": {"table": "a.b.c", "where": {"k": {"like": 1}}}}), "`like` is no condition"),
        (
            json!({"keys": ["k"], "expect": [{"column": "k", "atMost": 1, "until": "2024-01-01", "reason": "r"}]}),
            "whose cells are not compared",
        ),
    ] {
        let said = wrong(more);
        assert!(said.contains(wanted), "{said}");
    }
    let both = wrong(json!({"keys": ["kk"], "sensitive": ["x"]}));
    assert!(both.contains("`kk`") && both.contains("`x`"), "{both}");
    let twice = planned(json!({}), &[("a", "int"), ("A", "int")], &[("a", "int")]).unwrap_err().join("\n");
    assert!(twice.contains("`old` has the columns `a` and `A`"), "{twice}");
    let none =
        planned(json!({"ignore": [{"column": "a", "reason": "r"}]}), &[("a", "int")], &[("a", "int")]).unwrap_err();
    assert!(none[0].contains("no column is left to compare"), "{none:?}");
}

#[test]
fn values_of_where_are_read_as_their_columns_are() {
    let more = json!({"keys": ["k"], "old": {"table": "a.b.c", "where": {
        "t": {"ge": "2024-07-01", "lt": "2024-08-01"}, "s": null, "k": {"in": [1, "2"]},
    }}});
    let columns = [("k", "int"), ("s", "string"), ("t", "timestamp")];
    let filter = planned(more, &columns, &columns).unwrap().plan.old.filter;
    let tests: Vec<(String, ConditionTest)> = filter.into_iter().map(|c| (c.column, c.test)).collect();
    let text = |text: &str| FilterValue::Text(text.into());
    assert_eq!(
        tests,
        [
            ("k".into(), ConditionTest::In(vec![FilterValue::Integer(1), FilterValue::Integer(2)])),
            ("s".into(), ConditionTest::IsNull),
            // July begins at eleven in the evening, in UTC.
            ("t".into(), ConditionTest::Order(">=", text("2024-06-30T23:00:00Z"))),
            ("t".into(), ConditionTest::Order("<", text("2024-07-31T23:00:00Z"))),
        ]
    );
}

#[test]
fn files_and_tables_are_planned_alike() {
    let files = Relation::Files(FileRelation {
        format: crate::kinds::emr::compare::FileFormat::Parquet,
        files: Vec::new(),
        csv: crate::kinds::emr::compare::CsvOptions::default(),
        columns: Vec::new(),
        partition_types: Vec::new(),
    });
    let output = serde_json::from_value(json!({"name": "o", "old": {"path": "a"}, "new": {"path": "b"}})).unwrap();
    let of = |relation: &Relation| DescribedSide { relation: relation.clone(), ..side(&[("a", "int")]) };
    let planned = plan(&output, &TimeZone::UTC, of(&files), of(&files)).unwrap();
    assert_eq!((planned.plan.old.relation, planned.plan.keys.len()), (files, 1));
}
