//! The Databricks service against a server of this test's own: signing in, repeating, reading pages, meaning of
//! errors, and that no secret shows.

use crate::server;

use plumb::services::{
    Databricks, Identity, Secret, Services,
    databricks::{DatabricksConfig, DatabricksSettings, Method as SignIn, host::AzureCloud},
    read,
    retry::Policy,
};
use plumb_model::call::{Answer, Call, Method, Service, ServiceError, System};
use plumb_model::read::Read;
use serde_json::json;
use server::{Reply, Server, broken_server};
use std::time::{Duration, Instant};

const TOKEN: &str = "dapi00000000000000000000000000000001";
const CLIENT_SECRET: &str = "hunter22-client-secret";

const QUICK: Policy = Policy {
    first: Duration::from_millis(2),
    longest: Duration::from_millis(10),
    total: Duration::from_secs(20),
    unanswered: 4,
};

fn connect(host: &str, env: &[(&str, &str)]) -> Databricks {
    // Whoever has the credentials says where they go.
    let env: Vec<(&str, &str)> = env.iter().copied().chain([("DATABRICKS_HOST", host)]).collect();
    let env = |name: &str| env.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
    let config =
        DatabricksConfig::resolve(&env, None, DatabricksSettings { host: Some(host.to_owned()), profile: None })
            .unwrap();
    Databricks::with(config, QUICK, Box::new(|| 0.5)).unwrap()
}

fn by_token(host: &str) -> Databricks {
    connect(host, &[("DATABRICKS_TOKEN", TOKEN)])
}

const M2M: [(&str, &str); 2] = [("DATABRICKS_CLIENT_ID", "sp-1"), ("DATABRICKS_CLIENT_SECRET", CLIENT_SECRET)];

fn get() -> Call {
    Call::get(System::Databricks, "/api/2.2/jobs/list")
}

fn put() -> Call {
    Call::set(System::Databricks, Method::Put, "/api/2.0/permissions/jobs/1", json!({"a": 1}))
}

fn create() -> Call {
    Call::create(System::Databricks, "/api/2.2/jobs/create", json!({"name": "x"}), "/job_id")
}

/// Answers OAuth's requests with tokens `token-1`, `token-2`, … that last so long, and everything else by `api`.
fn oauth(expires_in: serde_json::Value, api: impl Fn(&server::Seen) -> Reply + Send + Sync + 'static) -> Server {
    Server::start(move |seen, nth| match seen.path.as_str() {
        "/oidc/.well-known/oauth-authorization-server" => {
            Reply::json(json!({"token_endpoint": format!("http://{}/oidc/v1/token", seen.header("host"))}))
        }
        "/oidc/v1/token" => Reply::json(
            json!({"access_token": format!("token-{nth}"), "expires_in": expires_in, "token_type": "Bearer"}),
        ),
        _ => api(seen),
    })
}

