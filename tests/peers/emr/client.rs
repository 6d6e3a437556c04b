//! The client: signatures, accounts, throttling, lost answers, pages.

use super::moto::moto;
use super::seed::{fill_gaps, operation, small, trouble};
use plumb::observe::inventory::{self as reading, InventoryWatch};
use plumb::services::emr::EmrSettings;
use plumb::services::retry::Policy;
use plumb::services::{Aws, Emr, aws};
use plumb_core::inventory::{self, EmrAccount, ReadLimits};
use plumb_model::call::{Call, Method, Service, ServiceError, System};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

struct Deaf;

impl InventoryWatch for Deaf {
    fn listed(&self, _: &str, _: usize) {}
}

/// EMR for somebody who may read all of it, the environment differing by this much.
pub fn emr(region: &str, account: Option<&str>, changes: &[(&str, &str)]) -> Emr {
    let mut environment: BTreeMap<String, String> = moto().environment();
    let keys = [("AWS_ACCESS_KEY_ID", &*moto().told["EMR_KEY"]), ("AWS_SECRET_ACCESS_KEY", &moto().told["EMR_SECRET"])];
    for (name, value) in keys.iter().chain(changes) {
        environment.insert((*name).to_owned(), (*value).to_owned());
    }
    let env: aws::Env = Arc::new(move |name| environment.get(name).cloned());
    let aws = Aws::new(env.clone(), &aws::Files::read(&env)).unwrap();
    let explicit = EmrSettings { region: Some(region.to_owned()), account: account.map(str::to_owned), pace: None };
    let policy = Policy { first: Duration::from_millis(20), ..Policy::default() };
    Emr::with(aws, &explicit, policy).unwrap()
}

fn list() -> Call {
    Call::set(System::Emr, Method::Post, "/elasticmapreduce/ListClusters", json!({}))
}

async fn all(region: &str) -> Result<EmrAccount, ServiceError> {
    reading::read(Arc::new(emr(region, None, &[])), None, ReadLimits::default(), jiff::Timestamp::now(), &Deaf).await
}

fn requests(what: &str) -> usize {
    moto().act(&json!({ "do": "requests", "in": what })).as_array().unwrap().len()
}

#[tokio::test]
async fn only_what_is_rightly_signed_is_answered() {
    let region = "eu-west-1";
    let id = small(region, "one", 1_790_000_000);
    let answer = emr(region, Some("123456789012"), &[]).send(&list()).await.unwrap();
    assert_eq!(answer.body["Clusters"][0]["Id"], Value::String(id));
    // Another region is another list: the region is a part of what is signed.
    assert_eq!(emr("eu-west-2", None, &[]).send(&list()).await.unwrap().body["Clusters"], json!([]));
    let wrong = "wrongwrongwrongwrongwrongwrongwrongwrong";
    let (blind, blind_secret) = (&*moto().told["BLIND_KEY"], &*moto().told["BLIND_SECRET"]);
    for (changes, says) in [
        (&[("AWS_SECRET_ACCESS_KEY", wrong)][..], "does not fit the access key"),
        (&[("AWS_ACCESS_KEY_ID", "AKIAZZZZZZZZZZZZZZZZ")], "AWS knows no such credentials"),
        (
            &[("AWS_ACCESS_KEY_ID", blind), ("AWS_SECRET_ACCESS_KEY", blind_secret)],
            "it takes the permission elasticmapreduce:ListClusters; signed with the credentials of the environment",
        ),
    ] {
        let fault = emr(region, None, changes).send(&list()).await.unwrap_err();
        let text = fault.to_string();
        assert!(matches!(fault, ServiceError::Refused { status: 403, .. }) && text.contains(says), "{text}");
        assert!(!text.contains(wrong) && !text.contains(blind_secret), "{text}");
    }
}

#[tokio::test]
async fn another_account_is_asked_nothing() {
    let region = "ap-south-1";
    let fault = emr(region, Some("999999999999"), &[]).send(&list()).await.unwrap_err();
    let ServiceError::NotSent { why, .. } = &fault else { panic!("{fault}") };
    assert!(why.contains("the target is account 999999999999") && why.contains("of account 123456789012"), "{why}");
    assert_eq!(requests(&operation(region, "")), 0);
    let caller = emr(region, None, &[]);
    assert_eq!(caller.caller().await.unwrap().account, "123456789012");
    assert!(caller.caller().await.unwrap().arn.ends_with("user/analyst"));
    assert_eq!(caller.requests().count(), 1, "it is asked once");
}

