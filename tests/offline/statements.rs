//! SQL statements: against the sandbox, and against servers that do not do as the API's documentation says. What is not a
//! whole result is none, nothing is left running, and requests are counted.

use crate::server::{Reply, Seen, Server};
use plumb::services::databricks::statements::{StatementError, StatementPatience, StatementRows, Statements};
use plumb::services::databricks::warehouse::Warehouse;
use plumb::services::{Databricks, databricks::DatabricksConfig, retry::Policy};
use plumb_core::parity::sql::{SqlParameter, Statement};
use plumb_model::call::{Service, ServiceError};
use plumb_sandbox::{Running, SandboxOptions, store::Clock};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const QUICK: Policy = Policy {
    first: Duration::from_millis(1),
    longest: Duration::from_millis(2),
    total: Duration::from_secs(20),
    unanswered: 3,
};

const PATIENCE: StatementPatience = StatementPatience {
    submit: Duration::ZERO,
    first: Duration::from_millis(1),
    longest: Duration::from_millis(2),
    start: Duration::from_secs(60),
};

fn connect(url: &str) -> Arc<dyn Service> {
    let config = DatabricksConfig::with_token(url, "token-of-statements").unwrap();
    Arc::new(Databricks::with(config, QUICK, Box::new(|| 0.5)).unwrap())
}

fn statements(url: &str) -> Statements {
    let warehouse = Warehouse { id: "w-1".into(), name: "small".into() };
    Statements::new(connect(url), warehouse).patience(PATIENCE)
}

fn count() -> Statement {
    Statement { step: "test", text: "SELECT count(*) AS n FROM t".into(), parameters: Vec::new() }
}

fn texts(rows: &StatementRows) -> Vec<Vec<&str>> {
    rows.rows.iter().map(|row| row.iter().map(|value| value.as_deref().unwrap_or("null")).collect()).collect()
}

/// A sandbox with the warehouse `small`, whose statements these rules answer.
struct Scripted {
    running: Running,
    client: reqwest::Client,
}

impl Scripted {
    async fn new(rules: Value) -> Scripted {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let seed = json!({ "warehouses": [{ "id": "w-1", "name": "small" }] });
        let options = SandboxOptions { seed: Some(seed), ..Default::default() };
        let running = plumb_sandbox::start_at(options, Clock::Fixed(1_714_521_600_000)).await.unwrap();
        let scripted = Scripted { running, client: reqwest::Client::new() };
        scripted.control("PATCH", "settings", json!({ "statements": rules })).await;
        scripted
    }

    async fn control(&self, method: &str, path: &str, body: Value) -> Value {
        let url = format!("{}/_sandbox/{path}", self.running.url());
        let answer = self.client.request(method.parse().unwrap(), url).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}");
        answer.json().await.unwrap()
    }

    fn statements(&self) -> Statements {
        statements(&self.running.url())
    }

    /// What was asked, ids left out: `POST statements`, `GET statements/ID`.
    async fn asked(&self) -> Vec<String> {
        let log = self.control("GET", "requests", Value::Null).await;
        let line = |one: &Value| short(one["method"].as_str().unwrap(), one["path"].as_str().unwrap());
        log.as_array().unwrap().iter().map(line).collect()
    }

    /// The states of all statements, sorted.
    async fn states(&self) -> Vec<String> {
        let state = self.control("GET", "state", Value::Null).await;
        let all = state["databricks"]["statements"].as_object().unwrap();
        let mut states: Vec<String> = all.values().map(|one| one["state"].as_str().unwrap().to_owned()).collect();
        states.sort();
        states
    }
}

fn short(method: &str, path: &str) -> String {
    let path = path.strip_prefix("/api/2.0/sql/").unwrap_or(path);
    let parts = path.split('/').map(|part| if part.starts_with("01f0") { "ID" } else { part });
    format!("{method} {}", parts.collect::<Vec<_>>().join("/"))
}

