//! `apply --output json`: how each change ended, with what was sent, however the apply ends.

use crate::world::{World, job};
use serde_json::{Value, json};

/// Two jobs, of which `b` refers to `a`, and one on its own.
fn three() -> World {
    let world = World::new();
    world.write("manifests/a.yaml", &job("a", ""));
    let task = "existing_cluster_id: 0101-000000-abcdefgh\n    - {task_key: next, run_job_task: {job_id: \
                \"${resources.DatabricksJob.a}\"}}\n";
    let text = job("b", "").replace("existing_cluster_id: 0101-000000-abcdefgh\n", task);
    world.write("manifests/b.yaml", &text);
    world.commit_file("manifests/c.yaml", &job("c", ""), "Add three jobs");
    world
}

/// The result, which has to be as its schema says.
#[track_caller]
fn told(out: &str) -> Value {
    let told: Value = serde_json::from_str(out).unwrap_or_else(|e| panic!("{e}:\n{out}"));
    let schema = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/apply.json")).unwrap();
    let validator = jsonschema::draft202012::new(&serde_json::from_str(&schema).unwrap()).unwrap();
    let errors: Vec<String> = validator.iter_errors(&told).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert_eq!(errors, [""; 0], "{told:#}");
    told
}

fn outcomes(told: &Value) -> Vec<(&str, &str)> {
    let rows = told["changes"].as_array().unwrap().iter();
    rows.map(|c| (c["address"].as_str().unwrap(), c["outcome"].as_str().unwrap())).collect()
}

#[test]
fn a_program_is_told_how_each_change_ended() {
    let world = three();
    let body = json!({"error_code": "INVALID_PARAMETER_VALUE", "message": "The notebook path is not allowed."});
    world.sandbox.fault(json!({"path": "/api/2.2/jobs/create", "status": 400, "body": body}));
    let ran = world.plumb("apply --yes --parallel 1 --output json").code(6);
    let result = told(&ran.out);
    let expected = [("DatabricksJob/a", "failed"), ("DatabricksJob/b", "skipped"), ("DatabricksJob/c", "done")];
    assert_eq!(outcomes(&result), expected);
    assert_eq!((&result["exit_code"], result.get("error")), (&json!(6), None));
    assert_eq!(result["plan"]["changes"].as_array().unwrap().len(), 3);
    let [a, b, c] = result["changes"].as_array().unwrap().as_slice() else { panic!("{result}") };
    let call = |change: &Value| {
        let mut call = change["calls"][0].clone();
        assert!(call["duration_ms"].is_u64(), "{call}");
        call.as_object_mut().unwrap().remove("duration_ms");
        call
    };
    assert_eq!(call(a), json!({"method": "POST", "path": "/api/2.2/jobs/create", "result": "refused", "status": 400}));
    assert!(a["error"].as_str().unwrap().contains("The notebook path is not allowed."), "{a}");
    assert_eq!((&b["because"], b["calls"].as_array().unwrap().len()), (&json!("DatabricksJob/a"), 0));
    assert_eq!(call(c), json!({"method": "POST", "path": "/api/2.2/jobs/create", "result": "done", "status": 200}));
    assert_eq!(c["id"], world.sandbox.job("c")["job_id"].to_string());
    assert!(c["duration_ms"].as_u64() >= c["calls"][0]["duration_ms"].as_u64() && c.get("error").is_none(), "{c}");
    // The rest, into a file; its name says what it is to hold.
    world.plumb("apply --yes --out result.json").code(0);
    let result = told(&world.read("result.json"));
    assert_eq!(outcomes(&result), [("DatabricksJob/a", "done"), ("DatabricksJob/b", "done")]);
    let nothing = world.plumb("apply --yes --output json").code(0);
    assert_eq!(outcomes(&told(&nothing.out)), []);
}

