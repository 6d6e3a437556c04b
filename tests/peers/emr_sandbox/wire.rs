//! Signatures, regions, faults, the log, the state file.

use super::server::{REGION, Server, asked, client, step};
use plumb_model::call::{Call, Method, Service, ServiceError, System};
use plumb_sandbox::SandboxOptions;
use serde_json::{Value, json};

fn list() -> Call {
    Call::set(System::Emr, Method::Post, "/elasticmapreduce/ListClusters", json!({}))
}

#[tokio::test]
async fn only_what_is_rightly_signed_is_answered() {
    let server = Server::start().await;
    server.run(asked("one", true, false, &[])).await;
    let caller = server.emr.caller().await.unwrap();
    assert_eq!(
        (caller.account.as_str(), caller.arn.as_str()),
        ("123456789012", "arn:aws:iam::123456789012:user/plumb")
    );
    // Another region is another list.
    let other = client(&server.running, "eu-west-1", &[]).unwrap();
    assert_eq!(other.send(&list()).await.unwrap().body, json!({ "Clusters": [] }));
    for (change, says) in [
        (("AWS_SECRET_ACCESS_KEY", "other"), "does not fit the access key"),
        (("AWS_ACCESS_KEY_ID", "other"), "AWS knows no such credentials"),
    ] {
        let stranger = client(&server.running, REGION, &[change]).unwrap();
        for call in [list(), Call::get(System::Emr, "/emr-serverless/applications")] {
            let fault = stranger.send(&call).await.unwrap_err();
            assert!(
                matches!(fault, ServiceError::Refused { status: 403, .. }) && fault.to_string().contains(says),
                "{fault}"
            );
        }
        assert!(stranger.caller().await.unwrap_err().to_string().contains(says));
    }
    // Without a signature there is no answer at all, and the sandbox's own endpoints need none.
    let url = server.running.emr_url().unwrap();
    for path in ["/", "/applications"] {
        let answer = reqwest::get(format!("{url}{path}")).await.unwrap();
        assert_eq!(answer.status(), 403, "{path}");
        assert!(!answer.headers()["x-amzn-requestid"].is_empty());
        assert!(answer.text().await.unwrap().contains("Missing Authentication Token"));
    }
    assert_eq!(server.control("GET", "faults", Value::Null).await, json!([]));
}

#[tokio::test]
async fn faults_strike_by_operation_and_are_waited_out() {
    let server = Server::start().await;
    let throttled = json!({ "path": "/elasticmapreduce/ListClusters", "status": 429, "times": 2 });
    let failing = json!({ "path": "/elasticmapreduce/ListClusters", "status": 500 });
    server.control("POST", "faults", json!([throttled, failing])).await;
    server.get("ListClusters", json!({})).await;
    let log = server.control("GET", "requests", Value::Null).await;
    let seen: Vec<(&str, i64)> = log
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (entry["path"].as_str().unwrap(), entry["status"].as_i64().unwrap()))
        .collect();
    let path = "/elasticmapreduce/ListClusters";
    assert_eq!(seen, [(path, 400), (path, 400), (path, 500), (path, 200)], "EMR says 400 to who is too fast");
    // The answer to a create is lost, and the cluster is there: it is not asked for twice.
    server
        .control("POST", "faults", json!({ "path": "/elasticmapreduce/RunJobFlow", "drop": true, "when": "after" }))
        .await;
    let create =
        Call::create(System::Emr, "/elasticmapreduce/RunJobFlow", asked("lost", true, false, &[]), "/JobFlowId");
    let fault = server.emr.send(&create).await.unwrap_err();
    assert!(matches!(fault, ServiceError::Lost { .. }), "{fault}");
    assert_eq!(server.get("ListClusters", json!({})).await["Clusters"].as_array().unwrap().len(), 1);
    server.control("POST", "faults", json!({ "path": "/elasticmapreduce/*", "status": 403 })).await;
    let refused = server.refused("ListClusters", json!({})).await;
    assert!(refused.contains("it takes the permission elasticmapreduce:ListClusters"), "{refused}");
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_and_nothing_is_made() {
    let server = Server::start().await;
    let with = |change: fn(&mut Value)| {
        let mut request = asked("x", true, false, &[step("s", "CONTINUE")]);
        change(&mut request);
        request
    };
    let cases: [(Value, &str); 16] = [
        (
            with(|r| r["Name"] = Value::Null),
            "Value null at 'name' failed to satisfy constraint: Member must not be null",
        ),
        (with(|r| r["Name"] = json!("a`b")), "may not contain the characters"),
        (with(|r| r["ReleaseLabel"] = json!("emr-six")), "The supplied release label is invalid: emr-six."),
        // Of the right form, but no release.
        (with(|r| r["ReleaseLabel"] = json!("emr-6.99.0")), "The supplied release label is invalid: emr-6.99.0."),
        (with(|r| r["AmiVersion"] = json!("3.8")), "Only one AMI version and release label may be specified."),
        (with(|r| r["ServiceRole"] = Value::Null), "ServiceRole is required for creating cluster."),
        (with(|r| r["Instances"] = Value::Null), "Value null at 'instances'"),
        (with(|r| r["Instances"]["InstanceGroups"] = json!([])), "At least one master instance"),
        (with(|r| r["Instances"]["InstanceGroups"][0]["InstanceRole"] = json!("LEADER")), "[MASTER, CORE, TASK]"),
        (with(|r| r["Instances"]["InstanceGroups"][1]["InstanceCount"] = json!(1_000_000_000)), "is not valid"),
        (
            with(|r| {
                r["Instances"]["InstanceFleets"] = json!([{ "InstanceFleetType": "MASTER", "TargetOnDemandCapacity": 1,
            "InstanceTypeConfigs": [{ "InstanceType": "m5.xlarge" }] }])
            }),
            "mutually exclusive",
        ),
        (with(|r| r["Steps"][0]["ActionOnFailure"] = json!("PANIC")), "at 'steps.1.member.actionOnFailure' failed"),
        (with(|r| r["Steps"][0]["HadoopJarStep"]["Jar"] = json!(1)), "SerializationException"),
        (with(|r| r["Configurations"] = json!([{ "Properties": {} }])), "has no classification"),
        (with(|r| r["AutoTerminationPolicy"] = json!({ "IdleTimeout": 59 })), "between 60 and 604800"),
        (with(|r| r["Tags"] = json!([{ "Key": "aws:x", "Value": "1" }])), "The tag 'aws:x' is not valid."),
    ];
    for (request, says) in cases {
        let refused = server.refused("RunJobFlow", request).await;
        assert!(refused.contains(says), "{says}: {refused}");
    }
    assert_eq!(server.get("ListClusters", json!({})).await["Clusters"], json!([]));
    assert!(server.refused("ListStudios", json!({})).await.contains("UnknownOperationException"));
    // The boundaries that are told: what is asked for is taken as it is.
    let id = server.run(with(|r| r["Tags"] = json!([{ "Key": "k" }]))).await;
    assert_eq!(server.cluster(&id).await["Tags"], json!([{ "Key": "k", "Value": "" }]));
    for (call, body, says) in [
        ("ListSteps", json!({ "ClusterId": id, "StepIds": ["s-1"] }), "Step id 's-1' is not valid."),
        ("ListSteps", json!({ "ClusterId": id, "StepIds": vec!["s"; 11] }), "At most 10"),
        ("ListSteps", json!({ "ClusterId": id, "Marker": "page-9999999999999999999999" }), "Marker"),
        ("ListInstanceFleets", json!({ "ClusterId": id }), "uses instance groups"),
        ("ListInstances", json!({ "ClusterId": id, "InstanceFleetId": "if-1" }), "uses instance groups"),
        ("DescribeStep", json!({ "ClusterId": id, "StepId": "s-1" }), "Step id 's-1' is not valid."),
        ("TerminateJobFlows", json!({ "JobFlowIds": [id, "j-NOPE"] }), "Specified job flow ID does not exist."),
        ("TerminateJobFlows", json!({ "JobFlowIds": [] }), "At least one"),
        ("AddTags", json!({ "ResourceId": "j-NOPE", "Tags": [] }), "Cluster id 'j-NOPE' is not valid."),
    ] {
        let refused = server.refused(call, body).await;
        assert!(refused.contains(says), "{says}: {refused}");
    }
    assert_eq!(server.state(&id).await, "BOOTSTRAPPING", "a call with an unknown id ends nothing");
}

