//! The requests that real clients send, byte by byte, over a socket: `databricks bundle` and `sync`, the Terraform provider.

use super::Fixture;
use plumb_sandbox::SandboxOptions;
use reqwest::{Method, header::CONTENT_TYPE};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Sends these bytes as they are: a client library may not encode or decode the path once more. Answers the head and the
/// body.
async fn raw(fixture: &Fixture, method: &str, path: &str, media: Option<&str>, body: &[u8]) -> (String, Vec<u8>) {
    let mut stream = tokio::net::TcpStream::connect(fixture.running.addr).await.unwrap();
    let media = media.map_or_else(String::new, |media| format!("Content-Type: {media}\r\n"));
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer t\r\nConnection: close\r\n{media}\
         Content-Length: {}\r\n\r\n",
        fixture.running.addr,
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
    (String::from_utf8(answer[..end].to_vec()).unwrap().to_lowercase(), answer[end + 4..].to_vec())
}

fn status(answer: &(String, Vec<u8>)) -> u16 {
    answer.0.split(' ').nth(1).unwrap().parse().unwrap()
}

const HOME: &str = "/Workspace/Users/someone@example.com";
/// The same, as databricks/cli writes it into a path: one segment.
const HOME_IN_ONE: &str = "Workspace%2FUsers%2Fsomeone@example.com";
const NOTEBOOK: &[u8] = b"# Databricks notebook source\nprint(1)\n";

async fn upload(fixture: &Fixture, path: &str, overwrite: bool, media: Option<&str>, body: &[u8]) -> (u16, Vec<u8>) {
    let path = format!("/api/2.0/workspace-files/import-file/{path}?overwrite={overwrite}");
    let answer = raw(fixture, "POST", &path, media, body).await;
    (status(&answer), answer.1)
}

async fn status_of(fixture: &Fixture, path: &str) -> Value {
    fixture.get(&format!("/api/2.0/workspace/get-status?path={path}")).await
}

#[tokio::test]
async fn a_bundle_uploads_its_files() {
    let fixture = Fixture::plain().await;
    let file = format!("{HOME_IN_ONE}%2F.bundle%2Fx%2Fstate.json");
    // The parent folder is missing: the CLI makes it and sends the file again.
    let (status, body) = upload(&fixture, &file, true, None, b"{}").await;
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, &body["error_code"]), (404, &json!("RESOURCE_DOES_NOT_EXIST")), "{body}");
    fixture.post("/api/2.0/workspace/mkdirs", json!({ "path": format!("{HOME}/.bundle/x") })).await;
    // JSON, broken JSON, no text at all, and every media type: the bytes are the file.
    let bodies: [(&[u8], Option<&str>); 5] = [
        (b"{}", None),
        (b"{\"broken\"", Some("application/json")),
        (b"\x00\xff\r\n\r\n", Some("application/octet-stream")),
        (b"", None),
        (b"a=b&c=%7B", Some("application/x-www-form-urlencoded")),
    ];
    for (bytes, media) in bodies {
        assert_eq!(upload(&fixture, &file, true, media, bytes).await, (200, Vec::new()), "{media:?}");
        let path = format!("/api/2.0/workspace/export?direct_download=true&path={HOME}/.bundle/x/state.json");
        let answer = fixture.send(Method::GET, &path, Value::Null).await.unwrap();
        assert_eq!(answer.bytes().await.unwrap(), bytes, "{media:?}");
    }
    assert_eq!(upload(&fixture, &file, false, None, b"{}").await.0, 409, "the file exists");
    // Plain slashes are the same path, and a percent sign of a name is decoded once.
    let plain = "Workspace/Users/someone@example.com/.bundle/x/100%2525.txt";
    assert_eq!(upload(&fixture, plain, false, None, b"x").await.0, 200);
    assert_eq!(status_of(&fixture, &format!("{HOME}/.bundle/x/100%2525.txt")).await["size"], 1);
    let log = fixture.get("/_sandbox/requests").await.to_string();
    assert!(!log.contains("broken"), "what is in a file is not in the log");
}

