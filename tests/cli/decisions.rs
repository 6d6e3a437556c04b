//! Open decisions: what an apply holds back until people have taken them.

use crate::shows;
use crate::world::{World, job};
use serde_json::json;

/// A job, and behind its spec what is to be decided.
fn undecided(name: &str, decisions: &[&str]) -> String {
    let comments: String =
        decisions.iter().map(|what| format!("  # DECISION: {what}\n  #   why: it has to be\n")).collect();
    job(name, &format!("{comments}  timeout_seconds: 600\n"))
}

/// Two pipelines: one is decided, and of the other one two decisions are open.
fn two_pipelines() -> World {
    let world = World::new();
    world.write("manifests/etl/job.yaml", &job("etl", "  description: |\n    # DECISION: this is text\n"));
    world.write("manifests/churn/job.yaml", &undecided("churn", &["how long it may run", "whether it is retried"]));
    world.commit("Add two pipelines");
    world
}

#[test]
fn validate_counts_them_and_says_where() {
    let world = two_pipelines();
    shows!(world.plumb("validate"), @r#"
    The manifests are valid for target dev: 2 DatabricksJob.
    2 decisions open in 1 pipeline; an apply makes no manifest live in which a `# DECISION:` comment stands.
      manifests/churn
        manifests/churn/job.yaml:11: how long it may run
        manifests/churn/job.yaml:13: whether it is retried
    --- exit 0
    "#);
    let found = world.plumb("validate --output json").code(0).json();
    let place = |what: &str, line: usize| {
        json!({"pipeline": "manifests/churn", "address": "DatabricksJob/churn", "what": what,
            "file": "manifests/churn/job.yaml", "line": line})
    };
    let list = [place("how long it may run", 11), place("whether it is retried", 13)];
    assert_eq!(found["decisions"], json!({"open": 2, "pipelines": 1, "list": list, "project": []}));
    world.plumb("validate --output sarif").code(0).says("open-decision").says("to decide: whether it is retried");
    // A patch belongs to what it patches, and what is asked of the whole project is asked apart.
    world.edit("plumb.yaml", "databricks: {}", "databricks: {}, patches: [over]");
    world.edit("plumb.yaml", "spec:\n", "spec:\n  # DECISION: which runtime\n  answers: {}\n");
    let patch = "apiVersion: plumb/v1\nkind: DatabricksJob\nmetadata: {name: etl}\nspec:\n  # DECISION: as whom\n  tags: {a: b}\n";
    world.write("over/etl.yaml", patch);
    world
        .plumb("validate")
        .code(0)
        .says("3 decisions open in 2 pipelines;")
        .says("  manifests/etl\n    over/etl.yaml:5: as whom\n")
        .says("1 question is open in plumb.yaml for all pipelines; nothing waits for them.\n    plumb.yaml:");
    world.remove("over/etl.yaml");
    world.write("over/.empty.yaml", "");
    world.write("manifests/churn/job.yaml", &job("churn", ""));
    world.plumb("validate").code(0).never_says("decision").says("1 question is open in plumb.yaml");
    // It holds nothing back.
    world.commit("Decide");
    world.plumb("plan").code(0).never_says("to decide");
}

#[test]
fn what_is_undecided_is_not_applied_and_the_rest_is() {
    let world = two_pipelines();
    shows!(world.plumb("plan --only churn"), @r#"
    PARTIAL plan of demo for target dev, manifests at <Add two pipelines>
      ! --only churn selects 1 of 2 resources; the other was not compared, and nothing is deleted whose
      ! manifest is gone

      + create

      # DatabricksJob/churn will be created
      # manifests/churn/job.yaml:1, <Add two pipelines> by Ada: Add two pipelines
      ! to decide: how long it may run (manifests/churn/job.yaml:11)
      ! to decide: whether it is retried (manifests/churn/job.yaml:13)
      + DatabricksJob/churn "churn"
          + name: "churn"
          + tasks:
          +   - task_key: "main"
          +     existing_cluster_id: "0101-000000-abcdefgh"
          +     notebook_task:
          +       notebook_path: "/Shared/churn"
          + timeout_seconds: 600

    Blocked:
      ! DatabricksJob/churn: 2 decisions are open in its manifest, the first: how long it may run
        to allow it: decide, and delete each `# DECISION:` comment; or `plumb apply --override
          decisions`

    Partial plan: 1 to create, 0 to update, 0 to delete. 0 unchanged. 1 blocked.
    2 decisions open in 1 pipeline; `plumb validate` lists them.
    Digest: <digest> (of a partial plan)
    --- stderr
    read 0 objects with 4 requests in <time>
    --- exit 3
    "#);
    let plan = world.plumb("plan").code(3).says("2 decisions open in 1 pipeline; `plumb validate` lists them.");
    let digest = plan.out.lines().last().unwrap().strip_prefix("Digest: ").unwrap().to_owned();
    // Nothing of it alone.
    world.sandbox.requests();
    world.plumb("apply --yes --only churn").code(3).says("all of it waits for open decisions; nothing was sent");
    let told = world.plumb("apply --yes --only churn --output json").code(3).json();
    assert_eq!(told["counts"]["not_started"], 1);
    assert_eq!((&told["plan"]["blocked"][0]["guard"], &told["exit_code"]), (&json!("decisions"), &json!(3)));
    assert_eq!(world.sandbox.writes(), [""; 0]);
    // What is approved is the whole; what is decided of it is done.
    world
        .plumb(&format!("apply --yes --approved {digest}"))
        .code(3)
        .says("the plan is the one that was approved")
        .says("warning: 1 change waits for open decisions, and will not be made")
        .says("Apply: 1 done, 1 blocked.");
    assert!(world.sandbox.has_job("etl") && !world.sandbox.has_job("churn"));
    // Deletes go on, too.
    world.remove("manifests/etl/job.yaml");
    world.commit("Remove etl");
    world.plumb("apply --yes").code(3).says("Apply: 1 done, 1 blocked.");
    assert!(!world.sandbox.has_job("etl") && !world.sandbox.has_job("churn"));
    // Another value decides nothing while the comment stands; without it nothing is open.
    world.edit("manifests/churn/job.yaml", "600", "900");
    world.plumb("plan").code(3).says("decide, and delete each `# DECISION:` comment");
    world.edit("manifests/churn/job.yaml", "  # DECISION: how long it may run\n  #   why: it has to be\n", "");
    world.plumb("plan").code(3).says("a decision is open in its manifest: whether it is retried");
    world.edit("manifests/churn/job.yaml", "  # DECISION: whether it is retried\n", "");
    world.commit("Decide");
    world.plumb("apply --yes").code(0).never_says("decision");
    assert!(world.sandbox.has_job("churn"));
}

#[test]
fn an_override_carries_it_out_and_drift_knows_of_nothing() {
    let world = two_pipelines();
    world.plumb("apply --yes --override max-deletes --only churn").code(3);
    world
        .plumb("apply --yes --override decisions")
        .code(0)
        .says("warning: overridden: 2 decisions are open in its manifest, the first: how long it may run")
        .says("Apply: 2 done.");
    // Up to date: there is nothing to hold, and what is open is still counted.
    world.plumb("plan --detailed-exitcode").code(0).says("No changes.").says("2 decisions open in 1 pipeline;");
    world.plumb("drift").code(0).never_says("decision");
    world.sandbox.edit_job("churn", json!({"timeout_seconds": 60}));
    let drifted = world.plumb("drift").code(2).never_says("decide").says("timeout_seconds");
    assert!(!drifted.out.contains("Blocked"), "{}", drifted.shown);
    world.plumb("plan").code(3).says("to decide: how long it may run (manifests/churn/job.yaml:11)");
    // It is written back as ever, and the comments stay.
    world.plumb("drift --write").never_says("decide");
    let written = world.read("manifests/churn/job.yaml");
    assert!(written.contains("timeout_seconds: 60\n") && written.matches("# DECISION: ").count() == 2, "{written}");
    world.commit("Take it back");
    world.plumb("plan --detailed-exitcode").code(0);
}

#[test]
fn where_people_try_things_out_it_only_warns() {
    let mut world = two_pipelines();
    world.env("USER", Some("ada"));
    let project = world.read("plumb.yaml");
    let dev = "dev: {default: true, databricks: {}}";
    for (target, guards, code) in [
        (dev, "guards: {decisions: warn}", 0),
        ("dev: {default: true, mode: development, databricks: {}}", "guards: {}", 0),
        ("dev: {default: true, mode: development, databricks: {}}", "guards: {decisions: block}", 3),
        ("dev: {default: true, sandbox: true}", "guards: {}", 0),
        ("dev: {default: true, sandbox: true}", "guards: {decisions: block}", 3),
    ] {
        world.write("plumb.yaml", &project.replace(dev, target).replace("spec:\n", &format!("spec:\n  {guards}\n")));
        let ran = world
            .plumb("plan")
            .code(code)
            .says("2 decisions open in 1 pipeline")
            .says("to decide: how long it may run");
        let warns = ran.out.contains("target dev only warns of it (`guards.decisions`)");
        assert_eq!(warns, code == 0, "{}", ran.shown);
        let says = if code == 0 { "only warns of them" } else { "an apply makes no manifest live" };
        world.plumb("validate").code(0).says(says);
    }
    world.write("plumb.yaml", &project.replace("spec:\n", "spec:\n  guards: {decisions: warn}\n"));
    world.commit("Warn");
    world.plumb("apply --yes").code(0).says("Apply: 2 done.");
}
