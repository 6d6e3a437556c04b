//! What the hash of rules is of, and what it is not.

#![allow(clippy::unwrap_used)]

use super::*;
use plumb_model::yaml::{FileId, Limits, Problems, parse, read};
use proptest::prelude::*;

/// A manifest's `compare` with every member of every type.
const EVERYTHING: &str = r#"
period: week
zone: Europe/London
settles: 6h
engine: databricks
warehouse: bau-small
outputs:
  - name: segments
    old:
      path: "s3://bau/agg/week={period}/"
      format: csv
      done: _SUCCESS
      csv: {header: true, sep: ";", quote: "'", escape: '"', nullValue: NULL, encoding: UTF-16}
      columns: {ts: timestamp, id: bigint, amount: "decimal(18,2)"}
    new: {table: prod.bau.segments, where: {week: "{period}", n: {lt: 7}, r: {in: [a, 2, true]}, gone: null}}
    keys: [id, region]
    rows: {min: 1000, against: {previous: 40%}}
    schema: strict
    map: {cust_nm: customer_name, b: c}
    ignore: [{column: load_ts, reason: time of the run}]
    rules:
      - {type: double, abs: 0.5, rel: 1e-9, reason: the order of sums}
      - {column: amount, scale: 2, reason: cents}
      - {column: ts, truncate: ms, zone: Europe/London, reason: old has millis}
      - {column: name, trim: end, case: any, unicode: nfc, emptyIsNull: true, reason: a form}
      - {type: array, order: any, reason: collect_set}
    expect:
      - {column: qty, where: {region: r7}, atMost: 500, until: 2026-12-31, reason: BUG-42}
      - {rows: onlyOld, atMost: 1, until: 2026-12-31, reason: BUG-43}
    sensitive: [email]
  - {name: other, old: {path: old, format: json, columns: {b: int, a: string}}, new: {path: new, format: parquet}, keys: []}
"#;

fn compare(yaml: &str) -> Compare {
    let mut problems = Problems::default();
    let nodes = parse(yaml, FileId(0), &Limits::default(), &mut problems);
    let compare = read(&nodes[0], &mut problems);
    compare.unwrap_or_else(|| panic!("{problems:?}"))
}

fn hash(yaml: &str) -> String {
    rules_hash(&compare(yaml))
}

#[test]
fn how_it_is_written_changes_nothing() {
    let base = hash(EVERYTHING);
    assert!(base.len() == 64 && base.bytes().all(|b| b.is_ascii_hexdigit()), "{base}");
    for (from, to) in [
        ("period: week\nzone: Europe/London\n", "# whose\nzone:   'Europe/London' # London\n\nperiod: \"week\"\n"),
        ("{min: 1000, against: {previous: 40%}}", "{against: {previous: \"40%\"}, min: 1000}"),
        ("{min: 1000, against: {previous: 40%}}", "\n      min: 1000\n      against:\n        previous: 40%"),
        ("{cust_nm: customer_name, b: c}", "{b: c, cust_nm: customer_name}"),
        ("rel: 1e-9", "rel: 0.000000001"),
        // A JSON object has no order of keys.
        ("{b: int, a: string}", "{a: string, b: int}"),
        // The default, written.
        ("keys: []}", "keys: [], schema: compatible}"),
    ] {
        let edited = EVERYTHING.replace(from, to);
        assert_ne!(edited, EVERYTHING, "{from}");
        assert_eq!(hash(&edited), base, "{to}");
    }
}

#[test]
fn the_order_of_what_has_an_order_counts() {
    for (from, to) in [
        ("{ts: timestamp, id: bigint,", "{id: bigint, ts: timestamp,"),
        ("[id, region]", "[region, id]"),
        ("[a, 2, true]", "[2, a, true]"),
    ] {
        let edited = EVERYTHING.replace(from, to);
        assert_ne!(edited, EVERYTHING, "{from}");
        assert_ne!(hash(&edited), hash(EVERYTHING), "{to}");
    }
}

/// Every place of a value.
fn places(value: &Value, at: &str, into: &mut Vec<String>) {
    into.push(at.to_owned());
    let mut below = |name: &str, inner: &Value| {
        places(inner, &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), into);
    };
    match value {
        Value::Array(items) => items.iter().enumerate().for_each(|(i, item)| below(&i.to_string(), item)),
        Value::Object(map) => map.iter().for_each(|(name, inner)| below(name, inner)),
        _ => {}
    }
}

fn edits() -> impl Strategy<Value = Value> {
    const WORDS: [&str; 12] =
        ["x", "month", "duckdb", "none", "compatible", "delta", "float", "both", "onlyNew", "day", "any", "nfc"];
    prop_oneof![
        prop::sample::select(&WORDS[..]).prop_map(Value::from),
        (0u64..5).prop_map(Value::from),
        (0.0..1.0f64).prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
        Just(Value::Array(Vec::new())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is put in whatever place: the hash is another one exactly if the rules are.
    #[test]
    fn the_hash_changes_exactly_when_the_rules_do(place in any::<prop::sample::Index>(), edit in edits(), removed in any::<bool>()) {
        let base = compare(EVERYTHING);
        let mut value = serde_json::to_value(&base).unwrap();
        // Read from a value, columns are sorted: that is the base here.
        let base: Compare = serde_json::from_value(value.clone()).unwrap();
        let mut all = Vec::new();
        places(&value, "", &mut all);
        let place = place.get(&all);
        let (parent, name) = place.rsplit_once('/').unwrap_or_default();
        match value.pointer_mut(parent) {
            Some(Value::Object(map)) if removed => drop(map.remove(name)),
            Some(Value::Array(items)) if removed => drop(items.remove(name.parse().unwrap())),
            _ => *value.pointer_mut(place).unwrap() = edit,
        }
        if let Ok(edited) = serde_json::from_value::<Compare>(value) {
            prop_assert_eq!(rules_hash(&edited) == rules_hash(&base), edited == base, "{}", place);
        }
    }
}
