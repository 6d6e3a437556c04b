#![allow(clippy::unwrap_used)]

use super::*;
use crate::cost::price::tests::{book, run};
use serde_json::json;

fn job(clusters: &[Value]) -> Value {
    let tasks: Vec<Value> = clusters
        .iter()
        .enumerate()
        .map(|(at, cluster)| json!({"task_key": format!("t{at}"), "new_cluster": cluster}))
        .collect();
    json!({"name": "audience", "tasks": tasks})
}

fn of(node_type: &str, workers: u64, availability: &str) -> Value {
    json!({"node_type_id": node_type, "num_workers": workers, "aws_attributes": {"availability": availability},
        "spark_version": "15.4.x-scala2.12"})
}

fn hours(id: &str, hours: i64) -> KeptRun {
    let started = jiff::Timestamp::from_second(1_790_000_000).unwrap();
    let ended = jiff::Timestamp::from_second(1_790_000_000 + hours * 3600).unwrap();
    KeptRun { id: id.into(), started: Some(started), ended: Some(ended), ..run(RunSystem::Databricks) }
}

fn told(before: &[Value], after: &[Value], runs: &[KeptRun]) -> Option<String> {
    let runs: Vec<&KeptRun> = runs.iter().collect();
    cost_of_change(&job(before), &job(after), &runs, &book()).map(|change| signed(change.amount))
}

#[test]
fn workers_more_or_fewer_cost_what_they_cost_an_hour() {
    let runs = [hours("1", 2), hours("2", 4)];
    // 10 × (0.23 + 0.69 × 0.15) = 3.335 an hour
    let (few, many) = ([of("m5.xlarge", 10, "ON_DEMAND")], [of("m5.xlarge", 20, "ON_DEMAND")]);
    assert_eq!(told(&few, &many, &runs).unwrap(), "+6 to +14");
    assert_eq!(told(&many, &few, &runs).unwrap(), "-14 to -6");
    assert_eq!(told(&few, &many, &runs[..1]).unwrap(), "+6.67");
    assert_eq!(told(&few, &few, &runs), None);
    // Spot by the book: 10 × (0.07 to 0.09 + 0.1035).
    let (few, many) = ([of("m5.xlarge", 10, "SPOT")], [of("m5.xlarge", 20, "SPOT")]);
    assert_eq!(told(&few, &many, &runs[..1]).unwrap(), "+3.47 to +3.87");
}

#[test]
fn another_type_and_photon_are_priced_as_a_whole() {
    let runs = [hours("1", 1)];
    let before = [of("m5.xlarge", 1, "ON_DEMAND")];
    // 2 × (0.667 − 0.3335)
    assert_eq!(told(&before, &[of("m5.2xlarge", 1, "ON_DEMAND")], &runs).unwrap(), "+0.66 to +0.67");
    let mut photon = of("m5.xlarge", 1, "ON_DEMAND");
    photon["runtime_engine"] = json!("PHOTON");
    // 2 × (2.001 − 0.69) × 0.15
    assert_eq!(told(&before, &[photon], &runs).unwrap(), "+0.39 to +0.40");
}

#[test]
fn what_is_not_known_is_not_said() {
    let (before, after) = ([of("m5.xlarge", 1, "ON_DEMAND")], [of("m5.xlarge", 2, "ON_DEMAND")]);
    let failed = KeptRun { outcome: RunResult::Failed, ..hours("1", 1) };
    assert_eq!(told(&before, &after, &[failed]), None, "no run ended well");
    assert_eq!(told(&before, &after, &[]), None);
    let runs = [hours("1", 1)];
    assert_eq!(told(&before, &[of("r9.huge", 1, "ON_DEMAND")], &runs), None, "no price");
    assert_eq!(told(&before, &[before[0].clone(), after[0].clone()], &runs), None, "another cluster");
    let pool = json!({"instance_pool_id": "p", "num_workers": 2});
    assert_eq!(told(&before, std::slice::from_ref(&pool), &runs), None);
    assert_eq!(told(&[pool.clone(), before[0].clone()], &[pool, after[0].clone()], &runs).unwrap(), "0.00 to +0.34");
}