#[test]
fn what_was_refused_is_told_and_not_started() {
    let world = three();
    world.edit("plumb.yaml", "databricks: {}", "databricks: {workspaceId: \"42\"}");
    let ran = world.plumb("apply --yes --output json").code(3);
    let result = told(&ran.out);
    assert!(outcomes(&result).iter().all(|(_, outcome)| *outcome == "not-started"), "{result}");
    assert_eq!(
        (&result["exit_code"], &result["error"], &result["counts"]["not_started"]),
        (&json!(3), &json!("a guard refused; nothing was sent"), &json!(3))
    );
    assert_eq!(result["plan"]["blocked"][0]["guard"], "workspace");
    // A saved plan that is not what it was.
    world.edit("plumb.yaml", "databricks: {workspaceId: \"42\"}", "databricks: {}");
    world.plumb("apply --yes").code(0);
    for name in ["a", "c"] {
        world.write(&format!("manifests/{name}.yaml"), &job(name, "  timeout_seconds: 100\n"));
    }
    world.commit("Set timeouts");
    world.plumb("plan --out plan.json").code(0);
    world.sandbox.edit_job("a", json!({"timeout_seconds": 50}));
    let result = told(&world.plumb("apply plan.json --yes --output json").code(6).out);
    assert_eq!(outcomes(&result), [("DatabricksJob/a", "stale"), ("DatabricksJob/c", "done")]);
    assert!(result["changes"][0]["error"].as_str().unwrap().contains("planned 0 -> 100, now 50 -> 100"), "{result}");
}

#[test]
fn an_interrupted_apply_tells_what_it_did() {
    let world = three();
    world.sandbox.fault(json!({"path": "/api/2.2/jobs/create", "delay_ms": 1000, "times": 3}));
    let mut apply = world.start("apply --yes --parallel 1 --output json");
    apply.until("creating DatabricksJob/a");
    apply.interrupt();
    let ran = apply.wait().code(130).says("2 changes were not started").never_says("DatabricksJob/b: not started");
    let expected =
        [("DatabricksJob/a", "done"), ("DatabricksJob/b", "not-started"), ("DatabricksJob/c", "not-started")];
    assert_eq!(outcomes(&told(&ran.out)), expected);
    // Stopped at once: what was under way is not known.
    world.sandbox.fault(json!({"path": "/api/2.2/jobs/create", "delay_ms": 20_000, "times": 3}));
    let mut apply = world.start("apply --yes --parallel 1 --output json");
    apply.until("creating DatabricksJob/b");
    apply.interrupt();
    apply.until("Ctrl-C again stops at once");
    apply.interrupt();
    let ran = apply.wait().code(130).says("0 done, 1 not known, 1 not started");
    let result = told(&ran.out);
    assert_eq!(outcomes(&result), [("DatabricksJob/b", "unknown"), ("DatabricksJob/c", "not-started")]);
    assert!(result["error"].as_str().unwrap().starts_with("stopped at once"), "{result}");
    world.sandbox.send("DELETE", "/_sandbox/faults", &Value::Null);
}

#[test]
fn an_interrupt_while_reading_is_one_line_with_a_count() {
    let world = three();
    for command in ["plan", "drift", "apply --yes --no-lock"] {
        world.sandbox.fault(json!({"path": "/api/2.2/jobs/list", "delay_ms": 8000}));
        world.sandbox.requests();
        let started = world.start(command);
        let begun = std::time::Instant::now();
        // The listing that is held up is asked for; the others have been answered by then.
        while !world.sandbox.get("/_sandbox/requests").to_string().contains("instance-pools/list") {
            assert!(begun.elapsed().as_secs() < 30, "{command}: nothing is read");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        std::thread::sleep(std::time::Duration::from_millis(300));
        started.interrupt();
        let ran = started.wait().code(130);
        let lines: Vec<&str> = ran.err.lines().filter(|line| !line.starts_with("warning: going on without")).collect();
        let expected = ["error: interrupted after 4 requests, which only read; nothing was changed"];
        assert_eq!((lines.as_slice(), ran.out.as_str()), (&expected[..], ""), "{command}");
        world.sandbox.send("DELETE", "/_sandbox/faults", &Value::Null);
    }
    assert_eq!(world.sandbox.writes(), [""; 0]);
}

#[test]
fn every_page_of_a_listing_is_a_request() {
    let jobs: Vec<Value> = (0..250).map(|n| json!({"name": format!("job {n}")})).collect();
    let world = World::seeded(&json!({"jobs": jobs}));
    world.commit_file("manifests/a.yaml", &job("a", ""), "Add a");
    world.sandbox.requests();
    let ran = world.plumb("plan").code(0);
    let sent = world.sandbox.requests().iter().filter(|line| line.contains(" /api/")).count();
    assert!(sent > 5, "{sent}");
    assert!(ran.err.contains(&format!("objects with {sent} requests in ")), "{sent}: {}", ran.err);
}
