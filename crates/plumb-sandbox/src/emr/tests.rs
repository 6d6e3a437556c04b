//! Random requests in any order: nothing panics, every refusal is one of AWS's, and clusters keep their rules.

use super::cluster::{EmrCluster, EmrClusterState, StepState};
use super::{REGION, operation, serverless};
use crate::answer::Content;
use crate::request::Request;
use crate::settings::SandboxSettings;
use crate::store::{Clock, Store};
use proptest::prelude::*;
use serde_json::{Value, json};

const OPERATIONS: [&str; 29] = [
    "RunJobFlow",
    "RunJobFlow",
    "ListClusters",
    "DescribeCluster",
    "DescribeCluster",
    "ModifyCluster",
    "TerminateJobFlows",
    "SetTerminationProtection",
    "SetKeepJobFlowAliveWhenNoSteps",
    "SetUnhealthyNodeReplacement",
    "AddTags",
    "RemoveTags",
    "ListBootstrapActions",
    "AddJobFlowSteps",
    "AddJobFlowSteps",
    "CancelSteps",
    "ListSteps",
    "DescribeStep",
    "ListInstanceGroups",
    "ListInstanceFleets",
    "ListInstances",
    "ModifyInstanceGroups",
    "ModifyInstanceFleet",
    "PutManagedScalingPolicy",
    "PutAutoTerminationPolicy",
    "RemoveAutoTerminationPolicy",
    "CreateSecurityConfiguration",
    "DeleteSecurityConfiguration",
    "DescribeReleaseLabel",
];