#[tokio::test]
async fn a_result_is_read_chunk_by_chunk() {
    let rule = json!([{ "contains": ["WHERE d > :d"], "columns": [["n", "BIGINT"], ["s", "STRING"]],
        "rows": [["1", ""], ["2", null], ["3", "null"], ["4", "ä\n"], ["5", "x"]], "chunk_rows": 2, "looks": 2,
        "patch": { "novelty": { "a": 1 } } }]);
    let sandbox = Scripted::new(rule).await;
    let states = Arc::new(Mutex::new(Vec::new()));
    let told = states.clone();
    let run = sandbox.statements().on_progress(Box::new(move |one| told.lock().unwrap().push(one.is_pending)));
    let parameters = vec![
        SqlParameter { name: "d".into(), of_type: "DATE".into(), value: Some("2026-10-01".into()) },
        SqlParameter { name: "e".into(), of_type: "DECIMAL(18,2)".into(), value: None },
    ];
    let rows =
        run.run(&Statement { step: "test", text: "SELECT n, s FROM t WHERE d > :d".into(), parameters }).await.unwrap();
    assert_eq!(rows.columns[0].type_text, "BIGINT");
    assert_eq!(rows.rows[1], [Some("2".to_owned()), None]);
    assert_eq!(texts(&rows), [["1", ""], ["2", "null"], ["3", "null"], ["4", "ä\n"], ["5", "x"]]);
    let chunks = ["GET statements/ID/result/chunks/1", "GET statements/ID/result/chunks/2"];
    let looks = ["POST statements", "GET statements/ID", "GET statements/ID"];
    assert_eq!(sandbox.asked().await, [looks.as_slice(), &chunks].concat());
    assert_eq!(*states.lock().unwrap(), [true, false], "pending, then running");
    let log = sandbox.control("GET", "requests", Value::Null).await;
    assert_eq!(
        log[0]["body"],
        json!({
            "statement": "SELECT n, s FROM t WHERE d > :d", "warehouse_id": "w-1", "wait_timeout": "0s",
            "on_wait_timeout": "CONTINUE", "disposition": "INLINE", "format": "JSON_ARRAY", "parameters": [
                { "name": "d", "type": "DATE", "value": "2026-10-01" }, { "name": "e", "type": "DECIMAL(18,2)" }],
        })
    );
}

#[tokio::test]
async fn a_call_that_waits_needs_no_look() {
    let sandbox = Scripted::new(json!([{ "columns": [["n", "INT"]], "rows": [["1"]], "seconds": 50 }])).await;
    let patience = StatementPatience { submit: Duration::from_secs(50), ..PATIENCE };
    assert_eq!(texts(&sandbox.statements().patience(patience).run(&count()).await.unwrap()), [["1"]]);
    assert_eq!(sandbox.asked().await, ["POST statements"]);
}

#[tokio::test]
async fn links_are_followed_without_credentials() {
    let columns = json!([["n", "INT"]]);
    let rule = json!([{ "columns": columns, "rows": [["1"], [null], ["3"]], "chunk_rows": 2, "external": true }]);
    let sandbox = Scripted::new(rule).await;
    let rows = sandbox.statements().run(&count()).await.unwrap();
    assert_eq!(texts(&rows), [["1"], ["null"], ["3"]]);
    let links = sandbox.asked().await.into_iter().filter(|line| line.contains("external-links")).count();
    assert_eq!(links, 2, "the sandbox's store refuses whoever signs in");
}

#[tokio::test]
async fn how_a_statement_ends_is_told_apart() {
    for (rule, wanted) in [
        (
            json!({ "state": "FAILED", "error_code": "BAD_REQUEST", "message": "[TABLE_OR_VIEW_NOT_FOUND] t", "sql_state": "42P01" }),
            "failed: BAD_REQUEST: [TABLE_OR_VIEW_NOT_FOUND] t (SQLSTATE 42P01)",
        ),
        (json!({ "state": "FAILED", "looks": 3, "message": "killed" }), "failed: UNKNOWN: killed"),
        (json!({ "state": "CANCELED", "looks": 2 }), "was cancelled on the warehouse"),
        (json!({ "state": "CLOSED" }), "is gone: it is kept for one hour"),
        (json!({ "contains": ["another"] }), "runs no SQL"),
        (json!({ "looks": 2, "stops_warehouse": true }), "failed: ABORTED: The SQL warehouse was stopped"),
        (
            json!({ "rows": [["1"]], "columns": [["n", "INT"]], "patch": { "manifest": { "truncated": true } } }),
            "has cut it",
        ),
        (
            json!({ "rows": [["1"]], "columns": [["n", "INT"]], "patch": { "manifest": { "total_row_count": 2 } } }),
            "1 rows came of the 2",
        ),
        (json!({ "rows": [["1", "2"]], "columns": [["n", "INT"]] }), "2 values, there are 1 columns"),
    ] {
        let sandbox = Scripted::new(json!([rule])).await;
        let run = sandbox.statements();
        let error = run.run(&count()).await.unwrap_err().to_string();
        assert!(error.contains(wanted), "{rule}: {error}");
        assert!(run.settled().await.is_empty());
        assert!(!sandbox.asked().await.iter().any(|line| line.ends_with("cancel")), "{rule}: it has ended");
    }
}

