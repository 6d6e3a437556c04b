//! Every line that a pattern is said to match is found through its literals, and what INFO lines say is not looked for twice.

use super::*;
use crate::diagnose::catalogue::Catalogue;

const PATTERNS: &str = r#"
- class: AAA
  role: cause
  says: a
  title: a
  words: a
  when:
    - {re: 'disk of (?P<host>\S+) is full', seen: ["disk of h is full"], not: ["x"], source: s}
    - {re: '(?i)spot termination', in: [driver], seen: ["SPOT Termination"], not: ["x"], source: s}
    - {re: 'is full', not_in: [driver], seen: ["is full"], not: ["x"], source: s}
- class: BBB
  role: progress
  says: b
  when:
    - {re: 'Job \d+ finished', info: true, seen: ["Job 3 finished"], not: ["x"], source: s}
    - {re: 'finished: (?P<what>\w+)', info: true, seen: ["finished: a"], not: ["x"], source: s}
"#;

fn catalogue() -> Catalogue {
    Catalogue::of_text(PATTERNS)
}

fn found(line: &str, kind: FileKind, info: bool) -> Vec<(String, usize)> {
    let catalogue = catalogue();
    let found = catalogue.matcher().matches(line.as_bytes(), kind, info);
    found.into_iter().map(|m| (catalogue.classes()[m.class].name.to_string(), m.pattern)).collect()
}

#[test]
fn kinds_and_levels_decide_what_is_looked_for() {
    let of = |name: &str, pattern| (name.to_owned(), pattern);
    assert_eq!(found("the disk of h1 is full", FileKind::Unknown, false), [of("AAA", 0), of("AAA", 2)]);
    assert_eq!(found("the disk of h1 is full", FileKind::Driver, false), [of("AAA", 0)]);
    assert_eq!(found("the disk of h1 is full", FileKind::Driver, true), []);
    assert_eq!(found("SPOT termination", FileKind::Driver, false), [of("AAA", 1)]);
    assert_eq!(found("SPOT termination", FileKind::Unknown, false), [of("AAA", 1)]);
    assert_eq!(found("SPOT termination", FileKind::Executor, false), []);
    // Literals that overlap are both found.
    assert_eq!(found("Job 3 finished: yes", FileKind::Driver, true), [of("BBB", 0), of("BBB", 1)]);
    assert_eq!(found("Job 3 finished: yes", FileKind::Driver, false), [of("BBB", 0), of("BBB", 1)]);
    let catalogue = catalogue();
    let found = catalogue.matcher().matches(b"disk of h\xff1 is full", FileKind::Driver, false);
    assert_eq!(found[0].slots, [("host".to_owned(), "h\u{fffd}1".to_owned())]);
}

/// The law: each line that a pattern is said to match is found through the literals, each that it must not is not, and in
/// files of the kinds that it is for.
#[test]
fn every_seen_line_is_found_through_its_literals() {
    let catalogue = Catalogue::builtin().unwrap();
    let classes = catalogue.classes();
    for (class_at, class) in classes.iter().enumerate() {
        for (at, pattern) in class.patterns.iter().enumerate() {
            let kinds = if pattern.only_in.is_empty() { vec![FileKind::Unknown] } else { pattern.only_in.clone() };
            let matches = |line: &str, info: bool, kind: FileKind| {
                let found = catalogue.matcher().matches(line.as_bytes(), kind, info);
                found.iter().any(|found| (found.class, found.pattern) == (class_at, at))
            };
            for kind in kinds {
                for line in &pattern.seen {
                    assert!(matches(line, false, kind), "{}: {} does not find {line}", class.name, pattern.re);
                    assert_eq!(
                        matches(line, true, kind),
                        pattern.info,
                        "{}: {} in INFO: {line}",
                        class.name,
                        pattern.re
                    );
                }
                for line in &pattern.not {
                    assert!(!matches(line, false, kind), "{}: {} finds {line}", class.name, pattern.re);
                }
            }
        }
    }
}

/// A line of a megabyte that repeats a literal is held against each expression once.
#[test]
fn a_literal_that_repeats_names_its_pattern_once() {
    let catalogue = catalogue();
    let line = b"is full ".repeat(100_000);
    let mut candidates = Vec::new();
    catalogue.matcher().all.candidates(&line, &mut candidates);
    assert!(candidates.len() <= 2, "{candidates:?}");
    assert_eq!(catalogue.matcher().matches(&line, FileKind::Executor, false).len(), 1);
}

/// Most lines are INFO: they are asked by vector instructions whether one of few literals stands in them.
#[test]
fn lines_of_info_are_asked_quickly() {
    let catalogue = Catalogue::builtin().unwrap();
    let mut exact: Vec<Vec<u8>> = Vec::new();
    for pattern in catalogue.classes().iter().flat_map(|class| &class.patterns).filter(|pattern| pattern.info) {
        exact.extend(exact_literals(&pattern.re).unwrap());
    }
    let gate = gate_of(&exact);
    exact.sort();
    exact.dedup();
    let listed: Vec<_> = exact.iter().map(|text| String::from_utf8_lossy(text)).collect();
    assert!(gate.is_some_and(|gate| gate.len() <= 2), "{} literals: {listed:#?}", exact.len());
    // And few of them pass.
    let quiet = [
        "26/10/02 04:31:40 INFO TaskSetManager: Starting task 7.0 in stage 3.0 (TID 19) (ip-10-0-1-2, executor 4, partition 7)",
        "26/10/02 04:31:40 INFO BlockManagerInfo: Added broadcast_3_piece0 in memory on h:39315 (size: 1 KiB, free: 2.1 GiB)",
    ];
    for line in quiet {
        let gate = catalogue.matcher().gate.as_ref().unwrap();
        assert!(gate.iter().all(|part| part.find(line.as_bytes()).is_none()), "{line}");
    }
}
