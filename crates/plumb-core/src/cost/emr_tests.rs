use super::*;
use serde_json::json;

/// 2026-10-02T04:00:00Z, and minutes after it, as EMR writes times: seconds with a fraction.
const BEGIN: i64 = 1_790_913_600;

fn minute(minutes: i64) -> Value {
    json!((BEGIN + minutes * 60) as f64 + 0.4)
}

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_second(BEGIN + minutes * 60).unwrap()
}

fn timeline(created: i64, ready: Option<i64>, ended: Option<i64>) -> Value {
    let mut times = json!({"CreationDateTime": minute(created)});
    for (name, at) in [("ReadyDateTime", ready), ("EndDateTime", ended)] {
        if let Some(at) = at {
            times[name] = minute(at);
        }
    }
    times
}

fn cluster(state: &str, code: &str, ended: Option<i64>) -> Value {
    json!({"Id": "j-1", "Name": "etl-2026-09", "NormalizedInstanceHours": 64, "Status": {"State": state,
        "StateChangeReason": {"Code": code, "Message": ""}, "Timeline": timeline(0, Some(10), ended)}})
}

fn node(kind: &str, market: &str, created: i64, ready: Option<i64>, ended: Option<i64>) -> Value {
    json!({"Id": "ci-1", "Ec2InstanceId": "i-1", "InstanceType": kind, "Market": market, "InstanceGroupId": "ig-1",
        "Status": {"State": if ended.is_some() { "TERMINATED" } else { "RUNNING" }, "Timeline": timeline(created, ready, ended)}})
}

fn step(id: &str, state: &str, started: Option<i64>, ended: Option<i64>) -> Value {
    let mut step = json!({"Id": id, "Name": id, "Config": {"Args": ["--month", "2026-09"]},
        "Status": {"State": state, "Timeline": {"CreationDateTime": minute(0)}}});
    for (name, at) in [("StartDateTime", started), ("EndDateTime", ended)] {
        if let Some(at) = at {
            step["Status"]["Timeline"][name] = minute(at);
        }
    }
    step
}

fn answers() -> ClusterAnswers {
    ClusterAnswers {
        cluster: cluster("TERMINATED", "ALL_STEPS_COMPLETED", Some(130)),
        steps: Ok(vec![step("b", "COMPLETED", Some(70), Some(125)), step("a", "COMPLETED", Some(10), Some(70))]),
        instances: Ok(vec![
            node("m5.xlarge", "ON_DEMAND", 2, Some(8), Some(130)),
            node("r5.xlarge", "ON_DEMAND", 2, Some(8), Some(130)),
            node("r5.xlarge", "SPOT", 20, Some(25), Some(60)),
        ]),
        groups: None,
        fleets: None,
        scaling: None,
    }
}

fn told(run: &KeptRun) -> Vec<(&str, Market, u64, u64)> {
    run.nodes.iter().map(|n| (n.node_type.as_str(), n.market, n.seconds.low / 60, n.seconds.high / 60)).collect()
}

#[test]
fn nodes_count_from_between_creation_and_readiness_to_their_end() {
    let run = facts(&answers(), None, at(200));
    assert_eq!(
        told(&run),
        [
            ("m5.xlarge", Market::OnDemand, 122, 128),
            ("r5.xlarge", Market::OnDemand, 122, 128),
            ("r5.xlarge", Market::Spot, 35, 40)
        ]
    );
    assert_eq!(run.nodes[0].why.as_deref(), Some(LAUNCH));
    assert_eq!((run.outcome, run.unknown.len(), run.normalized_instance_hours), (RunResult::Succeeded, 0, None));
    // Its work ends with its last step, its nodes with the cluster.
    assert_eq!((run.started, run.ended, run.is_settled()), (Some(at(0)), Some(at(125)), true));
    let stages: Vec<_> = run.stages.iter().map(|s| (s.name.as_str(), s.seconds / 60)).collect();
    assert_eq!(stages, [("start", 10), ("run", 115), ("run/a", 60), ("run/b", 55)]);
}

