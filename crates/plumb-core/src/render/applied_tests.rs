//! What programs are told of an apply.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::plan::{Change, PlanFormat};
use serde_json::{Value, json};

fn address(name: &str) -> Address {
    Address { kind: "DatabricksJob".into(), name: name.into() }
}

fn plan(names: &[&str]) -> Plan {
    let change = |name: &&str| Change {
        id: Some(format!("id of {name}")),
        title: (*name).into(),
        ..Change::new(address(name), Action::Update)
    };
    Plan {
        format: PlanFormat::V1,
        project: "bau".into(),
        target: "prod".into(),
        base: None,
        head: None,
        workspace: None,
        partial: None,
        digest: String::new(),
        changes: names.iter().map(change).collect(),
        blocked: Vec::new(),
        teardown: Vec::new(),
        cutovers: Vec::new(),
        notes: Vec::new(),
        unchanged: 0,
        decisions: None,
        estimate: None,
        links: Default::default(),
    }
}

fn told(names: &[&str], ended: Vec<(&str, Ended)>, besides: &[(Address, Action, Ended)], error: Option<&str>) -> Value {
    let outcome = ApplyOutcome { changes: ended.into_iter().map(|(name, ended)| (address(name), ended)).collect() };
    let applied = applied(&plan(names), &outcome, &ChangeRecords::default(), besides, (6, error));
    serde_json::from_str(&applied_json(&applied).unwrap()).unwrap()
}

#[test]
fn every_change_has_its_outcome_and_its_error() {
    let post = || vec!["POST /x".to_owned()];
    let ended = vec![
        ("a", Ended::Done { id: Some("9".into()), left: vec!["x: wanted 1, is 2".into()], unverified: None }),
        ("b", Ended::Done { id: None, left: Vec::new(), unverified: Some("GET /x: 500".into()) }),
        ("c", Ended::Failed { why: "POST /x: 400".into(), sent: Vec::new() }),
        ("d", Ended::Unknown { why: "POST /y: 503".into(), sent: post() }),
        ("e", Ended::Stale { differences: vec!["name: it was 1, it is now 2".into()], sent: Vec::new() }),
        ("f", Ended::Skipped { because: address("d") }),
    ];
    let names = ["a", "b", "c", "d", "e", "f", "g"];
    let told = told(&names, ended, &[], Some("interrupted"));
    let rows: Vec<Value> = told["changes"].as_array().unwrap().clone();
    let row = |index: usize, member: &str| rows[index].get(member).cloned().unwrap_or(Value::Null);
    let outcomes: Vec<Value> = (0..rows.len()).map(|index| row(index, "outcome")).collect();
    assert_eq!(outcomes, ["done", "done", "failed", "unknown", "stale", "skipped", "not-started"]);
    assert_eq!(
        (row(0, "id"), row(0, "left"), row(0, "error")),
        (json!("9"), json!(["x: wanted 1, is 2"]), Value::Null)
    );
    assert_eq!((row(1, "id"), row(1, "unverified")), (json!("id of b"), json!("GET /x: 500")));
    assert_eq!(row(2, "error"), "POST /x: 400 (nothing of it was done)");
    assert_eq!(row(3, "error"), "POST /y: 503 (sent, and whether it was done is not known; done before it: POST /x)");
    assert_eq!((row(5, "because"), row(6, "error")), (json!("DatabricksJob/d"), json!("not started")));
    assert_eq!(row(5, "error"), "not started, because DatabricksJob/d is not known to be done");
    let counts = json!({"done": 2, "failed": 1, "unknown": 1, "stale": 1, "skipped": 1, "not_started": 1});
    assert_eq!(told["counts"], counts);
    assert_eq!((&told["format"], &told["exit_code"]), (&json!("plumb.apply/v1"), &json!(6)));
    assert_eq!((&told["error"], &told["plan"]["format"]), (&json!("interrupted"), &json!("plumb.plan/v1")));
}

#[test]
fn what_was_taken_out_of_a_saved_plan_is_told_with_the_rest() {
    let stale =
        Ended::Stale { differences: vec!["timeout_seconds: planned 1 -> 2, now 3 -> 2".into()], sent: Vec::new() };
    let besides = [
        (address("a"), Action::Update, stale),
        (address("c"), Action::Create, Ended::Skipped { because: address("a") }),
    ];
    let done = Ended::Done { id: None, left: Vec::new(), unverified: None };
    let told = told(&["b"], vec![("b", done)], &besides, None);
    let rows: Vec<(&Value, &Value)> =
        told["changes"].as_array().unwrap().iter().map(|c| (&c["address"], &c["outcome"])).collect();
    let expected = [("DatabricksJob/a", "stale"), ("DatabricksJob/b", "done"), ("DatabricksJob/c", "skipped")];
    assert_eq!(rows, expected.map(|(a, o)| (json!(a), json!(o))).iter().map(|(a, o)| (a, o)).collect::<Vec<_>>());
    assert_eq!(told["changes"][2]["error"], "not started, because DatabricksJob/a was not done");
}

#[test]
fn the_schema_is_that_of_what_is_told() {
    let (_, schema) = crate::schemas::documents().into_iter().find(|(name, _)| name == "apply.json").unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let good = told(&["a", "b"], vec![("a", Ended::NotStarted)], &[], None);
    let errors: Vec<String> = validator.iter_errors(&good).map(|e| e.to_string()).collect();
    assert_eq!(errors, [""; 0]);
    let mut wrong = good;
    wrong["changes"][0]["outcome"] = json!("maybe");
    assert!(!validator.is_valid(&wrong));
}
