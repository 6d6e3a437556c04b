use super::*;
use serde_json::json;

/// 2026-10-02T04:00:00Z in milliseconds; times below are in minutes after it.
const BEGIN: i64 = 1_790_913_600_000;

fn minute(minutes: i64) -> i64 {
    BEGIN + minutes * 60_000
}

fn now() -> Timestamp {
    Timestamp::from_millisecond(minute(200)).unwrap()
}

fn spec() -> Value {
    json!({"spark_version": "16.4.x-scala2.12", "node_type_id": "m5.xlarge", "driver_node_type_id": "r5.large", "num_workers": 4,
        "aws_attributes": {"first_on_demand": 2, "availability": "SPOT"}})
}

/// As `runs/list` answers with `expand_tasks`.
fn run() -> Value {
    json!({"job_id": 1, "run_id": 88, "run_name": "etl", "trigger": "ONE_TIME", "start_time": minute(0), "end_time": minute(100),
        "setup_duration": 0, "execution_duration": 0, "run_duration": 6_000_000, "queue_duration": 5_000,
        "state": {"life_cycle_state": "TERMINATED", "result_state": "SUCCESS"},
        "status": {"state": "TERMINATED", "termination_details": {"code": "SUCCESS"}},
        "job_parameters": [{"name": "month", "default": "none", "value": "2026-09"}, {"name": "mode", "default": "full"}],
        "overriding_parameters": {"notebook_params": {"day": "1"}},
        "job_clusters": [{"job_cluster_key": "main", "new_cluster": spec()}],
        "tasks": [
            {"task_key": "clean", "run_id": 881, "job_cluster_key": "main", "cluster_instance": {"cluster_id": "c-1"}, "notebook_task": {},
                "start_time": minute(0), "setup_duration": 300_000, "execution_duration": 1_500_000, "end_time": minute(30)},
            {"task_key": "score", "run_id": 882, "job_cluster_key": "main", "cluster_instance": {"cluster_id": "c-1"}, "notebook_task": {},
                "start_time": minute(30), "setup_duration": 0, "execution_duration": 4_200_000, "end_time": minute(100)}]})
}

fn event(at: i64, kind: &str, current: Option<u64>, target: Option<u64>) -> Value {
    let mut details = json!({});
    for (name, count) in [("current_num_workers", current), ("target_num_workers", target)] {
        if let Some(count) = count {
            details[name] = json!(count);
        }
    }
    json!({"cluster_id": "c-1", "timestamp": minute(at), "type": kind, "details": details})
}

fn answers(run: Value, events: Result<Vec<Value>, String>) -> RunAnswers {
    let trail = ClusterTrail { events, described: None };
    RunAnswers { run, clusters: BTreeMap::from([("c-1".to_owned(), trail)]), pools: BTreeMap::new() }
}

/// Type, market, and minutes.
fn told(run: &KeptRun) -> Vec<(&str, Market, u64, u64)> {
    run.nodes.iter().map(|n| (n.node_type.as_str(), n.market, n.seconds.low / 60, n.seconds.high / 60)).collect()
}

use Market::{OnDemand, Spot};

#[test]
fn without_events_nodes_follow_from_the_spec() {
    let run = facts(&answers(run(), Ok(Vec::new())), now());
    // The driver and the first worker are on demand; they came within the five minutes of the setup.
    assert_eq!(
        told(&run),
        [("m5.xlarge", OnDemand, 95, 100), ("m5.xlarge", Spot, 285, 300), ("r5.large", OnDemand, 95, 100)]
    );
    assert_eq!(
        (run.outcome, run.id.as_str(), run.unknown.len(), run.is_settled()),
        (RunResult::Succeeded, "88", 0, true)
    );
    let stages: Vec<_> = run.stages.iter().map(|s| (s.name.as_str(), s.seconds)).collect();
    assert_eq!(stages, [("queue", 5), ("start", 300), ("run", 5700), ("run/clean", 1500), ("run/score", 4200)]);
    assert_eq!(
        run.databricks,
        Some(DatabricksUse { compute: DatabricksCompute::Jobs, photon: false, measured_millidbu: None, sku: None })
    );
}