#[tokio::test]
async fn settings_that_cannot_be_meant_are_refused() {
    let env: aws::Env = Arc::new(|_| None);
    let aws = || Aws::new(env.clone(), &aws::Files::read(&env)).unwrap();
    for (region, account, says) in [
        (None, None, "set it in the target, or set AWS_REGION"),
        (Some("evil.example/"), None, "expected the name of a region"),
        (Some("eu-west-1"), Some("12"), "expected the twelve digits"),
    ] {
        let explicit =
            EmrSettings { region: region.map(str::to_owned), account: account.map(str::to_owned), pace: None };
        let error = Emr::new(aws(), &explicit).err().unwrap().to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[tokio::test]
async fn throttling_and_lost_answers_are_waited_out() {
    let region = "us-west-1";
    small(region, "one", 1_790_000_000);
    let at = operation(region, "ListClusters");
    let slow = r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#;
    let failed = r#"{"__type":"InternalServerException","message":"oops"}"#;
    trouble(json!({ "in": at, "status": 400, "body": slow }));
    trouble(json!({ "in": at, "status": 400, "body": slow }));
    trouble(json!({ "in": at, "status": 500, "body": failed }));
    trouble(json!({ "in": at, "pass": true, "drop": true }));
    let answer = emr(region, None, &[]).send(&list()).await.unwrap();
    assert_eq!(answer.body["Clusters"].as_array().unwrap().len(), 1);
    assert_eq!(requests(&at), 5);
    // What will not get better is not tried again; what is no answer of AWS is none.
    trouble(json!({ "in": at, "status": 400, "body": r#"{"__type":"InvalidRequestException","message":"no"}"# }));
    trouble(json!({ "in": at, "status": 200, "body": "<html>Sign in</html>" }));
    for says in ["InvalidRequestException: no", "not JSON"] {
        let fault = emr(region, None, &[]).send(&list()).await.unwrap_err().to_string();
        assert!(fault.contains(says), "{fault}");
    }
    assert_eq!(requests(&at), 7);
    // A session that has run out is renewed once.
    let expired = r#"{"__type":"ExpiredTokenException","message":"expired"}"#;
    trouble(json!({ "in": at, "status": 400, "body": expired }));
    emr(region, None, &[]).send(&list()).await.unwrap();
    for _ in 0..2 {
        trouble(json!({ "in": at, "status": 400, "body": expired }));
    }
    let fault = emr(region, None, &[]).send(&list()).await.unwrap_err().to_string();
    assert!(fault.contains("sign in to AWS again"), "{fault}");
}

#[tokio::test]
async fn every_page_is_read_and_a_page_that_fails_fails_it() {
    let region = "us-west-2";
    fill_gaps(region);
    for number in 0..57 {
        small(region, &format!("nightly-{number:03}"), 1_790_000_000 + number * 86_400);
    }
    let account = all(region).await.unwrap();
    assert_eq!(account.clusters.len(), 57);
    assert_eq!(account.clusters.iter().filter(|cluster| cluster.details.is_some()).count(), 1, "one pipeline");
    assert!(account.clusters[56].details.is_some() && account.clusters[56].name() == "nightly-056");
    assert_eq!(requests(&operation(region, "ListClusters")), 2);
    assert_eq!(requests(&operation(region, "ListInstanceGroups")), 1);
    for name in ["ListClusters", "DescribeCluster", "ListSteps"] {
        // Kept until this reading has failed: requests of the one before may still be on their way, and would use it up.
        let no = r#"{"__type":"AccessDeniedException","message":"no"}"#;
        trouble(json!({ "in": operation(region, name), "keep": true, "status": 400, "body": no }));
        let fault = all(region).await.err().unwrap().to_string();
        moto().act(&json!({ "do": "no trouble", "in": operation(region, name) }));
        assert!(fault.contains("AccessDeniedException"), "{name}: {fault}");
    }
    trouble(json!({ "in": operation(region, "ListClusters"), "status": 200, "body": "{}" }));
    let fault = all(region).await.err().unwrap().to_string();
    assert!(fault.contains("no list `Clusters`"), "{fault}");
    // A window: the last twenty days.
    let since = jiff::Timestamp::from_second(1_790_000_000 + 37 * 86_400).unwrap();
    let read = reading::read(Arc::new(emr(region, None, &[])), Some(since), ReadLimits::default(), since, &Deaf)
        .await
        .unwrap();
    assert!((19..=20).contains(&read.clusters.len()), "{}", read.clusters.len());
}

#[tokio::test]
async fn what_is_refused_is_unknown_and_not_absent() {
    // moto answers 500 to what it does not have.
    let region = "sa-east-1";
    small(region, "one", 1_790_000_000);
    let account = all(region).await.unwrap();
    let unknown: Vec<&str> = account.unknown.iter().map(|unknown| unknown.what.as_str()).collect();
    assert_eq!(unknown, ["GetAutoTerminationPolicy", "GetManagedScalingPolicy", "ListSecurityConfigurations"]);
    let inventory = inventory::inventory("1", region, jiff::Timestamp::UNIX_EPOCH, None, &account);
    assert_eq!(inventory.unread.len(), 3);
    let options = plumb_core::translate::TranslationOptions::new(Vec::new());
    let report = plumb_core::migrate::exit::report(inventory, &account, &options, None);
    assert!(
        plumb_core::render::emr::text(&report, 100).contains("Not read, and so not known:\n  ! GetAutoTermination")
    );
    // A cluster that AWS forgets while it is read is gone, and nothing else is.
    let gone =
        r#"{"__type":"InvalidRequestException","ErrorCode":"NoSuchCluster","Message":"Cluster id is not valid."}"#;
    trouble(json!({ "in": operation(region, "DescribeCluster"), "status": 400, "body": gone }));
    assert_eq!(all(region).await.unwrap().clusters.len(), 0);
}
