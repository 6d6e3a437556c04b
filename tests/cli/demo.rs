//! The demo, as a new user runs it, and what it says when a step does not hold.

use crate::duckdb_support;
use plumb::cli::demo::{self, Demo, EMR, Stage, Story, WORKSPACE};
use plumb::ui::{Colour, ExitCode, Failure, Streams, TerminalEnvironment, Ui, Volume};
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

const PLUMB: &str = env!("CARGO_BIN_EXE_plumb");

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn ui(out: &Buffer) -> Ui {
    let streams = Streams {
        input: Box::new(io::empty()),
        out: Box::new(out.clone()),
        err: Box::new(io::sink()),
        input_terminal: false,
        out_terminal: false,
        err_terminal: false,
        width: Some(100),
        err_width: None,
        height: None,
    };
    Ui::new(streams, &TerminalEnvironment::default(), Colour::Never, Volume::Normal)
}

#[test]
fn the_story_of_a_workspace_holds_anywhere_and_takes_nothing_from_its_surroundings() {
    let out = holds(&["demo"], &WORKSPACE, 5, 21, &[("COLUMNS", "80")]);
    // A reader sees the whole of it at once, and nothing wraps on a usual terminal.
    let wide: Vec<&str> = out.lines().filter(|line| line.chars().count() > 80).collect();
    assert!(wide.is_empty(), "{wide:#?}");
    assert!(out.lines().count() <= 72, "{} lines:\n{out}", out.lines().count());
}

#[test]
fn the_story_of_emr_holds_anywhere_and_takes_nothing_from_its_surroundings() {
    duckdb_support::program();
    let cache = duckdb_support::cache();
    let out = holds(&["demo", "emr"], &EMR, 15, 54, &[("PLUMB_CACHE", cache.to_str().unwrap())]);
    let verdicts =
        ["equal   1 of 1 output equal, ", "DIFFERS   0 of 1 output equal, ", "equal   1 of 1 output equal, "];
    let mut rest = out.as_str();
    for verdict in verdicts {
        rest = rest.split_once(verdict).unwrap_or_else(|| panic!("no {verdict}: {out}")).1;
    }
    assert!(out.contains(" ts  1,950   each is +1 h ") && out.contains("-> constant shift: a time zone?"), "{out}");
    assert!(out.contains("2 of 2 periods compared equal"), "{out}");
}

/// No Python, no network and no cache: nothing is compared, and that is what it says.
#[test]
fn the_story_of_emr_holds_without_duckdb_and_says_what_is_missing() {
    let out = holds(&["demo", "emr"], &EMR, 15, 50, &[("PATH", "/nowhere")]);
    let told = out.split_whitespace().collect::<Vec<_>>().join(" ");
    let skipped = "The comparison is skipped, because there is no duckdb here. `plumb parity setup` installs it: \
                   Python is missing, whose pip brings it: install Python 3";
    assert!(told.contains(skipped), "{out}");
    assert!(told.contains("by Ben Okafor: Terminate the old insights clusters without a comparison"), "{out}");
    assert!(!out.contains("$ plumb parity") && !out.contains("compared equal, the last"), "{out}");
}

/// Runs a story in an empty folder, in surroundings that it may not use, and counts what it proves.
fn holds(args: &[&str], story: &Story, steps: usize, facts: usize, environment: &[(&str, &str)]) -> String {
    let (empty, temporary) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let done = Command::new(PLUMB)
        .args(args)
        .current_dir(empty.path())
        .env_remove("HOME")
        // What a user may have set, none of which may be used.
        .env("DATABRICKS_HOST", "https://production.example.com")
        .env("DATABRICKS_TOKEN", "dapi-of-the-caller")
        .env("DATABRICKS_CONFIG_PROFILE", "production")
        .env("HTTP_PROXY", "http://127.0.0.1:9")
        .env("HTTPS_PROXY", "http://127.0.0.1:9")
        .env("PLUMB_TARGET", "prod")
        .env("GIT_DIR", "/nowhere")
        .env("TMPDIR", temporary.path())
        .env_remove("PLUMB_CACHE")
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8(done.stdout).unwrap(), String::from_utf8(done.stderr).unwrap());
    assert_eq!(done.status.code(), Some(0), "{out}\n{err}");
    assert_eq!(story.steps.len(), steps);
    for (index, step) in story.steps.iter().enumerate() {
        let heading = format!("── {}/{steps} {} ──", index + 1, step.title);
        let (_, rest) = out.split_once(&heading).unwrap_or_else(|| panic!("no step {heading}:\n{out}"));
        let told = rest.split("\n── ").next().unwrap();
        assert!(told.contains("\n  ✓ "), "{heading} proves nothing:\n{told}");
        assert!(told.contains("\n$ "), "{heading} runs nothing:\n{told}");
    }
    assert!(out.contains(&format!("\nEvery step held: {steps} steps, {facts} facts, ")), "{out}");
    let told = out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.ends_with(&format!(" Next: {}.", story.next)), "{out}");
    assert_eq!(err, "");
    assert!(!out.contains("dapi-of-the-caller") && !out.contains("production.example.com"));
    let left = |dir: &Path| std::fs::read_dir(dir).unwrap().count();
    assert_eq!((left(empty.path()), left(temporary.path())), (0, 0), "it left files behind");
    out
}