#[test]
fn events_say_how_many_workers_there_were_when() {
    let events = vec![
        event(1, "CREATING", None, None),
        event(5, "RUNNING", Some(4), Some(4)),
        event(40, "RESIZING", Some(4), Some(8)),
        event(44, "UPSIZE_COMPLETED", Some(8), Some(8)),
        event(60, "NODES_LOST", Some(7), Some(8)),
        event(102, "TERMINATING", None, None),
    ];
    let run = facts(&answers(run(), Ok(events.into_iter().rev().collect())), now());
    // Workers: 4 minutes of 0 to 4, 35 of 4, 4 of 4 to 8, 16 of 8, 42 of 7.
    let (low, high) = (35 * 4 + 4 * 4 + 16 * 8 + 42 * 7, 4 * 4 + 35 * 4 + 4 * 8 + 16 * 8 + 42 * 7);
    assert_eq!(
        told(&run),
        [("m5.xlarge", OnDemand, 97, 101), ("m5.xlarge", Spot, low - 97, high - 101), ("r5.large", OnDemand, 97, 101)]
    );
    assert!(run.nodes[1].why.as_deref().is_some_and(|why| why.contains(STARTS) && why.contains(RESIZES)));
}

#[test]
fn a_cluster_that_scales_and_left_no_events_is_between_its_bounds() {
    let mut scaled = run();
    scaled["job_clusters"][0]["new_cluster"]["autoscale"] = json!({"min_workers": 2, "max_workers": 6});
    for events in [Ok(Vec::new()), Ok(vec![json!(null), json!({"timestamp": "soon"})])] {
        let run = facts(&answers(scaled.clone(), events), now());
        assert_eq!(told(&run)[1], ("m5.xlarge", Spot, 95, 500));
        assert!(run.nodes[1].why.as_deref().is_some_and(|why| why.contains(NO_EVENTS)) && run.is_settled());
    }
    let run = facts(&answers(scaled, Err("403".into())), now());
    assert!(
        !run.is_settled() && run.unknown[0].starts_with("not read: the events of cluster c-1"),
        "{:?}",
        run.unknown
    );
}

#[test]
fn how_nodes_are_bought_is_as_the_spec_says_and_else_not_known() {
    let bought = |attributes: Value| {
        let mut run = run();
        run["job_clusters"][0]["new_cluster"]["aws_attributes"] = attributes;
        let run = facts(&answers(run, Ok(Vec::new())), now());
        let high = |market: Market| {
            run.nodes.iter().filter(|n| n.market == market).map(|n| n.seconds.high / 6000).sum::<u64>()
        };
        [high(OnDemand), high(Spot), high(Market::Unknown)]
    };
    assert_eq!(bought(json!({"first_on_demand": 1, "availability": "SPOT"})), [1, 4, 0]);
    assert_eq!(bought(json!({"first_on_demand": 0, "availability": "SPOT"})), [0, 5, 0]);
    assert_eq!(bought(json!({"first_on_demand": 9, "availability": "SPOT"})), [5, 0, 0]);
    assert_eq!(bought(json!({"availability": "ON_DEMAND"})), [5, 0, 0]);
    assert_eq!(
        bought(json!({"first_on_demand": 1, "availability": "SPOT_WITH_FALLBACK"})),
        [1, 0, 4],
        "it may have fallen back"
    );
    assert_eq!(bought(json!(null)), [0, 0, 5]);
}

#[test]
fn a_pool_says_the_type_and_how_it_buys() {
    let mut pooled = run();
    pooled["job_clusters"][0]["new_cluster"] =
        json!({"spark_version": "16.4.x-photon-scala2.12", "instance_pool_id": "p-1", "num_workers": 1});
    let pool = json!({"node_type_id": "i3.xlarge", "aws_attributes": {"availability": "SPOT"}});
    let mut answers = answers(pooled, Ok(Vec::new()));
    answers.pools.insert("p-1".into(), Ok(pool));
    let run = facts(&answers, now());
    assert_eq!(told(&run), [("i3.xlarge", Spot, 190, 200)]);
    assert!(run.databricks.unwrap().photon);
    answers.pools.insert("p-1".into(), Err("403".into()));
    let run = facts(&answers, now());
    assert!(run.nodes.is_empty() && !run.is_settled());
    assert_eq!(run.unknown.len(), 2, "{:?}", run.unknown);
}

#[test]
fn what_ran_without_nodes_is_told_and_never_counts_as_nothing() {
    let with = |task: Value| {
        let mut all = run();
        let mut whole =
            json!({"task_key": "t", "start_time": minute(0), "execution_duration": 60_000, "end_time": minute(100)});
        whole.as_object_mut().unwrap().append(&mut task.as_object().unwrap().clone());
        all["tasks"] = json!([whole]);
        let run = facts(&answers(all, Ok(Vec::new())), now());
        (run.databricks.unwrap().compute, run.unknown)
    };
    let (compute, unknown) = with(json!({"notebook_task": {}}));
    assert_eq!(compute, DatabricksCompute::JobsServerless);
    assert!(unknown[0].contains("system.billing.usage"), "{unknown:?}");
    let (compute, unknown) = with(json!({"sql_task": {"warehouse_id": "w"}}));
    assert_eq!(
        (compute, unknown[0].as_str()),
        (DatabricksCompute::Unknown, "what task t used: it ran on a SQL warehouse")
    );
    let (compute, unknown) = with(json!({"notebook_task": {}, "existing_cluster_id": "c-9"}));
    assert_eq!(compute, DatabricksCompute::AllPurpose);
    assert!(unknown[0].contains("the nodes of cluster c-9"), "{unknown:?}");
    // What never began used nothing.
    let (compute, unknown) = with(json!({"notebook_task": {}, "execution_duration": 0}));
    assert_eq!((compute, unknown.len()), (DatabricksCompute::Unknown, 0));
}

