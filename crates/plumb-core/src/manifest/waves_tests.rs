#![allow(clippy::unwrap_used)]

use super::super::{Desired, InMemory, PROJECT_FILE, Request, load, load_earlier, warnings};
use crate::kinds;
use serde_json::json;
use std::collections::BTreeMap;

/// A project whose only pipeline has these DAGs, and says this of itself.
fn files(old: &str, new: &str, migrations: &[(&str, &str)]) -> InMemory {
    let job = "{name: a, parameters: [{name: output, default: x}], tasks: [{task_key: t, notebook_task: {notebook_path: /x}}]}";
    let task = "tasks: [{id: t, run: \"${resources.DatabricksJob.a}\"}]";
    let new = format!("{{{new} {task}}}");
    let mut all = vec![
        ("EmrCluster", "a", "{match: {name: a}, desired: keep}"),
        ("DatabricksJob", "a", job),
        ("AirflowDag", "old", old),
        ("AirflowDag", "new", new.as_str()),
    ];
    all.extend(migrations.iter().map(|(name, spec)| ("Migration", *name, *spec)));
    let documents: String = all
        .iter()
        .map(|(kind, name, spec)| {
            format!("---\napiVersion: plumb/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n")
        })
        .collect();
    let targets = "{prod: {}, dev: {mode: development}}";
    let project =
        format!("apiVersion: plumb/v1\nkind: Project\nmetadata: {{name: bau}}\nspec: {{targets: {targets}}}\n");
    InMemory(BTreeMap::from([
        (PROJECT_FILE.to_owned(), project.into_bytes()),
        ("manifests/all.yaml".to_owned(), documents.into_bytes()),
    ]))
}

fn request(target: &str) -> Request<'static> {
    Request { target: Some(target.into()), variables: Default::default(), env: &|_| None, user: Some("ann".into()) }
}

fn read(files: &InMemory) -> Desired {
    load(files, &request("prod"), kinds::all()).unwrap_or_else(|f| panic!("{:#?}", f.problems))
}

const OLD: &str = "{source: external, dag_id: old}";
const PLAIN: &str = "{from: {emr: [EmrCluster/a]}, to: {jobs: [DatabricksJob/a], dags: [AirflowDag/new]}}";
const DATED: &str = "{cutover: 2026-11-02, from: {emr: [EmrCluster/a], dags: [AirflowDag/old]}, to: {jobs: [DatabricksJob/a], dags: [AirflowDag/new]}}";

fn paused(desired: &Desired) -> Option<bool> {
    desired.resources.iter().find(|r| r.address.name == "new").unwrap().spec["paused"].as_bool()
}

fn warned(desired: &Desired) -> Vec<String> {
    warnings(desired, &|_| None).into_iter().map(|(rule, problem)| format!("{rule}: {}", problem.message)).collect()
}

#[test]
fn a_new_dag_stays_paused_unless_its_manifest_says_otherwise() {
    assert_eq!(paused(&read(&files(OLD, "", &[("a", PLAIN)]))), Some(true));
    assert_eq!(paused(&read(&files(OLD, "", &[("a", DATED)]))), Some(true));
    assert_eq!(paused(&read(&files(OLD, "", &[]))), Some(false), "it is of no migration");
    let written = read(&files(OLD, "paused: false,", &[("a", PLAIN)]));
    assert_eq!(paused(&written), Some(false), "as it is written, without a day");
    assert_eq!(warned(&written), ["paused-twice: `paused` of AirflowDag/new is left to its migration"]);
    // With a day there is one voice.
    let both = files(OLD, "paused: true,", &[("a", DATED)]);
    assert!(load(&both, &request("prod"), kinds::all()).is_err());
    assert!(load_earlier(&both, &request("prod"), kinds::all()).is_ok(), "what was applied once still explains");
}

#[test]
fn ties_to_another_wave_and_a_dag_without_a_clock_are_told() {
    let scheduled = "schedule: {cron: '0 4 2 * *'}, start_date: 2026-10-02,";
    assert_eq!(warned(&read(&files(OLD, scheduled, &[("a", DATED)]))), Vec::<String>::new());
    assert_eq!(
        warned(&read(&files(OLD, "", &[("a", DATED)]))),
        ["no-tick: nothing tells when AirflowDag/new runs first after this day"]
    );
    let reads = DATED.replace("{cutover", "{reads: ['s3://x/a'], cutover");
    let other = "{writes: ['s3://x/a/b'], from: {emr: [EmrCluster/a]}, to: {jobs: [DatabricksJob/a]}}";
    let open = warned(&read(&files(OLD, scheduled, &[("a", &reads), ("b", other)])));
    assert_eq!(open.len(), 3, "{open:#?}");
    assert!(open.iter().any(|open| open.contains("Migration/a reads s3://x/a, which Migration/b writes")), "{open:#?}");
    let bridges = "bridges: ['s3://x/a: copied', 'EmrCluster/a: it stays', 'DatabricksJob/a: both run it'], cutover";
    let bridged = reads.replace("cutover", bridges);
    assert_eq!(warned(&read(&files(OLD, scheduled, &[("a", &bridged), ("b", other)]))), Vec::<String>::new());
    // None of them has a day.
    let undated = reads.replace("cutover: 2026-11-02, ", "");
    assert_eq!(warned(&read(&files(OLD, scheduled, &[("a", &undated), ("b", other)]))), Vec::<String>::new());
}

#[test]
fn in_development_everything_is_paused() {
    let manifests = files(OLD, "", &[("a", DATED)]);
    let desired = load(&manifests, &request("dev"), kinds::all()).unwrap_or_else(|f| panic!("{:#?}", f.problems));
    assert_eq!(desired.resources.iter().find(|r| r.address.name == "new").unwrap().spec["paused"], json!(true));
}