fn one_of(n: u64, of: &[&'static str]) -> &'static str {
    of[usize::try_from(n).unwrap() % of.len()]
}

/// A request of a cluster that is more or less right, `n` choosing how.
fn run(n: u64, odd: &Value) -> Value {
    let step = |n: u64| {
        json!({ "Name": format!("s{}", n % 3), "HadoopJarStep": { "Jar": "command-runner.jar", "Args": [] },
            "ActionOnFailure": one_of(n, &["CONTINUE", "CANCEL_AND_WAIT", "TERMINATE_CLUSTER"]) })
    };
    let kind = json!({ "InstanceType": "r5.2xlarge", "WeightedCapacity": 1 + n % 9 });
    let fleet = |role: &str, on_demand: u64, spot: u64| {
        json!({ "InstanceFleetType": role, "TargetOnDemandCapacity": on_demand, "TargetSpotCapacity": spot,
            "InstanceTypeConfigs": [kind, { "InstanceType": "m5.large" }], "LaunchSpecifications": { "SpotSpecification":
                { "TimeoutDurationMinutes": 5, "TimeoutAction": "TERMINATE_CLUSTER" } } })
    };
    let group =
        |role: &str, count: u64| json!({ "InstanceRole": role, "InstanceType": "m5.xlarge", "InstanceCount": count });
    let mut instances =
        json!({ "KeepJobFlowAliveWhenNoSteps": n.is_multiple_of(2), "TerminationProtected": n.is_multiple_of(5) });
    match n % 4 {
        0 => instances["InstanceFleets"] = json!([fleet("MASTER", 1, 0), fleet("CORE", n % 7 + 1, n % 11)]),
        _ => instances["InstanceGroups"] = json!([group("MASTER", 1), group("CORE", n % 5 + 1), group("TASK", n % 3)]),
    }
    let mut request = json!({ "Name": format!("c{}", n % 4), "ReleaseLabel": one_of(n / 9, &["emr-6.15.0", "emr-5.20.0"]),
        "JobFlowRole": "r", "ServiceRole": "r", "Instances": instances, "Steps": [step(n), step(n + 1)] });
    if n.is_multiple_of(6) {
        request["AutoTerminationPolicy"] = json!({ "IdleTimeout": 300 });
    }
    if n.is_multiple_of(17) {
        request["Steps"] = odd.clone();
    }
    request
}

fn ids(store: &mut Store) -> Vec<(String, Vec<String>, Vec<String>)> {
    let clusters = store.emr.region(REGION).clusters.values();
    let parts = |cluster: &EmrCluster| -> Vec<String> {
        let fleets = cluster.fleets.iter().map(|fleet| fleet.id.clone());
        cluster.groups.iter().map(|group| group.id.clone()).chain(fleets).collect()
    };
    clusters.map(|c| (c.id.clone(), c.steps.iter().map(|s| s.id.clone()).collect(), parts(c))).collect()
}

fn body(store: &mut Store, name: &str, n: u64, odd: &Value) -> Value {
    let all = ids(store);
    let pick = |list: &[String]| -> Value {
        match list.len() {
            0 => json!("j-NOPE"),
            len => json!(list[usize::try_from(n).unwrap() % len]),
        }
    };
    let place = usize::try_from(n / 3).unwrap() % all.len().max(1);
    let empty = (String::from("j-NOPE"), Vec::new(), Vec::new());
    let (cluster, steps, parts) = all.get(place).unwrap_or(&empty);
    let limits = json!({ "UnitType": one_of(n, &["Instances", "InstanceFleetUnits", "VCPU"]),
        "MinimumCapacityUnits": n % 4, "MaximumCapacityUnits": n % 50 + 1, "MaximumCoreCapacityUnits": n % 6 });
    match name {
        "RunJobFlow" => run(n, odd),
        "AddJobFlowSteps" => json!({ "JobFlowId": cluster, "Steps": run(n, odd)["Steps"] }),
        "CreateSecurityConfiguration" | "DeleteSecurityConfiguration" => {
            json!({ "Name": format!("s{}", n % 2), "SecurityConfiguration": "{}" })
        }
        _ if n % 13 == 12 => odd.clone(),
        _ => json!({
            "ClusterId": cluster, "JobFlowIds": [cluster], "ResourceId": cluster, "StepId": pick(steps), "StepIds": [pick(steps)],
            "Tags": [{ "Key": format!("k{n}"), "Value": "v" }], "TagKeys": ["k1"], "TerminationProtected": n.is_multiple_of(2),
            "KeepJobFlowAliveWhenNoSteps": !n.is_multiple_of(3), "UnhealthyNodeReplacement": true, "StepConcurrencyLevel": n % 6,
            "InstanceGroups": [{ "InstanceGroupId": pick(parts), "InstanceCount": n % 8 }],
            "InstanceFleet": { "InstanceFleetId": pick(parts), "TargetSpotCapacity": n % 30, "TargetOnDemandCapacity": n % 5 },
            "ManagedScalingPolicy": { "ComputeLimits": limits }, "AutoTerminationPolicy": { "IdleTimeout": n % 1000 },
        }),
    }
}

/// What holds of every cluster at any time.
fn lawful(cluster: &EmrCluster) {
    let running =
        cluster.steps.iter().filter(|s| matches!(s.phase, StepState::Running | StepState::CancelPending)).count();
    let active = cluster.steps.iter().filter(|s| s.phase.is_active()).count();
    assert!(active <= 256 && (running == 0 || cluster.phase == EmrClusterState::Running), "{cluster:?}");
    if matches!(cluster.phase, EmrClusterState::Waiting | EmrClusterState::Terminating) || cluster.phase.has_ended() {
        assert_eq!(active, 0, "{cluster:?}");
    }
    assert!(cluster.phase != EmrClusterState::Running || running > 0, "{cluster:?}");
    assert_eq!(cluster.phase.has_ended(), cluster.ended.is_some());
    let (ready, ended) = (cluster.ready.unwrap_or(cluster.created), cluster.ended.unwrap_or(i64::MAX));
    assert!(cluster.created <= ready && ready <= ended, "{cluster:?}");
    for step in &cluster.steps {
        assert!(
            step.started.is_none_or(|s| s >= ready) && step.ended.zip(step.started).is_none_or(|(e, s)| e >= s),
            "{step:?}"
        );
    }
    let members = cluster.groups.iter().flat_map(|g| &g.members).chain(cluster.fleets.iter().flat_map(|f| &f.members));
    for member in members {
        assert!(member.ended.is_none_or(|ended| ended >= member.created), "{member:?}");
        assert!(!cluster.phase.has_ended() || member.ended.is_some(), "{member:?}");
    }
}

fn odd() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!([])),
        Just(json!(["x"])),
        Just(json!("x")),
        Just(json!({ "ClusterId": 1, "JobFlowIds": "x", "StepIds": [1], "Marker": "x" })),
        Just(json!({ "ClusterStates": ["x"], "CreatedAfter": "x", "InstanceFleet": [], "InstanceGroups": {} })),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn anything_may_be_asked(
        asked in prop::collection::vec((0..OPERATIONS.len(), 0..5000_u64, 0..900_i64), 1..60),
        odd in odd(),
        by_look in any::<bool>(),
        spot in any::<bool>(),
    ) {
        let mut store = Store::new(Clock::Fixed(1_795_377_600_000));
        store.settings = SandboxSettings::default();
        let seconds = json!(if by_look { None } else { Some(60) });
        store.settings.emr = serde_json::from_value(json!({ "cluster_seconds": seconds, "step_seconds": seconds,
            "spot_available": spot, "steps": { "s1": { "fails": true } },
            "failures": { "c3": { "code": "BOOTSTRAP_FAILURE", "message": "m" } } })).unwrap();
        for (place, n, wait) in asked {
            store.advance(wait);
            super::life::tick(&mut store);
            serverless::tick(&mut store);
            let now = store.now();
            let before = store.emr.region(REGION).clusters.clone();
            let name = OPERATIONS[place];
            let body = body(&mut store, name, n, &odd);
            let request = Request::internal("POST", &format!("/elasticmapreduce/{name}"), "", body);
            if let Err(refused) = operation(&mut store, REGION, &request) {
                let Content::Amazon { error, text, .. } = refused.content else { panic!("{name}: no answer of AWS") };
                let said: Value = serde_json::from_str(&text).unwrap();
                prop_assert_eq!(said["__type"].as_str(), error.as_deref());
                prop_assert!(refused.status == 400 && !said["message"].is_null() | !said["Message"].is_null(), "{}", text);
            }
            for (id, cluster) in &store.emr.region(REGION).clusters {
                lawful(cluster);
                let Some(was) = before.get(id) else { continue };
                if was.phase.has_ended() {
                    prop_assert_eq!(was.described(now), cluster.described(now), "what has ended changes no more");
                }
                if was.protected && name == "TerminateJobFlows" {
                    prop_assert_eq!(was.phase, cluster.phase);
                }
            }
            // The whole account goes into a state file and comes out of it.
            let dump = store.dump();
            store.restore(dump.clone()).unwrap();
            prop_assert_eq!(dump, store.dump());
        }
    }
}