#[test]
fn the_repository_can_be_kept() {
    let workspace = ["Ann Lee", "Ben Okafor", "Ben Okafor"];
    let [ann, ben] = ["Ann Lee", "Ben Okafor"];
    let emr = [ann, ann, ben, ben, ann, ann, ann, ann, ben, ben, ben, ben, ann, ann, ann, ann, ann];
    for (args, authors) in [(&["demo", "--keep"][..], &workspace[..]), (&["demo", "emr", "--keep"], &emr)] {
        let temporary = tempfile::tempdir().unwrap();
        duckdb_support::program();
        let cache = duckdb_support::cache();
        let mut command = Command::new(PLUMB);
        let done = command.args(args).env("TMPDIR", temporary.path()).env("PLUMB_CACHE", cache).output().unwrap();
        let out = String::from_utf8(done.stdout).unwrap();
        assert_eq!(done.status.code(), Some(0), "{out}");
        let folder = std::fs::read_dir(temporary.path()).unwrap().next().unwrap().unwrap().path();
        assert!(out.contains(&folder.display().to_string()), "{out}");
        let log = Command::new("git").args(["log", "--format=%an"]).current_dir(folder.join("project")).output();
        let log = String::from_utf8(log.unwrap().stdout).unwrap();
        assert_eq!(log.lines().rev().collect::<Vec<_>>(), authors, "{args:?}");
    }
}

#[tokio::test]
async fn a_story_that_does_not_hold_fails_and_keeps_the_folder() {
    // Without the program no step can hold.
    let failure =
        demo::run_as(Path::new("no/such/program"), Demo::default(), &ui(&Buffer::default())).await.unwrap_err();
    assert_eq!(failure.exit, ExitCode::Error);
    assert!(failure.message.starts_with("step 1 (validate: every mistake, offline) does not hold"), "{failure}");
    let kept = failure.hints.iter().find_map(|h| h.strip_prefix("the folder is kept: ")).unwrap();
    assert!(Path::new(kept).join("project/plumb.yaml").is_file());
    std::fs::remove_dir_all(kept).unwrap();
}

