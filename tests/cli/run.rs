//! `plumb run` and `plumb open`, against the sandbox.

use crate::world::{Started, World, job, shared_cluster};
use serde_json::{Value, json};

/// A job of two tasks, the second of which waits for the first.
fn load(more: &str) -> String {
    job(
        "load",
        &format!(
            "\x20   - task_key: next
      depends_on: [{{task_key: main}}]
      notebook_task: {{notebook_path: /Shared/next}}
      existing_cluster_id: 0101-000000-abcdefgh
{more}"
        ),
    )
}

fn world_with(manifest: &str) -> World {
    let world = World::new();
    world.write("manifests/load.yaml", manifest);
    world.commit("Add load");
    world.plumb("apply --yes").code(0);
    outcome(&world, json!({}));
    world.sandbox.requests();
    world
}

fn world() -> World {
    world_with(&load("  parameters: [{name: day, default: none}, {name: mode, default: full}]\n"))
}

fn runs(world: &World) -> Vec<Value> {
    let listed = world.sandbox.get("/api/2.2/jobs/runs/list?limit=24");
    listed["runs"].as_array().cloned().unwrap_or_default()
}

/// Says how the runs of all jobs go.
fn outcome(world: &World, outcome: Value) {
    world.sandbox.post("/_sandbox/settings", json!({"runs": {"*": outcome}, "check_references": false}));
}

fn the_run(world: &World) -> String {
    let runs = runs(world);
    assert_eq!(runs.len(), 1, "{runs:?}");
    runs[0]["run_id"].to_string()
}

/// How many requests of [`crate::world::Sandbox::requests`] have a text.
fn count(requests: &[String], text: &str) -> usize {
    requests.iter().filter(|line| line.contains(text)).count()
}

#[test]
fn a_run_is_started_and_its_id_and_address_are_printed() {
    let world = world();
    let ran = world.plumb("run load").code(0);
    let (id, requests) = (the_run(&world), world.sandbox.requests());
    let job = world.sandbox.job("load")["job_id"].clone();
    let address = format!("{}/#job/{job}/run/{id}", world.sandbox.url);
    assert_eq!(ran.out, format!("run {id} of DatabricksJob/load\n{address}\n"));
    // It costs what reading costs, one run-now, and one look.
    assert_eq!((count(&requests, "/jobs/run-now 200"), count(&requests, "/jobs/runs/get ")), (1, 1), "{requests:?}");
    let writes = requests.iter().filter(|line| !line.starts_with("GET "));
    assert_eq!(writes.collect::<Vec<_>>(), ["POST /api/2.2/jobs/run-now 200"]);
    assert!(requests.len() <= 12, "{requests:?}");
    // The address is found by the whole address, too, and by what the shell offers.
    let json = world.plumb("run DatabricksJob/load --output json").code(0).json();
    assert_eq!(json["format"], "plumb.run/v1");
    assert_eq!((&json["job"], &json["job_id"]), (&json!("DatabricksJob/load"), &json!(job.to_string())));
    assert_eq!(runs(&world).len(), 2);
}

#[test]
fn parameters_go_where_the_job_takes_them() {
    let world = world();
    world.plumb_with(&["run", "load", "--param", "day=a b=c", "-p", "mode="]).code(0);
    let given = runs(&world)[0]["overriding_parameters"].clone();
    assert_eq!(given, json!({"job_parameters": {"day": "a b=c", "mode": ""}}));
    for (wrong, says) in [
        ("--param dya=1", "DatabricksJob/load: the live job declares no parameter `dya`; nothing was started"),
        ("--param dya=1", "did you mean `day`?"),
        ("--param day=1 --param day=2", "parameter `day` is given twice"),
        ("--param day", "expected NAME=VALUE"),
    ] {
        world.plumb(&format!("run load {wrong}")).code(64).says(says);
    }
    assert_eq!(runs(&world).len(), 1);
    let legacy = world_with(&load(""));
    legacy.plumb("run load --param day=1").code(0);
    assert_eq!(runs(&legacy)[0]["overriding_parameters"], json!({"notebook_params": {"day": "1"}}));
    let python =
        load("").replace("notebook_task: {notebook_path: /Shared/load}", "spark_python_task: {python_file: /x.py}");
    let mixed = world_with(&python);
    mixed.plumb("run load --param day=1").code(0).says("`main` gets none; declare `parameters`");
    let none =
        python.replace("notebook_task: {notebook_path: /Shared/next}", "spark_python_task: {python_file: /y.py}");
    let none = world_with(&none);
    none.plumb("run load --param day=1").code(64).says("no task of it takes any by name").says("declare `parameters`");
    assert!(runs(&none).is_empty());
}

