//! `plumb parity replay`: what is started and what is not, what is compared, and what an interruption leaves behind.

use crate::duckdb_support::{cache, program};
use crate::world::{PROJECT, Ran, World};
use serde_json::{Value, json};

const MONTHS: [&str; 3] = ["2024-07", "2024-08", "2024-09"];

fn job(name: &str, parameters: &str) -> String {
    format!(
        "---\napiVersion: plumb/v1\nkind: DatabricksJob\nmetadata: {{name: {name}}}\nspec:\n  name: {name}\n  \
         parameters: [{parameters}]\n  tasks: [{{task_key: main, notebook_task: {{notebook_path: /Shared/{name}}}}}]\n"
    )
}

const BOTH: &str = "{name: month, default: ''}, {name: output, default: 's3://acme/audience'}";
const SHADOW: &str = "  shadow: {parameters: {output: 's3://shadow/audience'}}\n";

/// The migration of two jobs, with more of its spec.
fn migration(more: &str) -> String {
    let side =
        |side: &str| format!("{{path: 'data/{{period}}/{side}', format: json, columns: {{id: bigint, name: string}}}}");
    format!(
        "---\napiVersion: plumb/v1\nkind: EmrCluster\nmetadata: {{name: old}}\nspec: {{match: {{name: old}}, desired: keep}}\n\
         ---\napiVersion: plumb/v1\nkind: Migration\nmetadata: {{name: audience}}\nspec:\n  \
         from: {{emr: [EmrCluster/old]}}\n  to: {{jobs: [DatabricksJob/cleanse, DatabricksJob/aggregate]}}\n{more}  \
         compare:\n    period: month\n    outputs:\n      - name: segments\n        old: {}\n        new: {}\n        keys: [id]\n",
        side("old"),
        side("new")
    )
}

/// What both sides wrote for a month: equal, or not.
fn data(world: &World, month: &str, is_equal: bool) {
    world.write(&format!("data/{month}/old/part.json"), "{\"id\": 1, \"name\": \"ann\"}\n");
    let name = if is_equal { "ann" } else { "bob" };
    world.write(&format!("data/{month}/new/part.json"), &format!("{{\"id\": 1, \"name\": \"{name}\"}}\n"));
}

/// A world of two jobs that are live, whose outputs are equal.
fn ready(more: &str) -> World {
    let mut world = World::new();
    program();
    world.env("PLUMB_CACHE", Some(cache().to_str().unwrap()));
    let more = format!("  period: {{parameter: month}}\n{SHADOW}{more}");
    world.write(
        "manifests/all.yaml",
        &format!("{}{}{}", job("cleanse", BOTH), job("aggregate", BOTH), migration(&more)),
    );
    MONTHS.iter().for_each(|month| data(&world, month, true));
    world.commit("begin");
    world.plumb("apply --yes --only DatabricksJob").code(0);
    world.sandbox.requests();
    world
}

/// The bodies of all starts of runs, in their order; the log is forgotten.
fn starts(world: &World) -> Vec<Value> {
    let log = world.sandbox.get("/_sandbox/requests");
    world.sandbox.requests();
    let starts = log.as_array().unwrap().iter().filter(|one| one["path"] == "/api/2.2/jobs/run-now");
    starts.map(|one| one["body"].clone()).collect()
}

/// The runs that there are, the oldest first.
fn runs(world: &World) -> Vec<Value> {
    let listed = world.sandbox.get("/api/2.2/jobs/runs/list?limit=24");
    let mut runs: Vec<Value> = listed["runs"].as_array().cloned().unwrap_or_default();
    runs.sort_by_key(|run| run["run_id"].as_i64());
    runs
}

fn record(world: &World, month: &str) -> Value {
    serde_json::from_str(&world.read(&format!("evidence/replays/audience-{month}.json"))).unwrap()
}

/// What became of each period, as JSON has it.
fn states(ran: &Ran) -> Vec<String> {
    let periods = ran.json()["periods"].as_array().cloned().unwrap();
    periods
        .iter()
        .map(|one| format!("{} {}", one["period"].as_str().unwrap(), one["state"].as_str().unwrap()))
        .collect()
}

