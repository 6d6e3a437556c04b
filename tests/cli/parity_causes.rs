//! Causes of differences, by real runs: a data set whose columns are a hypothesis each, and one data set for each hypothesis
//! about rows.

use crate::duckdb_support::cache;
use crate::world::World;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// A column: its name, type, both values in the row of a number, which rows differ, and the cause.
type Column = (&'static str, &'static str, fn(i64) -> (Value, Value), fn(i64) -> bool, &'static str);

fn third(i: i64) -> bool {
    i % 3 == 0
}

fn all(_: i64) -> bool {
    true
}

/// A wall time so many seconds and microseconds after a start.
fn time(seconds: i64, micros: i64) -> Value {
    let start = "2024-05-01T00:00:00Z".parse::<jiff::Timestamp>().unwrap().as_microsecond();
    let at = jiff::Timestamp::from_microsecond(start + seconds * 1_000_000 + micros).unwrap();
    json!(at.strftime("%Y-%m-%d %H:%M:%S%.6f").to_string())
}

fn day(year: i64, month: i64, day: i64) -> Value {
    json!(format!("{year}-{month:02}-{day:02}"))
}

fn decimal(places: usize, units: i128) -> Value {
    let digits = format!("{units:0width$}", width = places + 1);
    let (whole, rest) = digits.split_at(digits.len() - places);
    json!(format!("{whole}.{rest}"))
}

/// Sixteen bytes that look like chance.
fn hex(seed: i64) -> String {
    let mix = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0xabcd_ef01_2345_6789u64.rotate_left((n % 64) as u32);
    format!("{:016x}{:016x}", mix(seed as u64), mix(seed as u64 + 7))
}

const COLUMNS: &[Column] = &[
    ("null_vs_empty", "string", |_| (json!(null), json!("")), third, "null_vs_empty"),
    ("empty_array", "array<string>", |_| (json!([]), json!(null)), third, "null_vs_empty"),
    ("value_to_null", "string", |i| (json!(format!("v{i}")), json!(null)), third, "value_to_null"),
    ("null_to_value", "int", |i| (json!(null), json!(i)), third, "null_to_value"),
    ("whitespace", "string", |i| (json!(format!("a b{i}")), json!(format!("a\u{a0} b{i} "))), third, "whitespace"),
    ("case", "string", |i| (json!(format!("Ab{i}")), json!(format!("aB{i}"))), third, "case"),
    ("unicode", "string", |i| (json!(format!("é{i}")), json!(format!("e\u{301}{i}"))), third, "unicode_normalisation"),
    (
        "array_order",
        "array<string>",
        |i| (json!(["a", i.to_string()]), json!([i.to_string(), "a"])),
        third,
        "array_order",
    ),
    (
        "list_order",
        "string",
        |i| (json!(format!("[\"a\", {i}]")), json!(format!("[{i}, \"a\"]"))),
        third,
        "array_order",
    ),
    ("sign", "bigint", |i| (json!(i), json!(-i)), third, "sign"),
    ("permuted", "int", |i| (json!(i), json!(if i % 2 == 0 { i - 1 } else { i + 1 })), all, "permuted"),
    ("generated", "string", |i| (json!(hex(i)), json!(hex(i + 1000))), third, "generated"),
    ("number_format", "string", |i| (json!(format!("{i},000")), json!(format!("{i}E3"))), third, "number_format"),
    ("truncated", "string", |i| (json!(format!("some long text {i}")), json!("some long ")), third, "truncated"),
    ("cut_time", "timestamp_ntz", |i| (time(i * 977, i * 1_001), time(i * 977, 0)), all, "truncated"),
    ("cut_number", "double", |i| (json!(i as f64 + 0.128), json!(i as f64 + 0.12)), third, "truncated"),
    ("week_year", "string", |i| (day(2024, 12, 29 + i % 3), day(2025, 12, 29 + i % 3)), third, "week_year"),
    ("week_year_date", "date", |i| (day(2025, 1, 1 + i % 3), day(2024, 1, 1 + i % 3)), third, "week_year"),
    ("noise", "double", |i| (json!(i as f64 * 0.1), json!(i as f64 * 0.1 * (1.0 + 3e-12))), third, "float_noise"),
    ("float32", "double", |i| (json!(i as f64 + 0.1), json!(f64::from(i as f32 + 0.1))), third, "float32"),
    ("rounding", "double", |i| (json!(i as f64 + 0.1267), json!(i as f64 + 0.13)), third, "rounding"),
    (
        "rounded",
        "decimal(18,6)",
        |i| (decimal(6, i as i128 * 1_234_567), decimal(6, (i as i128 * 1_234_567 + 5_000) / 10_000 * 10_000)),
        third,
        "rounding",
    ),
    (
        "overflow",
        "bigint",
        |i| (json!(i * 3_000_000_000), json!(i * 3_000_000_000 - (i % 3 + 1) * (1 << 32))),
        all,
        "overflow",
    ),
    (
        "last_place",
        "decimal(18,2)",
        |i| (decimal(2, i as i128 * 137), decimal(2, i as i128 * 137 + 1 - i as i128 % 2 * 2)),
        third,
        "last_place",
    ),
    (
        "last_of_38",
        "decimal(15,12)",
        |i| (decimal(12, i as i128 * 1_000_007), decimal(12, i as i128 * 1_000_007 + 1)),
        third,
        "last_place",
    ),
    (
        "precision_lost",
        "bigint",
        |i| ((9_007_199_254_740_993 + 14 * i).into(), ((9_007_199_254_740_993 + 14 * i) as f64 as i64).into()),
        third,
        "precision_lost",
    ),
    // The same days in either calendar: 4 October 1582 was the last one of the Julian calendar.
    ("calendar", "date", |_| (day(1582, 10, 4), day(1582, 10, 14)), third, "calendar_rebase"),
    ("day_shift", "date", |i| (day(2024, 5, i % 28 + 1), day(2024, 5, i % 28 + 2)), third, "day_shift"),
    ("timezone", "timestamp_ntz", |i| (time(i * 977, 0), time(i * 977 + 3_600, 0)), third, "timezone"),
    ("time_zones", "timestamp_ntz", |i| (time(i * 977, 0), time(i * 977 - 3_600 * (4 + i % 2), 0)), all, "timezone"),
    ("constant_shift", "timestamp_ntz", |i| (time(i * 977, 0), time(i * 977 + 3_600, 0)), all, "constant_shift"),
    ("constant_offset", "int", |i| (json!(i), json!(i + 5)), third, "constant_offset"),
    ("constant_factor", "double", |i| (json!(i as f64 * 1.37), json!(i as f64 * 137.0)), third, "constant_factor"),
    ("chance", "int", |i| (json!(i * 7_919 % 1_009), json!(i * 104_729 % 997 + 2_000)), third, ""),
];

fn lines(rows: &[Map<String, Value>]) -> String {
    rows.iter().fold(String::new(), |mut text, row| {
        writeln!(text, "{}", Value::Object(row.clone())).unwrap();
        text
    })
}

/// Both sides of the data set of all columns.
fn sides() -> [Vec<Map<String, Value>>; 2] {
    let row = |i: i64, is_old: bool| -> Map<String, Value> {
        let cells = COLUMNS.iter().map(|(name, _, values, differs, _)| {
            let (old, new) = values(i);
            ((*name).to_owned(), if is_old || !differs(i) { old } else { new })
        });
        [("id".to_owned(), json!(i))].into_iter().chain(cells).collect()
    };
    [true, false].map(|is_old| (1..=40).map(|i| row(i, is_old)).collect())
}

/// A world with a migration of these outputs, each of them its name, columns, keys and what else is said.
fn world(outputs: &[(&str, &str, &str, &str)]) -> World {
    let mut world = World::new();
    world.env("PLUMB_CACHE", Some(cache().to_str().unwrap()));
    crate::duckdb_support::program();
    let mut manifest = String::from(
        "apiVersion: plumb/v1\nkind: Migration\nmetadata: {name: audience}\nspec:\n  from: {emr: [EmrCluster/legacy]}\n  to: {jobs: [DatabricksJob/etl]}\n  compare:\n    period: none\n    outputs:\n",
    );
    for (name, columns, keys, more) in outputs {
        let side =
            |side: &str| format!("{{path: data/{name}/{side}/, format: json, columns: {{id: bigint{columns}}}}}");
        write!(
            manifest,
            "      - name: {name}\n        old: {}\n        new: {}\n        keys: [{keys}]\n{more}",
            side("old"),
            side("new")
        )
        .unwrap();
    }
    world.write("manifests/audience.yaml", &manifest);
    world.write("manifests/etl.yaml", &crate::world::job("etl", ""));
    let legacy = "apiVersion: plumb/v1\nkind: EmrCluster\nmetadata: {name: legacy}\nspec: {match: {name: legacy}, desired: keep}\n";
    world.write("manifests/legacy.yaml", legacy);
    world
}

fn put(world: &World, name: &str, old: &[Map<String, Value>], new: &[Map<String, Value>]) {
    world.write(&format!("data/{name}/old/part.json"), &lines(old));
    world.write(&format!("data/{name}/new/part.json"), &lines(new));
}

/// The outputs of a run that finds differences, by their names.
fn compared(world: &World) -> BTreeMap<String, Value> {
    let report = world.plumb("parity run audience --period p1 --output json").code(2).json();
    // One report for one migration, a list for several.
    let report = report.as_array().map_or(report.clone(), |reports| reports[0].clone());
    let outputs = report["outputs"].as_array().unwrap().clone();
    outputs.into_iter().map(|output| (output["name"].as_str().unwrap().to_owned(), output)).collect()
}

/// What each hypothesis is called with both sides exchanged.
fn mirrored(cause: &str) -> &str {
    match cause {
        "value_to_null" => "null_to_value",
        "null_to_value" => "value_to_null",
        other => other,
    }
}

#[test]
fn each_hypothesis_is_found_and_mirrored() {
    let columns: String = COLUMNS.iter().map(|(name, of_type, ..)| format!(", {name}: '{of_type}'")).collect();
    let world = world(&[("there", &columns, "id", ""), ("back", &columns, "id", "")]);
    let [old, new] = sides();
    put(&world, "there", &old, &new);
    put(&world, "back", &new, &old);
    let outputs = compared(&world);
    for (output, is_mirrored) in [("there", false), ("back", true)] {
        let output = &outputs[output];
        assert_eq!(output["notes"], Value::Null, "{output}");
        let mut wrong = String::new();
        for (name, _, _, differs, cause) in COLUMNS {
            let wanted = if is_mirrored { mirrored(cause) } else { cause };
            let got = output["causes"][*name].as_str().unwrap_or_default();
            let column = output["columns"].as_array().unwrap().iter().find(|column| column["name"] == *name).unwrap();
            assert_eq!(column["differing"], (1..=40).filter(|i| differs(*i)).count(), "{column}");
            if got != wanted {
                writeln!(wrong, "{name}: {got} in place of {wanted}: {}", column["explanations"]).unwrap();
            }
            let examples = column["examples"].as_array().unwrap();
            assert_eq!(examples.len(), (1..=40).filter(|i| differs(*i)).count().min(20));
        }
        assert_eq!(wrong, "");
    }
    let says = |name: &str| {
        let columns = outputs["there"]["columns"].as_array().unwrap();
        columns.iter().find(|column| column["name"] == name).unwrap()["explanations"][0]["says"].clone()
    };
    assert_eq!(says("null_vs_empty"), "null in old, '' in new");
    assert_eq!(says("constant_shift"), "each is +1 h");
    assert_eq!(says("timezone"), "+1 h in some rows, equal in others");
    assert_eq!(says("constant_offset"), "each is +5");
    assert_eq!(says("constant_factor"), "each is 100 times old");
    assert_eq!(says("last_place"), "each is 0.01, one unit of the last place: half-up against half-even");
    assert_eq!(says("truncated"), "new is cut after 10 characters");
    assert_eq!(says("cut_time"), "new is cut to seconds");
    assert_eq!(says("rounded"), "new is rounded to 2 places");
    let shift = outputs["there"]["columns"].as_array().unwrap().iter().find(|c| c["name"] == "constant_shift").unwrap();
    assert_eq!(shift["examples"][0]["old"], "2024-05-01T00:16:17");
    assert_eq!(shift["examples"][0]["new"], "2024-05-01T01:16:17");
    let cut = outputs["there"]["columns"].as_array().unwrap().iter().find(|c| c["name"] == "cut_time").unwrap();
    assert_eq!(cut["histogram"]["old"].as_array().unwrap().len(), 20);
    let count =
        |side: &str| cut["histogram"][side].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).sum::<u64>();
    assert_eq!((count("old"), count("new")), (40, 40));
    let together = outputs["there"]["same_rows"].as_array().unwrap();
    assert!(together.iter().any(|group| group.as_array().unwrap().contains(&json!("cut_time"))), "{together:?}");
}