#[tokio::test]
async fn a_run_that_is_dropped_cancels_its_statement() {
    let sandbox = Scripted::new(json!([{ "looks": 1_000_000 }])).await;
    // While it runs.
    let (seen, mut looks) = tokio::sync::mpsc::unbounded_channel();
    let run = Arc::new(sandbox.statements().on_progress(Box::new(move |_| seen.send(()).unwrap())));
    let running = run.clone();
    let task = tokio::spawn(async move { running.run(&count()).await });
    looks.recv().await.unwrap();
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert!(run.settled().await.is_empty());
    assert_eq!(sandbox.states().await, ["CANCELED"]);
    // While the answer that has its id is under way.
    sandbox.control("POST", "faults", json!({ "path": "/api/2.0/sql/statements", "delay_ms": 200 })).await;
    assert!(tokio::time::timeout(Duration::from_millis(20), run.run(&count())).await.is_err());
    assert!(run.settled().await.is_empty());
    assert_eq!(sandbox.states().await, ["CANCELED", "CANCELED"]);
    let cancels = sandbox.asked().await.into_iter().filter(|line| line == "POST statements/ID/cancel").count();
    assert_eq!(cancels, 2);
    // One that cannot be cancelled is named.
    sandbox.control("POST", "faults", json!({ "path": "*/cancel", "status": 403 })).await;
    assert!(tokio::time::timeout(Duration::from_millis(50), run.run(&count())).await.is_err());
    let left = run.settled().await;
    assert!(left.len() == 1 && left[0].0.starts_with("01f0") && left[0].1.to_string().contains("403"), "{left:?}");
}

#[tokio::test]
async fn a_submission_whose_answer_is_lost_is_sent_again() {
    let lost = json!({ "path": "/api/2.0/sql/statements", "when": "after", "drop": true });
    let unavailable = json!({ "path": "/api/2.0/sql/statements", "when": "after", "status": 503 });
    for fault in [lost, unavailable] {
        let sandbox = Scripted::new(json!([{ "columns": [["n", "INT"]], "rows": [["1"]] }])).await;
        sandbox.control("POST", "faults", fault.clone()).await;
        assert_eq!(texts(&sandbox.statements().run(&count()).await.unwrap()), [["1"]], "{fault}");
        assert_eq!(sandbox.asked().await, ["POST statements", "POST statements", "GET statements/ID"], "{fault}");
    }
    let sandbox = Scripted::new(json!([{}])).await;
    let broken = json!({ "path": "/api/2.0/sql/statements", "when": "after", "status": 500, "times": 9 });
    sandbox.control("POST", "faults", broken).await;
    let error = sandbox.statements().run(&count()).await.unwrap_err();
    assert!(matches!(error, StatementError::Service(ServiceError::Refused { status: 500, .. })), "{error}");
    assert!(error.help().unwrap().contains("may still run"), "{:?}", error.help());
    assert_eq!(sandbox.asked().await, ["POST statements"]);
}

#[tokio::test]
async fn looks_that_fail_for_good_end_the_run_and_cancel_the_statement() {
    let sandbox = Scripted::new(json!([{ "looks": 9 }])).await;
    let path = "/api/2.0/sql/statements/01f0*";
    let flaky = json!([{ "path": path, "status": 503 }, { "path": path, "method": "GET", "status": 403, "skip": 1 }]);
    sandbox.control("POST", "faults", flaky).await;
    let run = sandbox.statements();
    let error = run.run(&count()).await.unwrap_err();
    assert!(matches!(error, StatementError::Service(ServiceError::Refused { status: 403, .. })), "{error}");
    assert!(run.settled().await.is_empty());
    assert_eq!(sandbox.states().await, ["CANCELED"]);
}

