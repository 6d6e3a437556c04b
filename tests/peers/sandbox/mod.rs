//! The sandbox over real sockets: its habits, its faults, its log, and Databricks' own SDK as a client.

mod code;
mod requests;
mod rounds;
mod stands_on;

use plumb_sandbox::{Running, SandboxOptions, store::Clock};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

/// A sandbox with a client that has a token.
struct Fixture {
    running: Running,
    client: reqwest::Client,
}

impl Fixture {
    async fn start(options: SandboxOptions) -> Fixture {
        // The second of two tests finds a provider installed, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let running = plumb_sandbox::start_at(options, Clock::Fixed(1_714_600_000_000)).await.unwrap();
        Fixture { running, client: reqwest::Client::new() }
    }

    async fn plain() -> Fixture {
        Self::start(SandboxOptions::default()).await
    }

    async fn send(&self, method: Method, path: &str, body: Value) -> reqwest::Result<Response> {
        let request = self.client.request(method, format!("{}{path}", self.running.url())).bearer_auth("token-of-test");
        if body.is_null() { request.send().await } else { request.json(&body).send().await }
    }

    /// The status and the body of an answer.
    async fn ask(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let answer = self.send(method, path, body).await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask(Method::GET, path, Value::Null).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let (status, body) = self.ask(Method::POST, path, body).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    async fn job_names(&self) -> Vec<String> {
        let list = self.get("/api/2.2/jobs/list?limit=100").await;
        let jobs = list["jobs"].as_array().cloned().unwrap_or_default();
        jobs.iter().map(|j| j["settings"]["name"].as_str().unwrap().to_owned()).collect()
    }
}

/// Runs tests of Databricks' own SDK against a sandbox.
async fn with_the_sdk(tests: &'static str) {
    let fixture = Fixture::plain().await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers");
    let url = fixture.running.url();
    let output = tokio::task::spawn_blocking(move || {
        let setup = Command::new("sh").arg(folder.join("setup.sh")).output().unwrap();
        assert!(setup.status.success(), "{}", String::from_utf8_lossy(&setup.stderr));
        let python = String::from_utf8(setup.stdout).unwrap();
        Command::new(python.trim())
            .arg(folder.join(tests))
            .env("SANDBOX_URL", url)
            // No profile, token or host of whoever runs the tests.
            .env_remove("DATABRICKS_HOST")
            .env_remove("DATABRICKS_TOKEN")
            .env("DATABRICKS_CONFIG_FILE", "none")
            .output()
            .unwrap()
    });
    let output = output.await.unwrap();
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn databricks_own_sdk_understands_every_answer() {
    with_the_sdk("test_databricks_sdk.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn databricks_own_sdk_goes_round_unity_catalog() {
    with_the_sdk("test_unity.py").await;
}

#[tokio::test]
async fn every_answer_has_an_id_and_unknown_paths_say_so() {
    let fixture = Fixture::plain().await;
    let answer = fixture.send(Method::GET, "/api/2.0/repos?x=1", Value::Null).await.unwrap();
    assert_eq!(answer.status(), 404);
    assert!(!answer.headers()["x-request-id"].is_empty());
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body, json!({ "error_code": "ENDPOINT_NOT_FOUND", "message": "No API found for 'GET /repos'" }));
    // The right path with the wrong method is no endpoint either.
    assert_eq!(fixture.ask(Method::GET, "/api/2.2/jobs/create", Value::Null).await.0, 404);
    let bare = fixture.client.get(format!("{}/api/2.2/jobs/list", fixture.running.url())).send().await.unwrap();
    assert_eq!(bare.status(), 401);
    let url = format!("{}/api/2.2/jobs/create", fixture.running.url());
    let broken = fixture.client.post(url).bearer_auth("t").body("{").send().await.unwrap();
    assert_eq!(
        (broken.status().as_u16(), broken.json::<Value>().await.unwrap()["error_code"].clone()),
        (400, json!("MALFORMED_REQUEST"))
    );
}

#[tokio::test]
async fn it_listens_for_others_only_when_told() {
    let options = SandboxOptions { listen: "0.0.0.0:0".parse().unwrap(), ..SandboxOptions::default() };
    let error = plumb_sandbox::start(options.clone()).await.unwrap_err().to_string();
    assert!(error.contains("--allow-remote"), "{error}");
    plumb_sandbox::start(SandboxOptions { allow_remote: true, ..options }).await.unwrap().stop().await.unwrap();
}

#[tokio::test]
async fn it_stops_and_gives_its_port_back() {
    let fixture = Fixture::plain().await;
    fixture.get("/api/2.2/jobs/list").await;
    let (url, addr) = (fixture.running.url(), fixture.running.addr);
    assert_eq!(fixture.running.addresses(), json!({ "databricks": url }));
    let options = SandboxOptions { listen: addr, ..SandboxOptions::default() };
    let error = plumb_sandbox::start(options.clone()).await.unwrap_err().to_string();
    assert!(error.contains(&addr.to_string()), "{error}");
    // The client still keeps its connection open.
    fixture.running.stop().await.unwrap();
    plumb_sandbox::start(options).await.unwrap().stop().await.unwrap();
}

#[tokio::test]
async fn it_can_be_slow_and_want_one_token() {
    let options = SandboxOptions {
        latency: Duration::from_millis(60),
        token: Some("token-of-test".to_owned()),
        ..SandboxOptions::default()
    };
    let fixture = Fixture::start(options).await;
    let began = Instant::now();
    fixture.get("/api/2.2/jobs/list").await;
    assert!(began.elapsed() >= Duration::from_millis(60));
    let url = format!("{}/api/2.2/jobs/list", fixture.running.url());
    assert_eq!(fixture.client.get(url).bearer_auth("another").send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn a_dropped_answer_leaves_the_effect_or_not() {
    let fixture = Fixture::plain().await;
    for (when, made) in [("before", 0), ("after", 1)] {
        let fault = json!({ "method": "POST", "path": "/api/*/jobs/create", "when": when, "drop": true });
        fixture.post("/_sandbox/faults", fault).await;
        let error = fixture.send(Method::POST, "/api/2.2/jobs/create", json!({ "name": when })).await.unwrap_err();
        assert!(error.is_request(), "no answer at all: {error:?}");
        assert_eq!(fixture.job_names().await.len(), made);
    }
    let log = fixture.get("/_sandbox/requests").await;
    assert_eq!((&log[0]["status"], &log[0]["body"]["name"]), (&json!(0), &json!("before")));
    assert_eq!(log.as_array().unwrap().len(), 4, "the client did not try again behind our back");
}

#[tokio::test]
async fn an_answer_can_be_cut_in_its_middle() {
    let fixture = Fixture::plain().await;
    fixture.post("/_sandbox/faults", json!({ "path": "/api/2.2/jobs/create", "truncate": 4 })).await;
    let answer = fixture.send(Method::POST, "/api/2.2/jobs/create", json!({ "name": "cut" })).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.bytes().await.is_err(), "the body ends too early");
    assert_eq!(fixture.job_names().await, ["cut"]);
}

#[tokio::test]
async fn faults_answer_what_they_are_told_and_are_used_up() {
    let fixture = Fixture::plain().await;
    fixture
        .post(
            "/_sandbox/faults",
            json!([
                { "path": "/api/2.2/jobs/list", "status": 429, "retry_after": 7 },
                { "path": "/api/2.2/jobs/list", "status": 503, "body": "<html><pre>down</pre></html>", "skip": 1 },
                { "path": "/api/2.2/jobs/create", "when": "after", "status": 500 },
                { "path": "/api/2.1/clusters/list", "delay_ms": 150 },
            ]),
        )
        .await;
    let answer = fixture.send(Method::GET, "/api/2.2/jobs/list", Value::Null).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].to_str().unwrap()), (429, "7"));
    assert_eq!(fixture.send(Method::GET, "/api/2.2/jobs/list", Value::Null).await.unwrap().status(), 200);
    let answer = fixture.send(Method::GET, "/api/2.2/jobs/list", Value::Null).await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.text().await.unwrap().as_str()),
        (503, "<html><pre>down</pre></html>")
    );
    assert_eq!(fixture.ask(Method::POST, "/api/2.2/jobs/create", json!({ "name": "made" })).await.0, 500);
    assert_eq!(fixture.job_names().await, ["made"]);
    let began = Instant::now();
    fixture.get("/api/2.1/clusters/list").await;
    assert!(began.elapsed() >= Duration::from_millis(150));
    assert_eq!(fixture.get("/_sandbox/faults").await, json!([]));
    assert_eq!(fixture.ask(Method::POST, "/_sandbox/faults", json!({ "path": "/x", "stauts": 1 })).await.0, 400);
}

