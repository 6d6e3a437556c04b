//! Heads in every layout that programs print.

use super::*;
use LogLevel::*;
use proptest::prelude::*;

fn head(line: &str) -> Option<(String, Option<LogLevel>, &str)> {
    let head = head_of(line.as_bytes(), &TimeZone::UTC)?;
    Some((head.at.map(|at| at.to_string()).unwrap_or_default(), head.level, &line[head.message..]))
}

#[test]
fn every_layout_gives_time_level_and_message() {
    for (line, at, level, message) in [
        ("26/09/26 10:15:53 ERROR Executor: boom", "2026-09-26T10:15:53Z", Some(Error), "Executor: boom"),
        (
            "2026-09-26 10:15:43,675 WARN org.x.Y (Thread): m",
            "2026-09-26T10:15:43.675Z",
            Some(Warn),
            "org.x.Y (Thread): m",
        ),
        (
            "2026-10-02 09:17:17,589 [Executor task launch worker for task 41.0 in stage 172.0 (TID 6429)] INFO  org.x.Y  - m",
            "2026-10-02T09:17:17.589Z",
            Some(Info),
            "org.x.Y  - m",
        ),
        ("2026-10-02 09:17:17,589 [a [b] c] ERROR x - m", "2026-10-02T09:17:17.589Z", Some(Error), "x - m"),
        (
            "2026-10-02 09:17:17,589 ERROR [Executor task launch worker-3] executor.Executor (Logging.scala:logError(98)): m",
            "2026-10-02T09:17:17.589Z",
            Some(Error),
            "[Executor task launch worker-3] executor.Executor (Logging.scala:logError(98)): m",
        ),
        (
            "2026-09-26T10:15:56.651Z WARN Step failed with exitCode 1",
            "2026-09-26T10:15:56.651Z",
            Some(Warn),
            "Step failed with exitCode 1",
        ),
        ("WARN Step failed with exitCode 1", "", Some(Warn), "Step failed with exitCode 1"),
        ("ERROR: No matching distribution found for x", "", Some(Error), "No matching distribution found for x"),
        (
            "[2026-10-02T09:17:17.589+0200] {taskinstance.py:1937} ERROR - Task failed",
            "2026-10-02T07:17:17.589Z",
            Some(Error),
            "Task failed",
        ),
        ("[2026-10-02 09:17:17,589] {local_task_job.py:1} INFO - Task", "2026-10-02T09:17:17.589Z", Some(Info), "Task"),
        ("[Fri Oct  2 09:17:17 2026] Out of memory: x", "2026-10-02T09:17:17Z", None, "Out of memory: x"),
        ("Fri Oct  2 09:17:17 UTC 2026", "2026-10-02T09:17:17Z", None, ""),
        ("2026-10-02 09:17:17,589 - root - CRITICAL - gone", "2026-10-02T09:17:17.589Z", Some(Fatal), "gone"),
        ("2026-10-02T09:17:17.589+0000: 1.2: [GC pause", "2026-10-02T09:17:17.589Z", None, ""),
        (
            r#"{"timestamp":"2026-10-02T09:17:17.589123Z","level":"error","event":"Task failed","logger":"task"}"#,
            "2026-10-02T09:17:17.589123Z",
            Some(Error),
            r#"Task failed","logger":"task"}"#,
        ),
    ] {
        let (got_at, got_level, got) = head(line).unwrap_or_else(|| panic!("no head: {line}"));
        assert_eq!((got_at.as_str(), got_level), (at, level), "{line}");
        if !message.is_empty() {
            assert_eq!(got, message, "{line}");
        }
    }
}

#[test]
fn what_has_no_head_has_none() {
    for line in [
        "",
        "\tat org.x.Y.z(Y.java:1)",
        "Caused by: java.io.IOException: x",
        "Traceback (most recent call last):",
        "java.lang.OutOfMemoryError: Java heap space",
        "123",
        "26/09/26",
        "INFORMATION about it",
        "[Stage 3:=====>      (4 + 2) / 10]",
        "{\"a\": 1}",
        "{",
    ] {
        assert_eq!(head(line), None, "{line}");
    }
    // A time that is none keeps its head, without a time.
    assert_eq!(head("26/19/46 10:15:53 ERROR x"), Some((String::new(), Some(Error), "x")));
}

#[test]
fn times_without_a_zone_are_in_the_zone_that_is_given() {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let at = |line: &str| head_of(line.as_bytes(), &zone).unwrap().at.unwrap().to_string();
    assert_eq!(at("26/09/26 10:15:53 ERROR x"), "2026-09-26T08:15:53Z");
    assert_eq!(at("2026-09-26T10:15:53Z ERROR x"), "2026-09-26T10:15:53Z");
    // The hour that is left out in spring.
    assert_eq!(at("26/03/29 02:30:00 ERROR x"), "2026-03-29T01:30:00Z");
}

proptest! {
    #[test]
    fn no_bytes_frighten_it(line in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Some(head) = head_of(&line, &TimeZone::UTC) {
            prop_assert!(head.message <= line.len());
        }
    }

    #[test]
    fn nor_do_cut_heads(cut in 0usize..120, byte in any::<u8>(), at in 0usize..120) {
        for line in [
            "2026-10-02 09:17:17,589 [Executor task launch] INFO  org.x.Y  - m",
            "[2026-10-02T09:17:17.589+02:00] {taskinstance.py:1937} ERROR - Task failed",
            r#"{"timestamp":"2026-10-02T09:17:17.589123Z","level":"error","event":"Task \"failed\\","logger":"task"}"#,
            "[Fri Oct  2 09:17:17 2026] Out of memory",
            "26/09/26 10:15:53 ERROR x",
        ] {
            let mut line = line.as_bytes()[..cut.min(line.len())].to_vec();
            if let Some(here) = line.get_mut(at) {
                *here = byte;
            }
            if let Some(head) = head_of(&line, &TimeZone::UTC) {
                prop_assert!(head.message <= line.len());
            }
        }
    }
}
