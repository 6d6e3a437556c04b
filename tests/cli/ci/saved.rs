//! Saved plans and digests, without GitHub.

use super::world::{World, job};
use serde_json::json;

fn two_jobs() -> World {
    let world = World::new();
    world.write("manifests/a.yaml", &job("a", "  timeout_seconds: 100\n"));
    world.commit_file("manifests/b.yaml", &job("b", "  timeout_seconds: 100\n"), "Add both");
    world.plumb("apply --yes -q").code(0);
    let ignored = "  name: a\n  lifecycle:\n    ignore: [{path: max_concurrent_runs, reason: people set it}]\nspec";
    world.edit("manifests/a.yaml", "  name: a\nspec", ignored);
    for name in ["a", "b"] {
        world.edit(&format!("manifests/{name}.yaml"), "100", "200");
    }
    world.commit("Raise both");
    world.plumb("plan --out plan.json").code(0);
    world.sandbox.requests();
    world
}

fn timeout(world: &World, job: &str) -> i64 {
    world.sandbox.job(job)["settings"]["timeout_seconds"].as_i64().unwrap()
}

#[test]
fn a_saved_plan_is_applied_as_it_is() {
    let world = two_jobs();
    // What came later is no part of it, nor is what is refused of it.
    world.commit_file("manifests/c.yaml", &job("c", ""), "Add c");
    world.sandbox.post("/api/2.2/jobs/create", json!({ "name": "d" }));
    world.commit_file("manifests/d.yaml", &job("d", ""), "Add d, which is somebody's already");
    world.plumb("plan").says("DatabricksJob/d: a job named");
    let ran = world.plumb("apply plan.json --yes").code(0);
    ran.says("DatabricksJob/c: left alone, because the plan does not have it").says("Apply: 2 done.");
    assert_eq!((timeout(&world, "a"), timeout(&world, "b")), (200, 200));
    assert!(!world.sandbox.has_job("c"));
    world.plumb("apply plan.json --yes").code(0).says("DatabricksJob/a: nothing is left to do");
}

#[test]
fn a_saved_plan_is_refused_change_by_change() {
    let world = two_jobs();
    world.sandbox.edit_job("a", json!({ "timeout_seconds": 150 }));
    let ran = world.plumb("apply plan.json --yes").code(6);
    ran.says("DatabricksJob/a: refused").says("timeout_seconds: planned 100 -> 200, now 150 -> 200").says("1 done");
    assert_eq!((timeout(&world, "a"), timeout(&world, "b")), (150, 200));
    world.sandbox.requests();
    world.plumb("apply plan.json --yes").code(4).says("nothing of the plan is as it was; nothing was sent");
    // A field that the plan does not change: what it read has changed all the same.
    world.sandbox.edit_job("a", json!({ "timeout_seconds": 100, "max_concurrent_runs": 3 }));
    let ran = world.plumb("apply plan.json --yes").code(4);
    ran.says("DatabricksJob/a: refused").says("in a field that the plan does not change");
    assert_eq!(timeout(&world, "a"), 100);
    // Nor is another manifest what was saved.
    world.sandbox.edit_job("a", json!({ "timeout_seconds": 100, "max_concurrent_runs": 1 }));
    world.edit("manifests/a.yaml", "200", "300");
    world.plumb("apply plan.json --yes").code(4).says("planned 100 -> 200, now 100 -> 300");
}

#[test]
fn what_depends_on_a_refused_change_waits_with_it() {
    let world = World::new();
    world.commit_file("manifests/a.yaml", &job("a", "  timeout_seconds: 100\n"), "Add a");
    world.plumb("apply --yes -q").code(0);
    world.edit("manifests/a.yaml", "100", "200");
    let calls = "apiVersion: plumb/v1\nkind: DatabricksJob\nmetadata: {name: caller}\nspec:\n  name: caller\n  tasks: [{task_key: \
        call, run_job_task: {job_id: '${resources.DatabricksJob.a}'}}]\n";
    world.write("manifests/caller.yaml", calls);
    world.commit_file("manifests/alone.yaml", &job("alone", ""), "Raise a, call it, and add another");
    world.plumb("plan --out plan.json").code(0);
    world.sandbox.edit_job("a", json!({ "timeout_seconds": 150 }));
    let ran = world.plumb("apply plan.json --yes").code(6);
    ran.says("DatabricksJob/a: refused").says("DatabricksJob/caller: not started, because DatabricksJob/a is not done");
    assert!(world.sandbox.has_job("alone") && !world.sandbox.has_job("caller"));
    assert_eq!(timeout(&world, "a"), 150);
}

