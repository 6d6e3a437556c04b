//! EMR, EMR Serverless, CloudTrail.

use super::*;
use crate::diagnose::facts::NameRelation;
use serde_json::json;

/// As `aws emr describe-cluster` prints it.
const BOOTSTRAP_FAILED: &str = r#"{
    "Cluster": {
        "Id": "j-2A7Q4M1N9KPLF",
        "Name": "audience 2026-10",
        "Status": {
            "State": "TERMINATED_WITH_ERRORS",
            "StateChangeReason": {
                "Code": "BOOTSTRAP_FAILURE",
                "Message": "On the master instance (i-0feed0000000001), bootstrap action 2 returned a non-zero return code"
            },
            "Timeline": {
                "CreationDateTime": "2026-10-02T03:10:00.123000+00:00",
                "EndDateTime": "2026-10-02T03:21:40+00:00"
            },
            "ErrorDetails": [
                {
                    "ErrorCode": "INTERNAL_ERROR_EC2_INSUFFICIENT_CAPACITY_AZ",
                    "ErrorData": [{"instance-type": "r5.4xlarge", "availability-zone": "eu-central-1a"}],
                    "ErrorMessage": "no capacity"
                },
                {"ErrorCode": "VALIDATION_ERROR_NEW"}
            ]
        },
        "LogUri": "s3n://acme-emr-logs/",
        "ReleaseLabel": "emr-6.15.0"
    }
}
"#;

const ACTIONS: &str = r#"{"BootstrapActions": [
  {"Name": "a", "ScriptPath": "s3://acme-jars/a.sh"},
  {"Name": "b", "ScriptPath": "s3://acme-jars/b.sh", "Args": []}
], "Marker": null}"#;

#[test]
fn a_cluster_that_failed_to_start_says_why() {
    let facts = files(&[("describe-cluster.json", BOOTSTRAP_FAILED), ("actions.json", ACTIONS)]);
    assert_eq!(outcome(&facts), RunOutcome::Failed);
    let expected =
        ["BOOTSTRAP Cause", "BOOTSTRAP Cause", "CAPACITY Cause", "UNKNOWN_CODE Wrapper"].map(str::to_owned).to_vec();
    assert_eq!(told(&facts), expected);
    let [code, message, capacity, unknown] = &facts.clues[..] else { panic!() };
    assert_eq!((code.place.line, message.place.line), (Some(8), Some(9)));
    assert_eq!(code.event, message.event, "a code and its message are one event");
    assert!(code.event < capacity.event && capacity.event < unknown.event);
    assert_eq!(code.strength, Strength::Service);
    assert_eq!(code.text, r#""Code": "BOOTSTRAP_FAILURE""#);
    assert!(message.text.starts_with("On the master instance"), "{}", message.text);
    assert_eq!(message.slots["script"], "s3://acme-jars/b.sh");
    assert_eq!((capacity.slots["type"].as_str(), capacity.slots["zone"].as_str()), ("r5.4xlarge", "eu-central-1a"));
    assert_eq!(unknown.slots["code"], "VALIDATION_ERROR_NEW");
    assert_eq!(code.at.unwrap().to_string(), "2026-10-02T03:21:40Z");
    assert_eq!(facts.subject.run.as_deref(), Some("j-2A7Q4M1N9KPLF"));
    assert_eq!(facts.subject.period.as_deref(), Some("2026-10"));
    assert_eq!(facts.missing, []);
}

fn cluster(state: &str, code: &str) -> Value {
    json!({"Cluster": {"Id": "j-1", "ReleaseLabel": "emr-7.3.0",
        "Status": {"State": state, "StateChangeReason": {"Code": code}}}})
}

#[test]
fn clusters_leave_it_to_their_steps_unless_they_say_it() {
    let table = [
        ("TERMINATED_WITH_ERRORS", "STEP_FAILURE", RunOutcome::Failed),
        ("TERMINATED_WITH_ERRORS", "", RunOutcome::Failed),
        ("TERMINATED", "ALL_STEPS_COMPLETED", RunOutcome::Succeeded),
        ("TERMINATED", "", RunOutcome::Unknown),
        ("TERMINATED", "USER_REQUEST", RunOutcome::Unknown),
        ("TERMINATING", "BOOTSTRAP_FAILURE", RunOutcome::Failed),
        ("RUNNING", "", RunOutcome::Running),
        ("WAITING", "", RunOutcome::Unknown),
        ("SOMETHING_NEW", "", RunOutcome::Unknown),
    ];
    for (state, code, expected) in table {
        assert_eq!(outcome(&asked(&cluster(state, code))), expected, "{state} {code}");
    }
}

/// The newest first, as the service lists them.
const STEPS: &str = r#"{
  "Steps": [
    {"Id": "s-3", "Name": "publish", "ActionOnFailure": "CONTINUE",
     "Status": {"State": "CANCELLED", "Timeline": {"CreationDateTime": 1790910600.5}}},
    {"Id": "s-2", "Name": "aggregate", "ActionOnFailure": "TERMINATE_CLUSTER",
     "Config": {"Jar": "command-runner.jar", "Args": ["spark-submit", "--month", "2026-10"]},
     "Status": {
       "State": "FAILED",
       "FailureDetails": {
         "Reason": "Unknown Error.",
         "Message": "org.apache.hadoop.mapred.FileAlreadyExistsException: Output directory s3://acme/x already exists",
         "LogFile": "s3://acme-emr-logs/j-2A7Q4M1N9KPLF/steps/s-2/stderr.gz"
       },
       "Timeline": {"CreationDateTime": 1790910600.5, "StartDateTime": 1790910700, "EndDateTime": 1790911000.25}
     },
     "AdditionalInfo": {"ResourceManagerApplicationIds": ["application_1790910000000_0002"], "ResourceManager": "YARN"}},
    {"Id": "s-1", "Name": "load", "Status": {"State": "COMPLETED",
     "Timeline": {"CreationDateTime": 1790910600.5, "StartDateTime": 1790910601}}}
  ]
}"#;

