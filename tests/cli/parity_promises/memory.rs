//! How much memory a comparison takes.

use super::{evidence, migration, parquet_output, world};
use crate::duckdb_support;
use std::time::Duration;

/// The most memory that a process has had, in MB.
fn peak(pid: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()? / 1_000)
}

#[test]
fn memory_stays_under_its_limit() {
    let world = world();
    world.write("manifests/large.yaml", &migration("large", "    period: none\n", &[parquet_output("large", "id")]));
    // 1.5 million rows, in another order on each side, of which three differ: some 300 MB of hash table.
    for (side, order, change) in [("old", "i * 7919 % 1500000", "0"), ("new", "i * 104729 % 1500000", "(id < 3)::INT")]
    {
        let folder = world.dir().join("data/large").join(side);
        std::fs::create_dir_all(&folder).unwrap();
        let ids = format!("SELECT {order} AS id FROM range(1500000) t(i)");
        let row = format!(
            "SELECT id, CAST(hash(id) % 100000 AS BIGINT) + {change} AS a, \
             CAST(hash(id, 1) // 2 AS BIGINT) AS b, 'some name ' || hash(id, 2) AS name, \
             'another text of it ' || hash(id, 3) AS note FROM ({ids})"
        );
        duckdb_support::write(&format!("COPY ({row}) TO '{}/part.parquet' (FORMAT parquet)", folder.display()));
    }
    let started = world.start("parity run --period p --memory 200MB --threads 2");
    let mine = started.id().to_string();
    let (mut own, mut child) = (0, 0);
    while let Some(now) = peak(&mine) {
        own = own.max(now);
        let children = std::fs::read_to_string(format!("/proc/{mine}/task/{mine}/children")).unwrap_or_default();
        child = children.split_whitespace().filter_map(peak).max().unwrap_or(0).max(child);
        std::thread::sleep(Duration::from_millis(5));
    }
    started.wait().code(2).says("1,500,000");
    let report = evidence(&world, "large").unwrap();
    assert_eq!(report["outputs"][0]["differing_cells"], serde_json::json!({"a": 3}));
    // Measured: 265 MB. Without the limit it takes 500 MB.
    assert!((100..=350).contains(&child), "duckdb took {child} MB");
    assert!(own < 100, "plumb took {own} MB");
}
