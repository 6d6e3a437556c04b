//! The child, as the real program.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::duckdb_support::{program, row, start, statement, write};
use std::path::Path;
use std::sync::Arc;

fn fault(answer: Result<Vec<SqlRow>, EngineError>) -> EngineFault {
    let error = answer.unwrap_err();
    assert_eq!(error.step, "test");
    error.fault
}

/// Whether there is such a process.
fn runs(pid: u32) -> bool {
    std::process::Command::new("kill").args(["-0", &pid.to_string()]).output().unwrap().status.success()
}

fn kill(pid: u32) {
    assert!(std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
}

/// A statement that takes longer than any test.
const ENDLESS: &str = "SELECT CAST(count(*) AS VARCHAR) AS n FROM range(1000000000) AS a(i), range(1000000000) AS b(j) \
                       WHERE i % 7 = j % 11";

#[tokio::test]
async fn every_value_arrives_as_text_in_the_order_of_the_columns() {
    let root = tempfile::tempdir().unwrap();
    let mut duckdb = start(&[root.path()]).await;
    let text = "SELECT 'z' || chr(10) || chr(0) || '\"é' AS z, NULL AS a, '' AS e, CAST(CAST('nan' AS DOUBLE) AS VARCHAR) AS n";
    let rows = duckdb.rows(&statement(text)).await.unwrap();
    assert_eq!(rows, [vec![Some("z\n\0\"é".into()), None, Some(String::new()), Some("nan".into())]]);
    assert_eq!(duckdb.rows(&statement("SELECT 1 AS a WHERE false")).await.unwrap(), Vec::<SqlRow>::new());
    let many = duckdb.rows(&statement("SELECT CAST(i AS VARCHAR) AS i FROM range(100000) AS r(i)")).await.unwrap();
    assert_eq!(many.len(), 100_000);
    assert_eq!(duckdb.version(), setup_version());
}

fn setup_version() -> &'static str {
    crate::engines::setup::VERSION
}

#[tokio::test]
async fn nothing_but_the_inputs_can_be_read_and_nothing_written() {
    let root = tempfile::tempdir().unwrap();
    let at = |path: &str| root.path().join(path).to_str().unwrap().to_owned();
    for folder in ["in", "in-secret", "files"] {
        std::fs::create_dir(at(folder)).unwrap();
        std::fs::write(at(&format!("{folder}/a.txt")), "x").unwrap();
        std::fs::write(at(&format!("{folder}/b.txt")), "x").unwrap();
    }
    let file = at("files/a.txt");
    let mut duckdb = start(&[Path::new(&at("in")), Path::new(&file)]).await;
    let read = |path: &str| statement(&format!("SELECT size AS s FROM read_blob({})", literal(path)));
    assert_eq!(duckdb.rows(&read(&at("in/a.txt"))).await.unwrap(), [row(&["1"])]);
    assert_eq!(duckdb.rows(&read(&at("files/a.txt"))).await.unwrap(), [row(&["1"])]);
    for outside in
        ["/etc/passwd", &at("in-secret/a.txt"), &at("files/b.txt"), &at("in/../in-secret/a.txt"), "/proc/self/environ"]
    {
        let told = fault(duckdb.rows(&read(outside)).await);
        assert!(matches!(told, EngineFault::Refused(_)), "{outside}: {told}");
    }
    for no in [
        "SET enable_external_access=true".to_owned(),
        "SET threads=1".to_owned(),
        "INSTALL httpfs".to_owned(),
        "SELECT 1 AS a FROM read_csv('https://127.0.0.1/a.csv')".to_owned(),
        format!("COPY (SELECT 1 AS a) TO {}", literal(&at("out.csv"))),
        format!("ATTACH {} AS other", literal(&at("other.db"))),
    ] {
        assert!(duckdb.rows(&statement(&no)).await.is_err(), "{no}");
    }
    #[cfg(target_os = "linux")]
    assert_eq!(std::fs::read(format!("/proc/{}/environ", duckdb.pid().unwrap())).unwrap(), b"TZ=UTC\0");
}