#[tokio::test]
async fn an_uploaded_notebook_is_one_and_loses_its_extension() {
    let fixture = Fixture::plain().await;
    const CELL: &str = r#"{"cells": [{"cell_type": "code", "source": ["print(1)"]}], "metadata": {}}"#;
    type Case = (&'static str, &'static [u8], &'static str, Option<&'static str>, &'static str);
    let cases: [Case; 6] = [
        ("n.py", NOTEBOOK, "n", Some("PYTHON"), "SOURCE"),
        ("q.sql", b"-- Databricks notebook source\nSELECT 1", "q", Some("SQL"), "SOURCE"),
        ("s.scala", b"// Databricks notebook source\n1", "s", Some("SCALA"), "SOURCE"),
        ("r.r", b"# Databricks notebook source\n1", "r", Some("R"), "SOURCE"),
        ("j.ipynb", CELL.as_bytes(), "j", Some("PYTHON"), "JUPYTER"),
        ("plain.py", b"print(1)", "plain.py", None, ""),
    ];
    for (name, bytes, shown, language, format) in cases {
        assert_eq!(upload(&fixture, &format!("{HOME_IN_ONE}%2F{name}"), false, None, bytes).await.0, 200, "{name}");
        let seen = status_of(&fixture, &format!("{HOME}/{shown}&return_export_info=true")).await;
        let kind = if language.is_some() { "NOTEBOOK" } else { "FILE" };
        assert_eq!((&seen["object_type"], seen["language"].as_str()), (&json!(kind), language), "{name}");
        assert_eq!(seen["repos_export_format"].as_str(), language.map(|_| format), "{name}");
        assert_eq!(seen["path"], format!("{HOME}/{shown}"), "the path is shown as it was asked for");
    }
    // What the CLI anchors on where a notebook of that name exists.
    let (status, body) = upload(&fixture, &format!("{HOME_IN_ONE}%2Fn.py"), false, None, NOTEBOOK).await;
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(status, 400);
    assert!(body["message"].as_str().unwrap().contains("already exists."), "{body}");
    // A notebook that was made without a header has one when it is exported.
    let made =
        json!({ "path": format!("{HOME}/made"), "format": "SOURCE", "language": "SQL", "content": "U0VMRUNUIDE=" });
    fixture.post("/api/2.0/workspace/import", made).await;
    let export = async |path: &str, format: &str| {
        let path = format!("/api/2.0/workspace/export?direct_download=true&format={format}&path={HOME}/{path}");
        let answer = fixture.send(Method::GET, &path, Value::Null).await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.bytes().await.unwrap()
    };
    assert_eq!(export("made", "SOURCE").await, "-- Databricks notebook source\nSELECT 1");
    assert_eq!(export("n", "SOURCE").await, NOTEBOOK);
    assert_eq!(export("j", "SOURCE").await, "# Databricks notebook source\nprint(1)\n", "no JSON");
    assert_eq!(export("j", "AUTO").await, CELL);
    let jupyter: Value = serde_json::from_slice(&export("n", "JUPYTER").await).unwrap();
    assert_eq!(jupyter["cells"][0]["source"], "print(1)");
    assert!(export("n", "HTML").await.starts_with(b"<!DOCTYPE html>"));
    assert!(export("", "DBC").await.starts_with(b"PK\x03\x04"), "a folder is an archive");
    // AUTO tells notebooks like an upload does.
    let auto = json!({ "path": format!("{HOME}/auto.ipynb"), "format": "AUTO", "content": "e30=" });
    fixture.post("/api/2.0/workspace/import", auto).await;
    assert_eq!(status_of(&fixture, &format!("{HOME}/auto")).await["object_type"], "NOTEBOOK");
}

#[tokio::test]
async fn listings_keep_the_prefix_and_show_homes() {
    let fixture = Fixture::plain().await;
    upload(&fixture, &format!("{HOME_IN_ONE}%2Fn.py"), false, None, NOTEBOOK).await;
    let paths = async |of: &str| {
        let list = fixture.get(&format!("/api/2.0/workspace/list?path={of}")).await;
        let objects = list["objects"].as_array().cloned().unwrap_or_default();
        objects.iter().map(|o| o["path"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(paths("/Users").await, ["/Users/someone@example.com"]);
    assert_eq!(paths("/Workspace").await, ["/Workspace/Users", "/Workspace/Shared", "/Workspace/Repos"]);
    assert_eq!(paths(HOME).await, [format!("{HOME}/n")]);
    assert_eq!(paths("//Users//someone@example.com/").await, ["/Users/someone@example.com/n"]);
}

#[tokio::test]
async fn who_may_not_write_is_refused() {
    let fixture = Fixture::plain().await;
    fixture.post("/api/2.0/workspace/mkdirs", json!({ "path": "/Users/other@example.com/x" })).await;
    let id = status_of(&fixture, "/Users/other@example.com/x").await["object_id"].clone();
    fixture.post("/_sandbox/settings", json!({ "caller_is_admin": false })).await;
    let theirs = "Workspace%2FUsers%2Fother@example.com%2Fx%2Ff";
    let (status, body) = upload(&fixture, theirs, true, None, b"x").await;
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, &body["error_code"]), (403, &json!("PERMISSION_DENIED")));
    assert_eq!(upload(&fixture, &format!("{HOME_IN_ONE}%2Ff"), true, None, b"x").await.0, 200, "his own home");
    let acl =
        json!({ "access_control_list": [{ "user_name": "someone@example.com", "permission_level": "CAN_EDIT" }] });
    let path = format!("/api/2.0/permissions/directories/{id}");
    assert_eq!(fixture.ask(Method::PATCH, &path, acl).await.0, 200);
    assert_eq!(upload(&fixture, theirs, true, None, b"x").await.0, 200, "allowed by the folder's permissions");
}

#[tokio::test]
async fn a_bundles_permissions_are_put_on_its_folder() {
    let fixture = Fixture::plain().await;
    fixture.post("/api/2.0/workspace/mkdirs", json!({ "path": format!("{HOME}/.bundle/x") })).await;
    let id = status_of(&fixture, &format!("{HOME}/.bundle/x")).await["object_id"].clone();
    let path = format!("/api/2.0/permissions/directories/{id}");
    let acl = json!({ "access_control_list": [{ "group_name": "data", "permission_level": "CAN_MANAGE" }] });
    let (status, seen) = fixture.ask(Method::PUT, &path, acl).await;
    assert_eq!((status, &seen["object_type"]), (200, &json!("directory")));
    let mut names: Vec<&str> = Vec::new();
    for entry in seen["access_control_list"].as_array().unwrap() {
        names.extend(["user_name", "group_name"].iter().filter_map(|n| entry[*n].as_str()));
    }
    assert_eq!(names, ["data", "someone@example.com", "admins"]);
    let levels = fixture.get(&format!("{path}/permissionLevels")).await;
    let levels: Vec<&str> = levels["permission_levels"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| l["permission_level"].as_str().unwrap())
        .collect();
    assert_eq!(levels, ["CAN_READ", "CAN_RUN", "CAN_EDIT", "CAN_MANAGE"]);
}

#[tokio::test]
async fn the_rest_of_what_clients_ask_is_answered() {
    let fixture = Fixture::plain().await;
    let telemetry = raw(&fixture, "POST", "/telemetry-ext", Some("application/json"), b"{\"uploadTime\": 1}").await;
    let body: Value = serde_json::from_slice(&telemetry.1).unwrap();
    assert_eq!((status(&telemetry), body), (200, json!({ "errors": [], "numProtoSuccess": 1 })));
    // Lists that may be empty are objects.
    for path in ["secrets/scopes/list", "sql/warehouses", "dbfs/list?path=/"] {
        assert_eq!(fixture.get(&format!("/api/2.0/{path}")).await, json!({}), "{path}");
    }
    for kind in ["Groups", "Users", "ServicePrincipals"] {
        let list = fixture.get(&format!("/api/2.0/preview/scim/v2/{kind}?count=1")).await;
        assert_eq!(list["startIndex"], 1, "{kind}: {list}");
    }
    // The media type that SCIM clients send, and a status of its own.
    let url = format!("{}/api/2.0/preview/scim/v2/Groups", fixture.running.url());
    let request = fixture.client.post(url).bearer_auth("t").header(CONTENT_TYPE, "application/scim+json");
    let made = request.body(r#"{"displayName": "data"}"#).send().await.unwrap();
    assert_eq!(made.status(), 201);
    // The value of a secret is not in the log.
    fixture.post("/api/2.0/secrets/scopes/create", json!({ "scope": "s" })).await;
    let secret = json!({ "scope": "s", "key": "k", "string_value": "hush" });
    assert_eq!(fixture.post("/api/2.0/secrets/put", secret).await, json!({}));
    assert!(!fixture.get("/_sandbox/requests").await.to_string().contains("hush"));
    let policy = fixture.post("/api/2.0/policies/clusters/create", json!({ "name": "p", "definition": "{}" })).await;
    let id = policy["policy_id"].as_str().unwrap();
    for kind in ["clusters", "jobs"] {
        let list = fixture.get(&format!("/api/2.0/policies/{kind}/list-compliance?policy_id={id}")).await;
        assert_eq!(list, json!({ "next_page_token": "", "prev_page_token": "" }), "{kind}");
    }
}

#[tokio::test]
async fn files_of_a_volume_are_bytes_with_a_date() {
    let fixture = Fixture::plain().await;
    let path = "/api/2.0/fs/files/Volumes/c/s/v/a%20b.bin";
    let put = raw(&fixture, "PUT", &format!("{path}?overwrite=true"), Some("application/octet-stream"), b"{\x00").await;
    assert_eq!((status(&put), put.1), (204, Vec::new()));
    let got = raw(&fixture, "GET", path, None, b"").await;
    assert_eq!((status(&got), got.1.as_slice()), (200, b"{\x00".as_slice()));
    let head = raw(&fixture, "HEAD", path, None, b"").await;
    assert_eq!((status(&head), head.1.len()), (200, 0));
    for header in ["content-length: 2", "last-modified: wed, 01 may 2024 21:46:40 gmt"] {
        assert!(head.0.contains(header), "{header}: {}", head.0);
    }
    let missing = raw(&fixture, "HEAD", "/api/2.0/fs/files/Volumes/c/s/v/none", None, b"").await;
    assert_eq!(status(&missing), 404);
}

#[tokio::test]
async fn several_triggers_are_a_feature_that_a_workspace_may_lack() {
    let fixture = Fixture::plain().await;
    let job = json!({ "triggers": [{ "file_arrival": { "url": "s3://b/" } }] });
    fixture.post("/api/2.2/jobs/create", job.clone()).await;
    fixture.post("/_sandbox/settings", json!({ "several_triggers": false })).await;
    let (status, body) = fixture.ask(Method::POST, "/api/2.2/jobs/create", job).await;
    assert_eq!((status, &body["error_code"]), (404, &json!("FEATURE_DISABLED")));
}

#[tokio::test]
async fn new_files_and_secrets_outlive_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let options = SandboxOptions { state: Some(dir.path().join("state.json")), ..SandboxOptions::default() };
    let first = Fixture::start(options.clone()).await;
    upload(&first, &format!("{HOME_IN_ONE}%2Fn.py"), false, None, NOTEBOOK).await;
    first.post("/api/2.0/secrets/scopes/create", json!({ "scope": "s" })).await;
    raw(&first, "PUT", "/api/2.0/fs/files/Volumes/c/s/v/f", None, b"x").await;
    first.running.stop().await.unwrap();
    let second = Fixture::start(options).await;
    assert_eq!(status_of(&second, &format!("{HOME}/n")).await["object_type"], "NOTEBOOK");
    assert_eq!(second.get("/api/2.0/secrets/scopes/list").await["scopes"][0]["name"], "s");
    let got = raw(&second, "GET", "/api/2.0/fs/files/Volumes/c/s/v/f", None, b"").await;
    assert_eq!(got.1, b"x");
}