#[test]
fn of_a_shared_cluster_the_time_of_the_run_counts() {
    let mut shared = run();
    shared["tasks"] = json!([{"task_key": "t", "existing_cluster_id": "c-1", "notebook_task": {}, "start_time": minute(10),
        "setup_duration": 0, "execution_duration": 3_600_000, "end_time": minute(70)}]);
    let events = vec![
        event(-300, "RUNNING", Some(4), Some(4)),
        event(40, "RESIZING", Some(4), Some(2)),
        event(41, "RUNNING", Some(2), Some(2)),
    ];
    let trail = ClusterTrail { events: Ok(events), described: Some(Ok(spec())) };
    let answers =
        RunAnswers { run: shared, clusters: BTreeMap::from([("c-1".to_owned(), trail)]), pools: BTreeMap::new() };
    let run = facts(&answers, now());
    // 30 minutes of 4, one of 2 to 4, 29 of 2; one of them on demand.
    assert_eq!(
        told(&run),
        [
            ("m5.xlarge", OnDemand, 60, 60),
            ("m5.xlarge", Spot, 30 * 3 + 1 + 29, 30 * 3 + 3 + 29),
            ("r5.large", OnDemand, 60, 60)
        ]
    );
    assert!(run.unknown[0].contains("is there for others too"), "{:?}", run.unknown);
}

#[test]
fn how_a_run_ended_is_read_in_both_forms() {
    use RunResult::{Cancelled, Failed, Running, Succeeded, Unknown};
    for (state, status, wanted) in [
        (json!({"life_cycle_state": "TERMINATED", "result_state": "SUCCESS"}), json!(null), Succeeded),
        (json!({"life_cycle_state": "TERMINATED", "result_state": "SUCCESS_WITH_FAILURES"}), json!(null), Succeeded),
        (json!({"life_cycle_state": "TERMINATED", "result_state": "FAILED"}), json!(null), Failed),
        (json!({"life_cycle_state": "TERMINATED", "result_state": "TIMEDOUT"}), json!(null), Failed),
        (json!({"life_cycle_state": "TERMINATED", "result_state": "CANCELED"}), json!(null), Cancelled),
        (json!({"life_cycle_state": "INTERNAL_ERROR", "result_state": "FAILED"}), json!(null), Failed),
        (json!({"life_cycle_state": "SKIPPED"}), json!(null), Failed),
        (json!({"life_cycle_state": "RUNNING"}), json!(null), Running),
        (json!(null), json!({"state": "QUEUED"}), Running),
        (json!(null), json!({"state": "TERMINATED", "termination_details": {"code": "SUCCESS"}}), Succeeded),
        (json!(null), json!({"state": "TERMINATED", "termination_details": {"code": "USER_CANCELED"}}), Cancelled),
        (json!(null), json!({"state": "TERMINATED", "termination_details": {"code": "CLUSTER_ERROR"}}), Failed),
        (json!(null), json!({"state": "TERMINATED"}), Unknown),
        (json!(null), json!(null), Unknown),
    ] {
        let mut run = run();
        (run["state"], run["status"]) = (state.clone(), status.clone());
        let told = facts(&answers(run, Ok(Vec::new())), now());
        assert_eq!(told.outcome, wanted, "{state} {status}");
        assert_eq!(told.ended.is_some(), wanted != Running);
    }
}

#[test]
fn parameters_are_the_values_that_a_run_had() {
    let wanted =
        [("month", "2026-09"), ("mode", "full"), ("day", "1")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(parameters(&run()), wanted);
    assert_eq!(trigger(&run()), RunTrigger::Unknown);
    assert_eq!(trigger(&json!({"trigger": "PERIODIC"})), RunTrigger::Scheduled);
    for odd in [json!(null), json!({"tasks": [null, 7]}), json!({"tasks": {}, "job_parameters": "x", "start_time": -1})]
    {
        let run = facts(&answers(odd, Ok(Vec::new())), now());
        assert!(run.nodes.is_empty() && !run.is_settled(), "{run:?}");
    }
}
