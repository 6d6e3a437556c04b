//! The teardown of EMR, as people do it: what is shown, what needs `--allow-teardown`, what is approved.

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
    tag(&world, "bau-old", |id, commit| {
        vec![
            ("plumb_rev", format!("{commit}-deadbeef")),
            ("plumb_teardown_marked", format!("2024-05-20T12:00:00Z {id}")),
        ]
    });
    world
}

/// Sets tags of a cluster, as plumb did or as somebody else does, by its id and the commit that is checked out.
fn tag(world: &World, name: &str, tags: impl Fn(&str, &str) -> Vec<(&'static str, String)>) {
    let commit = world.git(&["rev-parse", "HEAD"])[..12].to_owned();
    let mut state = world.sandbox.get("/_sandbox/state");
    let clusters = state["emr"]["regions"]["eu-central-1"]["clusters"].as_object_mut().unwrap();
    let (id, cluster) = clusters.iter_mut().find(|(_, c)| c["asked"]["Name"] == name).unwrap();
    let all = cluster["tags"].as_array_mut().unwrap();
    for (key, value) in tags(id, &commit) {
        all.retain(|tag| tag[0] != key);
        all.push(json!([key, value]));
    }
    world.sandbox.send("PUT", "/_sandbox/state", &state);
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
fn the_gates_are_shown_and_a_plan_terminates_nothing() {
    let world = world();
    shows!(world.plumb("plan"), @r#"
    Plan of demo for target dev, manifests at <Take it down>

      * mark for teardown

      # EmrCluster/legacy/<emr bau-new> will be marked for teardown; nothing else happens to it
      # (its manifest says `desired: teardown`)
      # manifests/legacy.yaml:6
      * EmrCluster/legacy/<emr bau-new> "bau-new" (id <emr bau-new>)
          + tags.plumb = "demo/dev/EmrCluster/legacy"
                # manifests/legacy.yaml:6, manifest <Take it down> by Ada: Take it down
          + tags.plumb_teardown_not_before = "2024-06-01"
                # manifests/legacy.yaml:7, manifest <Take it down> by Ada: Take it down

    Teardown:
      EmrCluster/legacy/<emr bau-new> "bau-new" WAITING, not marked
        holds  date       not before 2024-06-01, reached
        waits  grace      it is not marked yet
        holds  busy       nothing runs
        next: it is marked, and nothing else
      EmrCluster/legacy/<emr bau-old> "bau-old" WAITING, due: every gate holds
        holds  date       not before 2024-06-01, reached
        holds  grace      marked 2024-05-20 12:00 UTC, 14d ago or longer
        holds  busy       nothing runs
        next: `plumb apply --allow-teardown` terminates it

    Plan: 0 to create, 0 to update, 1 to mark for teardown, 0 to delete. 0 unchanged.
    Digest: <digest>
    --- stderr
    read 3 objects with 10 requests in <time>
    --- exit 0
    "#);
    world.plumb("plan --detailed-exitcode").code(2);
    shows!(world.plumb("drift"), @r#"
    Drift of demo for target dev, manifests at <Take it down>

      * mark for teardown

      # EmrCluster/legacy/<emr bau-new> will be marked for teardown; nothing else happens to it
      # (its manifest says `desired: teardown`)
      # manifests/legacy.yaml:6
      * EmrCluster/legacy/<emr bau-new> "bau-new" (id <emr bau-new>)
          + tags.plumb = "demo/dev/EmrCluster/legacy"
                # manifests/legacy.yaml:6, manifest <Take it down> by Ada: Take it down
          + tags.plumb_teardown_not_before = "2024-06-01"
                # manifests/legacy.yaml:7, manifest <Take it down> by Ada: Take it down

    Teardown:
      EmrCluster/legacy/<emr bau-new> "bau-new" WAITING, not marked
        holds  date       not before 2024-06-01, reached
        waits  grace      it is not marked yet
        holds  busy       nothing runs
        next: it is marked, and nothing else
      EmrCluster/legacy/<emr bau-old> "bau-old" WAITING, due: every gate holds
        holds  date       not before 2024-06-01, reached
        holds  grace      marked 2024-05-20 12:00 UTC, 14d ago or longer
        holds  busy       nothing runs
        next: `plumb apply --allow-teardown` terminates it

    No drift. 1 change waits for an apply: EmrCluster/legacy/<emr bau-new>. 0 resources up to date.
    Digest: <digest>
    --- stderr
    read 3 objects with 10 requests in <time>
    --- exit 2
    "#);
    shows!(world.plumb("status"), @"
    ADDRESS            STATUS   ID                               STATE    APPLIED FROM
    EmrCluster/legacy  pending  <emr bau-new> <emr bau-old>  WAITING  <Take it down>

    1 resource: 1 pending.
    --- stderr
    read 3 objects with 10 requests in <time>
    --- exit 0
    ");
    shows!(world.plumb("show EmrCluster/legacy"), @r#"
    EmrCluster/legacy

    manifest (manifests/legacy.yaml:1):
      desired: teardown
      match:
        name: bau-*
      teardown:
        grace: 14d
        notBefore: 2024-06-01

    live (EMR cluster <emr bau-old>, applied from <Take it down>-deadbeef):
      name: bau-old
      tags:
        plumb_teardown_marked: 2024-05-20T12:00:00Z <emr bau-old>
        plumb_teardown_not_before: 2024-06-01

    Plan of demo for target dev, manifests at <Take it down>

      * mark for teardown

      # EmrCluster/legacy/<emr bau-new> will be marked for teardown; nothing else happens to it
      # (its manifest says `desired: teardown`)
      # manifests/legacy.yaml:6
      * EmrCluster/legacy/<emr bau-new> "bau-new" (id <emr bau-new>)
          + tags.plumb = "demo/dev/EmrCluster/legacy"
                # manifests/legacy.yaml:6, manifest <Take it down> by Ada: Take it down
          + tags.plumb_teardown_not_before = "2024-06-01"
                # manifests/legacy.yaml:7, manifest <Take it down> by Ada: Take it down

    Teardown:
      EmrCluster/legacy/<emr bau-new> "bau-new" WAITING, not marked
        holds  date       not before 2024-06-01, reached
        waits  grace      it is not marked yet
        holds  busy       nothing runs
        next: it is marked, and nothing else
      EmrCluster/legacy/<emr bau-old> "bau-old" WAITING, due: every gate holds
        holds  date       not before 2024-06-01, reached
        holds  grace      marked 2024-05-20 12:00 UTC, 14d ago or longer
        holds  busy       nothing runs
        next: `plumb apply --allow-teardown` terminates it

    Plan: 0 to create, 0 to update, 1 to mark for teardown, 0 to delete. 0 unchanged.
    Digest: <digest>
    --- stderr
    read 3 objects with 10 requests in <time>
    --- exit 0
    "#);
    world.plumb("validate").code(0);
    assert_eq!(sent(&world), [""; 0]);
}

#[test]
fn an_apply_marks_and_allow_teardown_terminates() {
    let world = world();
    shows!(world.plumb("apply --yes"), @r#"
    Plan of demo for target dev, manifests at <Take it down>

      * mark for teardown

      # EmrCluster/legacy/<emr bau-new> will be marked for teardown; nothing else happens to it
      # (its manifest says `desired: teardown`)
      # manifests/legacy.yaml:6
      * EmrCluster/legacy/<emr bau-new> "bau-new" (id <emr bau-new>)
          + tags.plumb = "demo/dev/EmrCluster/legacy"
                # manifests/legacy.yaml:6, manifest <Take it down> by Ada: Take it down
          + tags.plumb_teardown_not_before = "2024-06-01"
                # manifests/legacy.yaml:7, manifest <Take it down> by Ada: Take it down

    Teardown:
      EmrCluster/legacy/<emr bau-new> "bau-new" WAITING, not marked
        holds  date       not before 2024-06-01, reached
        waits  grace      it is not marked yet
        holds  busy       nothing runs
        next: it is marked, and nothing else
      EmrCluster/legacy/<emr bau-old> "bau-old" WAITING, due: every gate holds
        holds  date       not before 2024-06-01, reached
        holds  grace      marked 2024-05-20 12:00 UTC, 14d ago or longer
        holds  busy       nothing runs
        next: `plumb apply --allow-teardown` terminates it

    Plan: 0 to create, 0 to update, 1 to mark for teardown, 0 to delete. 0 unchanged.
    Digest: <digest>
    --- stderr
    read 3 objects with 10 requests in <time>
    marking EmrCluster/legacy/<emr bau-new>
    [1/1] marked EmrCluster/legacy/<emr bau-new> in <time>
    Apply: 1 done.
    --- exit 0
    "#);
    assert_eq!(sent(&world), ["AddTags"]);
    // What was marked just now waits for its grace, whatever the key; what is due goes.
    let plan =
        world.plumb("plan --allow-teardown").code(0).says("waits  grace      14d from 2").says("it is terminated");
    assert!(plan.shown.contains("1 to terminate"), "{}", plan.shown);
    world.plumb("apply --allow-teardown").code(64).says("give --yes");
    assert_eq!(sent(&world), [""; 0]);
    world.plumb("apply --yes --allow-teardown").code(0).says("terminated EmrCluster/legacy/<emr bau-old> in <time>");
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
fn what_was_approved_without_allow_teardown_terminates_nothing() {
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
    // Without --allow-teardown nothing is to be terminated, so there is nothing to guard.
    world.plumb("apply --yes").code(0);
    assert_eq!(sent(&world), ["AddTags"]);
    world.plumb("apply --yes --allow-teardown --override max-deletes").code(0);
    assert_eq!(state(&world, "bau-old"), "TERMINATED");
}

#[test]
fn a_mark_that_somebody_else_made_is_never_due() {
    let old = "2024-05-20T12:00:00Z";
    type Tags = fn(&str, &str) -> Vec<(&'static str, String)>;
    let attacks: [(&str, Tags, &str); 4] = [
        ("an earlier version", |_, c| vec![("plumb_rev", format!("{c}-d"))], "its mark names no id"),
        (
            "a clone",
            |_, c| {
                vec![("plumb_rev", format!("{c}-d")), ("plumb_teardown_marked", "2024-05-20T12:00:00Z j-OTHER".into())]
            },
            "marked by somebody else: the mark is of j-OTHER, and this is <emr bau-new>",
        ),
        (
            "a date before it was started",
            |id, c| {
                let at = format!("2023-05-20T12:00:00Z {id}");
                vec![("plumb_rev", format!("{c}-d")), ("plumb_teardown_marked", at)]
            },
            "marked by somebody else: on 2023-05-20 12:00 UTC, and this was started 2023-11-02",
        ),
        (
            "a commit of nobody's",
            |id, _| vec![("plumb_teardown_marked", format!("2024-05-20T12:00:00Z {id}"))],
            "marked by somebody else: this repository has no commit 0123456789ab",
        ),
    ];
    for (what, tags, says) in attacks {
        let world = world();
        tag(&world, "bau-new", |id, commit| {
            let mut all: Vec<(&str, String)> = MARK.iter().map(|(k, v)| (*k, (*v).to_owned())).collect();
            all.extend(tags(id, commit));
            all
        });
        let plan = world.plumb("plan --allow-teardown").code(0).says(says).says("its grace period");
        plan.says("it is marked again, and nothing else");
        world.plumb("apply --yes --allow-teardown").code(0);
        assert_eq!(state(&world, "bau-new"), "WAITING", "{what}");
        assert_eq!(state(&world, "bau-old"), "TERMINATED", "{what}");
        // From now on it is marked, and waits.
        let plan = world.plumb("plan --allow-teardown --detailed-exitcode").code(0);
        plan.says("waits  grace      14d from 2").never_says("marked by somebody else").never_says(old);
    }
}

#[test]
fn in_a_shallow_clone_a_teardown_waits_and_says_how_to_go_on() {
    let world = world();
    world.commit_file("README.md", "later", "Go on");
    let there = world.home().join("clone");
    let from = format!("file://{}", world.dir().display());
    world.git(&["clone", "--quiet", "--depth", "1", &from, there.to_str().unwrap()]);
    let ran = world.plumb_in(&there, &["plan", "--allow-teardown"]).code(0);
    ran.says("waits  mark       whether plumb made its mark cannot be known: commit <Take it down> is not in")
        .says("this shallow clone; check out the whole history (`fetch-depth: 0`)")
        .says("it waits until its mark can be believed")
        .never_says("somebody else")
        .never_says("to terminate");
    sent(&world);
    world.plumb_in(&there, &["apply", "--yes", "--allow-teardown"]).code(0);
    assert_eq!(sent(&world), ["AddTags"], "the other is marked");
    assert_eq!(state(&world, "bau-old"), "WAITING");
    world.git_in(&there, &["fetch", "--quiet", "--unshallow"]);
    world.plumb_in(&there, &["plan", "--allow-teardown"]).code(0).says("1 to terminate");
}

#[test]
fn evidence_shows_nothing_of_what_a_link_leads_to() {
    let mut world = world();
    world.edit("manifests/legacy.yaml", "grace: 14d}", "grace: 14d, requires: {parity: {passes: 1}}}");
    std::fs::write(world.home().join("credentials"), "s3cr3t=hunter2\n").unwrap();
    world.env("PLUMB_USER", Some("ann"));
    world.write("evidence/.keep", "");
    for (name, to) in [
        ("passwd", "/etc/passwd".to_owned()),
        ("secret", world.home().join("credentials").display().to_string()),
        ("git", "../.git/config".to_owned()),
    ] {
        std::os::unix::fs::symlink(to, world.dir().join(format!("evidence/{name}.json"))).unwrap();
    }
    world.write("evidence/odd.json", "{\"format\": \"hunter2\", \"s3cr3t\": 1, \"passed\": \"hunter2\"}");
    world.commit("Compare");
    let json = world.plumb("plan --output json --allow-teardown").code(0);
    json.json();
    let text = world.plumb("plan --allow-teardown").code(0);
    text.shown.lines().find(|l| l.contains("waits  parity")).unwrap();
    for shown in [json.shown, text.shown] {
        for secret in ["root:", "s3cr3t", "hunter2", "repositoryformatversion"] {
            assert!(!shown.contains(secret), "{secret}: {shown}");
        }
    }
    world.plumb("plan --output json").says("`evidence/git.json` leads to a hidden file, such as those of git");
    for (name, says) in [
        ("git", "expected a boolean, line 1"),
        ("odd", "`evidence/passwd.json` is a symbolic link that leaves the project"),
        ("passwd", "`evidence/secret.json` is a symbolic link that leaves the project"),
        ("secret", "no Migration names it"),
    ] {
        world.remove(&format!("evidence/{name}.json"));
        world.plumb("plan --output json").says(says);
    }
    assert_eq!(sent(&world), [""; 0]);
}

#[test]
fn the_project_can_ask_for_more_than_a_manifest_does() {
    let world = world();
    let guard = "guards: {teardown: {grace: 21d, requires: [successors, parity, dags]}}";
    world.edit("plumb.yaml", "spec:\n", &format!("spec:\n  {guard}\n"));
    shows!(world.plumb("validate"), @r"
    --- stderr
    error: this teardown does not wait for `dags`, and the project requires it
     --> manifests/legacy.yaml:7:13
      |
    7 |   teardown: {notBefore: 2024-06-01, grace: 14d}
      |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ name the DAGs that must start nothing any more in `requires.dagPaused`
      |
      = help: `guards.teardown` in plumb.yaml is the least that every teardown of the project waits for

    error: this teardown does not wait for `parity`, and the project requires it
     --> manifests/legacy.yaml:7:13
      |
    7 |   teardown: {notBefore: 2024-06-01, grace: 14d}
      |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ add `requires: {parity: {passes: 1}}` or more
      |
      = help: `guards.teardown` in plumb.yaml is the least that every teardown of the project waits for

    error: this teardown does not wait for `successors`, and the project requires it
     --> manifests/legacy.yaml:7:13
      |
    7 |   teardown: {notBefore: 2024-06-01, grace: 14d}
      |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ name the jobs that took over in `replacedBy`
      |
      = help: `guards.teardown` in plumb.yaml is the least that every teardown of the project waits for

    error: a grace of 14d is less than the project's 21d
     --> manifests/legacy.yaml:7:44
      |
    7 |   teardown: {notBefore: 2024-06-01, grace: 14d}
      |                                            ^^^ write `grace: 21d` or more
      |
      = help: `guards.teardown` in plumb.yaml is the least that every teardown of the project waits for

    4 problems in 1 file
    error: the manifests have mistakes
    --- exit 1
    ");
    world.plumb("apply --yes --allow-teardown").code(1);
    assert_eq!(sent(&world), [""; 0]);
    world.edit("plumb.yaml", guard, "guards: {teardown: {grace: 14d}}");
    world.plumb("validate").code(0);
    world.edit("plumb.yaml", "grace: 14d", "grace: soon");
    world.plumb("validate").code(1).says("`soon` is no duration");
    world.edit("plumb.yaml", "grace: soon", "requires: [luck]");
    world.plumb("validate").code(1).says("known values: successors, parity, dags");
}

#[test]
fn the_embedded_sandbox_has_teardowns_too() {
    let world = World::new();
    let project = "apiVersion: plumb/v1\nkind: Project\nmetadata: {name: demo}\nspec:\n  targets:\n    dev: {default: true, sandbox: true}\n";
    world.write("plumb.yaml", project);
    world.commit_file("manifests/legacy.yaml", MANIFEST, "Take it down");
    let seed = world.home().join("seed.json");
    // Somebody else's tags, with a date that is long past: it is marked, and its grace starts today.
    let clusters = json!([cluster("bau-old", &MARK, true)]);
    std::fs::write(&seed, json!({ "emr": { "clusters": clusters } }).to_string()).unwrap();
    let state = world.dir().join(".plumb/sandbox-dev.json");
    std::fs::create_dir_all(state.parent().unwrap()).unwrap();
    drop(Sandbox::start(&["--emr=empty", "--seed", seed.to_str().unwrap(), "--state", state.to_str().unwrap()]));
    world.plumb("apply --yes --allow-teardown").code(0).says("[1/1] marked EmrCluster/legacy/j-");
    world.edit("manifests/legacy.yaml", "grace: 14d", "grace: 0d");
    world.commit("Wait no longer");
    world.plumb("apply --yes").code(0).says("due: every gate holds");
    world.plumb("apply --yes --allow-teardown").code(0).says("[1/1] terminated EmrCluster/legacy/j-");
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
       |     ^^^^^^^^^^^ the first day on which they may be terminated or deleted

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

    error: there is nothing to cut over: Migration/audience names no new DAGs to switch on
      --> manifests/wrong.yaml:33:12
       |
    33 |   cutover: soon
       |            ^^^^ `to.dags` is missing
       |
       = help: name them in `to.dags`, or take `cutover` out

    error: there is nothing to cut over: Migration/audience names no old DAGs to pause
      --> manifests/wrong.yaml:33:12
       |
    33 |   cutover: soon
       |            ^^^^ `from.dags` is missing
       |
       = help: name them in `from.dags`, or take `cutover` out

    19 problems in 1 file
    error: the manifests have mistakes
    --- exit 1
    "#);
}