#[tokio::test]
async fn a_warehouse_is_found_by_id_or_by_name() {
    let sandbox = Scripted::new(json!([])).await;
    let others = json!({ "warehouses": [{ "id": "w-2", "name": "w-1" }, { "id": "w-3", "name": "old", "state": "DELETED" },
                                        { "id": "w-4", "name": "asleep", "state": "STOPPED" }] });
    sandbox.control("POST", "seed", others).await;
    let service = connect(&sandbox.running.url());
    let find = |wanted: &'static str| {
        let service = service.clone();
        async move { Warehouse::find(&*service, wanted).await }
    };
    for (wanted, id) in [("small", "w-1"), ("w-2", "w-2"), ("w-1", "w-1"), ("asleep", "w-4")] {
        assert_eq!(find(wanted).await.unwrap().id, id, "{wanted}");
    }
    for (wanted, why, help) in [
        ("smal", "no warehouse that can be seen", "did you mean `small`?"),
        ("", "no warehouse that can be seen", "can be seen: "),
        ("old", "it is deleted", "name another"),
    ] {
        let error = find(wanted).await.unwrap_err();
        assert!(error.to_string().contains(why), "{wanted}: {error}");
        assert!(error.help().unwrap().contains(help), "{wanted}: {:?}", error.help());
    }
    assert!(find("nobody").await.unwrap_err().help().unwrap().contains("CAN USE"));
    sandbox.control("POST", "faults", json!({ "path": "*/sql/warehouses", "status": 500 })).await;
    assert!(matches!(find("small").await.unwrap_err(), StatementError::Service(_)), "unread is not absent");
}

#[tokio::test]
async fn a_warehouse_that_takes_no_statement_is_explained() {
    let rows = json!([{ "columns": [["n", "INT"]], "rows": [["1"]] }]);
    let sandbox = Scripted::new(rows).await;
    let run = sandbox.statements();
    let call = |verb: &str| {
        let url = format!("{}/api/2.0/sql/warehouses/w-1/{verb}", sandbox.running.url());
        sandbox.client.post(url).bearer_auth("t").json(&json!({})).send()
    };
    call("stop").await.unwrap();
    assert_eq!(texts(&run.run(&count()).await.unwrap()), [["1"]], "a statement starts it");

    call("stop").await.unwrap();
    sandbox.control("PATCH", "settings", json!({ "warehouses_start": false })).await;
    let hasty = StatementPatience { start: Duration::from_millis(20), ..PATIENCE };
    let waiting = sandbox.statements().patience(hasty);
    let error = waiting.run(&count()).await.unwrap_err().to_string();
    assert!(error.starts_with("SQL warehouse `small`: a statement waited 0 s for it and was cancelled"), "{error}");
    assert!(error.contains("its state is STARTING: Clusters are failing to launch"), "{error}");
    assert!(waiting.settled().await.is_empty());
    assert_eq!(sandbox.states().await, ["CANCELED", "SUCCEEDED"]);

    let denied = json!({ "error_code": "PERMISSION_DENIED", "message": "You do not have permission to use it." });
    let fault = json!({ "path": "/api/2.0/sql/statements", "status": 403, "body": denied });
    sandbox.control("POST", "faults", fault).await;
    let error = run.run(&count()).await.unwrap_err();
    assert!(error.to_string().contains("refuses to run a statement on it: You do not have permission"), "{error}");
    assert!(error.help().unwrap().contains("CAN USE on it (SQL Warehouses > small > Permissions)"), "{error:?}");
    // What a proxy or a wrong token says is not about the warehouse.
    for (body, what) in [
        (json!("<html>no</html>"), "a proxy"),
        (json!({ "error_code": "403", "message": "Invalid access token." }), "a token"),
    ] {
        let fault = json!({ "path": "/api/2.0/sql/statements", "status": 403, "body": body, "times": 2 });
        sandbox.control("POST", "faults", fault).await;
        assert!(matches!(run.run(&count()).await.unwrap_err(), StatementError::Service(_)), "{what}");
        sandbox.control("DELETE", "faults", Value::Null).await;
    }

    let gone = format!("{}/api/2.0/sql/warehouses/w-1", sandbox.running.url());
    sandbox.client.delete(gone).bearer_auth("t").send().await.unwrap();
    let error = run.run(&count()).await.unwrap_err().to_string();
    assert!(error.contains("SQL warehouse `small`: the workspace does not know it (id w-1)"), "{error}");
}