#[test]
fn every_period_is_run_into_the_shadow_place_and_compared() {
    let world = ready("");
    data(&world, "2024-08", false);
    let ran = world.plumb("parity replay audience --periods 2024-07..2024-09 --yes").code(2);
    assert_eq!(
        ran.out,
        "2024-07  equal    2 runs  evidence/audience-2024-07.json\n\
         2024-08  differs  2 runs  evidence/audience-2024-08.json\n\
         2024-09  equal    2 runs  evidence/audience-2024-09.json\n"
    );
    let ids = |name: &str| world.sandbox.job(name)["job_id"].clone();
    let (cleanse, aggregate) = (ids("cleanse"), ids("aggregate"));
    let starts = starts(&world);
    let expected = MONTHS.iter().flat_map(|month| [(&cleanse, month), (&aggregate, month)]);
    let given = |month: &str| json!({"month": month, "output": "s3://shadow/audience"});
    let expected: Vec<(Value, Value)> = expected.map(|(id, month)| (id.clone(), given(month))).collect();
    let found: Vec<(Value, Value)> =
        starts.iter().map(|one| (one["job_id"].clone(), one["job_parameters"].clone())).collect();
    assert_eq!(found, expected);
    let tokens: std::collections::BTreeSet<&str> =
        starts.iter().map(|one| one["idempotency_token"].as_str().unwrap()).collect();
    assert_eq!(tokens.len(), 6);
    // The runs are known as replays.
    let runs = runs(&world);
    let one = record(&world, "2024-07");
    assert_eq!(one["format"], "plumb.replay/v1");
    assert_eq!(
        (&one["target"], &one["migration"], &one["period"]),
        (&json!("dev"), &json!("audience"), &json!("2024-07"))
    );
    assert_eq!(
        one["runs"],
        json!([{"job": "DatabricksJob/cleanse", "run_id": runs[0]["run_id"]},
               {"job": "DatabricksJob/aggregate", "run_id": runs[1]["run_id"]}])
    );
    // The second time only what did not pass is run again, and all of it with --again.
    data(&world, "2024-08", true);
    let again = world.plumb("parity replay audience --periods 2024-07..2024-09 --yes --output json").code(0);
    assert_eq!(states(&again), ["2024-07 skipped", "2024-08 equal", "2024-09 skipped"]);
    assert_eq!(
        (again.json()["format"].clone(), again.json()["target"].clone()),
        (json!("plumb.replays/v1"), json!("dev"))
    );
    assert_eq!(self::starts(&world).len(), 2);
    assert_eq!(record(&world, "2024-08")["runs"].as_array().unwrap().len(), 4, "those of the first attempt too");
    world.plumb("parity replay audience --periods 2024-07..2024-09").code(0).says("it passed before");
    assert_eq!(world.sandbox.requests(), Vec::<String>::new(), "nobody is asked when nothing is to be done");
    world.plumb("parity replay audience --periods 2024-07 --again --yes").code(0);
    assert_eq!(self::starts(&world).len(), 2);
}

#[test]
fn it_says_what_it_costs_and_asks() {
    let world = ready("");
    let ran = world.plumb("parity replay audience --periods 2024-07..2024-09").code(64);
    ran.says("nobody to ask").says(
        "audience for 2024-07, 2024-08, 2024-09: 6 runs; how many node-hours is not known, as no run of `aggregate`, \
         `cleanse` with its nodes is kept",
    );
    let run = |name: &str, seconds: u64| {
        json!({"side": "new", "system": "databricks", "id": name, "name": name, "trigger": "manual", "outcome": "succeeded",
               "nodes": [{"type": "m5.xlarge", "market": "spot", "seconds": {"low": seconds, "high": seconds}}]})
    };
    let kept = json!({"format": "plumb.runs/v1", "target": "dev", "migration": "audience", "period": "2024-06",
                      "runs": [run("cleanse", 3600), run("aggregate", 1800)]});
    world.write("evidence/runs/audience-2024-06.json", &kept.to_string());
    let ran = world.plumb("parity replay audience --periods 2024-07..2024-09").code(64);
    ran.says("6 runs, 4.5 node-hours by the runs that were kept").says("month=…, output=s3://shadow/audience");
    assert_eq!(starts(&world), Vec::<Value>::new());
}