#[test]
fn a_log_has_a_line_for_each_change_and_the_result() {
    let world = world();
    let ran = world.plumb("run load --wait").code(0);
    let id = the_run(&world);
    let lines: Vec<&str> = ran.err.lines().filter(|line| !line.starts_with("read ")).collect();
    assert_eq!(lines, ["the run: RUNNING", "main: RUNNING", "main: SUCCESS", "next: SUCCESS"], "{}", ran.shown);
    assert!(ran.out.starts_with(&format!("run {id} of DatabricksJob/load\nhttp://")), "{}", ran.out);
    ran.says("of DatabricksJob/load: SUCCESS after").says("2 tasks: 2 SUCCESS");
    let json = world.plumb("run load --wait --output json").code(0).json();
    assert_eq!((&json["state"], &json["ended"]), (&json!("SUCCESS"), &json!(true)));
    assert_eq!(json["tasks"][1]["task_key"], "next");
}

#[test]
fn a_run_that_fails_says_which_task_and_why() {
    let world = world();
    outcome(&world, json!({"result": "FAILED", "task": "main", "error": "boom at line 3"}));
    let ran = world.plumb("run load --wait").code(1);
    let id = the_run(&world);
    let ran = ran.says("main: FAILED").says("boom at line 3").says("next: UPSTREAM_FAILED");
    let ran = ran.says(&format!("error: run {id} of DatabricksJob/load: FAILED"));
    ran.says(&format!("`plumb diagnose {id} --target dev` says why"));
    let ran = world.plumb("run load --wait --output json").code(1);
    let json = ran.json();
    assert_eq!((&json["state"], &json["tasks"][0]["state"]), (&json!("FAILED"), &json!("FAILED")));
    assert!(json["tasks"][0]["error"].as_str().unwrap().contains("boom at line 3"), "{json}");
    for result in ["TIMEDOUT", "CANCELED", "INTERNAL_ERROR"] {
        outcome(&world, json!({ "result": result }));
        world.plumb("run load --wait").code(1).says(&format!("of DatabricksJob/load: {result}"));
    }
}

#[test]
fn a_run_that_waits_or_is_skipped_says_so_in_the_services_words() {
    let world = world();
    outcome(&world, json!({"seconds": 100_000}));
    world.plumb("run load").code(0);
    // One at a time is what the job allows, and it has a queue.
    let mut started = world.start("run load --wait");
    started.until("the run: QUEUED: Queued due to reaching maximum concurrent runs of 1.");
    world.sandbox.post("/_sandbox/clock", json!({"advance_seconds": 150_000}));
    started.until("the run: RUNNING");
    world.sandbox.post("/_sandbox/clock", json!({"advance_seconds": 300_000}));
    started.wait().code(0).says("of DatabricksJob/load: SUCCESS");
    let none = world_with(&load("  queue: {enabled: false}\n"));
    outcome(&none, json!({"seconds": 100_000}));
    none.plumb("run load").code(0);
    let ran = none.plumb("run load --wait").code(1).says("DatabricksJob/load: SKIPPED");
    ran.says("maximum number of concurrent runs");
}

#[test]
fn only_a_live_job_of_the_project_runs() {
    let world = World::seeded(&json!({"jobs": [{"name": "theirs", "tasks": []}]}));
    world.write("manifests/load.yaml", &load(""));
    world.write("manifests/shared.yaml", &shared_cluster(""));
    world.commit("Add load");
    let never = world.plumb("run load").code(1);
    never
        .says("no live job carries the mark of DatabricksJob/load in target dev; nothing was started")
        .says("apply it first: `plumb apply --target dev`");
    world.plumb("run theirs").code(64).says("no resource is called `theirs`");
    world.plumb("run laod").code(64).says("did you mean `load`?");
    world.plumb("run DatabricksJob/theirs").code(1).says("no manifest has that address, either");
    world.plumb("run shared").code(64).says("DatabricksCluster/shared is no Databricks job");
    assert!(runs(&world).is_empty());
    world.plumb("apply --yes").code(0);
    // Somebody took the mark off, or copied it.
    let live = world.sandbox.job("load");
    world.sandbox.post("/api/2.2/jobs/create", live["settings"].clone());
    world.plumb("run load").code(1).says("carry the mark of DatabricksJob/load; nothing was started");
    assert!(runs(&world).is_empty());
}

#[test]
fn a_live_job_that_differs_runs_as_it_is_and_that_is_said() {
    let world = world();
    world.plumb("run load").code(0).never_says("differs");
    world.edit("manifests/load.yaml", "default: none", "default: all");
    world.plumb("run load").code(0).says("the live job differs from the manifests, and runs as it is");
    // Parameters are those of the live job.
    world.edit("manifests/load.yaml", "name: day", "name: date");
    world.plumb("run load --param date=1").code(64).says("declares no parameter `date`");
    world.remove("manifests/load.yaml");
    world.write("manifests/other.yaml", &job("other", ""));
    world.plumb("run DatabricksJob/load").code(0).says("no manifest has DatabricksJob/load any more");
}