/// What goes wrong just before a step.
enum Sabotage {
    /// Somebody changes this setting of the job with this name.
    Edit(&'static str, Value),
    /// Requests to this path are answered with an error.
    Fault(&'static str),
    /// This file of the repository is written.
    File(&'static str, &'static str),
    /// A file of that name, which is not plumb's, is in Airflow's folder.
    Meddled(&'static str),
    /// EMR is asked this.
    Emr(&'static str, Value),
    /// Somebody switches this DAG on.
    SwitchedOn(&'static str),
    /// Nothing, but the step before is left out.
    Skip,
}

/// Plays a story up to a step (counted from 1), with something going wrong before it; what the step came to.
async fn play_to(story: &Story, number: usize, sabotage: Sabotage) -> Result<(), Failure> {
    let folder = tempfile::tempdir().unwrap();
    let ui = ui(&Buffer::default());
    let mut stage = Stage::set(Path::new(PLUMB), folder.path(), &ui).await.unwrap();
    stage.places.cache = Some(duckdb_support::cache());
    let before = if matches!(sabotage, Sabotage::Skip) { number - 2 } else { number - 1 };
    for index in 0..before {
        demo::play(&stage, story, index).await.unwrap();
    }
    match sabotage {
        Sabotage::Edit(name, settings) => {
            let list = stage.ask("/api/2.2/jobs/list?limit=100").await.unwrap();
            let jobs = list["jobs"].as_array().unwrap();
            let job = jobs.iter().find(|j| j["settings"]["name"] == name).unwrap();
            let body = json!({ "job_id": job["job_id"], "new_settings": settings });
            stage.post("/api/2.2/jobs/update", &body).await.unwrap();
        }
        Sabotage::Fault(path) => {
            let fault = json!({ "method": "POST", "path": path, "status": 400, "times": 99 });
            stage.post("/_sandbox/faults", &fault).await.unwrap();
        }
        Sabotage::File(path, text) => stage.write(path, text).unwrap(),
        Sabotage::Meddled(name) => std::fs::write(folder.path().join("dags").join(name), "# by hand\n").unwrap(),
        Sabotage::Emr(operation, body) => {
            stage.emr(operation, body).await.unwrap();
        }
        Sabotage::SwitchedOn(dag) => {
            let state = stage.ask("/_sandbox/state").await.unwrap();
            let mut state = state.clone();
            state["airflow"]["dags"][dag]["is_paused"] = json!(false);
            stage.put("/_sandbox/state", &state).await.unwrap();
        }
        Sabotage::Skip => {}
    }
    demo::play(&stage, story, number - 1).await
}

#[tokio::test]
async fn a_step_that_does_not_hold_is_noticed() {
    let aggregate = "[bau] audience aggregate";
    let cases = [
        (2, Sabotage::File("manifests/compute/other.yaml", OTHER), "the plan is"),
        (3, Sabotage::Fault("/api/2.2/jobs/create"), "exited with 6, not with 0"),
        (3, Sabotage::Meddled("bau_insights_monthly.py"), "exited with 6, not with 0"),
        (3, Sabotage::Edit("nightly export 710002", json!({ "timeout_seconds": 1 })), "belongs to others"),
        (4, Sabotage::Edit(aggregate, json!({ "max_concurrent_runs": 7 })), "not one field but"),
        (4, Sabotage::Edit("[bau] audience cleanse", json!({ "timeout_seconds": 1 })), "it found"),
        (4, Sabotage::Skip, "objects carry the mark"),
        (5, Sabotage::Edit(aggregate, json!({ "timeout_seconds": 1 })), "the plan is"),
        (5, Sabotage::Fault("/api/2.2/jobs/delete"), "exited with 6, not with 0"),
    ];
    for (number, sabotage, why) in cases {
        is_noticed(&WORKSPACE, number, sabotage, why).await;
    }
}

async fn is_noticed(story: &Story, number: usize, sabotage: Sabotage, why: &str) {
    let failure = play_to(story, number, sabotage).await.expect_err(why);
    assert!(failure.message.starts_with(&format!("step {number} (")), "{failure}");
    assert!(failure.message.contains(why), "step {number}: expected `{why}` in: {failure}");
}

#[tokio::test]
async fn a_cluster_more_is_noticed() {
    let instances = json!({ "MasterInstanceType": "m5.xlarge", "InstanceCount": 1 });
    let one_more = json!({ "Name": "x", "ReleaseLabel": "emr-6.9.0", "Instances": instances, "JobFlowRole": "r", "ServiceRole": "r" });
    is_noticed(&EMR, 1, Sabotage::Emr("RunJobFlow", one_more), "it found 7 pipelines").await;
}

/// Without the cluster's events nothing says what became of its nodes.
#[tokio::test]
async fn a_cause_that_cannot_be_proven_is_noticed() {
    is_noticed(&EMR, 4, Sabotage::Fault("/api/2.1/clusters/events"), "the cause is").await;
}

#[tokio::test]
async fn a_gate_that_does_not_open_is_noticed() {
    duckdb_support::program();
    is_noticed(&EMR, 7, Sabotage::File("evidence/broken.json", "{}"), "{\"parity\"} wait").await;
}

#[tokio::test]
async fn a_cluster_that_is_not_taken_down_is_noticed() {
    duckdb_support::program();
    is_noticed(&EMR, 8, Sabotage::File("evidence/broken.json", "{}"), "the cluster is").await;
}

/// An old and a new DAG would both be on.
#[tokio::test]
async fn a_new_dag_that_somebody_switched_on_before_the_cutover_is_noticed() {
    duckdb_support::program();
    is_noticed(&EMR, 13, Sabotage::SwitchedOn("bau_audience"), "it sent").await;
}

/// A manifest that the story does not tell of.
const OTHER: &str = "\
apiVersion: plumb/v1
kind: DatabricksInstancePool
metadata: {name: other-workers}
spec: {instance_pool_name: other, node_type_id: r6id.xlarge}
";
