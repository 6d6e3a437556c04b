//! DAG files in a bucket of Google Cloud Storage, which the emulated Airflow reads as Composer's does.

use crate::world::{World, job};
use serde_json::{Value, json};

const MONTHLY: &str = "\
apiVersion: plumb/v1
kind: AirflowDag
metadata: {name: monthly}
spec:
  schedule: {cron: '0 4 2 * *', timezone: Europe/London}
  start_date: 2024-05-01
  paused: true
  tasks: [{id: load, run: '${resources.DatabricksJob.etl}'}]
";

const UPLOAD: &str = "/upload/storage/v1/b/my_dags/o";
const LIST: &str = "/storage/v1/b/my_dags/o";
const OBJECT: &str = "/storage/v1/b/my_dags/o/dags/monthly.py";

fn world() -> World {
    let world = World::with_composer();
    world.write("manifests/etl.yaml", &job("etl", ""));
    world.write("manifests/monthly.yaml", MONTHLY);
    world.commit("Begin");
    world
}

/// The text and the generation of a file of the bucket.
fn object(world: &World, name: &str) -> Option<(String, i64)> {
    let state = world.sandbox.get("/_sandbox/state");
    let object = &state["gcs"]["buckets"]["my_dags"]["objects"][format!("dags/{name}")];
    let content = object["content"].as_str()?;
    let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, content).unwrap();
    Some((String::from_utf8(bytes).unwrap(), object["generation"].as_i64().unwrap()))
}

/// Somebody else writes a file.
fn write(world: &World, name: &str, text: &str) {
    world
        .sandbox
        .post("/_sandbox/seed", json!({ "gcs": { "buckets": { "my_dags": { format!("dags/{name}"): text } } } }));
}

fn settings(world: &World, gcs: Value) {
    world.sandbox.post("/_sandbox/settings", json!({ "gcs": gcs }));
}

/// The requests to the bucket since the last look.
fn to_bucket(world: &World) -> Vec<String> {
    world.sandbox.requests().into_iter().filter(|line| line.contains("storage/v1/b/")).collect()
}

#[test]
fn a_dag_is_delivered_kept_and_removed() {
    let world = world();
    world.plumb("apply --yes").code(0).says("created AirflowDag/monthly");
    let (file, first) = object(&world, "monthly.py").unwrap();
    assert!(file.starts_with("# plumb: demo/dev/AirflowDag/monthly "), "{file}");
    let writes: Vec<String> = to_bucket(&world).into_iter().filter(|line| !line.starts_with("GET ")).collect();
    assert_eq!(writes, [format!("POST {UPLOAD} 200")]);
    world.plumb("plan --detailed-exitcode").code(0).says("No changes.");
    // A plan writes nothing, and reads the listing and the file.
    assert_eq!(to_bucket(&world), [format!("GET {LIST} 200"), format!("GET {OBJECT} 200")]);
    write(&world, "monthly.py", &file.replace("catchup=False", "catchup=True"));
    world.plumb("drift").code(2).says("changed by hand");
    world.plumb("apply --yes").code(0);
    let (healed, last) = object(&world, "monthly.py").unwrap();
    assert!(healed == file && last > first);
    world.remove("manifests/monthly.yaml");
    world.plumb("apply --yes").code(0).says("deleted AirflowDag/monthly");
    assert_eq!(object(&world, "monthly.py"), None);
}

#[test]
fn a_file_of_others_and_one_that_moved_are_left_alone() {
    let world = world();
    world.plumb("apply --yes").code(0);
    let (file, _) = object(&world, "monthly.py").unwrap();
    world.edit("manifests/monthly.yaml", "0 4 2", "0 5 2");
    // Whoever writes at each of plumb's writes: the store refuses every one of them.
    world.sandbox.fault(json!({ "method": "POST", "path": UPLOAD, "status": 412, "times": 3 }));
    world.sandbox.requests();
    world.plumb("apply --yes").code(1).says("somebody else changed monthly.py at the same moment").says("plan again");
    assert_eq!(object(&world, "monthly.py").unwrap().0, file);
    let writes = to_bucket(&world).iter().filter(|line| line.starts_with("POST ")).count();
    assert_eq!(writes, 3, "a write is tried again while the file is the one that was looked at");
    write(&world, "monthly.py", "# by hand\n");
    world.plumb("apply --yes").code(1).says("does not begin with plumb's mark");
    assert_eq!(object(&world, "monthly.py").unwrap().0, "# by hand\n");
}

#[test]
fn an_answer_that_is_lost_is_no_lost_write() {
    for fault in [json!({ "drop": true }), json!({ "status": 503 }), json!({ "status": 500 })] {
        let world = world();
        let mut fault = fault;
        fault["path"] = json!(UPLOAD);
        fault["when"] = json!("after");
        world.sandbox.fault(fault);
        world.plumb("apply --yes").code(0).says("created AirflowDag/monthly");
        // The second write meets what the first one wrote, and a look shows that it is plumb's own.
        let statuses: Vec<String> = to_bucket(&world).into_iter().filter(|line| line.starts_with("POST ")).collect();
        assert_eq!((statuses.len(), &*statuses[1]), (2, &*format!("POST {UPLOAD} 412")), "{statuses:?}");
    }
}