#[tokio::test]
async fn the_log_tells_everything_but_secrets() {
    let fixture = Fixture::plain().await;
    let image = json!({ "url": "u", "basic_auth": { "username": "bob", "password": "hunter2" } });
    let spec = json!({ "spark_version": "s", "node_type_id": "n", "docker_image": image });
    let id = fixture.post("/api/2.1/clusters/create", spec).await["cluster_id"].clone();
    let seen = fixture.get(&format!("/api/2.1/clusters/get?cluster_id={}", id.as_str().unwrap())).await;
    assert_eq!(seen["docker_image"]["basic_auth"], json!({ "username": "bob" }), "passwords are not read back");
    assert!(!seen.to_string().contains("hunter2"));
    let log = fixture.get("/_sandbox/requests").await;
    assert_eq!(log.as_array().unwrap().len(), 2, "the sandbox's own endpoints are not in it");
    assert_eq!((&log[0]["n"], &log[0]["method"], &log[0]["status"]), (&json!(1), &json!("POST"), &json!(200)));
    assert_eq!(log[1]["query"][0], json!(["cluster_id", id]));
    let shown = log.to_string();
    assert!(!shown.contains("hunter2") && !shown.contains("token-of-test"), "{shown}");
    fixture.ask(Method::DELETE, "/_sandbox/requests", Value::Null).await;
    assert_eq!(fixture.get("/_sandbox/requests").await, json!([]));
}