#[tokio::test]
async fn a_state_file_keeps_the_account_and_an_old_one_has_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    std::fs::write(&path, r#"{"format":1,"serial":7,"settings":{},"databricks":{}}"#).unwrap();
    let kept = || SandboxOptions { state: Some(path.clone()), ..SandboxOptions::default() };
    let server = Server::with(kept()).await;
    let id = server.run(asked("kept", true, true, &[step("s", "CONTINUE")])).await;
    let before = server.cluster(&id).await;
    server.running.stop().await.unwrap();
    let server = Server::with(kept()).await;
    let after = server.cluster(&id).await;
    assert_eq!((&after["Name"], &after["ClusterArn"]), (&before["Name"], &before["ClusterArn"]));
    assert_eq!(after["Status"]["State"], "BOOTSTRAPPING", "the look was kept, too");
    server.running.stop().await.unwrap();
    // More of it, without a server.
    let ids = plumb_sandbox::seed_state(&path, &json!({ "emr": "monthly" })).unwrap();
    assert_eq!(ids["emr"]["clusters"].as_object().unwrap().len(), 10);
    let text =
        plumb_sandbox::seed_state(&path, &json!({ "emr": { "clusters": [{ "run": { "Name": "x" } }] } })).unwrap_err();
    assert_eq!(text.to_string(), "the seed does not fit: emr.clusters[0]: A release label must be specified.");
    let ended = json!({ "run": asked("x", true, false, &[]), "state": "TERMINATED" });
    let text = plumb_sandbox::seed_state(&path, &json!({ "emr": { "clusters": [ended] } })).unwrap_err().to_string();
    assert!(text.contains("`ended` belongs to an ended cluster"), "{text}");
    let server = Server::with(kept()).await;
    assert_eq!(server.get("ListClusters", json!({})).await["Clusters"].as_array().unwrap().len(), 11);
}

#[tokio::test]
async fn an_arn_in_a_path_is_sent_and_signed_as_aws_reads_it() {
    let server = Server::start().await;
    let asked = json!({ "name": "app", "releaseLabel": "emr-7.1.0", "type": "SPARK", "clientToken": "t" });
    let create = Call::create(System::Emr, "/emr-serverless/applications", asked, "/applicationId");
    let arn = server.emr.send(&create).await.unwrap().body["arn"].as_str().unwrap().to_owned();
    let path = format!("/emr-serverless/tags/{}", plumb_model::text::percent_encoded(&arn));
    let tag = Call::set(System::Emr, Method::Post, path.clone(), json!({ "tags": { "a": "1", "b c": "2" } }));
    server.emr.send(&tag).await.unwrap();
    server
        .emr
        .send(&Call::delete(System::Emr, path.clone()).query("tagKeys", "b c").query("tagKeys", "z"))
        .await
        .unwrap();
    let tags = server.emr.send(&Call::get(System::Emr, path)).await.unwrap();
    assert_eq!(tags.body, json!({ "tags": { "a": "1" } }));
}
