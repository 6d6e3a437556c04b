//! The emulated Airflow over real connections: REST v2 and REST v1, a folder that is watched, faults, the log.

use plumb_sandbox::{Running, SandboxOptions, airflow, store::Clock};
use reqwest::Method;
use serde_json::{Value, json};
use std::path::Path;

/// 2026-11-22T11:00:00Z, when the answers of the real servers were recorded.
const NOW: i64 = 1_795_345_200_000;

struct Fixture {
    running: Running,
    client: reqwest::Client,
    token: String,
    folder: tempfile::TempDir,
    version: u8,
}

impl Fixture {
    async fn start(version: u8) -> Fixture {
        Self::with(version, |options| options).await
    }

    async fn with(version: u8, change: impl FnOnce(SandboxOptions) -> SandboxOptions) -> Fixture {
        // The second of two tests finds a provider installed, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let airflow = airflow::AirflowOptions {
            version,
            dags: Some(folder.path().to_owned()),
            ..airflow::AirflowOptions::default()
        };
        let options = change(SandboxOptions { airflow: Some(airflow), ..SandboxOptions::default() });
        let running = plumb_sandbox::start_at(options, Clock::Fixed(NOW)).await.unwrap();
        let mut fixture = Fixture { running, client: reqwest::Client::new(), token: String::new(), folder, version };
        if version == 3 {
            fixture.sign_in().await;
        }
        fixture
    }

    async fn sign_in(&mut self) {
        let body = json!({ "username": "admin", "password": "hunter2" });
        let (status, answer) = self.ask(Method::POST, "/auth/token", body).await;
        assert_eq!(status, 201, "{answer}");
        self.token = answer["access_token"].as_str().unwrap().to_owned();
    }

    async fn send(&self, method: Method, path: &str, body: Value) -> reqwest::Response {
        let url = format!("{}{path}", self.running.airflow_url().unwrap());
        let mut request = self.client.request(method, url);
        request = match self.version {
            3 => request.bearer_auth(&self.token),
            _ => request.basic_auth("admin", Some("hunter2")),
        };
        if !body.is_null() {
            request = request.json(&body);
        }
        request.send().await.unwrap()
    }

    /// The status and the body of an answer; a page comes as a text, nothing at all as null.
    async fn ask(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let answer = self.send(method, path, body).await;
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        let body = match text.is_empty() {
            true => Value::Null,
            false => serde_json::from_str(&text).unwrap_or_else(|_| json!(text)),
        };
        (status, body)
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask(Method::GET, path, Value::Null).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    async fn control(&self, method: Method, what: &str, body: Value) -> Value {
        let (status, answer) = self.ask(method, &format!("/_sandbox/{what}"), body).await;
        assert_eq!(status, 200, "{what}: {answer}");
        answer
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    /// Looks until what is in the folder has been parsed.
    async fn parsed(&self) {
        for _ in 0..2 {
            self.get(&format!("/api/v{}/importErrors", self.version - 1)).await;
        }
    }
}

fn dag(id: &str, more: &str) -> String {
    format!(
        "import pendulum\nfrom airflow import DAG\nwith DAG(\n    dag_id=\"{id}\",\n    schedule=\"0 3 1 * *\",\n    \
         start_date=pendulum.datetime(2026, 1, 1, tz=\"Europe/Berlin\"),\n    catchup=False,\n    tags=[\"plumb\"],\n\
         {more}):\n    pass\n"
    )
}

#[tokio::test]
async fn a_token_is_needed_and_expires() {
    let mut fixture = Fixture::start(3).await;
    let url = format!("{}/api/v2/dags", fixture.running.airflow_url().unwrap());
    let status = async |request: reqwest::RequestBuilder| {
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap()["detail"].clone())
    };
    assert_eq!(status(fixture.client.get(&url)).await, (401, json!("Not authenticated")));
    assert_eq!(status(fixture.client.get(&url).bearer_auth("x")).await, (403, json!("Invalid JWT token")));
    assert_eq!(status(fixture.client.get(&url).basic_auth("a", Some("b"))).await.0, 401);
    fixture.get("/api/v2/dags").await;
    fixture.control(Method::POST, "clock", json!({ "advance_seconds": 86_400 })).await;
    assert_eq!(
        fixture.ask(Method::GET, "/api/v2/dags", Value::Null).await,
        (401, json!({ "detail": "Token Expired" }))
    );
    fixture.sign_in().await;
    fixture.get("/api/v2/dags").await;
    // That of a command line lives an hour.
    let body = json!({ "username": "admin", "password": "hunter2" });
    let (_, answer) = fixture.ask(Method::POST, "/auth/token/cli", body).await;
    let long = std::mem::replace(&mut fixture.token, answer["access_token"].as_str().unwrap().to_owned());
    fixture.get("/api/v2/dags").await;
    fixture.control(Method::POST, "clock", json!({ "advance_seconds": 3_600 })).await;
    assert_eq!(fixture.ask(Method::GET, "/api/v2/dags", Value::Null).await.0, 401);
    fixture.token = long;
    fixture.get("/api/v2/dags").await;
    let (status, _) = fixture.ask(Method::POST, "/auth/token", json!({ "username": "admin" })).await;
    assert_eq!(status, 422);
    let log = fixture.control(Method::GET, "requests", Value::Null).await.to_string();
    assert!(!log.contains("hunter2") && !log.contains(&fixture.token), "{log}");
}

