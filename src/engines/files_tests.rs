//! Folders of this machine, and what duckdb says of their footers.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::duckdb_support::{row, start, write};
use plumb_core::parity::footers;
use std::os::unix::fs::{PermissionsExt, symlink};

fn side(path: &Path) -> LocalSide {
    LocalSide { source: "out".into(), path: path.to_owned(), format: FileFormat::Parquet, done: None }
}

fn put(root: &Path, name: &str, text: &str) {
    let path = root.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn why(side: &LocalSide) -> String {
    match side.pin().unwrap_err() {
        SideError::NoVerdict(fault) => format!("{}: {}", fault.cause, fault.says),
        SideError::Failed(why) => format!("failed: {why}"),
    }
}

#[test]
fn a_folder_is_pinned_and_every_change_of_it_seen() {
    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("out");
    put(&out, "m=1/a.parquet", "aaaa");
    put(&out, "m=2/b.parquet", "bb");
    put(&out, "_SUCCESS", "");
    let side = LocalSide { done: Some("_SUCCESS".into()), ..side(&out) };
    let pinned = side.pin().unwrap();
    let paths: Vec<&str> = pinned.files.parts.iter().map(|part| &*part.path).collect();
    let real = out.canonicalize().unwrap();
    assert_eq!(paths, [real.join("m=1/a.parquet").to_str().unwrap(), real.join("m=2/b.parquet").to_str().unwrap()]);
    assert_eq!((pinned.files.bytes(), &pinned.input), (6, &real));
    side.repin(&pinned).unwrap();
    let changed = |wanted: &str| {
        let SideError::NoVerdict(fault) = side.repin(&pinned).unwrap_err() else { panic!() };
        assert_eq!(fault.cause, "changed");
        assert!(fault.says.contains(wanted), "{fault}");
    };
    // As large as it was, with other content.
    let before = std::fs::metadata(out.join("m=2/b.parquet")).unwrap().modified().unwrap();
    put(&out, "m=2/b.parquet", "cc");
    let file = std::fs::File::options().write(true).open(out.join("m=2/b.parquet")).unwrap();
    file.set_modified(before + std::time::Duration::from_secs(1)).unwrap();
    changed("m=2/b.parquet was written");
    assert_ne!(side.pin().unwrap().fingerprint, pinned.fingerprint);
    put(&out, "m=2/b.parquet", "bb");
    file.set_modified(before).unwrap();
    side.repin(&pinned).unwrap();
    assert_eq!(side.pin().unwrap().fingerprint, pinned.fingerprint);
    put(&out, "m=3/c.parquet", "c");
    changed("m=3/c.parquet is new");
    std::fs::remove_dir_all(out.join("m=3")).unwrap();
    std::fs::remove_file(out.join("_SUCCESS")).unwrap();
    changed("has no _SUCCESS");
    std::fs::remove_dir_all(&out).unwrap();
    changed("is not there");
}

#[test]
fn the_end_of_a_large_file_is_a_part_of_what_was_read() {
    let root = tempfile::tempdir().unwrap();
    put(root.path(), "a.parquet", &format!("{}{}", "x".repeat(200_000), "1"));
    let one = side(root.path()).pin().unwrap().fingerprint;
    put(root.path(), "a.parquet", &format!("{}{}", "x".repeat(200_000), "2"));
    assert_ne!(side(root.path()).pin().unwrap().fingerprint, one);
}

#[test]
fn a_link_leads_nowhere_but_to_a_file_within() {
    let root = tempfile::tempdir().unwrap();
    let (out, beside) = (root.path().join("out"), root.path().join("beside"));
    put(&out, "m=1/a.parquet", "a");
    put(&beside, "secret.parquet", "s");
    let link = |to: &Path, name: &str| symlink(to, out.join("m=1").join(name)).unwrap();
    link(Path::new("a.parquet"), "b.parquet");
    assert_eq!(side(&out).pin().unwrap().files.parts.len(), 2);
    for (to, wanted) in [
        (beside.join("secret.parquet"), "unreadable: out: m=1/l is a link that leads out of it"),
        (beside.clone(), "unreadable: out: m=1/l is a link that leads out of it"),
        (out.clone(), "unreadable: out: m=1/l is a link to a folder, whose files would count twice"),
    ] {
        link(&to, "l");
        assert_eq!(why(&side(&out)), wanted);
        std::fs::remove_file(out.join("m=1/l")).unwrap();
    }
    link(Path::new("nowhere"), "l");
    assert!(why(&side(&out)).starts_with("unreadable: out: m=1/l cannot be read"));
    std::fs::remove_file(out.join("m=1/l")).unwrap();
    // The folder itself may be one: `current -> v5`.
    symlink(&out, root.path().join("current")).unwrap();
    assert_eq!(side(&root.path().join("current")).pin().unwrap().input, out.canonicalize().unwrap());
}

#[test]
fn what_is_not_there_empty_or_no_file_is_told() {
    let root = tempfile::tempdir().unwrap();
    assert!(why(&side(&root.path().join("nowhere"))).starts_with("unreadable: out is not there: has the pipeline run"));
    assert_eq!(why(&side(root.path())), "is_empty: out has no data file");
    let alone = root.path().join("a.parquet");
    std::fs::write(&alone, "x").unwrap();
    let pinned = side(&alone).pin().unwrap();
    assert_eq!(pinned.files.parts[0].path, alone.canonicalize().unwrap().to_str().unwrap());
    assert_eq!(pinned.input, alone.canonicalize().unwrap());
    let waiting = LocalSide { done: Some("_SUCCESS".into()), ..side(&alone) };
    assert!(why(&waiting).starts_with("not_finished"));
    std::fs::write(root.path().join("_SUCCESS"), "").unwrap();
    assert_eq!(waiting.pin().unwrap().files.parts.len(), 1);
    let done = std::process::Command::new("mkfifo").arg(root.path().join("pipe")).status().unwrap();
    assert!(done.success());
    assert_eq!(why(&side(root.path())), "unreadable: out: pipe is no regular file");
}

#[test]
fn a_missing_right_is_no_missing_data() {
    let root = tempfile::tempdir().unwrap();
    put(root.path(), "m=1/a.parquet", "a");
    let closed = root.path().join("m=1");
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o000)).unwrap();
    // Root may read everything.
    if std::fs::read_dir(&closed).is_err() {
        assert!(why(&side(root.path())).starts_with("failed: out: m=1/ may not be read"));
    }
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o700)).unwrap();
    let e = io::Error::from(io::ErrorKind::PermissionDenied);
    assert!(matches!(side(root.path()).unread("a", &e), SideError::Failed(_)));
}

