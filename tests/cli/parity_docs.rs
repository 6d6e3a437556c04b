//! "Ten minutes" of docs/parity.md, as it stands there. `PLUMB_BLESS=1` writes what the commands print anew.

use crate::duckdb_support;
use crate::world::World;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/parity.md");

/// What both pipelines wrote: some amounts are a cent apart, and the times of new are some hours late.
fn write_data(world: &World, hours: u8) {
    let rows = "SELECT 1000000000000 + (i // 2) AS customer_id, 'r' || (i % 2) AS region, CAST(i * 1.37 AS DECIMAL(12,2)) AS a, \
                CASE WHEN i < 1871 THEN TIMESTAMPTZ '2026-10-01 00:00:00+00' + INTERVAL (i * 977) SECOND END AS t, i \
                FROM range(2000) r(i)";
    for (side, columns) in [
        ("old", "a AS amount, t AS ts".to_owned()),
        (
            "new",
            format!(
                "CAST(CASE WHEN i < 12 THEN a + 0.01 ELSE a END AS DECIMAL(12,2)) AS amount, t + INTERVAL {hours} HOUR AS ts"
            ),
        ),
    ] {
        let folder = format!("{side}/month=2026-10");
        world.write(&format!("{folder}/_SUCCESS"), "");
        let file = world.dir().join(format!("{folder}/part-0.parquet"));
        duckdb_support::write(&format!(
            "SET TimeZone='UTC'; COPY (SELECT customer_id, region, {columns} FROM ({rows})) TO '{}' (FORMAT parquet)",
            file.display()
        ));
    }
}

/// The fenced block after a comment: where it is.
fn block(text: &str, name: &str) -> std::ops::Range<usize> {
    let comment = format!("<!-- ten minutes: {name} -->\n```");
    let start = text.find(&comment).unwrap_or_else(|| panic!("no {comment}")) + comment.len();
    let start = start + text[start..].find('\n').unwrap() + 1;
    start..start + text[start..].find("```").unwrap()
}

/// Output with times, and masks that are made by a key of the run, that are the same in every run.
fn same(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let mut line = line.to_owned();
        if let Some((before, after)) = line.split_once(" s, duckdb ") {
            let took = before.rsplit_once(", ").unwrap();
            assert!(took.1.parse::<f64>().is_ok(), "{line}");
            line = format!("{}, 0.4 s, duckdb {after}", took.0);
        }
        let words = line.split_inclusive(|c: char| !c.is_ascii_alphanumeric() && c != '#');
        let masked = |word: &str| {
            let key = word.len() == 14 && word.starts_with('#');
            if key { format!("#3eee1d6015fe{}", &word[13..]) } else { word.to_owned() }
        };
        let line: String = words.map(masked).collect();
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// Runs the commands of a block, and puts what they print in its place.
fn told(world: &World, text: &mut String, name: &str, codes: &[i32]) {
    let range = block(text, name);
    let commands: Vec<String> =
        text[range.clone()].lines().filter_map(|line| line.strip_prefix("$ plumb ")).map(str::to_owned).collect();
    assert_eq!(commands.len(), codes.len());
    let shown = commands.iter().zip(codes).fold(String::new(), |shown, (command, code)| {
        let ran = world.plumb(command).code(*code);
        assert_eq!(ran.err, "", "{command}");
        format!("{shown}$ plumb {command}\n{}", same(&ran.out))
    });
    text.replace_range(range, &shown);
}

#[test]
fn the_ten_minutes_are_true() {
    duckdb_support::program();
    let mut world = World::new();
    world.env("PLUMB_CACHE", Some(duckdb_support::cache().to_str().unwrap()));
    world.env("PLUMB_NOW", None);
    world.remove("plumb.yaml");
    world.plumb("init").code(0);
    world.write(".gitignore", "/old/\n/new/\n");
    let text = std::fs::read_to_string(PATH).unwrap();
    let mut fresh = text.clone();
    let manifest = "manifests/audience.yaml";
    world.write(manifest, &text[block(&text, "manifest")]);
    write_data(&world, 1);
    told(&world, &mut fresh, "suggest", &[0, 0]);
    // What is pasted stands behind `new`.
    let paste = |world: &World, after: &str, name: &str| {
        let line = world.read(manifest).lines().find(|line| line.starts_with(after)).unwrap().to_owned();
        world.edit(manifest, &line, &format!("{line}\n{}", text[block(&text, name)].trim_end()));
    };
    paste(&world, "        new:", "keys");
    world.commit("Compare the audience segments");
    told(&world, &mut fresh, "differs", &[2]);
    paste(&world, "        keys:", "rules");
    world.commit("Let amounts differ by a cent");
    write_data(&world, 0);
    told(&world, &mut fresh, "equal", &[0]);
    // As on the day of the page: whenever this runs, no later month is missing yet, and no report is of the future.
    let evidence = "evidence/audience-2026-10.json";
    let mut report: serde_json::Value = serde_json::from_str(&world.read(evidence)).unwrap();
    report["checked_at"] = "2026-11-03T08:00:00Z".into();
    world.write(evidence, &report.to_string());
    world.env("PLUMB_NOW", Some("2026-11-30T08:00:00Z"));
    told(&world, &mut fresh, "status", &[2]);
    if std::env::var_os("PLUMB_BLESS").is_some_and(|v| v == "1") {
        return std::fs::write(PATH, fresh).unwrap();
    }
    let diff = similar::TextDiff::from_lines(text.as_str(), fresh.as_str());
    assert!(text == fresh, "the ten minutes are stale; PLUMB_BLESS=1 writes them anew:\n{}", diff.unified_diff());
}
