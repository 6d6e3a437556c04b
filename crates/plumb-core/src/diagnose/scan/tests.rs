//! Logs as programs print them, cut in every way; and what must not grow with them.

use super::*;
use crate::diagnose::catalogue::TRIED;
use crate::diagnose::clue::{ClueRole, Strength};
use crate::logs::place_of;
use proptest::prelude::*;
use std::sync::OnceLock;

const CATALOGUE: &str = r#"
- class: USER_CODE
  role: cause
  says: the user's own code threw it
  title: "{exception}"
  words: own code
- {class: EXCEPTION, role: wrapper, says: an exception}
- class: TASK_LOST
  role: symptom
  says: a task failed
  title: a task failed
  words: task failed
  when:
    - {re: 'Lost task (?P<task>[\d.]+) in stage (?P<stage>[\d.]+) \(TID (?P<tid>\d+)\) \((?P<host>\S+) executor (?P<executor>\d+)\)', seen: ["Lost task 0.0 in stage 1.0 (TID 1) (h executor 2): x"], not: ["x"], source: s}
- class: STAGE_ABORT
  role: wrapper
  says: a stage was given up
  when:
    - {re: 'Job aborted due to stage failure', seen: ["Job aborted due to stage failure: x"], not: ["x"], source: s}
- class: DISK_FULL
  role: cause
  says: the disk is full
  title: "the disk is full"
  words: disk full
  when:
    - {re: 'No space left on device', strength: typed, seen: ["No space left on device"], not: ["x"], source: s}
- class: JOIN
  role: join
  says: it joins names
  when:
    - {re: 'Registered BlockManager BlockManagerId\((?P<executor>\w+), (?P<host>[^,]+),', info: true, seen: ["Registered BlockManager BlockManagerId(5, h, 1)"], not: ["x"], source: s}
    - {re: 'Starting executor ID (?P<executor>\d+) on host (?P<host>\S+)', info: true, seen: ["Starting executor ID 5 on host h"], not: ["x"], source: s}
    - {re: 'Completed container (?P<container>container_\w+) on host: (?P<host>\S+)', info: true, seen: ["Completed container container_1_2_3_4 on host: h"], not: ["x"], source: s}
- class: PROGRESS
  role: progress
  says: it goes on
  when:
    - {re: 'Job \d+ finished', info: true, seen: ["Job 1 finished"], not: ["x"], source: s}
"#;

fn catalogue() -> &'static Catalogue {
    static OURS: OnceLock<Catalogue> = OnceLock::new();
    OURS.get_or_init(|| Catalogue::of_text(CATALOGUE))
}

fn scanned(path: &str, text: impl AsRef<[u8]>) -> FileFindings {
    let catalogue = catalogue();
    let mut scan = FileScan::new(catalogue, path, place_of(path), TimeZone::UTC);
    scan.feed(text.as_ref());
    scan.finish()
}

/// `CLASS@line event/depth frame`, a line a clue.
fn told(text: &str) -> Vec<String> {
    let told = |clue: &Clue| {
        let line = clue.place.line.unwrap_or_default();
        format!("{}@{line} {}/{} {}", clue.class, clue.event, clue.depth, clue.frame.as_deref().unwrap_or("-"))
    };
    scanned("driver.log", text).clues.iter().map(told).collect()
}

#[test]
fn a_chain_of_causes_is_followed_to_its_end() {
    let text = "\
26/10/02 04:31:40 INFO Job: begins
26/10/02 04:31:41 ERROR Utils: Aborting task
org.apache.spark.SparkException: Task failed while writing rows.
\tat org.apache.spark.sql.X.run(X.scala:1)
\tat com.acme.Job$.main(Job.scala:9)
Caused by: java.io.IOException: cannot spill
\tat org.apache.spark.Y.z(Y.scala:2)
\t... 9 more
Caused by: java.io.IOException: No space left on device
\tat java.io.FileOutputStream.writeBytes(Native Method)
26/10/02 04:31:42 INFO Job: ends
";
    // A class that says what it is leaves nothing to be said of the exception.
    assert_eq!(told(text), ["DISK_FULL@9 2/2 com.acme.Job$.main(Job.scala:9)"]);
}