#[test]
fn the_step_that_failed_first_is_told_from_those_cancelled_after_it() {
    let facts = files(&[("list-steps.json", STEPS)]);
    assert_eq!(outcome(&facts), RunOutcome::Failed);
    let about = "application_1790910000000_0002";
    assert_eq!(
        told(&facts),
        [
            "RUN_CANCELED Wrapper".to_owned(),
            format!("STEP_FAILED Wrapper {about}"),
            format!("PATH_EXISTS Cause {about}")
        ]
    );
    let subject = &facts.subject;
    assert_eq!((subject.name.as_str(), subject.run.as_deref()), ("aggregate", Some("j-2A7Q4M1N9KPLF/s-2")));
    assert_eq!(subject.period.as_deref(), Some("2026-10"));
    assert_eq!(subject.started.unwrap().to_string(), "2026-10-02T03:11:40Z");
    assert_eq!(subject.ended.unwrap().to_string(), "2026-10-02T03:16:40.25Z");
    let cause = facts.clues.last().unwrap();
    assert_eq!(cause.place.line, Some(11));
    assert_eq!(cause.slots["step"], "s-2");
}

#[test]
fn steps_decide_over_a_cluster_that_ended_without_a_reason() {
    let plain = cluster("TERMINATED", "").to_string();
    let done = cluster("TERMINATED", "ALL_STEPS_COMPLETED").to_string();
    for cluster in [&plain, &done] {
        let facts = files(&[("steps.json", STEPS), ("cluster.json", cluster)]);
        assert_eq!(outcome(&facts), RunOutcome::Failed);
        assert_eq!(facts.subject.run.as_deref(), Some("j-1/s-2"));
        assert_eq!(facts.subject.name, "aggregate");
    }
}

#[test]
fn of_pages_and_steps_one_that_failed_decides() {
    let step = |id: &str, state: &str, start: u64| {
        let times = json!({"StartDateTime": start});
        json!({"Id": id, "Name": id, "ActionOnFailure": "CONTINUE", "Status": {"State": state, "Timeline": times}})
    };
    let steps = [
        step("s-1", "COMPLETED", 1_790_910_000),
        step("s-2", "FAILED", 1_790_910_100),
        step("s-3", "FAILED", 1_790_910_200),
    ];
    let pages: Vec<String> = steps.iter().map(|step| json!({"Steps": [step]}).to_string()).collect();
    let described: Vec<String> = steps.iter().map(|step| json!({"Step": step}).to_string()).collect();
    for texts in [pages, described] {
        let mut named: Vec<(&str, &str)> = ["a", "b", "c"].into_iter().zip(texts.iter().map(String::as_str)).collect();
        for _ in 0..3 {
            named.rotate_left(1);
            let facts = files(&named);
            assert_eq!((outcome(&facts), facts.subject.run.as_deref()), (RunOutcome::Failed, Some("s-2")));
        }
    }
}

