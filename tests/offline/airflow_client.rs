//! The Airflow service against a server of this test's own: both APIs, signing in, repeating, reading pages, meaning of
//! errors, and that no secret shows. What the server answers was recorded from Airflow 3.3 and 2.11.

use crate::server;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use plumb::services::airflow::{AirflowApi, AirflowConfig, Credentials};
use plumb::services::{Airflow, Secret, read, retry::Policy};
use plumb_model::call::{Call, Method, Service, ServiceError, System};
use plumb_model::read::Read;
use serde_json::{Value, json};
use server::{Reply, Seen, Server};
use std::sync::Arc;
use std::time::Duration;

const PASSWORD: &str = "hunter22-password";

const QUICK: Policy = Policy {
    first: Duration::from_millis(2),
    longest: Duration::from_millis(10),
    total: Duration::from_secs(20),
    unanswered: 4,
};

fn with(url: &str, api: AirflowApi, credentials: Credentials) -> Airflow {
    let config = AirflowConfig { url: url.to_owned(), plain: true, pace: None, api, credentials };
    Airflow::with(config, QUICK, Box::new(|| 0.5)).unwrap()
}

fn connect(url: &str, api: AirflowApi) -> Airflow {
    let password = Secret::new(PASSWORD);
    with(url, api, Credentials::Password { username: "ann".into(), password })
}

fn get() -> Call {
    Call::get(System::Airflow, "/api/v2/pools")
}

fn create() -> Call {
    Call::create(System::Airflow, "/api/v2/pools", json!({"name": "p", "slots": 1}), "/name")
}

/// A token that lasts so many seconds.
fn token(seconds: i64, nth: usize) -> String {
    let exp = jiff::Timestamp::now().as_second() + seconds;
    format!("eyJh.{}.signature{nth}", URL_SAFE_NO_PAD.encode(json!({ "exp": exp, "nth": nth }).to_string()))
}

fn created(body: Value) -> Reply {
    Reply::text(201, &body.to_string())
}

fn detail(status: u16, detail: Value) -> Reply {
    Reply::text(status, &json!({ "detail": detail }).to_string())
}

/// An Airflow 3 whose tokens last so long.
fn three(seconds: i64, api: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static) -> Server {
    Server::start(move |seen, nth| match seen.path.as_str() {
        "/auth/token" => created(json!({ "access_token": token(seconds, nth) })),
        "/api/v2/version" => Reply::json(json!({"version": "3.3.2"})),
        _ => api(seen, nth),
    })
}

/// An Airflow 2, which takes a password with each request.
fn two(api: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static) -> Server {
    let basic = format!("Basic {}", STANDARD.encode(format!("ann:{PASSWORD}")));
    Server::start(move |seen, nth| match seen.path.as_str() {
        path if !path.starts_with("/api/v1/") => Reply::text(404, "<!DOCTYPE html><title>Airflow 404</title>"),
        "/api/v1/version" => Reply::json(json!({"version": "2.11.2", "git_version": ""})),
        _ if seen.header("authorization") != basic => {
            Reply::text(403, r#"{"detail": null, "status": 403, "title": "Forbidden", "type": "x"}"#)
        }
        _ => api(seen, nth),
    })
}

fn empty() -> Reply {
    Reply::json(json!({"pools": [], "total_entries": 0}))
}

#[tokio::test]
async fn airflow_3_gives_one_token_for_many_calls() {
    let server = three(86400, |_, _| empty());
    let airflow = Arc::new(connect(&server.url, AirflowApi::Auto));
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let airflow = airflow.clone();
        calls.spawn(async move { airflow.send(&get()).await.map(drop) });
    }
    while let Some(done) = calls.join_next().await {
        done.unwrap().unwrap();
    }
    let asked = server.at("/auth/token");
    assert_eq!((asked.len(), server.at("/api/v2/version").len(), server.at("/api/v2/pools").len()), (1, 1, 10));
    let sent: Value = serde_json::from_str(&asked[0].body).unwrap();
    assert_eq!(sent, json!({"username": "ann", "password": PASSWORD}));
    assert!(server.at("/api/v2/version")[0].header("authorization").is_empty());
    for seen in server.at("/api/v2/pools") {
        assert!(seen.header("authorization").starts_with("Bearer eyJh."));
        assert_eq!(seen.header("accept"), "application/json");
    }
    assert_eq!(airflow.server().await.unwrap().version.as_deref(), Some("3.3.2"));
}

