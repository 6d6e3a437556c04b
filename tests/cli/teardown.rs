//! Taking EMR down, as people do it: what is shown, what needs the second key, what is approved.

use crate::shows;
use crate::world::{Sandbox, World};
use serde_json::{Value, json};

const MANIFEST: &str = "\
apiVersion: plumb/v1
kind: EmrCluster
metadata: {name: legacy}
spec:
  match: {name: \"bau-*\"}
  desired: teardown
  teardown: {notBefore: 2024-06-01, grace: 14d}
";

/// A cluster of a seed, with these tags.
fn cluster(name: &str, tags: &[(&str, &str)], protected: bool) -> Value {
    let tags: Vec<Value> = tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
    json!({
        "run": {
            "Name": name, "ReleaseLabel": "emr-6.15.0", "JobFlowRole": "R", "ServiceRole": "S", "Tags": tags,
            "Instances": {
                "KeepJobFlowAliveWhenNoSteps": true, "TerminationProtected": protected,
                "InstanceGroups": [{ "InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1 }],
            },
        },
        "created": "2023-11-02T04:00:00Z",
    })
}

const MARK: [(&str, &str); 4] = [
    ("plumb", "demo/dev/EmrCluster/legacy"),
    ("plumb_rev", "0123456789ab-deadbeef"),
    ("plumb_teardown_marked", "2024-05-20T12:00:00Z"),
    ("plumb_teardown_not_before", "2024-06-01"),
];

/// A protected cluster that was marked, one that was not, and one that is nobody's business.
fn world() -> World {
    let clusters = json!([
        cluster("bau-old", &MARK, true),
        cluster("bau-new", &[("team", "bau")], false),
        cluster("other", &[], false),
    ]);
    let world = World::with_emr(&json!({ "emr": { "clusters": clusters } }));
    world.commit_file("manifests/legacy.yaml", MANIFEST, "Take it down");
    world
}

fn state(world: &World, name: &str) -> String {
    let state = world.sandbox.get("/_sandbox/state");
    let clusters = state["emr"]["regions"]["eu-central-1"]["clusters"].as_object().unwrap().clone();
    let one = clusters.values().find(|c| c["asked"]["Name"] == name).unwrap();
    one["phase"].as_str().unwrap().to_owned()
}

/// The calls to EMR since the last look that change something.
fn sent(world: &World) -> Vec<String> {
    let all = world.sandbox.requests();
    let names = all.iter().filter_map(|line| line.split(' ').nth(1)?.strip_prefix("/elasticmapreduce/"));
    names.filter(|name| !name.starts_with("List") && !name.starts_with("Describe")).map(str::to_owned).collect()
}

#[test]
fn the_gates_are_shown_and_a_plan_takes_nothing_down() {
    let world = world();
    shows!(world.plumb("plan"), @"");
    world.plumb("plan --detailed-exitcode").code(2);
    shows!(world.plumb("drift"), @"");
    shows!(world.plumb("status"), @"");
    shows!(world.plumb("show EmrCluster/legacy"), @"");
    world.plumb("validate").code(0);
    assert_eq!(sent(&world), [""; 0]);
}

#[test]
fn an_apply_marks_and_the_key_takes_down() {
    let world = world();
    shows!(world.plumb("apply --yes"), @"");
    assert_eq!(sent(&world), ["AddTags"]);
    // What was marked just now waits for its grace, whatever the key; what is due goes.
    shows!(world.plumb("plan --allow-teardown"), @"");
    world.plumb("apply --allow-teardown").code(3);
    assert_eq!(sent(&world), [""; 0]);
    shows!(world.plumb("apply --yes --allow-teardown"), @"");
    assert_eq!(sent(&world), ["SetTerminationProtection", "TerminateJobFlows"]);
    assert_eq!((state(&world, "bau-old").as_str(), state(&world, "bau-new").as_str()), ("TERMINATED", "WAITING"));
    world.plumb("plan --allow-teardown --detailed-exitcode").code(0).says("grace").never_says("bau-old");
    assert_eq!(state(&world, "other"), "WAITING");
}

#[test]
fn machines_read_the_gates() {
    let world = world();
    let plan = world.plumb("plan --output json").code(0).json();
    let teardown = plan["teardown"].as_array().unwrap();
    let old = teardown.iter().find(|d| d["title"] == "bau-old").unwrap();
    assert_eq!((&old["rung"], &old["state"]), (&json!("due"), &json!("WAITING")));
    let gates: Vec<String> = old["gates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|g| format!("{} {}", g["name"].as_str().unwrap(), g["holds"]))
        .collect();
    assert_eq!(gates, ["date true", "grace true", "busy true"]);
    let new = teardown.iter().find(|d| d["title"] == "bau-new").unwrap();
    assert_eq!(new["rung"], "active");
    let keyed = world.plumb("plan --output json --allow-teardown").code(0).json();
    let actions = |plan: &Value| -> Vec<Value> {
        plan["changes"].as_array().unwrap().iter().map(|c| c["action"].clone()).collect()
    };
    assert_eq!((actions(&plan), actions(&keyed).len()), (vec![json!("mark")], 2));
    assert!(actions(&keyed).contains(&json!("terminate")));
    world
        .plumb("plan --output markdown --allow-teardown")
        .code(0)
        .says("bau-old")
        .says("its termination protection is taken off first")
        .says("holds  grace");
}

fn digest(world: &World, arguments: &str) -> String {
    world.plumb(arguments).code(0).json()["digest"].as_str().unwrap().to_owned()
}

#[test]
fn what_was_approved_without_the_key_takes_nothing_down() {
    let mut world = world();
    let plain = digest(&world, "plan --output json");
    let keyed = digest(&world, "plan --output json --allow-teardown");
    assert_ne!(plain, keyed);
    // Who marks, and when, is no part of what is approved.
    world.env("GITHUB_ACTOR", Some("eve"));
    world.env("GITHUB_ACTIONS", Some("true"));
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert_eq!(digest(&world, "plan --output json"), plain);
    world.env("GITHUB_ACTIONS", None);
    world.plumb(&format!("apply --yes --allow-teardown --approved {plain}")).code(3);
    world.plumb(&format!("apply --yes --approved {keyed}")).code(3);
    assert_eq!(sent(&world), [""; 0]);
    world.plumb(&format!("apply --yes --allow-teardown --approved {keyed}")).code(0);
    let mut calls = sent(&world);
    calls.sort();
    assert_eq!(calls, ["AddTags", "SetTerminationProtection", "TerminateJobFlows"]);
}

#[test]
fn the_guard_counts_what_is_taken_down() {
    let world = world();
    world.edit("plumb.yaml", "spec:\n", "spec:\n  guards: {maxDeletes: 0}\n");
    world.commit("Guard");
    world.plumb("apply --yes --allow-teardown").code(3).says("nothing was sent");
    assert_eq!(sent(&world), [""; 0]);
    // Without the key nothing is to be taken down, so there is nothing to guard.
    world.plumb("apply --yes").code(0);
    assert_eq!(sent(&world), ["AddTags"]);
    world.plumb("apply --yes --allow-teardown --override max-deletes").code(0);
    assert_eq!(state(&world, "bau-old"), "TERMINATED");
}

#[test]
fn the_embedded_sandbox_has_the_ladder_too() {
    let world = World::new();
    let project = "apiVersion: plumb/v1\nkind: Project\nmetadata: {name: demo}\nspec:\n  targets:\n    dev: {default: true, sandbox: true}\n";
    world.write("plumb.yaml", project);
    world.commit_file("manifests/legacy.yaml", MANIFEST, "Take it down");
    let seed = world.home().join("seed.json");
    std::fs::write(&seed, json!({ "emr": { "clusters": [cluster("bau-old", &MARK, true)] } }).to_string()).unwrap();
    let state = world.dir().join(".plumb/sandbox-dev.json");
    std::fs::create_dir_all(state.parent().unwrap()).unwrap();
    drop(Sandbox::start(&["--emr=empty", "--seed", seed.to_str().unwrap(), "--state", state.to_str().unwrap()]));
    world.plumb("apply --yes").code(0).says("due: every gate holds");
    world.plumb("apply --yes --allow-teardown").code(0).says("1 taken down");
    world.plumb("plan --detailed-exitcode --allow-teardown").code(0).never_says("bau-old");
}

#[test]
fn a_wrong_manifest_gets_its_mistakes_told() {
    let world = World::new();
    world.write(
        "manifests/wrong.yaml",
        "\
apiVersion: plumb/v1
kind: EmrCluster
metadata: {name: nothing}
spec:
  match: {}
  desired: teardown
---
apiVersion: plumb/v1
kind: EmrCluster
metadata: {name: addresses, adopt: j-1}
spec:
  match: {name: \"**\"}
  desired: teardown
  teardown:
    grace: soon
    replacedBy: [DatabricksJob/none, AirflowDag/dag]
    requires: {greenRuns: 26, dagPaused: [AirflowDag/none, dag]}
---
apiVersion: plumb/v1
kind: EmrSecurityConfiguration
metadata: {name: lock}
spec:
  match: {tags: {team: bau}}
  desired: teardown
  teardown: {notBefore: 2024-6-1}
---
apiVersion: plumb/v1
kind: Migration
metadata: {name: audience}
spec:
  from: {emr: [EmrCluster/gone, DatabricksJob/x]}
  to: {jobs: [EmrCluster/nothing]}
  cutover: soon
",
    );
    shows!(world.plumb("validate"), @"");
}
