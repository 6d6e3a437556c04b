//! `plumb ci drift`: cron finds drift, an issue tells of it, it is healed, the issue is closed.

use crate::github::{GitHub, Rights};
use crate::world::{World, job};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;

fn world() -> (World, GitHub) {
    let github = GitHub::start();
    github.actions("ghs-never-to-be-seen", Rights::Write);
    let mut world = World::new();
    world.env("GITHUB_TOKEN", Some("ghs-never-to-be-seen"));
    world.env("GITHUB_REPOSITORY", Some("acme/data"));
    world.env("GITHUB_SERVER_URL", Some("https://github.com"));
    world.env("GITHUB_RUN_ID", Some("42"));
    let url = github.url.clone();
    world.env("GITHUB_API_URL", Some(&url));
    world.commit_file("manifests/a.yaml", &job("a", "  timeout_seconds: 60\n"), "Add a");
    world.plumb("apply --yes").code(0);
    (world, github)
}

fn issues(github: &GitHub) -> Vec<Value> {
    github.store().issues.values().cloned().collect()
}

#[test]
fn drift_opens_an_issue_healing_closes_it() {
    let (world, github) = world();
    world.plumb("ci drift").code(0).says("No drift, and nothing waits for an apply. 1 resource up to date.");
    assert_eq!(issues(&github).len(), 0);

    world.sandbox.edit_job("a", json!({"timeout_seconds": 600}));
    world.plumb("ci drift").code(2).says("opened issue #1").says("timeout_seconds = 600 -> 60");
    let issue = issues(&github)[0].clone();
    assert_eq!((&issue["state"], &issue["title"]), (&json!("open"), &json!("Drift of demo on target dev")));
    assert_eq!(issue["labels"][0]["name"], "plumb-drift");
    let body = issue["body"].as_str().unwrap();
    assert!(body.starts_with("<!-- plumb:drift demo/dev ") && body.contains("timeout_seconds"), "{body}");
    assert!(body.contains("https://github.com/acme/data/actions/runs/42"), "{body}");

    // The same drift: the issue is left as it is.
    github.requests();
    world.plumb("ci drift").code(2).never_says("issue #");
    assert!(github.requests().iter().all(|r| r.starts_with("GET ")));

    // More of it.
    world.sandbox.edit_job("a", json!({"max_concurrent_runs": 7, "timeout_seconds": 601}));
    world.plumb("ci drift").code(2).says("edited issue #1");
    assert!(issues(&github)[0]["body"].as_str().unwrap().contains("601"));

    // Both fields are healed: the manifest asks for one, and a default for the other.
    world.plumb("ci drift --heal all").code(0).says("healing DatabricksJob/a").says("closed issue #1");
    assert_eq!(world.sandbox.job("a")["settings"]["timeout_seconds"], 60);
    assert_eq!(issues(&github)[0]["state"], "closed");
    assert!(github.comments(1)[0].1.contains("as git says again"));
    world.plumb("plan --detailed-exitcode").code(0);

    // It comes back: another issue.
    world.sandbox.edit_job("a", json!({"timeout_seconds": 5}));
    world.plumb("ci drift").code(2).says("opened issue #2");
}