#[tokio::test]
async fn settings_are_as_they_were_wanted() {
    let root = tempfile::tempdir().unwrap();
    let inputs = vec![root.path().to_owned()];
    let options = DuckdbOptions { inputs, memory: Some(300_000_000), threads: Some(1), delta: None };
    let mut duckdb = Duckdb::start(&program().path, options).await.unwrap();
    let ask = "SELECT current_setting('memory_limit') AS m, CAST(current_setting('threads') AS VARCHAR) AS t, \
               current_setting('TimeZone') AS z, CAST(current_setting('preserve_insertion_order') AS VARCHAR) AS p";
    assert_eq!(duckdb.rows(&statement(ask)).await.unwrap(), [row(&["257.4 MiB", "1", "UTC", "false"])]);
    let gib = |text: &str| text.split_once(' ').unwrap().0.parse::<f64>().unwrap();
    let memory = statement("SELECT current_setting('memory_limit') AS m");
    let usual = start(&[root.path()]).await.rows(&memory).await.unwrap()[0][0].clone().unwrap();
    let done = std::process::Command::new(&program().path)
        .args(["-no-init", "-batch", "-noheader", "-list", "-c", "SELECT current_setting('memory_limit')"])
        .output()
        .unwrap();
    let own = String::from_utf8(done.stdout).unwrap();
    assert!((gib(&usual) / gib(&own) - 0.75).abs() < 0.02, "{usual} of {own}");
}

/// A script in front of the program shows what it would read if it were let.
#[cfg(unix)]
#[tokio::test]
async fn the_configuration_of_the_user_is_not_read() {
    use std::os::unix::fs::PermissionsExt;
    let root = tempfile::tempdir().unwrap();
    std::fs::write(
        root.path().join(".duckdbrc"),
        "SELECT 'canary' AS from_rc;\nSET threads=1;\nSET lock_configuration=true;\n",
    )
    .unwrap();
    let script = root.path().join("duckdb");
    let lines =
        format!("#!/bin/sh\nHOME={}\nexport HOME\nexec {} \"$@\"\n", root.path().display(), program().path.display());
    std::fs::write(&script, lines).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let options = DuckdbOptions { inputs: vec![root.path().to_owned()], threads: Some(2), ..DuckdbOptions::default() };
    let mut duckdb = Duckdb::start(&script, options).await.unwrap();
    let ask = statement("SELECT CAST(current_setting('threads') AS VARCHAR) AS t");
    assert_eq!(duckdb.rows(&ask).await.unwrap(), [row(&["2"])]);
    let read = std::process::Command::new(&script).args(["-batch", "-c", "SELECT 1"]).output().unwrap();
    assert!(String::from_utf8_lossy(&read.stdout).contains("canary"), "the file is one that would be read");
}

