#![allow(clippy::unwrap_used)]

use super::*;
use crate::cost::facts::{RunSide, RunTrigger, ServerlessUse};

/// The book of the fixtures.
pub fn book() -> Prices {
    let manifest: serde_json::Value =
        serde_yaml::from_str(include_str!("../../../../tests/cost/project/manifests/prices.yaml")).unwrap();
    Prices::of("eu-central-1", serde_json::from_value(manifest["spec"].clone()).unwrap())
}

/// A run of nothing that ended well.
pub fn run(system: RunSystem) -> KeptRun {
    KeptRun {
        side: if system == RunSystem::Databricks { RunSide::New } else { RunSide::Old },
        system,
        id: "1".into(),
        name: "audience".into(),
        trigger: RunTrigger::Scheduled,
        outcome: RunResult::Succeeded,
        cause: None,
        tick: None,
        dag_run: None,
        started: None,
        ended: None,
        stages: Vec::new(),
        nodes: Vec::new(),
        serverless: None,
        databricks: None,
        normalized_instance_hours: None,
        unknown: Vec::new(),
    }
}

/// Nodes of a type.
pub fn nodes(node_type: &str, market: Market, low: u64, high: u64) -> NodeSeconds {
    NodeSeconds { node_type: node_type.into(), market, seconds: Interval { low, high }, why: None }
}

/// What Databricks bills for a job's cluster.
pub fn used(measured: Option<u64>) -> DatabricksUse {
    DatabricksUse { compute: DatabricksCompute::Jobs, photon: false, measured_millidbu: measured, sku: None }
}

fn money(text: &str) -> Money {
    text.parse().unwrap()
}

fn told(run: &KeptRun) -> (String, Vec<String>) {
    let priced = price_run(run, Some(&book()));
    let unpriced = priced.sum.unpriced.iter().map(|one| format!("{}: {}", one.what, one.why));
    (range(priced.sum.priced), unpriced.collect())
}

#[test]
fn emr_is_ec2_and_the_uplift_an_hour_of_a_node() {
    let mut emr = run(RunSystem::Emr);
    emr.nodes = vec![nodes("m5.xlarge", Market::OnDemand, 36_000, 36_000)];
    // 10 × (0.23 + 0.0575)
    assert_eq!(told(&emr), ("2.875".to_owned(), vec![]));
    let priced = price_run(&emr, Some(&book()));
    let lines: Vec<String> =
        priced.terms.iter().map(|t| format!("{} = {} [{}]", t.what, t.how, t.source.clone().unwrap())).collect();
    let expected =
        ["EC2 m5.xlarge on demand = 10.0 node-hours × 0.23 [aws]", "EMR m5.xlarge = 10.0 node-hours × 0.0575 [aws]"];
    assert_eq!(lines, expected);
    // Spot by the book, spot that the book does not know, a market that is not known.
    emr.nodes = vec![nodes("m5.xlarge", Market::Spot, 3600, 3600)];
    assert_eq!(told(&emr).0, "0.1275 to 0.1475");
    emr.nodes = vec![nodes("m5.2xlarge", Market::Spot, 3600, 3600)];
    assert_eq!(told(&emr).0, "0.234 to 0.556");
    let reasons = price_run(&emr, Some(&book())).sum.reasons;
    let says = "spot: what was paid is not known, so from 0.3 × on demand to on demand";
    assert_eq!(
        reasons.into_iter().map(|r| (r.short, r.says)).collect::<Vec<_>>(),
        [("spot price".into(), says.into())]
    );
    emr.nodes = vec![nodes("m5.xlarge", Market::Unknown, 3600, 7200)];
    assert_eq!(told(&emr).0, "0.1275 to 0.575");
}

#[test]
fn dbus_are_as_measured_or_follow_from_the_nodes() {
    let mut job = run(RunSystem::Databricks);
    job.nodes = vec![nodes("m5.xlarge", Market::OnDemand, 36_000, 36_000)];
    job.databricks = Some(used(None));
    // 10 × (0.23 + 0.69 × 0.15)
    assert_eq!(told(&job), ("3.335".to_owned(), vec![]));
    job.databricks = Some(used(Some(6_000)));
    assert_eq!(told(&job).0, "3.20", "2.3 + 6 × 0.15");
    job.databricks = Some(DatabricksUse { photon: true, ..used(None) });
    assert_eq!(told(&job).0, "5.3015");
    job.databricks = Some(DatabricksUse { compute: DatabricksCompute::Unknown, ..used(Some(6_000)) });
    assert_eq!(told(&job).0, "3.20 to 5.60", "2.3 + 6 × 0.15 to 0.55");
    // The price of a serverless DBU has the machines in it.
    job.databricks = Some(DatabricksUse { compute: DatabricksCompute::JobsServerless, ..used(Some(6_000)) });
    assert_eq!(told(&job).0, "2.70");
    job.nodes.clear();
    job.databricks = Some(DatabricksUse { compute: DatabricksCompute::JobsServerless, ..used(None) });
    job.unknown = vec!["system.billing.usage was not read: the target names no warehouse.".into()];
    let why = "DBU: system.billing.usage was not read: the target names no warehouse";
    assert_eq!(told(&job), ("0.00".to_owned(), vec![why.to_owned()]));
}

