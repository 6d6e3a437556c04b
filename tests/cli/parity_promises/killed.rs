//! The engine dies, plumb dies, somebody interrupts: there is whole evidence or none, and nothing is left behind.

use super::{duckdb_with, evidence, json_output, migration, parquet_output, put, rows, statements, world, written};
use crate::duckdb_support;
use crate::world::World;
use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A folder for temporary files of the world's own.
fn with_temp(world: &mut World) -> std::path::PathBuf {
    let temp = world.home().join("tmp");
    std::fs::create_dir_all(&temp).unwrap();
    world.env("TMPDIR", Some(temp.to_str().unwrap()));
    temp
}

fn entries(folder: &std::path::Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

/// The processes whose command line has a text.
fn processes_with(text: &str) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let has = |pid: &u32| {
        let cwd = std::fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains("jsonlines") && cwd.to_string_lossy().contains(text)
    };
    all.filter(has).collect()
}

/// Waits until no child works in a folder.
#[track_caller]
fn no_child_in(folder: &std::path::Path) {
    let begun = Instant::now();
    while !processes_with(folder.to_str().unwrap()).is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(20), "a child is left in {}", folder.display());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn an_engine_that_dies_at_any_statement_leaves_no_evidence_and_the_others_are_compared() {
    let mut world = world();
    let temp = with_temp(&mut world);
    put(&world, "alpha", false);
    put(&world, "beta", true);
    let mut died = BTreeSet::new();
    let mut at = 1;
    loop {
        let script = duckdb_with(&world, at, "kill -9 0");
        world.env("PLUMB_DUCKDB", Some(script.to_str().unwrap()));
        let _ = std::fs::remove_dir_all(world.dir().join("evidence"));
        let ran = world.plumb("parity run --period p");
        assert_eq!(entries(&temp), 0, "at {at}: {}", ran.shown);
        let (alpha, beta) = (evidence(&world, "alpha"), evidence(&world, "beta"));
        if ran.code != 1 {
            // It died behind the last statement, or was not asked so many.
            ran.code(2);
            assert_eq!((&alpha.unwrap()["passed"], &beta.unwrap()["passed"]), (&false.into(), &true.into()));
            break;
        }
        let ran = ran.says("no evidence was written");
        assert!(alpha.is_some() != beta.is_some(), "at {at}: {alpha:?} {beta:?}\n{}", ran.shown);
        let who = if alpha.is_none() { "alpha" } else { "beta" };
        died.insert(who);
        if let Some(report) = alpha {
            assert_eq!(report["outputs"][0]["verdict"], "differs");
        }
        if let Some(report) = beta {
            assert_eq!(report["outputs"][0]["verdict"], "equal");
        }
        // No page either, and no file that was begun.
        assert_eq!(written(&world).len(), 2, "{:?}", written(&world));
        at += 3;
    }
    assert_eq!(died, ["alpha", "beta"].into(), "the last one was statement {at}");
    no_child_in(&temp);
}

#[test]
fn a_run_that_is_killed_leaves_whole_evidence_or_none() {
    let mut world = world();
    let temp = with_temp(&mut world);
    put(&world, "alpha", false);
    put(&world, "beta", true);
    let begun = Instant::now();
    world.plumb("parity run --period p").code(2);
    let whole = begun.elapsed();
    for part in 1..=12u32 {
        let _ = std::fs::remove_dir_all(world.dir().join("evidence"));
        let started = world.start("parity run --period p");
        std::thread::sleep(whole * part / 11);
        started.kill();
        // Each that is there is whole, and says what is true.
        for (name, passed) in [("alpha", false), ("beta", true)] {
            let report = evidence(&world, name);
            assert!(report.is_none_or(|report| report["passed"] == passed), "{name}, killed at {part} of 11");
        }
        no_child_in(&temp);
    }
}

