//! Which files are read: cases as Spark, Hive and EMR write them.

#![allow(clippy::unwrap_used)]

use super::*;

fn listed(paths: &[&str]) -> Vec<ListedFile> {
    let file = |path: &&str| {
        let (path, size) = path.split_once(':').unwrap_or((path, "10"));
        ListedFile { path: path.to_owned(), size: size.parse().unwrap(), version: "v".into() }
    };
    paths.iter().map(file).collect()
}

fn read_as(format: FileFormat, done: Option<&str>) -> ReadAs<'_> {
    ReadAs { source: "out", root: "/data/out/", format, done }
}

fn parquet(paths: &[&str]) -> Result<SideFiles, SideFault> {
    choose(&listed(paths), read_as(FileFormat::Parquet, None))
}

fn read(paths: &[&str]) -> Vec<String> {
    parquet(paths).unwrap().parts.into_iter().map(|part| part.path).collect()
}

#[test]
fn what_spark_skips_is_skipped() {
    let data = ["part-0.parquet", "part-1.parquet"];
    let skipped = [
        "_SUCCESS:0",
        "_committed_123",
        "_metadata",
        "_common_metadata",
        ".part-0.parquet.crc",
        ".hidden/part-9.parquet",
        "_old/part-9.parquet",
        "part-2.parquet._COPYING_",
        "sub_$folder$:0",
        "sub/:0",
    ];
    assert_eq!(read(&[&data[..], &skipped[..]].concat()), ["/data/out/part-0.parquet", "/data/out/part-1.parquet"]);
    // `_name=value` is a partition, not a hidden folder; `.name=value` is hidden all the same.
    assert_eq!(read(&["_m=1/a.parquet", ".m=2/a.parquet"]), ["/data/out/_m=1/a.parquet"]);
}

#[test]
fn folders_say_partitions() {
    let chosen = parquet(&[
        "d=2024-05-06/r=a%2Fb%3Dc/x.parquet",
        "d=__HIVE_DEFAULT_PARTITION__/r=100%/x.parquet",
        "d=a b/r=%25%zz/x.parquet",
    ]);
    let parts = chosen.unwrap().parts;
    let values: Vec<Vec<Option<&str>>> = parts
        .iter()
        .map(|part| {
            assert_eq!(part.partitions.iter().map(|(name, _)| &**name).collect::<Vec<_>>(), ["d", "r"]);
            part.partitions.iter().map(|(_, value)| value.as_deref()).collect()
        })
        .collect();
    assert_eq!(
        values,
        [[Some("2024-05-06"), Some("a/b=c")], [None, Some("100%")], [Some("a b"), Some("%%zz")]],
        "sorted by path"
    );
}

#[test]
fn what_engines_would_read_differently_is_not_read() {
    for (paths, wanted) in [
        (&["x.parquet", "sub/y.parquet"][..], "lie in folders of different kinds or depths"),
        (&["a/b/y.parquet", "c/y.parquet"], "lie in folders of different kinds or depths"),
        (&["m=1/x.parquet", "x.parquet"], "lie in folders of different kinds or depths"),
        (&["m=1/x.parquet", "n=1/x.parquet"], "m=1/x.parquet and n=1/x.parquet lie in"),
        (&["m=1/sub/x.parquet"], "the folder `sub` is no partition"),
        (&["sub/m=1/x.parquet"], "the folder `sub` is no partition"),
        (&["m=1/M=2/x.parquet"], "name the partition `M` twice"),
        (&["m=/x.parquet"], "the folder `m=` names no partition"),
        (&["=1/x.parquet"], "the folder `=1` names no partition"),
        (&["m=%C3%A9/x.parquet"], "escapes a character that is not ASCII"),
        (&["a*.parquet"], "the name a*.parquet has a `*` in it"),
        (&["m=[1]/x.parquet"], "has a `[` in it"),
        (&["x.parquet", "y.parquet:0"], "y.parquet is empty, which no Parquet file is"),
        (&["x.parquet", ".hoodie/hoodie.properties"], "has a log (.hoodie)"),
        (&["x.parquet", "_spark_metadata/0"], "has a log (_spark_metadata)"),
    ] {
        let fault = parquet(paths).unwrap_err();
        assert_eq!(fault.cause, "unreadable", "{fault}");
        assert!(fault.says.contains(wanted) && fault.says.starts_with("out"), "{fault}");
    }
    // Folders that are no partitions may all be alike: what Hive writes for UNION ALL.
    assert_eq!(read(&["HIVE_UNION_SUBDIR_1/0.parquet", "HIVE_UNION_SUBDIR_2/0.parquet"]).len(), 2);
}

