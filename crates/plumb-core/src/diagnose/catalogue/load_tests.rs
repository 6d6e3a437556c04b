//! Catalogues that are right, wrong in many places at once, and extended by a project.

use super::*;

const OURS: &str = r#"
- class: DISK_FULL
  role: cause
  says: "A local disk is full."
  title: "the disk of {host} is full"
  words: disk full
  retry: bigger
  explains: [LOST_NODE]
  within: 600
  codes:
    - {place: databricks.cluster, code: DRIVER_OUT_OF_DISK}
  when:
    - re: 'No space left on device'
      in: [executor, driver]
      strength: typed
      seen: ["java.io.IOException: No space left on device"]
      not: ["there is space left"]
      source: "the C library"
- class: LOST_NODE
  role: symptom
  says: "A node was lost."
  title: "node {host} was lost"
  words: node lost
"#;

fn load(project: &str) -> Result<Vec<FailureClass>, Vec<String>> {
    let project = Source { file: "signatures/own.yaml".into(), text: project.into() };
    classes_of(&[("storage", OURS)], &[project]).map_err(|e| e.0)
}

#[test]
fn ours_are_read() {
    let classes = classes_of(&[("storage", OURS)], &[]).unwrap();
    let disk = &classes[0];
    assert_eq!((&*disk.name, disk.family.as_str(), disk.role), ("DISK_FULL", "storage", ClueRole::Cause));
    assert_eq!((disk.within, disk.retry), (600, Some(RetryAdvice::Bigger)));
    assert_eq!(disk.patterns[0].only_in, [FileKind::Executor, FileKind::Driver]);
    assert_eq!(disk.patterns[0].strength, Strength::Typed);
    assert_eq!(classes[1].within, 120);
}

#[test]
fn a_project_wins_and_keeps_what_it_does_not_say() {
    let classes = load(
        r#"
- class: DISK_FULL
  title: "ours is full"
  when:
    - {re: "quota of scratch", seen: ["the quota of scratch is used"], not: ["a quota"], source: our script}
- class: OUR_EXIT
  role: cause
  says: "Our launcher gave up."
  title: "our launcher gave up"
  words: launcher
  when:
    - {re: "launcher: exit 77", seen: ["launcher: exit 77"], not: ["launcher: exit 0"], source: our launcher}
"#,
    )
    .unwrap();
    let names: Vec<&str> = classes.iter().map(|class| &*class.name).collect();
    assert_eq!(names, ["DISK_FULL", "OUR_EXIT", "LOST_NODE"]);
    let disk = &classes[0];
    assert_eq!((disk.title.as_str(), disk.says.as_str(), disk.within), ("ours is full", "A local disk is full.", 600));
    let patterns: Vec<&str> = disk.patterns.iter().map(|pattern| pattern.re.as_str()).collect();
    assert_eq!(patterns, ["quota of scratch", "No space left on device"]);
    assert_eq!(disk.role, ClueRole::Cause);
}

#[test]
fn every_mistake_is_told_at_its_line() {
    let wrong = load(
        r#"- class: disk_full
  role: reason
- class: DISK_FULL
  wehn: []
- class: MINE
  role: cause
  says: "x"
  title: "the {a"
  words: x
  explains: [LOST_NOD]
  codes:
    - {place: emr.clutser, code: X}
  when:
    - re: '\d+'
      in: [drivr]
      seen: ["1"]
      not: ["a"]
      source: x
    - re: 'exit code 77'
      seen: ["exit code 77", "exit code 78"]
      not: ["exit code 77 is fine"]
"#,
    )
    .unwrap_err();
    let expected = [
        "signatures/own.yaml:1: `disk_full` has no `says`",
        "signatures/own.yaml:1: `disk_full` has no `title`",
        "signatures/own.yaml:1: `disk_full` has no `words`",
        "signatures/own.yaml:1: `disk_full` is no name of a class: write it as `DISK_FULL`",
        "signatures/own.yaml:2: unknown role `reason`; known are cause, symptom, wrapper, progress, end, ok, ignore, join",
        "signatures/own.yaml:4: unknown field `wehn`; did you mean `when`?",
        "signatures/own.yaml:8: a title that cannot be filled: a `{` without its `}`",
        "signatures/own.yaml:10: unknown class `LOST_NOD`: did you mean `LOST_NODE`?",
        "signatures/own.yaml:12: unknown place of codes `emr.clutser`: did you mean `emr.cluster`?",
        "signatures/own.yaml:14: no text of 4 bytes or more stands in all that it matches: it would be tried on every line",
        "signatures/own.yaml:15: unknown kind of file `drivr`: did you mean `driver`?",
        "signatures/own.yaml:19: the pattern has no `source`: what prints such a line",
        "signatures/own.yaml:20: the pattern does not match this line",
        "signatures/own.yaml:21: the pattern matches this line",
    ];
    assert_eq!(wrong, expected, "{}", wrong.join("\n"));
}

#[test]
fn what_is_no_list_of_classes_is_told() {
    assert_eq!(load("{}").unwrap_err().len(), 1);
    assert_eq!(load("").unwrap().len(), 2);
    assert!(load("- class: [").unwrap_err()[0].starts_with("signatures/own.yaml:1: not valid YAML"));
}

#[test]
fn the_one_that_is_compiled_in_is_valid() {
    if let Err(wrong) = crate::diagnose::Catalogue::builtin() {
        panic!("{wrong}");
    }
}
