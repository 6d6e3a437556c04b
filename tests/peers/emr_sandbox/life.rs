//! How clusters and steps go from state to state.

use super::server::{NOW, Server, asked, step};
use serde_json::{Value, json};

#[tokio::test]
async fn a_transient_cluster_lives_by_the_clock_and_ends_with_its_last_step() {
    let server = Server::start().await;
    server.counted().await;
    // Protection is no help to it: it was asked to end.
    let id = server.run(asked("once", false, true, &[step("a", "CONTINUE"), step("b", "CONTINUE")])).await;
    let mut seen = Vec::new();
    for _ in 0..27 {
        seen.push((server.state(&id).await, server.steps(&id).await.join(",")));
        server.advance(60).await;
    }
    seen.dedup();
    let expected = [
        ("STARTING", "PENDING,PENDING"),
        ("BOOTSTRAPPING", "PENDING,PENDING"),
        ("RUNNING", "RUNNING,PENDING"),
        ("RUNNING", "COMPLETED,RUNNING"),
        ("TERMINATING", "COMPLETED,COMPLETED"),
        ("TERMINATED", "COMPLETED,COMPLETED"),
    ];
    assert_eq!(seen, expected.map(|(state, steps)| (state.to_owned(), steps.to_owned())));
    let cluster = server.cluster(&id).await;
    let began = NOW / 1000;
    let at = |seconds: i64| json!((began + seconds) as f64);
    assert_eq!(
        cluster["Status"]["Timeline"],
        json!({ "CreationDateTime": at(0), "ReadyDateTime": at(120), "EndDateTime": at(120 + 1200 + 60) })
    );
    let reason = json!({ "Code": "ALL_STEPS_COMPLETED", "Message": "Steps completed" });
    assert_eq!(cluster["Status"]["StateChangeReason"], reason);
    assert_eq!(cluster["NormalizedInstanceHours"], 3 * 8, "three xlarge of which each began one hour");
    let steps = server.get("ListSteps", json!({ "ClusterId": id })).await;
    let first = &steps["Steps"][1]["Status"]["Timeline"];
    assert_eq!((&first["StartDateTime"], &first["EndDateTime"]), (&at(120), &at(720)));
    // Two months later AWS knows nothing of it.
    server.advance(63 * 86_400).await;
    assert!(server.refused("DescribeCluster", json!({ "ClusterId": id })).await.contains("NoSuchCluster"));
    assert_eq!(server.get("ListClusters", json!({})).await["Clusters"], json!([]));
}

#[tokio::test]
async fn what_a_failed_step_does() {
    let server = Server::start().await;
    let breaks = json!({ "fails": true, "message": "Exit code 1" });
    server.settings(json!({ "cluster_seconds": 60, "step_seconds": 600, "steps": { "breaks": breaks } })).await;
    for (action, keep, protected, state, code, message, after) in [
        ("CONTINUE", true, false, "WAITING", None, "Cluster ready after last step completed.", "COMPLETED"),
        ("CONTINUE", false, false, "TERMINATED", None, "Steps completed with errors", "COMPLETED"),
        ("CANCEL_AND_WAIT", true, false, "WAITING", None, "Cluster ready after last step cancelled.", "CANCELLED"),
        ("CANCEL_AND_WAIT", false, false, "TERMINATED", None, "Steps completed with errors", "CANCELLED"),
        (
            "TERMINATE_CLUSTER",
            true,
            false,
            "TERMINATED_WITH_ERRORS",
            Some("STEP_FAILURE"),
            "Shut down as step failed",
            "CANCELLED",
        ),
        ("TERMINATE_CLUSTER", true, true, "WAITING", None, "Cluster ready after last step cancelled.", "CANCELLED"),
        (
            "TERMINATE_CLUSTER",
            false,
            true,
            "TERMINATED_WITH_ERRORS",
            Some("STEP_FAILURE"),
            "Shut down as step failed",
            "CANCELLED",
        ),
    ] {
        let id = server.run(asked("x", keep, protected, &[step("breaks", action), step("after", "CONTINUE")])).await;
        server.advance(3600).await;
        let cluster = server.cluster(&id).await;
        let (status, case) = (&cluster["Status"], format!("{action}, keep {keep}, protected {protected}"));
        assert_eq!(status["State"], state, "{case}");
        let reason = &status["StateChangeReason"];
        assert_eq!((reason["Code"].as_str(), reason["Message"].as_str()), (code, Some(message)), "{case}");
        assert_eq!(server.steps(&id).await, ["FAILED", after], "{case}");
        let steps = server.get("ListSteps", json!({ "ClusterId": id, "StepStates": ["FAILED"] })).await;
        let failed = &steps["Steps"][0];
        let log = format!("s3://logs/x/{id}/steps/{}/stderr.gz", failed["Id"].as_str().unwrap());
        let details = json!({ "Reason": "Unknown Error.", "Message": "Exit code 1", "LogFile": log });
        assert_eq!(failed["Status"]["FailureDetails"], details, "{case}");
    }
}

