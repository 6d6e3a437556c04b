//! Tokens of Airflow that a command prints or a file holds, as Composer's and Astronomer's are.

use crate::world::{World, job};
use serde_json::{Value, json};

/// What no output may have.
const SECRET: &str = "hunter22-hunter22";

/// A world in which the environment has no password any more; the token of somebody signed in is in the file `token` of
/// the home folder.
fn world(seed: &Value) -> World {
    let mut world = World::with_airflow(seed);
    world.write("manifests/etl.yaml", &job("etl", ""));
    world.commit("Begin");
    keep(&world, "token", &signed_in(&world));
    for name in ["AIRFLOW_USERNAME", "AIRFLOW_PASSWORD"] {
        world.env(name, None);
    }
    world
}

/// A token that Airflow has just issued.
fn signed_in(world: &World) -> String {
    let airflow = world.sandbox.airflow.as_ref().unwrap();
    let body = json!({ "username": "ann", "password": "any" });
    let (status, answer) = world.sandbox.ask(airflow, "POST", "/auth/token", &body);
    assert_eq!(status, 201, "{answer}");
    world.sandbox.requests();
    answer["access_token"].as_str().unwrap().to_owned()
}

fn keep(world: &World, name: &str, text: &str) {
    std::fs::write(world.home().join(name), format!("{text}\n")).unwrap();
}

/// The command that prints what a file of the home folder holds, and counts its runs.
fn printing(name: &str) -> String {
    format!("echo run >> ~/runs; cat ~/{name}")
}

fn runs(world: &World) -> usize {
    let counted = std::fs::read_to_string(world.home().join("runs")).unwrap_or_default();
    counted.lines().count()
}

/// How often Airflow was asked for anything but its version, and answered so.
fn asked(world: &World, status: u16) -> usize {
    let all = world.sandbox.requests();
    let signed = all.iter().filter(|line| line.contains(" /api/v2/") && !line.contains("/version "));
    signed.filter(|line| line.ends_with(&format!(" {status}"))).count()
}

#[test]
fn a_command_signs_in_and_is_run_once() {
    let mut world = world(&Value::Null);
    world.env("AIRFLOW_TOKEN_COMMAND", Some(&printing("token")));
    world.plumb("plan -v").code(0).says("as a token (AIRFLOW_TOKEN_COMMAND)");
    let requests = world.sandbox.requests();
    assert!(requests.iter().any(|line| line.starts_with("GET /api/v2/pools ")), "{requests:?}");
    assert!(requests.iter().all(|line| !line.contains("/auth/token")), "{requests:?}");
    assert_eq!(runs(&world), 1, "a token that says nothing of its end is good for a plan");
}

#[test]
fn import_reads_with_the_token_of_a_command_or_a_file() {
    let dag = json!({ "dag_id": "plain", "schedule": { "cron": "@daily" },
        "tasks": [{ "task_id": "hello", "operator": "BashOperator" }] });
    let mut world = world(&json!({ "airflow": { "dags": [dag] } }));
    world.env("AIRFLOW_TOKEN_COMMAND", Some(&printing("token")));
    world.plumb("import emr --from airflow").code(0).says("1 DAG starts nothing on EMR.");
    assert_eq!(runs(&world), 1);
    world.env("AIRFLOW_TOKEN_COMMAND", None);
    world.env("AIRFLOW_TOKEN_FILE", Some(world.home().join("token").to_str().unwrap()));
    world.plumb("import emr --from airflow").code(0).says("1 DAG starts nothing on EMR.");
}

#[test]
fn a_token_that_is_refused_is_asked_for_once_more() {
    let mut world = world(&Value::Null);
    keep(&world, "stale", SECRET);
    let line = "echo run >> ~/runs; if [ -e ~/again ]; then cat ~/token; else touch ~/again; cat ~/stale; fi";
    world.env("AIRFLOW_TOKEN_COMMAND", Some(line));
    world.plumb("plan").code(0).never_says(SECRET);
    assert_eq!(runs(&world), 2);
    // The same token again is not worth a request: one for each listing that had begun with it, and no second one.
    world.sandbox.requests();
    world.env("AIRFLOW_TOKEN_COMMAND", Some(&printing("stale")));
    let ran = world.plumb("plan").code(1).says("Invalid JWT token").says("a token (AIRFLOW_TOKEN_COMMAND)");
    ran.never_says(SECRET);
    let all = world.sandbox.requests();
    let mut refused: Vec<&String> = all.iter().filter(|line| line.ends_with(" 403")).collect();
    let count = refused.len();
    refused.sort();
    refused.dedup();
    assert_eq!(refused.len(), count, "{all:?}");
}

