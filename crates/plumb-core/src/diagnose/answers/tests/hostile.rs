//! Answers that no service should give.

use super::super::locate::{AnswerMember, spans};
use super::*;
use proptest::prelude::*;
use serde_json::json;

#[test]
fn a_member_of_a_wrong_type_is_said_to_be_missing() {
    let text = r#"{
  "run_id": 1,
  "state": ["FAILED"],
  "status": {"termination_details": "CLUSTER_ERROR"},
  "start_time": "soon",
  "tasks": [{"task_key": {"x": 1}, "state": {"result_state": 7, "state_message": ["x"]}}, 3, null]
}"#;
    let facts = files(&[("run.json", text)]);
    let what: Vec<&str> = facts.missing.iter().map(|missing| missing.what.as_str()).collect();
    let expected =
        ["run.json:5: start_time", "run.json:6: tasks", "run.json:3: state", "run.json:4: termination_details"];
    for expected in expected {
        assert!(what.contains(&expected), "{expected} in {what:?}");
    }
    assert!(facts.missing.iter().any(|m| m.why == "it is a list; expected an object"), "{:?}", facts.missing);
    assert_eq!(outcome(&facts), RunOutcome::Unknown);
}

#[test]
fn a_page_says_that_more_follow() {
    for answer in [json!({"Steps": [], "Marker": "x"}), json!({"Instances": [], "NextToken": "x"})] {
        assert_eq!(files(&[("page.json", &answer.to_string())]).missing.len(), 1);
        assert_eq!(asked(&answer).missing, [], "who asks also asks for the next page");
    }
    assert_eq!(files(&[("page.json", r#"{"Steps": [], "Marker": null}"#)]).missing, []);
}

#[test]
fn the_last_member_of_a_name_counts_and_escaped_names_are_found() {
    let text = "{\n\"a\": 1,\n\"\\u0061\": [1,\n {\"b\": \"x\\\"y\"}]\n}";
    let value = parsed("", text);
    let span = spans(text).unwrap();
    let member = AnswerMember::root(&value, Some(&span)).get("a").items().nth(1).unwrap().get("b");
    assert_eq!(member.value, "x\"y");
    let span = member.span.unwrap();
    assert_eq!(&text[span.from..span.to], r#""b": "x\"y""#);
    for broken in ["", "{", "{\"a\"", "{\"a\":", "[1,", "\"", "\"\\", "{1:2}", ":", "]"] {
        assert!(spans(broken).is_none(), "{broken}");
    }
    let deep = "[".repeat(100_000);
    assert!(spans(&deep).is_none());
}

/// Members of answers, so that arbitrary JSON is looked into and not passed over.
const NAMES: &[&str] = &[
    "Cluster",
    "Step",
    "Steps",
    "Instances",
    "Id",
    "Name",
    "Status",
    "State",
    "StateChangeReason",
    "Code",
    "Message",
    "FailureDetails",
    "Reason",
    "ErrorDetails",
    "ErrorCode",
    "ErrorData",
    "Timeline",
    "EndDateTime",
    "StartDateTime",
    "Ec2InstanceId",
    "PrivateIpAddress",
    "AdditionalInfo",
    "ResourceManagerApplicationIds",
    "Config",
    "Args",
    "jobRun",
    "jobRunId",
    "state",
    "status",
    "termination_details",
    "code",
    "type",
    "message",
    "life_cycle_state",
    "result_state",
    "state_message",
    "run_id",
    "tasks",
    "task_key",
    "attempt_number",
    "start_time",
    "end_time",
    "cluster_instance",
    "cluster_id",
    "metadata",
    "error",
    "error_trace",
    "logs",
    "events",
    "timestamp",
    "details",
    "reason",
    "parameters",
    "instance_id",
    "init_scripts",
    "cluster",
    "library_statuses",
    "library",
    "messages",
    "termination_reason",
    "driver",
    "executors",
    "dag_runs",
    "task_instances",
    "dag_id",
    "task_id",
    "try_number",
    "import_errors",
    "filename",
    "stack_trace",
    "event_logs",
    "event",
    "when",
    "extra",
    "Events",
    "EventName",
    "CloudTrailEvent",
    "Records",
    "repair_history",
    "task_run_ids",
    "run_name",
    "job_parameters",
    "name",
    "value",
    "\u{e4}",
    "next_page_token",
    "Marker",
];
const VALUES: &[&str] = &[
    "FAILED",
    "SUCCESS",
    "TERMINATED",
    "TERMINATED_WITH_ERRORS",
    "INTERNAL_ERROR",
    "NODES_LOST",
    "TERMINATING",
    "i-1,i-2",
    "SPOT_INSTANCE_TERMINATION",
    "CANCELLED",
    "2026-10-02T03:10:00Z",
    "2026-10",
    "failed",
    "BidEvictedEvent",
    "{}",
    "s-1",
    "j-1",
    "bootstrap action 9999999999999999999999 non-zero",
    "bootstrap action 0",
    "No module named \u{1b}[31m'x'\n\u{1b}[",
    "\u{1f4a5}\"\\",
    "",
];

fn arbitrary() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        prop::sample::select(VALUES).prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((prop::sample::select(NAMES), inner), 0..8)
                .prop_map(|members| members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    })
}

const KINDS: &[AnswerKind] = &[
    AnswerKind::DescribeCluster,
    AnswerKind::DescribeStep,
    AnswerKind::ListSteps,
    AnswerKind::ListInstances,
    AnswerKind::ListBootstrapActions,
    AnswerKind::GetJobRun,
    AnswerKind::Run,
    AnswerKind::RunOutput,
    AnswerKind::ClusterEvents,
    AnswerKind::Cluster,
    AnswerKind::LibraryStatus,
    AnswerKind::DagRun,
    AnswerKind::TaskInstances,
    AnswerKind::ImportErrors,
    AnswerKind::EventLogs,
    AnswerKind::LookupEvents,
];

fn summary(facts: &RunFacts) -> String {
    format!("{:?}{:?}{:?}{:?}{:?}", facts.subject, facts.outcomes, facts.clues, facts.relations, facts.missing)
}

proptest! {
    /// Any JSON, read as any answer, as a file and as asked: no panic, what is quoted stands there, and the order of answers
    /// means nothing.
    #[test]
    fn any_json_is_read(values in prop::collection::vec((prop::sample::select(KINDS), arbitrary()), 1..4), pretty: bool) {
        let print = if pretty { serde_json::to_string_pretty } else { serde_json::to_string };
        let files: Vec<(String, AnswerKind, Value, String)> = values
            .into_iter()
            .enumerate()
            .map(|(at, (kind, value))| (format!("{at}.json"), kind, value.clone(), print(&value).unwrap()))
            .collect();
        let texts: Vec<(&str, &str)> = files.iter().map(|(file, .., text)| (file.as_str(), text.as_str())).collect();
        let as_files: Vec<(AnswerKind, ServiceAnswer<'_>)> = files
            .iter()
            .map(|(file, kind, answer, text)| (*kind, ServiceAnswer { answer, file, text: Some(text) }))
            .collect();
        let facts = read_kinds(&KnownText, &as_files);
        let with_lines = RunFacts {
            clues: facts.clues.iter().filter(|clue| clue.place.line.is_some()).cloned().collect(),
            outcomes: facts.outcomes.iter().filter(|said| said.place.line.is_some()).cloned().collect(),
            ..RunFacts::default()
        };
        quotes_stand(&with_lines, &texts);
        let reversed: Vec<_> = as_files.iter().rev().copied().collect();
        prop_assert_eq!(summary(&facts), summary(&read_kinds(&KnownText, &reversed)));
        let asked: Vec<_> =
            as_files.iter().map(|(kind, answer)| (*kind, ServiceAnswer { text: None, ..*answer })).collect();
        let asked = read_kinds(&KnownText, &asked);
        prop_assert_eq!(asked.clues.len(), facts.clues.len());
        prop_assert!(asked.clues.iter().all(|clue| clue.place.line.is_none()));
        for (.., value, _) in &files {
            let _kind = kind_of(value);
        }
    }

    /// A text that is not the answer's own: lines may be wrong, nothing breaks.
    #[test]
    fn a_text_of_another_answer_breaks_nothing(kind in prop::sample::select(KINDS), value in arbitrary(), text in "\\PC{0,200}") {
        let _facts = read_kinds(&KnownText, &[(kind, ServiceAnswer { answer: &value, file: "a", text: Some(&text) })]);
        let _spans = spans(&text);
    }
}