#[test]
fn healing_applies_nothing_that_waits() {
    let (world, github) = world();
    world.write("manifests/b.yaml", &job("b", "  timeout_seconds: 60\n"));
    world.write("manifests/c.yaml", &job("c", ""));
    world.commit("Add b and c");
    world.plumb("apply --yes").code(0);
    // `a` drifted and its manifest changed; `b` only drifted; `c` lost its manifest; `d` is new.
    world.sandbox.edit_job("a", json!({"timeout_seconds": 600}));
    world.sandbox.edit_job("b", json!({"timeout_seconds": 600}));
    world.edit("manifests/a.yaml", "notebook_path: /Shared/a", "notebook_path: /Shared/other");
    world.remove("manifests/c.yaml");
    world.write("manifests/d.yaml", &job("d", ""));
    world.commit("Change a, remove c, add d");
    let done = world.plumb("ci drift --heal DatabricksJob").code(2);
    let done = done.says("healing DatabricksJob/b: timeout_seconds");
    done.says("not healed: DatabricksJob/a: its manifest changed since the last apply")
        .says("not healed: DatabricksJob/c: it is the manifests that changed")
        .says("not healed: DatabricksJob/d: it is not there; only an apply makes objects");
    assert_eq!(world.sandbox.job("b")["settings"]["timeout_seconds"], 60);
    let a = world.sandbox.job("a")["settings"].clone();
    assert_eq!(a["timeout_seconds"], 600);
    assert_eq!(a["tasks"][0]["notebook_task"]["notebook_path"], "/Shared/a");
    assert!(world.sandbox.has_job("c") && !world.sandbox.has_job("d"));
    // What waits is no drift: the issue tells of a's field and of d, that is not there.
    let body = issues(&github)[0]["body"].as_str().unwrap().to_owned();
    assert!(
        body.contains("timeout_seconds") && !body.contains("/Shared/other") && !body.contains("DatabricksJob/c"),
        "{body}"
    );
    world.plumb("ci drift --heal Databricks").code(64).says("no kind is called");
    // Nothing of another kind is touched.
    world.sandbox.edit_job("b", json!({"timeout_seconds": 5}));
    world
        .plumb("ci drift --heal DatabricksCluster")
        .code(2)
        .says("not healed: DatabricksJob/b: its kind is not healed");
    assert_eq!(world.sandbox.job("b")["settings"]["timeout_seconds"], 5);
}

#[test]
fn no_drift_says_what_waits_for_an_apply() {
    let (world, github) = world();
    world.write("manifests/b.yaml", &job("b", ""));
    world.commit_file("manifests/c.yaml", &job("c", ""), "Add b and c");
    world.plumb("apply --yes").code(0);
    world.remove("manifests/c.yaml");
    world.edit("manifests/b.yaml", "/Shared/b", "/Shared/other");
    world.commit("Change b, remove c");
    let looked = world.plumb("ci drift").code(0);
    looked
        .says("Drift of demo for target dev, manifests at ")
        .says("No drift. 2 changes wait for an apply: DatabricksJob/b and DatabricksJob/c. 1 resource up to date.")
        .never_says("equals the manifests")
        .never_says("/Shared/other");
    assert_eq!(issues(&github).len(), 0);
    // With drift both are told, and apart.
    world.sandbox.edit_job("a", json!({"timeout_seconds": 600}));
    world
        .plumb("ci drift --no-issue")
        .code(2)
        .says("1 of 3 changes is drift, the rest waits for an apply. 0 resources up to date.")
        .says("timeout_seconds = 600 -> 60")
        .never_says("/Shared/other");
    for form in ["--full", "--compact"] {
        let shown = world.plumb(&format!("drift {form}")).code(2);
        let drift = shown.out.find("\nDrift:\n").unwrap();
        let waits = shown.out.find("\nNot drift, waits for an apply:\n").unwrap();
        let at = |what: &str| shown.out.find(what).unwrap();
        assert!(drift < at("timeout_seconds") && at("timeout_seconds") < waits, "{}", shown.out);
        assert!(waits < at("DatabricksJob/b") && waits < at("DatabricksJob/c"), "{}", shown.out);
        shown.says("1 of 3 changes is drift, the rest waits for an apply.");
    }
    // An object that is gone may never have been there.
    world.plumb("apply --yes").code(0);
    let id = world.sandbox.job("a")["job_id"].clone();
    world.sandbox.post("/api/2.2/jobs/delete", json!({"job_id": id}));
    world
        .plumb("drift")
        .code(2)
        .says("The one change is drift. 1 object is not there, which counts as drift: deleted live");
}

#[test]
fn issues_of_others_are_left_alone() {
    let (world, github) = world();
    github.person("ghp-eve", "eve", Rights::Write);
    world.sandbox.edit_job("a", json!({"timeout_seconds": 600}));
    world.plumb("ci drift").code(2).says("opened issue #1");
    let body = issues(&github)[0]["body"].clone();
    let by = |number: u64, login: &str, body: Value| {
        json!({"id": number, "number": number, "title": "Drift", "state": "open", "user": {"login": login},
            "labels": [{"name": "plumb-drift"}], "body": body, "html_url": ""})
    };
    github.store().issues.insert(7, by(7, "eve", body.clone()));
    github.store().issues.insert(8, by(8, "github-actions[bot]", json!("<!-- plumb:drift demo/prod x -->")));
    // A second one of its own, as two looks at the same time leave it.
    github.store().issues.insert(9, by(9, "github-actions[bot]", body));
    world.plumb("ci drift").code(2).says("closed issue #9");
    world.sandbox.edit_job("a", json!({"timeout_seconds": 60}));
    world.plumb("ci drift").code(0).says("closed issue #1").never_says("#7").never_says("#8");
}