#[tokio::test]
async fn a_token_is_renewed_before_it_expires() {
    let server = three(3, |_, _| empty());
    let airflow = connect(&server.url, AirflowApi::V2);
    airflow.send(&get()).await.unwrap();
    airflow.send(&get()).await.unwrap();
    assert_eq!(server.at("/auth/token").len(), 1);
    tokio::time::sleep(Duration::from_millis(2100)).await;
    airflow.send(&get()).await.unwrap();
    assert_eq!(server.at("/auth/token").len(), 2);
}

#[tokio::test]
async fn a_token_that_the_server_refuses_is_renewed_once() {
    for (status, words) in [(401, "Token Expired"), (401, "Not authenticated"), (403, "Invalid JWT token")] {
        let server = three(86400, move |_, nth| if nth == 1 { detail(status, json!(words)) } else { empty() });
        connect(&server.url, AirflowApi::V2).send(&get()).await.unwrap();
        assert_eq!((server.at("/auth/token").len(), server.at("/api/v2/pools").len()), (2, 2), "{words}");
        let server = three(86400, move |_, _| detail(status, json!(words)));
        let fault = connect(&server.url, AirflowApi::V2).send(&create()).await.unwrap_err();
        assert_eq!(server.at("/api/v2/pools").len(), 2, "{words}");
        assert!(fault.to_string().contains("signed in as user ann"), "{fault}");
    }
    // A permission that is missing comes back with no token.
    let server = three(86400, |_, _| detail(403, json!("Forbidden")));
    let fault = connect(&server.url, AirflowApi::V2).send(&get()).await.unwrap_err();
    assert_eq!((server.at("/auth/token").len(), server.at("/api/v2/pools").len()), (1, 1));
    assert!(fault.to_string().contains("403 FORBIDDEN: Forbidden; signed in as user ann"), "{fault}");
    // Nor does one that somebody else issued.
    let server = three(86400, |_, _| detail(401, json!("Token Expired")));
    let airflow = with(&server.url, AirflowApi::V2, Credentials::Token(Secret::new("given-token-xyz")));
    airflow.send(&get()).await.unwrap_err();
    let seen = server.at("/api/v2/pools");
    assert_eq!((seen.len(), seen[0].header("authorization").as_str()), (1, "Bearer given-token-xyz"));
}

