//! What is in the state file of a sandbox when its process ends, however it does.

use crate::world::{Sandbox, World, job};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn saved(state: &std::path::Path) -> usize {
    let state: Value = serde_json::from_str(&std::fs::read_to_string(state).unwrap()).unwrap();
    state["databricks"]["jobs"].as_object().unwrap().len()
}

#[test]
fn a_sandbox_that_is_killed_has_lost_a_second_and_one_that_is_ended_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state.json");
    let options = ["--state", state.to_str().unwrap()];
    let create = |sandbox: &Sandbox, count: usize| {
        for n in 0..count {
            sandbox.post("/api/2.2/jobs/create", json!({ "name": format!("j{n}") }));
        }
    };
    let sandbox = Sandbox::start(&options);
    create(&sandbox, 1);
    assert_eq!(saved(&state), 1, "before it was answered");
    create(&sandbox, 20);
    let begun = Instant::now();
    while saved(&state) < 21 {
        assert!(begun.elapsed() < Duration::from_secs(20), "{} of 21", saved(&state));
        std::thread::sleep(Duration::from_millis(20));
    }
    // SIGKILL.
    drop(sandbox);
    let sandbox = Sandbox::start(&options);
    assert_eq!(sandbox.get("/_sandbox/state")["databricks"]["jobs"].as_object().unwrap().len(), 21);
    for signal in ["-INT", "-TERM"] {
        let sandbox = Sandbox::start(&options);
        let before = saved(&state);
        create(&sandbox, 30);
        assert_eq!(sandbox.end(signal), Some(0));
        assert_eq!(saved(&state), before + 30, "{signal}");
    }
}

#[test]
fn a_command_on_the_embedded_sandbox_has_saved_all_it_did_when_it_ends() {
    let world = World::new();
    world.edit("plumb.yaml", "dev: {default: true, databricks: {}}", "dev: {default: true, sandbox: true}");
    let mut jobs: Vec<String> = (0..40).map(|n| job(&format!("j{n:02}"), "")).collect();
    world.commit_file("manifests/jobs.yaml", &jobs.join("---\n"), "Add jobs");
    world.plumb("apply --yes").code(0).says("40 done");
    world.plumb("plan --detailed-exitcode").code(0);
    // One is refused by the service: what was done beside it is kept.
    let policy = "  job_clusters: [{job_cluster_key: c, new_cluster: {spark_version: 15.4.x-scala2.12, num_workers: 1, policy_id: NONE}}]\n";
    jobs.push(job("refused", policy));
    jobs.push(job("zz-last", ""));
    world.commit_file("manifests/jobs.yaml", &jobs.join("---\n"), "Add two");
    let ran = world.plumb("apply --yes");
    let ran = ran.code(6).says("Cluster policy NONE does not exist");
    let kept = saved(&world.dir().join(".plumb/sandbox-dev.json"));
    let plan = world.plumb("plan --output json").json();
    assert!(kept >= 40, "{}", ran.shown);
    assert_eq!(kept + plan["changes"].as_array().unwrap().len(), 42, "{}", ran.shown);
}