#[tokio::test]
async fn the_state_outlives_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let options = SandboxOptions {
        state: Some(dir.path().join("state.json")),
        seed: Some(json!({ "jobs": [{ "name": "seeded" }] })),
        ..SandboxOptions::default()
    };
    let first = Fixture::start(options.clone()).await;
    let id = first.post("/api/2.2/jobs/create", json!({ "name": "made" })).await["job_id"].clone();
    first.post("/_sandbox/clock", json!({ "advance_seconds": 60 })).await;
    first.running.stop().await.unwrap();
    let second = Fixture::start(options).await;
    assert_eq!(second.job_names().await, ["made", "seeded"], "the seed is not added again");
    let next = second.post("/api/2.2/jobs/create", json!({})).await["job_id"].clone();
    assert!(next.as_i64() > id.as_i64(), "no id is given out twice");
    assert_eq!(second.get("/_sandbox/clock").await["now_ms"], 1_714_600_060_000_i64);
}

#[tokio::test]
async fn the_state_can_be_taken_and_put_back() {
    let fixture = Fixture::plain().await;
    fixture.post("/_sandbox/seed", json!({ "jobs": [{ "job_id": 7, "name": "kept" }] })).await;
    let state = fixture.get("/_sandbox/state").await;
    fixture.post("/api/2.2/jobs/delete", json!({ "job_id": 7 })).await;
    assert_eq!(fixture.ask(Method::PUT, "/_sandbox/state", state.clone()).await.0, 200);
    assert_eq!(fixture.job_names().await, ["kept"]);
    assert_eq!(fixture.get("/_sandbox/state").await["databricks"], state["databricks"]);
}