#[test]
fn what_speaks_against_it_is_said_before_anything_is_asked() {
    let world = World::new();
    let manifests = |parameters: &str, more: &str| {
        world.write(
            "manifests/all.yaml",
            &format!("{}{}{}", job("cleanse", BOTH), job("aggregate", parameters), migration(more)),
        );
    };
    let refused = |arguments: &str, code: i32| {
        world.sandbox.requests();
        let ran = world.plumb(&format!("parity replay audience --yes --periods {arguments}")).code(code);
        assert_eq!(world.sandbox.requests(), Vec::<String>::new());
        ran
    };
    manifests(BOTH, "");
    refused("2024-07", 1)
        .says("has no `shadow` place: the new would overwrite what the old wrote")
        .says("has no `period`, so no run can be told which period it is for")
        .says("nothing was started");
    let told = format!("  period: {{parameter: month}}\n{SHADOW}");
    manifests("{name: month, default: ''}", &told);
    refused("2024-07", 1).says("`shadow.parameters` names `output`, which DatabricksJob/aggregate does not have");
    manifests(BOTH, &told);
    refused("2024-09..2024-07", 64).says("did you mean `2024-07..2024-09`?");
    refused("2999-01", 1).says("2999-01 is not over before 2999-02-01 00:00 UTC");
    world
        .plumb("parity replay other --periods 2024-07")
        .code(1)
        .says("no Migration is named `other`")
        .says("there are audience");
}

#[test]
fn a_job_that_is_not_as_its_manifest_is_not_run() {
    let world = ready("");
    let other = World::new();
    other.write("manifests/all.yaml", &world.read("manifests/all.yaml"));
    let ran = other.plumb("parity replay audience --periods 2024-07 --yes").code(1);
    ran.says("DatabricksJob/aggregate is not live").says("DatabricksJob/cleanse is not live").says("plumb apply");
    world.sandbox.edit_job("aggregate", json!({"timeout_seconds": 60}));
    let ran = world.plumb("parity replay audience --periods 2024-07 --yes").code(1);
    ran.says("DatabricksJob/aggregate is not as its manifest has it: timeout_seconds");
    assert_eq!((starts(&world), starts(&other)), (Vec::new(), Vec::new()));
}

#[test]
fn a_run_that_fails_ends_its_period_and_no_other() {
    let world = ready("");
    // The first start is refused.
    world.sandbox.fault(json!({"path": "/api/2.2/jobs/run-now", "status": 403,
        "body": {"error_code": "PERMISSION_DENIED", "message": "no"}}));
    let ran = world.plumb("parity replay audience --periods 2024-07..2024-08 --yes --output json").code(1);
    assert_eq!(states(&ran), ["2024-07 failed", "2024-08 equal"]);
    ran.says("no run of DatabricksJob/cleanse was started");
    world.sandbox.requests();
    world.sandbox.send("PATCH", "/_sandbox/settings", &json!({"runs": {"cleanse": {"result": "FAILED"}}}));
    let ran = world.plumb("parity replay audience --periods 2024-07..2024-09 --yes").code(1);
    let id = record(&world, "2024-07")["runs"][0]["run_id"].clone();
    ran.says(&format!("run {id} of DatabricksJob/cleanse ended with FAILED: `plumb diagnose {id}` says why"));
    assert_eq!(starts(&world).len(), 2, "the job after it is not run, 2024-08 passed before, 2024-09 is tried");
    // Another attempt is another start.
    world.sandbox.send("PATCH", "/_sandbox/settings", &json!({"runs": {}}));
    let ran = world.plumb("parity replay audience --periods 2024-07..2024-09 --yes --output json").code(0);
    assert_eq!(states(&ran), ["2024-07 equal", "2024-08 skipped", "2024-09 equal"]);
    assert_eq!(record(&world, "2024-07")["runs"].as_array().unwrap().len(), 3);
}

#[test]
fn a_lost_answer_starts_nothing_twice() {
    let world = ready("");
    world.sandbox.fault(json!({"path": "/api/2.2/jobs/run-now", "when": "after", "drop": true}));
    world.plumb("parity replay audience --periods 2024-07 --yes").code(0);
    assert_eq!((starts(&world).len(), runs(&world).len()), (3, 2));
    // Killed before the run was kept: the next command finds it.
    world.sandbox.send("PATCH", "/_sandbox/settings", &json!({"run_seconds": 1000}));
    let mut started = world.start("parity replay audience --periods 2024-08 --yes");
    started.until("started run");
    started.kill();
    world.remove("evidence/replays/audience-2024-08.json");
    world.sandbox.send("PATCH", "/_sandbox/settings", &json!({"run_seconds": 0}));
    world.plumb("parity replay audience --periods 2024-08 --yes").code(0);
    assert_eq!(runs(&world).len(), 4);
}