#[tokio::test]
async fn whoever_cannot_sign_in_sends_nothing() {
    for (status, body, part) in [
        (401, r#"{"detail":"Invalid credentials"}"#, "is the password right?"),
        (404, r#"{"detail":"Not Found"}"#, "set AIRFLOW_TOKEN"),
        (201, r#"{"token":"x"}"#, "has no access_token"),
        (503, "down", "down"),
    ] {
        let server = Server::start(move |seen, _| match seen.path.as_str() {
            "/api/v2/version" => Reply::json(json!({"version": "3.3.2"})),
            _ => Reply::text(status, body),
        });
        let fault = connect(&server.url, AirflowApi::Auto).send(&create()).await.unwrap_err();
        assert!(matches!(&fault, ServiceError::NotSent { why, .. } if why.contains(part)), "{fault}");
        assert_eq!(server.at("/auth/token").len(), if status == 503 { 4 } else { 1 });
        assert_eq!(server.at("/api/v2/pools").len(), 0);
    }
}

#[tokio::test]
async fn the_server_says_which_api_it_has() {
    let old = two(|_, _| empty());
    let airflow = connect(&old.url, AirflowApi::Auto);
    airflow.send(&get()).await.unwrap();
    airflow.send(&get()).await.unwrap();
    let paths: Vec<String> = old.seen().into_iter().map(|seen| seen.path).collect();
    assert_eq!(paths, ["/api/v2/version", "/api/v1/version", "/api/v1/pools", "/api/v1/pools"]);
    let server = airflow.server().await.unwrap();
    assert_eq!((server.api, server.version.as_deref()), (AirflowApi::V1, Some("2.11.2")));
    // Behind something that wants to know first who asks.
    let shy = Server::start(|_, _| detail(401, json!("Not authenticated")));
    assert_eq!(connect(&shy.url, AirflowApi::V1).server().await.unwrap().api, AirflowApi::V1);
    let fault = connect(&old.url, AirflowApi::V2).send(&get()).await.unwrap_err();
    assert!(fault.to_string().contains("no Airflow answers there"), "{fault}");
    for (status, body) in [(404, "nothing"), (200, "<html>Sign in</html>"), (200, "{}")] {
        let other = Server::start(move |_, _| Reply::text(status, body));
        let fault = connect(&other.url, AirflowApi::Auto).send(&create()).await.unwrap_err();
        assert!(matches!(&fault, ServiceError::NotSent { why, .. } if why.contains("is this the address")), "{fault}");
    }
}

#[tokio::test]
async fn a_path_of_the_deployment_is_kept() {
    let server = Server::start(|seen, _| match seen.path.as_str() {
        "/prod/auth/token" => created(json!({"access_token": "t"})),
        "/prod/api/v2/version" => Reply::json(json!({"version": "3.3.2"})),
        "/prod/api/v2/variables/a%2Fb%20c" => Reply::json(json!({"key": "a/b c"})),
        _ => detail(404, json!("Not Found")),
    });
    let airflow = connect(&format!("{}/prod", server.url), AirflowApi::Auto);
    airflow.send(&Call::get(System::Airflow, "/api/v2/variables/a%2Fb%20c")).await.unwrap();
}

#[tokio::test]
async fn a_call_cannot_lead_elsewhere() {
    let server = three(86400, |_, _| empty());
    let airflow = connect(&server.url, AirflowApi::V2);
    for path in ["/api/v2/variables/..", "/api/v2/variables/%2e%2e", "@127.0.0.1:1/x", "x", "/api/v2/a b"] {
        let fault = airflow.send(&Call::delete(System::Airflow, path)).await.unwrap_err();
        assert!(matches!(fault, ServiceError::NotSent { .. }), "{path}: {fault}");
    }
    let fault = airflow.send(&Call::get(System::Databricks, "/api/v2/pools")).await.unwrap_err();
    assert!(fault.to_string().contains("this is a call to Databricks"), "{fault}");
    assert!(server.seen().iter().all(|seen| seen.method == "GET"));
}

#[tokio::test]
async fn secrets_inside_extra_stay_json() {
    let server = three(86400, |_, _| created(json!({"connection_id": "c"})));
    let airflow = connect(&server.url, AirflowApi::Auto);
    let extra = json!({"token": "a\"b\\c\nd", "n": [1, null]});
    let body = json!({"connection_id": "c", "conn_type": "http", "extra": extra, "port": 1});
    airflow.send(&Call::create(System::Airflow, "/api/v2/connections", body, "/connection_id")).await.unwrap();
    let sent: Value = serde_json::from_str(&server.at("/api/v2/connections")[0].body).unwrap();
    assert_eq!(serde_json::from_str::<Value>(sent["extra"].as_str().unwrap()).unwrap(), extra);
    let set = |value: Value| {
        let body = json!({"key": "k", "value": value});
        Call::set(System::Airflow, Method::Patch, "/api/v2/variables/k", body)
    };
    for (value, text) in [(json!(3), "3"), (json!(true), "true"), (json!({"a": 1}), r#"{"a":1}"#), (json!("x"), "x")] {
        airflow.send(&set(value)).await.unwrap();
        let sent: Value = serde_json::from_str(&server.seen().last().unwrap().body).unwrap();
        assert_eq!(sent["value"], text);
    }
}

// ---- Airflow 2 ---------------------------------------------------------------------------------------------------

#[tokio::test]
async fn airflow_2_would_overwrite_a_variable_that_exists() {
    let server = two(|seen, _| match (seen.method.as_str(), seen.path.as_str()) {
        ("GET", "/api/v1/variables/env") => Reply::json(json!({"key": "env", "value": "prod", "description": null})),
        ("GET", _) => Reply::text(404, r#"{"detail":null,"status":404,"title":"Variable not found"}"#),
        _ => Reply::json(json!({"key": "new", "value": "x"})),
    });
    let airflow = connect(&server.url, AirflowApi::Auto);
    let make = |key: &str| {
        let body = json!({"key": key, "value": {"a": 1}});
        Call::create(System::Airflow, "/api/v2/variables", body, "/key")
    };
    let fault = airflow.send(&make("env")).await.unwrap_err();
    assert!(
        matches!(&fault, ServiceError::Refused { status: 409, message, .. } if message.contains("`env`")),
        "{fault}"
    );
    assert!(!fault.may_have_happened());
    assert_eq!(server.at("/api/v1/variables").len(), 0);
    assert_eq!(airflow.send(&make("new")).await.unwrap().body["key"], "new");
    let sent: Value = serde_json::from_str(&server.at("/api/v1/variables")[0].body).unwrap();
    assert_eq!(sent, json!({"key": "new", "value": r#"{"a":1}"#}));
}

#[tokio::test]
async fn airflow_2_knows_sources_by_a_token_of_the_dag() {
    let server = two(|seen, _| match seen.path.as_str() {
        "/api/v1/dags/monthly" => Reply::json(json!({"dag_id": "monthly", "file_token": "Ii9v.Li4-x"})),
        "/api/v1/dagSources/Ii9v.Li4-x" => Reply::json(json!({"content": "import airflow\n"})),
        _ => Reply::text(404, r#"{"detail":"The DAG with dag_id: nope was not found","status":404,"title":"x"}"#),
    });
    let airflow = connect(&server.url, AirflowApi::Auto);
    let source = |dag: &str| Call::get(System::Airflow, format!("/api/v2/dagSources/{dag}"));
    assert_eq!(airflow.send(&source("monthly")).await.unwrap().body["content"], "import airflow\n");
    assert!(airflow.send(&source("nope")).await.unwrap_err().is_gone());
}

#[tokio::test]
async fn what_airflow_2_cannot_do_is_not_sent() {
    let server = two(|_, _| empty());
    let airflow = connect(&server.url, AirflowApi::Auto);
    let bulk = Call::set(System::Airflow, Method::Patch, "/api/v2/pools", json!({"actions": []}));
    let fault = airflow.send(&bulk).await.unwrap_err();
    assert!(matches!(&fault, ServiceError::NotSent { why, .. } if why.contains("Airflow 2 has no")), "{fault}");
    assert_eq!(server.seen().iter().filter(|seen| seen.method != "GET").count(), 0);
}

#[tokio::test]
async fn a_pool_without_a_limit_breaks_airflow_2s_listing() {
    let body =
        json!({"detail": "inf is not of type 'integer'\n\nFailed validating 'type'", "status": 500, "title": "x"});
    let server = two(move |_, _| Reply::text(500, &body.to_string()));
    let fault = connect(&server.url, AirflowApi::Auto).send(&get()).await.unwrap_err();
    assert!(fault.to_string().contains("cannot list its pools while one of them has any number of slots"), "{fault}");
}

#[tokio::test]
async fn a_wrong_password_for_airflow_2_is_told_from_nothing() {
    let server = two(|_, _| empty());
    let airflow = with(&server.url, AirflowApi::Auto, Credentials::Token(Secret::new("not-a-good-token")));
    let fault = airflow.send(&get()).await.unwrap_err();
    let text = fault.to_string();
    assert!(text.contains("Forbidden; signed in as a token (AIRFLOW_TOKEN)") && text.contains("password"), "{text}");
}

// ---- troubles ----------------------------------------------------------------------------------------------------

#[tokio::test]
async fn a_busy_database_is_waited_for() {
    let busy = || detail(500, json!({"reason": "Database error", "message": "see the log"}));
    let server = three(86400, move |_, nth| if nth < 3 { busy() } else { empty() });
    connect(&server.url, AirflowApi::V2).send(&get()).await.unwrap();
    assert_eq!(server.at("/api/v2/pools").len(), 3);
    // Whether a create took effect cannot be told: it is looked up, not repeated.
    let server = three(86400, move |_, _| busy());
    let fault = connect(&server.url, AirflowApi::V2).send(&create()).await.unwrap_err();
    assert_eq!(server.at("/api/v2/pools").len(), 1);
    assert!(fault.may_have_happened() && fault.to_string().contains("Database error: see the log"), "{fault}");
}

#[tokio::test]
async fn a_page_instead_of_an_answer_is_told() {
    let page = "<!DOCTYPE html><pre>Something bad has happened. For security reasons</pre>";
    let server = two(move |_, _| Reply::text(500, page));
    let fault = connect(&server.url, AirflowApi::V1).send(&get()).await.unwrap_err();
    assert!(
        fault.to_string().contains("500 INTERNAL_SERVER_ERROR: Something bad has happened (a web page)"),
        "{fault}"
    );
    let server = three(86400, |_, _| Reply::text(200, "<html>Sign in</html>"));
    let fault = connect(&server.url, AirflowApi::V2).send(&get()).await.unwrap_err();
    assert!(matches!(&fault, ServiceError::Lost { why, .. } if why.contains("a web page")), "{fault}");
    let server = three(86400, |_, _| Reply::text(302, "").with("location", "/login?next=secret-of-somebody"));
    let fault = connect(&server.url, AirflowApi::V2).send(&get()).await.unwrap_err();
    assert!(fault.to_string().contains("redirects to /login:") && !fault.to_string().contains("next"), "{fault}");
}

#[tokio::test]
async fn whatever_a_server_echoes_no_secret_shows() {
    let basic = STANDARD.encode(format!("ann:{PASSWORD}"));
    for failing in ["/auth/token", "/api/v2/pools", "/api/v1/pools"] {
        for status in [400, 401, 403, 409, 422, 500, 302] {
            let handed = Arc::new(std::sync::Mutex::new(String::new()));
            let kept = handed.clone();
            let server = Server::start(move |seen, nth| {
                let echo = format!("you sent {} {}", seen.header("authorization"), seen.body);
                match seen.path.as_str() {
                    path if path == failing => detail(status, json!([{"loc": ["body"], "msg": echo, "input": echo}]))
                        .with("location", &format!("/x?{}", seen.header("authorization")))
                        .with("x-request-id", &seen.header("authorization")),
                    "/auth/token" => {
                        *kept.lock().unwrap() = token(86400, nth);
                        created(json!({ "access_token": *kept.lock().unwrap() }))
                    }
                    "/api/v2/version" | "/api/v1/version" => Reply::json(json!({"version": "x"})),
                    _ => empty(),
                }
            });
            let api = if failing.contains("v1") { AirflowApi::V1 } else { AirflowApi::V2 };
            let shown = match connect(&server.url, api).send(&create()).await {
                Ok(answer) => panic!("{failing} {status}: {answer:?}"),
                Err(fault) => format!("{fault} {fault:?}"),
            };
            assert!(!shown.contains(PASSWORD) && !shown.contains(&basic), "{failing} {status}: {shown}");
            let handed = handed.lock().unwrap();
            assert!(handed.is_empty() || !shown.contains(handed.as_str()), "{failing} {status}: {shown}");
        }
    }
}

#[tokio::test]
async fn writes_come_one_at_a_time() {
    let server = three(86400, |_, _| created(json!({"name": "p"})).after(Duration::from_millis(5)));
    let airflow = Arc::new(connect(&server.url, AirflowApi::V2));
    airflow.server().await.unwrap();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let airflow = airflow.clone();
        calls.spawn(async move { airflow.send(&create()).await.map(drop) });
    }
    while let Some(done) = calls.join_next().await {
        done.unwrap().unwrap();
    }
    assert_eq!(server.most_at_once(), 1);
    assert_eq!(server.at("/api/v2/pools").len(), 6);
}

// ---- pages -------------------------------------------------------------------------------------------------------

fn parameter(seen: &Seen, name: &str) -> usize {
    let pairs = seen.query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(n, _)| *n == name).map(|(_, v)| v.parse().unwrap()).unwrap()
}

/// Names of pools, page by page, as the server has them at the nth request; no page has more than `most`.
fn listing(most: usize, names: impl Fn(usize) -> Vec<String> + Send + Sync + 'static) -> Server {
    three(86400, move |seen, nth| {
        let all = names(nth);
        let (limit, offset) = (parameter(seen, "limit").min(most), parameter(seen, "offset"));
        let rows: Vec<Value> = all.iter().skip(offset).take(limit).map(|name| json!({ "name": name })).collect();
        Reply::json(json!({"pools": rows, "total_entries": all.len()}))
    })
}

fn names(numbers: impl Iterator<Item = usize>) -> Vec<String> {
    numbers.map(|n| format!("p{n}")).collect()
}

async fn listed(server: &Server) -> Result<Vec<String>, ServiceError> {
    let airflow = connect(&server.url, AirflowApi::V2);
    let pages = read(&airflow, &Read::offsets(get(), "pools", "name")).await?;
    let rows = pages.iter().flat_map(|page| page["pools"].as_array().unwrap());
    Ok(rows.map(|row| row["name"].as_str().unwrap().to_owned()).collect())
}

#[tokio::test]
async fn all_pages_are_read_and_no_row_twice() {
    for (count, most) in [(0, 100), (1, 100), (99, 100), (100, 100), (101, 100), (250, 100), (120, 30)] {
        let server = listing(most, move |_| names(0..count));
        assert_eq!(listed(&server).await.unwrap(), names(0..count), "{count} rows, pages of {most}");
    }
}

#[tokio::test]
async fn a_listing_that_moves_is_read_anew() {
    // One is deleted between two pages: those behind it move forward.
    let server = listing(100, |nth| if nth < 2 { names(0..150) } else { names(1..150) });
    assert_eq!(listed(&server).await.unwrap(), names(1..150));
    // One is deleted and another made: the total stays.
    let server = listing(100, |nth| if nth < 2 { names(0..150) } else { names(1..151) });
    assert_eq!(listed(&server).await.unwrap(), names(1..151));
    // It never stops moving.
    let server = listing(100, |nth| names(nth..nth + 150));
    let fault = listed(&server).await.unwrap_err();
    assert!(fault.to_string().contains("again and again"), "{fault}");
}

#[tokio::test]
async fn half_a_listing_is_none() {
    for body in [json!({}), json!({"pools": []}), json!({"total_entries": 0}), json!({"pools": {}, "total_entries": 0})]
    {
        let shown = body.to_string();
        let server = three(86400, move |_, _| Reply::json(body.clone()));
        assert!(listed(&server).await.unwrap_err().to_string().contains("the answer has no"), "{shown}");
    }
    let server = three(86400, |_, _| Reply::json(json!({"pools": [], "total_entries": 3})));
    listed(&server).await.unwrap_err();
    let server = three(86400, |seen, _| match parameter(seen, "offset") {
        0 => Reply::json(json!({"pools": [{"name": "a"}], "total_entries": 2})),
        _ => detail(500, json!("broken")),
    });
    listed(&server).await.unwrap_err();
}