#[test]
fn odd_nodes_count_for_what_is_sure_of_them() {
    for (node, wanted) in [
        // The least that counts is a minute.
        (node("t", "SPOT", 1, Some(1), Some(1)), (60, 60)),
        // It may have been there, or not.
        (node("t", "SPOT", 1, None, Some(11)), (0, 600)),
        (node("t", "SPOT", 1, None, Some(1)), (0, 60)),
        // No end of its own: the cluster's.
        (node("t", "SPOT", 10, Some(10), None), (7200, 7200)),
        // No creation.
        (
            json!({"InstanceType": "t", "Market": "SPOT", "Status": {"Timeline": {"ReadyDateTime": minute(10), "EndDateTime": minute(20)}}}),
            (600, 600),
        ),
        // An end behind that of the cluster.
        (node("t", "SPOT", 10, Some(10), Some(900)), (7200, 7200)),
    ] {
        let run = facts(&ClusterAnswers { instances: Ok(vec![node]), ..answers() }, None, at(200));
        assert_eq!((run.nodes[0].seconds.low, run.nodes[0].seconds.high), wanted);
        assert_eq!(run.nodes[0].why.is_some(), wanted.0 != wanted.1);
    }
    let mut waits = node("t", "SPOT", 1, None, None);
    waits["Status"]["State"] = json!("AWAITING_FULFILLMENT");
    let illegible =
        [json!(null), json!({"InstanceType": null}), json!({"InstanceType": "t", "Status": {"Timeline": null}})];
    let instances = [vec![waits, node("odd", "RESERVED", 0, Some(0), Some(1))], illegible.to_vec()].concat();
    let run = facts(&ClusterAnswers { instances: Ok(instances), ..answers() }, None, at(200));
    assert_eq!(told(&run), [("odd", Market::Unknown, 1, 1)]);
    assert_eq!(run.unknown, ["3 nodes say no type or no time, and are not counted"]);
}

#[test]
fn how_it_ended_is_told_by_its_steps_first() {
    let ends = |state: &str, code: &str, ended: Option<i64>, steps: &[(&str, &str)]| {
        let steps = steps.iter().enumerate().map(|(n, (name, state))| {
            let is_over = !matches!(*state, "RUNNING" | "PENDING");
            let mut step = step(name, state, Some(10 + n as i64), is_over.then_some(20 + n as i64));
            step["Status"]["Timeline"]["CreationDateTime"] = minute(n as i64);
            step
        });
        let answers = ClusterAnswers { cluster: cluster(state, code, ended), steps: Ok(steps.collect()), ..answers() };
        let run = facts(&answers, None, at(200));
        (run.outcome, run.ended.is_some(), run.is_settled())
    };
    use RunResult::{Cancelled, Failed, Running, Succeeded, Unknown};
    let gone = Some(130);
    for (state, code, ended, steps, wanted) in [
        ("TERMINATED", "ALL_STEPS_COMPLETED", gone, &[][..], (Succeeded, true, true)),
        ("TERMINATED", "USER_REQUEST", gone, &[], (Unknown, true, false)),
        ("TERMINATED_WITH_ERRORS", "BOOTSTRAP_FAILURE", gone, &[], (Failed, true, true)),
        ("TERMINATED_WITH_ERRORS", "STEP_FAILURE", gone, &[("a", "FAILED"), ("b", "CANCELLED")], (Failed, true, true)),
        ("TERMINATED", "USER_REQUEST", gone, &[("a", "COMPLETED"), ("b", "CANCELLED")], (Cancelled, true, true)),
        ("TERMINATED", "USER_REQUEST", gone, &[("a", "COMPLETED")], (Succeeded, true, true)),
        // It was run again, and then it went well.
        ("TERMINATED", "USER_REQUEST", gone, &[("a", "FAILED"), ("a", "COMPLETED")], (Succeeded, true, true)),
        ("TERMINATED", "USER_REQUEST", gone, &[("a", "FAILED"), ("b", "COMPLETED")], (Failed, true, true)),
        ("TERMINATED_WITH_ERRORS", "INSTANCE_FAILURE", gone, &[("a", "RUNNING")], (Failed, true, true)),
        ("RUNNING", "", None, &[("a", "COMPLETED"), ("b", "RUNNING")], (Running, false, false)),
        // It waits for more: its work is done, and its nodes still cost.
        ("WAITING", "", None, &[("a", "COMPLETED")], (Succeeded, true, false)),
        ("WAITING", "", None, &[("a", "FAILED")], (Failed, true, false)),
        ("STARTING", "", None, &[], (Running, false, false)),
    ] {
        assert_eq!(ends(state, code, ended, steps), wanted, "{state} {code} {steps:?}");
    }
}

