//! What is told of a comparison before it runs.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::parity::schema;
use jiff::tz::TimeZone;
use serde_json::json;

fn output() -> CompareOutput {
    serde_json::from_value(json!({
        "name": "segments",
        "old": {"table": "prod.bau.old", "where": {"month": "2024-05"}},
        "new": {"table": "prod.bau.new"},
        "keys": ["customer_id"],
        "map": {"cust": "customer_id"},
        "rules": [
            {"column": "score", "rel": 1e-9, "reason": "sums"},
            {"column": "ts", "truncate": "ms", "reason": "millis"},
            {"column": "tags", "order": "any", "reason": "sets"},
        ],
        "ignore": [{"column": "load_ts", "reason": "time of the run"}],
        "expect": [{"column": "qty", "where": {"region": "r7"}, "atMost": 5, "until": "2024-12-31", "reason": "x"}],
        "sensitive": ["email"],
    }))
    .unwrap()
}

fn sides(output: &CompareOutput) -> [DescribedSide; 2] {
    [("old", true), ("new", false)].map(|(name, is_old)| {
        let relation = Relation::Table { name: ["prod", "bau", name].map(str::to_owned).into(), version: None };
        named_columns(output, relation, is_old)
    })
}

#[test]
fn what_the_manifest_names_is_told_by_the_statements_of_a_run() {
    let output = output();
    let [old, new] = sides(&output);
    let told = |side: &DescribedSide| -> Vec<String> {
        side.columns.iter().map(|(name, of_type)| format!("{name} {of_type}")).collect()
    };
    assert_eq!(
        told(&old),
        [
            "cust string",
            "score double",
            "ts timestamp",
            "tags array<string>",
            "qty string",
            "region string",
            "load_ts string",
            "email string",
            "month string"
        ]
    );
    assert_eq!(told(&new)[0], "customer_id string");
    assert_eq!(pin(&old.relation).unwrap().text, "DESCRIBE HISTORY `prod`.`bau`.`old` LIMIT 1");
    let planned = schema::plan(&output, &TimeZone::UTC, old, new).unwrap();
    let all = statements(&sql::Databricks, &output, &planned);
    let steps: Vec<&str> = all.iter().map(|statement| statement.step).collect();
    assert_eq!(steps, ["count", "count", "keys", "join", "join"]);
    let text = text(&all);
    assert!(text.starts_with("-- count\n-- :p0 STRING = \"2024-05\"\nSELECT CAST(count(*) AS STRING)"), "{text}");
    assert!(text.contains("`customer_id` AS k0") && text.contains("`cust` AS k0"), "{text}");
    assert!(!text.contains("load_ts"), "{text}");
    // As a run has it, but for its numbers.
    let run = Joined::new(&planned.plan, JoinPath::Duplicates).counts(&sql::Databricks);
    assert_eq!(all[4], run);
}

#[test]
fn rows_without_keys_are_joined_once() {
    let mut output = output();
    output.keys = None;
    output.map = None;
    output.expect = None;
    let [old, new] = sides(&output);
    let mut planned = schema::plan(&output, &TimeZone::UTC, old, new).unwrap();
    let all = statements(&sql::Duckdb, &output, &planned);
    let steps: Vec<&str> = all.iter().map(|statement| statement.step).collect();
    assert_eq!(steps, ["count", "count", "join"]);
    planned.has_keys = false;
    let only_counts = statements(&sql::Duckdb, &output, &planned);
    assert_eq!(only_counts.len(), 2, "without a key that both sides have, nothing is joined");
}