#[tokio::test]
async fn a_statement_that_is_too_long_is_not_sent() {
    let sandbox = Scripted::new(json!([])).await;
    let long = Statement { step: "test", text: "x".repeat((16 << 20) + 1), parameters: Vec::new() };
    let error = sandbox.statements().run(&long).await.unwrap_err();
    assert!(matches!(&error, StatementError::Service(ServiceError::NotSent { .. })), "{error}");
    assert!(sandbox.asked().await.is_empty());
}

/// An answer of a statement whose result is three rows in two chunks: the first of them.
fn first() -> Value {
    json!({
        "statement_id": "01f0-1", "status": { "state": "SUCCEEDED" },
        "manifest": { "total_row_count": 3, "total_chunk_count": 2,
                      "schema": { "columns": [{ "name": "n", "type_text": "INT" }] } },
        "result": { "row_count": 2, "data_array": [["1"], ["2"]], "next_chunk_index": 1 },
    })
}

fn second() -> Value {
    json!({ "chunk_index": 1, "row_offset": 2, "row_count": 1, "data_array": [["3"]] })
}

/// What a server that answers so makes of a run: the rows or the error, and what was asked.
async fn against(
    script: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static,
) -> (Result<usize, String>, Vec<String>) {
    let server = Server::start(script);
    let run = statements(&server.url);
    let rows = run.run(&count()).await.map(|rows| rows.rows.len()).map_err(|error| error.to_string());
    assert!(run.settled().await.is_empty());
    (rows, server.seen().iter().map(|seen| short(&seen.method, &seen.path)).collect())
}