#[test]
fn nodes_that_are_forgotten_follow_from_what_was_asked_for() {
    let group = |role: &str, kind: &str, market: &str, count: u64| {
        json!({"Id": "ig", "InstanceGroupType": role, "InstanceType": kind, "Market": market, "RequestedInstanceCount": count,
            "RunningInstanceCount": 0, "Status": {"State": "TERMINATED", "Timeline": timeline(0, Some(10), Some(130))}})
    };
    let groups = vec![
        group("MASTER", "m5.xlarge", "ON_DEMAND", 1),
        group("CORE", "r5.xlarge", "ON_DEMAND", 2),
        group("TASK", "r5.xlarge", "SPOT", 3),
    ];
    let later = at(60 * 24 * 45);
    let gone = ClusterAnswers { instances: Ok(Vec::new()), groups: Some(Ok(groups.clone())), ..answers() };
    assert!(
        needs_groups(&gone.cluster, &gone.instances, later) && needs_groups(&gone.cluster, &gone.instances, at(200))
    );
    assert!(!needs_groups(&gone.cluster, &answers().instances, at(200)));
    assert!(needs_groups(&gone.cluster, &Err("403".into()), at(200)));
    let run = facts(&gone, None, later);
    assert_eq!(
        told(&run),
        [
            ("m5.xlarge", Market::OnDemand, 120, 130),
            ("r5.xlarge", Market::OnDemand, 240, 260),
            ("r5.xlarge", Market::Spot, 0, 390)
        ]
    );
    assert!(run.unknown[0].contains("EMR forgets them after 30 days") && run.is_settled(), "{:?}", run.unknown);

    // Managed scaling: one core node at least, and all of its most.
    let policy = json!({"ManagedScalingPolicy": {"ComputeLimits": {"UnitType": "Instances", "MinimumCapacityUnits": 2, "MaximumCapacityUnits": 8}}});
    let run = facts(&ClusterAnswers { scaling: Some(policy), ..gone.clone() }, None, later);
    assert_eq!(told(&run)[1..], [("r5.xlarge", Market::OnDemand, 120, 1040), ("r5.xlarge", Market::Spot, 0, 1040)]);
    // Some are left, of a cluster that was there for longer than EMR remembers: at least those.
    let run = facts(&ClusterAnswers { groups: Some(Ok(groups)), ..answers() }, None, later);
    assert_eq!(told(&run)[2], ("r5.xlarge", Market::Spot, 35, 390));
    assert!(run.unknown[0].contains("forgotten"), "{:?}", run.unknown);
    // Neither: what EMR counted, marked so.
    for groups in [None, Some(Err("403".to_owned()))] {
        let run = facts(&ClusterAnswers { groups, ..gone.clone() }, None, later);
        assert_eq!((run.nodes.len(), run.normalized_instance_hours), (0, Some(64)));
        assert!(run.unknown.iter().any(|why| why.contains("normalized hours")), "{:?}", run.unknown);
    }
}

