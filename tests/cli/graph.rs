//! `plumb graph`, and a plan as a page, as people use them.

use crate::shows;
use crate::world::{World, job};
use serde_json::json;

/// A pool, a job on it, one that is scheduled, and one that a task of it runs.
fn world() -> World {
    let world = World::new();
    let cluster = "new_cluster: {spark_version: 15.4.x-scala2.12, num_workers: 1, instance_pool_id: \
                   \"${resources.DatabricksInstancePool.workers}\"}";
    let pool = "apiVersion: plumb/v1\nkind: DatabricksInstancePool\nmetadata: {name: workers}\nspec: {instance_pool_name: workers, node_type_id: r6id.xlarge}\n";
    world.write("manifests/workers.yaml", pool);
    world.write("manifests/etl.yaml", &job("etl", "").replace("existing_cluster_id: 0101-000000-abcdefgh", cluster));
    let nightly = "  schedule: {quartz_cron_expression: 0 0 4 * * ?, timezone_id: Europe/London}\n";
    let run = "run_job_task: {job_id: \"${resources.DatabricksJob.etl}\"}";
    let report = job("report", nightly)
        .replace("notebook_task: {notebook_path: /Shared/report}", run)
        .replace("      existing_cluster_id: 0101-000000-abcdefgh\n", "");
    world.commit_file("manifests/report.yaml", &report, "Add a pool and two jobs");
    world
}

#[test]
fn a_graph_is_of_the_manifests_and_asks_no_service() {
    let world = world();
    world.sandbox.requests();
    shows!(world.plumb("graph"), @r#"
    flowchart RL
      DatabricksInstancePool_workers["DatabricksInstancePool/workers"]:::databricks
      DatabricksJob_etl["DatabricksJob/etl"]:::databricks
      DatabricksJob_report["DatabricksJob/report"]:::databricks
      DatabricksJob_etl --> |"instance_pool_id"| DatabricksInstancePool_workers
      DatabricksJob_report --> |"job_id"| DatabricksJob_etl
      classDef databricks stroke:#d9480f,stroke-width:2px
    --- exit 0
    "#);
    shows!(world.plumb("graph --only workers --output dot"), @r##"
    digraph plumb {
      rankdir=RL
      node [fontname="sans-serif" fontsize=11]
      edge [fontname="sans-serif" fontsize=9]
      "DatabricksInstancePool/workers" [shape=box color="#d9480f" style=solid class="DatabricksInstancePool"]
      "DatabricksJob/etl" [shape=box color="#d9480f" style=dashed class="DatabricksJob"]
      "DatabricksJob/etl" -> "DatabricksInstancePool/workers" [label="instance_pool_id"]
    }
    --- exit 0
    "##);
    let graph = world.plumb("graph --output json --only report").code(0).json();
    assert_eq!(graph["format"], "plumb.graph/v1");
    assert_eq!(
        graph["edges"],
        json!([{ "from": "DatabricksJob/report", "to": "DatabricksJob/etl", "by": ["job_id"] }])
    );
    assert_eq!(graph["nodes"][0]["selected"], false);
    world.plumb("graph --only rport").code(64).says("did you mean `report`?");
    assert_eq!(world.sandbox.requests(), [""; 0], "nothing is asked");
}

#[test]
fn a_plan_is_written_as_a_page_by_the_name_of_its_file() {
    let world = world();
    let ran = world.plumb("plan --out plan.html").code(0);
    assert_eq!(ran.out, "");
    let page = world.read("plan.html");
    for part in [
        "<!DOCTYPE html>",
        "<dt>Create</dt><dd>3</dd>",
        "Add a pool and two jobs",
        "needs DatabricksInstancePool/workers",
        "Europe/London",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    assert!(!page.contains("<script"));
    // The same plan, by the form.
    let again = world.plumb("plan --output html").code(0).out;
    let head = |text: &str| text.split("<dt>Read</dt>").next().unwrap().len();
    assert_eq!(head(&again), head(&page));
    world.plumb("apply --yes").code(0);
    assert!(world.plumb("drift --output html").code(0).out.contains("No changes. The workspace equals the manifests."));
}