#[test]
fn a_step_is_described_once() {
    let all = parsed("", STEPS);
    let one = json!({"Step": all["Steps"][1]}).to_string();
    let facts = files(&[("list.json", STEPS), ("one.json", &one)]);
    let causes = facts.clues.iter().filter(|clue| clue.role == ClueRole::Cause).count();
    assert_eq!(causes, 1);
    assert_eq!(outcome(&facts), RunOutcome::Failed);
}

#[test]
fn a_step_that_was_run_again_and_completed_failed_no_more() {
    let step = |id: &str, state: &str, start: u64| {
        json!({"Id": id, "Name": "load", "Config": {"Args": ["x"]},
            "Status": {"State": state, "Timeline": {"StartDateTime": start}}})
    };
    let facts =
        asked(&json!({"Steps": [step("s-2", "COMPLETED", 1_790_910_800), step("s-1", "FAILED", 1_790_910_700)]}));
    assert_eq!(outcome(&facts), RunOutcome::Succeeded);
    assert_eq!(told(&facts), [""; 0]);
    let facts =
        asked(&json!({"Steps": [step("s-2", "FAILED", 1_790_910_800), step("s-1", "COMPLETED", 1_790_910_700)]}));
    assert_eq!(outcome(&facts), RunOutcome::Failed);
}

#[test]
fn steps_of_any_state_have_an_outcome() {
    let table = [
        (&["COMPLETED", "COMPLETED"][..], RunOutcome::Succeeded),
        (&["COMPLETED", "RUNNING"], RunOutcome::Running),
        (&["FAILED", "RUNNING"], RunOutcome::Failed),
        (&["COMPLETED", "CANCELLED"], RunOutcome::Failed),
        (&["PENDING"], RunOutcome::Running),
        (&["NEW_STATE"], RunOutcome::Unknown),
        (&[], RunOutcome::Unknown),
    ];
    for (states, expected) in table {
        let steps = states.iter().enumerate().map(
            |(at, state)| json!({"Id": format!("s-{at}"), "Name": format!("step {at}"), "Status": {"State": state}}),
        );
        assert_eq!(outcome(&asked(&json!({"Steps": steps.collect::<Vec<_>>()}))), expected, "{states:?}");
    }
}

const INSTANCES: &str = r#"[
  {
    "Id": "ci-1",
    "Ec2InstanceId": "i-0feed0000000002",
    "PrivateDnsName": "ip-10-61-2-14.eu-central-1.compute.internal",
    "PrivateIpAddress": "10.61.2.14",
    "Status": {
      "State": "TERMINATED",
      "StateChangeReason": {
        "Code": "INSTANCE_FAILURE",
        "Message": "Spot Instance was terminated due to not enough capacity in the Spot Instance pool."
      },
      "Timeline": {"EndDateTime": "2026-10-02T02:31:02Z"}
    },
    "Market": "SPOT", "InstanceType": "r5.4xlarge"
  },
  {"Ec2InstanceId": "i-0feed0000000003", "PrivateDnsName": "", "PrivateIpAddress": null,
   "Status": {"State": "TERMINATED", "StateChangeReason": {"Code": "CLUSTER_TERMINATED", "Message": "Job flow terminated"}}},
  {"Ec2InstanceId": "i-0feed0000000004", "Status": {"State": "RUNNING", "StateChangeReason": {}}}
]"#;

#[test]
fn instances_say_who_is_who_and_why_they_ended() {
    let facts = files(&[("instances.json", INSTANCES)]);
    let node = "i-0feed0000000002";
    assert_eq!(told(&facts), [format!("LOST_NODE Symptom {node}"), format!("SPOT_RECLAIM Cause {node}")]);
    assert_eq!(facts.clues[0].event, facts.clues[1].event);
    assert_eq!(facts.clues[1].slots["market"], "SPOT");
    assert!(facts.clues.iter().all(|clue| clue.layer == Layer::Node));
    let same = |other: &str| NameRelation::SameHost(node.to_owned(), other.to_owned());
    let expected = [same("10.61.2.14"), same("ip-10-61-2-14.eu-central-1.compute.internal")];
    assert_eq!(facts.relations, expected.into_iter().collect());
    assert_eq!(facts.outcomes, []);
}

