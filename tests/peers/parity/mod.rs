//! `plumb parity run` over pairs of data sets that Spark wrote and whose truth is known: verdicts, counts and causes.
//!
//! `cases.py` has the table, `make.py` writes the data, `oracle.py` is a second opinion on the semantics. The data is kept in
//! `target/tmp` until one of them changes.

mod project;
mod spark;
mod truth;

use project::Project;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};
use truth::{Table, Truth, differences};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers")
}

/// Writes to the real stderr: what is left out is to be seen without `--nocapture`.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{}", text.trim_end());
}

/// The Python that has PySpark, pyarrow and duckdb's program, set up once.
fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let requirements = folder().join("requirements-parity.txt");
        let setup = Command::new("sh").arg(folder().join("setup.sh")).arg(requirements).output().unwrap();
        assert!(setup.status.success(), "{}", String::from_utf8_lossy(&setup.stderr));
        PathBuf::from(String::from_utf8(setup.stdout).unwrap().trim())
    })
}

/// The `duckdb` program within Python's package `duckdb_cli`.
fn duckdb() -> PathBuf {
    let script = "import duckdb_cli, os; print(os.path.join(os.path.dirname(duckdb_cli.__file__), 'duckdb'))";
    let done = Command::new(python()).args(["-c", script]).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    PathBuf::from(String::from_utf8(done.stdout).unwrap().trim())
}

/// The programs that make data, hashed: other programs make other data.
fn version() -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut sources: Vec<PathBuf> =
        std::fs::read_dir(folder().join("parity")).unwrap().map(|entry| entry.unwrap().path()).collect();
    sources.retain(|path| path.extension().is_some_and(|e| e == "py") && !path.ends_with("spark_server.py"));
    sources.push(folder().join("requirements-parity.txt"));
    sources.sort();
    for path in sources {
        std::fs::read(path).unwrap().hash(&mut hasher);
    }
    hasher.finish()
}

/// Runs a program of this folder that writes data, unless it was run already. What it prints is kept beside the data and said.
fn made(name: &str, program: &str, arguments: &[&str]) -> PathBuf {
    // Two tests need the same data.
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let root = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let data = root.join(format!("parity-{name}-{:016x}", version()));
    if !data.is_dir() {
        let fresh = tempfile::tempdir_in(root).unwrap();
        let mut command = Command::new(python());
        // Days and times are written and read in UTC, whatever the machine has.
        command.arg(folder().join("parity").join(program)).args(arguments).arg(fresh.path().join("data"));
        let done = command.env("TZ", "UTC").env("PYTHONDONTWRITEBYTECODE", "1").output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        assert!(done.status.success(), "{program} failed:\n{out}{err}");
        std::fs::write(fresh.path().join("data/said.txt"), out.as_bytes()).unwrap();
        // What other programs wrote is of no use any more.
        let older = format!("parity-{name}-");
        let entries = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap());
        for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&older)) {
            std::fs::remove_dir_all(entry.path()).unwrap();
        }
        std::fs::rename(fresh.path().join("data"), &data).unwrap();
    }
    say(&std::fs::read_to_string(data.join("said.txt")).unwrap());
    data
}

/// Compares every case of a table in one run for each period, and returns what is not as it has to be.
fn compared(data: &Path, table: &Table) -> Vec<String> {
    let mut wrong = Vec::new();
    for (unit, period) in table.periods() {
        let cases: Vec<&Truth> = table.cases.iter().filter(|c| c.unit == unit && c.period == period).collect();
        let project = Project::new(data, &cases, duckdb());
        let run = project.run(&[], &period);
        let is = |verdict: &str| cases.iter().any(|c| c.truth["verdict"] == verdict);
        let code = if is("differs") { 2 } else { 3 * i32::from(is("none")) };
        if run.code != code {
            let (found, text, count) = (run.code, &run.text, cases.len());
            wrong.push(format!("period {period}, {count} migrations: exit code {found} instead of {code}:\n{text}"));
            if project.reports().is_empty() {
                continue;
            }
        }
        for case in &cases {
            let found = match project.evidence(&case.name, &period) {
                Ok(report) => differences(case, &report, &table.hypotheses),
                Err(why) => vec![why],
            };
            wrong.extend(found.into_iter().map(|text| format!("{}: {text}", case.name)));
            let seen = case.canaries.iter().filter(|canary| project.shows(canary, &run));
            wrong.extend(seen.map(|canary| format!("{}: `{canary}` of a sensitive column is shown", case.name)));
        }
    }
    wrong
}

fn assert_all_right(wrong: &[String], of: usize) {
    assert!(wrong.is_empty(), "{} things are wrong in {of} cases:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_pair_that_spark_wrote_is_judged_by_its_truth() {
    let data = made("cases", "make.py", &[]);
    let table = Table::read(&data.join("cases.json"));
    assert!(table.cases.len() + table.left_out.len() >= 300, "{} cases", table.cases.len());
    if !table.left_out.is_empty() {
        say(&format!("skipped {} pairs of data sets that only Spark writes: no Java", table.left_out.len()));
    }
    assert_all_right(&compared(&data, &table), table.cases.len());
}

#[test]
fn a_run_ends_with_the_code_of_its_verdict() {
    let data = made("cases", "make.py", &[]);
    let table = Table::read(&data.join("cases.json"));
    let mut wrong = Vec::new();
    for (verdict, code, names) in [
        ("equal", 0, ["nan-equals-nan", "both-empty-on-purpose", "expected"]),
        ("differs", 2, ["nan-is-not-null", "column-missing-in-new", "bag-counts-copies"]),
        ("none", 3, ["half-written", "both-empty", "not-done"]),
    ] {
        for name in names {
            let case = table.case(name);
            assert_eq!(case.truth["verdict"], verdict, "{name}");
            // The others are in the project, but are not wanted.
            let project = Project::new(&data, &[case, table.case("every-type-in-another-order")], duckdb());
            let run = project.run(&[name], "case");
            if run.code != code {
                wrong.push(format!("{name} ended with {}, not with {code}:\n{}", run.code, run.text));
            }
            if project.reports() != [format!("{name}-case.json")] {
                wrong.push(format!("{name} wrote {:?}", project.reports()));
            }
        }
    }
    assert_all_right(&wrong, 9);
}

#[test]
fn random_pairs_are_counted_as_the_oracle_counts_them() {
    let data = made("random", "oracle.py", &["random", "1", "200"]);
    let table = Table::read(&data.join("random.json"));
    assert_all_right(&compared(&data, &table), table.cases.len());
}
