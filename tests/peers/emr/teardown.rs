//! A teardown's requests: taken by moto, which checks signatures and permissions, and signed as botocore signs them.

use super::client::emr;
use super::moto::moto;
use super::seed::cluster;
use super::world::{self, Files, decision_at, options};
use plumb::apply::{self, UnwatchedApply};
use plumb::observe;
use plumb::services::{Requests, Services};
use plumb_core::kinds;
use plumb_core::plan::outcome::Ended;
use plumb_core::plan::{Action, Baselines, Selection};
use plumb_core::teardown::Commits;
use plumb_model::call::{Call, Method, Service, System};
use plumb_model::text::percent_encoded;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, atomic::AtomicBool};

const MANIFEST: &str = "\
apiVersion: plumb/v1
kind: EmrCluster
metadata: {name: legacy}
spec:
  match: {name: \"bau-*\"}
  desired: teardown
  teardown: {notBefore: 2024-06-01, grace: 14d}
";

/// One apply at a time with `--allow-teardown`: what it did, and how it ended.
async fn apply(region: &str, now: &str) -> Vec<(Action, Ended)> {
    let (key, secret) = (&*moto().told["ENDER_KEY"], &*moto().told["ENDER_SECRET"]);
    let client = emr(region, None, &[("AWS_ACCESS_KEY_ID", key), ("AWS_SECRET_ACCESS_KEY", secret)]);
    let services = Services::default().with(System::Emr, Arc::new(client), Requests::default());
    let desired = world::load(&Files::from([("legacy.yaml".to_owned(), MANIFEST.to_owned())]));
    let kinds = [kinds::find("EmrCluster").unwrap()];
    let mut live =
        observe::observe(&services, &kinds, &desired, &Selection::default(), &observe::UnwatchedRead).await.unwrap();
    // The head of these plans.
    live.commits = Commits::Repository { known: ["0123456789ab".to_owned()].into(), shallow: false };
    let decision = decision_at(&desired, &live, &Baselines::new(), now.parse().unwrap(), ("ann", true));
    let actions: Vec<_> = decision.plan.changes.iter().map(|c| (c.address.clone(), c.action)).collect();
    let stop = Arc::new(AtomicBool::new(false));
    let mut outcome = apply::apply(&services, &desired, &live, decision, options(), &UnwatchedApply, stop).await;
    actions.into_iter().map(|(address, action)| (action, outcome.changes.remove(&address).unwrap())).collect()
}

#[tokio::test]
async fn every_stage_is_reached_with_the_permissions_that_the_docs_list() {
    let region = "eu-north-1";
    let keep = json!({ "Instances": { "KeepJobFlowAliveWhenNoSteps": true, "TerminationProtected": true,
        "InstanceGroups": [{ "InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1 }] } });
    let told = json!({ "state": "WAITING", "created": 1_700_000_000 });
    let id = cluster(region, "bau-audience", &keep, told.clone());
    let other = cluster(region, "other", &keep, told);
    let describe = |id: &str| {
        let ask = json!({ "do": "call", "service": "emr", "region": region, "operation": "describe_cluster",
            "args": { "ClusterId": id } });
        moto().act(&ask)["Cluster"].clone()
    };
    for (now, action) in [("2024-05-20T12:00:00Z", Action::Mark), ("2024-06-20T12:00:00Z", Action::Terminate)] {
        let done = apply(region, now).await;
        assert!(done.len() == 1 && done[0].0 == action && done[0].1.is_done(), "{done:?}");
        if action == Action::Mark {
            let tags = describe(&id)["Tags"].clone();
            let has =
                |key: &str, value: &str| tags.as_array().unwrap().contains(&json!({ "Key": key, "Value": value }));
            assert!(has("plumb", "laws/test/EmrCluster/legacy"), "{tags}");
            assert!(has("plumb_teardown_marked", &format!("2024-05-20T12:00:00Z {id}")), "{tags}");
            assert_eq!(describe(&id)["TerminationProtected"], true);
        }
    }
    assert_eq!(describe(&id)["Status"]["State"], "TERMINATED");
    assert_eq!((&describe(&other)["Status"]["State"], &describe(&other)["Tags"]), (&json!("WAITING"), &json!([])));
    assert!(apply(region, "2024-06-20T12:00:00Z").await.is_empty());
}

/// The head of the one request that comes, which is answered with `{}`.
fn caught(listener: &TcpListener) -> String {
    let (mut stream, _) = listener.accept().unwrap();
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        assert_eq!(stream.read(&mut byte).unwrap(), 1);
        head.push(byte[0]);
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}").unwrap();
    String::from_utf8(head).unwrap()
}

#[tokio::test]
async fn a_path_with_an_arn_is_signed_as_botocore_signs_it() {
    // moto has no tags of EMR Serverless.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let client = emr("eu-west-3", None, &[("AWS_ENDPOINT_URL_EMR_SERVERLESS", &base)]);
    let arn = "arn:aws:emr-serverless:eu-west-3:123456789012:/applications/00f1";
    let mut call = Call::delete(System::Emr, format!("/emr-serverless/tags/{}", percent_encoded(arn)));
    assert_eq!(call.method, Method::Delete);
    call.query = vec![("tagKeys".into(), "plumb".into()), ("tagKeys".into(), "a b/c".into())];
    let catching = tokio::task::spawn_blocking(move || caught(&listener));
    client.send(&call).await.unwrap();
    let head = catching.await.unwrap();
    let mut lines = head.split("\r\n");
    let target = lines.next().unwrap().split(' ').nth(1).unwrap();
    assert_eq!(target.split('?').next().unwrap(), format!("/tags/{}", percent_encoded(arn)));
    let headers: serde_json::Map<String, Value> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), json!(value)))
        .collect();
    let authorization = headers["authorization"].as_str().unwrap();
    let part = |name: &str| authorization.split(&format!("{name}=")).nth(1).unwrap().split(',').next().unwrap();
    let signed: serde_json::Map<String, Value> =
        part("SignedHeaders").split(';').map(|name| (name.to_owned(), headers[name].clone())).collect();
    let signature = moto().act(&json!({ "do": "sign", "method": "DELETE", "url": format!("{base}{target}"),
        "headers": signed, "service": "emr-serverless", "region": "eu-west-3",
        "key": moto().told["EMR_KEY"], "secret": moto().told["EMR_SECRET"] }));
    assert_eq!(part("Signature"), signature.as_str().unwrap());
}