#[tokio::test]
async fn a_file_that_cannot_be_read_ends_a_statement_and_not_the_child() {
    let root = tempfile::tempdir().unwrap();
    let at = |path: &str| literal(root.path().join(path).to_str().unwrap());
    write(&format!(
        "COPY (SELECT i, i * 1.5 AS d, 'canary' || i AS s FROM range(1000) AS r(i)) TO {}",
        at("good.parquet")
    ));
    let good = std::fs::read(root.path().join("good.parquet")).unwrap();
    std::fs::write(root.path().join("short.parquet"), &good[..good.len() - 100]).unwrap();
    std::fs::write(root.path().join("empty.parquet"), "").unwrap();
    let mut broken = good.clone();
    broken[4..200].fill(0xa5);
    std::fs::write(root.path().join("broken.parquet"), broken).unwrap();
    std::fs::write(root.path().join("text.parquet"), "not parquet at all").unwrap();
    std::fs::write(root.path().join("bad.csv"), "1,2\ncanary,3\n").unwrap();
    std::fs::write(root.path().join("bad.json"), "{\"a\": 1}\n{\"a\": \"canary\"}\n").unwrap();
    let mut duckdb = start(&[root.path()]).await;
    let child = duckdb.pid();
    let parquet = |name: &str| {
        format!("SELECT CAST(sum(i) AS VARCHAR) AS i, max(d) AS d, max(s) AS s FROM read_parquet({})", at(name))
    };
    let csv = format!(
        "SELECT * FROM read_csv({}, auto_detect=false, columns={{'a': 'BIGINT', 'b': 'BIGINT'}})",
        at("bad.csv")
    );
    let json =
        format!("SELECT * FROM read_json({}, format='newline_delimited', columns={{'a': 'BIGINT'}})", at("bad.json"));
    let cast = format!("SELECT CAST(s AS BIGINT) AS s FROM read_parquet({})", at("good.parquet"));
    for text in [
        parquet("short.parquet"),
        parquet("empty.parquet"),
        parquet("broken.parquet"),
        parquet("text.parquet"),
        parquet("gone.parquet"),
        csv,
        json,
        cast,
    ] {
        let told = fault(duckdb.rows(&statement(&text)).await);
        assert!(matches!(told, EngineFault::Unreadable(_)), "{text}: {told:?}");
        assert!(!told.to_string().contains("canary"), "{told}");
        // The next one is answered, and whole.
        let sum = statement(&format!("SELECT CAST(sum(i) AS VARCHAR) AS i FROM read_parquet({})", at("good.parquet")));
        assert_eq!(duckdb.rows(&sum).await.unwrap(), [row(&["499500"])]);
    }
    assert!(matches!(fault(duckdb.rows(&statement("SELECT nothing AS n")).await), EngineFault::Failed(_)));
    assert_eq!(duckdb.pid(), child);
}

#[tokio::test]
async fn a_limit_that_is_too_low_is_told_and_the_next_statement_answered() {
    let root = tempfile::tempdir().unwrap();
    let inputs = vec![root.path().to_owned()];
    let options = DuckdbOptions { inputs, memory: Some(66_000_000), threads: Some(2), delta: None };
    let mut duckdb = Duckdb::start(&program().path, options).await.unwrap();
    let told = fault(duckdb.rows(&statement("SELECT len(list(i)) AS l FROM range(100000000) AS r(i)")).await);
    assert!(matches!(told, EngineFault::OutOfMemory(_)), "{told:?}");
    assert!(told.to_string().ends_with("give it more with `--memory`"), "{told}");
    assert_eq!(duckdb.rows(&statement("SELECT 1 AS a")).await.unwrap(), [row(&["1"])]);
    // What can be spilled needs no more.
    let spilled = "SELECT CAST(count(*) AS VARCHAR) AS n FROM (SELECT i FROM range(6000000) AS r(i) GROUP BY i) AS g";
    assert_eq!(duckdb.rows(&statement(spilled)).await.unwrap(), [row(&["6000000"])]);
}

#[tokio::test]
async fn a_child_that_dies_at_any_statement_is_gone_and_can_be_started_again() {
    let root = tempfile::tempdir().unwrap();
    let mut duckdb = start(&[root.path()]).await;
    for statements in 0..4 {
        for _ in 0..statements {
            assert_eq!(duckdb.rows(&statement("SELECT 1 AS a")).await.unwrap().len(), 1);
        }
        let pid = duckdb.pid().unwrap();
        if statements % 2 == 0 {
            // In the middle of one.
            let killer = tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(100)).await;
                kill(pid);
            });
            let told = fault(duckdb.rows(&statement(ENDLESS)).await);
            assert!(matches!(&told, EngineFault::Gone(how) if how.contains("signal: 9")), "{told:?}");
            killer.await.unwrap();
        } else {
            // Between two.
            kill(pid);
            assert!(matches!(fault(duckdb.rows(&statement("SELECT 1 AS a")).await), EngineFault::Gone(_)));
        }
        assert_eq!(duckdb.pid(), None);
        let told = fault(duckdb.rows(&statement("SELECT 1 AS a")).await);
        assert_eq!(told, EngineFault::Gone("the duckdb program has ended".into()));
        duckdb.restart().await.unwrap();
    }
    assert_eq!(duckdb.rows(&statement("SELECT 1 AS a")).await.unwrap(), [row(&["1"])]);
}

