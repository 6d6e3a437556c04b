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
    shows!(world.plumb("plan"), @r#"
    Plan of demo for target dev, manifests at <Take it down>

      * mark for teardown

      # EmrCluster/legacy/<emr bau-new> will be marked for teardown; nothing else happens to it
      # (its manifest says `desired: teardown`)
      # manifests/legacy.yaml:1
      * EmrCluster/legacy/<emr bau-new> "bau-new" (id <emr bau-new>)
          + tags.plumb = "demo/dev/EmrCluster/legacy"
                # manifests/legacy.yaml:6, manifest <Take it down> by Ada: Take it down
          + tags.plumb_teardown_not_before = "2024-06-01"
                # manifests/legacy.yaml:7, manifest <Take it down> by Ada: Take it down

    Teardown:
      EmrCluster/legacy/<emr bau-new> "bau-new" WAITING, not marked
        holds  date       not before 2024-06-01, which has come
        waits  grace      it is not marked yet
        holds  busy       nothing runs
        next: it is marked, and nothing else
      EmrCluster/legacy/<emr bau-old> "bau-old" WAITING, due: every gate holds
        holds  date       not before 2024-06-01, which has come
        holds  grace      marked 2024-05-20 12:00 UTC, 14d ago or longer
        holds  busy       nothing runs
        next: `plumb apply --allow-teardown` takes it down

    Plan: 0 to create, 0 to update, 1 to mark for teardown, 0 to delete. 0 unchanged.
    Digest: <digest>
    --- stderr
    read 3 objects with 7 requests in <time>
    --- exit 0
    "#);
    world.plumb("plan --detailed-exitcode").code(2);
    shows!(world.plumb("drift"), @r#"
    Plan of demo for target dev, manifests at <Take it down>

      * mark for teardown

      # EmrCluster/legacy/<emr bau-new> will be marked for teardown; nothing else happens to it
      # (its manifest says `desired: teardown`)
      # manifests/legacy.yaml:1
      * EmrCluster/legacy/<emr bau-new> "bau-new" (id <emr bau-new>)
          + tags.plumb = "demo/dev/EmrCluster/legacy"
                # manifests/legacy.yaml:6, manifest <Take it down> by Ada: Take it down
          + tags.plumb_teardown_not_before = "2024-06-01"
                # manifests/legacy.yaml:7, manifest <Take it down> by Ada: Take it down

    Teardown:
      EmrCluster/legacy/<emr bau-new> "bau-new" WAITING, not marked
        holds  date       not before 2024-06-01, which has come
        waits  grace      it is not marked yet
        holds  busy       nothing runs
        next: it is marked, and nothing else
      EmrCluster/legacy/<emr bau-old> "bau-old" WAITING, due: every gate holds
        holds  date       not before 2024-06-01, which has come
        holds  grace      marked 2024-05-20 12:00 UTC, 14d ago or longer
        holds  busy       nothing runs
        next: `plumb apply --allow-teardown` takes it down

    Plan: 0 to create, 0 to update, 1 to mark for teardown, 0 to delete. 0 unchanged.
    Digest: <digest>
    --- stderr
    read 3 objects with 7 requests in <time>
    --- exit 2
    "#);
    shows!(world.plumb("status"), @r#"
    ADDRESS            STATUS   ID                               STATE    APPLIED FROM
    EmrCluster/legacy  differs  <emr bau-new> <emr bau-old>  WAITING  0123456789ab
    --- stderr
    read 3 objects with 7 requests in <time>
    --- exit 0
    "#);
    shows!(world.plumb("show EmrCluster/legacy"), @r#"
    EmrCluster/legacy

    manifest (manifests/legacy.yaml:1):
      desired: teardown
      match:
        name: bau-*
      teardown:
        grace: 14d
        notBefore: 2024-06-01

    live (EMR cluster <emr bau-old>, applied from 0123456789ab-deadbeef):
      name: bau-old
      tags:
        plumb_teardown_marked: 2024-05-20T12:00:00Z
        plumb_teardown_not_before: 2024-06-01

    Plan of demo for target dev, manifests at <Take it down>

      * mark for teardown

      # EmrCluster/legacy/<emr bau-new> will be marked for teardown; nothing else happens to it
      # (its manifest says `desired: teardown`)
      # manifests/legacy.yaml:1
      * EmrCluster/legacy/<emr bau-new> "bau-new" (id <emr bau-new>)
          + tags.plumb = "demo/dev/EmrCluster/legacy"
                # manifests/legacy.yaml:6, manifest <Take it down> by Ada: Take it down
          + tags.plumb_teardown_not_before = "2024-06-01"
                # manifests/legacy.yaml:7, manifest <Take it down> by Ada: Take it down

    Teardown:
      EmrCluster/legacy/<emr bau-new> "bau-new" WAITING, not marked
        holds  date       not before 2024-06-01, which has come
        waits  grace      it is not marked yet
        holds  busy       nothing runs
        next: it is marked, and nothing else
      EmrCluster/legacy/<emr bau-old> "bau-old" WAITING, due: every gate holds
        holds  date       not before 2024-06-01, which has come
        holds  grace      marked 2024-05-20 12:00 UTC, 14d ago or longer
        holds  busy       nothing runs
        next: `plumb apply --allow-teardown` takes it down

    Plan: 0 to create, 0 to update, 1 to mark for teardown, 0 to delete. 0 unchanged.
    Digest: <digest>
    --- stderr
    read 3 objects with 7 requests in <time>
    --- exit 0
    "#);
    world.plumb("validate").code(0);
    assert_eq!(sent(&world), [""; 0]);
}

#[test]
fn an_apply_marks_and_the_key_takes_down() {
    let world = world();
    shows!(world.plumb("apply --yes"), @r#"
    Plan of demo for target dev, manifests at <Take it down>

      * mark for teardown

      # EmrCluster/legacy/<emr bau-new> will be marked for teardown; nothing else happens to it
      # (its manifest says `desired: teardown`)
      # manifests/legacy.yaml:1
      * EmrCluster/legacy/<emr bau-new> "bau-new" (id <emr bau-new>)
          + tags.plumb = "demo/dev/EmrCluster/legacy"
                # manifests/legacy.yaml:6, manifest <Take it down> by Ada: Take it down
          + tags.plumb_teardown_not_before = "2024-06-01"
                # manifests/legacy.yaml:7, manifest <Take it down> by Ada: Take it down

    Teardown:
      EmrCluster/legacy/<emr bau-new> "bau-new" WAITING, not marked
        holds  date       not before 2024-06-01, which has come
        waits  grace      it is not marked yet
        holds  busy       nothing runs
        next: it is marked, and nothing else
      EmrCluster/legacy/<emr bau-old> "bau-old" WAITING, due: every gate holds
        holds  date       not before 2024-06-01, which has come
        holds  grace      marked 2024-05-20 12:00 UTC, 14d ago or longer
        holds  busy       nothing runs
        next: `plumb apply --allow-teardown` takes it down

    Plan: 0 to create, 0 to update, 1 to mark for teardown, 0 to delete. 0 unchanged.
    Digest: <digest>
    --- stderr
    read 3 objects with 7 requests in <time>
    marking EmrCluster/legacy/<emr bau-new>
    [1/1] marked EmrCluster/legacy/<emr bau-new> in <time>
    Apply: 1 done.
    --- exit 0
    "#);
    assert_eq!(sent(&world), ["AddTags"]);
    // What was marked just now waits for its grace, whatever the key; what is due goes.
    let plan =
        world.plumb("plan --allow-teardown").code(0).says("waits  grace      14d from 2").says("it is taken down");
    assert!(plan.shown.contains("1 to take down"), "{}", plan.shown);
    world.plumb("apply --allow-teardown").code(64).says("give --yes");
    assert_eq!(sent(&world), [""; 0]);
    world.plumb("apply --yes --allow-teardown").code(0).says("took down EmrCluster/legacy/<emr bau-old> in <time>");
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
    world.plumb(&format!("apply --yes --allow-teardown --approved {plain}")).code(4).says("not what was approved");
    world.plumb(&format!("apply --yes --approved {keyed}")).code(4).says("not what was approved");
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
    world.plumb("apply --yes --allow-teardown").code(0).says("[1/1] took down EmrCluster/legacy/j-");
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
    shows!(world.plumb("validate"), @r#"
    --- stderr
    error: `match` matches everything
     --> manifests/wrong.yaml:5:10
      |
    5 |   match: {}
      |          ^^ name what it is about: by `name`, `ids` or `tags`

    error: `teardown` says nothing of when
     --> manifests/wrong.yaml:6:12
      |
    6 |   desired: teardown
      |            ^^^^^^^^ add `teardown` with `notBefore`

    error: `metadata.adopt` means nothing for an EMR cluster
     --> manifests/wrong.yaml:8:1
      |
    8 | apiVersion: plumb/v1
      | ^^^^^^^^^^^^^^^^^^^^ in EmrCluster/addresses

    error: this name matches everything
      --> manifests/wrong.yaml:12:17
       |
    12 |   match: {name: "**"}
       |                 ^^^^ give it some letters beside the `*`

    error: `notBefore` is missing
      --> manifests/wrong.yaml:15:5
       |
    15 |     grace: soon
       |     ^^^^^^^^^^^ the first day on which they may be taken down

    error: `soon` is no duration
      --> manifests/wrong.yaml:15:12
       |
    15 |     grace: soon
       |            ^^^^ expected one like `14d` or `36h`, `0d` for none

    error: there is no DatabricksJob/none
      --> manifests/wrong.yaml:16:18
       |
    16 |     replacedBy: [DatabricksJob/none, AirflowDag/dag]
       |                  ^^^^^^^^^^^^^^^^^^ no manifest has this address

    error: `AirflowDag/dag` is no address of what can stand here
      --> manifests/wrong.yaml:16:38
       |
    16 |     replacedBy: [DatabricksJob/none, AirflowDag/dag]
       |                                      ^^^^^^^^^^^^^^ expected DatabricksJob/NAME

    error: 26 runs
      --> manifests/wrong.yaml:17:27
       |
    17 |     requires: {greenRuns: 26, dagPaused: [AirflowDag/none, dag]}
       |                           ^^ 25 at most: as many as one page of runs has

    error: there is no AirflowDag/none
      --> manifests/wrong.yaml:17:43
       |
    17 |     requires: {greenRuns: 26, dagPaused: [AirflowDag/none, dag]}
       |                                           ^^^^^^^^^^^^^^^ no manifest has this address

    error: `dag` is no address of what can stand here
      --> manifests/wrong.yaml:17:60
       |
    17 |     requires: {greenRuns: 26, dagPaused: [AirflowDag/none, dag]}
       |                                                            ^^^ expected AirflowDag/NAME

    error: these have no tags
      --> manifests/wrong.yaml:23:17
       |
    23 |   match: {tags: {team: bau}}
       |                 ^^^^^^^^^^^^ match them by `name` or `ids`

    error: `2024-6-1` is no day
      --> manifests/wrong.yaml:25:25
       |
    25 |   teardown: {notBefore: 2024-6-1}
       |                         ^^^^^^^^ expected one like `2024-06-01`

    error: there is no EmrCluster/gone
      --> manifests/wrong.yaml:31:16
       |
    31 |   from: {emr: [EmrCluster/gone, DatabricksJob/x]}
       |                ^^^^^^^^^^^^^^^ did you mean `EmrCluster/nothing`?

    error: `DatabricksJob/x` is no address of what can stand here
      --> manifests/wrong.yaml:31:33
       |
    31 |   from: {emr: [EmrCluster/gone, DatabricksJob/x]}
       |                                 ^^^^^^^^^^^^^^^ expected EmrCluster/NAME or EmrServerlessApplication/NAME or EmrSecurityConfiguration/NAME

    error: `EmrCluster/nothing` is no address of what can stand here
      --> manifests/wrong.yaml:32:15
       |
    32 |   to: {jobs: [EmrCluster/nothing]}
       |               ^^^^^^^^^^^^^^^^^^ expected DatabricksJob/NAME

    error: `soon` is no day
      --> manifests/wrong.yaml:33:12
       |
    33 |   cutover: soon
       |            ^^^^ expected one like `2024-05-01`

    17 problems in 1 file
    error: the manifests have mistakes; nothing was sent
    --- exit 1
    "#);
}