#[test]
fn an_interruption_says_what_still_runs_and_the_next_command_goes_on() {
    let world = ready("");
    world.sandbox.send("PATCH", "/_sandbox/settings", &json!({"run_seconds": 1000}));
    let mut started = world.start("parity replay audience --periods 2024-07..2024-08 --yes");
    started.until("2024-07: started run");
    started.interrupt();
    let ran = started.wait().code(130);
    let run = record(&world, "2024-07")["runs"][0]["run_id"].clone();
    let ran = ran
        .says("nothing more is started, and nothing is waited for")
        .says(&format!("run {run} of DatabricksJob/cleanse <host>"));
    for line in ["2024-07  still running  1 run", "2024-08  not started"] {
        assert!(ran.out.contains(line), "{}", ran.out);
    }
    assert!(!world.dir().join("evidence/audience-2024-07.json").exists());
    world.sandbox.send("PATCH", "/_sandbox/settings", &json!({"run_seconds": 0}));
    let ran = world.plumb("parity replay audience --periods 2024-07..2024-08 --yes").code(0);
    ran.says(&format!("2024-07: going on with run {run} of DatabricksJob/cleanse"));
    assert_eq!(runs(&world).len(), 4, "each job once for each month");
}

#[test]
fn as_many_run_at_once_as_the_project_says() {
    for (at_once, expected) in [(1, 1), (2, 2)] {
        let world = ready("");
        let forecast = format!("spec:\n  forecast: {{replaysAtOnce: {at_once}}}\n");
        world.write("plumb.yaml", &PROJECT.replace("spec:\n", &forecast));
        world.sandbox.send("PATCH", "/_sandbox/settings", &json!({"run_seconds": 1000}));
        let mut started = world.start("parity replay audience --periods 2024-07..2024-09 --yes");
        (0..expected).for_each(|_| started.until("started run"));
        started.interrupt();
        started.wait().code(130);
        let begun = starts(&world).len();
        assert_eq!(begun, expected, "{at_once} at once");
    }
}

#[test]
fn runs_follow_the_dag_and_wait_for_its_own() {
    let mut world = World::with_airflow(&Value::Null);
    program();
    world.env("PLUMB_CACHE", Some(cache().to_str().unwrap()));
    let dag = "---\napiVersion: plumb/v1\nkind: AirflowDag\nmetadata: {name: monthly}\nspec:\n  paused: true\n  \
               schedule: {cron: '0 4 2 * *'}\n  start_date: 2024-01-01\n  tasks:\n    \
               - {id: last, run: '${resources.DatabricksJob.cleanse}', after: [first]}\n    \
               - {id: first, run: '${resources.DatabricksJob.aggregate}', params: {job_parameters: {mode: full, month: '{{ ds }}'}}}\n";
    let more = format!("  period: {{parameter: month, format: '%Y%m'}}\n{SHADOW}");
    let migration =
        migration(&more).replace("DatabricksJob/aggregate]", "DatabricksJob/aggregate], dags: [AirflowDag/monthly]");
    let declared = format!("{BOTH}, {{name: mode, default: ''}}");
    world.write(
        "manifests/all.yaml",
        &format!("{}{}{dag}{migration}", job("cleanse", BOTH), job("aggregate", &declared)),
    );
    data(&world, "2024-07", true);
    world.commit("begin");
    world.plumb("apply --yes --only DatabricksJob --only AirflowDag").code(0);
    world.sandbox.requests();
    world.plumb("parity replay audience --periods 2024-07 --yes").code(0);
    let given: Vec<Value> = starts(&world).iter().map(|one| one["job_parameters"].clone()).collect();
    let output = "s3://shadow/audience";
    assert_eq!(
        given,
        [json!({"mode": "full", "month": "202407", "output": output}), json!({"month": "202407", "output": output})]
    );
    // A run of the DAG would write to the same place.
    world.sandbox.send("PATCH", "/_sandbox/settings", &json!({"airflow": {"run_seconds": 100_000}}));
    let mut state = world.sandbox.get("/_sandbox/state");
    let now = world.sandbox.get("/_sandbox/clock")["now_ms"].clone();
    state["airflow"]["runs"] =
        json!([{"dag_id": "monthly", "run_id": "manual__1", "kind": "manual", "state": "running", "started": now}]);
    world.sandbox.send("PUT", "/_sandbox/state", &state);
    let ran = world.plumb("parity replay audience --periods 2024-07 --again --yes").code(1);
    ran.says("a run of AirflowDag/monthly is under way; nothing was started").says("wait until it has ended");
    assert_eq!(starts(&world), Vec::<Value>::new());
}
