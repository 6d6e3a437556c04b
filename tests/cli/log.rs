//! `--log`, `PLUMB_LOG` and `-vv`: a line a request, and nothing in it that may be a secret.

use crate::world::{TOKEN, World, job};
use serde_json::json;

fn log_of(world: &World) -> String {
    std::fs::read_to_string(world.home().join("plumb.log")).unwrap_or_default()
}

#[test]
fn every_request_has_its_line_with_method_path_status_time_attempt_and_id() {
    let mut world = World::new();
    world.commit_file("manifests/a.yaml", &job("a", "  tags: {owner: nobody-may-see-this}\n"), "Add a");
    let file = world.home().join("plumb.log");
    world.env("PLUMB_LOG", Some(file.to_str().unwrap()));
    world.sandbox.fault(json!({"path": "/api/2.2/jobs/list", "status": 503, "times": 1}));
    world.plumb("apply --yes -q").code(0);
    let log = log_of(&world);
    let create = log.lines().find(|line| line.contains("path=\"/api/2.2/jobs/create\"")).unwrap();
    for part in ["method=POST", "host=\"127.0.0.1\"", "status=200", "ms=", "attempt=1", "id="] {
        assert!(create.contains(part), "{part}: {create}");
    }
    // A repeated request has a line for each attempt.
    let listings: Vec<&str> = log.lines().filter(|line| line.contains("/api/2.2/jobs/list")).collect();
    assert!(listings[0].contains("status=503") && listings[0].contains("attempt=1"), "{log}");
    assert!(listings[1].contains("status=200") && listings[1].contains("attempt=2"), "{log}");
    // Neither headers, nor queries, nor bodies.
    for secret in [TOKEN, "nobody-may-see-this", "Bearer", "limit=", "uthorization"] {
        assert!(!log.contains(secret), "{secret} is in\n{log}");
    }
    // What is there already stays.
    world.plumb("plan -q").code(0);
    assert!(log_of(&world).starts_with(&log) && log_of(&world).len() > log.len());
}

#[test]
fn a_log_that_cannot_be_written_is_said_before_anything_is_sent() {
    let mut world = World::new();
    world.write("manifests/a.yaml", &job("a", ""));
    world
        .plumb("plan --log /no/such/folder/plumb.log")
        .code(1)
        .says("the log cannot be written: /no/such/folder/plumb.log");
    assert!(world.sandbox.requests().is_empty());
    world.env("PLUMB_LOG", Some(""));
    world.plumb("plan -q").code(0);
    assert!(log_of(&world).is_empty());
}

#[test]
fn twice_verbose_shows_the_requests_and_once_does_not() {
    let world = World::new();
    world.write("manifests/a.yaml", &job("a", ""));
    assert!(!world.plumb("plan -v").code(0).err.contains("method=GET"));
    let ran = world.plumb("plan -vv").code(0);
    assert!(ran.err.contains("method=GET") && !ran.out.contains("method=GET"), "{}", ran.shown);
}