/// Rows of a region, a day and a time each.
fn rows() -> Vec<Map<String, Value>> {
    (1..=240)
        .map(|i: i64| {
            let row = json!({
                "id": i,
                "region": format!("r{}", (i * 7 + i / 9) % 5),
                "day": day(2024, 5, (i * i + i / 7) % 30 + 1),
                "at": time(i * 10_000, 0),
                "amount": i,
            });
            row.as_object().unwrap().clone()
        })
        .collect()
}

#[test]
fn missing_rows_have_causes_too() {
    let columns = ", region: string, day: date, at: timestamp_ntz, amount: int";
    let outputs = [
        ("partition", "id", ""),
        ("partition_day", "id", ""),
        ("late", "id", ""),
        ("duplicated", "id", ""),
        ("duplicated_bag", "", ""),
        ("whitespace", "id, region", ""),
        ("upper", "id, region", ""),
        ("chance", "id", ""),
        ("hidden", "id", "        sensitive: [region, amount]\n"),
    ];
    let world = world(&outputs.map(|(name, keys, more)| (name, columns, keys, more)));
    let all = rows();
    let without = |test: &dyn Fn(&Map<String, Value>) -> bool| -> Vec<Map<String, Value>> {
        all.iter().filter(|row| !test(row)).cloned().collect()
    };
    let renamed = |change: fn(&str) -> String| -> Vec<Map<String, Value>> {
        let mut rows = all.clone();
        for row in rows.iter_mut().step_by(7) {
            row["region"] = json!(change(row["region"].as_str().unwrap()));
        }
        rows
    };
    let twice = || all.iter().chain(&all[10..20]).cloned().collect::<Vec<_>>();
    put(&world, "partition", &all, &without(&|row| row["region"] == "r3"));
    put(&world, "partition_day", &without(&|row| row["day"] == day(2024, 5, 9)), &all);
    put(&world, "late", &all, &without(&|row| row["id"].as_i64().unwrap() > 231 && row["id"] != 238));
    put(&world, "duplicated", &all, &twice());
    put(&world, "duplicated_bag", &twice(), &all);
    put(&world, "whitespace", &all, &renamed(|region| format!("{region} ")));
    put(&world, "upper", &all, &renamed(str::to_uppercase));
    put(&world, "chance", &all, &without(&|row| [11, 50, 177].contains(&row["id"].as_i64().unwrap())));
    let mut more = without(&|row| row["region"] == "r3");
    for row in &mut more {
        row["amount"] = json!(row["amount"].as_i64().unwrap() + 987_654_321);
    }
    put(&world, "hidden", &all, &more);
    let outputs = compared(&world);
    let causes: BTreeMap<&str, Value> =
        outputs.iter().map(|(name, output)| (name.as_str(), output["causes"].clone())).collect();
    assert_eq!(
        json!(causes),
        json!({
            "partition": {"rows": "missing_partition"},
            "partition_day": {"rows": "missing_partition"},
            "late": {"rows": "late_data"},
            "duplicated": {"rows": "duplicated_rows"},
            "duplicated_bag": {"rows": "duplicated_rows"},
            "whitespace": {"key": "key_whitespace"},
            "upper": {"key": "key_case"},
            "chance": {},
            "hidden": {"rows": "missing_partition", "amount": "constant_offset"},
        }),
    );
    let says = |name: &str| outputs[name]["rows"][0]["says"].clone();
    assert_eq!(says("partition"), "all in region=r3, of which new has no row");
    assert_eq!(says("partition_day"), "all in day=2024-05-09, of which old has no row");
    assert_eq!(says("late"), "all within the last 5 % of at");
    assert_eq!(says("duplicated_bag"), "old has them more often: new has the same rows too");
    let spread = &outputs["partition"]["spread"][0];
    assert_eq!(spread["by"], "region");
    assert_eq!(spread["parts"].as_array().unwrap().len(), 1);
    assert_eq!(spread["parts"][0]["only_old"], outputs["partition"]["only_old"]);
    // Nothing of a sensitive column is said: neither a value nor by how much.
    let hidden = outputs["hidden"].to_string();
    // Keys are shown as twelve hexadecimal digits: a number of four is among those of forty keys by chance now and then.
    let told = ["r3", "987654321", "987_654_321"].iter().find(|value| hidden.contains(**value));
    assert_eq!(told, None, "{hidden}");
    assert_eq!(says("hidden"), "all in values of region of which new has no row");
    assert_eq!(outputs["hidden"]["columns"][0]["explanations"][0]["says"], "each by the same");
}