/// The statements of plumb-core, answered by the real engine.
#[tokio::test]
async fn footers_are_read_as_they_were_written() {
    let root = tempfile::tempdir().unwrap();
    let copy = |sql: &str, name: &str, keys: &str| {
        let path = root.path().join(name).display().to_string();
        write(&format!("COPY ({sql}) TO '{path}' (FORMAT parquet, KV_METADATA {{{keys}}})"));
    };
    let days =
        "SELECT 1 AS k, DATE '1500-01-01' AS d, TIMESTAMP '2024-01-01' AS t, [{'t': TIMESTAMP '2024-01-01'}] AS l";
    copy(days, "a.parquet", "'org.apache.spark.version': '2.4.3'");
    copy(days, "b.parquet", "'org.apache.spark.version': '3.5.1'");
    copy(&format!("{days} UNION ALL {days}"), "c.parquet", "'x': 'y'");
    let pinned = side(root.path()).pin().unwrap();
    let parts = &pinned.files.parts;
    let mut duckdb = start(&[root.path()]).await;
    assert_eq!(duckdb.rows(&footers::declared_rows(parts)).await.unwrap(), [row(&["4"])]);
    let calendars = footers::read_calendars(&duckdb.rows(&footers::calendars(parts)).await.unwrap()).unwrap();
    assert_eq!(calendars.julian.iter().collect::<Vec<_>>(), [&parts[0].path]);
    let rows = duckdb.rows(&footers::schemas(parts)).await.unwrap();
    assert_eq!(rows.len(), 1, "one schema, three files");
    let schema = footers::read_schemas("out", &rows).unwrap();
    let types: Vec<String> = schema.columns.iter().map(|column| column.of_type.to_string()).collect();
    assert_eq!(types, ["int", "date", "timestamp_ntz", "array<struct<t:timestamp_ntz>>"]);
    let doubtful = footers::doubtful_times(parts, &schema, &calendars).unwrap();
    footers::read_doubtful_times("out", &duckdb.rows(&doubtful).await.unwrap()).unwrap();

    copy("SELECT 1 AS k, [{'t': TIMESTAMP '1899-12-31'}] AS l", "old.parquet", "'org.apache.spark.version': '2.4.3'");
    copy("SELECT 1 AS k, MAP {'a': DATE '1500-01-01'} AS l", "map.parquet", "'org.apache.spark.version': '2.4.3'");
    copy("SELECT 1 AS k, CAST('2024-01-01 00:00:00.000000001' AS TIMESTAMP_NS) AS n", "nanos.parquet", "'x': 'y'");
    for (name, wanted) in [
        ("old.parquet", "1 rows hold timestamps before 1900"),
        ("map.parquet", "or nested days before 1582"),
        ("nanos.parquet", "1 rows hold timestamps in nanoseconds"),
    ] {
        let parts = side(&root.path().join(name)).pin().unwrap().files.parts;
        let rows = duckdb.rows(&footers::schemas(&parts)).await.unwrap();
        let schema = footers::read_schemas("out", &rows).unwrap();
        let calendars = footers::read_calendars(&duckdb.rows(&footers::calendars(&parts)).await.unwrap()).unwrap();
        let doubtful = footers::doubtful_times(&parts, &schema, &calendars).unwrap();
        let fault = footers::read_doubtful_times("out", &duckdb.rows(&doubtful).await.unwrap()).unwrap_err();
        assert!(fault.says.contains(wanted), "{fault}");
    }
}