#[tokio::test]
async fn pages_hold_every_job_once() {
    let fixture = Fixture::plain().await;
    for i in 0..23 {
        fixture.post("/api/2.2/jobs/create", json!({ "name": format!("j{i}") })).await;
    }
    let (mut names, mut token) = (Vec::new(), String::new());
    loop {
        let page = fixture.get(&format!("/api/2.2/jobs/list?limit=10&page_token={token}")).await;
        names.extend(page["jobs"].as_array().unwrap().iter().map(|j| j["settings"]["name"].clone()));
        match page["next_page_token"].as_str() {
            Some(next) => token = next.to_owned(),
            None => break assert_eq!(page["has_more"], false),
        }
    }
    assert_eq!(names.len(), 23);
    assert_eq!((&names[0], &names[22]), (&json!("j22"), &json!("j0")));
    // An empty list is left out of the answer rather than empty.
    assert_eq!(fixture.get("/api/2.0/instance-pools/list").await, json!({}));
    assert_eq!(fixture.get("/api/2.2/jobs/list?name=nobody").await, json!({ "has_more": false }));
}

#[tokio::test]
async fn what_is_new_may_be_listed_late() {
    let fixture = Fixture::plain().await;
    fixture.post("/_sandbox/settings", json!({ "list_delay_seconds": 30 })).await;
    let id = fixture.post("/api/2.2/jobs/create", json!({ "name": "late" })).await["job_id"].clone();
    assert!(fixture.job_names().await.is_empty());
    fixture.get(&format!("/api/2.2/jobs/get?job_id={id}")).await;
    fixture.post("/_sandbox/clock", json!({ "advance_seconds": 30 })).await;
    assert_eq!(fixture.job_names().await, ["late"]);
    assert_eq!(fixture.ask(Method::POST, "/_sandbox/settings", json!({ "list_delay": 1 })).await.0, 400);
}

#[tokio::test]
async fn a_revoked_token_is_refused_and_a_new_one_is_not() {
    let fixture = Fixture::plain().await;
    let discovery = fixture.get("/oidc/.well-known/oauth-authorization-server").await;
    let endpoint = discovery["token_endpoint"].as_str().unwrap().to_owned();
    let get_token = async || {
        let form = [("grant_type", "client_credentials"), ("scope", "all-apis")];
        let request = fixture.client.post(&endpoint).basic_auth("sp-1", Some("hush")).form(&form);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        answer["access_token"].as_str().unwrap().to_owned()
    };
    let status = async |token: &str| {
        let url = format!("{}/api/2.0/preview/scim/v2/Me", fixture.running.url());
        fixture.client.get(url).bearer_auth(token).send().await.unwrap().status().as_u16()
    };
    let first = get_token().await;
    assert_eq!(status(&first).await, 200);
    fixture.post("/_sandbox/revoke", Value::Null).await;
    assert_eq!(status(&first).await, 401);
    assert_eq!(status(&get_token().await).await, 200);
    fixture.post("/_sandbox/settings", json!({ "token_seconds": 0, "refused_token_status": 403 })).await;
    assert_eq!(status(&get_token().await).await, 403);
    let shown = fixture.get("/_sandbox/requests").await.to_string();
    assert!(!shown.contains("hush") && !shown.contains(&first), "{shown}");
}

#[tokio::test]
async fn the_same_calls_give_the_same_bytes() {
    let mut seen = Vec::new();
    for _ in 0..2 {
        let fixture = Fixture::plain().await;
        let seed = json!({
            "policies": [{ "name": "p", "definition": {} }],
            "instance_pools": [{ "instance_pool_name": "q", "node_type_id": "i3.xlarge" }],
            "clusters": [{ "cluster_name": "c", "spark_version": "s", "node_type_id": "i3.xlarge" }],
            "jobs": [{ "name": "j", "tasks": [{ "task_key": "a" }] }],
        });
        fixture.post("/_sandbox/seed", seed).await;
        seen.push(fixture.get("/_sandbox/state").await.to_string());
    }
    assert_eq!(seen[0], seen[1]);
}