#[test]
fn a_discount_is_taken_off_dbus_alone() {
    let mut book = book();
    book.spec.databricks.as_mut().unwrap().discount_percent = Some(money("18.5"));
    let mut job = run(RunSystem::Databricks);
    job.nodes = vec![nodes("m5.xlarge", Market::OnDemand, 3600, 3600)];
    job.databricks = Some(used(Some(1000)));
    assert_eq!(range(price_run(&job, Some(&book)).sum.priced), "0.35225", "0.23 + 0.15 × 0.815");
}

#[test]
fn serverless_and_normalised_hours() {
    let mut app = run(RunSystem::EmrServerless);
    app.serverless =
        Some(ServerlessUse { vcpu_millihours: 10_000, memory_gb_millihours: 40_000, storage_gb_millihours: 0 });
    assert_eq!(told(&app), ("0.75738".to_owned(), vec![]), "0.52624 + 0.23114");
    let mut old = run(RunSystem::Emr);
    old.normalized_instance_hours = Some(80);
    // From 40 hours of an eighth of the cheapest to 80 of an eighth of the dearest (both sizes cost the same, nearly).
    let cost = price_run(&old, Some(&book())).sum;
    assert_eq!(range(cost.priced), "0.585 to 2.875");
    assert_eq!(cost.reasons.first().unwrap().short, "NormalizedInstanceHours");
}

#[test]
fn what_has_no_price_is_said_and_never_taken_for_nothing() {
    let mut emr = run(RunSystem::Emr);
    emr.nodes =
        vec![nodes("m5.xlarge", Market::OnDemand, 3600, 3600), nodes("r5.xlarge", Market::OnDemand, 7200, 7200)];
    let cost = price_run(&emr, Some(&book())).sum;
    assert_eq!(cost.known(), None);
    let unpriced: Vec<_> = cost.unpriced.iter().map(|one| (one.what.as_str(), one.node_seconds.unwrap().low)).collect();
    assert_eq!(unpriced, [("EC2 r5.xlarge on demand", 7200), ("EMR r5.xlarge", 7200)]);
    assert_eq!(cost.unpriced[0].why, "price book eu-central-1 has no node of this type");
    let none = price_run(&emr, None).sum;
    assert_eq!((none.known(), none.unpriced.len(), none.unpriced[0].why.as_str()), (None, 4, "there is no price book"));
    // One that still ran, one whose machines nobody knows, one that Databricks says nothing of.
    emr.outcome = RunResult::Running;
    emr.nodes.truncate(1);
    assert_eq!(told(&emr).1, ["what it used after that: it had not ended when its facts were kept"]);
    assert_eq!(told(&run(RunSystem::Emr)).1, ["the machines: it is not in the facts"]);
    assert_eq!(told(&run(RunSystem::EmrServerless)).1.len(), 1);
    assert_eq!(told(&run(RunSystem::Databricks)).1, ["what Databricks bills: it is not in the facts"]);
    // DBU of a node without a rate, DBU measured without a price.
    let mut job = run(RunSystem::Databricks);
    job.nodes = vec![nodes("m5.2xlarge", Market::OnDemand, 3600, 3600)];
    job.databricks = Some(DatabricksUse { photon: true, ..used(None) });
    assert_eq!(told(&job).1, ["DBU of m5.2xlarge: price book eu-central-1 has no `dbuPhoton` for it"]);
    let mut book = book();
    book.spec.databricks.as_mut().unwrap().skus.jobs = None;
    job.databricks = Some(used(Some(1500)));
    let cost = price_run(&job, Some(&book)).sum;
    assert_eq!(cost.unpriced[0].millidbu, Some(Interval::exactly(1500)));
}

#[test]
fn hours_and_thousandths_are_written_short() {
    assert_eq!(node_hours(Interval { low: 3599, high: 44_640 }), "1.0 to 12.4");
    assert_eq!((thousandths(12_400), thousandths(500), thousandths(3000)), ("12.4".into(), "0.5".into(), "3".into()));
}