#[tokio::test]
async fn an_idle_cluster_ends_and_one_with_steps_does_not() {
    let server = Server::start().await;
    server.counted().await;
    let mut request = asked("idle", true, false, &[]);
    request["AutoTerminationPolicy"] = json!({ "IdleTimeout": 900 });
    let id = server.run(request).await;
    server.advance(120 + 800).await;
    assert_eq!(server.state(&id).await, "WAITING");
    // Ten minutes of work; idle from then on.
    server.get("AddJobFlowSteps", json!({ "JobFlowId": id, "Steps": [step("work", "CONTINUE")] })).await;
    server.advance(600 + 899).await;
    assert_eq!(server.state(&id).await, "WAITING");
    server.advance(1).await;
    assert_eq!(server.state(&id).await, "TERMINATING");
    server.advance(60).await;
    assert_eq!(server.state(&id).await, "TERMINATED");
    for call in ["PutAutoTerminationPolicy", "RemoveAutoTerminationPolicy"] {
        let body = json!({ "ClusterId": id, "AutoTerminationPolicy": { "IdleTimeout": 60 } });
        assert!(server.refused(call, body).await.contains("may not be modified"), "{call}");
    }
}

#[tokio::test]
async fn steps_run_side_by_side_as_far_as_the_level_lets_them() {
    let server = Server::start().await;
    server.counted().await;
    let steps: Vec<Value> = (0..5).map(|n| step(&format!("s{n}"), "CONTINUE")).collect();
    let mut request = asked("wide", true, false, &steps);
    request["StepConcurrencyLevel"] = json!(2);
    let id = server.run(request).await;
    server.advance(120).await;
    assert_eq!(server.steps(&id).await, ["RUNNING", "RUNNING", "PENDING", "PENDING", "PENDING"]);
    server.get("ModifyCluster", json!({ "ClusterId": id, "StepConcurrencyLevel": 4 })).await;
    assert_eq!(server.steps(&id).await, ["RUNNING", "RUNNING", "RUNNING", "RUNNING", "PENDING"]);
    server.advance(600).await;
    assert_eq!(server.steps(&id).await, ["COMPLETED", "COMPLETED", "COMPLETED", "COMPLETED", "RUNNING"]);
    let told = json!({ "JobFlowId": id, "Steps": [step("no", "TERMINATE_CLUSTER")] });
    assert!(server.refused("AddJobFlowSteps", told).await.contains("must be CONTINUE"));
    // Ended by somebody: what ran is cancelled.
    server.get("TerminateJobFlows", json!({ "JobFlowIds": [id] })).await;
    assert_eq!(server.steps(&id).await[4], "CANCELLED");
}

#[tokio::test]
async fn a_cluster_that_cannot_start_says_why() {
    let server = Server::start().await;
    let words = "On the master instance (i-0abc), bootstrap action 1 returned a non-zero return code";
    let failures = json!({ "broken": { "code": "BOOTSTRAP_FAILURE", "message": words } });
    server.settings(json!({ "cluster_seconds": 60, "failures": failures })).await;
    let id = server.run(asked("broken", true, true, &[step("never", "CONTINUE")])).await;
    server.advance(180).await;
    let cluster = server.cluster(&id).await;
    assert_eq!(cluster["Status"]["State"], "TERMINATED_WITH_ERRORS");
    assert_eq!(cluster["Status"]["StateChangeReason"], json!({ "Code": "BOOTSTRAP_FAILURE", "Message": words }));
    assert_eq!(cluster["Status"]["ErrorDetails"][0]["ErrorMessage"], words);
    assert_eq!(cluster["Status"]["Timeline"].get("ReadyDateTime"), None);
    assert_eq!(
        (server.steps(&id).await, &cluster["NormalizedInstanceHours"]),
        (vec!["CANCELLED".to_owned()], &json!(0))
    );
}

fn fleets(action: &str) -> Value {
    let mut request = asked("fleet", true, false, &[]);
    let kind = |kind: &str, weight: i64| json!({ "InstanceType": kind, "WeightedCapacity": weight });
    let fleet = |role: &str, on_demand: i64, spot: i64| {
        json!({ "InstanceFleetType": role, "TargetOnDemandCapacity": on_demand, "TargetSpotCapacity": spot,
            "InstanceTypeConfigs": [kind("r5.xlarge", if role == "MASTER" { 1 } else { 4 }), kind("r5.2xlarge", 8)],
            "LaunchSpecifications": { "SpotSpecification": { "TimeoutDurationMinutes": 20, "TimeoutAction": action } } })
    };
    request["Instances"] = json!({ "InstanceFleets": [fleet("MASTER", 1, 0), fleet("CORE", 4, 10)],
        "KeepJobFlowAliveWhenNoSteps": true });
    request
}