#[test]
fn a_file_that_somebody_edited_does_nothing_of_its_own() {
    let world = two_jobs();
    let plan: serde_json::Value = serde_json::from_str(&world.read("plan.json")).unwrap();
    let with = |edit: &dyn Fn(&mut serde_json::Value)| {
        let mut plan = plan.clone();
        edit(&mut plan);
        world.write("edited.json", &plan.to_string());
        world.plumb("apply edited.json --yes")
    };
    with(&|p| p["format"] = json!("plumb.plan/v9"))
        .code(1)
        .says("its `format` is not `plumb.plan/v1`, which this plumb reads");
    with(&|p| p["changes"] = json!([])).code(1).says("its digest is not that of its changes");
    with(&|p| p["changes"][0]["digest"] = json!("0123456789abcdef")).code(1).says("was edited or is damaged");
    with(&|p| p["target"] = json!("prod")).code(1);
    world.write("edited.json", "nonsense");
    world.plumb("apply edited.json --yes").code(1).says("edited.json: it is no JSON");
    world.plumb("apply none.json --yes").code(1).says("none.json");
    world.plumb("apply plan.json --target prod").code(64).says("the plan is of target dev");
    world.plumb("apply plan.json --only DatabricksJob").code(64);
    assert_eq!(world.sandbox.writes(), [""; 0]);
    // Calls are not read out of the file.
    let calls = json!(["DELETE /api/2.0/everything"]);
    with(&|p| p["changes"][0]["calls"] = calls.clone()).code(0);
    assert_eq!(timeout(&world, "a"), 200);
    assert!(world.sandbox.writes().iter().all(|line| line == "POST /api/2.2/jobs/reset"));
}

#[test]
fn a_digest_allows_the_same_and_a_file_allows_less() {
    let world = two_jobs();
    let digest = serde_json::from_str::<serde_json::Value>(&world.read("plan.json")).unwrap()["digest"].clone();
    let digest = digest.as_str().unwrap();
    world.plumb("apply --yes --approved nonsense").code(64).says("neither a digest nor a file");
    world
        .plumb("apply --yes --approved 0123456789abcdef")
        .code(4)
        .says(&format!("approve this plan by its digest: {digest}"));
    // One is done already: less, which only the file can tell.
    world.sandbox.edit_job("a", json!({ "timeout_seconds": 200 }));
    world.plumb(&format!("apply --yes --approved {digest}")).code(4);
    world.plumb("apply --yes --approved plan.json").code(0).says("all of the plan was approved; 1 approved changes");
    assert_eq!(timeout(&world, "b"), 200);
    // Nothing to do is always less.
    world.plumb("apply --yes --approved 0123456789abcdef").code(0);
}

#[test]
fn a_saved_plan_holds_no_secret_and_needs_it_again() {
    let mut world = World::new();
    world.env("SECRET", Some("hunter2-hunter2"));
    world.edit("plumb.yaml", "spec:\n", "spec:\n  env: [SECRET]\n");
    world.commit_file("manifests/a.yaml", &job("a", "  description: ${env.SECRET}\n"), "Add a");
    world.plumb("plan --out plan.json").code(0);
    assert!(!world.read("plan.json").contains("hunter2"));
    world.env("SECRET", None);
    world.plumb("apply plan.json --yes").code(1).says("SECRET").says("nothing was sent");
    world.env("SECRET", Some("another-secret"));
    world.plumb("apply plan.json --yes").code(4).says("a secret, the object's id or the workspace is another one");
    world.env("SECRET", Some("hunter2-hunter2"));
    world.plumb("apply plan.json --yes").code(0);
    assert_eq!(world.sandbox.job("a")["settings"]["description"], "hunter2-hunter2");
}
