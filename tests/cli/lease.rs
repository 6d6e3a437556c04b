//! The lease, with the real binary: one apply at a time, whatever becomes of it.

use crate::shows;
use crate::world::{World, job};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

const FOLDER: &str = "/Shared/.plumb/demo/dev";

fn world() -> World {
    let mut world = World::new();
    world.env("GITHUB_ACTOR", Some("ada"));
    world.env("GITHUB_SERVER_URL", Some("https://github.com"));
    world.env("GITHUB_REPOSITORY", Some("acme/data"));
    world.env("GITHUB_RUN_ID", Some("42"));
    world.commit_file("manifests/a.yaml", &job("a", ""), "Add a");
    world
}

/// The names of the lease's files, and what the newest says.
fn files(world: &World) -> (Vec<String>, serde_json::Value) {
    let listed = world.sandbox.get(&format!("/api/2.0/workspace/list?path={FOLDER}"));
    let name = |o: &serde_json::Value| o["path"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let mut names: Vec<String> = listed["objects"].as_array().unwrap().iter().map(name).collect();
    names.retain(|n| n != "clock.json");
    names.sort();
    let export = format!("/api/2.0/workspace/export?path={FOLDER}/{}", names.last().unwrap());
    let content = world.sandbox.get(&export)["content"].as_str().unwrap().to_owned();
    (names, serde_json::from_slice(&STANDARD.decode(content).unwrap()).unwrap())
}

#[test]
fn an_apply_takes_it_and_gives_it_back() {
    let world = world();
    world.plumb("apply --yes").code(0);
    let (names, newest) = files(&world);
    assert_eq!(names, ["0000000001.json"]);
    assert_eq!((&newest["released"], &newest["who"]), (&json!(true), &json!("ada")));
    assert_eq!(newest["run_url"], "https://github.com/acme/data/actions/runs/42");
    // Nothing to do, a guard, a failure: it is given back whatever comes.
    world.plumb("apply --yes").code(0);
    world
        .sandbox
        .fault(json!({"path": "/api/2.2/jobs/list", "status": 403, "body": {"error_code": "PERMISSION_DENIED"}}));
    world.plumb("apply --yes").code(1);
    let (names, newest) = files(&world);
    assert_eq!((names.len(), &newest["released"]), (3, &json!(true)));
    // A plan needs none.
    world.sandbox.requests();
    world.plumb("plan").code(0);
    assert!(world.sandbox.requests().iter().all(|r| !r.contains("/workspace/")));
}

#[test]
fn of_two_applies_one_is_refused_or_waits() {
    let world = world();
    world.sandbox.fault(json!({"path": "/api/2.2/jobs/create", "delay_ms": 4000}));
    let mut first = world.start("apply --yes");
    first.until("creating DatabricksJob/a");
    let refused = world.plumb("apply --yes").code(5).says("nothing was sent").says("--lock-timeout");
    assert!(refused.err.contains("the lease is held: ada has held it since 20"), "{}", refused.err);
    assert!(
        refused.err.contains("for `plumb apply`, see https://github.com/acme/data/actions/runs/42"),
        "{}",
        refused.err
    );
    let mut second = world.start("apply --yes --lock-timeout 60s");
    second.until("waiting for the lease: ada");
    first.wait().code(0);
    // It reads after it has the lease, so it makes no second job.
    second.wait().code(0).says("No changes.");
    assert!(world.sandbox.has_job("a"));
    world.sandbox.job("a");
}

#[test]
fn a_dead_holder_is_shown_and_its_lease_broken_or_run_out() {
    let world = world();
    world.sandbox.fault(json!({"path": "/api/2.2/jobs/create", "delay_ms": 1500}));
    let mut first = world.start("apply --yes");
    first.until("creating DatabricksJob/a");
    first.kill();
    world.plumb("apply --yes").code(5);
    world.plumb("unlock").code(64).says("ada has held it since").says("give --yes");
    assert_eq!(files(&world).1["released"], false);
    world.plumb("unlock --yes").code(0).says("ada has held it since").says("the lease of target dev is free");
    shows!(world.plumb("unlock --yes"), @"
    --- stderr
    nobody holds the lease of target dev
    --- exit 0
    ");
    world.plumb("apply --yes").code(0);
    // One that runs out after a second.
    let dead = json!({"format": "plumb.lease/v1", "id": "x", "who": "::error::\u{1b}[31meve", "command": "", "since": "long ago", "lasts_seconds": 1, "released": false});
    let content = STANDARD.encode(dead.to_string());
    let path = format!("{FOLDER}/0000000009.json");
    world.sandbox.post("/api/2.0/workspace/import", json!({"path": path, "format": "AUTO", "content": content}));
    world.plumb("apply --yes --lock-timeout 60s").code(0).never_says("\u{1b}");
    assert_eq!(files(&world).0.last().unwrap(), "0000000010.json");
}

#[test]
fn without_leave_to_write_the_error_says_what_to_do() {
    let world = world();
    let denied = json!({"error_code": "PERMISSION_DENIED", "message": "ada may not write there."});
    world.sandbox.fault(json!({"path": "/api/2.0/workspace/import", "status": 403, "body": denied}));
    shows!(world.plumb("apply --yes"), @"
    --- stderr
    error: the lease cannot be taken in /Shared/.plumb/demo/dev: POST /api/2.0/workspace/import: 403 PERMISSION_DENIED: ada may not write there. (request id <id>)
    hint: nothing was changed
    hint: give who applies Can Edit on that folder, or name another one as `databricks.leases` of the target
    hint: in an emergency, --no-lock goes on without it
    --- exit 1
    ");
    assert!(!world.sandbox.has_job("a"));
    world.sandbox.fault(json!({"path": "/api/2.0/workspace/import", "status": 403, "body": denied}));
    world.plumb("apply --yes --no-lock").code(0).says("warning: going on without the lease");
    assert!(world.sandbox.has_job("a"));
}

#[test]
fn a_lost_answer_is_no_rival() {
    let world = world();
    world.sandbox.fault(json!({"path": "/api/2.0/workspace/import", "when": "after", "drop": true}));
    world.plumb("apply --yes").code(0);
    assert!(world.sandbox.has_job("a"));
}

#[test]
fn another_folder_and_none_in_development() {
    let mut world = world();
    world.env("USER", Some("ada"));
    world.edit("plumb.yaml", "databricks: {}", "databricks: {leases: /Shared/locks}");
    world.commit("Elsewhere");
    world.plumb("apply --yes").code(0);
    assert_eq!(
        world.sandbox.get("/api/2.0/workspace/list?path=/Shared/locks/demo/dev")["objects"].as_array().unwrap().len(),
        1
    );
    world.edit("plumb.yaml", "default: true,", "default: true, mode: development,");
    world.sandbox.requests();
    world.plumb("apply --yes").code(0);
    assert!(world.sandbox.requests().iter().all(|r| !r.contains("/workspace/")));
    world.plumb("unlock").code(1).says("target dev has no lease");
}
