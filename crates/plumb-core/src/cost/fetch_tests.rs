#![allow(clippy::unwrap_used)]

use super::*;
use crate::cost::facts::{Market, RUNS_FORMAT};
use crate::cost::price::tests::{nodes, run, used};

fn products(text: &str) -> Vec<Value> {
    serde_json::from_str::<Value>(text).unwrap()["PriceList"].as_array().unwrap().clone()
}

fn ec2() -> Vec<Value> {
    products(include_str!("../../../../tests/cost/aws/ec2.json"))
}

#[test]
fn the_hourly_price_on_demand_is_read_and_no_reserved_one() {
    assert_eq!(hourly(&ec2()), Ok("0.096".parse().unwrap()));
    assert_eq!(hourly(&products(include_str!("../../../../tests/cost/aws/emr.json"))), Ok("0.024".parse().unwrap()));
    assert_eq!(hourly(&[]).unwrap_err(), "AWS lists no hourly price");
    let other = Value::String(ec2()[0].as_str().unwrap().replace("\"0.0960000000\"", "\"0.1000000000\""));
    assert_eq!(hourly(&[ec2()[0].clone(), other]).unwrap_err(), "AWS lists several hourly prices: 0.096, 0.10");
    let free = Value::String(ec2()[0].as_str().unwrap().replace("\"0.0960000000\"", "\"0.0000000000\""));
    assert_eq!(hourly(&[ec2()[0].clone(), free]), Ok("0.096".parse().unwrap()), "unused reservations are products too");
    assert!(hourly(&[Value::String("<html>".into())]).is_err());
}