/// What a dying child has written is no answer, wherever it breaks off.
#[tokio::test]
async fn an_answer_that_breaks_off_is_none() {
    let whole = "{\"a\":\"1\"}\n{\"a\":\"2\"}\nend-1-x\n";
    for length in 0..=whole.len() {
        let mut pipe = &whole.as_bytes()[..length];
        let read = lines(&mut pipe, |line| line == "end-1-x", LARGEST_ANSWER).await;
        assert_eq!(read.is_some(), length == whole.len(), "{length}");
    }
    let (kept, is_whole) = lines(&mut whole.as_bytes(), |line| line == "end-1-x", 10).await.unwrap();
    assert_eq!((kept.len(), is_whole), (1, false));
}

#[tokio::test]
async fn a_statement_that_nobody_waits_for_leaves_no_child_and_no_folder() {
    let root = tempfile::tempdir().unwrap();
    let mut duckdb = start(&[root.path()]).await;
    let pid = duckdb.pid().unwrap();
    let folder = duckdb._temp.path().to_owned();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }
    let stopped = tokio::time::timeout(Duration::from_millis(100), duckdb.rows(&statement(ENDLESS))).await;
    assert!(stopped.is_err() && !runs(pid));
    assert!(matches!(fault(duckdb.rows(&statement("SELECT 1 AS a")).await), EngineFault::Gone(_)));
    assert!(folder.is_dir());
    drop(duckdb);
    assert!(!folder.exists());
    let idle = start(&[root.path()]).await;
    let (pid, folder) = (idle.pid().unwrap(), idle._temp.path().to_owned());
    assert!(runs(pid));
    drop(idle);
    assert!(!runs(pid) && !folder.exists());
}

#[tokio::test]
async fn what_is_no_duckdb_is_told() {
    let options = || DuckdbOptions { inputs: vec!["/nowhere".into()], ..DuckdbOptions::default() };
    let start = async |program: &str| match Duckdb::start(Path::new(program), options()).await {
        Ok(_) => panic!("{program} started"),
        Err(error) => error.to_string(),
    };
    assert!(start("/nowhere/duckdb").await.starts_with("start: /nowhere/duckdb cannot be started"));
    assert!(start("/bin/false").await.contains("ended in the middle of a statement (exit status: 1)"));
}

#[tokio::test]
async fn a_whole_file_system_is_no_input() {
    let options = DuckdbOptions { inputs: vec!["/".into()], ..DuckdbOptions::default() };
    let Err(error) = Duckdb::start(&program().path, options).await else { panic!("it started") };
    assert!(error.to_string().contains("duckdb can read files outside of what is compared"), "{error}");
}

#[test]
fn only_versions_that_are_known_are_taken() {
    for (version, known) in [
        ("1.4.4", false),
        ("1.5.0", true),
        ("1.5.6", true),
        ("1.10.0", true),
        ("2.0.1", true),
        ("3.0.0", false),
        ("", false),
    ] {
        assert_eq!(is_known(version, Path::new("duckdb")).is_ok(), known, "{version}");
    }
    assert!(is_known("2.1.0-dev12", Path::new("duckdb")).is_ok());
}

#[test]
fn a_text_that_is_more_or_less_than_a_statement_is_not_sent() {
    for text in ["SELECT 'a''b;--' AS \"x;\"\"y\"", "SELECT 1 - -1 AS a", "SELECT '.read' AS a", "SELECT 'a\nb' AS a"] {
        assert_eq!(is_one_statement(text), Ok(()), "{text}");
    }
    for text in [
        "",
        " .shell ls",
        "SELECT 'a",
        "SELECT 1; SELECT 2",
        "SELECT 1 -- x",
        "SELECT /* x",
        "SELECT '\0'",
        "SELECT 'a\r\nb'",
        "SELECT $$a",
    ] {
        assert!(matches!(is_one_statement(text), Err(EngineFault::Failed(_))), "{text}");
    }
}