#[tokio::test]
async fn only_the_right_password_signs_in_and_a_viewer_may_only_look() {
    let access = airflow::Access { user: Some(("admin".into(), "hunter2".into())), token: Some("fixed".into()) };
    let fixture = Fixture::with(3, |mut options| {
        options.airflow.as_mut().unwrap().access = access.clone();
        options
    })
    .await;
    let wrong = json!({ "username": "admin", "password": "wrong" });
    assert_eq!(
        fixture.ask(Method::POST, "/auth/token", wrong).await,
        (401, json!({ "detail": "Invalid credentials" }))
    );
    let url = format!("{}/api/v2/pools", fixture.running.airflow_url().unwrap());
    assert_eq!(fixture.client.get(url).bearer_auth("fixed").send().await.unwrap().status(), 200);
    let mut viewer = Fixture::start(3).await;
    let (_, token) = viewer.ask(Method::POST, "/auth/token", json!({ "username": "viewer", "password": "v" })).await;
    viewer.token = token["access_token"].as_str().unwrap().to_owned();
    viewer.get("/api/v2/pools").await;
    assert_eq!(
        viewer.ask(Method::GET, "/api/v2/variables", Value::Null).await,
        (403, json!({ "detail": "Forbidden" }))
    );
    assert_eq!(viewer.ask(Method::PATCH, "/api/v2/dags/x", json!({ "is_paused": true })).await.0, 403);
}

#[tokio::test]
async fn each_version_speaks_its_own_api_only() {
    let three = Fixture::start(3).await;
    assert_eq!(three.get("/api/v2/version").await["version"], "3.3.2");
    assert_eq!(three.get("/api/v2/monitor/health").await["dag_processor"]["status"], "healthy");
    let (status, body) = three.ask(Method::GET, "/api/v1/version", Value::Null).await;
    assert!(status == 404 && body["error"].as_str().unwrap().starts_with("/api/v1 has been removed"), "{body}");
    let two = Fixture::start(2).await;
    assert_eq!(two.get("/api/v1/version").await["version"], "2.11.2");
    assert_eq!(two.get("/health").await["metadatabase"]["status"], "healthy");
    let (status, page) = two.ask(Method::GET, "/api/v2/version", Value::Null).await;
    assert!(status == 404 && page.is_string());
    let url = format!("{}/api/v1/dags", two.running.airflow_url().unwrap());
    let answer = two.client.get(url).send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.headers()["content-type"].to_str().unwrap()),
        (403, "application/problem+json")
    );
    assert_eq!(answer.json::<Value>().await.unwrap()["detail"], Value::Null);
}