#[test]
fn a_lost_answer_starts_nothing_twice() {
    let world = world();
    world.sandbox.fault(json!({"method": "POST", "path": "/api/2.2/jobs/run-now", "when": "after", "drop": true}));
    let ran = world.plumb("run load").code(0);
    assert_eq!(ran.out.lines().next(), Some(format!("run {} of DatabricksJob/load", the_run(&world)).as_str()));
    assert_eq!(count(&world.sandbox.requests(), "/jobs/run-now"), 2);
}

#[test]
fn what_is_never_answered_is_not_known_and_what_is_refused_is_not_done() {
    let world = world();
    let path = "/api/2.2/jobs/run-now";
    world.sandbox.fault(json!({"method": "POST", "path": path, "when": "after", "drop": true, "times": 50}));
    let ran = world.plumb("run load --wait").code(6);
    ran.says("whether a run of DatabricksJob/load was started is not known")
        .says("its runs are at <host>/jobs/<job load>");
    assert_eq!(runs(&world).len(), 1, "one token, one run");
    world.sandbox.send("DELETE", "/_sandbox/faults", &Value::Null);
    let body = json!({"error_code": "PERMISSION_DENIED", "message": "no Can Manage Run"});
    world.sandbox.fault(json!({"method": "POST", "path": path, "status": 403, "body": body}));
    world.plumb("run load --wait").code(1).says("no run of DatabricksJob/load was started").says("no Can Manage Run");
    assert_eq!(runs(&world).len(), 1);
}

#[test]
fn a_reading_that_fails_while_waiting_is_waited_out() {
    let world = world();
    let path = "/api/2.2/jobs/runs/get";
    // More than the client repeats by itself.
    world.sandbox.fault(json!({"path": path, "drop": true, "skip": 1, "times": 6}));
    world.plumb("run load --wait").code(0).says("could not be read, trying again").says("DatabricksJob/load: SUCCESS");
    let body = json!({"error_code": "PERMISSION_DENIED", "message": "gone"});
    world.sandbox.fault(json!({"path": path, "status": 403, "body": body, "skip": 1, "times": 50}));
    let ran = world.plumb("run load --wait").code(6).says("of DatabricksJob/load ends is not known");
    ran.says("it may go on").says("databricks jobs cancel-run");
}

/// Interrupts a command, and waits for it.
fn interrupted(started: Started<'_>) -> crate::world::Ran {
    started.interrupt();
    started.wait().code(130)
}

#[test]
fn an_interrupt_stops_waiting_and_says_what_goes_on() {
    let world = world();
    outcome(&world, json!({"seconds": 100_000}));
    let mut started = world.start("run load --wait");
    started.until("main: RUNNING");
    let ran = interrupted(started);
    let id = the_run(&world);
    let ran = ran.says(&format!("interrupted; run {id} of DatabricksJob/load goes on"));
    let ran = ran.says("it is at <host>").says(&format!("`databricks jobs cancel-run {id}` cancels it"));
    ran.says(&format!("`plumb diagnose {id} --target dev` says how it stands"));
    assert_eq!(runs(&world)[0]["state"]["life_cycle_state"], "RUNNING");
    assert_eq!(count(&world.sandbox.requests(), "cancel"), 0);
}

#[test]
fn an_interrupt_while_it_is_sent_waits_for_the_answer() {
    let world = world();
    world.sandbox.fault(json!({"path": "/api/2.2/jobs/run-now", "delay_ms": 3000, "times": 2}));
    outcome(&world, json!({"seconds": 100_000}));
    // Reading is over, and what is sent next is held up.
    let sent = |started: &mut Started<'_>| {
        started.until("read 1 object");
        std::thread::sleep(std::time::Duration::from_millis(500));
        started.interrupt();
    };
    let mut started = world.start("run load --wait");
    sent(&mut started);
    let ran = started.wait().code(130).says("waiting for the answer to what was sent");
    ran.says("of DatabricksJob/load goes on").says("it is at <host>");
    assert_eq!(runs(&world).len(), 1);
    // Who does not want to wait for the answer, either, is told that nobody knows.
    let mut started = world.start("run load");
    sent(&mut started);
    started.until("Ctrl-C again stops at once");
    let ran = interrupted(started).says("whether a run of DatabricksJob/load was started is not known");
    ran.says("look before you start another: its runs are at");
}

