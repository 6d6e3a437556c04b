//! `plumb migrate status` and `plumb ci board`: a migration on EMR, Databricks and Airflow, seen from its first commit on.

use crate::github::{GitHub, Rights};
use crate::world::{TOKEN, World, job};
use serde_json::{Value, json};

const NOW: &str = "2026-11-12T09:00:00Z";

const LEGACY: &str = "\
apiVersion: plumb/v1
kind: EmrCluster
metadata: {name: legacy-churn}
spec: {match: {name: \"churn-*\"}, desired: keep}
";

const DAGS: &str = "\
apiVersion: plumb/v1
kind: AirflowDag
metadata: {name: legacy-churn}
spec: {source: external, dag_id: legacy_churn}
---
apiVersion: plumb/v1
kind: AirflowDag
metadata: {name: churn}
spec:
  schedule: {cron: '0 4 2 * *', timezone: Europe/London}
  start_date: 2026-05-01
  paused: true
  deadline: 6h
  tasks: [{id: load, run: '${resources.DatabricksJob.churn}'}]
";

const MIGRATION: &str = "\
apiVersion: plumb/v1
kind: Migration
metadata: {name: churn}
spec:
  from: {emr: [EmrCluster/legacy-churn], dags: [AirflowDag/legacy-churn]}
  to: {jobs: [DatabricksJob/churn], dags: [AirflowDag/churn]}
  wave: \"1\"
  owner: data-platform
  requires: {parity: {passes: 2}}
";

/// A migration whose job has an open decision, and a cluster and a DAG that it leaves.
fn world() -> World {
    let groups = json!([{ "InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1 }]);
    let cluster = |name: &str| {
        json!({"run": {"Name": name, "ReleaseLabel": "emr-6.15.0", "JobFlowRole": "R", "ServiceRole": "S",
            "Instances": {"KeepJobFlowAliveWhenNoSteps": true, "InstanceGroups": groups}}, "created": "2023-11-02T04:00:00Z"})
    };
    let dag = json!({"dag_id": "legacy_churn", "schedule": {"cron": "@monthly"}, "tasks": [{"task_id": "emr"}]});
    let seed = json!({
        "emr": {"clusters": [cluster("churn-2026-11"), cluster("nobody-knows-it")]},
        "airflow": {"dags": [dag]},
    });
    let mut world = World::with_all(&seed);
    world.env("PLUMB_NOW", Some(NOW));
    world.write("manifests/churn/legacy.yaml", LEGACY);
    world.write("manifests/churn/dags.yaml", DAGS);
    world.write("manifests/churn/migration.yaml", MIGRATION);
    world.write("manifests/churn/job.yaml", &format!("# DECISION: as whom it runs\n{}", job("churn", "")));
    world.commit("Translate churn");
    world
}

fn decide(world: &World) {
    world.edit("manifests/churn/job.yaml", "# DECISION: as whom it runs\n", "");
    world.commit("Decide");
}

fn run(side: &str, id: &str, outcome: &str, from: &str, to: &str) -> Value {
    let system = if side == "old" { "emr" } else { "databricks" };
    json!({"side": side, "system": system, "id": id, "name": "churn", "trigger": "scheduled", "outcome": outcome,
        "tick": format!("{}T04:00:00Z", &from[..10]), "started": from, "ended": to})
}

fn keep(world: &World, period: &str, runs: &[Value]) {
    let kept =
        json!({"format": "plumb.runs/v1", "target": "dev", "migration": "churn", "period": period, "runs": runs});
    world.write(&format!("evidence/runs/churn-{period}.json"), &kept.to_string());
}

fn compared(world: &World, period: &str, passed: bool, at: &str) {
    let report = json!({"format": "plumb.parity/v1", "migration": "churn", "period": period, "passed": passed,
        "checked_at": at});
    world.write(&format!("evidence/churn-{period}.json"), &report.to_string());
}

/// The row of a pipeline, as JSON has it.
fn row(world: &World, arguments: &str) -> Value {
    let board = world.plumb(&format!("migrate status --output json {arguments}")).json();
    assert_eq!(board["format"], "plumb.board/v1");
    board["pipelines"].as_array().unwrap().iter().find(|row| row["name"] == "churn").unwrap().clone()
}

#[test]
fn a_pipeline_is_followed_from_its_first_commit_to_parity() {
    let world = world();
    let seen = world.plumb("migrate status").code(0);
    let seen = seen.says("1     churn ").says("1 decision open").says("waiting for data-platform");
    let seen = seen.says("manifests/churn/job.yaml:1").says("nobody-knows-it").says("plumb import emr --name");
    seen.says("Wave 1 can cut over when: churn 1 decision, 2 more periods.").never_says(TOKEN);
    let first = world.git(&["rev-parse", "HEAD"]);

    decide(&world);
    let decided = row(&world, "");
    assert_eq!((&decided["stage"], &decided["or_later"]), (&json!("decided"), &json!(false)), "{decided}");
    assert!(
        decided["reached"]["decided"].is_string() && decided["since"] == decided["reached"]["decided"],
        "{decided}"
    );
    assert!(decided["next"].as_str().unwrap().contains("is not live: plumb apply"), "{decided}");
    // As that commit had it, whatever came after.
    let before = row(&world, &format!("--at {}", first.trim()));
    assert_eq!((&before["stage"], &before["label"]), (&json!("translated"), &json!("1 decision open")), "{before}");
    // Without a service the later stages are not known, and nothing is asked.
    world.sandbox.requests();
    let offline = row(&world, "--offline");
    assert_eq!((&offline["label"], &offline["or_later"]), (&json!("decided or later"), &json!(true)), "{offline}");
    assert_eq!(world.sandbox.requests(), Vec::<String>::new());

    let mut world = world;
    world.env("PLUMB_NOW", None);
    world.plumb("apply --yes").code(0);
    world.env("PLUMB_NOW", Some(NOW));
    let deployed = row(&world, "");
    assert_eq!(
        (&deployed["stage"], &deployed["label"]),
        (&json!("deployed"), &json!("deployed or later")),
        "{deployed}"
    );
    assert_eq!(deployed["health"]["says"], "no runs of it are kept");

    let good = |side: &str, id: &str, day: &str, hours: u32| {
        run(side, id, "succeeded", &format!("{day}T04:00:00Z"), &format!("{day}T{:02}:30:00Z", 4 + hours))
    };
    keep(&world, "2026-09", &[good("old", "j-1", "2026-10-02", 5), good("new", "1", "2026-10-02", 3)]);
    keep(&world, "2026-10", &[good("old", "j-2", "2026-11-02", 8), good("new", "2", "2026-11-03", 3)]);
    let parallel = row(&world, "");
    assert_eq!(
        (&parallel["stage"], &parallel["label"]),
        (&json!("in-parallel"), &json!("in parallel 2 of 2")),
        "{parallel}"
    );
    assert_eq!(parallel["periods"][0]["new"]["seconds"], 3 * 3600 + 1800);
    assert_eq!(parallel["periods"][0]["new"]["on_time"], true);

    compared(&world, "2026-09", true, "2026-10-05T09:00:00Z");
    assert_eq!(row(&world, "")["label"], "parity 1 of 2");
    compared(&world, "2026-10", true, "2026-11-09T09:00:00Z");
    let parity = row(&world, "");
    assert_eq!((&parity["stage"], &parity["label"]), (&json!("parity"), &json!("parity 2 of 2")), "{parity}");
    assert_eq!(
        (&parity["health"]["says"], &parity["next"]),
        (&json!("for a date"), &json!("set `cutover`")),
        "{parity}"
    );
    world.plumb("migrate status").code(0).says("9 Nov").says("Wave 1 can cut over: set `cutover`.");

    // A comparison that failed lowers it.
    compared(&world, "2026-10", false, "2026-11-10T09:00:00Z");
    assert_eq!(row(&world, "")["stage"], "in-parallel");
    compared(&world, "2026-10", true, "2026-11-10T09:00:00Z");
    // The last run is red: whatever the stage, it is failing.
    let mut red = run("new", "3", "failed", "2026-11-11T04:00:00Z", "2026-11-11T04:10:00Z");
    red["cause"] = json!("LIB_INSTALL");
    keep(&world, "2026-11", &[red]);
    world.plumb("migrate status").code(0).says("failing: LIB_INSTALL (manifests/churn/job.yaml:");
}

#[test]
fn a_cutover_is_read_off_the_dags() {
    let mut world = world();
    decide(&world);
    world.env("PLUMB_NOW", None);
    world.plumb("apply --yes").code(0);
    world.env("PLUMB_NOW", Some(NOW));
    for period in ["2026-09", "2026-10"] {
        compared(&world, period, true, "2026-11-09T09:00:00Z");
    }
    assert_eq!(row(&world, "")["stage"], "parity");
    world.edit("manifests/churn/dags.yaml", "paused: true", "paused: false");
    world.edit("manifests/churn/dags.yaml", "dag_id: legacy_churn", "dag_id: legacy_churn, paused: true");
    world.commit("Switch");
    world.env("PLUMB_NOW", None);
    world.plumb("apply --yes --allow-run-now").code(0);
    world.env("PLUMB_NOW", Some(NOW));
    let cut = row(&world, "");
    assert_eq!((&cut["stage"], &cut["label"]), (&json!("cut-over"), &json!("cut over")), "{cut}");
    world.plumb("migrate status churn").code(0).says("1 cut over").never_says("nobody-knows-it");
}

#[test]
fn the_same_state_gives_the_same_bytes_in_every_form() {
    let world = world();
    for form in ["text", "markdown", "json", "html"] {
        let shown = || world.plumb(&format!("migrate status --output {form}")).code(0).out;
        let first = shown();
        assert_eq!(first, shown(), "{form}");
        assert!(!first.contains(TOKEN), "{form}");
    }
    world.plumb("migrate status --output html --out board.html").code(0).says("wrote board.html");
    assert!(world.read("board.html").starts_with("<!DOCTYPE html>"));
    world.plumb("migrate status chrun").code(64).says("did you mean `churn`?");
}

#[test]
fn what_cannot_be_read_is_not_known_and_the_rest_is_shown() {
    let world = world();
    decide(&world);
    world.sandbox.fault(json!({"path": "/api/v2/dags", "status": 403, "times": 99}));
    let row = row(&world, "");
    let deployed = row["conditions"].as_array().unwrap().iter().find(|one| one["stage"] == "cut-over").unwrap();
    assert_eq!((&row["stage"], &deployed["state"]), (&json!("decided"), &json!("unknown")), "{row}");
    world.plumb("migrate status").says("Not known: ");
}

#[test]
fn one_issue_is_kept_with_the_board() {
    let github = GitHub::start();
    github.actions("ghs-never-to-be-seen", Rights::Write);
    let mut world = world();
    world.env("GITHUB_TOKEN", Some("ghs-never-to-be-seen"));
    world.env("GITHUB_REPOSITORY", Some("acme/data"));
    world.env("GITHUB_SERVER_URL", Some("https://github.com"));
    world.env("GITHUB_RUN_ID", Some("42"));
    world.env("GITHUB_API_URL", Some(&github.url.clone()));
    world.plumb("ci board --metrics board.prom --page board.html").code(0).says("opened issue #1");
    let body = || github.store().issues[&1]["body"].as_str().unwrap().to_owned();
    assert!(body().starts_with("<!-- plumb:board demo/dev ") && body().contains("1 decision open"), "{}", body());
    let metrics = world.read("board.prom");
    assert!(
        metrics.contains("plumb_migration_stage{pipeline=\"churn\",target=\"dev\",wave=\"1\"} 2\n")
            && metrics.contains(
                "plumb_migration_health{health=\"waiting\",pipeline=\"churn\",target=\"dev\",wave=\"1\"} 1\n"
            ),
        "{metrics}"
    );
    world.plumb("ci board").code(0).never_says("issue #");
    decide(&world);
    world.plumb("ci board").code(0).says("edited issue #1").never_says("ghs-never-to-be-seen");
    assert!(body().contains("decided") && github.store().issues.len() == 1, "{}", body());
}

#[test]
fn a_board_of_200_pipelines_costs_40_requests_beside_the_pages_of_clusters() {
    const COUNT: usize = 200;
    let jobs: Vec<Value> = (0..COUNT)
        .map(|n| json!({"name": format!("p{n}"), "tasks": [{"task_key": "main", "notebook_task": {"notebook_path": "/a"}}]}))
        .collect();
    let dags: Vec<Value> = (0..2 * COUNT)
        .map(|n| json!({"dag_id": format!("dag_{n}"), "schedule": {"cron": "@monthly"}, "tasks": [{"task_id": "a"}]}))
        .collect();
    let mut world = World::with_all(&json!({"jobs": jobs, "airflow": {"dags": dags}}));
    world.env("PLUMB_NOW", Some(NOW));
    for n in 0..COUNT {
        let of = |text: &str| text.replace("legacy-churn", &format!("old-{n}")).replace("churn", &format!("p{n}"));
        let dags = DAGS.replace("legacy_churn", &format!("dag_{n}"));
        let text = [LEGACY, &dags, &job("churn", ""), MIGRATION].map(of).join("---\n");
        world.write(&format!("manifests/p{n}/all.yaml"), &text);
        for month in 1..=12 {
            let period = format!("2025-{month:02}");
            let kept = json!({"format": "plumb.runs/v1", "target": "dev", "migration": format!("p{n}"), "period": period,
                "runs": [run("old", &format!("j-{n}"), "succeeded", &format!("{period}-02T04:00:00Z"), &format!("{period}-02T09:00:00Z"))]});
            world.write(&format!("evidence/runs/p{n}-{period}.json"), &kept.to_string());
        }
    }
    world.commit("All of them");
    world.sandbox.requests();
    let board = world.plumb("migrate status --output json").code(0).json();
    assert_eq!(board["pipelines"].as_array().unwrap().len(), COUNT);
    let asked = world.sandbox.requests();
    let others: Vec<&String> = asked.iter().filter(|line| !line.contains("ListClusters")).collect();
    assert!(others.len() <= 40, "{}: {others:#?}", others.len());
}