#[tokio::test]
async fn secrets_of_connections_are_kept_and_never_shown() {
    let fixture = Fixture::start(3).await;
    let extra = r#"{"token":"dapi-1","timeout_seconds":60,"nested":{"client_secret":"zzz","region":"eu"}}"#;
    let body = json!({ "connection_id": "c", "conn_type": "databricks", "password": "p-1", "extra": extra });
    let (status, made) = fixture.ask(Method::POST, "/api/v2/connections", body.clone()).await;
    assert_eq!((status, &made["password"]), (201, &json!("***")));
    let masked = r#"{"token": "***", "timeout_seconds": 60, "nested": {"client_secret": "***", "region": "eu"}}"#;
    assert_eq!(made["extra"], masked);
    let (status, clash) = fixture.ask(Method::POST, "/api/v2/connections", body).await;
    assert_eq!((status, &clash["detail"]["reason"]), (409, &json!("Unique constraint violation")));
    let stored = async || fixture.control(Method::GET, "state", Value::Null).await["airflow"]["connections"][0].clone();
    // A mask that is written back keeps the secrets, and a password cannot be cleared.
    let cleared = [("password", Value::Null), ("password", json!(""))];
    for (member, value) in [("extra", json!(masked)), ("password", json!("***"))].into_iter().chain(cleared) {
        let path = format!("/api/v2/connections/c?update_mask={member}");
        let body = json!({ "connection_id": "c", "conn_type": "databricks", member: value });
        assert_eq!(fixture.ask(Method::PATCH, &path, body).await.0, 200);
        assert_eq!(stored().await["password"], "p-1", "{member}");
        assert!(stored().await["extra"].as_str().unwrap().contains("dapi-1"), "{member}");
    }
    let (status, wrong) = fixture.ask(Method::PATCH, "/api/v2/connections/c", json!({ "description": "x" })).await;
    assert_eq!((status, wrong["detail"].as_array().unwrap().len()), (422, 2), "{wrong}");
    assert_eq!(fixture.ask(Method::DELETE, "/api/v2/connections/c", Value::Null).await, (204, Value::Null));
    let (status, gone) = fixture.ask(Method::DELETE, "/api/v2/connections/c", Value::Null).await;
    assert_eq!(
        (status, gone["detail"].as_str().unwrap()),
        (404, "The Connection with connection_id: `c` was not found")
    );
    let log = fixture.control(Method::GET, "requests", Value::Null).await.to_string();
    assert!(!log.contains("dapi-1") && !log.contains("p-1") && !log.contains("zzz"), "{log}");
}