#[test]
fn a_serverless_job_run_says_its_state() {
    let facts = asked(&json!({"jobRun": {
        "applicationId": "00f1", "jobRunId": "00jr", "name": "mart 2026-09", "state": "FAILED",
        "stateDetails": "Job failed, please check complete logs. ExitCode: 1. java.lang.OutOfMemoryError: Java heap space",
        "createdAt": 1_790_910_600.123, "updatedAt": 1_790_914_200.0, "attempt": 2}}));
    assert_eq!(outcome(&facts), RunOutcome::Failed);
    assert_eq!(told(&facts), ["STEP_FAILED Wrapper try 2", "EXEC_HEAP_OOM Cause try 2"]);
    assert_eq!(facts.subject.run.as_deref(), Some("00f1/00jr"));
    assert_eq!(facts.subject.period.as_deref(), Some("2026-09"));
    assert_eq!(facts.subject.ended.unwrap().to_string(), "2026-10-02T04:10:00Z");
}

fn evicted(id: &str) -> Value {
    let record = json!({"eventName": "BidEvictedEvent", "eventTime": "2026-10-02T02:31:00Z",
        "userIdentity": {"accountId": "123456789012", "invokedBy": "ec2.amazonaws.com"},
        "requestParameters": null, "serviceEventDetails": {"instanceIdSet": [id]}});
    json!({"EventName": "BidEvictedEvent", "EventTime": "2026-10-02T02:31:00+00:00",
        "CloudTrailEvent": record.to_string()})
}

#[test]
fn the_trail_proves_spot_reclaims_of_own_nodes() {
    let trail = json!({"Events": [evicted("i-0feed0000000002"), evicted("i-0ther")]});
    assert_eq!(told(&asked(&trail)), ["SPOT_RECLAIM Cause i-0feed0000000002", "SPOT_RECLAIM Cause i-0ther"]);
    let text = serde_json::to_string_pretty(&trail).unwrap();
    let facts = files(&[("trail.json", &text), ("instances.json", INSTANCES)]);
    let of_trail: Vec<&Clue> = facts.clues.iter().filter(|clue| clue.place.file == "trail.json").collect();
    assert_eq!(of_trail.len(), 1, "an account has other clusters");
    assert_eq!(of_trail[0].text, r#""EventName": "BidEvictedEvent""#);
    assert_eq!(of_trail[0].at.unwrap().to_string(), "2026-10-02T02:31:00Z");
}

#[test]
fn a_person_stops_a_cluster_and_a_program_only_ends_it() {
    let stop = |identity: Value| {
        json!({"Records": [{"eventName": "TerminateJobFlows", "eventTime": "2026-10-02T02:31:00Z",
            "userIdentity": identity, "requestParameters": {"jobFlowIds": ["j-1"]}}]})
    };
    let table = [
        (json!({"type": "IAMUser", "userName": "dana", "arn": "arn:aws:iam::123456789012:user/dana"}), ClueRole::Cause),
        (
            json!({"type": "AssumedRole",
                "arn": "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Admin_1f/dana@acme.example"}),
            ClueRole::Cause,
        ),
        (
            json!({"type": "AssumedRole", "arn": "arn:aws:sts::123456789012:assumed-role/airflow/botocore-session-1"}),
            ClueRole::Wrapper,
        ),
        (
            json!({"type": "IAMUser", "userName": "dana", "invokedBy": "elasticmapreduce.amazonaws.com"}),
            ClueRole::Wrapper,
        ),
        (json!(null), ClueRole::Wrapper),
    ];
    for (identity, role) in table {
        let facts = asked(&stop(identity.clone()));
        assert_eq!(facts.clues.len(), 1);
        assert_eq!((&*facts.clues[0].class, facts.clues[0].role), ("USER_STOP", role), "{identity}");
    }
    let mut refused = stop(json!({"type": "IAMUser"}));
    refused["Records"][0]["errorCode"] = json!("AccessDenied");
    assert_eq!(asked(&refused).clues, []);
    let other = cluster("TERMINATED", "").to_string().replace("j-1", "j-2");
    let trail = stop(json!({"type": "IAMUser"})).to_string();
    assert_eq!(files(&[("trail.json", &trail), ("cluster.json", &other)]).clues, []);
}
