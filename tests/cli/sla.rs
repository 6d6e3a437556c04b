//! Deadlines: when a run under way will end, and how much is asked for it.

use crate::world::World;
use serde_json::{Value, json};

/// A world of one DAG of two tasks that is live and on, with more of its spec.
fn ready(more: &str) -> World {
    let world = World::with_airflow(&Value::Null);
    let dag = format!(
        "apiVersion: plumb/v1\nkind: AirflowDag\nmetadata: {{name: monthly}}\nspec:\n  paused: true\n{more}  \
         schedule: {{cron: '0 4 2 * *'}}\n  start_date: 2024-01-01\n  tasks:\n    \
         - {{id: cleanse, job: cleanse}}\n    - {{id: aggregate, job: aggregate, after: [cleanse]}}\n"
    );
    world.write("manifests/dag.yaml", &dag);
    world.commit("begin");
    world.plumb("apply --yes").code(0);
    world.sandbox.send("PATCH", "/_sandbox/settings", &json!({"airflow": {"run_seconds": 1_000_000}}));
    world.sandbox.requests();
    world
}

/// A run of the DAG that began so many minutes ago, and took so many where it has ended.
fn runs(world: &World, all: &[(&str, i64, Option<i64>)]) {
    let now = world.sandbox.get("/_sandbox/clock")["now_ms"].as_i64().unwrap();
    let run = |(id, ago, took): &(&str, i64, Option<i64>)| {
        let begun = now - ago * 60_000;
        let state = if took.is_some() { "success" } else { "running" };
        json!({"dag_id": "monthly", "run_id": id, "kind": "scheduled", "state": state, "run_after": begun, "queued": begun,
               "started": begun, "ended": took.map(|took| begun + took * 60_000)})
    };
    let mut state = world.sandbox.get("/_sandbox/state");
    state["airflow"]["runs"] = all.iter().map(run).collect();
    world.sandbox.send("PUT", "/_sandbox/state", &state);
    world.sandbox.requests();
}

/// What was asked about runs.
fn asked(world: &World) -> Vec<String> {
    world.sandbox.requests().into_iter().filter(|line| line.contains("dagRuns")).collect()
}

#[test]
fn status_says_when_a_run_under_way_ends() {
    let world = ready("  deadline: 6h\n");
    world.plumb("status").code(0).never_says("run ");
    assert_eq!(asked(&world), ["GET /api/v2/dags/~/dagRuns 200"], "one request where nothing runs");
    runs(&world, &[("one", 90_000, Some(60)), ("two", 45_000, Some(120)), ("now", 30, None)]);
    let ran = world.plumb("status").code(0);
    ran.says("AirflowDag/monthly, run now: ends ").says("from 2 earlier runs; 2 of 2 earlier runs");
    assert_eq!(
        asked(&world),
        [
            "GET /api/v2/dags/~/dagRuns 200",
            "GET /api/v2/dags/monthly/dagRuns/now/taskInstances 200",
            "GET /api/v2/dags/monthly/dagRuns/~/taskInstances 200"
        ]
    );
    let rows = world.plumb("status --output json").code(0).json();
    assert!(rows[0]["runs"][0].as_str().unwrap().starts_with("run now: ends "), "{rows}");
    // It runs for longer than either of them did.
    runs(&world, &[("one", 90_000, Some(60)), ("two", 45_000, Some(120)), ("now", 160, None)]);
    world
        .plumb("status")
        .code(0)
        .says("run now: late by 40 min already at `aggregate`, which never took as long; due ");
}

#[test]
fn without_a_deadline_nothing_is_asked_and_what_fails_is_said() {
    let world = ready("");
    runs(&world, &[("now", 30, None)]);
    world.plumb("status").code(0).never_says("run now");
    assert_eq!(asked(&world), Vec::<String>::new());
    let world = ready("  deadline: 6h\n");
    runs(&world, &[("now", 30, None)]);
    world.plumb("status").code(0).says("how long cleanse, aggregate take is not known: no earlier run");
}
