use super::*;
use crate::inventory::{ClusterDetails, ServerlessApplication, inventory};
use crate::translate::supported;
use jiff::Timestamp;
use plumb_model::stats::Money;
use proptest::prelude::*;
use serde_json::json;

/// A day after all that happens in the account.
pub(crate) const NOW: i64 = 1_793_000_000;
const DAY: i64 = 86_400;

pub(crate) fn options() -> TranslationOptions {
    TranslationOptions::new(supported("2026-11-22".parse().unwrap()))
}

/// A cluster that ran for two hours, some days before now.
pub(crate) fn cluster(id: &str, name: &str, days: i64, steps: &[&[&str]]) -> RawCluster {
    let created = NOW - days * DAY;
    let times = json!({ "CreationDateTime": created, "ReadyDateTime": created + 300, "EndDateTime": created + 7200 });
    let step = |(at, args): (usize, &&[&str])| {
        json!({ "Id": format!("s-{id}-{at}"), "Name": format!("step {at}"), "ActionOnFailure": "CANCEL_AND_WAIT",
                "Config": { "Jar": "command-runner.jar", "Args": args },
                "Status": { "State": "COMPLETED", "Timeline": times } })
    };
    let group = |role: &str, count: u32| json!({ "InstanceGroupType": role, "InstanceType": "m5.xlarge", "Market": "ON_DEMAND", "RequestedInstanceCount": count });
    let details = ClusterDetails {
        groups: Some(vec![group("MASTER", 1), group("CORE", 2)]),
        fleets: Some(Vec::new()),
        bootstrap: Some(Vec::new()),
        managed_scaling: Some(json!({})),
        auto_termination: Some(json!({})),
    };
    let described = json!({ "Id": id, "Name": name, "ReleaseLabel": "emr-6.15.0", "NormalizedInstanceHours": 24,
                            "Status": { "State": "TERMINATED", "Timeline": times } });
    RawCluster::whole(described, steps.iter().enumerate().map(step).collect(), Some(details))
}

/// Three pipelines of which two are tied, and an application.
pub(crate) fn account() -> EmrAccount {
    let load: &[&str] =
        &["spark-submit", "s3://code/load.py", "--input", "s3://lake/raw", "--output", "s3://lake/clean"];
    let mart: &[&str] =
        &["spark-submit", "s3://code/mart.py", "--input", "s3://lake/clean", "--output", "s3://lake/mart"];
    let old: &[&str] = &["hive-script", "--run-hive-script", "--args", "-f", "s3://code/old.q"];
    let mut failed = cluster("j-4", "mart-2026-10", 3, &[mart]);
    for said in [&mut failed.listed, failed.described.as_mut().unwrap()] {
        said["Status"]["State"] = json!("TERMINATED_WITH_ERRORS");
        said["NormalizedInstanceHours"] = json!(60);
    }
    EmrAccount {
        clusters: vec![
            cluster("j-1", "load-2026-09", 40, &[load]),
            cluster("j-2", "load-2026-10", 5, &[load]),
            cluster("j-3", "hive-reports", 4, &[old]),
            failed,
        ],
        serverless: vec![ServerlessApplication {
            described: json!({ "applicationId": "00a", "name": "adhoc", "releaseLabel": "emr-7.9.0", "type": "Spark" }),
            runs: Some(Vec::new()),
        }],
        ..EmrAccount::default()
    }
}

pub(crate) fn of(account: &EmrAccount, prices: Option<&Prices>) -> ExitReport {
    let now = Timestamp::from_second(NOW).unwrap();
    report(inventory("123456789012", "eu-central-1", now, None, account), account, &options(), prices)
}

/// A price book that has the node of the account.
pub(crate) fn prices() -> Prices {
    let spec = json!({
        "region": "eu-central-1", "currency": "USD", "asOf": "2026-11-01",
        "nodes": [{ "type": "m5.xlarge", "ec2OnDemand": 0.2, "emr": 0.05 }],
    });
    Prices::of("eu", serde_json::from_value(spec).unwrap())
}