#[tokio::test]
async fn a_call_is_sent_as_it_stands() {
    let server = Server::start(|_, _| Reply::json(json!({"ok": true})).with("x-request-id", "req-1"));
    let databricks = by_token(&format!("{}/?o=12", server.url));
    let call = put().query("name", "a b&c");
    let answer = databricks.send(&call).await.unwrap();
    assert_eq!(answer, Answer { status: 200, body: json!({"ok": true}), request_id: Some("req-1".to_owned()) });
    let seen = &server.seen()[0];
    assert_eq!((seen.method.as_str(), seen.path.as_str()), ("PUT", "/api/2.0/permissions/jobs/1"));
    assert_eq!((seen.query.as_str(), seen.body.as_str()), ("name=a+b%26c", r#"{"a":1}"#));
    assert_eq!(seen.header("authorization"), format!("Bearer {TOKEN}"));
    assert_eq!(seen.header("x-databricks-workspace-id"), "12");
    assert!(seen.header("user-agent").starts_with(concat!("plumb/", env!("CARGO_PKG_VERSION"), " (")));
    assert_eq!(databricks.requests().count(), 1);
}

#[tokio::test]
async fn a_call_cannot_lead_the_token_to_another_host() {
    let (server, other) = (Server::start(|_, _| Reply::json(json!({}))), Server::start(|_, _| Reply::json(json!({}))));
    let databricks = by_token(&server.url);
    let place = other.url.trim_start_matches("http://");
    for path in [format!("@{place}/x"), format!(".{place}/x"), "x".to_owned()] {
        let fault = databricks.send(&Call::get(System::Databricks, path)).await.unwrap_err();
        assert!(matches!(fault, ServiceError::NotSent { .. }), "{fault}");
    }
    let fault = databricks.send(&Call::get(System::Airflow, "/x")).await.unwrap_err();
    assert!(fault.to_string().contains("Airflow"));
    databricks.send(&Call::get(System::Databricks, format!("//{place}/x"))).await.unwrap();
    assert_eq!((server.count(), other.count()), (1, 0));
}

#[tokio::test]
async fn a_service_principal_signs_in_once_for_many_calls() {
    let server = oauth(json!("3600"), |_| Reply::json(json!({})));
    let databricks = std::sync::Arc::new(connect(&server.url, &M2M));
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let databricks = databricks.clone();
        calls.spawn(async move { databricks.send(&get()).await.map(drop) });
    }
    while let Some(done) = calls.join_next().await {
        done.unwrap().unwrap();
    }
    let asked = server.at("/oidc/v1/token");
    assert_eq!((asked.len(), server.at("/api/2.2/jobs/list").len()), (1, 20));
    assert_eq!(asked[0].body, "grant_type=client_credentials&scope=all-apis");
    use base64::Engine;
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("sp-1:{CLIENT_SECRET}"));
    assert_eq!(asked[0].header("authorization"), format!("Basic {basic}"));
    assert!(server.at("/api/2.2/jobs/list").iter().all(|seen| seen.header("authorization") == "Bearer token-1"));
    assert_eq!(databricks.requests().count(), 20);
}