#[test]
fn a_question_names_type_region_and_what_a_node_runs() {
    let call = ec2_query("m5.large", "eu-central-1");
    assert_eq!(call.path, "/pricing/GetProducts");
    let body = call.body.unwrap();
    let filters: Vec<String> = body["Filters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| format!("{}={}", f["Field"].as_str().unwrap(), f["Value"].as_str().unwrap()))
        .collect();
    let expected = "instanceType=m5.large regionCode=eu-central-1 operatingSystem=Linux tenancy=Shared preInstalledSw=NA \
                    capacitystatus=Used";
    assert_eq!((body["ServiceCode"].as_str().unwrap(), filters.join(" ").as_str()), ("AmazonEC2", expected));
    assert_eq!(emr_query("m5.large", "eu-central-1").body.unwrap()["ServiceCode"], "ElasticMapReduce");
}

#[test]
fn list_prices_are_those_of_the_plan() {
    let row = |sku: &str, price: &str| vec![Some(sku.to_owned()), Some("USD".to_owned()), Some(price.to_owned())];
    let rows = [
        row("ENTERPRISE_JOBS_COMPUTE", "0.20"),
        row("PREMIUM_JOBS_COMPUTE", "0.150000"),
        row("PREMIUM_JOBS_COMPUTE_(PHOTON)", "0.15"),
        row("PREMIUM_JOBS_SERVERLESS_COMPUTE_EUROPE_FRANKFURT", "0.45"),
        row("PREMIUM_JOBS_SERVERLESS_COMPUTE_US_EAST_N_VIRGINIA", "0.35"),
        row("PREMIUM_SQL_COMPUTE", "0.22"),
    ];
    let (skus, left) = sku_prices(&rows, "premium");
    assert_eq!((skus.jobs.unwrap().to_string(), skus.jobs_photon.unwrap().to_string()), ("0.15".into(), "0.15".into()));
    assert_eq!((skus.jobs_serverless, skus.all_purpose), (None, None));
    assert_eq!(left, ["jobsServerless: one of 0.35, 0.45, by region"]);
}

#[test]
fn a_rate_is_measured_where_runs_of_one_type_agree() {
    let measured = |types: &[&str], milli: u64| {
        let mut run = run(RunSystem::Databricks);
        run.nodes = types.iter().map(|of| nodes(of, Market::OnDemand, 36_000, 36_000)).collect();
        run.databricks = Some(used(Some(milli)));
        run
    };
    let kept = |runs| KeptRuns {
        format: RUNS_FORMAT.into(),
        target: "prod".into(),
        migration: "audience".into(),
        period: "2026-09".into(),
        runs,
    };
    let rates = |runs| measured_rates(&[kept(runs)]);
    let agreed = rates(vec![measured(&["m5.xlarge"], 6_900), measured(&["m5.xlarge"], 6_960)]);
    assert_eq!(agreed.get(&("m5.xlarge".to_owned(), false)).unwrap().to_string(), "0.693");
    assert!(rates(vec![measured(&["m5.xlarge"], 6_900), measured(&["m5.xlarge"], 9_000)]).is_empty());
    assert!(rates(vec![measured(&["m5.xlarge", "m5.large"], 6_900)]).is_empty(), "of two types nobody can tell");
}

fn found() -> FetchedPrices {
    let node = |node_type: &str, ec2: Result<&str, &str>, emr: Result<&str, &str>| FetchedNode {
        node_type: node_type.into(),
        ec2: ec2.map(|p| p.parse().unwrap()).map_err(str::to_owned),
        emr: emr.map(|p| p.parse().unwrap()).map_err(str::to_owned),
    };
    FetchedPrices {
        region: "us-east-1".into(),
        today: "2026-11-30".into(),
        plan: "premium".into(),
        nodes: vec![
            node("m5.large", Ok("0.096"), Ok("0.024")),
            node("x9.huge", Err("AWS lists no hourly price"), Err("AWS lists no hourly price\nkind: Evil")),
        ],
        skus: None,
        rates: BTreeMap::new(),
    }
}

fn read(text: &str) -> PriceBookSpec {
    let manifest: Value = serde_yaml::from_str(text).unwrap();
    assert_eq!(manifest["kind"], "PriceBook");
    serde_json::from_value(manifest["spec"].clone()).unwrap()
}

#[test]
fn a_book_says_its_sources_and_asks_for_what_no_service_says() {
    let text = book_text(&found(), None);
    let spec = read(&text);
    assert_eq!((spec.region.as_str(), spec.as_of.as_str(), spec.sources.len()), ("us-east-1", "2026-11-30", 1));
    assert_eq!((spec.nodes[0].emr.unwrap().to_string(), spec.nodes[0].src.as_deref()), ("0.024".into(), Some("aws")));
    let asked: Vec<&str> = text.lines().filter_map(|line| line.trim().strip_prefix("# PRICE: ")).collect();
    assert_eq!(
        asked,
        [
            "the target names no SQL warehouse, so `system.billing.list_prices` was not read",
            "what a DBU costs: `skus: {jobs: …}`",
            "m5.large: `dbu`, DBU an hour: no API says it; Databricks' pricing page does",
            "x9.huge: `ec2OnDemand`: AWS lists no hourly price",
            "x9.huge: `emr`: AWS lists no hourly price kind: Evil",
            "x9.huge: `dbu`, DBU an hour: no API says it; Databricks' pricing page does",
        ]
    );
}

#[test]
fn what_people_said_stays_and_what_was_looked_up_is_new() {
    let mut kept = read(include_str!("../../../../tests/cost/project/manifests/prices.yaml"));
    kept.nodes[0].node_type = "m5.large".into();
    kept.databricks.as_mut().unwrap().discount_percent = Some("18.5".parse().unwrap());
    let mut found = found();
    found.rates.insert(("m5.large".into(), false), "0.7".parse().unwrap());
    let spec = read(&book_text(&found, Some(&kept)));
    let large = spec.nodes.iter().find(|node| node.node_type == "m5.large").unwrap();
    assert_eq!(large.ec2_on_demand.unwrap().to_string(), "0.096");
    assert_eq!(
        (large.ec2_spot, large.dbu, large.dbu_src.as_deref()),
        (kept.nodes[0].ec2_spot, kept.nodes[0].dbu, Some("table"))
    );
    assert_eq!(spec.databricks.as_ref().unwrap().discount_percent, Some("18.5".parse().unwrap()));
    assert_eq!(spec.databricks.as_ref().unwrap().skus, kept.databricks.unwrap().skus);
    assert_eq!(
        spec.nodes.iter().map(|node| node.node_type.as_str()).collect::<Vec<_>>(),
        ["m5.2xlarge", "m5.large", "x9.huge"]
    );
    assert_eq!(spec.emr_serverless, kept.emr_serverless);
    // Twice is once.
    let text = book_text(&found, Some(&spec));
    assert_eq!(book_text(&found, Some(&read(&text))), text);
}