#[test]
fn files_are_written_for_those_who_read_them() {
    let (world, _) = world();
    world.sandbox.edit_job("a", json!({"timeout_seconds": 600}));
    world.plumb("ci drift --no-issue --metrics plumb.prom --sarif d.sarif --junit d.xml").code(2);
    let metrics = world.read("plumb.prom");
    for line in [
        "# TYPE plumb_drift_resources gauge\n",
        "plumb_drift_resources{kind=\"DatabricksJob\",target=\"dev\"} 1\n",
        "plumb_drift_resources{kind=\"DatabricksCluster\",target=\"dev\"} 0\n",
        "plumb_drift_last_success_timestamp_seconds{target=\"dev\"} ",
        "plumb_drift_plan_seconds{target=\"dev\"} ",
        "plumb_drift_api_requests{system=\"databricks\",target=\"dev\"} ",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    // Every metric is told of once, before its first value.
    for line in metrics.lines().filter(|l| !l.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        assert_eq!(metrics.matches(&format!("# TYPE {name} gauge\n")).count(), 1, "{name}");
    }
    assert!(world.read("d.sarif").contains("timeout_seconds") && world.read("d.xml").contains("timeout_seconds"));
    // A look that fails leaves the time of the last success as it was.
    world
        .sandbox
        .fault(json!({"path": "/api/2.2/jobs/list", "status": 403, "body": {"error_code": "PERMISSION_DENIED"}}));
    world.plumb("ci drift --no-issue --metrics plumb.prom").code(1);
    assert_eq!(world.read("plumb.prom"), metrics);
    world.plumb("ci drift --no-issue --metrics nowhere/plumb.prom").code(1).says("nowhere/plumb.prom was not written");
}

/// Takes one message and answers; the request's head and body.
fn listen() -> (String, std::thread::JoinHandle<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/services/T0/very-secret", listener.local_addr().unwrap());
    let taken = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream);
        let (mut head, mut line) = (String::new(), String::new());
        while reader.read_line(&mut line).unwrap() > 2 {
            head.push_str(&line.to_ascii_lowercase());
            line.clear();
        }
        let length = head.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap().parse().unwrap();
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok").unwrap();
        (head, String::from_utf8(body).unwrap())
    });
    (url, taken)
}

#[test]
fn others_are_told_when_something_becomes_of_it() {
    let (mut world, _) = world();
    world.sandbox.edit_job("a", json!({"timeout_seconds": 600}));
    let ((slack, slack_taken), (hook, hook_taken)) = (listen(), listen());
    world.env("PLUMB_SLACK_URL", Some(&slack));
    world.env("PLUMB_WEBHOOK_URL", Some(&hook));
    world.env("PLUMB_WEBHOOK_KEY", Some("shared-key"));
    world.plumb("ci drift").code(2).says("told Slack").says("told the webhook").never_says("very-secret");
    let text: Value = serde_json::from_str(&slack_taken.join().unwrap().1).unwrap();
    let text = text["text"].as_str().unwrap();
    assert!(text.contains("demo on target dev has drifted: 1 resource") && text.contains("/issues/1"), "{text}");
    let (head, body) = hook_taken.join().unwrap();
    let value = |name: &str| head.split(&format!("{name}: ")).nth(1).unwrap().split("\r\n").next().unwrap().to_owned();
    let at: i64 = value("x-plumb-timestamp").parse().unwrap();
    assert_eq!(value("x-plumb-signature-256"), plumb::services::webhook::signature("shared-key", at, &body));
    let sent: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&sent["news"], &sent["resources"][0]["fields"][0]), (&json!("appeared"), &json!("timeout_seconds")));
    // Nothing has become of it since: nobody is told. Nobody listens any more either.
    world.plumb("ci drift").code(2).never_says("told");
    world.sandbox.edit_job("a", json!({"timeout_seconds": 60}));
    let gone = world.plumb("ci drift").code(1);
    gone.says("closed issue #1").says("telling Slack failed").never_says("very-secret");
}
