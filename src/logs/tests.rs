//! Files, folders and streams as they come: packed, broken, empty, too large, and not logs at all.

use super::*;
use flate2::Compression;
use flate2::write::GzEncoder;
use plumb_core::diagnose::ClueRole;
use plumb_core::diagnose::catalogue::Source;
use proptest::prelude::*;
use std::io::Write;
use std::sync::OnceLock;

const DISK: &str = "26/10/02 04:31:40 ERROR X: java.io.IOException: No space left on device\n";
const QUIET: &str = "26/10/02 04:31:40 INFO X: all is well\n";

/// Ours and one class of a project. Made once: unoptimised, that takes its time.
fn catalogue() -> &'static Catalogue {
    static CATALOGUE: OnceLock<Catalogue> = OnceLock::new();
    CATALOGUE.get_or_init(|| {
        let own = r#"- {class: OUR_JOB, role: progress, says: x, when: [{re: 'our job \d+ is done', info: true, seen: ["our job 1 is done"], not: ["x"], source: s}]}"#;
        Catalogue::with(&[Source { file: "own.yaml".into(), text: own.into() }]).unwrap()
    })
}

fn packed(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn options(most: u64, threads: usize) -> LogOptions {
    LogOptions { most, threads, ..LogOptions::default() }
}

fn stream(bytes: &[u8]) -> RunFacts {
    scan_reader(catalogue(), "driver.log", bytes, &options(u64::MAX, 1))
}

fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

fn read_with(folder: &Path, options: &LogOptions) -> Result<RunFacts, LogError> {
    read(catalogue(), LogInput::Path(folder), options)
}

fn whole(folder: &Path) -> RunFacts {
    read_with(folder, &options(u64::MAX, 2)).unwrap()
}

/// What is missing: `WHAT: WHY`.
fn missing_of(facts: &RunFacts) -> Vec<String> {
    facts.missing.iter().map(|m| format!("{}: {}", m.what, m.why)).collect()
}

#[test]
fn a_log_says_the_same_packed_and_plain() {
    let text = format!("{QUIET}{DISK}");
    let plain = stream(text.as_bytes());
    assert_eq!((plain.clues.len(), plain.clues[0].place.line), (1, Some(2)));
    assert_eq!(plain.read.bytes, text.len() as u64);
    let same = |facts: RunFacts| {
        assert_eq!((facts.clues, facts.read, facts.missing), (plain.clues.clone(), plain.read.clone(), vec![]))
    };
    same(stream(&packed(text.as_bytes())));
    // Members one behind another, as appending to a gz makes them.
    same(stream(&[packed(QUIET.as_bytes()), packed(DISK.as_bytes())].concat()));
}

#[test]
fn half_a_gz_says_what_its_first_half_says() {
    let text = format!("{DISK}{}", (0..20_000).map(|n| format!("line {}\n", n * 7_919 % 10_007)).collect::<String>());
    let whole = packed(text.as_bytes());
    let facts = stream(&whole[..whole.len() / 2]);
    assert_eq!(facts.clues.len(), 1);
    assert!(missing_of(&facts)[0].starts_with("driver.log: it is half a gz: what came before byte "), "{facts:?}");
    assert!(facts.missing[0].remedy.is_some());
    let facts = stream(&whole[..5]);
    assert!(missing_of(&facts)[0].starts_with("driver.log: it is no whole gz: "), "{facts:?}");
    let facts = stream(&[packed(DISK.as_bytes()), b"behind".to_vec()].concat());
    assert_eq!((facts.clues.len(), facts.missing.len()), (1, 1));
}

#[test]
fn what_unpacks_to_too_much_is_read_to_the_limit() {
    let bomb = packed(&format!("{DISK}{}", QUIET.repeat(100_000)).into_bytes());
    let facts = scan_reader(catalogue(), "driver.log.gz", &bomb[..], &options(1_000_000, 1));
    assert_eq!((facts.read.bytes, facts.clues.len()), (1_000_000, 1));
    assert_eq!(missing_of(&facts), ["driver.log.gz: only its first 1000000 bytes, unpacked, were read"]);
    // Zeros are no text: nothing of them is unpacked beyond the beginning.
    let zeros = stream(&packed(&vec![0; 50_000_000]));
    assert!(zeros.read.bytes <= 1 << 20, "{}", zeros.read.bytes);
    assert_eq!(missing_of(&zeros), ["driver.log: it is not text, and was not read"]);
}

#[test]
fn a_folder_is_read_by_name_on_any_number_of_cores() {
    let text = |n: usize| format!("{}{DISK}", QUIET.repeat(n * 50));
    let texts: Vec<(String, Vec<u8>)> =
        (0..30).map(|n| (format!("a{n:02}/driver.log"), text(n).into_bytes())).collect();
    let files: Vec<(&str, &[u8])> = texts.iter().map(|(name, text)| (name.as_str(), &text[..])).collect();
    let folder = folder(&files);
    let one = read_with(folder.path(), &options(u64::MAX, 1)).unwrap();
    let many = read_with(folder.path(), &options(u64::MAX, 8)).unwrap();
    assert_eq!(format!("{one:?}"), format!("{many:?}"));
    let named: Vec<&str> = one.clues.iter().map(|clue| clue.place.file.as_str()).collect();
    assert_eq!(named, texts.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>());
    assert_eq!((one.read.files, one.subject.system.as_str()), (30, "logs"));
    // Which file the limit falls into does not depend on the cores.
    for most in [0, 1, 10_000, 100_000, 300_000] {
        let one = read_with(folder.path(), &options(most, 1)).unwrap();
        let many = read_with(folder.path(), &options(most, 8)).unwrap();
        assert_eq!(format!("{one:?}"), format!("{many:?}"));
        assert_eq!(one.read.bytes, most);
        assert!(
            missing_of(&one).iter().any(|text| text.contains("bytes, unpacked, are the most")),
            "{:?}",
            one.missing
        );
    }
}

#[test]
fn what_is_no_log_is_left_out_and_said() {
    let folder = folder(&[
        ("driver.log", DISK.as_bytes()),
        (".hidden", DISK.as_bytes()),
        ("picture.png", b"\x89PNG\r\n\x1a\n\0\0\0\rNo space left on device"),
        ("launch_container.sh", b"echo No space left on device"),
        ("eventlog/app-1", br#"{"Event":"SparkListenerLogStart","x":"No space left on device"}"#),
        ("kept.json", br#"{"format": "plumb.diagnosis/v1", "cause": "No space left on device"}"#),
        ("lines.json", b"{\"a\": 1}\n{\"timestamp\":\"2026-10-02T04:31:42Z\",\"level\":\"error\",\"event\":\"No space left on device\"}\n"),
        ("other.json", b"{\n  \"why\": \"No space left on device\"\n}\n"),
        ("empty.log", b""),
    ]);
    #[cfg(unix)]
    {
        let out = tempfile::NamedTempFile::new().unwrap();
        fs::write(out.path(), DISK).unwrap();
        std::os::unix::fs::symlink(out.path(), folder.path().join("out.log")).unwrap();
        std::os::unix::fs::symlink(folder.path().join("driver.log"), folder.path().join("in.log")).unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("loop")).unwrap();
        let facts = whole(folder.path());
        let places: Vec<String> =
            facts.clues.iter().map(|c| format!("{}:{}", c.place.file, c.place.line.unwrap())).collect();
        assert_eq!(places, ["driver.log:1", "lines.json:2", "other.json:2"]);
        assert_eq!(
            missing_of(&facts),
            [
                "out.log: it is a symbolic link out of the folder, and was not followed",
                "eventlog/app-1: it is an event log of Spark, which says little of a failure",
                "picture.png: it is not text, and was not read",
            ]
        );
    }
}

#[test]
fn where_nothing_can_be_read_it_is_an_error_with_help() {
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(read_with(empty.path(), &options(1, 1)), Err(LogError::Empty(_))));
    assert!(matches!(read_with(&empty.path().join("x"), &options(1, 1)), Err(LogError::Missing(_))));
    let error = read(catalogue(), LogInput::Stream(&mut &b""[..]), &options(1, 1)).unwrap_err();
    assert_eq!((error.to_string().as_str(), error.help()), ("standard input brought nothing", "pipe a log into it"));
    let broken = folder(&[("a.gz", b"\x1f\x8b"), ("b.gz", b"\x1f\x8b\x08")]);
    let error = read_with(broken.path(), &options(9, 1)).unwrap_err();
    assert!(matches!(&error, LogError::Nothing { files: 2, .. }), "{error}");
    let nothing = folder(&[("a.log", b""), ("b.log", b"")]);
    let facts = read_with(nothing.path(), &options(9, 1)).unwrap();
    assert!(missing_of(&facts)[0].ends_with("all its 2 files are empty"));
    let facts = read_with(&nothing.path().join("a.log"), &options(9, 1)).unwrap();
    assert!(missing_of(&facts)[0].ends_with("it is empty"));
}

#[test]
fn a_file_alone_is_told_by_where_it_lies() {
    let path = "containers/application_17_0001/container_17_0001_02_000004/stderr";
    let folder = folder(&[(path, DISK.as_bytes())]);
    let inner = folder.path().join("containers/application_17_0001/container_17_0001_02_000004");
    for place in [&inner, &inner.join("stderr")] {
        let facts = whole(place);
        let container = facts.clues[0].subject.container.as_deref();
        assert_eq!(container, Some("container_17_0001_02_000004"), "{}", place.display());
    }
}

#[test]
fn times_are_in_the_zone_that_is_asked_for() {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let facts = scan_reader(catalogue(), "driver.log", DISK.as_bytes(), &LogOptions { zone, ..options(u64::MAX, 1) });
    assert_eq!(facts.clues[0].at.unwrap().to_string(), "2026-10-02T02:31:40Z");
}

/// What a project adds is looked for in INFO lines as ours is.
#[test]
fn a_projects_own_classes_are_found() {
    let facts = stream(b"26/10/02 04:31:40 INFO X: our job 3 is done\n");
    assert_eq!((&*facts.clues[0].class, facts.clues[0].role), ("OUR_JOB", ClueRole::Progress));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Whatever comes, packed or cut: facts, and no panic.
    #[test]
    fn any_bytes_are_borne(bytes in prop::collection::vec(any::<u8>(), 0..2_000), cut in 0usize..2_000, json in any::<bool>()) {
        let start: &[u8] = if json { b"{\"a\": [" } else { b"" };
        let bytes = [start, &bytes].concat();
        let _ = stream(&bytes);
        let gz = packed(&bytes);
        let _ = stream(&gz[..cut.min(gz.len())]);
    }
}

/// Logs of runs that ended well are full of what looks like a failure.
#[test]
fn healthy_logs_have_no_cause() {
    let healthy = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnose/healthy");
    let facts = whole(&healthy);
    assert!(facts.read.files > 8);
    let causes: Vec<_> = facts.clues.iter().filter(|clue| clue.role == ClueRole::Cause).collect();
    assert!(causes.is_empty(), "{causes:#?}");
}