#[tokio::test]
async fn fleets_get_spot_instances_or_fall_back_or_give_up() {
    let server = Server::start().await;
    server.counted().await;
    let core = |listed: &Value| {
        let fleet = &listed["InstanceFleets"][1];
        let number = |name: &str| fleet[name].as_i64().unwrap();
        (number("ProvisionedOnDemandCapacity"), number("ProvisionedSpotCapacity"))
    };
    let id = server.run(fleets("SWITCH_TO_ON_DEMAND")).await;
    server.advance(120).await;
    let listed = server.get("ListInstanceFleets", json!({ "ClusterId": id })).await;
    assert_eq!(core(&listed), (4, 12), "4 and 8 units for the 10 that were asked for");
    assert_eq!(listed["InstanceFleets"][1]["Status"]["State"], "RUNNING");
    let change = json!({ "InstanceFleetId": listed["InstanceFleets"][1]["Id"], "TargetSpotCapacity": 0 });
    server.get("ModifyInstanceFleet", json!({ "ClusterId": id, "InstanceFleet": change })).await;
    server.advance(60).await;
    let listed = server.get("ListInstanceFleets", json!({ "ClusterId": id })).await;
    assert_eq!(core(&listed), (4, 0));
    let ended = server.get("ListInstances", json!({ "ClusterId": id, "InstanceStates": ["TERMINATED"] })).await;
    assert_eq!(ended["Instances"].as_array().unwrap().len(), 2, "what was taken away is still told of");
    // Nothing to be had on the spot market.
    server.settings(json!({ "cluster_seconds": 60, "spot_available": false })).await;
    let (falls, gives) =
        (server.run(fleets("SWITCH_TO_ON_DEMAND")).await, server.run(fleets("TERMINATE_CLUSTER")).await);
    server.advance(20 * 60 - 1).await;
    assert_eq!((server.state(&falls).await.as_str(), server.state(&gives).await.as_str()), ("STARTING", "STARTING"));
    server.advance(121).await;
    assert_eq!(server.state(&falls).await, "WAITING");
    assert_eq!(core(&server.get("ListInstanceFleets", json!({ "ClusterId": falls })).await), (16, 0));
    let status = server.cluster(&gives).await["Status"].take();
    assert_eq!(
        (&status["State"], &status["StateChangeReason"]["Code"]),
        (&json!("TERMINATED_WITH_ERRORS"), &json!("INSTANCE_FLEET_TIMEOUT"))
    );
}

#[tokio::test]
async fn managed_scaling_keeps_within_its_limits() {
    let server = Server::start().await;
    server.counted().await;
    let mut request = asked("scaled", true, false, &[]);
    let task = json!({ "InstanceRole": "TASK", "InstanceType": "m5.xlarge", "InstanceCount": 3, "Market": "SPOT" });
    request["Instances"]["InstanceGroups"].as_array_mut().unwrap().push(task);
    let limits = json!({ "UnitType": "Instances", "MinimumCapacityUnits": 2, "MaximumCapacityUnits": 10, "MaximumCoreCapacityUnits": 4 });
    request["ManagedScalingPolicy"] = json!({ "ComputeLimits": limits });
    let id = server.run(request).await;
    let counts = |listed: Value| -> Vec<(i64, i64)> {
        let groups = listed["InstanceGroups"].as_array().unwrap();
        let number = |group: &Value, name: &str| group[name].as_i64().unwrap();
        groups.iter().map(|g| (number(g, "RequestedInstanceCount"), number(g, "RunningInstanceCount"))).collect()
    };
    let about = json!({ "ClusterId": id });
    server.advance(120).await;
    assert_eq!(counts(server.get("ListInstanceGroups", about.clone()).await), [(1, 1), (2, 2), (0, 0)]);
    server.get("AddJobFlowSteps", json!({ "JobFlowId": id, "Steps": [step("work", "CONTINUE")] })).await;
    assert_eq!(counts(server.get("ListInstanceGroups", about.clone()).await), [(1, 1), (4, 4), (6, 6)]);
    server.advance(600).await;
    assert_eq!(counts(server.get("ListInstanceGroups", about.clone()).await), [(1, 1), (2, 2), (0, 0)]);
    let wrong = json!({ "ClusterId": id, "ManagedScalingPolicy": { "ComputeLimits": {
        "UnitType": "InstanceFleetUnits", "MinimumCapacityUnits": 2, "MaximumCapacityUnits": 10 } } });
    assert!(server.refused("PutManagedScalingPolicy", wrong).await.contains("uses instance groups"));
}