#[test]
fn what_may_not_be_done_is_said_with_the_permission_and_nothing_is_written() {
    let mut world = world();
    for (permission, path, code, says) in [
        ("storage.objects.list", "my_dags", 1, "it takes the permission storage.objects.list on the bucket `my_dags`"),
        ("storage.objects.create", "my_dags/*", 6, "it takes the permission storage.objects.create"),
    ] {
        settings(&world, json!({ "denied": [{ "permission": permission, "path": path }] }));
        let ran = world.plumb("apply --yes").code(code).says(says).says("roles/storage.objectUser");
        ran.says("signed in as a token of GCS_TOKEN_COMMAND");
        assert_eq!(object(&world, "monthly.py"), None);
        to_bucket(&world);
    }
    settings(&world, json!({}));
    world.edit("plumb.yaml", "gs://my_dags/dags", "gs://no_such_bucket/dags");
    world
        .plumb("plan")
        .code(1)
        .says("there is no bucket `no_such_bucket`: make it, or fix `airflow.dags` of the target");
    assert_eq!(to_bucket(&world), ["GET /storage/v1/b/no_such_bucket/o 404"], "it is asked once");
    world.edit("plumb.yaml", "gs://no_such_bucket/dags", "abfss://dags@account.dfs.core.windows.net");
    world.plumb("plan").code(1).says("is an object store that plumb cannot write to");
    world.env("STORAGE_EMULATOR_HOST", Some("http://store.example"));
    world.edit("plumb.yaml", "abfss://dags@account.dfs.core.windows.net", "gs://my_dags/dags");
    world.plumb("plan").code(1).says("STORAGE_EMULATOR_HOST is `http://store.example`").says("in the clear");
    assert_eq!(to_bucket(&world), [] as [String; 0]);
}

#[test]
fn a_token_is_asked_for_again_and_a_command_that_fails_sends_nothing() {
    let mut world = world();
    settings(&world, json!({ "token": "ya29.good-0123456789" }));
    let stale = "if [ -e ~/again ]; then echo ya29.good-0123456789; else touch ~/again; echo ya29.stale-0123456789; fi";
    world.env("GCS_TOKEN_COMMAND", Some(stale));
    world.plumb("plan").code(0).never_says("0123456789");
    assert_eq!(to_bucket(&world), [format!("GET {LIST} 401"), format!("GET {LIST} 200")]);
    world.env("GCS_TOKEN_COMMAND", Some("echo ya29.stale-0123456789"));
    world.plumb("plan").code(1).says("Invalid Credentials").says("sign in again").never_says("0123456789");
    assert_eq!(to_bucket(&world), [format!("GET {LIST} 401")], "the same token is not worth a second request");
    world.env("PLUMB_TOKEN_TIMEOUT", Some("1"));
    for (line, says) in [
        ("echo ya29.good-0123456789; echo 'not signed in' >&2; exit 1", "failed (exit code 1): not signed in"),
        ("true", "the command of GCS_TOKEN_COMMAND printed nothing"),
        ("sleep 600", "gave no answer for 1 s"),
    ] {
        world.env("GCS_TOKEN_COMMAND", Some(line));
        world.plumb("plan").code(1).says(says).never_says("0123456789");
        assert_eq!(to_bucket(&world), [] as [String; 0]);
    }
    // As Google's own clients, plumb signs nobody in to an emulator; this one wants to know who asks.
    world.env("GCS_TOKEN_COMMAND", None);
    world.env("GOOGLE_APPLICATION_CREDENTIALS", Some("/nowhere/key.json"));
    world.plumb("plan").code(1).says("Anonymous caller").says("GCS_TOKEN_COMMAND would sign in");
    settings(&world, json!({ "anonymous": true }));
    world.plumb("plan").code(0);
}

#[test]
fn a_machine_of_google_s_signs_in_as_itself() {
    let mut world = world();
    let gcs = world.sandbox.gcs.clone().unwrap();
    world.env("STORAGE_EMULATOR_HOST", None);
    world.env("GCS_TOKEN_COMMAND", None);
    world.env("CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE", Some(&format!("{gcs}/storage/v1/")));
    world.env("GCE_METADATA_HOST", Some(gcs.strip_prefix("http://").unwrap()));
    world.plumb("apply --yes").code(0).says("created AirflowDag/monthly");
    let token = "GET /computeMetadata/v1/instance/service-accounts/default/token 200";
    let asked = world.sandbox.requests().into_iter().filter(|line| line == token).count();
    assert_eq!(asked, 1, "the token is kept while it lasts");
    world.env("GCE_METADATA_HOST", Some("127.0.0.1:1"));
    world.plumb("plan").code(1).says("nobody is signed in to Google Cloud Storage: set GOOGLE_APPLICATION_CREDENTIALS");
    assert_eq!(to_bucket(&world), [] as [String; 0]);
}
