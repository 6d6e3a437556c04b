//! What a rollback leaves, and what it says that it cannot undo.

use super::*;
use crate::kinds;
use crate::manifest::{self, InMemory, Request};
use serde_json::json;
use std::collections::BTreeMap;

fn desired(cutover: &str, shadow: Value, params: Value) -> Desired {
    let document = |kind: &str, name: &str, spec: Value| {
        format!("---\napiVersion: plumb/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n")
    };
    let mut migration = json!({ "wave": "1", "from": { "emr": ["EmrCluster/legacy"], "dags": ["AirflowDag/old"] },
        "to": { "jobs": ["DatabricksJob/job"], "dags": ["AirflowDag/new"] }, "shadow": { "parameters": shadow } });
    if !cutover.is_empty() {
        migration["cutover"] = json!(cutover);
    }
    let task = json!({ "id": "run", "run": "${resources.DatabricksJob.job}", "params": params });
    let manifests = [
        document("EmrCluster", "legacy", json!({ "match": { "name": "x" }, "desired": "keep" })),
        document(
            "DatabricksJob",
            "job",
            json!({ "name": "job", "tasks": [{ "task_key": "t",
            "notebook_task": { "notebook_path": "/x" } }], "parameters": [{ "name": "output", "default": "s3://bau" },
            { "name": "month", "default": "" }] }),
        ),
        document("AirflowDag", "old", json!({ "source": "external" })),
        document("AirflowDag", "new", json!({ "tasks": [task] })),
        document("Migration", "audience", migration),
    ]
    .concat();
    let project = "apiVersion: plumb/v1\nkind: Project\nmetadata: {name: bau}\nspec:\n  targets: {prod: {}}\n";
    let files = BTreeMap::from([
        (manifest::PROJECT_FILE.to_owned(), project.as_bytes().to_vec()),
        ("manifests/all.yaml".to_owned(), manifests.into_bytes()),
    ]);
    let request = Request { target: Some("prod".into()), variables: Default::default(), env: &|_| None, user: None };
    manifest::load(&InMemory(files), &request, kinds::all()).unwrap_or_else(|f| panic!("{:#?}", f.problems))
}

fn shadowed() -> Desired {
    desired("2026-11-02", json!({ "output": "s3://shadow" }), json!({ "job_parameters": { "month": "x" } }))
}

#[test]
fn a_hold_binds_the_day_that_the_wave_has() {
    let desired = shadowed();
    let wave = dated(&desired, "1").unwrap();
    let hold = hold(&wave, "ada", "2026-11-02T05:00:00Z".parse().unwrap(), "late").unwrap();
    let told = (hold.format.as_str(), hold.wave.as_str(), hold.cutover.as_str(), hold.at.as_str());
    assert_eq!(told, (HOLD_FORMAT, "1", "2026-11-02", "2026-11-02T05:00:00Z"));
    assert_eq!(hold.members, ["Migration/audience"]);
    assert_eq!(days(&desired), BTreeSet::from([("1".to_owned(), "2026-11-02".to_owned())]));
    // Without a day there is nothing to hold.
    let undated = self::desired("", json!({ "output": "s3://shadow" }), json!({}));
    assert!(dated(&undated, "1").is_none() && days(&undated).is_empty() && dated(&desired, "2").is_none());
}

#[test]
fn runs_since_the_day_are_told_once_and_those_before_are_not() {
    let run = |id: &str, state: &str, began: Value| json!({ "dag_run_id": id, "state": state, "start_date": began, "data_interval_start": "2026-10-01T00:00:00Z" });
    let under_way =
        json!({ "dag_runs": [run("b", "running", json!("2026-11-03T00:00:00Z")), run("q", "queued", Value::Null)] });
    let since = json!({ "dag_runs": [run("a", "success", json!("2026-11-02T04:00:00Z")),
        run("b", "running", json!("2026-11-03T00:00:00Z")), run("old", "success", json!("2026-11-01T23:59:59Z"))] });
    let pages: Vec<Pages> = vec![vec![under_way], vec![since]];
    let runs = new_runs("new", &pages, "2026-11-02T00:00:00Z".parse().unwrap());
    let ids: Vec<&str> = runs.iter().map(|run| run.id.as_str()).collect();
    assert_eq!(ids, ["a", "b", "q"]);
    assert_eq!(runs[0].period.as_deref(), Some("2026-10-01"));
}

#[test]
fn what_cannot_be_undone_is_said() {
    let desired = shadowed();
    let wave = dated(&desired, "1").unwrap();
    let run = |id: &str, state: &str| NewRun { dag: "new".into(), id: id.into(), state: state.into(), period: None };
    // Nothing ran: only readers that nobody knows of are left.
    assert_eq!(cannot_undo(&wave, &[], &[]).len(), 1);
    let runs = [run("a", "success"), run("b", "failed"), run("c", "running")];
    let said = cannot_undo(&wave, &runs, &[]).join("\n");
    for part in [
        "new ran a (success): what it wrote stays",
        "new ran b (failed)",
        "a run under way, c (running)",
        "the new DAGs write with output=s3://bau",
        "readers",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("month"), "{said}");
    let unread = [("AirflowDag/new".to_owned(), "403".to_owned())];
    assert!(cannot_undo(&wave, &[], &unread)[0].contains("what AirflowDag/new ran since is not known: 403"));
    let many: Vec<NewRun> = (0..13).map(|n| run(&n.to_string(), "success")).collect();
    assert!(cannot_undo(&wave, &many, &[]).iter().any(|line| line.starts_with("3 more runs")));
}