#[tokio::test]
async fn a_result_with_a_wrong_or_missing_chunk_is_none() {
    let with = |body: Value, place: &str, value: Value| {
        let (mut body, place) = (body, place.to_owned());
        let (parent, member) = place.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[member] = value;
        body
    };
    let chunk = |change: (&str, Value)| with(second(), change.0, change.1);
    for (what, body, next, wanted) in [
        ("as it should be", first(), Some(second()), Ok(3)),
        ("no next chunk", with(first(), "/result/next_chunk_index", Value::Null), None, Err("2 rows came of the 3")),
        ("a jump", with(first(), "/result/next_chunk_index", json!(2)), None, Err("after chunk 0 comes chunk 2")),
        ("a circle", first(), Some(chunk(("/next_chunk_index", json!(1)))), Err("after chunk 1 comes chunk 1")),
        ("another chunk", first(), Some(chunk(("/chunk_index", json!(0)))), Err("chunk 0 came in place of chunk 1")),
        ("an overlap", first(), Some(chunk(("/row_offset", json!(1)))), Err("begins at row 1, row 2 was to come")),
        ("a short chunk", first(), Some(chunk(("/data_array", json!([])))), Err("has 0 rows, and says that it has 1")),
        ("a bare number", first(), Some(chunk(("/data_array", json!([[3]])))), Err("neither text nor null")),
        ("an empty chunk", first(), Some(json!({})), Err("2 rows came of the 3")),
        ("a chunk that is gone", first(), None, Err("404")),
        ("no result at all", with(first(), "/result", Value::Null), None, Err("0 rows came of the 3")),
    ] {
        let answered = next.clone();
        let script = move |seen: &Seen, _: usize| match (seen.path.ends_with("/chunks/1"), &answered) {
            (true, Some(chunk)) => Reply::json(chunk.clone()),
            (true, None) => Reply::text(404, r#"{"error_code":"NOT_FOUND","message":"gone"}"#),
            _ => Reply::json(body.clone()),
        };
        let (rows, asked) = against(script).await;
        match (rows, wanted) {
            (Ok(rows), Ok(wanted)) => assert_eq!(rows, wanted, "{what}"),
            (Err(error), Err(wanted)) => assert!(error.contains(wanted), "{what}: {error}"),
            (rows, _) => panic!("{what}: {rows:?}"),
        }
        assert!(asked.len() <= 2 && asked[0] == "POST statements", "{what}: {asked:?}");
    }
}

#[tokio::test]
async fn a_chunk_that_fails_is_asked_for_again_where_that_may_help() {
    for (status, requests, is_whole) in [(503, 3, true), (500, 2, false)] {
        let (rows, asked) = against(move |seen, nth| match (seen.path.ends_with("/chunks/1"), nth) {
            (true, 1) => Reply::text(status, ""),
            (true, _) => Reply::json(second()),
            (false, _) => Reply::json(first()),
        })
        .await;
        assert_eq!((rows.is_ok(), asked.len()), (is_whole, requests), "{status}: {rows:?}");
    }
}

#[tokio::test]
async fn an_answer_that_is_not_understood_cancels_the_statement() {
    let running = json!({ "statement_id": "01f0-1", "status": { "state": "RUNNING" } });
    for (what, look, wanted) in [
        (
            "a state that nobody knows",
            json!({ "statement_id": "01f0-1", "status": { "state": "PAUSED" } }),
            "`PAUSED` is not known",
        ),
        ("no state", json!({ "statement_id": "01f0-1" }), "no `status.state`"),
        (
            "another statement",
            json!({ "statement_id": "01f0-2", "status": { "state": "SUCCEEDED" } }),
            "another statement",
        ),
        ("nothing", json!({}), "no `statement_id`"),
    ] {
        let running = running.clone();
        let (rows, asked) = against(move |seen, _| match seen.method.as_str() {
            "GET" => Reply::json(look.clone()),
            _ => Reply::json(running.clone()),
        })
        .await;
        assert!(rows.unwrap_err().contains(wanted), "{what}");
        assert_eq!(asked, ["POST statements", "GET statements/ID", "POST statements/ID/cancel"], "{what}");
    }
    let (rows, asked) = against(|_, _| Reply::json(json!({ "status": { "state": "SUCCEEDED" } }))).await;
    assert!(rows.unwrap_err().contains("no `statement_id`"));
    assert_eq!(asked.len(), 1, "there is nothing to cancel");
}

/// The answer of a statement whose only chunk, with one row, is behind a link.
fn by_link(link: &str) -> Value {
    let link = json!({ "external_link": link, "row_count": 1, "http_headers": { "x-key": "hush-header" } });
    json!({
        "statement_id": "01f0-1", "status": { "state": "SUCCEEDED" }, "result": { "external_links": [link.clone()] },
        "external_links": [link],
        "manifest": { "total_row_count": 1, "schema": { "columns": [{ "name": "n", "type_text": "INT" }] } },
    })
}

#[tokio::test]
async fn a_link_that_does_not_work_is_asked_for_again_and_never_shown() {
    let store = Arc::new(Server::start(|seen, nth| match (seen.path.as_str(), nth) {
        ("/expired", 1) => Reply::text(403, "<Error><Code>AccessDenied</Code></Error>"),
        ("/expired", _) => Reply::text(200, r#"[["1"]]"#),
        ("/broken", _) => Reply::text(200, r#"[["1""#),
        _ => Reply::text(403, "hush"),
    }));
    for (path, fetches, wanted) in [
        ("expired", 2, Ok(1)),
        ("refused", 3, Err("chunk 0 cannot be fetched by its link: the store answers 403")),
        ("broken", 3, Err("it is not JSON")),
    ] {
        let link = format!("{}/{path}?signature=hush", store.url);
        let (rows, asked) = against(move |_, _| Reply::json(by_link(&link))).await;
        match (&rows, wanted) {
            (Ok(rows), Ok(wanted)) => assert_eq!(*rows, wanted, "{path}"),
            (Err(error), Err(wanted)) => assert!(error.contains(wanted) && !error.contains("hush"), "{path}: {error}"),
            (rows, _) => panic!("{path}: {rows:?}"),
        }
        let seen = store.at(&format!("/{path}"));
        assert_eq!((seen.len(), asked.len()), (fetches, fetches), "{path}: each fetch by a link of its own");
        assert!(seen.iter().all(|one| one.header("authorization").is_empty()), "{path}");
        assert!(seen.iter().all(|one| one.header("x-key") == "hush-header"), "{path}");
    }
    let (rows, asked) = against(|_, _| Reply::json(by_link("http://store.example/hush"))).await;
    let error = rows.unwrap_err();
    assert!(error.contains("not encrypted") && !error.contains("hush"), "{error}");
    assert_eq!(asked.len(), 3);
}