#[test]
fn of_a_fleet_it_is_forgotten_which_types_it_got() {
    let fleet = |name: &str, on_demand: u64, spot: u64, types: &[(&str, u64)]| {
        let types: Vec<Value> =
            types.iter().map(|(kind, weight)| json!({"InstanceType": kind, "WeightedCapacity": weight})).collect();
        json!({"InstanceFleetType": name, "TargetOnDemandCapacity": on_demand, "TargetSpotCapacity": spot, "InstanceTypeSpecifications": types,
            "LaunchSpecifications": {"SpotSpecification": {"TimeoutAction": "SWITCH_TO_ON_DEMAND"}},
            "Status": {"Timeline": timeline(0, Some(10), Some(130))}})
    };
    let fleets = vec![
        fleet("MASTER", 1, 0, &[("m6g.xlarge", 1)]),
        fleet("CORE", 0, 20, &[("r6g.2xlarge", 8), ("r5.4xlarge", 16)]),
    ];
    let answers = ClusterAnswers { instances: Err("403".into()), fleets: Some(Ok(fleets)), ..answers() };
    let run = facts(&answers, None, at(200));
    assert_eq!(
        told(&run),
        [
            ("m6g.xlarge", Market::OnDemand, 120, 130),
            ("r5.4xlarge", Market::Unknown, 0, 260),
            ("r6g.2xlarge", Market::Unknown, 0, 390)
        ]
    );
    assert!(!run.is_settled() && run.unknown[0].starts_with(NOT_READ), "{:?}", run.unknown);
}

#[test]
fn a_cluster_that_worked_for_several_periods_is_divided() {
    let month = |id: &str, month: &str, made: i64, ended: i64| {
        let mut step = step(id, "COMPLETED", Some(made), Some(ended));
        step["Status"]["Timeline"]["CreationDateTime"] = minute(made);
        step["Config"]["Args"] = json!([month]);
        step
    };
    let steps = vec![month("c", "2026-09", 80, 90), month("a", "2026-08", 20, 40), month("b", "", 45, 50)];
    let said = |step: &Value| step["Config"]["Args"][0].as_str().filter(|month| !month.is_empty()).map(str::to_owned);
    let answers = ClusterAnswers {
        steps: Ok(steps.clone()),
        instances: Ok(vec![node("t", "ON_DEMAND", 0, Some(10), Some(130))]),
        ..answers()
    };
    let parts = parts(&answers.cluster, &steps, said, at(200));
    let periods: Vec<&str> = parts.iter().map(|(period, _)| period.as_str()).collect();
    assert_eq!(periods, ["2026-08", "2026-09"]);
    let runs: Vec<KeptRun> = parts.iter().map(|(_, part)| facts(&answers, Some(part), at(200))).collect();
    // 30 of the 80 minutes that it was there for it; idle time goes to the one before.
    assert_eq!(
        (told(&runs[0]), told(&runs[1])),
        (vec![("t", Market::OnDemand, 30, 80)], vec![("t", Market::OnDemand, 10, 50)])
    );
    assert_eq!(runs.iter().map(|run| run.node_seconds().high).sum::<u64>(), 130 * 60, "all of it, and none twice");
    assert_eq!((runs[0].ended, runs[1].started), (Some(at(50)), Some(at(80))));
    assert_eq!(runs[0].stages.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["start", "run", "run/a", "run/b"]);
    assert_eq!(super::parts(&answers.cluster, &steps[..1], said, at(200)), []);
}

#[test]
fn an_answer_without_anything_is_no_reason_to_fall_over() {
    for odd in [
        json!(null),
        json!({}),
        json!({"Id": 7, "Status": []}),
        json!({"Status": {"State": null, "Timeline": {"EndDateTime": "soon"}}}),
    ] {
        let answers = ClusterAnswers {
            cluster: odd.clone(),
            steps: Ok(vec![odd.clone()]),
            instances: Ok(vec![odd.clone()]),
            groups: Some(Ok(vec![odd.clone()])),
            fleets: Some(Ok(vec![odd.clone()])),
            scaling: Some(odd),
        };
        let run = facts(&answers, None, at(0));
        assert!(run.nodes.is_empty() && !run.is_settled(), "{run:?}");
    }
}
