//! The emulator inside a command, and the one beside it, when somebody means them ill.

use super::world::{Sandbox, World, job};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

const TARGET: &str = "dev: {default: true, sandbox: true}";

fn emulated() -> World {
    let world = World::new();
    world.edit("plumb.yaml", "dev: {default: true, databricks: {}}", TARGET);
    world.commit_file("manifests/etl.yaml", &job("etl", ""), "Add etl");
    world
}

/// A DAG file that reaches for the environment through `format`, and shows it as an import error.
const LEAK: &str = r#"
from airflow import DAG
walk = "{0.__init__.__globals__[sys].modules[os].environ} {0.__class__.__init__.__globals__[sys].modules[os].environ}"
raise ValueError(walk.format(DAG))
"#;

#[test]
fn a_dag_file_of_the_branch_cannot_show_the_environment() {
    let mut world = emulated();
    world.env("SECRET_OF_THE_RUNNER", Some("hunter2-hunter2"));
    // Not committed: what somebody could still get there is read by a process that has no secrets.
    world.plumb("plan").code(0);
    world.write(".plumb/dags-dev/leak.py", LEAK);
    let dag =
        "apiVersion: plumb/v1\nkind: AirflowDag\nmetadata: {name: leak}\nspec: {source: external, paused: true}\n";
    world.write("manifests/leak.yaml", dag);
    for command in ["plan", "plan", "drift", "status"] {
        let ran = world.plumb(command);
        ran.never_says("hunter2").never_says("SECRET_OF_THE_RUNNER");
    }
    let state: Value = serde_json::from_str(&world.read(".plumb/sandbox-dev.json")).unwrap();
    let error = state["airflow"]["errors"]["leak.py"]["stack_trace"].as_str().unwrap();
    assert!(error.ends_with("ValueError: ? ?\n"), "{error}");
    assert!(!state.to_string().contains("hunter2"));
}

#[test]
fn what_came_with_the_branch_is_no_state() {
    let world = emulated();
    world.write(".plumb/dags-dev/theirs.py", LEAK);
    world.git(&["add", "--force", ".plumb"]);
    world.git(&["commit", "--quiet", "--message", "Theirs"]);
    for command in ["plan", "apply --yes", "drift", "import --all"] {
        let ran = world.plumb(command).code(1);
        ran.says(".plumb/dags-dev/theirs.py is tracked by git").says("hint: `git rm -r --cached .plumb`");
    }
    assert!(!world.dir().join(".plumb/sandbox-dev.json").exists());
    world.git(&["rm", "-r", "--quiet", "--cached", ".plumb"]);
    world.git(&["commit", "--quiet", "--message", "Not any more"]);
    world.plumb("plan").code(0);
}

#[cfg(unix)]
#[test]
fn nothing_is_written_through_a_link() {
    use std::os::unix::fs::symlink;
    let outside = tempfile::tempdir().unwrap();
    let victim = outside.path().join("victim");
    std::fs::write(&victim, "as it was").unwrap();
    let links: [(&str, &Path); 5] = [
        (".plumb", outside.path()),
        (".plumb/dags-dev", outside.path()),
        (".plumb/sandbox-dev.json", &victim),
        (".plumb/.gitignore", &victim),
        (".plumb/dags-dev/deep/x.py", &victim),
    ];
    for (link, to) in links {
        let world = emulated();
        let place = world.dir().join(link);
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        symlink(to, &place).unwrap();
        for command in ["plan", "apply --yes"] {
            world.plumb(command).code(1).says("is a symbolic link").says("hint: remove it");
        }
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "as it was", "{link}");
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 1, "{link}");
    }
}

#[test]
fn in_a_pipeline_the_state_is_outside_of_the_checkout() {
    let mut world = emulated();
    let temporary = tempfile::tempdir().unwrap();
    world.env("CI", Some("true"));
    // What the branch has there is not looked at, tracked or not.
    world.write(".plumb/sandbox-dev.json", "no state at all");
    world.git(&["add", "--force", ".plumb"]);
    world.git(&["commit", "--quiet", "--message", "Theirs"]);
    // Without a folder of the runner's each command begins anew.
    world.plumb("apply --yes").code(0).says("1 done");
    world.plumb("plan --detailed-exitcode").code(2);
    // With one, the commands of a job see the same emulator.
    world.env("RUNNER_TEMP", Some(temporary.path().to_str().unwrap()));
    world.plumb("apply --yes").code(0).says("1 done");
    world.plumb("plan --detailed-exitcode").code(0);
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 1);
    assert_eq!(world.read(".plumb/sandbox-dev.json"), "no state at all");
    assert_eq!(world.git(&["status", "--porcelain"]), "");
}

/// One raw request; the status and the body.
fn raw(address: &str, text: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(text.replace('\n', "\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap_or_else(|| panic!("{answer}")).parse().unwrap();
    (status, answer)
}

#[test]
fn a_web_page_cannot_ask_any_of_the_emulators_servers() {
    let sandbox = Sandbox::start(&["--airflow", "--emr=empty"]);
    let servers = [sandbox.url.clone(), sandbox.airflow.clone().unwrap(), sandbox.emr.clone().unwrap()];
    sandbox.requests();
    for url in &servers {
        let address = url.strip_prefix("http://").unwrap();
        let end = "\nConnection: close\nContent-Type: text/plain\nContent-Length: 2\n\n{}";
        for (method, path) in [("GET", "/_sandbox/state"), ("POST", "/_sandbox/seed"), ("POST", "/api/2.2/jobs/create")]
        {
            for head in [
                // A name of the page's own that was made to mean this machine.
                "Host: rebound.evil.example".to_owned(),
                format!("Host: rebound.evil.example\nOrigin: http://rebound.evil.example\nX-Was: {address}"),
                format!("Host: {address}\nOrigin: https://evil.example"),
                format!("Host: {address}\nOrigin: null"),
                format!("Host: {address}\nOrigin: http://localhost:3000"),
                format!("Host: {address}\nSec-Fetch-Site: cross-site"),
                format!("Host: {address}\nHost: rebound.evil.example"),
                "X-None: 1".to_owned(),
            ] {
                let (status, answer) = raw(address, &format!("{method} {path} HTTP/1.1\n{head}{end}"));
                assert!(status == 403 || status == 400, "{url} {method} {path} {head}: {answer}");
                assert!(!answer.contains("\"settings\""), "{answer}");
            }
            let (status, answer) =
                raw(address, &format!("{method} http://evil.example{path} HTTP/1.1\nHost: {address}{end}"));
            assert_eq!(status, 403, "{answer}");
        }
        let (status, answer) =
            raw(address, &format!("GET /_sandbox/clock HTTP/1.1\nHost: {address}\nConnection: close\n\n"));
        assert_eq!(status, 200, "{answer}");
    }
    assert_eq!(sandbox.requests(), [""; 0]);
    assert_eq!(sandbox.get("/api/2.2/jobs/list")["jobs"], Value::Null);
}