#[tokio::test]
async fn many_children_do_not_mix_their_answers() {
    let root = Arc::new(tempfile::tempdir().unwrap());
    let mut running = tokio::task::JoinSet::new();
    for i in 0..3 {
        let root = root.clone();
        running.spawn(async move {
            let mut duckdb = start(&[root.path()]).await;
            let rows = duckdb.rows(&statement(&format!("SELECT '{i}' AS i FROM range(5)"))).await.unwrap();
            assert_eq!(rows, vec![row(&[&i.to_string()]); 5]);
        });
    }
    running.join_all().await;
}

#[tokio::test]
async fn a_delta_folder_is_read_offline_without_what_was_deleted() {
    let root = tempfile::tempdir().unwrap();
    let at = |path: &str| root.path().join(path).to_str().unwrap().to_owned();
    let commit = |table: &str, version: u32, lines: &str| {
        std::fs::create_dir_all(at(&format!("{table}/_delta_log"))).unwrap();
        std::fs::write(at(&format!("{table}/_delta_log/{version:020}.json")), lines).unwrap();
    };
    for table in ["in", "outside"] {
        let mut lines = r#"{"protocol":{"minReaderVersion":1,"minWriterVersion":2}}
{"metaData":{"id":"t","format":{"provider":"parquet","options":{}},"schemaString":"{\"type\":\"struct\",\"fields\":[{\"name\":\"k\",\"type\":\"integer\",\"nullable\":true,\"metadata\":{}}]}","partitionColumns":[],"configuration":{},"createdTime":1}}
"#
        .to_owned();
        std::fs::create_dir_all(at(table)).unwrap();
        for i in 0..2 {
            write(&format!(
                "COPY (SELECT {i} AS k FROM range(10)) TO {}",
                literal(&at(&format!("{table}/{i}.parquet")))
            ));
            let size = std::fs::metadata(at(&format!("{table}/{i}.parquet"))).unwrap().len();
            lines += &format!(
                "{{\"add\":{{\"path\":\"{i}.parquet\",\"partitionValues\":{{}},\"size\":{size},\"modificationTime\":1,\"dataChange\":true}}}}\n"
            );
        }
        commit(table, 0, &lines);
        commit(table, 1, "{\"remove\":{\"path\":\"0.parquet\",\"deletionTimestamp\":2,\"dataChange\":true}}\n");
    }
    let inputs = vec![root.path().join("in").canonicalize().unwrap()];
    let count = |table: &str| {
        statement(&format!("SELECT CAST(sum(k) AS VARCHAR) AS k FROM delta_scan({})", literal(&at(table))))
    };
    let options = DuckdbOptions { inputs, threads: Some(2), ..DuckdbOptions::default() };
    // Without the extension nothing is downloaded in its place.
    let mut without = Duckdb::start(&program().path, options.clone()).await.unwrap();
    assert!(
        matches!(fault(without.rows(&count("in")).await), EngineFault::Unreadable(why) if why.contains("parity setup"))
    );
    let delta = Some(program().delta.clone().expect("the extension is a part of the setup"));
    let mut duckdb = Duckdb::start(&program().path, DuckdbOptions { delta, ..options.clone() }).await.unwrap();
    assert_eq!(duckdb.rows(&count("in")).await.unwrap(), [row(&["10"])]);
    assert!(matches!(fault(duckdb.rows(&count("outside")).await), EngineFault::Refused(_)));
    let delta = Some(root.path().join("in/0.parquet"));
    let Err(error) = Duckdb::start(&program().path, DuckdbOptions { delta, ..options }).await else { panic!() };
    assert_eq!(error.step, "start");
}