#[test]
fn an_exception_of_the_users_own_code_is_told_with_its_frame() {
    let text = "\
26/10/02 04:31:41 WARN TaskSetManager: Lost task 0.0 in stage 1.0 (TID 1) (10.0.0.1 executor 2): java.lang.RuntimeException: bad row
\tat com.acme.Job$.parse(Job.scala:20)
\tat com.acme.Job$.main(Job.scala:9)
\tat org.apache.spark.Z.run(Z.scala:1)
";
    let found = scanned("driver.log", text);
    let [lost, own] = &found.clues[..] else { panic!("{:?}", found.clues) };
    assert_eq!((&*lost.class, lost.subject.executor.as_deref()), ("TASK_LOST", Some("2")));
    assert_eq!((&*own.class, own.role, own.strength), ("USER_CODE", ClueRole::Cause, Strength::Typed));
    assert_eq!(own.slots["exception"], "java.lang.RuntimeException");
    assert_eq!(own.slots["message"], "bad row");
    assert_eq!(own.slots["frame"], "com.acme.Job$.parse(Job.scala:20)");
    assert_eq!(own.at.unwrap().to_string(), "2026-10-02T04:31:41Z");
    assert_eq!(own.event, lost.event);
}

#[test]
fn py4j_goes_from_python_into_the_jvm_and_back() {
    let text = "\
26/10/02 04:31:41 INFO DAGScheduler: Job 3 failed
Traceback (most recent call last):
  File \"/tmp/job.py\", line 40, in <module>
    main()
  File \"/usr/lib/spark/python/lib/py4j-0.10.9-src.zip/py4j/protocol.py\", line 326, in get_return_value
py4j.protocol.Py4JJavaError: An error occurred while calling o85.parquet.
: org.apache.spark.SparkException: Job aborted.
\tat org.apache.spark.sql.X.run(X.scala:1)
Caused by: org.apache.spark.SparkException: Job aborted due to stage failure: Task 0 in stage 1.0 failed 4 times, most recent failure: Lost task 0.3 in stage 1.0 (TID 6) (10.0.0.1 executor 1): org.apache.spark.api.python.PythonException: Traceback (most recent call last):
  File \"/mnt/yarn/pyspark.zip/pyspark/worker.py\", line 619, in main
    process()
  File \"/tmp/job.py\", line 12, in clean
    raise ValueError(row)
ValueError: no such row

\tat org.apache.spark.api.python.Z.run(Z.scala:1)

Driver stacktrace:
\tat org.apache.spark.scheduler.D.run(D.scala:1)
\tat com.acme.Outer.main(Outer.scala:1)
26/10/02 04:31:42 INFO SparkContext: Invoking stop()
";
    assert_eq!(
        told(text),
        [
            "STAGE_ABORT@9 2/2 job.py:12, in clean",
            "TASK_LOST@9 2/2 job.py:12, in clean",
            "USER_CODE@14 2/3 job.py:12, in clean"
        ]
    );
    // The same without the worker's traceback: the JVM says what happened, and it is nobody's own code.
    let framework =
        text.lines().filter(|line| !line.contains("clean") && !line.contains("ValueError")).collect::<Vec<_>>();
    let framework = framework.join("\n").replace(
        "org.apache.spark.api.python.PythonException: Traceback (most recent call last):",
        "java.lang.IllegalStateException: x",
    );
    assert!(told(&framework).contains(&"EXCEPTION@9 2/2 job.py:40, in <module>".to_owned()), "{:?}", told(&framework));
}