#[test]
fn the_costliest_comes_first_and_each_is_in_a_wave() {
    let report = of(&account(), None);
    let names: Vec<(&str, Option<u64>, usize)> =
        report.ranking.iter().map(|row| (row.name.as_str(), row.hours, row.failed)).collect();
    assert_eq!(
        names,
        [("mart", Some(60), 1), ("load", Some(48), 0), ("hive-reports", Some(24), 0), ("adhoc", None, 0)]
    );
    let effort = |at: usize| report.ranking[at].light.as_ref().unwrap().effort;
    assert_eq!(effort(2), LightEffort::Rewrite, "{:?}", report.ranking[2].light);
    assert!(effort(0) < LightEffort::Rewrite && effort(1) < LightEffort::Rewrite);
    let waves: Vec<Vec<&str>> = report.waves.iter().map(|w| w.pipelines.iter().map(String::as_str).collect()).collect();
    assert_eq!(waves.last().unwrap(), &["pipeline mart", "pipeline load"]);
    assert_eq!(waves.len(), 3);
    assert_eq!(report.ranking[0].wave, Some(3));
    let totals = &report.totals;
    assert_eq!((totals.pipelines, totals.runs, totals.failed, totals.failed_percent), (4, 4, 1, Some(25)));
    assert_eq!(totals.normalized_instance_hours, 132);
    assert_eq!((totals.rewrite, totals.support_ended, totals.priced), (1, 3, 0));
    assert!(report.ranking.iter().all(|row| row.cost.is_none()), "nothing is claimed without prices");
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!((&json["version"], json["pipelines"].as_array().unwrap().len()), (&json!(2), 3));
}

#[test]
fn what_all_nodes_have_a_price_for_has_a_cost() {
    let report = of(&account(), Some(&prices()));
    let load = report.ranking.iter().find(|row| row.name == "load").unwrap().cost.as_ref().unwrap();
    let cents = |money: Money| money.micros() / 10_000;
    // Three nodes, from 1 h 55 min to 2 h, at 0.25 an hour.
    let run = load.run.unwrap();
    assert_eq!((cents(run.low), cents(run.high)), (143, 150));
    assert_eq!(load.month, load.run, "one of two runs was in the last 30 days");
    let mart = report.ranking[0].cost.as_ref().unwrap();
    assert!(mart.run.is_none() && mart.month.is_some(), "a run that failed is no measure of one");
    assert_eq!(report.totals.priced, 3);
    assert_eq!(cents(report.totals.cost.as_ref().unwrap().month.unwrap().high), 450);
    // A node without a price: nothing is claimed.
    let mut other = account();
    for cluster in &mut other.clusters {
        cluster.details.as_mut().unwrap().groups.as_mut().unwrap()[1]["InstanceType"] = json!("r9.xlarge");
    }
    assert!(of(&other, Some(&prices())).ranking.iter().all(|row| row.cost.is_none()));
    // Clusters of before the last weeks were not read: what a month costs is not known.
    let now = Timestamp::from_second(NOW).unwrap();
    let since = Timestamp::from_second(NOW - 10 * DAY).unwrap();
    let read = account();
    let late = inventory("1", "eu-central-1", now, Some(since), &read);
    let late = report_of(late, &read);
    assert!(late.ranking.iter().all(|row| row.cost.as_ref().is_none_or(|cost| cost.month.is_none())));
}

fn report_of(inventory: Inventory, read: &EmrAccount) -> ExitReport {
    report(inventory, read, &options(), Some(&prices()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_pipeline_is_ranked_once_and_in_one_wave(
        names in proptest::collection::vec("[a-c]{1,2}(-2026-0[1-9])?", 0..10),
        places in proptest::collection::vec((0..6_u8, 0..6_u8), 10),
    ) {
        let clusters = names.iter().zip(&places).enumerate().map(|(at, (name, (from, to)))| {
            let (from, to) = (format!("s3://b/{from}"), format!("s3://b/{to}"));
            let line = ["spark-submit", "s3://c/x.py", "--input", &from, "--output", &to];
            cluster(&format!("j-{at}"), name, i64::try_from(at).unwrap(), &[&line])
        });
        let read = EmrAccount { clusters: clusters.collect(), ..EmrAccount::default() };
        let report = of(&read, None);
        prop_assert_eq!(report.ranking.len(), report.inventory.pipelines.len());
        prop_assert!(report.ranking.iter().all(|row| row.light.is_some()));
        prop_assert!(report.ranking.is_sorted_by_key(|row| std::cmp::Reverse(row.hours)));
        let mut waves: Vec<&String> = report.waves.iter().flat_map(|wave| &wave.pipelines).collect();
        waves.sort();
        let mut ranked: Vec<&String> = report.ranking.iter().map(|row| &row.of).collect();
        ranked.sort();
        prop_assert_eq!(waves, ranked);
        prop_assert!(report.waves.is_sorted_by_key(|wave| wave.pipelines.len()));
        let wave = |of: &String| report.ranking.iter().find(|row| row.of == *of).map(|row| row.wave);
        for tie in &report.ties {
            prop_assert_eq!(wave(&tie.from), wave(&tie.to));
        }
        for wave in &report.waves {
            prop_assert!(wave.pipelines.iter().all(|of| report.ranking.iter().any(|row| row.of == *of && row.wave == Some(wave.number))));
        }
    }
}
