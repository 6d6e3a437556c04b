//! Code that cannot be shipped: each is told with its place, and nothing is sent where that can be known before.

use crate::world::{PROJECT, World};
use serde_json::{Value, json};

const JOB: &str = "\
apiVersion: plumb/v1
kind: DatabricksJob
metadata:
  name: etl
  code: [../src]
spec:
  name: etl
  tasks:
    - task_key: load
      spark_python_task: {python_file: ../src/load.py}
";

fn repository() -> World {
    let world = World::new();
    world.write("manifests/etl.yaml", JOB);
    world.write("src/load.py", "import months\n");
    world.write("src/months.py", "first = 1\n");
    world.commit("Load");
    world
}

/// The mistake is told at its place by `validate`, `plan` and `apply`, and no request is made.
#[track_caller]
fn is_refused(world: &World, says: &str, place: &str) {
    world.sandbox.requests();
    for command in ["validate", "plan", "apply --yes"] {
        world.plumb(command).code(1).says(says).says(place);
    }
    // What the test itself asks is not of plumb.
    let asked = world.sandbox.requests();
    assert!(asked.iter().all(|line| line.contains("/_sandbox/")), "{asked:#?}");
}

fn names(file: &str) -> World {
    let world = repository();
    world.edit("manifests/etl.yaml", "../src/load.py", file);
    world
}

#[test]
fn a_path_that_is_not_there_or_is_a_folder_is_refused_at_its_line() {
    is_refused(&names("../src/gone.py"), "there is no `src/gone.py`", "manifests/etl.yaml:10:40");
    is_refused(&names("../src"), "`src` is a folder, and a file belongs here", "manifests/etl.yaml:10:40");
    is_refused(&names("../../load.py"), "repository", "manifests/etl.yaml:10:40");
}

#[cfg(unix)]
#[test]
fn a_link_out_of_the_repository_is_refused_whether_it_is_named_or_in_a_folder() {
    let world = names("../src/out.py");
    std::os::unix::fs::symlink("/etc/passwd", world.dir().join("src/out.py")).unwrap();
    is_refused(&world, "`src/out.py` is a symbolic link that leaves the repository", "manifests/etl.yaml:10:40");
    let world = repository();
    std::os::unix::fs::symlink("/etc", world.dir().join("src/etc")).unwrap();
    is_refused(&world, "`src/etc` is a symbolic link that leaves the repository", "manifests/etl.yaml:5:10");
}

#[test]
fn a_file_of_600_mb_is_refused_without_being_read() {
    let world = names("../src/big.py");
    let file = std::fs::File::create(world.dir().join("src/big.py")).unwrap();
    file.set_len(600 << 20).unwrap();
    is_refused(&world, "500 MB is the most of a file of the workspace", "manifests/etl.yaml:10:40");
    is_refused(&world, "set `databricks.code` of the target to `/Volumes/…`", "manifests/etl.yaml:5:10");
}

#[test]
fn a_name_that_the_workspace_refuses_and_two_of_one_name_are_refused() {
    let world = repository();
    world.write("src/back\\slash.py", "x = 1\n");
    is_refused(&world, "slash.py", "manifests/etl.yaml:5:10");
    let world = repository();
    world.write("src/one", "a file\n");
    world.write("src/one.py", "# Databricks notebook source\n");
    is_refused(&world, "`src/one` and `src/one.py` would both be `src/one`", "manifests/etl.yaml:5:10");
}

#[test]
fn a_plain_file_is_no_notebook_and_a_pool_has_no_code() {
    let world = repository();
    let task = "spark_python_task: {python_file: ../src/load.py}";
    world.edit("manifests/etl.yaml", task, "notebook_task: {notebook_path: ../src/load.py}");
    is_refused(&world, "`src/load.py` is no notebook", "manifests/etl.yaml:10:38");
    let world = repository();
    let pool = "apiVersion: plumb/v1\nkind: DatabricksInstancePool\nmetadata: {name: pool, code: [../src]}\nspec: \
                {instance_pool_name: pool, node_type_id: i3.xlarge}\n";
    world.write("manifests/pool.yaml", pool);
    is_refused(&world, "DatabricksInstancePool has no code", "manifests/pool.yaml:3:31");
}

#[test]
fn a_place_that_cannot_keep_code_is_refused_in_the_project_file() {
    for (place, says) in [
        ("nonsense", "`nonsense` cannot keep code"),
        ("../up", "`../up` cannot keep code"),
        ("/Volumes/main", "a volume is `/Volumes/CATALOG/SCHEMA/VOLUME`"),
    ] {
        let world = repository();
        world.write("plumb.yaml", &PROJECT.replace("databricks: {}", &format!("databricks: {{code: {place}}}")));
        is_refused(&world, says, "plumb.yaml:6:");
    }
    let world = repository();
    world.write("plumb.yaml", &PROJECT.replace("spec:", "spec:\n  code: {keep: soon}"));
    is_refused(&world, "`soon` is no number of days", "plumb.yaml:5:16");
    // A volume has no notebooks.
    let world = repository();
    let task = "spark_python_task: {python_file: ../src/load.py}";
    world.edit("manifests/etl.yaml", task, "notebook_task: {notebook_path: ../src/nb.py}");
    world.write("src/nb.py", "# Databricks notebook source\n");
    world.write("plumb.yaml", &PROJECT.replace("databricks: {}", "databricks: {code: /Volumes/main/ops/plumb}"));
    is_refused(&world, "/Volumes/main/ops/plumb", "manifests/etl.yaml:10:38");
}