#[tokio::test]
async fn a_token_is_renewed_before_it_expires() {
    let server = oauth(json!("2"), |_| Reply::json(json!({})));
    let databricks = connect(&server.url, &M2M);
    databricks.send(&get()).await.unwrap();
    databricks.send(&get()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    databricks.send(&get()).await.unwrap();
    let used: Vec<_> = server.at("/api/2.2/jobs/list").iter().map(|seen| seen.header("authorization")).collect();
    assert_eq!(used, ["Bearer token-1", "Bearer token-1", "Bearer token-2"]);
}

#[tokio::test]
async fn a_provider_that_is_down_is_no_trouble_while_the_token_lasts() {
    let server = Server::start(|seen, nth| match (seen.path.as_str(), nth) {
        ("/oidc/.well-known/oauth-authorization-server", 1) => {
            Reply::json(json!({"token_endpoint": format!("http://{}/oidc/v1/token", seen.header("host"))}))
        }
        ("/oidc/v1/token", 1) => Reply::json(json!({"access_token": "token-1", "expires_in": 3})),
        ("/api/2.2/jobs/list", _) => Reply::json(json!({})),
        _ => Reply::text(503, "down"),
    });
    let databricks = connect(&server.url, &M2M);
    databricks.send(&get()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(2100)).await;
    databricks.send(&get()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1200)).await;
    let fault = databricks.send(&get()).await.unwrap_err();
    assert!(matches!(&fault, ServiceError::NotSent { why, .. } if why.contains("503")), "{fault}");
    assert_eq!(server.at("/api/2.2/jobs/list").len(), 2);
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_even_for_a_create() {
    let server = oauth(json!(3600), |seen| {
        if seen.header("authorization") == "Bearer token-1" {
            Reply::text(401, r#"{"error_code":"UNAUTHENTICATED","message":"expired"}"#)
        } else {
            Reply::json(json!({"job_id": 5}))
        }
    });
    let databricks = connect(&server.url, &M2M);
    assert_eq!(databricks.send(&create()).await.unwrap().body["job_id"], 5);
    assert_eq!((server.at("/oidc/v1/token").len(), server.at("/api/2.2/jobs/create").len()), (2, 2));

    let server = oauth(json!(3600), |_| Reply::text(403, r#"{"error_code":403,"message":"Invalid access token."}"#));
    let databricks = connect(&server.url, &M2M);
    let fault = databricks.send(&get()).await.unwrap_err();
    assert_eq!((server.at("/oidc/v1/token").len(), server.at("/api/2.2/jobs/list").len()), (2, 2));
    assert!(fault.to_string().contains("signed in by oauth-m2m"), "{fault}");
}

#[tokio::test]
async fn a_personal_token_that_is_refused_is_not_tried_again() {
    let server = Server::start(|_, _| Reply::text(401, r#"{"message":"no"}"#));
    let fault = by_token(&server.url).send(&get()).await.unwrap_err();
    assert!(matches!(&fault, ServiceError::Refused { status: 401, .. }), "{fault}");
    assert!(fault.to_string().contains("signed in by pat"), "{fault}");
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn credentials_that_are_wrong_are_said_at_once_and_passing_troubles_are_waited_out() {
    let script = |first: Reply| {
        Server::start(move |seen, nth| match (seen.path.as_str(), nth) {
            ("/oidc/.well-known/oauth-authorization-server", _) => {
                Reply::json(json!({"token_endpoint": format!("http://{}/oidc/v1/token", seen.header("host"))}))
            }
            ("/oidc/v1/token", 1) => first.clone(),
            ("/oidc/v1/token", _) => Reply::json(json!({"access_token": "t", "expires_in": 3600})),
            _ => Reply::json(json!({})),
        })
    };
    let server = script(Reply::text(401, r#"{"error":"invalid_client","error_description":"who are you?"}"#));
    let fault = connect(&server.url, &M2M).send(&get()).await.unwrap_err();
    assert!(
        matches!(&fault, ServiceError::NotSent { why, .. } if why.contains("invalid_client: who are you?")),
        "{fault}"
    );
    assert_eq!((server.at("/oidc/v1/token").len(), server.at("/api/2.2/jobs/list").len()), (1, 0));

    let server = script(Reply::text(503, "busy"));
    connect(&server.url, &M2M).send(&get()).await.unwrap();
    assert_eq!(server.at("/oidc/v1/token").len(), 2);
}

#[tokio::test]
async fn github_s_identity_is_exchanged() {
    let server = oauth(json!(3600), |seen| {
        if seen.path == "/gh" { Reply::json(json!({"value": "jwt-of-github"})) } else { Reply::json(json!({})) }
    });
    let url = format!("{}/gh?api-version=2", server.url);
    let env = [
        ("ACTIONS_ID_TOKEN_REQUEST_URL", url.as_str()),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "request-token"),
        ("DATABRICKS_CLIENT_ID", "sp-1"),
        ("DATABRICKS_AUTH_TYPE", "github-oidc"),
    ];
    connect(&server.url, &env).send(&get()).await.unwrap();
    let asked = &server.at("/gh")[0];
    assert_eq!(asked.header("authorization"), "Bearer request-token");
    let audience = format!("{}/oidc/v1/token", server.url).replace(':', "%3A").replace('/', "%2F");
    assert_eq!(asked.query, format!("api-version=2&audience={audience}"));
    let exchanged = &server.at("/oidc/v1/token")[0];
    for part in ["subject_token=jwt-of-github", "grant-type%3Atoken-exchange", "token-type%3Ajwt", "client_id=sp-1"] {
        assert!(exchanged.body.contains(part), "{part}: {}", exchanged.body);
    }
    assert_eq!(exchanged.header("authorization"), "");
    assert_eq!(server.at("/api/2.2/jobs/list")[0].header("authorization"), "Bearer token-1");
}

#[tokio::test]
async fn identity_tokens_come_from_variables_and_files() {
    let server = oauth(json!(1), |_| Reply::json(json!({})));
    let env = [("MY_JWT", "jwt-1"), ("DATABRICKS_OIDC_TOKEN_ENV", "MY_JWT"), ("DATABRICKS_AUTH_TYPE", "env-oidc")];
    connect(&server.url, &env).send(&get()).await.unwrap();
    let body = &server.at("/oidc/v1/token")[0].body;
    assert!(body.contains("subject_token=jwt-1") && !body.contains("client_id"), "{body}");

    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let env = [("DATABRICKS_OIDC_TOKEN_FILEPATH", path), ("DATABRICKS_AUTH_TYPE", "file-oidc")];
    std::fs::write(path, "jwt-2\n").unwrap();
    let databricks = connect(&server.url, &env);
    databricks.send(&get()).await.unwrap();
    std::fs::write(path, "jwt-3\n").unwrap();
    tokio::time::sleep(Duration::from_millis(750)).await;
    databricks.send(&get()).await.unwrap();
    let asked = server.at("/oidc/v1/token");
    assert!(asked[1].body.contains("subject_token=jwt-2") && asked[2].body.contains("subject_token=jwt-3"));
}

#[cfg(unix)]
#[tokio::test]
async fn the_databricks_cli_gives_a_token_or_says_what_to_do() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let script = |text: &str| {
        let path = dir.path().join(format!("cli-{}", text.len()));
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let server = Server::start(|_, _| Reply::json(json!({})));
    let good = script(&format!(
        r#"[ "$1 $2 $3 $4" = "auth token --host {}" ] || exit 9
           echo '{{"access_token":"cli-token-1","token_type":"Bearer","expiry":"2099-01-01T00:00:00.1+02:00"}}'"#,
        server.url
    ));
    connect(&server.url, &[("DATABRICKS_CLI_PATH", &good)]).send(&get()).await.unwrap();
    assert_eq!(server.seen()[0].header("authorization"), "Bearer cli-token-1");

    let az = script(
        r#"[ "$5" = "--output" ] && [ "$8" = "tenant-1" ] || exit 9
           echo '{"accessToken":"az-token-1","expires_on":4070908800}'"#,
    );
    let mut config = DatabricksConfig::with_token(&server.url, TOKEN).unwrap();
    config.methods = vec![SignIn::AzureCli { program: az, tenant: Some("tenant-1".to_owned()) }];
    Databricks::with(config, QUICK, Box::new(|| 0.5)).unwrap().send(&get()).await.unwrap();
    assert_eq!(server.seen()[1].header("authorization"), "Bearer az-token-1");

    let bad = script("echo 'no cached credentials' >&2; exit 1");
    let fault = connect(&server.url, &[("DATABRICKS_CLI_PATH", &bad)]).send(&get()).await.unwrap_err().to_string();
    assert!(fault.contains("no cached credentials") && fault.contains("databricks auth login --host"), "{fault}");
    let odd = script("echo half-a-secret");
    let fault = connect(&server.url, &[("DATABRICKS_CLI_PATH", &odd)]).send(&get()).await.unwrap_err().to_string();
    assert!(!fault.contains("half-a-secret"), "{fault}");
    let none = dir.path().join("none").to_str().unwrap().to_owned();
    // Without a login, the next method is tried; when none works, every reason is told.
    let env = [("DATABRICKS_CLI_PATH", none.as_str()), ("DATABRICKS_OIDC_TOKEN", "jwt-1")];
    let fault = connect(&server.url, &env).send(&get()).await.unwrap_err().to_string();
    assert!(
        fault.contains("databricks-cli: ") && fault.contains("not installed") && fault.contains("; env-oidc: "),
        "{fault}"
    );
    assert_eq!(server.at("/api/2.2/jobs/list").len(), 2);
}

#[tokio::test]
async fn an_azure_service_principal_signs_in_at_its_tenant() {
    let server = Server::start(|seen, _| match seen.path.as_str() {
        "/aad/auth" => Reply::text(302, "").with("location", "https://login.example/tenant-1/oauth2/authorize?x=1"),
        "/tenant-1/oauth2/token" => Reply::json(json!({"access_token": "entra-1", "expires_in": "3599"})),
        _ => Reply::json(json!({})),
    });
    let mut config = DatabricksConfig::with_token(&server.url, TOKEN).unwrap();
    config.methods = vec![SignIn::AzureClientSecret {
        cloud: AzureCloud { login: server.url.clone() },
        tenant: None,
        client_id: "app-1".to_owned(),
        client_secret: Secret::new(CLIENT_SECRET),
    }];
    Databricks::with(config, QUICK, Box::new(|| 0.5)).unwrap().send(&get()).await.unwrap();
    let body = &server.at("/tenant-1/oauth2/token")[0].body;
    let resource = "resource=2ff814a6-3304-4ab8-85cb-cd0e6f879c1d";
    assert!(body.contains("client_id=app-1") && body.contains(CLIENT_SECRET) && body.contains(resource), "{body}");
    assert_eq!(server.at("/api/2.2/jobs/list")[0].header("authorization"), "Bearer entra-1");
}

#[tokio::test]
async fn a_host_of_several_workspaces_says_where_its_oauth_is() {
    let server = Server::start(|seen, _| match seen.path.as_str() {
        "/oidc/.well-known/oauth-authorization-server" => Reply::text(404, ""),
        "/.well-known/databricks-config" => Reply::json(json!({
            "oidc_endpoint": format!("http://{}/oidc/accounts/{{account_id}}/", seen.header("host")), "account_id": "acc",
        })),
        "/oidc/accounts/acc/.well-known/oauth-authorization-server" => {
            Reply::json(json!({"token_endpoint": format!("http://{}/acc/token", seen.header("host"))}))
        }
        "/acc/token" => Reply::json(json!({"access_token": "acc-1", "expires_in": 3600})),
        _ => Reply::json(json!({})),
    });
    connect(&server.url, &M2M).send(&get()).await.unwrap();
    assert_eq!(server.at("/api/2.2/jobs/list")[0].header("authorization"), "Bearer acc-1");
}

#[tokio::test]
async fn a_secret_does_not_go_out_in_the_clear() {
    let server = Server::start(|_, _| Reply::json(json!({"token_endpoint": "http://elsewhere.example/token"})));
    let fault = connect(&server.url, &M2M).send(&get()).await.unwrap_err();
    assert!(matches!(&fault, ServiceError::NotSent { why, .. } if why.contains("in the clear")), "{fault}");
}

#[tokio::test]
async fn waits_are_told_without_secrets() {
    let server =
        Server::start(
            |seen, nth| {
                if nth <= 2 { Reply::text(429, &seen.header("authorization")) } else { Reply::json(json!({})) }
            },
        );
    let told = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let kept = told.clone();
    let databricks = by_token(&server.url)
        .on_wait(Box::new(move |fault, wait| kept.lock().unwrap().push((fault.to_string(), wait))));
    databricks.send(&get()).await.unwrap();
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 2);
    assert!(told.iter().all(|(fault, wait)| fault.contains("429") && !fault.contains(TOKEN) && !wait.is_zero()));
}

#[tokio::test]
async fn what_may_be_repeated_is_repeated_until_it_succeeds() {
    for (call, status, body, sent) in [
        (get(), 503, "", 3),
        (get(), 429, "", 3),
        (get(), 502, "", 3),
        (put(), 504, "", 3),
        (put(), 500, r#"{"message":"rpc deadline exceeded"}"#, 3),
        (get(), 500, "", 1),
        (get(), 400, "", 1),
        (create(), 503, "", 1),
        (create(), 429, "", 3),
        (create(), 502, "", 1),
        (create(), 500, r#"{"message":"rpc deadline exceeded"}"#, 1),
    ] {
        let server =
            Server::start(move |_, nth| if nth <= 2 { Reply::text(status, body) } else { Reply::json(json!({})) });
        let databricks = by_token(&server.url);
        let result = databricks.send(&call).await;
        assert_eq!((server.count(), result.is_ok()), (sent, sent == 3), "{} {status}", call.line());
        assert_eq!(databricks.requests().count(), sent as u64);
    }
}

#[tokio::test]
async fn what_the_service_asks_to_wait_is_waited_by_all() {
    let server =
        Server::start(
            |_, nth| {
                if nth == 1 { Reply::text(429, "").with("retry-after", "1") } else { Reply::json(json!({})) }
            },
        );
    let databricks = by_token(&server.url);
    let began = Instant::now();
    let other = async {
        tokio::time::sleep(Duration::from_millis(600)).await;
        databricks.send(&get()).await.unwrap();
        began.elapsed()
    };
    let call = get();
    let (first, other) = tokio::join!(databricks.send(&call), other);
    first.unwrap();
    assert!(began.elapsed() >= Duration::from_secs(1) && other >= Duration::from_secs(1), "{other:?}");

    let server = Server::start(|_, _| Reply::text(429, "").with("retry-after", "Fri, 31 Dec 2199 23:59:59 GMT"));
    let fault = by_token(&server.url).send(&create()).await.unwrap_err();
    let ServiceError::Refused { retry_after: Some(wait), .. } = fault else { panic!("{fault}") };
    assert!(wait > Duration::from_secs(3600 * 24 * 365 * 100));
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn never_more_than_eight_at_once() {
    let server = Server::start(|_, _| Reply::json(json!({})).after(Duration::from_millis(10)));
    let databricks = std::sync::Arc::new(by_token(&server.url));
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..120 {
        let databricks = databricks.clone();
        calls.spawn(async move { databricks.send(&get()).await.map(drop) });
    }
    while let Some(done) = calls.join_next().await {
        done.unwrap().unwrap();
    }
    assert!((5..=8).contains(&server.most_at_once()), "{}", server.most_at_once());
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_lost() {
    for (bytes, why) in [
        ("", ""),
        ("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"job", ""),
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n{\"job", "not JSON"),
        ("HTTP/1.1 200 OK\r\nconte", ""),
    ] {
        let server = broken_server(bytes).await;
        let fault = by_token(&server.url).send(&create()).await.unwrap_err();
        assert!(
            matches!(&fault, ServiceError::Lost { why: w, .. } if w.contains(why)) && fault.may_have_happened(),
            "{fault}"
        );
        assert_eq!(server.count(), 1, "{bytes}");
        let fault = by_token(&server.url).send(&get()).await.unwrap_err();
        assert!(matches!(fault, ServiceError::Lost { .. }), "{fault}");
        assert_eq!(server.count(), 1 + QUICK.unanswered as usize, "{bytes}");
    }
    // A status that says no is an answer, however it ends.
    let server = broken_server("HTTP/1.1 404 Not Found\r\ncontent-length: 100\r\n\r\n{").await;
    let fault = by_token(&server.url).send(&create()).await.unwrap_err();
    assert!(matches!(fault, ServiceError::Refused { status: 404, .. }), "{fault}");
}

#[tokio::test]
async fn a_web_page_instead_of_an_answer_is_told_at_once() {
    let server = Server::start(|_, _| Reply::text(200, "<!doctype html><title>Sign in</title>"));
    for call in [get(), create()] {
        let fault = by_token(&server.url).send(&call).await.unwrap_err();
        assert!(matches!(&fault, ServiceError::Lost { why, .. } if why.contains("web page")), "{fault}");
    }
    assert_eq!(server.count(), 2);
    let server = Server::start(|_, _| Reply::text(302, "").with("location", "https://elsewhere.example/login?t=1"));
    let fault = by_token(&server.url).send(&get()).await.unwrap_err();
    assert!(fault.to_string().contains("redirects to https://elsewhere.example/login:"), "{fault}");
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn a_host_that_cannot_be_reached_was_not_sent_anything() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let databricks = by_token(&format!("http://127.0.0.1:{port}"));
    let fault = databricks.send(&create()).await.unwrap_err();
    assert!(matches!(fault, ServiceError::NotSent { .. }) && !fault.may_have_happened(), "{fault}");
    assert_eq!(databricks.requests().count(), u64::from(QUICK.unanswered));
}

#[tokio::test]
async fn tls_that_fails_is_told_at_once() {
    // It speaks HTTP without TLS, which is what a wrong port often does.
    let server = Server::start(|_, _| Reply::json(json!({})));
    let databricks = by_token(&server.url.replace("http://127.0.0.1", "https://localhost"));
    let fault = databricks.send(&create()).await.unwrap_err();
    assert!(matches!(fault, ServiceError::NotSent { .. }), "{fault}");
    assert_eq!((databricks.requests().count(), server.count()), (1, 0));
}

#[tokio::test]
async fn a_token_that_no_header_can_carry_is_told() {
    let server = Server::start(|_, _| Reply::json(json!({})));
    let fault = connect(&server.url, &[("DATABRICKS_TOKEN", "dapi\u{1}\nx")]).send(&get()).await.unwrap_err();
    assert!(matches!(&fault, ServiceError::NotSent { why, .. } if why.contains("no header")), "{fault}");
}

#[tokio::test]
async fn errors_say_what_the_service_said() {
    for (body, code, message) in [
        (
            r#"{"error_code":"INVALID_PARAMETER_VALUE","message":"Job 1 does not exist."}"#,
            "INVALID_PARAMETER_VALUE",
            "Job 1 does not exist.",
        ),
        ("<html><pre>Cluster &lt;x&gt; is bad.</pre></html>", "BAD_REQUEST", "Cluster <x> is bad"),
        ("PERMISSION_DENIED: not yours", "PERMISSION_DENIED", "not yours"),
    ] {
        let server = Server::start(move |_, _| Reply::text(400, body).with("x-databricks-request-id", "req-9"));
        let fault = by_token(&server.url).send(&get()).await.unwrap_err();
        let ServiceError::Refused { status: 400, code: c, message: m, request_id, .. } = &fault else {
            panic!("{fault}")
        };
        assert_eq!((c.as_str(), m.as_str(), request_id.as_deref()), (code, message, Some("req-9")));
    }
}

#[tokio::test]
async fn whatever_a_server_echoes_no_secret_shows() {
    let echo = |seen: &server::Seen| {
        use base64::Engine;
        let auth = seen.header("authorization");
        let plain =
            auth.strip_prefix("Basic ").and_then(|text| base64::engine::general_purpose::STANDARD.decode(text).ok());
        let plain = String::from_utf8(plain.unwrap_or_default()).unwrap();
        format!("you sent {auth} {plain} {} {}", seen.query, seen.body)
    };
    let secrets =
        [TOKEN, CLIENT_SECRET, "hunter33-password", "request-token-xyz", "jwt-of-github-xyz", "access-token-xyz"];
    let methods: [Vec<(&str, &str)>; 4] = [
        vec![("DATABRICKS_TOKEN", TOKEN)],
        vec![("DATABRICKS_USERNAME", "ann"), ("DATABRICKS_PASSWORD", "hunter33-password")],
        M2M.to_vec(),
        vec![
            ("ACTIONS_ID_TOKEN_REQUEST_URL", "REPLACED"),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "request-token-xyz"),
            ("DATABRICKS_AUTH_TYPE", "github-oidc"),
        ],
    ];
    for failing in ["/api/2.2/jobs/list", "/oidc/v1/token", "/gh"] {
        for status in [400, 401, 500, 302] {
            let server = Server::start(move |seen, _| match seen.path.as_str() {
                path if path == failing => Reply::text(status, &echo(seen))
                    .with("x-request-id", &seen.header("authorization"))
                    .with("location", &format!("/x?{}", seen.header("authorization"))),
                "/oidc/.well-known/oauth-authorization-server" => {
                    Reply::json(json!({"token_endpoint": format!("http://{}/oidc/v1/token", seen.header("host"))}))
                }
                "/oidc/v1/token" => Reply::json(json!({"access_token": "access-token-xyz", "expires_in": 3600})),
                "/gh" => Reply::json(json!({"value": "jwt-of-github-xyz"})),
                _ => Reply::json(json!({})),
            });
            for env in &methods {
                let gh = format!("{}/gh?x=1", server.url);
                let env: Vec<_> =
                    env.iter().map(|(n, v)| (*n, if *v == "REPLACED" { gh.as_str() } else { v })).collect();
                let result = connect(&server.url, &env).send(&get()).await;
                let shown = match result {
                    Ok(answer) => format!("{answer:?}"),
                    Err(fault) => format!("{fault} {fault:?}"),
                };
                for secret in secrets {
                    assert!(!shown.contains(secret), "{secret} after {failing} {status}: {shown}");
                }
            }
        }
    }
}

#[tokio::test]
async fn all_pages_are_read_or_none() {
    let list = || Read::tokens(get().query("limit", "100"));
    let page = |token: &str| match token {
        "" => json!({"jobs": [1], "next_page_token": "p 2"}),
        "p 2" => json!({"jobs": [2], "next_page_token": "p3"}),
        _ => json!({"jobs": [3], "next_page_token": ""}),
    };
    let token = |seen: &server::Seen| {
        let mut pairs = seen.query.split('&').filter_map(|pair| pair.strip_prefix("page_token="));
        pairs.next().unwrap_or_default().replace('+', " ")
    };
    let server = Server::start(move |seen, _| Reply::json(page(&token(seen))));
    let pages = read(&by_token(&server.url), &list()).await.unwrap();
    assert_eq!(pages.iter().map(|page| page["jobs"][0].clone()).collect::<Vec<_>>(), [json!(1), json!(2), json!(3)]);
    assert_eq!(server.seen()[2].query, "limit=100&page_token=p3");
    assert_eq!(read(&by_token(&server.url), &Read::single(get())).await.unwrap().len(), 1);

    for (second, part) in [
        (Reply::json(json!({"next_page_token": "p"})), "never end"),
        (Reply::json(json!({"has_more": true})), "there is more"),
        (Reply::json(json!({"next_page_token": {}})), "neither text nor number"),
        (Reply::text(200, ""), "empty"),
        (Reply::json(json!([])), "no object"),
        (Reply::text(403, "PERMISSION_DENIED: no"), "PERMISSION_DENIED"),
    ] {
        let server =
            Server::start(
                move |_, nth| {
                    if nth == 1 { Reply::json(json!({"next_page_token": "p"})) } else { second.clone() }
                },
            );
        let fault = read(&by_token(&server.url), &list()).await.unwrap_err();
        assert!(fault.to_string().contains(part), "{part}: {fault}");
        assert_eq!(server.count(), 2);
    }
}

#[test]
fn services_can_be_used_from_any_thread() {
    fn shared<T: Send + Sync>(_: &T) {}
    fn sendable<T: Send>(_: T) {}
    shared(&Services::default());
    let databricks = by_token("http://127.0.0.1:1");
    sendable(read(&databricks, &Read::single(get())));
}

#[tokio::test]
async fn services_know_who_and_where() {
    let server = Server::start(|seen, _| match seen.path.as_str() {
        "/api/2.0/preview/scim/v2/Me" => {
            Reply::json(json!({"userName": "ann@example.com"})).with("x-databricks-org-id", "77")
        }
        _ => Reply::text(404, ""),
    });
    let services = Services::default().with_databricks(by_token(&server.url));
    let expected = Identity { user: "ann@example.com".to_owned(), workspace_id: Some("77".to_owned()) };
    assert_eq!(services.identity().await.unwrap(), expected);
    assert_eq!((services.requests(System::Databricks), services.requests(System::Emr)), (1, 0));
    let Err(fault) = services.for_system(System::Airflow) else { panic!("there is no Airflow") };
    assert!(fault.to_string().contains("add `airflow`"), "{fault}");

    // A service that doesn't say it in a header may say it in the host's metadata.
    let server = Server::start(|seen, _| match seen.path.as_str() {
        "/.well-known/databricks-config" => Reply::json(json!({"workspace_id": "78"})),
        _ => Reply::json(json!({"userName": "bob"})),
    });
    let services = Services::default().with_databricks(by_token(&server.url));
    assert_eq!(services.identity().await.unwrap().workspace_id.as_deref(), Some("78"));
}
