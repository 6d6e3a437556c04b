//! Plans of a part: they say so, refuse what would leave others behind, and stay a part when they are saved.

use crate::shows;
use crate::world::{World, job};
use serde_json::json;

fn pool(machine: &str) -> String {
    format!(
        "\
apiVersion: plumb/v1
kind: DatabricksInstancePool
metadata: {{name: workers}}
spec:
  instance_pool_name: workers
  node_type_id: {machine}
"
    )
}

fn on_pool(name: &str) -> String {
    let cluster = "new_cluster: {spark_version: 15.4.x-scala2.12, num_workers: 1, instance_pool_id: \
                   \"${resources.DatabricksInstancePool.workers}\"}";
    job(name, "").replace("existing_cluster_id: 0101-000000-abcdefgh", cluster)
}

/// A pool that is to be replaced, a job on it, and one that is not.
fn world() -> World {
    let world = World::new();
    world.write("manifests/workers.yaml", &pool("r6id.xlarge"));
    world.write("manifests/alone.yaml", &job("alone", ""));
    world.commit_file("manifests/etl.yaml", &on_pool("etl"), "Add a pool and two jobs");
    world.plumb("apply --yes").code(0);
    world.commit_file("manifests/workers.yaml", &pool("r6id.2xlarge"), "Other machines");
    world.sandbox.requests();
    world
}

fn pool_of(world: &World, job: &str) -> String {
    let cluster = world.sandbox.job(job)["settings"]["tasks"][0]["new_cluster"]["instance_pool_id"].clone();
    cluster.as_str().unwrap().to_owned()
}

