//! What calls become of a decision, and how an answer is read.

#![allow(clippy::unwrap_used)]

use super::application::EmrServerlessApplication;
use super::cluster::EmrCluster;
use super::security::EmrSecurityConfiguration;
use crate::kinds::old::{Old, tag_value};
use crate::kinds::teardown_spec::Selector;
use crate::kinds::{Kind, Observed, Step, Verb};
use plumb_model::call::{Call, Ready};
use plumb_model::text::glob;
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn cluster(protected: Value, steps: Value) -> Observed {
    let cluster = json!({"Cluster": {
        "Id": "j-1", "Name": "audience", "Status": {"State": "WAITING", "Timeline": {"CreationDateTime": 1717200000.5}},
        "Tags": [{"Key": "team", "Value": "bau"}], "TerminationProtected": protected, "SecurityConfiguration": "strict",
    }});
    EmrCluster.parse_one(&[vec![cluster], vec![json!({ "Steps": steps })]]).unwrap()
}

fn calls(kind: &dyn Kind, live: &Observed, verb: Verb, body: &Value) -> Vec<Call> {
    let now = jiff::Timestamp::UNIX_EPOCH;
    kind.calls(&Step { verb, live: Some(live), body, changed: &[], now }).unwrap()
}

fn lines(calls: &[Call]) -> Vec<String> {
    calls.iter().map(|c| format!("{} {}", c.line(), c.body.clone().unwrap_or_default())).collect()
}

#[test]
fn a_cluster_is_read_with_what_goes_on_in_it() {
    let step = json!([{"Id": "s-1", "Name": "aggregate", "Status": {"State": "RUNNING"}}]);
    let old = Old::of(&cluster(json!(true), step)).unwrap();
    assert_eq!(old.busy, ["step s-1 \"aggregate\" is RUNNING"]);
    assert_eq!((old.protected, old.secured_by.as_deref()), (true, Some("strict")));
    assert_eq!(old.created.unwrap().to_string(), "2024-06-01T00:00:00Z");
    // A field that is not there is not taken for off.
    assert!(Old::of(&cluster(Value::Null, json!([]))).unwrap().protected);
    assert!(!Old::of(&cluster(json!(false), json!([]))).unwrap().protected);
}

#[test]
fn one_cluster_is_taken_down_by_a_call_of_its_own_and_its_protection_first() {
    let end = "POST /elasticmapreduce/TerminateJobFlows {\"JobFlowIds\":[\"j-1\"]}";
    let open = cluster(json!(false), json!([]));
    assert_eq!(lines(&calls(&EmrCluster, &open, Verb::Delete, &Value::Null)), [end]);
    let protected = cluster(json!(true), json!([]));
    let calls = calls(&EmrCluster, &protected, Verb::Delete, &Value::Null);
    let off =
        "POST /elasticmapreduce/SetTerminationProtection {\"JobFlowIds\":[\"j-1\"],\"TerminationProtected\":false}";
    assert_eq!(lines(&calls), [off, end]);
    let wait_for = calls[0].wait_for.as_ref().unwrap();
    let look = |protected: bool, tags: Value, steps: Value| {
        let cluster = json!({"Cluster": {"Id": "j-1", "Status": {"State": "WAITING"}, "TerminationProtected": protected,
            "Tags": tags}});
        EmrCluster.settled(&wait_for.expect, &[cluster, json!({ "Steps": steps })], &mut Value::Null)
    };
    let tags = || json!([{"Key": "team", "Value": "bau"}]);
    assert_eq!(look(false, tags(), json!([])), Ready::Yes);
    assert!(matches!(look(true, tags(), json!([])), Ready::NotYet(_)));
    let running = json!([{"Id": "s-2", "Name": "late", "Status": {"State": "PENDING"}}]);
    for never in [look(false, tags(), running), look(false, json!([]), json!([])), look(false, tags(), Value::Null)] {
        assert!(matches!(never, Ready::Never(_)), "{never:?}");
    }
}