#[test]
fn nothing_to_read_and_nothing_finished_are_not_the_same() {
    let cause =
        |paths: &[&str], done| choose(&listed(paths), read_as(FileFormat::Parquet, done)).map_err(|fault| fault.cause);
    assert_eq!(cause(&[], None).unwrap_err(), "is_empty");
    assert_eq!(cause(&["_SUCCESS:0"], Some("_SUCCESS")).unwrap_err(), "is_empty");
    assert_eq!(cause(&["x.parquet"], Some("_SUCCESS")).unwrap_err(), "not_finished");
    assert_eq!(cause(&["x.parquet", "m=1/_SUCCESS"], Some("_SUCCESS")).unwrap_err(), "not_finished");
    assert_eq!(cause(&["x.parquet", "_temporary/0/x.parquet"], None).unwrap_err(), "not_finished");
    assert_eq!(cause(&["x.parquet", "_temporary/:0"], None).unwrap_err(), "not_finished");
    assert!(cause(&["x.parquet", "_SUCCESS:0", "_temporary/0/x.parquet"], Some("_SUCCESS")).is_ok());
}

#[test]
fn a_delta_folder_is_never_read_as_parquet_and_pinned_as_a_whole() {
    let paths = [
        "_delta_log/00000000000000000000.json",
        "_delta_log/00000000000000000003.json",
        "x.parquet",
        "_delta_log/:0",
        "_delta_log/_last_checkpoint",
    ];
    assert_eq!(parquet(&paths).unwrap_err().cause, "delta_folder");
    let chosen = choose(&listed(&paths), read_as(FileFormat::Delta, None)).unwrap();
    assert_eq!((chosen.delta_version, chosen.pinned.len()), (Some(3), 4));
    assert_eq!(chosen.parts, [FilePart { path: "/data/out".into(), ..FilePart::default() }]);
    assert_eq!(choose(&listed(&["x.parquet"]), read_as(FileFormat::Delta, None)).unwrap_err().cause, "unreadable");
}

#[test]
fn an_empty_text_file_has_no_rows_but_is_pinned() {
    let chosen = choose(&listed(&["a.csv:0", "b.csv"]), read_as(FileFormat::Csv, None)).unwrap();
    assert_eq!((chosen.parts.len(), chosen.pinned.len(), chosen.bytes()), (1, 2, 10));
}

#[test]
fn a_fingerprint_is_of_all_files_in_any_order() {
    let of = |files: &[(&str, u64, &str)]| fingerprint(files.iter().copied());
    let two = of(&[("a", 1, "x"), ("b", 2, "y")]);
    assert_eq!(two, of(&[("b", 2, "y"), ("a", 1, "x")]));
    assert_eq!(two.len(), "sha256:".len() + 64);
    for other in [
        &[("a", 1, "x")][..],
        &[("a", 1, "x"), ("b", 3, "y")],
        &[("a", 1, "x"), ("b", 2, "z")],
        &[("a", 1, "xb"), ("", 2, "y")],
    ] {
        assert_ne!(two, of(other));
    }
}

#[test]
fn whatever_changed_is_named() {
    let before = listed(&["a.parquet", "b.parquet"]);
    assert_eq!(changes("out", &before, &before), None);
    let mut written = before.clone();
    written[1].version = "w".into();
    for (now, wanted) in [
        (listed(&["a.parquet"]), "b.parquet is gone"),
        (listed(&["a.parquet", "b.parquet", "c.parquet"]), "c.parquet is new"),
        (listed(&["a.parquet:11", "b.parquet"]), "a.parquet was written"),
        (written, "b.parquet was written"),
    ] {
        let fault = changes("out", &before, &now).unwrap();
        assert_eq!(fault.cause, "changed");
        assert!(fault.says.contains(wanted), "{fault}");
    }
}