#[tokio::test]
async fn airflow_2_loses_secrets_that_are_written_back_masked() {
    let fixture = Fixture::start(2).await;
    let body = json!({ "connection_id": "c", "conn_type": "http", "password": "p-1", "extra": r#"{"token":"t-1"}"# });
    let (status, made) = fixture.ask(Method::POST, "/api/v1/connections", body).await;
    assert_eq!((status, &made["extra"], made.get("password")), (200, &json!(r#"{"token": "***"}"#), None));
    assert_eq!(fixture.get("/api/v1/connections").await["connections"][0].get("extra"), None);
    let body = json!({ "extra": made["extra"] });
    assert_eq!(fixture.ask(Method::PATCH, "/api/v1/connections/c", body).await.0, 200);
    let state = fixture.control(Method::GET, "state", Value::Null).await;
    assert_eq!(state["airflow"]["connections"][0]["extra"], r#"{"token": "***"}"#);
    let (status, wrong) = fixture.ask(Method::PATCH, "/api/v1/connections/c?update_mask=odd", json!({})).await;
    assert_eq!((status, wrong["detail"].as_str().unwrap()), (400, "'odd' is unknown or cannot be updated."));
    let null = json!({ "password": null });
    assert_eq!(fixture.ask(Method::PATCH, "/api/v1/connections/c", null).await.0, 400);
}

#[tokio::test]
async fn variables_are_texts_and_masked_by_their_key() {
    let three = Fixture::start(3).await;
    for (value, shown) in [
        (json!(true), "true"),
        (json!(3), "3"),
        (Value::Null, "null"),
        (json!({ "a": 1, "password": "p" }), r#"{"a": 1, "password": "***"}"#),
        (json!(r#"{"b":2,"a":1}"#), r#"{"b": 2, "a": 1}"#),
        (json!("plain"), "plain"),
    ] {
        let body = json!({ "key": "a/b c", "value": value, "description": "d" });
        let (status, made) = three.ask(Method::POST, "/api/v2/variables", body).await;
        assert_eq!((status, &made["value"]), (201, &json!(shown)), "{value}");
        assert_eq!(three.get("/api/v2/variables/a%2Fb%20c").await["value"], shown);
        three.ask(Method::DELETE, "/api/v2/variables/a%2Fb%20c", Value::Null).await;
    }
    let secret = json!({ "key": "db_password", "value": "hunter22" });
    assert_eq!(three.ask(Method::POST, "/api/v2/variables", secret.clone()).await.1["value"], "***");
    assert_eq!(three.ask(Method::POST, "/api/v2/variables", secret.clone()).await.0, 409);
    // The trap: writing back what was read destroys it.
    three.ask(Method::PATCH, "/api/v2/variables/db_password", json!({ "key": "db_password", "value": "***" })).await;
    let state = three.control(Method::GET, "state", Value::Null).await;
    assert_eq!(state["airflow"]["variables"][0]["value"], "***");
    let two = Fixture::start(2).await;
    assert_eq!(
        two.ask(Method::POST, "/api/v1/variables", secret).await,
        (200, json!({ "key": "db_password", "value": "hunter22" }))
    );
    let described = json!({ "key": "db_password", "value": "hunter22", "description": "d" });
    two.ask(Method::POST, "/api/v1/variables", described).await;
    let again = json!({ "key": "db_password", "value": "x" });
    assert_eq!(two.ask(Method::POST, "/api/v1/variables", again).await.0, 200, "it overwrites");
    let state = two.control(Method::GET, "state", Value::Null).await;
    let overwritten = &state["airflow"]["variables"][0];
    assert_eq!((&overwritten["value"], &overwritten["description"]), (&json!("x"), &Value::Null));
    two.ask(Method::PATCH, "/api/v1/variables/db_password", json!({ "key": "db_password", "value": "***" })).await;
    assert_eq!(two.get("/api/v1/variables/db_password").await["value"], "***");
    assert_eq!(two.ask(Method::POST, "/api/v1/variables", json!({ "key": "o", "value": { "a": 1 } })).await.0, 400);
}

#[tokio::test]
async fn pools_are_changed_whole_and_the_default_one_stays() {
    let fixture = Fixture::start(3).await;
    let made = fixture.ask(Method::POST, "/api/v2/pools", json!({ "name": "dbx", "slots": 8 })).await;
    assert_eq!((made.0, &made.1["open_slots"]), (201, &json!(8)));
    let (status, wrong) =
        fixture.ask(Method::PATCH, "/api/v2/pools/dbx?update_mask=slots", json!({ "slots": 9 })).await;
    assert_eq!((status, wrong["detail"].as_array().unwrap().len()), (422, 2), "{wrong}");
    let whole = json!({ "pool": "dbx", "slots": 9, "include_deferred": true, "description": null });
    assert_eq!(fixture.ask(Method::PATCH, "/api/v2/pools/dbx", whole).await.1["slots"], 9);
    let slots = json!({ "slots": 64 });
    assert_eq!(fixture.ask(Method::PATCH, "/api/v2/pools/default_pool?update_mask=slots", slots).await.0, 200);
    assert_eq!(fixture.ask(Method::DELETE, "/api/v2/pools/default_pool", Value::Null).await.0, 400);
    let two = Fixture::start(2).await;
    two.ask(Method::POST, "/api/v1/pools", json!({ "name": "dbx", "slots": 8 })).await;
    assert_eq!(two.ask(Method::PATCH, "/api/v1/pools/dbx", json!({ "slots": 9 })).await.1["slots"], 9);
}

#[tokio::test]
async fn bulk_requests_answer_200_and_tell_what_failed() {
    let fixture = Fixture::start(3).await;
    let actions = json!({ "actions": [
        { "action": "create", "entities": [{ "connection_id": "b1", "conn_type": "http" }] },
        { "action": "delete", "entities": ["b1", "nope"] },
    ]});
    let (status, body) = fixture.ask(Method::PATCH, "/api/v2/connections", actions).await;
    assert_eq!((status, &body["create"]["success"], &body["update"]), (200, &json!(["b1"]), &Value::Null));
    let error = &body["delete"]["errors"][0];
    assert_eq!((&error["status_code"], &body["delete"]["success"]), (&json!(404), &json!([])));
    assert!(error["error"].as_str().unwrap().contains("'b1', 'nope'"), "it names what is there too: {error}");
}

#[tokio::test]
async fn a_file_becomes_a_dag_after_a_while() {
    let fixture = Fixture::start(3).await;
    fixture.write("monthly.py", &dag("monthly", ""));
    assert_eq!(fixture.get("/api/v2/dags").await["total_entries"], 0, "the first look does not see it yet");
    let dags = fixture.get("/api/v2/dags").await;
    let dag = &dags["dags"][0];
    assert_eq!((&dag["dag_id"], &dag["is_paused"], &dag["is_stale"]), (&json!("monthly"), &json!(true), &json!(false)));
    assert_eq!(dag["relative_fileloc"], "monthly.py");
    let source = fixture.get("/api/v2/dagSources/monthly").await;
    assert!(source["content"].as_str().unwrap().starts_with("import pendulum"));
    assert_eq!(fixture.get("/api/v2/dags/monthly/dagVersions").await["total_entries"], 1);
    assert_eq!(fixture.ask(Method::GET, "/api/v2/dags/nope", Value::Null).await.0, 404);
    // Asking for it makes it quick; asking twice is one too many.
    let path = format!("/api/v2/parseDagFile/{}", dag["file_token"].as_str().unwrap());
    assert_eq!(fixture.ask(Method::PUT, &path, Value::Null).await, (201, Value::Null));
    assert_eq!(fixture.ask(Method::PUT, &path, Value::Null).await.0, 409);
    fixture.write("monthly.py", &self::dag("monthly", "    description=\"new\",\n"));
    assert_eq!(fixture.get("/api/v2/dags/monthly").await["description"], "new");
    assert_eq!(fixture.ask(Method::PUT, "/api/v2/parseDagFile/x.y", Value::Null).await.0, 404);
}

#[tokio::test]
async fn what_a_dag_does_not_tell_and_when_it_gets_a_version() {
    let fixture = Fixture::start(3).await;
    let text = dag("a", "    default_args={\"retries\": 2},\n");
    fixture.write("a.py", &text);
    fixture.parsed().await;
    let details = fixture.get("/api/v2/dags/a/details").await;
    assert_eq!((&details["timezone"], &details["default_args"]["retries"]), (&json!("UTC"), &json!(2)));
    assert!(text.contains("Europe/Berlin"), "whose midnight the schedule means");
    let versions = async || fixture.get("/api/v2/dags/a/dagVersions").await["total_entries"].clone();
    let edited = async |text: String| {
        fixture.write("a.py", &text);
        fixture.parsed().await;
        let source = fixture.get("/api/v2/dagSources/a").await;
        assert_eq!(source["content"], text);
        versions().await
    };
    let commented = format!("# A comment.\n{text}");
    // It has not run yet: its version is written over.
    assert_eq!(edited(text.replace("0 3 1", "0 4 1")).await, 1);
    assert_eq!(edited(text).await, 1);
    let run = json!({ "logical_date": null });
    assert_eq!(fixture.ask(Method::POST, "/api/v2/dags/a/dagRuns", run).await.0, 200);
    assert_eq!(edited(commented.clone()).await, 1, "the source follows, and there is no other version");
    assert_eq!(edited(commented.replace("0 3 1", "0 5 1")).await, 2);
}

#[tokio::test]
async fn pausing_many_touches_nothing_without_a_pattern() {
    let fixture = Fixture::start(3).await;
    fixture.write("a.py", &dag("a", ""));
    fixture.write("b.py", &dag("b", ""));
    fixture.parsed().await;
    let off = json!({ "is_paused": false });
    for (query, count) in [("", 0), ("?tags=plumb", 0), ("?dag_id_pattern=nomatch", 0), ("?dag_id_pattern=%25", 2)] {
        let (status, answer) = fixture.ask(Method::PATCH, &format!("/api/v2/dags{query}"), off.clone()).await;
        assert_eq!((status, &answer["total_entries"]), (200, &json!(count)), "{query}");
    }
    assert_eq!(fixture.ask(Method::PATCH, "/api/v2/dags/a", json!({})).await.0, 422);
    // A text is as good as a flag.
    let (status, answer) = fixture.ask(Method::PATCH, "/api/v2/dags/a", json!({ "is_paused": "true" })).await;
    assert_eq!((status, &answer["is_paused"]), (200, &json!(true)));
}

#[tokio::test]
async fn a_broken_file_keeps_the_old_dag_and_tells_why() {
    for version in [3, 2] {
        let fixture = Fixture::start(version).await;
        let api = version - 1;
        fixture.write("a.py", &dag("a", ""));
        fixture.parsed().await;
        fixture.write("a.py", &format!("{}x = (\n", dag("a", "")));
        fixture.parsed().await;
        let listed = fixture.get(&format!("/api/v{api}/dags")).await;
        assert_eq!(listed["total_entries"], 0, "lists leave stale DAGs out");
        let all = if version == 3 { "exclude_stale=false" } else { "only_active=false" };
        let dag = fixture.get(&format!("/api/v{api}/dags?{all}")).await["dags"][0].clone();
        assert_eq!(dag["has_import_errors"], true);
        let errors = fixture.get(&format!("/api/v{api}/importErrors")).await;
        let error = &errors["import_errors"][0];
        assert!(error["stack_trace"].as_str().unwrap().contains("SyntaxError: '(' was never closed"), "{error}");
        let name = error["filename"].as_str().unwrap();
        assert_eq!(Path::new(name).is_absolute(), version == 2, "{name}");
        if version == 3 {
            // It can be paused and unpaused, but not run.
            let unpaused = fixture.ask(Method::PATCH, "/api/v2/dags/a", json!({ "is_paused": false })).await;
            assert_eq!(unpaused.0, 200);
            let run = json!({ "logical_date": null });
            assert_eq!(fixture.ask(Method::POST, "/api/v2/dags/a/dagRuns", run).await.0, 404);
        }
    }
}

#[tokio::test]
async fn a_deleted_dag_comes_back_while_its_file_is_there() {
    let fixture = Fixture::start(3).await;
    fixture.write("a.py", &dag("a", ""));
    fixture.parsed().await;
    fixture.ask(Method::PATCH, "/api/v2/dags/a", json!({ "is_paused": false })).await;
    assert_eq!(fixture.ask(Method::DELETE, "/api/v2/dags/a", Value::Null).await, (204, Value::Null));
    assert_eq!(fixture.ask(Method::DELETE, "/api/v2/dags/a", Value::Null).await.0, 404);
    fixture.parsed().await;
    assert_eq!(fixture.get("/api/v2/dags/a").await["is_paused"], true);
    assert_eq!(fixture.get("/api/v2/dags/a/dagRuns").await["total_entries"], 0);
    std::fs::remove_file(fixture.folder.path().join("a.py")).unwrap();
    fixture.parsed().await;
    assert_eq!(fixture.get("/api/v2/dags/a").await["is_stale"], true);
    assert_eq!(fixture.ask(Method::DELETE, "/api/v2/dags/a", Value::Null).await.0, 204);
    fixture.parsed().await;
    assert_eq!(fixture.ask(Method::GET, "/api/v2/dags/a", Value::Null).await.0, 404);
}

#[tokio::test]
async fn unpausing_starts_the_run_that_was_missed() {
    let fixture = Fixture::start(3).await;
    fixture.write("a.py", &dag("a", ""));
    fixture.parsed().await;
    let paused = fixture.get("/api/v2/dags/a").await;
    assert_eq!(paused["next_dagrun_run_after"], "2026-11-01T02:00:00Z");
    let (_, unpaused) = fixture.ask(Method::PATCH, "/api/v2/dags/a", json!({ "is_paused": false })).await;
    assert_eq!(unpaused["next_dagrun_run_after"], "2026-12-01T02:00:00Z");
    let run = |runs: Value| runs["dag_runs"][0].clone();
    let first = run(fixture.get("/api/v2/dags/a/dagRuns").await);
    assert_eq!(first["dag_run_id"], "scheduled__2026-11-01T02:00:00+00:00");
    let mut seen = vec![first["state"].clone()];
    for _ in 0..2 {
        seen.push(run(fixture.get("/api/v2/dags/a/dagRuns").await)["state"].clone());
    }
    assert_eq!(seen, ["running", "success", "success"]);
}

#[tokio::test]
async fn runs_take_the_time_they_are_told() {
    let fixture = Fixture::start(3).await;
    let settings = json!({ "airflow": { "run_seconds": 60, "parse_seconds": 0, "runs": { "a": "failed" } } });
    fixture.control(Method::POST, "settings", settings).await;
    fixture.write("a.py", &dag("a", ""));
    let triggered = async |body: Value| fixture.ask(Method::POST, "/api/v2/dags/a/dagRuns", body).await;
    fixture.parsed().await;
    assert_eq!(triggered(json!({})).await.0, 422);
    let (status, made) = triggered(json!({ "logical_date": null, "dag_run_id": "r1", "conf": { "m": 1 } })).await;
    assert_eq!((status, &made["state"], &made["logical_date"]), (200, &json!("queued"), &Value::Null));
    assert_eq!(triggered(json!({ "logical_date": null, "dag_run_id": "r1" })).await.0, 409);
    let state = async || fixture.get("/api/v2/dags/a/dagRuns/r1").await["state"].clone();
    fixture.control(Method::POST, "clock", json!({ "advance_seconds": 300 })).await;
    assert_eq!(state().await, "queued", "the DAG is paused");
    fixture.ask(Method::PATCH, "/api/v2/dags/a", json!({ "is_paused": false })).await;
    assert_eq!(state().await, "running");
    assert_eq!(fixture.ask(Method::DELETE, "/api/v2/dags/a", Value::Null).await.0, 409);
    fixture.control(Method::POST, "clock", json!({ "advance_seconds": 60 })).await;
    assert_eq!(state().await, "failed");
}

#[tokio::test]
async fn what_others_have_is_seeded() {
    let fixture = Fixture::with(3, |mut options| {
        options.seed = Some(json!({
            "jobs": [{ "name": "j" }],
            "airflow": {
                "connections": [{ "connection_id": "databricks_default", "conn_type": "databricks", "extra": { "token": "t" } }],
                "variables": [{ "key": "env", "value": "prod" }],
                "pools": [{ "name": "default_pool", "slots": 4 }],
                "dags": [{
                    "dag_id": "legacy_emr", "is_paused": false, "schedule": { "cron": "0 4 1 * *" },
                    "start_date": "2023-01-01T00:00:00Z", "tags": ["emr"],
                    "runs": [{ "logical_date": "2026-11-01T04:00:00Z", "state": "success" }],
                }],
            },
        }));
        options
    })
    .await;
    let dag = fixture.get("/api/v2/dags").await["dags"][0].clone();
    assert_eq!((&dag["dag_id"], &dag["is_paused"]), (&json!("legacy_emr"), &json!(false)));
    assert_eq!(dag["next_dagrun_run_after"], "2026-12-01T04:00:00Z", "the last tick was not missed");
    fixture.parsed().await;
    assert_eq!(fixture.get("/api/v2/dags/legacy_emr").await["is_stale"], false, "no file of the folder defines it");
    assert_eq!(fixture.get("/api/v2/dags/legacy_emr/dagRuns").await["total_entries"], 1);
    assert_eq!(fixture.get("/api/v2/pools").await["pools"][0]["slots"], 4);
    assert_eq!(fixture.get("/api/v2/connections").await["total_entries"], 1);
    let (status, why) = fixture.ask(Method::POST, "/_sandbox/seed", json!({ "airflow": { "dag": [] } })).await;
    assert!(status == 400 && why.to_string().contains("unknown field `dag`"), "{why}");
}

#[tokio::test]
async fn the_state_outlives_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.json");
    let first = Fixture::with(3, |options| SandboxOptions { state: Some(path.clone()), ..options }).await;
    first.ask(Method::POST, "/api/v2/variables", json!({ "key": "env", "value": "prod" })).await;
    first.write("a.py", &dag("a", ""));
    first.parsed().await;
    let folder = first.folder;
    first.running.stop().await.unwrap();
    let second = Fixture::with(3, |mut options| {
        options.airflow.as_mut().unwrap().dags = Some(folder.path().to_owned());
        SandboxOptions { state: Some(path), ..options }
    })
    .await;
    assert_eq!(second.get("/api/v2/variables/env").await["value"], "prod");
    assert_eq!(second.get("/api/v2/dags").await["total_entries"], 1, "it was parsed before");
}

#[tokio::test]
async fn faults_look_like_airflows_own() {
    let three = Fixture::start(3).await;
    let fault = json!({ "method": "POST", "path": "/api/v2/pools", "when": "after", "status": 500 });
    three.control(Method::POST, "faults", fault).await;
    let (status, body) = three.ask(Method::POST, "/api/v2/pools", json!({ "name": "p", "slots": 1 })).await;
    assert_eq!((status, body), (500, json!("Internal Server Error")));
    three.get("/api/v2/pools/p").await;
    let two = Fixture::start(2).await;
    two.control(Method::POST, "faults", json!({ "path": "/api/v1/*", "status": 500 })).await;
    let answer = two.send(Method::GET, "/api/v1/pools", Value::Null).await;
    assert_eq!(answer.headers()["content-type"].to_str().unwrap(), "text/html");
    assert!(answer.text().await.unwrap().contains("Ooops!"));
    // One that is no fault: an empty PATCH of a DAG.
    two.write("a.py", &dag("a", ""));
    two.parsed().await;
    assert_eq!(two.ask(Method::PATCH, "/api/v1/dags/a", json!({})).await.0, 500);
    assert_eq!(two.ask(Method::PATCH, "/api/v1/dags/a", json!({ "is_paused": "false" })).await.0, 400);
}

#[tokio::test]
async fn without_being_asked_for_there_is_no_airflow() {
    let running = plumb_sandbox::start_at(SandboxOptions::default(), Clock::Fixed(0)).await.unwrap();
    assert_eq!((running.airflow_url(), running.addresses()), (None, json!({ "databricks": running.url() })));
    let fixture = Fixture::start(3).await;
    assert_eq!(fixture.running.addresses()["airflow"], json!(fixture.running.airflow_url()));
    let airflow =
        airflow::AirflowOptions { listen: "0.0.0.0:0".parse().unwrap(), ..airflow::AirflowOptions::default() };
    let error =
        plumb_sandbox::start(SandboxOptions { airflow: Some(airflow), ..SandboxOptions::default() }).await.unwrap_err();
    assert!(error.to_string().contains("--allow-remote"), "{error}");
}