#[test]
fn tags_are_set_and_taken_off() {
    let live = cluster(json!(true), json!([]));
    let body = json!({"tags": {"plumb": "p/t/EmrCluster/a", "plumb_teardown_not_before": null}});
    let wanted = [
        "POST /elasticmapreduce/AddTags {\"ResourceId\":\"j-1\",\"Tags\":[{\"Key\":\"plumb\",\"Value\":\"p/t/EmrCluster/a\"}]}",
        "POST /elasticmapreduce/RemoveTags {\"ResourceId\":\"j-1\",\"TagKeys\":[\"plumb_teardown_not_before\"]}",
    ];
    assert_eq!(lines(&calls(&EmrCluster, &live, Verb::Update, &body)), wanted);
    assert_eq!(tag_value("Ann <ann@x.org>; rm"), "Ann _ann@x.org__ rm");
    assert_eq!(tag_value(&"é".repeat(300)).chars().count(), 256);
}

#[test]
fn an_application_is_stopped_before_it_is_deleted() {
    let application = |state: &str| {
        let read = json!({"application": {"applicationId": "00f1", "name": "adhoc", "state": state, "createdAt": 1717200000,
            "arn": "arn:aws:emr-serverless:eu-west-1:1:/applications/00f1", "tags": {"team": "bau"}}});
        let runs = json!({"jobRuns": [{"id": "r1", "name": "x", "state": "RUNNING"}]});
        EmrServerlessApplication.parse_one(&[vec![read], vec![runs]]).unwrap()
    };
    let started = application("STARTED");
    assert_eq!(Old::of(&started).unwrap().busy, ["job run r1 \"x\" is RUNNING"]);
    let of = |seen: &Observed| lines(&calls(&EmrServerlessApplication, seen, Verb::Delete, &Value::Null));
    let (stop, delete) =
        ("POST /emr-serverless/applications/00f1/stop {}", "DELETE /emr-serverless/applications/00f1 null");
    assert_eq!(of(&started), [stop, delete]);
    assert_eq!(of(&application("STOPPED")), [delete]);
    let body = json!({"tags": {"plumb": "x", "gone": null}});
    let tags = "/emr-serverless/tags/arn%3Aaws%3Aemr-serverless%3Aeu-west-1%3A1%3A%2Fapplications%2F00f1";
    assert_eq!(
        lines(&calls(&EmrServerlessApplication, &started, Verb::Update, &body)),
        [format!("POST {tags} {{\"tags\":{{\"plumb\":\"x\"}}}}"), format!("DELETE {tags}?tagKeys=gone null")]
    );
}

#[test]
fn a_security_configuration_is_only_deleted() {
    let page = json!({"SecurityConfigurations": [{"Name": "strict", "CreationDateTime": 1}]});
    let seen = EmrSecurityConfiguration.parse(&[vec![page.clone()]]).remove(0).unwrap();
    let calls = calls(&EmrSecurityConfiguration, &seen, Verb::Delete, &Value::Null);
    assert_eq!(lines(&calls), ["POST /elasticmapreduce/DeleteSecurityConfiguration {\"Name\":\"strict\"}"]);
    let expect = &calls[0].wait_for.as_ref().unwrap().expect;
    let settled = |page: Value| EmrSecurityConfiguration.settled(expect, &[page], &mut Value::Null);
    assert!(matches!(settled(page), Ready::NotYet(_)));
    assert_eq!(settled(json!({"SecurityConfigurations": []})), Ready::Yes);
}

#[test]
fn a_selector_asks_for_all_that_it_names_and_an_empty_one_matches_nothing() {
    let tags = BTreeMap::from([("team".to_owned(), "bau".to_owned())]);
    let name = |name: &str| Selector { name: Some(name.into()), ..Selector::default() };
    assert!(name("bau-*").matches("j-1", "bau-audience-2024-05", &tags));
    assert!(!name("bau-*").matches("j-1", "other", &tags));
    let with = |tags| Selector { tags: Some(tags), ..name("bau-*") };
    assert!(with(tags.clone()).matches("j-1", "bau-x", &tags));
    assert!(!with(tags.clone()).matches("j-1", "bau-x", &BTreeMap::new()));
    assert!(!Selector::default().matches("j-1", "x", &tags));
    assert!(!Selector { ids: Some(vec![]), ..Selector::default() }.matches("j-1", "x", &tags));
    for (pattern, text, is) in [("a*c*e", "abcde", true), ("*", "", true), ("a*a", "a", false), ("x", "xy", false)] {
        assert_eq!(glob(pattern, text), is, "{pattern} {text}");
    }
}