#[test]
fn the_first_traceback_of_a_chain_is_the_deepest() {
    let text = "\
[2026-10-02T04:31:41.000+0000] {taskinstance.py:1937} ERROR - Task failed with exception
Traceback (most recent call last):
  File \"/opt/airflow/dags/audience.py\", line 7, in pull
    return row[\"x\"]
KeyError: 'x'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File \"/home/airflow/.local/lib/python3.11/site-packages/airflow/models/baseoperator.py\", line 1, in execute
    x()
  File \"/opt/airflow/dags/audience.py\", line 9, in pull
    raise AirflowException(\"no row\")
airflow.exceptions.AirflowException: no row: No space left on device
[2026-10-02T04:31:42.000+0000] {taskinstance.py:1149} INFO - Marking task as FAILED
";
    assert_eq!(told(text), ["DISK_FULL@14 1/0 audience.py:7, in pull"]);
    let other = text.replace(": No space left on device", "");
    assert_eq!(told(&other), ["USER_CODE@5 1/1 audience.py:7, in pull"]);
}

#[test]
fn a_notebooks_traceback_ends_with_its_exception() {
    let text = "\
---------------------------------------------------------------------------
ValueError                                Traceback (most recent call last)
File <command-123>:5
      3 def clean(row):
----> 5     raise ValueError(row)

File <command-123>:2, in clean(row)
ValueError: no such row
more output
";
    assert_eq!(told(text), ["USER_CODE@8 2/0 <command-123>:2, in clean"]);
}

#[test]
fn what_a_program_prints_without_heads_is_found() {
    let text = "\
starting
Traceback (most recent call last):
  File \"job.py\", line 3, in <module>
    1 / 0
ZeroDivisionError: division by zero
done
Exception in thread \"main\" java.lang.IllegalStateException: x
\tat com.acme.Job.main(Job.java:4)
No space left on device
No space left on device
";
    let told = told(text);
    let [zero, own, first, second] = &told[..] else { panic!("{told:?}") };
    assert_eq!(zero, "USER_CODE@5 2/0 job.py:3, in <module>");
    assert_eq!(own, "USER_CODE@7 4/0 com.acme.Job.main(Job.java:4)");
    assert_eq!((first.as_str(), second.as_str()), ("DISK_FULL@9 5/0 -", "DISK_FULL@10 6/0 -"));
}

#[test]
fn lines_of_json_are_read_by_their_members() {
    let text = concat!(
        r#"{"timestamp":"2026-10-02T04:31:41.5Z","level":"info","event":"Job 3 finished","logger":"x"}"#,
        "\n",
        r#"{"timestamp":"2026-10-02T04:31:42Z","level":"error","event":"Task failed with exception","logger":"task","error_detail":[{"exc_type":"RuntimeError","exc_value":"outer","frames":[{"filename":"/opt/airflow/dags/a.py","lineno":9,"name":"run"}]},{"exc_type":"ValueError","exc_value":"bad","frames":[{"filename":"/opt/airflow/dags/a.py","lineno":3,"name":"parse"},{"filename":"/x/site-packages/y.py","lineno":1,"name":"z"}]}]}"#,
        "\n",
        r#"{"ts":"2026-10-02T04:31:43Z","level":"ERROR","msg":"failed: \"No space left on device\"","exception":{"class":"java.io.IOException","msg":"x","stacktrace":[{"class":"com.acme.Job","method":"run","file":"Job.scala","line":4}]},"logger":"Y"}"#,
        "\n",
    );
    let found = scanned("attempt=1.log", text);
    let seen: Vec<(&str, u64, u32, &str)> = found
        .clues
        .iter()
        .map(|c| (&*c.class, c.place.line.unwrap(), c.depth, c.frame.as_deref().unwrap_or("-")))
        .collect();
    assert_eq!(
        seen,
        [
            ("PROGRESS", 1, 0, "-"),
            ("USER_CODE", 2, 1, "a.py:3, in parse"),
            ("DISK_FULL", 3, 0, "com.acme.Job.run(Job.scala:4)"),
        ]
    );
    assert_eq!(found.clues[0].text, "Job 3 finished");
    assert_eq!(found.clues[1].text, "ValueError: bad");
    assert_eq!(found.clues[2].text, "failed: \"No space left on device\"");
    assert_eq!(found.first_at.unwrap().to_string(), "2026-10-02T04:31:41.5Z");
    assert_eq!(found.last_at.unwrap().to_string(), "2026-10-02T04:31:43Z");
}

#[test]
fn info_lines_say_only_what_they_can() {
    let text = "\
26/10/02 04:31:40 INFO X: No space left on device
26/10/02 04:31:41 INFO X: Job 3 finished
26/10/02 04:31:41 INFO Client: the report
\t diagnostics: No space left on device
";
    assert_eq!(told(text), ["PROGRESS@2 2/0 -", "DISK_FULL@4 3/0 -"]);
}

#[test]
fn of_a_class_the_first_the_last_and_those_about_others_are_kept() {
    let mut text = String::new();
    for n in 0..1_000 {
        text += &format!("26/10/02 04:31:40 ERROR X: {n} No space left on device\n");
    }
    let found = scanned("driver.log", &text);
    let lines: Vec<u64> = found.clues.iter().map(|c| c.place.line.unwrap()).collect();
    assert_eq!(lines, [1, 2, 3, 998, 999, 1_000]);
    assert_eq!(found.clues.iter().map(|c| c.count).collect::<Vec<_>>(), [994, 0, 0, 0, 0, 0]);
    let mut text = String::new();
    for n in 0..1_000 {
        text += &format!("26/10/02 04:31:40 WARN X: Lost task 0.0 in stage 1.0 (TID {n}) (h executor {}): x\n", n / 10);
    }
    let found = scanned("driver.log", &text);
    let executors: BTreeSet<&str> = found.clues.iter().filter_map(|c| c.subject.executor.as_deref()).collect();
    assert!(executors.len() > 10 && executors.contains("7"), "{executors:?}");
    assert!(found.clues.len() <= 18);
    assert_eq!(found.clues.iter().map(|c| c.count).sum::<u64>() + found.clues.len() as u64, 1_000);
}

#[test]
fn whom_a_clue_is_about_comes_from_its_pattern_or_its_path() {
    let containers = "containers/application_17_0001/container_17_0001_02";
    let disk = "26/10/02 04:31:40 ERROR X: No space left on device\n";
    let of = |path: &str, text: &str| scanned(path, text).clues.remove(0).subject;
    let executor = of(&format!("{containers}_000004/stderr"), disk);
    assert_eq!(executor.container.as_deref(), Some("container_17_0001_02_000004"));
    assert_eq!((executor.application.as_deref(), executor.attempt), (Some("application_17_0001"), Some(2)));
    let lost = "26/10/02 04:31:40 WARN X: Lost task 0.0 in stage 1.0 (TID 1) (10.0.0.1:7337 executor 5): x\n";
    let driver = of(&format!("{containers}_000001/stderr"), lost);
    // The driver's line is about the executor, and not about the driver's container.
    assert_eq!(
        (driver.container, driver.executor.as_deref(), driver.host.as_deref()),
        (None, Some("5"), Some("10.0.0.1"))
    );
    assert_eq!((driver.tid.as_deref(), driver.stage.as_deref()), (Some("1"), Some("1.0")));
    let node = of("node/i-0feed001/daemons/instance-state/x", disk);
    assert_eq!(node.host.as_deref(), Some("i-0feed001"));
}

#[test]
fn names_of_one_thing_are_joined() {
    let containers = "containers/application_17_0001/container_17_0001_01";
    let starts = "26/10/02 04:31:40 INFO Executor: Starting executor ID 5 on host ip-10-0-0-1\n";
    let (container, host, executor) =
        ("container_17_0001_01_000004".to_owned(), "ip-10-0-0-1".to_owned(), "5".to_owned());
    let found = scanned(&format!("{containers}_000004/stderr"), starts).relations;
    let application = Some("application_17_0001".to_owned());
    assert_eq!(
        found,
        BTreeSet::from([
            NameRelation::ExecutorOn {
                application: application.clone(),
                executor: executor.clone(),
                host: host.clone()
            },
            NameRelation::ContainerOn { container: container.clone(), host: host.clone() },
            NameRelation::ContainerOf { container, executor },
        ])
    );
    let registered = "26/10/02 04:31:40 INFO X: Registered BlockManager BlockManagerId(5, h5, 1)\n\
                      26/10/02 04:31:40 INFO X: Registered BlockManager BlockManagerId(driver, h1, 1)\n";
    let found = scanned(&format!("{containers}_000001/stderr"), registered).relations;
    let driver = "container_17_0001_01_000001".to_owned();
    assert!(found.contains(&NameRelation::ContainerOn { container: driver.clone(), host: "h1".into() }), "{found:?}");
    assert!(!found.contains(&NameRelation::ContainerOn { container: driver, host: "h5".into() }), "{found:?}");
    let completed = "2026-10-02 04:31:40,123 INFO X (T): Completed container container_17_0001_01_000009 on host: h9\n";
    let path = "node/i-0feed001/applications/hadoop-yarn/yarn-yarn-resourcemanager-ip-10-0-0-9.log";
    let found = scanned(path, completed).relations;
    assert!(found.contains(&NameRelation::SameHost("i-0feed001".into(), "ip-10-0-0-9".into())), "{found:?}");
    assert!(
        found.contains(&NameRelation::ContainerOn {
            container: "container_17_0001_01_000009".into(),
            host: "h9".into()
        })
    );
}

#[test]
fn long_lines_bars_ends_and_binary_are_borne() {
    let long = format!("26/10/02 04:31:40 ERROR No space left on device {}\nnext\n", "x".repeat(3 << 20));
    let found = scanned("a.log", &long);
    assert_eq!((found.cut_lines, found.lines, found.clues.len()), (1, 2, 1));
    assert_eq!(found.clues[0].text.len(), 2_000);
    let facts = found.into_facts();
    assert_eq!(facts.missing[0].why, "a line is longer than 1 MiB: of these, the beginning was read");
    // A line that ends with carriage return, a progress bar, a mark of order, colours.
    for text in [
        "\u{feff}26/10/02 04:31:40 ERROR No space left on device\r\n",
        "[Stage 3:====>    (4 + 2) / 10]\r\r26/10/02 04:31:40 ERROR No space left on device\n",
        "\u{1b}[31m26/10/02 04:31:40 ERROR No space left on device",
    ] {
        let found = scanned("a.log", text);
        assert!(found.clues[0].text.starts_with("26/10/02 04:31:40 ERROR No space left on device"), "{text}");
        assert!(found.clues[0].at.is_some(), "{text}");
    }
    let found = scanned("a.bin", b"\x1f\x00No space left on device");
    assert!(found.binary && found.clues.is_empty());
    assert_eq!(found.into_facts().missing[0].why, "it is not text, and was not read");
    assert!(scanned("empty", "").clues.is_empty());
}

/// Work is counted, not seconds: twice the log, twice the work.
#[test]
fn work_grows_with_the_log_and_no_faster() {
    let shapes: [fn(usize) -> String; 5] = [
        |n| {
            format!(
                "26/10/02 04:31:40 ERROR x\n{}",
                "Caused by: java.io.IOException: No space left on device\n\tat a.b(C)\n".repeat(n)
            )
        },
        |n| {
            format!(
                "Traceback (most recent call last):\n{}ValueError: No space left on device\n",
                "  File \"a.py\", line 1, in f\n".repeat(n)
            )
        },
        |n| {
            "During handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"a.py\", line 1, in f\nValueError: No space left on device\n".repeat(n)
        },
        |n| "Traceback (most recent call last):\n".repeat(n),
        |n| "No space left on device ".repeat(n),
    ];
    let work = |text: String| {
        TRIED.set((0, 0));
        let _ = scanned("driver.log", text);
        TRIED.get()
    };
    for shape in shapes {
        let (once, twice) = (work(shape(5_000)), work(shape(10_000)));
        assert!(twice.0 <= 2 * once.0 + 2 && twice.1 <= 2 * once.1 + 4_000, "{once:?} {twice:?}");
    }
}

/// Bits of logs in any order.
fn bits() -> impl Strategy<Value = Vec<u8>> {
    let bit = prop_oneof![
        6 => prop::sample::select(vec![
            "26/10/02 04:31:40 INFO X: Job 3 finished",
            "26/10/02 04:31:41 ERROR X: No space left on device",
            "26/10/02 04:31:42 WARN T: Lost task 0.0 in stage 1.0 (TID 1) (h executor 2): java.lang.RuntimeException: bad",
            "[2026-10-02T04:31:41.000+0000] {t.py:1} ERROR - Task failed",
            "\tat com.acme.Job.run(Job.scala:1)",
            "\tat org.apache.spark.X.y(X.scala:1)",
            "Caused by: java.io.IOException: No space left on device",
            "Caused by: x.PythonException: Traceback (most recent call last):",
            ": org.apache.spark.SparkException: Job aborted due to stage failure",
            "Traceback (most recent call last):",
            "ValueError     Traceback (most recent call last)",
            "  File \"job.py\", line 3, in f",
            "    raise it",
            "ValueError: No space left on device",
            "During handling of the above exception, another exception occurred:",
            "Driver stacktrace:",
            "{\"timestamp\":\"2026-10-02T04:31:41Z\",\"level\":\"error\",\"event\":\"No space left on device\"}",
            "{\"timestamp\":\"2026-10-02T04:31:41Z\",\"level\":\"error\",\"event\":\"x\",\"error_detail\":[{\"exc_type\":\"A\",\"exc_value\":\"b\\nCaused by: c.D: e\"}]}",
            "[Stage 3:> (1 + 2) / 3]\r",
            "",
        ]).prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..40),
    ];
    let end = prop::sample::select(vec!["\n", "\n", "\n", "\r\n", ""]);
    prop::collection::vec((bit, end), 0..60)
        .prop_map(|bits| bits.into_iter().flat_map(|(bit, end)| [bit, end.as_bytes().to_vec()].concat()).collect())
}

#[test]
fn what_an_earlier_diagnosis_quotes_is_no_clue() {
    for head in ["[2026-10-02T04:31:43.000+0000] {dag.py:30} INFO - ", "26/10/02 04:31:43 INFO X: "] {
        assert_eq!(scanned("attempt=1.log", format!("{head}Job 3 finished\n")).clues.len(), 1, "{head}");
        assert!(scanned("attempt=1.log", format!("{head}plumb | Job 3 finished\n")).clues.is_empty(), "{head}");
    }
    let json =
        |event: &str| format!("{{\"timestamp\":\"2026-10-02T04:31:43Z\",\"level\":\"info\",\"event\":\"{event}\"}}\n");
    assert_eq!(scanned("attempt=1.log", json("Job 3 finished")).clues.len(), 1);
    assert!(scanned("attempt=1.log", json("plumb | Job 3 finished")).clues.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Where blocks end makes no difference.
    #[test]
    fn blocks_may_end_anywhere(text in bits(), cuts in prop::collection::vec(1usize..200, 1..40), filler in 0usize..2) {
        // Beyond the beginning that is held back to see whether it is text.
        let text = [b"x\n".repeat(filler * 5_000), text].concat();
        let catalogue = catalogue();
        let read = |blocks: &mut dyn Iterator<Item = &[u8]>| {
            let mut scan = FileScan::new(catalogue, "driver.log", place_of("driver.log"), TimeZone::UTC);
            blocks.for_each(|block| scan.feed(block));
            scan.finish()
        };
        let whole = read(&mut std::iter::once(&text[..]));
        let mut rest = &text[..];
        let mut cut = Vec::new();
        for length in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (block, behind) = rest.split_at((*length).min(rest.len()));
            cut.push(block);
            rest = behind;
        }
        let pieces = read(&mut cut.into_iter());
        prop_assert_eq!(format!("{whole:?}"), format!("{pieces:?}"));
        prop_assert_eq!(whole.bytes, text.len() as u64);
        // Each line that is quoted stands in the file, at that line.
        let lines: Vec<&[u8]> = text.split(|b| *b == b'\n').collect();
        for clue in &whole.clues {
            let line = String::from_utf8_lossy(lines[clue.place.line.unwrap() as usize - 1]);
            prop_assert!(line.contains(&clue.text) || line.contains("error_detail"), "{} in {line}", clue.text);
        }
    }

    /// Lines of INFO and frames of stacks that are put between events change nothing of what is found in them.
    #[test]
    fn noise_changes_nothing(events in prop::collection::vec(0usize..4, 1..12)) {
        let event = |which: &usize| match which {
            0 => "26/10/02 04:31:41 ERROR X: No space left on device\n",
            1 => "26/10/02 04:31:42 WARN T: Lost task 0.0 in stage 1.0 (TID 1) (h executor 2): java.lang.RuntimeException: bad\n\tat com.acme.Job.run(Job.scala:1)\n",
            2 => "26/10/02 04:31:43 INFO X: Job 3 finished\n",
            _ => "26/10/02 04:31:44 ERROR X: it\nTraceback (most recent call last):\n  File \"job.py\", line 3, in f\nValueError: x\n",
        };
        let noise = "26/10/02 04:31:40 INFO X: nothing\n\tat org.apache.spark.X.y(X.scala:1)\n";
        let plain: String = events.iter().map(event).collect();
        let noisy: String = events.iter().map(|which| format!("{noise}{}", event(which))).collect();
        let said = |text: &str| -> Vec<(String, u32, Option<String>, String)> {
            scanned("driver.log", text).clues.into_iter().map(|c| (c.class.to_string(), c.depth, c.frame, c.text)).collect()
        };
        prop_assert_eq!(said(&plain), said(&noisy));
    }
}

#[test]
fn what_a_program_prints_without_a_time_has_none() {
    let traceback = "Traceback (most recent call last):\n  File \"score.py\", line 41, in load\nKeyError: 'weigth'\n";
    let text = format!("2026-11-20T05:03:28.000Z score.py: columns: user_id\n{traceback}");
    let at =
        |path: &str| scanned(path, &text).clues.iter().find(|clue| &*clue.class == "USER_CODE").map(|clue| clue.at);
    assert_eq!(at("containers/application_1_1/container_1_1_01_000001/stdout"), Some(None));
    assert!(at("containers/application_1_1/container_1_1_01_000001/stderr").is_some_and(|at| at.is_some()));
}

/// What the classes that are built in find.
fn by_builtin(path: &str, text: &str) -> FileFindings {
    let catalogue = Catalogue::builtin().unwrap();
    let mut scan = FileScan::new(&catalogue, path, place_of(path), TimeZone::UTC);
    scan.feed(text.as_bytes());
    scan.finish()
}

#[test]
fn what_a_pool_wraps_stands_in_the_same_message() {
    let text = "Caused by: java.sql.SQLException: Unable to open a test connection to the given database. Original Exception: ------\njava.sql.SQLException: Access denied for user 'hive'@'10.0.0.1' (using password: YES)\n";
    let text = format!(
        "Exception in thread \"main\" java.lang.RuntimeException: Unable to instantiate org.apache.hadoop.hive.ql.metadata.SessionHiveMetaStoreClient\n{text}"
    );
    let clues = by_builtin("driver.log", &text).clues;
    let event = |class: &str| clues.iter().find(|clue| &*clue.class == class).map(|clue| clue.event);
    assert!(event("JDBC").is_some());
    assert_eq!(event("METASTORE"), event("JDBC"));
}

#[test]
fn a_signal_that_stands_beside_the_sentence_is_seen() {
    let path = "dag_id=a/run_id=b/task_id=c/attempt=1.log";
    let line = |signal: &str| {
        format!(
            "{{\"timestamp\":\"2025-09-03T02:30:38.7Z\",\"level\":\"critical\",\"event\":\"Process terminated by signal. For more information, see x\",\"signal_name\":\"{signal}\"}}\n"
        )
    };
    let is_killed = |signal| by_builtin(path, &line(signal)).clues.iter().any(|c| &*c.class == "AIRFLOW_WORKER_KILLED");
    assert!(is_killed("SIGKILL"));
    assert!(!is_killed("SIGTERM"));
}
