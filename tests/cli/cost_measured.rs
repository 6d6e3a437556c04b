//! What Databricks measured and lists, read by statements on the target's SQL warehouse; and what a change costs, in its plan.

use super::cost::price_list;
use super::cost_keep::{KEEP, kept, run, world};
use super::world::World;
use serde_json::{Value, json};

const BOOK: &str = "\
apiVersion: plumb/v1
kind: PriceBook
metadata: {name: eu}
spec:
  region: eu-central-1
  currency: USD
  asOf: 2024-06-01
  databricks: {plan: premium, skus: {jobs: 0.15}}
  nodes: [{type: r6id.2xlarge, ec2OnDemand: 0.7258, ec2Spot: [0.2, 0.3], emr: 0.1, dbu: 1.98}]
";

/// Names a warehouse in the target, which answers by one rule.
fn with_warehouse(world: &World, rule: &Value) {
    if !world.read("plumb.yaml").contains("warehouse") {
        world.sandbox.post("/_sandbox/seed", json!({ "warehouses": [{ "id": "w-1", "name": "small" }] }));
        world.edit("plumb.yaml", "databricks: {}", "databricks: {warehouse: small}");
        world.commit("Name a warehouse");
    }
    world.sandbox.post("/_sandbox/settings", json!({ "statements": [rule] }));
}

#[test]
fn dbus_are_kept_as_they_were_measured_and_without_a_right_nothing_is_lost() {
    let world = world();
    world.plumb(KEEP).code(0);
    let may = kept(&world, "etl-2024-05.json");
    let job = run(&may, "databricks", "succeeded").clone();
    assert_eq!(job["databricks"]["measured_millidbu"], Value::Null, "{job:#}");

    let refused = "[INSUFFICIENT_PERMISSIONS] User does not have SELECT on Table system.billing.usage";
    with_warehouse(
        &world,
        &json!({ "contains": ["system.billing.usage"], "state": "FAILED", "error_code": "BAD_REQUEST", "sql_state": "42501",
            "message": refused }),
    );
    world.plumb(KEEP).code(6).says("INSUFFICIENT_PERMISSIONS");
    let nodes = |file: &Value| run(file, "databricks", "succeeded")["nodes"].clone();
    assert_eq!(nodes(&kept(&world, "etl-2024-05.json")), job["nodes"]);
    let text = world.read("evidence/runs/etl-2024-05.json");
    world.plumb(KEEP).code(6);
    assert_eq!(world.read("evidence/runs/etl-2024-05.json"), text, "a look that knows no more changes no file");

    with_warehouse(
        &world,
        &json!({ "contains": ["system.billing.usage"], "columns": [["run", "STRING"], ["sku", "STRING"], ["dbu", "STRING"]],
            "rows": [[job["id"], "PREMIUM_JOBS_COMPUTE", "9.900000000000000000"]] }),
    );
    // The warehouse was named, and the right given, after the runs were kept: they are measured all the same.
    world.plumb(KEEP).code(0).says("etl 2024-05  4 runs, more is known");
    let measured = kept(&world, "etl-2024-05.json");
    let used = &run(&measured, "databricks", "succeeded")["databricks"];
    assert_eq!(
        (&used["measured_millidbu"], &used["sku"]),
        (&json!(9900), &json!("PREMIUM_JOBS_COMPUTE")),
        "{measured:#}"
    );

    // Measured is exact, whatever the nodes' hours would come to by the book.
    world.commit_file("manifests/prices.yaml", BOOK, "What it costs");
    let cost = world.plumb("cost --output json --explain").code(0).json();
    let runs = cost["pipelines"][0]["runs"].as_array().unwrap();
    let of_run = runs.iter().find(|one| one["facts"]["id"] == job["id"]).unwrap();
    assert_eq!(of_run["cost"]["millidbu"], json!({ "low": 9900, "high": 9900 }), "{of_run:#}");
}

#[test]
fn a_book_is_fetched_with_what_databricks_lists() {
    let mut world = world();
    world.env("AWS_ENDPOINT_URL", Some(&price_list()));
    let row = |sku: &str, price: &str| json!([sku, "USD", price]);
    with_warehouse(
        &world,
        &json!({ "contains": ["system.billing.list_prices"],
            "columns": [["sku_name", "STRING"], ["currency_code", "STRING"], ["price", "STRING"]],
            "rows": [row("PREMIUM_JOBS_COMPUTE", "0.150000"), row("ENTERPRISE_JOBS_COMPUTE", "0.20")] }),
    );
    world.plumb("prices fetch --type m5.2xlarge").code(0).says("manifests/prices.yaml");
    let book = world.read("manifests/prices.yaml");
    assert!(book.contains("jobs: 0.15") && book.contains("{type: m5.2xlarge, ec2OnDemand: 0.096"), "{book}");
    // Of r6id.2xlarge, which the job takes, the list has nothing: a person has to say it.
    assert!(book.contains("# PRICE: r6id.2xlarge"), "{book}");
    world.plumb("validate").code(0);
}

#[test]
fn a_plan_says_what_a_change_costs_a_run_and_approves_no_price() {
    let world = world();
    world.plumb(KEEP).code(0);
    world.edit("manifests/all.yaml", "num_workers: 4", "num_workers: 8");
    world.commit("More workers");
    let digest = |world: &World| world.plumb("plan --output json").json()["digest"].clone();
    let before = digest(&world);
    world.plumb("plan").never_says("a run, if it takes");
    world.commit_file("manifests/prices.yaml", BOOK, "What it costs");
    // Four spot nodes more, for an hour: 4 × (0.2 to 0.3 + 1.98 × 0.15).
    let says = "+1.98 to +2.39 USD a run, if it takes as long as its last 2";
    let plan = world.plumb("plan --output json").json();
    assert!(plan["changes"].to_string().contains(says), "{plan:#}");
    for form in ["text", "markdown"] {
        // Lines are wrapped.
        let shown = world.plumb(&format!("plan --output {form}")).out.replace("\n            # ", " ");
        assert!(shown.contains("+1.98 to +2.39 USD a run"), "{form}: {shown}");
    }
    assert_eq!(digest(&world), before);
}