#[test]
fn a_command_that_gives_no_token_sends_nothing() {
    let mut world = world(&Value::Null);
    world.env("PLUMB_TOKEN_TIMEOUT", Some("1"));
    let pair = format!("echo {SECRET}; echo more");
    let fails = format!("echo {SECRET}; echo 'ERROR: not signed in' >&2; echo \"try: login {SECRET}\" >&2; exit 7");
    let json = format!("echo '{{\"token\": \"{SECRET}\"}}'");
    for (line, says) in [
        (
            &*fails,
            "the command of AIRFLOW_TOKEN_COMMAND failed (exit code 7): ERROR: not signed in / try: login (secret)",
        ),
        ("true", "the command of AIRFLOW_TOKEN_COMMAND printed nothing; expected the token alone, in one line"),
        (&pair, "the command of AIRFLOW_TOKEN_COMMAND printed 2 lines; expected the token alone"),
        (&json, "the command of AIRFLOW_TOKEN_COMMAND printed JSON"),
        ("no-such-program-here", "failed (exit code 127: no such command)"),
        ("sleep 600", "gave no answer for 1 s and was ended"),
    ] {
        world.env("AIRFLOW_TOKEN_COMMAND", Some(line));
        let log = world.home().join("requests.log");
        world.plumb(&format!("plan -vv --log {}", log.display())).code(1).says(says).never_says(SECRET);
        assert!(!std::fs::read_to_string(log).unwrap().contains(SECRET));
        let sent = world.sandbox.requests();
        let signed = sent.iter().filter(|line| line.contains(" /api/v2/") && !line.contains("/version "));
        assert_eq!(signed.count(), 0, "{line}: {sent:?}");
    }
}

#[test]
fn a_file_is_read_again_when_it_has_changed() {
    let mut world = world(&Value::Null);
    let path = world.home().join("token");
    world.env("AIRFLOW_TOKEN_FILE", Some(path.to_str().unwrap()));
    world.plumb("plan").code(0);
    assert!(asked(&world, 200) > 0);
    keep(&world, "token", SECRET);
    world.plumb("plan").code(1).says("Invalid JWT token").says("a token (AIRFLOW_TOKEN_FILE)").never_says(SECRET);
    keep(&world, "token", &signed_in(&world));
    world.plumb("plan").code(0);
    world.sandbox.requests();
    for (text, says) in [("", "holds nothing; expected the token alone"), ("a\nb", "holds 2 lines")] {
        keep(&world, "token", text);
        world.plumb("plan").code(1).says(says).says("AIRFLOW_TOKEN_FILE");
        assert_eq!(asked(&world, 200), 0);
    }
    std::fs::remove_file(path).unwrap();
    world.plumb("plan").code(1).says("(AIRFLOW_TOKEN_FILE) cannot be read");
}

#[test]
fn only_the_environment_names_one_way_to_sign_in() {
    let mut world = world(&Value::Null);
    world.env("AIRFLOW_TOKEN_COMMAND", Some("cat ~/token"));
    world.env("AIRFLOW_TOKEN_FILE", Some("token"));
    world.plumb("plan").code(1).says("AIRFLOW_TOKEN_COMMAND and AIRFLOW_TOKEN_FILE are both set; remove one");
    world.env("AIRFLOW_TOKEN_FILE", None);
    // Without the address that it is for, a command is not run.
    world.env("AIRFLOW_URL", None);
    world.env("AIRFLOW_TOKEN_COMMAND", Some(&printing("token")));
    world.plumb("plan").code(1).says("set AIRFLOW_URL=");
    assert_eq!(runs(&world), 0);
    world.edit("plumb.yaml", "dags: dags", "dags: dags, tokenCommand: 'touch ~/runs'");
    world.plumb("plan").code(1).says("unknown field `tokenCommand`");
    assert_eq!(runs(&world), 0);
}
