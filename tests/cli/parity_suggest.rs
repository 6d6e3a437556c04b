//! `plumb parity suggest`: what a period suggests, pasted into the manifest, holds.

use crate::duckdb_support::cache;
use crate::world::World;
use serde_json::{Value, json};
use std::fmt::Write;

const ROWS: i64 = 60;

/// A wall time so many milliseconds after a start.
fn time(millis: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(1_790_812_800_000 + millis).unwrap();
    at.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string()
}

/// A UUID that looks like chance.
fn uuid(seed: i64) -> String {
    let mix = (seed as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}", mix >> 32, mix & 0xffff, mix >> 52, mix & 0xfff, mix >> 16)
}

/// The columns beside the keys: the name in old, that in new, the type, and both values in a row.
type Column = (&'static str, &'static str, &'static str, fn(i64) -> (Value, Value));

const COLUMNS: &[Column] = &[
    ("cust_nm", "customer_name", "string", |i| (json!(format!("Canary {i}")), json!(format!("Canary {i}")))),
    ("sgm", "segment", "string", |i| (json!(format!("s{}", i % 7)), json!(format!("s{}", i % 7)))),
    ("load_id", "load_id", "string", |i| (json!(uuid(i)), json!(uuid(i + 1_000)))),
    ("load_ts", "load_ts", "timestamp_ntz", |_| (json!(time(11)), json!(time(11_127_000)))),
    ("score", "score", "double", |i| (json!(i as f64 * 0.1), json!(i as f64 * 0.1 * (1.0 + 3e-12)))),
    ("amount", "amount", "decimal(12,2)", |i| {
        (json!(format!("{i}.37")), json!(format!("{i}.{}", if i % 3 == 0 { 38 } else { 37 })))
    }),
    ("seen", "seen", "timestamp_ntz", |i| (json!(time(i * 77_777)), json!(time(i * 77_777 / 1_000 * 1_000)))),
    ("code", "code", "string", |i| (json!(format!("c{i}")), json!(format!("c{i}   ")))),
    ("tags", "tags", "array<string>", |i| (json!(["a", i.to_string()]), json!([i.to_string(), "a"]))),
    ("note", "note", "string", |i| (if i % 2 == 0 { json!(null) } else { json!("") }, json!(null))),
];

/// A column that looks like a mistake: each time is an hour late.
const MISTAKE: Column =
    ("at", "at", "timestamp_ntz", |i| (json!(time(i * 88_000)), json!(time(i * 88_000 + 3_600_000))));

fn types(is_old: bool, with: &[Column]) -> String {
    let mut text = "customer_id: bigint, region: string".to_owned();
    for (old, new, of_type, _) in COLUMNS.iter().chain(with) {
        write!(text, ", {}: \"{of_type}\"", if is_old { old } else { new }).unwrap();
    }
    text
}

fn lines(is_old: bool, with: &[Column]) -> String {
    (0..ROWS).fold(String::new(), |mut text, i| {
        let mut row = json!({ "customer_id": 1_000 + i / 3, "region": format!("r{}", i % 3) });
        for (old, new, _, values) in COLUMNS.iter().chain(with) {
            let (in_old, in_new) = values(i + 1);
            if is_old {
                row[*old] = in_old;
            } else {
                row[*new] = in_new;
            }
        }
        writeln!(text, "{row}").unwrap();
        text
    })
}

const MANIFEST: &str = "manifests/audience.yaml";

/// A world with the manifest of an output, and data of both sides.
fn world(with: &[Column], more: &str) -> World {
    crate::duckdb_support::program();
    let mut world = World::new();
    world.env("PLUMB_CACHE", Some(cache().to_str().unwrap()));
    let side = |name: &str, is_old: bool| {
        format!("{{path: \"data/{name}/p={{period}}\", format: json, columns: {{{}}}}}", types(is_old, with))
    };
    world.write(
        MANIFEST,
        &format!(
            "apiVersion: plumb/v1\nkind: Migration\nmetadata: {{name: audience}}\nspec:\n  from: {{emr: [EmrCluster/old]}}\n  \
             to: {{jobs: [DatabricksJob/new]}}\n  compare:\n    period: month\n    outputs:\n      - name: segments\n        \
             old: {}\n        new: {}\n{more}",
            side("old", true),
            side("new", false)
        ),
    );
    world.write("manifests/old.yaml", OTHERS);
    for (name, is_old) in [("old", true), ("new", false)] {
        world.write(&format!("data/{name}/p=2026-10/part-0.json"), &lines(is_old, with));
    }
    world.env("PLUMB_NOW", Some("2026-11-03T06:00:00Z"));
    world
}

const OTHERS: &str = "\
apiVersion: plumb/v1
kind: EmrCluster
metadata: {name: old}
spec: {desired: keep, match: {name: \"old-*\"}}
---
apiVersion: plumb/v1
kind: DatabricksJob
metadata: {name: new}
spec: {name: new}
";

#[test]
fn what_is_suggested_can_be_pasted_and_holds() {
    let world = world(&[], "        sensitive: [customer_name, cust_nm]\n");
    let ran = world.plumb("parity suggest audience").code(0);
    let wanted = [
        "keys: [customer_id, region]",
        "cust_nm: customer_name",
        "sgm: segment",
        "- {column: load_id, reason: ",
        "- {column: load_ts, reason: ",
        "- {column: score, rel: 1e-9, reason: ",
        "- {column: amount, abs: 0.01, reason: ",
        "- {column: seen, truncate: s, reason: ",
        "- {column: code, trim: end, reason: ",
        "- {column: tags, order: any, reason: ",
        "- {column: note, emptyIsNull: true, reason: ",
        "# With this, both sides are equal.",
    ];
    for line in wanted {
        assert!(ran.out.contains(line), "no `{line}` in\n{}", ran.out);
    }
    assert!(ran.out.contains("# DECISION: whether these columns name a row"), "{}", ran.out);
    assert_eq!(ran.out.matches("# DECISION: ").count(), 1 + 2 + 2 + 6, "{}", ran.out);
    assert!(!ran.out.contains("Canary") && !ran.err.contains("Canary"), "{}", ran.out);
    assert!(!world.dir().join("evidence").exists(), "nothing is written");
    let manifest = world.read(MANIFEST);
    world.plumb("parity run audience --period 2026-10").code(2);
    world.write(MANIFEST, &format!("{manifest}{}", ran.out));
    world.plumb("validate").code(0);
    world.plumb("parity run audience --period 2026-10").code(0);
    // What the manifest says already is said again, and nothing is left to suggest.
    let again = world.plumb("parity suggest audience segments --period 2026-10").code(0);
    assert!(again.out.contains("keys: [customer_id, region]") && !again.out.contains("rules:"), "{}", again.out);
}

#[test]
fn what_looks_like_a_mistake_gets_no_rule() {
    let world =
        world(&[MISTAKE], "        rules:\n          - {column: score, rel: 1e-9, reason: the order of sums}\n");
    let ran = world.plumb("parity suggest audience segments").code(0);
    let note = "# Note: `at` differs in 60 of 60 rows: each is +1 h; no rule is suggested: it looks like a mistake";
    assert!(ran.out.contains(note), "{}", ran.out);
    assert!(ran.out.contains("# With this, both sides differ still."), "{}", ran.out);
    // The rules that are there stay.
    let rules = ran.out.split_once("rules:\n").unwrap().1;
    assert!(rules.contains("- {column: score, rel: 1e-9, reason: \"the order of sums\"}"), "{rules}");
    assert_eq!(rules.matches("column: score").count(), 1, "{rules}");
}

#[test]
fn what_cannot_be_read_suggests_nothing() {
    let mut world = world(&[], "");
    world.plumb("parity suggest audience --period 2026-09").code(3).says("old: data/old/p=2026-09 is not there");
    world.plumb("parity suggest other").code(1).says("no Migration with `compare` is named `other`");
    world.plumb("parity suggest audience other").code(1).says("no output is named `other`");
    world.plumb("parity suggest audience --period 2026-11").code(3).says("2026-11 is not over before");
    world.write("data/new/p=2026-10/part-0.json", "");
    world.plumb("parity suggest audience").code(3).says("new is empty: a period that has rows suggests more");
    let ran = world.plumb("parity run audience --period 2026-10").code(3);
    assert!(ran.out.contains("new is empty; if it may be, say `rows: {min: 0}`"), "{}", ran.out);
    world.write("data/old/p=2026-10/part-0.json", "");
    let manifest = world.read(MANIFEST);
    world.write(
        MANIFEST,
        &manifest.replace("      - name: segments\n", "      - name: segments\n        rows: {min: 0}\n"),
    );
    world.plumb("parity run audience --period 2026-10").code(2).never_says("Parser Error");
    world.write(MANIFEST, &manifest);
    world.write("data/old/p=2026-10/part-0.json", &lines(true, &[]));
    world.write("data/new/p=2026-10/part-0.json", "{\"customer_id\": \"x\"}\n");
    world.plumb("parity suggest audience").code(3);
    world.env("PLUMB_CACHE", Some("/nowhere"));
    world.env("PATH", Some("/nowhere"));
    world.plumb("parity suggest audience").code(1).says("`plumb parity setup` installs it");
}

#[test]
fn folders_names_get_the_type_of_the_other_side() {
    let world = world(&[], "");
    let lines = |side: &str| {
        (0..9).fold(String::new(), |mut text, i| {
            let day = if side == "new" { ", \"day\": 3" } else { "" };
            writeln!(text, "{{\"id\": {i}{day}}}").unwrap();
            text
        })
    };
    world.write("data/a/p=2026-10/day=3/part.json", &lines("old"));
    world.write("data/b/p=2026-10/part.json", &lines("new"));
    let manifest = world.read(MANIFEST);
    let start = manifest.find("      - name:").unwrap();
    let outputs = "      - name: days\n        old: {path: \"data/a/p={period}\", format: json, columns: {id: int}}\n        \
                   new: {path: \"data/b/p={period}\", format: json, columns: {id: int, day: int}}\n";
    world.write(MANIFEST, &format!("{}{outputs}", &manifest[..start]));
    let ran = world.plumb("parity suggest audience").code(0);
    assert!(ran.out.contains("say `columns: {day: \"int\"}` in `old`"), "{}", ran.out);
    assert!(ran.out.contains("keys: [id]"), "{}", ran.out);
    let manifest = world.read(MANIFEST);
    world.write(
        MANIFEST,
        &format!("{}{}", manifest.replacen("columns: {id: int}", "columns: {id: int, day: int}", 1), ran.out),
    );
    world.plumb("parity run audience --period 2026-10").code(0);
}
