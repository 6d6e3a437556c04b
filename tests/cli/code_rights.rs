//! Whom a job runs as is given the right to read its code, and a job whose reader cannot be given it stays as it is.

use super::world::{PROJECT, World};
use serde_json::{Value, json};

const READER: &str = "0a1b2c3d-0000-1111-2222-333344445555";

const JOB: &str = "\
apiVersion: plumb/v1
kind: DatabricksJob
metadata: {name: load}
spec:
  name: load
  run_as: {service_principal_name: 0a1b2c3d-0000-1111-2222-333344445555}
  tasks:
    - task_key: main
      existing_cluster_id: 0101-000000-abcdefgh
      spark_python_task: {python_file: ../src/load.py}
";

/// A world whose target keeps code there.
fn world(root: &str) -> World {
    let world = World::new();
    world.write("plumb.yaml", &PROJECT.replace("databricks: {}", &format!("databricks: {{code: {root}}}")));
    world.write("manifests/load.yaml", JOB);
    world.write("src/load.py", "print('one')\n");
    world.commit("Begin");
    world
}

/// The path of the code that the job runs.
fn runs(world: &World) -> String {
    let job = world.sandbox.job("load");
    job["settings"]["tasks"][0]["spark_python_task"]["python_file"].as_str().unwrap().to_owned()
}

/// Who may do what to the tree that the job runs.
fn readers(world: &World) -> Vec<Value> {
    let tree = runs(world).rsplit_once("/src/").unwrap().0.to_owned();
    let id = world.sandbox.get(&format!("/api/2.0/workspace/get-status?path={tree}"))["object_id"].clone();
    let seen = world.sandbox.get(&format!("/api/2.0/permissions/directories/{id}"));
    let direct = |entry: &&Value| entry["all_permissions"][0]["inherited"] == false;
    seen["access_control_list"].as_array().unwrap().iter().filter(direct).cloned().collect()
}

const GRANT: &str = "/api/2.0/permissions/directories/*";
const VOLUME_GRANT: &str = "/api/2.1/unity-catalog/permissions/volume/main.ops.plumb";

/// The next grant is refused, and the next apply leaves the job with the code that it had.
fn refused(world: &World, path: &str, said: &[&str]) {
    let before = world.sandbox.job("load");
    world.write("src/load.py", "print('two')\n");
    world.commit("Two");
    let body = json!({ "error_code": "PERMISSION_DENIED", "message": "somebody does not have that right" });
    world.sandbox.fault(json!({ "method": "PATCH", "path": path, "status": 403, "body": body, "times": 1 }));
    let mut ran = world.plumb("apply --yes").code(1);
    for words in said {
        ran = ran.says(words);
    }
    assert_eq!(world.sandbox.job("load"), before, "{}", ran.shown);
    // The right is there again: the same tree is brought to its end, and the job moves.
    world.plumb("apply --yes").code(0);
    assert_ne!(runs(world), before["settings"]["tasks"][0]["spark_python_task"]["python_file"]);
    world.plumb("plan --detailed-exitcode").code(0);
}

#[test]
fn a_reader_of_a_folder_is_given_the_tree_before_the_job_moves_to_it() {
    let world = world("/Workspace/Production/code");
    world.sandbox.requests();
    world.plumb("apply --yes").code(0);
    let asked = world.sandbox.requests();
    let at = |start: &str| asked.iter().position(|line| line.starts_with(start));
    let (granted, made) = (at("PATCH /api/2.0/permissions/directories/"), at("POST /api/2.2/jobs/create"));
    assert!(granted.is_some() && granted < made, "{asked:#?}");
    let held = readers(&world);
    assert_eq!(held.len(), 1, "{held:#?}");
    assert_eq!(held[0]["service_principal_name"], READER);
    assert_eq!(held[0]["all_permissions"][0]["permission_level"], "CAN_READ");
    refused(
        &world,
        GRANT,
        &["needs CAN MANAGE on /Workspace/Production/code/.plumb/demo/dev/code/", "to let others read the code"],
    );
    assert_eq!(readers(&world).len(), 1);
}

#[test]
fn a_reader_of_a_volume_is_given_the_volume_before_the_job_moves_to_it() {
    let world = world("/Volumes/main/ops/plumb");
    let ran = world.plumb("apply --yes").code(0);
    // What is above the volume is not given: it is said what may be lacking there.
    ran.says(&format!("{READER} may lack USE_CATALOG on the catalog main")).says("USE_SCHEMA on the schema main.ops");
    let effective = format!("/api/2.1/unity-catalog/effective-permissions/volume/main.ops.plumb?principal={READER}");
    let held = world.sandbox.get(&effective);
    assert_eq!(held["privilege_assignments"][0]["privileges"], json!([{ "privilege": "READ_VOLUME" }]));
    // Who has it is not given it again.
    world.sandbox.requests();
    world.write("src/load.py", "print('more')\n");
    world.commit("More");
    world.plumb("apply --yes").code(0);
    let asked = world.sandbox.requests();
    assert!(!asked.iter().any(|line| line.starts_with("PATCH /api/2.1/unity-catalog/")), "{asked:#?}");
    // Somebody takes it away, and whoever applies may not give it back.
    let change = json!({ "changes": [{ "principal": READER, "remove": ["READ_VOLUME"] }] });
    world.sandbox.send("PATCH", VOLUME_GRANT, &change);
    refused(
        &world,
        VOLUME_GRANT,
        &["needs MANAGE, or to own it, to let others read the code, on the volume main.ops.plumb"],
    );
}