#[test]
fn a_terminal_has_a_list_that_changes_in_place() {
    let world = world();
    let ran = world.on_terminal((24, 80), "run load --wait", &[]).code(0);
    assert!(ran.out.contains("main: RUNNING") && ran.out.contains("next: BLOCKED"), "{}", ran.out);
    // The list is gone at the end, and no change has a line of its own.
    assert!(!ran.out.contains("\nmain: RUNNING\n"), "{}", ran.out);
    assert!(ran.out.contains("DatabricksJob/load: SUCCESS after"), "{}", ran.out);
}

#[test]
fn an_object_is_where_its_page_is() {
    let world = World::new();
    world.write("manifests/load.yaml", &load(""));
    world.write("manifests/shared.yaml", &shared_cluster(""));
    world.commit("Add load");
    world.plumb("open load").code(1).says("DatabricksJob/load is not there").says("plumb plan --target dev");
    world.plumb("apply --yes").code(0);
    let id = world.sandbox.job("load")["job_id"].to_string();
    let ran = world.plumb("open load").code(0);
    assert!(
        ran.out.starts_with(&format!("{}/jobs/{id}", world.sandbox.url)) && ran.out.lines().count() == 1,
        "{}",
        ran.out
    );
    let cluster = world.sandbox.cluster("shared")["cluster_id"].as_str().unwrap().to_owned();
    let ran = world.plumb("open DatabricksCluster/shared").code(0);
    assert!(ran.out.contains(&format!("/compute/clusters/{cluster}")), "{}", ran.out);
    world.plumb("open DatabricksJob/nothing").code(1).says("is not there");
    world.plumb("open nothing").code(64).says("no resource is called `nothing`");
    world.plumb("open AirflowVariable/x").code(64).says("has no page of its own").says("DatabricksJob");
}

#[cfg(target_os = "linux")]
#[test]
fn the_browser_gets_the_address_and_nothing_else() {
    use std::os::unix::fs::PermissionsExt;
    let mut world = world();
    world.plumb("open load --browser").code(1).says("no browser could be opened: xdg-open").says("/jobs/");
    world.write("bin/xdg-open", "#!/bin/sh\nprintf '%s\\n' \"$#\" \"$@\" > opened\n");
    let program = world.dir().join("bin/xdg-open");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", world.dir().join("bin").display());
    world.env("PATH", Some(&path));
    let ran = world.plumb("open load --browser").code(0);
    assert_eq!(world.read("opened"), format!("1\n{}", ran.out));
}

#[test]
fn a_dag_has_its_page_in_airflow() {
    let world = World::with_airflow(&Value::Null);
    world.write(
        "manifests/dag.yaml",
        "apiVersion: plumb/v1\nkind: AirflowVariable\nmetadata: {name: v}\nspec: {key: v, value: x}\n",
    );
    world.commit("Add v");
    world.plumb("apply --yes").code(0);
    world.plumb("open v").code(64).says("AirflowVariable/v has no page of its own").says("AirflowDag");
    world.plumb("open AirflowDag/none").code(1).says("AirflowDag/none is not there");
}

/// docs/run.md is what the commands print. `PLUMB_BLESS=1` writes it anew.
#[test]
fn the_page_about_runs_is_what_they_print() {
    let world = world_with(&job("load", "  parameters: [{name: day, default: none}]\n"));
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/run.md");
    let old = std::fs::read_to_string(&path).unwrap();
    let mut new = String::new();
    let mut commands = 0;
    let mut rest = old.as_str();
    while let Some((before, block)) = rest.split_once("```text\n$ plumb ") {
        let (block, after) = block.split_once("```\n").unwrap();
        let command = block.lines().next().unwrap();
        let ran = world.plumb(command).code(0);
        let out = ran.out.replace(&world.sandbox.url, "http://127.0.0.1:8080");
        let same = out.lines().map(|line| match line.split_once(" after ") {
            Some((head, _)) => format!("{head} after 0.5 s\n"),
            None => format!("{line}\n"),
        });
        new.push_str(&format!("{before}```text\n$ plumb {command}\n{}```\n", same.collect::<String>()));
        (rest, commands) = (after, commands + 1);
    }
    new.push_str(rest);
    assert_eq!(commands, 2);
    if std::env::var_os("PLUMB_BLESS").is_some_and(|v| v == "1") {
        std::fs::write(&path, new).unwrap();
    } else {
        assert_eq!(old, new);
    }
}

#[test]
fn words_of_other_tools_lead_here() {
    let world = World::new();
    world.plumb("bundle run load").code(64).says("`plumb run JOB` take their place");
    world.plumb("run-now load").code(64).says("`plumb run JOB` starts a run of a job");
    world.plumb("cancel-run 1").code(64).says("databricks jobs cancel-run");
    world.plumb("browse load").code(64).says("`plumb open ADDRESS`");
}
