//! What goes wrong: every failure says what was and what was not done, and the next apply finishes the work.

use crate::shows;
use crate::world::{TOKEN, World, job};
use serde_json::{Value, json};

/// Three jobs, of which `b` has a reference to `a`.
fn three() -> World {
    let world = World::new();
    world.write("manifests/a.yaml", &job("a", ""));
    let text = job("b", "").replace("existing_cluster_id: 0101-000000-abcdefgh\n", "existing_cluster_id: 0101-000000-abcdefgh\n    - {task_key: next, run_job_task: {job_id: \"${resources.DatabricksJob.a}\"}}\n");
    world.write("manifests/b.yaml", &text);
    world.commit_file("manifests/c.yaml", &job("c", ""), "Add three jobs");
    world
}

fn jobs(world: &World) -> usize {
    world.sandbox.get("/api/2.2/jobs/list?limit=100")["jobs"].as_array().map_or(0, Vec::len)
}

#[test]
fn a_refused_create_stops_only_what_depends_on_it() {
    let world = three();
    let body = json!({"error_code": "INVALID_PARAMETER_VALUE", "message": "The notebook path is not allowed."});
    world.sandbox.fault(json!({"path": "/api/2.2/jobs/create", "status": 400, "body": body}));
    shows!(world.plumb("apply --yes --parallel 1"), @r#"
    Plan of demo for target dev, manifests at <Add three jobs>

      + create

      # DatabricksJob/a will be created
      # manifests/a.yaml:1, <Add three jobs> by Ada: Add three jobs
      + DatabricksJob/a "a"
          + name: "a"
          + tasks:
          +   - task_key: "main"
          +     existing_cluster_id: "0101-000000-abcdefgh"
          +     notebook_task:
          +       notebook_path: "/Shared/a"

      # DatabricksJob/b will be created
      # manifests/b.yaml:1, <Add three jobs> by Ada: Add three jobs
      # after DatabricksJob/a
      + DatabricksJob/b "b"
          + name: "b"
          + tasks:
          +   - task_key: "main"
          +     existing_cluster_id: "0101-000000-abcdefgh"
          +     notebook_task:
          +       notebook_path: "/Shared/b"
          +   - task_key: "next"
          +     run_job_task:
          +       job_id: (id of DatabricksJob/a)

      # DatabricksJob/c will be created
      # manifests/c.yaml:1, <Add three jobs> by Ada: Add three jobs
      + DatabricksJob/c "c"
          + name: "c"
          + tasks:
          +   - task_key: "main"
          +     existing_cluster_id: "0101-000000-abcdefgh"
          +     notebook_task:
          +       notebook_path: "/Shared/c"

    Plan: 3 to create, 0 to update, 0 to delete. 0 unchanged.
    Digest: <digest>
    --- stderr
    read 0 objects with 4 requests in <time>
    creating DatabricksJob/a
    error: [1/3] failed creating DatabricksJob/a after <time>
    [2/3] skipped creating DatabricksJob/b: DatabricksJob/a was not done
    creating DatabricksJob/c
    [3/3] created DatabricksJob/c in <time>
    error: DatabricksJob/a: POST /api/2.2/jobs/create: 400 INVALID_PARAMETER_VALUE: The notebook path is not allowed. (request id <id>) (nothing of it was done)
    warning: DatabricksJob/b: not started, because DatabricksJob/a was not done
    Apply: 1 done, 1 failed, 1 not started.
    --- exit 6
    "#);
    assert_eq!(jobs(&world), 1);
    world.plumb("apply --yes").code(0);
    assert_eq!(jobs(&world), 3);
    world.plumb("plan --detailed-exitcode").code(0);
}

#[test]
fn nothing_done_is_another_exit_code_than_something_done() {
    let world = World::new();
    world.commit_file("manifests/a.yaml", &job("a", ""), "Add a");
    let body = json!({"error_code": "PERMISSION_DENIED", "message": "ada@example.com may not create jobs."});
    world.sandbox.fault(json!({"path": "/api/2.2/jobs/create", "status": 403, "body": body}));
    shows!(world.plumb("apply --yes -q"), @r#"
    Plan of demo for target dev, manifests at <Add a>

      + create

      # DatabricksJob/a will be created
      # manifests/a.yaml:1, <Add a> by Ada: Add a
      + DatabricksJob/a "a"
          + name: "a"
          + tasks:
          +   - task_key: "main"
          +     existing_cluster_id: "0101-000000-abcdefgh"
          +     notebook_task:
          +       notebook_path: "/Shared/a"

    Plan: 1 to create, 0 to update, 0 to delete. 0 unchanged.
    Digest: <digest>
    --- stderr
    error: DatabricksJob/a: POST /api/2.2/jobs/create: 403 PERMISSION_DENIED: ada@example.com may not create jobs. (request id <id>) (nothing of it was done)
    --- exit 1
    "#);
    assert_eq!(jobs(&world), 0);
}

#[test]
fn somebody_edits_between_the_plan_and_the_write() {
    let world = World::new();
    world.commit_file("manifests/a.yaml", &job("a", "  timeout_seconds: 60\n"), "Add a");
    world.plumb("apply --yes").code(0);
    world.edit("manifests/a.yaml", "timeout_seconds: 60", "timeout_seconds: 120");
    world.commit("Raise the timeout");
    // The look before the write is held up; meanwhile somebody is in the UI.
    world.sandbox.fault(json!({"path": "/api/2.2/jobs/get", "delay_ms": 1500}));
    let mut apply = world.start("apply --yes");
    apply.until("updating DatabricksJob/a");
    let id = world.sandbox.get("/api/2.2/jobs/list?limit=100")["jobs"][0]["job_id"].clone();
    world.sandbox.post("/api/2.2/jobs/update", json!({"job_id": id, "new_settings": {"max_concurrent_runs": 5}}));
    world.sandbox.requests();
    shows!(apply.wait(), @r#"
    Plan of demo for target dev, manifests at <Raise the timeout>

      ~ update in place

      # DatabricksJob/a will be updated in place
      # manifests/a.yaml:1
      ~ DatabricksJob/a "a" (id <job a>)
          ~ timeout_seconds = 60 -> 120
                # manifests/a.yaml:11, manifest <Raise the timeout> by Ada: Raise the timeout

    Plan: 0 to create, 1 to update, 0 to delete. 0 unchanged.
    Digest: <digest>
    --- stderr
    read 1 object with 5 requests in <time>
    updating DatabricksJob/a
    error: [1/1] failed updating DatabricksJob/a after <time>: changed since the plan was made
    error: DatabricksJob/a: it changed since the plan was made, so nothing was sent: max_concurrent_runs: it was 1, it is now 5; plan again
    Apply: 0 done, 1 stale.
    --- exit 4
    "#);
    assert_eq!(world.sandbox.writes(), [""; 0]);
    assert_eq!(world.sandbox.job("a")["settings"]["max_concurrent_runs"], 5);
    world.plumb("plan").code(0).says("max_concurrent_runs = 5 -> 1").says("changed live");
    world.plumb("apply --yes").code(0);
    world.plumb("plan --detailed-exitcode").code(0);
}

#[test]
fn an_interrupt_finishes_what_is_in_flight_and_starts_nothing_more() {
    let world = three();
    world.sandbox.fault(json!({"path": "/api/2.2/jobs/create", "delay_ms": 1000, "times": 3}));
    let mut apply = world.start("apply --yes --parallel 1");
    apply.until("creating DatabricksJob/a");
    apply.interrupt();
    shows!(apply.wait(), @r#"
    Plan of demo for target dev, manifests at <Add three jobs>

      + create

      # DatabricksJob/a will be created
      # manifests/a.yaml:1, <Add three jobs> by Ada: Add three jobs
      + DatabricksJob/a "a"
          + name: "a"
          + tasks:
          +   - task_key: "main"
          +     existing_cluster_id: "0101-000000-abcdefgh"
          +     notebook_task:
          +       notebook_path: "/Shared/a"

      # DatabricksJob/b will be created
      # manifests/b.yaml:1, <Add three jobs> by Ada: Add three jobs
      # after DatabricksJob/a
      + DatabricksJob/b "b"
          + name: "b"
          + tasks:
          +   - task_key: "main"
          +     existing_cluster_id: "0101-000000-abcdefgh"
          +     notebook_task:
          +       notebook_path: "/Shared/b"
          +   - task_key: "next"
          +     run_job_task:
          +       job_id: (id of DatabricksJob/a)

      # DatabricksJob/c will be created
      # manifests/c.yaml:1, <Add three jobs> by Ada: Add three jobs
      + DatabricksJob/c "c"
          + name: "c"
          + tasks:
          +   - task_key: "main"
          +     existing_cluster_id: "0101-000000-abcdefgh"
          +     notebook_task:
          +       notebook_path: "/Shared/c"

    Plan: 3 to create, 0 to update, 0 to delete. 0 unchanged.
    Digest: <digest>
    --- stderr
    read 0 objects with 4 requests in <time>
    creating DatabricksJob/a
    warning: interrupted: finishing what is in flight; Ctrl-C again stops at once
    [1/3] created DatabricksJob/a in <time>
    warning: 2 changes were not started; `plumb plan` shows what is left
    Apply: 1 done, 2 not started.
    --- exit 130
    "#);
    assert!(world.sandbox.has_job("a"));
    assert_eq!(jobs(&world), 1);
    world.sandbox.send("DELETE", "/_sandbox/faults", &Value::Null);
    world.plumb("apply --yes").code(0);
    assert_eq!(jobs(&world), 3);
    world.plumb("plan --detailed-exitcode").code(0);
}

#[test]
fn a_second_interrupt_stops_at_once() {
    let world = three();
    world.sandbox.fault(json!({"path": "/api/2.2/jobs/create", "delay_ms": 20_000, "times": 3}));
    let mut apply = world.start("apply --yes --parallel 1 --out plan.txt");
    apply.until("creating DatabricksJob/a");
    apply.interrupt();
    apply.until("Ctrl-C again stops at once");
    apply.interrupt();
    shows!(apply.wait(), @"
    --- stderr
    read 0 objects with 4 requests in <time>
    wrote plan.txt
    creating DatabricksJob/a
    warning: interrupted: finishing what is in flight; Ctrl-C again stops at once
    error: stopped at once: what was in flight may have been done or not: 0 done, 1 not known, 2 not started
    hint: `plumb plan` shows what is left to do
    --- exit 130
    ");
    world.sandbox.send("DELETE", "/_sandbox/faults", &Value::Null);
}

#[test]
fn a_service_that_is_busy_is_waited_for() {
    let world = three();
    world.sandbox.fault(json!({"path": "/api/2.2/jobs/list", "status": 429, "retry_after": 1}));
    world.sandbox.fault(json!({"path": "/api/2.2/jobs/create", "status": 429, "retry_after": 1}));
    world.sandbox.fault(json!({"path": "/api/2.2/jobs/list", "status": 503}));
    world.plumb("apply --yes --verbose").code(0);
    assert_eq!(jobs(&world), 3);
    world.plumb("plan --detailed-exitcode").code(0);
}

#[test]
fn a_lost_answer_makes_nothing_twice() {
    let world = three();
    world.sandbox.fault(json!({"path": "/api/2.2/jobs/create", "when": "after", "drop": true}));
    world.plumb("apply --yes --parallel 1").code(0);
    assert_eq!(jobs(&world), 3);
    world.plumb("plan --detailed-exitcode").code(0);
}

#[test]
fn a_page_that_fails_is_no_absence() {
    let world = three();
    world.plumb("apply --yes").code(0);
    let body = json!({"error_code": "INTERNAL_ERROR", "message": "The backend is on fire."});
    world.sandbox.fault(json!({"path": "/api/2.2/jobs/list", "status": 400, "body": body, "times": 100}));
    world.sandbox.requests();
    shows!(world.plumb("apply --yes"), @"
    --- stderr
    error: reading what is live failed: GET /api/2.2/jobs/list?limit=100&expand_tasks=true: 400 INTERNAL_ERROR: The backend is on fire. (request id <id>)
    hint: nothing was changed
    hint: the workspace is <host>, signed in by pat
    --- exit 1
    ");
    assert_eq!(world.sandbox.writes(), [""; 0]);
}

#[test]
fn answers_that_are_no_answers() {
    let world = three();
    let html = "<html><body><h1>Bad gateway</h1></body></html>";
    world.sandbox.fault(json!({"path": "/api/2.2/jobs/list", "status": 404, "body": html, "times": 100}));
    shows!(world.plumb("plan"), @"
    --- stderr
    error: reading what is live failed: GET /api/2.2/jobs/list?limit=100&expand_tasks=true: 404 NOT_FOUND: Bad gateway (request id <id>)
    hint: nothing was changed
    hint: the workspace is <host>, signed in by pat
    --- exit 1
    ");
    world.sandbox.send("DELETE", "/_sandbox/faults", &Value::Null);
    world
        .sandbox
        .fault(json!({"path": "/api/2.2/jobs/list", "status": 200, "body": "<html>Sign in</html>", "times": 100}));
    shows!(world.plumb("plan"), @"
    --- stderr
    error: reading what is live failed: GET /api/2.2/jobs/list?limit=100&expand_tasks=true: sent, but no answer came: the answer is a web page, not JSON: is this the address of a workspace?
    hint: nothing was changed
    hint: the workspace is <host>, signed in by pat
    --- exit 1
    ");
    world.sandbox.send("DELETE", "/_sandbox/faults", &Value::Null);
    world.sandbox.fault(json!({"path": "/api/2.2/jobs/list", "drop": true, "times": 100}));
    world.plumb("plan").code(1).says("reading what is live failed").says("nothing was changed");
}

#[test]
fn a_workspace_that_cannot_be_reached() {
    let mut world = three();
    world.env("DATABRICKS_HOST", Some("http://127.0.0.1:9"));
    // Which of the listings fails first is chance.
    let ran = world.plumb("plan").code(1).says("reading what is live failed: GET /api/2.").says("Connection refused");
    ran.says("hint: nothing was changed\nhint: the workspace is http://127.0.0.1:9, signed in by pat\n");
    world.env("DATABRICKS_HOST", Some("not a host"));
    shows!(world.plumb("plan"), @"
    --- stderr
    error: target dev: `not a host` is not the address of a workspace: invalid international domain name; expected `https://` and the workspace's host name
    --- exit 1
    ");
    world.env("DATABRICKS_HOST", None);
    shows!(world.plumb("plan"), @"
    --- stderr
    error: target dev: no Databricks workspace is configured: set `databricks.host` or `databricks.profile` in the target, DATABRICKS_HOST, or a profile in ~/.databrickscfg
    --- exit 1
    ");
    let url = world.sandbox.url.clone();
    world.env("DATABRICKS_HOST", Some(&url));
    world.env("DATABRICKS_TOKEN", None);
    let ran = world.plumb("plan").code(1).says("cannot sign in to <host>: databricks-cli");
    ran.says("run `databricks auth login --host <host>`, or set DATABRICKS_TOKEN").says("hint: nothing was changed");
    assert_eq!(world.sandbox.requests(), [""; 0]);
}

#[test]
fn a_token_that_is_refused() {
    let world = three();
    let body = json!({"error_code": 401, "message": "Credential was not sent or was of an unsupported type"});
    world.sandbox.fault(json!({"path": "*", "status": 401, "body": body, "times": 1000}));
    let ran = world.plumb("plan").code(1).says(": 401 UNAUTHORIZED: Credential was not sent");
    ran.says("(the service does not accept these credentials); signed in by pat").says("hint: nothing was changed");
}

#[test]
fn the_token_is_in_no_output() {
    let world = three();
    for command in [
        "validate -v",
        "plan --verbose",
        "plan --verbose --output json",
        "apply --yes --verbose",
        "drift -v --output sarif",
        "status -v",
        "show a -v",
        "import --all -v",
        "release a --yes -v",
    ] {
        // Every run of a world looks for it in stdout and stderr.
        assert!([0, 2].contains(&world.plumb(command).code), "{command}");
    }
    // Nor where the service repeats it.
    let body = json!({"error_code": "X", "message": format!("the token {TOKEN} is not good")});
    world.sandbox.fault(json!({"path": "/api/2.2/jobs/list", "status": 403, "body": body}));
    world.plumb("plan --verbose").code(1);
}

#[test]
fn a_wrong_or_hostile_manifest_sends_nothing() {
    let world = three();
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n";
    let deep = "[".repeat(100_000);
    let escape = job("x\u{1b}[2J\u{202e}", "");
    let unknown = job("x", "  timeout_secnds: 5\n");
    let dangling = job("x", "  description: ${resources.DatabricksJob.nowhere}\n");
    let secret = job("x", "  description: ${env.DATABRICKS_TOKEN}\n");
    for text in [bomb, &deep, "\u{0}", "{", &escape, &unknown, &dangling, &secret, "kind: Nonsense\n", "- 1\n- 2\n"] {
        world.write("manifests/x.yaml", text);
        for command in
            ["validate", "plan", "apply --yes", "drift", "status", "show a", "import --all", "release a --yes"]
        {
            let ran = world.plumb(command);
            assert_eq!(ran.code, 1, "{command}: {}", ran.shown);
            assert!(!ran.err.contains('\u{1b}') && !ran.err.contains('\u{202e}'), "{:?}", ran.err);
        }
    }
    #[cfg(unix)]
    {
        world.remove("manifests/x.yaml");
        std::os::unix::fs::symlink("/etc/passwd", world.dir().join("manifests/x.yaml")).unwrap();
        world.plumb("plan").code(1).never_says("root:");
    }
    assert_eq!(world.sandbox.requests(), [""; 0]);
}

#[test]
fn what_is_not_known_is_said_to_be_not_known() {
    let world = three();
    // The job is made, a gateway says that the service is not there, and then nobody may look.
    let body = json!({"error_code": "PERMISSION_DENIED", "message": "not now"});
    world.sandbox.fault(json!({"path": "/api/2.2/jobs/create", "status": 503, "when": "after"}));
    world.sandbox.fault(json!({"path": "/api/2.2/jobs/list", "status": 403, "body": body, "skip": 1}));
    let ran = world.plumb("apply --yes --parallel 1").code(6);
    let ran = ran
        .says("[1/3] creating DatabricksJob/a: sent, and after <time> not known whether it was done")
        .says("[2/3] skipped creating DatabricksJob/b: DatabricksJob/a is not known to be done")
        .says("looking for it by its mark: GET /api/2.2/jobs/list")
        .says("(sent, and whether it was done is not known)")
        .says("DatabricksJob/b: not started, because DatabricksJob/a is not known to be done")
        .says("1 change is not known to be done or not: `plumb plan` shows what is live")
        .says("Apply: 1 done, 1 not known, 1 not started.");
    ran.never_says("nothing of it was done").never_says("a was not done");
    assert_eq!(jobs(&world), 2);
    world.plumb("apply --yes").code(0);
    assert_eq!(jobs(&world), 3);
    world.plumb("plan --detailed-exitcode").code(0);
}

#[test]
fn a_delete_that_is_not_answered_may_have_been_done() {
    for (when, left) in [("after", 0), ("before", 1)] {
        let world = World::new();
        world.commit_file("manifests/a.yaml", &job("a", ""), "Add a");
        world.plumb("apply --yes").code(0);
        world.remove("manifests/a.yaml");
        world.commit("Remove a");
        world.sandbox.fault(json!({"path": "/api/2.2/jobs/delete", "status": 500, "when": when}));
        let ran = world.plumb("apply --yes").code(6);
        ran.says("(sent, and whether it was done is not known)").says("Apply: 0 done, 1 not known.");
        assert_eq!(jobs(&world), left);
        world.plumb("apply --yes").code(0);
        assert_eq!(jobs(&world), 0);
    }
}

#[test]
fn what_could_not_be_verified_is_said() {
    let world = World::new();
    world.commit_file("manifests/a.yaml", &job("a", ""), "Add a");
    world.sandbox.fault(json!({"path": "/api/2.2/jobs/get", "status": 500}));
    world
        .plumb("apply --yes")
        .code(0)
        .says("it could not be verified that it is now as wanted: GET /api/2.2/jobs/get")
        .says("Apply: 1 done (1 could not be verified).");
    world.plumb("plan --detailed-exitcode").code(0);
}