fn in_a_volume() -> World {
    let world = repository();
    world.write("plumb.yaml", &PROJECT.replace("databricks: {}", "databricks: {code: /Volumes/main/ops/plumb}"));
    world
}

fn denied(right: &str) -> Value {
    json!({"error_code": "PERMISSION_DENIED", "message": format!("User does not have {right} on main.ops.plumb")})
}

#[test]
fn a_volume_that_may_not_be_read_blocks_before_anything_is_changed() {
    let world = in_a_volume();
    let fault = json!({"method": "GET", "path": "/api/2.0/fs/directories/*", "status": 403, "body": denied("READ VOLUME"),
        "times": 99});
    world.sandbox.fault(fault);
    world.plumb("plan").code(3).says("whether its code is there is not known").says("READ VOLUME");
    world.sandbox.requests();
    world.plumb("apply --yes").code(3).says("whether its code is there is not known");
    assert_eq!(world.sandbox.writes(), [""; 0]);
    assert!(!world.sandbox.has_job("etl"));
}

#[test]
fn a_volume_that_may_not_be_written_leaves_no_job_behind() {
    let world = in_a_volume();
    world.sandbox.fault(
        json!({"method": "PUT", "path": "/api/2.0/fs/*", "status": 403, "body": denied("WRITE VOLUME"), "times": 99}),
    );
    let ran = world.plumb("apply --yes").code(1);
    ran.says("needs WRITE VOLUME on the volume main.ops.plumb").says("nothing of it was done").says("1 not started");
    assert!(!world.sandbox.has_job("etl"));
}

#[test]
fn a_workspace_without_room_is_told_and_what_was_written_is_not_written_again() {
    let world = repository();
    let full = json!({"error_code": "RESOURCE_LIMIT_EXCEEDED", "message": "The quota of the workspace is used up"});
    let fault = json!({"method": "POST", "path": "/api/2.0/workspace-files/import-file/*", "status": 400, "body": full,
        "skip": 1});
    world.sandbox.fault(fault);
    let ran = world.plumb("apply --yes").code(1);
    ran.says("there is no room for").says("wrote 1 of 2 files").says("1 not started");
    assert!(!world.sandbox.has_job("etl"));
    let written = |world: &World| {
        let writes = world.sandbox.requests().into_iter();
        let of = |line: &String| line.contains("/src/") && line.starts_with("POST ") && line.ends_with(" 200");
        writes.filter(of).collect::<Vec<_>>()
    };
    let first = written(&world);
    world.plumb("apply --yes").code(0);
    let second = written(&world);
    assert_eq!((first.len(), second.len()), (1, 1), "{second:#?}");
    assert_ne!(first, second, "what was there is not written again");
    world.plumb("plan --detailed-exitcode").code(0).says("No changes.");
}

#[test]
fn a_file_that_changes_or_goes_after_the_plan_was_saved_is_not_shipped_under_its_name() {
    let world = repository();
    world.plumb("plan --output json --out plan.json").code(0);
    world.write("src/months.py", "first = 2\n");
    world.sandbox.requests();
    let refused = "error: nothing of the plan is as it was; nothing was sent";
    world.plumb("apply --yes plan.json").says(refused);
    world.remove("src/months.py");
    world.plumb("apply --yes plan.json").says(refused);
    world.remove("src/load.py");
    world.plumb("apply --yes plan.json").code(1).says("there is no `src/load.py`").says("manifests/etl.yaml:10:40");
    assert_eq!(world.sandbox.writes(), [""; 0]);
    world.git(&["checkout", "--quiet", "--", "."]);
    world.plumb("apply --yes plan.json").code(0).says("Apply: 2 done.");
}

#[test]
fn a_file_that_changes_or_vanishes_during_the_apply_stops_it_before_the_job() {
    for (other, code, says) in [
        (None, 1, "src/months.py: it cannot be read"),
        (Some("first = 3\n"), 6, "src/months.py is no longer what was planned"),
    ] {
        let world = repository();
        // The first folder is that of the lease.
        world.sandbox.fault(json!({"path": "/api/2.0/workspace/mkdirs", "delay_ms": 2500, "skip": 1}));
        let mut apply = world.start("apply --yes");
        apply.until("uploading Code/");
        std::thread::sleep(std::time::Duration::from_millis(800));
        match other {
            None => world.remove("src/months.py"),
            Some(text) => world.write("src/months.py", text),
        }
        apply.wait().code(code).says(says).says("1 not started");
        assert!(!world.sandbox.has_job("etl"));
        world.git(&["checkout", "--quiet", "--", "."]);
        world.plumb("apply --yes").code(0);
        world.plumb("plan --detailed-exitcode").code(0).says("No changes.");
    }
}