#[test]
fn a_run_that_is_interrupted_ends_its_child_and_writes_nothing() {
    let mut world = world();
    let temp = with_temp(&mut world);
    world.write("manifests/large.yaml", &migration("large", "    period: none\n", &[parquet_output("large", "id")]));
    let rows = "SELECT i AS id, hash(i) % 1000 AS a, 'name ' || hash(i) AS name FROM range(2000000) t(i)";
    for side in ["old", "new"] {
        let folder = world.dir().join("data/large").join(side);
        std::fs::create_dir_all(&folder).unwrap();
        duckdb_support::write(&format!("COPY ({rows}) TO '{}/part.parquet' (FORMAT parquet)", folder.display()));
    }
    for says in ["large: schema", "large: count", "large: join of 4,000,000 rows"] {
        let mut started = world.start("parity run --period p -v");
        started.until(says);
        assert!(!processes_with(temp.to_str().unwrap()).is_empty());
        started.interrupt();
        started.wait().code(130).says("interrupted; no evidence was written");
        assert_eq!(written(&world), [""; 0]);
        no_child_in(&temp);
        assert_eq!(entries(&temp), 0, "{says}");
    }
}

#[test]
fn what_is_changed_or_removed_while_it_is_compared_is_never_equal() {
    let mut world = world();
    put(&world, "alpha", true);
    let path = "data/alpha/new/part.json";
    let mut causes = BTreeSet::new();
    // The last statement joins; before it each side is described and counted.
    let last = statements(&mut world, "parity run alpha --period p");
    for (at, happens) in [
        (last - 4, format!("rm {path}")),
        (last - 1, format!("rm {path}")),
        (last, format!("rm {path}")),
        (last - 4, format!("echo '{{\"id\": 31}}' >> {path}")),
        (last, format!("echo '{{\"id\": 31}}' >> {path}")),
        (last - 2, "echo '{}' > data/alpha/old/more.json".to_owned()),
        (last - 2, format!("cp {path} saved; cat saved > {path}")),
        (last, "mkdir data/alpha/old/_temporary".to_owned()),
    ] {
        world.write(path, &rows(30, "a"));
        for new in ["more.json", "_temporary"] {
            let new = world.dir().join("data/alpha/old").join(new);
            let _ = std::fs::remove_file(&new).or_else(|_| std::fs::remove_dir(&new));
        }
        let script = duckdb_with(&world, at, &happens);
        world.env("PLUMB_DUCKDB", Some(script.to_str().unwrap()));
        let ran = world.plumb("parity run alpha --period p").code(3);
        let report = evidence(&world, "alpha").unwrap();
        assert_eq!((&report["passed"], &report["outputs"][0]["verdict"]), (&false.into(), &"none".into()), "{happens}");
        causes.insert(report["outputs"][0]["causes"]["rows"].as_str().unwrap().to_owned());
        assert!(ran.shown.contains("data/alpha/"), "{happens}: {}", ran.shown);
    }
    assert!(causes.contains("changed"), "{causes:?}");
    // Without a fault the same data is equal: what was seen above came from the faults.
    std::fs::remove_dir(world.dir().join("data/alpha/old/_temporary")).unwrap();
    world.env("PLUMB_DUCKDB", None);
    world.plumb("parity run alpha --period p").code(0);
}

#[test]
fn a_program_that_is_no_duckdb_compares_nothing() {
    let mut world = world();
    world.write(
        "manifests/one.yaml",
        &migration("one", "    period: none\n", &[json_output("one", "name: string", "id", "")]),
    );
    for side in ["old", "new"] {
        world.write(&format!("data/one/{side}/part.json"), &rows(3, "a"));
    }
    for program in ["/bin/cat", "/bin/false", "/nowhere/duckdb"] {
        world.env("PLUMB_DUCKDB", Some(program));
        if program == "/bin/cat" {
            // It says back what it is told, and so knows every mark.
            let done = Command::new(program).stdin(Stdio::null()).status();
            assert!(done.is_ok_and(|status| status.success()));
        }
        world.plumb("parity run --period p").code(1);
        assert_eq!(written(&world), [""; 0], "{program}");
    }
}