fn pools(world: &World) -> Vec<String> {
    let listed = world.sandbox.get("/api/2.0/instance-pools/list");
    let all = listed["instance_pools"].as_array().unwrap().iter();
    all.map(|pool| pool["instance_pool_id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_a_selection_leaves_behind_is_named_and_refused() {
    let world = world();
    shows!(world.plumb("plan --only w*"), @r#"
    PARTIAL plan of demo for target dev, manifests at <Other machines>
      ! --only 'w*' selects 1 of 3 resources; the 2 others were not compared, and nothing is deleted
      ! whose manifest is gone
      ! DatabricksJob/etl is not selected and keeps the id <pool workers> of
        DatabricksInstancePool/workers, which will be gone

      -/+ delete, then create again

      # DatabricksInstancePool/workers must be replaced
      # manifests/workers.yaml:1
      ! ends the pool's idle instances; clusters that use it cannot grow any more
      -/+ DatabricksInstancePool/workers "workers" (id <pool workers>)
          ~ node_type_id = "r6id.xlarge" -> "r6id.2xlarge"
                # forces replacement, manifests/workers.yaml:6, manifest <Other machines> by Ada: Other
                # machines

    Blocked:
      ! DatabricksInstancePool/workers: it is replaced, and 1 resource refers to it that the selection
        leaves out and that would keep its old id <pool workers>: DatabricksJob/etl
        to allow it: select them too, or apply everything; `--allow-dangling` leaves them behind

    Partial plan: 0 to create, 0 to update, 1 to replace, 0 to delete. 0 unchanged. 1 blocked.
    Digest: <digest> (of a partial plan)
    --- stderr
    read 3 objects with 4 requests in <time>
    --- exit 3
    "#);
    let markdown = world.plumb("plan --only w* --output markdown").code(3).out;
    assert!(markdown.contains("### Partial plan of `demo`"), "{markdown}");
    assert!(markdown.contains("**This plan is partial:** `--only 'w*'` selects 1 of 3 resources"), "{markdown}");
    assert!(markdown.contains("! DatabricksJob/etl is not selected and keeps the id"), "{markdown}");
    let plan = world.plumb("plan --only w* --output json").code(3).json();
    let partial = &plan["partial"];
    assert_eq!((&partial["only"], &partial["selected"], &partial["total"]), (&json!(["w*"]), &json!(1), &json!(3)));
    assert_eq!(partial["dangling"][0]["address"], "DatabricksJob/etl");
    assert_eq!(partial["dangling"][0]["refers_to"], "DatabricksInstancePool/workers");
    assert_eq!(plan["blocked"][0]["guard"], "dangling");
    // No form of the plan, and nothing that goes past another guard, lets it through.
    world.plumb("plan --only w* --output sarif").code(3);
    world.plumb("plan --only w* --output junit --detailed-exitcode").code(3);
    let old = pools(&world);
    world.plumb("apply --yes --only w*").code(3).says("a guard refused; nothing was sent");
    world.plumb("apply --yes --only w* --override max-deletes,run-now").code(3);
    assert_eq!((world.sandbox.writes(), pools(&world)), (vec![], old.clone()));
    // Whoever says so leaves them behind, and is told.
    let ran = world.plumb("plan --only w* --allow-dangling --detailed-exitcode").code(2);
    ran.says("warning: overridden: it is replaced").says("DatabricksJob/etl is not selected and keeps the id");
    world.plumb("apply --yes --only w* --allow-dangling").code(0).says("Apply: 1 done (a partial plan).");
    assert_ne!(pools(&world), old);
    assert_eq!(vec![pool_of(&world, "etl")], old, "it kept the id of a pool that is gone");
    world.plumb("apply --yes").code(0);
    assert_eq!(vec![pool_of(&world, "etl")], pools(&world));
}

#[test]
fn a_selection_of_both_leaves_nothing_behind() {
    let world = world();
    world
        .plumb("plan --only w* --only etl")
        .code(0)
        .says("--only 'w*' --only etl selects 2 of 3 resources")
        .never_says("Blocked");
    world.plumb("apply --yes --only w* --only etl").code(0);
    assert_eq!(vec![pool_of(&world, "etl")], pools(&world));
    world.plumb("plan --detailed-exitcode").code(0).never_says("PARTIAL");
}

#[test]
fn an_empty_part_is_not_taken_for_the_whole() {
    let world = world();
    shows!(world.plumb("plan --only alone -q"), @"
    PARTIAL plan of demo for target dev, manifests at <Other machines>
      ! --only alone selects 1 of 3 resources; the 2 others were not compared, and nothing is deleted
      ! whose manifest is gone

    No changes. What is selected equals its manifests; nothing else was compared.
    1 resource up to date.
    Digest: <digest> (of a partial plan)
    --- exit 0
    ");
    // One resource on its own is no plan that anybody applies.
    world.plumb("show workers").code(0).never_says("PARTIAL").never_says("dangling");
    world.plumb("status --only workers").code(0).says("pending");
}

#[test]
fn a_pattern_that_matches_nothing_is_told() {
    let world = world();
    world.plumb("plan --only Databricks* --detailed-exitcode").code(2).says("selects 3 of 3 resources");
    let ran = world.plumb("plan --only alone --only elt").code(0);
    ran.says("warning: --only elt matches no resource of the manifests; did you mean `etl`?");
    world.plumb("plan --only x*").code(64).says("the selection matches no resource of the manifests");
}

#[test]
fn a_saved_plan_remembers_what_it_is_of() {
    let world = world();
    world.write("manifests/alone.yaml", &job("alone", "  timeout_seconds: 60\n"));
    world.remove("manifests/etl.yaml");
    world.commit("Change one, and remove another");
    world.plumb("plan --only alone --out plan.json").code(0);
    let digest = world.plumb("plan --only alone --output json").json()["digest"].as_str().unwrap().to_owned();
    // With the whole, the pool that goes and the job without a manifest would be part of it.
    let ran = world.plumb("apply plan.json --yes").code(0);
    ran.says("PARTIAL plan of demo")
        .says("--only alone selects 1 of 2 resources")
        .says("Apply: 1 done (a partial plan).");
    assert!(world.sandbox.has_job("etl"));
    // An approval of the part is none of the whole, nor of another part; a file brings its part along.
    world.write("manifests/alone.yaml", &job("alone", "  timeout_seconds: 90\n"));
    world.commit("Change it again");
    world.plumb("plan --only alone --out plan.json").code(0);
    world.plumb("apply --yes --approved plan.json").code(0).says("PARTIAL plan of demo");
    world.plumb("apply --yes --only Databricks* --approved plan.json").code(4);
    world.plumb(&format!("apply --yes --only alone --approved {digest}")).code(0).says("No changes.");
    // Nor is a file that was made to say something else.
    let text = world.read("plan.json").replace("\"alone\"", "\"*\"");
    world.write("plan.json", &text);
    world.plumb("apply plan.json --yes").code(1).says("it was edited or is damaged");
}
