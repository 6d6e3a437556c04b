//! `--pace`, and how long an apply takes by it.

use crate::world::{World, job};

/// A world of so many jobs.
fn of(count: usize) -> World {
    let world = World::new();
    let jobs: Vec<String> = (0..count).map(|n| job(&format!("j{n:03}"), "")).collect();
    world.write("manifests/jobs.yaml", &jobs.join("---\n"));
    world
}

#[test]
fn a_plan_says_how_long_its_apply_takes_and_neither_digest_nor_exit_code_depend_on_it() {
    let mut world = of(300);
    let quick = world.plumb("plan --detailed-exitcode").code(2).never_says("An apply takes");
    let slow = world.plumb("plan --detailed-exitcode --pace 4").code(2);
    let slow = slow.says("An apply takes about 2 min: 300 requests, 4 a second.");
    let digest = |out: &str| out.lines().find(|line| line.starts_with("Digest: ")).unwrap().to_owned();
    assert_eq!(digest(&quick.out), digest(&slow.out));
    world.env("PLUMB_PACE", Some("4"));
    let json = world.plumb("plan --output json").code(0).json();
    let wanted = serde_json::json!({ "seconds": 75, "calls": "requests", "count": 300, "per_second": 4.0 });
    assert_eq!(json["estimate"], wanted);
    let told = world.plumb("plan --output markdown").code(0);
    told.says("An apply takes about 2 min: 300 requests, 4 a second.\n");
    // The command line wins, and what is on this machine is asked without a limit only by default.
    world.plumb("plan --pace none").code(0).never_says("An apply takes");
    world.env("PLUMB_PACE", None);
    let wanted = serde_json::json!(null);
    assert_eq!(world.plumb("plan --output json").code(0).json()["estimate"], wanted);
}

#[test]
fn the_documented_rates_hold_where_they_are_asked_for() {
    let world = of(1_300);
    world.plumb("plan --pace normal").code(0).says("An apply takes about 2 min: 1300 creates of jobs, 20 a second.");
}

#[test]
fn a_pace_that_is_none_is_refused_before_anything_is_sent() {
    let world = of(1);
    for pace in ["0", "-1", "fast", "inf"] {
        let ran = world.plumb_with(&["plan", &format!("--pace={pace}")]).code(64);
        ran.says("expected `none`, `normal` or a number of requests a second, such as 15");
    }
    assert!(world.sandbox.requests().is_empty());
}
