//! Workspace files and folders, API 2.0.

use super::{paging, text};
use crate::sandbox::{
    errors::{ApiError, Handled},
    request::Request,
    store::Store,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A file, a notebook or a folder.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Node {
    pub object_id: u64,
    /// `DIRECTORY`, `NOTEBOOK` or `FILE`.
    pub object_type: String,
    pub language: Option<String>,
    /// Base64.
    pub content: String,
    pub created_at: i64,
    pub modified_at: i64,
}

/// Answers `workspace/VERB`.
pub fn handle(store: &mut Store, request: &Request, verb: &str) -> Option<Handled> {
    Some(match (request.method.as_str(), verb) {
        ("POST", "import") => import(store, request),
        ("GET", "export") => export(store, request),
        ("POST", "mkdirs") => path(request).and_then(|path| mkdirs(store, &path)),
        ("GET", "list") => list(store, request),
        ("GET", "get-status") => path(request).and_then(|path| {
            let shown_path = request.required("path")?;
            find(store, &path).map(|node| shown(&shown_path, &node))
        }),
        ("POST", "delete") => delete(store, request),
        _ => return None,
    })
}

/// The path without `/Workspace`, which is another name for the root, and without a slash at the end.
fn path(request: &Request) -> Result<String, ApiError> {
    let given = request.required("path")?;
    if !given.starts_with('/') {
        return Err(ApiError::invalid(format!("Path ({given}) doesn't start with '/'")));
    }
    let inner = match given.strip_prefix("/Workspace") {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => rest,
        _ => given.as_str(),
    };
    let trimmed = inner.trim_end_matches('/');
    Ok(if trimmed.is_empty() { "/".to_owned() } else { trimmed.to_owned() })
}

/// Folders that are always there.
fn is_root(path: &str) -> bool {
    ["/", "/Users", "/Shared", "/Repos"].contains(&path)
        || (path.starts_with("/Users/") && path.matches('/').count() == 2)
}

fn parent(path: &str) -> &str {
    match path.rfind('/') {
        Some(0) | None => "/",
        Some(at) => &path[..at],
    }
}

fn root() -> Node {
    let object_type = "DIRECTORY".to_owned();
    Node { object_id: 1, object_type, language: None, content: String::new(), created_at: 0, modified_at: 0 }
}

fn find(store: &Store, path: &str) -> Result<Node, ApiError> {
    if let Some(node) = store.databricks.workspace.get(path) {
        return Ok(node.clone());
    }
    if is_root(path) {
        return Ok(root());
    }
    Err(ApiError::missing(format!("Path ({path}) doesn't exist.")))
}

fn shown(path: &str, node: &Node) -> Value {
    let mut shown = json!({
        "path": path, "object_type": node.object_type, "object_id": node.object_id, "resource_id": node.object_id.to_string(),
    });
    if node.object_type != "DIRECTORY" {
        shown["created_at"] = json!(node.created_at);
        shown["modified_at"] = json!(node.modified_at);
    }
    match &node.language {
        Some(language) => shown["language"] = json!(language),
        None if node.object_type == "FILE" => {
            shown["size"] = json!(STANDARD.decode(&node.content).map_or(0, |bytes| bytes.len()));
        }
        None => {}
    }
    shown
}

/// A file's content may have 10 MB (Workspace API reference).
const LARGEST: usize = 10 << 20;

fn import(store: &mut Store, request: &Request) -> Handled {
    let given = request.required("path")?;
    let mut path = path(request)?;
    let format = request.param("format").unwrap_or_else(|| "SOURCE".to_owned());
    let content = request.param("content").unwrap_or_default();
    let bytes = STANDARD.decode(&content).map_err(|_| ApiError::invalid("content is not valid base64."))?;
    if bytes.len() > LARGEST {
        return Err(ApiError::new(400, "MAX_NOTEBOOK_SIZE_EXCEEDED", "The content exceeds the limit of 10 MB."));
    }
    let language = match format.as_str() {
        "SOURCE" => Some(
            request
                .param("language")
                .ok_or_else(|| ApiError::invalid("The language is required when the format is SOURCE."))?,
        ),
        "JUPYTER" | "DBC" | "HTML" => Some("PYTHON".to_owned()),
        // A notebook tells itself by its first line; its extension is then left off (Workspace API reference).
        "AUTO" if bytes.starts_with(b"# Databricks notebook source") && path.ends_with(".py") => {
            path.truncate(path.len() - 3);
            Some("PYTHON".to_owned())
        }
        "AUTO" | "RAW" => None,
        other => return Err(ApiError::invalid(format!("Unknown import format: {other}"))),
    };
    if !store.databricks.workspace.contains_key(parent(&path)) && !is_root(parent(&path)) {
        return Err(ApiError::missing(format!("The parent folder ({}) does not exist.", parent(&given))));
    }
    let now = store.now();
    let before = store.databricks.workspace.get(&path).cloned();
    if let Some(before) = &before
        && (before.object_type == "DIRECTORY" || !request.flag("overwrite"))
    {
        return Err(ApiError::exists(format!("Path ({given}) already exists.")));
    }
    let (object_id, created_at) = match &before {
        Some(node) => (node.object_id, node.created_at),
        None => (3_000_000_000_000 + store.serial(), now),
    };
    let object_type = if language.is_some() { "NOTEBOOK" } else { "FILE" }.to_owned();
    store
        .databricks
        .workspace
        .insert(path, Node { object_id, object_type, language, content, created_at, modified_at: now });
    Ok(json!({ "object_id": object_id }))
}

fn export(store: &Store, request: &Request) -> Handled {
    let node = find(store, &path(request)?)?;
    if node.object_type == "DIRECTORY" {
        return Err(ApiError::invalid("A folder can only be exported as DBC."));
    }
    if request.flag("direct_download") {
        return Ok(json!({ DOWNLOAD: node.content }));
    }
    let file_type = match node.language.as_deref() {
        Some("PYTHON") => "py",
        Some("SQL") => "sql",
        Some("SCALA") => "scala",
        Some("R") => "r",
        _ => "",
    };
    Ok(json!({ "content": node.content, "file_type": file_type }))
}

const DOWNLOAD: &str = "\u{0}download";

/// The bytes of an answer that is a download.
pub fn download(answer: &Value) -> Option<Vec<u8>> {
    text(answer, DOWNLOAD)
        .or_else(|| answer.get(DOWNLOAD).and_then(Value::as_str))
        .and_then(|c| STANDARD.decode(c).ok())
}

fn mkdirs(store: &mut Store, path: &str) -> Handled {
    let mut missing = Vec::new();
    let mut at = path;
    while !is_root(at) {
        match store.databricks.workspace.get(at) {
            Some(node) if node.object_type == "DIRECTORY" => break,
            Some(_) => return Err(ApiError::exists(format!("Path ({at}) already exists and is no folder."))),
            None => missing.push(at.to_owned()),
        }
        at = parent(at);
    }
    for path in missing {
        let object_id = 3_000_000_000_000 + store.serial();
        let now = store.now();
        store.databricks.workspace.insert(path, Node { object_id, created_at: now, modified_at: now, ..root() });
    }
    Ok(json!({}))
}

fn list(store: &Store, request: &Request) -> Handled {
    let given = request.required("path")?;
    let path = path(request)?;
    let node = find(store, &path)?;
    if node.object_type != "DIRECTORY" {
        return Ok(json!({ "objects": [shown(&given, &node)] }));
    }
    let inside = |p: &str| p != path && parent(p) == path;
    let own = store.databricks.workspace.iter().filter(|(p, _)| inside(p)).map(|(p, n)| shown(p, n));
    let roots = ["/Users", "/Shared", "/Repos"].into_iter().filter(|p| inside(p)).map(|p| shown(p, &root()));
    Ok(paging::listing("objects", own.chain(roots).collect()).into())
}

fn delete(store: &mut Store, request: &Request) -> Handled {
    let path = path(request)?;
    find(store, &path)?;
    if is_root(&path) {
        return Err(ApiError::denied(format!("Path ({path}) cannot be deleted.")));
    }
    let below = format!("{path}/");
    let full = store.databricks.workspace.keys().any(|p| p.starts_with(&below));
    if full && !request.flag("recursive") {
        return Err(ApiError::new(400, "DIRECTORY_NOT_EMPTY", format!("Folder ({path}) is not empty")));
    }
    store.databricks.workspace.retain(|p, _| *p != path && !p.starts_with(&below));
    Ok(json!({}))
}

#[cfg(test)]
mod tests {
    use super::super::route;
    use super::*;
    use crate::sandbox::store::Clock;

    fn ask(store: &mut Store, method: &str, path: &str, body: Value) -> Handled {
        route(store, &Request::internal(method, &format!("/api/2.0/workspace/{path}"), "me@example.com", body))
    }

    #[test]
    fn a_file_is_not_overwritten_unless_asked() {
        let mut store = Store::new(Clock::Fixed(0));
        let file = |overwrite: bool| json!({ "path": "/Users/me@example.com/.plumb/lease.json", "format": "RAW", "content": "e30=", "overwrite": overwrite });
        assert_eq!(ask(&mut store, "POST", "import", file(false)).unwrap_err().status, 404, "no parent folder yet");
        ask(&mut store, "POST", "mkdirs", json!({ "path": "/Users/me@example.com/.plumb" })).unwrap();
        ask(&mut store, "POST", "import", file(false)).unwrap();
        let error = ask(&mut store, "POST", "import", file(false)).unwrap_err();
        assert_eq!(error.body["error_code"], "RESOURCE_ALREADY_EXISTS");
        ask(&mut store, "POST", "import", file(true)).unwrap();
        let seen = ask(&mut store, "GET", "export?path=/Workspace/Users/me@example.com/.plumb/lease.json", Value::Null)
            .unwrap();
        assert_eq!(seen["content"], "e30=");
        let listed = ask(&mut store, "GET", "list?path=/Users/me@example.com/.plumb", Value::Null).unwrap();
        assert_eq!((&listed["objects"][0]["object_type"], &listed["objects"][0]["size"]), (&json!("FILE"), &json!(2)));
        let folder = json!({ "path": "/Users/me@example.com/.plumb" });
        assert_eq!(
            ask(&mut store, "POST", "delete", folder.clone()).unwrap_err().body["error_code"],
            "DIRECTORY_NOT_EMPTY"
        );
        let mut all = folder;
        all["recursive"] = json!(true);
        ask(&mut store, "POST", "delete", all).unwrap();
        assert_eq!(
            ask(&mut store, "GET", "get-status?path=/Users/me@example.com/.plumb", Value::Null).unwrap_err().status,
            404
        );
    }
}
